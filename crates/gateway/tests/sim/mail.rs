//! The announcer in this world: it crashes with the gateway, and its outbox breaks now and then. In the end each event
//! that is to be told was told once, and in order.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use holdfast_domain::{Mid, Text};
use holdfast_gateway::{
    accounts::{Accounts, NoticeChange},
    clock::Dice,
    notices::{Announcer, Letter, Outbox, Topic},
    store::{MemoryStore, Record, StoreFault, Task},
    submit::Core,
    vault::Vault,
};
use holdfast_wire::field::Url;

use crate::disk::{at_once, pause};

/// What merchants are told that ask for everything. Nothing else may be told.
const TOLD: &[&str] = &[
    "bill.closed",
    "bill.divided",
    "bill.lapsed",
    "bill.paid",
    "guarantee.cancelled",
    "guarantee.completed",
    "guarantee.expiring",
    "guarantee.paid",
    "hold.authorized",
    "hold.captured",
    "hold.expiring",
    "hold.released",
    "hold.reversed",
    "refund.done",
];

/// The announcer, and the outbox that outlasts it.
pub(crate) struct Mail {
    accounts: Arc<Accounts>,
    letters: Arc<Letters>,
    dice: Dice,
    /// `None` while it takes a step.
    announcer: Option<Announcer>,
    step: Option<Pin<Box<dyn Future<Output = (Announcer, Result<bool, StoreFault>)>>>>,
}

/// An outbox that breaks before or after it has written.
struct Letters {
    written: Mutex<(u64, Vec<Letter>)>,
    dice: Dice,
}

impl Mail {
    pub(crate) fn new(core: &Arc<Core>, mids: &[&str], seed: u64) -> Self {
        let dice = Dice::seeded(seed);
        let vault = Arc::new(Vault::throw_away(&dice));
        let accounts = at_once(Accounts::open(Arc::new(MemoryStore::new()), vault)).expect("empty");
        for mid in mids {
            let (mid, name) =
                (Mid::parse(mid).expect("a number"), Text::parse("店").expect("a name"));
            at_once(accounts.add_merchant(&mid, &name)).expect("a new merchant");
            let change = NoticeChange {
                url: Some(Url::parse("https://shop.example/notices").ok()),
                notify_on: Some(Topic::ALL.to_vec()),
                ..NoticeChange::default()
            };
            at_once(accounts.set_notices(&mid, change, &dice)).expect("a merchant");
        }
        let letters =
            Letters { written: Mutex::default(), dice: Dice::seeded(dice.roll(u64::MAX)) };
        let (accounts, letters) = (Arc::new(accounts), Arc::new(letters));
        let mut mail = Self { accounts, letters, dice, announcer: None, step: None };
        mail.crash(core);
        mail
    }

    /// The gateway's memory is gone, and a new one begins.
    pub(crate) fn crash(&mut self, core: &Arc<Core>) {
        self.step = None;
        let outbox: Arc<dyn Outbox> = self.letters.clone();
        let (core, accounts) = (core.clone(), self.accounts.clone());
        self.announcer =
            Some(Announcer::new(core, accounts, outbox, "https://pay.example".to_owned()));
    }

    /// Perhaps the announcer goes on by one turn.
    pub(crate) fn go_on(&mut self) {
        if self.dice.roll(12) == 0 {
            let _ = self.turn();
        }
    }

    /// One turn of the announcer; what its step ended with, if it did.
    fn turn(&mut self) -> Option<Result<bool, StoreFault>> {
        if let Some(mut announcer) = self.announcer.take() {
            self.step = Some(Box::pin(async move {
                let done = announcer.step().await;
                (announcer, done)
            }));
        }
        let step = self.step.as_mut().expect("it has begun");
        match step.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready((announcer, done)) => {
                (self.announcer, self.step) = (Some(announcer), None);
                Some(done)
            }
        }
    }

    /// Lets the announcer come to the end of the journal, and compares what was told with what happened.
    pub(crate) fn compare(&mut self, journal: &[Record], name: impl Fn(&Record) -> &'static str) {
        for _ in 0..100_000 {
            if let Some(Ok(false)) = self.turn() {
                break;
            }
        }
        let written = self.letters.written.lock().expect("nobody panicked");
        let told: Vec<(u64, &str)> =
            written.1.iter().map(|letter| (letter.seq, letter.event.as_str())).collect();
        let happened = journal.iter().map(|record| (record.seq, name(record)));
        let happened: Vec<(u64, &str)> = happened.filter(|(_, name)| TOLD.contains(name)).collect();
        assert_eq!(told, happened, "what was told and what happened");
    }
}

impl Outbox for Letters {
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async {
            pause().await;
            Ok(self.written.lock().expect("nobody panicked").0)
        })
    }

    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let broken = || Err(StoreFault::new("the outbox is broken"));
            let luck = self.dice.roll(8);
            pause().await;
            if luck == 0 {
                return broken();
            }
            {
                let mut written = self.written.lock().expect("nobody panicked");
                written.0 = cursor;
                for letter in letters {
                    match written.1.iter().find(|known| known.seq == letter.seq) {
                        Some(known) => assert_eq!(*known, letter, "it says something else"),
                        None => written.1.push(letter),
                    }
                }
            }
            pause().await;
            // It was written, and nobody learned of it.
            if luck == 1 { broken() } else { Ok(()) }
        })
    }
}
