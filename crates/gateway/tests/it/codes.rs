//! Codes: one-off and fixed ones, made, given new contents, closed, asked about, and who may pay them.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use holdfast_domain::{CodeId, Fingerprint, Moment, Text, Tid};
use holdfast_gateway::{
    accounts::{Accounts, NoticeChange},
    clock::{Clock, Dice},
    codes::{Coded, Codes, FixedCode, Untold},
    config::Environment,
    limits::FIXED_CODES,
    outbound::{Border, Outbound},
    store::{Kind, MemoryStore, Store as _},
};
use holdfast_wire::{
    auth::Stamp,
    field::{SignType, Url},
    json::Object,
    messages::{CodeTerms, Request},
    notice,
    secret::{AppKey, NoticeKey},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    gateway::{BILL_DATE, Gateway, MID, OTHER_MID, Place, key, path, request, sign},
    script::is_proven,
    wire::{Answer, Sent},
};

const LINK: &str = "/bills/qrCode.do?id=";

/// Sends a request and expects that outcome, with a text that has that fragment.
async fn check(gateway: &Gateway, endpoint: &str, fields: Value, outcome: &str) -> Answer {
    let (code, fragment) = outcome.split_once(": ").unwrap_or((outcome, ""));
    let answer = gateway.call(endpoint, fields.clone()).await;
    assert_eq!(answer.outcome(), format!("200 {code}"), "{endpoint} {fields}: {}", answer.text());
    assert!(answer.text().contains(fragment), "{endpoint} {fields}: {}", answer.text());
    answer
}

/// Makes a code and answers its id.
async fn made(gateway: &Gateway, fields: Value) -> String {
    check(gateway, "get-qrcode", fields, "SUCCESS").await.field("qrCodeId")
}

/// What the payer does with a code, and what is shown then.
async fn pay(gateway: &Gateway, code: &str, deed: &str, body: Value) -> Value {
    gateway.sim("POST", &format!("/sim/payer/{code}/{deed}"), body).await.json()
}

async fn look(gateway: &Gateway, code: &str) -> Value {
    gateway.sim("GET", &format!("/sim/payer/{code}"), Value::Null).await.json()
}

/// What a payer is told, in a word.
fn word(seen: &Value) -> &str {
    seen["phase"].as_str().or(seen["errCode"].as_str()).unwrap_or_default()
}

/// A one-off code's fields.
fn bill(no: &str) -> Value {
    json!({"billNo": no, "totalAmount": 500})
}

/// A fixed code's fields, with an amount.
fn fixed(fen: u64) -> Value {
    json!({"billDate": null, "totalAmount": fen})
}

/// These fields and those.
fn and(mut fields: Value, more: Value) -> Value {
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// The codes of a place, beside its gateway.
async fn codes(place: &Place) -> Codes {
    let post = Arc::new(Outbound::new(Border::new(Environment::Test, &[]), None).unwrap());
    Codes::open(place.store.clone(), place.vault.clone(), post).await.unwrap()
}

/// The person of the tests, as a merchant names one.
fn person() -> Value {
    json!({
        "name": base64("张三"),
        "mobile": base64("13800000000"),
        "certType": "IDENTITY_CARD",
        "certNo": base64("11010519491231002X"),
    })
}

#[tokio::test]
async fn a_code_is_one_off_or_fixed_with_an_amount_or_fixed_without() {
    let gateway = Gateway::start().await;
    for (no, date, fen, outcome) in [
        (json!("3194B0001"), json!(BILL_DATE), json!(1), "SUCCESS"),
        (Value::Null, Value::Null, json!(1), "SUCCESS"),
        (Value::Null, Value::Null, Value::Null, "SUCCESS"),
        (json!("3194B0002"), Value::Null, json!(1), "BAD_REQUEST: billDate is missing"),
        (json!("3194B0002"), json!(BILL_DATE), Value::Null, "BAD_REQUEST: totalAmount is missing"),
        (json!("3194B0002"), Value::Null, Value::Null, "BAD_REQUEST: billDate is missing"),
        (Value::Null, json!(BILL_DATE), json!(1), "BAD_REQUEST: billNo is missing"),
        (Value::Null, json!(BILL_DATE), Value::Null, "BAD_REQUEST: billNo is missing"),
    ] {
        let fields = json!({"billNo": no, "billDate": date, "totalAmount": fen});
        let answer = check(&gateway, "get-qrcode", fields, outcome).await.json();
        if outcome == "SUCCESS" {
            assert_eq!(answer["billNo"], no);
            let code = answer["qrCodeId"].as_str().unwrap();
            assert!(answer["billQRCode"].as_str().unwrap().ends_with(&format!("{LINK}{code}")));
        }
    }
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_with_a_way_out() {
    let gateway = Gateway::start().await;
    let blank = json!({"billDate": null});
    for (fields, fragment) in [
        (
            and(
                bill("3194B0001"),
                json!({"preauthTransaction": "true", "secureTransaction": "true"}),
            ),
            "send only one of them",
        ),
        (
            and(fixed(5), json!({"preauthTransaction": "true"})),
            "send billNo, billDate and totalAmount",
        ),
        (and(blank.clone(), json!({"preauthTransaction": true})), "send billNo, billDate"),
        (
            and(fixed(5), json!({"secureTransaction": "true"})),
            "send billNo, billDate and totalAmount",
        ),
        (
            and(bill("3194B0001"), json!({"preauthTransaction": "true", "installmentNumber": 3})),
            "installmentNumber",
        ),
        (and(fixed(5), json!({"walletOption": "SINGLE"})), "walletOption"),
        (
            and(
                blank.clone(),
                json!({"divisionFlag": true, "subOrders": [{"mid": OTHER_MID, "totalAmount": 1}]}),
            ),
            "send totalAmount",
        ),
        (and(fixed(5), json!({"divisionFlag": true})), "subOrders"),
        (and(fixed(5), json!({"payInfoQueryAddr": "https://a.example/"})), "payInfoQueryAddr"),
        (
            and(bill("3194B0001"), json!({"payInfoQueryAddr": "https://a.example/"})),
            "payInfoQueryAddr",
        ),
        (and(fixed(5), json!({"expireTime": "2026-03-02 10:00:00"})), "expireTime"),
        (and(fixed(5), json!({"fixBuyer": "T"})), "name is missing"),
    ] {
        check(&gateway, "get-qrcode", fields, &format!("BAD_REQUEST: {fragment}")).await;
    }
    assert_eq!(gateway.journal().await, 0);
}

#[tokio::test]
async fn every_scan_of_a_fixed_code_makes_a_bill_of_its_own() {
    let gateway = Gateway::start().await;
    let terms = json!({"billDesc": "早餐", "memberId": "m1", "counterNo": "7", "systemId": "s1"});
    let code = made(&gateway, and(fixed(800), terms)).await;
    let seen = look(&gateway, &code).await;
    assert_eq!((&seen["merchant"], &seen["totalAmount"]), (&json!("湖畔酒店"), &json!(800)));
    assert_eq!((word(&seen), &seen["amountFrom"]), ("fixed", &Value::Null));
    let mut numbers = vec![];
    for _ in 0..2 {
        let seen = pay(&gateway, &code, "scan", Value::Null).await;
        assert_eq!((word(&seen), &seen["scanned"]), ("requested", &json!(code)));
        let own = seen["code"].as_str().unwrap();
        assert_ne!(own, code);
        let no = seen["billNo"].as_str().unwrap().to_owned();
        assert!(no.len() == 28 && no.get(4..18) == Some("20260302100000"), "{no}");
        assert_eq!(word(&pay(&gateway, own, "confirm", Value::Null).await), "paid");
        let answer = check(&gateway, "query", json!({"billNo": no}), "SUCCESS").await.json();
        assert!(answer["billQRCode"].as_str().unwrap().ends_with(&format!("{LINK}{code}")));
        let echoed = ["billStatus", "billDesc", "memberId", "counterNo", "totalAmount"];
        assert_eq!(
            json!(echoed.map(|name| answer[name].clone())),
            json!(["PAID", "早餐", "m1", "7", 800])
        );
        numbers.push(no);
    }
    assert_ne!(numbers[0], numbers[1]);
    is_proven(&*gateway.store).await;
}

#[tokio::test]
async fn a_fixed_code_with_an_amount_is_scanned_and_paid_at_once() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, fixed(800)).await;
    let seen = pay(&gateway, &code, "confirm", json!({"through": "wechat"})).await;
    assert_eq!((word(&seen), &seen["taken"]), ("paid", &json!(800)));
    let refused = pay(&gateway, &code, "scan", json!({"amount": 801})).await;
    assert_eq!(word(&refused), "BAD_REQUEST");
    for deed in ["decline", "expire"] {
        assert_eq!(word(&pay(&gateway, &code, deed, Value::Null).await), "BAD_REQUEST", "{deed}");
    }
}

