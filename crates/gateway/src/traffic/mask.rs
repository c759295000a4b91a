//! What people send, with what is nobody else's business hidden.
//!
//! Everything is shown as it came, byte by byte, but for the values of fields that tell of a person and of secrets. What
//! cannot be read is looked through all the same: broken JSON is when people look here.

use std::borrow::Cow;

use holdfast_wire::json::Object;

/// Fields that tell who somebody is or what their card is. Compared without regard to case.
const PERSONAL: &[&str] = &[
    "acctname",
    "acctno",
    "address",
    "bankacct",
    "bankcardno",
    "buyerid",
    "buyerlogonid",
    "buyermobile",
    "buyername",
    "buyerusername",
    "cardno",
    "certid",
    "certno",
    "email",
    "idcard",
    "idno",
    "mobile",
    "mobileno",
    "name",
    "openid",
    "pan",
    "payername",
    "phone",
    "phoneno",
    "realname",
    "subbuyerid",
    "subopenid",
    "tel",
    "userid",
];

/// Fields that would let somebody act in another's name.
const SECRET: &[&str] =
    &["accesstoken", "appkey", "cookie", "key", "md5key", "password", "secret", "token"];

/// How the names of fields end whose long numbers are no card's: numbers of orders, times, digests.
const NUMBERS: &[&str] = &[
    "code",
    "cursor",
    "date",
    "hash",
    "id",
    "mid",
    "no",
    "nonce",
    "sign",
    "signature",
    "time",
    "timestamp",
    "url",
];

/// So many digits in a row may be a card's.
const CARD_DIGITS: usize = 12;
/// So many of its last digits are shown.
const SHOWN_DIGITS: usize = 4;

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// It is hidden, and everything in it.
    Hide,
    /// What may be a card's number in it is hidden.
    Digits,
    /// It is shown.
    Show,
}

impl Care {
    fn of(field: &str) -> Self {
        let field = field.trim().to_ascii_lowercase();
        let is = |names: &[&str]| names.contains(&field.as_str());
        match is(PERSONAL) || is(SECRET) {
            true => Self::Hide,
            false if NUMBERS.iter().any(|end| field.ends_with(end)) => Self::Show,
            false => Self::Digits,
        }
    }

    /// Inside of something else, or in what cannot be read.
    fn within(self, outer: Self) -> Self {
        match (self, outer) {
            (Self::Hide, _) | (_, Self::Hide) => Self::Hide,
            (Self::Digits, _) | (_, Self::Digits) => Self::Digits,
            (Self::Show, Self::Show) => Self::Show,
        }
    }
}

/// The value of a field.
pub(crate) fn field<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    masked(value, Care::of(name))
}

/// A body, or the content of a form: JSON, pairs, or whatever it is.
pub(crate) fn body(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // What is no JSON may be anything: long numbers in it are hidden wherever they stand.
    let rest = if Object::parse(bytes).is_ok() { Care::Show } else { Care::Digits };
    match text.trim_start().starts_with(['{', '[']) || !text.contains('=') {
        true => json(&text, rest),
        false => form(&text),
    }
}

/// The pairs of a form, decoded, one a line.
pub(crate) fn form(text: &str) -> String {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let value = match value.trim_start().starts_with(['{', '[']) {
            true => json(&value, Care::of(&name)),
            false => field(&name, &value).into_owned(),
        };
        format!("{}={value}", digits_hidden(&name))
    };
    text.split('&').map(pair).collect::<Vec<_>>().join("\n")
}

/// The pairs of a form, decoded and as they are: not for showing.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value)))
}

/// What a part of an `Authorization` header says.
pub(super) fn part(header: &str, name: &str) -> Option<String> {
    let parts = header.split([' ', ',', '\t']).filter_map(|part| part.split_once('='));
    let mut parts = parts.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    parts.next().map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

/// A header's value: of `Authorization` the scheme and its parts.
pub(crate) fn header(name: &str, value: &str) -> String {
    match name {
        "authorization" => authorization(value),
        "cookie" | "proxy-authorization" => hidden(value),
        _ => field(name, value).into_owned(),
    }
}

fn authorization(value: &str) -> String {
    let (scheme, rest) = value.trim().split_once([' ', '\t']).unwrap_or(("", value));
    if !scheme.to_ascii_uppercase().starts_with("OPEN-") {
        // Of another scheme nobody knows which part is the secret.
        return format!("{scheme} {}", hidden(rest)).trim_start().to_owned();
    }
    let part = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        format!("{}=\"{}\"", name.trim(), field(name, value))
    };
    let parts: Vec<String> = rest.split(',').map(part).collect();
    format!("{scheme} {}", parts.join(", "))
}

