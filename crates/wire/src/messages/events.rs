//! Holdfast's own: what happened to a merchant's bills, for whoever has no address, and notices on trial.

use holdfast_domain::{Amount, BillNo, Day, Moment, OrderId, Text};

use super::{Answered, Caller, Echo, Sender};
use crate::{
    field::{Cursor, EventName, Named, Note, Url, Whole},
    message::BillsRequest,
};

message! {
    /// Reads what happened to a merchant's bills behind a cursor, in order, each with the notice that tells of it. It can wait for more.
    /// 按顺序读取游标之后的账单事件及其通知报文，可等待新事件。
    input Events {
        /// Who asks, and when.
        /// 公共字段。
        part sender: Sender,
        /// Where to go on: a cursor that was answered before; `0` is the beginning. Without it nothing is read and the end is answered.
        /// 上次应答的游标；`0` 为最早。不填则不读取，仅返回最新游标。
        optional after: Cursor = "after" example "0",
        /// The most events to answer; 20 when absent.
        /// 最多返回的事件数，缺省为 20。
        optional limit: Whole<1, 20> = "limit" example "20",
        /// How long to wait when there is nothing yet, in seconds; not at all when absent.
        /// 暂无事件时的等待时间，单位：秒；缺省不等待。
        optional wait_seconds: Whole<0, 30> = "waitSeconds" example "0",
    }
}

impl BillsRequest for Events {
    fn caller(&self) -> Caller<'_> {
        self.sender.caller(None)
    }
}

message! {
    /// What happened, and where to go on. There may be no event and yet a cursor that moved on: ask again then.
    /// 事件与新的游标。没有事件时游标也可能前进，请据此继续读取。
    response EventsRead {
        /// What every answer begins with.
        /// 公共字段。
        part answered: Answered,
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
        /// What happened, the oldest first.
        /// 事件，最早的在前。
        required events: Vec<EventTold> = "events" example "[]",
        /// Where to go on.
        /// 下次读取的游标。
        required cursor: Cursor = "cursor" example "1042-9f86d081",
        /// Where the journal ends now.
        /// 最新游标。
        required newest: Cursor = "newest" example "1042-9f86d081",
        /// How many records of the journal lie between the two, of all merchants.
        /// 两游标之间的流水条数（含其他商户）。
        required behind: Whole<0, 999_999_999_999> = "behind" example "0",
    }
}

message! {
    /// One thing that happened, and the notice that tells of it.
    /// 一个事件及其通知。
    report EventTold {
        /// Where to go on when this one is dealt with.
        /// 该事件处理后的游标。
        required cursor: Cursor = "cursor" example "1042-9f86d081",
        /// What happened.
        /// 事件名称。
        required event: Text<64> = "event" example "hold.captured",
        /// When it happened.
        /// 发生时间。
        required happened_at: Moment = "happenedAt" example "2022-04-21 15:00:52",
        /// The bill.
        /// 账单号。
        required bill_no: BillNo = "billNo" example "124F2023071912562344830889",
        /// The bill's date.
        /// 账单日期。
        required bill_date: Day = "billDate" example "2023-07-19",
        /// How much it was about, in fen.
        /// 涉及金额，单位：分。
        required amount: Amount = "amount" example "1908",
        /// Whether the merchant is told of it at its addresses: payments and holds always, other events if it asked for them.
        /// 商户是否订阅了该事件；支付与预授权始终通知。
        required subscribed: bool = "subscribed" example "true",
        /// The notice.
        /// 通知报文。
        part notice: SignedNotice,
    }
}

message! {
    /// A notice as it is sent: post the body with the headers.
    /// 待发送的通知：以 POST 发送报文与请求头。
    report SignedNotice {
        /// The notice's number: the same whenever it is read, and as in the notice that is delivered.
        /// 通知 ID，与实际发送的通知一致。
        required notify_id: Text<64> = "notifyId" example "911b4376-bf8a-4dc5-a058-459607a6929f",
        /// Where it goes first: the bill's address, or the merchant's own. Absent when neither is known.
        /// 通知地址：账单的 notifyUrl 或商户自己的地址；均无则不返回。
        optional url: Url = "url" example "https://hotel.example/notices",
        /// What the body is.
        /// 报文类型。
        required content_type: Text<64> = "contentType" example "application/x-www-form-urlencoded",
        /// Headers besides: the second signature, for merchants that have one.
        /// 其他请求头：第二签名（如启用）。
        required headers: Vec<HeaderLine> = "headers"
            example r#"[{"name":"webhook-id","value":"911b4376-bf8a-4dc5-a058-459607a6929f"}]"#,
        /// The signed body, byte by byte.
        /// 已签名的报文，须原样发送。
        optional body: Text<65_536> = "body" example "billNo=124F2023071912562344830889&sign=…",
        /// Why there is no body: the merchant has no key to sign it with.
        /// 无报文的原因：商户没有通讯密钥。
        optional unsigned: Note = "unsigned",
    }
}

