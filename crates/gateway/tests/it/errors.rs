//! Error answers say where they are explained, and there they are.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use holdfast_gateway::config::Environment;
use holdfast_wire::code::Code;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, MID, Place},
    wire::{Answer, Sent},
};

/// Where the live gateways of these tests listen. All others are test gateways.
static LIVE: Mutex<BTreeSet<SocketAddr>> = Mutex::new(BTreeSet::new());

/// Remembers what environment is served at an address from now on.
pub(crate) fn serves(address: SocketAddr, environment: Environment) {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    match environment {
        Environment::Live => live.insert(address),
        Environment::Test => live.remove(&address),
    };
}

/// Every error answer of a test gateway names the page of its code, and no answer of a live one names any. Runs on
/// every answer of every test in this folder.
pub(crate) fn says_where_it_is_explained(address: SocketAddr, answer: &Value) {
    // Where the request was wrapped in `data`, so is its answer.
    let told = answer.get("data").filter(|data| data.get("errCode").is_some()).unwrap_or(answer);
    let Some(code) = told.get("errCode").and_then(Value::as_str) else { return };
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner).contains(&address);
    if live || matches!(code, "SUCCESS" | "0000") {
        assert_eq!(told.get("docUrl"), None, "{answer}");
        return;
    }
    let page = told["docUrl"].as_str().unwrap_or_else(|| panic!("no page is named: {answer}"));
    assert!(page.starts_with("http") && page.ends_with(&format!("/errors/{code}")), "{answer}");
}

async fn get(gateway: &Gateway, target: &str, accept: &str) -> Answer {
    let sent = Sent { method: "GET", ..Sent::post(target, "") };
    gateway.send(&sent.with("Accept", accept)).await
}

/// The value of a header of an answer.
fn header(answer: &Answer, name: &str) -> String {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map_or_else(String::new, |(_, value)| value.to_owned())
}

