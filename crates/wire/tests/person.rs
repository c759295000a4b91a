//! The person who is expected to pay: what is believed of one, and what is shown.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use holdfast_wire::{
    json::Object,
    message::{Message as _, list},
    messages::CodeTerms,
    person::Person,
};

/// The person of terms that have these fields; those that travel in Base64 are given as they read.
fn read(fields: &[(&str, &str)]) -> Result<Option<Person>, String> {
    let coded = |name: &str, text: &str| match name {
        "name" | "mobile" | "certNo" => BASE64_STANDARD.encode(text),
        _ => text.to_owned(),
    };
    let pairs: Vec<(&str, String)> =
        fields.iter().map(|(name, text)| (*name, coded(name, text))).collect();
    let pairs = pairs.iter().map(|(name, text)| (*name, text.as_str()));
    let terms = CodeTerms::decode(&Object::of_texts(pairs).unwrap()).map_err(|f| list(&f))?;
    Person::of(&terms).map_err(|faults| list(&faults))
}

const CARD: (&str, &str) = ("certType", "IDENTITY_CARD");

#[test]
fn what_breaks_a_rule_is_named_with_it() {
    for (fields, said) in [
        (vec![("name", "张")], "name must be Base64 of a name"),
        (vec![("name", "张三7")], "name"),
        (vec![("name", " 张三")], "name"),
        (vec![("name", "张\u{7}三")], "name"),
        (vec![("mobile", "1380000000")], "mobile"),
        (vec![("mobile", "23800000000")], "mobile"),
        (vec![("mobile", "1380000000x")], "mobile"),
        (vec![CARD, ("certNo", "11010519491231002x9")], "certNo"),
        (vec![CARD, ("certNo", "110105194912310021")], "certNo"),
        (vec![CARD, ("certNo", "11010519491331002X")], "certNo"),
        (vec![CARD, ("certNo", "1101051949123100二")], "certNo"),
        (vec![("certNo", "G12345678")], "certType is missing"),
        (vec![("fixBuyer", "T")], "name is missing"),
        (vec![("fixBuyer", "yes"), ("name", "张三")], "fixBuyer"),
    ] {
        let faults = read(&fields).unwrap_err();
        assert!(faults.starts_with(said), "{fields:?}: {faults}");
        assert!(!faults.contains("; "), "one fault only: {faults}");
    }
}

#[test]
fn a_person_is_shown_with_most_of_it_hidden_and_prints_nothing() {
    let number = "11010519491231002X";
    let fields = [("name", "张三丰"), ("mobile", "13800000000"), CARD, ("certNo", number)];
    let person = read(&fields).unwrap().unwrap();
    let shown = [person.masked_name(), person.masked_mobile(), person.masked_cert_no()];
    let shown = shown.map(|text| text.unwrap().to_string());
    assert_eq!(shown, ["张**", "138****0000", "1****************X"]);
    let printed = format!("{person:?}");
    for (name, text) in fields.iter().filter(|(name, _)| *name != "certType") {
        assert!(!printed.contains(text), "{name} in {printed}");
    }
}

#[test]
fn short_numbers_are_hidden_whole() {
    let person = read(&[("certType", "OTHER"), ("certNo", "A7")]).unwrap().unwrap();
    assert_eq!(person.masked_cert_no().unwrap().as_str(), "**");
}

#[test]
fn an_identity_card_may_end_in_a_small_letter_and_nobody_named_is_nobody() {
    assert!(read(&[CARD, ("certNo", "11010519491231002x")]).is_ok());
    for nobody in [("fixBuyer", "F"), CARD] {
        assert_eq!(read(&[nobody]).unwrap(), None);
    }
}
