//! What a merchant and an app may ask for: limits, registered terminals, frozen apps.

use std::sync::Arc;

use holdfast_domain::{Amount, Text, Tid};
use holdfast_gateway::accounts::{DayTotal, Frozen, MerchantChange};
use serde_json::{Value, json};

use crate::{
    gateway::{APP, Gateway, MID, TID, mid, path, request},
    wire::Sent,
};

impl Gateway {
    async fn limit(&self, bill: Option<u64>, day: Option<u64>) {
        let change = MerchantChange {
            bill_max: Some(bill.map(|fen| Amount::from_fen(fen).unwrap())),
            day_max: Some(day.and_then(DayTotal::from_fen)),
            ..MerchantChange::default()
        };
        self.running.accounts.set_merchant(&mid(MID), &change).await.unwrap();
    }

    /// Asks for a hold and answers in short what came of it.
    async fn ask_hold(&self, bill: &str, fen: u64) -> String {
        self.call("get-qrcode", hold(bill, fen)).await.outcome()
    }
}

fn hold(bill: &str, fen: u64) -> Value {
    json!({"billNo": bill, "totalAmount": fen, "preauthTransaction": "true"})
}

const DONE: &str = "200 SUCCESS";
const REFUSED: &str = "200 OPERATION_NOT_ALLOWED";

#[tokio::test]
async fn a_bill_is_no_larger_than_its_merchant_may_ask_for() {
    let gateway = Gateway::start().await;
    let auth = gateway.authorized("3194B0001", 60_000).await;
    gateway.limit(Some(50_000), None).await;
    for (bill, fen, outcome) in [
        ("3194B0002", 50_000, DONE),
        ("3194B0003", 50_001, REFUSED),
        // Asked before there was a limit: a repeat is answered as the first was.
        ("3194B0001", 60_000, DONE),
    ] {
        assert_eq!(gateway.ask_hold(bill, fen).await, outcome, "{bill} {fen}");
    }
    // What was begun is not measured.
    let capture = json!({"billNo": "3194B0001", "authedOrderId": "3194C1", "authIdRespCd": auth, "totalAmount": 60_000});
    assert_eq!(gateway.call("preauthed", capture).await.outcome(), DONE);

    let refused = gateway.call("get-qrcode", hold("3194B0003", 50_001)).await;
    let text = refused.field("errMsg");
    assert!(text.contains("单笔限额 500.00 元") && text.contains("500.00 yuan"), "{text}");
    let foretold = gateway.foretold(hold("3194B0003", 50_001)).await;
    assert_eq!(
        (&foretold["verdict"], &foretold["code"]),
        (&json!("refused"), &json!("OPERATION_NOT_ALLOWED"))
    );
    assert!(foretold["reason"].as_str().unwrap().contains("500.00 yuan"), "{foretold}");
    // A fixed code about too much cannot be made either; that of a smaller amount can.
    let fixed = |fen: u64| json!({"totalAmount": fen, "billDate": null});
    assert_eq!(gateway.call("get-qrcode", fixed(50_001)).await.outcome(), REFUSED);
    assert_eq!(gateway.call("get-qrcode", fixed(50_000)).await.outcome(), DONE);
}

impl Gateway {
    /// What a preview of `get-qrcode` says.
    async fn foretold(&self, fields: Value) -> Value {
        let preview = json!({"path": path("get-qrcode"), "request": request(fields), "billDate": null, "tid": null, "instMid": null});
        let told = self.call("preview", preview).await;
        assert_eq!(told.outcome(), DONE, "{}", told.text());
        told.json()
    }
}

#[tokio::test]
async fn the_bills_of_a_business_day_together_stay_within_the_limit() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.ask_hold("3194B0001", 30_000).await, DONE);
    gateway.limit(None, Some(100_000)).await;
    // What was asked for before the limit was set counts.
    assert_eq!(gateway.ask_hold("3194B0002", 70_001).await, REFUSED);
    assert_eq!(gateway.ask_hold("3194B0002", 70_000).await, DONE);
    let over = gateway.call("get-qrcode", hold("3194B0003", 1)).await;
    let text = over.field("errMsg");
    assert!(text.contains("单日限额 1000.00 元") && text.contains("1000.00 are taken"), "{text}");
    assert_eq!(gateway.foretold(hold("3194B0003", 1)).await["verdict"], "refused");
    // A repeat takes no more room.
    assert_eq!(gateway.ask_hold("3194B0002", 70_000).await, DONE);

    // An unpaid bill that is closed gives its room back, one that is replaced its own.
    let closed = gateway.call("close-qrcode", json!({"billNo": "3194B0002"})).await;
    assert_eq!(closed.outcome(), DONE, "{}", closed.text());
    assert_eq!(gateway.foretold(hold("3194B0003", 70_000)).await["verdict"], "done");
    let made = gateway.call("get-qrcode", hold("3194B0003", 70_000)).await;
    let code = made.field("qrCodeId");
    let mut fields = hold("3194B0004", 70_001);
    fields["qrCodeId"] = json!(code);
    assert_eq!(gateway.call("update-qrcode", fields.clone()).await.outcome(), REFUSED);
    assert_eq!(gateway.phase("3194B0003").await, "requested", "it was closed in vain");
    fields["totalAmount"] = json!(69_999);
    assert_eq!(gateway.call("update-qrcode", fields).await.outcome(), DONE);
    assert_eq!(gateway.ask_hold("3194B0005", 2).await, REFUSED);
    assert_eq!(gateway.ask_hold("3194B0005", 1).await, DONE);

    // The next business day begins at 23:00 and has a limit of its own; what lapses then is yesterday's.
    gateway.advance(13 * 3_600_000);
    assert_eq!(gateway.ask_hold("3194B0006", 100_001).await, REFUSED);
    assert_eq!(gateway.ask_hold("3194B0006", 100_000).await, DONE);
    assert_eq!(gateway.ask_hold("3194B0007", 1).await, REFUSED);
}

