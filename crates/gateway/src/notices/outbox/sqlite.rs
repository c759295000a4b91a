//! `notices.db`: the outbox on disk, synced with every change; also written by commands beside a running gateway.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use rusqlite::{Connection, Row, ToSql, params, params_from_iter, types::FromSqlError};

use super::{
    super::{Letter, Outbox},
    Counts, Filter, Kept, Letters, News, Outcome, Receiver, State, Then, Try, due_at, receivers,
};
use crate::{
    limits,
    store::{
        OpenError, StoreFault, Task,
        files::{
            Durability, NOTICES, Readers, failed, in_use, leave_log, make_directory, signed,
            unsigned,
        },
    },
};

/// The columns of a letter, as [`kept`] reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, seq, url, receiver, mid, bill_no, bill_date, event, notify_id, pairs, at, state, \
             tries, made, next, round FROM letters ",
            $rest
        )
    };
}

const CURSOR: &str = "SELECT cursor FROM outbox";
const MOVE_CURSOR: &str = "UPDATE outbox SET cursor = max(cursor, ?1), newest = ?2";
const NEWEST: &str = "SELECT newest FROM outbox";
const PUT: &str =
    "INSERT INTO letters (seq, url, receiver, mid, bill_no, bill_date, event, notify_id, pairs, at,
        state, tries, made, next, ready, round)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, ?11, NULL, 0)
    ON CONFLICT (seq, url) DO NOTHING";
const NEXT_RECEIVER: &str =
    "SELECT receiver, ready FROM letters WHERE ready IS NOT NULL AND receiver > ?1
    ORDER BY receiver, ready LIMIT 1";
const DUE: &str = select!(
    "WHERE ready IS NOT NULL AND receiver = ?1 AND ready <= ?2 ORDER BY ready, id LIMIT ?3"
);
const PUT_TRY: &str = "INSERT OR REPLACE INTO tries (letter, number, at, took_ms, status, trouble, answer, looked_for)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const FORGET_TRIES: &str = "DELETE FROM tries WHERE letter = ?1 AND number <= ?2";
const COUNT_TRY: &str =
    "UPDATE letters SET made = ?2, tries = iif(round = ?3, ?4, tries) WHERE id = ?1 AND made < ?2";
const TRY_AGAIN: &str = "UPDATE letters SET next = ?3 WHERE id = ?1 AND round = ?2";
const GIVE_UP: &str =
    "UPDATE letters SET state = 2, ready = NULL, settled = ?3 WHERE id = ?1 AND round = ?2";
const DELIVER: &str = "UPDATE letters SET state = 1, ready = NULL, settled = ?2 WHERE id = ?1";
const LINE: &str = "SELECT url, mid, bill_no, bill_date FROM letters WHERE id = ?1";
const NOBODY_READY: &str =
    "UPDATE letters SET ready = NULL WHERE state = 0 AND url = ?1 AND mid = ?2
    AND bill_no = ?3 AND bill_date = ?4 AND ready IS NOT NULL";
const FIRST_READY: &str = "UPDATE letters SET ready = next WHERE id = (SELECT min(id) FROM letters
    WHERE state = 0 AND url = ?1 AND mid = ?2 AND bill_no = ?3 AND bill_date = ?4)";
const SETTLED_BEFORE: &str =
    "SELECT id FROM letters WHERE settled IS NOT NULL AND state = ?1 AND settled < ?2 LIMIT ?3";
const REMOVE: &str = "DELETE FROM letters WHERE id = ?1 AND state <> 0";
const REMOVE_TRIES: &str = "DELETE FROM tries WHERE letter = ?1";
const LIST: &str = select!("");
const TRIES: &str = "SELECT number, at, took_ms, status, trouble, answer, looked_for FROM tries
    WHERE letter = ?1 ORDER BY number";
