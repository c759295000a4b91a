//! The list as a file: CSV that is written while it is read, with a page that says how far it is.
//!
//! What is asked for is kept under a number first, and written when its operator downloads it: page after page as the list
//! shows them, each as it is when its turn comes. No more than two pages are in memory, however many bills there are, and
//! a download that is broken off stops the reading.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use askama::Template;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use holdfast_domain::{Moment, yuan};
use holdfast_wire::time;
use hyper::{
    Method, StatusCode,
    body::{Body as HttpBody, Frame as Piece},
    header,
};
use tokio::sync::mpsc;

use super::Asked;
use crate::{
    clock::patience,
    console::{
        Console, Seat,
        seat::{Deed, Frame, Tellers},
    },
    finder::{Found, Place, Wanted, What},
    limits,
    operators::{About, Act, By, Entry, Outcome},
    statement::shielded,
    store::StoreFault,
};

// Not below `/bills/`: what follows there is a merchant.
pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/bills-export", post(begin))
        .route("/bills-export/{id}", get(show))
        .route("/bills-export/{id}/bills.csv", get(download))
}

/// What was asked to be exported: the last ones, in memory.
#[derive(Default)]
pub(crate) struct Exports(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    all: VecDeque<Arc<Export>>,
}

/// One file.
struct Export {
    id: u64,
    /// Whose it is.
    by: Arc<str>,
    /// What was asked, with the one reading that is meant.
    asked: Asked,
    what: Option<What>,
    state: Mutex<Progress>,
}

/// How far a file is.
#[derive(Clone, Copy, Default)]
struct Progress {
    stage: Stage,
    /// How many bills are written.
    bills: u64,
    /// When the last bill that was looked at was made.
    through: Option<Moment>,
    /// When the first bill of the file was made, and the last one.
    span: Option<(Moment, Moment)>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// Nobody has downloaded it yet.
    #[default]
    Ready,
    /// It is being downloaded.
    Running,
    /// All of it was sent.
    Done,
    /// The download was broken off.
    BrokenOff,
}

/// Why a file is not sent.
enum Busy {
    /// It was sent, or begun.
    Before,
    /// Too many are on their way.
    TooMany,
}

impl Exports {
    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what was asked; what is oldest and not on its way is forgotten for it.
    fn keep(&self, by: &By, asked: Asked, what: Option<What>) -> Arc<Export> {
        self.with(|kept| {
            if kept.all.len() >= limits::EXPORTS {
                let idle = kept.all.iter().position(|one| one.progress().stage != Stage::Running);
                idle.and_then(|place| kept.all.remove(place));
            }
            kept.last = kept.last.saturating_add(1);
            let (id, by, state) = (kept.last, by.who.clone(), Mutex::default());
            let export = Arc::new(Export { id, by, asked, what, state });
            kept.all.push_back(export.clone());
            export
        })
    }

    /// An operator's own file.
    fn of(&self, by: &By, id: &str) -> Option<Arc<Export>> {
        let id: u64 = id.parse().ok()?;
        let is = |one: &&Arc<Export>| one.id == id && one.by == by.who;
        self.with(|kept| kept.all.iter().find(is).cloned())
    }

    /// Notes that a file is on its way, unless it was before or too many are.
    fn begin(&self, export: &Export) -> Result<(), Busy> {
        self.with(|kept| {
            let running = kept.all.iter().filter(|one| one.progress().stage == Stage::Running);
            if running.count() >= limits::EXPORTS_AT_ONCE {
                return Err(Busy::TooMany);
            }
            export.change(|progress| match progress.stage {
                Stage::Ready => {
                    progress.stage = Stage::Running;
                    Ok(())
                }
                _ => Err(Busy::Before),
            })
        })
    }
}

impl Export {
    fn change<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn progress(&self) -> Progress {
        self.change(|progress| *progress)
    }

    /// The question, for the audit.
    fn question(&self) -> String {
        let query = self.asked.query(self.what.as_ref());
        if query.is_empty() {
            "all bills".to_owned()
        } else {
            query.trim_end_matches('&').to_owned()
        }
    }

    fn entry(&self, said: &str, outcome: Outcome) -> Entry {
        let detail = format!("export {}: {said}{}", self.id, self.question());
        Entry { act: Act::Export, about: About::Page("/bills".to_owned()), detail, outcome }
    }
}

impl Progress {
    /// How far through the time that the bills were made in, in percent.
    fn percent(&self) -> Option<i64> {
        let ((first, last), through) = (self.span?, self.through?);
        let whole = first.0.saturating_sub(last.0).max(1);
        let done = first.0.saturating_sub(through.0).saturating_mul(100).checked_div(whole)?;
        Some(if whole == 1 { 100 } else { done.clamp(0, 100) })
    }
}

