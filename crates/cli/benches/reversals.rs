//! How fast a capture is reversed: signed `preauthed-cancel` requests over 64 connections.
//!
//! In one run it measures (a) the gateway on SQLite on a real disk, with many bills loaded, and (b) the same
//! HTTP stack with authentication, JSON and rules but a store that keeps nothing, and prints the ratio a/b.
//! The load generator runs on the same cores in both. It also prints bytes on disk for each hold, and the
//! resident memory and the time from start to first answer of the program itself.
//!
//! ```text
//! cargo bench -p holdfast --bench reversals            # 100,000 bills
//! cargo bench -p holdfast --bench reversals -- 10000   # fewer
//! ```

#![expect(clippy::float_arithmetic, reason = "rates and ratios to print; no money is counted here")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command as Program, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillKey, BillNo, Channel as PaidThrough, CodeId, Command, Day, Details,
    Fingerprint, Kind, Leg, Marks, Mid, Moment, OrderId, Phase, Terms, Text, Tid,
};
use holdfast_gateway::{
    ConsoleFiles, Parts, Running,
    accounts::Accounts,
    clock::{Clock, Dice, Stopwatch},
    config::Config,
    notices::{Outbox as _, outbox::MemoryOutbox},
    start,
    store::{
        Asker, Commit, CommitError, Kind as Registered, MemoryStore, Record, SqliteStore, Store,
        StoreFault, Task,
    },
    submit::Core,
    vault::Vault,
};
use holdfast_wire::{
    auth::{AppId, BodySig, Nonce, Stamp},
    field::InstMid,
    message::{Endpoint as _, Message as _},
    messages::{Common, PreauthedCancel},
    secret::AppKey,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;

/// The program's allocator, so that the bench measures what is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 64;
const MID: &str = "898201612345678";

fn main() {
    let bills = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(100_000);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare(bills));
}

async fn compare(bills: usize) {
    // Beside the program's build, which lies on a disk; temporary directories often do not.
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(base).unwrap();
    let data = dir.path().join("data");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        log: holdfast_gateway::config::LogLevel::Error,
        ..Config::default()
    };
    let dice = Dice::unpredictable();
    let vault = || Arc::new(Vault::open(&data.join("master.key"), &Dice::unpredictable()).unwrap());

    eprintln!("loading {bills} captured holds …");
    let watch = Stopwatch::start();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&data, config.environment.name()).unwrap());
    let empty = bytes_in(&data);
    let key = demo_app(&store, &vault(), &dice).await;
    load(&store, bills).await;
    store.close().await;
    drop(store);
    let loaded = watch.elapsed();
    let per_hold = (bytes_in(&data) - empty) / u64::try_from(bills).unwrap();
    println!(
        "loaded {bills} captured holds in {:.1} s, {per_hold} bytes on disk each",
        loaded.as_secs_f64()
    );

    let first = first_answer(&data);
    println!(
        "program: {} ms from start to first answer, {} MiB resident",
        first.0.as_millis(),
        first.1.map_or("?".to_owned(), |kib| (kib / 1024).to_string())
    );

    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&data, config.environment.name()).unwrap());
    // What was loaded is not to be announced now.
    let outbox = MemoryOutbox::new();
    outbox.put(store.last().await.unwrap(), vec![]).await.unwrap();
    let parts = Parts {
        store,
        outbox: Arc::new(outbox),
        console: ConsoleFiles::in_memory(),
        vault: vault(),
        clock: None,
        dice: Dice::unpredictable(),
    };
    let running = start(&config, parts).await.unwrap();
    let a = drive(&running, &key, bills).await;
    println!("(a) gateway on SQLite : {a}");
    running.stop().await;

    let (still, vault) = (Arc::new(Still::new()), Arc::new(Vault::throw_away(&dice)));
    let store: Arc<dyn Store> = still.clone();
    let key = demo_app(&store, &vault, &dice).await;
    let running = start(
        &config,
        Parts {
            store,
            outbox: Arc::new(MemoryOutbox::new()),
            vault,
            clock: None,
            dice,
            console: ConsoleFiles::in_memory(),
        },
    )
    .await
    .unwrap();
    let b = drive(&running, &key, bills).await;
    println!("(b) without a store   : {b}");
    running.stop().await;

    println!("ratio a/b             : {:.2}", a.rate / b.rate);
}

/// A merchant and an app that may act for it.
async fn demo_app(store: &Arc<dyn Store>, vault: &Arc<Vault>, dice: &Dice) -> AppKey {
    let accounts = Accounts::open(store.clone(), vault.clone()).await.unwrap();
    let mid = Mid::parse(MID).unwrap();
    accounts.add_merchant(&mid, &Text::parse("Bench Hotel").unwrap()).await.unwrap();
    accounts.add_app(Some("bench"), None, &[mid], &[], dice).await.unwrap().1
}

