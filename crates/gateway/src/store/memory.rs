//! The store in memory, for tests and for the simulation: the contract without a disk.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use holdfast_domain::{Bill, BillKey, BillNo, CodeId, Day, Leg, Mid, Moment, OrderId, Tid};
use tokio::sync::oneshot;

use super::{Commit, CommitError, Kind, Record, Store, StoreFault, Task};

/// A store that forgets everything when it is dropped.
///
/// [`MemoryStore::by_hand`] makes one whose commits stay in flight until [`MemoryStore::sync`], and are
/// lost by [`MemoryStore::crash`]: a disk that forgets what was not synced.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    by_hand: bool,
}

#[derive(Default)]
struct State {
    bills: BTreeMap<Arc<BillKey>, Bill>,
    codes: BTreeMap<CodeId, Arc<BillKey>>,
    latest: BTreeMap<(Mid, Tid), Arc<BillKey>>,
    legs: BTreeMap<(Mid, OrderId), (Arc<BillKey>, Leg)>,
    journal: Vec<Record>,
    registry: BTreeMap<(Kind, String), String>,
    registry_version: u64,
    /// Accepted, not yet durable; read by nobody but the checks of the next commit.
    in_flight: Vec<(Commit, Option<oneshot::Sender<()>>)>,
    fault: Option<StoreFault>,
}

impl MemoryStore {
    /// A store in which a commit is durable at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store in which a commit is durable only after [`MemoryStore::sync`].
    #[must_use]
    pub fn by_hand() -> Self {
        Self { by_hand: true, ..Self::default() }
    }

    /// Makes everything accepted so far durable and answers those who wait for it.
    pub fn sync(&self) {
        let mut state = self.state();
        for (commit, waiting) in std::mem::take(&mut state.in_flight) {
            state.apply(commit);
            // Whoever asked may have given up; the commit stands all the same.
            let _ = waiting.map(|waiting| waiting.send(()));
        }
    }

    /// Power fails: what was not synced is gone.
    pub fn crash(&self) {
        self.state().in_flight.clear();
    }

    /// The disk breaks: nothing is written from now on.
    pub fn break_disk(&self) {
        let mut state = self.state();
        state.fault = Some(StoreFault::new("the disk is full"));
        state.in_flight.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&State) -> T,
    ) -> Task<'a, Result<T, StoreFault>> {
        let found = read(&self.state());
        Box::pin(async { Ok(found) })
    }
}

impl State {
    fn accept(&self, commit: &Commit) -> Result<(), CommitError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone().into());
        }
        let bill = &commit.change.bill;
        let version = |bill: &Bill| bill.version;
        let newer = self.in_flight.iter().rev().map(|(commit, _)| &commit.change.bill);
        let newer = newer.clone().find(|other| other.key == bill.key).map(version);
        let current = newer.or_else(|| self.bills.get(&bill.key).map(version)).unwrap_or(0);
        if current.checked_add(1) != Some(bill.version) {
            return Err(CommitError::Conflict);
        }
        let others = || self.in_flight.iter().map(|(commit, _)| &commit.change);
        if current == 0 {
            let code = &bill.terms.code;
            let coded = |other: &&holdfast_domain::Change| {
                other.bill.version == 1 && other.bill.terms.code == *code
            };
            let owner = others().rfind(coded).map(|other| &other.bill.key);
            if owner.or_else(|| self.codes.get(code)) != bill.terms.succeeds.as_ref() {
                return Err(CommitError::Taken);
            }
        }
        if let Some(leg) = commit.change.claims() {
            let same = |other: &holdfast_domain::Change| {
                other.bill.key.mid == bill.key.mid
                    && other.leg.as_ref().is_some_and(|other| other.order == leg.order)
            };
            let key = (bill.key.mid.clone(), leg.order.clone());
            if self.legs.contains_key(&key) || others().any(same) {
                return Err(CommitError::Taken);
            }
        }
        Ok(())
    }

    fn apply(&mut self, commit: Commit) {
        let Commit { change, at, asker } = commit;
        let key = change.bill.key.clone();
        if let Some(leg) = change.leg {
            let id = (key.mid.clone(), leg.order.clone());
            self.legs.insert(id, (key.clone(), Arc::unwrap_or_clone(leg)));
        }
        if change.bill.version == 1 {
            self.codes.insert(change.bill.terms.code.clone(), key.clone());
            self.latest.insert((key.mid.clone(), change.bill.terms.tid.clone()), key.clone());
        }
        let seq = u64::try_from(self.journal.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.journal.push(Record {
            seq,
            at,
            key: key.clone(),
            version: change.bill.version,
            event: change.event,
            entries: change.entries,
            asker,
        });
        self.bills.insert(key, change.bill);
    }
}

