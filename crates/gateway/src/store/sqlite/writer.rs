//! The one thread that appends to the journal: everything that waits becomes durable in one transaction.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, PoisonError},
};

use holdfast_domain::{BillKey, Change, CodeId, Mid, OrderId};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    super::{Commit, CommitError, StoreFault, format::Line},
    Base, End, Pace, Rhythm,
    files::{failed, write_back},
    journal, view,
};
use crate::limits;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Make this durable.
    Commit(Box<Waiting>),
    /// Finish everything that was asked before, then end.
    Close,
}

/// A commit whose caller waits.
pub(super) struct Waiting {
    change: Change,
    /// The record in bytes, not yet sealed for its place.
    line: Vec<u8>,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

impl Job {
    /// A commit, and where its answer will be. The record is spelled here, on the caller's thread.
    pub(super) fn commit(commit: Commit) -> (Self, oneshot::Receiver<Result<(), CommitError>>) {
        let (answer, waiting) = oneshot::channel();
        let line = Line::bytes(&commit);
        (Self::Commit(Box::new(Waiting { change: commit.change, line, answer })), waiting)
    }
}

/// The writer with its connections.
pub(super) struct Writer {
    base: Arc<Base>,
    journal: Connection,
    view: Connection,
    /// The last record that is durable.
    last: u64,
}

/// What a transaction holds already: it must not be contradicted, but nobody may see it yet.
#[derive(Default)]
struct Pending {
    /// The version of each bill, and its last record.
    versions: HashMap<Arc<BillKey>, (u64, u64)>,
    codes: HashMap<CodeId, Arc<BillKey>>,
    orders: HashSet<(Mid, OrderId)>,
}

impl Writer {
    pub(super) fn new(base: Arc<Base>, journal: Connection) -> Result<Self, StoreFault> {
        // The log is written back between two commits, where nobody waits for it.
        journal.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed("open journal.db"))?;
        let (view, last) = (base.view.open()?, base.overlay().last());
        Ok(Self { base, journal, view, last })
    }

