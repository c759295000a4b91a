//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, Request, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use hyper::{HeaderMap, StatusCode, header, http::request::Parts};
use serde::Deserialize;

use super::{
    Console,
    seat::{Deed, Viewers},
};
use crate::{
    operators::{SignInError, Token},
    pages::{Sheet, in_address, is_foreign},
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/sign-in", get(ask).post(take))
        .route("/sign-in/code", get(ask_code).post(take_code))
        .route("/sign-out", post(sign_out))
}

/// Where to go afterwards.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    to: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    to: String,
    name: String,
    password: String,
    code: String,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn<'a> {
    page: &'a Sheet,
    test: bool,
    to: &'a str,
    name: &'a str,
    /// Whether the password was right and the code is asked for now.
    code: bool,
    wrong: Option<String>,
    /// The command that adds the first operator, where there is none.
    first: Option<String>,
}

impl Console {
    fn sign_in_page(&self, sheet: &Sheet, given: &Given, wrong: Option<&SignInError>) -> Response {
        let status = wrong.map_or(StatusCode::OK, status);
        let first = match self.operators.is_empty() {
            Ok(true) => Some(self.first_command()),
            _ => None,
        };
        let page = SignIn {
            page: sheet,
            test: self.environment == crate::config::Environment::Test,
            to: &given.to,
            name: &given.name,
            code: !given.code.is_empty(),
            wrong: wrong.map(|error| why(sheet, error, !given.code.is_empty())),
            first,
        };
        let mut response = sheet.answer(status, &page);
        if let Some(SignInError::Paused(ms)) = wrong {
            response.headers_mut().insert(header::RETRY_AFTER, seconds(*ms).into());
        }
        response
    }

    /// The command that adds the first operator.
    fn first_command(&self) -> String {
        format!(
            "holdfast operator add NAME --role administrator --data-dir {}",
            self.data_dir_to_paste()
        )
    }

    /// Where the data is, as a shell reads it.
    pub(super) fn data_dir_to_paste(&self) -> String {
        let dir = self.data_dir.display().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        match dir.chars().all(plain) {
            true => dir,
            false => format!("'{}'", dir.replace('\'', r"'\''")),
        }
    }

    /// A cookie with a session's token; without one, it is taken away.
    pub(super) fn set_cookie(&self, token: Option<&Token>) -> [(header::HeaderName, String); 1] {
        let (value, age) = match token {
            Some(token) => (token.expose(), ""),
            None => (String::new(), "; Max-Age=0"),
        };
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{age}{secure}");
        [(header::SET_COOKIE, text)]
    }
}