const BEGIN_ROUND: &str = "UPDATE outbox SET rounds = rounds + 1 RETURNING rounds";
const ROUNDS: &str = "SELECT rounds FROM outbox";
const RESEND: &str =
    "UPDATE letters SET tries = iif(state = 0, tries, 0), state = 0, round = ?2, settled = NULL,
    next = min(at, (SELECT newest FROM outbox)) WHERE id = ?1";
const DROP: &str =
    "UPDATE letters SET state = 2, ready = NULL, settled = ?2 WHERE id = ?1 AND state = 0";
const COUNTS: &str =
    "SELECT state, count(*) FROM letters WHERE round > 0 AND round = ?1 GROUP BY state";

/// Every question that may meet a great many letters, for the test that none of them reads them all.
#[cfg(test)]
pub(super) const QUERIES: [&str; 9] = [
    NEXT_RECEIVER,
    DUE,
    NOBODY_READY,
    FIRST_READY,
    SETTLED_BEFORE,
    REMOVE_TRIES,
    FORGET_TRIES,
    TRIES,
    COUNTS,
];

/// The outbox of a data directory. Any number of programs may have it open; one of them delivers.
pub struct SqliteOutbox {
    reader: Readers,
    writer: Arc<Mutex<Connection>>,
    news: News,
}

impl SqliteOutbox {
    /// Opens the outbox in `dir`, made if it is not there.
    ///
    /// # Errors
    /// An [`OpenError`] says what is in the way and what to do.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        make_directory(dir)?;
        let writer = NOTICES.open_writer(dir, Durability::Full)?;
        let writer = Arc::new(Mutex::new(writer));
        Ok(Self { reader: Readers::new(&NOTICES, dir), writer, news: News::default() })
    }

    /// Opens the outbox that is in `dir` already, for a command beside the gateway.
    ///
    /// # Errors
    /// An [`OpenError`] says what is in the way and what to do.
    pub fn open_existing(dir: &Path) -> Result<Self, OpenError> {
        NOTICES.refuse_other(dir)?;
        let outbox = Self::open(dir)?;
        let writer = outbox.writer.lock().unwrap_or_else(PoisonError::into_inner);
        leave_log(&writer)
            .map_err(|source| OpenError::Sqlite { file: NOTICES.path(dir), source })?;
        drop(writer);
        Ok(outbox)
    }

    /// Whether a gateway runs on the directory, and delivers what is in its outbox.
    ///
    /// # Errors
    /// When the directory cannot be asked.
    pub fn is_served(dir: &Path) -> Result<bool, OpenError> {
        in_use(dir)
    }

    /// Changes the file in one transaction, on a thread that may wait: it syncs, and another process may hold
    /// the file.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let writer = self.writer.clone();
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction =
                writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let done = change(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(StoreFault::new)?;
        written.map_err(failed(format_args!("{doing} in notices.db")))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFault> {
        self.reader.with(|reader| read(reader).map_err(failed("read notices.db")))
    }
}

/// Makes the first letter that waits in a line ready, and no other.
fn line_up(file: &Connection, id: u64) -> rusqlite::Result<()> {
    let line = |row: &Row<'_>| -> rusqlite::Result<(String, String, String, i32)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let (url, mid, no, date) = file.prepare_cached(LINE)?.query_row([signed(id)], line)?;
    file.prepare_cached(NOBODY_READY)?.execute(params![url, mid, no, date])?;
    file.prepare_cached(FIRST_READY)?.execute(params![url, mid, no, date])?;
    Ok(())
}

fn put(file: &Connection, letter: &Letter, newest: i64) -> rusqlite::Result<()> {
    let Letter { seq, mid, bill, event, notify_id, url, pairs, at } = letter;
    let pairs = serde_json::to_string(pairs)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let receiver = Receiver::of(url);
    let (no, date) = (bill.no.as_str(), bill.date.0);
    let put = file.prepare_cached(PUT)?.execute(params![
        signed(*seq),
        url,
        receiver.as_str(),
        mid.as_str(),
        no,
        date,
        event,
        notify_id,
        pairs,
        at.0,
        newest
    ])?;
    if put == 1 { line_up(file, unsigned(file.last_insert_rowid())) } else { Ok(()) }
}

