//! A proof must find whatever somebody changed behind the store's back, and nothing else.

use holdfast_domain::{
    Amount, Change, Command, Division, Entry, Fingerprint, OrderId, Phase, Policy, Share, Shares,
    Split, Takings, Terms, decide,
};
use rusqlite::{Connection, params};

use super::{
    super::{
        Asker, Commit, SqliteStore,
        contract::{Dir, ENVIRONMENT, NEVER, NOW, go_on, key, made, make, next},
        format,
    },
    *,
};

#[tokio::test]
async fn a_proof_sums_up_who_has_how_much() {
    let dir = Dir::new();
    let store = some_life(&dir).await;
    let mut heard = vec![];
    let proof = prove(&store, |progress| heard.push(progress)).await.unwrap();
    let expected = Proof {
        records: 14,
        bills: 5,
        payer_fen: -(500 + 300 + 40 + 60 + 300 + 500),
        held_fen: 500,
        merchant_fen: 300 + 40,
        sub_merchants_fen: 60 + 300,
        undivided_fen: 500,
        ..Proof::default()
    };
    assert_eq!(proof, expected);
    assert_eq!(heard, [Progress { pass: 1, done: 14, of: 14 }]);
}

#[tokio::test]
async fn a_proof_in_little_memory_comes_to_the_same() {
    let dir = Dir::new();
    let store = some_life(&dir).await;
    for bill in 0..50 {
        let steps = format!("authorize, capture D{bill:05} 100, approve");
        make(&store, &format!("M3/BILL{bill:05}"), &steps).await;
    }
    let whole = prove(&store, |_| ()).await.unwrap();
    assert_eq!(whole.bills, 55);
    for most in [1, 7, 30] {
        let mut passes = 0;
        let parts = prove_within(&store, most, |progress| passes = progress.pass).await.unwrap();
        assert_eq!(parts, whole, "with {most} in memory");
        assert!(passes > 2, "{passes} passes with {most} in memory");
    }
}

