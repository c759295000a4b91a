//! `holdfast listen`: what happens to a merchant's bills, from any gateway, forwarded to a receiver that no gateway
//! could reach. It goes on where it ended, and never looks alive while it is dead.
//!
//! All it remembers is the cursor. A notice that the receiver did not take is read again before each try, so it is
//! signed anew: a receiver that looks at the time of the second signature sees that of the try.

mod cursor;

use std::{collections::BTreeSet, future::pending, path::PathBuf, time::Duration};

use clap::Args;
use holdfast_client::{CallError, Client, Fault};
use holdfast_domain::{Mid, Moment};
use holdfast_gateway::{
    clock::{Clock, Stopwatch, patience},
    config::duration_ms,
};
use holdfast_wire::{
    code::{Code, Repeat},
    field::{Cursor, Whole},
    messages::{EventTold, Events, EventsRead, Sender},
    time,
};
use serde_json::json;

use crate::{
    connection::Connection,
    exit::{Exit, Failure},
    forward::{Forward, Outcome},
    screen::{Format, Screen, Tone, left, right, yuan},
    serve::Signals,
    shell,
};
use cursor::Kept;

/// Receive a merchant's notices here 接收通知
#[derive(Clone, Debug, Args)]
pub(crate) struct Listen {
    /// Whose notices
    /// 商户号
    #[arg(long, env = "HOLDFAST_MID", value_parser = read_mid, verbatim_doc_comment)]
    mid: Mid,
    /// Post each notice there, in order, until it is taken: status 2xx and SUCCESS. Without it they are only shown
    /// 转发地址：按顺序逐条转发，直至对方应答成功；不填则仅显示
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    forward_to: Option<String>,
    /// Begin with the first event there is, instead of where it ended or now
    /// 从最早的事件开始
    #[arg(long, conflicts_with = "since", verbatim_doc_comment)]
    from_start: bool,
    /// Begin behind this cursor
    /// 从该游标之后开始
    #[arg(long, value_name = "CURSOR", value_parser = read_cursor, verbatim_doc_comment)]
    since: Option<Cursor>,
    /// Where the cursor is kept; a file for each gateway and merchant in the user's state directory unless given
    /// 游标文件
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    cursor: Option<PathBuf>,
    /// Go on with the next event when the receiver does not take one, instead of trying it again and again
    /// 转发失败时跳过，不再重试
    #[arg(long, verbatim_doc_comment)]
    skip_failed: bool,
    /// End with exit code 4 when the gateway could not be reached for so long; never unless given
    /// 网关持续无法连接达此时长后退出（退出码 4）
    #[arg(long, value_name = "TIME", value_parser = read_ms, verbatim_doc_comment)]
    give_up: Option<u64>,
    /// How often to say that it still listens, where no terminal shows it all the time
    /// 非终端环境下报告存活的间隔
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = read_ms, verbatim_doc_comment)]
    heartbeat: u64,
    /// Take what there is, then end
    /// 处理完现有事件后退出
    #[arg(long, verbatim_doc_comment)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

/// How often the clocks are compared and the status is shown, in milliseconds.
const TICK_MS: u64 = 1_000;
/// How far the wall's clock may differ from the time that passed before it is told, in milliseconds.
const JUMP_MS: i64 = 10_000;
/// The longest pauses, in milliseconds: between two tries to reach the gateway, and to be rid of a notice.
const DEAF_MS_MAX: u64 = 30_000;
const REFUSED_MS_MAX: u64 = 60_000;
/// How often a cursor that moved past other merchants' records is written down, in milliseconds.
const IDLE_SAVE_MS: i64 = 60_000;

pub(crate) async fn run(command: Listen, screen: &Screen) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let mut ear = Ear::open(command, screen)?;
    let ended = tokio::select! {
        ended = ear.listen() => ended,
        () = signals.next() => Ok(Exit::Done),
    };
    let closed = ear.close();
    ended.and_then(|exit| closed.map(|()| exit))
}

