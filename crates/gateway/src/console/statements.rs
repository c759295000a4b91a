//! Settlement statements (对账单) by day: what came in and went out, whether the ledger says the same, the digest, and the
//! files to download.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use askama::Template;
use axum::{
    Extension, Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use holdfast_domain::{Day, DayEnd, Mid, Moment};
use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Console, Seat,
    chart::{Chart, Mark, Plan, Series, Unit, draw},
    seat::{Frame, Rank},
};
use crate::{
    limits,
    pages::in_address,
    statement::{
        Kind, Line, Part, Section, Statement, StatementError, Total, is_over, make, merchants,
        over_at,
    },
    store::StoreFault,
};

mod download;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/statements", get(show))
        .route("/statements.csv", get(download::csv))
        .route("/statements.json", get(download::json))
        .route_layer(Extension(Makers(Arc::new(Semaphore::new(limits::STATEMENTS_MADE)))))
}

/// How many statements are made at once: each reads a day of the journal.
#[derive(Clone)]
struct Makers(Arc<Semaphore>);

impl Makers {
    /// Room for one more, if there is.
    fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

impl<R: Rank> Seat<R> {
    /// A page that says that there is no room.
    fn too_many_statements(&self) -> Response {
        self.told(
            StatusCode::SERVICE_UNAVAILABLE,
            self.page.t("Too many statements are being made", "正在生成的对账单过多"),
            self.page.t("Try again in a moment.", "请稍后重试。"),
        )
    }
}

/// Which statement is asked for: as typed, and as understood.
struct Wanted {
    mid: String,
    date: String,
    /// Whose; `None` for that of everybody.
    merchant: Result<Option<Mid>, WrongMid>,
    day: Result<Day, WrongDay>,
    /// The business day it is.
    today: Day,
    now: Moment,
}

/// Why a merchant cannot be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WrongMid {
    Malformed,
    Unknown,
}

/// Why a day cannot be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WrongDay {
    Malformed,
    Future,
}

impl Wanted {
    async fn of(console: &Console, query: &BTreeMap<String, String>) -> Result<Self, StoreFault> {
        let text = |name: &str| -> String {
            let text = query.get(name).map(|text| text.trim()).unwrap_or_default();
            text.chars().take(limits::STATEMENT_TYPED).collect()
        };
        let now = console.core.clock.now();
        let today = now.business_day(console.core.policy.business_day_ends);
        let (mid, mut date) = (text("mid"), text("date"));
        if date.is_empty() {
            date = Day(today.0.saturating_sub(1)).to_string();
        }
        let day = match Day::parse(&date) {
            Some(day) if day <= today => Ok(day),
            Some(_) => Err(WrongDay::Future),
            None => Err(WrongDay::Malformed),
        };
        let merchant = match Mid::parse(&mid) {
            _ if mid.is_empty() => Ok(None),
            Err(_) => Err(WrongMid::Malformed),
            Ok(mid) if is_known(console, &mid, day.ok()).await? => Ok(Some(mid)),
            Ok(_) => Err(WrongMid::Unknown),
        };
        Ok(Self { mid, date, merchant, day, today, now })
    }

    fn wrong_mid(&self) -> Option<WrongMid> {
        self.merchant.as_ref().err().copied()
    }

    fn wrong_day(&self) -> Option<WrongDay> {
        self.day.err()
    }
}

/// Whether there is such a merchant: its statement would be empty otherwise, and look right. A share may be of a
/// merchant that is registered nowhere.
async fn is_known(console: &Console, mid: &Mid, day: Option<Day>) -> Result<bool, StoreFault> {
    if console.accounts.book().merchants.contains_key(mid) {
        return Ok(true);
    }
    match day {
        Some(day) => Ok(merchants(&*console.core.store, day, |_| ()).await?.contains(mid)),
        None => Ok(true),
    }
}

#[derive(Template)]
#[template(path = "console/statements.html")]
struct Statements<'a> {
    page: &'a Frame,
    wanted: &'a Wanted,
    /// Whom to choose from, by number, with names.
    choice: Vec<(String, String)>,
    shown: Shown<'a>,
}

/// What is below the choice.
enum Shown<'a> {
    /// Nothing: it cannot be understood.
    Nothing,
    /// A day, with everybody who has lines on it.
    All(All),
    /// A day of one merchant.
    One(Box<One<'a>>),
}

/// The statements of everybody on a day, as far as there is room.
struct All {
    rows: Vec<Row>,
    /// How many more there are.
    more: usize,
    /// What makes all of them.
    command: String,
}

/// A statement in one row.
struct Row {
    mid: Mid,
    address: String,
    count: u64,
    net_fen: i128,
    aside_fen: i128,
    /// How its digest begins.
    digest: String,
}

/// One statement.
struct One<'a> {
    mid: Mid,
    day: Day,
    name: String,
    complete: bool,
    digest: String,
    sections: [Half; 2],
    chart: Option<Chart<'a>>,
    /// What makes it again and compares the digest.
    command: String,
}

