//! Statements at the console: that they say what the ledger says, and are the files that the command writes.

use std::collections::BTreeMap;

use holdfast_domain::{Account, Day, Entry};
use holdfast_gateway::{
    operators::{Act, AuditFilter, Role},
    statement::{Csv, Json, Part, Section, Statement, is_over, make},
};

use crate::{
    console::Browser,
    console_overview::shown,
    gateway::{BILL_DATE, Gateway, MID, Place, mid},
    script::Play,
};

const DAY_MS: i64 = 86_400_000;

/// A hold captured, reversed, captured with less and partly refunded; a hold that stands; a divided payment.
async fn lived() -> Gateway {
    let mut play = Play::new(Place::new().open().await);
    for command in [
        "hold 50000 7001",
        "confirm",
        "capture C7001-1 30000",
        "reverse C7001-1",
        "capture C7001-2 20000",
        "refund R7001-1 5000",
        "hold 12300 7002",
        "confirm",
        "divided 1000 platform 100 SHOP1 900",
        "confirm",
    ] {
        let told = play.run(command).await;
        assert!(!told.is_empty() && !told.contains("ERROR"), "{command}: {told}");
    }
    play.gateway
}

fn day() -> Day {
    Day::parse(BILL_DATE).unwrap()
}

/// What the journal's entries of the day did to the merchant's accounts: settled, and set aside.
async fn ledger(gateway: &Gateway, whose: &str) -> (i128, i128) {
    let (mut settled, mut aside) = (0, 0);
    for record in gateway.store.journal(0, usize::MAX).await.unwrap() {
        if record.event.receipt().is_none_or(|receipt| receipt.day != day()) {
            continue;
        }
        let own = record.key.mid.as_str() == whose;
        for Entry { from, to, amount } in &record.entries {
            for (account, fen) in
                [(to, i128::from(amount.fen())), (from, -i128::from(amount.fen()))]
            {
                match account {
                    Account::Merchant if own => settled += fen,
                    Account::Held | Account::Undivided if own => aside += fen,
                    Account::Sub(mid) if mid.as_str() == whose => settled += fen,
                    _ => {}
                }
            }
        }
    }
    (settled, aside)
}

/// What the command writes: CSV, JSON and the statement.
async fn written(gateway: &Gateway) -> (Vec<u8>, Vec<u8>, Statement) {
    let complete = is_over(day(), gateway.running.core.clock.now());
    let (mut csv, mut json) = (Csv::new(vec![]), Json::new(vec![]));
    let writer = |part: Part<'_>| csv.write(part).and_then(|()| json.write(part));
    let writers = BTreeMap::from([(mid(MID), writer)]);
    let made = make(&*gateway.store, day(), complete, writers, |_| ()).await.unwrap();
    (csv.into_inner(), json.into_inner(), made.into_iter().next().unwrap())
}

/// The body of an answer in chunks.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = vec![];
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").expect("a length");
        let length = std::str::from_utf8(&body[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 2 + length + 2..];
    }
}

/// The text of the element of that id.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("{page}"));
    rest.split('<').next().unwrap()
}

/// Opens a page that has to say this and not that.
async fn check(browser: &mut Browser, target: &str, status: u16, there: &[&str], not: &[&str]) {
    let page = browser.get(target).await;
    assert_eq!(page.status, status, "{target}: {}", page.text());
    let text = shown(&page.text()).replace("&larr;", "←").replace("&rarr;", "→");
    for words in there {
        assert!(text.contains(words), "{target}: {words:?} is not there: {text}");
    }
    for words in not {
        assert!(!text.contains(words), "{target}: {words:?} is there: {text}");
    }
}

#[tokio::test]
async fn totals_are_what_the_ledger_says() {
    let gateway = lived().await;
    assert_eq!(ledger(&gateway, MID).await, (20_000 - 5_000 + 100, 12_300));
    assert_eq!(ledger(&gateway, "SHOP1").await, (900, 0));
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let target = format!("/statements?mid={MID}&date={BILL_DATE}");
    let words = [
        "湖畔酒店 · 2026-03-02 not final",
        "The day is final at 2026-03-03 00:05:00 (Beijing).",
        "Against the ledger agrees",
        "Payment 1 ¥1.00 Capture 2 ¥500.00 Reversal of a capture 1 -¥300.00 Refund 1 -¥50.00 \
         Net 5 ¥151.00 Ledger agrees ¥151.00",
        "Held 2 ¥623.00 Ended by a capture 2 -¥1,000.00 Held again after a reversal 1 ¥500.00 \
         Net 5 ¥123.00 Ledger agrees ¥123.00",
        "10:00 ¥501.00 ¥350.00",
        "← 2026-03-01",
    ];
    check(&mut browser, &target, 200, &words, &["differs", "2026-03-03 →"]).await;
    let page = browser.get(&target).await.text();
    assert!(page.contains(&format!("href=\"/bills/{MID}/{BILL_DATE}/3194B7001\"")), "{page}");
    assert!(page.contains(&format!("href=\"/merchants/{MID}\"")), "{page}");
    // Whoever has a share is told of it and of nothing else.
    let target = format!("/statements?mid=SHOP1&date={BILL_DATE}");
    let words = ["Share in another bill 1 ¥9.00 Net 1 ¥9.00 Ledger agrees ¥9.00"];
    check(&mut browser, &target, 200, &words, &["Refund"]).await;
    // Everybody at once.
    let words = [format!("{MID} 10 ¥151.00 ¥123.00"), "SHOP1 1 ¥9.00 ¥0.00".to_owned()];
    let words = words.each_ref().map(String::as_str);
    check(&mut browser, &format!("/statements?date={BILL_DATE}"), 200, &words, &[]).await;
    gateway.running.stop().await;
}

