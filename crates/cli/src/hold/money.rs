//! Sums as people write them: in yuan, exact to the fen.

use holdfast_domain::Amount;

/// How a sum has to be written.
pub(crate) const RULE: &str = "write yuan as 500, 500.5 or ¥500.00, or fen with --fen; 0.01 to 1000000.00 yuan (金额：0.01 至 1000000.00 元)";

/// Reads yuan, or whole fen.
pub(crate) fn read(text: &str, in_fen: bool) -> Option<Amount> {
    if in_fen { Amount::from_fen(digits(text)?).ok() } else { Amount::from_yuan(text) }
}

/// Plain digits and nothing else: no sign, no separators.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_are_whole() {
        assert_eq!(read("1908", true).map(Amount::fen), Some(1_908));
        assert_eq!(read("19.08", true), None);
    }
}
