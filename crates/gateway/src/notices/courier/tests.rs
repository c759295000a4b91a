//! The courier step by step with a post that does as it is told, and whole over real sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
};

use holdfast_domain::{BillNo, Day, Mid};
use holdfast_wire::{notice, secret::NoticeKey};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};

use super::{
    super::{
        Letter, Unsigned,
        outbox::{Filter, MemoryOutbox, SqliteOutbox, State},
    },
    *,
};
use crate::{config::Environment, outbound::Border};

const KEY: &str = "a communication key that only this test knows";

/// Signs as merchants' settings do; one merchant has no key.
struct Keys;

impl Signer for Keys {
    fn sign(&self, letter: &Letter, _wall: Moment) -> Result<Signed, Unsigned> {
        if letter.mid.as_str() == "KEYLESS" {
            return Err(Unsigned("merchant KEYLESS has no communication key".to_owned()));
        }
        let sign = notice::sign(&key(), letter.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let pairs = letter.pairs.iter().map(|(name, value)| format!("{name}={value}"));
        let body = pairs.chain([format!("{}={sign}", notice::SIGN)]).collect::<Vec<_>>().join("&");
        Ok(Signed { body, headers: vec![] })
    }
}

fn key() -> NoticeKey {
    NoticeKey::parse(KEY).unwrap()
}

/// The number of the notice in a body, if the body is signed as it should be.
fn verified(body: &str) -> Option<String> {
    let pairs: Vec<(&str, &str)> =
        body.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let id = pairs.iter().find(|(name, _)| *name == "notifyId").map(|(_, value)| value.to_string());
    notice::verify(&key(), pairs).then_some(id?)
}

/// Answers by receiver: the first letter of the host's name says how.
#[derive(Default)]
struct Told {
    /// Addresses and notices, in the order they were posted.
    book: Mutex<Vec<String>>,
    /// Receivers that are asleep no longer.
    awake: Mutex<BTreeSet<String>>,
}

impl Post for Told {
    fn post<'a>(&'a self, url: &'a str, letter: Signed) -> Task<'a, Result<Reply, Trouble>> {
        Box::pin(async move {
            let id = verified(&letter.body).expect("every letter is signed");
            self.book.lock().unwrap().push(id);
            let host = url.split('/').nth(2).unwrap_or_default().to_owned();
            let awake = self.awake.lock().unwrap().contains(&host);
            let reply = |status, body: &str| {
                Ok(Reply { status, location: None, body: body.into(), cut: None })
            };
            match host.get(..1) {
                _ if awake => reply(200, schedule::word()),
                Some("g") => reply(200, schedule::word()),
                Some("f") => reply(500, "no"),
                _ => Err(Trouble("nobody there".to_owned())),
            }
        })
    }
}

/// A courier, and what it works on.
struct World {
    outbox: Arc<dyn Letters>,
    post: Arc<Told>,
    clock: Clock,
    courier: Courier,
}

impl World {
    fn new() -> Self {
        Self::on(Arc::new(MemoryOutbox::new()))
    }

    fn on(outbox: Arc<dyn Letters>) -> Self {
        let (post, clock) = (Arc::new(Told::default()), Clock::standing(Moment(1_000_000)));
        let courier = Courier::new(
            outbox.clone(),
            Arc::new(Keys),
            post.clone(),
            clock.clone(),
            Dice::seeded(1),
        );
        Self { outbox, post, clock, courier }
    }

    /// Puts letters, each about a bill of its own, to a host.
    async fn put(&self, host: &str, numbers: std::ops::RangeInclusive<u64>) {
        let letters = numbers.clone().map(|seq| letter(seq, &format!("http://{host}/"), "M1"));
        self.outbox.put(*numbers.end(), letters.collect()).await.unwrap();
    }

    /// Sends what goes out now and writes down what became of it; answers how many.
    async fn step(&mut self) -> usize {
        let mut ended = vec![];
        for errand in self.courier.look().await.unwrap() {
            ended.push(errand.run().await);
        }
        let count = ended.len();
        self.courier.record(ended).await.unwrap();
        count
    }

    /// Steps until nothing is due.
    async fn rest(&mut self) -> usize {
        let mut count = 0;
        loop {
            match self.step().await {
                0 => return count,
                more => count += more,
            }
        }
    }

    /// Moves the clock to when there is something to do; answers by how much.
    fn wait(&self) -> i64 {
        let ms = self.courier.next().unwrap().0 - self.clock.now().0;
        self.clock.advance(ms);
        ms
    }

