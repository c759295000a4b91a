//! The three authentication schemes against the vectors of `protocol.md` section 8 and the headers that
//! real callers send (sections 2.1 and 2.2).

use holdfast_domain::{Day, Moment};
use holdfast_wire::{
    auth::{AppId, AuthFault, Authorization, BodySig, FormParam, HEADER_MAX, Nonce, Stamp},
    code::Code,
    json::Object,
    message::Message as _,
    messages::TokenAccess,
    secret::{AppKey, Token},
};

// The example credentials that the vendor itself published.
const APP_ID: &str = "12345678901234567890123456789012";
const KEY: &str = "67890123456789012345678901234567";
const TIMESTAMP: &str = "20170101120000";
const NONCE: &str = "09876543210987654321098765432109";

const SEED: &str = r#"{"requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"","billDate":"","merOrderId":"327M22061819820261705544110","authIdRespCd":"","msgId":"","srcReserve":""}"#;

fn key(text: &str) -> AppKey {
    AppKey::parse(text).unwrap()
}

fn sign(key_text: &str, timestamp: &str, nonce: &str, body: &str) -> BodySig {
    BodySig::sign(
        &key(key_text),
        AppId::parse(APP_ID).unwrap(),
        Stamp::parse(timestamp).unwrap(),
        Nonce::parse(nonce).unwrap(),
        body.as_bytes(),
    )
}

#[test]
fn bodies_are_signed_as_published() {
    for (name, body, signature) in [
        ("V2", "A", "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08="),
        ("V3", SEED, "IiecsjfAYGgDvO65+umlpCZrzm3PN0+9a9nVOkCH8xA="),
        ("V3e", "", "09jVthXayHXZd/9dUXA4ssmLDPM3AAv+G51W1tn2UhE="),
        (
            "V3u",
            r#"{"authedDesc":"预授权完成撤销"}"#,
            "bIghE48ykqsQ9NgjhSzRch6p7HU+KiLe/QcuKJzyHE4=",
        ),
        (
            "V11",
            r#"{"requestTimestamp":"2022-04-21 15:00:52","billDesc":"押金 1号房","totalAmount":1}"#,
            "HbJs5BW/JUBCU40X7OTfX+Kw2ZX9EopPCWE49Zj0uVM=",
        ),
    ] {
        let signed = sign(KEY, TIMESTAMP, NONCE, body);
        assert_eq!(signed.signature.as_str(), signature, "{name}");
        assert!(signed.verify(&key(KEY), body.as_bytes()), "{name}");
    }
}

#[test]
fn whatever_is_changed_changes_the_signature() {
    let signed = sign(KEY, TIMESTAMP, NONCE, "A");
    let other_key = "67890123456789012345678901234568";
    let other_nonce = "09876543210987654321098765432108";
    for (name, changed, key_text, body, signature) in [
        (
            "other case",
            sign(KEY, TIMESTAMP, NONCE, "a"),
            KEY,
            "a",
            "eccSjcyij/SHP0GUpzhTAoyG+gL7MQNHugq+/nQGThU=",
        ),
        (
            "line break",
            sign(KEY, TIMESTAMP, NONCE, "A\n"),
            KEY,
            "A\n",
            "MJGMjchcM/Hm+gWJVxNWGXEtY4bySc2lgzt6cxb/Ef8=",
        ),
        (
            "a second later",
            sign(KEY, "20170101120001", NONCE, "A"),
            KEY,
            "A",
            "2NxdKGJ0nEk4KTX7/lseCb8k0lyAHV0qizt8XNi6zF0=",
        ),
        (
            "other nonce",
            sign(KEY, TIMESTAMP, other_nonce, "A"),
            KEY,
            "A",
            "DSWsCbm6VAI2VPSwVdjgGUSrshctI2SDXrVqrS9CFaE=",
        ),
        (
            "other key",
            sign(other_key, TIMESTAMP, NONCE, "A"),
            other_key,
            "A",
            "GOyQLOBie7qye32YYvR95V5n5yKrbdFqUK7exW3K+so=",
        ),
    ] {
        assert_eq!(changed.signature.as_str(), signature, "{name}");
        let forged = BodySig { signature: signed.signature.clone(), ..changed };
        assert!(!forged.verify(&key(key_text), body.as_bytes()), "{name}");
    }
}

