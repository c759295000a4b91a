//! Holds that come to their deadline, at the console: seen in time, released or reminded of many at once.

use holdfast_gateway::{
    accounts::NoticeChange,
    clock::patience,
    notices::Topic,
    operators::{Act, AuditFilter, Role},
};
use holdfast_wire::field::Url;

use crate::{
    console::Browser,
    console_overview::shown,
    gateway::{BILL_DATE, Gateway, MID, Place, mid},
    wire::PATIENCE_MS,
};

const DAY_MS: i64 = 86_400_000;
const REASON: (&str, &str) = ("reason", "guests have left");

/// A bill as the forms name it.
fn chosen(bill: &str) -> String {
    format!("{MID}/{BILL_DATE}/{bill}")
}

/// A gateway with these holds; each a day later than the one before.
async fn with_holds(place: &Place, holds: &[(&str, u64)]) -> Gateway {
    let gateway = place.open().await;
    for (place, (bill, fen)) in holds.iter().enumerate() {
        if place > 0 {
            gateway.advance(DAY_MS);
        }
        gateway.authorized(bill, *fen).await;
    }
    gateway
}

/// The merchant hears of deadlines, at an address where nobody answers.
async fn listens(gateway: &Gateway) {
    let change = NoticeChange {
        url: Some(Some(Url::parse("http://127.0.0.1:9/notify").unwrap())),
        notify_on: Some(vec![Topic::Expiring]),
        ..NoticeChange::default()
    };
    let dice = holdfast_gateway::clock::Dice::seeded(9);
    gateway.running.accounts.set_notices(&mid(MID), change, &dice).await.unwrap();
}

/// Opens a page again until it says something.
async fn until(browser: &mut Browser, target: &str, words: &str) -> String {
    let look = async {
        loop {
            let page = shown(&browser.get(target).await.text());
            if page.contains(words) {
                break page;
            }
            patience(10, std::future::pending::<()>()).await;
        }
    };
    match patience(PATIENCE_MS, look).await {
        Some(page) => page,
        None => panic!("{target} never says {words:?}: {}", browser.get(target).await.text()),
    }
}

/// Which bills a page lists, in order.
fn listed(page: &str) -> Vec<String> {
    let link = format!("<a class=\"number sum\" href=\"/bills/{MID}/{BILL_DATE}/");
    let links = page.split(&link).skip(1);
    links.filter_map(|link| Some(link.split('"').next()?.to_owned())).collect()
}

/// The value of the hidden field of that name.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    rest.split('"').next().unwrap().to_owned()
}

/// Everything that the audit says of an act, the oldest first: `about detail outcome`.
fn audited(gateway: &Gateway, act: Act) -> Vec<String> {
    let filter = AuditFilter { act: Some(act), ..AuditFilter::default() };
    let mut found = gateway.running.operators.audit(&filter, None, 100).unwrap();
    found.reverse();
    let told =
        found.iter().map(|entry| format!("{} {} {}", entry.about, entry.detail, entry.outcome));
    told.collect()
}

/// Expects these words in a text, and not the others.
fn check(text: &str, there: &[&str], not: &[&str]) {
    for words in there {
        assert!(text.contains(words), "{words:?} is not there: {text}");
    }
    for words in not {
        assert!(!text.contains(words), "{words:?} is there: {text}");
    }
}

