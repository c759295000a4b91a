//! What once went wrong, step by step: one bug, one test that names it.

use std::sync::Arc;

use holdfast_domain::{
    Amount, Bill, BillKey, BillNo, Channel as PaidThrough, CodeId, Command, Day, Fingerprint, Kind,
    Mid, Moment, Policy, Terms, Tid,
};
use holdfast_gateway::{
    channel::{Confirmation, Simulated},
    clock::{Clock, Dice},
    store::{Asker, MemoryStore},
    submit::Core,
    worker::Worker,
};

use crate::disk::at_once;

/// Whoever closes a bill asks first whether it was paid. The payer may pay between the question and the
/// closing, and when the report of that is lost, nobody asks again: the money stayed at the channel.
#[test]
fn money_whose_report_was_lost_goes_back_though_the_bill_was_closed() {
    let clock = Clock::standing(Moment(1_650_524_400_000));
    let store = Arc::new(MemoryStore::new());
    let simulated = at_once(Simulated::open(store.clone(), clock.clone(), true));
    let simulated = Arc::new(simulated.expect("an empty book can be read"));
    let (dice, policy) = (Dice::seeded(1), Policy::default());
    let core = Core::new(store, simulated.clone(), clock.clone(), dice, policy, 8_000);
    let core = Arc::new(core);

    let asked = Bill::request(key("319400-pay-lostanswer"), terms(clock.now()));
    let bill = at_once(core.create(asked, clock.now(), Asker::Clock)).expect("a new bill");
    let paid = at_once(simulated.confirm(&bill, None, PaidThrough::UnionPay));
    assert!(matches!(paid, Ok(Confirmation::Silent)), "{paid:?}");
    let closed = at_once(core.submit(bill, &Command::Close, &Asker::Clock)).expect("not paid yet");
    assert_eq!(closed.phase.name(), "closed");

    for job in at_once(Worker::new(core.clone()).jobs()).expect("the store is whole") {
        at_once(core.work_on(job)).expect("the store is whole");
    }
    let bill = at_once(core.load(&closed.key)).expect("the bill");
    assert_eq!(bill.phase.name(), "released", "the payer's money was not given back");
    assert!(!simulated.is_silent(&bill.key), "the channel still waits to be heard");
}

fn key(no: &str) -> BillKey {
    BillKey {
        mid: Mid::parse("898201612345678").expect("a merchant"),
        no: BillNo::parse(no).expect("a number"),
        date: Day::parse("2022-04-21").expect("a day"),
    }
}

fn terms(now: Moment) -> Terms {
    Terms::plain(
        Kind::Hold,
        Amount::from_fen(500).expect("an amount"),
        CodeId::parse("31940001").expect("a code"),
        Tid::parse("88880001").expect("a terminal"),
        now,
        now.plus_ms(60_000),
        Fingerprint([0; 16]),
    )
}
