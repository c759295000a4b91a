//! What operators do to money: previewed, with a reason, perhaps with a second person's approval, and carried out as a merchant's request is.
//!
//! The one door to it is [`Console::act`], and [`Console::approve`] for whoever is the second person. What is asked is in
//! the audit before anything moves, and what came of it afterwards; both by a task that does not end with the browser.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::{Amount, Bill, BillKey, OrderId, Phase, Text, yuan};
use holdfast_wire::{
    code::Code,
    field::{Once, Verdict},
    messages::{Action, Request},
};
use hyper::StatusCode;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Console, Seat,
    bill::{self, Money},
    seat::{Deed, Frame, Rank, Tellers},
};
use crate::{
    api::{
        Api,
        desk::{self, Came, Foreseen, Life, NewBill, Wish},
    },
    limits,
    operators::{
        About, Act, Approval, ApprovalError, ApprovalFilter, ApprovalState, By, Decision, Entry,
        Operators, Outcome, Role, Wanted,
    },
    request::RequestId,
    store::{Asker, StoreFault},
    submit::Core,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/bills/{mid}/{date}/{no}/{step}", get(look).post(take))
}

/// Something that may be done with a bill, as the rules name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Capture,
    Reverse,
    Release,
    Refund,
    Complete,
    Cancel,
    Close,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Capture,
        Self::Reverse,
        Self::Release,
        Self::Refund,
        Self::Complete,
        Self::Cancel,
        Self::Close,
    ];

    /// As the rules and addresses name it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Reverse => "reverse",
            Self::Release => "release",
            Self::Refund => "refund",
            Self::Complete => "complete",
            Self::Cancel => "cancel",
            Self::Close => "close",
        }
    }

    /// The step of that word.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.word() == word)
    }

    /// What a request asks for.
    pub(super) fn asked_by(request: &Request) -> Option<Self> {
        Some(match request {
            Request::Preauthed(_) => Self::Capture,
            Request::PreauthedCancel(_) => Self::Reverse,
            Request::PreauthCancel(_) => Self::Release,
            Request::Refund(_) => Self::Refund,
            Request::SecureComplete(_) => Self::Complete,
            Request::SecureCancel(_) => Self::Cancel,
            Request::CloseQrcode(_) => Self::Close,
            _ => return None,
        })
    }

    fn wished(wish: &Wish) -> Self {
        match wish {
            Wish::Capture(..) => Self::Capture,
            Wish::Reverse(_) => Self::Reverse,
            Wish::Release => Self::Release,
            Wish::Refund(..) => Self::Refund,
            Wish::Complete(_) => Self::Complete,
            Wish::Cancel => Self::Cancel,
            Wish::Close => Self::Close,
        }
    }

    /// What the audit calls it.
    fn act(self) -> Act {
        match self {
            Self::Capture | Self::Complete => Act::Capture,
            Self::Reverse => Act::Reverse,
            Self::Release | Self::Cancel => Act::Release,
            Self::Refund => Act::Refund,
            Self::Close => Act::Close,
        }
    }

    /// Whether it can be done with a part of the money.
    fn takes_sum(self) -> bool {
        matches!(self, Self::Capture | Self::Refund | Self::Complete)
    }

    /// Whether it names an order: a new one of its own, or the one it undoes.
    fn names_order(self) -> bool {
        matches!(self, Self::Capture | Self::Refund | Self::Reverse)
    }

    /// The wish that a form says; `None` when it does not say enough.
    fn wish(self, sum: Option<Amount>, order: Option<OrderId>) -> Option<Wish> {
        Some(match self {
            Self::Capture => Wish::Capture(sum?, order?),
            Self::Reverse => Wish::Reverse(order?),
            Self::Release => Wish::Release,
            Self::Refund => Wish::Refund(sum?, order?),
            Self::Complete => Wish::Complete(sum?),
            Self::Cancel => Wish::Cancel,
            Self::Close => Wish::Close,
        })
    }
}

/// What the note of a request for approval says when it was carried out and the channel agreed.
pub(super) const DONE: &str = "done";

