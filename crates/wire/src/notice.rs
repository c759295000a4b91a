//! Notices as they travel: pairs of a form, and the signature over them (`protocol.md` section 6).
//!
//! The signature covers the pairs as received, whatever their names: a notice has a field whose name is random.

use std::fmt;

use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    auth::{decode_form, encode_form, hex},
    field::SignType,
    json::{NotJson, Object},
    message::{FieldFault, Message as _, list, list_zh, pairs},
    messages::Notice,
    secret::NoticeKey,
};

/// The field that holds the signature. It is the only one that is not signed.
pub const SIGN: &str = "sign";

/// The field that names the digest; MD5 when it is absent.
pub const SIGN_TYPE: &str = "signType";

/// What a receiver answers when it has the notice and need not be told again.
pub const DONE: &str = "SUCCESS";

/// What a receiver answers when it wants to be told again.
pub const FAILED: &str = "FAILED";

/// The one value in which signs of the form's own stand as they are: an address, with one `=`.
const ADDRESS: &str = "billQRCode";

/// Names and values, decoded.
pub type Pairs = Vec<(String, String)>;

/// Why a form is not a notice that can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeFault {
    /// It is not `application/x-www-form-urlencoded` UTF-8.
    NotForm,
    /// A name is there twice, so that two readers may see two notices.
    Twice(String),
    /// A name or a value reads as if it held more fields. The signature does not tell where either ends, so whoever
    /// carried the notice may have moved the border between fields.
    Ambiguous(String),
    /// It has no signature.
    Unsigned,
    /// It was not signed with the key, or was changed on its way.
    WrongSignature,
    /// It was signed with the key and lacks what every notice has.
    Incomplete(Vec<FieldFault>),
}

impl Notice {
    /// The notice as pairs, in the order of its fields: texts as they are, numbers as digits, objects as compact
    /// JSON text. No value is ever empty.
    ///
    /// Some receivers decode the whole form before they split it, others decode values a second time. So the signs
    /// that mean something in a form (`&`, `=`, `%`, `+`, `#`) are full-width in every value (`＆＝％＋＃`), also
    /// inside JSON text; in `billQRCode`, an address, they stand as they are.
    #[must_use]
    pub fn pairs(&self) -> Pairs {
        let mut pairs = pairs(self);
        for (_, value) in pairs.iter_mut().filter(|(name, _)| name != ADDRESS) {
            *value = value.chars().map(full_width).collect();
        }
        pairs
    }
}

fn full_width(sign: char) -> char {
    match sign {
        '&' => '＆',
        '=' => '＝',
        '%' => '％',
        '+' => '＋',
        '#' => '＃',
        other => other,
    }
}

/// The random pair that every notice has (`gY=Snwz`): two letters, and four. No field has a name of two letters.
#[must_use]
pub fn random_pair(chance: u64) -> (String, String) {
    const LETTERS: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut chance = chance;
    let mut letter = || {
        let place = usize::try_from(chance % 52).unwrap_or_default();
        chance /= 52;
        LETTERS.get(place).map_or('A', |letter| char::from(*letter))
    };
    let name = [letter(), letter()].iter().collect();
    (name, [letter(), letter(), letter(), letter()].iter().collect())
}

/// The pairs with their signature. For MD5 `signType` is left out, because one receiver leaves it out of what it
/// checks.
#[must_use]
pub fn signed(key: &NoticeKey, sign_type: SignType, mut pairs: Pairs) -> Pairs {
    if sign_type != SignType::Md5 {
        pairs.push((SIGN_TYPE.to_owned(), sign_type.as_str().to_owned()));
    }
    let sign = sign(key, borrowed(&pairs));
    pairs.push((SIGN.to_owned(), sign));
    pairs
}

/// The pairs as the body of a form, or as a query, encoded as `java.net.URLEncoder` does.
#[must_use]
pub fn form(pairs: &[(String, String)]) -> String {
    let mut form = String::with_capacity(1024);
    for (name, value) in pairs {
        if !form.is_empty() {
            form.push('&');
        }
        encode_form(&mut form, name);
        form.push('=');
        encode_form(&mut form, value);
    }
    form
}

/// The address to which a payer's browser goes with the result (`returnUrl`): the pairs as a query behind
/// whatever query the address has, before its fragment.
#[must_use]
pub fn return_address(url: &str, pairs: &[(String, String)]) -> String {
    let (address, fragment) = match url.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let joint = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{address}{joint}{}{fragment}", form(pairs))
}

/// The pairs of a form or a query, as received.
///
/// # Errors
/// [`NoticeFault::NotForm`] for a broken escape and for what is not UTF-8.
pub fn read_form(form: &str) -> Result<Pairs, NoticeFault> {
    let decoded = |text| decode_form(text).map(|text| text.into_owned());
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            decoded(name).zip(decoded(value)).ok_or(NoticeFault::NotForm)
        })
        .collect()
}

