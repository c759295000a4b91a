//! `holdfast notices` as its users meet it: the real program beside an outbox, with and without a gateway.

mod program;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use holdfast_gateway::notices::{
    Letter, Outbox as _,
    outbox::{Filter, Kept, Letters as _, Outcome, SqliteOutbox, Then, Try},
};
use serde_json::Value;
use tempfile::TempDir;

use program::program;

const WORD: &str = "SUCCESS";

fn command(dir: &Path, line: &str) -> Command {
    let mut command = program(dir);
    command.args(line.split_whitespace()).args(["--data-dir", "data"]);
    command
}

/// Runs a command; answers what it wrote on stdout and stderr.
#[track_caller]
fn run(dir: &TempDir, line: &str, code: i32) -> (String, String) {
    let ended = command(dir.path(), line).output().unwrap();
    let [stdout, stderr] =
        [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(ended.status.code(), Some(code), "{line}\nstdout:\n{stdout}\nstderr:\n{stderr}");
    (stdout, stderr)
}

/// The numbers of the notices that a list shows.
#[track_caller]
fn ids(dir: &TempDir, line: &str) -> Vec<u64> {
    let (stdout, _) = run(dir, &format!("-o json notices list {line}"), 0);
    let found: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    found.iter().map(|notice| notice["id"].as_u64().unwrap()).collect()
}

fn letter(seq: u64, mid: &str) -> Letter {
    let mid = Mid::parse(mid).unwrap();
    Letter {
        seq,
        mid: mid.clone(),
        bill: BillKey {
            mid,
            no: BillNo::parse(&format!("BILL{seq:02}")).unwrap(),
            date: Day(20_000),
        },
        event: if seq == 2 { "hold.released" } else { "hold.authorized" }.to_owned(),
        notify_id: format!("N{seq}"),
        // Nobody is there.
        url: "http://127.0.0.1:9/notify".to_owned(),
        pairs: vec![("billNo".to_owned(), format!("BILL{seq:02}"))],
        at: Moment(20_000 * 86_400_000 + i64::try_from(seq).unwrap() * 3_600_000),
    }
}

async fn tried(outbox: &SqliteOutbox, id: u64, then: Then) {
    let Kept { made, tries, round, .. } =
        outbox.list(&Filter::one(id), None, 1).await.unwrap().remove(0);
    let delivered = then == Then::Delivered;
    let made = Try {
        number: made + 1,
        at: Moment(20_001 * 86_400_000),
        took_ms: 15,
        status: Some(if delivered { 200 } else { 503 }),
        trouble: (!delivered).then(|| "HTTP status 503".to_owned()),
        answer: if delivered { WORD.into() } else { b"\x1b[2Jbusy\r\n".to_vec() },
        looked_for: WORD.to_owned(),
    };
    outbox.record(&[Outcome { id, round, tries: tries + 1, made, then }]).await.unwrap();
}

/// Five notices: 1 was delivered, 2 waits after a try, 3 was given up, 4 and 5 wait; 5 is another merchant's.
async fn outbox() -> (TempDir, SqliteOutbox) {
    let dir = TempDir::new().unwrap();
    let outbox = SqliteOutbox::open(&dir.path().join("data")).unwrap();
    let letters = [(1, "M1"), (2, "M1"), (3, "M1"), (4, "M1"), (5, "M2")];
    outbox.put(5, letters.map(|(seq, mid)| letter(seq, mid)).into()).await.unwrap();
    tried(&outbox, 1, Then::Delivered).await;
    tried(&outbox, 2, Then::Again(Moment(i64::MAX / 2))).await;
    tried(&outbox, 3, Then::GivenUp).await;
    (dir, outbox)
}

#[tokio::test]
async fn notices_are_listed_by_what_they_are_and_in_pages() {
    let (dir, _outbox) = outbox().await;
    for (line, expected) in [
        ("", &[5, 4, 3, 2, 1][..]),
        ("--limit 2", &[5, 4]),
        ("--limit 2 --before 4", &[3, 2]),
        ("--mid M2", &[5]),
        ("--state given-up", &[3]),
        ("--state waiting --mid M1", &[4, 2]),
        ("--event hold.released", &[2]),
        ("--bill BILL04", &[4]),
        ("--to HTTP://127.0.0.1:9", &[5, 4, 3, 2, 1]),
        ("--to http://127.0.0.1:9/elsewhere --state given-up", &[3]),
        ("--to http://127.0.0.1", &[]),
        ("--since 2024-10-05", &[]),
        ("--until 2024-10-05", &[5, 4, 3, 2, 1]),
    ] {
        assert_eq!(ids(&dir, line), expected, "{line}");
    }
    let (table, more) = run(&dir, "notices list --limit 3", 0);
    assert!(table.starts_with("id 编号"), "{table}");
    assert!(
        table.contains("given-up 已放弃") && table.contains("http://127.0.0.1:9/notify"),
        "{table}"
    );
    assert!(more.contains("--before 3"), "{more}");
    let (_, told) = run(&dir, "notices list --state lost", 2);
    assert!(told.contains("waiting, delivered, given-up"), "{told}");
}

#[tokio::test]
async fn a_notice_is_shown_with_every_try_and_cannot_move_the_cursor() {
    let (dir, _outbox) = outbox().await;
    let (stdout, _) = run(&dir, "--color never notices show 3", 0);
    for expected in [
        "notifyId  通知ID     N3",
        "billNo=BILL03",
        "15 ms  HTTP 503  HTTP status 503",
        "answered:  [2Jbusy",
    ] {
        assert!(stdout.contains(expected), "{expected:?}:\n{stdout}");
    }
    assert!(!stdout.contains('\u{1b}'), "{stdout:?}");
    let (stdout, _) = run(&dir, "-o json notices show 1", 0);
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(shown["tries"][0]["lookedFor"], WORD);
    assert_eq!(shown["tries"][0]["delivered"], true);
    let (_, told) = run(&dir, "notices show 99", 8);
    assert!(
        told.contains("there is no notice 99") && told.contains("holdfast notices list"),
        "{told}"
    );
}

#[tokio::test]
async fn resending_makes_due_what_was_meant_and_says_that_no_gateway_runs() {
    for (line, due) in [
        ("1", &[1][..]),
        ("2", &[2]),
        ("--all-failed", &[3]),
        ("--all-failed --mid M2", &[]),
        ("--mid M1", &[2, 3, 4]),
        ("--mid M1 --state delivered", &[1]),
        ("--bill BILL05", &[5]),
    ] {
        let (dir, outbox) = outbox().await;
        let (stdout, told) = run(&dir, &format!("-o json notices resend {line}"), 0);
        let counts: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            counts["waiting"].as_u64().unwrap(),
            u64::try_from(due.len()).unwrap(),
            "{line}"
        );
        assert_eq!(told.contains("no gateway is running"), !due.is_empty(), "{line}: {told}");
        let mut resent = outbox.list(&Filter::default(), None, 9).await.unwrap();
        resent.retain(|kept| kept.round == 1 && kept.next == kept.letter.at);
        resent.reverse();
        let found: Vec<u64> = resent.iter().map(|kept| kept.id).collect();
        assert_eq!(found, due, "{line}");
    }
    let (dir, _outbox) = outbox().await;
    let (_, told) = run(&dir, "notices resend", 2);
    assert!(told.contains("which notices?") && told.contains("--all-failed"), "{told}");
    run(&dir, "notices resend 77", 8);
    let (stdout, _) = run(&dir, "notices resend --mid M9", 0);
    assert!(stdout.contains("nothing to resend"), "{stdout}");
}

