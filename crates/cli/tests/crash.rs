//! The power fails: the release binary is killed at random moments under concurrent signed load, started
//! again on what is left, and every acknowledged operation is still there, none of them twice. Whatever was
//! committed is told to the merchant's own system, which refuses now and then: nothing else, each bill's events in
//! order, and each event under one number however often it comes.
//!
//! `./test` runs it on the release binary. By hand, with the seed of a run that failed:
//!
//! ```text
//! cargo build --release -p holdfast
//! SEED=7 KILLS=20 RELEASE_BINARY=target/release/holdfast cargo nextest run -p holdfast --run-ignored only crash
//! ```

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command as Program, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use holdfast_client::{
    AppId, AppKey, CallError, Client,
    notice::{self, NoticeKey},
};
use holdfast_domain::{Amount, AuthCode, BillNo, Day, Event, Kind, Mid, OrderId, Text};
use holdfast_gateway::{
    accounts::{Accounts, NoticeChange},
    clock::{Clock, Dice, patience},
    notices::Topic,
    store::{SqliteStore, Store},
    vault::Vault,
};
use holdfast_wire::{
    field::{Named, TextFlag, Url},
    message::Endpoint,
    messages::{Common, GetQrcode, PreauthCancel, Preauthed, PreauthedCancel, Query, Refund},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
};

const MID: &str = "898201612345678";
const APP: &str = "crash";
const MERCHANTS: usize = 24;

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn what_was_acknowledged_outlasts_kill_9() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("SEED").unwrap_or_else(|| Dice::unpredictable().roll(1_000_000));
    let kills = number("KILLS").unwrap_or(40);
    println!("seed {seed}, {kills} kills");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(crash(seed, kills));
}

