"""Why a call did not bring what was asked for, in three kinds that must not be confused: it was refused, it was never
sent, or nobody knows.

Each says by `repeat` whether the same request may be sent again, always under the same order number:

* `"safe"`: as it is;
* `"after_query"`: ask with `query` first;
* `"pointless"`: it would be refused again.
"""

from typing import Any, Dict, Optional

SAFE = "safe"
AFTER_QUERY = "after_query"
POINTLESS = "pointless"

# The column `repeat` of docs/reference.md; a test compares them.
REPEAT: Dict[str, str] = {
    "SUCCESS": SAFE,
    "BAD_REQUEST": POINTLESS,
    "BAD_SIGN": POINTLESS,
    "1000": POINTLESS,
    "ABNORMAL_REQUEST_TIME": POINTLESS,
    "DENIED_IP": POINTLESS,
    "INVALID_MSGSRC": POINTLESS,
    "NO_SERVICE": POINTLESS,
    "NO_MERCHANT": POINTLESS,
    "INACTIVE_MERCHANT": POINTLESS,
    "INVLID_MERCHANT_CONFIG": POINTLESS,
    "NO_ORDER": POINTLESS,
    "DUP_ORDER": POINTLESS,
    "ORDER_PROCESSING": AFTER_QUERY,
    "OPERATION_NOT_ALLOWED": POINTLESS,
    "NO_CROSS_DAY_TRADING": POINTLESS,
    "HAS_CANCELLED": POINTLESS,
    "INVALID_ORDER": AFTER_QUERY,
    "TARGET_FAIL": POINTLESS,
    "INVALID_RESPONSE": AFTER_QUERY,
    "NET_ERROR": AFTER_QUERY,
    "TIMEOUT": AFTER_QUERY,
    "TXN_DISCARDED": SAFE,
    "INTERNAL_ERROR": AFTER_QUERY,
}

# `AFTER_QUERY` is also the advice when the caller was too early or the order is odd. Only where the channel or the
# gateway is at fault does it mean that the outcome is open.
OPEN = frozenset({"INVALID_RESPONSE", "NET_ERROR", "TIMEOUT", "INTERNAL_ERROR"})


class HoldfastError(Exception):
    """A call did not bring what was asked for."""

    repeat: str = POINTLESS
    """Whether the same request may be sent again: `"safe"`, `"after_query"` or `"pointless"`."""
    code: Optional[str] = None
    """The error code that the gateway answered (`errCode`), if it answered one."""
    status: Optional[int] = None
    """The HTTP status of the answer, if there was one."""
    answer: Optional[Dict[str, Any]] = None
    """The answer, if there was one that can be read."""


class Refused(HoldfastError):
    """The other side said no, and that nothing was done."""


class NotSent(HoldfastError):
    """The request was never sent, so nothing was done."""


class OutcomeUnknown(HoldfastError):
    """**Nobody knows whether it was done.** Money may have moved. Ask with `query`; never send it again under a new
    order number before you know."""

    repeat = AFTER_QUERY

    def __init__(self, why: str) -> None:
        super().__init__(f"outcome unknown: query before anything else (结果未知，请先查询): {why}")


def not_sent(why: str, repeat: str = SAFE) -> NotSent:
    """The error that says that nothing was sent."""
    error = NotSent(f"{why}; nothing was sent")
    error.repeat = repeat
    return error


def answered(fields: Dict[str, Any], status: int) -> HoldfastError:
    """What an answer means that has an error code and is no success."""
    code = str(fields.get("errCode"))
    text = fields.get("errMsg") or fields.get("errInfo") or "no reason given"
    # A code that no source tells of: with a 4xx it is a refusal; otherwise we do not guess.
    is_open = code in OPEN if code in REPEAT else not 400 <= status < 500
    error: HoldfastError
    if is_open:
        error = OutcomeUnknown(f"{code}: {text}")
    else:
        error = Refused(f"{code}: {text}")
        error.repeat = REPEAT.get(code, POINTLESS)
    error.code, error.status, error.answer = code, status, fields
    return error


def unreadable(why: str, status: int, url: str) -> HoldfastError:
    """What an answer means that is none of the protocol."""
    error: HoldfastError
    # Whoever answers 3xx or 4xx says that it did nothing. After any other status somebody may have acted, and only
    # the answer is broken.
    if 300 <= status < 500:
        error = Refused(f"{url} answered {status} and {why}, so it is no netpay/bills gateway; nothing was done")
    else:
        error = OutcomeUnknown(f"{url} answered {status} and {why}")
    error.status = status
    return error