/// A section of a statement, as the page shows it.
struct Half {
    section: Section,
    totals: Vec<(Kind, Total)>,
    net: Total,
    /// What the ledger's entries of the day are together, in fen.
    booked_fen: i128,
    /// The first lines.
    lines: Vec<Line>,
}

impl Half {
    fn agrees(&self) -> bool {
        self.booked_fen == self.net.fen
    }

    /// How many lines are in the files only.
    fn more(&self) -> u64 {
        self.net.count.saturating_sub(u64::try_from(self.lines.len()).unwrap_or(u64::MAX))
    }

    fn is_settlement(&self) -> bool {
        self.section == Section::Settlement
    }
}

impl One<'_> {
    fn count(&self) -> u64 {
        self.sections.iter().fold(0, |sum, half| sum.saturating_add(half.net.count))
    }

    /// When the day is over for good.
    fn final_at(&self) -> Moment {
        over_at(self.day)
    }

    fn agrees(&self) -> bool {
        self.sections.iter().all(Half::agrees)
    }
}

impl Statements<'_> {
    /// The same page of another day.
    fn beside(&self, days: i32) -> Option<(Day, String)> {
        let day = Day(self.wanted.day.ok()?.0.saturating_add(days));
        // Not beyond today, nor beyond the days that can be written.
        let there = day <= self.wanted.today && Day::parse(&day.to_string()) == Some(day);
        there.then(|| (day, address(&self.wanted.mid, day)))
    }
}

/// Where a merchant's statement of a day is shown.
fn address(mid: &str, day: Day) -> String {
    match mid {
        "" => format!("/statements?date={day}"),
        mid => format!("/statements?mid={}&date={day}", in_address(mid)),
    }
}

async fn show(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Extension(makers): Extension<Makers>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    match Wanted::of(&console, &query).await {
        Ok(wanted) => answer(&seat, &console, &makers, &wanted).await,
        Err(fault) => seat.broken(&fault),
    }
}

async fn answer(seat: &Seat, console: &Console, makers: &Makers, wanted: &Wanted) -> Response {
    let Some(_permit) = makers.enter() else { return seat.too_many_statements() };
    let made = match (&wanted.merchant, wanted.day) {
        (Ok(Some(mid)), Ok(day)) => one(&seat.page, console, (mid, day), wanted.now)
            .await
            .map(|one| Shown::One(Box::new(one))),
        (Ok(None), Ok(day)) => all(console, day, is_over(day, wanted.now)).await.map(Shown::All),
        _ => Ok(Shown::Nothing),
    };
    let shown = match made {
        Ok(shown) => shown,
        Err(StatementError::Store(fault)) => return seat.broken(&fault),
        Err(StatementError::Write(error)) => return seat.broken(&StoreFault::new(error)),
    };
    let status = match shown {
        Shown::Nothing => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let choice = choice(console, wanted);
    let statements = Statements { page: &seat.page, wanted, choice, shown };
    seat.page.answer(status, &statements)
}

/// The merchants to choose from; none when there are more than a list is good for.
fn choice(console: &Console, wanted: &Wanted) -> Vec<(String, String)> {
    let book = console.accounts.book();
    if book.merchants.len() > limits::STATEMENT_MERCHANTS {
        return vec![];
    }
    let registered = book.merchants.values();
    let mut choice: BTreeMap<String, String> = registered
        .map(|merchant| (merchant.mid.to_string(), merchant.name.as_str().to_owned()))
        .collect();
    // What was typed is kept, whatever it is.
    if !wanted.mid.is_empty() {
        choice.entry(wanted.mid.clone()).or_default();
    }
    choice.into_iter().collect()
}

async fn all(console: &Console, day: Day, complete: bool) -> Result<All, StatementError> {
    let store = &*console.core.store;
    let mids: BTreeSet<Mid> = merchants(store, day, |_| ()).await?;
    let more = mids.len().saturating_sub(limits::STATEMENTS_SHOWN);
    let some = mids.into_iter().take(limits::STATEMENTS_SHOWN);
    let writers = some.map(|mid| (mid, |_: Part<'_>| Ok::<_, io::Error>(()))).collect();
    let made = make(store, day, complete, writers, |_| ()).await?;
    let dir = console.data_dir_to_paste();
    let command = format!("holdfast statement --all-merchants --date {day} --data-dir {dir}");
    let rows = made.into_iter().map(|Statement { head, totals, digest, .. }| {
        let (net, aside) = (totals.net(Section::Settlement), totals.net(Section::Aside));
        Row {
            address: address(head.mid.as_str(), day),
            mid: head.mid,
            count: net.count.saturating_add(aside.count),
            net_fen: net.fen,
            aside_fen: aside.fen,
            digest: format!("{}…", digest.get(..12).unwrap_or_default()),
        }
    });
    Ok(All { rows: rows.collect(), more, command })
}

async fn one<'a>(
    page: &'a Frame,
    console: &Console,
    (mid, day): (&Mid, Day),
    now: Moment,
) -> Result<One<'a>, StatementError> {
    let ends = console.core.policy.business_day_ends;
    let (mut settlement, mut aside) = (vec![], vec![]);
    let mut hours = Hours::of(day, ends);
    let writer = |part: Part<'_>| {
        if let Part::Line(line) = part {
            let lines = match line.kind.section() {
                Section::Settlement => &mut settlement,
                Section::Aside => &mut aside,
            };
            if lines.len() < limits::STATEMENT_LINES_SHOWN {
                lines.push(line.clone());
            }
            hours.add(line);
        }
        Ok(())
    };
    let complete = is_over(day, now);
    let writers = BTreeMap::from([(mid.clone(), writer)]);
    let made = make(&*console.core.store, day, complete, writers, |_| ()).await?;
    let Some(Statement { totals, booked, digest, .. }) = made.into_iter().next() else {
        return Err(StoreFault::new("no statement was made").into());
    };
    let half = |section, lines| Half {
        section,
        totals: totals.each(section).collect(),
        net: totals.net(section),
        booked_fen: booked.fen(section),
        lines,
    };
    let moved = totals.net(Section::Settlement).count > 0;
    let name = console.accounts.book().merchants.get(mid).map(|known| known.name.to_string());
    let dir = console.data_dir_to_paste();
    let command =
        format!("holdfast statement --mid {mid} --date {day} --verify {digest} --data-dir {dir}");
    Ok(One {
        command,
        mid: mid.clone(),
        day,
        name: name.unwrap_or_default(),
        complete,
        digest,
        sections: [half(Section::Settlement, settlement), half(Section::Aside, aside)],
        chart: moved.then(|| hours.draw(page)),
    })
}

