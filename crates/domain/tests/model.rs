//! Random lives of a bill, lived twice: by `decide`, and by a model of plain integers that knows nothing of it.
//!
//! The model is written to be read in one go, as a list of conditions and sums. Where the two disagree,
//! one of them is wrong.
//! `PROPTEST_RNG_SEED=7 cargo test -p holdfast-domain --test model` lives the lives of one seed again;
//! `PROPTEST_CASES=100000` lives more of them.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
};

use holdfast_domain::{
    Account, Amount, Asked, AuthCode, Balances, Bill, BillKey, BillNo, Channel, CodeId, Command,
    Day, DayEnd, Event, Fingerprint, Kind, LateSuccess, Marks, Mid, Moment, OrderId, Policy, Terms,
    Text, Tid, Verdict, decide, replay,
};
use proptest::{
    bool::weighted,
    collection::vec,
    prelude::{Just, Strategy, TestCaseError, any, prop_oneof},
    sample::select,
    test_runner::{Config, RngSeed, TestError, TestRunner},
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
        "bill.lapsed",
        "bill.paid",
        "bill.paid_late",
        "bill.requested",
        "capture.asked",
        "capture.refused",
        "captured",
        "capturing",
        "closed",
        "ended",
        "expired",
        "hold.authorized",
        "hold.captured",
        "hold.released",
        "hold.reversed",
        "lapsed",
        "paid",
        "refund.asked",
        "refund.done",
        "refund.refused",
        "refunding",
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

/// What is chosen before a life begins.
#[derive(Clone, Debug)]
struct Life {
    amount: i64,
    hold: bool,
    /// How much may be captured, in percent of the hold.
    limit: i64,
    /// Minutes after midnight at which the business day ends.
    day_end: i64,
    hold_days: i64,
    accept_late: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Wait {
        ms: i64,
    },
    /// To a moment at which a rule changes, or to the last millisecond before it.
    WaitFor {
        edge: Edge,
        early_ms: i64,
    },
    Do(Act),
}

#[derive(Clone, Copy, Debug)]
enum Edge {
    PaymentTooLate,
    Deadline,
    NextBusinessDay,
}

/// A command in plain values. Order numbers and codes are small integers here.
#[derive(Clone, Debug)]
enum Act {
    Pay,
    Decline,
    Close,
    Capture { order: u8, part: i64, right_auth: bool },
    Reverse { capture: u8, right_auth: bool },
    Release { right_auth: bool, right_hold: bool },
    Refund { order: u8, part: i64 },
    Lapse,
    Expire,
    Report { behind: i64, approve: bool, restored: bool },
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
/// 2022-04-21 15:00 in Beijing.
const START: i64 = 1_650_524_400_000;
const MINUTES_TO_PAY: i64 = 30;

fn lives() -> impl Strategy<Value = Life> {
    let amount = prop_oneof![6 => 1_i64..=1_000, 1 => Just(1), 1 => 99_999_000_i64..=100_000_000];
    let limit = prop_oneof![Just(100_i64), 100_i64..=115];
    let day_end = select(vec![23 * 60_i64, 24 * 60, 12 * 60 + 30]);
    (amount, weighted(0.8), limit, day_end, select(vec![1_i64, 3, 30]), weighted(0.25))
        .prop_flat_map(|(amount, hold, limit, day_end, hold_days, accept_late)| {
            vec(steps(amount), 1..60).prop_map(move |steps| Life {
                amount,
                hold,
                limit,
                day_end,
                hold_days,
                accept_late,
                steps,
            })
        })
}

fn steps(amount: i64) -> impl Strategy<Value = Step> {
    // Whole, beyond the whole, a fen more than the limit, or anything.
    let part = || {
        let most = (amount * 116 / 100 + 2).min(100_000_000);
        let near = select(vec![1, amount, (amount * 115 / 100).min(most), most]);
        prop_oneof![2 => 1..=amount, 1 => 1..=most, 1 => near]
    };
    let right = || weighted(0.95);
    let order = || 0_u8..4;
    let wait = prop_oneof![
        4 => 1..=5 * MINUTE,
        2 => 5 * MINUTE..=10 * 60 * MINUTE,
        1 => 1..=2 * DAY,
        1 => Just(30 * DAY),
    ];
    let edge = select(vec![Edge::PaymentTooLate, Edge::Deadline, Edge::NextBusinessDay]);
    let behind = prop_oneof![12 => Just(0_i64), 2 => Just(1), 1 => 2_i64..=3, 1 => Just(-1)];
    let capture = (order(), part(), right());
    let release = (right(), right());
    let report = (behind, weighted(0.7), any::<bool>());
    prop_oneof![
        2 => wait.prop_map(|ms| Step::Wait { ms }),
        1 => (edge, 0_i64..=1).prop_map(|(edge, early_ms)| Step::WaitFor { edge, early_ms }),
        4 => Just(Step::Do(Act::Pay)),
        1 => Just(Step::Do(Act::Decline)),
        1 => Just(Step::Do(Act::Close)),
        6 => capture.prop_map(|(order, part, right_auth)| {
            Step::Do(Act::Capture { order, part, right_auth })
        }),
        4 => (order(), right()).prop_map(|(capture, right_auth)| {
            Step::Do(Act::Reverse { capture, right_auth })
        }),
        1 => release.prop_map(|(right_auth, right_hold)| {
            Step::Do(Act::Release { right_auth, right_hold })
        }),
        4 => (order(), part()).prop_map(|(order, part)| Step::Do(Act::Refund { order, part })),
        1 => Just(Step::Do(Act::Lapse)),
        1 => Just(Step::Do(Act::Expire)),
        12 => report.prop_map(|(behind, approve, restored)| {
            Step::Do(Act::Report { behind, approve, restored })
        }),
    ]
}

/// Where the model's bill is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Waiting,
    Shut,
    Held,
    Got,
    Gone,
}

/// What the model's channel was asked to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Take { order: u8, part: i64 },
    Undo,
    Return { part: i64 },
    Free { must: bool },
}

