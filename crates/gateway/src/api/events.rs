//! Holdfast's own: what happened to a merchant's bills, behind a cursor, with the notices that tell of it; and in the
//! test environment notices to try a receiver with.
//!
//! Everything is read from the journal with the announcer's own functions, so a merchant that left no address can
//! read what it would be told, and nobody is told anything else.

use std::{collections::HashMap, sync::Arc};

use holdfast_domain::{Bill, BillKey, Mid, Moment, Text, replay};
use holdfast_wire::{
    code::Code,
    field::{Cursor, EventName, Note, Url, Whole},
    message::{BillsRequest as _, Message as _},
    messages::{
        Echo, EventTold, Events, EventsRead, HeaderLine, OlderNotice, Override, SignedNotice,
        TrialLetter, TrialNotice,
    },
    notice::{SIGN, SIGN_TYPE},
};
use sha2::{Digest as _, Sha256};

use super::{Api, No, answers::Done};
use crate::{
    accounts::Merchant,
    clock::patience,
    limits,
    notices::{
        Announced, CONTENT_TYPE, Letter, Signer as _, addresses, amount, announced, letter,
        subscribed, supposed,
    },
    store::{Record, StoreFault, past},
    vault::hex,
};

/// What was found behind a cursor so far.
struct Page {
    events: Vec<EventTold>,
    /// How long the bodies of the notices are together.
    bytes: usize,
    /// The last record that was looked at, and its cursor.
    seq: u64,
    cursor: Cursor,
    /// Bills as of the last record that was looked at.
    known: HashMap<Arc<BillKey>, Bill>,
}

/// A record of the journal, and the bill around it.
struct Step {
    record: Record,
    before: Option<Bill>,
    after: Bill,
}

impl Api {
    /// What happened to a merchant's bills behind a cursor. Waits for it if that is asked and there is nothing.
    pub(super) async fn events(&self, request: &Events) -> Done {
        let sender = &request.sender;
        let most = request.limit.and_then(|limit| usize::try_from(limit.get()).ok());
        let most = most.unwrap_or(limits::EVENTS);
        let (seq, cursor) = match &request.after {
            Some(after) => (self.place(after).await?, after.clone()),
            None => self.end().await?,
        };
        let mut page = Page { events: vec![], bytes: 0, seq, cursor, known: HashMap::new() };
        let wait_ms = request.wait_seconds.map_or(0, |wait| wait.get().saturating_mul(1_000));
        if !self.look(&mut page, &sender.mid, most).await? && wait_ms > 0 {
            // Whoever waits in vain is answered all the same, with the cursor as far as it came.
            patience(wait_ms, self.wait(&mut page, &sender.mid, most)).await.unwrap_or(Ok(()))?;
        }
        let (last, newest) = self.end().await?;
        let read = EventsRead {
            answered: self.answered(request.caller(), "查询成功"),
            echo: Echo::of(request.caller()),
            behind: Whole::new(last.saturating_sub(page.seq)).ok_or_else(No::broken)?,
            events: page.events,
            cursor: page.cursor,
            newest,
        };
        Ok(read.encode())
    }

