//! Money: whole fen, never zero, never negative.

use std::{fmt, num::NonZeroU64};

/// A positive sum of money in fen (分), the smallest unit a channel settles in.
///
/// Zero is not an amount: "nothing" is `None`, so no code has to ask whether an amount is real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(NonZeroU64);

/// The number does not lie between one fen and [`Amount::MAX_FEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountOutOfRange(pub u64);

impl Amount {
    /// The largest payment a channel takes, in fen: one million yuan (`protocol.md` section 3.4).
    pub const MAX_FEN: u64 = 100_000_000;

    /// Reads a number of fen as an amount.
    ///
    /// # Errors
    /// Refuses zero and anything above [`Amount::MAX_FEN`].
    pub fn from_fen(fen: u64) -> Result<Self, AmountOutOfRange> {
        match NonZeroU64::new(fen) {
            Some(fen) if fen.get() <= Self::MAX_FEN => Ok(Self(fen)),
            Some(_) | None => Err(AmountOutOfRange(fen)),
        }
    }

    /// Reads a sum as people write it, in yuan and exact to the fen: `500`, `500.5`, `¥500.00`, `500元`. `None` for
    /// anything else, and for what is no amount: signs, separators and exponents are refused rather than understood.
    #[must_use]
    pub fn from_yuan(text: &str) -> Option<Self> {
        Self::from_fen(read_yuan(text)?).ok()
    }

    /// The amount as a plain number of fen.
    #[must_use]
    pub fn fen(self) -> u64 {
        self.0.get()
    }

    /// What is left after taking `part` away: `None` when `part` is larger, `Some(None)` when
    /// nothing remains.
    #[must_use]
    pub fn minus(self, part: Self) -> Option<Option<Self>> {
        let rest = self.fen().checked_sub(part.fen())?;
        Some(NonZeroU64::new(rest).map(Self))
    }

    /// So many percent of the amount in whole fen, rounded down, at most [`Amount::MAX_FEN`]; `None` for nothing.
    #[must_use]
    pub fn percent(self, percent: u16) -> Option<Self> {
        let fen = self.fen().saturating_mul(u64::from(percent)).checked_div(100)?;
        Self::from_fen(fen.min(Self::MAX_FEN)).ok()
    }
}

/// The fen of a sum as people write it, in yuan: what [`Amount::from_yuan`] reads, of any size and nought included.
#[must_use]
pub fn read_yuan(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix(['¥', '￥']).unwrap_or(text);
    let text = text.strip_suffix('元').unwrap_or(text).trim();
    let (yuan, part) = text.split_once('.').unwrap_or((text, "00"));
    // One digit behind the point is tenths: 500.5 is 500.50.
    let part = match part.len() {
        1 => digits(part)?.checked_mul(10)?,
        2 => digits(part)?,
        _ => return None,
    };
    digits(yuan)?.checked_mul(100)?.checked_add(part)
}

/// Plain digits and nothing else: no sign, no separators.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A sum of fen in yuan (元): `-1234` is `-12.34`.
#[must_use]
pub fn yuan(fen: i128) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen.div_euclid(100), fen.rem_euclid(100))
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fen", self.0)
    }
}

impl fmt::Display for AmountOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fen is not between 1 and {} fen", self.0, Amount::MAX_FEN)
    }
}

impl std::error::Error for AmountOutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_are_read_exactly_or_not_at_all() {
        let cases = [
            ("500", Some(50_000)),
            ("500.00", Some(50_000)),
            ("¥500", Some(50_000)),
            ("￥0.01", Some(1)),
            (" 500 ", Some(50_000)),
            ("500.5", Some(50_050)),
            ("19.08元", Some(1_908)),
            ("1000000", Some(100_000_000)),
            ("1000000.01", None),
            ("0", None),
            ("0.001", None),
            ("500.", None),
            (".5", None),
            ("5e2", None),
            ("-5", None),
            ("+5", None),
            ("1,000", None),
            ("５", None),
            ("99999999999999999999", None),
            ("", None),
        ];
        for (text, fen) in cases {
            assert_eq!(Amount::from_yuan(text).map(Amount::fen), fen, "{text:?}");
        }
    }

    #[test]
    fn fen_are_shown_as_yuan() {
        assert_eq!(yuan(0), "0.00");
        assert_eq!(yuan(38_005), "380.05");
        assert_eq!(yuan(-7), "-0.07");
    }
}
