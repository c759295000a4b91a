//! Who may call, and for whom: apps, their keys, and merchants.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_domain::{Mid, Moment, Text};
use holdfast_wire::secret::AppKey;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, Dice},
    limits,
    store::{Kind, Store, StoreFault},
    vault::{Vault, VaultError},
};

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
}

/// One key of an app.
#[derive(Debug)]
pub struct Key {
    /// Its number at the app: 1, 2, 3, …
    pub number: u32,
    /// The secret itself. Does not print.
    pub secret: AppKey,
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
    pub frozen: bool,
}

/// All apps and merchants as they were at one moment.
#[derive(Debug, Default)]
pub struct Book {
    version: u64,
    /// By id.
    pub apps: HashMap<Arc<str>, Arc<App>>,
    /// By number.
    pub merchants: HashMap<Mid, Arc<Merchant>>,
}

/// The apps and merchants of a store: read often, changed seldom, also by another process.
pub struct Accounts {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    book: RwLock<Arc<Book>>,
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
        /// A command that helps.
        hint: String,
    },
    /// What is asked for does not go together with what is there.
    #[error("{what}")]
    Conflict {
        /// Why not.
        what: String,
        /// A command that helps.
        hint: String,
    },
}

/// An app as the store keeps it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppRecord {
    keys: Vec<KeyRecord>,
    merchants: Vec<String>,
    networks: Vec<IpNet>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    number: u32,
    sealed: String,
    ends_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantRecord {
    name: String,
    frozen: bool,
}

impl Accounts {
    /// Reads all apps and merchants of a store.
    ///
    /// # Errors
    /// When the store cannot be read, a record is damaged, or a key does not open with this vault.
    pub async fn open(store: Arc<dyn Store>, vault: Arc<Vault>) -> Result<Self, AccountError> {
        let accounts = Self { store, vault, book: RwLock::default() };
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
        // The version first: what changes after it is read again the next time.
        let mut book = Book { version: self.store.registry_version().await?, ..Book::default() };
        for (id, record) in self.store.registry(Kind::Merchant).await? {
            let damaged =
                |error: String| AccountError::Damaged { kind: "merchant", id: id.clone(), error };
            let record: MerchantRecord =
                serde_json::from_str(&record).map_err(|e| damaged(e.to_string()))?;
            let mid = Mid::parse(&id).map_err(|e| damaged(e.to_string()))?;
            let name = Text::parse(&record.name).map_err(|e| damaged(e.to_string()))?;
            let merchant = Merchant { mid: mid.clone(), name, frozen: record.frozen };
            book.merchants.insert(mid, Arc::new(merchant));
        }
        for (id, record) in self.store.registry(Kind::App).await? {
            let damaged =
                |error: String| AccountError::Damaged { kind: "app", id: id.clone(), error };
            let record: AppRecord =
                serde_json::from_str(&record).map_err(|e| damaged(e.to_string()))?;
            let mut keys = vec![];
            for KeyRecord { number, sealed, ends_at } in record.keys {
                let secret = self.vault.unseal(&sealed, &owner(&id, number))?;
                let secret = AppKey::parse(&secret).map_err(|e| damaged(e.to_string()))?;
                keys.push(Key { number, secret, ends_at: ends_at.map(Moment) });
            }
            let mids: Result<Vec<Mid>, _> =
                record.merchants.iter().map(|mid| Mid::parse(mid)).collect();
            let merchants = mids.map_err(|e| damaged(e.to_string()))?;
            let id: Arc<str> = id.as_str().into();
            let app = App { id: id.clone(), keys, merchants, networks: record.networks };
            book.apps.insert(id, Arc::new(app));
        }
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        Ok(())
    }

    /// Adds a merchant, or changes the name of one.
    ///
    /// # Errors
    /// When there are too many, or the store broke.
    pub async fn add_merchant(&self, mid: &Mid, name: &Text<64>) -> Result<(), AccountError> {
        let book = self.book();
        if book.merchants.len() >= limits::ACCOUNTS {
            let what = format!("there are {} merchants, which is the most", limits::ACCOUNTS);
            return Err(conflict(what, "holdfast merchant list"));
        }
        let frozen = book.merchants.get(mid).is_some_and(|merchant| merchant.frozen);
        self.write_merchant(mid, name, frozen).await
    }

    /// Freezes a merchant, or lets it go on.
    ///
    /// # Errors
    /// When there is no such merchant, or the store broke.
    pub async fn freeze(&self, mid: &Mid, frozen: bool) -> Result<(), AccountError> {
        let merchant = self.book().merchants.get(mid).cloned();
        let merchant = merchant.ok_or_else(|| no_merchant(mid))?;
        self.write_merchant(mid, &merchant.name, frozen).await
    }

    async fn write_merchant(
        &self,
        mid: &Mid,
        name: &Text<64>,
        frozen: bool,
    ) -> Result<(), AccountError> {
        let record = MerchantRecord { name: name.to_string(), frozen };
        self.write(Kind::Merchant, mid.as_str(), &record).await
    }

