//! Operators as an administrator sees them: roles, passwords, who may still come in.
//!
//! A password that was made here is in the answer to its form and nowhere else: in no address, no log, no file. The form
//! names the password that it replaces, so that sending it again, as reloading the answer does, replaces nothing.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::Moment;
use hyper::StatusCode;
use serde::Deserialize;

use super::{
    Console, Seat,
    seat::{Administrators, Deed, Frame, Rank},
};
use crate::{
    clock::Dice,
    operators::{Name, Newcomer, Operator, OperatorError, Password, Role},
    pages::in_address,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/operators", get(list).post(add))
        .route("/operators/{name}", get(show))
        // Where a form was sent, the page can be read: in the other language, for one.
        .route("/operators/{name}/role", get(show).post(set_role))
        .route("/operators/{name}/disabled", get(show).post(set_disabled))
        .route("/operators/{name}/password", get(show).post(reset_password))
        .route("/operators/{name}/codes", get(show).post(remove_codes))
}

/// Somebody new, as typed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Typed {
    name: String,
    role: String,
}

#[derive(Template)]
#[template(path = "console/operators.html")]
struct List<'a> {
    page: &'a Frame,
    all: Vec<Operator>,
    typed: &'a Typed,
    wrong_name: Option<&'a str>,
    wrong_role: bool,
}

type AdministratorSeat = Seat<Administrators>;

impl Console {
    fn operators_page(
        &self,
        seat: &AdministratorSeat,
        status: StatusCode,
        typed: &Typed,
        wrong_name: Option<&str>,
        wrong_role: bool,
    ) -> Response {
        match self.operators.all() {
            Ok(all) => {
                let list = List { page: &seat.page, all, typed, wrong_name, wrong_role };
                seat.page.answer(status, &list)
            }
            Err(fault) => seat.broken(&fault),
        }
    }
}

async fn list(seat: AdministratorSeat, State(console): State<Arc<Console>>) -> Response {
    console.operators_page(&seat, StatusCode::OK, &Typed::default(), None, false)
}

/// A password that is shown once.
#[derive(Template)]
#[template(path = "console/password.html")]
struct Shown<'a> {
    page: &'a Frame,
    name: &'a str,
    password: &'a str,
    /// Whether the operator is new.
    new: bool,
}

async fn add(State(console): State<Arc<Console>>, deed: Deed<Administrators, Typed>) -> Response {
    let Deed { seat, form } = deed;
    let (name, role) = (Name::parse(form.name.trim()), Role::parse(&form.role));
    let (Some(name), Some(role)) = (&name, role) else {
        let wrong_name = name.is_none().then(|| {
            seat.page.t(
                "2 to 32 letters, digits, . - _ or Chinese characters.",
                "2 至 32 位字母、数字、. - _ 或汉字。",
            )
        });
        let (status, wrong_role) = (StatusCode::BAD_REQUEST, role.is_none());
        return console.operators_page(&seat, status, &form, wrong_name, wrong_role);
    };
    let (name, password) = (name.clone(), Password::made(&Dice::unpredictable()));
    let new = Newcomer { name: name.clone(), role, password: password.clone(), must_change: true };
    match console.operators.add(&seat.by, new, console.core.clock.wall()).await {
        Ok(()) => {
            seat.written();
            seat.page.answer(
                StatusCode::OK,
                &Shown {
                    page: &seat.page,
                    name: name.as_str(),
                    password: password.expose(),
                    new: true,
                },
            )
        }
        Err(error @ OperatorError::Exists) => {
            let (en, zh) = error.text();
            let (status, wrong) = (StatusCode::CONFLICT, Some(seat.page.t(en, zh)));
            console.operators_page(&seat, status, &form, wrong, false)
        }
        Err(error) => seat.refused(&error),
    }
}

#[derive(Template)]
#[template(path = "console/operator.html")]
struct One<'a> {
    page: &'a Frame,
    operator: Operator,
    /// The password that a reset replaces.
    mark: String,
    /// Where the forms go.
    path: String,
    /// How many sessions are open.
    sessions: usize,
    /// Until when nobody can sign in under the name, after failures.
    paused: Option<Moment>,
    wrong: Option<&'a str>,
}

impl One<'_> {
    /// Whether it is whoever looks.
    fn own(&self) -> bool {
        self.operator.name == self.page.operator
    }
}

impl Console {
    fn operator_page(
        &self,
        seat: &AdministratorSeat,
        name: &str,
        wrong: Option<&OperatorError>,
    ) -> Result<Response, OperatorError> {
        let now = self.core.clock.wall();
        let operator = self.operators.one(name)?.ok_or(OperatorError::Missing)?;
        let mark = self.operators.password_mark(name)?.ok_or(OperatorError::Missing)?;
        let (path, sessions) = (path(&operator.name), self.operators.sessions(name, now)?.len());
        let paused = self.operators.paused(name, now)?.map(|ms| now.plus_ms(ms));
        let status = if wrong.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        let wrong = wrong.map(OperatorError::text).map(|(en, zh)| seat.page.t(en, zh));
        let page = &seat.page;
        Ok(seat.page.answer(status, &One { page, operator, mark, path, sessions, paused, wrong }))
    }

    fn operator(
        &self,
        seat: &AdministratorSeat,
        name: &str,
        wrong: Option<&OperatorError>,
    ) -> Response {
        self.operator_page(seat, name, wrong).unwrap_or_else(|error| seat.refused(&error))
    }

    /// What came of a change: the operator's page, with why not if so.
    fn changed(
        &self,
        seat: &AdministratorSeat,
        name: &str,
        changed: Result<(), OperatorError>,
    ) -> Response {
        match changed {
            Ok(()) => {
                seat.written();
                Redirect::to(&path(name)).into_response()
            }
            Err(error @ (OperatorError::LastAdministrator | OperatorError::Changed)) => {
                self.operator(seat, name, Some(&error))
            }
            Err(error) => seat.refused(&error),
        }
    }
}

