//! Apps: who may call for which merchants, from where, with which keys.

use std::{net::IpAddr, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::{Mid, Text};
use holdfast_wire::secret::AppKey;
use hyper::StatusCode;
use ipnet::IpNet;

use super::{
    Console, Seat,
    changes::{Record as _, Trouble, Unchanged, outcome_of},
    draft::{Draft, Typed},
    keys::{self, KeyRow, Revoke, Secret},
    merchants::Which,
    seat::{Administrators, Deed, Frame, Rank},
};
use crate::{
    accounts::{AccountError, App, AppChange, Book, Frozen, Key, is_app_id},
    limits,
    operators::{Act, Entry, Outcome, Role},
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/add-app", get(blank).post(add))
        .route("/apps/{id}", get(show).post(change))
        .route("/apps/{id}/revoke", get(revoke))
}

/// The place of the menu that apps belong to.
const PLACE: &str = "/merchants";

#[derive(Template)]
#[template(path = "console/add_app.html")]
struct Blank<'a> {
    page: &'a Frame,
    draft: &'a Draft,
    trouble: Option<&'a str>,
    /// An id for it, made up once: the form that is sent again asks for the same app.
    id: String,
    /// For which merchant the form was opened.
    mid: String,
}

#[derive(serde::Deserialize)]
struct For {
    #[serde(default)]
    mid: String,
}

async fn blank(
    mut seat: Seat<Administrators>,
    State(console): State<Arc<Console>>,
    Query(wanted): Query<For>,
) -> Response {
    seat.page.here = PLACE;
    let mid = Mid::parse(&wanted.mid).map(|mid| mid.to_string()).unwrap_or_default();
    let id = console.core.dice.hex(32);
    let blank = Blank { page: &seat.page, draft: &Draft::default(), trouble: None, id, mid };
    seat.page.answer(StatusCode::OK, &blank)
}

async fn add(State(console): State<Arc<Console>>, deed: Deed<Administrators, Typed>) -> Response {
    let Deed { mut seat, form } = deed;
    seat.page.here = PLACE;
    let (page, mut draft, book) = (&seat.page, Draft::of(form), console.accounts.book());
    let rule = page.t("1 to 32 letters, digits, - or _.", "1 至 32 位字母、数字、- 或 _。");
    let id = draft.read("id", rule, |text| is_app_id(text).then(|| text.to_owned()));
    if id.as_ref().is_some_and(|id| book.apps.contains_key(id.as_str())) {
        let rule = page.t("There is an app of that id already.", "该应用 ID 已存在。");
        draft.refuse("id", rule);
    }
    let change = read_settings(&mut draft, page, &book, id.as_deref().unwrap_or_default());
    let (Some(id), false) = (id, draft.is_wrong()) else {
        let trouble =
            page.t("Nothing was added: correct the marked fields.", "未新增：请更正标出的字段。");
        return page.answer(StatusCode::BAD_REQUEST, &tried(page, &draft, trouble));
    };
    let entry = |outcome| Entry {
        act: Act::AppAdded,
        about: App::about(&id),
        detail: draft.told(),
        outcome,
    };
    if let Err(page) = console.audit(&seat, entry(Outcome::Asked)).await {
        return page;
    }
    let made = make(&console, &id, &change).await;
    let outcome = made.as_ref().map_or_else(outcome_of, |_| Outcome::Done);
    if let Err(page) = console.audit(&seat, entry(outcome)).await {
        return page;
    }
    match made {
        Ok(key) => seat.made(
            (
                &page.f("App {0} was added", "应用 {0} 已新增", &[&id]),
                page.t(
                    "With this id and this key it may ask for the merchants that were named.",
                    "该应用凭此 ID 与密钥可代表所列商户发起请求。",
                ),
            ),
            &page.app_key(&id, 1, &key),
            &path(&id),
        ),
        Err(error) => match seat.troubled(seat.unchanged(&error), draft) {
            Ok((status, trouble, draft)) => {
                page.answer(status, &tried(page, &draft, &trouble.text))
            }
            Err(page) => page,
        },
    }
}

/// The form of a new app as it was sent.
fn tried<'a>(page: &'a Frame, draft: &'a Draft, trouble: &'a str) -> Blank<'a> {
    Blank { page, draft, trouble: Some(trouble), id: String::new(), mid: String::new() }
}

