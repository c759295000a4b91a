//! Whose money it is, and how it moves.

use std::collections::BTreeMap;

use crate::{Amount, Mid};

/// Whose money it is. A bill has its own accounts; a merchant's are the sums over its bills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// The payer's wallet or bank, seen from our side.
    Payer,
    /// Set aside by a hold or a guarantee: no longer the payer's to spend, not yet the merchant's.
    Held,
    /// Owed to the bill's merchant at the next settlement.
    Merchant,
    /// Paid, and waiting to be divided among merchants.
    Undivided,
    /// Owed to another merchant that has a share in the bill (分账子商户).
    Sub(Mid),
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
        self.change(&entry.from, fen.saturating_neg());
        self.change(&entry.to, fen);
    }

    /// Adds other totals to these.
    pub fn add(&mut self, other: &Self) {
        for (account, fen) in &other.0 {
            self.change(account, *fen);
        }
    }

    /// Accounts that have or owe something, in order.
    pub fn each(&self) -> impl Iterator<Item = (&Account, i128)> {
        self.0.iter().map(|(account, fen)| (account, *fen))
    }

    /// An account of nothing is left out, so that equal totals are equal.
    fn change(&mut self, account: &Account, fen: i128) {
        let total = self.of(account).saturating_add(fen);
        match total {
            0 => self.0.remove(account),
            total => self.0.insert(account.clone(), total),
        };
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
