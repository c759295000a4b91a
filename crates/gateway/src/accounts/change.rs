//! How apps and merchants change: one record at a time, written only if it still is what the change was made from.

use std::sync::Arc;

use holdfast_domain::{Amount, Mid, Text, Tid};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{AppKey, NoticeKey, WebhookSecret},
    webhook,
};
use ipnet::IpNet;
use serde::Serialize;

use super::{
    AccountError, Accounts, DayTotal, Frozen, Mark, conflict, missing, no_app, no_merchant,
    records::{AppRecord, FrozenRecord, KeyRecord, MerchantRecord, webhook_owner},
};
use crate::{
    clock::{Clock, Dice},
    limits,
    notices::Topic,
    store::{Kind, StoreFault},
};

/// What is to change in a merchant; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantChange {
    /// Its name.
    pub name: Option<Text<64>>,
    /// The most in one bill; `Some(None)` takes the limit away.
    pub bill_max: Option<Option<Amount>>,
    /// The most of one business day; `Some(None)` takes the limit away.
    pub day_max: Option<Option<DayTotal>>,
    /// Terminals that are added, or called by another name.
    pub terminals: Vec<(Tid, Option<Text<64>>)>,
    /// Terminals that are taken away.
    pub no_terminals: Vec<Tid>,
    /// Whether requests of other terminals are refused.
    pub only_terminals: Option<bool>,
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

/// What is to change in an app; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppChange {
    /// The merchants it may act for.
    pub merchants: Option<Vec<Mid>>,
    /// The networks it may call from; none for anywhere.
    pub networks: Option<Vec<IpNet>>,
    /// Its name in the predecessor protocol; `Some(None)` takes it away.
    pub msg_src: Option<Option<Text<64>>>,
}

impl AppChange {
    /// Only the name in the predecessor protocol.
    #[must_use]
    pub fn called(name: Option<&Text<64>>) -> Self {
        Self { msg_src: Some(name.cloned()), ..Self::default() }
    }
}

impl Accounts {
    /// Does `deed` if the record still looks as it did when whoever asks for it saw it. Two people who change the
    /// same record by forms do not undo each other's work: the second is told.
    ///
    /// # Errors
    /// [`AccountError::Stale`] when the record looks different now, or what the deed says.
    pub async fn based_on<T>(
        &self,
        kind: Kind,
        id: &str,
        mark: &str,
        deed: impl Future<Output = Result<T, AccountError>>,
    ) -> Result<T, AccountError> {
        let _turn = self.forms.lock().await;
        let stored = self.store.registered(kind, id).await?;
        match stored.is_some_and(|stored| Mark::of(&stored).to_string() == mark) {
            true => deed.await,
            false => Err(AccountError::Stale),
        }
    }

    /// Adds a merchant, which has no communication key yet, or changes the name of one.
    ///
    /// # Errors
    /// When there are too many, or the store broke.
    pub async fn add_merchant(&self, mid: &Mid, name: &Text<64>) -> Result<(), AccountError> {
        if self.make_merchant(mid, name).await? {
            return Ok(());
        }
        self.change_merchant(mid, |record| {
            record.name = name.to_string();
            Ok(())
        })
        .await
    }

    /// Adds a merchant, which has no communication key yet. Answers whether it was not there.
    ///
    /// # Errors
    /// When there are too many, or the store broke.
    pub async fn make_merchant(&self, mid: &Mid, name: &Text<64>) -> Result<bool, AccountError> {
        let book = self.book();
        if !book.merchants.contains_key(mid) && book.merchants.len() >= limits::ACCOUNTS {
            let what = format!("there are {} merchants, which is the most", limits::ACCOUNTS);
            let zh = format!("商户已达上限 {} 个", limits::ACCOUNTS);
            return Err(conflict(what, zh, "holdfast merchant list"));
        }
        self.put(Kind::Merchant, mid.as_str(), None, &MerchantRecord::named(name)).await
    }

