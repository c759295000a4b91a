//! `holdfast demo`: one hold, over real signed HTTP, with the ledger beside it.
//!
//! The gateway is the one that `serve` starts, with a store that is thrown away. Nothing is staged: each
//! line is what went over the socket, and each balance is read from the journal.

mod next;
mod past;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use holdfast_client::{Client, Exchange, Sent, Transport};
use holdfast_domain::{
    Account, Amount, AuthCode, Balances, BillKey, BillNo, Mid, OrderId, Text, Tid,
};
use holdfast_gateway::{
    ConsoleFiles, Parts, Running,
    accounts::MerchantChange,
    clock::{Clock, Dice, Stopwatch},
    config::Config,
    notices::outbox::MemoryOutbox,
    operators::{By, Name, Newcomer, Password, Role},
    start,
    store::SqliteStore,
    vault::Vault,
};
use holdfast_wire::{
    auth::AppId,
    field::{Named, Rule, TextFlag},
    json::{Json, Object},
    message::{Endpoint, EndpointSpec, says_done},
    messages::{GetQrcode, Preauthed, PreauthedCancel, Query, Refund},
    secret::AppKey,
    time,
};
use serde_json::json;

use crate::{
    answer,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, left, right, width, yuan},
    serve::{self, Signals},
};

const MID: &str = "898201612345678";
const TID: &str = "88880001";
const APP: &str = "holdfast-demo";

/// Who may use the demo's console: somebody for everything, and a second person for what takes two.
const PEOPLE: [(&str, Role); 2] = [("demo", Role::Administrator), ("second", Role::Operator)];

/// Above this many fen the console asks for a second person: 1,000 yuan.
const APPROVAL_ABOVE: u64 = 100_000;

/// How long the demo waits for its own gateway.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Watch one hold live through capture, reversal and refund, then try it yourself 演示
#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// End when it is played, instead of serving on
    /// 演示后结束
    #[arg(long, verbatim_doc_comment)]
    once: bool,
    /// The port to serve on; any free one unless given
    /// 监听端口，缺省任选
    #[arg(long, default_value_t = 0, verbatim_doc_comment)]
    port: u16,
}

pub(crate) async fn run(command: Demo, screen: &Screen) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let stage = Stage::open(&command).await?;
    let played = async {
        // Nobody looks at the console of a demo that ends at once.
        if !command.once {
            past::play(&stage).await?;
        }
        play(&stage, screen).await
    };
    let played = tokio::select! {
        played = played => played,
        () = signals.next() => Err(Failure::new(Exit::Interrupted, "interrupted")),
    };
    match played {
        Ok(()) if !command.once => {
            next::show(&stage, screen).await?;
            let Stage { running, scratch, .. } = stage;
            serve::announce(screen, &running)?;
            screen.say("Ctrl-C ends the demo and removes its data (Ctrl-C 结束并清除数据)");
            let exit = serve::until_told(running, signals, screen).await;
            drop(scratch);
            Ok(exit)
        }
        played => {
            stage.running.stop().await;
            played.map(|()| Exit::Done)
        }
    }
}

/// A gateway with one merchant and one app, and a client of that app.
struct Stage {
    running: Running,
    client: Client,
    key: AppKey,
    /// Of everybody in [`PEOPLE`].
    password: Password,
    dice: Dice,
    scratch: Scratch,
}