    fn posted(&self) -> Vec<String> {
        std::mem::take(&mut self.post.book.lock().unwrap())
    }

    async fn check(&self, expected: [usize; 3]) {
        let all = self.outbox.list(&Filter::default(), None, usize::MAX).await.unwrap();
        let count = |state| all.iter().filter(|kept| kept.state == state).count();
        assert_eq!(State::ALL.map(count), expected, "waiting, delivered, given up");
    }
}

fn letter(seq: u64, url: &str, mid: &str) -> Letter {
    let mid = Mid::parse(mid).unwrap();
    Letter {
        seq,
        mid: mid.clone(),
        bill: BillKey { mid, no: BillNo::parse(&format!("BILL{seq:05}")).unwrap(), date: Day(0) },
        event: "hold.authorized".to_owned(),
        notify_id: format!("N{seq}"),
        url: url.to_owned(),
        pairs: vec![("notifyId".to_owned(), format!("N{seq}"))],
        at: Moment(1),
    }
}

#[tokio::test]
async fn letters_go_out_in_the_order_of_events_and_are_delivered() {
    let mut world = World::new();
    world.put("good", 1..=30).await;
    assert_eq!(world.step().await, limits::NOTICE_PER_RECEIVER);
    assert_eq!(world.rest().await, 30 - limits::NOTICE_PER_RECEIVER);
    assert_eq!(world.posted(), (1..=30).map(|seq| format!("N{seq}")).collect::<Vec<_>>());
    world.check([0, 30, 0]).await;
    assert_eq!(world.courier.next(), None);
}

#[tokio::test]
async fn a_letter_that_nobody_takes_is_tried_by_the_timetable_and_given_up() {
    let mut world = World::new();
    world.put("fails", 1..=1).await;
    let mut waited = vec![];
    while world.rest().await == 1 && world.courier.next().is_some() {
        waited.push(world.wait());
    }
    assert_eq!(world.posted(), vec!["N1"; 16]);
    for (waited, pause_s) in waited.iter().zip(schedule::PAUSES_S) {
        assert!((pause_s * 1_000..=pause_s * 1_125).contains(waited), "{waited} for {pause_s} s");
    }
    assert_eq!(waited.len(), 15);
    world.check([0, 0, 1]).await;
    let tries = world.outbox.tries(1).await.unwrap();
    let last = tries.last().unwrap();
    assert_eq!(tries.len(), 16);
    assert_eq!((last.status, last.trouble.as_deref()), (Some(500), Some("HTTP status 500")));
    assert_eq!((last.answer.as_slice(), last.looked_for.as_str()), (&b"no"[..], schedule::word()));
}

#[tokio::test]
async fn a_letter_that_fails_holds_back_only_what_comes_after_it_about_the_same_bill() {
    let mut world = World::new();
    let later = Letter { bill: letter(1, "", "M1").bill, ..letter(3, "http://fails/", "M1") };
    world
        .outbox
        .put(3, vec![letter(1, "http://fails/", "M1"), letter(2, "http://fails/", "M1"), later])
        .await
        .unwrap();
    world.rest().await;
    assert_eq!(world.posted(), ["N1", "N2"]);
    world.post.awake.lock().unwrap().insert("fails".to_owned());
    world.clock.advance(60_000);
    world.rest().await;
    let posted = world.posted();
    let place = |id: &str| posted.iter().position(|posted| posted == id).unwrap();
    assert!(place("N1") < place("N3"), "{posted:?}");
    world.check([0, 3, 0]).await;
}

#[tokio::test]
async fn an_older_letter_that_is_resent_waits_for_the_later_one_that_is_under_way() {
    let mut world = World::new();
    let later = Letter { bill: letter(1, "", "M1").bill, ..letter(2, "http://good/", "M1") };
    world.outbox.put(2, vec![letter(1, "http://good/", "M1"), later]).await.unwrap();
    // The first is delivered, and then the second is under way when somebody resends the first.
    assert_eq!(world.step().await, 1);
    let mut under_way = world.courier.look().await.unwrap();
    world.outbox.resend(&Filter::one(1), 1, 0).await.unwrap();
    assert_eq!(world.courier.look().await.unwrap().len(), 0);
    let ended = under_way.remove(0).run().await;
    world.courier.record(vec![ended]).await.unwrap();
    world.rest().await;
    assert_eq!(world.posted(), ["N1", "N2", "N1"]);
    world.check([0, 2, 0]).await;
}

#[tokio::test]
async fn one_receiver_has_so_many_places_and_no_more() {
    let mut world = World::new();
    world.put("one", 1..=100).await;
    world.put("good", 101..=103).await;
    let errands = world.courier.look().await.unwrap();
    let mut by_receiver = BTreeMap::<String, usize>::new();
    for errand in &errands {
        *by_receiver.entry(errand.kept.receiver.to_string()).or_default() += 1;
    }
    let expected = [("http://good:80", 3), ("http://one:80", limits::NOTICE_PER_RECEIVER)];
    assert_eq!(by_receiver, expected.map(|(name, count)| (name.to_owned(), count)).into());
    // Nothing goes out twice, and whoever is new is served while the other hangs.
    assert_eq!(world.courier.look().await.unwrap().len(), 0);
    world.put("good", 104..=104).await;
    assert_eq!(world.courier.look().await.unwrap().len(), 1);
}

#[tokio::test]
async fn when_places_are_scarce_receivers_take_turns() {
    let mut world = World::new();
    let receivers = limits::NOTICE_CONNECTIONS * 2;
    for receiver in 0..receivers {
        let first = u64::try_from(receiver * 4).unwrap() + 1;
        world.put(&format!("good{receiver:04}"), first..=first + 3).await;
    }
    // Three rounds and a half: each receiver has had three letters or four.
    let mut served = BTreeMap::<Receiver, usize>::new();
    for round in 1..=7 {
        let mut ended = vec![];
        for errand in world.courier.look().await.unwrap() {
            *served.entry(errand.kept.receiver.clone()).or_default() += 1;
            ended.push(errand.run().await);
        }
        assert_eq!(ended.len(), limits::NOTICE_CONNECTIONS);
        assert_eq!(world.courier.look().await.unwrap().len(), 0, "all places are taken");
        world.courier.record(ended).await.unwrap();
        assert_eq!(served.len(), receivers.min(round * limits::NOTICE_CONNECTIONS));
        let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
        assert!(most - least <= 1, "{least} to {most} in round {round}");
    }
    assert_eq!(world.rest().await, receivers / 2);
}

#[tokio::test]
async fn while_a_receiver_is_silent_its_letters_wait_and_keep_their_tries() {
    let mut world = World::new();
    world.put("silent", 1..=50).await;
    world.put("good", 51..=60).await;
    world.rest().await;
    let posted = world.posted();
    assert_eq!(posted.len(), 10 + limits::NOTICE_PER_RECEIVER, "{posted:?}");
    world.check([50, 10, 0]).await;
    let tries = async || {
        let all = world.outbox.list(&Filter::default(), None, 99).await.unwrap();
        all.iter().filter(|kept| kept.id <= 50).map(|kept| kept.tries).sum::<u32>()
    };
    assert_eq!(tries().await, 8);
    // One probe at a time, each a letter that has waited longest.
    for (number, pause_s) in [15, 30, 60, 120, 240, 300, 300].into_iter().enumerate() {
        assert_eq!(world.wait(), pause_s * 1_000, "before probe {number}");
        assert_eq!(world.rest().await, 1);
    }
    assert_eq!(world.posted().len(), 7);
    // The first answer lets out all that is due.
    world.post.awake.lock().unwrap().insert("silent".to_owned());
    world.wait();
    assert_eq!(world.step().await, 1);
    assert_eq!(world.step().await, limits::NOTICE_PER_RECEIVER);
    world.rest().await;
    while world.courier.next().is_some() {
        world.wait();
        world.rest().await;
    }
    world.check([0, 60, 0]).await;
}

/// Only a receiver that is never there: 16 tries take 24 hours or longer, however they are probed.
#[tokio::test]
async fn an_outage_never_shortens_the_24_hours() {
    let mut world = World::new();
    world.put("silent", 1..=20).await;
    let began = world.clock.now();
    let mut given_up = vec![];
    while world.rest().await > 0 || world.courier.next().is_some() {
        let gone = Filter { states: vec![State::GivenUp], ..Filter::default() };
        let gone = world.outbox.list(&gone, None, 99).await.unwrap();
        if gone.len() > given_up.len() {
            given_up.push(world.clock.now().0 - began.0);
        }
        if world.courier.next().is_none() {
            break;
        }
        world.wait();
    }
    world.check([0, 0, 20]).await;
    assert_eq!(world.posted().len(), 20 * 16);
    assert!(given_up.iter().all(|ms| *ms >= 24 * 3_600_000), "{given_up:?}");
}

#[tokio::test]
async fn resending_by_hand_probes_a_silent_receiver_at_once() {
    let mut world = World::new();
    world.put("silent", 1..=20).await;
    world.rest().await;
    world.posted();
    assert_eq!(world.step().await, 0);
    world.post.awake.lock().unwrap().insert("silent".to_owned());
    let round = world.outbox.begin_round().await.unwrap();
    let mut after = 0;
    while let Some(last) = world.outbox.resend(&Filter::default(), round, after).await.unwrap() {
        after = last;
    }
    assert_eq!(world.step().await, 1);
    world.rest().await;
    world.check([0, 20, 0]).await;
}

#[tokio::test]
async fn a_letter_without_a_key_is_not_sent_and_says_why() {
    let mut world = World::new();
    let keyless = letter(1, "http://good/", "KEYLESS");
    world.outbox.put(2, vec![keyless, letter(2, "http://good/", "M1")]).await.unwrap();
    world.rest().await;
    assert_eq!(world.posted(), ["N2"]);
    world.check([1, 1, 0]).await;
    let tries = world.outbox.tries(1).await.unwrap();
    assert_eq!(tries[0].trouble.as_deref(), Some("merchant KEYLESS has no communication key"));
    assert_eq!(tries[0].status, None);
}

/// A crash between delivery and its record.
#[tokio::test]
async fn what_was_delivered_and_not_written_down_is_sent_again_under_the_same_number() {
    let mut world = World::new();
    world.put("good", 1..=1).await;
    for errand in world.courier.look().await.unwrap() {
        errand.run().await;
    }
    let mut again = World::on(world.outbox.clone());
    again.rest().await;
    assert_eq!((world.posted(), again.posted()), (vec!["N1".to_owned()], vec!["N1".to_owned()]));
    again.check([0, 1, 0]).await;
}

/// An outbox that cannot be written for a while.
#[tokio::test]
async fn a_try_that_cannot_be_written_down_keeps_its_place_and_is_written_later() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut world = World::on(Arc::new(SqliteOutbox::open(dir.path()).unwrap()));
    world.put("good", 1..=20).await;
    let mut ended = vec![];
    for errand in world.courier.look().await.unwrap() {
        ended.push(errand.run().await);
    }
    let file = rusqlite::Connection::open(dir.path().join("notices.db")).unwrap();
    file.execute_batch("ALTER TABLE tries RENAME TO gone").unwrap();
    let fault = world.courier.record(ended).await.unwrap_err().to_string();
    assert!(fault.contains("record tries in notices.db"), "{fault}");
    assert_eq!(world.courier.look().await.unwrap().len(), 0);
    file.execute_batch("ALTER TABLE gone RENAME TO tries").unwrap();
    world.courier.record(vec![]).await.unwrap();
    world.check([12, 8, 0]).await;
    world.rest().await;
    assert_eq!(world.posted(), (1..=20).map(|seq| format!("N{seq}")).collect::<Vec<_>>());
    world.check([0, 20, 0]).await;
}

