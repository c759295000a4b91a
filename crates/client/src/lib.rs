//! The Rust SDK for the `netpay/bills` protocol of ChinaUMS (银联商务), spoken by Holdfast and by the
//! official platform.
//!
//! A request is a typed value; a [`Client`] signs it, sends it, and says in three different ways that
//! it did not succeed. The one that matters is [`CallError::OutcomeUnknown`]: money may have moved,
//! so ask before you send anything again.
//!
//! ```
//! # mod trial { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trial/mod.rs")); }
//! use holdfast_client::{
//!     AuthCode, BillNo, CallError, Client, Day, OrderId, Scheme,
//!     messages::PreauthedCancel,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let gateway = trial::Gateway::start();
//! # let auth = gateway.captured("124F2023071912562344830889", 1908, "124F2023071913311600836127");
//! let client = Client::builder()
//!     .base_url(gateway.base_url()) // or .environment(Environment::Test), the official test host
//!     .credentials(gateway.app_id(), gateway.app_key())
//!     .scheme(Scheme::AccessToken) // or Scheme::BodySig, which needs no token
//!     .build()?;
//!
//! // Undo a whole capture (预授权完成撤销).
//! let reversal = PreauthedCancel {
//!     common: client.common("898201612345678", "88880001")?,
//!     bill_no: BillNo::parse("124F2023071912562344830889")?,
//!     bill_date: Day::parse("2023-07-19").ok_or("no such day")?,
//!     mer_order_id: OrderId::parse("124F2023071913311600836127")?,
//!     auth_id_resp_cd: AuthCode::parse(&auth)?,
//! };
//! match client.call(&reversal).await {
//!     Ok(done) => println!("reversed: {:?}", done.bill_payment.total_amount),
//!     Err(CallError::OutcomeUnknown(why)) => println!("query before anything else: {why}"),
//!     Err(CallError::Refused { code, failure, .. }) => println!("{code:?}: {failure:?}"),
//!     Err(CallError::Fault(why)) => println!("nothing was sent: {why}"),
//! }
//! # assert!(client.call(&reversal).await.is_ok(), "a repeat is answered as the first was");
//! # Ok(()) }
//! ```
//!
//! Where nobody knows, [`Client::call_until_known`] queries until somebody does:
//!
//! ```
//! # mod trial { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trial/mod.rs")); }
//! use std::time::Duration;
//! use holdfast_client::{Amount, BillNo, Day, Known, OrderId, Patience, field::Named, messages::Preauthed};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let gateway = trial::Gateway::start();
//! # let auth = gateway.hold("124F2023071912562344830889", 1908);
//! # let client = holdfast_client::Client::builder().base_url(gateway.base_url())
//! #     .credentials(gateway.app_id(), gateway.app_key()).build()?;
//! let capture = Preauthed {
//!     common: client.common("898201612345678", "88880001")?,
//!     bill_no: BillNo::parse("124F2023071912562344830889")?,
//!     bill_date: Day::parse("2023-07-19").ok_or("no such day")?,
//!     authed_order_id: OrderId::parse("124F2023071913311600836127")?,
//!     auth_id_resp_cd: Named::parse(&auth)?,
//!     total_amount: Amount::from_fen(1500)?,
//!     authed_desc: None,
//! };
//! let patience = Patience::lasting(Duration::from_secs(120)).repeating();
//! match client.call_until_known(&capture, patience).await? {
//!     Known::Answered(done) => println!("captured: {:?}", done.authed_bill_payment),
//!     Known::Found(queried) => println!("captured, as a query shows: {:?}", queried.authed_bill_payment),
//! }
//! # Ok(()) }
//! ```
//!
//! What the gateway tells without being asked is checked by [`notice`]; with the feature `axum`, by an extractor
//! in `receiver`. With the feature `blocking`, programs without `async` have the same client in `blocking`.
//!
//! # What it does by itself
//!
//! * It signs (`OPEN-BODY-SIG`), or fetches one token, shares it among all clones and renews it
//!   (`OPEN-ACCESS-TOKEN`). See [`Scheme`].
//! * It keeps connections, bounds the time to an answer and its size, and checks certificates against
//!   Mozilla's roots.
//!
//! # What it does not do
//!
//! * It never repeats a request that may have arrived, unless you tell it to ([`Patience::repeating`]).
//!   Whether to is [`CallError::repeat`]'s advice and your decision.
//! * It follows no redirect, and nothing switches the check of certificates off.
//! * It uses no proxy that the environment names.
//! * It logs nothing.
//!
//! # Its weight
//!
//! Besides `holdfast-wire` and `holdfast-domain` it names 8 crates: for HTTP/1.1 (`hyper` and its
//! companions), TLS (`rustls` with `ring`), timers (`tokio`) and random bytes. With all that they
//! bring, 56 crates are linked; with the feature `blocking` 56, with `axum` 60. `cargo tree -p holdfast-client -e
//! normal` lists them, and a test counts them.