fn record(file: &Connection, outcome: &Outcome) -> rusqlite::Result<()> {
    let Outcome { id, round, tries, made, then } = outcome;
    let (letter, round) = (signed(*id), signed(*round));
    let counted = params![letter, made.number, round, tries];
    if file.prepare_cached(COUNT_TRY)?.execute(counted)? == 0 {
        // Written down before; or removed meanwhile, and then it had been delivered once already.
        return Ok(());
    }
    let Try { number, at, took_ms, status, trouble, answer, looked_for } = made;
    let took_ms = signed(*took_ms);
    let a_try = params![letter, number, at.0, took_ms, status, trouble, answer, looked_for];
    file.prepare_cached(PUT_TRY)?.execute(a_try)?;
    if let Some(forgotten) = number.checked_sub(limits::NOTICE_TRIES_KEPT) {
        file.prepare_cached(FORGET_TRIES)?.execute(params![letter, forgotten])?;
    }
    match then {
        Then::Delivered => file.prepare_cached(DELIVER)?.execute(params![letter, at.0])?,
        Then::Again(next) => {
            file.prepare_cached(TRY_AGAIN)?.execute(params![letter, round, next.0])?
        }
        Then::GivenUp => file.prepare_cached(GIVE_UP)?.execute(params![letter, round, at.0])?,
    };
    line_up(file, *id)
}

impl Outbox for SqliteOutbox {
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                Ok(unsigned(file.prepare_cached(CURSOR)?.query_row([], |row| row.get(0))?))
            })
        })
    }

    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let to = receivers(&letters);
            self.write("put letters", move |file| {
                let mut newest: i64 =
                    file.prepare_cached(NEWEST)?.query_row([], |row| row.get(0))?;
                for letter in &letters {
                    newest = due_at(newest, letter.at);
                    put(file, letter, newest)?;
                }
                file.prepare_cached(MOVE_CURSOR)?.execute(params![signed(cursor), newest])
            })
            .await?;
            self.news.tell(to);
            Ok(())
        })
    }
}

