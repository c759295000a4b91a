//! The other company: it holds the money, decides each order once, keeps its own book through our crashes,
//! and loses, repeats and reorders what is said.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use holdfast_domain::{
    Account as Whose, AuthCode, Bill, BillKey, CardKind, CardTail, Channel as PaidThrough, Command,
    Division, Kind, Marks, Moment, Order, Shares, Text, Verdict,
};
use holdfast_gateway::{
    channel::{Channel, Errand, Word},
    clock::{Clock, Dice},
    store::{StoreFault, Task},
};

use crate::disk::pause;

/// A channel of the world.
pub(crate) struct Bank {
    book: Mutex<Book>,
    clock: Clock,
    dice: Dice,
}

#[derive(Default)]
struct Book {
    accounts: BTreeMap<BillKey, Account>,
    /// What is on its way to the bank.
    letters: Vec<Letter>,
    /// What is on its way back, and when it arrives.
    answers: Vec<(Moment, Slot, Word)>,
    /// What has happened since somebody last looked.
    log: Vec<String>,
    orders: Vec<(BillKey, u32, Order)>,
    thanks: Vec<BillKey>,
    /// Nothing goes wrong any more.
    calm: bool,
}

/// What the bank knows of one paid bill.
struct Account {
    amount: i128,
    /// Who has how much, in fen; whoever has nothing is left out.
    sums: Sums,
    decided: BTreeMap<u32, (Order, Verdict)>,
    report: Command,
    paid_at: Moment,
    /// When the bank tells of the payment by itself.
    tells_at: Moment,
    /// Until then it does not tell of the payment when asked, either.
    hidden_until: Moment,
    thanked: bool,
}

/// Whose money, in fen.
pub(crate) type Sums = BTreeMap<Whose, i128>;

struct Letter {
    errand: Errand,
    /// Whether it only asks what became of the order.
    asks: bool,
    slot: Slot,
}

/// Where an answer is put for whoever still waits for it.
type Slot = Arc<Mutex<Option<Word>>>;

/// What the payer's phone says.
pub(crate) enum Paying {
    /// The bank refuses the payer, and says so.
    Refused(Command),
    /// The bank took the money and says so, as often as there are commands.
    Told(Vec<Command>),
    /// The bank took the money and says so later.
    Silent,
}

impl Bank {
    /// A bank with an empty book.
    pub(crate) fn new(clock: Clock, dice: Dice) -> Self {
        Self { book: Mutex::default(), clock, dice }
    }

    /// The authorization code that the bank gives the hold of a bill.
    pub(crate) fn auth(key: &BillKey) -> AuthCode {
        let digits: u64 = key.no.as_str().bytes().map(u64::from).sum();
        AuthCode::parse(&format!("{digits:06}")).expect("six digits")
    }

    /// The payer confirms a bill.
    pub(crate) fn pay(&self, bill: &Bill) -> Paying {
        let now = self.clock.now();
        let mut book = self.book();
        if self.dice.roll(8) == 0 {
            let reason = Text::parse("insufficient funds").expect("a reason");
            return Paying::Refused(Command::Decline { reason });
        }
        let fen = i128::from(bill.terms.amount.fen());
        let report = Command::Authorize {
            marks: marks(0),
            channel: PaidThrough::UnionPay,
            payer_id: None,
            payer_name: None,
            card: Some(CardKind::Credit),
            tail: CardTail::parse("0128").ok(),
            auth: Self::auth(&bill.key),
        };
        let minutes = |sides: u64| i64::try_from(self.dice.roll(sides)).expect("few") * 60_000;
        let hidden = self.dice.roll(6) == 0;
        let mut account = Account {
            amount: fen,
            sums: Sums::new(),
            decided: BTreeMap::new(),
            report: report.clone(),
            paid_at: now,
            tells_at: now.plus_ms(minutes(60)),
            hidden_until: if hidden { now.plus_ms(minutes(90)) } else { now },
            thanked: false,
        };
        match (bill.terms.kind, &bill.terms.division) {
            (Kind::Hold | Kind::Guarantee, _) => account.moves(Whose::Payer, Whose::Held, fen),
            (Kind::Payment, None) => account.moves(Whose::Payer, Whose::Merchant, fen),
            (Kind::Payment, Some(Division::Later)) => {
                account.moves(Whose::Payer, Whose::Undivided, fen);
            }
            (Kind::Payment, Some(Division::Now(shares))) => {
                parts(shares).for_each(|(whose, part)| account.moves(Whose::Payer, whose, part));
            }
        }
        if hidden {
            book.log.push("fault.payment_hidden".to_owned());
        }
        book.accounts.insert((*bill.key).clone(), account);
        match self.dice.roll(6) {
            0..=1 => Paying::Silent,
            2 => {
                book.log.push("fault.payment_told_twice".to_owned());
                Paying::Told(vec![report.clone(), report])
            }
            _ if hidden => Paying::Silent,
            _ => Paying::Told(vec![report]),
        }
    }

