//! Who may call, and for whom: apps, their keys, and merchants.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_domain::{Amount, Mid, Moment, Text, Tid, read_yuan};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{AppKey, NoticeKey, WebhookSecret},
};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::{
    notices::Topic,
    store::{Kind, Store, StoreFault},
    vault::{Vault, VaultError},
};

mod change;
mod records;
#[cfg(test)]
mod tests;

pub use change::{AppChange, MerchantChange, NoticeChange, is_app_id};
use records::{AppRecord, MerchantRecord};

/// An app (`AppId`): a caller with keys, and the merchants it may act for.
#[derive(Debug)]
pub struct App {
    /// Its id.
    pub id: Arc<str>,
    /// Its keys, the newest first.
    pub keys: Vec<Key>,
    /// The merchants it may act for.
    pub merchants: Vec<Mid>,
    /// The networks it may call from; from anywhere when there are none.
    pub networks: Vec<IpNet>,
    /// By what name it calls in the predecessor protocol (`msgSrc`, `protocol.md` section 7.2); no other app has it.
    pub msg_src: Option<Text<64>>,
    /// Whether it is frozen: it can prove who it is, and is refused all the same.
    pub frozen: Option<Frozen>,
    /// How its record looks in the store.
    pub mark: Mark,
}

/// That somebody or something is frozen (冻结), with the reason if one was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frozen {
    /// Why, for those who run the gateway.
    pub why: Option<Text<200>>,
}

/// How a record looked when somebody read it: whoever changes it by a form says what the form was made from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; 16]);

/// One key of an app, or one communication key of a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<S = AppKey> {
    /// Its number at its owner: 1, 2, 3, …
    pub number: u32,
    /// The secret itself. Does not print.
    pub secret: S,
    /// From when on it is no longer good: set when a newer one replaced it.
    pub ends_at: Option<Moment>,
}

/// A merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its number.
    pub mid: Mid,
    /// Its name, which payers read.
    pub name: Text<64>,
    /// Whether it is frozen: nothing can be asked for it.
    pub frozen: Option<Frozen>,
    /// What it is told, where, and in which form.
    pub notices: NoticeSettings,
    /// Its terminals, with what people call them.
    pub terminals: BTreeMap<Tid, Option<Text<64>>>,
    /// Whether requests of other terminals are refused.
    pub only_terminals: bool,
    /// The most it may ask for.
    pub limits: Limits,
    /// How its record looks in the store.
    pub mark: Mark,
}

/// The most that may be asked for a merchant (限额). Only what is new is measured: whatever was begun can be
/// finished, so a capture, a release or a refund is never refused because of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most in one bill (单笔限额).
    pub bill: Option<Amount>,
    /// The most in all bills of one business day together (单日限额), in fen. A bill that was closed or ran out
    /// unpaid no longer counts.
    pub day: Option<DayTotal>,
}

/// The most of one business day, in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTotal(u64);

/// What a merchant is told, where, and in which form. As it comes: of payments and holds, at the address
/// that each bill names, in the official form alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeSettings {
    /// Where it is told of all its bills, besides the address that a bill names.
    pub url: Option<Url>,
    /// Its communication keys (通讯密钥), the newest first: that one signs. An older one is good until it
    /// ends for what the merchant signs.
    pub keys: Vec<Key<NoticeKey>>,
    /// The digest under its notices.
    pub sign_type: SignType,
    /// What it is told of besides payments and holds, in the order of [`Topic::ALL`].
    pub notify_on: Vec<Topic>,
    /// The secret of the second signature, for receivers of Standard Webhooks; none unless asked for.
    pub webhooks: Option<WebhookSecret>,
    /// Whether notices also say the bill's version, what happened and how the bill stood before.
    pub versions: bool,
}

/// All apps and merchants as they were at one moment.
#[derive(Debug, Default)]
pub struct Book {
    version: u64,
    /// By id.
    pub apps: HashMap<Arc<str>, Arc<App>>,
    /// By number.
    pub merchants: HashMap<Mid, Arc<Merchant>>,
    /// By the name in the predecessor protocol.
    msg_srcs: HashMap<Text<64>, Arc<App>>,
}

/// The apps and merchants of a store: read often, changed seldom, also by another process.
pub struct Accounts {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    book: RwLock<Arc<Book>>,
    /// Whoever reads everything again holds it, so that an older reading never takes the place of a newer one.
    reading: Mutex<()>,
    /// Whoever changes something by a form that was made from an earlier state holds it.
    forms: Mutex<()>,
}

/// Why apps or merchants could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The store broke.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A key does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A stored record cannot be read.
    #[error("{kind} {id}: the stored record is damaged: {error}")]
    Damaged {
        /// Of what kind it is.
        kind: &'static str,
        /// Its id.
        id: String,
        /// What is wrong.
        error: String,
    },
    /// What is named is not there.
    #[error("{what}")]
    Missing {
        /// What is missing.
        what: String,
        /// The same in Chinese.
        zh: String,
        /// A command that helps.
        hint: String,
    },
    /// What is asked for does not go together with what is there.
    #[error("{what}")]
    Conflict {
        /// Why not.
        what: String,
        /// The same in Chinese.
        zh: String,
        /// A command that helps.
        hint: String,
    },
    /// It was changed by somebody else meanwhile.
    #[error("it was changed by somebody else meanwhile: look at it again")]
    Stale,
}