/// Reads the notice that pairs are, if they were signed with one of the keys. A field that breaks its rule is
/// left out rather than cost the news; only what every notice has must be there.
///
/// # Errors
/// Says why it cannot be believed, or what it lacks.
pub fn read(keys: &[NoticeKey], pairs: &[(String, String)]) -> Result<Notice, NoticeFault> {
    if !pairs.iter().any(|(name, _)| name == SIGN) {
        return Err(NoticeFault::Unsigned);
    }
    let object = Object::of_texts(borrowed(pairs)).map_err(|fault| match fault {
        NotJson::Duplicate { name } => NoticeFault::Twice(name),
        _ => NoticeFault::NotForm,
    })?;
    // Every key is tried, so that the time does not tell which one it was.
    let right = keys.iter().filter(|key| verify(key, borrowed(pairs))).count();
    if right == 0 {
        return Err(NoticeFault::WrongSignature);
    }
    // By its numbers a receiver knows a notice again, so not even a pair of the random kind may have been moved
    // into one: the same notice would come as another.
    let number = |name: &str| matches!(name, "notifyId" | "seqId");
    let unclear = |name: &str, value: &str| {
        name.contains(['&', '=']) || hides_a_field(value) || (number(name) && value.contains('&'))
    };
    if let Some((name, _)) = pairs.iter().find(|(name, value)| unclear(name, value)) {
        return Err(NoticeFault::Ambiguous(name.clone()));
    }
    Notice::decode(&object).map_err(NoticeFault::Incomplete)
}

/// Whether a value goes on like a form does, with a field that notices have.
fn hides_a_field(value: &str) -> bool {
    value.split('&').skip(1).any(|rest| {
        let name = rest.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| Notice::FIELDS.iter().any(|field| field.name == name))
    })
}

pub(crate) fn borrowed(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> + Clone {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The pairs that are signed, as they are: those that have a value, in the order of their names.
pub(crate) fn signed_pairs<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<(&'a str, &'a str)> {
    let signed = |(name, value): &(&str, &str)| *name != SIGN && !value.is_empty();
    let mut pairs: Vec<_> = pairs.into_iter().filter(signed).collect();
    // By bytes, so upper-case names come first.
    pairs.sort_unstable();
    pairs
}

/// The text that is signed, without the key: pairs that have a value, in the order of their names,
/// values decoded.
#[must_use]
pub fn signed_text<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = signed_pairs(pairs);
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The signature over pairs, in upper-case hexadecimal digits: some receivers take no other.
///
/// It is SHA-256 when the pairs have `signType=SHA256`, else MD5.
#[must_use]
pub fn sign<'a>(
    key: &NoticeKey,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
) -> String {
    let sha256 =
        pairs.clone().into_iter().any(|pair| pair == (SIGN_TYPE, SignType::Sha256.as_str()));
    let text = signed_text(pairs);
    let digest = if sha256 {
        hex(&Sha256::new().chain_update(text).chain_update(key.expose()).finalize())
    } else {
        hex(&Md5::new().chain_update(text).chain_update(key.expose()).finalize())
    };
    digest.to_ascii_uppercase()
}

/// Whether the pairs, `sign` among them, were signed with this key. Takes as long for a wrong signature
/// as for a right one.
#[must_use]
pub fn verify<'a>(
    key: &NoticeKey,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
) -> bool {
    let mut claims = pairs.clone().into_iter().filter(|(name, _)| *name == SIGN);
    let (Some((_, claimed)), None) = (claims.next(), claims.next()) else { return false };
    let computed = sign(key, pairs);
    computed.as_bytes().ct_eq(claimed.to_ascii_uppercase().as_bytes()).into()
}

impl NoticeFault {
    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::NotForm => "通知不是 UTF-8 表单：请传入未经解码的原始报文".to_owned(),
            Self::Twice(name) => format!("通知中 {name} 重复出现：请勿采信"),
            Self::Ambiguous(name) => {
                format!("通知中 {name} 内含其他字段，无法判断边界：请勿采信，请查询账单")
            }
            Self::Unsigned => "通知没有签名（sign）：请勿采信".to_owned(),
            Self::WrongSignature => {
                "通知验签失败：请核对通讯密钥，并传入未经改动的原始报文".to_owned()
            }
            Self::Incomplete(faults) => format!("通知内容不完整：{}", list_zh(faults)),
        }
    }
}

impl fmt::Display for NoticeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForm => f.write_str(
                "the notice is not form-urlencoded UTF-8: hand over the body as it was received",
            ),
            Self::Twice(name) => {
                write!(f, "the notice has `{name}` twice: do not believe it")
            }
            Self::Ambiguous(name) => write!(
                f,
                "the notice's `{name}` holds other fields, and its signature does not tell where they begin: \
                 do not believe it, query the bill"
            ),
            Self::Unsigned => f.write_str("the notice has no signature: do not believe it"),
            Self::WrongSignature => f.write_str(
                "the notice was not signed with this communication key, or was changed on its way: \
                 check the key, and hand over the body as it was received",
            ),
            Self::Incomplete(faults) => write!(f, "the notice is incomplete: {}", list(faults)),
        }
    }
}

impl std::error::Error for NoticeFault {}
