//! A repeat is answered as the first was, and nothing is done twice.

use std::{collections::HashMap, sync::Arc};

use holdfast_domain::Event;
use holdfast_gateway::store::MemoryStore;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Place, path, request},
    script::{Play, check, is_proven},
    store::place,
    wire::Answer,
};

#[tokio::test]
async fn a_repeat_gets_the_first_answer_whatever_happened_since() {
    for (before, asked, meanwhile) in [
        ("", "hold 500", ""),
        ("", "hold 500", "confirm; capture C1 300; refund R1 100"),
        ("", "hold 500", "close"),
        ("hold 500; confirm", "capture C1 300", ""),
        ("hold 500; confirm", "capture C1 300", "refund R1 100"),
        ("hold 500; confirm", "capture C1 300", "reverse C1; capture C2 500; refund R1 500"),
        ("hold 500; confirm; capture C1 300", "reverse C1", ""),
        ("hold 500; confirm; capture C1 300", "reverse C1", "capture C2 500; refund R1 500"),
        ("hold 500; confirm; capture C1 300", "reverse C1", "release"),
        ("hold 500; confirm; capture C1 300", "reverse C1", "advance 31d; until expired"),
        (
            "hold 500; confirm; capture C1-rev-norestore 300",
            "reverse C1-rev-norestore",
            "advance 31d",
        ),
        ("hold 500; confirm; capture C1 300", "cancel-of-2020 C1", "capture C2 500"),
        ("hold 500; confirm", "release", "advance 31d"),
        ("hold 500; confirm", "release-by-alias", "advance 31d"),
        ("hold 500; confirm", "cancel-of-2020 pay", "advance 31d"),
        ("bill 500; confirm", "refund R1 100", "refund R2 400"),
        ("bill 500; confirm", "refund - 100", "refund R2 400"),
        ("bill 500; confirm", "refund-by-leg R1 100", "refund R2 400"),
        ("hold 500", "close", "advance 31d"),
        ("hold 500", "close-by-bill", "advance 31d"),
        ("hold 500 -pay-late; confirm", "close", "advance 20s; until released"),
        // What the channel refused stays refused under its number.
        ("hold 500; confirm", "capture C1-cap-refuse 300", "capture C2 300"),
        ("bill 500; confirm", "refund R1-ref-refuse 100", "refund R2 500"),
    ] {
        let mut play = Play::new(Gateway::start().await);
        for line in before.split("; ").filter(|line| !line.is_empty()) {
            play.run(line).await;
        }
        play.run(asked).await;
        let first = play.last.clone().unwrap();
        for line in meanwhile.split("; ").filter(|line| !line.is_empty()) {
            play.run(line).await;
        }
        let changes = play.gateway.journal().await;
        let again = ask_again(&play, asked).await;
        let case = format!("{before} / {asked} / {meanwhile}");
        assert_eq!(again.status, first.status, "{case}");
        assert_eq!(lasting(&again), lasting(&first), "{case}");
        assert_eq!(
            (again.field("msgId"), again.field("srcReserve")),
            ("2".to_owned(), "again".to_owned()),
            "{case}"
        );
        assert_eq!(play.gateway.journal().await, changes, "{case}");
    }
}

#[tokio::test]
async fn a_new_code_is_asked_for_again_even_after_its_time() {
    let gateway = Gateway::start().await;
    let fields =
        json!({"billNo": "3194B0001", "totalAmount": 1, "expireTime": "2026-03-02 11:00:00"});
    let first = gateway.call("get-qrcode", fields.clone()).await;
    assert_eq!(first.outcome(), "200 SUCCESS");
    gateway.advance(7_200_000);
    assert_eq!(lasting(&gateway.call("get-qrcode", fields.clone()).await), lasting(&first));
    let mut other = fields;
    other["billNo"] = json!("3194B0002");
    assert_eq!(gateway.call("get-qrcode", other).await.outcome(), "200 BAD_REQUEST");
}

#[tokio::test]
async fn what_timed_out_is_answered_by_a_repeat_once_it_is_known() {
    check(
        "
        hold 500                    | SUCCESS
        confirm                     | authorized
        slowly capture C1-cap-late 300     | TIMEOUT
        until captured              | captured
        capture C1-cap-late 300     | SUCCESS PAID C1-cap-late 300 TRADE_SUCCESS
        money                       | payer -300 held 0 merchant 300
        ",
    )
    .await;
}

