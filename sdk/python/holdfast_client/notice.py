"""Whether a notice (支付结果通知) can be believed, and tells of the right order.

A receiver hands over the body **as it was received**. The signature covers all pairs, whatever their names: every
notice has one whose name is random. So the notice is checked as pairs and read afterwards, never the other way round.
"""

import hashlib
import hmac
import re
from collections import Counter
from typing import Dict, Iterable, List, Tuple, Union

DONE = b"SUCCESS"
"""What a receiver answers when it has the notice and need not be told again."""

BODY_MAX = 256 * 1024
"""The longest body that is looked at, in bytes."""

FAILED = b"FAILED"
"""What a receiver answers when it wants to be told again."""

# The fields of docs/reference.md, section Notices; a test compares them.
FIELDS = frozenset(
    "mid tid instMid notifyId billNo billDate billDesc billQRCode createTime billStatus totalAmount seqId authIdRespCd "
    "billPayment refundAmount refundDesc secureStatus completeAmount memberId counterNo merName memo srcReserve bankInfo "
    "bankCardNo receiptAmount couponMerchantContribute couponOtherContribute activityIds extraBuyerInfo mchntUuid subInst "
    "qrCodeType version event previousStatus deadline".split()
)
_STATUSES = frozenset("PAID UNPAID REFUND CLOSED UNKNOWN".split())

Notice = Dict[str, str]
"""The pairs of a notice, as received and decoded once; amounts are digits, `billPayment` is JSON text."""


class NoticeError(ValueError):
    """A notice that cannot be believed, or does not tell of the order. Answer `FAILED`: it comes again."""


def verify_notice(body: Union[bytes, str], key: Union[str, Iterable[str]]) -> Notice:
    """The notice that `body` is, if it was signed with `key`, the merchant's communication key (通讯密钥); with one of
    them, while a key is being exchanged. The comparison takes as long for a wrong signature as for a right one.

    `body` is what was POSTed, or for a `returnUrl` what stands behind the `?`. That it is true does not say that it
    tells of the right order: see `expect`.

    Raises NoticeError with the reason why it cannot be believed.
    """
    keys = [key] if isinstance(key, str) else list(key)
    if not keys or not all(keys):
        raise ValueError("there is no communication key, and without one nothing can be believed")
    pairs = _read_form(body)
    names = Counter(name for name, _ in pairs)
    if "sign" not in names:
        raise NoticeError("the notice has no signature: do not believe it (没有签名，请勿采信)")
    for name, times in names.items():
        if times > 1:
            raise NoticeError(f"the notice has `{name}` twice: do not believe it (重复出现，请勿采信)")
    fields = dict(pairs)
    claimed = fields["sign"].encode().upper()
    # Every key is tried, so that the time does not tell which one it was.
    right = [hmac.compare_digest(sign(pairs, key).encode(), claimed) for key in keys]
    if not any(right):
        raise NoticeError(
            "the notice was not signed with this communication key, or was changed on its way: check the key, and hand "
            "over the body as it was received (验签失败：请核对通讯密钥，并传入未经改动的原始报文)"
        )
    for name, value in pairs:
        # The signature does not tell where a name or a value ends, so whoever carried the notice may have moved the
        # border between fields.
        # By its numbers a receiver knows a notice again: with any pair moved into one it would come as another.
        moved = name in ("notifyId", "seqId") and "&" in value
        if "&" in name or "=" in name or moved or _hides_a_field(value):
            raise NoticeError(
                f"the notice's `{name}` holds other fields, and its signature does not tell where they begin: do not "
                "believe it, query the bill (无法判断字段边界，请勿采信，请查询账单)"
            )
    missing = [name for name in ("notifyId", "billStatus", "seqId") if not fields.get(name, "").strip()]
    if fields.get("billStatus", "PAID") not in _STATUSES:
        missing.append("billStatus")
    if missing:
        raise NoticeError(f"the notice is incomplete: it lacks a proper {', '.join(missing)} (通知内容不完整)")
    del fields["sign"]
    return fields


def expect(notice: Notice, *, mid: str, tid: str, bill_no: str, bill_date: str, total_amount: int) -> Notice:
    """Hands the notice back if it tells of the receiver's order: merchant, terminal, bill and amount in fen. A true
    notice about another order is no reason to deliver.

    Raises NoticeError with the first field that differs or is not there.
    """
    order = {"mid": mid, "tid": tid, "billNo": bill_no, "billDate": bill_date, "totalAmount": str(total_amount)}
    for name, expected in order.items():
        told = notice.get(name)
        if told != expected:
            raise NoticeError(
                f"the notice is true but its {name} is {told!r} where the order has {expected!r}: do not deliver, query "
                "the bill (通知属实，但与订单不符：请勿发货，请查询账单)"
            )
    return notice


def sign(pairs: Iterable[Tuple[str, str]], key: str) -> str:
    """The signature over decoded pairs, in upper-case hexadecimal digits: SHA-256 when they have `signType=SHA256`,
    else MD5. `sign` itself is left out, and so is what has no value."""
    pairs = list(pairs)
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "sign" and value) + key
    if ("signType", "SHA256") in pairs:
        return hashlib.sha256(text.encode()).hexdigest().upper()
    # Not by our choice: it is what the platform signs with unless a merchant asks for better.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def _read_form(body: Union[bytes, str]) -> List[Tuple[str, str]]:
    """Names and values, each decoded once."""
    try:
        if len(body) > BODY_MAX:
            raise ValueError("too long")
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        pairs = [pair.partition("=") for pair in text.split("&") if pair]
        return [(_decode(name), _decode(value)) for name, _, value in pairs]
    except ValueError:
        raise NoticeError(
            "the notice is not form-urlencoded UTF-8: hand over the body as it was received "
            "(通知不是 UTF-8 表单：请传入未经解码的原始报文)"
        ) from None


def _decode(text: str) -> str:
    # `urllib.parse.unquote_plus` lets broken escapes and broken UTF-8 pass, so that two readers may see two notices.
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("a broken escape")
    raw = text.replace("+", " ").encode("utf-8")
    return re.sub(rb"%(..)", lambda hit: bytes([int(hit[1], 16)]), raw).decode("utf-8")


def _hides_a_field(value: str) -> bool:
    """Whether a value goes on like a form does, with a field that notices have."""
    rest = (part.partition("=") for part in value.split("&")[1:])
    return any(sign and name in FIELDS for name, sign, _ in rest)
