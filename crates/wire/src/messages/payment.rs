//! What messages have in common: who asks, what every answer carries, and one movement of money.

use holdfast_domain::{Day, Mid, Moment, OrderId, Text, Tid};

use crate::{
    code::Code,
    explain,
    field::{Done, Fen, InstMid, Note, TargetSys, TradeStatus, Url},
    json::Object,
    message::read_generously,
};

message! {
    /// Who asks, and when: the fields that every request of the bills family has.
    /// 每个账单请求都有的公共字段。
    input Common {
        /// When the request was sent.
        /// 报文请求时间。
        required request_timestamp: Moment = "requestTimestamp" example "2022-04-21 15:00:52",
        /// The merchant.
        /// 商户号。
        required mid: Mid = "mid" example "898201612345678",
        /// The merchant's terminal.
        /// 终端号。
        required tid: Tid = "tid" example "88880001",
        /// The kind of business.
        /// 业务类型。
        required inst_mid: InstMid = "instMid" example "QRPAYDEFAULT",
        /// The caller's number for the message, echoed in the answer.
        /// 消息 ID，原样返回。
        optional msg_id: Text<64> = "msgId" example "800000000010",
        /// Whatever the caller wants echoed in the answer.
        /// 请求系统预留字段，原样返回。
        optional src_reserve: Text<255> = "srcReserve" example "TEST",
    }
}

message! {
    /// Who asks, and when, where less is asked for than of other requests: terminal and kind of business.
    /// 部分请求的公共字段（无须终端号与业务类型）。
    input Sender {
        /// When the request was sent.
        /// 报文请求时间。
        required request_timestamp: Moment = "requestTimestamp" example "2022-04-21 15:00:52",
        /// The merchant.
        /// 商户号。
        required mid: Mid = "mid" example "898201612345678",
        /// The kind of business.
        /// 业务类型。
        optional inst_mid: InstMid = "instMid" example "QRPAYDEFAULT",
        /// The caller's number for the message, echoed in the answer.
        /// 消息 ID，原样返回。
        optional msg_id: Text<64> = "msgId" example "800000000010",
        /// Whatever the caller wants echoed in the answer.
        /// 请求系统预留字段，原样返回。
        optional src_reserve: Text<255> = "srcReserve" example "TEST",
    }
}

/// Who asks, and when, whatever the request: what authorisation and the answer need of it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'r> {
    /// When the request was sent.
    pub at: Moment,
    /// The merchant.
    pub mid: &'r Mid,
    /// The merchant's terminal, if the request names one.
    pub tid: Option<&'r Tid>,
    /// What is echoed as `msgId`.
    pub msg_id: Option<&'r Text<64>>,
    /// What is echoed as `srcReserve`.
    pub src_reserve: Option<&'r Text<255>>,
}

impl Common {
    /// Who asks, and when.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        Caller {
            at: self.request_timestamp,
            mid: &self.mid,
            tid: Some(&self.tid),
            msg_id: self.msg_id.as_ref(),
            src_reserve: self.src_reserve.as_ref(),
        }
    }
}

impl<'r> From<&'r Common> for Caller<'r> {
    fn from(common: &'r Common) -> Self {
        common.caller()
    }
}

impl Sender {
    /// Who asks, and when, with the terminal that the rest of the request names.
    pub(super) fn caller<'r>(&'r self, tid: Option<&'r Tid>) -> Caller<'r> {
        Caller {
            at: self.request_timestamp,
            mid: &self.mid,
            tid,
            msg_id: self.msg_id.as_ref(),
            src_reserve: self.src_reserve.as_ref(),
        }
    }
}

message! {
    /// What every answer begins with when all went well.
    /// 成功响应的公共字段。
    report Answered {
        /// That it was done.
        /// 错误代码，成功时为 SUCCESS。
        required err_code: Done = "errCode" example "SUCCESS",
        /// What was done, for a person to read.
        /// 错误说明。
        optional err_msg: Note = "errMsg",
        /// When the answer was sent.
        /// 报文响应时间。
        required response_timestamp: Moment = "responseTimestamp" example "2022-04-21 15:00:53",
        /// The merchant.
        /// 商户号。
        required mid: Mid = "mid" example "898201612345678",
        /// The merchant's terminal, if the request named one.
        /// 终端号，请求中有则返回。
        optional tid: Tid = "tid" example "88880001",
    }
}

message! {
    /// What an answer gives back to the caller untouched.
    /// 原样返回的字段。
    report Echo {
        /// The request's `msgId`.
        /// 消息 ID，原样返回。
        optional msg_id: Text<64> = "msgId",
        /// The request's `srcReserve`.
        /// 请求系统预留字段，原样返回。
        optional src_reserve: Text<255> = "srcReserve",
    }
}

message! {
    /// The answer to every request that was refused, or whose outcome is not known.
    /// 失败响应：请求被拒绝，或结果尚不明确。
    report Failure {
        /// Why, as one of the error codes.
        /// 错误代码。
        required err_code: Text<64> = "errCode" example "NO_ORDER",
        /// Why, for a person to read.
        /// 错误说明。
        optional err_msg: Note = "errMsg",
        /// The same text again, because some callers read only this field.
        /// 错误说明，与 errMsg 相同。
        optional err_info: Note = "errInfo",
        /// Where the error code is explained: causes, whether to repeat, how long to wait. In the test environment only.
        /// 错误代码说明的地址：原因、能否重发、等待多久。仅测试环境返回。
        optional doc_url: Url = "docUrl" example "http://127.0.0.1:8080/errors/NO_ORDER",
        /// When the answer was sent.
        /// 报文响应时间。
        optional response_timestamp: Moment = "responseTimestamp" example "2022-04-21 15:00:53",
        /// The merchant.
        /// 商户号。
        optional mid: Mid = "mid",
        /// The merchant's terminal.
        /// 终端号。
        optional tid: Tid = "tid",
        /// What is given back untouched.
        /// 原样返回的字段。
        part echo: Echo,
    }
}