    /// Freezes a merchant, or lets it go on.
    ///
    /// # Errors
    /// When there is no such merchant, or the store broke.
    pub async fn freeze(&self, mid: &Mid, frozen: Option<&Frozen>) -> Result<(), AccountError> {
        self.change_merchant(mid, |record| {
            record.frozen = frozen.is_some();
            record.frozen_why = frozen.and_then(|frozen| frozen.why.as_ref()).map(Text::to_string);
            Ok(())
        })
        .await
    }

    /// Changes a merchant's name, terminals and limits.
    ///
    /// # Errors
    /// When there is no such merchant, it has too many terminals or none of the only ones it is to take, or the
    /// store broke.
    pub async fn set_merchant(
        &self,
        mid: &Mid,
        change: &MerchantChange,
    ) -> Result<(), AccountError> {
        self.change_merchant(mid, |record| {
            let MerchantChange { name, bill_max, day_max, terminals, no_terminals, only_terminals } =
                change;
            if let Some(name) = name {
                record.name = name.to_string();
            }
            if let Some(most) = bill_max {
                record.bill_max = most.map(Amount::fen);
            }
            if let Some(most) = day_max {
                record.day_max = most.map(DayTotal::fen);
            }
            for tid in no_terminals {
                if record.terminals.remove(tid.as_str()).is_none() {
                    let what = format!("merchant {mid} has no terminal {tid}");
                    let zh = format!("商户 {mid} 没有终端 {tid}");
                    return Err(missing(what, zh, "holdfast merchant list"));
                }
            }
            for (tid, label) in terminals {
                record.terminals.insert(tid.to_string(), label.as_ref().map(Text::to_string));
            }
            if record.terminals.len() > limits::TERMINALS {
                let what = format!("a merchant has at most {} terminals", limits::TERMINALS);
                let zh = format!("每个商户最多登记 {} 个终端", limits::TERMINALS);
                return Err(conflict(what, zh, "holdfast merchant list"));
            }
            record.only_terminals = only_terminals.unwrap_or(record.only_terminals);
            if record.only_terminals && record.terminals.is_empty() {
                let what = format!(
                    "merchant {mid} would take no requests at all: it is to take those of its registered terminals only, and has none"
                );
                let zh = "仅受理已登记的终端，但没有登记任何终端：将无法受理任何请求".to_owned();
                let hint = format!("holdfast merchant set {mid} --terminal 88880001");
                return Err(conflict(what, zh, hint));
            }
            Ok(())
        })
        .await
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
            if let Some(url) = &url {
                notices.url = url.as_ref().map(|url| url.as_str().to_owned());
            }
            if let Some(sign_type) = sign_type {
                notices.sign_type = Some(sign_type.as_str().to_owned());
            }
            if let Some(topics) = &notify_on {
                let words = Topic::ALL.iter().filter(|topic| topics.contains(topic));
                notices.notify_on = words.map(|topic| topic.word().to_owned()).collect();
            }
            if webhooks.is_some() {
                notices.webhook_secret.clone_from(&sealed);
            }
            notices.versions = versions.unwrap_or(notices.versions);
            Ok(())
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
        let now = clock.wall();
        let key = key.unwrap_or_else(|| new_notice_key(dice));
        self.change_merchant(mid, |MerchantRecord { notices, .. }| {
            let live: Vec<u32> =
                notices.keys.iter().filter(|key| key.is_good(now)).map(|key| key.number).collect();
            if live.len() >= limits::KEYS {
                let old = live.last().copied().unwrap_or_default();
                let what =
                    format!("merchant {mid} has {} live keys: end the older one first", live.len());
                let zh = format!("商户已有 {} 个有效密钥，请先停用旧密钥", live.len());
                let hint = format!("holdfast merchant revoke-notice-key {mid} {old}");
                return Err(conflict(what, zh, hint));
            }
            let number = next_number(&notices.keys);
            notices.keys.retain(|key| key.is_good(now));
            notices.keys.iter_mut().for_each(|old| old.end_by(now.plus_ms(overlap_ms).0));
            let key = KeyRecord::of_merchant(mid, number, &key, &self.vault, dice);
            notices.keys.insert(0, key);
            Ok(())
        })
        .await?;
        Ok(key)
    }

