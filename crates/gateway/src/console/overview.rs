//! What happens today, at a glance: what moved, how well, and what wants somebody's eyes.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use holdfast_domain::{BillKey, Day, Moment};
use hyper::StatusCode;

use super::{
    Console, Seat,
    chart::{Chart, Mark, Plan, Series, Unit, draw},
    seat::Frame,
};
use crate::{
    finder::{Order, Span, Wanted},
    limits,
    notices::outbox::{Filter, State as LetterState},
    pages::Sheet,
    store::StoreFault,
    tally::{Certainty, Deed, Figures, Seen, Summary, Total},
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(show))
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview<'a> {
    page: &'a Frame,
    seen: Seen,
    /// Whether nothing ever happened.
    empty: bool,
    cards: Vec<Card>,
    success: Rate,
    certainty: Rate,
    open: Open,
    expiring: Expiring,
    notices: Overdue,
    health: Vec<Health>,
    charts: Vec<Chart<'a>>,
}

/// One thing that moves money: today, and the day before up to the same time.
struct Card {
    name: &'static str,
    now: Total,
    before: Total,
}

/// A rate or a length of time, in words.
struct Rate {
    now: String,
    more: String,
    before: String,
}

/// Orders of which nobody knows yet what became of them.
struct Open {
    count: usize,
    /// Whether there are more than were looked at.
    more: bool,
    /// Those that are open the longest.
    named: Vec<Unknown>,
}

struct Unknown {
    key: BillKey,
    what: &'static str,
    fen: u64,
    since: Moment,
    lasting: String,
}

/// Holds that come to their deadline within a week.
struct Expiring {
    count: usize,
    fen: u64,
    more: bool,
    next: Option<Moment>,
}

/// Notices that wait longer than they should.
struct Overdue {
    count: usize,
    more: bool,
    oldest: Option<(Moment, String)>,
}

/// How a part of the gateway is.
struct Health {
    name: &'static str,
    tone: &'static str,
    says: String,
}

async fn show(seat: Seat, State(console): State<Arc<Console>>) -> Response {
    match overview(&seat.page, &console).await {
        Ok(overview) => seat.page.answer(StatusCode::OK, &overview),
        Err(fault) => seat.broken(&fault),
    }
}

async fn overview<'a>(page: &'a Frame, console: &Console) -> Result<Overview<'a>, StoreFault> {
    let now = console.core.clock.now();
    let seen = console.tally.look().await?;
    let open = open(page, console, now).await?;
    let expiring = expiring(console, now).await?;
    let notices = overdue(page, console, now).await?;
    let summary = &seen.summary;
    Ok(Overview {
        page,
        empty: console.core.store.last().await? == 0,
        cards: cards(page, summary),
        success: success(page, summary),
        certainty: certainty(page, summary),
        health: health(page, console),
        charts: vec![
            by_day(page, summary),
            by_hour(page, summary),
            outcomes(page, summary),
            by_step(page, summary),
        ],
        seen,
        open,
        expiring,
        notices,
    })
}

fn cards(page: &Frame, summary: &Summary) -> Vec<Card> {
    let all = [
        (Deed::Hold, page.t("Holds", "预授权"), true),
        (Deed::Capture, page.t("Captures", "预授权完成"), true),
        (Deed::Reversal, page.t("Reversals", "完成撤销"), true),
        (Deed::Release, page.t("Releases", "预授权撤销"), true),
        (Deed::Refund, page.t("Refunds", "退款"), true),
        (Deed::Payment, page.t("Payments", "普通支付"), false),
        (Deed::Expiry, page.t("Expired holds", "到期解冻"), false),
        (Deed::Return, page.t("Late payments returned", "迟到款退回"), false),
    ];
    let card = |(deed, name, always)| {
        let card = Card { name, now: summary.so_far.of(deed), before: summary.before.of(deed) };
        // What seldom happens is not shown before it does.
        (always || card.now.count > 0 || card.before.count > 0).then_some(card)
    };
    all.into_iter().filter_map(card).collect()
}

