//! Operators as an administrator sees them: roles, passwords, who may still come in.

use std::sync::Arc;

use axum::Router;

use super::Console;

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
}
