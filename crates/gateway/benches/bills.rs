//! Whether a page of bills opens as fast among a million as among a thousand.
//!
//! In one run it folds two journals into two files on a real disk, as a gateway does that makes its index anew, and
//! opens the same pages in both by turns, through the finder's own door. The journals are made up as they are read: a
//! day is a thousand bills, and every day of them is alike, so that all that differs is how many days there are.
//!
//! ```text
//! cargo bench -p holdfast-gateway --bench bills           # 1,000,000 bills against 1,000
//! cargo bench -p holdfast-gateway --bench bills -- 20000  # fewer
//! ```

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillKey, BillNo, Change, Channel, CodeId, Command, Day, Fingerprint,
    Kind, Leg, Marks, Mid, Moment, OrderId, Policy, Terms, Tid, Verdict, decide,
};
use holdfast_gateway::{
    clock::{Dice, Stopwatch},
    finder::{Cursor, Finder, Order, Place, Wanted, What},
    request::RequestId,
    store::{Asker, Commit, CommitError, Kind as Registered, Record, Store, StoreFault, Task},
};

/// Bills of a day.
const DAILY: u64 = 1_000;
const FEW: u64 = DAILY;
/// Rows of a page.
const ROWS: usize = 50;
/// How often each page is opened in each file.
const OPENINGS: usize = 1_001;
const MERCHANTS: u64 = 4;
/// Of each merchant.
const TERMINALS: u64 = 2;
/// What most rooms cost; of the others no two cost the same.
const FEN: [u64; 4] = [30_000, 50_000, 80_000, 120_000];
/// What becomes of bills, one after the other.
const LIVES: [&str; 10] = [
    "authorize",
    "authorize capture approve",
    "authorize",
    "authorize capture approve refund approve",
    "authorize",
    "authorize capture approve",
    "close",
    "authorize",
    "authorize release approve",
    "authorize",
];
const MS_PER_DAY: u64 = 86_400_000;
/// Between two bills, and between two steps of one.
const BILL_MS: u64 = 10_000;
const STEP_MS: i64 = 4 * 3_600_000;

#[tokio::main]
async fn main() {
    let many: u64 =
        std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000).max(2 * FEW);
    // Beside the program's build, which lies on a disk; temporary directories often do not.
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::Builder::new().prefix("bills-").tempdir_in(base).unwrap();
    let few = Index::make(&dir.path().join("few"), FEW).await;
    let many = Index::make(&dir.path().join("many"), many.next_multiple_of(DAILY)).await;

    println!();
    let (left, right) = (format!("{} bills", few.bills), format!("{} bills", many.bills));
    println!("{:<36}{left:>16}{right:>16}{:>8}", format!("pages of {ROWS}, median"), "ratio");
    for page in PAGES {
        let (mut fast, mut slow) = (vec![], vec![]);
        let dice = Dice::seeded(1);
        // By turns, so that whatever else the machine does befalls both. The first opening of each fills caches.
        for _ in 0..=OPENINGS {
            fast.push(few.open(&page, &dice).await);
            slow.push(many.open(&page, &dice).await);
        }
        let (fast, slow) = (median(&mut fast), median(&mut slow));
        let ratio = slow.as_nanos() * 100 / fast.as_nanos();
        println!(
            "{:<36}{:>13} us{:>13} us{:>8}",
            page.name,
            fast.as_micros(),
            slow.as_micros(),
            format!("{}.{:02}", ratio / 100, ratio % 100)
        );
    }
}

fn median(times: &mut Vec<Duration>) -> Duration {
    times.remove(0);
    times.sort();
    times[times.len() / 2]
}

/// A page that people open.
struct Page {
    name: &'static str,
    /// How many rows it has in either file: none is fast because it finds less.
    rows: usize,
    /// What is asked for it among so many bills.
    wanted: fn(u64, &Dice) -> Wanted,
}