#![deny(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

#[cfg(feature = "blocking")]
pub mod blocking;
mod clock;
mod error;
mod known;
pub mod notice;
#[cfg(feature = "axum")]
pub mod receiver;
mod token;
mod transport;

use std::{fmt, sync::Arc, time::Duration};

use holdfast_domain::Malformed;
use holdfast_wire::{
    auth::{BodySig, FormParam, Stamp},
    field::InstMid,
    message::{Endpoint, EndpointSpec, Message as _},
    messages::{Common, TokenAccess, TokenIssued},
    secret::Token,
};

use token::Tokens;

pub use error::{CallError, Fault, Unknown};
pub use holdfast_domain::{Amount, AuthCode, BillNo, CodeId, Day, Mid, Moment, OrderId, Text, Tid};
pub use holdfast_wire::{
    auth::AppId,
    code::{Code, Repeat},
    field, message, messages,
    secret::AppKey,
};
pub use known::{Known, Patience, Traceable};
pub use transport::{ANSWER_MAX, Transport};

/// The official hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Real money (生产环境).
    Production,
    /// The official test host (测试环境).
    Test,
}

impl Environment {
    /// Where it is.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Production => "https://api-mop.chinaums.com",
            Self::Test => "https://test-api-open.chinaums.com",
        }
    }
}

/// How a client proves who it is (`protocol.md` section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `OPEN-BODY-SIG`: every request is signed with the key, which never leaves the process.
    #[default]
    BodySig,
    /// `OPEN-ACCESS-TOKEN`: a signed request fetches a token, and every request shows it.
    AccessToken,
    /// `OPEN-FORM-PARAM`: the signed request travels in the address, as a browser would carry it.
    FormParam,
}

/// Sends requests of one app to one gateway. A clone is the same client: it shares connections and
/// token.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    base_url: String,
    app_id: AppId,
    key: AppKey,
    scheme: Scheme,
    transport: Transport,
    tokens: Tokens,
}

/// What a [`Client`] is made from.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    base_url: Option<String>,
    credentials: Option<(AppId, AppKey)>,
    scheme: Scheme,
    timeout: Duration,
}

/// What a [`Client`] lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// Nobody said where the gateway is.
    NoAddress,
    /// The address is not one.
    BadAddress(String),
    /// Nobody said who asks.
    NoCredentials,
}

/// A request as it goes over the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// The HTTP method.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// The headers that matter: what proves who asks, and what the body is.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The token among the headers, if one is.
    token: Option<Token>,
}

/// A request and the answer to it, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What was sent.
    pub sent: Sent,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Where the answer points to, if it is a redirect.
    pub location: Option<String>,
    /// The body of the answer.
    pub body: Vec<u8>,
}

