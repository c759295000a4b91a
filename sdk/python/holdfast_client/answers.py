"""What the hold endpoints answer, as it stands on the wire. Amounts are whole fen (分), times are Beijing time. Fields
of which a bill has nothing to say are not there. Every field: docs/reference.md."""

from typing import TypedDict


class Payment(TypedDict, total=False):
    """A movement of money: `billPayment` and what is like it."""

    merOrderId: str
    billBizType: str
    paySeqId: str
    totalAmount: int
    buyerPayAmount: int
    invoiceAmount: int
    discountAmount: int
    couponAmount: int
    buyerId: str
    buyerUsername: str
    payDetail: str
    payTime: str
    settleDate: str
    status: str
    targetOrderId: str
    targetSys: str
    activityIds: str


class Answer(TypedDict, total=False):
    """What every answer begins with, and how the bill stands now."""

    errCode: str
    errMsg: str
    responseTimestamp: str
    mid: str
    tid: str
    instMid: str
    msgId: str
    srcReserve: str
    billNo: str
    billDate: str
    billQRCode: str
    billStatus: str
    cardAttr: str


class QrCode(Answer, total=False):
    """The code that was made: `billQRCode` is what the payer scans."""

    qrCodeId: str
    systemId: str


class BillState(Answer, total=False):
    """How a bill stands. `authIdRespCd` is there once a payer has confirmed a hold."""

    createTime: str
    billDesc: str
    totalAmount: int
    memberId: str
    counterNo: str
    merName: str
    memo: str
    secureStatus: str
    completeAmount: int
    authIdRespCd: str
    billPayment: Payment
    refundBillPayment: Payment
    authedBillPayment: Payment
    installmentNumber: int


class Captured(Answer, total=False):
    """What was captured."""

    authedOrderId: str
    authIdRespCd: str
    authedBillPayment: Payment


class Released(Answer, total=False):
    """The hold that was released."""

    billPayment: Payment
    cancelOrderId: str
    cancelBillPayment: Payment


class Reversed(Answer, total=False):
    """The capture that was reversed."""

    billPayment: Payment


class Refunded(Answer, total=False):
    """What was refunded. `refundStatus` says whether it is done."""

    merOrderId: str
    refundOrderId: str
    refundTargetOrderId: str
    refundPayTime: str
    refundStatus: str
    refundAmount: int
    refundInvoiceAmount: int
    settleDate: str
    targetSys: str