    /// Reads one letter or lets one answer arrive. Answers whether there was any.
    pub(crate) fn work(&self) -> bool {
        let now = self.clock.now();
        let mut book = self.book();
        let letters = u64::try_from(book.letters.len()).expect("few");
        let due: Vec<usize> = book
            .answers
            .iter()
            .enumerate()
            .filter(|(_, (at, ..))| *at <= now)
            .map(|(i, _)| i)
            .collect();
        let answers = u64::try_from(due.len()).expect("few");
        match usize::try_from(self.dice.roll(letters + answers)).expect("few") {
            _ if letters + answers == 0 => return false,
            place if place < book.letters.len() => {
                let letter = book.letters.swap_remove(place);
                self.read(&mut book, letter);
            }
            place => {
                let due = due[place - book.letters.len()];
                let (_, slot, word) = book.answers.swap_remove(due);
                deliver(&mut book, &slot, word);
            }
        }
        true
    }

    /// From now on nothing goes wrong any more, and nothing is kept back.
    pub(crate) fn calm(&self) {
        let mut book = self.book();
        book.calm = true;
        let now = self.clock.now();
        for account in book.accounts.values_mut() {
            account.tells_at = account.tells_at.min(now);
            account.hidden_until = account.hidden_until.min(now);
        }
        for (at, ..) in &mut book.answers {
            *at = now;
        }
    }

    /// Who has how much of a bill in the bank's book.
    pub(crate) fn sums(&self, key: &BillKey) -> Sums {
        self.book().accounts.get(key).map(|account| account.sums.clone()).unwrap_or_default()
    }

