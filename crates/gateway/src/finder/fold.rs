//! From the journal into the index: one page of records is one transaction with the number of its last record.

use std::{collections::HashMap, sync::Arc};

use holdfast_domain::{Bill, BillKey, CardTail, Event, Moment, Phase};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{
    limits,
    store::{
        Asker, Record, Store, StoreFault,
        files::{signed, unsigned},
    },
    view,
};

const FOLDED: &str = "SELECT seq, mark FROM folded";
const MOVE: &str = "UPDATE folded SET seq = ?1, mark = ?2";
const KNOWN: &str =
    "SELECT id, created_at FROM bills WHERE mid = ?1 AND bill_no = ?2 AND bill_date = ?3";
const INSERT: &str =
    "INSERT INTO bills (mid, bill_no, bill_date, tid, kind, phase, status, amount, created_at,
        changed_at, deadline)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
// Names no column that never changes, so that the indexes of those are not written.
const UPDATE: &str =
    "UPDATE bills SET phase = ?2, status = ?3, changed_at = ?4, deadline = ?5 WHERE id = ?1";
const NUMBER: &str = "INSERT OR IGNORE INTO numbers (number, created_at, bill) VALUES (?1, ?2, ?3)";
const CARD: &str = "INSERT OR IGNORE INTO cards (tail, created_at, bill) VALUES (?1, ?2, ?3)";
const FORGET: &str = "DELETE FROM bills; DELETE FROM numbers; DELETE FROM cards; UPDATE folded SET seq = 0, mark = ''";

/// Every question of a fold, for the test that none of them reads a whole table.
#[cfg(test)]
pub(super) const QUERIES: [&str; 2] = [KNOWN, UPDATE];

/// A page of the journal, with its bills as they are now.
pub(super) struct Batch {
    bills: Vec<Changed>,
    last: u64,
    mark: String,
}

/// A bill of which a page has records.
struct Changed {
    bill: Bill,
    /// The first of the page.
    seq: u64,
    /// Its version after the last of the page, and when that was.
    version: u64,
    at: Moment,
    numbers: Vec<String>,
    /// The card that paid, when one did in one of the records.
    card: Option<CardTail>,
}

impl Batch {
    /// The last record of the page.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// Reads the next page of the journal; `None` at its end.
pub(super) async fn read(store: &dyn Store, seq: u64) -> Result<Option<Batch>, StoreFault> {
    let records = store.journal(seq, limits::FINDER_PAGE).await?;
    let Some(end) = records.last() else { return Ok(None) };
    let (last, mark) = (end.seq, mark(end));
    let mut all: HashMap<Arc<BillKey>, Changed> = HashMap::new();
    for record in records {
        let mut numbers = numbers(&record);
        let known = match all.get_mut(&record.key) {
            Some(known) => known,
            None => {
                let missing = || {
                    StoreFault::new(format_args!(
                        "record {} has no bill {}",
                        record.seq, record.key
                    ))
                };
                let bill = store.bill(&record.key).await?.ok_or_else(missing)?;
                let (seq, version, at) = (record.seq, record.version, record.at);
                let changed = Changed { bill, seq, version, at, numbers: vec![], card: None };
                all.entry(record.key.clone()).or_insert(changed)
            }
        };
        (known.version, known.at) = (record.version, record.at);
        known.numbers.append(&mut numbers);
        known.card = known.card.or(card(&record.event));
    }
    let mut bills: Vec<_> = all.into_values().collect();
    bills.sort_unstable_by_key(|changed| changed.seq);
    Ok(Some(Batch { bills, last, mark }))
}

/// Writes a page.
pub(super) fn write(file: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut known = file.prepare_cached(KNOWN)?;
    let mut insert = file.prepare_cached(INSERT)?;
    let mut update = file.prepare_cached(UPDATE)?;
    let mut put_number = file.prepare_cached(NUMBER)?;
    let mut put_card = file.prepare_cached(CARD)?;
    for Changed { bill, version, at, numbers, card, .. } in &batch.bills {
        let (phase, status) = (bill.phase.name(), view::bill_status(bill));
        let deadline = deadline(bill).map(|deadline| deadline.0);
        let BillKey { mid, no, date } = &*bill.key;
        let found: Option<(i64, i64)> = known
            .query_row(params![mid.as_str(), no.as_str(), date.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (id, created_at) = match found {
            Some(found) => {
                // What became of it later has a record of its own, and is folded then.
                if bill.version == *version {
                    update.execute(params![found.0, phase, status.as_str(), at.0, deadline])?;
                }
                found
            }
            None => {
                let terms = &bill.terms;
                insert.execute(params![
                    mid.as_str(),
                    no.as_str(),
                    date.0,
                    terms.tid.as_str(),
                    terms.kind.name(),
                    phase,
                    status.as_str(),
                    signed(terms.amount.fen()),
                    terms.created_at.0,
                    at.0,
                    deadline
                ])?;
                (file.last_insert_rowid(), terms.created_at.0)
            }
        };
        for number in numbers {
            put_number.execute(params![number, created_at, id])?;
        }
        if let Some(tail) = card {
            put_card.execute(params![tail.to_string(), created_at, id])?;
        }
    }
    file.prepare_cached(MOVE)?.execute(params![signed(batch.last), batch.mark])?;
    Ok(())
}

/// The last record that is in the index, and which one it was.
pub(super) fn folded(file: &Connection) -> rusqlite::Result<(u64, String)> {
    file.query_row(FOLDED, [], |row| Ok((unsigned(row.get(0)?), row.get(1)?)))
}

/// Empties the index.
pub(super) fn forget(file: &Connection) -> rusqlite::Result<()> {
    file.execute_batch(FORGET)
}

/// Which record it is, and not only where.
pub(super) fn mark(record: &Record) -> String {
    format!("{}@{} {}", record.key, record.version, record.at.0)
}

/// When the bill's money goes back by itself; `None` while none is held.
fn deadline(bill: &Bill) -> Option<Moment> {
    match &bill.phase {
        Phase::Authorized { payment }
        | Phase::Capturing { payment, .. }
        | Phase::Releasing { payment, .. } => Some(payment.grant.as_ref()?.deadline),
        _ => None,
    }
}

/// The card that paid.
fn card(event: &Event) -> Option<CardTail> {
    match event {
        Event::Authorized { payment } | Event::PaidLate { payment, .. } => payment.tail,
        _ => None,
    }
}

/// By which numbers the record makes its bill known, besides the bill's own.
fn numbers(record: &Record) -> Vec<String> {
    let number = match &record.event {
        Event::Requested { terms } => Some(terms.code.to_string()),
        Event::CaptureAsked { leg, .. } | Event::RefundAsked { leg, .. } => {
            Some(leg.order.to_string())
        }
        _ => None,
    };
    let request = match &record.asker {
        Asker::App { request, .. } => *request,
        Asker::Operator { request, .. } => Some(*request),
        Asker::Payer | Asker::Channel | Asker::Clock => None,
    };
    number.into_iter().chain(request.map(|request| request.to_string())).collect()
}
