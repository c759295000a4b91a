//! `holdfast notices`: what merchants were told and whether it arrived; telling them again, or no more. It works on the
//! data directory itself, also while a gateway runs on it; the gateway notices a resend within half a second.

use std::future::pending;

use clap::{Args, Subcommand};
use holdfast_domain::{BillNo, Day, Mid, Moment};
use holdfast_gateway::{
    clock::{Clock, Stopwatch, patience},
    config::{Config, duration_ms},
    limits,
    notices::outbox::{Counts, Filter, Kept, Letters as _, Receiver, SqliteOutbox, State, Try},
    outbound::Target,
    store::{OpenError, StoreFault},
};
use holdfast_wire::time;
use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, left, table},
    settings::DataSettings,
    shell,
};

/// Notices (支付结果通知): what merchants are told.
#[derive(Clone, Debug, Args)]
pub(crate) struct NoticesCommand {
    #[command(subcommand)]
    what: NoticesWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum NoticesWhat {
    /// Show notices, the newest first: those that wait, were delivered or were given up 列出通知，最新的在前
    List {
        #[command(flatten)]
        which: Which,
        /// The most to show 最多显示条数
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
        /// Go on where a page ended: only notices with a smaller number 翻页：仅显示编号更小的通知
        #[arg(long, value_name = "ID")]
        before: Option<u64>,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show one notice: what it says, and what came of every try 显示一条通知的内容与每次发送结果
    Show {
        /// Its number, as `notices list` shows it 通知编号
        id: u64,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Send notices again now, and wait until they have arrived 立即重发通知并等待结果
    ///
    /// One notice by its number, or all that the flags name; without --state those that were not delivered. A
    /// notice that was given up begins its 24 hours anew; one that waits does not use up more tries by it. The
    /// receiver sees the same notifyId as before. 重发时 notifyId 不变；未指定 --state 时重发所有未送达的通知。
    Resend {
        /// Its number, as `notices list` shows it 通知编号
        id: Option<u64>,
        /// All that were given up 所有已放弃的通知
        #[arg(long, conflicts_with_all = ["id", "state"])]
        all_failed: bool,
        #[command(flatten)]
        which: Which,
        /// How long to wait for them to arrive 等待送达的时限
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = read_wait)]
        wait: u64,
        /// Only make them due 不等待结果
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Give up notices that wait, such as those to a receiver that will not come back 放弃等待中的通知
    ///
    /// One notice by its number, or all that the flags name. Nothing is lost: they are listed as given-up, and for
    /// a year `notices resend` can send them after all, also with --all-failed. 放弃的通知保留一年，可用 notices resend 重发。
    Drop {
        /// Its number, as `notices list` shows it 通知编号
        id: Option<u64>,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        settings: DataSettings,
    },
}

/// Which notices are meant.
#[derive(Clone, Debug, Args)]
struct Which {
    /// Only a merchant's 商户号
    #[arg(long, value_parser = read_mid)]
    mid: Option<Mid>,
    /// Only those in this state: waiting, delivered or given-up 状态：等待、已送达、已放弃
    #[arg(long, value_parser = read_state)]
    state: Option<State>,
    /// Only those that tell of this event, such as hold.authorized 事件
    #[arg(long)]
    event: Option<String>,
    /// Only those about bills of this number 账单号
    #[arg(long, value_name = "BILL_NO", value_parser = read_bill)]
    bill: Option<BillNo>,
    /// Only those that go to this receiver: scheme, host and port count 接收方地址
    #[arg(long, value_name = "URL", value_parser = read_receiver)]
    to: Option<Receiver>,
    /// Only of what happened then or later, Beijing time: 2026-11-23 or "2026-11-23 10:00:00" 起始时间（北京时间）
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Option<Moment>,
    /// Only of what happened before, Beijing time 截止时间（北京时间，不含）
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    until: Option<Moment>,
}

impl Which {
    fn filter(self) -> Filter {
        let Self { mid, state, event, bill, to, since, until } = self;
        let states = state.into_iter().collect();
        Filter { id: None, mid, states, event, bill, to, since, until }
    }
}

pub(crate) async fn run(command: NoticesCommand, screen: &Screen) -> Result<Exit, Failure> {
    match command.what {
        NoticesWhat::List { which, limit, before, settings } => {
            let outbox = open(&settings.0.read()?)?;
            let found = outbox.list(&which.filter(), before, limit).await.map_err(broken)?;
            list(screen, &found)?;
            if let Some(last) = found.last().filter(|_| found.len() == limit) {
                screen.say(format_args!("there may be more: --before {} (可能还有更多)", last.id));
            }
            Ok(Exit::Done)
        }
        NoticesWhat::Show { id, settings } => {
            let outbox = open(&settings.0.read()?)?;
            let kept = one(&outbox, id).await?;
            show(screen, &kept, &outbox.tries(id).await.map_err(broken)?)?;
            Ok(Exit::Done)
        }
        NoticesWhat::Resend { id, all_failed, which, wait, no_wait, settings } => {
            let config = settings.0.read()?;
            let outbox = open(&config)?;
            let mut filter = Filter { id, ..which.filter() };
            if filter == Filter::default() && !all_failed {
                return Err(Failure::new(Exit::Usage, "which notices? (重发哪些通知？)").hint(
                    "holdfast notices resend 17, or --all-failed, or --mid 898201612345678 --since 2026-11-23",
                ));
            }
            match id {
                // Whoever names one means it, whatever has become of it.
                Some(id) => drop(one(&outbox, id).await?),
                None if all_failed => filter.states = vec![State::GivenUp],
                None if filter.states.is_empty() => {
                    filter.states = vec![State::Waiting, State::GivenUp];
                }
                None => {}
            }
            let round = resend(&outbox, &filter, screen).await?;
            let mut counts = outbox.counts(round).await.map_err(broken)?;
            let served = SqliteOutbox::is_served(&config.data_dir)
                .map_err(|error| Failure::new(Exit::Config, error))?;
            if !served && counts.waiting > 0 {
                let dir = config.data_dir.display().to_string();
                screen.insist("no gateway is running on this directory: they go out when one does (网关未运行，启动后发送):");
                screen
                    .insist(format_args!("  holdfast serve {}", shell::line(["--data-dir", &dir])));
            }
            let waits = served && !no_wait;
            if waits {
                counts = watch(&outbox, round, wait, screen).await?;
            }
            report(screen, counts)?;
            if waits && counts.waiting.saturating_add(counts.given_up) > 0 {
                return Err(missing(&outbox, id, counts).await?);
            }
            Ok(Exit::Done)
        }
        NoticesWhat::Drop { id, which, settings } => {
            let outbox = open(&settings.0.read()?)?;
            let filter = Filter { id, ..which.filter() };
            if filter == Filter::default() {
                return Err(Failure::new(Exit::Usage, "which notices? (放弃哪些通知？)").hint(
                    "holdfast notices drop 17, or --to https://gone.example, or --mid 898201612345678",
                ));
            }
            if let Some(state) = filter.states.iter().find(|state| **state != State::Waiting) {
                let sentence = format!(
                    "only notices that wait can be dropped, not those in state {}",
                    state.name()
                );
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{sentence} (只能放弃等待中的通知)"),
                )
                .hint("holdfast notices drop … without --state"));
            }
            let kept = match id {
                Some(id) => Some(one(&outbox, id).await?),
                None => None,
            };
            if let Some(kept) = kept.filter(|kept| kept.state != State::Waiting) {
                let (id, state) = (kept.id, state_text(kept.state));
                return Err(Failure::new(
                    Exit::Usage,
                    format!("notice {id} does not wait any more: {state} (通知已不在等待)"),
                )
                .hint(format!("holdfast notices show {id}")));
            }
            let dropped = give_up(&outbox, &filter, screen).await?;
            screen.result(match screen.format {
                Format::Json => json!({"dropped": dropped}).to_string(),
                Format::Text if dropped == 0 => "nothing to drop (没有需要放弃的通知)".to_owned(),
                Format::Text => format!("dropped 已放弃 {dropped}"),
            })?;
            Ok(Exit::Done)
        }
    }
}

