use std::sync::Arc;

use holdfast_domain::{AuthCode, Bill, CardTail, Channel, Command, Marks, Policy, Terms, decide};
use rusqlite::types::Null;

use super::{query::WAYS, *};
use crate::request::RequestId;
use crate::store::{
    Asker, Commit, MemoryStore,
    contract::{self, NOW, go_on, made},
};

/// Bills in every stage: merchant and number, terminal, kind, fen, made so many seconds after the beginning, and what
/// became of them.
const BILLS: &[(&str, &str, Kind, u64, i64, &str)] = &[
    ("M1/HOTEL-001", "T1", Kind::Hold, 50_000, 0, ""),
    ("M1/HOTEL-002", "T1", Kind::Hold, 50_000, 0, "authorize"),
    ("M2/HOTEL-002", "T1", Kind::Hold, 50_000, 1, "authorize"),
    ("M1/HOTEL-003", "T2", Kind::Hold, 80_000, 1, "authorize, capture TAKEN-003 300"),
    ("M1/HOTEL-004", "T2", Kind::Hold, 80_000, 1, "authorize, capture TAKEN-004 300, approve"),
    (
        "M1/HOTEL-005",
        "T2",
        Kind::Hold,
        50_000,
        2,
        "authorize, capture TAKEN-005 300, approve, refund BACK-005 100, approve",
    ),
    (
        "M2/HOTEL-006",
        "T3",
        Kind::Hold,
        50_000,
        3,
        "authorize, capture TAKEN-006 300, approve, reverse TAKEN-006",
    ),
    (
        "M2/HOTEL-007",
        "T3",
        Kind::Hold,
        50_000,
        3,
        "authorize, capture TAKEN-007 300, approve, refund BACK-007 100",
    ),
    (
        "M2/HOTEL-008",
        "T3",
        Kind::Hold,
        50_000,
        3,
        "authorize, capture TAKEN-008 300, approve, refund BACK-008 100, approve, refund BACK-108 100",
    ),
    ("M2/HOTEL-009", "T3", Kind::Hold, 50_000, 4, "authorize, release"),
    ("M2/HOTEL-010", "T3", Kind::Hold, 50_000, 4, "close, authorize"),
    ("M2/HOTEL-011", "T3", Kind::Hold, 50_000, 4, "authorize, release, approve"),
    ("M2/HOTEL-012", "T3", Kind::Hold, 50_000, 4, "authorize, expire, approve"),
    (
        "M2/HOTEL-013",
        "T3",
        Kind::Hold,
        50_000,
        4,
        "authorize, capture TAKEN-013 300, approve, reverse TAKEN-013, end",
    ),
    ("M2/HOTEL-014", "T3", Kind::Hold, 50_000, 5, "lapse"),
    ("M2/HOTEL-015", "T3", Kind::Hold, 50_000, 5, "close"),
    ("M2/SHOP-016", "T4", Kind::Payment, 1_234, 6, "authorize"),
    ("M2/SHOP-017", "T4", Kind::Payment, 1_234, 7, "authorize, refund BACK-017 100, approve"),
    ("M2/SHOP-018", "T4", Kind::Guarantee, 1_234, 8, "authorize"),
    ("M1/HOTEL-0020", "T1", Kind::Hold, 200, 9, "authorize"),
    ("M1/HOTEL-002@7", "T1", Kind::Hold, 200, 9, "authorize"),
];

/// A new bill with other terms than those of the contract.
fn new(name: &str, tid: &str, kind: Kind, fen: u64, seconds: i64) -> Commit {
    let commit = made(name);
    let Bill { key, terms, .. } = commit.change.bill;
    let made = NOW.plus_ms(seconds * 1_000);
    let terms = Terms {
        kind,
        tid: Tid::parse(tid).unwrap(),
        amount: Amount::from_fen(fen).unwrap(),
        created_at: made,
        expires_at: made.plus_ms(1_000),
        ..Terms::clone(&terms)
    };
    let request = RequestId { run: 0x5f0c, number: u64::try_from(seconds).unwrap() };
    let asker = Asker::App { app: "app-1".into(), nonce: None, request: Some(request) };
    Commit { change: Bill::request(BillKey::clone(&key), terms), at: made, asker }
}

