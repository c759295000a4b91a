//! The tally: what was held, taken and given back, and how soon it was certain, by time and from the journal alone.
//!
//! It is kept in memory and read from the journal again at each start: nothing is lost with it. [`Tally`] counts and
//! does no I/O; [`Watch`] reads the journal for it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use holdfast_domain::{Account, BillKey, Day, DayEnd, Event, Moment, Why};

use crate::{limits, store::Record};

mod watch;

#[cfg(test)]
mod tests;

pub use watch::{Seen, Watch};

/// How long a slot is, in milliseconds: the grain of all figures.
const SLOT_MS: i64 = 10 * 60_000;
/// Slots in an hour.
const SLOTS_PER_HOUR: u16 = 6;
/// Hours in a business day.
const HOURS: u16 = 24;

/// What moves money, as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Money was set aside, by a hold or a guarantee.
    Hold,
    /// Money was paid at once.
    Payment,
    /// Set-aside money was taken.
    Capture,
    /// A capture was undone.
    Reversal,
    /// The merchant gave set-aside money up.
    Release,
    /// The deadline was over and the money went back.
    Expiry,
    /// Taken money was given back.
    Refund,
    /// Money that came too late was given back.
    Return,
}

/// How often, and how much together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How often.
    pub count: u64,
    /// In fen.
    pub fen: i128,
}

/// How long orders were uncertain: how many became certain within each of [`Certainty::STEPS_MS`], and later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Certainty([u64; Certainty::COUNT]);

/// What happened in some stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What moved money.
    deeds: BTreeMap<Deed, Total>,
    /// What went back to payers in any way, in fen, less what captures took beyond their holds. Without money that came
    /// too late: it was never counted as held.
    pub back_fen: i128,
    /// Orders that the channel was to carry out.
    pub asked: u64,
    /// Orders that the channel carried out.
    pub approved: u64,
    /// Orders that the channel refused.
    pub refused: u64,
    /// How long it took until the outcome was known, of orders whose outcome became known.
    pub certainty: Certainty,
}

/// The figures of the last [`limits::TALLY_DAYS`] business days.
#[derive(Debug, PartialEq, Eq)]
pub struct Tally {
    ends: DayEnd,
    /// By business day, and by ten minutes of it.
    slots: BTreeMap<(Day, u16), Figures>,
    /// Orders of which nobody knows yet what became of them.
    open: HashMap<Arc<BillKey>, Ask>,
}

/// An open order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ask {
    at: Moment,
    /// What it is when it gives a whole payment back.
    why: Option<Why>,
}

/// The figures that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The business day it is.
    pub today: Day,
    /// When it began.
    pub began: Moment,
    /// Its figures so far.
    pub so_far: Figures,
    /// Those of the business day before, up to the same time.
    pub before: Figures,
    /// Up to when those are: the end of the ten minutes that it is now, a day ago.
    pub before_until: Moment,
    /// The business days up to today, the oldest first.
    pub days: Vec<(Day, Figures)>,
    /// The hours of today and of the day before: when the hour begins today, today's figures, and the day before's.
    pub hours: Vec<(Moment, Figures, Figures)>,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Hold,
        Self::Payment,
        Self::Capture,
        Self::Reversal,
        Self::Release,
        Self::Expiry,
        Self::Refund,
        Self::Return,
    ];
}

impl Certainty {
    const COUNT: usize = 14;
    /// Within how long, in milliseconds; the last count is of what took longer than all of them.
    pub const STEPS_MS: [i64; Self::COUNT - 1] =
        [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000, 600_000, 3_600_000];

    /// How many became certain at each step, with the step in milliseconds; `None` for what took longer.
    pub fn steps(&self) -> impl Iterator<Item = (Option<i64>, u64)> {
        let steps = Self::STEPS_MS.into_iter().map(Some).chain([None]);
        steps.zip(self.0)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The step, in milliseconds, within which so many of a hundred became certain: `Some(None)` when it took longer
    /// than the last step, `None` when there are none at all.
    #[must_use]
    pub fn within(&self, percent: u64) -> Option<Option<i64>> {
        let all = u128::from(self.count());
        let mut sum = 0_u128;
        self.steps().find_map(|(step, count)| {
            sum = sum.saturating_add(u128::from(count));
            let reached = sum.saturating_mul(100) >= all.saturating_mul(u128::from(percent));
            (all > 0 && sum > 0 && reached).then_some(step)
        })
    }

    fn add(&mut self, took_ms: i64) {
        let places = Self::STEPS_MS.into_iter().map(Some).chain([None]).zip(&mut self.0);
        let mut places = places.filter(|(step, _)| step.is_none_or(|step| took_ms <= step));
        if let Some((_, count)) = places.next() {
            *count = count.saturating_add(1);
        }
    }
}

impl Figures {
    /// How often that happened, and how much it moved.
    #[must_use]
    pub fn of(&self, deed: Deed) -> Total {
        self.deeds.get(&deed).copied().unwrap_or_default()
    }

