//! Why a call did not bring what was asked for, in three kinds that must not be confused: it was
//! refused, it never began, or nobody knows.

use std::fmt;

use holdfast_wire::{
    code::{Code, Fault as Whose, Repeat},
    json::Object,
    message::{Bilingual, Endpoint, FieldFault, FieldSpec, Message, NoAnswer, Writer, read_answer},
    messages::Failure,
};

use crate::Exchange;

/// Why a call did not bring what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The gateway said no, and says that nothing was done. Its words are in `failure`.
    Refused {
        /// The error code, if it is one we know.
        code: Option<Code>,
        /// The answer.
        failure: Box<Failure>,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// The request never began: nothing was done.
    Fault(Fault),
    /// **Nobody knows whether it was done.** Money may have moved. Ask with
    /// [`Query`](holdfast_wire::messages::Query); never send it again under a new order number before
    /// you know.
    OutcomeUnknown(Unknown),
}

/// Why a request never began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection was made, so not a byte was sent.
    Unreachable {
        /// The address that was tried.
        url: String,
        /// What the network says.
        cause: String,
    },
    /// Something answered that is not a gateway: a proxy, a login page, another server.
    NotAGateway {
        /// The address that was tried.
        url: String,
        /// The HTTP status of its answer.
        status: u16,
        /// Where it wants us to go. We do not follow: a signed request is meant for one host.
        location: Option<String>,
    },
    /// The path or the body cannot be sent.
    Unsendable(String),
    /// The token that every request needs could not be fetched.
    NoToken(Unknown),
}

/// Why nobody knows whether a request was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No answer came in time.
    NoAnswerInTime {
        /// How long it was waited for, in milliseconds.
        waited_ms: u64,
    },
    /// The connection broke after the request was sent, or while it was.
    ConnectionLost {
        /// What the network says.
        cause: String,
    },
    /// The gateway itself does not know: `TIMEOUT`, and what is like it.
    Answered {
        /// The error code, if it is one we know.
        code: Option<Code>,
        /// The answer.
        failure: Box<Failure>,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// An answer came that cannot be read.
    Unreadable {
        /// The HTTP status of the answer.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// Nor is it known after asking for as long as the caller's patience lasted
    /// ([`Client::call_until_known`](crate::Client::call_until_known)).
    AfterQueries {
        /// Why it was not known at first.
        first: Box<Unknown>,
        /// How many queries were sent.
        queries: u32,
        /// What the last of them brought.
        last: String,
    },
}

impl Unknown {
    /// Why it was not known at first.
    fn first(&self) -> &Self {
        match self {
            Self::AfterQueries { first, .. } => first.first(),
            first => first,
        }
    }
}

impl CallError {
    /// Whether the same request may be sent again, byte by byte or with a new timestamp, but always
    /// under the same order number.
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Refused { code, .. } => code.map_or(Repeat::Pointless, |code| code.spec().repeat),
            Self::Fault(Fault::Unreachable { .. } | Fault::NoToken(_)) => Repeat::Safe,
            Self::Fault(Fault::NotAGateway { .. } | Fault::Unsendable(_)) => Repeat::Pointless,
            Self::OutcomeUnknown(_) => Repeat::AfterQuery,
        }
    }

    /// The error code that the gateway answered, if it answered one that we know.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::OutcomeUnknown(unknown) => match unknown.first() {
                Unknown::Answered { code, .. } => *code,
                _ => None,
            },
            Self::Fault(_) => None,
        }
    }

    /// What the gateway answered, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused { failure, .. } => Some(failure),
            Self::OutcomeUnknown(unknown) => match unknown.first() {
                Unknown::Answered { failure, .. } => Some(failure),
                _ => None,
            },
            Self::Fault(_) => None,
        }
    }
}

