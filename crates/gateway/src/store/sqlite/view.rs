//! `bills.db`: what follows from the journal, for finding it; written in large folds by one thread.

use std::sync::Arc;

use holdfast_domain::{Bill, BillKey, BillNo, CodeId, Day, Leg, Mid, Moment, OrderId, Tid};
use rusqlite::{Connection, Params, Row, params, types::FromSqlError};

use super::{
    super::{StoreFault, format},
    files::{failed, signed, unsigned},
    layer::{Layer, is_open},
};

const ALREADY_FOLDED: &str = "SELECT seq FROM folded";
const FOLDED: &str = "UPDATE folded SET seq = ?1";
// Names no indexed column, so no index is written. It changes nothing where one of them did change.
const UPDATE: &str = "UPDATE bills SET version = ?4, state = ?5, last = ?8
    WHERE mid = ?1 AND bill_no = ?2 AND bill_date = ?3 AND due IS ?6 AND open IS ?7";
const UPSERT: &str = "INSERT INTO bills (mid, bill_no, bill_date, version, state, due, open, last, code)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (mid, bill_no, bill_date) DO UPDATE
    SET version = excluded.version, state = excluded.state, due = excluded.due, open = excluded.open,
        last = excluded.last";
const GIVE_UP_CODE: &str = "UPDATE bills SET code = NULL WHERE code = ?1";
const UPSERT_LATEST: &str = "INSERT INTO latest (mid, tid, bill_no, bill_date) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (mid, tid) DO UPDATE SET bill_no = excluded.bill_no, bill_date = excluded.bill_date";
const UPSERT_DAY: &str = "INSERT INTO days (day, first, last) VALUES (?1, ?2, ?3)
    ON CONFLICT (day) DO UPDATE SET last = excluded.last";
const UPSERT_ORDER: &str = "INSERT INTO orders (mid, order_id, bill_no, bill_date, leg)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (mid, order_id) DO UPDATE
    SET bill_no = excluded.bill_no, bill_date = excluded.bill_date, leg = excluded.leg";
const VERSION: &str =
    "SELECT version, last FROM bills WHERE mid = ?1 AND bill_no = ?2 AND bill_date = ?3";
const BILL: &str = "SELECT mid, bill_no, bill_date, state FROM bills
    WHERE mid = ?1 AND bill_no = ?2 AND bill_date = ?3";
const CODED: &str = "SELECT mid, bill_no, bill_date FROM bills WHERE code = ?1";
const LATEST: &str = "SELECT mid, bill_no, bill_date FROM latest WHERE mid = ?1 AND tid = ?2";
const DAY: &str = "SELECT first, last FROM days WHERE day = ?1";
const NUMBERED: &str = "SELECT mid, bill_no, bill_date, state FROM bills
    WHERE mid = ?1 AND bill_no = ?2 ORDER BY bill_date LIMIT ?3";
const BILLS: &str = "SELECT mid, bill_no, bill_date, state FROM bills
    WHERE (mid, bill_no, bill_date) > (?1, ?2, ?3)
    ORDER BY mid, bill_no, bill_date LIMIT ?4";
const LEG: &str = "SELECT mid, bill_no, bill_date, order_id, leg FROM orders
    WHERE mid = ?1 AND order_id = ?2";
const ORDER_TAKEN: &str = "SELECT 1 FROM orders WHERE mid = ?1 AND order_id = ?2";
const LEGS: &str = "SELECT mid, bill_no, bill_date, order_id, leg FROM orders
    WHERE (mid, order_id) > (?1, ?2) ORDER BY mid, order_id LIMIT ?3";
const DUE: &str = "SELECT mid, bill_no, bill_date, due FROM bills
    WHERE due IS NOT NULL AND due <= ?1
    ORDER BY due, mid, bill_no, bill_date";
const OPEN: &str = "SELECT mid, bill_no, bill_date FROM bills
    WHERE open IS NOT NULL AND (mid, bill_no, bill_date) > (?1, ?2, ?3) ORDER BY mid, bill_no, bill_date";

/// Every question to the view, for the test that none of them reads a whole table.
#[cfg(test)]
pub(super) const QUERIES: [&str; 14] = [
    UPDATE,
    GIVE_UP_CODE,
    VERSION,
    BILL,
    CODED,
    LATEST,
    DAY,
    NUMBERED,
    BILLS,
    LEG,
    ORDER_TAKEN,
    LEGS,
    DUE,
    OPEN,
];

