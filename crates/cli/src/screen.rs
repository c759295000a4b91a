//! What the user sees: results on stdout, everything else on stderr, colour only where it is wanted.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
};

pub(crate) use holdfast_domain::yuan;
use serde_json::json;

use crate::exit::{Exit, Failure};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON value.
    Json,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How a text is set off. Nothing depends on it: every text says the same without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// What matters most.
    Strong,
    /// What can be passed over.
    Quiet,
    /// It went well.
    Good,
    /// Look here.
    Notable,
    /// It went wrong.
    Bad,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// How results are written.
    pub(crate) format: Format,
    quiet: bool,
    color: ColorChoice,
}

impl Screen {
    pub(crate) fn new(format: Format, quiet: bool, color: ColorChoice) -> Self {
        Self { format, quiet, color }
    }

    /// Writes a result.
    pub(crate) fn result(&self, text: impl fmt::Display) -> Result<(), Failure> {
        let written = writeln!(io::stdout().lock(), "{text}");
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Unexpected, format!("write to stdout: {error}")))
            }
            // Whoever closed the pipe has read what it wanted.
            _ => Ok(()),
        }
    }

    /// Writes a result that nobody can ask for again: whoever closed the pipe has not had it.
    pub(crate) fn result_to_somebody(&self, text: impl fmt::Display) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{text}").map_err(|error| {
            Failure::new(Exit::Unexpected, format!("write to stdout: {error} (无法写入标准输出)"))
        })
    }

    /// Says something beside the results, unless the user wants quiet.
    pub(crate) fn say(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.insist(text);
        }
    }

    /// Says something that the user must not miss.
    pub(crate) fn insist(&self, text: impl fmt::Display) {
        // There is nobody left to tell when this fails.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Shows how far something is: a line that is written over on a terminal. Elsewhere it is silent, and
    /// the caller says something now and then.
    pub(crate) fn progress(&self, text: impl fmt::Display) {
        if !self.quiet && self.is_live() {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K{text}");
        }
    }

    /// Takes the line of [`Screen::progress`] away.
    pub(crate) fn progress_over(&self) {
        self.progress("");
    }

    /// Whether a person watches stderr.
    pub(crate) fn is_live(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Says why a command failed.
    pub(crate) fn fail(&self, failure: &Failure) {
        let Failure { exit, sentence, hint } = failure;
        if self.format == Format::Json {
            return self.insist(json!({"error": sentence, "hint": hint, "exit": exit.number()}));
        }
        let color = self.colors(io::stderr().is_terminal());
        self.insist(format_args!("{} {sentence}", paint(color, Tone::Bad, "error:")));
        if let Some(hint) = hint {
            self.insist(format_args!("\n{} {hint}", paint(color, Tone::Notable, "hint:")));
        }
    }

    /// A text for stdout in some tone.
    pub(crate) fn tone(&self, tone: Tone, text: &str) -> String {
        paint(self.colors(io::stdout().is_terminal()), tone, text)
    }

    /// A text for stderr in some tone.
    pub(crate) fn aside(&self, tone: Tone, text: &str) -> String {
        paint(self.colors(io::stderr().is_terminal()), tone, text)
    }

    /// Whether stdout takes colours.
    pub(crate) fn has_colors(&self) -> bool {
        self.colors(io::stdout().is_terminal())
    }

    /// Whether a person sees stdout as it is written.
    pub(crate) fn is_seen(&self) -> bool {
        self.format == Format::Text && io::stdout().is_terminal()
    }

    fn colors(&self, terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
        }
    }
}

fn paint(color: bool, tone: Tone, text: &str) -> String {
    let number = match tone {
        Tone::Strong => 1,
        Tone::Quiet => 2,
        Tone::Good => 32,
        Tone::Notable => 36,
        Tone::Bad => 31,
    };
    if color { format!("\u{1b}[{number}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// A line that is black on white, whatever the terminal's own colours are.
pub(crate) fn black_on_white(line: &str) -> String {
    format!("\u{1b}[38;5;16;48;5;231m{line}\u{1b}[0m")
}

/// How many columns a text takes: Chinese characters take two.
pub(crate) fn width(text: &str) -> usize {
    let columns = |c: char| match c {
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' => 2,
        '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    };
    text.chars().map(columns).sum()
}

/// A text with spaces behind it, so many columns wide.
pub(crate) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A text with spaces before it, so many columns wide.
pub(crate) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Rows under a heading, every column as wide as its widest cell.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(width);
    for row in rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, columns)| left(cell, columns));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heading = line(&heading.map(str::to_owned));
    std::iter::once(heading).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_characters_take_two_columns() {
        assert_eq!(width("预授权 hold"), 11);
        assert_eq!(left("冻结", 6), "冻结  ");
        assert_eq!(
            table(["商户", "name"], &[["1".to_owned(), "店".to_owned()]]),
            "商户  name\n1     店"
        );
    }
}
