//! Load, decide, commit, answer: the only way to change anything.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_domain::{
    Bill, BillKey, Change, Command, Moment, Policy, Refusal, Text, Verdict, decide,
};

use tokio::sync::Notify;

use crate::{
    channel::{Channel, Errand, Word},
    clock::{Clock, Dice},
    limits,
    store::{Asker, Commit, CommitError, Store, StoreFault},
};

/// Everything that rules a change: where bills are kept, who moves money, what time it is.
///
/// It spawns nothing and knows no HTTP, so that the simulation can run it in one thread.
pub struct Core {
    /// Where bills are kept.
    pub store: Arc<dyn Store>,
    /// Who moves money.
    pub channel: Arc<dyn Channel>,
    /// What time it is.
    pub clock: Clock,
    /// The source of chance.
    pub dice: Dice,
    /// The operator's choices.
    pub policy: Policy,
    /// How long a caller waits for the channel, in milliseconds. The default is 8 s (`behaviour.md`, "Answers").
    pub answer_within_ms: i64,
    /// Bills whose order somebody is carrying out right now.
    busy: Mutex<HashSet<Arc<BillKey>>>,
    /// Rings when a bill was left with an open order, or got a deadline: the worker has something to do.
    pub(crate) work: Notify,
    /// Rings when something was committed: the announcer has something to read.
    pub(crate) news: Notify,
    /// Rings for everybody who listens to events, each time [`Core::news`] does.
    pub(crate) listeners: Notify,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no such bill.
    #[error("no such bill")]
    NoBill,
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The order number, bill number or code is in use already.
    #[error("the number is taken")]
    Taken,
    /// The store broke.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// What became of an order that the channel was given.
#[derive(Debug)]
pub enum Settled {
    /// The channel has said; the bill is as it is now, with the reason if the channel refused.
    Known(Bill, Option<Text<255>>),
    /// The channel has not said yet. The worker goes on asking.
    NotKnown,
}

impl Core {
    /// Wires the rules to a store and a channel.
    pub fn new(
        store: Arc<dyn Store>,
        channel: Arc<dyn Channel>,
        clock: Clock,
        dice: Dice,
        policy: Policy,
        answer_within_ms: i64,
    ) -> Self {
        let (busy, work) = (Mutex::default(), Notify::new());
        let (news, listeners) = (Notify::new(), Notify::new());
        Self { store, channel, clock, dice, policy, answer_within_ms, busy, work, news, listeners }
    }

    /// The bill of that key.
    ///
    /// # Errors
    /// When there is none, or the store broke.
    pub async fn load(&self, key: &BillKey) -> Result<Bill, SubmitError> {
        self.store.bill(key).await?.ok_or(SubmitError::NoBill)
    }

