//! Lives of bills through the rules and a store, and what merchants are told of them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillNo, CardKind, Channel, CodeId, Command, Day, Details, Division,
    Fingerprint, Kind, Marks, OrderId, Phase, Policy, Share, Shares, Terms, Text, Tid, Verdict,
    replay,
};
use holdfast_wire::{
    field::{BillStatus, CardAttr, EventName, SignType, Url, Version},
    messages::Notice,
    notice,
    secret::NoticeKey,
};
use tokio::sync::Notify;

use super::*;
use crate::{
    accounts::{Accounts, NoticeChange},
    channel::Unconnected,
    clock::{Clock, Dice},
    limits,
    store::{Asker, MemoryStore, Store},
    submit::Core,
    vault::Vault,
};

const MID: &str = "898201612345678";
const OWN: &str = "https://hotel.example/all";
const OF_BILL: &str = "https://hotel.example/bill";
const PUBLIC: &str = "https://pay.example";
/// 2026-03-02 10:00:00 in Beijing.
const START: Moment = Moment(1_772_416_800_000);

/// One thing that happens to a bill.
#[derive(Clone, Copy, Debug)]
enum Step {
    Decline,
    Pay,
    Close,
    Capture,
    Complete,
    Reverse,
    Release,
    Cancel,
    Refund,
    Divide,
    /// The channel does what it was asked.
    Yes,
    /// The channel refuses.
    No,
    /// The moment comes for which the bill waits.
    Time,
}

use Step::{
    Cancel, Capture, Close, Complete, Decline, Divide, No, Pay, Refund, Release, Reverse, Time, Yes,
};

/// Lives, and what a merchant is told that asks for everything.
const LIVES: &[(Kind, &[Step], &[&str])] = &[
    (
        Kind::Payment,
        &[Decline, Pay, Refund, No, Refund, Yes, Refund, Yes],
        &["bill.paid", "refund.done", "refund.done"],
    ),
    (Kind::Payment, &[Pay, Divide, No, Divide, Yes], &["bill.paid", "bill.divided"]),
    (Kind::Payment, &[Close, Pay, No, Yes], &["bill.closed", "hold.released"]),
    (Kind::Payment, &[Time, Pay, Yes], &["bill.lapsed", "hold.released"]),
    (
        Kind::Hold,
        &[Pay, Capture, No, Capture, Yes, Reverse, No, Reverse, Yes, Release, No, Release, Yes],
        &["hold.authorized", "hold.captured", "hold.reversed", "hold.released"],
    ),
    (
        Kind::Hold,
        &[Pay, Time, Time, Time, Time, Yes],
        &["hold.authorized", "hold.expiring", "hold.expiring", "hold.expiring", "hold.released"],
    ),
    (
        Kind::Guarantee,
        &[Pay, Complete, No, Complete, Yes],
        &["guarantee.paid", "guarantee.completed"],
    ),
    (Kind::Guarantee, &[Pay, Cancel, No, Cancel, Yes], &["guarantee.paid", "guarantee.cancelled"]),
    (
        Kind::Guarantee,
        &[Pay, Time, Time, Time, Time, Yes],
        &[
            "guarantee.paid",
            "guarantee.expiring",
            "guarantee.expiring",
            "guarantee.expiring",
            "guarantee.cancelled",
        ],
    ),
];

/// An outbox that keeps all it was given, and breaks when it is told to.
#[derive(Default)]
struct Kept {
    state: Mutex<State>,
    put: Notify,
}

#[derive(Default)]
struct State {
    cursor: u64,
    letters: Vec<Letter>,
    broken: bool,
}

impl Kept {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn letters(&self) -> Vec<Letter> {
        self.state().letters.clone()
    }
}

