//! The simulation's controls, in the test environment only: the payer's side, the clock, the scenarios.
//!
//! A small JSON interface without authentication: there is no money behind it. What the payer does is done by
//! [`super::payer`]; here it is told to programs. The cashier's pages tell it to people.

use std::sync::Arc;

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Path, Query, State},
    middleware::map_response_with_state,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use holdfast_domain::{Account, Amount, Bill, CardKind, Channel, CodeId, Moment, Text, yuan};
use holdfast_wire::{code::Code, explain, field::Url, time};
use hyper::{StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api,
    payer::{Confirmed, Obstacle},
};
use crate::{
    CLOCK_AHEAD,
    channel::{Operation, Scenario, Shown},
    codes::{Coded, FixedCode},
    config::duration_ms,
    limits,
    store::{self, StoreFault},
    submit::SubmitError,
};

/// The controls.
pub(super) fn routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
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

/// What a QR code's link stands for, for programs. People get the cashier's page under the same address.
pub(crate) async fn linked(api: Arc<Api>, address: &Uri) -> Response {
    let seen = match Query::<Link>::try_from_uri(address) {
        Ok(Query(link)) => show(State(api.clone()), Path(link.id)).await.into_response(),
        Err(rejection) => rejection.into_response(),
    };
    tell(State(api), seen).await
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
    Ok(ok(api.seen(&api.scan(&code, amount).await?)))
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
    let shown = Shown { card, through, name: asked.name, certificate: asked.cert_no };
    match api.confirm(&code, shown).await? {
        Confirmed::Done(bill) => Ok(ok(api.seen(&bill))),
        Confirmed::OnItsWay => {
            let text = "已付款，结果稍后到达 (paid; the gateway has not heard of it yet)";
            let told = json!({"outcome": "unknown", "text": text});
            Ok((StatusCode::ACCEPTED, json_body(told)).into_response())
        }
    }
}

/// The payer says no; the bill can still be paid.
async fn decline(State(api): State<Arc<Api>>, Path(code): Path<String>) -> Answer {
    let reason = Text::parse(DECLINED).map_err(|_| bad(String::new()))?;
    Ok(ok(api.seen(&api.decline(&code, reason).await?)))
}

/// The payer lets the bill's time pass: it lapses at once, without the clock being moved for all others.
async fn expire(State(api): State<Arc<Api>>, Path(code): Path<String>) -> Answer {
    Ok(ok(api.seen(&api.expire(&code).await?)))
}

async fn clock(State(api): State<Arc<Api>>) -> Answer {
    Ok(ok(api.clock_now()))
}

