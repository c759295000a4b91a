//! What nobody waits for: orders left over, unknown outcomes, deadlines, late money.
//!
//! The worker keeps nothing that a crash could take away. What is to be done stands in the store; the
//! worker only remembers how often it has asked, to pause longer each time.

use std::{collections::HashMap, sync::Arc};

use holdfast_domain::{BillKey, Command, Moment, Phase};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    limits,
    store::{Asker, StoreFault},
    submit::{Core, SubmitError},
};

/// One thing to be done.
#[derive(Clone, Debug)]
pub enum Job {
    /// An order has no answer yet: ask the channel, and give the order again if it never heard of it.
    Ask(BillKey),
    /// A bill's time has come: to lapse, or to have its hold released.
    Due(BillKey),
    /// The channel told of a payment without being asked.
    News(BillKey, Box<Command>),
}

/// Finds what is to be done, and when to look at it again.
pub struct Worker {
    core: Arc<Core>,
    pauses: HashMap<BillKey, Pause>,
    /// Where the last look at the open orders ended, when there were more than one look takes.
    after: Option<BillKey>,
    /// Until all open orders were looked at once: what is open then was left over by an earlier life.
    left_over: bool,
}

/// How often a bill was looked at, and when to look again.
struct Pause {
    tries: u32,
    until: Moment,
    seen: bool,
}

