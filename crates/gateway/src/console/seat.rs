//! Who is at the console: sessions, roles, and forms that really come from our own pages.

use std::{
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr},
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Redirect, Response},
};
use hyper::{HeaderMap, Method, StatusCode, header, http::request::Parts};
use serde::de::DeserializeOwned;

use super::Console;
use crate::{
    config::Environment,
    http::Peer,
    operators::{By, Entry, Role, Seated, SessionId, Token},
    pages::{self, Sheet},
    store::StoreFault,
};

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
    /// Who it is, and from where: for the audit.
    pub(super) by: By,
    /// The session.
    pub(super) session: SessionId,
    trace: Trace,
    rank: PhantomData<R>,
}

/// An operator with a session sent a form of ours: its token was compared. `T` is what the form says, besides the token.
///
/// Whatever it does is written into the audit with [`Console::audit`], before it is done and when its outcome is known.
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
    /// Whether somebody else chose the password, so that nothing else can be done before it is changed.
    pub(super) must_change: bool,
    /// How many requests wait for a second person.
    pub(super) waiting: u32,
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

/// What a request leaves behind, so that no deed goes without its entry in the audit.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Arc<Mutex<Traced>>);

#[derive(Debug, Default)]
struct Traced {
    by: Option<By>,
    written: bool,
}

impl Trace {
    fn with<T>(&self, look: impl FnOnce(&mut Traced) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who sent something about which nothing was written.
    pub(super) fn unwritten(&self) -> Option<By> {
        self.with(|traced| traced.by.take().filter(|_| !traced.written))
    }
}

impl<R: Rank> Seat<R> {
    /// Notes that what this request does was written into the audit by those who do it.
    pub(super) fn written(&self) {
        self.trace.with(|traced| traced.written = true);
    }
}

impl Console {
    /// Writes into the audit what an operator does: before money moves what is asked, afterwards what came of it.
    ///
    /// # Errors
    /// A page that says that it could not be written. What was to be written down must not be done then.
    pub(super) async fn audit<R: Rank>(
        &self,
        seat: &Seat<R>,
        entry: Entry,
    ) -> Result<(), Response> {
        let written = self.operators.record(&seat.by, entry, self.core.clock.wall()).await;
        written.map_err(|fault| seat.broken(&fault))?;
        seat.written();
        Ok(())
    }

    /// The name of the cookie with a session. Browsers take the longer one only over an encrypted way, and from no other
    /// host.
    pub(super) fn cookie(&self) -> &'static str {
        if self.secure { "__Host-holdfast" } else { "holdfast" }
    }

    /// The token that a browser holds.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<Token> {
        pages::cookie(headers, self.cookie()).and_then(Token::parse)
    }

    /// From which address a request comes. A proxy that encrypts the way adds the last one that it names.
    pub(super) fn address(&self, parts: &Parts) -> IpAddr {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip().to_canonical());
        let named = parts.headers.get_all("x-forwarded-for").into_iter().next_back();
        let named = named
            .and_then(|line| line.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        named.filter(|_| self.secure).map_or(peer, |named| named.to_canonical())
    }

    /// How many requests wait for a second person; none where that cannot be read, which is no reason to show nothing else.
    fn waiting(&self) -> u32 {
        self.operators.approvals_waiting(self.core.clock.wall()).unwrap_or_else(|fault| {
            tracing::error!(%fault, "requests for approval cannot be counted");
            0
        })
    }

    /// Whose session a request has, if it has one.
    fn seated(&self, token: &Token) -> Result<Option<Seated>, StoreFault> {
        let seated = self.operators.seated(token, self.core.clock.wall())?;
        Ok(seated.filter(|seated| seated.proved))
    }
}

/// Where somebody who has no session signs in, to come back here.
fn sign_in(parts: &Parts) -> Response {
    let here = parts.uri.path_and_query().map_or("/", |here| here.as_str());
    // What a form does is not repeated by coming back.
    match parts.method == Method::GET && here != "/" {
        true => Redirect::to(&format!("/sign-in?to={}", pages::in_address(here))).into_response(),
        false => Redirect::to("/sign-in").into_response(),
    }
}

