//! What a field may hold as JSON Schema, and examples of it.

use super::doc::{Doc, list, object};
use crate::{
    field::{DIGITS_MAX, Form, Rule},
    json::Json,
    message::FieldSpec,
};

/// From which side a message is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A caller sends it: whatever is accepted is described.
    Asked,
    /// The gateway sends it: only the one form in which it writes.
    Told,
}

/// Control characters, as they stand inside the brackets of a pattern.
const CONTROL: &str = "\\u0000-\\u001f\\u007f-\\u009f";

const DATE: &str = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])";
const TIME: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
const DATE_PLAIN: &str = "[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])";
const TIME_PLAIN: &str = "(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]";
const BASE64: &str = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";

/// The schema of a message.
pub(super) fn message(fields: &[FieldSpec], side: Side) -> Doc {
    let mut properties = object! {};
    let (mut required, mut either) = (vec![], vec![]);
    for field in fields {
        let alias = field.alias.filter(|_| side == Side::Asked);
        // Either name is enough, so each of them may be absent; the second is read only where the first is.
        let alone = FieldSpec { required: field.required && alias.is_none(), ..*field };
        properties = properties.with(field.name, property(&alone, side));
        if let Some(alias) = alias {
            let name = field.name;
            let text = format!(
                "Another name of `{name}`, read where that is absent.\n`{name}` 的别名，仅在其缺失时读取。"
            );
            properties = properties.with(alias, object! { "description" => text });
        }
        match (field.required, alias) {
            (false, _) => {}
            (true, None) => required.push(field.name),
            (true, Some(alias)) => {
                let given = |name: &str| {
                    object! {
                        "required" => list![name],
                        "properties" => object! { name => accepted(field) },
                    }
                };
                either.push(object! { "anyOf" => list![given(field.name), given(alias)] });
            }
        }
    }
    let mut schema = object! { "type" => "object" };
    if !required.is_empty() {
        schema = schema.with("required", required);
    }
    schema = schema.with("properties", properties);
    if either.is_empty() { schema } else { schema.with("allOf", either) }
}

/// The schema of one field, with its meaning and an example.
fn property(field: &FieldSpec, side: Side) -> Doc {
    let schema = match side {
        Side::Asked => accepted(field),
        Side::Told => written(field),
    };
    let schema = schema.with("description", format!("{}\n{}", field.doc.en, field.doc.zh));
    match field.example {
        Some(_) => schema.with("examples", list![example(field)]),
        None => schema,
    }
}

/// Everything that the reader takes. `null` and a blank text count as absent, so they are fine wherever a field
/// may be absent.
fn accepted(field: &FieldSpec) -> Doc {
    let types = |first: &[&str]| {
        let null = (!field.required).then_some("null");
        let mut types: Vec<&str> = first.iter().copied().chain(null).collect();
        match types.len() {
            1 => Doc::from(types.pop().unwrap_or_default()),
            _ => Doc::from(types),
        }
    };
    let blank = |pattern: &str| match field.required {
        true => format!("^(?:{pattern})$"),
        false => format!("^(?:\\s*|{pattern})$"),
    };
    let text =
        |pattern: &str| object! { "type" => types(&["string"]), "pattern" => blank(pattern) };
    match (field.form, field.rule) {
        (Form::Number | Form::Figure, Rule::OneOf(words)) => {
            let numbers = words.iter().filter_map(|word| word.parse().ok()).map(Doc::Number);
            let words = words.iter().copied().map(Doc::from);
            let absent = (!field.required).then_some([Doc::Null, Doc::from("")]);
            let all: Vec<Doc> = numbers.chain(words).chain(absent.into_iter().flatten()).collect();
            object! { "type" => types(&["integer", "string"]), "enum" => all }
        }
        (_, Rule::Fen { least, most } | Rule::Number { least, most }) => {
            let digits = blank(&format!("0*(?:{})", digits(least, most)));
            object! {
                "type" => types(&["integer", "string"]),
                "minimum" => least,
                "maximum" => most,
                "pattern" => digits,
                "maxLength" => DIGITS_MAX,
            }
        }
        (Form::Figure, Rule::Text { most }) => {
            let text = not_blank(field.required);
            object! {
                "type" => types(&["integer", "string"]),
                "minimum" => 0_u64,
                "maximum" => u64::MAX,
                "pattern" => text,
                "maxLength" => most,
            }
        }
        (_, Rule::Flag) => {
            object! { "type" => types(&["boolean", "string"]), "pattern" => blank("true|false") }
        }
        (_, Rule::OneOf(words)) => {
            let absent = (!field.required).then_some([Doc::Null, Doc::from("")]);
            let words = words.iter().copied().map(Doc::from);
            let all: Vec<Doc> = words.chain(absent.into_iter().flatten()).collect();
            object! { "type" => types(&["string"]), "enum" => all }
        }
        (_, Rule::Object) => message(field.fields, Side::Asked)
            .replacing("type", types(&["object", "string"]))
            .with("pattern", blank("\\s*\\{[\\s\\S]*\\}\\s*")),
        (_, Rule::List { most }) => object! {
            "type" => types(&["array", "string"]),
            "items" => message(field.fields, Side::Asked).replacing("type", list!["object", "string"]),
            "maxItems" => most,
            "pattern" => blank("\\s*\\[[\\s\\S]*\\]\\s*"),
        },
        (_, Rule::Text { most }) => object! {
            "type" => types(&["string"]),
            "pattern" => not_blank(field.required),
            "maxLength" => most,
        },
        (_, Rule::Id { least, most }) => text(&format!("[A-Za-z0-9_.-]{{{least},{most}}}")),
        (_, Rule::Day) => text(&format!("{DATE}(?: {TIME})?|{DATE_PLAIN}")),
        (_, Rule::Time) => text(&format!("{DATE} {TIME}|{DATE_PLAIN}{TIME_PLAIN}")),
        (_, Rule::Stamp) => text(&format!("{DATE_PLAIN}{TIME_PLAIN}")),
        (_, Rule::Hex) => text("[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}"),
        (_, Rule::Base64Of(_)) => text(BASE64),
        (_, Rule::Base64 { most }) => text(BASE64).with("maxLength", most),
        (_, Rule::Url { most }) => {
            text(&format!("[Hh][Tt][Tt][Pp][Ss]?://[^/?#\\s{CONTROL}][^\\s{CONTROL}]*"))
                .with("maxLength", most)
        }
    }
}