async fn crash(seed: u64, kills: u64) {
    let dice = Dice::seeded(seed);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::Builder::new().prefix("crash-").tempdir_in(base).unwrap();
    let data = dir.path().join("data");
    let receiver = Arc::new(Receiver::default());
    let notify_url = receiver.clone().listen(seed).await;
    let (key, notice_key) = prepare(&data, Some(&notify_url)).await;
    receiver.key.set(notice_key).unwrap();

    let world = Arc::new(World {
        acknowledged: Mutex::default(),
        count: AtomicUsize::new(0),
        retried: AtomicUsize::new(0),
        told: watch::channel(0).0,
        address: watch::channel(None).0,
        over: watch::channel(false).0,
    });
    let merchants: Vec<_> = (0..MERCHANTS)
        .map(|merchant| tokio::spawn(world.clone().merchant(merchant, key.clone(), seed)))
        .collect();
    for kill in 1..=kills {
        let mut gateway = Gateway::start(&data);
        world.address.send_replace(Some(gateway.address.clone()));
        // After a few more acknowledgements, whenever that is: the moment falls anywhere in other requests.
        let so_far = world.count.load(Ordering::SeqCst);
        let more = usize::try_from(1 + dice.roll(1_000)).unwrap();
        world.told.subscribe().wait_for(|told| *told >= so_far + more).await.unwrap();
        world.address.send_replace(None);
        gateway.kill();
        println!("kill {kill} after {} acknowledgements", world.count.load(Ordering::SeqCst));
    }
    // One more life, in which everybody finishes what they have begun.
    let gateway = Gateway::start(&data);
    world.over.send_replace(true);
    world.address.send_replace(Some(gateway.address.clone()));
    for merchant in merchants {
        merchant.await.unwrap();
    }
    receiver.until_told(&data, &gateway.address, seed).await;
    gateway.stop_gracefully();

    let verify = Program::new(binary())
        .args(["ledger", "verify", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&verify.stdout).into_owned()
        + &String::from_utf8_lossy(&verify.stderr);
    assert!(verify.status.success(), "seed {seed}: ledger verify: {text}");
    compare(&data, &world, seed).await;
    println!(
        "{} acknowledged, {} asked again after a crash, all there, none twice",
        world.count.load(Ordering::SeqCst),
        world.retried.load(Ordering::SeqCst)
    );
    assert!(
        world.retried.load(Ordering::SeqCst) > 0,
        "seed {seed}: no crash hit a request; the test is too tame"
    );
    receiver.sum_up(&data, seed).await;
}

/// The merchant's own system: it counts what it is told, and answers now and then with a failure or not at all.
#[derive(Default)]
struct Receiver {
    key: OnceLock<NoticeKey>,
    told: Mutex<Told>,
}

/// By bill and version, which name an event.
#[derive(Default)]
struct Told {
    /// What the event was called and the notice's number, and how often it came.
    notices: BTreeMap<(String, u32), (String, String, usize)>,
    /// Those that were answered with success, in order.
    taken: Vec<(String, u32)>,
    /// How often a failure, or nothing, was answered.
    refused: usize,
}

impl Receiver {
    /// Listens from now on, also while the gateway is dead, and answers its address.
    async fn listen(self: Arc<Self>, seed: u64) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dice = Dice::seeded(seed ^ 0x7E11);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mood = dice.roll(20);
                // A gateway that is killed hangs up in the middle: that was no notice.
                tokio::spawn(self.clone().take(stream, mood));
            }
        });
        format!("http://{address}/notify")
    }

    async fn take(self: Arc<Self>, mut stream: tokio::net::TcpStream, mood: u64) -> Option<()> {
        let mut request = vec![];
        let body = loop {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
            request.extend_from_slice(&piece[..length]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).expect("a length");
            let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
            if body.len() >= length {
                break body.to_owned();
            }
        };
        let key = std::slice::from_ref(self.key.get().expect("the merchant's key"));
        let notice = notice::verify(key, &body).expect("every notice is signed");
        let id = (notice.bill_no.unwrap().to_string(), notice.version.unwrap().0);
        let (event, number) = (notice.event.unwrap().to_string(), notice.notify_id.to_string());
        let answer = {
            let mut told = self.told.lock().unwrap();
            let entry = told.notices.entry(id.clone()).or_insert((event, number.clone(), 0));
            entry.2 += 1;
            assert_eq!(entry.1, number, "{id:?} came under another number");
            match mood {
                0 => {
                    told.refused += 1;
                    return None;
                }
                1 => {
                    told.refused += 1;
                    notice::FAILED
                }
                _ => {
                    told.taken.push(id);
                    notice::DONE
                }
            }
        };
        let length = answer.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
        );
        stream.write_all(answer.as_bytes()).await.ok()
    }

    fn tries(&self) -> usize {
        self.told.lock().unwrap().notices.values().map(|(_, _, tries)| tries).sum()
    }

    /// Lets time pass for what was refused, until everything that was committed has been told.
    async fn until_told(&self, data: &Path, address: &str, seed: u64) {
        let told = async {
            loop {
                let missing: Vec<_> = {
                    let committed = announced(data).await;
                    let told = self.told.lock().unwrap();
                    let taken: std::collections::BTreeSet<_> = told.taken.iter().collect();
                    committed.into_keys().filter(|id| !taken.contains(id)).collect()
                };
                let Some(first) = missing.first() else { return };
                println!("{} events are still to be told, {first:?} the first", missing.len());
                let advance = r#"{"advance":"20m"}"#;
                let length = advance.len();
                let request = format!(
                    "POST /sim/clock HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{advance}"
                );
                assert!(exchange(address, &request).await.unwrap().starts_with("HTTP/1.1 200"));
                // Until something comes, or nothing does for a while.
                let so_far = self.tries();
                let more = async {
                    while self.tries() == so_far {
                        tokio::task::yield_now().await;
                    }
                };
                patience(1_000, more).await;
            }
        };
        let told = patience(120_000, told).await;
        assert!(told.is_some(), "seed {seed}: not everything that was committed was told");
    }

    /// What was told is what was committed, and each bill's events came in order.
    async fn sum_up(&self, data: &Path, seed: u64) {
        let committed = announced(data).await;
        let told = self.told.lock().unwrap();
        let events: BTreeMap<_, _> =
            told.notices.iter().map(|(id, (event, ..))| (id.clone(), event.clone())).collect();
        assert_eq!(events, committed, "seed {seed}");
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for (bill, version) in &told.taken {
            let before = last.insert(bill, *version);
            // The same one may come again after a crash, but none before an earlier one was taken.
            assert!(before <= Some(*version), "seed {seed}: {bill}: {before:?} before {version}");
        }
        let tries: usize = told.notices.values().map(|(_, _, tries)| tries).sum();
        println!(
            "{} events told in {tries} tries, {} refused, {} told again after a crash",
            events.len(),
            told.refused,
            told.taken.len() - events.len()
        );
        assert!(told.refused > 0, "seed {seed}: nothing was refused; the test is too tame");
    }
}

