//! The durable store on SQLite: an append-only journal, and a view of the bills that is folded from it.
//!
//! `journal.db` is the truth: one small row a commit, synced before anybody is answered. `bills.db` is what
//! follows from it, written by the [`folder`] in large transactions; what is not folded yet is kept in
//! memory ([`layer`]), and after a crash it is replayed from the journal. So a commit costs a few hundred
//! bytes of one growing file instead of a handful of random pages. `registry.db` holds the few records that
//! people write. `LOCK` keeps a second gateway out.
//!
//! A commit goes its way like this: the caller spells its record and queues it; the [`writer`] takes all
//! that wait, checks each against what is in memory and in the view, appends the good ones in **one**
//! transaction, makes them visible, answers. Absent on purpose: a cache that could be wrong. What is read
//! is either the newest in memory or the view's row.

use std::{
    collections::BTreeMap,
    fs::File,
    mem,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
        RwLockWriteGuard,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use holdfast_domain::{Bill, BillKey, BillNo, CodeId, Day, Leg, Mid, Moment, OrderId, Tid};
use tokio::sync::mpsc;

use rusqlite::Connection;

use super::{Commit, CommitError, Kind, Record, Store, StoreFault, Task};
use crate::limits;

pub(crate) mod files;
mod folder;
mod journal;
mod layer;
mod registry;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use files::OpenError;
pub use registry::{ENVIRONMENT, Registry};

use files::{BILLS, Durability, JOURNAL, REGISTRY, Readers, failed};
use folder::Folder;
use journal::Trouble;
use layer::{Layer, Overlay};
use writer::{Job, Writer};

/// A store in a directory of its own.
pub struct SqliteStore {
    base: Arc<Base>,
    /// None where the store was opened for reading only.
    jobs: Option<mpsc::Sender<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the callers share.
struct Base {
    overlay: RwLock<Overlay>,
    view: Readers,
    journal: Readers,
    registry: Arc<Registry>,
    /// Set once, and never taken back: whoever writes after a fault might write on top of half a commit.
    fault: OnceLock<StoreFault>,
    pace: Mutex<Pace>,
    paced: Condvar,
    /// Open as long as the directory is in use.
    lock: Mutex<Option<File>>,
}

/// How the writer and the folder keep step.
#[derive(Default)]
struct Pace {
    /// Whether nothing more will be committed, and what is to become of what is not folded.
    end: Option<End>,
    /// The journal's log was written back by the folder as far as it was there; what is left is the
    /// writer's, and then the log begins anew.
    log_due: bool,
}

/// How a store ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was closed: everything is folded and written back.
    Closed,
    /// It was dropped. The journal has everything; the next one to open the store folds it.
    Dropped,
}

/// When a store folds. Only tests choose another rhythm.
#[derive(Clone, Copy)]
struct Rhythm {
    /// After so many commits.
    commits: usize,
    /// After so long.
    pace: Duration,
    /// With so many commits unfolded the writer waits.
    unfolded: usize,
}

impl Rhythm {
    #[cfg(test)]
    fn of(commits: usize, pace: Duration) -> Self {
        Self { commits, pace, unfolded: commits.saturating_mul(2) }
    }
}

/// How many pages the files may have, for filling a disk in tests.
#[derive(Clone, Copy, Default)]
struct Room {
    journal: Option<u32>,
    view: Option<u32>,
}

impl SqliteStore {
    /// Opens the store in `dir`, made if it is not there, for that environment. Replays whatever a crash
    /// has left unfolded, and blocks while it does.
    ///
    /// # Errors
    /// An [`OpenError`] says what is in the way and what to do.
    pub fn open(dir: &Path, environment: &str) -> Result<Self, OpenError> {
        let rhythm = Rhythm {
            commits: limits::FOLD_COMMITS,
            pace: limits::FOLD_PACE,
            unfolded: limits::UNFOLDED_COMMITS,
        };
        Self::open_with(dir, environment, rhythm, Room::default())
    }

    /// Opens a store that folds in a rhythm of its own.
    #[cfg(test)]
    pub(super) fn folding(
        dir: &Path,
        environment: &str,
        commits: usize,
        pace: Duration,
    ) -> Result<Self, OpenError> {
        Self::open_with(dir, environment, Rhythm::of(commits, pace), Room::default())
    }

    fn open_with(
        dir: &Path,
        environment: &str,
        rhythm: Rhythm,
        room: Room,
    ) -> Result<Self, OpenError> {
        files::make_directory(dir)?;
        let lock = files::lock(dir)?;
        for schema in [&JOURNAL, &BILLS, &REGISTRY] {
            schema.refuse_newer(dir)?;
        }
        let registry = Registry::open(dir, environment)?;
        let journal = JOURNAL.open_writer(dir, Durability::Full)?;
        let view = BILLS.open_writer(dir, Durability::Whole)?;
        let active = recover(dir, &journal, &view)?;
        let base =
            Arc::new(Base { lock: Mutex::new(Some(lock)), ..Base::new(dir, registry, active) });
        files::limit(&journal, room.journal).and(files::limit(&view, room.view))?;
        let (jobs, queue) = mpsc::channel(limits::COMMIT_QUEUE);
        let (writer, folder) =
            (Writer::new(base.clone(), journal)?, Folder::new(base.clone(), view)?);
        let threads = Mutex::new(vec![
            base.start(dir, "store writer", move || writer.run(queue, rhythm))?,
            base.start(dir, "store folder", move || folder.run(rhythm))?,
        ]);
        Ok(Self { base, jobs: Some(jobs), threads })
    }

    /// Opens the store in `dir` for looking only, also while a gateway runs on it. What is read is at least
    /// as new as the last call of [`Store::last`].
    ///
    /// # Errors
    /// An [`OpenError`] says what is in the way and what to do.
    pub fn open_read_only(dir: &Path) -> Result<Self, OpenError> {
        for schema in [&JOURNAL, &BILLS, &REGISTRY] {
            schema.refuse_other(dir)?;
        }
        let registry = Registry::read_only(dir)?;
        let base = Arc::new(Base::new(dir, registry, Layer::default()));
        base.follow()?;
        Ok(Self { base, jobs: None, threads: Mutex::default() })
    }

    /// Opens only the registry of the store in `dir`, made if it is not there, for that environment, also
    /// while a gateway runs on it. Nothing can be asked about bills.
    ///
    /// # Errors
    /// An [`OpenError`] says what is in the way and what to do.
    pub fn open_registry(dir: &Path, environment: &str) -> Result<Self, OpenError> {
        for schema in [&JOURNAL, &BILLS, &REGISTRY] {
            schema.refuse_newer(dir)?;
        }
        let registry = Registry::open(dir, environment)?;
        let base = Arc::new(Base::new(dir, registry, Layer::default()));
        Ok(Self { base, jobs: None, threads: Mutex::default() })
    }

    /// Whether there is a store in `dir`.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        JOURNAL.path(dir).exists()
    }
}