const PAGES: [Page; 9] = [
    Page { name: "the first", rows: ROWS, wanted: |_, _| page() },
    Page { name: "in the middle", rows: ROWS, wanted: |bills, _| before(bills / 2, page()) },
    Page {
        name: "anywhere, each time elsewhere",
        rows: ROWS,
        // The only page that was not looked at just before: a thousand bills stay in every cache, a million do not.
        // So many bills at least were made before.
        wanted: |bills, dice| {
            before(bills - dice.roll(bills - u64::try_from(ROWS).unwrap()), page())
        },
    },
    Page { name: "of a merchant, held", rows: ROWS, wanted: |_, _| held() },
    Page {
        name: "of a merchant, held, in the middle",
        rows: ROWS,
        wanted: |bills, _| before(bills / 2, held()),
    },
    Page {
        name: "held, the next to expire first",
        rows: ROWS,
        wanted: |_, _| Wanted { order: Order::Deadline, ..page() },
    },
    Page {
        name: "of an amount that many have",
        rows: ROWS,
        wanted: |_, _| only(What::Amount(fen(FEN[0]))),
    },
    Page {
        name: "the only bill of an amount",
        rows: 1,
        wanted: |bills, _| only(What::Amount(fen(own_fen(bills / 2)))),
    },
    Page {
        name: "the bill of a number",
        rows: 1,
        wanted: |bills, _| only(What::Number(key(bills / 2).no.to_string())),
    },
];

fn page() -> Wanted {
    Wanted { limit: ROWS, ..Wanted::default() }
}

fn held() -> Wanted {
    Wanted { mid: Some(key(0).mid), phases: vec!["authorized"], ..page() }
}

fn only(what: What) -> Wanted {
    Wanted { what: Some(what), ..page() }
}

/// The page that goes on with what was made before a bill.
fn before(number: u64, wanted: Wanted) -> Wanted {
    // No row has the id 0.
    let cursor = Cursor::parse(&format!("{}.0", made_at(number).0)).unwrap();
    Wanted { place: Place::After(cursor), ..wanted }
}

/// A finder's file, and the journal that it is of.
struct Index {
    journal: Journal,
    finder: Finder,
    bills: u64,
}

impl Index {
    /// Folds a journal into a new file, as the finder does when its own is gone.
    async fn make(dir: &Path, bills: u64) -> Self {
        let (journal, finder) =
            (Journal { bills, day: Mutex::default() }, Finder::open(dir).unwrap());
        let watch = Stopwatch::start();
        let last = journal.last().await.unwrap();
        while finder.fold(&journal, 64).await.unwrap().folded < last {}
        let ms = u64::try_from(watch.elapsed().as_millis()).unwrap().max(1);
        println!(
            "folded {last} records of {bills} bills in {}.{} s, {} records a second, {} MB on disk",
            ms / 1_000,
            ms % 1_000 / 100,
            last * 1_000 / ms,
            bytes_in(dir) / 1_000_000
        );
        Self { journal, finder, bills }
    }

    /// How long a page takes.
    async fn open(&self, page: &Page, dice: &Dice) -> Duration {
        let wanted = (page.wanted)(self.bills, dice);
        let watch = Stopwatch::start();
        let found = self.finder.find(&self.journal, &wanted).await.unwrap();
        let elapsed = watch.elapsed();
        assert!(found.rows.len() == page.rows && !found.partial && found.behind == 0, "{found:?}");
        elapsed
    }
}

/// The log beside the file counts too.
fn bytes_in(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    files.map(|file| file.len()).sum()
}

fn fen(fen: u64) -> Amount {
    Amount::from_fen(fen).unwrap()
}

/// What a bill costs that costs what no other does.
fn own_fen(number: u64) -> u64 {
    1_000_000 + number
}

fn made_at(number: u64) -> Moment {
    let ms = number / DAILY * MS_PER_DAY + number % DAILY * BILL_MS;
    Moment(i64::try_from(ms).unwrap())
}

fn key(number: u64) -> BillKey {
    let merchant = Dice::seeded(number).roll(MERCHANTS);
    BillKey {
        mid: Mid::parse(&format!("89820161234567{merchant}")).unwrap(),
        no: BillNo::parse(&format!("HOTEL{number:09}")).unwrap(),
        date: Day(i32::try_from(number / DAILY).unwrap()),
    }
}

