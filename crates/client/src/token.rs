//! The access token of an app: fetched once, shared by all callers, renewed before it dies.
//!
//! An app may have ten live tokens (`protocol.md` section 2.2), so one is never fetched for one call.

use std::time::{Duration, Instant};

use holdfast_wire::{messages::TokenIssued, secret::Token};
use tokio::sync::Mutex;

use crate::{CallError, clock};

/// How long before its end a token is no longer used: the time that a request may be on its way, and
/// a little for clocks that differ. A token that lives shorter than ten of these gives up a tenth.
const MARGIN: Duration = Duration::from_secs(60);

/// The token in use, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    failed: Option<(Instant, CallError)>,
}

#[derive(Debug)]
struct Kept {
    token: Token,
    fetched: Instant,
    good_for: Duration,
}

impl Tokens {
    /// The token in use, or a new one when there is none, it is about to die, or it is `refused`.
    /// Whoever comes meanwhile waits for the same one, and fails with it: one after the other they would
    /// wait for as many timeouts as there are callers.
    pub(crate) async fn get(
        &self,
        refused: Option<&Token>,
        fetch: impl Future<Output = Result<TokenIssued, CallError>>,
    ) -> Result<Token, CallError> {
        let came = clock::mark();
        let mut state = self.0.lock().await;
        if let Some(kept) = &state.kept
            && Some(&kept.token) != refused
            && clock::since(kept.fetched) < kept.good_for
        {
            return Ok(kept.token.clone());
        }
        if let Some((at, error)) = &state.failed
            && *at >= came
        {
            return Err(error.clone());
        }
        // Counted from before the request, as the gateway counts from before its answer.
        let fetched = clock::mark();
        let issued = match fetch.await {
            Ok(issued) => issued,
            Err(error) => {
                state.failed = Some((clock::mark(), error.clone()));
                return Err(error);
            }
        };
        let life = Duration::from_secs(u64::from(issued.expires_in.0));
        let good_for = life.saturating_sub(MARGIN.min(life / 10));
        state.kept = Some(Kept { token: issued.access_token.clone(), fetched, good_for });
        Ok(issued.access_token)
    }
}
