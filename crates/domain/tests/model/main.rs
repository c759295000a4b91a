//! Random lives of a bill, lived twice: by `decide`, and by a model of plain integers that knows nothing of it.
//!
//! The model is written to be read in one go, as a list of conditions and sums. Where the two disagree,
//! one of them is wrong.
//! `PROPTEST_RNG_SEED=7 cargo test -p holdfast-domain --test model` lives the lives of one seed again;
//! `PROPTEST_CASES=100000` lives more of them.

mod life;
mod plain;

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use holdfast_domain::{
    Account, Amount, Asked, AuthCode, Balances, Bill, BillKey, BillNo, Channel, CodeId, Command,
    Day, DayEnd, Division, Event, Fingerprint, LateSuccess, Marks, Mid, Moment, OrderId, Policy,
    Share, Shares, Terms, Text, Tid, Verdict, decide, replay,
};
use proptest::{
    prelude::TestCaseError,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};

use crate::{
    life::{Act, Life, Parts, Plan, Step, lives},
    plain::{Model, OVER, START},
};

#[test]
fn the_rules_agree_with_a_model_of_plain_integers() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one("a new seed for every run"),
    };
    // A life is some fifty commands of a few hundred nanoseconds, so many of them cost little.
    let cases = if std::env::var("PROPTEST_CASES").is_ok() { config.cases } else { 4_000 };
    let config = Config { rng_seed: RngSeed::Fixed(seed), cases, ..config };
    match TestRunner::new(config).run(&lives(), |life| live(&life).map(drop)) {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        Err(TestError::Fail(why, life)) => {
            panic!("PROPTEST_RNG_SEED={seed}: {why}\nthe shortest life that shows it: {life:#?}")
        }
    }
}

/// Rules that are never reached are not tested.
#[test]
fn random_lives_reach_every_phase_and_every_event() {
    let config = Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        cases: 3_000,
        ..Config::default()
    };
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let lived = TestRunner::new(config).run(&lives(), |life| {
        seen.borrow_mut().extend(live(&life)?);
        Ok(())
    });
    lived.unwrap();
    let expected = [
        "authorized",
        "bill.closed",
        "bill.declined",
        "bill.divided",
        "bill.lapsed",
        "bill.paid",
        "bill.paid_late",
        "bill.requested",
        "cancel.asked",
        "cancel.refused",
        "capture.asked",
        "capture.refused",
        "captured",
        "capturing",
        "closed",
        "completion.asked",
        "completion.refused",
        "dividing",
        "division.asked",
        "division.refused",
        "ended",
        "expired",
        "guarantee.cancelled",
        "guarantee.completed",
        "guarantee.expiring",
        "guarantee.paid",
        "hold.authorized",
        "hold.captured",
        "hold.expiring",
        "hold.released",
        "hold.reversed",
        "lapsed",
        "paid",
        "refund.asked",
        "refund.done",
        "refund.refused",
        "refunding",
        "refunded from a share and the platform",
        "refunded from all shares at once",
        "refunded from shares that nobody named",
        "release.asked",
        "release.refused",
        "released",
        "releasing",
        "requested",
        "reversal.asked",
        "reversal.refused",
        "reversing",
    ];
    assert_eq!(seen.into_inner(), BTreeSet::from(expected), "the lives are too tame");
}

