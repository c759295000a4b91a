//! The nonce window: a nonce works once.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use holdfast_domain::Moment;
use sha2::{Digest, Sha256};

use crate::limits;

/// Nonces that were used, each as long as its timestamp would still be accepted.
///
/// It lives in memory. What changed something is in the journal with its nonce, and is taken from there at
/// the next start; what changed nothing need not be remembered longer.
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    /// By the minute in which they may be forgotten.
    minutes: BTreeMap<i64, HashSet<u64>>,
    count: usize,
}

/// What the window says of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is new, and is remembered now.
    New,
    /// It was used before.
    Before,
    /// The window is full.
    Full,
}

/// What is remembered of a nonce: 64 bits that follow from the app and the nonce.
#[must_use]
pub(crate) fn mark(app: &str, nonce: &str) -> u64 {
    let digest = Sha256::new().chain_update(app).chain_update([0]).chain_update(nonce).finalize();
    digest.iter().take(8).fold(0, |mark: u64, byte| mark.wrapping_shl(8) | u64::from(*byte))
}

impl Nonces {
    /// Remembers a nonce until `until`, unless it was used before. `wall` is the time on the wall.
    pub(crate) fn see(&self, mark: u64, until: Moment, wall: Moment) -> Seen {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let this_minute = minute(wall);
        while let Some(oldest) =
            window.minutes.first_entry().filter(|oldest| *oldest.key() < this_minute)
        {
            let gone = oldest.remove().len();
            window.count = window.count.saturating_sub(gone);
        }
        if window.minutes.values().any(|marks| marks.contains(&mark)) {
            return Seen::Before;
        }
        if window.count >= limits::NONCES {
            return Seen::Full;
        }
        window.count = window.count.saturating_add(1);
        window.minutes.entry(minute(until)).or_default().insert(mark);
        Seen::New
    }
}

fn minute(at: Moment) -> i64 {
    at.0.div_euclid(60_000)
}
