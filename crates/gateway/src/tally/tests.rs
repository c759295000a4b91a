//! The tally against scripts, and against a plain recount of random lives. The scripts are those of statements.

use std::sync::Arc;

use holdfast_domain::{Bill, Channel, Phase, Policy, replay};
use proptest::prelude::TestCaseError;

use super::*;
use crate::{
    channel::Unconnected,
    clock::{Clock, Dice},
    statement::tests::{BILLS, Step, day, lived, moment, play, random, tried},
    store::{Asker, Commit, MemoryStore, Store},
    submit::Core,
};

/// A hold is captured and reversed, and another day's is released; a payment is refunded.
const LIFE: &str = "
    2026-11-22 22:59 M1/BILL01 hold 500
    2026-11-22 23:00 M1/BILL01 pay
    2026-11-22 23:05 M1/BILL02 payment 90
    2026-11-22 23:06 M1/BILL02 pay
    2026-11-23 10:05 M1/BILL01 capture C00001 380
    2026-11-23 10:05:00.150 M1/BILL01 approve
    2026-11-23 10:11 M1/BILL01 reverse C00001
    2026-11-23 10:11:03 M1/BILL01 approve
    2026-11-23 10:20 M1/BILL01 capture C00002 380
    2026-11-23 10:20 M1/BILL01 refuse
    2026-11-23 23:00 M1/BILL01 release
    2026-11-23 23:00 M1/BILL01 approve
    2026-11-23 23:01 M1/BILL02 refund R00001 40
    2026-11-24 00:01 M1/BILL02 approve";

/// What the tally says at a moment: each thing that happened, as `name count fen`, of the day so far and of the day
/// before up to the same time.
async fn check(at: (&str, &str), today: &[&str], before: &[&str]) {
    let store = lived(LIFE).await;
    let mut tally = Tally::new(Policy::default().business_day_ends);
    for record in store.journal(0, usize::MAX).await.unwrap() {
        assert!(!tally.wants_past(&record));
        tally.count(&record);
    }
    let summary = tally.summary(moment(at.0, at.1));
    assert_eq!(told(&summary.so_far), today, "{at:?}");
    assert_eq!(told(&summary.before), before, "before {at:?}");
}

fn told(figures: &Figures) -> Vec<String> {
    let deeds = Deed::ALL.map(|deed| (deed, figures.of(deed)));
    let deeds = deeds.into_iter().filter(|(_, total)| *total != Total::default());
    let mut told: Vec<String> =
        deeds.map(|(deed, total)| format!("{deed:?} {} {}", total.count, total.fen)).collect();
    told.push(format!("back {}", figures.back_fen));
    told.push(format!(
        "{} asked {} approved {} refused",
        figures.asked, figures.approved, figures.refused
    ));
    told
}

#[tokio::test]
async fn a_day_is_told_with_the_day_before_up_to_the_same_time() {
    let nothing = ["back 0", "0 asked 0 approved 0 refused"];
    check(("2026-11-22", "22:59"), &nothing, &nothing).await;
    let all = [
        "Hold 1 500",
        "Payment 1 90",
        "Capture 1 380",
        "Reversal 1 380",
        "back 0",
        "3 asked 2 approved 1 refused",
    ];
    check(("2026-11-23", "22:59"), &all, &nothing).await;
    let today = ["Release 1 500", "Refund 1 40", "back 540", "2 asked 2 approved 0 refused"];
    // Ten past ten of the day before is in, eleven past is not.
    let before =
        ["Hold 1 500", "Payment 1 90", "Capture 1 380", "back 120", "1 asked 1 approved 0 refused"];
    check(("2026-11-24", "10:09"), &today, &before).await;
    check(("2026-11-24", "22:00"), &today, &all).await;
    let first = ["Release 1 500", "back 500", "2 asked 1 approved 0 refused"];
    check(("2026-11-24", "23:00"), &nothing, &first).await;
}

#[tokio::test]
async fn it_is_told_how_long_orders_were_uncertain() {
    let store = lived(LIFE).await;
    let mut tally = Tally::new(Policy::default().business_day_ends);
    for record in store.journal(0, usize::MAX).await.unwrap() {
        tally.count(&record);
    }
    let figures = tally.summary(moment("2026-11-23", "12:00")).so_far;
    assert_eq!(figures.certainty.count(), 3);
    assert_eq!(figures.certainty.within(33), Some(Some(10)));
    assert_eq!(figures.certainty.within(50), Some(Some(200)));
    assert_eq!(figures.certainty.within(95), Some(Some(5_000)));
    assert_eq!(figures.approved_of_1000(), Some(666));
    let figures = tally.summary(moment("2026-11-24", "12:00")).so_far;
    assert_eq!(figures.certainty.within(100), Some(Some(3_600_000)));
    assert_eq!(Figures::default().certainty.within(50), None);
    assert_eq!(Figures::default().approved_of_1000(), None);
}

