//! What happened to a merchant's bills, read behind a cursor; notices to try a receiver with.

use holdfast_client::notice as receiver;
use holdfast_gateway::{
    accounts::NoticeChange,
    clock::{Dice, patience},
    limits,
    notices::outbox::{Filter, Letters as _},
};
use holdfast_wire::{
    field::{BillStatus, Url},
    messages::Notice,
    notice,
    secret::{AppKey, NoticeKey},
};
use serde_json::{Value, json};

use crate::{
    gateway::{APP, Gateway, MID, OTHER_MID, Place, mid, path, request, sign},
    wire::{PATIENCE_MS, Sent},
};

const BILL: &str = "3194B0001";

/// A gateway at which a hold was taken, captured, reversed and released, and a second one was taken; the merchant
/// left no address and asked for nothing.
async fn lived(gateway: &Gateway) {
    let auth = gateway.captured(BILL, "3194C1", 500).await;
    let of = json!({"billNo": BILL, "authIdRespCd": auth});
    for (endpoint, order) in [("preauthed-cancel", "3194C1"), ("preauth-cancel", "3194B00010")] {
        let mut fields = of.clone();
        fields["merOrderId"] = json!(order);
        assert_eq!(gateway.call(endpoint, fields).await.outcome(), "200 SUCCESS", "{endpoint}");
    }
    gateway.authorized("3194B0002", 700).await;
}

async fn key(gateway: &Gateway, of: &str) -> NoticeKey {
    let (accounts, clock) = (&gateway.running.accounts, &gateway.running.core.clock);
    accounts.rotate_notice_key(&mid(of), None, 0, clock, &Dice::seeded(1)).await.unwrap()
}

/// Reads one page of events.
async fn read(gateway: &Gateway, fields: Value) -> Value {
    let read = gateway.call("events", fields).await;
    assert_eq!(read.outcome(), "200 SUCCESS", "{}", read.text());
    read.json()
}

/// Reads all that happened, in pages of so many.
async fn read_all(gateway: &Gateway, limit: u64) -> Vec<Value> {
    let (mut all, mut after) = (vec![], json!("0"));
    loop {
        let mut page = read(gateway, json!({"after": after, "limit": limit})).await;
        after = page["cursor"].take();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= usize::try_from(limit).unwrap());
        all.extend(events.clone());
        if events.is_empty() && page["behind"] == 0 {
            assert_eq!(after, page["newest"]);
            return all;
        }
    }
}

/// The notice of an event, which its receiver believes.
fn notice_of(event: &Value, key: &NoticeKey) -> Notice {
    let body = event["body"].as_str().unwrap();
    assert_eq!(event["contentType"], "application/x-www-form-urlencoded");
    receiver::verify(std::slice::from_ref(key), body).unwrap()
}

