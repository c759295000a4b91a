//! Merchants: terminals, addresses, what they are told, limits, communication keys, freezing. And the list of merchants
//! and apps.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use holdfast_domain::{Amount, Mid, Text, Tid, yuan};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{NoticeKey, WebhookSecret},
};
use hyper::StatusCode;

use super::{
    Console, Seat,
    changes::{Record as _, Trouble, Unchanged, outcome_of},
    draft::{Draft, Typed},
    keys::{self, KeyRow, Revoke, Secret},
    seat::{Administrators, Deed, Frame, Rank},
};
use crate::{
    accounts::{
        AccountError, App, Book, DayTotal, Frozen, Limits, Merchant, MerchantChange, NoticeChange,
    },
    limits,
    notices::Topic,
    operators::{Act, Entry, Outcome, Role},
    outbound::Target,
    store::StoreFault,
};

pub(super) fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/merchants", get(list))
        .route("/add-merchant", get(blank).post(add))
        .route("/merchants/{mid}", get(show).post(change))
        .route("/merchants/{mid}/revoke", get(revoke))
}

/// A merchant of the list.
struct Row {
    merchant: Arc<Merchant>,
    /// What was asked for on this business day, in fen.
    asked: u128,
}

/// Part of a list in order.
struct Part<T> {
    found: Vec<T>,
    /// After which one the next part begins, if there is one.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/merchants.html")]
struct List<'a> {
    page: &'a Frame,
    looked_for: String,
    merchants: Part<Row>,
    apps: Part<Arc<App>>,
    may_change: bool,
}

async fn list(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let text = |name: &str| -> String {
        query.get(name).map(|text| text.trim().chars().take(64).collect()).unwrap_or_default()
    };
    let (looked_for, book) = (text("q"), console.accounts.book());
    let found = part(
        &text("after"),
        book.merchants.values().filter_map(|merchant| {
            let like =
                has(merchant.mid.as_str(), &looked_for) || has(merchant.name.as_str(), &looked_for);
            like.then(|| (merchant.mid.as_str(), merchant))
        }),
    );
    let apps = part(
        &text("apps_after"),
        book.apps.values().filter_map(|app| {
            let acts = app.merchants.iter().any(|mid| has(mid.as_str(), &looked_for));
            (has(&app.id, &looked_for) || acts).then(|| (&*app.id, app))
        }),
    );
    let mids: Vec<&Mid> = found.found.iter().map(|merchant| &merchant.mid).collect();
    let asked = match console.api.asked_today(&mids).await {
        Ok(asked) => asked,
        Err(fault) => return seat.broken(&fault),
    };
    let rows = found.found.iter().cloned().zip(asked);
    let rows = rows.map(|(merchant, asked)| Row { merchant, asked }).collect();
    let may_change = seat.page.may(Role::Administrator);
    let merchants = Part { found: rows, next: found.next };
    let list = List { page: &seat.page, looked_for, merchants, apps, may_change };
    seat.page.answer(StatusCode::OK, &list)
}

/// Whether a text has another one in it, in whatever case.
fn has(text: &str, looked_for: &str) -> bool {
    looked_for.is_empty() || text.to_lowercase().contains(&looked_for.to_lowercase())
}

/// The next of some records in the order of their ids.
fn part<'a, T: Clone + 'a>(after: &str, all: impl Iterator<Item = (&'a str, &'a T)>) -> Part<T> {
    let mut later: Vec<(&str, &T)> = all.filter(|(id, _)| *id > after).collect();
    later.sort_by_key(|(id, _)| *id);
    let more = later.len() > limits::ACCOUNTS_PAGE;
    later.truncate(limits::ACCOUNTS_PAGE);
    let next = later.last().filter(|_| more).map(|(id, _)| (*id).to_owned());
    Part { found: later.into_iter().map(|(_, one)| one.clone()).collect(), next }
}

#[derive(Template)]
#[template(path = "console/add_merchant.html")]
struct Blank<'a> {
    page: &'a Frame,
    draft: &'a Draft,
    trouble: Option<&'a str>,
}

async fn blank(mut seat: Seat<Administrators>) -> Response {
    seat.page.here = "/merchants";
    let blank = Blank { page: &seat.page, draft: &Draft::default(), trouble: None };
    seat.page.answer(StatusCode::OK, &blank)
}

