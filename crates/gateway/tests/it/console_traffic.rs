//! The traffic of a test gateway, as its console shows it; and that a live one keeps none.

use holdfast_gateway::operators::Role;
use serde_json::json;

use crate::{
    console::Browser,
    gateway::{APP, Gateway, KEY, MID, Place, path, request, sign},
    wire::Sent,
};

#[tokio::test]
async fn a_request_is_shown_as_it_came_and_was_answered_with_what_is_personal_hidden() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let made = gateway
        .call(
            "get-qrcode",
            json!({"billNo": "3194B0001", "totalAmount": 50_000, "preauthTransaction": "true",
                "name": "5byg5LiJ", "billDesc": "<script>alert(1)</script> 6222021234567890128"}),
        )
        .await;
    assert_eq!(made.outcome(), "200 SUCCESS");
    let id = made.header("request-id").to_owned();
    let list = browser.get("/traffic").await.text();
    for shown in [&*id, "get-qrcode", MID, APP, "signature right", "200 SUCCESS"] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    let shown = browser.get(&format!("/traffic/{id}")).await.text();
    for there in [
        "signature right",
        "/bills/898201612345678/2026-03-02/3194B0001",
        "&#34;***&#34;",
        "&#60;script&#62;",
        "***0128",
        "OPEN-BODY-SIG AppId=",
        "qrCodeId",
    ] {
        assert!(shown.contains(there), "{there}: {shown}");
    }
    for hidden in ["5byg5LiJ", "6222021234567890128", "<script>alert", KEY] {
        assert!(!shown.contains(hidden), "{hidden} is shown");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_wrong_signature_is_shown_with_the_mistake_that_makes_it() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let body = request(json!({"billNo": "3194B0001"})).to_string();
    // Signed with a line break behind it, and sent without.
    let stamp = holdfast_wire::auth::Stamp::at(gateway.wall());
    let signed = sign(APP, KEY, &stamp, &gateway.nonce(), format!("{body}\n").as_bytes());
    let sent = Sent::post(&path("query"), body).with("Authorization", signed.header());
    let refused = gateway.send(&sent).await;
    assert_eq!(refused.outcome(), "401 BAD_SIGN");
    let shown = browser.get(&format!("/traffic/{}", refused.header("request-id"))).await.text();
    for there in ["signature wrong", "another line end", "digest of the body", "/errors/BAD_SIGN"] {
        assert!(shown.contains(there), "{there}: {shown}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn each_way_to_prove_who_asks_has_its_verdict() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let body = request(json!({"billNo": "3194B0001"})).to_string();
    let query = || Sent::post(&path("query"), body.clone());
    for (sent, verdict) in [
        (query(), "no signature"),
        (query().with("Authorization", "OPEN-BODY-SIG"), "unreadable"),
        (query().with("Authorization", "OPEN-ACCESS-TOKEN AccessToken=\"abc\""), "token refused"),
        (Sent::post("/nothing/here", vec![]), "not checked"),
        (Sent::post("/netpay-route-server/api/", "{\"msgSrc\":\"nobody\"}"), "signature wrong"),
    ] {
        let target = sent.target.clone();
        let answer = gateway.send(&sent).await;
        let shown = browser.get(&format!("/traffic/{}", answer.header("request-id"))).await;
        assert!(shown.text().contains(verdict), "{target}: {verdict}: {}", shown.text());
        assert!(!shown.text().contains("\"abc\""), "{target}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn traffic_is_found_by_what_it_is_about() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    gateway.hold("3194B0001", 100).await;
    let refused = gateway.call("query", json!({"billNo": "3194B0009"})).await;
    let id = refused.header("request-id").to_owned();
    for (query, holds, refusals) in [
        ("", true, true),
        ("?failed=1", false, true),
        ("?path=qrcode", true, false),
        (&*format!("?app={APP}&mid={MID}"), true, true),
        ("?app=somebody", false, false),
        ("?mid=1", false, false),
        (&*format!("?id={id}"), false, true),
    ] {
        let list = browser.get(&format!("/traffic{query}")).await;
        assert_eq!(list.status, 200, "{query}");
        let has = |what: &str| list.text().contains(&format!("POST {}", path(what)));
        assert_eq!((has("get-qrcode"), has("query")), (holds, refusals), "{query}");
    }
    let wrong = browser.get("/traffic?id=17").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("eight digits of base 16"), "{}", wrong.text());
    assert_eq!(browser.get("/traffic/00000000-99").await.status, 404);
    assert_eq!(browser.get("/traffic/%3Cb%3E").await.status, 404);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_live_gateway_keeps_no_traffic_and_has_no_page_of_it() {
    let gateway = Place::with(&[("environment", "live")]).open().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let asked = gateway.call("query", json!({"billNo": "3194B0001"})).await;
    assert_eq!(asked.status, 200);
    assert!(!gateway.running.keeps_traffic());
    for target in ["/traffic".to_owned(), format!("/traffic/{}", asked.header("request-id"))] {
        let page = browser.get(&target).await;
        assert_eq!(page.status, 404, "{target}");
        assert!(!page.text().contains(MID), "{target}");
    }
    gateway.running.stop().await;
}
