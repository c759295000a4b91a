//! What happens today, at a glance.

use std::sync::Arc;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use hyper::StatusCode;

use super::{Console, Seat, seat::Frame};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new().route("/", get(show))
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview<'a> {
    page: &'a Frame,
}

async fn show(seat: Seat) -> Response {
    seat.page.answer(StatusCode::OK, &Overview { page: &seat.page })
}
