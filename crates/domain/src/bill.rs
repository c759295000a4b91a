//! Bills: what a merchant asks a payer to pay, and where the money is.

use std::sync::Arc;

use crate::{
    Amount, AuthCode, Balances, BillKey, CardTail, CodeId, Day, Entry, Fingerprint, Moment,
    OrderId, Shares, Text, Tid, ledger::Account,
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
    /// The last reminder that its deadline is near, if there was one.
    pub reminded: Option<Reminder>,
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
    /// How the money is divided among merchants; `None` when it is all the bill's merchant's.
    pub division: Option<Division>,
    /// Who may pay, and with what.
    pub payer: PayerRules,
    /// The fixed code that was scanned to make this bill; payers go on seeing that one.
    pub scanned: Option<CodeId>,
    /// The bill whose code this one took over when the code was updated.
    pub succeeds: Option<Arc<BillKey>>,
    /// What is only stored and shown.
    pub details: Details,
}

/// How a payment is divided among merchants (分账).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Division {
    /// As soon as it is paid.
    Now(Arc<Shares>),
    /// When the merchant says how (异步分账). Until then it belongs to nobody.
    Later,
}

/// Who may pay a bill, and with what. Whoever takes the money sees to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayerRules {
    /// Whether credit cards are refused.
    pub no_credit_cards: bool,
    /// In how many monthly parts the payer pays (花呗分期): 3, 6 or 12, through Alipay only.
    pub installments: Option<u8>,
    /// How many wallets may try to pay, as the merchant spelled it; shown to the payer.
    pub wallets: Option<Text<16>>,
    /// Who is expected to pay.
    pub buyer: Option<Arc<Buyer>>,
}

/// The person who is expected to pay (实名). Texts are sealed: nobody reads them in a store or a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buyer {
    /// The name.
    pub name: Option<Text<512>>,
    /// The mobile number.
    pub mobile: Option<Text<512>>,
    /// What proves who it is, as the merchant spelled it.
    pub certificate_kind: Option<Text<32>>,
    /// The number on it.
    pub certificate: Option<Text<512>>,
    /// Whether nobody else may pay.
    pub only: bool,
}

/// A reminder that a hold or a guarantee is going to expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reminder {
    /// Seven days before.
    Week,
    /// Three days before.
    ThreeDays,
    /// One day before.
    Day,
}

/// How the payer's money is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Paid at once.
    Payment,
    /// Set aside first, taken later (预授权).
    Hold,
    /// Paid, but not settled before the merchant says so (担保).
    Guarantee,
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
    /// What is bought, as compact JSON.
    pub goods: Option<Text<20_000>>,
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
    /// The channel was asked to divide the money among merchants.
    Dividing {
        /// Who paid, and when.
        payment: Arc<Payment>,
        /// The shares asked for.
        shares: Arc<Shares>,
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
    /// The merchant gave the hold or guarantee up.
    Merchant,
    /// Nobody captured, completed or released in time.
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
    /// The last digits of the card, if it was one and the channel says.
    pub tail: Option<CardTail>,
    /// What a hold or guarantee granted; `None` for money that was paid at once.
    pub grant: Option<Grant>,
}

/// What a hold or a guarantee grants the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The code that every later request about a hold must name; a guarantee has none.
    pub auth: Option<AuthCode>,
    /// From this moment on the money goes back by itself.
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
    /// Whose it is.
    pub split: Split,
}

/// Whose the money of a bill is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// All the bill's merchant's.
    #[default]
    Whole,
    /// It waits to be divided among merchants.
    Pending,
    /// Each has its share.
    Among {
        /// The shares as they were made.
        whole: Arc<Shares>,
        /// What is left of them after refunds.
        left: Arc<Shares>,
    },
}

