//! What can be seen of a gateway from outside: each step to it by itself, so that it is known which one fails.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use holdfast_domain::Moment;
use holdfast_gateway::{
    clock::{Clock, Stopwatch, patience},
    limits,
};
use holdfast_wire::{code::Code, time};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Request, Uri,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ADDRESS, CERTIFICATE, CHECK_MS, CLOCK, CONNECTION, Finding, GATEWAY};

/// A clock that is off by more than this is told, in milliseconds: soon it will be off by too much.
const OFF_MS: i64 = 60_000;

/// How far a signature's time may be off unless a gateway is told otherwise, in milliseconds.
const ALLOWED_MS: i64 = 15 * 60_000;

/// A certificate that ends within so many days is told.
const ENDS_DAYS: i64 = 21;

/// A certificate that ends within so many days is as good as over.
const OVER_DAYS: i64 = 3;

const DAY_MS: i64 = 86_400_000;

/// How much of an answer is read, in bytes.
const ANSWER_BYTES: usize = 4_096;

type Sender = SendRequest<Empty<Bytes>>;

/// Where a gateway is said to be.
struct Target {
    secure: bool,
    host: String,
    port: u16,
    /// What every path begins with.
    prefix: String,
}

/// What a gateway answered.
struct Answer {
    status: u16,
    body: String,
    /// What the answer says that time it is.
    at: Option<Moment>,
}

/// Goes to a gateway step by step. Tells what was found, and whether it can be asked something.
pub(super) async fn examine(url: &str) -> (Vec<Finding>, bool) {
    let mut findings = vec![];
    let reached = go(url, &mut findings).await;
    if let Err(finding) = reached {
        findings.push(finding);
        return (findings, false);
    }
    (findings, true)
}

/// Goes as far as it gets; the error is why no further.
async fn go(url: &str, findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let target = Target::read(url)?;
    let addresses = target.addresses().await?;
    let stream = target.connect(&addresses, findings).await?;
    // Ends with this function, whatever becomes of the connection.
    let mut driver = JoinSet::new();
    let mut sender = if target.secure {
        let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let stream = target.greet(stream, Arc::new(public), findings).await?;
        begin(stream, &mut driver).await?
    } else {
        if !addresses.iter().all(|address| address.ip().is_loopback()) {
            findings.push(Finding::warning(
                CERTIFICATE,
                "the connection is not encrypted: whoever is between reads and replays everything (连接未加密)",
                "put a TLS proxy before the gateway, and say --base-url https://…",
            ));
        }
        begin(stream, &mut driver).await?
    };
    let (before, watch) = (Clock::running(0).wall(), Stopwatch::start());
    let health = target.ask(&mut sender, "/healthz").await?;
    let took_ms = i64::try_from(watch.elapsed().as_millis()).unwrap_or(i64::MAX);
    if health.status >= 500 {
        findings.push(Finding::bad(
            GATEWAY,
            format!("HTTP status {} from /healthz: a proxy answers, and the gateway behind it does not (代理有应答，网关无应答)", health.status),
            "start the gateway, and see where the proxy looks for it",
        ));
    } else if health.status != 200 || health.body.trim() != "ok" {
        findings.push(Finding::left_out(
            GATEWAY,
            format!("HTTP status {} from /healthz: this is no Holdfast gateway, or a proxy keeps the path back (不是 Holdfast 网关)", health.status),
            "whether it takes requests: holdfast call query --help",
        ));
    } else {
        let ready = target.ask(&mut sender, "/readyz").await?;
        findings.push(match ready.status {
            200 => Finding::good(GATEWAY, "it runs, and its store writes (运行正常，存储可写)"),
            status => Finding::bad(
                GATEWAY,
                format!(
                    "it runs and is not ready: HTTP status {status}, {} (未就绪)",
                    plain(&ready.body)
                ),
                "the gateway's log says why; then look at the disk, and start the gateway again",
            ),
        });
    }
    findings.push(match health.at {
        // Written at some moment between; it tells whole seconds.
        Some(there) => {
            skew(before.plus_ms(took_ms / 2).0.saturating_sub(there.0.saturating_add(500)))
        }
        None => {
            Finding::left_out(CLOCK, "the answer does not say what time it is (应答没有 Date)", "")
        }
    });
    Ok(())
}