/// A million is too many for a test; that no question reads them all is proved by the plans of the queries.
#[tokio::test]
async fn a_backlog_at_a_dead_receiver_is_not_read_for_the_others() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut world = World::on(Arc::new(SqliteOutbox::open(dir.path()).unwrap()));
    world.put("silent", 1..=5_000).await;
    world.rest().await;
    world.posted();
    world.put("good", 5_001..=5_003).await;
    assert_eq!(world.step().await, 3);
    assert_eq!(world.posted(), ["N5001", "N5002", "N5003"]);
}

// Whole, over real sockets.

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Takes,
    Fails,
    /// Says nothing until it is told to do something else.
    Hangs,
    /// Sends its answer in two parts.
    Slow,
    Elsewhere,
    NoWord,
    Endless,
    BreaksOff,
}

/// A merchant's system: does with every request what it is told at that time.
struct Shop {
    url: String,
    act: watch::Sender<Act>,
    /// What it was told of and said yes to, in order.
    taken: Mutex<Vec<String>>,
    unsigned: AtomicUsize,
    failed: AtomicUsize,
    hanging: AtomicUsize,
    news: Notify,
}

impl Shop {
    async fn open(act: Act) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shop = Arc::new(Self {
            url: format!("http://{}/notify", listener.local_addr().unwrap()),
            act: watch::Sender::new(act),
            taken: Mutex::default(),
            unsigned: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            hanging: AtomicUsize::new(0),
            news: Notify::new(),
        });
        let open = shop.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(open.clone().serve(stream));
            }
        });
        shop
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut bytes = vec![];
        let body = loop {
            if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
                break body.to_owned();
            }
        };
        let Some(id) = verified(&body) else {
            self.unsigned.fetch_add(1, Ordering::SeqCst);
            return;
        };
        let mut act = *self.act.borrow();
        if act == Act::Hangs {
            self.hanging.fetch_add(1, Ordering::SeqCst);
            self.news.notify_one();
            let mut told = self.act.subscribe();
            act = *told.wait_for(|act| *act != Act::Hangs).await.unwrap();
        }
        let word = schedule::word();
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{word}", word.len());
        let answer = match act {
            Act::Takes | Act::Slow => whole,
            Act::Fails => "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Act::Elsewhere => format!(
                "HTTP/1.1 302 Away\r\nlocation: {}\r\ncontent-length: {}\r\n\r\n{word}",
                self.url,
                word.len()
            ),
            Act::NoWord => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
            Act::BreaksOff => "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nSUC".to_owned(),
            Act::Endless => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            Act::Hangs => unreachable!(),
        };
        if act == Act::Fails {
            self.failed.fetch_add(1, Ordering::SeqCst);
        }
        if matches!(act, Act::Takes | Act::Slow) {
            self.taken.lock().unwrap().push(id);
        }
        // Whoever is gone misses nothing but the answer.
        let (first, second) = answer.split_at(if act == Act::Slow { 40 } else { 0 });
        let _ = stream.write_all(first.as_bytes()).await;
        tokio::task::yield_now().await;
        let _ = stream.write_all(second.as_bytes()).await;
        while act == Act::Endless && stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        let _ = stream.shutdown().await;
        self.news.notify_one();
    }

    /// Waits until something is so; looks again whenever the shop has served somebody.
    async fn until(&self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            self.news.notified().await;
        }
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