/// Lives one life twice and answers which phases and events it saw.
fn live(life: &Life) -> Result<BTreeSet<&'static str>, TestCaseError> {
    let policy = Policy {
        capture_limit_percent: u16::try_from(life.limit).unwrap(),
        business_day_ends: day_end(life.day_end),
        hold_days: u16::try_from(life.hold_days).unwrap(),
        guarantee_days: u16::try_from(life.guarantee_days).unwrap(),
        late_success: if life.accept_late { LateSuccess::Accept } else { LateSuccess::Release },
    };
    let mut model = Model::new(life);
    let first = Bill::request(key(), terms(life));
    let (mut bill, mut balances, mut events) = (first.bill, Balances::default(), vec![first.event]);
    let (mut last_order, mut seen) = (0, BTreeSet::from(["bill.requested", "requested"]));
    for (place, step) in life.steps.iter().enumerate() {
        let act = match step {
            Step::Wait { ms } => {
                model.now += ms;
                continue;
            }
            Step::WaitFor { edge, early_ms } => {
                model.wait_for(*edge, *early_ms);
                continue;
            }
            Step::Do(act) => act.clone(),
            Step::RefundRest { order, of, named } => model.refund_rest(*order, *of, *named),
        };
        let command = command(&act, i64::from(bill.orders));
        let decided = decide(&bill, &command, Moment(model.now), &policy);
        let allowed = model.allows(&act);
        let fail = |why: String| Err(TestCaseError::fail(format!("step {place}, {act:?}: {why}")));
        let change = match decided {
            Ok(change) if allowed => change,
            Err(_) if !allowed => continue,
            Ok(change) => return fail(format!("the model refuses it, we say {:?}", change.event)),
            Err(refusal) => return fail(format!("the model allows it, we say: {refusal}")),
        };
        if let Some(Asked { number, .. }) = order_asked(&change.event) {
            if number <= last_order {
                return fail(format!("order {number} comes after order {last_order}"));
            }
            last_order = number;
        }
        if change.leg.as_ref().is_some_and(|leg| leg.order == bill.key.payment_leg()) {
            return fail("the number of the payment was claimed or settled".to_owned());
        }
        change.entries.iter().for_each(|entry| balances.post(entry));
        if change.entries.iter().any(|entry| entry.from == entry.to) || balances.total() != 0 {
            return fail(format!("the entries do not balance: {:?}", change.entries));
        }
        let ours = accounts().map(|account| balances.of(&account));
        let [merchant, one, same_one, two] = model.has;
        let theirs = [model.payer, model.held, model.undivided, merchant, one + same_one, two];
        if ours != theirs.map(i128::from) {
            return fail(format!("the model has {theirs:?}, we {ours:?}"));
        }
        if balances.each().any(|(account, fen)| fen < 0 && *account != Account::Payer) {
            return fail(format!("nobody can have {balances:?}"));
        }
        if change.bill.due().map(|due| due.0) != model.due() {
            let (ours, theirs) = (change.bill.due(), model.due());
            return fail(format!("the model is due at {theirs:?}, we at {ours:?}"));
        }
        if change.bill.reminded.map(|reminder| i64::from(reminder.days())) != model.reminded {
            let (ours, theirs) = (change.bill.reminded, model.reminded);
            return fail(format!("the model was last reminded of {theirs:?} days, we of {ours:?}"));
        }
        if change.bill.balances() != balances {
            return fail("the bill tells of other money than its entries".to_owned());
        }
        if i64::from(change.bill.orders) != model.orders || change.bill.version != bill.version + 1
        {
            return fail("a change or an order was not counted".to_owned());
        }
        seen.extend([change.event.name(bill.terms.kind), change.bill.phase.name()]);
        seen.extend(refund_of_shares(&act, &change.event));
        events.push(change.event);
        bill = change.bill;
    }
    replays(events, &bill, &balances)?;
    Ok(seen)
}

/// The journal alone, without the policy of the day, gives the same bill and the same money again.
fn replays(events: Vec<Event>, bill: &Bill, balances: &Balances) -> Result<(), TestCaseError> {
    let (mut again, mut money) = (None, Balances::default());
    for event in events {
        let change = replay(again.as_ref(), &key(), event)
            .map_err(|broken| TestCaseError::fail(broken.to_string()))?;
        change.entries.iter().for_each(|entry| money.post(entry));
        again = Some(change.bill);
    }
    match again.as_ref() == Some(bill) && money == *balances {
        true => Ok(()),
        false => Err(TestCaseError::fail(format!("the journal gives {again:?}, not {bill:?}"))),
    }
}

/// Every account that a life can touch.
fn accounts() -> [Account; 6] {
    let shop = |mid: &str| Account::Sub(Mid::parse(mid).unwrap());
    let [one, two] = [shop("shop1"), shop("shop2")];
    [Account::Payer, Account::Held, Account::Undivided, Account::Merchant, one, two]
}

/// How the refund that was asked for comes from shares, if it does.
fn refund_of_shares(act: &Act, event: &Event) -> Option<&'static str> {
    let Event::RefundAsked { leg, .. } = event else { return None };
    let from = leg.from.as_ref()?;
    match (act, from.subs().len(), from.platform()) {
        (Act::Refund { from: None, .. }, ..) => Some("refunded from shares that nobody named"),
        (_, 2.., _) => Some("refunded from all shares at once"),
        (_, 1, Some(_)) => Some("refunded from a share and the platform"),
        _ => None,
    }
}

