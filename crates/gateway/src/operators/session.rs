//! Sessions: what a browser holds, what is kept of it, and when it ends.

use std::fmt;

use holdfast_domain::Moment;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    clock::Dice,
    limits,
    vault::{hex, unhex},
};

/// What the browser of somebody who signed in holds. Does not print.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// What is kept of a token. Who reads it has no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub(super) [u8; 32]);

impl Token {
    pub(super) fn made(dice: &Dice) -> Self {
        Self(dice.bytes())
    }

    /// The token that a cookie carries, if it has the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = unhex(text).filter(|_| text.len() == 64)?;
        bytes.try_into().ok().map(Self)
    }

    /// As a cookie carries it.
    #[must_use]
    pub fn expose(&self) -> String {
        hex(&self.0)
    }

    /// What is kept of it.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId(self.digest("holdfast session"))
    }

    /// What each form of this session carries, so that no other page can send one.
    #[must_use]
    pub fn csrf(&self) -> String {
        hex(&self.digest("holdfast form"))
    }

    /// Whether a form carries it. Takes as long for any text.
    #[must_use]
    pub fn sent(&self, csrf: &str) -> bool {
        self.csrf().as_bytes().ct_eq(csrf.as_bytes()).into()
    }

    fn digest(&self, what: &str) -> [u8; 32] {
        Sha256::new().chain_update(what).chain_update(self.0).finalize().into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A session's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) began: Moment,
    pub(super) seen: Moment,
    /// Whether everything was proved that is asked for.
    pub(super) proved: bool,
}

impl Life {
    /// Whether the session is over.
    pub(super) fn is_over(self, now: Moment) -> bool {
        let since = |at: Moment| now.0.saturating_sub(at.0);
        let whole = if self.proved { limits::SESSION_MS } else { limits::CODE_PAUSE_MS };
        since(self.began) >= whole || since(self.seen) >= limits::SESSION_IDLE_MS
    }

    /// Whether it is to be written down that somebody was here: not at each request, for each would be synced.
    pub(super) fn is_stale(self, now: Moment) -> bool {
        now.0.saturating_sub(self.seen.0) >= limits::SESSION_SEEN_MS
    }
}
