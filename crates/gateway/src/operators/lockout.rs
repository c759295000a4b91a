//! Pauses after failures to sign in: of a name, and of an address.
//!
//! They grow, and they are bounded: nobody can shut an operator out for good by failing in its name, only for
//! [`limits::NAME_PAUSE_MS_MAX`] at a time; who has the data directory ends a pause at once (`holdfast operator enable`).

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use holdfast_domain::Moment;

use crate::limits;

/// The failures of a name or of an address since it last succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) count: u32,
    pub(super) last: Moment,
}

/// How much patience there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// So many failures cost nothing.
    free: u32,
    /// The longest pause, in milliseconds.
    most_ms: i64,
}

/// With a name.
pub(super) const WITH_NAMES: Patience =
    Patience { free: limits::NAME_FREE_TRIES, most_ms: limits::NAME_PAUSE_MS_MAX };
/// With an address: several people may sit behind it, and who guesses many names sits there, too.
pub(super) const WITH_ADDRESSES: Patience =
    Patience { free: limits::ADDRESS_FREE_TRIES, most_ms: limits::ADDRESS_PAUSE_MS_MAX };

impl Default for Failures {
    fn default() -> Self {
        Self { count: 0, last: Moment(0) }
    }
}

impl Failures {
    /// How long the next try has to wait yet, in milliseconds.
    pub(super) fn wait_ms(self, patience: Patience, now: Moment) -> Option<i64> {
        let over = self.remembered(now).count.checked_sub(patience.free)?;
        let doubled = 1_i64.checked_shl(over.min(32)).unwrap_or(i64::MAX);
        let pause = limits::PAUSE_MS.saturating_mul(doubled).min(patience.most_ms);
        let left = self.last.plus_ms(pause).0.saturating_sub(now.0);
        // A clock that was set back must not make the pause longer.
        (left > 0).then_some(left.min(pause))
    }

    /// With one more.
    pub(super) fn more(self, now: Moment) -> Self {
        Self { count: self.remembered(now).count.saturating_add(1), last: now }
    }

    /// Without the try of that moment, before which it was so: nothing is known of it yet. A pause that was over stays
    /// over; what others did meanwhile stays counted.
    pub(super) fn without(self, at: Moment, before: Self) -> Self {
        match self == before.more(at) {
            true => before,
            false => Self { count: self.count.saturating_sub(1), ..self },
        }
    }

    fn remembered(self, now: Moment) -> Self {
        let old = now.0.saturating_sub(self.last.0) >= limits::FAILURES_KEPT_MS;
        if old { Self::default() } else { self }
    }
}

/// The failures of addresses. Not kept over a restart, as those of names are: an attacker has many addresses anyway.
#[derive(Debug, Default)]
pub(super) struct Addresses(Mutex<HashMap<IpAddr, Failures>>);

impl Addresses {
    /// Counts a try of this address as failed until it is forgiven, and answers what was counted before; or how long to
    /// wait if it may not try now.
    pub(super) fn admit(&self, address: IpAddr, now: Moment) -> Result<Failures, i64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(address);
        let found = all.get(&network).copied().unwrap_or_default();
        if let Some(wait) = found.wait_ms(WITH_ADDRESSES, now) {
            return Err(wait);
        }
        if all.len() >= limits::FAILING_ADDRESSES && !all.contains_key(&network) {
            let oldest = all.iter().min_by_key(|(_, failures)| failures.last).map(|(a, _)| *a);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        all.insert(network, found.more(now));
        Ok(found)
    }

    /// Takes back that the try of that moment failed, before which it was so.
    pub(super) fn take_back(&self, address: IpAddr, at: Moment, before: Failures) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failures) = all.get_mut(&network(address)) {
            *failures = failures.without(at, before);
        }
    }

    /// Forgets the failures of this address.
    pub(super) fn forgive(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(address));
    }
}

/// What counts as one address: whoever has one of IPv6 has the other 2^64 of its network, too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let upper = u128::from(six) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(upper))
        }
        four => four,
    }
}