#[tokio::test]
async fn a_number_belongs_to_one_request() {
    check(
        "
        hold 500              | SUCCESS
        confirm               | authorized
        capture C1 300        | SUCCESS PAID C1 300 TRADE_SUCCESS
        capture C1 301        | DUP_ORDER
        refund C1 300         | DUP_ORDER
        refund R1 100         | SUCCESS REFUND R1 100 SUCCESS
        refund R1 101         | DUP_ORDER
        slowly refund R2-ref-late 50 | TIMEOUT
        refund R2-ref-late 51 | DUP_ORDER
        until captured        | captured
        refund R2-ref-late 50 | SUCCESS REFUND R2-ref-late 50 SUCCESS
        money                 | payer -150 held 0 merchant 150
        ",
    )
    .await;
}

/// The 2020 form of the release names either the payment or the capture, so they must not be the same.
#[tokio::test]
async fn a_capture_cannot_have_the_number_of_the_payment() {
    let gateway = Gateway::start().await;
    let auth = gateway.authorized("3194B0001", 500).await;
    let order = "3194B00010";
    let fields = json!({"billNo": "3194B0001", "authedOrderId": order, "authIdRespCd": auth, "totalAmount": 500});
    let answer = gateway.call("preauthed", fields).await;
    assert_eq!(answer.outcome(), "200 DUP_ORDER", "{}", answer.text());
    assert_eq!(gateway.phase("3194B0001").await, "authorized");
}