impl Outbox for Kept {
    fn cursor<'a>(&'a self) -> Task<'a, Result<u64, StoreFault>> {
        Box::pin(async { Ok(self.state().cursor) })
    }

    fn put<'a>(&'a self, cursor: u64, letters: Vec<Letter>) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            let mut state = self.state();
            if state.broken {
                return Err(StoreFault::new("no space left on device"));
            }
            assert!(cursor >= state.cursor, "the cursor went back");
            state.cursor = cursor;
            for letter in letters {
                let same = |known: &&Letter| known.seq == letter.seq && known.url == letter.url;
                match state.letters.iter().find(same) {
                    Some(known) => {
                        assert_eq!(known, &letter, "the same letter says something else")
                    }
                    None => state.letters.push(letter),
                }
            }
            self.put.notify_one();
            Ok(())
        })
    }
}

/// A store, its rules, its merchant, and where letters go.
struct World {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    outbox: Arc<Kept>,
}

impl World {
    async fn new(change: NoticeChange) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (clock, dice) = (Clock::standing(START), Dice::seeded(1));
        let vault = Arc::new(Vault::throw_away(&dice));
        let accounts = Accounts::open(store.clone(), vault).await.unwrap();
        accounts.add_merchant(&mid(), &Text::parse("湖畔酒店").unwrap()).await.unwrap();
        accounts.set_notices(&mid(), change, &dice).await.unwrap();
        let core = Core::new(store, Arc::new(Unconnected), clock, dice, Policy::default(), 8_000);
        Self { core: Arc::new(core), accounts: Arc::new(accounts), outbox: Arc::default() }
    }

    fn announcer(&self) -> Announcer {
        let outbox: Arc<dyn Outbox> = self.outbox.clone();
        Announcer::new(self.core.clone(), self.accounts.clone(), outbox, PUBLIC.to_owned())
    }

    /// Announces all there is.
    async fn announce(&self) -> Vec<Letter> {
        let mut announcer = self.announcer();
        while announcer.step().await.unwrap() {}
        self.outbox.letters()
    }

    async fn create(&self, place: usize, kind: Kind, details: Details) -> Bill {
        let key = BillKey {
            mid: mid(),
            no: BillNo::parse(&format!("31940{place:03}")).unwrap(),
            date: Day::parse("2026-03-02").unwrap(),
        };
        let later = matches!(LIVES.get(place), Some((_, steps, _)) if steps.len() == 5 && kind == Kind::Payment);
        let terms = Terms {
            division: later.then_some(Division::Later),
            details,
            ..Terms::plain(
                kind,
                fen(1_908),
                CodeId::parse(&format!("CODE{place}")).unwrap(),
                Tid::parse("88880001").unwrap(),
                self.core.clock.now(),
                self.core.clock.now().plus_ms(1_800_000),
                Fingerprint([0; 16]),
            )
        };
        self.core
            .create(Bill::request(key, terms), self.core.clock.now(), Asker::Payer)
            .await
            .unwrap()
    }

    async fn happens(&self, bill: Bill, step: Step) -> Bill {
        let auth = AuthCode::parse("206067").unwrap();
        let order = |deed: &str| OrderId::parse(&format!("{deed}{}", bill.version)).unwrap();
        let (part, fingerprint) = (fen(900), Fingerprint([1; 16]));
        let marks = Marks {
            reference: Text::parse(&format!("0031510{:04}N", bill.version)).ok(),
            target: None,
        };
        let number = bill.open_order().map_or(0, |(asked, _)| asked.number);
        let command = match step {
            Decline => Command::Decline { reason: Text::parse("余额不足").unwrap() },
            Pay => Command::Authorize {
                marks,
                channel: Channel::UnionPay,
                payer_id: None,
                payer_name: Text::parse("a&b=100%").ok(),
                card: Some(CardKind::Credit),
                tail: None,
                auth,
            },
            Close => Command::Close,
            Capture => Command::Capture { order: order("capture"), part, auth, fingerprint },
            Complete => Command::Complete { part, fingerprint },
            Reverse => {
                let Phase::Taken { takings, .. } = &bill.phase else { panic!("{bill:?}") };
                Command::Reverse { capture: takings.capture.as_ref().unwrap().order.clone(), auth }
            }
            Release => Command::Release { hold: bill.key.payment_leg(), auth },
            Cancel => Command::Cancel,
            Refund => Command::Refund { order: order("refund"), part, from: None, fingerprint },
            Divide => {
                let share = Share { mid: mid(), order: None, amount: fen(1_908) };
                let shares = Shares::divide(fen(1_908), None, vec![share]).unwrap();
                Command::Divide { shares: Arc::new(shares) }
            }
            Yes => Command::Report { number, verdict: Verdict::Approved { marks, restored: true } },
            No => {
                let reason = Text::parse("渠道拒绝").unwrap();
                Command::Report { number, verdict: Verdict::Refused { reason } }
            }
            Time => {
                let due = bill.due().unwrap();
                self.core.clock.advance(due.0 - self.core.clock.now().0);
                let deadline = bill.payment().and_then(|payment| payment.grant.as_ref());
                match deadline {
                    None => Command::Lapse,
                    Some(grant) if grant.deadline <= due => Command::Expire,
                    Some(_) => Command::Remind,
                }
            }
        };
        self.core.submit(bill, &command, &Asker::Clock).await.unwrap()
    }

    /// Lives all lives side by side, each at its own pace, and does something after each step.
    async fn live(&self, mut after_each: impl AsyncFnMut(&Self)) {
        let mut bills = vec![];
        for (place, (kind, _, _)) in LIVES.iter().enumerate() {
            bills.push(self.create(place, *kind, details()).await);
            after_each(self).await;
        }
        // Those for which time passes come last, so that no other one's deadline is over.
        for round in 0.. {
            let mut lived = false;
            for (bill, (_, steps, _)) in bills.iter_mut().zip(LIVES) {
                if let Some(step) = steps.get(round).filter(|_| !steps.iter().any(is_time)) {
                    *bill = self.happens(bill.clone(), *step).await;
                    after_each(self).await;
                    lived = true;
                }
            }
            if !lived {
                break;
            }
        }
        for (bill, (_, steps, _)) in bills.iter_mut().zip(LIVES) {
            for step in steps.iter().filter(|_| steps.iter().any(is_time)) {
                *bill = self.happens(bill.clone(), *step).await;
                after_each(self).await;
            }
        }
    }
}