    /// The bills whose payment the bank still has to tell of.
    pub(crate) fn untold(&self) -> Vec<BillKey> {
        let book = self.book();
        book.accounts
            .iter()
            .filter(|(_, account)| !account.thanked)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Whether a bill was paid before `at`, and the bank would have said so then, had it been asked.
    pub(crate) fn knew_at(&self, key: &BillKey, at: Moment) -> bool {
        let book = self.book();
        let account = book.accounts.get(key);
        account.is_some_and(|account| account.paid_at < at && account.hidden_until <= at)
    }

    /// Whether a bill was paid.
    pub(crate) fn has_paid(&self, key: &BillKey) -> bool {
        self.book().accounts.contains_key(key)
    }

    /// The bills that were paid.
    pub(crate) fn paid_bills(&self) -> Vec<BillKey> {
        self.book().accounts.keys().cloned().collect()
    }

    /// What has happened since the last time: in words, as orders read, as thanks received.
    pub(crate) fn happened(&self) -> (Vec<String>, Vec<(BillKey, u32, Order)>, Vec<BillKey>) {
        let mut book = self.book();
        let Book { log, orders, thanks, .. } = &mut *book;
        (std::mem::take(log), std::mem::take(orders), std::mem::take(thanks))
    }

    fn read(&self, book: &mut Book, letter: Letter) {
        let one_in = |sides: u64| !book.calm && self.dice.roll(sides) == 0;
        let (number, key) = (letter.errand.asked.number, letter.errand.bill.key.clone());
        if one_in(10) {
            return book.log.push(format!("fault.order_lost {key} {number}"));
        }
        let again = one_in(10);
        let (early, lost, late) = (one_in(12), one_in(8), one_in(8));
        let (twice, before, after) = (one_in(6), one_in(4), one_in(8));
        let late_ms = if late { i64::try_from(self.dice.roll(20_000)).expect("short") } else { 0 };
        if again {
            book.log.push(format!("fault.order_twice {key} {number}"));
            let copy = Letter {
                errand: letter.errand.clone(),
                asks: letter.asks,
                slot: letter.slot.clone(),
            };
            book.letters.push(copy);
        }
        let known =
            book.accounts.get(&*key).is_some_and(|account| account.decided.contains_key(&number));
        if letter.asks && !known {
            book.log.push(format!("fault.never_heard {key} {number}"));
            return deliver(book, &letter.slot, Word::NeverHeard);
        }
        let verdict = self.decide(book, &letter.errand);
        let mut reports = vec![(number, verdict.clone())];
        if twice {
            book.log.push(format!("fault.answer_twice {key} {number}"));
            reports.push((number, verdict));
        }
        let account = book.accounts.get(&*key).expect("an account with a decision");
        let older =
            account.decided.range(..number).map(|(older, (_, verdict))| (*older, verdict.clone()));
        let older: Vec<_> = older.collect();
        if let Some(old) = older.get(
            usize::try_from(self.dice.roll(9)).expect("few").min(older.len().saturating_sub(1)),
        ) {
            if before {
                book.log.push(format!("fault.old_report_first {key} {number}"));
                reports.insert(0, old.clone());
            }
            if after {
                book.log.push(format!("fault.old_report_after {key} {number}"));
                reports.push(old.clone());
            }
        }
        let word = match early {
            true => Word::NotKnown,
            false => Word::Reports(reports),
        };
        if early {
            book.log.push(format!("fault.answer_early {key} {number}"));
        }
        if lost {
            return book.log.push(format!("fault.answer_lost {key} {number}"));
        }
        if late {
            book.log.push(format!("fault.answer_late {key} {number}"));
            let at = self.clock.now().plus_ms(late_ms);
            return book.answers.push((at, letter.slot, word));
        }
        deliver(book, &letter.slot, word);
    }

    /// Decides an order, once for each number.
    fn decide(&self, book: &mut Book, errand: &Errand) -> Verdict {
        let (key, number, order) = (&errand.bill.key, errand.asked.number, &errand.order);
        book.orders.push(((**key).clone(), number, order.clone()));
        let Some(account) = book.accounts.get_mut(&**key) else {
            panic!("{key}: order {number} is about a payment that nobody made");
        };
        if let Some((first, verdict)) = account.decided.get(&number) {
            assert_eq!(first, order, "{key}: order {number} has changed since it was decided");
            return verdict.clone();
        }
        let newer = account.decided.range(number..).next();
        assert!(newer.is_none(), "{key}: order {number} was given after {newer:?}");
        if !book.calm && self.dice.roll(5) == 0 {
            book.log.push(format!("fault.refused {key} {number}"));
            let reason =
                Text::parse(&format!("the issuer refuses order {number}")).expect("a reason");
            let verdict = Verdict::Refused { reason };
            account.decided.insert(number, (order.clone(), verdict.clone()));
            return verdict;
        }
        let restored = self.dice.roll(4) > 0;
        let whole = account.amount;
        match order {
            Order::Capture(leg) => {
                let (held, part) = (account.of(&Whose::Held), i128::from(leg.amount.fen()));
                assert_eq!(held, whole, "{key}: order {number} takes money that is not held");
                let guarantee = errand.bill.terms.kind == Kind::Guarantee;
                assert!(!guarantee || part <= whole, "{key}: order {number} takes too much");
                account.moves(Whose::Held, Whose::Payer, whole - part);
                account.moves(Whose::Held, Whose::Merchant, part);
            }
            Order::Reverse(leg) => {
                let (merchant, part) = (account.of(&Whose::Merchant), i128::from(leg.amount.fen()));
                assert_eq!(
                    merchant, part,
                    "{key}: order {number} undoes what does not stand whole"
                );
                account.moves(Whose::Merchant, Whose::Payer, part);
                match restored {
                    true => account.moves(Whose::Payer, Whose::Held, whole),
                    false => book.log.push(format!("fault.hold_not_restored {key} {number}")),
                }
            }
            Order::Refund(leg) => {
                let part = i128::from(leg.amount.fen());
                let from: Vec<_> = match &leg.from {
                    Some(shares) => parts(shares).collect(),
                    None if account.of(&Whose::Undivided) > 0 => vec![(Whose::Undivided, part)],
                    None => vec![(Whose::Merchant, part)],
                };
                let sum: i128 = from.iter().map(|(_, part)| part).sum();
                assert_eq!(sum, part, "{key}: order {number} is for more or less than its shares");
                for (whose, part) in from {
                    let has = account.of(&whose);
                    assert!(
                        has >= part,
                        "{key}: order {number} takes {part} of {has} of {whose:?}"
                    );
                    account.moves(whose, Whose::Payer, part);
                }
            }
            Order::Divide(shares) => {
                let undivided = account.of(&Whose::Undivided);
                assert_eq!(undivided, whole, "{key}: order {number} divides what is not whole");
                parts(shares)
                    .for_each(|(whose, part)| account.moves(Whose::Undivided, whose, part));
                let rest = account.of(&Whose::Undivided);
                assert_eq!(rest, 0, "{key}: order {number} does not divide all");
            }
            Order::Release => {
                let (kind, payer) = (errand.bill.terms.kind, account.of(&Whose::Payer));
                let held = account.of(&Whose::Held) == whole;
                assert_eq!(payer, -whole, "{key}: order {number} gives back what is not there");
                assert!(held || kind == Kind::Payment, "{key}: order {number} releases no hold");
                account.sums.clear();
            }
        }
        let verdict = Verdict::Approved { marks: marks(number), restored };
        account.decided.insert(number, (order.clone(), verdict.clone()));
        verdict
    }

    fn send<'a>(&'a self, errand: &'a Errand, asks: bool) -> Task<'a, Word> {
        Box::pin(async move {
            let slot = Slot::default();
            let letter = Letter { errand: errand.clone(), asks, slot: slot.clone() };
            self.book().letters.push(letter);
            poll_fn(move |_| match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(word) => Poll::Ready(word),
                None => Poll::Pending,
            })
            .await
        })
    }