/// How it is answered that nobody signed in.
pub(super) fn status(error: &SignInError) -> StatusCode {
    match error {
        SignInError::Wrong => StatusCode::FORBIDDEN,
        SignInError::Paused(_) => StatusCode::TOO_MANY_REQUESTS,
        SignInError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        SignInError::Vault(_) | SignInError::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// In seconds, the last one whole.
fn seconds(ms: i64) -> i64 {
    ms.saturating_add(999).checked_div(1_000).unwrap_or_default()
}

/// Why somebody is not signed in, for people.
pub(super) fn why(sheet: &Sheet, error: &SignInError, code: bool) -> String {
    match error {
        SignInError::Wrong if code => sheet
            .t(
                "The code is not right, was used already, or came too late.",
                "动态口令不正确、已使用或已超时。",
            )
            .to_owned(),
        SignInError::Wrong => {
            sheet.t("Name or password is not right.", "用户名或密码不正确。").to_owned()
        }
        SignInError::Paused(ms) if *ms <= 120_000 => sheet.f(
            "Too many failures. Try again in {0} seconds.",
            "失败次数过多，请在 {0} 秒后重试。",
            &[&seconds(*ms)],
        ),
        SignInError::Paused(ms) => sheet.f(
            "Too many failures. Try again in {0} minutes. An administrator can end the pause.",
            "失败次数过多，请在 {0} 分钟后重试，或请管理员解除锁定。",
            &[&ms.saturating_add(59_999).checked_div(60_000).unwrap_or_default()],
        ),
        SignInError::Busy => sheet
            .t(
                "Too many people sign in at once. Try again in a moment.",
                "同时登录人数过多，请稍后再试。",
            )
            .to_owned(),
        SignInError::Vault(_) | SignInError::Fault(_) => {
            tracing::error!(%error, "nobody can sign in to the console");
            sheet.t("This could not be read; see the log.", "读取失败，请查看日志。").to_owned()
        }
    }
}

/// The address of a page of ours; of any other, the first page.
fn local(to: &str) -> &str {
    let ours = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains(['\\', '\r', '\n', '\t'])
        && to.chars().all(|c| !c.is_control())
        && to.len() <= 2_000;
    if ours { to } else { "/" }
}

async fn ask(
    sheet: Sheet,
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Query(target): Query<Target>,
) -> Response {
    let token = console.token(&headers);
    let seated =
        token.map(|token| console.operators.seated(&token, console.core.clock.wall())).transpose();
    match seated.ok().flatten().flatten() {
        Some(seated) if seated.proved => Redirect::to(local(&target.to)).into_response(),
        _ => {
            let given = Given { to: target.to, ..Given::default() };
            console.sign_in_page(&sheet, &given, None)
        }
    }
}

/// Reads a form of the pages before anybody has a session.
async fn read(
    console: &Console,
    sheet: &Sheet,
    request: Request,
) -> Result<(Parts, Given), Response> {
    use axum::extract::FromRequest as _;

    let (parts, body) = request.into_parts();
    let foreign = is_foreign(&parts.headers);
    let request = Request::from_parts(parts.clone(), body);
    match Form::<Given>::from_request(request, &()).await {
        Ok(Form(given)) if !foreign => Ok((parts, given)),
        _ => Err(console.sign_in_page(sheet, &Given::default(), None)).map_err(|mut response| {
            *response.status_mut() = StatusCode::FORBIDDEN;
            response
        }),
    }
}

async fn take(sheet: Sheet, State(console): State<Arc<Console>>, request: Request) -> Response {
    let (parts, given) = match read(&console, &sheet, request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let given = Given { code: String::new(), ..given };
    let (address, now) = (console.address(&parts), console.core.clock.wall());
    match console.operators.sign_in(given.name.trim(), &given.password, address, now).await {
        Ok(signed_in) => {
            let next = match signed_in.needs_code {
                true => format!("/sign-in/code?to={}", in_address(local(&given.to))),
                false => local(&given.to).to_owned(),
            };
            (console.set_cookie(Some(&signed_in.token)), Redirect::to(&next)).into_response()
        }
        Err(error) => console.sign_in_page(&sheet, &given, Some(&error)),
    }
}

async fn ask_code(
    sheet: Sheet,
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Query(target): Query<Target>,
) -> Response {
    let token = console.token(&headers);
    let seated =
        token.map(|token| console.operators.seated(&token, console.core.clock.wall())).transpose();
    match seated.ok().flatten().flatten() {
        Some(seated) if !seated.proved => {
            let given = Given { to: target.to, code: "?".to_owned(), ..Given::default() };
            console.sign_in_page(&sheet, &given, None)
        }
        _ => Redirect::to("/sign-in").into_response(),
    }
}

async fn take_code(
    sheet: Sheet,
    State(console): State<Arc<Console>>,
    request: Request,
) -> Response {
    let (parts, given) = match read(&console, &sheet, request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let Some(token) = console.token(&parts.headers) else {
        return Redirect::to("/sign-in").into_response();
    };
    let (address, now) = (console.address(&parts), console.core.clock.wall());
    let operators = &console.operators;
    match operators.give_code(&token, &given.code, &console.vault, address, now).await {
        Ok(token) => {
            let next = Redirect::to(local(&given.to));
            (console.set_cookie(Some(&token)), next).into_response()
        }
        Err(error) => {
            let given = Given { code: "?".to_owned(), ..given };
            console.sign_in_page(&sheet, &given, Some(&error))
        }
    }
}

async fn sign_out(State(console): State<Arc<Console>>, deed: Deed<Viewers, ()>) -> Response {
    let Deed { seat, form: () } = deed;
    let ended = console.operators.sign_out(&seat.by, seat.session, console.core.clock.wall()).await;
    match ended {
        Ok(()) => {
            seat.written();
            (console.set_cookie(None), Redirect::to("/sign-in")).into_response()
        }
        Err(fault) => seat.broken(&fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        for (to, expected) in [
            ("/bills?state=held&lang=zh", "/bills?state=held&lang=zh"),
            ("/", "/"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/x\r\nSet-Cookie: a=b", "/"),
        ] {
            assert_eq!(local(to), expected, "{to:?}");
        }
    }
}