async fn add(State(console): State<Arc<Console>>, deed: Deed<Administrators, Typed>) -> Response {
    let Deed { mut seat, form } = deed;
    seat.page.here = "/merchants";
    let (page, mut draft) = (&seat.page, Draft::of(form));
    let mid = draft.read("mid", page.mid_rule(), |text| Mid::parse(text).ok());
    let name = draft.read("name", page.name_rule(), |text| Text::parse(text).ok());
    if let Some(mid) = &mid
        && console.accounts.book().merchants.contains_key(mid)
    {
        let rule = page.t("There is a merchant of that number already.", "该商户号已存在。");
        draft.refuse("mid", rule);
    }
    let (Some(mid), Some(name), false) = (mid, name, draft.is_wrong()) else {
        let trouble =
            page.t("Nothing was added: correct the marked fields.", "未新增：请更正标出的字段。");
        let blank = Blank { page, draft: &draft, trouble: Some(trouble) };
        return page.answer(StatusCode::BAD_REQUEST, &blank);
    };
    let entry = |outcome| {
        let (act, about) = (Act::MerchantAdded, Merchant::about(mid.as_str()));
        Entry { act, about, detail: name.to_string(), outcome }
    };
    if let Err(page) = console.audit(&seat, entry(Outcome::Asked)).await {
        return page;
    }
    let made = make(&console, &mid, &name).await;
    let outcome = made.as_ref().map_or_else(outcome_of, |_| Outcome::Done);
    if let Err(page) = console.audit(&seat, entry(outcome)).await {
        return page;
    }
    match made {
        Ok(key) => seat.made(
            (
                &page.f("Merchant {0} was added", "商户 {0} 已新增", &[&mid]),
                page.t(
                    "This is its communication key: its notices are signed with it. Next, add an app that may act for it.",
                    "以下为该商户的通讯密钥，用于通知签名。接下来请新增可代表该商户的应用。",
                ),
            ),
            &[page.notice_key(1, &key)],
            &path(&mid),
        ),
        Err(error) => match seat.troubled(seat.unchanged(&error), draft) {
            Ok((status, trouble, draft)) => {
                let blank = Blank { page, draft: &draft, trouble: Some(&trouble.text) };
                page.answer(status, &blank)
            }
            Err(page) => page,
        },
    }
}

/// Adds a merchant with its first communication key.
async fn make(console: &Console, mid: &Mid, name: &Text<64>) -> Result<NoticeKey, AccountError> {
    let (accounts, core) = (&console.accounts, &console.core);
    match accounts.make_merchant(mid, name).await? {
        true => accounts.rotate_notice_key(mid, None, 0, &core.clock, &core.dice).await,
        // Somebody else was faster: theirs stays as it is.
        false => Err(AccountError::Stale),
    }
}

fn path(mid: &Mid) -> String {
    format!("/merchants/{mid}")
}

#[derive(Template)]
#[template(path = "console/merchant.html")]
struct Show<'a> {
    page: &'a Frame,
    merchant: &'a Merchant,
    mark: String,
    draft: &'a Draft,
    trouble: Option<&'a Trouble>,
    /// Whether a form was carried out just now.
    saved: bool,
    /// What was asked for on this business day, in fen.
    asked: u128,
    /// The apps that may act for it, the first of them by id, and how many more there are.
    apps: (Vec<Arc<App>>, usize),
    keys: Vec<KeyRow>,
    may_change: bool,
}

impl Show<'_> {
    /// Where its forms go.
    fn here(&self) -> String {
        path(&self.merchant.mid)
    }

    /// Each topic: whether it is told, its word, and what it means.
    fn topics(&self) -> Vec<(bool, &'static str, &str)> {
        let told = |topic: &Topic| self.merchant.notices.notify_on.contains(topic);
        Topic::ALL
            .iter()
            .map(|topic| (told(topic), topic.word(), self.page.topic(*topic)))
            .collect()
    }

    /// How much of the day's limit is used, in percent.
    fn used_percent(&self, most: &DayTotal) -> u128 {
        let percent = self.asked.saturating_mul(100).checked_div(u128::from(most.fen()));
        percent.unwrap_or_default().min(100)
    }

    fn has_good_key(&self) -> bool {
        self.keys.iter().any(|key| key.good)
    }

    /// A limit as it is typed.
    fn bill_max(&self) -> String {
        self.merchant.limits.bill.map(|most| yuan(most.fen().into())).unwrap_or_default()
    }

    fn day_max(&self) -> String {
        self.merchant.limits.day.map(|most| yuan(most.fen().into())).unwrap_or_default()
    }

    fn url(&self) -> &str {
        self.merchant.notices.url.as_ref().map(Url::as_str).unwrap_or_default()
    }
}

