//! The client against a gateway that does exactly what a test tells it, over a real socket.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use holdfast_client::{
    AppId, AppKey, AuthCode, BillNo, CallError, Client, Day, Fault, OrderId, Repeat, Scheme,
    Unknown, messages::PreauthedCancel,
};
use holdfast_wire::auth::Authorization;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

const APP: &str = "12345678901234567890123456789012";
const KEY: &str = "67890123456789012345678901234567";

const DONE: &str = r#"{"errCode":"SUCCESS","responseTimestamp":"2022-04-21 15:00:53","mid":"898201612345678","tid":"88880001","billPayment":{"totalAmount":38000,"status":"TRADE_CLOSED"}}"#;

/// What the gateway does with one request.
#[derive(Clone)]
enum Act {
    /// Answers.
    Answer(u16, String),
    /// Answers with a header `Location`.
    Redirect(&'static str),
    /// Closes the connection after it has read the request.
    HangUp,
    /// Says nothing, for as long as the client listens.
    Silence,
    /// Begins an answer and closes the connection.
    BreakOff,
}

/// A request as the gateway received it.
struct Received {
    path: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

/// A gateway that does what it is told, one act for each request, and the requests it received.
async fn gateway(acts: Vec<Act>) -> (String, Arc<Mutex<Vec<Received>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(vec![]));
    let book = received.clone();
    tokio::spawn(async move {
        let mut acts = acts.into_iter();
        let mut silent = vec![];
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let Some(request) = read(&mut socket).await else { continue };
            book.lock().unwrap().push(request);
            match acts.next().expect("no more requests than acts") {
                Act::Answer(status, body) => answer(&mut socket, status, "", &body).await,
                Act::Redirect(to) => {
                    answer(&mut socket, 302, &format!("location: {to}\r\n"), "").await
                }
                Act::HangUp => drop(socket),
                Act::Silence => silent.push(socket),
                Act::BreakOff => {
                    socket
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                        .await
                        .unwrap();
                }
            }
        }
    });
    (url, received)
}

async fn answer(socket: &mut TcpStream, status: u16, header: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{header}\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body.as_bytes()).await.unwrap();
}

async fn read(socket: &mut TcpStream) -> Option<Received> {
    let mut bytes = vec![];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let header = |name: &str| {
                let line = head.lines().find(|line| line.to_lowercase().starts_with(name));
                line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned())
            };
            let length: usize =
                header("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let body = body.as_bytes().to_vec();
                return Some(Received { path, authorization: header("authorization"), body });
            }
        }
        if socket.read_buf(&mut bytes).await.unwrap() == 0 {
            return None;
        }
    }
}

fn client(url: &str, scheme: Scheme) -> Client {
    Client::builder()
        .base_url(url)
        .credentials(AppId::parse(APP).unwrap(), AppKey::parse(KEY).unwrap())
        .scheme(scheme)
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap()
}

fn reversal(client: &Client) -> PreauthedCancel {
    PreauthedCancel {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: BillNo::parse("124F2023071912562344830889").unwrap(),
        bill_date: Day::parse("2023-07-19").unwrap(),
        mer_order_id: OrderId::parse("327M22061819820261705544110").unwrap(),
        auth_id_resp_cd: AuthCode::parse("206067").unwrap(),
    }
}

fn says(status: u16, body: &str) -> Act {
    Act::Answer(status, body.to_owned())
}

/// Plays one reversal against a gateway that does `act`, and looks at the error.
async fn check(act: Act, expected: impl Fn(&CallError) -> bool) {
    let (url, received) = gateway(vec![act]).await;
    let client = client(&url, Scheme::BodySig);
    let error = client.call(&reversal(&client)).await.expect_err("none of these succeeds");
    assert!(expected(&error), "{error:?}");
    assert_eq!(received.lock().unwrap().len(), 1, "nothing is ever sent twice");
}

#[tokio::test]
async fn a_request_is_signed_over_the_bytes_that_are_sent() {
    let (url, received) = gateway(vec![says(200, DONE)]).await;
    let client = client(&url, Scheme::BodySig);
    let done = client.call(&reversal(&client)).await.unwrap();
    assert_eq!(done.bill_payment.total_amount.map(|fen| fen.fen()), Some(38_000));

    let received = received.lock().unwrap();
    let [request] = &received[..] else { panic!("one request") };
    assert_eq!(request.path, "/v1/netpay/bills/preauthed-cancel");
    let header = request.authorization.as_deref().unwrap();
    let Ok(Authorization::BodySig(signed)) = Authorization::parse(header) else {
        panic!("{header}")
    };
    assert!(signed.verify(&AppKey::parse(KEY).unwrap(), &request.body));
}

#[tokio::test]
async fn nothing_was_sent_to_a_port_where_nobody_listens() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client(&format!("http://{closed}"), Scheme::BodySig);
    let error = client.call(&reversal(&client)).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(Fault::Unreachable { .. })), "{error:?}");
    assert_eq!(error.repeat(), Repeat::Safe);
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_leaves_the_outcome_unknown() {
    let lost = |error: &CallError| {
        matches!(error, CallError::OutcomeUnknown(Unknown::ConnectionLost { .. }))
    };
    check(Act::HangUp, lost).await;
    check(Act::BreakOff, lost).await;
}

