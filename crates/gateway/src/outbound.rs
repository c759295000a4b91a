//! One bounded HTTP exchange with an address that a merchant named: to deliver a notice, to ask for an amount.
//!
//! Whoever names an address chooses whom this machine connects to. So the name is resolved anew for every
//! exchange, **every** address it resolves to is checked, and the connection goes to a checked address, never
//! to the name again: a name that changes its mind in between (DNS rebinding) gains nothing. There is no code
//! here that follows a redirect or passes over a bad certificate, so neither can be switched on, and no
//! connection is kept: one that was checked yesterday says nothing about today.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
};
use tokio_rustls::TlsConnector;

use crate::{
    clock::{Stopwatch, patience},
    config::Environment,
    limits,
};

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect would lead: at most [`limits::NOTICE_ANSWER_KEPT`] bytes of it.
    pub location: Option<String>,
    /// The body, as far as it was read: at most [`limits::NOTICE_ANSWER_BYTES`].
    pub body: Vec<u8>,
    /// Why the body was not read to its end, if so.
    pub cut: Option<String>,
}

/// Why nobody answered: the address is not allowed or leads nowhere, the connection failed, time was up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl Trouble {
    /// A trouble in the words of whatever failed, behind what was being done.
    fn when(doing: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

/// A receiver's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    host: String,
    port: u16,
    /// What the request line asks for.
    path: String,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what is wrong with an address that is not http or https, has no host, or has a user or a password.
    pub fn parse(url: &str) -> Result<Self, Trouble> {
        let refused = |why: &str| Trouble(format!("the address cannot be used: {why}"));
        let uri: Uri = url.parse().map_err(|_| refused("it is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refused("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| refused("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it has a user or a password before the host"));
        }
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() {
            return Err(refused("it has no host"));
        }
        // An interface of this machine, or an escape that others may undo.
        if bare.contains('%') {
            return Err(refused("its host has a %"));
        }
        // A port that cannot be read must not become the usual one.
        let named = authority.as_str().get(host.len()..).unwrap_or_default();
        let port = match named.strip_prefix(':') {
            Some("") | None => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => {
                port.parse().map_err(|_| refused("its port is not a number up to 65535"))?
            }
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { secure, host: bare.to_ascii_lowercase(), port, path: request_target(path) })
    }

    /// Scheme, host and port: who answers there, whatever is asked for.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.bracketed(), self.port)
    }

    /// The host as it stands in an address.
    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    /// The header `Host`.
    fn header(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual {
            self.bracketed()
        } else {
            format!("{}:{}", self.bracketed(), self.port)
        }
    }
}

/// A path and query as a request line may have them: from a `/` on, and in ASCII. Merchants write addresses such
/// as `http://shop.example?room=7`, and Chinese words in them.
fn request_target(path: &str) -> String {
    let mut target = String::with_capacity(path.len());
    if !path.starts_with('/') {
        target.push('/');
    }
    for byte in path.bytes() {
        match byte.is_ascii() {
            true => target.push(char::from(byte)),
            false => target.push_str(&format!("%{byte:02X}")),
        }
    }
    target
}

/// Networks that belong to nobody's shop, with what they are. The first that contains an address counts.
///
/// From the IANA registries of special-purpose addresses; IPv6 has one network of ordinary addresses, and
/// what lies outside of it is refused too.
const SPECIAL: &[(&str, &str, Reach)] = &[
    ("169.254.0.0/16", "a link-local address", Reach::Never),
    ("fd00:ec2::254/128", "the address of a cloud's metadata", Reach::Never),
    ("fd20:ce::254/128", "the address of a cloud's metadata", Reach::Never),
    // Looks like anybody's, and is Azure's own inside of every machine there.
    ("168.63.129.16/32", "the address of a cloud's metadata", Reach::Never),
    ("127.0.0.0/8", "a loopback address", Reach::Test),
    ("10.0.0.0/8", "a private address", Reach::Test),
    ("172.16.0.0/12", "a private address", Reach::Test),
    ("192.168.0.0/16", "a private address", Reach::Test),
    ("0.0.0.0/8", "an unspecified address", Reach::Never),
    ("100.64.0.0/10", "a shared address", Reach::Never),
    ("192.0.0.0/24", "a protocol address", Reach::Never),
    ("192.0.2.0/24", "a documentation address", Reach::Never),
    ("198.51.100.0/24", "a documentation address", Reach::Never),
    ("203.0.113.0/24", "a documentation address", Reach::Never),
    ("192.88.99.0/24", "a relay address", Reach::Never),
    ("198.18.0.0/15", "a benchmarking address", Reach::Never),
    ("224.0.0.0/4", "a multicast address", Reach::Never),
    ("240.0.0.0/4", "a reserved address", Reach::Never),
    ("::1/128", "a loopback address", Reach::Test),
    ("fc00::/7", "a private address", Reach::Test),
    ("::/128", "an unspecified address", Reach::Never),
    ("fe80::/10", "a link-local address", Reach::Never),
    ("ff00::/8", "a multicast address", Reach::Never),
    ("2001:db8::/32", "a documentation address", Reach::Never),
    ("3fff::/20", "a documentation address", Reach::Never),
    ("2001::/23", "a protocol address", Reach::Never),
    // These carry an IPv4 address that nobody has checked.
    ("2002::/16", "a relay address", Reach::Never),
    ("64:ff9b::/96", "a translated address", Reach::Never),
];