/// Whether the page is looked at right after its form was carried out.
#[derive(serde::Deserialize)]
struct After {
    saved: Option<String>,
}

async fn show(
    seat: Seat,
    State(console): State<Arc<Console>>,
    Path(mid): Path<String>,
    Query(after): Query<After>,
) -> Response {
    let Some(merchant) = Merchant::find(&console.accounts.book(), &mid) else {
        return seat.no_merchant();
    };
    let saved = after.saved.is_some();
    console.merchant(&seat, &merchant, (StatusCode::OK, None, Draft::default()), saved).await
}

impl Console {
    /// The page of a merchant, with what became of a form.
    async fn merchant<R: Rank>(
        &self,
        seat: &Seat<R>,
        merchant: &Merchant,
        (status, trouble, draft): (StatusCode, Option<Trouble>, Draft),
        saved: bool,
    ) -> Response {
        let read: Result<_, StoreFault> = self.api.asked_today(&[&merchant.mid]).await;
        let asked = match read {
            Ok(asked) => asked.first().copied().unwrap_or_default(),
            Err(fault) => return seat.broken(&fault),
        };
        let show = Show {
            page: &seat.page,
            merchant,
            mark: merchant.mark.to_string(),
            draft: &draft,
            trouble: trouble.as_ref(),
            saved,
            asked,
            apps: apps_of(&self.accounts.book(), &merchant.mid),
            keys: keys::rows(&merchant.notices.keys, self.core.clock.wall()),
            may_change: seat.page.may(Role::Administrator),
        };
        seat.page.answer(status, &show)
    }
}

/// The apps that may act for a merchant.
fn apps_of(book: &Book, mid: &Mid) -> (Vec<Arc<App>>, usize) {
    let of_it = book.apps.values().filter(|app| app.merchants.contains(mid));
    let mut apps: Vec<Arc<App>> = of_it.cloned().collect();
    apps.sort_by(|one, other| one.id.cmp(&other.id));
    let more = apps.len().saturating_sub(limits::MERCHANT_APPS_SHOWN);
    apps.truncate(limits::MERCHANT_APPS_SHOWN);
    (apps, more)
}

/// A form of a merchant's page. They all go to the address of the page, and the field `form` says which one it is: so
/// the address of the answer is that of a page that can be opened again.
async fn change(
    Path(mid): Path<String>,
    State(console): State<Arc<Console>>,
    deed: Deed<Administrators, Typed>,
) -> Response {
    let Deed { seat, form } = deed;
    let Ok(mid) = Mid::parse(&mid) else { return seat.no_merchant() };
    let mut changing = Changing { console: &console, seat: &seat, mid, draft: Draft::of(form) };
    let done = match changing.draft.text("form") {
        "settings" => changing.settings().await,
        "terminal" => changing.terminal().await,
        "no-terminal" => changing.no_terminal().await,
        "only-terminals" => changing.only_terminals().await,
        "notices" => changing.notices().await,
        "webhooks" => changing.webhooks().await,
        "keys" => changing.rotate().await,
        "revoke" => changing.revoke().await,
        "freeze" => changing.freeze().await,
        "unfreeze" => changing.unfreeze().await,
        _ => return seat.bad_form(),
    };
    let Changing { mid, draft, .. } = changing;
    let unchanged = match done {
        Ok(Done::Saved) => return Redirect::to(&format!("{}?saved", path(&mid))).into_response(),
        Ok(Done::Made(page)) => return page,
        Err(unchanged) => unchanged,
    };
    let (status, trouble, draft) = match seat.troubled(unchanged, draft) {
        Ok(troubled) => troubled,
        Err(page) => return page,
    };
    match Merchant::find(&console.accounts.book(), mid.as_str()) {
        Some(merchant) => {
            console.merchant(&seat, &merchant, (status, Some(trouble), draft), false).await
        }
        None => seat.no_merchant(),
    }
}

