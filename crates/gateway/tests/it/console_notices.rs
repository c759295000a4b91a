//! Notices at the console: whether they arrived, and telling them again.

use holdfast_gateway::{
    notices::{
        Letter, Outbox as _,
        outbox::{Filter, Letters as _, Outcome, Then, Try},
    },
    operators::{Act, AuditFilter, Role},
};
use holdfast_wire::time;

use crate::{
    console::Browser,
    gateway::{Gateway, MID, Place, START, key},
};

const URL: &str = "http://127.0.0.1:9/notify";

fn letter(seq: u64, bill: &str) -> Letter {
    let pairs = [("mid", MID), ("billNo", bill), ("bankCardNo", "6222021234567890128")];
    Letter {
        seq,
        mid: key(bill).mid,
        bill: key(bill),
        event: "hold.authorized".to_owned(),
        notify_id: format!("notify-{seq}"),
        url: URL.to_owned(),
        pairs: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        at: time::parse(START).unwrap(),
    }
}

/// A letter was tried once, and this came of it.
async fn tried(place: &Place, id: u64, status: Option<u16>, answer: &str, then: Then) {
    let trouble = (then != Then::Delivered).then(|| "the answer does not have the word".to_owned());
    let made = Try {
        number: 1,
        at: time::parse(START).unwrap(),
        took_ms: 12,
        status,
        trouble,
        answer: answer.as_bytes().to_vec(),
        looked_for: "SUCCESS".to_owned(),
    };
    let outcome = Outcome { id, round: 0, tries: 1, made, then };
    place.outbox.record(&[outcome]).await.unwrap();
}

/// A gateway whose outbox has a letter in each state: 1 waits, 2 was delivered, 3 was given up.
async fn with_letters() -> (Place, Gateway) {
    let place = Place::new();
    let letters = [(101, "3194B0001"), (102, "3194B0002"), (103, "3194B0003")];
    let letters = letters.map(|(seq, bill)| letter(seq, bill)).to_vec();
    place.outbox.put(0, letters).await.unwrap();
    let later = time::parse("2026-03-09 10:00:00").unwrap();
    tried(&place, 1, None, "", Then::Again(later)).await;
    tried(&place, 2, Some(200), "SUCCESS", Then::Delivered).await;
    tried(&place, 3, Some(200), "<b>failed</b>", Then::GivenUp).await;
    let gateway = place.open().await;
    (place, gateway)
}

/// Which letters a page lists.
fn listed(page: &str) -> Vec<u64> {
    let list = page.split("id=\"letters\"").nth(1).expect("a list");
    let links = list.split("<a href=\"/notices/").skip(1);
    links.filter_map(|link| link.split('"').next()?.parse().ok()).collect()
}

#[tokio::test]
async fn notices_are_found_by_state_merchant_bill_and_receiver() {
    let (_place, gateway) = with_letters().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    for (query, expected) in [
        ("", vec![3, 2, 1]),
        ("?state=waiting", vec![1]),
        ("?state=given-up", vec![3]),
        ("?state=delivered", vec![2]),
        ("?state=overdue", vec![]),
        ("?bill=3194B0002", vec![2]),
        (&*format!("?mid={MID}&state=given-up"), vec![3]),
        ("?mid=1", vec![]),
        ("?to=http%3A%2F%2F127.0.0.1%3A9", vec![3, 2, 1]),
        ("?to=https%3A%2F%2Felsewhere.example", vec![]),
        ("?event=bill.closed", vec![]),
        ("?before=3", vec![2, 1]),
    ] {
        let page = browser.get(&format!("/notices{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        assert_eq!(listed(&page.text()), expected, "{query}");
    }
    // Nobody answered there: the receiver is named as silent.
    let page = browser.get("/notices").await.text();
    assert!(page.contains("Receivers that are silent"), "{page}");
    // A while later what waits is overdue.
    gateway.advance(3_600_000);
    let page = browser.get("/notices?state=overdue").await.text();
    assert_eq!(listed(&page), [1]);
    let wrong = browser.get("/notices?mid=%3Cb%3E&bill=1&to=ftp://x").await;
    assert_eq!(wrong.status, 400);
    for rule in
        ["1 to 32 letters", "6 to 31 letters", "begins with http://", "value=\"&#60;b&#62;\""]
    {
        assert!(wrong.text().contains(rule), "{rule}: {}", wrong.text());
    }
}

#[tokio::test]
async fn a_notice_shows_what_it_says_and_for_each_try_what_was_looked_for_and_answered() {
    let (_place, gateway) = with_letters().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let page = browser.get("/notices/3").await.text();
    for there in [
        "notify-103",
        "<code>SUCCESS</code>",
        "<code>&#60;b&#62;failed&#60;/b&#62;</code>",
        "the answer does not have the word",
        "***0128",
        "given up",
        "/bills/898201612345678/2026-03-02/3194B0003",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert!(!page.contains("6222021234567890128"), "{page}");
    assert!(!page.contains("Send again now"), "{page}");
    assert_eq!(browser.post("/notices/3/resend", &[]).await.status, 403);
    for unknown in ["/notices/99", "/notices/x", "/notices/-1", "/notices/round/1"] {
        assert_eq!(browser.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn what_was_given_up_is_sent_again_one_by_one_or_all_at_a_receiver_and_the_audit_says_so() {
    let (place, gateway) = with_letters().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let preview = browser.get("/notices/resend?to=http%3A%2F%2F127.0.0.1%3A9%2Fwhatever").await;
    assert!(preview.text().contains("<strong>1</strong>"), "{}", preview.text());
    assert!(preview.text().contains("href=\"/notices/3\""), "{}", preview.text());
    let sent = browser.post("/notices/resend", &[("to", URL)]).await;
    assert_eq!(sent.went(), "303 /notices/round/1");
    let round = place.outbox.list(&Filter::one(3), None, 1).await.unwrap()[0].round;
    assert_eq!(round, 1, "it is part of the round");
    assert_eq!(browser.get("/notices/round/1").await.status, 200);
    assert_eq!(browser.post("/notices/2/resend", &[]).await.went(), "303 /notices/2");
    let round = place.outbox.list(&Filter::one(2), None, 1).await.unwrap()[0].round;
    assert_eq!(round, 2, "whoever names one means it, also when it was delivered");
    let wrong = browser.post("/notices/resend", &[("to", "nowhere")]).await;
    assert_eq!(wrong.status, 400);
    let acts = AuditFilter { act: Some(Act::NoticeResent), ..AuditFilter::default() };
    let written = gateway.running.operators.audit(&acts, None, 10).unwrap();
    let told =
        written.iter().map(|entry| format!("{} {} {}", entry.about, entry.detail, entry.outcome));
    let told: Vec<String> = told.collect();
    assert_eq!(
        told,
        [
            "2 hold.authorized done",
            "2 hold.authorized asked",
            " http://127.0.0.1:9 done",
            " http://127.0.0.1:9 asked",
        ]
    );
}