/// A listener.
struct Ear<'s> {
    screen: &'s Screen,
    command: Listen,
    client: Client,
    forward: Option<Forward>,
    kept: Kept,
    /// Where to go on; `None` until the gateway has said where the journal ends.
    cursor: Option<Cursor>,
    clock: Clock,
    /// When the gateway last answered.
    heard: Option<Heard>,
    /// Since when it does not, and how often that was told.
    deaf: Option<(Stopwatch, u32)>,
    gap: Option<Gap>,
    /// Whether everything there was has been taken, so that there is only to wait.
    idle: bool,
    /// How often the event that is next was tried.
    tries: u32,
    taken: u64,
    skipped: u64,
    /// Events of which it was told that nobody sends them to the merchant's address.
    unasked: BTreeSet<String>,
    heartbeat: Stopwatch,
}

/// A moment, by both clocks.
#[derive(Clone, Copy)]
struct Heard {
    wall: Moment,
    watch: Stopwatch,
}

/// A time in which nothing was heard.
struct Gap {
    from: Moment,
    until: Moment,
    /// What came of it so far.
    events: u64,
}

/// Why there is no page.
enum Silence {
    Error(CallError),
    /// The machine slept, and the question with it.
    Slept,
}

impl<'s> Ear<'s> {
    fn open(command: Listen, screen: &'s Screen) -> Result<Self, Failure> {
        let client = command.connection.client()?;
        let forward = command.forward_to.as_deref().map(Forward::to).transpose()?;
        // What was only looked at is still to be forwarded.
        let what = if forward.is_some() { "forwarded" } else { "shown" };
        let kept = Kept::open(command.cursor.clone(), client.base_url(), &command.mid, what)?;
        let clock = Clock::running(0);
        let (mut cursor, mut gap) = (None, None);
        if command.from_start {
            cursor = Cursor::parse("0").ok();
        } else if let Some(since) = &command.since {
            cursor = Some(since.clone());
        } else if let Some((last, saved_at)) = &kept.last {
            cursor = Some(last.clone());
            gap = Some(Gap { from: *saved_at, until: clock.wall(), events: 0 });
        }
        let to = forward.as_ref().map_or(String::new(), |forward| format!(" → {}", forward.url));
        screen.say(format_args!(
            "listening for {} at {}{to}; the cursor is kept in {} (监听通知，Ctrl-C 结束)",
            command.mid,
            client.base_url(),
            kept.file().display(),
        ));
        Ok(Self {
            screen,
            client,
            forward,
            kept,
            cursor,
            clock,
            heard: None,
            deaf: None,
            gap,
            idle: false,
            tries: 0,
            taken: 0,
            skipped: 0,
            unasked: BTreeSet::new(),
            heartbeat: Stopwatch::start(),
            command,
        })
    }

    /// Takes what happens, for ever, or until there is no more if that is asked.
    async fn listen(&mut self) -> Result<Exit, Failure> {
        loop {
            let page = match self.poll().await {
                Ok(page) => page,
                Err(Silence::Slept) => continue,
                Err(Silence::Error(error)) => {
                    self.is_deaf(&error).await?;
                    continue;
                }
            };
            self.hears();
            self.idle = false;
            if !self.take(&page).await? {
                self.tries = self.tries.saturating_add(1);
                let pause_ms = growing(self.tries, REFUSED_MS_MAX);
                self.tell(Tone::Notable, &format!("  again in {} s (稍后重试)", pause_ms / 1_000));
                self.pause(pause_ms).await;
                continue;
            }
            if page.events.is_empty() && page.behind.get() == 0 {
                self.idle = true;
                self.fills_the_gap();
                if self.command.once {
                    return Ok(Exit::Done);
                }
            }
            self.beats();
        }
    }

