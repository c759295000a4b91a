//! What was written stays readable: the bytes of each version are frozen here, and damage is always noticed.

use std::collections::BTreeSet;

use holdfast_domain::{Change, replay};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    super::contract::{NOW, made, next},
    *,
};

/// Lives that together go through every phase and every event.
const LIVES: [&str; 8] = [
    "decline, authorize, capture C00001 300, refuse, capture C00002 500, approve, reverse C00002, refuse",
    "authorize, capture C00001 300, approve, refund R00001 300, refuse, refund R00002 100, approve",
    "authorize, capture C00001 300, approve, reverse C00001, approve",
    "authorize, capture C00001 300, approve, reverse C00001, end",
    "authorize, release, refuse, release, approve",
    "authorize, expire, refuse, approve",
    "close, authorize, approve",
    "lapse, authorize-late",
];

/// Lives that came with version 2: kind, how the money is divided, what happens.
const LATER_LIVES: [(Kind, &str, &str); 6] = [
    (Kind::Hold, "", "authorize, remind"),
    (
        Kind::Guarantee,
        "",
        "authorize, complete 300, refuse, complete 500, approve, refund R00001 1, approve",
    ),
    (Kind::Guarantee, "", "authorize, cancel, approve"),
    (Kind::Payment, "now", "authorize, refund R00001 500, approve"),
    (
        Kind::Payment,
        "later",
        "authorize, divide, refuse, divide, approve, refund R00001 500, approve",
    ),
    (Kind::Payment, "later", "authorize, refund R00001 100, approve"),
];

/// What people's journals of earlier versions say is what it said then.
#[test]
fn what_version_1_wrote_is_read_as_it_was_meant() {
    check_read(include_str!("version-1.txt"), values(), |_| 0);
}

#[test]
fn what_version_2_wrote_is_read_as_it_was_meant() {
    check_read(include_str!("version-2.txt"), later_values(), |version| version - 1);
}

/// `before` tells which record was written as the one before that of a version of a bill.
fn check_read(frozen: &str, values: Vec<(Bill, Commit)>, before: fn(u64) -> u64) {
    let mut lines = frozen.lines();
    let mut next = |name: &str| {
        assert_eq!(lines.next(), Some(name));
        let digits = lines.next().unwrap().as_bytes();
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect::<Vec<u8>>()
    };
    for (bill, Commit { change, at, asker }) in values {
        let (key, version) = (bill.key.clone(), bill.version);
        let bytes = next(change.event.name(bill.terms.kind));
        let (event, entries) = (change.event, change.entries);
        let record = Record { seq: version, at, key, version, event, entries, asker };
        assert_eq!(decode::<Line>(&bytes, version).unwrap().at(version), (record, before(version)));
        assert_eq!(decode::<Bill>(&next(bill.phase.name()), 0).unwrap(), bill);
        if let Some(leg) = change.leg {
            assert_eq!(decode::<Leg>(&next("order"), 0).unwrap(), *leg);
        }
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_bytes_of_version_3_are_what_they_were() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines = String::new();
    for (bill, commit) in all_values() {
        let mut line = Line::bytes(&commit);
        Line::place(&mut line, bill.version - 1, bill.version);
        lines += &format!("{}\n{}\n", commit.change.event.name(bill.terms.kind), hex(&line));
        lines += &format!("{}\n{}\n", bill.phase.name(), hex(&encode(&bill)));
        if let Some(leg) = &commit.change.leg {
            lines += &format!("order\n{}\n", hex(&encode::<Leg>(leg)));
        }
    }
    // Since the first release values may be added to the file. What is in it is in people's journals.
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write("src/store/format/version-3.txt", &lines).unwrap();
    }
    let frozen = std::fs::read_to_string("src/store/format/version-3.txt").unwrap();
    assert_eq!(lines, frozen);
}

#[test]
fn every_phase_and_every_event_is_frozen() {
    let tag = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = vec![];
        write(&mut bytes);
        bytes[0]
    };
    let values = all_values();
    let phases: BTreeSet<u8> =
        values.iter().map(|(bill, _)| tag(&|out| bill.phase.write(out))).collect();
    let events: BTreeSet<u8> =
        values.iter().map(|(_, commit)| tag(&|out| commit.change.event.write(out))).collect();
    assert_eq!(phases, (1..=12).collect());
    assert_eq!(events, (1..=22).collect());
}

#[test]
fn a_value_is_read_back_as_it_was_written() {
    for (bill, commit) in all_values() {
        let mut line = Line::bytes(&commit);
        Line::place(&mut line, 5, 7);
        let (record, before) = decode::<Line>(&line, 7).unwrap().at(7);
        assert_eq!(before, 5);
        let Commit { change, at, asker } = commit;
        let Change { bill: _, event, entries, leg } = change;
        let (key, version) = (bill.key.clone(), bill.version);
        assert_eq!(record, Record { seq: 7, at, key, version, event, entries, asker });
        assert_eq!(decode::<Bill>(&encode(&bill), 0).unwrap(), bill);
        if let Some(leg) = leg {
            assert_eq!(decode::<Leg>(&encode::<Leg>(&leg), 0).unwrap(), *leg);
        }
    }
}