/// What a merchant that asked for everything is to be told, by bill and version.
async fn announced(data: &Path) -> BTreeMap<(String, u32), String> {
    let store = SqliteStore::open_read_only(data).unwrap();
    let mut events = BTreeMap::new();
    let mut seq = 0;
    store.last().await.unwrap();
    loop {
        let records = store.journal(seq, 10_000).await.unwrap();
        let Some(last) = records.last() else { break };
        seq = last.seq;
        for record in records {
            let name = record.event.name(Kind::Hold);
            let told = matches!(
                record.event,
                Event::Authorized { .. }
                    | Event::Captured { .. }
                    | Event::Reversed { .. }
                    | Event::Refunded { .. }
                    | Event::Released { .. }
                    | Event::Closed
                    | Event::Lapsed
            );
            if told {
                let version = u32::try_from(record.version).unwrap();
                events.insert((record.key.no.to_string(), version), name.to_owned());
            }
        }
    }
    events
}

/// A disk whose syncs fail, on demand: preloaded into the gateway, it leaves everything else as it is.
const BROKEN_DISK: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int broken(void) {
    const char *mark = getenv("BROKEN_DISK");
    if (mark && access(mark, F_OK) == 0) { errno = EIO; return 1; }
    return 0;
}
int fsync(int fd) { return broken() ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return broken() ? -1 : (int)syscall(SYS_fdatasync, fd); }
"#;

