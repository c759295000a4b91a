//! Many holds at once: what would become of each is shown first, then each is released or reminded of, one after the
//! other, by a task that does not end with the browser. Each goes the way that it would go alone.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::{Bill, BillKey, Command, Kind, Moment, yuan};
use holdfast_wire::field::Verdict;
use hyper::StatusCode;
use tokio::sync::oneshot;

use super::{
    super::{
        Console, Seat,
        act::Acted,
        notices::resend,
        seat::{Deed, Frame, Rank, Tellers},
    },
    choice, chosen,
    remind::{Both, Remind},
};
use crate::{
    api::desk::Wish,
    clock::patience,
    limits,
    notices::outbox::Filter,
    operators::{About, Act, Entry, Outcome, Role},
    store::{Asker, StoreFault},
    submit::SubmitError,
    view,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/expiry/release", get(preview_release).post(release))
        .route("/expiry/remind", get(preview_remind).post(remind))
        .route("/expiry/runs/{id}", get(show))
}

/// What is done with each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// They are released.
    Release,
    /// Their merchants are reminded.
    Remind,
}

impl Bulk {
    fn path(self) -> &'static str {
        match self {
            Self::Release => "/expiry/release",
            Self::Remind => "/expiry/remind",
        }
    }

    fn act(self) -> Act {
        match self {
            Self::Release => Act::Release,
            Self::Remind => Act::Reminder,
        }
    }

    /// What it is called in English and Chinese.
    pub(super) fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Release => ("Release holds", "批量预授权撤销"),
            Self::Remind => ("Remind merchants", "批量提醒商户"),
        }
    }
}

/// What would become of a bill.
enum May {
    /// It would be done.
    Yes,
    /// It would be asked of a second person.
    Two,
    /// What was told at that moment would be told again.
    Again(Moment),
    /// It would not be done, and why.
    No(Both),
}

/// One of the chosen bills.
struct Line {
    key: BillKey,
    merchant: String,
    fen: u64,
    deadline: Option<Moment>,
    may: May,
}

impl Line {
    fn is_done(&self) -> bool {
        !matches!(self.may, May::No(_))
    }

    fn is_at_once(&self) -> bool {
        matches!(self.may, May::Yes | May::Again(_))
    }
}

/// How many, and how much together.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) count: usize,
    pub(super) fen: u64,
}

impl Sum {
    fn of<'a>(lines: impl Iterator<Item = &'a Line>) -> Self {
        lines.fold(Self::default(), |sum, line| sum.and(line.fen))
    }

    fn and(self, fen: u64) -> Self {
        Self { count: self.count.saturating_add(1), fen: self.fen.saturating_add(fen) }
    }
}

#[derive(Template)]
#[template(path = "console/expiry_preview.html")]
struct Preview<'a> {
    page: &'a Frame,
    bulk: Bulk,
    lines: Vec<Line>,
    done: Sum,
    at_once: Sum,
    two: Sum,
    not: Sum,
    /// The name of the run that this form begins, so that a form that is sent twice begins one.
    run: String,
    reason: String,
    wrong: bool,
    may: bool,
}

async fn preview_release(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    console.preview(&seat, Bulk::Release, &query).await.unwrap_or_else(|page| page)
}

async fn preview_remind(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    console.preview(&seat, Bulk::Remind, &query).await.unwrap_or_else(|page| page)
}

type Sent = Deed<Tellers, Vec<(String, String)>>;

async fn release(State(console): State<Arc<Console>>, deed: Sent) -> Response {
    console.begin(deed, Bulk::Release).await.unwrap_or_else(|page| page)
}

async fn remind(State(console): State<Arc<Console>>, deed: Sent) -> Response {
    console.begin(deed, Bulk::Remind).await.unwrap_or_else(|page| page)
}

impl Console {
    async fn preview(
        &self,
        seat: &Seat,
        bulk: Bulk,
        query: &[(String, String)],
    ) -> Result<Response, Response> {
        let keys = all_chosen(query).map_err(|wrong| seat.unchosen(wrong))?;
        let lines = self.lines(seat, bulk, &keys).await?;
        let run = self.core.dice.hex(limits::EXPIRY_RUN_NAME);
        let preview = Preview::of(&seat.page, bulk, lines, run);
        Ok(seat.page.answer(StatusCode::OK, &preview))
    }

