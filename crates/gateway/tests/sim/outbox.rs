//! An outbox that takes its time and breaks before or after it has written: the one in memory, watched.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use holdfast_domain::Moment;
use holdfast_gateway::{
    clock::Dice,
    limits,
    notices::{
        Letter, Outbox,
        outbox::{Counts, Filter, Kept, Letters, MemoryOutbox, Outcome, Receiver, Try},
    },
    store::{StoreFault, Task},
};

use crate::{disk::pause, witness::Witness};

/// The outbox of a world; it outlasts the gateway.
pub(crate) struct WatchedOutbox {
    /// What it holds.
    pub(crate) outbox: MemoryOutbox,
    dice: Dice,
    witness: Arc<Witness>,
    /// Nothing can be written.
    pub(crate) full: AtomicBool,
    /// Nothing breaks any more.
    pub(crate) calm: AtomicBool,
}

/// When a write breaks.
enum Breaks {
    Before,
    After,
    Never,
}

impl WatchedOutbox {
    pub(crate) fn new(dice: Dice, witness: Arc<Witness>) -> Self {
        let (outbox, full, calm) = (MemoryOutbox::new(), false.into(), false.into());
        Self { outbox, dice, witness, full, calm }
    }

    async fn seek(&self) {
        if self.dice.roll(4) == 0 {
            pause().await;
        }
    }

    /// Reads fail now and then.
    async fn read(&self) -> Result<(), StoreFault> {
        self.seek().await;
        let broken = !self.calm.load(Ordering::SeqCst) && self.dice.roll(64) == 0;
        if broken { Err(StoreFault::new("the outbox cannot be read")) } else { Ok(()) }
    }

    async fn breaks(&self) -> Breaks {
        pause().await;
        if self.full.load(Ordering::SeqCst) {
            return Breaks::Before;
        }
        match self.dice.roll(12) {
            _ if self.calm.load(Ordering::SeqCst) => Breaks::Never,
            0 => Breaks::Before,
            1 => Breaks::After,
            _ => Breaks::Never,
        }
    }
}

fn broken() -> StoreFault {
    StoreFault::new("the outbox is broken")
}

impl Outbox for WatchedOutbox {
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async {
            pause().await;
            self.outbox.cursor().await
        })
    }

    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let breaks = self.breaks().await;
            if let Breaks::Before = breaks {
                return Err(broken());
            }
            self.witness.put(&letters);
            self.outbox.put(cursor, letters).await?;
            pause().await;
            // It was written, and nobody learns of it.
            if let Breaks::After = breaks { Err(broken()) } else { Ok(()) }
        })
    }
}

impl Letters for WatchedOutbox {
    fn receivers<'a>(
        &'a self,
        after: Option<&'a Receiver>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Receiver, Moment)>, StoreFault>> {
        Box::pin(async move {
            self.read().await?;
            let found = self.outbox.receivers(after, limit).await?;
            self.witness.listed(found.iter().map(|(receiver, _)| receiver.clone()));
            Ok(found)
        })
    }

    fn due<'a>(
        &'a self,
        receiver: &'a Receiver,
        now: Moment,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>> {
        Box::pin(async move {
            self.read().await?;
            self.outbox.due(receiver, now, limit).await
        })
    }

    fn record<'a>(&'a self, outcomes: &'a [Outcome]) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let breaks = self.breaks().await;
            if let Breaks::Before = breaks {
                self.witness.log("fault.outbox_broken");
                return Err(broken());
            }
            self.witness.written(outcomes);
            self.outbox.record(outcomes).await?;
            pause().await;
            if let Breaks::After = breaks {
                self.witness.log("fault.outbox_written_and_broken");
                return Err(broken());
            }
            self.witness.learned();
            Ok(())
        })
    }

    fn sweep<'a>(&'a self, now: Moment) -> Task<'a, Result<usize, StoreFault>> {
        Box::pin(async move {
            let count = self.outbox.sweep(now).await?;
            let all = self.outbox.list(&Filter::default(), None, usize::MAX).await?;
            self.witness.swept(&all.iter().map(|kept| kept.id).collect(), now);
            Ok(count)
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>> {
        self.outbox.list(filter, before, limit)
    }

    fn tries<'a>(&'a self, id: u64) -> Task<'a, Result<Vec<Try>, StoreFault>> {
        self.outbox.tries(id)
    }

    fn begin_round<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.outbox.begin_round()
    }

    fn resend<'a>(
        &'a self,
        filter: &'a Filter,
        round: u64,
        after: u64,
    ) -> Task<'a, Result<Option<u64>, StoreFault>> {
        Box::pin(async move {
            let ids = self.outbox.list(filter, None, usize::MAX).await?;
            let ids = ids.iter().rev().map(|kept| kept.id).filter(|id| *id > after);
            self.witness.resent(&ids.take(limits::NOTICE_STEP).collect::<Vec<_>>(), round);
            self.outbox.resend(filter, round, after).await
        })
    }

    fn drop<'a>(
        &'a self,
        filter: &'a Filter,
        now: Moment,
        after: u64,
    ) -> Task<'a, Result<Option<(usize, u64)>, StoreFault>> {
        Box::pin(async move {
            let ids = self.outbox.list(filter, None, usize::MAX).await?;
            let ids = ids.iter().rev().map(|kept| kept.id).filter(|id| *id > after);
            self.witness.dropped(&ids.collect::<Vec<_>>(), now);
            Letters::drop(&self.outbox, filter, now, after).await
        })
    }

    fn rounds<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            self.read().await?;
            let rounds = self.outbox.rounds().await?;
            self.witness.rounds(rounds);
            Ok(rounds)
        })
    }

    fn counts<'a>(&'a self, round: u64) -> Task<'a, Result<Counts, StoreFault>> {
        self.outbox.counts(round)
    }

    fn put_here<'a>(&'a self) -> Task<'a, BTreeSet<Receiver>> {
        self.outbox.put_here()
    }
}
