//! What merchants are told and whether it arrived; telling them again.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use holdfast_domain::{BillNo, Mid, Moment};
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Console, Seat,
    seat::{Deed, Frame, Rank, Tellers},
};
use crate::{
    limits,
    notices::outbox::{Counts, Filter, Kept, Letters, Receiver, State as LetterState, Try},
    operators::{About, Act, Entry, Outcome, Role},
    outbound::Target,
    pages::in_address,
    store::StoreFault,
    traffic::mask,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/notices", get(list))
        .route("/notices/resend", get(preview).post(resend_all))
        .route("/notices/round/{round}", get(round))
        .route("/notices/{id}", get(show))
        .route("/notices/{id}/resend", post(resend_one))
}

/// Which notices are asked for: as typed, and as understood.
#[derive(Default)]
struct Wanted {
    state: String,
    mid: String,
    bill: String,
    to: String,
    event: String,
    filter: Filter,
    before: Option<u64>,
    wrong: Wrong,
}

/// Which fields cannot be understood.
#[derive(Default)]
struct Wrong {
    mid: bool,
    bill: bool,
    to: bool,
}

/// Those that wait though what they tell of happened a while ago.
const OVERDUE: &str = "overdue";

impl Wanted {
    fn of(query: &BTreeMap<String, String>, now: Moment) -> Self {
        let text = |name: &str, most: usize| -> String {
            query.get(name).map(|text| text.trim().chars().take(most).collect()).unwrap_or_default()
        };
        let (mid, bill, to) = (text("mid", 64), text("bill", 64), text("to", 2_000));
        let (state, event) = (text("state", 16), text("event", 64));
        let wrong = Wrong {
            mid: !mid.is_empty() && Mid::parse(&mid).is_err(),
            bill: !bill.is_empty() && BillNo::parse(&bill).is_err(),
            to: !to.is_empty() && Target::parse(&to).is_err(),
        };
        let states = match state.as_str() {
            OVERDUE => vec![LetterState::Waiting],
            name => LetterState::ALL.into_iter().filter(|state| state.name() == name).collect(),
        };
        let filter = Filter {
            id: None,
            mid: Mid::parse(&mid).ok(),
            states,
            event: Some(event.clone()).filter(|event| !event.is_empty()),
            bill: BillNo::parse(&bill).ok(),
            to: (!to.is_empty()).then(|| Receiver::of(&to)),
            since: None,
            until: (state == OVERDUE).then(|| overdue(now)),
        };
        let before = text("before", 20).parse().ok();
        Self { state, mid, bill, to, event, filter, before, wrong }
    }

    fn is_wrong(&self) -> bool {
        self.wrong.mid || self.wrong.bill || self.wrong.to
    }

    fn is_any(&self) -> bool {
        [&self.state, &self.mid, &self.bill, &self.to, &self.event]
            .into_iter()
            .all(|text| text.is_empty())
    }

    /// The same question, as the query of an address.
    fn query(&self) -> String {
        let pairs = [
            ("state", &self.state),
            ("mid", &self.mid),
            ("bill", &self.bill),
            ("to", &self.to),
            ("event", &self.event),
        ];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| format!("{name}={}&", in_address(value))).collect()
    }
}

/// What happened before this and is not told yet is overdue.
fn overdue(now: Moment) -> Moment {
    now.plus_ms(limits::NOTICE_OVERDUE_MS.saturating_neg())
}

/// How many there are, as far as they are counted.
struct Many {
    count: usize,
    more: bool,
}

async fn many(letters: &dyn Letters, filter: &Filter) -> Result<Many, StoreFault> {
    let found = letters.list(filter, None, limits::NOTICES_COUNTED.saturating_add(1)).await?.len();
    Ok(Many { count: found.min(limits::NOTICES_COUNTED), more: found > limits::NOTICES_COUNTED })
}

/// A receiver at which nobody has answered lately.
struct Silent {
    receiver: Receiver,
    /// The letter that was tried there last.
    letter: Kept,
    /// The last try.
    tried: Try,
}

