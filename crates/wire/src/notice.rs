//! Signatures under notices: sorted pairs and the communication key (`protocol.md` section 6).
//!
//! They cover the pairs as received, whatever their names: a notice has a field whose name is random.

use md5::{Digest as _, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{auth::hex, secret::NoticeKey};

/// The field that holds the signature. It is the only one that is not signed.
pub const SIGN: &str = "sign";

/// The field that names the digest; MD5 when it is absent.
pub const SIGN_TYPE: &str = "signType";

/// The text that is signed, without the key: pairs that have a value, in the order of their names,
/// values decoded.
#[must_use]
pub fn signed_text<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let signed = |(name, value): &(&str, &str)| *name != SIGN && !value.is_empty();
    let mut pairs: Vec<_> = pairs.into_iter().filter(signed).collect();
    // By bytes, so upper-case names come first.
    pairs.sort_unstable();
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
    let sha256 = pairs.clone().into_iter().any(|pair| pair == (SIGN_TYPE, "SHA256"));
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
