//! The contract every store keeps: each scenario below runs on each store, and afterwards the ledger is
//! proved. A store that lasts is then opened again and proved once more.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillKey, BillNo, Channel, CodeId, Command, Day, Details, Fingerprint,
    Kind as BillKind, LateSuccess, Marks, Mid, Moment, OrderId, Policy, Share, Shares, Terms, Text,
    Tid, Verdict, decide,
};

use super::{Asker, Commit, CommitError, Kind, MemoryStore, SqliteStore, Store, prove};

/// Runs every scenario on every store. A scenario that is not listed does not compile: it is never used.
macro_rules! scenarios {
    ($($scenario:ident)+) => {
        mod memory {
            $( #[tokio::test] async fn $scenario() {
                let store = super::MemoryStore::new();
                super::$scenario(&store).await;
                super::proves(&store).await;
            } )+
        }

        mod sqlite {
            $( #[tokio::test] async fn $scenario() {
                super::lasts(super::SqliteStore::open, super::$scenario).await;
            } )+
        }

        /// Each commit is in the view before the next one begins, or is about to be.
        mod sqlite_that_folds_at_once {
            $( #[tokio::test] async fn $scenario() {
                let open = |dir: &_, name: &_| super::SqliteStore::folding(dir, name, 1, super::NEVER);
                super::lasts(open, super::$scenario).await;
            } )+
        }

        /// All commits stay in memory.
        mod sqlite_that_never_folds {
            $( #[tokio::test] async fn $scenario() {
                let open = |dir: &_, name: &_| super::SqliteStore::folding(dir, name, usize::MAX, super::NEVER);
                super::lasts(open, super::$scenario).await;
            } )+
        }
    };
}

scenarios! {
    a_bill_is_found_by_key_and_number_and_code
    an_order_is_found_by_its_number_as_it_is_now
    a_commit_from_an_older_version_is_a_conflict
    of_two_commits_from_one_version_exactly_one_is_made
    a_bill_is_made_once
    a_code_can_be_taken_over_once
    a_bill_has_its_whole_history
    a_terminal_has_a_last_bill
    a_business_day_has_its_records
    an_order_number_is_used_once_at_each_merchant
    a_code_is_used_once
    bills_come_in_key_order_and_in_pages
    orders_come_in_order_and_in_pages
    bills_of_a_number_come_by_date
    what_is_due_comes_the_most_overdue_first
    what_is_no_longer_due_is_gone
    open_orders_come_in_key_order_and_in_pages
    the_journal_has_every_commit_in_order
    the_registry_keeps_what_was_put_last
    the_registry_has_another_version_after_every_change
    of_two_changes_of_one_record_exactly_one_is_made
    many_callers_at_once_lose_nothing
}

async fn a_bill_is_found_by_key_and_number_and_code(store: &dyn Store) {
    let bill = make(store, "M1/BILL01", "authorize").await;
    assert_eq!(bill.version, 2);
    assert_eq!(store.bill(&bill.key).await.unwrap().as_ref(), Some(&bill));
    assert_eq!(store.coded(&bill.terms.code).await.unwrap().as_ref(), Some(&bill));
    assert_eq!(store.numbered(&bill.key.mid, &bill.key.no, 9).await.unwrap(), [bill]);
    let other = made("M1/BILL02").change.bill;
    assert_eq!(store.bill(&other.key).await.unwrap(), None);
    assert_eq!(store.coded(&other.terms.code).await.unwrap(), None);
    assert_eq!(store.numbered(&other.key.mid, &other.key.no, 9).await.unwrap(), []);
}

