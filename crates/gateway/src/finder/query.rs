//! A page of bills: ways through the indexes, merged in the order of the page.
//!
//! A way is a search whose rows come in order, so that a page reads as many rows as it shows. A question that one
//! search cannot answer (three phases, a number that is of a bill or of an order) takes several ways at once.

use holdfast_domain::{Amount, BillKey, BillNo, Day, Kind, Mid, Moment, Tid};
use holdfast_wire::field::BillStatus;
use rusqlite::{
    Connection, Row as Columns, Rows, params_from_iter,
    types::{FromSqlError, Value},
};

use super::{Cursor, Found, Order, Place, Row, STAGES, Span, Wanted, What, typed};
use crate::{
    limits,
    store::files::{signed, unsigned},
};

/// Where a search goes.
pub(super) struct Way {
    /// The tables and the index.
    from: &'static str,
    /// What the index is searched for.
    when: &'static str,
    /// What the rows come by, in order.
    by: &'static str,
}

const TIME: Way = Way { from: "bills INDEXED BY bills_by_time", when: "", by: CREATED };
const MERCHANT: Way =
    Way { from: "bills INDEXED BY bills_by_merchant", when: "mid = ? AND", by: CREATED };
const TERMINAL: Way =
    Way { from: "bills INDEXED BY bills_by_terminal", when: "tid = ? AND", by: CREATED };
const STAGE: Way = Way {
    from: "bills INDEXED BY bills_by_stage",
    when: "phase = ? AND status = ? AND",
    by: CREATED,
};
const MERCHANT_STAGE: Way = Way {
    from: "bills INDEXED BY bills_by_merchant_stage",
    when: "mid = ? AND phase = ? AND status = ? AND",
    by: CREATED,
};
const AMOUNT: Way =
    Way { from: "bills INDEXED BY bills_by_amount", when: "amount = ? AND", by: CREATED };
const NUMBER: Way =
    Way { from: "bills INDEXED BY bills_by_number", when: "bill_no = ? AND", by: CREATED };
const OTHER_NUMBER: Way = Way {
    from: "numbers JOIN bills ON bills.id = numbers.bill",
    when: "number = ? AND",
    by: "numbers.created_at, numbers.bill",
};
const CARD: Way = Way {
    from: "cards JOIN bills ON bills.id = cards.bill",
    when: "tail = ? AND",
    by: "cards.created_at, cards.bill",
};
const BEGINNING: Way =
    Way { from: "bills INDEXED BY bills_by_number", when: "", by: "bill_no, created_at, id" };
const DEADLINE: Way = Way {
    from: "bills INDEXED BY bills_by_deadline",
    when: "deadline IS NOT NULL AND",
    by: EXPIRES,
};
const MERCHANT_DEADLINE: Way = Way {
    from: "bills INDEXED BY bills_by_merchant_deadline",
    when: "deadline IS NOT NULL AND mid = ? AND",
    by: EXPIRES,
};

const CREATED: &str = "created_at, id";
const EXPIRES: &str = "deadline, id";

/// Every way, for the test that none of them reads a whole table or sorts.
#[cfg(test)]
pub(super) const WAYS: [&Way; 12] = [
    &TIME,
    &MERCHANT,
    &TERMINAL,
    &STAGE,
    &MERCHANT_STAGE,
    &AMOUNT,
    &NUMBER,
    &OTHER_NUMBER,
    &CARD,
    &BEGINNING,
    &DEADLINE,
    &MERCHANT_DEADLINE,
];

impl Way {
    /// The question, with what it is to lie between.
    pub(super) fn question(&self, ascending: bool) -> String {
        let Self { from, when, by } = self;
        let places = by.split(", ").map(|_| "?").collect::<Vec<_>>().join(", ");
        let direction = if ascending { " ASC" } else { " DESC" };
        let order = by.replace(", ", &format!("{direction}, "));
        format!(
            "SELECT bills.id, mid, bill_no, bill_date, tid, kind, phase, status, amount, bills.created_at, changed_at, \
             deadline FROM {from} WHERE {when} ({by}) > ({places}) AND ({by}) < ({places}) ORDER BY {order}{direction}"
        )
    }
}

/// One way with what it is searched for.
struct Search {
    way: &'static Way,
    values: Vec<Value>,
}

/// How a question is answered: by which searches, in which order, between which places.
struct Plan {
    searches: Vec<Search>,
    by: By,
    low: Cursor,
    high: Cursor,
}

/// What rows come by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Created,
    Expires,
    Number,
}