/// What an answer means.
pub(crate) fn judge<E: Endpoint>(exchange: &Exchange) -> Result<E::Response, CallError> {
    let status = exchange.status;
    let done = (200..300).contains(&status);
    if !done && read_answer::<Anything>(&exchange.body).is_ok() {
        let why = "it says that all went well, and its status that it did not".to_owned();
        return Err(CallError::OutcomeUnknown(Unknown::Unreadable { status, why }));
    }
    match read_answer::<E>(&exchange.body) {
        Ok(response) => Ok(response),
        Err(NoAnswer::Refused(failure)) => {
            let code = failure.code();
            Err(if leaves_open(code, status) {
                CallError::OutcomeUnknown(Unknown::Answered { code, failure, status })
            } else {
                CallError::Refused { code, failure, status }
            })
        }
        // Whoever answers 3xx or 4xx says that it did nothing. After any other status, somebody may
        // have acted and only the answer is broken.
        Err(NoAnswer::NotJson(_) | NoAnswer::Incomplete(_)) if (300..500).contains(&status) => {
            Err(CallError::Fault(Fault::NotAGateway {
                url: exchange.sent.address().to_owned(),
                status,
                location: exchange.location.clone(),
            }))
        }
        Err(unreadable) => Err(CallError::OutcomeUnknown(Unknown::Unreadable {
            status,
            why: unreadable.to_string(),
        })),
    }
}

/// A request and an answer of whose fields we ask nothing.
pub(crate) struct Anything;

impl Message for Anything {
    const DOC: Bilingual = Bilingual { en: "", zh: "" };
    const FIELDS: &'static [FieldSpec] = &[];

    fn decode(_: &Object<'_>) -> Result<Self, Vec<FieldFault>> {
        Ok(Self)
    }

    fn write_fields(&self, _: &mut Writer<'_>) {}
}

impl Endpoint for Anything {
    const NAME: &'static str = "";
    const PATH: &'static str = "";
    const ALIASES: &'static [&'static str] = &[];
    const TITLE: Bilingual = Bilingual { en: "", zh: "" };
    type Response = Self;
}

/// Whether an error leaves open what was done.
fn leaves_open(code: Option<Code>, status: u16) -> bool {
    match code.map(Code::spec) {
        // `AfterQuery` is also the advice when the caller was too early or the order is odd; only the
        // channel and the gateway can leave an outcome open.
        Some(spec) => {
            spec.repeat == Repeat::AfterQuery
                && matches!(spec.fault, Whose::Channel | Whose::Gateway)
        }
        // A code that no source tells of. With a 4xx it is a refusal; otherwise we do not guess.
        None => !(400..500).contains(&status),
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { failure, .. } => said(f, failure),
            Self::Fault(fault) => fault.fmt(f),
            Self::OutcomeUnknown(unknown) => unknown.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, cause } => {
                write!(f, "cannot reach {url}: {cause}; nothing was sent")
            }
            Self::NotAGateway { url, status, location: Some(location) } => write!(
                f,
                "{url} answered {status} and points to {location}; it was not followed, and nothing was done"
            ),
            Self::NotAGateway { url, status, location: None } => write!(
                f,
                "{url} answered {status} without an error code, so it is no netpay/bills gateway; nothing was done"
            ),
            Self::Unsendable(what) => write!(f, "{what}; nothing was sent"),
            // What it says of an outcome is about the token alone.
            Self::NoToken(_) => {
                f.write_str("no answer to the request for a token; nothing else was sent")
            }
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswerInTime { waited_ms } => {
                write!(f, "no answer within {waited_ms} ms; the outcome is not known")
            }
            Self::ConnectionLost { cause } => {
                write!(
                    f,
                    "the connection broke before the answer: {cause}; the outcome is not known"
                )
            }
            Self::Answered { failure, .. } => said(f, failure),
            Self::Unreadable { status, why } => {
                write!(f, "answer {status} cannot be read: {why}; the outcome is not known")
            }
            Self::AfterQueries { first, queries, last } => {
                write!(f, "{first}; still so after {queries} queries ({last})")
            }
        }
    }
}