/// The published signature under `A` in a header of any spelling.
fn accepted(header: &str) -> bool {
    match Authorization::parse(header) {
        Ok(Authorization::BodySig(signed)) => signed.verify(&key(KEY), b"A"),
        _ => false,
    }
}

#[test]
fn a_signed_header_is_read_in_every_spelling_that_is_sent() {
    let signed = sign(KEY, TIMESTAMP, NONCE, "A");
    assert_eq!(
        signed.header(),
        concat!(
            r#"OPEN-BODY-SIG AppId="12345678901234567890123456789012",Timestamp="20170101120000","#,
            r#"Nonce="09876543210987654321098765432109","#,
            r#"Signature="GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08=""#,
        )
    );
    let official = signed.header();
    for header in [
        official.clone(),
        official.replace(',', ", "),
        official.replace(',', " ,\t"),
        official
            .replace("AppId", "appId")
            .replace("Nonce", "nonce")
            .replace("Signature", "SIGNATURE"),
        official.replace("OPEN-BODY-SIG", "Open-Body-Sig"),
        official.replace("Id=", "Id =").replace("Nonce=", "Nonce= ").replace("ture=", "ture = "),
        official.replace('"', ""),
        official.replace("08=", "08"),
        format!("  {official} "),
        official.replace("SIG AppId", "SIG   AppId"),
        format!(
            "OPEN-BODY-SIG {},Nonce={NONCE},Timestamp={TIMESTAMP},AppId={APP_ID}",
            official.split(',').next_back().unwrap(),
        ),
    ] {
        assert!(accepted(&header), "{header}");
    }
}

#[test]
fn a_signature_that_is_not_the_one_is_refused() {
    let official = sign(KEY, TIMESTAMP, NONCE, "A").header();
    for header in [
        // Spare bits that no encoder sets, as in the sample of the official page.
        official.replace("Dy08=", "Dy09="),
        official.replace("Dy08=", "Dy08=="),
        official.replace("GINs", "gins"),
        official.replace("GINs", "GIN"),
        official.replace("/Dy08", "_Dy08"),
        // As hexadecimal digits.
        official.replace(
            "GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR/Dy08=",
            "18836c093c8d293a4423d2973b5e8aa9927ae1f3b2032b442a5f1a691fc3cb4f",
        ),
    ] {
        assert!(Authorization::parse(&header).is_ok() && !accepted(&header), "{header}");
    }
}

