//! Reads the journal for the tally: at the start from the first record of its days, then what is new.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Summary, Tally, back};
use crate::{clock::patience, limits, store::StoreFault, submit::Core};

/// A tally that is kept up with the journal.
pub struct Watch {
    core: Arc<Core>,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    /// Before the first record that counts; unknown until the store was asked.
    start: Option<u64>,
    /// The last record that was counted.
    read: u64,
}

/// What a page shows, and how much of the journal is not counted in it yet.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The figures.
    pub summary: Summary,
    /// How much of what is to be read was read, in percent; `None` when all of it was.
    pub read_percent: Option<u64>,
}

impl Watch {
    /// A tally that has counted nothing yet.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        let tally = Tally::new(core.policy.business_day_ends);
        Self { core, state: Mutex::new(State { tally, start: None, read: 0 }) }
    }

    /// Counts one page of the journal. Answers whether there may be more.
    async fn step(&self, state: &mut State) -> Result<bool, StoreFault> {
        if state.start.is_none() {
            let start = self.start().await?;
            (state.start, state.read) = (Some(start), start);
        }
        let store = &*self.core.store;
        let records = store.journal(state.read, limits::JOURNAL_PAGE).await?;
        let more = records.len() == limits::JOURNAL_PAGE;
        for record in records {
            if state.tally.wants_past(&record) {
                state.tally.recall(&record, &store.history(&record.key).await?);
            }
            state.tally.count(&record);
            state.read = record.seq;
        }
        Ok(more)
    }

    /// Before the first record of the days that are counted. Records are in the order of their times, but for those
    /// that were decided within the same moment.
    async fn start(&self) -> Result<u64, StoreFault> {
        let ends = self.core.policy.business_day_ends;
        let today = self.core.clock.now().business_day(ends);
        let from = back(today, limits::TALLY_DAYS.saturating_add(1)).ends_at(ends);
        let (mut before, mut after) = (0, self.core.store.last().await?);
        while before < after {
            let middle = before.midpoint(after);
            match self.core.store.journal(middle, 1).await?.first() {
                Some(record) if record.at < from => before = middle.saturating_add(1),
                _ => after = middle,
            }
        }
        Ok(before)
    }

    /// The figures of now. What is new is counted first, as far as a reader may be kept waiting for it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn look(&self) -> Result<Seen, StoreFault> {
        let mut state = self.state.lock().await;
        let mut more = true;
        for _ in 0..limits::TALLY_LOOK_PAGES {
            if more {
                more = self.step(&mut state).await?;
            }
        }
        let read_percent = match more {
            false => None,
            true => {
                let start = state.start.unwrap_or_default();
                let all = self.core.store.last().await?.saturating_sub(start);
                let read = state.read.saturating_sub(start).saturating_mul(100);
                Some(read.checked_div(all).unwrap_or(100).min(99))
            }
        };
        Ok(Seen { summary: state.tally.summary(self.core.clock.now()), read_percent })
    }

    /// Keeps up with the journal until `stop` resolves.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            // Asked for before the journal is read, so that a commit in between is not missed.
            let news = self.core.listeners.notified();
            // The lock is not kept between pages: whoever looks comes in between.
            let more = self.step(&mut *self.state.lock().await).await;
            if let Err(fault) = &more {
                tracing::error!(%fault, "the figures of the console cannot be read");
            }
            let more = more.unwrap_or(false);
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = std::future::ready(()), if more => tokio::task::yield_now().await,
                () = news => {
                    // Nobody watches figures more closely than this, and under load one look serves many commits.
                    let gather = patience(limits::TALLY_GATHER_MS, std::future::pending::<()>());
                    tokio::select! {
                        biased;
                        () = &mut stop => break,
                        _ = gather => {}
                    }
                }
            }
        }
    }
}
