//! Known mistakes in making a signature are named; the key never is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_wire::{
    auth::{AppId, BodySig, Nonce, Signature, Stamp},
    diagnosis::{Claim, Diagnosis, Instead, Keys, Mistake},
    secret::{AppKey, NoticeKey},
};
use sha2::{Digest as _, Sha256};

const APP_ID: &str = "12345678901234567890123456789012";
const KEY: &str = "67890123456789012345678901234567";
const SECOND: &str = "a key that was rotated";
const NOTICE_KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";
const TIMESTAMP: &str = "20170101120000";
const NONCE: &str = "09876543210987654321098765432109";
const BODY: &str = r#"{"tid":"88880001","mid":"898201612345678","billDesc":"押金/1号房"}"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &str, text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// The right signature of a caller that signs this body.
fn over(body: &str) -> String {
    let hash = hex(&Sha256::digest(body));
    BASE64_STANDARD.encode(mac(KEY, &format!("{APP_ID}{TIMESTAMP}{NONCE}{hash}")))
}

fn diagnose(signature: &str) -> Diagnosis {
    let signed = BodySig {
        app_id: AppId::parse(APP_ID).unwrap(),
        timestamp: Stamp::parse(TIMESTAMP).unwrap(),
        nonce: Nonce::parse(NONCE).unwrap(),
        signature: Signature::parse(signature).unwrap(),
    };
    Claim::Request { signed, body: BODY.into() }.diagnose(&keys())
}

fn keys() -> Keys {
    Keys {
        app: [KEY, SECOND].map(|key| AppKey::parse(key).unwrap()).to_vec(),
        notice: vec![NoticeKey::parse(NOTICE_KEY).unwrap()],
    }
}

fn check(cases: &[(String, &[Mistake])]) {
    for (signature, mistakes) in cases {
        let diagnosis = diagnose(signature);
        assert_eq!(diagnosis.mistakes, *mistakes, "{signature}");
        assert!(!format!("{diagnosis:?}").contains(KEY));
    }
}

#[test]
fn a_body_signed_otherwise_than_sent_is_recognized() {
    let compact_sorted = r#"{"billDesc":"押金/1号房","mid":"898201612345678","tid":"88880001"}"#;
    let python = r#"{"tid": "88880001", "mid": "898201612345678", "billDesc": "\u62bc\u91d1/1\u53f7\u623f"}"#;
    let php =
        r#"{"tid":"88880001","mid":"898201612345678","billDesc":"\u62bc\u91d1\/1\u53f7\u623f"}"#;
    let pretty = "{\n  \"tid\": \"88880001\",\n  \"mid\": \"898201612345678\",\n  \"billDesc\": \"押金/1号房\"\n}";
    let wide = pretty.replace("\n  ", "\n    ");
    check(&[
        (over(compact_sorted), &[Mistake::SortedKeys]),
        (over(python), &[Mistake::OtherLayout, Mistake::OtherEscapes]),
        (over(php), &[Mistake::OtherEscapes]),
        (over(pretty), &[Mistake::OtherLayout]),
        (over(&wide), &[Mistake::OtherLayout]),
        (over(&format!("{BODY}\n")), &[Mistake::TrailingNewline]),
        (over(&format!("{pretty}\n")), &[Mistake::OtherLayout, Mistake::TrailingNewline]),
        (over(""), &[Mistake::EmptyBody]),
    ]);
}

