//! The witness: a second opinion on how notices travel. It sees what is put, sent, answered and written down, and keeps
//! its own book of what may happen next.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Mutex, MutexGuard},
};

use holdfast_domain::{BillKey, Moment};
use holdfast_gateway::{
    limits,
    notices::{
        Letter,
        outbox::{Kept, Outcome, Receiver, State, Then},
        schedule::PAUSES_S,
    },
};
use holdfast_wire::notice::{self, Pairs};

/// What a receiver does with a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It takes it, and says so.
    Yes,
    /// It answers something else.
    No,
    /// Nobody answers.
    Nothing,
}

/// Sees everything and asserts.
#[derive(Default)]
pub(crate) struct Witness(Mutex<Book>);

#[derive(Default)]
struct Book {
    log: Vec<String>,
    /// The last letter's number in the outbox.
    last: u64,
    /// The letters of the outbox, by number.
    letters: BTreeMap<u64, Seen>,
    /// Those that wait.
    waiting: BTreeSet<u64>,
    /// All letters that were ever put: what they tell of, and whom.
    told: Vec<(u64, String, String)>,
    /// Tries under way, and those that have ended and are not written down, by errand.
    tries: BTreeMap<u64, Try>,
    /// Errands that ended without a try, because nobody could sign.
    unsigned: BTreeSet<u64>,
    /// Errands of which the courier was told, until it knows that they are written down.
    handed: Vec<Handed>,
    circuits: BTreeMap<Receiver, Circuit>,
    /// Silent receivers that the courier may have forgotten, or not.
    doubtful: BTreeSet<Receiver>,
    /// The rounds of resending that the courier has seen.
    rounds: Option<u64>,
    /// How often the courier has looked, and when last.
    looks: u64,
    looked_at: Option<Moment>,
    /// The receivers with ready letters, if this look has asked for them.
    listed: Option<BTreeSet<Receiver>>,
}

/// A letter, as it ought to be.
struct Seen {
    letter: Letter,
    receiver: Receiver,
    state: State,
    tries: u32,
    made: u32,
    round: u64,
    /// The timetable allows no try before.
    not_before: Moment,
    settled: Option<Moment>,
    /// It was delivered or given up once; it may be resent meanwhile.
    was_settled: bool,
    /// The errand that has it.
    errand: Option<u64>,
    /// How often the courier had looked when it last changed.
    changed: u64,
    /// It was resent, and not sent since.
    to_resend: bool,
    /// Its receiver took it, and the gateway crashed before that was written down.
    forgotten: bool,
}

/// A letter on its way.
struct Try {
    id: u64,
    receiver: Receiver,
    /// The bill and the address. The letter itself may be removed while it is under way.
    line: (BillKey, String),
    said: Said,
}

/// An errand that has ended.
struct Handed {
    errand: u64,
    /// When the courier was told.
    at: Moment,
    /// It is written down, and nobody may have learned of that.
    written: bool,
}

/// Whether anybody answers at a receiver.
#[derive(Clone, Copy, Default)]
struct Circuit {
    silent: u32,
    /// When it may be probed, and the pause before that.
    open: Option<(Moment, i64)>,
}

