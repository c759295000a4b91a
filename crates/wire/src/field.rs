//! What one field of a message may hold.

use std::fmt;

use base64::Engine as _;
use holdfast_domain::{
    Amount, AuthCode, BillNo, CodeId, Day, Malformed, Mid, Moment, OrderId, Text, Tid,
};
use zeroize::Zeroizing;

mod nested;
mod rule;
mod words;

pub use nested::{Carried, Count, Many};
pub use rule::{Form, Rule};
pub use words::*;

use crate::{
    auth::{AppId, HexDigest, Nonce, Stamp},
    json::{Json, write_text},
    message::{FieldFault, FieldSpec, Message},
    secret::{Personal, Token},
    time,
};

/// A value that fits into one field of a message.
///
/// A value that exists is valid: `read` is the only way in from outside.
pub trait Field: Sized {
    /// What the field may hold, for the reference and the error texts.
    const RULE: Rule;

    /// Which JSON values it is read from and written as, where the rule does not say.
    const FORM: Form = Form::of(Self::RULE);

    /// The fields inside it, when it is an object or a list of them.
    const FIELDS: &'static [FieldSpec] = &[];

    /// Reads the field. It is never given `null` or a blank text: those count as absent.
    ///
    /// # Errors
    /// The value breaks the field's rule.
    fn read(json: &Json<'_>) -> Result<Self, Unfit>;

    /// Writes the field's JSON value in the official form.
    fn write(&self, out: &mut Vec<u8>);
}

/// Why a value does not fit into its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It breaks the field's rule.
    Value,
    /// It is an object, or a list of objects, with faults inside. Their paths begin inside it.
    Inside(Vec<FieldFault>),
}

/// The most objects that a list in a message has (`protocol.md` section 3.4).
pub const LIST_MAX: usize = 20;

/// The longest text of digits that is read as a number.
pub(crate) const DIGITS_MAX: usize = 12;

/// The code of a hold or the number of an order as a request names it: `LEAST` to `MOST` characters.
///
/// The official tables bound the same thing differently from page to page (`protocol.md` sections 3.11 and 10,
/// question 11). Only an [`AuthCode`] can belong to a hold, and only an [`OrderId`] be an order's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<const LEAST: usize, const MOST: usize>(Box<str>);

impl<const LEAST: usize, const MOST: usize> Named<LEAST, MOST> {
    /// Reads a name.
    ///
    /// # Errors
    /// Refuses a text that is too short, too long, or not made of letters, digits, `-`, `_`, `.`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = (LEAST..=MOST).contains(&text.len());
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        if fits && text.bytes().all(plain) { Ok(Self(text.into())) } else { Err(Malformed) }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as an order can have it; `None` for one that no order has.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        OrderId::parse(&self.0).ok()
    }

    /// The code as a hold can have it; `None` for one that is longer than any hold's.
    #[must_use]
    pub fn code(&self) -> Option<AuthCode> {
        AuthCode::parse(&self.0).ok()
    }
}

/// A place in a gateway's journal, as the gateway told it: opaque to everybody else.
pub type Cursor = Named<1, 32>;

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    /// Takes a number; `None` when it lies outside.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (LEAST..=MOST).contains(&number).then_some(Self(number))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// An `http` or `https` address of at most 1024 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(Text<1024>);

impl Url {
    /// Reads an address. Only its outside is checked: whether anybody may be called there is for the
    /// caller of the address to decide.
    ///
    /// # Errors
    /// Refuses other schemes, a missing host, white space, and more than 1024 characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once("://").ok_or(Malformed)?;
        let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let host = rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
        if !known || !host || text.chars().any(char::is_whitespace) {
            return Err(Malformed);
        }
        Text::parse(text).map(Self)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address as plain text.
    #[must_use]
    pub fn into_text(self) -> Text<1024> {
        self.0
    }
}

/// Base64 text about a person, of at most `MAX` characters. It is checked, and does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Private<const MAX: usize>(Box<str>);

impl<const MAX: usize> Private<MAX> {
    /// Reads Base64 text.
    ///
    /// # Errors
    /// Refuses what is not Base64, and more than `MAX` characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX || base64::prelude::BASE64_STANDARD.decode(text).is_err() {
            return Err(Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The text, still in Base64.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself; `None` when it is not UTF-8, is blank or has control characters.
    #[must_use]
    pub fn open(&self) -> Option<Personal> {
        let bytes = base64::prelude::BASE64_STANDARD.decode(&*self.0).ok()?;
        Personal::parse(&Zeroizing::new(String::from_utf8(bytes).ok()?)).ok()
    }
}

impl<const MAX: usize> fmt::Debug for Private<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(…)")
    }
}

