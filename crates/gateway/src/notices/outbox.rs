//! The outbox: where letters wait, with every try to deliver them; and the contract that both outboxes keep.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound::{Excluded, Unbounded},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use holdfast_domain::{BillKey, BillNo, Mid, Moment};
use tokio::sync::Notify;

use super::{Letter, Outbox};
use crate::{
    limits,
    outbound::Target,
    store::{StoreFault, Task},
};

#[cfg(test)]
mod contract;
mod sqlite;

pub use sqlite::SqliteOutbox;

/// Who answers at an address: its scheme, host and port, whatever the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receiver(Arc<str>);

impl Receiver {
    /// The receiver at that address. An address that cannot be read is a receiver of its own, and every try
    /// to reach it says what is wrong with it. Receivers are told in logs, so a password in it is hidden.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self(
            Target::parse(url)
                .map_or_else(|_| nameless(url).into(), |target| target.origin().into()),
        )
    }

    /// As an address begins.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address with stars for its user and password. Never that of a receiver that can be reached.
fn nameless(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://***{}", rest.get(at..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What has become of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is to be tried, now or later.
    Waiting,
    /// Its receiver has said yes.
    Delivered,
    /// It was tried as often as the timetable goes, or dropped by hand. It can be resent by hand.
    GivenUp,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// The state's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }
}

/// A letter in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number in this outbox, never used twice.
    pub id: u64,
    /// The letter itself.
    pub letter: Letter,
    /// Where it goes.
    pub receiver: Receiver,
    /// What has become of it.
    pub state: State,
    /// Its tries since it was put or last resent.
    pub tries: u32,
    /// All its tries.
    pub made: u32,
    /// When it is tried next; where it waits no longer, when that would have been.
    pub next: Moment,
    /// The round of resending it was last part of; 0 for none.
    pub round: u64,
}

/// One try to deliver a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// 1, 2, 3, … of this letter.
    pub number: u32,
    /// When it began.
    pub at: Moment,
    /// How long it took, in milliseconds of real time.
    pub took_ms: u64,
    /// The status of HTTP, if anybody answered.
    pub status: Option<u16>,
    /// Why it did not deliver the letter; `None` when it did.
    pub trouble: Option<String>,
    /// The beginning of the answer, at most [`limits::NOTICE_ANSWER_KEPT`].
    pub answer: Vec<u8>,
    /// The word that the answer had to contain.
    pub looked_for: String,
}

/// What a try made of its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is delivered.
    Delivered,
    /// It is tried again at that moment.
    Again(Moment),
    /// That was the last try.
    GivenUp,
}

/// A try that was made, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The letter.
    pub id: u64,
    /// The round the letter was in when it was taken out. If somebody has resent it since, what they want
    /// stands, unless it is delivered.
    pub round: u64,
    /// Its tries in this round, with this one.
    pub tries: u32,
    /// The try.
    pub made: Try,
    /// What it made of the letter.
    pub then: Then,
}

/// Which letters are meant. What is not named does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The one of that number.
    pub id: Option<u64>,
    /// Those of a merchant.
    pub mid: Option<Mid>,
    /// Those in one of these states; in any when there is none.
    pub states: Vec<State>,
    /// Those that tell of such an event.
    pub event: Option<String>,
    /// Those about bills of that number.
    pub bill: Option<BillNo>,
    /// Those that go to one receiver.
    pub to: Option<Receiver>,
    /// Those of what happened then or later.
    pub since: Option<Moment>,
    /// Those of what happened before.
    pub until: Option<Moment>,
}

impl Filter {
    /// The letter of that number.
    #[must_use]
    pub fn one(id: u64) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    fn takes(&self, kept: &Kept) -> bool {
        let Self { id, mid, states, event, bill, to, since, until } = self;
        id.is_none_or(|id| id == kept.id)
            && mid.as_ref().is_none_or(|mid| *mid == kept.letter.mid)
            && (states.is_empty() || states.contains(&kept.state))
            && event.as_ref().is_none_or(|event| *event == kept.letter.event)
            && bill.as_ref().is_none_or(|bill| *bill == kept.letter.bill.no)
            && to.as_ref().is_none_or(|to| *to == kept.receiver)
            && since.is_none_or(|since| kept.letter.at >= since)
            && until.is_none_or(|until| kept.letter.at < until)
    }
}

/// How many letters of a round of resending are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that wait.
    pub waiting: u64,
    /// Those that are delivered.
    pub delivered: u64,
    /// Those that were given up again.
    pub given_up: u64,
}