#[derive(Template)]
#[template(path = "console/notices.html")]
struct List<'a> {
    page: &'a Frame,
    wanted: &'a Wanted,
    found: Vec<Kept>,
    /// Where older ones begin.
    older: Option<u64>,
    overdue: Many,
    waiting: Many,
    given_up: Many,
    silent: Vec<Silent>,
    now: Moment,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let now = console.core.clock.now();
    let wanted = Wanted::of(&query, now);
    let letters = &*console.letters;
    let in_state = |state, until| Filter { states: vec![state], until, ..Filter::default() };
    let read = async {
        let most = limits::NOTICES_PAGE.saturating_add(1);
        let mut found = match wanted.is_wrong() {
            true => vec![],
            false => letters.list(&wanted.filter, wanted.before, most).await?,
        };
        let more = found.len() == most;
        found.truncate(limits::NOTICES_PAGE);
        Ok(List {
            page: &seat.page,
            wanted: &wanted,
            older: found.last().filter(|_| more).map(|last| last.id),
            found,
            overdue: many(letters, &in_state(LetterState::Waiting, Some(overdue(now)))).await?,
            waiting: many(letters, &in_state(LetterState::Waiting, None)).await?,
            given_up: many(letters, &in_state(LetterState::GivenUp, None)).await?,
            silent: silent(letters).await?,
            now,
        })
    };
    let status = if wanted.is_wrong() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match read.await {
        Ok(list) => seat.page.answer(status, &list),
        Err(fault) => seat.broken(&fault),
    }
}

/// Receivers for which letters wait and at which nobody answered the last try, the first of them by name.
async fn silent(letters: &dyn Letters) -> Result<Vec<Silent>, StoreFault> {
    let mut found = vec![];
    for (receiver, _) in letters.receivers(None, limits::NOTICE_RECEIVERS_SHOWN).await? {
        let due = letters.due(&receiver, Moment(i64::MAX), 1).await?;
        let Some(letter) = due.into_iter().next() else { continue };
        let tried = letters.tries(letter.id).await?.pop();
        // One that answers, whatever it says, is not silent.
        if let Some(tried) = tried.filter(|tried| tried.status.is_none()) {
            found.push(Silent { receiver, letter, tried });
        }
    }
    Ok(found)
}

#[derive(Template)]
#[template(path = "console/notice.html")]
struct Show<'a> {
    page: &'a Frame,
    kept: &'a Kept,
    tries: Vec<Try>,
    pairs: Vec<(&'a str, String)>,
    may_resend: bool,
}

async fn one(letters: &dyn Letters, id: &str) -> Result<Option<Kept>, StoreFault> {
    match id.parse() {
        Ok(id) => Ok(letters.list(&Filter::one(id), None, 1).await?.into_iter().next()),
        Err(_) => Ok(None),
    }
}

async fn show(seat: Seat, State(console): State<Arc<Console>>, Path(id): Path<String>) -> Response {
    let letters = &*console.letters;
    let read = async {
        Ok(match one(letters, &id).await? {
            Some(kept) => Some((letters.tries(kept.id).await?, kept)),
            None => None,
        })
    };
    let (tries, kept) = match read.await {
        Ok(Some(found)) => found,
        Ok(None) => return seat.no_notice(),
        Err(fault) => return seat.broken(&fault),
    };
    let pairs = kept.letter.pairs.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), mask::field(name, value).into_owned()));
    let may_resend = seat.page.may(Role::Operator);
    let show = Show { page: &seat.page, kept: &kept, tries, pairs: pairs.collect(), may_resend };
    seat.page.answer(StatusCode::OK, &show)
}

async fn resend_one(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, ()>,
) -> Response {
    let Deed { seat, form: () } = deed;
    let kept = match one(&*console.letters, &id).await {
        Ok(Some(kept)) => kept,
        Ok(None) => return seat.no_notice(),
        Err(fault) => return seat.broken(&fault),
    };
    let about = (About::Notice(kept.id), kept.letter.event.clone());
    match console.resend(&seat, Filter::one(kept.id), about).await {
        Ok(_) => Redirect::to(&format!("/notices/{}", kept.id)).into_response(),
        Err(page) => page,
    }
}

impl Console {
    /// Sends letters again, and writes it into the audit. Answers the round's number, or a page that says what broke.
    async fn resend<R: Rank>(
        &self,
        seat: &Seat<R>,
        filter: Filter,
        (about, detail): (About, String),
    ) -> Result<u64, Response> {
        let act = Act::NoticeResent;
        let entry = |outcome| Entry { act, about: about.clone(), detail: detail.clone(), outcome };
        self.audit(seat, entry(Outcome::Asked)).await?;
        let sent = resend(&self.letters, filter).await;
        let outcome = if sent.is_ok() { Outcome::Done } else { Outcome::Unknown };
        self.audit(seat, entry(outcome)).await?;
        sent.map_err(|fault| seat.broken(&fault))
    }
}

/// Makes letters due, some at a time, so that the courier can write in between. Goes on when the browser hangs up.
/// Answers the round's number.
pub(super) async fn resend(letters: &Arc<dyn Letters>, filter: Filter) -> Result<u64, StoreFault> {
    let letters = letters.clone();
    let work = async move {
        let round = letters.begin_round().await?;
        let mut after = 0;
        while let Some(last) = letters.resend(&filter, round, after).await? {
            after = last;
        }
        Ok(round)
    };
    tokio::spawn(work).await.map_err(StoreFault::new)?
}