/// Adds an app, and answers its first key.
async fn make(console: &Console, id: &str, change: &AppChange) -> Result<AppKey, AccountError> {
    let AppChange { merchants, networks, msg_src } = change;
    let merchants = merchants.as_deref().unwrap_or_default();
    let networks = networks.as_deref().unwrap_or_default();
    let (accounts, dice) = (&console.accounts, &console.core.dice);
    if let Some(name) = msg_src.iter().flatten().next() {
        // Before the app is there, so that its key is not made in vain.
        accounts.book().may_be_named(id, name)?;
    }
    let (_, key) = accounts.add_app(Some(id), None, merchants, networks, dice).await?;
    if let Some(name) = msg_src.iter().flatten().next() {
        accounts.set_app(id, &AppChange::called(Some(name))).await?;
    }
    Ok(key)
}

/// For whom an app is to act, from where, and by what name.
fn read_settings(draft: &mut Draft, page: &Frame, book: &Book, id: &str) -> AppChange {
    let rule =
        page.t("At least one merchant number, one a line.", "至少填写一个商户号，每行一个。");
    let merchants = draft.read("merchants", rule, |text| {
        let mids: Option<Vec<Mid>> = lines(text).map(|line| Mid::parse(line).ok()).collect();
        mids.filter(|mids| (1..=limits::APP_LINES).contains(&mids.len())).map(once)
    });
    let unknown = |mid: &&Mid| !book.merchants.contains_key(*mid);
    if let Some(mid) = merchants.iter().flatten().find(unknown) {
        draft.refuse("merchants", page.f("There is no merchant {0}.", "没有商户 {0}。", &[mid]));
    }
    let rule = page.t(
        "Networks such as 10.0.0.0/8 or 2001:db8::/32, one a line; empty for anywhere.",
        "每行一个网段，例如 10.0.0.0/8 或 2001:db8::/32；留空表示不限。",
    );
    let networks = draft.optional("networks", rule, |text| {
        let networks: Option<Vec<IpNet>> = lines(text).map(network).collect();
        networks.filter(|networks| networks.len() <= limits::APP_LINES).map(once)
    });
    let rule = page.t("1 to 64 characters, or empty.", "1 至 64 个字符，可留空。");
    let msg_src = draft.optional("msg_src", rule, |text| Text::parse(text).ok());
    if let Some(name) = &msg_src
        && let Err(AccountError::Conflict { .. }) = book.may_be_named(id, name)
    {
        draft.refuse(
            "msg_src",
            page.t("Another app calls by that name.", "该来源已被其他应用使用。"),
        );
    }
    AppChange { merchants, networks: Some(networks.unwrap_or_default()), msg_src: Some(msg_src) }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A network; a plain address is one of itself.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The same without those that were named before.
fn once<T: PartialEq>(all: Vec<T>) -> Vec<T> {
    let mut found = Vec::with_capacity(all.len());
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn path(id: &str) -> String {
    format!("/apps/{id}")
}

#[derive(Template)]
#[template(path = "console/app.html")]
struct Show<'a> {
    page: &'a Frame,
    app: &'a App,
    mark: String,
    draft: &'a Draft,
    trouble: Option<&'a Trouble>,
    saved: bool,
    /// The merchants it may act for, with their names and whether they are frozen.
    merchants: Vec<(Mid, String, bool)>,
    keys: Vec<KeyRow>,
    may_change: bool,
}

impl Show<'_> {
    /// Where its forms go.
    fn here(&self) -> String {
        path(&self.app.id)
    }

    fn has_good_key(&self) -> bool {
        self.keys.iter().any(|key| key.good)
    }

    /// One a line, as they are typed.
    fn merchant_lines(&self) -> String {
        self.app.merchants.iter().map(Mid::as_str).collect::<Vec<_>>().join("\n")
    }

    fn network_lines(&self) -> String {
        self.app.networks.iter().map(IpNet::to_string).collect::<Vec<_>>().join("\n")
    }

    fn msg_src(&self) -> &str {
        self.app.msg_src.as_ref().map(Text::as_str).unwrap_or_default()
    }
}

/// Whether the page is looked at right after its form was carried out.
#[derive(serde::Deserialize)]
struct After {
    saved: Option<String>,
}

async fn show(
    mut seat: Seat,
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Query(after): Query<After>,
) -> Response {
    seat.page.here = PLACE;
    let Some(app) = App::find(&console.accounts.book(), &id) else { return seat.no_app() };
    let saved = after.saved.is_some();
    console.app(&seat, &app, (StatusCode::OK, None, Draft::default()), saved)
}