fn success(page: &Frame, summary: &Summary) -> Rate {
    let rate = |figures: &Figures| match figures.approved_of_1000() {
        None => "–".to_owned(),
        Some(rate) => format!("{}.{} %", rate.div_euclid(10), rate.rem_euclid(10)),
    };
    let Figures { approved, refused, .. } = summary.so_far;
    Rate {
        now: rate(&summary.so_far),
        more: page.f(
            "{0} carried out, {1} refused by the channel",
            "渠道成功 {0} 笔，拒绝 {1} 笔",
            &[&approved, &refused],
        ),
        before: rate(&summary.before),
    }
}

fn certainty(page: &Frame, summary: &Summary) -> Rate {
    let within = |figures: &Figures, percent| match figures.certainty.within(percent) {
        None => "–".to_owned(),
        Some(Some(ms)) => format!("≤ {}", lasting(page, ms)),
        Some(None) => format!("> {}", lasting(page, 3_600_000)),
    };
    Rate {
        now: within(&summary.so_far, 50),
        more: page.f(
            "half of the orders; 95 of 100: {0}",
            "半数指令在此时间内有结果；95%：{0}",
            &[&within(&summary.so_far, 95)],
        ),
        before: within(&summary.before, 50),
    }
}

async fn open(page: &Frame, console: &Console, now: Moment) -> Result<Open, StoreFault> {
    let keys = console.core.store.open(None, limits::OVERVIEW_OPEN).await?;
    let (count, more) = (keys.len(), keys.len() == limits::OVERVIEW_OPEN);
    let mut named = vec![];
    for key in keys {
        let Some(bill) = console.core.store.bill(&key).await? else { continue };
        let Some((asked, _)) = bill.open_order() else { continue };
        let fen = match &bill.phase {
            holdfast_domain::Phase::Capturing { leg, .. }
            | holdfast_domain::Phase::Reversing { leg, .. }
            | holdfast_domain::Phase::Refunding { leg, .. } => leg.amount.fen(),
            _ => bill.terms.amount.fen(),
        };
        let waited = now.0.saturating_sub(asked.at.0);
        let lasting = lasting(page, waited);
        let what = doing(page, bill.phase.name());
        named.push(Unknown { key, what, fen, since: asked.at, lasting });
    }
    named.sort_by_key(|unknown| unknown.since);
    named.truncate(limits::OVERVIEW_OPEN_NAMED);
    Ok(Open { count, more, named })
}

/// What is being done in a phase whose outcome is not known.
fn doing(page: &Sheet, phase: &str) -> &'static str {
    let (en, zh) = match phase {
        "capturing" => ("capture", "预授权完成"),
        "reversing" => ("reversal", "完成撤销"),
        "refunding" => ("refund", "退款"),
        "dividing" => ("division", "分账"),
        _ => ("release", "解冻"),
    };
    page.t(en, zh)
}

async fn expiring(console: &Console, now: Moment) -> Result<Expiring, StoreFault> {
    let week = Wanted {
        order: Order::Deadline,
        expires: Span { from: None, until: Some(now.plus_days(7)) },
        limit: limits::FINDER_ROWS,
        ..Wanted::default()
    };
    let found = console.finder.find(&*console.core.store, &week).await?;
    let fen = found.rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.amount.fen()));
    Ok(Expiring {
        count: found.rows.len(),
        fen,
        more: found.next.is_some(),
        next: found.rows.first().and_then(|row| row.deadline),
    })
}