/// The ordinary addresses of IPv6.
const GLOBAL: &str = "2000::/3";

/// Where a special network may be connected to without the operator's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// In the test environment: receivers under development run there.
    Test,
    /// Nowhere.
    Never,
}

/// Which addresses may be connected to.
#[derive(Clone, Debug)]
pub struct Border {
    environment: Environment,
    /// What the operator allows besides.
    allowed: Vec<IpNet>,
    special: Vec<(IpNet, &'static str, Reach)>,
    global: IpNet,
}

impl Border {
    /// The border of an environment, open besides to the networks that the operator allows.
    #[must_use]
    pub fn new(environment: Environment, allowed: &[IpNet]) -> Self {
        let network =
            |text: &str| text.parse().expect("the table has networks, and a test reads it");
        let special = SPECIAL.iter().map(|(text, what, reach)| (network(text), *what, *reach));
        Self {
            environment,
            allowed: allowed.to_vec(),
            special: special.collect(),
            global: network(GLOBAL),
        }
    }

    /// What kind of address this is, where it may not be connected to.
    ///
    /// # Errors
    /// Names the kind of an address that is out of bounds.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        // ::ffff:10.0.0.1 connects to 10.0.0.1.
        let address = address.to_canonical();
        if self.allowed.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        let special = self.special.iter().find(|(network, ..)| network.contains(&address));
        match special {
            Some((.., Reach::Test)) if self.environment == Environment::Test => Ok(()),
            Some((_, what, _)) => Err(what),
            None if address.is_ipv6() && !self.global.contains(&address) => {
                Err("not an ordinary address")
            }
            None => Ok(()),
        }
    }
}

/// Why the operator's certificates cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[error("notify_ca_file {}: {why}: write certificates in PEM into it, or leave the setting out", file.display())]
pub struct TrustError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// Talks to addresses that merchants named.
pub struct Outbound {
    border: Border,
    tls: TlsConnector,
    lookups: Lookups,
}

