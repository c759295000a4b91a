//! What happened, and why something may not, for people in both languages. English texts of refusals are the
//! rules' own.

use holdfast_domain::{Amount, Event, Kind, Reference, Refusal, yuan};
use holdfast_wire::field::BillStatus;

/// A phase in Chinese.
pub(crate) fn phase_zh(phase: &str) -> &'static str {
    match phase {
        "requested" => "待付款",
        "closed" => "已关闭",
        "lapsed" => "已过期（未付款）",
        "authorized" => "已冻结",
        "capturing" => "预授权完成处理中",
        "captured" => "已完成",
        "paid" => "已支付",
        "reversing" => "完成撤销处理中",
        "refunding" => "退款处理中",
        "dividing" => "分账处理中",
        "releasing" => "解冻处理中",
        "released" => "已解冻",
        "expired" => "已到期解冻",
        "ended" => "已撤销并全额退回",
        _ => "处理中",
    }
}

/// How merchants see a bill, in English and Chinese.
pub(crate) fn status(status: &BillStatus) -> (&'static str, &'static str) {
    match status {
        BillStatus::Paid => ("paid", "已支付"),
        BillStatus::Unpaid => ("unpaid", "未支付"),
        BillStatus::Refund => ("refunded", "已退款"),
        BillStatus::Closed => ("closed", "已关闭"),
        BillStatus::Unknown | BillStatus::Other(_) => ("unknown", "未知"),
    }
}

/// A command in Chinese.
fn command_zh(command: &str) -> &'static str {
    match command {
        "capture" => "预授权完成",
        "reverse" => "完成撤销",
        "release" => "预授权撤销",
        "refund" => "退款",
        "complete" => "担保完成",
        "cancel" => "担保撤销",
        "divide" => "分账",
        "close" => "关闭",
        "authorize" => "付款",
        _ => "执行",
    }
}

/// A kind of bill in Chinese.
pub(crate) fn kind_zh(kind: &str) -> &'static str {
    match kind {
        "hold" => "预授权",
        "guarantee" => "担保",
        _ => "普通支付",
    }
}

/// A sum as people write it in Chinese.
pub(super) fn money(amount: Amount) -> String {
    format!("{} 元", yuan(amount.fen().into()))
}

/// Why something may not be done, in Chinese.
pub(super) fn refusal_zh(refusal: &Refusal) -> String {
    match refusal {
        Refusal::WrongPhase { phase, command } => {
            format!("账单{}，不能{}", phase_zh(phase), command_zh(command))
        }
        Refusal::Busy { phase } => {
            format!("账单{}，前一笔操作尚无结果，请稍后再试", phase_zh(phase))
        }
        Refusal::Stale => "该应答对应较早的指令".to_owned(),
        Refusal::Exceeds { command, asked, available: Some(available) } => {
            format!("不能{} {}，最多 {}", command_zh(command), money(*asked), money(*available))
        }
        Refusal::Exceeds { command, asked, available: None } => {
            format!("不能{} {}，已无余额", command_zh(command), money(*asked))
        }
        Refusal::Mismatch(Reference::AuthCode) => "授权标识应答码与该账单不符".to_owned(),
        Refusal::Mismatch(Reference::Capture) => "该账单没有此预授权完成订单号".to_owned(),
        Refusal::Mismatch(Reference::Hold) => "支付订单号与该账单不符".to_owned(),
        Refusal::CrossDay { captured, today } => {
            format!("预授权完成属于清算日 {captured}，现为 {today}，不能撤销，请改用退款")
        }
        Refusal::NumberOfPayment => "该单号是账单的支付订单号，请使用新的单号".to_owned(),
        Refusal::AlreadyRefunded { command } => {
            format!("已有部分退款，不能{}，请退还余额", command_zh(command))
        }
        Refusal::OtherKind { command, kind } => {
            format!("{}账单不能{}", kind_zh(kind), command_zh(command))
        }
        Refusal::Cancelled => "担保已撤销，资金已退回".to_owned(),
        Refusal::AlreadyDivided => "已按其他方式分账".to_owned(),
        Refusal::NotDivided => "该账单未分账".to_owned(),
        Refusal::WhoseShare => "已分账：请指明从哪一方退款，或退还全部余额".to_owned(),
        Refusal::OneAtATime => "每次只能从一个子商户退款，或退还全部余额".to_owned(),
        Refusal::Shares(unfair) => super::shares::zh(*unfair),
        Refusal::ShareExceeded => "该方余额不足，或没有该分账".to_owned(),
        Refusal::DeadlineOver { command, ended } => {
            format!("已于 {ended} 到期，资金退回付款人，不能{}", command_zh(command))
        }
        Refusal::TooSoon => "时间未到".to_owned(),
        Refusal::TooManyTries => "付款人尝试次数过多，请新建账单".to_owned(),
    }
}

