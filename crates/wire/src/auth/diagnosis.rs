//! Why a signature is wrong: what was signed piece by piece, and which known mistake reproduces it.

use std::fmt;

use base64::Engine as _;
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};

use super::{AppKey, BASE64, BodySig, Stamp, decode_form, hex, hmac, unhex};
use crate::{
    json::{Json, Object, write_text},
    time,
};

/// What a signature should have been made of, and what it probably was made of. It never contains the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The app as received: the first piece that is signed.
    pub app_id: String,
    /// The timestamp as received: the second piece.
    pub timestamp: String,
    /// The nonce as received: the third piece.
    pub nonce: String,
    /// How long the body is, in bytes.
    pub body_bytes: usize,
    /// SHA-256 of the body as received, in lower-case hexadecimal digits: the last piece.
    pub body_hash: String,
    /// The mistakes that together reproduce the signature. None when no known mistake does, as with a
    /// wrong key, or when the signature is right.
    pub mistakes: Vec<Mistake>,
}

/// A known mistake in making a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The body's digest was written in upper case.
    UpperCaseHash,
    /// The body was signed in another layout than it was sent in: compact, spaced or indented.
    OtherLayout,
    /// The body was signed with its fields in alphabetical order, but sent in another.
    SortedKeys,
    /// The body was signed with `/` or characters beyond ASCII escaped, but sent without, or the other
    /// way round.
    OtherEscapes,
    /// The body was signed with a line break at its end, or without the one it was sent with.
    TrailingNewline,
    /// The body itself was signed instead of its digest.
    BodyNotHashed,
    /// An empty body was signed.
    EmptyBody,
    /// What is inside `data` was signed, instead of the whole body.
    InsideEnvelope,
    /// The signature is a plain SHA-256 digest instead of an HMAC.
    PlainDigest,
    /// Another time was signed than the one sent: they are eight hours apart.
    EightHours,
    /// The key was used with white space around it, or is stored so.
    KeySpace,
    /// The signature was sent in hexadecimal digits instead of Base64.
    Hex,
    /// The signature is the Base64 of hexadecimal digits instead of the Base64 of the bytes.
    Base64OfHex,
    /// The signature was percent-encoded once too often.
    PercentEncoded,
    /// The signature was sent in a form without percent-encoding, so that `+` became a space.
    PlusLost,
    /// Percent-encoded content was signed instead of the plain one.
    EncodedContent,
}

const EIGHT_HOURS_MS: i64 = 8 * 3_600_000;

pub(super) fn diagnose(sig: &BodySig, key: &AppKey, body: &[u8]) -> Diagnosis {
    Diagnosis {
        app_id: sig.app_id.to_string(),
        timestamp: sig.timestamp.as_str().to_owned(),
        nonce: sig.nonce.to_string(),
        body_bytes: body.len(),
        body_hash: hex(&Sha256::digest(body)),
        mistakes: explain(sig, key, body).unwrap_or_default(),
    }
}

/// Makes the signature again with every known mistake in the body, the time or the key, and looks whether
/// it is the one that was sent, however that is spelled.
fn explain(sig: &BodySig, key: &AppKey, body: &[u8]) -> Option<Vec<Mistake>> {
    let claims = claims(sig.signature.as_str());
    let right = hex(&Sha256::digest(body)).into_bytes();
    let text = |timestamp: &str, last: &[u8]| {
        let (app_id, nonce) = (sig.app_id.as_str().as_bytes(), sig.nonce.as_str().as_bytes());
        [app_id, timestamp.as_bytes(), nonce, last].concat()
    };
    let sent = sig.timestamp.as_str();
    let with_key = |text: &[u8]| hmac(key.expose(), text).finalize().into_bytes().to_vec();

    let mut made = codes(key, &text(sent, &right));
    for time in other_times(&sig.timestamp) {
        made.push((vec![Mistake::EightHours], with_key(&text(&time, &right))));
    }
    for (mistakes, last) in last_pieces(body) {
        made.push((mistakes, with_key(&text(sent, &last))));
    }
    made.into_iter().find_map(|(mistakes, code)| {
        let (of_spelling, _) = claims.iter().find(|(_, claimed)| *claimed == code)?;
        Some([mistakes.as_slice(), of_spelling].concat())
    })
}

