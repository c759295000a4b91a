//! The console (管理台): for people who run the gateway. On a listener of its own.
//!
//! Whoever looks has a [`Seat`]; whoever changes something sends a [`Deed`]. Both say in a handler's signature which role
//! it takes, and a deed that does not carry its session's token is refused before the handler sees it. What moves money
//! goes through the steps that carry out merchants' requests ([`crate::api`]), so no rule exists twice. Everything done
//! is written into the audit.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::{Method, StatusCode, header};

use crate::{
    accounts::Accounts,
    api::Api,
    config::Environment,
    finder::Finder,
    limits,
    notices::outbox::Letters,
    operators::{About, Act, Entry, Operators, Outcome},
    pages,
    store::{OpenError, StoreFault},
    submit::Core,
    tally::Watch,
    vault::Vault,
};

mod account;
mod act;
mod approvals;
mod apps;
mod audit;
mod bill;
mod bills;
mod changes;
mod chart;
mod draft;
mod expiry;
mod keys;
mod ledger;
mod merchants;
mod new_hold;
mod notices;
mod overview;
mod people;
mod seat;
mod sign_in;
mod statements;
mod traffic;

use seat::{Rank, Seat, Trace};

/// What only the console needs, in files of its own.
#[derive(Clone)]
pub struct ConsoleFiles {
    /// Who may use it, and what they did there: `console.db`.
    pub operators: Arc<Operators>,
    /// Which bills there are: `finder.db`, which follows from the journal.
    pub finder: Arc<Finder>,
}

impl ConsoleFiles {
    /// Those of a data directory.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let (operators, finder) = (Operators::open(dir)?, Finder::open(dir)?);
        Ok(Self { operators: Arc::new(operators), finder: Arc::new(finder) })
    }

    /// In memory, for a gateway that is thrown away.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { operators: Arc::new(Operators::in_memory()), finder: Arc::new(Finder::in_memory()) }
    }
}

/// Everything that the console's pages take.
pub(crate) struct Console {
    pub(crate) core: Arc<Core>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) api: Arc<Api>,
    pub(crate) operators: Arc<Operators>,
    pub(crate) finder: Arc<Finder>,
    /// What the secrets of operators are sealed with.
    pub(crate) vault: Arc<Vault>,
    /// Where the data is, for commands to paste.
    pub(crate) data_dir: PathBuf,
    pub(crate) letters: Arc<dyn Letters>,
    pub(crate) prover: ledger::Prover,
    pub(crate) exports: bills::Exports,
    pub(crate) tally: Arc<Watch>,
    /// What is done with many bills at once.
    pub(crate) runs: expiry::Runs,
    pub(crate) environment: Environment,
    /// Sums above this many fen take a second person; `None` for no sum.
    pub(crate) approval_above: Option<u64>,
    /// Whoever asks for approval has it, so that the same is not asked for twice.
    pub(crate) asking: tokio::sync::Mutex<()>,
    /// What the address in a browser may begin with: this listener's, or that of the proxy before it.
    pub(crate) hosts: Vec<String>,
    /// Whether the browser's way here is encrypted, so that cookies may say so.
    pub(crate) secure: bool,
}

/// What the address of a console on this listener may begin with; `url` is the one that the operator set.
pub(crate) fn hosts(address: SocketAddr, url: Option<&str>) -> Vec<String> {
    let port = address.port();
    let own = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
    // Browsers write hosts in small letters, and leave the port away that everybody knows.
    let set = url.and_then(|url| url.split_once("://"));
    let set = set.map(|(_, host)| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase());
    own.into_iter().chain([address.to_string()]).chain(set).collect()
}

/// All pages.
pub(crate) fn router(console: Arc<Console>) -> Router {
    Router::new()
        .merge(overview::routes())
        .merge(sign_in::routes())
        .merge(account::routes())
        .merge(act::routes())
        .merge(approvals::routes())
        .merge(apps::routes())
        .merge(audit::routes())
        .merge(bill::routes())
        .merge(bills::routes())
        .merge(expiry::routes())
        .merge(merchants::routes())
        .merge(new_hold::routes())
        .merge(people::routes())
        .merge(statements::routes())
        .merge(ledger::routes())
        .merge(notices::routes())
        .merge(traffic::routes(console.api.traffic()))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(from_fn_with_state(console.clone(), written_down))
        .layer(from_fn_with_state(console.clone(), only_here))
        .merge(pages::assets())
        .route("/healthz", get(async || "ok\n"))
        .with_state(console)
}

async fn nothing(seat: Seat) -> Response {
    seat.told(
        StatusCode::NOT_FOUND,
        seat.page.t("There is no such page", "没有这个页面"),
        seat.page.t("Nothing is kept under this address.", "此地址没有内容。"),
    )
}

/// Refuses requests that were meant for another host: a page elsewhere that has its name point here does not get in.
async fn only_here(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match host.is_some_and(|host| console.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host)))
    {
        true => next.run(request).await,
        false => {
            let text = "this console is not served under that name; set console_url (控制台未以该域名提供服务，请设置 console_url)\n";
            (StatusCode::MISDIRECTED_REQUEST, text).into_response()
        }
    }
}

/// Sees to it that nothing is done that is not in the audit. What was refused to an operator is written down here; what was
/// done, its handler has written down itself. One that forgot is found by any test that uses it.
async fn written_down(
    State(console): State<Arc<Console>>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (trace, path) = (Trace::default(), request.uri().path().chars().take(200).collect());
    request.extensions_mut().insert(trace.clone());
    let response = next.run(request).await;
    let Some(by) = trace.unwritten() else { return response };
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let outcome = if refused { Outcome::Refused } else { Outcome::Done };
    let (act, detail) = (Act::Request, status.as_u16().to_string());
    let entry = Entry { act, about: About::Page(path), detail, outcome };
    let written = console.operators.record(&by, entry, console.core.clock.wall()).await;
    if let Err(fault) = written {
        tracing::error!(%fault, "the audit cannot be written");
    }
    if refused {
        return response;
    }
    tracing::error!("a deed was done without an entry of its own in the audit");
    match cfg!(debug_assertions) {
        true => {
            (StatusCode::INTERNAL_SERVER_ERROR, "not in the audit (未写入审计)\n").into_response()
        }
        false => response,
    }
}

/// Something happened, or did not: a page that says so.
#[derive(Template)]
#[template(path = "console/told.html")]
struct Told<'a> {
    page: &'a seat::Frame,
    title: &'a str,
    text: &'a str,
    tone: &'a str,
    back: &'a str,
}

impl<R: Rank> Seat<R> {
    /// A page with a title and a sentence.
    fn told(&self, status: StatusCode, title: &str, text: &str) -> Response {
        let tone = if status.is_success() { "good" } else { "bad" };
        let told = Told { page: &self.page, title, text, tone, back: "/" };
        self.page.answer(status, &told)
    }

    /// A form does not say what our own page would have said.
    fn bad_form(&self) -> Response {
        let title = self.page.t("That form cannot be read", "表单无法识别");
        let text =
            self.page.t("Open the page again and send it once more.", "请重新打开页面后再提交。");
        self.told(StatusCode::BAD_REQUEST, title, text)
    }

    /// The store broke: what is in the log is not for the page.
    fn broken(&self, fault: &StoreFault) -> Response {
        tracing::error!(%fault, "a page of the console cannot be made");
        self.told(
            StatusCode::INTERNAL_SERVER_ERROR,
            self.page.t("This could not be read", "读取失败"),
            self.page.t("The store broke; see the log.", "存储故障，请查看日志。"),
        )
    }
}