#[test]
fn what_took_longer_than_all_steps_is_counted_too() {
    let mut certainty = Certainty::default();
    [-5, 10, 11, 3_600_001, i64::MAX].into_iter().for_each(|ms| certainty.add(ms));
    assert_eq!(certainty.count(), 5);
    assert_eq!(certainty.within(40), Some(Some(10)));
    assert_eq!(certainty.within(60), Some(Some(20)));
    assert_eq!(certainty.within(61), Some(None));
}

#[test]
fn the_tally_is_a_plain_recount_of_the_journal() {
    random(None, 60, |life| live(life).map(drop));
}

/// What is never reached is not tested.
#[test]
fn random_lives_reach_every_deed() {
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    random(Some(3), 200, |life| {
        seen.borrow_mut().extend(live(life)?);
        Ok(())
    });
    assert_eq!(seen.into_inner().len(), Deed::ALL.len(), "the lives are too tame");
}

/// Lives a life, and compares what is told at its end with a recount; answers what happened in it.
fn live(life: &[Step]) -> Result<Vec<Deed>, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(MemoryStore::new());
        let mut now = moment("2026-11-23", "09:00");
        for bill in BILLS {
            play(&*store, &format!("2026-11-23 09:00 {bill}")).await;
        }
        let clock = Clock::standing(now);
        let core = core(store.clone(), clock.clone());
        // One follows all along; the others begin late, and one of them with no memory at all.
        let follows = Watch::new(core.clone());
        for (number, step) in life.iter().enumerate() {
            now = now.plus_ms(step.wait_ms);
            clock.advance(step.wait_ms);
            for what in [step.what, step.answer].into_iter().filter(|what| !what.is_empty()) {
                let number = u32::try_from(number).unwrap();
                let Some(change) = tried(&*store, Step { what, ..*step }, number, now).await else {
                    break;
                };
                let commit = Commit { change, at: now, asker: Asker::Channel };
                store.commit(commit).await.unwrap();
            }
            if number % 7 == 0 {
                follows.look().await.unwrap();
            }
        }
        let expected = recount(&store, now).await;
        let followed = follows.look().await.unwrap().summary;
        let began_late = Watch::new(core).look().await.unwrap().summary;
        let mut forgetful = Tally::new(Policy::default().business_day_ends);
        for record in store.journal(0, usize::MAX).await.unwrap() {
            forgetful.open.clear();
            if forgetful.wants_past(&record) {
                forgetful.recall(&record, &store.history(&record.key).await.unwrap());
            }
            forgetful.count(&record);
        }
        for (how, summary) in
            [("followed", followed), ("late", began_late), ("forgetful", forgetful.summary(now))]
        {
            let days: Vec<_> =
                summary.days.iter().map(|(day, figures)| (*day, told(figures))).collect();
            let counted: Vec<_> =
                expected.iter().map(|(day, (figures, _))| (*day, told(figures))).collect();
            if days != counted {
                return Err(TestCaseError::fail(format!(
                    "{how}: {days:?}\nrecounted: {counted:?}"
                )));
            }
            for ((day, figures), (_, (_, took))) in summary.days.iter().zip(&expected) {
                if figures.certainty != *took {
                    return Err(TestCaseError::fail(format!("{how} {day}: {figures:?}, {took:?}")));
                }
            }
            let hours = Figures::sum(summary.hours.iter().map(|(_, today, _)| today));
            if hours != summary.so_far {
                return Err(TestCaseError::fail(format!("{how}: the hours are not the day")));
            }
        }
        let all = Figures::sum(expected.iter().map(|(_, (figures, _))| figures));
        Ok(Deed::ALL.into_iter().filter(|deed| all.of(*deed).count > 0).collect())
    })
}