/// A directory that is removed when it is no longer needed.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's own directory for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    async fn open(command: &Demo) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::new(Exit::Unexpected, error);
        let dice = Dice::unpredictable();
        let scratch = Scratch(std::env::temp_dir().join(format!("holdfast-demo-{}", dice.hex(12))));
        let config = Config {
            data_dir: scratch.0.clone(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, command.port)),
            approval_above: Some(APPROVAL_ABOVE),
            ..Config::default()
        };
        let store = SqliteStore::open(&config.data_dir, config.environment.name())
            .map_err(|e| broken(&e))?;
        let vault = Arc::new(Vault::throw_away(&dice));
        let parts = Parts {
            store: Arc::new(store),
            outbox: Arc::new(MemoryOutbox::new()),
            console: ConsoleFiles::in_memory(),
            vault,
            clock: (!command.once).then(|| Clock::running(past::BEGAN_MS.saturating_neg())),
            dice: Dice::unpredictable(),
        };
        let running = start(&config, parts).await.map_err(|error| {
            broken(&error).hint("holdfast demo takes any free port unless --port is given")
        })?;
        let mid = Mid::parse(MID).map_err(|e| broken(&e))?;
        let name = Text::parse("演示商户 Demo").map_err(|e| broken(&e))?;
        running.accounts.add_merchant(&mid, &name).await?;
        let terminal = Tid::parse(TID).map_err(|e| broken(&e))?;
        let desk = Text::parse("前台 Front desk").map_err(|e| broken(&e))?;
        let terminals = vec![(terminal, Some(desk))];
        let change = MerchantChange { terminals, ..MerchantChange::default() };
        running.accounts.set_merchant(&mid, &change).await?;
        let clock = Clock::running(0);
        running.accounts.rotate_notice_key(&mid, None, 0, &clock, &dice).await?;
        let (id, key) = running.accounts.add_app(Some(APP), None, &[mid], &[], &dice).await?;
        let client = Client::builder()
            .base_url(running.url())
            .credentials(AppId::parse(&id).map_err(|e| broken(&e))?, key.clone())
            .timeout(PATIENCE)
            .build()
            .map_err(|e| broken(&e))?;
        let password = Password::made(&dice);
        for (name, role) in PEOPLE {
            let name = Name::parse(name).ok_or_else(|| broken(&"nobody can be called so"))?;
            let new = Newcomer { name, role, password: password.clone(), must_change: false };
            let now = running.core.clock.wall();
            let added = running.operators.add(&By::command_line(), new, now).await;
            added.map_err(|e| broken(&e))?;
        }
        Ok(Self { running, client, key, password, dice, scratch })
    }

    /// A bill that nobody has made yet: four characters of source, the time, and chance.
    fn new_bill(&self) -> Result<BillKey, Failure> {
        let now = self.running.core.clock.now();
        let no = format!("3194{}{}", time::show_stamp(now), self.dice.digits(6));
        let no = BillNo::parse(&no).map_err(|error| Failure::new(Exit::Unexpected, error))?;
        let mid = Mid::parse(MID).map_err(|error| Failure::new(Exit::Unexpected, error))?;
        Ok(BillKey { mid, no, date: now.day() })
    }

    /// A request for a bill whose money is held first.
    fn hold(&self, bill: &BillKey, fen: u64) -> Result<GetQrcode, Failure> {
        let mut hold = self.payment(bill, fen)?;
        hold.terms.preauth_transaction = Some(TextFlag(true));
        Ok(hold)
    }

    /// A request for a bill whose money is taken at once.
    fn payment(&self, bill: &BillKey, fen: u64) -> Result<GetQrcode, Failure> {
        let common = self.client.common(MID, TID).map_err(malformed)?;
        let mut bill = GetQrcode::one_off(common, bill.no.clone(), bill.date, amount(fen)?);
        bill.terms.bill_desc = Some(Text::parse("押金 1号房").map_err(malformed)?);
        Ok(bill)
    }

    /// The payer confirms, as with a phone.
    async fn pay(&self, code: &str) -> Result<Exchange, Failure> {
        let url = format!("{}/sim/payer/{code}/confirm", self.running.url());
        let body = br#"{"card":"credit"}"#.to_vec();
        Transport::new(PATIENCE)
            .send(Sent::unsigned("POST", url, body))
            .await
            .map_err(|error| Failure::new(Exit::of_error(&error), error))
    }
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, error)
}

fn amount(fen: u64) -> Result<Amount, Failure> {
    Amount::from_fen(fen).map_err(malformed)
}

/// Whose money it is after a step, in fen.
type Money = [i128; 3];