#[tokio::test]
async fn silence_leaves_the_outcome_unknown() {
    check(Act::Silence, |error| {
        matches!(error, CallError::OutcomeUnknown(Unknown::NoAnswerInTime { waited_ms: 500 }))
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = "x".repeat(holdfast_client::ANSWER_MAX + 1);
    check(says(200, &endless), |error| {
        matches!(error, CallError::OutcomeUnknown(Unknown::Unreadable { status: 200, .. }))
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    check(Act::Redirect("https://elsewhere.example/"), |error| {
        matches!(error, CallError::Fault(Fault::NotAGateway { status: 302, location: Some(to), .. })
            if to == "https://elsewhere.example/")
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config)).accept(socket).await.is_ok()
    });
    let client = client(&url, Scheme::BodySig);
    let error = client.call(&reversal(&client)).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(Fault::Unreachable { .. })), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(!server.await.unwrap(), "the client went on");
}

#[tokio::test]
async fn one_token_serves_all_clones_until_it_is_refused() {
    let token = |token: &str| {
        says(200, &format!(r#"{{"errCode":"0000","accessToken":"{token}","expiresIn":3600}}"#))
    };
    let refused = says(401, r#"{"errCode":"BAD_SIGN","errInfo":"认证失败"}"#);
    let acts = vec![
        token("one"),
        says(200, DONE),
        says(200, DONE),
        refused,
        token("two"),
        says(200, DONE),
    ];
    let (url, received) = gateway(acts).await;
    let client = client(&url, Scheme::AccessToken);
    for client in [client.clone(), client.clone(), client] {
        client.call(&reversal(&client)).await.unwrap();
    }

    let shown: Vec<String> = received
        .lock()
        .unwrap()
        .iter()
        .map(|request| request.authorization.clone().unwrap_or_default())
        .collect();
    let one = "OPEN-ACCESS-TOKEN AccessToken=one";
    assert_eq!(shown, ["", one, one, one, "", "OPEN-ACCESS-TOKEN AccessToken=two"]);
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_not_fetched_for_ever() {
    let token = says(200, r#"{"errCode":"0000","accessToken":"t","expiresIn":3600}"#);
    let refused = says(401, r#"{"errCode":"BAD_SIGN"}"#);
    let (url, received) = gateway(vec![token.clone(), refused.clone(), token, refused]).await;
    let client = client(&url, Scheme::AccessToken);
    let error = client.call(&reversal(&client)).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { status: 401, .. }), "{error:?}");
    assert_eq!(received.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn after_an_error_of_the_server_nothing_is_sent_again_whatever_it_says() {
    let token = says(200, r#"{"errCode":"0000","accessToken":"t","expiresIn":3600}"#);
    let broken = says(500, r#"{"errCode":"INTERNAL_ERROR","errInfo":"渠道认证失败"}"#);
    let (url, received) = gateway(vec![token, broken]).await;
    let client = client(&url, Scheme::AccessToken);
    let error = client.call(&reversal(&client)).await.unwrap_err();
    assert!(matches!(error, CallError::OutcomeUnknown(_)), "{error:?}");
    assert_eq!(received.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn all_who_wait_for_a_token_fail_with_it_and_nobody_waits_for_another() {
    let (url, received) = gateway(vec![Act::Silence]).await;
    let client = client(&url, Scheme::AccessToken);
    let reversal = reversal(&client);
    let calls = (client.call(&reversal), client.call(&reversal), client.call(&reversal));
    let (one, two, three) = tokio::join!(calls.0, calls.1, calls.2);
    for error in [one, two, three].map(Result::unwrap_err) {
        assert!(matches!(error, CallError::Fault(Fault::NoToken(_))), "{error:?}");
    }
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_whose_token_cannot_be_had_was_not_sent() {
    let (url, received) = gateway(vec![Act::HangUp]).await;
    let client = client(&url, Scheme::AccessToken);
    let error = client.call(&reversal(&client)).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(Fault::NoToken(_))), "{error:?}");
    assert_eq!(received.lock().unwrap()[0].path, "/v1/token/access");
}

#[tokio::test]
async fn secrets_do_not_print() {
    let client = client("http://127.0.0.1:1", Scheme::BodySig);
    let sent = client.prepare("/v1/netpay/bills/query", b"{\"name\":\"5byg\"}").await.unwrap();
    let printed = format!(
        "{client:?} {sent:?} {:?}",
        Client::builder().credentials(AppId::parse(APP).unwrap(), AppKey::parse(KEY).unwrap(),)
    );
    assert!(!printed.contains(KEY) && !printed.contains("5byg"), "{printed}");
}

#[test]
fn an_address_is_checked_before_anything_is_sent() {
    for bad in [
        "gateway.example",
        "ftp://gateway.example",
        "https://me:secret@gateway.example",
        "https://x/?a=b",
        "",
    ] {
        let key = AppKey::parse(KEY).unwrap();
        let built =
            Client::builder().base_url(bad).credentials(AppId::parse(APP).unwrap(), key).build();
        assert!(built.is_err(), "{bad}");
    }
}

/// What the documentation says of the crate's weight is counted.
#[test]
fn the_weight_is_what_the_documentation_says() {
    let documentation = include_str!("../src/lib.rs").replace("\n//! ", " ");
    for (feature, told) in [
        ("", "bring, 56 crates are linked"),
        ("blocking", "the feature `blocking` 56"),
        ("axum", "with `axum` 60"),
    ] {
        let tree = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "-p",
                "holdfast-client",
                "-e",
                "normal",
                "--prefix",
                "none",
            ])
            .args(["--features", feature])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let names: std::collections::BTreeSet<String> = String::from_utf8(tree.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|name| !name.starts_with("holdfast"))
            .map(str::to_owned)
            .collect();
        assert!(documentation.contains(told), "the documentation does not say: {told}");
        let told: usize = told.split(' ').find_map(|word| word.parse().ok()).unwrap();
        assert_eq!(names.len(), told, "{feature}: {names:?}");
    }
}
