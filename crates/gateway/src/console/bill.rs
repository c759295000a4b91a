//! One bill: its life, its money, and what may be done with it next.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use holdfast_domain::{
    Account, Bill, BillKey, BillNo, CardKind, Channel, Day, Entry, Event, Mid, Moment, Phase,
};
use holdfast_wire::{field::Url, messages::Standing};
use hyper::StatusCode;
use serde::Deserialize;

use super::{Console, Seat, act::Step, overview::lasting, seat::Frame};
use crate::{
    api::desk::{Life, Lived},
    limits,
    notices::outbox::{Filter, Kept},
    operators::{Approval, ApprovalFilter, ApprovalState, AuditFilter, Outcome, Role, Written},
    pages::{Sheet, qr::Drawn},
    request::RequestId,
    store::{Asker, StoreFault},
    traffic::mask,
    view,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/bills/{mid}/{date}/{no}", get(show))
}

/// A bill as an address names it: merchant, date, number. `None` for an address that can name none.
pub(super) fn key((mid, date, no): &(String, String, String)) -> Option<BillKey> {
    let (mid, no) = (Mid::parse(mid).ok()?, BillNo::parse(no).ok()?);
    Some(BillKey { mid, no, date: Day::parse(date)? })
}

/// What whoever comes from a form wants to know first.
#[derive(Default, Deserialize)]
struct Coming {
    /// The request that was made there.
    #[serde(default)]
    request: String,
}

#[derive(Template)]
#[template(path = "console/bill.html")]
struct Show<'a> {
    page: &'a Frame,
    bill: &'a Bill,
    left_out: usize,
    merchant: Option<String>,
    phase: (&'static str, &'static str),
    money: Money,
    /// What became of the request that somebody comes from.
    came: Option<(&'static str, String)>,
    /// Requests for approval that wait, and those that are approved and not carried out.
    waiting: Vec<Approval>,
    steps: Vec<Offer>,
    deadline: Option<Deadline>,
    /// What the payer scans, while somebody may pay.
    code: Option<Code>,
    facts: Vec<(&'a str, String)>,
    happened: Vec<Happened>,
    notices: Vec<Kept>,
    audit: Vec<Written>,
    /// How soon the page looks again, in milliseconds.
    live: u32,
    may_act: bool,
    now: Moment,
}

/// Whose the bill's money is.
pub(super) struct Money {
    pub(super) standing: Standing,
    /// The same as thousandths of the bill: held, taken (by whomever), given back.
    parts: [u64; 3],
}

/// Something that may be done, or may not, and why.
struct Offer {
    step: Step,
    allowed: bool,
    text: String,
}

/// When the held money goes back by itself.
struct Deadline {
    at: Moment,
    left: String,
    tone: &'static str,
}

/// A code for a payer to scan.
struct Code {
    link: Url,
    drawn: Drawn,
}

/// One event of the timeline.
struct Happened {
    at: Moment,
    text: String,
    tone: &'static str,
    who: String,
    /// The request that asked for it, and whether its exchange can be looked at.
    request: Option<(RequestId, bool)>,
    order: Option<String>,
    amount: Option<String>,
    /// The channel's number for it, and the business day it counts for.
    receipt: Option<(String, Day)>,
    entries: Vec<Entry>,
    notices: Vec<Kept>,
}

async fn show(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Path(path): Path<(String, String, String)>,
    Query(coming): Query<Coming>,
) -> Response {
    let Some(key) = key(&path) else { return seat.no_bill() };
    let life = match console.api.life_of(&key).await {
        Ok(Some(life)) => life,
        Ok(None) => return seat.no_bill(),
        Err(fault) => return seat.broken(&fault),
    };
    match see(&seat.page, &console, &life, RequestId::parse(&coming.request)).await {
        Ok(show) => seat.page.answer(StatusCode::OK, &show),
        Err(fault) => seat.broken(&fault),
    }
}

async fn see<'a>(
    page: &'a Frame,
    console: &Console,
    life: &'a Life,
    request: Option<RequestId>,
) -> Result<Show<'a>, StoreFault> {
    let (bill, now) = (&life.bill, console.core.clock.now());
    let unpaid = matches!(bill.phase, Phase::Requested { .. }) && now < bill.terms.expires_at;
    let offer = |action: &holdfast_wire::messages::Action| {
        let text = page.t(action.text.as_str(), action.text_zh.as_str()).to_owned();
        Some(Offer { step: Step::parse(action.action.as_str())?, allowed: action.allowed, text })
    };
    let (of_events, others) = notices(console, life).await?;
    let moving = unpaid || bill.open_order().is_some();
    let mut steps: Vec<Offer> = life.actions.iter().filter_map(offer).collect();
    steps.sort_by_key(|offer| !offer.allowed);
    Ok(Show {
        page,
        bill,
        left_out: life.left_out,
        merchant: merchant(console, &bill.key.mid),
        phase: page.phase_of(bill),
        money: Money::of(bill),
        came: request.map(|id| page.came(life, id)),
        waiting: waiting(console, bill)?,
        steps,
        deadline: view::deadline(bill).map(|at| Deadline::at(page, at, now)),
        code: unpaid.then(|| console.api.cashier(bill)).flatten().and_then(Code::of),
        facts: page.facts(bill),
        happened: happened(page, console, life, of_events),
        notices: others,
        audit: audit(console, &bill.key)?,
        live: if moving { 2_000 } else { 6_000 },
        may_act: page.may(Role::Operator),
        now,
    })
}

