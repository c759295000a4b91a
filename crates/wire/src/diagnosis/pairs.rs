//! Notices and the predecessor protocol: a plain digest over sorted pairs and the communication key.

use std::borrow::Cow;

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Candidate, Diagnosis, Instead, Keys, Mistake, rewrite, spaced};
use crate::{
    auth::{BASE64, decode_form, encode_form, hex, unhex},
    field::SignType,
    json::Json,
    message::Message as _,
    messages::{ENDPOINTS, Notice},
    notice::{self, Pairs, SIGN, SIGN_TYPE},
    secret::NoticeKey,
    time,
};

/// What is tried.
pub(super) const TRIED: &[Mistake] = &[
    Mistake::AppKeyUsed,
    Mistake::OtherKey,
    Mistake::KeySpace,
    Mistake::Hmac,
    Mistake::OtherDigest,
    Mistake::KeyParameter,
    Mistake::KeySeparated,
    Mistake::KeyFirst,
    Mistake::KeyMissing,
    Mistake::Base64,
    Mistake::SignTypeLeftOut,
    Mistake::SignTypeAdded,
    Mistake::SignIncluded,
    Mistake::EmptyValues,
    Mistake::UnknownDropped,
    Mistake::FieldDropped,
    Mistake::CaseInsensitiveSort,
    Mistake::Unsorted,
    Mistake::EncodedValues,
    Mistake::DecodedTwice,
    Mistake::ValuePlusLost,
    Mistake::NestedRewritten,
    Mistake::ShiftedTimes,
    Mistake::OtherCharset,
    Mistake::Trimmed,
    Mistake::HtmlEscaped,
];

const EIGHT_HOURS_MS: i64 = 8 * 3_600_000;

/// How many bytes are digested at most before it is given up: what nobody did on purpose is found long before.
const WORK_MAX: usize = 96 * 1024 * 1024;

/// With more fields than that none is left out by turns: no notice has as many.
const FIELDS_MAX: usize = 100;

/// The most mistakes at once.
const MISTAKES_MAX: usize = 3;

/// The longest text of a time: `yyyy-MM-dd HH:mm:ss`.
const TIME_BYTES: usize = 19;

/// The names that the documents list for a notice.
pub(super) fn notice_fields() -> Vec<&'static str> {
    Notice::FIELDS.iter().map(|field| field.name).chain([SIGN_TYPE]).collect()
}

/// The names that the documents list for a message of the predecessor protocol.
pub(super) fn legacy_fields(pairs: &Pairs) -> Vec<&'static str> {
    let asked = pairs.iter().find(|(name, _)| name == MSG_TYPE).map(|(_, value)| value.as_str());
    let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.msg_type == asked && asked.is_some());
    let fields = endpoint.map_or(&[][..], |endpoint| endpoint.request).iter();
    let names = fields.flat_map(|field| [Some(field.name), field.alias]).flatten();
    names.chain([MSG_TYPE, "msgSrc", "msgSrcId", SIGN_TYPE]).collect()
}

const MSG_TYPE: &str = "msgType";

/// The signature that a message of the predecessor protocol should have: by the digest that it names, or else the one
/// that the signature it has is long enough for.
pub(super) fn legacy_sign(key: &NoticeKey, pairs: &Pairs, theirs: &str) -> String {
    let named = pairs.iter().any(|(name, _)| name == SIGN_TYPE);
    match !named && theirs.len() == 64 {
        true => unnamed(key, pairs),
        false => notice::sign(key, notice::borrowed(pairs)),
    }
}

/// Whether a message of the predecessor protocol was signed so.
pub(super) fn legacy_is_right(key: &NoticeKey, pairs: &Pairs, theirs: &str) -> bool {
    let theirs = theirs.to_ascii_uppercase();
    let fits = |ours: String| bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()));
    // The official example of a SHA-256 signature does not name the digest, and so does not sign its name.
    fits(notice::sign(key, notice::borrowed(pairs))) | fits(unnamed(key, pairs))
}

fn unnamed(key: &NoticeKey, pairs: &Pairs) -> String {
    let unnamed = notice::borrowed(pairs).filter(|(name, _)| *name != SIGN_TYPE);
    let text = notice::signed_text(unnamed);
    hex(&Sha256::new().chain_update(text).chain_update(key.expose()).finalize())
        .to_ascii_uppercase()
}