impl Plan {
    fn of(wanted: &Wanted) -> Self {
        let text = |text: &str| Value::Text(text.to_owned());
        let merchant = wanted.mid.as_ref().map(|mid| text(mid.as_str()));
        let one = |way, values| vec![Search { way, values }];
        let (searches, by) = match (&wanted.what, wanted.order) {
            (Some(What::Number(number)), _) => {
                let mut searches = one(&NUMBER, vec![text(number)]);
                searches.push(Search { way: &OTHER_NUMBER, values: vec![text(number)] });
                let paid = typed::paid_bill(number);
                searches.extend(paid.map(|no| Search { way: &NUMBER, values: vec![text(&no)] }));
                (searches, By::Created)
            }
            (Some(What::Card(tail)), _) => (one(&CARD, vec![text(&tail.to_string())]), By::Created),
            (Some(What::Amount(amount)), _) => {
                (one(&AMOUNT, vec![Value::Integer(signed(amount.fen()))]), By::Created)
            }
            (Some(What::Beginning(_)), _) => (one(&BEGINNING, vec![]), By::Number),
            (None, Order::Deadline) => match merchant {
                Some(mid) => (one(&MERCHANT_DEADLINE, vec![mid]), By::Expires),
                None => (one(&DEADLINE, vec![]), By::Expires),
            },
            (None, Order::Newest) => (newest(wanted, merchant), By::Created),
        };
        let span = match by {
            By::Created => wanted.made,
            By::Expires => wanted.expires,
            By::Number => Span::default(),
        };
        let begin = match &wanted.what {
            Some(What::Beginning(no)) if by == By::Number => no.as_str(),
            _ => "",
        };
        // Ids are positive: what is made at `from` itself lies behind id 0. No number has a character behind `~`.
        let no = |end: &str| if begin.is_empty() { String::new() } else { format!("{begin}{end}") };
        let at = |at: Option<Moment>, otherwise| at.map_or(otherwise, |at| at.0);
        let low = Cursor { no: no(""), at: at(span.from, i64::MIN), id: 0 };
        let high = Cursor { no: no("~"), at: at(span.until, i64::MAX), id: 0 };
        Self { searches, by, low, high }
    }

    fn ascending(&self) -> bool {
        self.by != By::Created
    }

    /// What a search is given: its own values, then both places.
    fn values(&self, search: &Search) -> Vec<Value> {
        let mut values = search.values.clone();
        for place in [&self.low, &self.high] {
            if self.by == By::Number {
                values.push(Value::Text(place.no.clone()));
            }
            values.extend([Value::Integer(place.at), Value::Integer(place.id)]);
        }
        values
    }

    fn place(&self, row: &Row) -> Cursor {
        let (no, at) = match self.by {
            By::Created => (String::new(), row.created_at.0),
            By::Expires => (String::new(), row.deadline.map_or(i64::MAX, |at| at.0)),
            By::Number => (row.key.no.as_str().to_owned(), row.created_at.0),
        };
        Cursor { no, at, id: row.id }
    }
}

/// The searches for bills of which no number is known, the last one made first.
fn newest(wanted: &Wanted, merchant: Option<Value>) -> Vec<Search> {
    let Wanted { tid, phases, status, .. } = wanted;
    if let Some(tid) = tid {
        // A terminal has fewer bills than a phase or a merchant.
        let values = vec![Value::Text(tid.as_str().to_owned())];
        return vec![Search { way: &TERMINAL, values }];
    }
    if phases.is_empty() && status.is_none() {
        let way = if merchant.is_some() { &MERCHANT } else { &TIME };
        return vec![Search { way, values: merchant.into_iter().collect() }];
    }
    let has = |stage: &&(&'static str, BillStatus)| {
        (phases.is_empty() || phases.contains(&stage.0))
            && status.as_ref().is_none_or(|status| *status == stage.1)
    };
    let way = if merchant.is_some() { &MERCHANT_STAGE } else { &STAGE };
    let searches = STAGES.iter().filter(has).map(|(phase, status)| {
        let stage = [(*phase).to_owned(), status.as_str().to_owned()].map(Value::Text);
        Search { way, values: merchant.iter().cloned().chain(stage).collect() }
    });
    searches.collect()
}