    /// What would become of each of these bills.
    async fn lines<R: Rank>(
        &self,
        seat: &Seat<R>,
        bulk: Bulk,
        keys: &[BillKey],
    ) -> Result<Vec<Line>, Response> {
        let broken = |fault: StoreFault| seat.broken(&fault);
        let mut lines = vec![];
        for key in keys {
            let bill = self.core.store.bill(key).await.map_err(broken)?;
            let Some(bill) = bill else { return Err(seat.no_bill()) };
            let may = match bulk {
                Bulk::Release => self.releasing(&bill).await,
                Bulk::Remind => self.reminding(&bill).await.map(|remind| match remind {
                    Remind::Now => May::Yes,
                    Remind::Again(at, _) => May::Again(at),
                    Remind::No(why) => May::No(why),
                }),
            };
            lines.push(Line {
                key: key.clone(),
                merchant: self.called(&key.mid),
                fen: bill.terms.amount.fen(),
                deadline: view::deadline(&bill),
                may: may.map_err(broken)?,
            });
        }
        Ok(lines)
    }

    /// What would become of a wish to release a hold.
    async fn releasing(&self, bill: &Bill) -> Result<May, StoreFault> {
        let Some(request) = self.api.request_for(bill, &wish(bill)) else {
            let why = "nobody has paid the bill, so nothing is held";
            return Ok(May::No((why.to_owned(), "账单尚未付款，没有冻结的资金".to_owned())));
        };
        let foreseen = self.api.foresee_at_desk(&request).await?;
        Ok(match foreseen.verdict {
            Verdict::Done if self.takes_two(bill, &request) => May::Two,
            Verdict::Done => May::Yes,
            Verdict::Repeat => May::No(("it is released already".to_owned(), "已撤销".to_owned())),
            Verdict::Refused | Verdict::Other(_) => May::No(foreseen.reason),
        })
    }

    /// Begins a run, or finds the one that the same form has begun.
    async fn begin(self: &Arc<Self>, deed: Sent, bulk: Bulk) -> Result<Response, Response> {
        let Deed { seat, form } = deed;
        let field = |name: &str| {
            let value = form.iter().find(|(known, _)| known == name);
            value.map(|(_, text)| text.trim().to_owned()).unwrap_or_default()
        };
        let (id, reason) = (field("run"), field("reason"));
        let there = format!("/expiry/runs/{id}");
        if !is_name(&id) {
            return Err(seat.bad_form());
        }
        if self.runs.one(&id).is_some() {
            // Its entries in the audit are those of the run.
            seat.written();
            return Ok(Redirect::to(&there).into_response());
        }
        let keys = all_chosen(&form).map_err(|wrong| seat.unchosen(wrong))?;
        let lines = self.lines(&seat, bulk, &keys).await?;
        let letters = reason.chars().count();
        if !(1..=limits::EXPIRY_REASON).contains(&letters) || reason.chars().any(char::is_control) {
            let preview = Preview::of(&seat.page, bulk, lines, id);
            let reason = reason.chars().take(limits::EXPIRY_REASON.saturating_mul(2)).collect();
            let preview = Preview { reason, wrong: true, ..preview };
            return Ok(seat.page.answer(StatusCode::BAD_REQUEST, &preview));
        }
        let run = Arc::new(Run::of(id, bulk, &seat, reason, lines, self.core.clock.wall()));
        match self.runs.begin(&run) {
            Begun::Here => {}
            Begun::Before => {
                seat.written();
                return Ok(Redirect::to(&there).into_response());
            }
            Begun::TooMany => return Err(seat.too_many_runs()),
        }
        // All of it by one task: a browser that hangs up leaves no run that never begins.
        let (tell, told) = oneshot::channel();
        tokio::spawn(self.clone().run(seat, run, tell));
        match told.await {
            Ok(Some(page)) => Err(page),
            Ok(None) | Err(_) => Ok(Redirect::to(&there).into_response()),
        }
    }

