//! Notices (支付结果通知): whether one can be believed, and whether it tells of what was expected.
//!
//! A receiver takes the body as it was received, before any framework has decoded it; finds its own order; and
//! believes nothing but what both functions have let pass.
//!
//! ```
//! use holdfast_client::{
//!     Amount, BillNo, Day, Mid, Tid,
//!     field::BillStatus,
//!     notice::{self, Expected, NoticeError, NoticeKey},
//! };
//! # use holdfast_client::messages::Notice;
//! # use holdfast_wire::{field::SignType, notice::{form, signed}};
//! # let key = NoticeKey::parse("fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR").unwrap();
//! # let sent = Notice {
//! #     mid: Mid::parse("898201612345678").ok(),
//! #     tid: Tid::parse("88880001").ok(),
//! #     bill_no: BillNo::parse("124F2023071912562344830889").ok(),
//! #     bill_date: Day::parse("2023-07-19"),
//! #     total_amount: Amount::from_fen(1908).ok(),
//! #     ..Notice::new(
//! #         holdfast_client::Text::parse("911b4376-bf8a-4dc5-a058-459607a6929f").unwrap(),
//! #         holdfast_client::Text::parse("00151100146N").unwrap(),
//! #         BillStatus::Paid,
//! #     )
//! # };
//! # let body = form(&signed(&key, SignType::Md5, sent.pairs()));
//!
//! fn receive(keys: &[NoticeKey], body: &str) -> Result<(), NoticeError> {
//!     let notice = notice::verify(keys, body)?;
//!     // Look the order up by notice.bill_no; this is what it says.
//!     let order = Expected {
//!         mid: Mid::parse("898201612345678").unwrap(),
//!         tid: Tid::parse("88880001").unwrap(),
//!         bill_no: BillNo::parse("124F2023071912562344830889").unwrap(),
//!         bill_date: Day::parse("2023-07-19").unwrap(),
//!         total_amount: Amount::from_fen(1908).unwrap(),
//!     };
//!     let notice = notice::expect(notice, &order)?;
//!     // The same notice can come again: whoever delivers keeps notice.notify_id.
//!     if notice.bill_status == BillStatus::Paid {
//!         println!("deliver {}", order.bill_no);
//!     }
//!     Ok(())
//! }
//!
//! let answer = match receive(&[key], &body) {
//!     Ok(()) => notice::DONE,
//!     Err(error) => {
//!         eprintln!("{error}");
//!         notice::FAILED
//!     }
//! };
//! assert_eq!(answer, "SUCCESS");
//! ```

use std::fmt;

use holdfast_domain::{Amount, BillNo, Day, Mid, Tid};
use holdfast_wire::{messages::Notice, notice};

pub use holdfast_wire::{
    notice::{DONE, FAILED, NoticeFault},
    secret::NoticeKey,
};

/// What the receiver's own books say of the order that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The merchant.
    pub mid: Mid,
    /// The terminal that made the bill.
    pub tid: Tid,
    /// The bill.
    pub bill_no: BillNo,
    /// The bill's date.
    pub bill_date: Day,
    /// How much it asks for.
    pub total_amount: Amount,
}

/// Why a notice must not be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeError {
    /// It cannot be believed.
    Fault(NoticeFault),
    /// It is true, and tells of something else than the receiver's order.
    Unexpected {
        /// The field that differs.
        field: &'static str,
        /// What the receiver's order says.
        expected: String,
        /// What the notice says, if anything.
        told: Option<String>,
    },
}

/// The notice that a body or a query is, if it was signed with one of the keys: while a key is being replaced there
/// are two. `body` is what was received, not decoded; of an address, what follows the `?`. The comparison takes as
/// long for a wrong signature as for a right one.
///
/// That it is true does not say that it tells of the right order: see [`expect`].
///
/// # Errors
/// [`NoticeError::Fault`] says why it cannot be believed. Answer [`FAILED`] then: it comes again.
pub fn verify(keys: &[NoticeKey], body: &str) -> Result<Notice, NoticeError> {
    let pairs = notice::read_form(body).map_err(NoticeError::Fault)?;
    notice::read(keys, &pairs).map_err(NoticeError::Fault)
}

/// Hands the notice back if it tells of the receiver's order: merchant, terminal, bill and amount.
///
/// # Errors
/// [`NoticeError::Unexpected`] with the first field that differs or is not there.
pub fn expect(notice: Notice, order: &Expected) -> Result<Notice, NoticeError> {
    same("mid", &order.mid, notice.mid.as_ref())?;
    same("tid", &order.tid, notice.tid.as_ref())?;
    same("billNo", &order.bill_no, notice.bill_no.as_ref())?;
    same("billDate", &order.bill_date, notice.bill_date.as_ref())?;
    same("totalAmount", &order.total_amount, notice.total_amount.as_ref())?;
    Ok(notice)
}

fn same<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    told: Option<&T>,
) -> Result<(), NoticeError> {
    if told == Some(expected) {
        return Ok(());
    }
    let (expected, told) = (expected.to_string(), told.map(T::to_string));
    Err(NoticeError::Unexpected { field, expected, told })
}

impl NoticeError {
    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Fault(fault) => fault.zh(),
            Self::Unexpected { field, expected, told: Some(told) } => format!(
                "通知属实，但其 {field} 为 {told}，与订单的 {expected} 不符：请勿发货，请查询账单"
            ),
            Self::Unexpected { field, expected, told: None } => {
                format!("通知属实，但未含 {field}（应为 {expected}）：请勿发货，请查询账单")
            }
        }
    }
}

impl fmt::Display for NoticeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Unexpected { field, expected, told: Some(told) } => write!(
                f,
                "the notice is true but its {field} is {told} where the order has {expected}: \
                 do not deliver, query the bill"
            ),
            Self::Unexpected { field, expected, told: None } => write!(
                f,
                "the notice is true but does not say its {field}, which must be {expected}: \
                 do not deliver, query the bill"
            ),
        }
    }
}

impl std::error::Error for NoticeError {}