/// One line for a person to read. A longer text is cut rather than refused.
///
/// The official tables say 255 characters. No known caller holds anybody to it, and a request with many
/// faults needs more room to be told every one of them with its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(Box<str>);

impl Note {
    /// The longest one, in characters.
    pub const MAX: usize = 2_000;

    /// Takes a text; line breaks become spaces, and what is too long ends in `…`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let line = |c: char| if c.is_control() { ' ' } else { c };
        let mut note: String = text.chars().map(line).take(Self::MAX).collect();
        if text.chars().nth(Self::MAX).is_some() {
            note.pop();
            note.push('…');
        }
        Self(note.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A figure that is only stored and shown: text of at most 32 characters. Callers also send it as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure(pub Text<32>);

/// A whole number of fen that may be nothing: a discount, a platform's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fen(u64);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of fen; `None` above [`Amount::MAX_FEN`].
    #[must_use]
    pub fn new(fen: u64) -> Option<Self> {
        (fen <= Amount::MAX_FEN).then_some(Self(fen))
    }

    /// The number of fen.
    #[must_use]
    pub fn fen(self) -> u64 {
        self.0
    }
}

impl From<Amount> for Fen {
    fn from(amount: Amount) -> Self {
        Self(amount.fen())
    }
}

/// How long something lasts, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u32);

/// How many events made a bill what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32);

/// Yes or no that travels as the text `"true"` or `"false"`; read from a JSON `true` or `false` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFlag(pub bool);

/// In how many monthly parts a payer pays (花呗分期).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installments {
    /// Three months.
    Three,
    /// Six months.
    Six,
    /// Twelve months.
    Twelve,
}
/// Makes fields of types that have `parse` and `as_str`: they take JSON strings and nothing else.
macro_rules! text_fields {
    ($( [$($generics:tt)*] $field:ty = $rule:expr; )+) => { $(
        impl<$($generics)*> Field for $field {
            const RULE: Rule = $rule;

            fn read(json: &Json<'_>) -> Result<Self, Unfit> {
                match json {
                    Json::Text(text) => Self::parse(text).map_err(|Malformed| Unfit::Value),
                    _ => Err(Unfit::Value),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                write_text(out, self.as_str());
            }
        }
    )+ };
}

text_fields! {
    [] Mid = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] Tid = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] BillNo = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] OrderId = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] AuthCode = Rule::Id { least: Self::MIN, most: Self::MAX };
    [] CodeId = Rule::Id { least: Self::MIN, most: Self::MAX };
    [const LEAST: usize, const MOST: usize] Named<LEAST, MOST> = Rule::Id { least: LEAST, most: MOST };
    [const MAX: usize] Text<MAX> = Rule::Text { most: MAX };
    [const MAX: usize] Private<MAX> = Rule::Base64 { most: MAX };
    [] Url = Rule::Url { most: 1024 };
    [] AppId = Rule::Text { most: Self::MAX };
    [] Nonce = Rule::Text { most: Self::MAX };
    [] Stamp = Rule::Stamp;
    [] HexDigest = Rule::Hex;
}

impl Field for Token {
    const RULE: Rule = Rule::Text { most: Self::MAX };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Self::parse(text).map_err(|Malformed| Unfit::Value),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.expose());
    }
}

impl Field for Note {
    const RULE: Rule = Rule::Text { most: Self::MAX };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Ok(Self::new(text)),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.as_str());
    }
}

impl Field for Figure {
    const RULE: Rule = Rule::Text { most: 32 };
    const FORM: Form = Form::Figure;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => Text::parse(text),
            Json::Integer(number) => Text::parse(&number.to_string()),
            _ => Err(Malformed),
        }
        .map_or(Err(Unfit::Value), |text| Ok(Self(text)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, self.0.as_str());
    }
}

impl Field for Amount {
    const RULE: Rule = Rule::Fen { least: 1, most: Self::MAX_FEN };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(|fen| Self::from_fen(fen).ok()).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.fen());
    }
}

impl Field for Fen {
    const RULE: Rule = Rule::Fen { least: 0, most: Amount::MAX_FEN };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(Self::new).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.0);
    }
}

impl Field for Seconds {
    const RULE: Rule = Rule::Number { least: 0, most: 4_294_967_295 };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let seconds = whole(json).and_then(|seconds| seconds.try_into().ok());
        seconds.map(Self).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.0));
    }
}

impl Field for Version {
    const RULE: Rule = Rule::Number { least: 1, most: 4_294_967_295 };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let version = whole(json).and_then(|version| version.try_into().ok());
        version.filter(|version| *version > 0).map(Self).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.0));
    }
}

