//! The courier: takes letters that are due out of the outbox and tries to deliver each until its receiver has
//! said yes.
//!
//! A letter is delivered **at least once**. What a try came to is written down after the receiver has answered;
//! whoever crashes in between sends the letter again, under the same `notifyId`. Nothing is kept in memory
//! that a crash could take away, but for the silence of receivers, which is soon noticed again.
//!
//! Who gets a place: receivers take turns, a letter each, beginning behind the one that was served last; each
//! has at most [`limits::NOTICE_PER_RECEIVER`] tries under way, and all together
//! [`limits::NOTICE_CONNECTIONS`]. So a receiver that hangs holds up nobody but itself, and however many
//! letters wait, only those with a place are in memory. Of one receiver the letter that is due longest goes
//! first, so a merchant's first tries begin in the order of events. Whose turn it is is asked of
//! [`schedule`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use holdfast_domain::{BillKey, Moment};
use tokio::task::{JoinError, JoinSet};

use super::{
    CONTENT_TYPE, Signed, Signer,
    outbox::{Kept, Letters, Outcome, Receiver, Then, Try},
    schedule::{self, Circuit},
};
use crate::{
    clock::{Clock, Dice, Stopwatch, patience},
    limits,
    outbound::{Outbound, Reply, Trouble},
    store::{StoreFault, Task},
};

/// How a letter gets to its receiver.
pub trait Post: Send + Sync {
    /// Posts a form to an address, and yields what was answered. It ends within a bound of its own.
    ///
    /// # Errors
    /// When nobody answered.
    fn post<'a>(&'a self, url: &'a str, letter: Signed) -> Task<'a, Result<Reply, Trouble>>;
}

impl Post for Outbound {
    fn post<'a>(&'a self, url: &'a str, letter: Signed) -> Task<'a, Result<Reply, Trouble>> {
        let Signed { body, mut headers } = letter;
        headers.push(("content-type", CONTENT_TYPE.to_owned()));
        Box::pin(async move { self.post(url, &headers, body).await })
    }
}

/// What a try needs.
struct Means {
    signer: Arc<dyn Signer>,
    post: Arc<dyn Post>,
    clock: Clock,
}

/// A letter on its way: it has a place, until what became of it was [recorded](Courier::record).
pub struct Errand {
    kept: Kept,
    means: Arc<Means>,
}

/// A try that has ended.
pub struct Ended {
    kept: Kept,
    at: Moment,
    took_ms: u64,
    /// What the receiver answered; the inner error when nobody did, the outer when nothing was sent.
    answer: Result<Result<Reply, Trouble>, String>,
}

impl Errand {
    /// Signs the letter and posts it, once.
    pub async fn run(self) -> Ended {
        let Self { kept, means } = self;
        let (at, watch) = (means.clock.now(), Stopwatch::start());
        let answer = match means.signer.sign(&kept.letter, means.clock.wall()) {
            Ok(signed) => Ok(means.post.post(&kept.letter.url, signed).await),
            Err(unsigned) => Err(unsigned.to_string()),
        };
        let took_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ended { kept, at, took_ms, answer }
    }
}

/// Decides which letter goes out when.
pub struct Courier {
    outbox: Arc<dyn Letters>,
    means: Arc<Means>,
    dice: Dice,
    /// Receivers at which something is under way, or at which nobody has answered lately.
    receivers: BTreeMap<Receiver, Known>,
    /// How many letters are under way.
    under_way: usize,
    /// Their lines. Letters under way are still due in the outbox; and an older one may be resent while a later
    /// one of its line is under way.
    lines: BTreeSet<Line>,
    /// Tries that have ended and could not be written down yet.
    unwritten: Vec<Outcome>,
    /// Letters whose places are given back when that is written.
    leaving: Vec<(Receiver, Line)>,
    /// Who was served last.
    turn: Option<Receiver>,
    /// The rounds of resending that have been seen.
    rounds: Option<u64>,
    /// Receivers with a place or a letter more than the last look saw.
    news: BTreeSet<Receiver>,
    /// Whether the last look gave the last place away, so that it did not see everybody.
    scarce: bool,
    /// When there is something to do, as far as is known.
    wake: Option<Moment>,
}

type Line = (String, BillKey);