/// One hold, step by step.
async fn play(stage: &Stage, screen: &Screen) -> Result<(), Failure> {
    let bill = stage.new_bill()?;
    let mut play =
        Play { stage, screen, bill: &bill, step: 0, read: 0, balances: Balances::default() };
    play.open()?;
    let common = || stage.client.common(MID, TID).map_err(malformed);
    let order = |suffix: &str| OrderId::parse(&format!("{}{suffix}", bill.no)).map_err(malformed);
    let (no, date) = (bill.no.clone(), bill.date);

    let made = play
        .call("ask for a hold of 500.00 yuan", "申请预授权", &stage.hold(&bill, 50_000)?, [0, 0, 0])
        .await?;
    let code = made.qr_code_id.ok_or_else(|| malformed("the answer has no qrCodeId"))?;

    play.pay(code.as_str(), [-50_000, 50_000, 0]).await?;

    let query = Query {
        common: common()?,
        bill_no: OrderId::parse(no.as_str()).map_err(malformed)?,
        bill_date: Some(date),
        refund_order_id: None,
        authed_order_id: None,
    };
    let held = play.call("ask how it stands", "查询", &query, [-50_000, 50_000, 0]).await?;
    let auth: AuthCode =
        held.auth_id_resp_cd.ok_or_else(|| malformed("the answer has no authIdRespCd"))?;

    let capture = |order: OrderId, fen| {
        Ok::<_, Failure>(Preauthed {
            common: common()?,
            bill_no: no.clone(),
            bill_date: date,
            authed_order_id: order,
            auth_id_resp_cd: Named::parse(auth.as_str()).map_err(malformed)?,
            total_amount: amount(fen)?,
            authed_desc: None,
        })
    };
    play.call(
        "capture 380.00 of it",
        "预授权完成",
        &capture(order("C1")?, 38_000)?,
        [-38_000, 0, 38_000],
    )
    .await?;

    let reversal = PreauthedCancel {
        common: common()?,
        bill_no: no.clone(),
        bill_date: date,
        mer_order_id: order("C1")?,
        auth_id_resp_cd: auth.clone(),
    };
    play.call("undo the whole capture", "预授权完成撤销", &reversal, [-50_000, 50_000, 0]).await?;

    play.call(
        "capture 120.00 under a new number",
        "再次完成",
        &capture(order("C2")?, 12_000)?,
        [-12_000, 0, 12_000],
    )
    .await?;

    let refund = Refund {
        common: common()?,
        bill_no: Some(OrderId::parse(no.as_str()).map_err(malformed)?),
        bill_date: date,
        mer_order_id: None,
        refund_order_id: Some(order("R1")?),
        refund_amount: amount(2_000)?,
        platform_amount: None,
        sub_orders: None,
        refund_desc: None,
    };
    play.call("give 20.00 back", "退款", &refund, [-10_000, 0, 10_000]).await?;

    let query =
        Query { authed_order_id: Some(order("C2")?), refund_order_id: Some(order("R1")?), ..query };
    play.call(
        "ask how it ended",
        "查询",
        &Query { common: common()?, ..query },
        [-10_000, 0, 10_000],
    )
    .await?;
    play.close()
}

/// What the timeline needs to know at each step.
struct Play<'s> {
    stage: &'s Stage,
    screen: &'s Screen,
    bill: &'s BillKey,
    step: u32,
    /// The last record of the journal that is in the balances.
    read: u64,
    balances: Balances,
}

/// How wide the columns of the timeline are: what is done, and the three balances.
const WIDTHS: [usize; 5] = [60, 12, 9, 9, 10];

