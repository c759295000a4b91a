//! Asks in a merchant's name, and goes on asking until an outcome is certain.

use std::{cell::RefCell, time::Duration};

use holdfast_client::{CallError, Client, Fault};
use holdfast_domain::Day;
use holdfast_gateway::clock::{Clock, Dice};
use holdfast_wire::{
    code::Code,
    field::InstMid,
    json::Object,
    message::{Endpoint, list, list_zh},
    messages::{Preview, Queried, Query, Request, Timeline, TimelineTold},
    time,
};

use super::{told, wait::Wait};
use crate::{
    call,
    connection::Connection,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
    shell,
};

/// Fields of a request, by their names on the wire.
pub(super) type Fields = Vec<(&'static str, String)>;

/// How long is waited when nobody says: longer than a payer has.
const PATIENCE: Duration = Duration::from_secs(35 * 60);

/// Where a merchant asks.
pub(super) struct Desk<'a> {
    pub(super) screen: &'a Screen,
    /// How long is waited for an outcome.
    pub(super) patience: Duration,
    client: Client,
    mid: String,
    tid: String,
    clock: Clock,
    dice: Dice,
    stake: RefCell<Stake>,
}

/// What a user who does not wait has to know.
enum Stake {
    /// Nothing was sent that does anything.
    Nothing,
    /// Something may have been done; the command that tells.
    Unknown(String),
    /// Everything is as it was said; the command that waits on.
    Waiting(String),
}

/// Something to be done with a bill.
pub(super) struct Deed {
    /// The request.
    pub(super) fields: Fields,
    /// The query that tells whether it was done.
    pub(super) question: Fields,
    /// Whether the answer to the query says so.
    pub(super) done: Box<dyn Fn(&Queried) -> bool>,
    /// The command that tells what became of it.
    pub(super) look: String,
    /// What is said when it was done.
    pub(super) en: String,
    /// The same in Chinese.
    pub(super) zh: String,
    /// The order number it goes by.
    pub(super) order: Option<String>,
    /// What may be done next.
    pub(super) next: Vec<String>,
}

/// An answer: as it came, and what it says.
pub(super) struct Heard<R> {
    pub(super) body: Vec<u8>,
    pub(super) read: Result<R, CallError>,
}

impl<'a> Desk<'a> {
    pub(super) fn open(
        connection: &Connection,
        mid: Option<String>,
        tid: Option<String>,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        let (Some(mid), Some(tid)) = (mid, tid) else {
            return Err(Failure::new(Exit::Usage, "whose bill? (未指定商户号或终端号)").hint(
                "export HOLDFAST_MID=898201612345678 HOLDFAST_TID=88880001  (or --mid, --tid)",
            ));
        };
        Ok(Self {
            screen,
            patience: connection.patience().unwrap_or(PATIENCE),
            client: connection.waiting_client()?,
            mid,
            tid,
            clock: Clock::running(0),
            dice: Dice::unpredictable(),
            stake: RefCell::new(Stake::Nothing),
        })
    }

    /// Today in Beijing.
    pub(super) fn today(&self) -> Day {
        self.clock.wall().day()
    }

    /// A number that was not used before, as the official pages recommend: prefix, time, chance.
    pub(super) fn number(&self, prefix: &str) -> String {
        let stamp = time::show_stamp(self.clock.wall());
        format!("{prefix}{stamp}{}", self.dice.digits(8))
    }

    /// A number that begins as the bill's does.
    pub(super) fn number_like(&self, bill: &str) -> String {
        self.number(bill.get(..4).unwrap_or("3194"))
    }

    /// Whether the other side is the official platform, where nobody plays the payer.
    pub(super) fn is_official(&self) -> bool {
        self.client.base_url().contains(".chinaums.com")
    }

    /// A `holdfast hold` command to paste. What the environment says already is left out.
    pub(super) fn line(&self, words: &[&str]) -> String {
        let mut all = vec!["holdfast", "hold"];
        all.extend(words);
        for (flag, name, value) in
            [("--mid", "HOLDFAST_MID", &self.mid), ("--tid", "HOLDFAST_TID", &self.tid)]
        {
            if std::env::var(name).ok().as_ref() != Some(value) {
                all.extend([flag, value.as_str()]);
            }
        }
        shell::line(all)
    }