/// One order of the merchant under its own number: a capture or a refund. The completion of a guarantee has
/// no number of its own and bears that of the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The merchant's number for it.
    pub order: OrderId,
    /// What it does.
    pub deed: Deed,
    /// How much it moves.
    pub amount: Amount,
    /// From whose shares a refund of divided money comes.
    pub from: Option<Arc<Shares>>,
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
    /// Divide the money among merchants.
    Divide(Arc<Shares>),
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
            Phase::Dividing { shares, asked, .. } => Some((*asked, Order::Divide(shares.clone()))),
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

    /// When time itself will ask something of the bill, if ever: to lapse, to remind of its deadline, or to
    /// give its money back.
    #[must_use]
    pub fn due(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Requested { .. } => Some(self.terms.expires_at),
            Phase::Authorized { payment } => {
                let deadline = payment.grant.as_ref()?.deadline;
                let next = self.reminders(payment, deadline).next();
                Some(next.map_or(deadline, |(_, at)| at))
            }
            _ => None,
        }
    }

    /// The reminders that are still to come, in order, each with its moment. One that would have come before
    /// the payment itself never comes.
    pub(crate) fn reminders(
        &self,
        payment: &Payment,
        deadline: Moment,
    ) -> impl Iterator<Item = (Reminder, Moment)> {
        let (paid_at, last) = (payment.receipt.at, self.reminded);
        Reminder::ALL
            .into_iter()
            .map(move |reminder| (reminder, deadline.minus_days(reminder.days())))
            .filter(move |(reminder, at)| *at > paid_at && last.is_none_or(|last| last < *reminder))
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
            | Phase::Dividing { payment, .. }
            | Phase::Releasing { payment, .. }
            | Phase::Released { payment, .. }
            | Phase::Ended { payment, .. } => Some(payment),
        }
    }

    /// Whose money the bill's is right now, as it follows from its phase alone.
    #[must_use]
    pub fn balances(&self) -> Balances {
        let whole = self.terms.amount;
        let mut balances = Balances::default();
        let mut has = |account, amount| balances.post(&moved(Account::Payer, account, amount));
        match &self.phase {
            Phase::Authorized { .. } | Phase::Capturing { .. } | Phase::Releasing { .. } => {
                has(Account::Held, whole);
            }
            Phase::Dividing { .. } => has(Account::Undivided, whole),
            Phase::Reversing { leg, .. } => has(Account::Merchant, leg.amount),
            Phase::Taken { takings, .. } | Phase::Refunding { takings, .. } => {
                match (&takings.split, takings.refundable) {
                    (Split::Among { left, .. }, _) => {
                        left.each().for_each(|(account, amount)| has(account, amount));
                    }
                    (Split::Pending, Some(left)) => has(Account::Undivided, left),
                    (Split::Whole, Some(left)) => has(Account::Merchant, left),
                    (Split::Whole | Split::Pending, None) => {}
                }
            }
            Phase::Requested { .. }
            | Phase::Closed
            | Phase::Lapsed
            | Phase::Released { .. }
            | Phase::Ended { .. } => {}
        }
        balances
    }
}

impl Terms {
    /// Terms of a one-off code with nothing special about it.
    #[must_use]
    pub fn plain(
        kind: Kind,
        amount: Amount,
        code: CodeId,
        tid: Tid,
        created_at: Moment,
        expires_at: Moment,
        fingerprint: Fingerprint,
    ) -> Self {
        Self {
            kind,
            amount,
            code,
            tid,
            created_at,
            expires_at,
            fingerprint,
            division: None,
            payer: PayerRules::default(),
            scanned: None,
            succeeds: None,
            details: Details::default(),
        }
    }
}

impl Reminder {
    /// All of them, the earliest first.
    pub const ALL: [Self; 3] = [Self::Week, Self::ThreeDays, Self::Day];

    /// How many days before the deadline it comes.
    #[must_use]
    pub fn days(self) -> u16 {
        match self {
            Self::Week => 7,
            Self::ThreeDays => 3,
            Self::Day => 1,
        }
    }
}

impl Kind {
    /// The kind's name in our own words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Hold => "hold",
            Self::Guarantee => "guarantee",
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
            Self::Dividing { .. } => "dividing",
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