    /// Looks again each time something was committed, until something is found or the gateway stops.
    async fn wait(&self, page: &mut Page, mid: &Mid, most: usize) -> Result<(), No> {
        let mut stopping = self.stopping.subscribe();
        loop {
            // Asked for before the journal is read, so that a commit in between is not missed.
            let news = self.core.listeners.notified();
            if self.look(page, mid, most).await? {
                return Ok(());
            }
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Ok(()),
                () = news => {}
            }
            patience(limits::EVENTS_GATHER_MS, std::future::pending::<()>()).await;
        }
    }

    /// Reads on in the journal, a bounded way. Answers whether there is something to tell: events, or that the
    /// journal goes on.
    async fn look(&self, page: &mut Page, mid: &Mid, most: usize) -> Result<bool, No> {
        let records = self.core.store.journal(page.seq, limits::EVENTS_SCAN).await?;
        let more = records.len() == limits::EVENTS_SCAN;
        let merchant = self.accounts.book().merchants.get(mid).cloned();
        for record in records {
            let (seq, cursor) = (record.seq, cursor(&record)?);
            if record.key.mid == *mid
                && let Some(step) = self.step(page, record).await?
                && let Some(told) = self.told(&step, merchant.as_deref(), &cursor)?
            {
                let bytes = told.notice.body.as_ref().map_or(0, |body| body.as_str().len());
                // One is answered however long it is: nobody is to wait for it for ever.
                if !page.events.is_empty()
                    && page.bytes.saturating_add(bytes) > limits::EVENTS_BYTES
                {
                    return Ok(true);
                }
                page.bytes = page.bytes.saturating_add(bytes);
                page.events.push(told);
            }
            (page.seq, page.cursor) = (seq, cursor);
            if page.events.len() >= most {
                return Ok(true);
            }
        }
        Ok(more || !page.events.is_empty())
    }

    /// The bill around a record; `None` when the record is not announced and nothing is known of its bill yet.
    async fn step(&self, page: &mut Page, record: Record) -> Result<Option<Step>, StoreFault> {
        let known = page.known.remove(&record.key);
        if known.is_none() && announced(&record.event, None) == Announced::Never {
            return Ok(None);
        }
        let before = match known {
            Some(bill) => Some(bill),
            None => past(&*self.core.store, &record).await?,
        };
        let after = follow(before.as_ref(), &record)?;
        page.known.insert(record.key.clone(), after.clone());
        Ok(Some(Step { record, before, after }))
    }

    /// What is told of a record; `None` for what is never announced.
    fn told(
        &self,
        step: &Step,
        merchant: Option<&Merchant>,
        cursor: &Cursor,
    ) -> Result<Option<EventTold>, No> {
        let Some(letter) = self.letter_of(step, merchant) else { return Ok(None) };
        let (event, after) = (&step.record.event, &step.after);
        Ok(Some(EventTold {
            cursor: cursor.clone(),
            happened_at: letter.at,
            bill_no: letter.bill.no.clone(),
            bill_date: letter.bill.date,
            amount: amount(event, step.before.as_ref(), after),
            subscribed: subscribed(announced(event, Some(after)), merchant),
            event: text(&letter.event)?,
            notice: self.signed(&letter, self.core.clock.wall())?,
        }))
    }

    fn letter_of(&self, step: &Step, merchant: Option<&Merchant>) -> Option<Letter> {
        let Step { record, before, after } = step;
        let letter = letter(record, before.as_ref(), after, merchant, &self.terms.public_url)?;
        let url = addresses(after, merchant).first().map_or(String::new(), |url| (*url).to_owned());
        Some(Letter { url, ..letter })
    }

    /// A letter as it is sent at that moment.
    fn signed(&self, letter: &Letter, wall: Moment) -> Result<SignedNotice, No> {
        let (body, headers, unsigned) = match self.accounts.sign(letter, wall) {
            Ok(signed) => (Some(text(&signed.body)?), signed.headers, None),
            Err(unsigned) => (None, vec![], Some(Note::new(&unsigned.to_string()))),
        };
        let line = |(name, value): &(&str, String)| {
            Ok::<_, No>(HeaderLine { name: text(name)?, value: text(value)? })
        };
        Ok(SignedNotice {
            notify_id: text(&letter.notify_id)?,
            url: Url::parse(&letter.url).ok(),
            content_type: text(CONTENT_TYPE)?,
            headers: headers.iter().map(line).collect::<Result<_, _>>()?,
            body,
            unsigned,
        })
    }

    /// The place in the journal that a cursor names.
    async fn place(&self, after: &Cursor) -> Result<u64, No> {
        if after.as_str() == BEGINNING {
            return Ok(0);
        }
        let seq = after.as_str().split_once('-').and_then(|(seq, _)| seq.parse::<u64>().ok());
        let Some(seq) = seq.filter(|seq| *seq > 0) else {
            let text =
                "after: 不是游标 | after: this is no cursor; use one that was answered, or 0"
                    .to_owned();
            return Err(No::new(Code::BadRequest, text));
        };
        let there = self.core.store.journal(seq.saturating_sub(1), 1).await?;
        match there.first().map(cursor).transpose()? {
            Some(cursor) if cursor == *after => Ok(seq),
            found => {
                let (zh, en) = match found {
                    Some(_) => ("游标不属于本网关的流水", "another record is there"),
                    None => ("游标超出流水末尾", "the journal does not go so far"),
                };
                let text = format!(
                    "after: {zh}，请改用 0 或不填 | after: {en}: this cursor comes from another gateway or another data \
                     directory; begin at 0, or without it at the end"
                );
                Err(No::new(Code::BadRequest, text))
            }
        }
    }

    /// Where the journal ends.
    async fn end(&self) -> Result<(u64, Cursor), No> {
        let last = self.core.store.last().await?;
        let there = self.core.store.journal(last.saturating_sub(1), 1).await?;
        match there.first() {
            Some(record) => Ok((record.seq, cursor(record)?)),
            None => Ok((0, Cursor::parse(BEGINNING).map_err(|_| No::broken())?)),
        }
    }

    /// A notice to try a receiver with. Nothing is sent, and nothing changes.
    pub(super) async fn trial_notice(&self, request: &TrialNotice) -> Done {
        let (sender, wall) = (&request.sender, self.core.clock.wall());
        let bill = self.find(&sender.mid, &request.bill_no, request.bill_date).await?;
        let book = self.accounts.book();
        let no_merchant = || No::new(Code::NoMerchant, "mid: there is no such merchant".to_owned());
        let merchant = book.merchants.get(&sender.mid).ok_or_else(no_merchant)?;
        let Told { step, older, had } = self.history(&bill.key, request.event).await?;
        let older = older.and_then(|older| self.letter_of(&older, Some(merchant)));
        let happened_at = step.as_ref().map(|step| step.record.at);
        let letter = match (&step, request.event) {
            (Some(step), _) => self.letter_of(step, Some(merchant)),
            (None, Some(event)) if request.anyway == Some(true) => {
                let url = addresses(&bill, Some(merchant)).first().map_or("", |url| url).to_owned();
                let now = self.core.clock.now();
                supposed(event, &bill, merchant, &self.terms.public_url, now)
                    .map(|letter| Letter { url, ..letter })
            }
            (None, event) => return Err(not_had(event, &had)),
        };
        let mut letter = letter.ok_or_else(No::broken)?;
        for (place, wanted) in request.overrides.iter().flatten().enumerate() {
            override_pair(&mut letter, place, wanted)?;
        }
        let ago = request.sent_ago_seconds.map_or(0, |ago| ago.get().saturating_mul(1_000));
        let sent_at = Moment(wall.0.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)));
        let older = older.map(|older| {
            let notice = self.signed(&older, wall)?;
            Ok::<_, No>(OlderNotice { event: text(&older.event)?, happened_at: older.at, notice })
        });
        let notice = self.signed(&letter, sent_at)?;
        if let Some(unsigned) = &notice.unsigned {
            return Err(No::new(Code::InvalidMerchantConfig, unsigned.to_string()));
        }
        let made = TrialLetter {
            answered: self.answered(request.caller(), "通知已生成，未发送"),
            echo: Echo::of(request.caller()),
            bill_no: letter.bill.no.clone(),
            bill_date: letter.bill.date,
            event: text(&letter.event)?,
            happened_at,
            notice,
            older: older.transpose()?,
        };
        Ok(made.encode())
    }

    /// The last time that a bill had an event, or any that is announced, and what was announced before that.
    async fn history(&self, key: &BillKey, event: Option<EventName>) -> Result<Told, No> {
        let mut told = Told::default();
        let (mut bill, mut last): (Option<Bill>, Option<Arc<Step>>) = (None, None);
        for record in self.core.store.history(key).await? {
            let after = follow(bill.as_ref(), &record)?;
            let before = bill.replace(after.clone());
            if announced(&record.event, Some(&after)) == Announced::Never {
                continue;
            }
            let name = record.event.name(after.terms.kind);
            if !told.had.contains(&name) {
                told.had.push(name);
            }
            let step = Arc::new(Step { record, before, after });
            if event.is_none_or(|event| event.as_str() == name) {
                told.older = last.replace(step.clone());
                told.step = Some(step);
            } else {
                last = Some(step);
            }
        }
        if told.step.is_none() {
            told.older = last;
        }
        Ok(told)
    }
}

