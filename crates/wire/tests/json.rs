//! What is refused before any field is looked at.

use holdfast_wire::json::{Json, LEVELS_MAX, NotJson, Object};

fn check(cases: &[(&[u8], NotJson)]) {
    for (bytes, fault) in cases {
        let read = Object::parse(bytes);
        assert_eq!(read.as_ref(), Err(fault), "{}", String::from_utf8_lossy(bytes));
        assert!(!fault.to_string().is_empty() && !fault.zh().is_empty());
    }
}

fn syntax(line: usize, column: usize) -> NotJson {
    NotJson::Syntax { line, column }
}

#[test]
fn a_body_is_one_json_object_or_says_where_it_is_not() {
    check(&[
        (b"", NotJson::CutShort),
        (b"  ", NotJson::CutShort),
        (b"{\"mid\":\"8982", NotJson::CutShort),
        (b"{\"mid\":", NotJson::CutShort),
        (b"{\"mid\":\"\\ud83d\"}", syntax(1, 15)),
        (b"{\"mid\":\"a\nb\"}", syntax(2, 0)),
        (b"{'mid':1}", syntax(1, 2)),
        (b"{\"mid\":1,}", syntax(1, 10)),
        (b"{\n\"mid\": 01}", syntax(2, 9)),
        (b"mid=898&tid=1", syntax(1, 1)),
        (b"\xEF\xBB\xBF{}", syntax(1, 1)),
        (b"{}{}", NotJson::Trailing { line: 1, column: 3 }),
        (b"{} x", NotJson::Trailing { line: 1, column: 4 }),
        (b"{\"mid\":\"\xFF\"}", NotJson::Encoding { byte: 8 }),
        (b"[]", NotJson::NotAnObject),
        (b"null", NotJson::NotAnObject),
        (b"\"{}\"", NotJson::NotAnObject),
    ]);
}

#[test]
fn a_field_twice_is_refused_on_every_level() {
    let twice = |name: &str| NotJson::Duplicate { name: name.to_owned() };
    check(&[
        (br#"{"totalAmount":1,"totalAmount":100}"#, twice("totalAmount")),
        (br#"{"totalAmount":1,"total\u0041mount":100}"#, twice("totalAmount")),
        (br#"{"goods":[{"price":"1","price":"2"}]}"#, twice("price")),
        (br#"{"data":{"mid":"1","tid":"2","mid":"1"}}"#, twice("mid")),
    ]);
    assert_eq!(Object::of_texts([("mid", "1"), ("mid", "2")]), Err(twice("mid")));
}

#[test]
fn nesting_ends_at_its_bound_however_deep_it_is_meant() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!("{{\"a\":{open}{close}}}").into_bytes()
    };
    assert!(Object::parse(&nested(LEVELS_MAX)).is_ok());
    check(&[
        (&nested(LEVELS_MAX + 1), NotJson::TooDeep),
        (&"[".repeat(1_000_000).into_bytes(), NotJson::TooDeep),
        (&"{\"a\":".repeat(1_000_000).into_bytes(), NotJson::TooDeep),
    ]);
}

#[test]
fn only_plain_whole_numbers_keep_their_value() {
    let cases = [
        ("0", Json::Integer(0)),
        ("1908", Json::Integer(1908)),
        ("18446744073709551615", Json::Integer(u64::MAX)),
        ("18446744073709551616", Json::OtherNumber),
        ("99999999999999999999999999999999999999999999", Json::OtherNumber),
        ("-1", Json::OtherNumber),
        ("-0", Json::OtherNumber),
        ("1.0", Json::OtherNumber),
        ("1e3", Json::OtherNumber),
        ("1e-400", Json::OtherNumber),
    ];
    for (number, json) in cases {
        let body = format!("{{\"a\":{number}}}");
        assert_eq!(Object::parse(body.as_bytes()).unwrap().get("a"), Some(&json), "{number}");
    }
    check(&[(b"{\"a\":1e400}", syntax(1, 10))]);
}

#[test]
fn escapes_are_resolved_and_the_order_of_fields_is_kept() {
    let object = Object::parse(br#"{"b":"\u62bc\u91d1\/\ud83d\ude00","a":null}"#).unwrap();
    let fields: Vec<_> = object.fields().collect();
    assert_eq!(fields, [("b", &Json::Text("押金/😀".into())), ("a", &Json::Null)]);
}