/// What is known of a receiver.
#[derive(Default)]
struct Known {
    circuit: Circuit,
    /// How many letters are under way there.
    under_way: usize,
    /// Whether the last whole look found something ready there.
    seen: bool,
}

impl Courier {
    /// A courier that has done nothing yet.
    pub fn new(
        outbox: Arc<dyn Letters>,
        signer: Arc<dyn Signer>,
        post: Arc<dyn Post>,
        clock: Clock,
        dice: Dice,
    ) -> Self {
        Self {
            outbox,
            means: Arc::new(Means { signer, post, clock }),
            dice,
            receivers: BTreeMap::new(),
            under_way: 0,
            lines: BTreeSet::new(),
            unwritten: vec![],
            leaving: vec![],
            turn: None,
            rounds: None,
            news: BTreeSet::new(),
            scarce: false,
            wake: None,
        }
    }

    /// The letters that go out now, of all receivers. Each has a place from now on.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub async fn look(&mut self) -> Result<Vec<Errand>, StoreFault> {
        let now = self.means.clock.now();
        self.notice_resending(now).await?;
        self.news.clear();
        self.wake = None;
        let free = self.free();
        let mut found: Vec<(Receiver, VecDeque<Kept>)> = vec![];
        let start = self.turn.clone();
        let mut walk = Walk::On(start.clone());
        let mut whole = true;
        while let Some(page) = walk.page(&*self.outbox, start.as_ref()).await? {
            for (receiver, next) in page {
                if found.len() >= free {
                    // Whoever ends makes room, and then the next look goes on from here.
                    (whole, walk) = (false, Walk::Over);
                    break;
                }
                if next > now {
                    let known = self.receivers.entry(receiver).or_default();
                    known.seen = true;
                    wake(&mut self.wake, known.circuit.probe_at().map_or(next, |at| at.max(next)));
                } else {
                    found.extend(self.due(receiver, now).await?);
                }
            }
        }
        if whole {
            // What has nothing waiting and nothing under way needs no memory. Its silence is noticed again.
            self.receivers
                .retain(|_, known| std::mem::take(&mut known.seen) || known.under_way > 0);
        }
        Ok(self.take_turns(found, free))
    }

    /// The letters that go out now, of receivers of which there is news: thousands of others that wait are not
    /// asked each time that one has a place more. When places are scarce all take their turns.
    ///
    /// # Errors
    /// When the outbox cannot be read.
    pub async fn look_again(&mut self) -> Result<Vec<Errand>, StoreFault> {
        if self.scarce {
            return self.look().await;
        }
        let (now, free) = (self.means.clock.now(), self.free());
        let mut found = vec![];
        for receiver in std::mem::take(&mut self.news) {
            if found.len() >= free {
                // The others take their turns: places are scarce now.
                break;
            }
            found.extend(self.due(receiver, now).await?);
        }
        Ok(self.take_turns(found, free))
    }

    /// There is news of receivers: letters were put for them.
    pub fn hear(&mut self, of: BTreeSet<Receiver>) {
        self.news.extend(of);
    }

    /// The letters of a receiver that are due and have a place there.
    async fn due(
        &mut self,
        receiver: Receiver,
        now: Moment,
    ) -> Result<Option<(Receiver, VecDeque<Kept>)>, StoreFault> {
        let known = self.receivers.entry(receiver.clone()).or_default();
        known.seen = true;
        if let Some(at) = known.circuit.probe_at().filter(|at| *at > now) {
            wake(&mut self.wake, at);
            return Ok(None);
        }
        let places = known.circuit.places(now).saturating_sub(known.under_way);
        if places == 0 {
            return Ok(None);
        }
        // Those under way are still due: with them come as many as there are places.
        let most = places.saturating_add(known.under_way);
        let due = self.outbox.due(&receiver, now, most).await?.into_iter();
        let due = due.filter(|kept| !self.lines.contains(&line(kept))).take(places);
        let due: VecDeque<Kept> = due.collect();
        Ok((!due.is_empty()).then_some((receiver, due)))
    }

    /// How many more letters may be under way.
    fn free(&self) -> usize {
        limits::NOTICE_CONNECTIONS.saturating_sub(self.under_way)
    }

    /// Lets the receivers take turns, a letter each, until the places are gone.
    fn take_turns(
        &mut self,
        mut found: Vec<(Receiver, VecDeque<Kept>)>,
        free: usize,
    ) -> Vec<Errand> {
        let mut errands = vec![];
        while errands.len() < free && !found.is_empty() {
            found.retain_mut(|(receiver, due)| {
                if errands.len() < free
                    && let Some(kept) = due.pop_front()
                {
                    self.lines.insert(line(&kept));
                    let known = self.receivers.entry(receiver.clone()).or_default();
                    known.under_way = known.under_way.saturating_add(1);
                    self.turn = Some(receiver.clone());
                    errands.push(Errand { kept, means: self.means.clone() });
                }
                !due.is_empty()
            });
        }
        self.under_way = self.under_way.saturating_add(errands.len());
        self.scarce = errands.len() >= free;
        errands
    }

    /// Writes down what became of tries, and gives their places back. What could not be written is written
    /// with the next ones, and until then keeps its place: nothing is sent that nobody would know of.
    ///
    /// # Errors
    /// When the outbox cannot be written.
    pub async fn record(&mut self, ended: Vec<Ended>) -> Result<(), StoreFault> {
        for ended in ended {
            self.leaving.push((ended.kept.receiver.clone(), line(&ended.kept)));
            let outcome = self.judge(ended);
            self.unwritten.push(outcome);
        }
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.outbox.record(&self.unwritten).await?;
        for outcome in self.unwritten.drain(..) {
            if let Then::Again(at) = outcome.then {
                wake(&mut self.wake, at);
            }
        }
        for (receiver, line) in self.leaving.drain(..) {
            self.lines.remove(&line);
            self.under_way = self.under_way.saturating_sub(1);
            if let Some(known) = self.receivers.get_mut(&receiver) {
                known.under_way = known.under_way.saturating_sub(1);
            }
            self.news.insert(receiver);
        }
        Ok(())
    }

    /// What a try makes of its letter, and of what is known of its receiver.
    fn judge(&mut self, Ended { kept, at, took_ms, answer }: Ended) -> Outcome {
        let now = self.means.clock.now();
        let known = self.receivers.entry(kept.receiver.clone()).or_default();
        let (status, text, trouble) = match answer {
            // Nothing was sent: that says nothing of the receiver.
            Err(unsigned) => (None, vec![], Some(unsigned)),
            Ok(answer) => {
                let trouble = schedule::missed(&answer);
                match answer {
                    Ok(reply) => {
                        if known.circuit.answered() {
                            tracing::info!(receiver = %kept.receiver, "notices: the receiver answers again");
                        }
                        (Some(reply.status), reply.body, trouble)
                    }
                    Err(silent) => {
                        if known.circuit.silence(now) {
                            tracing::info!(receiver = %kept.receiver, why = %silent, "notices: the receiver does not answer and is only probed");
                        }
                        (None, vec![], trouble)
                    }
                }
            }
        };
        let tries = kept.tries.saturating_add(1);
        let then = match &trouble {
            None => Then::Delivered,
            Some(why) => match schedule::pause_ms(tries, &self.dice) {
                Some(pause_ms) => Then::Again(now.plus_ms(pause_ms)),
                None => {
                    let letter = &kept.letter;
                    tracing::warn!(
                        letter = kept.id, mid = %letter.mid, bill = %letter.bill.no, event = letter.event,
                        receiver = %kept.receiver, tries, why, "notices: a letter is given up"
                    );
                    Then::GivenUp
                }
            },
        };
        let answer = text.into_iter().take(limits::NOTICE_ANSWER_KEPT).collect();
        let number = kept.made.saturating_add(1);
        let looked_for = schedule::word().to_owned();
        let made = Try { number, at, took_ms, status, trouble, answer, looked_for };
        Outcome { id: kept.id, round: kept.round, tries, made, then }
    }

    /// When there is something to do that nobody will tell of, as far as is known.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.wake
    }

    /// Delivers until `stop` resolves, then finishes what is under way: each try ends within
    /// [`limits::NOTICE_TRY_MS`].
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let outbox = self.outbox.clone();
        let mut tasks = JoinSet::new();
        let mut ended = vec![];
        let pause = || patience(limits::NOTICE_POLL_MS, std::future::pending::<()>());
        let mut poll = Box::pin(pause());
        tokio::pin!(stop);
        let mut all = true;
        loop {
            self.turn(std::mem::take(&mut ended), all, &mut tasks).await;
            all = false;
            let next = self.next();
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = &mut poll => {
                    poll.as_mut().set(pause());
                    all = true;
                    // Never much at once: the outbox is swept twice a second.
                    if let Err(fault) = outbox.sweep(self.means.clock.now()).await {
                        tracing::error!(%fault, "old notices cannot be removed");
                    }
                }
                Some(first) = tasks.join_next() => {
                    ended.extend(came_back(first));
                    while let Some(more) = tasks.try_join_next() {
                        ended.extend(came_back(more));
                    }
                }
                to = outbox.put_here() => self.hear(to),
                () = async {
                    match next {
                        Some(at) => self.means.clock.until(at).await,
                        None => std::future::pending().await,
                    }
                } => all = true,
            }
        }
        while let Some(more) = tasks.join_next().await {
            ended.extend(came_back(more));
        }
        if let Err(fault) = self.record(ended).await {
            tracing::error!(%fault, "notices were tried and it cannot be written down: they are sent again");
        }
    }

    /// Writes down what has ended, then sends what there is room for: of all receivers, or of those with news.
    async fn turn(&mut self, ended: Vec<Ended>, all: bool, tasks: &mut JoinSet<Ended>) {
        let errands = match self.record(ended).await {
            Ok(()) if all => self.look().await,
            Ok(()) => self.look_again().await,
            Err(fault) => Err(fault),
        };
        match errands {
            Ok(errands) => errands.into_iter().for_each(|errand| {
                tasks.spawn(errand.run());
            }),
            Err(fault) => {
                self.wake = None;
                tracing::error!(%fault, "notices cannot be delivered");
            }
        }
    }

    /// Probes silent receivers at once when somebody has resent letters by hand.
    async fn notice_resending(&mut self, now: Moment) -> Result<(), StoreFault> {
        let rounds = self.outbox.rounds().await?;
        if self.rounds.replace(rounds).is_some_and(|before| before != rounds) {
            self.receivers.values_mut().for_each(|known| known.circuit.hurry(now));
        }
        Ok(())
    }
}

