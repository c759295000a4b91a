//! The list of bills at the console: what is found, how, and told as what.

use std::net::SocketAddr;

use holdfast_domain::{Bill, BillKey, BillNo, Terms};
use holdfast_gateway::{
    clock::patience,
    operators::{Act, AuditFilter, Role},
    store::{Asker, Commit},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    console::Browser,
    console_overview::shown,
    gateway::{Gateway, MID, OTHER_MID, key},
    wire::{Answer, PATIENCE_MS, Sent},
};

/// A gateway with bills in some phases, made minutes apart: `3194A01` captured as `3194C01`, `3194A02` held, `3194A03`
/// unpaid at a terminal of its own, `3194A04` a payment of 500 yuan on the next day.
async fn with_bills() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.captured("3194A01", "3194C01", 50_000).await;
    gateway.advance(60_000);
    gateway.authorized("3194A02", 123_456).await;
    gateway.advance(60_000);
    let fields = json!({"billNo": "3194A03", "totalAmount": 100, "tid": "T-3", "preauthTransaction": "true"});
    assert_eq!(gateway.call("get-qrcode", fields).await.outcome(), "200 SUCCESS");
    gateway.advance(24 * 3_600_000);
    let fields = json!({"billNo": "3194A04", "totalAmount": 50_000});
    let made = gateway.call("get-qrcode", fields).await;
    let target = format!("/sim/payer/{}/confirm", made.field("qrCodeId"));
    assert_eq!(gateway.sim("POST", &target, Value::Null).await.status, 200);
    gateway
}

/// The numbers of the bills that a page lists.
pub(crate) fn listed(page: &str) -> String {
    let links = page.split("<th scope=\"row\" class=\"number\"><a href=\"/bills/").skip(1);
    let number = |link: &str| link.split("\">").nth(1)?.split('<').next().map(str::to_owned);
    links.filter_map(number).collect::<Vec<_>>().join(" ")
}

/// Where a link of that relation leads.
fn link(page: &str, rel: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("\" rel=\"{rel}\""))?;
    Some(before.rsplit("href=\"").next()?.replace("&#38;", "&"))
}

