//! Shares: how a payment is divided among merchants (分账), exact to the last fen.

use std::fmt;

use crate::{Account, Amount, Mid, OrderId};

/// Who has how much of a divided payment. What all have together is exactly the payment, or what is left
/// of it after refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    platform: Option<Amount>,
    subs: Vec<Share>,
}

/// The share of one sub-merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The sub-merchant (子商户).
    pub mid: Mid,
    /// That merchant's own number for it.
    pub order: Option<OrderId>,
    /// How much it gets.
    pub amount: Amount,
}

/// Why a payment cannot be divided so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfair {
    /// There is nobody to share with.
    Nobody,
    /// There are more than [`Shares::MAX`] sub-merchants.
    TooMany,
    /// Two shares are of the same merchant and order number: nobody could tell them apart later.
    Twice,
    /// Somebody's share would be less than one fen.
    Nothing,
    /// The shares are together more or less than the whole.
    Sum {
        /// What they are together, in fen.
        shares: u64,
        /// What they should be, in fen.
        whole: u64,
    },
}

impl Shares {
    /// The most shares of one payment, the platform's not counted (`protocol.md` section 3.4).
    pub const MAX: usize = 20;

    /// Divides `whole`: so much stays with the platform, which is the bill's own merchant, the rest goes to
    /// sub-merchants.
    ///
    /// # Errors
    /// When the shares are none or too many, cannot be told apart, or are not exactly the whole together.
    pub fn divide(
        whole: Amount,
        platform: Option<Amount>,
        subs: Vec<Share>,
    ) -> Result<Self, Unfair> {
        let shares = Self::of(platform, subs)?;
        let (sum, whole) = (shares.fen(), whole.fen());
        if sum == whole { Ok(shares) } else { Err(Unfair::Sum { shares: sum, whole }) }
    }

    /// Shares of whatever they are together: part of a payment, for a refund.
    ///
    /// # Errors
    /// When there are none or too many, or two cannot be told apart.
    pub fn of(platform: Option<Amount>, subs: Vec<Share>) -> Result<Self, Unfair> {
        if subs.len() > Self::MAX {
            return Err(Unfair::TooMany);
        }
        if platform.is_none() && subs.is_empty() {
            return Err(Unfair::Nobody);
        }
        let mut rest = subs.as_slice();
        while let Some((share, others)) = rest.split_first() {
            if others.iter().any(|other| other.is_same(share)) {
                return Err(Unfair::Twice);
            }
            rest = others;
        }
        Ok(Self { platform, subs })
    }

    /// What is left of shares after refunds, perhaps nothing.
    ///
    /// # Errors
    /// When there are too many, or two cannot be told apart.
    pub fn left(platform: Option<Amount>, subs: Vec<Share>) -> Result<Self, Unfair> {
        match (platform, subs.is_empty()) {
            (None, true) => Ok(Self { platform, subs }),
            _ => Self::of(platform, subs),
        }
    }

