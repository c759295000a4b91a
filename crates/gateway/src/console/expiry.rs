//! Holds that come to their deadline: seen in time, released or reminded of many at once.

use std::sync::Arc;

use axum::Router;

use super::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