    /// What merchants got, in fen: payments and captures, without captures that were undone.
    #[must_use]
    pub fn taken_fen(&self) -> i128 {
        let [payments, captures, reversals] =
            [Deed::Payment, Deed::Capture, Deed::Reversal].map(|deed| self.of(deed).fen);
        payments.saturating_add(captures).saturating_sub(reversals)
    }

    /// Of the orders whose outcome became known, how many of a thousand were carried out; `None` without any.
    #[must_use]
    pub fn approved_of_1000(&self) -> Option<u64> {
        let known = u128::from(self.approved).saturating_add(u128::from(self.refused));
        let share = u128::from(self.approved).saturating_mul(1_000).checked_div(known)?;
        u64::try_from(share).ok()
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn count(&mut self, deed: Deed, fen: i128) {
        let total = self.deeds.entry(deed).or_default();
        total.count = total.count.saturating_add(1);
        total.fen = total.fen.saturating_add(fen);
    }

    fn add(&mut self, other: &Self) {
        for (deed, more) in &other.deeds {
            let total = self.deeds.entry(*deed).or_default();
            total.count = total.count.saturating_add(more.count);
            total.fen = total.fen.saturating_add(more.fen);
        }
        self.back_fen = self.back_fen.saturating_add(other.back_fen);
        self.asked = self.asked.saturating_add(other.asked);
        self.approved = self.approved.saturating_add(other.approved);
        self.refused = self.refused.saturating_add(other.refused);
        self.certainty.0.iter_mut().zip(other.certainty.0).for_each(|(sum, more)| {
            *sum = sum.saturating_add(more);
        });
    }

    /// Together.
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, more| {
            sum.add(more);
            sum
        })
    }
}

impl Tally {
    /// Nothing counted yet; business days end then.
    #[must_use]
    pub fn new(ends: DayEnd) -> Self {
        Self { ends, slots: BTreeMap::new(), open: HashMap::new() }
    }

    /// Whether the record tells what became of an order that this does not know of: then
    /// [`Tally::recall`] comes first.
    #[must_use]
    pub fn wants_past(&self, record: &Record) -> bool {
        outcome(&record.event).is_some() && !self.open.contains_key(&record.key)
    }

    /// Remembers the order that was open before the record, from the history of its bill.
    pub fn recall(&mut self, record: &Record, history: &[Record]) {
        for earlier in history.iter().take_while(|earlier| earlier.seq < record.seq) {
            self.remember(earlier);
        }
    }

    /// Counts one record. They come in the order of the journal.
    pub fn count(&mut self, record: &Record) {
        let known = self.open.get(&*record.key).copied();
        let mut figures = Figures::default();
        let sum = |side: fn(&holdfast_domain::Entry) -> bool| -> i128 {
            let entries = record.entries.iter().filter(|entry| side(entry));
            entries.fold(0, |sum, entry| sum.saturating_add(i128::from(entry.amount.fen())))
        };
        let to_payer = sum(|entry| entry.to == Account::Payer);
        let from_payer = sum(|entry| entry.from == Account::Payer);
        let deed = match &record.event {
            Event::Authorized { payment } if payment.grant.is_some() => {
                Some((Deed::Hold, from_payer))
            }
            Event::Authorized { .. } => Some((Deed::Payment, from_payer)),
            Event::Captured { .. } => {
                Some((Deed::Capture, sum(|entry| entry.to == Account::Merchant)))
            }
            Event::Reversed { .. } => {
                Some((Deed::Reversal, sum(|entry| entry.from == Account::Merchant)))
            }
            Event::Refunded { .. } => Some((Deed::Refund, to_payer)),
            Event::Released { .. } => {
                let deed = match known.and_then(|ask| ask.why) {
                    Some(Why::Deadline) => Deed::Expiry,
                    Some(Why::LateAfterClose | Why::LateAfterLapse) => Deed::Return,
                    Some(Why::Merchant) | None => Deed::Release,
                };
                Some((deed, to_payer))
            }
            _ => None,
        };
        if let Some((deed, fen)) = deed {
            figures.count(deed, fen);
            figures.back_fen = match deed {
                Deed::Return | Deed::Hold | Deed::Payment => 0,
                // What a reversal sets aside again was counted as given back with its capture, and what a capture
                // took beyond its hold comes back with it.
                Deed::Capture | Deed::Reversal | Deed::Release | Deed::Expiry | Deed::Refund => {
                    to_payer.saturating_sub(from_payer)
                }
            };
        }
        match outcome(&record.event) {
            Some(true) => figures.approved = 1,
            Some(false) => figures.refused = 1,
            None => {}
        }
        if let (Some(_), Some(ask)) = (outcome(&record.event), known) {
            figures.certainty.add(record.at.0.saturating_sub(ask.at.0));
        }
        self.remember(record);
        figures.asked = u64::from(asks(&record.event, None).is_some());
        if !figures.is_empty() {
            let (day, slot) = place(record.at, self.ends);
            self.slots.entry((day, slot)).or_default().add(&figures);
            self.forget();
        }
    }