fn is_time(step: &Step) -> bool {
    matches!(step, Time)
}

fn mid() -> Mid {
    Mid::parse(MID).unwrap()
}

fn fen(fen: u64) -> Amount {
    Amount::from_fen(fen).unwrap()
}

fn details() -> Details {
    Details {
        description: Text::parse("押金 1号房 a&b=100%").ok(),
        notify_url: Text::parse(OF_BILL).ok(),
        return_url: Text::parse("https://hotel.example/done?room=1#paid").ok(),
        reserve: Text::parse("TEST").ok(),
        ..Details::default()
    }
}

fn everything() -> NoticeChange {
    NoticeChange {
        url: Some(Url::parse(OWN).ok()),
        notify_on: Some(Topic::ALL.to_vec()),
        ..NoticeChange::default()
    }
}

#[tokio::test]
async fn each_event_is_announced_once_and_in_order_to_both_addresses() {
    let world = World::new(everything()).await;
    world.live(async |_| {}).await;
    let letters = world.announce().await;
    for url in [OF_BILL, OWN] {
        let to: Vec<&Letter> = letters.iter().filter(|letter| letter.url == url).collect();
        assert!(to.is_sorted_by(|one, next| one.seq < next.seq), "{to:?}");
        for (place, (kind, steps, expected)) in LIVES.iter().enumerate() {
            let of_bill =
                to.iter().filter(|letter| letter.bill.no.as_str() == format!("31940{place:03}"));
            let events: Vec<&str> = of_bill.map(|letter| letter.event.as_str()).collect();
            assert_eq!(events, *expected, "{kind:?} {steps:?}");
        }
    }
    // The two letters of one event say the same under the same number, and no two events have one number.
    let mut numbers: HashMap<&str, &Letter> = HashMap::new();
    for letter in &letters {
        let known = numbers.entry(&letter.notify_id).or_insert(letter);
        assert_eq!((known.seq, &known.pairs), (letter.seq, &letter.pairs));
    }
    assert_eq!(numbers.len() * 2, letters.len());
    assert_eq!(world.announce().await, letters);
}

