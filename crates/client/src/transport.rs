//! One request over HTTP, and what is known when it fails.
//!
//! There is no code here that follows a redirect or passes over a bad certificate, so neither can be
//! switched on.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::{CallError, Exchange, Fault, Sent, Unknown};

/// The longest answer that is read, in bytes. The longest of the protocol has some 4 KiB.
pub const ANSWER_MAX: usize = 1024 * 1024;

/// How long an idle connection is kept. Shorter than servers keep theirs: a request that meets a
/// connection being closed would end in an unknown outcome.
const IDLE: Duration = Duration::from_secs(10);

/// A pool of connections: what [`Client`](crate::Client) sends its requests through.
#[derive(Clone, Debug)]
pub struct Transport {
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Transport {
    /// A pool whose requests are answered within `timeout` or not at all.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Well before the timeout, so that a host that is down is told from one that does not answer:
        // in the first case nothing was sent.
        tcp.set_connect_timeout(Some(timeout / 2));
        let tls = HttpsConnectorBuilder::new()
            // Named, because a process may have another provider as its default.
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring serves the default TLS versions")
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(tls);
        Self { pool, timeout }
    }

    /// Sends a request and reads the answer, whatever it says.
    ///
    /// # Errors
    /// When no answer came: nothing was sent, or the outcome is not known.
    pub async fn send(&self, sent: Sent) -> Result<Exchange, CallError> {
        let mut request = Request::builder().method(sent.method).uri(&sent.url);
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(sent.body.clone())))
            .map_err(|error| CallError::Fault(Fault::Unsendable(error.to_string())))?;
        let answer =
            tokio::time::timeout(self.timeout, self.exchange(request, sent.address())).await;
        let waited_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        let late = |_| CallError::OutcomeUnknown(Unknown::NoAnswerInTime { waited_ms });
        let (status, location, body) = answer.map_err(late)??;
        Ok(Exchange { sent, status: status.as_u16(), location, body })
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        address: &str,
    ) -> Result<(StatusCode, Option<String>, Vec<u8>), CallError> {
        let answer = self.pool.request(request).await.map_err(|error| {
            let cause = causes(&error);
            if error.is_connect() {
                CallError::Fault(Fault::Unreachable { url: address.to_owned(), cause })
            } else {
                CallError::OutcomeUnknown(Unknown::ConnectionLost { cause })
            }
        })?;
        let status = answer.status();
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|at| String::from_utf8_lossy(at.as_bytes()).into_owned());
        match Limited::new(answer.into_body(), ANSWER_MAX).collect().await {
            Ok(body) => Ok((status, location, body.to_bytes().into())),
            Err(error) if error.is::<LengthLimitError>() => {
                let (status, why) = (status.as_u16(), format!("longer than {ANSWER_MAX} bytes"));
                Err(CallError::OutcomeUnknown(Unknown::Unreadable { status, why }))
            }
            Err(error) => {
                Err(CallError::OutcomeUnknown(Unknown::ConnectionLost { cause: error.to_string() }))
            }
        }
    }
}

/// An error with everything behind it: hyper's own sentence seldom says what happened.
fn causes(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = if text.is_empty() { said } else { format!("{text}: {said}") };
        }
        next = cause.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}