/// Finds a page.
pub(super) fn find(file: &Connection, wanted: &Wanted) -> rusqlite::Result<Found> {
    let mut plan = Plan::of(wanted);
    let backwards = matches!(wanted.place, Place::Before(_) | Place::Last);
    match &wanted.place {
        Place::First | Place::Last => {}
        // A page goes on in its order: behind a row lies what is greater, or less.
        Place::After(cursor) if plan.ascending() => plan.low = plan.low.max(cursor.clone()),
        Place::After(cursor) => plan.high = plan.high.min(cursor.clone()),
        Place::Before(cursor) if plan.ascending() => plan.high = plan.high.min(cursor.clone()),
        Place::Before(cursor) => plan.low = plan.low.max(cursor.clone()),
    }
    let ascending = plan.ascending() != backwards;
    let prepare = |search: &Search| file.prepare_cached(&search.way.question(ascending));
    let mut statements = plan.searches.iter().map(prepare).collect::<rusqlite::Result<Vec<_>>>()?;
    let mut ways = vec![];
    for (statement, search) in statements.iter_mut().zip(&plan.searches) {
        ways.push(Head::new(&plan, statement.query(params_from_iter(plan.values(search)))?)?);
    }

    let limit = wanted.limit.clamp(1, limits::FINDER_ROWS);
    let (mut rows, mut looked): (Vec<Row>, usize) = (vec![], 0);
    let mut reached: Option<Cursor> = None;
    let (mut more, mut partial) = (false, false);
    loop {
        let heads = ways.iter_mut().filter(|way| way.next.is_some());
        let first = heads.reduce(|a, b| if (b.place() < a.place()) == ascending { b } else { a });
        let Some((place, row)) = first.map(|way| way.take(&plan)).transpose()?.flatten() else {
            break;
        };
        // The same bill by another way.
        if reached.as_ref() == Some(&place) {
            continue;
        }
        if fits(&row, wanted) {
            if rows.len() == limit {
                more = true;
                break;
            }
            rows.push(row);
        } else if looked >= limits::FINDER_LOOK {
            partial = true;
            break;
        }
        looked = looked.saturating_add(1);
        reached = Some(place);
    }
    let onwards = (more || partial).then_some(reached).flatten();
    // A full page goes on behind its last row, one that was given up behind the last that was looked at.
    let onwards = match more {
        true => rows.last().map(|row| plan.place(row)),
        false => onwards,
    };
    if backwards {
        rows.reverse();
    }
    let (next, prev) = match &wanted.place {
        Place::First => (onwards, None),
        Place::Last => (None, onwards),
        Place::After(cursor) => {
            (onwards, Some(rows.first().map_or(cursor.clone(), |row| plan.place(row))))
        }
        Place::Before(cursor) => {
            (Some(rows.last().map_or(cursor.clone(), |row| plan.place(row))), onwards)
        }
    };
    Ok(Found { rows, next, prev, partial, looked, behind: 0 })
}

/// A search, and its next row.
struct Head<'a> {
    rows: Rows<'a>,
    next: Option<(Cursor, Row)>,
}

impl<'a> Head<'a> {
    fn new(plan: &Plan, rows: Rows<'a>) -> rusqlite::Result<Self> {
        let mut head = Self { rows, next: None };
        head.take(plan)?;
        Ok(head)
    }

    fn place(&self) -> Option<&Cursor> {
        self.next.as_ref().map(|(place, _)| place)
    }

    fn take(&mut self, plan: &Plan) -> rusqlite::Result<Option<(Cursor, Row)>> {
        let row = self.rows.next()?.map(row_of).transpose()?;
        let next = row.map(|row| (plan.place(&row), row));
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// Whether a row is wanted. What its search has seen to already is looked at again: it costs nothing.
fn fits(row: &Row, wanted: &Wanted) -> bool {
    wanted.mid.as_ref().is_none_or(|mid| *mid == row.key.mid)
        && wanted.tid.as_ref().is_none_or(|tid| *tid == row.tid)
        && wanted.kind.is_none_or(|kind| kind == row.kind)
        && (wanted.phases.is_empty() || wanted.phases.contains(&row.phase))
        && wanted.status.as_ref().is_none_or(|status| *status == row.status)
        && wanted.made.has(Some(row.created_at))
        && wanted.expires.has(row.deadline)
        && (wanted.order == Order::Newest || row.deadline.is_some())
}

/// A row of the index says something that no bill is.
#[derive(Debug, thiserror::Error)]
#[error("row {row} has a {column} that no bill has")]
struct Damaged {
    row: i64,
    column: &'static str,
}

fn row_of(columns: &Columns<'_>) -> rusqlite::Result<Row> {
    let row = columns.get(0)?;
    let text = |column: usize| -> rusqlite::Result<&str> { Ok(columns.get_ref(column)?.as_str()?) };
    let damaged = |column| FromSqlError::other(Damaged { row, column });
    let (kind, phase, status) = (text(5)?, text(6)?, text(7)?);
    let kinds = [Kind::Payment, Kind::Hold, Kind::Guarantee];
    let stage = STAGES.iter().find(|stage| stage.0 == phase && stage.1.as_str() == status);
    let (phase, status) = stage.ok_or_else(|| damaged("phase"))?.clone();
    Ok(Row {
        id: row,
        key: BillKey {
            mid: Mid::parse(text(1)?).map_err(|_| damaged("mid"))?,
            no: BillNo::parse(text(2)?).map_err(|_| damaged("bill_no"))?,
            date: Day(columns.get(3)?),
        },
        tid: Tid::parse(text(4)?).map_err(|_| damaged("tid"))?,
        kind: kinds
            .into_iter()
            .find(|known| known.name() == kind)
            .ok_or_else(|| damaged("kind"))?,
        phase,
        status,
        amount: Amount::from_fen(unsigned(columns.get(8)?)).map_err(|_| damaged("amount"))?,
        created_at: Moment(columns.get(9)?),
        changed_at: Moment(columns.get(10)?),
        deadline: columns.get::<_, Option<i64>>(11)?.map(Moment),
    })
}