    /// The command that waits for what a question asks.
    pub(super) fn wait_line(&self, question: &Fields) -> String {
        let mut words = vec!["wait"];
        for (name, value) in question {
            match *name {
                "billNo" => words.push(value),
                "billDate" => words.extend(["--date", value]),
                "authedOrderId" => words.extend(["--capture", value]),
                _ => words.extend(["--refund", value]),
            }
        }
        self.line(&words)
    }

    /// From now on something may be done without our knowing; `look` is the command that tells.
    pub(super) fn at_stake(&self, look: &str) {
        *self.stake.borrow_mut() = Stake::Unknown(look.to_owned());
    }

    /// Everything is known again.
    pub(super) fn settled(&self) {
        *self.stake.borrow_mut() = Stake::Nothing;
    }

    /// From now on it is only waited; `on` is the command that waits on.
    pub(super) fn only_waits(&self, on: &str) {
        *self.stake.borrow_mut() = Stake::Waiting(on.to_owned());
    }

    /// What to say to a user who does not wait.
    pub(super) fn interrupted(&self) -> Failure {
        match &*self.stake.borrow() {
            Stake::Unknown(look) => Failure::new(
                Exit::Interrupted,
                "interrupted: it may or may not have been done, the outcome is unknown (已中断，结果未知)",
            )
            .hint(format!("look before anything else (请先查询):\n\n  {look}")),
            Stake::Waiting(on) => Failure::new(
                Exit::Interrupted,
                "interrupted: nothing was changed by that (已中断等待，账单不受影响)",
            )
            .hint(format!("wait on (继续等待):\n\n  {on}")),
            Stake::Nothing => {
                Failure::new(Exit::Interrupted, "interrupted: nothing was done (已中断，未执行)")
            }
        }
    }

    /// Sends a request and reads the answer.
    pub(super) async fn ask<E: Endpoint>(
        &self,
        fields: &Fields,
    ) -> Result<Heard<E::Response>, Failure> {
        let body = self.body::<E>(fields)?;
        Ok(self.send::<E>(&body).await)
    }

    async fn send<E: Endpoint>(&self, body: &[u8]) -> Heard<E::Response> {
        match self.client.call_raw(E::PATH, body).await {
            Ok(exchange) => Heard { read: exchange.read::<E>(), body: exchange.body },
            Err(error) => Heard { read: Err(error), body: vec![] },
        }
    }

    /// The request as bytes, with who asks and when.
    fn body<E: Endpoint>(&self, fields: &Fields) -> Result<Vec<u8>, Failure> {
        let now = time::show(self.clock.wall());
        let common = [
            ("requestTimestamp", now.as_str()),
            ("mid", &self.mid),
            ("tid", &self.tid),
            ("instMid", InstMid::QrPay.as_str()),
        ];
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let object = Object::of_texts(common.into_iter().chain(fields))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        match Request::decode(E::PATH, &object) {
            Some(Ok(request)) => Ok(request.encode()),
            Some(Err(faults)) => {
                Err(Failure::new(Exit::Usage, format!("{} ({})", list(&faults), list_zh(&faults))))
            }
            None => Err(Failure::new(Exit::Usage, format!("{} takes no request", E::NAME))),
        }
    }

    pub(super) async fn query(&self, question: &Fields) -> Result<Heard<Queried>, Failure> {
        self.ask::<Query>(question).await
    }

    /// The bill, with its date and the code of its hold.
    pub(super) async fn find(&self, bill: &str, date: Option<&str>) -> Result<Queried, Failure> {
        let mut question: Fields = vec![("billNo", bill.to_owned())];
        question.extend(date.map(|date| ("billDate", date.to_owned())));
        let heard = self.query(&question).await?;
        heard.read.map_err(|error| {
            let failure = Failure::new(Exit::of_error(&error), &error);
            match (date, error.code()) {
                (None, Some(Code::BadRequest | Code::NoOrder)) => failure
                    .hint("say the bill's date: --date 2026-11-23 (请用 --date 指明账单日期)"),
                // Nothing but a question was asked, so nothing is at stake.
                _ => call::explain(&error, &self.wait_line(&question)),
            }
        })
    }

