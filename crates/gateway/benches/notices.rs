//! How fast notices are delivered, and whether a receiver that hangs holds up another.
//!
//! In one run it delivers N letters to a good receiver over real sockets, (a) alone and (b) beside receivers
//! that accept connections and never answer, each with as many letters waiting, and beside thousands with a letter
//! that is not due yet, and prints the ratio b/a. The outbox is on a real disk, synced with every change; receivers
//! and courier share the same cores.
//!
//! ```text
//! cargo bench -p holdfast-gateway --bench notices           # 5,000 letters, beside 4 that hang and 2,000 that wait
//! cargo bench -p holdfast-gateway --bench notices -- 1000
//! ```

#![expect(clippy::float_arithmetic, reason = "rates and ratios to print; no money is counted here")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use holdfast_gateway::{
    clock::{Clock, Dice, Stopwatch},
    config::Environment,
    notices::{
        Letter, Outbox as _, Signed, Signer, Unsigned, courier::Courier, outbox::SqliteOutbox,
    },
    outbound::{Border, Outbound},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Notify, watch},
};

const HANGING: usize = 4;
const WAITING: usize = 2_000;

/// The signature is not what is measured.
struct NoSignature;

impl Signer for NoSignature {
    fn sign(&self, letter: &Letter, _wall: Moment) -> Result<Signed, Unsigned> {
        Ok(Signed { body: format!("notifyId={}", letter.notify_id), headers: vec![] })
    }
}

/// A receiver that says yes, or one that says nothing.
#[derive(Default)]
struct Shop {
    taken: AtomicUsize,
    news: Notify,
}

impl Shop {
    async fn open(answers: bool) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let shop = Arc::new(Self::default());
        let open = shop.clone();
        tokio::spawn(async move {
            let mut silent = vec![];
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if !answers {
                    silent.push(stream);
                    continue;
                }
                let shop = open.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![];
                    while !String::from_utf8_lossy(&bytes).contains("notifyId=") {
                        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
                            return;
                        }
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nSUCCESS";
                    stream.write_all(answer).await.unwrap();
                    shop.taken.fetch_add(1, Ordering::SeqCst);
                    shop.news.notify_one();
                });
            }
        });
        (shop, url)
    }
}

fn letters(first: usize, count: usize, url: &str, at: Moment) -> Vec<Letter> {
    let mid = Mid::parse("M1").unwrap();
    let letter = |number: usize| Letter {
        seq: u64::try_from(number).unwrap(),
        mid: mid.clone(),
        bill: BillKey {
            mid: mid.clone(),
            no: BillNo::parse(&format!("BILL{number:08}")).unwrap(),
            date: Day(0),
        },
        event: "hold.authorized".to_owned(),
        notify_id: number.to_string(),
        url: url.to_owned(),
        pairs: vec![("billNo".to_owned(), format!("BILL{number:08}"))],
        at,
    };
    (first..first + count).map(letter).collect()
}

/// Letters a second that arrive at a good receiver, beside so many that hang and so many that wait.
async fn rate(count: usize, hanging: usize, waiting: usize) -> f64 {
    let dir = tempfile::TempDir::new().unwrap();
    let outbox = Arc::new(SqliteOutbox::open(dir.path()).unwrap());
    let mut first = 1;
    for _ in 0..hanging {
        let (_, url) = Shop::open(false).await;
        outbox.put(0, letters(first, count, &url, Moment(0))).await.unwrap();
        first += count;
    }
    let (shop, url) = Shop::open(true).await;
    outbox.put(0, letters(first, count, &url, Moment(0))).await.unwrap();
    first += count;
    // Put last: no letter is due before one that was put earlier.
    let later = (first..first + waiting).flat_map(|number| {
        letters(number, 1, &format!("http://shop{number}.example/"), Moment(i64::MAX))
    });
    outbox.put(0, later.collect()).await.unwrap();
    let post = Outbound::new(Border::new(Environment::Test, &[]), None).unwrap();
    let (clock, dice) = (Clock::running(0), Dice::seeded(1));
    let courier = Courier::new(outbox, Arc::new(NoSignature), Arc::new(post), clock, dice);
    let (_stop, mut stopped) = watch::channel(false);
    let watch = Stopwatch::start();
    let running = tokio::spawn(courier.run(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    while shop.taken.load(Ordering::SeqCst) < count {
        shop.news.notified().await;
    }
    let seconds = watch.elapsed().as_secs_f64();
    // Those that hang are not waited for.
    running.abort();
    f64::from(u32::try_from(count).unwrap()) / seconds
}

#[tokio::main]
async fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(5_000);
    let alone = rate(count, 0, 0).await;
    println!(
        "a good receiver alone:                  {alone:>8.0} letters a second ({count} letters)"
    );
    let beside = rate(count, HANGING, WAITING).await;
    println!("beside {HANGING} that hang, {WAITING} that wait:    {beside:>8.0} letters a second");
    println!("ratio:                                  {:>8.2}", beside / alone);
}