    /// What a page shows at that moment.
    #[must_use]
    pub fn summary(&self, now: Moment) -> Summary {
        let (today, slot) = place(now, self.ends);
        let day_before = back(today, 1);
        let begins = |day: Day| back(day, 1).ends_at(self.ends);
        let between = |day: Day, from: u16, to: u16| {
            Figures::sum(self.slots.range((day, from)..(day, to)).map(|(_, figures)| figures))
        };
        let whole = |day| between(day, 0, u16::MAX);
        let days = (0..limits::TALLY_CHART_DAYS).rev().map(|ago| back(today, ago));
        let hours = (0..HOURS).map(|hour| {
            let from = hour.saturating_mul(SLOTS_PER_HOUR);
            let to = from.saturating_add(SLOTS_PER_HOUR);
            let at = begins(today).plus_ms(i64::from(from).saturating_mul(SLOT_MS));
            (at, between(today, from, to), between(day_before, from, to))
        });
        let next = slot.saturating_add(1);
        let until = begins(day_before).plus_ms(i64::from(next).saturating_mul(SLOT_MS));
        Summary {
            today,
            began: begins(today),
            so_far: whole(today),
            before: between(day_before, 0, next),
            before_until: until,
            days: days.map(|day| (day, whole(day))).collect(),
            hours: hours.collect(),
        }
    }

    /// Keeps the open order of a record's bill as it is after it.
    fn remember(&mut self, record: &Record) {
        let before = self.open.get(&*record.key).and_then(|ask| ask.why);
        match asks(&record.event, before) {
            Some(why) => {
                // Whoever is forgotten here is recalled from its history.
                if self.open.len() >= limits::TALLY_OPEN {
                    self.open.clear();
                }
                self.open.insert(record.key.clone(), Ask { at: record.at, why });
            }
            None if outcome(&record.event).is_some() => {
                self.open.remove(&*record.key);
            }
            None => {}
        }
    }

    /// Drops the days that are too long ago.
    fn forget(&mut self) {
        let newest = self.slots.last_key_value().map(|((day, _), _)| *day);
        let Some(oldest) = newest.map(|day| back(day, limits::TALLY_DAYS)) else { return };
        while self.slots.first_key_value().is_some_and(|((day, _), _)| *day < oldest) {
            self.slots.pop_first();
        }
    }
}

/// Whether the channel did what it was to do, where the event tells what became of an order.
fn outcome(event: &Event) -> Option<bool> {
    match event {
        Event::Captured { .. }
        | Event::Reversed { .. }
        | Event::Released { .. }
        | Event::Refunded { .. }
        | Event::Divided { .. } => Some(true),
        Event::CaptureRefused { .. }
        | Event::ReversalRefused { .. }
        | Event::ReleaseRefused { .. }
        | Event::RefundRefused { .. }
        | Event::DivisionRefused { .. } => Some(false),
        Event::Requested { .. }
        | Event::Declined { .. }
        | Event::Authorized { .. }
        | Event::PaidLate { .. }
        | Event::Reminded { .. }
        | Event::Closed
        | Event::Lapsed
        | Event::CaptureAsked { .. }
        | Event::ReversalAsked { .. }
        | Event::ReleaseAsked { .. }
        | Event::RefundAsked { .. }
        | Event::DivisionAsked { .. } => None,
    }
}

/// Whether the event opens an order, and why it gives a whole payment back if it does; `before` is why the order did
/// that it takes the place of.
#[expect(clippy::option_option, reason = "an order is open or not; if it is, it gives back or not")]
fn asks(event: &Event, before: Option<Why>) -> Option<Option<Why>> {
    match event {
        Event::CaptureAsked { .. }
        | Event::ReversalAsked { .. }
        | Event::RefundAsked { .. }
        | Event::DivisionAsked { .. } => Some(None),
        Event::ReleaseAsked { why, .. } => Some(Some(*why)),
        // Whether it was closed or had lapsed makes no difference here.
        Event::PaidLate { .. } => Some(Some(Why::LateAfterLapse)),
        Event::ReleaseRefused { again: Some(_), .. } => Some(before),
        _ => None,
    }
}

/// The business day of a moment, and its ten minutes.
fn place(at: Moment, ends: DayEnd) -> (Day, u16) {
    let day = at.business_day(ends);
    let into = at.0.saturating_sub(back(day, 1).ends_at(ends).0).div_euclid(SLOT_MS);
    (day, u16::try_from(into).unwrap_or_default())
}

/// So many days earlier.
fn back(day: Day, days: u16) -> Day {
    Day(day.0.saturating_sub(i32::from(days)))
}
