//! The second signature under notices, for receivers of Standard Webhooks (<https://www.standardwebhooks.com>).
//!
//! It covers the body as it is sent, with the notice's number and the time of the try, so that a receiver can
//! refuse what is old. The protocol's own signature in the body stays what it is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_domain::{Malformed, Moment};
use sha2::Sha256;

use crate::secret::WebhookSecret;

/// The header that numbers the notice: the same on every try.
pub const ID: &str = "webhook-id";

/// The header that says when this try was made, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";

/// The header with the signature.
pub const SIGNATURE: &str = "webhook-signature";

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A secret of 32 random bytes.
#[must_use]
#[expect(clippy::expect_used, reason = "50 plain characters are a secret")]
pub fn secret(chance: &[u8; 32]) -> WebhookSecret {
    let text = format!("{PREFIX}{}", BASE64_STANDARD.encode(chance));
    WebhookSecret::parse(&text).expect("50 plain characters are a secret")
}

/// The three headers of a body.
///
/// # Errors
/// When the secret is not `whsec_` and Base64.
pub fn sign(
    secret: &WebhookSecret,
    id: &str,
    at: Moment,
    body: &str,
) -> Result<[(&'static str, String); 3], Malformed> {
    let key = secret.expose().strip_prefix(PREFIX).ok_or(Malformed)?;
    let key = BASE64_STANDARD.decode(key).map_err(|_| Malformed)?;
    let seconds = at.0.div_euclid(1_000).to_string();
    let code = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| Malformed)?;
    let code = code.chain_update(format!("{id}.{seconds}.{body}")).finalize();
    let signature = format!("v1,{}", BASE64_STANDARD.encode(code.into_bytes()));
    Ok([(ID, id.to_owned()), (TIMESTAMP, seconds), (SIGNATURE, signature)])
}