impl<R: Rank> FromRequestParts<Arc<Console>> for Seat<R> {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let Ok(sheet) = Sheet::from_request_parts(parts, console).await;
        let Some(token) = console.token(&parts.headers) else { return Err(sign_in(parts)) };
        let seated = console.seated(&token).map_err(|fault| {
            tracing::error!(%fault, "a session of the console cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })?;
        let Some(seated) = seated else { return Err(sign_in(parts)) };
        let by = By { who: seated.name.clone(), address: Some(console.address(parts)) };
        let trace = parts.extensions.get::<Trace>().cloned().unwrap_or_default();
        trace.with(|traced| traced.by = Some(by.clone()));
        let path = parts.uri.path();
        let here = PLACES
            .iter()
            .filter(|place| path == place.0 || place.0 != "/" && path.starts_with(place.0));
        let page = Frame {
            sheet,
            operator: seated.name,
            role: seated.role,
            csrf: token.csrf(),
            here: here.map(|place| place.0).next().unwrap_or_default(),
            environment: console.environment.name(),
            test: console.environment == Environment::Test,
            must_change: seated.must_change,
            waiting: console.waiting(),
        };
        let seat = Self { page, by, session: seated.session, trace, rank: PhantomData };
        if seated.must_change && !(path.starts_with("/account") || path == "/sign-out") {
            if parts.method == Method::GET {
                return Err(Redirect::to("/account").into_response());
            }
            let text = seat.page.t("Nothing was done.", "未做任何操作。");
            let title = seat.page.t("Choose a password of your own first", "请先设置您自己的密码");
            return Err(seat.told(StatusCode::FORBIDDEN, title, text));
        }
        if seated.role < R::ROLE {
            let (en, zh) = R::ROLE.text();
            let text = seat.page.f(
                "This needs the role {0}; yours is {1}.",
                "此操作需要“{0}”角色，您的角色是“{1}”。",
                &[&seat.page.t(en, zh), &seat.page.role_name()],
            );
            let title = seat.page.t("You may not do that", "无此权限");
            return Err(seat.told(StatusCode::FORBIDDEN, title, &text));
        }
        // A page that keeps itself fresh is not somebody who is here.
        if seated.stale && !parts.headers.contains_key("holdfast-live") {
            let touched = console.operators.touch(seat.session, console.core.clock.wall()).await;
            touched.map_err(|fault| seat.broken(&fault))?;
        }
        Ok(seat)
    }
}

impl<R: Rank, T: DeserializeOwned + Send> FromRequest<Arc<Console>> for Deed<R, T> {
    type Rejection = Response;

    async fn from_request(request: Request, console: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let seat = Seat::<R>::from_request_parts(&mut parts, console).await?;
        let request = Request::from_parts(parts, body);
        let (headers, extensions) = (request.headers().clone(), request.extensions().clone());
        let body = axum::body::Bytes::from_request(request, console).await;
        let body = body.map_err(IntoResponse::into_response)?;
        // The token is ours; the rest is the handler's.
        let (tokens, rest): (Vec<&[u8]>, Vec<&[u8]>) =
            body.split(|byte| *byte == b'&').partition(|pair| pair.starts_with(b"csrf="));
        let sent = tokens.first().and_then(|pair| std::str::from_utf8(pair.get(5..)?).ok());
        let token = console.token(&headers);
        let ours = sent.zip(token).is_some_and(|(sent, token)| token.sent(sent));
        if !ours || pages::is_foreign(&headers) {
            let title = seat.page.t("That form is not from here", "该表单不是由本页面提交");
            let text = seat.page.t(
                "It was sent by another page, or it is from before you signed in. Open the page again and send it once more.",
                "表单来自其他页面，或在您登录之前打开。请重新打开页面后再提交。",
            );
            return Err(seat.told(StatusCode::FORBIDDEN, title, text));
        }
        let mut plain = Request::new(axum::body::Body::from(rest.join(&b'&')));
        *plain.method_mut() = Method::POST;
        *plain.headers_mut() = headers;
        *plain.extensions_mut() = extensions;
        plain.headers_mut().remove(header::CONTENT_LENGTH);
        let form = axum::Form::<T>::from_request(plain, console).await;
        let axum::Form(form) = form.map_err(|rejection| {
            let title = seat.page.t("That form cannot be read", "表单无法识别");
            seat.told(StatusCode::BAD_REQUEST, title, &rejection.body_text())
        })?;
        Ok(Self { seat, form })
    }
}