/// The same bill in plain integers.
struct Model<'a> {
    life: &'a Life,
    now: i64,
    payer: i64,
    held: i64,
    merchant: i64,
    stage: Stage,
    wish: Option<Wish>,
    /// How many orders the channel was given.
    orders: i64,
    declined: i64,
    deadline: i64,
    /// The capture that stands: its number and its business day.
    capture: Option<(u8, i64)>,
    refunded: bool,
}

impl<'a> Model<'a> {
    fn new(life: &'a Life) -> Self {
        Self {
            life,
            now: START,
            payer: 0,
            held: 0,
            merchant: 0,
            stage: Stage::Waiting,
            wish: None,
            orders: 0,
            declined: 0,
            deadline: 0,
            capture: None,
            refunded: false,
        }
    }

    /// Does `act` if it is allowed, and says whether it was.
    fn allows(&mut self, act: &Act) -> bool {
        let (amount, idle) = (self.life.amount, self.wish.is_none());
        let allowed = match *act {
            Act::Pay => idle && matches!(self.stage, Stage::Waiting | Stage::Shut),
            Act::Decline => self.stage == Stage::Waiting && self.declined < 20,
            Act::Close => self.stage == Stage::Waiting,
            Act::Lapse => {
                self.stage == Stage::Waiting && self.now >= START + MINUTES_TO_PAY * MINUTE
            }
            Act::Capture { part, right_auth, .. } => {
                let most = (amount * self.life.limit / 100).min(100_000_000);
                let in_time = self.now < self.deadline;
                idle && self.stage == Stage::Held && right_auth && in_time && part <= most
            }
            Act::Release { right_auth, right_hold } => {
                idle && self.stage == Stage::Held && right_auth && right_hold
            }
            Act::Expire => idle && self.stage == Stage::Held && self.now >= self.deadline,
            Act::Reverse { capture, right_auth } => {
                let today = self.capture == Some((capture, self.business_day()));
                idle && self.stage == Stage::Got && right_auth && today && !self.refunded
            }
            Act::Refund { part, .. } => idle && self.stage == Stage::Got && part <= self.merchant,
            Act::Report { behind, .. } => !idle && behind == 0,
        };
        if allowed {
            self.act(act);
        }
        allowed
    }