#[tokio::test]
async fn dropping_gives_up_what_waits_and_only_what_was_meant() {
    for (line, expected) in [
        ("2", &[2][..]),
        ("--mid M1", &[2, 4]),
        ("--mid M1 --state waiting --event hold.authorized", &[4]),
        ("--to http://127.0.0.1:9", &[2, 4, 5]),
        ("--to http://127.0.0.1:10", &[]),
    ] {
        let (dir, _outbox) = outbox().await;
        let (stdout, _) = run(&dir, &format!("-o json notices drop {line}"), 0);
        let told: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(told["dropped"], expected.len(), "{line}");
        let mut dropped = ids(&dir, "--state given-up");
        dropped.retain(|id| *id != 3);
        dropped.reverse();
        assert_eq!(dropped, expected, "{line}");
        assert_eq!(ids(&dir, "--state delivered"), [1], "{line}");
    }
    let (dir, _outbox) = outbox().await;
    for (line, code, expected) in [
        ("", 2, "which notices?"),
        ("--mid M1 --state delivered", 2, "only notices that wait can be dropped"),
        ("1", 2, "notice 1 does not wait any more: delivered"),
        ("77", 8, "there is no notice 77"),
        ("--to nowhere", 2, "it begins with neither http:// nor https://"),
    ] {
        let (_, told) = run(&dir, &format!("notices drop {line}"), code);
        assert!(told.contains(expected), "{line}: {told}");
    }
}

/// A gateway that does not know the merchant, so that it has no key to sign with.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn resending_beside_a_gateway_waits_and_says_why_it_did_not_arrive() {
    let (dir, _outbox) = outbox().await;
    let mut serve = command(dir.path(), "serve --listen 127.0.0.1:0");
    let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _served = Served(child);
    assert!(line.starts_with("listening on"), "{line}");
    let (_, told) = run(&dir, "notices resend 3 --wait 2s", 11);
    assert!(told.contains("notice 3 has not arrived"), "{told}");
    assert!(told.contains("M1") && told.contains("holdfast notices show 3"), "{told}");
    run(&dir, "notices resend 3 --no-wait", 0);
}

#[test]
fn a_directory_without_an_outbox_is_not_made_into_one() {
    let dir = TempDir::new().unwrap();
    let (_, told) = run(&dir, "notices list", 3);
    assert!(told.contains("there is no store in data"), "{told}");
    assert!(!dir.path().join("data").exists());
}