    /// Does something, and goes on until it is certain that it was done or not.
    pub(super) async fn perform<E: Endpoint>(
        &self,
        deed: &Deed,
        dry_run: bool,
        no_wait: bool,
    ) -> Result<Exit, Failure> {
        if dry_run {
            return self.preview::<E>(&deed.fields).await;
        }
        self.at_stake(&deed.look);
        if let Some(order) = &deed.order {
            // Before it is sent: whatever becomes of us, the user can ask under the number.
            self.screen.say(format_args!("order 单号: {order}"));
        }
        let body = self.until_known::<E>(deed, no_wait).await?;
        self.settled();
        if self.screen.format == Format::Json {
            self.screen.result(String::from_utf8_lossy(&body).trim_end())?;
        } else {
            let line = format!("{} · {}", deed.en, deed.zh);
            self.screen.result(self.screen.tone(Tone::Good, &line))?;
        }
        self.next(&deed.next);
        Ok(Exit::Done)
    }

    /// The answer that says that it was done.
    ///
    /// After an outcome that is not known comes a query, and where that does not know of it either, the same request
    /// again, under the same number: that is carried out once, and answered as the first was.
    async fn until_known<E: Endpoint>(
        &self,
        deed: &Deed,
        no_wait: bool,
    ) -> Result<Vec<u8>, Failure> {
        let heard = self.ask::<E>(&deed.fields).await?;
        match heard.read {
            Ok(_) => return Ok(heard.body),
            Err(error @ CallError::OutcomeUnknown(_)) if !no_wait => {
                self.screen.say(format_args!("{error}"));
                self.screen.say("asking until it is certain (持续查询，直至结果确定)");
            }
            Err(error) => return Err(self.failed(&error, &heard.body, &deed.look)),
        }
        let mut waiting = Wait::begin(self.screen, "asking 查询中", self.patience);
        while waiting.again().await {
            let asked = self.query(&deed.question).await?;
            match asked.read {
                Ok(queried) if (deed.done)(&queried) => return Ok(asked.body),
                Ok(_) => {}
                // Whoever does not answer a question is asked for nothing else.
                Err(_) => continue,
            }
            let again = self.ask::<E>(&deed.fields).await?;
            match again.read {
                Ok(_) => return Ok(again.body),
                Err(CallError::OutcomeUnknown(_) | CallError::Fault(_)) => {}
                Err(error) => match error.code() {
                    // Still on its way, or done by the first one: the query will tell.
                    Some(Code::OrderProcessing | Code::DupOrder | Code::HasCancelled) => {}
                    // The channel's own word on this very order.
                    Some(Code::TargetFail) => {
                        drop(waiting);
                        return Err(self.failed(&error, &again.body, &deed.look));
                    }
                    // Why the second one was not done; the first one may be the reason.
                    _ => {
                        let asked = self.query(&deed.question).await?;
                        drop(waiting);
                        if asked.read.is_ok_and(|queried| (deed.done)(&queried)) {
                            return Ok(asked.body);
                        }
                        return Err(still_unknown(&error, &deed.look));
                    }
                },
            }
        }
        drop(waiting);
        let text =
            "it was waited long enough, and the outcome is still not known (等待超时，结果仍未知)";
        let hint = format!("ask before anything else (请先查询):\n\n  {}", deed.look);
        Err(Failure::new(Exit::Unknown, text).hint(hint))
    }

    /// Why something was not done; as JSON, the answer is shown as it came.
    pub(super) fn failed(&self, error: &CallError, body: &[u8], look: &str) -> Failure {
        if !matches!(error, CallError::OutcomeUnknown(_)) {
            self.settled();
        }
        if self.screen.format == Format::Json && !body.is_empty() {
            // The failure that follows matters more than whether this could be written.
            let _ = self.screen.result(String::from_utf8_lossy(body).trim_end());
        }
        call::explain(error, look)
    }

