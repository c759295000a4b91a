//! Guarantees (担保) over HTTP: completed in part or whole, given up, forgotten.

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, key},
    script::{Play, check},
};

#[tokio::test]
async fn a_guarantee_is_completed_in_part_and_the_rest_goes_back() {
    check(
        "
        guarantee 500        | SUCCESS
        query                | SUCCESS UNPAID
        complete 300         | OPERATION_NOT_ALLOWED
        confirm              | authorized
        query                | SUCCESS PAID UNCOMPLETED pay 500 TRADE_SUCCESS
        money                | payer -500 held 500 merchant 0
        refund R1 100        | OPERATION_NOT_ALLOWED
        complete 501         | OPERATION_NOT_ALLOWED
        complete 300         | SUCCESS PARTLY_COMPLETED 300
        money                | payer -300 held 0 merchant 300
        complete 300         | SUCCESS PARTLY_COMPLETED 300
        complete 200         | OPERATION_NOT_ALLOWED
        cancel               | OPERATION_NOT_ALLOWED
        query                | SUCCESS PAID PARTLY_COMPLETED 300 pay 500 TRADE_SUCCESS
        refund R1 100        | SUCCESS REFUND R1 100 SUCCESS
        complete 300         | SUCCESS PARTLY_COMPLETED 300
        money                | payer -200 held 0 merchant 200
        ",
    )
    .await;
}

#[tokio::test]
async fn a_guarantee_is_completed_as_a_whole() {
    check(
        "
        guarantee 500        | SUCCESS
        confirm              | authorized
        complete 500         | SUCCESS ALL_COMPLETED 500
        query                | SUCCESS PAID ALL_COMPLETED 500 pay 500 TRADE_SUCCESS
        money                | payer -500 held 0 merchant 500
        ",
    )
    .await;
}