/// The cursor before the first record.
const BEGINNING: &str = "0";

/// What a bill was announced to have had.
#[derive(Default)]
struct Told {
    /// What was asked for, when it last happened.
    step: Option<Arc<Step>>,
    /// What was announced before that.
    older: Option<Arc<Step>>,
    /// The names of all of it, each once.
    had: Vec<&'static str>,
}

/// The cursor behind a record. It says which record it is and not only where, so that the journal of another gateway
/// is not taken for this one's.
fn cursor(record: &Record) -> Result<Cursor, No> {
    let Record { seq, at, key, version, .. } = record;
    let digest: [u8; 32] =
        Sha256::digest(format!("holdfast cursor {seq} {} {key} {version}", at.0)).into();
    let [a, b, c, d, ..] = digest;
    Cursor::parse(&format!("{seq}-{}", hex(&[a, b, c, d]))).map_err(|_| No::broken())
}

/// The bill after a record.
fn follow(before: Option<&Bill>, record: &Record) -> Result<Bill, StoreFault> {
    let change = replay(before, &record.key, record.event.clone());
    let broken = |broken| {
        StoreFault::new(format_args!("record {} of bill {}: {broken}", record.seq, record.key))
    };
    Ok(change.map_err(broken)?.bill)
}

fn text<const MAX: usize>(text: &str) -> Result<Text<MAX>, No> {
    Text::parse(text).map_err(|_| {
        let what = format!("通知过长 | the notice is longer than {MAX} characters");
        No::new(Code::BadRequest, what)
    })
}

