//! What only a store on a disk can get wrong: crashes, full disks, damage, strangers in the directory.

use std::{fs, path::Path};

use holdfast_domain::Bill;
use rusqlite::Connection;

use super::{
    super::{
        CommitError, Store,
        contract::{
            Dir, ENVIRONMENT, NEVER, check_commit, everything, go_on, key, made, make, next, proves,
        },
        prove,
    },
    Registry, Rhythm, Room, SqliteStore, files, view,
};

const FOLDS_AT_ONCE: usize = 1;
const NEVER_FOLDS: usize = usize::MAX;

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    for commits in [FOLDS_AT_ONCE, 3, NEVER_FOLDS] {
        let dir = Dir::new();
        let store = open(&dir, commits);
        some_life(&store).await;
        let before = everything(&store).await;
        drop(store);
        let store = open(&dir, NEVER_FOLDS);
        assert_eq!(everything(&store).await, before, "folding after {commits}");
        proves(&store).await;
        // And it goes on from there.
        let bill = store.bill(&key("M1/BILL01")).await.unwrap().unwrap();
        go_on(&store, bill, "approve").await;
        proves(&store).await;
    }
}

#[tokio::test]
async fn a_crash_between_a_fold_and_forgetting_what_was_folded_is_harmless() {
    let dir = Dir::new();
    let store = open(&dir, NEVER_FOLDS);
    some_life(&store).await;
    let before = everything(&store).await;
    for _ in 0..2 {
        view::fold(&sqlite(&dir, "bills.db"), &store.base.overlay().active).unwrap();
        assert_eq!(everything(&store).await, before);
    }
    drop(store);
    let store = open(&dir, NEVER_FOLDS);
    assert_eq!(everything(&store).await, before);
    proves(&store).await;
}

/// How much is not folded was counted beside the overlay once. A fold between a batch's becoming visible and its
/// being counted left the batch in the count, and a writer that may not be that far ahead waited for a folder
/// with nothing to do.
#[tokio::test]
async fn a_fold_that_overtakes_the_writer_does_not_stop_it() {
    let dir = Dir::new();
    // A folder that never rests, and a writer that waits for it from the second commit on.
    let store = SqliteStore::folding(&dir, ENVIRONMENT, FOLDS_AT_ONCE, std::time::Duration::ZERO);
    let store = store.unwrap();
    for round in 0..200 {
        let name = |number: u32| format!("M1/BILL{round:03}{number}");
        let [a, b, c, d] = [0, 1, 2, 3].map(name);
        tokio::join!(
            make(&store, &a, ""),
            make(&store, &b, ""),
            make(&store, &c, ""),
            make(&store, &d, "")
        );
    }
    assert_eq!(store.last().await.unwrap(), 800);
    store.close().await;
    assert_eq!(store.base.unfolded(), 0);
}

#[tokio::test]
async fn the_view_is_made_again_when_somebody_removed_it() {
    let dir = Dir::new();
    let store = open(&dir, FOLDS_AT_ONCE);
    some_life(&store).await;
    let before = everything(&store).await;
    store.close().await;
    fs::remove_file(dir.join("bills.db")).unwrap();
    let store = open(&dir, FOLDS_AT_ONCE);
    assert_eq!(everything(&store).await, before);
    proves(&store).await;
}

#[tokio::test]
async fn a_full_disk_under_the_journal_stops_writing_and_loses_nothing_that_was_answered() {
    check_full_disk(
        NEVER_FOLDS,
        Room { journal: Some(12), view: None },
        "append to journal.db at record",
    )
    .await;
}

#[tokio::test]
async fn a_full_disk_under_the_view_stops_writing_and_loses_nothing_that_was_answered() {
    check_full_disk(
        FOLDS_AT_ONCE,
        Room { journal: None, view: Some(12) },
        "fold the journal into bills.db",
    )
    .await;
}