    /// Ends an older communication key at once.
    ///
    /// # Errors
    /// When there is no such merchant or key, it is the key that signs, or the store broke.
    pub async fn revoke_notice_key(&self, mid: &Mid, number: u32) -> Result<(), AccountError> {
        self.change_merchant(mid, |MerchantRecord { notices, .. }| {
            let mut numbers = notices.keys.iter().map(|key| key.number);
            if numbers.next() == Some(number) {
                let what =
                    format!("key {number} signs the notices of merchant {mid}: replace it first");
                let zh = format!("密钥 {number} 正在为通知签名，请先更换");
                return Err(conflict(
                    what,
                    zh,
                    format!("holdfast merchant rotate-notice-key {mid}"),
                ));
            }
            if !numbers.any(|known| known == number) {
                let what = format!("merchant {mid} has no communication key {number}");
                let zh = format!("商户 {mid} 没有通讯密钥 {number}");
                return Err(missing(what, zh, "holdfast merchant list"));
            }
            notices.keys.retain(|key| key.number != number);
            Ok(())
        })
        .await
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
        if !is_app_id(&id) {
            let what = format!("{id:?} cannot be an app id: 1 to 32 letters, digits, - or _");
            let zh = "应用 ID 由 1 至 32 个字母、数字、- 或 _ 组成".to_owned();
            return Err(conflict(what, zh, "holdfast app add --help"));
        }
        if book.apps.len() >= limits::ACCOUNTS {
            let what = format!("there are {} apps, which is the most", limits::ACCOUNTS);
            let zh = format!("应用已达上限 {} 个", limits::ACCOUNTS);
            return Err(conflict(what, zh, "holdfast app list"));
        }
        if let Some(mid) = merchants.iter().find(|mid| !book.merchants.contains_key(*mid)) {
            return Err(no_merchant(mid));
        }
        let key = key.unwrap_or_else(|| new_key(dice));
        let record = AppRecord {
            keys: vec![KeyRecord::of_app(&id, 1, &key, &self.vault, dice)],
            merchants: merchants.iter().map(Mid::to_string).collect(),
            networks: networks.to_vec(),
            msg_src: None,
            last_key: 1,
            frozen: None,
        };
        if !self.put(Kind::App, &id, None, &record).await? {
            let hint = format!("holdfast app rotate-key {id}   # gives it a new key");
            let zh = format!("应用 {id} 已存在");
            return Err(conflict(format!("there is an app {id} already"), zh, hint));
        }
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
        let (now, key) = (clock.wall(), new_key(dice));
        self.change_app(id, |record| {
            let live: Vec<u32> =
                record.keys.iter().filter(|key| key.is_good(now)).map(|key| key.number).collect();
            if live.len() >= limits::KEYS {
                let old = live.last().copied().unwrap_or_default();
                let what =
                    format!("app {id} has {} live keys: end the older one first", live.len());
                let zh = format!("应用已有 {} 个有效密钥，请先停用旧密钥", live.len());
                return Err(conflict(what, zh, format!("holdfast app revoke-key {id} {old}")));
            }
            let number = next_number(&record.keys).max(record.last_key.saturating_add(1));
            record.last_key = number;
            record.keys.retain(|key| key.is_good(now));
            record.keys.iter_mut().for_each(|old| old.end_by(now.plus_ms(overlap_ms).0));
            record.keys.insert(0, KeyRecord::of_app(id, number, &key, &self.vault, dice));
            Ok(())
        })
        .await?;
        Ok(key)
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// When there is no such app or key, or the store broke.
    pub async fn revoke_key(&self, id: &str, number: u32) -> Result<(), AccountError> {
        self.change_app(id, |record| {
            let before = record.keys.len();
            record.last_key = record.last_key.max(next_number(&record.keys).saturating_sub(1));
            record.keys.retain(|key| key.number != number);
            if record.keys.len() == before {
                let what = format!("app {id} has no key {number}");
                return Err(missing(
                    what,
                    format!("应用 {id} 没有密钥 {number}"),
                    "holdfast app list",
                ));
            }
            Ok(())
        })
        .await
    }

    /// Changes for whom an app may act, from where, and by what name it calls in the predecessor protocol.
    ///
    /// # Errors
    /// When there is no such app or merchant, another app has the name, or the store broke.
    pub async fn set_app(&self, id: &str, change: &AppChange) -> Result<(), AccountError> {
        let book = self.book();
        if let Some(name) = change.msg_src.iter().flatten().next() {
            book.may_be_named(id, name)?;
        }
        let unknown = |mid: &&Mid| !book.merchants.contains_key(*mid);
        if let Some(mid) = change.merchants.iter().flatten().find(unknown) {
            return Err(no_merchant(mid));
        }
        self.change_app(id, |record| {
            let AppChange { merchants, networks, msg_src } = change;
            if let Some(merchants) = merchants {
                record.merchants = merchants.iter().map(Mid::to_string).collect();
            }
            if let Some(networks) = networks {
                record.networks.clone_from(networks);
            }
            if let Some(name) = msg_src {
                record.msg_src = name.as_ref().map(Text::to_string);
            }
            Ok(())
        })
        .await
    }

    /// Freezes an app, or lets it go on.
    ///
    /// # Errors
    /// When there is no such app, or the store broke.
    pub async fn freeze_app(&self, id: &str, frozen: Option<&Frozen>) -> Result<(), AccountError> {
        self.change_app(id, |record| {
            record.frozen =
                frozen.map(|frozen| FrozenRecord { why: frozen.why.as_ref().map(Text::to_string) });
            Ok(())
        })
        .await
    }

    /// Changes a merchant's record as it is stored, so that what is sealed stays as it is.
    async fn change_merchant(
        &self,
        mid: &Mid,
        change: impl Fn(&mut MerchantRecord) -> Result<(), AccountError>,
    ) -> Result<(), AccountError> {
        for _ in 0..limits::COMMIT_TRIES {
            let stored = self.store.registered(Kind::Merchant, mid.as_str()).await?;
            let stored = stored.ok_or_else(|| no_merchant(mid))?;
            let mut record = MerchantRecord::parse(mid.as_str(), &stored)?;
            change(&mut record)?;
            if self.put(Kind::Merchant, mid.as_str(), Some(&stored), &record).await? {
                return Ok(());
            }
        }
        Err(AccountError::Stale)
    }

    /// The same for an app's record.
    async fn change_app(
        &self,
        id: &str,
        change: impl Fn(&mut AppRecord) -> Result<(), AccountError>,
    ) -> Result<(), AccountError> {
        for _ in 0..limits::COMMIT_TRIES {
            let stored = self.store.registered(Kind::App, id).await?;
            let stored = stored.ok_or_else(|| no_app(id))?;
            let mut record = AppRecord::parse(id, &stored)?;
            change(&mut record)?;
            if self.put(Kind::App, id, Some(&stored), &record).await? {
                return Ok(());
            }
        }
        Err(AccountError::Stale)
    }

    /// Writes a record if it still is what was `seen`, and answers whether it was.
    async fn put(
        &self,
        kind: Kind,
        id: &str,
        seen: Option<&str>,
        record: &impl Serialize,
    ) -> Result<bool, AccountError> {
        let record = serde_json::to_string(record).map_err(StoreFault::new)?;
        let written = self.store.replace(kind, id, seen, record).await?;
        self.read().await?;
        Ok(written)
    }
}

impl KeyRecord {
    /// Ends the key then, if it does not end before.
    fn end_by(&mut self, ends: i64) {
        self.ends_at = Some(self.ends_at.map_or(ends, |earlier| earlier.min(ends)));
    }
}

/// Whether a text can be an app's id.
#[must_use]
pub fn is_app_id(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=32).contains(&id.len()) && id.chars().all(plain)
}

/// The number after those of these keys.
fn next_number(keys: &[KeyRecord]) -> u32 {
    keys.iter().map(|key| key.number).max().unwrap_or(0).saturating_add(1)
}

fn new_key(dice: &Dice) -> AppKey {
    AppKey::parse(&dice.hex(32)).expect("32 hexadecimal digits are a key")
}

fn new_notice_key(dice: &Dice) -> NoticeKey {
    NoticeKey::parse(&dice.hex(48)).expect("48 hexadecimal digits are a key")
}