impl Target {
    fn read(url: &str) -> Result<Self, Finding> {
        let wrong = || {
            Finding::bad(
                ADDRESS,
                format!("{url:?} is not an address (地址无效)"),
                "--base-url http://127.0.0.1:8080",
            )
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { secure, host, port, prefix })
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Finding> {
        let todo = format!("check the name in --base-url, and: getent hosts {}", self.host);
        let unknown = |why: String| {
            let text = format!("the name {} leads nowhere: {why} (域名无法解析)", self.host);
            Finding::bad(ADDRESS, text, todo.clone())
        };
        let found = patience(CHECK_MS, lookup_host((self.host.as_str(), self.port))).await;
        let found = found.ok_or_else(|| unknown(format!("no answer within {CHECK_MS} ms")))?;
        let found = found.map_err(|error| unknown(error.to_string()))?;
        let found: Vec<SocketAddr> = found.take(limits::NOTICE_ADDRESSES).collect();
        if found.is_empty() { Err(unknown("it has no address".to_owned())) } else { Ok(found) }
    }

    /// A connection to the first address that takes one.
    async fn connect(
        &self,
        addresses: &[SocketAddr],
        findings: &mut Vec<Finding>,
    ) -> Result<TcpStream, Finding> {
        let mut trouble = String::new();
        let watch = Stopwatch::start();
        for address in addresses {
            match patience(limits::NOTICE_CONNECT_MS, TcpStream::connect(address)).await {
                Some(Ok(stream)) => {
                    let ms = watch.elapsed().as_millis();
                    findings.push(Finding::good(
                        CONNECTION,
                        format!("{address} takes connections, after {ms} ms (可以连接)"),
                    ));
                    return Ok(stream);
                }
                Some(Err(error)) => trouble = format!("{address}: {error}"),
                None => {
                    let ms = limits::NOTICE_CONNECT_MS;
                    trouble = format!("{address}: not accepted within {ms} ms");
                }
            }
        }
        let near = addresses.iter().all(|address| address.ip().is_loopback());
        let todo = match near {
            true => format!("start one: holdfast serve --listen {}:{}", self.host, self.port),
            false => {
                "check the port, that the gateway runs, and what a firewall between lets through"
                    .to_owned()
            }
        };
        Err(Finding::bad(CONNECTION, format!("no connection: {trouble} (无法连接)"), todo))
    }

    /// TLS as the client itself does it, and how long the certificate lasts.
    async fn greet(
        &self,
        stream: TcpStream,
        roots: Arc<RootCertStore>,
        findings: &mut Vec<Finding>,
    ) -> Result<TlsStream<TcpStream>, Finding> {
        let untrusted = |text: String, todo: &str| Finding::bad(CERTIFICATE, text, todo);
        let name = ServerName::try_from(self.host.clone()).map_err(|_| {
            untrusted(format!("{} cannot have a certificate", self.host), "use its name")
        })?;
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring serves the default TLS versions")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let greeted = patience(CHECK_MS, connector.connect(name.clone(), stream)).await;
        let stream = match greeted {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
                return Err(distrust(&self.host, &error, cause));
            }
            None => {
                let text = format!(
                    "TLS with {} is not agreed on within {CHECK_MS} ms (TLS 握手超时)",
                    self.host
                );
                return Err(untrusted(text, "check that the port is the one of HTTPS"));
            }
        };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let ends = ends(chain, &name, roots, provider);
        findings.push(lasting(&self.host, ends, Clock::running(0).wall()));
        Ok(stream)
    }

    /// Asks for a path that says something of the gateway itself.
    async fn ask(&self, sender: &mut Sender, path: &str) -> Result<Answer, Finding> {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let request = Request::get(format!("{}{path}", self.prefix))
            .header(header::HOST, format!("{host}:{}", self.port))
            .header(header::USER_AGENT, concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new());
        let request = request.map_err(|error| silent(&error.to_string()))?;
        let asked = async {
            sender.ready().await.map_err(|error| silent(&error.to_string()))?;
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|error| silent(&error.to_string()))?;
            let (status, date) = (answer.status().as_u16(), answer.headers().get(header::DATE));
            let at = date.and_then(|date| read_date(date.to_str().ok()?));
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_or_else(|_| Bytes::new(), |body| body.to_bytes());
            Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), at })
        };
        let late = || silent(&format!("nothing came within {CHECK_MS} ms"));
        patience(CHECK_MS, asked).await.unwrap_or_else(|| Err(late()))
    }
}

/// Speaks HTTP over a connection.
async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    driver: &mut JoinSet<()>,
) -> Result<Sender, Finding> {
    let begun = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = begun.map_err(|error| silent(&error.to_string()))?;
    driver.spawn(async move {
        // What goes wrong is told to whoever waits for the answer.
        let _ = connection.await;
    });
    Ok(sender)
}

fn silent(why: &str) -> Finding {
    Finding::bad(
        GATEWAY,
        format!("it takes connections and does not answer HTTP: {why} (无 HTTP 应答)"),
        "check the port, and whether it is http or https",
    )
}

