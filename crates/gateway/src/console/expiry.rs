//! Holds that come to their deadline: seen in time, released or reminded of many at once.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use holdfast_domain::{BillKey, BillNo, Day, Kind, Mid, Moment};
use hyper::StatusCode;

use super::{
    Console, Seat,
    chart::{Chart, Mark, Plan, Series, Unit, draw},
    seat::Frame,
};
use crate::{
    finder::{Cursor, Found, Order, Place, Row, Span, Wanted},
    limits,
    operators::Role,
    pages::in_address,
    store::StoreFault,
};

mod bulk;
mod remind;

pub(crate) use bulk::Runs;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/expiry", get(show)).merge(bulk::routes())
}

/// So many days are left: its name in addresses, the first day and the one behind the last, counted from today, and what
/// it is called in English and Chinese, also where there is little room.
struct Bucket {
    name: &'static str,
    from: i32,
    until: Option<i32>,
    text: (&'static str, &'static str),
    short: (&'static str, &'static str),
}

const fn bucket(
    name: &'static str,
    (from, until): (i32, Option<i32>),
    text: (&'static str, &'static str),
    short: (&'static str, &'static str),
) -> Bucket {
    Bucket { name, from, until, text, short }
}

const BUCKETS: [Bucket; 7] = [
    bucket("0", (0, Some(1)), ("Today", "今天"), ("0", "0")),
    bucket("1", (1, Some(2)), ("Tomorrow", "明天"), ("1", "1")),
    bucket("2", (2, Some(3)), ("In 2 days", "2 天后"), ("2", "2")),
    bucket("3", (3, Some(4)), ("In 3 days", "3 天后"), ("3", "3")),
    bucket("4-7", (4, Some(8)), ("In 4 to 7 days", "4–7 天后"), ("4–7", "4–7")),
    bucket("8-14", (8, Some(15)), ("In 8 to 14 days", "8–14 天后"), ("8–14", "8–14")),
    bucket("15", (15, None), ("In 15 days or more", "15 天后及以后"), ("15+", "15+")),
];

impl Bucket {
    /// When its deadlines are, by days in Beijing. What is over and not given back yet is today's.
    fn span(&self, today: Day) -> Span {
        let begins = |days: i32| Day(today.0.saturating_add(days)).starts_at();
        Span { from: (self.from > 0).then(|| begins(self.from)), until: self.until.map(begins) }
    }
}

/// Which holds are asked for: as typed, and as understood.
#[derive(Default)]
struct Asked {
    bucket: Option<&'static Bucket>,
    mid: String,
    merchant: Option<Mid>,
    place: Place,
    /// Whether all boxes on the page are ticked.
    all: bool,
}

impl Asked {
    fn of(query: &[(String, String)]) -> Self {
        let text = |name: &str, most: usize| -> String {
            let value = query.iter().rev().find(|(known, _)| known == name);
            value.map(|(_, text)| text.trim().chars().take(most).collect()).unwrap_or_default()
        };
        let (mid, left) = (text("mid", 64), text("left", 8));
        let cursor = |name| Cursor::parse(&text(name, 200));
        let place = match (cursor("after"), cursor("before")) {
            (Some(after), _) => Place::After(after),
            (None, Some(before)) => Place::Before(before),
            (None, None) => Place::First,
        };
        Self {
            bucket: BUCKETS.iter().find(|bucket| bucket.name == left),
            merchant: Mid::parse(&mid).ok(),
            mid,
            place,
            all: text("select", 8) == "all",
        }
    }

    fn is_wrong(&self) -> bool {
        !self.mid.is_empty() && self.merchant.is_none()
    }

    fn is(&self, bucket: &Bucket) -> bool {
        self.bucket.is_some_and(|chosen| chosen.name == bucket.name)
    }

    fn left(&self) -> &'static str {
        self.bucket.map_or("", |bucket| bucket.name)
    }

    /// The address of another bucket, of the same merchant.
    fn address(&self, left: &str) -> String {
        let pairs = [("left", left), ("mid", self.mid.as_str())];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query: String =
            pairs.map(|(name, value)| format!("{name}={}&", in_address(value))).collect();
        format!("/expiry?{query}")
    }

    /// The same page again, with all boxes ticked or none.
    fn same(&self, select: &str) -> String {
        let place = match &self.place {
            Place::First | Place::Last => String::new(),
            Place::After(cursor) => format!("after={}&", in_address(&cursor.to_string())),
            Place::Before(cursor) => format!("before={}&", in_address(&cursor.to_string())),
        };
        format!("{}{place}select={select}#holds", self.address(self.left()))
    }

    fn turned(&self, way: &str, cursor: &Cursor) -> String {
        format!("{}{way}={}", self.address(self.left()), in_address(&cursor.to_string()))
    }

    fn wanted(&self, expires: Span) -> Wanted {
        Wanted { mid: self.merchant.clone(), order: Order::Deadline, expires, ..Wanted::default() }
    }
}

/// How many holds a bucket has and how much they come to, as far as they are counted.
struct Counted {
    bucket: &'static Bucket,
    count: usize,
    fen: u64,
    more: bool,
}

/// A hold in the list.
struct Listed {
    row: Row,
    merchant: String,
    left: Left,
    /// How many days before the deadline the last reminder came, if one did.
    reminded: Option<u16>,
}

/// How long something is held yet, in words, and how it is marked.
struct Left {
    tone: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "console/expiry.html")]