/// What happened, in English and Chinese.
pub(super) fn happened(event: &Event, kind: Kind) -> (String, String) {
    let reason = match event {
        Event::Declined { reason }
        | Event::CaptureRefused { reason }
        | Event::ReversalRefused { reason }
        | Event::ReleaseRefused { reason, .. }
        | Event::RefundRefused { reason }
        | Event::DivisionRefused { reason } => Some(reason),
        _ => None,
    };
    let (en, zh) = named(event, kind);
    match reason {
        Some(reason) => (format!("{en}: {reason}"), format!("{zh}：{reason}")),
        None => (en.to_owned(), zh.to_owned()),
    }
}

fn named(event: &Event, kind: Kind) -> (&'static str, &'static str) {
    let guaranteed = kind == Kind::Guarantee;
    match event {
        Event::Requested { .. } => ("the bill was made", "创建账单"),
        Event::Declined { .. } => ("the payment failed", "付款失败"),
        Event::Authorized { payment } if payment.grant.is_none() => ("paid", "付款成功"),
        Event::Authorized { .. } if guaranteed => ("paid, under guarantee", "担保付款成功"),
        Event::Authorized { .. } => ("the money is held", "预授权成功，资金冻结"),
        Event::PaidLate { .. } => ("paid too late; it goes back", "付款过迟，资金退回"),
        Event::Reminded { .. } => ("the deadline is near", "即将到期提醒"),
        Event::Closed => ("closed before anybody paid", "未付款，关闭账单"),
        Event::Lapsed => ("nobody paid in time", "超时未付款"),
        Event::CaptureAsked { .. } if guaranteed => ("completion asked for", "请求担保完成"),
        Event::CaptureAsked { .. } => ("capture asked for", "请求预授权完成"),
        Event::Captured { .. } if guaranteed => ("completed", "担保完成"),
        Event::Captured { .. } => ("captured", "预授权完成"),
        Event::CaptureRefused { .. } if guaranteed => ("completion refused", "担保完成被拒绝"),
        Event::CaptureRefused { .. } => ("capture refused", "预授权完成被拒绝"),
        Event::ReversalAsked { .. } => ("reversal asked for", "请求完成撤销"),
        Event::Reversed { restored: true, .. } => {
            ("reversed; the hold stands again", "完成已撤销，恢复冻结")
        }
        Event::Reversed { restored: false, .. } => {
            ("reversed; all went back", "完成已撤销，全额退回")
        }
        Event::ReversalRefused { .. } => ("reversal refused", "完成撤销被拒绝"),
        Event::ReleaseAsked { .. } if guaranteed => ("giving up asked for", "请求担保撤销"),
        Event::ReleaseAsked { .. } => ("release asked for", "请求预授权撤销"),
        Event::Released { .. } => ("all went back to the payer", "全额退回付款人"),
        Event::ReleaseRefused { .. } => ("release refused", "撤销被拒绝"),
        Event::RefundAsked { .. } => ("refund asked for", "请求退款"),
        Event::Refunded { .. } => ("refunded", "退款成功"),
        Event::RefundRefused { .. } => ("refund refused", "退款被拒绝"),
        Event::DivisionAsked { .. } => ("division asked for", "请求分账"),
        Event::Divided { .. } => ("divided", "分账成功"),
        Event::DivisionRefused { .. } => ("division refused", "分账被拒绝"),
    }
}
