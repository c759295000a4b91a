//! Apps and merchants as the store keeps them. A field that came later has a default, so that older records read.

use std::collections::BTreeMap;

use holdfast_domain::{Amount, Malformed, Mid, Moment, Text, Tid};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{AppKey, NoticeKey, WebhookSecret},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{AccountError, App, DayTotal, Frozen, Key, Limits, Mark, Merchant, NoticeSettings};
use crate::{clock::Dice, notices::Topic, vault::Vault};

/// An app.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AppRecord {
    pub(super) keys: Vec<KeyRecord>,
    pub(super) merchants: Vec<String>,
    pub(super) networks: Vec<IpNet>,
    /// Since the predecessor protocol is served.
    #[serde(default)]
    pub(super) msg_src: Option<String>,
    /// The number of the last key there was, so that none is used twice: a token says which key it was issued for.
    #[serde(default)]
    pub(super) last_key: u32,
    /// Since apps can be frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) frozen: Option<FrozenRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRecord {
    pub(super) number: u32,
    pub(super) sealed: String,
    pub(super) ends_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrozenRecord {
    pub(super) why: Option<String>,
}

/// A merchant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MerchantRecord {
    pub(super) name: String,
    pub(super) frozen: bool,
    /// Since a reason can be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) frozen_why: Option<String>,
    /// Since there are notices.
    #[serde(default)]
    pub(super) notices: NoticesRecord,
    /// Since terminals can be registered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) terminals: BTreeMap<String, Option<String>>,
    #[serde(default, skip_serializing_if = "is_off")]
    pub(super) only_terminals: bool,
    /// Since there are limits, in fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bill_max: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) day_max: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NoticesRecord {
    pub(super) url: Option<String>,
    pub(super) keys: Vec<KeyRecord>,
    pub(super) sign_type: Option<String>,
    pub(super) notify_on: Vec<String>,
    pub(super) webhook_secret: Option<String>,
    pub(super) versions: bool,
}

impl AppRecord {
    /// Reads the text of a record.
    pub(super) fn parse(id: &str, text: &str) -> Result<Self, AccountError> {
        serde_json::from_str(text).map_err(|error| damaged("app", id)(error.to_string()))
    }

    /// The app that it is of.
    pub(super) fn open(self, id: &str, mark: Mark, vault: &Vault) -> Result<App, AccountError> {
        let damaged = damaged("app", id);
        let Self { keys: sealed, merchants, networks, msg_src, last_key: _, frozen } = self;
        let mut keys = vec![];
        for KeyRecord { number, sealed, ends_at } in sealed {
            let secret = vault.unseal(&sealed, &owner(id, number))?;
            let secret = AppKey::parse(&secret).map_err(|e| damaged(e.to_string()))?;
            keys.push(Key { number, secret, ends_at: ends_at.map(Moment) });
        }
        let mids: Result<Vec<Mid>, _> = merchants.iter().map(|mid| Mid::parse(mid)).collect();
        let merchants = mids.map_err(|e| damaged(e.to_string()))?;
        let msg_src = msg_src.as_deref().map(Text::parse).transpose();
        let msg_src = msg_src.map_err(|e| damaged(e.to_string()))?;
        let frozen = frozen.map(|frozen| read_frozen(frozen.why)).transpose();
        let frozen = frozen.map_err(|e| damaged(e.to_string()))?;
        Ok(App { id: id.into(), keys, merchants, networks, msg_src, frozen, mark })
    }
}

impl KeyRecord {
    /// A key of an app, sealed.
    pub(super) fn of_app(id: &str, number: u32, key: &AppKey, vault: &Vault, dice: &Dice) -> Self {
        let sealed = vault.seal(key.expose(), &owner(id, number), dice);
        Self { number, sealed, ends_at: None }
    }

    /// A communication key of a merchant, sealed.
    pub(super) fn of_merchant(
        mid: &Mid,
        number: u32,
        key: &NoticeKey,
        vault: &Vault,
        dice: &Dice,
    ) -> Self {
        let sealed = vault.seal(key.expose(), &notice_owner(mid, number), dice);
        Self { number, sealed, ends_at: None }
    }

    /// Whether it is good at that moment of the wall clock.
    pub(super) fn is_good(&self, wall: Moment) -> bool {
        self.ends_at.is_none_or(|ends| wall.0 < ends)
    }
}

