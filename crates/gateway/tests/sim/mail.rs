//! The post of this world, from the journal to the receivers: announcer and courier crash with the gateway, the outbox
//! breaks now and then, an operator rotates keys, resends and gives up. In the end each event that is to be told was told in
//! order, and each letter is delivered, or given up in sight.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use holdfast_domain::{BillKey, BillNo, Day, Mid, Text};
use holdfast_gateway::{
    accounts::{Accounts, NoticeChange},
    clock::{Clock, Dice},
    notices::{
        Announcer, Letter, Outbox, Topic,
        courier::{Courier, Ended, Errand},
        outbox::{Filter, Letters, State},
    },
    store::{MemoryStore, Record, StoreFault},
    submit::Core,
    vault::Vault,
};
use holdfast_wire::{
    field::{BillStatus, Url},
    messages::Notice,
};

use crate::{
    disk::at_once,
    outbox::WatchedOutbox,
    receivers::{Mood, Receivers},
    witness::Witness,
};

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

const DAY: i64 = 86_400_000;

/// Records of a crowd of letters are numbered from here on: no journal of a small world gets so long.
const CROWD: u64 = 1_000_000;

/// Everybody a notice meets on its way, and the notices themselves.
pub(crate) struct Mail {
    dice: Dice,
    clock: Clock,
    accounts: Arc<Accounts>,
    mids: Vec<Mid>,
    witness: Arc<Witness>,
    outbox: Arc<WatchedOutbox>,
    receivers: Arc<Receivers>,
    /// `None` while it takes a step.
    announcer: Option<Announcer>,
    announcing: Option<Step<(Announcer, Result<bool, StoreFault>)>>,
    /// `None` while it takes a step.
    courier: Option<Courier>,
    looking: Option<Step<(Courier, Result<Vec<Errand>, StoreFault>)>>,
    /// Letters on their way, by a number that is never used twice.
    errands: BTreeMap<u64, Step<Ended>>,
    last_errand: u64,
    /// What has ended, and the courier does not know it yet.
    ended: Vec<(u64, Ended)>,
}

type Step<T> = Pin<Box<dyn Future<Output = T>>>;