async fn an_order_is_found_by_its_number_as_it_is_now(store: &dyn Store) {
    let bill = make(store, "M1/BILL01", "authorize, capture C00001 300").await;
    check_leg(store, "M1", "C00001", "BILL01 Open").await;
    let bill = go_on(store, bill, "approve").await;
    check_leg(store, "M1", "C00001", "BILL01 Done").await;
    let bill = go_on(store, bill, "reverse C00001").await;
    check_leg(store, "M1", "C00001", "BILL01 Done").await;
    go_on(store, bill, "approve, capture C00002 1, refuse").await;
    check_leg(store, "M1", "C00001", "BILL01 Reversed").await;
    check_leg(store, "M1", "C00002", "BILL01 Refused").await;
    check_leg(store, "M1", "C00003", "-").await;
    check_leg(store, "M2", "C00001", "-").await;
}

async fn a_commit_from_an_older_version_is_a_conflict(store: &dyn Store) {
    let requested = make(store, "M1/BILL01", "").await;
    let authorized = go_on(store, requested.clone(), "authorize").await;
    check_commit(store, next(&requested, "close"), "conflict").await;
    check_commit(store, next(&next(&authorized, "release").change.bill, "approve"), "conflict")
        .await;
    assert_eq!(store.bill(&authorized.key).await.unwrap(), Some(authorized));
    assert_eq!(store.last().await.unwrap(), 2);
}

async fn of_two_commits_from_one_version_exactly_one_is_made(store: &dyn Store) {
    let bill = make(store, "M1/BILL01", "").await;
    let (closed, paid) = (next(&bill, "close"), next(&bill, "authorize"));
    let outcomes = tokio::join!(store.commit(closed.clone()), store.commit(paid.clone()));
    let made = match outcomes {
        (Ok(()), Err(CommitError::Conflict)) => closed,
        (Err(CommitError::Conflict), Ok(())) => paid,
        other => panic!("{other:?}"),
    };
    assert_eq!(store.bill(&bill.key).await.unwrap(), Some(made.change.bill));
    assert_eq!(store.last().await.unwrap(), 2);
}

async fn a_bill_is_made_once(store: &dyn Store) {
    let twin = || {
        let mut twin = made("M1/BILL01");
        let Commit { change, .. } = &mut twin;
        let terms =
            Terms { code: CodeId::parse("TWIN").unwrap(), ..Terms::clone(&change.bill.terms) };
        *change = Bill::request(BillKey::clone(&change.bill.key), terms);
        twin
    };
    let outcomes = tokio::join!(store.commit(made("M1/BILL01")), store.commit(twin()));
    assert!(matches!(outcomes, (Ok(()), Err(CommitError::Conflict))), "{outcomes:?}");
    check_commit(store, twin(), "conflict").await;
}

async fn an_order_number_is_used_once_at_each_merchant(store: &dyn Store) {
    let first = make(store, "M1/BILL01", "authorize").await;
    let second = make(store, "M1/BILL02", "authorize").await;
    let other = make(store, "M2/BILL01", "authorize").await;
    // In one batch, where the store has batches.
    let capture = |bill| store.commit(next(bill, "capture C00001 300"));
    let outcomes = tokio::join!(capture(&first), capture(&second), capture(&other));
    assert!(matches!(outcomes, (Ok(()), Err(CommitError::Taken), Ok(()))), "{outcomes:?}");
    check_commit(store, next(&second, "capture C00001 300"), "taken").await;
    // A number stays with what it was first used for, even when that was refused.
    let first = store.bill(&first.key).await.unwrap().unwrap();
    let first = go_on(store, first, "refuse").await;
    check_commit(store, next(&first, "capture C00001 300"), "taken").await;
    check_commit(store, next(&first, "capture C00002 300"), "made").await;
}

async fn a_code_is_used_once(store: &dyn Store) {
    let named = |bill: &str| {
        let mut commit = made(bill);
        let terms = Terms {
            code: CodeId::parse("SAME").unwrap(),
            ..Terms::clone(&commit.change.bill.terms)
        };
        commit.change = Bill::request(BillKey::clone(&commit.change.bill.key), terms);
        commit
    };
    let outcomes = tokio::join!(store.commit(named("M1/BILL01")), store.commit(named("M2/BILL02")));
    assert!(matches!(outcomes, (Ok(()), Err(CommitError::Taken))), "{outcomes:?}");
    check_commit(store, named("M1/BILL03"), "taken").await;
    check_commit(store, made("M1/BILL03"), "made").await;
}