impl Letters for SqliteOutbox {
    fn receivers<'a>(
        &'a self,
        after: Option<&'a Receiver>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Receiver, Moment)>, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                let mut next = file.prepare_cached(NEXT_RECEIVER)?;
                let mut after = after.map_or("", Receiver::as_str).to_owned();
                let mut found = vec![];
                while found.len() < limit {
                    let mut rows = next.query([&after])?;
                    let Some(row) = rows.next()? else { break };
                    after = row.get(0)?;
                    found.push((Receiver(after.as_str().into()), Moment(row.get(1)?)));
                }
                Ok(found)
            })
        })
    }

    fn due<'a>(
        &'a self,
        receiver: &'a Receiver,
        now: Moment,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                let asked = params![receiver.as_str(), now.0, rows(limit)];
                file.prepare_cached(DUE)?.query_map(asked, kept)?.collect()
            })
        })
    }

    fn record<'a>(&'a self, outcomes: &'a [Outcome]) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let outcomes = outcomes.to_vec();
            let write = move |file: &Connection| {
                outcomes.iter().try_for_each(|outcome| record(file, outcome))
            };
            self.write("record tries", write).await
        })
    }

    fn sweep<'a>(&'a self, now: Moment) -> Task<'a, Result<usize, StoreFault>> {
        Box::pin(async move {
            let mut old: Vec<i64> = vec![];
            for (state, kept_ms) in [
                (State::Delivered, limits::NOTICE_DELIVERED_KEPT_MS),
                (State::GivenUp, limits::NOTICE_GIVEN_UP_KEPT_MS),
            ] {
                let room = limits::NOTICE_STEP.saturating_sub(old.len());
                let asked = params![number(state), now.plus_ms(-kept_ms).0, rows(room)];
                old.extend(self.read(|file| {
                    let mut settled = file.prepare_cached(SETTLED_BEFORE)?;
                    let ids = settled.query_map(asked, |row| row.get(0))?;
                    ids.collect::<rusqlite::Result<Vec<i64>>>()
                })?);
            }
            if old.is_empty() {
                return Ok(0);
            }
            self.write("remove old letters", move |file| {
                let mut removed = 0_usize;
                for id in old {
                    // Somebody may have resent it meanwhile.
                    if file.prepare_cached(REMOVE)?.execute([id])? == 1 {
                        file.prepare_cached(REMOVE_TRIES)?.execute([id])?;
                        removed = removed.saturating_add(1);
                    }
                }
                Ok(removed)
            })
            .await
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>> {
        Box::pin(async move {
            let (query, values) = question(filter, End::Newest(before), limit);
            self.read(|file| {
                let mut list = file.prepare_cached(&query)?;
                list.query_map(params_from_iter(values), kept)?.collect()
            })
        })
    }

    fn tries<'a>(&'a self, id: u64) -> Task<'a, Result<Vec<Try>, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                let mut tries = file.prepare_cached(TRIES)?;
                let found = tries.query_map([signed(id)], |row| {
                    Ok(Try {
                        number: row.get(0)?,
                        at: Moment(row.get(1)?),
                        took_ms: unsigned(row.get(2)?),
                        status: row.get(3)?,
                        trouble: row.get(4)?,
                        answer: row.get(5)?,
                        looked_for: row.get(6)?,
                    })
                })?;
                found.collect()
            })
        })
    }

    fn begin_round<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            self.write("begin a round", |file| {
                Ok(unsigned(file.query_row(BEGIN_ROUND, [], |row| row.get(0))?))
            })
            .await
        })
    }

    fn resend<'a>(
        &'a self,
        filter: &'a Filter,
        round: u64,
        after: u64,
    ) -> Task<'a, Result<Option<u64>, StoreFault>> {
        Box::pin(async move {
            let (query, values) = question(filter, End::Oldest(after), limits::NOTICE_STEP);
            self.write("resend letters", move |file| {
                let mut list = file.prepare_cached(&query)?;
                let found = list.query_map(params_from_iter(values), |row| row.get(0))?;
                let ids: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
                for id in &ids {
                    file.prepare_cached(RESEND)?.execute(params![id, signed(round)])?;
                    line_up(file, unsigned(*id))?;
                }
                Ok(ids.last().copied().map(unsigned))
            })
            .await
        })
    }

    fn drop<'a>(
        &'a self,
        filter: &'a Filter,
        now: Moment,
        after: u64,
    ) -> Task<'a, Result<Option<(usize, u64)>, StoreFault>> {
        Box::pin(async move {
            if !filter.states.is_empty() && !filter.states.contains(&State::Waiting) {
                return Ok(None);
            }
            let waiting = Filter { states: vec![State::Waiting], ..filter.clone() };
            let (query, values) = question(&waiting, End::Oldest(after), limits::NOTICE_STEP);
            self.write("drop letters", move |file| {
                let mut list = file.prepare_cached(&query)?;
                let found = list.query_map(params_from_iter(values), |row| row.get(0))?;
                let ids: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
                for id in &ids {
                    file.prepare_cached(DROP)?.execute(params![id, now.0])?;
                    line_up(file, unsigned(*id))?;
                }
                Ok(ids.last().map(|last| (ids.len(), unsigned(*last))))
            })
            .await
        })
    }

    fn rounds<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                Ok(unsigned(file.prepare_cached(ROUNDS)?.query_row([], |row| row.get(0))?))
            })
        })
    }

    fn counts<'a>(&'a self, round: u64) -> Task<'a, Result<Counts, StoreFault>> {
        Box::pin(async move {
            self.read(|file| {
                let mut counts = Counts::default();
                let mut all = file.prepare_cached(COUNTS)?;
                let mut rows = all.query([signed(round)])?;
                while let Some(row) = rows.next()? {
                    *counts.of(state(row.get(0)?)?) = unsigned(row.get(1)?);
                }
                Ok(counts)
            })
        })
    }

    fn put_here<'a>(&'a self) -> Task<'a, BTreeSet<Receiver>> {
        Box::pin(self.news.wait())
    }
}