/// What became of something that an operator asked for.
#[derive(Debug)]
pub(super) enum Acted {
    /// It was done, now or before, under that request.
    Done(RequestId),
    /// Nobody knows yet. The gateway goes on asking the channel, and the bill says what became of it.
    NotKnown(RequestId),
    /// It waits for a second person, as the request for approval of that number.
    Waits(u64),
    /// It was not done: the code, and why in English and Chinese.
    Refused(Code, (String, String)),
}

impl Console {
    /// Does with a bill what an operator wishes, or asks for approval where it takes a second person. All of it is written
    /// into the audit.
    ///
    /// # Errors
    /// A page that says that there is no such bill, or that something broke and nothing was done.
    pub(super) async fn act<R: Rank>(
        &self,
        seat: &Seat<R>,
        key: &BillKey,
        wish: &Wish,
        reason: &str,
    ) -> Result<Acted, Response> {
        let bill = self.core.store.bill(key).await.map_err(|fault| seat.broken(&fault))?;
        let Some(bill) = bill else { return Err(seat.no_bill()) };
        let Some(request) = self.api.request_for(&bill, wish) else {
            let why = (
                "nobody has paid the bill, so nothing is held".to_owned(),
                "账单尚未付款，没有冻结的资金".to_owned(),
            );
            let entry = Entry {
                act: Step::wished(wish).act(),
                about: About::Bill(key.clone()),
                detail: format!("{}: {reason}", why.0),
                outcome: Outcome::Refused,
            };
            self.audit(seat, entry).await?;
            return Ok(Acted::Refused(Code::OperationNotAllowed, why));
        };
        if self.takes_two(&bill, &request) {
            return self.ask(seat, &bill, &request, Step::wished(wish).act(), reason).await;
        }
        let asker = Asker::Operator {
            name: seat.by.who.clone(),
            approver: None,
            request: self.api.next_request(),
        };
        self.carry_out(
            seat,
            Step::wished(wish).act(),
            Errand { bill: key.clone(), request, asker, approval: None },
            reason,
        )
        .await
    }

    /// Whether a request on a bill moves so much that it takes a second person.
    pub(super) fn takes_two(&self, bill: &Bill, request: &Request) -> bool {
        self.approval_above.is_some_and(|most| desk::measured(bill, request) > most)
    }

    /// Asks for approval of what could be done now. The same request asked for again is the one that waits already.
    async fn ask<R: Rank>(
        &self,
        seat: &Seat<R>,
        bill: &Bill,
        request: &Request,
        act: Act,
        reason: &str,
    ) -> Result<Acted, Response> {
        let broken = |fault: StoreFault| seat.broken(&fault);
        // A form that is sent twice asks once.
        let _turn = self.asking.lock().await;
        let entry = |detail, outcome| Entry {
            act,
            about: About::Bill((*bill.key).clone()),
            detail,
            outcome,
        };
        let foreseen = self.api.foresee_at_desk(request).await.map_err(broken)?;
        match foreseen.verdict {
            Verdict::Done => {}
            // Nothing moves, so nobody has to approve of it.
            Verdict::Repeat => {
                self.audit(seat, entry(format!("done before: {reason}"), Outcome::Done)).await?;
                return Ok(Acted::Done(self.api.next_request()));
            }
            Verdict::Refused | Verdict::Other(_) => {
                let detail = format!("{}: {}: {reason}", foreseen.code.name(), foreseen.reason.0);
                self.audit(seat, entry(detail, Outcome::Refused)).await?;
                return Ok(Acted::Refused(foreseen.code, foreseen.reason));
            }
        }
        if let Some(waiting) = self.waiting_for(bill, request).map_err(broken)? {
            self.audit(
                seat,
                entry(format!("request {waiting} waits for it already: {reason}"), Outcome::Asked),
            )
            .await?;
            return Ok(Acted::Waits(waiting));
        }
        let wanted = Wanted {
            path: request.endpoint().path.to_owned(),
            body: String::from_utf8_lossy(&request.encode()).into_owned(),
            bill: (*bill.key).clone(),
            fen: desk::moved(bill, request),
            reason: reason.to_owned(),
        };
        let asked = self.operators.ask_approval(&seat.by, wanted, self.core.clock.wall()).await;
        let asked = asked.map_err(|error| seat.undecided(&error))?;
        seat.written();
        Ok(Acted::Waits(asked.id))
    }

