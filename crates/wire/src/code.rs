//! Error codes: what each means, whose fault it is, and what to do next.

use std::fmt;

use holdfast_domain::Text;

use crate::message::Bilingual;

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whoever wrote the request: its program or its settings.
    Caller,
    /// The merchant: its contract, or what it asked for at that moment.
    Merchant,
    /// The bank or wallet behind the gateway.
    Channel,
    /// The gateway and those who run it.
    Gateway,
    /// Nobody: it is how things are.
    Nobody,
}

/// Whether the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing was done, or it is done once only: send it again, a moment later.
    Safe,
    /// It is not known what was done: ask with `query` first, then send it again unchanged if need be.
    AfterQuery,
    /// It will be answered the same until something else changes.
    Pointless,
}

/// How long to wait before the next request about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing changes by waiting.
    Not,
    /// A moment, and longer each time: the gateway has too much to do.
    Moment,
    /// Between queries, longer each time, until the outcome is known.
    UntilKnown,
}

/// What there is to know about an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeSpec {
    /// The code on the wire.
    pub name: &'static str,
    /// The HTTP status with which it is answered.
    pub status: u16,
    /// Who can do something about it.
    pub fault: Fault,
    /// Whether the same request may be sent again.
    pub repeat: Repeat,
    /// How long to wait before anything is sent again.
    pub wait: Wait,
    /// What it means.
    pub text: Bilingual,
    /// What to do next.
    pub advice: Bilingual,
    /// What usually causes it here, the most frequent first.
    pub causes: &'static [Bilingual],
    /// A command that is the next step, to be pasted: with the official page's sample values where it needs some.
    pub next: &'static str,
}

/// Defines the error codes, one line of the table each.
macro_rules! codes {
    ($(
        $code:ident = $name:literal, $status:literal, $fault:ident, $repeat:ident, $wait:ident:
            $en:literal, $zh:literal => $advice_en:literal, $advice_zh:literal
            $(* $cause_en:literal, $cause_zh:literal)+ then $next:expr;
    )+) => {
        /// An error code of the protocol (`protocol.md` section 7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(
            #[doc = concat!("`", $name, "`: ", $en, ".")]
            $code,
        )+ }

        impl Code {
            /// Every code, in the order of the reference.
            pub const ALL: &'static [Self] = &[$( Self::$code ),+];

            /// What there is to know about it.
            #[must_use]
            pub const fn spec(self) -> &'static CodeSpec {
                match self { $(
                    Self::$code => &CodeSpec {
                        name: $name,
                        status: $status,
                        fault: Fault::$fault,
                        repeat: Repeat::$repeat,
                        wait: Wait::$wait,
                        text: Bilingual { en: $en, zh: $zh },
                        advice: Bilingual { en: $advice_en, zh: $advice_zh },
                        causes: &[$( Bilingual { en: $cause_en, zh: $cause_zh } ),+],
                        next: $next,
                    },
                )+ }
            }
        }
    };
}

mod table;

pub use table::Code;

impl Code {
    /// The code of this name on the wire, in its exact spelling.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// The code on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The HTTP status with which it is answered. A body over the bound is a [`Code::BadRequest`] too,
    /// which the gateway answers with 413.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.spec().status
    }

    /// The code as a field holds it.
    #[must_use]
    #[expect(clippy::expect_used, reason = "names are short words; a test reads all of them")]
    pub fn as_text(self) -> Text<64> {
        Text::parse(self.name()).expect("a name is a short word")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Fault {
    /// Whose fault it is, in both languages.
    #[must_use]
    pub const fn text(self) -> Bilingual {
        match self {
            Self::Caller => Bilingual { en: "caller", zh: "调用方" },
            Self::Merchant => Bilingual { en: "merchant", zh: "商户" },
            Self::Channel => Bilingual { en: "channel", zh: "渠道" },
            Self::Gateway => Bilingual { en: "gateway", zh: "网关" },
            Self::Nobody => Bilingual { en: "nobody", zh: "无" },
        }
    }
}

impl Repeat {
    /// Whether to send it again, in both languages.
    #[must_use]
    pub const fn text(self) -> Bilingual {
        match self {
            Self::Safe => Bilingual { en: "safe", zh: "可以" },
            Self::AfterQuery => Bilingual { en: "after a query", zh: "先查询" },
            Self::Pointless => Bilingual { en: "pointless", zh: "无益" },
        }
    }
}

impl Wait {
    /// The first pause and the longest, in seconds: each is twice as long as the one before. `None` where waiting
    /// changes nothing.
    #[must_use]
    pub const fn pauses(self) -> Option<(u32, u32)> {
        match self {
            Self::Not => None,
            Self::Moment => Some((5, 60)),
            Self::UntilKnown => Some((2, 60)),
        }
    }

    /// How long to wait, in both languages.
    #[must_use]
    pub const fn text(self) -> Bilingual {
        match self {
            Self::Not => Bilingual {
                en: "not at all: nothing changes by waiting",
                zh: "无需等待：等待不会改变结果",
            },
            Self::Moment => Bilingual {
                en: "5 seconds, then twice as long each time, up to 60",
                zh: "先等 5 秒，之后每次加倍，最长 60 秒",
            },
            Self::UntilKnown => Bilingual {
                en: "query after 2 seconds, then after pauses twice as long each time, up to 60, until the outcome is known",
                zh: "2 秒后查询，之后间隔每次加倍，最长 60 秒，直到结果明确",
            },
        }
    }
}