    async fn travel(&self) {
        while self.dice.roll(3) == 0 {
            pause().await;
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn moves(&mut self, from: Whose, to: Whose, fen: i128) {
        for (whose, fen) in [(from, -fen), (to, fen)] {
            *self.sums.entry(whose).or_default() += fen;
        }
        self.sums.retain(|_, fen| *fen != 0);
    }

    fn of(&self, whose: &Whose) -> i128 {
        self.sums.get(whose).copied().unwrap_or_default()
    }
}

/// Who gets or gives how much, in fen: the bill's merchant is the platform.
fn parts(shares: &Shares) -> impl Iterator<Item = (Whose, i128)> {
    let platform = shares.platform().map(|part| (Whose::Merchant, i128::from(part.fen())));
    let subs = shares.subs().iter();
    let subs = subs.map(|share| (Whose::Sub(share.mid.clone()), i128::from(share.amount.fen())));
    platform.into_iter().chain(subs)
}

impl Channel for Bank {
    fn give<'a>(&'a self, errand: &'a Errand, _now: Moment) -> Task<'a, Word> {
        self.send(errand, false)
    }

    fn ask<'a>(&'a self, errand: &'a Errand, _now: Moment) -> Task<'a, Word> {
        self.send(errand, true)
    }

    fn paid<'a>(
        &'a self,
        bill: &'a Bill,
        _now: Moment,
    ) -> Task<'a, Result<Option<Command>, StoreFault>> {
        Box::pin(async move {
            self.travel().await;
            let now = self.clock.now();
            let told = {
                let book = self.book();
                let account = book.accounts.get(&*bill.key);
                account
                    .filter(|account| account.hidden_until <= now)
                    .map(|account| account.report.clone())
            };
            self.travel().await;
            Ok(told)
        })
    }

    fn news<'a>(&'a self, _now: Moment) -> Task<'a, Result<Vec<(BillKey, Command)>, StoreFault>> {
        Box::pin(async move {
            self.travel().await;
            let now = self.clock.now();
            let news: Vec<_> = {
                let mut book = self.book();
                let due = |account: &Account| {
                    account.tells_at.max(account.hidden_until) <= now && !account.thanked
                };
                let news: Vec<_> = book
                    .accounts
                    .iter()
                    .filter(|(_, account)| due(account))
                    .map(|(key, account)| (key.clone(), account.report.clone()))
                    .collect();
                book.log.extend(
                    news.iter().map(|(key, _)| format!("fault.payment_told_as_news {key}")),
                );
                news
            };
            self.travel().await;
            Ok(news)
        })
    }

    fn heard<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            self.travel().await;
            let lost = self.dice.roll(4) == 0;
            let mut book = self.book();
            book.thanks.push(key.clone());
            if lost && !book.calm {
                book.log.push(format!("fault.thanks_lost {key}"));
            } else if let Some(account) = book.accounts.get_mut(key) {
                account.thanked = true;
            }
            Ok(())
        })
    }

    fn denies_repeats(&self, bill: &Bill, _order: &Order) -> bool {
        bill.key.no.as_str().ends_with('3')
    }
}

fn deliver(book: &mut Book, slot: &Slot, word: Word) {
    // Whoever had asked has given up or is gone.
    if Arc::strong_count(slot) == 1 {
        book.log.push("fault.answer_to_nobody".to_owned());
    }
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
}

fn marks(number: u32) -> Marks {
    Marks { reference: Text::parse(&format!("{number:011}N")).ok(), target: None }
}
