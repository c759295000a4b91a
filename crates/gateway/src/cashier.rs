//! The payer's cashier (收银台): what a QR code opens in a browser.
//!
//! With what to pay, then the six digits, then what became of it. Every page is an address that can be read again, and every
//! form is answered with the way to one, so that reloading and going back never pay twice. The cashier remembers nothing:
//! what a page tells is what the bill says, whoever confirmed it.
//!
//! It stands before channels that have no cashier of their own. Today that is the simulated one, in the test environment.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form, Router,
    extract::{
        DefaultBodyLimit, FromRequestParts, Query, Request, State, rejection::FormRejection,
    },
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use holdfast_domain::{Amount, Bill, CodeId, Kind, Mid, Text};
use hyper::{HeaderMap, StatusCode, header, http::request::Parts};
use serde::Deserialize;

use crate::{
    accounts::Accounts,
    api::{
        Api, only_read,
        payer::{Checks, Confirmed, Obstacle},
        sim,
    },
    channel::Scenario,
    codes::{Coded, FixedCode},
    limits,
    pages::{self, Sheet, is_foreign},
    store::StoreFault,
    submit::Core,
};
use life::{Failure, Lifeline};
use means::{Means, Offer, Proof, Wrong};
use till::{Ahead, Rehearsal, Till};
use words::Told;

mod life;
mod means;
mod till;
mod words;

/// What the cashier's pages take.
pub(crate) struct Cashier {
    pub(crate) core: Arc<Core>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) api: Arc<Api>,
}

/// The pages, if there is a channel that needs them; they stand beside the protocol.
pub(crate) fn router(cashier: Arc<Cashier>) -> Router {
    if cashier.api.simulated().is_err() {
        return Router::new();
    }
    let api = cashier.api.clone();
    let elsewhere = move |request| only_read(State(api.clone()), request);
    let forms = Router::new()
        .route("/bills/confirm", get(ask_confirmation).post(confirm))
        .route("/bills/scan", post(scan))
        .route("/bills/decline", post(decline))
        .route("/bills/scenario", post(rehearse))
        .route("/bills/clock", post(advance))
        .layer(DefaultBodyLimit::max(limits::CASHIER_FORM))
        .layer(from_fn(only_ours));
    Router::new()
        .route("/bills/qrCode.do", get(open).fallback(elsewhere))
        .merge(forms)
        .merge(pages::assets())
        .with_state(cashier)
}

/// What the address of a page says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    id: String,
    through: String,
    card: String,
    told: String,
}

/// Somebody with a code.
struct Visit {
    page: Sheet,
    asked: Asked,
}

impl FromRequestParts<Arc<Cashier>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, at: &Arc<Cashier>) -> Result<Self, Response> {
        let Ok(page) = Sheet::from_request_parts(parts, at).await;
        let page = page.in_folder();
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self { page, asked }),
            Err(_) => Err(Told::unreadable(&page).answer(&Till::bare(page))),
        }
    }
}

/// The page of a code, for whoever looks and may pay.
#[derive(Template)]
#[template(path = "cashier/bill.html")]
struct BillPage<'a> {
    page: &'a Till,
    code: &'a CodeId,
    payee: &'a str,
    description: Option<&'a str>,
    kind: Kind,
    amount: String,
    /// What will happen, in a sentence.
    what: String,
    until: String,
    offer: Offer,
    /// How the last try ended, if there was one.
    failed: Option<Failure>,
    lost: Option<&'a str>,
    way_back: Option<String>,
}

/// The page of a fixed code: nobody has made a bill with it yet.
#[derive(Template)]
#[template(path = "cashier/fixed.html")]
struct FixedPage<'a> {
    page: &'a Till,
    code: &'a CodeId,
    payee: &'a str,
    description: Option<&'a str>,
    amount: Option<String>,
    /// Whether the payer says how much.
    asks: bool,
    what: String,
    typed: &'a str,
    wrong: Option<&'a str>,
}