#[tokio::test]
async fn what_a_payer_has_paid_counts_for_the_day_also_when_it_is_given_back() {
    let gateway = Gateway::start().await;
    gateway.limit(None, Some(100_000)).await;
    let auth = gateway.authorized("3194B0001", 100_000).await;
    let release = json!({"billNo": "3194B0001", "merOrderId": "3194B00010", "authIdRespCd": auth});
    assert_eq!(gateway.call("preauth-cancel", release).await.outcome(), DONE);
    assert_eq!(gateway.ask_hold("3194B0002", 1).await, REFUSED);
}

#[tokio::test]
async fn many_requests_at_once_do_not_go_beyond_the_limit_together() {
    let gateway = Arc::new(Gateway::start().await);
    gateway.limit(None, Some(100_000)).await;
    let asked = (0..40).map(|number| {
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.ask_hold(&format!("3194B{number:04}"), 10_000).await })
    });
    let (mut done, mut refused) = (0, 0);
    for asked in asked.collect::<Vec<_>>() {
        match asked.await.unwrap().as_str() {
            DONE => done += 1,
            REFUSED => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((done, refused), (10, 30));
}

#[tokio::test]
async fn a_merchant_can_take_requests_of_its_registered_terminals_only() {
    let gateway = Gateway::start().await;
    let set = async |terminals: &[&str], only: bool| {
        let change = MerchantChange {
            terminals: terminals.iter().map(|tid| (Tid::parse(tid).unwrap(), None)).collect(),
            only_terminals: Some(only),
            ..MerchantChange::default()
        };
        gateway.running.accounts.set_merchant(&mid(MID), &change).await.unwrap();
    };
    let ask = async |tid: &str| {
        let query = json!({"billNo": "3194B0001", "tid": tid});
        gateway.call("query", query).await
    };
    gateway.hold("3194B0001", 100).await;
    set(&["T2"], false).await;
    assert_eq!(ask(TID).await.outcome(), DONE);
    set(&[], true).await;
    for (tid, outcome) in [(TID, "200 NO_MERCHANT"), ("T2", DONE), ("t2", "200 NO_MERCHANT")] {
        assert_eq!(ask(tid).await.outcome(), outcome, "{tid}");
    }
    let text = ask(TID).await.field("errMsg");
    assert!(
        text.contains("终端 88880001 未登记") && text.contains("registered terminals only"),
        "{text}"
    );
    set(&[TID], true).await;
    assert_eq!(ask(TID).await.outcome(), DONE);
}

#[tokio::test]
async fn a_frozen_app_is_refused_after_it_has_proved_who_it_is() {
    let gateway = Gateway::start().await;
    let accounts = &gateway.running.accounts;
    let frozen = Frozen { why: Text::parse("the key was seen in a log").ok() };
    gateway.hold("3194B0001", 100).await;
    accounts.freeze_app(APP, Some(&frozen)).await.unwrap();
    let before = gateway.journal().await;
    let answer = gateway.call("get-qrcode", hold("3194B0002", 100)).await;
    assert_eq!(answer.outcome(), "200 INACTIVE_MERCHANT");
    let text = answer.field("errMsg");
    assert!(text.contains("已被冻结") && text.contains("is frozen"), "{text}");
    assert!(!text.contains("seen in a log"), "the reason is for those who run the gateway: {text}");
    // A stranger learns nothing of it.
    let stranger = Sent::post(&path("query"), request(json!({})).to_string());
    let header = gateway.signature(b"something else").header();
    let stranger = gateway.send(&stranger.with("Authorization", header)).await;
    assert_eq!(stranger.outcome(), "401 BAD_SIGN");
    assert_eq!(gateway.journal().await, before);
    accounts.freeze_app(APP, None).await.unwrap();
    assert_eq!(gateway.ask_hold("3194B0002", 100).await, DONE);
}

#[tokio::test]
async fn a_fixed_code_makes_no_bill_for_a_frozen_merchant_or_beyond_its_limits() {
    let gateway = Gateway::start().await;
    let made = gateway.call("get-qrcode", json!({"billDate": null})).await;
    let scan = format!("/sim/payer/{}/scan", made.field("qrCodeId"));
    let outcome = async |fen: u64| {
        let scanned = gateway.sim("POST", &scan, json!({"amount": fen})).await;
        scanned.json()["errCode"].as_str().unwrap_or("made").to_owned()
    };
    gateway.limit(Some(5_000), Some(10_000)).await;
    for (fen, expected) in [
        (5_001, "OPERATION_NOT_ALLOWED"),
        (5_000, "made"),
        (5_000, "made"),
        (1, "OPERATION_NOT_ALLOWED"),
    ] {
        assert_eq!(outcome(fen).await, expected, "{fen}");
    }
    gateway.limit(None, None).await;
    gateway.running.accounts.freeze(&mid(MID), Some(&Frozen::default())).await.unwrap();
    assert_eq!(outcome(1).await, "INACTIVE_MERCHANT");
}
