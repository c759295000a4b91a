//! Dividing money among merchants, by chance: whatever the sums and weights are, no fen is made or lost.
//!
//! `PROPTEST_RNG_SEED=7 cargo test -p holdfast-domain --test shares` tries the cases of one seed again;
//! `PROPTEST_CASES=100000` tries more of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use holdfast_domain::{
    Account, Amount, AuthCode, Balances, Bill, BillKey, BillNo, Channel, CodeId, Command, Day,
    Division, Fingerprint, Kind, Marks, Mid, Moment, OrderId, Policy, Share, Shares, Terms, Text,
    Tid, Unfair, Verdict, decide,
};
use proptest::{
    bool::weighted,
    collection::vec,
    option,
    prelude::{Just, Strategy, TestCaseError, any, prop_oneof},
    prop_assert, prop_assert_eq,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};

/// The three sentences leave no choice: exactly the whole, nobody off by a whole fen, and the fen that are left
/// over go to those who lost most by the rounding, the first of equals first.
#[test]
fn in_proportion_is_exact_and_those_who_lost_most_get_the_rest() {
    always(&proportions(), |(whole, platform, weights)| {
        let rest = i128::from(whole - platform);
        let all: i128 = weights.iter().copied().map(i128::from).sum();
        let exact = |at: usize| {
            let share = rest * i128::from(weights[at]);
            (share / all, share % all)
        };
        let shares = match in_proportion(whole, platform, &weights) {
            Ok(shares) => shares,
            Err(unfair) => {
                let nothing = (0..weights.len()).any(|at| exact(at).0 == 0);
                prop_assert!(nothing, "nobody would get nothing, and yet: {unfair}");
                return Ok(());
            }
        };
        prop_assert_eq!(shares.fen(), whole);
        prop_assert_eq!(shares.platform().map_or(0, Amount::fen), platform);
        let parts: Vec<_> = shares.subs().iter().map(|share| share.amount.fen()).collect();
        prop_assert_eq!(parts.len(), weights.len());
        let mut lucky = vec![];
        for (at, part) in parts.iter().enumerate() {
            let (down, lost) = exact(at);
            let extra = i128::from(*part) - down;
            prop_assert!(extra == 0 || (extra == 1 && lost > 0), "{at} is off by {extra} fen");
            lucky.push((extra == 1, lost));
        }
        for (at, (extra, lost)) in lucky.iter().enumerate() {
            for (before, (other_extra, other_lost)) in lucky.iter().take(at).enumerate() {
                let ranks_after = lost <= other_lost;
                prop_assert!(
                    if ranks_after { extra <= other_extra } else { other_extra <= extra },
                    "of {before} and {at} the wrong one got the fen that was left over"
                );
            }
        }
        Ok(())
    });
}

#[test]
fn only_ties_depend_on_the_order_in_which_merchants_are_named() {
    always(&proportions(), |(whole, platform, weights)| {
        let backwards: Vec<u64> = weights.iter().rev().copied().collect();
        let one = in_proportion(whole, platform, &weights);
        let other = in_proportion(whole, platform, &backwards);
        let (Ok(one), Ok(other)) = (one, other) else { return Ok(()) };
        let all: u128 = weights.iter().copied().map(u128::from).sum();
        let lost = |weight: &u64| u128::from(whole - platform) * u128::from(*weight) % all;
        let unlike = one.subs().iter().zip(other.subs().iter().rev()).zip(&weights);
        for ((one, other), weight) in unlike {
            let ties = weights.iter().filter(|other| lost(other) == lost(weight)).count();
            let off = one.amount.fen().abs_diff(other.amount.fen());
            prop_assert!(off == 0 || (off == 1 && ties > 1), "{weight}: {one:?}, {other:?}");
        }
        Ok(())
    });
}

