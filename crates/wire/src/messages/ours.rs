//! Holdfast's own endpoints: what would become of a request, and what became of a bill.
//!
//! They lie under `/v1/holdfast/` and are asked for like all others. None has `instMid`, which every request of the
//! protocol that moves money needs: so the body of one cannot be taken for such a request at another path.

use holdfast_domain::{Amount, AuthCode, BillNo, Day, Mid, Moment, OrderId, Text, Tid};

use super::{Answered, Caller, Echo};
use crate::{
    field::{BillStatus, Carried, Count, Fen, Many, Note, Once, Party, Url, Verdict, Who},
    json::Object,
    message::{BillsRequest, Endpoint as _},
};

message! {
    /// Who asks, and when: the fields that every request of Holdfast's own has.
    /// Holdfast 自有接口的公共字段。
    input Asking {
        /// When the request was sent.
        /// 报文请求时间。
        required request_timestamp: Moment = "requestTimestamp" example "2022-04-21 15:00:52",
        /// The merchant.
        /// 商户号。
        required mid: Mid = "mid" example "898201612345678",
        /// The merchant's terminal.
        /// 终端号。
        optional tid: Tid = "tid" example "88880001",
        /// The caller's number for the message, echoed in the answer.
        /// 消息 ID，原样返回。
        optional msg_id: Text<64> = "msgId" example "800000000010",
        /// Whatever the caller wants echoed in the answer.
        /// 请求系统预留字段，原样返回。
        optional src_reserve: Text<255> = "srcReserve" example "TEST",
    }
}

impl Asking {
    /// Who asks, and when.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller {
            at: self.request_timestamp,
            mid: &self.mid,
            tid: self.tid.as_ref(),
            msg_id: self.msg_id.as_ref(),
            src_reserve: self.src_reserve.as_ref(),
        }
    }
}

message! {
    /// Asks what would become of a request if it came now. Nothing is changed, no channel is asked, no number is used up.
    /// 预演一个请求：只回答结果，不改变任何数据，不询问渠道，不占用单号。
    input Preview {
        /// Who asks, and when.
        /// 公共字段。
        part asking: Asking,
        /// The path to which the request would be posted.
        /// 该请求的接口路径。
        required path: Text<64> = "path" example "/v1/netpay/bills/preauthed-cancel",
        /// The whole request, as it would be posted; of the same merchant.
        /// 完整的请求报文，商户号须相同。
        required request: Carried = "request"
            example r#"{"requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"124F2023071912562344830889","billDate":"2023-07-19","merOrderId":"327M22061819820261705544110","authIdRespCd":"206067"}"#,
    }
}

impl BillsRequest for Preview {
    fn caller(&self) -> Caller<'_> {
        self.asking.caller()
    }
}

impl Preview {
    /// Whether a body is a preview that came to another path. A signature does not cover the path, so no other
    /// endpoint may take such a body for a request of its own.
    #[must_use]
    pub fn is_astray(path: &str, body: &Object<'_>) -> bool {
        path != Self::PATH && body.has("path") && body.has("request")
    }
}

message! {
    /// What would become of the request.
    /// 预演的结果。
    response Previewed {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// Whether it would be done, is a repeat, or would be refused.
        /// 将会执行、属于重复请求，或将被拒绝。
        required verdict: Verdict = "verdict" example "refused",
        /// The `errCode` that it would be answered with.
        /// 该请求将得到的错误代码。
        required code: Text<64> = "code" example "OPERATION_NOT_ALLOWED",
        /// Why, in English.
        /// 原因（英文）。
        required reason: Note = "reason" example "cannot capture: the bill is released",
        /// Why, in Chinese.
        /// 原因（中文）。
        required reason_zh: Note = "reasonZh" example "账单状态为已解冻，不能完成",
        /// Whose rule refuses it: caller, merchant, channel, gateway or nobody.
        /// 由谁的规则拒绝：caller、merchant、channel、gateway 或 nobody。
        optional whose: Text<32> = "whose" example "merchant",
        /// What the request asks of the bill, in Holdfast's words.
        /// 请求的操作（Holdfast 的说法）。
        optional command: Text<32> = "command" example "capture",
        /// The bill.
        /// 账单号。
        optional bill_no: BillNo = "billNo",
        /// The bill's date.
        /// 账单日期。
        optional bill_date: Day = "billDate",
        /// The phase the bill is in, in Holdfast's words.
        /// 当前阶段。
        optional phase: Text<32> = "phase" example "authorized",
        /// The phase it would come to.
        /// 将到达的阶段。
        optional phase_after: Text<32> = "phaseAfter" example "captured",
        /// When the entries would be written.
        /// 分录何时写入。
        optional once: Once = "once" example "channel-agrees",
        /// The entries in the ledger that the request would write.
        /// 将写入账本的分录。
        optional entries: Many<Movement, 64> = "entries"
            example r#"[{"from":"held","to":"merchant","amount":1908}]"#,
        /// Whose the bill's money is now.
        /// 当前资金归属。
        optional before: Standing = "before",
        /// Whose it would be afterwards.
        /// 执行之后的资金归属。
        optional after: Standing = "after",
        /// When a held payment goes back by itself.
        /// 预授权到期时间，届时自动解冻。
        optional deadline: Moment = "deadline" example "2022-05-21 15:00:52",
    }
}

