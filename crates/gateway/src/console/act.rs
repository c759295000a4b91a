//! What operators do to money: previewed, with a reason, perhaps with a second person's approval, and carried out as a merchant's request is.

use std::sync::Arc;

use axum::Router;

use super::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