/// What a merchant is called.
pub(super) fn merchant(console: &Console, mid: &Mid) -> Option<String> {
    console.accounts.book().merchants.get(mid).map(|merchant| merchant.name.to_string())
}

/// Requests for approval about a bill that somebody still has to see to, the newest first.
fn waiting(console: &Console, bill: &Bill) -> Result<Vec<Approval>, StoreFault> {
    let mut found = vec![];
    for state in [ApprovalState::Waiting, ApprovalState::Approved] {
        let filter = ApprovalFilter { state: Some(state), bill: Some((*bill.key).clone()) };
        let (most, wall) = (limits::BILL_APPROVALS, console.core.clock.wall());
        found.extend(console.operators.approvals(&filter, None, most, wall)?);
    }
    Ok(found)
}

/// What operators did with a bill, the newest first.
fn audit(console: &Console, key: &BillKey) -> Result<Vec<Written>, StoreFault> {
    let filter = AuditFilter { bill: Some(key.no.to_string()), ..AuditFilter::default() };
    let mut found = console.operators.audit(&filter, None, limits::BILL_AUDIT)?;
    // Another merchant's bill, or another day's, may have the same number.
    let about = format!("{}/{}/{}", key.mid, key.date, key.no);
    found.retain(|written| written.about == about);
    // What was asked is told by what came of it, once that is known. The audit itself has both.
    let answered = |asked: &Written| {
        found.iter().any(|later| {
            let same = later.who == asked.who && later.act == asked.act;
            same && later.id > asked.id && later.detail.starts_with(&asked.detail)
        })
    };
    let told: Vec<u64> = found
        .iter()
        .filter(|one| one.known_outcome() != Some(Outcome::Asked) || !answered(one))
        .map(|one| one.id)
        .collect();
    found.retain(|one| told.contains(&one.id));
    Ok(found)
}

/// What the merchant was told: of events that are shown, and of others.
async fn notices(console: &Console, life: &Life) -> Result<(Vec<Kept>, Vec<Kept>), StoreFault> {
    let key = &life.bill.key;
    let (mid, no) = (Some(key.mid.clone()), Some(key.no.clone()));
    let about = Filter { mid, bill: no, ..Filter::default() };
    let mut kept = console.letters.list(&about, None, limits::BILL_NOTICES).await?;
    kept.retain(|kept| kept.letter.bill == **key);
    let shown = |kept: &Kept| life.events.iter().any(|lived| lived.record.seq == kept.letter.seq);
    Ok(kept.into_iter().partition(shown))
}

fn happened(page: &Frame, console: &Console, life: &Life, mut notices: Vec<Kept>) -> Vec<Happened> {
    let traffic = console.api.traffic();
    let told = |lived: &Lived| {
        let record = &lived.record;
        let (own, rest) =
            std::mem::take(&mut notices).into_iter().partition(|one| one.letter.seq == record.seq);
        notices = rest;
        let request = match &record.asker {
            Asker::App { request, .. } => *request,
            Asker::Operator { request, .. } => Some(*request),
            Asker::Payer | Asker::Channel | Asker::Clock => None,
        };
        let kept = |id| traffic.is_some_and(|traffic| traffic.find(id).is_some());
        let receipt = record.event.receipt().map(|receipt| {
            (receipt.reference.as_ref().map(ToString::to_string).unwrap_or_default(), receipt.day)
        });
        Happened {
            at: record.at,
            text: page.t(&lived.text.0, &lived.text.1).to_owned(),
            tone: tone(&record.event),
            who: page.who(&record.asker),
            request: request.map(|id| (id, kept(id))),
            order: lived.order.as_ref().map(ToString::to_string),
            amount: lived.amount.map(|amount| page.yuan(amount.fen())),
            receipt,
            entries: record.entries.clone(),
            notices: own,
        }
    };
    // The newest first: what people come for. The list of notices is the same way round.
    life.events.iter().rev().map(told).collect()
}

