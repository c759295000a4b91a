//! Time and chance: the only place that reads a clock or rolls dice, so that every failure can be had again.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use holdfast_domain::Moment;
use tokio::sync::Notify;

/// The gateway's clock.
///
/// It has two hands. [`Clock::now`] is the time that bills live by; in the test environment it can be moved
/// ahead, and in tests it stands still until it is moved. [`Clock::wall`] is the time on the wall, by which
/// signatures and tokens are judged: moving the other hand must not lock every caller out.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    /// Where the clock stands when it does not run by itself, in milliseconds since 1970.
    standing: Option<AtomicI64>,
    /// How far the bills' time is ahead of the wall's, in milliseconds.
    ahead: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// A clock that runs with the machine's, `ahead_ms` milliseconds ahead of it.
    #[must_use]
    pub fn running(ahead_ms: i64) -> Self {
        Self::with(None, ahead_ms)
    }

    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn standing(at: Moment) -> Self {
        Self::with(Some(AtomicI64::new(at.0)), 0)
    }

    fn with(standing: Option<AtomicI64>, ahead_ms: i64) -> Self {
        Self(Arc::new(Hands { standing, ahead: AtomicI64::new(ahead_ms), moved: Notify::new() }))
    }

    /// The time that bills live by.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.wall().plus_ms(self.ahead_ms())
    }

    /// The time on the wall, by which signatures and tokens are judged.
    #[must_use]
    pub fn wall(&self) -> Moment {
        let ms = match &self.0.standing {
            Some(standing) => standing.load(Ordering::SeqCst),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
        };
        Moment(ms)
    }

    /// How far the bills' time is ahead of the wall's, in milliseconds.
    #[must_use]
    pub fn ahead_ms(&self) -> i64 {
        self.0.ahead.load(Ordering::SeqCst)
    }

    /// Moves the bills' time ahead and wakes everybody who waits for it. Answers how far it is ahead now.
    pub fn advance(&self, ms: i64) -> i64 {
        let before = self.0.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ahead| {
            Some(ahead.saturating_add(ms))
        });
        self.0.moved.notify_waiters();
        before.unwrap_or_default().saturating_add(ms)
    }

    /// Waits until the bills' time has come to `at`.
    pub async fn until(&self, at: Moment) {
        loop {
            // Asked for before the clock is read, so that a move in between is not missed.
            let moved = self.0.moved.notified();
            let left = at.0.saturating_sub(self.now().0);
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return };
            if self.0.standing.is_some() {
                moved.await;
            } else {
                tokio::select! {
                    biased;
                    () = moved => {}
                    () = tokio::time::sleep(Duration::from_millis(left)) => {}
                }
            }
        }
    }

    /// What `task` yields within so many milliseconds of the bills' time, or `None`.
    pub async fn within<T>(&self, ms: i64, task: impl Future<Output = T>) -> Option<T> {
        let at = self.now().plus_ms(ms);
        tokio::select! {
            biased;
            done = task => Some(done),
            () = self.until(at) => None,
        }
    }
}

/// Measures how long something took, for logs and the bench; no rule depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it is since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The only source of chance.
#[derive(Debug)]
pub struct Dice(Option<Mutex<u64>>);

impl Dice {
    /// Chance from the operating system, fit for keys and tokens.
    #[must_use]
    pub fn unpredictable() -> Self {
        Self(None)
    }

    /// Chance that follows from a seed (splitmix64), for tests that must be had again.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Mutex::new(seed)))
    }

    /// Fills an array with chance.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            // Without chance there are no keys, codes or nonces: rather down than guessable.
            None => getrandom::fill(&mut bytes).expect("the operating system gives random bytes"),
            Some(_) => bytes.chunks_mut(8).for_each(|chunk| {
                chunk.iter_mut().zip(self.next().to_le_bytes()).for_each(|(to, from)| *to = from)
            }),
        }
        bytes
    }

    /// A number from 0 up to but not including `sides`; 0 when there are none.
    #[must_use]
    pub fn roll(&self, sides: u64) -> u64 {
        self.next().checked_rem(sides).unwrap_or_default()
    }

    /// So many decimal digits.
    #[must_use]
    pub fn digits(&self, count: usize) -> String {
        (0..count)
            .map(|_| char::from_digit(u32::try_from(self.roll(10)).unwrap_or(0), 10).unwrap_or('0'))
            .collect()
    }

    /// So many characters of 0-9 and a-f.
    #[must_use]
    pub fn hex(&self, count: usize) -> String {
        (0..count)
            .map(|_| char::from_digit(u32::try_from(self.roll(16)).unwrap_or(0), 16).unwrap_or('0'))
            .collect()
    }

    fn next(&self) -> u64 {
        let Some(seed) = &self.0 else { return u64::from_le_bytes(self.bytes()) };
        let mut seed = seed.lock().unwrap_or_else(PoisonError::into_inner);
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// What `task` yields within so many milliseconds of real time, or `None`: for sockets and other things that
/// the bills' time does not rule.
pub async fn patience<T>(ms: u64, task: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_millis(ms), task).await.ok()
}