impl Counts {
    fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::Waiting => &mut self.waiting,
            State::Delivered => &mut self.delivered,
            State::GivenUp => &mut self.given_up,
        }
    }
}

/// What the courier and the command line see of an outbox.
///
/// The letters about one bill to one address form a line, in the order they were put. Only the first that
/// waits in its line is *ready*: it may go out from its [`Kept::next`] on. So whatever order ready letters go
/// out in, none overtakes another about the same bill. A new letter is due when it happened, but never before
/// one that was put earlier: first tries begin in the order of events, unless the clock was wrong
/// ([`limits::NOTICE_BACK_MS`]).
pub trait Letters: Outbox {
    /// The receivers with a ready letter, by name, from after `after` on, at most `limit`; with the moment the
    /// first letter is due.
    fn receivers<'a>(
        &'a self,
        after: Option<&'a Receiver>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Receiver, Moment)>, StoreFault>>;

    /// The ready letters of a receiver that are due at `now`, the longest due first, at most `limit`. A letter
    /// stays due until its try was recorded.
    fn due<'a>(
        &'a self,
        receiver: &'a Receiver,
        now: Moment,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>>;

    /// Writes tries down, in one transaction. To write the same ones down again changes nothing, also when
    /// somebody has resent the letter in between.
    fn record<'a>(&'a self, outcomes: &'a [Outcome]) -> Task<'a, Result<(), StoreFault>>;

    /// Removes some of what was settled too long ago, at most [`limits::NOTICE_STEP`] letters, and answers how
    /// many. A letter that waits is never removed.
    fn sweep<'a>(&'a self, now: Moment) -> Task<'a, Result<usize, StoreFault>>;

    /// The letters that `filter` takes, the newest first, from before the number `before` on, at most `limit`.
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>>;

    /// The tries of a letter that are kept, the oldest first.
    fn tries<'a>(&'a self, id: u64) -> Task<'a, Result<Vec<Try>, StoreFault>>;

    /// Begins a round of resending by hand, and answers its number.
    fn begin_round<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>>;

    /// Makes letters that `filter` takes due at once, as part of a round, from after the number `after` on and
    /// at most [`limits::NOTICE_STEP`]; answers the last one's number, or `None` when there are no more. One
    /// that waited no longer starts its timetable anew.
    fn resend<'a>(
        &'a self,
        filter: &'a Filter,
        round: u64,
        after: u64,
    ) -> Task<'a, Result<Option<u64>, StoreFault>>;

    /// Gives letters up by hand that wait and that `filter` takes, from after the number `after` on and at most
    /// [`limits::NOTICE_STEP`]; answers how many, and the last one's number, or `None` when there are no more. One
    /// that is under way is given up unless it arrives.
    fn drop<'a>(
        &'a self,
        filter: &'a Filter,
        now: Moment,
        after: u64,
    ) -> Task<'a, Result<Option<(usize, u64)>, StoreFault>>;

    /// How many rounds of resending there were, also by other processes.
    fn rounds<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>>;

    /// What has become of the letters of a round.
    fn counts<'a>(&'a self, round: u64) -> Task<'a, Result<Counts, StoreFault>>;

    /// Waits until somebody in this process has put letters, and answers to whom. Told to one who waits, or to
    /// the next who does.
    fn put_here<'a>(&'a self) -> Task<'a, BTreeSet<Receiver>>;
}

/// To whom letters were put lately.
#[derive(Default)]
struct News {
    receivers: Mutex<BTreeSet<Receiver>>,
    put: Notify,
}