/// One line of what somebody else wrote.
fn plain(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Why TLS failed, and what to do.
fn distrust(host: &str, error: &dyn std::fmt::Display, cause: Option<&rustls::Error>) -> Finding {
    let (why, todo) = match cause {
        Some(rustls::Error::InvalidCertificate(fault)) => match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
                "it has ended (证书已过期)",
                "renew the certificate; then check that the proxy has read the new one",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
                "it is not valid yet (证书尚未生效)",
                "check the clock of this machine, then the certificate",
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (
                    "it is for another name (证书域名不符)",
                    "use the name that is in the certificate, or get one for this name",
                )
            }
            CertificateError::UnknownIssuer => (
                "nobody who is trusted has issued it (证书颁发者不受信任)",
                "have the server send the intermediate certificates too, or get a certificate from a public authority; the check cannot be switched off",
            ),
            _ => ("it cannot be trusted (证书不可信)", "get a certificate from a public authority"),
        },
        _ => (
            "TLS failed (TLS 握手失败)",
            "check that the port is the one of HTTPS, and that it speaks TLS 1.2 or 1.3",
        ),
    };
    Finding::bad(CERTIFICATE, format!("{host}: {why}: {error}"), todo)
}

/// When our own check of certificates will begin to refuse this chain. It says so when it is asked how things are in a
/// time when everything has ended.
fn ends(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Option<Moment> {
    /// The end of the year 9999, in seconds since 1970: certificates cannot name a later moment.
    const END: u64 = 253_402_300_800;
    let (own, others) = chain.split_first()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build().ok()?;
    let end = UnixTime::since_unix_epoch(Duration::from_secs(END));
    match verifier.verify_server_cert(own, others, name, &[], end) {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => i64::try_from(not_after.as_secs())
            .ok()
            .map(|seconds| Moment(seconds.saturating_mul(1_000))),
        _ => None,
    }
}

fn lasting(host: &str, ends: Option<Moment>, now: Moment) -> Finding {
    let Some(ends) = ends else {
        return Finding::good(
            CERTIFICATE,
            format!("{host} has a certificate that is trusted (证书可信)"),
        );
    };
    let days = ends.0.saturating_sub(now.0).div_euclid(DAY_MS);
    let text = format!(
        "{host} has a certificate that is trusted until {}, {days} days (证书有效期剩 {days} 天)",
        ends.day()
    );
    let todo = "renew the certificate, and see why it was not renewed by itself";
    if days <= OVER_DAYS {
        return Finding::bad(CERTIFICATE, text, todo);
    }
    match days <= ENDS_DAYS {
        true => Finding::warning(CERTIFICATE, text, todo),
        false => Finding::good(CERTIFICATE, text),
    }
}

/// What follows from this machine's clock being so far ahead of the gateway's, in milliseconds.
fn skew(ahead_ms: i64) -> Finding {
    let (seconds, code) = (ahead_ms.saturating_abs() / 1_000, Code::AbnormalRequestTime);
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    let text =
        format!("this machine is {seconds} seconds {side} the gateway (与网关相差 {seconds} 秒)");
    let todo = match seconds.saturating_add(30) % 3_600 {
        // Nobody's clock drifts by whole hours.
        0..=60 if seconds > 1_800 => {
            "the machine's zone is wrong, or its clock was set to local time: timedatectl"
        }
        _ => "timedatectl set-ntp true",
    };
    let off_ms = ahead_ms.saturating_abs();
    if off_ms <= OFF_MS {
        let text = format!("this machine and the gateway agree to within {} s", seconds.max(1));
        return Finding::good(CLOCK, format!("{text} (时钟一致)"));
    }
    if off_ms <= ALLOWED_MS {
        let most = ALLOWED_MS / 1_000;
        let text = format!("{text}; beyond {most} seconds signed requests are answered {code}");
        return Finding::warning(CLOCK, text, todo);
    }
    Finding::bad(CLOCK, format!("{text}: signed requests are answered {code}"), todo)
}

/// Reads a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_date(text: &str) -> Option<Moment> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split(' ').skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|known| *known == month)?.checked_add(1)?;
    let beijing = time::parse(&format!("{year}-{month:02}-{day} {clock}"))?;
    // Read as a time in Beijing, where it was eight hours earlier.
    (words.next() == Some("GMT")).then(|| beijing.plus_ms(8 * 3_600_000))
}

#[cfg(test)]
mod tests {
    use holdfast_domain::Day;

    use super::*;
    use crate::doctor::Mark;

