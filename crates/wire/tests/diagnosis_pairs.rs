//! Known mistakes in the signatures of notices, of the predecessor protocol and of requests for a token. What is signed
//! wrongly here is written out by hand.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_wire::{
    diagnosis::{Claim, Diagnosis, Instead, KeyUsed, Keys, Mistake, TokenClaim, reference},
    json::Object,
    legacy,
    notice::Pairs,
    secret::{AppKey, NoticeKey},
};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

const KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";
const SECOND: &str = "a communication key that was rotated";
const APP_KEY: &str = "67890123456789012345678901234567";

/// A notice as it was received: an unknown field, an empty one, JSON with a space in it, and signs that encoding changes.
const RECEIVED: [(&str, &str); 8] = [
    ("mid", "898340149000005"),
    ("billPayment", r#"{"payTime":"2023-04-01 09:00:05", "status":"TRADE_SUCCESS"}"#),
    ("billQRCode", "https://qr/bills?id=3+1"),
    ("createTime", "2023-04-01 09:00:00"),
    ("memo", ""),
    ("Zq", "Snwz"),
    ("billDesc", "押金 "),
    ("srcReserve", "100%25"),
];

/// What should be signed.
const RIGHT: &str = r#"Zq=Snwz&billDesc=押金 &billPayment={"payTime":"2023-04-01 09:00:05", "status":"TRADE_SUCCESS"}&billQRCode=https://qr/bills?id=3+1&createTime=2023-04-01 09:00:00&mid=898340149000005&srcReserve=100%25"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn md5(text: &str) -> String {
    hex(&Md5::digest(text))
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn keys() -> Keys {
    Keys {
        app: vec![AppKey::parse(APP_KEY).unwrap()],
        notice: [KEY, SECOND].map(|key| NoticeKey::parse(key).unwrap()).to_vec(),
    }
}

fn pairs(more: &[(&str, &str)]) -> Pairs {
    let all = RECEIVED.iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn diagnose(more: &[(&str, &str)], theirs: &str) -> Diagnosis {
    let mut pairs = pairs(more);
    pairs.push(("sign".to_owned(), theirs.to_owned()));
    let diagnosis = Claim::Notice { pairs, theirs: theirs.to_owned() }.diagnose(&keys());
    for key in [KEY, SECOND, APP_KEY] {
        assert!(!format!("{diagnosis:?}").contains(key), "{diagnosis:?}");
    }
    diagnosis
}

/// Says what is signed wrongly, as MD5 of a text that differs from [`RIGHT`] in one place.
#[track_caller]
fn check(from: &str, to: &str, mistakes: &[Mistake]) {
    let text = RIGHT.replacen(from, to, 1);
    assert_ne!(text, RIGHT, "{from} does not occur");
    check_text(&text, mistakes);
}

#[track_caller]
fn check_text(text: &str, mistakes: &[Mistake]) {
    let diagnosis = diagnose(&[], &md5(&format!("{text}{KEY}")));
    assert_eq!(diagnosis.mistakes, mistakes, "{text}");
    assert_eq!(diagnosis.instead, Some(Instead::Text(text.as_bytes().to_vec())));
}

#[test]
fn what_should_be_signed_is_right_in_either_case() {
    let right = md5(&format!("{RIGHT}{KEY}"));
    for theirs in [right.clone(), right.to_lowercase()] {
        let claim = Claim::Notice { pairs: pairs(&[]), theirs };
        assert!(claim.is_right(&keys()));
        assert_eq!(claim.diagnose(&keys()), Diagnosis::default());
        assert_eq!(claim.ours(&keys()).as_ref(), Some(&right));
        let text: String = claim.pieces().into_iter().map(|piece| piece.text).collect();
        assert_eq!(text, RIGHT);
    }
}

#[test]
fn another_choice_of_pairs_is_recognized() {
    check("&mid", "&memo=&mid", &[Mistake::EmptyValues]);
    check("Zq=Snwz&", "", &[Mistake::UnknownDropped]);
    check("&mid=898340149000005", "", &[Mistake::FieldDropped]);
    check("&srcReserve=100%25", "&signType=MD5&srcReserve=100%25", &[Mistake::SignTypeAdded]);
    check("&srcReserve=100%25", "&sign=&srcReserve=100%25", &[Mistake::SignIncluded]);
}

#[test]
fn a_sign_type_left_out_is_recognized_with_either_digest() {
    let named = [("signType", "SHA256")];
    let without = diagnose(&named, &sha256(&format!("{RIGHT}{KEY}")));
    assert_eq!(without.mistakes, [Mistake::SignTypeLeftOut]);
    // A typed parser that does not know of `signType` also takes the usual digest.
    let unknown = diagnose(&named, &md5(&format!("{RIGHT}{KEY}")));
    assert_eq!(unknown.mistakes, [Mistake::SignTypeLeftOut, Mistake::OtherDigest]);
    let with = RIGHT.replace("&srcReserve", "&signType=SHA256&srcReserve");
    assert_eq!(diagnose(&named, &sha256(&format!("{with}{KEY}"))).mistakes, []);
    assert_eq!(diagnose(&named, &md5(&format!("{with}{KEY}"))).mistakes, [Mistake::OtherDigest]);
}

#[test]
fn what_a_receiver_computed_with_the_signature_among_the_fields_is_recognized() {
    let mut pairs = pairs(&[]);
    let right = md5(&format!("{RIGHT}{KEY}"));
    pairs.push(("sign".to_owned(), right.clone()));
    let text = RIGHT.replace("&srcReserve", &format!("&sign={right}&srcReserve"));
    let claim = Claim::Notice { pairs, theirs: md5(&format!("{text}{KEY}")) };
    assert_eq!(claim.diagnose(&keys()).mistakes, [Mistake::SignIncluded]);
}

#[test]
fn another_order_is_recognized() {
    let (first, rest) = RIGHT.split_once('&').unwrap();
    check_text(&format!("{rest}&{first}"), &[Mistake::CaseInsensitiveSort]);
    let received = RECEIVED.iter().filter(|(_, value)| !value.is_empty());
    let received: Vec<String> = received.map(|(name, value)| format!("{name}={value}")).collect();
    check_text(&received.join("&"), &[Mistake::Unsorted]);
}

#[test]
fn changed_values_are_recognized() {
    // As Java, PHP and JavaScript encode.
    for (space, slash) in [("+", "%2F"), ("%20", "%2F"), ("+", "%2f")] {
        let json = r#"%7B%22payTime%22%3A%222023-04-01 09%3A00%3A05%22%2C %22status%22%3A%22TRADE_SUCCESS%22%7D"#;
        let text = format!(
            "Zq=Snwz&billDesc=%E6%8A%BC%E9%87%91 &billPayment={json}&billQRCode=https%3A//qr/bills%3Fid%3D3%2B1&createTime=2023-04-01 09%3A00%3A00&mid=898340149000005&srcReserve=100%2525"
        );
        let text = match slash {
            "%2f" => text
                .replace("%E6%8A%BC%E9%87%91", "%e6%8a%bc%e9%87%91")
                .replace("%7B", "%7b")
                .replace("%7D", "%7d")
                .replace("%3A", "%3a")
                .replace("%2C", "%2c")
                .replace("%3F", "%3f")
                .replace("%3D", "%3d")
                .replace("%2B", "%2b"),
            _ => text,
        };
        check_text(&text.replace('/', slash).replace(' ', space), &[Mistake::EncodedValues]);
    }
    // Encoded from a value that was decoded already: `+` is a space then, and `%25` a percent sign.
    let twice = RIGHT.replace("3+1", "3 1").replace("100%25", "100%");
    check_text(&twice, &[Mistake::DecodedTwice]);
    check("3+1", "3 1", &[Mistake::ValuePlusLost]);
    check(r#"05", "#, r#"05","#, &[Mistake::NestedRewritten]);
    check("押金 ", "押金", &[Mistake::Trimmed]);
    check("押金", "??", &[Mistake::OtherCharset]);
    check_text(&RIGHT.replace('"', "&quot;"), &[Mistake::HtmlEscaped]);
    check("createTime=2023-04-01 09", "createTime=2023-04-01 01", &[Mistake::ShiftedTimes]);
    check_text(&RIGHT.replace("2023-04-01 09", "2023-04-01 17"), &[Mistake::ShiftedTimes]);
}

#[test]
fn another_use_of_the_key_is_recognized() {
    let mac = |key: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.chain_update(RIGHT).finalize().into_bytes().to_vec()
    };
    let right = Md5::digest(format!("{RIGHT}{KEY}"));
    let cases: &[(String, &[Mistake])] = &[
        (md5(&format!("{RIGHT}{APP_KEY}")), &[Mistake::AppKeyUsed]),
        (md5(&format!("{RIGHT}{SECOND}")), &[Mistake::OtherKey]),
        (md5(&format!("{RIGHT}&key={KEY}")), &[Mistake::KeyParameter]),
        (md5(&format!("{RIGHT}&{KEY}")), &[Mistake::KeySeparated]),
        (md5(&format!("{KEY}{RIGHT}")), &[Mistake::KeyFirst]),
        (md5(RIGHT), &[Mistake::KeyMissing]),
        (md5(&format!("{RIGHT}{KEY}\n")), &[Mistake::KeySpace]),
        (sha256(&format!("{RIGHT}{KEY}")), &[Mistake::OtherDigest]),
        (hex(&Sha1::digest(format!("{RIGHT}{KEY}"))), &[Mistake::OtherDigest]),
        (hex(&mac(KEY)), &[Mistake::Hmac]),
        (BASE64_STANDARD.encode(right), &[Mistake::Base64]),
        (BASE64_STANDARD.encode(hex(&right)), &[Mistake::Base64]),
        (sha256(&format!("{RIGHT}{APP_KEY}")), &[Mistake::AppKeyUsed, Mistake::OtherDigest]),
        (md5("something else"), &[]),
        ("not even digits".to_owned(), &[]),
    ];
    for (theirs, mistakes) in cases {
        assert_eq!(diagnose(&[], theirs).mistakes, *mistakes, "{theirs}");
    }
    assert_eq!(diagnose(&[], &md5(&format!("{RIGHT}{SECOND}"))).key, Some(KeyUsed::Notice(1)));
}

#[test]
fn three_mistakes_at_once_are_recognized() {
    let text = RIGHT.replace("&mid", "&memo=&mid");
    let (first, rest) = text.split_once('&').unwrap();
    let diagnosis = diagnose(&[], &md5(&format!("{rest}&{first}&key={KEY}")));
    let expected = [Mistake::EmptyValues, Mistake::CaseInsensitiveSort, Mistake::KeyParameter];
    assert_eq!(diagnosis.mistakes, expected);
}

#[test]
fn messages_of_the_predecessor_protocol_are_diagnosed_too() {
    let text =
        "billNo=3194&mid=898340149000005&msgSrc=WWW.TEST.COM&msgType=bills.query&totalAmount=1";
    let check = |theirs: String, mistakes: &[Mistake]| {
        let body = format!(
            r#"{{"msgSrc":"WWW.TEST.COM","msgType":"bills.query","totalAmount":1,"mid":"898340149000005","memo":null,"billNo":"3194","sign":"{theirs}"}}"#
        );
        let signed = legacy::Signed::parse(body.as_bytes()).unwrap();
        let claim = Claim::Legacy { pairs: signed.owned_pairs(), theirs: theirs.clone() };
        assert_eq!(claim.is_right(&keys()), mistakes.is_empty(), "{theirs}");
        assert_eq!(signed.is_signed_with(&keys().notice[0]), mistakes.is_empty(), "{theirs}");
        assert_eq!(claim.diagnose(&keys()).mistakes, mistakes, "{theirs}");
        if mistakes.is_empty() {
            assert_eq!(claim.ours(&keys()), Some(theirs.to_uppercase()));
        }
    };
    check(md5(&format!("{text}{KEY}")), &[]);
    check(sha256(&format!("{text}{KEY}")).to_lowercase(), &[]);
    check(md5(&format!("{text}{APP_KEY}")), &[Mistake::AppKeyUsed]);
    check(md5(&format!("{text}&key={KEY}")), &[Mistake::KeyParameter]);
}

#[test]
fn requests_for_a_token_are_diagnosed_too() {
    // The formula of `protocol.md` section 2.2, with the example that the vendor published.
    const HEAD: &str =
        "123456789012345678901234567890122017010112000009876543210987654321098765432109";
    let check = |method: &str, theirs: &str, mistakes: &[Mistake]| {
        let body = format!(
            r#"{{"appId":"12345678901234567890123456789012","timestamp":"20170101120000","nonce":"09876543210987654321098765432109"{method},"signature":"{theirs}"}}"#
        );
        let object = Object::parse(body.as_bytes()).unwrap();
        assert!(TokenClaim::fits(&object));
        let claim = Claim::Token(TokenClaim::read(&object).unwrap());
        assert_eq!(claim.is_right(&keys()), mistakes.is_empty(), "{theirs}");
        assert_eq!(claim.diagnose(&keys()).mistakes, mistakes, "{theirs}");
        assert!(!format!("{:?}", claim.diagnose(&keys())).contains(APP_KEY));
    };
    let sha1 = |text: &str| hex(&Sha1::digest(text)).to_lowercase();
    let named = r#","signMethod":"SHA256""#;
    check("", "3657048573452d73ed938d65dae37825fe788d12", &[]);
    check(named, "d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942", &[]);
    check("", &sha256(&format!("{HEAD}{APP_KEY}")), &[Mistake::OtherDigest]);
    check(named, &sha1(&format!("{HEAD}{APP_KEY}")), &[Mistake::OtherDigest]);
    check("", &sha1(&format!("{HEAD}{KEY}")), &[Mistake::NoticeKeyUsed]);
    check("", &sha1(&format!("{APP_KEY}{HEAD}")), &[Mistake::KeyFirst]);
    check("", &sha1(&format!("{HEAD}{APP_KEY}\n")), &[Mistake::KeySpace]);
    check("", &sha1(HEAD), &[Mistake::KeyMissing]);
    let utc = HEAD.replace("20170101120000", "20170101040000");
    check("", &sha1(&format!("{utc}{APP_KEY}")), &[Mistake::EightHours]);
    let base64 = BASE64_STANDARD.encode(Sha1::digest(format!("{HEAD}{APP_KEY}")));
    check("", &base64, &[Mistake::Base64]);
    let mac = Hmac::<Sha256>::new_from_slice(APP_KEY.as_bytes()).unwrap();
    check(named, &hex(&mac.chain_update(HEAD).finalize().into_bytes()), &[Mistake::Hmac]);
    let mac = Hmac::<Sha1>::new_from_slice(APP_KEY.as_bytes()).unwrap();
    check("", &hex(&mac.chain_update(HEAD).finalize().into_bytes()), &[Mistake::Hmac]);
}

#[test]
fn every_mistake_has_a_name_of_its_own_and_says_what_to_do_in_both_languages() {
    let mut names: Vec<_> = Mistake::ALL.iter().map(|mistake| mistake.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Mistake::ALL.len());
    for mistake in Mistake::ALL {
        assert!(mistake.en().is_ascii(), "{mistake:?}");
        assert!(!mistake.zh().is_ascii(), "{mistake:?}");
    }
}

#[test]
fn every_mistake_is_tried_on_something_and_the_page_of_mistakes_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/signatures.md");
    let made = reference();
    for mistake in Mistake::ALL {
        assert!(made.contains(&format!("| `{}` |", mistake.name())), "{mistake:?} is never tried");
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/signatures.md is old; renew it with: UPDATE=1 cargo nextest run -p holdfast-wire mistakes_is_current"
    );
}
