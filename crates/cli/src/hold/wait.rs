//! Waiting until an outcome is certain: by asking again, with pauses that grow, and a sign of life on a terminal.

use std::time::Duration;

use holdfast_domain::Moment;
use holdfast_gateway::clock::Clock;

use crate::screen::Screen;

/// The first pause between two questions, in milliseconds, and the longest one.
const PAUSE_MS: i64 = 400;
const PAUSE_MS_MAX: i64 = 8_000;
/// How often the sign of life moves, in milliseconds.
const TICK_MS: i64 = 120;

const SIGNS: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Someone who waits.
pub(crate) struct Wait<'a> {
    screen: &'a Screen,
    clock: Clock,
    began: Moment,
    until: Moment,
    pause_ms: i64,
    signs: std::iter::Cycle<std::array::IntoIter<char, 10>>,
    what: String,
}

impl<'a> Wait<'a> {
    /// Begins to wait for `what`, for at most `limit`.
    pub(crate) fn begin(screen: &'a Screen, what: impl Into<String>, limit: Duration) -> Self {
        let clock = Clock::running(0);
        let began = clock.now();
        let limit = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        Self {
            screen,
            until: began.plus_ms(limit),
            clock,
            began,
            pause_ms: PAUSE_MS,
            signs: SIGNS.into_iter().cycle(),
            what: what.into(),
        }
    }

    /// Waits until it is time to ask again; `false` when it was waited long enough.
    pub(crate) async fn again(&mut self) -> bool {
        let next = self.clock.now().plus_ms(self.pause_ms);
        self.pause_ms = self.pause_ms.saturating_mul(3).div_euclid(2).min(PAUSE_MS_MAX);
        loop {
            let now = self.clock.now();
            if now >= self.until {
                return false;
            }
            if now >= next {
                return true;
            }
            let sign = self.signs.next().unwrap_or(' ');
            let seconds = now.0.saturating_sub(self.began.0).div_euclid(1_000);
            self.screen.progress(format_args!("{sign} {} {seconds} s", self.what));
            let tick = if self.screen.is_live() { now.plus_ms(TICK_MS) } else { next };
            self.clock.until(tick.min(next).min(self.until)).await;
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.screen.progress_over();
    }
}
