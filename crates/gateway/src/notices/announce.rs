//! Which events are announced, and what the notice says: nothing here does I/O.

use holdfast_domain::{Bill, Event, Malformed, Phase, Why};

/// What a merchant can ask to be told of, besides payments and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Held money was taken (预授权完成).
    Capture,
    /// The merchant gave a hold up, or money that came too late went back (预授权撤销).
    Release,
    /// A capture was undone (预授权完成撤销).
    Reversal,
    /// Taken money went back (退款).
    Refund,
    /// A hold went back because its deadline was over (到期解冻).
    Expiry,
    /// An unpaid bill was closed, or nobody paid it in time (关闭).
    Close,
}

/// Whether an event is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// To everybody who left an address.
    Always,
    /// To merchants that asked for the topic.
    On(Topic),
    /// To nobody.
    Never,
}

impl Topic {
    /// All of them, in the order in which they are listed.
    pub const ALL: &'static [Self] =
        &[Self::Capture, Self::Release, Self::Reversal, Self::Refund, Self::Expiry, Self::Close];

    /// The topic's name on the command line and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Release => "release",
            Self::Reversal => "reversal",
            Self::Refund => "refund",
            Self::Expiry => "expiry",
            Self::Close => "close",
        }
    }

    /// Reads a topic's name.
    ///
    /// # Errors
    /// When there is no topic of that name.
    pub fn parse(word: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().find(|topic| topic.word() == word).copied().ok_or(Malformed)
    }
}

/// Whether an event is announced, and to whom. `after` is the bill that it led to.
#[must_use]
pub fn announced(event: &Event, after: &Bill) -> Announced {
    match event {
        Event::Authorized { .. } => Announced::Always,
        Event::Captured { .. } => Announced::On(Topic::Capture),
        Event::Reversed { .. } => Announced::On(Topic::Reversal),
        Event::Refunded { .. } => Announced::On(Topic::Refund),
        Event::Released { .. } => match after.phase {
            Phase::Released { why: Why::Deadline, .. } => Announced::On(Topic::Expiry),
            _ => Announced::On(Topic::Release),
        },
        Event::Closed | Event::Lapsed => Announced::On(Topic::Close),
        // What was only asked for has not happened. What was refused changed nothing, and in the official form
        // it could not be told from what was done.
        Event::Requested { .. }
        | Event::Declined { .. }
        | Event::CaptureAsked { .. }
        | Event::CaptureRefused { .. }
        | Event::ReversalAsked { .. }
        | Event::ReversalRefused { .. }
        | Event::ReleaseAsked { .. }
        | Event::ReleaseRefused { .. }
        | Event::RefundAsked { .. }
        | Event::RefundRefused { .. } => Announced::Never,
        // The merchant was told that the bill is closed. It goes back at once, and that is announced.
        Event::PaidLate { .. } => Announced::Never,
    }
}