impl Play<'_> {
    fn open(&self) -> Result<(), Failure> {
        if self.screen.format == Format::Json {
            return Ok(());
        }
        let url = self.stage.running.url();
        let title =
            self.screen.tone(Tone::Strong, "One hold, from request to refund · 一笔预授权的一生");
        self.screen.result(format_args!(
            "\n{title}\nsigned HTTP (OPEN-BODY-SIG) to {url}, bill {}\n",
            self.bill.no
        ))?;
        let heading = ["", "phase 状态", "payer", "held", "merchant"];
        self.screen.result(self.columns(heading))?;
        self.screen.result(self.columns(["", "", "付款人", "冻结", "商户"]))
    }

    /// One call: what is sent, what comes back, and where the money is then.
    async fn call<E: Endpoint>(
        &mut self,
        en: &str,
        zh: &str,
        request: &E,
        expected: Money,
    ) -> Result<E::Response, Failure> {
        let watch = Stopwatch::start();
        let exchange = self.stage.client.call_raw(E::PATH, &request.encode()).await;
        let exchange = exchange.map_err(|error| Failure::new(Exit::of_error(&error), error))?;
        let took_ms = watch.elapsed().as_millis();
        self.show(en, zh, &EndpointSpec::of::<E>(), &exchange, took_ms, expected).await?;
        exchange.read::<E>().map_err(|error| Failure::new(Exit::of_error(&error), error))
    }

    /// The payer's step, which no merchant can take.
    async fn pay(&mut self, code: &str, expected: Money) -> Result<(), Failure> {
        let watch = Stopwatch::start();
        let exchange = self.stage.pay(code).await?;
        let took_ms = watch.elapsed().as_millis();
        let controls = EndpointSpec {
            path: "/sim/payer/{code}/confirm",
            request: &[],
            response: &[],
            ..EndpointSpec::of::<Query>()
        };
        self.show(
            "the payer confirms on the phone (simulated)",
            "付款人确认",
            &controls,
            &exchange,
            took_ms,
            expected,
        )
        .await?;
        match exchange.status {
            200 => Ok(()),
            status => Err(Failure::new(
                Exit::Unexpected,
                format!("the simulated payer was answered {status}"),
            )),
        }
    }

    async fn show(
        &mut self,
        en: &str,
        zh: &str,
        endpoint: &EndpointSpec,
        exchange: &Exchange,
        took_ms: u128,
        expected: Money,
    ) -> Result<(), Failure> {
        self.step = self.step.saturating_add(1);
        let (money, phase) = (self.money().await?, self.phase().await?);
        let sent = Object::parse(&exchange.sent.body).unwrap_or_default();
        let answer = Object::parse(&exchange.body).unwrap_or_default();
        let code = match answer::text(&answer, "errCode") {
            "" if exchange.status == 200 => "OK",
            "" => "?",
            code => code,
        };
        let text = self.screen.format == Format::Text;
        if text {
            let title = format!("{:>2}  {en} {zh}", self.step);
            let [payer, held, merchant] = money.map(yuan);
            let line = self.columns([&title, phase, &payer, &held, &merchant]);
            self.screen.result(format_args!("\n{}", self.screen.tone(Tone::Strong, &line)))?;
            let path =
                exchange.sent.address().strip_prefix(&self.stage.running.url()).unwrap_or_default();
            self.screen.result(format_args!("    {} {path}", exchange.sent.method))?;
            let arrow = self.screen.tone(Tone::Quiet, "→");
            let asked = match some(&sent, endpoint, ASKED) {
                asked if asked.is_empty() => some(&sent, endpoint, &["billNo", "billDate"]),
                asked => asked,
            };
            self.screen.result(format_args!("    {arrow} {asked}"))?;
            let tone = if code == "OK" || says_done(code) { Tone::Good } else { Tone::Bad };
            let arrow = self.screen.tone(Tone::Quiet, "←");
            let code = self.screen.tone(tone, code);
            let told = some(&answer, endpoint, TOLD);
            let took = self.screen.tone(Tone::Quiet, &format!("({took_ms} ms)"));
            self.screen.result(format_args!("    {arrow} {code}  {told} {took}"))?;
        } else {
            let body = |bytes: &[u8]| {
                serde_json::from_slice::<serde_json::Value>(bytes).unwrap_or_default()
            };
            let [payer, held, merchant] = money.map(|fen| i64::try_from(fen).unwrap_or_default());
            self.screen.result(json!({
                "step": self.step, "what": en, "method": exchange.sent.method, "url": exchange.sent.address(),
                "request": body(&exchange.sent.body), "status": exchange.status, "answer": body(&exchange.body),
                "phase": phase, "ledgerFen": {"payer": payer, "held": held, "merchant": merchant},
            }))?;
        }
        if money == expected {
            return Ok(());
        }
        let [payer, held, merchant] = expected.map(yuan);
        Err(Failure::new(
            Exit::Differences,
            format!(
                "after step {} the ledger should be: payer {payer}, held {held}, merchant {merchant}",
                self.step
            ),
        ))
    }

    /// Whose money it is, as the journal tells.
    async fn money(&mut self) -> Result<Money, Failure> {
        const PAGE: usize = 256;
        let store = &self.stage.running.core.store;
        loop {
            let records = store.journal(self.read, PAGE).await.map_err(malformed)?;
            let Some(last) = records.last() else { break };
            self.read = last.seq;
            for entry in records
                .iter()
                .filter(|record| *record.key == *self.bill)
                .flat_map(|record| &record.entries)
            {
                self.balances.post(entry);
            }
        }
        Ok([Account::Payer, Account::Held, Account::Merchant]
            .map(|account| self.balances.of(&account)))
    }

    async fn phase(&self) -> Result<&'static str, Failure> {
        let bill = self.stage.running.core.store.bill(self.bill).await.map_err(malformed)?;
        Ok(bill.map_or("", |bill| bill.phase.name()))
    }

    fn close(&self) -> Result<(), Failure> {
        if self.screen.format == Format::Json {
            return Ok(());
        }
        let good = self.screen.tone(Tone::Good, "✓");
        self.screen.result(format_args!(
            "\n{good} Every step was answered SUCCESS, and the journal balanced after each: of 500.00 yuan the payer has\n  \
             400.00 back and the merchant keeps 100.00. 每一步账实相符：付款人收回 400.00 元，商户得 100.00 元。\n"
        ))
    }

    fn columns(&self, cells: [&str; 5]) -> String {
        let [what, phase, payer, held, merchant] = cells;
        let [for_what, for_phase, for_payer, for_held, for_merchant] = WIDTHS;
        [
            left(what, for_what),
            left(phase, for_phase),
            right(payer, for_payer),
            right(held, for_held),
            right(merchant, for_merchant),
        ]
        .concat()
    }
}

