//! The page of one bill: what it shows, and what of it is nobody's script.

use holdfast_gateway::operators::Role;
use serde_json::{Value, json};

use crate::{
    console::Browser,
    console_overview::{check, shown},
    gateway::{BILL_DATE, Gateway, MID},
};

fn path(no: &str) -> String {
    format!("/bills/{MID}/{BILL_DATE}/{no}")
}

#[tokio::test]
async fn a_bill_shows_its_money_its_life_its_entries_and_what_may_be_done() {
    let gateway = Gateway::start().await;
    let auth = gateway.captured("3194B0001", "3194C0001", 50_000).await;
    let mut browser = Browser::signed_in(&gateway, "li", Role::Operator).await;
    let html = browser.get(&path("3194B0001")).await.text();
    check(
        &shown(&html),
        &[
            "Bill 3194B0001",
            "¥500.00 captured hold 湖畔酒店 · 898201612345678",
            "Held ¥0.00 Taken ¥500.00 Given back ¥0.00",
            "Refund up to 500.00 yuan",
            "Reverse the capture as a whole until 2026-03-02 23:00:00",
            "Capture not now: cannot capture: the bill is captured",
            "captured ¥500.00 2026-03-02 10:00:00 · the channel order 3194C0001",
            "held → to merchant ¥500.00",
            "capture asked for ¥500.00 2026-03-02 10:00:00 · app it-app · request",
            "the money is held ¥500.00 2026-03-02 10:00:00 · the payer order 3194B00010",
            "payer → to held ¥500.00",
            &format!("Authorization code {auth}"),
            "Terminal 88880001",
            "Business day 2026-03-02",
            "No operator has done anything with this bill.",
        ],
        &["Waiting for the payer", "left out", "You may look"],
    );
    // In the test environment what was signed and answered can be looked at.
    let (_, link) = html.split_once("<a class=\"number\" href=\"/traffic/").expect("a link");
    let exchange = browser.get(&format!("/traffic/{}", link.split('"').next().unwrap())).await;
    assert!(exchange.text().contains("preauthed"), "{}", exchange.text());
    check(
        &html,
        &["/refund\">Refund</a>", "/reverse\">Reverse", "data-live=\"6000\""],
        &["/capture\">", "class=\"qr\""],
    );
    let mut viewer = Browser::signed_in(&gateway, "wu", Role::Viewer).await;
    let html = viewer.get(&path("3194B0001")).await.text();
    check(&html, &["You may look; operators may act."], &["/refund\">", "/reverse\">"]);
}

#[tokio::test]
async fn a_hold_shows_its_deadline_and_what_is_open_is_looked_at_often() {
    let gateway = Gateway::start().await;
    gateway.authorized("3194B0001", 50_000).await;
    let mut browser = Browser::signed_in(&gateway, "li", Role::Viewer).await;
    let page = browser.get(&path("3194B0001")).await.text();
    check(
        &shown(&page),
        &["30 days left What is not taken goes back to the payer by itself at 2026-04-01 10:00:00"],
        &[],
    );
    gateway.advance(28 * 86_400_000);
    let page = browser.get(&path("3194B0001")).await.text();
    check(&page, &["badge warn\">2 days left"], &[]);
}

#[tokio::test]
async fn notices_stand_beside_the_event_that_they_tell_of() {
    let gateway = Gateway::start().await;
    let fields =
        json!({"billNo": "3194B0001", "totalAmount": 100, "notifyUrl": "http://127.0.0.1:9/x"});
    let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
    gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    let mut browser = Browser::signed_in(&gateway, "li", Role::Viewer).await;
    let page = crate::console_ledger::until(&mut browser, &path("3194B0001"), "/notices/").await;
    let paid = shown(&page);
    check(&paid, &["paid ¥1.00"], &[]);
    let life = page.split_once("id=\"life\"").unwrap().1.split_once("</section>").unwrap().0;
    assert!(life.contains("<a href=\"/notices/"), "{life}");
    assert!(!page.contains("Other notices"), "{page}");
}

#[tokio::test]
async fn whatever_a_merchant_writes_on_a_bill_stays_text() {
    let gateway = Gateway::start().await;
    let hostile = "<script>window.pwned=1</script>\"'><img src=x>";
    let fields =
        json!({"billNo": "3194B0001", "totalAmount": 100, "billDesc": hostile, "memberId": "<b>"});
    assert_eq!(gateway.call("get-qrcode", fields).await.outcome(), "200 SUCCESS");
    let mut browser = Browser::signed_in(&gateway, "li", Role::Operator).await;
    for page in [path("3194B0001"), format!("{}/close", path("3194B0001"))] {
        let text = browser.get(&page).await.text();
        check(&text, &[], &["<script>window", "<img src=x", "<b>"]);
    }
    let text = browser.get(&path("3194B0001")).await.text();
    check(&text, &["&#60;script&#62;window.pwned=1"], &[]);
}

#[tokio::test]
async fn a_bill_that_nobody_knows_and_an_address_that_names_none_are_told_alike() {
    let gateway = Gateway::start().await;
    gateway.hold("3194B0001", 100).await;
    let mut browser = Browser::signed_in(&gateway, "li", Role::Operator).await;
    for address in [
        path("3194B0002"),
        path("x"),
        format!("/bills/{MID}/2026-02-30/3194B0001"),
        format!("/bills/{MID}/today/3194B0001"),
        format!("/bills/{MID}/2026-03-03/3194B0001"),
        "/bills/a%20b/2026-03-02/3194B0001".to_owned(),
        "/bills/%3Cscript%3E/2026-03-02/3194B0001".to_owned(),
        format!("{}/release", path("3194B0002")),
    ] {
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, 404, "{address}: {}", answer.text());
        assert!(answer.text().contains("There is no such bill"), "{address}");
    }
    // A request that never was says nothing of what was done.
    let page = browser.get(&format!("{}?request=00000000-7", path("3194B0001"))).await.text();
    check(&page, &["Nothing more happened under this request"], &["Done:"]);
    let page = browser.get(&format!("{}?request=<b>", path("3194B0001"))).await.text();
    check(&page, &[], &["under this request"]);
}
