//! Who is at the console: sessions, roles, and forms that really come from our own pages.

use std::{marker::PhantomData, ops::Deref, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::Response,
};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Console;
use crate::{config::Environment, operators::Role, pages::Sheet};

/// What a handler demands of an operator. Each role may all that those before it may.
pub(super) trait Rank: Send + Sync {
    const ROLE: Role;
}

/// Whoever has a session may look.
pub(super) struct Viewers;
/// Those who may move money.
pub(super) struct Tellers;
/// Those who may change who may.
pub(super) struct Administrators;

impl Rank for Viewers {
    const ROLE: Role = Role::Viewer;
}

impl Rank for Tellers {
    const ROLE: Role = Role::Operator;
}

impl Rank for Administrators {
    const ROLE: Role = Role::Administrator;
}

/// An operator with a session looks at a page. Whoever has none is sent to sign in; whoever may not is told so.
pub(super) struct Seat<R: Rank = Viewers> {
    /// What every page of the console shows.
    pub(super) page: Frame,
    rank: PhantomData<R>,
}

/// An operator with a session sent a form of ours: its token was compared. `T` is what the form says.
pub(super) struct Deed<R: Rank, T> {
    pub(super) seat: Seat<R>,
    pub(super) form: T,
}

/// What every page of the console shows and knows.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    sheet: Sheet,
    /// The operator's name.
    pub(super) operator: Arc<str>,
    pub(super) role: Role,
    /// The session's token; each form carries it as `csrf`.
    pub(super) csrf: String,
    /// The place of the menu that this page belongs to: its path.
    pub(super) here: &'static str,
    pub(super) environment: &'static str,
    /// Whether this is the test environment.
    pub(super) test: bool,
}

impl Deref for Frame {
    type Target = Sheet;

    fn deref(&self) -> &Sheet {
        &self.sheet
    }
}

/// A place of the menu.
pub(super) struct Place {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

/// The menu: path, English, Chinese, from which role on, whether in the test environment only.
const PLACES: &[(&str, &str, &str, Role, bool)] = &[
    ("/", "Overview", "概览", Role::Viewer, false),
    ("/bills", "Bills", "账单", Role::Viewer, false),
    ("/new", "New hold", "新建预授权", Role::Operator, false),
    ("/expiry", "Expiring", "到期预警", Role::Viewer, false),
    ("/approvals", "Approvals", "待复核", Role::Viewer, false),
    ("/notices", "Notices", "通知", Role::Viewer, false),
    ("/traffic", "Traffic", "报文", Role::Viewer, true),
    ("/merchants", "Merchants", "商户与应用", Role::Viewer, false),
    ("/statements", "Statements", "对账单", Role::Viewer, false),
    ("/ledger", "Ledger proof", "账本核对", Role::Viewer, false),
    ("/operators", "Operators", "操作员", Role::Administrator, false),
    ("/audit", "Audit", "审计", Role::Viewer, false),
];

impl Frame {
    /// The menu as this operator sees it.
    pub(super) fn places(&self) -> Vec<Place> {
        let seen = PLACES.iter().filter(|place| self.may(place.3) && (self.test || !place.4));
        seen.map(|(path, en, zh, _, _)| Place { path, name: self.t(en, zh) }).collect()
    }

    /// Whether the operator has at least that role.
    pub(super) fn may(&self, role: Role) -> bool {
        self.role >= role
    }

    /// The operator's role, for people.
    pub(super) fn role_name(&self) -> &'static str {
        let (en, zh) = self.role.text();
        self.t(en, zh)
    }
}

impl<R: Rank> FromRequestParts<Arc<Console>> for Seat<R> {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let Ok(sheet) = Sheet::from_request_parts(parts, console).await;
        let path = parts.uri.path();
        let here = PLACES
            .iter()
            .filter(|place| path == place.0 || place.0 != "/" && path.starts_with(place.0));
        let page = Frame {
            sheet,
            operator: "founder".into(),
            role: Role::Administrator,
            csrf: "provisional".to_owned(),
            here: here.map(|place| place.0).next().unwrap_or_default(),
            environment: console.environment.name(),
            test: console.environment == Environment::Test,
        };
        Ok(Self { page, rank: PhantomData })
    }
}

impl<R: Rank, T: DeserializeOwned + Send> FromRequest<Arc<Console>> for Deed<R, T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        use axum::response::IntoResponse as _;
        let (mut parts, body) = request.into_parts();
        let seat = Seat::from_request_parts(&mut parts, console).await?;
        let request = Request::from_parts(parts, body);
        let form = axum::Form::<T>::from_request(request, console).await;
        let axum::Form(form) = form.map_err(|rejection| rejection.into_response())?;
        Ok(Self { seat, form })
    }
}
