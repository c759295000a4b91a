//! Settlement statements (对账单): what a business day moved on a merchant's account, from the journal alone.
//!
//! A statement says nothing that became known after its lines: order numbers, shares and reasons come from each
//! bill's history up to the line's record. So the statement of a day that is over has the same bytes whenever it
//! is made again, and a digest that proves it.
//!
//! It has two sections. The first is the settlement: its net over all days is what the ledger owes the merchant.
//! The second is what was only set aside for the merchant's own bills, by holds and guarantees and by payments
//! that wait to be divided: its net over all days is what the ledger still has of that.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::Arc,
};

use holdfast_domain::{
    Account, Amount, Bill, BillKey, Change, Channel, Day, Entry, Event, Kind as BillKind, Leg, Mid,
    Moment, OrderId, Phase, Share, Split, Takings, Text, Tid, Why, replay,
};
use sha2::{Digest as _, Sha256};

use crate::{
    limits,
    store::{Progress, Record, Store, StoreFault, past},
    vault::hex,
};

mod write;

pub(crate) use write::shielded;
pub use write::{COLUMNS, Column, Csv, Json};

/// Whose statement it is, of which day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The merchant.
    pub mid: Mid,
    /// The business day.
    pub day: Day,
    /// Whether the day is over, so that nothing can be added any more.
    pub complete: bool,
}

/// A statement without its lines, which went to a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Whose it is, of which day.
    pub head: Head,
    /// What its lines are together.
    pub totals: Totals,
    /// What the ledger says that they must be together.
    pub booked: Booked,
    /// SHA-256 over the statement as JSON without its last line, in hexadecimal digits.
    pub digest: String,
}

/// The two halves of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What the merchant gets, or gives back, at the next settlement (结算).
    Settlement,
    /// What is set aside on the merchant's own bills, and no longer the payer's nor yet anybody's (待结).
    Aside,
}

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A payment that was taken at once.
    Payment,
    /// Held money was taken.
    Capture,
    /// Guaranteed money was taken.
    Completion,
    /// A capture was undone.
    Reversal,
    /// Taken money was given back.
    Refund,
    /// A payment that waited for it was divided: the part of the bill's own merchant.
    Division,
    /// A share in another merchant's bill.
    Share,
    /// Part of a share was given back.
    ShareRefund,
    /// Money was set aside by a hold or a guarantee.
    Authorized,
    /// Money was paid and waits to be divided.
    Pending,
    /// Money came too late.
    Late,
    /// What was set aside was taken, or went back to the payer with a capture of less.
    Taken,
    /// A capture was undone and its hold stands again.
    Restored,
    /// The merchant gave a hold or a guarantee up.
    Released,
    /// A hold or a guarantee came to its deadline.
    Expired,
    /// Money that came too late went back.
    Returned,
    /// What waited to be divided was divided.
    Divided,
    /// What waited to be divided was given back.
    Refunded,
}

/// One line: what one record of the journal moved for the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The record's place in the journal.
    pub record: u64,
    /// When it happened.
    pub at: Moment,
    /// What it was.
    pub kind: Kind,
    /// The bill; another merchant's, when the line is of a share.
    pub bill: Arc<BillKey>,
    /// The capture's or refund's number; that of the payment otherwise.
    pub order: OrderId,
    /// The merchant's own number for its share.
    pub share_order: Option<OrderId>,
    /// The channel's number (交易参考号).
    pub reference: Option<Text<64>>,
    /// The target platform's number (目标平台单号).
    pub target: Option<Text<64>>,
    /// Through what the payer paid.
    pub channel: Channel,
    /// The terminal that made the bill.
    pub tid: Tid,
    /// What was paid, taken or given back as a whole. Of a share, the share: nobody is told what others got.
    pub transaction: Amount,
    /// What it did to the merchant's account, in fen; negative for what was given.
    pub effect_fen: i128,
    /// The section's net up to and with this line, in fen.
    pub net_fen: i128,
    /// What the merchant wrote on the bill.
    pub description: Option<Text<255>>,
}

/// How many lines of a kind there are, and what they did together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Lines.
    pub count: u64,
    /// In fen.
    pub fen: i128,
}

/// What the entries of a day did to a merchant's accounts, in fen: added up entry by entry, without any line, so that
/// it can be held against [`Totals`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// On the account of the settlement, and on those of the merchant's shares.
    pub settlement_fen: i128,
    /// On the accounts of what is set aside.
    pub aside_fen: i128,
}

/// The totals of a statement, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Kind, Total>);