    /// The request for approval of the very same, if one waits.
    fn waiting_for(&self, bill: &Bill, request: &Request) -> Result<Option<u64>, StoreFault> {
        let filter =
            ApprovalFilter { state: Some(ApprovalState::Waiting), bill: Some((*bill.key).clone()) };
        let most = usize::try_from(limits::APPROVALS_WAITING).unwrap_or(usize::MAX);
        let waiting = self.operators.approvals(&filter, None, most, self.core.clock.wall())?;
        let same = |one: &&Approval| {
            one.wanted.path == request.endpoint().path
                && asked_for(one).is_some_and(|asked| asked.fingerprint() == request.fingerprint())
        };
        Ok(waiting.iter().find(same).map(|one| one.id))
    }

    /// Approves of a request as a second person, and carries it out.
    ///
    /// # Errors
    /// A page that says why it cannot be approved, or what broke.
    pub(super) async fn approve<R: Rank>(
        &self,
        seat: &Seat<R>,
        id: u64,
        note: &str,
    ) -> Result<(Approval, Acted), Response> {
        let now = self.core.clock.wall();
        let approved =
            self.operators.decide_approval(&seat.by, id, Decision::Approve, note, now).await;
        let approved = approved.map_err(|error| seat.undecided(&error))?;
        seat.written();
        let acted = self.carry_out_approved(seat, &approved).await?;
        Ok((approved, acted))
    }

    /// Carries out what was approved and is not known to be carried out: after the approval, and once more when the gateway
    /// ended in between. Its number is its own, so what was done before is not done again.
    ///
    /// # Errors
    /// A page that says that it is not to be carried out, or what broke.
    pub(super) async fn carry_out_approved<R: Rank>(
        &self,
        seat: &Seat<R>,
        approval: &Approval,
    ) -> Result<Acted, Response> {
        let approver = match (&approval.state, &approval.decided) {
            (ApprovalState::Approved, Some((who, _))) => who.clone(),
            (state, _) => return Err(seat.undecided(&ApprovalError::Decided(*state))),
        };
        for name in [&approval.asked_by, &approver] {
            let known = self.operators.one(name).map_err(|fault| seat.broken(&fault))?;
            if !known.is_some_and(|known| known.may(Role::Operator)) {
                return Err(seat.undecided(&ApprovalError::NoLonger));
            }
        }
        let Some(request) = asked_for(approval) else {
            return Err(seat.broken(&StoreFault::new(format_args!(
                "request {} for approval cannot be read",
                approval.id
            ))));
        };
        let asker = Asker::Operator {
            name: approval.asked_by.clone(),
            approver: Some(approver),
            request: self.api.next_request(),
        };
        let reason = format!("request {}: {}", approval.id, approval.wanted.reason);
        let act = Step::asked_by(&request).map_or(Act::Request, Step::act);
        let errand = Errand {
            bill: approval.wanted.bill.clone(),
            request,
            asker,
            approval: Some(approval.id),
        };
        self.carry_out(seat, act, errand, &reason).await
    }

    /// Makes a bill that an operator wishes. No money moves before its payer pays, so it takes nobody's approval.
    ///
    /// # Errors
    /// A page that says what broke.
    pub(super) async fn take_hold<R: Rank>(
        &self,
        seat: &Seat<R>,
        bill: &NewBill,
    ) -> Result<Acted, Response> {
        let request = self.api.request_to_make(bill);
        let asker = Asker::Operator {
            name: seat.by.who.clone(),
            approver: None,
            request: self.api.next_request(),
        };
        let said = bill.description.as_ref().map_or_else(String::new, ToString::to_string);
        let errand = Errand { bill: bill.key.clone(), request, asker, approval: None };
        self.carry_out(seat, Act::Hold, errand, &said).await
    }

