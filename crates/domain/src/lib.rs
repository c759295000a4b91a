//! The rules of Holdfast: money, bills, holds and the ledger.
//!
//! Everything here is plain data and pure functions. There is no clock, no randomness, no socket and
//! no serializer: [`decide`] is given the moment and the policy, and answers what happened.

// Code that moves money may not wrap around, round, truncate, or panic.
#![deny(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod bill;
mod calendar;
mod decide;
mod follow;
mod ids;
mod ledger;
mod money;
mod shares;

pub use bill::{
    Asked, Bill, Buyer, CardKind, Channel, Deed, Details, Division, Grant, Kind, Leg, Order,
    Outcome, PayerRules, Payment, Phase, Receipt, Reminder, Split, Takings, Terms, Why,
};
pub use calendar::{Day, DayEnd, Moment};
pub use decide::{Command, LateSuccess, Marks, Policy, Reference, Refusal, Verdict, decide};
pub use follow::{Broken, Change, Event, replay};
pub use ids::{
    AuthCode, BillKey, BillNo, CardTail, CodeId, Fingerprint, Malformed, Mid, OrderId, Text, Tid,
};
pub use ledger::{Account, Balances, Entry};
pub use money::{Amount, AmountOutOfRange, read_yuan, yuan};
pub use shares::{Share, Shares, Unfair};