impl<const LEAST: u64, const MOST: u64> Field for Whole<LEAST, MOST> {
    const RULE: Rule = Rule::Number { least: LEAST, most: MOST };

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        whole(json).and_then(Self::new).ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, self.0);
    }
}

impl Installments {
    /// So many months; `None` when nobody can pay in so many.
    #[must_use]
    pub fn of_months(months: u8) -> Option<Self> {
        [Self::Three, Self::Six, Self::Twelve].into_iter().find(|one| one.months() == months)
    }

    /// How many months.
    #[must_use]
    pub fn months(self) -> u8 {
        match self {
            Self::Three => 3,
            Self::Six => 6,
            Self::Twelve => 12,
        }
    }
}

impl Field for Installments {
    const RULE: Rule = Rule::OneOf(&["3", "6", "12"]);
    const FORM: Form = Form::Number;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match whole(json) {
            Some(3) => Ok(Self::Three),
            Some(6) => Ok(Self::Six),
            Some(12) => Ok(Self::Twelve),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.months()));
    }
}

impl Field for bool {
    const RULE: Rule = Rule::Flag;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Bool(flag) => Ok(*flag),
            Json::Text(text) if text == "true" => Ok(true),
            Json::Text(text) if text == "false" => Ok(false),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Field for TextFlag {
    const RULE: Rule = Rule::Flag;
    const FORM: Form = Form::TextFlag;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        bool::read(json).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, if self.0 { "true" } else { "false" });
    }
}

impl Field for Day {
    const RULE: Rule = Rule::Day;

    /// Takes `yyyy-MM-dd`, the same with a time behind it, and `yyyyMMdd` (`protocol.md` section 9).
    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        let Json::Text(text) = json else { return Err(Unfit::Value) };
        let day = match text.split_once(' ') {
            Some((day, _)) if time::parse(text).is_some() => Self::parse(day),
            Some(_) => None,
            None if text.len() == 8 => time::parse_day(text),
            None => Self::parse(text),
        };
        day.ok_or(Unfit::Value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &self.to_string());
    }
}

impl Field for Moment {
    const RULE: Rule = Rule::Time;

    /// Takes `yyyy-MM-dd HH:mm:ss` and `yyyyMMddHHmmss` (`protocol.md` section 9).
    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        match json {
            Json::Text(text) => time::parse(text).ok_or(Unfit::Value),
            _ => Err(Unfit::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &time::show(*self));
    }
}

/// A list of objects, also as JSON text in a string (`protocol.md` section 9).
impl<M: Message + Field> Field for Vec<M> {
    const RULE: Rule = Rule::List { most: LIST_MAX };
    const FIELDS: &'static [FieldSpec] = <M as Message>::FIELDS;

    fn read(json: &Json<'_>) -> Result<Self, Unfit> {
        read_items(json, LIST_MAX)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (place, item) in self.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }
}

/// Reads a list of at most `most` objects, also as JSON text in a string.
fn read_items<M: Message + Field>(json: &Json<'_>, most: usize) -> Result<Vec<M>, Unfit> {
    match json {
        Json::List(items) => read_list(items, most),
        Json::Text(text) => match Json::parse(text.as_bytes()) {
            Ok(Json::List(items)) => read_list(&items, most),
            _ => Err(Unfit::Value),
        },
        _ => Err(Unfit::Value),
    }
}

fn read_list<M: Message + Field>(items: &[Json<'_>], most: usize) -> Result<Vec<M>, Unfit> {
    if items.len() > most {
        return Err(Unfit::Value);
    }
    let (mut read, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
    for (place, item) in items.iter().enumerate() {
        match M::read(item) {
            Ok(item) => read.push(item),
            Err(unfit) => unfit.report(&format!("[{place}]"), M::RULE, &mut faults),
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(Unfit::Inside(faults)) }
}

/// Reads an object, also as JSON text in a string.
pub(crate) fn read_object<M: Message>(json: &Json<'_>) -> Result<M, Unfit> {
    match json {
        Json::Object(object) => M::decode(object).map_err(Unfit::Inside),
        Json::Text(text) => match Json::parse(text.as_bytes()) {
            Ok(Json::Object(object)) => M::decode(&object).map_err(Unfit::Inside),
            _ => Err(Unfit::Value),
        },
        _ => Err(Unfit::Value),
    }
}

/// A whole number, given as a JSON number or as a string of digits.
fn whole(json: &Json<'_>) -> Option<u64> {
    match json {
        Json::Integer(number) => Some(*number),
        Json::Text(text) => {
            let digits = text.len() <= DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_string().as_bytes());
}