impl Outbound {
    /// Connects within `border`; trusts the certificate authorities that browsers trust, and those in `more`.
    ///
    /// # Errors
    /// When `more` is there and cannot be read.
    pub fn new(border: Border, more: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(file) = more {
            let unread = |why: String| TrustError { file: file.to_owned(), why };
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| unread(error.to_string()))?;
            let mut added = 0_u32;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unread(error.to_string()))?;
                roots.add(certificate).map_err(|error| unread(error.to_string()))?;
                added = added.saturating_add(1);
            }
            if added == 0 {
                return Err(unread("it has no certificate".to_owned()));
            }
        }
        // Named, because a process may have another provider as its default.
        let config =
            ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .expect("ring serves the default TLS versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
        Ok(Self { border, tls: TlsConnector::from(Arc::new(config)), lookups: Lookups::default() })
    }

    /// Posts a body and reads the answer, whatever it says, within [`limits::NOTICE_TRY_MS`].
    ///
    /// # Errors
    /// When nobody answered; a status that is not good is an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: String,
    ) -> Result<Reply, Trouble> {
        let watch = Stopwatch::start();
        let late = || Trouble(format!("no answer within {} ms", limits::NOTICE_TRY_MS));
        // Dropped when this function ends, and the connection with it.
        let mut driver = JoinSet::new();
        let answer = self.answer(&mut driver, url, headers, body);
        let answer = patience(limits::NOTICE_TRY_MS, answer).await.ok_or_else(late)??;
        let status = answer.status().as_u16();
        let location = answer.headers().get(header::LOCATION);
        let location = location.map(|at| {
            let kept: Vec<u8> =
                at.as_bytes().iter().copied().take(limits::NOTICE_ANSWER_KEPT).collect();
            String::from_utf8_lossy(&kept).into_owned()
        });
        let mut reply = Reply { status, location, body: vec![], cut: None };
        let spent = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let left = limits::NOTICE_TRY_MS.saturating_sub(spent);
        if patience(left, read(answer.into_body(), &mut reply)).await.is_none() {
            reply.cut = Some(format!("the answer did not end within {} ms", limits::NOTICE_TRY_MS));
        }
        Ok(reply)
    }

    /// The answer's head.
    async fn answer(
        &self,
        driver: &mut JoinSet<()>,
        url: &str,
        headers: &[(&str, String)],
        body: String,
    ) -> Result<hyper::Response<Incoming>, Trouble> {
        let target = Target::parse(url)?;
        let mut request = Request::post(&target.path)
            .header(header::HOST, target.header())
            .header(header::USER_AGENT, concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Trouble::when("the request cannot be sent", error))?;
        let stream = self.connect(&target).await?;
        if !target.secure {
            return send(driver, stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|error| Trouble::when(format_args!("TLS with {}", target.host), error))?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream
            .map_err(|error| Trouble::when(format_args!("TLS with {}", target.host), error))?;
        send(driver, stream, request).await
    }

    /// A connection to a checked address of the target.
    async fn connect(&self, target: &Target) -> Result<TcpStream, Trouble> {
        let addresses = match target.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, target.port)],
            Err(_) => {
                let (host, port) = (target.host.clone(), target.port);
                let ask = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
                let found = self.lookups.ask(ask).await;
                let unfound = |error| Trouble::when(format_args!("look up {}", target.host), error);
                found.map_err(unfound)?
            }
        };
        // All of them before the first connection: a name with one address out of bounds is up to something.
        for address in &addresses {
            self.border.check(address.ip()).map_err(|what| {
                Trouble(format!(
                    "{} is {}, {what}: nothing is sent there unless the operator allows it with notify_networks",
                    target.host,
                    address.ip()
                ))
            })?;
        }
        let mut trouble = Trouble(format!("look up {}: it has no address", target.host));
        for address in addresses {
            match patience(limits::NOTICE_CONNECT_MS, TcpStream::connect(address)).await {
                Some(Ok(stream)) => {
                    // A notice is small and complete: sending it at once costs nothing and saves a delayed one.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Some(Err(error)) => {
                    trouble = Trouble::when(format_args!("connect to {address}"), error);
                }
                None => {
                    let within = limits::NOTICE_CONNECT_MS;
                    trouble =
                        Trouble(format!("connect to {address}: not accepted within {within} ms"));
                }
            }
        }
        Err(trouble)
    }
}

/// Bounds the lookups of names that the system has not ended yet, also those that nobody waits for any more.
struct Lookups(Arc<Semaphore>);

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::NOTICE_LOOKUPS)))
    }
}

impl Lookups {
    /// Asks the system on a thread that may wait. The place is given back when it has answered.
    async fn ask(
        &self,
        ask: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        let place = self.0.clone().acquire_owned().await.map_err(io::Error::other)?;
        let asked = spawn_blocking(move || {
            let _place = place;
            let mut found = ask()?;
            found.truncate(limits::NOTICE_ADDRESSES);
            Ok(found)
        });
        asked.await.map_err(io::Error::other)?
    }
}

/// Sends a request over a connection of its own.
async fn send(
    driver: &mut JoinSet<()>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<hyper::Response<Incoming>, Trouble> {
    let failed = |error: hyper::Error| Trouble::when("no answer", causes(&error));
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(limits::HEADERS)
        .max_buf_size(limits::HEADER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    driver.spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(failed)
}

/// Reads a body into the reply, as far as the bound goes.
async fn read(mut body: Incoming, reply: &mut Reply) {
    while let Some(frame) = body.frame().await {
        let bytes = match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_trailers)) => continue,
            Err(error) => {
                reply.cut = Some(format!("the answer broke off: {}", causes(&error)));
                return;
            }
        };
        let room = limits::NOTICE_ANSWER_BYTES.saturating_sub(reply.body.len());
        reply.body.extend(bytes.iter().take(room));
        if bytes.len() > room {
            reply.cut =
                Some(format!("only the first {} bytes were read", limits::NOTICE_ANSWER_BYTES));
            return;
        }
    }
}

/// An error with what is behind it: hyper's own sentence seldom says what happened.
fn causes(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