async fn store() -> MemoryStore {
    let store = MemoryStore::new();
    for (name, tid, kind, fen, seconds, steps) in BILLS {
        let commit = new(name, tid, *kind, *fen, *seconds);
        let bill = commit.change.bill.clone();
        store.commit(commit).await.unwrap();
        go_on(&store, bill, steps).await;
    }
    store
}

/// `merchant/number` of each row, with the date where it is another day than the first.
fn names(rows: &[Row]) -> Vec<String> {
    let name = |row: &Row| match row.key.date.0 {
        0 => format!("{}/{}", row.key.mid, row.key.no),
        day => format!("{}/{}@{day}", row.key.mid, row.key.no),
    };
    rows.iter().map(name).collect()
}

/// Everything wanted, in pages of that many.
async fn all(finder: &Finder, store: &dyn Store, wanted: &Wanted, limit: usize) -> Vec<String> {
    let mut wanted = Wanted { limit, place: Place::First, ..wanted.clone() };
    let (mut forth, mut back) = (vec![], vec![]);
    let last = loop {
        let found = finder.find(store, &wanted).await.unwrap();
        assert!(found.rows.len() <= limit && !found.partial && found.behind == 0);
        forth.extend(names(&found.rows));
        match found.next.clone() {
            Some(next) => wanted.place = Place::After(next),
            None => break found,
        }
    };
    // And the same way back.
    back.extend(names(&last.rows).into_iter().rev());
    let mut prev = last.prev;
    while let Some(before) = prev {
        wanted.place = Place::Before(before);
        let found = finder.find(store, &wanted).await.unwrap();
        back.extend(names(&found.rows).into_iter().rev());
        prev = found.prev;
    }
    back.reverse();
    wanted.place = Place::Last;
    let found = finder.find(store, &wanted).await.unwrap();
    let (end, rest) = (names(&found.rows), forth.len().saturating_sub(limit));
    assert_eq!((&end[..], found.next), (&forth[rest..], None), "{wanted:?}");
    assert_eq!(found.prev.is_some(), rest > 0, "{wanted:?}");
    assert_eq!(back, forth, "pages of {limit}: {wanted:?}");
    forth
}

/// What is found, in whatever pages it is read.
async fn check(wanted: Wanted, expected: &str) {
    let (finder, store) = (Finder::in_memory(), store().await);
    for limit in [1, 2, 3, 7, 100] {
        let found = all(&finder, &store, &wanted, limit).await;
        assert_eq!(found, expected.split_whitespace().collect::<Vec<_>>(), "{wanted:?}");
    }
}

fn mid(text: &str) -> Option<Mid> {
    Some(Mid::parse(text).unwrap())
}

#[tokio::test]
async fn bills_come_the_last_one_first_and_by_merchant_terminal_kind_and_amount() {
    let wanted = Wanted::default();
    let every = BILLS.iter().rev().map(|bill| bill.0).collect::<Vec<_>>().join(" ");
    check(wanted.clone(), &every).await;
    let mine = "M1/HOTEL-002@7 M1/HOTEL-0020 M1/HOTEL-005 M1/HOTEL-004 M1/HOTEL-003 M1/HOTEL-002 M1/HOTEL-001";
    check(Wanted { mid: mid("M1"), ..wanted.clone() }, mine).await;
    let tid = Tid::parse("T1").ok();
    let terminals = "M1/HOTEL-002@7 M1/HOTEL-0020 M2/HOTEL-002 M1/HOTEL-002 M1/HOTEL-001";
    check(Wanted { tid: tid.clone(), ..wanted.clone() }, terminals).await;
    check(Wanted { tid, mid: mid("M2"), ..wanted.clone() }, "M2/HOTEL-002").await;
    check(Wanted { kind: Some(Kind::Payment), ..wanted.clone() }, "M2/SHOP-017 M2/SHOP-016").await;
    let what = Some(What::Amount(Amount::from_fen(80_000).unwrap()));
    check(Wanted { what, ..wanted }, "M1/HOTEL-004 M1/HOTEL-003").await;
}

