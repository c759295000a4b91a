//! The Holdfast gateway: signed HTTP in, a durable store, channels, a worker.
//!
//! [`start`] is the one wiring, for the program and for tests. Everything that changes a bill goes through
//! [`submit`].

#![deny(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use std::{io::ErrorKind, net::SocketAddr, sync::Arc};

use holdfast_wire::secret::NoticeKey;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub mod accounts;
pub mod api;
mod cashier;
pub mod channel;
pub mod clock;
pub mod codes;
pub mod config;
mod console;
pub mod finder;
mod http;
pub mod limits;
mod nonces;
pub mod notices;
pub mod operators;
pub mod outbound;
pub mod pages;
pub mod request;
pub mod statement;
pub mod store;
pub mod submit;
pub mod tally;
mod tokens;
mod traffic;
pub mod vault;
mod view;
pub mod worker;

use accounts::{AccountError, Accounts};
use api::Api;
use cashier::Cashier;
use channel::{Channel, Simulated, Unconnected};
use clock::{Clock, Dice};
use codes::Codes;
use config::{Config, ConsoleListen, Environment};
use console::Console;
pub use console::ConsoleFiles;
use nonces::Nonces;
use notices::{Announcer, courier::Courier, outbox::Letters};
use operators::Operators;
use outbound::{Border, Outbound, TrustError};
use store::{Asker, Kind, Store, StoreFault};
use submit::Core;
use tokens::Tokens;
use vault::Vault;
use worker::Worker;

/// The setting that keeps how far the bills' time was moved ahead.
const CLOCK_AHEAD: &str = "clock_ahead_ms";

/// A key that the vendor printed in its documents. Everybody knows it, so it opens nothing in live.
const SAMPLE_KEYS: &[&str] = &["67890123456789012345678901234567"];

/// The same for communication keys.
const SAMPLE_NOTICE_KEYS: &[&str] = &["fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"];

/// What a gateway is wired from, besides its settings.
pub struct Parts {
    /// Where bills are kept.
    pub store: Arc<dyn Store>,
    /// Where notices wait to be delivered.
    pub outbox: Arc<dyn Letters>,
    /// What only the console needs.
    pub console: ConsoleFiles,
    /// What secrets are sealed with.
    pub vault: Arc<Vault>,
    /// What time it is; `None` for the machine's, moved ahead as far as it was when the gateway last ran.
    pub clock: Option<Clock>,
    /// The source of chance.
    pub dice: Dice,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store broke.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Apps or merchants cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// The address is not to be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The console's address is not to be had.
    #[error("cannot listen on {0} for the console: {1}")]
    Console(SocketAddr, std::io::Error),
    /// The operator's certificates cannot be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Live does not start with what belongs to test.
    #[error("the live environment does not start: {0}")]
    NotForLive(String),
}

/// A gateway that is running.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its console listens, if it does.
    pub console: Option<SocketAddr>,
    /// Its rules and its store.
    pub core: Arc<Core>,
    /// Its apps and merchants.
    pub accounts: Arc<Accounts>,
    /// Who may use its console.
    pub operators: Arc<Operators>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    store: Arc<dyn Store>,
    api: Arc<Api>,
}