async fn advance(State(api): State<Arc<Api>>, body: Bytes) -> Answer {
    let asked: Advance = parse(&body)?;
    let rule = "advance: a duration such as 90s, 15m, 24h or 30d, at most 3660d";
    let ms = duration_ms(&asked.advance).filter(|ms| *ms <= ADVANCE_MS_MAX);
    let ms = ms.ok_or_else(|| bad(rule.to_owned()))?;
    api.advance_clock(ms).await?;
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
    /// Moves the time that bills live by.
    pub(crate) async fn advance_clock(&self, ms: i64) -> Result<(), StoreFault> {
        let ahead = self.core.clock.ahead_ms().saturating_add(ms);
        // Durable before anybody acts by it: after a restart time must not run backwards.
        self.core
            .store
            .register(store::Kind::Setting, CLOCK_AHEAD, Some(ahead.to_string()))
            .await?;
        self.core.clock.advance(ms);
        Ok(())
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
            "returnUrl": self.way_back(bill),
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
        let phase = match self.scannable(fixed) {
            Err(Obstacle::Closed) => "closed",
            Err(_) => "lapsed",
            Ok(()) => "fixed",
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

/// Why a payer declines, as the bill's life tells it.
pub(crate) const DECLINED: &str = "付款人取消 (declined by the payer)";

/// The furthest that the clock is moved at once, in milliseconds.
const ADVANCE_MS_MAX: i64 = 3_660 * 86_400_000;

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

impl From<Obstacle> for Failed {
    fn from(obstacle: Obstacle) -> Self {
        let (bad, conflict) = (StatusCode::BAD_REQUEST, StatusCode::CONFLICT);
        let (status, code, text) = match obstacle {
            Obstacle::NoCode => {
                (StatusCode::NOT_FOUND, Code::NoOrder, "没有这个二维码 (there is no such code)")
            }
            Obstacle::HasBill => {
                let text = "一次性码无需扫码建单 (this code has its bill: confirm it)";
                (bad, Code::BadRequest, text)
            }
            Obstacle::HasNoBill => {
                let text = "请先扫码 (scan this fixed code first: its bill has a code of its own)";
                (bad, Code::BadRequest, text)
            }
            Obstacle::Closed => {
                let text = "二维码已关闭 (the merchant closed this code)";
                (conflict, Code::OperationNotAllowed, text)
            }
            Obstacle::Over => {
                let text = "二维码已过期 (this code is over; ask for a new one)";
                (conflict, Code::OperationNotAllowed, text)
            }
            Obstacle::Paid => {
                (conflict, Code::OperationNotAllowed, "账单已支付 (this bill is paid already)")
            }
            Obstacle::OnItsWay => {
                let text = "已付款，等待结果 (you have paid; the result is on its way)";
                (conflict, Code::OrderProcessing, text)
            }
            Obstacle::AmountIs(amount) => {
                let fen = amount.fen();
                let text = format!(
                    "amount: 此码金额固定 (this code is about {fen} fen: leave the amount out)"
                );
                return Self(bad, Code::BadRequest, text);
            }
            Obstacle::AmountFromMerchant => {
                let text = "amount: 金额由商家给出 (the merchant says how much: leave it out)";
                (bad, Code::BadRequest, text)
            }
            Obstacle::NoAmount => {
                let text = "amount: 请输入金额 (say how much to pay, in fen)";
                (bad, Code::BadRequest, text)
            }
            Obstacle::TakesNone(why) => {
                let text = format!("商家暂不收款：{why} (the merchant takes no payment now)");
                return Self(conflict, Code::OperationNotAllowed, text);
            }
            Obstacle::Untold(why) => {
                let text = format!(
                    "暂时无法获取金额，请联系商家 (the merchant's system did not say how much to pay: {why})"
                );
                return Self(StatusCode::BAD_GATEWAY, Code::InvalidResponse, text);
            }
            Obstacle::Changed => {
                let text = "二维码已变更，请重新扫码 (this code was changed meanwhile: scan again)";
                (conflict, Code::OrderProcessing, text)
            }
            Obstacle::Crowded => (conflict, Code::OrderProcessing, "请重试 (try again)"),
            Obstacle::UnionPayOnly => {
                let text = "through: a hold is taken through unionpay only (预授权仅支持银联)";
                (bad, Code::BadRequest, text)
            }
            Obstacle::Refused(reason) => {
                let text = reason.to_string();
                return Self(StatusCode::PAYMENT_REQUIRED, Code::TargetFail, text);
            }
            Obstacle::Lost => {
                let text =
                    "网络异常，请重试 (the confirmation was lost on its way; nothing was paid)";
                (StatusCode::GATEWAY_TIMEOUT, Code::Timeout, text)
            }
            Obstacle::NotSimulated => {
                (StatusCode::NOT_FOUND, Code::NoService, "there is no simulation here")
            }
            Obstacle::No(no) => {
                let (code, text) = no.summary();
                return Self(conflict, code, text.to_string());
            }
            Obstacle::Submit(SubmitError::Fault(fault)) => return fault.into(),
            Obstacle::Submit(other) => {
                return Self(conflict, Code::OperationNotAllowed, other.to_string());
            }
        };
        Self(status, code, text.to_owned())
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
