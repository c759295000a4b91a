//! `journal.db`: one row a commit, appended by one thread; everything else follows from it.

use holdfast_domain::{Bill, BillKey, Change, Kind, replay};
use rusqlite::{Connection, params};

use super::{
    super::{
        Record, StoreFault,
        format::{self, Line},
    },
    files::{signed, unsigned},
    layer::Layer,
    view,
};

const APPEND: &str = "INSERT INTO journal (seq, record) VALUES (?1, ?2)";
const LAST: &str = "SELECT coalesce(max(seq), 0) FROM journal";
const ROW: &str = "SELECT record FROM journal WHERE seq = ?1";
const PAGE: &str = "SELECT seq, record FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// Why the journal cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// SQLite failed.
    #[error("read journal.db: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row is missing, damaged, or does not follow.
    #[error("journal.db row {seq}: {why}")]
    Row {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The view failed.
    #[error(transparent)]
    View(#[from] StoreFault),
}

impl From<Trouble> for StoreFault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::View(fault) => fault,
            other => Self::new(other),
        }
    }
}

/// Appends one record inside the caller's transaction. `line` is completed for its place here: `before` is
/// the bill's record before it.
pub(super) fn append(
    journal: &Connection,
    seq: u64,
    before: u64,
    line: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    Line::place(line, before, seq);
    journal.prepare_cached(APPEND)?.execute(params![signed(seq), &*line]).map(drop)
}

/// The number of the last record, 0 for none.
pub(super) fn last(journal: &Connection) -> rusqlite::Result<u64> {
    Ok(unsigned(journal.prepare_cached(LAST)?.query_one([], |row| row.get(0))?))
}

/// The records after `after`, at most `limit`.
pub(super) fn page(journal: &Connection, after: u64, limit: u64) -> Result<Vec<Record>, Trouble> {
    let mut found = vec![];
    each(journal, after, limit, |record| {
        found.push(record);
        Ok(())
    })?;
    Ok(found)
}

/// A bill's records, from the first one to the one at `last`: each names the one before it.
pub(super) fn history(
    journal: &Connection,
    key: &BillKey,
    mut last: u64,
) -> Result<Vec<Record>, Trouble> {
    let mut found: Vec<Record> = vec![];
    while last > 0 {
        let wrong = |why: String| Trouble::Row { seq: last, why };
        let mut row = journal.prepare_cached(ROW)?;
        let mut rows = row.query([signed(last)])?;
        let Some(row) = rows.next()? else { return Err(wrong("is missing".to_owned())) };
        let bytes = row.get_ref(0)?.as_blob().map_err(|error| wrong(error.to_string()))?;
        let line: Line =
            format::decode(bytes, last).map_err(|damaged| wrong(damaged.to_string()))?;
        let (record, before) = line.at(last);
        let after = found.last().map_or(record.version.saturating_add(1), |after| after.version);
        if *record.key != *key || record.version.checked_add(1) != Some(after) || before >= last {
            return Err(wrong(format!("does not belong where the history of {key} has it")));
        }
        if record.version > 1 && before == 0 {
            // Written when records did not name each other.
            return scan(journal, key, found.first().map_or(last, |newest| newest.seq));
        }
        found.push(record);
        last = before;
    }
    found.reverse();
    Ok(found)
}

/// A bill's records up to the one at `last`, found by reading all of them.
fn scan(journal: &Connection, key: &BillKey, last: u64) -> Result<Vec<Record>, Trouble> {
    let mut found = vec![];
    each(journal, 0, last, |record| {
        if *record.key == *key {
            found.push(record);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Replays the records from after the layer's last one on, at most `limit`, upon the view and the layer.
pub(super) fn catch_up(
    journal: &Connection,
    view: &Connection,
    layer: &mut Layer,
    limit: usize,
) -> Result<(), Trouble> {
    each(journal, layer.last(), u64::try_from(limit).unwrap_or(u64::MAX), |record| {
        let seq = record.seq;
        let wrong = |why: String| Trouble::Row { seq, why };
        let stored;
        let bill = match layer.bill(&record.key) {
            Some(bill) => Some(bill),
            None => {
                stored = view::bill(view, &record.key)?;
                stored.as_ref()
            }
        };
        let change = follows(bill, record).map_err(wrong)?;
        layer.apply(change);
        Ok(())
    })
}

/// What follows from a record on the bill as it was before, if it is what the record says.
fn follows(bill: Option<&Bill>, record: Record) -> Result<Change, String> {
    let Record { key, version, event, entries, .. } = record;
    let kind = bill.map(|bill| bill.terms.kind).or_else(|| event.kind());
    let name = event.name(kind.unwrap_or(Kind::Payment));
    let found =
        bill.map_or_else(|| "no bill".to_owned(), |bill| format!("version {}", bill.version));
    let change = replay(bill, &key, event)
        .map_err(|_| format!("{name} of version {version} cannot follow on {found} of {key}"))?;
    if change.bill.version != version {
        return Err(format!("{name} of version {version} cannot follow on {found} of {key}"));
    }
    if change.entries != entries {
        return Err(format!("{name} of {key} moves other money than it says"));
    }
    Ok(change)
}

fn each(
    journal: &Connection,
    after: u64,
    limit: u64,
    mut take: impl FnMut(Record) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut statement = journal.prepare_cached(PAGE)?;
    let mut rows = statement.query([signed(after), signed(limit)])?;
    let mut seq = after;
    while let Some(row) = rows.next()? {
        seq = seq.saturating_add(1);
        let wrong = |why: String| Trouble::Row { seq, why };
        let found: i64 = row.get(0)?;
        if found != signed(seq) {
            return Err(wrong(format!("is missing; the next one is {found}")));
        }
        let bytes = row.get_ref(1)?.as_blob().map_err(|error| wrong(error.to_string()))?;
        let line: Line =
            format::decode(bytes, seq).map_err(|damaged| wrong(damaged.to_string()))?;
        take(line.at(seq).0)?;
    }
    Ok(())
}
