//! The proof of the ledger: the whole journal is replayed, and everything stored must follow from it.
//!
//! It may run beside a gateway that goes on working: a bill that moved on after the journal was read is
//! compared where the journal reaches it. Memory is bounded whatever the number of bills: each pass over
//! the journal looks at the bills whose keys hash into one range, as wide as fits.

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use holdfast_domain::{Account, Balances, Bill, BillKey, Kind, Leg, Mid, OrderId, replay};

use super::{Record, Store, StoreFault};
use crate::limits;

/// What a proof found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Records of the journal that were replayed.
    pub records: u64,
    /// Bills that follow from them.
    pub bills: u64,
    /// What payers have, in fen: negative, for they gave what the others have.
    pub payer_fen: i128,
    /// What all bills together hold of payers' money, in fen.
    pub held_fen: i128,
    /// What all bills together gave their merchants, in fen.
    pub merchant_fen: i128,
    /// What all bills together gave sub-merchants, in fen.
    pub sub_merchants_fen: i128,
    /// What waits to be divided, in fen.
    pub undivided_fen: i128,
    /// Differences between the journal and what is stored, the first for each bill, at most
    /// [`limits::PROOF_DIFFERENCES`].
    pub differences: Vec<Difference>,
    /// How many bills have one, those included that are not told.
    pub differing: u64,
}

/// Something that does not follow from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The bill.
    pub bill: Arc<BillKey>,
    /// What there should be.
    pub expected: String,
    /// What there is.
    pub found: String,
}

/// How far a reading of the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The pass over the journal, from 1 on. How many there will be is known when the last one begins.
    pub pass: u32,
    /// Records that this pass has read.
    pub done: u64,
    /// Records that it will read.
    pub of: u64,
}

impl Proof {
    /// Whether everything stored follows from the journal.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.differing == 0
    }

    fn differ(&mut self, bill: Arc<BillKey>, expected: String, found: String) {
        self.differing = self.differing.saturating_add(1);
        if self.differences.len() < limits::PROOF_DIFFERENCES {
            self.differences.push(Difference { bill, expected, found });
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bill {}: expected {}, found {}", self.bill, self.expected, self.found)
    }
}

/// Replays the journal and compares everything stored with it.
///
/// # Errors
/// When the store cannot be read, which includes a damaged row: the fault names it.
pub async fn prove(store: &dyn Store, progress: impl FnMut(Progress)) -> Result<Proof, StoreFault> {
    prove_within(store, limits::PROOF_BILLS, progress).await
}