    /// Divides `whole` among sub-merchants in proportion to weights, after the platform's part was taken
    /// off. Each gets its part rounded down; the fen that are left over go one by one to those who lost most
    /// by the rounding, the first of equals first. So nothing is lost and nobody is off by a whole fen.
    ///
    /// # Errors
    /// When there are none or too many, or somebody would get nothing.
    pub fn in_proportion(
        whole: Amount,
        platform: Option<Amount>,
        subs: Vec<(Mid, Option<OrderId>, u64)>,
    ) -> Result<Self, Unfair> {
        let rest = whole.fen().saturating_sub(platform.map_or(0, Amount::fen));
        let unlike = Unfair::Sum { shares: 0, whole: rest };
        let weights = subs.iter().map(|(_, _, weight)| u128::from(*weight));
        let all = weights.clone().sum::<u128>();
        let mut parts = vec![];
        for weight in weights {
            let share = u128::from(rest).saturating_mul(weight);
            let (part, lost) = (share.checked_div(all), share.checked_rem(all));
            let (Some(part), Some(lost)) = (part, lost) else { return Err(Unfair::Nobody) };
            parts.push((u64::try_from(part).map_err(|_| unlike)?, lost));
        }
        let given: u64 = parts.iter().map(|(part, _)| *part).fold(0, u64::saturating_add);
        let left = usize::try_from(rest.saturating_sub(given)).map_err(|_| unlike)?;
        let mut order: Vec<usize> = (0..parts.len()).collect();
        // A stable sort: of those who lost the same, the first comes first.
        order.sort_by_key(|at| std::cmp::Reverse(parts.get(*at).map(|(_, lost)| *lost)));
        for at in order.into_iter().take(left) {
            if let Some((part, _)) = parts.get_mut(at) {
                *part = part.saturating_add(1);
            }
        }
        let mut shares = vec![];
        for ((mid, order, _), (part, _)) in subs.into_iter().zip(parts) {
            let amount = Amount::from_fen(part).map_err(|_| Unfair::Nothing)?;
            shares.push(Share { mid, order, amount });
        }
        Self::divide(whole, platform, shares)
    }

    /// The platform's share, if it has one.
    #[must_use]
    pub fn platform(&self) -> Option<Amount> {
        self.platform
    }

    /// The sub-merchants' shares.
    #[must_use]
    pub fn subs(&self) -> &[Share] {
        &self.subs
    }

    /// What all have together, in fen.
    #[must_use]
    pub fn fen(&self) -> u64 {
        let subs = self.subs.iter().map(|share| share.amount.fen());
        subs.fold(self.platform.map_or(0, Amount::fen), u64::saturating_add)
    }

    /// What each has left after giving its part in `taken`; `None` when somebody has less than that.
    #[must_use]
    pub fn minus(&self, taken: &Self) -> Option<Self> {
        let less = |has: Option<Amount>, gives: Option<Amount>| match (has, gives) {
            (has, None) => Some(has),
            (Some(has), Some(gives)) => has.minus(gives),
            (None, Some(_)) => None,
        };
        let known = |share: &Share| self.subs.iter().any(|own| own.is_same(share));
        if !taken.subs.iter().all(known) {
            return None;
        }
        let platform = less(self.platform, taken.platform)?;
        let mut subs = vec![];
        for share in &self.subs {
            let gives = taken.subs.iter().find(|given| given.is_same(share));
            if let Some(amount) = less(Some(share.amount), gives.map(|given| given.amount))? {
                subs.push(Share { amount, ..share.clone() });
            }
        }
        Some(Self { platform, subs })
    }

    /// Whether both give everybody the same, in whatever order they name them.
    #[must_use]
    pub fn give_the_same(&self, other: &Self) -> bool {
        self.minus(other).is_some_and(|rest| rest.fen() == 0)
    }

    /// Every account that has a share, and how much.
    pub fn each(&self) -> impl Iterator<Item = (Account, Amount)> {
        let platform = self.platform.map(|amount| (Account::Merchant, amount));
        let subs = self.subs.iter().map(|share| (Account::Sub(share.mid.clone()), share.amount));
        platform.into_iter().chain(subs)
    }
}

impl Share {
    /// Whether both are the same merchant's share under the same number.
    fn is_same(&self, other: &Self) -> bool {
        self.mid == other.mid && self.order == other.order
    }
}

impl fmt::Display for Unfair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("there is nobody to divide the money among"),
            Self::TooMany => {
                write!(f, "the money is divided among more than {} merchants", Shares::MAX)
            }
            Self::Twice => f.write_str(
                "two shares are of the same merchant and order number: give each its own number",
            ),
            Self::Nothing => f.write_str("somebody's share would be less than one fen"),
            Self::Sum { shares, whole } => {
                write!(f, "the shares are {shares} fen together and must be exactly {whole} fen")
            }
        }
    }
}

impl std::error::Error for Unfair {}