/// Makes holds and captures them, through the same rules as a gateway.
async fn load(store: &Arc<dyn Store>, bills: usize) {
    let core = core(store.clone()).await;
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..CONNECTIONS * 4)
        .map(|_| {
            let (core, next) = (core.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= bills {
                        return;
                    }
                    captured(&core, number).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

async fn core(store: Arc<dyn Store>) -> Arc<Core> {
    let clock = Clock::running(0);
    let channel = holdfast_gateway::channel::Simulated::open(store.clone(), clock.clone(), true)
        .await
        .unwrap();
    let policy = holdfast_domain::Policy::default();
    Arc::new(Core::new(store, Arc::new(channel), clock, Dice::unpredictable(), policy, 8_000))
}

async fn captured(core: &Core, number: usize) -> Bill {
    let now = core.clock.now();
    let bill =
        core.create(Bill::request(key(number), terms(number, now)), now, asker()).await.unwrap();
    let bill = core.submit(bill, &authorize(), &Asker::Payer).await.unwrap();
    let capture = Command::Capture {
        order: capture_id(number),
        part: Amount::from_fen(38_000).unwrap(),
        auth: auth(),
        fingerprint: Fingerprint([0; 16]),
    };
    let bill = core.submit(bill, &capture, &asker()).await.unwrap();
    match core.carry_out(bill, true).await.unwrap() {
        holdfast_gateway::submit::Settled::Known(bill, None) => bill,
        other => panic!("not captured: {other:?}"),
    }
}

fn asker() -> Asker {
    Asker::App { app: "bench".into(), nonce: None, request: None }
}

fn key(number: usize) -> BillKey {
    BillKey {
        mid: Mid::parse(MID).unwrap(),
        no: BillNo::parse(&format!("124F202611230800000{number:09}")).unwrap(),
        date: Day::parse("2026-11-23").unwrap(),
    }
}

fn capture_id(number: usize) -> OrderId {
    OrderId::parse(&format!("124F202611230900000{number:09}")).unwrap()
}

fn auth() -> AuthCode {
    AuthCode::parse("206067").unwrap()
}

fn terms(number: usize, now: Moment) -> Terms {
    Terms {
        details: Details { description: Text::parse("押金 1号房").ok(), ..Details::default() },
        ..Terms::plain(
            Kind::Hold,
            Amount::from_fen(50_000).unwrap(),
            CodeId::parse(&format!("26112300000000000{number:09}")).unwrap(),
            Tid::parse("88880001").unwrap(),
            now,
            now.plus_ms(1_800_000),
            Fingerprint([0; 16]),
        )
    }
}

fn authorize() -> Command {
    Command::Authorize {
        marks: Marks {
            reference: Text::parse("00315100000N").ok(),
            target: Text::parse("4200000001202611230000000001").ok(),
        },
        channel: PaidThrough::UnionPay,
        payer_id: Text::parse("2088123456789012").ok(),
        payer_name: Text::parse("模拟付款人").ok(),
        card: Some(holdfast_domain::CardKind::Debit),
        tail: holdfast_domain::CardTail::parse("0128").ok(),
        auth: auth(),
    }
}

/// What a load came to.
struct Figures {
    rate: f64,
    p50: Duration,
    p99: Duration,
    count: usize,
    seconds: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>7.0} requests/s, p50 {:>5.2} ms, p99 {:>6.2} ms ({} reversals in {:.1} s)",
            self.rate,
            self.p50.as_secs_f64() * 1e3,
            self.p99.as_secs_f64() * 1e3,
            self.count,
            self.seconds
        )
    }
}

/// Reverses every capture once, each with its own signed request, over all connections at once.
async fn drive(running: &Running, app_key: &AppKey, bills: usize) -> Figures {
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (next, app_key, address) = (next.clone(), app_key.clone(), running.address);
            tokio::spawn(async move {
                let stream = tokio::net::TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut sender, connection) =
                    http1::handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                let (clock, mut times) = (Clock::running(0), vec![]);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= bills {
                        return times;
                    }
                    let watch = Stopwatch::start();
                    let response =
                        sender.send_request(request(number, &app_key, &clock)).await.unwrap();
                    let status = response.status();
                    let body = response.into_body().collect().await.unwrap().to_bytes();
                    times.push(watch.elapsed());
                    let text = String::from_utf8_lossy(&body);
                    assert!(
                        status == 200 && text.contains(r#""errCode":"SUCCESS""#),
                        "{status} {text}"
                    );
                }
            })
        })
        .collect();
    let mut times = vec![];
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    let seconds = watch.elapsed().as_secs_f64();
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let count = times.len();
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure to print")]
    let rate = count as f64 / seconds;
    Figures { rate, p50: at(50), p99: at(99), count, seconds }
}

