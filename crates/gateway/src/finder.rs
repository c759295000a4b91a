//! The finder: which bills there are, by whatever people remember of them.
//!
//! It follows from the journal, in a file of its own that may be deleted. It only finds: what a bill is, the store
//! says. Every question takes a way through an index that yields rows in the order of the page, so that the first
//! page and the last one cost the same among a thousand bills and among a million; what no index tells apart is looked
//! through up to a bound, and the answer says from where to go on.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_domain::{Amount, BillKey, Kind, Mid, Moment, Tid};
use holdfast_wire::field::BillStatus;
use rusqlite::Connection;

use crate::{
    clock::{Stopwatch, patience},
    limits,
    store::{
        OpenError, Store, StoreFault,
        files::{Durability, FINDER, Readers, failed, make_directory},
    },
    submit::Core,
};

mod fold;
mod query;
mod typed;

#[cfg(test)]
mod tests;

pub use typed::What;

/// The index of all bills: `finder.db`.
pub struct Finder {
    writer: Arc<Mutex<Connection>>,
    /// `None` in memory, where the writer reads.
    readers: Option<Arc<Readers>>,
    /// The last record that is folded, once it was looked at; and nobody else folds meanwhile.
    folded: tokio::sync::Mutex<Option<u64>>,
}

/// Which bills are wanted, and which page of them.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// What somebody typed, read.
    pub what: Option<What>,
    /// Only this merchant's.
    pub mid: Option<Mid>,
    /// Only this terminal's.
    pub tid: Option<Tid>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only in these phases ([`PHASES`]); in any when there are none.
    pub phases: Vec<&'static str>,
    /// Only those that a merchant is told are so.
    pub status: Option<BillStatus>,
    /// When they were made.
    pub made: Span,
    /// When their money goes back by itself. Bills of which no money is held have no such moment.
    pub expires: Span,
    /// In which order.
    pub order: Order,
    /// Which page.
    pub place: Place,
    /// Rows of the page, [`limits::FINDER_ROWS`] at most.
    pub limit: usize,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From then on.
    pub from: Option<Moment>,
    /// Before then.
    pub until: Option<Moment>,
}

/// In which order bills come. Those that begin with a number always come by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last one made first.
    #[default]
    Newest,
    /// Those of which money is held, by the moment at which it goes back by itself, the next one first.
    Deadline,
}

/// Which page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The first one.
    #[default]
    First,
    /// The one that begins behind this row.
    After(Cursor),
    /// The one that ends before this row.
    Before(Cursor),
    /// The last one.
    Last,
}

/// A place between two rows. It stays where it is while bills come and go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The number, where bills come by number.
    no: String,
    /// What the order goes by.
    at: i64,
    id: i64,
}

/// A page of bills.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found, in order.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` when there is none.
    pub next: Option<Cursor>,
    /// Before which row the page before ends; `None` when there is none.
    pub prev: Option<Cursor>,
    /// Whether so many bills were looked through that the search ended before the page was full.
    pub partial: bool,
    /// How many bills were looked at.
    pub looked: usize,
    /// How many records of the journal are not in the index yet.
    pub behind: u64,
}

/// A bill as it was when its last folded record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    id: i64,
    /// What finds it.
    pub key: BillKey,
    /// The terminal that asked.
    pub tid: Tid,
    /// How the money is taken.
    pub kind: Kind,
    /// One of [`PHASES`].
    pub phase: &'static str,
    /// How merchants see it.
    pub status: BillStatus,
    /// How much was asked for.
    pub amount: Amount,
    /// When it was made.
    pub created_at: Moment,
    /// When it last changed.
    pub changed_at: Moment,
    /// When the held money goes back by itself; `None` while none is held.
    pub deadline: Option<Moment>,
}

/// How far the index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last record of the journal that is in the index.
    pub folded: u64,
    /// The last record of the journal.
    pub last: u64,
}

/// Every phase with every status that a bill can have in it.
const STAGES: [(&str, BillStatus); 18] = [
    ("requested", BillStatus::Unpaid),
    ("authorized", BillStatus::Paid),
    ("capturing", BillStatus::Paid),
    ("captured", BillStatus::Paid),
    ("captured", BillStatus::Refund),
    ("paid", BillStatus::Paid),
    ("paid", BillStatus::Refund),
    ("reversing", BillStatus::Paid),
    ("refunding", BillStatus::Paid),
    ("refunding", BillStatus::Refund),
    ("dividing", BillStatus::Paid),
    ("releasing", BillStatus::Paid),
    ("releasing", BillStatus::Closed),
    ("released", BillStatus::Closed),
    ("expired", BillStatus::Closed),
    ("ended", BillStatus::Refund),
    ("lapsed", BillStatus::Closed),
    ("closed", BillStatus::Closed),
];

/// The phases that a bill can be in, by name, in the order of a bill's life.
pub const PHASES: [&str; 14] = [
    "requested",
    "authorized",
    "capturing",
    "captured",
    "paid",
    "reversing",
    "refunding",
    "dividing",
    "releasing",
    "released",
    "expired",
    "ended",
    "lapsed",
    "closed",
];