fn poll<T>(step: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Poll<T> {
    step.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

impl Mail {
    pub(crate) fn new(core: &Arc<Core>, mids: &[&str], clock: &Clock, seed: u64) -> Self {
        let dice = Dice::seeded(seed);
        let vault = Arc::new(Vault::throw_away(&dice));
        let accounts = at_once(Accounts::open(Arc::new(MemoryStore::new()), vault)).expect("empty");
        let mids: Vec<Mid> = mids.iter().map(|mid| Mid::parse(mid).expect("a number")).collect();
        for mid in &mids {
            let name = Text::parse("店").expect("a name");
            at_once(accounts.add_merchant(mid, &name)).expect("a new merchant");
            // One receiver for all of them.
            let url = Url::parse(&format!("https://shop.example/notices/{mid}"));
            let change = NoticeChange {
                url: Some(url.ok()),
                notify_on: Some(Topic::ALL.to_vec()),
                ..NoticeChange::default()
            };
            at_once(accounts.set_notices(mid, change, &dice)).expect("a merchant");
        }
        let chance = || Dice::seeded(dice.roll(u64::MAX));
        let witness = Arc::new(Witness::default());
        let outbox = Arc::new(WatchedOutbox::new(chance(), witness.clone()));
        let receivers = Arc::new(Receivers::new(clock.clone(), chance(), witness.clone()));
        let mut mail = Self {
            dice,
            clock: clock.clone(),
            accounts: Arc::new(accounts),
            mids,
            witness,
            outbox,
            receivers,
            announcer: None,
            announcing: None,
            courier: None,
            looking: None,
            errands: BTreeMap::new(),
            last_errand: 0,
            ended: vec![],
        };
        mail.rotate_key(0);
        // Some merchants have no key at first.
        if mail.dice.roll(4) > 0 {
            mail.rotate_key(1);
        }
        match mail.dice.roll(20) {
            0 => mail.receivers.change(URLS[0], Mood::Stubborn),
            1 => mail.receivers.change(URLS[1], Mood::Dead),
            _ => {}
        }
        if mail.dice.roll(250) == 0 {
            mail.crowd();
        }
        mail.crash(core);
        mail
    }

    /// More letters than there are places, for receivers that all hang.
    fn crowd(&mut self) {
        let mid = &self.mids[0];
        let letters = (0..400).map(|number: u64| {
            let url = format!("http://crowd-{}.example/", number % 40);
            self.receivers.change(&url, Mood::Hangs(self.clock.now().plus_ms(DAY)));
            let text = |text: &str| Text::parse(text).expect("a text");
            let notify_id = format!("crowd-{number}");
            let notice = Notice::new(text(&notify_id), text("00000000000N"), BillStatus::Paid);
            let pairs = Notice { mid: Some(mid.clone()), ..notice }.pairs();
            Letter {
                seq: CROWD + number,
                mid: mid.clone(),
                bill: BillKey {
                    mid: mid.clone(),
                    no: BillNo::parse(&format!("3194{number:05}")).expect("a number"),
                    date: Day(0),
                },
                event: "hold.authorized".to_owned(),
                notify_id,
                url,
                pairs,
                at: self.clock.now(),
            }
        });
        let letters: Vec<Letter> = letters.collect();
        self.witness.put(&letters);
        at_once(self.outbox.outbox.put(0, letters)).expect("memory");
    }

    /// The gateway's memory is gone, and a new one begins.
    pub(crate) fn crash(&mut self, core: &Arc<Core>) {
        (self.announcing, self.looking) = (None, None);
        self.errands.clear();
        self.ended.clear();
        self.witness.crash();
        let outbox: Arc<dyn Outbox> = self.outbox.clone();
        let (core, accounts) = (core.clone(), self.accounts.clone());
        self.announcer =
            Some(Announcer::new(core, accounts.clone(), outbox, "https://pay.example".to_owned()));
        let dice = Dice::seeded(self.dice.roll(u64::MAX));
        let (outbox, post) = (self.outbox.clone(), self.receivers.clone());
        self.courier = Some(Courier::new(outbox, accounts, post, self.clock.clone(), dice));
    }

    /// Perhaps something happens. Answers all that did.
    pub(crate) fn go_on(&mut self) -> Vec<String> {
        match self.dice.roll(640) {
            0..=49 => drop(self.announce()),
            50..=199 => self.look(),
            200..=359 => self.an_errand_goes_on(),
            360..=365 => self.a_receiver_changes(),
            366 => self.resend(),
            367 => self.drop_one(),
            368 => self.rotate_key(self.pick(self.mids.len())),
            369 => drop(self.sweep()),
            372 => self.outbox.full.store(true, Ordering::SeqCst),
            373..=380 => self.outbox.full.store(false, Ordering::SeqCst),
            _ => return vec![],
        }
        self.witness.happened()
    }

    /// One turn of the announcer; what its step ended with, if it did.
    fn announce(&mut self) -> Option<Result<bool, StoreFault>> {
        if let Some(mut announcer) = self.announcer.take() {
            self.announcing = Some(Box::pin(async move {
                let done = announcer.step().await;
                (announcer, done)
            }));
        }
        match poll(self.announcing.as_mut().expect("it has begun")) {
            Poll::Pending => None,
            Poll::Ready((announcer, done)) => {
                (self.announcer, self.announcing) = (Some(announcer), None);
                Some(done)
            }
        }
    }

    /// One turn of the courier, as [`Courier::run`] would have it: it writes down what has ended, then looks at all
    /// receivers, or at those with news. What it sends is sent at once.
    fn look(&mut self) {
        if let Some(mut courier) = self.courier.take() {
            let mut put: Pin<Box<dyn Future<Output = _>>> = self.outbox.put_here();
            if let Poll::Ready(to) = poll(&mut put) {
                courier.hear(to);
            }
            drop(put);
            let (numbers, ended): (Vec<u64>, Vec<Ended>) = self.ended.drain(..).unzip();
            let now = self.clock.now();
            self.witness.handed(&numbers, now);
            let all = courier.next().is_some_and(|next| next <= now) || self.dice.roll(3) == 0;
            let (witness, clock) = (self.witness.clone(), self.clock.clone());
            self.looking = Some(Box::pin(async move {
                let mut errands = courier.record(ended).await.map(|()| vec![]);
                if errands.is_ok() {
                    witness.begins_to_look(clock.now());
                    errands = if all { courier.look().await } else { courier.look_again().await };
                }
                (courier, errands)
            }));
        }
        let Poll::Ready((courier, errands)) = poll(self.looking.as_mut().expect("it has begun"))
        else {
            return;
        };
        (self.courier, self.looking) = (Some(courier), None);
        let Ok(errands) = errands else { return };
        for errand in errands {
            self.last_errand += 1;
            self.errands.insert(self.last_errand, Box::pin(errand.run()));
            self.go_on_with(self.last_errand);
        }
        self.witness.has_looked();
    }

    fn an_errand_goes_on(&mut self) {
        if !self.errands.is_empty() {
            let pick = self.pick(self.errands.len());
            let number = *self.errands.keys().nth(pick).expect("as many");
            self.go_on_with(number);
        }
    }

    fn go_on_with(&mut self, number: u64) {
        let Some(errand) = self.errands.get_mut(&number) else { return };
        self.receivers.errand.store(number, Ordering::SeqCst);
        if let Poll::Ready(ended) = poll(errand) {
            self.errands.remove(&number);
            self.witness.ended(number);
            self.ended.push((number, ended));
        }
    }

    fn a_receiver_changes(&mut self) {
        let url = URLS[self.pick(URLS.len())];
        let until = self.clock.now().plus_ms(i64::try_from(self.dice.roll(600_000)).expect("few"));
        let mood = if self.dice.roll(3) == 0 { Mood::Hangs(until) } else { Mood::Gone(until) };
        self.receivers.change(url, mood);
    }

    /// An operator resends one letter, those of one merchant, or what was given up.
    fn resend(&mut self) {
        let filter = match self.dice.roll(3) {
            0 => Filter { states: vec![State::GivenUp], ..Filter::default() },
            1 => Filter {
                mid: Some(self.mids[self.pick(self.mids.len())].clone()),
                ..Filter::default()
            },
            _ => Filter::one(1 + self.dice.roll(40)),
        };
        self.resend_all(&filter);
    }

    /// An operator gives a letter up.
    fn drop_one(&self) {
        let filter = Filter::one(1 + self.dice.roll(40));
        at_once(Letters::drop(&*self.outbox, &filter, self.clock.now(), 0)).expect("memory");
    }

    fn resend_all(&mut self, filter: &Filter) {
        let round = at_once(self.outbox.begin_round()).expect("memory");
        let mut last = Some(0);
        while let Some(after) = last {
            last = at_once(self.outbox.resend(filter, round, after)).expect("memory");
        }
    }

    fn rotate_key(&mut self, merchant: usize) {
        let mid = &self.mids[merchant];
        let key = at_once(self.accounts.rotate_notice_key(mid, None, 0, &self.clock, &self.dice));
        self.receivers.expect(mid, key.expect("the key before has ended"));
    }

    /// Removes what is old; answers how many letters.
    fn sweep(&self) -> usize {
        at_once(self.outbox.sweep(self.clock.now())).expect("memory")
    }

    fn pick(&self, of: usize) -> usize {
        let pick = self.dice.roll(u64::try_from(of).expect("few"));
        usize::try_from(pick).expect("few")
    }

    /// Nothing goes wrong any more, except where a receiver never takes anything: then those letters are given up in
    /// sight, and once somebody has looked after the receiver they can be resent. Answers all that happened.
    pub(crate) fn calm_down(
        &mut self,
        journal: &[Record],
        bill: impl Fn(&Record) -> (&'static str, Option<String>),
    ) -> Vec<String> {
        self.outbox.full.store(false, Ordering::SeqCst);
        while !matches!(self.announce(), Some(Ok(false))) {}
        if self.dice.roll(8) == 0 {
            // Nobody looks after anything for more than a year; what waits must still wait then.
            self.clock.advance(400 * DAY);
            self.sweep();
        }
        self.receivers.calm();
        self.outbox.calm.store(true, Ordering::SeqCst);
        self.rotate_key(1);
        self.come_to_rest();
        self.receivers.heal();
        self.resend_all(&Filter { states: vec![State::GivenUp], ..Filter::default() });
        self.come_to_rest();
        let all = at_once(self.outbox.list(&Filter::default(), None, usize::MAX)).expect("memory");
        let lost = all.iter().find(|kept| kept.state != State::Delivered);
        assert!(lost.is_none(), "{lost:?} was never delivered");
        self.compare(journal, bill);
        self.clock.advance(91 * DAY);
        while self.sweep() > 0 {}
        let left = at_once(self.outbox.list(&Filter::default(), None, 1)).expect("memory");
        assert_eq!(left, [], "old letters are kept for ever");
        self.witness.happened()
    }

    /// Lets everything happen that is to happen, and moves the clock to whatever comes next.
    fn come_to_rest(&mut self) {
        let mut turns_awake = 0;
        for _ in 0..20_000 {
            self.look();
            let numbers: Vec<u64> = self.errands.keys().copied().collect();
            numbers.into_iter().for_each(|number| self.go_on_with(number));
            let idle = self.errands.is_empty() && self.ended.is_empty() && self.looking.is_none();
            if !idle {
                // Some hang.
                self.clock.advance(2_000);
                continue;
            }
            if !self.witness.anybody_waits() {
                let all = at_once(self.outbox.list(&Filter::default(), None, usize::MAX));
                self.witness.compare(&all.expect("memory"));
                return;
            }
            let (now, due) = (self.clock.now(), self.witness.next());
            if self.courier.as_ref().and_then(Courier::next).is_some_and(|next| next <= now) {
                turns_awake += 1;
                assert!(turns_awake < 8, "the courier has nothing to do and does not sleep");
                continue;
            }
            // It looks at everybody now and then, so it need not know of everything that will be due.
            if let Some(due) = due.filter(|due| *due > now) {
                turns_awake = 0;
                self.clock.advance(due.0 - now.0);
            }
        }
        panic!("the post does not come to rest");
    }

    /// Compares what was told with what happened.
    fn compare(
        &self,
        journal: &[Record],
        bill: impl Fn(&Record) -> (&'static str, Option<String>),
    ) {
        let mut happened = vec![];
        for record in journal {
            let (name, url) = bill(record);
            if TOLD.contains(&name) {
                let own = format!("https://shop.example/notices/{}", record.key.mid);
                let urls = url.into_iter().chain([own]);
                happened.extend(urls.map(|url| (record.seq, name.to_owned(), url)));
            }
        }
        let told: Vec<_> =
            self.witness.told().into_iter().filter(|(seq, ..)| *seq < CROWD).collect();
        assert_eq!(told, happened, "what was told and what happened");
    }
}

/// Receivers that have moods: one of all merchants, two of some bills.
const URLS: [&str; 3] =
    ["https://shop.example/", "https://till.example:8443/", "http://till.example/"];