    /// Carries a run out, and writes it into the audit; tells whether that could be done.
    async fn run(
        self: Arc<Self>,
        seat: Seat<Tellers>,
        run: Arc<Run>,
        tell: oneshot::Sender<Option<Response>>,
    ) {
        let _end = End(run.clone());
        let fen = run.bills.iter().fold(0_u64, |sum, bill| sum.saturating_add(bill.fen));
        let detail = format!(
            "{} bills, {} yuan together: {}",
            run.bills.len(),
            yuan(fen.into()),
            run.reason
        );
        let about = About::Page(format!("/expiry/runs/{}", run.id));
        let entry = Entry { act: run.bulk.act(), about, detail, outcome: Outcome::Asked };
        let written = self.audit(&seat, entry.clone()).await;
        let refused = written.is_err();
        // Nobody may be there to hear it: then the run goes on.
        drop(tell.send(written.err()));
        if refused {
            return;
        }
        for (place, bill) in run.bills.iter().enumerate() {
            // Whoever may no longer do it does not go on doing it.
            let still = self.operators.one(&seat.by.who).ok().flatten();
            if !still.is_some_and(|known| known.may(Role::Operator)) || !self.has_room().await {
                break;
            }
            run.set(place, Fate::Underway);
            let fate = match run.bulk {
                Bulk::Release => self.release_one(&seat, &bill.key, &run.reason).await,
                Bulk::Remind => self.remind_one(&seat, &bill.key, &run.reason).await,
            };
            let Ok(fate) = fate else {
                // What broke would break for the next one, too.
                run.set(place, Fate::Broke);
                break;
            };
            run.set(place, fate);
        }
        let done = run.count(Fate::is_good);
        let detail = format!("{done} of {} done: {}", run.bills.len(), run.reason);
        if self.audit(&seat, Entry { detail, outcome: Outcome::Done, ..entry }).await.is_err() {
            tracing::error!("what came of a run cannot be written into the audit");
        }
    }

    /// Waits until there is room for one more request, for a while. There is none when the gateway ends.
    async fn has_room(&self) -> bool {
        for _ in 0..limits::EXPIRY_ROOM_TRIES {
            if self.api.room().is_some() {
                return true;
            }
            patience(limits::EXPIRY_ROOM_PAUSE_MS, std::future::pending::<()>()).await;
        }
        false
    }

    async fn release_one(
        &self,
        seat: &Seat<Tellers>,
        key: &BillKey,
        reason: &str,
    ) -> Result<Fate, Response> {
        let bill = self.core.store.bill(key).await.map_err(|fault| seat.broken(&fault))?;
        let Some(bill) = bill else { return Err(seat.no_bill()) };
        Ok(match self.act(seat, key, &wish(&bill), reason).await? {
            Acted::Done(_) => Fate::Done,
            Acted::NotKnown(_) => Fate::NotKnown,
            Acted::Waits(approval) => Fate::Waits(approval),
            Acted::Refused(_, why) => Fate::Refused(why),
        })
    }

    /// Reminds a bill's merchant, and writes it into the audit.
    async fn remind_one(
        &self,
        seat: &Seat<Tellers>,
        key: &BillKey,
        reason: &str,
    ) -> Result<Fate, Response> {
        let broken = |fault: StoreFault| seat.broken(&fault);
        let bill = self.core.store.bill(key).await.map_err(broken)?;
        let Some(bill) = bill else { return Err(seat.no_bill()) };
        let request = self.api.next_request();
        let entry = Entry {
            act: Act::Reminder,
            about: About::Bill(key.clone()),
            detail: format!("request {request}: {reason}"),
            outcome: Outcome::Asked,
        };
        self.audit(seat, entry.clone()).await?;
        let fate = match self.reminding(&bill).await.map_err(broken)? {
            Remind::Now => {
                let name = seat.by.who.clone();
                let asker = Asker::Operator { name, approver: None, request };
                match self.core.submit(bill, &Command::Remind, &asker).await {
                    Ok(_) => Fate::Done,
                    Err(SubmitError::Fault(fault)) => return Err(broken(fault)),
                    // The clock was quicker, or the money went on its way.
                    Err(error) => Fate::Refused((error.to_string(), "状态刚刚发生变化".to_owned())),
                }
            }
            Remind::Again(_, letters) => {
                for letter in &letters {
                    resend(&self.letters, Filter::one(*letter)).await.map_err(broken)?;
                }
                Fate::Again(letters)
            }
            Remind::No(why) => Fate::Refused(why),
        };
        let (outcome, said) = match &fate {
            Fate::Refused(why) => (Outcome::Refused, why.0.as_str()),
            Fate::Again(_) => (Outcome::Done, "the last notice is sent again"),
            _ => (Outcome::Done, "reminded"),
        };
        let detail = format!("{} ({said})", entry.detail);
        self.audit(seat, Entry { detail, outcome, ..entry }).await?;
        Ok(fate)
    }
}

/// How money that is held is given up.
fn wish(bill: &Bill) -> Wish {
    match bill.terms.kind {
        Kind::Guarantee => Wish::Cancel,
        Kind::Hold | Kind::Payment => Wish::Release,
    }
}

/// Why a choice is none.
#[derive(Clone, Copy)]
enum Unchosen {
    Unreadable,
    Nothing,
    TooMany,
}

