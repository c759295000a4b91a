//! JSON written again, in every style in which an SDK may have written it before it was signed.

use super::Mistake;
use crate::json::Json;

/// How an SDK may write JSON.
#[derive(Clone, Copy)]
pub(super) struct Style {
    layout: Layout,
    sorted: bool,
    escapes: Escapes,
    values: Values,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Compact,
    /// As Python writes it: a space behind `,` and `:`.
    Spaced,
    Lines(Lines),
}

/// A line for each field.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lines {
    indent: &'static str,
    colon: &'static str,
    end: &'static str,
}

/// Two spaces, as JavaScript, Gson and .NET write them.
const TWO: Lines = Lines { indent: "  ", colon: ": ", end: "\n" };
/// Four, as PHP writes them.
const FOUR: Lines = Lines { indent: "    ", ..TWO };

/// Which characters are escaped though JSON does not ask for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `\/` and `\u62bc`: PHP.
    SlashesAndAscii,
    /// `\/`: PHP with `JSON_UNESCAPED_UNICODE`.
    Slashes,
    /// `\u62bc`: Python.
    Ascii,
    /// `\u0026` for `&`, `<` and `>`: Go.
    Html,
    /// The same, and `=` and `'`: Gson.
    HtmlAndEquals,
    /// `\u0026`, `\u0022` and `\u62BC`, in upper case: .NET.
    Everything,
}

/// What became of the values on their way through somebody's objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Kept,
    /// Fields with `null` were left out.
    WithoutNull,
    /// Fields with `null` or an empty text were.
    WithoutEmpty,
    /// Numbers became texts.
    NumbersAsTexts,
}

impl Style {
    /// What is otherwise than in the style of the body that was sent, if that is one we know.
    pub(super) fn differs_from(self, sent: Option<Self>) -> Vec<Mistake> {
        let layout = sent.is_none_or(|sent| sent.layout != self.layout);
        let escapes = sent.map_or(Escapes::None, |sent| sent.escapes);
        let mistakes = [
            (Mistake::OtherLayout, layout),
            (Mistake::SortedKeys, self.sorted),
            (Mistake::OtherEscapes, self.escapes != escapes),
            (Mistake::OtherValues, self.values != Values::Kept),
        ];
        mistakes.into_iter().filter(|(_, made)| *made).map(|(mistake, _)| mistake).collect()
    }

    /// The same with values that somebody's objects changed.
    pub(super) fn changed(self) -> [Self; 3] {
        [Values::WithoutNull, Values::WithoutEmpty, Values::NumbersAsTexts]
            .map(|values| Self { values, ..self })
    }
}

/// Those in which an SDK writes JSON inside a value.
pub(super) fn styles() -> Vec<Style> {
    let layouts = [Layout::Compact, Layout::Spaced, Layout::Lines(TWO), Layout::Lines(FOUR)];
    let escapes = [Escapes::None, Escapes::SlashesAndAscii, Escapes::Slashes, Escapes::Ascii];
    every(&layouts, &escapes)
}

/// Those in which one writes a body: also in lines as Jackson and Windows end and indent them, also as safe for HTML.
pub(super) fn body_styles() -> Vec<Style> {
    let tabs = Lines { indent: "\t", ..TWO };
    let jackson = Lines { colon: " : ", ..TWO };
    let windows = [TWO, FOUR, jackson].map(|lines| Lines { end: "\r\n", ..lines });
    let mut layouts = vec![Layout::Compact, Layout::Spaced];
    layouts.extend([TWO, FOUR, tabs, jackson].into_iter().chain(windows).map(Layout::Lines));
    let escapes = [
        Escapes::None,
        Escapes::SlashesAndAscii,
        Escapes::Slashes,
        Escapes::Ascii,
        Escapes::Html,
        Escapes::HtmlAndEquals,
        Escapes::Everything,
    ];
    every(&layouts, &escapes)
}

fn every(layouts: &[Layout], escapes: &[Escapes]) -> Vec<Style> {
    let values = Values::Kept;
    let mut styles = vec![];
    for sorted in [false, true] {
        for escapes in escapes.iter().copied() {
            let style = |layout: &Layout| Style { layout: *layout, sorted, escapes, values };
            styles.extend(layouts.iter().map(style));
        }
    }
    styles
}

