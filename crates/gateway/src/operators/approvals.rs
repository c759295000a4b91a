//! What takes a second operator: asked for by one, decided at most once by another, and then carried out.

use std::sync::Arc;

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use rusqlite::{Connection, Row, params, types::FromSqlError};

use super::{About, Act, By, Entry, Operators, Outcome, Role, audit::add};
use crate::{
    limits,
    store::{
        StoreFault,
        files::{signed, unsigned},
    },
};

/// What is to be done once somebody else approves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The path of the endpoint, such as `/v1/netpay/bills/preauthed`.
    pub path: String,
    /// The request, as JSON.
    pub body: String,
    /// The bill.
    pub bill: BillKey,
    /// How much money it moves, in fen.
    pub fen: u64,
    /// Why, in the words of whoever asks.
    pub reason: String,
}

/// How a request for approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Waiting,
    /// Approved, and not known to be carried out.
    Approved,
    /// Refused.
    Refused,
    /// Whoever asked does not want it any more.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// Approved, and carried out: what came of it is in the note.
    CarriedOut,
}

impl ApprovalState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Approved,
        Self::Refused,
        Self::Withdrawn,
        Self::Expired,
        Self::CarriedOut,
    ];

    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Waiting => ("waiting", "待复核"),
            Self::Approved => ("approved", "已通过"),
            Self::Refused => ("refused", "已拒绝"),
            Self::Withdrawn => ("withdrawn", "已撤回"),
            Self::Expired => ("expired", "已过期"),
            Self::CarriedOut => ("carried out", "已执行"),
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Waiting => 0,
            Self::Approved => 1,
            Self::Refused => 2,
            Self::Withdrawn => 3,
            Self::Expired => 4,
            Self::CarriedOut => 5,
        }
    }
}

/// A request for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its number: 1, 2, 3, …
    pub id: u64,
    /// Who asked.
    pub asked_by: Arc<str>,
    /// When, by the clock on the wall.
    pub asked_at: Moment,
    /// What for.
    pub wanted: Wanted,
    /// How it stands. One that nobody decided in time is [`ApprovalState::Expired`] here as soon as its time is over.
    pub state: ApprovalState,
    /// Who decided, and when.
    pub decided: Option<(Arc<str>, Moment)>,
    /// What was said with the decision, and what came of it.
    pub note: String,
}

impl Approval {
    /// When it expires if nobody decides; once it is approved, if it is not carried out.
    #[must_use]
    pub fn expires_at(&self) -> Moment {
        let since = match (&self.state, &self.decided) {
            (ApprovalState::Approved, Some((_, at))) => *at,
            _ => self.asked_at,
        };
        since.plus_ms(limits::APPROVAL_MS)
    }
}

/// A decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let it be done.
    Approve,
    /// Do not.
    Refuse,
    /// Forget that I asked.
    Withdraw,
}

/// Why a request was not made or not decided.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no such request.
    #[error("there is no such request for approval")]
    Missing,
    /// It is no longer waiting; it stands so.
    #[error("it was decided already")]
    Decided(ApprovalState),
    /// Nobody approves or refuses what they asked for themselves.
    #[error("whoever asked cannot decide")]
    Own,
    /// Only whoever asked can withdraw.
    #[error("only whoever asked can withdraw")]
    NotOwn,
    /// Whoever decides has to be able to do it.
    #[error("it takes the role of an operator")]
    NotAllowed,
    /// Whoever asked, or approved, may not do it any more.
    #[error("whoever asked or approved may not do it any more")]
    NoLonger,
    /// Too many wait.
    #[error("too many requests wait")]
    TooMany,
    /// The store broke.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl ApprovalError {
    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(&self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("There is no such request.", "没有这个复核请求。"),
            Self::Decided(_) => ("It was decided already.", "该请求已处理。"),
            Self::Own => (
                "You asked for this yourself: somebody else has to decide.",
                "该请求由您本人提交，须由他人复核。",
            ),
            Self::NotOwn => ("Only whoever asked can withdraw it.", "仅提交人可以撤回。"),
            Self::NotAllowed => ("This needs the role of an operator.", "须具有操作员角色。"),
            Self::NoLonger => (
                "Whoever asked, or approved, may not do it any more: refuse the request.",
                "提交人或复核人已无此权限，请拒绝该请求。",
            ),
            Self::TooMany => (
                "Too many requests wait for approval: decide some first.",
                "待复核请求过多，请先处理已有请求。",
            ),
            Self::Fault(_) => ("The store broke; see the log.", "存储故障，请查看日志。"),
        }
    }
}

