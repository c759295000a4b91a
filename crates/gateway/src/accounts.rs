//! Who may call, and for whom: apps, their keys, and merchants.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_domain::{Malformed, Mid, Moment, Text};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{AppKey, NoticeKey, WebhookSecret},
    webhook,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    clock::{Clock, Dice},
    limits,
    notices::Topic,
    store::{Kind, Store, StoreFault},
    vault::{Vault, VaultError},
};

#[cfg(test)]
mod tests;

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
}

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
    pub frozen: bool,
    /// What it is told, where, and in which form.
    pub notices: NoticeSettings,
}

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

/// What is to change in a merchant's notice settings; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeChange {
    /// The merchant's own address; `Some(None)` takes it away.
    pub url: Option<Option<Url>>,
    /// The digest.
    pub sign_type: Option<SignType>,
    /// What else it is told of.
    pub notify_on: Option<Vec<Topic>>,
    /// The second signature; each time it is switched on it has a new secret.
    pub webhooks: Option<bool>,
    /// The bill's version, what happened and how the bill stood before.
    pub versions: Option<bool>,
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
    /// Since the predecessor protocol is served.
    #[serde(default)]
    msg_src: Option<String>,
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
    /// Since there are notices.
    #[serde(default)]
    notices: NoticesRecord,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NoticesRecord {
    url: Option<String>,
    keys: Vec<KeyRecord>,
    sign_type: Option<String>,
    notify_on: Vec<String>,
    webhook_secret: Option<String>,
    versions: bool,
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
            let notices = self.notices(&mid, record.notices)?;
            let merchant = Merchant { mid: mid.clone(), name, frozen: record.frozen, notices };
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
            let msg_src = record.msg_src.as_deref().map(Text::parse).transpose();
            let msg_src = msg_src.map_err(|e| damaged(e.to_string()))?;
            let (id, networks): (Arc<str>, _) = (id.as_str().into(), record.networks);
            let app = Arc::new(App { id: id.clone(), keys, merchants, networks, msg_src });
            if let Some(name) = &app.msg_src {
                book.msg_srcs.insert(name.clone(), app.clone());
            }
            book.apps.insert(id, app);
        }
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        Ok(())
    }

    /// Adds a merchant, which has no communication key yet, or changes the name of one.
    ///
    /// # Errors
    /// When there are too many, or the store broke.
    pub async fn add_merchant(&self, mid: &Mid, name: &Text<64>) -> Result<(), AccountError> {
        let book = self.book();
        if book.merchants.len() >= limits::ACCOUNTS {
            let what = format!("there are {} merchants, which is the most", limits::ACCOUNTS);
            return Err(conflict(what, "holdfast merchant list"));
        }
        match book.merchants.contains_key(mid) {
            true => self.change_merchant(mid, |record| record.name = name.to_string()).await,
            false => {
                let (name, notices) = (name.to_string(), NoticesRecord::default());
                let record = MerchantRecord { name, frozen: false, notices };
                self.write(Kind::Merchant, mid.as_str(), &record).await
            }
        }
    }

    /// Freezes a merchant, or lets it go on.
    ///
    /// # Errors
    /// When there is no such merchant, or the store broke.
    pub async fn freeze(&self, mid: &Mid, frozen: bool) -> Result<(), AccountError> {
        self.change_merchant(mid, |record| record.frozen = frozen).await
    }

    /// Changes what a merchant is told, where, and in which form. Answers the secret of the second
    /// signature if it was switched on, which is not shown again.
    ///
    /// # Errors
    /// When there is no such merchant, or the store broke.
    pub async fn set_notices(
        &self,
        mid: &Mid,
        change: NoticeChange,
        dice: &Dice,
    ) -> Result<Option<WebhookSecret>, AccountError> {
        let NoticeChange { url, sign_type, notify_on, webhooks, versions } = change;
        let secret = (webhooks == Some(true)).then(|| webhook::secret(&dice.bytes()));
        let sealed = secret
            .as_ref()
            .map(|secret| self.vault.seal(secret.expose(), &webhook_owner(mid), dice));
        self.change_merchant(mid, |MerchantRecord { notices, .. }| {
            if let Some(url) = url {
                notices.url = url.map(|url| url.as_str().to_owned());
            }
            if let Some(sign_type) = sign_type {
                notices.sign_type = Some(sign_type.as_str().to_owned());
            }
            if let Some(topics) = notify_on {
                let words = Topic::ALL.iter().filter(|topic| topics.contains(topic));
                notices.notify_on = words.map(|topic| topic.word().to_owned()).collect();
            }
            if webhooks.is_some() {
                notices.webhook_secret = sealed;
            }
            notices.versions = versions.unwrap_or(notices.versions);
        })
        .await?;
        Ok(secret)
    }

    /// Gives a merchant a communication key: this one, or one that it makes. It signs from now on and is not
    /// shown again. The one before it is good for another `overlap_ms` milliseconds for what the merchant signs.
    ///
    /// # Errors
    /// When there is no such merchant, it has two live keys already, or the store broke.
    pub async fn rotate_notice_key(
        &self,
        mid: &Mid,
        key: Option<NoticeKey>,
        overlap_ms: i64,
        clock: &Clock,
        dice: &Dice,
    ) -> Result<NoticeKey, AccountError> {
        let merchant = self.book().merchants.get(mid).cloned().ok_or_else(|| no_merchant(mid))?;
        let (keys, now) = (&merchant.notices.keys, clock.wall());
        let live: Vec<&Key<NoticeKey>> = keys.iter().filter(|key| key.is_good(now)).collect();
        if live.len() >= limits::KEYS {
            let old = live.last().map_or(0, |key| key.number);
            let what =
                format!("merchant {mid} has {} live keys: end the older one first", live.len());
            return Err(conflict(what, format!("holdfast merchant revoke-notice-key {mid} {old}")));
        }
        let number = keys.iter().map(|key| key.number).max().unwrap_or(0).saturating_add(1);
        let key = key.unwrap_or_else(|| new_notice_key(dice));
        let sealed = self.vault.seal(key.expose(), &notice_owner(mid, number), dice);
        self.change_merchant(mid, |MerchantRecord { notices, .. }| {
            notices.keys.retain(|key| key.ends_at.is_none_or(|ends| now.0 < ends));
            notices.keys.iter_mut().for_each(|old| {
                let ends = now.plus_ms(overlap_ms).0;
                old.ends_at = Some(old.ends_at.map_or(ends, |earlier| earlier.min(ends)));
            });
            notices.keys.insert(0, KeyRecord { number, sealed, ends_at: None });
        })
        .await?;
        Ok(key)
    }

    /// Ends an older communication key at once.
    ///
    /// # Errors
    /// When there is no such merchant or key, it is the key that signs, or the store broke.
    pub async fn revoke_notice_key(&self, mid: &Mid, number: u32) -> Result<(), AccountError> {
        let merchant = self.book().merchants.get(mid).cloned().ok_or_else(|| no_merchant(mid))?;
        let mut numbers = merchant.notices.keys.iter().map(|key| key.number);
        if numbers.next() == Some(number) {
            let what =
                format!("key {number} signs the notices of merchant {mid}: replace it first");
            return Err(conflict(what, format!("holdfast merchant rotate-notice-key {mid}")));
        }
        if !numbers.any(|known| known == number) {
            let what = format!("merchant {mid} has no communication key {number}");
            return Err(missing(what, "holdfast merchant list"));
        }
        self.change_merchant(mid, |MerchantRecord { notices, .. }| {
            notices.keys.retain(|key| key.number != number);
        })
        .await
    }

    /// Changes a merchant's record as it is stored, so that what is sealed stays as it is.
    async fn change_merchant(
        &self,
        mid: &Mid,
        change: impl FnOnce(&mut MerchantRecord),
    ) -> Result<(), AccountError> {
        let stored = self.store.registered(Kind::Merchant, mid.as_str()).await?;
        let stored = stored.ok_or_else(|| no_merchant(mid))?;
        let mut record: MerchantRecord = serde_json::from_str(&stored).map_err(|error| {
            let (id, error) = (mid.to_string(), error.to_string());
            AccountError::Damaged { kind: "merchant", id, error }
        })?;
        change(&mut record);
        self.write(Kind::Merchant, mid.as_str(), &record).await
    }

    /// A merchant's notice settings as they are stored.
    fn notices(&self, mid: &Mid, record: NoticesRecord) -> Result<NoticeSettings, AccountError> {
        let damaged = |error: &str| {
            let (id, error) = (mid.to_string(), error.to_owned());
            AccountError::Damaged { kind: "merchant", id, error }
        };
        let mut keys = vec![];
        for KeyRecord { number, sealed, ends_at } in record.keys {
            let secret = self.vault.unseal(&sealed, &notice_owner(mid, number))?;
            let secret = NoticeKey::parse(&secret).map_err(|_| damaged("a communication key"))?;
            keys.push(Key { number, secret, ends_at: ends_at.map(Moment) });
        }
        let webhooks = match record.webhook_secret {
            None => None,
            Some(sealed) => {
                let secret = self.vault.unseal(&sealed, &webhook_owner(mid))?;
                Some(WebhookSecret::parse(&secret).map_err(|_| damaged("the webhook secret"))?)
            }
        };
        let topics: Result<Vec<Topic>, Malformed> =
            record.notify_on.iter().map(|word| Topic::parse(word)).collect();
        let sign_type = record.sign_type.as_deref().map_or(Ok(SignType::Md5), SignType::parse);
        Ok(NoticeSettings {
            url: record.url.as_deref().map(Url::parse).transpose().map_err(|_| damaged("url"))?,
            keys,
            sign_type: sign_type.map_err(|_| damaged("sign_type"))?,
            notify_on: topics.map_err(|_| damaged("notify_on"))?,
            webhooks,
            versions: record.versions,
        })
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
        let networks = networks.to_vec();
        let record = AppRecord { keys, merchants, networks, msg_src: None };
        self.write(Kind::App, &id, &record).await?;
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

    /// Gives an app its name in the predecessor protocol, or takes it away.
    ///
    /// # Errors
    /// When there is no such app, another one has the name, or the store broke.
    pub async fn set_msg_src(
        &self,
        id: &str,
        name: Option<&Text<64>>,
        dice: &Dice,
    ) -> Result<(), AccountError> {
        let book = self.book();
        let app = book.apps.get(id).ok_or_else(|| no_app(id))?;
        if let Some(name) = name {
            book.may_be_named(id, name)?;
        }
        let keys = app.keys.iter().map(|key| KeyRecord {
            ends_at: key.ends_at.map(|at| at.0),
            ..self.sealed(id, key.number, &key.secret, dice)
        });
        self.write_app(app, keys.collect(), name).await
    }

    async fn write_keys(&self, app: &App, keys: Vec<KeyRecord>) -> Result<(), AccountError> {
        self.write_app(app, keys, app.msg_src.as_ref()).await
    }

    async fn write_app(
        &self,
        app: &App,
        keys: Vec<KeyRecord>,
        msg_src: Option<&Text<64>>,
    ) -> Result<(), AccountError> {
        let merchants = app.merchants.iter().map(Mid::to_string).collect();
        let (networks, msg_src) = (app.networks.clone(), msg_src.map(Text::to_string));
        self.write(Kind::App, &app.id, &AppRecord { keys, merchants, networks, msg_src }).await
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

fn new_key(dice: &Dice) -> AppKey {
    AppKey::parse(&dice.hex(32)).expect("32 hexadecimal digits are a key")
}

fn new_notice_key(dice: &Dice) -> NoticeKey {
    NoticeKey::parse(&dice.hex(48)).expect("48 hexadecimal digits are a key")
}

/// For whom a key is sealed: it cannot be moved to another app in the store.
fn owner(id: &str, number: u32) -> String {
    format!("app {id} key {number}")
}

/// The same for a communication key.
fn notice_owner(mid: &Mid, number: u32) -> String {
    format!("merchant {mid} notice key {number}")
}

/// The same for the secret of the second signature.
fn webhook_owner(mid: &Mid) -> String {
    format!("merchant {mid} webhook secret")
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
