//! The log: one line an event on stderr, JSON unless a person watches. No secret and no body is ever in it,
//! because nothing that logs has them in a form that prints.

use std::io::{self, IsTerminal as _};

use holdfast_gateway::config::LogLevel;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

/// Starts to log what this program does; what its libraries do is for those who write them.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_target("holdfast", level);
    let lines = match io::stderr().is_terminal() {
        true => fmt::layer().with_writer(io::stderr).with_target(false).boxed(),
        false => fmt::layer().with_writer(io::stderr).json().flatten_event(true).boxed(),
    };
    // Fails only when somebody has started before; then that log goes on.
    let _ = registry().with(lines.with_filter(ours)).try_init();
}