/// How an event is marked.
fn tone(event: &Event) -> &'static str {
    match event {
        Event::Declined { .. }
        | Event::CaptureRefused { .. }
        | Event::ReversalRefused { .. }
        | Event::ReleaseRefused { .. }
        | Event::RefundRefused { .. }
        | Event::DivisionRefused { .. } => "bad",
        Event::PaidLate { .. } | Event::Reminded { .. } | Event::Lapsed => "warn",
        Event::Requested { .. }
        | Event::CaptureAsked { .. }
        | Event::ReversalAsked { .. }
        | Event::ReleaseAsked { .. }
        | Event::RefundAsked { .. }
        | Event::DivisionAsked { .. } => "quiet",
        Event::Authorized { .. }
        | Event::Closed
        | Event::Captured { .. }
        | Event::Reversed { .. }
        | Event::Released { .. }
        | Event::Refunded { .. }
        | Event::Divided { .. } => "",
    }
}

impl Money {
    pub(super) fn of(bill: &Bill) -> Self {
        let standing = view::standing(bill);
        let taken = [standing.taken, standing.undivided, standing.others];
        let taken = taken.into_iter().fold(0_u64, |sum, fen| sum.saturating_add(fen.fen()));
        let part = |fen: u64| {
            fen.saturating_mul(1_000).checked_div(bill.terms.amount.fen()).unwrap_or_default()
        };
        let parts = [standing.held.fen(), taken, standing.given_back.fen()].map(part);
        Self { standing, parts }
    }

    /// The parts of the bar that there are: its class, where it begins, how long it is.
    fn bars(&self) -> Vec<(&'static str, u64, u64)> {
        let mut from = 0_u64;
        let bar = |(class, part): (&'static str, u64)| {
            let at = from;
            from = from.saturating_add(part);
            (part > 0).then_some((class, at, part))
        };
        ["held", "taken", "back"].into_iter().zip(self.parts).filter_map(bar).collect()
    }
}

impl Deadline {
    fn at(page: &Sheet, at: Moment, now: Moment) -> Self {
        let left = at.0.saturating_sub(now.0);
        let tone = if left < limits::DEADLINE_NEAR_MS { "warn" } else { "info" };
        Self { at, left: lasting(page, left), tone }
    }
}

impl Code {
    fn of(link: Url) -> Option<Self> {
        Some(Self { drawn: Drawn::of(link.as_str())?, link })
    }
}

impl Frame {
    /// How a bill stands: how that is marked, and what it is called.
    pub(super) fn phase_of(&self, bill: &Bill) -> (&'static str, &'static str) {
        match &bill.phase {
            Phase::Taken { takings, .. } if takings.refundable.is_none() => {
                ("", self.t("refunded", "已全额退款"))
            }
            Phase::Taken { takings, .. } if takings.touched() => {
                ("good", self.t("partly refunded", "部分退款"))
            }
            phase => (self.phase_tone(phase.name()), self.phase_name(phase.name())),
        }
    }

    /// Whose money it is.
    pub(super) fn party(&self, account: &Account) -> String {
        let (en, zh) = match account {
            Account::Payer => ("payer", "付款人"),
            Account::Held => ("held", "冻结"),
            Account::Merchant => ("merchant", "商户"),
            Account::Undivided => ("undivided", "待分账"),
            Account::Sub(mid) => return self.f("merchant {0}", "子商户 {0}", &[mid]),
        };
        self.t(en, zh).to_owned()
    }

    /// Who asked for something.
    fn who(&self, asker: &Asker) -> String {
        match asker {
            Asker::App { app, .. } => self.f("app {0}", "应用 {0}", &[app]),
            Asker::Operator { name, approver: None, .. } => {
                self.f("operator {0}", "操作员 {0}", &[name])
            }
            Asker::Operator { name, approver: Some(approver), .. } => {
                self.f("operator {0}, approved by {1}", "操作员 {0}，{1} 复核", &[name, approver])
            }
            Asker::Payer => self.t("the payer", "付款人").to_owned(),
            Asker::Channel => self.t("the channel", "渠道").to_owned(),
            Asker::Clock => self.t("the gateway, by itself", "网关自动").to_owned(),
        }
    }