/// What a writer is given, in this order: one head, the lines of the settlement, those of what was set aside,
/// the totals, the digest.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Whose statement it is.
    Head(&'a Head),
    /// A line.
    Line(&'a Line),
    /// What the lines are together.
    Totals(&'a Totals),
    /// The digest of everything before it.
    Digest(&'a str),
}

/// Why a statement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The journal cannot be read, or does not follow from itself.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The writer failed.
    #[error("write the statement: {0}")]
    Write(#[from] io::Error),
}

/// Whether a business day is over for good: past the latest end that a business day can have, which is midnight
/// in Beijing, and past the time that a commit may take. So no setting and no slow disk adds to it any more.
#[must_use]
pub fn is_over(day: Day, now: Moment) -> bool {
    now >= over_at(day)
}

/// From when on a business day is over for good.
#[must_use]
pub fn over_at(day: Day) -> Moment {
    Day(day.0.saturating_add(1)).starts_at().plus_ms(limits::STATEMENT_GRACE_MS)
}

/// The merchants that have anything on their statements of a day.
///
/// # Errors
/// When the journal cannot be read.
pub async fn merchants(
    store: &dyn Store,
    day: Day,
    mut progress: impl FnMut(Progress),
) -> Result<BTreeSet<Mid>, StoreFault> {
    let mut found = BTreeSet::new();
    let mut stretch = Stretch::of(store.day(day).await?);
    while let Some(page) = stretch.read(store).await? {
        for record in page.iter().filter(|record| is_of(record, day)) {
            let subs = record.entries.iter().flat_map(|entry| [&entry.from, &entry.to]);
            for account in subs {
                let mid = whose(record, account);
                if !found.contains(mid) {
                    found.insert(mid.clone());
                }
            }
        }
        progress(stretch.progress(1));
    }
    Ok(found)
}

/// The merchant whose statement tells of what a record does to that account.
fn whose<'a>(record: &'a Record, account: &'a Account) -> &'a Mid {
    match account {
        Account::Sub(mid) => mid,
        Account::Payer | Account::Held | Account::Merchant | Account::Undivided => &record.key.mid,
    }
}

/// Makes the statements of a day for every merchant that has a writer, in two passes over the day's stretch of
/// the journal, one for each section. Lines are in the order of the journal and go straight to the writers.
///
/// # Errors
/// When the journal cannot be read or does not follow from itself, or when a writer fails.
pub async fn make<W: FnMut(Part<'_>) -> io::Result<()>>(
    store: &dyn Store,
    day: Day,
    complete: bool,
    writers: BTreeMap<Mid, W>,
    progress: impl FnMut(Progress),
) -> Result<Vec<Statement>, StatementError> {
    make_within(store, day, complete, writers, limits::STATEMENT_BILLS, progress).await
}

/// With at most so many bills in memory.
async fn make_within<W: FnMut(Part<'_>) -> io::Result<()>>(
    store: &dyn Store,
    day: Day,
    complete: bool,
    writers: BTreeMap<Mid, W>,
    most: usize,
    mut progress: impl FnMut(Progress),
) -> Result<Vec<Statement>, StatementError> {
    // Read once: on a day that goes on, both passes must end at the same record.
    let ends = store.day(day).await?;
    let mut sheets = BTreeMap::new();
    for (mid, writer) in writers {
        let mut sheet = Sheet::new(Head { mid: mid.clone(), day, complete }, writer);
        sheet.begin()?;
        sheets.insert(mid, sheet);
    }
    for (pass, section) in [(1, Section::Settlement), (2, Section::Aside)] {
        let (mut stretch, mut bills) = (Stretch::of(ends), Bills { most, known: HashMap::new() });
        while let Some(page) = stretch.read(store).await? {
            for record in page {
                if is_of(&record, day) {
                    book(&record, section, &mut sheets);
                }
                let told = is_of(&record, day) && tells(&record, section, &sheets);
                let own = sheets.contains_key(&record.key.mid);
                if !told && !bills.follows(&record, own) {
                    continue;
                }
                let change = bills.follow(store, &record).await?;
                if !told {
                    continue;
                }
                for (mid, line) in lines(&record, &change, section)? {
                    if let Some(sheet) = sheets.get_mut(&mid) {
                        sheet.add(line)?;
                    }
                }
            }
            progress(stretch.progress(pass));
            // Whoever takes lines as they are made takes those of one page at a time.
            tokio::task::yield_now().await;
        }
    }
    Ok(sheets.into_values().map(Sheet::end).collect::<io::Result<_>>()?)
}

/// Whether money moved by it on that business day.
fn is_of(record: &Record, day: Day) -> bool {
    record.event.receipt().is_some_and(|receipt| receipt.day == day)
}

/// Adds up what a record's entries did to the accounts of that section, whatever lines there are.
fn book<W>(record: &Record, section: Section, sheets: &mut BTreeMap<Mid, Sheet<W>>) {
    for Entry { from, to, amount } in &record.entries {
        let fen = i128::from(amount.fen());
        for (account, fen) in [(from, fen.saturating_neg()), (to, fen)] {
            let sheet = sheets.get_mut(whose(record, account)).filter(|_| section.has(account));
            if let Some(sheet) = sheet {
                let booked = match section {
                    Section::Settlement => &mut sheet.booked.settlement_fen,
                    Section::Aside => &mut sheet.booked.aside_fen,
                };
                *booked = booked.saturating_add(fen);
            }
        }
    }
}

/// Whether a record has a line in that section of one of the statements.
fn tells<W>(record: &Record, section: Section, sheets: &BTreeMap<Mid, Sheet<W>>) -> bool {
    let own = sheets.contains_key(&record.key.mid);
    record.entries.iter().flat_map(|entry| [&entry.from, &entry.to]).any(|account| {
        let shares = matches!(account, Account::Sub(mid) if sheets.contains_key(mid));
        section.has(account) && (own || shares)
    })
}

/// The lines that a record makes in that section, each with the merchant whose statement it is on.
fn lines(
    record: &Record,
    change: &Change,
    section: Section,
) -> Result<Vec<(Mid, Line)>, StoreFault> {
    let (bill, key) = (&change.bill, &record.key);
    let strange =
        || StoreFault::new(format_args!("record {} moves money for no known reason", record.seq));
    let (Some(receipt), Some(payment)) = (record.event.receipt(), bill.payment()) else {
        return Err(strange());
    };
    let leg = leg(change);
    let line = |kind, share_order, transaction, effect_fen| Line {
        record: record.seq,
        at: receipt.at,
        kind,
        bill: key.clone(),
        order: leg.map_or_else(|| key.payment_leg(), |leg| leg.order.clone()),
        share_order,
        reference: receipt.reference.clone(),
        target: receipt.target.clone(),
        channel: payment.channel,
        tid: bill.terms.tid.clone(),
        transaction,
        effect_fen,
        net_fen: 0,
        description: bill.terms.details.description.clone(),
    };
    let whole = leg.map_or(bill.terms.amount, |leg| leg.amount);
    let touched = |entry: &&Entry| section.has(&entry.from) || section.has(&entry.to);
    let mut found = vec![];
    if record.entries.iter().any(|entry| touched(&entry)) {
        // The bill's merchant is told of all of them, also where the whole money is others'.
        let kind = Kind::of(section, &record.event, bill).ok_or_else(strange)?;
        let own = record.entries.iter().map(|entry| section.own(entry)).sum();
        found.push((key.mid.clone(), line(kind, None, whole, own)));
    }
    if section == Section::Settlement {
        // Entries of shares are in the order of the shares.
        let mut shares = shares(change).iter();
        for Entry { from, to, amount } in &record.entries {
            let (mid, fen) = match (from, to) {
                (_, Account::Sub(mid)) => (mid, i128::from(amount.fen())),
                (Account::Sub(mid), _) => (mid, i128::from(amount.fen()).saturating_neg()),
                _ => continue,
            };
            let share = shares.next().filter(|share| share.mid == *mid).ok_or_else(strange)?;
            let kind = if fen < 0 { Kind::ShareRefund } else { Kind::Share };
            found.push((mid.clone(), line(kind, share.order.clone(), *amount, fen)));
        }
    }
    Ok(found)
}

/// The merchant's order by which the money moved, where it was one.
fn leg(change: &Change) -> Option<&Arc<Leg>> {
    match (&change.event, &change.bill.phase) {
        // A completion bears the number of the payment, and the change claims no number for it.
        (Event::Captured { .. }, Phase::Taken { takings: Takings { capture, .. }, .. }) => {
            capture.as_ref()
        }
        _ => change.leg.as_ref(),
    }
}

/// The shares of sub-merchants by which the money moved, if it did so.
fn shares(change: &Change) -> &[Share] {
    match (&change.event, &change.bill.phase) {
        (Event::Refunded { .. }, _) => {
            let from = change.leg.as_ref().and_then(|leg| leg.from.as_ref());
            from.map(|from| from.subs()).unwrap_or_default()
        }
        (_, Phase::Taken { takings: Takings { split: Split::Among { whole, .. }, .. }, .. }) => {
            whole.subs()
        }
        _ => &[],
    }
}

impl Booked {
    /// What it was in that section, in fen.
    #[must_use]
    pub fn fen(self, section: Section) -> i128 {
        match section {
            Section::Settlement => self.settlement_fen,
            Section::Aside => self.aside_fen,
        }
    }
}

impl Section {
    /// The section's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Settlement => "settlement",
            Self::Aside => "aside",
        }
    }

    /// Whether lines of this section tell of that account.
    fn has(self, account: &Account) -> bool {
        match account {
            Account::Payer => false,
            Account::Merchant | Account::Sub(_) => self == Self::Settlement,
            Account::Held | Account::Undivided => self == Self::Aside,
        }
    }

    /// What an entry does to the accounts of the bill's own merchant in this section, in fen.
    fn own(self, entry: &Entry) -> i128 {
        let fen = i128::from(entry.amount.fen());
        let is = |account| self.has(account) && !matches!(account, Account::Sub(_));
        match (is(&entry.from), is(&entry.to)) {
            (false, true) => fen,
            (true, false) => fen.saturating_neg(),
            (true, true) | (false, false) => 0,
        }
    }
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Self; 18] = [
        Self::Payment,
        Self::Capture,
        Self::Completion,
        Self::Reversal,
        Self::Refund,
        Self::Division,
        Self::Share,
        Self::ShareRefund,
        Self::Authorized,
        Self::Pending,
        Self::Late,
        Self::Taken,
        Self::Restored,
        Self::Released,
        Self::Expired,
        Self::Returned,
        Self::Divided,
        Self::Refunded,
    ];

    /// Of the bill's own merchant's line.
    fn of(section: Section, event: &Event, bill: &Bill) -> Option<Self> {
        let guaranteed = bill.terms.kind == BillKind::Guarantee;
        Some(match (section, event) {
            (Section::Settlement, Event::Authorized { .. }) => Self::Payment,
            (Section::Settlement, Event::Captured { .. }) if guaranteed => Self::Completion,
            (Section::Settlement, Event::Captured { .. }) => Self::Capture,
            (Section::Settlement, Event::Reversed { .. }) => Self::Reversal,
            (Section::Settlement, Event::Refunded { .. }) => Self::Refund,
            (Section::Settlement, Event::Divided { .. }) => Self::Division,
            (Section::Aside, Event::Authorized { .. }) if bill.terms.kind == BillKind::Payment => {
                Self::Pending
            }
            (Section::Aside, Event::Authorized { .. }) => Self::Authorized,
            (Section::Aside, Event::PaidLate { .. }) => Self::Late,
            (Section::Aside, Event::Captured { .. }) => Self::Taken,
            (Section::Aside, Event::Reversed { .. }) => Self::Restored,
            (Section::Aside, Event::Released { .. }) => match bill.phase {
                Phase::Released { why: Why::Merchant, .. } => Self::Released,
                Phase::Released { why: Why::Deadline, .. } => Self::Expired,
                _ => Self::Returned,
            },
            (Section::Aside, Event::Refunded { .. }) => Self::Refunded,
            (Section::Aside, Event::Divided { .. }) => Self::Divided,
            _ => return None,
        })
    }

    /// The section it belongs to.
    #[must_use]
    pub fn section(self) -> Section {
        if self < Self::Authorized { Section::Settlement } else { Section::Aside }
    }

    /// Its name as statements write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Its name in Chinese.
    #[must_use]
    pub fn zh(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Payment => ("payment", "支付"),
            Self::Capture => ("capture", "预授权完成"),
            Self::Completion => ("completion", "担保完成"),
            Self::Reversal => ("reversal", "预授权完成撤销"),
            Self::Refund => ("refund", "退款"),
            Self::Division => ("division", "分账留存"),
            Self::Share => ("share", "分账入账"),
            Self::ShareRefund => ("shareRefund", "分账退款"),
            Self::Authorized => ("authorized", "冻结"),
            Self::Pending => ("pending", "待分账"),
            Self::Late => ("late", "迟到付款"),
            Self::Taken => ("taken", "完成转出"),
            Self::Restored => ("restored", "恢复冻结"),
            Self::Released => ("released", "撤销退回"),
            Self::Expired => ("expired", "到期退回"),
            Self::Returned => ("returned", "迟到退回"),
            Self::Divided => ("divided", "分账转出"),
            Self::Refunded => ("refunded", "分账前退款"),
        }
    }
}