async fn check_full_disk(commits: usize, room: Room, fault: &str) {
    let dir = Dir::new();
    let store =
        SqliteStore::open_with(&dir, ENVIRONMENT, Rhythm::of(commits, NEVER), room).unwrap();
    let mut answered = vec![];
    let failed = loop {
        let commit = made(&format!("M1/BILL{:05}", answered.len()));
        let bill = commit.change.bill.clone();
        match store.commit(commit).await {
            Ok(()) => answered.push(bill),
            Err(CommitError::Fault(fault)) => break fault,
            Err(other) => panic!("{other}"),
        }
        assert!(answered.len() < 100_000, "the disk never fills");
    };
    assert!(failed.to_string().contains(fault), "{failed}");
    assert!(failed.to_string().ends_with("database or disk is full"), "{failed}");
    assert_eq!(store.fault().unwrap().to_string(), failed.to_string());
    check_commit(&store, next(&answered[0], "close"), "fault").await;
    // Reading goes on, and shows what was answered and nothing else.
    assert_eq!(store.bills(None, usize::MAX).await.unwrap(), answered);
    store.close().await;
    let store = open(&dir, NEVER_FOLDS);
    let found = store.bills(None, usize::MAX).await.unwrap();
    assert_eq!(found.get(..answered.len()), Some(&answered[..]));
    proves(&store).await;
    check_commit(&store, next(&answered[0], "close"), "made").await;
}

#[tokio::test]
async fn a_panicking_thread_stops_writing() {
    let dir = Dir::new();
    let store = open(&dir, NEVER_FOLDS);
    let bill = make(&store, "M1/BILL01", "").await;
    store.base.start(&dir, "store tester", || panic!("on purpose")).unwrap().join().unwrap_err();
    assert_eq!(store.fault().unwrap().to_string(), "store: the store tester panicked");
    check_commit(&store, next(&bill, "close"), "fault").await;
}

#[tokio::test]
async fn a_closed_store_takes_no_commits_and_lets_the_directory_go() {
    let dir = Dir::new();
    let store = open(&dir, NEVER_FOLDS);
    let bill = make(&store, "M1/BILL01", "").await;
    store.close().await;
    store.close().await;
    let refused = store.commit(next(&bill, "close")).await.unwrap_err();
    assert_eq!(refused.to_string(), "store: the store is closed");
    assert!(
        !dir.join("journal.db-wal").exists()
            || fs::metadata(dir.join("journal.db-wal")).unwrap().len() == 0
    );
    check_commit(&open(&dir, NEVER_FOLDS), next(&bill, "close"), "made").await;
}

#[tokio::test]
async fn a_second_gateway_is_refused() {
    let dir = Dir::new();
    let first = open(&dir, NEVER_FOLDS);
    check_refused(
        &dir,
        ENVIRONMENT,
        "DIR is in use by another gateway: stop that one, or choose another data directory",
    );
    drop(first);
    open(&dir, NEVER_FOLDS);
}

#[tokio::test]
async fn another_environment_is_refused() {
    let dir = Dir::new();
    drop(open(&dir, NEVER_FOLDS));
    check_refused(
        &dir,
        "live",
        "DIR belongs to the environment `test`, not to `live`: start with `test`, or choose another data directory",
    );
    let refused = Registry::open(&dir, "live").err().unwrap();
    assert!(refused.to_string().contains("belongs to the environment `test`"), "{refused}");
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused_and_nothing_is_changed() {
    for (file, known) in [("journal.db", 1), ("bills.db", 2), ("registry.db", 1)] {
        let dir = Dir::new();
        drop(open(&dir, NEVER_FOLDS));
        sqlite(&dir, file).execute_batch("PRAGMA user_version = 99").unwrap();
        check_refused(
            &dir,
            ENVIRONMENT,
            &format!(
                "DIR/{file} has version 99 and this program knows versions up to {known}: start the newer program that \
                 wrote it; nothing was changed"
            ),
        );
        let version: u32 =
            sqlite(&dir, file).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 99);
    }
}