impl Worker {
    /// A worker that has done nothing yet.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, pauses: HashMap::new(), after: None, left_over: true }
    }

    /// What is to be done now. Each bill is named once, and named again only after a pause that doubles
    /// from [`limits::ASK_PAUSE_MS`] up to [`limits::ASK_PAUSE_MS_MAX`].
    ///
    /// # Errors
    /// When the store or the channel's book cannot be read.
    pub async fn jobs(&mut self) -> Result<Vec<Job>, StoreFault> {
        let Self { core, pauses, after, left_over } = self;
        let now = core.clock.now();
        let mut jobs = vec![];
        for (key, command) in core.channel.news(now).await? {
            jobs.push(Job::News(key, Box::new(command)));
        }
        let first_look = after.is_none();
        let open = core.store.open(after.as_ref(), limits::WORKER_LOOK).await?;
        *after = open.last().filter(|_| open.len() == limits::WORKER_LOOK).cloned();
        let due = core.store.due(now, limits::WORKER_LOOK).await?;
        for (key, job) in open
            .into_iter()
            .map(|key| (key.clone(), Job::Ask(key)))
            .chain(due.into_iter().map(|key| (key.clone(), Job::Due(key))))
        {
            // An order is asked about only after a first pause: whoever gave it is probably still there,
            // unless it was given in an earlier life.
            let first = match job {
                Job::Ask(_) if !*left_over => now.plus_ms(limits::ASK_PAUSE_MS),
                Job::Ask(_) | Job::Due(_) | Job::News(..) => now,
            };
            let pause = pauses.entry(key).or_insert(Pause { tries: 0, until: first, seen: true });
            pause.seen = true;
            if now < pause.until {
                continue;
            }
            pause.until = now.plus_ms(pause_ms(pause.tries, &core.dice));
            pause.tries = pause.tries.saturating_add(1);
            jobs.push(job);
        }
        *left_over &= after.is_some();
        // What is no longer open or due needs no memory. Forgetting early only means asking sooner.
        if first_look && after.is_none() {
            pauses.retain(|_, pause| std::mem::take(&mut pause.seen));
        } else if pauses.len() > limits::WORKER_MEMORY {
            pauses.clear();
        }
        Ok(jobs)
    }

    /// When the next known job is to be done.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.pauses.values().map(|pause| pause.until).min()
    }

    /// Works until `stop` resolves, then finishes what it has begun.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let core = self.core.clone();
        let places = Arc::new(Semaphore::new(limits::WORKER_PLACES));
        let mut tasks = JoinSet::new();
        tokio::pin!(stop);
        loop {
            // What was found before goes first; what is still to be done is found again.
            let jobs = match tasks.len() < limits::WORKER_LOOK {
                true => self.jobs().await,
                false => Ok(vec![]),
            };
            match jobs {
                Ok(jobs) => {
                    for job in jobs {
                        let (core, places) = (core.clone(), places.clone());
                        tasks.spawn(async move {
                            let Ok(_place) = places.acquire().await else { return };
                            if let Err(fault) = core.work_on(job).await {
                                tracing::error!(%fault, "the worker could not write");
                            }
                        });
                    }
                }
                Err(fault) => tracing::error!(%fault, "the worker could not read"),
            }
            while tasks.try_join_next().is_some() {}
            let soon = core.clock.now().plus_ms(limits::WORKER_PAUSE_MS);
            let wake =
                self.next().map_or(soon, |next| next.clamp(core.clock.now().plus_ms(1), soon));
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = core.work.notified() => {}
                () = core.clock.until(wake) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// How long to wait after so many tries: doubling, with up to an eighth of chance, so that many bills left
/// over by one outage are not asked about all at once.
fn pause_ms(tries: u32, dice: &crate::clock::Dice) -> i64 {
    let doubled =
        limits::ASK_PAUSE_MS.saturating_mul(1_i64.checked_shl(tries.min(30)).unwrap_or(i64::MAX));
    let pause = doubled.min(limits::ASK_PAUSE_MS_MAX);
    let eighth = u64::try_from(pause.div_euclid(8)).unwrap_or_default();
    pause.saturating_add(i64::try_from(dice.roll(eighth)).unwrap_or_default())
}

impl Core {
    /// Does one job.
    ///
    /// # Errors
    /// Only faults of the store: that a rule refuses means that somebody else was faster.
    pub async fn work_on(&self, job: Job) -> Result<(), StoreFault> {
        match job {
            Job::Ask(key) => match self.store.bill(&key).await? {
                Some(bill) => self.carry_out(bill, false).await.map(drop),
                None => Ok(()),
            },
            Job::Due(key) => self.on_time(&key).await,
            Job::News(key, command) => self.on_news(&key, &command).await,
        }
    }

    async fn on_time(&self, key: &BillKey) -> Result<(), StoreFault> {
        let Some(bill) = self.store.bill(key).await? else { return Ok(()) };
        let command = match &bill.phase {
            // The payer may have paid while the report of it was lost: ask before giving up.
            Phase::Requested { .. } => {
                if let Some(paid) = self.channel.paid(&bill, self.clock.now()).await? {
                    return self.on_news(key, &paid).await;
                }
                Command::Lapse
            }
            Phase::Authorized { payment } => {
                let deadline = payment.grant.as_ref().map(|grant| grant.deadline);
                match deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                    true => Command::Expire,
                    false => Command::Remind,
                }
            }
            _ => return Ok(()),
        };
        match self.submit(bill, &command, &Asker::Clock).await {
            Ok(bill) => self.carry_out(bill, true).await.map(drop),
            Err(SubmitError::Fault(fault)) => Err(fault),
            Err(_) => Ok(()),
        }
    }

    /// Makes the channel's word of a payment durable, and gives money back that came too late.
    ///
    /// # Errors
    /// Only faults of the store.
    pub async fn on_news(&self, key: &BillKey, command: &Command) -> Result<(), StoreFault> {
        let Some(bill) = self.store.bill(key).await? else { return self.channel.heard(key).await };
        match self.submit(bill, command, &Asker::Channel).await {
            Ok(bill) => {
                self.channel.heard(key).await?;
                self.carry_out(bill, true).await.map(drop)
            }
            Err(SubmitError::Fault(fault)) => Err(fault),
            // It was known already, or an order is open: then it is told again later.
            Err(SubmitError::Refused(holdfast_domain::Refusal::Busy { .. })) => Ok(()),
            Err(_) => self.channel.heard(key).await,
        }
    }
}
