//! The simulated channel: a bank and a payer that do as they are told, in the test environment only.
//!
//! It decides from the order and the scenario alone, so a restart gives the same decision again. The only
//! thing it keeps is a payment whose report has not reached the gateway yet.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

use holdfast_domain::{
    Amount, AuthCode, Bill, BillKey, BillNo, CardKind, CardTail, Channel as PaidThrough, Command,
    Day, Marks, Mid, Moment, Order, PayerRules, Phase, Text, Verdict,
};
use holdfast_wire::{person::Person, secret::Personal};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Channel, Errand, Word};
use crate::{
    clock::Clock,
    limits,
    store::{Kind, Store, StoreFault, Task},
};

/// What a scenario applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// The payer's confirmation.
    Pay,
    /// A capture (预授权完成), also the completion of a guarantee (担保完成).
    Capture,
    /// The reversal of a capture (预授权完成撤销).
    Reverse,
    /// The release of a hold or guarantee (预授权撤销, 担保撤销), also the one at its deadline.
    Release,
    /// A refund (退款).
    Refund,
    /// Dividing a payment among merchants after it was paid (异步分账确认).
    Divide,
}

/// How the simulated channel behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// It does what it is asked.
    Approve,
    /// It refuses, with a reason.
    Refuse,
    /// It acts and answers only [`limits::SIMULATED_LATE_MS`] later.
    Late,
    /// The order is lost on the way. Given again, it is carried out.
    LostOrder,
    /// It acts, and its answer is lost on the way. Asked, it tells.
    LostAnswer,
    /// It answers twice.
    Twice,
    /// An answer to an older order comes first.
    Disorder,
    /// It reverses, and the hold does not stand again.
    NoRestore,
    /// It answers the repeat of a finished release or reversal with `HAS_CANCELLED`.
    Cancelled,
}

impl Operation {
    /// All of them, with the word that names them.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Pay, "pay"),
        (Self::Capture, "cap"),
        (Self::Reverse, "rev"),
        (Self::Release, "rel"),
        (Self::Refund, "ref"),
        (Self::Divide, "div"),
    ];

    /// The operation's short word, as it stands in an order number.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(operation, _)| *operation == self).map_or("", |(_, word)| word)
    }

    /// Reads an operation's short word, or its name in full.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let full = match text {
            "confirm" => "pay",
            "capture" => "cap",
            "reverse" => "rev",
            "release" => "rel",
            "refund" => "ref",
            "divide" => "div",
            word => word,
        };
        Self::ALL.iter().find(|(_, word)| *word == full).map(|(operation, _)| *operation)
    }

    fn of(order: &Order) -> Self {
        match order {
            Order::Capture(_) => Self::Capture,
            Order::Reverse(_) => Self::Reverse,
            Order::Refund(_) => Self::Refund,
            Order::Divide(_) => Self::Divide,
            Order::Release => Self::Release,
        }
    }

    /// The operation's place in a magic amount.
    fn hundreds(self) -> u64 {
        match self {
            Self::Pay => 100,
            Self::Capture => 200,
            Self::Reverse => 300,
            Self::Release => 400,
            Self::Refund => 500,
            Self::Divide => 600,
        }
    }
}

/// One scenario as people choose it: the table of all is [`reference`].
struct Line {
    scenario: Scenario,
    word: &'static str,
    /// The last two digits of the magic amount.
    number: u64,
    operations: &'static [Operation],
    en: &'static str,
    zh: &'static str,
}

/// The base of the magic amounts, in fen: 8,800.00 yuan and a little.
const MAGIC_FEN: u64 = 880_000;

const EVERY: &[Operation] = &[
    Operation::Pay,
    Operation::Capture,
    Operation::Reverse,
    Operation::Release,
    Operation::Refund,
    Operation::Divide,
];
const ORDERS: &[Operation] = &[
    Operation::Capture,
    Operation::Reverse,
    Operation::Release,
    Operation::Refund,
    Operation::Divide,
];