/// With at most so many bills and orders in memory.
async fn prove_within(
    store: &dyn Store,
    most: usize,
    mut progress: impl FnMut(Progress),
) -> Result<Proof, StoreFault> {
    let mut proof = Proof { records: store.last().await?, ..Proof::default() };
    let (of, mut from) = (proof.records, 0);
    for pass in 1.. {
        let mut part = Part { from, to: u64::MAX, most, ..Part::default() };
        part.replay(store, 0, of, |done| progress(Progress { pass, done, of })).await?;
        part.sum_up(&mut proof);
        part.compare(store).await?;
        part.catch_up(store, of).await?;
        let next = part.to.checked_add(1);
        part.tell(&mut proof);
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    Ok(proof)
}

/// The bills whose keys hash into one range, as they follow from the journal.
#[derive(Default)]
struct Part {
    from: u64,
    /// Included. Comes closer while there are too many bills.
    to: u64,
    most: usize,
    bills: HashMap<Arc<BillKey>, Replayed>,
    legs: HashMap<(Mid, OrderId), ReplayedLeg>,
    /// What is stored and is not what followed when the journal was read: it moved on, or it is wrong.
    bills_ahead: HashMap<Arc<BillKey>, Bill>,
    legs_ahead: HashMap<(Mid, OrderId), (Arc<BillKey>, Leg)>,
}

#[derive(Default)]
struct Replayed {
    bill: Option<Bill>,
    balances: Balances,
    /// Whether the store has it.
    stored: bool,
    /// The first thing that was wrong; nothing more is looked at then.
    wrong: Option<(String, String)>,
}

struct ReplayedLeg {
    key: Arc<BillKey>,
    leg: Arc<Leg>,
    stored: bool,
}

impl Part {
    fn has(&self, key: &BillKey) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        (self.from..=self.to).contains(&hasher.finish())
    }

    /// Replays the records after `after` up to `end`.
    async fn replay(
        &mut self,
        store: &dyn Store,
        after: u64,
        end: u64,
        mut progress: impl FnMut(u64),
    ) -> Result<(), StoreFault> {
        let mut done = after;
        while done < end {
            let left = usize::try_from(end.saturating_sub(done)).unwrap_or(usize::MAX);
            let records = store.journal(done, left.min(limits::JOURNAL_PAGE)).await?;
            if records.is_empty() {
                return Err(StoreFault::new(format_args!(
                    "the journal ends at record {done}, not at {end}"
                )));
            }
            for record in records {
                done = done.saturating_add(1);
                if record.seq != done {
                    let seq = record.seq;
                    return Err(StoreFault::new(format_args!(
                        "record {done} is missing: the next is {seq}"
                    )));
                }
                if self.has(&record.key) {
                    self.apply(record);
                }
            }
            progress(done);
            while self.bills.len().saturating_add(self.legs.len()) > self.most
                && self.from < self.to
            {
                self.narrow();
            }
        }
        Ok(())
    }

    fn narrow(&mut self) {
        self.to = self.from.midpoint(self.to);
        let bills = std::mem::take(&mut self.bills);
        self.bills = bills.into_iter().filter(|(key, _)| self.has(key)).collect();
        let legs = std::mem::take(&mut self.legs);
        self.legs = legs.into_iter().filter(|(_, leg)| self.has(&leg.key)).collect();
    }

    fn apply(&mut self, record: Record) {
        let replayed = self.bills.entry(record.key.clone()).or_default();
        let key = record.key.clone();
        if replayed.wrong.is_some() {
            return;
        }
        match replayed.follow(record) {
            Ok(None) => {}
            Ok(Some(leg)) => {
                let id = (key.mid.clone(), leg.order.clone());
                if self.legs_ahead.get(&id).is_some_and(|(of, ahead)| *of == key && *ahead == *leg)
                {
                    self.legs_ahead.remove(&id);
                }
                self.legs.insert(id, ReplayedLeg { key: key.clone(), leg, stored: false });
            }
            Err(wrong) => replayed.wrong = Some(wrong),
        }
        if self.bills_ahead.get(&key).is_some_and(|ahead| replayed.bill.as_ref() == Some(ahead)) {
            self.bills_ahead.remove(&key);
        }
    }

    /// What all bills have, as of the end of the journal that was read.
    fn sum_up(&self, proof: &mut Proof) {
        for replayed in self.bills.values() {
            proof.bills = proof.bills.saturating_add(1);
            for (account, fen) in replayed.balances.each() {
                let total = match account {
                    Account::Payer => &mut proof.payer_fen,
                    Account::Held => &mut proof.held_fen,
                    Account::Merchant => &mut proof.merchant_fen,
                    Account::Undivided => &mut proof.undivided_fen,
                    Account::Sub(_) => &mut proof.sub_merchants_fen,
                };
                *total = total.saturating_add(fen);
            }
        }
    }

    /// Compares what is stored with what followed.
    async fn compare(&mut self, store: &dyn Store) -> Result<(), StoreFault> {
        let mut after = None;
        loop {
            let page = store.bills(after.as_deref(), limits::BILL_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for bill in page.into_iter().filter(|bill| self.has(&bill.key)).collect::<Vec<_>>() {
                let replayed = self.bills.get_mut(&bill.key);
                let same = replayed.is_some_and(|replayed| {
                    replayed.stored = true;
                    replayed.bill.as_ref() == Some(&bill)
                });
                if !same {
                    self.bills_ahead.insert(bill.key.clone(), bill);
                }
            }
        }
        let mut after = None;
        loop {
            let page = store.legs(after.as_ref(), limits::BILL_PAGE).await?;
            let Some((key, leg)) = page.last() else { break };
            after = Some((key.mid.clone(), leg.order.clone()));
            for (key, leg) in page.into_iter().filter(|(key, _)| self.has(key)).collect::<Vec<_>>()
            {
                let id = (key.mid.clone(), leg.order.clone());
                let same = self.legs.get_mut(&id).is_some_and(|replayed| {
                    replayed.stored = true;
                    replayed.key == key && *replayed.leg == leg
                });
                if !same {
                    self.legs_ahead.insert(id, (key, leg));
                }
            }
        }
        self.miss();
        Ok(())
    }

    /// Notes what follows and is not stored.
    fn miss(&mut self) {
        for replayed in
            self.bills.values_mut().filter(|replayed| !replayed.stored && replayed.wrong.is_none())
        {
            replayed.wrong = Some((described(replayed.bill.as_ref()), "nothing".to_owned()));
        }
        for ReplayedLeg { key, leg, .. } in self.legs.values().filter(|leg| !leg.stored) {
            if let Some(replayed) =
                self.bills.get_mut(key).filter(|replayed| replayed.wrong.is_none())
            {
                replayed.wrong = Some((format!("order {}", leg.order), "nothing".to_owned()));
            }
        }
    }

    /// Reads on in the journal: what was stored a moment ago is in it by now.
    async fn catch_up(&mut self, store: &dyn Store, end: u64) -> Result<(), StoreFault> {
        if self.bills_ahead.is_empty() && self.legs_ahead.is_empty() {
            return Ok(());
        }
        // The range is settled: what comes now is as much as was written meanwhile.
        self.most = usize::MAX;
        let now = store.last().await?;
        self.replay(store, end, now, |_| ()).await
    }

    /// Tells one difference for each bill that has any.
    fn tell(mut self, proof: &mut Proof) {
        for (key, bill) in self.bills_ahead {
            let replayed = self.bills.entry(key).or_default();
            if replayed.wrong.is_none() {
                let expected = match &replayed.bill {
                    Some(expected) if expected.version == bill.version => format!("{expected:?}"),
                    expected => described(expected.as_ref()),
                };
                let found = match &replayed.bill {
                    Some(expected) if expected.version == bill.version => format!("{bill:?}"),
                    _ => described(Some(&bill)),
                };
                replayed.wrong = Some((expected, found));
            }
        }
        for (id, (key, leg)) in self.legs_ahead {
            let replayed = self.bills.entry(key).or_default();
            if replayed.wrong.is_none() {
                let expected =
                    self.legs.get(&id).map_or("nothing".to_owned(), |of| format!("{:?}", of.leg));
                replayed.wrong = Some((expected, format!("{leg:?}")));
            }
        }
        for (key, replayed) in self.bills {
            if let Some((expected, found)) = replayed.wrong {
                proof.differ(key, expected, found);
            }
        }
    }
}

impl Replayed {
    /// Follows one record, and returns the order it claims or settles; or what was expected and what was
    /// found instead.
    fn follow(&mut self, record: Record) -> Result<Option<Arc<Leg>>, (String, String)> {
        let Record { seq, key, version, event, entries, .. } = record;
        let kind = self.bill.as_ref().map(|bill| bill.terms.kind).or_else(|| event.kind());
        let name = event.name(kind.unwrap_or(Kind::Payment));
        let change = replay(self.bill.as_ref(), &key, event).map_err(|_| {
            let expected = format!("what can follow on {}", described(self.bill.as_ref()));
            (expected, format!("{name} in record {seq}"))
        })?;
        if change.bill.version != version {
            let expected = format!("version {} in record {seq}", change.bill.version);
            return Err((expected, format!("version {version}")));
        }
        if change.entries != entries {
            let expected = format!("entries {:?} for {name} in record {seq}", change.entries);
            return Err((expected, format!("{entries:?}")));
        }
        for entry in &entries {
            self.balances.post(entry);
        }
        let follows = change.bill.balances();
        if self.balances != follows || self.balances.total() != 0 {
            let expected = format!("{} after record {seq}", told(&follows));
            return Err((expected, told(&self.balances)));
        }
        self.bill = Some(change.bill);
        Ok(change.leg)
    }
}

/// Balances in words.
fn told(balances: &Balances) -> String {
    let each = balances.each().map(|(account, fen)| match account {
        Account::Payer => format!("payer {fen}"),
        Account::Held => format!("held {fen}"),
        Account::Merchant => format!("merchant {fen}"),
        Account::Undivided => format!("undivided {fen}"),
        Account::Sub(mid) => format!("sub-merchant {mid} {fen}"),
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "nothing".to_owned() } else { format!("{} fen", each.join(", ")) }
}

fn described(bill: Option<&Bill>) -> String {
    match bill {
        Some(bill) => format!("a bill of version {}, {}", bill.version, bill.phase.name()),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests;