#[tokio::test]
async fn a_crash_between_any_two_steps_changes_no_letter() {
    let whole = World::new(everything()).await;
    whole.live(async |_| {}).await;
    let whole = whole.announce().await;

    // A new announcer after each commit, with nothing in its memory.
    let crashing = World::new(everything()).await;
    crashing.live(async |world| assert!(world.announcer().step().await.unwrap())).await;
    assert_eq!(crashing.outbox.letters(), whole);

    // The outbox breaks now and then; the same announcer goes on.
    let breaking = World::new(everything()).await;
    let mut announcer = breaking.announcer();
    let mut count = 0;
    breaking
        .live(async |world| {
            count += 1;
            world.outbox.state().broken = count % 3 != 0;
            let _ = announcer.step().await;
        })
        .await;
    breaking.outbox.state().broken = false;
    while announcer.step().await.unwrap() {}
    assert_eq!(breaking.outbox.letters(), whole);
}

#[tokio::test]
async fn payments_and_holds_are_announced_and_nothing_else_unless_it_is_asked_for() {
    let always = ["bill.paid", "hold.authorized", "guarantee.paid"];
    for topic in [None].into_iter().chain(Topic::ALL.iter().copied().map(Some)) {
        let notify_on = Some(topic.into_iter().collect());
        let world = World::new(NoticeChange { notify_on, ..NoticeChange::default() }).await;
        world.live(async |_| {}).await;
        let letters = world.announce().await;
        assert!(letters.iter().all(|letter| letter.url == OF_BILL), "{letters:?}");
        let told = |event: &str| letters.iter().any(|letter| letter.event == event);
        assert!(always.iter().all(|event| told(event)), "{letters:?}");
        let mut more: Vec<&str> = letters
            .iter()
            .map(|letter| letter.event.as_str())
            .filter(|event| !always.contains(event))
            .collect();
        more.sort_unstable();
        more.dedup();
        let expected: &[&str] = match topic {
            None => &[],
            Some(Topic::Capture) => &["hold.captured"],
            Some(Topic::Release) => &["hold.released"],
            Some(Topic::Reversal) => &["hold.reversed"],
            Some(Topic::Refund) => &["refund.done"],
            Some(Topic::Expiry) => &["guarantee.cancelled", "hold.released"],
            Some(Topic::Expiring) => &["guarantee.expiring", "hold.expiring"],
            Some(Topic::Close) => &["bill.closed", "bill.lapsed"],
            Some(Topic::Guarantee) => &["guarantee.cancelled", "guarantee.completed"],
            Some(Topic::Split) => &["bill.divided"],
        };
        assert_eq!(more, expected, "{topic:?}");
    }
}

#[tokio::test]
async fn an_address_is_told_once_and_a_bill_without_one_is_told_to_nobody() {
    for (own, of_bill, expected) in [
        (None, None, vec![]),
        (Some(OWN), None, vec![OWN]),
        (None, Some(OF_BILL), vec![OF_BILL]),
        (Some(OWN), Some(OF_BILL), vec![OF_BILL, OWN]),
        (Some(OWN), Some(OWN), vec![OWN]),
    ] {
        let url = Some(own.map(|own| Url::parse(own).unwrap()));
        let world = World::new(NoticeChange { url, ..NoticeChange::default() }).await;
        let notify_url = of_bill.and_then(|url| Text::parse(url).ok());
        let bill = world.create(20, Kind::Hold, Details { notify_url, ..details() }).await;
        world.happens(bill, Pay).await;
        let urls: Vec<String> =
            world.announce().await.into_iter().map(|letter| letter.url).collect();
        assert_eq!(urls, expected, "{own:?} {of_bill:?}");
    }
}