    fn act(&mut self, act: &Act) {
        let amount = self.life.amount;
        match *act {
            Act::Pay if self.stage == Stage::Shut && !self.life.accept_late => {
                self.give(-amount, amount, 0);
                self.stage = Stage::Held;
                self.ask(Wish::Free { must: true });
            }
            Act::Pay if self.life.hold => {
                self.give(-amount, amount, 0);
                self.stage = Stage::Held;
                self.deadline = self.now + self.life.hold_days * DAY;
            }
            Act::Pay => {
                self.give(-amount, 0, amount);
                self.stage = Stage::Got;
            }
            Act::Decline => self.declined += 1,
            Act::Close | Act::Lapse => self.stage = Stage::Shut,
            Act::Capture { order, part, .. } => self.ask(Wish::Take { order, part }),
            Act::Reverse { .. } => self.ask(Wish::Undo),
            Act::Release { .. } => self.ask(Wish::Free { must: false }),
            Act::Expire => self.ask(Wish::Free { must: true }),
            Act::Refund { part, .. } => self.ask(Wish::Return { part }),
            Act::Report { approve, restored, .. } => {
                let wish = self.wish.take().unwrap();
                match (wish, approve) {
                    (Wish::Take { order, part }, true) => {
                        self.give(amount - part, -amount, part);
                        self.stage = Stage::Got;
                        self.capture = Some((order, self.business_day()));
                    }
                    (Wish::Undo, true) if restored => {
                        self.give(self.merchant - amount, amount, -self.merchant);
                        (self.stage, self.capture) = (Stage::Held, None);
                    }
                    (Wish::Undo, true) => {
                        self.give(self.merchant, 0, -self.merchant);
                        self.stage = Stage::Gone;
                    }
                    (Wish::Return { part }, true) => {
                        self.give(part, 0, -part);
                        self.refunded = true;
                    }
                    (Wish::Free { .. }, true) => {
                        self.give(amount, -amount, 0);
                        self.stage = Stage::Gone;
                    }
                    (Wish::Free { must: true }, false) => self.ask(wish),
                    (_, false) => {}
                }
            }
        }
    }

    fn give(&mut self, payer: i64, held: i64, merchant: i64) {
        self.payer += payer;
        self.held += held;
        self.merchant += merchant;
    }

    fn ask(&mut self, wish: Wish) {
        self.orders += 1;
        self.wish = Some(wish);
    }

    fn wait_for(&mut self, edge: Edge, early_ms: i64) {
        let at = match edge {
            Edge::PaymentTooLate => START + MINUTES_TO_PAY * MINUTE,
            Edge::Deadline => self.deadline,
            Edge::NextBusinessDay => {
                let beijing_midnight = self.now - (self.now + 8 * 60 * MINUTE) % DAY;
                beijing_midnight + self.life.day_end * MINUTE
            }
        };
        self.now = self.now.max(at - early_ms);
    }

    /// The Beijing day, and the next one from the end of business on.
    fn business_day(&self) -> i64 {
        let minutes = (self.now + 8 * 60 * MINUTE) / MINUTE;
        let (day, minute) = (minutes / 1_440, minutes % 1_440);
        if minute >= self.life.day_end { day + 1 } else { day }
    }
}

/// Lives one life twice and answers which phases and events it saw.
fn live(life: &Life) -> Result<BTreeSet<&'static str>, TestCaseError> {
    let policy = Policy {
        capture_limit_percent: u16::try_from(life.limit).unwrap(),
        business_day_ends: day_end(life.day_end),
        hold_days: u16::try_from(life.hold_days).unwrap(),
        guarantee_days: 30,
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
            Step::Do(act) => act,
        };
        let command = command(act, i64::from(bill.orders));
        let decided = decide(&bill, &command, Moment(model.now), &policy);
        let allowed = model.allows(act);
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
        change.entries.iter().for_each(|entry| balances.post(entry));
        if change.entries.iter().any(|entry| entry.from == entry.to) || balances.total() != 0 {
            return fail(format!("the entries do not balance: {:?}", change.entries));
        }
        let ours = [Account::Payer, Account::Held, Account::Merchant].map(|a| balances.of(&a));
        let theirs = [model.payer, model.held, model.merchant].map(i128::from);
        if ours != theirs {
            return fail(format!("payer, held, merchant: the model has {theirs:?}, we {ours:?}"));
        }
        if ours[1] < 0 || ours[2] < 0 {
            return fail(format!("nobody can have {ours:?}"));
        }
        if change.bill.balances() != balances {
            return fail("the bill tells of other money than its entries".to_owned());
        }
        if i64::from(change.bill.orders) != model.orders || change.bill.version != bill.version + 1
        {
            return fail("a change or an order was not counted".to_owned());
        }
        seen.extend([change.event.name(bill.terms.kind), change.bill.phase.name()]);
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
        Act::Refund { order: number, part } => Command::Refund {
            order: order("R", number),
            part: amount(part),
            from: None,
            fingerprint,
        },
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

fn terms(life: &Life) -> Terms {
    Terms::plain(
        if life.hold { Kind::Hold } else { Kind::Payment },
        Amount::from_fen(u64::try_from(life.amount).unwrap()).unwrap(),
        CodeId::parse("31940001").unwrap(),
        Tid::parse("88880001").unwrap(),
        Moment(START),
        Moment(START + MINUTES_TO_PAY * MINUTE),
        Fingerprint([0; 16]),
    )
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
