//! The predecessor protocol: another door, the same answers.

use holdfast_domain::Text;
use holdfast_gateway::accounts::{AppChange, Frozen};
use holdfast_wire::{
    legacy::{PATH, Signed},
    secret::NoticeKey,
    time,
};
use serde_json::{Value, json};

use crate::{
    gateway::{APP, Gateway, MID, OTHER_MID, Place, mid},
    wire::{Answer, Sent, exchange},
};

/// The app's name in the predecessor protocol.
const SOURCE: &str = "WWW.SHOP.EXAMPLE";
const KEY: &str = "a communication key that only this test knows";

/// A gateway at which an app calls by a name, for a merchant that has a communication key.
async fn gateway() -> Gateway {
    Place::new().open().await.with_legacy(MID, KEY).await
}

impl Gateway {
    async fn with_legacy(self, mid: &str, key: &str) -> Self {
        let source = Text::parse(SOURCE).unwrap();
        self.running.accounts.set_app(APP, &AppChange::called(Some(&source))).await.unwrap();
        self.notice_key(mid, key, 0).await;
        self
    }

    /// Gives a merchant a communication key; the one before it is good for so long.
    async fn notice_key(&self, mid: &str, key: &str, overlap_ms: i64) {
        let (dice, key) =
            (holdfast_gateway::clock::Dice::seeded(8), NoticeKey::parse(key).unwrap());
        let accounts = &self.running.accounts;
        let clock = &self.running.core.clock;
        let mid = crate::gateway::mid(mid);
        accounts.rotate_notice_key(&mid, Some(key), overlap_ms, clock, &dice).await.unwrap();
    }

    /// Sends a request of the merchant, signed.
    async fn ask(&self, msg_type: &str, fields: Value) -> Answer {
        self.send(&Sent::post(PATH, signed(KEY, request(msg_type, fields)))).await
    }

    /// The same, and it succeeds.
    async fn done(&self, msg_type: &str, fields: Value) -> Value {
        let answer = self.ask(msg_type, fields).await;
        assert_eq!(answer.outcome(), "200 SUCCESS", "{msg_type}: {}", answer.text());
        assert!(is_signed(&answer, KEY), "{msg_type}: {}", answer.text());
        assert_eq!(answer.field("msgType"), msg_type, "{}", answer.text());
        assert_eq!(answer.field("msgSrc"), SOURCE, "{}", answer.text());
        answer.json()
    }
}

/// A request of the merchant that is not signed yet: what all have, and these beside or instead.
fn request(msg_type: &str, fields: Value) -> Value {
    let all = json!({"msgType": msg_type, "msgSrc": SOURCE, "msgId": "7"});
    let mut all = crate::gateway::request(all);
    for (name, value) in fields.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    all
}

/// The body with its signature.
fn signed(key: &str, mut body: Value) -> String {
    let text = body.to_string();
    let key = NoticeKey::parse(key).unwrap();
    body["sign"] = Signed::parse(text.as_bytes()).unwrap().sign(&key).into();
    body.to_string()
}

fn is_signed(answer: &Answer, key: &str) -> bool {
    let key = NoticeKey::parse(key).unwrap();
    Signed::parse(&answer.body).unwrap().is_signed_with(&key)
}

#[tokio::test]
async fn a_hold_lives_from_its_code_to_its_refund_over_the_predecessor_protocol() {
    for sign_type in [Value::Null, json!("MD5"), json!("SHA256")] {
        let gateway = gateway().await;
        let fields = |mut fields: Value| {
            fields["signType"] = sign_type.clone();
            fields
        };
        let made = gateway
            .done(
                "bills.getQRCode",
                fields(json!({
                    "billNo": "3194B0001", "billDesc": "押金 1号房", "totalAmount": "50000",
                    "preauthTransaction": true, "goods": [{"goodsName": "押金", "price": "50000"}],
                })),
            )
            .await;
        let signs = match sign_type == json!("SHA256") {
            true => (json!("SHA256"), 64),
            false => (Value::Null, 32),
        };
        assert_eq!((made["signType"].clone(), made["sign"].as_str().unwrap().len()), signs);
        let pay = format!("/sim/payer/{}/confirm", made["qrCodeId"].as_str().unwrap());
        assert_eq!(gateway.sim("POST", &pay, Value::Null).await.status, 200);

        let bill = json!({"billNo": "3194B0001"});
        let held = gateway.done("bills.query", fields(bill.clone())).await;
        assert_eq!(held["billStatus"], "PAID", "{held}");
        let capture = json!({
            "billNo": "3194B0001", "authedOrderId": "3194C1", "totalAmount": 40000,
            "authIdRespCd": held["authIdRespCd"],
        });
        let captured = gateway.done("bills.preauthed", fields(capture)).await;
        assert_eq!(captured["authedBillPayment"]["totalAmount"], 40000, "{captured}");
        let refund =
            json!({"billNo": "3194B0001", "refundOrderId": "3194R1", "refundAmount": "900"});
        let refunded = gateway.done("bills.refund", fields(refund.clone())).await;
        assert_eq!(refunded["refundAmount"], 900, "{refunded}");
        // Sent again it is answered the same, and nothing is done again.
        let journal = gateway.journal().await;
        assert_eq!(gateway.done("bills.refund", fields(refund)).await, refunded);
        assert_eq!(gateway.journal().await, journal);
        let query = json!({"billNo": "3194B0001", "refundOrderId": "3194R1"});
        let queried = gateway.done("bills.query", fields(query)).await;
        assert_eq!(queried["billStatus"], "REFUND", "{queried}");
        assert_eq!(queried["refundBillPayment"]["totalAmount"], 900, "{queried}");
    }
}