message! {
    /// One amount that moves from one account to another.
    /// 一条分录。
    report Movement {
        /// The account that gives.
        /// 转出账户。
        required from: Party = "from" example "held",
        /// The account that receives.
        /// 转入账户。
        required to: Party = "to" example "merchant",
        /// The sub-merchant on either side, if one is.
        /// 涉及的分账子商户。
        optional sub_mid: Mid = "subMid",
        /// How much moves, in fen.
        /// 金额，单位：分。
        required amount: Amount = "amount" example "1908",
    }
}

message! {
    /// Whose a bill's money is, in fen.
    /// 账单资金的归属，单位：分。
    report Standing {
        /// Set aside from the payer, and not yet the merchant's.
        /// 冻结中的金额。
        required held: Fen = "held" example "0",
        /// The bill's merchant has it.
        /// 商户已收的金额。
        required taken: Fen = "taken" example "1908",
        /// It waits to be divided among merchants.
        /// 待分账的金额。
        required undivided: Fen = "undivided" example "0",
        /// Other merchants have it as their shares.
        /// 分账子商户已得的金额。
        required others: Fen = "others" example "0",
        /// The payer had paid it and has it back.
        /// 已退回付款人的金额。
        required given_back: Fen = "givenBack" example "0",
    }
}

message! {
    /// Asks for everything that happened to a bill, and for what may be done with it next.
    /// 查询账单的全部经过，以及接下来可以执行的操作。
    input Timeline {
        /// Who asks, and when.
        /// 公共字段。
        part asking: Asking,
        /// The bill.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
    }
}

impl BillsRequest for Timeline {
    fn caller(&self) -> Caller<'_> {
        self.asking.caller()
    }
}

/// The most events that a timeline tells; the oldest beyond it are left out.
pub const EVENTS_MAX: usize = 200;
/// The most notices that a timeline tells; the oldest beyond it are left out.
pub const NOTICES_MAX: usize = 50;

message! {
    /// Everything that happened to the bill, and what may be done next.
    /// 账单的全部经过与可执行的操作。
    response TimelineTold {
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
        /// How the money is taken: payment, hold or guarantee.
        /// 业务类型：payment、hold 或 guarantee。
        required kind: Text<32> = "kind" example "hold",
        /// What the payer reads.
        /// 账单描述。
        optional bill_desc: Text<255> = "billDesc",
        /// How much the bill asks for, in fen.
        /// 账单总金额，单位：分。
        required total_amount: Amount = "totalAmount" example "1908",
        /// How the bill stands.
        /// 账单状态。
        required bill_status: BillStatus = "billStatus" example "PAID",
        /// The phase the bill is in, in Holdfast's words.
        /// 当前阶段。
        required phase: Text<32> = "phase" example "captured",
        /// What the bill's QR code carries.
        /// 账单二维码。
        optional bill_qr_code: Url = "billQRCode",
        /// The code of the hold, once the payer's money is held.
        /// 授权标识应答码。
        optional auth_id_resp_cd: AuthCode = "authIdRespCd",
        /// Until when the payer may pay, while nobody has.
        /// 付款截止时间（未付款时）。
        optional expire_time: Moment = "expireTime",
        /// When a held payment goes back by itself.
        /// 预授权到期时间，届时自动解冻。
        optional deadline: Moment = "deadline",
        /// Whose the bill's money is now.
        /// 当前资金归属。
        required standing: Standing = "standing"
            example r#"{"held":0,"taken":1908,"undivided":0,"others":0,"givenBack":0}"#,
        /// How many events are left out before the first one told.
        /// 省略的较早事件数。
        required left_out: Count = "leftOut" example "0",
        /// What happened, the oldest first.
        /// 经过，按时间先后。
        required events: Many<Happened, EVENTS_MAX> = "events"
            example r#"[{"at":"2022-04-21 15:00:52","who":"channel","event":"hold.captured","text":"captured","textZh":"预授权完成","amount":1908,"standing":{"held":0,"taken":1908,"undivided":0,"others":0,"givenBack":0}}]"#,
        /// What may be done next, and why what may not.
        /// 可以执行的操作，以及其他操作不能执行的原因。
        required actions: Many<Action, 16> = "actions"
            example r#"[{"action":"refund","allowed":true,"endpoint":"refund","most":1908,"text":"up to 19.08 yuan","textZh":"不超过 19.08 元"}]"#,
        /// What the merchant was told of it, the oldest first.
        /// 已发送或待发送的通知，按时间先后。
        optional notices: Many<Told, NOTICES_MAX> = "notices",
    }
}