/// The gateway's own words.
fn said(f: &mut fmt::Formatter<'_>, failure: &Failure) -> fmt::Result {
    match failure.err_msg.as_ref().or(failure.err_info.as_ref()) {
        Some(text) => write!(f, "{}: {text}", failure.err_code),
        None => write!(f, "{}", failure.err_code),
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use holdfast_wire::messages::PreauthedCancel;

    use super::*;
    use crate::Sent;

    fn check(status: u16, body: &str, kind: &str, repeat: Repeat) {
        let exchange = Exchange {
            sent: Sent::unsigned("POST", "http://gateway.test/".to_owned(), vec![]),
            status,
            location: None,
            body: body.as_bytes().to_vec(),
        };
        let error = judge::<PreauthedCancel>(&exchange).expect_err("none of these is a success");
        let found = match error {
            CallError::Refused { .. } => "refused",
            CallError::Fault(_) => "fault",
            CallError::OutcomeUnknown(_) => "unknown",
        };
        assert_eq!((found, error.repeat()), (kind, repeat), "{status} {body}");
    }

    #[test]
    fn what_the_gateway_refused_was_not_done() {
        check(200, r#"{"errCode":"NO_ORDER"}"#, "refused", Repeat::Pointless);
        check(
            200,
            r#"{"errCode":"TARGET_FAIL","errMsg":"余额不足"}"#,
            "refused",
            Repeat::Pointless,
        );
        check(401, r#"{"errCode":"BAD_SIGN"}"#, "refused", Repeat::Pointless);
        check(503, r#"{"errCode":"TXN_DISCARDED"}"#, "refused", Repeat::Safe);
        check(200, r#"{"errCode":"ORDER_PROCESSING"}"#, "refused", Repeat::AfterQuery);
        check(412, r#"{"errCode":"5131016"}"#, "refused", Repeat::Pointless);
    }

    #[test]
    fn what_the_gateway_does_not_know_is_unknown() {
        for code in ["TIMEOUT", "NET_ERROR", "INVALID_RESPONSE", "INTERNAL_ERROR", "NEVER_SEEN"] {
            check(200, &format!(r#"{{"errCode":"{code}"}}"#), "unknown", Repeat::AfterQuery);
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_no_proof_that_nothing_happened() {
        check(500, "<html>", "unknown", Repeat::AfterQuery);
        check(502, "", "unknown", Repeat::AfterQuery);
        check(200, r#"{"errCode":"SUCC"#, "unknown", Repeat::AfterQuery);
        check(200, r#"{"errCode":"SUCCESS"}"#, "unknown", Repeat::AfterQuery);
    }

    #[test]
    fn a_success_that_something_beside_it_contradicts_is_unknown() {
        let success = r#"{"errCode":"SUCCESS","responseTimestamp":"2022-04-21 15:00:53","mid":"898201612345678","tid":"88880001","billPayment":{"totalAmount":38000,"status":"TRADE_CLOSED"}}"#;
        for status in [301, 400, 401, 404, 500, 502, 503] {
            check(status, success, "unknown", Repeat::AfterQuery);
            check(status, r#"{"errCode":"SUCCESS"}"#, "unknown", Repeat::AfterQuery);
        }
        for (outside, inside) in [
            ("TIMEOUT", "SUCCESS"),
            ("NO_ORDER", "SUCCESS"),
            ("SUCCESS", "NO_ORDER"),
            ("TIMEOUT", "NO_ORDER"),
        ] {
            let inside = success.replace("SUCCESS", inside);
            let body = format!(r#"{{"errCode":"{outside}","data":{inside}}}"#);
            check(200, &body, "unknown", Repeat::AfterQuery);
            check(400, &body, "unknown", Repeat::AfterQuery);
        }
    }

    #[test]
    fn a_stranger_who_refuses_did_nothing() {
        check(404, "<html>", "fault", Repeat::Pointless);
        check(302, "", "fault", Repeat::Pointless);
    }
}
