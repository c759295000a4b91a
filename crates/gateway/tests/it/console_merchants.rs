//! Merchants and apps at the console: what forms change, what they refuse, and that a secret is shown once.

use holdfast_gateway::operators::{AuditFilter, Role};
use serde_json::json;

use crate::{
    console::Browser,
    console_overview::shown,
    gateway::{APP, Gateway, MID, OTHER_MID, TID, mid, path, request, sign},
    wire::{Answer, Sent},
};

/// What the audit says last: act, about, detail, outcome.
fn last(gateway: &Gateway) -> String {
    let found = gateway.running.operators.audit(&AuditFilter::default(), None, 1).unwrap();
    let entry = found.first().expect("something was written down");
    format!("{} {} | {} | {}", entry.act, entry.about, entry.detail, entry.outcome)
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// The secrets that a page shows.
fn secrets(page: &str) -> Vec<String> {
    let shown = page.split("<dd class=\"secret\"><pre>").skip(1);
    shown.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// Opens a page and sends one of its forms.
async fn send(browser: &mut Browser, page: &str, form: &str, fields: &[(&str, &str)]) -> Answer {
    let opened = browser.get(page).await.text();
    let mark = hidden(&opened, "mark");
    let carried = [("form", form), ("mark", mark.as_str())];
    let fields: Vec<_> = carried.into_iter().chain(fields.iter().copied()).collect();
    browser.post(page, &fields).await
}

/// Sends forms of a page, each with the words of the audit that it leaves behind.
async fn check(page: &str, forms: &[(&str, &[(&str, &str)], &str)]) -> Gateway {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    for (form, fields, audited) in forms {
        let answer = send(&mut browser, page, form, fields).await;
        assert_eq!(answer.went(), format!("303 {page}?saved"), "{form}: {}", answer.text());
        assert_eq!(last(&gateway), *audited);
        let saved = browser.get(&format!("{page}?saved")).await.text();
        assert!(saved.contains("Saved. It is in force now."), "{saved}");
    }
    gateway
}

fn merchant_page() -> String {
    format!("/merchants/{MID}")
}

fn app_page() -> String {
    format!("/apps/{APP}")
}

#[tokio::test]
async fn everything_of_a_merchant_is_set_at_once_and_audited_with_what_changed() {
    let gateway = check(
        &merchant_page(),
        &[
            (
                "settings",
                &[("name", "Lake <b>Hotel</b>"), ("bill_max", "5000"), ("day_max", "¥20000.50")],
                "merchant-changed 898201612345678 | most per bill: none -> 5000.00; most per day: none -> 20000.50; name: 湖畔酒店 -> Lake <b>Hotel</b> | done",
            ),
            (
                "settings",
                &[("name", "Lake <b>Hotel</b>"), ("day_max", "20000.50")],
                "merchant-changed 898201612345678 | most per bill: 5000.00 -> none | done",
            ),
            (
                "terminal",
                &[("tid", TID), ("label", "Lobby")],
                "merchant-changed 898201612345678 | terminal 88880001: none -> Lobby | done",
            ),
            (
                "terminal",
                &[("tid", TID), ("label", "Bar")],
                "merchant-changed 898201612345678 | terminal 88880001: Lobby -> Bar | done",
            ),
            (
                "only-terminals",
                &[("only", "yes")],
                "merchant-changed 898201612345678 | only registered terminals: off -> on | done",
            ),
            (
                "only-terminals",
                &[],
                "merchant-changed 898201612345678 | only registered terminals: on -> off | done",
            ),
            (
                "no-terminal",
                &[("tid", TID)],
                "merchant-changed 898201612345678 | terminal 88880001: Bar -> none | done",
            ),
            (
                "notices",
                &[
                    ("url", "https://hotel.example/notices"),
                    ("sign_type", "SHA256"),
                    ("refund", "yes"),
                    ("capture", "yes"),
                    ("versions", "yes"),
                ],
                "merchant-changed 898201612345678 | digest: MD5 -> SHA256; notices on: none -> capture,refund; notices to: none -> https://hotel.example/notices; versions: off -> on | done",
            ),
            (
                "freeze",
                &[("why", "fraud <script>")],
                "merchant-frozen 898201612345678 | frozen: no -> fraud <script> | done",
            ),
        ],
    )
    .await;
    // It is in force at the door, and markup stays text on every page.
    let refused = gateway.call("get-qrcode", json!({"billNo": "3194X1", "totalAmount": 100})).await;
    assert_eq!(refused.outcome(), "200 INACTIVE_MERCHANT");
    let mut browser = Browser::signed_in(&gateway, "viewer", Role::Viewer).await;
    for page in ["/merchants", &merchant_page(), &app_page()] {
        let html = browser.get(page).await.text();
        assert!(!html.contains("<b>Hotel") && !html.contains("fraud <script>"), "{page}: {html}");
        assert!(html.contains("Lake &#60;b&#62;Hotel"), "{page}: {html}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn everything_of_an_app_is_set_at_once_and_audited_with_what_changed() {
    let gateway = check(
        &app_page(),
        &[
            (
                "settings",
                &[
                    ("merchants", "898201612345678\r\n SHOP1 \r\n\r\nSHOP1"),
                    ("networks", "127.0.0.0/8\r\n192.0.2.7"),
                    ("msg_src", "WWW.HOTEL.COM"),
                ],
                "app-changed it-app | merchants: 898201612345678 -> 898201612345678,SHOP1; msgSrc: none -> WWW.HOTEL.COM; networks: none -> 127.0.0.0/8,192.0.2.7/32 | done",
            ),
            (
                "settings",
                &[("merchants", MID)],
                "app-changed it-app | merchants: 898201612345678,SHOP1 -> 898201612345678; msgSrc: WWW.HOTEL.COM -> none; networks: 127.0.0.0/8,192.0.2.7/32 -> none | done",
            ),
            ("freeze", &[("why", "stolen")], "app-changed it-app | frozen: no -> stolen | done"),
            ("unfreeze", &[], "app-changed it-app | frozen: stolen -> no | done"),
        ],
    )
    .await;
    assert_eq!(gateway.hold("3194X1", 100).await.len(), gateway.hold("3194X2", 100).await.len());
    gateway.running.stop().await;
}

/// Sends a form with fields that are wrong: each has its rule beside it, all at once, and what was typed is kept.
async fn refused(target: &str, form: &str, fields: &[(&str, &str)], rules: &[&str]) {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let before = gateway.store.registry_version().await.unwrap();
    let answer = match target.starts_with("/add") {
        true => {
            let carried = [("form", form)];
            let fields: Vec<_> = carried.into_iter().chain(fields.iter().copied()).collect();
            browser.get(target).await;
            browser.post(target, &fields).await
        }
        false => send(&mut browser, target, form, fields).await,
    };
    let page = answer.text();
    assert_eq!(answer.status, 400, "{form}: {page}");
    assert!(page.contains("role=\"alert\""), "{page}");
    assert_eq!(page.matches("class=\"wrong\"").count(), rules.len(), "{page}");
    assert_eq!(page.matches("aria-invalid=\"true\"").count(), rules.len(), "{page}");
    for rule in rules {
        assert!(page.contains(rule), "{rule} is not told: {page}");
    }
    for (name, text) in fields.iter().filter(|(_, text)| *text != "yes") {
        let kept = text.replace('<', "&#60;");
        assert!(page.contains(&kept), "{name} is not kept: {page}");
    }
    assert_eq!(gateway.store.registry_version().await.unwrap(), before, "something was changed");
    assert!(last(&gateway).ends_with("| 400 | refused"), "{}", last(&gateway));
    gateway.running.stop().await;
}

#[tokio::test]
async fn wrong_fields_are_told_all_at_once_and_what_was_typed_is_kept() {
    let merchant = merchant_page();
    let app = app_page();
    let long = "x".repeat(65);
    refused(
        &merchant,
        "settings",
        &[("name", &long), ("bill_max", "1000000.01"), ("day_max", "-5")],
        &["1 to 64 characters", "from 0.01 to 1000000, such", "from 0.01 to 100000000000, such"],
    )
    .await;
    refused(
        &merchant,
        "terminal",
        &[("tid", "8888 <0001"), ("label", &long)],
        &["1 to 32 letters", "At most 64 characters"],
    )
    .await;
    for url in ["ftp://x.example/", "https://user:secret@x.example/", "https://", "x"] {
        refused(
            &merchant,
            "notices",
            &[("url", url), ("sign_type", "MD5")],
            &["begins with http:// or https://"],
        )
        .await;
    }
    refused(&merchant, "freeze", &[("why", "")], &["Say why"]).await;
    refused(
        &app,
        "settings",
        &[("merchants", "NOBODY"), ("networks", "10.0.0.0/33"), ("msg_src", &long)],
        &["There is no merchant NOBODY", "Networks such as 10.0.0.0/8", "1 to 64 characters, or"],
    )
    .await;
    refused(&app, "settings", &[("merchants", "")], &["At least one merchant number"]).await;
    for other in ["soon", "367d", "-1h", "1.5h"] {
        refused(
            &app,
            "keys",
            &[("overlap", "other"), ("other", other)],
            &["such as 30m, 48h or 14d"],
        )
        .await;
    }
    refused(&app, "keys", &[("overlap", "0s")], &["refused at once"]).await;
    refused(
        "/add-merchant",
        "add",
        &[("mid", "a b"), ("name", " ")],
        &["1 to 32 letters", "1 to 64 characters"],
    )
    .await;
    refused("/add-merchant", "add", &[("mid", MID), ("name", "x")], &["already"]).await;
    refused(
        "/add-app",
        "add",
        &[("id", "a.b"), ("merchants", "x y"), ("networks", "here")],
        &["letters, digits, - or _.", "At least one merchant", "Networks such as"],
    )
    .await;
    refused("/add-app", "add", &[("id", APP), ("merchants", MID)], &["an app of that id"]).await;
}

#[tokio::test]
async fn of_two_who_change_the_same_merchant_the_second_is_told_what_is_there_now() {
    let gateway = Gateway::start().await;
    let mut one = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let mut other = Browser::signed_in(&gateway, "toor", Role::Administrator).await;
    let page = merchant_page();
    let (seen, also) = (one.get(&page).await.text(), other.get(&page).await.text());
    let (mark, same) = (hidden(&seen, "mark"), hidden(&also, "mark"));
    assert_eq!(mark, same);
    let fields = [("form", "settings"), ("mark", mark.as_str()), ("name", "First")];
    assert_eq!(one.post(&page, &fields).await.status, 303);
    let fields = [("form", "settings"), ("mark", same.as_str()), ("name", "Second")];
    let lost = other.post(&page, &fields).await;
    let told = lost.text();
    assert_eq!(lost.status, 409, "{told}");
    assert!(told.contains("somebody changed this meanwhile"), "{told}");
    assert!(told.contains("name=\"name\" value=\"First\""), "what is there now: {told}");
    assert!(told.contains("<dt class=\"number\">name</dt><dd>Second</dd>"), "{told}");
    // Also when the command line was the first.
    let seen = hidden(&one.get(&page).await.text(), "mark");
    let name = holdfast_domain::Text::parse("Third").unwrap();
    gateway.running.accounts.add_merchant(&mid(MID), &name).await.unwrap();
    let fields = [("form", "freeze"), ("mark", seen.as_str()), ("why", "x")];
    assert_eq!(one.post(&page, &fields).await.status, 409);
    assert!(gateway.running.accounts.book().merchants[&mid(MID)].frozen.is_none());
    gateway.running.stop().await;
}

/// Sends a form that makes a secret, and the same form again. Answers the secret.
async fn made_once(
    gateway: &Gateway,
    browser: &mut Browser,
    target: &str,
    fields: &[(&str, &str)],
    again: u16,
) -> String {
    let opened = browser.get(target).await.text();
    let mark = match target.starts_with("/add") {
        true => String::new(),
        false => hidden(&opened, "mark"),
    };
    let carried = [("mark", mark.as_str())];
    let fields: Vec<_> = carried.into_iter().chain(fields.iter().copied()).collect();
    let answer = browser.post(target, &fields).await;
    let page = answer.text();
    assert_eq!(answer.status, 200, "{page}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let secret = secrets(&page).pop().expect("a secret is shown");
    assert!(secret.len() >= 32, "{secret}");
    // A reload sends the form again: nothing is made, and nothing is shown.
    let version = gateway.store.registry_version().await.unwrap();
    let reloaded = browser.post(target, &fields).await;
    assert_eq!(reloaded.status, again, "{}", reloaded.text());
    assert!(secrets(&reloaded.text()).is_empty() && !reloaded.text().contains(&secret));
    assert_eq!(gateway.store.registry_version().await.unwrap(), version);
    // Nowhere else either.
    for other in [target, "/merchants", &merchant_page(), &app_page(), "/audit", "/traffic"] {
        assert!(!browser.get(other).await.text().contains(&secret), "{other}");
    }
    for entry in gateway.running.operators.audit(&AuditFilter::default(), None, 100).unwrap() {
        assert!(!entry.detail.contains(&secret), "{entry:?}");
    }
    secret
}

/// The outcome of a request that an app signs with that key.
async fn signed_with(gateway: &Gateway, app: &str, key: &str) -> String {
    let body = request(json!({"billNo": "3194Q1"})).to_string();
    let stamp = holdfast_wire::auth::Stamp::at(gateway.wall());
    let signature = sign(app, key, &stamp, &gateway.nonce(), body.as_bytes());
    let sent = Sent::post(&path("query"), body).with("Authorization", signature.header());
    gateway.send(&sent).await.outcome()
}

/// The key is right, and there is no such bill.
const KNOWN: &str = "200 NO_ORDER";

#[tokio::test]
async fn keys_are_shown_once_replaced_with_overlap_and_ended() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let page = app_page();
    let old = crate::gateway::KEY;
    let fields = [("form", "keys"), ("overlap", "24h")];
    let new = made_once(&gateway, &mut browser, &page, &fields, 409).await;
    for key in [old, &new] {
        assert_eq!(signed_with(&gateway, APP, key).await, KNOWN);
    }
    // Two are good: a third has to wait.
    let third = send(&mut browser, &page, "keys", &[("overlap", "7d")]).await;
    assert_eq!(third.status, 409, "{}", third.text());
    assert!(third.text().contains("end the older one first"), "{}", third.text());
    let asked = browser.get(&format!("{page}/revoke?number=1")).await.text();
    assert!(asked.contains("Another key of this app stays good"), "{asked}");
    let ended = send(&mut browser, &format!("{page}/revoke?number=1"), "", &[]).await;
    assert_eq!(ended.status, 405, "a form goes to the page of the app");
    let ended = send(&mut browser, &page, "revoke", &[("number", "1")]).await;
    assert_eq!(ended.went(), format!("303 {page}?saved"), "{}", ended.text());
    assert!(last(&gateway).starts_with("key-ended it-app | key 1: until"), "{}", last(&gateway));
    assert_eq!(signed_with(&gateway, APP, old).await, "401 BAD_SIGN");
    assert_eq!(signed_with(&gateway, APP, &new).await, KNOWN);
    // The last good one is ended only by whoever says so.
    let asked = send(&mut browser, &page, "revoke", &[("number", "2")]).await;
    assert_eq!(asked.status, 400, "{}", asked.text());
    assert!(asked.text().contains("No other key of this app is good"), "{}", asked.text());
    assert_eq!(signed_with(&gateway, APP, &new).await, KNOWN);
    let fields = [("number", "2"), ("sure", "yes")];
    assert_eq!(send(&mut browser, &page, "revoke", &fields).await.status, 303);
    assert_eq!(signed_with(&gateway, APP, &new).await, "401 BAD_SIGN");
    let fields = [("form", "keys"), ("overlap", "0s")];
    let third = made_once(&gateway, &mut browser, &page, &fields, 409).await;
    assert_eq!(signed_with(&gateway, APP, &third).await, KNOWN);
    // The old one ends at once where that was ticked.
    let fields = [("form", "keys"), ("overlap", "0s"), ("sure", "yes")];
    made_once(&gateway, &mut browser, &page, &fields, 409).await;
    assert_eq!(signed_with(&gateway, APP, &third).await, "401 BAD_SIGN");
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_keys_of_a_merchant_and_of_what_is_added_are_shown_once() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let page = merchant_page();
    made_once(&gateway, &mut browser, &page, &[("form", "keys"), ("overlap", "0s")], 409).await;
    let fields = [("form", "keys"), ("overlap", "other"), ("other", "48h")];
    let second = made_once(&gateway, &mut browser, &page, &fields, 409).await;
    let book = gateway.running.accounts.book();
    let keys = &book.merchants[&mid(MID)].notices.keys;
    assert_eq!(keys[0].secret.expose(), second);
    let lasts = keys[1].ends_at.unwrap().0 - gateway.wall().0;
    assert_eq!(lasts, 48 * 3_600_000);
    // The one that signs is replaced, never ended.
    let refused = send(&mut browser, &page, "revoke", &[("number", "2")]).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("replace it first"), "{}", refused.text());
    assert_eq!(browser.get(&format!("{page}/revoke?number=2")).await.status, 404);
    assert_eq!(send(&mut browser, &page, "revoke", &[("number", "1")]).await.status, 303);

    let fields = [("form", "webhooks"), ("on", "yes")];
    let secret = made_once(&gateway, &mut browser, &page, &fields, 409).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    let fields = [("form", "webhooks"), ("on", "yes"), ("sure", "yes")];
    assert_ne!(made_once(&gateway, &mut browser, &page, &fields, 409).await, secret);
    assert_eq!(send(&mut browser, &page, "webhooks", &[("sure", "yes")]).await.status, 303);
    assert_eq!(last(&gateway), "merchant-changed 898201612345678 | webhooks: on -> off | done");

    let fields = [("form", "add"), ("mid", "NEW-1"), ("name", "新店")];
    made_once(&gateway, &mut browser, "/add-merchant", &fields, 400).await;
    let fields = [
        ("form", "add"),
        ("id", "new-app"),
        ("merchants", "NEW-1\r\n898201612345678"),
        ("networks", "127.0.0.1"),
        ("msg_src", "WWW.NEW.COM"),
    ];
    let key = made_once(&gateway, &mut browser, "/add-app", &fields, 400).await;
    assert_eq!(signed_with(&gateway, "new-app", &key).await, KNOWN);
    let listed = shown(&browser.get("/merchants?q=new").await.text());
    assert!(listed.contains("新店 NEW-1 active"), "{listed}");
    assert!(listed.contains("new-app active NEW-1 898201612345678 127.0.0.1/32 1"), "{listed}");
    assert!(!listed.contains(OTHER_MID), "{listed}");
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_viewer_and_an_operator_see_everything_and_change_nothing() {
    let gateway = Gateway::start().await;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    // A terminal, a second key, an address: each of them has a button for those who may.
    send(&mut root, &merchant_page(), "terminal", &[("tid", TID)]).await;
    send(&mut root, &merchant_page(), "keys", &[("overlap", "24h")]).await;
    send(&mut root, &merchant_page(), "keys", &[("overlap", "24h")]).await;
    let mark = hidden(&root.get(&merchant_page()).await.text(), "mark");
    for (name, role) in [("viewer", Role::Viewer), ("teller", Role::Operator)] {
        let mut browser = Browser::signed_in(&gateway, name, role).await;
        for page in ["/merchants", &merchant_page(), &app_page()] {
            let html = browser.get(page).await.text();
            let forms = html.matches("method=\"post\"").count();
            assert_eq!(forms, 1, "only the one that signs out: {page}: {html}");
            assert!(!html.contains("/add-") && !html.contains("/revoke"), "{page}: {html}");
        }
        for page in ["/add-merchant", "/add-app", &format!("{}/revoke?number=1", app_page())] {
            assert_eq!(browser.get(page).await.status, 403, "{page}");
        }
        let fields = [("form", "freeze"), ("mark", mark.as_str()), ("why", "because")];
        assert_eq!(browser.post(&merchant_page(), &fields).await.status, 403);
        assert_eq!(last(&gateway), format!("request {} | 403 | refused", merchant_page()));
    }
    assert!(gateway.running.accounts.book().merchants[&mid(MID)].frozen.is_none());
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_list_tells_what_was_asked_for_today_and_pages_through_many() {
    let gateway = Gateway::start().await;
    gateway.hold("3194X1", 12_345).await;
    let mut browser = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let fields = [("name", "湖畔酒店"), ("day_max", "1000")];
    assert_eq!(send(&mut browser, &merchant_page(), "settings", &fields).await.status, 303);
    let listed = shown(&browser.get("/merchants").await.text());
    assert!(listed.contains("898201612345678 active ¥123.45 of ¥1,000.00"), "{listed}");
    let page = browser.get(&merchant_page()).await.text();
    assert!(page.contains("<progress max=\"100\" value=\"12\""), "{page}");
    for link in ["/bills?mid=", "/notices?mid=", "/statements?mid="] {
        assert!(page.contains(&format!("{link}{MID}")), "{link}: {page}");
    }
    let name = holdfast_domain::Text::parse("many").unwrap();
    for number in 0..60 {
        let mid = mid(&format!("MANY{number:02}"));
        gateway.running.accounts.add_merchant(&mid, &name).await.unwrap();
    }
    let first = browser.get("/merchants?q=many").await.text();
    assert!(first.contains("MANY49") && !first.contains("MANY50"), "{first}");
    assert!(first.contains("/merchants?q=many&amp;after=MANY49"), "{first}");
    let second = browser.get("/merchants?q=many&after=MANY49").await.text();
    assert!(second.contains("MANY50") && second.contains("MANY59") && !second.contains(">MANY49<"));
    assert!(first.contains("More merchants") && !second.contains("More merchants"), "{second}");
    for missing in ["/merchants/NOBODY", "/apps/nobody", "/merchants/NOBODY/revoke?number=1"] {
        assert_eq!(browser.get(missing).await.status, 404, "{missing}");
    }
    gateway.running.stop().await;
}
