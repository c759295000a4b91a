//! How much may still be asked for a merchant: the most in one bill, and the most on one business day.
//!
//! What was asked for on a day is counted from the journal, which has every bill that was made; those being made
//! right now hold a [`Room`], so that many requests at once do not go beyond the limit together. A bill that was
//! closed or ran out unpaid gives its room back. What was begun is never refused: no capture is measured.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_domain::{Amount, Bill, BillKey, Day, DayEnd, Event, Mid, Moment, yuan};
use holdfast_wire::code::Code;

use super::{Api, No};
use crate::{
    accounts::{DayTotal, Limits},
    limits,
    store::{Store, StoreFault},
};

/// What was asked for, merchant by merchant, on the business day that it is.
pub(super) struct Allowance {
    ends: DayEnd,
    counted: tokio::sync::Mutex<Counted>,
    /// Bills that are being made, with what they take of the day, in fen.
    making: Arc<Mutex<HashMap<Arc<BillKey>, u64>>>,
}

/// The journal's bills of one business day.
#[derive(Default)]
struct Counted {
    day: Option<Day>,
    /// The last record that was read.
    seq: u64,
    asked: HashMap<Mid, u128>,
}

/// Room for a bill that is being made, kept until it is made or given up.
pub(super) struct Room {
    key: Arc<BillKey>,
    making: Arc<Mutex<HashMap<Arc<BillKey>, u64>>>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.making.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Allowance {
    pub(super) fn new(ends: DayEnd) -> Self {
        Self { ends, counted: tokio::sync::Mutex::default(), making: Arc::default() }
    }

    /// Takes room for a new bill out of the day's, unless that goes beyond `most`: then it answers what was asked
    /// for on the day before it. `freed` is what an unpaid bill holds that will be closed first, in fen.
    async fn take(
        &self,
        store: &dyn Store,
        now: Moment,
        (key, amount): (&Arc<BillKey>, Amount),
        most: DayTotal,
        freed: u64,
    ) -> Result<Result<Room, u128>, StoreFault> {
        let mut counted = self.counted.lock().await;
        counted.read(store, now.business_day(self.ends), self.ends, &self.making).await?;
        let asked = counted.asked.get(&key.mid).copied().unwrap_or_default();
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let others = making.iter().filter(|(other, _)| other.mid == key.mid && *other != key);
        let others: u128 = others.map(|(_, fen)| u128::from(*fen)).sum();
        let before = asked.saturating_add(others).saturating_sub(u128::from(freed));
        if before.saturating_add(u128::from(amount.fen())) > u128::from(most.fen()) {
            return Ok(Err(before));
        }
        making.insert(key.clone(), amount.fen());
        Ok(Ok(Room { key: key.clone(), making: self.making.clone() }))
    }

    /// What was asked for on the business day that it is, in fen, for each of these merchants.
    async fn asked(
        &self,
        store: &dyn Store,
        now: Moment,
        mids: &[&Mid],
    ) -> Result<Vec<u128>, StoreFault> {
        let mut counted = self.counted.lock().await;
        counted.read(store, now.business_day(self.ends), self.ends, &self.making).await?;
        let asked = |mid: &&Mid| counted.asked.get(*mid).copied().unwrap_or_default();
        Ok(mids.iter().map(asked).collect())
    }
}

impl Counted {
    /// Reads on in the journal, or begins anew on a new day.
    async fn read(
        &mut self,
        store: &dyn Store,
        today: Day,
        ends: DayEnd,
        making: &Mutex<HashMap<Arc<BillKey>, u64>>,
    ) -> Result<(), StoreFault> {
        if self.day != Some(today) {
            // What was decided shortly before the day began may stand behind what was decided after.
            let start = Day(today.0.saturating_sub(1)).ends_at(ends);
            let start = start.plus_ms(limits::STATEMENT_GRACE_MS.saturating_neg());
            let seq = before(store, start).await?;
            *self = Self { day: Some(today), seq, asked: HashMap::new() };
        }
        loop {
            let records = store.journal(self.seq, limits::JOURNAL_PAGE).await?;
            for record in &records {
                let mid = || record.key.mid.clone();
                match &record.event {
                    Event::Requested { terms } => {
                        // It is counted here from now on.
                        let mut making = making.lock().unwrap_or_else(PoisonError::into_inner);
                        making.remove(&record.key);
                        if terms.created_at.business_day(ends) == today {
                            let asked = self.asked.entry(mid()).or_default();
                            *asked = asked.saturating_add(u128::from(terms.amount.fen()));
                        }
                    }
                    Event::Closed | Event::Lapsed => {
                        if let Some(bill) = store.bill(&record.key).await?
                            && bill.terms.created_at.business_day(ends) == today
                        {
                            let asked = self.asked.entry(mid()).or_default();
                            *asked = asked.saturating_sub(u128::from(bill.terms.amount.fen()));
                        }
                    }
                    _ => {}
                }
                self.seq = record.seq;
            }
            if records.len() < limits::JOURNAL_PAGE {
                return Ok(());
            }
        }
    }
}

/// The number of a record before which nothing happened at `start` or later.
async fn before(store: &dyn Store, start: Moment) -> Result<u64, StoreFault> {
    let (mut low, mut high) = (0, store.last().await?);
    while low < high {
        let middle = low.midpoint(high);
        match store.journal(middle, 1).await?.first() {
            Some(record) if record.at < start => low = middle.saturating_add(1),
            _ => high = middle,
        }
    }
    Ok(low)
}

impl Api {
    /// What was asked for on this business day so far, in fen, for each of these merchants: what their limits of a
    /// day are measured against.
    pub(crate) async fn asked_today(&self, mids: &[&Mid]) -> Result<Vec<u128>, StoreFault> {
        self.allowance.asked(&*self.core.store, self.core.clock.now(), mids).await
    }

