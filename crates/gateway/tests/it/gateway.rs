//! A gateway under test: what it is made of, and how a merchant and a payer talk to it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment, Text};
use holdfast_gateway::{
    ConsoleFiles, Parts, Running,
    clock::{Clock, Dice},
    config::{Config, Environment},
    notices::outbox::MemoryOutbox,
    store::{MemoryStore, Store},
    vault::Vault,
};
use holdfast_wire::{
    auth::{AppId, BodySig, Nonce, Stamp},
    messages::ENDPOINTS,
    secret::AppKey,
    time,
};
use serde_json::{Map, Value, json};

use crate::{
    errors,
    wire::{Answer, Sent, exchange},
};

pub(crate) const APP: &str = "it-app";
pub(crate) const KEY: &str = "a key that only this test knows";
/// The merchant and the terminal of the official page.
pub(crate) const MID: &str = "898201612345678";
pub(crate) const TID: &str = "88880001";
/// A merchant that exists, for which the app may not act.
pub(crate) const OTHER_MID: &str = "898201612345679";
/// When the clock of a test stands at first, in Beijing.
pub(crate) const START: &str = "2026-03-02 10:00:00";
pub(crate) const BILL_DATE: &str = "2026-03-02";

/// What a gateway is started from, and what is still there when it has ended.
pub(crate) struct Place<S = MemoryStore> {
    pub(crate) config: Config,
    pub(crate) store: Arc<S>,
    pub(crate) outbox: Arc<MemoryOutbox>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) dice: Dice,
    /// Where the clock stands at first.
    pub(crate) at: Moment,
}

/// A gateway that runs.
pub(crate) struct Gateway {
    pub(crate) running: Running,
    pub(crate) store: Arc<dyn Store>,
    nonces: Arc<AtomicU64>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With settings other than the defaults.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(MemoryStore::new(), settings)
    }
}

impl<S: Store + 'static> Place<S> {
    pub(crate) fn on(store: S, settings: &[(&str, &str)]) -> Self {
        let listen = [("listen", "127.0.0.1:0")];
        let settings = listen
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::read(None, [], settings).unwrap();
        let dice = Dice::seeded(1);
        let vault = Arc::new(Vault::throw_away(&dice));
        let outbox = Arc::new(MemoryOutbox::new());
        Self {
            config,
            store: Arc::new(store),
            outbox,
            vault,
            dice,
            at: time::parse(START).unwrap(),
        }
    }

    /// Starts a gateway here, with an app that may act for one of two merchants.
    pub(crate) async fn open(&self) -> Gateway {
        let parts = Parts {
            store: self.store.clone(),
            outbox: self.outbox.clone(),
            console: ConsoleFiles::in_memory(),
            vault: self.vault.clone(),
            clock: (self.config.environment == Environment::Test).then(|| Clock::standing(self.at)),
            dice: Dice::seeded(self.dice.roll(u64::MAX)),
        };
        let running = holdfast_gateway::start(&self.config, parts).await.unwrap();
        errors::serves(running.address, self.config.environment);
        if running.accounts.book().apps.is_empty() {
            for mid in [MID, OTHER_MID, "SHOP1", "SHOP2"] {
                running
                    .accounts
                    .add_merchant(&self::mid(mid), &Text::parse("湖畔酒店").unwrap())
                    .await
                    .unwrap();
            }
            let key = Some(AppKey::parse(KEY).unwrap());
            running
                .accounts
                .add_app(Some(APP), key, &[self::mid(MID)], &[], &self.dice)
                .await
                .unwrap();
        }
        Gateway {
            running,
            store: self.store.clone(),
            nonces: Arc::new(AtomicU64::new(self.dice.roll(u64::MAX))),
        }
    }
}

impl Gateway {
    /// A gateway on a store in memory, as most tests need it.
    pub(crate) async fn start() -> Self {
        Place::new().open().await
    }

    /// Sends a request of the merchant, signed: the fields that all requests have, and these. `null` takes one away.
    pub(crate) async fn call(&self, endpoint: &str, fields: Value) -> Answer {
        self.post(&path(endpoint), request(fields).to_string()).await
    }

