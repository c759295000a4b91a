//! Divided payments (分账) over HTTP: who gets what, and whose money a refund is.

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, MID, OTHER_MID},
    script::{Play, check},
};

#[tokio::test]
async fn a_divided_payment_gives_each_its_share_and_takes_refunds_from_it() {
    check(
        "
        divided 500 platform 50 SHOP1 150 SHOP2 300  | SUCCESS
        confirm                                      | paid
        money                                        | payer -500 held 0 merchant 50 SHOP1 150 SHOP2 300
        refund R1 100                                | OPERATION_NOT_ALLOWED
        refund R1 151 from SHOP1 151                 | OPERATION_NOT_ALLOWED
        refund R1 100 from SHOP1 90                  | OPERATION_NOT_ALLOWED
        refund R1 20 from SHOP1 10 SHOP2 10          | OPERATION_NOT_ALLOWED
        refund R1 110 from platform 10 SHOP1 100     | SUCCESS REFUND R1 110 SUCCESS
        refund R1 110 from platform 10 SHOP1 100     | SUCCESS REFUND R1 110 SUCCESS
        refund R1 110 from SHOP2 110                 | DUP_ORDER
        money                                        | payer -390 held 0 merchant 40 SHOP1 50 SHOP2 300
        refund R2 390                                | SUCCESS REFUND R2 390 SUCCESS
        money                                        | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn money_is_divided_later_when_the_merchant_says_how() {
    check(
        "
        later 500                                        | SUCCESS
        confirm-division platform 100 SHOP1 400          | OPERATION_NOT_ALLOWED
        confirm                                          | paid
        money                                            | payer -500 held 0 merchant 0 undivided 500
        confirm-division platform 100 SHOP1 399          | BAD_REQUEST
        confirm-division platform 100 SHOP1 400          | SUCCESS success
        confirm-division platform 100 SHOP1 400          | SUCCESS success
        confirm-division platform 200 SHOP1 300          | OPERATION_NOT_ALLOWED
        money                                            | payer -500 held 0 merchant 100 SHOP1 400
        refund R1 400 from SHOP1 400                     | SUCCESS REFUND R1 400 SUCCESS
        money                                            | payer -100 held 0 merchant 100
        ",
    )
    .await;
}

#[tokio::test]
async fn shares_in_another_order_are_the_same_shares() {
    check(
        "
        later 500                                            | SUCCESS
        confirm                                              | paid
        confirm-division platform 100 SHOP1 150 SHOP2 250    | SUCCESS success
        confirm-division SHOP2 250 platform 100 SHOP1 150    | SUCCESS success
        confirm-division SHOP2 150 platform 100 SHOP1 250    | OPERATION_NOT_ALLOWED
        refund R1 500 from SHOP2 250 SHOP1 150 platform 100  | SUCCESS REFUND R1 500 SUCCESS
        money                                                | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn what_was_refunded_is_not_divided_any_more() {
    check(
        "
        later 500                                        | SUCCESS
        confirm                                          | paid
        refund R1 100                                    | SUCCESS REFUND R1 100 SUCCESS
        confirm-division platform 100 SHOP1 400          | OPERATION_NOT_ALLOWED
        refund R2 400                                    | SUCCESS REFUND R2 400 SUCCESS
        money                                            | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_division_whose_outcome_is_not_known_is_found_by_asking() {
    check(
        "
        later 500 0001                                   | SUCCESS
        confirm                                          | paid
        choose div B0001 refuse                          | 200
        confirm-division platform 100 SHOP1 400          | TARGET_FAIL
        choose div B0001 lostanswer                      | 200
        slowly confirm-division platform 100 SHOP1 400   | TIMEOUT
        confirm-division platform 100 SHOP1 400          | ORDER_PROCESSING
        refund R1 100                                    | ORDER_PROCESSING
        until paid                                       | paid
        confirm-division platform 100 SHOP1 400          | SUCCESS success
        money                                            | payer -500 held 0 merchant 100 SHOP1 400
        ",
    )
    .await;
}

/// Goods of sub-merchants say what their merchants get, or it follows from what they cost.
#[tokio::test]
async fn goods_say_who_gets_what() {
    let good = |mid: &str, price: u64, quantity: u64| json!({"goodsId": "1", "price": price.to_string(), "quantity": quantity.to_string(), "subMerchantId": mid});
    let exact =
        |mid: &str, fen: u64| json!({"goodsId": "1", "subMerchantId": mid, "subOrderAmount": fen});
    for (platform, goods, expected) in [
        // In proportion to what they cost: 100 fen by 1 : 1 : 1, the odd fen to the first.
        (
            0,
            json!([good("SHOP1", 1, 1), good("SHOP2", 1, 1), good(OTHER_MID, 1, 1)]),
            "merchant 0 898310148160569 33 SHOP1 34 SHOP2 33",
        ),
        (10, json!([good("SHOP1", 5, 2), good("SHOP2", 20, 1)]), "merchant 10 SHOP1 30 SHOP2 60"),
        // What is one merchant's is one share, and goods of nobody in particular count for nothing.
        (
            1,
            json!([
                good("SHOP1", 1, 1),
                good("SHOP1", 1, 1),
                good("SHOP2", 1, 1),
                json!({"goodsId": "2", "price": "9"})
            ]),
            "merchant 1 SHOP1 66 SHOP2 33",
        ),
        (
            10,
            json!([exact("SHOP1", 40), exact("SHOP1", 20), exact("SHOP2", 30)]),
            "merchant 10 SHOP1 60 SHOP2 30",
        ),
    ] {
        let mut play = Play::new(Gateway::start().await);
        let fields = json!({"billNo": "3194B0001", "totalAmount": 100, "divisionFlag": "true", "platformAmount": platform, "goods": goods});
        let made = play.gateway.call("get-qrcode", fields).await;
        assert_eq!(made.outcome(), "200 SUCCESS", "{}", made.text());
        let code = made.field("qrCodeId");
        play.gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
        let expected = expected.replace("898310148160569", OTHER_MID);
        assert_eq!(play.run("money").await, format!("payer -100 held 0 {expected}"));
    }
}

/// What cannot be divided is told before anybody pays, with the field that is wrong.
#[tokio::test]
async fn a_division_that_cannot_be_is_refused_with_its_field() {
    let sub = |mid: &str, fen: u64| json!({"mid": mid, "totalAmount": fen});
    let many: Vec<Value> = (0..21)
        .map(|n| json!({"mid": "SHOP1", "merOrderId": format!("SUB{n:05}"), "totalAmount": 1}))
        .collect();
    for (fields, outcome, named) in [
        (json!({"subOrders": [sub("SHOP1", 100)]}), "BAD_REQUEST", "divisionFlag"),
        (json!({"platformAmount": 100}), "BAD_REQUEST", "divisionFlag"),
        (json!({"asynDivisionFlag": true}), "BAD_REQUEST", "divisionFlag"),
        (json!({"divisionFlag": true}), "BAD_REQUEST", "缺少分账对象"),
        (
            json!({"divisionFlag": true, "subOrders": [sub("SHOP1", 99)]}),
            "BAD_REQUEST",
            "99 fen together and must be exactly 100 fen",
        ),
        (
            json!({"divisionFlag": true, "platformAmount": 1, "subOrders": [sub("SHOP1", 100)]}),
            "BAD_REQUEST",
            "之和为 101 分，须恰为 100 分",
        ),
        (
            json!({"divisionFlag": true, "subOrders": [sub("SHOP1", 50), sub("SHOP1", 50)]}),
            "BAD_REQUEST",
            "same merchant and order number",
        ),
        (json!({"divisionFlag": true, "subOrders": many}), "BAD_REQUEST", "subOrders"),
        (json!({"divisionFlag": true, "subOrders": [sub("NOBODY", 100)]}), "NO_MERCHANT", "NOBODY"),
        (
            json!({"divisionFlag": true, "subOrders": [sub(MID, 100)]}),
            "BAD_REQUEST",
            "subOrders[].mid",
        ),
        (
            json!({"divisionFlag": true, "secureTransaction": "true", "subOrders": [sub("SHOP1", 100)]}),
            "BAD_REQUEST",
            "secureTransaction",
        ),
        (
            json!({"divisionFlag": true, "preauthTransaction": "true", "subOrders": [sub("SHOP1", 100)]}),
            "BAD_REQUEST",
            "preauthTransaction",
        ),
        (
            json!({"divisionFlag": true, "asynDivisionFlag": true, "subOrders": [sub("SHOP1", 100)]}),
            "BAD_REQUEST",
            "asynDivisionFlag",
        ),
        (
            json!({"divisionFlag": true, "subOrders": [sub("SHOP1", 100)], "goods": [{"subMerchantId": "SHOP1", "price": "1"}]}),
            "BAD_REQUEST",
            "subOrders, goods",
        ),
        (
            json!({"divisionFlag": true, "goods": [{"subMerchantId": "SHOP1", "price": "0.5"}]}),
            "BAD_REQUEST",
            "goods[0].price",
        ),
        (
            json!({"divisionFlag": true, "goods": [{"subMerchantId": "SHOP1"}]}),
            "BAD_REQUEST",
            "goods[0].price",
        ),
        (
            json!({"divisionFlag": true, "goods": [{"subMerchantId": "SHOP1", "subOrderAmount": 50}, {"subMerchantId": "SHOP2", "price": "1"}]}),
            "BAD_REQUEST",
            "subOrderAmount",
        ),
        // Goods do not cost more than a bill can be about.
        (
            json!({"divisionFlag": true, "goods": [{"subMerchantId": "SHOP1", "price": "10000", "quantity": "10001"}]}),
            "BAD_REQUEST",
            "goods[0].price, goods[0].quantity",
        ),
        // One fen cannot be divided among two.
        (
            json!({"totalAmount": 1, "divisionFlag": true, "goods": [{"subMerchantId": "SHOP1", "price": "1"}, {"subMerchantId": "SHOP2", "price": "1"}]}),
            "BAD_REQUEST",
            "有子商户不足 1 分 | platformAmount, subOrders, goods: somebody's share would be less than one fen",
        ),
    ] {
        let gateway = Gateway::start().await;
        let mut asked = json!({"billNo": "3194B0001", "totalAmount": 100});
        for (name, value) in fields.as_object().unwrap() {
            asked[name] = value.clone();
        }
        let answer = gateway.call("get-qrcode", asked).await;
        assert_eq!(answer.outcome(), format!("200 {outcome}"), "{fields}: {}", answer.text());
        assert!(answer.field("errMsg").contains(named), "{fields}: {}", answer.text());
        assert_eq!(gateway.journal().await, 0);
    }
}

/// A merchant with several shares says which; one with one share need not.
#[tokio::test]
async fn a_refund_names_the_share_where_a_merchant_has_several() {
    let mut play = Play::new(Gateway::start().await);
    let share =
        |order: &str, fen: u64| json!({"mid": "SHOP1", "merOrderId": order, "totalAmount": fen});
    let fields = json!({"billNo": "3194B0001", "totalAmount": 100, "divisionFlag": true,
        "subOrders": [share("SUB001", 40), share("SUB002", 60)]});
    let code = play.gateway.call("get-qrcode", fields).await.field("qrCodeId");
    play.gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    let refund = |sub: Value| json!({"billNo": "3194B0001", "refundOrderId": "3194R1", "refundAmount": 50, "subOrders": [sub]});
    let answer =
        play.gateway.call("refund", refund(json!({"mid": "SHOP1", "totalAmount": 50}))).await;
    assert_eq!(answer.outcome(), "200 BAD_REQUEST", "{}", answer.text());
    assert!(answer.field("errMsg").contains("subOrders[0].merOrderId"), "{}", answer.text());
    assert_eq!(
        play.gateway.call("refund", refund(share("SUB001", 50))).await.outcome(),
        "200 OPERATION_NOT_ALLOWED"
    );
    assert_eq!(
        play.gateway.call("refund", refund(share("SUB002", 50))).await.outcome(),
        "200 SUCCESS"
    );
    assert_eq!(play.run("money").await, "payer -50 held 0 merchant 0 SHOP1 50");
}

/// The official table lets a request name a longer number than any payment has.
#[tokio::test]
async fn a_number_that_no_payment_has_is_not_found_and_not_malformed() {
    let gateway = Gateway::start().await;
    for (digits, outcome) in
        [(32, "NO_ORDER"), (33, "NO_ORDER"), (64, "NO_ORDER"), (65, "BAD_REQUEST")]
    {
        let fields = json!({"merOrderId": "1".repeat(digits), "platformAmount": 1});
        let answer = gateway.call("/v1/netpay/sub-orders-confirm", fields).await;
        assert_eq!(answer.outcome(), format!("200 {outcome}"), "{digits}: {}", answer.text());
        assert!(answer.field("errMsg").contains("merOrderId"), "{}", answer.text());
    }
}
