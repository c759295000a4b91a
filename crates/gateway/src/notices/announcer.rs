//! The announcer: reads the journal behind a durable cursor and writes what merchants are to be told.
//!
//! It keeps nothing that a crash could take away: letters follow from the journal, and the outbox takes each once.

use std::{collections::HashMap, mem, sync::Arc};

use holdfast_domain::{Bill, BillKey, replay};

use super::{
    Letter, Outbox,
    announce::{Announced, announced, letters},
};
use crate::{
    accounts::{Accounts, Merchant},
    clock::patience,
    limits,
    store::{Record, StoreFault, past},
    submit::Core,
};

/// Turns committed events into letters.
pub struct Announcer {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    outbox: Arc<dyn Outbox>,
    public_url: String,
    /// The last record that was read; unknown until the outbox was asked.
    read: Option<u64>,
    /// The last record that the outbox knows of.
    written: u64,
    bills: Bills,
}

/// Bills as of the last record read, in two generations: when the younger is full, the older is forgotten.
#[derive(Default)]
struct Bills {
    young: HashMap<Arc<BillKey>, Bill>,
    old: HashMap<Arc<BillKey>, Bill>,
}

impl Announcer {
    /// An announcer that has read nothing yet. `public_url` is what links in QR codes begin with.
    pub fn new(
        core: Arc<Core>,
        accounts: Arc<Accounts>,
        outbox: Arc<dyn Outbox>,
        public_url: String,
    ) -> Self {
        let (read, written, bills) = (None, 0, Bills::default());
        Self { core, accounts, outbox, public_url, read, written, bills }
    }

    /// Reads one page of the journal and writes its letters. Answers whether there was anything to read.
    ///
    /// # Errors
    /// When the store or the outbox broke. Nothing was missed then: the same page is read again.
    pub async fn step(&mut self) -> Result<bool, StoreFault> {
        let read = match self.read {
            Some(read) => read,
            None => {
                self.written = self.outbox.cursor().await?;
                self.written
            }
        };
        let records = self.core.store.journal(read, limits::ANNOUNCER_PAGE).await?;
        let Some(last) = records.last().map(|record| record.seq) else { return Ok(false) };
        let mut all = vec![];
        for record in &records {
            all.extend(self.letters(record).await?);
        }
        // A page without letters is cheap to read again, and not worth a sync.
        if !all.is_empty() || last.saturating_sub(self.written) >= limits::ANNOUNCER_SILENCE {
            self.outbox.put(last, all).await?;
            self.written = last;
        }
        self.read = Some(last);
        Ok(true)
    }

    /// Announces what is committed until `stop` resolves.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let core = self.core.clone();
        tokio::pin!(stop);
        loop {
            let (more, broken) = match self.step().await {
                Ok(more) => (more, false),
                Err(fault) => {
                    tracing::error!(%fault, "notices cannot be written");
                    (false, true)
                }
            };
            // What is committed in the next moment is read with this, at the price of one look: under load a look for
            // each commit took as much time as the commits themselves.
            let gather = patience(limits::ANNOUNCER_GATHER_MS, std::future::pending::<()>());
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = gather => {}
            }
            let pause = patience(limits::ANNOUNCER_PAUSE_MS, std::future::pending::<()>());
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = std::future::ready(()), if more => {}
                // Commits go on while the outbox is broken; they must not make it fail all the more often.
                () = core.news.notified(), if !broken => {}
                _ = pause => {}
            }
        }
    }

    /// The letters of one record.
    async fn letters(&mut self, record: &Record) -> Result<Vec<Letter>, StoreFault> {
        let book = self.accounts.book();
        let merchant = book.merchants.get(&record.key.mid).map(|merchant| &**merchant);
        let before = match record.version.checked_sub(1) {
            None | Some(0) => None,
            Some(version) => match self.bills.at(&record.key, version) {
                Some(bill) => Some(bill),
                None if nobody_asks(record, merchant) => return Ok(vec![]),
                None => past(&*self.core.store, record).await?,
            },
        };
        let after = replay(before.as_ref(), &record.key, record.event.clone())
            .map_err(|broken| {
                StoreFault::new(format!("record {} of bill {}: {broken}", record.seq, record.key))
            })?
            .bill;
        let letters = letters(record, before.as_ref(), &after, merchant, &self.public_url);
        self.bills.keep(after);
        Ok(letters)
    }
}

/// Whether the record is of no interest to its merchant, so that its bill need not be had again.
fn nobody_asks(record: &Record, merchant: Option<&Merchant>) -> bool {
    match announced(&record.event, None) {
        Announced::Always => false,
        Announced::On(_) => merchant.is_none_or(|merchant| merchant.notices.notify_on.is_empty()),
        Announced::Never => true,
    }
}

impl Bills {
    /// The bill, if it is known at that very version.
    fn at(&self, key: &BillKey, version: u64) -> Option<Bill> {
        let known = self.young.get(key).or_else(|| self.old.get(key));
        known.filter(|bill| bill.version == version).cloned()
    }

    fn keep(&mut self, bill: Bill) {
        if self.young.len() >= limits::ANNOUNCER_BILLS {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(bill.key.clone(), bill);
    }
}
