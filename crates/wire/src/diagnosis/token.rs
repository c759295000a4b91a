//! Requests for a token: a plain digest over app, time, nonce and the key.

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::{Diagnosis, Instead, Keys, Mistake, Piece, pairs, request::other_times, spaced};
use crate::{
    auth::{AppId, BASE64, HexDigest, Nonce, Stamp, hmac, unhex},
    field::SignMethod,
    json::{Json, Object},
    message::{FieldFault, Message as _},
    messages::TokenAccess,
    secret::AppKey,
};

/// A request for a token whose signature may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaim {
    /// The app.
    pub app_id: AppId,
    /// When it was signed.
    pub timestamp: Stamp,
    /// A text that the app uses once.
    pub nonce: Nonce,
    /// The digest that is named; SHA-1 when none is.
    pub sign_method: Option<SignMethod>,
    /// The signature.
    pub signature: String,
}

/// What is tried.
pub(super) const TRIED: &[Mistake] = &[
    Mistake::EightHours,
    Mistake::PieceOrder,
    Mistake::NoticeKeyUsed,
    Mistake::OtherKey,
    Mistake::KeySpace,
    Mistake::Hmac,
    Mistake::OtherDigest,
    Mistake::KeyFirst,
    Mistake::KeyMissing,
    Mistake::Base64,
];

impl TokenClaim {
    /// Whether an object is a request for a token.
    #[must_use]
    pub fn fits(object: &Object<'_>) -> bool {
        ["timestamp", "nonce", "signature"].into_iter().all(|name| object.has(name))
    }

    /// Reads one.
    ///
    /// # Errors
    /// Names every field that is wrong; the signature may be any text.
    pub fn read(object: &Object<'_>) -> Result<Self, Vec<FieldFault>> {
        let signature = object.get(SIGNATURE).and_then(text).unwrap_or_default().to_owned();
        // The signature is to be explained whatever it is, so its place is held by one that is well-formed.
        let unsigned = "0".repeat(40);
        let fields = object.fields().filter_map(|(name, json)| match name {
            SIGNATURE => Some((name, unsigned.as_str())),
            _ => Some((name, text(json)?)),
        });
        let fields = Object::of_texts(fields).unwrap_or_default();
        let TokenAccess { app_id, timestamp, nonce, sign_method, .. } =
            TokenAccess::decode(&fields)?;
        Ok(Self { app_id, timestamp, nonce, sign_method, signature })
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        [
            ("AppId", self.app_id.as_str()),
            ("Timestamp", self.timestamp.as_str()),
            ("Nonce", self.nonce.as_str()),
        ]
        .map(|(name, text)| Piece { name: name.to_owned(), text: text.to_owned() })
        .to_vec()
    }

    pub(super) fn ours(&self, key: &AppKey) -> String {
        let Self { app_id, timestamp, nonce, sign_method, .. } = self.clone();
        let signature = HexDigest::parse(&"0".repeat(40));
        signature.map_or_else(
            |_| String::new(),
            |signature| {
                TokenAccess { app_id, timestamp, nonce, sign_method, signature }
                    .right_signature(key)
            },
        )
    }

    pub(super) fn diagnose(&self, keys: &Keys) -> Diagnosis {
        let mut claims = vec![];
        if let Some(bytes) = unhex(&self.signature) {
            claims.push((vec![], bytes));
        } else if let Ok(bytes) = BASE64.decode(&self.signature) {
            let inner = std::str::from_utf8(&bytes).ok().and_then(unhex);
            claims.push((vec![Mistake::Base64], inner.unwrap_or(bytes)));
        }
        let mut found: Vec<Diagnosis> = vec![];
        for (mistakes, text) in self.texts() {
            for candidate in keys.for_requests() {
                let mut with_keys = vec![(vec![], candidate.key.to_owned())];
                if mistakes.is_empty() {
                    let spaced = spaced(candidate.key).into_iter();
                    with_keys.extend(spaced.map(|key| (vec![Mistake::KeySpace], key)));
                }
                for (of_key, key) in with_keys {
                    for (of_code, code) in self.codes(text.as_bytes(), &key) {
                        let Some((of_spelling, _)) =
                            claims.iter().find(|(_, claimed)| *claimed == code)
                        else {
                            continue;
                        };
                        let mistakes =
                            [&mistakes, &candidate.mistakes, &of_key, &of_code, of_spelling]
                                .map(Vec::as_slice)
                                .concat();
                        let instead = Instead::Text(text.clone().into_bytes());
                        let instead = (text != self.text()).then_some(instead);
                        found.push(Diagnosis { mistakes, key: Some(candidate.used), instead });
                    }
                }
            }
        }
        found.into_iter().min_by_key(|diagnosis| diagnosis.mistakes.len()).unwrap_or_default()
    }

    fn text(&self) -> String {
        self.pieces().into_iter().map(|piece| piece.text).collect()
    }

    /// What may have been signed.
    fn texts(&self) -> Vec<(Vec<Mistake>, String)> {
        let (app, sent, nonce) =
            (self.app_id.as_str(), self.timestamp.as_str(), self.nonce.as_str());
        let mut texts = vec![(vec![], self.text())];
        for time in other_times(&self.timestamp) {
            texts.push((vec![Mistake::EightHours], [app, time.as_str(), nonce].concat()));
        }
        for order in [
            [app, nonce, sent],
            [sent, app, nonce],
            [sent, nonce, app],
            [nonce, app, sent],
            [nonce, sent, app],
        ] {
            texts.push((vec![Mistake::PieceOrder], order.concat()));
        }
        texts
    }

    /// The codes that a key may have made of a text.
    fn codes(&self, text: &[u8], key: &str) -> Vec<(Vec<Mistake>, Vec<u8>)> {
        let sha256 = self.sign_method == Some(SignMethod::Sha256);
        let behind = [text, key.as_bytes()].concat();
        let before = [key.as_bytes(), text].concat();
        let named = |text: &[u8]| match sha256 {
            true => Sha256::digest(text).to_vec(),
            false => Sha1::digest(text).to_vec(),
        };
        let other = match sha256 {
            true => Sha1::digest(&behind).to_vec(),
            false => Sha256::digest(&behind).to_vec(),
        };
        vec![
            (vec![], named(&behind)),
            (vec![Mistake::OtherDigest], other),
            (vec![Mistake::OtherDigest], Md5::digest(&behind).to_vec()),
            (vec![Mistake::Hmac], hmac(key, text).finalize().into_bytes().to_vec()),
            (vec![Mistake::Hmac], pairs::hmac::<Hmac<Sha1>>(key, text)),
            (vec![Mistake::KeyFirst], named(&before)),
            (vec![Mistake::KeyMissing], named(text)),
        ]
    }
}

const SIGNATURE: &str = "signature";

fn text<'a>(json: &'a Json<'_>) -> Option<&'a str> {
    match json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}
