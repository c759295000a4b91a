//! The auditor: reads the durable journal as it grows and holds everything else against it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_domain::{
    Account, Balances, Bill, BillKey, Deed, Event, Kind, LateSuccess, Leg, Mid, Order, OrderId,
    Outcome, Phase, Reminder, Shares, Split, Takings, Why, replay,
};
use holdfast_gateway::store::{MemoryStore, Record, Store as _};

use crate::{
    bank::Sums,
    disk::at_once,
    merchant::{self, Fact, Request},
};

/// What is durable, and what was said of it.
pub(crate) struct Audit {
    late_success: LateSuccess,
    /// How far the journal was read.
    seq: u64,
    /// The bills that follow from the journal.
    pub(crate) bills: BTreeMap<BillKey, Kept>,
    /// The merchants' orders by number.
    legs: BTreeMap<(Mid, OrderId), (BillKey, Leg)>,
    /// The orders that a channel may have been given.
    orders: BTreeMap<(BillKey, u32), Order>,
    money: Balances,
    /// What open holds must hold together, in fen.
    held: i128,
    /// What merchants were told, by what they had asked. It stays true for ever.
    told: BTreeMap<String, Fact>,
}

/// One bill and its own money.
pub(crate) struct Kept {
    /// The bill.
    pub(crate) bill: Bill,
    money: Balances,
}

impl Kept {
    /// Who has how much, in fen; whoever has nothing is left out.
    pub(crate) fn sums(&self) -> Sums {
        self.money.each().map(|(account, fen)| (account.clone(), fen)).collect()
    }
}

impl Audit {
    /// An auditor who has read nothing yet.
    pub(crate) fn new(late_success: LateSuccess) -> Self {
        Self {
            late_success,
            seq: 0,
            bills: BTreeMap::new(),
            legs: BTreeMap::new(),
            orders: BTreeMap::new(),
            money: Balances::default(),
            held: 0,
            told: BTreeMap::new(),
        }
    }