/// The refusal to tell of something that a bill has not had.
fn not_had(event: Option<EventName>, had: &[&str]) -> No {
    let had = if had.is_empty() { "nothing yet".to_owned() } else { had.join(", ") };
    let event = event.map_or("an event that is announced", |event| event.as_str());
    let text = format!(
        "该账单未发生此事件，已发生：{had}；如仍需生成请设 anyway | the bill has not had {event}: it has had {had}; with \
         `anyway` the notice is made all the same, of the bill as it stands"
    );
    No::new(Code::OperationNotAllowed, text)
}

/// Lets a letter say something else.
fn override_pair(letter: &mut Letter, place: usize, wanted: &Override) -> Result<(), No> {
    let name = wanted.name.as_str();
    if [SIGN, SIGN_TYPE].contains(&name) {
        let text = format!(
            "overrides[{place}].name: 签名不可替换 | overrides[{place}].name: the signature is made last and cannot be overridden"
        );
        return Err(No::new(Code::BadRequest, text));
    }
    let at = letter.pairs.iter().position(|(known, _)| known == name);
    match (&wanted.value, at.and_then(|at| letter.pairs.get_mut(at))) {
        (Some(value), Some((_, known))) => value.as_str().clone_into(known),
        (Some(value), None) => letter.pairs.push((name.to_owned(), value.to_string())),
        (None, _) => letter.pairs.retain(|(known, _)| known != name),
    }
    if let (NOTIFY_ID, Some(value)) = (name, &wanted.value) {
        letter.notify_id = value.to_string();
    }
    Ok(())
}

/// The pair that the second signature covers too.
const NOTIFY_ID: &str = "notifyId";