fn order_asked(event: &Event) -> Option<Asked> {
    match event {
        Event::PaidLate { asked, .. }
        | Event::CaptureAsked { asked, .. }
        | Event::ReversalAsked { asked }
        | Event::ReleaseAsked { asked, .. }
        | Event::RefundAsked { asked, .. }
        | Event::DivisionAsked { asked, .. } => Some(*asked),
        Event::ReleaseRefused { again, .. } => *again,
        Event::Requested { .. }
        | Event::Declined { .. }
        | Event::Authorized { .. }
        | Event::Closed
        | Event::Reminded { .. }
        | Event::Divided { .. }
        | Event::DivisionRefused { .. }
        | Event::Lapsed
        | Event::Captured { .. }
        | Event::CaptureRefused { .. }
        | Event::Reversed { .. }
        | Event::ReversalRefused { .. }
        | Event::Released { .. }
        | Event::Refunded { .. }
        | Event::RefundRefused { .. } => None,
    }
}

fn command(act: &Act, orders: i64) -> Command {
    let auth = |right: bool| AuthCode::parse(if right { "206067" } else { "206068" }).unwrap();
    let amount = |fen: i64| Amount::from_fen(u64::try_from(fen).unwrap()).unwrap();
    let order = |what: &str, number: u8| OrderId::parse(&format!("{what}0000{number}")).unwrap();
    let reason = || Text::parse("no").unwrap();
    let fingerprint = Fingerprint([1; 16]);
    match *act {
        Act::Pay => Command::Authorize {
            marks: Marks::default(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: auth(true),
        },
        Act::Decline => Command::Decline { reason: reason() },
        Act::Close => Command::Close,
        Act::Capture { order: number, part, right_auth } => Command::Capture {
            order: order("C", number),
            part: amount(part),
            auth: auth(right_auth),
            fingerprint,
        },
        Act::Reverse { capture, right_auth } => {
            Command::Reverse { capture: order("C", capture), auth: auth(right_auth) }
        }
        Act::Release { right_auth, right_hold } => Command::Release {
            hold: if right_hold { key().payment_leg() } else { order("H", 1) },
            auth: auth(right_auth),
        },
        Act::Complete { part } => Command::Complete { part: amount(part), fingerprint },
        Act::Cancel => Command::Cancel,
        Act::Refund { order: number, part, from } => Command::Refund {
            order: order("R", number),
            part: amount(part),
            from: from.map(shares),
            fingerprint,
        },
        Act::Divide { parts } => Command::Divide { shares: shares(parts) },
        Act::Remind => Command::Remind,
        Act::Lapse => Command::Lapse,
        Act::Expire => Command::Expire,
        Act::Report { behind, approve, restored } => Command::Report {
            // Before the first order there is nothing to be behind of.
            number: u32::try_from(orders - behind).unwrap_or(0),
            verdict: match approve {
                true => Verdict::Approved { marks: Marks::default(), restored },
                false => Verdict::Refused { reason: reason() },
            },
        },
    }
}

/// The model's parts as shares: the first shop has two, which its own numbers tell apart.
fn shares(parts: Parts) -> Arc<Shares> {
    let amount = |fen: i64| Amount::from_fen(u64::try_from(fen).unwrap()).ok();
    let subs = [("shop1", Some("A00001")), ("shop1", Some("B00001")), ("shop2", None)];
    let share = |((mid, order), part): ((&str, Option<&str>), i64)| {
        let order = order.map(|order| OrderId::parse(order).unwrap());
        Some(Share { mid: Mid::parse(mid).unwrap(), order, amount: amount(part)? })
    };
    let [platform, rest @ ..] = parts;
    let subs = subs.into_iter().zip(rest).filter_map(share).collect();
    Arc::new(Shares::of(amount(platform), subs).unwrap())
}

fn terms(life: &Life) -> Terms {
    let division = life.division.map(|plan| match plan {
        Plan::AtOnce(parts) => Division::Now(shares(parts)),
        Plan::Later => Division::Later,
    });
    let terms = Terms::plain(
        life.kind,
        Amount::from_fen(u64::try_from(life.amount).unwrap()).unwrap(),
        CodeId::parse("31940001").unwrap(),
        Tid::parse("88880001").unwrap(),
        Moment(START),
        Moment(OVER),
        Fingerprint([0; 16]),
    );
    Terms { division, ..terms }
}

fn key() -> BillKey {
    BillKey {
        mid: Mid::parse("898201612345678").unwrap(),
        no: BillNo::parse("319400000").unwrap(),
        date: Day::parse("2022-04-21").unwrap(),
    }
}

fn day_end(minutes: i64) -> DayEnd {
    DayEnd::parse(&format!("{:02}:{:02}", minutes / 60, minutes % 60)).unwrap()
}