/// A value with what is to be hidden in it hidden.
fn masked(value: &str, care: Care) -> Cow<'_, str> {
    match care {
        // What came masked says no more than it should.
        Care::Hide if value.contains('*') || value.is_empty() => Cow::Borrowed(value),
        Care::Hide => Cow::Owned(hidden(value)),
        // Pairs within a value: the text of a signature, the body of a notice.
        Care::Digits if value.contains('=') && value.contains('&') => {
            let pair = |pair: &str| match pair.split_once('=') {
                Some((name, value)) => {
                    format!("{}={}", digits_hidden(name), field(name, &decoded(value)))
                }
                None => digits_hidden(pair).into_owned(),
            };
            Cow::Owned(value.split('&').map(pair).collect::<Vec<_>>().join("&"))
        }
        Care::Digits => digits_hidden(value),
        Care::Show => Cow::Borrowed(value),
    }
}

/// Stars; of a long number the last digits are left, by which people know their card.
fn hidden(value: &str) -> String {
    let number = value.len() >= CARD_DIGITS && value.bytes().all(|byte| byte.is_ascii_digit());
    let last = if number { value.len().saturating_sub(SHOWN_DIGITS) } else { value.len() };
    format!("***{}", value.get(last..).unwrap_or_default())
}

/// A text in which digits that may be a card's are hidden.
fn digits_hidden(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let end = run.find(|c: char| !c.is_ascii_digit()).unwrap_or(run.len());
        let (digits, after) = run.split_at(end);
        out.push_str(before);
        match digits.len() >= CARD_DIGITS {
            true => {
                found = true;
                out.push_str(&hidden(digits));
            }
            false => out.push_str(digits),
        }
        rest = after;
    }
    match found {
        true => Cow::Owned(out + rest),
        false => Cow::Borrowed(text),
    }
}

/// JSON or what is left of it, as it came. `rest` is what is done with values of fields that are nothing special.
fn json(text: &str, rest: Care) -> String {
    let mut out = String::with_capacity(text.len());
    // What is done with values where the reader is: of a field, of the elements of a list, and outside of those.
    let (mut care, mut outer) = (rest, vec![]);
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let (token, after) = left.split_at(token_end(left, first));
        left = after;
        let is_name = !first.is_whitespace() && after.trim_start().starts_with(':');
        match first {
            '{' | '[' => {
                outer.push(care);
                out.push_str(token);
            }
            '}' | ']' => {
                // A name is only good for one value.
                outer.pop();
                care = outer.last().copied().unwrap_or(rest);
                out.push_str(token);
            }
            ',' => {
                care = outer.last().copied().unwrap_or(rest);
                out.push_str(token);
            }
            ':' => out.push_str(token),
            c if c.is_whitespace() => out.push_str(token),
            _ if is_name => {
                let hidden = outer.last() == Some(&Care::Hide);
                care = Care::of(&plain(token)).within(if hidden { Care::Hide } else { rest });
                out.push_str(&digits_hidden(token));
            }
            _ => value(token, care, &mut out),
        }
    }
    out
}

/// Writes a string or a number as it came, or hidden.
fn value(token: &str, care: Care, out: &mut String) {
    if matches!(token, "true" | "false" | "null") {
        return out.push_str(token);
    }
    let is_text = token.starts_with(['"', '\'']);
    let plain = plain(token);
    let shown = masked(&plain, care);
    match shown == plain {
        true => out.push_str(token),
        false if is_text => out.push_str(&serde_json::Value::from(shown).to_string()),
        false => out.push_str(&shown),
    }
}

/// Where the first token of a text ends: a sign, white space, a string with its quotes, or a word.
fn token_end(text: &str, first: char) -> usize {
    match first {
        '{' | '}' | '[' | ']' | ',' | ':' => 1,
        '"' | '\'' => {
            let mut escaped = false;
            let end = text.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == first && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            end.map_or(text.len(), |(place, _)| place.saturating_add(1))
        }
        c if c.is_whitespace() => text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len()),
        _ => {
            let ends = |c: char| c.is_whitespace() || "{}[],:\"'".contains(c);
            text.find(ends).unwrap_or(text.len())
        }
    }
}

/// What a token says, without quotes and escapes.
fn plain(token: &str) -> String {
    serde_json::from_str(token).unwrap_or_else(|_| token.trim_matches(['"', '\'']).to_owned())
}

