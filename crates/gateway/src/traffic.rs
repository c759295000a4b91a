//! What merchants asked lately and what they were answered, for the test environment: the last exchanges, in memory.
//!
//! A request only leaves its bytes here. What can be told of them, with personal data and secrets hidden, is found out
//! when somebody looks. Nothing of it is written to disk, and a live gateway keeps none of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use holdfast_domain::{BillKey, BillNo, Day, Mid, Moment};
use holdfast_wire::code::Code;
use hyper::{HeaderMap, Method, Uri, header, http::request::Parts};
use serde_json::Value;

use crate::{http::Peer, limits, request::RequestId};

pub(crate) mod mask;

/// The last exchanges, the oldest first.
#[derive(Default)]
pub(crate) struct Traffic(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    exchanges: VecDeque<Arc<Exchange>>,
    bytes: usize,
}

/// A request and its answer, as they came and went.
pub(crate) struct Exchange {
    pub(crate) id: RequestId,
    /// When it was answered, by the wall clock.
    pub(crate) at: Moment,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    sent: Sent,
    answer: Vec<u8>,
    told: OnceLock<Told>,
}

/// What is known of a request before it is answered.
struct Sent {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    peer: Option<Peer>,
    /// `None` when it did not come in whole.
    body: Option<Bytes>,
    verdict: Verdict,
    /// Who it is, where that was proved.
    app: Option<Arc<str>>,
}

/// What became of the proof of who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was refused before anybody looked.
    #[default]
    Unchecked,
    /// There is none.
    Missing,
    /// It cannot be read.
    Unreadable,
    /// The signature is right.
    Right,
    /// The signature is wrong, or the app is unknown.
    Wrong,
    /// The token is good.
    Token,
    /// The token is unknown or over.
    WrongToken,
}

/// What an exchange tells people. Personal data and secrets are hidden.
pub(crate) struct Told {
    /// Who asks, or says so.
    pub(crate) app: String,
    /// The merchant that is asked for.
    pub(crate) mid: String,
    /// The bill that it is about, where the exchange names it.
    pub(crate) bill: Option<BillKey>,
    /// The error code that was answered.
    pub(crate) code: String,
    /// The query of the address, as pairs.
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) answer: String,
    /// Why the signature is wrong, where the answer says so.
    pub(crate) why: Option<Why>,
}

/// What was signed, and what is probably wrong with it: what the answer says to whoever sent it.
#[derive(Default)]
pub(crate) struct Why {
    /// What was signed, piece by piece: the name and the text.
    pub(crate) pieces: Vec<(String, String)>,
    /// In English and Chinese: known mistakes that make this signature, or what to sign.
    pub(crate) mistakes: Vec<(String, String)>,
}

/// Sees a request on its way through the door. In a live gateway it sees nothing, at no cost.
#[derive(Clone)]
pub(crate) struct Witness(Option<Arc<Mutex<Sent>>>);

impl Witness {
    /// One that sees nothing.
    pub(crate) fn blind() -> Self {
        Self(None)
    }

    /// The request came in whole.
    pub(crate) fn body(&self, body: &Bytes) {
        self.note(|sent| sent.body = Some(body.clone()));
    }

    /// What became of the proof of who asks.
    pub(crate) fn verdict(&self, verdict: Verdict) {
        self.note(|sent| sent.verdict = verdict);
    }

    /// Who it is was proved.
    pub(crate) fn proved(&self, verdict: Verdict, app: &Arc<str>) {
        self.note(|sent| (sent.verdict, sent.app) = (verdict, Some(app.clone())));
    }

