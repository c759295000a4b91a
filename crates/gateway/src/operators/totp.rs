//! Codes that change with time (RFC 6238): SHA-1, six digits, a step of 30 seconds, as every authenticator app has them.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_domain::Moment;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::{clock::Dice, pages::in_address};

/// How long a step is, in milliseconds.
const STEP_MS: i64 = 30_000;

/// The secret that an operator's authenticator app has, too. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// A new one, of 160 bits, as RFC 4226 recommends.
    pub(super) fn made(dice: &Dice) -> Self {
        Self(dice.bytes::<20>().to_vec())
    }

    /// As [`TotpSecret::text`] wrote it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        BASE32_NOPAD.decode(text.as_bytes()).ok().map(Self)
    }

    /// As apps take it when somebody types it: base 32.
    #[must_use]
    pub fn text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// As apps take it from a QR code.
    #[must_use]
    pub fn url(&self, name: &str, environment: &str) -> String {
        let name = in_address(name);
        format!(
            "otpauth://totp/Holdfast%20{environment}:{name}?secret={}&issuer=Holdfast%20{environment}",
            self.text()
        )
    }

    /// The step whose code this is, if it is that of now or of the step before or after; `after` and what came before it
    /// were taken already.
    pub(super) fn step(&self, code: &str, now: Moment, after: i64) -> Option<i64> {
        let step = now.0.div_euclid(STEP_MS);
        let near = [step.saturating_sub(1), step, step.saturating_add(1)];
        // All three are compared, whichever fits.
        let fits = |step: &i64| bool::from(self.code(*step).as_bytes().ct_eq(code.as_bytes()));
        near.into_iter().filter(fits).filter(|step| *step > after).max()
    }

    /// The code of now, for tests that are their own authenticator app.
    #[must_use]
    pub fn code_at(&self, now: Moment) -> String {
        self.code(now.0.div_euclid(STEP_MS))
    }

    /// The code of a step (RFC 4226, section 5.3).
    fn code(&self, step: i64) -> String {
        let mac = <Hmac<Sha1>>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        let mac = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
        let offset = mac.last().map_or(0, |last| usize::from(last & 0x0f));
        let four = mac.iter().skip(offset).take(4);
        let number = four.fold(0_u32, |number, byte| number.wrapping_shl(8) | u32::from(*byte));
        let number = (number & 0x7fff_ffff).checked_rem(1_000_000).unwrap_or_default();
        format!("{number:06}")
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret")
    }
}