    /// Carries a request out, and writes into the audit what is asked and what came of it.
    async fn carry_out<R: Rank>(
        &self,
        seat: &Seat<R>,
        act: Act,
        errand: Errand,
        reason: &str,
    ) -> Result<Acted, Response> {
        let Asker::Operator { request: id, .. } = errand.asker else {
            return Err(seat.broken(&StoreFault::new("only operators act at the desk")));
        };
        let detail = format!("{}request {id}: {reason}", sum_and_order(&errand.request));
        let entry =
            Entry { act, about: About::Bill(errand.bill.clone()), detail, outcome: Outcome::Asked };
        let Some(place) = self.api.room() else {
            let why = (
                "too many requests at once: try again in a moment".to_owned(),
                "同时处理的请求过多，请稍后再试".to_owned(),
            );
            self.audit(seat, Entry { outcome: Outcome::Refused, ..entry }).await?;
            return Ok(Acted::Refused(Code::TxnDiscarded, why));
        };
        self.audit(seat, entry.clone()).await?;
        let hand = Hand {
            api: self.api.clone(),
            operators: self.operators.clone(),
            core: self.core.clone(),
            by: seat.by.clone(),
        };
        let came = tokio::spawn(hand.carry_out(errand, entry, place)).await;
        Ok(match came {
            Ok(Came::Done) => Acted::Done(id),
            Ok(Came::Refused(code, why)) => Acted::Refused(code, why),
            Ok(Came::NotKnown) => Acted::NotKnown(id),
            Err(error) => {
                tracing::error!(%error, "what an operator asked for ended badly");
                Acted::NotKnown(id)
            }
        })
    }
}

/// Something that is to be carried out.
struct Errand {
    bill: BillKey,
    request: Request,
    asker: Asker,
    /// The request for approval that it was, if it took one.
    approval: Option<u64>,
}

/// What carries things out when the browser may have hung up.
struct Hand {
    api: Arc<Api>,
    operators: Arc<Operators>,
    core: Arc<Core>,
    by: By,
}

impl Hand {
    /// Carries a request out and writes down what came of it, as long as there is room for it: the gateway does not end
    /// before.
    async fn carry_out(self, errand: Errand, asked: Entry, _place: OwnedSemaphorePermit) -> Came {
        let Errand { request, asker, approval, .. } = errand;
        let came = self.api.carry_out_at_desk(&request, &asker).await;
        let (outcome, said) = match &came {
            Came::Done => (Outcome::Done, DONE.to_owned()),
            Came::NotKnown => (Outcome::Unknown, "the outcome is not known yet".to_owned()),
            Came::Refused(code, why) => (Outcome::Refused, format!("{}: {}", code.name(), why.0)),
        };
        if let Some(id) = approval
            && self.is_settled(&request, &came).await
            && let Err(error) = self.operators.carried_out(id, &said, self.core.clock.wall()).await
        {
            // It is offered once more then, and answered as it was the first time.
            tracing::error!(%error, approval = id, "what came of an approved request cannot be noted");
        }
        let detail = match outcome {
            Outcome::Done => asked.detail,
            _ => format!("{} ({said})", asked.detail),
        };
        let entry = Entry { detail, outcome, ..asked };
        if let Err(fault) = self.operators.record(&self.by, entry, self.core.clock.wall()).await {
            tracing::error!(%fault, "what came of what an operator asked for cannot be written into the audit");
        }
        came
    }

    /// Whether an approved request needs nobody any more. One that met another order that is open, or that a fault kept
    /// from being asked for, is to be carried out once more.
    async fn is_settled(&self, request: &Request, came: &Came) -> bool {
        match came {
            Came::Done => true,
            Came::Refused(code, _) => *code != Code::OrderProcessing,
            Came::NotKnown => match self.api.foresee_at_desk(request).await {
                Ok(foreseen) => foreseen.verdict != Verdict::Done,
                Err(_) => false,
            },
        }
    }
}