/// Brings the view up to the journal after a crash, and returns what is left to fold.
fn recover(dir: &Path, journal: &Connection, view: &Connection) -> Result<Layer, OpenError> {
    let file = JOURNAL.path(dir);
    let sqlite = |source| OpenError::Sqlite { file: file.clone(), source };
    let (folded, last) = (view::folded(view)?, journal::last(journal).map_err(sqlite)?);
    if last < folded {
        return Err(OpenError::Short { file, last, folded });
    }
    let mut layer = Layer::after(folded);
    while layer.last() < last {
        // A fold at a time: the whole journal may be unfolded, if somebody removed the view.
        journal::catch_up(journal, view, &mut layer, limits::FOLD_COMMITS).map_err(|trouble| {
            match trouble {
                Trouble::Sqlite(source) => sqlite(source),
                Trouble::Row { seq, why } => OpenError::Journal { file: file.clone(), seq, why },
                Trouble::View(fault) => fault.into(),
            }
        })?;
        if layer.commits() >= limits::FOLD_COMMITS {
            view::fold(view, &layer)?;
            layer = Layer::after(layer.last());
        }
    }
    Ok(layer)
}

impl Base {
    fn new(dir: &Path, registry: Registry, active: Layer) -> Self {
        Self {
            overlay: RwLock::new(Overlay { active, ..Overlay::default() }),
            view: Readers::new(&BILLS, dir),
            journal: Readers::new(&JOURNAL, dir),
            registry: Arc::new(registry),
            fault: OnceLock::new(),
            pace: Mutex::default(),
            paced: Condvar::new(),
            lock: Mutex::default(),
        }
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits that are not folded yet and not being folded. Counted where they are: a count kept beside them
    /// was overtaken by folds, and crept up until the writer waited for nothing.
    fn unfolded(&self) -> usize {
        self.overlay().active.commits()
    }

    /// Nobody who holds the overlay asks for this, so whoever holds this may ask for the overlay.
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops all writing for good.
    fn stop(&self, fault: StoreFault) {
        // The first fault is the cause, and the others follow from it.
        if self.fault.set(fault.clone()).is_ok() {
            tracing::error!(%fault, "the store stopped writing");
        }
        let _pace = self.pace();
        self.paced.notify_all();
    }

    /// Starts a thread; if it ever panics the store stops writing.
    fn start(
        self: &Arc<Self>,
        dir: &Path,
        name: &'static str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, OpenError> {
        let watch = Watch { base: self.clone(), name };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _watch = watch;
            run();
        });
        thread.map_err(|source| OpenError::Io { path: dir.to_owned(), source })
    }

    fn bill(&self, key: &BillKey) -> Result<Option<Bill>, StoreFault> {
        let found = self.overlay().bill(key).cloned();
        match found {
            Some(bill) => Ok(Some(bill)),
            // Folded, or never there: what leaves memory was in the view before.
            None => self.view.with(|view| view::bill(view, key)),
        }
    }

    /// Reads rows of the view first and asks memory which of them are old. That is sound as long as nothing
    /// leaves memory meanwhile; else it is done again. Folds are rare.
    fn between_folds<T>(&self, read: impl Fn() -> Result<T, StoreFault>) -> Result<T, StoreFault> {
        loop {
            let folds = self.overlay().folds;
            let found = read()?;
            if self.overlay().folds == folds {
                return Ok(found);
            }
        }
    }

    /// Replays what the view does not have yet, where another process writes.
    fn follow(&self) -> Result<(), StoreFault> {
        let layer = self.journal.with(|journal| {
            self.view.with(|view| {
                // One snapshot of the view: if it moved on meanwhile, records would be replayed twice.
                let _snapshot = view.unchecked_transaction().map_err(failed("read bills.db"))?;
                let mut layer = Layer::after(view::folded(view)?);
                let last = journal::last(journal).map_err(failed("read journal.db"))?;
                let unfolded = last.saturating_sub(layer.last());
                if usize::try_from(unfolded).is_ok_and(|unfolded| unfolded <= limits::FOLLOWED_COMMITS) {
                    journal::catch_up(journal, view, &mut layer, limits::FOLLOWED_COMMITS)?;
                    return Ok(layer);
                }
                Err(StoreFault::new(format_args!(
                    "{unfolded} records of journal.db are not folded yet: start the gateway once, it folds them"
                )))
            })
        })?;
        let mut overlay = self.overlay_mut();
        overlay.active = layer;
        overlay.folds = overlay.folds.wrapping_add(1);
        Ok(())
    }

    /// Why a commit got no answer.
    fn gone(&self) -> StoreFault {
        self.fault.get().cloned().unwrap_or_else(|| StoreFault::new("the store is closed"))
    }
}