#[tokio::test]
async fn every_door_of_a_test_gateway_tells_where_its_refusal_is_explained() {
    let gateway = Gateway::start().await;
    let page = |code: &str| format!("http://{}/errors/{code}", gateway.running.address);
    let wrapped = json!({"data": {"mid": MID}}).to_string();
    for (code, answer) in [
        ("NO_ORDER", gateway.call("query", json!({"billNo": "3194NONE"})).await),
        ("NO_SERVICE", gateway.post("/v1/netpay/bills/nothing", "{}").await),
        ("NO_SERVICE", get(&gateway, "/v1/netpay/bills/query", "*/*").await),
        ("BAD_SIGN", gateway.send(&Sent::post("/v1/netpay/bills/query", "{}")).await),
        ("BAD_REQUEST", gateway.send(&Sent::post("/v1/token/access", "{}")).await),
        ("BAD_REQUEST", gateway.send(&Sent::post("/netpay-route-server/api/", "{")).await),
        ("INVALID_MSGSRC", gateway.send(&Sent::post("/netpay-route-server/api/", "{}")).await),
        ("NO_ORDER", gateway.sim("GET", "/sim/payer/NOBODY", Value::Null).await),
        ("NO_SERVICE", gateway.sim("DELETE", "/sim/clock", Value::Null).await),
        ("BAD_REQUEST", gateway.sim("GET", "/bills/qrCode.do", Value::Null).await),
        ("BAD_REQUEST", gateway.sim("POST", "/sim/clock", json!("x".repeat(70_000))).await),
        ("NO_SERVICE", gateway.send(&Sent::post("/errors/NO_ORDER", "")).await),
    ] {
        assert_eq!(answer.field("errCode"), code, "{}", answer.text());
        assert_eq!(answer.field("docUrl"), page(code));
        assert_eq!(answer.field("errMsg"), answer.field("errInfo"));
        assert!(!answer.field("errMsg").is_empty(), "{}", answer.text());
        let explained = get(&gateway, &format!("/errors/{code}"), "*/*").await;
        assert_eq!(explained.status, 200, "{}", explained.text());
    }
    let answer = gateway.post("/v1/netpay/bills/query", wrapped).await.json();
    assert_eq!(answer["data"]["docUrl"], json!(page("BAD_REQUEST")), "{answer}");
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_page_is_named_under_the_public_address() {
    let gateway = Place::with(&[("public_url", "https://pay.example/holdfast/")]).open().await;
    let answer = gateway.call("query", json!({"billNo": "3194NONE"})).await;
    assert_eq!(answer.field("docUrl"), "https://pay.example/holdfast/errors/NO_ORDER");
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_live_gateway_names_no_page_and_serves_them_all_the_same() {
    let gateway = Place::with(&[("environment", "live")]).open().await;
    let answer = gateway.call("query", json!({"billNo": "3194NONE"})).await;
    assert_eq!(answer.outcome(), "200 NO_ORDER");
    assert!(!answer.text().contains("docUrl"), "{}", answer.text());
    assert_eq!(get(&gateway, "/errors/NO_ORDER", "*/*").await.status, 200);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_page_comes_in_the_form_that_is_asked_for() {
    let gateway = Gateway::start().await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, kind, begins) in [
        (browser, "text/html;charset=utf-8", "<!doctype html>"),
        ("text/markdown", "text/markdown;charset=utf-8", "# "),
        ("*/*", "text/plain;charset=utf-8", ""),
        ("application/json", "text/plain;charset=utf-8", ""),
    ] {
        let all = get(&gateway, "/errors", accept).await;
        assert_eq!((all.status, header(&all, "content-type").as_str()), (200, kind));
        for code in Code::ALL {
            assert!(all.text().contains(code.name()), "{code}");
            let page = get(&gateway, &format!("/errors/{code}"), accept).await;
            let text = page.text();
            assert_eq!((page.status, header(&page, "content-type").as_str()), (200, kind));
            assert!(text.starts_with(begins), "{text}");
            let spec = code.spec();
            assert!(text.contains(spec.text.en) && text.contains(spec.text.zh), "{text}");
        }
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_page_loads_its_style_and_nothing_else() {
    let gateway = Gateway::start().await;
    for target in ["/errors", "/errors/BAD_SIGN", "/errors/NOTHING_LIKE_IT"] {
        let page = get(&gateway, target, "text/html").await;
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let text = page.text();
        for forbidden in ["<script", "<img", "style=", "http://", "https://", "onclick"] {
            assert!(!text.contains(forbidden), "{target}: {forbidden}");
        }
        assert!(text.contains("width=device-width") && text.contains("lang=\"zh-CN\""), "{text}");
        // Every link leads somewhere, from where the page is.
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let linked = match link.strip_prefix("../") {
                Some(above) => format!("/{above}"),
                None => format!("{}/{link}", target.rsplit_once('/').unwrap().0),
            };
            assert_eq!(get(&gateway, &linked, "text/html").await.status, 200, "{target}: {link}");
        }
    }
    let style = get(&gateway, "/errors/style.css", "text/css").await;
    assert_eq!(header(&style, "content-type"), "text/css;charset=utf-8");
    assert!(style.text().contains("color-scheme: light dark"));
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_code_that_does_not_exist_is_answered_with_those_that_are_near() {
    let gateway = Gateway::start().await;
    for (asked, near) in [
        ("bad_sign", "BAD_SIGN"),
        ("BAD_SING", "BAD_SIGN"),
        ("NO_O", "NO_ORDER"),
        ("INVALID_MERCHANT_CONFIG", "INVLID_MERCHANT_CONFIG"),
    ] {
        for accept in ["*/*", "text/markdown", "text/html"] {
            let page = get(&gateway, &format!("/errors/{asked}"), accept).await;
            assert_eq!(page.status, 404, "{asked}");
            assert!(page.text().contains(near), "{}", page.text());
        }
    }
    let page = get(&gateway, "/errors/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "text/html").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("&lt;script&gt;") && !page.text().contains("<script"));
    let page = get(&gateway, "/errors/%1b%5b31m", "*/*").await;
    assert!(page.status == 404 && !page.text().contains('\u{1b}'), "{:?}", page.text());
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_check_that_runs_on_every_answer_can_fail() {
    let gateway = Gateway::start().await;
    let address = gateway.running.address;
    let fails = |answer: Value| {
        std::panic::catch_unwind(|| says_where_it_is_explained(address, &answer)).is_err()
    };
    assert!(fails(json!({"errCode": "NO_ORDER"})));
    assert!(fails(json!({"errCode": "NO_ORDER", "docUrl": "http://here/errors/BAD_SIGN"})));
    assert!(fails(json!({"errCode": "SUCCESS", "docUrl": "http://here/errors/SUCCESS"})));
    assert!(fails(json!({"data": {"errCode": "NO_ORDER"}, "errCode": "NO_ORDER"})));
    assert!(!fails(json!({"errCode": "SUCCESS"})));
    gateway.running.stop().await;
}