#[tokio::test]
async fn downloads_are_the_files_of_the_command_with_the_digest_shown_and_in_the_audit() {
    let gateway = lived().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    for wait_ms in [0, DAY_MS] {
        gateway.advance(wait_ms);
        let (csv, json, made) = written(&gateway).await;
        assert!(made.totals.net(Section::Settlement).count > 0);
        let query = format!("mid={MID}&date={BILL_DATE}");
        let page = browser.get(&format!("/statements?{query}")).await.text();
        assert_eq!(element(&page, "digest"), made.digest);
        for (extension, kind, expected) in
            [("csv", "text/csv;charset=utf-8", csv), ("json", "application/json", json)]
        {
            let link = format!("/statements.{extension}?{query}");
            assert!(page.contains(&format!("href=\"{}\"", link.replace('&', "&amp;"))), "{page}");
            let file = browser.get(&link).await;
            assert_eq!(file.status, 200, "{}", file.text());
            assert_eq!(file.header("content-type"), kind);
            let name = format!("attachment; filename=\"statement-{MID}-{BILL_DATE}.{extension}\"");
            assert_eq!(file.header("content-disposition"), name);
            assert_eq!(file.header("cache-control"), "no-store");
            let body = unchunked(&file.body);
            assert!(body == expected, "{}", String::from_utf8_lossy(&body));
            assert!(String::from_utf8(body).unwrap().contains(&made.digest));
        }
    }
    let acts = AuditFilter { act: Some(Act::Statement), ..AuditFilter::default() };
    let written = gateway.running.operators.audit(&acts, None, 10).unwrap();
    let told: Vec<_> = written
        .iter()
        .map(|entry| format!("{} {} {} {}", entry.who, entry.about, entry.detail, entry.outcome))
        .collect();
    let expected =
        ["json", "csv", "json", "csv"].map(|form| format!("li.lei {MID} {BILL_DATE} {form} done"));
    assert_eq!(told, expected);
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_day_says_whether_it_is_final_and_which_one_is_meant() {
    let gateway = lived().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    // Yesterday is what most people come for.
    let quiet = ["Nothing moved on 2026-03-01, for any merchant.", "2026-03-02 →"];
    check(&mut browser, "/statements", 200, &quiet, &[]).await;
    let quiet = ["2026-03-01 final", "Nothing moved on this day.", "Download CSV"];
    check(&mut browser, &format!("/statements?mid={MID}"), 200, &quiet, &["agrees"]).await;
    // At midnight the day is over, five minutes later for good.
    gateway.advance(14 * 3_600_000 + 5 * 60_000 - 1);
    let target = format!("/statements?mid={MID}&date={BILL_DATE}");
    check(&mut browser, &target, 200, &["not final", "2026-03-03 →"], &[]).await;
    gateway.advance(1);
    let over = ["2026-03-02 final", "over since 2026-03-03 00:05:00 (Beijing)"];
    check(&mut browser, &target, 200, &over, &["not final"]).await;
    gateway.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_at_its_field() {
    let gateway = lived().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let (malformed_mid, malformed_day) =
        ("1 to 32 letters, digits, - _ .", "A date such as 2026-03-02.");
    let unknown = "There is no such merchant, and no share of it on that day.";
    let future = "That day has not begun: today is the business day 2026-03-02.";
    for (query, rules) in [
        ("mid=%3Cscript%3E&date=2026-02-30", vec![malformed_mid, malformed_day]),
        ("mid=M404&date=2026-03-02", vec![unknown]),
        ("mid=SHOP1&date=2026-03-03", vec![future]),
        ("mid=SHOP1&date=9999-12-31", vec![future]),
        ("mid=SHOP1&date=today", vec![malformed_day]),
    ] {
        let mut not = vec![malformed_mid, malformed_day, unknown, future];
        not.retain(|rule| !rules.contains(rule));
        for page in ["/statements", "/statements.csv", "/statements.json"] {
            check(&mut browser, &format!("{page}?{query}"), 400, &rules, &not).await;
        }
    }
    let page = browser.get("/statements?mid=%3Cscript%3E&date=2026-02-30").await.text();
    for kept in [
        "<option value=\"&#60;script&#62;\" selected>",
        "value=\"2026-02-30\"",
        "aria-invalid=\"true\" aria-describedby=\"wrong-mid\"",
        "aria-invalid=\"true\" aria-describedby=\"wrong-date\"",
    ] {
        assert!(page.contains(kept), "{kept}: {page}");
    }
    assert!(!page.contains("<script>"), "{page}");
    // The first day that can be written has none before it.
    check(&mut browser, "/statements?date=0001-01-01", 200, &["Nothing moved"], &["← "]).await;
    gateway.running.stop().await;
}