/// The bills that a form names, each once.
fn all_chosen(form: &[(String, String)]) -> Result<Vec<BillKey>, Unchosen> {
    let (mut known, mut keys) = (BTreeSet::new(), vec![]);
    for (_, text) in form.iter().filter(|(name, _)| name == "bill") {
        let key = choice(text).ok_or(Unchosen::Unreadable)?;
        if known.insert(chosen(&key)) {
            keys.push(key);
        }
    }
    match keys.len() {
        0 => Err(Unchosen::Nothing),
        1..=limits::EXPIRY_BULK => Ok(keys),
        _ => Err(Unchosen::TooMany),
    }
}

/// Whether a text can be the name of a run.
fn is_name(text: &str) -> bool {
    text.len() == limits::EXPIRY_RUN_NAME
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl<'a> Preview<'a> {
    fn of(page: &'a Frame, bulk: Bulk, lines: Vec<Line>, run: String) -> Self {
        Self {
            page,
            bulk,
            done: Sum::of(lines.iter().filter(|line| line.is_done())),
            at_once: Sum::of(lines.iter().filter(|line| line.is_at_once())),
            two: Sum::of(lines.iter().filter(|line| matches!(line.may, May::Two))),
            not: Sum::of(lines.iter().filter(|line| !line.is_done())),
            lines,
            run,
            reason: String::new(),
            wrong: false,
            may: page.may(Role::Operator),
        }
    }
}

/// What became of one bill of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its turn has not come.
    Next,
    /// It is being done.
    Underway,
    /// It was done.
    Done,
    /// The notices of these numbers are sent again.
    Again(Vec<u64>),
    /// A second person is asked, under that number.
    Waits(u64),
    /// Nobody knows yet. The gateway goes on asking.
    NotKnown,
    /// It was not done, and why.
    Refused(Both),
    /// Something broke on the way.
    Broke,
    /// The run ended before its turn.
    Left,
}

impl Fate {
    fn is_good(&self) -> bool {
        matches!(self, Self::Done | Self::Again(_))
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Next | Self::Underway)
    }
}

/// A bill of a run.
pub(super) struct Entrusted {
    pub(super) key: BillKey,
    pub(super) merchant: String,
    pub(super) fen: u64,
}

/// Many bills of which the same is done. It is kept in memory: what became of each bill, the bill and the audit say.
pub(super) struct Run {
    pub(super) id: String,
    pub(super) bulk: Bulk,
    pub(super) by: Arc<str>,
    pub(super) reason: String,
    pub(super) since: Moment,
    pub(super) bills: Vec<Entrusted>,
    state: Mutex<Standing>,
}

/// How far a run has come.
struct Standing {
    fates: Vec<Fate>,
    ended: bool,
}

impl Run {
    fn of<R: Rank>(
        id: String,
        bulk: Bulk,
        seat: &Seat<R>,
        reason: String,
        lines: Vec<Line>,
        since: Moment,
    ) -> Self {
        let bill = |line: Line| Entrusted { key: line.key, merchant: line.merchant, fen: line.fen };
        let bills: Vec<_> = lines.into_iter().filter(Line::is_done).map(bill).collect();
        let state = Standing { fates: vec![Fate::Next; bills.len()], ended: false };
        let by = seat.by.who.clone();
        Self { id, bulk, by, reason, since, bills, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, Standing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: usize, fate: Fate) {
        if let Some(there) = self.state().fates.get_mut(place) {
            *there = fate;
        }
    }

    pub(super) fn count(&self, is: impl Fn(&Fate) -> bool) -> usize {
        self.state().fates.iter().filter(|fate| is(fate)).count()
    }

    /// How many have their fate.
    pub(super) fn passed(&self) -> usize {
        self.count(|fate| !fate.is_open())
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().ended
    }
}

/// Ends a run, however its task ends.
struct End(Arc<Run>);

impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        for fate in &mut state.fates {
            match fate {
                Fate::Next => *fate = Fate::Left,
                Fate::Underway => *fate = Fate::Broke,
                _ => {}
            }
        }
    }
}

/// The last runs, the oldest first.
#[derive(Default)]
pub(crate) struct Runs(Mutex<VecDeque<Arc<Run>>>);

enum Begun {
    Here,
    Before,
    TooMany,
}

