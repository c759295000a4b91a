//! Bills: made, closed, asked about, refunded.

use holdfast_domain::{Amount, AuthCode, BillNo, CodeId, Day, Mid, Moment, OrderId, Text};

use super::{Answered, BillPayment, Common, Echo};
use crate::field::{
    BillStatus, CardAttr, CertType, Fen, Figure, InstMid, Installments, Private, RefundStatus,
    SecureStatus, TargetSys, TextFlag, Url, WalletOption,
};

message! {
    /// Makes a bill and the QR code with which a payer pays it.
    /// 创建账单并获取支付二维码。
    request GetQrcode {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The merchant's own new number for the bill.
        /// 账单号，由商户生成。
        optional bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate" example "2023-07-19",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc" example "押金 1号房",
        /// How much to pay, in fen.
        /// 支付总金额，单位：分。
        optional total_amount: Amount = "totalAmount" example "1908",
        /// Whether the money is held first and taken later. Only for codes with number, date and amount.
        /// 是否为预授权交易，仅限一次性银联聚合码。
        optional preauth_transaction: TextFlag = "preauthTransaction" example "true",
        /// Whether settlement waits for the merchant's word.
        /// 是否为担保交易。
        optional secure_transaction: TextFlag = "secureTransaction" example "false",
        /// Whether the money is divided among merchants.
        /// 是否分账。
        optional division_flag: bool = "divisionFlag" example "false",
        /// Whether the division is told later.
        /// 是否异步分账。
        optional asyn_division_flag: bool = "asynDivisionFlag" example "false",
        /// The platform's share, in fen.
        /// 平台商户分账金额，单位：分。
        optional platform_amount: Fen = "platformAmount" example "0",
        /// What is bought.
        /// 商品信息。
        optional goods: Vec<Good> = "goods"
            example r#"[{"goodsId":"1","goodsName":"押金","quantity":"1","price":"1908"}]"#,
        /// Who gets which part of the money.
        /// 子商户分账信息。
        optional sub_orders: Vec<SubOrder> = "subOrders"
            example r#"[{"mid":"898201612345679","merOrderId":"124F2023071912562344830001","totalAmount":908}]"#,
        /// The merchant's number for the payer, echoed in notices.
        /// 会员号，通知时原样返回。
        optional member_id: Text<32> = "memberId",
        /// The merchant's number for the counter, echoed in notices.
        /// 桌号、柜台号、房间号，通知时原样返回。
        optional counter_no: Text<32> = "counterNo",
        /// Until when the payer may pay.
        /// 过期时间。
        optional expire_time: Moment = "expireTime" example "2023-07-19 13:26:23",
        /// Where notices of the bill go.
        /// 支付结果通知地址。
        optional notify_url: Url = "notifyUrl" example "https://shop.example/notify",
        /// Where the payer's browser goes afterwards.
        /// 网页跳转地址。
        optional return_url: Url = "returnUrl" example "https://shop.example/done",
        /// What the code carries, for callers that make their own codes.
        /// 二维码 ID，自行生成二维码的系统使用。
        optional qr_code_id: CodeId = "qrCodeId",
        /// The caller's system, for callers that make their own codes.
        /// 系统 ID，自行生成二维码的系统使用。
        optional system_id: Text<32> = "systemId",
        /// How often the code can be paid.
        /// 钱包选项。
        optional wallet_option: WalletOption = "walletOption" example "SINGLE",
        /// The payer's name in Base64.
        /// 实名认证姓名，Base64 编码。
        optional name: Private<32> = "name" example "5byg5LiJ",
        /// The payer's mobile number in Base64.
        /// 实名认证手机号，Base64 编码。
        optional mobile: Private<20> = "mobile" example "MTM4MDAwMDAwMDA=",
        /// What proves who the payer is.
        /// 实名认证证件类型。
        optional cert_type: CertType = "certType" example "IDENTITY_CARD",
        /// The number on it in Base64.
        /// 实名认证证件号，Base64 编码。
        optional cert_no: Private<32> = "certNo",
        /// Whether only that person may pay: `T`.
        /// 是否需要实名认证：T 为需要。
        optional fix_buyer: Text<32> = "fixBuyer" example "T",
        /// Whether credit cards are refused.
        /// 是否限制信用卡支付。
        optional limit_credit_card: TextFlag = "limitCreditCard" example "false",
        /// Where the amount of a fixed code is asked for.
        /// 固定码支付要素查询地址。
        optional pay_info_query_addr: Url = "payInfoQueryAddr",
        /// In how many monthly parts the payer pays.
        /// 花呗分期数。
        optional installment_number: Installments = "installmentNumber" example "3",
        /// What is passed through to the channel.
        /// 公共透传参数。
        optional ret_comm_params: RetCommParams = "retCommParams"
            example r#"{"foodOrderType":"pre_order"}"#,
    }
}