    /// Asks what happened, and waits for it when there was nothing left.
    async fn poll(&mut self) -> Result<EventsRead, Silence> {
        let wait = self.command.connection.timeout().as_secs().saturating_mul(2) / 3;
        let wait = if self.idle && self.cursor.is_some() { wait.min(30) } else { 0 };
        let request = Events {
            sender: Sender {
                request_timestamp: self.clock.wall(),
                mid: self.command.mid.clone(),
                inst_mid: None,
                msg_id: None,
                src_reserve: None,
            },
            after: self.cursor.clone(),
            limit: None,
            wait_seconds: Whole::new(wait),
        };
        let client = self.client.clone();
        let call = client.call(&request);
        tokio::pin!(call);
        loop {
            if let Some(answer) = patience(TICK_MS, &mut call).await {
                return answer.map_err(Silence::Error);
            }
            if self.slept() {
                return Err(Silence::Slept);
            }
            self.shows_status();
        }
    }

    /// Takes a page: forwards what is in it, in order. Answers whether all of it was taken.
    async fn take(&mut self, page: &EventsRead) -> Result<bool, Failure> {
        for event in &page.events {
            let outcome = match (&self.forward, &event.notice.body) {
                (None, _) => None,
                (Some(forward), Some(body)) => {
                    Some(forward.send(&event.notice, body.as_str()).await)
                }
                (Some(_), None) => Some(unsigned(event)),
            };
            let taken = outcome.as_ref().is_none_or(Outcome::taken);
            if !taken && !self.command.skip_failed {
                self.shows(event, outcome.as_ref())?;
                return Ok(false);
            }
            let before = self.cursor.clone();
            if self.forward.is_none() {
                // Showing it is all there is to do: what nobody was shown comes again.
                self.shows(event, None)?;
                self.goes_on(&event.cursor, Moment(i64::MIN))?;
            } else {
                // Written down before it is said: what was shown as taken is not sent again.
                self.goes_on(&event.cursor, Moment(i64::MIN))?;
                self.shows(event, outcome.as_ref())?;
            }
            if taken {
                self.taken = self.taken.saturating_add(1);
            } else {
                self.skipped = self.skipped.saturating_add(1);
                let after = before.as_ref().map_or("0", |cursor| cursor.as_str());
                let told = format!("  skipped; it comes again with --since {after} (已跳过)");
                self.tell(Tone::Notable, &told);
            }
            self.tries = 0;
            if let Some(gap) = &mut self.gap {
                gap.events = gap.events.saturating_add(1);
            }
        }
        let idle = self.clock.wall().plus_ms(IDLE_SAVE_MS.saturating_neg());
        self.goes_on(&page.cursor, idle)?;
        Ok(true)
    }

    /// Moves the cursor, and writes it down unless that was done after `unless_after`.
    fn goes_on(&mut self, cursor: &Cursor, unless_after: Moment) -> Result<(), Failure> {
        let first = self.cursor.is_none();
        self.cursor = Some(cursor.clone());
        let saved = self.kept.last.as_ref().filter(|_| !first && unless_after.0 != i64::MIN);
        if saved.is_some_and(|(_, saved_at)| *saved_at > unless_after) {
            return Ok(());
        }
        self.kept.save(cursor, self.clock.wall())
    }

    /// The gateway answered.
    fn hears(&mut self) {
        self.slept();
        let now = Heard { wall: self.clock.wall(), watch: Stopwatch::start() };
        let before = self.heard.replace(now);
        if let Some((since, _)) = self.deaf.take() {
            let silent = seconds(since.elapsed());
            self.tell(
                Tone::Good,
                &format!(
                    "{} the gateway answers again, after {silent} (网关已恢复)",
                    time::show(now.wall)
                ),
            );
            self.opens_a_gap(before, now.wall);
        } else if let (Some(gap), None) = (&mut self.gap, before) {
            // The one since the last run.
            gap.until = now.wall;
            let (from, until) = (time::show(gap.from), time::show(gap.until));
            self.tell(Tone::Notable, &format!("resuming behind the last cursor: nothing was heard from {from} to {until} (从上次游标继续)"));
        }
    }

