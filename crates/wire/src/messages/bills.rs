//! Bills: asked about, refunded.

use holdfast_domain::{Amount, AuthCode, BillNo, Day, Mid, Moment, OrderId, Text};

use super::{Answered, BillPayment, Common, Echo};
use crate::field::{
    BillStatus, CardAttr, Fen, InstMid, Installments, RefundStatus, SecureStatus, TargetSys, Url,
};

message! {
    /// Asks how a bill stands, and how one of its refunds or its capture does.
    /// 查询账单状态，也可查询某笔退款或预授权完成。
    request Query {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The bill; the number of the payer's payment finds it too.
        /// 账单号，也可为支付订单号。
        required bill_no: OrderId = "billNo" example "124F2023071912562344830889",
        /// The bill's date. Required by the official page, left out by some callers.
        /// 账单日期。
        optional bill_date: Day = "billDate" example "2023-07-19",
        /// The number of the refund to tell about.
        /// 要查询的退款订单号。
        optional refund_order_id: OrderId = "refundOrderId",
        /// The number of the capture to tell about.
        /// 要查询的预授权完成订单号。
        optional authed_order_id: OrderId = "authedOrderId",
    }
}

message! {
    /// How a bill stands.
    /// 账单状态查询的结果。
    response Queried {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The bill.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// The kind of business.
        /// 业务类型。
        required inst_mid: InstMid = "instMid" example "QRPAYDEFAULT",
        /// When the bill was made.
        /// 账单创建时间。
        optional create_time: Moment = "createTime",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc",
        /// How much the bill asks for, in fen.
        /// 账单总金额，单位：分。
        optional total_amount: Amount = "totalAmount",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// The merchant's number for the payer.
        /// 会员号。
        optional member_id: Text<32> = "memberId",
        /// The merchant's number for the counter.
        /// 桌号、柜台号、房间号。
        optional counter_no: Text<32> = "counterNo",
        /// The merchant's name.
        /// 商户名称。
        optional mer_name: Text<255> = "merName",
        /// A remark.
        /// 付款附言。
        optional memo: Text<255> = "memo",
        /// How the guarantee stands.
        /// 担保状态。
        optional secure_status: SecureStatus = "secureStatus",
        /// How much of the guaranteed money was completed, in fen.
        /// 担保完成金额，单位：分。
        optional complete_amount: Fen = "completeAmount",
        /// The code of the hold, once the payer's money is held.
        /// 授权标识应答码，预授权成功后返回。
        optional auth_id_resp_cd: AuthCode = "authIdRespCd",
        /// The payer's payment, if one succeeded.
        /// 账单支付信息。
        optional bill_payment: BillPayment = "billPayment",
        /// The refund asked about, if it happened.
        /// 账单退款信息。
        optional refund_bill_payment: BillPayment = "refundBillPayment",
        /// The capture asked about, if it happened.
        /// 预授权完成账单信息。
        optional authed_bill_payment: BillPayment = "authedBillPayment",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr",
        /// In how many monthly parts the payer pays.
        /// 花呗分期数。
        optional installment_number: Installments = "installmentNumber",
    }
}

message! {
    /// Gives taken money back, all or part, as often as it lasts.
    /// 退款：可全额或多次部分退款。
    request Refund {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The bill; the number of the payer's payment finds it too. Needed without `merOrderId`.
        /// 账单号，也可为支付订单号；未提供 merOrderId 时必填。
        optional bill_no: OrderId = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// The number of the payer's payment, which finds the bill as well as `billNo` does.
        /// 支付订单号，可代替 billNo。
        optional mer_order_id: OrderId = "merOrderId" example "124F20230719125623448308890",
        /// The merchant's own new number for the refund. Needed for a second refund of a bill.
        /// 退款订单号，由商户生成；多次退款时必填且不可重复。
        optional refund_order_id: OrderId = "refundOrderId" example "124F2023072010000000000001",
        /// How much to give back, in fen.
        /// 要退货的金额，单位：分。
        required refund_amount: Amount = "refundAmount" example "900",
        /// The platform's share of the refund, in fen.
        /// 平台商户退款金额，单位：分。
        optional platform_amount: Fen = "platformAmount" example "0",
        /// Who gives which part of the money back.
        /// 子商户退款信息。
        optional sub_orders: Vec<RefundSubOrder> = "subOrders",
        /// What the refund is for.
        /// 退款说明。
        optional refund_desc: Text<255> = "refundDesc",
    }
}

message! {
    /// One merchant's share of the refund of a divided bill.
    /// 子商户退款信息。
    input RefundSubOrder {
        /// The merchant.
        /// 子商户号。
        required mid: Mid = "mid" example "898201612345679",
        /// The merchant's order number.
        /// 子商户订单号。
        optional mer_order_id: OrderId = "merOrderId" example "124F2023071912562344830001",
        /// The merchant's number for the refund.
        /// 子商户退款订单号。
        optional refund_order_id: OrderId = "refundOrderId",
        /// How much the merchant gives back, in fen.
        /// 子商户退款金额，单位：分。
        required total_amount: Amount = "totalAmount" example "100",
    }
}

message! {
    /// The refund as it was done.
    /// 退款的结果。
    response Refunded {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// The number of the payer's payment.
        /// 商户订单号。
        optional mer_order_id: OrderId = "merOrderId",
        /// The number of the refund.
        /// 退款订单号。
        optional refund_order_id: OrderId = "refundOrderId",
        /// The target platform's number for the refund.
        /// 目标系统退货订单号。
        optional refund_target_order_id: Text<64> = "refundTargetOrderId",
        /// When the money went back.
        /// 退款时间。
        optional refund_pay_time: Moment = "refundPayTime",
        /// What became of the refund.
        /// 退款结果。
        optional refund_status: RefundStatus = "refundStatus" example "SUCCESS",
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr",
        /// How much went back, in fen.
        /// 退款总金额，单位：分。
        optional refund_amount: Amount = "refundAmount" example "900",
        /// How much of it an invoice was about, in fen.
        /// 实付部分退款金额，单位：分。
        optional refund_invoice_amount: Fen = "refundInvoiceAmount" example "900",
        /// The business day the refund is settled for.
        /// 结算日期。
        optional settle_date: Day = "settleDate",
        /// The system that moved the money.
        /// 目标系统。
        optional target_sys: TargetSys = "targetSys",
    }
}
