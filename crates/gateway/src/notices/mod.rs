//! Notices: what merchants are told of their bills, and how it gets there (`protocol.md` section 6).
//!
//! The journal says what happened. The *announcer* reads it by a durable cursor and writes [`Letter`]s to the
//! [`Outbox`], in one transaction with the cursor: no commit without its notice, no notice without its commit.
//! The *courier* takes letters out and tries to deliver each until its receiver has said yes.

mod announce;
mod announcer;
pub mod courier;
pub mod outbox;
pub mod schedule;
mod sign;
#[cfg(test)]
mod tests;

use holdfast_domain::{BillKey, Mid, Moment};

use crate::store::{StoreFault, Task};

pub use announce::{
    Announced, Topic, addresses, amount, announced, letter, letters, return_address, subscribed,
    supposed,
};
pub use announcer::Announcer;

/// A notice to one receiver. What it says never changes; it is signed anew for each try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The record of the journal it tells of. With `url` it names the letter.
    pub seq: u64,
    /// Whose settings sign it: the bill's merchant.
    pub mid: Mid,
    /// The bill it tells of. Letters about one bill to one receiver never overtake each other.
    pub bill: BillKey,
    /// What happened, in our own words: `hold.authorized`.
    pub event: String,
    /// The notice's number (`notifyId`): the same for every receiver and on every try.
    pub notify_id: String,
    /// Where it goes; empty while nobody has said.
    pub url: String,
    /// Everything it says, unsigned: names and values as the protocol spells them, the random extra pair
    /// included, `sign` and `signType` not.
    pub pairs: Vec<(String, String)>,
    /// When it happened.
    pub at: Moment,
}

/// What the body of a notice is.
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// A letter as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The body, form-urlencoded.
    pub body: String,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
}

/// Why a letter cannot be signed, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsigned(pub String);

/// Who signs letters: the merchants' settings.
pub trait Signer: Send + Sync {
    /// The letter as it is sent at that moment of the wall clock.
    ///
    /// # Errors
    /// When the merchant has no communication key.
    fn sign(&self, letter: &Letter, wall: Moment) -> Result<Signed, Unsigned>;
}

/// Where letters wait, as far as the announcer sees it.
pub trait Outbox: Send + Sync {
    /// The last record of the journal whose letters were written; 0 at first.
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>>;

    /// Writes letters and moves the cursor, in one transaction. A letter of a record and receiver that is
    /// there already is left as it is.
    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>>;
}