async fn begin(
    State(console): State<Arc<Console>>,
    deed: Deed<Tellers, BTreeMap<String, String>>,
) -> Response {
    let Deed { seat, form } = deed;
    let asked = Asked::of(&form);
    if asked.is_any_wrong() {
        return seat.told(
            StatusCode::BAD_REQUEST,
            seat.page.t("That question cannot be understood", "筛选条件有误"),
            seat.page.t(
                "Correct the fields of the list, and export what it shows.",
                "请先在账单列表中更正筛选条件，再导出所显示的内容。",
            ),
        );
    }
    let what = match console.find_bills(&asked).await {
        Ok((what, _)) => what,
        Err(fault) => return seat.broken(&fault),
    };
    let export = console.exports.keep(&seat.by, asked, what);
    match console.audit(&seat, export.entry("", Outcome::Asked)).await {
        Ok(()) => Redirect::to(&format!("/bills-export/{}", export.id)).into_response(),
        Err(page) => page,
    }
}

#[derive(Template)]
#[template(path = "console/export.html")]
struct Show<'a> {
    page: &'a Frame,
    export: &'a Export,
    progress: Progress,
}

impl Show<'_> {
    /// Whether the page changes by itself.
    fn is_open(&self) -> bool {
        matches!(self.progress.stage, Stage::Ready | Stage::Running)
    }
}

