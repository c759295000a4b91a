//! The overview from outside: what it says of lives that were lived over signed HTTP.

use holdfast_gateway::operators::Role;
use serde_json::{Value, json};

use crate::{
    console::Browser,
    gateway::{Gateway, Place},
    script::Play,
};

/// The text of a page without its tags, each run of spaces as one.
pub(crate) fn shown(page: &str) -> String {
    let mut text = String::new();
    for piece in page.split('<') {
        let (_, after) = piece.split_once('>').unwrap_or(("", piece));
        text.push_str(after);
        text.push(' ');
    }
    let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn overview(gateway: &Gateway, role: Role) -> (String, String) {
    let mut browser = Browser::signed_in(gateway, "han.meimei", role).await;
    let page = browser.get("/").await;
    assert_eq!(page.status, 200, "{}", page.text());
    (shown(&page.text()), page.text())
}

/// Expects these words on a page, and not the others.
pub(crate) fn check(page: &str, there: &[&str], not: &[&str]) {
    for words in there {
        assert!(page.contains(words), "{words:?} is not on the page: {page}");
    }
    for words in not {
        assert!(!page.contains(words), "{words:?} is on the page: {page}");
    }
}

#[tokio::test]
async fn an_empty_gateway_invites_those_who_may_to_take_a_hold() {
    let gateway = Gateway::start().await;
    let (page, html) = overview(&gateway, Role::Operator).await;
    let words = [
        "Business day 2026-03-02, since 2026-03-01 23:00:00 Beijing time.",
        "Nothing has happened here yet. Take a hold",
        "Outcome unknown 0 every order has its answer",
        "Expiring this week 0 no hold comes to its deadline",
        "Notices overdue 0 merchants know of everything",
        "Success rate – 0 carried out, 0 refused",
    ];
    check(&page, &words, &["Expired holds"]);
    assert!(html.contains("href=\"/new\">Take a hold"));
    gateway.running.stop().await;

    let gateway = Gateway::start().await;
    let (page, _) = overview(&gateway, Role::Viewer).await;
    check(&page, &["Nothing has happened here yet."], &["Take a hold"]);
    gateway.running.stop().await;
}

#[tokio::test]
async fn what_happened_today_stands_beside_the_day_before_up_to_the_same_time() {
    let gateway = Gateway::start().await;
    gateway.captured("3194A1", "3194A1C", 50_000).await;
    gateway.advance(24 * 3_600_000);
    gateway.authorized("3194A2", 30_000).await;
    gateway.authorized("3194A3", 20_000).await;
    let (page, html) = overview(&gateway, Role::Viewer).await;
    let words = [
        "Business day 2026-03-03",
        "until 2026-03-02 10:10:00",
        "Holds 2 ¥500.00 day before: 1 · ¥500.00",
        "Captures 0 ¥0.00 day before: 1 · ¥500.00",
        "Success rate – 0 carried out, 0 refused by the channel day before: 100.0 %",
        "Time to certainty – half of the orders; 95 of 100: – day before: ≤ 10 ms",
        "2026-03-02 ¥500.00 ¥500.00 ¥0.00",
        "2026-03-03 ¥500.00 ¥0.00 ¥0.00",
        "10:00 2 2",
    ];
    check(&page, &words, &["Nothing has happened", "still being read"]);
    assert!(html.len() < 70_000, "{} bytes", html.len());
    // What was held yesterday morning has gone by yesterday night: no longer compared.
    gateway.advance(13 * 3_600_000);
    let (page, _) = overview(&gateway, Role::Viewer).await;
    check(&page, &["Business day 2026-03-04", "Holds 0 ¥0.00 day before: 0 · ¥0.00"], &[]);
    gateway.running.stop().await;
}

#[tokio::test]
async fn what_nobody_knows_expires_or_waits_is_told_first() {
    let mut play = Play::new(Place::new().open().await);
    play.gateway.authorized("3194E1", 12_300).await;
    play.gateway.advance(26 * 86_400_000);
    play.run("hold 50000 7001").await;
    play.run("confirm").await;
    assert_eq!(play.run("slowly capture C7001-cap-late 30000").await, "TIMEOUT");
    let (page, html) = overview(&play.gateway, Role::Viewer).await;
    let words = [
        "Outcome unknown 1 the oldest for 8 s",
        "3194B7001 capture ¥300.00 2026-03-28 10:00:00 8 s",
        "Expiring this week 1 ¥123.00 held; the next 2026-04-01 10:00:00",
        "Channel Simulated: no real money moves",
    ];
    check(&page, &words, &[]);
    assert!(html.contains("<a href=\"/bills/898201612345678/2026-03-02/3194B7001\">"));
    play.gateway.running.stop().await;
}

#[tokio::test]
async fn notices_that_wait_too_long_are_counted() {
    let gateway = Gateway::start().await;
    let fields =
        json!({"billNo": "3194N1", "totalAmount": 100, "notifyUrl": "http://127.0.0.1:9/x"});
    let made = gateway.call("get-qrcode", fields).await;
    let code = made.field("qrCodeId");
    gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    let (page, _) = overview(&gateway, Role::Viewer).await;
    check(&page, &["Notices overdue 0"], &[]);
    gateway.advance(301_000);
    let (page, _) = overview(&gateway, Role::Viewer).await;
    check(&page, &["Notices overdue 1 the oldest of 2026-03-02 10:00:00, for 5 min"], &[]);
    gateway.running.stop().await;
}
