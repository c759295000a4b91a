//! Walks being done: step by step, against a gateway that may do anything.

use std::{collections::BTreeMap, time::Duration};

use holdfast_client::{Exchange, Sent};
use holdfast_domain::Moment;
use holdfast_wire::{
    field::InstMid, legacy::Signed, message::EndpointSpec, messages::TokenAccess, time,
};
use serde_json::{Map, Value};

use super::{
    judge::{self, Asked, Difference, expected},
    payer::{Action, Code, Payer},
    receiver::Receiver,
    request::{Signer, Unsigned},
    walk::{Auth, Basis, Call, Deed, SAME_AS, Step, Walk},
};
use crate::screen::Screen;

/// How long to wait before asking again, in milliseconds.
const PAUSE_MS: i64 = 500;

/// What proves that a hold is one's own: what follows a payment needs it.
const AUTH_CODE: &str = "authIdRespCd";

/// The field that makes a bill a hold.
const HOLD: &str = "preauthTransaction";

/// The field, and the placeholder, that says where notices go.
const NOTIFY_URL: &str = "notifyUrl";

/// The longest request or answer that is shown, in characters.
const SHOWN_MAX: usize = 2_000;

/// Everything that walks are done with.
pub(super) struct Setting {
    /// Who asks.
    pub(super) signer: Signer,
    /// Who pays.
    pub(super) payer: Payer,
    /// Where notices go, if they are looked at.
    pub(super) receiver: Option<Receiver>,
    /// Names that walks may use: `mid`, `tid`, `subMid`…
    pub(super) names: BTreeMap<String, Value>,
    /// What the numbers of bills begin with: the source number (来源编号).
    pub(super) source: String,
    /// Why nobody can pay, once that is known: it is not the gateway's fault.
    pub(super) unpaid: Option<String>,
    /// How long one answer may take.
    pub(super) timeout: Duration,
    /// How long what is waited for may take, in milliseconds.
    pub(super) patience_ms: i64,
    /// Whether a walk ends with the first thing that is not as Holdfast does it.
    pub(super) strict: bool,
    /// Where a person is asked to pay.
    pub(super) screen: Screen,
}

/// What came of a walk.
pub(super) struct Outcome {
    /// How many steps were done.
    pub(super) steps: usize,
    /// What was not as it has to be.
    pub(super) troubles: Vec<Trouble>,
    /// Why it could not go on, though nothing was wrong: in both languages.
    pub(super) lacks: Option<&'static str>,
}

/// A step after which something is not as it has to be.
pub(super) struct Trouble {
    /// The step, counted from 1.
    pub(super) step: usize,
    /// What was done.
    pub(super) deed: String,
    /// Why it must be otherwise, in English and in Chinese.
    pub(super) why: [String; 2],
    /// What was sent, if anything: the line and the body.
    pub(super) request: Option<[String; 2]>,
    /// What was answered, if anything: the line and the body.
    pub(super) answer: Option<[String; 2]>,
    /// What exactly differs.
    pub(super) differences: Vec<Difference>,
}

/// A request that was sent, so that later steps can mean it.
struct Done {
    call: Call,
    fields: Option<Map<String, Value>>,
    sent: Sent,
    answer: Value,
}

/// A walk being done.
struct Player<'p> {
    setting: &'p mut Setting,
    walk: &'p Walk,
    names: BTreeMap<String, Value>,
    done: BTreeMap<String, Done>,
    /// Why the walk cannot go on, though nothing is wrong.
    lacks: Option<&'static str>,
}

/// Does a walk.
pub(super) async fn walk(setting: &mut Setting, walk: &Walk) -> Outcome {
    let names = setting.names.clone();
    let mut player = Player { setting, walk, names, done: BTreeMap::new(), lacks: None };
    player.name_the_bill();
    let mut outcome = Outcome { steps: 0, troubles: vec![], lacks: None };
    for (number, step) in walk.steps.iter().enumerate() {
        let number = number.saturating_add(1);
        outcome.steps = number;
        let Some(mut trouble) = player.step(number, step).await else { continue };
        if walk.basis == Basis::Holdfast {
            for difference in &mut trouble.differences {
                difference.basis = Basis::Holdfast;
            }
        }
        outcome.lacks = player.lacks;
        let ends = player.setting.strict
            || player.lacks.is_some()
            || trouble.differences.iter().any(|difference| difference.basis == Basis::Protocol);
        outcome.troubles.push(trouble);
        if ends {
            // What follows rests on this step: it would be noise.
            break;
        }
    }
    outcome
}