/// Writes what a stretch of the journal made of its bills and orders, in one transaction with the number
/// of the stretch's last record: after a crash it is all there or none of it.
pub(super) fn fold(view: &Connection, layer: &Layer) -> Result<(), StoreFault> {
    let write = || {
        let transaction = view.unchecked_transaction()?;
        {
            let mut update = view.prepare_cached(UPDATE)?;
            let mut upsert = view.prepare_cached(UPSERT)?;
            let mut give_up_code = view.prepare_cached(GIVE_UP_CODE)?;
            for bill in layer.bills() {
                let BillKey { mid, no, date } = &*bill.key;
                let (mid, no, due) = (mid.as_str(), no.as_str(), bill.due().map(|due| due.0));
                let open = is_open(bill).then_some(1);
                let (version, state) = (signed(bill.version), format::encode(bill));
                let last = layer.last_of(&bill.key).map(signed);
                let code = &bill.terms.code;
                let owner = layer.coded(code);
                let known = owner.is_none()
                    && update.execute(params![mid, no, date.0, version, state, due, open, last])?
                        == 1;
                if !known {
                    // Only the last of those that took the code over from each other keeps it.
                    let code = owner.is_none_or(|owner| *owner == bill.key).then(|| code.as_str());
                    if bill.terms.succeeds.is_some() {
                        give_up_code.execute([code])?;
                    }
                    upsert
                        .execute(params![mid, no, date.0, version, state, due, open, last, code])?;
                }
            }
            let mut upsert = view.prepare_cached(UPSERT_LATEST)?;
            for ((mid, tid), key) in layer.latest() {
                let (no, date) = (key.no.as_str(), key.date.0);
                upsert.execute(params![mid.as_str(), tid.as_str(), no, date])?;
            }
            let mut upsert = view.prepare_cached(UPSERT_DAY)?;
            for (day, (first, last)) in layer.days() {
                upsert.execute(params![day.0, signed(first), signed(last)])?;
            }
            let mut upsert = view.prepare_cached(UPSERT_ORDER)?;
            for ((mid, order), (key, leg)) in layer.legs() {
                let leg = format::encode::<Leg>(leg);
                upsert.execute(params![
                    mid.as_str(),
                    order.as_str(),
                    key.no.as_str(),
                    key.date.0,
                    leg
                ])?;
            }
            view.prepare_cached(FOLDED)?.execute([signed(layer.last())])?;
        }
        transaction.commit()
    };
    write().map_err(failed("fold the journal into bills.db"))
}

/// The last record of the journal that is in the view.
pub(super) fn folded(view: &Connection) -> Result<u64, StoreFault> {
    Ok(first(view, ALREADY_FOLDED, [], |row| Ok(unsigned(row.get(0)?)))?.unwrap_or_default())
}

/// The version of that bill, and its last record.
pub(super) fn version(view: &Connection, key: &BillKey) -> Result<Option<(u64, u64)>, StoreFault> {
    first(view, VERSION, columns(key), |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
}

/// Which bill that terminal made last.
pub(super) fn latest(
    view: &Connection,
    mid: &Mid,
    tid: &Tid,
) -> Result<Option<Arc<BillKey>>, StoreFault> {
    first(view, LATEST, [mid.as_str(), tid.as_str()], |row| Ok(Arc::new(key_of(row)?)))
}

/// The first and the last record of a business day.
pub(super) fn day(view: &Connection, day: Day) -> Result<Option<(u64, u64)>, StoreFault> {
    first(view, DAY, [day.0], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
}

pub(super) fn order_taken(
    view: &Connection,
    mid: &Mid,
    order: &OrderId,
) -> Result<bool, StoreFault> {
    Ok(first(view, ORDER_TAKEN, [mid.as_str(), order.as_str()], |_| Ok(()))?.is_some())
}

pub(super) fn bill(view: &Connection, key: &BillKey) -> Result<Option<Bill>, StoreFault> {
    first(view, BILL, columns(key), bill_of)
}

/// Which bill has that code.
pub(super) fn coded(view: &Connection, code: &CodeId) -> Result<Option<Arc<BillKey>>, StoreFault> {
    first(view, CODED, [code.as_str()], |row| Ok(Arc::new(key_of(row)?)))
}

/// The bills of that number, in order of date.
pub(super) fn numbered(
    view: &Connection,
    mid: &Mid,
    no: &BillNo,
    limit: usize,
) -> Result<Vec<Bill>, StoreFault> {
    every(view, NUMBERED, params![mid.as_str(), no.as_str(), rows(limit)], bill_of)
}

/// The first bills after `after`, in key order.
pub(super) fn bills(
    view: &Connection,
    after: Option<&BillKey>,
    limit: usize,
) -> Result<Vec<Bill>, StoreFault> {
    let (mid, no, date) = beginning(after);
    every(view, BILLS, params![mid, no, date, rows(limit)], bill_of)
}

pub(super) fn leg(
    view: &Connection,
    mid: &Mid,
    order: &OrderId,
) -> Result<Option<(Arc<BillKey>, Leg)>, StoreFault> {
    first(view, LEG, [mid.as_str(), order.as_str()], leg_of)
}

/// The first orders after `after`, by merchant and number.
pub(super) fn legs(
    view: &Connection,
    after: Option<&(Mid, OrderId)>,
    limit: usize,
) -> Result<Vec<(Arc<BillKey>, Leg)>, StoreFault> {
    let (mid, order) = after.map_or(("", ""), |(mid, order)| (mid.as_str(), order.as_str()));
    every(view, LEGS, params![mid, order, rows(limit)], leg_of)
}

/// Bills of which time asks something at `now`, the most overdue first. Goes on until `enough` says so.
pub(super) fn due(
    view: &Connection,
    now: Moment,
    mut enough: impl FnMut(Moment, BillKey) -> bool,
) -> Result<(), StoreFault> {
    until(view, DUE, [now.0], |row| Ok(enough(Moment(row.get(3)?), key_of(row)?)))
}

/// Bills with an open order after `after`, in key order. Goes on until `enough` says so.
pub(super) fn open(
    view: &Connection,
    after: Option<&BillKey>,
    mut enough: impl FnMut(BillKey) -> bool,
) -> Result<(), StoreFault> {
    until(view, OPEN, beginning(after), |row| Ok(enough(key_of(row)?)))
}

/// Why a row cannot be used.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Column(#[from] FromSqlError),
    #[error("{what}: {why}")]
    Damaged { what: String, why: String },
}

impl From<Trouble> for StoreFault {
    fn from(trouble: Trouble) -> Self {
        Self::new(format_args!("read bills.db: {trouble}"))
    }
}

fn bill_of(row: &Row<'_>) -> Result<Bill, Trouble> {
    let (mid, no, date) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, row.get(2)?);
    let damaged = |why| Trouble::Damaged { what: format!("bill {mid}/{}/{no}", Day(date)), why };
    let bill: Bill =
        format::decode(row.get_ref(3)?.as_blob()?, 0).map_err(|why| damaged(why.to_string()))?;
    let key = (bill.key.mid.as_str(), bill.key.no.as_str(), bill.key.date.0);
    if key == (mid, no, date) {
        Ok(bill)
    } else {
        Err(damaged(format!("the row has the bill {}", bill.key)))
    }
}