impl Witness {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panicked")
    }

    /// What happened since it was asked last.
    pub(crate) fn happened(&self) -> Vec<String> {
        mem::take(&mut self.book().log)
    }

    pub(crate) fn log(&self, line: impl Into<String>) {
        self.book().log.push(line.into());
    }

    /// Letters were written to the outbox, whether anybody learned of it or not.
    pub(crate) fn put(&self, letters: &[Letter]) {
        let mut book = self.book();
        for letter in letters {
            let same =
                |seen: &&Seen| seen.letter.seq == letter.seq && seen.letter.url == letter.url;
            if let Some(known) = book.letters.values().find(same) {
                assert_eq!(known.letter, *letter, "it says something else");
                continue;
            }
            book.last += 1;
            let (id, changed) = (book.last, book.looks);
            book.told.push((letter.seq, letter.event.clone(), letter.url.clone()));
            book.waiting.insert(id);
            let seen = Seen {
                letter: letter.clone(),
                receiver: Receiver::of(&letter.url),
                state: State::Waiting,
                tries: 0,
                made: 0,
                round: 0,
                not_before: letter.at,
                settled: None,
                was_settled: false,
                errand: None,
                changed,
                to_resend: false,
                forgotten: false,
            };
            book.letters.insert(id, seen);
        }
    }

    /// The courier begins to look for what is due.
    pub(crate) fn begins_to_look(&self, now: Moment) {
        let mut book = self.book();
        book.looks += 1;
        (book.looked_at, book.listed) = (Some(now), None);
    }

    /// The courier asks which receivers have ready letters.
    pub(crate) fn listed(&self, receivers: impl Iterator<Item = Receiver>) {
        self.book().listed.get_or_insert_default().extend(receivers);
    }

    /// The courier learns how many rounds of resending there were.
    pub(crate) fn rounds(&self, rounds: u64) {
        let mut book = self.book();
        let before = book.rounds.replace(rounds);
        let now = book.looked_at.expect("it looks");
        if before.is_some_and(|before| before != rounds) {
            let open = book.circuits.values_mut().filter_map(|circuit| circuit.open.as_mut());
            open.for_each(|(until, _)| *until = now);
        }
    }

    /// A notice reached its receiver, which will say so.
    pub(crate) fn posted(&self, errand: u64, url: &str, mut pairs: Pairs, said: Said) {
        let mut book = self.book();
        pairs.retain(|(name, _)| name != notice::SIGN && name != notice::SIGN_TYPE);
        // What a letter says never changes, its number included.
        let is_it = |seen: &Seen| seen.letter.url == url && seen.letter.pairs == pairs;
        let waits = book.waiting.iter().copied().find(|id| is_it(&book.letters[id]));
        // It may have been given up by hand after the courier had taken it out.
        let mut dropped = book.letters.iter().filter(|(_, seen)| seen.changed == book.looks);
        let id = waits.or_else(|| dropped.find(|(_, seen)| is_it(seen)).map(|(id, _)| *id));
        let id = id.unwrap_or_else(|| panic!("no such letter waits for {url}: {pairs:?}"));
        let seen = &book.letters[&id];
        let name = seen.name();
        assert!(seen.errand.is_none(), "{name} is sent twice at once");
        for (other, before) in book.letters.iter().filter(|(_, other)| other.is_in_line_of(seen)) {
            let name = before.name();
            assert!(before.errand.is_none(), "{id} goes out while {other} ({name}) is under way");
            assert!(before.was_settled || *other >= id, "{id} overtakes {other} ({name})");
        }
        let looked_at = book.looked_at.expect("nothing is sent before anybody looked");
        assert!(seen.not_before <= looked_at, "{name} is sent too early at {looked_at:?}");
        let receiver = &seen.receiver;
        let under_way = book.under_way(receiver);
        let circuit = book.circuits.get(receiver).copied().unwrap_or_default();
        let places = circuit.places(looked_at);
        assert!(under_way < places, "{name}: {under_way} under way in {places} places");
        assert!(book.tries.len() < limits::NOTICE_CONNECTIONS, "{name}: all places are taken");
        let probed = circuit.open.is_some();
        let (receiver, line) = (receiver.clone(), seen.line());
        book.tries.insert(errand, Try { id, receiver, line, said });
        let seen = book.letters.get_mut(&id).expect("it was found");
        (seen.errand, seen.to_resend) = (Some(errand), false);
        if mem::take(&mut seen.forgotten) {
            book.log.push(format!("notice.again_after_crash {name}"));
        }
        if probed {
            book.log.push(format!("circuit.probed {name}"));
        }
    }

    /// An errand ended.
    pub(crate) fn ended(&self, errand: u64) {
        let mut book = self.book();
        if !book.tries.contains_key(&errand) {
            book.log.push("notice.unsigned".to_owned());
            book.unsigned.insert(errand);
        }
    }

    /// The courier has looked, and all that it sends has been sent. Nobody may wait for a place that is free.
    pub(crate) fn has_looked(&self) {
        let mut book = self.book();
        let (Some(listed), Some(looked_at)) = (book.listed.take(), book.looked_at) else { return };
        let unsigned = book.unsigned.len();
        if book.tries.len() + unsigned >= limits::NOTICE_CONNECTIONS {
            book.log.push("places.gone".to_owned());
            return;
        }
        let mut idle: BTreeMap<&Receiver, usize> = BTreeMap::new();
        for seen in book.ready().filter(|seen| seen.not_before <= looked_at) {
            let line = book.letters.values().filter(|other| other.is_in_line_of(seen));
            let mut line = line.chain([seen]);
            let changes = line.any(|one| one.changed >= book.looks);
            let under_way = book.tries.values().any(|one| one.line == seen.line());
            if !changes && !under_way {
                *idle.entry(&seen.receiver).or_default() += 1;
            }
        }
        for (receiver, idle) in idle {
            let circuit = book.circuits.get(receiver).copied().unwrap_or_default();
            let (places, under_way) = (circuit.places(looked_at), book.under_way(receiver));
            assert!(
                idle <= unsigned
                    || book.doubtful.contains(receiver)
                    || under_way + unsigned >= places,
                "{idle} letters wait for {receiver}: {under_way} under way, {places} places"
            );
        }
        // Where nothing is ready and nothing under way, the courier may forget the silence.
        let busy: BTreeSet<Receiver> =
            book.tries.values().map(|one| one.receiver.clone()).collect();
        let known = |receiver: &Receiver| listed.contains(receiver) || busy.contains(receiver);
        let gone = book.circuits.extract_if(.., |receiver, _| !known(receiver));
        let gone: Vec<Receiver> = gone.map(|(receiver, _)| receiver).collect();
        book.doubtful.extend(gone);
    }

    /// The courier is told that errands have ended.
    pub(crate) fn handed(&self, errands: &[u64], now: Moment) {
        let mut book = self.book();
        for errand in errands {
            book.handed.push(Handed { errand: *errand, at: now, written: false });
            let Some(Try { receiver, said, .. }) = book.tries.get(errand) else { continue };
            let (receiver, said) = (receiver.clone(), *said);
            let circuit = book.circuits.entry(receiver.clone()).or_default();
            let was_open = circuit.open.is_some();
            match said {
                Said::Yes | Said::No => *circuit = Circuit::default(),
                Said::Nothing => circuit.silence(now),
            }
            let is_open = circuit.open.is_some();
            if said != Said::Nothing {
                book.doubtful.remove(&receiver);
            }
            match (was_open, is_open) {
                (true, false) => book.log.push(format!("circuit.closed {receiver}")),
                (false, true) => book.log.push(format!("circuit.opened {receiver}")),
                _ => {}
            }
        }
    }

    /// Tries were written down, whether anybody learned of it or not.
    pub(crate) fn written(&self, outcomes: &[Outcome]) {
        let mut book = self.book();
        let book = &mut *book;
        assert_eq!(outcomes.len(), book.handed.len(), "what has ended is written down, no more");
        for (outcome, handed) in outcomes.iter().zip(&mut book.handed) {
            let Handed { errand, at, written } = handed;
            if mem::replace(written, true) {
                continue;
            }
            // One that was given up by hand may have been removed meanwhile.
            let Some(seen) = book.letters.get_mut(&outcome.id) else { continue };
            let name = seen.name();
            let said = match book.tries.get(errand) {
                Some(Try { id, said, .. }) => {
                    assert_eq!(outcome.id, *id, "{name} was not what ended");
                    *said
                }
                None => Said::No,
            };
            let stale = outcome.round != seen.round;
            assert_eq!(outcome.made.number, seen.made + 1, "{name}: a try has no number");
            seen.made += 1;
            seen.changed = book.looks;
            assert_eq!(outcome.then == Then::Delivered, said == Said::Yes, "{name}: {outcome:?}");
            if !stale {
                assert_eq!(outcome.tries, seen.tries + 1, "{name}: a try was not counted");
                seen.tries += 1;
            }
            let pause =
                usize::try_from(outcome.tries).ok().and_then(|tries| PAUSES_S.get(tries - 1));
            let line = match (said, pause) {
                (Said::Yes, _) => {
                    (seen.state, seen.settled) = (State::Delivered, Some(outcome.made.at));
                    "delivered"
                }
                (_, Some(pause)) => {
                    let Then::Again(again) = outcome.then else {
                        panic!("{name}: {:?} after {} tries", outcome.then, outcome.tries)
                    };
                    let pause = (again.0 - at.0) * 8 / (pause * 1_000);
                    assert!((8..=9).contains(&pause), "{name}: again at {again:?} from {at:?}");
                    if !stale {
                        seen.not_before = again;
                    }
                    match said {
                        Said::Nothing => "silent",
                        _ => "refused",
                    }
                }
                (_, None) => {
                    assert_eq!(outcome.then, Then::GivenUp, "{name}: {} tries", outcome.tries);
                    if !stale {
                        (seen.state, seen.settled) = (State::GivenUp, Some(outcome.made.at));
                    }
                    "given_up"
                }
            };
            if seen.state != State::Waiting {
                seen.was_settled = true;
                book.waiting.remove(&outcome.id);
            }
            book.log.push(format!("notice.{line} {name}"));
        }
    }

    /// The courier learns that everything is written down.
    pub(crate) fn learned(&self) {
        let mut book = self.book();
        for Handed { errand, .. } in mem::take(&mut book.handed) {
            book.unsigned.remove(&errand);
            if let Some(Try { id, .. }) = book.tries.remove(&errand)
                && let Some(seen) = book.letters.get_mut(&id)
            {
                seen.errand = None;
            }
        }
    }

    /// An operator resent letters.
    pub(crate) fn resent(&self, ids: &[u64], round: u64) {
        let mut book = self.book();
        let book = &mut *book;
        for id in ids {
            let seen = book.letters.get_mut(id).expect("a letter of this outbox");
            if seen.state != State::Waiting {
                seen.tries = 0;
            }
            (seen.state, seen.settled, seen.round) = (State::Waiting, None, round);
            (seen.not_before, seen.changed) = (seen.letter.at, book.looks);
            seen.to_resend = seen.errand.is_none();
            book.waiting.insert(*id);
            book.log.push(format!("notice.resent {}", seen.name()));
        }
    }

    /// An operator gave letters up, those of them that wait.
    pub(crate) fn dropped(&self, ids: &[u64], now: Moment) {
        let mut book = self.book();
        let book = &mut *book;
        for id in ids.iter().filter(|id| book.waiting.remove(*id)) {
            let seen = book.letters.get_mut(id).expect("it waits");
            (seen.state, seen.settled, seen.was_settled) = (State::GivenUp, Some(now), true);
            (seen.changed, seen.to_resend) = (book.looks, false);
            book.log.push(format!("notice.dropped {}", seen.name()));
        }
    }

    /// The outbox removed letters, and `left` are left.
    pub(crate) fn swept(&self, left: &BTreeSet<u64>, now: Moment) {
        let mut book = self.book();
        let gone: Vec<u64> = book.letters.keys().copied().filter(|id| !left.contains(id)).collect();
        for id in gone {
            let seen = book.letters.remove(&id).expect("it was there");
            let (name, kept_ms) = (
                seen.name(),
                match seen.state {
                    State::Waiting => panic!("{} waits and was removed", seen.name()),
                    State::Delivered => limits::NOTICE_DELIVERED_KEPT_MS,
                    State::GivenUp => limits::NOTICE_GIVEN_UP_KEPT_MS,
                },
            );
            let settled = seen.settled.expect("it was settled");
            assert!(now.0 - settled.0 > kept_ms, "{name} was removed too early");
            book.log.push(format!("notice.swept {name}"));
        }
    }

    /// The gateway's memory is gone.
    pub(crate) fn crash(&self) {
        let mut book = self.book();
        let handed = mem::take(&mut book.handed);
        for (errand, Try { id, said, .. }) in mem::take(&mut book.tries) {
            let written = handed.iter().any(|one| one.errand == errand && one.written);
            let Some(seen) = book.letters.get_mut(&id) else { continue };
            (seen.errand, seen.forgotten) = (None, said == Said::Yes && !written);
        }
        book.unsigned.clear();
        book.circuits.clear();
        book.doubtful.clear();
        (book.rounds, book.looked_at, book.listed) = (None, None, None);
    }

    /// The letters that were ever put, in order: the record each tells of, the event, and whom.
    pub(crate) fn told(&self) -> Vec<(u64, String, String)> {
        self.book().told.clone()
    }

    /// Whether a letter waits.
    pub(crate) fn anybody_waits(&self) -> bool {
        !self.book().waiting.is_empty()
    }

    /// When something goes out next, if nothing else happens.
    pub(crate) fn next(&self) -> Option<Moment> {
        let book = self.book();
        let opens = |seen: &Seen| book.circuits.get(&seen.receiver)?.open.map(|(until, _)| until);
        let next = |seen| Some(opens(seen)?.max(seen.not_before));
        book.ready().map(|seen| next(seen).unwrap_or(seen.not_before)).min()
    }

    /// Checks that the outbox holds what it should.
    pub(crate) fn compare(&self, outbox: &[Kept]) {
        let book = self.book();
        assert_eq!(outbox.len(), book.letters.len(), "letters in the outbox");
        for kept in outbox {
            let seen = &book.letters[&kept.id];
            let (theirs, name) = (&kept.letter, seen.name());
            assert_eq!(*theirs, seen.letter, "what a letter says has changed");
            let theirs = (kept.state, kept.tries, kept.made, kept.round);
            assert_eq!(theirs, (seen.state, seen.tries, seen.made, seen.round), "{name}");
            assert!(!seen.to_resend || seen.state == State::Waiting, "{name} was never resent");
        }
    }
}