/// What the signature may stand for.
fn claims(signature: &str) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut spellings = vec![(vec![], signature.to_owned())];
    if signature.contains(' ') {
        spellings.push((vec![Mistake::PlusLost], signature.replace(' ', "+")));
    }
    if signature.contains('%')
        && let Some(decoded) = decode_form(&signature.replace('+', "%2B"))
    {
        spellings.push((vec![Mistake::PercentEncoded], decoded.into_owned()));
    }
    let mut claims = vec![];
    for (mistakes, text) in spellings {
        let and = |mistake| [mistakes.as_slice(), &[mistake]].concat();
        if let Some(bytes) = unhex(&text) {
            claims.push((and(Mistake::Hex), bytes));
        }
        if let Ok(bytes) = BASE64.decode(&text) {
            if let Some(inner) = std::str::from_utf8(&bytes).ok().and_then(unhex) {
                claims.push((and(Mistake::Base64OfHex), inner));
            }
            claims.push((mistakes, bytes));
        }
    }
    claims
}

/// The times that may have been signed instead of the one sent.
fn other_times(sent: &Stamp) -> [String; 2] {
    [EIGHT_HOURS_MS, -EIGHT_HOURS_MS].map(|ms| time::show_stamp(sent.moment().plus_ms(ms)))
}

/// What may have been signed behind the nonce.
fn last_pieces(body: &[u8]) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut pieces = vec![];
    for (mistakes, body) in bodies(body) {
        let and = |mistake| [mistakes.as_slice(), &[mistake]].concat();
        let digest = hex(&Sha256::digest(&body));
        pieces.push((and(Mistake::UpperCaseHash), digest.to_ascii_uppercase().into_bytes()));
        pieces.push((and(Mistake::BodyNotHashed), body));
        pieces.push((mistakes, digest.into_bytes()));
    }
    // The fewer mistakes, the likelier.
    pieces.sort_by_key(|(mistakes, _)| mistakes.len());
    pieces
}

/// The bodies that may have been signed.
fn bodies(sent: &[u8]) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut bodies = vec![(vec![], sent.to_vec()), (vec![Mistake::EmptyBody], vec![])];
    for layout in newlines(sent) {
        bodies.push((vec![Mistake::TrailingNewline], layout));
    }
    let mut encoded = String::new();
    super::encode_form(&mut encoded, &String::from_utf8_lossy(sent));
    bodies.push((vec![Mistake::EncodedContent], encoded.into_bytes()));
    let Ok(object) = Object::parse(sent) else { return bodies };
    let inside = match object.get("data") {
        Some(data @ Json::Object(_)) => Some((vec![Mistake::InsideEnvelope], data.clone())),
        _ => None,
    };
    let whole = Json::Object(object);
    let own = styles().into_iter().find(|style| {
        !style.sorted && written(&whole, *style).is_some_and(|text| text == sent.trim_ascii_end())
    });
    for (mistakes, json) in [(vec![], whole)].into_iter().chain(inside) {
        for style in styles() {
            // A number that is not whole cannot be written again, and no field can hold one.
            let Some(again) = written(&json, style) else { return bodies };
            let mistakes = [mistakes.as_slice(), &style.differs_from(own)].concat();
            for layout in newlines(&again) {
                bodies.push(([mistakes.as_slice(), &[Mistake::TrailingNewline]].concat(), layout));
            }
            bodies.push((mistakes, again));
        }
    }
    bodies
}

/// A body with a line break at its end when it has none, and without when it has one.
fn newlines(body: &[u8]) -> Vec<Vec<u8>> {
    match body.trim_ascii_end() {
        trimmed if trimmed.len() < body.len() => vec![trimmed.to_vec()],
        trimmed => vec![[trimmed, b"\n"].concat(), [trimmed, b"\r\n"].concat()],
    }
}