#[test]
fn a_body_rewritten_by_any_usual_library_is_recognized() {
    let sent = r#"{"memo":"a<b","notifyUrl":"https://h/n?a=1&b=2","amount":1908,"desc":"押\n金","msgId":"","x":null}"#;
    let diagnosed = |body: &str| {
        let signed = BodySig {
            app_id: AppId::parse(APP_ID).unwrap(),
            timestamp: Stamp::parse(TIMESTAMP).unwrap(),
            nonce: Nonce::parse(NONCE).unwrap(),
            signature: Signature::parse(&over(body)).unwrap(),
        };
        Claim::Request { signed, body: sent.into() }.diagnose(&keys())
    };
    let go = sent.replace('<', "\\u003c").replace('&', "\\u0026");
    let gson = go.replace('=', "\\u003d");
    let dot_net = sent.replace('<', "\\u003C").replace('&', "\\u0026").replace('押', "\\u62BC");
    let dot_net = dot_net.replace('金', "\\u91D1");
    let lines = |indent: &str, colon: &str, end: &str| {
        let fields = sent.replace("\":", &format!("\"{colon}"));
        let fields = fields.replace(",\"", &format!(",{end}{indent}\""));
        format!("{{{end}{indent}{}{end}}}", fields.trim_matches(['{', '}']))
    };
    let without_empty = sent.replace(r#","msgId":"""#, "").replace(r#","x":null"#, "");
    let spaced = sent.replace("\":", "\": ").replace(",\"", ", \"");
    for (library, body, mistakes) in [
        ("Go", go, &[Mistake::OtherEscapes][..]),
        ("Gson", gson, &[Mistake::OtherEscapes]),
        (".NET", dot_net, &[Mistake::OtherEscapes]),
        ("tabs", lines("\t", ": ", "\n"), &[Mistake::OtherLayout]),
        ("Jackson", lines("  ", " : ", "\n"), &[Mistake::OtherLayout]),
        ("on Windows", lines("  ", ": ", "\r\n"), &[Mistake::OtherLayout]),
        ("without null", sent.replace(r#","x":null"#, ""), &[Mistake::OtherValues]),
        ("without empty", without_empty, &[Mistake::OtherValues]),
        ("texts", sent.replace("1908", "\"1908\""), &[Mistake::OtherValues]),
        (
            "texts, spaced",
            spaced.replace("1908", "\"1908\""),
            &[Mistake::OtherLayout, Mistake::OtherValues],
        ),
    ] {
        assert_eq!(diagnosed(&body).mistakes, mistakes, "{library}: {body}");
    }
}

#[test]
fn content_that_was_signed_after_any_usual_encoding_is_recognized() {
    let diagnosed = |content: &str| {
        let signed = BodySig {
            app_id: AppId::parse(APP_ID).unwrap(),
            timestamp: Stamp::parse(TIMESTAMP).unwrap(),
            nonce: Nonce::parse(NONCE).unwrap(),
            signature: Signature::parse(&over(content)).unwrap(),
        };
        Claim::Request { signed, body: br#"{"t":"a b*(c)"}"#.to_vec() }.diagnose(&keys())
    };
    for encoded in [
        "%7B%22t%22%3A%22a+b*%28c%29%22%7D",
        "%7b%22t%22%3a%22a+b*%28c%29%22%7d",
        "%7B%22t%22%3A%22a%20b%2A%28c%29%22%7D",
        "%7B%22t%22%3A%22a%20b*(c)%22%7D",
    ] {
        assert_eq!(diagnosed(encoded).mistakes, [Mistake::EncodedContent], "{encoded}");
    }
}

#[test]
fn mistakes_that_are_made_together_are_recognized_together() {
    let spaced = BODY.replace("\":", "\": ").replace(",\"", ", \"");
    let [hash, of_spaced] = [BODY, &spaced].map(|body| hex(&Sha256::digest(body)));
    let upper = hash.to_uppercase();
    let head = format!("{APP_ID}{TIMESTAMP}{NONCE}");
    let utc = format!("{APP_ID}20170101040000{NONCE}");
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    check(&[
        (
            encode(&mac(KEY, &format!("{utc}{of_spaced}"))),
            &[Mistake::EightHours, Mistake::OtherLayout],
        ),
        (
            hex(&mac(KEY, &format!("{utc}{of_spaced}"))),
            &[Mistake::EightHours, Mistake::OtherLayout, Mistake::Hex],
        ),
        (
            encode(&mac(&format!("{KEY}\n"), &format!("{head}{upper}"))),
            &[Mistake::UpperCaseHash, Mistake::KeySpace],
        ),
        (
            encode(&mac(&format!("{KEY}\n"), &format!("{head}{of_spaced}"))),
            &[Mistake::OtherLayout, Mistake::KeySpace],
        ),
        (
            encode(&mac(KEY, &[APP_ID, NONCE, TIMESTAMP, &upper].concat())),
            &[Mistake::PieceOrder, Mistake::UpperCaseHash],
        ),
        (
            encode(&mac(KEY, &[APP_ID, TIMESTAMP, NONCE, &upper].join("&"))),
            &[Mistake::Separated, Mistake::UpperCaseHash],
        ),
        (
            encode(&Sha256::digest(format!("{head}{upper}{KEY}"))),
            &[Mistake::UpperCaseHash, Mistake::PlainDigest],
        ),
    ]);
}

#[test]
fn a_wrong_formula_is_recognized() {
    let hash = hex(&Sha256::digest(BODY));
    let head = format!("{APP_ID}{TIMESTAMP}{NONCE}");
    let signed = format!("{head}{hash}");
    let right = mac(KEY, &signed);
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let utc = format!("{APP_ID}20170101040000{NONCE}{hash}");
    check(&[
        (hex(&right), &[Mistake::Hex]),
        (hex(&right).to_ascii_uppercase(), &[Mistake::Hex]),
        (encode(hex(&right).as_bytes()), &[Mistake::Base64OfHex]),
        (encode(&mac(KEY, &format!("{head}{}", hash.to_uppercase()))), &[Mistake::UpperCaseHash]),
        (encode(&mac(KEY, &format!("{head}{BODY}"))), &[Mistake::BodyNotHashed]),
        (encode(&Sha256::digest(&signed)), &[Mistake::PlainDigest]),
        (encode(&Sha256::digest(format!("{signed}{KEY}"))), &[Mistake::PlainDigest]),
        (encode(&mac(KEY, &utc)), &[Mistake::EightHours]),
        (encode(&mac(&format!("{KEY}\n"), &signed)), &[Mistake::KeySpace]),
        (encode(&right).replace('=', "%3D"), &[Mistake::PercentEncoded]),
        (hex(&mac(KEY, &utc)), &[Mistake::EightHours, Mistake::Hex]),
        (encode(&mac(NOTICE_KEY, &signed)), &[Mistake::NoticeKeyUsed]),
        (encode(&mac(SECOND, &signed)), &[Mistake::OtherKey]),
        (encode(&mac(KEY, &[APP_ID, NONCE, TIMESTAMP, &hash].concat())), &[Mistake::PieceOrder]),
        (encode(&mac(KEY, &[APP_ID, TIMESTAMP, NONCE, &hash].join("\n"))), &[Mistake::Separated]),
        (
            encode(&mac(NOTICE_KEY, &format!("{head}{}", hash.to_uppercase()))),
            &[Mistake::UpperCaseHash, Mistake::NoticeKeyUsed],
        ),
        (
            encode(&mac(KEY, &utc.replace(&hash, &hash.to_uppercase()))),
            &[Mistake::EightHours, Mistake::UpperCaseHash],
        ),
    ]);
}

#[test]
fn a_plus_lost_in_a_form_is_recognized() {
    let body =
        (0..).map(|n| format!("{{\"n\":{n}}}")).find(|body| over(body).contains('+')).unwrap();
    let signed = BodySig {
        app_id: AppId::parse(APP_ID).unwrap(),
        timestamp: Stamp::parse(TIMESTAMP).unwrap(),
        nonce: Nonce::parse(NONCE).unwrap(),
        signature: Signature::parse(&over(&body).replace('+', " ")).unwrap(),
    };
    let diagnosis = Claim::Request { signed, body: body.into() }.diagnose(&keys());
    assert_eq!(diagnosis.mistakes, [Mistake::PlusLost]);
}

#[test]
fn signing_only_what_is_inside_the_envelope_is_recognized() {
    let body = format!("{{\"data\":{BODY}}}");
    let signed = BodySig {
        app_id: AppId::parse(APP_ID).unwrap(),
        timestamp: Stamp::parse(TIMESTAMP).unwrap(),
        nonce: Nonce::parse(NONCE).unwrap(),
        signature: Signature::parse(&over(BODY)).unwrap(),
    };
    let diagnosis = Claim::Request { signed, body: body.into() }.diagnose(&keys());
    assert_eq!(diagnosis.mistakes, [Mistake::InsideEnvelope]);
}

#[test]
fn without_a_known_mistake_none_is_named() {
    check(&[(over(BODY), &[]), ("AAAA".to_owned(), &[])]);
}

#[test]
fn the_pieces_and_the_right_signature_are_told() {
    let signed = BodySig {
        app_id: AppId::parse(APP_ID).unwrap(),
        timestamp: Stamp::parse(TIMESTAMP).unwrap(),
        nonce: Nonce::parse(NONCE).unwrap(),
        signature: Signature::parse("AAAA").unwrap(),
    };
    let claim = Claim::Request { signed, body: BODY.into() };
    let pieces: Vec<_> =
        claim.pieces().into_iter().map(|piece| format!("{} {}", piece.name, piece.text)).collect();
    let hash = format!("body hash {}", hex(&Sha256::digest(BODY)));
    let expected = [
        format!("AppId {APP_ID}"),
        format!("Timestamp {TIMESTAMP}"),
        format!("Nonce {NONCE}"),
        hash,
    ];
    assert_eq!(pieces, expected);
    assert_eq!(claim.ours(&keys()), Some(over(BODY)));
    assert!(!claim.is_right(&keys()));
    assert_eq!(claim.ours(&Keys::default()), None);
}

#[test]
fn what_was_signed_instead_is_told() {
    let spaced = BODY.replace(':', ": ").replace(',', ", ");
    assert_eq!(diagnose(&over(&spaced)).instead, Some(Instead::Body(spaced.into_bytes())));
    let hash = hex(&Sha256::digest(BODY)).to_uppercase();
    let text = format!("{APP_ID}{TIMESTAMP}{NONCE}{hash}");
    let upper = BASE64_STANDARD.encode(mac(KEY, &text));
    assert_eq!(diagnose(&upper).instead, Some(Instead::Text(text.into_bytes())));
}