fn path(name: &str) -> String {
    format!("/operators/{}", in_address(name))
}

async fn show(
    seat: AdministratorSeat,
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
) -> Response {
    console.operator(&seat, &name, None)
}

/// What is to become of somebody.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Change {
    role: String,
    disabled: String,
    /// Given when it is meant, although it takes something from whoever asks.
    sure: String,
    mark: String,
}

impl Change {
    /// Whether somebody is about to take away, without saying that it is meant, what they need themselves.
    fn by_slip(&self, seat: &AdministratorSeat, name: &str) -> Option<Response> {
        let own = seat.page.operator.eq_ignore_ascii_case(name);
        (own && self.sure != "1").then(|| {
            seat.told(
                StatusCode::CONFLICT,
                seat.page.t("That is you", "操作对象是您本人"),
                seat.page.t(
                    "Nothing was changed. If you mean it, tick the box beside the button: you will be signed out and may not be able to undo it.",
                    "未做任何更改。如确需操作，请勾选按钮旁的确认框：您将被退出登录，且可能无法自行恢复。",
                ),
            )
        })
    }
}

async fn set_role(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    deed: Deed<Administrators, Change>,
) -> Response {
    let Deed { seat, form } = deed;
    let Some(role) = Role::parse(&form.role) else {
        let title = seat.page.t("There is no such role", "没有该角色");
        let text = seat.page.t("Choose one of the list.", "请从列表中选择。");
        return seat.told(StatusCode::BAD_REQUEST, title, text);
    };
    if let Some(page) = form.by_slip(&seat, &name) {
        return page;
    }
    let now = console.core.clock.wall();
    let changed = console.operators.set_role(&seat.by, &name, role, now).await;
    console.changed(&seat, &name, changed)
}

async fn set_disabled(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    deed: Deed<Administrators, Change>,
) -> Response {
    let Deed { seat, form } = deed;
    let disabled = form.disabled == "1";
    if let Some(page) = form.by_slip(&seat, &name).filter(|_| disabled) {
        return page;
    }
    let now = console.core.clock.wall();
    let changed = console.operators.set_disabled(&seat.by, &name, disabled, now).await;
    console.changed(&seat, &name, changed)
}

/// One's own password and codes change only for whoever has them: whoever finds an open session does not.
fn own(seat: &AdministratorSeat, name: &str) -> Option<Response> {
    seat.page.operator.eq_ignore_ascii_case(name).then(|| {
        seat.told(
            StatusCode::CONFLICT,
            seat.page.t("That is you", "操作对象是您本人"),
            seat.page.t(
                "Your own password and codes are changed under your name in the menu, and take your password.",
                "本人的密码与动态口令请在菜单中您的名称下修改，须验证当前密码。",
            ),
        )
    })
}

async fn reset_password(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    deed: Deed<Administrators, Change>,
) -> Response {
    let Deed { seat, form } = deed;
    if let Some(page) = own(&seat, &name) {
        return page;
    }
    let (password, now) = (Password::made(&Dice::unpredictable()), console.core.clock.wall());
    let replaced = (&password, form.mark.as_str());
    match console.operators.reset_password_once(&seat.by, &name, replaced, now).await {
        Ok(()) => {
            seat.written();
            let password = password.expose();
            let shown = Shown { page: &seat.page, name: &name, password, new: false };
            seat.page.answer(StatusCode::OK, &shown)
        }
        Err(error) => console.changed(&seat, &name, Err(error)),
    }
}

async fn remove_codes(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    deed: Deed<Administrators, ()>,
) -> Response {
    let Deed { seat, form: () } = deed;
    if let Some(page) = own(&seat, &name) {
        return page;
    }
    let now = console.core.clock.wall();
    let changed = console.operators.remove_totp(&seat.by, &name, now).await;
    console.changed(&seat, &name, changed)
}

impl<R: Rank> Seat<R> {
    /// Why nothing was changed.
    pub(super) fn refused(&self, error: &OperatorError) -> Response {
        let status = match error {
            OperatorError::Missing => StatusCode::NOT_FOUND,
            OperatorError::Exists
            | OperatorError::LastAdministrator
            | OperatorError::TooMany
            | OperatorError::HasCodes
            | OperatorError::Changed => StatusCode::CONFLICT,
            OperatorError::WrongCode => StatusCode::BAD_REQUEST,
            OperatorError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            OperatorError::Vault(_) | OperatorError::Fault(_) => {
                tracing::error!(%error, "an operator cannot be read or changed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let (en, zh) = error.text();
        self.told(status, self.page.t("Nothing was changed", "未做任何更改"), self.page.t(en, zh))
    }
}

impl Frame {
    /// What a role is called.
    pub(super) fn named(&self, role: &Role) -> &'static str {
        let (en, zh) = role.text();
        self.t(en, zh)
    }

    /// What a role may do.
    pub(super) fn role_text(&self, role: &Role) -> &'static str {
        match role {
            Role::Viewer => self.t("look at everything, change nothing", "查看全部内容，不可操作"),
            Role::Operator => self.t(
                "look, and take, capture, release, reverse and refund",
                "查看，并可办理预授权、预授权完成、撤销与退款",
            ),
            Role::Administrator => self.t(
                "everything: also change merchants, apps and operators",
                "全部权限，包括管理商户、应用与操作员",
            ),
        }
    }

    /// How somebody's badge looks.
    pub(super) fn role_tone(&self, operator: &Operator) -> &'static str {
        match operator.role {
            Role::Administrator => "warn",
            Role::Operator => "info",
            Role::Viewer => "",
        }
    }
}