#[test]
fn damage_is_named_with_its_place() {
    let whole = encode(&values()[0].0);
    let cut = |at| {
        let mut bytes = whole[..at].to_vec();
        seal(&mut bytes, 0);
        bytes
    };
    let body = whole.len() - SEAL;
    check_damaged(&[], "damaged at byte 0: the bill is empty");
    check_damaged(&[1, 2, 3], "damaged at byte 3: the bill ends too early");
    check_damaged(
        &[9; 99],
        "damaged at byte 0: the bill is written in a format that this version does not know",
    );
    check_damaged(&cut(9), "damaged at byte 5: BillKey.no ends too early");
    check_damaged(&cut(body - 1), "damaged at byte 96: Bill.reminded ends too early");
    let mut changed = whole.clone();
    changed[12] ^= 1;
    check_damaged(&changed, &format!("damaged at byte {body}: the bill does not fit its seal"));
    let mut longer = whole[..body].to_vec();
    longer.push(0);
    seal(&mut longer, 0);
    check_damaged(&longer, &format!("damaged at byte {body}: the bill goes on after its end"));
}

#[test]
fn a_record_found_under_another_number_does_not_fit_its_seal() {
    let (_, commit) = &values()[0];
    let mut line = Line::bytes(commit);
    seal(&mut line, 1);
    let damaged = decode::<Line>(&line, 2).unwrap_err();
    assert!(damaged.to_string().ends_with("the record does not fit its seal"), "{damaged}");
}

proptest! {
    #[test]
    fn a_changed_byte_never_fits_the_seal(value: Index, at: Index, change in 1..=u8::MAX) {
        let values = values();
        let mut bytes = encode(&value.get(&values).0);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode::<Bill>(&bytes, 0).is_err());
    }

    #[test]
    fn bytes_that_read_as_a_value_are_that_value(bytes in vec(any::<u8>(), 0..300)) {
        reads_or_refuses::<Line>(bytes.clone())?;
        reads_or_refuses::<Bill>(bytes.clone())?;
        reads_or_refuses::<Leg>(bytes)?;
    }

    #[test]
    fn a_value_with_bytes_changed_reads_as_another_or_not_at_all(
        value: Index,
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let values = values();
        let (bill, commit) = value.get(&values);
        for bytes in [encode(bill)[..].split_last_chunk::<SEAL>().unwrap().0.to_vec(), Line::bytes(commit)] {
            let mut bytes = bytes[1..].to_vec();
            for (at, byte) in &changes {
                *at.get_mut(&mut bytes) = *byte;
            }
            reads_or_refuses::<Line>(bytes.clone())?;
            reads_or_refuses::<Bill>(bytes)?;
        }
    }

    #[test]
    fn every_number_is_read_back(number: u64, signed: i64) {
        let mut bytes = vec![];
        number.write(&mut bytes);
        signed.write(&mut bytes);
        let mut input = Input { what: "a number", version: VERSION, bytes: &bytes, at: 0 };
        prop_assert_eq!((u64::read(&mut input).unwrap(), i64::read(&mut input).unwrap()), (number, signed));
    }
}

/// Bytes under a good seal are refused, or are a value that is spelled and read again as itself.
fn reads_or_refuses<T: Stored + PartialEq + fmt::Debug>(
    body: Vec<u8>,
) -> Result<(), TestCaseError> {
    let mut bytes = [vec![VERSION], body].concat();
    seal(&mut bytes, 0);
    if let Ok(value) = decode::<T>(&bytes, 0) {
        prop_assert_eq!(decode::<T>(&encode(&value), 0).unwrap(), value);
    }
    Ok(())
}

fn check_damaged(bytes: &[u8], expected: &str) {
    assert_eq!(decode::<Bill>(bytes, 0).unwrap_err().to_string(), expected);
}

/// What all versions can say.
fn all_values() -> Vec<(Bill, Commit)> {
    let request = RequestId { run: 0x5f0c_21ab, number: 300 };
    let operator = |approver| Asker::Operator { name: "mei".into(), approver, request };
    let askers = [
        Asker::App { app: "app-1".into(), nonce: None, request: Some(request) },
        operator(None),
        operator(Some("li".into())),
    ];
    let asked = askers.into_iter().map(|asker| Commit { asker, ..made("M1/BILL01") });
    let mut all = later_values();
    all.extend(asked.map(|commit| (commit.change.bill.clone(), commit)));
    let bill = made("M1/BILL01").change.bill;
    let mut paid = next(&bill, "authorize");
    if let Event::Authorized { payment } = &paid.change.event {
        let payment = Payment { tail: CardTail::parse("0128").ok(), ..Payment::clone(payment) };
        let event = Event::Authorized { payment: Arc::new(payment) };
        paid.change = replay(Some(&bill), &bill.key, event).unwrap();
    }
    all.push((paid.change.bill.clone(), paid));
    all
}