#[tokio::test]
async fn a_hold_is_told_in_the_official_form_and_no_more() {
    let world = World::new(NoticeChange::default()).await;
    let bill = world.create(20, Kind::Hold, details()).await;
    world.happens(bill, Pay).await;
    let letters = world.announce().await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let pairs: Vec<String> =
        letter.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        pairs,
        [
            "mid=898201612345678",
            "tid=88880001",
            "instMid=QRPAYDEFAULT",
            "notifyId=9789d39e-57a4-8f5a-a7a8-37da029c8c8b",
            "billNo=31940020",
            "billDate=2026-03-02",
            "billDesc=押金 1号房 a＆b＝100％",
            "billQRCode=https://pay.example/bills/qrCode.do?id=CODE20",
            "createTime=2026-03-02 10:00:00",
            "billStatus=PAID",
            "totalAmount=1908",
            "seqId=00315100001N",
            "authIdRespCd=206067",
            r#"billPayment={"merOrderId":"319400200","billBizType":"bills","paySeqId":"00315100001N","totalAmount":1908,"buyerPayAmount":1908,"invoiceAmount":1908,"discountAmount":0,"buyerUsername":"a＆b＝100％","payDetail":"银联预授权19.08元","payTime":"2026-03-02 10:00:00","settleDate":"2026-03-02","status":"TRADE_SUCCESS","targetSys":"ACP"}"#,
            "merName=湖畔酒店",
            "srcReserve=TEST",
            r#"extraBuyerInfo={"cardAttr":"CREDIT_CARD"}"#,
            "PO=lkpu",
        ]
    );
}

/// The notice of a letter as its receiver reads it, once it is signed.
fn received(world: &World, letter: &Letter, key: &NoticeKey) -> (Notice, Signed) {
    let signed = world.accounts.sign(letter, START).unwrap();
    let pairs = notice::read_form(&signed.body).unwrap();
    (notice::read(std::slice::from_ref(key), &pairs).unwrap(), signed)
}

#[tokio::test]
async fn a_letter_is_signed_as_its_merchant_wishes_when_it_is_sent() {
    let world = World::new(everything()).await;
    let bill = world.create(20, Kind::Payment, details()).await;
    let bill = world.happens(bill, Pay).await;
    let bill = world.happens(bill, Refund).await;
    world.happens(bill, Yes).await;
    let letters = world.announce().await;
    let (paid, refunded) = (letters.first().unwrap(), letters.last().unwrap());
    let unsigned = world.accounts.sign(paid, START).unwrap_err();
    assert!(unsigned.to_string().contains("rotate-notice-key"), "{unsigned}");

    let (clock, dice) = (Clock::running(0), Dice::seeded(3));
    let accounts = &world.accounts;
    let first = accounts.rotate_notice_key(&mid(), None, 1_000, &clock, &dice).await.unwrap();
    let (notice, signed) = received(&world, paid, &first);
    assert_eq!((notice.bill_status, notice.event), (BillStatus::Paid, None));
    assert!(!signed.body.contains(notice::SIGN_TYPE) && signed.headers.is_empty());
    let (notice, _) = received(&world, refunded, &first);
    assert_eq!((notice.bill_status, notice.refund_amount), (BillStatus::Refund, Some(fen(900))));
    assert_eq!(notice.event.unwrap().as_str(), "refund.done");
    assert_eq!(notice.extra_buyer_info.unwrap().card_attr, Some(CardAttr::Credit));

    let second = accounts.rotate_notice_key(&mid(), None, 1_000, &clock, &dice).await.unwrap();
    let change = NoticeChange {
        sign_type: Some(SignType::Sha256),
        webhooks: Some(true),
        ..NoticeChange::default()
    };
    let secret = accounts.set_notices(&mid(), change, &dice).await.unwrap().unwrap();
    let (_, signed) = received(&world, paid, &second);
    assert!(signed.body.contains("&signType=SHA256&sign="), "{}", signed.body);
    let expected =
        holdfast_wire::webhook::sign(&secret, &paid.notify_id, START, &signed.body).unwrap();
    assert_eq!(signed.headers, expected);
}