#[tokio::test]
async fn a_fixed_code_without_an_amount_asks_the_payer() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, json!({"billDate": null})).await;
    assert_eq!(look(&gateway, &code).await["amountFrom"], "payer");
    for (deed, body) in [
        ("scan", Value::Null),
        ("confirm", Value::Null),
        ("scan", json!({"amount": 0})),
        ("scan", json!({"amount": 100_000_001})),
        ("scan", json!({"amount": "5"})),
    ] {
        assert_eq!(word(&pay(&gateway, &code, deed, body).await), "BAD_REQUEST", "{deed}");
    }
    assert_eq!(gateway.journal().await, 0);
    let seen = pay(&gateway, &code, "scan", json!({"amount": 42})).await;
    let paid = pay(&gateway, seen["code"].as_str().unwrap(), "confirm", Value::Null).await;
    assert_eq!((word(&paid), &paid["taken"]), ("paid", &json!(42)));
}

#[tokio::test]
async fn a_fixed_code_lasts_until_its_time_or_until_it_is_closed_and_outlasts_a_restart() {
    let place = Place::new();
    let gateway = place.open().await;
    let open = made(&gateway, fixed(800)).await;
    let short = made(&gateway, and(fixed(800), json!({"expireTime": "2026-03-02 10:10:00"}))).await;
    let closed = made(&gateway, and(fixed(800), json!({"systemId": "s1"}))).await;
    let scanned = pay(&gateway, &closed, "scan", Value::Null).await;
    for _ in 0..2 {
        let fields = json!({"qrCodeId": closed, "billDate": null});
        let answer = check(&gateway, "close-qrcode", fields, "SUCCESS").await.json();
        assert_eq!((&answer["billStatus"], &answer["systemId"]), (&json!("CLOSED"), &json!("s1")));
    }
    let own = scanned["code"].as_str().unwrap();
    assert_eq!(word(&pay(&gateway, own, "confirm", Value::Null).await), "OPERATION_NOT_ALLOWED");
    // A bill's half hour does not outlast its code.
    let seen = pay(&gateway, &short, "scan", Value::Null).await;
    assert_eq!(seen["expireTime"], "2026-03-02 10:10:00");
    gateway.running.stop().await;
    let gateway = place.open().await;
    gateway.advance(600_000);
    for (code, phase, scan) in [
        (&open, "fixed", "requested"),
        (&short, "lapsed", "OPERATION_NOT_ALLOWED"),
        (&closed, "closed", "OPERATION_NOT_ALLOWED"),
    ] {
        assert_eq!(word(&look(&gateway, code).await), phase);
        assert_eq!(word(&pay(&gateway, code, "scan", Value::Null).await), scan, "{phase}");
    }
    let refund = json!({"qrCodeId": open, "attachRefund": true});
    check(&gateway, "close-qrcode", refund, "OPERATION_NOT_ALLOWED: one-off").await;
}

