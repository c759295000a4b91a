//! Where the gateway under test sends its notices: a small server of ours, one address for each bill.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use holdfast_gateway::clock::patience;
use holdfast_wire::{notice::DONE, secret::NoticeKey};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
};

use crate::exit::{Exit, Failure};

/// The longest notice that is read, in bytes.
const NOTICE_MAX: usize = 64 * 1024;

/// The most notices that wait to be looked at. What comes beyond is asked to come again.
const WAITING_MAX: usize = 1_000;

/// The most connections at once. Who comes beyond waits.
const CONNECTIONS_MAX: usize = 100;

/// How long one connection may take.
const CONNECTION_MS: u64 = 30_000;

/// A notice as it came in.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    bill_no: String,
    /// The HTTP method.
    pub(super) method: String,
    /// What it says that its body is.
    pub(super) content_type: String,
    /// The body.
    pub(super) body: String,
}

/// A server that takes every notice, and remembers it.
#[derive(Debug)]
pub(super) struct Receiver {
    url: String,
    /// The key that notices are checked with.
    pub(super) key: NoticeKey,
    arrived: mpsc::Receiver<Arrived>,
    waiting: Vec<Arrived>,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    /// Begins to listen. `public` is the address under which the gateway reaches it, if that is another.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub(super) async fn open(
        listen: SocketAddr,
        public: Option<&str>,
        key: NoticeKey,
    ) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::new(Exit::Usage, format!("listen on {listen} for notices: {error}"))
                .hint("--notices 127.0.0.1:0 takes any free port")
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let url = public.map_or_else(|| format!("http://{at}"), str::to_owned);
        let (tell, arrived) = mpsc::channel(WAITING_MAX);
        let server = tokio::spawn(serve(listener, tell));
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, key, arrived, waiting: vec![], server })
    }

    /// Where notices about a bill are to go.
    pub(super) fn address(&self, bill_no: &str) -> String {
        format!("{}/{bill_no}", self.url)
    }

    /// The next notice that came for a bill; `None` when none did in time.
    pub(super) async fn next(&mut self, bill_no: &str, ms: u64) -> Option<Arrived> {
        if let Some(place) = self.waiting.iter().position(|notice| notice.bill_no == bill_no) {
            return Some(self.waiting.remove(place));
        }
        patience(ms, async {
            loop {
                let notice = self.arrived.recv().await?;
                if notice.bill_no == bill_no {
                    return Some(notice);
                }
                // About a bill of another walk, whose steps may not look at it any more.
                if self.waiting.len() < WAITING_MAX {
                    self.waiting.push(notice);
                }
            }
        })
        .await
        .flatten()
    }

    /// Puts a notice back, so that it is the next one about its bill.
    pub(super) fn keep(&mut self, notice: Arrived) {
        self.waiting.insert(0, notice);
    }
}

async fn serve(listener: TcpListener, tell: mpsc::Sender<Arrived>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, usually: others need time to close theirs.
            patience(50, std::future::pending::<()>()).await;
            continue;
        };
        let tell = tell.clone();
        let service = service_fn(move |request| take(request, tell.clone()));
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _ = patience(CONNECTION_MS, connection).await;
            drop(place);
        });
    }
}

async fn take(
    request: Request<Incoming>,
    tell: mpsc::Sender<Arrived>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = match Limited::new(body, NOTICE_MAX).collect().await {
        Ok(body) => {
            let notice = Arrived {
                bill_no: head.uri.path().rsplit('/').next().unwrap_or_default().to_owned(),
                method: head.method.to_string(),
                content_type: content_type.to_owned(),
                body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            };
            tell.try_send(notice).is_ok()
        }
        Err(_) => false,
    };
    let (status, word) = match told {
        true => (StatusCode::OK, DONE),
        false => (StatusCode::SERVICE_UNAVAILABLE, holdfast_wire::notice::FAILED),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(word.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}