#[tokio::test]
async fn receivers_that_ask_for_it_are_told_the_version_and_what_was_before() {
    let world = World::new(NoticeChange { versions: Some(true), ..everything() }).await;
    let (clock, dice) = (Clock::running(0), Dice::seeded(3));
    let key = world.accounts.rotate_notice_key(&mid(), None, 0, &clock, &dice).await.unwrap();
    let bill = world.create(20, Kind::Hold, details()).await;
    let bill = world.happens(bill, Pay).await;
    world.happens(bill, Time).await;
    let letters = world.announce().await;
    let told: Vec<_> = letters
        .iter()
        .filter(|letter| letter.url == OWN)
        .map(|letter| received(&world, letter, &key).0)
        .map(|notice| {
            (
                notice.version,
                notice.event.unwrap().to_string(),
                notice.previous_status,
                notice.deadline,
            )
        })
        .collect();
    let deadline = START.plus_days(30);
    assert_eq!(
        told,
        [
            (Some(Version(2)), "hold.authorized".to_owned(), Some(BillStatus::Unpaid), None),
            (Some(Version(3)), "hold.expiring".to_owned(), Some(BillStatus::Paid), Some(deadline)),
        ]
    );
}

#[tokio::test]
async fn a_payers_browser_goes_back_with_the_result_that_the_notice_tells() {
    let world = World::new(NoticeChange::default()).await;
    let bill = world.create(20, Kind::Hold, details()).await;
    let merchant = || world.accounts.book().merchants.get(&mid()).unwrap().clone();
    let paid = world.happens(bill.clone(), Pay).await;
    assert_eq!(return_address(&paid, &merchant(), PUBLIC), None);
    let (clock, dice) = (Clock::running(0), Dice::seeded(3));
    let key = world.accounts.rotate_notice_key(&mid(), None, 0, &clock, &dice).await.unwrap();
    assert_eq!(return_address(&bill, &merchant(), PUBLIC), None);
    let address = return_address(&paid, &merchant(), PUBLIC).unwrap();
    let query = address
        .strip_prefix("https://hotel.example/done?room=1&")
        .and_then(|rest| rest.strip_suffix("#paid"))
        .unwrap();
    let returned =
        notice::read(std::slice::from_ref(&key), &notice::read_form(query).unwrap()).unwrap();
    let letters = world.announce().await;
    assert_eq!(returned, received(&world, letters.first().unwrap(), &key).0);
}

#[tokio::test]
async fn the_announcer_is_woken_by_each_commit_and_ends_when_it_is_told() {
    let world = World::new(everything()).await;
    let rings = async || {
        tokio::select! {
            biased;
            () = world.core.news.notified() => true,
            () = std::future::ready(()) => false,
        }
    };
    assert!(!rings().await);
    let bill = world.create(20, Kind::Payment, details()).await;
    assert!(rings().await, "nobody was woken by a new bill");
    let bill = world.happens(bill, Close).await;
    assert!(rings().await && !rings().await, "nobody was woken by a change");

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(world.announcer().run(async { drop(stopped.await) }));
    world.outbox.put.notified().await;
    world.happens(bill, Pay).await;
    drop(stop);
    running.await.unwrap();
    assert!(world.outbox.letters().iter().all(|letter| letter.event == "bill.closed"));
}

/// Run with `UPDATE=1` to write the page anew.
#[tokio::test]
async fn the_page_about_notices_is_current() {
    let world = World::new(NoticeChange::default()).await;
    world.live(async |_| {}).await;
    let mut bills: HashMap<Arc<BillKey>, Bill> = HashMap::new();
    let (mut rows, mut names) = (vec![], BTreeSet::new());
    for record in world.core.store.journal(0, 10_000).await.unwrap() {
        let bill = replay(bills.get(&record.key), &record.key, record.event.clone()).unwrap().bill;
        let deadline =
            matches!(&bill.phase, Phase::Released { why: holdfast_domain::Why::Deadline, .. });
        let name = record.event.name(bill.terms.kind);
        let name = if deadline {
            format!("`{name}` at the deadline / 到期")
        } else {
            format!("`{name}`")
        };
        if announced(&record.event, Some(&bill)) != Announced::Never {
            names.insert(record.event.name(bill.terms.kind));
        }
        let told = match announced(&record.event, Some(&bill)) {
            Announced::Always => (0, "always / 始终通知".to_owned()),
            Announced::On(topic) => (1, format!("`--notify-on {}`", topic.word())),
            Announced::Never => (2, "never / 不通知".to_owned()),
        };
        rows.push((told, name));
        bills.insert(record.key.clone(), bill);
    }
    assert_eq!(names, EventName::WORDS.iter().copied().collect(), "field::EventName is old");
    rows.sort();
    rows.dedup();
    let rows: String =
        rows.iter().map(|((_, told), name)| format!("| {name} | {told} |\n")).collect();
    let page = format!("{PAGE}{rows}{}{}", delivery(), LAPTOP);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/notices.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "docs/notices.md is old; run this test with UPDATE=1");
}