#[tokio::test]
async fn without_an_id_every_request_makes_another_fixed_code_and_with_one_it_is_made_once() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, fixed(800)).await;
    assert_ne!(made(&gateway, fixed(800)).await, code);
    for (terms, other) in [(fixed(800), fixed(801)), (bill("3194B0001"), bill("3194B0002"))] {
        let id = json!({"qrCodeId": format!("own-{}", terms["billNo"].is_string())});
        let [first, again] = [
            made(&gateway, and(terms.clone(), id.clone())).await,
            made(&gateway, and(terms.clone(), id.clone())).await,
        ];
        assert_eq!((&first, &again), (&id["qrCodeId"].as_str().unwrap().to_owned(), &first));
        for other in [other, json!({"billDate": null})] {
            check(&gateway, "get-qrcode", and(other, id.clone()), "DUP_ORDER: update-qrcode").await;
        }
        let fields = and(terms, json!({"qrCodeId": "own-x"}));
        let outcome =
            if fields["billNo"].is_string() { "DUP_ORDER: 账单号重复" } else { "SUCCESS" };
        check(&gateway, "get-qrcode", fields, outcome).await;
    }
}

/// Each line: what a code was, what happened to it, what it is to be, and how the old bill stands then.
#[tokio::test]
async fn a_code_gets_new_contents_and_the_old_bill_cannot_be_paid_any_more() {
    let new = || bill("3194B0002");
    for (old, deeds, new, status) in [
        (bill("3194B0001"), "", new(), "closed"),
        (bill("3194B0001"), "", fixed(800), "closed"),
        (bill("3194B0001"), "confirm", new(), "paid"),
        (bill("3194B0001"), "confirm", fixed(800), "paid"),
        (bill("3194B0001"), "expire", new(), "lapsed"),
        (bill("3194B0001"), "close", new(), "closed"),
        (bill("3194B0001"), "close", fixed(800), "closed"),
        // The channel took the money and its report was lost.
        (bill("3194B0001-pay-lostanswer"), "confirm", new(), "paid"),
        (bill("3194B0001-pay-lostanswer"), "confirm", fixed(800), "paid"),
        (fixed(700), "", new(), ""),
        (fixed(700), "", fixed(800), ""),
        (fixed(700), "close", fixed(800), ""),
        (fixed(700), "close", new(), ""),
    ] {
        let case = format!("{old} {deeds} -> {new}");
        let gateway = Gateway::start().await;
        let code = made(&gateway, old.clone()).await;
        match deeds {
            "" => {}
            "close" => {
                let fields = json!({"qrCodeId": code, "billDate": null});
                check(&gateway, "close-qrcode", fields, "SUCCESS").await;
            }
            deed => drop(pay(&gateway, &code, deed, Value::Null).await),
        }
        let update = and(new.clone(), json!({"qrCodeId": code, "billStatus": "UNPAID"}));
        let first = check(&gateway, "update-qrcode", update.clone(), "SUCCESS: 更新").await.json();
        let before = gateway.journal().await;
        let again = check(&gateway, "update-qrcode", update, "SUCCESS").await.json();
        assert_eq!(first, again, "{case}");
        assert_eq!(gateway.journal().await, before, "{case}");
        assert_eq!(
            (&first["qrCodeId"], &first["billNo"]),
            (&json!(code), &new["billNo"]),
            "{case}"
        );
        if let Some(no) = old["billNo"].as_str() {
            assert_eq!(gateway.phase(no).await, status, "{case}");
        }
        let seen = pay(&gateway, &code, "confirm", Value::Null).await;
        assert_eq!((word(&seen), &seen["totalAmount"]), ("paid", &new["totalAmount"]), "{case}");
        is_proven(&*gateway.store).await;
    }
}

#[tokio::test]
async fn a_code_goes_from_bill_to_bill_and_back_to_fixed_as_often_as_one_likes() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, bill("3194B0001")).await;
    for new in [
        fixed(801),
        bill("3194B0002"),
        fixed(803),
        fixed(804),
        bill("3194B0003"),
        bill("3194B0004"),
    ] {
        let update = and(new.clone(), json!({"qrCodeId": code}));
        check(&gateway, "update-qrcode", update, "SUCCESS").await;
        assert_eq!(look(&gateway, &code).await["billNo"], new["billNo"]);
    }
    // A late repeat is answered as the first was and takes nothing back.
    check(&gateway, "update-qrcode", and(bill("3194B0002"), json!({"qrCodeId": code})), "SUCCESS")
        .await;
    assert_eq!(look(&gateway, &code).await["billNo"], "3194B0004");
}

#[tokio::test]
async fn a_late_repeat_of_an_update_does_not_open_a_closed_code_again() {
    let gateway = Gateway::start().await;
    for old in [bill("3194B0001"), fixed(700)] {
        let code = made(&gateway, old).await;
        let update = and(fixed(800), json!({"qrCodeId": code}));
        check(&gateway, "update-qrcode", update.clone(), "SUCCESS").await;
        let close = json!({"qrCodeId": code, "billDate": null});
        check(&gateway, "close-qrcode", close, "SUCCESS").await;
        check(&gateway, "update-qrcode", update, "SUCCESS").await;
        assert_eq!(word(&look(&gateway, &code).await), "closed");
        // Other contents do open it.
        let update = and(fixed(801), json!({"qrCodeId": code}));
        check(&gateway, "update-qrcode", update, "SUCCESS").await;
        assert_eq!(word(&look(&gateway, &code).await), "fixed");
    }
}

#[tokio::test]
async fn of_two_updates_at_once_one_comes_after_the_other() {
    let gateway = Gateway::start().await;
    for (round, old) in [bill("3194B0100"), fixed(700)].into_iter().enumerate() {
        let code = made(&gateway, old).await;
        let number = |place: usize| format!("3194B0{}{place}", round + 2);
        let update = |place| and(bill(&number(place)), json!({"qrCodeId": code}));
        let sent = |place| gateway.call("update-qrcode", update(place));
        let answers = tokio::join!(sent(0), sent(1), sent(2), sent(3));
        for answer in [answers.0, answers.1, answers.2, answers.3] {
            assert_eq!(answer.outcome(), "200 SUCCESS", "{}", answer.text());
        }
        let stands = look(&gateway, &code).await["billNo"].as_str().unwrap().to_owned();
        for place in 0..4 {
            let no = number(place);
            let phase = if no == stands { "requested" } else { "closed" };
            assert_eq!(gateway.phase(&no).await, phase, "{no}, and {stands} stands");
        }
    }
    is_proven(&*gateway.store).await;
}

