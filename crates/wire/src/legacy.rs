//! The predecessor protocol: one address for everything, `msgType` says what is asked, `sign` lies in the body.
//!
//! Its messages are those of the newer one. What differs is around them: the signature covers the fields one by
//! one, as notices are signed, with the merchant's communication key.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    auth::hex,
    json::{Json, NotJson, Object, write_text},
    message::EndpointSpec,
    messages::ENDPOINTS,
    notice,
    secret::NoticeKey,
};

/// The one address.
pub const PATH: &str = "/netpay-route-server/api/";

const MSG_TYPE: &str = "msgType";
const MSG_SRC: &str = "msgSrc";
const MID: &str = "mid";

/// Whether a path is the address of the predecessor protocol; the slash at its end may be missing.
#[must_use]
pub fn serves(path: &str) -> bool {
    path == PATH || Some(path) == PATH.strip_suffix('/')
}

/// A request or an answer of the predecessor protocol, as it came in. Nobody has vouched for it yet.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    /// The message itself.
    pub object: Object<'a>,
    written: BTreeMap<String, &'a str>,
}

impl<'a> Signed<'a> {
    /// Reads the one JSON object that `bytes` hold.
    ///
    /// # Errors
    /// Says what keeps the bytes from being one object, and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotJson> {
        let (object, written) = Object::parse_written(bytes)?;
        Ok(Self { object, written })
    }

    /// Who says to be asking: the message source (`msgSrc`).
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.text(MSG_SRC)
    }

    /// For which merchant.
    #[must_use]
    pub fn mid(&self) -> Option<&str> {
        self.text(MID)
    }

    /// What is asked (`msgType`).
    #[must_use]
    pub fn msg_type(&self) -> Option<&str> {
        self.text(MSG_TYPE)
    }

    /// The endpoint that is asked; `None` when no endpoint has that `msgType`.
    #[must_use]
    pub fn endpoint(&self) -> Option<&'static EndpointSpec> {
        let asked = self.msg_type()?;
        ENDPOINTS.iter().find(|endpoint| endpoint.msg_type == Some(asked))
    }

    /// The text that is signed, without the key.
    #[must_use]
    pub fn text_to_sign(&self) -> String {
        notice::signed_text(self.pairs())
    }

    /// The signature that the message should have, in upper-case hexadecimal digits.
    #[must_use]
    pub fn sign(&self, key: &NoticeKey) -> String {
        notice::sign(key, self.pairs())
    }

    /// Whether the message was signed with this key. Takes as long for a wrong signature as for a right one.
    #[must_use]
    pub fn is_signed_with(&self, key: &NoticeKey) -> bool {
        let pairs = self.pairs();
        let unnamed = pairs.iter().copied().filter(|(name, _)| *name != notice::SIGN_TYPE);
        // The official example of a SHA-256 signature does not name the digest, and so does not sign its name.
        let unnamed = Sha256::new()
            .chain_update(notice::signed_text(unnamed))
            .chain_update(key.expose())
            .finalize();
        let claimed = self.text(notice::SIGN).unwrap_or_default().to_ascii_lowercase();
        let unnamed: bool = hex(&unnamed).as_bytes().ct_eq(claimed.as_bytes()).into();
        notice::verify(key, pairs) | unnamed
    }

    /// The field that the signature does not tell from others, if there is one: nothing but `&` and `=` keeps the
    /// pairs of a signed text apart, so `{"a": "1&b=2"}` has the signature of `{"a": "1", "b": "2"}`, and
    /// `{"a=1&b": "2"}` too. Whoever caught a request could hide part of it so: the number of a refund, say.
    ///
    /// A value is let pass that could not be what it seems: what it seems to name is no field of the request, or
    /// would have its place elsewhere in the text.
    #[must_use]
    pub fn ambiguous(&self) -> Option<&str> {
        let fields = self.endpoint().map_or(&[][..], |endpoint| endpoint.request);
        let names = || fields.iter().flat_map(|field| [Some(field.name), field.alias]).flatten();
        let hides = |value: &str, after: &str, before: Option<&str>| {
            let mut parts = value.split('&').skip(1).filter_map(|part| part.split_once('='));
            parts.any(|(name, _)| {
                name > after
                    && before.is_none_or(|before| name < before)
                    && names().any(|known| known == name)
            })
        };
        let pairs: Vec<_> =
            self.pairs().into_iter().filter(|pair| pair.0 != notice::SIGN).collect();
        let next = |name: &str| {
            let later = pairs.iter().map(|pair| pair.0).filter(|later| *later > name);
            // Not every signature covers it, so nothing is sure to stand before it.
            later.filter(|later| *later != notice::SIGN_TYPE).min()
        };
        let unclear = |(name, value): &(&str, &str)| {
            name.contains(['&', '=']) || hides(value, name, next(name))
        };
        self.object
            .fields()
            .map(|(name, _)| name)
            .find(|name| pairs.iter().any(|pair| pair.0 == *name && unclear(pair)))
    }

    /// An ordinary answer to this request, as the predecessor protocol gives it: with `msgType` and `msgSrc`, and
    /// signed by the digest by which the request was.
    #[must_use]
    pub fn answer(&self, body: &[u8], key: &NoticeKey) -> Vec<u8> {
        let mut answer = self.answer_unsigned(body);
        if self.text(notice::SIGN).is_some_and(|sign| sign.len() == SHA256_DIGITS) {
            add(&mut answer, notice::SIGN_TYPE, "SHA256");
        }
        if let Ok(sign) = Signed::parse(&answer).map(|answer| answer.sign(key)) {
            add(&mut answer, notice::SIGN, &sign);
        }
        answer
    }

    /// The same without a signature, for whoever has not proved to have the key. Were it signed, anybody could
    /// have a text of their own signed by asking.
    #[must_use]
    pub fn answer_unsigned(&self, body: &[u8]) -> Vec<u8> {
        let mut answer = body.to_vec();
        for name in [MSG_TYPE, MSG_SRC] {
            if let Some(text) = self.text(name) {
                add(&mut answer, name, text);
            }
        }
        answer
    }

    /// The fields as pairs, in the order in which they came: texts decoded, everything else as it was written.
    #[must_use]
    pub fn owned_pairs(&self) -> notice::Pairs {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.pairs().into_iter().map(owned).collect()
    }

    /// The pairs that a signature covers: texts decoded, everything else as it was written.
    fn pairs(&self) -> Vec<(&str, &str)> {
        let value = |(name, json)| match json {
            &Json::Null => None,
            Json::Text(text) => Some((name, text.as_ref())),
            _ => self.written.get(name).map(|written| (name, *written)),
        };
        self.object.fields().filter_map(value).collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.object.get(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// How long a SHA-256 signature is; one by MD5 is half as long.
const SHA256_DIGITS: usize = 64;

/// Adds a field to an object that has some.
fn add(object: &mut Vec<u8>, name: &str, value: &str) {
    if object.pop().is_some() {
        object.extend_from_slice(b",\"");
        object.extend_from_slice(name.as_bytes());
        object.extend_from_slice(b"\":");
        write_text(object, value);
        object.push(b'}');
    }
}