/// Which letters a bulk resend takes: those to one receiver that were given up.
#[derive(Deserialize)]
struct To {
    #[serde(default)]
    to: String,
}

impl To {
    fn filter(&self) -> Option<Filter> {
        let to = Target::parse(&self.to).is_ok().then(|| Receiver::of(&self.to))?;
        Some(Filter { to: Some(to), states: vec![LetterState::GivenUp], ..Filter::default() })
    }
}

#[derive(Template)]
#[template(path = "console/resend.html")]
struct Preview<'a> {
    page: &'a Frame,
    to: &'a str,
    many: Many,
    /// The newest of them.
    some: Vec<Kept>,
    may_resend: bool,
}

async fn preview(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(to): Query<To>,
) -> Response {
    let Some(filter) = to.filter() else { return seat.no_receiver() };
    let receiver = filter.to.clone();
    let read = async {
        let many = many(&*console.letters, &filter).await?;
        Ok((many, console.letters.list(&filter, None, limits::NOTICES_PREVIEWED).await?))
    };
    match read.await {
        Ok((many, some)) => {
            let to = receiver.as_ref().map(Receiver::as_str).unwrap_or_default();
            let may_resend = seat.page.may(Role::Operator);
            seat.page
                .answer(StatusCode::OK, &Preview { page: &seat.page, to, many, some, may_resend })
        }
        Err(fault) => seat.broken(&fault),
    }
}

async fn resend_all(State(console): State<Arc<Console>>, deed: Deed<Tellers, To>) -> Response {
    let Deed { seat, form } = deed;
    let Some(filter) = form.filter() else { return seat.no_receiver() };
    let to = filter.to.as_ref().map(Receiver::to_string).unwrap_or_default();
    match console.resend(&seat, filter, (About::Nothing, to)).await {
        Ok(round) => Redirect::to(&format!("/notices/round/{round}")).into_response(),
        Err(page) => page,
    }
}

#[derive(Template)]
#[template(path = "console/round.html")]
struct Round<'a> {
    page: &'a Frame,
    round: u64,
    counts: Counts,
}

impl Round<'_> {
    /// How many letters it has; at least one, for the bar.
    fn of(&self) -> u64 {
        let Counts { waiting, delivered, given_up } = self.counts;
        waiting.saturating_add(delivered).saturating_add(given_up).max(1)
    }
}

async fn round(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Path(round): Path<String>,
) -> Response {
    let read = async {
        let rounds = console.letters.rounds().await?;
        match round.parse().ok().filter(|round| (1..=rounds).contains(round)) {
            Some(round) => Ok(Some((round, console.letters.counts(round).await?))),
            None => Ok(None),
        }
    };
    match read.await {
        Ok(Some((round, counts))) => {
            seat.page.answer(StatusCode::OK, &Round { page: &seat.page, round, counts })
        }
        Ok(None) => seat.no_notice(),
        Err(fault) => seat.broken(&fault),
    }
}

impl<R: Rank> Seat<R> {
    fn no_notice(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such notice", "没有这条通知"),
            self.page.t(
                "Delivered notices are kept for 90 days, those that were given up for a year.",
                "已送达的通知保留 90 天，已放弃的保留一年。",
            ),
        )
    }

    fn no_receiver(&self) -> Response {
        self.told(
            StatusCode::BAD_REQUEST,
            self.page.t("That is no receiver", "接收方地址有误"),
            self.page.t(
                "A receiver is an address that begins with http:// or https://.",
                "接收方地址须以 http:// 或 https:// 开头。",
            ),
        )
    }
}

impl Frame {
    /// What has become of a letter: how it is marked, and what it is called.
    pub(super) fn letter_state(&self, kept: &Kept, now: &Moment) -> (&'static str, &str) {
        match kept.state {
            LetterState::Delivered => ("good", self.t("delivered", "已送达")),
            LetterState::GivenUp => ("bad", self.t("given up", "已放弃")),
            LetterState::Waiting if kept.letter.at < overdue(*now) => {
                ("warn", self.t("overdue", "逾期未送达"))
            }
            LetterState::Waiting => ("info", self.t("waiting", "等待中")),
        }
    }

    /// A count that stops somewhere.
    fn many(&self, many: &Many) -> String {
        match many.more {
            true => self.f("{0} and more", "{0} 以上", &[&many.count]),
            false => many.count.to_string(),
        }
    }
}

/// What a receiver answered, for people.
fn answered(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
