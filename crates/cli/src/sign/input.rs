//! What somebody pasted, whatever it is: a `curl` command, raw HTTP, a body, a form, an address, or pairs as JSON.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use holdfast_wire::{
    auth::{AuthFault, Authorization, FormParam, Signature},
    diagnosis::{Claim, TokenClaim},
    json::Object,
    legacy,
    message::{list, list_zh},
    notice::{self, Pairs},
};

use super::curl;
use crate::exit::{Exit, Failure};

/// The longest input, in bytes: four times the longest request.
pub(super) const INPUT_BYTES: usize = 256 * 1024;

/// The most fields of a notice: ten times as many as any has.
const FIELDS: usize = 500;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) en: String,
    pub(super) zh: String,
}

impl Note {
    pub(super) fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// Something that was not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, counted from 1.
    pub(super) line: Option<usize>,
    /// What was not understood.
    pub(super) text: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { line: None, text: text.into(), hint: None }
    }

    pub(super) fn at(line: usize, text: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::new(text) }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<Fault> for Failure {
    fn from(Fault { line, text, hint }: Fault) -> Self {
        let sentence = match line {
            Some(line) => format!("line {line}: {text} (第 {line} 行无法理解)"),
            None => text,
        };
        let hint = hint.unwrap_or_else(|| "holdfast sign explain --help".to_owned());
        Self::new(Exit::Usage, sentence).hint(hint)
    }
}

/// A request as it would go over the wire, as far as the paste tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Http {
    /// The address, or what follows the host in it.
    pub(super) target: Option<String>,
    /// Names and values.
    pub(super) headers: Vec<(String, String)>,
    /// What the body may be, the likeliest first, and how each differs from the paste.
    pub(super) bodies: Vec<(Vec<u8>, Option<Note>)>,
}

/// What an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Curl,
    Http,
    Body,
    Address,
    Pairs,
    Json,
}

impl Form {
    /// Its name for programs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Http => "http",
            Self::Body => "body",
            Self::Address => "address",
            Self::Pairs => "form",
            Self::Json => "json",
        }
    }

    /// Its name for people.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Curl => "from a curl command 来自 curl 命令",
            Self::Http => "from raw HTTP 来自 HTTP 原文",
            Self::Body => "from a body and a header 来自报文与请求头",
            Self::Address => "from an address 来自网址",
            Self::Pairs => "from a form 来自表单",
            Self::Json => "from JSON 来自 JSON",
        }
    }
}

/// How a signed thing proves who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    BodySig,
    FormParam,
    Token,
    Notice,
    Legacy,
}

/// What was read: one signed thing, in every form that the paste may stand for.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) form: Form,
    pub(super) scheme: Scheme,
    /// The likeliest first, and how each differs from the paste.
    pub(super) claims: Vec<(Claim, Option<Note>)>,
    /// What is odd about it.
    pub(super) warnings: Vec<Note>,
}

/// Reads a file, or stdin for `-`.
pub(super) fn read_source(path: &Path) -> Result<Vec<u8>, Fault> {
    match path.as_os_str() == "-" {
        true => bounded(io::stdin().lock(), "stdin"),
        false => read_file(path),
    }
}

/// Reads a file within the bound.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Fault> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| Fault::new(format!("read {shown}: {error}")))?;
    bounded(file, &shown)
}

fn bounded(source: impl io::Read, name: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![];
    let most = u64::try_from(INPUT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::new(format!("read {name}: {error}")))?;
    if bytes.len() > INPUT_BYTES {
        return Err(Fault::new(format!("{name} is longer than {INPUT_BYTES} bytes (输入过长)")));
    }
    Ok(bytes)
}

/// Reads what was pasted. `authorization` is a header that was given beside it, `theirs` a signature that was made of
/// it elsewhere.
pub(super) fn read(
    bytes: &[u8],
    authorization: Option<&str>,
    theirs: Option<&str>,
) -> Result<Input, Fault> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Fault::new("the input is UTF-16, as PowerShell writes it; save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (form, mut http) = http(bytes, authorization.is_some())?;
    if let Some(header) = authorization {
        http.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(AUTHORIZATION));
        http.headers.push((AUTHORIZATION.to_owned(), header.to_owned()));
    }
    let mut input = recognized(form, &http)?;
    if let Some(theirs) = theirs.map(str::trim) {
        for (claim, _) in &mut input.claims {
            replace(claim, theirs)?;
        }
    }
    let crowded = |(claim, _): &(Claim, Option<Note>)| match claim {
        Claim::Notice { pairs, .. } | Claim::Legacy { pairs, .. } => pairs.len() > FIELDS,
        _ => false,
    };
    if input.claims.iter().any(crowded) {
        return Err(Fault::new(format!("there are more than {FIELDS} fields (字段过多)")));
    }
    let unsigned = |(claim, _): &(Claim, Option<Note>)| claim.theirs().is_empty();
    if input.claims.iter().any(unsigned) {
        return Err(Fault::new("there is no signature in it (没有签名)").hint(UNSIGNED));
    }
    Ok(input)
}