impl Runs {
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&self, id: &str) -> Option<Arc<Run>> {
        self.all().iter().find(|run| run.id == id).cloned()
    }

    /// The last ones, the newest first.
    pub(super) fn latest(&self) -> Vec<Arc<Run>> {
        self.all().iter().rev().take(limits::EXPIRY_RUNS_SHOWN).cloned().collect()
    }

    /// Keeps a run, unless there is one of its name.
    fn begin(&self, run: &Arc<Run>) -> Begun {
        let mut all = self.all();
        if all.iter().any(|known| known.id == run.id) {
            return Begun::Before;
        }
        if all.iter().filter(|known| !known.is_over()).count() >= limits::EXPIRY_RUNS_AT_ONCE {
            return Begun::TooMany;
        }
        while all.len() >= limits::EXPIRY_RUNS_KEPT {
            let Some(over) = all.iter().position(|known| known.is_over()) else { break };
            all.remove(over);
        }
        all.push_back(run.clone());
        Begun::Here
    }
}

#[derive(Template)]
#[template(path = "console/expiry_run.html")]
struct Shown<'a> {
    page: &'a Frame,
    run: &'a Run,
    fates: Vec<Fate>,
    over: bool,
    passed: usize,
    good: Sum,
    waits: usize,
    unknown: usize,
    not: usize,
}

async fn show(seat: Seat, State(console): State<Arc<Console>>, Path(id): Path<String>) -> Response {
    let Some(run) = console.runs.one(&id) else { return seat.no_run() };
    let (fates, over) = {
        let state = run.state();
        (state.fates.clone(), state.ended)
    };
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    let good = run.bills.iter().zip(&fates).filter(|(_, fate)| fate.is_good());
    let shown = Shown {
        page: &seat.page,
        over,
        passed: count(|fate| !fate.is_open()),
        good: good.fold(Sum::default(), |sum, (bill, _)| sum.and(bill.fen)),
        waits: count(|fate| matches!(fate, Fate::Waits(_))),
        unknown: count(|fate| matches!(fate, Fate::NotKnown | Fate::Broke)),
        not: count(|fate| matches!(fate, Fate::Refused(_) | Fate::Left)),
        run: &run,
        fates,
    };
    seat.page.answer(StatusCode::OK, &shown)
}

impl Frame {
    /// What became of a bill of a run: how it is marked, and what it is called.
    fn fate(&self, bulk: &Bulk, fate: &Fate) -> (&'static str, &str) {
        match (fate, bulk) {
            (Fate::Next, _) => ("", self.t("waiting", "等待中")),
            (Fate::Underway, _) => ("info", self.t("under way", "处理中")),
            (Fate::Done, Bulk::Release) => ("good", self.t("released", "已撤销")),
            (Fate::Done, Bulk::Remind) => ("good", self.t("reminded", "已提醒")),
            (Fate::Again(_), _) => ("good", self.t("sent again", "已重发")),
            (Fate::Waits(_), _) => ("info", self.t("waits for approval", "待复核")),
            (Fate::NotKnown, _) => ("warn", self.t("not known yet", "结果未知")),
            (Fate::Refused(_), _) => ("bad", self.t("not done", "未执行")),
            (Fate::Broke, _) => ("bad", self.t("broke", "故障中断")),
            (Fate::Left, _) => ("warn", self.t("not begun", "未开始")),
        }
    }
}

impl<R: Rank> Seat<R> {
    /// What is wrong with a choice.
    fn unchosen(&self, wrong: Unchosen) -> Response {
        let title = match wrong {
            Unchosen::Unreadable => return self.bad_form(),
            Unchosen::Nothing => self.page.t("No hold is chosen", "未选择预授权"),
            Unchosen::TooMany => self.page.t("Too many are chosen", "选择过多"),
        };
        let text = self.page.f(
            "Choose 1 to {0} holds in the list.",
            "请在列表中选择 1 至 {0} 笔预授权。",
            &[&limits::EXPIRY_BULK],
        );
        self.told(StatusCode::BAD_REQUEST, title, &text)
    }

    fn no_run(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("This run is not remembered", "没有此次批量操作的记录"),
            self.page.t(
                "Runs are remembered until the gateway starts anew, the last ones only. Nothing is lost: each bill and the audit say what became of it, and bills whose turn had not come are as they were.",
                "批量操作的进度只保留最近若干次，网关重启后即清除。结果没有丢失：每笔结果见账单与审计，未轮到的账单保持原状。",
            ),
        )
    }

    fn too_many_runs(&self) -> Response {
        self.told(
            StatusCode::CONFLICT,
            self.page.t("Too many runs at once", "同时进行的批量操作过多"),
            self.page.t(
                "Wait until one of them has ended, then send the form again.",
                "请等待其中一次结束后再提交。",
            ),
        )
    }
}
