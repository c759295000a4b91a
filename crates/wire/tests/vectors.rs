//! The vectors of `conformance/`, which a script that knows nothing of this crate makes: both must agree.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use holdfast_domain::Moment;
use holdfast_wire::{
    auth::{AppId, Authorization, BodySig, FormParam, Nonce, Stamp},
    json::Object,
    legacy::Signed,
    message::Message as _,
    messages::TokenAccess,
    notice::{NoticeFault, Pairs, form, read, read_form, sign, signed_text},
    secret::{AppKey, NoticeKey, WebhookSecret},
    webhook,
};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(file);
    let mut read: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(read["format"], 1);
    let Value::Array(cases) = read["cases"].take() else { panic!("{file} has no cases") };
    cases
}

/// The cases of a scheme, of which there are at least so many.
fn of_scheme(scheme: &str, least: usize) -> Vec<Value> {
    let mut cases = cases("signatures.json");
    cases.retain(|case| case["scheme"] == scheme);
    assert!(cases.len() >= least, "{scheme}: {} cases", cases.len());
    cases
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Whether exactly the variants that are to be accepted are.
fn check_variants(case: &Value, believed: impl Fn(&Value) -> bool) {
    for (list, expected) in [("accept", true), ("refuse", false)] {
        for variant in case[list].as_array().unwrap() {
            let name = format!("{}: {list} {}", text(case, "name"), text(variant, "name"));
            assert_eq!(believed(variant), expected, "{name}");
            assert!(["protocol", "holdfast"].contains(&text(variant, "basis")), "{name}");
            assert!(expected || !text(variant, "en").is_empty() && !text(variant, "zh").is_empty());
        }
    }
}

fn signer(case: &Value) -> (AppKey, AppId, Stamp, Nonce) {
    (
        AppKey::parse(text(case, "appKey")).unwrap(),
        AppId::parse(text(case, "appId")).unwrap(),
        Stamp::parse(text(case, "timestamp")).unwrap(),
        Nonce::parse(text(case, "nonce")).unwrap(),
    )
}

#[test]
fn bodies_are_signed_as_the_vectors_say() {
    for case in of_scheme("OPEN-BODY-SIG", 10) {
        let body = match case.get("bodyBase64") {
            Some(encoded) => BASE64_STANDARD.decode(encoded.as_str().unwrap()).unwrap(),
            None => text(&case, "body").as_bytes().to_vec(),
        };
        let (key, app, stamp, nonce) = signer(&case);
        let signed = BodySig::sign(&key, app, stamp, nonce, &body);
        assert_eq!(signed.signature.as_str(), text(&case, "signature"), "{case}");
        assert_eq!(signed.header(), text(&case, "authorization"), "{case}");
        let believed = |header: &str, body: &[u8]| match Authorization::parse(header) {
            Ok(Authorization::BodySig(signed)) => signed.verify(&key, body),
            _ => false,
        };
        assert!(believed(text(&case, "authorization"), &body), "{case}");
        check_variants(&case, |variant| {
            believed(text(variant, "authorization"), text(variant, "body").as_bytes())
        });
    }
}

#[test]
fn requests_for_tokens_are_signed_as_the_vectors_say() {
    for case in of_scheme("TOKEN", 4) {
        let (key, app, stamp, nonce) = signer(&case);
        let believed = |request: &Value| {
            let bytes = request.to_string();
            let request = TokenAccess::decode(&Object::parse(bytes.as_bytes()).unwrap());
            request.is_ok_and(|request| request.verify(&key))
        };
        assert!(believed(&case["request"]), "{case}");
        if case["signMethod"] == "SHA256" {
            let ours = TokenAccess::sign(&key, app, stamp, nonce);
            assert_eq!(ours.signature.as_str(), text(&case, "signature"), "{case}");
        }
        check_variants(&case, |variant| believed(&variant["request"]));
    }
}

#[test]
fn requests_in_an_address_are_signed_as_the_vectors_say() {
    for case in of_scheme("OPEN-FORM-PARAM", 3) {
        let (key, app, stamp, nonce) = signer(&case);
        let ours = FormParam::sign(&key, app, stamp, nonce, text(&case, "content").to_owned());
        assert_eq!(ours.query(), text(&case, "query"), "{case}");
        let believed = |query: &str| FormParam::parse(query).is_ok_and(|form| form.verify(&key));
        assert!(believed(text(&case, "query")), "{case}");
        check_variants(&case, |variant| believed(text(variant, "query")));
    }
}

#[test]
fn the_predecessor_is_signed_as_the_vectors_say() {
    for case in of_scheme("PREDECESSOR", 5) {
        let key = NoticeKey::parse(text(&case, "key")).unwrap();
        let signed = Signed::parse(text(&case, "body").as_bytes()).unwrap();
        assert_eq!(signed.text_to_sign(), text(&case, "signedText"));
        assert_eq!(signed.sign(&key), text(&case, "signature"), "{case}");
        let believed = |body: &str| {
            Signed::parse(body.as_bytes()).is_ok_and(|signed| signed.is_signed_with(&key))
        };
        assert!(believed(text(&case, "body")), "{case}");
        check_variants(&case, |variant| believed(text(variant, "body")));
    }
}

#[test]
fn webhooks_are_signed_as_the_vectors_say() {
    for case in of_scheme("STANDARD-WEBHOOKS", 1) {
        let secret = WebhookSecret::parse(text(&case, "secret")).unwrap();
        // This crate only signs; whoever verifies compares with what we would have sent.
        let believed = |sent: &Value| {
            let at = Moment(text(sent, "timestamp").parse::<i64>().unwrap() * 1_000);
            let ours = webhook::sign(&secret, text(sent, "id"), at, text(sent, "body")).unwrap();
            text(sent, "signature").split(' ').any(|signature| signature == ours[2].1)
        };
        assert!(believed(&case), "{case}");
        check_variants(&case, believed);
    }
}

/// The word by which the vectors call a fault.
fn kind(fault: &NoticeFault) -> &'static str {
    match fault {
        NoticeFault::NotForm => "not-form",
        NoticeFault::Twice(_) => "twice",
        NoticeFault::Ambiguous(_) => "ambiguous",
        NoticeFault::Unsigned => "unsigned",
        NoticeFault::WrongSignature => "wrong-signature",
        NoticeFault::Incomplete(_) => "incomplete",
    }
}

