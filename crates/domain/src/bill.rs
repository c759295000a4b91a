//! Bills: what a merchant asks a payer to pay, and where the money is.

use std::sync::Arc;

use crate::{
    Amount, AuthCode, BillKey, CodeId, Day, Entry, Fingerprint, Moment, OrderId, Text, Tid,
    ledger::Account,
};

/// What a merchant asks a payer to pay, shown as a QR code (账单).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// What finds it.
    pub key: Arc<BillKey>,
    /// What was asked for. Never changes.
    pub terms: Arc<Terms>,
    /// How many events made it what it is. The store refuses a change made from an older version.
    pub version: u64,
    /// How many orders the channel was given. The latest bears this number, so that a late answer to
    /// an earlier one is not taken for its answer.
    pub orders: u32,
    /// Where the bill is in its life.
    pub phase: Phase,
}

/// What the merchant asked for when it made the bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How the payer's money is to be taken.
    pub kind: Kind,
    /// How much.
    pub amount: Amount,
    /// What the QR code carries.
    pub code: CodeId,
    /// The terminal that asked.
    pub tid: Tid,
    /// When the bill was made.
    pub created_at: Moment,
    /// Until when the payer may pay.
    pub expires_at: Moment,
    /// What exactly was asked, so that a repeat is known.
    pub fingerprint: Fingerprint,
    /// What is only stored and shown.
    pub details: Details,
}

/// How the payer's money is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Paid at once.
    Payment,
    /// Set aside first, taken later (预授权).
    Hold,
}

/// What a merchant wrote on the bill: stored and shown, never interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// What the payer reads.
    pub description: Option<Text<255>>,
    /// The merchant's member number, echoed.
    pub member_id: Option<Text<32>>,
    /// The merchant's counter number, echoed.
    pub counter_no: Option<Text<32>>,
    /// The caller's own system number, echoed.
    pub system_id: Option<Text<32>>,
    /// Where notices of this bill go.
    pub notify_url: Option<Text<1024>>,
    /// Where the payer's browser goes afterwards.
    pub return_url: Option<Text<1024>>,
    /// What the merchant keeps with the bill, echoed in notices.
    pub reserve: Option<Text<255>>,
}

/// Where a bill is in its life. A phase carries only what is true in it.
///
/// A phase whose name ends in `…ing` has one numbered order open at the channel. It ends when the
/// channel says so, never because time passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The code is shown to the payer; no money has moved.
    Requested {
        /// How often the payer declined or was refused so far.
        declined: u8,
    },
    /// The merchant closed the bill before anybody paid.
    Closed,
    /// Nobody paid in time.
    Lapsed,
    /// The payer's money is set aside.
    Authorized {
        /// Who paid, and when.
        payment: Arc<Payment>,
    },
    /// The channel was asked to give the merchant all or part of the held money.
    Capturing {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// The capture asked for.
        leg: Arc<Leg>,
        /// The open order.
        asked: Asked,
    },
    /// The money is the merchant's: paid at once, or captured from a hold.
    Taken {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// What the merchant has, and what of it can still be given back.
        takings: Takings,
    },
    /// The channel was asked to undo the whole capture.
    Reversing {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// The capture that is being undone.
        leg: Arc<Leg>,
        /// The open order.
        asked: Asked,
    },
    /// The channel was asked to give captured or paid money back.
    Refunding {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// What the merchant has until the channel has said yes.
        takings: Takings,
        /// The refund asked for.
        leg: Arc<Leg>,
        /// The open order.
        asked: Asked,
    },
    /// The channel was asked to give the whole payment back.
    Releasing {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// Who or what asked for it.
        why: Why,
        /// The open order.
        asked: Asked,
    },
    /// The payer has the whole payment back.
    Released {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// Who or what asked for it.
        why: Why,
        /// The channel's word for it.
        receipt: Receipt,
    },
    /// The capture was undone and the hold does not stand again: the payer has all the money back.
    Ended {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// The capture that was undone.
        leg: Arc<Leg>,
    },
}

/// Why a whole payment is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The merchant gave the hold up.
    Merchant,
    /// Nobody captured or released in time.
    Deadline,
    /// The payer's success came after the bill was closed.
    LateAfterClose,
    /// The payer's success came after the bill had lapsed.
    LateAfterLapse,
}

/// Who paid, and what the channel said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The channel's word for it.
    pub receipt: Receipt,
    /// The channel through which the money came.
    pub channel: Channel,
    /// The payer's id at the channel.
    pub payer_id: Option<Text<64>>,
    /// The payer's name at the channel.
    pub payer_name: Option<Text<64>>,
    /// What kind of card paid, if it was one.
    pub card: Option<CardKind>,
    /// What the hold granted; `None` for money that was paid at once.
    pub grant: Option<Grant>,
}

/// What a hold grants the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The code that every later request about the hold must name.
    pub auth: AuthCode,
    /// From this moment on the hold is released by itself.
    pub deadline: Moment,
}

/// Through what a payer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// UnionPay (银联).
    UnionPay,
    /// WeChat Pay (微信支付).
    WeChat,
    /// Alipay (支付宝).
    Alipay,
}

/// What kind of card paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    /// 借记卡
    Debit,
    /// 贷记卡
    Credit,
}

/// The channel's word that something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// When we learned it.
    pub at: Moment,
    /// The business day it counts for.
    pub day: Day,
    /// The channel's number for the transaction (交易参考号).
    pub reference: Option<Text<64>>,
    /// The target platform's number for it (目标平台单号).
    pub target: Option<Text<64>>,
}