    /// Whether the wall's clock has jumped since the gateway last answered: the machine slept, or somebody set it.
    fn slept(&mut self) -> bool {
        let Some(before) = self.heard else { return false };
        let wall = self.clock.wall();
        let Some(jump) = jump(before.wall, wall, before.watch.elapsed()) else { return false };
        let by = seconds(Duration::from_millis(jump.unsigned_abs()));
        let (en, zh) = match jump > 0 {
            true => ("this machine slept, or its clock was set ahead, by", "休眠或时钟前移"),
            false => ("the clock of this machine was set back, by", "时钟被拨回"),
        };
        self.tell(Tone::Notable, &format!("{} {en} {by} ({zh})", time::show(wall)));
        self.opens_a_gap(Some(before), wall);
        self.heard = Some(Heard { wall, watch: Stopwatch::start() });
        self.idle = false;
        true
    }

    fn opens_a_gap(&mut self, before: Option<Heard>, until: Moment) {
        match (&mut self.gap, before) {
            (Some(gap), _) => gap.until = until,
            (none, Some(before)) => *none = Some(Gap { from: before.wall, until, events: 0 }),
            // Nothing was heard yet, so nothing was missed.
            (None, None) => {}
        }
    }

    /// Everything that happened meanwhile has been taken.
    fn fills_the_gap(&mut self) {
        let Some(Gap { from, until, events }) = self.gap.take() else { return };
        let (from, until) = (time::show(from), time::show(until));
        self.tell(
            Tone::Good,
            &format!(
                "gap filled: from {from} to {until}, events: {events} (已补齐缺口：{events} 个事件)"
            ),
        );
    }

    /// The gateway did not answer: says so at once, and waits a while, unless it is of no use.
    async fn is_deaf(&mut self, error: &CallError) -> Result<(), Failure> {
        if let Some(failure) = self.is_final(error) {
            return Err(failure);
        }
        let (since, told) = self.deaf.take().unwrap_or((Stopwatch::start(), 0));
        let told = told.saturating_add(1);
        self.deaf = Some((since, told));
        let silent_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.heard.map_or_else(
            || "it has not answered yet".to_owned(),
            |heard| format!("its last answer came at {}", time::show(heard.wall)),
        );
        let pause_ms = growing(told, DEAF_MS_MAX);
        let pause_ms = match self.command.give_up {
            Some(most) if silent_ms >= most => {
                let what = format!("not listening any more: {error}; {last}");
                return Err(Failure::new(Exit::Unreachable, what)
                    .hint("start it again when the gateway is back: it goes on behind its cursor (重启后从游标继续)"));
            }
            Some(most) => pause_ms.min(most.saturating_sub(silent_ms)),
            None => pause_ms,
        };
        self.insist(&format!(
            "{} NOT LISTENING 未在监听: {error}; {last}; again in {} s",
            time::show(self.clock.wall()),
            pause_ms.div_ceil(1_000),
        ));
        self.pause(pause_ms).await;
        Ok(())
    }

    /// The end, where asking again brings nothing else.
    fn is_final(&self, error: &CallError) -> Option<Failure> {
        let failure = Failure::new(Exit::of_error(error), error);
        match error {
            CallError::Refused { code: Some(Code::BadRequest), .. } if self.cursor.is_some() => {
                let words =
                    ["holdfast", "listen", "--mid", self.command.mid.as_str(), "--from-start"];
                let mut line = shell::line(words);
                if let Some(forward) = &self.forward {
                    line =
                        format!("{line} {}", shell::line(["--forward-to", forward.url.as_str()]));
                }
                Some(Failure { exit: Exit::Conflict, ..failure }.hint(format!(
                    "begin anew with the first event there is, or remove {} to begin at now:\n\n  {line}",
                    self.kept.file().display()
                )))
            }
            // A clock that has just woken up may be wrong for a moment; frozen merchants are thawed.
            CallError::Refused {
                code: Some(Code::AbnormalRequestTime | Code::InactiveMerchant),
                ..
            } => None,
            CallError::Refused { code: Some(code), .. } => {
                let spec = code.spec();
                let hint = format!("{}\n      {}", spec.advice.en, spec.advice.zh);
                (spec.repeat != Repeat::Safe).then(|| failure.hint(hint))
            }
            CallError::Refused { code: None, .. } | CallError::Fault(Fault::Unsendable(_)) => {
                Some(failure)
            }
            // Proxies and portals come and go, and what was only read can be read again.
            CallError::Fault(_) | CallError::OutcomeUnknown(_) => None,
        }
    }