const LINES: &[Line] = &[
    Line {
        scenario: Scenario::Approve,
        word: "approve",
        number: 0,
        operations: EVERY,
        en: "The channel does what it is asked. This is how it behaves when nothing else is chosen.",
        zh: "渠道照办。未另行选择时即为此行为。",
    },
    Line {
        scenario: Scenario::Refuse,
        word: "refuse",
        number: 1,
        operations: EVERY,
        en: "The channel refuses with a reason: `TARGET_FAIL`, and no money moves.",
        zh: "渠道拒绝并说明原因：`TARGET_FAIL`，资金不动。",
    },
    Line {
        scenario: Scenario::Late,
        word: "late",
        number: 2,
        operations: EVERY,
        en: "The channel acts, but its answer takes 20 seconds: `TIMEOUT` first, the outcome later by `query`. A payment that is told late comes too late for a bill that was closed meanwhile, and goes back.",
        zh: "渠道已处理，但 20 秒后才应答：先得到 `TIMEOUT`，随后可用 `query` 查得结果。付款晚到而账单已关闭时，款项自动退回。",
    },
    Line {
        scenario: Scenario::LostOrder,
        word: "lostorder",
        number: 3,
        operations: EVERY,
        en: "The order is lost on its way to the channel: `TIMEOUT`; the gateway finds out, gives it again, and it is carried out once.",
        zh: "指令在去往渠道途中丢失：`TIMEOUT`；网关查明后重新提交，只执行一次。",
    },
    Line {
        scenario: Scenario::LostAnswer,
        word: "lostanswer",
        number: 4,
        operations: EVERY,
        en: "The channel acts and its answer is lost: `TIMEOUT`; the gateway asks until it knows. For a payment, `query` or the bill's last moment brings it to light.",
        zh: "渠道已处理，应答丢失：`TIMEOUT`；网关持续查询直至确知。对付款而言，`query` 或账单到期时查明。",
    },
    Line {
        scenario: Scenario::Twice,
        word: "twice",
        number: 5,
        operations: EVERY,
        en: "The channel answers twice; the second answer changes nothing.",
        zh: "渠道应答两次，第二次不起作用。",
    },
    Line {
        scenario: Scenario::Disorder,
        word: "disorder",
        number: 6,
        operations: ORDERS,
        en: "A refusal that answers an older order comes before the right answer, and is set aside as stale.",
        zh: "先到一条针对旧指令的拒绝应答，作为过期应答忽略，随后才是正确应答。",
    },
    Line {
        scenario: Scenario::NoRestore,
        word: "norestore",
        number: 7,
        operations: &[Operation::Reverse],
        en: "The capture is reversed but the hold does not stand again: everything goes back to the payer.",
        zh: "完成已撤销，但预授权不恢复：全部款项退回付款人。",
    },
    Line {
        scenario: Scenario::Cancelled,
        word: "cancelled",
        number: 8,
        operations: &[Operation::Reverse, Operation::Release],
        en: "A repeat of the finished request is answered `HAS_CANCELLED` instead of the first answer again.",
        zh: "对已完成的撤销重复请求时，应答 `HAS_CANCELLED`，而非首次应答。",
    },
];

impl Scenario {
    /// Reads a scenario's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        LINES.iter().find(|line| line.word == word).map(|line| line.scenario)
    }

    /// The words of all scenarios.
    pub fn words() -> impl Iterator<Item = &'static str> {
        LINES.iter().map(|line| line.word)
    }

    /// The scenario's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        LINES.iter().find(|line| line.scenario == self).map_or("", |line| line.word)
    }

    /// Whether the scenario means anything for the operation.
    #[must_use]
    pub fn applies_to(self, operation: Operation) -> bool {
        LINES.iter().any(|line| line.scenario == self && line.operations.contains(&operation))
    }

    fn by_suffix(operation: Operation, number: &str) -> Option<Self> {
        let (rest, word) = number.rsplit_once('-')?;
        let (_, of) = rest.rsplit_once('-')?;
        let line = LINES.iter().find(|line| line.word == word)?;
        (of == operation.word() && line.operations.contains(&operation)).then_some(line.scenario)
    }

    fn by_amount(operation: Operation, amount: Amount) -> Option<Self> {
        let number = amount.fen().checked_sub(MAGIC_FEN)?.checked_sub(operation.hundreds())?;
        let line = LINES.iter().find(|line| line.number == number && line.number > 0)?;
        line.operations.contains(&operation).then_some(line.scenario)
    }
}