#[test]
fn notices_are_signed_as_the_vectors_say() {
    let cases = cases("notices.json");
    assert!(cases.len() >= 8, "{} cases", cases.len());
    for case in cases {
        let key = NoticeKey::parse(text(&case, "key")).unwrap();
        let mut pairs: Pairs = serde_json::from_value(case["pairs"].clone()).unwrap();
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(signed_text(borrowed.clone()), text(&case, "signedText"));
        assert_eq!(sign(&key, borrowed), text(&case, "sign"), "{case}");
        pairs.push(("sign".to_owned(), text(&case, "sign").to_owned()));
        assert_eq!(form(&pairs), text(&case, "body"), "{case}");
        let read =
            |body: &str| read_form(body).and_then(|pairs| read(std::slice::from_ref(&key), &pairs));
        assert!(read(text(&case, "body")).is_ok(), "{case}");
        check_variants(&case, |variant| match read(text(variant, "body")) {
            Ok(_) => true,
            Err(fault) => {
                assert_eq!(kind(&fault), text(variant, "kind"), "{variant}");
                false
            }
        });
    }
}

/// Whoever changes a vector by hand is told to change the script instead.
#[test]
fn the_vectors_are_what_the_script_writes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/make.py");
    match std::process::Command::new("python3").arg(script).arg("--check").output() {
        Ok(ran) => assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr)),
        // The vectors are checked by the other tests; only this one needs an interpreter.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => panic!("{error}"),
    }
}
