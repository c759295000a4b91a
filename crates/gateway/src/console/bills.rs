//! Bills are found: one box, filters, pages in constant time, and as CSV.

use std::sync::Arc;

use axum::Router;

use super::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