impl Totals {
    /// Every kind that has lines, in order.
    pub fn each(&self, section: Section) -> impl Iterator<Item = (Kind, Total)> {
        let all = self.0.iter().map(|(kind, total)| (*kind, *total));
        all.filter(move |(kind, _)| kind.section() == section)
    }

    /// All lines of a section together.
    #[must_use]
    pub fn net(&self, section: Section) -> Total {
        self.each(section).fold(Total::default(), |net, (_, total)| Total {
            count: net.count.saturating_add(total.count),
            fen: net.fen.saturating_add(total.fen),
        })
    }

    /// Adds a line, and answers the net of its section, in fen.
    fn add(&mut self, line: &Line) -> i128 {
        let total = self.0.entry(line.kind).or_default();
        total.count = total.count.saturating_add(1);
        total.fen = total.fen.saturating_add(line.effect_fen);
        self.net(line.kind.section()).fen
    }
}

/// A statement that is being written.
struct Sheet<W> {
    head: Head,
    writer: W,
    totals: Totals,
    booked: Booked,
    canonical: Json<Hash>,
}

#[derive(Default)]
struct Hash(Sha256);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: FnMut(Part<'_>) -> io::Result<()>> Sheet<W> {
    fn new(head: Head, writer: W) -> Self {
        let canonical = Json::new(Hash::default());
        let (totals, booked) = (Totals::default(), Booked::default());
        Self { head, writer, totals, booked, canonical }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.canonical.write(Part::Head(&self.head))?;
        (self.writer)(Part::Head(&self.head))
    }

    fn add(&mut self, mut line: Line) -> io::Result<()> {
        line.net_fen = self.totals.add(&line);
        self.canonical.write(Part::Line(&line))?;
        (self.writer)(Part::Line(&line))
    }

    fn end(mut self) -> io::Result<Statement> {
        self.canonical.write(Part::Totals(&self.totals))?;
        (self.writer)(Part::Totals(&self.totals))?;
        let digest = hex(&self.canonical.into_inner().0.finalize());
        (self.writer)(Part::Digest(&digest))?;
        Ok(Statement { head: self.head, totals: self.totals, booked: self.booked, digest })
    }
}

