//! What became of a payment, as its payer sees it: how much is held, taken and given back, and when each came.
//!
//! Absent on purpose: who paid, under which name, with which account. Whoever has the code sees this.

use holdfast_domain::{Account, Amount, Bill, Event, Kind, Phase, Why};

use super::{
    means::{card_name, wallet_name},
    words::{moment, of_both, sum},
};
use crate::{
    api::{
        desk::{Life, Lived},
        sim,
    },
    pages::{Sheet, money},
};

/// The payer's page of a bill that was paid.
pub(super) struct Lifeline {
    /// What it comes to, in a few words.
    pub(super) title: String,
    /// What is still to come, in a sentence.
    pub(super) text: Option<String>,
    pub(super) tone: &'static str,
    /// How much was paid or held at first.
    pub(super) whole: String,
    /// With what.
    pub(super) means: String,
    pub(super) parts: Vec<Part>,
    /// What happened, the oldest first.
    pub(super) steps: Vec<Step>,
    /// Whether anything can still happen to it.
    pub(super) open: bool,
    /// Whether the bank is being waited for.
    pub(super) waits: bool,
}

/// A part of the money: where it is, and its place in a picture that is a thousand units wide.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) sum: String,
    pub(super) left: u64,
    pub(super) width: u64,
}

/// Something that happened, or will.
pub(super) struct Step {
    pub(super) at: String,
    pub(super) text: String,
    pub(super) tone: &'static str,
}

/// How the last try to pay ended.
pub(super) struct Failure {
    pub(super) at: holdfast_domain::Moment,
    reason: String,
}

impl Failure {
    /// The last one in a bill's life.
    pub(super) fn last(life: &Life) -> Option<Self> {
        life.events.iter().rev().find_map(|lived| match &lived.record.event {
            Event::Declined { reason } => {
                Some(Self { at: lived.record.at, reason: reason.to_string() })
            }
            _ => None,
        })
    }

    /// For people.
    pub(super) fn text(&self, page: &Sheet) -> String {
        let reason = of_both(page.language, &self.reason);
        match self.reason.as_str() {
            sim::DECLINED => page
                .t(
                    "You declined. Nothing was taken from you, and you can still pay if you like.",
                    "您已取消，未发生扣款。如有需要，仍可付款。",
                )
                .to_owned(),
            super::means::WRONG_DIGITS => page
                .t(
                    "The six digits were not right. Nothing was taken from you; please try again.",
                    "验证码不正确，未发生扣款，请重试。",
                )
                .to_owned(),
            _ => page.f(
                "The bank has refused: {0}. Nothing was taken from you. Try something else to pay with, or ask your bank.",
                "银行已拒绝：{0}。未发生扣款。请更换付款方式，或联系您的银行。",
                &[&reason],
            ),
        }
    }

    /// Whether the payer itself said no.
    pub(super) fn is_own(&self) -> bool {
        self.reason == sim::DECLINED
    }
}

impl Lifeline {
    /// The life of a bill that was paid; `None` when nobody has paid it.
    pub(super) fn of(page: &Sheet, life: &Life, payee: &str) -> Option<Self> {
        let bill = &life.bill;
        let payment = bill.payment()?;
        let parts = parts(page, bill);
        let (title, text, tone) = headline(page, bill, payee);
        let mut steps: Vec<Step> = vec![];
        let last = life.events.len();
        for (place, lived) in life.events.iter().enumerate() {
            let latest = place.saturating_add(1) == last;
            if let Some((text, tone)) = step(page, lived, latest, payee) {
                steps.push(Step { at: page.time(&lived.record.at), text, tone });
            }
        }
        let deadline = payment.grant.as_ref().map(|grant| grant.deadline);
        if let (Phase::Authorized { .. }, Some(deadline)) = (&bill.phase, deadline) {
            let text = page.t("What was not taken comes back by itself", "未扣取的部分自动退回");
            steps.push(Step { at: page.time(&deadline), text: text.to_owned(), tone: "quiet" });
        }
        let card = payment.card.map(|card| card_name(page, card));
        let wallet = wallet_name(page, payment.channel);
        let means = match card {
            Some(card) => page.f("{0}, {1}", "{0}，{1}", &[&wallet, &card]),
            None => wallet.to_owned(),
        };
        Some(Self {
            title,
            text,
            tone,
            whole: sum(bill.terms.amount),
            means,
            parts,
            steps,
            open: !matches!(bill.phase, Phase::Released { .. } | Phase::Ended { .. }),
            waits: bill.open_order().is_some(),
        })
    }

    /// The picture in words, for those who do not see it.
    pub(super) fn described(&self, page: &Sheet) -> String {
        let mut all = String::new();
        for part in &self.parts {
            if !all.is_empty() {
                all.push_str(page.t(", ", "，"));
            }
            all.push_str(&page.f("{0} {1}", "{0} {1}", &[&part.name, &part.sum]));
        }
        all
    }
}