#[test]
fn what_each_gives_and_keeps_is_what_it_had() {
    let part = || prop_oneof![1 => Just(0_u64), 4 => 1_u64..=5];
    let some = || {
        (part(), vec(part(), 4)).prop_filter_map("nobody", |(platform, parts)| {
            Shares::of(amount(platform), named(&parts)).ok()
        })
    };
    always(&(some(), some()), |(had, gives)| {
        let (has, wants) = (by_party(&had), by_party(&gives));
        let covered = wants.iter().all(|(party, fen)| has.get(party).is_some_and(|own| own >= fen));
        let Some(keeps) = had.minus(&gives) else {
            prop_assert!(!covered, "everybody has that much");
            return Ok(());
        };
        prop_assert!(covered, "somebody gave what it did not have");
        let mut back = by_party(&keeps);
        prop_assert!(back.values().all(|fen| *fen > 0), "a share of nothing is left");
        for (party, fen) in wants {
            *back.entry(party).or_default() += fen;
        }
        prop_assert_eq!(back, has);
        prop_assert_eq!(keeps.fen() + gives.fen(), had.fen());
        prop_assert_eq!(had.give_the_same(&gives), keeps.fen() == 0);
        prop_assert_eq!(gives.give_the_same(&had), keeps.fen() == 0);
        Ok(())
    });
}

/// Lives with refunds share by share: at every moment all accounts together are zero, and all refunds together
/// are exactly what was paid.
#[test]
fn nothing_is_lost_to_rounding_over_a_whole_life() {
    let tries = vec((any::<u64>(), any::<u64>(), any::<bool>(), weighted(0.8)), 60);
    always(&(proportions(), any::<bool>(), tries), |((whole, platform, weights), later, tries)| {
        let Ok(shares) = in_proportion(whole, platform, &weights) else { return Ok(()) };
        let shares = Arc::new(shares);
        let division = if later { Division::Later } else { Division::Now(shares.clone()) };
        let mut life = Life::begin(whole, division);
        if later {
            life.order(Command::Divide { shares: shares.clone() }, true)?;
        }
        let mut left = by_party(&shares);
        let mut returned = 0;
        for (pick, size, with_platform, approve) in tries {
            let Some(party) = left.keys().nth(index(pick, left.len())).cloned() else { break };
            // Half of the time all that the party has.
            let part = |has: u64| if size % 2 == 0 { has } else { 1 + size % has };
            let mut from = BTreeMap::from([(party.clone(), part(left[&party]))]);
            if with_platform && let Some(own) = left.get(PLATFORM) {
                from.insert(PLATFORM.to_owned(), part(*own));
            }
            returned += life.refund(Some(&from), from.values().sum(), approve)?;
            if approve {
                for (party, fen) in from {
                    left.insert(party.clone(), left[&party] - fen);
                }
                left.retain(|_, fen| *fen > 0);
            }
            prop_assert_eq!(life.has(), left.values().sum::<u64>());
        }
        if !left.is_empty() {
            returned += life.refund(None, left.values().sum(), true)?;
        }
        prop_assert_eq!(returned, whole);
        prop_assert_eq!(life.balances, Balances::default(), "somebody still has something");
        Ok(())
    });
}

