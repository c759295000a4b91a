//! Fixed codes (固定码): what is kept of them, and what a code stands for.
//!
//! A fixed code is not a bill. Everybody who scans it makes one, and the code is there for the next.

mod ask;

use std::sync::Arc;

use holdfast_domain::{
    Amount, Bill, BillKey, BillNo, Buyer, CodeId, Day, Fingerprint, Mid, Moment, Text, Tid,
};
use holdfast_wire::{
    json::Object, message::Message as _, messages::CodeTerms, person::Person, secret::Personal,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::{
    clock::Dice,
    limits,
    outbound::Outbound,
    store::{Kind, Store, StoreFault},
    vault::{Vault, hex, unhex},
};

pub use ask::{Told, Untold};

/// A code that makes a bill whenever it is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedCode {
    /// What it carries.
    pub code: CodeId,
    /// Whose it is.
    pub mid: Mid,
    /// The terminal that asked for it.
    pub tid: Tid,
    /// What the merchant asked for, without the person who is expected to pay.
    pub terms: CodeTerms,
    /// The person who is expected to pay, sealed for this code.
    pub buyer: Option<Arc<Buyer>>,
    /// What the merchant keeps with its bills, echoed in notices.
    pub reserve: Option<Text<255>>,
    /// When it was made.
    pub created_at: Moment,
    /// What exactly was asked, so that a repeat is known.
    pub fingerprint: Fingerprint,
    /// Whether the merchant closed it.
    pub closed: bool,
    /// The bill for which it ends as soon as that bill exists: a one-off code with the same id.
    pub until: Option<Arc<BillKey>>,
}

/// What a code stands for.
#[derive(Clone, Debug)]
pub enum Coded {
    /// A fixed code.
    Fixed(Box<FixedCode>),
    /// The bill of a one-off code: the last one, when bills took the code over from each other.
    Bill(Box<Bill>),
}

/// All codes of a gateway.
pub struct Codes {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    post: Arc<Outbound>,
    /// Room for questions to merchants' systems.
    questions: Semaphore,
    /// How many fixed codes there are. Whoever has it is the only one who writes.
    count: Mutex<usize>,
}

/// The right to write codes: as long as somebody has it, nobody else does.
pub struct Turn<'a> {
    store: &'a dyn Store,
    count: MutexGuard<'a, usize>,
}

/// A fixed code as the registry keeps it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    mid: String,
    tid: String,
    terms: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<Sealed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserve: Option<String>,
    created_at: i64,
    fingerprint: String,
    closed: bool,
    /// Number and date of the bill for which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<(String, String)>,
}

/// What is sealed of a person, text by text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    name: Option<String>,
    mobile: Option<String>,
    certificate_kind: Option<String>,
    certificate: Option<String>,
    only: bool,
}