async fn show(
    seat: Seat<Tellers>,
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Response {
    let Some(export) = console.exports.of(&seat.by, &id) else { return seat.no_export() };
    let show = Show { page: &seat.page, progress: export.progress(), export: &export };
    seat.page.answer(StatusCode::OK, &show)
}

async fn download(
    method: Method,
    seat: Seat<Tellers>,
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
) -> Response {
    let Some(export) = console.exports.of(&seat.by, &id) else { return seat.no_export() };
    // Whoever asks for the head alone does not want the file yet.
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match console.exports.begin(&export) {
        Ok(()) => {}
        Err(Busy::Before) => {
            return seat.told(
                StatusCode::CONFLICT,
                seat.page.t("This file was downloaded already", "该文件已下载过"),
                seat.page.t(
                    "Each export is sent once. Export again to have it as it is now.",
                    "每次导出只发送一次。如需最新数据，请重新导出。",
                ),
            );
        }
        Err(Busy::TooMany) => {
            return seat.told(
                StatusCode::SERVICE_UNAVAILABLE,
                seat.page.t("Too many files are on their way", "同时导出的文件过多"),
                seat.page.t("Try again when one of them is done.", "请待其他导出完成后再试。"),
            );
        }
    }
    let (to, pieces) = mpsc::channel(1);
    let name = format!("bills-{}.csv", time::show_stamp(console.core.clock.now()));
    let writer = Writer { console, export, page: seat.page, by: seat.by };
    tokio::spawn(writer.run(to));
    let headers = [
        (header::CONTENT_TYPE, "text/csv;charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, Body::new(Pieces(pieces))).into_response()
}

/// A piece of the file, or what broke: then the download ends as one that is not whole.
type Sent = Result<Bytes, StoreFault>;

/// The file on its way out.
struct Pieces(mpsc::Receiver<Sent>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = StoreFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, StoreFault>>> {
        self.get_mut().0.poll_recv(context).map(|sent| sent.map(|sent| sent.map(Piece::data)))
    }
}

/// Writes a file for as long as somebody takes it.
struct Writer {
    console: Arc<Console>,
    export: Arc<Export>,
    page: Frame,
    by: By,
}

/// Why a file was not written to its end.
enum Ended {
    /// Nobody takes it any more.
    Away,
    Fault(StoreFault),
}

impl From<StoreFault> for Ended {
    fn from(fault: StoreFault) -> Self {
        Self::Fault(fault)
    }
}

impl Writer {
    async fn run(self, to: mpsc::Sender<Sent>) {
        let (stage, outcome) = match self.write(&to).await {
            Ok(()) => (Stage::Done, Outcome::Done),
            Err(Ended::Away) => (Stage::BrokenOff, Outcome::Failed),
            Err(Ended::Fault(fault)) => {
                tracing::error!(%fault, "an export of bills broke");
                let _ = to.send(Err(fault)).await;
                (Stage::BrokenOff, Outcome::Failed)
            }
        };
        let bills = self.export.change(|progress| {
            progress.stage = stage;
            progress.bills
        });
        let said = match outcome {
            Outcome::Done => format!("{bills} bills, "),
            _ => format!("broken off after {bills} bills, "),
        };
        let (entry, now) = (self.export.entry(&said, outcome), self.console.core.clock.wall());
        if let Err(fault) = self.console.operators.record(&self.by, entry, now).await {
            tracing::error!(%fault, "the audit cannot be written");
        }
    }

    async fn write(&self, to: &mpsc::Sender<Sent>) -> Result<(), Ended> {
        let (store, finder) = (&*self.console.core.store, &self.console.finder);
        let page = |place, limit| {
            let (what, wanted) = (self.export.what.clone(), self.export.asked.wanted.clone());
            Wanted { what, place, limit, ..wanted }
        };
        let last = finder.find(store, &page(Place::Last, 1)).await?.rows.pop();
        send(to, self.head()).await?;
        let mut place = Place::First;
        loop {
            let found = finder.find(store, &page(place, limits::EXPORT_PAGE)).await?;
            // By number, time does not say how far it is.
            let by_time = !matches!(self.export.what, Some(What::Beginning(_)));
            let count = u64::try_from(found.rows.len()).unwrap_or(u64::MAX);
            let rows = self.rows(&found);
            if !rows.is_empty() {
                send(to, rows).await?;
            }
            self.export.change(|progress| {
                progress.bills = progress.bills.saturating_add(count);
                let through = found.rows.last().map(|row| row.created_at);
                progress.through = through.filter(|_| by_time).or(progress.through);
                let first = found.rows.first().zip(last.as_ref());
                let span = first.map(|(first, last)| (first.created_at, last.created_at));
                progress.span = progress.span.or(span.filter(|_| by_time));
            });
            match found.next {
                Some(next) => place = Place::After(next),
                None => break,
            }
        }
        // There is room again when the last piece was taken.
        match patience(limits::EXPORT_STALL_MS, to.reserve()).await {
            Some(Ok(_)) => Ok(()),
            _ => Err(Ended::Away),
        }
    }

    /// What Excel needs to see that it is UTF-8, and the names of the columns.
    fn head(&self) -> String {
        let page = &self.page;
        let names = [
            page.t("Merchant", "商户号"),
            page.t("Merchant's name", "商户名称"),
            page.t("Bill number", "账单号"),
            page.t("Bill date", "账单日期"),
            page.t("Terminal", "终端号"),
            page.t("Kind", "类型"),
            page.t("Amount (yuan)", "金额（元）"),
            page.t("Phase", "阶段"),
            page.t("Status for the merchant", "账单状态"),
            page.t("Made (Beijing)", "创建时间（北京）"),
            page.t("Last change (Beijing)", "最近变动（北京）"),
            page.t("Deadline (Beijing)", "到期时间（北京）"),
        ];
        format!("\u{feff}{}", row(&names.map(str::to_owned)))
    }

    fn rows(&self, found: &Found) -> String {
        let (page, names) = (&self.page, self.console.names(found));
        let mut text = String::new();
        for one in &found.rows {
            let name = names.get(&one.key.mid).map_or("", String::as_str);
            text.push_str(&row(&[
                shielded(one.key.mid.as_str()).into_owned(),
                shielded(name).into_owned(),
                shielded(one.key.no.as_str()).into_owned(),
                one.key.date.to_string(),
                shielded(one.tid.as_str()).into_owned(),
                page.kind_name(one.kind).to_owned(),
                yuan(one.amount.fen().into()),
                page.phase_name(one.phase).to_owned(),
                page.status_name(&one.status).to_owned(),
                page.time(&one.created_at),
                page.time(&one.changed_at),
                one.deadline.map(|deadline| page.time(&deadline)).unwrap_or_default(),
            ]));
        }
        text
    }
}

/// Hands a piece on. Who takes none for long takes none any more.
async fn send(to: &mpsc::Sender<Sent>, text: String) -> Result<(), Ended> {
    match patience(limits::EXPORT_STALL_MS, to.send(Ok(Bytes::from(text)))).await {
        Some(Ok(())) => Ok(()),
        _ => Err(Ended::Away),
    }
}

/// A line with every cell in quotation marks.
fn row(cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

impl Seat<Tellers> {
    fn no_export(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such export of yours", "您没有这个导出任务"),
            self.page.t(
                "Exports are remembered for a while, until the gateway starts anew. Export again from the list.",
                "导出任务仅保留一段时间，网关重启后失效。请从账单列表重新导出。",
            ),
        )
    }
}