    /// Adds an app with a first key, and answers the app's id and that key, which is not shown again.
    /// Without an `id` or a `key` it makes them.
    ///
    /// # Errors
    /// When the app exists, a merchant does not, or the store broke.
    pub async fn add_app(
        &self,
        id: Option<&str>,
        key: Option<AppKey>,
        merchants: &[Mid],
        networks: &[IpNet],
        dice: &Dice,
    ) -> Result<(Arc<str>, AppKey), AccountError> {
        let book = self.book();
        let id: Arc<str> = id.map_or_else(|| dice.hex(32), str::to_owned).into();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || id.len() > 32 || !id.chars().all(plain) {
            let what = format!("{id:?} cannot be an app id: 1 to 32 letters, digits, - or _");
            return Err(conflict(what, "holdfast app add --help"));
        }
        if book.apps.contains_key(&id) {
            let hint = format!("holdfast app rotate-key {id}   # gives it a new key");
            return Err(conflict(format!("there is an app {id} already"), hint));
        }
        if book.apps.len() >= limits::ACCOUNTS {
            let what = format!("there are {} apps, which is the most", limits::ACCOUNTS);
            return Err(conflict(what, "holdfast app list"));
        }
        if let Some(mid) = merchants.iter().find(|mid| !book.merchants.contains_key(*mid)) {
            return Err(no_merchant(mid));
        }
        let key = key.unwrap_or_else(|| new_key(dice));
        let keys = vec![self.sealed(&id, 1, &key, dice)];
        let merchants = merchants.iter().map(Mid::to_string).collect();
        self.write(Kind::App, &id, &AppRecord { keys, merchants, networks: networks.to_vec() })
            .await?;
        Ok((id, key))
    }

    /// Gives an app a new key, which is not shown again. The one before it is good for another `overlap_ms`
    /// milliseconds, so that callers can be changed one by one.
    ///
    /// # Errors
    /// When there is no such app, it has two live keys already, or the store broke.
    pub async fn rotate_key(
        &self,
        id: &str,
        overlap_ms: i64,
        clock: &Clock,
        dice: &Dice,
    ) -> Result<AppKey, AccountError> {
        let book = self.book();
        let app = book.apps.get(id).ok_or_else(|| no_app(id))?;
        let now = clock.wall();
        let live: Vec<&Key> = app.keys.iter().filter(|key| key.is_good(now)).collect();
        if live.len() >= limits::KEYS {
            let old = live.last().map_or(0, |key| key.number);
            let what = format!("app {id} has {} live keys: end the older one first", live.len());
            return Err(conflict(what, format!("holdfast app revoke-key {id} {old}")));
        }
        let number = app.keys.iter().map(|key| key.number).max().unwrap_or(0).saturating_add(1);
        let key = new_key(dice);
        let mut keys = vec![self.sealed(id, number, &key, dice)];
        for old in live {
            let ends_at = Some(now.plus_ms(overlap_ms).0);
            keys.push(KeyRecord { ends_at, ..self.sealed(id, old.number, &old.secret, dice) });
        }
        self.write_keys(app, keys).await?;
        Ok(key)
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// When there is no such app or key, or the store broke.
    pub async fn revoke_key(&self, id: &str, number: u32, dice: &Dice) -> Result<(), AccountError> {
        let book = self.book();
        let app = book.apps.get(id).ok_or_else(|| no_app(id))?;
        let (gone, left): (Vec<&Key>, Vec<&Key>) =
            app.keys.iter().partition(|key| key.number == number);
        if gone.is_empty() {
            return Err(missing(format!("app {id} has no key {number}"), "holdfast app list"));
        }
        let keys = left.into_iter().map(|key| KeyRecord {
            ends_at: key.ends_at.map(|at| at.0),
            ..self.sealed(id, key.number, &key.secret, dice)
        });
        self.write_keys(app, keys.collect()).await
    }

    async fn write_keys(&self, app: &App, keys: Vec<KeyRecord>) -> Result<(), AccountError> {
        let merchants = app.merchants.iter().map(Mid::to_string).collect();
        self.write(
            Kind::App,
            &app.id,
            &AppRecord { keys, merchants, networks: app.networks.clone() },
        )
        .await
    }

    fn sealed(&self, id: &str, number: u32, key: &AppKey, dice: &Dice) -> KeyRecord {
        let sealed = self.vault.seal(key.expose(), &owner(id, number), dice);
        KeyRecord { number, sealed, ends_at: None }
    }

    async fn write(
        &self,
        kind: Kind,
        id: &str,
        record: &impl Serialize,
    ) -> Result<(), AccountError> {
        let record = serde_json::to_string(record).map_err(StoreFault::new)?;
        self.store.register(kind, id, Some(record)).await?;
        self.read().await
    }
}

impl Key {
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

fn new_key(dice: &Dice) -> AppKey {
    AppKey::parse(&dice.hex(32)).expect("32 hexadecimal digits are a key")
}

/// For whom a key is sealed: it cannot be moved to another app in the store.
fn owner(id: &str, number: u32) -> String {
    format!("app {id} key {number}")
}

fn no_merchant(mid: &Mid) -> AccountError {
    let hint = format!("holdfast merchant add {mid} --name …");
    missing(format!("there is no merchant {mid}"), hint)
}

fn no_app(id: &str) -> AccountError {
    missing(format!("there is no app {id}"), "holdfast app list")
}

fn missing(what: String, hint: impl Into<String>) -> AccountError {
    AccountError::Missing { what, hint: hint.into() }
}

fn conflict(what: String, hint: impl Into<String>) -> AccountError {
    AccountError::Conflict { what, hint: hint.into() }
}