fn made(number: u64) -> Change {
    let (key, dice, at) = (key(number), Dice::seeded(!number), made_at(number));
    let terminal = format!("8888{}{}", &key.mid.as_str()[11..], dice.roll(TERMINALS));
    let common = FEN[usize::try_from(dice.roll(4)).unwrap()];
    let terms = Terms::plain(
        Kind::Hold,
        fen(if number.is_multiple_of(4) { own_fen(number) } else { common }),
        CodeId::parse(&dice.digits(24)).unwrap(),
        Tid::parse(&terminal).unwrap(),
        at,
        at.plus_days(1),
        Fingerprint([0; 16]),
    );
    Bill::request(key, terms)
}

fn next(number: u64, bill: &Bill, step: &str, at: Moment) -> Change {
    let auth = || AuthCode::parse("206067").unwrap();
    let marks = Marks { reference: None, target: None };
    let order = |of: &str| OrderId::parse(&format!("{of}{number:09}")).unwrap();
    let command = match step {
        "authorize" => Command::Authorize {
            marks,
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: auth(),
        },
        "capture" => Command::Capture {
            order: order("TAKEN"),
            part: fen(20_000),
            auth: auth(),
            fingerprint: Fingerprint([1; 16]),
        },
        "refund" => Command::Refund {
            order: order("BACK"),
            part: fen(10_000),
            from: None,
            fingerprint: Fingerprint([2; 16]),
        },
        "release" => Command::Release { hold: bill.key.payment_leg(), auth: auth() },
        "close" => Command::Close,
        "approve" => Command::Report {
            number: bill.open_order().expect("an order was asked for").0.number,
            verdict: Verdict::Approved { marks, restored: true },
        },
        other => panic!("no such step: {other}"),
    };
    decide(bill, &command, at, &Policy::default()).expect("the step is allowed")
}

/// A journal of so many bills, of which only the day is there that was read last.
struct Journal {
    bills: u64,
    day: Mutex<Option<Arc<Written>>>,
}

/// A day of the journal.
struct Written {
    day: u64,
    records: Vec<Record>,
    /// By number, as they are at last.
    bills: Vec<Bill>,
}

impl Written {
    /// All bills are made, then the next thing happens to each that has one coming, and so on.
    fn of(day: u64) -> Self {
        let mut written = Self { day, records: vec![], bills: vec![] };
        let first = day * DAILY;
        for number in first..first + DAILY {
            let bill = written.write(made(number), made_at(number), "make");
            written.bills.push(bill);
        }
        let longest = LIVES.iter().map(|life| life.split(' ').count()).max().unwrap_or_default();
        for step in 0..longest {
            for place in 0..written.bills.len() {
                let Some(word) = LIVES[place % LIVES.len()].split(' ').nth(step) else { continue };
                let number = first + u64::try_from(place).unwrap();
                let at = made_at(number).plus_ms(STEP_MS * i64::try_from(step + 1).unwrap());
                let change = next(number, &written.bills[place], word, at);
                written.bills[place] = written.write(change, at, word);
            }
        }
        written
    }

    fn write(&mut self, change: Change, at: Moment, step: &str) -> Bill {
        let seq = self.day * daily_records() + u64::try_from(self.records.len()).unwrap() + 1;
        let Change { bill, event, entries, .. } = change;
        let asker = match step {
            "authorize" => Asker::Payer,
            "approve" => Asker::Channel,
            _ => {
                let request = Some(RequestId { run: 1, number: seq });
                Asker::App { app: "bench".into(), nonce: None, request }
            }
        };
        let (key, version) = (bill.key.clone(), bill.version);
        self.records.push(Record { seq, at, key, version, event, entries, asker });
        bill
    }
}

fn daily_records() -> u64 {
    let lives = LIVES.iter().map(|life| 1 + life.split(' ').count()).sum::<usize>();
    u64::try_from(lives * usize::try_from(DAILY).unwrap() / LIVES.len()).unwrap()
}