    fn note(&self, note: impl FnOnce(&mut Sent)) {
        if let Some(sent) = &self.0 {
            note(&mut sent.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Traffic {
    /// A request came to the door.
    pub(crate) fn see(parts: &Parts) -> Witness {
        Witness(Some(Arc::new(Mutex::new(Sent {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            peer: parts.extensions.get().copied(),
            body: None,
            verdict: Verdict::default(),
            app: None,
        }))))
    }

    /// It was answered. The oldest exchanges make room.
    pub(crate) fn keep(
        &self,
        witness: Witness,
        id: RequestId,
        at: Moment,
        took: Duration,
        (status, answer): (u16, &[u8]),
    ) {
        let Some(sent) = witness.0.as_ref() else { return };
        let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let answer = answer.get(..limits::TRAFFIC_ANSWER_BYTES).unwrap_or(answer).to_vec();
        let exchange = Exchange { id, at, took, status, sent, answer, told: OnceLock::new() };
        let mut shelf = self.shelf();
        shelf.bytes = shelf.bytes.saturating_add(exchange.bytes());
        shelf.exchanges.push_back(Arc::new(exchange));
        while shelf.exchanges.len() > limits::TRAFFIC_EXCHANGES
            || shelf.bytes > limits::TRAFFIC_BYTES
        {
            let Some(oldest) = shelf.exchanges.pop_front() else { break };
            shelf.bytes = shelf.bytes.saturating_sub(oldest.bytes());
        }
    }

    /// All of them, the newest first.
    pub(crate) fn newest(&self) -> Vec<Arc<Exchange>> {
        self.shelf().exchanges.iter().rev().cloned().collect()
    }

    /// The exchange of that name, if it is still kept.
    pub(crate) fn find(&self, id: RequestId) -> Option<Arc<Exchange>> {
        self.shelf().exchanges.iter().find(|exchange| exchange.id == id).cloned()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The request, leaving nothing: whoever still holds the witness has nothing more to add.
    fn take(&mut self) -> Self {
        Self {
            method: self.method.clone(),
            uri: std::mem::take(&mut self.uri),
            headers: std::mem::take(&mut self.headers),
            peer: self.peer,
            body: self.body.take(),
            verdict: self.verdict,
            app: self.app.take(),
        }
    }
}

impl Exchange {
    /// What it takes in memory, roughly: also what is told of it later.
    fn bytes(&self) -> usize {
        let headers = self.sent.headers.iter();
        let headers: usize =
            headers.map(|(name, value)| name.as_str().len().saturating_add(value.len())).sum();
        let query = self.sent.uri.query().map_or(0, str::len);
        let once = [self.body_bytes().unwrap_or_default(), self.answer.len(), headers, query, 512];
        once.into_iter().sum::<usize>().saturating_mul(2)
    }

    pub(crate) fn method(&self) -> &str {
        self.sent.method.as_str()
    }

    pub(crate) fn path(&self) -> &str {
        self.sent.uri.path()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.sent.verdict
    }

    /// Where it came from.
    pub(crate) fn peer(&self) -> String {
        self.sent.peer.map(|peer| peer.0.to_string()).unwrap_or_default()
    }

    /// How long its body is; `None` when it did not come in whole.
    pub(crate) fn body_bytes(&self) -> Option<usize> {
        self.sent.body.as_ref().map(Bytes::len)
    }

    /// Whether it was answered with anything but success.
    pub(crate) fn failed(&self) -> bool {
        let code = &self.told().code;
        self.status >= 400 || !code.is_empty() && code != Code::Success.name()
    }

    /// What it tells people. Found out once.
    pub(crate) fn told(&self) -> &Told {
        self.told.get_or_init(|| self.tell())
    }

    fn tell(&self) -> Told {
        let Sent { uri, headers, body, app, .. } = &self.sent;
        let body = body.as_deref().unwrap_or_default();
        let query = uri.query().unwrap_or_default();
        let given = [String::from_utf8_lossy(body), query.into()];
        let form: Vec<(String, String)> = given
            .iter()
            .filter(|text| text.contains('='))
            .flat_map(|text| mask::pairs(text))
            .collect();
        let of_form = |name: &str| form.iter().find(|pair| pair.0 == name).map(|pair| &*pair.1);
        let content = of_form("content").map_or(body, str::as_bytes);
        let asked: Value = serde_json::from_slice(content).unwrap_or_default();
        let answered: Value = serde_json::from_slice(&self.answer).unwrap_or_default();
        let claimed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let claimed = claimed.and_then(|value| mask::part(value, "AppId"));
        let claimed = claimed.or_else(|| of_form("appId").map(str::to_owned));
        let claimed = claimed.or_else(|| text(&asked, "appId").or_else(|| text(&asked, "msgSrc")));
        let either = |name| text(&asked, name).or_else(|| text(&answered, name));
        let bill = || {
            Some(BillKey {
                mid: Mid::parse(&either("mid")?).ok()?,
                no: BillNo::parse(&either("billNo")?).ok()?,
                date: Day::parse(either("billDate")?.get(..10)?)?,
            })
        };
        let shown =
            |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = headers.iter().map(|(name, value)| {
            (name.to_string(), cut(mask::header(name.as_str(), &shown(value))))
        });
        Told {
            app: short(app.as_ref().map(ToString::to_string).or(claimed)),
            mid: short(either("mid")),
            bill: bill(),
            code: short(text(&answered, "errCode")),
            query: if query.is_empty() { String::new() } else { cut(mask::form(query)) },
            headers: headers.collect(),
            body: cut(mask::body(body)),
            answer: cut(mask::body(&self.answer)),
            why: answered.get("signed").map(Why::of),
        }
    }
}

impl Why {
    fn of(signed: &Value) -> Self {
        let mut why = Self::default();
        let both = |value: &Value| Some((text(value, "en")?, text(value, "zh")?));
        why.mistakes.extend(both(signed));
        let mistakes = signed.get("mistakes").and_then(Value::as_array);
        why.mistakes.extend(mistakes.into_iter().flatten().filter_map(both));
        let pieces = ["appId", "timestamp", "nonce", "bodyBytes", "bodyHash", "text"];
        let shown = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let piece = |name: &str| {
            Some((name.to_owned(), cut(mask::field(name, &shown(signed.get(name)?)).into_owned())))
        };
        why.pieces.extend(pieces.into_iter().filter_map(piece));
        why
    }
}

/// The text of a field, or of one in the envelope.
fn text(value: &Value, name: &str) -> Option<String> {
    let found = value.get(name).or_else(|| value.get("data")?.get(name))?;
    found.as_str().map(str::to_owned)
}

/// A name as a table shows it.
fn short(name: Option<String>) -> String {
    name.unwrap_or_default().chars().take(64).collect()
}

/// A text as far as a page shows it. What hides is done before, on the whole of it.
fn cut(mut text: String) -> String {
    if text.len() > limits::TRAFFIC_SHOWN_BYTES {
        text.truncate(text.floor_char_boundary(limits::TRAFFIC_SHOWN_BYTES));
        text.push_str(" …");
    }
    text
}