impl Player<'_> {
    /// A bill of this walk's own: four characters of source, the time, and chance.
    fn name_the_bill(&mut self) {
        let (source, signer) = (&self.setting.source, &self.setting.signer);
        let now = signer.clock.wall();
        for name in ["billNo", "billNo2"] {
            let no = format!("{source}{}{}", time::show_stamp(now), signer.dice.digits(7));
            if name == "billNo"
                && let Some(receiver) = &self.setting.receiver
            {
                self.names.insert(NOTIFY_URL.to_owned(), receiver.address(&no).into());
            }
            self.names.insert(name.to_owned(), no.into());
        }
        let date = now.day().to_string();
        self.names.insert("billDate".to_owned(), date.into());
        let before = Moment(now.0.saturating_sub(10 * 86_400_000)).day().to_string();
        self.names.insert("otherDate".to_owned(), before.into());
    }

    async fn step(&mut self, number: usize, step: &Step) -> Option<Trouble> {
        let until = self.setting.signer.clock.wall().plus_ms(self.setting.patience_ms);
        loop {
            let trouble = self.attempt(number, step).await?;
            let now = self.setting.signer.clock.wall();
            // Nothing else gets better by waiting.
            let waits = |difference: &Difference| step.until.as_ref() == Some(&difference.at);
            if !trouble.differences.iter().any(waits) || now >= until {
                return Some(trouble);
            }
            let clock = &self.setting.signer.clock;
            clock.until(clock.now().plus_ms(PAUSE_MS)).await;
        }
    }

    /// Does a step once. Answers what is wrong with what came of it, if anything.
    async fn attempt(&mut self, number: usize, step: &Step) -> Option<Trouble> {
        let mut trouble = Trouble {
            step: number,
            deed: name_of(&step.deed, &self.done),
            why: step.why.clone(),
            request: None,
            answer: None,
            differences: vec![],
        };
        let did = match &step.deed {
            Deed::Call(call) => self.call(step, call.clone(), &mut trouble).await,
            Deed::Repeat(of, instead) => match self.done.get(of).map(|done| done.call.clone()) {
                Some(mut call) => {
                    call.fields.extend(instead.clone());
                    self.call(step, call, &mut trouble).await
                }
                None => Err("the step that is meant was not done".to_owned()),
            },
            Deed::Resend(of) => self.resend(step, of, &mut trouble).await,
            Deed::Pay(code) => self.pay(Action::Pay, code, true, &mut trouble).await,
            Deed::PayRefused(code) => self.pay(Action::Pay, code, false, &mut trouble).await,
            Deed::Decline(code) => self.pay(Action::Decline, code, true, &mut trouble).await,
            Deed::Notice => self.notice(step, &mut trouble).await,
        };
        if let Err(why) = did {
            let at = "this step 本步骤";
            let expected = "can be done 可以执行";
            trouble.differences.push(Difference::new(Basis::Protocol, at, expected, why));
        }
        (!trouble.differences.is_empty()).then_some(trouble)
    }

    async fn call(&mut self, step: &Step, call: Call, trouble: &mut Trouble) -> Result<(), String> {
        let fields = match &call.body {
            Some(_) => None,
            None if call.endpoint.is_some_and(is_token) => None,
            None => Some(self.fields(&call)?),
        };
        let body = match (&call.body, &fields) {
            (Some(body), _) => self.fill(body)?,
            (None, Some(fields)) if call.wrap => serde_json::json!({ "data": fields }).to_string(),
            (None, Some(fields)) => Value::Object(fields.clone()).to_string(),
            (None, None) => String::new(),
        };
        let token = match self.names.get("token") {
            Some(Value::String(token)) => token.clone(),
            _ => String::new(),
        };
        let unsigned = Unsigned { path: &call.path, endpoint: call.endpoint, body, token: &token };
        let sent = self.setting.signer.sign(call.auth, unsigned).await?;
        self.send(step, call, fields, sent, trouble).await
    }

    async fn resend(&mut self, step: &Step, of: &str, trouble: &mut Trouble) -> Result<(), String> {
        let done = self.done.get(of).ok_or("the step that is meant was not done")?;
        let (call, fields, sent) = (done.call.clone(), done.fields.clone(), done.sent.clone());
        self.send(step, call, fields, sent, trouble).await
    }

    /// Sends a request and judges the answer.
    async fn send(
        &mut self,
        step: &Step,
        call: Call,
        fields: Option<Map<String, Value>>,
        sent: Sent,
        trouble: &mut Trouble,
    ) -> Result<(), String> {
        trouble.request = Some([
            format!("{} {}", sent.method, sent.address()),
            self.safe(&String::from_utf8_lossy(&sent.body)),
        ]);
        let exchange = match self.setting.signer.client.send(sent).await {
            Ok(exchange) => exchange,
            Err(error) => {
                let expected =
                    format!("one within {} s 在时限内应答", self.setting.timeout.as_secs());
                let difference = Difference::new(
                    Basis::Protocol,
                    "the answer 应答",
                    expected,
                    error.to_string(),
                );
                trouble.differences.push(difference);
                return Ok(());
            }
        };
        trouble.answer = Some([
            format!("HTTP {}", exchange.status),
            self.safe(&String::from_utf8_lossy(&exchange.body)),
        ]);
        let found = &mut trouble.differences;
        let answer = match judge::read(&exchange.body) {
            Ok(answer) => answer,
            Err(mut difference) => {
                // What is not found at all may be answered by anybody on the way: of that the documents tell nothing.
                if exchange.status == 404 && judge::allows(&step.expect, exchange.status) {
                    difference.basis = Basis::Holdfast;
                }
                found.push(difference);
                return Ok(());
            }
        };
        let asked = Asked { endpoint: call.endpoint, fields: fields.as_ref(), wrapped: call.wrap };
        found.extend(judge::general(&exchange, &answer, asked));
        found.extend(self.unsigned(call.auth, &exchange));
        for (wanted, basis) in [(&step.expect, Basis::Protocol), (&step.holdfast, Basis::Holdfast)]
        {
            let mut wanted = self.filled(wanted)?;
            if basis == Basis::Protocol && !wanted.contains_key(super::walk::STATUS) {
                wanted.insert(super::walk::STATUS.to_owned(), Value::from(200));
            }
            let first =
                wanted.get(SAME_AS).and_then(Value::as_str).and_then(|id| self.done.get(id));
            if let Some(first) = first {
                found.extend(judge::same(basis, &first.answer, &answer));
            }
            // What was said once in the protocol's name need not be said again in ours.
            let fresh = expected(&wanted, basis, &exchange, &answer)
                .into_iter()
                .filter(|one| found.iter().all(|other| other.at != one.at))
                .collect::<Vec<_>>();
            found.extend(fresh);
        }
        judge::lead_with_the_code(found);
        for (name, at) in &step.save {
            let wrong = found.iter().any(|difference| difference.basis == Basis::Protocol);
            let told = match judge::told(&answer, at) {
                // After a wrong answer nothing follows.
                None if wrong => continue,
                None if at == AUTH_CODE => self.told_by_notice(at, found).await,
                told => told,
            };
            if let Some(value) = told {
                self.names.insert(name.clone(), value);
            } else if self.lacks.is_none() {
                let expected = "needed by what follows 后续步骤需要";
                found.push(Difference::new(Basis::Protocol, at, expected, "nothing 无"));
            }
        }
        if let Some(id) = &step.id {
            self.done.insert(id.clone(), Done { call, fields, sent: exchange.sent, answer });
        }
        Ok(())
    }

    /// What the notice about the walk's bill says of a hold. The documents have the notice tell its code, and do not
    /// list it among what `query` answers.
    async fn told_by_notice(&mut self, at: &str, found: &mut Vec<Difference>) -> Option<Value> {
        let bill = self.fill("{billNo}").ok()?;
        let ms = u64::try_from(self.setting.patience_ms).unwrap_or(u64::MAX);
        let Some(receiver) = self.setting.receiver.as_mut() else {
            self.lacks = Some(
                "the query does not tell authIdRespCd: give --notices ADDRESS, so that the notice can 查询应答未返回 authIdRespCd，需以 --notices 接收通知",
            );
            let expected = "where we can see it: in the answer or in the notice 应答或通知中返回";
            found.push(Difference::new(Basis::Holdfast, at, expected, "nothing 无"));
            return None;
        };
        let arrived = receiver.next(&bill, ms).await?;
        let (pairs, wrong) = judge::notice(&receiver.key, &arrived.body);
        // A later step may want to see it.
        receiver.keep(arrived);
        let believed = wrong.iter().all(|difference| difference.basis == Basis::Holdfast);
        pairs.get(at).filter(|_| believed).cloned()
    }

    /// Whether an answer of the predecessor protocol lacks its signature.
    fn unsigned(&self, auth: Auth, exchange: &Exchange) -> Option<Difference> {
        let key = self.setting.signer.notice_key.as_ref()?;
        if !matches!(auth, Auth::Legacy | Auth::LegacySha256) {
            return None;
        }
        let signed = Signed::parse(&exchange.body).is_ok_and(|answer| answer.is_signed_with(key));
        let expected = "the answer's own signature 应答签名";
        (!signed).then(|| {
            Difference::new(Basis::Holdfast, "sign", expected, "none that is right 无或有误")
        })
    }

    async fn pay(
        &mut self,
        action: Action,
        code: &str,
        lets: bool,
        trouble: &mut Trouble,
    ) -> Result<(), String> {
        let carries = self.fill(code)?;
        let gateway = self.setting.signer.client.base_url();
        let code = Code { carries: &carries, gateway };
        let limit = match self.setting.payer {
            Payer::Sim => self.setting.timeout,
            _ => Duration::from_millis(u64::try_from(self.setting.patience_ms).unwrap_or(u64::MAX)),
        };
        let acted = self.setting.payer.act(action, code, limit, &self.setting.screen).await;
        if let (Err(why), false) = (&acted, self.setting.payer == Payer::Sim) {
            self.setting.unpaid = Some(why.clone());
        }
        let was_let = acted?;
        // A person cannot tell us; the bill will.
        if was_let != lets && self.setting.payer != Payer::Ask {
            let [yes, no] = ["the payer is let 允许", "the payer is refused 拒绝"];
            let (expected, came) = if lets { (yes, no) } else { (no, yes) };
            trouble.differences.push(Difference::new(
                Basis::Protocol,
                "payer 付款人",
                expected,
                came,
            ));
        }
        Ok(())
    }

    async fn notice(&mut self, step: &Step, trouble: &mut Trouble) -> Result<(), String> {
        let wanted = [
            (self.filled(&step.expect)?, Basis::Protocol),
            (self.filled(&step.holdfast)?, Basis::Holdfast),
        ];
        let bill = self.fill("{billNo}")?;
        let ms = u64::try_from(self.setting.patience_ms).unwrap_or(u64::MAX);
        let receiver =
            self.setting.receiver.as_mut().ok_or("there is nobody to receive notices")?;
        let Some(arrived) = receiver.next(&bill, ms).await else {
            let expected = format!("within {} s 在时限内送达", ms / 1_000);
            let at = "the notice 通知";
            trouble.differences.push(Difference::new(
                Basis::Protocol,
                at,
                expected,
                "none came 未收到",
            ));
            return Ok(());
        };
        trouble.request =
            Some([format!("{} {}", arrived.method, receiver.address(&bill)), cut(&arrived.body)]);
        let found = &mut trouble.differences;
        if arrived.method != "POST" {
            found.push(Difference::new(
                Basis::Protocol,
                "HTTP method 请求方法",
                "POST",
                &arrived.method,
            ));
        }
        if !arrived.content_type.starts_with("application/x-www-form-urlencoded") {
            let (at, expected) = ("Content-Type", "application/x-www-form-urlencoded");
            found.push(Difference::new(Basis::Holdfast, at, expected, cut(&arrived.content_type)));
        }
        let (pairs, wrong) = judge::notice(&receiver.key, &arrived.body);
        found.extend(wrong);
        let exchange = Exchange {
            sent: Sent::unsigned("POST", String::new(), vec![]),
            status: 200,
            location: None,
            body: vec![],
        };
        let pairs = Value::Object(pairs);
        for (wanted, basis) in wanted {
            found.extend(expected(&wanted, basis, &exchange, &pairs));
        }
        Ok(())
    }

    /// The fields of a call: those that every request has, those of the walk, its own.
    fn fields(&self, call: &Call) -> Result<Map<String, Value>, String> {
        let signer = &self.setting.signer;
        let name = |name: &str| self.names.get(name).cloned().unwrap_or_default();
        let mut fields = Map::new();
        for (field, value) in [
            ("requestTimestamp", time::show(signer.clock.wall()).into()),
            ("mid", name("mid")),
            ("tid", name("tid")),
            ("instMid", InstMid::QrPay.as_str().into()),
            ("msgId", signer.dice.digits(16).into()),
            ("srcReserve", "conformance 一致性".into()),
        ] {
            fields.insert(field.to_owned(), value);
        }
        // The notice about a hold may be the only one to tell its code.
        let holds = call.fields.contains_key(HOLD);
        if let Some(address) = self.names.get(NOTIFY_URL).filter(|_| holds) {
            fields.insert(NOTIFY_URL.to_owned(), address.clone());
        }
        for more in [&self.walk.with, &call.fields] {
            for (name, value) in self.filled(more)? {
                match value {
                    Value::Null => drop(fields.remove(&name)),
                    value => drop(fields.insert(name, value)),
                }
            }
        }
        Ok(fields)
    }

    /// A part of a walk with its placeholders filled in. A text that is nothing but one becomes the value itself.
    fn filled(&self, part: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        part.iter().map(|(name, value)| Ok((name.clone(), self.filled_value(value)?))).collect()
    }

    fn filled_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => {
                let whole = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                match whole.and_then(|name| self.names.get(name)) {
                    Some(value) => value.clone(),
                    None => Value::String(self.fill(text)?),
                }
            }
            Value::Array(items) => {
                let items = items.iter().map(|item| self.filled_value(item));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(self.filled(fields)?),
            other => other.clone(),
        })
    }

    /// A text with its placeholders filled in: `{billNo}`. Braces around anything but a name stay.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let name = after.split_once('}').map(|(name, _)| name).filter(|name| {
                name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.chars().all(|c| c.is_ascii_alphanumeric())
            });
            match name {
                Some(name) => {
                    match self.names.get(name) {
                        Some(Value::String(text)) => filled.push_str(text),
                        Some(value) => filled.push_str(&value.to_string()),
                        None => return Err(format!("nothing is known by the name {{{name}}}")),
                    }
                    rest = after.get(name.len().saturating_add(1)..).unwrap_or_default();
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// What may be shown of a text: not too much, and no token.
    fn safe(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        let known = self.names.get("token").and_then(Value::as_str).map(str::to_owned);
        let given = serde_json::from_str::<Value>(text).unwrap_or_default();
        let given = given.get("accessToken").and_then(Value::as_str).map(str::to_owned);
        for token in known.into_iter().chain(given).filter(|token| !token.is_empty()) {
            shown = shown.replace(&token, "…");
        }
        cut(&shown)
    }
}

fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(SHOWN_MAX).map(plain).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

fn is_token(endpoint: &EndpointSpec) -> bool {
    endpoint.name == <TokenAccess as holdfast_wire::message::Endpoint>::NAME
}

/// What a step does, for a person.
fn name_of(deed: &Deed, done: &BTreeMap<String, Done>) -> String {
    let called = |call: &Call| match call.endpoint {
        Some(endpoint) => format!("{} {}", endpoint.name, endpoint.title.zh),
        None => call.path.clone(),
    };
    let earlier = |of: &String| done.get(of).map_or_else(|| of.clone(), |done| called(&done.call));
    match deed {
        Deed::Call(call) => called(call),
        Deed::Repeat(of, fields) if fields.is_empty() => format!("{} again 重复请求", earlier(of)),
        Deed::Repeat(of, _) => {
            format!("{} again, with other content 内容不同的重复请求", earlier(of))
        }
        Deed::Resend(of) => format!("{} sent again byte by byte 原样重发", earlier(of)),
        Deed::Pay(_) => "the payer pays 付款".to_owned(),
        Deed::PayRefused(_) => "the payer tries to pay 尝试付款".to_owned(),
        Deed::Decline(_) => "the payer declines 取消付款".to_owned(),
        Deed::Notice => "a notice 支付结果通知".to_owned(),
    }
}