#[tokio::test]
async fn bills_are_found_by_phase_by_status_and_by_both() {
    let wanted = Wanted::default();
    let phases = vec!["capturing", "refunding"];
    let found = "M2/HOTEL-008 M2/HOTEL-007 M1/HOTEL-003";
    check(Wanted { phases: phases.clone(), ..wanted.clone() }, found).await;
    let refunded = Some(BillStatus::Refund);
    let both = Wanted { phases: phases.clone(), status: refunded.clone(), ..wanted.clone() };
    check(both, "M2/HOTEL-008").await;
    let found = "M2/SHOP-017 M2/HOTEL-013 M2/HOTEL-008 M1/HOTEL-005";
    check(Wanted { status: refunded.clone(), ..wanted.clone() }, found).await;
    let one = Wanted { status: refunded, mid: mid("M1"), ..wanted.clone() };
    check(one, "M1/HOTEL-005").await;
    let never = Wanted { status: Some(BillStatus::Unknown), ..wanted };
    check(never, "").await;
}

#[tokio::test]
async fn every_bill_is_found_in_its_own_phase_and_status() {
    let (finder, store) = (Finder::in_memory(), store().await);
    let mut stages = vec![];
    for bill in store.bills(None, 100).await.unwrap() {
        let (phases, status) = (vec![bill.phase.name()], crate::view::bill_status(&bill));
        if !stages.contains(&(phases.clone(), status.clone())) {
            stages.push((phases.clone(), status.clone()));
        }
        let mid = Some(bill.key.mid.clone());
        for mid in [None, mid] {
            let wanted = Wanted {
                mid,
                phases: phases.clone(),
                status: Some(status.clone()),
                ..Wanted::default()
            };
            let found = all(&finder, &store, &wanted, 2).await;
            let name = names(&finder.find(&store, &wanted).await.unwrap().rows);
            assert!(
                found.iter().any(|name| bill.key.to_string().ends_with(&name[3..])),
                "{name:?}"
            );
        }
    }
    // `dividing` takes a bill whose money is divided.
    assert_eq!(stages.len(), STAGES.len() - 1, "a stage has no example: {stages:?}");
    let known: Vec<_> = STAGES.iter().map(|stage| stage.0).collect();
    assert!(PHASES.iter().all(|phase| known.contains(phase)));
    assert!(known.iter().all(|phase| PHASES.contains(phase)));
}

#[tokio::test]
async fn what_is_held_comes_by_its_deadline() {
    let wanted = Wanted { order: Order::Deadline, ..Wanted::default() };
    // All were paid at the same moment.
    let held = "M1/HOTEL-002 M2/HOTEL-002 M1/HOTEL-003 M2/HOTEL-009 M2/HOTEL-010 M2/SHOP-018 M1/HOTEL-0020 M1/HOTEL-002@7";
    check(wanted.clone(), held).await;
    let phases = vec!["authorized"];
    let mine = Wanted { mid: mid("M1"), phases, ..wanted.clone() };
    check(mine, "M1/HOTEL-002 M1/HOTEL-0020 M1/HOTEL-002@7").await;
    let expires = Span { from: None, until: Some(NOW) };
    check(Wanted { expires, ..wanted.clone() }, "").await;
    let later = Span { from: Some(NOW.plus_days(30)), until: Some(NOW.plus_days(31)) };
    check(Wanted { expires: later, ..wanted }, held).await;
}

#[tokio::test]
async fn bills_are_found_by_when_they_were_made() {
    let made = |from: i64, until: i64| Wanted {
        made: Span {
            from: Some(NOW.plus_ms(from * 1_000)),
            until: Some(NOW.plus_ms(until * 1_000)),
        },
        ..Wanted::default()
    };
    check(made(6, 8), "M2/SHOP-017 M2/SHOP-016").await;
    check(Wanted { mid: mid("M1"), ..made(1, 3) }, "M1/HOTEL-005 M1/HOTEL-004 M1/HOTEL-003").await;
    let what = Some(What::Beginning("HOTEL-00".to_owned()));
    check(Wanted { what, ..made(2, 4) }, "M1/HOTEL-005 M2/HOTEL-006 M2/HOTEL-007 M2/HOTEL-008")
        .await;
    check(made(8, 6), "").await;
}