/// A code that was updated leads to the last bill that took it over; who names another owner is too late.
async fn a_code_can_be_taken_over_once(store: &dyn Store) {
    let first = make(store, "M1/BILL01", "").await;
    let code = first.terms.code.clone();
    let over = |bill: &str, from: &str| {
        let mut commit = made(bill);
        let succeeds = Some(Arc::new(key(from)));
        let terms =
            Terms { code: code.clone(), succeeds, ..Terms::clone(&commit.change.bill.terms) };
        commit.change = Bill::request(BillKey::clone(&commit.change.bill.key), terms);
        commit
    };
    let outcomes = tokio::join!(
        store.commit(over("M1/BILL00", "M1/BILL01")),
        store.commit(over("M1/BILL02", "M1/BILL01"))
    );
    assert!(matches!(outcomes, (Ok(()), Err(CommitError::Taken))), "{outcomes:?}");
    let coded = async || store.coded(&code).await.unwrap().map(|bill| bill.key.no.to_string());
    assert_eq!(coded().await.as_deref(), Some("BILL00"));
    // The one that gave it up lives on, without it.
    let first = go_on(store, first, "authorize").await;
    go_on(store, first, "release").await;
    check_commit(store, over("M1/BILL03", "M1/BILL01"), "taken").await;
    check_commit(store, over("M1/BILL03", "M1/BILL00"), "made").await;
    assert_eq!(coded().await.as_deref(), Some("BILL03"));
    check_commit(store, over("M1/BILL04", "M1/BILL09"), "taken").await;
}

async fn a_bill_has_its_whole_history(store: &dyn Store) {
    let first = make(store, "M1/BILL01", "authorize").await;
    let other = make(store, "M1/BILL02", "authorize, capture C00002 1").await;
    let first = go_on(store, first, "capture C00001 300").await;
    go_on(store, other, "approve").await;
    let first = go_on(store, first, "approve").await;
    let history = store.history(&first.key).await.unwrap();
    let told: Vec<(u64, &str)> =
        history.iter().map(|record| (record.version, record.event.name(BillKind::Hold))).collect();
    let expected =
        [(1, "bill.requested"), (2, "hold.authorized"), (3, "capture.asked"), (4, "hold.captured")];
    assert_eq!(told, expected);
    let all = store.journal(0, usize::MAX).await.unwrap();
    let own: Vec<_> = all.into_iter().filter(|record| record.key == first.key).collect();
    assert_eq!(history, own);
    assert_eq!(store.history(&key("M1/BILL09")).await.unwrap(), []);
}

async fn a_terminal_has_a_last_bill(store: &dyn Store) {
    let (mid, tid) = (Mid::parse("M1").unwrap(), Tid::parse("T0000001").unwrap());
    let latest = async || store.latest(&mid, &tid).await.unwrap().map(|bill| bill.key.to_string());
    assert_eq!(latest().await, None);
    let bill = make(store, "M1/BILL02", "").await;
    make(store, "M1/BILL01", "").await;
    make(store, "M2/BILL03", "").await;
    go_on(store, bill, "close").await;
    assert_eq!(latest().await.as_deref(), Some("M1/1970-01-01/BILL01"));
    let other = Tid::parse("T0000002").unwrap();
    assert_eq!(store.latest(&mid, &other).await.unwrap(), None);
}