/// The days of a summary by the lives of the bills: where each was before and after, not what the record says.
async fn recount(store: &MemoryStore, now: Moment) -> Vec<(Day, (Figures, Certainty))> {
    let ends = Policy::default().business_day_ends;
    let today = now.business_day(ends);
    let days = (0..14).rev().map(|ago| (Day(today.0 - ago), <(Figures, Certainty)>::default()));
    let mut days: BTreeMap<Day, (Figures, Certainty)> = days.collect();
    for bill in store.bills(None, usize::MAX).await.unwrap() {
        let mut before: Option<Bill> = None;
        for record in store.history(&bill.key).await.unwrap() {
            let after = replay(before.as_ref(), &record.key, record.event.clone()).unwrap().bill;
            if let (Some(before), Some((figures, took))) =
                (&before, days.get_mut(&record.at.business_day(ends)))
            {
                recount_step(before, &after, &record, figures, took);
            }
            before = Some(after);
        }
    }
    days.into_iter().collect()
}

fn recount_step(
    before: &Bill,
    after: &Bill,
    record: &Record,
    figures: &mut Figures,
    took: &mut Certainty,
) {
    let whole = i128::from(after.terms.amount.fen());
    let fen = |leg: &Arc<holdfast_domain::Leg>| i128::from(leg.amount.fen());
    let has = |bill: &Bill| -bill.balances().of(&Account::Payer);
    let (asked, open) = (before.open_order(), after.open_order());
    let answered = asked
        .filter(|(asked, _)| open.as_ref().is_none_or(|(open, _)| open.number != asked.number));
    if open.as_ref().map(|open| open.0.number) != before.open_order().map(|open| open.0.number)
        && open.is_some()
        && answered.is_none()
    {
        figures.asked += 1;
    } else if open.is_some() && answered.is_some() {
        // An order takes the place of one that was refused.
        figures.asked += 1;
    }
    let done = match (&before.phase, &after.phase) {
        (Phase::Capturing { leg, .. }, Phase::Taken { .. }) => {
            figures.count(Deed::Capture, fen(leg));
            true
        }
        (Phase::Reversing { leg, .. }, Phase::Authorized { .. } | Phase::Ended { .. }) => {
            figures.count(Deed::Reversal, fen(leg));
            true
        }
        (Phase::Refunding { leg, takings, .. }, Phase::Taken { takings: now, .. }) => {
            let done = takings.refundable != now.refundable;
            if done {
                figures.count(Deed::Refund, fen(leg));
            }
            done
        }
        (Phase::Dividing { .. }, Phase::Taken { takings, .. }) => {
            takings.split != holdfast_domain::Split::Pending
        }
        (Phase::Releasing { .. }, Phase::Released { why, .. }) => {
            let deed = match why {
                Why::Merchant => Deed::Release,
                Why::Deadline => Deed::Expiry,
                Why::LateAfterClose | Why::LateAfterLapse => Deed::Return,
            };
            figures.count(deed, whole);
            true
        }
        _ => {
            if before.payment().is_none()
                && let Some(payment) = after.payment()
                && after.open_order().is_none()
            {
                assert_eq!(payment.channel, Channel::UnionPay);
                let deed = if payment.grant.is_some() { Deed::Hold } else { Deed::Payment };
                figures.count(deed, whole);
            }
            false
        }
    };
    let late = |bill: &Bill| {
        matches!(
            bill.phase,
            Phase::Releasing { why: Why::LateAfterClose | Why::LateAfterLapse, .. }
        )
    };
    if before.payment().is_some() && !late(before) {
        figures.back_fen += has(before) - has(after);
    }
    if let Some((asked, _)) = answered {
        *if done { &mut figures.approved } else { &mut figures.refused } += 1;
        took.add(record.at.0 - asked.at.0);
    }
}

fn core(store: Arc<MemoryStore>, clock: Clock) -> Arc<Core> {
    let channel = Arc::new(Unconnected);
    Arc::new(Core::new(store, channel, clock, Dice::seeded(1), Policy::default(), 1))
}

#[tokio::test]
async fn days_that_are_too_long_ago_are_forgotten() {
    let store = lived(LIFE).await;
    let mut tally = Tally::new(Policy::default().business_day_ends);
    let records = store.journal(0, usize::MAX).await.unwrap();
    for years in 0..3 {
        for record in &records {
            let at = record.at.plus_days(years * 365);
            tally.count(&Record { at, ..record.clone() });
        }
    }
    assert_eq!(tally.slots.first_key_value().unwrap().0.0, Day(day("2026-11-23").0 + 730));
    assert!(tally.slots.len() < 20, "{}", tally.slots.len());
}