/// What a form did.
enum Done {
    /// What it says.
    Saved,
    /// It made a secret, which this page shows.
    Made(Response),
}

/// A merchant that is being changed by a form.
struct Changing<'a> {
    console: &'a Console,
    seat: &'a Seat<Administrators>,
    mid: Mid,
    draft: Draft,
}

impl Changing<'_> {
    async fn carry_out<T>(
        &self,
        act: Act,
        deed: impl Future<Output = Result<T, AccountError>>,
    ) -> Result<T, Unchanged> {
        self.console
            .change::<Merchant, T>(self.seat, (self.mid.as_str(), &self.draft), act, deed)
            .await
    }

    async fn set(&self, change: &MerchantChange) -> Result<Done, Unchanged> {
        let deed = self.console.accounts.set_merchant(&self.mid, change);
        self.carry_out(Act::MerchantChanged, deed).await.map(|()| Done::Saved)
    }

    async fn settings(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let name = self.draft.read("name", page.name_rule(), |text| Text::parse(text).ok());
        let rule = page.t(
            "A sum in yuan from 0.01 to 1000000, such as 5000 or 5000.00; empty for no limit.",
            "0.01 至 1000000 元，例如 5000 或 5000.00；留空表示不限。",
        );
        let bill_max = self.draft.optional("bill_max", rule, Amount::from_yuan);
        let rule = page.t(
            "A sum in yuan from 0.01 to 100000000000, such as 200000; empty for no limit.",
            "0.01 至 100000000000 元，例如 200000；留空表示不限。",
        );
        let day_max = self.draft.optional("day_max", rule, DayTotal::from_yuan);
        let change = MerchantChange {
            name,
            bill_max: Some(bill_max),
            day_max: Some(day_max),
            ..MerchantChange::default()
        };
        self.set(&change).await
    }

    async fn terminal(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let tid = self.draft.read("tid", page.mid_rule(), |text| Tid::parse(text).ok());
        let rule = page.t("At most 64 characters, or empty.", "最多 64 个字符，可留空。");
        let label = self.draft.optional("label", rule, |text| Text::parse(text).ok());
        let terminals = tid.into_iter().map(|tid| (tid, label.clone())).collect();
        self.set(&MerchantChange { terminals, ..MerchantChange::default() }).await
    }

    async fn no_terminal(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let tid = self.draft.read("tid", page.mid_rule(), |text| Tid::parse(text).ok());
        let no_terminals = tid.into_iter().collect();
        self.set(&MerchantChange { no_terminals, ..MerchantChange::default() }).await
    }

    async fn only_terminals(&self) -> Result<Done, Unchanged> {
        let only_terminals = Some(self.draft.ticked("only"));
        self.set(&MerchantChange { only_terminals, ..MerchantChange::default() }).await
    }

    async fn notices(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let rule = page.t(
            "An address that begins with http:// or https://, without a user or a password, at most 1024 characters; or empty.",
            "以 http:// 或 https:// 开头、不含用户名和密码、最多 1024 个字符的地址，可留空。",
        );
        let read = |text: &str| Url::parse(text).ok().filter(|_| Target::parse(text).is_ok());
        let url = self.draft.optional("url", rule, read);
        let rule = page.t("Choose one of them.", "请选择其一。");
        let sign_type = self.draft.read("sign_type", rule, |text| SignType::parse(text).ok());
        let topics = Topic::ALL.iter().copied();
        let change = NoticeChange {
            url: Some(url),
            sign_type,
            notify_on: Some(topics.filter(|topic| self.draft.ticked(topic.word())).collect()),
            webhooks: None,
            versions: Some(self.draft.ticked("versions")),
        };
        let deed = self.console.accounts.set_notices(&self.mid, change, &self.console.core.dice);
        self.carry_out(Act::MerchantChanged, deed).await.map(|_| Done::Saved)
    }

    async fn webhooks(&mut self) -> Result<Done, Unchanged> {
        let on = self.draft.ticked("on");
        let page = &self.seat.page;
        let book = self.console.accounts.book();
        let has =
            book.merchants.get(&self.mid).is_some_and(|known| known.notices.webhooks.is_some());
        if has && !self.draft.ticked("sure") {
            self.draft.refuse(
                "sure",
                page.t(
                    "The receiver can no longer check the second signature until it was changed as well: tick this if that is wanted.",
                    "接收方在同步更改之前将无法验证第二签名，如确需如此请勾选。",
                ),
            );
        }
        let change = NoticeChange { webhooks: Some(on), ..NoticeChange::default() };
        let act = if on { Act::KeyMade } else { Act::MerchantChanged };
        let deed = self.console.accounts.set_notices(&self.mid, change, &self.console.core.dice);
        match self.carry_out(act, deed).await? {
            None => Ok(Done::Saved),
            Some(secret) => Ok(Done::Made(self.seat.made(
                (
                    &page.f("Webhook secret of merchant {0}", "商户 {0} 的 Webhook 密钥", &[&self.mid]),
                    page.t(
                        "From now on notices carry a second signature in headers, as Standard Webhooks has it.",
                        "此后的通知在请求头中附带符合 Standard Webhooks 的第二签名。",
                    ),
                ),
                &[page.webhook_secret(&secret)],
                &path(&self.mid),
            ))),
        }
    }

    async fn rotate(&mut self) -> Result<Done, Unchanged> {
        let (page, console, mid) = (&self.seat.page, self.console, &self.mid);
        let good = |merchant: &Arc<Merchant>| {
            merchant.notices.keys.iter().any(|key| key.is_good(console.core.clock.wall()))
        };
        let has_key = console.accounts.book().merchants.get(mid).is_some_and(good);
        let overlap = keys::overlap(&mut self.draft, page, has_key).unwrap_or_default();
        let (clock, dice) = (&console.core.clock, &console.core.dice);
        let deed = console.accounts.rotate_notice_key(mid, None, overlap, clock, dice);
        let key = self.carry_out(Act::KeyMade, deed).await?;
        let book = console.accounts.book();
        let number = book.merchants.get(mid).and_then(|known| known.notices.keys.first());
        let number = number.map_or(0, |key| key.number);
        Ok(Done::Made(self.seat.made(
            (
                &page.f("Communication key {0} of merchant {1}", "商户 {1} 的通讯密钥 {0}", &[&number, mid]),
                page.t(
                    "It signs the merchant's notices from now on: the merchant's receiver has to know it before it can believe them.",
                    "自现在起通知以此密钥签名，商户的接收程序须先配置此密钥才能验签通过。",
                ),
            ),
            &[page.notice_key(number, &key)],
            &path(mid),
        )))
    }

    async fn revoke(&mut self) -> Result<Done, Unchanged> {
        let rule = self.seat.page.t("The number of a key.", "密钥序号。");
        let number = self.draft.read("number", rule, |text| text.parse().ok());
        let deed = self.console.accounts.revoke_notice_key(&self.mid, number.unwrap_or_default());
        self.carry_out(Act::KeyEnded, deed).await.map(|()| Done::Saved)
    }

    async fn freeze(&mut self) -> Result<Done, Unchanged> {
        let page = &self.seat.page;
        let why = self.draft.read("why", page.why_rule(), |text| Text::parse(text).ok());
        let frozen = Frozen { why };
        let deed = self.console.accounts.freeze(&self.mid, Some(&frozen));
        self.carry_out(Act::MerchantFrozen, deed).await.map(|()| Done::Saved)
    }

    async fn unfreeze(&self) -> Result<Done, Unchanged> {
        let deed = self.console.accounts.freeze(&self.mid, None);
        self.carry_out(Act::MerchantThawed, deed).await.map(|()| Done::Saved)
    }
}