impl Journal {
    fn written(&self, day: u64) -> Arc<Written> {
        let mut kept = self.day.lock().unwrap();
        match &*kept {
            Some(written) if written.day == day => written.clone(),
            _ => kept.insert(Arc::new(Written::of(day))).clone(),
        }
    }
}

fn unasked<'a, T>() -> Task<'a, T> {
    unreachable!("an index is made of the journal and of its bills")
}

impl Store for Journal {
    fn journal<'a>(&'a self, seq: u64, limit: usize) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        Box::pin(async move {
            if seq >= self.bills / DAILY * daily_records() {
                return Ok(vec![]);
            }
            let (day, skip) = (self.written(seq / daily_records()), seq % daily_records());
            let rest = day.records.iter().skip(usize::try_from(skip).unwrap());
            Ok(rest.take(limit).cloned().collect())
        })
    }

    fn last<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async { Ok(self.bills / DAILY * daily_records()) })
    }

    fn bill<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        Box::pin(async move {
            let day = self.written(u64::try_from(key.date.0).unwrap());
            let number: usize = key.no.as_str().trim_start_matches("HOTEL").parse().unwrap();
            Ok(day.bills.get(number % usize::try_from(DAILY).unwrap()).cloned())
        })
    }

    fn numbered<'a>(
        &'a self,
        _: &'a Mid,
        _: &'a BillNo,
        _: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        unasked()
    }

    fn coded<'a>(&'a self, _: &'a CodeId) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        unasked()
    }

    fn leg<'a>(
        &'a self,
        _: &'a Mid,
        _: &'a OrderId,
    ) -> Task<'a, Result<Option<(Arc<BillKey>, Leg)>, StoreFault>> {
        unasked()
    }

    fn legs<'a>(
        &'a self,
        _: Option<&'a (Mid, OrderId)>,
        _: usize,
    ) -> Task<'a, Result<Vec<(Arc<BillKey>, Leg)>, StoreFault>> {
        unasked()
    }

    fn commit<'a>(&'a self, _: Commit) -> Task<'a, Result<(), CommitError>> {
        unasked()
    }

    fn bills<'a>(
        &'a self,
        _: Option<&'a BillKey>,
        _: usize,
    ) -> Task<'a, Result<Vec<Bill>, StoreFault>> {
        unasked()
    }

    fn due<'a>(&'a self, _: Moment, _: usize) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        unasked()
    }

    fn open<'a>(
        &'a self,
        _: Option<&'a BillKey>,
        _: usize,
    ) -> Task<'a, Result<Vec<BillKey>, StoreFault>> {
        unasked()
    }

    fn history<'a>(&'a self, _: &'a BillKey) -> Task<'a, Result<Vec<Record>, StoreFault>> {
        unasked()
    }

    fn latest<'a>(&'a self, _: &'a Mid, _: &'a Tid) -> Task<'a, Result<Option<Bill>, StoreFault>> {
        unasked()
    }

    fn day<'a>(&'a self, _: Day) -> Task<'a, Result<Option<(u64, u64)>, StoreFault>> {
        unasked()
    }

    fn registry<'a>(
        &'a self,
        _: Registered,
    ) -> Task<'a, Result<Vec<(String, String)>, StoreFault>> {
        unasked()
    }

    fn registered<'a>(
        &'a self,
        _: Registered,
        _: &'a str,
    ) -> Task<'a, Result<Option<String>, StoreFault>> {
        unasked()
    }

    fn register<'a>(
        &'a self,
        _: Registered,
        _: &'a str,
        _: Option<String>,
    ) -> Task<'a, Result<(), StoreFault>> {
        unasked()
    }

    fn replace<'a>(
        &'a self,
        _: Registered,
        _: &'a str,
        _: Option<&'a str>,
        _: String,
    ) -> Task<'a, Result<bool, StoreFault>> {
        unasked()
    }

    fn registry_version<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        unasked()
    }

    fn fault(&self) -> Option<StoreFault> {
        None
    }

    fn close<'a>(&'a self) -> Task<'a, ()> {
        unasked()
    }
}
