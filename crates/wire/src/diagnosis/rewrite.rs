//! JSON written again, in every style in which an SDK may have written it before it was signed.

use super::Mistake;
use crate::json::{Json, write_text};

/// How an SDK may write JSON.
#[derive(Clone, Copy)]
pub(super) struct Style {
    layout: Layout,
    sorted: bool,
    /// As PHP writes `\/`.
    slashes: bool,
    /// As PHP and Python write `\u62bc`.
    ascii: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Compact,
    /// As Python writes it: a space behind `,` and `:`.
    Spaced,
    /// Lines indented by so many spaces.
    Indented(usize),
}

impl Style {
    /// What is otherwise than in the style of the body that was sent, if that is one we know.
    pub(super) fn differs_from(self, sent: Option<Self>) -> Vec<Mistake> {
        let layout = sent.is_none_or(|sent| sent.layout != self.layout);
        let (slashes, ascii) = sent.map_or((false, false), |sent| (sent.slashes, sent.ascii));
        let mistakes = [
            (Mistake::OtherLayout, layout),
            (Mistake::SortedKeys, self.sorted),
            (Mistake::OtherEscapes, (self.slashes, self.ascii) != (slashes, ascii)),
        ];
        mistakes.into_iter().filter(|(_, made)| *made).map(|(mistake, _)| mistake).collect()
    }
}

/// All that are known.
pub(super) fn styles() -> Vec<Style> {
    let layouts = [Layout::Compact, Layout::Spaced, Layout::Indented(2), Layout::Indented(4)];
    let escapes = [(false, false), (true, true), (true, false), (false, true)];
    let mut styles = vec![];
    for sorted in [false, true] {
        for (slashes, ascii) in escapes {
            styles.extend(layouts.map(|layout| Style { layout, sorted, slashes, ascii }));
        }
    }
    styles
}

/// The style in which a text was written, if that is one we know.
pub(super) fn style_of(json: &Json<'_>, text: &[u8]) -> Option<Style> {
    let mut styles = styles().into_iter().filter(|style| !style.sorted);
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
            let mut fields: Vec<_> = object.fields().collect();
            if style.sorted {
                fields.sort_by_key(|(name, _)| *name);
            }
            out.push(b'{');
            for (place, (name, value)) in fields.iter().enumerate() {
                separate(style, place, inside, out);
                write_string(name, style, out);
                out.extend_from_slice(if style.layout == Layout::Compact { b":" } else { b": " });
                write(value, style, inside, out)?;
            }
            close(style, fields.is_empty(), level, out);
            out.push(b'}');
        }
    }
    Some(())
}

fn separate(style: Style, place: usize, level: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
    match style.layout {
        Layout::Spaced if place > 0 => out.push(b' '),
        Layout::Compact | Layout::Spaced => {}
        Layout::Indented(width) => break_line(width * level, out),
    }
}

fn close(style: Style, empty: bool, level: usize, out: &mut Vec<u8>) {
    if let Layout::Indented(width) = style.layout
        && !empty
    {
        break_line(width * level, out);
    }
}

fn break_line(indent: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + indent, b' ');
}

fn write_string(text: &str, style: Style, out: &mut Vec<u8>) {
    let mut plain = Vec::with_capacity(text.len() + 2);
    write_text(&mut plain, text);
    for c in String::from_utf8_lossy(&plain).chars() {
        if c == '/' && style.slashes {
            out.extend_from_slice(b"\\/");
        } else if !c.is_ascii() && style.ascii {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}