impl News {
    fn tell(&self, receivers: BTreeSet<Receiver>) {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).extend(receivers);
        self.put.notify_one();
    }

    async fn wait(&self) -> BTreeSet<Receiver> {
        self.put.notified().await;
        std::mem::take(&mut *self.receivers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When a letter of what happened `at` is due, after letters of which the latest was due at `newest`.
fn due_at(newest: i64, at: Moment) -> i64 {
    match newest.saturating_sub(at.0) > limits::NOTICE_BACK_MS {
        true => at.0,
        false => newest.max(at.0),
    }
}

fn receivers(letters: &[Letter]) -> BTreeSet<Receiver> {
    letters.iter().map(|letter| Receiver::of(&letter.url)).collect()
}

/// An outbox in memory: for tests, and for a gateway that forgets.
#[derive(Default)]
pub struct MemoryOutbox {
    shelf: Mutex<Shelf>,
    news: News,
}

/// A letter in memory.
struct Held {
    kept: Kept,
    tries: Vec<Try>,
    settled: Option<Moment>,
    ready: Option<Moment>,
}

type Line = (String, BillKey);

#[derive(Default)]
struct Shelf {
    cursor: u64,
    newest: i64,
    rounds: u64,
    last: u64,
    letters: BTreeMap<u64, Held>,
    names: BTreeSet<(u64, String)>,
    ready: BTreeSet<(Receiver, Moment, u64)>,
    /// The letters that wait, by line.
    lines: BTreeMap<Line, BTreeSet<u64>>,
}

impl Shelf {
    fn put(&mut self, letter: Letter) {
        if !self.names.insert((letter.seq, letter.url.clone())) {
            return;
        }
        self.last = self.last.saturating_add(1);
        self.newest = due_at(self.newest, letter.at);
        let (id, next) = (self.last, Moment(self.newest));
        let receiver = Receiver::of(&letter.url);
        let state = State::Waiting;
        let kept = Kept { id, letter, receiver, state, tries: 0, made: 0, next, round: 0 };
        self.letters.insert(id, Held { kept, tries: vec![], settled: None, ready: None });
        self.change(id, |_| ());
    }

    /// Changes a letter, and then who is ready in its line.
    fn change(&mut self, id: u64, change: impl FnOnce(&mut Held)) {
        let Some(held) = self.letters.get_mut(&id) else { return };
        change(held);
        let line = (held.kept.letter.url.clone(), held.kept.letter.bill.clone());
        let waits = held.kept.state == State::Waiting;
        let in_line = self.lines.entry(line.clone()).or_default();
        if waits {
            in_line.insert(id);
        } else {
            in_line.remove(&id);
        }
        let first = in_line.first().copied();
        let touched: Vec<u64> = in_line.iter().copied().chain([id]).collect();
        if in_line.is_empty() {
            self.lines.remove(&line);
        }
        for id in touched {
            let Some(held) = self.letters.get_mut(&id) else { continue };
            let receiver = &held.kept.receiver;
            if let Some(before) = held.ready.take() {
                self.ready.remove(&(receiver.clone(), before, id));
            }
            if first == Some(id) {
                held.ready = Some(held.kept.next);
                self.ready.insert((receiver.clone(), held.kept.next, id));
            }
        }
    }

    fn record(&mut self, outcome: &Outcome) {
        let Outcome { id, round, tries, made, then } = outcome;
        self.change(*id, |held| {
            if made.number <= held.kept.made {
                return;
            }
            held.tries
                .retain(|old| old.number.saturating_add(limits::NOTICE_TRIES_KEPT) > made.number);
            held.tries.push(made.clone());
            held.kept.made = made.number;
            match then {
                Then::Delivered => {
                    held.kept.state = State::Delivered;
                    held.settled = Some(made.at);
                }
                _ if held.kept.round != *round => return,
                Then::Again(next) => held.kept.next = *next,
                Then::GivenUp => {
                    held.kept.state = State::GivenUp;
                    held.settled = Some(made.at);
                }
            }
            if held.kept.round == *round {
                held.kept.tries = *tries;
            }
        });
    }
}

impl MemoryOutbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for MemoryOutbox {
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move { Ok(self.shelf().cursor) })
    }

    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let to = receivers(&letters);
            let mut shelf = self.shelf();
            shelf.cursor = shelf.cursor.max(cursor);
            letters.into_iter().for_each(|letter| shelf.put(letter));
            self.news.tell(to);
            Ok(())
        })
    }
}