/// The table of all scenarios in Markdown, both languages: how to choose each, and what it does.
#[must_use]
pub fn reference() -> String {
    let mut page = "| scenario 场景 | by number suffix 按编号后缀 | by amount (fen) 按金额（分） | what happens | 结果 |\n|---|---|---|---|---|\n".to_owned();
    for line in LINES {
        let suffixes: Vec<String> =
            line.operations.iter().map(|of| format!("`-{}-{}`", of.word(), line.word)).collect();
        let amounts: Vec<String> = line
            .operations
            .iter()
            .map(|of| {
                format!("{}", MAGIC_FEN.saturating_add(of.hundreds()).saturating_add(line.number))
            })
            .collect();
        let (suffixes, amounts) = match line.number {
            0 => ("–".to_owned(), "–".to_owned()),
            _ => (suffixes.join(" "), amounts.join(" ")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {suffixes} | {amounts} | {} | {} |",
            line.word, line.en, line.zh
        );
    }
    page
}

/// The simulated channel.
pub struct Simulated {
    store: Arc<dyn Store>,
    clock: Clock,
    /// Whether a reversal restores the hold when no scenario says otherwise. The default is yes: UnionPay POS
    /// practice (`behaviour.md`, policy `after_reversal`).
    restores: bool,
    /// Scenarios set by call: by operation (or any) and number (or any).
    called: RwLock<BTreeMap<String, Scenario>>,
    /// Payments whose report has not reached the gateway, as the registry keeps them.
    unheard: RwLock<BTreeMap<BillKey, Unheard>>,
}

/// A payment that the channel has taken and the gateway does not know of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unheard {
    mid: String,
    no: String,
    date: String,
    /// When the channel tells of it by itself, in milliseconds since 1970; never when absent.
    tells_at: Option<i64>,
    card: Option<String>,
    through: String,
}

/// What the channel does with a payer's confirmation.
#[derive(Debug)]
pub enum Confirmation {
    /// It takes the money and reports so, as often as there are commands.
    Report(Vec<Command>),
    /// It refuses the payer.
    Refuse(Text<255>),
    /// It takes the money, and the report of it comes later or only when asked for.
    Silent,
    /// The payer's confirmation never reached it.
    Lost,
}

/// How a payer comes to pay, and who it says it is.
pub struct Shown {
    /// With what kind of card, if it is one.
    pub card: Option<CardKind>,
    /// Through what.
    pub through: PaidThrough,
    /// Under what name.
    pub name: Option<String>,
    /// With what certificate's number.
    pub certificate: Option<String>,
}

/// Why the bill's rules do not let this payer pay, if they do not: the text names the rule.
#[must_use]
pub fn objection(
    rules: &PayerRules,
    expected: Option<&Person>,
    shown: &Shown,
) -> Option<Text<255>> {
    // An identity card may end in a capital or a small letter. Compared as secrets are: in constant time.
    let plain = |text: &str| Personal::parse(&text.trim().to_ascii_uppercase()).ok();
    let is = |expected: &Option<Personal>, shown: &Option<String>| match expected {
        Some(expected) => plain(expected.expose()) == shown.as_deref().and_then(plain),
        None => true,
    };
    let other = expected.is_some_and(|person| {
        person.only && !(is(&person.name, &shown.name) && is(&person.cert_no, &shown.certificate))
    });
    let text = if rules.no_credit_cards && shown.card == Some(CardKind::Credit) {
        "不支持信用卡 (simulated: this bill takes no credit cards)"
    } else if rules.installments.is_some() && shown.through != PaidThrough::Alipay {
        "花呗分期仅支持支付宝 (simulated: installments are paid through alipay only)"
    } else if other {
        "付款人与实名信息不符 (simulated: only the named person may pay; name and certNo must be that person's)"
    } else {
        return None;
    };
    Text::parse(text).ok()
}

