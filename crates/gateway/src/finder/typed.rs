//! The one box: what somebody may have meant by what was typed.

use holdfast_domain::{Amount, BillNo, CardTail, CodeId, OrderId};

use crate::limits;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A number, exactly: of a bill, a capture, a refund, a payment; a code; a request.
    Number(String),
    /// The last four digits of the card that paid.
    Card(CardTail),
    /// An amount.
    Amount(Amount),
    /// The beginning of a bill's number.
    Beginning(String),
}

impl What {
    /// The names of all readings in an address.
    pub const NAMES: [&str; 4] = ["number", "card", "amount", "beginning"];

    /// All that a text may mean, the likeliest first. Nothing for a blank text, and for one that means nothing.
    #[must_use]
    pub fn readings(text: &str) -> Vec<Self> {
        let text = text.trim();
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let is_number = (1..=limits::FINDER_TEXT).contains(&text.len()) && text.bytes().all(plain);
        let mut readings = vec![];
        if is_number {
            readings.push(Self::Number(text.to_owned()));
        }
        readings.extend(CardTail::parse(text).ok().map(Self::Card));
        readings.extend(amount(text).map(Self::Amount));
        if is_number && text.len() <= BillNo::MAX {
            readings.push(Self::Beginning(text.to_owned()));
        }
        readings
    }

    /// The reading's name in an address.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Card(_) => "card",
            Self::Amount(_) => "amount",
            Self::Beginning(_) => "beginning",
        }
    }
}

/// A sum in yuan, also with its thousands apart, as our own pages show it.
fn amount(text: &str) -> Option<Amount> {
    let comma = |c: char| matches!(c, ',' | '，');
    let whole = text.split('.').next().unwrap_or_default();
    let digits = |group: &str| group.chars().filter(char::is_ascii_digit).count();
    // `1,00` is more likely a slip than a hundred.
    if whole.split(comma).skip(1).any(|group| digits(group) != 3) {
        return None;
    }
    Amount::from_yuan(&text.replace(comma, ""))
}

/// The number of the bill whose payment bears that number, if one's does.
pub(super) fn paid_bill(number: &str) -> Option<String> {
    Some(OrderId::parse(number).ok()?.paid_bill()?.as_str().to_owned())
}

const _: () = assert!(limits::FINDER_TEXT >= BillNo::MAX && limits::FINDER_TEXT >= CodeId::MAX);
