//! The proof of the ledger, run at the console.

use holdfast_gateway::{
    clock::patience,
    operators::{Act, AuditFilter, Role},
    store::Kind,
};

use crate::{
    console::Browser,
    gateway::{Gateway, Place},
    wire::PATIENCE_MS,
};

/// Waits until a page has what is looked for, and answers it.
pub(crate) async fn until(browser: &mut Browser, target: &str, looked_for: &str) -> String {
    let seen = async {
        loop {
            let page = browser.get(target).await.text();
            if page.contains(looked_for) {
                return page;
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = patience(PATIENCE_MS, seen).await;
    seen.unwrap_or_else(|| panic!("{target} never says {looked_for}"))
}

#[tokio::test]
async fn a_proof_says_what_it_covered_and_its_balances_are_zero_together() {
    let gateway = Gateway::start().await;
    gateway.captured("3194B0001", "3194C0001", 50_000).await;
    gateway.authorized("3194B0002", 20_000).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let before = browser.get("/ledger").await.text();
    assert!(before.contains("has not been proved from here yet"), "{before}");
    assert_eq!(browser.post("/ledger", &[]).await.went(), "303 /ledger");
    let found = until(&mut browser, "/ledger", "The last proof").await;
    let records = gateway.journal().await;
    for there in [
        "The ledger holds",
        &*format!("records 1 to {records}, 2 bills"),
        "<td class=\"sum\">-¥700.00</td>",
        "<td class=\"sum\">¥500.00</td>",
        "<td class=\"sum\">¥200.00</td>",
        "Together</th><td class=\"sum\">¥0.00</td>",
        "<dd>li.lei</dd>",
        "<dd>0 records</dd>",
    ] {
        assert!(found.contains(there), "{there}: {found}");
    }
    let proofs = AuditFilter { act: Some(Act::LedgerProof), ..AuditFilter::default() };
    let done = async {
        loop {
            let all = gateway.running.operators.audit(&proofs, None, 10).unwrap();
            if all.len() == 2 {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    let written = patience(PATIENCE_MS, done).await.expect("both entries are in the audit");
    assert_eq!(written[0].outcome, "done");
    assert_eq!(written[0].detail, format!("{records} records, 2 bills, 0 differ"));
    assert_eq!(written[1].outcome, "asked");
    // What happens later is not covered.
    gateway.hold("3194B0003", 100).await;
    let later = browser.get("/ledger").await.text();
    assert!(later.contains("<dd>1 records</dd>"), "{later}");
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_last_proof_outlasts_a_restart() {
    let place = Place::new();
    let gateway = place.open().await;
    gateway.authorized("3194B0001", 20_000).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    browser.post("/ledger", &[]).await;
    until(&mut browser, "/ledger", "The last proof").await;
    gateway.running.stop().await;
    let gateway = place.open().await;
    let mut browser = Browser::signed_in(&gateway, "wang.fang", Role::Viewer).await;
    let found = browser.get("/ledger").await.text();
    assert!(found.contains("The ledger holds") && found.contains("<dd>li.lei</dd>"), "{found}");
    // A viewer sees it, and runs none.
    assert!(!found.contains("Prove the ledger now"), "{found}");
    assert_eq!(browser.post("/ledger", &[]).await.status, 403);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_proof_that_found_differences_is_told_as_such_and_its_texts_stay_texts() {
    let gateway = Gateway::start().await;
    let last = r#"{"at":1772416800000,"took_ms":7,"by":"<b>x</b>","fault":null,"records":9,"bills":2,"payer_fen":-500,
        "held_fen":500,"merchant_fen":0,"sub_merchants_fen":0,"undivided_fen":0,"differing":3,
        "differences":[["M1/2026-03-02/BILL01","a bill of version 2, held","<script>"]]}"#;
    gateway.store.register(Kind::Setting, "last_proof", Some(last.to_owned())).await.unwrap();
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let found = browser.get("/ledger").await.text();
    for there in
        ["3 bills differ", "/bills/M1/2026-03-02/BILL01", "&#60;script&#62;", "&#60;b&#62;x"]
    {
        assert!(found.contains(there), "{there}: {found}");
    }
    assert!(!found.contains("The ledger holds"), "{found}");
    gateway.running.stop().await;
}