/// From which end letters are read.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The newest first, from before that number on.
    Newest(Option<u64>),
    /// The oldest first, from after that number on.
    Oldest(u64),
}

/// The question for the letters that a filter takes, and the values it is asked with.
pub(super) fn question(
    filter: &Filter,
    end: End,
    limit: usize,
) -> (String, Vec<Box<dyn ToSql + Send>>) {
    let Filter { id, mid, states, event, bill, to, since, until } = filter;
    let mut values: Vec<Box<dyn ToSql + Send>> = vec![];
    let mut conditions: Vec<String> = vec![];
    let mut when = |condition: &str, value: Box<dyn ToSql + Send>| {
        conditions.push(condition.to_owned());
        values.push(value);
    };
    if let Some(id) = id {
        when("id = ?", Box::new(signed(*id)));
    }
    if let Some(mid) = mid {
        // By bill, there are fewer.
        let condition = if bill.is_some() { "+mid = ?" } else { "mid = ?" };
        when(condition, Box::new(mid.as_str().to_owned()));
    }
    if let Some(bill) = bill {
        when("bill_no = ?", Box::new(bill.as_str().to_owned()));
    }
    if let Some(event) = event {
        when("event = ?", Box::new(event.clone()));
    }
    if let Some(to) = to {
        when("receiver = ?", Box::new(to.as_str().to_owned()));
    }
    if let Some(since) = since {
        when("at >= ?", Box::new(since.0));
    }
    if let Some(until) = until {
        when("at < ?", Box::new(until.0));
    }
    let order = match end {
        End::Newest(before) => {
            when("id < ?", Box::new(before.map_or(i64::MAX, signed)));
            "DESC"
        }
        End::Oldest(after) => {
            when("id > ?", Box::new(signed(after)));
            "ASC"
        }
    };
    match states.as_slice() {
        [] => {}
        // The few that were given up are found among the many.
        [state] if mid.is_none() && bill.is_none() => when("state = ?", Box::new(number(*state))),
        states => {
            let list: Vec<String> = states.iter().map(|state| number(*state).to_string()).collect();
            conditions.push(format!("+state IN ({})", list.join(", ")));
        }
    }
    values.push(Box::new(rows(limit)));
    (format!("{LIST}WHERE {} ORDER BY id {order} LIMIT ?", conditions.join(" AND ")), values)
}

fn number(state: State) -> i64 {
    match state {
        State::Waiting => 0,
        State::Delivered => 1,
        State::GivenUp => 2,
    }
}

fn state(number: i64) -> rusqlite::Result<State> {
    match number {
        0 => Ok(State::Waiting),
        1 => Ok(State::Delivered),
        2 => Ok(State::GivenUp),
        other => Err(FromSqlError::OutOfRange(other).into()),
    }
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let malformed = |error| FromSqlError::other(error);
    let text = |column| row.get::<_, String>(column);
    let mid = Mid::parse(&text(4)?).map_err(malformed)?;
    let no = BillNo::parse(&text(5)?).map_err(malformed)?;
    let pairs = serde_json::from_str(&text(9)?).map_err(FromSqlError::other)?;
    let letter = Letter {
        seq: unsigned(row.get(1)?),
        bill: BillKey { mid: mid.clone(), no, date: Day(row.get(6)?) },
        mid,
        event: text(7)?,
        notify_id: text(8)?,
        url: text(2)?,
        pairs,
        at: Moment(row.get(10)?),
    };
    Ok(Kept {
        id: unsigned(row.get(0)?),
        receiver: Receiver(text(3)?.into()),
        letter,
        state: state(row.get(11)?)?,
        tries: row.get(12)?,
        made: row.get(13)?,
        next: Moment(row.get(14)?),
        round: unsigned(row.get(15)?),
    })
}