/// A piece of a form without its escapes. What is no escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        let escape = || {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        let (byte, after) = match first {
            b'+' => (b' ', rest),
            b'%' => match escape() {
                Some(byte) => (byte, rest.get(2..).unwrap_or_default()),
                None => (b'%', rest),
            },
            other => (*other, rest),
        };
        bytes.push(byte);
        left = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_a_person_or_is_a_secret_is_hidden_and_all_else_stays_as_it_came() {
        for (sent, shown) in [
            // By field, also in the envelope, in lists, and inside of what is hidden.
            (
                r#"{"mid":"898201612345678","name":"5byg5LiJ"}"#,
                r#"{"mid":"898201612345678","name":"***"}"#,
            ),
            (
                r#"{ "data" : {"certNo":"MTEw", "billNo":"3194"} }"#,
                r#"{ "data" : {"certNo":"***", "billNo":"3194"} }"#,
            ),
            (
                r#"{"goods":[{"goodsName":"a","name":"b"}],"c":1}"#,
                r#"{"goods":[{"goodsName":"a","name":"***"}],"c":1}"#,
            ),
            (
                r#"{"mobile":{"a":"x","b":[1,"y"]},"c":"z"}"#,
                r#"{"mobile":{"a":"***","b":[***,"***"]},"c":"z"}"#,
            ),
            (
                r#"{"cardNo":["6222021234567890128"],"tid":"1"}"#,
                r#"{"cardNo":["***0128"],"tid":"1"}"#,
            ),
            (r#"{"cardNo":6222021234567890128}"#, r#"{"cardNo":***0128}"#),
            (
                r#"{"accessToken":"abc","expiresIn":3600}"#,
                r#"{"accessToken":"***","expiresIn":3600}"#,
            ),
            // A name that is spelled with escapes, or in another case, is the same name.
            (
                r#"{"n\u0061me":"x","MOBILE":"13800000000"}"#,
                r#"{"n\u0061me":"***","MOBILE":"***"}"#,
            ),
            // What came masked stays.
            (
                r#"{"name":"张*","mobile":"138****0000"}"#,
                r#"{"name":"张*","mobile":"138****0000"}"#,
            ),
            // A card's number in a text, also spelled with escapes.
            (r#"{"billDesc":"card 6222021234567890128!"}"#, r#"{"billDesc":"card ***0128!"}"#),
            (r#"{"memo":"\u0036222021234567890128"}"#, r#"{"memo":"***0128"}"#),
            (
                r#"{"billNo":"3194202307191234567890","totalAmount":1908}"#,
                r#"{"billNo":"3194202307191234567890","totalAmount":1908}"#,
            ),
            // The text of a signature, the body of a notice.
            (
                r#"{"text":"mid=898201612345678&name=5byg"}"#,
                r#"{"text":"mid=898201612345678&name=***"}"#,
            ),
            // What cannot be read.
            (r#"{"name":"5byg5Li"#, r#"{"name":"***""#),
            (r#"{"name":5byg,"a":"622202123456789"}"#, r#"{"name":***,"a":"***6789"}"#),
            (r#"{'certNo': '110', mobile: 138}"#, r#"{'certNo': "***", mobile: ***}"#),
            (r#"{"mid":"898201612345678""#, r#"{"mid":"***5678""#),
            ("6222021234567890128", "***0128"),
            ("", ""),
            ("}]}{[,:", "}]}{[,:"),
            // Forms, with what they carry.
            (
                "authorization=OPEN-FORM-PARAM&appId=a&content=%7B%22name%22%3A%22x%22%7D&mobile=138",
                "authorization=OPEN-FORM-PARAM\nappId=a\ncontent={\"name\":\"***\"}\nmobile=***",
            ),
            ("a=%zz+%E5%BC%A0&b", "a=%zz 张\nb="),
        ] {
            assert_eq!(body(sent.as_bytes()), shown, "{sent}");
        }
    }

    #[test]
    fn a_header_shows_who_claims_to_ask_and_no_token() {
        for (name, value, shown) in [
            (
                "authorization",
                r#"OPEN-BODY-SIG AppId="a",Timestamp="20260302100000",Nonce="n",Signature="c2ln=""#,
                r#"OPEN-BODY-SIG AppId="a", Timestamp="20260302100000", Nonce="n", Signature="c2ln=""#,
            ),
            (
                "authorization",
                r#"open-access-token AccessToken="secret", AppId=a"#,
                r#"open-access-token AccessToken="***", AppId="a""#,
            ),
            ("authorization", "Bearer secret", "Bearer ***"),
            ("authorization", "secret", "***"),
            ("cookie", "a=b", "***"),
            ("user-agent", "curl/8.1", "curl/8.1"),
            ("x-card", "6222021234567890128", "***0128"),
        ] {
            assert_eq!(header(name, value), shown, "{name}: {value}");
        }
    }

    #[test]
    fn whatever_comes_in_is_shown_without_trouble() {
        let signs = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "'",
            "\\",
            "name",
            "张",
            "%",
            "=",
            "&",
            "622202123456789012",
        ];
        let mut seed = 7_usize;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push_str(signs[(seed >> 33) % signs.len()]);
            }
            assert!(!body(text.as_bytes()).contains("622202123456789012"), "{text}");
        }
    }
}