/// Which key is to be ended.
#[derive(serde::Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    pub(super) number: String,
}

async fn revoke(
    seat: Seat<Administrators>,
    State(console): State<Arc<Console>>,
    Path(mid): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    let page = &seat.page;
    let book = console.accounts.book();
    let Some(merchant) = Merchant::find(&book, &mid) else { return seat.no_merchant() };
    let known = |key: &&crate::accounts::Key<NoticeKey>| key.number.to_string() == which.number;
    let Some(key) = merchant.notices.keys.iter().skip(1).find(known) else {
        return seat.no_key();
    };
    let revoke = Revoke {
        page,
        draft: &Draft::default(),
        owner: merchant.mid.to_string(),
        number: key.number,
        text: page.t(
            "What the merchant signs with it is refused at once. Notices are not touched: a newer key signs them.",
            "商户以此密钥签名的请求将立即被拒绝。通知由新密钥签名，不受影响。",
        ).to_owned(),
        last: false,
        mark: merchant.mark.to_string(),
        to: path(&merchant.mid),
    };
    page.answer(StatusCode::OK, &revoke)
}

impl<R: Rank> Seat<R> {
    pub(super) fn no_merchant(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such merchant", "没有该商户"),
            self.page.t("The list of merchants has all of them.", "请在商户列表中查找。"),
        )
    }

    pub(super) fn no_key(&self) -> Response {
        self.told(
            StatusCode::NOT_FOUND,
            self.page.t("There is no such key to end", "没有可停用的此密钥"),
            self.page.t(
                "It was ended already, or it is the one that signs: replace that one first.",
                "该密钥已停用，或正在用于签名；签名中的密钥请先更换。",
            ),
        )
    }
}

