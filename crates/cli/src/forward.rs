//! Brings a signed notice to a receiver as the gateway's courier would, and says what came of it.

use holdfast_client::notice::DONE;
use holdfast_gateway::{
    clock::Stopwatch,
    config::Environment,
    notices::schedule,
    outbound::{Border, Outbound, Target},
};
use holdfast_wire::messages::SignedNotice;
use ipnet::IpNet;

use crate::exit::{Exit, Failure};

/// A receiver, and the way to it.
pub(crate) struct Forward {
    pub(crate) url: String,
    outbound: Outbound,
}

/// What came of one try.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The HTTP status, if anybody answered.
    pub(crate) status: Option<u16>,
    /// Why the receiver did not take it; nothing when it did.
    pub(crate) missed: Option<String>,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: u64,
}

impl Forward {
    /// The receiver at an address that the user named: any that can be connected to.
    pub(crate) fn to(url: &str) -> Result<Self, Failure> {
        Target::parse(url).map_err(|trouble| {
            Failure::new(Exit::Usage, format!("{url}: {trouble}"))
                .hint("http://127.0.0.1:3000/notify")
        })?;
        // The border keeps a gateway from being sent into its own network. Here the user sends for himself.
        let everywhere: Vec<IpNet> =
            ["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse().ok()).collect();
        let outbound = Outbound::new(Border::new(Environment::Test, &everywhere), None)
            .map_err(|error| Failure::new(Exit::Unexpected, error))?;
        Ok(Self { url: url.to_owned(), outbound })
    }

    /// Posts a body with the notice's headers, once.
    pub(crate) async fn send(&self, notice: &SignedNotice, body: &str) -> Outcome {
        let mut headers = vec![("content-type", notice.content_type.to_string())];
        headers
            .extend(notice.headers.iter().map(|line| (line.name.as_str(), line.value.to_string())));
        let watch = Stopwatch::start();
        let answer = self.outbound.post(&self.url, &headers, body.to_owned()).await;
        let took_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        // By the same rule as for what the gateway delivers itself.
        let missed = schedule::missed(&answer);
        Outcome { status: answer.ok().map(|reply| reply.status), missed, took_ms }
    }
}

impl Outcome {
    /// Whether the receiver took it.
    pub(crate) fn taken(&self) -> bool {
        self.missed.is_none()
    }

    /// What the receiver answered, in a few words.
    pub(crate) fn told(&self) -> String {
        let word = self.missed.as_deref().unwrap_or(DONE);
        // What a receiver answers may not move the cursor of a terminal.
        let word: String = word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match self.status {
            Some(status) if !word.contains(&status.to_string()) => format!("{status} {word}"),
            _ => word,
        }
    }
}
