//! Which events are announced, and what the notice says. Nothing here does I/O, and the same record gives the same
//! letters whenever it is asked.

use holdfast_domain::{
    Amount, Bill, BillKey, Event, Kind, Malformed, Moment, Phase, Receipt, Text, Why,
};
use holdfast_wire::{
    field::{EventName, InstMid, Version},
    messages::{ExtraBuyerInfo, Notice},
    notice,
};
use sha2::{Digest as _, Sha256};

use super::Letter;
use crate::{accounts::Merchant, clock::Dice, store::Record, vault::hex, view};

/// What a merchant can ask to be told of, besides payments and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Held money was taken (预授权完成).
    Capture,
    /// The merchant gave a hold up, or money that came too late went back (预授权撤销).
    Release,
    /// A capture was undone (预授权完成撤销).
    Reversal,
    /// Taken money went back (退款).
    Refund,
    /// A hold or a guarantee went back because its deadline was over (到期解冻).
    Expiry,
    /// The deadline of a hold or a guarantee is near (到期提醒).
    Expiring,
    /// An unpaid bill was closed, or nobody paid it in time (关闭).
    Close,
    /// A guaranteed payment was completed or given up (担保完成、担保撤销).
    Guarantee,
    /// A payment was divided after it was paid (异步分账).
    Split,
}

/// Whether an event is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// To everybody who left an address.
    Always,
    /// To merchants that asked for the topic.
    On(Topic),
    /// To nobody.
    Never,
}

impl Topic {
    /// All of them, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        Self::Capture,
        Self::Release,
        Self::Reversal,
        Self::Refund,
        Self::Expiry,
        Self::Expiring,
        Self::Close,
        Self::Guarantee,
        Self::Split,
    ];

    /// The topic's name on the command line and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Release => "release",
            Self::Reversal => "reversal",
            Self::Refund => "refund",
            Self::Expiry => "expiry",
            Self::Expiring => "expiring",
            Self::Close => "close",
            Self::Guarantee => "guarantee",
            Self::Split => "split",
        }
    }

    /// Reads a topic's name.
    ///
    /// # Errors
    /// When there is no topic of that name.
    pub fn parse(word: &str) -> Result<Self, Malformed> {
        Self::ALL.iter().find(|topic| topic.word() == word).copied().ok_or(Malformed)
    }
}

/// Whether an event is announced, and to whom. `after` is the bill that it led to; without it the topic may be
/// that of a hold, but whether there is one is the same.
#[must_use]
pub fn announced(event: &Event, after: Option<&Bill>) -> Announced {
    let guaranteed = after.is_some_and(|bill| bill.terms.kind == Kind::Guarantee);
    let why = after.and_then(|bill| match bill.phase {
        Phase::Released { why, .. } => Some(why),
        _ => None,
    });
    match event {
        Event::Authorized { .. } => Announced::Always,
        Event::Captured { .. } if guaranteed => Announced::On(Topic::Guarantee),
        Event::Captured { .. } => Announced::On(Topic::Capture),
        Event::Reversed { .. } => Announced::On(Topic::Reversal),
        Event::Refunded { .. } => Announced::On(Topic::Refund),
        Event::Released { .. } => match why {
            Some(Why::Deadline) => Announced::On(Topic::Expiry),
            Some(Why::Merchant) if guaranteed => Announced::On(Topic::Guarantee),
            _ => Announced::On(Topic::Release),
        },
        Event::Reminded { .. } => Announced::On(Topic::Expiring),
        Event::Closed | Event::Lapsed => Announced::On(Topic::Close),
        Event::Divided { .. } => Announced::On(Topic::Split),
        // What was only asked for has not happened, and what was refused has changed nothing.
        Event::Requested { .. }
        | Event::Declined { .. }
        | Event::CaptureAsked { .. }
        | Event::CaptureRefused { .. }
        | Event::ReversalAsked { .. }
        | Event::ReversalRefused { .. }
        | Event::ReleaseAsked { .. }
        | Event::ReleaseRefused { .. }
        | Event::RefundAsked { .. }
        | Event::RefundRefused { .. }
        | Event::DivisionAsked { .. }
        | Event::DivisionRefused { .. } => Announced::Never,
        // The merchant was told that the bill is closed. That the money goes back is announced, not that it came.
        Event::PaidLate { .. } => Announced::Never,
    }
}