impl Store for MemoryStore {
    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.read(|state| state.bills.get(key).cloned())
    }

    fn numbered<'a>(
        &'a self,
        mid: &'a Mid,
        no: &'a BillNo,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.read(|state| {
            let same = |bill: &&Bill| bill.key.mid == *mid && bill.key.no == *no;
            state.bills.values().filter(same).take(limit).cloned().collect()
        })
    }

    fn coded<'a>(&'a self, code: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.read(|state| state.codes.get(code).and_then(|key| state.bills.get(key)).cloned())
    }

    fn leg<'a>(
        &'a self,
        mid: &'a Mid,
        order: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>> {
        self.read(|state| state.legs.get(&(mid.clone(), order.clone())).cloned())
    }

    fn legs<'a>(
        &'a self,
        after: Option<&'a (Mid, OrderId)>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>> {
        self.read(|state| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            state
                .legs
                .range((from, Bound::Unbounded))
                .take(limit)
                .map(|(_, leg)| leg.clone())
                .collect()
        })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Task<'a, Result<(), CommitError>> {
        Box::pin(async move {
            let waiting = {
                let mut state = self.state();
                state.accept(&commit)?;
                if !self.by_hand {
                    state.apply(commit);
                    return Ok(());
                }
                let (done, waiting) = oneshot::channel();
                state.in_flight.push((commit, Some(done)));
                waiting
            };
            waiting.await.map_err(|_| {
                self.fault().unwrap_or_else(|| StoreFault::new("the power failed")).into()
            })
        })
    }

    fn bills<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.read(|state| {
            let bills = state.bills.values();
            bills
                .filter(|bill| after.is_none_or(|after| *bill.key > *after))
                .take(limit)
                .cloned()
                .collect()
        })
    }

    fn due<'a>(&'a self, now: Moment, limit: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        self.read(|state| {
            let due =
                |bill: &Bill| Some((bill.due().filter(|due| *due <= now)?, (*bill.key).clone()));
            let mut due: Vec<_> = state.bills.values().filter_map(due).collect();
            due.sort();
            due.into_iter().take(limit).map(|(_, key)| key).collect()
        })
    }

    fn open<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        self.read(|state| {
            let open = state.bills.values().filter(|bill| bill.open_order().is_some());
            let open = open.map(|bill| (*bill.key).clone());
            open.filter(|key| after.is_none_or(|after| key > after)).take(limit).collect()
        })
    }

    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.read(|state| {
            let skipped = usize::try_from(seq).unwrap_or(usize::MAX);
            state.journal.iter().skip(skipped).take(limit).cloned().collect()
        })
    }

    fn history<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.read(|state| state.journal.iter().filter(|of| *of.key == *key).cloned().collect())
    }

    fn latest<'a>(
        &'a self,
        mid: &'a Mid,
        tid: &'a Tid,
    ) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.read(|state| {
            let key = state.latest.get(&(mid.clone(), tid.clone()))?;
            state.bills.get(key).cloned()
        })
    }

    fn day<'a>(&'a self, day: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>> {
        self.read(|state| {
            let of_day = |record: &&Record| record.event.receipt().is_some_and(|of| of.day == day);
            let mut found = state.journal.iter().filter(of_day).map(|record| record.seq);
            let first = found.next()?;
            Some((first, found.next_back().unwrap_or(first)))
        })
    }

    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.read(|state| u64::try_from(state.journal.len()).unwrap_or(u64::MAX))
    }

    fn registry<'a>(&'a self, kind: Kind) -> Task<'a, Result<Vec<(String, String)>, StoreFault>> {
        self.read(|state| {
            let same = state.registry.iter().filter(|((other, _), _)| *other == kind);
            same.map(|((_, id), record)| (id.clone(), record.clone())).collect()
        })
    }

    fn registered<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>> {
        self.read(|state| state.registry.get(&(kind, id.to_owned())).cloned())
    }

    fn register<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        record: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>> {
        let mut state = self.state();
        if let Some(fault) = state.fault.clone() {
            return Box::pin(async { Err(fault) });
        }
        state.registry_version = state.registry_version.saturating_add(1);
        match record {
            Some(record) => drop(state.registry.insert((kind, id.to_owned()), record)),
            None => drop(state.registry.remove(&(kind, id.to_owned()))),
        }
        Box::pin(async { Ok(()) })
    }

    fn replace<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        seen: Option<&'a str>,
        record: String,
    ) -> Task<'a, Result<bool, StoreFault>> {
        let mut state = self.state();
        if let Some(fault) = state.fault.clone() {
            return Box::pin(async { Err(fault) });
        }
        let same = state.registry.get(&(kind, id.to_owned())).map(String::as_str) == seen;
        if same {
            state.registry_version = state.registry_version.saturating_add(1);
            state.registry.insert((kind, id.to_owned()), record);
        }
        Box::pin(async move { Ok(same) })
    }

    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.read(|state| state.registry_version)
    }

    fn fault(&self) -> Option<StoreFault> {
        self.state().fault.clone()
    }

    fn close<'a>(&'a self) -> Task<'a, ()> {
        Box::pin(async {})
    }
}