#[test]
fn a_header_that_cannot_be_read_says_why() {
    let official = sign(KEY, TIMESTAMP, NONCE, "A").header();
    let cases = [
        (String::new(), AuthFault::Scheme),
        ("Bearer abc".to_owned(), AuthFault::Scheme),
        ("OPEN-FORM-PARAM".to_owned(), AuthFault::Scheme),
        ("OPEN-BODY-SIG".to_owned(), AuthFault::Syntax),
        ("OPEN-ACCESS-TOKEN ".to_owned(), AuthFault::Syntax),
        (official.replace("Nonce=", "Once="), AuthFault::Unknown("Once".to_owned())),
        (official.replace("Nonce=", "appid="), AuthFault::Repeated("AppId")),
        (
            official.replace(",Nonce=\"09876543210987654321098765432109\"", ""),
            AuthFault::Missing("Nonce"),
        ),
        (official.replace(NONCE, ""), AuthFault::Invalid("Nonce")),
        (official.replace(NONCE, &"9".repeat(129)), AuthFault::Invalid("Nonce")),
        (official.replace(APP_ID, &"9".repeat(65)), AuthFault::Invalid("AppId")),
        (official.replace(APP_ID, "a b"), AuthFault::Invalid("AppId")),
        (official.replace(TIMESTAMP, "2017-01-01 12:00:00"), AuthFault::Timestamp),
        (official.replace(TIMESTAMP, "20170230120000"), AuthFault::Timestamp),
        (official.replace(TIMESTAMP, "2017010112000"), AuthFault::Timestamp),
        (official.replace(TIMESTAMP, "+2017010112000"), AuthFault::Timestamp),
        (official.replace(TIMESTAMP, ""), AuthFault::Timestamp),
        (official.replace(",Nonce", ";Nonce"), AuthFault::Syntax),
        (format!("{official},"), AuthFault::Syntax),
        (official.trim_end_matches('"').to_owned(), AuthFault::Syntax),
        (format!("{official} x"), AuthFault::Syntax),
        ("OPEN-ACCESS-TOKEN AccessToken=a b".to_owned(), AuthFault::Syntax),
        ("OPEN-ACCESS-TOKEN AppId=a".to_owned(), AuthFault::Missing("AccessToken")),
        ("OPEN-ACCESS-TOKEN AccessToken=".to_owned(), AuthFault::Invalid("AccessToken")),
        (format!("{official}{}", " ".repeat(HEADER_MAX)), AuthFault::TooLong),
    ];
    for (header, fault) in cases {
        assert_eq!(Authorization::parse(&header).as_ref(), Err(&fault), "{header}");
        assert!(!fault.to_string().is_empty() && !fault.zh().is_empty());
        let unreadable = fault == AuthFault::Timestamp;
        assert_eq!(
            fault.code(),
            if unreadable { Code::UnreadableTimestamp } else { Code::BadSign }
        );
    }
}

#[test]
fn a_token_is_read_in_every_spelling_that_is_sent() {
    let app = || Some(AppId::parse(APP_ID).unwrap());
    for (header, app_id) in [
        ("OPEN-ACCESS-TOKEN AccessToken=4f0a7c6d".to_owned(), None),
        ("OPEN-ACCESS-TOKEN AccessToken=\"4f0a7c6d\"".to_owned(), None),
        ("Open-Access-Token accessToken=\"4f0a7c6d\"".to_owned(), None),
        (format!("OPEN-ACCESS-TOKEN AccessToken=\"4f0a7c6d\", AppId=\"{APP_ID}\""), app()),
        (format!("OPEN-ACCESS-TOKEN AccessToken=\"4f0a7c6d\",AppId =\"{APP_ID}\""), app()),
    ] {
        let token = Token::parse("4f0a7c6d").unwrap();
        let read = Authorization::parse(&header);
        assert_eq!(read, Ok(Authorization::AccessToken { token, app_id }), "{header}");
    }
}

#[test]
fn a_form_carries_signed_content_with_either_space() {
    let content =
        r#"{"requestTimestamp":"2022-04-21 15:00:52","billDesc":"押金 1号房","totalAmount":1}"#;
    let form = FormParam::sign(
        &key(KEY),
        AppId::parse(APP_ID).unwrap(),
        Stamp::parse(TIMESTAMP).unwrap(),
        Nonce::parse(NONCE).unwrap(),
        content.to_owned(),
    );
    let query = form.query();
    assert!(
        query.contains("&content=%7B%22requestTimestamp%22%3A%222022-04-21+15%3A00%3A52%22"),
        "{query}"
    );
    assert!(
        query.ends_with("&signature=HbJs5BW%2FJUBCU40X7OTfX%2BKw2ZX9EopPCWE49Zj0uVM%3D"),
        "{query}"
    );
    for query in [
        query.clone(),
        query.replace('+', "%20"),
        query.replace("%7B", "%7b"),
        query.replace("authorization", "Authorization").replace("appId", "AppId"),
        format!("{query}&from=timeline&from=again"),
        format!("&{query}&"),
    ] {
        let read = FormParam::parse(&query).unwrap();
        assert_eq!(read, form, "{query}");
        assert!(read.verify(&key(KEY)), "{query}");
    }
    let changed = FormParam::parse(&query.replace("%3A1%7D", "%3A2%7D")).unwrap();
    assert!(!changed.verify(&key(KEY)));
}

