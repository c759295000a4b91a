//! Receivers of notices: some take everything, some are moody, some hang, and now and then nobody is there.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use holdfast_domain::{Mid, Moment};
use holdfast_gateway::{
    clock::{Clock, Dice},
    limits,
    notices::{Signed, courier::Post, outbox::Receiver},
    outbound::{Reply, Trouble},
    store::Task,
};
use holdfast_wire::{notice, secret::NoticeKey};

use crate::{
    disk::pause,
    witness::{Said, Witness},
};

/// All receivers of a world.
pub(crate) struct Receivers {
    clock: Clock,
    dice: Dice,
    witness: Arc<Witness>,
    /// The errand that takes a step.
    pub(crate) errand: AtomicU64,
    town: Mutex<Town>,
}

#[derive(Default)]
struct Town {
    /// The key with which each merchant expects to be told.
    keys: BTreeMap<Mid, NoticeKey>,
    moods: BTreeMap<Receiver, Mood>,
    /// Everybody takes everything, except those who never will.
    calm: bool,
}

/// How a receiver is disposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers, mostly well.
    Fair,
    /// Nobody is there until then.
    Gone(Moment),
    /// It takes connections until then, and says nothing.
    Hangs(Moment),
    /// It refuses everything until somebody looks after it.
    Stubborn,
    /// Nobody is there until somebody looks after it.
    Dead,
}

impl Receivers {
    pub(crate) fn new(clock: Clock, dice: Dice, witness: Arc<Witness>) -> Self {
        Self { clock, dice, witness, errand: AtomicU64::new(0), town: Mutex::default() }
    }

    /// From now on a merchant expects to be told under this key alone.
    pub(crate) fn expect(&self, mid: &Mid, key: NoticeKey) {
        self.town.lock().expect("nobody panicked").keys.insert(mid.clone(), key);
    }

    pub(crate) fn change(&self, url: &str, mood: Mood) {
        let mut town = self.town.lock().expect("nobody panicked");
        town.moods.insert(Receiver::of(url), mood);
    }

    /// Nothing goes wrong any more, but where nobody looks after it.
    pub(crate) fn calm(&self) {
        let mut town = self.town.lock().expect("nobody panicked");
        town.moods.retain(|_, mood| matches!(mood, Mood::Stubborn | Mood::Dead));
        town.calm = true;
    }

    /// Somebody looks after all of them.
    pub(crate) fn heal(&self) {
        self.town.lock().expect("nobody panicked").moods.clear();
    }

    /// The key with which the merchant expects to be told that the pairs name.
    fn key_of(&self, pairs: &[(String, String)]) -> Option<NoticeKey> {
        let town = self.town.lock().expect("nobody panicked");
        let named = |mid: &Mid| pairs.iter().any(|(_, value)| value == mid.as_str());
        town.keys.iter().find(|(mid, _)| named(mid)).map(|(_, key)| key.clone())
    }

    /// How a receiver is disposed now, and whether everybody is calm.
    fn mood(&self, url: &str) -> (Mood, bool) {
        let town = self.town.lock().expect("nobody panicked");
        let mood = town.moods.get(&Receiver::of(url)).copied().unwrap_or(Mood::Fair);
        let over = |until: Moment| self.clock.now() >= until;
        match mood {
            Mood::Gone(until) | Mood::Hangs(until) if over(until) => (Mood::Fair, town.calm),
            mood => (mood, town.calm),
        }
    }

    fn answer(&self, url: &str) -> Result<Reply, Option<Trouble>> {
        let reply =
            |status, body: &str| Ok(Reply { status, location: None, body: body.into(), cut: None });
        let (mood, calm) = self.mood(url);
        match mood {
            Mood::Gone(_) | Mood::Dead => Err(Some(Trouble("connection refused".to_owned()))),
            Mood::Hangs(_) => Err(None),
            Mood::Stubborn => reply(200, notice::FAILED),
            Mood::Fair if calm => reply(200, notice::DONE),
            Mood::Fair => match self.dice.roll(16) {
                0 => reply(200, notice::FAILED),
                1 => reply(500, notice::DONE),
                2 => reply(200, "<html></html>"),
                3 => Err(None),
                4 => Ok(Reply {
                    status: 200,
                    location: None,
                    body: b"SUCC".into(),
                    cut: Some("the answer broke off".to_owned()),
                }),
                _ => reply(200, notice::DONE),
            },
        }
    }
}

impl Post for Receivers {
    fn post<'a>(&'a self, url: &'a str, letter: Signed) -> Task<'a, Result<Reply, Trouble>> {
        Box::pin(async move {
            let began = self.clock.now();
            let pairs = notice::read_form(&letter.body).expect("a form");
            let key = self.key_of(&pairs).expect("nothing is sent for a merchant without a key");
            let borrowed = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            assert!(notice::verify(&key, borrowed), "{url} got what is not signed: {pairs:?}");
            let answer = self.answer(url);
            let said = match &answer {
                Ok(Reply { status: 200, body, .. }) if body == notice::DONE.as_bytes() => Said::Yes,
                Ok(_) => Said::No,
                Err(_) => Said::Nothing,
            };
            let errand = self.errand.load(Ordering::SeqCst);
            self.witness.posted(errand, url, pairs, said);
            for _ in 0..self.dice.roll(4) {
                pause().await;
            }
            match answer {
                Ok(reply) => Ok(reply),
                Err(Some(trouble)) => Err(trouble),
                Err(None) => {
                    let bound = i64::try_from(limits::NOTICE_TRY_MS).expect("seconds");
                    while self.clock.now() < began.plus_ms(bound) {
                        pause().await;
                    }
                    self.witness.log("notice.hung");
                    Err(Trouble("no answer in time".to_owned()))
                }
            }
        })
    }
}