    /// Makes a new bill durable.
    ///
    /// # Errors
    /// [`SubmitError::Taken`] when the bill or the code exists already.
    pub async fn create(
        &self,
        change: Change,
        at: Moment,
        asker: Asker,
    ) -> Result<Bill, SubmitError> {
        let bill = change.bill.clone();
        match self.store.commit(Commit { change, at, asker }).await {
            Ok(()) => {
                self.ring();
                Ok(bill)
            }
            Err(CommitError::Conflict | CommitError::Taken) => Err(SubmitError::Taken),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Does what `command` asks of `bill`, or of what has become of it meanwhile, and makes it durable.
    ///
    /// # Errors
    /// A refusal by the rules, or a fault of the store. Nothing has changed then.
    pub async fn submit(
        &self,
        bill: Bill,
        command: &Command,
        asker: &Asker,
    ) -> Result<Bill, SubmitError> {
        self.submit_from(bill, command, Moment(i64::MIN), asker).await
    }

    /// Lets the time of an unpaid bill pass at once, without moving the clock for all others: a payer who
    /// never comes, in the test environment.
    ///
    /// # Errors
    /// As [`Core::submit`].
    pub async fn let_lapse(&self, bill: Bill) -> Result<Bill, SubmitError> {
        let over = bill.terms.expires_at;
        self.submit_from(bill, &Command::Lapse, over, &Asker::Payer).await
    }

    /// As [`Core::submit`], as if it were no earlier than `earliest`.
    async fn submit_from(
        &self,
        mut bill: Bill,
        command: &Command,
        earliest: Moment,
        asker: &Asker,
    ) -> Result<Bill, SubmitError> {
        for _ in 0..limits::COMMIT_TRIES {
            let at = self.clock.now().max(earliest);
            let change = decide(&bill, command, at, &self.policy)?;
            let changed = change.bill.clone();
            match self.store.commit(Commit { change, at, asker: asker.clone() }).await {
                Ok(()) => {
                    self.ring();
                    return Ok(changed);
                }
                Err(CommitError::Conflict) => bill = self.load(&bill.key).await?,
                Err(CommitError::Taken) => return Err(SubmitError::Taken),
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
        // Somebody else changes the bill all the time: for the caller it is locked.
        Err(Refusal::Busy { phase: bill.phase.name() }.into())
    }

    /// Gives the channel the open order of a committed bill and makes its answer durable; `first` tells
    /// whether nobody can have given it before.
    ///
    /// # Errors
    /// Only faults of the store: what the channel says or does not say is an outcome.
    pub async fn carry_out(&self, bill: Bill, first: bool) -> Result<Settled, StoreFault> {
        let Some((asked, order)) = bill.open_order() else { return Ok(Settled::Known(bill, None)) };
        let Some(_busy) = self.occupy(&bill.key) else { return Ok(Settled::NotKnown) };
        let errand = Errand { bill, asked, order };
        let talk = async {
            let word = match first {
                true => self.channel.give(&errand, self.clock.now()).await,
                false => self.channel.ask(&errand, self.clock.now()).await,
            };
            match word {
                Word::NeverHeard => self.channel.give(&errand, self.clock.now()).await,
                word => word,
            }
        };
        match self.clock.within(self.answer_within_ms, talk).await {
            Some(Word::Reports(reports)) => self.hear(errand.bill, reports).await,
            Some(Word::NotKnown | Word::NeverHeard) | None => {
                self.work.notify_one();
                Ok(Settled::NotKnown)
            }
        }
    }

    /// Makes the channel's reports durable, each at most once.
    async fn hear(
        &self,
        mut bill: Bill,
        reports: Vec<(u32, Verdict)>,
    ) -> Result<Settled, StoreFault> {
        let mut refused = None;
        for (number, verdict) in reports {
            let reason = match &verdict {
                Verdict::Refused { reason } => Some(reason.clone()),
                Verdict::Approved { .. } => None,
            };
            let report = Command::Report { number, verdict };
            match self.submit(bill.clone(), &report, &Asker::Channel).await {
                Ok(changed) => (bill, refused) = (changed, reason),
                // Told twice, or told of an older order: it changes nothing.
                Err(SubmitError::Refused(refusal)) => {
                    tracing::info!(bill = %bill.key, number, %refusal, "report set aside");
                }
                Err(SubmitError::Fault(fault)) => return Err(fault),
                Err(SubmitError::NoBill | SubmitError::Taken) => {}
            }
        }
        Ok(match bill.open_order() {
            None => Settled::Known(bill, refused),
            Some(_) => {
                self.work.notify_one();
                Settled::NotKnown
            }
        })
    }

    fn ring(&self) {
        self.news.notify_one();
        self.listeners.notify_waiters();
    }

    fn occupy(&self, key: &Arc<BillKey>) -> Option<Busy<'_>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(key.clone()).then(|| Busy { core: self, key: key.clone() })
    }
}

/// While it lives, nobody else gives the channel this bill's order or asks about it.
struct Busy<'a> {
    core: &'a Core,
    key: Arc<BillKey>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.core.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
