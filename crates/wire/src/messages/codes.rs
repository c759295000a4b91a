//! Codes: made, renewed, closed, asked about.

use holdfast_domain::{Amount, BillNo, CodeId, Day, Mid, Moment, OrderId, Text, Tid};

use super::{Answered, Caller, Common, Echo, Sender};
use crate::{
    field::{
        BillStatus, CertType, Fen, Figure, InstMid, Installments, Private, SignType, TextFlag, Url,
        WalletOption,
    },
    json::write_text,
    message::{BillsRequest, pairs},
    notice,
    secret::NoticeKey,
};

message! {
    /// Makes a bill and the QR code with which a payer pays it.
    /// 创建账单并获取支付二维码。
    request GetQrcode {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// What the code is to be.
        /// 二维码要素。
        part terms: CodeTerms,
        /// What the code carries, for callers that make their own codes.
        /// 二维码 ID，自行生成二维码的系统使用。
        optional qr_code_id: CodeId = "qrCodeId",
    }
}

message! {
    /// Gives a code new contents: what it is to be from now on.
    /// 更新二维码：以新的要素替换原有要素。
    request UpdateQrcode {
        /// Who asks, and when.
        /// 公共字段。
        part common: Common,
        /// The code's id.
        /// 二维码 ID。
        required qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// What the code is to be.
        /// 二维码要素。
        part terms: CodeTerms,
        /// How the bill is to stand.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus" example "UNPAID",
    }
}

message! {
    /// What a code is to be: a one-off code has number, date and amount, a fixed one an amount or none of them.
    /// 二维码要素：一次性码须有账单号、账单日期与金额；固定码仅有金额，或三者皆无。
    input CodeTerms {
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
        /// The caller's system, for callers that make their own codes.
        /// 系统 ID，自行生成二维码的系统使用。
        optional system_id: Text<32> = "systemId",
        /// Which wallets may pay: one (`SINGLE`) or several (`MULTIPLE`). Only for one-off codes.
        /// 钱包选项：SINGLE 单个钱包，MULTIPLE 多个钱包；仅限一次性码。
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
        let terms = CodeTerms {
            bill_no: Some(bill_no),
            bill_date: Some(bill_date),
            total_amount: Some(total_amount),
            ..CodeTerms::BLANK
        };
        Self { common, terms, qr_code_id: None }
    }
}

impl CodeTerms {
    /// Nothing special, and no bill: a fixed code without an amount.
    pub const BLANK: Self = Self {
        bill_no: None,
        bill_date: None,
        bill_desc: None,
        total_amount: None,
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
    };
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
    /// Asks what a code was made with.
    /// 查询二维码静态信息。
    input QueryQrcodeInfo {
        /// Who asks, and when.
        /// 公共字段。
        part sender: Sender,
        /// The merchant's terminal.
        /// 终端号。
        optional tid: Tid = "tid" example "88880001",
        /// The code's id.
        /// 二维码 ID。
        required qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// The caller's system.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
    }
}

impl BillsRequest for QueryQrcodeInfo {
    fn caller(&self) -> Caller<'_> {
        self.sender.caller(self.tid.as_ref())
    }
}

message! {
    /// What a code was made with. Personal data is masked.
    /// 二维码静态信息；个人信息已脱敏。
    response QrcodeInfo {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// The code's id.
        /// 二维码 ID。
        optional qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// The caller's system.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
        /// What the code carries, as the official table names it.
        /// 二维码内容（文档表格中的字段名）。
        optional qr_code_url: Url = "qrCodeUrl"
            example "https://qr.chinaums.com/bills/qrCode.do?id=31942304010900000000000001",
        /// The same as `qrCodeUrl`, as the official sample names it.
        /// 二维码内容（文档示例中的字段名）。
        optional bill_qr_code: Url = "billQRCode",
        /// The merchant's name.
        /// 商户名称。
        required mer_name: Text<255> = "merName" example "示例商户",
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc",
        /// How much to pay, in fen.
        /// 支付总金额，单位：分。
        optional total_amount: Amount = "totalAmount",
        /// Whether the money is held first and taken later.
        /// 是否为预授权交易。
        optional preauth_transaction: TextFlag = "preauthTransaction",
        /// Whether settlement waits for the merchant's word.
        /// 是否为担保交易。
        optional secure_transaction: TextFlag = "secureTransaction",
        /// What is bought.
        /// 商品信息。
        optional goods: Vec<Good> = "goods",
        /// The merchant's number for the payer.
        /// 会员号。
        optional member_id: Text<32> = "memberId",
        /// The merchant's number for the counter.
        /// 桌号、柜台号、房间号。
        optional counter_no: Text<32> = "counterNo",
        /// Until when the payer may pay.
        /// 过期时间。
        optional expire_time: Moment = "expireTime",
        /// Where notices of the bill go.
        /// 支付结果通知地址。
        optional notify_url: Url = "notifyUrl",
        /// Where the payer's browser goes afterwards.
        /// 网页跳转地址。
        optional return_url: Url = "returnUrl",
        /// Which wallets may pay.
        /// 钱包选项。
        optional wallet_option: WalletOption = "walletOption",
        /// The payer's name, masked.
        /// 实名认证姓名（已脱敏）。
        optional name: Text<64> = "name" example "张*",
        /// The payer's mobile number, masked.
        /// 实名认证手机号（已脱敏）。
        optional mobile: Text<64> = "mobile" example "138****0000",
        /// What proves who the payer is.
        /// 实名认证证件类型。
        optional cert_type: CertType = "certType",
        /// The number on it, masked.
        /// 实名认证证件号（已脱敏）。
        optional cert_no: Text<64> = "certNo",
        /// Whether only that person may pay: `T`.
        /// 是否需要实名认证：T 为需要。
        optional fix_buyer: Text<32> = "fixBuyer",
        /// Whether credit cards are refused.
        /// 是否限制信用卡支付。
        optional limit_credit_card: TextFlag = "limitCreditCard",
        /// In how many monthly parts the payer pays.
        /// 花呗分期数。
        optional installment_number: Installments = "installmentNumber",
    }
}