    /// What may be done next, to paste.
    pub(super) fn next(&self, lines: &[String]) {
        if !lines.is_empty() && self.screen.format == Format::Text {
            self.screen.say(format_args!("\nnext 接下来:\n  {}", lines.join("\n  ")));
        }
    }

    /// Shows what a request would do, and ends as the request would.
    pub(super) async fn preview<E: Endpoint>(&self, fields: &Fields) -> Result<Exit, Failure> {
        let inner = String::from_utf8_lossy(&self.body::<E>(fields)?).into_owned();
        let fields = vec![("path", E::PATH.to_owned()), ("request", inner)];
        let heard = self.ask::<Preview>(&fields).await?;
        let told = heard
            .read
            .map_err(|error| self.not_ours(&error, &heard.body, "--dry-run", "预演 (--dry-run)"))?;
        match self.screen.format {
            Format::Json => self.screen.result(String::from_utf8_lossy(&heard.body).trim_end())?,
            Format::Text => self.screen.result(told::preview(self.screen, &told))?,
        }
        let code = told.code.as_str();
        Ok(Code::named(code).map_or(Exit::Unexpected, Exit::of_code))
    }

    /// Shows what happened to a bill, and what may be done next.
    pub(super) async fn timeline(&self, bill: &str, date: &str) -> Result<Exit, Failure> {
        let heard = self.told(bill, date).await?;
        let told = heard.read.map_err(|error| {
            self.not_ours(&error, &heard.body, "timeline", "账单经过 (timeline)")
        })?;
        match self.screen.format {
            Format::Json => self.screen.result(String::from_utf8_lossy(&heard.body).trim_end())?,
            Format::Text => self.screen.result(told::timeline(self.screen, &told))?,
        }
        Ok(Exit::Done)
    }

    async fn told(&self, bill: &str, date: &str) -> Result<Heard<TimelineTold>, Failure> {
        self.ask::<Timeline>(&vec![("billNo", bill.to_owned()), ("billDate", date.to_owned())])
            .await
    }

    /// The number of the bill's last capture.
    pub(super) async fn capture_of(&self, found: &Queried) -> Result<String, Failure> {
        let none = |text: &str| {
            Failure::new(Exit::NotFound, text).hint(
                "say which: --capture ORDER; `holdfast hold capture` told it (请用 --capture 指明完成单号)",
            )
        };
        let heard = self.told(found.bill_no.as_str(), &found.bill_date.to_string()).await?;
        let told = heard.read.map_err(|_| {
            none("this gateway does not tell the number of the capture (对方网关不提供完成单号)")
        })?;
        let captures = told.events.items().iter().rev().filter(|event| {
            // Asked for or done: whether it can be undone is for the gateway to say.
            matches!(event.event.as_str(), "hold.captured" | "capture.asked")
        });
        let last = captures.filter_map(|event| event.order.as_ref()).next();
        last.map(ToString::to_string).ok_or_else(|| none("nothing was captured (尚未完成)"))
    }

    /// What is ours alone may be missing at the other side.
    fn not_ours(&self, error: &CallError, body: &[u8], what: &str, zh: &str) -> Failure {
        let missing = matches!(
            error,
            CallError::Refused { code: Some(Code::NoService), .. }
                | CallError::Refused { code: None, status: 404 | 405, .. }
                | CallError::Fault(Fault::NotAGateway { status: 404 | 405, .. })
        );
        if !missing {
            return self.failed(error, body, &self.line(&["timeline", "BILL"]));
        }
        let url = self.client.base_url();
        let text = format!("{url} has no {what}: only Holdfast does (对方网关不支持{zh})");
        Failure::new(Exit::NotFound, text)
            .hint("rehearse it at a gateway of your own: holdfast serve   or: holdfast demo")
    }
}

/// A repeat was refused, which says nothing of the first request.
fn still_unknown(refused: &CallError, look: &str) -> Failure {
    let text = format!(
        "whether the first request was done is still not known; the same again was refused: {refused} (重发被拒，首次请求结果仍未知)"
    );
    Failure::new(Exit::Unknown, text)
        .hint(format!("ask before anything else (请先查询):\n\n  {look}"))
}
