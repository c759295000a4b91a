//! The committed reference is the one that the declarations give.

use holdfast_wire::{
    message::{Bilingual, FieldSpec, Message as _},
    messages::{AmountTold, AskAmount, ENDPOINTS, Notice},
};

#[test]
fn everything_is_told_in_english_first_and_then_in_chinese() {
    fn check(name: &str, text: Bilingual) {
        assert!(text.en.is_ascii() && text.en.len() > 4, "{name}: {}", text.en);
        assert!(!text.zh.is_ascii(), "{name}: {}", text.zh);
    }
    fn check_fields(name: &str, fields: &[FieldSpec]) {
        for field in fields {
            let name = format!("{name} {}", field.name);
            check(&name, field.doc);
            assert!(!field.rule.to_string().is_empty() && !field.rule.zh().is_empty(), "{name}");
            check_fields(&name, field.fields);
        }
    }
    for endpoint in ENDPOINTS {
        for text in [endpoint.title, endpoint.doc, endpoint.response_doc] {
            check(endpoint.name, text);
        }
        check_fields(endpoint.name, endpoint.request);
        check_fields(endpoint.name, endpoint.response);
    }
    check("notice", Notice::DOC);
    check_fields("notice", Notice::FIELDS);
    check("question", AskAmount::DOC);
    check_fields("question", AskAmount::FIELDS);
    check("answer", AmountTold::DOC);
    check_fields("answer", AmountTold::FIELDS);
}

#[test]
fn no_message_has_a_name_twice() {
    for endpoint in ENDPOINTS {
        for fields in [endpoint.request, endpoint.response, Notice::FIELDS] {
            let names = fields.iter().flat_map(|field| [Some(field.name), field.alias]).flatten();
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            // Except for the payment of a released hold, which is written under both of its names.
            let twice = usize::from(names.contains(&"cancelBillPayment"));
            assert_eq!(names.len() + twice, all, "{}", endpoint.name);
        }
    }
}

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference.md");
    let made = holdfast_wire::reference();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/reference.md is old; renew it with: UPDATE=1 cargo nextest run -p holdfast-wire reference"
    );
}