message! {
    /// Asks for a terminal's last code. Sources tell of the predecessor's message type only: this path is ours.
    /// 查询终端最近的二维码。公开资料仅记载旧协议的报文类型，本路径及应答字段为本系统自定。
    input QueryLastQrcode {
        /// Who asks, and when.
        /// 公共字段。
        part sender: Sender,
        /// The merchant's terminal.
        /// 终端号。
        required tid: Tid = "tid" example "88880001",
    }
}

impl BillsRequest for QueryLastQrcode {
    fn caller(&self) -> Caller<'_> {
        self.sender.caller(Some(&self.tid))
    }
}

message! {
    /// The last code that was made for a terminal, and how its bill stands.
    /// 终端最近的二维码及其账单状态。
    response LastQrcode {
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
        /// How the bill stands.
        /// 账单状态。
        optional bill_status: BillStatus = "billStatus",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc",
        /// How much the bill asks for, in fen.
        /// 账单总金额，单位：分。
        optional total_amount: Amount = "totalAmount",
        /// What the QR code carries.
        /// 账单二维码。
        required bill_qr_code: Url = "billQRCode"
            example "https://qr.chinaums.com/bills/qrCode.do?id=31942304010900000000000001",
        /// The code's id.
        /// 二维码 ID。
        required qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// When the code was made.
        /// 二维码创建时间。
        optional create_time: Moment = "createTime",
        /// The merchant's number for the counter.
        /// 桌号、柜台号、房间号。
        optional counter_no: Text<32> = "counterNo",
        /// The merchant's number for the payer.
        /// 会员号。
        optional member_id: Text<32> = "memberId",
    }
}

message! {
    /// Asks a merchant's system how much is to be paid when a fixed code without an amount is scanned.
    /// 固定码支付要素查询：扫描无金额固定码时，向商户系统查询支付金额。
    report AskAmount {
        /// The question's number.
        /// 消息 ID。
        required msg_id: Text<64> = "msgId" example "800000000010",
        /// When it was asked.
        /// 报文请求时间。
        required request_timestamp: Moment = "requestTimestamp" example "2022-04-21 15:00:52",
        /// The merchant.
        /// 商户号。
        required mid: Mid = "mid" example "898201612345678",
        /// The merchant's terminal.
        /// 终端号。
        required tid: Tid = "tid" example "88880001",
        /// The code that was scanned.
        /// 二维码 ID。
        required qr_code_id: CodeId = "qrCodeId" example "31942304010900000000000001",
        /// The caller's system, as the code was made with it.
        /// 系统 ID。
        optional system_id: Text<32> = "systemId",
        /// What was to be echoed when the code was made.
        /// 请求系统预留字段。
        optional src_reserve: Text<255> = "srcReserve",
        /// The merchant's number for the payer, as the code was made with it.
        /// 会员号。
        optional member_id: Text<32> = "memberId",
        /// The merchant's number for the counter, as the code was made with it.
        /// 桌号、柜台号、房间号。
        optional counter_no: Text<32> = "counterNo",
    }
}

impl AskAmount {
    /// The question as JSON with its signature: the same over the same pairs as under notices, texts all.
    #[must_use]
    pub fn signed(&self, key: &NoticeKey, sign_type: SignType) -> String {
        let mut json = Vec::with_capacity(512);
        for (name, value) in notice::signed(key, sign_type, pairs(self)) {
            json.push(if json.is_empty() { b'{' } else { b',' });
            write_text(&mut json, &name);
            json.push(b':');
            write_text(&mut json, &value);
        }
        json.push(b'}');
        String::from_utf8_lossy(&json).into_owned()
    }
}

message! {
    /// How much is to be paid, as the merchant's system answers in JSON.
    /// 商户系统对支付要素查询的应答（JSON）。
    report AmountTold {
        /// `SUCCESS`, or `FAIL` when nothing is to be paid.
        /// 错误代码：SUCCESS 或 FAIL。
        required err_code: Text<64> = "errCode" example "SUCCESS",
        /// Why nothing is to be paid, for the payer to read.
        /// 错误说明。
        optional err_msg: Text<255> = "errMsg",
        /// The question's number.
        /// 消息 ID，原样返回。
        optional msg_id: Text<64> = "msgId" example "800000000010",
        /// When it was answered.
        /// 报文响应时间。
        optional response_timestamp: Moment = "responseTimeStamp" or "responseTimestamp"
            example "2022-04-21 15:00:53",
        /// How much is to be paid, in fen.
        /// 支付总金额，单位：分。
        optional total_amount: Amount = "totalAmount" example "1908",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc",
        /// The merchant's number for the payer.
        /// 会员号。
        optional member_id: Text<32> = "memberId",
        /// The merchant's number for the counter.
        /// 桌号、柜台号、房间号。
        optional counter_no: Text<32> = "counterNo",
    }
}