#[test]
fn what_cannot_be_told_apart_or_does_not_sum_up_is_not_divided() {
    let sum = |shares, whole| Unfair::Sum { shares, whole };
    let all = (0..20).map(|_| 1).collect::<Vec<u64>>();
    let more = (0..21).map(|_| 1).collect::<Vec<u64>>();
    for (whole, platform, parts, expected) in [
        (100, 40, vec![60], Ok(100)),
        (100, 100, vec![], Ok(100)),
        (100, 0, vec![99, 1], Ok(100)),
        (20, 0, all.clone(), Ok(20)),
        (100, 40, vec![59], Err(sum(99, 100))),
        (100, 40, vec![61], Err(sum(101, 100))),
        (100, 99, vec![], Err(sum(99, 100))),
        (21, 0, more.clone(), Err(Unfair::TooMany)),
        (100, 0, vec![], Err(Unfair::Nobody)),
    ] {
        let divided = Shares::divide(amount(whole).unwrap(), amount(platform), named(&parts));
        let case = format!("{whole} as {platform} and {parts:?}");
        assert_eq!(divided.map(|shares| shares.fen()), expected, "{case}");
    }
    let share = |mid: &str, order: Option<&str>| Share {
        mid: Mid::parse(mid).unwrap(),
        order: order.map(|order| OrderId::parse(order).unwrap()),
        amount: amount(1).unwrap(),
    };
    for (one, other, expected) in [
        (share("shop1", None), share("shop1", None), Err(Unfair::Twice)),
        (share("shop1", Some("A00001")), share("shop1", Some("A00001")), Err(Unfair::Twice)),
        (share("shop1", Some("A00001")), share("shop1", Some("A00002")), Ok(2)),
        (share("shop1", Some("A00001")), share("shop1", None), Ok(2)),
        (share("shop1", Some("A00001")), share("shop2", Some("A00001")), Ok(2)),
    ] {
        let divided = Shares::divide(amount(2).unwrap(), None, vec![one.clone(), other.clone()]);
        assert_eq!(divided.map(|shares| shares.fen()), expected, "{one:?} and {other:?}");
    }
    for (whole, platform, weights, expected) in [
        (10, 0, vec![1, 1, 1], Ok(vec![4, 3, 3])),
        (10, 3, vec![1, 1], Ok(vec![4, 3])),
        (10, 0, vec![1, 1, 2], Ok(vec![3, 2, 5])),
        (11, 0, vec![2, 3, 1], Ok(vec![4, 5, 2])),
        (3, 0, vec![u64::MAX, u64::MAX, u64::MAX], Ok(vec![1, 1, 1])),
        (100, 0, vec![0, 0], Err(Unfair::Nobody)),
        (100, 0, vec![], Err(Unfair::Nobody)),
        (100, 0, vec![1, 0], Err(Unfair::Nothing)),
        (1, 0, vec![1, 1], Err(Unfair::Nothing)),
        (100, 100, vec![1], Err(Unfair::Nothing)),
        (100, 200, vec![1], Err(Unfair::Nothing)),
        (1_000, 0, more.clone(), Err(Unfair::TooMany)),
    ] {
        let parts = in_proportion(whole, platform, &weights)
            .map(|shares| shares.subs().iter().map(|share| share.amount.fen()).collect::<Vec<_>>());
        assert_eq!(parts, expected, "{whole} less {platform} in proportion to {weights:?}");
    }
}

/// A divided payment that lives by the rules.
struct Life {
    bill: Bill,
    balances: Balances,
    numbers: BTreeSet<u32>,
}

