//! The same client for programs without `async`: every call waits for its answer.
//!
//! ```
//! # mod trial { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trial/mod.rs")); }
//! # let gateway = trial::Gateway::start();
//! # gateway.hold("327M22061819820261705500001", 50_000);
//! use holdfast_client::{OrderId, blocking, messages::Query};
//!
//! let client = blocking::Client::new(
//!     holdfast_client::Client::builder()
//!         .base_url(gateway.base_url())
//!         .credentials(gateway.app_id(), gateway.app_key())
//!         .build()?,
//! )?;
//! let queried = client.call(&Query {
//!     common: client.common("898201612345678", "88880001")?,
//!     bill_no: OrderId::parse("327M22061819820261705500001")?,
//!     bill_date: None,
//!     refund_order_id: None,
//!     authed_order_id: None,
//! })?;
//! assert_eq!(queried.total_amount.map(|held| held.fen()), Some(50_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{fmt, io, sync::Arc};

use holdfast_domain::Malformed;
use holdfast_wire::{message::Endpoint, messages::Common};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{CallError, Fault, Known, Patience, Traceable};

/// A [`crate::Client`] whose calls wait. A clone is the same client; threads share it.
///
/// It has one thread of its own, on which connections live; it ends with the last clone.
#[derive(Clone)]
pub struct Client {
    client: crate::Client,
    runtime: Arc<Own>,
}

/// The thread. Dropped, a runtime waits for its thread, and panics where `async` code cannot wait.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// Gives a client a thread to work on.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn new(client: crate::Client) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("holdfast-client")
            .enable_all()
            .build()?;
        Ok(Self { client, runtime: Arc::new(Own(Some(runtime))) })
    }

    /// As [`crate::Client::call`].
    ///
    /// # Errors
    /// As there; and nothing is sent when it is called from `async` code, which it would hold up.
    pub fn call<E: Endpoint>(&self, request: &E) -> Result<E::Response, CallError> {
        self.wait(self.client.call(request))
    }

    /// As [`crate::Client::call_until_known`].
    ///
    /// # Errors
    /// As there; and nothing is sent when it is called from `async` code, which it would hold up.
    pub fn call_until_known<R: Traceable>(
        &self,
        request: &R,
        patience: Patience,
    ) -> Result<Known<R::Response>, CallError> {
        self.wait(self.client.call_until_known(request, patience))
    }

    /// As [`crate::Client::common`].
    ///
    /// # Errors
    /// When merchant or terminal is malformed.
    pub fn common(&self, mid: &str, tid: &str) -> Result<Common, Malformed> {
        self.client.common(mid, tid)
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let (Some(runtime), Err(_)) = (&self.runtime.0, Handle::try_current()) else {
            let why = "a blocking call from async code; use the async client there".to_owned();
            return Err(CallError::Fault(Fault::Unsendable(why)));
        };
        runtime.block_on(work)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