/// The request that a request for approval is about.
pub(super) fn asked_for(approval: &Approval) -> Option<Request> {
    desk::read(&approval.wanted.path, &approval.wanted.body)
}

/// What of a request the audit says beside the bill: how much, under which number.
fn sum_and_order(request: &Request) -> String {
    let sum = |amount: Amount| yuan(amount.fen().into());
    match request {
        Request::Preauthed(asked) => {
            format!("{} yuan, order {}, ", sum(asked.total_amount), asked.authed_order_id)
        }
        Request::PreauthedCancel(asked) => format!("order {}, ", asked.mer_order_id),
        Request::Refund(asked) => match &asked.refund_order_id {
            Some(order) => format!("{} yuan, order {order}, ", sum(asked.refund_amount)),
            None => format!("{} yuan, ", sum(asked.refund_amount)),
        },
        Request::SecureComplete(asked) => format!("{} yuan, ", sum(asked.completed_amount)),
        Request::GetQrcode(asked) => match asked.terms.total_amount {
            Some(amount) => format!("{} yuan, ", sum(amount)),
            None => String::new(),
        },
        _ => String::new(),
    }
}

impl<R: Rank> Seat<R> {
    /// There is no such bill.
    pub(super) fn no_bill(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such bill", "没有这个账单"),
            self.page.t(
                "A bill is found by its merchant, its date and its number together.",
                "账单由商户号、账单日期与账单号共同确定。",
            ),
        )
    }

    /// Why something was not approved, refused or withdrawn.
    pub(super) fn undecided(&self, error: &ApprovalError) -> Response {
        let status = match error {
            ApprovalError::Fault(fault) => return self.broken(fault),
            ApprovalError::Missing => StatusCode::NOT_FOUND,
            ApprovalError::Decided(_) | ApprovalError::TooMany => StatusCode::CONFLICT,
            ApprovalError::Own
            | ApprovalError::NotOwn
            | ApprovalError::NotAllowed
            | ApprovalError::NoLonger => StatusCode::FORBIDDEN,
        };
        let (en, zh) = error.text();
        self.told(status, self.page.t("It was not done", "未执行"), self.page.t(en, zh))
    }
}

/// A step that is looked at before it is taken.
#[derive(Template)]
#[template(path = "console/step.html")]
struct Look<'a> {
    page: &'a Frame,
    bill: &'a Bill,
    step: Step,
    /// Within which limits it may be done, or why not.
    limits: String,
    stage: Stage,
}

/// How far somebody is with a step.
enum Stage {
    /// It cannot be taken.
    Not,
    /// It is to be said how much.
    Sum { typed: String, wrong: bool },
    /// It is shown what would happen; with a reason it is done.
    Confirm(Box<Plan>),
}

/// What would happen.
struct Plan {
    sum: Option<Amount>,
    order: Option<OrderId>,
    foreseen: Foreseen,
    /// Whether it takes a second person.
    two: bool,
    reason: String,
    wrong: bool,
}

/// What a form says of a step.
#[derive(Default, Deserialize)]
struct Form {
    #[serde(default)]
    amount: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    reason: String,
}

type Address = (String, String, String, String);

/// The bill, the step and what the rules say of it; or a page that says that there is none.
async fn found<R: Rank>(
    seat: &Seat<R>,
    console: &Console,
    (mid, date, no, step): Address,
) -> Result<(Life, Step, Action), Response> {
    let key = bill::key(&(mid, date, no)).ok_or_else(|| seat.no_bill())?;
    let life = console.api.life_of(&key).await.map_err(|fault| seat.broken(&fault))?;
    let life = life.ok_or_else(|| seat.no_bill())?;
    let step = Step::parse(&step);
    let action = |step: Step| {
        life.actions.iter().find(|action| action.action.as_str() == step.word()).cloned()
    };
    match step.and_then(|step| Some((step, action(step)?))) {
        Some((step, action)) => Ok((life, step, action)),
        None => Err(seat.told(
            StatusCode::NOT_FOUND,
            seat.page.t("That is not done with this bill", "该账单没有此操作"),
            seat.page.t(
                "The page of the bill says what may be done with it.",
                "可执行的操作见账单页面。",
            ),
        )),
    }
}

