//! HTTP byte by byte: a client that can also send what no client should.

use std::net::SocketAddr;

use holdfast_gateway::clock::patience;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::errors;

/// Longer than any answer takes: whoever waits so long has found a request that hangs.
pub(crate) const PATIENCE_MS: u64 = 30_000;

/// A request as it is put on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer as it came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST", target: target.to_owned(), headers: vec![], body: body.into() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The request with its length told, and the connection closed after the answer.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n", self.body.len());
        [self.head(&length).as_bytes(), &self.body].concat()
    }

    /// The request in chunks of so many bytes.
    pub(crate) fn chunked(&self, size: usize) -> Vec<u8> {
        let mut bytes = self.head("Transfer-Encoding: chunked\r\n").into_bytes();
        for chunk in self.body.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    fn head(&self, length: &str) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let named = self.headers.iter().any(|(name, _)| name == "Host");
        let host = if named { "" } else { "Host: gateway\r\n" };
        format!(
            "{} {} HTTP/1.1\r\n{host}Connection: close\r\n{headers}{length}\r\n",
            self.method, self.target
        )
    }
}

impl Answer {
    /// The body, which has to be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A text field of the body; empty when there is none.
    pub(crate) fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    /// Status and error code, as `401 BAD_SIGN`.
    pub(crate) fn outcome(&self) -> String {
        format!("{} {}", self.status, self.field("errCode"))
    }
}

/// Sends bytes on a connection of their own, says that no more follow, and takes what comes back. `None` when
/// the connection was closed without an answer.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let talk = async {
        let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
        let send = async {
            // A server may answer and close before it has read everything.
            let _ = to.write_all(bytes).await;
        };
        let take = async {
            let mut taken = vec![];
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece).await {
                taken.extend_from_slice(&piece[..count]);
            }
            taken
        };
        tokio::join!(send, take).1
    };
    let taken =
        patience(PATIENCE_MS, talk).await.expect("the gateway answers or closes the connection");
    checked(address, &taken)
}

/// Like [`exchange`], for bytes that may announce more than they bring: the sending side is closed behind them.
pub(crate) async fn exchange_and_close(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut taken = vec![];
        // A connection that is reset has nothing more to say either.
        let _ = stream.read_to_end(&mut taken).await;
        taken
    };
    let taken =
        patience(PATIENCE_MS, talk).await.expect("the gateway answers or closes the connection");
    checked(address, &taken)
}

/// The answer in `bytes`, after a look at what every answer has to have, whatever the test is about.
fn checked(address: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let answer = read_answer(bytes)?;
    if let Ok(body) = serde_json::from_slice(&answer.body) {
        errors::says_where_it_is_explained(address, &body);
    }
    Some(answer)
}

/// The last answer in `bytes`: `100 Continue` may come before it.
fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let mut rest = bytes;
    loop {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("not an answer: {head}"));
        rest = &rest[end + 4..];
        if status >= 200 {
            return Some(Answer { status, head, body: rest.to_vec() });
        }
    }
}