    #[test]
    fn a_date_of_http_is_read() {
        let read = |text| read_date(text).map(time::show);
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").as_deref(), Some("1994-11-06 16:49:37"));
        assert_eq!(read("Thu, 31 Dec 2026 23:00:00 GMT").as_deref(), Some("2027-01-01 07:00:00"));
        for wrong in ["", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_clock_is_told_before_it_locks_its_owner_out() {
        let check = |ahead_ms: i64, mark: Mark, said: &str| {
            let Finding { mark: found, text, todo, .. } = skew(ahead_ms);
            let told = format!("{text} {}", todo.unwrap_or_default());
            assert!(found == mark && told.contains(said), "{ahead_ms}: {found:?} {told}");
        };
        check(0, Mark::Good, "agree to within 1 s");
        check(-59_000, Mark::Good, "agree to within 59 s");
        check(300_000, Mark::Warning, "300 seconds ahead of");
        check(-300_000, Mark::Warning, "beyond 900 seconds");
        check(-300_000, Mark::Warning, "ABNORMAL_REQUEST_TIME");
        check(901_000, Mark::Bad, "timedatectl set-ntp true");
        check(8 * 3_600_000, Mark::Bad, "zone");
        check(-8 * 3_600_000 - 5_000, Mark::Bad, "behind");
        check(i64::MIN, Mark::Bad, "behind");
    }

    #[test]
    fn an_address_is_taken_apart() {
        let read = |url| Target::read(url).map(|t| (t.secure, t.host, t.port, t.prefix));
        let is = |secure, host: &str, port, prefix: &str| {
            Ok((secure, host.to_owned(), port, prefix.to_owned()))
        };
        assert_eq!(read("http://127.0.0.1:8080"), is(false, "127.0.0.1", 8080, ""));
        assert_eq!(
            read("https://pay.example/holdfast/"),
            is(true, "pay.example", 443, "/holdfast")
        );
        assert_eq!(read("http://[::1]:1"), is(false, "::1", 1, ""));
        for wrong in ["", "pay.example", "ftp://pay.example", "http://"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    /// An authority of our own, a certificate of it that is good until that year's first day, and its key.
    fn issued(year: i32) -> (Arc<RootCertStore>, Vec<CertificateDer<'static>>, rcgen::KeyPair) {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        (Arc::new(roots), vec![own.der().clone()], key)
    }

    #[test]
    fn the_end_of_a_certificate_is_seen_before_it_comes() {
        let name = ServerName::try_from("localhost").unwrap();
        let provider = || Arc::new(ring::default_provider());
        for year in [2020, 2027, 2049, 3000] {
            let (roots, chain, _) = issued(year);
            let ends = ends(&chain, &name, roots, provider()).unwrap();
            assert_eq!(ends.day(), Day::parse(&format!("{year}-01-01")).unwrap());
        }
        assert_eq!(ends(&[], &name, issued(2027).0, provider()), None);
        let check = |days: i64, mark: Mark| {
            let found = lasting("localhost", Some(Moment(days * DAY_MS + 1)), Moment(0));
            assert!(
                found.mark == mark && found.text.contains(&format!("{days} days")),
                "{found:?}"
            );
        };
        check(90, Mark::Good);
        check(22, Mark::Good);
        check(21, Mark::Warning);
        check(3, Mark::Bad);
        check(-5, Mark::Bad);
    }

    /// Greets a server that has a certificate until that year, as a client that trusts its issuer or nobody.
    async fn greeted(host: &str, year: i32, trusts: bool) -> Vec<Finding> {
        let (roots, chain, key) = issued(year);
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server =
            rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
            // A client that does not trust us hangs up.
            let _ = acceptor.accept(listener.accept().await.unwrap().0).await;
        });
        let target = Target { secure: true, host: host.to_owned(), port, prefix: String::new() };
        let mut findings = vec![];
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let roots = if trusts { roots } else { Arc::new(RootCertStore::empty()) };
        if let Err(finding) = target.greet(stream, roots, &mut findings).await {
            findings.push(finding);
        }
        findings
    }

    #[tokio::test]
    async fn a_certificate_is_judged_as_the_client_judges_it() {
        for (host, year, trusts, mark, said) in [
            ("localhost", 3000, true, Mark::Good, "until 3000-01-01"),
            ("localhost", 2020, true, Mark::Bad, "it has ended"),
            ("pay.example", 3000, true, Mark::Bad, "another name"),
            ("localhost", 3000, false, Mark::Bad, "nobody who is trusted"),
        ] {
            let findings = greeted(host, year, trusts).await;
            let [finding] = &findings[..] else { panic!("{findings:?}") };
            assert!(finding.mark == mark && finding.text.contains(said), "{finding:?}");
            assert_eq!(finding.check, CERTIFICATE);
        }
    }

    #[test]
    fn every_fault_of_a_certificate_comes_with_what_to_do() {
        for (fault, said) in [
            (CertificateError::Expired, "renew"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::NotValidForName, "name"),
            (CertificateError::UnknownIssuer, "intermediate"),
            (CertificateError::BadEncoding, "public authority"),
        ] {
            let error = rustls::Error::InvalidCertificate(fault);
            let found = distrust("pay.example", &error, Some(&error));
            assert!(found.mark == Mark::Bad && found.todo.unwrap().contains(said), "{error}");
        }
    }
}