/// Nobody knows what a disk holds whose sync has failed. So nothing more is written, callers are told that the
/// outcome is not known, reads go on, and a restart on a sound disk finds everything that was acknowledged.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn a_failed_sync_stops_writing_and_loses_nothing_that_was_acknowledged() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let dir = tempfile::Builder::new().prefix("sync-").tempdir_in(base).unwrap();
        let (data, mark) = (dir.path().join("data"), dir.path().join("broken"));
        let (source, library) = (dir.path().join("disk.c"), dir.path().join("disk.so"));
        std::fs::write(&source, BROKEN_DISK).unwrap();
        let built = Program::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .unwrap();
        assert!(built.success());
        let (key, _) = prepare(&data, None).await;
        let mut hold = Hold { bill: "124F00000001".to_owned(), code: String::new(), auth: None };
        let done = |outcome| matches!(outcome, Outcome::Done);

        let mut gateway =
            Gateway::start_with(&data, &[("LD_PRELOAD", &library), ("BROKEN_DISK", &mark)]);
        for step in [Step::Make, Step::Pay] {
            assert!(done(hold.take(step, &gateway.address, &key).await), "{step:?}");
        }
        std::fs::write(&mark, "").unwrap();
        // The outcome of this one is not known to anybody; of those after it nothing is written.
        for step in [Step::Capture(1), Step::Capture(1), Step::Release] {
            assert!(
                !done(hold.take(step, &gateway.address, &key).await),
                "{step:?} on a broken disk"
            );
        }
        assert!(get(&gateway.address, "/readyz").await.starts_with("HTTP/1.1 503"));
        assert!(get(&gateway.address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let seen = get(&gateway.address, &format!("/sim/payer/{}", hold.code)).await;
        assert!(seen.contains(r#""phase":"authorized""#), "{seen}");
        gateway.kill();
        std::fs::remove_file(&mark).unwrap();

        let gateway = Gateway::start(&data);
        for step in [Step::Capture(1), Step::Reverse(1), Step::Release] {
            while !done(hold.take(step, &gateway.address, &key).await) {
                tokio::task::yield_now().await;
            }
        }
        gateway.stop_gracefully();
        let verify =
            Program::new(binary()).args(["ledger", "verify", "--data-dir"]).arg(&data).status();
        assert!(verify.unwrap().success());
    });
}

/// The journal against what merchants were told: each acknowledged step is there, each step once.
async fn compare(data: &Path, world: &World, seed: u64) {
    let store = SqliteStore::open(data, "test").unwrap();
    let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seq = 0;
    loop {
        let records = store.journal(seq, 10_000).await.unwrap();
        let Some(last) = records.last() else { break };
        seq = last.seq;
        for record in records {
            let done = match &record.event {
                Event::Requested { .. } => "made".to_owned(),
                Event::Authorized { .. } => "paid".to_owned(),
                Event::CaptureAsked { leg, .. } => format!("capture {}", leg.order),
                Event::Captured { .. } => "captured".to_owned(),
                Event::Reversed { .. } => "reversed".to_owned(),
                Event::RefundAsked { leg, .. } => format!("refund {}", leg.order),
                Event::Refunded { .. } => "refunded".to_owned(),
                Event::Released { .. } => "released".to_owned(),
                _ => continue,
            };
            events.entry(record.key.no.to_string()).or_default().push(done);
        }
    }
    store.close().await;
    let acknowledged = world.acknowledged.lock().unwrap();
    assert!(!acknowledged.is_empty());
    for (bill, told) in acknowledged.iter() {
        let expected: Vec<String> = told.iter().flat_map(|step| step.events(bill)).collect();
        assert_eq!(events.get(bill), Some(&expected), "seed {seed}: bill {bill} was told {told:?}");
    }
}

/// What a merchant does with one bill, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Make,
    Pay,
    Capture(u8),
    Reverse(u8),
    Refund(u8),
    Release,
}

impl Step {
    /// What the journal has to hold once the step is acknowledged.
    fn events(self, bill: &str) -> Vec<String> {
        match self {
            Self::Make => vec!["made".to_owned()],
            Self::Pay => vec!["paid".to_owned()],
            Self::Capture(n) => vec![format!("capture {bill}C{n}"), "captured".to_owned()],
            Self::Reverse(_) => vec!["reversed".to_owned()],
            Self::Refund(n) => vec![format!("refund {bill}F{n}"), "refunded".to_owned()],
            Self::Release => vec!["released".to_owned()],
        }
    }
}

const LIVES: [&[Step]; 3] = [
    &[
        Step::Make,
        Step::Pay,
        Step::Capture(1),
        Step::Reverse(1),
        Step::Capture(2),
        Step::Refund(1),
        Step::Refund(2),
    ],
    &[Step::Make, Step::Pay, Step::Release],
    &[Step::Make, Step::Pay, Step::Capture(1), Step::Reverse(1), Step::Release],
];

struct World {
    acknowledged: Mutex<BTreeMap<String, Vec<Step>>>,
    count: AtomicUsize,
    retried: AtomicUsize,
    told: watch::Sender<usize>,
    /// Where the gateway listens; nowhere while it is dead.
    address: watch::Sender<Option<String>>,
    /// No new bills are begun.
    over: watch::Sender<bool>,
}

impl World {
    async fn merchant(self: Arc<Self>, merchant: usize, key: AppKey, seed: u64) {
        let dice = Dice::seeded(seed ^ u64::try_from(merchant).unwrap().wrapping_mul(0x9E37_79B9));
        let mut number = 0;
        while !*self.over.borrow() {
            number += 1;
            let bill = format!("124F{merchant:04}{number:08}");
            let mut hold = Hold { bill, code: String::new(), auth: None };
            let life = LIVES[usize::try_from(dice.roll(3)).unwrap()];
            for step in life {
                self.until_acknowledged(&mut hold, *step, &key).await;
            }
        }
    }

