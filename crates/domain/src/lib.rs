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
mod hold;
mod ids;
mod ledger;
mod money;

pub use bill::{
    Asked, Bill, CardKind, Channel, Deed, Details, Grant, Kind, Leg, Order, Outcome, Payment,
    Phase, Receipt, Takings, Terms, Why,
};
pub use calendar::{Day, DayEnd, Moment};
pub use hold::{
    Broken, Change, Command, Event, LateSuccess, Marks, Policy, Reference, Refusal, Verdict,
    decide, replay,
};
pub use ids::{AuthCode, BillKey, BillNo, CodeId, Fingerprint, Malformed, Mid, OrderId, Text, Tid};
pub use ledger::{Account, Balances, Entry};
pub use money::{Amount, AmountOutOfRange};