/// What version 1 could say, and what came with version 2.
fn later_values() -> Vec<(Bill, Commit)> {
    let mut all = values();
    let mut commits: Vec<Commit> = vec![];
    for (kind, division, life) in LATER_LIVES {
        let mut first = made("M1/BILL01");
        let division = match division {
            "now" => Some(Division::Now(Arc::new(shares()))),
            "later" => Some(Division::Later),
            _ => None,
        };
        let terms = Terms { kind, division, ..Terms::clone(&first.change.bill.terms) };
        first.change = Bill::request(BillKey::clone(&first.change.bill.key), terms);
        commits.push(first);
        for step in life.split(", ") {
            let bill = &commits.last().unwrap().change.bill;
            commits.push(next(bill, step));
        }
    }
    let mut full = made("M1/BILL01@20000");
    let text = |text| Text::parse(text).ok();
    let buyer = Buyer {
        name: text("sealed name"),
        mobile: text("sealed mobile"),
        certificate_kind: Text::parse("IDENTITY_CARD").ok(),
        certificate: text("sealed number"),
        only: true,
    };
    let terms = Terms {
        payer: PayerRules {
            no_credit_cards: true,
            installments: Some(12),
            wallets: Text::parse("SINGLE").ok(),
            buyer: Some(Arc::new(buyer)),
        },
        scanned: CodeId::parse("FIXED-1").ok(),
        succeeds: Some(Arc::new(super::super::contract::key("M1/BILL00"))),
        details: Details { goods: Text::parse("[{\"goodsId\":\"1\"}]").ok(), ..Details::default() },
        ..Terms::clone(&full.change.bill.terms)
    };
    full.change = Bill::request(BillKey::clone(&full.change.bill.key), terms);
    commits.push(full);
    all.extend(commits.into_iter().map(|commit| (commit.change.bill.clone(), commit)));
    all
}

/// A platform and two sub-merchants, 500 fen together.
fn shares() -> Shares {
    let share = |mid, order, fen| Share {
        mid: Mid::parse(mid).unwrap(),
        order: OrderId::parse(order).ok(),
        amount: Amount::from_fen(fen).unwrap(),
    };
    Shares::of(Amount::from_fen(50).ok(), vec![share("S1", "SUB001", 150), share("S2", "", 300)])
        .unwrap()
}

/// Every bill of every life of version 1, with the commit that made it so; then one with every field of that
/// version filled in.
fn values() -> Vec<(Bill, Commit)> {
    let askers = [
        Asker::App {
            app: "app-1".into(),
            nonce: Some((0x0123_4567_89ab_cdef, NOW)),
            request: None,
        },
        Asker::Payer,
        Asker::Channel,
        Asker::Clock,
    ];
    let mut commits: Vec<Commit> = vec![];
    for life in LIVES {
        commits.push(made("M1/BILL01"));
        for step in life.split(", ") {
            let bill = &commits.last().unwrap().change.bill;
            commits.push(next(bill, step));
        }
    }
    let text = |text| Text::parse(text).ok();
    let mut full = made("M1/BILL01@20000");
    let terms = Terms {
        kind: Kind::Payment,
        details: Details {
            description: Text::parse("一杯咖啡").ok(),
            member_id: Text::parse("member").ok(),
            counter_no: Text::parse("counter").ok(),
            system_id: Text::parse("system").ok(),
            notify_url: Text::parse("https://merchant.example/notify").ok(),
            return_url: Text::parse("https://merchant.example/return").ok(),
            reserve: Text::parse("{\"table\":7}").ok(),
            goods: None,
        },
        ..Terms::clone(&full.change.bill.terms)
    };
    full.change = Bill::request(BillKey::clone(&full.change.bill.key), terms);
    let mut paid = next(&full.change.bill, "authorize");
    if let Event::Authorized { payment } = &paid.change.event {
        let mut payment = Payment::clone(payment);
        (payment.payer_id, payment.payer_name) = (text("payer"), text("付款人"));
        (payment.card, payment.channel) = (Some(CardKind::Credit), Channel::UnionPay);
        payment.receipt.target = text("target");
        let event = Event::Authorized { payment: Arc::new(payment) };
        paid.change = replay(Some(&full.change.bill), &full.change.bill.key, event).unwrap();
    }
    commits.extend([full, paid]);
    let asked = commits.into_iter().zip(askers.into_iter().cycle());
    asked.map(|(commit, asker)| (commit.change.bill.clone(), Commit { asker, ..commit })).collect()
}
