//! `GET /openapi.json`: what this gateway serves, for other people's tools.

use std::sync::{Arc, OnceLock};

use axum::{
    body::Bytes,
    extract::State,
    response::{IntoResponse as _, Response},
};
use holdfast_wire::openapi::{World, openapi};
use hyper::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::{Api, Terms};
use crate::config::Environment;

/// The document, made once, when somebody first asks: a gateway starts without it.
#[derive(Default)]
pub(super) struct Document(OnceLock<Made>);

/// It changes with the program and its settings only.
struct Made {
    json: Bytes,
    etag: String,
}

impl Document {
    fn of(&self, terms: &Terms) -> &Made {
        self.0.get_or_init(|| Made::new(terms))
    }
}

impl Made {
    fn new(terms: &Terms) -> Self {
        let world = match terms.environment {
            Environment::Test => World::Test,
            Environment::Live => World::Live,
        };
        let json = openapi(&terms.public_url, world);
        let digest = Sha256::digest(&json);
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { json: json.into(), etag: format!("\"{digits}\"") }
    }
}

/// The document, or that it is still the one which the caller has.
pub(super) async fn serve(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let Made { json, etag } = api.document.of(&api.terms);
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok()).any(|value| {
        // A cache may have marked it as weak; the document is small enough to be compared as a whole.
        value.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)
    });
    let cached = [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, "no-cache")];
    match known {
        true => (StatusCode::NOT_MODIFIED, cached).into_response(),
        false => {
            (cached, [(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()
        }
    }
}