/// The last step: the six digits.
#[derive(Template)]
#[template(path = "cashier/confirm.html")]
struct ConfirmPage<'a> {
    page: &'a Till,
    code: &'a CodeId,
    payee: &'a str,
    kind: Kind,
    amount: String,
    what: String,
    means: &'a Means,
    checks: Checks,
    failed: Option<Failure>,
    given: &'a Given,
    wrong: Wrong,
}

/// What became of a bill that was paid.
#[derive(Template)]
#[template(path = "cashier/life.html")]
struct LifePage<'a> {
    page: &'a Till,
    payee: &'a str,
    description: Option<&'a str>,
    life: Lifeline,
    faster: bool,
    way_back: Option<String>,
}

/// What somebody sends to confirm.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    digits: String,
    name: String,
    certificate: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HowMuch {
    amount: String,
}

#[derive(Deserialize)]
struct Rehearsed {
    scenario: String,
}

#[derive(Deserialize)]
struct Moved {
    ahead: String,
}

type Sent<T> = Result<Form<T>, FormRejection>;

/// Refuses forms that another page sends in the payer's name.
async fn only_ours(page: Sheet, request: Request, next: Next) -> Response {
    if request.method() == hyper::Method::POST && is_foreign(request.headers()) {
        let page = page.in_folder();
        return Told::foreign(&page).answer(&Till::bare(page));
    }
    next.run(request).await
}

/// One address for people and for programs: whoever names HTML gets a page.
async fn open(State(cashier): State<Arc<Cashier>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let mut response = match wants_a_page(&parts.headers) {
        false => sim::linked(cashier.api.clone(), &parts.uri).await,
        true => match Visit::from_request_parts(&mut parts, &cashier).await {
            Ok(visit) => cashier.show(visit).await,
            Err(response) => response,
        },
    };
    response.headers_mut().append(header::VARY, header::HeaderValue::from_static("Accept"));
    response
}

fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

async fn ask_confirmation(State(cashier): State<Arc<Cashier>>, visit: Visit) -> Response {
    let (bill, means) = match cashier.chosen(&visit).await {
        Ok(chosen) => chosen,
        Err(elsewhere) => return elsewhere,
    };
    cashier.confirm_page(visit, &bill, &means, &Given::default(), Wrong::default()).await
}

/// The payer confirms.
async fn confirm(State(cashier): State<Arc<Cashier>>, visit: Visit, form: Sent<Given>) -> Response {
    let Ok(Form(given)) = form else { return visit.unreadable() };
    let (bill, means) = match cashier.chosen(&visit).await {
        Ok(chosen) => chosen,
        Err(elsewhere) => return elsewhere,
    };
    let checks = match cashier.api.checks(&bill) {
        Ok(checks) => checks,
        Err(obstacle) => return cashier.told(visit, &obstacle),
    };
    let proof =
        match Proof::read(&visit.page, &given.digits, &given.name, &given.certificate, checks) {
            Ok(proof) => proof,
            Err(wrong) => return cashier.confirm_page(visit, &bill, &means, &given, wrong).await,
        };
    let code = bill.terms.code.clone();
    if !proof.is_right() {
        let reason =
            Text::parse(means::WRONG_DIGITS).expect("short and without control characters");
        return match cashier.api.decline(code.as_str(), reason).await {
            Ok(_) => visit.to_confirm(&means),
            Err(obstacle) => cashier.after(visit, obstacle),
        };
    }
    // On its own, so that a payer who closes the browser does not stop half-way what has begun.
    let (api, shown) = (cashier.api.clone(), proof.shown(&means));
    let work = tokio::spawn(async move { api.confirm(code.as_str(), shown).await });
    let done = work.await.unwrap_or_else(|error| Err(StoreFault::new(error).into()));
    match done {
        Ok(Confirmed::Done(_) | Confirmed::OnItsWay) => visit.to_code(""),
        Err(obstacle) => cashier.after(visit, obstacle),
    }
}

