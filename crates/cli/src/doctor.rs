//! `holdfast doctor`: what is wrong between a caller and a gateway, and in a gateway's data; each with what to do.
//!
//! It changes nothing. Every check is bounded and stands alone, except that nobody is asked who cannot be reached.

use std::path::PathBuf;

use clap::Args;
use holdfast_client::CallError;
use holdfast_gateway::{clock::patience, config::Config};
use holdfast_wire::{
    message::Endpoint as _,
    messages::{Failure as Refusal, Query},
};
use serde_json::{Value, json};

use crate::{
    connection::Connection,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, left, width},
    settings::WhereSettings,
};

mod local;
mod remote;

/// How long one check may take, in milliseconds.
const CHECK_MS: u64 = 10_000;

/// Which gateway, and which data.
#[derive(Clone, Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    settings: WhereSettings,
}

/// What is checked: its name for programs and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Check(&'static str, &'static str);

const ADDRESS: Check = Check("address", "地址");
const CONNECTION: Check = Check("connection", "连接");
const CERTIFICATE: Check = Check("certificate", "证书");
const GATEWAY: Check = Check("gateway", "网关");
const CLOCK: Check = Check("clock", "时钟");
const CREDENTIALS: Check = Check("credentials", "凭据");
const SETTINGS: Check = Check("settings", "配置");
const DIRECTORY: Check = Check("directory", "数据目录");
const STORE: Check = Check("store", "存储");
const KEYS: Check = Check("keys", "密钥");
const DISK: Check = Check("disk", "磁盘");
const NOTICES: Check = Check("notices", "通知");
const BILLS: Check = Check("bills", "账单");

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// All is well.
    Good,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work, or soon will not.
    Bad,
    /// It was not checked.
    LeftOut,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    check: Check,
    mark: Mark,
    /// What is the case, in a sentence of both languages.
    text: String,
    /// What to do about it, with a command where there is one.
    todo: Option<String>,
}

impl Finding {
    fn good(check: Check, text: impl Into<String>) -> Self {
        Self { check, mark: Mark::Good, text: text.into(), todo: None }
    }

    fn warning(check: Check, text: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, mark: Mark::Warning, text: text.into(), todo: Some(todo.into()) }
    }

    fn bad(check: Check, text: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, mark: Mark::Bad, text: text.into(), todo: Some(todo.into()) }
    }

    fn left_out(check: Check, text: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { check, mark: Mark::LeftOut, text: text.into(), todo: Some(todo.into()) }
    }
}

pub(crate) async fn run(command: Doctor, screen: &Screen) -> Result<Exit, Failure> {
    let Doctor { connection, settings } = command;
    let config = settings.0.read();
    let said = connection.address.is_said();
    // Unless somebody says where, the gateway is where these settings would have it listen.
    let url = match (&config, said) {
        (Ok(config), false) => here(config),
        _ => connection.address.url(),
    };
    screen.say(format_args!("looking at {url} (正在检查)"));
    let (there, here) = tokio::join!(reach(&connection, &url), look(config));
    let served = here.served;
    let mut findings = there;
    let unreachable = findings
        .iter()
        .any(|finding| finding.mark == Mark::Bad && [ADDRESS, CONNECTION].contains(&finding.check));
    if unreachable && !said && served == Some(false) {
        // Nobody said that there is a gateway, and there need not be one.
        findings = vec![Finding::left_out(
            CONNECTION,
            format!("no gateway runs on this data, and none answers at {url} (没有运行中的网关)"),
            "holdfast serve, or say where one is: --base-url URL",
        )];
    }
    findings.extend(here.findings);
    report(screen, &findings)
}

/// What was found in a data directory.
struct Local {
    findings: Vec<Finding>,
    /// Whether a gateway runs on it; `None` where there is none to run on.
    served: Option<bool>,
}

/// Where a gateway with these settings can be reached from here.
fn here(config: &Config) -> String {
    let mut listen = config.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{listen}")
}

/// Everything that can be seen of a gateway from outside.
async fn reach(connection: &Connection, url: &str) -> Vec<Finding> {
    let (mut findings, reached) = remote::examine(url).await;
    if reached {
        let asked = patience(CHECK_MS, credentials(connection, url)).await;
        findings.push(asked.unwrap_or_else(|| {
            let text = format!("no answer to a signed request within {CHECK_MS} ms (签名请求超时)");
            Finding::bad(CREDENTIALS, text, "look at the gateway's log")
        }));
    }
    findings
}