/// How an SDK may write JSON.
#[derive(Clone, Copy)]
struct Style {
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
    fn differs_from(self, sent: Option<Self>) -> Vec<Mistake> {
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

fn styles() -> Vec<Style> {
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

fn written(json: &Json<'_>, style: Style) -> Option<Vec<u8>> {
    let mut out = vec![];
    write(json, style, 0, &mut out)?;
    Some(out)
}

/// Writes JSON again; `None` if it has a number whose spelling is not known.
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

/// The codes that the key may have made of a text.
fn codes(key: &AppKey, text: &[u8]) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let key = key.expose();
    let code = |key: &str| hmac(key, text).finalize().into_bytes().to_vec();
    let digest = |parts: &[&[u8]]| Sha256::digest(parts.concat()).to_vec();
    let mut codes = vec![(vec![], code(key))];
    if key.trim() != key {
        codes.push((vec![Mistake::KeySpace], code(key.trim())));
    }
    for spaced in [format!("{key}\n"), format!("{key}\r\n"), format!("{key} "), format!(" {key}")] {
        codes.push((vec![Mistake::KeySpace], code(&spaced)));
    }
    for plain in [digest(&[text]), digest(&[text, key.as_bytes()]), digest(&[key.as_bytes(), text])]
    {
        codes.push((vec![Mistake::PlainDigest], plain));
    }
    codes
}

impl Mistake {
    /// What was done wrong and what to do instead, in Chinese.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Self::UpperCaseHash => "报文摘要用了大写十六进制，应为小写",
            Self::OtherLayout => {
                "签名的报文与发送的报文排版不同（空格、换行、缩进），应对实际发送的字节签名"
            }
            Self::SortedKeys => "签名时字段按字母排序，发送时却没有，应对实际发送的字节签名",
            Self::OtherEscapes => "签名与发送时对 / 或汉字的转义不同，应对实际发送的字节签名",
            Self::TrailingNewline => "签名与发送的报文末尾换行不同，应对实际发送的字节签名",
            Self::BodyNotHashed => "直接拼接了报文，应拼接报文的 SHA-256 摘要",
            Self::EmptyBody => "对空报文做了签名，应对实际发送的报文签名",
            Self::InsideEnvelope => "只对 data 内的内容签名，应对整个报文签名",
            Self::PlainDigest => "用了普通 SHA-256，应使用以 AppKey 为密钥的 HMAC-SHA-256",
            Self::EightHours => "签名的时间与发送的 Timestamp 相差八小时，两者应为同一北京时间",
            Self::KeySpace => "AppKey 前后多了空白字符",
            Self::Hex => "签名以十六进制发送，应为 Base64",
            Self::Base64OfHex => "对十六进制文本做了 Base64，应对 HMAC 的原始字节做 Base64",
            Self::PercentEncoded => "签名多做了一次百分号编码",
            Self::PlusLost => "签名未做百分号编码，+ 变成了空格",
            Self::EncodedContent => "对百分号编码后的内容签名，应对编码前的内容签名",
        }
    }

    /// What was done wrong and what to do instead, in English.
    #[must_use]
    pub fn en(self) -> &'static str {
        match self {
            Self::UpperCaseHash => "the body's digest was in upper case: use lower case",
            Self::OtherLayout => {
                "the body was signed in another layout than it was sent in: sign the bytes you send"
            }
            Self::SortedKeys => {
                "the body was signed with its fields sorted, but sent otherwise: sign the bytes you send"
            }
            Self::OtherEscapes => {
                "`/` or characters beyond ASCII were escaped differently when signed and when sent: \
                 sign the bytes you send"
            }
            Self::TrailingNewline => {
                "the body was signed with another line end than it was sent with: sign the bytes you send"
            }
            Self::BodyNotHashed => "the body itself was signed: sign its SHA-256 digest",
            Self::EmptyBody => "an empty body was signed: sign the body you send",
            Self::InsideEnvelope => "only what is inside `data` was signed: sign the whole body",
            Self::PlainDigest => {
                "the signature is a plain SHA-256 digest: use HMAC-SHA-256 with the AppKey as its key"
            }
            Self::EightHours => {
                "the time signed and the Timestamp sent are eight hours apart: use one Beijing time for both"
            }
            Self::KeySpace => "there is white space around the AppKey",
            Self::Hex => "the signature is in hexadecimal digits: use Base64",
            Self::Base64OfHex => {
                "the signature is the Base64 of hexadecimal digits: encode the bytes of the HMAC"
            }
            Self::PercentEncoded => "the signature was percent-encoded once too often",
            Self::PlusLost => "the signature was not percent-encoded, so `+` became a space",
            Self::EncodedContent => {
                "percent-encoded content was signed: sign the content before it is encoded"
            }
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en())
    }
}

impl Diagnosis {
    /// The diagnosis in Chinese, in a few lines.
    #[must_use]
    pub fn zh(&self) -> String {
        let mut text = format!(
            "待签名串 = AppId + Timestamp + Nonce + 报文摘要\n  AppId     {}\n  Timestamp {}\n  Nonce     {}\n  报文摘要  {}（{} 字节的 SHA-256）\n",
            self.app_id, self.timestamp, self.nonce, self.body_hash, self.body_bytes
        );
        if self.mistakes.is_empty() {
            text.push_str("未发现已知的错误：请检查 AppKey，以及签名的各部分是否与上面一致\n");
        }
        for mistake in &self.mistakes {
            text.push_str(&format!("错误：{}\n", mistake.zh()));
        }
        text
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "signed text = AppId + Timestamp + Nonce + body hash")?;
        writeln!(f, "  AppId     {}", self.app_id)?;
        writeln!(f, "  Timestamp {}", self.timestamp)?;
        writeln!(f, "  Nonce     {}", self.nonce)?;
        writeln!(f, "  body hash {} (SHA-256 of {} bytes)", self.body_hash, self.body_bytes)?;
        if self.mistakes.is_empty() {
            return writeln!(
                f,
                "no known mistake explains the signature: check the AppKey, and that you sign these pieces"
            );
        }
        self.mistakes.iter().try_for_each(|mistake| writeln!(f, "mistake: {mistake}"))
    }
}