async fn look(
    seat: Seat<Tellers>,
    State(console): State<Arc<Console>>,
    Path(address): Path<Address>,
    Query(form): Query<Form>,
) -> Response {
    let (life, step, action) = match found(&seat, &console, address).await {
        Ok(found) => found,
        Err(page) => return page,
    };
    let bill = &life.bill;
    let most = action.most;
    let (status, stage) = match (action.allowed, step.takes_sum(), Amount::from_yuan(&form.amount))
    {
        (false, ..) => (StatusCode::OK, Stage::Not),
        (true, true, None) if form.amount.is_empty() => {
            let typed = most.map(|most| yuan(most.fen().into())).unwrap_or_default();
            (StatusCode::OK, Stage::Sum { typed, wrong: false })
        }
        (true, true, sum) if sum.is_none() || sum > most => {
            (StatusCode::BAD_REQUEST, Stage::Sum { typed: form.amount, wrong: true })
        }
        (true, takes_sum, sum) => {
            // Minted now: a form that is sent twice asks twice for the same.
            let order = match step {
                Step::Reverse => captured(bill),
                _ => step.names_order().then(|| console.api.new_order()),
            };
            let said =
                Said { sum: sum.filter(|_| takes_sum), order, reason: String::new(), wrong: false };
            match console.plan(&seat, bill, step, said).await {
                Ok(plan) => (StatusCode::OK, Stage::Confirm(Box::new(plan))),
                Err(page) => return page,
            }
        }
    };
    seat.page.answer(
        status,
        &Look { page: &seat.page, bill, step, limits: seat.page.bounds(&action), stage },
    )
}

/// The number of the capture that stands.
fn captured(bill: &Bill) -> Option<OrderId> {
    match &bill.phase {
        Phase::Taken { takings, .. } => takings.capture.as_ref().map(|leg| leg.order.clone()),
        _ => None,
    }
}

/// What a form says, read.
struct Said {
    sum: Option<Amount>,
    order: Option<OrderId>,
    reason: String,
    wrong: bool,
}

impl Console {
    /// What would happen if somebody took a step as things stand.
    async fn plan<R: Rank>(
        &self,
        seat: &Seat<R>,
        bill: &Bill,
        step: Step,
        said: Said,
    ) -> Result<Plan, Response> {
        let Said { sum, order, reason, wrong } = said;
        let request =
            step.wish(sum, order.clone()).and_then(|wish| self.api.request_for(bill, &wish));
        let Some(request) = request else { return Err(seat.bad_form()) };
        let foreseen =
            self.api.foresee_at_desk(&request).await.map_err(|fault| seat.broken(&fault))?;
        Ok(Plan { sum, order, foreseen, two: self.takes_two(bill, &request), reason, wrong })
    }
}

async fn take(
    Path(address): Path<Address>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, Form>,
) -> Response {
    let Deed { seat, form } = deed;
    let (life, step, action) = match found(&seat, &console, address).await {
        Ok(found) => found,
        Err(page) => return page,
    };
    let bill = &life.bill;
    let sum = Amount::from_yuan(&form.amount).filter(|_| step.takes_sum());
    let order = OrderId::parse(&form.order).ok().filter(|_| step.names_order());
    let Some(wish) = step.wish(sum, order.clone()) else { return seat.bad_form() };
    let Some(reason) = reason(&form.reason) else {
        let said = Said { sum, order, reason: form.reason, wrong: true };
        let plan = match console.plan(&seat, bill, step, said).await {
            Ok(plan) => plan,
            Err(page) => return page,
        };
        let (limits, stage) = (seat.page.bounds(&action), Stage::Confirm(Box::new(plan)));
        let look = Look { page: &seat.page, bill, step, limits, stage };
        return seat.page.answer(StatusCode::BAD_REQUEST, &look);
    };
    match console.act(&seat, &bill.key, &wish, &reason).await {
        Ok(acted) => seat.acted(&bill.key, acted),
        Err(page) => page,
    }
}