/// What a merchant's system has to know of how notices come.
fn delivery() -> String {
    let span = |seconds: i64| match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    };
    let pauses: Vec<String> = schedule::PAUSES_S.into_iter().map(span).collect();
    let (pauses, tries) = (pauses.join(", "), schedule::PAUSES_S.len() + 1);
    let (word, seconds) = (schedule::word(), limits::NOTICE_TRY_MS / 1_000);
    format!(
        "
## How notices come / 通知的送达

* **Answer** with a status from 200 to 299 and `{word}` in the body, within {seconds} seconds. Redirects are not followed.
  应答：{seconds} 秒内返回 2xx 状态码，正文包含 `{word}`；不跟随重定向。
* **Otherwise** it comes again, {tries} times in all, after {pauses}, each up
  to an eighth later. While nobody answers at the address at all it comes more seldom, and is not given up sooner. After that the
  operator can resend it.
  否则将重发，共 {tries} 次，间隔如上，各延后至多八分之一；地址完全无应答时放缓重发，但不会提前放弃。此后可由运营人员重发。
* **At least once**: the same notice can come twice, under the same `notifyId`. 至少一次：同一通知可能重复，`notifyId` 不变。
* **In order for each bill and address**: the next notice about a bill comes when the one before it was taken or given up. Notices
  about different bills can overtake each other. 同一账单、同一地址的通知按顺序发送；不同账单之间不保证顺序。
* **Signed** with the newest communication key at the time of sending; without a key nothing is sent.
  以发送时最新的通讯密钥签名；没有通讯密钥则不发送。
"
    )
}

const PAGE: &str = "# Notices / 支付结果通知