    /// Commits until the queue is closed.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>, rhythm: Rhythm) {
        let mut jobs = Vec::with_capacity(limits::COMMIT_BATCH);
        let mut end = End::Dropped;
        while queue.blocking_recv_many(&mut jobs, limits::COMMIT_BATCH) > 0 {
            let mut batch = Vec::with_capacity(jobs.len());
            for job in jobs.drain(..) {
                match job {
                    Job::Commit(waiting) => batch.push(*waiting),
                    Job::Close => {
                        end = End::Closed;
                        // Whoever comes now is told that the store is closed. The rest is finished.
                        queue.close();
                    }
                }
            }
            self.commit(batch);
            self.keep_pace(rhythm);
        }
        self.base.pace().end = Some(end);
        self.base.paced.notify_all();
    }

    /// Makes a batch durable, then visible, then answers.
    fn commit(&mut self, mut batch: Vec<Waiting>) {
        let appended = match self.base.fault.get() {
            // Whatever the disk holds now, nobody was told of it. Writing on could contradict it.
            Some(fault) => Err(fault.clone()),
            None => self.append(&mut batch).inspect_err(|fault| self.base.stop(fault.clone())),
        };
        let verdicts = match appended {
            Ok(verdicts) => verdicts,
            Err(fault) => {
                for waiting in batch {
                    // Whoever asked may have given up.
                    let _ = waiting.answer.send(Err(fault.clone().into()));
                }
                return;
            }
        };
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut overlay = self.base.overlay_mut();
            for (Waiting { change, answer, .. }, verdict) in batch.into_iter().zip(verdicts) {
                if verdict.is_ok() {
                    overlay.active.apply(change);
                }
                answers.push((answer, verdict));
            }
            self.last = overlay.last();
        }
        // A conflict is answered only now too, so that whoever loads again finds what it conflicted with.
        for (answer, verdict) in answers {
            let _ = answer.send(verdict);
        }
    }

    /// Appends those of the batch that can be accepted, in one synced transaction, and says which.
    fn append(&self, batch: &mut [Waiting]) -> Result<Vec<Result<(), CommitError>>, StoreFault> {
        let first = self.last.saturating_add(1);
        let failed = failed(format!("append to journal.db at record {first}"));
        let transaction = self.journal.unchecked_transaction().map_err(&failed)?;
        let mut pending = Pending::default();
        let mut seq = self.last;
        let mut verdicts = Vec::with_capacity(batch.len());
        for Waiting { change, line, .. } in batch {
            let verdict = self.check(&pending, change)?;
            if let Ok(before) = verdict {
                seq = seq.saturating_add(1);
                journal::append(&transaction, seq, before, line).map_err(&failed)?;
                pending.add(change, seq);
            }
            verdicts.push(verdict.map(drop));
        }
        transaction.commit().map_err(&failed)?;
        Ok(verdicts)
    }

    /// Whether the change can follow on everything accepted so far; then the bill's record before it.
    fn check(
        &self,
        pending: &Pending,
        change: &Change,
    ) -> Result<Result<u64, CommitError>, StoreFault> {
        let bill = &change.bill;
        let (version, before) = match pending.versions.get(&bill.key) {
            Some(found) => *found,
            None => self.version(&bill.key)?,
        };
        if version.checked_add(1) != Some(bill.version) {
            return Ok(Err(CommitError::Conflict));
        }
        if version == 0 {
            let code = &bill.terms.code;
            let owner = match pending.codes.get(code) {
                Some(owner) => Some(owner.clone()),
                None => self.coded(code)?,
            };
            // A code is nobody's yet, or that of the very bill from which it is taken over.
            if owner != bill.terms.succeeds {
                return Ok(Err(CommitError::Taken));
            }
        }
        if let Some(leg) = change.claims() {
            let id = (bill.key.mid.clone(), leg.order.clone());
            if pending.orders.contains(&id) || self.order_taken(&id)? {
                return Ok(Err(CommitError::Taken));
            }
        }
        Ok(Ok(before))
    }

    // Memory is asked before the view, never the other way round: what leaves memory is in the view already.

    /// The version of that bill, 0 for none, and its last record.
    fn version(&self, key: &BillKey) -> Result<(u64, u64), StoreFault> {
        let found = {
            let overlay = self.base.overlay();
            overlay.bill(key).map(|bill| bill.version).zip(overlay.last_of(key))
        };
        match found {
            Some(found) => Ok(found),
            None => Ok(view::version(&self.view, key)?.unwrap_or_default()),
        }
    }

    fn coded(&self, code: &CodeId) -> Result<Option<Arc<BillKey>>, StoreFault> {
        let found = self.base.overlay().coded(code).cloned();
        if found.is_some() { Ok(found) } else { view::coded(&self.view, code) }
    }

    fn order_taken(&self, id: &(Mid, OrderId)) -> Result<bool, StoreFault> {
        let found = self.base.overlay().leg(id).is_some();
        if found { Ok(true) } else { view::order_taken(&self.view, &id.0, &id.1) }
    }

    /// Wakes the folder when there is enough to fold, and waits for it when there is far too much.
    fn keep_pace(&self, rhythm: Rhythm) {
        let mut pace = self.base.pace();
        if self.base.unfolded() >= rhythm.commits {
            self.base.paced.notify_all();
        }
        let log_due = mem::take(&mut pace.log_due);
        let full = |_: &mut Pace| {
            self.base.unfolded() >= rhythm.unfolded && self.base.fault.get().is_none()
        };
        drop(self.base.paced.wait_while(pace, full).unwrap_or_else(PoisonError::into_inner));
        if log_due && let Err(fault) = write_back(&self.journal, "PASSIVE") {
            self.base.stop(fault);
        }
    }
}

impl Pending {
    fn add(&mut self, change: &Change, seq: u64) {
        let bill = &change.bill;
        self.versions.insert(bill.key.clone(), (bill.version, seq));
        if bill.version == 1 {
            self.codes.insert(bill.terms.code.clone(), bill.key.clone());
        }
        if let Some(leg) = change.claims() {
            self.orders.insert((bill.key.mid.clone(), leg.order.clone()));
        }
    }
}
