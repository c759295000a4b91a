//! A disk that takes its time: the store by hand, with a pause before whatever is asked of it.
//!
//! The store in memory answers at once. A real one does not, and what happens between two reads of one
//! request is where the mistakes are.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use holdfast_domain::{Bill, BillKey, BillNo, CodeId, Day, Leg, Mid, Moment, OrderId, Tid};
use holdfast_gateway::{
    clock::Dice,
    store::{Commit, CommitError, Kind, MemoryStore, Record, Store, StoreFault, Task},
};

/// The store of a world.
pub(crate) struct Disk {
    /// What the disk holds.
    pub(crate) store: MemoryStore,
    dice: Dice,
    /// How many commits were accepted since the last sync.
    unsynced: AtomicUsize,
}

/// Lets everybody else go first, once.
pub(crate) async fn pause() {
    let mut paused = false;
    poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// What a task yields that has nothing to wait for.
pub(crate) fn at_once<T>(task: impl Future<Output = T>) -> T {
    match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the store in memory had to wait"),
    }
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new(dice: Dice) -> Self {
        Self { store: MemoryStore::by_hand(), dice, unsynced: AtomicUsize::new(0) }
    }

    /// Makes everything accepted so far durable.
    pub(crate) fn sync(&self) {
        self.unsynced.store(0, Ordering::SeqCst);
        self.store.sync();
    }

    /// Power fails. Answers how many accepted commits are gone.
    pub(crate) fn crash(&self) -> usize {
        self.store.crash();
        self.unsynced.swap(0, Ordering::SeqCst)
    }

    async fn seek(&self) {
        let turns = match self.dice.roll(16) {
            0 => self.dice.roll(40),
            1..=4 => 1,
            _ => 0,
        };
        for _ in 0..turns {
            pause().await;
        }
    }
}

impl Store for Disk {
    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move {
            self.seek().await;
            self.store.bill(key).await
        })
    }

    fn numbered<'a>(
        &'a self,
        mid: &'a Mid,
        no: &'a BillNo,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.store.numbered(mid, no, limit)
    }

    fn coded<'a>(&'a self, code: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.store.coded(code)
    }

    fn leg<'a>(
        &'a self,
        mid: &'a Mid,
        order: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>> {
        Box::pin(async move {
            self.seek().await;
            self.store.leg(mid, order).await
        })
    }

    fn commit<'a>(&'a self, commit: Commit) -> Task<'a, Result<(), CommitError>> {
        Box::pin(async move {
            self.seek().await;
            let mut committing = self.store.commit(commit);
            match poll_fn(|cx| Poll::Ready(committing.as_mut().poll(cx))).await {
                Poll::Ready(done) => return done,
                Poll::Pending => self.unsynced.fetch_add(1, Ordering::SeqCst),
            };
            committing.await
        })
    }

    fn bills<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.store.bills(after, limit)
    }

    fn due<'a>(&'a self, now: Moment, limit: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        Box::pin(async move {
            self.seek().await;
            self.store.due(now, limit).await
        })
    }

    fn open<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        Box::pin(async move {
            self.seek().await;
            self.store.open(after, limit).await
        })
    }

    fn legs<'a>(
        &'a self,
        after: Option<&'a (Mid, OrderId)>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>> {
        self.store.legs(after, limit)
    }

    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.store.journal(seq, limit)
    }

    fn history<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.store.history(key)
    }

    fn latest<'a>(
        &'a self,
        mid: &'a Mid,
        tid: &'a Tid,
    ) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.store.latest(mid, tid)
    }

    fn day<'a>(&'a self, day: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>> {
        self.store.day(day)
    }

    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.store.last()
    }

    fn registry<'a>(&'a self, kind: Kind) -> Task<'a, Result<Vec<(String, String)>, StoreFault>> {
        self.store.registry(kind)
    }

    fn registered<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>> {
        self.store.registered(kind, id)
    }

    fn register<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        record: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>> {
        self.store.register(kind, id, record)
    }

    fn replace<'a>(
        &'a self,
        kind: Kind,
        id: &'a str,
        seen: Option<&'a str>,
        record: String,
    ) -> Task<'a, Result<bool, StoreFault>> {
        self.store.replace(kind, id, seen, record)
    }

    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.store.registry_version()
    }

    fn fault(&self) -> Option<StoreFault> {
        self.store.fault()
    }

    fn close<'a>(&'a self) -> Task<'a, ()> {
        self.store.close()
    }
}