This page is made from the rules in `crates/gateway`; a test compares it with them. What a notice says and how it is
signed is in [the reference](reference.md#notices--支付结果通知).
本页由 `crates/gateway` 中的规则生成，并由测试比对。通知内容与签名见[接口参考](reference.md#notices--支付结果通知)。

A notice goes to the `notifyUrl` of the bill and to the merchant's own address (`holdfast merchant set MID --notify-url`),
once if they are equal. Payments and holds are always announced, in the official form. Everything else is announced to
merchants that ask for it (`--notify-on`), with a pair `event` that says what happened. `--versions on` adds `version`,
`event` and `previousStatus` to all. `--webhooks on` adds a second signature in headers (Standard Webhooks).
通知发往账单的 `notifyUrl` 与商户自己的通知地址，两者相同则只发一次。支付与预授权始终按官方格式通知；其他事件仅通知订阅的商户
（`--notify-on`），并带有参数 `event`。`--versions on` 在所有通知中附加 `version`、`event`、`previousStatus`；
`--webhooks on` 在请求头中附加第二签名（Standard Webhooks）。

| event / 事件 | announced / 通知 |
|---|---|
";

const LAPTOP: &str = "
## On a laptop / 在本机接收

A gateway reaches no receiver on a laptop. `holdfast listen` asks the gateway instead, as the merchant's app, and posts what it reads:
网关无法访问本机上的接收程序。`holdfast listen` 以商户应用的身份向网关读取事件，再转发到本机：

```sh
export HOLDFAST_BASE_URL=http://127.0.0.1:8080 HOLDFAST_MID=898201612345678 HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=…
holdfast listen --forward-to http://127.0.0.1:3000/notify
```

* **All topics** come, also those that the merchant has not asked for, in the order in which they happened. Each is posted until the
  receiver has taken it, by the rule above; `--skip-failed` goes on instead.
  所有事件均按发生顺序转发（含未订阅的事件），直至接收方按上述规则应答成功；`--skip-failed` 则跳过失败的通知。
* **The cursor** is written down after each event (`--cursor FILE`). The first start begins at now, or at `--from-start`, or behind
  `--since CURSOR`. After an end, a sleep or a loss of network it goes on there, and says from when to when nothing was heard and how
  many events came meanwhile. A cursor of another gateway or data directory is refused.
  每个事件处理后保存游标（`--cursor FILE`）；首次从当前开始，或用 `--from-start`、`--since CURSOR` 指定。重启、休眠或断网后从游标继续，
  并报告缺口起止时间与补齐的事件数；其他网关或数据目录的游标会被拒绝。
* **While the gateway does not answer** it says `NOT LISTENING`, at once and again; `--give-up 10m` ends it with exit code 4.
  网关无应答时立即并反复提示 `NOT LISTENING`；`--give-up 10m` 到时以退出码 4 结束。
* **The notice is the one that is delivered**: the same `notifyId` whenever it is read, signed with the newest communication key when it
  is read. What follows from the merchant's settings follows from those of today. Nothing is taken from the outbox: an address that the
  merchant has is told as well.
  通知与实际发送的一致：`notifyId` 不变，读取时以最新通讯密钥签名，其余内容按商户当前设置生成。商户自己的通知地址仍会照常收到通知。
* **For programs**: `-o json` writes one JSON line for each event and try; the endpoint is [`events`](reference.md#events).
  供程序使用：`-o json` 每个事件输出一行 JSON；接口为 [`events`](reference.md#events)。

## Trying a receiver's nerves / 测试接收方

`holdfast trigger` sends one notice about *your* bill to *your* receiver, and judges the answer; nothing about the bill changes. It works
with a test gateway only.
`holdfast trigger` 将真实账单的通知发送到接收方并评判应答，不改变账单；仅限测试网关。

```sh
holdfast trigger hold.captured --bill 31942026112300000001 --to http://127.0.0.1:3000/notify
holdfast trigger --bill 31942026112300000001 --to http://127.0.0.1:3000/notify --signature forged
holdfast trigger --bill 31942026112300000001 --to http://127.0.0.1:3000/notify --all
```

Without an event it is the last that was announced, as it was, with its `notifyId`. A bill that has not had the event is refused, unless
`--anyway` makes the notice of the bill as it stands, under a number of its own. `--override totalAmount=1` is signed after the change.
不填事件时发送最近一次通知，`notifyId` 与原通知相同。账单未发生该事件时会被拒绝；`--anyway` 则按账单现状生成，并使用新的 `notifyId`。
`--override totalAmount=1` 先替换再签名。

| `--all` sends / 发送 | a good receiver / 合格的接收方 |
|---|---|
| the right notice, twice, late, and an older one after it / 正确、重复、迟到及乱序的通知 | answers `SUCCESS` to each, acts once, and goes back to nothing / 均应答 `SUCCESS`，只处理一次，状态不倒退 |
| one whose amount was changed, without a signature, signed with another key, cut / 金额被篡改、无签名、其他密钥签名、截断 | answers anything else, and forgets it / 不得应答 `SUCCESS`，不予处理 |
| one that is rightly signed and tells of another amount / 签名正确但金额不符 | compares it with its own order, and refuses / 与订单核对后拒绝 |

What a notice must not be believed for is refused by answering: silence counts as a failure. When the merchant has the second signature,
a notice that is late by its `webhook-timestamp` is not judged: whoever checks that signature refuses it, whoever checks `sign` cannot know.
Exit code 10 says that the receiver failed.
拒绝也须应答，无应答视为未通过。启用第二签名时，`webhook-timestamp` 过旧的通知不作评判。退出码 10 表示接收方未通过。
";
