//! Channels: whom we ask to move money.
//!
//! A channel takes a numbered order and says what became of it, or does not say. It decides each number
//! once, so an order may be given again after a crash without moving money twice.

use holdfast_domain::{Asked, Bill, BillKey, Command, Moment, Order, Verdict};

use crate::store::{StoreFault, Task};

mod simulated;
mod unconnected;

pub use simulated::{
    Confirmation, Operation, Scenario, Shown, Simulated, objection,
    reference as scenarios_reference,
};
pub use unconnected::Unconnected;

/// An order on its way to the channel.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The bill it is about, as it was when the order was committed or later.
    pub bill: Bill,
    /// The order's number and age.
    pub asked: Asked,
    /// What the channel is to do.
    pub order: Order,
}

/// What a channel says when it is given an order or asked about one.
#[derive(Clone, Debug)]
pub enum Word {
    /// Reports, each with the number of the order it answers. They may come twice, or answer older orders.
    Reports(Vec<(u32, Verdict)>),
    /// Nothing is known yet.
    NotKnown,
    /// The channel has never heard of the order: it may be given again.
    NeverHeard,
}

/// Whom we ask to move money.
pub trait Channel: Send + Sync {
    /// Gives the channel an order. Safe to repeat: the channel decides each number once.
    fn give<'a>(&'a self, errand: &'a Errand, now: Moment) -> Task<'a, Word>;

    /// Asks what became of an order.
    fn ask<'a>(&'a self, errand: &'a Errand, now: Moment) -> Task<'a, Word>;

    /// Asks whether the payer has paid a bill: the report of it, if so.
    fn paid<'a>(
        &'a self,
        bill: &'a Bill,
        now: Moment,
    ) -> Task<'a, Result<Option<Command>, StoreFault>>;

    /// What the channel has to tell without being asked: payments whose report comes late, again and again
    /// until they are [`Channel::heard`]. A payment that nobody waits for any more is told here at the latest.
    fn news<'a>(&'a self, now: Moment) -> Task<'a, Result<Vec<(BillKey, Command)>, StoreFault>>;

    /// We have heard of the payment and made it durable.
    fn heard<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<(), StoreFault>>;

    /// Whether the channel answers the repeat of a finished release or reversal with "has been cancelled".
    fn denies_repeats(&self, bill: &Bill, order: &Order) -> bool;

    /// Whether a hold stands again once its capture was undone, as far as that is known beforehand.
    fn restores(&self) -> bool {
        true
    }

    /// Whether there is anybody at the other end: without, no bill can be made.
    fn is_connected(&self) -> bool {
        true
    }
}