    async fn pause(&mut self, ms: u64) {
        let watch = Stopwatch::start();
        loop {
            let spent = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
            let left = ms.saturating_sub(spent);
            if left == 0 || self.slept() {
                return;
            }
            self.shows_status();
            patience(left.min(TICK_MS), pending::<()>()).await;
        }
    }

    /// One line for an event, and what came of it.
    fn shows(&mut self, event: &EventTold, outcome: Option<&Outcome>) -> Result<(), Failure> {
        self.screen.progress_over();
        let notice = &event.notice;
        let body = notice.body.as_ref().map(|body| body.as_str());
        let unsigned = notice.unsigned.as_ref().map(|why| why.as_str());
        if self.screen.format == Format::Json {
            let headers: serde_json::Map<_, _> = notice
                .headers
                .iter()
                .map(|line| (line.name.to_string(), json!(line.value.as_str())))
                .collect();
            return self.writes(json!({
                "cursor": event.cursor.as_str(), "event": event.event.as_str(),
                "happenedAt": time::show(event.happened_at), "billNo": event.bill_no.as_str(),
                "billDate": event.bill_date.to_string(), "amount": event.amount.fen(),
                "subscribed": event.subscribed, "notifyId": notice.notify_id.as_str(),
                "contentType": notice.content_type.as_str(), "headers": headers, "body": body,
                "unsigned": unsigned, "try": self.tries.saturating_add(1),
                "taken": outcome.map(Outcome::taken),
                "status": outcome.and_then(|outcome| outcome.status),
                "trouble": outcome.and_then(|outcome| outcome.missed.as_deref()),
                "tookMs": outcome.map(|outcome| outcome.took_ms),
            }));
        }
        let came = outcome.map_or_else(String::new, |outcome| {
            let tone = if outcome.taken() { Tone::Good } else { Tone::Bad };
            format!("  → {} ({} ms)", self.screen.tone(tone, &outcome.told()), outcome.took_ms)
        });
        self.writes(format_args!(
            "{}  {}  {}@{}  {}{came}",
            time::show(event.happened_at),
            left(event.event.as_str(), 20),
            event.bill_no,
            event.bill_date,
            right(&yuan(i128::from(event.amount.fen())), 10),
        ))?;
        if let (Some(why), None) = (unsigned, outcome) {
            self.tell(Tone::Bad, &format!("  this notice cannot be signed: {why}"));
        }
        if !event.subscribed && self.unasked.insert(event.event.to_string()) {
            let event = &event.event;
            self.tell(Tone::Quiet, &format!(
                "  note: the merchant's own address is not told of {event} until that is asked for: holdfast merchant set {} --notify-on … \
                 (未订阅的事件仅在此处可见)",
                self.command.mid
            ));
        }
        Ok(())
    }

    /// Writes on stdout. Where nothing is forwarded, an event that nobody reads there has reached nobody.
    fn writes(&self, line: impl std::fmt::Display) -> Result<(), Failure> {
        match self.forward {
            Some(_) => self.screen.result(line),
            None => self.screen.result_to_somebody(line).map_err(|failure| {
                failure.hint("start it again: what was not shown comes again (重启后从游标继续)")
            }),
        }
    }

    /// The line that a terminal shows all the time.
    fn shows_status(&self) {
        let heard = self.heard.map_or_else(
            || "no answer yet".to_owned(),
            |heard| {
                format!(
                    "last answer {} ({} ago)",
                    time::show(heard.wall),
                    seconds(heard.watch.elapsed())
                )
            },
        );
        let (tone, mark) = match self.deaf {
            None => (Tone::Good, "● listening 监听中"),
            Some(_) => (Tone::Bad, "✗ NOT LISTENING 未在监听"),
        };
        self.screen.progress(format_args!(
            "{}  {heard}, {} taken",
            self.screen.aside(tone, mark),
            self.taken
        ));
    }

