//! Receiving notices in a program that uses axum: a handler that takes a [`Believed`] runs only for notices that
//! were signed with the merchant's communication key.
//!
//! ```
//! # mod trial { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trial/mod.rs")); }
//! use axum::{Router, extract::State, routing::post};
//! use holdfast_client::{
//!     field::BillStatus,
//!     receiver::{Believed, Heard, NoticeKeys},
//! };
//!
//! async fn notified(Believed(notice): Believed) -> Heard {
//!     // True, but of which order? Look it up, and compare: `holdfast_client::notice::expect`. The same notice can
//!     // come again, under the same `notify_id`.
//!     println!("{:?} is {}", notice.bill_no, notice.bill_status);
//!     Heard::Done
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let gateway = trial::Gateway::start();
//! # let till = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! # let address = format!("http://{}/notices", till.local_addr().unwrap());
//! # let (heard, mut ears) = tokio::sync::mpsc::unbounded_channel();
//! let keys = NoticeKeys::new([gateway.notice_key()]);
//! let app: Router = Router::new().route("/notices", post(notified)).with_state(keys);
//! # let app = app.layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
//! #     let heard = heard.clone();
//! #     async move {
//! #         let answer = next.run(request).await;
//! #         heard.send(answer.status().as_u16()).unwrap();
//! #         answer
//! #     }
//! # }));
//! # gateway.announced_hold("3194R1", 100, &address);
//! # tokio::spawn(async move { axum::serve(till, app).await });
//! # assert_eq!(ears.recv().await, Some(200));
//! # tokio::task::spawn_blocking(move || drop(gateway)).await.unwrap();
//! # }
//! ```
//!
//! Where the program has a state of its own, let [`NoticeKeys`] be had from it by axum's `FromRef`.

use std::{fmt, sync::Arc};

use axum_core::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    response::{IntoResponse, Response},
};
use holdfast_wire::messages::Notice;
use http_body_util::{BodyExt as _, Limited};
use hyper::StatusCode;

use crate::notice::{self, DONE, FAILED, NoticeError, NoticeKey};

/// The longest notice that is read, in bytes. Those of the protocol have some 2 KiB.
pub const NOTICE_MAX: usize = 64 * 1024;

/// The communication keys that notices may be signed with: while a key is being replaced there are two.
#[derive(Clone)]
pub struct NoticeKeys(Arc<[NoticeKey]>);

/// A notice that was signed with one of the [`NoticeKeys`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Believed(pub Notice);

/// What a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has the notice, durably, and need not be told again.
    Done,
    /// It wants to be told again.
    Again,
}

/// Why a notice did not reach the handler. Its sender is told to come again, and not why: who forges notices learns
/// nothing from the answer. Log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disbelieved {
    /// It did not come whole, or is longer than [`NOTICE_MAX`].
    Unreadable,
    /// It cannot be believed.
    Fault(NoticeError),
}

impl NoticeKeys {
    /// Keeps the keys.
    pub fn new(keys: impl IntoIterator<Item = NoticeKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl<S> FromRequest<S> for Believed
where
    S: Send + Sync,
    NoticeKeys: FromRef<S>,
{
    type Rejection = Disbelieved;

    async fn from_request(request: Request, state: &S) -> Result<Self, Disbelieved> {
        let NoticeKeys(keys) = NoticeKeys::from_ref(state);
        let body = Limited::new(request.into_body(), NOTICE_MAX).collect().await;
        let body = body.map_err(|_| Disbelieved::Unreadable)?.to_bytes();
        let body = std::str::from_utf8(&body).map_err(|_| Disbelieved::Unreadable)?;
        notice::verify(&keys, body).map(Self).map_err(Disbelieved::Fault)
    }
}

impl IntoResponse for Heard {
    fn into_response(self) -> Response {
        match self {
            Self::Done => (StatusCode::OK, DONE).into_response(),
            Self::Again => (StatusCode::SERVICE_UNAVAILABLE, FAILED).into_response(),
        }
    }
}

impl IntoResponse for Disbelieved {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(FAILED));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        // Whoever wraps the receiver in a layer can log why.
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Debug for NoticeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoticeKeys({})", self.0.len())
    }
}

impl fmt::Display for Disbelieved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => {
                write!(f, "a notice broke off, is not UTF-8, or is longer than {NOTICE_MAX} bytes")
            }
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Disbelieved {}