impl MerchantRecord {
    /// A merchant of that name, with nothing set.
    pub(super) fn named(name: &Text<64>) -> Self {
        Self {
            name: name.to_string(),
            frozen: false,
            frozen_why: None,
            notices: NoticesRecord::default(),
            terminals: BTreeMap::new(),
            only_terminals: false,
            bill_max: None,
            day_max: None,
        }
    }

    /// Reads the text of a record.
    pub(super) fn parse(id: &str, text: &str) -> Result<Self, AccountError> {
        serde_json::from_str(text).map_err(|error| damaged("merchant", id)(error.to_string()))
    }

    /// The merchant that it is of.
    pub(super) fn open(
        self,
        id: &str,
        mark: Mark,
        vault: &Vault,
    ) -> Result<Merchant, AccountError> {
        let damaged = damaged("merchant", id);
        let named = |what: &'static str| {
            let damaged = &damaged;
            move |_| damaged(what.to_owned())
        };
        let mid = Mid::parse(id).map_err(|e| damaged(e.to_string()))?;
        let name = Text::parse(&self.name).map_err(named("name"))?;
        let frozen = self.frozen.then(|| read_frozen(self.frozen_why)).transpose();
        let frozen = frozen.map_err(named("frozen_why"))?;
        let mut terminals = BTreeMap::new();
        for (tid, label) in &self.terminals {
            let label =
                label.as_deref().map(Text::parse).transpose().map_err(named("terminals"))?;
            terminals.insert(Tid::parse(tid).map_err(named("terminals"))?, label);
        }
        let bill = self.bill_max.map(Amount::from_fen).transpose();
        let bill = bill.map_err(|_| damaged("bill_max".to_owned()))?;
        let day = self.day_max.map(|fen| DayTotal::from_fen(fen).ok_or(Malformed)).transpose();
        let limits = Limits { bill, day: day.map_err(named("day_max"))? };
        let notices = self.notices.open(&mid, vault, &damaged)?;
        let only_terminals = self.only_terminals;
        Ok(Merchant { mid, name, frozen, notices, terminals, only_terminals, limits, mark })
    }
}

impl NoticesRecord {
    fn open(
        self,
        mid: &Mid,
        vault: &Vault,
        damaged: &impl Fn(String) -> AccountError,
    ) -> Result<NoticeSettings, AccountError> {
        let damaged = |what: &str| damaged(what.to_owned());
        let mut keys = vec![];
        for KeyRecord { number, sealed, ends_at } in self.keys {
            let secret = vault.unseal(&sealed, &notice_owner(mid, number))?;
            let secret = NoticeKey::parse(&secret).map_err(|_| damaged("a communication key"))?;
            keys.push(Key { number, secret, ends_at: ends_at.map(Moment) });
        }
        let webhooks = match self.webhook_secret {
            None => None,
            Some(sealed) => {
                let secret = vault.unseal(&sealed, &webhook_owner(mid))?;
                Some(WebhookSecret::parse(&secret).map_err(|_| damaged("the webhook secret"))?)
            }
        };
        let topics: Result<Vec<Topic>, Malformed> =
            self.notify_on.iter().map(|word| Topic::parse(word)).collect();
        let sign_type = self.sign_type.as_deref().map_or(Ok(SignType::Md5), SignType::parse);
        Ok(NoticeSettings {
            url: self.url.as_deref().map(Url::parse).transpose().map_err(|_| damaged("url"))?,
            keys,
            sign_type: sign_type.map_err(|_| damaged("sign_type"))?,
            notify_on: topics.map_err(|_| damaged("notify_on"))?,
            webhooks,
            versions: self.versions,
        })
    }
}

fn read_frozen(why: Option<String>) -> Result<Frozen, Malformed> {
    Ok(Frozen { why: why.as_deref().map(Text::parse).transpose()? })
}

fn damaged(kind: &'static str, id: &str) -> impl Fn(String) -> AccountError {
    move |error| AccountError::Damaged { kind, id: id.to_owned(), error }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_off(on: &bool) -> bool {
    !on
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
pub(super) fn webhook_owner(mid: &Mid) -> String {
    format!("merchant {mid} webhook secret")
}
