//! What is chosen by chance: how a bill is made, and what is asked of it, in plain integers.

use holdfast_domain::Kind;
use proptest::{
    bool::weighted,
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
};

/// What is chosen before a life begins.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) amount: i64,
    pub(crate) kind: Kind,
    pub(crate) division: Option<Plan>,
    /// How much may be captured, in percent of the hold.
    pub(crate) limit: i64,
    /// Minutes after midnight at which the business day ends.
    pub(crate) day_end: i64,
    pub(crate) hold_days: i64,
    pub(crate) guarantee_days: i64,
    pub(crate) accept_late: bool,
    pub(crate) steps: Vec<Step>,
}

/// How the merchant wishes the payment to be divided.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    AtOnce(Parts),
    Later,
}

/// What each party has or gets, in fen: the platform, the first shop twice under two numbers of its own, and
/// the second shop. Nothing means that it has no share.
pub(crate) type Parts = [i64; 4];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait {
        ms: i64,
    },
    /// To a moment at which a rule changes, or to the last millisecond before it.
    WaitFor {
        edge: Edge,
        early_ms: i64,
    },
    Do(Act),
    /// A refund of exactly what is left, or of what one party has left; to be named share by share or not.
    RefundRest {
        order: u8,
        of: Option<usize>,
        named: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Edge {
    PaymentTooLate,
    /// So many days before the deadline.
    Deadline {
        days: i64,
    },
    NextBusinessDay,
}

/// A command in plain values. Order numbers and codes are small integers here.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Pay,
    Decline,
    Close,
    Capture { order: u8, part: i64, right_auth: bool },
    Reverse { capture: u8, right_auth: bool },
    Release { right_auth: bool, right_hold: bool },
    Complete { part: i64 },
    Cancel,
    Refund { order: u8, part: i64, from: Option<Parts> },
    Divide { parts: Parts },
    Remind,
    Lapse,
    Expire,
    Report { behind: i64, approve: bool, restored: bool },
}

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 1_440 * MINUTE;

/// The most that one amount can be, in fen.
const MOST: i64 = 100_000_000;

pub(crate) fn lives() -> impl Strategy<Value = Life> {
    let amount = prop_oneof![6 => 1_i64..=1_000, 1 => Just(1), 1 => 99_999_000_i64..=100_000_000];
    let kind = prop_oneof![
        4 => Just(Kind::Hold),
        2 => Just(Kind::Guarantee),
        4 => Just(Kind::Payment),
    ];
    (amount, kind).prop_flat_map(|(amount, kind)| {
        let division = match kind {
            Kind::Payment => prop_oneof![
                1 => Just(None),
                2 => parts(amount).prop_map(|parts| Some(Plan::AtOnce(parts))),
                2 => Just(Some(Plan::Later)),
            ]
            .boxed(),
            Kind::Hold | Kind::Guarantee => Just(None).boxed(),
        };
        let limit = prop_oneof![Just(100_i64), 100_i64..=115];
        let day_end = select(vec![23 * 60_i64, 24 * 60, 12 * 60 + 30]);
        let days = (select(vec![1_i64, 3, 30]), select(vec![2_i64, 7, 8, 30]));
        (division, limit, day_end, days, weighted(0.25), vec(steps(amount, kind), 1..60)).prop_map(
            move |(division, limit, day_end, (hold_days, guarantee_days), accept_late, steps)| {
                Life {
                    amount,
                    kind,
                    division,
                    limit,
                    day_end,
                    hold_days,
                    guarantee_days,
                    accept_late,
                    steps,
                }
            },
        )
    })
}

/// Parts that are exactly `amount` together; somebody may have none.
fn parts(amount: i64) -> impl Strategy<Value = Parts> {
    [0..=amount, 0..=amount, 0..=amount].prop_map(move |mut cuts| {
        cuts.sort_unstable();
        let [one, two, three] = cuts;
        [one, two - one, three - two, amount - three]
    })
}