#[tokio::test]
async fn a_bill_is_found_by_each_of_its_numbers() {
    let number =
        |text: &str| Wanted { what: Some(What::Number(text.to_owned())), ..Wanted::default() };
    check(number("HOTEL-002"), "M1/HOTEL-002@7 M2/HOTEL-002 M1/HOTEL-002").await;
    check(Wanted { mid: mid("M2"), ..number("HOTEL-002") }, "M2/HOTEL-002").await;
    check(number("TAKEN-005"), "M1/HOTEL-005").await;
    check(number("BACK-108"), "M2/HOTEL-008").await;
    check(number("M2-HOTEL-015-0"), "M2/HOTEL-015").await;
    check(number("00005f0c-6"), "M2/SHOP-016").await;
    // That of a payment is the bill's and a zero, which may be another bill's.
    check(number("HOTEL-0020"), "M1/HOTEL-002@7 M1/HOTEL-0020 M2/HOTEL-002 M1/HOTEL-002").await;
    check(number("HOTEL"), "").await;
}

/// A payer pays with a card that ends so.
async fn pay_with(store: &MemoryStore, name: &str, tail: &str) {
    let bill = store.bill(&contract::key(name)).await.unwrap().unwrap();
    let paid = Command::Authorize {
        marks: Marks::default(),
        channel: Channel::UnionPay,
        payer_id: None,
        payer_name: None,
        card: None,
        tail: Some(CardTail::parse(tail).unwrap()),
        auth: AuthCode::parse("AUTH-1").unwrap(),
    };
    let at = bill.terms.created_at;
    let change = decide(&bill, &paid, at, &Policy::default()).unwrap();
    store.commit(Commit { change, at, asker: Asker::Payer }).await.unwrap();
}

#[tokio::test]
async fn a_bill_is_found_by_the_card_that_paid_it_also_too_late() {
    let (finder, store) = (Finder::in_memory(), MemoryStore::new());
    for (name, fen, steps, tail) in [
        ("M1/CARD-01", 100, "", "0128"),
        ("M2/CARD-02", 200, "", "0128"),
        ("M1/CARD-03", 300, "", "9999"),
        ("M1/CARD-04", 400, "close", "0128"),
    ] {
        let commit = new(name, "T1", Kind::Hold, fen, 0);
        let bill = commit.change.bill.clone();
        store.commit(commit).await.unwrap();
        go_on(&store, bill, steps).await;
        pay_with(&store, name, tail).await;
    }
    let card = |tail| Wanted {
        what: Some(What::Card(CardTail::parse(tail).unwrap())),
        ..Wanted::default()
    };
    for limit in [1, 2, 100] {
        let found = async |wanted: &Wanted| all(&finder, &store, wanted, limit).await.join(" ");
        assert_eq!(found(&card("0128")).await, "M1/CARD-04 M2/CARD-02 M1/CARD-01");
        assert_eq!(found(&Wanted { mid: mid("M2"), ..card("0128") }).await, "M2/CARD-02");
        assert_eq!(
            found(&Wanted { phases: vec!["releasing"], ..card("0128") }).await,
            "M1/CARD-04"
        );
        assert_eq!(found(&card("9999")).await, "M1/CARD-03");
        assert_eq!(found(&card("0127")).await, "");
    }
}

#[tokio::test]
async fn the_beginning_of_a_number_finds_all_that_begin_so_by_number() {
    let beginning =
        |text: &str| Wanted { what: Some(What::Beginning(text.to_owned())), ..Wanted::default() };
    let found = "M1/HOTEL-002 M2/HOTEL-002 M1/HOTEL-002@7 M1/HOTEL-0020";
    check(beginning("HOTEL-002"), found).await;
    check(beginning("SHOP-"), "M2/SHOP-016 M2/SHOP-017 M2/SHOP-018").await;
    check(beginning("hotel"), "").await;
}