const AUTHORIZATION: &str = "Authorization";

const UNSIGNED: &str = "give it beside the input: --authorization 'OPEN-BODY-SIG AppId=…' (the header), or --theirs \
                        SIGNATURE (what your code made of a notice)";

/// Puts a signature in the place of the one that a claim has.
fn replace(claim: &mut Claim, by: &str) -> Result<(), Fault> {
    match claim {
        Claim::Request { signed, .. } => {
            signed.signature = Signature::parse(by).map_err(|_| {
                Fault::new("--theirs is not a signature: it is empty, too long or has quotes")
            })?;
        }
        Claim::Token(token) => by.clone_into(&mut token.signature),
        Claim::Notice { theirs, .. } | Claim::Legacy { theirs, .. } => by.clone_into(theirs),
    }
    Ok(())
}

/// The request that a paste stands for.
fn http(bytes: &[u8], has_header: bool) -> Result<(Form, Http), Fault> {
    let text = std::str::from_utf8(bytes);
    let start = text.unwrap_or_default().trim();
    if curl::is_command(start) {
        return Ok((Form::Curl, curl::read(text.unwrap_or_default())?));
    }
    if let Some(http) = raw(bytes)? {
        return Ok((Form::Http, http));
    }
    let whole = || Http { target: None, headers: vec![], bodies: as_pasted(bytes) };
    if has_header {
        return Ok((Form::Body, whole()));
    }
    let one_line = !start.is_empty() && !start.contains(['\n', '\r']);
    if one_line
        && (start.starts_with("http://")
            || start.starts_with("https://")
            || start.starts_with(['?', '/']))
    {
        let target = Some(start.to_owned());
        return Ok((Form::Address, Http { target, headers: vec![], bodies: vec![] }));
    }
    if start.starts_with('{') {
        return Ok((Form::Json, whole()));
    }
    if one_line && start.contains('=') {
        return Ok((Form::Pairs, whole()));
    }
    let what = match start.is_empty() {
        true => "there is nothing to explain (输入为空)",
        false => {
            "this is no curl command, no raw HTTP, no form, no address and no JSON object; a body needs its header beside it (无法识别)"
        }
    };
    Err(Fault::new(what).hint(UNSIGNED))
}

/// What a pasted body may have been: pasting and editors add a line end, and change those inside.
fn as_pasted(bytes: &[u8]) -> Vec<(Vec<u8>, Option<Note>)> {
    let mut bodies = vec![];
    let trimmed = without_line_end(bytes);
    if trimmed.len() < bytes.len() {
        let note = Note::new(
            "the line break at the end of the input is not part of the body",
            "输入末尾的换行不属于报文",
        );
        bodies.push((trimmed.to_vec(), Some(note)));
        let note = Note::new(
            "the line break at the end of the input is part of the body",
            "输入末尾的换行属于报文",
        );
        bodies.push((bytes.to_vec(), Some(note)));
    } else {
        bodies.push((bytes.to_vec(), None));
    }
    let text = String::from_utf8_lossy(trimmed);
    if text.contains('\n') && std::str::from_utf8(trimmed).is_ok() {
        let other = match text.contains("\r\n") {
            true => text.replace("\r\n", "\n"),
            false => text.replace('\n', "\r\n"),
        };
        let note = Note::new(
            "the body was sent with other line breaks than the input has (CRLF and LF)",
            "发送的报文与输入的换行符不同（CRLF 与 LF）",
        );
        bodies.push((other.into_bytes(), Some(note)));
    }
    bodies
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Raw HTTP, or `None` when it does not begin like it.
fn raw(bytes: &[u8]) -> Result<Option<Http>, Fault> {
    let mut http = Http::default();
    let (mut rest, mut number) = (bytes, 0_usize);
    let mut begun = false;
    while let Some((line, after)) = line(rest) {
        number = number.saturating_add(1);
        rest = after;
        let Ok(text) = std::str::from_utf8(line) else {
            return if begun { Err(Fault::at(number, "a header is not UTF-8")) } else { Ok(None) };
        };
        let text = text.trim_end();
        if text.is_empty() {
            if begun {
                break;
            }
            continue;
        }
        if !begun {
            if text.starts_with("HTTP/") {
                return Err(Fault::at(number, "this is an answer; paste the request"));
            }
            begun = true;
            if let Some(target) = request_line(text) {
                http.target = Some(target.to_owned());
                continue;
            }
            if !is_header(text) {
                return Ok(None);
            }
        }
        let folded = text.starts_with([' ', '\t']);
        match http.headers.last_mut() {
            Some((_, value)) if folded => {
                value.push(' ');
                value.push_str(text.trim());
            }
            _ => {
                let fault = || {
                    Fault::at(
                        number,
                        format!("`{}` is not a header such as `Name: value`", start_of(text)),
                    )
                };
                let header = if is_header(text) { colon(text) } else { None };
                let (name, value) = header.ok_or_else(fault)?;
                match name {
                    ":path" => http.target = Some(value.to_owned()),
                    name if name.starts_with(':') => {}
                    name => http.headers.push((name.to_owned(), value.to_owned())),
                }
            }
        }
    }
    if !begun {
        return Ok(None);
    }
    http.bodies = sent_body(rest, &http)?;
    Ok(Some(http))
}

fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The next line and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line, rest.strip_prefix(b"\n").unwrap_or(rest)))
}

