//! The life of a bill over signed HTTP, from the code to the last refund.

use holdfast_gateway::config::Config;
use serde_json::{Value, json};

use crate::{
    gateway::{BILL_DATE, Gateway, MID, Place, START, TID},
    script::{Play, check, check_in},
};

#[tokio::test]
async fn a_hold_is_captured_in_part_reversed_captured_again_and_refunded() {
    check(
        "
        hold 1908       | SUCCESS
        query           | SUCCESS UNPAID
        money           | payer 0 held 0 merchant 0
        confirm         | authorized
        query           | SUCCESS PAID pay 1908 TRADE_SUCCESS
        money           | payer -1908 held 1908 merchant 0
        capture C1 1000 | SUCCESS PAID C1 1000 TRADE_SUCCESS
        query C1        | SUCCESS PAID pay 1908 TRADE_SUCCESS C1 1000 TRADE_SUCCESS
        money           | payer -1000 held 0 merchant 1000
        reverse C1      | SUCCESS PAID C1 1000 TRADE_CLOSED
        query C1        | SUCCESS PAID pay 1908 TRADE_SUCCESS C1 1000 TRADE_CLOSED
        money           | payer -1908 held 1908 merchant 0
        capture C2 1908 | SUCCESS PAID C2 1908 TRADE_SUCCESS
        money           | payer -1908 held 0 merchant 1908
        refund R1 900   | SUCCESS REFUND R1 900 SUCCESS
        query C2 R1     | SUCCESS REFUND pay 1908 TRADE_REFUND C2 1908 TRADE_REFUND R1 900 TRADE_SUCCESS
        refund R2 1009  | OPERATION_NOT_ALLOWED
        refund R3 1008  | SUCCESS REFUND R3 1008 SUCCESS
        refund R4 1     | OPERATION_NOT_ALLOWED
        query C1 R3     | SUCCESS REFUND pay 1908 TRADE_REFUND C1 1000 TRADE_CLOSED R3 1008 TRADE_SUCCESS
        money           | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_plain_payment_is_paid_at_once_and_can_only_be_refunded() {
    check(
        "
        bill 500           | SUCCESS
        confirm            | paid
        query              | SUCCESS PAID pay 500 TRADE_SUCCESS
        close              | OPERATION_NOT_ALLOWED
        capture C1 500     | OPERATION_NOT_ALLOWED
        release            | OPERATION_NOT_ALLOWED
        reverse C1         | NO_ORDER merOrderId
        refund R1 200      | SUCCESS REFUND R1 200 SUCCESS
        query C1 R1        | SUCCESS REFUND pay 500 TRADE_REFUND R1 200 TRADE_SUCCESS
        money              | payer -300 held 0 merchant 300
        ",
    )
    .await;
}

#[tokio::test]
async fn a_hold_that_is_given_up_goes_back_whole() {
    for release in ["release", "release-by-alias", "cancel-of-2020 pay"] {
        check(&format!(
            "
            hold 500       | SUCCESS
            confirm        | authorized
            {release}      | SUCCESS CLOSED pay 500 TRADE_CLOSED
            query          | SUCCESS CLOSED pay 500 TRADE_CLOSED
            money          | payer 0 held 0 merchant 0
            capture C1 1   | OPERATION_NOT_ALLOWED
            refund R1 1    | OPERATION_NOT_ALLOWED
            "
        ))
        .await;
    }
}

/// The interface of 2020 undid holds and captures alike: `cancelOrderId` says which.
#[tokio::test]
async fn the_cancel_of_2020_undoes_a_capture_too() {
    check(
        "
        hold 500           | SUCCESS
        confirm            | authorized
        capture C1 300     | SUCCESS PAID C1 300 TRADE_SUCCESS
        cancel-of-2020 pay | OPERATION_NOT_ALLOWED
        cancel-of-2020 C9  | NO_ORDER merOrderId
        cancel-of-2020 C1  | SUCCESS PAID C1 300 TRADE_CLOSED
        money              | payer -500 held 500 merchant 0
        cancel-of-2020 pay | SUCCESS CLOSED pay 500 TRADE_CLOSED
        money              | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn the_cancel_of_2020_is_answered_in_its_own_words() {
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "capture C1 300", "cancel-of-2020 C1"] {
        play.run(line).await;
    }
    let body = play.last.unwrap().json();
    assert_eq!(body["cancelOrderId"], "3194C1");
    assert_eq!(body["cancelBillPayment"], body["billPayment"]);
    assert_eq!(body["cancelBillPayment"]["totalAmount"], 300);
}

#[tokio::test]
async fn what_is_not_captured_yet_or_not_any_more_is_refused() {
    check(
        "
        hold 500       | SUCCESS
        capture C1 1   | OPERATION_NOT_ALLOWED
        release        | OPERATION_NOT_ALLOWED
        reverse C1     | NO_ORDER merOrderId
        refund R1 1    | OPERATION_NOT_ALLOWED
        confirm        | authorized
        confirm        | OPERATION_NOT_ALLOWED
        refund R1 1    | OPERATION_NOT_ALLOWED
        capture C1 501 | OPERATION_NOT_ALLOWED
        capture C1 500 | SUCCESS PAID C1 500 TRADE_SUCCESS
        capture C2 1   | OPERATION_NOT_ALLOWED
        refund R1 1    | SUCCESS REFUND R1 1 SUCCESS
        reverse C1     | OPERATION_NOT_ALLOWED
        money          | payer -499 held 0 merchant 499
        ",
    )
    .await;
}

#[tokio::test]
async fn a_reversal_by_another_code_or_number_names_the_field_that_does_not_fit() {
    let gateway = Gateway::start().await;
    let auth = gateway.captured("3194B0001", "3194C1", 500).await;
    gateway.captured("3194B0002", "3194C2", 500).await;
    let other = if auth == "111111" { "222222" } else { "111111" };
    let before = gateway.journal().await;
    for (instead, named) in [
        (json!({"merOrderId": "3194C9"}), "merOrderId: "),
        (json!({"merOrderId": "3194C2"}), "merOrderId: "),
        (json!({"merOrderId": "3194B00010"}), "merOrderId: "),
        (json!({"authIdRespCd": other}), "authIdRespCd: "),
        (json!({"billNo": "3194B0009"}), "billNo, billDate: "),
        (json!({"billDate": "2026-03-03"}), "billNo, billDate: "),
    ] {
        let mut fields =
            json!({"billNo": "3194B0001", "merOrderId": "3194C1", "authIdRespCd": auth});
        fields.as_object_mut().unwrap().extend(instead.as_object().unwrap().clone());
        let answer = gateway.call("preauthed-cancel", fields).await;
        assert_eq!(answer.outcome(), "200 NO_ORDER", "{instead}");
        assert!(answer.field("errMsg").contains(named), "{instead}: {}", answer.text());
    }
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn a_capture_can_be_reversed_on_its_business_day_only() {
    check(
        "
        hold 500        | SUCCESS
        confirm         | authorized
        capture C1 300  | SUCCESS PAID C1 300 TRADE_SUCCESS
        advance 12h     | -
        advance 59m     | -
        reverse C1      | SUCCESS PAID C1 300 TRADE_CLOSED
        capture C2 300  | SUCCESS PAID C2 300 TRADE_SUCCESS
        advance 1m      | -
        reverse C2      | NO_CROSS_DAY_TRADING
        refund R1 300   | SUCCESS REFUND R1 300 SUCCESS
        money           | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn where_the_business_day_ends_at_midnight_it_is_the_calendar_day() {
    let place = Place::with(&[("business_day_ends", "24:00")]);
    check_in(
        &place,
        "
        hold 500        | SUCCESS
        confirm         | authorized
        capture C1 300  | SUCCESS PAID C1 300 TRADE_SUCCESS
        advance 839m    | -
        reverse C1      | SUCCESS PAID C1 300 TRADE_CLOSED
        capture C2 300  | SUCCESS PAID C2 300 TRADE_SUCCESS
        advance 1m      | -
        reverse C2      | NO_CROSS_DAY_TRADING
        ",
    )
    .await;
}

#[tokio::test]
async fn a_refused_reversal_of_another_day_says_to_refund() {
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "capture C1 500", "advance 24h", "reverse C1"] {
        play.run(line).await;
    }
    let text = play.last.unwrap().field("errMsg");
    assert!(text.contains("2026-03-02") && text.contains("refund"), "{text}");
}

#[tokio::test]
async fn a_hold_that_nobody_touches_is_released_after_thirty_days() {
    check(
        "
        hold 500         | SUCCESS
        confirm          | authorized
        advance 29d      | -
        capture C1 100   | SUCCESS PAID C1 100 TRADE_SUCCESS
        reverse C1       | SUCCESS PAID C1 100 TRADE_CLOSED
        advance 1d       | -
        until expired    | expired
        query            | SUCCESS CLOSED pay 500 TRADE_CLOSED
        money            | payer 0 held 0 merchant 0
        capture C2 1     | OPERATION_NOT_ALLOWED
        release          | OPERATION_NOT_ALLOWED
        ",
    )
    .await;
}

#[tokio::test]
async fn a_bill_that_nobody_pays_lapses() {
    check(
        "
        hold 500      | SUCCESS
        decline       | requested
        advance 30m   | -
        confirm       | OPERATION_NOT_ALLOWED
        until lapsed  | lapsed
        query         | SUCCESS CLOSED
        confirm       | OPERATION_NOT_ALLOWED
        close         | SUCCESS CLOSED
        money         | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_payer_can_let_a_bill_lapse_without_moving_the_clock() {
    check(
        "
        hold 500      | SUCCESS
        look          | requested
        expire        | lapsed
        query         | SUCCESS CLOSED
        ",
    )
    .await;
}

#[tokio::test]
async fn a_closed_bill_cannot_be_paid() {
    for close in ["close", "close-by-bill"] {
        check(&format!(
            "
            hold 500      | SUCCESS
            {close}       | SUCCESS CLOSED
            query         | SUCCESS CLOSED
            confirm       | OPERATION_NOT_ALLOWED
            {close}       | SUCCESS CLOSED
            money         | payer 0 held 0 merchant 0
            "
        ))
        .await;
    }
}

#[tokio::test]
async fn money_that_arrives_after_the_bill_was_closed_goes_back() {
    check(
        "
        hold 500 -pay-late | SUCCESS
        confirm            | unknown
        confirm            | ORDER_PROCESSING
        close              | SUCCESS CLOSED
        advance 20s        | -
        until released     | released
        query              | SUCCESS CLOSED pay 500 TRADE_CLOSED
        money              | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn money_that_arrives_after_the_bill_lapsed_goes_back() {
    check(
        "
        bill 500 -pay-late | SUCCESS
        advance 1799s      | -
        confirm            | unknown
        advance 1s         | -
        until lapsed       | lapsed
        query              | SUCCESS CLOSED
        advance 20s        | -
        until released     | released
        query              | SUCCESS CLOSED pay 500 TRADE_CLOSED
        money              | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn money_that_arrives_late_can_be_accepted_by_policy() {
    let place = Place::with(&[("late_success", "accept")]);
    check_in(
        &place,
        "
        hold 500 -pay-late | SUCCESS
        confirm            | unknown
        close              | SUCCESS CLOSED
        advance 20s        | -
        until authorized   | authorized
        query              | SUCCESS PAID pay 500 TRADE_SUCCESS
        money              | payer -500 held 500 merchant 0
        ",
    )
    .await;
}

/// The channel took the money and its report was lost: closing first would have left the money there for good.
#[tokio::test]
async fn a_bill_that_was_paid_unheard_cannot_be_closed() {
    check(
        "
        hold 500 -pay-lostanswer | SUCCESS
        confirm                  | unknown
        close                    | OPERATION_NOT_ALLOWED
        query                    | SUCCESS PAID pay 500 TRADE_SUCCESS
        money                    | payer -500 held 500 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn where_the_channel_ends_the_hold_after_a_reversal_everything_goes_back() {
    let place = Place::with(&[("after_reversal", "end")]);
    check_in(
        &place,
        "
        hold 500        | SUCCESS
        confirm         | authorized
        capture C1 300  | SUCCESS PAID C1 300 TRADE_SUCCESS
        reverse C1      | SUCCESS REFUND C1 300 TRADE_CLOSED
        query C1        | SUCCESS REFUND pay 500 TRADE_REFUND C1 300 TRADE_CLOSED
        capture C2 1    | OPERATION_NOT_ALLOWED
        release         | OPERATION_NOT_ALLOWED
        refund R1 1     | OPERATION_NOT_ALLOWED
        money           | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

/// General card practice lets a hotel take up to 115 % of what was held.
#[tokio::test]
async fn more_than_the_hold_can_be_captured_by_policy() {
    let place = Place::with(&[("capture_limit_percent", "115")]);
    check_in(
        &place,
        "
        hold 1000        | SUCCESS
        confirm          | authorized
        capture C1 1151  | OPERATION_NOT_ALLOWED
        capture C1 1150  | SUCCESS PAID C1 1150 TRADE_SUCCESS
        money            | payer -1150 held 0 merchant 1150
        reverse C1       | SUCCESS PAID C1 1150 TRADE_CLOSED
        money            | payer -1000 held 1000 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_refund_without_a_number_gets_one_and_cannot_happen_twice() {
    check(
        "
        bill 500         | SUCCESS
        confirm          | paid
        refund - 100     | SUCCESS REFUND B0001R 100 SUCCESS
        refund - 100     | SUCCESS REFUND B0001R 100 SUCCESS
        refund - 101     | DUP_ORDER
        refund R1 100    | SUCCESS REFUND R1 100 SUCCESS
        query C0 B0001R  | SUCCESS REFUND pay 500 TRADE_REFUND B0001R 100 TRADE_SUCCESS
        money            | payer -300 held 0 merchant 300
        ",
    )
    .await;
}

#[tokio::test]
async fn a_bill_is_also_found_by_the_number_of_its_payment_and_without_its_date() {
    check(
        "
        bill 500             | SUCCESS
        confirm              | paid
        query-by-leg         | SUCCESS PAID pay 500 TRADE_SUCCESS
        query-without-date   | SUCCESS PAID pay 500 TRADE_SUCCESS
        refund-by-leg R1 500 | SUCCESS REFUND R1 500 SUCCESS
        query-by-leg         | SUCCESS REFUND pay 500 TRADE_REFUND
        ",
    )
    .await;
}

#[tokio::test]
async fn a_number_on_two_dates_cannot_be_asked_about_without_a_date() {
    let gateway = Gateway::start().await;
    for date in ["2026-03-02", "2026-03-03"] {
        let made = gateway
            .call("get-qrcode", json!({"billNo": "3194B0001", "billDate": date, "totalAmount": 1}))
            .await;
        assert_eq!(made.outcome(), "200 SUCCESS");
    }
    let found =
        gateway.call("query", json!({"billNo": "3194B0001", "billDate": "2026-03-03"})).await;
    assert_eq!(found.field("billDate"), "2026-03-03");
    let refused = gateway.call("query", json!({"billNo": "3194B0001", "billDate": null})).await;
    assert_eq!(refused.outcome(), "200 BAD_REQUEST");
    assert!(refused.field("errMsg").contains("billDate"), "{}", refused.text());
}

#[tokio::test]
async fn another_merchants_bill_is_not_found() {
    let gateway = Gateway::start().await;
    gateway.hold("3194B0001", 500).await;
    let accounts = &gateway.running.accounts;
    let mids = [crate::gateway::mid(crate::gateway::OTHER_MID)];
    let key = holdfast_wire::secret::AppKey::parse("another key").unwrap();
    accounts
        .add_app(Some("other"), Some(key), &mids, &[], &gateway.running.core.dice)
        .await
        .unwrap();
    let body =
        crate::gateway::request(json!({"mid": crate::gateway::OTHER_MID, "billNo": "3194B0001"}))
            .to_string();
    let stamp = holdfast_wire::auth::Stamp::at(gateway.wall());
    let signed = crate::gateway::sign("other", "another key", &stamp, "n", body.as_bytes());
    let sent = crate::wire::Sent::post("/v1/netpay/bills/query", body)
        .with("Authorization", signed.header());
    assert_eq!(gateway.send(&sent).await.outcome(), "200 NO_ORDER");
}

#[tokio::test]
async fn a_hold_shows_its_code_to_the_merchant_only_once_it_is_granted() {
    let gateway = Gateway::start().await;
    let code = gateway.hold("3194B0001", 500).await;
    let query = async || gateway.call("query", json!({"billNo": "3194B0001"})).await.json();
    assert_eq!(query().await["authIdRespCd"], Value::Null);
    let seen =
        gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), json!({"card": "credit"})).await;
    let auth = query().await["authIdRespCd"].clone();
    assert_eq!(auth, seen.field("authIdRespCd"));
    let digits = auth.as_str().unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");
    assert_eq!(query().await["cardAttr"], "CREDIT_CARD");
}

#[tokio::test]
async fn the_payment_tells_through_what_and_with_what_it_was_paid() {
    let cases = [
        ("bill", json!({}), "ACP", json!("DEBIT_CARD"), "银联支付5.00元"),
        ("bill", json!({"card": "credit"}), "ACP", json!("CREDIT_CARD"), "银联支付5.00元"),
        ("bill", json!({"through": "wechat"}), "WXPay", json!("DEBIT_CARD"), "微信支付5.00元"),
        (
            "bill",
            json!({"through": "alipay"}),
            "Alipay 2.0",
            json!("DEBIT_CARD"),
            "支付宝支付5.00元",
        ),
        ("hold", json!({"through": "unionpay"}), "ACP", json!("DEBIT_CARD"), "银联预授权5.00元"),
    ];
    let gateway = Gateway::start().await;
    for (number, (kind, how, target_sys, card, detail)) in cases.into_iter().enumerate() {
        let bill = format!("3194B000{number}");
        let flag = (kind == "hold").to_string();
        let made = gateway
            .call(
                "get-qrcode",
                json!({"billNo": bill, "totalAmount": 500, "preauthTransaction": flag}),
            )
            .await;
        let code = made.field("qrCodeId");
        let seen = gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), how.clone()).await;
        assert_eq!(seen.status, 200, "{how}: {}", seen.text());
        let body = gateway.call("query", json!({"billNo": bill})).await.json();
        assert_eq!(
            (&body["billPayment"]["targetSys"], &body["cardAttr"]),
            (&json!(target_sys), &card),
            "{how}"
        );
        assert_eq!(body["billPayment"]["payDetail"], detail);
    }
}

#[tokio::test]
async fn a_hold_is_not_taken_through_a_wallet() {
    let gateway = Gateway::start().await;
    let code = gateway.hold("3194B0001", 500).await;
    let before = gateway.journal().await;
    for through in ["wechat", "alipay", "cash"] {
        let refused = gateway
            .sim("POST", &format!("/sim/payer/{code}/confirm"), json!({"through": through}))
            .await;
        assert_eq!(refused.outcome(), "400 BAD_REQUEST", "{through}");
    }
    assert_eq!(gateway.journal().await, before);
}

/// The request of the official page, byte for byte as it prints it, with its empty fields filled in from a hold that
/// was just captured: the answer has every field of the page's table that is known.
#[tokio::test]
async fn the_request_of_the_official_page_reverses_a_capture() {
    let gateway = Gateway::start().await;
    let made = gateway
        .call("get-qrcode", json!({"billNo": "327M2022042100000000000001", "totalAmount": 1908, "preauthTransaction": "true"}))
        .await;
    let code = made.field("qrCodeId");
    let seen = gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    let auth = seen.field("authIdRespCd");
    let capture = json!({
        "billNo": "327M2022042100000000000001",
        "authedOrderId": "327M22061819820261705544110",
        "authIdRespCd": auth,
        "totalAmount": "1900",
    });
    assert_eq!(gateway.call("preauthed", capture).await.outcome(), "200 SUCCESS");
    gateway.advance(61_000);

    let page = r#"{"requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"","billDate":"","merOrderId":"327M22061819820261705544110","authIdRespCd":"","msgId":"","srcReserve":""}"#;
    let filled = page
        .replace(r#""billNo":"""#, r#""billNo":"327M2022042100000000000001""#)
        .replace(r#""billDate":"""#, &format!(r#""billDate":"{BILL_DATE}""#))
        .replace(r#""authIdRespCd":"""#, &format!(r#""authIdRespCd":"{auth}""#))
        .replace(r#""msgId":"""#, r#""msgId":"800000000010""#)
        .replace(r#""srcReserve":"""#, r#""srcReserve":"TEST""#);
    let answer = gateway.post("/v1/netpay/bills/preauthed-cancel", filled).await;

    assert_eq!(answer.status, 200);
    let mut body = answer.json();
    let leg = body["billPayment"].as_object_mut().unwrap();
    for (field, digits, end) in
        [("paySeqId", 11, "N"), ("targetOrderId", 28, ""), ("buyerId", 16, "")]
    {
        let value = leg.remove(field).unwrap_or_default();
        let number = value
            .as_str()
            .and_then(|value| value.strip_suffix(end))
            .unwrap_or_else(|| panic!("{field}: {value}"));
        assert!(
            number.len() == digits && number.bytes().all(|byte| byte.is_ascii_digit()),
            "{field}: {value}"
        );
    }
    assert_eq!(
        body,
        json!({
            "errCode": "SUCCESS",
            "errMsg": "预授权完成撤销成功",
            "responseTimestamp": "2026-03-02 10:01:01",
            "mid": MID,
            "tid": TID,
            "billPayment": {
                "merOrderId": "327M22061819820261705544110",
                "billBizType": "bills",
                "totalAmount": 1900,
                "buyerPayAmount": 1900,
                "invoiceAmount": 1900,
                "discountAmount": 0,
                "buyerUsername": "模拟付款人",
                "payDetail": "银联预授权完成撤销19.00元",
                "payTime": "2026-03-02 10:01:01",
                "settleDate": BILL_DATE,
                "status": "TRADE_CLOSED",
                "targetSys": "ACP",
            },
            "msgId": "800000000010",
            "srcReserve": "TEST",
            "billNo": "327M2022042100000000000001",
            "billDate": BILL_DATE,
            "instMid": "QRPAYDEFAULT",
            "billQRCode": format!("{}/bills/qrCode.do?id={code}", gateway.running.url()),
            "billStatus": "PAID",
            "cardAttr": "DEBIT_CARD",
        })
    );
}

#[tokio::test]
async fn the_request_of_the_official_page_as_it_is_names_its_empty_fields() {
    let gateway = Gateway::start().await;
    let page = r#"{"requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"","billDate":"","merOrderId":"327M22061819820261705544110","authIdRespCd":"","msgId":"","srcReserve":""}"#;
    let answer = gateway.post("/v1/netpay/bills/preauthed-cancel", page).await;
    assert_eq!(answer.outcome(), "200 BAD_REQUEST");
    for field in ["billNo", "billDate", "authIdRespCd"] {
        assert!(answer.field("errMsg").contains(field), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_new_code_answers_what_a_payer_needs() {
    let place = Place::with(&[("public_url", "https://pay.example/h/")]);
    let gateway = place.open().await;
    let fields = json!({
        "billNo": "3194B0001",
        "totalAmount": "1908",
        "preauthTransaction": true,
        "billDesc": "押金 1号房",
        "memberId": "M1",
        "counterNo": "7",
        "systemId": "S1",
        "expireTime": "2026-03-02 11:00:00",
        "msgId": "1",
    });
    let made = gateway.call("get-qrcode", fields).await.json();
    let code = made["qrCodeId"].as_str().unwrap();
    assert_eq!(
        made,
        json!({
            "errCode": "SUCCESS",
            "errMsg": "查询二维码成功",
            "responseTimestamp": START,
            "mid": MID,
            "tid": TID,
            "msgId": "1",
            "billNo": "3194B0001",
            "billDate": BILL_DATE,
            "instMid": "QRPAYDEFAULT",
            "billQRCode": format!("https://pay.example/h/bills/qrCode.do?id={code}"),
            "systemId": "S1",
            "qrCodeId": code,
        })
    );
    let seen = gateway.sim("GET", &format!("/bills/qrCode.do?id={code}"), Value::Null).await.json();
    assert_eq!(
        seen,
        json!({
            "code": code,
            "merchant": "湖畔酒店",
            "mid": MID,
            "billNo": "3194B0001",
            "billDate": BILL_DATE,
            "description": "押金 1号房",
            "kind": "hold",
            "totalAmount": 1908,
            "yuan": "19.08",
            "phase": "requested",
            "held": 0,
            "taken": 0,
            "createTime": START,
            "expireTime": "2026-03-02 11:00:00",
        })
    );
    let body = gateway.call("query", json!({"billNo": "3194B0001"})).await.json();
    assert_eq!(
        body,
        json!({
            "errCode": "SUCCESS",
            "errMsg": "查询成功",
            "responseTimestamp": START,
            "mid": MID,
            "tid": TID,
            "billNo": "3194B0001",
            "billDate": BILL_DATE,
            "instMid": "QRPAYDEFAULT",
            "createTime": START,
            "billStatus": "UNPAID",
            "billDesc": "押金 1号房",
            "totalAmount": 1908,
            "billQRCode": format!("https://pay.example/h/bills/qrCode.do?id={code}"),
            "memberId": "M1",
            "counterNo": "7",
            "merName": "湖畔酒店",
        })
    );
}

#[tokio::test]
async fn the_merchant_may_give_the_payer_more_time_or_less() {
    for (expire_time, advance_s, phase) in [
        (Value::Null, 1_799, "authorized"),
        (Value::Null, 1_800, "OPERATION_NOT_ALLOWED"),
        (json!("2026-03-02 10:00:10"), 9, "authorized"),
        (json!("20260302100010"), 10, "OPERATION_NOT_ALLOWED"),
        (json!("2026-03-09 10:00:00"), 604_799, "authorized"),
    ] {
        let gateway = Gateway::start().await;
        let fields = json!({"billNo": "3194B0001", "totalAmount": 1, "preauthTransaction": "true", "expireTime": expire_time});
        let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
        gateway.advance(advance_s * 1_000);
        let seen =
            gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await.json();
        let told = seen["phase"].as_str().or(seen["errCode"].as_str());
        assert_eq!(told, Some(phase), "{expire_time} after {advance_s} s");
    }
}

#[test]
fn the_usual_settings_are_those_of_the_rules() {
    let config = Config::default();
    assert_eq!(config.answer_within_ms, 8_000);
    assert_eq!(config.clock_skew_ms, 900_000);
    assert_eq!(config.policy.hold_days, 30);
    assert_eq!(config.policy.capture_limit_percent, 100);
    assert_eq!(config.policy.business_day_ends.to_string(), "23:00");
    assert!(config.restores);
}