/// The letters of one record: to the address that the bill names, and to the merchant's own.
///
/// They follow from the record, the bill and the merchant's settings alone. The notice's number and its random pair
/// follow from the merchant, the bill and its version, so they are the same for each receiver, on each try, and when
/// the record is read again after a crash.
#[must_use]
pub fn letters(
    record: &Record,
    before: Option<&Bill>,
    after: &Bill,
    merchant: Option<&Merchant>,
    public_url: &str,
) -> Vec<Letter> {
    if !subscribed(announced(&record.event, Some(after)), merchant) {
        return vec![];
    }
    let urls = addresses(after, merchant);
    if urls.is_empty() {
        return vec![];
    }
    let letter = letter(record, before, after, merchant, public_url);
    let to = |letter: &Letter, url: &str| Letter { url: url.to_owned(), ..letter.clone() };
    letter.iter().flat_map(|letter| urls.iter().map(|url| to(letter, url))).collect()
}

/// Whether a merchant is told of what is announced like that.
#[must_use]
pub fn subscribed(announced: Announced, merchant: Option<&Merchant>) -> bool {
    match announced {
        Announced::Always => true,
        Announced::On(topic) => {
            merchant.is_some_and(|merchant| merchant.notices.notify_on.contains(&topic))
        }
        Announced::Never => false,
    }
}

/// Where a merchant is told of a bill: the address that the bill names, and its own, each once.
#[must_use]
pub fn addresses<'b>(bill: &'b Bill, merchant: Option<&'b Merchant>) -> Vec<&'b str> {
    let mut urls: Vec<&str> = bill.terms.details.notify_url.iter().map(Text::as_str).collect();
    let own = merchant.and_then(|merchant| merchant.notices.url.as_ref());
    urls.extend(own.map(|url| url.as_str()).filter(|own| !urls.contains(own)));
    urls
}

/// The letter of one record as everybody gets it who is told of it, whether anybody is or not; without an address.
/// `None` for what is never announced.
#[must_use]
pub fn letter(
    record: &Record,
    before: Option<&Bill>,
    after: &Bill,
    merchant: Option<&Merchant>,
    public_url: &str,
) -> Option<Letter> {
    let asked_for = match announced(&record.event, Some(after)) {
        Announced::Always => false,
        Announced::On(_) => true,
        Announced::Never => return None,
    };
    let happened = record.event.name(after.terms.kind);
    let mut notice = notice(after, record.event.receipt(), merchant, public_url)?;
    if let Event::Refunded { .. } = record.event {
        notice.refund_amount = before.and_then(refunding);
    }
    if let Event::Reminded { .. } = record.event {
        notice.deadline = deadline(after);
    }
    let versions = merchant.is_some_and(|merchant| merchant.notices.versions);
    if versions || asked_for {
        // In the official form a capture could not be told from the payment.
        notice.event = Text::parse(happened).ok();
    }
    if versions {
        notice.version = u32::try_from(after.version).ok().map(Version);
        notice.previous_status = before.map(view::bill_status);
    }
    Some(posted(record.seq, record.at, after, happened, &notice))
}

/// The letter of something that a bill has not had, of the bill as it stands: to try a receiver with. Its number is
/// its own, and the same each time.
#[must_use]
pub fn supposed(
    event: EventName,
    bill: &Bill,
    merchant: &Merchant,
    public_url: &str,
    at: Moment,
) -> Option<Letter> {
    let payment = bill.payment();
    let receipt = payment.as_ref().map(|payment| &payment.receipt);
    let mut notice = notice(bill, receipt, Some(merchant), public_url)?;
    notice.notify_id =
        Text::parse(&number(&digest(&format!("{} trial", event.as_str()), bill))).ok()?;
    notice.event = Text::parse(event.as_str()).ok();
    match event {
        EventName::HoldExpiring | EventName::GuaranteeExpiring => notice.deadline = deadline(bill),
        EventName::RefundDone => notice.refund_amount = Some(bill.terms.amount),
        _ => {}
    }
    if merchant.notices.versions {
        notice.version = u32::try_from(bill.version).ok().map(Version);
    }
    Some(posted(0, at, bill, event.as_str(), &notice))
}

fn posted(seq: u64, at: Moment, bill: &Bill, event: &str, notice: &Notice) -> Letter {
    Letter {
        seq,
        mid: bill.key.mid.clone(),
        bill: BillKey::clone(&bill.key),
        event: event.to_owned(),
        notify_id: notice.notify_id.to_string(),
        url: String::new(),
        pairs: with_random_pair(notice, bill),
        at,
    }
}