    /// Reads what has become durable and checks it. Answers the new events by name.
    pub(crate) fn read_on(&mut self, store: &MemoryStore) -> Vec<(&'static str, BillKey)> {
        let records =
            at_once(store.journal(self.seq, usize::MAX)).expect("the journal can be read");
        let mut names = vec![];
        let (mut touched, mut orders) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            let key = (*record.key).clone();
            assert_eq!(record.seq, self.seq + 1, "the journal has a gap");
            self.seq = record.seq;
            let before = self.bills.remove(&key);
            let kind = before.as_ref().map(|kept| kept.bill.terms.kind);
            let kind = kind.or_else(|| record.event.kind()).expect("a bill is made first");
            names.push((record.event.name(kind), key.clone()));
            names.extend(shares_refunded(&record.event).map(|name| (name, key.clone())));
            if let (Event::Reminded { reminder }, Some(kept)) = (&record.event, &before) {
                reminded(&kept.bill, *reminder, &record);
            }
            let change = replay(before.as_ref().map(|kept| &kept.bill), &key, record.event.clone())
                .unwrap_or_else(|broken| panic!("{key}: {broken}: {:?}", record.event));
            assert_eq!(
                change.entries, record.entries,
                "{key}: the journal's money is not the event's"
            );
            assert_eq!(change.bill.version, record.version, "{key}: a version is missing");
            if let Some(claimed) = change.claims() {
                let id = (key.mid.clone(), claimed.order.clone());
                assert!(!self.legs.contains_key(&id), "{} was used twice", claimed.order);
                let payment = key.payment_leg();
                assert_ne!(claimed.order, payment, "{key}: the payment's number was claimed");
            }
            if let Some(leg) = change.leg {
                let id = (key.mid.clone(), leg.order.clone());
                self.legs.insert(id.clone(), (key.clone(), (*leg).clone()));
                orders.insert(id);
            }
            if let Some((asked, order)) = change.bill.open_order() {
                let before = before.as_ref().map_or(0, |kept| kept.bill.orders);
                assert!(asked.number > before, "{key}: order {} was given before", asked.number);
                self.orders.insert((key.clone(), asked.number), order);
            }
            self.held -= before.as_ref().map_or(0, |kept| open_hold(&kept.bill));
            self.held += open_hold(&change.bill);
            let mut money = before.map(|kept| kept.money).unwrap_or_default();
            for entry in &change.entries {
                money.post(entry);
                self.money.post(entry);
            }
            let kept = Kept { bill: change.bill, money };
            assert_eq!(kept.money.total(), 0, "{key}: money came from nowhere");
            let held = kept.money.of(&Account::Held);
            assert_eq!(held, open_hold(&kept.bill), "{key}: the hold and its money differ");
            for (account, fen) in kept.money.each() {
                let allowed = fen >= 0 || *account == Account::Payer;
                assert!(allowed, "{key}: {account:?} gave {fen} fen it never had");
            }
            self.bills.insert(key.clone(), kept);
            touched.insert(key);
        }
        assert_eq!(self.money.total(), 0, "the ledger does not balance");
        assert_eq!(
            self.money.of(&Account::Held),
            self.held,
            "held money is not what open holds hold"
        );
        for key in touched {
            let stored = at_once(store.bill(&key)).expect("a bill can be read");
            assert_eq!(
                stored.as_ref(),
                self.bills.get(&key).map(|kept| &kept.bill),
                "{key} is not what its journal says"
            );
        }
        for (mid, order) in orders {
            let stored = at_once(store.leg(&mid, &order)).expect("an order can be read");
            let stored = stored.map(|(key, leg)| ((*key).clone(), leg));
            let ours = self.legs.get(&(mid, order.clone()));
            assert_eq!(stored.as_ref(), ours, "order {order} is not what its journal says");
        }
        names
    }

    /// Remembers what a merchant was told. Answers whether it had been told so before.
    pub(crate) fn told(&mut self, request: &Request, fact: Fact) -> bool {
        assert!(self.stands(&fact), "{request} was told {fact:?}, which is not durable");
        if let (Request::Complete { part: asked, .. }, Fact::Completed { part, .. }) =
            (request, &fact)
        {
            assert_eq!(asked, part, "{request} was told of another completion");
        }
        match self.told.insert(request.to_string(), fact.clone()) {
            Some(before) => {
                assert_eq!(before, fact, "{request} was answered in two ways");
                true
            }
            None => false,
        }
    }

    /// Checks that a merchant who was told no did not get what it asked for all the same.
    pub(crate) fn denied(&self, request: &Request, why: &str) {
        let bill = self.bills.get(request.key()).map(|kept| &kept.bill);
        let guarantee = bill.is_some_and(|bill| bill.terms.kind == Kind::Guarantee);
        let phase = bill.map(|bill| &bill.phase);
        let given_up = matches!(phase, Some(Phase::Released { why: Why::Merchant, .. }));
        let done = match request {
            Request::Capture { key, order, .. } | Request::Refund { key, order, .. } => {
                let leg = self.legs.get(&(key.mid.clone(), order.clone()));
                leg.is_some_and(|(of, leg)| of == key && request.asks_for(leg))
            }
            Request::Reverse { key, capture, .. } => {
                let leg = self.legs.get(&(key.mid.clone(), capture.clone()));
                leg.is_some_and(|(of, leg)| {
                    of == key && matches!(leg.outcome, Outcome::Reversed { .. })
                })
            }
            Request::Release { .. } => given_up && !guarantee,
            Request::Cancel { .. } => given_up && guarantee,
            Request::Complete { .. } => {
                let done = |bill| merchant::completion(bill, request.fingerprint()).is_some();
                // A hold may have been captured with as much.
                guarantee && bill.is_some_and(done)
            }
            Request::Divide { shares, .. } => {
                bill.is_some_and(|bill| merchant::divided_so(bill, shares))
            }
            Request::Close { .. } => bill.is_some_and(merchant::is_closed),
            Request::Make { .. } => {
                bill.is_some_and(|bill| bill.terms.fingerprint == request.fingerprint())
            }
            Request::Query { .. } => false,
        };
        assert!(!done, "{request} was answered {why:?}, and yet it was done");
    }

    /// Checks that a guarantee of which a merchant was told that it had been given up has been.
    pub(crate) fn was_given_up(&self, key: &BillKey) {
        let phase = self.bills.get(key).map(|kept| &kept.bill.phase);
        let given_up = matches!(phase, Some(Phase::Released { .. }));
        assert!(given_up, "{key} was called given up and is {phase:?}");
    }

    /// Checks that what merchants have of each bill is what its orders tell, as a statement would: so much taken,
    /// less so much given back, for each that has a share.
    pub(crate) fn statements(&self) {
        for (key, kept) in &self.bills {
            let (Phase::Taken { takings, .. } | Phase::Refunding { takings, .. }) =
                &kept.bill.phase
            else {
                continue;
            };
            let refunds = self.legs.values().filter(|(of, leg)| of == key && is_given_back(leg));
            let refunds: Vec<&Leg> = refunds.map(|(_, leg)| leg).collect();
            let mut owed = owed(takings);
            for leg in refunds {
                match &leg.from {
                    Some(shares) => each(shares)
                        .for_each(|(account, fen)| *owed.entry(account).or_default() -= fen),
                    None => {
                        let last = owed.values_mut().next().expect("somebody has it");
                        *last -= i128::from(leg.amount.fen());
                    }
                }
            }
            owed.insert(Account::Payer, -owed.values().sum::<i128>());
            owed.retain(|_, fen| *fen != 0);
            assert_eq!(owed, kept.sums(), "{key}: the orders tell something else");
        }
    }

    /// Checks that everything anybody was ever told is still so.
    pub(crate) fn keeps_its_word(&self) {
        for (request, fact) in &self.told {
            assert!(self.stands(fact), "{request} was told {fact:?}, which is no longer so");
        }
    }

    /// Checks that the channel was given only what is durable.
    pub(crate) fn ordered(&self, key: &BillKey, number: u32, order: &Order) {
        let durable = self.orders.get(&(key.clone(), number));
        assert_eq!(durable, Some(order), "{key}: order {number} was given and is not durable");
    }

    /// Checks that the channel was thanked only for what is durable.
    pub(crate) fn thanked(&self, key: &BillKey) {
        let paid = self.bills.get(key).is_some_and(|kept| kept.bill.payment().is_some());
        assert!(paid, "{key}: the channel was thanked for a payment that is not durable");
    }

    fn stands(&self, fact: &Fact) -> bool {
        let bill = |key: &BillKey| self.bills.get(key).map(|kept| &kept.bill);
        let outcome = |mid: &Mid, order: &OrderId| {
            self.legs.get(&(mid.clone(), order.clone())).map(|(_, leg)| &leg.outcome)
        };
        match fact {
            Fact::Made { key, code } => bill(key).is_some_and(|bill| bill.terms.code == *code),
            // Unless the operator wishes it, a closed bill is never paid after all.
            Fact::Closed { key } => bill(key).is_some_and(|bill| match self.late_success {
                LateSuccess::Release => merchant::is_closed(bill),
                LateSuccess::Accept => !matches!(bill.phase, Phase::Requested { .. }),
            }),
            Fact::Done { mid, order, receipt } => match outcome(mid, order) {
                Some(Outcome::Done(done) | Outcome::Reversed { done, .. }) => done == receipt,
                _ => false,
            },
            Fact::Refused { mid, order, reason } => {
                matches!(outcome(mid, order), Some(Outcome::Refused(why)) if why == reason)
            }
            Fact::Reversed { mid, capture, receipt } => {
                matches!(outcome(mid, capture), Some(Outcome::Reversed { reversal, .. }) if reversal == receipt)
            }
            Fact::GivenUp { key, receipt: told } => {
                let phase = bill(key).map(|bill| &bill.phase);
                matches!(phase, Some(Phase::Released { receipt, .. }) if receipt == told)
            }
            Fact::Completed { key, part, receipt } => match bill(key).map(|bill| &bill.phase) {
                Some(Phase::Taken { takings, .. } | Phase::Refunding { takings, .. }) => {
                    takings.capture.as_ref().is_some_and(|leg| {
                        leg.amount == *part && leg.outcome == Outcome::Done(receipt.clone())
                    })
                }
                _ => false,
            },
            Fact::Divided { key, shares } => {
                bill(key).is_some_and(|bill| merchant::divided_so(bill, shares))
            }
        }
    }
}

