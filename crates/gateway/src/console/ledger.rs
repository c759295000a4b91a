//! The proof of the ledger: what the last one found, and running it. The last one outlasts a restart.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::Moment;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::{
    Console, Seat,
    seat::{Deed, Frame, Tellers},
};
use crate::{
    clock::Stopwatch,
    limits,
    operators::{About, Act, By, Entry, Operators, Outcome, Role},
    store::{Kind, Progress, Proof, Store, StoreFault, prove},
    submit::Core,
};

/// The setting that keeps what the last proof found.
const LAST: &str = "last_proof";

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/ledger", get(show).post(run))
}

/// Runs proofs, one at a time.
#[derive(Default)]
pub(crate) struct Prover {
    running: Arc<Mutex<Option<Running>>>,
    task: Mutex<Option<AbortHandle>>,
}

/// A proof that is being made.
#[derive(Clone)]
struct Running {
    since: Moment,
    by: Arc<str>,
    progress: Progress,
}

/// What the last proof found.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    /// When it began, in milliseconds since 1970, by the wall clock.
    at: i64,
    took_ms: u64,
    /// The operator who asked for it.
    by: String,
    /// Why the store could not be read, if so: then nothing else is known.
    fault: Option<String>,
    records: u64,
    bills: u64,
    payer_fen: i128,
    held_fen: i128,
    merchant_fen: i128,
    sub_merchants_fen: i128,
    undivided_fen: i128,
    /// How many bills differ.
    differing: u64,
    /// The first of them: the bill, what there should be, what there is.
    differences: Vec<(String, String, String)>,
}

impl Prover {
    fn running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins a proof on a task of its own, unless one is running.
    fn begin(&self, core: &Core, operators: Arc<Operators>, by: By) {
        let (store, clock) = (core.store.clone(), core.clock.clone());
        let since = clock.wall();
        let progress = Progress { pass: 1, done: 0, of: 0 };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return;
        }
        *running = Some(Running { since, by: by.who.clone(), progress });
        drop(running);
        let running = self.running.clone();
        let change = move |change: &dyn Fn(&mut Option<Running>)| {
            change(&mut running.lock().unwrap_or_else(PoisonError::into_inner));
        };
        let task = tokio::spawn(async move {
            let watch = Stopwatch::start();
            let told = |progress| {
                change(&|running| {
                    if let Some(running) = running {
                        running.progress = progress;
                    }
                });
            };
            let found = prove(&*store, told).await;
            let took_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
            let last = Last::of(found, since, took_ms, &by.who);
            if let Err(fault) = last.keep(&*store).await {
                tracing::error!(%fault, "what a proof of the ledger found cannot be kept");
            }
            let outcome = if last.fault.is_none() { Outcome::Done } else { Outcome::Failed };
            let entry = Entry { detail: last.told(), ..entry(outcome) };
            if let Err(fault) = operators.record(&by, entry, clock.wall()).await {
                tracing::error!(%fault, "the audit cannot be written");
            }
            change(&|running| *running = None);
        });
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }
}