impl Simulated {
    /// A simulated channel over the gateway's store.
    ///
    /// # Errors
    /// When its book cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Clock,
        restores: bool,
    ) -> Result<Self, StoreFault> {
        let mut called = BTreeMap::new();
        for (id, word) in store.registry(Kind::Scenario).await? {
            called.extend(Scenario::parse(&word).map(|scenario| (id, scenario)));
        }
        let mut unheard = BTreeMap::new();
        for (id, record) in store.registry(Kind::SimulatedPayment).await? {
            let kept: Unheard = serde_json::from_str(&record)
                .map_err(|error| StoreFault::new(format!("simulated payment {id}: {error}")))?;
            unheard.extend(kept.key().map(|key| (key, kept)));
        }
        let (called, unheard) = (RwLock::new(called), RwLock::new(unheard));
        Ok(Self { store, clock, restores, called, unheard })
    }

    /// Sets a scenario for an operation (or any) on a number (or any), or takes it back with `None`.
    /// What is set by call comes before what a number's suffix or an amount says.
    ///
    /// # Errors
    /// `Ok(false)` when too many are set already; a fault when the store cannot write.
    pub async fn set(
        &self,
        operation: Option<Operation>,
        number: Option<&str>,
        scenario: Option<Scenario>,
    ) -> Result<bool, StoreFault> {
        let id = called_id(operation, number);
        let count = self.called.read().unwrap_or_else(PoisonError::into_inner).len();
        if scenario.is_some() && count >= limits::SCENARIOS {
            return Ok(false);
        }
        self.store.register(Kind::Scenario, &id, scenario.map(|s| s.word().to_owned())).await?;
        let mut called = self.called.write().unwrap_or_else(PoisonError::into_inner);
        match scenario {
            Some(scenario) => called.insert(id, scenario),
            None => called.remove(&id),
        };
        Ok(true)
    }

    /// All scenarios set by call: operation (or `any`), number (or `any`), scenario.
    #[must_use]
    pub fn all_set(&self) -> Vec<(String, String, Scenario)> {
        let called = self.called.read().unwrap_or_else(PoisonError::into_inner);
        let parts = |(id, scenario): (&String, &Scenario)| {
            let (operation, number) = id.split_once('/').unwrap_or((id, "any"));
            (operation.to_owned(), number.to_owned(), *scenario)
        };
        called.iter().map(parts).collect()
    }

    /// What the channel does when the payer confirms `bill`.
    ///
    /// # Errors
    /// When the channel's book cannot be written.
    pub async fn confirm(
        &self,
        bill: &Bill,
        card: Option<CardKind>,
        through: PaidThrough,
    ) -> Result<Confirmation, StoreFault> {
        let now = self.clock.now();
        let report = || authorize(&bill.key, &bill.terms.code, card, through);
        let tells_at = match self.scenario(Operation::Pay, bill.key.no.as_str(), bill.terms.amount)
        {
            Scenario::Refuse => {
                return Ok(Confirmation::Refuse(reason(Operation::Pay)));
            }
            Scenario::LostOrder => return Ok(Confirmation::Lost),
            Scenario::Twice => return Ok(Confirmation::Report(vec![report(), report()])),
            Scenario::Late => Some(now.plus_ms(limits::SIMULATED_LATE_MS).0),
            Scenario::LostAnswer => None,
            Scenario::Approve | Scenario::Disorder | Scenario::NoRestore | Scenario::Cancelled => {
                return Ok(Confirmation::Report(vec![report()]));
            }
        };
        let kept = Unheard {
            mid: bill.key.mid.to_string(),
            no: bill.key.no.to_string(),
            date: bill.key.date.to_string(),
            tells_at,
            card: card.map(|card| format!("{card:?}")),
            through: format!("{through:?}"),
        };
        let record = serde_json::to_string(&kept).map_err(StoreFault::new)?;
        self.store.register(Kind::SimulatedPayment, &bill.key.to_string(), Some(record)).await?;
        let mut unheard = self.unheard.write().unwrap_or_else(PoisonError::into_inner);
        unheard.insert((*bill.key).clone(), kept);
        Ok(Confirmation::Silent)
    }

    /// Whether the payer has paid and the gateway has not heard of it.
    #[must_use]
    pub fn is_silent(&self, key: &BillKey) -> bool {
        self.unheard.read().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// The scenario by which the channel does something to that number, about that much.
    pub(crate) fn scenario(&self, operation: Operation, number: &str, amount: Amount) -> Scenario {
        let called = self.called.read().unwrap_or_else(PoisonError::into_inner);
        let set = [
            (Some(operation), Some(number)),
            (None, Some(number)),
            (Some(operation), None),
            (None, None),
        ];
        let set = match called.is_empty() {
            true => None,
            false => {
                set.iter().find_map(|(of, number)| called.get(&called_id(*of, *number)).copied())
            }
        };
        set.or_else(|| Scenario::by_suffix(operation, number))
            .or_else(|| Scenario::by_amount(operation, amount))
            .unwrap_or(Scenario::Approve)
    }

    fn chosen(&self, bill: &Bill, order: &Order) -> (Operation, Scenario) {
        let operation = Operation::of(order);
        let (number, amount) = match order {
            // The completion of a guarantee has no number of its own.
            Order::Capture(leg) if bill.terms.kind == holdfast_domain::Kind::Guarantee => {
                (bill.key.no.as_str(), leg.amount)
            }
            Order::Capture(leg) | Order::Reverse(leg) | Order::Refund(leg) => {
                (leg.order.as_str(), leg.amount)
            }
            Order::Release | Order::Divide(_) => (bill.key.no.as_str(), bill.terms.amount),
        };
        (operation, self.scenario(operation, number, amount))
    }

    /// The channel's decision, which depends on the order and the scenario alone.
    fn verdict(&self, errand: &Errand, operation: Operation, scenario: Scenario) -> Verdict {
        match scenario {
            Scenario::Refuse => Verdict::Refused { reason: reason(operation) },
            _ => Verdict::Approved {
                marks: marks(&errand.bill.key, u64::from(errand.asked.number)),
                restored: self.restores && scenario != Scenario::NoRestore,
            },
        }
    }
}

