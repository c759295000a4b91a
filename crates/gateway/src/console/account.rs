//! Somebody's own account: the password, the codes, the open sessions. All that can be done while the password is one that
//! somebody else chose is to choose another.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::Moment;
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Console, Seat,
    seat::{Deed, Frame, Viewers},
    sign_in,
};
use crate::{
    operators::{
        About, Act, Entry, Open, Operator, OperatorError, Outcome, Password, SessionId, SignInError,
    },
    pages::qr,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/account", get(show))
        // Where a form was sent, the page can be read: in the other language, for one.
        .route("/account/password", get(show).post(change_password))
        .route("/account/codes", get(show).post(offer_codes))
        .route("/account/codes/confirm", get(show).post(confirm_codes))
        .route("/account/codes/end", get(show).post(give_up_codes))
        .route("/account/sessions", get(show).post(end_others))
}

/// What is wrong with the fields of a form, each beside its field.
#[derive(Default)]
struct Wrong {
    old: Option<String>,
    new: Option<String>,
    again: Option<String>,
    /// The first code of a new app.
    first: Option<String>,
    /// Password or last code.
    last: Option<String>,
}

/// The secret of an authenticator app that is not confirmed yet.
struct Offered {
    /// In groups, for those who type it.
    secret: String,
    url: String,
    code: Option<qr::Drawn>,
}

#[derive(Template)]
#[template(path = "console/account.html")]
struct Show<'a> {
    page: &'a Frame,
    operator: Operator,
    sessions: Vec<Open>,
    this: SessionId,
    offered: Option<Offered>,
    wrong: Wrong,
    done: &'a str,
    now: Moment,
}

/// What was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Lately {
    done: String,
}

impl Console {
    fn account_page(
        &self,
        seat: &Seat,
        status: StatusCode,
        wrong: Wrong,
        done: &str,
    ) -> Result<Response, OperatorError> {
        let now = self.core.clock.wall();
        let name = &seat.page.operator;
        let operator = self.operators.one(name)?.ok_or(OperatorError::Missing)?;
        let offered = match operator.has_totp {
            true => None,
            false => self.operators.offered_totp(name, &self.vault)?,
        };
        let offered = offered.map(|secret| {
            let url = secret.url(name, seat.page.environment);
            let (text, code) = (secret.text(), qr::Drawn::of(&url));
            let letters: Vec<char> = text.chars().collect();
            let groups = letters.chunks(4).map(|group| group.iter().collect::<String>());
            Offered { secret: groups.collect::<Vec<_>>().join(" "), url, code }
        });
        let sessions = self.operators.sessions(name, now)?;
        let (page, this) = (&seat.page, seat.session);
        let show = Show { page, operator, sessions, this, offered, wrong, done, now };
        Ok(seat.page.answer(status, &show))
    }

    fn account(&self, seat: &Seat, status: StatusCode, wrong: Wrong, done: &str) -> Response {
        self.account_page(seat, status, wrong, done).unwrap_or_else(|error| seat.refused(&error))
    }
}

async fn show(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<Lately>,
) -> Response {
    console.account(&seat, StatusCode::OK, Wrong::default(), &query.done)
}

/// A new password. No `Debug`: it would print.
#[derive(Default, Deserialize)]
#[serde(default)]
struct NewPassword {
    old: String,
    new: String,
    again: String,
}

impl NewPassword {
    /// The password to be, or what is wrong with it.
    fn check(&self, page: &Frame) -> Result<Password, Wrong> {
        let password = Password::parse(&self.new, &page.operator);
        let told = |fault: (&'static str, &'static str)| page.t(fault.0, fault.1).to_owned();
        let wrong = Wrong {
            old: self
                .old
                .is_empty()
                .then(|| told(("Your password is missing.", "请输入当前密码。"))),
            new: match &password {
                Err(fault) => Some(told(fault.text())),
                Ok(_) if self.new == self.old => Some(told((
                    "That is the password you have: choose another one.",
                    "新密码不能与当前密码相同。",
                ))),
                Ok(_) => None,
            },
            again: (self.again != self.new)
                .then(|| told(("This is not what you typed above.", "两次输入的新密码不一致。"))),
            ..Wrong::default()
        };
        match password {
            Ok(password) if wrong.old.is_none() && wrong.new.is_none() && wrong.again.is_none() => {
                Ok(password)
            }
            _ => Err(wrong),
        }
    }
}