/// Gives the letters up, some at a time, so that the gateway can write in between. Answers how many.
async fn give_up(
    outbox: &SqliteOutbox,
    filter: &Filter,
    screen: &Screen,
) -> Result<usize, Failure> {
    // By the wall: in test, where bills may live ahead of it, what was dropped is only kept for less long.
    let now = Clock::running(0).now();
    let (mut after, mut dropped) = (0, 0_usize);
    while let Some((some, last)) = outbox.drop(filter, now, after).await.map_err(broken)? {
        dropped = dropped.saturating_add(some);
        after = last;
        if dropped > limits::NOTICE_STEP {
            screen.progress(format_args!("{dropped} notices are dropped"));
        }
    }
    screen.progress_over();
    Ok(dropped)
}

/// Makes the letters due, some at a time, so that the gateway can write in between. Answers the round's number.
async fn resend(outbox: &SqliteOutbox, filter: &Filter, screen: &Screen) -> Result<u64, Failure> {
    let round = outbox.begin_round().await.map_err(broken)?;
    let (mut after, mut steps) = (0, 0_usize);
    while let Some(last) = outbox.resend(filter, round, after).await.map_err(broken)? {
        after = last;
        steps = steps.saturating_add(1);
        if steps > 1 {
            let about = steps.saturating_mul(limits::NOTICE_STEP);
            screen.progress(format_args!("{about} notices are due now"));
        }
    }
    screen.progress_over();
    Ok(round)
}