/// Whether the gateway believes who asks. A request without a field is signed and sent: whoever is not believed is
/// told so before anything is read, and nothing is done in either case.
async fn credentials(connection: &Connection, url: &str) -> Finding {
    if !connection.names_app() {
        return Finding::left_out(
            CREDENTIALS,
            "nobody said who asks (未提供凭据)",
            "export HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=…",
        );
    }
    let client = match connection.client_at(url) {
        Ok(client) => client,
        Err(failure) => {
            return Finding::bad(CREDENTIALS, failure.sentence, failure.hint.unwrap_or_default());
        }
    };
    let answered = client.call_raw(Query::PATH, b"{}").await;
    match answered.and_then(|exchange| exchange.outcome()) {
        Err(CallError::Refused { code: Some(code), failure, .. })
            if Exit::of_code(code) == Exit::Auth =>
        {
            let Refusal { err_msg, .. } = *failure;
            let why = err_msg.map(|text| text.to_string()).unwrap_or_default();
            Finding::bad(
                CREDENTIALS,
                format!("the gateway answers {code}: {why}"),
                format!("holdfast explain {code}"),
            )
        }
        Ok(()) | Err(CallError::Refused { code: Some(_), .. }) => {
            Finding::good(CREDENTIALS, "the gateway believes this app's signature (签名验证通过)")
        }
        Err(error) => Finding::bad(
            CREDENTIALS,
            format!("a signed request is not answered as the protocol says: {error} (应答异常)"),
            "see the whole exchange: holdfast call query … --show-request",
        ),
    }
}

/// Everything that can be seen of the data, if there is any.
async fn look(config: Result<Config, Failure>) -> Local {
    match config {
        Ok(config) => local::examine(config).await,
        Err(failure) => {
            let todo = failure.hint.unwrap_or_default();
            let findings = vec![Finding::bad(SETTINGS, failure.sentence, todo)];
            Local { findings, served: None }
        }
    }
}

fn report(screen: &Screen, findings: &[Finding]) -> Result<Exit, Failure> {
    let count = |mark| findings.iter().filter(|finding| finding.mark == mark).count();
    let [good, warnings, bad, left_out] =
        [Mark::Good, Mark::Warning, Mark::Bad, Mark::LeftOut].map(count);
    if screen.format == Format::Json {
        let checks: Value = findings.iter().map(program).collect();
        screen.result(json!({"ok": bad == 0, "checks": checks}))?;
    } else {
        let names = findings.iter().map(|finding| width(&name(finding.check)));
        let columns = names.max().unwrap_or_default();
        for finding in findings {
            show(screen, finding, columns)?;
        }
    }
    screen.say(format_args!(
        "\n{good} good, {warnings} warnings, {bad} bad, {left_out} left out (正常 {good}，警告 {warnings}，异常 {bad}，未检查 {left_out})"
    ));
    Ok(if bad == 0 { Exit::Done } else { Exit::Unexpected })
}

fn name(Check(en, zh): Check) -> String {
    format!("{en} {zh}")
}

fn show(screen: &Screen, finding: &Finding, columns: usize) -> Result<(), Failure> {
    let Finding { check, mark, text, todo } = finding;
    let (sign, tone) = match mark {
        Mark::Good => ("✓ ok  ", Tone::Good),
        Mark::Warning => ("! warn", Tone::Notable),
        Mark::Bad => ("✗ fail", Tone::Bad),
        Mark::LeftOut => ("- left out", Tone::Quiet),
    };
    let sign = screen.tone(tone, &left(sign, 10));
    screen.result(format_args!("{sign}  {}  {text}", left(&name(*check), columns)))?;
    match todo.as_deref() {
        None | Some("") => Ok(()),
        Some(todo) => {
            let indent = " ".repeat(columns.saturating_add(14));
            screen.result(format_args!("{indent}{} {todo}", screen.tone(Tone::Notable, "hint:")))
        }
    }
}

/// A finding as programs read it.
fn program(finding: &Finding) -> Value {
    let Finding { check: Check(name, _), mark, text, todo } = finding;
    let mark = match mark {
        Mark::Good => "ok",
        Mark::Warning => "warning",
        Mark::Bad => "fail",
        Mark::LeftOut => "left-out",
    };
    json!({"check": name, "mark": mark, "text": text, "hint": todo})
}

/// A path as it is pasted into a command.
fn pasted(path: &std::path::Path) -> String {
    crate::shell::quote(&path.display().to_string())
}

/// The directory that nobody named.
fn is_default(dir: &PathBuf) -> bool {
    Config::default().data_dir == *dir
}
