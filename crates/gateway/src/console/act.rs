//! What operators do to money: previewed, with a reason, perhaps with a second person's approval, and carried out as a merchant's request is.
//!
//! The one door to it is [`Console::act`], and [`Console::approve`] for whoever is the second person. What is asked is in
//! the audit before anything moves, and what came of it afterwards; both by a task that does not end with the browser.

use std::sync::Arc;

use axum::{Router, response::Response};
use holdfast_domain::{Amount, Bill, BillKey, yuan};
use holdfast_wire::{code::Code, field::Verdict, messages::Request};
use hyper::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

use super::{Console, Seat, seat::Rank};
use crate::{
    api::{
        Api,
        desk::{self, Came, Wish},
    },
    limits,
    operators::{
        About, Act, Approval, ApprovalError, ApprovalFilter, ApprovalState, By, Decision, Entry,
        Operators, Outcome, Wanted,
    },
    request::RequestId,
    store::{Asker, StoreFault},
    submit::Core,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}

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
                act: act_of(wish),
                about: About::Bill(key.clone()),
                detail: format!("{}: {reason}", why.0),
                outcome: Outcome::Refused,
            };
            self.audit(seat, entry).await?;
            return Ok(Acted::Refused(Code::OperationNotAllowed, why));
        };
        if self.takes_two(&bill, &request) {
            return self.ask(seat, &bill, &request, act_of(wish), reason).await;
        }
        let asker = Asker::Operator {
            name: seat.by.who.clone(),
            approver: None,
            request: self.api.next_request(),
        };
        self.carry_out(
            seat,
            act_of(wish),
            Errand { bill: key.clone(), request, asker, approval: None },
            reason,
        )
        .await
    }

    /// Whether a request on a bill moves so much that it takes a second person.
    pub(super) fn takes_two(&self, bill: &Bill, request: &Request) -> bool {
        self.approval_above.is_some_and(|most| desk::moved(bill, request) > most)
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
        let act = act_in(&request);
        let errand = Errand {
            bill: approval.wanted.bill.clone(),
            request,
            asker,
            approval: Some(approval.id),
        };
        self.carry_out(seat, act, errand, &reason).await
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
            Came::Done => (Outcome::Done, "done".to_owned()),
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

/// What a wish is called in the audit.
fn act_of(wish: &Wish) -> Act {
    match wish {
        Wish::Capture(..) | Wish::Complete(_) => Act::Capture,
        Wish::Reverse(_) => Act::Reverse,
        Wish::Release | Wish::Cancel => Act::Release,
        Wish::Refund(..) => Act::Refund,
        Wish::Close => Act::Close,
    }
}

/// What a request is called in the audit.
pub(super) fn act_in(request: &Request) -> Act {
    match request {
        Request::Preauthed(_) | Request::SecureComplete(_) => Act::Capture,
        Request::PreauthedCancel(_) => Act::Reverse,
        Request::PreauthCancel(_) | Request::SecureCancel(_) => Act::Release,
        Request::Refund(_) => Act::Refund,
        Request::CloseQrcode(_) => Act::Close,
        _ => Act::Request,
    }
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
            ApprovalError::Own | ApprovalError::NotOwn | ApprovalError::NotAllowed => {
                StatusCode::FORBIDDEN
            }
        };
        let (en, zh) = error.text();
        self.told(status, self.page.t("It was not done", "未执行"), self.page.t(en, zh))
    }
}