/// What a bill's hold must hold, in fen: told from its phase alone.
fn open_hold(bill: &Bill) -> i128 {
    match bill.phase.name() {
        "authorized" | "capturing" | "releasing" => i128::from(bill.terms.amount.fen()),
        _ => 0,
    }
}

/// Whether the money of a refund went back.
fn is_given_back(leg: &Leg) -> bool {
    leg.deed == Deed::Refund && matches!(leg.outcome, Outcome::Done(_))
}

/// What merchants got when the money was taken or divided, before any of it went back.
fn owed(takings: &Takings) -> Sums {
    let whole = i128::from(takings.whole.fen());
    match &takings.split {
        Split::Whole => Sums::from([(Account::Merchant, whole)]),
        Split::Pending => Sums::from([(Account::Undivided, whole)]),
        Split::Among { whole, .. } => {
            let mut owed = Sums::new();
            each(whole).for_each(|(account, fen)| *owed.entry(account).or_default() += fen);
            owed
        }
    }
}

fn each(shares: &Shares) -> impl Iterator<Item = (Account, i128)> {
    shares.each().map(|(account, part)| (account, i128::from(part.fen())))
}

/// Checks that a reminder is the last that is due, and comes once, after the payment and before the deadline.
fn reminded(before: &Bill, reminder: Reminder, record: &Record) {
    let (key, payment) = (&before.key, before.payment().expect("nobody is reminded of nothing"));
    let deadline = payment.grant.as_ref().expect("a hold or a guarantee").deadline;
    let due = deadline.minus_days(reminder.days());
    let next = Reminder::ALL.into_iter().find(|next| *next > reminder);
    let next = next.map_or(deadline, |next| deadline.minus_days(next.days()));
    assert!(before.reminded < Some(reminder), "{key} was reminded before: {reminder:?}");
    assert!(payment.receipt.at < due, "{key}: {reminder:?} is due before the payment");
    assert!((due..next).contains(&record.at), "{key}: {reminder:?} at {:?}", record.at);
}

/// How a refund comes from shares, if it does.
fn shares_refunded(event: &Event) -> Option<&'static str> {
    let Event::RefundAsked { leg, .. } = event else { return None };
    let from = leg.from.as_ref()?;
    Some(match (from.subs().len(), from.platform()) {
        (0, _) => "refund.from_platform",
        (1, None) => "refund.from_share",
        (1, Some(_)) => "refund.from_share_and_platform",
        _ => "refund.from_all",
    })
}
