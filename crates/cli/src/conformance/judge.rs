//! Whether an answer is what it has to be: judged by its JSON as it came, and not by our own reader of messages,
//! which is generous.

use holdfast_client::Exchange;
use holdfast_wire::{
    field::Rule,
    json::Object,
    message::{EndpointSpec, FieldSpec, says_done},
    notice::{self, NoticeFault},
    secret::NoticeKey,
};
use serde_json::{Map, Value};

use super::walk::{Basis, SAME_AS, STATUS};

/// The longest piece of an answer that is shown for what came, in characters.
const SHOWN_MAX: usize = 120;

/// Something that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Who says how it has to be.
    pub(super) basis: Basis,
    /// Where: a path into the answer, or a word for the whole.
    pub(super) at: String,
    /// What was expected.
    pub(super) expected: String,
    /// What came.
    pub(super) came: String,
}

impl Difference {
    pub(super) fn new(
        basis: Basis,
        at: impl Into<String>,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        Self { basis, at: at.into(), expected: expected.into(), came: came.into() }
    }
}

/// What was asked, as far as the answer has to fit it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The endpoint.
    pub(super) endpoint: Option<&'static EndpointSpec>,
    /// The fields, if it was sent as fields.
    pub(super) fields: Option<&'a Map<String, Value>>,
    /// Whether it was wrapped in a `data` envelope.
    pub(super) wrapped: bool,
}

const NOTHING: &str = "nothing 无";

/// The answer as JSON.
///
/// # Errors
/// Says what keeps it from being one JSON object that everybody reads alike.
pub(super) fn read(body: &[u8]) -> Result<Value, Difference> {
    let not = |came: String| {
        let expected =
            "one JSON object in UTF-8, no field twice 一个 UTF-8 的 JSON 对象，字段不重复";
        Difference::new(Basis::Protocol, "the answer 应答", expected, came)
    };
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(not("a byte order mark before the JSON 报文以 BOM 开头".to_owned()));
    }
    if let Err(fault) = Object::parse(body) {
        return Err(not(format!(
            "{fault} {}: {}",
            fault.zh(),
            cut(&String::from_utf8_lossy(body))
        )));
    }
    serde_json::from_slice(body).map_err(|error| not(error.to_string()))
}

/// What every answer owes, whatever was asked: its form, the echo, and on success the fields of its declaration.
pub(super) fn general(exchange: &Exchange, answer: &Value, asked: Asked<'_>) -> Vec<Difference> {
    let mut found = vec![];
    let inner = match answer.get("data") {
        Some(data) if asked.wrapped => data,
        None if asked.wrapped => {
            found.push(Difference::new(
                Basis::Holdfast,
                "data",
                "the answer in its envelope 应答信封",
                NOTHING,
            ));
            answer
        }
        _ => answer,
    };
    let code = inner.get("errCode").and_then(Value::as_str).unwrap_or_default();
    if code.is_empty() {
        let came = shown(inner.get("errCode"));
        found.push(Difference::new(Basis::Protocol, "errCode", "a code 错误代码", came));
        return found;
    }
    if says_done(code) {
        if let Some(endpoint) = asked.endpoint {
            shape(endpoint.response, inner, "", &mut found);
        }
    } else {
        let texts = ["errMsg", "errInfo"].map(|name| inner.get(name).and_then(Value::as_str));
        if texts.iter().flatten().all(|text| text.trim().is_empty()) {
            let expected = "a text that says why 错误说明";
            found.push(Difference::new(Basis::Holdfast, "errMsg", expected, NOTHING));
        }
        let at = "responseTimestamp";
        if !asked.endpoint.is_some_and(|endpoint| endpoint.response.iter().all(|f| f.name != at)) {
            let time = inner.get(at);
            if !time.and_then(Value::as_str).is_some_and(|text| is_like(text, TIME)) {
                // Who was not let in is answered by another layer, of which the documents tell little.
                let basis = if exchange.status == 200 { Basis::Protocol } else { Basis::Holdfast };
                found.push(Difference::new(basis, at, describe(&Rule::Time), shown(time)));
            }
        }
    }
    if exchange.status == 200
        && let Some(fields) = asked.fields
    {
        for name in ["msgId", "srcReserve"] {
            if let Some(sent) = fields.get(name)
                && sent.as_str().is_some_and(|sent| !sent.trim().is_empty())
                && inner.get(name) != Some(sent)
            {
                let expected = format!("{} (echo 原样返回)", shown(Some(sent)));
                found.push(Difference::new(
                    Basis::Protocol,
                    name,
                    expected,
                    shown(inner.get(name)),
                ));
            }
        }
        if let (Some(sent), Some(came)) = (fields.get("mid"), inner.get("mid"))
            && sent != came
        {
            found.push(Difference::new(
                Basis::Protocol,
                "mid",
                shown(Some(sent)),
                shown(Some(came)),
            ));
        }
    }
    found
}