/// A courier that runs over real sockets until it is stopped.
struct Round {
    outbox: Arc<dyn Letters>,
    clock: Clock,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Round {
    fn start(outbox: Arc<dyn Letters>) -> Self {
        let clock = Clock::running(0);
        let post = Outbound::new(Border::new(Environment::Test, &[]), None).unwrap();
        let courier = Courier::new(
            outbox.clone(),
            Arc::new(Keys),
            Arc::new(post),
            clock.clone(),
            Dice::seeded(1),
        );
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(courier.run(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        }));
        Self { outbox, clock, stop, task }
    }

    async fn put(&self, shop: &Shop, numbers: std::ops::RangeInclusive<u64>) {
        let letters = numbers.clone().map(|seq| letter(seq, &shop.url, "M1"));
        self.outbox.put(*numbers.end(), letters.collect()).await.unwrap();
    }

    async fn stop(self) -> Vec<Kept> {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        self.outbox.list(&Filter::default(), None, usize::MAX).await.unwrap()
    }
}

#[tokio::test]
async fn whatever_a_receiver_does_its_letter_is_delivered_once_it_takes_it() {
    for (act, expected) in [
        (Act::Takes, None),
        (Act::Slow, None),
        (Act::Fails, Some("HTTP status 500")),
        (Act::NoWord, Some("no SUCCESS in the answer")),
        (Act::Elsewhere, Some("redirected to URL: redirects are not followed")),
        (Act::Endless, Some("no SUCCESS in the answer: only the first 65536 bytes were read")),
        (Act::BreaksOff, Some("no SUCCESS in the answer: the answer broke off: ")),
    ] {
        let shop = Shop::open(act).await;
        let round = Round::start(Arc::new(MemoryOutbox::new()));
        round.put(&shop, 1..=1).await;
        shop.news.notified().await;
        shop.act.send_replace(Act::Takes);
        // The try may not be written down yet; once it is, the clock is far enough ahead.
        while shop.taken() == 0 {
            round.clock.advance(60_000);
            patience(20, shop.news.notified()).await;
        }
        let outbox = round.outbox.clone();
        let kept = round.stop().await.remove(0);
        assert_eq!((kept.state, shop.taken()), (State::Delivered, 1), "{act:?}");
        let tries = outbox.tries(1).await.unwrap();
        let found = tries[0].trouble.clone().map(|trouble| trouble.replace(&shop.url, "URL"));
        match expected {
            Some(expected) => {
                assert!(found.as_ref().unwrap().starts_with(expected), "{act:?}: {found:?}")
            }
            None => assert_eq!(found, None, "{act:?}"),
        }
        assert!(tries.iter().all(|a_try| a_try.answer.len() <= limits::NOTICE_ANSWER_KEPT));
    }
}