impl Console {
    /// The page of an app, with what became of a form.
    fn app<R: Rank>(
        &self,
        seat: &Seat<R>,
        app: &App,
        (status, trouble, draft): (StatusCode, Option<Trouble>, Draft),
        saved: bool,
    ) -> Response {
        let book = self.accounts.book();
        let merchants = app.merchants.iter().map(|mid| {
            let known = book.merchants.get(mid);
            let name = known.map(|known| known.name.to_string()).unwrap_or_default();
            (mid.clone(), name, known.is_some_and(|known| known.frozen.is_some()))
        });
        let show = Show {
            page: &seat.page,
            app,
            mark: app.mark.to_string(),
            draft: &draft,
            trouble: trouble.as_ref(),
            saved,
            merchants: merchants.collect(),
            keys: keys::rows(&app.keys, self.core.clock.wall()),
            may_change: seat.page.may(Role::Administrator),
        };
        seat.page.answer(status, &show)
    }
}

/// A form of an app's page; see the one of a merchant's.
async fn change(
    Path(id): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Administrators, Typed>,
) -> Response {
    let Deed { mut seat, form } = deed;
    seat.page.here = PLACE;
    let mut changing = Changing { console: &console, seat: &seat, id, draft: Draft::of(form) };
    let done = match changing.draft.text("form") {
        "settings" => changing.settings().await,
        "keys" => changing.rotate().await,
        "revoke" => changing.revoke().await,
        "freeze" => changing.freeze().await,
        "unfreeze" => changing.unfreeze().await,
        _ => return seat.bad_form(),
    };
    let Changing { id, draft, .. } = changing;
    let unchanged = match done {
        Ok(None) => return Redirect::to(&format!("{}?saved", path(&id))).into_response(),
        Ok(Some(page)) => return page,
        Err(unchanged) => unchanged,
    };
    let (status, trouble, draft) = match seat.troubled(unchanged, draft) {
        Ok(troubled) => troubled,
        Err(page) => return page,
    };
    let Some(app) = App::find(&console.accounts.book(), &id) else { return seat.no_app() };
    match draft.is_of("revoke") {
        // The page where it was asked, with what has to be ticked.
        true => console.revoking(&seat, &app, &draft, status),
        false => console.app(&seat, &app, (status, Some(trouble), draft), false),
    }
}

/// An app that is being changed by a form.
struct Changing<'a> {
    console: &'a Console,
    seat: &'a Seat<Administrators>,
    id: String,
    draft: Draft,
}

/// A page that shows a new key, if there is one.
type Done = Option<Response>;

impl Changing<'_> {
    async fn carry_out<T>(
        &self,
        act: Act,
        deed: impl Future<Output = Result<T, AccountError>>,
    ) -> Result<T, Unchanged> {
        self.console.change::<App, T>(self.seat, (&self.id, &self.draft), act, deed).await
    }

    async fn settings(&mut self) -> Result<Done, Unchanged> {
        let book = self.console.accounts.book();
        let change = read_settings(&mut self.draft, &self.seat.page, &book, &self.id);
        let deed = self.console.accounts.set_app(&self.id, &change);
        self.carry_out(Act::AppChanged, deed).await.map(|()| None)
    }

    async fn rotate(&mut self) -> Result<Done, Unchanged> {
        let (page, console, id) = (&self.seat.page, self.console, &self.id);
        let has_key = good_keys(console, id) > 0;
        let overlap = keys::overlap(&mut self.draft, page, has_key).unwrap_or_default();
        let (clock, dice) = (&console.core.clock, &console.core.dice);
        let deed = console.accounts.rotate_key(id, overlap, clock, dice);
        let key = self.carry_out(Act::KeyMade, deed).await?;
        let book = console.accounts.book();
        let number = book.apps.get(id.as_str()).and_then(|app| app.keys.first());
        let number = number.map_or(0, |key| key.number);
        Ok(Some(self.seat.made(
            (
                &page.f("Key {0} of app {1}", "应用 {1} 的密钥 {0}", &[&number, id]),
                page.t(
                    "Both keys are good until the old one ends: change the callers one by one before then.",
                    "旧密钥失效之前两个密钥均有效，请在此期间逐一更换调用方。",
                ),
            ),
            &page.app_key(id, number, &key),
            &path(id),
        )))
    }

    async fn revoke(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let rule = page.t("The number of a key.", "密钥序号。");
        let number = self.draft.read("number", rule, |text| text.parse().ok()).unwrap_or_default();
        let app = App::find(&self.console.accounts.book(), &self.id);
        let last = app.is_some_and(|app| is_last(self.console, &app, number));
        if last && !self.draft.ticked("sure") {
            let rule = page.t("Tick this if that is wanted.", "如确需如此请勾选。");
            self.draft.refuse("sure", rule);
        }
        let deed = self.console.accounts.revoke_key(&self.id, number);
        self.carry_out(Act::KeyEnded, deed).await.map(|()| None)
    }

    async fn freeze(&mut self) -> Result<Done, Unchanged> {
        let rule = self.seat.page.why_rule();
        let why = self.draft.read("why", rule, |text| Text::parse(text).ok());
        let frozen = Frozen { why };
        let deed = self.console.accounts.freeze_app(&self.id, Some(&frozen));
        self.carry_out(Act::AppChanged, deed).await.map(|()| None)
    }

    async fn unfreeze(&self) -> Result<Done, Unchanged> {
        let deed = self.console.accounts.freeze_app(&self.id, None);
        self.carry_out(Act::AppChanged, deed).await.map(|()| None)
    }
}