/// A reason as it was typed; `None` when there is none, or it is too long.
pub(super) fn reason(typed: &str) -> Option<String> {
    Text::<{ limits::REASON }>::parse(typed.trim()).ok().map(|reason| reason.to_string())
}

impl<R: Rank> Seat<R> {
    /// Where somebody goes when something was done or asked for: to the bill, which says what became of it.
    pub(super) fn acted(&self, key: &BillKey, acted: Acted) -> Response {
        let bill = self.page.bill_path(key);
        match acted {
            Acted::Done(id) | Acted::NotKnown(id) => {
                Redirect::to(&format!("{bill}?request={id}")).into_response()
            }
            Acted::Waits(id) => Redirect::to(&format!("{bill}#waits-{id}")).into_response(),
            Acted::Refused(code, (en, zh)) => {
                let text = format!("{} ({})", self.page.t(&en, &zh), code.name());
                let title = self.page.t("It was not done", "未执行");
                let told =
                    super::Told { page: &self.page, title, text: &text, tone: "bad", back: &bill };
                self.page.answer(StatusCode::CONFLICT, &told)
            }
        }
    }
}

impl Frame {
    /// What a step is called.
    pub(super) fn step(&self, step: Step) -> &str {
        match step {
            Step::Capture => self.t("Capture", "预授权完成"),
            Step::Reverse => self.t("Reverse the capture", "预授权完成撤销"),
            Step::Release => self.t("Release the hold", "预授权撤销"),
            Step::Refund => self.t("Refund", "退款"),
            Step::Complete => self.t("Complete the guarantee", "担保完成"),
            Step::Cancel => self.t("Give the guarantee up", "担保撤销"),
            Step::Close => self.t("Close the bill", "关闭账单"),
        }
    }

    /// What a request for approval asks for.
    pub(super) fn asked_step(&self, approval: &Approval) -> String {
        match asked_for(approval).as_ref().and_then(Step::asked_by) {
            Some(step) => self.step(step).to_owned(),
            None => approval.wanted.path.clone(),
        }
    }

    /// How much it moves.
    pub(super) fn asked_sum(&self, approval: &Approval) -> String {
        self.yuan(approval.wanted.fen)
    }

    /// What a step does, in a sentence.
    fn meaning(&self, step: Step) -> &str {
        match step {
            Step::Capture => self.t(
                "The merchant takes all or part of the held money; the rest goes back to the payer at once.",
                "商户收取全部或部分冻结资金，其余部分立即退回付款人。",
            ),
            Step::Reverse => self.t(
                "The whole capture is undone. It can be done on the capture's business day only.",
                "整笔撤销预授权完成，仅限完成当个清算日。",
            ),
            Step::Release => self.t(
                "The whole hold goes back to the payer. It cannot be taken back.",
                "全部冻结资金退回付款人，不可恢复。",
            ),
            Step::Refund => self.t(
                "Taken money goes back to the payer, in part or whole.",
                "将已收资金全部或部分退回付款人。",
            ),
            Step::Complete => self.t(
                "The merchant takes all or part of the guaranteed money; the rest goes back to the payer. It can be done once.",
                "商户收取全部或部分担保资金，其余退回付款人，仅可执行一次。",
            ),
            Step::Cancel => self.t("All of the guaranteed money goes back to the payer.", "全部担保资金退回付款人。"),
            Step::Close => self.t("Nobody can pay this bill any more.", "账单关闭后不可再付款。"),
        }
    }

    /// Within which limits something may be done, or why not.
    fn bounds(&self, action: &Action) -> String {
        self.t(action.text.as_str(), action.text_zh.as_str()).to_owned()
    }

    /// Why something would not be done.
    pub(super) fn why<'a>(&'a self, foreseen: &'a Foreseen) -> &'a str {
        self.t(&foreseen.reason.0, &foreseen.reason.1)
    }
}