/// Makes the signature again with every known mistake, first with one, then with two, then with three at once.
pub(super) fn diagnose(pairs: &Pairs, theirs: &str, keys: &Keys, known: &[&str]) -> Diagnosis {
    let claims = claims(theirs);
    if claims.is_empty() {
        return Diagnosis::default();
    }
    let sha256 =
        pairs.iter().any(|(name, value)| name == SIGN_TYPE && value == SignType::Sha256.as_str());
    let (selections, candidates) = (selections(pairs, known), keys.for_notices());
    let right = notice::signed_text(notice::borrowed(pairs));
    let mut left = WORK_MAX;
    for count in 0..=MISTAKES_MAX {
        for (of_selection, selected) in &selections {
            let Some(room) = count.checked_sub(of_selection.len()) else { continue };
            for (of_values, changed) in changes(selected, room) {
                for (of_order, text) in texts(&changed) {
                    // To make a text is work too, also when it is not digested.
                    left = left.saturating_sub(text.len());
                    if left == 0 {
                        return Diagnosis::default();
                    }
                    let of_text = [of_selection, &of_values, &of_order].map(Vec::as_slice).concat();
                    if of_text.len() > count {
                        continue;
                    }
                    for candidate in &candidates {
                        let before = of_text.len() + candidate.mistakes.len();
                        let Some(more) = count.checked_sub(before) else { continue };
                        let found = codes(&text, candidate, sha256, more, &mut |mistakes, code| {
                            left = left.saturating_sub(text.len());
                            let (of_spelling, _) =
                                claims.iter().find(|(_, claimed)| claimed == code)?;
                            let mistakes = [mistakes, of_spelling.as_slice()].concat();
                            (mistakes.len() == more).then_some(mistakes)
                        });
                        if let Some(rest) = found {
                            return Diagnosis {
                                mistakes: [of_text, candidate.mistakes.clone(), rest].concat(),
                                key: Some(candidate.used),
                                instead: (text != right).then(|| Instead::Text(text.into_bytes())),
                            };
                        }
                    }
                }
            }
        }
    }
    Diagnosis::default()
}

/// What the signature may stand for.
fn claims(theirs: &str) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    if let Some(bytes) = unhex(theirs) {
        return vec![(vec![], bytes)];
    }
    let Ok(bytes) = BASE64.decode(theirs) else { return vec![] };
    let inner = std::str::from_utf8(&bytes).ok().and_then(unhex);
    vec![(vec![Mistake::Base64], inner.unwrap_or(bytes))]
}

/// Which pairs may have been signed, in the order in which they came.
fn selections(pairs: &Pairs, known: &[&str]) -> Vec<(Vec<Mistake>, Pairs)> {
    let has = |wanted: &str| pairs.iter().any(|(name, _)| name == wanted);
    let mut kinds: Vec<(Vec<Mistake>, Pairs)> = vec![(vec![], pairs.clone())];
    if has(SIGN_TYPE) {
        let mut without = pairs.clone();
        without.retain(|(name, _)| name != SIGN_TYPE);
        kinds.push((vec![Mistake::SignTypeLeftOut], without));
    } else {
        for word in [SignType::Md5, SignType::Sha256] {
            let mut with = pairs.clone();
            with.push((SIGN_TYPE.to_owned(), word.as_str().to_owned()));
            kinds.push((vec![Mistake::SignTypeAdded], with));
        }
    }
    // Each of these may have happened beside the others.
    let mut add = |mistake: Mistake, change: &dyn Fn(&Pairs) -> Pairs| {
        for (mistakes, pairs) in kinds.clone() {
            let changed = change(&pairs);
            if changed != pairs {
                kinds.push(([mistakes.as_slice(), &[mistake]].concat(), changed));
            }
        }
    };
    let mark = |pairs: &Pairs, wanted: fn(&(String, String)) -> bool| {
        let marked = |pair: &(String, String)| match wanted(pair) {
            true => (format!("{KEPT}{}", pair.0), pair.1.clone()),
            false => pair.clone(),
        };
        pairs.iter().map(marked).collect::<Pairs>()
    };
    add(Mistake::EmptyValues, &|pairs| {
        mark(pairs, |(name, value)| value.is_empty() && name != SIGN)
    });
    add(Mistake::SignIncluded, &|pairs| mark(pairs, |(name, _)| name == SIGN));
    add(Mistake::SignIncluded, &|pairs| {
        let without = pairs.iter().filter(|(name, _)| name != SIGN && !is_kept(name, SIGN));
        let mut pairs: Pairs = without.cloned().collect();
        pairs.push((format!("{KEPT}{SIGN}"), String::new()));
        pairs
    });
    add(Mistake::UnknownDropped, &|pairs| {
        let is_known =
            |name: &str| known.contains(&name.trim_start_matches(KEPT)) || is_kept(name, SIGN);
        pairs.iter().filter(|(name, _)| is_known(name) || name == SIGN).cloned().collect()
    });
    let few = if pairs.len() <= FIELDS_MAX { pairs.len() } else { 0 };
    for place in 0..few {
        let mut without = pairs.clone();
        let (name, value) = without.remove(place);
        if name != SIGN_TYPE && name != SIGN && !value.is_empty() {
            kinds.push((vec![Mistake::FieldDropped], without));
        }
    }
    for (_, pairs) in &mut kinds {
        pairs.retain(|(name, value)| name.starts_with(KEPT) || (name != SIGN && !value.is_empty()));
        for (name, _) in pairs {
            *name = name.trim_start_matches(KEPT).to_owned();
        }
    }
    kinds
}