struct Radar<'a> {
    page: &'a Frame,
    asked: &'a Asked,
    buckets: Vec<Counted>,
    total: bulk::Sum,
    chart: Chart<'a>,
    found: Option<Found>,
    rows: Vec<Listed>,
    runs: Vec<Arc<bulk::Run>>,
    may: bool,
}

impl Radar<'_> {
    /// Whether a bucket has more than was counted.
    fn is_cut(&self) -> bool {
        self.buckets.iter().any(|counted| counted.more)
    }
}

async fn show(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let asked = Asked::of(&query);
    let status = if asked.is_wrong() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    match radar(&seat.page, &console, &asked).await {
        Ok(radar) => seat.page.answer(status, &radar),
        Err(fault) => seat.broken(&fault),
    }
}

async fn radar<'a>(
    page: &'a Frame,
    console: &Console,
    asked: &'a Asked,
) -> Result<Radar<'a>, StoreFault> {
    let today = console.api.today();
    let mut buckets = vec![];
    for bucket in &BUCKETS {
        buckets.push(count(console, asked, bucket, today).await?);
    }
    let (mut found, mut rows) = (None, vec![]);
    if !asked.is_wrong() {
        let span = asked.bucket.map(|bucket| bucket.span(today)).unwrap_or_default();
        let wanted =
            Wanted { place: asked.place.clone(), limit: limits::EXPIRY_PAGE, ..asked.wanted(span) };
        let mut page_of = console.finder.find(&*console.core.store, &wanted).await?;
        for row in std::mem::take(&mut page_of.rows) {
            let bill = console.core.store.bill(&row.key).await?;
            let reminded = bill.and_then(|bill| bill.reminded).map(|reminder| reminder.days());
            let left = left(page, row.deadline, today);
            rows.push(Listed { merchant: console.called(&row.key.mid), left, reminded, row });
        }
        found = Some(page_of);
    }
    Ok(Radar {
        page,
        asked,
        total: buckets.iter().fold(bulk::Sum::default(), |sum, one| bulk::Sum {
            count: sum.count.saturating_add(one.count),
            fen: sum.fen.saturating_add(one.fen),
        }),
        chart: chart(page, &buckets),
        buckets,
        found,
        rows,
        runs: console.runs.latest(),
        may: page.may(Role::Operator),
    })
}

/// Counts the holds of a bucket, a bounded way.
async fn count(
    console: &Console,
    asked: &Asked,
    bucket: &'static Bucket,
    today: Day,
) -> Result<Counted, StoreFault> {
    if asked.is_wrong() {
        return Ok(Counted { bucket, count: 0, fen: 0, more: false });
    }
    let wanted = Wanted { limit: limits::FINDER_ROWS, ..asked.wanted(bucket.span(today)) };
    let found = console.finder.find(&*console.core.store, &wanted).await?;
    let fen = found.rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.amount.fen()));
    let more = found.next.is_some() || found.partial;
    Ok(Counted { bucket, count: found.rows.len(), fen, more })
}

fn chart<'a>(page: &'a Frame, buckets: &[Counted]) -> Chart<'a> {
    let mark = |counted: &Counted| Mark {
        short: page.t(counted.bucket.short.0, counted.bucket.short.1).to_owned(),
        full: page.t(counted.bucket.text.0, counted.bucket.text.1).to_owned(),
    };
    let series = Series {
        name: page.t("Held", "冻结金额").to_owned(),
        class: "held",
        values: buckets.iter().map(|counted| counted.fen.into()).collect(),
    };
    let plan = Plan {
        id: "left",
        title: page.t("Held, by days left", "按剩余天数的冻结金额").to_owned(),
        desc: page
            .t(
                "How much is held, by the days until it goes back by itself.",
                "各剩余天数内仍冻结、到期将自动解冻的金额。",
            )
            .to_owned(),
        across: page.t("Deadline", "到期").to_owned(),
        unit: Unit::Fen,
        every: 1,
        marks: buckets.iter().map(mark).collect(),
        series: vec![series],
    };
    draw(page, plan)
}

fn left(page: &Frame, deadline: Option<Moment>, today: Day) -> Left {
    let days = deadline.map_or(0, |deadline| deadline.day().0.saturating_sub(today.0));
    let (tone, text) = match days {
        ..0 => ("bad", page.t("over", "已到期").to_owned()),
        0 => ("bad", page.t("today", "今天").to_owned()),
        1 => ("bad", page.t("1 day", "1 天").to_owned()),
        2..=7 => ("warn", page.f("{0} days", "{0} 天", &[&days])),
        _ => ("", page.f("{0} days", "{0} 天", &[&days])),
    };
    Left { tone, text }
}

impl Console {
    /// What a merchant is called; its number where it has no name here.
    fn called(&self, mid: &Mid) -> String {
        let book = self.accounts.book();
        book.merchants.get(mid).map_or_else(|| mid.to_string(), |one| one.name.to_string())
    }
}

/// A bill as a form names it.
fn chosen(key: &BillKey) -> String {
    format!("{}/{}/{}", key.mid, key.date, key.no)
}

/// Reads a bill as a form names it.
fn choice(text: &str) -> Option<BillKey> {
    let mut parts = text.splitn(3, '/');
    let (mid, date, no) = (parts.next()?, parts.next()?, parts.next()?);
    Some(BillKey {
        mid: Mid::parse(mid).ok()?,
        no: BillNo::parse(no).ok()?,
        date: Day::parse(date)?,
    })
}