impl Client {
    /// Begins to make a client.
    pub fn builder() -> Builder {
        Builder {
            base_url: None,
            credentials: None,
            scheme: Scheme::default(),
            // The gateway itself waits eight seconds for the channel, and then says that it does not know.
            timeout: Duration::from_secs(15),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// [`CallError`] tells whether it was refused, never began, or has an unknown outcome.
    pub async fn call<E: Endpoint>(&self, request: &E) -> Result<E::Response, CallError> {
        self.call_raw(E::PATH, &request.encode()).await?.read::<E>()
    }

    /// Posts bytes to a path as they are, and gives the answer back as it is, with what was sent.
    ///
    /// # Errors
    /// When no answer came. An answer that refuses is an answer.
    pub async fn call_raw(&self, path: &str, body: &[u8]) -> Result<Exchange, CallError> {
        let exchange = self.0.transport.send(self.prepare(path, body).await?).await?;
        match &exchange.sent.token {
            Some(token) if exchange.token_was_refused() => {
                let sent = self.prepare_again(path, body, Some(token)).await?;
                self.0.transport.send(sent).await
            }
            _ => Ok(exchange),
        }
    }

    /// What [`Client::call_raw`] would send now. With [`Scheme::AccessToken`] this fetches a token if
    /// there is none.
    ///
    /// # Errors
    /// When a token is needed and cannot be had.
    pub async fn prepare(&self, path: &str, body: &[u8]) -> Result<Sent, CallError> {
        self.prepare_again(path, body, None).await
    }

    /// Sends what [`Client::prepare`] made: once, and as it is.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send(&self, sent: Sent) -> Result<Exchange, CallError> {
        self.0.transport.send(sent).await
    }

    async fn prepare_again(
        &self,
        path: &str,
        body: &[u8],
        refused: Option<&Token>,
    ) -> Result<Sent, CallError> {
        let inner = &*self.0;
        // Whoever asks for a token proves in the body who it is.
        if EndpointSpec::of::<TokenAccess>().serves(path) {
            return Ok(inner.post(path, body, None));
        }
        let (app_id, stamp, nonce) =
            (inner.app_id.clone(), Stamp::at(clock::now()), clock::nonce());
        Ok(match inner.scheme {
            Scheme::BodySig => {
                let signed = BodySig::sign(&inner.key, app_id, stamp, nonce, body);
                inner.post(path, body, Some((signed.header(), None)))
            }
            Scheme::AccessToken => {
                let token = inner.tokens.get(refused, inner.fetch_token()).await?;
                let header = format!("OPEN-ACCESS-TOKEN AccessToken={}", token.expose());
                inner.post(path, body, Some((header, Some(token))))
            }
            Scheme::FormParam => {
                let content = String::from_utf8(body.to_vec()).map_err(|_| {
                    CallError::Fault(Fault::Unsendable("the request is not UTF-8".to_owned()))
                })?;
                let signed = FormParam::sign(&inner.key, app_id, stamp, nonce, content);
                let url = format!("{}{path}?{}", inner.base_url, signed.query());
                Sent { method: "GET", url, headers: vec![], body: vec![], token: None }
            }
        })
    }

    /// What every request begins with: this moment, and a merchant with its terminal.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn common(&self, mid: &str, tid: &str) -> Result<Common, Malformed> {
        Ok(Common {
            request_timestamp: clock::now(),
            mid: Mid::parse(mid)?,
            tid: Tid::parse(tid)?,
            inst_mid: InstMid::QrPay,
            msg_id: None,
            src_reserve: None,
        })
    }

    /// Where the gateway is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// A signed request for a token, for those who show it themselves.
    #[must_use]
    pub fn token_request(&self) -> TokenAccess {
        self.0.token_request()
    }
}

impl Inner {
    fn post(&self, path: &str, body: &[u8], proof: Option<(String, Option<Token>)>) -> Sent {
        let (proof, token) = proof.unzip();
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(proof.map(|proof| ("Authorization", proof)));
        let url = format!("{}{path}", self.base_url);
        Sent { method: "POST", url, headers, body: body.to_vec(), token: token.flatten() }
    }

    fn token_request(&self) -> TokenAccess {
        let (stamp, nonce) = (Stamp::at(clock::now()), clock::nonce());
        TokenAccess::sign(&self.key, self.app_id.clone(), stamp, nonce)
    }