/// With a disk that takes its time, the payer scans while the code's new contents are not durable yet.
#[tokio::test]
async fn a_scan_during_an_update_makes_no_bill_behind_it() {
    let place = Place::on(MemoryStore::by_hand(), &[]);
    let gateway = place.open().await;
    let turns = async |count| {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    };
    let disk = async {
        loop {
            turns(2_000).await;
            place.store.sync();
        }
    };
    let ask = async {
        let code = made(&gateway, fixed(800)).await;
        let fields = and(bill("3194B0001"), json!({"qrCodeId": code}));
        tokio::join!(check(&gateway, "update-qrcode", fields, "SUCCESS"), async {
            turns(500).await;
            pay(&gateway, &code, "scan", Value::Null).await
        })
    };
    let (_, seen) = tokio::select! {
        answers = ask => answers,
        () = disk => unreachable!("it turns for ever"),
    };
    let journal = place.store.journal(0, usize::MAX).await.unwrap();
    assert_eq!(journal.last().unwrap().key.no.as_str(), "3194B0001", "{seen}");
}

#[tokio::test]
async fn an_update_that_cannot_be_is_refused_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, bill("3194B0001")).await;
    made(&gateway, bill("3194B0009")).await;
    let before = gateway.journal().await;
    let own = |fields: Value| and(fields, json!({"qrCodeId": code}));
    for (fields, outcome) in [
        (own(bill("3194B0001")), "DUP_ORDER: 账单号重复"),
        (own(and(bill("3194B0001"), json!({"billDate": "2026-03-03"}))), "DUP_ORDER: 账单号重复"),
        (own(bill("3194B0009")), "DUP_ORDER: 账单号重复"),
        (and(bill("3194B0002"), json!({"qrCodeId": "no-such-code"})), "NO_ORDER: qrCodeId"),
        (own(and(bill("3194B0002"), json!({"mid": OTHER_MID}))), "NO_MERCHANT"),
        (
            own(and(bill("3194B0002"), json!({"billStatus": "PAID"}))),
            "OPERATION_NOT_ALLOWED: refund",
        ),
        (own(and(bill("3194B0002"), json!({"expireTime": "2026-03-02 10:00:00"}))), "BAD_REQUEST"),
        (own(and(fixed(5), json!({"preauthTransaction": "true"}))), "BAD_REQUEST"),
    ] {
        check(&gateway, "update-qrcode", fields, outcome).await;
    }
    assert_eq!(gateway.journal().await, before);
    assert_eq!(gateway.phase("3194B0001").await, "requested");
}

/// The steps of an update, as they stand in `api/codes.rs`, and a crash after each.
#[tokio::test]
async fn an_update_that_a_crash_cut_short_is_finished_by_its_repeat() {
    let place = Place::new();
    let gateway = place.open().await;
    let codes = codes(&place).await;
    let code = made(&gateway, fixed(700)).await;
    let id = CodeId::parse(&code).unwrap();
    let Some(Coded::Fixed(old)) = codes.find(&id).await.unwrap() else { panic!("a fixed code") };
    let update = and(bill("3194B0002"), json!({"qrCodeId": code}));
    let ends = FixedCode { until: Some(key("3194B0002").into()), ..*old };
    // After step 2: told for which bill it ends, and there is no such bill.
    codes.turn().await.put(&ends).await.unwrap();
    assert_eq!(look(&gateway, &code).await["totalAmount"], 700);
    check(&gateway, "update-qrcode", update.clone(), "SUCCESS").await;
    assert_eq!(look(&gateway, &code).await["billNo"], "3194B0002");
    // After step 2, and the number went to another bill before the repeat: the code is what it was.
    let other = made(&gateway, bill("3194B0003")).await;
    let ends = FixedCode { until: Some(key("3194B0003").into()), ..ends };
    let fixed_again = and(fixed(700), json!({"qrCodeId": code}));
    check(&gateway, "update-qrcode", fixed_again, "SUCCESS").await;
    codes.turn().await.put(&ends).await.unwrap();
    assert_eq!(look(&gateway, &code).await["totalAmount"], 700);
    assert_eq!(look(&gateway, &other).await["billNo"], "3194B0003");
    let ends = FixedCode { until: Some(key("3194B0004").into()), ..ends };
    let update = and(bill("3194B0004"), json!({"qrCodeId": code}));
    check(&gateway, "update-qrcode", update.clone(), "SUCCESS").await;
    // After step 3: the bill is there, and the record too.
    codes.turn().await.put(&ends).await.unwrap();
    assert_eq!(look(&gateway, &code).await["billNo"], "3194B0004");
    let before = gateway.journal().await;
    check(&gateway, "update-qrcode", update, "SUCCESS").await;
    assert_eq!(gateway.journal().await, before);
    let update = and(fixed(800), json!({"qrCodeId": code}));
    check(&gateway, "update-qrcode", update, "SUCCESS").await;
    assert_eq!(gateway.phase("3194B0004").await, "closed");
    assert_eq!(look(&gateway, &code).await["totalAmount"], 800);
}

