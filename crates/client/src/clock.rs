//! Time and chance: the only place of this crate that reads a clock or asks for random bytes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use holdfast_domain::Moment;
use holdfast_wire::auth::Nonce;

/// What time it is on the wall. Signatures carry it, so a machine whose clock is wrong cannot sign.
pub(crate) fn now() -> Moment {
    // A clock before 1970 is wrong anyway; the gateway will say so.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A moment by which to measure how old something is. Setting the machine's clock does not move it.
pub(crate) fn mark() -> Instant {
    Instant::now()
}

/// How long it is since `mark`.
pub(crate) fn since(mark: Instant) -> Duration {
    mark.elapsed()
}

/// Waits.
pub(crate) async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}

/// A text that has not been used before: 32 hexadecimal digits.
pub(crate) fn nonce() -> Nonce {
    let mut bytes = [0; 16];
    // Without chance, two requests could bear the same nonce: rather down than taken for a replay.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    Nonce::parse(&format!("{:032x}", u128::from_ne_bytes(bytes)))
        .expect("32 hexadecimal digits are a nonce")
}