/// The payer takes a fixed code, and says how much where it has to: a bill is made, which can be looked at and confirmed.
async fn scan(State(cashier): State<Arc<Cashier>>, visit: Visit, form: Sent<HowMuch>) -> Response {
    let Ok(Form(HowMuch { amount: typed })) = form else { return visit.unreadable() };
    let fixed = match cashier.api.coded(&visit.asked.id).await {
        Ok(Coded::Fixed(fixed)) => fixed,
        Ok(Coded::Bill(_)) => return visit.to_code(""),
        Err(obstacle) => return cashier.told(visit, &obstacle),
    };
    let amount = match payer_says(&fixed) {
        false => None,
        true => match Amount::from_yuan(&typed) {
            Some(amount) => Some(amount),
            None => return cashier.fixed_page(visit, &fixed, Some(&typed)),
        },
    };
    match cashier.api.scan(&visit.asked.id, amount).await {
        Ok(bill) => to(&bill.terms.code, ""),
        Err(obstacle) => cashier.told(visit, &obstacle),
    }
}

/// The payer says no.
async fn decline(State(cashier): State<Arc<Cashier>>, visit: Visit) -> Response {
    let reason = Text::parse(sim::DECLINED).expect("short and without control characters");
    match cashier.api.decline(&visit.asked.id, reason).await {
        Ok(_) => visit.to_code(""),
        Err(obstacle) => cashier.after(visit, obstacle),
    }
}

/// Somebody who tries an integration out says how the channel is to behave towards this bill.
async fn rehearse(
    State(cashier): State<Arc<Cashier>>,
    visit: Visit,
    form: Sent<Rehearsed>,
) -> Response {
    let chosen = form.ok().and_then(|Form(form)| Scenario::parse(&form.scenario));
    let Some(scenario) = chosen else { return visit.unreadable() };
    let bill = match cashier.api.coded(&visit.asked.id).await {
        Ok(Coded::Bill(bill)) => bill,
        Ok(Coded::Fixed(_)) => return visit.to_code(""),
        Err(obstacle) => return cashier.told(visit, &obstacle),
    };
    let Some(operation) = till::operation(&bill).filter(|of| scenario.applies_to(*of)) else {
        return visit.unreadable();
    };
    let (number, wanted) =
        (bill.key.no.as_str(), (scenario != Scenario::Approve).then_some(scenario));
    let set = match cashier.api.simulated() {
        Ok(simulated) => simulated.set(Some(operation), Some(number), wanted).await,
        Err(obstacle) => return cashier.told(visit, &obstacle),
    };
    match set {
        Ok(true) => visit.to_code(""),
        Ok(false) => Told::too_many_scenarios(&visit.page).answer(&Till::bare(visit.page)),
        Err(fault) => cashier.told(visit, &fault.into()),
    }
}

/// Somebody who tries an integration out lets time pass.
async fn advance(State(cashier): State<Arc<Cashier>>, visit: Visit, form: Sent<Moved>) -> Response {
    let Some(ahead) = form.ok().and_then(|Form(form)| Ahead::parse(&form.ahead)) else {
        return visit.unreadable();
    };
    match cashier.api.advance_clock(ahead.ms()).await {
        Ok(()) => visit.to_code(""),
        Err(fault) => cashier.told(visit, &fault.into()),
    }
}

/// Whether the payer says how much a fixed code is about.
fn payer_says(fixed: &FixedCode) -> bool {
    fixed.amount().is_none() && fixed.terms.pay_info_query_addr.is_none()
}

/// The way to a code's page.
fn to(code: &CodeId, told: &str) -> Response {
    Redirect::to(&format!("qrCode.do?id={code}{told}")).into_response()
}

impl Visit {
    /// The way to the page of the visit's code; `told` begins with `&`, or is empty.
    fn to_code(&self, told: &str) -> Response {
        let id = pages::in_address(&self.asked.id);
        Redirect::to(&format!("qrCode.do?id={id}{told}")).into_response()
    }

    /// The way to the last step.
    fn to_confirm(&self, means: &Means) -> Response {
        let id = pages::in_address(&self.asked.id);
        Redirect::to(&format!("confirm?id={id}&{}", means.query())).into_response()
    }

    fn unreadable(self) -> Response {
        Told::unreadable(&self.page).answer(&Till::bare(self.page))
    }
}