/// Each line: how the bill is made, what happens before, and what closing with a refund is answered with.
#[tokio::test]
async fn closing_with_a_refund_gives_everything_back_once() {
    let hold = || json!({"preauthTransaction": "true"});
    for (more, before, outcome, phase) in [
        (json!({}), "", "CLOSED", "closed"),
        (json!({}), "expire", "CLOSED", "lapsed"),
        (json!({}), "confirm", "REFUND", "paid"),
        (json!({}), "confirm refund", "REFUND", "paid"),
        (hold(), "", "CLOSED", "closed"),
        (hold(), "confirm", "CLOSED", "released"),
        (hold(), "confirm capture", "REFUND", "captured"),
        (json!({"secureTransaction": "true"}), "confirm", "CLOSED", "released"),
    ] {
        let case = format!("{more} {before}");
        let gateway = Gateway::start().await;
        let code = made(&gateway, and(bill("3194B0001"), more)).await;
        let mut auth = Value::Null;
        for deed in before.split_whitespace() {
            match deed {
                "refund" => {
                    let fields = json!({"billNo": "3194B0001", "refundOrderId": "3194R1", "refundAmount": 200});
                    check(&gateway, "refund", fields, "SUCCESS").await;
                }
                "capture" => {
                    let fields = json!({"billNo": "3194B0001", "authedOrderId": "3194C1", "authIdRespCd": auth, "totalAmount": 300});
                    check(&gateway, "preauthed", fields, "SUCCESS").await;
                }
                deed => {
                    auth = pay(&gateway, &code, deed, Value::Null).await["authIdRespCd"].clone()
                }
            }
        }
        let close = json!({"qrCodeId": code, "attachRefund": true, "billDate": null});
        for _ in 0..2 {
            let answer = check(&gateway, "close-qrcode", close.clone(), "SUCCESS").await;
            assert_eq!(answer.field("billStatus"), outcome, "{case}");
        }
        let bill = gateway.running.core.load(&key("3194B0001")).await.unwrap();
        assert_eq!(bill.phase.name(), phase, "{case}");
        assert_eq!(bill.balances(), holdfast_domain::Balances::default(), "{case}");
        is_proven(&*gateway.store).await;
    }
}

/// Where no fixed code can be made any more, none is, and a bill whose code was to become one stays payable.
#[tokio::test]
async fn there_are_so_many_fixed_codes_and_no_more() {
    let place = Place::new();
    for number in 1..FIXED_CODES {
        let record = Some(String::new());
        place.store.register(Kind::FixedCode, &number.to_string(), record).await.unwrap();
    }
    let gateway = place.open().await;
    let code = made(&gateway, bill("3194B0001")).await;
    made(&gateway, fixed(800)).await;
    let update = and(fixed(800), json!({"qrCodeId": code}));
    for (endpoint, fields) in [("get-qrcode", fixed(800)), ("update-qrcode", update)] {
        check(&gateway, endpoint, fields, "OPERATION_NOT_ALLOWED: update one").await;
    }
    assert_eq!(word(&pay(&gateway, &code, "confirm", Value::Null).await), "paid");
}

/// A code that went over to another bill is closed, and paid back, only by whoever means that bill.
#[tokio::test]
async fn a_code_is_not_closed_under_another_bills_number() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, bill("3194B0001")).await;
    let fields = and(bill("3194B0002"), json!({"qrCodeId": code}));
    check(&gateway, "update-qrcode", fields, "SUCCESS").await;
    pay(&gateway, &code, "confirm", Value::Null).await;
    let fixed = made(&gateway, fixed(800)).await;
    let close = json!({"attachRefund": true, "qrCodeId": code});
    for (more, outcome) in [
        (json!({"billNo": "3194B0001"}), "NO_ORDER: billNo, billDate"),
        (json!({"billNo": "3194B0002", "billDate": "2026-03-01"}), "NO_ORDER: billNo, billDate"),
        (json!({"billNo": "3194B0002", "qrCodeId": fixed}), "NO_ORDER: billNo, billDate"),
    ] {
        check(&gateway, "close-qrcode", and(close.clone(), more), outcome).await;
        assert_eq!(gateway.phase("3194B0002").await, "paid");
    }
    check(&gateway, "close-qrcode", and(close, json!({"billNo": "3194B0002"})), "SUCCESS").await;
}

#[tokio::test]
async fn a_paid_bill_is_not_closed_without_a_refund_and_a_numberless_refund_stands_in_the_way() {
    let gateway = Gateway::start().await;
    let code = made(&gateway, bill("3194B0001")).await;
    pay(&gateway, &code, "confirm", Value::Null).await;
    let close = json!({"qrCodeId": code, "attachRefund": "false"});
    check(&gateway, "close-qrcode", close, "OPERATION_NOT_ALLOWED").await;
    let refund = json!({"billNo": "3194B0001", "refundAmount": 200});
    check(&gateway, "refund", refund, "SUCCESS").await;
    let close = json!({"qrCodeId": code, "attachRefund": true});
    check(&gateway, "close-qrcode", close, "OPERATION_NOT_ALLOWED: refundOrderId").await;
}

#[tokio::test]
async fn a_refund_while_closing_that_is_not_known_or_refused_is_said_so() {
    let gateway = Gateway::start().await;
    let close = async |scenario: &str, number: usize| {
        let no = format!("3194B000{number}");
        let code = made(&gateway, bill(&no)).await;
        pay(&gateway, &code, "confirm", Value::Null).await;
        let chosen = json!({"operation": "ref", "number": format!("{no}R"), "scenario": scenario});
        gateway.sim("PUT", "/sim/scenarios", chosen).await;
        let fields = request(json!({"qrCodeId": code, "attachRefund": true})).to_string();
        (no, gateway.signed("/v1/netpay/bills/close-qrcode", fields))
    };
    let (_, sent) = close("refuse", 1).await;
    assert_eq!(gateway.send(&sent).await.outcome(), "200 TARGET_FAIL");
    let (no, sent) = close("lostanswer", 2).await;
    let waiting = async {
        gateway.until_open(&no).await;
        let fields = json!({"billNo": no, "attachRefund": true});
        check(&gateway, "close-qrcode", fields, "ORDER_PROCESSING").await;
        gateway.advance(gateway.running.core.answer_within_ms);
    };
    let (answer, ()) = tokio::join!(gateway.send(&sent), waiting);
    assert_eq!(answer.outcome(), "200 TIMEOUT");
    check(&gateway, "query", json!({"billNo": no}), "SUCCESS: REFUND").await;
}