#[tokio::test]
async fn a_damaged_journal_is_refused_with_the_number_of_the_row() {
    let cases = [
        (
            "UPDATE journal SET record = zeroblob(40) WHERE seq = 4",
            "DIR/journal.db row 4: damaged at byte 0",
        ),
        (
            "UPDATE journal SET record = CAST(substr(record, 1, 20) || x'00' || substr(record, 22) AS BLOB) WHERE seq = 5",
            "DIR/journal.db row 5: damaged at byte",
        ),
        (
            "DELETE FROM journal WHERE seq = 3",
            "DIR/journal.db row 3: is missing; the next one is 4",
        ),
        (
            "UPDATE journal SET record = (SELECT record FROM journal WHERE seq = 2) WHERE seq = 6",
            "DIR/journal.db row 6: damaged at byte",
        ),
        ("INSERT INTO journal VALUES (99, x'')", "is missing; the next one is 99"),
    ];
    for (damage, expected) in cases {
        let dir = Dir::new();
        let store = open(&dir, NEVER_FOLDS);
        some_life(&store).await;
        drop(store);
        sqlite(&dir, "journal.db").execute_batch(damage).unwrap();
        check_refused(&dir, ENVIRONMENT, expected);
    }
}

#[tokio::test]
async fn a_record_that_cannot_follow_is_refused_with_the_number_of_the_row() {
    let dir = Dir::new();
    let store = open(&dir, NEVER_FOLDS);
    let bill = make(&store, "M1/BILL01", "").await;
    drop(store);
    // Well-formed and sealed, but the bill was never authorized.
    let (closed, paid) = (next(&bill, "close"), next(&bill, "authorize"));
    let journal = sqlite(&dir, "journal.db");
    super::journal::append(&journal, 2, 1, &mut super::super::format::Line::bytes(&closed))
        .unwrap();
    let released = next(&paid.change.bill, "release");
    super::journal::append(&journal, 3, 2, &mut super::super::format::Line::bytes(&released))
        .unwrap();
    drop(journal);
    check_refused(
        &dir,
        ENVIRONMENT,
        "DIR/journal.db row 3: release.asked of version 3 cannot follow on version 2 of M1/1970-01-01/BILL01",
    );
}

#[tokio::test]
async fn a_journal_that_lost_its_end_is_refused() {
    let dir = Dir::new();
    let store = open(&dir, NEVER_FOLDS);
    make(&store, "M1/BILL01", "authorize").await;
    store.close().await;
    sqlite(&dir, "journal.db").execute_batch("DELETE FROM journal WHERE seq = 2").unwrap();
    check_refused(&dir, ENVIRONMENT, "DIR/journal.db ends at record 1, but record 2 has been seen");
}

#[tokio::test]
async fn damage_to_what_is_folded_is_named_by_the_proof() {
    let cases = [
        (
            "journal.db",
            "UPDATE journal SET record = zeroblob(40) WHERE seq = 2",
            "store: journal.db row 2: damaged",
        ),
        (
            "bills.db",
            "UPDATE bills SET state = zeroblob(40) WHERE bill_no = 'BILL02'",
            "store: read bills.db: bill M1/1970-01-01/BILL02: damaged",
        ),
        (
            "bills.db",
            "UPDATE bills SET state = (SELECT state FROM bills WHERE bill_no = 'BILL01') WHERE bill_no = 'BILL02'",
            "store: read bills.db: bill M1/1970-01-01/BILL02: the row has the bill M1/1970-01-01/BILL01",
        ),
        (
            "bills.db",
            "UPDATE orders SET leg = x'01' WHERE order_id = 'C00001'",
            "store: read bills.db: order M1/C00001: damaged",
        ),
    ];
    for (file, damage, expected) in cases {
        let dir = Dir::new();
        let store = open(&dir, NEVER_FOLDS);
        some_life(&store).await;
        store.close().await;
        sqlite(&dir, file).execute_batch(damage).unwrap();
        let store = open(&dir, NEVER_FOLDS);
        let found = prove(&store, |_| ()).await.unwrap_err().to_string();
        assert!(found.starts_with(expected), "{found}");
    }
}