    /// Repeats a step unchanged until its outcome is known, across as many crashes as it takes.
    async fn until_acknowledged(&self, hold: &mut Hold, step: Step, key: &AppKey) {
        let mut tries = 0;
        loop {
            let mut address = self.address.subscribe();
            let address = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            match hold.take(step, &address, key).await {
                Outcome::Done => break,
                Outcome::Unknown => {
                    tries += 1;
                    assert!(tries < 1_000_000, "{step:?} of {} never ends", hold.bill);
                    tokio::task::yield_now().await;
                }
            }
        }
        if tries > 0 {
            self.retried.fetch_add(1, Ordering::SeqCst);
        }
        self.acknowledged.lock().unwrap().entry(hold.bill.clone()).or_default().push(step);
        self.told.send_replace(self.count.fetch_add(1, Ordering::SeqCst) + 1);
    }
}

enum Outcome {
    Done,
    Unknown,
}

struct Hold {
    bill: String,
    code: String,
    auth: Option<AuthCode>,
}

impl Hold {
    async fn take(&mut self, step: Step, address: &str, key: &AppKey) -> Outcome {
        let client = Client::builder()
            .base_url(format!("http://{address}"))
            .credentials(AppId::parse(APP).unwrap(), key.clone())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let (no, date) = (BillNo::parse(&self.bill).unwrap(), Day::parse("2026-11-23").unwrap());
        let order = |kind: char, n: u8| OrderId::parse(&format!("{}{kind}{n}", self.bill)).unwrap();
        let common = client.common(MID, "88880001").unwrap();
        let fen = |fen| Amount::from_fen(fen).unwrap();
        match step {
            Step::Make => match call(&client, &get_qrcode(common, no, date)).await {
                Some(made) => {
                    self.code = made.qr_code_id.unwrap().to_string();
                    Outcome::Done
                }
                None => Outcome::Unknown,
            },
            Step::Pay => {
                if confirm(address, &self.code).await.is_none() {
                    return Outcome::Unknown;
                }
                let bill_no = OrderId::parse(&self.bill).unwrap();
                let query = Query {
                    common,
                    bill_no,
                    bill_date: Some(date),
                    refund_order_id: None,
                    authed_order_id: None,
                };
                match call(&client, &query).await.and_then(|found| found.auth_id_resp_cd) {
                    Some(auth) => {
                        self.auth = Some(auth);
                        Outcome::Done
                    }
                    None => Outcome::Unknown,
                }
            }
            Step::Capture(n) => {
                let request = Preauthed {
                    common,
                    bill_no: no,
                    bill_date: date,
                    authed_order_id: order('C', n),
                    auth_id_resp_cd: Named::parse(self.auth().as_str()).unwrap(),
                    total_amount: fen(300),
                    authed_desc: None,
                };
                outcome(call(&client, &request).await)
            }
            Step::Reverse(n) => {
                let request = PreauthedCancel {
                    common,
                    bill_no: no,
                    bill_date: date,
                    mer_order_id: order('C', n),
                    auth_id_resp_cd: self.auth(),
                };
                outcome(call(&client, &request).await)
            }
            Step::Refund(n) => {
                let request = Refund {
                    common,
                    bill_no: Some(OrderId::parse(&self.bill).unwrap()),
                    bill_date: date,
                    mer_order_id: None,
                    refund_order_id: Some(order('F', n)),
                    refund_amount: fen(100),
                    platform_amount: None,
                    sub_orders: None,
                    refund_desc: None,
                };
                outcome(call(&client, &request).await)
            }
            Step::Release => {
                let request = PreauthCancel {
                    common,
                    bill_no: no,
                    bill_date: date,
                    mer_order_id: OrderId::parse(&format!("{}0", self.bill)).unwrap(),
                    auth_id_resp_cd: Named::parse(self.auth().as_str()).unwrap(),
                };
                outcome(call(&client, &request).await)
            }
        }
    }

