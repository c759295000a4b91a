//! A QR code in half blocks: two modules of a column in one character.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::screen;

/// The margin that readers need around a code, in modules.
const MARGIN: i32 = 2;

/// How dark and light are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Black on white, whatever the terminal's own colours are.
    BlackOnWhite,
    /// The terminal's own colours, for one with a dark background.
    LightOnDark,
    /// The terminal's own colours, for one with a light background.
    DarkOnLight,
}

/// The code of a text as lines to print; `None` for a text that is too long for one.
pub(crate) fn draw(text: &str, ink: Ink) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let (from, to) = (MARGIN.saturating_neg(), code.size().saturating_add(MARGIN));
    // What lies outside the code is light.
    let inked = |x, y| code.get_module(x, y) != (ink == Ink::LightOnDark);
    let mut lines = vec![];
    let mut y = from;
    while y < to {
        let below = y.saturating_add(1);
        // The last line of an odd number has nothing below it but the margin.
        let half = |x| match (inked(x, y), inked(x, below)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        let line: String = (from..to).map(half).collect();
        lines.push(match ink {
            Ink::BlackOnWhite => screen::black_on_white(&line),
            Ink::LightOnDark | Ink::DarkOnLight => line,
        });
        y = y.saturating_add(2);
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that a drawing shows as dark.
    fn seen(drawn: &str, ink: Ink) -> Vec<Vec<bool>> {
        let mut rows = vec![];
        for line in drawn.lines() {
            let line = line.trim_start_matches("\u{1b}[38;5;16;48;5;231m");
            let line = line.trim_end_matches("\u{1b}[0m");
            for halves in [['█', '▀'], ['█', '▄']] {
                let dark = |c: char| halves.contains(&c) != (ink == Ink::LightOnDark);
                rows.push(line.chars().map(dark).collect());
            }
        }
        rows
    }

    #[test]
    fn what_is_drawn_is_the_code_with_a_margin_of_light_around_it() {
        let text = "http://127.0.0.1:8080/bills/qrCode.do?id=26112412345678901234567890";
        let code = QrCode::encode_text(text, QrCodeEcc::Low).unwrap();
        for ink in [Ink::BlackOnWhite, Ink::LightOnDark, Ink::DarkOnLight] {
            let rows = seen(&draw(text, ink).unwrap(), ink);
            for (y, row) in (-MARGIN..).zip(&rows) {
                for (x, dark) in (-MARGIN..).zip(row) {
                    assert_eq!(*dark, code.get_module(x, y), "{ink:?} {x} {y}");
                }
            }
            let size = usize::try_from(code.size() + 2 * MARGIN).unwrap();
            assert!(rows.len() >= size && rows.iter().all(|row| row.len() == size), "{ink:?}");
            // It fits a terminal of the usual width.
            assert!(size <= 78);
        }
    }

    /// A reader of codes (zxing) read this one as HOLDFAST.
    #[test]
    fn a_small_code_looks_like_this() {
        let expected = "
  █▀▀▀▀▀█ ▄▀ ▀▄ █▀▀▀▀▀█
  █ ███ █ █ ▄ ▀ █ ███ █
  █ ▀▀▀ █ █▄ ██ █ ▀▀▀ █
  ▀▀▀▀▀▀▀ ▀▄▀▄▀ ▀▀▀▀▀▀▀
    █ ▄█▀▀▀▀▀▀█▀▄▀▀█▀█
  █▀▀▀█▄▀▀█▀▄█▄▀█ ▄▄ ▄▀
      ▀▀▀▀█ ▄ ▄▀▀  ▄▄██
  █▀▀▀▀▀█ ██  ▄ ▄▀▀▀█▀▀
  █ ███ █  ▄█ ▀█ ▀ ▀▄ ▀
  █ ▀▀▀ █ ▀ ▀▄ █  ▀▄ ▀█
  ▀▀▀▀▀▀▀  ▀▀    ▀ ▀ ▀▀
";
        let drawn = draw("HOLDFAST", Ink::DarkOnLight).unwrap();
        let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
        assert_eq!(lines.join("\n"), expected, "{drawn}");
    }

    #[test]
    fn a_text_that_no_code_holds_is_not_drawn() {
        assert_eq!(draw(&"a".repeat(3_000), Ink::DarkOnLight), None);
    }
}
