//! What waits for a second person, and their decisions.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use holdfast_domain::Moment;
use holdfast_wire::field::{Once, Verdict};
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Console, Seat,
    act::{self, asked_for},
    bill::Money,
    seat::{Deed, Frame, Tellers},
};
use crate::{
    api::desk::Foreseen,
    limits,
    operators::{Approval, ApprovalError, ApprovalFilter, ApprovalState, Decision, Role},
    store::StoreFault,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/approvals", get(list))
        .route("/approvals/{id}/approve", post(approve))
        .route("/approvals/{id}/refuse", post(refuse))
        .route("/approvals/{id}/withdraw", post(withdraw))
        .route("/approvals/{id}/carry-out", post(carry_out))
}

#[derive(Template)]
#[template(path = "console/approvals.html")]
struct List<'a> {
    page: &'a Frame,
    /// What somebody has to decide, the oldest first.
    waiting: Vec<Card>,
    /// Whether there are more than are shown.
    more: bool,
    /// What is approved, and not known to be carried out.
    approved: Vec<Approval>,
    /// What was decided, the newest first.
    decided: Vec<Approval>,
    /// Where older ones begin.
    older: Option<u64>,
    /// Whether these are not the newest.
    is_old: bool,
    may_decide: bool,
}

/// A request that waits.
struct Card {
    approval: Approval,
    /// Whether whoever looks asked for it.
    own: bool,
    /// What it would do now; `None` when it cannot be read.
    foreseen: Option<Foreseen>,
}

impl Card {
    /// Whether it would be done as things stand.
    fn may_be_done(&self) -> bool {
        self.foreseen.as_ref().is_some_and(|foreseen| foreseen.effect.is_some())
    }
}

#[derive(Deserialize)]
struct Wanted {
    before: Option<u64>,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(Wanted { before }): Query<Wanted>,
) -> Response {
    match see(&seat.page, &console, before).await {
        Ok(list) => seat.page.answer(StatusCode::OK, &list),
        Err(fault) => seat.broken(&fault),
    }
}

async fn see<'a>(
    page: &'a Frame,
    console: &Console,
    before: Option<u64>,
) -> Result<List<'a>, StoreFault> {
    let now = console.core.clock.wall();
    let all = usize::try_from(limits::APPROVALS_WAITING).unwrap_or(usize::MAX);
    let in_state = |state| {
        let filter = ApprovalFilter { state: Some(state), bill: None };
        console.operators.approvals(&filter, None, all, now)
    };
    let mut asked = in_state(ApprovalState::Waiting)?;
    // Those that expire first come first.
    asked.reverse();
    let more = asked.len() > limits::APPROVALS_SHOWN;
    asked.truncate(limits::APPROVALS_SHOWN);
    let mut waiting = vec![];
    for approval in asked {
        let own = approval.asked_by == page.operator;
        let foreseen = match asked_for(&approval) {
            Some(request) => Some(console.api.foresee_at_desk(&request).await?),
            None => None,
        };
        waiting.push(Card { approval, own, foreseen });
    }
    let any = ApprovalFilter::default();
    let most = limits::APPROVALS_PAGE.saturating_add(1);
    let mut decided = console.operators.approvals(&any, before, most, now)?;
    let is_more = decided.len() == most;
    decided.truncate(limits::APPROVALS_PAGE);
    let older = decided.last().filter(|_| is_more).map(|last| last.id);
    let open = [ApprovalState::Waiting, ApprovalState::Approved];
    decided.retain(|one| !open.contains(&one.state));
    Ok(List {
        page,
        waiting,
        more,
        approved: in_state(ApprovalState::Approved)?,
        decided,
        older,
        is_old: before.is_some(),
        may_decide: page.may(Role::Operator),
    })
}

/// What is said with a decision; it may be nothing.
#[derive(Deserialize)]
struct Note {
    #[serde(default)]
    note: String,
}

impl Note {
    fn read(&self) -> Option<String> {
        match self.note.trim().is_empty() {
            true => Some(String::new()),
            false => act::reason(&self.note),
        }
    }
}

async fn approve(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, Note>,
) -> Response {
    let Deed { seat, form } = deed;
    let (Some(id), Some(note)) = (id.parse().ok(), form.read()) else { return seat.bad_form() };
    match console.approve(&seat, id, &note).await {
        Ok((approval, acted)) => seat.acted(&approval.wanted.bill, acted),
        Err(page) => page,
    }
}

async fn refuse(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, Note>,
) -> Response {
    console.decide(&id, deed, Decision::Refuse).await
}

async fn withdraw(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, Note>,
) -> Response {
    console.decide(&id, deed, Decision::Withdraw).await
}

impl Console {
    /// Decides that something is not done.
    async fn decide(&self, id: &str, deed: Deed<Tellers, Note>, decision: Decision) -> Response {
        let Deed { seat, form } = deed;
        let (Some(id), Some(note)) = (id.parse().ok(), form.read()) else { return seat.bad_form() };
        let now = self.core.clock.wall();
        match self.operators.decide_approval(&seat.by, id, decision, &note, now).await {
            Ok(_) => {
                seat.written();
                Redirect::to("/approvals").into_response()
            }
            Err(error) => seat.undecided(&error),
        }
    }
}

async fn carry_out(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, ()>,
) -> Response {
    let Deed { seat, form: () } = deed;
    let found = match id.parse() {
        Ok(id) => console.operators.approval(id, console.core.clock.wall()),
        Err(_) => Ok(None),
    };
    let approval = match found {
        Ok(Some(approval)) => approval,
        Ok(None) => return seat.undecided(&ApprovalError::Missing),
        Err(fault) => return seat.broken(&fault),
    };
    match console.carry_out_approved(&seat, &approval).await {
        Ok(acted) => seat.acted(&approval.wanted.bill, acted),
        Err(page) => page,
    }
}

impl Frame {
    /// How a request for approval stands: how that is marked, and what it is called.
    fn approval_state(&self, approval: &Approval) -> (&'static str, &str) {
        let tone = match approval.state {
            ApprovalState::Waiting | ApprovalState::Approved => "warn",
            ApprovalState::Refused => "bad",
            // What came of it stands in the note, and in the bill.
            ApprovalState::Withdrawn | ApprovalState::Expired | ApprovalState::CarriedOut => "",
        };
        let tone = match approval.state {
            ApprovalState::CarriedOut if approval.note == act::DONE => "good",
            ApprovalState::CarriedOut => "warn",
            _ => tone,
        };
        (tone, self.t(approval.state.text().0, approval.state.text().1))
    }
}

/// When a request was decided: when it ran out, if nobody decided.
fn ended(approval: &Approval) -> Moment {
    approval.decided.as_ref().map_or_else(|| approval.expires_at(), |(_, at)| *at)
}