#[tokio::test]
async fn guarantees_are_completed_and_given_up_over_the_predecessor_protocol() {
    let gateway = gateway().await;
    for (bill, asked, status) in [
        ("3194B0001", "secureComplete", "PARTLY_COMPLETED"),
        ("3194B0002", "secureCancel", "CANCELED"),
    ] {
        let fields = json!({"billNo": bill, "totalAmount": 500, "secureTransaction": "true"});
        let made = gateway.done("bills.getQRCode", fields).await;
        let pay = format!("/sim/payer/{}/confirm", made["qrCodeId"].as_str().unwrap());
        assert_eq!(gateway.sim("POST", &pay, Value::Null).await.status, 200);
        let fields = json!({"merOrderId": format!("{bill}0"), "completedAmount": 300});
        let settled = gateway.done(asked, fields).await;
        assert_eq!(settled["secureStatus"], status, "{settled}");
    }
}

#[tokio::test]
async fn both_protocols_see_the_same_bills() {
    let gateway = gateway().await;
    let fields = json!({"billNo": "3194B0001", "totalAmount": 1});
    let made = gateway.done("bills.getQRCode", fields.clone()).await;
    let again = gateway.call("get-qrcode", fields).await;
    assert_eq!(again.outcome(), "200 SUCCESS", "{}", again.text());
    assert_eq!(made["qrCodeId"], again.json()["qrCodeId"]);
    let closed = gateway.done("bills.closeQRCode", json!({"qrCodeId": made["qrCodeId"]})).await;
    assert_eq!(closed["billStatus"], "CLOSED");
    assert_eq!(
        gateway.call("query", json!({"billNo": "3194B0001"})).await.field("billStatus"),
        "CLOSED"
    );
    // The address does without its last slash.
    let query = signed(KEY, request("bills.query", json!({"billNo": "3194B0001"})));
    let answer = gateway.send(&Sent::post(PATH.trim_end_matches('/'), query)).await;
    assert_eq!(answer.outcome(), "200 SUCCESS");
}

/// The vendor's own request, with the key and the signatures that were published with it.
#[tokio::test]
async fn the_official_example_is_served() {
    const MID: &str = "898340149000005";
    const KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";
    const GOODS: &str = r#"[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]"#;
    const MD5: &str = "57F81BAF8E3BAE1190B26D6C733038AF";
    const SHA256: &str = "a9eced8dd8425d1fc4047cf94e672c69ed1073557ee831c51287341cfab0b21f";
    let place = Place { at: time::parse("2017-06-26 17:28:02").unwrap(), ..Place::new() };
    let gateway = place.open().await;
    let accounts = &gateway.running.accounts;
    accounts.add_merchant(&mid(MID), &Text::parse("测试商户").unwrap()).await.unwrap();
    accounts.add_app(Some("example"), None, &[mid(MID)], &[], &place.dice).await.unwrap();
    let source = Text::parse("WWW.TEST.COM").unwrap();
    accounts.set_app("example", &AppChange::called(Some(&source))).await.unwrap();
    gateway.notice_key(MID, KEY, 0).await;
    let as_text = Value::from(GOODS).to_string();
    for (goods, sign) in [(GOODS, MD5), (&as_text, MD5), (GOODS, SHA256), (&as_text, SHA256)] {
        let body = format!(
            r#"{{"msgSrc":"WWW.TEST.COM","msgType":"bills.getQRCode","requestTimestamp":"2017-06-26 17:28:02","mid":"{MID}","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"31940000201700002","billDate":"2017-06-26","totalAmount":"1","goods":{goods},"walletOption":"SINGLE","sign":"{sign}"}}"#
        );
        let answer = gateway.send(&Sent::post(PATH, body)).await;
        assert_eq!(answer.outcome(), "200 SUCCESS", "{}", answer.text());
        assert!(is_signed(&answer, KEY), "{}", answer.text());
        assert_eq!(answer.field("sign").len(), sign.len());
    }
    assert_eq!(gateway.journal().await, 1);
}