impl Frame {
    pub(super) fn mid_rule(&self) -> &'static str {
        self.t("1 to 32 letters, digits, - _ .", "1 至 32 位字母、数字或 - _ .")
    }

    fn name_rule(&self) -> &'static str {
        self.t("1 to 64 characters.", "1 至 64 个字符。")
    }

    pub(super) fn why_rule(&self) -> &'static str {
        self.t("Say why, in 1 to 200 characters.", "请填写原因，1 至 200 个字符。")
    }

    fn notice_key(&self, number: u32, key: &NoticeKey) -> Secret {
        Secret {
            label: self.f("Communication key {0}", "通讯密钥 {0}", &[&number]),
            variable: "HOLDFAST_NOTICE_KEY",
            value: key.expose().to_owned(),
        }
    }

    fn webhook_secret(&self, secret: &WebhookSecret) -> Secret {
        Secret {
            label: self.t("Webhook secret", "Webhook 密钥").to_owned(),
            variable: "HOLDFAST_WEBHOOK_SECRET",
            value: secret.expose().to_owned(),
        }
    }

    /// What a merchant is told of by a topic.
    fn topic(&self, topic: Topic) -> &'static str {
        let (en, zh) = match topic {
            Topic::Capture => ("held money was taken", "预授权完成"),
            Topic::Release => (
                "a hold was given up, or money that came too late went back",
                "预授权撤销，或迟到资金已退回",
            ),
            Topic::Reversal => ("a capture was undone", "预授权完成撤销"),
            Topic::Refund => ("taken money was given back", "退款"),
            Topic::Expiry => ("a hold ran out and went back by itself", "预授权到期自动解冻"),
            Topic::Expiring => ("a hold is about to run out", "预授权即将到期"),
            Topic::Close => ("an unpaid bill was closed or ran out", "账单未付即关闭或超时"),
            Topic::Guarantee => ("a guarantee was completed or given up", "担保完成、担保撤销"),
            Topic::Split => ("a payment was divided afterwards", "支付后分账"),
        };
        self.t(en, zh)
    }

    /// Until when a key is good, or that it is the one in use.
    pub(super) fn key_state(&self, key: &KeyRow) -> (&'static str, String) {
        match key.ends_at {
            None => ("good", self.t("in use", "使用中").to_owned()),
            Some(at) if key.good => {
                ("warn", self.f("good until {0}", "{0} 前有效", &[&self.time(&at)]))
            }
            Some(at) => ("", self.f("ended {0}", "已于 {0} 失效", &[&self.time(&at)])),
        }
    }

    /// How a merchant's limits are used, in short.
    fn limits(&self, limits: &Limits, asked: &u128) -> String {
        let asked = i128::try_from(*asked).unwrap_or(i128::MAX);
        match limits.day {
            None => self.yuan(asked),
            Some(most) => {
                self.f("{0} of {1}", "{0}，限额 {1}", &[&self.yuan(asked), &self.yuan(most.fen())])
            }
        }
    }
}
