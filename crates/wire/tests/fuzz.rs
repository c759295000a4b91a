//! Whatever arrives, it is read or refused: nothing panics, and what was read is written so that it reads the same.

use holdfast_domain::Moment;
use holdfast_wire::{
    auth::{AppId, Authorization, BodySig, FormParam, Nonce, Signature, Stamp},
    diagnosis::{Claim, Keys, TokenClaim},
    json::Object,
    legacy::Signed,
    message::{EndpointSpec, Message as _},
    messages::{ENDPOINTS, Request, TokenAccess},
    secret::{AppKey, NoticeKey},
    time,
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest},
    sample::select,
};

/// Text that is made of the pieces that readers look for, so that it gets past the first check.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![3 => select(pieces).prop_map(str::to_owned), 1 => any::<String>()];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const HEADER: &[&str] = &[
    "OPEN-BODY-SIG ",
    "OPEN-ACCESS-TOKEN ",
    "AppId",
    "Timestamp",
    "Nonce",
    "Signature",
    "AccessToken",
    "=",
    "\"",
    ",",
    " ",
    "20170101120000",
    "99999999999999",
    "A+/=",
];
const FORM: &[&str] = &[
    "authorization=OPEN-FORM-PARAM",
    "appId=",
    "timestamp=20170101120000",
    "nonce=",
    "content=",
    "signature=",
    "&",
    "=",
    "%",
    "%7B",
    "%F",
    "+",
    "1",
];
const JSON: &[&str] = &[
    "{", "}", "[", "]", ":", ",", "\"", "\"mid\":", "\"a\":", "\"b\":", "\\u", "\\ud83d", "1", "-",
    ".5", "e999", "null", "true", " ",
];

const PAIRS: &[&str] = &[
    "sign",
    "signType",
    "MD5",
    "SHA256",
    "msgType",
    "bills.query",
    "billPayment",
    "{\"a\":[1,{}]}",
    "%7B",
    "+",
    "%",
    "&",
    "=",
    " ",
    "2023-04-01 09:00:00",
    "押金",
    "\u{0}",
    "",
];
const TOKEN: &[&str] = &[
    r#""appId":"app","#,
    r#""timestamp":"20170101120000","#,
    r#""nonce":"once","#,
    r#""signMethod":"SHA256","#,
];

/// One key of each kind.
fn keys() -> Keys {
    Keys {
        app: vec![AppKey::parse(" a key that nobody may see ").unwrap()],
        notice: vec![NoticeKey::parse("another such key").unwrap()],
    }
}

/// A value for a field: its example, or something that looks like a value of some field.
fn value(example: Option<&'static str>) -> impl Strategy<Value = String> {
    let likely = select(
        &[
            "1",
            "0",
            "100000000",
            "true",
            "2024-02-29",
            "20240229",
            "2024-02-29 23:59:59",
            "A\"B\\",
            "[]",
            "[{}]",
            "{}",
            "{\"mid\":null}",
            "http://a",
            "SUCCESS",
            "TRADE_CLOSED",
            "  ",
            "QQ==",
        ][..],
    );
    prop_oneof![
        4 => Just(example.unwrap_or("1").to_owned()),
        1 => likely.prop_map(str::to_owned),
        1 => "[0-9A-Za-z._-]{0,40}",
        1 => any::<String>(),
    ]
}

