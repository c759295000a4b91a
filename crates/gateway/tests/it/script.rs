//! Lives of one bill as scripts: a line is a command and what came of it.
//!
//! The bill is `3194B` and whatever ending it is made with; orders are named without the `3194` that all numbers
//! begin with. An answer is told as its error code, the bill's status, and the money it shows: the payer's payment
//! as `pay`, a capture or a refund by its name. Time passes only when a line says so: `slowly` lets the channel's
//! answer take longer than a caller waits.

use std::fmt::Write as _;

use holdfast_domain::{Account, Balances};
use holdfast_gateway::{
    clock::patience,
    config::duration_ms,
    store::{Store, prove},
};
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Place},
    wire::{Answer, PATIENCE_MS, Sent},
};

/// Plays a script on a gateway with the usual settings.
pub(crate) async fn check(script: &str) {
    check_in(&Place::new(), script).await;
}

/// Plays a script on a gateway started from `place`.
pub(crate) async fn check_in<S: Store + 'static>(place: &Place<S>, script: &str) {
    let mut play = Play::new(place.open().await);
    let (mut told, mut expected) = (String::new(), String::new());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, outcome) =
            line.split_once('|').unwrap_or_else(|| panic!("no outcome: {line}"));
        let (command, outcome) = (command.trim(), outcome.trim());
        writeln!(expected, "{command} | {outcome}").unwrap();
        writeln!(told, "{command} | {}", play.run(command).await).unwrap();
    }
    assert!(told == expected, "what came of it:\n{told}\nwhat was expected:\n{expected}");
    is_proven(&*place.store).await;
    play.gateway.running.stop().await;
}

/// Whether the channel answers while its caller still waits.
#[derive(Clone, Copy)]
enum Pace {
    Quick,
    Slow,
}

/// A script being played.
pub(crate) struct Play {
    pub(crate) gateway: Gateway,
    /// The bill's number, once it is made.
    pub(crate) bill: String,
    code: String,
    auth: String,
    /// The last answer of the gateway to the merchant.
    pub(crate) last: Option<Answer>,
}