/// Starts a gateway: it listens when this returns.
///
/// # Errors
/// When the store or the accounts cannot be read, the address is taken, or live was given what belongs to test.
pub async fn start(config: &Config, parts: Parts) -> Result<Running, StartError> {
    let Parts { store, outbox, console: files, vault, clock, dice } = parts;
    let border = Border::new(config.environment, &config.notify_networks);
    let post = Arc::new(Outbound::new(border, config.notify_ca_file.as_deref())?);
    let accounts = Arc::new(Accounts::open(store.clone(), vault.clone()).await?);
    let ahead = setting(&*store, CLOCK_AHEAD).await?;
    let clock = match config.environment {
        Environment::Test => clock.unwrap_or_else(|| Clock::running(ahead.unwrap_or_default())),
        Environment::Live => {
            fit_for_live(&accounts, ahead)?;
            Clock::running(0)
        }
    };
    let (channel, simulated): (Arc<dyn Channel>, _) = match config.environment {
        Environment::Test => {
            let simulated = Simulated::open(store.clone(), clock.clone(), config.restores).await?;
            let simulated = Arc::new(simulated);
            (simulated.clone(), Some(simulated))
        }
        Environment::Live => {
            tracing::warn!("no upstream account is connected: nobody can pay through this gateway");
            (Arc::new(Unconnected), None)
        }
    };
    let codes = Codes::open(store.clone(), vault.clone(), post.clone()).await?;
    let nonces = Nonces::default();
    recall_nonces(&*store, &nonces, &clock).await?;
    let core =
        Core::new(store.clone(), channel, clock, dice, config.policy, config.answer_within_ms);
    let core = Arc::new(core);

    let listener =
        TcpListener::bind(config.listen).await.map_err(|e| StartError::Listen(config.listen, e))?;
    let address = listener.local_addr().map_err(|e| StartError::Listen(config.listen, e))?;
    let console = match config.console_address() {
        Some(at) => {
            let listener = match TcpListener::bind(at).await {
                // Nobody chose that port: what already has it does not keep merchants waiting.
                Err(error)
                    if error.kind() == ErrorKind::AddrInUse
                        && config.console == ConsoleListen::Beside =>
                {
                    tracing::warn!(%at, "the console takes another port: this one is in use; set console_listen");
                    TcpListener::bind((at.ip(), 0)).await
                }
                bound => bound,
            };
            let listener = listener.map_err(|e| StartError::Console(at, e))?;
            let address = listener.local_addr().map_err(|e| StartError::Console(at, e))?;
            Some((listener, address))
        }
        None => None,
    };
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let api = Arc::new(Api::new(
        core.clone(),
        accounts.clone(),
        codes,
        simulated,
        outbox.clone(),
        (nonces, Tokens::new(vault.clone())),
        api::Terms {
            environment: config.environment,
            public_url: public_url.clone(),
            clock_skew_ms: config.clock_skew_ms,
        },
    ));
    let (stop, stopped) = watch::channel(false);
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        // The sender lives as long as the gateway; when it is gone, stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let cashier = Cashier { core: core.clone(), accounts: accounts.clone(), api: api.clone() };
    let served = api::router(api.clone()).merge(cashier::router(Arc::new(cashier)));
    let mut tasks = vec![
        tokio::spawn(http::serve(listener, served, wait(stopped.clone()))),
        tokio::spawn(Worker::new(core.clone()).run(wait(stopped.clone()))),
    ];
    let console = console.map(|(listener, address)| {
        let url = config.console_url.as_deref();
        let (finder, followed, stop) = (files.finder.clone(), core.clone(), wait(stopped.clone()));
        tasks.push(tokio::spawn(async move { finder.follow(&followed, stop).await }));
        let tally = Arc::new(tally::Watch::new(core.clone()));
        tasks.push(tokio::spawn(tally.clone().run(wait(stopped.clone()))));
        let pages = Console {
            tally,
            core: core.clone(),
            accounts: accounts.clone(),
            api: api.clone(),
            operators: files.operators.clone(),
            finder: files.finder.clone(),
            vault,
            data_dir: config.data_dir.clone(),
            letters: outbox.clone(),
            prover: Default::default(),
            exports: Default::default(),
            runs: Default::default(),
            environment: config.environment,
            approval_above: config.approval_above,
            asking: Default::default(),
            hosts: console::hosts(address, url),
            secure: url.is_some(),
        };
        let pages = console::router(Arc::new(pages));
        tasks.push(tokio::spawn(http::serve(listener, pages, wait(stopped.clone()))));
        address
    });
    let announcer = Announcer::new(core.clone(), accounts.clone(), outbox.clone(), public_url);
    let (clock, dice) = (core.clock.clone(), Dice::unpredictable());
    let courier = Courier::new(outbox, accounts.clone(), post, clock, dice);
    tasks.push(tokio::spawn(announcer.run(wait(stopped.clone()))));
    tasks.push(tokio::spawn(courier.run(wait(stopped.clone()))));
    tasks.push(tokio::spawn(keep_fresh(accounts.clone(), wait(stopped))));
    let operators = files.operators;
    Ok(Running { address, console, core, accounts, operators, stop, tasks, store, api })
}

