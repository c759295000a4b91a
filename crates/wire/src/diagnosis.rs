//! Why a signature is wrong: what is signed piece by piece, and which known mistakes reproduce the one that was sent.
//!
//! Everything here is for whoever has the key and for test environments: to tell a stranger why it failed is to help
//! it. What is told never contains a key.

mod mistake;
mod page;
mod pairs;
mod request;
mod rewrite;
mod token;

use sha2::{Digest as _, Sha256};

pub use mistake::Mistake;
pub use page::reference;
pub use token::TokenClaim;

use crate::{
    auth::{BodySig, hex},
    notice::{self, Pairs},
    secret::{AppKey, NoticeKey},
};

/// Something signed, as it came in, with the signature that somebody made for it. It proves nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A request under `OPEN-BODY-SIG` or `OPEN-FORM-PARAM`.
    Request {
        /// The signature and what was signed with the body.
        signed: BodySig,
        /// The body, or the content of a form, as received.
        body: Vec<u8>,
    },
    /// A request for a token.
    Token(TokenClaim),
    /// A notice.
    Notice {
        /// Its pairs, decoded, in the order in which they came.
        pairs: Pairs,
        /// The signature: that of the pairs, or what a receiver made of them.
        theirs: String,
    },
    /// A message of the predecessor protocol.
    Legacy {
        /// Its fields: texts decoded, everything else as it was written.
        pairs: Pairs,
        /// The signature.
        theirs: String,
    },
}

/// The keys with which a signature is tried. The first of the right kind is the one that should have made it.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Keys of apps, for requests.
    pub app: Vec<AppKey>,
    /// Communication keys of merchants, for notices and the predecessor protocol.
    pub notice: Vec<NoticeKey>,
}

/// One of the [`Keys`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsed {
    /// The app's key at that place.
    App(usize),
    /// The communication key at that place.
    Notice(usize),
}

/// A piece of the text that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What a wrong signature was probably made of. It never contains a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The mistakes that together reproduce the signature, the fewest that do. None when no known mistake does, or
    /// when the signature is right.
    pub mistakes: Vec<Mistake>,
    /// The key that made it, where one did.
    pub key: Option<KeyUsed>,
    /// What was signed, when it is not what should have been.
    pub instead: Option<Instead>,
}

/// What was signed instead of what should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Another body.
    Body(Vec<u8>),
    /// Another text, without the key.
    Text(Vec<u8>),
}

impl Claim {
    /// The signature that was sent.
    #[must_use]
    pub fn theirs(&self) -> &str {
        match self {
            Self::Request { signed, .. } => signed.signature.as_str(),
            Self::Token(token) => &token.signature,
            Self::Notice { theirs, .. } | Self::Legacy { theirs, .. } => theirs,
        }
    }

