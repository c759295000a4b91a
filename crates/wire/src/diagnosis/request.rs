//! Requests: the code over app, time, nonce and the body's digest.

use base64::Engine as _;
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use super::{Diagnosis, Instead, Keys, Mistake, pairs, rewrite, spaced};
use crate::{
    auth::{BASE64, BodySig, Stamp, decode_form, hex, hmac, unhex},
    json::{Json, Object},
    time,
};

/// What is tried.
pub(super) const TRIED: &[Mistake] = &[
    Mistake::UpperCaseHash,
    Mistake::OtherLayout,
    Mistake::SortedKeys,
    Mistake::OtherEscapes,
    Mistake::OtherValues,
    Mistake::TrailingNewline,
    Mistake::BodyNotHashed,
    Mistake::EmptyBody,
    Mistake::InsideEnvelope,
    Mistake::EncodedContent,
    Mistake::EightHours,
    Mistake::PieceOrder,
    Mistake::Separated,
    Mistake::NoticeKeyUsed,
    Mistake::OtherKey,
    Mistake::KeySpace,
    Mistake::PlainDigest,
    Mistake::Hex,
    Mistake::Base64OfHex,
    Mistake::UrlBase64,
    Mistake::PercentEncoded,
    Mistake::PlusLost,
];

/// How many bytes of other bodies are made at most: a body of two kilobytes has all of them.
const BODIES_MAX: usize = 8 * 1024 * 1024;

/// The most mistakes at once in how a body was written.
const MISTAKES_MAX: usize = 3;

const EIGHT_HOURS_MS: i64 = 8 * 3_600_000;

/// A text that may have been signed, and why.
struct Attempt<'a> {
    mistakes: Vec<Mistake>,
    text: Vec<u8>,
    /// The body in it, when it is another than the one that was sent.
    body: Option<&'a [u8]>,
}

impl Attempt<'_> {
    fn instead(&self) -> Option<Instead> {
        match self.body {
            Some(body) => Some(Instead::Body(body.to_vec())),
            None => (!self.mistakes.is_empty()).then(|| Instead::Text(self.text.clone())),
        }
    }
}

/// Makes the signature again with every known mistake in the body, the time or the key, and looks whether it is the
/// one that was sent, however that is spelled.
pub(super) fn diagnose(sig: &BodySig, body: &[u8], keys: &Keys) -> Diagnosis {
    let claims = claims(sig.signature.as_str());
    let candidates = keys.for_requests();
    let mut found: Option<Diagnosis> = None;
    attempts(sig, body, &mut |attempt| {
        let Attempt { mistakes, text, .. } = &attempt;
        let mut compare = |more: &[&[Mistake]], code: &[u8], key| {
            let Some((of_spelling, _)) = claims.iter().find(|(_, claimed)| claimed == code) else {
                return;
            };
            let mistakes = [mistakes, more.concat().as_slice(), of_spelling].concat();
            if found.as_ref().is_none_or(|found| mistakes.len() < found.mistakes.len()) {
                found = Some(Diagnosis { mistakes, key, instead: attempt.instead() });
            }
        };
        for candidate in &candidates {
            let code = hmac(candidate.key, text).finalize().into_bytes();
            compare(&[&candidate.mistakes], &code, Some(candidate.used));
        }
        // What has to do with the key is tried beside one other mistake at most.
        if mistakes.len() <= 1 {
            let digest = |parts: &[&[u8]]| Sha256::digest(parts.concat());
            compare(&[&[Mistake::PlainDigest]], &digest(&[text]), None);
            for candidate in &candidates {
                let (key, used) = (candidate.key.as_bytes(), Some(candidate.used));
                for code in [digest(&[text, key]), digest(&[key, text])] {
                    compare(&[&[Mistake::PlainDigest], &candidate.mistakes], &code, used);
                }
                for key in spaced(candidate.key) {
                    let code = hmac(&key, text).finalize().into_bytes();
                    compare(&[&[Mistake::KeySpace], &candidate.mistakes], &code, used);
                }
            }
        }
    });
    found.unwrap_or_default()
}

