//! Which addresses are connected to, and what is made of whoever answers there.

use std::{fs, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

#[test]
fn only_ordinary_addresses_are_connected_to_in_live() {
    use Environment::{Live, Test};

    for (address, live, test) in [
        ("8.8.8.8", "", ""),
        ("1.1.1.1", "", ""),
        ("2606:4700::1111", "", ""),
        ("127.0.0.1", "a loopback address", ""),
        ("127.255.0.9", "a loopback address", ""),
        ("::1", "a loopback address", ""),
        ("10.0.0.1", "a private address", ""),
        ("172.16.0.1", "a private address", ""),
        ("172.31.255.255", "a private address", ""),
        ("172.32.0.1", "", ""),
        ("192.168.1.1", "a private address", ""),
        ("fd12:3456::1", "a private address", ""),
        ("::ffff:10.0.0.1", "a private address", ""),
        ("::ffff:8.8.8.8", "", ""),
        ("169.254.169.254", "a link-local address", "a link-local address"),
        ("::ffff:169.254.169.254", "a link-local address", "a link-local address"),
        ("fe80::1", "a link-local address", "a link-local address"),
        ("fd00:ec2::254", "the address of a cloud's metadata", "the address of a cloud's metadata"),
        ("fd20:ce::254", "the address of a cloud's metadata", "the address of a cloud's metadata"),
        ("168.63.129.16", "the address of a cloud's metadata", "the address of a cloud's metadata"),
        ("168.63.129.17", "", ""),
        ("100.100.100.200", "a shared address", "a shared address"),
        ("100.128.0.1", "", ""),
        ("0.0.0.0", "an unspecified address", "an unspecified address"),
        ("::", "an unspecified address", "an unspecified address"),
        ("224.0.0.1", "a multicast address", "a multicast address"),
        ("ff02::1", "a multicast address", "a multicast address"),
        ("255.255.255.255", "a reserved address", "a reserved address"),
        ("192.0.2.1", "a documentation address", "a documentation address"),
        ("198.51.100.1", "a documentation address", "a documentation address"),
        ("203.0.113.1", "a documentation address", "a documentation address"),
        ("2001:db8::1", "a documentation address", "a documentation address"),
        ("3fff::1", "a documentation address", "a documentation address"),
        ("198.19.0.1", "a benchmarking address", "a benchmarking address"),
        ("192.0.0.8", "a protocol address", "a protocol address"),
        ("2001::1", "a protocol address", "a protocol address"),
        ("2002:a00:1::1", "a relay address", "a relay address"),
        ("64:ff9b::a00:1", "a translated address", "a translated address"),
        ("::10.0.0.1", "not an ordinary address", "not an ordinary address"),
        ("fec0::1", "not an ordinary address", "not an ordinary address"),
        ("4000::1", "not an ordinary address", "not an ordinary address"),
    ] {
        for (environment, expected) in [(Live, live), (Test, test)] {
            let border = Border::new(environment, &[]);
            let found = border.check(address.parse().unwrap()).err().unwrap_or_default();
            assert_eq!(found, expected, "{address} in {environment}");
            let everything = ["0.0.0.0/0", "::/0"].map(|network| network.parse().unwrap());
            let open = Border::new(environment, &everything);
            assert_eq!(open.check(address.parse().unwrap()), Ok(()), "{address} allowed");
        }
    }
    let border = Border::new(Live, &["10.1.0.0/16".parse().unwrap()]);
    for (address, allowed) in [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("10.2.0.1", false)] {
        assert_eq!(border.check(address.parse().unwrap()).is_ok(), allowed, "{address}");
    }
}

#[test]
fn an_address_is_http_or_https_with_a_host_and_nobody_s_name() {
    for (url, expected) in [
        ("http://Shop.example", "http://shop.example:80 / shop.example"),
        ("https://shop.example/a/b?c=d#e", "https://shop.example:443 /a/b?c=d shop.example"),
        ("https://shop.example:8443/", "https://shop.example:8443 / shop.example:8443"),
        ("http://shop.example:/", "http://shop.example:80 / shop.example"),
        ("http://[::1]:81/x", "http://[::1]:81 /x [::1]:81"),
        ("HTTP://10.0.0.1", "http://10.0.0.1:80 / 10.0.0.1"),
        ("http://shop.example?shop=7", "http://shop.example:80 /?shop=7 shop.example"),
        ("http://shop.example#top", "http://shop.example:80 / shop.example"),
        ("http://shop.example/?room=房", "http://shop.example:80 /?room=%E6%88%BF shop.example"),
        (
            "http://shop.example/通知/a%20b",
            "http://shop.example:80 /%E9%80%9A%E7%9F%A5/a%20b shop.example",
        ),
        ("http://酒店.example/", "it is not a URL"),
        ("http://[fe80::1%25eth0]/", "its host has a %"),
        ("http://shop.example./", "http://shop.example.:80 / shop.example."),
        ("ftp://shop.example/", "it begins with neither http:// nor https://"),
        ("/notify", "it begins with neither http:// nor https://"),
        ("http:///notify", "it is not a URL"),
        ("http://me:secret@shop.example/", "it has a user or a password before the host"),
        ("http://8.8.8.8@127.0.0.1/", "it has a user or a password before the host"),
        ("http://shop.example:99999/", "its port is not a number up to 65535"),
        ("http://sh op/", "it is not a URL"),
        ("", "it is not a URL"),
    ] {
        let found = Target::parse(url).map_or_else(
            |trouble| trouble.to_string(),
            |target| format!("{} {} {}", target.origin(), target.path, target.header()),
        );
        let found = found.replace("the address cannot be used: ", "");
        assert_eq!(found, expected, "{url}");
    }
}

/// What a receiver sends once it has read a request; then it closes the connection, unless it hangs.
#[derive(Clone, Copy)]
enum Act {
    Answers(&'static str),
    /// Sends a head, and then a body that does not end.
    Endless,
    /// Keeps the connection and says no more than this.
    Hangs(&'static str),
}

async fn receiver(act: Act) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/notify", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read(&mut stream).await;
            play(stream, act).await;
        }
    });
    url
}