/// Stands before the name of a pair that is to be signed though it should not.
const KEPT: char = '\u{0}';

fn is_kept(name: &str, wanted: &str) -> bool {
    name.strip_prefix(KEPT) == Some(wanted)
}

/// How values may have been changed before they were signed; nothing when there is no room for a mistake.
fn changes(pairs: &Pairs, room: usize) -> Vec<(Vec<Mistake>, Pairs)> {
    let mut changed = vec![(vec![], pairs.clone())];
    if room == 0 {
        return changed;
    }
    let mut each = |mistake: Mistake, change: &dyn Fn(&str) -> Option<String>| {
        let again = |value: &String| change(value).unwrap_or_else(|| value.clone());
        let values: Pairs =
            pairs.iter().map(|(name, value)| (name.clone(), again(value))).collect();
        if values != *pairs {
            changed.push((vec![mistake], values));
        }
    };
    for encoding in ENCODINGS {
        each(Mistake::EncodedValues, &|value| Some(encoding.of(value)));
    }
    each(Mistake::DecodedTwice, &|value| decode_form(value).map(Cow::into_owned));
    each(Mistake::ValuePlusLost, &|value| Some(value.replace('+', " ")));
    each(Mistake::Trimmed, &|value| Some(value.trim().to_owned()));
    each(Mistake::HtmlEscaped, &|value| Some(html(value, "&#39;")));
    each(Mistake::HtmlEscaped, &|value| Some(html(value, "'")));
    for style in rewrite::styles() {
        each(Mistake::NestedRewritten, &|value| {
            let json = Json::parse(value.as_bytes()).ok()?;
            let nested = matches!(json, Json::List(_) | Json::Object(_));
            let again = rewrite::written(&json, style).filter(|_| nested)?;
            String::from_utf8(again).ok()
        });
    }
    for shift in [EIGHT_HOURS_MS, -EIGHT_HOURS_MS] {
        each(Mistake::ShiftedTimes, &|value| moved(value, shift));
        each(Mistake::ShiftedTimes, &|value| Some(all_moved(value, shift)));
    }
    each(Mistake::OtherCharset, &|value| {
        Some(value.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect())
    });
    each(Mistake::OtherCharset, &|value| Some(value.bytes().map(char::from).collect()));
    changed
}

/// A text in every way in which it may have been encoded before it was signed.
pub(super) fn encoded(text: &str) -> impl Iterator<Item = String> {
    ENCODINGS.into_iter().map(|encoding| encoding.of(text))
}

/// How a value may have been encoded before it was signed.
#[derive(Clone, Copy)]
struct Encoding {
    /// `%20` for a space instead of `+`.
    spaces: bool,
    /// As JavaScript leaves `!~*'()` alone.
    marks: bool,
    /// `%2f` instead of `%2F`.
    lower: bool,
}

const ENCODINGS: [Encoding; 5] = [
    Encoding { spaces: false, marks: false, lower: false },
    Encoding { spaces: true, marks: false, lower: false },
    Encoding { spaces: true, marks: true, lower: false },
    Encoding { spaces: false, marks: false, lower: true },
    Encoding { spaces: true, marks: false, lower: true },
];

