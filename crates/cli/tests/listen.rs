//! `holdfast listen` and `holdfast trigger` as their users meet them: the real program, a real gateway that is killed,
//! and a real little receiver. Nobody sleeps: whoever waits, waits for a line.

mod program;

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use holdfast_client::notice::{self, NoticeKey};
use holdfast_domain::replay;
use holdfast_gateway::{
    notices::{Announced, announced},
    store::{SqliteStore, Store as _},
};
use holdfast_wire::messages::Notice;
use serde_json::Value;
use tempfile::TempDir;

use program::program;

const MID: &str = "898201612345678";
const BILL: &str = "31942026112300000001";
const DATE: &str = "2026-11-23";
const KEY: &str = "a communication key that only this test knows";
/// Longer than anything takes: whoever waits so long has found something that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A merchant's directory, its gateway's address, and what commands are told by the environment.
struct World {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// A program that runs, and what it says.
struct Running {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    said: String,
}

struct Ended {
    stdout: String,
    stderr: String,
}

impl World {
    /// A merchant with a communication key, an app, and a gateway that serves them.
    fn new() -> (Self, Running) {
        let mut world = Self { dir: TempDir::new().unwrap(), variables: vec![] };
        let dir = world.dir.path().display().to_string();
        world.variables.extend([("XDG_STATE_HOME", dir.clone()), ("TMPDIR", dir)]);
        world.run(&format!("merchant add {MID} --name shop"), 0);
        world.give_a_key();
        let added = world.run(&format!("app add --mid {MID} --id shop"), 0).stdout;
        let key = added.lines().find_map(|line| line.strip_prefix("HOLDFAST_APP_KEY=")).unwrap();
        world.variables.extend([
            ("HOLDFAST_APP_ID", "shop".to_owned()),
            ("HOLDFAST_APP_KEY", key.to_owned()),
            ("HOLDFAST_MID", MID.to_owned()),
        ]);
        let (gateway, url) = world.serve("127.0.0.1:0");
        world.variables.push(("HOLDFAST_BASE_URL", url));
        (world, gateway)
    }