/// What the declarations say of the fields of an answer: which must be there, and what each holds.
fn shape(fields: &[FieldSpec], object: &Value, prefix: &str, found: &mut Vec<Difference>) {
    for field in fields {
        let at = format!("{prefix}{}", field.name);
        let value = object.get(field.name).filter(|value| !value.is_null());
        let Some(value) = value else {
            if field.required {
                found.push(Difference::new(Basis::Protocol, at, describe(&field.rule), NOTHING));
            }
            continue;
        };
        // Which words there are differs between the years of the documents; that it is a word does not.
        let (fits, basis) = match (field.rule, value) {
            (Rule::OneOf(words), Value::String(text)) => {
                (words.contains(&text.as_str()), Basis::Holdfast)
            }
            (Rule::OneOf(words), Value::Number(number)) => {
                (words.contains(&number.to_string().as_str()), Basis::Protocol)
            }
            (rule, value) => (is_of(&rule, value), Basis::Protocol),
        };
        if !fits {
            found.push(Difference::new(basis, &at, describe(&field.rule), shown(Some(value))));
            continue;
        }
        match (field.rule, value) {
            (Rule::Object, value) => shape(field.fields, value, &format!("{at}."), found),
            (Rule::List { .. }, Value::Array(items)) => {
                for (place, item) in items.iter().enumerate() {
                    shape(field.fields, item, &format!("{at}.{place}."), found);
                }
            }
            _ => {}
        }
    }
}

const TIME: &str = "0000-00-00 00:00:00";
const DAY: &str = "0000-00-00";

fn is_of(rule: &Rule, value: &Value) -> bool {
    match rule {
        Rule::Fen { .. } | Rule::Number { .. } => value.is_u64(),
        Rule::Flag => value.is_boolean() || matches!(value.as_str(), Some("true" | "false")),
        Rule::Object => value.is_object(),
        Rule::List { .. } => value.is_array(),
        Rule::Time => value.as_str().is_some_and(|text| is_like(text, TIME)),
        Rule::Day => value.as_str().is_some_and(|text| is_like(text, DAY)),
        _ => value.is_string(),
    }
}

/// Whether a text has a digit wherever the pattern has one, and is like it elsewhere.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, like)| match like {
            '0' => c.is_ascii_digit(),
            like => c == like,
        })
}

/// What a field of an answer holds, in both languages.
fn describe(rule: &Rule) -> String {
    match rule {
        Rule::Fen { .. } | Rule::Number { .. } => {
            "a JSON number, whole 整数（JSON 数字）".to_owned()
        }
        Rule::Object => "a JSON object JSON 对象".to_owned(),
        Rule::List { .. } => "a JSON list JSON 列表".to_owned(),
        rule => format!("{rule} {}", rule.zh()),
    }
}

/// What is not as these expectations say. Their placeholders are filled in.
pub(super) fn expected(
    expectations: &Map<String, Value>,
    basis: Basis,
    exchange: &Exchange,
    answer: &Value,
) -> Vec<Difference> {
    let mut found = vec![];
    for (at, wanted) in expectations {
        match at.as_str() {
            SAME_AS => {}
            STATUS => {
                let status = Value::from(exchange.status);
                if !fits(wanted, Some(&status)) {
                    let (expected, came) = (wish(wanted), exchange.status.to_string());
                    found.push(Difference::new(basis, "HTTP status 状态码", expected, came));
                }
            }
            path => {
                let value = at_path(answer, path);
                if !fits(wanted, value) {
                    found.push(Difference::new(basis, path, wish(wanted), shown(value)));
                }
            }
        }
    }
    found
}

/// Whether a step says that this HTTP status is as good as what it expects.
pub(super) fn allows(expectations: &Map<String, Value>, status: u16) -> bool {
    expectations.get(STATUS).is_some_and(|wanted| fits(wanted, Some(&Value::from(status))))
}