/// What came in and what went out at the settlement, by hour of the business day.
struct Hours {
    began: Moment,
    came: Vec<i128>,
    went: Vec<i128>,
}

const HOUR_MS: i64 = 3_600_000;
const HOURS: usize = 24;

impl Hours {
    fn of(day: Day, ends: DayEnd) -> Self {
        let began = Day(day.0.saturating_sub(1)).ends_at(ends);
        Self { began, came: vec![0; HOURS], went: vec![0; HOURS] }
    }

    fn add(&mut self, line: &Line) {
        if line.kind.section() != Section::Settlement {
            return;
        }
        let hour = line.at.0.saturating_sub(self.began.0).div_euclid(HOUR_MS);
        // The end of the business day may have been another one then.
        let hour = usize::try_from(hour).unwrap_or(0).min(HOURS.saturating_sub(1));
        let side = if line.effect_fen < 0 { &mut self.went } else { &mut self.came };
        if let Some(sum) = side.get_mut(hour) {
            *sum = sum.saturating_add(line.effect_fen.saturating_abs());
        }
    }

    fn draw(self, page: &Frame) -> Chart<'_> {
        let hour = |number: i64| {
            let time = page.time(&self.began.plus_ms(number.saturating_mul(HOUR_MS)));
            let time = time.get(11..16).unwrap_or_default();
            Mark { short: time.get(..2).unwrap_or_default().to_owned(), full: time.to_owned() }
        };
        let marks = (0..).take(HOURS).map(hour).collect();
        let series = |name: &str, class, values| Series { name: name.to_owned(), class, values };
        draw(
            page,
            Plan {
                id: "by-hour",
                title: page.t("Settlement by hour, in yuan", "各小时结算金额（元）").to_owned(),
                desc: page
                    .t(
                        "What came in and what went out of the settlement in each hour of the business day. Beijing time.",
                        "该清算日各小时的入账与出账金额，北京时间。",
                    )
                    .to_owned(),
                across: page.t("Hour from", "起始时间").to_owned(),
                unit: Unit::Fen,
                every: 4,
                marks,
                series: vec![
                    series(page.t("Came in", "入账"), "taken", self.came),
                    series(page.t("Went out", "出账"), "back", self.went),
                ],
            },
        )
    }
}

impl Frame {
    /// What a line of a statement tells of.
    fn line_kind(&self, kind: &Kind) -> &'static str {
        let en = match kind {
            Kind::Payment => "Payment",
            Kind::Capture => "Capture",
            Kind::Completion => "Completion of a guarantee",
            Kind::Reversal => "Reversal of a capture",
            Kind::Refund => "Refund",
            Kind::Division => "Kept of a division",
            Kind::Share => "Share in another bill",
            Kind::ShareRefund => "Refund of a share",
            Kind::Authorized => "Held",
            Kind::Pending => "Paid, not yet divided",
            Kind::Late => "Late payment",
            Kind::Taken => "Ended by a capture",
            Kind::Restored => "Held again after a reversal",
            Kind::Released => "Released",
            Kind::Expired => "Expired",
            Kind::Returned => "Late payment returned",
            Kind::Divided => "Divided",
            Kind::Refunded => "Refunded before division",
        };
        self.t(en, kind.zh())
    }
}