#[tokio::test]
async fn a_proof_beside_a_working_gateway_finds_nothing() {
    let dir = Dir::new();
    let store = SqliteStore::folding(&dir, ENVIRONMENT, 5, NEVER).unwrap();
    let reader = SqliteStore::open_read_only(&dir).unwrap();
    let work = async {
        for bill in 0..100 {
            let steps =
                format!("authorize, capture C{bill:05} 100, approve, reverse C{bill:05}, approve");
            make(&store, &format!("M1/BILL{bill:05}"), &steps).await;
        }
    };
    let proofs = async {
        let stores: [&dyn Store; 2] = [&store, &reader];
        for round in 0..40 {
            let most = if round % 4 < 2 { 10 } else { 1_000 };
            let proof = prove_within(stores[round % 2], most, |_| ()).await.unwrap();
            assert!(proof.holds(), "{proof:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(work, proofs);
}

#[tokio::test]
async fn a_bill_that_was_changed_is_found() {
    check("BILL01", "version: 4", "version: 4", |view, bills| {
        let mut bill = bills[0].clone();
        bill.orders = 9;
        put(view, &bill);
    })
    .await;
}

#[tokio::test]
async fn a_bill_of_another_version_is_found() {
    check(
        "BILL01",
        "a bill of version 4, captured",
        "a bill of version 7, captured",
        |view, bills| {
            let bill = Bill { version: 7, ..bills[0].clone() };
            put(view, &bill);
        },
    )
    .await;
}

#[tokio::test]
async fn a_bill_that_is_gone_is_found() {
    check("BILL02", "a bill of version 2, authorized", "nothing", |view, _| {
        view.execute("DELETE FROM bills WHERE bill_no = 'BILL02'", []).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_bill_that_never_was_is_found() {
    check("BILL09", "nothing", "a bill of version 1, requested", |view, _| {
        put(view, &made("M1/BILL09").change.bill);
    })
    .await;
}

#[tokio::test]
async fn an_order_that_was_changed_is_found() {
    check("BILL01", "amount: Amount(300)", "amount: Amount(500)", |view, bills| {
        let capture = capture_of(&bills[0]);
        put_leg(view, &bills[0], &Leg { amount: bills[0].terms.amount, ..capture });
    })
    .await;
}

#[tokio::test]
async fn an_order_that_is_gone_is_found() {
    check("BILL01", "order C00001", "nothing", |view, _| {
        view.execute("DELETE FROM orders WHERE order_id = 'C00001'", []).unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_order_that_never_was_is_found() {
    check("BILL02", "nothing", "order: OrderId(\"C00009\")", |view, bills| {
        let leg = Leg { order: OrderId::parse("C00009").unwrap(), ..capture_of(&bills[0]) };
        put_leg(view, &bills[1], &leg);
    })
    .await;
}

#[tokio::test]
async fn a_share_that_was_changed_is_found() {
    let found = "mid: Mid(\"SHOP1\"), order: None, amount: Amount(61)";
    check(
        "BILL04",
        "mid: Mid(\"SHOP1\"), order: None, amount: Amount(60)",
        found,
        |view, bills| {
            let left = shares(39, [("SHOP1", 61), ("SHOP2", 300)]);
            put(
                view,
                &split(&bills[2], |split| match split {
                    Split::Among { whole, .. } => Split::Among { whole, left: left.clone() },
                    other => other,
                }),
            );
        },
    )
    .await;
}

#[tokio::test]
async fn money_that_somebody_has_and_should_wait_to_be_divided_is_found() {
    check("BILL05", "split: Pending", "split: Whole", |view, bills| {
        put(view, &split(&bills[3], |_| Split::Whole));
    })
    .await;
}

#[tokio::test]
async fn a_refund_from_another_share_is_found() {
    let found = "Share { mid: Mid(\"SHOP2\"), order: None, amount: Amount(90) }";
    check("BILL04", "Share { mid: Mid(\"SHOP1\")", found, |view, bills| {
        let Change { leg, .. } = refund(&bills[2], [("SHOP2", 90)]);
        let asked = Leg::clone(&leg.unwrap());
        put_leg(view, &bills[2], &asked);
    })
    .await;
}

#[tokio::test]
async fn a_share_that_went_to_somebody_else_is_found() {
    let expected = "Entry { from: Payer, to: Sub(Mid(\"SHOP2\")), amount: Amount(300) }";
    let found = "Entry { from: Payer, to: Sub(Mid(\"SHOP1\")), amount: Amount(300) }";
    check_journal((divided("M1/BILL04"), 10), expected, found, |commit| {
        for Entry { to, .. } in commit.change.entries.iter_mut().skip(1) {
            *to = Account::Sub(Mid::parse("SHOP1").unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn money_that_does_not_follow_from_its_event_is_found() {
    let expected = "entries [Entry { from: Payer, to: Held, amount: Amount(500) }] for hold.authorized in record 6";
    let found = "[Entry { from: Payer, to: Merchant, amount: Amount(500) }]";
    check_journal(bill_02(), expected, found, |commit| {
        for Entry { to, .. } in &mut commit.change.entries {
            *to = Account::Merchant;
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_follow_is_found() {
    let expected = "what can follow on a bill of version 1, requested";
    check_journal(bill_02(), expected, "release.asked in record 6", |commit| {
        commit.change.event = next(&commit.change.bill, "release").change.event;
    })
    .await;
}

#[tokio::test]
async fn a_version_that_does_not_follow_is_found() {
    check_journal(bill_02(), "version 2 in record 6", "version 5", |commit| {
        commit.change.bill.version = 5
    })
    .await;
}

/// BILL01 was captured, BILL02 authorized (records 5 and 6), BILL03 closed; BILL04 was divided and paid (records
/// 9 and 10) and partly refunded, BILL05 waits to be divided.
async fn some_life(dir: &Dir) -> SqliteStore {
    let store = SqliteStore::folding(dir, ENVIRONMENT, usize::MAX, NEVER).unwrap();
    make(&store, "M1/BILL01", "authorize, capture C00001 300, approve").await;
    make(&store, "M1/BILL02", "authorize").await;
    make(&store, "M2/BILL03", "close").await;
    let fourth = divided("M1/BILL04");
    let bill = fourth.change.bill.clone();
    store.commit(fourth).await.unwrap();
    let bill = go_on(&store, bill, "authorize").await;
    let change = refund(&bill, [("SHOP1", 90)]);
    let bill = change.bill.clone();
    store.commit(Commit { change, at: NOW, asker: Asker::Channel }).await.unwrap();
    go_on(&store, bill, "approve").await;
    let fifth = payment("M1/BILL05", Division::Later);
    let bill = fifth.change.bill.clone();
    store.commit(fifth).await.unwrap();
    go_on(&store, bill, "authorize").await;
    store
}

/// A new bill over 500 fen: 50 stay with the platform, 150 are the first shop's, 300 the second's.
fn divided(name: &str) -> Commit {
    let shares = shares(50, [("SHOP1", 150), ("SHOP2", 300)]);
    payment(name, Division::Now(shares))
}

fn payment(name: &str, division: Division) -> Commit {
    let commit = made(name);
    let terms = Terms::clone(&commit.change.bill.terms);
    let terms = Terms { kind: Kind::Payment, division: Some(division), ..terms };
    Commit { change: Bill::request(key(name), terms), ..commit }
}

/// Asks for a refund of 10 fen of the platform's and of what the shops give.
fn refund<const SHOPS: usize>(bill: &Bill, shops: [(&str, u64); SHOPS]) -> Change {
    let from = shares(10, shops);
    let command = Command::Refund {
        order: OrderId::parse("R00004").unwrap(),
        part: Amount::from_fen(from.fen()).unwrap(),
        from: Some(from),
        fingerprint: Fingerprint([2; 16]),
    };
    decide(bill, &command, NOW, &Policy::default()).unwrap()
}

fn shares<const SHOPS: usize>(platform: u64, shops: [(&str, u64); SHOPS]) -> Arc<Shares> {
    let amount = |fen| Amount::from_fen(fen).unwrap();
    let share =
        |(mid, fen)| Share { mid: Mid::parse(mid).unwrap(), order: None, amount: amount(fen) };
    let shops = shops.into_iter().map(share).collect();
    Arc::new(Shares::of(Some(amount(platform)), shops).unwrap())
}

/// The bill with its money split in another way.
fn split(bill: &Bill, change: impl FnOnce(Split) -> Split) -> Bill {
    let Phase::Taken { payment, takings } = bill.phase.clone() else { panic!("{bill:?}") };
    let takings = Takings { split: change(takings.split.clone()), ..takings };
    Bill { phase: Phase::Taken { payment, takings }, ..bill.clone() }
}

/// Changes the view of a closed store, and expects a proof to find exactly that.
async fn check(bill: &str, expected: &str, found: &str, change: impl Fn(&Connection, &[Bill])) {
    let dir = Dir::new();
    let store = some_life(&dir).await;
    let bills = store.bills(None, usize::MAX).await.unwrap();
    store.close().await;
    change(&Connection::open(dir.join("bills.db")).unwrap(), &bills);
    check_proof(&dir, bill, expected, found).await;
}

fn bill_02() -> (Commit, u32) {
    (made("M1/BILL02"), 6)
}

/// Changes the record by which a bill was authorized, the one after that by which it was made.
async fn check_journal(
    (made, seq): (Commit, u32),
    expected: &str,
    found: &str,
    change: impl Fn(&mut Commit),
) {
    let dir = Dir::new();
    some_life(&dir).await.close().await;
    let mut commit = next(&made.change.bill, "authorize");
    change(&mut commit);
    let mut line = format::Line::bytes(&commit);
    format::Line::place(&mut line, u64::from(seq) - 1, u64::from(seq));
    let journal = Connection::open(dir.join("journal.db")).unwrap();
    journal.execute("UPDATE journal SET record = ?1 WHERE seq = ?2", params![line, seq]).unwrap();
    check_proof(&dir, made.change.bill.key.no.as_str(), expected, found).await;
}

async fn check_proof(dir: &Dir, bill: &str, expected: &str, found: &str) {
    let store = SqliteStore::folding(dir, ENVIRONMENT, usize::MAX, NEVER).unwrap();
    for most in [1, 100] {
        let proof = prove_within(&store, most, |_| ()).await.unwrap();
        let [difference] = &proof.differences[..] else { panic!("{proof:?}") };
        assert_eq!((difference.bill.no.as_str(), proof.differing), (bill, 1));
        assert!(difference.expected.contains(expected), "{difference}");
        assert!(difference.found.contains(found), "{difference}");
    }
}

fn capture_of(bill: &Bill) -> Leg {
    match &bill.phase {
        Phase::Taken { takings, .. } => Leg::clone(takings.capture.as_ref().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn put(view: &Connection, bill: &Bill) {
    let BillKey { mid, no, date } = &*bill.key;
    let (version, code) = (i64::try_from(bill.version).unwrap(), bill.terms.code.as_str());
    view.execute(
        "INSERT OR REPLACE INTO bills (mid, bill_no, bill_date, version, last, code, state)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)",
        params![mid.as_str(), no.as_str(), date.0, version, code, format::encode(bill)],
    )
    .unwrap();
}

fn put_leg(view: &Connection, bill: &Bill, leg: &Leg) {
    let BillKey { mid, no, date } = &*bill.key;
    view.execute(
        "INSERT OR REPLACE INTO orders (mid, order_id, bill_no, bill_date, leg) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![mid.as_str(), leg.order.as_str(), no.as_str(), date.0, format::encode(leg)],
    )
    .unwrap();
}
