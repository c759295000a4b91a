//! Whose money it is, and how it moves.

use std::collections::BTreeMap;

use crate::Amount;

/// Whose money it is. A bill has its own accounts; a merchant's are the sums over its bills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// The payer's wallet or bank, seen from our side.
    Payer,
    /// Set aside by a hold: no longer the payer's to spend, not yet the merchant's.
    Held,
    /// Owed to the merchant at the next settlement.
    Merchant,
}

/// One amount moved from one account to another.
///
/// An entry names both sides, so an unbalanced entry cannot be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account that gives.
    pub from: Account,
    /// The account that receives.
    pub to: Account,
    /// How much moves.
    pub amount: Amount,
}

/// Running totals in fen, derived from entries and never stored as truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balances(BTreeMap<Account, i128>);

impl Balances {
    /// Applies one entry to both of its sides.
    pub fn post(&mut self, entry: &Entry) {
        // 2^127 fen outlast any number of entries that could ever be written.
        let fen = i128::from(entry.amount.fen());
        let from = self.0.entry(entry.from.clone()).or_default();
        *from = from.saturating_sub(fen);
        let to = self.0.entry(entry.to.clone()).or_default();
        *to = to.saturating_add(fen);
    }

    /// Adds other totals to these.
    pub fn add(&mut self, other: &Self) {
        for (account, fen) in &other.0 {
            let total = self.0.entry(account.clone()).or_default();
            *total = total.saturating_add(*fen);
        }
    }

    /// The account's total in fen; negative for an account that has given more than it got.
    #[must_use]
    pub fn of(&self, account: &Account) -> i128 {
        self.0.get(account).copied().unwrap_or_default()
    }

    /// The sum over all accounts. Anything but zero is a bug.
    #[must_use]
    pub fn total(&self) -> i128 {
        self.0.values().sum()
    }
}
