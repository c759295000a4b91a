"""Holds as a merchant's program asks for them."""

import datetime
import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Union, cast

from .answers import BillState, Captured, QrCode, Refunded, Released, Reversed
from .errors import answered, unreadable
from .gateway import BODY_SIG, TIMEOUT, Gateway, beijing_now, encode, read

AMOUNT_MAX = 100_000_000
"""The largest amount, in fen: one million yuan."""


# Without these a success cannot be understood, so it is none.
_NEEDED = {
    "get-qrcode": ("billQRCode",),
    "query": ("billNo", "billDate"),
    "preauthed": ("authedBillPayment",),
    "preauth-cancel": ("billPayment",),
    "preauthed-cancel": ("billPayment",),
}


@dataclass(frozen=True)
class Bill:
    """Which bill: the merchant's own number for it, and its date (`yyyy-MM-dd`, or a date)."""

    no: str
    date: Union[str, datetime.date]

    def __post_init__(self) -> None:
        date = self.date
        # A datetime is a date too, and would be written with its time.
        if isinstance(date, datetime.date) and not isinstance(date, datetime.datetime):
            object.__setattr__(self, "date", date.isoformat())
        elif not isinstance(date, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
            raise ValueError(f"a bill's date is a date or yyyy-MM-dd, not {date!r}")

    def fields(self) -> Dict[str, str]:
        """It as a request names it."""
        return {"billNo": self.no, "billDate": str(self.date)}


class Client:
    """Asks one gateway for one merchant's terminal. Threads may share it.

    Every method raises `Refused` if the gateway says no, `NotSent` if nothing was sent, and `OutcomeUnknown` if nobody
    knows; each of these says by `repeat` whether the same request may be sent again. Nothing is sent twice by itself.
    `more` holds further fields of the request, named as on the wire, such as `{"msgId": "…"}`.
    """

    def __init__(
        self,
        base_url: str,
        app_id: str,
        app_key: str,
        *,
        mid: str,
        tid: str,
        scheme: str = BODY_SIG,
        timeout: float = TIMEOUT,
    ) -> None:
        self._gateway = Gateway(base_url, app_id, app_key, timeout)
        self._mid, self._tid, self._scheme = mid, tid, scheme

    def __repr__(self) -> str:
        return f"Client({self._gateway!r}, mid={self._mid!r}, tid={self._tid!r}, scheme={self._scheme!r})"

    def get_qrcode(
        self,
        bill: Bill,
        *,
        total_amount: int,
        preauth: bool,
        bill_desc: Optional[str] = None,
        notify_url: Optional[str] = None,
        more: Optional[Mapping[str, Any]] = None,
    ) -> QrCode:
        """Makes a bill and the code with which a payer pays it (获取二维码). With `preauth` the money is held first and
        taken later (预授权)."""
        fields: Dict[str, Any] = {
            **bill.fields(),
            "totalAmount": _fen("total_amount", total_amount),
            "preauthTransaction": "true" if preauth else "false",
            "billDesc": bill_desc,
            "notifyUrl": notify_url,
        }
        return cast(QrCode, self.call("get-qrcode", fields, more))

    def query(
        self,
        bill: Bill,
        *,
        authed_order_id: Optional[str] = None,
        refund_order_id: Optional[str] = None,
        more: Optional[Mapping[str, Any]] = None,
    ) -> BillState:
        """Asks how a bill stands (账单状态查询), and how one of its captures or refunds does. Always safe."""
        fields = {**bill.fields(), "authedOrderId": authed_order_id, "refundOrderId": refund_order_id}
        return cast(BillState, self.call("query", fields, more))

    def preauthed(
        self,
        bill: Bill,
        *,
        authed_order_id: str,
        auth_code: str,
        total_amount: int,
        more: Optional[Mapping[str, Any]] = None,
    ) -> Captured:
        """Captures: takes all or part of a held payment (预授权完成). `authed_order_id` is your new number for the
        capture, `auth_code` the hold's `authIdRespCd`."""
        fields = {
            **bill.fields(),
            "authedOrderId": authed_order_id,
            "authIdRespCd": auth_code,
            "totalAmount": _fen("total_amount", total_amount),
        }
        return cast(Captured, self.call("preauthed", fields, more))

    def preauth_cancel(
        self,
        bill: Bill,
        *,
        auth_code: str,
        mer_order_id: Optional[str] = None,
        more: Optional[Mapping[str, Any]] = None,
    ) -> Released:
        """Releases: gives a held payment back (预授权撤销). `mer_order_id` is the number of the payer's payment, by
        itself the bill's number and `0`."""
        number = bill.no + "0" if mer_order_id is None else mer_order_id
        fields = {**bill.fields(), "merOrderId": number, "authIdRespCd": auth_code}
        return cast(Released, self.call("preauth-cancel", fields, more))

    def preauthed_cancel(
        self,
        bill: Bill,
        *,
        mer_order_id: str,
        auth_code: str,
        more: Optional[Mapping[str, Any]] = None,
    ) -> Reversed:
        """Reverses a capture (预授权完成撤销), on its business day. `mer_order_id` is the capture's `authed_order_id`."""
        fields = {**bill.fields(), "merOrderId": mer_order_id, "authIdRespCd": auth_code}
        return cast(Reversed, self.call("preauthed-cancel", fields, more))

    def refund(
        self,
        bill: Bill,
        *,
        refund_order_id: str,
        refund_amount: int,
        refund_desc: Optional[str] = None,
        more: Optional[Mapping[str, Any]] = None,
    ) -> Refunded:
        """Refunds all or part of what was taken (退款). `refund_order_id` is your new number for the refund: with the
        same number it is never refunded twice."""
        fields = {
            **bill.fields(),
            "refundOrderId": refund_order_id,
            "refundAmount": _fen("refund_amount", refund_amount),
            "refundDesc": refund_desc,
        }
        return cast(Refunded, self.call("refund", fields, more))

    def call(
        self, endpoint: str, fields: Mapping[str, Any], more: Optional[Mapping[str, Any]] = None
    ) -> Dict[str, Any]:
        """Asks any endpoint: `query` is `/v1/netpay/bills/query`; a path is taken as it is. Fields that are None are
        left out; time, merchant and terminal are added."""
        request = {
            "requestTimestamp": beijing_now().strftime("%Y-%m-%d %H:%M:%S"),
            "mid": self._mid,
            "tid": self._tid,
            "instMid": "QRPAYDEFAULT",
            **fields,
            **(more or {}),
        }
        body = encode({name: value for name, value in request.items() if value is not None})
        path = endpoint if endpoint.startswith("/") else f"/v1/netpay/bills/{endpoint}"
        answer = self._gateway.exchange(path, body, self._scheme)
        said = read(answer, self._gateway.base_url + path)
        if said["errCode"] == "SUCCESS":
            lacks = [name for name in _NEEDED.get(endpoint, ()) if name not in said]
            if lacks:
                raise unreadable(f"says SUCCESS and lacks {', '.join(lacks)}", answer.status, self._gateway.base_url + path)
            return said
        raise answered(said, answer.status)


def _fen(name: str, amount: int) -> int:
    """An amount, if it is one. `True` is an int in Python, and 19.08 yuan are not 19 fen."""
    if type(amount) is not int:
        raise TypeError(f"{name} is a whole number of fen (分), an int, not {amount!r}")
    if not 1 <= amount <= AMOUNT_MAX:
        raise ValueError(f"{name} is from 1 to {AMOUNT_MAX} fen (分), not {amount}")
    return amount