/// One walk past all receivers with something ready, from behind the one that was served last.
enum Walk {
    /// On to the last name.
    On(Option<Receiver>),
    /// Then from the first name up to where the walk began.
    Around(Option<Receiver>),
    /// All were passed.
    Over,
}

impl Walk {
    /// The next receivers; `None` when all were passed.
    async fn page(
        &mut self,
        outbox: &dyn Letters,
        start: Option<&Receiver>,
    ) -> Result<Option<Vec<(Receiver, Moment)>>, StoreFault> {
        let after = match self {
            Self::On(after) | Self::Around(after) => after.as_ref(),
            Self::Over => return Ok(None),
        };
        let mut page = outbox.receivers(after, limits::NOTICE_RECEIVERS).await?;
        let last = page.last().filter(|_| page.len() == limits::NOTICE_RECEIVERS);
        let last = last.map(|(receiver, _)| receiver.clone());
        if let (Self::Around(_), Some(start)) = (&*self, start) {
            page.retain(|(receiver, _)| receiver <= start);
        }
        *self = match (&*self, last, start) {
            (Self::On(_), Some(last), _) => Self::On(Some(last)),
            (Self::On(_), None, Some(_)) => Self::Around(None),
            (Self::Around(_), Some(last), Some(start)) if last < *start => Self::Around(Some(last)),
            _ => Self::Over,
        };
        Ok(Some(page))
    }
}

fn line(kept: &Kept) -> Line {
    (kept.letter.url.clone(), kept.letter.bill.clone())
}

fn wake(earliest: &mut Option<Moment>, at: Moment) {
    *earliest = Some(earliest.map_or(at, |before| before.min(at)));
}

/// A try that ended. One that panicked keeps its place; its letter waits for the next start.
fn came_back(ended: Result<Ended, JoinError>) -> Option<Ended> {
    ended.inspect_err(|error| tracing::error!(%error, "a notice's try ended badly")).ok()
}

#[cfg(test)]
mod tests;