/// How many keys of an app are good now.
fn good_keys(console: &Console, id: &str) -> usize {
    let good = |app: &Arc<App>| {
        app.keys.iter().filter(|key| key.is_good(console.core.clock.wall())).count()
    };
    console.accounts.book().apps.get(id).map_or(0, good)
}

/// Whether no other key of the app is good.
fn is_last(console: &Console, app: &App, number: u32) -> bool {
    let good = |key: &&Key| key.number != number && key.is_good(console.core.clock.wall());
    app.keys.iter().find(good).is_none()
}

async fn revoke(
    mut seat: Seat<Administrators>,
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    seat.page.here = PLACE;
    let Some(app) = App::find(&console.accounts.book(), &id) else { return seat.no_app() };
    let draft = Draft::of(Typed::from([("number".to_owned(), which.number)]));
    console.revoking(&seat, &app, &draft, StatusCode::OK)
}

impl Console {
    /// The page that asks whether a key of an app is to be ended.
    fn revoking(
        &self,
        seat: &Seat<Administrators>,
        app: &App,
        draft: &Draft,
        status: StatusCode,
    ) -> Response {
        let page = &seat.page;
        let known = |key: &&Key| key.number.to_string() == draft.text("number");
        let Some(key) = app.keys.iter().find(known) else { return seat.no_key() };
        let last = is_last(self, app, key.number);
        let text = match last {
            true => page.t(
                "No other key of this app is good: every request of it is refused from now on, until it is given a new key.",
                "该应用没有其他有效密钥：停用后其所有请求都将被拒绝，直至生成新密钥。",
            ),
            false => page.t(
                "Requests that are signed with it, and tokens that were issued for it, are refused at once. Another key of this app stays good.",
                "以此密钥签名的请求及其签发的令牌将立即失效。该应用仍有其他有效密钥。",
            ),
        };
        let revoke = Revoke {
            page,
            draft,
            owner: app.id.to_string(),
            number: key.number,
            text: text.to_owned(),
            last,
            mark: app.mark.to_string(),
            to: path(&app.id),
        };
        page.answer(status, &revoke)
    }
}

impl<R: Rank> Seat<R> {
    fn no_app(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such app", "没有该应用"),
            self.page.t("The list of apps has all of them.", "请在应用列表中查找。"),
        )
    }
}

impl Frame {
    fn app_key(&self, id: &str, number: u32, key: &AppKey) -> [Secret; 2] {
        [
            Secret {
                label: self.t("App id (not secret)", "应用 ID（非机密）").to_owned(),
                variable: "HOLDFAST_APP_ID",
                value: id.to_owned(),
            },
            Secret {
                label: self.f("Key {0}", "密钥 {0}", &[&number]),
                variable: "HOLDFAST_APP_KEY",
                value: key.expose().to_owned(),
            },
        ]
    }

    /// From where an app may call, in short.
    pub(super) fn networks(&self, app: &App) -> String {
        match app.networks.as_slice() {
            [] => self.t("anywhere", "不限").to_owned(),
            [one] => one.to_string(),
            [first, rest @ ..] => format!("{first} +{}", rest.len()),
        }
    }

    /// The numbers of an app's keys, and until when the old ones are good.
    pub(super) fn key_list(&self, app: &App) -> String {
        let told = app.keys.iter().map(|key| match key.ends_at {
            None => key.number.to_string(),
            Some(at) => self.f("{0} (until {1})", "{0}（至 {1}）", &[&key.number, &self.time(&at)]),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}
