//! The `data` envelope in which some SDKs wrap what they send (`protocol.md` section 2.4).

use crate::{
    field::Note,
    json::{Json, Object, write_text},
};

/// The request inside an envelope; `None` when the body is no envelope.
#[must_use]
pub fn open<'o, 'a>(body: &'o Object<'a>) -> Option<&'o Object<'a>> {
    match (body.get("data"), body.get("mid")) {
        (Some(Json::Object(data)), None) => Some(data),
        _ => None,
    }
}

/// Wraps an answer: `answer` is its JSON object, and the fields beside it say the same in short.
#[must_use]
pub fn seal(err_code: &str, text: &Note, answer: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(answer.len() + 256);
    out.extend_from_slice(b"{\"errCode\":");
    write_text(&mut out, err_code);
    out.extend_from_slice(b",\"errInfo\":");
    write_text(&mut out, text.as_str());
    out.extend_from_slice(b",\"resultCode\":");
    write_text(&mut out, err_code);
    out.extend_from_slice(b",\"resultInfo\":");
    write_text(&mut out, text.as_str());
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(answer);
    out.push(b'}');
    out
}