/// How much an event was about: what was captured, put back or given back; else what the bill asks for.
#[must_use]
pub fn amount(event: &Event, before: Option<&Bill>, after: &Bill) -> Amount {
    let part = match event {
        Event::Refunded { .. } => before.and_then(refunding),
        Event::Captured { .. } => match &after.phase {
            Phase::Taken { takings, .. } => Some(takings.whole),
            _ => None,
        },
        Event::Reversed { .. } => before.and_then(|before| match &before.phase {
            Phase::Reversing { leg, .. } => Some(leg.amount),
            _ => None,
        }),
        _ => None,
    };
    part.unwrap_or(after.terms.amount)
}

/// When the money of a bill goes back by itself.
fn deadline(bill: &Bill) -> Option<Moment> {
    bill.payment().and_then(|payment| payment.grant.as_ref()).map(|grant| grant.deadline)
}

/// Where the payer's browser goes when a bill was paid, with the signed result: the bill's `returnUrl`. `None` when the
/// bill names none, nobody has paid, or the merchant has no communication key.
#[must_use]
pub fn return_address(bill: &Bill, merchant: &Merchant, public_url: &str) -> Option<String> {
    let (url, key) = (bill.terms.details.return_url.as_ref()?, merchant.notices.key()?);
    let payment = bill.payment()?;
    let notice = notice(bill, Some(&payment.receipt), Some(merchant), public_url)?;
    let pairs = with_random_pair(&notice, bill);
    Some(notice::return_address(
        url.as_str(),
        &notice::signed(key, merchant.notices.sign_type, pairs),
    ))
}

/// What the official form says of a bill.
fn notice(
    bill: &Bill,
    receipt: Option<&Receipt>,
    merchant: Option<&Merchant>,
    public_url: &str,
) -> Option<Notice> {
    let (terms, details) = (&bill.terms, &bill.terms.details);
    let reference = receipt.and_then(|receipt| receipt.reference.clone());
    let seq_id = reference.or_else(|| Text::parse(&derived_reference(bill)).ok())?;
    let notify_id = Text::parse(&notify_id(bill)).ok()?;
    let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
    Some(Notice {
        mid: Some(bill.key.mid.clone()),
        tid: Some(terms.tid.clone()),
        inst_mid: Some(InstMid::QrPay),
        bill_no: Some(bill.key.no.clone()),
        bill_date: Some(bill.key.date),
        bill_desc: details.description.clone(),
        bill_qr_code: view::link(public_url, bill),
        create_time: Some(terms.created_at),
        total_amount: Some(terms.amount),
        auth_id_resp_cd: grant.and_then(|grant| grant.auth.clone()),
        bill_payment: view::payment_leg(bill),
        secure_status: view::secure_status(bill),
        complete_amount: view::completed(bill),
        member_id: details.member_id.clone(),
        counter_no: details.counter_no.clone(),
        mer_name: merchant.and_then(|merchant| Text::parse(merchant.name.as_str()).ok()),
        src_reserve: details.reserve.clone(),
        extra_buyer_info: view::card(bill).map(|card| ExtraBuyerInfo { card_attr: Some(card) }),
        ..Notice::new(notify_id, seq_id, view::bill_status(bill))
    })
}

fn with_random_pair(notice: &Notice, bill: &Bill) -> notice::Pairs {
    let mut pairs = notice.pairs();
    pairs.push(notice::random_pair(dice(bill).roll(u64::MAX)));
    pairs
}

/// How much the refund gives back that is open on a bill.
fn refunding(before: &Bill) -> Option<Amount> {
    match &before.phase {
        Phase::Refunding { leg, .. } => Some(leg.amount),
        _ => None,
    }
}

/// The number of the notice about a bill at its version.
fn notify_id(bill: &Bill) -> String {
    number(&digest("notice", bill))
}

/// A number in the form of a UUID (version 8, of our own making).
fn number(digest: &[u8; 32]) -> String {
    let [mut six, mut eight, digest @ ..] = *digest;
    six = six & 0x0F | 0x80;
    eight = eight & 0x3F | 0x80;
    let digits = hex(&digest);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (six, eight) = (hex(&[six]), hex(&[eight]));
    format!(
        "{}-{}-{six}{}-{eight}{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 14),
        part(14, 16),
        part(16, 28)
    )
}

/// A number in the look of a channel's, for what no channel has numbered.
fn derived_reference(bill: &Bill) -> String {
    format!("{}N", dice(bill).digits(11))
}

/// Chance that follows from a bill and its version.
fn dice(bill: &Bill) -> Dice {
    let [a, b, c, d, e, f, g, h, ..] = digest("notice", bill);
    Dice::seeded(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// What names one version of a bill in any store, for one use.
fn digest(what: &str, bill: &Bill) -> [u8; 32] {
    let name = format!("holdfast {what} {} {}", bill.key, bill.version);
    Sha256::digest(name).into()
}