/// The target of a request line.
fn request_line(text: &str) -> Option<&str> {
    let mut words = text.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let version = words.next().is_none_or(|version| version.starts_with("HTTP/"));
    let is_method = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"].contains(&method);
    let is_target = target.starts_with(['/', '?']) || target.starts_with("http");
    (is_method && is_target && version && words.next().is_none()).then_some(target)
}

/// Name and value of a header; the names of HTTP/2 begin with a colon.
fn colon(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(':').unwrap_or(text);
    let name = inside.split(':').next()?;
    let at = text.len().saturating_sub(inside.len()).saturating_add(name.len());
    let (name, value) = text.split_at_checked(at)?;
    Some((name, value.strip_prefix(':')?.trim()))
}

fn is_header(text: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    colon(text).is_some_and(|(name, value)| {
        let name = name.strip_prefix(':').unwrap_or(name);
        // An address begins like a header.
        !name.is_empty() && name.chars().all(token) && !value.starts_with("//")
    })
}

/// What was sent behind the headers, as far as they tell.
fn sent_body(pasted: &[u8], http: &Http) -> Result<Vec<(Vec<u8>, Option<Note>)>, Fault> {
    let header = |wanted: &str| {
        let mut headers = http.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        headers.next().map(|(_, value)| value.as_str())
    };
    if header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let text = "the body is chunked; paste it without the chunks' lengths, and without the Transfer-Encoding header";
        return Err(Fault::new(text));
    }
    if header("Content-Encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Fault::new(
            "the body is compressed (Content-Encoding); no gateway takes such a request",
        ));
    }
    let mut bodies = as_pasted(pasted);
    let length = header("Content-Length").and_then(|length| length.parse::<usize>().ok());
    if let Some(length) = length {
        match pasted.get(..length) {
            // What follows is not the body: a line end, or the answer.
            Some(body) => bodies = vec![(body.to_vec(), None)],
            None => {
                let (en, zh) = (
                    format!(
                        "Content-Length says {length} bytes, and only {} were pasted",
                        pasted.len()
                    ),
                    format!("Content-Length 为 {length} 字节，但输入只有 {} 字节", pasted.len()),
                );
                bodies.sort_by_key(|(body, _)| body.len() != length);
                for (_, note) in bodies.iter_mut().filter(|(body, _)| body.len() != length) {
                    *note = Some(Note::new(en.clone(), zh.clone()));
                }
            }
        }
    }
    Ok(bodies)
}