impl Channel for Simulated {
    fn give<'a>(&'a self, errand: &'a Errand, now: Moment) -> Task<'a, Word> {
        let (operation, scenario) = self.chosen(&errand.bill, &errand.order);
        let verdict = self.verdict(errand, operation, scenario);
        let number = errand.asked.number;
        let age_ms = now.0.saturating_sub(errand.asked.at.0);
        Box::pin(async move {
            match scenario {
                Scenario::Late => {
                    self.clock.until(errand.asked.at.plus_ms(limits::SIMULATED_LATE_MS)).await;
                }
                // Nothing comes back, as on a network that swallowed it: the caller gives up by itself.
                Scenario::LostAnswer => std::future::pending().await,
                Scenario::LostOrder if age_ms < limits::SIMULATED_LOST_MS => {
                    std::future::pending().await
                }
                _ => {}
            }
            let mut reports = vec![(number, verdict.clone())];
            match scenario {
                Scenario::Twice => reports.push((number, verdict)),
                Scenario::Disorder => {
                    let stale = Verdict::Refused { reason: reason(operation) };
                    reports.insert(0, (number.saturating_sub(1), stale));
                }
                _ => {}
            }
            Word::Reports(reports)
        })
    }

    fn ask<'a>(&'a self, errand: &'a Errand, now: Moment) -> Task<'a, Word> {
        let (operation, scenario) = self.chosen(&errand.bill, &errand.order);
        let age_ms = now.0.saturating_sub(errand.asked.at.0);
        let word = match scenario {
            Scenario::Late if age_ms < limits::SIMULATED_LATE_MS => Word::NotKnown,
            Scenario::LostOrder => Word::NeverHeard,
            _ => Word::Reports(vec![(
                errand.asked.number,
                self.verdict(errand, operation, scenario),
            )]),
        };
        Box::pin(async move { word })
    }

    fn paid<'a>(
        &'a self,
        bill: &'a Bill,
        now: Moment,
    ) -> Task<'a, Result<Option<Command>, StoreFault>> {
        let unheard = self.unheard.read().unwrap_or_else(PoisonError::into_inner);
        let kept = unheard.get(&*bill.key);
        // A late report cannot be had sooner by asking; a lost one can.
        let told = kept.filter(|kept| kept.tells_at.is_none_or(|at| at <= now.0));
        let report = told.map(|kept| kept.report(&bill.key, &bill.terms.code));
        Box::pin(async { Ok(report) })
    }

    fn news<'a>(&'a self, now: Moment) -> Task<'a, Result<Vec<(BillKey, Command)>, StoreFault>> {
        let unheard = self.unheard.read().unwrap_or_else(PoisonError::into_inner);
        let told = unheard.iter().filter(|(_, kept)| kept.tells_at.is_some_and(|at| at <= now.0));
        let silent = unheard.iter().filter(|(_, kept)| kept.tells_at.is_none());
        let due: Vec<_> = told
            .chain(silent)
            .take(limits::WORKER_LOOK)
            .map(|(key, kept)| (key.clone(), kept.clone()))
            .collect();
        Box::pin(async move {
            let mut news = vec![];
            for (key, kept) in due {
                let Some(bill) = self.store.bill(&key).await? else { continue };
                // While a bill waits for its payer, a lost report comes to light when it is asked for. A bill
                // that was closed or lapsed in the same moment asks no more, and the money would stay here.
                if kept.tells_at.is_some() || !matches!(bill.phase, Phase::Requested { .. }) {
                    let report = kept.report(&key, &bill.terms.code);
                    news.push((key, report));
                }
            }
            Ok(news)
        })
    }

    fn heard<'a>(&'a self, key: &'a BillKey) -> Task<'a, Result<(), StoreFault>> {
        Box::pin(async move {
            if self.is_silent(key) {
                self.store.register(Kind::SimulatedPayment, &key.to_string(), None).await?;
                self.unheard.write().unwrap_or_else(PoisonError::into_inner).remove(key);
            }
            Ok(())
        })
    }

    fn denies_repeats(&self, bill: &Bill, order: &Order) -> bool {
        self.chosen(bill, order).1 == Scenario::Cancelled
    }

    fn restores(&self) -> bool {
        self.restores
    }
}

