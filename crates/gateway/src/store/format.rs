//! How bills, legs and journal records are spelled in bytes.
//!
//! A value is one byte for the version of the format, then its fields in the order declared below, then a
//! seal of four bytes that gives away any change of what is before it. Numbers are as long as they need to
//! be, seven bits a byte, the lowest first. What was once written stays readable: a tag or the order of
//! fields never changes its meaning; a new meaning takes a new tag, or a new version.

use std::{fmt, sync::Arc};

use holdfast_domain::{
    Account, Amount, Asked, AuthCode, Bill, BillKey, BillNo, Buyer, CardKind, CardTail, Channel,
    CodeId, Day, Deed, Details, Division, Entry, Event, Fingerprint, Grant, Kind, Leg, Mid, Moment,
    OrderId, Outcome, PayerRules, Payment, Phase, Receipt, Reminder, Share, Shares, Split, Takings,
    Terms, Text, Tid, Why,
};

use super::{Asker, Commit, Record};
use crate::request::RequestId;

/// The version of the format that is written. What older versions wrote is still read: a field that came
/// later is then as it is by default.
const VERSION: u8 = 3;

/// The oldest version that is read.
const OLDEST: u8 = 1;

/// Bytes of the seal at the end.
const SEAL: usize = 4;

/// A journal record without its place, which is the number of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    at: Moment,
    key: Arc<BillKey>,
    version: u64,
    event: Event,
    entries: Vec<Entry>,
    asker: Asker,
    /// The bill's record before this one; 0 for its first, and in records of version 1.
    before: u64,
}

fields! {
    Line { at, key, version, event, entries, asker }, since 2 { before }
    Bill { key, terms, version, orders, phase }, since 2 { reminded }
    BillKey { mid, no, date }
    Terms { kind, amount, code, tid, created_at, expires_at, fingerprint, details }, since 2 { division, payer, scanned, succeeds }
    PayerRules { no_credit_cards, installments, wallets, buyer }
    Buyer { name, mobile, certificate_kind, certificate, only }
    Share { mid, order, amount }
    Details { description, member_id, counter_no, system_id, notify_url, return_url, reserve }, since 2 { goods }
    Payment { receipt, channel, payer_id, payer_name, card, grant }, since 3 { tail }
    Receipt { at, day, reference, target }
    Takings { capture, whole, refundable }, since 2 { split }
    Leg { order, deed, amount, fingerprint, asked_at, outcome }, since 2 { from }
    Asked { number, at }
    Entry { from, to, amount }
}

tags! {
    Phase {
        1 Requested { declined },
        2 Closed,
        3 Lapsed,
        4 Authorized { payment },
        5 Capturing { payment, leg, asked },
        6 Taken { payment, takings },
        7 Reversing { payment, leg, asked },
        8 Refunding { payment, takings, leg, asked },
        9 Releasing { payment, why, asked },
        10 Released { payment, why, receipt },
        11 Ended { payment, leg },
        12 Dividing { payment, shares, asked },
    }
    Event {
        1 Requested { terms },
        2 Declined { reason },
        3 Authorized { payment },
        4 PaidLate { payment, asked },
        5 Closed,
        6 Lapsed,
        7 CaptureAsked { leg, asked },
        8 Captured { receipt },
        9 CaptureRefused { reason },
        10 ReversalAsked { asked },
        11 Reversed { receipt, restored },
        12 ReversalRefused { reason },
        13 ReleaseAsked { why, asked },
        14 Released { receipt },
        15 ReleaseRefused { reason, again },
        16 RefundAsked { leg, asked },
        17 Refunded { receipt },
        18 RefundRefused { reason },
        19 Reminded { reminder },
        20 DivisionAsked { shares, asked },
        21 Divided { receipt },
        22 DivisionRefused { reason },
    }
    Outcome {
        1 Open,
        2 Done(receipt),
        3 Refused(reason),
        4 Reversed { done, reversal, restored },
    }
    Asker {
        1 App { app, nonce; since 3 request },
        2 Payer,
        3 Channel,
        4 Clock,
        5 Operator { name, approver, request },
    }
    Division { 1 Now(shares), 2 Later, }
    Split { 1 Whole, 2 Pending, 3 Among { whole, left }, }
    Kind { 1 Payment, 2 Hold, 3 Guarantee, }
    Reminder { 1 Week, 2 ThreeDays, 3 Day, }
    Why { 1 Merchant, 2 Deadline, 3 LateAfterClose, 4 LateAfterLapse, }
    Channel { 1 UnionPay, 2 WeChat, 3 Alipay, }
    CardKind { 1 Debit, 2 Credit, }
    Deed { 1 Capture, 2 Refund, }
    Account { 1 Payer, 2 Held, 3 Merchant, 4 Undivided, 5 Sub(mid), }
}