/// Which requests are asked for. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct ApprovalFilter {
    /// How they stand.
    pub state: Option<ApprovalState>,
    /// Of which bill.
    pub bill: Option<BillKey>,
}

const COLUMNS: &str = "SELECT id, asked_by, asked_at, path, body, mid, bill_no, bill_date, fen, reason, state, decided_by, \
     decided_at, note FROM approvals";
const PUT: &str = "INSERT INTO approvals (asked_by, asked_at, path, body, mid, bill_no, bill_date, fen, reason, state, note)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, '')";
const EXPIRE: &str = "UPDATE approvals SET state = 4 WHERE state = 0 AND asked_at <= ?1";
const WAITING: &str = "SELECT count(*) FROM approvals WHERE state = 0";
const WAITING_STILL: &str = "SELECT count(*) FROM approvals WHERE state = 0 AND asked_at > ?1";
const DECIDE: &str = "UPDATE approvals SET state = ?2, decided_by = ?3, decided_at = ?4, note = ?5
    WHERE id = ?1 AND state = ?6";
const CARRIED_OUT: &str =
    "UPDATE approvals SET state = 5, note = ?2 WHERE id = ?1 AND state IN (1, 2, 3)";

fn approval(row: &Row<'_>, now: Moment) -> rusqlite::Result<Approval> {
    let (mid, no): (String, String) = (row.get(5)?, row.get(6)?);
    let malformed = |_| FromSqlError::InvalidType;
    let bill = BillKey {
        mid: Mid::parse(&mid).map_err(malformed)?,
        no: BillNo::parse(&no).map_err(malformed)?,
        date: Day(row.get(7)?),
    };
    let number: i64 = row.get(10)?;
    let state = ApprovalState::ALL.into_iter().find(|state| state.number() == number);
    let by: Option<Arc<str>> = row.get(11)?;
    let at: Option<i64> = row.get(12)?;
    let mut found = Approval {
        id: unsigned(row.get(0)?),
        asked_by: row.get(1)?,
        asked_at: Moment(row.get(2)?),
        wanted: Wanted {
            path: row.get(3)?,
            body: row.get(4)?,
            bill,
            fen: unsigned(row.get(8)?),
            reason: row.get(9)?,
        },
        state: state.ok_or(FromSqlError::OutOfRange(number))?,
        decided: by.zip(at.map(Moment)),
        note: row.get(13)?,
    };
    // What nobody decided runs out, and what was approved and not carried out, too: a bill changes meanwhile.
    if matches!(found.state, ApprovalState::Waiting | ApprovalState::Approved)
        && found.expires_at() <= now
    {
        found.state = ApprovalState::Expired;
    }
    Ok(found)
}

fn one(file: &Connection, id: u64, now: Moment) -> rusqlite::Result<Option<Approval>> {
    let mut asked = file.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
    asked.query_map([signed(id)], |row| approval(row, now))?.next().transpose()
}

fn expire(file: &Connection, now: Moment) -> rusqlite::Result<usize> {
    file.prepare_cached(EXPIRE)?.execute([now.plus_ms(-limits::APPROVAL_MS).0])
}

/// Whether that operator may move money now.
fn may(file: &Connection, name: &str) -> rusqlite::Result<bool> {
    Ok(super::one(file, name)?.is_some_and(|known| known.operator.may(Role::Operator)))
}