/// The fields of requests that a reader of the timeline wants to see.
const ASKED: &[&str] = &[
    "totalAmount",
    "preauthTransaction",
    "authedOrderId",
    "merOrderId",
    "authIdRespCd",
    "refundOrderId",
    "refundAmount",
    "card",
];

/// The same of answers.
const TOLD: &[&str] = &[
    "qrCodeId",
    "billStatus",
    "authIdRespCd",
    "refundStatus",
    "billPayment",
    "authedBillPayment",
    "refundBillPayment",
    "through",
    "deadline",
];

/// After so many columns the fields of a message go on in the next line.
const LINE: usize = 84;

/// Some fields of a message; of an object inside it, how much and how it stands.
fn some(object: &Object<'_>, endpoint: &EndpointSpec, names: &[&str]) -> String {
    let specs = || endpoint.request.iter().chain(endpoint.response);
    let mut told = vec![];
    for (name, json) in object.fields().filter(|(name, _)| names.contains(name)) {
        let money = specs().any(|spec| spec.name == name && matches!(spec.rule, Rule::Fen { .. }));
        match json {
            Json::Integer(fen) if money => told.push(format!("{name} {}", yuan(i128::from(*fen)))),
            Json::Integer(number) => told.push(format!("{name} {number}")),
            Json::Text(text) => told.push(format!("{name} {text}")),
            Json::Object(inside) => {
                let sum = match inside.get("totalAmount") {
                    Some(Json::Integer(fen)) => yuan(i128::from(*fen)),
                    _ => String::new(),
                };
                told.push(format!("{name} {sum} {}", answer::text(inside, "status")));
            }
            _ => {}
        }
    }
    let mut line = String::new();
    for told in told {
        let used = line.rsplit('\n').next().map_or(0, width);
        match used {
            0 => {}
            _ if used.saturating_add(width(&told)) > LINE => line.push_str("\n      "),
            _ => line.push_str("  "),
        }
        line.push_str(&told);
    }
    line
}