impl Letters for MemoryOutbox {
    fn receivers<'a>(
        &'a self,
        after: Option<&'a Receiver>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Receiver, Moment)>, StoreFault>> {
        Box::pin(async move {
            let shelf = self.shelf();
            let behind =
                |receiver: &Receiver| Excluded((receiver.clone(), Moment(i64::MAX), u64::MAX));
            let mut from = after.map_or(Unbounded, behind);
            let mut found = vec![];
            while found.len() < limit
                && let Some((receiver, next, _)) = shelf.ready.range((from, Unbounded)).next()
            {
                from = behind(receiver);
                found.push((receiver.clone(), *next));
            }
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
            let shelf = self.shelf();
            let from = (receiver.clone(), Moment(i64::MIN), 0);
            let ready = shelf.ready.range(from..=(receiver.clone(), now, u64::MAX)).take(limit);
            let found = ready.filter_map(|(.., id)| shelf.letters.get(id));
            Ok(found.map(|held| held.kept.clone()).collect())
        })
    }

    fn record<'a>(&'a self, outcomes: &'a [Outcome]) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            outcomes.iter().for_each(|outcome| shelf.record(outcome));
            Ok(())
        })
    }

    fn sweep<'a>(&'a self, now: Moment) -> Task<'a, Result<usize, StoreFault>> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            let old = |held: &&Held| {
                let kept_until = match held.kept.state {
                    State::Waiting => return false,
                    State::Delivered => now.plus_ms(-limits::NOTICE_DELIVERED_KEPT_MS),
                    State::GivenUp => now.plus_ms(-limits::NOTICE_GIVEN_UP_KEPT_MS),
                };
                held.settled.is_some_and(|settled| settled < kept_until)
            };
            let ids = shelf.letters.values().filter(old).map(|held| held.kept.id);
            let ids: Vec<u64> = ids.take(limits::NOTICE_STEP).collect();
            for id in &ids {
                if let Some(held) = shelf.letters.remove(id) {
                    shelf.names.remove(&(held.kept.letter.seq, held.kept.letter.url));
                }
            }
            Ok(ids.len())
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        before: Option<u64>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Kept>, StoreFault>> {
        Box::pin(async move {
            let shelf = self.shelf();
            let all = shelf.letters.range(..before.unwrap_or(u64::MAX)).rev();
            let found = all.map(|(_, held)| &held.kept).filter(|kept| filter.takes(kept));
            Ok(found.take(limit).cloned().collect())
        })
    }

    fn tries<'a>(&'a self, id: u64) -> Task<'a, Result<Vec<Try>, StoreFault>> {
        Box::pin(async move {
            Ok(self.shelf().letters.get(&id).map(|held| held.tries.clone()).unwrap_or_default())
        })
    }

    fn begin_round<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            shelf.rounds = shelf.rounds.saturating_add(1);
            Ok(shelf.rounds)
        })
    }

    fn resend<'a>(
        &'a self,
        filter: &'a Filter,
        round: u64,
        after: u64,
    ) -> Task<'a, Result<Option<u64>, StoreFault>> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            let all = shelf.letters.range((Excluded(after), Unbounded));
            let found = all.filter(|(_, held)| filter.takes(&held.kept)).map(|(id, _)| *id);
            let ids: Vec<u64> = found.take(limits::NOTICE_STEP).collect();
            let newest = Moment(shelf.newest);
            for id in &ids {
                shelf.change(*id, |held| {
                    let kept = &mut held.kept;
                    if kept.state != State::Waiting {
                        kept.tries = 0;
                    }
                    kept.state = State::Waiting;
                    // Also one of a moment that a wrong clock had ahead.
                    kept.next = kept.letter.at.min(newest);
                    kept.round = round;
                    held.settled = None;
                });
            }
            Ok(ids.last().copied())
        })
    }

    fn drop<'a>(
        &'a self,
        filter: &'a Filter,
        now: Moment,
        after: u64,
    ) -> Task<'a, Result<Option<(usize, u64)>, StoreFault>> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            let all = shelf.letters.range((Excluded(after), Unbounded));
            let waits = |held: &Held| held.kept.state == State::Waiting;
            let found = all.filter(|(_, held)| waits(held) && filter.takes(&held.kept));
            let ids: Vec<u64> = found.map(|(id, _)| *id).take(limits::NOTICE_STEP).collect();
            for id in &ids {
                shelf.change(*id, |held| {
                    held.kept.state = State::GivenUp;
                    held.settled = Some(now);
                });
            }
            Ok(ids.last().map(|last| (ids.len(), *last)))
        })
    }

    fn rounds<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async move { Ok(self.shelf().rounds) })
    }

    fn counts<'a>(&'a self, round: u64) -> Task<'a, Result<Counts, StoreFault>> {
        Box::pin(async move {
            let mut counts = Counts::default();
            for held in self.shelf().letters.values().filter(|held| held.kept.round == round) {
                let count = counts.of(held.kept.state);
                *count = count.saturating_add(1);
            }
            Ok(counts)
        })
    }

    fn put_here<'a>(&'a self) -> Task<'a, BTreeSet<Receiver>> {
        Box::pin(self.news.wait())
    }
}
