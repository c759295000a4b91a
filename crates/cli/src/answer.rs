//! Answers for people: every field with its meaning in both languages, from the protocol's declarations.

use holdfast_client::Exchange;
use holdfast_wire::{
    code::Code,
    field::Rule,
    json::{Json, Object},
    message::{EndpointSpec, FieldSpec, Message as _, says_done},
    messages::Failure as Refusal,
};

use crate::screen::{self, Screen, Tone};

/// One field of an answer, ready to be aligned.
struct Row {
    depth: usize,
    name: String,
    value: String,
    meaning: Option<&'static FieldSpec>,
}

/// An answer as people read it. One that is not a JSON object is shown as it came.
pub(crate) fn show(screen: &Screen, endpoint: &EndpointSpec, exchange: &Exchange) -> String {
    let Ok(answer) = Object::parse(&exchange.body) else {
        return String::from_utf8_lossy(&exchange.body).into_owned();
    };
    let code = text(&answer, "errCode");
    let done = says_done(code);
    let tone = if done { Tone::Good } else { Tone::Bad };
    let meaning = Code::named(code)
        .map(Code::spec)
        .map_or_else(String::new, |spec| format!("  {} · {}", spec.text.zh, spec.text.en));
    let mut lines = vec![format!("{}{meaning}", screen.tone(tone, code)), String::new()];

    let specs = if done { endpoint.response } else { Refusal::FIELDS };
    let mut rows = vec![];
    collect(&answer, specs, 0, &mut rows);
    // The same text twice, for callers that read only one of the two.
    if text(&answer, "errInfo") == text(&answer, "errMsg") {
        rows.retain(|row| row.name != "errInfo");
    }
    let names = rows
        .iter()
        .map(|row| row.depth.saturating_mul(2).saturating_add(row.name.len()))
        .max()
        .unwrap_or(0);
    let values = rows
        .iter()
        .map(|row| screen::width(&row.value))
        .filter(|width| *width <= 40)
        .max()
        .unwrap_or(0);
    for Row { depth, name, value, meaning } in rows {
        let name = screen::left(&format!("{}{name}", "  ".repeat(depth)), names);
        let meaning = meaning.map_or_else(String::new, |spec| {
            let en = spec.doc.en.trim_end_matches('.');
            screen.tone(Tone::Quiet, &format!("{} · {en}", spec.doc.zh.trim_end_matches('。')))
        });
        lines.push(
            format!("  {name}  {}  {meaning}", screen::left(&value, values)).trim_end().to_owned(),
        );
    }
    lines.join("\n")
}

fn collect(object: &Object<'_>, specs: &'static [FieldSpec], depth: usize, rows: &mut Vec<Row>) {
    for (name, json) in object.fields() {
        let meaning = specs.iter().find(|spec| spec.name == name);
        let value = match (json, meaning.map(|spec| spec.rule)) {
            (Json::Integer(fen), Some(Rule::Fen { .. })) => {
                format!("{fen} ({} yuan)", screen::yuan(i128::from(*fen)))
            }
            (json, _) => plain(json),
        };
        rows.push(Row { depth, name: name.to_owned(), value, meaning });
        if let Json::Object(inside) = json {
            let specs = meaning.map_or(&[][..], |spec| spec.fields);
            collect(inside, specs, depth.saturating_add(1), rows);
        }
    }
}

/// A value on one line; what is inside an object follows on lines of its own.
fn plain(json: &Json<'_>) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Integer(number) => number.to_string(),
        Json::OtherNumber => "(a number that no field can hold)".to_owned(),
        Json::Text(text) => text.replace(|c: char| c.is_control(), " "),
        Json::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Json::Object(_) => String::new(),
    }
}

/// The text that an object has under a name; empty when it has none.
pub(crate) fn text<'o>(object: &'o Object<'_>, name: &str) -> &'o str {
    match object.get(name) {
        Some(Json::Text(text)) => text,
        _ => "",
    }
}
