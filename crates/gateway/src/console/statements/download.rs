//! Statements as files, made while they are taken.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::Body,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use holdfast_domain::{Day, Mid};
use hyper::{
    body::{Bytes, Frame as Piece},
    header,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{Console, Makers, Seat, Wanted, answer};
use crate::{
    operators::{About, Act, Entry, Outcome},
    statement::{Csv, Json, Part, StatementError, is_over, make},
    store::Store,
};

/// In which form a statement is written.
#[derive(Clone, Copy)]
enum Form {
    Csv,
    Json,
}

impl Form {
    /// How files of it end.
    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv;charset=utf-8",
            Self::Json => "application/json",
        }
    }

    fn writer(self, to: Tray) -> Writer {
        match self {
            Self::Csv => {
                let mut csv = Csv::new(to);
                Box::new(move |part| csv.write(part))
            }
            Self::Json => {
                let mut json = Json::new(to);
                Box::new(move |part| json.write(part))
            }
        }
    }
}

type Writer = Box<dyn FnMut(Part<'_>) -> io::Result<()> + Send>;

pub(super) async fn csv(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Extension(makers): Extension<Makers>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    download(Form::Csv, &seat, &console, &makers, &query).await
}

pub(super) async fn json(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Extension(makers): Extension<Makers>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    download(Form::Json, &seat, &console, &makers, &query).await
}

async fn download(
    form: Form,
    seat: &Seat,
    console: &Console,
    makers: &Makers,
    query: &BTreeMap<String, String>,
) -> Response {
    let wanted = match Wanted::of(console, query).await {
        Ok(wanted) => wanted,
        Err(fault) => return seat.broken(&fault),
    };
    let (Ok(Some(mid)), Ok(day)) = (&wanted.merchant, wanted.day) else {
        // A file is of one merchant: whoever names none gets the page, which says what is wrong or whom there is.
        return answer(seat, console, makers, &wanted).await;
    };
    let Some(permit) = makers.enter() else { return seat.too_many_statements() };
    let (act, about) = (Act::Statement, About::Merchant(mid.clone()));
    let detail = format!("{day} {}", form.extension());
    let entry = Entry { act, about, detail, outcome: Outcome::Done };
    if let Err(page) = console.audit(seat, entry).await {
        return page;
    }
    let headers = [
        (header::CONTENT_TYPE, form.content_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            // A merchant's number is letters, digits, - _ and dots: nothing to escape.
            format!("attachment; filename=\"statement-{mid}-{day}.{}\"", form.extension()),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let complete = is_over(day, wanted.now);
    let sheet = Sheet::of(console.core.store.clone(), (mid.clone(), day, complete), form);
    (headers, Body::new(Download { sheet, _permit: permit })).into_response()
}

/// Where a statement is put down until the browser takes it.
#[derive(Clone, Default)]
struct Tray(Arc<Mutex<Vec<u8>>>);

impl Tray {
    fn take(&self) -> Option<Bytes> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!taken.is_empty()).then(|| taken.into())
    }
}

impl io::Write for Tray {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A statement that is made as far as it is taken: what was made of one page of the journal has to be taken before the
/// next page is read, and when nobody takes it any more it is not made any further.
struct Sheet {
    making: Pin<Box<dyn Future<Output = Result<(), StatementError>> + Send>>,
    tray: Tray,
    done: bool,
}

impl Sheet {
    fn of(store: Arc<dyn Store>, (mid, day, complete): (Mid, Day, bool), form: Form) -> Self {
        let tray = Tray::default();
        let writers = BTreeMap::from([(mid, form.writer(tray.clone()))]);
        let making = async move { make(&*store, day, complete, writers, |_| ()).await.map(drop) };
        Self { making: Box::pin(making), tray, done: false }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, StatementError>>> {
        if let Some(piece) = self.tray.take() {
            return Poll::Ready(Some(Ok(piece)));
        }
        if self.done {
            return Poll::Ready(None);
        }
        match self.making.as_mut().poll(context) {
            Poll::Ready(Err(error)) => {
                self.done = true;
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(Ok(())) => {
                self.done = true;
                Poll::Ready(self.tray.take().map(Ok))
            }
            Poll::Pending => {
                self.tray.take().map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(piece))))
            }
        }
    }
}

/// A statement on its way to a browser.
struct Download {
    sheet: Sheet,
    _permit: OwnedSemaphorePermit,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = StatementError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, StatementError>>> {
        self.sheet.poll(context).map(|piece| {
            piece.map(|piece| {
                // The connection breaks off, so that half a statement is not taken for a whole one.
                let piece = piece.inspect_err(|error| {
                    tracing::error!(%error, "a statement cannot be made");
                });
                piece.map(Piece::data)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::{limits, statement::tests::lived};

    /// Polls a statement to its end or so often, and answers how many lines each piece has.
    fn taken(sheet: &mut Sheet, most: usize) -> Vec<usize> {
        let mut context = Context::from_waker(Waker::noop());
        let (mut lines, mut polls) = (vec![], 0);
        while lines.len() < most {
            polls += 1;
            assert!(polls < 1_000, "it does not come to its end");
            match sheet.poll(&mut context) {
                Poll::Ready(Some(piece)) => {
                    let piece = piece.unwrap();
                    lines.push(piece.iter().filter(|byte| **byte == b'\n').count());
                }
                Poll::Ready(None) => break,
                Poll::Pending => {}
            }
        }
        lines
    }

    #[tokio::test]
    async fn at_most_a_page_of_the_journal_waits_to_be_taken_and_nothing_is_made_for_nobody() {
        let bills = limits::JOURNAL_PAGE + 7;
        let script: String = (0..bills)
            .map(|n| {
                format!("2026-11-23 10:00 M1/{n:06} payment 1\n2026-11-23 10:00 M1/{n:06} pay\n")
            })
            .collect();
        let store: Arc<dyn Store> = Arc::new(lived(&script).await);
        let which = (Mid::parse("M1").unwrap(), Day::parse("2026-11-23").unwrap(), true);
        for form in [Form::Csv, Form::Json] {
            let lines = taken(&mut Sheet::of(store.clone(), which.clone(), form), usize::MAX);
            assert!(lines.len() >= 3, "{lines:?}");
            assert!(lines.iter().all(|lines| *lines <= limits::JOURNAL_PAGE + 1), "{lines:?}");
            assert!(lines.iter().sum::<usize>() > bills, "{lines:?}");
        }
        // Whoever hangs up leaves nothing behind that still reads the journal.
        let mut sheet = Sheet::of(store.clone(), which, Form::Csv);
        taken(&mut sheet, 1);
        assert_eq!(Arc::strong_count(&store), 2);
        drop(sheet);
        assert_eq!(Arc::strong_count(&store), 1);
    }
}