/// What the merchant has from a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takings {
    /// The capture it came from; `None` when it was paid at once.
    pub capture: Option<Arc<Leg>>,
    /// How much the merchant took.
    pub whole: Amount,
    /// What can still be given back, if anything.
    pub refundable: Option<Amount>,
}

/// One order of the merchant under its own number: a capture or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The merchant's number for it.
    pub order: OrderId,
    /// What it does.
    pub deed: Deed,
    /// How much it moves.
    pub amount: Amount,
    /// What exactly was asked, so that a repeat is known.
    pub fingerprint: Fingerprint,
    /// When it was asked for.
    pub asked_at: Moment,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a [`Leg`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Takes held money for the merchant.
    Capture,
    /// Gives taken money back.
    Refund,
}

/// What became of a [`Leg`]. It stays with the order number for ever, so that a repeat is answered as
/// the first was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The channel has not said yet.
    Open,
    /// The channel did it.
    Done(Receipt),
    /// The channel refused, and said why.
    Refused(Text<255>),
    /// A capture that was done and then undone as a whole.
    Reversed {
        /// When it was done.
        done: Receipt,
        /// When it was undone.
        reversal: Receipt,
        /// Whether the hold stood again afterwards.
        restored: bool,
    },
}

/// An order that the channel has been or will be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number on this bill.
    pub number: u32,
    /// When it was asked for.
    pub at: Moment,
}

/// What the channel is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Give the merchant part of the held money, and the rest back to the payer.
    Capture(Arc<Leg>),
    /// Undo the whole capture.
    Reverse(Arc<Leg>),
    /// Give taken money back.
    Refund(Arc<Leg>),
    /// Give the whole payment back.
    Release,
}

impl Bill {
    /// The order that is open at the channel, if one is.
    #[must_use]
    pub fn open_order(&self) -> Option<(Asked, Order)> {
        match &self.phase {
            Phase::Capturing { leg, asked, .. } => Some((*asked, Order::Capture(leg.clone()))),
            Phase::Reversing { leg, asked, .. } => Some((*asked, Order::Reverse(leg.clone()))),
            Phase::Refunding { leg, asked, .. } => Some((*asked, Order::Refund(leg.clone()))),
            Phase::Releasing { asked, .. } => Some((*asked, Order::Release)),
            Phase::Requested { .. }
            | Phase::Closed
            | Phase::Lapsed
            | Phase::Authorized { .. }
            | Phase::Taken { .. }
            | Phase::Released { .. }
            | Phase::Ended { .. } => None,
        }
    }

    /// When time itself will ask something of the bill, if ever: to lapse, or to release its hold.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Requested { .. } => Some(self.terms.expires_at),
            Phase::Authorized { payment } => payment.grant.as_ref().map(|grant| grant.deadline),
            _ => None,
        }
    }

    /// Who paid, once somebody has.
    #[must_use]
    pub fn payment(&self) -> Option<&Arc<Payment>> {
        match &self.phase {
            Phase::Requested { .. } | Phase::Closed | Phase::Lapsed => None,
            Phase::Authorized { payment }
            | Phase::Capturing { payment, .. }
            | Phase::Taken { payment, .. }
            | Phase::Reversing { payment, .. }
            | Phase::Refunding { payment, .. }
            | Phase::Releasing { payment, .. }
            | Phase::Released { payment, .. }
            | Phase::Ended { payment, .. } => Some(payment),
        }
    }

    /// How much of the payer's money is set aside by this bill right now.
    #[must_use]
    pub fn held(&self) -> Option<Amount> {
        match &self.phase {
            Phase::Authorized { .. } | Phase::Capturing { .. } | Phase::Releasing { .. } => {
                Some(self.terms.amount)
            }
            Phase::Requested { .. }
            | Phase::Closed
            | Phase::Lapsed
            | Phase::Taken { .. }
            | Phase::Reversing { .. }
            | Phase::Refunding { .. }
            | Phase::Released { .. }
            | Phase::Ended { .. } => None,
        }
    }

    /// How much the merchant has from this bill right now.
    #[must_use]
    pub fn taken(&self) -> Option<Amount> {
        match &self.phase {
            Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => takings.refundable,
            Phase::Reversing { leg, .. } => Some(leg.amount),
            Phase::Requested { .. }
            | Phase::Closed
            | Phase::Lapsed
            | Phase::Authorized { .. }
            | Phase::Capturing { .. }
            | Phase::Releasing { .. }
            | Phase::Released { .. }
            | Phase::Ended { .. } => None,
        }
    }
}

impl Takings {
    /// Whether anything was given back yet.
    #[must_use]
    pub fn touched(&self) -> bool {
        self.refundable != Some(self.whole)
    }
}

impl Phase {
    /// The phase's name in our own words (`behaviour.md`, "The life of a hold").
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::Closed => "closed",
            Self::Lapsed => "lapsed",
            Self::Authorized { .. } => "authorized",
            Self::Capturing { .. } => "capturing",
            Self::Taken { takings: Takings { capture: None, .. }, .. } => "paid",
            Self::Taken { .. } => "captured",
            Self::Reversing { .. } => "reversing",
            Self::Refunding { .. } => "refunding",
            Self::Releasing { .. } => "releasing",
            Self::Released { why: Why::Deadline, .. } => "expired",
            Self::Released { .. } => "released",
            Self::Ended { .. } => "ended",
        }
    }
}

/// Shorthand for an entry.
pub(crate) fn moved(from: Account, to: Account, amount: Amount) -> Entry {
    Entry { from, to, amount }
}