    /// The text that is signed, in pieces. Joined they are the text; the key is not among them.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let piece = |name: &str, text: &str| Piece { name: name.to_owned(), text: text.to_owned() };
        match self {
            Self::Request { signed, body } => vec![
                piece("AppId", signed.app_id.as_str()),
                piece("Timestamp", signed.timestamp.as_str()),
                piece("Nonce", signed.nonce.as_str()),
                piece("body hash", &hex(&Sha256::digest(body))),
            ],
            Self::Token(token) => token.pieces(),
            Self::Notice { pairs, .. } | Self::Legacy { pairs, .. } => {
                let mut joint = "";
                let mut pieces = vec![];
                for (name, value) in notice::signed_pairs(notice::borrowed(pairs)) {
                    pieces.push(piece(name, &format!("{joint}{name}={value}")));
                    joint = "&";
                }
                pieces
            }
        }
    }

    /// The right signature, by the first key of the right kind. `None` when there is none.
    ///
    /// Whoever has it can send the request, so it is only for whoever has the key.
    #[must_use]
    pub fn ours(&self, keys: &Keys) -> Option<String> {
        match self {
            Self::Request { signed, body } => {
                let BodySig { app_id, timestamp, nonce, .. } = signed.clone();
                let ours = BodySig::sign(keys.app.first()?, app_id, timestamp, nonce, body);
                Some(ours.signature.as_str().to_owned())
            }
            Self::Token(token) => Some(token.ours(keys.app.first()?)),
            Self::Notice { pairs, .. } => {
                Some(notice::sign(keys.notice.first()?, notice::borrowed(pairs)))
            }
            Self::Legacy { pairs, theirs } => {
                Some(pairs::legacy_sign(keys.notice.first()?, pairs, theirs))
            }
        }
    }

    /// Whether the first key of the right kind made the signature. Digits may be of either case, and Base64 without
    /// the padding at its end.
    #[must_use]
    pub fn is_right(&self, keys: &Keys) -> bool {
        match self {
            Self::Request { signed, body } => {
                keys.app.first().is_some_and(|key| signed.verify(key, body))
            }
            Self::Token(_) | Self::Notice { .. } => {
                self.ours(keys).is_some_and(|ours| ours.eq_ignore_ascii_case(self.theirs()))
            }
            Self::Legacy { pairs, theirs } => {
                keys.notice.first().is_some_and(|key| pairs::legacy_is_right(key, pairs, theirs))
            }
        }
    }

    /// The mistakes that are tried.
    #[must_use]
    pub fn tried(&self) -> &'static [Mistake] {
        match self {
            Self::Request { .. } => request::TRIED,
            Self::Token(_) => token::TRIED,
            Self::Notice { .. } | Self::Legacy { .. } => pairs::TRIED,
        }
    }

    /// What a wrong signature was made of: every known mistake is made again, also several at once, and the result
    /// compared. It takes a bounded number of digests, whatever came in.
    #[must_use]
    pub fn diagnose(&self, keys: &Keys) -> Diagnosis {
        if self.is_right(keys) {
            return Diagnosis::default();
        }
        match self {
            Self::Request { signed, body } => request::diagnose(signed, body, keys),
            Self::Token(token) => token.diagnose(keys),
            Self::Notice { pairs, theirs } => {
                pairs::diagnose(pairs, theirs, keys, &pairs::notice_fields())
            }
            Self::Legacy { pairs, theirs } => {
                pairs::diagnose(pairs, theirs, keys, &pairs::legacy_fields(pairs))
            }
        }
    }
}

/// The bytes of a key, whichever kind it is, and what it is a mistake to use it.
struct Candidate<'a> {
    key: &'a str,
    used: KeyUsed,
    mistakes: Vec<Mistake>,
}

impl Keys {
    /// All keys where one of an app is right.
    fn for_requests(&self) -> Vec<Candidate<'_>> {
        let mut all = self.apps(&[], &[Mistake::OtherKey]);
        all.extend(self.notices(&[Mistake::NoticeKeyUsed], &[Mistake::NoticeKeyUsed]));
        all
    }

    /// All keys where a communication key is right.
    fn for_notices(&self) -> Vec<Candidate<'_>> {
        let mut all = self.notices(&[], &[Mistake::OtherKey]);
        all.extend(self.apps(&[Mistake::AppKeyUsed], &[Mistake::AppKeyUsed]));
        all
    }

    fn apps(&self, first: &[Mistake], other: &[Mistake]) -> Vec<Candidate<'_>> {
        candidates(self.app.iter().map(AppKey::expose), KeyUsed::App, first, other)
    }

    fn notices(&self, first: &[Mistake], other: &[Mistake]) -> Vec<Candidate<'_>> {
        candidates(self.notice.iter().map(NoticeKey::expose), KeyUsed::Notice, first, other)
    }
}

fn candidates<'a>(
    keys: impl Iterator<Item = &'a str>,
    used: fn(usize) -> KeyUsed,
    first: &[Mistake],
    other: &[Mistake],
) -> Vec<Candidate<'a>> {
    let mistakes = |place| if place == 0 { first.to_vec() } else { other.to_vec() };
    let candidate = |(place, key)| Candidate { key, used: used(place), mistakes: mistakes(place) };
    keys.enumerate().map(candidate).collect()
}

/// A key as it may have been used: with the white space around it cut off, or with some at its end.
fn spaced(key: &str) -> Vec<String> {
    let mut spaced: Vec<String> = ["\n", "\r\n", " "].map(|end| format!("{key}{end}")).to_vec();
    spaced.push(format!(" {key}"));
    if key.trim() != key {
        spaced.push(key.trim().to_owned());
    }
    spaced
}