impl GetQrcode {
    /// A one-off code (一次性码) for a plain payment, with nothing special about it.
    #[must_use]
    pub fn one_off(common: Common, bill_no: BillNo, bill_date: Day, total_amount: Amount) -> Self {
        Self {
            common,
            bill_no: Some(bill_no),
            bill_date: Some(bill_date),
            bill_desc: None,
            total_amount: Some(total_amount),
            preauth_transaction: None,
            secure_transaction: None,
            division_flag: None,
            asyn_division_flag: None,
            platform_amount: None,
            goods: None,
            sub_orders: None,
            member_id: None,
            counter_no: None,
            expire_time: None,
            notify_url: None,
            return_url: None,
            qr_code_id: None,
            system_id: None,
            wallet_option: None,
            name: None,
            mobile: None,
            cert_type: None,
            cert_no: None,
            fix_buyer: None,
            limit_credit_card: None,
            pay_info_query_addr: None,
            installment_number: None,
            ret_comm_params: None,
        }
    }
}

message! {
    /// Goods on a bill; stored and shown, never interpreted.
    /// 商品信息。
    input Good {
        /// The merchant's number for them.
        /// 商品 ID。
        optional goods_id: Text<32> = "goodsId" example "1",
        /// What they are called.
        /// 商品名称。
        optional goods_name: Text<255> = "goodsName" example "微信二维码测试",
        /// How many.
        /// 商品数量。
        optional quantity: Figure = "quantity" example "1",
        /// What one costs, in fen.
        /// 商品单价，单位：分。
        optional price: Figure = "price" example "1",
        /// Their category.
        /// 商品分类。
        optional goods_category: Text<32> = "goodsCategory" example "TEST",
        /// More about them.
        /// 商品说明。
        optional body: Text<255> = "body" example "微信二维码测试",
        /// The merchant who gets the money for them.
        /// 子商户号。
        optional sub_merchant_id: Mid = "subMerchantId",
        /// That merchant's order number.
        /// 子商户订单号。
        optional mer_order_id: OrderId = "merOrderId",
        /// That merchant's share, in fen.
        /// 商品分账金额，单位：分。
        optional sub_order_amount: Amount = "subOrderAmount",
    }
}

message! {
    /// One merchant's share of a divided bill.
    /// 子商户分账信息。
    input SubOrder {
        /// The merchant.
        /// 子商户号。
        required mid: Mid = "mid" example "898201612345679",
        /// The merchant's order number.
        /// 子商户订单号。
        optional mer_order_id: OrderId = "merOrderId" example "124F2023071912562344830001",
        /// The merchant's share, in fen.
        /// 子商户分账金额，单位：分。
        required total_amount: Amount = "totalAmount" example "908",
    }
}

message! {
    /// What is passed through to the channel.
    /// 公共透传参数。
    input RetCommParams {
        /// How food was ordered.
        /// 点餐类型。
        optional food_order_type: Text<255> = "foodOrderType" example "pre_order",
    }
}

message! {
    /// The bill's QR code.
    /// 账单二维码。
    response Qrcode {
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
        /// What the QR code is to carry.
        /// 账单二维码。
        required bill_qr_code: Url = "billQRCode"
            example "https://qr.chinaums.com/bills/qrCode.do?id=31942304010900000000000001",
        /// The caller's system.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
        /// The code's id, with which it can be closed.
        /// 二维码 ID。
        optional qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
    }
}

message! {
    /// Closes a bill's QR code: nobody can pay it any more. Takes `qrCodeId`, or `billNo` and `billDate`.
    /// 关闭二维码，关闭后不可再支付。qrCodeId 或 billNo 加 billDate 二选一。
    request CloseQrcode {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The code's id.
        /// 二维码 ID。
        optional qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// The bill, for callers that do not know the code's id.
        /// 账单号，用于不知道二维码 ID 的调用方。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The caller's system.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
        /// Whether to give the money back too if the bill is paid already.
        /// 是否同时退款，仅限一次性码。
        optional attach_refund: bool = "attachRefund" example "false",
    }
}

message! {
    /// The code that was closed.
    /// 二维码关闭的结果。
    response Closed {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The code's id.
        /// 二维码 ID。
        required qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// The caller's system.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
    }
}

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
        /// The bill; the number of the payer's payment finds it too.
        /// 账单号，也可为支付订单号。
        required bill_no: OrderId = "billNo" or "merOrderId" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
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