fn request(number: usize, app_key: &AppKey, clock: &Clock) -> Request<Full<Bytes>> {
    let wall = clock.wall();
    let BillKey { mid, no, date } = key(number);
    let body = PreauthedCancel {
        common: Common {
            request_timestamp: wall,
            mid,
            tid: Tid::parse("88880001").unwrap(),
            inst_mid: InstMid::QrPay,
            msg_id: Text::parse("800000000010").ok(),
            src_reserve: None,
        },
        bill_no: no,
        bill_date: date,
        mer_order_id: capture_id(number),
        auth_id_resp_cd: auth(),
    }
    .encode();
    let nonce = Nonce::parse(&format!("{number:032}")).unwrap();
    let signed =
        BodySig::sign(app_key, AppId::parse("bench").unwrap(), Stamp::at(wall), nonce, &body);
    Request::post(PreauthedCancel::PATH)
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .header("authorization", signed.header())
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

/// Starts the program on the loaded data: how long until it answers, and its resident memory in KiB then.
fn first_answer(data: &Path) -> (Duration, Option<u64>) {
    let watch = Stopwatch::start();
    let mut program = Program::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data-dir"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let elapsed = watch.elapsed();
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse().ok());
    program.kill().unwrap();
    program.wait().unwrap();
    (elapsed, resident)
}

fn bytes_in(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    files.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}

/// A store that keeps nothing: every bill of the bench stands captured in it for ever, and every commit is
/// taken at once. Apps and merchants are kept in memory.
struct Still {
    registry: MemoryStore,
    captured: Bill,
    reversed: Leg,
}

impl Still {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (captured, reversed) = std::thread::spawn(move || {
            runtime.block_on(async {
                let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
                let core = core(store.clone()).await;
                let captured = captured(&core, 0).await;
                let reverse = Command::Reverse { capture: capture_id(0), auth: auth() };
                let bill = core.submit(captured.clone(), &reverse, &asker()).await.unwrap();
                core.carry_out(bill, true).await.unwrap();
                let (_, leg) = store.leg(&captured.key.mid, &capture_id(0)).await.unwrap().unwrap();
                (captured, leg)
            })
        })
        .join()
        .unwrap();
        Self { registry: MemoryStore::new(), captured, reversed }
    }
}

impl Store for Still {
    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move {
            let mut bill = self.captured.clone();
            bill.key = Arc::new(key.clone());
            let number = key.no.as_str().strip_prefix("124F202611230800000").unwrap_or_default();
            if let Phase::Taken { takings, .. } = &mut bill.phase
                && let Some(leg) = &takings.capture
            {
                let order = OrderId::parse(&format!("124F202611230900000{number}")).unwrap();
                takings.capture = Some(Arc::new(Leg { order, ..(**leg).clone() }));
            }
            Ok(Some(bill))
        })
    }

    fn leg<'a>(
        &'a self,
        mid: &'a Mid,
        order: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>> {
        Box::pin(async move {
            let number = order.as_str().strip_prefix("124F202611230900000").unwrap_or_default();
            let no = BillNo::parse(&format!("124F202611230800000{number}")).unwrap();
            let key = BillKey { mid: mid.clone(), no, date: self.captured.key.date };
            Ok(Some((Arc::new(key), Leg { order: order.clone(), ..self.reversed.clone() })))
        })
    }

    fn commit<'a>(&'a self, _: Commit) -> Task<'a, Result<(), CommitError>> {
        Box::pin(async { Ok(()) })
    }

    fn numbered<'a>(
        &'a self,
        mid: &'a Mid,
        no: &'a BillNo,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.registry.numbered(mid, no, limit)
    }

    fn coded<'a>(&'a self, code: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.registry.coded(code)
    }

    fn bills<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        self.registry.bills(after, limit)
    }

    fn legs<'a>(
        &'a self,
        after: Option<&'a (Mid, OrderId)>,
        limit: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>> {
        self.registry.legs(after, limit)
    }

    fn due<'a>(&'a self, now: Moment, limit: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        self.registry.due(now, limit)
    }

    fn open<'a>(
        &'a self,
        after: Option<&'a BillKey>,
        limit: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        self.registry.open(after, limit)
    }

    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.registry.journal(seq, limit)
    }

    fn history<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        self.registry.history(key)
    }

    fn latest<'a>(
        &'a self,
        mid: &'a Mid,
        tid: &'a Tid,
    ) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        self.registry.latest(mid, tid)
    }

    fn day<'a>(&'a self, day: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>> {
        self.registry.day(day)
    }

    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.registry.last()
    }

    fn registry<'a>(
        &'a self,
        kind: Registered,
    ) -> Task<'a, Result<Vec<(String, String)>, StoreFault>> {
        self.registry.registry(kind)
    }

    fn registered<'a>(
        &'a self,
        kind: Registered,
        id: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>> {
        self.registry.registered(kind, id)
    }

    fn register<'a>(
        &'a self,
        kind: Registered,
        id: &'a str,
        record: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>> {
        self.registry.register(kind, id, record)
    }

    fn replace<'a>(
        &'a self,
        kind: Registered,
        id: &'a str,
        seen: Option<&'a str>,
        record: String,
    ) -> Task<'a, Result<bool, StoreFault>> {
        self.registry.replace(kind, id, seen, record)
    }

    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        self.registry.registry_version()
    }

    fn fault(&self) -> Option<StoreFault> {
        None
    }

    fn close<'a>(&'a self) -> Task<'a, ()> {
        Box::pin(async {})
    }
}