#[tokio::test]
async fn everything_that_happened_is_read_in_order_with_its_signed_notice() {
    let gateway = Gateway::start().await;
    let key = key(&gateway, MID).await;
    lived(&gateway).await;
    let all = read_all(&gateway, 20).await;
    let told: Vec<String> = all
        .iter()
        .map(|event| {
            let notice = notice_of(event, &key);
            assert_eq!(event["billNo"], notice.bill_no.clone().unwrap().as_str());
            assert_eq!(event["notifyId"], notice.notify_id.as_str());
            let of_notice = notice.event.map_or(String::new(), |event| event.to_string());
            let word = |name: &str| event[name].as_str().unwrap();
            format!(
                "{} {} {} {} {}",
                word("billNo"),
                word("event"),
                event["amount"],
                event["subscribed"],
                of_notice
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "3194B0001 hold.authorized 500 true ",
            "3194B0001 hold.captured 500 false hold.captured",
            "3194B0001 hold.reversed 500 false hold.reversed",
            "3194B0001 hold.released 500 false hold.released",
            "3194B0002 hold.authorized 700 true ",
        ]
    );
    // However it is cut into pages, and whenever it is read, it is the same.
    assert_eq!(read_all(&gateway, 1).await, all);
    // Without a cursor nothing is read: that is where one begins who wants what happens from now on.
    let end = read(&gateway, json!({})).await;
    assert_eq!((&end["events"], &end["cursor"]), (&json!([]), &end["newest"]));
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_notice_that_is_read_is_the_one_that_is_delivered() {
    let place = Place::new();
    let gateway = place.open().await;
    let key = key(&gateway, MID).await;
    let url = Some(Some(Url::parse("http://127.0.0.1:9/all").unwrap()));
    let change = NoticeChange { url, webhooks: Some(true), ..NoticeChange::default() };
    gateway.running.accounts.set_notices(&mid(MID), change, &Dice::seeded(3)).await.unwrap();
    gateway.authorized(BILL, 500).await;
    let events = read_all(&gateway, 20).await;
    let letters = async {
        loop {
            let letters = place.outbox.list(&Filter::default(), None, 9).await.unwrap();
            if !letters.is_empty() {
                return letters;
            }
            patience(5, std::future::pending::<()>()).await;
        }
    };
    let letters = patience(PATIENCE_MS, letters).await.unwrap();
    let letter = &letters[0].letter;
    let told = notice::read_form(events[0]["body"].as_str().unwrap()).unwrap();
    let unsigned: Vec<_> = told.into_iter().filter(|(name, _)| *name != notice::SIGN).collect();
    assert_eq!(unsigned, letter.pairs);
    assert_eq!(events[0]["notifyId"], letter.notify_id.as_str());
    assert_eq!(events[0]["url"], "http://127.0.0.1:9/all");
    let names: Vec<&str> = events[0]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["webhook-id", "webhook-timestamp", "webhook-signature"]);
    notice_of(&events[0], &key);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_merchant_without_a_key_reads_why_nothing_can_be_sent() {
    let gateway = Gateway::start().await;
    gateway.authorized(BILL, 500).await;
    let all = read_all(&gateway, 20).await;
    assert_eq!(all[0]["body"], Value::Null);
    assert!(all[0]["unsigned"].as_str().unwrap().contains("rotate-notice-key"), "{}", all[0]);
    let tried = gateway.call("notice", json!({"billNo": BILL})).await;
    assert!(tried.text().contains("rotate-notice-key"), "{}", tried.text());
}

#[tokio::test]
async fn nobody_reads_what_happened_to_another_merchant() {
    let gateway = Gateway::start().await;
    key(&gateway, MID).await;
    lived(&gateway).await;
    for endpoint in ["events", "notice"] {
        let fields = json!({"mid": OTHER_MID, "after": "0", "billNo": BILL});
        let told = gateway.call(endpoint, fields).await;
        assert_eq!(told.outcome(), "200 NO_MERCHANT", "{endpoint}: {}", told.text());
        let unsigned = Sent::post(&path(endpoint), request(json!({})).to_string());
        assert_eq!(gateway.send(&unsigned).await.outcome(), "401 BAD_SIGN", "{endpoint}");
    }
    // The other merchant's own app, with a cursor of the same journal.
    let (accounts, dice) = (&gateway.running.accounts, Dice::seeded(5));
    let other = Some(AppKey::parse("other").unwrap());
    accounts.add_app(Some("other"), other, &[mid(OTHER_MID)], &[], &dice).await.unwrap();
    let ask = async |endpoint: &str, fields: Value| {
        let body = request(fields).to_string();
        let stamp = holdfast_wire::auth::Stamp::at(gateway.wall());
        let signed = sign("other", "other", &stamp, &gateway.nonce(), body.as_bytes());
        let sent = Sent::post(&path(endpoint), body).with("Authorization", signed.header());
        gateway.send(&sent).await
    };
    let read = ask("events", json!({"mid": OTHER_MID, "after": "0"})).await.json();
    assert_eq!((&read["events"], &read["behind"]), (&json!([]), &json!(0)), "{read}");
    assert_eq!(read["cursor"], read["newest"]);
    let tried = ask("notice", json!({"mid": OTHER_MID, "billNo": BILL})).await;
    assert_eq!(tried.outcome(), "200 NO_ORDER", "{}", tried.text());
    assert_ne!(APP, "other");
}

#[tokio::test]
async fn a_cursor_of_another_journal_is_refused_with_its_reason() {
    let gateway = Gateway::start().await;
    gateway.authorized(BILL, 500).await;
    let cursor = read(&gateway, json!({})).await["cursor"].as_str().unwrap().to_owned();
    let other = Gateway::start().await;
    for (bill, reason) in [(None, "does not go so far"), (Some("3194B0009"), "another record")] {
        if let Some(bill) = bill {
            other.authorized(bill, 500).await;
        }
        let told = other.call("events", json!({"after": cursor})).await;
        assert_eq!(told.outcome(), "200 BAD_REQUEST", "{}", told.text());
        assert!(told.field("errMsg").contains(reason), "{}", told.text());
    }
    for nonsense in ["x", "1", "-", "0-00000000", "99999999999999999999-00000000", "2-"] {
        let told = gateway.call("events", json!({"after": nonsense})).await;
        assert_eq!(told.outcome(), "200 BAD_REQUEST", "{nonsense}: {}", told.text());
        assert!(told.field("errMsg").contains("after"), "{nonsense}: {}", told.text());
    }
}

#[tokio::test]
async fn a_caller_that_waits_is_woken_by_a_commit_and_by_the_end() {
    let gateway = Gateway::start().await;
    key(&gateway, MID).await;
    let after = read(&gateway, json!({})).await["cursor"].clone();
    let wait = |after: &Value| {
        let body = request(json!({"after": after, "waitSeconds": 30})).to_string();
        let sent = gateway.signed(&path("events"), body);
        let address = gateway.running.address;
        tokio::spawn(async move { crate::wire::exchange(address, &sent.bytes()).await.unwrap() })
    };
    let waiting = wait(&after);
    // A bill that is only made is no event; the wait goes on from behind it.
    gateway.authorized(BILL, 500).await;
    let woken = waiting.await.unwrap().json();
    assert_eq!(woken["events"][0]["event"], "hold.authorized", "{woken}");
    // In vain: the answer comes all the same.
    let nothing = read(&gateway, json!({"after": woken["cursor"], "waitSeconds": 1})).await;
    assert_eq!((&nothing["events"], &nothing["cursor"]), (&json!([]), &woken["cursor"]));
    let waiting = wait(&woken["cursor"]);
    for _ in 0..20 {
        // Requests that come behind it and are answered before it: now it waits.
        gateway.send(&Sent { method: "GET", ..Sent::post("/healthz", "") }).await;
    }
    let stopped = patience(PATIENCE_MS / 2, gateway.running.stop()).await;
    stopped.expect("the gateway does not wait for those who wait");
    let ended = waiting.await.unwrap();
    assert_eq!(ended.outcome(), "200 SUCCESS", "{}", ended.text());
}

#[tokio::test]
async fn those_who_wait_have_places_of_their_own() {
    let gateway = Gateway::start().await;
    gateway.hold(BILL, 500).await;
    let after = read(&gateway, json!({})).await["cursor"].clone();
    let signed = |wait: u64| {
        let body = request(json!({"after": after, "waitSeconds": wait})).to_string();
        gateway.signed(&path("events"), body)
    };
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..limits::LISTENERS {
        let (sent, address) = (signed(30), gateway.running.address);
        waiting.spawn(async move { crate::wire::exchange(address, &sent.bytes()).await });
    }
    let full = async {
        loop {
            let told = gateway.send(&signed(0)).await;
            if told.outcome() != "200 SUCCESS" {
                return told.outcome();
            }
        }
    };
    assert_eq!(patience(PATIENCE_MS, full).await.unwrap(), "503 TXN_DISCARDED");
    let query = gateway.call("query", json!({"billNo": BILL})).await;
    assert_eq!(query.outcome(), "200 SUCCESS", "{}", query.text());
    // Whoever hangs up gives the place back.
    waiting.shutdown().await;
    let free = async { while gateway.send(&signed(0)).await.outcome() != "200 SUCCESS" {} };
    patience(PATIENCE_MS, free).await.unwrap();
}

#[tokio::test]
async fn a_long_journal_is_read_in_bounded_steps() {
    let gateway = Gateway::start().await;
    key(&gateway, MID).await;
    // Bills that are only made are records, and no events.
    for number in 0..=limits::EVENTS_SCAN {
        gateway.hold(&format!("3194B{number:05}"), 500).await;
    }
    gateway.authorized(BILL, 500).await;
    let first = read(&gateway, json!({"after": "0", "waitSeconds": 30})).await;
    assert_eq!(first["events"], json!([]));
    assert_eq!(first["behind"], 3);
    let second = read(&gateway, json!({"after": first["cursor"]})).await;
    assert_eq!(second["events"][0]["event"], "hold.authorized");
    assert_eq!(second["behind"], 0);
}

/// Makes a trial notice.
async fn tried(gateway: &Gateway, fields: Value) -> Value {
    let mut all = json!({"billNo": BILL});
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    let made = gateway.call("notice", all).await;
    assert_eq!(made.outcome(), "200 SUCCESS", "{}", made.text());
    made.json()
}

#[tokio::test]
async fn a_trial_notice_is_the_one_that_was_announced() {
    let gateway = Gateway::start().await;
    let key = key(&gateway, MID).await;
    lived(&gateway).await;
    let journal = gateway.journal().await;
    let all = read_all(&gateway, 20).await;
    for event in &all[..4] {
        let made = tried(&gateway, json!({"event": event["event"]})).await;
        for field in ["body", "notifyId", "headers", "happenedAt"] {
            assert_eq!(made[field], event[field], "{field} of {event}");
        }
    }
    // What happened last, and what was told before it.
    let last = tried(&gateway, json!({})).await;
    assert_eq!((&last["event"], &last["body"]), (&all[3]["event"], &all[3]["body"]));
    assert_eq!(
        (&last["older"]["event"], &last["older"]["body"]),
        (&all[2]["event"], &all[2]["body"])
    );
    let first = tried(&gateway, json!({"event": "hold.authorized"})).await;
    assert_eq!(first["older"], Value::Null);
    notice_of(&first, &key);
    assert_eq!(gateway.journal().await, journal, "a trial changed something");
}

#[tokio::test]
async fn what_a_bill_has_not_had_is_told_only_to_whoever_wants_it_anyway() {
    let gateway = Gateway::start().await;
    let key = key(&gateway, MID).await;
    gateway.authorized(BILL, 500).await;
    let fields = json!({"billNo": BILL, "event": "hold.expiring"});
    let told = gateway.call("notice", fields).await;
    assert_eq!(told.outcome(), "200 OPERATION_NOT_ALLOWED");
    assert!(told.field("errMsg").contains("it has had hold.authorized"), "{}", told.text());
    let made = tried(&gateway, json!({"event": "hold.expiring", "anyway": true})).await;
    let notice = notice_of(&made, &key);
    assert_eq!(notice.event.unwrap().as_str(), "hold.expiring");
    assert!(notice.deadline.is_some() && notice.bill_status == BillStatus::Paid);
    assert_eq!(made["happenedAt"], Value::Null);
    assert_eq!(made["older"]["event"], "hold.authorized");
    assert_ne!(made["notifyId"], made["older"]["notifyId"]);
    let unknown = gateway.call("notice", json!({"billNo": BILL, "event": "hold.taken"})).await;
    assert!(unknown.text().contains("hold.captured"), "{}", unknown.text());
}

#[tokio::test]
async fn what_is_overridden_is_signed_and_the_signature_is_made_last() {
    let gateway = Gateway::start().await;
    let key = key(&gateway, MID).await;
    gateway.authorized(BILL, 500).await;
    let overrides = json!([
        {"name": "totalAmount", "value": "501"},
        {"name": "notifyId", "value": "another"},
        {"name": "billDesc"},
        {"name": "colour", "value": "red & blue"},
    ]);
    let made = tried(&gateway, json!({"overrides": overrides})).await;
    let notice = notice_of(&made, &key);
    assert_eq!(notice.total_amount.unwrap().fen(), 501);
    assert_eq!(made["notifyId"], "another");
    let pairs = notice::read_form(made["body"].as_str().unwrap()).unwrap();
    assert!(pairs.contains(&("colour".to_owned(), "red & blue".to_owned())));
    assert!(!pairs.iter().any(|(name, _)| name == "billDesc"));
    for name in ["sign", "signType"] {
        let overrides = json!([{"name": name, "value": "1"}]);
        let told = gateway.call("notice", json!({"billNo": BILL, "overrides": overrides})).await;
        assert_eq!(told.outcome(), "200 BAD_REQUEST", "{name}");
        assert!(told.text().contains("overrides[0].name"), "{}", told.text());
    }
}

#[tokio::test]
async fn a_notice_can_be_signed_as_if_it_were_old() {
    let gateway = Gateway::start().await;
    key(&gateway, MID).await;
    let change = NoticeChange { webhooks: Some(true), ..NoticeChange::default() };
    gateway.running.accounts.set_notices(&mid(MID), change, &Dice::seeded(3)).await.unwrap();
    gateway.authorized(BILL, 500).await;
    let sent_at = async |ago: u64| {
        let made = tried(&gateway, json!({"sentAgoSeconds": ago})).await;
        made["headers"][1]["value"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(sent_at(0).await - sent_at(7_200).await, 7_200);
}

#[tokio::test]
async fn live_makes_no_notices_to_try_receivers_with() {
    let live = Place::with(&[("environment", "live")]).open().await;
    let told = live.call("notice", json!({"billNo": BILL})).await;
    let unknown = live.call("/v1/holdfast/nothing", json!({})).await;
    assert_eq!((told.status, told.field("errMsg")), (unknown.status, unknown.field("errMsg")));
    let read = live.call("events", json!({"after": "0"})).await;
    assert_eq!(read.outcome(), "200 SUCCESS", "{}", read.text());
}