    /// Signs a body and sends it.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(&self.signed(path, body)).await
    }

    /// A request with its signature, not sent yet.
    pub(crate) fn signed(&self, path: &str, body: impl Into<Vec<u8>>) -> Sent {
        let sent = Sent::post(path, body);
        let header = self.signature(&sent.body).header();
        sent.with("Authorization", header)
    }

    /// A good signature over a body.
    pub(crate) fn signature(&self, body: &[u8]) -> BodySig {
        sign(APP, KEY, &Stamp::at(self.wall()), &self.nonce(), body)
    }

    pub(crate) async fn send(&self, sent: &Sent) -> Answer {
        exchange(self.running.address, &sent.bytes()).await.expect("an answer")
    }

    /// Uses one of the simulation's controls.
    pub(crate) async fn sim(&self, method: &'static str, target: &str, body: Value) -> Answer {
        let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
        self.send(&Sent { method, ..Sent::post(target, body) }).await
    }

    /// Makes a hold and answers its code.
    pub(crate) async fn hold(&self, bill: &str, fen: u64) -> String {
        let fields = json!({"billNo": bill, "totalAmount": fen, "preauthTransaction": "true"});
        let made = self.call("get-qrcode", fields).await;
        assert_eq!(made.outcome(), "200 SUCCESS", "{}", made.text());
        made.field("qrCodeId")
    }

    /// Makes a hold, lets the payer confirm it, and answers its authorization code.
    pub(crate) async fn authorized(&self, bill: &str, fen: u64) -> String {
        let code = self.hold(bill, fen).await;
        let seen = self.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
        assert_eq!(seen.status, 200, "{}", seen.text());
        seen.field("authIdRespCd")
    }

    /// Makes a hold, captures all of it under `order`, and answers its authorization code.
    pub(crate) async fn captured(&self, bill: &str, order: &str, fen: u64) -> String {
        let auth = self.authorized(bill, fen).await;
        let fields = json!({"billNo": bill, "authedOrderId": order, "authIdRespCd": auth, "totalAmount": fen});
        let captured = self.call("preauthed", fields).await;
        assert_eq!(captured.outcome(), "200 SUCCESS", "{}", captured.text());
        auth
    }

    /// How many changes the store has seen.
    pub(crate) async fn journal(&self) -> u64 {
        self.store.last().await.unwrap()
    }

    /// The name of the phase of a bill.
    pub(crate) async fn phase(&self, bill: &str) -> &'static str {
        self.running.core.load(&key(bill)).await.unwrap().phase.name()
    }

    /// Waits until a bill has an order open at the channel.
    pub(crate) async fn until_open(&self, bill: &str) {
        let open = async {
            while self.running.core.load(&key(bill)).await.unwrap().open_order().is_none() {
                tokio::task::yield_now().await;
            }
        };
        let open = holdfast_gateway::clock::patience(crate::wire::PATIENCE_MS, open).await;
        open.expect("the order is asked for");
    }

    /// Moves the time that bills live by.
    pub(crate) fn advance(&self, ms: i64) {
        self.running.core.clock.advance(ms);
    }

    pub(crate) fn wall(&self) -> Moment {
        self.running.core.clock.wall()
    }

    /// A nonce that was not used before.
    pub(crate) fn nonce(&self) -> String {
        format!("{:032x}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }
}

/// Signs a body in somebody's name.
pub(crate) fn sign(app: &str, key: &str, stamp: &Stamp, nonce: &str, body: &[u8]) -> BodySig {
    let (key, app) = (AppKey::parse(key).unwrap(), AppId::parse(app).unwrap());
    BodySig::sign(&key, app, stamp.clone(), Nonce::parse(nonce).unwrap(), body)
}

/// The path of an endpoint: its name is enough.
pub(crate) fn path(endpoint: &str) -> String {
    let declared = ENDPOINTS.iter().find(|declared| declared.name == endpoint);
    match declared {
        _ if endpoint.starts_with('/') => endpoint.to_owned(),
        Some(declared) => declared.path.to_owned(),
        None => format!("/v1/netpay/bills/{endpoint}"),
    }
}

/// The fields that every request of the merchant has, and these beside or instead of them.
pub(crate) fn request(fields: Value) -> Value {
    let mut all = json!({
        "requestTimestamp": START,
        "mid": MID,
        "tid": TID,
        "instMid": "QRPAYDEFAULT",
        "billDate": BILL_DATE,
    });
    merge(all.as_object_mut().unwrap(), fields);
    all
}

fn merge(into: &mut Map<String, Value>, fields: Value) {
    let Value::Object(fields) = fields else { panic!("not an object: {fields}") };
    for (name, value) in fields {
        match value {
            Value::Null => drop(into.remove(&name)),
            value => drop(into.insert(name, value)),
        }
    }
}

pub(crate) fn mid(text: &str) -> Mid {
    Mid::parse(text).unwrap()
}

/// The key of the merchant's bill of that number.
pub(crate) fn key(bill: &str) -> BillKey {
    BillKey {
        mid: mid(MID),
        no: BillNo::parse(bill).unwrap(),
        date: Day::parse(BILL_DATE).unwrap(),
    }
}