    /// Takes room for a new bill of a merchant that has limits, or refuses it. `replaces` is a bill that will be
    /// closed first if nobody has paid it.
    pub(super) async fn allow(
        &self,
        key: &Arc<BillKey>,
        amount: Amount,
        replaces: Option<&Bill>,
    ) -> Result<Option<Room>, No> {
        let limits = self.limits_of(&key.mid);
        Self::fits_bill(limits, amount)?;
        let Some(most) = limits.day else { return Ok(None) };
        let now = self.core.clock.now();
        let today = |at: Moment| at.business_day(self.core.policy.business_day_ends);
        let freed = replaces
            .filter(|bill| matches!(bill.phase, holdfast_domain::Phase::Requested { .. }))
            .filter(|bill| today(bill.terms.created_at) == today(now))
            .map_or(0, |bill| bill.terms.amount.fen());
        let store = &*self.core.store;
        match self.allowance.take(store, now, (key, amount), most, freed).await? {
            Ok(room) => Ok(Some(room)),
            Err(asked) => {
                let (most, asked) = (yuan(most.fen().into()), i128::try_from(asked).map(yuan));
                let asked = asked.unwrap_or_default();
                let text = format!(
                    "totalAmount: 超出商户单日限额 {most} 元，本营业日已受理 {asked} 元 | totalAmount: more than this merchant may ask for on one business day, {most} yuan, of which {asked} are taken"
                );
                Err(No::new(Code::OperationNotAllowed, text))
            }
        }
    }

    /// Whether bills may be made from the merchant's fixed codes now: nobody asks for it when a payer scans one.
    pub(super) fn may_be_scanned(&self, mid: &Mid) -> Result<(), No> {
        let merchant = self.accounts.book().merchants.get(mid).cloned();
        match merchant.is_some_and(|merchant| merchant.frozen.is_some()) {
            true => {
                let text = format!("商户 {mid} 已被冻结 | mid: merchant {mid} is frozen");
                Err(No::new(Code::InactiveMerchant, text))
            }
            false => Ok(()),
        }
    }

    /// Whether one bill may be of that amount.
    pub(super) fn may_ask(&self, mid: &Mid, amount: Amount) -> Result<(), No> {
        Self::fits_bill(self.limits_of(mid), amount)
    }

    fn fits_bill(limits: Limits, amount: Amount) -> Result<(), No> {
        match limits.bill.filter(|most| amount > *most) {
            None => Ok(()),
            Some(most) => {
                let most = yuan(most.fen().into());
                let text = format!(
                    "totalAmount: 超出商户单笔限额 {most} 元 | totalAmount: more than this merchant may ask for in one bill, {most} yuan"
                );
                Err(No::new(Code::OperationNotAllowed, text))
            }
        }
    }

    fn limits_of(&self, mid: &Mid) -> Limits {
        self.accounts.book().merchants.get(mid).map(|merchant| merchant.limits).unwrap_or_default()
    }
}