impl Life {
    /// Made and paid.
    fn begin(whole: u64, division: Division) -> Self {
        let key = BillKey {
            mid: Mid::parse("898201612345678").unwrap(),
            no: BillNo::parse("319400000").unwrap(),
            date: Day::parse("2022-04-21").unwrap(),
        };
        let terms = Terms::plain(
            Kind::Payment,
            amount(whole).unwrap(),
            CodeId::parse("31940001").unwrap(),
            Tid::parse("88880001").unwrap(),
            Moment(0),
            Moment(60_000),
            Fingerprint([0; 16]),
        );
        let bill = Bill::request(key, Terms { division: Some(division), ..terms }).bill;
        let mut life = Self { bill, balances: Balances::default(), numbers: BTreeSet::new() };
        life.run(&Command::Authorize {
            marks: Marks::default(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: AuthCode::parse("206067").unwrap(),
        })
        .unwrap();
        life
    }

    fn run(&mut self, command: &Command) -> Result<(), TestCaseError> {
        let change = decide(&self.bill, command, Moment(0), &Policy::default())
            .map_err(|refusal| TestCaseError::fail(format!("{command:?}: {refusal}")))?;
        change.entries.iter().for_each(|entry| self.balances.post(entry));
        prop_assert_eq!(self.balances.total(), 0);
        prop_assert_eq!(&self.balances, &change.bill.balances());
        self.bill = change.bill;
        Ok(())
    }

    /// Gives an order, which the channel approves or refuses.
    fn order(&mut self, command: Command, approve: bool) -> Result<(), TestCaseError> {
        self.run(&command)?;
        let number = self.bill.orders;
        prop_assert!(self.numbers.insert(number), "order {number} was given before");
        let verdict = match approve {
            true => Verdict::Approved { marks: Marks::default(), restored: false },
            false => Verdict::Refused { reason: Text::parse("no").unwrap() },
        };
        self.run(&Command::Report { number, verdict })
    }

    /// Gives so much back and answers how much the payer got.
    fn refund(
        &mut self,
        from: Option<&BTreeMap<String, u64>>,
        fen: u64,
        approve: bool,
    ) -> Result<u64, TestCaseError> {
        let before = self.has();
        let order = OrderId::parse(&format!("R{:05}", self.bill.orders)).unwrap();
        let (part, fingerprint) = (amount(fen).unwrap(), Fingerprint([1; 16]));
        let from = from.map(|from| {
            let shops = from.iter().filter(|(party, _)| *party != PLATFORM);
            let shops = shops.map(|(mid, fen)| share(mid, *fen)).collect();
            let platform = from.get(PLATFORM).and_then(|fen| amount(*fen));
            Arc::new(Shares::of(platform, shops).unwrap())
        });
        self.order(Command::Refund { order, part, from, fingerprint }, approve)?;
        Ok(before - self.has())
    }

    /// What all merchants have together.
    fn has(&self) -> u64 {
        let owed = self.balances.of(&Account::Payer);
        u64::try_from(-owed).unwrap()
    }
}

/// A whole, the platform's part of it, and the weights of the others.
fn proportions() -> impl Strategy<Value = (u64, u64, Vec<u64>)> {
    let whole = prop_oneof![1_u64..=100, 1_u64..=100_000, 99_999_000_u64..=100_000_000];
    let weights = prop_oneof![
        3 => vec(1_u64..=4, 1..=20),
        3 => vec(1_u64..=1_000, 1..=20),
        1 => vec(any::<u64>(), 1..=20),
    ];
    (whole, option::of(0_u64..=100), weights).prop_map(|(whole, percent, weights)| {
        let weights = if weights.iter().all(|weight| *weight == 0) { vec![1] } else { weights };
        (whole, whole * percent.unwrap_or(0) / 100, weights)
    })
}

fn in_proportion(whole: u64, platform: u64, weights: &[u64]) -> Result<Shares, Unfair> {
    let subs = weights.iter().enumerate();
    let subs = subs.map(|(at, weight)| (Mid::parse(&mid(at)).unwrap(), None, *weight));
    Shares::in_proportion(amount(whole).unwrap(), amount(platform), subs.collect())
}

const PLATFORM: &str = "platform";

/// What each party has, by name.
fn by_party(shares: &Shares) -> BTreeMap<String, u64> {
    let platform = shares.platform().map(|own| (PLATFORM.to_owned(), own.fen()));
    let subs = shares.subs().iter().map(|share| (share.mid.to_string(), share.amount.fen()));
    platform.into_iter().chain(subs).collect()
}

/// A share for each part that is not nothing.
fn named(parts: &[u64]) -> Vec<Share> {
    let parts = parts.iter().enumerate().filter(|(_, fen)| **fen > 0);
    parts.map(|(at, fen)| share(&mid(at), *fen)).collect()
}

fn share(mid: &str, fen: u64) -> Share {
    Share { mid: Mid::parse(mid).unwrap(), order: None, amount: amount(fen).unwrap() }
}

fn mid(at: usize) -> String {
    format!("shop{at:02}")
}

fn amount(fen: u64) -> Option<Amount> {
    Amount::from_fen(fen).ok()
}

fn index(pick: u64, len: usize) -> usize {
    usize::try_from(pick).unwrap().checked_rem(len).unwrap_or(0)
}

/// Checks a property of everything that `cases` yields.
fn always<S: Strategy>(cases: &S, holds: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one("a new seed for every run"),
    };
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..config };
    match TestRunner::new(config).run(cases, holds) {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        Err(TestError::Fail(why, case)) => {
            panic!("PROPTEST_RNG_SEED={seed}: {why}\nthe smallest case that shows it: {case:#?}")
        }
    }
}