    fn auth(&self) -> AuthCode {
        self.auth.clone().expect("paid before")
    }
}

fn outcome<T>(answer: Option<T>) -> Outcome {
    if answer.is_some() { Outcome::Done } else { Outcome::Unknown }
}

/// The answer when it was done; `None` when nobody knows, or the gateway was still busy with the first try.
async fn call<E: Endpoint>(client: &Client, request: &E) -> Option<E::Response> {
    match client.call(request).await {
        Ok(response) => Some(response),
        Err(CallError::Refused { code: Some(code), failure, .. }) => match code.name() {
            // The try before the crash stands, and the worker is at it.
            "ORDER_PROCESSING" => None,
            other => panic!("{} was refused: {other} {failure:?}", E::NAME),
        },
        Err(CallError::Refused { failure, .. }) => panic!("{} was refused: {failure:?}", E::NAME),
        Err(CallError::Fault(_) | CallError::OutcomeUnknown(_)) => None,
    }
}

fn get_qrcode(common: Common, no: BillNo, date: Day) -> GetQrcode {
    let mut bill = GetQrcode::one_off(common, no, date, Amount::from_fen(500).unwrap());
    bill.terms.bill_desc = Text::parse("押金 1号房").ok();
    bill.terms.preauth_transaction = Some(TextFlag(true));
    bill
}

/// The payer confirms; a bill that is paid already is as good. `None` when the gateway died.
async fn confirm(address: &str, code: &str) -> Option<()> {
    let request = format!(
        "POST /sim/payer/{code}/confirm HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let answer = exchange(address, &request).await.unwrap_or_default();
    let fine = answer.starts_with("HTTP/1.1 200") || answer.contains("账单已支付");
    assert!(fine || answer.is_empty(), "{answer}");
    fine.then_some(())
}

async fn get(address: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    exchange(address, &request).await.unwrap()
}

async fn exchange(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

struct Gateway {
    program: Child,
    address: String,
}

impl Gateway {
    fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    fn start_with(data: &Path, variables: &[(&str, &PathBuf)]) -> Self {
        let mut program = Program::new(binary())
            .envs(variables.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().to_owned();
        assert!(!address.is_empty(), "the gateway did not start on {}", data.display());
        Self { program, address }
    }

    fn kill(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }

    fn stop_gracefully(mut self) {
        let pid = self.program.id().to_string();
        assert!(Program::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.program.wait().unwrap().success(), "a graceful stop ends well");
    }
}

/// The release binary that `./test` built, or else the one built with this test.
fn binary() -> PathBuf {
    std::env::var_os("RELEASE_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_holdfast").into(), PathBuf::from)
}

/// A data directory with one merchant, which asks to be told everything at an address if there is one, and one app.
async fn prepare(data: &Path, notify_url: Option<&str>) -> (AppKey, NoticeKey) {
    let dice = Dice::unpredictable();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data, "test").unwrap());
    let vault = Arc::new(Vault::open(&data.join("master.key"), &dice).unwrap());
    let accounts = Accounts::open(store.clone(), vault).await.unwrap();
    let mid = Mid::parse(MID).unwrap();
    accounts.add_merchant(&mid, &Text::parse("Crash Hotel").unwrap()).await.unwrap();
    let clock = Clock::running(0);
    let notice_key = accounts.rotate_notice_key(&mid, None, 0, &clock, &dice).await.unwrap();
    let change = NoticeChange {
        url: notify_url.map(|url| Some(Url::parse(url).unwrap())),
        notify_on: Some(Topic::ALL.to_vec()),
        versions: Some(true),
        ..NoticeChange::default()
    };
    accounts.set_notices(&mid, change, &dice).await.unwrap();
    let (_, key) = accounts.add_app(Some(APP), None, &[mid], &[], &dice).await.unwrap();
    store.close().await;
    (key, notice_key)
}