fn leg_of(row: &Row<'_>) -> Result<(Arc<BillKey>, Leg), Trouble> {
    let (mid, order) = (row.get_ref(0)?.as_str()?, row.get_ref(3)?.as_str()?);
    let damaged = |why| Trouble::Damaged { what: format!("order {mid}/{order}"), why };
    let leg: Leg =
        format::decode(row.get_ref(4)?.as_blob()?, 0).map_err(|why| damaged(why.to_string()))?;
    if leg.order.as_str() != order {
        return Err(damaged(format!("the row has the order {}", leg.order)));
    }
    Ok((Arc::new(key_of(row)?), leg))
}

/// The bill's key in the first three columns.
fn key_of(row: &Row<'_>) -> Result<BillKey, Trouble> {
    let (mid, no) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
    let damaged = |what: &str, text| Trouble::Damaged {
        what: what.to_owned(),
        why: format!("`{text}` is not a well-formed id"),
    };
    Ok(BillKey {
        mid: Mid::parse(mid).map_err(|_| damaged("mid", mid))?,
        no: BillNo::parse(no).map_err(|_| damaged("bill_no", no))?,
        date: Day(row.get(2)?),
    })
}

fn columns(key: &BillKey) -> (&str, &str, i32) {
    (key.mid.as_str(), key.no.as_str(), key.date.0)
}

/// The key after which a page begins; without one, a key before all others.
fn beginning(after: Option<&BillKey>) -> (&str, &str, i32) {
    after.map_or(("", "", 0), columns)
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn first<T>(
    view: &Connection,
    query: &str,
    given: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Trouble>,
) -> Result<Option<T>, StoreFault> {
    let read = || {
        let mut statement = view.prepare_cached(query)?;
        let mut rows = statement.query(given)?;
        rows.next()?.map(read).transpose()
    };
    read().map_err(Trouble::into)
}

fn every<T>(
    view: &Connection,
    query: &str,
    given: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Trouble>,
) -> Result<Vec<T>, StoreFault> {
    let mut found = vec![];
    until(view, query, given, |row| {
        found.push(read(row)?);
        Ok(false)
    })?;
    Ok(found)
}

fn until(
    view: &Connection,
    query: &str,
    given: impl Params,
    mut enough: impl FnMut(&Row<'_>) -> Result<bool, Trouble>,
) -> Result<(), StoreFault> {
    let read = || {
        let mut statement = view.prepare_cached(query)?;
        let mut rows = statement.query(given)?;
        while let Some(row) = rows.next()? {
            if enough(row)? {
                break;
            }
        }
        Ok(())
    };
    read().map_err(|trouble: Trouble| trouble.into())
}
