//! QR codes, drawn as SVG: squares of whole numbers, without a style of their own, for the strict policy of our pages.

use qrcodegen::{QrCode, QrCodeEcc};

/// The ground around a code that scanners need, in squares.
const QUIET: i32 = 4;

/// A QR code as a page draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// How many squares it is wide and high, with the ground around it.
    pub(crate) size: i32,
    /// The dark squares, as the path of an SVG.
    pub(crate) path: String,
}

impl Drawn {
    /// The code of a text; `None` when no code is large enough.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let dark = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
                let dark = i32::try_from(dark).unwrap_or_default();
                if dark > 0 {
                    let (left, top) = (x.saturating_add(QUIET), y.saturating_add(QUIET));
                    path.push_str(&format!("M{left} {top}h{dark}v1h-{dark}z"));
                }
                x = x.saturating_add(dark).saturating_add(1);
            }
        }
        Some(Self { size: code.size().saturating_add(2 * QUIET), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_has_its_dark_squares_and_nothing_else() {
        let text = "otpauth://totp/Holdfast%20test:li.lei?secret=GEZDGNBVGY3TQOJQ";
        let (drawn, code) =
            (Drawn::of(text).unwrap(), QrCode::encode_text(text, QrCodeEcc::Medium).unwrap());
        assert_eq!(drawn.size, code.size() + 8);
        let mut dark = vec![];
        for run in drawn.path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let count: i32 = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            dark.extend((x..x + count).map(|x| (x - 4, y - 4)));
        }
        let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        let expected: Vec<_> = all.filter(|(x, y)| code.get_module(*x, *y)).collect();
        assert_eq!(dark, expected);
    }

    #[test]
    fn what_is_too_long_for_a_code_has_none() {
        assert_eq!(Drawn::of(&"x".repeat(3_000)), None);
    }
}