impl Encoding {
    fn of(self, value: &str) -> String {
        let mut out = String::with_capacity(value.len());
        for c in value.chars() {
            let mut encoded = String::new();
            encode_form(&mut encoded, c.encode_utf8(&mut [0; 4]));
            match c {
                ' ' if self.spaces => out.push_str("%20"),
                // What Java, PHP and .NET do with these differs as well.
                '*' if self.spaces && !self.marks => out.push_str("%2A"),
                '~' if self.spaces => out.push('~'),
                '!' | '\'' | '(' | ')' if self.marks => out.push(c),
                _ if self.lower => out.push_str(&lower_escapes(&encoded)),
                _ => out.push_str(&encoded),
            }
        }
        out
    }
}

fn lower_escapes(encoded: &str) -> String {
    if encoded.starts_with('%') { encoded.to_ascii_lowercase() } else { encoded.to_owned() }
}

fn html(value: &str, apostrophe: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str(apostrophe),
            c => out.push(c),
        }
    }
    out
}

/// A value that is a time, moved.
fn moved(value: &str, ms: i64) -> Option<String> {
    let moment = (value.len() == TIME_BYTES).then(|| time::parse(value)).flatten()?;
    Some(time::show(moment.plus_ms(ms)))
}

/// A value with all times in it moved.
fn all_moved(value: &str, ms: i64) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let time = rest.get(..TIME_BYTES).and_then(|time| moved(time, ms));
        let taken = if time.is_some() { TIME_BYTES } else { first.len_utf8() };
        match time {
            Some(time) => out.push_str(&time),
            None => out.push(first),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// The pairs as text, in every order in which they may have been signed.
fn texts(pairs: &Pairs) -> Vec<(Vec<Mistake>, String)> {
    let text = |pairs: &Pairs| {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    };
    let mut sorted = pairs.clone();
    sorted.sort_unstable();
    let mut any_case = sorted.clone();
    any_case.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let mut texts = vec![(vec![], text(&sorted))];
    for (mistake, pairs) in [(Mistake::CaseInsensitiveSort, &any_case), (Mistake::Unsorted, pairs)]
    {
        if *pairs != sorted {
            texts.push((vec![mistake], text(pairs)));
        }
    }
    texts
}

/// The codes that a key may have made of a text, with no more than so many mistakes, until one of them is wanted.
fn codes<T>(
    text: &str,
    candidate: &Candidate<'_>,
    sha256: bool,
    most: usize,
    wanted: &mut impl FnMut(&[Mistake], &[u8]) -> Option<T>,
) -> Option<T> {
    let key = candidate.key;
    let mut whole = vec![(vec![], format!("{text}{key}"))];
    if most > 0 {
        whole.push((vec![Mistake::KeyParameter], format!("{text}&key={key}")));
        whole.push((vec![Mistake::KeySeparated], format!("{text}&{key}")));
        whole.push((vec![Mistake::KeyFirst], format!("{key}{text}")));
        whole.push((vec![Mistake::KeyMissing], text.to_owned()));
        let spaced = spaced(key).into_iter();
        whole.extend(spaced.map(|key| (vec![Mistake::KeySpace], format!("{text}{key}"))));
    }
    for (mistakes, text) in whole {
        let (md5, sha) = (Md5::digest(&text).to_vec(), Sha256::digest(&text).to_vec());
        let (named, other) = if sha256 { (sha, md5) } else { (md5, sha) };
        let and = |mistake| [mistakes.as_slice(), &[mistake]].concat();
        if let Some(found) = wanted(&mistakes, &named) {
            return Some(found);
        }
        if mistakes.len() < most {
            for other in [other, Sha1::digest(&text).to_vec()] {
                if let Some(found) = wanted(&and(Mistake::OtherDigest), &other) {
                    return Some(found);
                }
            }
        }
    }
    if most > 0 {
        let hmacs = [
            hmac::<Hmac<Md5>>(key, text),
            hmac::<Hmac<Sha256>>(key, text),
            hmac::<Hmac<Sha256>>(key, &format!("{text}{key}")),
        ];
        return hmacs.into_iter().find_map(|code| wanted(&[Mistake::Hmac], &code));
    }
    None
}

#[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
pub(super) fn hmac<M: Mac + KeyInit>(key: &str, text: impl AsRef<[u8]>) -> Vec<u8> {
    let code =
        <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    code.chain_update(text).finalize().into_bytes().to_vec()
}