impl Codes {
    /// The codes of a store; merchants' systems are asked through `post`.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        post: Arc<Outbound>,
    ) -> Result<Self, StoreFault> {
        let count = Mutex::new(store.registry(Kind::FixedCode).await?.len());
        let questions = Semaphore::new(limits::AMOUNT_QUESTIONS);
        Ok(Self { store, vault, post, questions, count })
    }

    /// What a code stands for: a fixed code first, and a bill where there is none.
    ///
    /// # Errors
    /// When the store cannot be read, or a record in it is damaged.
    pub async fn find(&self, code: &CodeId) -> Result<Option<Coded>, StoreFault> {
        if let Some(fixed) = self.fixed(code).await? {
            let ended = match &fixed.until {
                // Another bill can have come to have that number, with a code of its own.
                Some(key) => {
                    let bill = self.store.bill(key).await?;
                    bill.is_some_and(|bill| bill.terms.code == *code)
                }
                None => false,
            };
            if !ended {
                return Ok(Some(Coded::Fixed(Box::new(fixed))));
            }
        }
        Ok(self.store.coded(code).await?.map(Box::new).map(Coded::Bill))
    }

    /// The last fixed code that this terminal of the merchant made.
    ///
    /// # Errors
    /// As [`Codes::find`].
    pub async fn last(&self, mid: &Mid, tid: &Tid) -> Result<Option<FixedCode>, StoreFault> {
        let id = terminal(mid, tid);
        let Some(code) = self.store.registered(Kind::LastFixedCode, &id).await? else {
            return Ok(None);
        };
        let code = CodeId::parse(&code).map_err(|error| damaged(&id, error))?;
        self.fixed(&code).await
    }

    /// Waits until nobody else writes.
    pub async fn turn(&self) -> Turn<'_> {
        Turn { store: &*self.store, count: self.count.lock().await }
    }

    /// Seals a person for a bill or a fixed code: whom `owner` names alone can have it opened.
    #[must_use]
    pub fn seal(&self, person: &Person, owner: &str, dice: &Dice) -> Buyer {
        let sealed = |text: &Personal| self.vault.seal(text.expose(), owner, dice);
        // A text of 24 bytes is 104 digits when it is sealed.
        let text = |text: &Option<Personal>| Text::parse(&sealed(text.as_ref()?)).ok();
        Buyer {
            name: text(&person.name),
            mobile: text(&person.mobile),
            certificate_kind: person.cert_type.and_then(|kind| Text::parse(kind.as_str()).ok()),
            certificate: text(&person.cert_no),
            only: person.only,
        }
    }

    /// The person whom [`Codes::seal`] sealed for the same owner.
    ///
    /// # Errors
    /// When the person was sealed for another owner or with another master key.
    pub fn unseal(&self, buyer: &Buyer, owner: &str) -> Result<Person, StoreFault> {
        let text = |sealed: &Option<Text<512>>| {
            let Some(sealed) = sealed else { return Ok(None) };
            let text = self.vault.unseal(sealed.as_str(), owner).map_err(StoreFault::new)?;
            Personal::parse(&text).map(Some).map_err(|error| damaged(owner, error))
        };
        let kind = buyer.certificate_kind.as_ref();
        Ok(Person {
            name: text(&buyer.name)?,
            mobile: text(&buyer.mobile)?,
            cert_type: kind
                .and_then(|kind| holdfast_wire::field::CertType::parse(kind.as_str()).ok()),
            cert_no: text(&buyer.certificate)?,
            only: buyer.only,
        })
    }

    /// The fingerprint of a request that names a person, as it is kept. A mobile number has so few possible values
    /// that a plain digest would tell it to whoever reads the store and tries them all.
    #[must_use]
    pub fn mark(&self, fingerprint: Fingerprint) -> Fingerprint {
        self.vault.mark(fingerprint)
    }

    async fn fixed(&self, code: &CodeId) -> Result<Option<FixedCode>, StoreFault> {
        let record = self.store.registered(Kind::FixedCode, code.as_str()).await?;
        record.map(|record| FixedCode::read(code, &record)).transpose()
    }
}

impl Turn<'_> {
    /// Whether there can be one more fixed code.
    #[must_use]
    pub fn has_room(&self) -> bool {
        *self.count < limits::FIXED_CODES
    }

    /// Makes a new fixed code durable, as the terminal's last one too; `false` when there are too many.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn add(&mut self, fixed: &FixedCode) -> Result<bool, StoreFault> {
        let known = self.store.registered(Kind::FixedCode, fixed.code.as_str()).await?.is_some();
        if !known && !self.has_room() {
            return Ok(false);
        }
        self.put(fixed).await?;
        *self.count = self.count.saturating_add(usize::from(!known));
        // Last: where it is missing after a crash, the terminal's last code is the one before.
        let (id, code) = (terminal(&fixed.mid, &fixed.tid), fixed.code.to_string());
        self.store.register(Kind::LastFixedCode, &id, Some(code)).await?;
        Ok(true)
    }

    /// Makes what a fixed code is from now on durable.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn put(&mut self, fixed: &FixedCode) -> Result<(), StoreFault> {
        let record = serde_json::to_string(&fixed.record()).map_err(StoreFault::new)?;
        self.store.register(Kind::FixedCode, fixed.code.as_str(), Some(record)).await
    }

    /// Forgets a fixed code that has ended.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn remove(&mut self, code: &CodeId) -> Result<(), StoreFault> {
        self.store.register(Kind::FixedCode, code.as_str(), None).await?;
        *self.count = self.count.saturating_sub(1);
        Ok(())
    }
}