    /// What became of a request that an operator made, from what happened to the bill alone.
    fn came(&self, life: &Life, id: RequestId) -> (&'static str, String) {
        let asked = |lived: &&Lived| matches!(&lived.record.asker, Asker::Operator { request, .. } if *request == id);
        let Some(asked) = life.events.iter().find(asked) else {
            let text = self.t(
                "Nothing more happened under this request: it was done before, or it was not done. The timeline says how the bill stands.",
                "该请求没有产生新的变动：此前已执行，或并未执行。账单现状以下方经过为准。",
            );
            return ("info", text.to_owned());
        };
        let number = |lived: &Lived| lived.bill.open_order().map(|(order, _)| order.number);
        let settled = match number(asked) {
            None => Some(asked),
            open => {
                let later = life.events.iter().filter(|later| later.record.seq > asked.record.seq);
                later.into_iter().find(|later| number(later) != open)
            }
        };
        let Some(settled) = settled else {
            let text = self.t(
                "The channel has not said what became of it. The gateway goes on asking, and this page tells as soon as it is known. Nothing has to be done again.",
                "渠道尚未答复，结果未知。网关会持续查询，结果确定后本页即更新，无需重复提交。",
            );
            return ("warn", text.to_owned());
        };
        let what = self.t(&settled.text.0, &settled.text.1);
        match tone(&settled.record.event) {
            "bad" => ("bad", self.f("It was not done: {0}.", "未执行：{0}。", &[&what])),
            _ => ("good", self.f("Done: {0}.", "已执行：{0}。", &[&what])),
        }
    }

    /// What else there is to know of a bill. Personal data is masked.
    fn facts(&self, bill: &Bill) -> Vec<(&str, String)> {
        let (terms, details) = (&bill.terms, &bill.terms.details);
        let (payment, grant) = (bill.payment(), bill.payment().and_then(|one| one.grant.as_ref()));
        let at =
            |moment: Moment| self.f("{0} (Beijing)", "{0}（北京时间）", &[&self.time(&moment)]);
        let text = |text: &dyn std::fmt::Display| Some(text.to_string());
        let masked = |name: &str, value: Option<String>| {
            value.map(|value| mask::field(name, &value).into_owned())
        };
        let unpaid = matches!(bill.phase, Phase::Requested { .. });
        let all = [
            (self.t("Terminal", "终端号"), text(&terms.tid)),
            (self.t("Bill number", "账单号"), text(&bill.key.no)),
            (self.t("Bill date", "账单日期"), text(&bill.key.date)),
            (
                self.t("Payment's number", "支付订单号"),
                payment.map(|_| bill.key.payment_leg().to_string()),
            ),
            (
                self.t("Authorization code", "授权标识应答码"),
                grant.and_then(|grant| grant.auth.as_ref().map(ToString::to_string)),
            ),
            (self.t("Code", "二维码编号"), text(view::shown_code(bill))),
            (self.t("Made", "创建时间"), Some(at(terms.created_at))),
            (self.t("To be paid until", "付款截止"), unpaid.then(|| at(terms.expires_at))),
            (self.t("Paid", "付款时间"), payment.map(|payment| at(payment.receipt.at))),
            (
                self.t("Paid through", "付款渠道"),
                payment.map(|payment| self.through(payment.channel, payment.card)),
            ),
            (
                self.t("Payer", "付款人"),
                masked(
                    "buyerUsername",
                    payment.and_then(|one| one.payer_name.as_ref().map(ToString::to_string)),
                ),
            ),
            (
                self.t("Payer's account", "付款账户"),
                masked(
                    "buyerId",
                    payment.and_then(|one| one.payer_id.as_ref().map(ToString::to_string)),
                ),
            ),
            (
                self.t("Channel's reference", "交易参考号"),
                payment.and_then(|one| one.receipt.reference.as_ref().map(ToString::to_string)),
            ),
            (self.t("Business day", "清算日"), payment.map(|one| one.receipt.day.to_string())),
            (self.t("Member", "会员号"), details.member_id.as_ref().map(ToString::to_string)),
            (self.t("Counter", "柜台号"), details.counter_no.as_ref().map(ToString::to_string)),
            (
                self.t("Merchant's own system", "商户系统编号"),
                details.system_id.as_ref().map(ToString::to_string),
            ),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn through(&self, channel: Channel, card: Option<CardKind>) -> String {
        let channel = match channel {
            Channel::UnionPay => self.t("UnionPay", "银联"),
            Channel::WeChat => self.t("WeChat Pay", "微信支付"),
            Channel::Alipay => self.t("Alipay", "支付宝"),
        };
        match card {
            None => channel.to_owned(),
            Some(CardKind::Debit) => self.f("{0}, debit card", "{0}，借记卡", &[&channel]),
            Some(CardKind::Credit) => self.f("{0}, credit card", "{0}，信用卡", &[&channel]),
        }
    }
}
