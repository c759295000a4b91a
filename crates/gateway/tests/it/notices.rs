//! Notices as a whole gateway delivers them.

use holdfast_domain::{BillKey, BillNo, Day, Moment};
use holdfast_gateway::{
    clock::patience,
    notices::{
        Letter, Outbox as _,
        outbox::{Filter, Letters as _, State},
    },
};

use crate::gateway::{Place, mid};

/// A merchant that the gateway does not know has no key to sign with.
#[tokio::test]
async fn a_gateway_tries_what_is_in_its_outbox_and_sends_nothing_unsigned() {
    let place = Place::new();
    let gateway = place.open().await;
    let bill = BillKey { mid: mid("UNKNOWN"), no: BillNo::parse("BILL01").unwrap(), date: Day(0) };
    let letter = Letter {
        seq: 1,
        mid: mid("UNKNOWN"),
        bill,
        event: "hold.authorized".to_owned(),
        notify_id: "N1".to_owned(),
        url: "http://127.0.0.1:9/".to_owned(),
        pairs: vec![],
        at: Moment(0),
    };
    place.outbox.put(1, vec![letter]).await.unwrap();
    while place.outbox.tries(1).await.unwrap().is_empty() {
        patience(20, std::future::pending::<()>()).await;
    }
    gateway.running.stop().await;
    let kept = place.outbox.list(&Filter::one(1), None, 1).await.unwrap().remove(0);
    assert_eq!((kept.state, kept.tries), (State::Waiting, 1));
    let tries = place.outbox.tries(1).await.unwrap();
    assert_eq!(tries[0].status, None);
    let trouble = tries[0].trouble.clone().unwrap_or_default();
    assert!(trouble.contains("UNKNOWN"), "{trouble}");
}