message! {
    /// Something that happened to a bill.
    /// 账单的一个事件。
    report Happened {
        /// When.
        /// 时间。
        required at: Moment = "at" example "2022-04-21 15:00:52",
        /// Who asked for it.
        /// 发起方。
        required who: Who = "who" example "app",
        /// The merchant's app, if it was one.
        /// 发起的应用。
        optional app_id: Text<64> = "appId" example "10037e6f6a4e6da4016a6a1c4a4f0001",
        /// The operator at the console, if it was one.
        /// 发起的管理台操作员。
        optional operator: Text<64> = "operator" example "mei",
        /// The operator who approved of it, where it took two.
        /// 复核的操作员（需要复核时）。
        optional approver: Text<64> = "approver" example "li",
        /// The request that asked for it, as the header `Request-Id` of its answer says.
        /// 发起该事件的请求编号，与应答头 Request-Id 相同。
        optional request_id: Text<32> = "requestId" example "5f0c21ab-17",
        /// What happened, as `noun.past`.
        /// 事件名称。
        required event: Text<32> = "event" example "hold.captured",
        /// The same for a person to read.
        /// 事件说明（英文）。
        required text: Note = "text" example "captured",
        /// The same in Chinese.
        /// 事件说明（中文）。
        required text_zh: Note = "textZh" example "预授权完成",
        /// The merchant's order it was about.
        /// 相关的商户订单号。
        optional order: OrderId = "order" example "124F2023071913311600836127",
        /// How much it was about, in fen.
        /// 金额，单位：分。
        optional amount: Amount = "amount" example "1908",
        /// The entries it wrote in the ledger.
        /// 写入账本的分录。
        optional entries: Many<Movement, 64> = "entries"
            example r#"[{"from":"held","to":"merchant","amount":1908}]"#,
        /// Whose the bill's money was afterwards.
        /// 此后的资金归属。
        required standing: Standing = "standing"
            example r#"{"held":0,"taken":1908,"undivided":0,"others":0,"givenBack":0}"#,
    }
}

message! {
    /// Something that may be done with a bill, or may not.
    /// 一项操作：可以执行，或不能执行及其原因。
    report Action {
        /// What, in Holdfast's words.
        /// 操作（Holdfast 的说法）。
        required action: Text<32> = "action" example "refund",
        /// Whether it would be accepted now.
        /// 现在是否可以执行。
        required allowed: bool = "allowed" example "true",
        /// The endpoint that asks for it.
        /// 对应的接口。
        required endpoint: Text<32> = "endpoint" example "refund",
        /// The most it may be about, in fen.
        /// 最高金额，单位：分。
        optional most: Amount = "most" example "1908",
        /// Until when it would be accepted.
        /// 截止时间。
        optional until: Moment = "until" example "2022-05-21 15:00:52",
        /// Within which limits, or why not.
        /// 限制或原因（英文）。
        required text: Note = "text" example "up to 19.08 yuan",
        /// The same in Chinese.
        /// 限制或原因（中文）。
        required text_zh: Note = "textZh" example "不超过 19.08 元",
    }
}

message! {
    /// A notice about the bill.
    /// 一条通知。
    report Told {
        /// When it happened that the notice tells of.
        /// 事件时间。
        required at: Moment = "at" example "2022-04-21 15:00:52",
        /// What it tells of.
        /// 事件名称。
        required event: Text<32> = "event" example "hold.captured",
        /// Whether it waits, was delivered or was given up.
        /// 状态：waiting、delivered 或 given-up。
        required state: Text<16> = "state" example "delivered",
        /// How often it was tried.
        /// 已尝试次数。
        required tries: Count = "tries" example "1",
    }
}
