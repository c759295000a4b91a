//! What the cashier's pages have around their content, and what can be tried out in the test environment.

use std::ops::Deref;

use holdfast_domain::{Bill, CodeId, Phase};

use crate::{
    channel::{Operation, Scenario, Simulated},
    pages::Sheet,
};

/// A page of the cashier.
pub(super) struct Till {
    sheet: Sheet,
    /// What can be tried out; nothing in the live environment.
    pub(super) rehearsal: Option<Rehearsal>,
    /// Whether the page asks for six digits.
    pub(super) asks_digits: bool,
}

/// What somebody who tries an integration out can do to the code of a page.
pub(super) struct Rehearsal {
    pub(super) code: String,
    /// What time it is for bills.
    pub(super) now: String,
    /// What the scenarios are about, if any fits.
    pub(super) about: Option<&'static str>,
    pub(super) choices: Vec<Choice>,
}

/// One way in which the channel can behave.
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) text: &'static str,
    pub(super) set: bool,
}

/// How far the clock is moved at once.
#[derive(Clone, Copy)]
pub(super) enum Ahead {
    Hour,
    Day,
    Month,
}

impl Till {
    /// A page without anything to try out.
    pub(super) fn bare(sheet: Sheet) -> Self {
        Self::with(sheet, None)
    }

    pub(super) fn with(sheet: Sheet, rehearsal: Option<Rehearsal>) -> Self {
        Self { sheet, rehearsal, asks_digits: false }
    }

    /// The same page as one that asks for six digits.
    pub(super) fn asking_digits(self) -> Self {
        Self { asks_digits: true, ..self }
    }
}

impl Deref for Till {
    type Target = Sheet;

    fn deref(&self) -> &Sheet {
        &self.sheet
    }
}

/// What the channel does next with a bill that can be told by the bill's own number: take the payer's money, or give a
/// hold or a guarantee back.
pub(super) fn operation(bill: &Bill) -> Option<Operation> {
    match bill.phase {
        Phase::Requested { .. } => Some(Operation::Pay),
        Phase::Authorized { .. } => Some(Operation::Release),
        _ => None,
    }
}

/// What the channel can do with a payment: English, Chinese.
const PAYING: &[(Scenario, &str, &str)] = &[
    (Scenario::Approve, "Everything goes well", "一切正常"),
    (Scenario::Refuse, "The bank refuses: insufficient funds", "银行拒绝：余额不足"),
    (Scenario::LostOrder, "The confirmation gets lost; nothing is paid", "确认在途中丢失，未付款"),
    (Scenario::LostAnswer, "Paid, and the answer gets lost", "已付款，但应答丢失"),
    (Scenario::Late, "Paid, and the answer takes 20 seconds", "已付款，但应答延迟 20 秒"),
    (Scenario::Twice, "Paid, and the answer comes twice", "已付款，应答重复到达"),
];

/// What it can do when the money is to go back.
const GIVING_BACK: &[(Scenario, &str, &str)] = &[
    (Scenario::Approve, "Everything goes well", "一切正常"),
    (Scenario::Refuse, "The bank refuses", "银行拒绝"),
    (Scenario::LostOrder, "The order gets lost on its way", "指令在途中丢失"),
    (Scenario::LostAnswer, "Given back, and the answer gets lost", "已退回，但应答丢失"),
    (Scenario::Late, "Given back, and the answer takes 20 seconds", "已退回，但应答延迟 20 秒"),
    (Scenario::Twice, "Given back, and the answer comes twice", "已退回，应答重复到达"),
];

impl Rehearsal {
    pub(super) fn of(
        page: &Sheet,
        simulated: &Simulated,
        code: &CodeId,
        bill: Option<&Bill>,
        now: String,
    ) -> Self {
        let found = bill.and_then(|bill| Some((bill, operation(bill)?)));
        let (about, choices) = match found {
            None => (None, vec![]),
            Some((bill, operation)) => {
                let (about, lines) = match operation {
                    Operation::Pay => (page.language.t("When it is paid", "付款时"), PAYING),
                    _ => {
                        (page.language.t("When it is given back whole", "整笔退回时"), GIVING_BACK)
                    }
                };
                let now = simulated.scenario(operation, bill.key.no.as_str(), bill.terms.amount);
                let choice = |(scenario, en, zh): &(Scenario, &'static str, &'static str)| Choice {
                    word: scenario.word(),
                    text: page.language.t(en, zh),
                    set: *scenario == now,
                };
                (Some(about), lines.iter().map(choice).collect())
            }
        };
        Self { code: code.to_string(), now, about, choices }
    }
}

impl Ahead {
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    pub(super) fn ms(self) -> i64 {
        match self {
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
            Self::Month => 30 * 86_400_000,
        }
    }
}