#[tokio::test]
async fn open_holds_are_counted_and_listed_by_the_days_that_are_left() {
    let holds = [("3194E1", 10_000), ("3194E2", 20_000), ("3194E3", 40_000)];
    let gateway = with_holds(&Place::new(), &holds).await;
    gateway.hold("3194E9", 99_900).await;
    let mut browser = Browser::signed_in(&gateway, "viewer", Role::Viewer).await;
    // The deadlines are on 1, 2 and 3 April; today is 4 March.
    for (hours, left, expected) in [
        (0, "15", vec!["3194E1", "3194E2", "3194E3"]),
        (14 * 24, "8-14", vec!["3194E1"]),
        (0, "15", vec!["3194E2", "3194E3"]),
        (7 * 24, "4-7", vec!["3194E1"]),
        (0, "8-14", vec!["3194E2", "3194E3"]),
        (4 * 24, "3", vec!["3194E1"]),
        (0, "4-7", vec!["3194E2", "3194E3"]),
        (24, "2", vec!["3194E1"]),
        (24, "1", vec!["3194E1"]),
        (0, "2", vec!["3194E2"]),
        (20, "0", vec!["3194E1"]),
        (0, "1", vec!["3194E2"]),
        (0, "", vec!["3194E1", "3194E2", "3194E3"]),
    ] {
        gateway.advance(hours * 3_600_000);
        let page = browser.get(&format!("/expiry?left={left}")).await;
        assert_eq!(page.status, 200);
        assert_eq!(listed(&page.text()), expected, "{left} after {hours} h");
    }
    let page = browser.get("/expiry").await.text();
    check(
        &shown(&page),
        &[
            "3 ¥700.00",
            "Today 1 ¥100.00",
            "Tomorrow 1 ¥200.00",
            "In 2 days 1 ¥400.00",
            "In 3 days 0 ¥0.00",
        ],
        &["999.00"],
    );
    check(&page, &["<svg class=\"chart\""], &["type=\"checkbox\"", "Preview a release"]);
    for (query, status, expected) in [
        (format!("?mid={MID}"), 200, 3),
        ("?mid=898201612345679".to_owned(), 200, 0),
        ("?mid=%3Cb%3E".to_owned(), 400, 0),
        ("?left=nonsense&after=x&before=y".to_owned(), 200, 3),
    ] {
        let page = browser.get(&format!("/expiry{query}")).await;
        assert_eq!((page.status, listed(&page.text()).len()), (status, expected), "{query}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn the_list_goes_on_from_page_to_page_and_all_on_a_page_can_be_ticked() {
    let gateway = Gateway::start().await;
    for number in 0..55 {
        gateway.authorized(&format!("3194P{number:02}"), 100).await;
    }
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let first = browser.get("/expiry?left=15").await.text();
    let next = first.split("href=\"/expiry?left=15&#38;after=").nth(1).expect("another page");
    let next = format!("/expiry?left=15&after={}", next.split('"').next().unwrap());
    let second = browser.get(&next).await.text();
    let (one, two) = (listed(&first), listed(&second));
    assert_eq!((one.len(), two.len()), (50, 5));
    assert!(two.iter().all(|bill| !one.contains(bill)), "{two:?}");
    assert_eq!(first.matches(" checked").count(), 0);
    let all = browser.get(&format!("{next}&select=all")).await.text();
    assert_eq!((all.matches(" checked").count(), listed(&all)), (5, two));
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_release_of_many_is_previewed_then_done_once_and_says_what_became_of_each() {
    let place = Place::with(&[("approval_above", "50000")]);
    let holds = [("3194R1", 10_000), ("3194R2", 60_000), ("3194R3", 40_000)];
    let gateway = with_holds(&place, &holds).await;
    let auth = gateway.captured("3194R4", "3194R4C", 5_000).await;
    assert!(!auth.is_empty());
    let bills = ["3194R1", "3194R2", "3194R3", "3194R4"].map(chosen);
    let query: String = bills.iter().map(|bill| format!("bill={bill}&")).collect();
    let mut viewer = Browser::signed_in(&gateway, "viewer", Role::Viewer).await;
    let page = viewer.get(&format!("/expiry/release?{query}")).await.text();
    check(&page, &["Only operators may do this."], &["name=\"reason\"", "Release (2)"]);

    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let page = browser.get(&format!("/expiry/release?{query}bill={}", bills[0])).await.text();
    let words = [
        "Released at once 2 ¥500.00",
        "Asked of a second person 1 ¥600.00",
        "Left out 1 ¥50.00",
        "Release (2), ask for approval (1)",
    ];
    check(&shown(&page), &words, &[]);
    assert_eq!(gateway.phase("3194R1").await, "authorized", "a preview does nothing");

    let run = hidden(&page, "run");
    let bills = ["3194R1", "3194R2", "3194R3"].map(chosen);
    let mut fields: Vec<_> = bills.iter().map(|bill| ("bill", bill.as_str())).collect();
    fields.push(("run", &run));
    let long = "x".repeat(201);
    for reason in ["", "  ", long.as_str()] {
        let wrong = [&fields[..], &[("reason", reason)]].concat();
        let page = browser.post("/expiry/release", &wrong).await;
        assert_eq!(page.status, 400);
        check(&page.text(), &["aria-invalid=\"true\"", &run, "1 to 200 characters"], &[]);
    }
    fields.push(REASON);
    // A form that is sent twice begins one run.
    for _ in 0..2 {
        let sent = browser.post("/expiry/release", &fields).await;
        assert_eq!(sent.went(), format!("303 /expiry/runs/{run}"));
    }
    let page = until(&mut viewer, &format!("/expiry/runs/{run}"), "Ended: 3 of 3.").await;
    let words = [
        "li.lei",
        "guests have left",
        "Released 2 ¥500.00",
        "Waiting for a second person 1",
        "3194R1 released ¥100.00",
        "3194R2 waits for approval request 1 ¥600.00",
        "3194R3 released ¥400.00",
    ];
    check(&page, &words, &["data-live", "3194R4"]);
    for (bill, phase) in [
        ("3194R1", "released"),
        ("3194R2", "authorized"),
        ("3194R3", "released"),
        ("3194R4", "captured"),
    ] {
        assert_eq!(gateway.phase(bill).await, phase, "{bill}");
    }
    let told = audited(&gateway, Act::Release);
    assert_eq!(told.len(), 6, "the run and two releases, each asked and done: {told:?}");
    let first =
        format!("/expiry/runs/{run} 3 bills, 1100.00 yuan together: guests have left asked");
    assert_eq!(told[0], first);
    assert!(told[5].ends_with("2 of 3 done: guests have left done"), "{told:?}");
    check(&shown(&browser.get("/expiry").await.text()), &["Release holds : 3 of 3,"], &[]);
    gateway.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_begins_nothing() {
    let gateway = with_holds(&Place::new(), &[("3194W1", 10_000)]).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let (bill, run) = (chosen("3194W1"), "0".repeat(32));
    let many: String =
        (0..101).map(|number| format!("bill={}&", chosen(&format!("3194M{number}")))).collect();
    for (query, status) in [
        (String::new(), 400),
        ("bill=x".to_owned(), 400),
        (format!("bill={}", chosen("3194UNKNOWN")), 404),
        (many, 400),
    ] {
        for path in ["/expiry/release", "/expiry/remind"] {
            assert_eq!(browser.get(&format!("{path}?{query}")).await.status, status, "{query}");
        }
    }
    for (fields, status) in [
        (vec![("bill", bill.as_str()), REASON], 400),
        (vec![("bill", bill.as_str()), ("run", "../../x"), REASON], 400),
        (vec![("run", run.as_str()), REASON], 400),
    ] {
        assert_eq!(browser.post("/expiry/release", &fields).await.status, status, "{fields:?}");
    }
    let mut viewer = Browser::signed_in(&gateway, "viewer", Role::Viewer).await;
    let fields = [("bill", bill.as_str()), ("run", run.as_str()), REASON];
    for path in ["/expiry/release", "/expiry/remind"] {
        assert_eq!(viewer.post(path, &fields).await.status, 403);
    }
    let page = browser.get(&format!("/expiry/runs/{run}")).await;
    assert_eq!(page.status, 404);
    check(&page.text(), &["This run is not remembered", "Nothing is lost"], &[]);
    assert_eq!(gateway.phase("3194W1").await, "authorized");
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_reminder_says_who_would_not_hear_of_it_and_when_they_were_told() {
    let gateway = with_holds(&Place::new(), &[("3194N1", 10_000), ("3194N2", 20_000)]).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let preview = format!("/expiry/remind?bill={}&bill={}", chosen("3194N1"), chosen("3194N2"));
    let page = shown(&browser.get(&preview).await.text());
    check(&page, &["its notify_on has no “expiring”", "There is nothing to do."], &["Remind (1)"]);
    listens(&gateway).await;
    let page = shown(&browser.get(&preview).await.text());
    check(&page, &["the first reminder goes out by itself at 2026-03-25 10:00:00"], &[]);
    // A week before its deadline the gateway reminds of the first by itself; only that can be told again.
    gateway.advance(22 * DAY_MS);
    let page = until(&mut browser, &preview, "The merchant was reminded already").await;
    let words = [
        "Would be reminded 1 ¥100.00",
        "Left out 1 ¥200.00",
        "reminded already, at 2026-03-25 10:00:00",
        "the first reminder goes out by itself at 2026-03-26 10:00:00",
        "Remind (1)",
    ];
    check(&page, &words, &[]);
    let (bill, run) = (chosen("3194N1"), "a".repeat(32));
    let fields = [("bill", bill.as_str()), ("run", run.as_str()), REASON];
    let sent = browser.post("/expiry/remind", &fields).await;
    assert_eq!(sent.went(), format!("303 /expiry/runs/{run}"));
    let page = until(&mut browser, &format!("/expiry/runs/{run}"), "Ended: 1 of 1.").await;
    check(&page, &["Reminded 1 ¥100.00", "3194N1 sent again notice 1 ¥100.00"], &[]);
    let told = audited(&gateway, Act::Reminder);
    assert_eq!(told.len(), 4, "{told:?}");
    check(&told[2], &["3194N1", "guests have left (the last notice is sent again) done"], &[]);
    // The rules remind once a stage: nothing was added to the life of the bill.
    assert_eq!(gateway.phase("3194N1").await, "authorized");
    gateway.running.stop().await;
}
