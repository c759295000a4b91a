"""A thin client for the `netpay/bills` protocol of ChinaUMS (银联商务), as Holdfast and the official platform speak it.
Standard library only. See README.md."""

from .answers import BillState, Captured, Payment, QrCode, Refunded, Released, Reversed
from .client import Bill, Client
from .errors import HoldfastError, NotSent, OutcomeUnknown, Refused
from .gateway import ACCESS_TOKEN, BODY_SIG
from .notice import NoticeError, expect, verify_notice

PRODUCTION = "https://api-mop.chinaums.com"
"""The official production host (生产环境): real money."""

TEST = "https://test-api-open.chinaums.com"
"""The official test host (测试环境)."""

__all__ = [
    "ACCESS_TOKEN",
    "BODY_SIG",
    "Bill",
    "BillState",
    "Captured",
    "Client",
    "HoldfastError",
    "NotSent",
    "NoticeError",
    "OutcomeUnknown",
    "PRODUCTION",
    "Payment",
    "QrCode",
    "Refunded",
    "Refused",
    "Released",
    "Reversed",
    "TEST",
    "expect",
    "verify_notice",
]