/// Records that are read page by page.
struct Stretch {
    before: u64,
    done: u64,
    last: u64,
}

impl Stretch {
    fn of(ends: Option<(u64, u64)>) -> Self {
        let (first, last) = ends.unwrap_or((1, 0));
        let before = first.saturating_sub(1);
        Self { before, done: before, last }
    }

    /// The next records; `None` at the end.
    async fn read(&mut self, store: &dyn Store) -> Result<Option<Vec<Record>>, StoreFault> {
        let left = self.last.saturating_sub(self.done);
        if left == 0 {
            return Ok(None);
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let page = store.journal(self.done, left.min(limits::JOURNAL_PAGE)).await?;
        for record in &page {
            self.done = self.done.saturating_add(1);
            if record.seq != self.done {
                let (seq, next) = (self.done, record.seq);
                return Err(StoreFault::new(format_args!(
                    "record {seq} is missing: the next is {next}"
                )));
            }
        }
        if page.is_empty() {
            return Err(StoreFault::new(format_args!(
                "the journal ends at record {}, not at {}",
                self.done, self.last
            )));
        }
        Ok(Some(page))
    }

    fn progress(&self, pass: u32) -> Progress {
        let (done, of) = (self.done, self.last);
        Progress {
            pass,
            done: done.saturating_sub(self.before),
            of: of.saturating_sub(self.before),
        }
    }
}

/// Bills as they are at the record that is being read. Those that do not fit are made again from their history.
struct Bills {
    most: usize,
    known: HashMap<Arc<BillKey>, Bill>,
}

impl Bills {
    /// Whether the record must be followed though it has no line: its bill is known, or begins here.
    fn follows(&self, record: &Record, own: bool) -> bool {
        (own && record.version == 1) || self.known.contains_key(&record.key)
    }

    /// What followed from a record, which must be what the record says.
    async fn follow(&mut self, store: &dyn Store, record: &Record) -> Result<Change, StoreFault> {
        let before = match self.known.remove(&record.key) {
            Some(bill) => Some(bill),
            None if record.version == 1 => None,
            None => past(store, record).await?,
        };
        let change = replay(before.as_ref(), &record.key, record.event.clone());
        let change = change.ok().filter(|change| {
            change.bill.version == record.version && change.entries == record.entries
        });
        let change = change.ok_or_else(|| {
            StoreFault::new(format_args!(
                "record {} does not follow from what was before it; run: holdfast ledger verify",
                record.seq
            ))
        })?;
        if self.known.len() >= self.most {
            self.known.clear();
        }
        self.known.insert(record.key.clone(), change.bill.clone());
        Ok(change)
    }
}

#[cfg(test)]
pub(crate) mod tests;