#[tokio::test]
async fn what_a_code_was_made_with_can_be_asked() {
    let gateway = Gateway::start().await;
    let goods = json!([{"goodsId": "1", "goodsName": "\"押金\"", "quantity": "1", "price": "500"}]);
    let common = json!({
        "billDesc": "早餐", "goods": goods, "memberId": "m1", "counterNo": "7", "systemId": "s1",
        "notifyUrl": "https://a.example/n", "returnUrl": "https://a.example/r",
        "limitCreditCard": "true", "fixBuyer": "T", "expireTime": "2026-03-02 11:00:00",
    });
    let common = and(common, person());
    let masked = json!({
        "merName": "湖畔酒店", "name": "张*", "mobile": "138****0000",
        "certType": "IDENTITY_CARD", "certNo": "1****************X",
    });
    for (terms, only) in [
        (
            and(bill("3194B0001"), json!({"walletOption": "MULTIPLE", "installmentNumber": 6})),
            json!({"billDate": BILL_DATE, "billStatus": "UNPAID"}),
        ),
        (and(bill("3194B0002"), json!({"preauthTransaction": "true"})), json!({})),
        (and(bill("3194B0003"), json!({"secureTransaction": "true"})), json!({})),
        (and(fixed(800), json!({"installmentNumber": 12})), json!({})),
    ] {
        let code = made(&gateway, and(terms.clone(), common.clone())).await;
        let fields = json!({"qrCodeId": code, "tid": null, "instMid": null, "billDate": null});
        let answer = check(&gateway, "query-qrcode-info", fields, "SUCCESS").await.json();
        for expected in [&common, &masked, &terms, &only] {
            for (name, value) in expected.as_object().unwrap() {
                let hidden = masked.get(name).unwrap_or(value);
                assert_eq!(answer[name], *hidden, "{name} of {terms}");
            }
        }
        assert_eq!(answer["qrCodeUrl"], answer["billQRCode"]);
        assert!(answer["qrCodeUrl"].as_str().unwrap().ends_with(&code));
    }
    for fields in [json!({"qrCodeId": "no-such-code"})] {
        check(&gateway, "query-qrcode-info", fields, "NO_ORDER: qrCodeId").await;
    }
}

#[tokio::test]
async fn another_merchants_code_is_not_found() {
    let gateway = Gateway::start().await;
    let (accounts, dice) = (&gateway.running.accounts, &gateway.running.core.dice);
    let app_key = AppKey::parse("another key").unwrap();
    let mids = [crate::gateway::mid(OTHER_MID)];
    accounts.add_app(Some("other"), Some(app_key), &mids, &[], dice).await.unwrap();
    for terms in [bill("3194B0001"), fixed(800)] {
        let code = made(&gateway, terms).await;
        for (endpoint, outcome) in [
            ("query-qrcode-info", "200 NO_ORDER"),
            ("close-qrcode", "200 NO_ORDER"),
            ("update-qrcode", "200 NO_ORDER"),
            ("get-qrcode", "200 DUP_ORDER"),
        ] {
            let fields = and(bill("3194B0009"), json!({"qrCodeId": code, "mid": OTHER_MID}));
            let body = request(fields).to_string();
            let nonce = gateway.nonce();
            let stamp = Stamp::at(gateway.wall());
            let signed = sign("other", "another key", &stamp, &nonce, body.as_bytes());
            let sent = Sent::post(&path(endpoint), body).with("Authorization", signed.header());
            assert_eq!(gateway.send(&sent).await.outcome(), outcome, "{endpoint}");
        }
    }
}

#[tokio::test]
async fn the_last_code_of_a_terminal_is_its_last_bills_or_its_last_fixed_one() {
    let gateway = Gateway::start().await;
    let last = async |outcome: &str| {
        check(&gateway, "query-last-qrcode", json!({"billDate": null}), outcome).await.json()
    };
    last("NO_ORDER: tid").await;
    let one_off = made(&gateway, bill("3194B0001")).await;
    made(&gateway, and(bill("3194B0002"), json!({"tid": "other"}))).await;
    let seen = last("SUCCESS").await;
    assert_eq!((&seen["qrCodeId"], &seen["billNo"]), (&json!(one_off), &json!("3194B0001")));
    assert_eq!((&seen["billStatus"], &seen["totalAmount"]), (&json!("UNPAID"), &json!(500)));
    gateway.advance(1_000);
    let code = made(&gateway, fixed(800)).await;
    let seen = last("SUCCESS").await;
    assert_eq!((&seen["qrCodeId"], &seen["billNo"]), (&json!(code), &Value::Null));
    gateway.advance(1_000);
    let scanned = pay(&gateway, &code, "confirm", Value::Null).await;
    let seen = last("SUCCESS: PAID").await;
    assert_eq!((&seen["qrCodeId"], &seen["billNo"]), (&json!(code), &scanned["billNo"]));
}

/// A merchant's system that is asked how much is to be paid.
struct Shop {
    listener: TcpListener,
    key: NoticeKey,
}

impl Shop {
    async fn open(gateway: &Gateway) -> Self {
        let (accounts, clock) = (&gateway.running.accounts, &gateway.running.core.clock);
        let mid = crate::gateway::mid(MID);
        let key = accounts.rotate_notice_key(&mid, None, 0, clock, &Dice::seeded(1)).await.unwrap();
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), key }
    }

    fn url(&self) -> String {
        format!("http://{}/amount", self.listener.local_addr().unwrap())
    }

    /// Waits for a question, which must be signed, answers it with that status and body, and tells the question.
    /// In the body `ID` stands for the question's number; without a body nothing is answered.
    async fn answer(&self, status: u16, body: Option<&str>) -> Value {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.serve(stream, status, body).await
    }

    async fn serve(&self, mut stream: TcpStream, status: u16, body: Option<&str>) -> Value {
        let mut bytes = vec![];
        let asked: Value = loop {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            assert!(head.starts_with("POST /amount HTTP/1.1"), "{head}");
            if let Ok(asked) = serde_json::from_str(body) {
                break asked;
            }
        };
        let pairs = asked.as_object().unwrap().iter();
        assert!(notice::verify(
            &self.key,
            pairs.map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
        ));
        if let Some(body) = body {
            let body = body.replace("ID", asked["msgId"].as_str().unwrap());
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
            // Whoever has read enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        asked
    }
}

/// A fixed code's fields, without an amount: the merchant's system is asked.
fn asking(shop: &Shop) -> Value {
    json!({"billDate": null, "billDesc": "早餐", "memberId": "m1", "systemId": "s1", "srcReserve": "r1", "payInfoQueryAddr": shop.url()})
}