impl Play {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            bill: String::new(),
            code: String::new(),
            auth: "000000".to_owned(),
            last: None,
        }
    }

    /// Does what a line asks and tells what came of it.
    pub(crate) async fn run(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["bill" | "hold" | "guarantee" | "later" | "divided", ..] => {
                let ending = words.get(2).filter(|_| words[0] != "divided");
                self.bill = format!("3194B{}", ending.copied().unwrap_or("0001"));
                let told = self.ask(command, Pace::Quick).await;
                let made = self.last.as_ref().unwrap().json();
                self.code = made["qrCodeId"].as_str().unwrap_or_default().to_owned();
                told
            }
            ["confirm", ref how @ ..] => {
                let mut body = json!({});
                for word in how {
                    let field =
                        if matches!(*word, "debit" | "credit") { "card" } else { "through" };
                    body[field] = json!(word);
                }
                let seen = self.pay("confirm", body).await;
                self.auth = seen["authIdRespCd"].as_str().unwrap_or(&self.auth).to_owned();
                payer_told(&seen)
            }
            ["decline" | "expire"] => payer_told(&self.pay(words[0], Value::Null).await),
            ["look"] => payer_told(
                &self
                    .gateway
                    .sim("GET", &format!("/sim/payer/{}", self.code), Value::Null)
                    .await
                    .json(),
            ),
            ["choose", operation, number, scenario] => {
                let number = if number == "any" { number.to_owned() } else { name(number) };
                let chosen =
                    json!({"operation": operation, "number": number, "scenario": scenario});
                self.gateway.sim("PUT", "/sim/scenarios", chosen).await.status.to_string()
            }
            ["advance", how_long] => {
                self.gateway.advance(duration_ms(how_long).unwrap());
                "-".to_owned()
            }
            ["until", phase] => self.until(phase).await.to_owned(),
            ["phase"] => self.gateway.phase(&self.bill).await.to_owned(),
            ["money"] => self.money().await,
            ["slowly", ..] => self.ask(command.trim_start_matches("slowly "), Pace::Slow).await,
            _ => self.ask(command, Pace::Quick).await,
        }
    }

    /// Sends what a line asks the gateway for.
    async fn ask(&mut self, command: &str, pace: Pace) -> String {
        let sent = self.signed(command);
        let answer = match pace {
            Pace::Quick => self.gateway.send(&sent).await,
            Pace::Slow => self.patiently(&sent).await,
        };
        let told = told(&answer);
        self.last = Some(answer);
        told
    }

    /// The request that a line stands for, signed.
    fn signed(&self, command: &str) -> Sent {
        let (endpoint, fields) = self.request(command);
        let body = crate::gateway::request(fields).to_string();
        self.gateway.signed(&crate::gateway::path(endpoint), body)
    }

    /// The endpoint and the fields that a line stands for.
    pub(crate) fn request(&self, command: &str) -> (&'static str, Value) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let fen = |text: &str| json!(text.parse::<u64>().unwrap());
        let (bill, auth) = (self.bill.as_str(), self.auth.as_str());
        let leg = format!("{bill}0");
        match words[..] {
            ["bill", amount, ..] => {
                ("get-qrcode", json!({"billNo": bill, "totalAmount": fen(amount)}))
            }
            ["hold", amount, ..] => (
                "get-qrcode",
                json!({"billNo": bill, "totalAmount": fen(amount), "preauthTransaction": "true"}),
            ),
            ["guarantee", amount, ..] => (
                "get-qrcode",
                json!({"billNo": bill, "totalAmount": fen(amount), "secureTransaction": "true"}),
            ),
            ["later", amount, ..] => (
                "get-qrcode",
                json!({"billNo": bill, "totalAmount": fen(amount), "divisionFlag": true, "asynDivisionFlag": true}),
            ),
            ["divided", amount, ref shares @ ..] => {
                let fields =
                    json!({"billNo": bill, "totalAmount": fen(amount), "divisionFlag": true});
                ("get-qrcode", with_shares(fields, shares))
            }
            ["complete", amount] => (
                "/v1/netpay/secure-complete",
                json!({"merOrderId": leg, "completedAmount": fen(amount)}),
            ),
            ["cancel"] => ("/v1/netpay/secure-cancel", json!({"merOrderId": leg})),
            ["confirm-division", ref shares @ ..] => (
                "/v1/netpay/sub-orders-confirm",
                with_shares(json!({"merOrderId": leg, "instMid": null}), shares),
            ),
            ["query"] => ("query", json!({"billNo": bill})),
            ["query", capture] => {
                ("query", json!({"billNo": bill, "authedOrderId": name(capture)}))
            }
            ["query", capture, refund] => (
                "query",
                json!({"billNo": bill, "authedOrderId": name(capture), "refundOrderId": name(refund)}),
            ),
            ["query-by-leg"] => ("query", json!({"billNo": leg})),
            ["query-without-date"] => ("query", json!({"billNo": bill, "billDate": null})),
            ["close"] => ("close-qrcode", json!({"qrCodeId": self.code, "billDate": null})),
            ["close-by-bill"] => ("close-qrcode", json!({"billNo": bill})),
            ["capture", order, amount] => {
                let order = name(order);
                let total = fen(amount);
                (
                    "preauthed",
                    json!({"billNo": bill, "authedOrderId": order, "authIdRespCd": auth, "totalAmount": total}),
                )
            }
            ["reverse", capture] => (
                "preauthed-cancel",
                json!({"billNo": bill, "merOrderId": name(capture), "authIdRespCd": auth}),
            ),
            ["release"] => {
                ("preauth-cancel", json!({"billNo": bill, "merOrderId": leg, "authIdRespCd": auth}))
            }
            ["release-by-alias"] => {
                let fields = json!({"billNo": bill, "merOrderId": leg, "authIdRespCd": auth});
                ("/v1/netpay/preauth-cancel", fields)
            }
            ["cancel-of-2020", "pay"] => (
                "preauth-cancel",
                json!({"billNo": bill, "cancelOrderId": leg, "authIdRespCd": auth}),
            ),
            ["cancel-of-2020", order] => (
                "preauth-cancel",
                json!({"billNo": bill, "cancelOrderId": name(order), "authIdRespCd": auth}),
            ),
            ["refund", "-", amount] => {
                ("refund", json!({"billNo": bill, "refundAmount": fen(amount)}))
            }
            ["refund", order, amount, "from", ref shares @ ..] => {
                let fields = json!({"billNo": bill, "refundOrderId": name(order), "refundAmount": fen(amount)});
                ("refund", with_shares(fields, shares))
            }
            ["refund", order, amount] => (
                "refund",
                json!({"billNo": bill, "refundOrderId": name(order), "refundAmount": fen(amount)}),
            ),
            ["refund-by-leg", order, amount] => (
                "refund",
                json!({"billNo": leg, "refundOrderId": name(order), "refundAmount": fen(amount)}),
            ),
            _ => panic!("no such command: {command}"),
        }
    }

    /// Does what a line asks, with a channel that keeps the caller waiting for too long, and another line while it
    /// waits. Tells what came of both.
    pub(crate) async fn run_slowly(&mut self, command: &str, meanwhile: &str) -> [String; 2] {
        let [sent, other] = [command, meanwhile].map(|command| self.signed(command));
        let (answer, seen) = tokio::join!(self.gateway.send(&sent), async {
            self.gateway.until_open(&self.bill).await;
            let seen = self.gateway.send(&other).await;
            self.gateway.advance(self.gateway.running.core.answer_within_ms);
            seen
        });
        let outcomes = [told(&answer), told(&seen)];
        self.last = Some(answer);
        outcomes
    }

    /// Sends a request, and lets as much time pass as its caller waits for the channel.
    ///
    /// Everything runs in one thread and the store in memory answers at once, so that a request whose order is
    /// open is waiting for the channel and for nothing else.
    async fn patiently(&self, sent: &Sent) -> Answer {
        let waiting = async {
            self.gateway.until_open(&self.bill).await;
            self.gateway.advance(self.gateway.running.core.answer_within_ms);
        };
        tokio::join!(self.gateway.send(sent), waiting).0
    }

    async fn pay(&self, deed: &str, body: Value) -> Value {
        self.gateway.sim("POST", &format!("/sim/payer/{}/{deed}", self.code), body).await.json()
    }

    /// Gives the worker time, at first second by second, until the bill has come to that phase. Answers the phase
    /// it is in.
    pub(crate) async fn until(&self, phase: &str) -> &'static str {
        let wait = async {
            for round in 0.. {
                for _ in 0..5 {
                    // A request of its own, so that everybody else gets a turn.
                    self.gateway.send(&Sent { method: "GET", ..Sent::post("/healthz", "") }).await;
                    if self.gateway.phase(&self.bill).await == phase {
                        return;
                    }
                }
                if round < 120 {
                    self.gateway.advance(1_000);
                }
            }
        };
        let _ = patience(PATIENCE_MS, wait).await;
        self.gateway.phase(&self.bill).await
    }

    /// Where the journal says that the money is.
    async fn money(&self) -> String {
        let mut balances = Balances::default();
        for record in self.gateway.store.journal(0, usize::MAX).await.unwrap() {
            for entry in &record.entries {
                balances.post(entry);
            }
        }
        let of = |account| balances.of(&account);
        let mut told = format!(
            "payer {} held {} merchant {}",
            of(Account::Payer),
            of(Account::Held),
            of(Account::Merchant)
        );
        for (account, fen) in balances.each() {
            match account {
                Account::Undivided => write!(told, " undivided {fen}").unwrap(),
                Account::Sub(mid) => write!(told, " {mid} {fen}").unwrap(),
                Account::Payer | Account::Held | Account::Merchant => {}
            }
        }
        told
    }
}