/// Only records of money count, and a day spans from the first of them to the last.
async fn a_business_day_has_its_records(store: &dyn Store) {
    let today = NOW.business_day(Policy::default().business_day_ends);
    let bill = make(store, "M1/BILL01", "").await;
    assert_eq!(store.day(today).await.unwrap(), None);
    let bill = go_on(store, bill, "authorize").await;
    assert_eq!(store.day(today).await.unwrap(), Some((2, 2)));
    make(store, "M1/BILL02", "authorize").await;
    let bill = go_on(store, bill, "capture C00001 300").await;
    assert_eq!(store.day(today).await.unwrap(), Some((2, 4)));
    go_on(store, bill, "approve").await;
    assert_eq!(store.day(today).await.unwrap(), Some((2, 6)));
    assert_eq!(store.day(Day(today.0 + 1)).await.unwrap(), None);
}

async fn bills_come_in_key_order_and_in_pages(store: &dyn Store) {
    let names = ["M2/BILL01", "M1/BILL03", "M1/BILL01", "M10/BILL01", "M1/BILL02", "M1/BILL01@1"];
    for name in names {
        make(store, name, "").await;
    }
    go_on(store, store.bill(&key("M1/BILL02")).await.unwrap().unwrap(), "authorize").await;
    for limit in [1, 2, 6, 9] {
        let (mut found, mut after) = (vec![], None);
        loop {
            let page = store.bills(after.as_deref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            found.extend(page.iter().map(|bill| format!("{} {}", bill.key, bill.version)));
        }
        let expected = [
            "M1/1970-01-01/BILL01 1",
            "M1/1970-01-02/BILL01 1",
            "M1/1970-01-01/BILL02 2",
            "M1/1970-01-01/BILL03 1",
            "M10/1970-01-01/BILL01 1",
            "M2/1970-01-01/BILL01 1",
        ];
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

async fn orders_come_in_order_and_in_pages(store: &dyn Store) {
    make(store, "M2/BILL01", "authorize, capture A00001 5, approve").await;
    make(store, "M1/BILL02", "authorize, capture C00002 5, approve, refund R00001 2").await;
    make(store, "M1/BILL01", "authorize, capture C00001 5, refuse, capture C00003 5").await;
    for limit in [1, 2, 9] {
        let (mut found, mut after) = (vec![], None);
        loop {
            let page = store.legs(after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some((key, leg)) = page.last() else { break };
            after = Some((key.mid.clone(), leg.order.clone()));
            found.extend(
                page.iter().map(|(key, leg)| format!("{}/{} {}", key.mid, leg.order, key.no)),
            );
        }
        let expected = [
            "M1/C00001 BILL01",
            "M1/C00002 BILL02",
            "M1/C00003 BILL01",
            "M1/R00001 BILL02",
            "M2/A00001 BILL01",
        ];
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

async fn bills_of_a_number_come_by_date(store: &dyn Store) {
    for name in ["M1/BILL01@3", "M1/BILL01@1", "M2/BILL01@1", "M1/BILL02@2", "M1/BILL01@2"] {
        make(store, name, "").await;
    }
    let BillKey { mid, no, .. } = key("M1/BILL01");
    for (limit, expected) in [(0, &[][..]), (2, &[1, 2]), (9, &[1, 2, 3])] {
        let found = store.numbered(&mid, &no, limit).await.unwrap();
        let dates: Vec<i32> = found.iter().map(|bill| bill.key.date.0).collect();
        assert_eq!(dates, expected, "of at most {limit}");
    }
}

async fn what_is_due_comes_the_most_overdue_first(store: &dyn Store) {
    // A bill expires so many ms after it was made as its number says.
    for name in ["M1/BILL30", "M1/BILL10", "M2/BILL20", "M1/BILL20", "M1/BILL40"] {
        make(store, name, "").await;
    }
    let due = |after_ms, limit| store.due(NOW.plus_ms(after_ms), limit);
    check_keys(due(30, 9).await, "M1/BILL10 M1/BILL20 M2/BILL20 M1/BILL30");
    check_keys(due(30, 3).await, "M1/BILL10 M1/BILL20 M2/BILL20");
    check_keys(due(10, 9).await, "M1/BILL10");
    check_keys(due(9, 9).await, "");
}

async fn what_is_no_longer_due_is_gone(store: &dyn Store) {
    make(store, "M1/BILL10", "close").await;
    make(store, "M1/BILL20", "authorize").await;
    make(store, "M1/BILL30", "authorize, capture C00001 5").await;
    make(store, "M1/BILL40", "lapse").await;
    check_keys(store.due(NOW.plus_days(22), 9).await, "");
    // The first reminder of the hold's own deadline, a week before the thirty days are over.
    check_keys(store.due(NOW.plus_days(23), 9).await, "M1/BILL20");
    check_keys(store.due(NOW.plus_days(31), 9).await, "M1/BILL20");
    let bill = store.bill(&key("M1/BILL30")).await.unwrap().unwrap();
    go_on(store, bill, "refuse").await;
    check_keys(store.due(NOW.plus_days(31), 9).await, "M1/BILL20 M1/BILL30");
    check_keys(store.due(NOW.plus_days(31), 1).await, "M1/BILL20");
}

async fn open_orders_come_in_key_order_and_in_pages(store: &dyn Store) {
    make(store, "M2/BILL01", "authorize, release").await;
    make(store, "M1/BILL03", "authorize, capture C00001 5").await;
    make(store, "M1/BILL02", "authorize, capture C00002 5, approve").await;
    make(store, "M1/BILL01", "authorize, capture C00003 5, approve, reverse C00003").await;
    check_keys(store.open(None, 9).await, "M1/BILL01 M1/BILL03 M2/BILL01");
    check_keys(store.open(None, 2).await, "M1/BILL01 M1/BILL03");
    check_keys(store.open(Some(&key("M1/BILL01")), 1).await, "M1/BILL03");
    check_keys(store.open(Some(&key("M1/BILL03")), 9).await, "M2/BILL01");
    let bill = store.bill(&key("M1/BILL03")).await.unwrap().unwrap();
    go_on(store, bill, "approve").await;
    check_keys(store.open(None, 9).await, "M1/BILL01 M2/BILL01");
}

async fn the_journal_has_every_commit_in_order(store: &dyn Store) {
    assert_eq!(store.last().await.unwrap(), 0);
    assert_eq!(store.journal(0, 9).await.unwrap(), []);
    let mut commits = vec![made("M1/BILL01"), made("M1/BILL02")];
    for step in ["authorize", "capture C00001 300", "approve"] {
        let bill = &commits.last().unwrap().change.bill;
        commits.push(next(bill, step));
    }
    commits[1].asker = Asker::Clock;
    commits[2].asker =
        Asker::App { app: "app-1".into(), nonce: Some((u64::MAX, NOW)), request: None };
    for commit in &commits {
        store.commit(commit.clone()).await.unwrap();
    }
    let found = store.journal(0, 9).await.unwrap();
    assert_eq!(found.len(), 5);
    for ((seq, record), Commit { change, at, asker }) in (1..).zip(&found).zip(commits) {
        assert_eq!((record.seq, record.at, &record.asker), (seq, at, &asker));
        assert_eq!((&record.key, record.version), (&change.bill.key, change.bill.version));
        assert_eq!((&record.event, &record.entries), (&change.event, &change.entries));
    }
    assert_eq!(store.journal(1, 2).await.unwrap(), found[1..3]);
    assert_eq!(store.journal(5, 2).await.unwrap(), []);
    assert_eq!(store.journal(7, 2).await.unwrap(), []);
    assert_eq!(store.last().await.unwrap(), 5);
}

async fn the_registry_keeps_what_was_put_last(store: &dyn Store) {
    let put = |kind, id, record: Option<&str>| store.register(kind, id, record.map(str::to_owned));
    put(Kind::App, "b", Some("1")).await.unwrap();
    put(Kind::App, "a", Some("2")).await.unwrap();
    put(Kind::Merchant, "b", Some("3")).await.unwrap();
    put(Kind::App, "b", Some("4")).await.unwrap();
    put(Kind::Merchant, "nobody", None).await.unwrap();
    let all = |kind| async move {
        let all = store.registry(kind).await.unwrap();
        all.iter().map(|(id, record)| format!("{id}={record} ")).collect::<String>()
    };
    assert_eq!(all(Kind::App).await, "a=2 b=4 ");
    assert_eq!(all(Kind::Merchant).await, "b=3 ");
    put(Kind::App, "b", None).await.unwrap();
    assert_eq!(all(Kind::App).await, "a=2 ");
    assert_eq!(all(Kind::Scenario).await, "");
}

async fn the_registry_has_another_version_after_every_change(store: &dyn Store) {
    let mut seen = vec![store.registry_version().await.unwrap()];
    for record in [Some("1"), Some("2"), None] {
        store.register(Kind::App, "a", record.map(str::to_owned)).await.unwrap();
        let version = store.registry_version().await.unwrap();
        assert!(!seen.contains(&version), "{version} again after {seen:?}");
        assert_eq!(store.registry_version().await.unwrap(), version);
        seen.push(version);
    }
}

async fn of_two_changes_of_one_record_exactly_one_is_made(store: &dyn Store) {
    let replace = |seen, record: &str| store.replace(Kind::App, "a", seen, record.to_owned());
    let now = async || store.registered(Kind::App, "a").await.unwrap();
    for (seen, record, written, left) in [
        (Some("0"), "1", false, None),
        (None, "1", true, Some("1")),
        (None, "2", false, Some("1")),
        (Some("0"), "2", false, Some("1")),
        (Some("1"), "2", true, Some("2")),
        (Some("1"), "3", false, Some("2")),
    ] {
        let version = store.registry_version().await.unwrap();
        assert_eq!(replace(seen, record).await.unwrap(), written, "{seen:?} → {record}");
        assert_eq!(now().await.as_deref(), left, "{seen:?} → {record}");
        assert_eq!(store.registry_version().await.unwrap() != version, written, "{seen:?}");
    }
    assert_eq!(store.registered(Kind::Merchant, "a").await.unwrap(), None);
}

async fn many_callers_at_once_lose_nothing(store: &dyn Store) {
    let caller = |caller: u32| async move {
        for bill in 0..20 {
            let name = format!("M{}/BILL{caller:03}{bill:03}", caller % 3);
            let steps = format!("authorize, capture C{caller:03}{bill:03} 300, approve");
            make(store, &name, &steps).await;
        }
    };
    tokio::join!(
        caller(0),
        caller(1),
        caller(2),
        caller(3),
        caller(4),
        caller(5),
        caller(6),
        caller(7)
    );
    assert_eq!(store.last().await.unwrap(), 8 * 20 * 4);
}

#[tokio::test]
async fn what_is_in_flight_is_seen_by_nobody_and_lost_by_a_crash() {
    let store = MemoryStore::by_hand();
    let bill = made("M1/BILL01").change.bill;
    let ends: [(fn(&MemoryStore), &str); 3] = [
        (MemoryStore::crash, "fault"),
        (MemoryStore::sync, "made"),
        (MemoryStore::break_disk, "conflict"),
    ];
    for (end, outcome) in ends {
        let seen = async {
            let seen = store.bill(&bill.key).await.unwrap().is_some();
            end(&store);
            seen
        };
        let ((), seen) = tokio::join!(check_commit(&store, made("M1/BILL01"), outcome), seen);
        assert_eq!(seen, outcome == "conflict");
    }
    check_commit(&store, next(&bill, "close"), "fault").await;
    store.register(Kind::App, "app-1", None).await.unwrap_err();
}

/// The moment at which tests begin.
pub(crate) const NOW: Moment = Moment(1_770_000_000_000);

/// A pace at which no test is folded.
pub(super) const NEVER: Duration = Duration::from_secs(100_000);

/// The environment of the tests.
pub(super) const ENVIRONMENT: &str = "test";

/// A directory that is removed after the test.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("holdfast-store-{}-{count}", process::id()));
        // A process of that number may have been killed before it could remove its own.
        let _ = fs::remove_dir_all(&dir);
        Self(dir)
    }
}

impl std::ops::Deref for Dir {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a scenario on a store that lasts: what it left is there again after the store was closed.
async fn lasts(
    open: impl Fn(&Path, &str) -> Result<SqliteStore, super::OpenError>,
    scenario: impl AsyncFn(&dyn Store),
) {
    let dir = Dir::new();
    let store = open(&dir, ENVIRONMENT).unwrap();
    scenario(&store).await;
    proves(&store).await;
    let before = everything(&store).await;
    store.close().await;
    drop(store);
    let store = open(&dir, ENVIRONMENT).unwrap();
    proves(&store).await;
    assert_eq!(everything(&store).await, before);
}

/// Proves the ledger.
pub(super) async fn proves(store: &dyn Store) {
    let proof = prove(store, |_| ()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

/// All bills, orders and records, for comparing.
pub(super) async fn everything(store: &dyn Store) -> String {
    let bills = store.bills(None, usize::MAX).await.unwrap();
    let legs = store.legs(None, usize::MAX).await.unwrap();
    let journal = store.journal(0, usize::MAX).await.unwrap();
    format!("{bills:#?}\n{legs:#?}\n{journal:#?}")
}

/// Makes a bill and goes on with it.
pub(crate) async fn make(store: &dyn Store, name: &str, steps: &str) -> Bill {
    let commit = made(name);
    let bill = commit.change.bill.clone();
    store.commit(commit).await.unwrap();
    go_on(store, bill, steps).await
}

/// Commits one step after the other.
pub(crate) async fn go_on(store: &dyn Store, mut bill: Bill, steps: &str) -> Bill {
    for step in steps.split(", ").filter(|step| !step.is_empty()) {
        let commit = next(&bill, step);
        bill = commit.change.bill.clone();
        store.commit(commit).await.unwrap();
    }
    bill
}

/// The key of `merchant/number` or `merchant/number@day`.
pub(crate) fn key(name: &str) -> BillKey {
    let (name, day) = name.split_once('@').unwrap_or((name, "0"));
    let (mid, no) = name.split_once('/').unwrap();
    BillKey {
        mid: Mid::parse(mid).unwrap(),
        no: BillNo::parse(no).unwrap(),
        date: Day(day.parse().unwrap()),
    }
}

/// A new bill over 500 fen that expires so many ms after [`NOW`] as the digits of its number say.
pub(crate) fn made(name: &str) -> Commit {
    let key = key(name);
    let digits: String = key.no.as_str().chars().filter(char::is_ascii_digit).collect();
    let code = format!("{}-{}-{}", key.mid, key.no, key.date.0);
    let terms = Terms::plain(
        BillKind::Hold,
        Amount::from_fen(500).unwrap(),
        CodeId::parse(&code).unwrap(),
        Tid::parse("T0000001").unwrap(),
        NOW,
        NOW.plus_ms(digits.parse().unwrap()),
        Fingerprint([7; 16]),
    );
    let details = Details { description: Text::parse("一杯咖啡").ok(), ..Details::default() };
    let terms = Terms { details, ..terms };
    Commit {
        change: Bill::request(key, terms),
        at: NOW,
        asker: Asker::App { app: "app-1".into(), nonce: None, request: None },
    }
}

/// What a step makes of a bill.
pub(super) fn next(bill: &Bill, step: &str) -> Commit {
    let deadline =
        || bill.payment().and_then(|payment| payment.grant.as_ref()).map(|grant| grant.deadline);
    let at = match step {
        "lapse" => bill.terms.expires_at,
        "expire" => deadline().expect("a hold has a deadline"),
        "remind" => deadline().expect("a hold has a deadline").minus_days(1),
        _ => NOW,
    };
    let words: Vec<&str> = step.split(' ').collect();
    let auth = || AuthCode::parse("AUTH-1").unwrap();
    let order = || OrderId::parse(words[1]).unwrap();
    let part = || Amount::from_fen(words[2].parse().unwrap()).unwrap();
    let marks = Marks { reference: Text::parse("REF-1").ok(), target: None };
    let report = |verdict| {
        let (open, _) = bill.open_order().expect("an order is open");
        Command::Report { number: open.number, verdict }
    };
    let command = match words[0] {
        "authorize" | "authorize-late" => Command::Authorize {
            marks,
            channel: Channel::WeChat,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: auth(),
        },
        "decline" => Command::Decline { reason: Text::parse("no").unwrap() },
        "close" => Command::Close,
        "expire" => Command::Expire,
        "lapse" => Command::Lapse,
        "remind" => Command::Remind,
        "cancel" => Command::Cancel,
        "complete" => Command::Complete {
            part: Amount::from_fen(words[1].parse().unwrap()).unwrap(),
            fingerprint: Fingerprint([3; 16]),
        },
        "divide" => {
            let share = Share { mid: bill.key.mid.clone(), order: None, amount: bill.terms.amount };
            Command::Divide { shares: Arc::new(Shares::of(None, vec![share]).unwrap()) }
        }
        "capture" => Command::Capture {
            order: order(),
            part: part(),
            auth: auth(),
            fingerprint: Fingerprint([1; 16]),
        },
        "reverse" => Command::Reverse { capture: order(), auth: auth() },
        "refund" => Command::Refund {
            order: order(),
            part: part(),
            from: None,
            fingerprint: Fingerprint([2; 16]),
        },
        "release" => Command::Release { hold: bill.key.payment_leg(), auth: auth() },
        "approve" => report(Verdict::Approved { marks, restored: true }),
        "end" => report(Verdict::Approved { marks, restored: false }),
        "refuse" => report(Verdict::Refused { reason: Text::parse("no").unwrap() }),
        other => panic!("no such step: {other}"),
    };
    let late_success =
        if step == "authorize-late" { LateSuccess::Accept } else { LateSuccess::Release };
    let policy = Policy { late_success, ..Policy::default() };
    let change = decide(bill, &command, at, &policy).expect("the step is allowed");
    Commit { change, at, asker: Asker::Channel }
}

/// Commits, and names what came of it.
pub(super) async fn check_commit(store: &dyn Store, commit: Commit, expected: &str) {
    let outcome = match store.commit(commit).await {
        Ok(()) => "made",
        Err(CommitError::Conflict) => "conflict",
        Err(CommitError::Taken) => "taken",
        Err(CommitError::Fault(_)) => "fault",
    };
    assert_eq!(outcome, expected);
}

async fn check_leg(store: &dyn Store, mid: &str, order: &str, expected: &str) {
    let (mid, order) = (Mid::parse(mid).unwrap(), OrderId::parse(order).unwrap());
    let found = store.leg(&mid, &order).await.unwrap();
    let found = found.map(|(key, leg)| {
        let outcome = format!("{:?}", leg.outcome);
        let name: String = outcome.chars().take_while(|c| c.is_alphabetic()).collect();
        format!("{} {name}", key.no)
    });
    assert_eq!(found.as_deref().unwrap_or("-"), expected);
}

fn check_keys(found: Result<Vec<BillKey>, super::StoreFault>, expected: &str) {
    let found = found.unwrap();
    let found: Vec<String> = found.iter().map(|key| format!("{}/{}", key.mid, key.no)).collect();
    assert_eq!(found.join(" "), expected);
}