#[tokio::test]
async fn whoever_is_refused_is_told_why_with_status_200_and_signed_only_if_they_signed() {
    let gateway = gateway().await;
    let other_key = "the other merchant's communication key";
    gateway.notice_key(OTHER_MID, other_key, 0).await;
    let ask = |fields| request("bills.query", fields);
    let before = gateway.journal().await;
    for (sent, outcome, told) in [
        (signed(KEY, ask(json!({"msgSrc": "WWW.NOBODY"}))), "INVALID_MSGSRC", "msgSrc"),
        (signed(KEY, ask(json!({"msgSrc": null}))), "INVALID_MSGSRC", "msgSrc"),
        (signed(KEY, ask(json!({"msgSrc": 7}))), "INVALID_MSGSRC", "msgSrc"),
        (signed("another key", ask(json!({}))), "BAD_SIGN", "认证失败"),
        (signed(other_key, ask(json!({}))), "BAD_SIGN", "认证失败"),
        (signed(KEY, ask(json!({"mid": OTHER_MID}))), "BAD_SIGN", "认证失败"),
        (signed(KEY, ask(json!({"mid": "898000000000000"}))), "BAD_SIGN", "认证失败"),
        (signed(KEY, ask(json!({"mid": null}))), "BAD_SIGN", "认证失败"),
        // The key with which nobody is compared is nobody's.
        (signed(&"0".repeat(32), ask(json!({"mid": "898000000000000"}))), "BAD_SIGN", "认证失败"),
        (signed(KEY, ask(json!({"memo=x&tid": "1"}))), "BAD_SIGN", "leave open what was signed"),
        (
            signed(KEY, ask(json!({"requestTimestamp": "2026-03-02 10:00:00&srcReserve=x"}))),
            "BAD_SIGN",
            "requestTimestamp: 字段名",
        ),
        (ask(json!({})).to_string(), "BAD_SIGN", "认证失败"),
        (ask(json!({"sign": ""})).to_string(), "BAD_SIGN", "认证失败"),
        (signed(KEY, ask(json!({}))).replace("88880001", "88880002"), "BAD_SIGN", "认证失败"),
        ("{}".to_owned(), "INVALID_MSGSRC", "msgSrc"),
        ("mid=898".to_owned(), "BAD_REQUEST", "JSON"),
        (r#"{"mid":"1","mid":"2"}"#.to_owned(), "BAD_REQUEST", "mid"),
        (String::new(), "BAD_REQUEST", "JSON"),
    ] {
        let answer = gateway.send(&Sent::post(PATH, sent.as_str())).await;
        assert_eq!(answer.outcome(), format!("200 {outcome}"), "{sent}: {}", answer.text());
        assert!(answer.field("errMsg").contains(told), "{sent}: {}", answer.text());
        assert_eq!(answer.field("sign"), "", "{sent}: {}", answer.text());
    }
    let long_ago = "2026-03-02 09:00:00";
    for (key, sent, outcome, told) in [
        (KEY, request("bills.getQrCode", json!({})), "NO_SERVICE", "bills.getQrCode"),
        (KEY, ask(json!({"msgType": null})), "NO_SERVICE", "msgType"),
        (other_key, ask(json!({"mid": OTHER_MID, "billNo": "3194B0001"})), "NO_MERCHANT", "mid"),
        (KEY, ask(json!({})), "BAD_REQUEST", "billNo"),
        (
            KEY,
            ask(json!({"billNo": "3194B0001", "requestTimestamp": null})),
            "BAD_REQUEST",
            "requestTimestamp",
        ),
        (
            KEY,
            ask(json!({"billNo": "3194B0001", "requestTimestamp": long_ago})),
            "ABNORMAL_REQUEST_TIME",
            "requestTimestamp",
        ),
        (KEY, ask(json!({"billNo": "3194B0001"})), "NO_ORDER", "billNo"),
    ] {
        let sent = signed(key, sent);
        let answer = gateway.send(&Sent::post(PATH, sent.as_str())).await;
        assert_eq!(answer.outcome(), format!("200 {outcome}"), "{sent}: {}", answer.text());
        assert!(answer.field("errMsg").contains(told), "{sent}: {}", answer.text());
        assert!(is_signed(&answer, key), "{sent}: {}", answer.text());
        assert_eq!(
            (answer.field("msgSrc"), answer.field("msgId")),
            (SOURCE.to_owned(), "7".to_owned())
        );
    }
    gateway.running.accounts.freeze(&mid(MID), Some(&Frozen::default())).await.unwrap();
    let answer = gateway.ask("bills.query", json!({"billNo": "3194B0001"})).await;
    assert_eq!(answer.outcome(), "200 INACTIVE_MERCHANT");
    assert!(is_signed(&answer, KEY));
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn an_app_calls_only_from_its_networks() {
    let place = Place::new();
    let gateway = place.open().await.with_legacy(MID, KEY).await;
    let networks = ["10.0.0.0/8".parse().unwrap()];
    let accounts = &gateway.running.accounts;
    accounts.add_app(Some("far"), None, &[mid(MID)], &networks, &place.dice).await.unwrap();
    let source = Text::parse("WWW.FAR.EXAMPLE").unwrap();
    accounts.set_app("far", &AppChange::called(Some(&source))).await.unwrap();
    let answer = gateway.ask("bills.query", json!({"msgSrc": "WWW.FAR.EXAMPLE"})).await;
    assert_eq!(answer.outcome(), "200 DENIED_IP", "{}", answer.text());
    assert_eq!(answer.field("sign"), "", "{}", answer.text());
}

#[tokio::test]
async fn while_a_key_is_replaced_both_are_good_and_each_is_answered_by_itself() {
    let gateway = gateway().await;
    gateway.notice_key(MID, "the next key", 60_000).await;
    for (key, good) in [(KEY, true), ("the next key", true), ("another key", false)] {
        let sent = signed(key, request("bills.query", json!({"billNo": "3194B0001"})));
        let answer = gateway.send(&Sent::post(PATH, sent)).await;
        let outcome = if good { "200 NO_ORDER" } else { "200 BAD_SIGN" };
        assert_eq!(answer.outcome(), outcome, "{key}: {}", answer.text());
        assert_eq!(is_signed(&answer, key), good, "{key}: {}", answer.text());
    }
}

#[tokio::test]
async fn in_the_test_environment_a_wrong_signature_is_told_what_was_to_be_signed() {
    let body = json!({"msgSrc": SOURCE, "mid": MID, "b": 2, "a": [1], "sign": "x"});
    for (environment, told) in [("test", true), ("live", false)] {
        let place = Place::with(&[("environment", environment)]);
        let gateway = place.open().await.with_legacy(MID, KEY).await;
        let answer = gateway.send(&Sent::post(PATH, body.to_string())).await;
        assert_eq!(answer.outcome(), "200 BAD_SIGN", "{}", answer.text());
        let signed = &answer.json()["signed"];
        assert_eq!(signed.is_object(), told, "{environment}: {}", answer.text());
        if told {
            let text = format!("a=[1]&b=2&mid={MID}&msgSrc={SOURCE}");
            assert_eq!(signed["text"], text, "{signed}");
        }
        assert!(!answer.text().contains(KEY), "{}", answer.text());
    }
}

#[tokio::test]
async fn it_has_one_address_and_is_only_posted_to() {
    let gateway = gateway().await;
    let body = signed(KEY, request("bills.query", json!({"billNo": "3194B0001"})));
    for (method, target, status) in [
        ("POST", "/netpay-route-server/api/", 200),
        ("POST", "/netpay-route-server/api/?a=1", 200),
        ("POST", "/netpay-route-server/api//", 404),
        ("POST", "/netpay-route-server/", 404),
        ("POST", "/netpay-route-server/api/bills.query", 404),
        ("GET", "/netpay-route-server/api/", 405),
        ("GET", "/netpay-route-server/api/?authorization=OPEN-FORM-PARAM", 405),
        ("PUT", "/netpay-route-server/api/", 405),
    ] {
        let sent = Sent { method, ..Sent::post(target, body.as_str()) };
        assert_eq!(gateway.send(&sent).await.status, status, "{method} {target}");
    }
    let long = Sent::post(PATH, " ".repeat(64 * 1024 + 1));
    let answer = exchange(gateway.running.address, &long.bytes()).await;
    assert!(answer.is_none_or(|answer| answer.status == 413));
}
