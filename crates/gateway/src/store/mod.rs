//! The store: where bills, orders and the journal are kept, and the one contract every store keeps.
//!
//! A [`Commit`] is whole: the bill, the event with its entries, the order number it claims or settles.
//! It names the version it was decided on; a store that has another one answers [`CommitError::Conflict`],
//! and the caller loads and decides again. When [`Store::commit`] returns, the commit outlasts a power cut.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use holdfast_domain::{
    Bill, BillKey, BillNo, Change, CodeId, Day, Entry, Event, Leg, Mid, Moment, OrderId, Tid,
    replay,
};

use crate::request::RequestId;

#[cfg(test)]
pub(crate) mod contract;
mod format;
mod memory;
mod sqlite;
mod verify;

pub use memory::MemoryStore;
pub(crate) use sqlite::files;
pub use sqlite::{ENVIRONMENT, OpenError, Registry, SqliteStore};
pub use verify::{Difference, Progress, Proof, prove};

/// A store's answer on its way.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One accepted change, with everything that must become durable together.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The bill as it is from now on, what happened, the money that moved, and the merchant's order that
    /// this claims or settles. The bill's version is one more than the version it was decided on.
    pub change: Change,
    /// When it was decided.
    pub at: Moment,
    /// Who asked for it.
    pub asker: Asker,
}

/// Who asked for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A merchant's app.
    App {
        /// Its id.
        app: Arc<str>,
        /// The mark of the request's nonce and the moment until which it must be remembered, where the
        /// request was signed.
        nonce: Option<(u64, Moment)>,
        /// The request. What was asked for before requests were remembered has none.
        request: Option<RequestId>,
    },
    /// The payer, through the channel.
    Payer,
    /// The channel, reporting on an order.
    Channel,
    /// The passing of time.
    Clock,
    /// An operator at the console.
    Operator {
        /// Whose wish it was.
        name: Arc<str>,
        /// Who approved of it, where it took a second person.
        approver: Option<Arc<str>>,
        /// The request.
        request: RequestId,
    },
}

/// One line of the journal: append-only, the truth that everything else is derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the journal: 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Moment,
    /// The bill it changed.
    pub key: Arc<BillKey>,
    /// The bill's version after it.
    pub version: u64,
    /// What happened.
    pub event: Event,
    /// The money that moved.
    pub entries: Vec<Entry>,
    /// Who asked for it.
    pub asker: Asker,
}

/// Why a commit did not happen. Nothing of it exists, unless it is a [`CommitError::Fault`]: then nothing
/// of it is visible, and whether it outlasts a restart is not known.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another commit was faster: load and decide again.
    #[error("the bill was changed meanwhile")]
    Conflict,
    /// The order number or the code belongs to another bill or order of this merchant.
    #[error("the number is taken")]
    Taken,
    /// The store can write no more.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// The store broke: a full disk, a failed sync, a damaged file. It stops writing and says why. The text is
/// for the operator, never for a merchant.
#[derive(Clone, Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreFault(pub Arc<str>);

impl StoreFault {
    /// A fault in the words of whatever broke.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string().into())
    }
}

/// Records of the registry: apps, merchants, settings. They are few and change seldom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Apps: who may call.
    App,
    /// Merchants: whose bills they are.
    Merchant,
    /// Settings of this store: its environment, the clock's offset.
    Setting,
    /// Scenarios of the simulated channel that were set by call.
    Scenario,
    /// Payments that the simulated channel has taken and not yet told of.
    SimulatedPayment,
    /// Fixed codes (固定码), by what they carry.
    FixedCode,
    /// The last fixed code that each terminal made.
    LastFixedCode,
}

impl Kind {
    /// The kind's name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Merchant => "merchant",
            Self::Setting => "setting",
            Self::Scenario => "scenario",
            Self::SimulatedPayment => "simulated_payment",
            Self::FixedCode => "fixed_code",
            Self::LastFixedCode => "last_fixed_code",
        }
    }
}

/// What every store can do. Reads see only what is durable.
pub trait Store: Send + Sync {
    /// The bill of that key.
    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>>;

    /// The bills of that number on whatever date, at most `limit` of them, in order of date.
    fn numbered<'a>(
        &'a self,
        mid: &'a Mid,
        no: &'a BillNo,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>>;

    /// The bill whose QR code carries `code`: the last one, when bills took it over from each other
    /// (`Terms::succeeds`). Otherwise codes are unique in the store.
    fn coded<'a>(&'a self, code: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>>;

    /// The merchant's order of that number, and the bill it belongs to.
    fn leg<'a>(
        &'a self,
        mid: &'a Mid,
        order: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>>;

    /// All orders by merchant and number, from after `after` on, at most `limit`.
    fn legs<'a>(
        &'a self,
        after: Option<&'a (Mid, OrderId)>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>>;

    /// Makes a change durable, whole or not at all.
    fn commit<'a>(&'a self, commit: Commit) -> Task<'a, Result<(), CommitError>>;

    /// All bills in key order, from after `after` on, at most `limit`.
    fn bills<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>>;

    /// Bills of which time asks something at `now` ([`Bill::due`]), the most overdue first, at most `limit`.
    fn due<'a>(&'a self, now: Moment, limit: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>>;

    /// Bills with an open order at the channel, in key order, from after `after` on, at most `limit`.
    fn open<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>>;

    /// The journal from after `seq` on, at most `limit` records.
    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>>;

    /// Everything that ever happened to a bill, from the first record on; none for a bill that does not exist.
    fn history<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>>;

    /// The last bill that this terminal of the merchant made.
    fn latest<'a>(
        &'a self,
        mid: &'a Mid,
        tid: &'a Tid,
    ) -> Task<'a, Result<Option<Bill>, StoreFault>>;

    /// The first and the last record of a business day on which money moved. Records of other days lie
    /// between them; none of the day lies outside.
    fn day<'a>(&'a self, day: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>>;

    /// The number of the journal's last record; 0 for an empty one.
    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>>;

    /// All records of a kind, by id.
    fn registry<'a>(&'a self, kind: Kind) -> Task<'a, Result<Vec<(String, String)>, StoreFault>>;

    /// One record of the registry.
    fn registered<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>>;

    /// Writes one record of the registry durably, or removes it with `None`.
    fn register<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        record: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>>;

    /// Writes a record of the registry durably, if it still is what the caller has seen (`None`: not there).
    /// Answers whether it was; two who change the same record at once do not undo each other's work.
    fn replace<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        seen: Option<&'a str>,
        record: String,
    ) -> Task<'a, Result<bool, StoreFault>>;

    /// A number that changes whenever the registry does, also by another process.
    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>>;

    /// Why the store no longer writes, if so.
    fn fault(&self) -> Option<StoreFault>;

    /// Finishes what was accepted and closes the files. Later commits are faults.
    fn close<'a>(&'a self) -> Task<'a, ()>;
}

/// The bill as it was before a record, from its history; `None` before its first one.
pub(crate) async fn past(store: &dyn Store, record: &Record) -> Result<Option<Bill>, StoreFault> {
    let mut bill: Option<Bill> = None;
    for earlier in store.history(&record.key).await? {
        if earlier.seq >= record.seq {
            break;
        }
        let change = replay(bill.as_ref(), &earlier.key, earlier.event);
        bill = Some(
            change
                .map_err(|broken| {
                    StoreFault::new(format_args!("record {}: {broken}", earlier.seq))
                })?
                .bill,
        );
    }
    Ok(bill)
}