/// Makes everything that may have been signed, what should have been first. One after the other: a body can be long.
fn attempts(sig: &BodySig, body: &[u8], attempt: &mut dyn FnMut(Attempt<'_>)) {
    let (app, sent, nonce) = (sig.app_id.as_str(), sig.timestamp.as_str(), sig.nonce.as_str());
    let hash = hex(&Sha256::digest(body));
    let upper = hash.to_ascii_uppercase();
    let text = |timestamp: &str, last: &[u8]| {
        [app.as_bytes(), timestamp.as_bytes(), nonce.as_bytes(), last].concat()
    };
    let mut whole = |mistakes: &[Mistake], text: Vec<u8>| {
        attempt(Attempt { mistakes: mistakes.to_vec(), text, body: None });
    };
    whole(&[], text(sent, hash.as_bytes()));
    let times = other_times(&sig.timestamp);
    for order in [
        [app, nonce, sent],
        [sent, app, nonce],
        [sent, nonce, app],
        [nonce, app, sent],
        [nonce, sent, app],
    ] {
        whole(&[Mistake::PieceOrder], [order.concat().as_bytes(), hash.as_bytes()].concat());
        let mistakes = [Mistake::PieceOrder, Mistake::UpperCaseHash];
        whole(&mistakes, [order.concat().as_bytes(), upper.as_bytes()].concat());
    }
    for joint in ["\n", "\r\n", "&", ",", " ", "|"] {
        whole(&[Mistake::Separated], [app, sent, nonce, &hash].join(joint).into_bytes());
        let mistakes = [Mistake::Separated, Mistake::UpperCaseHash];
        whole(&mistakes, [app, sent, nonce, &upper].join(joint).into_bytes());
    }
    for (mistakes, other) in bodies(body) {
        let and = |mistake| [mistakes.as_slice(), &[mistake]].concat();
        let digest = hex(&Sha256::digest(&other));
        let upper = digest.to_ascii_uppercase();
        let body = (!mistakes.is_empty()).then_some(other.as_slice());
        for (mistakes, last) in [
            (mistakes.clone(), digest.as_bytes()),
            (and(Mistake::UpperCaseHash), upper.as_bytes()),
            (and(Mistake::BodyNotHashed), &other),
        ] {
            // The digests, but not a body that is long, are tried with the other times as well.
            if last.len() == digest.len() {
                for time in &times {
                    let mistakes = [&[Mistake::EightHours], mistakes.as_slice()].concat();
                    attempt(Attempt { mistakes, text: text(time, last), body });
                }
            }
            attempt(Attempt { mistakes, text: text(sent, last), body });
        }
    }
}

/// What the signature may stand for.
fn claims(signature: &str) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut spellings = vec![(vec![], signature.to_owned())];
    if signature.contains(' ') {
        spellings.push((vec![Mistake::PlusLost], signature.replace(' ', "+")));
    }
    if signature.contains('%')
        && let Some(decoded) = decode_form(&signature.replace('+', "%2B"))
    {
        spellings.push((vec![Mistake::PercentEncoded], decoded.into_owned()));
    }
    if signature.contains(['-', '_']) {
        spellings.push((vec![Mistake::UrlBase64], signature.replace('-', "+").replace('_', "/")));
    }
    let mut claims = vec![];
    for (mistakes, text) in spellings {
        let and = |mistake| [mistakes.as_slice(), &[mistake]].concat();
        if let Some(bytes) = unhex(&text) {
            claims.push((and(Mistake::Hex), bytes));
        }
        if let Ok(bytes) = BASE64.decode(&text) {
            if let Some(inner) = std::str::from_utf8(&bytes).ok().and_then(unhex) {
                claims.push((and(Mistake::Base64OfHex), inner));
            }
            claims.push((mistakes, bytes));
        }
    }
    claims
}

/// The times that may have been signed instead of the one sent.
pub(super) fn other_times(sent: &Stamp) -> [String; 2] {
    [EIGHT_HOURS_MS, -EIGHT_HOURS_MS].map(|ms| time::show_stamp(sent.moment().plus_ms(ms)))
}

/// The bodies that may have been signed.
fn bodies(sent: &[u8]) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut bodies = vec![(vec![], sent.to_vec()), (vec![Mistake::EmptyBody], vec![])];
    for layout in newlines(sent) {
        bodies.push((vec![Mistake::TrailingNewline], layout));
    }
    for encoded in pairs::encoded(&String::from_utf8_lossy(sent)) {
        bodies.push((vec![Mistake::EncodedContent], encoded.into_bytes()));
    }
    let Ok(object) = Object::parse(sent) else { return bodies };
    let inside = match object.get("data") {
        Some(data @ Json::Object(_)) => Some((vec![Mistake::InsideEnvelope], data.clone())),
        _ => None,
    };
    let whole = Json::Object(object);
    let own = rewrite::style_of(&whole, sent.trim_ascii_end());
    let mut left = BODIES_MAX;
    for (mistakes, json) in [(vec![], whole)].into_iter().chain(inside) {
        let styles = rewrite::body_styles();
        // Other values are looked for where no more than one thing is otherwise.
        let near = styles.iter().filter(|style| style.differs_from(own).len() <= 1);
        let changed: Vec<_> = near.flat_map(|style| style.changed()).collect();
        for style in styles.into_iter().chain(changed) {
            // A number that is not whole cannot be written again, and no field can hold one.
            let Some(again) = rewrite::written(&json, style) else { return bodies };
            let mistakes = [mistakes.as_slice(), &style.differs_from(own)].concat();
            if mistakes.len() > MISTAKES_MAX || bodies.iter().any(|(_, body)| *body == again) {
                continue;
            }
            let layouts = newlines(&again);
            for layout in layouts {
                bodies.push(([mistakes.as_slice(), &[Mistake::TrailingNewline]].concat(), layout));
            }
            left = left.saturating_sub(again.len().saturating_mul(3));
            bodies.push((mistakes, again));
            if left == 0 {
                return bodies;
            }
        }
    }
    bodies
}

/// A body with a line break at its end when it has none, and without when it has one.
fn newlines(body: &[u8]) -> Vec<Vec<u8>> {
    match body.trim_ascii_end() {
        trimmed if trimmed.len() < body.len() => vec![trimmed.to_vec()],
        trimmed => vec![[trimmed, b"\n"].concat(), [trimmed, b"\r\n"].concat()],
    }
}