/// The one form in which the gateway writes a field.
fn written(field: &FieldSpec) -> Doc {
    let text = |pattern: &str| object! { "type" => "string", "pattern" => format!("^{pattern}$") };
    match (field.form, field.rule) {
        (Form::Number, Rule::OneOf(words)) => {
            let numbers = words.iter().filter_map(|word| word.parse().ok()).map(Doc::Number);
            object! { "type" => "integer", "enum" => numbers.collect::<Vec<_>>() }
        }
        (_, Rule::Fen { least, most } | Rule::Number { least, most }) => {
            object! { "type" => "integer", "minimum" => least, "maximum" => most }
        }
        (Form::TextFlag, _) => object! { "type" => "string", "enum" => list!["true", "false"] },
        (_, Rule::Flag) => object! { "type" => "boolean" },
        (_, Rule::OneOf([word])) => object! { "type" => "string", "const" => *word },
        (_, Rule::OneOf(words)) => object! { "type" => "string", "enum" => words.to_vec() },
        (_, Rule::Object) => message(field.fields, Side::Told),
        (_, Rule::List { most }) => object! {
            "type" => "array",
            "items" => message(field.fields, Side::Told),
            "maxItems" => most,
        },
        (_, Rule::Text { most }) => object! { "type" => "string", "maxLength" => most },
        (_, Rule::Id { least, most }) => text(&format!("[A-Za-z0-9_.-]{{{least},{most}}}")),
        (_, Rule::Day) => text(DATE),
        (_, Rule::Time) => text(&format!("{DATE} {TIME}")),
        (_, Rule::Stamp) => text(&format!("{DATE_PLAIN}{TIME_PLAIN}")),
        (_, Rule::Hex) => text("(?:[0-9a-f]{40}|[0-9a-f]{64})"),
        (_, Rule::Base64Of(_)) => text(BASE64),
        (_, Rule::Base64 { most }) => text(BASE64).with("maxLength", most),
        (_, Rule::Url { most }) => text("[Hh][Tt][Tt][Pp][Ss]?://\\S+").with("maxLength", most),
    }
}

/// The pattern of free text: no control characters, and not blank where it has to be there.
fn not_blank(required: bool) -> String {
    match required {
        true => format!("^[^{CONTROL}]*[^\\s{CONTROL}][^{CONTROL}]*$"),
        false => format!("^(?:\\s*|[^{CONTROL}]*)$"),
    }
}

/// The pattern of the decimal numbers from `least`, which is 0 or 1, to `most`, without leading zeros.
fn digits(least: u64, most: u64) -> String {
    let most = most.to_string();
    let mut choices = if least == 0 { vec!["0".to_owned()] } else { vec![] };
    if most.len() > 1 {
        choices.push(format!("[1-9][0-9]{{0,{}}}", most.len().saturating_sub(2)));
    }
    // As many digits as the largest: the same as it up to a place, smaller there, anything behind.
    for (place, digit) in most.char_indices() {
        let first = if place == 0 { '1' } else { '0' };
        let (before, after) = most.split_at(place);
        let smaller = char::from_digit(digit.to_digit(10).unwrap_or(0).saturating_sub(1), 10);
        if let Some(smaller) = smaller.filter(|smaller| digit > first && *smaller >= first) {
            let rest = after.len().saturating_sub(1);
            choices.push(format!("{before}[{first}-{smaller}][0-9]{{{rest}}}"));
        }
    }
    choices.push(most);
    choices.join("|")
}

/// A whole message out of the examples of its fields: those that must be there, or all that have one.
pub(super) fn whole(fields: &[FieldSpec], which: impl Fn(&FieldSpec) -> bool) -> Doc {
    let chosen = fields.iter().filter(|field| which(field));
    chosen.fold(object! {}, |all, field| all.with(field.name, example(field)))
}

/// An example of a field in the official form.
pub(super) fn example(field: &FieldSpec) -> Doc {
    let text = field.example.unwrap_or_default();
    match field.form {
        Form::Text | Form::Figure | Form::TextFlag => Doc::from(text),
        Form::Number | Form::Flag | Form::Object | Form::List => {
            Json::parse(text.as_bytes()).as_ref().map_or_else(|_| Doc::from(text), Doc::from)
        }
    }
}
