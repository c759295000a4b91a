//! Names and numbers that identify things. A value that exists is well-formed.

use std::fmt;

use crate::Day;

/// A text is not a well-formed id: it is too short, too long, or has a character that ids do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a well-formed id")
    }
}

impl std::error::Error for Malformed {}

/// Defines ids: a type, its bounds in characters, and what it names.
///
/// Ids are letters, digits, `-`, `_` and `.`: nothing that a URL, a sorted-pairs signature or a log
/// line would have to escape.
macro_rules! ids {
    ($( $(#[doc = $doc:literal])+ $name:ident $least:literal ..= $most:literal; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The shortest one, in characters.
            pub const MIN: usize = $least;
            /// The longest one, in characters.
            pub const MAX: usize = $most;

            /// Reads an id.
            ///
            /// # Errors
            /// Refuses a text that is too short, too long, or not made of letters, digits, `-`, `_`, `.`.
            pub fn parse(text: &str) -> Result<Self, Malformed> {
                let fits = (Self::MIN..=Self::MAX).contains(&text.len());
                let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
                if fits && text.bytes().all(plain) { Ok(Self(text.into())) } else { Err(Malformed) }
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

ids! {
    /// A merchant (商户号, `protocol.md` section 3.1).
    Mid 1..=32;
    /// A merchant's terminal (终端号, `protocol.md` section 3.1).
    Tid 1..=32;
    /// The number a merchant gives a bill (账单号), unique at that merchant on its bill date
    /// (`protocol.md` section 3.4).
    BillNo 6..=31;
    /// The number a merchant gives a capture or a refund, unique at that merchant
    /// (`protocol.md` sections 3.8 and 3.11).
    OrderId 6..=32;
    /// The authorization code of a hold (授权标识应答码, `authIdRespCd`); the bound is that of the
    /// official page for reversing a capture.
    AuthCode 1..=64;
    /// What a QR code carries to find its bill (`qrCodeId`).
    CodeId 1..=32;
}

/// Free text of at most `MAX` characters, not blank and without control characters. It is stored and
/// shown, never interpreted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(Box<str>);

impl<const MAX: usize> Text<MAX> {
    /// Reads a text.
    ///
    /// # Errors
    /// Refuses a blank text, one of more than `MAX` characters, and one with control characters.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let blank = text.trim().is_empty();
        let long = text.len() > MAX && text.chars().count() > MAX;
        if blank || long || text.chars().any(char::is_control) {
            return Err(Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last four digits of a payer's card: what of its number is kept, so that people find the bill of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardTail(u16);

impl CardTail {
    /// Reads four digits.
    ///
    /// # Errors
    /// Refuses everything else: nobody is to keep more of a card's number by accident.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fits = text.len() == 4 && text.bytes().all(|c| c.is_ascii_digit());
        if fits { text.parse().map(Self).map_err(|_| Malformed) } else { Err(Malformed) }
    }
}

impl fmt::Display for CardTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// A digest of what a request asked for, so that a repeat can be told from another request under the
/// same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

/// What finds a bill: merchant, bill date, bill number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillKey {
    /// Whose bill it is.
    pub mid: Mid,
    /// The merchant's number for it.
    pub no: BillNo,
    /// The date the merchant gave it (账单日期), in Beijing time.
    pub date: Day,
}

impl BillKey {
    /// The order number of the payer's payment: the bill number and a `0` (`protocol.md` section 3.3).
    #[must_use]
    pub fn payment_leg(&self) -> OrderId {
        // A bill number has 6 to 31 plain characters, so one more makes an order number.
        OrderId(format!("{}0", self.no).into())
    }

    /// The order number of a refund for which the merchant gave none: there is one such refund for
    /// each bill, so a repeat cannot give the money back twice.
    #[must_use]
    pub fn unnamed_refund(&self) -> OrderId {
        OrderId(format!("{}R", self.no).into())
    }
}

impl OrderId {
    /// The number of the bill whose payment would bear this number; `None` where no bill's payment does.
    #[must_use]
    pub fn paid_bill(&self) -> Option<BillNo> {
        BillNo::parse(self.as_str().strip_suffix('0')?).ok()
    }
}

impl fmt::Display for BillKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.mid, self.date, self.no)
    }
}
