//! HTTP for merchants: one door for every request, then a function for each endpoint.
//!
//! A request is read within bounds, its caller is made sure of over the bytes as received, and only then is
//! anything decoded. What follows runs to its end even when the caller hangs up.

use std::{fmt, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use holdfast_domain::{Reference, Refusal};
use holdfast_wire::{
    auth::{BodySig, FormParam},
    code::Code,
    diagnosis::{Claim, Keys},
    envelope,
    field::Note,
    json::{NotJson, Object},
    message::{FieldFault, Message as _, list, list_zh},
    messages::{Caller, ENDPOINTS, Events, Failure, Preview, Request, TokenAccess, TrialNotice},
    secret::AppKey,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{Method, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use allowance::Allowance;

use crate::{
    accounts::Accounts,
    channel::Simulated,
    clock::{Stopwatch, patience},
    codes::Codes,
    config::Environment,
    http::Peer,
    limits,
    nonces::Nonces,
    notices::outbox::Letters,
    request::{RequestId, RequestIds},
    store::{Asker, StoreFault},
    submit::{Core, SubmitError},
    tokens::Tokens,
    traffic::{Traffic, Witness},
    view,
};

mod allowance;
mod answers;
mod codes;
pub(crate) mod desk;
mod errors;
mod events;
mod guarantees;
mod guard;
mod legacy;
mod openapi;
pub(crate) mod payer;
mod preview;
mod shares;
pub(crate) mod sim;
mod timeline;
pub(crate) mod words;

pub use errors::meant;

/// What a gateway is to the outside.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Which world it lives in.
    pub environment: Environment,
    /// What the links in QR codes begin with.
    pub public_url: String,
    /// How far the time of a signature may be off, in milliseconds.
    pub clock_skew_ms: i64,
}

/// Everything that answering a merchant takes.
pub struct Api {
    core: Arc<Core>,
    accounts: Arc<Accounts>,
    codes: Codes,
    simulated: Option<Arc<Simulated>>,
    /// What merchants are told; read only.
    letters: Arc<dyn Letters>,
    nonces: Nonces,
    tokens: Tokens,
    allowance: Allowance,
    terms: Terms,
    document: openapi::Document,
    places: Arc<Semaphore>,
    /// Places of those who wait for events.
    listeners: Arc<Semaphore>,
    /// Whether nobody is to wait any more.
    stopping: watch::Sender<bool>,
    requests: RequestIds,
    /// What came and was answered lately, in the test environment.
    traffic: Option<Arc<Traffic>>,
}

/// Why a request is not answered with success.
#[derive(Debug)]
pub(crate) struct No {
    code: Code,
    /// Another status than the code's own.
    status: Option<StatusCode>,
    text: String,
    /// In the test environment: what was signed, and what is probably wrong with it.
    signed: Option<serde_json::Value>,
}

impl Api {
    pub(crate) fn new(
        core: Arc<Core>,
        accounts: Arc<Accounts>,
        codes: Codes,
        simulated: Option<Arc<Simulated>>,
        letters: Arc<dyn Letters>,
        (nonces, tokens): (Nonces, Tokens),
        terms: Terms,
    ) -> Self {
        let places = Arc::new(Semaphore::new(limits::REQUESTS));
        let listeners = Arc::new(Semaphore::new(limits::LISTENERS));
        let stopping = watch::Sender::new(false);
        let requests = RequestIds::new(&core.dice);
        let document = openapi::Document::default();
        let allowance = Allowance::new(core.policy.business_day_ends);
        let traffic = (terms.environment == Environment::Test).then(Arc::default);
        Self {
            core,
            accounts,
            codes,
            simulated,
            letters,
            nonces,
            tokens,
            allowance,
            terms,
            document,
            places,
            listeners,
            stopping,
            requests,
            traffic,
        }
    }

    /// What came and was answered lately; a live gateway keeps none of it.
    pub(crate) fn traffic(&self) -> Option<&Arc<Traffic>> {
        self.traffic.as_ref()
    }

    /// What links to this gateway's own pages begin with.
    pub(crate) fn public_url(&self) -> &str {
        &self.terms.public_url
    }

    /// Answers everybody who waits for events, now and from now on.
    pub(crate) fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until everything that was accepted is done.
    pub(crate) async fn finish(&self) {
        let all = u32::try_from(limits::REQUESTS).unwrap_or(u32::MAX);
        if patience(limits::STOP_MS, self.places.acquire_many(all)).await.is_none() {
            tracing::warn!("some requests were not finished in time; what was committed is safe");
        }
    }
}

/// All routes: the protocol, its description, health, what error codes mean, and in the test environment the
/// simulation's controls. What a QR code's link opens is the cashier's.
pub fn router(api: Arc<Api>) -> Router {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(openapi::serve))
        .merge(errors::routes());
    let router = match api.simulated {
        Some(_) => router.merge(sim::routes(&api)),
        None => router,
    };
    router.fallback(protocol).with_state(api)
}

/// Whether the gateway can do its work: its store writes.
async fn ready(State(api): State<Arc<Api>>) -> Response {
    match api.core.store.fault() {
        None => "ready\n".into_response(),
        Some(fault) => {
            tracing::error!(%fault, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store does not write; see the log\n")
                .into_response()
        }
    }
}

/// Everything under a path of the protocol, and every unknown path.
async fn protocol(State(api): State<Arc<Api>>, request: hyper::Request<Body>) -> Response {
    let watch = Stopwatch::start();
    let id = api.requests.next();
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let witness = api.traffic.as_ref().map_or_else(Witness::blind, |_| Traffic::see(&parts));
    let request = hyper::Request::from_parts(parts, body);
    let (status, body) = api.clone().respond(request, &path, id, &witness).await;
    if let Some(traffic) = &api.traffic {
        let (wall, answer) = (api.core.clock.wall(), (status.as_u16(), &body[..]));
        traffic.keep(witness, id, wall, watch.elapsed(), answer);
    }
    tracing::debug!(request_id = %id, path, status = status.as_u16(), micros = watch.elapsed().as_micros(), "answered");
    if status.is_server_error() {
        // The caller has the id; what broke was logged where it broke.
        tracing::warn!(request_id = %id, path, status = status.as_u16(), "answered with a fault");
    }
    let json = (header::CONTENT_TYPE, "application/json;charset=utf-8".to_owned());
    let id = (header::HeaderName::from_static("request-id"), id.to_string());
    let mut response = (status, [json, id], body).into_response();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // With a form in the query GET is served too, except where the request proves itself.
        let forms =
            !(holdfast_wire::legacy::serves(&path) || EndpointOf::<TokenAccess>::serves(&path));
        let allow = if forms { "GET, POST" } else { "POST" };
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allow));
    }
    response
}