#[tokio::test]
async fn a_bill_number_belongs_to_one_bill() {
    let gateway = Gateway::start().await;
    gateway.hold("3194B0001", 500).await;
    let before = gateway.journal().await;
    for other in [
        json!({"totalAmount": 501}),
        json!({"preauthTransaction": "false"}),
        json!({"billDesc": "another"}),
        json!({"tid": "88880002"}),
        json!({"expireTime": "2026-03-02 12:00:00"}),
    ] {
        let mut fields =
            json!({"billNo": "3194B0001", "totalAmount": 500, "preauthTransaction": "true"});
        fields.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let answer = gateway.call("get-qrcode", fields).await;
        assert_eq!(answer.outcome(), "200 DUP_ORDER", "{other}");
        // Two public clients look for this text.
        assert!(answer.field("errMsg").contains("账单号重复"), "{}", answer.text());
    }
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn a_number_used_on_one_bill_is_taken_on_every_other() {
    let gateway = Gateway::start().await;
    gateway.captured("3194B0001", "3194C1", 500).await;
    let auth = gateway.authorized("3194B0002", 500).await;
    let fields = json!({"billNo": "3194B0002", "authedOrderId": "3194C1", "authIdRespCd": auth, "totalAmount": 500});
    assert_eq!(gateway.call("preauthed", fields).await.outcome(), "200 DUP_ORDER");
    assert_eq!(gateway.phase("3194B0002").await, "authorized");
}

#[tokio::test]
async fn while_an_order_is_open_the_bill_is_locked() {
    check(
        "
        hold 500                  | SUCCESS
        confirm                   | authorized
        slowly capture C1-cap-late 300   | TIMEOUT
        capture C1-cap-late 300   | ORDER_PROCESSING
        capture C2 1              | ORDER_PROCESSING
        reverse C1-cap-late       | ORDER_PROCESSING
        release                   | ORDER_PROCESSING
        refund R1 1               | ORDER_PROCESSING
        close                     | ORDER_PROCESSING
        query C1-cap-late         | SUCCESS PAID pay 500 TRADE_SUCCESS
        money                     | payer -500 held 500 merchant 0
        until captured            | captured
        slowly refund R1-ref-late 100    | TIMEOUT
        refund R1-ref-late 100    | ORDER_PROCESSING
        reverse C1-cap-late       | ORDER_PROCESSING
        refund R2 1               | ORDER_PROCESSING
        until captured            | captured
        money                     | payer -200 held 0 merchant 200
        ",
    )
    .await;
    check(
        "
        hold 500 -rel-late        | SUCCESS
        confirm                   | authorized
        capture C1-rev-late 300   | SUCCESS PAID C1-rev-late 300 TRADE_SUCCESS
        slowly reverse C1-rev-late       | TIMEOUT
        reverse C1-rev-late       | ORDER_PROCESSING
        cancel-of-2020 C1-rev-late | ORDER_PROCESSING
        capture C2 1              | ORDER_PROCESSING
        until authorized          | authorized
        slowly release                   | TIMEOUT
        release                   | ORDER_PROCESSING
        capture C2 1              | ORDER_PROCESSING
        query                     | SUCCESS PAID pay 500 TRADE_SUCCESS
        until released            | released
        money                     | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_repeated_cancel_can_be_told_that_it_has_been_cancelled() {
    check(
        "
        hold 500 -rel-cancelled              | SUCCESS
        confirm                              | authorized
        capture C1-rev-cancelled 300         | SUCCESS PAID C1-rev-cancelled 300 TRADE_SUCCESS
        reverse C1-rev-cancelled             | SUCCESS PAID C1-rev-cancelled 300 TRADE_CLOSED
        reverse C1-rev-cancelled             | HAS_CANCELLED
        cancel-of-2020 C1-rev-cancelled      | HAS_CANCELLED
        release                              | SUCCESS CLOSED pay 500 TRADE_CLOSED
        release                              | HAS_CANCELLED
        cancel-of-2020 pay                   | HAS_CANCELLED
        money                                | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_repeat_with_a_wrong_code_is_told_so() {
    let gateway = Gateway::start().await;
    let auth = gateway.captured("3194B0001", "3194C1", 500).await;
    let wrong = if auth == "111111" { "222222" } else { "111111" };
    let capture = json!({"billNo": "3194B0001", "authedOrderId": "3194C1", "authIdRespCd": wrong, "totalAmount": 500});
    assert_eq!(gateway.call("preauthed", capture).await.outcome(), "200 NO_ORDER");
    let reverse =
        |auth: &str| json!({"billNo": "3194B0001", "merOrderId": "3194C1", "authIdRespCd": auth});
    assert_eq!(gateway.call("preauthed-cancel", reverse(&auth)).await.outcome(), "200 SUCCESS");
    assert_eq!(gateway.call("preauthed-cancel", reverse(wrong)).await.outcome(), "200 NO_ORDER");
    let release = |auth: &str| json!({"billNo": "3194B0001", "merOrderId": "3194B00010", "authIdRespCd": auth});
    assert_eq!(gateway.call("preauth-cancel", release(&auth)).await.outcome(), "200 SUCCESS");
    assert_eq!(gateway.call("preauth-cancel", release(wrong)).await.outcome(), "200 NO_ORDER");
}

/// On a disk, where a commit takes long enough for others to come in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_many_times_at_once_is_one_order() {
    for (before, asked, event) in [
        ("", "hold 500", "bill.requested"),
        ("hold 500", "close", "bill.closed"),
        ("hold 500; confirm", "capture C1 500", "capture.asked"),
        ("hold 500; confirm", "release", "release.asked"),
        ("hold 500; confirm; capture C1 500", "reverse C1", "reversal.asked"),
        ("hold 500; confirm; capture C1 500", "cancel-of-2020 C1", "reversal.asked"),
        ("bill 500; confirm", "refund R1 500", "refund.asked"),
        ("bill 500; confirm", "refund - 500", "refund.asked"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut play = Play::new(place(dir.path()).open().await);
        for line in before.split("; ").filter(|line| !line.is_empty()) {
            play.run(line).await;
        }
        if play.bill.is_empty() {
            play.bill = "3194B0001".to_owned();
        }
        let (endpoint, fields) = play.request(asked);
        let (gateway, body) = (Arc::new(play.gateway), request(fields).to_string());
        let calls = (0..16).map(|_| {
            let (gateway, body) = (gateway.clone(), body.clone());
            tokio::spawn(async move { gateway.post(&path(endpoint), body).await })
        });
        let mut answers = vec![];
        for call in calls.collect::<Vec<_>>() {
            answers.push(call.await.unwrap());
        }
        let (done, others): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.outcome() == "200 SUCCESS");
        assert!(!done.is_empty(), "{asked}");
        assert!(done.iter().all(|answer| lasting(answer) == lasting(done[0])), "{asked}");
        for other in others {
            assert_eq!(other.outcome(), "200 ORDER_PROCESSING", "{asked}: {}", other.text());
        }
        assert_eq!(happened(&gateway).await[event], 1, "{asked}");
        is_proven(&*gateway.store).await;
    }
}

/// With a disk that takes its time, the second request comes while the first is not durable yet.
#[tokio::test]
async fn a_request_that_is_not_durable_yet_does_not_let_another_one_through() {
    let place = Place::on(MemoryStore::by_hand(), &[]);
    let gateway = place.open().await;
    let disk = async {
        loop {
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            place.store.sync();
        }
    };
    let ask = async {
        let auth = gateway.authorized("3194B0001", 500).await;
        let capture = |order: &str| json!({"billNo": "3194B0001", "authedOrderId": order, "authIdRespCd": auth, "totalAmount": 500});
        let (one, same, other) = tokio::join!(
            gateway.call("preauthed", capture("3194C1")),
            gateway.call("preauthed", capture("3194C1")),
            gateway.call("preauthed", capture("3194C2")),
        );
        [one, same, other].map(|answer| answer.outcome())
    };
    let outcomes = tokio::select! {
        outcomes = ask => outcomes,
        () = disk => unreachable!("it turns for ever"),
    };
    assert!(outcomes.contains(&"200 SUCCESS".to_owned()), "{outcomes:?}");
    assert_eq!(happened(&gateway).await["capture.asked"], 1, "{outcomes:?}");
    assert_eq!(happened(&gateway).await["hold.captured"], 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_at_once_never_give_back_more_than_was_paid() {
    let gateway = Arc::new(Gateway::start().await);
    gateway.captured("3194B0001", "3194C1", 500).await;
    let calls = (0..24).map(|number| {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let fields = json!({"billNo": "3194B0001", "refundOrderId": format!("3194R{number}"), "refundAmount": 100});
            gateway.call("refund", fields).await
        })
    });
    let mut done = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap().outcome().as_str() {
            "200 SUCCESS" => done += 1,
            "200 ORDER_PROCESSING" | "200 OPERATION_NOT_ALLOWED" => {}
            other => panic!("{other}"),
        }
    }
    assert!((1..=5).contains(&done), "{done} refunds of 100 from 500");
    assert_eq!(happened(&gateway).await["refund.done"], done);
}

#[tokio::test]
async fn a_repeat_after_a_restart_is_answered_as_before() {
    let place = Place::new();
    let gateway = place.open().await;
    let auth = gateway.captured("3194B0001", "3194C1", 500).await;
    let fields = json!({"billNo": "3194B0001", "merOrderId": "3194C1", "authIdRespCd": auth});
    let first = gateway.call("preauthed-cancel", fields.clone()).await;
    gateway.running.stop().await;
    let gateway = place.open().await;
    let (mut again, mut first) =
        (lasting(&gateway.call("preauthed-cancel", fields).await), lasting(&first));
    // The gateway listens on another port now, and its codes say so.
    again.as_object_mut().unwrap().remove("billQRCode");
    first.as_object_mut().unwrap().remove("billQRCode");
    assert_eq!(again, first);
}

#[tokio::test]
async fn orders_left_open_by_a_restart_are_carried_out() {
    let place = Place::new();
    let mut play = Play::new(place.open().await);
    for line in ["hold 500", "confirm", "slowly capture C1-cap-late 300"] {
        play.run(line).await;
    }
    assert_eq!(play.last.as_ref().unwrap().outcome(), "200 TIMEOUT");
    play.gateway.running.stop().await;
    play.gateway = place.open().await;
    assert_eq!(play.run("phase").await, "capturing");
    assert_eq!(play.until("captured").await, "captured");
}

/// Asks the same in other words: another time, another layout, amounts as text, other fields to be echoed.
async fn ask_again(play: &Play, asked: &str) -> Answer {
    let (endpoint, mut fields) = play.request(asked);
    for (name, value) in [
        ("requestTimestamp", "20260302101500"),
        ("msgId", "2"),
        ("srcReserve", "again"),
        ("sign", "x"),
    ] {
        fields[name] = json!(value);
    }
    for (_, value) in fields.as_object_mut().unwrap() {
        if value.is_number() {
            *value = json!(value.to_string());
        }
    }
    let body = serde_json::to_string_pretty(&request(fields)).unwrap();
    play.gateway.post(&path(endpoint), body).await
}

/// What must be the same in the answer to a repeat.
fn lasting(answer: &Answer) -> Value {
    let mut body = answer.json();
    for echo in ["responseTimestamp", "msgId", "srcReserve"] {
        body.as_object_mut().unwrap().remove(echo);
    }
    body
}

/// How often each event is in the journal.
async fn happened(gateway: &Gateway) -> HashMap<&'static str, usize> {
    let mut happened = HashMap::new();
    for record in gateway.store.journal(0, usize::MAX).await.unwrap() {
        let bill = gateway.store.bill(&record.key).await.unwrap().unwrap();
        *happened.entry(Event::name(&record.event, bill.terms.kind)).or_default() += 1;
    }
    happened
}