ids! { Mid Tid BillNo OrderId AuthCode CodeId }

/// What was stored cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    /// The field.
    what: &'static str,
    /// Where it begins to be wrong, in bytes.
    at: usize,
    why: &'static str,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged at byte {}: {} {}", self.at, self.what, self.why)
    }
}

impl Line {
    /// The line of the journal that a commit becomes.
    ///
    /// It lacks the number of the record before it, which is written when its place is known.
    pub(super) fn bytes(commit: &Commit) -> Vec<u8> {
        let Commit { change, at, asker } = commit;
        let mut out = Vec::with_capacity(256);
        out.push(VERSION);
        // Field by field what `fields!` does for a line, without copying the commit into one. A test
        // reads it back.
        at.write(&mut out);
        change.bill.key.write(&mut out);
        change.bill.version.write(&mut out);
        change.event.write(&mut out);
        change.entries.write(&mut out);
        asker.write(&mut out);
        out
    }

    /// Completes a line for its place: the record before it of the same bill, then the seal.
    pub(super) fn place(line: &mut Vec<u8>, before: u64, seq: u64) {
        before.write(line);
        seal(line, seq);
    }

    /// The record at that place of the journal, and the bill's record before it.
    pub(super) fn at(self, seq: u64) -> (Record, u64) {
        let Self { at, key, version, event, entries, asker, before } = self;
        (Record { seq, at, key, version, event, entries, asker }, before)
    }
}

/// What is stored as a value of its own.
pub(super) trait Stored: Coded {
    /// What people call it.
    const NAME: &'static str;
}

impl Stored for Line {
    const NAME: &'static str = "the record";
}

impl Stored for Bill {
    const NAME: &'static str = "the bill";
}

impl Stored for Leg {
    const NAME: &'static str = "the order";
}

/// A value in bytes, sealed.
pub(super) fn encode<T: Stored>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(VERSION);
    value.write(&mut out);
    seal(&mut out, 0);
    out
}

/// Seals what was written for the place where it is going to stand. A row of the journal that is found
/// under another number does not fit its seal.
pub(super) fn seal(bytes: &mut Vec<u8>, place: u64) {
    let sum = sum(place, bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// Reads a value that was stored at `place`.
pub(super) fn decode<T: Stored>(bytes: &[u8], place: u64) -> Result<T, Damaged> {
    let damaged = |at, why| Damaged { what: T::NAME, at, why };
    let version = match bytes.first() {
        Some(version @ OLDEST..=VERSION) => *version,
        Some(_) => {
            return Err(damaged(0, "is written in a format that this version does not know"));
        }
        None => return Err(damaged(0, "is empty")),
    };
    let Some((body, seal)) = bytes.split_last_chunk::<SEAL>() else {
        return Err(damaged(bytes.len(), "ends too early"));
    };
    if u32::from_le_bytes(*seal) != sum(place, body) {
        return Err(damaged(body.len(), "does not fit its seal"));
    }
    let mut input = Input { what: T::NAME, version, bytes: body, at: 1 };
    let value = T::read(&mut input)?;
    if input.at == body.len() { Ok(value) } else { Err(damaged(input.at, "goes on after its end")) }
}

/// A checksum against accidents, not against malice. Each step can be undone, so no change of a single
/// word is lost on the way; two different values agree by chance once in four billion times.
fn sum(place: u64, bytes: &[u8]) -> u32 {
    let step =
        |state: u64, word: u64| (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let state = step(place, length);
    let state = words.iter().fold(state, |state, word| step(state, u64::from_le_bytes(*word)));
    let state = rest.iter().fold(state, |state, byte| step(state, u64::from(*byte)));
    let [a, b, c, d, e, f, g, h] = step(state, 0).to_le_bytes();
    u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h])
}

/// Something with a spelling.
pub(super) trait Coded: Sized {
    /// Appends it.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads it.
    fn read(input: &mut Input<'_>) -> Result<Self, Damaged>;
}

/// Bytes on their way in.
pub(super) struct Input<'a> {
    what: &'static str,
    /// The version of the format that it was written in.
    version: u8,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn field<T: Coded>(&mut self, what: &'static str) -> Result<T, Damaged> {
        self.what = what;
        T::read(self)
    }

    fn damaged(&self, why: &'static str) -> Damaged {
        Damaged { what: self.what, at: self.at, why }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| Some((self.bytes.get(self.at..end)?, end)));
        let Some((taken, end)) = taken else { return Err(self.damaged("ends too early")) };
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Damaged> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = usize::read(self)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("is not text"))
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    text.len().write(out);
    out.extend_from_slice(text.as_bytes());
}