/// Another method at a page that is only read.
pub(crate) async fn only_read(
    State(api): State<Arc<Api>>,
    request: hyper::Request<Body>,
) -> Response {
    let text = format!("{} is not served here: use GET", request.method());
    let status = Some(StatusCode::METHOD_NOT_ALLOWED);
    let (status, body) = api.refuse(No { status, ..No::new(Code::NoService, text) });
    let headers =
        [(header::CONTENT_TYPE, "application/json;charset=utf-8"), (header::ALLOW, "GET, HEAD")];
    (status, headers, body).into_response()
}

/// A request that came in whole, before anybody believes it.
struct Arrived {
    id: RequestId,
    path: String,
    peer: Option<Peer>,
    authorization: Option<hyper::header::HeaderValue>,
    /// Several of them: which one counts is for nobody to guess.
    ambiguous: bool,
    query: Option<String>,
    form: bool,
    body: axum::body::Bytes,
    /// Who is told what is found out of it.
    witness: Witness,
}

impl Api {
    async fn respond(
        self: Arc<Self>,
        request: hyper::Request<Body>,
        path: &str,
        id: RequestId,
        witness: &Witness,
    ) -> (StatusCode, Vec<u8>) {
        let predecessor = holdfast_wire::legacy::serves(path);
        let tried = EndpointOf::<TrialNotice>::serves(path);
        let served = ENDPOINTS.iter().any(|endpoint| endpoint.serves(path))
            && (!tried || self.terms.environment == Environment::Test);
        if !predecessor && !served {
            return self
                .refuse(No::new(Code::NoService, "nothing is served under this path".to_owned()));
        }
        let query = request.uri().query().map(str::to_owned);
        let method = request.method();
        let form_query =
            !predecessor && query.as_ref().is_some_and(|query| query.contains("OPEN-FORM-PARAM"));
        if !(method == Method::POST || method == Method::GET && form_query) {
            let text = format!("{method} is not served here: use POST");
            let no = No {
                status: Some(StatusCode::METHOD_NOT_ALLOWED),
                ..No::new(Code::NoService, text)
            };
            return self.refuse(no);
        }
        let arrived = match read(request, id, query, form_query, witness).await {
            Ok(arrived) => arrived,
            Err(no) => return self.refuse(no),
        };
        // Taken only now: a caller that is slow to send its body keeps nobody else out.
        if EndpointOf::<Events>::serves(path) {
            let Ok(place) = self.listeners.clone().try_acquire_owned() else {
                let text = "too many callers wait for events".to_owned();
                return self.refuse(No::new(Code::TxnDiscarded, text));
            };
            // It changes nothing, so it may end with its caller; otherwise the place stayed taken.
            return self.work(arrived, place).await;
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return self
                .refuse(No::new(Code::TxnDiscarded, "too many requests at once".to_owned()));
        };
        // On its own, so that a caller who hangs up does not stop half-way what has begun.
        let api = self.clone();
        let work = tokio::spawn(async move { api.work(arrived, place).await });
        match work.await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(%error, "a request ended badly");
                self.refuse(No::broken())
            }
        }
    }

    async fn work(&self, arrived: Arrived, _place: OwnedSemaphorePermit) -> (StatusCode, Vec<u8>) {
        if holdfast_wire::legacy::serves(&arrived.path) {
            return self.answer_legacy(&arrived).await;
        }
        // Borrowed from the body or from the form, whichever carries the request.
        let form;
        let content: &[u8] = match arrived.form_param() {
            None => &arrived.body,
            Some(Ok(parsed)) => {
                form = parsed;
                form.content.as_bytes()
            }
            Some(Err(fault)) => return self.refuse(fault.into()),
        };
        if EndpointOf::<TokenAccess>::serves(&arrived.path) {
            return match self.issue_token(content, &arrived).await {
                Ok(body) => (StatusCode::OK, body),
                Err(no) => self.refuse(no),
            };
        }
        let admitted = match self.admit(&arrived, content).await {
            Ok(admitted) => admitted,
            Err(no) => return self.refuse(no),
        };
        let object = match Object::parse(content) {
            Ok(object) => object,
            Err(fault) => return self.refuse(fault.into()),
        };
        let (inner, wrapped) = match envelope::open(&object) {
            Some(inner) => (inner, true),
            None => (&object, false),
        };
        let allow = |caller: Caller<'_>| self.may_act(&admitted.app, caller);
        let (status, body, done) = self.serve(&arrived.path, inner, &admitted.asker, allow).await;
        match wrapped {
            true => (status, envelope::seal(done.0.name(), &done.1, &body)),
            false => (status, body),
        }
    }

    /// Reads a request of whoever was let in, does what it asks if they may, and answers it. Tells the outcome
    /// also in short.
    async fn serve(
        &self,
        path: &str,
        object: &Object<'_>,
        asker: &Asker,
        allow: impl Fn(Caller<'_>) -> Result<(), No>,
    ) -> (StatusCode, Vec<u8>, (Code, Note)) {
        if Preview::is_astray(path, object) {
            let text = "path, request: 这是预演请求，只能发往 preview 接口 | path, request: this is the request of a preview, \
                        and this endpoint takes none";
            let no = No::new(Code::BadRequest, text.to_owned());
            let summary = no.summary();
            let (status, body) = self.refuse_to(no, |failure| failure.echoing(object));
            return (status, body, summary);
        }
        let request = match Request::decode(path, object) {
            Some(Ok(request)) => request,
            Some(Err(mut faults)) => {
                faults.extend(answers::also_missing(path, object));
                let no = No::fields(&faults);
                let summary = no.summary();
                let (status, body) = self.refuse_to(no, |failure| failure.echoing(object));
                return (status, body, summary);
            }
            None => {
                let no = No::new(Code::NoService, "nothing is served under this path".to_owned());
                let summary = no.summary();
                let (status, body) = self.refuse(no);
                return (status, body, summary);
            }
        };
        let answered = match allow(request.caller()) {
            Ok(()) => self.answer(&request, asker).await,
            Err(no) => Err(no),
        };
        match answered {
            Ok(body) => (StatusCode::OK, body, (Code::Success, Note::new("成功"))),
            Err(no) => {
                let summary = no.summary();
                let (status, body) = self.refuse_to(no, |failure| failure.to(request.caller()));
                (status, body, summary)
            }
        }
    }

    /// The answer to a request of which nothing can be read.
    fn refuse(&self, no: No) -> (StatusCode, Vec<u8>) {
        self.refuse_to(no, |failure| failure)
    }

    /// The answer to a request that is not answered with success, addressed to whoever sent it.
    fn refuse_to(&self, no: No, address: impl FnOnce(Failure) -> Failure) -> (StatusCode, Vec<u8>) {
        let (code, text) = no.summary();
        let status = no.status.or(StatusCode::from_u16(code.status()).ok());
        let failure = Failure::new(code, self.core.clock.now(), text);
        let failure = match self.terms.environment {
            Environment::Test => failure.explained_at(&self.terms.public_url),
            Environment::Live => failure,
        };
        let mut body = address(failure).encode();
        if let Some(signed) = no.signed
            && body.pop().is_some()
        {
            body.extend_from_slice(b",\"signed\":");
            body.extend_from_slice(signed.to_string().as_bytes());
            body.push(b'}');
        }
        (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
    }
}

/// What was signed, piece by piece, and which mistakes reproduce the caller's signature. Never the key.
fn explained(signed: &BodySig, key: &AppKey, content: &[u8]) -> serde_json::Value {
    let claim = Claim::Request { signed: signed.clone(), body: content.to_vec() };
    let diagnosis = claim.diagnose(&Keys { app: vec![key.clone()], notice: vec![] });
    let mistakes = diagnosis.mistakes.iter();
    let mistakes =
        mistakes.map(|mistake| serde_json::json!({"en": mistake.en(), "zh": mistake.zh()}));
    serde_json::json!({
        "appId": signed.app_id.as_str(),
        "timestamp": signed.timestamp.as_str(),
        "nonce": signed.nonce.as_str(),
        "bodyBytes": content.len(),
        "bodyHash": claim.pieces().last().map(|piece| piece.text.clone()),
        "mistakes": mistakes.collect::<Vec<_>>(),
    })
}

struct EndpointOf<E>(std::marker::PhantomData<E>);

impl<E: holdfast_wire::message::Endpoint> EndpointOf<E> {
    fn serves(path: &str) -> bool {
        E::PATH == path || E::ALIASES.contains(&path)
    }
}

async fn read(
    request: hyper::Request<Body>,
    id: RequestId,
    query: Option<String>,
    form_query: bool,
    witness: &Witness,
) -> Result<Arrived, No> {
    let (parts, body) = request.into_parts();
    let body = patience(limits::BODY_MS, Limited::new(body, limits::BODY_BYTES).collect()).await;
    let body = match body {
        Some(Ok(body)) => body.to_bytes(),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the body is longer than {} bytes", limits::BODY_BYTES);
            let status = Some(StatusCode::PAYLOAD_TOO_LARGE);
            return Err(No { status, ..No::new(Code::BadRequest, text) });
        }
        Some(Err(error)) => {
            tracing::debug!(%error, "a body ended early");
            return Err(No::new(Code::BadRequest, "the body ended early".to_owned()));
        }
        None => {
            let text = format!("the body did not come within {} ms", limits::BODY_MS);
            return Err(No {
                status: Some(StatusCode::REQUEST_TIMEOUT),
                ..No::new(Code::BadRequest, text)
            });
        }
    };
    witness.body(&body);
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = given.next().cloned();
    // Found in the query, or else in a body that says so and has no header beside it.
    let form = form_query
        || authorization.is_none() && body.starts_with(b"authorization=OPEN-FORM-PARAM")
        || authorization.is_none()
            && !body.starts_with(b"{")
            && contains(&body, b"authorization=OPEN-FORM-PARAM");
    Ok(Arrived {
        id,
        path: parts.uri.path().to_owned(),
        peer: parts.extensions.get::<Peer>().copied(),
        ambiguous: given.next().is_some(),
        authorization,
        query,
        form,
        body,
        witness: witness.clone(),
    })
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

impl Arrived {
    /// The request as a form carries it, in the query or in the body; `None` when it is not such a request.
    fn form_param(&self) -> Option<Result<FormParam, holdfast_wire::auth::AuthFault>> {
        if !self.form {
            return None;
        }
        let in_query = self.query.as_deref().filter(|query| query.contains("OPEN-FORM-PARAM"));
        Some(match in_query {
            Some(query) => FormParam::parse(query),
            None => match std::str::from_utf8(&self.body) {
                Ok(body) => FormParam::parse(body),
                Err(_) => Err(holdfast_wire::auth::AuthFault::Syntax),
            },
        })
    }
}

impl No {
    fn new(code: Code, text: String) -> Self {
        Self { code, status: None, text, signed: None }
    }

    /// Something broke. What exactly is for the log.
    fn broken() -> Self {
        let text = "whether this was done is not known: query before you repeat it".to_owned();
        Self::new(Code::InternalError, text)
    }

    fn fields(faults: &[FieldFault]) -> Self {
        Self::new(Code::BadRequest, format!("{} | {}", list_zh(faults), list(faults)))
    }

    /// Something that the request names does not exist; `named` are the fields that name it.
    fn no_order(named: &str, why: impl fmt::Display) -> Self {
        Self::new(Code::NoOrder, format!("{named}: {why}"))
    }

    /// Why not, in English and Chinese. Texts for the caller are in both languages, Chinese first, or in English alone.
    fn texts(&self) -> (String, String) {
        let (zh, en) =
            self.text.split_once(" | ").unwrap_or((self.code.spec().text.zh, self.text.as_str()));
        (en.to_owned(), zh.to_owned())
    }

    /// The code and the text that a person reads, Chinese first.
    fn summary(&self) -> (Code, Note) {
        (self.code, Note::new(&format!("{}: {}", self.code.spec().text.zh, self.text)))
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let code = match &refusal {
            Refusal::WrongPhase { .. }
            | Refusal::Exceeds { .. }
            | Refusal::AlreadyRefunded { .. }
            | Refusal::OtherKind { .. }
            | Refusal::AlreadyDivided
            | Refusal::NotDivided
            | Refusal::WhoseShare
            | Refusal::OneAtATime
            | Refusal::Shares(_)
            | Refusal::ShareExceeded
            | Refusal::DeadlineOver { .. }
            | Refusal::TooSoon
            | Refusal::TooManyTries => Code::OperationNotAllowed,
            Refusal::Cancelled => Code::HasCancelled,
            Refusal::NumberOfPayment => Code::DupOrder,
            Refusal::Busy { .. } | Refusal::Stale => Code::OrderProcessing,
            Refusal::CrossDay { .. } => Code::NoCrossDayTrading,
            Refusal::Mismatch(reference) => {
                let named = match reference {
                    Reference::AuthCode => "authIdRespCd",
                    Reference::Capture | Reference::Hold => "merOrderId",
                };
                return Self::no_order(named, refusal);
            }
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<SubmitError> for No {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NoBill => {
                Self::no_order("billNo, billDate", "this merchant has no such bill")
            }
            SubmitError::Refused(refusal) => refusal.into(),
            SubmitError::Taken => Self::new(Code::DupOrder, "the number is taken".to_owned()),
            SubmitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<StoreFault> for No {
    fn from(fault: StoreFault) -> Self {
        tracing::error!(%fault, "a request was not carried out");
        Self::broken()
    }
}

impl From<NotJson> for No {
    fn from(fault: NotJson) -> Self {
        Self::new(Code::BadRequest, format!("{} | {fault}", fault.zh()))
    }
}

impl From<holdfast_wire::auth::AuthFault> for No {
    fn from(fault: holdfast_wire::auth::AuthFault) -> Self {
        Self::new(fault.code(), format!("{} | {fault}", fault.zh()))
    }
}
