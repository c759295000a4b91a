//! The same gateway on a disk: what was answered is still so when the gateway has ended and begun again.

use std::{path::Path, sync::Arc};

use holdfast_gateway::{clock::Dice, store::SqliteStore, vault::Vault};
use serde_json::json;

use crate::{
    gateway::{Gateway, Place, path, request},
    script::{Play, check_in, is_proven},
};

#[tokio::test]
async fn a_hold_lives_and_dies_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    check_in(
        &place(dir.path()),
        "
        hold 1908       | SUCCESS
        confirm         | authorized
        capture C1 1000 | SUCCESS PAID C1 1000 TRADE_SUCCESS
        capture C1 1001 | DUP_ORDER
        reverse C1      | SUCCESS PAID C1 1000 TRADE_CLOSED
        reverse C1      | SUCCESS PAID C1 1000 TRADE_CLOSED
        capture C2 1908 | SUCCESS PAID C2 1908 TRADE_SUCCESS
        refund R1 900   | SUCCESS REFUND R1 900 SUCCESS
        query C2 R1     | SUCCESS REFUND pay 1908 TRADE_REFUND C2 1908 TRADE_REFUND R1 900 TRADE_SUCCESS
        money           | payer -1008 held 0 merchant 1008
        ",
    )
    .await;
}

#[tokio::test]
async fn time_does_its_work_on_a_disk() {
    for (script, end) in [("confirm | authorized", "expired"), ("look | requested", "lapsed")] {
        let dir = tempfile::tempdir().unwrap();
        check_in(
            &place(dir.path()),
            &format!(
                "
                hold 500         | SUCCESS
                {script}
                advance 30d      | -
                until {end}      | {end}
                money            | payer 0 held 0 merchant 0
                "
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn everything_is_as_it_was_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut play = Play::new(place(dir.path()).open().await);
    for line in ["hold 500", "confirm", "capture C1 300"] {
        play.run(line).await;
    }
    let asked = "SUCCESS PAID pay 500 TRADE_SUCCESS C1 300 TRADE_SUCCESS";
    assert_eq!(play.run("query C1").await, asked);
    let (endpoint, reversal) = play.request("reverse C1");
    let reversal = play.gateway.signed(&path(endpoint), request(reversal).to_string());
    play.gateway.running.stop().await;

    play.gateway = place(dir.path()).open().await;
    assert_eq!(play.run("query C1").await, asked);
    assert_eq!(play.gateway.send(&reversal).await.outcome(), "200 SUCCESS");
    play.gateway.running.stop().await;

    play.gateway = place(dir.path()).open().await;
    // The bytes are known: their nonce is in the journal. Signed anew they are a repeat.
    assert_eq!(play.gateway.send(&reversal).await.outcome(), "401 BAD_SIGN");
    let before = play.gateway.journal().await;
    assert_eq!(play.run("reverse C1").await, "SUCCESS PAID C1 300 TRADE_CLOSED");
    assert_eq!(play.gateway.journal().await, before);
    assert_eq!(play.run("money").await, "payer -500 held 500 merchant 0");
    is_proven(&*play.gateway.store).await;
    play.gateway.running.stop().await;
}

#[tokio::test]
async fn a_directory_has_one_gateway_and_one_environment() {
    let dir = tempfile::tempdir().unwrap();
    let mut play = Play::new(place(dir.path()).open().await);
    play.run("hold 500").await;
    let open = |environment| {
        SqliteStore::open(&dir.path().join("data"), environment).map(drop).unwrap_err().to_string()
    };
    assert!(open("test").contains("another"), "{}", open("test"));
    assert_eq!(play.run("confirm").await, "authorized", "the first one does not care");
    play.gateway.running.stop().await;
    let told = open("live");
    assert!(told.contains("test") && told.contains("live"), "{told}");
    play.gateway = place(dir.path()).open().await;
    assert_eq!(play.run("phase").await, "authorized");
    play.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_merchants_at_once_are_each_answered_what_became_durable() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Arc::new(place(dir.path()).open().await);
    let lives = (0..16).map(|number| {
        let gateway = gateway.clone();
        tokio::spawn(async move { live(&gateway, number).await })
    });
    for life in lives.collect::<Vec<_>>() {
        life.await.unwrap();
    }
    is_proven(&*gateway.store).await;
    let gateway = Arc::into_inner(gateway).expect("all are done");
    gateway.running.stop().await;
    let gateway = place(dir.path()).open().await;
    for bill in gateway.store.bills(None, 100).await.unwrap() {
        assert_eq!(bill.phase.name(), "authorized", "{}", bill.key);
    }
    assert_eq!(gateway.store.bills(None, 100).await.unwrap().len(), 16);
    gateway.running.stop().await;
}

/// Captures a hold and reverses the capture, three times, each time twice at once.
async fn live(gateway: &Gateway, number: usize) {
    let bill = format!("3194B{number:04}");
    let auth = gateway.authorized(&bill, 500).await;
    for round in 0..3 {
        let order = format!("3194C{number}-{round}");
        let capture = json!({"billNo": bill, "authedOrderId": order, "authIdRespCd": auth, "totalAmount": 500});
        let reverse = json!({"billNo": bill, "merOrderId": order, "authIdRespCd": auth});
        for (endpoint, fields) in [("preauthed", capture), ("preauthed-cancel", reverse)] {
            let (one, other) = tokio::join!(
                gateway.call(endpoint, fields.clone()),
                gateway.call(endpoint, fields)
            );
            let outcomes = [one.outcome(), other.outcome()];
            assert!(outcomes.contains(&"200 SUCCESS".to_owned()), "{outcomes:?}");
            let known = ["200 SUCCESS", "200 ORDER_PROCESSING"];
            assert!(
                outcomes.iter().all(|outcome| known.contains(&outcome.as_str())),
                "{outcomes:?}"
            );
        }
    }
}

/// A place on a disk, with the key file beside the bills.
pub(crate) fn place(dir: &Path) -> Place<SqliteStore> {
    let place = Place::on(SqliteStore::open(&dir.join("data"), "test").unwrap(), &[]);
    let vault = Vault::open(&dir.join("master.key"), &Dice::unpredictable()).unwrap();
    Place { vault: Arc::new(vault), ..place }
}
