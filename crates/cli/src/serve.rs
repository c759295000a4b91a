//! `holdfast serve`: a gateway, until it is told to stop.

use std::sync::Arc;

use clap::Args;
use holdfast_gateway::{
    ConsoleFiles, Parts, Running, StartError, clock::Dice, config::Config,
    notices::outbox::SqliteOutbox, start, store::SqliteStore, vault::Vault,
};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    logs,
    screen::{Format, Screen},
    settings::AllSettings,
    shell,
};

/// Serve the protocol 启动网关
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: AllSettings,
}

pub(crate) async fn run(command: Serve, screen: &Screen) -> Result<Exit, Failure> {
    let config = command.settings.0.read()?;
    logs::start(config.log);
    let signals = Signals::listen()?;
    let running = open(&config).await?;
    screen.say(format_args!(
        "holdfast {}: {} environment (环境), data in {} (数据目录)",
        env!("CARGO_PKG_VERSION"),
        config.environment,
        config.data_dir.display(),
    ));
    if running.accounts.book().apps.is_empty() {
        let (dir, environment) = (config.data_dir.display().to_string(), config.environment.name());
        let data = shell::line(["--data-dir", &dir, "--environment", environment]);
        screen.say("nobody may call yet; in another terminal (尚无应用，请在另一终端执行):");
        screen.say(format_args!("  holdfast merchant add 898201612345678 --name 测试商户 {data}"));
        screen.say(format_args!("  holdfast app add --mid 898201612345678 {data}"));
    }
    if let Some(console) = config.console_url.clone().or_else(|| running.console_url()) {
        screen.say(format_args!("the operators' console (管理台): {console}"));
    }
    announce(screen, &running)?;
    Ok(until_told(running, signals, screen).await)
}

async fn open(config: &Config) -> Result<Running, Failure> {
    let (dir, environment) = (config.data_dir.clone(), config.environment.name());
    // A store that has much to recover takes its time.
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&dir, environment)).await;
    let store = opened.map_err(|error| Failure::new(Exit::Unexpected, error))?;
    let store = Arc::new(store.map_err(|error| Failure::new(Exit::Config, error))?);
    let outbox = SqliteOutbox::open(&config.data_dir);
    let outbox = Arc::new(outbox.map_err(|error| Failure::new(Exit::Config, error))?);
    let console = ConsoleFiles::open(&config.data_dir);
    let console = console.map_err(|error| Failure::new(Exit::Config, error))?;
    let dice = Dice::unpredictable();
    let vault = Arc::new(Vault::open(&config.master_key_path(), &dice)?);
    start(config, Parts { store, outbox, console, vault, clock: None, dice }).await.map_err(
        |error| {
            let failure = Failure::new(Exit::Config, &error);
            match error {
                StartError::Listen(..) => {
                    failure.hint("holdfast serve --listen 127.0.0.1:0 takes any free port")
                }
                _ => failure,
            }
        },
    )
}

/// The line for programs that wait for the gateway: it can be called from now on.
pub(crate) fn announce(screen: &Screen, running: &Running) -> Result<(), Failure> {
    match screen.format {
        Format::Text => screen.result(format_args!("listening on {}", running.url())),
        Format::Json => {
            screen.result(json!({"listening": running.url(), "console": running.console_url()}))
        }
    }
}

/// Waits for a signal, then finishes what was accepted. A second signal ends at once.
pub(crate) async fn until_told(running: Running, mut signals: Signals, screen: &Screen) -> Exit {
    signals.next().await;
    screen.say("finishing what was accepted; once more to stop at once (正在完成已受理的请求)");
    tokio::select! {
        () = running.stop() => Exit::Done,
        () = signals.next() => Exit::Interrupted,
    }
}

/// The signals that ask a program to stop.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes them over from now on.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        let failed = |error| Failure::new(Exit::Unexpected, format!("take over signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        // Without a way to hear it, run on: the system ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