/// What the request is signed by.
fn recognized(form: Form, http: &Http) -> Result<Input, Fault> {
    let query =
        http.target.as_deref().and_then(|target| target.split_once('?')).map(|(_, query)| query);
    let query = query.and_then(|query| query.split('#').next());
    let mut headers =
        http.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION));
    let input = |scheme, claims, warnings| Ok(Input { form, scheme, claims, warnings });
    if let Some((_, header)) = headers.next() {
        if headers.next().is_some() {
            return Err(Fault::new(
                "there are two Authorization headers; a gateway refuses that (重复的 Authorization)",
            ));
        }
        let named = header.trim_start();
        let name = named
            .get(..AUTHORIZATION.len())
            .filter(|name| name.eq_ignore_ascii_case(AUTHORIZATION));
        let header = name
            .and_then(|name| named.get(name.len()..))
            .and_then(|rest| rest.trim_start().strip_prefix(':'))
            .unwrap_or(header);
        let bodies = match http.bodies.is_empty() {
            true => vec![(vec![], None)],
            false => http.bodies.clone(),
        };
        return match Authorization::parse(header).map_err(|fault| unreadable(&fault))? {
            Authorization::BodySig(signed) => {
                let warnings = spelling(header, &signed.header());
                let claim = |(body, note)| (Claim::Request { signed: signed.clone(), body }, note);
                input(Scheme::BodySig, bodies.into_iter().map(claim).collect(), warnings)
            }
            Authorization::AccessToken { .. } => Err(Fault::new(
                "nothing is signed here: the request shows an access token, and that is all (令牌认证，无签名)",
            )
            .hint("explain the request for the token instead: POST /v1/token/access")),
        };
    }
    let texts = http.bodies.iter().filter_map(|(body, _)| std::str::from_utf8(body).ok());
    let text = texts.clone().map(str::trim).find(|text| !text.is_empty());
    for form in query.into_iter().chain(text) {
        match FormParam::parse(form) {
            Err(AuthFault::Scheme) | Err(AuthFault::Syntax) => {}
            Err(fault) => return Err(unreadable(&fault)),
            Ok(FormParam { content, signed }) => {
                let claim = Claim::Request { signed, body: content.into_bytes() };
                return input(Scheme::FormParam, vec![(claim, None)], vec![]);
            }
        }
    }
    if let Some(text) = text.filter(|text| text.starts_with('{')) {
        let (scheme, claim, warnings) = object(text)?;
        return input(scheme, vec![(claim, None)], warnings);
    }
    // The address that a notice is posted to may have a query of its own.
    let mut forms = text.into_iter().chain(query).filter(|form| form.contains('='));
    let signed = |form: &&str| form.split('&').any(|pair| pair.starts_with("sign="));
    let Some(form) = forms.clone().find(signed).or_else(|| forms.next()) else {
        return Err(Fault::new(
            "there is no signature in it: no Authorization header, and no form (没有签名)",
        )
        .hint(UNSIGNED));
    };
    let pairs =
        notice::read_form(form).map_err(|fault| Fault::new(format!("{fault} ({})", fault.zh())))?;
    let claim = claim_of(pairs, |pairs, theirs| Claim::Notice { pairs, theirs });
    input(Scheme::Notice, vec![(claim, None)], vec![])
}