/// Waits until no letter of the round waits any longer, or time is up.
async fn watch(
    outbox: &SqliteOutbox,
    round: u64,
    wait: u64,
    screen: &Screen,
) -> Result<Counts, Failure> {
    let watch = Stopwatch::start();
    let mut told = None;
    loop {
        let counts = outbox.counts(round).await.map_err(broken)?;
        let Counts { waiting, delivered, given_up } = counts;
        let over = waiting == 0 || watch.elapsed().as_millis() >= u128::from(wait);
        if over {
            screen.progress_over();
            return Ok(counts);
        }
        let line = format!("{delivered} delivered, {waiting} wait, {given_up} given up");
        screen.progress(&line);
        // Not every line where nobody watches: every tenth of the way.
        let tenth = delivered.saturating_mul(10).checked_div(delivered.saturating_add(waiting));
        if !screen.is_live() && told.replace(tenth).is_some_and(|before| before != tenth) {
            screen.say(line);
        }
        patience(200, pending::<()>()).await;
    }
}

/// Why not everything has arrived.
async fn missing(
    outbox: &SqliteOutbox,
    id: Option<u64>,
    counts: Counts,
) -> Result<Failure, Failure> {
    let Counts { waiting, given_up, .. } = counts;
    let left = waiting.saturating_add(given_up);
    let Some(id) = id else {
        let sentence =
            format!("{left} notices have not arrived; those that wait are tried again (尚未送达)");
        return Ok(Failure::new(Exit::TimedOut, sentence)
            .hint("see what came of each: holdfast notices list --state waiting, holdfast notices show ID"));
    };
    let tries = outbox.tries(id).await.map_err(broken)?;
    let last = tries.last().and_then(|last| last.trouble.as_deref());
    let why = last.unwrap_or("it was not tried yet");
    Ok(Failure::new(
        Exit::TimedOut,
        format!("notice {id} has not arrived (尚未送达): {}", plain(why)),
    )
    .hint(format!("see every try: holdfast notices show {id}")))
}