impl Coded for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest > 0x7f {
            let [low, ..] = rest.to_le_bytes();
            out.push(low | 0x80);
            rest >>= 7;
        }
        let [low, ..] = rest.to_le_bytes();
        out.push(low);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        let mut number = 0;
        for shift in (0..Self::BITS).step_by(7) {
            let byte = input.byte()?;
            let low = Self::from(byte & 0x7f);
            if (low << shift) >> shift != low {
                break;
            }
            number |= low << shift;
            if byte <= 0x7f {
                return Ok(number);
            }
        }
        Err(input.damaged("is too large a number"))
    }
}

impl Coded for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        input.byte()
    }
}

impl Coded for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        u64::read(input)?.try_into().map_err(|_| input.damaged("is too large a number"))
    }
}

impl Coded for usize {
    fn write(&self, out: &mut Vec<u8>) {
        u64::try_from(*self).unwrap_or(u64::MAX).write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        u64::read(input)?.try_into().map_err(|_| input.damaged("is too large a number"))
    }
}

impl Coded for i64 {
    // Small numbers are short on both sides of zero: 0, -1, 1, -2, …
    fn write(&self, out: &mut Vec<u8>) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        let folded = u64::read(input)?;
        let sign = if folded & 1 == 0 { 0 } else { -1 };
        Ok((folded >> 1).cast_signed() ^ sign)
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(input.damaged("is neither yes nor no")),
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        bool::read(input)?.then(|| T::read(input)).transpose()
    }
}

impl<T: Coded> Coded for Arc<T> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write(self, out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        T::read(input).map(Self::new)
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        for item in self {
            item.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        // No room is made in advance: a damaged length would ask for all memory there is.
        (0..usize::read(input)?).map(|_| T::read(input)).collect()
    }
}

impl Coded for Arc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        input.text().map(Self::from)
    }
}

impl<const MAX: usize> Coded for Text<MAX> {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(self.as_str(), out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        Self::parse(input.text()?).map_err(|_| input.damaged("is not a text that fits"))
    }
}

/// The mark of a nonce, and until when it is remembered. Marks are random: seven bits a byte would make
/// them longer.
impl Coded for (u64, Moment) {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
        self.1.write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        Ok((u64::from_le_bytes(input.array()?), Moment::read(input)?))
    }
}

/// The run's mark is random, and the number of a request small.
impl Coded for RequestId {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { run, number } = self;
        out.extend_from_slice(&run.to_le_bytes());
        number.write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        Ok(Self {
            run: u32::from_le_bytes(input.array()?),
            number: input.field("RequestId.number")?,
        })
    }
}

impl Coded for Fingerprint {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        input.array().map(Self)
    }
}

impl Coded for Moment {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        i64::read(input).map(Self)
    }
}

impl Coded for Day {
    fn write(&self, out: &mut Vec<u8>) {
        i64::from(self.0).write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        let day = i64::read(input)?.try_into();
        day.map(Self).map_err(|_| input.damaged("is not a day"))
    }
}