    async fn fetch_token(&self) -> Result<TokenIssued, CallError> {
        let sent = self.post(TokenAccess::PATH, &self.token_request().encode(), None);
        let issued =
            self.transport.send(sent).await.and_then(|answer| answer.read::<TokenAccess>());
        // Whatever became of the token: the request that needs it was not sent.
        issued.map_err(|error| match error {
            CallError::OutcomeUnknown(unknown) => CallError::Fault(Fault::NoToken(unknown)),
            error => error,
        })
    }
}

impl Builder {
    /// Where the gateway is, such as `http://127.0.0.1:8080`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// One of the official hosts.
    pub fn environment(self, environment: Environment) -> Self {
        self.base_url(environment.base_url())
    }

    /// Who asks.
    pub fn credentials(mut self, app_id: AppId, key: AppKey) -> Self {
        self.credentials = Some((app_id, key));
        self
    }

    /// How the client proves who it is; [`Scheme::BodySig`] unless said.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// How long an answer may take; 15 seconds unless said. Shorter than the gateway's own patience
    /// (8 seconds) makes unknown outcomes out of late ones.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When address or credentials are missing, or the address is not one.
    pub fn build(self) -> Result<Client, BuildError> {
        let base_url = self.base_url.ok_or(BuildError::NoAddress)?;
        let (app_id, key) = self.credentials.ok_or(BuildError::NoCredentials)?;
        let base_url = read_address(&base_url)?;
        let (scheme, tokens) = (self.scheme, Tokens::default());
        let transport = Transport::new(self.timeout);
        Ok(Client(Arc::new(Inner { base_url, app_id, key, scheme, transport, tokens })))
    }
}

/// An address without the slash at its end.
fn read_address(text: &str) -> Result<String, BuildError> {
    let uri: Option<hyper::Uri> = text.parse().ok();
    let plain = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some()
            && uri.query().is_none()
    });
    // Whatever stands before an `@` would be sent to nobody and shown to everybody.
    if !plain || text.contains('@') {
        return Err(BuildError::BadAddress(text.to_owned()));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

impl Sent {
    /// A request that nobody signs, with a JSON body, for [`Transport::send`]: the controls of a test
    /// gateway's simulation take such.
    #[must_use]
    pub fn unsigned(method: &'static str, url: String, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self { method, url, headers, body, token: None }
    }

    /// Where it goes, without a request that travels in the address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}

impl Exchange {
    /// What the answer means.
    ///
    /// # Errors
    /// [`CallError`] tells whether it was refused, never began, or has an unknown outcome.
    pub fn read<E: Endpoint>(&self) -> Result<E::Response, CallError> {
        error::judge::<E>(self)
    }

    /// What the answer means, whatever it was about: a success is any that says so.
    ///
    /// # Errors
    /// As [`Exchange::read`].
    pub fn outcome(&self) -> Result<(), CallError> {
        error::judge::<error::Anything>(self).map(|error::Anything| ())
    }

    /// Whether the gateway refused the token and did nothing. The official platform's status is not
    /// known, but its text is (`protocol.md` section 7.1).
    fn token_was_refused(&self) -> bool {
        let told = || self.body.windows(REFUSED.len()).any(|part| part == REFUSED.as_bytes());
        // After a 5xx somebody may have acted: nobody sends such a request again by himself.
        self.status == 401 || ((400..500).contains(&self.status) && told())
    }
}

const REFUSED: &str = "认证失败";

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { base_url, app_id, scheme, .. } = &*self.0;
        write!(f, "Client({base_url}, {app_id}, {scheme:?})")
    }
}

/// Prints no header and no body: there may be a token in the one, and persons in the other.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sent({} {})", self.method, self.address())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address: say base_url or environment"),
            Self::BadAddress(text) => {
                write!(f, "{text:?} is not an address such as https://gateway.example:8443")
            }
            Self::NoCredentials => f.write_str("no credentials: say AppId and AppKey"),
        }
    }
}

impl std::error::Error for BuildError {}