/// What differs between an answer and the one to which it must be equal, but for the time and the echo.
pub(super) fn same(basis: Basis, first: &Value, again: &Value) -> Vec<Difference> {
    let mut found = vec![];
    let (Value::Object(first), Value::Object(again)) = (first, again) else { return found };
    let mut names: Vec<&String> = first.keys().chain(again.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        if ["responseTimestamp", "msgId", "srcReserve"].contains(&name.as_str()) {
            continue;
        }
        let (one, other) = (first.get(name), again.get(name));
        if one != other {
            let expected = format!("{} (as at first 与首次相同)", shown(one));
            found.push(Difference::new(basis, name, expected, shown(other)));
        }
    }
    found
}

/// Puts a wrong code first. What is missing beside it goes without saying: another answer has other fields.
pub(super) fn lead_with_the_code(found: &mut Vec<Difference>) {
    if found.iter().any(|difference| difference.at == "errCode") {
        found.retain(|difference| difference.came != NOTHING || difference.at == "errCode");
        found.sort_by_key(|difference| difference.at != "errCode");
    }
}

/// What stands at a path such as `billPayment.totalAmount`.
pub(super) fn at_path<'v>(answer: &'v Value, path: &str) -> Option<&'v Value> {
    let mut value = answer;
    for name in path.split('.') {
        value = match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            value => value.get(name)?,
        };
    }
    Some(value).filter(|value| !value.is_null())
}

/// What an answer tells at a path, or by the address in its code: `?id=` is followed by the code's id.
pub(super) fn told(answer: &Value, path: &str) -> Option<Value> {
    let by_address = || {
        let address = answer.get("billQRCode").filter(|_| path == "qrCodeId")?.as_str()?;
        let (_, id) = address.rsplit_once("id=")?;
        Some(Value::from(id.split('&').next()?))
    };
    at_path(answer, path).cloned().or_else(by_address)
}

/// The words that an expectation may begin with.
const WISHES: [&str; 7] =
    ["$oneOf", "$not", "$absent", "$present", "$contains", "$atLeast", "$atMost"];

/// The wish that an expectation is, if it is not simply a value.
fn as_wish(wanted: &Value) -> Option<(&str, &Value)> {
    let Value::Object(wish) = wanted else { return None };
    let mut wishes = wish.iter();
    match (wishes.next(), wishes.next()) {
        (Some((name, of)), None) if name.starts_with('$') => Some((name, of)),
        _ => None,
    }
}

/// Whether an expectation can be understood.
pub(super) fn is_understood(wanted: &Value) -> bool {
    as_wish(wanted).is_none_or(|(name, of)| match name {
        "$oneOf" => of.as_array().is_some_and(|all| !all.is_empty()),
        "$contains" => of.is_string(),
        "$atLeast" | "$atMost" => of.is_u64(),
        name => WISHES.contains(&name),
    })
}

fn fits(wanted: &Value, value: Option<&Value>) -> bool {
    let Some((name, of)) = as_wish(wanted) else { return value == Some(wanted) };
    match name {
        "$oneOf" => {
            of.as_array().is_some_and(|all| all.iter().any(|one| fits_or_nothing(one, value)))
        }
        "$not" => !fits_or_nothing(of, value),
        "$absent" => value.is_none(),
        "$present" => value.is_some_and(|value| value.as_str() != Some("")),
        "$contains" => value
            .and_then(Value::as_str)
            .zip(of.as_str())
            .is_some_and(|(text, part)| text.contains(part)),
        "$atLeast" => value.and_then(Value::as_u64).zip(of.as_u64()).is_some_and(|(v, of)| v >= of),
        "$atMost" => value.and_then(Value::as_u64).zip(of.as_u64()).is_some_and(|(v, of)| v <= of),
        _ => false,
    }
}

/// Among alternatives, `null` stands for a field that is not there.
fn fits_or_nothing(wanted: &Value, value: Option<&Value>) -> bool {
    if wanted.is_null() { value.is_none() } else { fits(wanted, value) }
}

/// An expectation in words.
fn wish(wanted: &Value) -> String {
    let Some((name, of)) = as_wish(wanted) else { return shown(Some(wanted)) };
    match (name, of) {
        ("$oneOf", Value::Array(all)) => {
            let all: Vec<String> = all.iter().map(wish).collect();
            format!("one of 之一 {}", all.join(", "))
        }
        ("$not", of) => format!("anything but 不得为 {}", shown(Some(of))),
        ("$present", _) => "something 应有值".to_owned(),
        ("$contains", of) => format!("a text with 应包含 {}", shown(Some(of))),
        ("$atLeast", of) => format!("at least 不小于 {of}"),
        ("$atMost", of) => format!("at most 不大于 {of}"),
        _ => NOTHING.to_owned(),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => NOTHING.to_owned(),
        Some(value) => cut(&value.to_string()),
    }
}

fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(SHOWN_MAX).map(plain).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

/// The notice that a body is, as JSON of its pairs, and what is wrong with it.
pub(super) fn notice(key: &NoticeKey, body: &str) -> (Map<String, Value>, Vec<Difference>) {
    let at = "the notice 通知";
    let pairs = match notice::read_form(body) {
        Ok(pairs) => pairs,
        Err(fault) => {
            let came = format!("{fault} {}", fault.zh());
            let expected = "a form in UTF-8 UTF-8 表单";
            return (Map::new(), vec![Difference::new(Basis::Protocol, at, expected, came)]);
        }
    };
    let mut found = vec![];
    if let Err(fault) = notice::read(std::slice::from_ref(key), &pairs) {
        // A name that is there twice, or a value that may hide another: the documents say nothing of either.
        let basis = match fault {
            NoticeFault::Ambiguous(_) => Basis::Holdfast,
            _ => Basis::Protocol,
        };
        let expected = "signed with the communication key, and complete 以通讯密钥签名且完整";
        found.push(Difference::new(basis, at, expected, format!("{fault} {}", fault.zh())));
    }
    let known = |name: &str| {
        let fields = <holdfast_wire::messages::Notice as holdfast_wire::message::Message>::FIELDS;
        let signature = [notice::SIGN, notice::SIGN_TYPE].contains(&name);
        signature || fields.iter().any(|field| field.name == name)
    };
    if pairs.iter().all(|(name, _)| known(name)) {
        let expected = "a pair whose name is random, such as gY=Snwz 一对随机参数，如 gY=Snwz";
        found.push(Difference::new(Basis::Protocol, at, expected, NOTHING));
    }
    if let Some((name, _)) = pairs.iter().find(|(_, value)| value.is_empty()) {
        let expected = "left out when it has no value 无值则不发送";
        found.push(Difference::new(Basis::Holdfast, name, expected, "an empty value 空值"));
    }
    let mut read = Map::new();
    for (name, value) in pairs {
        // Objects travel as text.
        let json = value.starts_with('{').then(|| serde_json::from_str(&value).ok()).flatten();
        read.insert(name, json.unwrap_or(Value::String(value)));
    }
    (read, found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expectation_is_a_value_or_a_wish() {
        for (wanted, value, expected) in [
            (json!(1), json!(1), true),
            (json!(1), json!("1"), false),
            (json!({"$oneOf": ["A", "B"]}), json!("B"), true),
            (json!({"$oneOf": ["A", null]}), Value::Null, true),
            (json!({"$oneOf": ["A", "B"]}), Value::Null, false),
            (json!({"$not": "A"}), json!("B"), true),
            (json!({"$not": "A"}), json!("A"), false),
            (json!({"$absent": true}), Value::Null, true),
            (json!({"$absent": true}), json!(0), false),
            (json!({"$present": true}), json!(0), true),
            (json!({"$present": true}), json!(""), false),
            (json!({"$contains": "b"}), json!("abc"), true),
            (json!({"$contains": "d"}), json!("abc"), false),
            (json!({"$atLeast": 5}), json!(5), true),
            (json!({"$atLeast": 5}), json!(4), false),
            (json!({"$atMost": 5}), json!(6), false),
        ] {
            assert!(is_understood(&wanted), "{wanted}");
            let value = Some(value).filter(|value| !value.is_null());
            assert_eq!(fits(&wanted, value.as_ref()), expected, "{wanted} {value:?}");
        }
        assert!(!is_understood(&json!({"$onof": []})) && !is_understood(&json!({"$oneOf": []})));
    }

    #[test]
    fn an_answer_is_one_json_object_that_everybody_reads_alike() {
        assert!(read(b"{\"errCode\":\"1\"}").is_ok());
        for (body, told) in [
            (&b"\xef\xbb\xbf{}"[..], "byte order mark"),
            (b"<html>busy</html>", "<html>busy"),
            (b"{\"a\":1,\"a\":2}", "`a` is there twice"),
            (b"{\"a\":\"\xbd\xf0\"}", "not UTF-8"),
            (b"[]", "not a JSON object"),
            (b"", "too early"),
        ] {
            let difference = read(body).unwrap_err();
            assert!(difference.came.contains(told), "{difference:?}");
        }
    }
}