fn report(screen: &Screen, counts: Counts) -> Result<(), Failure> {
    let Counts { waiting, delivered, given_up } = counts;
    if screen.format == Format::Json {
        return screen
            .result(json!({"delivered": delivered, "waiting": waiting, "givenUp": given_up}));
    }
    if counts == Counts::default() {
        return screen.result("nothing to resend (没有需要重发的通知)");
    }
    for (name, count, tone) in [
        ("delivered 已送达", delivered, Tone::Good),
        ("waiting   等待中", waiting, Tone::Notable),
        ("given up  已放弃", given_up, Tone::Bad),
    ] {
        let tone = if count == 0 { Tone::Quiet } else { tone };
        screen.result(screen.tone(tone, &format!("{} {count}", left(name, 18))))?;
    }
    Ok(())
}

fn list(screen: &Screen, found: &[Kept]) -> Result<(), Failure> {
    if screen.format == Format::Json {
        return screen.result(found.iter().map(letter_json).collect::<Value>());
    }
    let rows: Vec<[String; 9]> = found
        .iter()
        .map(|kept| {
            let letter = &kept.letter;
            let next = match kept.state {
                State::Waiting => time::show(kept.next),
                State::Delivered | State::GivenUp => String::new(),
            };
            [
                kept.id.to_string(),
                time::show(letter.at),
                letter.mid.to_string(),
                letter.bill.no.to_string(),
                plain(&letter.event),
                state_text(kept.state).to_owned(),
                kept.made.to_string(),
                next,
                plain(&letter.url),
            ]
        })
        .collect();
    let heading = [
        "id 编号",
        "happened 发生时间",
        "merchant 商户",
        "bill 账单",
        "event 事件",
        "state 状态",
        "tries 次数",
        "next try 下次发送",
        "to 地址",
    ];
    screen.result(table(heading, &rows))
}

fn show(screen: &Screen, kept: &Kept, tries: &[Try]) -> Result<(), Failure> {
    if screen.format == Format::Json {
        let mut all = letter_json(kept);
        let pairs = kept.letter.pairs.iter().map(|(name, value)| json!([name, value]));
        if let Value::Object(all) = &mut all {
            all.insert("pairs".to_owned(), pairs.collect());
            all.insert("tries".to_owned(), tries.iter().map(try_json).collect());
        }
        return screen.result(all);
    }
    let letter = &kept.letter;
    let state = match kept.state {
        State::Waiting => format!("{}, next try {}", state_text(kept.state), time::show(kept.next)),
        State::Delivered | State::GivenUp => state_text(kept.state).to_owned(),
    };
    for (name, value) in [
        ("notice    通知", kept.id.to_string()),
        ("notifyId  通知ID", plain(&letter.notify_id)),
        ("event     事件", plain(&letter.event)),
        ("happened  发生时间", time::show(letter.at)),
        ("merchant  商户", letter.mid.to_string()),
        ("bill      账单", format!("{} {}", letter.bill.no, letter.bill.date)),
        ("to        地址", plain(&letter.url)),
        ("state     状态", state),
    ] {
        screen.result(format_args!("{} {value}", left(name, 20)))?;
    }
    screen.result("\nwhat it says 内容:")?;
    for (name, value) in &letter.pairs {
        screen.result(format_args!("  {}={}", plain(name), plain(value)))?;
    }
    let forgotten = kept.made.saturating_sub(u32::try_from(tries.len()).unwrap_or(u32::MAX));
    screen.result(format_args!("\ntries 发送记录: {}", kept.made))?;
    if forgotten > 0 {
        screen.result(format_args!(
            "  the first {forgotten} are no longer kept (更早的记录已清除)"
        ))?;
    }
    for a_try in tries {
        let Try { number, at, took_ms, status, trouble, answer, looked_for } = a_try;
        let status = status.map_or_else(|| "nobody answered".to_owned(), |s| format!("HTTP {s}"));
        let (tone, ended) = match trouble {
            None => (Tone::Good, format!("delivered: the answer has {looked_for}")),
            Some(why) => (Tone::Bad, plain(why)),
        };
        let line = format!("  {number}  {}  {took_ms} ms  {status}  ", time::show(*at));
        screen.result(format_args!("{line}{}", screen.tone(tone, &ended)))?;
        if !answer.is_empty() {
            let answer = plain(&String::from_utf8_lossy(answer));
            screen.result(format_args!("     answered: {answer}"))?;
        }
    }
    Ok(())
}