impl FixedCode {
    /// How much its bills are about; `None` when whoever scans it says.
    #[must_use]
    pub fn amount(&self) -> Option<Amount> {
        self.terms.total_amount
    }

    /// Whether nobody can scan it any more because its time is over.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        self.terms.expire_time.is_some_and(|over| over <= now)
    }

    fn record(&self) -> Record {
        let buyer = self.buyer.as_deref().map(|buyer| Sealed {
            name: buyer.name.as_ref().map(Text::to_string),
            mobile: buyer.mobile.as_ref().map(Text::to_string),
            certificate_kind: buyer.certificate_kind.as_ref().map(Text::to_string),
            certificate: buyer.certificate.as_ref().map(Text::to_string),
            only: buyer.only,
        });
        Record {
            mid: self.mid.to_string(),
            tid: self.tid.to_string(),
            terms: String::from_utf8_lossy(&self.terms.encode()).into_owned(),
            buyer,
            reserve: self.reserve.as_ref().map(Text::to_string),
            created_at: self.created_at.0,
            fingerprint: hex(&self.fingerprint.0),
            closed: self.closed,
            until: self.until.as_ref().map(|key| (key.no.to_string(), key.date.to_string())),
        }
    }

    fn read(code: &CodeId, record: &str) -> Result<Self, StoreFault> {
        let id = code.as_str();
        let record: Record = serde_json::from_str(record).map_err(|error| damaged(id, error))?;
        let object = Object::parse(record.terms.as_bytes()).map_err(|error| damaged(id, error))?;
        let terms = CodeTerms::decode(&object)
            .map_err(|faults| damaged(id, holdfast_wire::message::list(&faults)))?;
        let fingerprint = unhex(&record.fingerprint).and_then(|bytes| bytes.try_into().ok());
        let mid = parsed(id, Mid::parse(&record.mid))?;
        let until = match &record.until {
            Some((no, date)) => {
                let (no, date) = (parsed(id, BillNo::parse(no))?, Day::parse(date));
                let date = date.ok_or_else(|| damaged(id, "a date that is none"))?;
                Some(Arc::new(BillKey { mid: mid.clone(), no, date }))
            }
            None => None,
        };
        Ok(Self {
            code: code.clone(),
            mid,
            tid: parsed(id, Tid::parse(&record.tid))?,
            terms,
            buyer: record.buyer.map(|buyer| buyer.read(id)).transpose()?.map(Arc::new),
            reserve: text(id, record.reserve)?,
            created_at: Moment(record.created_at),
            fingerprint: Fingerprint(
                fingerprint.ok_or_else(|| damaged(id, "a fingerprint that is none"))?,
            ),
            closed: record.closed,
            until,
        })
    }
}

impl Sealed {
    fn read(self, id: &str) -> Result<Buyer, StoreFault> {
        Ok(Buyer {
            name: text(id, self.name)?,
            mobile: text(id, self.mobile)?,
            certificate_kind: text(id, self.certificate_kind)?,
            certificate: text(id, self.certificate)?,
            only: self.only,
        })
    }
}

fn text<const MAX: usize>(id: &str, of: Option<String>) -> Result<Option<Text<MAX>>, StoreFault> {
    parsed(id, of.as_deref().map(Text::parse).transpose())
}

fn parsed<T>(id: &str, of: Result<T, holdfast_domain::Malformed>) -> Result<T, StoreFault> {
    of.map_err(|error| damaged(id, error))
}

fn damaged(id: &str, error: impl std::fmt::Display) -> StoreFault {
    StoreFault::new(format!("the record of code {id} is damaged: {error}"))
}

/// A terminal's id in the registry; neither part has a `/`.
fn terminal(mid: &Mid, tid: &Tid) -> String {
    format!("{mid}/{tid}")
}