/// Where the money is: held, taken, given back. Those of nothing are left out.
fn parts(page: &Sheet, bill: &Bill) -> Vec<Part> {
    let balances = bill.balances();
    let whole = i128::from(bill.terms.amount.fen());
    let held = balances.of(&Account::Held);
    let away = balances.each().filter(|(account, _)| {
        matches!(account, Account::Merchant | Account::Undivided | Account::Sub(_))
    });
    let taken = away.fold(0_i128, |all, (_, fen)| all.saturating_add(fen));
    let back = whole.saturating_sub(held).saturating_sub(taken).max(0);
    let all = held.saturating_add(taken).saturating_add(back).max(1);
    let (mut parts, mut left) = (vec![], 0_u64);
    for (class, name, fen) in [
        ("taken", page.language.t("paid", "已扣款"), taken),
        ("held", page.language.t("held", "冻结中"), held),
        ("back", page.language.t("back with you", "已退回"), back),
    ] {
        if fen <= 0 {
            continue;
        }
        let share = fen.saturating_mul(WIDTH).checked_div(all).unwrap_or_default();
        // What is there is seen, however little it is.
        let width = u64::try_from(share).unwrap_or_default().max(8);
        parts.push(Part { class, name, sum: money(fen), left, width });
        left = left.saturating_add(width);
    }
    parts
}

/// How wide the picture of the money is.
const WIDTH: i128 = 1_000;

/// What a bill comes to now: a few words, a sentence of what is to come, a tone.
fn headline(page: &Sheet, bill: &Bill, payee: &str) -> (String, Option<String>, &'static str) {
    let whole = bill.terms.amount;
    let in_hand = || {
        Some(
            page.t(
                "The bank has not answered yet; this page tells you as soon as it has.",
                "银行尚未应答，结果到达后本页会自动更新。",
            )
            .to_owned(),
        )
    };
    let guaranteed = bill.terms.kind == Kind::Guarantee;
    match &bill.phase {
        Phase::Authorized { payment } => {
            let deadline = payment.grant.as_ref().map(|grant| grant.deadline);
            let until = deadline.map(|at| moment(page, at, payment.receipt.at)).unwrap_or_default();
            match guaranteed {
                true => (
                    page.f("{0} is paid and kept safe", "已支付 {0}，担保中", &[&sum(whole)]),
                    Some(page.f(
                        "{0} gets it when your order is completed, until {1} (Beijing). What is not completed by then comes back by itself.",
                        "{0}须在 {1}（北京时间）前确认完成后方可收款，未完成的部分到期自动退回。",
                        &[&payee, &until],
                    )),
                    "good",
                ),
                false => (
                    page.f("{0} is held, not paid", "已冻结 {0}，未扣款", &[&sum(whole)]),
                    Some(page.f(
                        "{0} can take what you owe from it until {1} (Beijing). What it does not take by then comes back by itself.",
                        "{0}可在 {1}（北京时间）前从中扣取应付款项，未扣取的部分到期自动解冻。",
                        &[&payee, &until],
                    )),
                    "good",
                ),
            }
        }
        Phase::Capturing { leg, .. } => {
            (page.f("{0} is being taken", "正在扣取 {0}", &[&sum(leg.amount)]), in_hand(), "info")
        }
        Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
            let left = takings.refundable.map_or(0, Amount::fen);
            let returned = takings.whole.fen().saturating_sub(left);
            let title = match returned {
                0 => page.f("{0} is paid", "已支付 {0}", &[&sum(takings.whole)]),
                _ => page.f(
                    "{0} is paid, {1} was refunded",
                    "已支付 {0}，已退款 {1}",
                    &[&sum(takings.whole), &money(returned.into())],
                ),
            };
            let spared = whole.fen().saturating_sub(takings.whole.fen());
            let text = match &bill.phase {
                Phase::Refunding { leg, .. } => Some(page.f(
                    "A refund of {0} is under way; the bank has not answered yet.",
                    "正在退款 {0}，银行尚未应答。",
                    &[&sum(leg.amount)],
                )),
                _ if spared > 0 => Some(page.f(
                    "The other {0} of {1} came back to you.",
                    "{1} 中其余的 {0} 已退回。",
                    &[&money(spared.into()), &sum(whole)],
                )),
                _ => None,
            };
            (title, text, "good")
        }
        Phase::Dividing { .. } => {
            (page.f("{0} is paid", "已支付 {0}", &[&sum(whole)]), None, "good")
        }
        Phase::Reversing { leg, .. } => (
            page.f("The payment of {0} is being undone", "正在撤销扣款 {0}", &[&sum(leg.amount)]),
            in_hand(),
            "info",
        ),
        Phase::Releasing { .. } => {
            (page.f("{0} is coming back to you", "正在退回 {0}", &[&sum(whole)]), in_hand(), "info")
        }
        Phase::Released { why, .. } => {
            let text = match why {
                Why::Merchant => page.f(
                    "{0} gave it up: nothing is held and nothing is paid.",
                    "{0}已撤销，无冻结、无扣款。",
                    &[&payee],
                ),
                Why::Deadline => page
                    .t("Its time was over, so it came back by itself.", "已到期，自动退回。")
                    .to_owned(),
                Why::LateAfterClose | Why::LateAfterLapse => page
                    .t(
                        "Your payment arrived when the code was over already, so it was given back.",
                        "您的付款到达时二维码已失效，款项已退回。",
                    )
                    .to_owned(),
            };
            (page.f("{0} is back with you", "{0} 已退回", &[&sum(whole)]), Some(text), "good")
        }
        Phase::Ended { .. } => (
            page.f("{0} is back with you", "{0} 已退回", &[&sum(whole)]),
            Some(page.t("The payment was undone as a whole.", "扣款已整笔撤销。").to_owned()),
            "good",
        ),
        Phase::Requested { .. } | Phase::Closed | Phase::Lapsed => {
            (page.t("Nothing is paid", "未付款").to_owned(), None, "info")
        }
    }
}