message! {
    /// One movement of money: a payment, a capture, a refund.
    /// 账单支付信息。
    report BillPayment {
        /// The order number of the movement.
        /// 商户订单号。
        optional mer_order_id: OrderId = "merOrderId" example "327M22061819820261705544110",
        /// The kind of bill.
        /// 账单业务类型。
        optional bill_biz_type: Text<32> = "billBizType" example "bills",
        /// The channel's number for it.
        /// 交易参考号。
        optional pay_seq_id: Text<64> = "paySeqId" example "00315100000N",
        /// How much was moved, in fen.
        /// 账单流水总金额，单位：分。
        optional total_amount: Fen = "totalAmount" example "1908",
        /// How much the payer paid, in fen.
        /// 实付金额，单位：分。
        optional buyer_pay_amount: Fen = "buyerPayAmount" example "1908",
        /// How much an invoice may be about, in fen.
        /// 开票金额，单位：分。
        optional invoice_amount: Fen = "invoiceAmount" example "1908",
        /// How much was taken off, in fen.
        /// 折扣金额，单位：分。
        optional discount_amount: Fen = "discountAmount" example "0",
        /// How much the payer's wallet took off, in fen.
        /// 钱包折扣金额，单位：分。
        optional coupon_amount: Fen = "couponAmount" example "0",
        /// The payer's id at the channel.
        /// 买家 ID。
        optional buyer_id: Text<64> = "buyerId",
        /// The payer's name at the channel.
        /// 买家用户名。
        optional buyer_username: Text<64> = "buyerUsername",
        /// How it was paid, for a person to read.
        /// 支付详情。
        optional pay_detail: Text<255> = "payDetail" example "现金支付0.01元。",
        /// When it happened.
        /// 支付时间。
        optional pay_time: Moment = "payTime" example "2022-04-21 15:00:52",
        /// The business day it is settled for.
        /// 结算时间。
        optional settle_date: Day = "settleDate" example "2022-04-21",
        /// How it stands.
        /// 交易状态。
        optional status: TradeStatus = "status" example "TRADE_SUCCESS",
        /// The target platform's number for it.
        /// 目标平台单号。
        optional target_order_id: Text<64> = "targetOrderId",
        /// The system that moved the money.
        /// 目标系统。
        optional target_sys: TargetSys = "targetSys" example "ACP",
        /// The campaigns it took part in.
        /// 微信活动 ID。
        optional activity_ids: Text<255> = "activityIds",
    }
}

impl BillPayment {
    /// A movement of which nothing is known: fill in what is (`..BillPayment::UNKNOWN`).
    pub const UNKNOWN: Self = Self {
        mer_order_id: None,
        bill_biz_type: None,
        pay_seq_id: None,
        total_amount: None,
        buyer_pay_amount: None,
        invoice_amount: None,
        discount_amount: None,
        coupon_amount: None,
        buyer_id: None,
        buyer_username: None,
        pay_detail: None,
        pay_time: None,
        settle_date: None,
        status: None,
        target_order_id: None,
        target_sys: None,
        activity_ids: None,
    };
}

impl Answered {
    /// The beginning of the answer to a request.
    #[must_use]
    pub fn to<'r>(caller: impl Into<Caller<'r>>, at: Moment, note: Note) -> Self {
        let caller = caller.into();
        Self {
            err_code: Done::Success,
            err_msg: Some(note),
            response_timestamp: at,
            mid: caller.mid.clone(),
            tid: caller.tid.cloned(),
        }
    }
}

impl Echo {
    /// What a request wants back.
    #[must_use]
    pub fn of<'r>(caller: impl Into<Caller<'r>>) -> Self {
        let caller = caller.into();
        Self { msg_id: caller.msg_id.cloned(), src_reserve: caller.src_reserve.cloned() }
    }
}

impl Failure {
    /// The answer to a request of which nothing could be read.
    #[must_use]
    pub fn new(code: Code, at: Moment, text: Note) -> Self {
        Self {
            err_code: code.as_text(),
            err_msg: Some(text.clone()),
            err_info: Some(text),
            doc_url: None,
            response_timestamp: Some(at),
            mid: None,
            tid: None,
            echo: Echo { msg_id: None, src_reserve: None },
        }
    }

    /// The same with the address of the page that explains its code, at a gateway whose public address is that.
    /// Without it when that is too long for one.
    #[must_use]
    pub fn explained_at(self, public_url: &str) -> Self {
        Self { doc_url: explain::address(public_url, self.err_code.as_str()), ..self }
    }

    /// The same as the answer to a request that could be read.
    #[must_use]
    pub fn to<'r>(self, caller: impl Into<Caller<'r>>) -> Self {
        let caller = caller.into();
        Self {
            mid: Some(caller.mid.clone()),
            tid: caller.tid.cloned(),
            echo: Echo::of(caller),
            ..self
        }
    }

    /// The same as the answer to a request that cannot be read as a whole: what can be given back is.
    #[must_use]
    pub fn echoing(self, request: &Object<'_>) -> Self {
        Self {
            mid: read_generously(request, "mid", None),
            tid: read_generously(request, "tid", None),
            echo: Echo {
                msg_id: read_generously(request, "msgId", None),
                src_reserve: read_generously(request, "srcReserve", None),
            },
            ..self
        }
    }

    /// The error code, if it is one we know.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::named(self.err_code.as_str())
    }
}