#[tokio::test]
async fn bills_are_found_by_whatever_is_known_of_them() {
    let gateway = with_bills().await;
    let code = gateway.hold("3194A05", 700).await;
    let held = gateway.running.core.load(&key("3194A02")).await.unwrap();
    let tail = held.payment().unwrap().tail.expect("it was paid with a card").to_string();
    let (by_card, card) = (format!("?q={tail}"), format!("card ending in {tail}"));
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let by_code = format!("?q={code}");
    let mine = format!("?mid={MID}&phase=authorized");
    let other = format!("?mid={OTHER_MID}");
    for (query, expected, read) in [
        ("", "3194A05 3194A04 3194A03 3194A02 3194A01", ""),
        ("?q=", "3194A05 3194A04 3194A03 3194A02 3194A01", ""),
        ("?q=3194A02", "3194A02", "number 3194A02"),
        ("?q=++3194A02+", "3194A02", "number 3194A02"),
        ("?q=3194C01", "3194A01", "number 3194C01"),
        (&by_code, "3194A05", ""),
        (&by_card, "3194A02", &card),
        // No bill has the number 500: the next reading finds something.
        ("?q=500", "3194A04 3194A01", "amount ¥500.00"),
        ("?q=%EF%BF%A51,234.56", "3194A02", "amount ¥1,234.56"),
        ("?q=500&as=number", "", "number 500"),
        ("?q=3194A0", "3194A01 3194A02 3194A03 3194A04 3194A05", "bill number begins with 3194A0"),
        ("?q=nobody-0", "", "number nobody-0"),
        ("?tid=T-3", "3194A03", ""),
        ("?kind=payment", "3194A04", ""),
        ("?phase=captured", "3194A01", ""),
        ("?status=UNPAID", "3194A05", ""),
        ("?from=2026-03-03", "3194A05 3194A04", ""),
        ("?until=2026-03-02", "3194A03 3194A02 3194A01", ""),
        ("?from=2026-03-02&until=2026-03-02&q=500", "3194A01", "amount ¥500.00"),
        (&mine, "3194A02", ""),
        (&other, "", ""),
    ] {
        let page = browser.get(&format!("/bills{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        assert_eq!(listed(&page.text()), expected, "{query}");
        let reading = format!("Read as {read}");
        assert!(shown(&page.text()).contains(&reading) || read.is_empty(), "{query}: {read}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_row_says_whose_bill_it_is_how_much_it_is_of_and_how_it_stands() {
    let gateway = with_bills().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let page = browser.get("/bills?q=3194A02").await.text();
    let row = "3194A02 898201612345678 湖畔酒店 88880001 ¥1,234.56 authorized 2026-03-02 10:01:00 2026-04-01 10:01:00";
    assert!(shown(&page).contains(row), "{}", shown(&page));
    assert!(page.contains("href=\"/bills/898201612345678/2026-03-02/3194A02\""), "{page}");
    let page = browser.get("/bills?q=3194A02&lang=zh").await.text();
    assert!(shown(&page).contains("¥1,234.56 已冻结"), "{}", shown(&page));
    gateway.running.stop().await;
}

#[tokio::test]
async fn pages_go_forth_and_back_and_keep_the_question() {
    let gateway = Gateway::start().await;
    for number in 100..220 {
        gateway.hold(&format!("3194P{number}"), 50_000).await;
    }
    gateway.hold("3194Q1", 700).await;
    let numbers = |from: u32, to: u32| {
        (from..=to).rev().map(|number| format!("3194P{number}")).collect::<Vec<_>>().join(" ")
    };
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let first = browser.get("/bills?q=500&phase=requested").await.text();
    assert_eq!(listed(&first), numbers(170, 219));
    assert_eq!(link(&first, "prev"), None);
    let next = link(&first, "next").unwrap();
    assert!(next.starts_with("/bills?q=500&as=amount&phase=requested&after="), "{next}");
    let second = browser.get(&next).await.text();
    assert_eq!(listed(&second), numbers(120, 169));
    let third = browser.get(&link(&second, "next").unwrap()).await.text();
    assert_eq!((listed(&third), link(&third, "next")), (numbers(100, 119), None));
    let back = browser.get(&link(&third, "prev").unwrap()).await.text();
    assert_eq!(listed(&back), numbers(120, 169));
    let back = browser.get(&link(&back, "prev").unwrap()).await.text();
    assert_eq!((listed(&back), link(&back, "prev")), (numbers(170, 219), None));
    gateway.running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_beside_its_field_and_kept() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let query = "?q=%3Cscript%3E&mid=a%20b&tid=%22&kind=loan&phase=%3Cb%3E&status=GONE&from=2026-02-30&until=yesterday&after=x&as=y";
    let page = browser.get(&format!("/bills{query}")).await;
    assert_eq!(page.status, 400);
    let text = page.text();
    for field in ["q", "mid", "tid", "kind", "phase", "status", "from", "until"] {
        assert!(text.contains(&format!("id=\"wrong-{field}\"")), "{field}: {text}");
        let told = format!("aria-invalid=\"true\" aria-describedby=\"wrong-{field}\"");
        assert!(text.contains(&told), "{field}: {text}");
    }
    assert!(
        text.contains("value=\"&#60;script&#62;\"") && text.contains("value=\"a b\""),
        "{text}"
    );
    assert!(!text.contains("<script>") && text.contains("The address names a page"), "{text}");
    for (query, field) in [
        ("?from=2026-03-03&until=2026-03-02", "until"),
        ("?q=%E9%85%92%E5%BA%97", "q"),
        ("?q=1,00", "q"),
        ("?from=9999-99-99", "from"),
    ] {
        let page = browser.get(&format!("/bills{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert_eq!(page.text().matches("class=\"wrong\"").count(), 1, "{query}");
        assert!(page.text().contains(&format!("id=\"wrong-{field}\"")), "{query}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn an_empty_page_says_why_and_what_to_do_next() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let page = shown(&browser.get("/bills").await.text());
    assert!(page.contains("No bill was made yet. Take a hold"), "{page}");
    gateway.hold("3194A01", 700).await;
    let page = browser.get("/bills?q=3194A02&phase=captured").await.text();
    for words in ["No bill is like that.", "capitals count", "Look without the filters"] {
        assert!(shown(&page).contains(words), "{words}: {page}");
    }
    assert!(page.contains("href=\"/bills?q=3194A02\""), "{page}");
    let beyond = browser.get("/bills?before=9999999999999.1").await.text();
    assert!(!shown(&beyond).contains("is like that"), "{beyond}");
    gateway.running.stop().await;
}

/// A body that came in chunks, put together.
fn whole(answer: &Answer) -> String {
    assert!(answer.head.contains("transfer-encoding: chunked"), "{}", answer.head);
    let (mut rest, mut whole) = (&answer.body[..], vec![]);
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return String::from_utf8(whole).unwrap();
        }
        whole.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
}

/// The audit's entries about exports, the newest first.
fn audited(gateway: &Gateway) -> Vec<String> {
    let filter = AuditFilter { act: Some(Act::Export), ..AuditFilter::default() };
    let found = gateway.running.operators.audit(&filter, None, 10).unwrap();
    found.iter().map(|entry| format!("{} {} {}", entry.who, entry.detail, entry.outcome)).collect()
}

/// So many unpaid bills more, each a copy of one that there is.
async fn copies(gateway: &Gateway, bill: &str, count: u32) {
    let bill = gateway.running.core.load(&key(bill)).await.unwrap();
    let at = bill.terms.created_at;
    for number in 0..count {
        let key = BillKey {
            no: BillNo::parse(&format!("3194COPY{number:06}")).unwrap(),
            ..BillKey::clone(&bill.key)
        };
        let code = format!("COPY{number:06}");
        let code = holdfast_domain::CodeId::parse(&code).unwrap();
        let terms = Terms { code, ..Terms::clone(&bill.terms) };
        let commit = Commit { change: Bill::request(key, terms), at, asker: Asker::Payer };
        gateway.store.commit(commit).await.unwrap();
    }
}

#[tokio::test]
async fn an_export_is_all_that_the_list_shows_in_its_order() {
    let gateway = with_bills().await;
    let name = holdfast_domain::Text::parse("=HYPERLINK(\"http://x\")").unwrap();
    let hostile = crate::gateway::mid("-1-1");
    gateway.running.accounts.add_merchant(&hostile, &name).await.unwrap();
    let bill = gateway.running.core.load(&key("3194A04")).await.unwrap();
    let key = BillKey { mid: hostile, ..BillKey::clone(&bill.key) };
    let code = holdfast_domain::CodeId::parse("HOSTILE").unwrap();
    let terms = Terms { code, ..Terms::clone(&bill.terms) };
    let commit = Commit {
        change: Bill::request(key, terms),
        at: bill.terms.created_at,
        asker: Asker::Payer,
    };
    gateway.store.commit(commit).await.unwrap();
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let list = browser.get("/bills?q=500&from=2026-03-02").await.text();
    assert_eq!(listed(&list), "3194A04 3194A04 3194A01");
    assert!(list.contains("<input type=\"hidden\" name=\"as\" value=\"amount\">"), "{list}");
    let asked = [("q", "500"), ("as", "amount"), ("from", "2026-03-02")];
    let made = browser.post("/bills-export", &asked).await;
    assert_eq!(made.went(), "303 /bills-export/1");
    let page = browser.get("/bills-export/1").await;
    assert!(page.text().contains("data-live") && page.text().contains("Download the file"));
    let file = browser.get("/bills-export/1/bills.csv").await;
    assert_eq!(file.header("content-type"), "text/csv;charset=utf-8");
    let named = "attachment; filename=\"bills-20260303100200.csv\"";
    assert_eq!(file.header("content-disposition"), named);
    let text = whole(&file);
    let head = "\u{feff}\"Merchant\",\"Merchant's name\",\"Bill number\",\"Bill date\",\"Terminal\",\"Kind\",\"Amount (yuan)\",\"Phase\",\"Status for the merchant\",\"Made (Beijing)\",\"Last change (Beijing)\",\"Deadline (Beijing)\"";
    let expected = [
        head,
        "\"'-1-1\",\"'=HYPERLINK(\"\"http://x\"\")\",\"3194A04\",\"2026-03-02\",\"'88880001\",\"payment\",\"500.00\",\"requested\",\"unpaid\",\"2026-03-03 10:02:00\",\"2026-03-03 10:02:00\",\"\"",
        "\"'898201612345678\",\"湖畔酒店\",\"3194A04\",\"2026-03-02\",\"'88880001\",\"payment\",\"500.00\",\"paid\",\"paid\",\"2026-03-03 10:02:00\",\"2026-03-03 10:02:00\",\"\"",
        "\"'898201612345678\",\"湖畔酒店\",\"3194A01\",\"2026-03-02\",\"'88880001\",\"hold\",\"500.00\",\"captured\",\"paid\",\"2026-03-02 10:00:00\",\"2026-03-02 10:00:00\",\"\"",
        "",
    ];
    assert_eq!(text.split("\r\n").collect::<Vec<_>>(), expected);
    let page = browser.get("/bills-export/1").await.text();
    let told = "The whole file was sent. 3 bills";
    assert!(shown(&page).contains(told) && !page.contains("data-live"), "{page}");
    let question = "q=500&as=amount&from=2026-03-02";
    assert_eq!(
        audited(&gateway),
        [
            format!("li.lei export 1: 3 bills, {question} done"),
            format!("li.lei export 1: {question} asked"),
        ]
    );
    // It is sent once, and to nobody else.
    assert_eq!(browser.get("/bills-export/1/bills.csv").await.status, 409);
    let mut other = Browser::signed_in(&gateway, "han.meimei", Role::Administrator).await;
    for page in
        ["/bills-export/1", "/bills-export/1/bills.csv", "/bills-export/2", "/bills-export/x"]
    {
        assert_eq!(other.get(page).await.status, 404, "{page}");
    }
    gateway.running.stop().await;
}

#[tokio::test]
async fn an_export_goes_through_all_pages_and_a_wrong_question_makes_none() {
    let gateway = Gateway::start().await;
    gateway.hold("3194A01", 700).await;
    copies(&gateway, "3194A01", 1_200).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    assert_eq!(browser.post("/bills-export", &[("from", "yesterday")]).await.status, 400);
    // Whatever page of the list it was asked on.
    let asked = [("phase", "requested"), ("after", "0.1")];
    assert_eq!(browser.post("/bills-export", &asked).await.went(), "303 /bills-export/1");
    let head = browser.send(Sent { method: "HEAD", ..Sent::post("/bills-export/1/bills.csv", "") });
    assert_eq!(head.await.status, 405);
    let text = whole(&browser.get("/bills-export/1/bills.csv").await);
    let numbers: Vec<&str> =
        text.lines().skip(1).map(|line| line.split("\",\"").nth(2).unwrap()).collect();
    assert_eq!(numbers.len(), 1_201);
    assert_eq!((numbers[0], numbers[1_200]), ("3194COPY001199", "3194A01"));
    gateway.running.stop().await;
}

#[tokio::test]
async fn an_export_that_nobody_takes_any_more_ends_and_says_so() {
    let gateway = Gateway::start().await;
    gateway.hold("3194A01", 700).await;
    copies(&gateway, "3194A01", 8_000).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    assert_eq!(browser.post("/bills-export", &[]).await.went(), "303 /bills-export/1");
    let address: SocketAddr = gateway.running.console.unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let sent = Sent { method: "GET", ..Sent::post("/bills-export/1/bills.csv", "") };
    stream.write_all(&browser.as_sent(sent).bytes()).await.unwrap();
    assert!(stream.read_u8().await.is_ok());
    drop(stream);
    let ended = async {
        while audited(&gateway).len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    patience(PATIENCE_MS, ended).await.expect("it ends before long");
    let told = &audited(&gateway)[0];
    let broken = told.starts_with("li.lei export 1: broken off after ");
    assert!(broken && told.ends_with(" bills, all bills failed"), "{told}");
    let page = browser.get("/bills-export/1").await.text();
    assert!(page.contains("not the whole list") && page.contains("Export again"), "{page}");
    gateway.running.stop().await;
}