impl Cashier {
    /// The page of a code, whatever it stands for.
    async fn show(&self, visit: Visit) -> Response {
        let bill = match self.api.coded(&visit.asked.id).await {
            Ok(Coded::Bill(bill)) => bill,
            Ok(Coded::Fixed(fixed)) => return self.fixed_page(visit, &fixed, None),
            Err(obstacle) => return self.told(visit, &obstacle),
        };
        match self.ready(&bill).await {
            Ok(()) => self.bill_page(visit, &bill).await,
            Err(Obstacle::Paid) => self.life_page(visit, &bill).await,
            Err(obstacle) => self.told_of(visit, &bill, &obstacle),
        }
    }

    /// Why a bill cannot be paid now, if it cannot.
    async fn ready(&self, bill: &Bill) -> Result<(), Obstacle> {
        self.api.payable(bill)?;
        self.api.still_offered(bill).await
    }

    /// The bill that somebody is about to confirm, and with what. Otherwise the way to the page that says how it is.
    async fn chosen(&self, visit: &Visit) -> Result<(Bill, Means), Response> {
        let Ok(Coded::Bill(bill)) = self.api.coded(&visit.asked.id).await else {
            return Err(visit.to_code(""));
        };
        if let Err(obstacle) = self.ready(&bill).await {
            // Somebody else was faster, perhaps; the page tells.
            let paid = matches!(obstacle, Obstacle::Paid);
            return Err(visit.to_code(if paid { FASTER } else { "" }));
        }
        let means = Offer::of(&visit.page, &bill).chosen(&visit.asked.through, &visit.asked.card);
        means.map(|means| (*bill, means)).ok_or_else(|| visit.to_code(""))
    }

    /// Where a payer goes whose step did nothing.
    fn after(&self, visit: Visit, obstacle: Obstacle) -> Response {
        match obstacle {
            Obstacle::Paid => visit.to_code(FASTER),
            Obstacle::Lost => visit.to_code("&told=lost"),
            Obstacle::Crowded => visit.to_code("&told=crowded"),
            // The bill itself says so.
            Obstacle::Refused(_) | Obstacle::Closed | Obstacle::Over | Obstacle::OnItsWay => {
                visit.to_code("")
            }
            other => self.told(visit, &other),
        }
    }

    fn told(&self, visit: Visit, obstacle: &Obstacle) -> Response {
        Told::of(&visit.page, obstacle).answer(&Till::bare(visit.page))
    }

    fn told_of(&self, visit: Visit, bill: &Bill, obstacle: &Obstacle) -> Response {
        let told = Told::of(&visit.page, obstacle);
        let told = told.by(self.payee(&bill.key.mid), self.way_back(bill));
        told.answer(&self.till(visit.page, &bill.terms.code, Some(bill)))
    }

    async fn bill_page(&self, visit: Visit, bill: &Bill) -> Response {
        let failed = match self.failed(bill).await {
            Ok(failed) => failed,
            Err(fault) => return self.told(visit, &fault.into()),
        };
        let (lost, what) =
            (words::lost(&visit.page, &visit.asked.told), self.what(&visit.page, bill));
        let page = self.till(visit.page, &bill.terms.code, Some(bill));
        let payee = self.payee(&bill.key.mid);
        page.answer(
            StatusCode::OK,
            &BillPage {
                page: &page,
                code: &bill.terms.code,
                payee: &payee,
                description: bill.terms.details.description.as_ref().map(Text::as_str),
                kind: bill.terms.kind,
                amount: words::sum(bill.terms.amount),
                what,
                until: page.time(&bill.terms.expires_at),
                offer: Offer::of(&page, bill),
                // Where somebody is told just now how it ended, an older end would only confuse.
                failed: failed.filter(|_| lost.is_none()),
                lost,
                way_back: self.way_back(bill),
            },
        )
    }