impl Coded for Amount {
    fn write(&self, out: &mut Vec<u8>) {
        self.fen().write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        Self::from_fen(u64::read(input)?).map_err(|_| input.damaged("is not an amount"))
    }
}

/// A code of a hold, or nothing, which is the empty text. Version 1 had only holds, each with its code.
impl Coded for Grant {
    fn write(&self, out: &mut Vec<u8>) {
        let Self { auth, deadline } = self;
        write_text(auth.as_ref().map_or("", AuthCode::as_str), out);
        deadline.write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        input.what = "Grant.auth";
        let auth = match input.text()? {
            "" => None,
            code => {
                Some(AuthCode::parse(code).map_err(|_| input.damaged("is not a well-formed id"))?)
            }
        };
        Ok(Self { auth, deadline: input.field("Grant.deadline")? })
    }
}

impl Coded for CardTail {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(&self.to_string(), out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        Self::parse(input.text()?).map_err(|_| input.damaged("is not the end of a card's number"))
    }
}

/// Shares are checked again: a share that nobody could have is not read.
impl Coded for Shares {
    fn write(&self, out: &mut Vec<u8>) {
        self.platform().write(out);
        self.subs().len().write(out);
        for share in self.subs() {
            share.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
        let (platform, subs) = (input.field("Shares.platform")?, input.field("Shares.subs")?);
        Self::left(platform, subs).map_err(|_| input.damaged("are not shares"))
    }
}

/// Structs: a line each, with all fields in the order in which they are written, those of later versions of
/// the format after those of the first. A field that is forgotten does not compile.
macro_rules! fields {
    ($($name:ident { $($field:ident),+ } $(, since $since:literal { $($later:ident),+ })?)+) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let Self { $($field,)+ $($($later,)+)? } = self;
                $( $field.write(out); )+
                $($( $later.write(out); )+)?
            }

            fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
                $( let $field = input.field(concat!(stringify!($name), ".", stringify!($field)))?; )+
                $($( let $later = match input.version {
                    $since.. => input.field(concat!(stringify!($name), ".", stringify!($later)))?,
                    _ => Default::default(),
                }; )+)?
                Ok(Self { $($field,)+ $($($later,)+)? })
            }
        }
    )+ };
}

/// Enums: a line for each variant, with its tag, and fields of later versions behind it. A variant or field that is
/// forgotten does not compile, and a tag that is used twice is an unreachable pattern.
macro_rules! tags {
    ($($name:ident {
        $( $tag:literal $variant:ident $({
            $($field:ident),+ $(; since $since:literal $later:ident)?
        })? $(( $place:ident ))?, )+
    })+) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant $({ $($field,)+ $($later)? })? $(( $place ))? => {
                        out.push($tag);
                        $( $( $field.write(out); )+ $( $later.write(out); )? )?
                        $( $place.write(out); )?
                    } )+
                }
            }

            #[deny(unreachable_patterns)]
            fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
                Ok(match input.byte()? {
                    $( $tag => {
                        $( $( let $field = input.field(concat!(
                            stringify!($name), "::", stringify!($variant), ".", stringify!($field)
                        ))?; )+ $( let $later = match input.version {
                            $since.. => input.field(concat!(
                                stringify!($name), "::", stringify!($variant), ".", stringify!($later)
                            ))?,
                            _ => Default::default(),
                        }; )? )?
                        $( let $place = input.field(concat!(
                            stringify!($name), "::", stringify!($variant), ".", stringify!($place)
                        ))?; )?
                        Self::$variant $({ $($field,)+ $($later)? })? $(( $place ))?
                    } )+
                    _ => return Err(input.damaged(concat!("has no known ", stringify!($name)))),
                })
            }
        }
    )+ };
}

/// Ids: their text, read by their own parser.
macro_rules! ids {
    ($($name:ident)+) => { $(
        impl Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                write_text(self.as_str(), out);
            }

            fn read(input: &mut Input<'_>) -> Result<Self, Damaged> {
                Self::parse(input.text()?).map_err(|_| input.damaged("is not a well-formed id"))
            }
        }
    )+ };
}

use {fields, ids, tags};

#[cfg(test)]
mod tests;