/// The one that this is all for. The bad receiver fails, then hangs; while it hangs, all letters of the good
/// one arrive; then it answers slowly, and at last as it should.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_letters_for_a_receiver_in_trouble_all_arrive_and_hold_up_nobody() {
    const LETTERS: u64 = 10_000;
    const OTHERS: u64 = 1_000;
    let (bad, good) = (Shop::open(Act::Fails).await, Shop::open(Act::Takes).await);
    let served = Arc::new(MemoryOutbox::new());
    let round = Round::start(served);
    round.put(&bad, 1..=LETTERS).await;
    for _ in 0..20 {
        bad.news.notified().await;
    }
    bad.act.send_replace(Act::Hangs);
    bad.until(|bad| bad.hanging.load(Ordering::SeqCst) == limits::NOTICE_PER_RECEIVER).await;
    round.put(&good, LETTERS + 1..=LETTERS + OTHERS).await;
    let [all, others] = [LETTERS, OTHERS].map(|count| usize::try_from(count).unwrap());
    good.until(|good| good.taken() == others).await;
    // Nothing of the bad one has moved meanwhile, and it took none of the other's places.
    assert_eq!(bad.taken(), 0);
    assert_eq!(bad.hanging.load(Ordering::SeqCst), limits::NOTICE_PER_RECEIVER);
    // Tries begin in order: when a letter arrives, only those that are under way beside it are still missing.
    let in_order: Vec<String> = good.taken.lock().unwrap().clone();
    for (place, id) in in_order.iter().enumerate() {
        let number: usize = id[1..].parse().unwrap();
        let meant = number - all - 1;
        assert!(meant < place + limits::NOTICE_PER_RECEIVER, "{id} in place {place}");
    }
    bad.act.send_replace(Act::Slow);
    bad.until(|bad| bad.taken() > 500).await;
    bad.act.send_replace(Act::Takes);
    bad.until(|bad| bad.taken() + bad.failed.load(Ordering::SeqCst) >= all).await;
    // What failed at first waits for its second try.
    round.clock.advance(60_000);
    bad.until(|bad| bad.taken() >= all).await;
    let kept = round.stop().await;
    assert!(kept.iter().all(|kept| kept.state == State::Delivered));
    let taken: BTreeSet<String> = bad.taken.lock().unwrap().iter().cloned().collect();
    assert_eq!(taken.len(), all);
    assert_eq!((bad.taken(), good.taken()), (all, others), "each was taken once");
    for shop in [bad, good] {
        assert_eq!(shop.unsigned.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end_and_written_down() {
    let shop = Shop::open(Act::Hangs).await;
    let round = Round::start(Arc::new(MemoryOutbox::new()));
    round.put(&shop, 1..=20).await;
    shop.until(|shop| shop.hanging.load(Ordering::SeqCst) == limits::NOTICE_PER_RECEIVER).await;
    round.stop.send_replace(true);
    shop.act.send_replace(Act::Takes);
    let kept = round.stop().await;
    let delivered = kept.iter().filter(|kept| kept.state == State::Delivered).count();
    assert_eq!(
        (delivered, shop.taken()),
        (limits::NOTICE_PER_RECEIVER, limits::NOTICE_PER_RECEIVER)
    );
}

/// Another process beside the gateway resends; nobody in this one is told.
#[tokio::test]
async fn a_resend_by_another_process_is_noticed() {
    let dir = tempfile::TempDir::new().unwrap();
    let shop = Shop::open(Act::Fails).await;
    let round = Round::start(Arc::new(SqliteOutbox::open(dir.path()).unwrap()));
    round.put(&shop, 1..=1).await;
    shop.news.notified().await;
    let beside = SqliteOutbox::open_existing(dir.path()).unwrap();
    while beside.tries(1).await.unwrap().is_empty() {
        patience(20, std::future::pending::<()>()).await;
    }
    shop.act.send_replace(Act::Takes);
    let number = beside.begin_round().await.unwrap();
    assert_eq!(beside.resend(&Filter::one(1), number, 0).await.unwrap(), Some(1));
    shop.until(|shop| shop.taken() == 1).await;
    assert_eq!(round.stop().await.remove(0).state, State::Delivered);
    assert_eq!(beside.counts(number).await.unwrap().delivered, 1);
}