impl Accounts {
    /// Reads all apps and merchants of a store.
    ///
    /// # Errors
    /// When the store cannot be read, a record is damaged, or a key does not open with this vault.
    pub async fn open(store: Arc<dyn Store>, vault: Arc<Vault>) -> Result<Self, AccountError> {
        let book = RwLock::default();
        let (reading, forms) = (Mutex::default(), Mutex::default());
        let accounts = Self { store, vault, book, reading, forms };
        accounts.read().await?;
        Ok(accounts)
    }

    /// Everything as it is now.
    #[must_use]
    pub fn book(&self) -> Arc<Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads everything again if it has changed, also by another process.
    ///
    /// # Errors
    /// As [`Accounts::open`]; what was known before stays in force.
    pub async fn refresh(&self) -> Result<(), AccountError> {
        match self.store.registry_version().await? == self.book().version {
            true => Ok(()),
            false => self.read().await,
        }
    }

    async fn read(&self) -> Result<(), AccountError> {
        let _turn = self.reading.lock().await;
        // The version first: what changes after it is read again the next time.
        let mut book = Book { version: self.store.registry_version().await?, ..Book::default() };
        for (id, text) in self.store.registry(Kind::Merchant).await? {
            let merchant =
                MerchantRecord::parse(&id, &text)?.open(&id, Mark::of(&text), &self.vault)?;
            book.merchants.insert(merchant.mid.clone(), Arc::new(merchant));
        }
        for (id, text) in self.store.registry(Kind::App).await? {
            let app = AppRecord::parse(&id, &text)?.open(&id, Mark::of(&text), &self.vault)?;
            let app = Arc::new(app);
            if let Some(name) = &app.msg_src {
                book.msg_srcs.insert(name.clone(), app.clone());
            }
            book.apps.insert(app.id.clone(), app);
        }
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        Ok(())
    }
}

impl Book {
    /// The app that calls by this name in the predecessor protocol (`msgSrc`).
    #[must_use]
    pub fn named(&self, msg_src: &Text<64>) -> Option<&Arc<App>> {
        self.msg_srcs.get(msg_src)
    }

    /// Whether an app, which need not be there yet, may have that name in the predecessor protocol.
    ///
    /// # Errors
    /// When another app has it.
    pub fn may_be_named(&self, id: &str, msg_src: &Text<64>) -> Result<(), AccountError> {
        match self.named(msg_src).filter(|app| *app.id != *id) {
            Some(other) => Err(conflict(
                format!("app {} calls by the name {msg_src} already", other.id),
                format!("应用 {} 已使用来源 {msg_src}", other.id),
                "holdfast app list",
            )),
            None => Ok(()),
        }
    }
}

impl NoticeSettings {
    /// The key that signs, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<&NoticeKey> {
        self.keys.first().map(|key| &key.secret)
    }
}

impl<S> Key<S> {
    /// Whether the key is good at that moment of the wall clock.
    #[must_use]
    pub fn is_good(&self, wall: Moment) -> bool {
        self.ends_at.is_none_or(|ends| wall < ends)
    }
}

impl App {
    /// Whether the app may call from that address.
    #[must_use]
    pub fn may_call_from(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}

impl Merchant {
    /// Whether it takes requests of that terminal.
    #[must_use]
    pub fn takes(&self, tid: &Tid) -> bool {
        !self.only_terminals || self.terminals.contains_key(tid)
    }
}

impl DayTotal {
    /// The largest one, in fen: a hundred billion yuan.
    pub const MAX_FEN: u64 = 10_000_000_000_000;

    /// A total of so many fen; `None` for nothing and for more than [`DayTotal::MAX_FEN`].
    #[must_use]
    pub fn from_fen(fen: u64) -> Option<Self> {
        (1..=Self::MAX_FEN).contains(&fen).then_some(Self(fen))
    }

    /// Reads a sum as people write it, in yuan; see [`Amount::from_yuan`].
    #[must_use]
    pub fn from_yuan(text: &str) -> Option<Self> {
        Self::from_fen(read_yuan(text)?)
    }

    /// In fen.
    #[must_use]
    pub fn fen(self) -> u64 {
        self.0
    }
}

impl Mark {
    fn of(record: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(record).into();
        let mut mark = [0; 16];
        for (byte, of_digest) in mark.iter_mut().zip(digest) {
            *byte = of_digest;
        }
        Self(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({self})")
    }
}

fn no_merchant(mid: &Mid) -> AccountError {
    let hint = format!("holdfast merchant add {mid} --name …");
    missing(format!("there is no merchant {mid}"), format!("没有商户 {mid}"), hint)
}

fn no_app(id: &str) -> AccountError {
    missing(format!("there is no app {id}"), format!("没有应用 {id}"), "holdfast app list")
}

fn missing(what: String, zh: String, hint: impl Into<String>) -> AccountError {
    AccountError::Missing { what, zh, hint: hint.into() }
}

fn conflict(what: String, zh: String, hint: impl Into<String>) -> AccountError {
    AccountError::Conflict { what, zh, hint: hint.into() }
}