impl Book {
    /// How many letters are under way to a receiver or not written down.
    fn under_way(&self, receiver: &Receiver) -> usize {
        self.tries.values().filter(|one| one.receiver == *receiver).count()
    }

    /// The first letter of each line that waits.
    fn ready(&self) -> impl Iterator<Item = &Seen> {
        let mut lines = BTreeSet::new();
        let waiting = self.waiting.iter().map(|id| &self.letters[id]);
        waiting.filter(move |seen| lines.insert((&seen.letter.bill, &seen.letter.url)))
    }
}

impl Seen {
    fn line(&self) -> (BillKey, String) {
        (self.letter.bill.clone(), self.letter.url.clone())
    }

    fn is_in_line_of(&self, other: &Self) -> bool {
        self.letter.bill == other.letter.bill && self.letter.url == other.letter.url
    }

    fn name(&self) -> String {
        let Letter { url, event, bill, notify_id, .. } = &self.letter;
        format!("{event} of {bill} to {url} ({notify_id})")
    }
}

impl Circuit {
    /// How many tries may be under way.
    fn places(self, now: Moment) -> usize {
        match self.open {
            None => limits::NOTICE_PER_RECEIVER,
            Some((until, _)) => usize::from(now >= until),
        }
    }

    fn silence(&mut self, now: Moment) {
        self.silent += 1;
        let pause_ms = match self.open {
            None if self.silent < limits::NOTICE_SILENT => return,
            None => limits::NOTICE_PROBE_MS,
            // It was under way when the circuit opened.
            Some((until, _)) if now < until => return,
            Some((_, pause_ms)) => (pause_ms * 2).min(limits::NOTICE_PROBE_MS_MAX),
        };
        self.open = Some((now.plus_ms(pause_ms), pause_ms));
    }
}