#[tokio::test]
async fn what_changes_is_found_as_it_is_now() {
    let (finder, store) = (Finder::in_memory(), MemoryStore::new());
    let held = Wanted { phases: vec!["authorized"], limit: 10, ..Wanted::default() };
    let bill = crate::store::contract::make(&store, "M1/BILL01", "").await;
    assert_eq!(finder.find(&store, &held).await.unwrap().rows, []);
    let bill = go_on(&store, bill, "authorize").await;
    let found = finder.find(&store, &held).await.unwrap();
    assert_eq!(names(&found.rows), ["M1/BILL01"]);
    assert_eq!(found.rows[0].deadline, Some(NOW.plus_days(30)));
    go_on(&store, bill, "capture C00001 300").await;
    assert_eq!(finder.find(&store, &held).await.unwrap().rows, []);
}

#[tokio::test]
async fn the_file_goes_on_where_it_was_left_and_is_made_again_when_it_is_gone_or_of_another_journal()
 {
    let dir = tempfile::TempDir::new().unwrap();
    let store = store().await;
    let wanted = Wanted { limit: 100, ..Wanted::default() };
    let every = async |store: &dyn Store| {
        let found = Finder::open(dir.path()).unwrap().find(store, &wanted).await.unwrap();
        (names(&found.rows), found.behind)
    };
    let before = every(&store).await;
    assert_eq!((before.0.len(), before.1), (BILLS.len(), 0));
    assert_eq!(every(&store).await, before);
    crate::store::contract::make(&store, "M9/LATER01", "").await;
    assert_eq!(every(&store).await.0.len(), BILLS.len() + 1);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert_eq!(every(&store).await.0.len(), BILLS.len() + 1);
    // A longer journal, of somebody else.
    let other = MemoryStore::new();
    for number in 10..90 {
        crate::store::contract::make(&other, &format!("M3/OTHER{number}"), "authorize").await;
    }
    assert_eq!(every(&other).await.0.len(), 80);
    // And one that is shorter.
    assert_eq!(every(&store).await.0.len(), BILLS.len() + 1);
}

#[tokio::test]
async fn a_question_that_no_index_answers_is_given_up_after_so_many_bills_and_can_be_gone_on_with()
{
    let (finder, store) = (Finder::in_memory(), MemoryStore::new());
    store.commit(new("M1/RARE-01", "T1", Kind::Payment, 100, 0)).await.unwrap();
    let count = limits::FINDER_LOOK + 10;
    for number in 0..count {
        let name = format!("M1/BILL{number:05}");
        store.commit(new(&name, "T1", Kind::Hold, 100, 1)).await.unwrap();
    }
    let mut wanted = Wanted { kind: Some(Kind::Payment), limit: 10, ..Wanted::default() };
    let found = finder.find(&store, &wanted).await.unwrap();
    // Only so much is folded before a question is answered.
    let folded = u64::try_from(limits::FINDER_CATCH_UP * limits::FINDER_PAGE).unwrap();
    assert_eq!(found.behind, u64::try_from(count).unwrap() + 1 - folded);
    assert_eq!(names(&found.rows), ["M1/RARE-01"]);
    while finder.fold(&store, 1).await.unwrap().folded < store.last().await.unwrap() {}

    let found = finder.find(&store, &wanted).await.unwrap();
    assert_eq!((found.rows.len(), found.partial, found.looked), (0, true, limits::FINDER_LOOK));
    wanted.place = Place::After(found.next.unwrap());
    let found = finder.find(&store, &wanted).await.unwrap();
    assert_eq!(
        (names(&found.rows), found.partial, found.looked),
        (vec!["M1/RARE-01".to_owned()], false, 11)
    );
    assert_eq!(found.next, None);
}