/// Reads a request, whose body is the word `body`.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = vec![];
    while !bytes.ends_with(b"\r\n\r\nbody") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    String::from_utf8(bytes).unwrap()
}

async fn play(mut stream: TcpStream, act: Act) {
    match act {
        Act::Answers(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Act::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            // Until the other side has heard enough.
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
        Act::Hangs(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}

fn outbound() -> Outbound {
    Outbound::new(Border::new(Environment::Test, &[]), None).unwrap()
}

async fn post(url: &str) -> String {
    let headers = [("content-type", "text/plain".to_owned())];
    told(outbound().post(url, &headers, "body".to_owned()).await)
}

fn told(answer: Result<Reply, Trouble>) -> String {
    match answer {
        Err(trouble) => trouble.to_string(),
        Ok(Reply { status, location, body, cut }) => {
            let body = match body.len() {
                0..100 => String::from_utf8(body).unwrap(),
                long => format!("{long} bytes"),
            };
            [Some(format!("{status} {body}")), location, cut]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" | ")
        }
    }
}

#[tokio::test]
async fn whatever_a_receiver_does_is_told_and_bounded() {
    for (act, expected) in [
        (Act::Answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "200 ok"),
        (Act::Answers("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), "500 "),
        (
            Act::Answers(
                "HTTP/1.1 302 Away\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            ),
            "302  | http://127.0.0.1:1/",
        ),
        (Act::Endless, "200 65536 bytes | only the first 65536 bytes were read"),
        (
            Act::Answers("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"),
            "200 ok | the answer broke off: ",
        ),
        (Act::Answers("rubbish\r\n\r\n"), "no answer: "),
        (Act::Answers(""), "no answer: "),
    ] {
        let url = receiver(act).await;
        let found = post(&url).await;
        assert!(found.starts_with(expected), "{found:?}, not {expected:?}");
    }
}

#[tokio::test]
async fn of_where_a_redirect_leads_only_the_beginning_is_kept() {
    let far = "x".repeat(limits::NOTICE_ANSWER_KEPT);
    let head = format!("HTTP/1.1 302 Away\r\nlocation: {far}yz\r\ncontent-length: 0\r\n\r\n");
    let url = receiver(Act::Answers(head.leak())).await;
    assert_eq!(post(&url).await, format!("302  | {far}"));
}

// Time that stands still while anybody works, and leaps when all wait.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_not_waited_for_longer_than_the_bound() {
    for (said, expected) in [
        ("", "no answer within 10000 ms"),
        ("HTTP/1.1 200 OK\r\n", "no answer within 10000 ms"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
            "200 ok | the answer did not end within 10000 ms",
        ),
    ] {
        let url = receiver(Act::Hangs(said)).await;
        assert_eq!(post(&url).await, expected, "{said:?}");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let found = post(&format!("http://{free}/")).await;
    assert!(found.starts_with(&format!("connect to {free}: ")), "{found}");
    let found = post("http://no-such-host.invalid/").await;
    assert!(found.starts_with("look up no-such-host.invalid: "), "{found}");
}

#[tokio::test]
async fn a_lookup_that_does_not_end_keeps_its_place_when_nobody_waits_for_it() {
    let lookups = Lookups::default();
    let (answer, answers) = std::sync::mpsc::channel::<()>();
    let (asked, asks) = tokio::sync::oneshot::channel();
    let hangs = lookups.ask(move || {
        asked.send(()).unwrap();
        let _ = answers.recv();
        Ok(vec![])
    });
    tokio::select! {
        biased;
        _ = hangs => panic!("nobody has answered"),
        _ = asks => {}
    }
    assert_eq!(lookups.0.available_permits(), limits::NOTICE_LOOKUPS - 1);
    drop(answer);
    let all = u32::try_from(limits::NOTICE_LOOKUPS).unwrap();
    drop(lookups.0.acquire_many(all).await.unwrap());
}

#[tokio::test]
async fn while_no_more_names_can_be_looked_up_addresses_in_digits_are_reached() {
    let url = receiver(Act::Answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).await;
    let outbound = Outbound { lookups: Lookups(Arc::new(Semaphore::new(0))), ..outbound() };
    assert_eq!(told(outbound.post(&url, &[], "body".to_owned()).await), "200 ok");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_looked_up_now_is_not_waited_for_longer_than_the_bound() {
    let outbound = Outbound { lookups: Lookups(Arc::new(Semaphore::new(0))), ..outbound() };
    let found = told(outbound.post("http://localhost:9/", &[], "body".to_owned()).await);
    assert_eq!(found, "no answer within 10000 ms");
}

#[tokio::test]
async fn a_name_is_resolved_and_its_address_checked_before_anything_is_sent() {
    // Also in its other spellings, which only the resolver knows.
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"] {
        let live = Outbound::new(Border::new(Environment::Live, &[]), None).unwrap();
        let found = told(live.post(&format!("http://{host}:9/"), &[], String::new()).await);
        assert!(found.contains("a loopback address: nothing is sent there"), "{host}: {found}");
    }
    let found = post("http://169.254.169.254/latest/meta-data/").await;
    assert!(found.contains("169.254.169.254 is 169.254.169.254, a link-local address"), "{found}");
}

#[tokio::test]
async fn certificates_are_checked_against_the_host_and_the_trusted_authorities() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("ca.pem");
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(&file, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    for (name, trusted, expected) in [
        ("localhost", true, "200 ok"),
        ("localhost", false, "TLS with localhost: invalid peer certificate: UnknownIssuer"),
        (
            "other.example",
            true,
            "TLS with localhost: invalid peer certificate: certificate not valid for name",
        ),
    ] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let request = read(&mut stream).await;
            assert!(request.contains(&format!("host: localhost:{port}\r\n")), "{request}");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let border = Border::new(Environment::Test, &[]);
        let outbound = Outbound::new(border, trusted.then_some(file.as_path())).unwrap();
        let url = format!("https://localhost:{port}/");
        let found = told(outbound.post(&url, &[], "body".to_owned()).await);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("ca.pem");
    let open = || {
        Outbound::new(Border::new(Environment::Live, &[]), Some(&file)).err().unwrap().to_string()
    };
    assert!(open().starts_with("notify_ca_file "), "{}", open());
    for text in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
    {
        fs::write(&file, text).unwrap();
        assert!(open().contains("write certificates in PEM into it"), "{text}: {}", open());
    }
}