#[test]
fn the_published_signature_is_encoded_for_a_form_as_derived() {
    let signed = sign(KEY, TIMESTAMP, NONCE, "A");
    let query = FormParam { content: "A".to_owned(), signed }.query();
    assert!(
        query.ends_with("&signature=GINsCTyNKTpEI9KXO16KqZJ64fOyAytEKl8aaR%2FDy08%3D"),
        "{query}"
    );
}

#[test]
fn a_form_that_cannot_be_read_says_why() {
    let signed = sign(KEY, TIMESTAMP, NONCE, "A");
    let query = FormParam { content: "A".to_owned(), signed }.query();
    for (query, fault) in [
        (String::new(), AuthFault::Scheme),
        (query.replace("OPEN-FORM-PARAM", "OPEN-BODY-SIG"), AuthFault::Scheme),
        (query.replace("&content=A", ""), AuthFault::Missing("content")),
        (query.replace("&content=A", "&content=%4"), AuthFault::Syntax),
        (query.replace("&content=A", "&content=%FF"), AuthFault::Syntax),
        (query.replace("&content=A", "&content=A&Content=B"), AuthFault::Repeated("content")),
        (query.replace("2017", "17"), AuthFault::Timestamp),
        (query.replace("nonce", "once"), AuthFault::Missing("Nonce")),
    ] {
        assert_eq!(FormParam::parse(&query), Err(fault), "{query}");
    }
}

#[test]
fn a_token_is_asked_for_with_either_digest_in_either_case() {
    let sha1 = "3657048573452d73ed938d65dae37825fe788d12";
    let sha256 = "d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942";
    let upper = sha256.to_ascii_uppercase();
    for (app_name, method, signature, right) in [
        ("appId", None, sha1, true),
        ("appid", None, sha1, true),
        ("appId", Some("SHA256"), sha256, true),
        ("appId", Some("SHA256"), &upper, true),
        ("appId", None, sha256, false),
        ("appId", Some("SHA256"), sha1, false),
    ] {
        let mut pairs = vec![
            (app_name, APP_ID),
            ("timestamp", TIMESTAMP),
            ("nonce", NONCE),
            ("signature", signature),
        ];
        pairs.extend(method.map(|method| ("signMethod", method)));
        let request = TokenAccess::decode(&Object::of_texts(pairs).unwrap()).unwrap();
        assert_eq!(request.verify(&key(KEY)), right, "{app_name} {method:?} {signature}");
    }
    let ours = TokenAccess::sign(
        &key(KEY),
        AppId::parse(APP_ID).unwrap(),
        Stamp::parse(TIMESTAMP).unwrap(),
        Nonce::parse(NONCE).unwrap(),
    );
    assert_eq!(ours.signature.as_str(), sha256);
}

#[test]
fn a_timestamp_is_a_moment_in_beijing() {
    let noon = Moment(Day::from_date(2017, 1, 1).unwrap().starts_at().0 + 12 * 3_600_000);
    let stamp = Stamp::parse(TIMESTAMP).unwrap();
    assert_eq!(stamp.moment(), noon);
    assert_eq!(Stamp::at(Moment(noon.0 + 999)).as_str(), TIMESTAMP);
}

#[test]
fn secrets_do_not_print() {
    let secrets = format!("{:?} {:?}", key(KEY), Token::parse("4f0a7c6d").unwrap());
    assert_eq!(secrets, "AppKey(…) Token(…)");
    for bad in ["", "  ", "a\nb", &"k".repeat(257)] {
        assert!(AppKey::parse(bad).is_err(), "{bad:?}");
    }
}