impl Unheard {
    fn key(&self) -> Option<BillKey> {
        Some(BillKey {
            mid: Mid::parse(&self.mid).ok()?,
            no: BillNo::parse(&self.no).ok()?,
            date: Day::parse(&self.date)?,
        })
    }

    fn report(&self, key: &BillKey, code: &holdfast_domain::CodeId) -> Command {
        let card = match self.card.as_deref() {
            Some("Debit") => Some(CardKind::Debit),
            Some(_) => Some(CardKind::Credit),
            None => None,
        };
        let through = match self.through.as_str() {
            "WeChat" => PaidThrough::WeChat,
            "Alipay" => PaidThrough::Alipay,
            _ => PaidThrough::UnionPay,
        };
        authorize(key, code, card, through)
    }
}

fn called_id(operation: Option<Operation>, number: Option<&str>) -> String {
    format!("{}/{}", operation.map_or("any", Operation::word), number.unwrap_or("any"))
}

fn reason(operation: Operation) -> Text<255> {
    let text = match operation {
        Operation::Pay => "余额不足 (simulated: insufficient funds)",
        Operation::Capture => "发卡行拒绝完成 (simulated: the issuer refuses the capture)",
        Operation::Reverse => "发卡行拒绝撤销 (simulated: the issuer refuses the reversal)",
        Operation::Release => "发卡行拒绝撤销预授权 (simulated: the issuer refuses the release)",
        Operation::Refund => "发卡行拒绝退款 (simulated: the issuer refuses the refund)",
        Operation::Divide => "清算方拒绝分账 (simulated: the division is refused)",
    };
    Text::parse(text).expect("short, not blank, without control characters")
}

/// The report of the payer's payment: the same bill always gives the same numbers and the same six-digit code.
fn authorize(
    key: &BillKey,
    code: &holdfast_domain::CodeId,
    card: Option<CardKind>,
    channel: PaidThrough,
) -> Command {
    let digits = digits(key, code.as_str());
    // UnionPay has nothing but cards; behind the others there may be a balance.
    let is_card = card.is_some() || channel == PaidThrough::UnionPay;
    let tail = digits.get(18..22).and_then(|tail| CardTail::parse(tail).ok());
    Command::Authorize {
        marks: marks(key, 0),
        channel,
        payer_id: Text::parse(&format!("2088{}", digits.get(6..18).unwrap_or_default())).ok(),
        payer_name: Text::parse("模拟付款人").ok(),
        card,
        tail: tail.filter(|_| is_card),
        auth: AuthCode::parse(digits.get(..6).unwrap_or("000000")).expect("six digits"),
    }
}

/// The channel's numbers for an order, in the look of the official samples (`protocol.md` section 3.3).
fn marks(key: &BillKey, number: u64) -> Marks {
    let digits = digits(key, &number.to_string());
    let reference = format!("{}N", digits.get(..11).unwrap_or_default());
    Marks {
        reference: Text::parse(&reference).ok(),
        target: Text::parse(digits.get(11..39).unwrap_or("0")).ok(),
    }
}

/// 64 decimal digits that follow from the bill and a word.
fn digits(key: &BillKey, word: &str) -> String {
    let digest = Sha256::new()
        .chain_update(key.mid.as_str())
        .chain_update("/")
        .chain_update(key.no.as_str())
        .chain_update(key.date.0.to_be_bytes())
        .chain_update(word)
        .finalize();
    // The last two decimal digits of each byte.
    let digits =
        digest.iter().flat_map(|byte| [byte.div_euclid(10).rem_euclid(10), byte.rem_euclid(10)]);
    digits.map(|digit| char::from(b'0'.saturating_add(digit))).collect()
}