/// An endpoint and a text for each field of its request.
fn request() -> impl Strategy<Value = (&'static EndpointSpec, Vec<String>)> {
    select(ENDPOINTS).prop_flat_map(|endpoint| {
        let endpoint = ENDPOINTS.iter().find(|other| other.name == endpoint.name).unwrap();
        let values: Vec<_> = endpoint.request.iter().map(|field| value(field.example)).collect();
        (Just(endpoint), values)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_header_is_read_or_refused(text in pieces(HEADER)) {
        if let Ok(Authorization::BodySig(signed)) = Authorization::parse(&text) {
            // What was read can be written and read again.
            let again = Authorization::parse(&signed.header());
            prop_assert_eq!(again, Ok(Authorization::BodySig(signed)));
        }
    }

    #[test]
    fn any_form_is_read_or_refused(text in pieces(FORM)) {
        if let Ok(form) = FormParam::parse(&text) {
            prop_assert_eq!(FormParam::parse(&form.query()), Ok(form));
        }
    }

    #[test]
    fn any_bytes_are_json_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Object::parse(&bytes);
    }

    #[test]
    fn any_text_is_json_or_refused(text in pieces(JSON)) {
        let signed = Signed::parse(text.as_bytes()).map(|signed| signed.object);
        prop_assert_eq!(&signed, &Object::parse(text.as_bytes()));
        if let Ok(object) = signed {
            for endpoint in ENDPOINTS {
                let _ = Request::decode(endpoint.path, &object);
            }
        }
    }

    #[test]
    fn any_request_is_read_and_written_the_same_or_refused((endpoint, values) in request()) {
        let names = endpoint.request.iter().map(|field| field.name);
        let pairs: Vec<_> = names.zip(values.iter().map(String::as_str)).collect();
        let object = Object::of_texts(pairs).unwrap();
        let _ = TokenAccess::decode(&object);
        let key = NoticeKey::parse("any key").unwrap();
        if let Some(Ok(request)) = Request::decode(endpoint.path, &object) {
            let written = request.encode();
            // Whatever can be asked can be signed by the predecessor protocol, and its answer too.
            let answer = Signed::parse(&written).unwrap().answer(&written, &key);
            prop_assert_eq!(Signed::parse(&answer).unwrap().is_signed_with(&key), true);
            let again = Request::decode(endpoint.path, &Object::parse(&written).unwrap());
            prop_assert_eq!(again.unwrap().unwrap(), request);
        }
    }

    #[test]
    fn any_second_between_the_years_1_and_9999_is_written_and_read(second in -62_135_625_600_i64..253_402_271_999) {
        let moment = Moment(second * 1_000);
        prop_assert_eq!(time::parse(&time::show(moment)), Some(moment));
        prop_assert_eq!(time::parse_stamp(&time::show_stamp(moment)), Some(moment));
    }

    #[test]
    fn no_moment_is_too_odd_to_be_shown(ms in any::<i64>()) {
        prop_assert_eq!(time::show(Moment(ms)).len(), 19);
    }
}

proptest! {
    // A diagnosis makes hundreds of digests.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn any_wrong_signature_is_diagnosed(body in pieces(JSON), signature in "[ -~]{1,100}") {
        let Ok(signature) = Signature::parse(&signature) else { return Ok(()) };
        let signed = BodySig {
            app_id: AppId::parse("app").unwrap(),
            timestamp: Stamp::parse("00010101000000").unwrap(),
            nonce: Nonce::parse("once").unwrap(),
            signature,
        };
        let told = Claim::Request { signed, body: body.into_bytes() }.diagnose(&keys());
        prop_assert_eq!(told.mistakes, []);
    }

    #[test]
    fn any_wrong_signature_of_pairs_is_diagnosed(
        pairs in vec((pieces(PAIRS), pieces(PAIRS)), 0..6),
        theirs in "[0-9A-F]{32}|[0-9a-f]{64}|[ -~]{0,50}",
    ) {
        let claims = [
            Claim::Notice { pairs: pairs.clone(), theirs: theirs.clone() },
            Claim::Legacy { pairs, theirs },
        ];
        for claim in claims {
            prop_assert_eq!(claim.diagnose(&keys()).mistakes, []);
        }
    }

    #[test]
    fn any_wrong_signature_of_a_token_request_is_diagnosed(body in pieces(TOKEN), theirs in "[0-9a-f]{40}|[ -~]{0,50}") {
        let body = format!(r#"{{{body}"signature":{theirs:?}}}"#);
        if let Ok(object) = Object::parse(body.as_bytes())
            && let Ok(token) = TokenClaim::read(&object)
        {
            prop_assert_eq!(Claim::Token(token).diagnose(&keys()).mistakes, []);
        }
    }
}