/// What a payer is told of an event; `latest` says whether none came after it. What the merchant asked for is told only while the bank has
/// not answered, and what the bank refused to the merchant is not the payer's.
fn step(page: &Sheet, lived: &Lived, latest: bool, payee: &str) -> Option<(String, &'static str)> {
    let after = &lived.bill;
    let whole = sum(after.terms.amount);
    let (text, tone) = match &lived.record.event {
        Event::Authorized { payment } => match (after.terms.kind, &payment.grant) {
            (Kind::Hold, Some(_)) => (page.f("{0} held", "冻结 {0}", &[&whole]), ""),
            (Kind::Guarantee, Some(_)) => {
                (page.f("{0} paid, kept safe", "支付 {0}，担保中", &[&whole]), "")
            }
            _ => (page.f("{0} paid", "支付 {0}", &[&whole]), ""),
        },
        Event::PaidLate { .. } => {
            (page.f("{0} arrived too late and goes back", "{0} 到账过迟，退回", &[&whole]), "warn")
        }
        Event::CaptureAsked { leg, .. } if latest => {
            (page.f("{0} asks for {1}", "{0}请求扣取 {1}", &[&payee, &sum(leg.amount)]), "quiet")
        }
        Event::Captured { .. } => {
            let Phase::Taken { takings, .. } = &after.phase else { return None };
            let spared = after.terms.amount.fen().saturating_sub(takings.whole.fen());
            let taken = sum(takings.whole);
            match spared {
                0 => (page.f("{0} took {1}", "{0}扣取 {1}", &[&payee, &taken]), ""),
                _ => (
                    page.f(
                        "{0} took {1}; {2} came back",
                        "{0}扣取 {1}，退回 {2}",
                        &[&payee, &taken, &money(spared.into())],
                    ),
                    "",
                ),
            }
        }
        Event::ReversalAsked { .. } if latest => {
            (page.f("{0} takes the payment back", "{0}请求撤销扣款", &[&payee]), "quiet")
        }
        Event::Reversed { restored: true, .. } => {
            (page.f("Payment undone; {0} held again", "扣款已撤销，恢复冻结 {0}", &[&whole]), "")
        }
        Event::Reversed { restored: false, .. } => {
            (page.f("Payment undone; {0} came back", "扣款已撤销，退回 {0}", &[&whole]), "")
        }
        Event::ReleaseAsked { .. } if latest => {
            (page.f("{0} is to come back", "正在退回 {0}", &[&whole]), "quiet")
        }
        Event::Released { .. } => (page.f("{0} came back", "退回 {0}", &[&whole]), ""),
        Event::RefundAsked { leg, .. } if latest => {
            (page.f("{0} gives {1} back", "{0}请求退款 {1}", &[&payee, &sum(leg.amount)]), "quiet")
        }
        Event::Refunded { .. } => (page.f("{0} refunded", "退款 {0}", &[&sum(lived.amount?)]), ""),
        Event::Declined { reason } if reason.as_str() == sim::DECLINED => {
            (page.t("Declined once", "取消过一次").to_owned(), "quiet")
        }
        Event::Declined { reason } => {
            let reason = of_both(page.language, reason.as_str());
            (page.f("A try failed: {0}", "一次尝试未成功：{0}", &[&reason]), "quiet")
        }
        _ => return None,
    };
    Some((text, tone))
}
