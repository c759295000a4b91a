//! What merchants are told without asking.

use holdfast_domain::{Amount, AuthCode, BillNo, Day, Mid, Moment, Text, Tid};

use super::BillPayment;
use crate::field::{BillStatus, CardAttr, Fen, InstMid, SecureStatus, Url, Version};

message! {
    /// Tells a merchant that a bill was paid, or what else it asked to be told of. Posted as a form.
    /// 支付结果通知：告知商户账单已支付，或其另行订阅的事件。以表单形式 POST。
    report Notice {
        /// The merchant.
        /// 商户号。
        optional mid: Mid = "mid" example "898201612345678",
        /// The merchant's terminal.
        /// 终端号。
        optional tid: Tid = "tid" example "88880001",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid" example "QRPAYDEFAULT",
        /// The notice's number: the same for every receiver and on every try.
        /// 通知 ID，重发时不变。
        required notify_id: Text<64> = "notifyId" example "911b4376-bf8a-4dc5-a058-459607a6929f",
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate" example "2023-07-19",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc" example "押金 1号房",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode"
            example "https://qr.chinaums.com/bills/qrCode.do?id=31942304010900000000000001",
        /// When the bill was made.
        /// 账单创建时间。
        optional create_time: Moment = "createTime" example "2023-07-19 12:56:23",
        /// How the bill stands.
        /// 账单状态。
        required bill_status: BillStatus = "billStatus" example "PAID",
        /// How much the bill asks for, in fen.
        /// 账单总金额，单位：分。
        optional total_amount: Amount = "totalAmount" example "1908",
        /// The system's number for what happened: the channel's, where it gave one.
        /// 系统交易流水号。
        required seq_id: Text<64> = "seqId" example "00151100146N",
        /// The code of the hold, when it is one.
        /// 授权标识应答码，仅预授权账单。
        optional auth_id_resp_cd: AuthCode = "authIdRespCd" example "206067",
        /// The payer's payment, as JSON text.
        /// 账单支付信息，JSON 字符串。
        optional bill_payment: BillPayment = "billPayment"
            example r#"{"merOrderId":"124F20230719125623448308890","totalAmount":1908,"status":"TRADE_SUCCESS"}"#,
        /// How much was given back, in fen.
        /// 退款金额，单位：分。
        optional refund_amount: Amount = "refundAmount" example "900",
        /// What the refund was for.
        /// 退款说明。
        optional refund_desc: Text<255> = "refundDesc",
        /// How the guarantee stands.
        /// 担保状态。
        optional secure_status: SecureStatus = "secureStatus",
        /// How much of the guaranteed money was completed, in fen.
        /// 担保完成金额，单位：分。
        optional complete_amount: Fen = "completeAmount",
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
        /// The bill's `srcReserve`.
        /// 请求系统预留字段，原样返回。
        optional src_reserve: Text<255> = "srcReserve",
        /// The payer's bank.
        /// 银行信息。
        optional bank_info: Text<255> = "bankInfo",
        /// The payer's card, masked.
        /// 银行卡号，掩码。
        optional bank_card_no: Text<64> = "bankCardNo",
        /// How much the merchant receives, in fen.
        /// 实收金额，单位：分。
        optional receipt_amount: Fen = "receiptAmount",
        /// How much of a discount the merchant bears, in fen.
        /// 商户承担的优惠金额，单位：分。
        optional coupon_merchant_contribute: Fen = "couponMerchantContribute",
        /// How much of a discount others bear, in fen.
        /// 其他方承担的优惠金额，单位：分。
        optional coupon_other_contribute: Fen = "couponOtherContribute",
        /// The campaigns it took part in.
        /// 微信活动 ID。
        optional activity_ids: Text<255> = "activityIds",
        /// More about the payer, as JSON text.
        /// 买家附加信息，JSON 字符串。
        optional extra_buyer_info: ExtraBuyerInfo = "extraBuyerInfo"
            example r#"{"cardAttr":"CREDIT_CARD"}"#,
        /// The channel's number for the merchant.
        /// 商户 UUID。
        optional mchnt_uuid: Text<64> = "mchntUuid",
        /// The institution below which the merchant stands.
        /// 下级机构。
        optional sub_inst: Text<64> = "subInst",
        /// The kind of QR code.
        /// 二维码类型。
        optional qr_code_type: Text<32> = "qrCodeType",
        /// How many events made the bill what it is: a smaller number is older. Ours, for merchants that ask for it.
        /// 账单版本，数字越大越新。官方平台无此字段，仅向要求的商户发送。
        optional version: Version = "version" example "2",
        /// What happened, in our own words. Ours: beside payments and holds always, else for merchants that ask for it.
        /// 事件名称。官方平台无此字段：支付与预授权通知中仅向要求的商户发送，其他通知均有。
        optional event: Text<64> = "event" example "hold.authorized",
        /// How the bill stood before. Ours, for merchants that ask for it.
        /// 此前的账单状态。官方平台无此字段，仅向要求的商户发送。
        optional previous_status: BillStatus = "previousStatus" example "UNPAID",
        /// When the money goes back by itself. Ours, in a notice that this is near.
        /// 自动解冻时间。官方平台无此字段，仅在到期提醒中发送。
        optional deadline: Moment = "deadline" example "2023-08-18 12:56:23",
    }
}

message! {
    /// More about the payer.
    /// 买家附加信息。
    report ExtraBuyerInfo {
        /// What kind of card paid.
        /// 借贷记标识。
        optional card_attr: CardAttr = "cardAttr" example "CREDIT_CARD",
    }
}

impl Notice {
    /// A notice that says no more than it must: fill in what is known (`..Notice::new(…)`).
    #[must_use]
    pub fn new(notify_id: Text<64>, seq_id: Text<64>, bill_status: BillStatus) -> Self {
        Self {
            mid: None,
            tid: None,
            inst_mid: None,
            notify_id,
            bill_no: None,
            bill_date: None,
            bill_desc: None,
            bill_qr_code: None,
            create_time: None,
            bill_status,
            total_amount: None,
            seq_id,
            auth_id_resp_cd: None,
            bill_payment: None,
            refund_amount: None,
            refund_desc: None,
            secure_status: None,
            complete_amount: None,
            member_id: None,
            counter_no: None,
            mer_name: None,
            memo: None,
            src_reserve: None,
            bank_info: None,
            bank_card_no: None,
            receipt_amount: None,
            coupon_merchant_contribute: None,
            coupon_other_contribute: None,
            activity_ids: None,
            extra_buyer_info: None,
            mchnt_uuid: None,
            sub_inst: None,
            qr_code_type: None,
            version: None,
            event: None,
            previous_status: None,
            deadline: None,
        }
    }
}