async fn overdue(page: &Frame, console: &Console, now: Moment) -> Result<Overdue, StoreFault> {
    let waiting = Filter {
        states: vec![LetterState::Waiting],
        until: Some(now.plus_ms(limits::NOTICE_OVERDUE_MS.saturating_neg())),
        ..Filter::default()
    };
    // The newest come first: with more than these, the last of them is not the oldest of all.
    let found = console.api.letters().list(&waiting, None, limits::OVERVIEW_NOTICES).await?;
    let oldest = found.iter().map(|kept| kept.letter.at).min();
    Ok(Overdue {
        count: found.len(),
        more: found.len() == limits::OVERVIEW_NOTICES,
        oldest: oldest.map(|at| (at, lasting(page, now.0.saturating_sub(at.0)))),
    })
}

fn health(page: &Frame, console: &Console) -> Vec<Health> {
    let store = match console.core.store.fault() {
        None => (
            "good",
            page.t("Every change is written down durably", "正常，变更均已落盘").to_owned(),
        ),
        Some(_) => {
            ("bad", page.t("It writes no more: see the log", "已停止写入，请查看日志").to_owned())
        }
    };
    let channel = match (console.core.channel.is_connected(), page.test) {
        (true, true) => {
            ("info", page.t("Simulated: no real money moves", "模拟渠道，不动用真实资金"))
        }
        (true, false) => ("good", page.t("Connected", "已连接")),
        (false, _) => (
            "bad",
            page.t(
                "Not connected: nobody can pay through this gateway",
                "未接通上游渠道，无法付款",
            ),
        ),
    };
    vec![
        Health { name: page.t("Store", "存储"), tone: store.0, says: store.1 },
        Health { name: page.t("Channel", "渠道"), tone: channel.0, says: channel.1.to_owned() },
    ]
}

/// A length of time as people say it.
pub(super) fn lasting(page: &Sheet, ms: i64) -> String {
    let ms = ms.max(0);
    let (value, en, zh) = match ms {
        ..1_000 => (ms, "ms", "毫秒"),
        1_000..60_000 => (ms.div_euclid(1_000), "s", "秒"),
        60_000..3_600_000 => (ms.div_euclid(60_000), "min", "分钟"),
        3_600_000..172_800_000 => (ms.div_euclid(3_600_000), "h", "小时"),
        _ => (ms.div_euclid(86_400_000), "days", "天"),
    };
    page.f("{0} {1}", "{0} {1}", &[&value, &page.t(en, zh)])
}

fn by_day<'a>(page: &'a Frame, summary: &Summary) -> Chart<'a> {
    let series = |name: &str, class, of: fn(&Figures) -> i128| Series {
        name: name.to_owned(),
        class,
        values: summary.days.iter().map(|(_, figures)| of(figures)).collect(),
    };
    draw(
        page,
        Plan {
            id: "by-day",
            title: page.t("Money by business day, in yuan", "每个清算日的金额（元）").to_owned(),
            desc: page
                .t(
                    "What was held, what merchants took and what went back to payers, on each of the last 14 business days. \
                     Taken is without captures that were undone; given back is all that payers got back.",
                    "最近 14 个清算日的冻结、入账与退回金额。入账不含已撤销的完成；退回为退还付款人的全部金额。",
                )
                .to_owned(),
            across: page.t("Business day", "清算日").to_owned(),
            unit: Unit::Fen,
            every: 3,
            marks: days(summary),
            series: vec![
                series(page.t("Held", "冻结"), "held", |figures| figures.of(Deed::Hold).fen),
                series(page.t("Taken", "入账"), "taken", Figures::taken_fen),
                series(page.t("Given back", "退回"), "back", |figures| figures.back_fen),
            ],
        },
    )
}

fn days(summary: &Summary) -> Vec<Mark> {
    let mark = |(day, _): &(Day, Figures)| {
        let (_, month, date) = day.date();
        Mark { short: format!("{month}/{date}"), full: day.to_string() }
    };
    summary.days.iter().map(mark).collect()
}