#[tokio::test]
async fn the_index_follows_what_is_committed() {
    use crate::{
        channel::Unconnected,
        clock::{Clock, Dice},
    };
    let store = Arc::new(MemoryStore::new());
    let (clock, dice) = (Clock::standing(NOW), Dice::seeded(1));
    let policy = holdfast_domain::Policy::default();
    let core =
        Arc::new(Core::new(store.clone(), Arc::new(Unconnected), clock, dice, policy, 8_000));
    let finder = Arc::new(Finder::in_memory());
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let (following, followed) = (finder.clone(), core.clone());
    let task = tokio::spawn(async move {
        let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
        following.follow(&followed, stop).await;
    });
    for name in ["M1/BILL01", "M1/BILL02"] {
        let Commit { change, at, asker } = made(name);
        core.create(change, at, asker).await.unwrap();
        let last = store.last().await.unwrap();
        let folded = async {
            while finder.read(fold::folded).await.unwrap().0 < last {
                tokio::task::yield_now().await;
            }
        };
        patience(10_000, folded).await.expect("it is folded before long");
    }
    stop.send_replace(true);
    task.await.unwrap();
}

#[test]
fn no_question_reads_a_whole_table_or_sorts() {
    let file = FINDER.in_memory();
    let ways = WAYS.iter().flat_map(|way| [way.question(true), way.question(false)]);
    for question in ways.chain(fold::QUERIES.map(str::to_owned)) {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
        let values = plan.parameter_count();
        let given = rusqlite::params_from_iter((0..values).map(|_| Null));
        let steps = plan.query_map(given, |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        let steps = steps.join("; ");
        assert!(!steps.contains("SCAN") && !steps.contains("TEMP B-TREE"), "{question}: {steps}");
        // A page begins at its place, but for what was made in the same millisecond: it is not counted up to.
        let begins = steps.contains(">?") || steps.contains(")>(");
        assert!(begins || !question.contains(") > ("), "{question}: {steps}");
    }
}

#[test]
fn what_is_typed_is_read_as_people_mean_it() {
    let check = |text: &str, expected: &str| {
        let readings = What::readings(text);
        let shown = readings.iter().map(|what| match what {
            What::Number(number) => format!("number {number}"),
            What::Card(tail) => format!("card {tail}"),
            What::Amount(amount) => format!("fen {}", amount.fen()),
            What::Beginning(number) => format!("beginning {number}"),
        });
        assert_eq!(shown.collect::<Vec<_>>().join(", "), expected, "{text}");
    };
    check("", "");
    check("  ", "");
    check(" HOTEL-001 ", "number HOTEL-001, beginning HOTEL-001");
    check("500", "number 500, fen 50000, beginning 500");
    check("500.5", "number 500.5, fen 50050, beginning 500.5");
    check("0128", "number 0128, card 0128, fen 12800, beginning 0128");
    check("0000", "number 0000, card 0000, beginning 0000");
    check("¥500", "fen 50000");
    check("￥1,234.56", "fen 123456");
    check("1，000 元", "fen 100000");
    check("1,00", "");
    check("0", "number 0, beginning 0");
    check("500.", "number 500., beginning 500.");
    check(".5", "number .5, beginning .5");
    check("500.123", "number 500.123, beginning 500.123");
    check("-500", "number -500, beginning -500");
    check("+500", "");
    check("1e3", "number 1e3, beginning 1e3");
    check("99999999999999999999", "number 99999999999999999999, beginning 99999999999999999999");
    check("184467440737095517", "number 184467440737095517, beginning 184467440737095517");
    check("'; DROP TABLE bills; --", "");
    check(&"9".repeat(40), &format!("number {}", "9".repeat(40)));
    check(&"9".repeat(500), "");
}

#[test]
fn a_cursor_is_read_as_it_was_written() {
    for cursor in ["5.7", "-5.7", "5.7.HOTEL.1", "9223372036854775807.0"] {
        assert_eq!(Cursor::parse(cursor).unwrap().to_string(), cursor);
    }
    for wrong in ["", "5", "5.", "a.b", "5.x.HOTEL", "99999999999999999999.1"] {
        assert_eq!(Cursor::parse(wrong), None, "{wrong}");
    }
}