/// The style in which a text was written, if that is one we know.
pub(super) fn style_of(json: &Json<'_>, text: &[u8]) -> Option<Style> {
    let mut styles = body_styles().into_iter().filter(|style| !style.sorted);
    styles.find(|style| written(json, *style).is_some_and(|again| again == text))
}

/// The JSON in a style; `None` if it has a number whose spelling is not known.
pub(super) fn written(json: &Json<'_>, style: Style) -> Option<Vec<u8>> {
    let mut out = vec![];
    write(json, style, 0, &mut out)?;
    Some(out)
}

fn write(json: &Json<'_>, style: Style, level: usize, out: &mut Vec<u8>) -> Option<()> {
    let inside = level + 1;
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Json::Integer(number) if style.values == Values::NumbersAsTexts => {
            write_string(&number.to_string(), style, out);
        }
        Json::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Json::OtherNumber => return None,
        Json::Text(text) => write_string(text, style, out),
        Json::List(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(style, place, inside, out);
                write(item, style, inside, out)?;
            }
            close(style, items.is_empty(), level, out);
            out.push(b']');
        }
        Json::Object(object) => {
            let mut fields: Vec<_> =
                object.fields().filter(|(_, value)| style.values.keep(value)).collect();
            if style.sorted {
                fields.sort_by_key(|(name, _)| *name);
            }
            out.push(b'{');
            for (place, (name, value)) in fields.iter().enumerate() {
                separate(style, place, inside, out);
                write_string(name, style, out);
                out.extend_from_slice(style.layout.colon().as_bytes());
                write(value, style, inside, out)?;
            }
            close(style, fields.is_empty(), level, out);
            out.push(b'}');
        }
    }
    Some(())
}

impl Values {
    /// Whether a field with this value is written.
    fn keep(self, value: &Json<'_>) -> bool {
        match value {
            Json::Null => !matches!(self, Self::WithoutNull | Self::WithoutEmpty),
            Json::Text(text) => self != Self::WithoutEmpty || !text.is_empty(),
            _ => true,
        }
    }
}

impl Layout {
    fn colon(self) -> &'static str {
        match self {
            Self::Compact => ":",
            Self::Spaced => ": ",
            Self::Lines(lines) => lines.colon,
        }
    }
}

fn separate(style: Style, place: usize, level: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
    match style.layout {
        Layout::Spaced if place > 0 => out.push(b' '),
        Layout::Compact | Layout::Spaced => {}
        Layout::Lines(lines) => break_line(lines, level, out),
    }
}

fn close(style: Style, empty: bool, level: usize, out: &mut Vec<u8>) {
    if let Layout::Lines(lines) = style.layout
        && !empty
    {
        break_line(lines, level, out);
    }
}

fn break_line(lines: Lines, level: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(lines.end.as_bytes());
    for _ in 0..level {
        out.extend_from_slice(lines.indent.as_bytes());
    }
}

fn write_string(text: &str, style: Style, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' if style.escapes != Escapes::Everything => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '/' if style.escapes.slashes() => out.extend_from_slice(b"\\/"),
            c if c < ' ' || style.escapes.take(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let escape = match style.escapes {
                        Escapes::Everything => format!("\\u{unit:04X}"),
                        _ => format!("\\u{unit:04x}"),
                    };
                    out.extend_from_slice(escape.as_bytes());
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

impl Escapes {
    fn slashes(self) -> bool {
        matches!(self, Self::SlashesAndAscii | Self::Slashes)
    }

    /// Whether a character is written by its number.
    fn take(self, c: char) -> bool {
        match self {
            Self::None | Self::Slashes => false,
            Self::SlashesAndAscii | Self::Ascii => !c.is_ascii(),
            Self::Html => "&<>\u{2028}\u{2029}".contains(c),
            Self::HtmlAndEquals => "&<>='\u{2028}\u{2029}".contains(c),
            Self::Everything => !c.is_ascii() || "\"&'+<>`\u{7f}".contains(c),
        }
    }
}