#[tokio::test]
async fn the_merchants_system_says_how_much_is_to_be_paid() {
    for sign_type in [SignType::Md5, SignType::Sha256] {
        let gateway = Gateway::start().await;
        let shop = Shop::open(&gateway).await;
        let change = NoticeChange { sign_type: Some(sign_type), ..NoticeChange::default() };
        let mid = crate::gateway::mid(MID);
        gateway.running.accounts.set_notices(&mid, change, &Dice::seeded(1)).await.unwrap();
        let code = made(&gateway, asking(&shop)).await;
        assert_eq!(look(&gateway, &code).await["amountFrom"], "merchant");
        let said = r#"{"errCode":"SUCCESS","msgId":"ID","responseTimeStamp":"2026-03-02 10:00:00","totalAmount":"1234","billDesc":"午餐","counterNo":"7"}"#;
        let (asked, seen) = tokio::join!(
            shop.answer(200, Some(said)),
            pay(&gateway, &code, "confirm", Value::Null)
        );
        assert_eq!((word(&seen), &seen["totalAmount"]), ("paid", &json!(1234)), "{seen}");
        for (name, value) in [
            ("qrCodeId", code.as_str()),
            ("systemId", "s1"),
            ("memberId", "m1"),
            ("srcReserve", "r1"),
            ("mid", MID),
            ("requestTimestamp", "2026-03-02 10:00:00"),
        ] {
            assert_eq!(asked[name], value, "{name}");
        }
        let no = json!({"billNo": seen["billNo"]});
        let answer = check(&gateway, "query", no, "SUCCESS: PAID").await.json();
        let kept = ["billDesc", "memberId", "counterNo"].map(|name| answer[name].clone());
        assert_eq!(json!(kept), json!(["午餐", "m1", "7"]));
        assert_eq!(word(&pay(&gateway, &code, "scan", json!({"amount": 1})).await), "BAD_REQUEST");
    }
}