fn letter_json(kept: &Kept) -> Value {
    let letter = &kept.letter;
    let waits = kept.state == State::Waiting;
    json!({
        "id": kept.id,
        "state": kept.state.name(),
        "mid": letter.mid.as_str(),
        "billNo": letter.bill.no.as_str(),
        "billDate": letter.bill.date.to_string(),
        "event": letter.event,
        "record": letter.seq,
        "notifyId": letter.notify_id,
        "url": letter.url,
        "happenedAt": time::show(letter.at),
        "triesMade": kept.made,
        "nextTryAt": waits.then(|| time::show(kept.next)),
    })
}

fn try_json(a_try: &Try) -> Value {
    let Try { number, at, took_ms, status, trouble, answer, looked_for } = a_try;
    json!({
        "number": number,
        "at": time::show(*at),
        "tookMs": took_ms,
        "status": status,
        "delivered": trouble.is_none(),
        "trouble": trouble,
        "answer": String::from_utf8_lossy(answer),
        "lookedFor": looked_for,
    })
}

fn open(config: &Config) -> Result<SqliteOutbox, Failure> {
    SqliteOutbox::open_existing(&config.data_dir).map_err(|error| {
        let failure = Failure::new(Exit::Config, &error);
        match error {
            OpenError::Missing { .. } => failure.hint("holdfast notices list --data-dir DIR"),
            _ => failure,
        }
    })
}

async fn one(outbox: &SqliteOutbox, id: u64) -> Result<Kept, Failure> {
    let found = outbox.list(&Filter::one(id), None, 1).await.map_err(broken)?;
    found.into_iter().next().ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no notice {id} (通知不存在)"))
            .hint("holdfast notices list")
    })
}

fn broken(fault: StoreFault) -> Failure {
    Failure::new(Exit::Unexpected, fault)
}

/// A stranger's text without what would move the cursor or change colours.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn state_text(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting 等待",
        State::Delivered => "delivered 已送达",
        State::GivenUp => "given-up 已放弃",
    }
}

fn read_mid(text: &str) -> Result<Mid, String> {
    Mid::parse(text).map_err(|_| "1 to 32 letters, digits, - _ .".to_owned())
}

fn read_bill(text: &str) -> Result<BillNo, String> {
    BillNo::parse(text).map_err(|_| "6 to 31 letters, digits, - _ .".to_owned())
}

fn read_receiver(text: &str) -> Result<Receiver, String> {
    match Target::parse(text) {
        Ok(_) => Ok(Receiver::of(text)),
        Err(trouble) => Err(trouble.to_string()),
    }
}

fn read_state(text: &str) -> Result<State, String> {
    let names = State::ALL.map(State::name).join(", ");
    State::ALL.into_iter().find(|state| state.name() == text).ok_or(format!("one of: {names}"))
}

fn read_time(text: &str) -> Result<Moment, String> {
    time::parse(text)
        .or_else(|| Day::parse(text).map(Day::starts_at))
        .ok_or_else(|| "write it as 2026-11-23 or \"2026-11-23 10:00:00\"".to_owned())
}

fn read_wait(text: &str) -> Result<u64, String> {
    duration_ms(text)
        .and_then(|ms| u64::try_from(ms).ok())
        .ok_or_else(|| "write it as 10s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_moments_in_beijing() {
        for (text, expected) in [
            ("2026-11-23", Some("2026-11-23 00:00:00")),
            ("2026-11-23 10:20:30", Some("2026-11-23 10:20:30")),
            ("2026-11-31", None),
            ("yesterday", None),
            ("", None),
        ] {
            let found = read_time(text).ok().map(time::show);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_stranger_s_answer_does_not_move_the_cursor() {
        assert_eq!(plain("\u{1b}[2Jno\r\nway 好"), " [2Jno  way 好");
    }
}
