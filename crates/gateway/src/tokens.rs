//! Access tokens: signed, so that a restart does not log everybody out, and few.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use hmac::{Hmac, KeyInit, Mac};
use holdfast_domain::Moment;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{
    limits,
    vault::{Vault, hex, unhex},
};

/// Makes and checks access tokens (`protocol.md` section 2.2).
///
/// A token is `app.key.issued.mac`: it needs no memory to be checked. Memory only knows the last few of each
/// app, so that one more than [`limits::TOKENS`] ends the oldest.
#[derive(Debug)]
pub(crate) struct Tokens {
    vault: Arc<Vault>,
    issued: Mutex<HashMap<Arc<str>, VecDeque<i64>>>,
}

/// A token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The app it was given to.
    pub(crate) app: String,
    /// The number of the app's key that asked for it; it ends with that key.
    pub(crate) key: u32,
}

impl Tokens {
    /// Tokens signed with the vault's key.
    #[must_use]
    pub(crate) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, issued: Mutex::default() }
    }

    /// Makes a token for an app that has proved to have the key of that number.
    #[must_use]
    pub(crate) fn issue(&self, app: &Arc<str>, key: u32, wall: Moment) -> String {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let times = issued.entry(app.clone()).or_default();
        // No two tokens of an app have the same time.
        let at = times.back().map_or(wall.0, |last| wall.0.max(last.saturating_add(1)));
        times.push_back(at);
        while times.len() > limits::TOKENS {
            times.pop_front();
        }
        let text = format!("{app}.{key}.{at}");
        let mac = hex(&self.mac(&text));
        format!("{text}.{mac}")
    }

    /// What a token says, if we made it, it is not too old, and not too many were made after it.
    #[must_use]
    pub(crate) fn check(&self, token: &str, wall: Moment) -> Option<Token> {
        let (text, mac) = token.rsplit_once('.')?;
        let mac = unhex(mac)?;
        if !bool::from(self.mac(text).as_slice().ct_eq(&mac)) {
            return None;
        }
        let (rest, at) = text.rsplit_once('.')?;
        let (app, key) = rest.rsplit_once('.')?;
        let at: i64 = at.parse().ok()?;
        if wall.0.saturating_sub(at) >= limits::TOKEN_MS {
            return None;
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = issued.get(app).is_some_and(|times| {
            times.len() >= limits::TOKENS && times.front().is_some_and(|oldest| at < *oldest)
        });
        (!ended).then_some(Token { app: app.to_owned(), key: key.parse().ok()? })
    }

    fn mac(&self, text: &str) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(self.vault.token_key());
        let mut mac = mac.expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}