impl Operators {
    /// Asks for approval, and writes that down.
    ///
    /// # Errors
    /// When too many wait, whoever asks may not, or the store broke.
    pub async fn ask_approval(
        &self,
        by: &By,
        wanted: Wanted,
        now: Moment,
    ) -> Result<Approval, ApprovalError> {
        let by = by.clone();
        self.file
            .write("ask for approval", move |file| {
                expire(file, now)?;
                let waiting: u32 = file.prepare_cached(WAITING)?.query_one([], |row| row.get(0))?;
                if waiting >= limits::APPROVALS_WAITING {
                    return Ok(Err(ApprovalError::TooMany));
                }
                if !may(file, &by.who)? {
                    return Ok(Err(ApprovalError::NotAllowed));
                }
                let Wanted { path, body, bill, fen, reason } = &wanted;
                file.prepare_cached(PUT)?.execute(params![
                    &*by.who,
                    now.0,
                    path,
                    body,
                    bill.mid.as_str(),
                    bill.no.as_str(),
                    bill.date.0,
                    signed(*fen),
                    reason
                ])?;
                let id = unsigned(file.last_insert_rowid());
                let entry = entry(Act::ApprovalAsked, id, &wanted, reason);
                add(file, &by, &entry, now)?;
                Ok(one(file, id, now)?.ok_or(ApprovalError::Missing))
            })
            .await
    }