    async fn confirm_page(
        &self,
        visit: Visit,
        bill: &Bill,
        means: &Means,
        given: &Given,
        wrong: Wrong,
    ) -> Response {
        let known = (self.failed(bill).await, self.api.checks(bill));
        let (failed, checks) = match known {
            (Ok(failed), Ok(checks)) => (failed, checks),
            (Err(fault), _) => return self.told(visit, &fault.into()),
            (_, Err(obstacle)) => return self.told(visit, &obstacle),
        };
        let status = if wrong.any() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        let what = self.what(&visit.page, bill);
        let page = self.till(visit.page, &bill.terms.code, Some(bill)).asking_digits();
        let payee = self.payee(&bill.key.mid);
        page.answer(
            status,
            &ConfirmPage {
                page: &page,
                code: &bill.terms.code,
                payee: &payee,
                kind: bill.terms.kind,
                amount: words::sum(bill.terms.amount),
                what,
                means,
                checks,
                failed: failed.filter(|_| !wrong.any()),
                given,
                wrong,
            },
        )
    }

    fn fixed_page(&self, visit: Visit, fixed: &FixedCode, typed: Option<&str>) -> Response {
        if let Err(obstacle) = self.api.scannable(fixed) {
            return self.told(visit, &obstacle);
        }
        let payee = self.payee(&fixed.mid);
        let what = words::of_fixed(&visit.page, fixed, &payee);
        let page = self.till(visit.page, &fixed.code, None);
        let status = if typed.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        let rule = page.t(
            "A sum of yuan from 0.01 to 1000000.00, such as 12.50.",
            "请输入 0.01 至 1000000.00 之间的金额，单位：元，例如 12.50。",
        );
        page.answer(
            status,
            &FixedPage {
                page: &page,
                code: &fixed.code,
                payee: &payee,
                description: fixed.terms.bill_desc.as_ref().map(Text::as_str),
                amount: fixed.amount().map(words::sum),
                asks: payer_says(fixed),
                what,
                typed: typed.unwrap_or_default(),
                wrong: typed.map(|_| rule),
            },
        )
    }

    async fn life_page(&self, visit: Visit, bill: &Bill) -> Response {
        let payee = self.payee(&bill.key.mid);
        let life = match self.api.life_of(&bill.key).await {
            Ok(Some(life)) => Lifeline::of(&visit.page, &life, &payee),
            Ok(None) => None,
            Err(fault) => return self.told(visit, &fault.into()),
        };
        let Some(life) = life else { return self.told(visit, &Obstacle::NoCode) };
        let faster = visit.asked.told == "faster";
        let page = self.till(visit.page, &bill.terms.code, Some(bill));
        page.answer(
            StatusCode::OK,
            &LifePage {
                page: &page,
                payee: &payee,
                description: bill.terms.details.description.as_ref().map(Text::as_str),
                life,
                faster,
                way_back: self.way_back(bill),
            },
        )
    }

    /// How the last try to pay ended, where there was one.
    async fn failed(&self, bill: &Bill) -> Result<Option<Failure>, StoreFault> {
        if !matches!(bill.phase, holdfast_domain::Phase::Requested { declined: 1.. }) {
            return Ok(None);
        }
        Ok(self.api.life_of(&bill.key).await?.and_then(|life| Failure::last(&life)))
    }

    /// What will happen when the bill is paid, in a sentence.
    fn what(&self, page: &Sheet, bill: &Bill) -> String {
        words::of_bill(page, bill, &self.core, &self.payee(&bill.key.mid))
    }

    /// The merchant's name, as payers read it.
    fn payee(&self, mid: &Mid) -> String {
        let book = self.accounts.book();
        book.merchants
            .get(mid)
            .map_or_else(|| mid.to_string(), |merchant| merchant.name.to_string())
    }

    /// Where the payer's browser goes afterwards. Nothing but the web is linked to, whatever the bill says.
    fn way_back(&self, bill: &Bill) -> Option<String> {
        let leads = |address: &String| {
            let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            scheme.is_some_and(|scheme| scheme == "https" || scheme == "http")
        };
        self.api.way_back(bill).filter(leads)
    }

    /// What a page has around its content: in the test environment also what can be tried out.
    fn till(&self, page: Sheet, code: &CodeId, bill: Option<&Bill>) -> Till {
        let rehearsal = self.api.simulated().ok().map(|simulated| {
            let now = page.time(&self.core.clock.now());
            Rehearsal::of(&page, simulated, code, bill, now)
        });
        Till::with(page, rehearsal)
    }
}

/// What the page of a paid bill is told by somebody who came too late.
const FASTER: &str = "&told=faster";