/// Set up in a thread, and notices when the thread panics.
struct Watch {
    base: Arc<Base>,
    name: &'static str,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.base.stop(StoreFault::new(format_args!("the {} panicked", self.name)));
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Closes the queue, and with it the threads. They are waited for so that the files are let go.
        self.jobs = None;
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        join(mem::take(threads));
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // Its panic was noticed by its watch.
        let _ = thread.join();
    }
}

// Reads run where they are called, also on a runtime's own threads: they are searches of some microseconds
// in memory or in files that the system keeps in memory, and handing them to another thread costs more.
impl Store for SqliteStore {
    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move { self.base.bill(key) })
    }

    fn numbered<'a>(
        &'a self,
        mid: &'a Mid,
        no: &'a BillNo,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        Box::pin(async move {
            let mut found = self.base.overlay().numbered(mid, no, limit);
            for bill in self.base.view.with(|view| view::numbered(view, mid, no, limit))? {
                found.entry(bill.key.clone()).or_insert(bill);
            }
            Ok(found.into_values().take(limit).collect())
        })
    }

    fn coded<'a>(&'a self, code: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move {
            let key = self.base.overlay().coded(code).cloned();
            let key = match key {
                Some(key) => Some(key),
                None => self.base.view.with(|view| view::coded(view, code))?,
            };
            // The code tells which bill it is and no more: memory may know better how the bill is now.
            key.map_or(Ok(None), |key| self.base.bill(&key))
        })
    }

    fn leg<'a>(
        &'a self,
        mid: &'a Mid,
        order: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>> {
        Box::pin(async move {
            let found = self.base.overlay().leg(&(mid.clone(), order.clone())).cloned();
            match found {
                Some((key, leg)) => Ok(Some((key, Arc::unwrap_or_clone(leg)))),
                None => self.base.view.with(|view| view::leg(view, mid, order)),
            }
        })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Task<'a, Result<(), CommitError>> {
        Box::pin(async move {
            let Some(jobs) = &self.jobs else {
                return Err(StoreFault::new("the store was opened for reading only").into());
            };
            let (job, answer) = Job::commit(commit);
            jobs.send(job).await.map_err(|_| self.base.gone())?;
            answer.await.map_err(|_| self.base.gone())?
        })
    }

    fn bills<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        Box::pin(async move {
            let mut found = self.base.overlay().bills(after, limit);
            for bill in self.base.view.with(|view| view::bills(view, after, limit))? {
                found.entry(bill.key.clone()).or_insert(bill);
            }
            Ok(found.into_values().take(limit).collect())
        })
    }

    fn legs<'a>(
        &'a self,
        after: Option<&'a (Mid, OrderId)>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>> {
        Box::pin(async move {
            let found = self.base.overlay().legs(after, limit).into_iter();
            let mut found: BTreeMap<_, _> =
                found.map(|(id, (key, leg))| (id, (key, Arc::unwrap_or_clone(leg)))).collect();
            for (key, leg) in self.base.view.with(|view| view::legs(view, after, limit))? {
                found.entry((key.mid.clone(), leg.order.clone())).or_insert((key, leg));
            }
            Ok(found.into_values().take(limit).collect())
        })
    }

    fn due<'a>(&'a self, now: Moment, limit: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        Box::pin(async move {
            self.base.between_folds(|| {
                let mut found = self.base.overlay().due(now, limit);
                let mut rows = 0;
                self.base.view.with(|view| {
                    view::due(view, now, |at, key| {
                        if !self.base.overlay().overrides(&key) {
                            found.insert((at, Arc::new(key)));
                            rows += 1;
                        }
                        rows >= limit
                    })
                })?;
                Ok(found
                    .into_iter()
                    .take(limit)
                    .map(|(_, key)| Arc::unwrap_or_clone(key))
                    .collect())
            })
        })
    }

    fn open<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        Box::pin(async move {
            self.base.between_folds(|| {
                let mut found = self.base.overlay().open(after, limit);
                let mut rows = 0;
                self.base.view.with(|view| {
                    view::open(view, after, |key| {
                        if !self.base.overlay().overrides(&key) {
                            found.insert(Arc::new(key));
                            rows += 1;
                        }
                        rows >= limit
                    })
                })?;
                Ok(found.into_iter().take(limit).map(Arc::unwrap_or_clone).collect())
            })
        })
    }

    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        Box::pin(async move {
            // A record is shown when its bill is, not a moment earlier.
            let visible = self.base.overlay().last().saturating_sub(seq);
            let limit = u64::try_from(limit).unwrap_or(u64::MAX).min(visible);
            self.base.journal.with(|journal| Ok(journal::page(journal, seq, limit)?))
        })
    }

    fn history<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        Box::pin(async move {
            let last = self.base.overlay().last_of(key);
            let last = match last {
                Some(last) => last,
                None => self.base.view.with(|view| view::version(view, key))?.unwrap_or_default().1,
            };
            self.base.journal.with(|journal| Ok(journal::history(journal, key, last)?))
        })
    }

    fn latest<'a>(
        &'a self,
        mid: &'a Mid,
        tid: &'a Tid,
    ) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move {
            let key = self.base.overlay().latest(&(mid.clone(), tid.clone())).cloned();
            let key = match key {
                Some(key) => Some(key),
                None => self.base.view.with(|view| view::latest(view, mid, tid))?,
            };
            key.map_or(Ok(None), |key| self.base.bill(&key))
        })
    }

    fn day<'a>(&'a self, day: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>> {
        Box::pin(async move {
            self.base.between_folds(|| {
                let ahead = self.base.overlay().day(day);
                let behind = self.base.view.with(|view| view::day(view, day))?;
                let both = [behind, ahead].into_iter().flatten();
                Ok(both.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
            })
        })
    }

    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            if self.jobs.is_none() {
                self.base.follow()?;
            }
            Ok(self.base.overlay().last())
        })
    }

    fn registry<'a>(&'a self, kind: Kind) -> Task<'a, Result<Vec<(String, String)>, StoreFault>> {
        Box::pin(async move { self.base.registry.all(kind) })
    }

    fn registered<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>> {
        Box::pin(async move { self.base.registry.one(kind, id) })
    }

    fn register<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        record: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let (registry, id) = (self.base.registry.clone(), id.to_owned());
            // On a thread that may wait: it syncs, and another process may hold the file.
            let write = move || registry.register(kind, &id, record.as_deref());
            tokio::task::spawn_blocking(write).await.map_err(StoreFault::new)?
        })
    }

    fn replace<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        seen: Option<&'a str>,
        record: String,
    ) -> Task<'a, Result<bool, StoreFault>> {
        Box::pin(async move {
            let (registry, id) = (self.base.registry.clone(), id.to_owned());
            let seen = seen.map(str::to_owned);
            let write = move || registry.replace(kind, &id, seen.as_deref(), &record);
            tokio::task::spawn_blocking(write).await.map_err(StoreFault::new)?
        })
    }

    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move { self.base.registry.version() })
    }

    fn fault(&self) -> Option<StoreFault> {
        self.base.fault.get().cloned()
    }

    fn close<'a>(&'a self) -> Task<'a, ()> {
        Box::pin(async move {
            let threads =
                mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
            let Some(jobs) = self.jobs.as_ref().filter(|_| !threads.is_empty()) else { return };
            // The queue is closed already when the writer broke; then there is nothing to finish.
            let _ = jobs.send(Job::Close).await;
            let _ = tokio::task::spawn_blocking(move || join(threads)).await;
            self.base.view.close();
            self.base.journal.close();
            *self.base.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        })
    }
}