#[tokio::test]
async fn without_an_answer_that_can_be_believed_no_bill_is_made() {
    let gateway = Gateway::start().await;
    let shop = Shop::open(&gateway).await;
    let code = made(&gateway, asking(&shop)).await;
    let long = format!(r#"{{"errCode":"SUCCESS","totalAmount":1,"x":"{}"}}"#, "x".repeat(70_000));
    for (status, said, outcome, fragment) in [
        (
            200,
            Some(r#"{"errCode":"FAIL","errMsg":"已打烊"}"#),
            "409 OPERATION_NOT_ALLOWED",
            "已打烊",
        ),
        (200, Some(r#"{"errCode":"FAIL","totalAmount":1}"#), "409 OPERATION_NOT_ALLOWED", "FAIL"),
        (200, Some(r#"{"errCode":"SUCCESS"}"#), "502 INVALID_RESPONSE", "totalAmount"),
        (
            200,
            Some(r#"{"errCode":"SUCCESS","totalAmount":0}"#),
            "502 INVALID_RESPONSE",
            "totalAmount",
        ),
        (
            200,
            Some(r#"{"errCode":"SUCCESS","totalAmount":1.5}"#),
            "502 INVALID_RESPONSE",
            "totalAmount",
        ),
        (
            200,
            Some(r#"{"errCode":"SUCCESS","totalAmount":1,"msgId":"other"}"#),
            "502 INVALID_RESPONSE",
            "another question",
        ),
        (200, Some(r#"{"totalAmount":1}"#), "502 INVALID_RESPONSE", "errCode"),
        (200, Some("SUCCESS"), "502 INVALID_RESPONSE", "cannot be read"),
        (500, Some(r#"{"errCode":"SUCCESS","totalAmount":1}"#), "502 INVALID_RESPONSE", "500"),
        (302, Some(r#"{"errCode":"SUCCESS","totalAmount":1}"#), "502 INVALID_RESPONSE", "302"),
        (200, Some(long.as_str()), "502 INVALID_RESPONSE", "only the first"),
        (200, None, "502 INVALID_RESPONSE", "请联系商家"),
    ] {
        let target = format!("/sim/payer/{code}/scan");
        let scan = gateway.sim("POST", &target, Value::Null);
        let (_, seen) = tokio::join!(shop.answer(status, said), scan);
        assert_eq!(seen.outcome(), outcome, "{said:?}: {}", seen.text());
        assert!(seen.text().contains(fragment), "{said:?}: {}", seen.text());
    }
    assert_eq!(gateway.journal().await, 0);
}

// Time that stands still while anybody works, and leaps when all wait.
#[tokio::test(start_paused = true)]
async fn a_merchants_system_that_hangs_is_not_waited_for_longer_than_a_payer_waits() {
    let (place, clock) = (Place::new(), Clock::standing(Moment(0)));
    let accounts = Accounts::open(place.store.clone(), place.vault.clone()).await.unwrap();
    let mid = crate::gateway::mid(MID);
    accounts.add_merchant(&mid, &Text::parse("湖畔酒店").unwrap()).await.unwrap();
    accounts.rotate_notice_key(&mid, None, 0, &clock, &place.dice).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let fixed = FixedCode {
        code: CodeId::parse("C1").unwrap(),
        tid: Tid::parse("T1").unwrap(),
        terms: CodeTerms { pay_info_query_addr: Some(url), ..CodeTerms::BLANK },
        buyer: None,
        reserve: None,
        created_at: Moment(0),
        fingerprint: Fingerprint([0; 16]),
        closed: false,
        until: None,
        mid: mid.clone(),
    };
    let merchant = accounts.book().merchants.get(&mid).unwrap().clone();
    let codes = codes(&place).await;
    let asked = codes.ask_amount(&merchant, &fixed, Moment(0), &place.dice);
    let late = Untold::Unclear("no answer within 5000 ms".to_owned());
    assert_eq!(asked.await.unwrap_err(), late);
    drop(listener);
}

#[tokio::test]
async fn a_code_that_is_closed_while_its_merchant_is_asked_makes_no_bill() {
    let gateway = Gateway::start().await;
    let shop = Shop::open(&gateway).await;
    let code = made(&gateway, asking(&shop)).await;
    let target = format!("/sim/payer/{code}/scan");
    let closing = async {
        // Connected, and not answered yet.
        let (stream, _) = shop.listener.accept().await.unwrap();
        let close = json!({"qrCodeId": code, "billDate": null});
        check(&gateway, "close-qrcode", close, "SUCCESS").await;
        shop.serve(stream, 200, Some(r#"{"errCode":"SUCCESS","totalAmount":1}"#)).await
    };
    let (seen, _) = tokio::join!(gateway.sim("POST", &target, Value::Null), closing);
    assert_eq!(seen.outcome(), "409 ORDER_PROCESSING", "{}", seen.text());
    assert_eq!(gateway.journal().await, 0);
}

#[tokio::test]
async fn a_merchant_without_a_key_or_an_address_that_nobody_may_call_is_not_asked() {
    let gateway = Gateway::start().await;
    let terms = |url: &str| json!({"billDate": null, "payInfoQueryAddr": url});
    let code = made(&gateway, terms("http://127.0.0.1:9/")).await;
    let seen = pay(&gateway, &code, "scan", Value::Null).await;
    assert!(seen["errMsg"].as_str().unwrap().contains("rotate-notice-key"), "{seen}");
    Shop::open(&gateway).await;
    let code = made(&gateway, terms("http://169.254.169.254/")).await;
    let seen = pay(&gateway, &code, "scan", Value::Null).await;
    assert!(seen["errMsg"].as_str().unwrap().contains("link-local"), "{seen}");
    assert_eq!(gateway.journal().await, 0);
}

/// Each line: what the bill asks of its payer, how one tries to pay, and the rule that keeps that one out.
#[tokio::test]
async fn only_a_payer_who_keeps_the_rules_of_the_bill_can_pay() {
    let only = || and(person(), json!({"fixBuyer": "T"}));
    let shown = |name: &str, number: &str| json!({"name": name, "certNo": number});
    let right = "11010519491231002X";
    for (number, (rules, how, refused)) in [
        (json!({"limitCreditCard": "true"}), json!({"card": "credit"}), "credit cards"),
        (json!({"limitCreditCard": "true"}), json!({"card": "debit"}), ""),
        (json!({"limitCreditCard": "false"}), json!({"card": "credit"}), ""),
        (json!({"installmentNumber": 3}), json!({"through": "wechat"}), "alipay"),
        (json!({"installmentNumber": 3}), json!({}), "alipay"),
        (json!({"installmentNumber": 3}), json!({"through": "alipay"}), ""),
        (only(), json!({}), "named person"),
        (only(), shown("李四", right), "named person"),
        (only(), shown("张三", "110105194912310029"), "named person"),
        (only(), json!({"name": "张三"}), "named person"),
        (only(), shown("张三", right), ""),
        (only(), shown("张三", "11010519491231002x"), ""),
        (person(), json!({}), ""),
        (json!({"fixBuyer": "T", "name": base64("张三")}), json!({"name": "张三"}), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let gateway = Gateway::start().await;
        for terms in [and(bill("3194B0001"), rules.clone()), and(fixed(800), rules.clone())] {
            let code = made(&gateway, terms).await;
            let seen = pay(&gateway, &code, "confirm", how.clone()).await;
            let word = word(&seen);
            match refused {
                "" => assert_eq!(word, "paid", "{number}: {seen}"),
                _ => {
                    assert_eq!(word, "TARGET_FAIL", "{number}: {seen}");
                    let text = seen["errMsg"].as_str().unwrap();
                    assert!(text.contains(refused), "{number}: {text}");
                }
            }
        }
    }
}

#[tokio::test]
async fn who_is_to_pay_stands_nowhere_readable() {
    let place = Place::new();
    let gateway = place.open().await;
    let terms = and(person(), json!({"fixBuyer": "T"}));
    made(&gateway, and(bill("3194B0001"), terms.clone())).await;
    let code = made(&gateway, and(fixed(800), terms.clone())).await;
    let shown = json!({"name": "张三", "certNo": "11010519491231002X"});
    assert_eq!(word(&pay(&gateway, &code, "confirm", shown).await), "paid");
    let mut kept = String::new();
    for record in place.store.journal(0, usize::MAX).await.unwrap() {
        kept += &format!("{record:?}");
    }
    for kind in [Kind::FixedCode, Kind::LastFixedCode] {
        kept += &format!("{:?}", place.store.registry(kind).await.unwrap());
    }
    assert!(kept.contains(&code) && kept.contains("IDENTITY_CARD"), "{kept}");
    let secrets = terms
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| ["name", "mobile", "certNo"].contains(&name.as_str()));
    for (name, coded) in secrets {
        let coded = coded.as_str().unwrap();
        let plain = String::from_utf8(BASE64_STANDARD.decode(coded).unwrap()).unwrap();
        assert!(!kept.contains(coded) && !kept.contains(&plain), "{name}");
    }
}

/// A digest of few possible values tells which one it is of, to whoever tries them all.
#[tokio::test]
async fn who_is_to_pay_cannot_be_tried_out_from_what_is_kept() {
    let place = Place::new();
    let gateway = place.open().await;
    for (named, plain) in [(person(), false), (json!({}), true)] {
        let no = if plain { "3194B0002" } else { "3194B0001" };
        let fields = and(bill(no), named);
        let code = made(&gateway, fields.clone()).await;
        let body = request(fields.clone()).to_string();
        let object = Object::parse(body.as_bytes()).unwrap();
        let asked = Request::decode(&path("get-qrcode"), &object).unwrap().unwrap();
        let kept = gateway.running.core.load(&key(no)).await.unwrap().terms.fingerprint;
        assert_eq!(kept == asked.fingerprint(), plain, "{fields}");
        // All the same a repeat is known, and so is another person.
        assert_eq!(made(&gateway, fields.clone()).await, code);
        let other = and(fields, json!({"mobile": base64("13800000001")}));
        check(&gateway, "get-qrcode", other, "DUP_ORDER").await;
    }
}
