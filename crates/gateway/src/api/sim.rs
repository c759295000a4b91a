//! The simulation's controls, in the test environment only: the payer's side, the clock, the scenarios.
//!
//! A small JSON interface without authentication: there is no money behind it. The cashier page uses it too.

use std::sync::Arc;

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Path, Query, State},
    middleware::map_response_with_state,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use holdfast_domain::{
    Account, Amount, Bill, BillKey, BillNo, CardKind, Channel, CodeId, Command, Kind, Moment,
    Phase, Terms, Text, yuan,
};
use holdfast_wire::{code::Code, explain, field::Url, messages::CodeTerms, time};
use hyper::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, No, codes::NewBill};
use crate::{
    CLOCK_AHEAD,
    channel::{Confirmation, Operation, Scenario, Shown, Simulated, objection},
    codes::{Coded, FixedCode, Untold},
    config::duration_ms,
    limits, notices,
    store::{self, Asker, StoreFault},
    submit::SubmitError,
};

/// The controls.
pub(super) fn routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/bills/qrCode.do", get(show_linked))
        .route("/sim/payer/{code}", get(show))
        .route("/sim/payer/{code}/scan", post(scan))
        .route("/sim/payer/{code}/confirm", post(confirm))
        .route("/sim/payer/{code}/decline", post(decline))
        .route("/sim/payer/{code}/expire", post(expire))
        .route("/sim/clock", get(clock).post(advance))
        .route("/sim/scenarios", get(scenarios).put(set_scenario).delete(clear_scenario))
        .layer(axum::extract::DefaultBodyLimit::max(limits::BODY_BYTES))
        .layer(map_response_with_state(api.clone(), tell))
}

/// Why a control did nothing: a status, a code for programs, a text for people in both languages.
#[derive(Clone)]
struct Failed(StatusCode, Code, String);

type Answer = Result<Response, Failed>;

#[derive(Deserialize)]
struct Link {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    card: Option<String>,
    through: Option<String>,
    name: Option<String>,
    #[serde(rename = "certNo")]
    cert_no: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    amount: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    operation: Option<String>,
    number: Option<String>,
    scenario: Option<String>,
}

async fn show_linked(State(api): State<Arc<Api>>, Query(link): Query<Link>) -> Answer {
    show(State(api), Path(link.id)).await
}

async fn show(State(api): State<Arc<Api>>, Path(code): Path<String>) -> Answer {
    match api.coded(&code).await? {
        Coded::Bill(bill) => Ok(ok(api.seen(&bill))),
        Coded::Fixed(fixed) => Ok(ok(api.seen_fixed(&fixed))),
    }
}

/// The payer scans a fixed code, and says how much to pay where it does not: a bill is made.
async fn scan(State(api): State<Arc<Api>>, Path(code): Path<String>, body: Bytes) -> Answer {
    let asked: Scan = parse(&body)?;
    let rule = |_| bad(format!("amount: a whole number of fen from 1 to {}", Amount::MAX_FEN));
    let amount = asked.amount.map(|fen| Amount::from_fen(fen).map_err(rule)).transpose()?;
    match api.coded(&code).await? {
        Coded::Fixed(fixed) => Ok(ok(api.seen(&api.scan(&fixed, amount).await?))),
        Coded::Bill(_) => {
            Err(bad("一次性码无需扫码建单 (this code has its bill: confirm it)".to_owned()))
        }
    }
}