#[tokio::test]
async fn a_reader_beside_a_gateway_sees_what_is_durable() {
    for commits in [FOLDS_AT_ONCE, NEVER_FOLDS] {
        let dir = Dir::new();
        let store = open(&dir, commits);
        some_life(&store).await;
        let reader = SqliteStore::open_read_only(&dir).unwrap();
        assert_eq!(everything(&reader).await, everything(&store).await);
        make(&store, "M3/BILL01", "authorize, capture C00001 5").await;
        assert_eq!(reader.last().await.unwrap(), store.last().await.unwrap());
        assert_eq!(everything(&reader).await, everything(&store).await);
        proves(&reader).await;
        check_commit(&reader, made("M4/BILL01"), "fault").await;
        store.close().await;
        proves(&reader).await;
    }
}

#[tokio::test]
async fn a_directory_without_a_store_is_not_read() {
    let dir = Dir::new();
    assert!(!SqliteStore::exists(&dir));
    let refused = SqliteStore::open_read_only(&dir).err().unwrap();
    assert!(refused.to_string().starts_with("there is no store in "), "{refused}");
    assert!(!dir.exists());
    drop(open(&dir, NEVER_FOLDS));
    assert!(SqliteStore::exists(&dir));
}

#[tokio::test]
async fn a_command_beside_the_gateway_changes_the_registry_it_sees() {
    let dir = Dir::new();
    let command = Registry::open(&dir, ENVIRONMENT).unwrap();
    let store = open(&dir, NEVER_FOLDS);
    let before = store.registry_version().await.unwrap();
    command.register(super::Kind::App, "app-1", Some("{}")).unwrap();
    assert_ne!(store.registry_version().await.unwrap(), before);
    let apps = store.registry(super::Kind::App).await.unwrap();
    assert_eq!(apps, [("app-1".to_owned(), "{}".to_owned())]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let dir = Dir::new();
    let store = open(&dir, FOLDS_AT_ONCE);
    some_life(&store).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files: Vec<_> = fs::read_dir(&*dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn no_question_to_the_view_reads_a_whole_table() {
    let dir = Dir::new();
    files::make_directory(&dir).unwrap();
    let view = files::BILLS.open_writer(&dir, files::Durability::Whole).unwrap();
    for query in view::QUERIES {
        let mut plan = view.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let values = plan.parameter_count();
        let given = rusqlite::params_from_iter((0..values).map(|_| rusqlite::types::Value::Null));
        let steps = plan.query_map(given, |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        let steps = steps.join("; ");
        assert!(!steps.contains("SCAN") && !steps.contains("TEMP B-TREE"), "{query}: {steps}");
    }
}

fn open(dir: &Path, commits: usize) -> SqliteStore {
    SqliteStore::folding(dir, ENVIRONMENT, commits, NEVER).unwrap()
}

fn sqlite(dir: &Path, file: &str) -> Connection {
    Connection::open(dir.join(file)).unwrap()
}

/// Some bills in several phases; the first one has an order open.
async fn some_life(store: &SqliteStore) -> Bill {
    make(store, "M1/BILL02", "authorize, capture C00002 500, approve, refund R00001 200, approve")
        .await;
    make(store, "M2/BILL01", "close").await;
    make(store, "M1/BILL01", "authorize, capture C00001 300, approve, reverse C00001").await
}

fn check_refused(dir: &Path, environment: &str, expected: &str) {
    let Err(refused) = SqliteStore::folding(dir, environment, NEVER_FOLDS, NEVER) else {
        panic!("opened, but expected: {expected}");
    };
    let refused = refused.to_string().replace(&dir.display().to_string(), "DIR");
    assert!(refused.contains(expected), "{refused}");
}