    /// One request.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn approval(&self, id: u64, now: Moment) -> Result<Option<Approval>, StoreFault> {
        self.file.read(|file| one(file, id, now))
    }

    /// How many requests wait.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn approvals_waiting(&self, now: Moment) -> Result<u32, StoreFault> {
        let ended = now.plus_ms(-limits::APPROVAL_MS).0;
        self.file
            .read(|file| file.prepare_cached(WAITING_STILL)?.query_one([ended], |row| row.get(0)))
    }

    /// The requests that are asked for, the newest first: those before `before`, `limit` at most.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn approvals(
        &self,
        filter: &ApprovalFilter,
        before: Option<u64>,
        limit: usize,
        now: Moment,
    ) -> Result<Vec<Approval>, StoreFault> {
        let ended = now.plus_ms(-limits::APPROVAL_MS).0;
        // One whose time is over may still be kept as waiting.
        let state = match filter.state {
            None => "",
            Some(ApprovalState::Waiting) => " AND state = 0 AND asked_at > ?3",
            Some(ApprovalState::Expired) => {
                " AND (state = 4 OR state = 0 AND asked_at <= ?3 OR state = 1 AND decided_at <= ?3)"
            }
            Some(ApprovalState::Approved) => " AND state = 1 AND decided_at > ?3",
            Some(ApprovalState::Refused) => " AND state = 2",
            Some(ApprovalState::Withdrawn) => " AND state = 3",
            Some(ApprovalState::CarriedOut) => " AND state = 5",
        };
        let of_bill = match filter.bill {
            None => "",
            Some(_) => " AND bill_no = ?4 AND mid = ?5 AND bill_date = ?6",
        };
        let asked = format!(
            "{COLUMNS} WHERE id < ?1 AND (?3 IS ?3) AND (?4 IS ?4) AND (?5 IS ?5) AND (?6 IS ?6){state}{of_bill} \
             ORDER BY id DESC LIMIT ?2"
        );
        let bill = filter.bill.as_ref();
        let given = params![
            before.map_or(i64::MAX, signed),
            i64::try_from(limit).unwrap_or(i64::MAX),
            ended,
            bill.map(|bill| bill.no.as_str()),
            bill.map(|bill| bill.mid.as_str()),
            bill.map(|bill| bill.date.0),
        ];
        self.file.read(|file| {
            file.prepare_cached(&asked)?.query_map(given, |row| approval(row, now))?.collect()
        })
    }

    /// Decides a request that waits, once and for all, and writes that down. Nobody approves or refuses their own, and
    /// only whoever asked withdraws.
    ///
    /// # Errors
    /// Says why it was not decided.
    pub async fn decide_approval(
        &self,
        by: &By,
        id: u64,
        decision: Decision,
        note: &str,
        now: Moment,
    ) -> Result<Approval, ApprovalError> {
        let (by, note) = (by.clone(), note.to_owned());
        self.file
            .write("decide about a request", move |file| {
                let Some(found) = one(file, id, now)? else {
                    return Ok(Err(ApprovalError::Missing));
                };
                match (found.state, decision) {
                    (ApprovalState::Waiting, _) => {}
                    // What was approved and is not known to be carried out can still be called off.
                    (ApprovalState::Approved, Decision::Refuse | Decision::Withdraw) => {}
                    (state, _) => return Ok(Err(ApprovalError::Decided(state))),
                }
                let own = found.asked_by == by.who;
                let (state, act) = match decision {
                    Decision::Withdraw if !own => return Ok(Err(ApprovalError::NotOwn)),
                    Decision::Withdraw => (ApprovalState::Withdrawn, Act::ApprovalWithdrawn),
                    _ if own => return Ok(Err(ApprovalError::Own)),
                    Decision::Approve => (ApprovalState::Approved, Act::Approved),
                    Decision::Refuse => (ApprovalState::Refused, Act::ApprovalRefused),
                };
                if !may(file, &by.who)? {
                    return Ok(Err(ApprovalError::NotAllowed));
                }
                if decision == Decision::Approve && !may(file, &found.asked_by)? {
                    return Ok(Err(ApprovalError::NoLonger));
                }
                let (from, to) = (found.state.number(), state.number());
                let decided = params![signed(id), to, &*by.who, now.0, note, from];
                if file.prepare_cached(DECIDE)?.execute(decided)? != 1 {
                    return Ok(Err(ApprovalError::Decided(found.state)));
                }
                add(file, &by, &entry(act, id, &found.wanted, &note), now)?;
                Ok(one(file, id, now)?.ok_or(ApprovalError::Missing))
            })
            .await
    }

    /// Notes that an approved request was carried out, and what came of it: also of one that was refused or withdrawn while
    /// it was under way.
    ///
    /// # Errors
    /// When it was not approved, or somebody noted it before.
    pub async fn carried_out(
        &self,
        id: u64,
        note: &str,
        now: Moment,
    ) -> Result<Approval, ApprovalError> {
        let note = note.to_owned();
        self.file
            .write("note what came of a request", move |file| {
                let done = file.prepare_cached(CARRIED_OUT)?.execute(params![signed(id), note])?;
                let found = one(file, id, now)?;
                Ok(match found {
                    None => Err(ApprovalError::Missing),
                    Some(found) if done == 0 => Err(ApprovalError::Decided(found.state)),
                    Some(found) => Ok(found),
                })
            })
            .await
    }
}

/// What the audit says of a request, read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    /// Its number.
    pub id: u64,
    /// The last part of its path.
    pub what: &'a str,
    /// How much money it moves, in fen.
    pub fen: u64,
    /// The reason, or what was said with the decision.
    pub words: &'a str,
}

/// Reads the detail of an entry about a request.
#[must_use]
pub fn said_of_request(detail: &str) -> Option<Said<'_>> {
    let (id, rest) = detail.strip_prefix("request ")?.split_once(": ")?;
    let (what, rest) = rest.split_once(' ')?;
    let (fen, words) = rest.split_once(" fen: ")?;
    Some(Said { id: id.parse().ok()?, what, fen: fen.parse().ok()?, words })
}

/// What the audit says of a request. It is found by its bill, too.
fn entry(act: Act, id: u64, wanted: &Wanted, said: &str) -> Entry {
    let Wanted { path, bill, fen, .. } = wanted;
    let detail =
        format!("request {id}: {} {fen} fen: {said}", path.rsplit('/').next().unwrap_or(path));
    Entry { act, about: About::Bill(bill.clone()), detail, outcome: Outcome::Done }
}