/// What is asked for a second time is answered as the protocol documents it.
#[tokio::test]
async fn a_guarantee_that_was_given_up_has_been_cancelled() {
    check(
        "
        guarantee 500        | SUCCESS
        confirm              | authorized
        cancel               | SUCCESS CANCELED
        cancel               | HAS_CANCELLED
        complete 100         | HAS_CANCELLED
        query                | SUCCESS CLOSED CANCELED pay 500 TRADE_CLOSED
        money                | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_guarantee_that_everybody_forgot_goes_back_after_thirty_days() {
    check(
        "
        guarantee 500        | SUCCESS
        confirm              | authorized
        advance 30d          | -
        until expired        | expired
        complete 100         | HAS_CANCELLED
        query                | SUCCESS CLOSED CANCELED pay 500 TRADE_CLOSED
        money                | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn what_the_channel_refuses_can_be_asked_again() {
    check(
        "
        guarantee 500 0001          | SUCCESS
        confirm                     | authorized
        choose cap B0001 refuse     | 200
        complete 300                | TARGET_FAIL
        query                       | SUCCESS PAID UNCOMPLETED pay 500 TRADE_SUCCESS
        choose cap B0001 approve    | 200
        choose rel B0001 refuse     | 200
        cancel                      | TARGET_FAIL
        complete 300                | SUCCESS PARTLY_COMPLETED 300
        ",
    )
    .await;
}

#[tokio::test]
async fn a_completion_whose_outcome_is_not_known_is_found_by_asking() {
    check(
        "
        guarantee 500 0001          | SUCCESS
        confirm                     | authorized
        choose cap B0001 lostanswer | 200
        slowly complete 300         | TIMEOUT
        complete 300                | ORDER_PROCESSING
        cancel                      | ORDER_PROCESSING
        until captured              | captured
        complete 300                | SUCCESS PARTLY_COMPLETED 300
        money                       | payer -300 held 0 merchant 300
        ",
    )
    .await;
}

/// A hold is no guarantee, and the other way round.
#[tokio::test]
async fn each_kind_has_its_own_requests() {
    check(
        "
        hold 500             | SUCCESS
        confirm              | authorized
        complete 300         | NO_ORDER merOrderId
        cancel               | NO_ORDER merOrderId
        release              | SUCCESS CLOSED pay 500 TRADE_CLOSED
        guarantee 500 0002   | SUCCESS
        confirm              | authorized
        capture C1 300       | OPERATION_NOT_ALLOWED
        release              | OPERATION_NOT_ALLOWED
        cancel               | SUCCESS CANCELED
        ",
    )
    .await;
}

#[tokio::test]
async fn both_requests_are_served_under_bills_too() {
    for (endpoint, fields, status) in [
        ("/v1/netpay/bills/secure-complete", json!({"completedAmount": 1}), "PARTLY_COMPLETED"),
        ("/v1/netpay/bills/secure-cancel", json!({}), "CANCELED"),
    ] {
        let mut play = Play::new(Gateway::start().await);
        play.run("guarantee 500").await;
        play.run("confirm").await;
        let mut fields = fields;
        fields["merOrderId"] = json!("3194B00010");
        let answer = play.gateway.call(endpoint, fields).await;
        assert_eq!(answer.field("secureStatus"), status, "{}", answer.text());
        assert_eq!(answer.field("merOrderId"), "3194B00010");
        assert_eq!(answer.json()["totalAmount"], 500);
    }
}

/// The requests name no date, so one number on two dates is more than they can tell apart.
#[tokio::test]
async fn a_number_on_two_dates_is_too_little_for_a_request_without_a_date() {
    let gateway = Gateway::start().await;
    for date in ["2022-04-21", "2022-04-22"] {
        let fields = json!({"billNo": "3194B0001", "billDate": date, "totalAmount": 500, "secureTransaction": "true"});
        let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
        gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    }
    let fields = json!({"merOrderId": "3194B00010"});
    let answer = gateway.call("/v1/netpay/secure-cancel", fields).await;
    assert_eq!(answer.outcome(), "200 INVALID_ORDER");
    assert!(answer.field("errMsg").contains("a number of its own"), "{}", answer.text());
}

#[tokio::test]
async fn a_bill_is_held_or_guaranteed_and_not_both() {
    let gateway = Gateway::start().await;
    let fields = json!({"billNo": "3194B0001", "totalAmount": 1, "preauthTransaction": "true", "secureTransaction": "true"});
    let answer = gateway.call("get-qrcode", fields).await;
    assert_eq!(answer.outcome(), "200 BAD_REQUEST");
    assert!(answer.field("errMsg").contains("secureTransaction"), "{}", answer.text());
}

/// A bill's own number can be the number of another bill's payment. What names a payment means the payment.
#[tokio::test]
async fn a_payments_number_is_never_taken_for_another_bills_own() {
    let (gateway, paid, other) = (Gateway::start().await, "3194B0001", "3194B00010");
    for (endpoint, kind, more, phase) in [
        (
            "/v1/netpay/secure-complete",
            "secureTransaction",
            json!({"completedAmount": 1}),
            "captured",
        ),
        ("/v1/netpay/secure-cancel", "secureTransaction", json!({}), "released"),
        ("refund", "divisionFlag", json!({"refundAmount": 1}), "paid"),
    ] {
        let gateway = Gateway::start().await;
        for bill in [paid, other] {
            let flag = if kind == "divisionFlag" { "false" } else { "true" };
            let code = gateway
                .call("get-qrcode", json!({"billNo": bill, "totalAmount": 500, kind: flag}))
                .await
                .field("qrCodeId");
            gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
        }
        let untouched = gateway.running.core.load(&key(other)).await.unwrap();
        let mut fields = more;
        fields["merOrderId"] = json!(other);
        let answer = gateway.call(endpoint, fields).await;
        assert_eq!(answer.outcome(), "200 SUCCESS", "{endpoint}: {}", answer.text());
        assert_eq!(gateway.phase(paid).await, phase, "{endpoint}");
        assert_eq!(gateway.running.core.load(&key(other)).await.unwrap(), untouched, "{endpoint}");
    }
    // Nor is it another kind's.
    let fields = json!({"billNo": paid, "totalAmount": 500});
    gateway.call("get-qrcode", fields).await;
    let fields = json!({"billNo": other, "totalAmount": 500, "secureTransaction": "true"});
    let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
    gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    let answer = gateway.call("/v1/netpay/secure-cancel", json!({"merOrderId": other})).await;
    assert_eq!(answer.outcome(), "200 NO_ORDER", "{}", answer.text());
    assert_eq!(gateway.phase(other).await, "authorized");
}

/// A refund names its bill by either number, or by both when they go together.
#[tokio::test]
async fn a_refund_names_one_bill() {
    let gateway = Gateway::start().await;
    gateway.captured("3194B0001", "3194C1", 500).await;
    for (bill, payment, outcome, told) in [
        (Value::Null, Value::Null, "BAD_REQUEST", "billNo is missing"),
        (json!("3194B0001"), json!("3194B00020"), "NO_ORDER", "merOrderId"),
        (json!("3194B0001"), json!("3194B00010"), "SUCCESS", ""),
        (Value::Null, json!("3194B0001"), "DUP_ORDER", ""),
    ] {
        let fields = json!({"billNo": bill, "merOrderId": payment, "refundAmount": 1});
        let answer = gateway.call("refund", fields.clone()).await;
        assert_eq!(answer.outcome(), format!("200 {outcome}"), "{fields}: {}", answer.text());
        assert!(answer.field("errMsg").contains(told), "{}", answer.text());
    }
    let answer = gateway.call("refund", json!({})).await;
    let told = answer.field("errMsg");
    assert!(told.contains("billNo is missing") && told.contains("refundAmount is"), "{told}");
}