message! {
    /// One header.
    /// 请求头。
    report HeaderLine {
        /// Its name.
        /// 名称。
        required name: Text<64> = "name" example "webhook-id",
        /// Its value.
        /// 取值。
        required value: Text<512> = "value" example "911b4376-bf8a-4dc5-a058-459607a6929f",
    }
}

message! {
    /// Makes the notice of something that happened to a bill, to try a receiver with. Nothing is sent and nothing changes. Test environment only.
    /// 生成账单事件的通知报文，用于测试接收方；不发送，也不改变账单。仅限测试环境。
    input TrialNotice {
        /// Who asks, and when.
        /// 公共字段。
        part sender: Sender,
        /// The bill; the number of its payment finds it too.
        /// 账单号，也可为支付订单号。
        required bill_no: OrderId = "billNo" example "124F2023071912562344830889",
        /// The bill's date; needed when there are several of that number.
        /// 账单日期；存在同号账单时必填。
        optional bill_date: Day = "billDate" example "2023-07-19",
        /// What the notice tells of; the last thing that was announced when absent.
        /// 事件名称，缺省为最近一个可通知的事件。
        optional event: EventName = "event" example "hold.authorized",
        /// Whether to make it although the bill has not had that event: of the bill as it stands, under a number of its own.
        /// 账单未发生该事件时是否仍生成：按账单现状生成，使用新的通知 ID。
        optional anyway: bool = "anyway" example "false",
        /// What it says instead; signed after that.
        /// 替换或去掉的参数，替换后再签名。
        optional overrides: Vec<Override> = "overrides"
            example r#"[{"name":"totalAmount","value":"1"}]"#,
        /// How long ago it is signed, in seconds: the time of sending in the second signature is that old.
        /// 签名时间提前的秒数，仅影响第二签名中的时间。
        optional sent_ago_seconds: Whole<0, 31_622_400> = "sentAgoSeconds" example "0",
    }
}

impl BillsRequest for TrialNotice {
    fn caller(&self) -> Caller<'_> {
        self.sender.caller(None)
    }
}

message! {
    /// One pair of a notice that is to be another one.
    /// 通知中被替换的一个参数。
    input Override {
        /// The pair's name. `sign` and `signType` cannot be overridden.
        /// 参数名；sign 与 signType 不可替换。
        required name: Named<1, 64> = "name" example "totalAmount",
        /// What it says instead; the pair is left out when absent.
        /// 新的取值；不填则去掉该参数。
        optional value: Text<1024> = "value" example "1",
    }
}

message! {
    /// The notice that was asked for, and the one before it.
    /// 所求的通知，以及此前的一个通知。
    response TrialLetter {
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
        /// What it tells of.
        /// 事件名称。
        required event: Text<64> = "event" example "hold.authorized",
        /// When that happened; absent when it has not.
        /// 发生时间；未发生则不返回。
        optional happened_at: Moment = "happenedAt" example "2022-04-21 15:00:52",
        /// The notice.
        /// 通知报文。
        part notice: SignedNotice,
        /// The notice of what happened to the bill before that, if anything did that is announced; without overrides.
        /// 该账单此前一个事件的通知（如有），不受替换影响。
        optional older: OlderNotice = "older",
    }
}

message! {
    /// A notice of something that happened to the bill before.
    /// 该账单此前事件的通知。
    report OlderNotice {
        /// What it tells of.
        /// 事件名称。
        required event: Text<64> = "event" example "hold.authorized",
        /// When that happened.
        /// 发生时间。
        required happened_at: Moment = "happenedAt" example "2022-04-21 15:00:52",
        /// The notice.
        /// 通知报文。
        part notice: SignedNotice,
    }
}