fn steps(amount: i64, kind: Kind) -> impl Strategy<Value = Step> {
    let wait = prop_oneof![
        4 => 1..=5 * MINUTE,
        2 => 5 * MINUTE..=10 * 60 * MINUTE,
        1 => 1..=2 * DAY,
        1 => Just(30 * DAY),
    ];
    let edge = select(vec![
        Edge::PaymentTooLate,
        Edge::NextBusinessDay,
        Edge::Deadline { days: 0 },
        Edge::Deadline { days: 1 },
        Edge::Deadline { days: 3 },
        Edge::Deadline { days: 7 },
    ]);
    let behind = prop_oneof![12 => Just(0_i64), 2 => Just(1), 1 => 2_i64..=3, 1 => Just(-1)];
    let report = (behind, weighted(0.7), any::<bool>());
    // Every kind of bill is refunded; the rest makes sense for its own kind only.
    let own = |of: Kind| if of == kind { 8 } else { 1 };
    let of_any = if kind == Kind::Payment { 8 } else { 3 };
    prop_oneof![
        2 => wait.prop_map(|ms| Step::Wait { ms }),
        1 => (edge, 0_i64..=1).prop_map(|(edge, early_ms)| Step::WaitFor { edge, early_ms }),
        4 => Just(Step::Do(Act::Pay)),
        1 => select(vec![Act::Decline, Act::Close, Act::Lapse, Act::Expire]).prop_map(Step::Do),
        1 => Just(Step::Do(Act::Remind)),
        own(Kind::Hold) => of_a_hold(amount).prop_map(Step::Do),
        own(Kind::Guarantee) => of_a_guarantee(amount).prop_map(Step::Do),
        of_any => of_any_kind(amount),
        12 => report.prop_map(|(behind, approve, restored)| {
            Step::Do(Act::Report { behind, approve, restored })
        }),
    ]
}

fn of_a_hold(amount: i64) -> impl Strategy<Value = Act> {
    let right = || weighted(0.95);
    prop_oneof![
        6 => (order(), part(amount), right()).prop_map(|(order, part, right_auth)| {
            Act::Capture { order, part, right_auth }
        }),
        4 => (order(), right()).prop_map(|(capture, right_auth)| {
            Act::Reverse { capture, right_auth }
        }),
        1 => (right(), right()).prop_map(|(right_auth, right_hold)| {
            Act::Release { right_auth, right_hold }
        }),
    ]
}

fn of_a_guarantee(amount: i64) -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => part(amount).prop_map(|part| Act::Complete { part }),
        1 => Just(Act::Cancel),
    ]
}

fn of_any_kind(amount: i64) -> impl Strategy<Value = Step> {
    let share = |at: usize, fen: i64| {
        let mut parts = [0; 4];
        parts[at] = fen;
        parts
    };
    // From one party, from the platform and one other, from anybody.
    let from = prop_oneof![
        2 => (0_usize..4, 1..=amount).prop_map(move |(at, fen)| share(at, fen)),
        1 => (1_usize..4, 1..=amount, 1..=amount)
            .prop_map(move |(at, fen, platform)| {
                let mut parts = share(at, fen);
                parts[0] = platform;
                parts
            }),
        1 => (1..=amount).prop_flat_map(parts),
    ];
    // Now and then the sum is not what the shares are together.
    let wrong = || prop_oneof![8 => Just(0_i64), 1 => -1_i64..=1];
    let refund =
        |order, part: i64, from| Step::Do(Act::Refund { order, part: part.clamp(1, MOST), from });
    prop_oneof![
        2 => (order(), part(amount)).prop_map(move |(order, part)| refund(order, part, None)),
        3 => (order(), from, wrong()).prop_map(move |(order, from, wrong)| {
            refund(order, from.iter().sum::<i64>() + wrong, Some(from))
        }),
        3 => (order(), select(vec![None, Some(0), Some(1), Some(2), Some(3)]), any::<bool>())
            .prop_map(|(order, of, named)| Step::RefundRest { order, of, named }),
        2 => (parts(amount), wrong()).prop_map(|(mut parts, wrong)| {
            parts[3] = (parts[3] + wrong).clamp(0, MOST);
            parts[0] += i64::from(parts == [0; 4]);
            Step::Do(Act::Divide { parts })
        }),
    ]
}

/// Whole, beyond the whole, a fen more than the limit, or anything.
fn part(amount: i64) -> impl Strategy<Value = i64> {
    let most = (amount * 116 / 100 + 2).min(MOST);
    let near = select(vec![1, amount, (amount * 115 / 100).min(most), most]);
    prop_oneof![2 => 1..=amount, 1 => 1..=most, 1 => near]
}

fn order() -> impl Strategy<Value = u8> {
    0_u8..4
}