    /// Says now and then that it lives, where no terminal shows it.
    fn beats(&mut self) {
        self.shows_status();
        let since = u64::try_from(self.heartbeat.elapsed().as_millis()).unwrap_or(u64::MAX);
        if since < self.command.heartbeat {
            return;
        }
        self.heartbeat = Stopwatch::start();
        if !self.screen.is_live() {
            let now = time::show(self.clock.wall());
            self.screen.say(format_args!("{now} still listening, {} taken (监听中)", self.taken));
        }
    }

    fn tell(&self, tone: Tone, text: &str) {
        self.screen.progress_over();
        self.screen.say(self.screen.aside(tone, text));
    }

    fn insist(&self, text: &str) {
        self.screen.progress_over();
        self.screen.insist(self.screen.aside(Tone::Bad, text));
    }

    /// Saves the cursor, and says what was done.
    fn close(&mut self) -> Result<(), Failure> {
        self.screen.progress_over();
        let (Some(cursor), Some(heard)) = (self.cursor.clone(), self.heard) else { return Ok(()) };
        // The file says when it was written, and so since when nothing was heard.
        self.kept.save(&cursor, heard.wall)?;
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!(", {skipped} skipped (跳过)"),
        };
        self.screen.say(format_args!(
            "ended: {} taken (已处理){skipped}; the cursor is {} in {}",
            self.taken,
            cursor.as_str(),
            self.kept.file().display()
        ));
        Ok(())
    }
}

/// By how much the wall's clock went on otherwise than the time that passed, in milliseconds: ahead after a sleep. What
/// clocks are commonly corrected by is not counted.
fn jump(before: Moment, now: Moment, passed: Duration) -> Option<i64> {
    let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    let jump = now.0.saturating_sub(before.0).saturating_sub(passed);
    (jump.saturating_abs() >= JUMP_MS).then_some(jump)
}

/// The outcome of a notice that cannot be sent.
fn unsigned(event: &EventTold) -> Outcome {
    let why = event.notice.unsigned.as_ref();
    let missed = why.map_or_else(|| "the notice has no body".to_owned(), ToString::to_string);
    Outcome { status: None, missed: Some(missed), took_ms: 0 }
}

/// The pause before a try, doubled each time up to a bound.
fn growing(tries: u32, most: u64) -> u64 {
    let doubled = 2_u64.saturating_pow(tries.saturating_sub(1));
    doubled.saturating_mul(1_000).min(most)
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        short @ 0..120 => format!("{short} s"),
        long @ 120..7_200 => format!("{} min", long / 60),
        hours => format!("{} h", hours / 3_600),
    }
}

pub(crate) fn read_mid(text: &str) -> Result<Mid, String> {
    Mid::parse(text).map_err(|_| "a merchant number has up to 32 letters and digits".to_owned())
}

fn read_cursor(text: &str) -> Result<Cursor, String> {
    Cursor::parse(text)
        .map_err(|_| "a cursor is what listen has shown, such as 1042-9f86d081, or 0".to_owned())
}

pub(crate) fn read_ms(text: &str) -> Result<u64, String> {
    let ms = duration_ms(text).and_then(|ms| u64::try_from(ms).ok());
    ms.ok_or_else(|| "write it as 500ms, 15s, 2m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_a_jump_of_the_clock_and_waiting_is_none() {
        let of = |wall_s: i64, passed_s: u64| {
            jump(Moment(0), Moment(wall_s * 1_000), Duration::from_secs(passed_s))
        };
        assert_eq!(of(30, 30), None);
        assert_eq!(of(33, 30), None, "a clock that was corrected");
        assert_eq!(of(3_630, 30), Some(3_600_000));
        assert_eq!(of(-570, 30), Some(-600_000));
    }

    #[test]
    fn pauses_grow_up_to_their_bound() {
        let pauses: Vec<u64> = (1..8).map(|tries| growing(tries, DEAF_MS_MAX)).collect();
        assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(growing(u32::MAX, REFUSED_MS_MAX), REFUSED_MS_MAX);
    }
}
