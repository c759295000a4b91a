//! Merchants: terminals, addresses, what they are told, limits, communication keys, freezing.

use std::sync::Arc;

use axum::Router;

use super::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
