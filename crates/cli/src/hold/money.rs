//! Sums as people write them: in yuan, exact to the fen.

use holdfast_domain::Amount;

/// How a sum has to be written.
pub(crate) const RULE: &str = "write yuan as 500, 500.5 or ¥500.00, or fen with --fen; 0.01 to 1000000.00 yuan (金额：0.01 至 1000000.00 元)";

/// Reads yuan, or whole fen.
pub(crate) fn read(text: &str, in_fen: bool) -> Option<Amount> {
    let fen = if in_fen { digits(text)? } else { fen_of_yuan(text)? };
    Amount::from_fen(fen).ok()
}

fn fen_of_yuan(text: &str) -> Option<u64> {
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
            assert_eq!(read(text, false).map(Amount::fen), fen, "{text:?}");
        }
    }

    #[test]
    fn fen_are_whole() {
        assert_eq!(read("1908", true).map(Amount::fen), Some(1_908));
        assert_eq!(read("19.08", true), None);
    }
}