/// Adds shares to a request: `platform 50 SHOP1 450`.
fn with_shares(mut fields: Value, shares: &[&str]) -> Value {
    let mut subs = vec![];
    for pair in shares.chunks(2) {
        let fen: u64 = pair[1].parse().unwrap();
        match pair[0] {
            "platform" => fields["platformAmount"] = json!(fen),
            mid => subs.push(json!({"mid": mid, "totalAmount": fen})),
        }
    }
    if !subs.is_empty() {
        fields["subOrders"] = json!(subs);
    }
    fields
}

/// The journal, the bills and the money agree.
pub(crate) async fn is_proven(store: &dyn Store) {
    let proof = prove(store, |_| {}).await.unwrap();
    assert!(proof.records > 0 && proof.holds(), "{proof:?}");
}

/// The number of an order, from its name in a script.
pub(crate) fn name(order: &str) -> String {
    format!("3194{order}")
}

/// What an answer to the merchant says, in a few words.
pub(crate) fn told(answer: &Answer) -> String {
    let body = answer.json();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = word(&body["errCode"]);
    if told != "SUCCESS" {
        // A refusal names the field that does not fit after the code's own text.
        let text = word(&body["errMsg"]);
        if told == "NO_ORDER" {
            write!(told, " {}", text.split(": ").nth(1).unwrap_or_default()).unwrap();
        }
        return told;
    }
    let mut say = |text: String| {
        if !text.is_empty() {
            write!(told, " {text}").unwrap()
        }
    };
    say(word(&body["billStatus"]));
    say(word(&body["secureStatus"]));
    for field in ["completedAmount", "completeAmount"] {
        if body[field].is_number() {
            say(body[field].to_string());
        }
    }
    say(word(&body["asynDivisionStatus"]));
    for leg in ["billPayment", "authedBillPayment", "refundBillPayment"].map(|leg| &body[leg]) {
        if leg.is_object() {
            let number = word(&leg["merOrderId"]);
            let bill = body["billNo"].as_str().is_some_and(|bill| number == format!("{bill}0"));
            let number = if bill { "pay" } else { number.trim_start_matches("3194") };
            say(format!("{number} {} {}", leg["totalAmount"], word(&leg["status"])));
        }
    }
    if let Some(refund) = body["refundOrderId"].as_str() {
        let refund = refund.trim_start_matches("3194");
        say(format!("{refund} {} {}", body["refundAmount"], word(&body["refundStatus"])));
    }
    told
}

/// What the payer sees, in a word.
fn payer_told(seen: &Value) -> String {
    let word = |name: &str| seen[name].as_str();
    word("phase").or(word("errCode")).or(word("outcome")).unwrap_or_default().to_owned()
}