fn outcomes<'a>(page: &'a Frame, summary: &Summary) -> Chart<'a> {
    let series = |name: &str, class, of: fn(&Figures) -> u64| Series {
        name: name.to_owned(),
        class,
        values: summary.days.iter().map(|(_, figures)| i128::from(of(figures))).collect(),
    };
    draw(
        page,
        Plan {
            id: "outcomes",
            title: page.t("Orders to the channel", "渠道指令结果").to_owned(),
            desc: page
                .t(
                    "How many orders the channel carried out and how many it refused, on each of the last 14 business days.",
                    "最近 14 个清算日渠道成功与拒绝的指令笔数。",
                )
                .to_owned(),
            across: page.t("Business day", "清算日").to_owned(),
            unit: Unit::Count,
            every: 3,
            marks: days(summary),
            series: vec![
                series(page.t("Carried out", "成功"), "taken", |figures| figures.approved),
                series(page.t("Refused", "拒绝"), "bad", |figures| figures.refused),
            ],
        },
    )
}

fn by_hour<'a>(page: &'a Frame, summary: &Summary) -> Chart<'a> {
    let count = |figures: &Figures| -> i128 {
        Deed::ALL.into_iter().map(|deed| i128::from(figures.of(deed).count)).sum()
    };
    let marks = summary.hours.iter().map(|(at, ..)| {
        let time = page.time(at);
        let time = time.get(11..16).unwrap_or_default();
        Mark { short: time.get(..2).unwrap_or_default().to_owned(), full: time.to_owned() }
    });
    let hours = || summary.hours.iter();
    draw(
        page,
        Plan {
            id: "by-hour",
            title: page.t("Movements by hour", "每小时的资金变动笔数").to_owned(),
            desc: page
                .t(
                    "How often money moved in each hour of this business day and of the one before. Beijing time.",
                    "本清算日与上一清算日各小时的资金变动笔数，北京时间。",
                )
                .to_owned(),
            across: page.t("Hour from", "起始时间").to_owned(),
            unit: Unit::Count,
            every: 4,
            marks: marks.collect(),
            series: vec![
                Series {
                    name: page.t("The day before", "上一清算日").to_owned(),
                    class: "back",
                    values: hours().map(|(_, _, before)| count(before)).collect(),
                },
                Series {
                    name: page.t("Today", "今日").to_owned(),
                    class: "taken",
                    values: hours().map(|(_, today, _)| count(today)).collect(),
                },
            ],
        },
    )
}

fn by_step<'a>(page: &'a Frame, summary: &Summary) -> Chart<'a> {
    let all = Figures::sum(summary.days.iter().map(|(_, figures)| figures));
    let longest = Certainty::STEPS_MS.last().copied().unwrap_or_default();
    let marks = all.certainty.steps().map(|(step, _)| match step {
        Some(ms) => Mark { short: brief(ms), full: format!("≤ {}", lasting(page, ms)) },
        None => Mark {
            short: format!(">{}", brief(longest)),
            full: format!("> {}", lasting(page, longest)),
        },
    });
    draw(
        page,
        Plan {
            id: "by-step",
            title: page.t("Time to certainty", "结果确定用时").to_owned(),
            desc: page
                .t(
                    "How long it took from an order to the channel until its outcome was known, over the last 14 business days.",
                    "最近 14 个清算日内，从向渠道发出指令到结果确定所用的时间。",
                )
                .to_owned(),
            across: page.t("Within", "用时").to_owned(),
            unit: Unit::Count,
            every: 2,
            marks: marks.collect(),
            series: vec![Series {
                name: page.t("Orders", "指令数").to_owned(),
                class: "taken",
                values: all.certainty.steps().map(|(_, count)| i128::from(count)).collect(),
            }],
        },
    )
}

/// A round length of time, as short as it can be said.
fn brief(ms: i64) -> String {
    match ms {
        ..100 => format!("{ms}ms"),
        100..1_000 => format!("0.{}s", ms.div_euclid(100)),
        1_000..60_000 => format!("{}s", ms.div_euclid(1_000)),
        60_000..3_600_000 => format!("{}m", ms.div_euclid(60_000)),
        _ => format!("{}h", ms.div_euclid(3_600_000)),
    }
}