async fn change_password(
    State(console): State<Arc<Console>>,
    deed: Deed<Viewers, NewPassword>,
) -> Response {
    let Deed { seat, form } = deed;
    let password = match form.check(&seat.page) {
        Ok(password) => password,
        Err(wrong) => return console.account(&seat, StatusCode::BAD_REQUEST, wrong, ""),
    };
    let (address, now) = (seat.address(), console.core.clock.wall());
    let name = &seat.page.operator;
    match console.operators.change_password(name, &form.old, &password, address, now).await {
        Ok(token) => {
            seat.written();
            let next = Redirect::to("/account?done=password");
            (console.set_cookie(Some(&token)), next).into_response()
        }
        Err(error) => {
            let old = seat.unproved(&error, ("That is not your password.", "当前密码不正确。"));
            console.account(&seat, sign_in::status(&error), Wrong { old, ..Wrong::default() }, "")
        }
    }
}

fn entry(outcome: Outcome, seat: &Seat, detail: &str) -> Entry {
    let about = About::Operator(seat.page.operator.to_string());
    Entry { act: Act::TotpSet, about, detail: detail.to_owned(), outcome }
}

async fn offer_codes(State(console): State<Arc<Console>>, deed: Deed<Viewers, ()>) -> Response {
    let Deed { seat, form: () } = deed;
    if let Err(page) = console.audit(&seat, entry(Outcome::Asked, &seat, "new secret")).await {
        return page;
    }
    match console.operators.offer_totp(&seat.page.operator, &console.vault).await {
        Ok(_) => Redirect::to("/account#codes").into_response(),
        Err(error) => seat.refused(&error),
    }
}

/// A code, and perhaps a password. No `Debug`: it would print.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Codes {
    password: String,
    code: String,
}

async fn confirm_codes(
    State(console): State<Arc<Console>>,
    deed: Deed<Viewers, Codes>,
) -> Response {
    let Deed { seat, form } = deed;
    let now = console.core.clock.wall();
    match console.operators.confirm_totp(&seat.by, &form.code, &console.vault, now).await {
        Ok(()) => {
            seat.written();
            Redirect::to("/account?done=codes").into_response()
        }
        Err(OperatorError::WrongCode) => {
            if let Err(page) = console.audit(&seat, entry(Outcome::Failed, &seat, "code")).await {
                return page;
            }
            let first = seat.page.t(
                "That is not the code which the app shows now. Is the clock of your phone right?",
                "动态口令不正确，请检查手机时间是否准确。",
            );
            let wrong = Wrong { first: Some(first.to_owned()), ..Wrong::default() };
            console.account(&seat, StatusCode::BAD_REQUEST, wrong, "")
        }
        Err(error) => seat.refused(&error),
    }
}

async fn give_up_codes(
    State(console): State<Arc<Console>>,
    deed: Deed<Viewers, Codes>,
) -> Response {
    let Deed { seat, form } = deed;
    let (address, now) = (seat.address(), console.core.clock.wall());
    let (name, vault) = (&seat.page.operator, &console.vault);
    let operators = &console.operators;
    match operators.give_up_totp(name, &form.password, &form.code, vault, address, now).await {
        Ok(()) => {
            seat.written();
            Redirect::to("/account?done=no-codes").into_response()
        }
        Err(error) => {
            let told = (
                "Password or code is not right, or the code was used already.",
                "密码或动态口令不正确，或口令已使用。",
            );
            let last = seat.unproved(&error, told);
            console.account(&seat, sign_in::status(&error), Wrong { last, ..Wrong::default() }, "")
        }
    }
}

async fn end_others(State(console): State<Arc<Console>>, deed: Deed<Viewers, ()>) -> Response {
    let Deed { seat, form: () } = deed;
    let now = console.core.clock.wall();
    match console.operators.end_other_sessions(&seat.by, seat.session, now).await {
        Ok(()) => {
            seat.written();
            Redirect::to("/account?done=sessions").into_response()
        }
        Err(fault) => seat.broken(&fault),
    }
}

impl Seat {
    fn address(&self) -> IpAddr {
        self.by.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Why somebody did not prove who they are; a failure has its entry in the audit already.
    fn unproved(&self, error: &SignInError, wrong: (&str, &str)) -> Option<String> {
        match error {
            SignInError::Wrong => {
                self.written();
                Some(self.page.t(wrong.0, wrong.1).to_owned())
            }
            error => Some(sign_in::why(&self.page, error, false)),
        }
    }
}
