//! Whatever arrives is answered, in the words that the caller needs, and changes nothing.

use std::cell::Cell;

use holdfast_gateway::clock::Dice;
use holdfast_wire::{
    field::Rule,
    message::FieldSpec,
    messages::{ENDPOINTS, TokenAccess},
};
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any},
    test_runner::{TestCaseError, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::{
    gateway::{BILL_DATE, Gateway, MID, START, mid, path, request},
    wire::{Answer, Sent, exchange, exchange_and_close},
};

/// Five bills at the merchant, one for every kind of request.
const HELD: &str = "3194B0001";
const TAKEN: &str = "3194B0002";
const ASKED: &str = "3194B0003";
const GUARANTEED: &str = "3194B0004";
const UNDIVIDED: &str = "3194B0005";

/// A gateway at which [`good`] requests of every endpoint succeed.
async fn gateway() -> (Gateway, Vec<(&'static str, Value)>) {
    let gateway = Gateway::start().await;
    let (accounts, clock) = (&gateway.running.accounts, &gateway.running.core.clock);
    let dice = Dice::seeded(1);
    accounts.rotate_notice_key(&mid(MID), None, 0, clock, &dice).await.unwrap();
    let held = gateway.authorized(HELD, 500).await;
    let taken = gateway.captured(TAKEN, "3194C1", 500).await;
    let code = gateway.hold(ASKED, 500).await;
    for (bill, flags) in [
        (GUARANTEED, json!({"secureTransaction": "true"})),
        (UNDIVIDED, json!({"divisionFlag": true, "asynDivisionFlag": true})),
    ] {
        let fields = with(&with(&flags, "billNo", json!(bill)), "totalAmount", json!(500));
        let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
        gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    }
    let good = vec![
        ("get-qrcode", json!({"billNo": "3194B0009", "totalAmount": 500})),
        ("update-qrcode", json!({"qrCodeId": code, "billNo": "3194B0008", "totalAmount": 500})),
        ("close-qrcode", json!({"qrCodeId": code})),
        ("query-qrcode-info", json!({"qrCodeId": code})),
        ("query-last-qrcode", json!({})),
        ("query", json!({"billNo": HELD})),
        (
            "preauthed",
            json!({"billNo": HELD, "authedOrderId": "3194C2", "authIdRespCd": held, "totalAmount": 500}),
        ),
        (
            "preauth-cancel",
            json!({"billNo": HELD, "merOrderId": "3194B00010", "authIdRespCd": held}),
        ),
        (
            "preauthed-cancel",
            json!({"billNo": TAKEN, "merOrderId": "3194C1", "authIdRespCd": taken}),
        ),
        ("refund", json!({"billNo": TAKEN, "refundAmount": 500})),
        ("secure-complete", json!({"merOrderId": format!("{GUARANTEED}0"), "completedAmount": 5})),
        ("secure-cancel", json!({"merOrderId": format!("{GUARANTEED}0")})),
        (
            "sub-orders-confirm",
            json!({
                "merOrderId": format!("{UNDIVIDED}0"),
                "platformAmount": 1,
                "subOrders": [{"mid": "SHOP1", "totalAmount": 499}],
            }),
        ),
        ("events", json!({"after": "0"})),
        ("notice", json!({"billNo": HELD})),
        ("preview", json!({"path": path("query"), "request": {}})),
        ("timeline", json!({"billNo": HELD})),
    ];
    (gateway, good.into_iter().map(|(endpoint, fields)| (endpoint, request(fields))).collect())
}

/// The good request of an endpoint.
fn of<'g>(good: &'g [(&'static str, Value)], endpoint: &str) -> &'g Value {
    &good.iter().find(|(name, _)| *name == endpoint).unwrap().1
}

#[tokio::test]
async fn the_good_requests_that_the_other_tests_spoil_do_succeed() {
    let endpoints: Vec<&str> = gateway().await.1.iter().map(|(endpoint, _)| *endpoint).collect();
    let declared = ENDPOINTS.iter().map(|endpoint| endpoint.name);
    let served = declared.filter(|name| *name != "token");
    assert_eq!(endpoints, served.collect::<Vec<_>>());
    for place in 0..endpoints.len() {
        let (gateway, good) = gateway().await;
        let (endpoint, body) = &good[place];
        let answer = gateway.post(&path(endpoint), body.to_string()).await;
        assert_eq!(answer.outcome(), "200 SUCCESS", "{endpoint}: {}", answer.text());
    }
}

#[tokio::test]
async fn every_field_is_checked_and_named() {
    let (gateway, good) = gateway().await;
    let before = gateway.journal().await;
    for (endpoint, body) in &good {
        let spec = ENDPOINTS.iter().find(|spec| spec.name == *endpoint).unwrap();
        for field in spec.request {
            for value in wrong(field) {
                let spoiled = with(body, field.name, value.clone()).to_string();
                let answer = gateway.post(&path(endpoint), spoiled).await;
                let case = format!("{endpoint} {} = {value}", field.name);
                is_refused(&gateway, &answer, "200 BAD_REQUEST", &case);
                assert_eq!(named(&answer), [field.name], "{case}: {}", answer.text());
            }
            for value in [Value::Null, json!(""), json!("  "), json!(ABSENT)]
                .iter()
                .filter(|_| field.required)
            {
                let answer = gateway
                    .post(&path(endpoint), with(body, field.name, value.clone()).to_string())
                    .await;
                let case = format!("{endpoint} {} = {value}", field.name);
                is_refused(&gateway, &answer, "200 BAD_REQUEST", &case);
                assert_eq!(named(&answer), [field.name], "{case}: {}", answer.text());
            }
        }
    }
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn every_field_of_a_token_request_is_checked_and_named() {
    use holdfast_wire::message::Message as _;

    let gateway = Gateway::start().await;
    let good = json!({"appId": "it-app", "timestamp": "20260302100000", "nonce": "1", "signature": "0".repeat(64)});
    for field in TokenAccess::FIELDS {
        for value in wrong(field) {
            let answer = gateway
                .send(&Sent::post(
                    "/v1/token/access",
                    with(&good, field.name, value.clone()).to_string(),
                ))
                .await;
            // An unreadable time has a code of its own, here as in a header.
            if field.name == "timestamp" {
                is_refused(&gateway, &answer, "412 1000", &value.to_string());
                continue;
            }
            is_refused(&gateway, &answer, "200 BAD_REQUEST", &format!("{} = {value}", field.name));
            assert_eq!(named(&answer), [field.name], "{value}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn all_faults_are_named_together() {
    let (gateway, good) = gateway().await;
    for (endpoint, faults, expected) in [
        (
            "query",
            json!({"mid": 5, "tid": ABSENT, "instMid": "H5DEFAULT", "billNo": "a b c d"}),
            "tid mid instMid billNo",
        ),
        (
            "get-qrcode",
            json!({"totalAmount": 0, "billDate": "2026-02-30", "goods": [{"price": "1"}, {"quantity": {}}]}),
            "billDate totalAmount goods[1].quantity",
        ),
        (
            "get-qrcode",
            json!({"totalAmount": ABSENT, "billNo": ABSENT, "expireTime": START}),
            "billNo totalAmount expireTime",
        ),
        ("get-qrcode", json!({"billNo": ABSENT, "mobile": "MTIz"}), "billNo mobile"),
        ("get-qrcode", json!({"billDate": ABSENT, "notifyUrl": "x"}), "billDate notifyUrl"),
        ("update-qrcode", json!({"totalAmount": ABSENT, "fixBuyer": "T"}), "totalAmount name"),
        // A fixed code needs none of the three.
        (
            "get-qrcode",
            json!({"totalAmount": ABSENT, "billDate": ABSENT, "billNo": ABSENT, "expireTime": START}),
            "expireTime",
        ),
        ("get-qrcode", json!({"expireTime": "2027-03-05 10:00:00"}), "expireTime"),
        (
            "preauthed-cancel",
            json!({"billNo": "", "billDate": "", "authIdRespCd": ""}),
            "billNo billDate authIdRespCd",
        ),
        (
            "refund",
            json!({"refundAmount": 1.5, "subOrders": [{"totalAmount": 1}]}),
            "refundAmount subOrders[0].mid",
        ),
        ("close-qrcode", json!({"qrCodeId": ABSENT, "billDate": BILL_DATE}), "qrCodeId"),
    ] {
        let body = &good.iter().find(|(name, _)| *name == endpoint).unwrap().1;
        let body = faults
            .as_object()
            .unwrap()
            .iter()
            .fold(body.clone(), |body, (name, value)| with(&body, name, value.clone()));
        let answer = gateway.post(&path(endpoint), body.to_string()).await;
        is_refused(&gateway, &answer, "200 BAD_REQUEST", endpoint);
        let (mut named, mut expected) = (named(&answer), expected.split(' ').collect::<Vec<_>>());
        named.sort_unstable();
        expected.sort_unstable();
        assert_eq!(named, expected, "{}", answer.text());
    }
    for (endpoint, _) in &good {
        let answer = gateway.post(&path(endpoint), "{}").await;
        is_refused(&gateway, &answer, "200 BAD_REQUEST", endpoint);
        let spec = ENDPOINTS.iter().find(|spec| spec.name == *endpoint).unwrap();
        let required = spec.request.iter().filter(|field| field.required).map(|field| field.name);
        // One of two numbers has to name a refund's bill.
        let needed = (*endpoint == "refund").then_some("billNo");
        let required: Vec<&str> = required.chain(needed).collect();
        assert_eq!(named(&answer), required, "{endpoint}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_refused_request_is_echoed_as_far_as_it_can_be_read() {
    let (gateway, _) = gateway().await;
    let fields = json!({"billNo": "", "msgId": "7", "srcReserve": "x"});
    let answer = gateway.call("query", fields).await.json();
    assert_eq!(
        (&answer["msgId"], &answer["srcReserve"], &answer["mid"]),
        (&json!("7"), &json!("x"), &json!(MID))
    );
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused() {
    let (gateway, good) = gateway().await;
    let body = of(&good, "query").to_string();
    let inside = body.strip_prefix('{').unwrap();
    let nested =
        |levels: usize| format!(r#"{{"x":{}{},{inside}"#, "[".repeat(levels), "]".repeat(levels));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "ends too early"),
        ("white space", b"  \r\n ".to_vec(), "ends too early"),
        ("cut short", body.as_bytes()[..body.len() - 1].to_vec(), "ends too early"),
        ("cut in a text", body.as_bytes()[..20].to_vec(), "ends too early"),
        ("followed by more", format!("{body}{{}}").into_bytes(), "follows"),
        ("a list", format!("[{body}]").into_bytes(), "not a JSON object"),
        ("a text", b"\"x\"".to_vec(), "not a JSON object"),
        ("null", b"null".to_vec(), "not a JSON object"),
        ("a form", b"mid=898201612345678&billNo=3194B0001".to_vec(), "not JSON"),
        ("XML", b"<xml/>".to_vec(), "not JSON"),
        ("UTF-16", body.encode_utf16().flat_map(u16::to_le_bytes).collect(), "not"),
        (
            "not UTF-8",
            [b"{\"msgId\":\"\xff\",".as_slice(), inside.as_bytes()].concat(),
            "not UTF-8",
        ),
        (
            "a long sequence",
            [b"{\"msgId\":\"\xc0\x80\",".as_slice(), inside.as_bytes()].concat(),
            "not UTF-8",
        ),
        ("a byte order mark", [b"\xef\xbb\xbf".as_slice(), body.as_bytes()].concat(), "not JSON"),
        ("half a character", format!(r#"{{"msgId":"\ud83d",{inside}"#).into_bytes(), "not JSON"),
        (
            "a line break in a text",
            format!("{{\"msgId\":\"a\nb\",{inside}").into_bytes(),
            "not JSON",
        ),
        ("a number too large", format!(r#"{{"x":1e999,{inside}"#).into_bytes(), "not JSON"),
        ("not a number", format!(r#"{{"x":NaN,{inside}"#).into_bytes(), "not JSON"),
        ("a leading zero", format!(r#"{{"x":01,{inside}"#).into_bytes(), "not JSON"),
        ("a comment", format!("{{/* x */{inside}").into_bytes(), "not JSON"),
        (
            "a comma too many",
            format!("{},}}", body.strip_suffix('}').unwrap()).into_bytes(),
            "not JSON",
        ),
        (
            "a field twice",
            format!(r#"{{"mid":"898201612345679",{inside}"#).into_bytes(),
            "`mid` is there twice",
        ),
        (
            "an escaped field twice",
            format!(r#"{{"m\u0069d":"898201612345679",{inside}"#).into_bytes(),
            "`mid` is there twice",
        ),
        (
            "twice inside",
            format!(r#"{{"x":{{"a":1,"a":1}},{inside}"#).into_bytes(),
            "`a` is there twice",
        ),
        ("too deep", nested(8).into_bytes(), "nested deeper"),
        ("far too deep", nested(30_000).into_bytes(), "nested deeper"),
        ("a bomb of braces", "{\"a\":".repeat(10_000).into_bytes(), "nested deeper"),
    ];
    let before = gateway.journal().await;
    for (name, body, fragment) in cases {
        let answer = gateway.post("/v1/netpay/bills/query", body).await;
        is_refused(&gateway, &answer, "200 BAD_REQUEST", name);
        assert!(answer.field("errMsg").contains(fragment), "{name}: {}", answer.text());
    }
    assert_eq!(gateway.journal().await, before);
    let deep_enough = gateway.post("/v1/netpay/bills/query", nested(7)).await;
    assert_eq!(deep_enough.outcome(), "200 SUCCESS", "{}", deep_enough.text());
}

#[tokio::test]
async fn only_the_paths_of_the_protocol_are_served_and_only_by_post() {
    let (gateway, good) = gateway().await;
    let body = of(&good, "refund").to_string();
    let before = gateway.journal().await;
    for target in [
        "/",
        "/v1/netpay/bills",
        "/v1/netpay/bills/",
        "/v1/netpay/bills/refund/",
        "/v1/netpay/bills//refund",
        "//v1/netpay/bills/refund",
        "/v1/netpay/bills/./refund",
        "/v1/netpay/bills/%72efund",
        "/v1/netpay/bills/Refund",
        "/v1/netpay/bills/refund;a=1",
        "/v2/netpay/bills/refund",
        "/v1/netpay/refund",
        "/v1/netpay/secure-query",
        "/sim/nothing",
        "/中文",
        "/v1/netpay/bills/refund\u{0}",
    ] {
        let sent = gateway.signed(target, body.clone());
        // Some of these are not even HTTP; then the connection ends with the server's own 400.
        let Some(answer) = exchange(gateway.running.address, &sent.bytes()).await else { continue };
        if answer.body.is_empty() {
            assert_eq!(answer.status, 400, "{target}");
            continue;
        }
        is_refused(&gateway, &answer, "404 NO_SERVICE", target);
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post"] {
        for target in ["/v1/netpay/bills/refund", "/v1/netpay/preauth-cancel", "/v1/token/access"] {
            let sent = Sent { method, ..gateway.signed(target, body.clone()) };
            let answer = gateway.send(&sent).await;
            is_refused(&gateway, &answer, "405 NO_SERVICE", &format!("{method} {target}"));
            // A form in the query is served by GET too, but nobody gets a token so.
            let served =
                if target.contains("token") { "allow: post\r" } else { "allow: get, post\r" };
            assert!(answer.head.to_lowercase().contains(served), "{}", answer.head);
        }
    }
    let head = Sent { method: "HEAD", ..gateway.signed("/v1/netpay/bills/refund", body) };
    assert_eq!(gateway.send(&head).await.status, 405);
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_and_one_at_the_bound_is_read() {
    let (gateway, good) = gateway().await;
    let padded = |size: usize| {
        let body = of(&good, "refund").to_string();
        body.clone() + &" ".repeat(size - body.len())
    };
    let before = gateway.journal().await;
    for size in [64 * 1024 + 1, 100_000, 1_000_000] {
        let sent = gateway.signed("/v1/netpay/bills/refund", padded(size));
        for bytes in [sent.bytes(), sent.chunked(1_000)] {
            // A server that stops reading may have its answer overtaken by the end of the connection.
            let Some(answer) = exchange(gateway.running.address, &bytes).await else { continue };
            is_refused(&gateway, &answer, "413 BAD_REQUEST", &format!("{size} bytes"));
        }
    }
    assert_eq!(gateway.journal().await, before);
    let sent = gateway.signed("/v1/netpay/bills/refund", padded(64 * 1024 + 1));
    let answer = gateway.send(&sent).await;
    is_refused(&gateway, &answer, "413 BAD_REQUEST", "one byte too many");
    let sent = gateway.signed("/v1/netpay/bills/refund", padded(64 * 1024));
    assert_eq!(gateway.send(&sent).await.outcome(), "200 SUCCESS");
}

#[tokio::test]
async fn a_body_that_ends_early_changes_nothing() {
    let (gateway, good) = gateway().await;
    let sent = gateway.signed("/v1/netpay/bills/refund", of(&good, "refund").to_string());
    let whole = sent.bytes();
    let before = gateway.journal().await;
    for missing in [1, 10, sent.body.len()] {
        let answer =
            exchange_and_close(gateway.running.address, &whole[..whole.len() - missing]).await;
        if let Some(answer) = answer {
            is_refused(&gateway, &answer, "200 BAD_REQUEST", &format!("{missing} bytes missing"));
        }
    }
    let chunked = sent.chunked(50);
    let answer = exchange_and_close(gateway.running.address, &chunked[..chunked.len() - 5]).await;
    assert!(answer.is_none_or(|answer| answer.outcome() == "200 BAD_REQUEST"));
    assert_eq!(gateway.journal().await, before);
    // The nonce was not used up: nobody has believed the signature yet.
    assert_eq!(exchange(gateway.running.address, &whole).await.unwrap().outcome(), "200 SUCCESS");
}

#[tokio::test]
async fn what_is_not_http_ends_the_connection() {
    let (gateway, good) = gateway().await;
    let sent = gateway.signed("/v1/netpay/bills/refund", of(&good, "refund").to_string());
    let plain = String::from_utf8(sent.bytes()).unwrap();
    let long = gateway
        .signed("/v1/netpay/bills/refund", of(&good, "refund").to_string())
        .with("X-Long", "x".repeat(20_000));
    let many = (0..70).fold(sent.clone(), |sent, number| sent.with(&format!("X-{number}"), "x"));
    let before = gateway.journal().await;
    for (name, bytes, status) in [
        ("no version", plain.replace("HTTP/1.1", ""), Some(400)),
        ("a strange version", plain.replace("HTTP/1.1", "HTTP/9.9"), Some(400)),
        ("a space in the path", plain.replace("/refund", "/re fund"), Some(400)),
        ("a header without a colon", plain.replace("Host: gateway", "Host gateway"), Some(400)),
        ("a space before a colon", plain.replace("Host:", "Host :"), Some(400)),
        (
            "two lengths",
            plain.replace("Content-Length: ", "Content-Length: 1\r\nContent-Length: "),
            Some(400),
        ),
        (
            "a length that is no number",
            plain.replace("Content-Length: ", "Content-Length: x"),
            Some(400),
        ),
        ("a negative length", plain.replace("Content-Length: ", "Content-Length: -"), Some(400)),
        ("a header that is too long", String::from_utf8(long.bytes()).unwrap(), Some(431)),
        ("too many headers", String::from_utf8(many.bytes()).unwrap(), Some(431)),
        ("nothing", String::new(), None),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}".to_owned(), Some(400)),
    ] {
        let answer = exchange_and_close(gateway.running.address, bytes.as_bytes()).await;
        assert_eq!(answer.map(|answer| answer.status), status, "{name}");
    }
    assert_eq!(gateway.journal().await, before);
    assert_eq!(gateway.send(&sent).await.outcome(), "200 SUCCESS");
}

/// A length and chunks at once is how requests are smuggled past a proxy.
#[tokio::test]
async fn a_request_with_two_ends_is_not_two_requests() {
    let (gateway, good) = gateway().await;
    let sent = gateway.signed("/v1/netpay/bills/refund", of(&good, "refund").to_string());
    let chunked = String::from_utf8(sent.chunked(50)).unwrap();
    let both = chunked.replace("Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding");
    let answer = exchange_and_close(gateway.running.address, both.as_bytes()).await;
    let outcome = answer.map(|answer| answer.status);
    assert!(matches!(outcome, None | Some(200 | 400)), "{outcome:?}");
}

#[tokio::test]
async fn callers_with_odd_habits_are_served() {
    let plain = |sent: Sent| sent;
    let cases: Vec<(&str, fn(Sent) -> Sent)> = vec![
        ("no content type", plain),
        ("JSON", |sent| sent.with("Content-Type", "application/json")),
        ("JSON with a charset", |sent| sent.with("Content-Type", "application/json;charset=utf-8")),
        ("JSON with a space and a charset", |sent| {
            sent.with("content-type", "application/json; charset=utf-8")
        }),
        ("a form that is none", |sent| {
            sent.with("Content-Type", "application/x-www-form-urlencoded")
        }),
        ("no such type", |sent| sent.with("Content-Type", "***")),
        ("headers with underscores", |sent| {
            sent.with("Content_Type", "x").with("Accept_Charset", "utf-8").with("contentType", "x")
        }),
        ("a query that means nothing", |sent| Sent { target: sent.target + "?appId=x", ..sent }),
        ("waiting for 100", |sent| sent.with("Expect", "100-continue")),
    ];
    for (name, odd) in cases {
        let (gateway, good) = gateway().await;
        let sent = odd(gateway.signed("/v1/netpay/bills/refund", of(&good, "refund").to_string()));
        assert_eq!(gateway.send(&sent).await.outcome(), "200 SUCCESS", "{name}");
    }
    for size in [1, 7, 10_000] {
        let (gateway, good) = gateway().await;
        let sent = gateway.signed("/v1/netpay/bills/refund", of(&good, "refund").to_string());
        let answer = exchange(gateway.running.address, &sent.chunked(size)).await.unwrap();
        assert_eq!(answer.outcome(), "200 SUCCESS", "chunks of {size}");
    }
}

#[tokio::test]
async fn a_caller_that_expects_to_be_told_to_go_on_is_told_so() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (gateway, good) = gateway().await;
    let sent = gateway
        .signed("/v1/netpay/bills/refund", of(&good, "refund").to_string())
        .with("Expect", "100-continue");
    let bytes = sent.bytes();
    let head = bytes.len() - sent.body.len();
    let mut stream = tokio::net::TcpStream::connect(gateway.running.address).await.unwrap();
    stream.write_all(&bytes[..head]).await.unwrap();
    let mut go_on = [0; 25];
    let told =
        holdfast_gateway::clock::patience(crate::wire::PATIENCE_MS, stream.read_exact(&mut go_on))
            .await;
    told.expect("told before the body is sent").unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&sent.body).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200") && rest.contains("\"errCode\":\"SUCCESS\""), "{rest}");
}

/// The spellings of `protocol.md` section 9: what real callers send.
#[tokio::test]
async fn fields_are_read_in_every_spelling_that_callers_use() {
    for (endpoint, fields) in [
        ("refund", json!({"requestTimestamp": "20260302100000"})),
        ("refund", json!({"billDate": "2026-03-02 08:00:00"})),
        ("refund", json!({"billDate": "20260302"})),
        ("refund", json!({"refundAmount": "500"})),
        ("refund", json!({"refundAmount": "0500"})),
        (
            "refund",
            json!({"subOrders": null, "platformAmount": "0", "msgId": "", "srcReserve": null}),
        ),
        ("refund", json!({"subOrders": "[]"})),
        (
            "refund",
            json!({"sign": "x", "msgSrcId": "3194", "clientIp": "1.2.3.4", "msgType": "bills.refund", "_routeAcceptTime": 1}),
        ),
        (
            "refund",
            json!({"x": {"deep": [[[[1.5e3, -1, true, null]]]]}, "huge": 123456789012345678901234567890.0}),
        ),
        ("refund", json!({"billNo": "3194B00020"})),
        ("refund", json!({"billNo": null, "merOrderId": "3194B00020"})),
        (
            "preauthed",
            json!({"totalAmount": "500", "merOrderId": "x", "completedAmount": 1, "counterNo": "1"}),
        ),
        (
            "get-qrcode",
            json!({"preauthTransaction": true, "divisionFlag": "false", "secureTransaction": false}),
        ),
        (
            "get-qrcode",
            json!({"goods": r#"[{"goodsId":"1","goodsName":"微信二维码测试","quantity":1,"price":"1","body":"x"}]"#}),
        ),
        (
            "get-qrcode",
            json!({"goods": null, "walletOption": "SINGLE", "retCommParams": {"foodOrderType": "pre_order"}}),
        ),
        (
            "get-qrcode",
            json!({"name": "5byg5LiJ", "mobile": "MTM4MDAwMDAwMDA=", "certType": "IDENTITY_CARD", "limitCreditCard": "false"}),
        ),
        ("query", json!({"billDate": null})),
        ("query", json!({"billDate": ""})),
        ("close-qrcode", json!({"qrCodeId": null, "billNo": ASKED})),
    ] {
        let (gateway, good) = gateway().await;
        let body = fields
            .as_object()
            .unwrap()
            .iter()
            .fold(of(&good, endpoint).clone(), |body, (name, value)| {
                with(&body, name, value.clone())
            });
        for body in [body.to_string(), serde_json::to_string_pretty(&body).unwrap(), escaped(&body)]
        {
            let answer = gateway.post(&path(endpoint), body).await;
            assert_eq!(answer.outcome(), "200 SUCCESS", "{endpoint} {fields}: {}", answer.text());
        }
    }
}

/// One public client completes a guarantee on the capture's path, with fields that a capture does not have.
#[tokio::test]
async fn a_request_for_another_endpoint_is_told_what_this_one_needs() {
    let (gateway, _) = gateway().await;
    let answer = gateway
        .call(
            "preauthed",
            json!({"merOrderId": "3194B00010", "completedAmount": 5, "billDate": null}),
        )
        .await;
    is_refused(&gateway, &answer, "200 BAD_REQUEST", "secureComplete");
    assert_eq!(
        named(&answer),
        ["billNo", "billDate", "authedOrderId", "authIdRespCd", "totalAmount"]
    );
}

#[tokio::test]
async fn a_wrapped_request_gets_a_wrapped_answer() {
    let (gateway, good) = gateway().await;
    let wrapped = json!({"data": with(of(&good, "refund"), "msgId", json!("7"))}).to_string();
    let answer = gateway.post("/v1/netpay/bills/refund", wrapped).await.json();
    for field in ["errCode", "resultCode"] {
        assert_eq!(answer[field], "SUCCESS", "{answer}");
    }
    assert_eq!(answer["errInfo"], answer["resultInfo"]);
    assert_eq!(answer["data"]["errCode"], "SUCCESS");
    assert_eq!(answer["data"]["refundAmount"], 500);
    assert_eq!(answer["data"]["msgId"], "7");
    for (name, data, code) in [
        (
            "a refusal",
            with(of(&good, "refund"), "refundOrderId", json!("3194R9")),
            "OPERATION_NOT_ALLOWED",
        ),
        ("an unknown bill", with(of(&good, "refund"), "billNo", json!("3194B0099")), "NO_ORDER"),
        ("a malformed field", with(of(&good, "refund"), "refundAmount", json!(-1)), "BAD_REQUEST"),
        ("another merchant", with(of(&good, "refund"), "mid", json!("1")), "NO_MERCHANT"),
    ] {
        let answer =
            gateway.post("/v1/netpay/bills/refund", json!({"data": data}).to_string()).await;
        assert_eq!(answer.status, 200, "{name}");
        let body = answer.json();
        for field in [&body["errCode"], &body["resultCode"], &body["data"]["errCode"]] {
            assert_eq!(field, code, "{name}: {body}");
        }
        for field in [&body["resultInfo"], &body["data"]["errMsg"], &body["data"]["errInfo"]] {
            assert_eq!(*field, body["errInfo"], "{name}: {body}");
        }
    }
    // A wrapper in a wrapper, or one with something else inside, is a request that lacks its fields.
    for odd in [
        json!({"data": {"data": of(&good, "refund")}}),
        json!({"data": of(&good, "refund").to_string()}),
        json!({"data": []}),
    ] {
        let answer = gateway.post("/v1/netpay/bills/refund", odd.to_string()).await;
        assert_eq!(answer.outcome(), "200 BAD_REQUEST", "{odd}");
    }
}

/// Any bytes, changed anywhere in a signed request: the gateway answers or hangs up, and nothing happens that it
/// did not answer with success.
#[test]
fn no_change_of_its_bytes_makes_a_request_harmful() {
    let change = (any::<u16>(), any::<u8>(), 0_u8..4);
    fuzz(&vec(change, 1..4), |gateway, body, changes| {
        let mut bytes = gateway.signed("/v1/netpay/bills/refund", body).bytes();
        changes.iter().for_each(|change| spoil(&mut bytes, *change));
        bytes
    });
}

/// The same inside the body, with a good signature over what became of it.
#[test]
fn no_change_of_a_signed_body_makes_a_request_harmful() {
    let change = (any::<u16>(), any::<u8>(), 0_u8..4);
    fuzz(&vec(change, 1..6), |gateway, mut body, changes| {
        changes.iter().for_each(|change| spoil(&mut body, *change));
        gateway.signed("/v1/netpay/bills/refund", body).bytes()
    });
}

/// Inserts, removes, replaces or doubles a byte somewhere.
fn spoil(bytes: &mut Vec<u8>, (place, byte, how): (u16, u8, u8)) {
    if bytes.is_empty() {
        return bytes.push(byte);
    }
    let place = usize::from(place) % bytes.len();
    match how {
        0 => bytes.insert(place, byte),
        1 => drop(bytes.remove(place)),
        2 => bytes[place] = byte,
        _ => bytes.insert(place, bytes[place]),
    }
}

fn fuzz<S: Strategy>(changes: &S, spoiled: impl Fn(&Gateway, Vec<u8>, &S::Value) -> Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (gateway, good) = runtime.block_on(gateway());
    let number = Cell::new(0);
    let config =
        ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(changes, |changes| {
        number.set(number.get() + 1);
        let body = with(of(&good, "refund"), "refundAmount", json!(1));
        let body =
            with(&body, "refundOrderId", json!(format!("3194R{}", number.get()))).to_string();
        let bytes = spoiled(&gateway, body.into_bytes(), &changes);
        runtime.block_on(async {
            let before = gateway.journal().await;
            let answer = exchange_and_close(gateway.running.address, &bytes).await;
            let changed = gateway.journal().await != before;
            let done = answer
                .as_ref()
                .is_some_and(|answer| answer.text().contains(r#""errCode":"SUCCESS""#));
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            let fine = status < 500 && (!changed || done);
            if fine {
                return Ok(());
            }
            let sent = String::from_utf8_lossy(&bytes);
            Err(TestCaseError::fail(format!("{status}, changed: {changed}, done: {done}\n{sent}")))
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What a field is changed to so that it is left out.
const ABSENT: &str = "<absent>";

/// A body with one field changed.
fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut fields: Map<String, Value> = body.as_object().unwrap().clone();
    match value == json!(ABSENT) {
        true => drop(fields.remove(name)),
        false => drop(fields.insert(name.to_owned(), value)),
    }
    Value::Object(fields)
}

/// The same JSON with everything escaped that may be, as PHP does.
fn escaped(body: &Value) -> String {
    let escape = |c: char| match c {
        '/' => "\\/".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    body.to_string().chars().map(escape).collect()
}

/// Values that a field cannot have.
fn wrong(field: &FieldSpec) -> Vec<Value> {
    let mut wrong = match field.rule {
        Rule::Id { least, most } => {
            vec![
                json!("x".repeat(most + 1)),
                json!("x".repeat(least) + " "),
                json!("账单号账单号"),
                json!("a/b/c/d"),
                json!(123_456),
            ]
        }
        Rule::Text { most } => vec![json!("长".repeat(most + 1)), json!("a\u{7}b"), json!("\u{0}")],
        Rule::Fen { least, most } | Rule::Number { least, most } => {
            let below = if least > 0 { json!(least - 1) } else { json!("-0") };
            vec![
                below,
                json!(most + 1),
                json!((most + 1).to_string()),
                json!(-1),
                json!("-1"),
                json!("+1"),
                json!(1.5),
                json!(1.0),
                json!("1.0"),
                json!("1e2"),
                json!(" 1"),
                json!("１"),
                json!("0x10"),
                json!(u64::MAX),
                json!("9".repeat(40)),
            ]
        }
        Rule::Day => [
            "2026-02-30",
            "2026/03/02",
            "2026-3-2",
            "26-03-02",
            "0000-01-01",
            "2026-03-02 25:00:00",
            "x",
        ]
        .map(|day| json!(day))
        .into(),
        Rule::Time => [
            "2026-03-02",
            "2026-03-02T10:00:00",
            "2026-03-02 24:00:00",
            "2026-03-02 10:00",
            "2026-03-02 10:00:60",
            "x",
        ]
        .map(|time| json!(time))
        .into(),
        Rule::Stamp => ["2026-03-02 10:00:00", "2026030210000", "20261302100000", "x"]
            .map(|stamp| json!(stamp))
            .into(),
        Rule::Flag => vec![json!("yes"), json!(1), json!("TRUE"), json!("0")],
        Rule::OneOf(_) => vec![json!("no such word"), json!("qrpaydefault")],
        Rule::Url { most } => {
            vec![
                json!("ftp://a/b"),
                json!("example.com"),
                json!("http://"),
                json!(format!("http://{}", "x".repeat(most))),
            ]
        }
        Rule::Base64 { most } => vec![json!("***"), json!("A".repeat(most + 4))],
        // Told only of what was opened first; a field is declared as plain Base64.
        Rule::Base64Of(_) => vec![],
        Rule::Hex => vec![json!("z".repeat(64)), json!("0".repeat(63))],
        Rule::Object => vec![json!("x"), json!("[]")],
        Rule::List { most } => vec![json!("x"), json!("{}"), json!(vec![json!({}); most + 1])],
    };
    match field.rule {
        Rule::Flag => wrong.push(json!([])),
        Rule::Object => wrong.extend([json!([]), json!(5), json!(true)]),
        Rule::List { .. } => wrong.extend([json!({}), json!(5), json!(true)]),
        _ => wrong.extend([json!([]), json!({}), json!(true)]),
    }
    wrong
}

/// The fields that an answer's text names as faulty, in its English half.
fn named(answer: &Answer) -> Vec<String> {
    let text = answer.field("errMsg");
    let (_, english) =
        text.split_once(" | ").unwrap_or_else(|| panic!("not in two languages: {text}"));
    english
        .split("; ")
        .map(|fault| fault.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

/// Says no in the form that every client understands, at the gateway's time.
fn is_refused(gateway: &Gateway, answer: &Answer, outcome: &str, case: &str) {
    assert_eq!(answer.outcome(), outcome, "{case}: {}", answer.text());
    let body = answer.json();
    assert!(body["errMsg"].as_str().is_some_and(|text| !text.is_empty()), "{case}: {body}");
    assert_eq!(body["errInfo"], body["errMsg"], "{case}");
    assert_eq!(
        body["responseTimestamp"],
        holdfast_wire::time::show(gateway.running.core.clock.now()),
        "{case}"
    );
    assert!(
        answer.head.to_lowercase().contains("content-type: application/json"),
        "{case}: {}",
        answer.head
    );
}