fn unreadable(fault: &AuthFault) -> Fault {
    Fault::new(format!("{fault} ({})", fault.zh()))
        .hint(r#"Authorization: OPEN-BODY-SIG AppId="…", Timestamp="yyyyMMddHHmmss", Nonce="…", Signature="…""#)
}

/// A JSON object: a request for a token, a message of the predecessor protocol, or a notice as somebody logged it.
fn object(text: &str) -> Result<(Scheme, Claim, Vec<Note>), Fault> {
    let signed = legacy::Signed::parse(text.as_bytes()).map_err(|fault| {
        Fault::new(format!("the JSON cannot be read: {fault} ({})", fault.zh()))
    })?;
    let object: &Object<'_> = &signed.object;
    if TokenClaim::fits(object) {
        let token = TokenClaim::read(object).map_err(|faults| {
            Fault::new(format!(
                "the request for a token cannot be read: {} ({})",
                list(&faults),
                list_zh(&faults)
            ))
        })?;
        return Ok((Scheme::Token, Claim::Token(token), vec![]));
    }
    let pairs = signed.owned_pairs();
    if signed.msg_type().is_some() {
        let mut warnings = vec![];
        if let Some(name) = signed.ambiguous() {
            warnings.push(Note::new(
                format!("`{name}` reads as if it held other fields: a gateway refuses it"),
                format!("{name} 内含其他字段，网关会拒绝"),
            ));
        }
        let claim = claim_of(pairs, |pairs, theirs| Claim::Legacy { pairs, theirs });
        return Ok((Scheme::Legacy, claim, warnings));
    }
    let note = Note::new(
        "pairs from JSON are as somebody decoded them: when in doubt, take the form as it was received",
        "JSON 中的字段已被解码过：如有疑问，请使用收到的原始表单",
    );
    let claim = claim_of(pairs, |pairs, theirs| Claim::Notice { pairs, theirs });
    Ok((Scheme::Notice, claim, vec![note]))
}

fn claim_of(pairs: Pairs, claim: fn(Pairs, String) -> Claim) -> Claim {
    let sign = pairs.iter().find(|(name, _)| name == notice::SIGN).map(|(_, value)| value.clone());
    claim(pairs, sign.unwrap_or_default())
}

/// Says when a header is spelled otherwise than on the official page.
fn spelling(header: &str, official: &str) -> Vec<Note> {
    let mut notes = vec![];
    if header.trim().replace(", ", ",") != official {
        notes.push(Note::new(
            "the header is spelled otherwise than on the official page (quotes, commas, case of names); it is read here, and may be refused elsewhere",
            "请求头写法与官方文档不同（引号、逗号或大小写）：此处可以识别，其他网关可能拒绝",
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        r#"OPEN-BODY-SIG AppId="app", Timestamp="20170101120000", Nonce="once", Signature="AAAA""#;

    fn check(text: &str, form: Form, scheme: Scheme) -> Input {
        let input =
            read(text.as_bytes(), None, None).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert_eq!((input.form, input.scheme), (form, scheme), "{text}");
        input
    }

    fn bodies(input: &Input) -> Vec<String> {
        let body = |(claim, _): &(Claim, Option<Note>)| match claim {
            Claim::Request { body, .. } => String::from_utf8_lossy(body).into_owned(),
            _ => String::new(),
        };
        input.claims.iter().map(body).collect()
    }

    fn refuses(text: &str, line: Option<usize>, part: &str) {
        let fault = read(text.as_bytes(), None, None).expect_err(text);
        assert_eq!(fault.line, line, "{text}: {fault:?}");
        assert!(fault.text.contains(part), "{text}: {fault:?}");
    }

    #[test]
    fn raw_http_is_read_as_it_is_pasted() {
        let crlf = format!("POST /v1/x HTTP/1.1\r\nHost: h\r\nauthorization: {HEADER}\r\n\r\n{{}}");
        assert_eq!(bodies(&check(&crlf, Form::Http, Scheme::BodySig)), ["{}"]);
        let lf = format!("\nPOST http://h/v1/x\nAuthorization: {HEADER}\n\n{{}}\n");
        assert_eq!(bodies(&check(&lf, Form::Http, Scheme::BodySig)), ["{}", "{}\n"]);
        let http2 = format!(":method: POST\n:path: /v1/x\nauthorization: {HEADER}\n\n{{}}");
        assert_eq!(bodies(&check(&http2, Form::Http, Scheme::BodySig)), ["{}"]);
        let headers = format!(
            "Host: h\nAuthorization: OPEN-BODY-SIG AppId=\"app\",\n {}\n\n{{}}",
            HEADER.split_once(", ").unwrap().1
        );
        assert_eq!(bodies(&check(&headers, Form::Http, Scheme::BodySig)), ["{}"]);
        let empty = format!("POST / HTTP/1.1\nAuthorization: {HEADER}");
        assert_eq!(bodies(&check(&empty, Form::Http, Scheme::BodySig)), [""]);
    }

    #[test]
    fn a_content_length_says_where_the_body_ends() {
        let stream = format!(
            "POST / HTTP/1.1\nAuthorization: {HEADER}\nContent-Length: 3\n\n{{}}\nHTTP/1.1 200 OK\n"
        );
        assert_eq!(bodies(&check(&stream, Form::Http, Scheme::BodySig)), ["{}\n"]);
        let lost = format!("POST / HTTP/1.1\nAuthorization: {HEADER}\nContent-Length: 9\n\n{{\n}}");
        let lost = check(&lost, Form::Http, Scheme::BodySig);
        assert!(lost.claims[0].1.as_ref().unwrap().en.contains("Content-Length says 9"));
        let crlf = format!("POST / HTTP/1.1\nAuthorization: {HEADER}\nContent-Length: 4\n\n{{\n}}");
        assert_eq!(bodies(&check(&crlf, Form::Http, Scheme::BodySig))[0], "{\r\n}");
    }

    #[test]
    fn everything_else_is_recognized_by_itself() {
        let form = "authorization=OPEN-FORM-PARAM&appId=app&timestamp=20170101120000&nonce=once&content=%7B%7D&signature=AAAA";
        let address = check(&format!("https://h/v1/x?{form}"), Form::Address, Scheme::FormParam);
        assert_eq!(bodies(&address), ["{}"]);
        check(&format!("GET /v1/x?{form} HTTP/1.1\nHost: h\n\n"), Form::Http, Scheme::FormParam);
        check(form, Form::Pairs, Scheme::FormParam);
        check("billNo=1&sign=AB\n", Form::Pairs, Scheme::Notice);
        check("https://shop/back?a=b&billNo=1&sign=AB#top", Form::Address, Scheme::Notice);
        check("POST /notices HTTP/1.1\nHost: h\n\nbillNo=1&sign=AB", Form::Http, Scheme::Notice);
        check("curl 'http://h/notices?shop=1' -d 'billNo=1&sign=AB'", Form::Curl, Scheme::Notice);
        check(r#"{"billNo":"1","sign":"AB"}"#, Form::Json, Scheme::Notice);
        check("{\n \"msgType\":\"bills.query\",\"sign\":\"AB\"}\n", Form::Json, Scheme::Legacy);
        let token = r#"{"appId":"app","timestamp":"20170101120000","nonce":"1","signature":"any"}"#;
        check(token, Form::Json, Scheme::Token);
        check(&format!("curl http://h/v1/token/access -d '{token}'"), Form::Curl, Scheme::Token);
        check("\u{feff}billNo=1&sign=AB", Form::Pairs, Scheme::Notice);
        let body = read(b"{}", Some(&format!("Authorization: {HEADER}")), None).unwrap();
        assert_eq!((body.form, body.scheme), (Form::Body, Scheme::BodySig));
        let theirs = read(b"billNo=1", None, Some(" CD ")).unwrap();
        assert_eq!(theirs.claims[0].0.theirs(), "CD");
    }

    #[test]
    fn what_is_not_understood_is_said() {
        refuses("", None, "nothing to explain");
        refuses("hello\nworld", None, "no curl command");
        refuses("HTTP/1.1 200 OK\n\n{}", Some(1), "an answer");
        refuses("POST / HTTP/1.1\nHost: h\nwhat is this\n\n", Some(3), "`what is this`");
        refuses("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\n{}\n0\n", None, "chunked");
        refuses(
            &format!("POST / HTTP/1.1\nAuthorization: {HEADER}\nAuthorization: {HEADER}\n\n"),
            None,
            "two Authorization",
        );
        refuses("POST / HTTP/1.1\nAuthorization: Basic abc\n\n{}", None, "OPEN-BODY-SIG");
        refuses(
            "POST / HTTP/1.1\nAuthorization: OPEN-ACCESS-TOKEN AccessToken=abc\n\n{}",
            None,
            "nothing is signed",
        );
        refuses("POST / HTTP/1.1\n\n{}", None, "no signature");
        refuses("billNo=1", None, "no signature");
        refuses("billNo=%zz&sign=AB", None, "not form-urlencoded");
        refuses(r#"{"a":1,}"#, None, "line 1, column");
        refuses(&format!("{}sign=AB", "a=1&".repeat(FIELDS)), None, "more than 500 fields");
        let long = "a".repeat(INPUT_BYTES + 1);
        assert!(bounded(long.as_bytes(), "stdin").is_err());
        assert!(read(b"\xff\xfea\x00", None, None).unwrap_err().text.contains("UTF-16"));
    }

    #[test]
    fn whatever_is_pasted_is_read_or_refused() {
        let pieces = [
            "curl ",
            "-d ",
            "'",
            "\"",
            "\\",
            "\n",
            "\r\n",
            "$",
            "POST / HTTP/1.1",
            "Authorization: ",
            HEADER,
            ":",
            "=",
            "&",
            "{",
            "}",
            "%",
            "?",
            "sign=",
            "押",
            "Content-Length: 5",
            "\u{0}",
            "http://h",
            "$'\\u",
            "d83d",
            "@x",
        ];
        let dice = holdfast_gateway::clock::Dice::seeded(4);
        for _ in 0..20_000 {
            let count = dice.roll(12);
            let sides = u64::try_from(pieces.len()).unwrap();
            let text: String =
                (0..count).map(|_| pieces[usize::try_from(dice.roll(sides)).unwrap()]).collect();
            let mut bytes = text.into_bytes();
            if dice.roll(8) == 0 {
                bytes.push(0xe6);
            }
            let _ = read(&bytes, None, None);
            let _ = read(&bytes, Some(HEADER), Some("AB"));
        }
    }
}