/// The payer confirms.
async fn confirm(State(api): State<Arc<Api>>, Path(code): Path<String>, body: Bytes) -> Answer {
    let asked: Confirm = parse(&body)?;
    let card = match asked.card.as_deref() {
        None | Some("debit") => Some(CardKind::Debit),
        Some("credit") => Some(CardKind::Credit),
        Some(other) => return Err(bad(format!("card: {other:?} is not debit or credit"))),
    };
    let through = match asked.through.as_deref() {
        None | Some("unionpay") => Channel::UnionPay,
        Some("wechat") => Channel::WeChat,
        Some("alipay") => Channel::Alipay,
        Some(other) => {
            return Err(bad(format!("through: {other:?} is not unionpay, wechat or alipay")));
        }
    };
    let mut bill = match api.coded(&code).await? {
        Coded::Bill(bill) => *bill,
        Coded::Fixed(fixed) => api.scan(&fixed, None).await?,
    };
    if bill.terms.kind == Kind::Hold && through != Channel::UnionPay {
        return Err(bad(
            "through: a hold is taken through unionpay only (预授权仅支持银联)".to_owned()
        ));
    }
    api.payable(&bill)?;
    api.still_offered(&bill).await?;
    let simulated = api.simulated()?;
    let shown = Shown { card, through, name: asked.name, certificate: asked.cert_no };
    let expected = api.person(bill.terms.payer.buyer.as_ref(), &bill.key.to_string())?;
    if let Some(reason) = objection(&bill.terms.payer, expected.as_ref(), &shown) {
        return api.refuse_payer(bill, reason).await;
    }
    let reports = match simulated.confirm(&bill, card, through).await? {
        Confirmation::Report(reports) => reports,
        Confirmation::Refuse(decline) => {
            return api.refuse_payer(bill, decline).await;
        }
        Confirmation::Silent => {
            let text = "已付款，结果稍后到达 (paid; the gateway has not heard of it yet)";
            return Ok((
                StatusCode::ACCEPTED,
                json_body(json!({"outcome": "unknown", "text": text})),
            )
                .into_response());
        }
        Confirmation::Lost => {
            let text = "网络异常，请重试 (the confirmation was lost on its way; nothing was paid)"
                .to_owned();
            return Err(Failed(StatusCode::GATEWAY_TIMEOUT, Code::Timeout, text));
        }
    };
    let mut done = false;
    for report in reports {
        match api.core.submit(bill.clone(), &report, &Asker::Payer).await {
            Ok(changed) => (bill, done) = (changed, true),
            // A second report of the same payment changes nothing.
            Err(SubmitError::Refused(refusal)) if done => {
                tracing::info!(%refusal, "report set aside")
            }
            Err(SubmitError::Refused(_)) => {
                // Another phone was faster.
                api.payable(&api.core.load(&bill.key).await?)?;
                return Err(Failed(
                    StatusCode::CONFLICT,
                    Code::OrderProcessing,
                    "请重试 (try again)".to_owned(),
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ok(api.seen(&bill)))
}

/// The payer says no; the bill can still be paid.
async fn decline(State(api): State<Arc<Api>>, Path(code): Path<String>) -> Answer {
    let bill = api.billed(&code).await?;
    api.payable(&bill)?;
    let reason =
        Text::parse("付款人取消 (declined by the payer)").map_err(|_| bad(String::new()))?;
    let bill = api.core.submit(bill, &Command::Decline { reason }, &Asker::Payer).await?;
    Ok(ok(api.seen(&bill)))
}

/// The payer lets the bill's time pass: it lapses at once, without the clock being moved for all others.
async fn expire(State(api): State<Arc<Api>>, Path(code): Path<String>) -> Answer {
    let bill = api.billed(&code).await?;
    api.payable(&bill)?;
    let bill = api.core.let_lapse(bill).await?;
    Ok(ok(api.seen(&bill)))
}

async fn clock(State(api): State<Arc<Api>>) -> Answer {
    Ok(ok(api.clock_now()))
}

async fn advance(State(api): State<Arc<Api>>, body: Bytes) -> Answer {
    let asked: Advance = parse(&body)?;
    let rule = "advance: a duration such as 90s, 15m, 24h or 30d, at most 3660d";
    let ms = duration_ms(&asked.advance).filter(|ms| *ms <= 3_660 * 86_400_000);
    let ms = ms.ok_or_else(|| bad(rule.to_owned()))?;
    let ahead = api.core.clock.ahead_ms().saturating_add(ms);
    // Durable before anybody acts by it: after a restart time must not run backwards.
    api.core.store.register(store::Kind::Setting, CLOCK_AHEAD, Some(ahead.to_string())).await?;
    api.core.clock.advance(ms);
    Ok(ok(api.clock_now()))
}

async fn scenarios(State(api): State<Arc<Api>>) -> Answer {
    let set = api.simulated()?.all_set();
    let set = set.into_iter().map(|(operation, number, scenario)| {
        json!({"operation": operation, "number": number, "scenario": scenario.word()})
    });
    Ok(ok(json!({"scenarios": set.collect::<Vec<_>>()})))
}

async fn set_scenario(State(api): State<Arc<Api>>, body: Bytes) -> Answer {
    let chosen: Chosen = parse(&body)?;
    let scenario = chosen.scenario.as_deref().and_then(Scenario::parse);
    let words = || Scenario::words().collect::<Vec<_>>().join(", ");
    let scenario = scenario.ok_or_else(|| bad(format!("scenario: one of {}", words())))?;
    api.choose(&chosen, Some(scenario)).await
}

async fn clear_scenario(State(api): State<Arc<Api>>, body: Bytes) -> Answer {
    let chosen: Chosen = parse(&body)?;
    api.choose(&chosen, None).await
}

impl Api {
    fn simulated(&self) -> Result<&Simulated, Failed> {
        let none = || {
            Failed(StatusCode::NOT_FOUND, Code::NoService, "there is no simulation here".to_owned())
        };
        self.simulated.as_deref().ok_or_else(none)
    }

    async fn choose(&self, chosen: &Chosen, scenario: Option<Scenario>) -> Answer {
        let operation = match chosen.operation.as_deref() {
            None | Some("any") => None,
            Some(word) => {
                let known = Operation::ALL.map(|(_, word)| word).join(", ");
                Some(
                    Operation::parse(word)
                        .ok_or_else(|| bad(format!("operation: any or one of {known}")))?,
                )
            }
        };
        if let (Some(operation), Some(scenario)) = (operation, scenario)
            && !scenario.applies_to(operation)
        {
            let (scenario, operation) = (scenario.word(), operation.word());
            let text = format!(
                "scenario: {scenario} means nothing for {operation}; see: holdfast scenarios"
            );
            return Err(bad(text));
        }
        let number = chosen.number.as_deref().filter(|number| *number != "any");
        if number.is_some_and(|number| holdfast_domain::OrderId::parse(number).is_err()) {
            return Err(bad("number: any, a bill number or an order number".to_owned()));
        }
        if !self.simulated()?.set(operation, number, scenario).await? {
            let text =
                format!("there are {} scenarios, which is the most: clear some", limits::SCENARIOS);
            return Err(bad(text));
        }
        let word = scenario.map_or("approve", Scenario::word);
        let operation = operation.map_or("any", Operation::word);
        Ok(ok(json!({"operation": operation, "number": number.unwrap_or("any"), "scenario": word})))
    }

    async fn coded(&self, code: &str) -> Result<Coded, Failed> {
        let none = || {
            Failed(
                StatusCode::NOT_FOUND,
                Code::NoOrder,
                "没有这个二维码 (there is no such code)".to_owned(),
            )
        };
        let code = CodeId::parse(code).map_err(|_| none())?;
        self.codes.find(&code).await?.ok_or_else(none)
    }

    /// The bill of a code that has one.
    async fn billed(&self, code: &str) -> Result<Bill, Failed> {
        match self.coded(code).await? {
            Coded::Bill(bill) => Ok(*bill),
            Coded::Fixed(_) => {
                Err(bad("请先扫码 (scan this fixed code first: its bill has a code of its own)"
                    .to_owned()))
            }
        }
    }

    /// Makes a bill from a fixed code.
    async fn scan(&self, fixed: &FixedCode, amount: Option<Amount>) -> Result<Bill, Failed> {
        let now = self.core.clock.now();
        let refused =
            |text: &str| Failed(StatusCode::CONFLICT, Code::OperationNotAllowed, text.to_owned());
        if fixed.closed {
            return Err(refused(CLOSED));
        }
        if fixed.is_over(now) {
            return Err(refused(OVER));
        }
        let amount = match (fixed.amount(), amount) {
            (Some(fixed), Some(said)) if fixed != said => {
                return Err(bad(format!(
                    "amount: 此码金额固定 (this code is about {} fen: leave the amount out)",
                    fixed.fen()
                )));
            }
            (None, said) if fixed.terms.pay_info_query_addr.is_some() => {
                return match said {
                    None => self.scan_and_ask(fixed).await,
                    Some(_) => Err(bad(
                        "amount: 金额由商家给出 (the merchant says how much: leave it out)"
                            .to_owned(),
                    )),
                };
            }
            (Some(amount), _) | (None, Some(amount)) => amount,
            (None, None) => {
                return Err(bad("amount: 请输入金额 (say how much to pay, in fen)".to_owned()));
            }
        };
        self.make(fixed, &fixed.terms, amount).await
    }

    /// Makes a bill from a fixed code whose merchant says how much is to be paid.
    async fn scan_and_ask(&self, fixed: &FixedCode) -> Result<Bill, Failed> {
        let merchant = self.accounts.book().merchants.get(&fixed.mid).cloned();
        let asked = match &merchant {
            Some(merchant) => {
                let (now, dice) = (self.core.clock.now(), &self.core.dice);
                self.codes.ask_amount(merchant, fixed, now, dice).await
            }
            None => Err(Untold::Unclear(format!("there is no merchant {}", fixed.mid))),
        };
        let told = asked.map_err(|untold| match untold {
            Untold::Refused(why) => {
                let text = format!("商家暂不收款：{why} (the merchant takes no payment now)");
                Failed(StatusCode::CONFLICT, Code::OperationNotAllowed, text)
            }
            Untold::Unclear(why) => {
                tracing::warn!(code = %fixed.code, mid = %fixed.mid, why, "nobody said how much is to be paid");
                let text = format!(
                    "暂时无法获取金额，请联系商家 (the merchant's system did not say how much to pay: {why})"
                );
                Failed(StatusCode::BAD_GATEWAY, Code::InvalidResponse, text)
            }
        })?;
        let own = &fixed.terms;
        let terms = CodeTerms {
            bill_desc: told.description.or_else(|| own.bill_desc.clone()),
            member_id: told.member_id.or_else(|| own.member_id.clone()),
            counter_no: told.counter_no.or_else(|| own.counter_no.clone()),
            ..own.clone()
        };
        self.make(fixed, &terms, told.amount).await
    }

    /// Makes a bill from a fixed code, with the code's terms or what its merchant said instead.
    async fn make(
        &self,
        fixed: &FixedCode,
        terms: &CodeTerms,
        amount: Amount,
    ) -> Result<Bill, Failed> {
        // Nobody closes the code or gives it other contents while its bill is made; it may have happened before,
        // while its merchant was asked for one.
        let _turn = self.codes.turn().await;
        match self.codes.find(&fixed.code).await? {
            Some(Coded::Fixed(now)) if *now == *fixed => {}
            _ => {
                let text = "二维码已变更，请重新扫码 (this code was changed meanwhile: scan again)";
                let status = StatusCode::CONFLICT;
                return Err(Failed(status, Code::OrderProcessing, text.to_owned()));
            }
        }
        let now = self.core.clock.now();
        let person = self.person(fixed.buyer.as_ref(), fixed.code.as_str())?;
        for _ in 0..limits::COMMIT_TRIES {
            let key = BillKey { mid: fixed.mid.clone(), no: self.own_number(now), date: now.day() };
            let expires_at = now.plus_ms(limits::CODE_MS);
            let expires_at = fixed.terms.expire_time.map_or(expires_at, |end| end.min(expires_at));
            let terms = self.new_terms(NewBill {
                key: &key,
                tid: &fixed.tid,
                amount,
                code: self.new_code(),
                asked: terms,
                person: person.as_ref(),
                reserve: fixed.reserve.as_ref(),
                fingerprint: fixed.fingerprint,
                created_at: now,
                expires_at,
            })?;
            let terms = Terms { scanned: Some(fixed.code.clone()), ..terms };
            match self.core.create(Bill::request(key, terms), now, Asker::Payer).await {
                // A number or a code that exists: roll the dice again.
                Err(SubmitError::Taken) => {}
                made => return Ok(made?),
            }
        }
        let text = "请重试 (try again)".to_owned();
        Err(Failed(StatusCode::CONFLICT, Code::OrderProcessing, text))
    }

    /// A number for a bill that no merchant numbered, in the look that the official documents recommend: who
    /// made it, when, and chance (`protocol.md` section 3.4).
    fn own_number(&self, now: Moment) -> BillNo {
        let (stamp, ms) = (time::show_stamp(now), now.0.rem_euclid(1_000));
        let no = format!("{OWN_SOURCE}{stamp}{ms:03}{}", self.core.dice.digits(7));
        BillNo::parse(&no).expect("28 letters and digits are a bill number")
    }

    /// The channel refuses the payer; the bill can still be paid, a number of times.
    async fn refuse_payer(&self, bill: Bill, reason: Text<255>) -> Answer {
        let text = reason.to_string();
        self.core.submit(bill, &Command::Decline { reason }, &Asker::Payer).await?;
        Err(Failed(StatusCode::PAYMENT_REQUIRED, Code::TargetFail, text))
    }

    /// Says kindly that the fixed code from which a bill was made was closed meanwhile.
    async fn still_offered(&self, bill: &Bill) -> Result<(), Failed> {
        let Some(code) = &bill.terms.scanned else { return Ok(()) };
        match self.codes.find(code).await? {
            Some(Coded::Fixed(fixed)) if fixed.closed => {
                Err(Failed(StatusCode::CONFLICT, Code::OperationNotAllowed, CLOSED.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Says kindly why a bill cannot be paid any more.
    fn payable(&self, bill: &Bill) -> Result<(), Failed> {
        let (code, text) = match &bill.phase {
            Phase::Requested { .. } if self.simulated()?.is_silent(&bill.key) => (
                Code::OrderProcessing,
                "已付款，等待结果 (you have paid; the result is on its way)",
            ),
            Phase::Requested { .. } if self.core.clock.now() >= bill.terms.expires_at => {
                (Code::OperationNotAllowed, OVER)
            }
            Phase::Requested { .. } => return Ok(()),
            Phase::Lapsed => (Code::OperationNotAllowed, OVER),
            Phase::Closed => (Code::OperationNotAllowed, CLOSED),
            _ => (Code::OperationNotAllowed, "账单已支付 (this bill is paid already)"),
        };
        Err(Failed(StatusCode::CONFLICT, code, text.to_owned()))
    }

    fn clock_now(&self) -> Value {
        let clock = &self.core.clock;
        json!({
            "now": time::show(clock.now()),
            "aheadMs": clock.ahead_ms(),
            "wall": time::show(clock.wall()),
        })
    }

    /// A bill as its payer sees it.
    fn seen(&self, bill: &Bill) -> Value {
        let show = |at: Moment| time::show(at);
        let merchant = self.accounts.book().merchants.get(&bill.key.mid).cloned();
        let (payment, payer) = (bill.payment(), &bill.terms.payer);
        let grant = payment.and_then(|payment| payment.grant.as_ref());
        let balances = bill.balances();
        let fen = |account| u64::try_from(balances.of(&account)).unwrap_or_default();
        let signed = merchant
            .as_ref()
            .and_then(|merchant| notices::return_address(bill, merchant, &self.terms.public_url));
        let back = signed.or_else(|| bill.terms.details.return_url.as_ref().map(Text::to_string));
        let mut seen = json!({
            "code": bill.terms.code.as_str(),
            "scanned": bill.terms.scanned.as_ref().map(CodeId::as_str),
            "merchant": merchant.map(|merchant| merchant.name.to_string()),
            "mid": bill.key.mid.as_str(),
            "billNo": bill.key.no.as_str(),
            "billDate": bill.key.date.to_string(),
            "description": bill.terms.details.description.as_ref().map(Text::as_str),
            "kind": bill.terms.kind.name(),
            "totalAmount": bill.terms.amount.fen(),
            "yuan": yuan(bill.terms.amount.fen().into()),
            "phase": bill.phase.name(),
            "held": fen(Account::Held),
            "taken": fen(Account::Merchant),
            "createTime": show(bill.terms.created_at),
            "expireTime": show(bill.terms.expires_at),
            "paidTime": payment.map(|payment| show(payment.receipt.at)),
            "authIdRespCd": grant.and_then(|grant| grant.auth.as_ref()).map(|auth| auth.as_str()),
            "deadline": grant.map(|grant| show(grant.deadline)),
            "returnUrl": back,
            "wallets": payer.wallets.as_ref().map(Text::as_str),
            "installments": payer.installments,
            "creditCards": payer.no_credit_cards.then_some(false),
            "payerIsChecked": payer.buyer.as_ref().is_some_and(|buyer| buyer.only).then_some(true),
        });
        without_nulls(&mut seen);
        seen
    }

    /// A fixed code as whoever scans it sees it.
    fn seen_fixed(&self, fixed: &FixedCode) -> Value {
        let merchant = self.accounts.book().merchants.get(&fixed.mid).cloned();
        let phase = match (fixed.closed, fixed.is_over(self.core.clock.now())) {
            (true, _) => "closed",
            (false, true) => "lapsed",
            (false, false) => "fixed",
        };
        let asks = match (fixed.amount(), &fixed.terms.pay_info_query_addr) {
            (Some(_), _) => None,
            (None, None) => Some("payer"),
            (None, Some(_)) => Some("merchant"),
        };
        let mut seen = json!({
            "code": fixed.code.as_str(),
            "merchant": merchant.map(|merchant| merchant.name.to_string()),
            "mid": fixed.mid.as_str(),
            "description": fixed.terms.bill_desc.as_ref().map(Text::as_str),
            "kind": "fixed",
            "totalAmount": fixed.amount().map(Amount::fen),
            "yuan": fixed.amount().map(|amount| yuan(amount.fen().into())),
            "amountFrom": asks,
            "phase": phase,
            "createTime": time::show(fixed.created_at),
            "expireTime": fixed.terms.expire_time.map(time::show),
        });
        without_nulls(&mut seen);
        seen
    }
}

/// Who made a bill whose number is our own.
const OWN_SOURCE: &str = "HF01";

const OVER: &str = "二维码已过期 (this code is over; ask for a new one)";
const CLOSED: &str = "二维码已关闭 (the merchant closed this code)";

fn without_nulls(seen: &mut Value) {
    if let Value::Object(fields) = seen {
        fields.retain(|_, value| !value.is_null());
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failed> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
}

fn ok(value: Value) -> Response {
    json_body(value).into_response()
}

fn json_body(value: Value) -> impl axum::response::IntoResponse {
    ([(header::CONTENT_TYPE, "application/json;charset=utf-8")], value.to_string() + "\n")
}

fn bad(text: String) -> Failed {
    Failed(StatusCode::BAD_REQUEST, Code::BadRequest, text)
}

impl axum::response::IntoResponse for Failed {
    fn into_response(self) -> Response {
        // Only who knows the gateway's address can write it down: `tell`.
        let mut response = self.0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes down why a control did nothing, and where the code is explained. What was refused before a control saw it,
/// such as a body that is too long, is told in the same form.
async fn tell(State(api): State<Arc<Api>>, response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let (code, text) = match parts.extensions.remove::<Failed>() {
        Some(Failed(_, code, text)) => (code, text),
        None if status == StatusCode::METHOD_NOT_ALLOWED => {
            (Code::NoService, "this method is not served here".to_owned())
        }
        None => {
            let text = to_bytes(body, limits::BODY_BYTES).await.unwrap_or_default();
            (Code::BadRequest, String::from_utf8_lossy(&text).into_owned())
        }
    };
    let page = explain::address(&api.terms.public_url, code.name());
    let page = page.as_ref().map(Url::as_str);
    let told = json!({"errCode": code.name(), "errMsg": text, "errInfo": text, "docUrl": page});
    let mut response = (status, json_body(told)).into_response();
    if let Some(allowed) = parts.headers.remove(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

impl From<No> for Failed {
    fn from(no: No) -> Self {
        let (code, text) = no.summary();
        Self(StatusCode::CONFLICT, code, text.to_string())
    }
}

impl From<StoreFault> for Failed {
    fn from(fault: StoreFault) -> Self {
        tracing::error!(%fault, "a control was not carried out");
        Self(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::InternalError,
            "the store broke; see the log".to_owned(),
        )
    }
}

impl From<SubmitError> for Failed {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Fault(fault) => fault.into(),
            other => Self(StatusCode::CONFLICT, Code::OperationNotAllowed, other.to_string()),
        }
    }
}