impl Drop for Prover {
    fn drop(&mut self) {
        // A gateway that stops closes its store next: that is no fault of the ledger.
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Last {
    fn of(found: Result<Proof, StoreFault>, since: Moment, took_ms: u64, by: &str) -> Self {
        let (proof, fault) = match found {
            Ok(proof) => (proof, None),
            Err(fault) => {
                tracing::error!(%fault, "the ledger cannot be proved");
                (Proof::default(), Some(cut(&fault.to_string())))
            }
        };
        if !proof.holds() {
            tracing::error!(differing = proof.differing, "the ledger does not hold");
        }
        let differences = proof.differences.iter().take(limits::PROOF_DIFFERENCES_KEPT);
        let differences = differences.map(|difference| {
            (difference.bill.to_string(), cut(&difference.expected), cut(&difference.found))
        });
        Self {
            at: since.0,
            took_ms,
            by: by.to_owned(),
            fault,
            records: proof.records,
            bills: proof.bills,
            payer_fen: proof.payer_fen,
            held_fen: proof.held_fen,
            merchant_fen: proof.merchant_fen,
            sub_merchants_fen: proof.sub_merchants_fen,
            undivided_fen: proof.undivided_fen,
            differing: proof.differing,
            differences: differences.collect(),
        }
    }

    async fn keep(&self, store: &dyn Store) -> Result<(), StoreFault> {
        let record = serde_json::to_string(self).map_err(StoreFault::new)?;
        store.register(Kind::Setting, LAST, Some(record)).await
    }

    /// The last one, if there was one that this program can read.
    async fn read(store: &dyn Store) -> Result<Option<Self>, StoreFault> {
        let record = store.registered(Kind::Setting, LAST).await?;
        Ok(record.and_then(|record| serde_json::from_str(&record).ok()))
    }

    fn holds(&self) -> bool {
        self.fault.is_none() && self.differing == 0 && self.total() == 0
    }

    /// What it found, for the audit.
    fn told(&self) -> String {
        match &self.fault {
            Some(fault) => fault.clone(),
            None => {
                format!("{} records, {} bills, {} differ", self.records, self.bills, self.differing)
            }
        }
    }

    fn at(&self) -> Moment {
        Moment(self.at)
    }

    /// All accounts together, in fen. Anything but zero is a bug.
    fn total(&self) -> i128 {
        let accounts = [
            self.payer_fen,
            self.held_fen,
            self.merchant_fen,
            self.sub_merchants_fen,
            self.undivided_fen,
        ];
        accounts.into_iter().fold(0, i128::saturating_add)
    }

    /// The accounts, each with whose it is in English and Chinese.
    fn accounts(&self) -> [(&'static str, &'static str, i128); 5] {
        [
            ("Payers", "付款人", self.payer_fen),
            ("Held for payers (holds, guarantees)", "冻结中（预授权、担保）", self.held_fen),
            ("Owed to merchants", "应付商户", self.merchant_fen),
            ("Owed to sub-merchants", "应付子商户", self.sub_merchants_fen),
            ("Waiting to be divided", "待分账", self.undivided_fen),
        ]
    }
}

/// A text that is kept, as far as people read it.
fn cut(text: &str) -> String {
    text.chars().take(limits::PROOF_TEXT_KEPT).collect()
}

#[derive(Template)]
#[template(path = "console/ledger.html")]
struct Show<'a> {
    page: &'a Frame,
    last: Option<Last>,
    running: Option<Running>,
    /// The journal's last record now.
    newest: u64,
    may_run: bool,
}

async fn show(seat: Seat, State(console): State<Arc<Console>>) -> Response {
    // Asked first: a proof that ends in between is then seen as the last one, a moment later.
    let running = console.prover.running();
    let store = &*console.core.store;
    let read = async { Ok((Last::read(store).await?, store.last().await?)) };
    match read.await {
        Ok((last, newest)) => {
            let may_run = seat.page.may(Role::Operator);
            let show = Show { page: &seat.page, last, running, newest, may_run };
            seat.page.answer(StatusCode::OK, &show)
        }
        Err(fault) => seat.broken(&fault),
    }
}

fn entry(outcome: Outcome) -> Entry {
    Entry { act: Act::LedgerProof, about: About::Nothing, detail: String::new(), outcome }
}

async fn run(State(console): State<Arc<Console>>, deed: Deed<Tellers, ()>) -> Response {
    let Deed { seat, form: () } = deed;
    if let Err(page) = console.audit(&seat, entry(Outcome::Asked)).await {
        return page;
    }
    // Of two who ask at once one begins it, and both see it.
    console.prover.begin(&console.core, console.operators.clone(), seat.by.clone());
    Redirect::to("/ledger").into_response()
}