    /// Gives the merchant the communication key of this test.
    fn give_a_key(&self) {
        let mut command =
            self.command(&format!("merchant rotate-notice-key {MID} --notice-key-stdin"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(KEY.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program(self.dir.path());
        command.args(line.split_whitespace());
        command.envs(self.variables.iter().cloned());
        command
    }

    #[track_caller]
    fn run(&self, line: &str, code: i32) -> Ended {
        let ended = self.command(line).output().unwrap();
        let [stdout, stderr] =
            [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(ended.status.code(), Some(code), "{line}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        Ended { stdout, stderr }
    }

    fn start(&self, line: &str) -> Running {
        let mut command = self.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Running { child, stdout, stderr, said: String::new() }
    }

    /// Starts the gateway, and waits until it can be called. Answers where.
    fn serve(&self, listen: &str) -> (Running, String) {
        let gateway = self.start(&format!("serve --listen {listen}"));
        let line = gateway.stdout.recv_timeout(PATIENCE).unwrap();
        (gateway, line.strip_prefix("listening on ").unwrap().to_owned())
    }

    /// Starts the gateway again where it was.
    fn serve_again(&self) -> Running {
        let url = self.variables.iter().find(|(name, _)| *name == "HOLDFAST_BASE_URL").unwrap();
        self.serve(url.1.strip_prefix("http://").unwrap()).0
    }

    fn call(&self, endpoint: &str, fields: &str) -> Value {
        let bill = format!("--mid {MID} --tid 88880001 --billNo {BILL} --billDate {DATE}");
        let answer = self.run(&format!("-o json call {endpoint} {bill} {fields}"), 0).stdout;
        serde_json::from_str(&answer).unwrap()
    }

    /// A hold of 500.00 yuan, 380.00 of it captured.
    fn capture(&self) {
        let made = self.call("get-qrcode", "--totalAmount 50000 --preauthTransaction true");
        self.run(&format!("sim pay {}", made["qrCodeId"].as_str().unwrap()), 0);
        let auth = self.call("query", "");
        let auth = auth["authIdRespCd"].as_str().unwrap();
        let order = format!("--authedOrderId {BILL}C1 --authIdRespCd {auth} --totalAmount 38000");
        self.call("preauthed", &order);
    }

    fn refund(&self, number: u32, fen: u32) {
        self.call("refund", &format!("--refundOrderId {BILL}R{number} --refundAmount {fen}"));
    }

    /// Everything that was to be told, as the journal says: event, and bill version.
    fn journal(&self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = SqliteStore::open(&self.dir.path().join("holdfast-data"), "test").unwrap();
        let (mut bills, mut told) = (HashMap::new(), vec![]);
        for record in runtime.block_on(store.journal(0, 10_000)).unwrap() {
            let before = bills.get(&record.key);
            let bill = replay(before, &record.key, record.event.clone()).unwrap().bill;
            if announced(&record.event, Some(&bill)) != Announced::Never {
                told.push(record.event.name(bill.terms.kind).to_owned());
            }
            bills.insert(record.key.clone(), bill);
        }
        runtime.block_on(store.close());
        told
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until it says something on stderr. Answers that line.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.stderr.recv_timeout(PATIENCE) else {
                panic!("it never said {text:?}, only:\n{}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for the next line on stdout.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        let line = self.stdout.recv_timeout(PATIENCE).unwrap_or_default();
        assert!(line.contains(text), "no {text:?} in {line:?}");
    }

    #[track_caller]
    fn stop(mut self, signal: &str, code: Option<i32>) {
        self.signal(signal);
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.code(), code, "{}", self.said);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed before it stopped the program must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (to, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A merchant's system: what it was sent, and whether it took it.
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<(String, bool)>>>,
    /// What it answers next, before it does what it is made for.
    next: Arc<Mutex<VecDeque<&'static str>>>,
}

impl Receiver {
    /// One that answers a body as `judge` says.
    fn new(judge: impl Fn(&str) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let (heard, next) = (Arc::new(Mutex::new(vec![])), Arc::new(Mutex::new(VecDeque::new())));
        let (to, answers) = (heard.clone(), next.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).unwrap_or(0) > 0 {
                    let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.parse().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                let next = answers.lock().unwrap().pop_front();
                let answer =
                    next.unwrap_or(if judge(&body) { "200 SUCCESS" } else { "200 FAILED" });
                to.lock().unwrap().push((body, answer == "200 SUCCESS"));
                let (status, word) = answer.split_once(' ').unwrap();
                let length = word.len();
                let answer =
                    format!("HTTP/1.1 {status} OK\r\ncontent-length: {length}\r\n\r\n{word}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, heard, next }
    }

    /// One that does as the page about notices says.
    fn good() -> Self {
        Self::new(|body| {
            believed(body).is_some_and(|notice| {
                notice.bill_no.is_some_and(|no| no.as_str() == BILL)
                    && notice.total_amount.is_some_and(|amount| amount.fen() == 50_000)
            })
        })
    }

    /// What it took: the event, or the payment.
    fn took(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let taken = heard.iter().filter(|(_, taken)| *taken);
        taken
            .map(|(body, _)| {
                let event = believed(body).unwrap().event;
                event.map_or("hold.authorized".to_owned(), |event| event.to_string())
            })
            .collect()
    }
}

fn believed(body: &str) -> Option<Notice> {
    notice::verify(&[NoticeKey::parse(KEY).unwrap()], body).ok()
}

#[test]
fn a_receiver_hears_everything_in_order_whatever_dies_in_between() {
    let (world, gateway) = World::new();
    let receiver = Receiver::good();
    let listen = format!("listen --forward-to {}", receiver.url);
    let mut listener = world.start(&format!("{listen} --from-start"));
    world.capture();
    listener.shows("hold.authorized");
    listener.shows("hold.captured");
    listener.until("is not told of hold.captured");

    // The gateway dies: that is said at once, and nothing is missed.
    gateway.stop("-KILL", None);
    listener.until("NOT LISTENING");
    let gateway = world.serve_again();
    world.refund(1, 100);
    listener.until("the gateway answers again");
    listener.shows("refund.done");
    let gap = listener.until("gap filled: from ");
    assert!(gap.contains("events: 1"), "{gap}");
    listener.signal("-INT");
    listener.until("ended: 3 taken");
    listener.stop("-INT", Some(0));

    // The listener is away, and goes on where it ended.
    world.refund(2, 200);
    receiver.next.lock().unwrap().push_back("500 busy");
    let mut listener = world.start(&listen);
    listener.until("nothing was heard from ");
    listener.shows("→ HTTP status 500");
    listener.until("again in 1 s");
    listener.shows("2.00  → 200 SUCCESS");
    let gap = listener.until("gap filled: from ");
    assert!(gap.contains("events: 1"), "{gap}");
    world.refund(3, 300);
    listener.shows("3.00  → 200 SUCCESS");

    // It is killed: what it showed as taken does not come again.
    listener.stop("-KILL", None);
    world.refund(4, 400);
    let ended = world.run(&format!("{listen} --once"), 0);
    assert!(ended.stdout.contains("4.00  → 200 SUCCESS"), "{}", ended.stdout);
    gateway.stop("-TERM", Some(0));

    let journal = world.journal();
    assert_eq!(journal.len(), 6);
    assert_eq!(receiver.took(), journal);
    // Each is the notice that was announced: all numbers differ, and a second try has the number of the first.
    let heard = receiver.heard.lock().unwrap();
    let ids: Vec<_> = heard.iter().map(|(body, _)| believed(body).unwrap().notify_id).collect();
    assert_eq!(ids[3], ids[4], "the notice that was refused");
    let mut different = ids.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), journal.len());
}

#[test]
fn a_listener_that_only_shows_begins_at_now_and_takes_nothing_from_the_one_that_forwards() {
    let (world, gateway) = World::new();
    world.capture();
    let shown = world.run("listen --once", 0);
    assert_eq!(shown.stdout, "", "it begins at now");
    world.refund(1, 100);
    let shown = world.run("listen --once -o json", 0);
    let event: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&event["event"], &event["amount"]), (&"refund.done".into(), &100.into()));
    assert_eq!(
        event["notifyId"],
        believed(event["body"].as_str().unwrap()).unwrap().notify_id.as_str()
    );
    assert_eq!(world.run("listen --once -o json", 0).stdout, "", "it was shown before");
    let all = world.run("listen --once --from-start -o json", 0).stdout;
    assert_eq!(all.lines().count(), 3);
    let receiver = Receiver::good();
    let forwarded = world.run(&format!("listen --once --forward-to {} --since 0", receiver.url), 0);
    assert_eq!(forwarded.stdout.lines().count(), 3);
    assert_eq!(receiver.took(), ["hold.authorized", "hold.captured", "refund.done"]);
    gateway.stop("-TERM", Some(0));
}

/// Where nothing is forwarded, whoever reads stdout is the receiver.
#[cfg(target_os = "linux")]
#[test]
fn what_nobody_was_shown_is_shown_the_next_time() {
    let (world, gateway) = World::new();
    world.capture();
    // A full disk, and a reader that has gone.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    for stdout in [Stdio::from(full), Stdio::from(gone)] {
        let ended = world.command("listen --since 0").stdout(stdout).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("what was not shown comes again"), "{said}");
    }
    let shown = world.run("listen --once", 0).stdout;
    assert_eq!(shown.lines().count(), 2, "{shown}");
    gateway.stop("-TERM", Some(0));
}

#[test]
fn what_a_receiver_does_not_take_can_be_skipped_and_had_again() {
    let (world, gateway) = World::new();
    world.capture();
    let receiver = Receiver::new(|_| false);
    let listen = format!("listen --once --from-start --skip-failed --forward-to {}", receiver.url);
    let skipped = world.run(&listen, 0);
    assert!(skipped.stderr.contains("2 skipped"), "{}", skipped.stderr);
    assert!(skipped.stdout.contains("no SUCCESS in the answer"), "{}", skipped.stdout);
    let since = |line: &str| {
        line.split_once("--since ").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned())
    };
    let cursors: Vec<String> = skipped.stderr.lines().filter_map(since).collect();
    assert_eq!((cursors.len(), cursors[0].as_str()), (2, "0"), "{}", skipped.stderr);
    let again = world.run(&format!("listen --once --since {}", cursors[1]), 0);
    assert!(
        again.stdout.contains("hold.captured") && again.stdout.lines().count() == 1,
        "{}",
        again.stdout
    );
    gateway.stop("-TERM", Some(0));
}

#[test]
fn a_listener_is_one_and_says_why_it_cannot_go_on() {
    let (world, gateway) = World::new();
    let mut first = world.start("listen --cursor here.json");
    first.until("listening for");
    let second = world.run("listen --cursor here.json --once", 9);
    assert!(
        second.stderr.contains("another listener") && second.stderr.contains("--cursor FILE"),
        "{}",
        second.stderr
    );
    first.stop("-INT", Some(0));
    let other = world.run("listen --since 99-00000000 --once", 9);
    assert!(
        other.stderr.contains("another data directory") && other.stderr.contains("--from-start"),
        "{}",
        other.stderr
    );
    let stranger = world.run("listen --mid 898201612345679 --once", 8);
    assert!(stranger.stderr.contains("NO_MERCHANT"), "{}", stranger.stderr);
    let nowhere = world.run("listen --once --forward-to nowhere", 2);
    assert!(nowhere.stderr.contains("http://127.0.0.1:3000/notify"), "{}", nowhere.stderr);
    gateway.stop("-TERM", Some(0));
    let alone = world.run("--color always listen --give-up 100ms", 4);
    assert!(
        alone.stderr.contains("\u{1b}[31m") && alone.stderr.contains("NOT LISTENING"),
        "{}",
        alone.stderr
    );
    assert!(alone.stderr.contains("not listening any more"), "{}", alone.stderr);
}

#[test]
fn a_good_receiver_stands_every_trial_and_a_credulous_one_is_found_out() {
    let (world, gateway) = World::new();
    world.capture();
    let trigger = |receiver: &Receiver, more: &str, code: i32| {
        world.run(&format!("trigger --bill {BILL}@{DATE} --to {} {more}", receiver.url), code)
    };
    let good = Receiver::good();
    let table = trigger(&good, "--all", 0).stdout;
    assert_eq!(table.matches("✓ good").count(), 9, "{table}");
    assert_eq!(good.took(), ["hold.captured", "hold.captured", "hold.captured", "hold.authorized"]);

    let credulous = Receiver::new(|_| true);
    let all = trigger(&credulous, "--all -o json", 10);
    let all: Vec<Value> = serde_json::from_str(&all.stdout).unwrap();
    let bad: Vec<&str> = all
        .iter()
        .filter(|trial| trial["good"] == false)
        .map(|trial| trial["trial"].as_str().unwrap())
        .collect();
    assert_eq!(
        bad,
        [
            "amount changed after signing",
            "without a signature",
            "signed with another key",
            "truncated",
            "rightly signed, another amount",
        ]
    );
    let deaf = Receiver::new(|_| false);
    assert_eq!(trigger(&deaf, "--all", 10).stdout.matches("✗ BAD").count(), 4);
    gateway.stop("-TERM", Some(0));
}

#[test]
fn one_notice_is_sent_as_the_flags_say() {
    let (world, gateway) = World::new();
    world.capture();
    for (more, code, sent, took) in [
        ("hold.authorized", 0, 1, &["hold.authorized"][..]),
        ("--times 3", 0, 3, &["hold.captured"; 3]),
        ("--reorder", 0, 2, &["hold.captured", "hold.authorized"]),
        ("--late 2h", 0, 1, &["hold.captured"]),
        ("--override billDesc=room --override memo=", 0, 1, &["hold.captured"]),
        ("--override totalAmount=1", 0, 1, &[]),
        ("hold.expiring --anyway", 0, 1, &["hold.expiring"]),
        ("--signature forged", 0, 1, &[]),
        ("--signature missing", 0, 1, &[]),
        ("--signature other-key", 0, 1, &[]),
        ("--truncate --times 2", 0, 2, &[]),
        ("hold.reversed", 9, 0, &[]),
        ("hold.authorized --reorder", 9, 0, &[]),
        ("hold.taken", 2, 0, &[]),
        ("--override sign=1", 2, 0, &[]),
        ("--all --times 2", 2, 0, &[]),
    ] {
        let receiver = Receiver::good();
        let line = format!("trigger --bill {BILL} --to {} {more}", receiver.url);
        world.run(&line, code);
        assert_eq!(receiver.took(), took, "{more}");
        assert_eq!(receiver.heard.lock().unwrap().len(), sent, "{more}");
    }
    let nowhere = world.run(&format!("trigger --bill {BILL}"), 2);
    assert!(nowhere.stderr.contains("--to "), "{}", nowhere.stderr);
    // Its own address is the usual one.
    let receiver = Receiver::good();
    world.run(&format!("merchant set {MID} --notify-url {}", receiver.url), 0);
    let sent = world.run(&format!("trigger --bill {BILL} --to http://127.0.0.1:9/gone"), 4);
    assert!(sent.stderr.contains("nobody answers"), "{}", sent.stderr);
    gateway.stop("-TERM", Some(0));
    let gateway = world.serve_again();
    world.run(&format!("trigger hold.authorized --bill {BILL}"), 0);
    assert!(receiver.took().contains(&"hold.authorized".to_owned()));
    gateway.stop("-TERM", Some(0));
}