impl Running {
    /// The address as the beginning of a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The console's address as the beginning of a URL, if there is one.
    #[must_use]
    pub fn console_url(&self) -> Option<String> {
        self.console.map(|address| format!("http://{address}"))
    }

    /// Whether what merchants send is kept for the console to show: in the test environment only.
    #[must_use]
    pub fn keeps_traffic(&self) -> bool {
        self.api.traffic().is_some()
    }

    /// Finishes what was accepted, then ends.
    pub async fn stop(self) {
        self.api.stop_waiting();
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the gateway ended badly");
            }
        }
        self.api.finish().await;
        self.store.close().await;
    }
}

/// Reads apps and merchants again when another process has changed them.
async fn keep_fresh(accounts: Arc<Accounts>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    while clock::patience(500, &mut stop).await.is_none() {
        if let Err(error) = accounts.refresh().await {
            tracing::error!(%error, "apps and merchants cannot be read again");
        }
    }
}

/// The clock that a store's bills live by: the machine's, as far ahead as the simulation has moved it.
///
/// # Errors
/// When the setting cannot be read.
pub async fn bills_clock(store: &dyn Store) -> Result<Clock, StoreFault> {
    Ok(Clock::running(setting(store, CLOCK_AHEAD).await?.unwrap_or_default()))
}

async fn setting(store: &dyn Store, name: &str) -> Result<Option<i64>, StoreFault> {
    let all = store.registry(Kind::Setting).await?;
    Ok(all.into_iter().find(|(id, _)| id == name).and_then(|(_, value)| value.parse().ok()))
}

/// Whether apps and merchants have nothing that belongs to test, and the bills' time, `ahead` of the wall's, neither.
///
/// # Errors
/// Names the first thing that keeps a live gateway from starting, with the command that helps.
pub fn fit_for_live(accounts: &Accounts, ahead: Option<i64>) -> Result<(), StartError> {
    if ahead.is_some_and(|ahead| ahead != 0) {
        return Err(StartError::NotForLive("the clock of this data was moved".to_owned()));
    }
    for app in accounts.book().apps.values() {
        if app.keys.iter().any(|key| SAMPLE_KEYS.contains(&key.secret.expose())) {
            return Err(StartError::NotForLive(format!(
                "app {} has a key from the vendor's documents, which everybody knows; run: holdfast app rotate-key {}",
                app.id, app.id
            )));
        }
    }
    for merchant in accounts.book().merchants.values() {
        let sample = |key: &NoticeKey| SAMPLE_NOTICE_KEYS.contains(&key.expose());
        if merchant.notices.keys.iter().any(|key| sample(&key.secret)) {
            return Err(StartError::NotForLive(format!(
                "merchant {} has a communication key from the vendor's documents, which everybody knows; run: \
                 holdfast merchant rotate-notice-key {} --overlap 0s",
                merchant.mid, merchant.mid
            )));
        }
    }
    Ok(())
}

/// Remembers the nonces of what changed something shortly before the gateway last ended.
async fn recall_nonces(
    store: &dyn Store,
    nonces: &Nonces,
    clock: &Clock,
) -> Result<(), StoreFault> {
    let wall = clock.wall();
    let mut end = store.last().await?;
    while end > 0 {
        let start = end.saturating_sub(limits::RECALL);
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut live = false;
        for record in store.journal(start, count).await? {
            if let Asker::App { nonce: Some((mark, until)), .. } = record.asker
                && until >= wall
            {
                live = true;
                let _ = nonces.see(mark, until, wall);
            }
        }
        // Older records have older nonces: when none of a whole stretch is live, none before it is.
        if !live {
            break;
        }
        end = start;
    }
    Ok(())
}