impl Finder {
    /// That of a data directory, made if it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        make_directory(dir)?;
        // What a power cut takes away is folded again.
        let writer = FINDER.open_writer(dir, Durability::Whole)?;
        Ok(Self::on(writer, Some(Arc::new(Readers::new(&FINDER, dir)))))
    }

    /// In memory, for a gateway that is thrown away.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::on(FINDER.in_memory(), None)
    }

    fn on(writer: Connection, readers: Option<Arc<Readers>>) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            readers,
            folded: tokio::sync::Mutex::default(),
        }
    }

    /// Follows the journal until `stop` resolves.
    pub async fn follow(&self, core: &Core, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let pause = |ms| patience(ms, std::future::pending::<()>());
        loop {
            // Asked for before the journal is read, so that a commit in between is not missed.
            let news = core.listeners.notified();
            let watch = Stopwatch::start();
            let folded = self.fold(&*core.store, 1).await;
            let worked_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
            let next = async {
                match folded {
                    // It rests as long as it worked: those who commit are not to wait for a core.
                    Ok(progress) if progress.folded < progress.last => drop(pause(worked_ms).await),
                    // One fold serves many commits; whoever looks at a page meanwhile folds for itself.
                    Ok(_) => {
                        patience(limits::FINDER_PAUSE_MS, news).await;
                        pause(limits::FINDER_GATHER_MS).await;
                    }
                    Err(fault) => {
                        tracing::error!(%fault, "the index of the bills cannot be written");
                        pause(limits::FINDER_PAUSE_MS).await;
                    }
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = next => {}
            }
        }
    }

    /// One page of the bills that are wanted. What was committed before is looked at first, a bounded way.
    ///
    /// # Errors
    /// When the store or the index broke.
    pub async fn find(&self, store: &dyn Store, wanted: &Wanted) -> Result<Found, StoreFault> {
        let progress = self.fold(store, limits::FINDER_CATCH_UP).await?;
        let wanted = wanted.clone();
        let mut found = self.read(move |file| query::find(file, &wanted)).await?;
        found.behind = progress.last.saturating_sub(progress.folded);
        Ok(found)
    }

    /// Folds so many pages of the journal at most.
    ///
    /// # Errors
    /// When the store or the index broke. Nothing was missed then.
    pub async fn fold(&self, store: &dyn Store, pages: usize) -> Result<Progress, StoreFault> {
        let mut place = self.folded.lock().await;
        let mut folded = match *place {
            Some(folded) => folded,
            None => self.begin(store).await?,
        };
        // Read again where it was left, should a page fail half way.
        *place = None;
        for _ in 0..pages {
            let Some(batch) = fold::read(store, folded).await? else { break };
            folded = batch.last();
            self.write(move |file| fold::write(file, &batch)).await?;
        }
        *place = Some(folded);
        Ok(Progress { folded, last: store.last().await?.max(folded) })
    }

    /// Where to go on. An index that another journal was folded into is emptied.
    async fn begin(&self, store: &dyn Store) -> Result<u64, StoreFault> {
        let (folded, mark) = self.read(fold::folded).await?;
        let Some(before) = folded.checked_sub(1) else { return Ok(0) };
        let there = store.journal(before, 1).await?;
        if there.first().is_some_and(|record| fold::mark(record) == mark) {
            return Ok(folded);
        }
        tracing::warn!("the index of the bills is of another journal, and is made again");
        self.write(fold::forget).await?;
        Ok(0)
    }

    /// Reads on a thread that may wait.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let broken = failed("read finder.db, which may be deleted");
        let (readers, writer) = (self.readers.clone(), self.writer.clone());
        let read = move || match readers {
            Some(readers) => readers.with(|file| read(file).map_err(broken)),
            None => read(&writer.lock().unwrap_or_else(PoisonError::into_inner)).map_err(broken),
        };
        tokio::task::spawn_blocking(read).await.map_err(StoreFault::new)?
    }

    /// Changes the file in one transaction, on a thread that may wait.
    async fn write(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreFault> {
        let writer = self.writer.clone();
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = writer.transaction()?;
            change(&transaction)?;
            transaction.commit()
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(StoreFault::new)?;
        written.map_err(failed("write finder.db, which may be deleted"))
    }
}

impl Found {
    /// A page with nothing on it.
    #[must_use]
    pub fn nothing() -> Self {
        Self { rows: vec![], next: None, prev: None, partial: false, looked: 0, behind: 0 }
    }
}

impl Span {
    fn has(self, at: Option<Moment>) -> bool {
        let Some(at) = at else { return self == Self::default() };
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl Cursor {
    /// Reads a cursor as it was written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (at, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { no: parts.next().unwrap_or_default().to_owned(), at, id })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { no, at, id } = self;
        if no.is_empty() { write!(f, "{at}.{id}") } else { write!(f, "{at}.{id}.{no}") }
    }
}
