//! What follows from an event: the bill, the entries, the order it claims or settles.
//!
//! [`replay`] is for the journal and shares everything with [`decide`](crate::decide): so the journal alone,
//! without the policy of the day, gives every bill again.

use std::{fmt, sync::Arc};

use crate::{
    Account, Amount, Asked, Bill, BillKey, Division, Entry, Kind, Leg, Outcome, Payment, Phase,
    Receipt, Reminder, Shares, Split, Takings, Terms, Text, Why, bill::moved,
};

/// What happened. The journal keeps these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The merchant made the bill.
    Requested {
        /// What it asked for.
        terms: Arc<Terms>,
    },
    /// The payer declined, or the channel refused the payer.
    Declined {
        /// Why.
        reason: Text<255>,
    },
    /// The payer's money is set aside, or paid.
    Authorized {
        /// Who paid.
        payment: Arc<Payment>,
    },
    /// The payer's success came too late; the channel is asked to give it back.
    PaidLate {
        /// Who paid.
        payment: Arc<Payment>,
        /// The order to give it back.
        asked: Asked,
    },
    /// The hold or guarantee is going to expire.
    Reminded {
        /// How soon.
        reminder: Reminder,
    },
    /// The merchant closed the bill.
    Closed,
    /// Nobody paid in time.
    Lapsed,
    /// The merchant asked to take held or guaranteed money.
    CaptureAsked {
        /// The capture.
        leg: Arc<Leg>,
        /// The order.
        asked: Asked,
    },
    /// The channel captured.
    Captured {
        /// Its word for it.
        receipt: Receipt,
    },
    /// The channel did not capture; the money stays held.
    CaptureRefused {
        /// Why.
        reason: Text<255>,
    },
    /// The merchant asked to undo the capture.
    ReversalAsked {
        /// The order.
        asked: Asked,
    },
    /// The channel undid the capture.
    Reversed {
        /// Its word for it.
        receipt: Receipt,
        /// Whether the hold stands again.
        restored: bool,
    },
    /// The channel did not undo the capture.
    ReversalRefused {
        /// Why.
        reason: Text<255>,
    },
    /// The whole payment is to be given back.
    ReleaseAsked {
        /// Who or what asked.
        why: Why,
        /// The order.
        asked: Asked,
    },
    /// The channel gave the whole payment back.
    Released {
        /// Its word for it.
        receipt: Receipt,
    },
    /// The channel did not give the payment back.
    ReleaseRefused {
        /// Why.
        reason: Text<255>,
        /// The order that takes its place, where the release was not the merchant's wish and must go on.
        again: Option<Asked>,
    },
    /// The merchant asked to give taken money back.
    RefundAsked {
        /// The refund.
        leg: Arc<Leg>,
        /// The order.
        asked: Asked,
    },
    /// The channel gave the money back.
    Refunded {
        /// Its word for it.
        receipt: Receipt,
    },
    /// The channel did not give the money back.
    RefundRefused {
        /// Why.
        reason: Text<255>,
    },
    /// The merchant said how the money is to be divided.
    DivisionAsked {
        /// The shares.
        shares: Arc<Shares>,
        /// The order.
        asked: Asked,
    },
    /// The channel divided the money.
    Divided {
        /// Its word for it.
        receipt: Receipt,
    },
    /// The channel did not divide the money; it goes on waiting.
    DivisionRefused {
        /// Why.
        reason: Text<255>,
    },
}

/// All that follows from one accepted command. The store commits it whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The bill as it is from now on.
    pub bill: Bill,
    /// What happened.
    pub event: Event,
    /// The money that moved.
    pub entries: Vec<Entry>,
    /// The merchant's order that this claims or settles, as it is from now on.
    pub leg: Option<Arc<Leg>>,
}

/// An event cannot follow on the bill as it is: the journal and the rules do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Bill {
    /// Makes a bill: the code exists, nobody has paid.
    #[must_use]
    pub fn request(key: BillKey, terms: Terms) -> Change {
        requested(Arc::new(key), Arc::new(terms))
    }
}

fn requested(key: Arc<BillKey>, terms: Arc<Terms>) -> Change {
    let bill = Bill {
        key,
        terms: terms.clone(),
        version: 1,
        orders: 0,
        reminded: None,
        phase: Phase::Requested { declined: 0 },
    };
    Change { bill, event: Event::Requested { terms }, entries: vec![], leg: None }
}

/// The bill after an event from the journal; `bill` is `None` for its first one.
///
/// # Errors
/// [`Broken`] when the event cannot follow on the bill as it is.
pub fn replay(bill: Option<&Bill>, key: &BillKey, event: Event) -> Result<Change, Broken> {
    match (bill, event) {
        (None, Event::Requested { terms }) => Ok(requested(Arc::new(key.clone()), terms)),
        (Some(bill), event) if *bill.key == *key => follow(bill, event),
        _ => Err(Broken),
    }
}

/// What follows from an event: the bill, the entries, and the order it claims or settles.
pub(crate) fn follow(bill: &Bill, event: Event) -> Result<Change, Broken> {
    use Account::{Held, Merchant, Payer, Undivided};

    let whole = bill.terms.amount;
    let (phase, entries, leg) = match (&bill.phase, &event) {
        (Phase::Requested { declined }, Event::Declined { .. }) => {
            (Phase::Requested { declined: declined.saturating_add(1) }, vec![], None)
        }
        (Phase::Requested { .. }, Event::Closed) => (Phase::Closed, vec![], None),
        (Phase::Requested { .. }, Event::Lapsed) => (Phase::Lapsed, vec![], None),
        (
            Phase::Requested { .. } | Phase::Closed | Phase::Lapsed,
            Event::Authorized { payment },
        ) => match bill.terms.kind {
            Kind::Hold | Kind::Guarantee => (
                Phase::Authorized { payment: payment.clone() },
                vec![moved(Payer, Held, whole)],
                None,
            ),
            Kind::Payment => {
                let (split, entries) = match &bill.terms.division {
                    None => (Split::Whole, vec![moved(Payer, Merchant, whole)]),
                    Some(Division::Later) => (Split::Pending, vec![moved(Payer, Undivided, whole)]),
                    Some(Division::Now(shares)) => (among(shares), each(shares, &Payer)),
                };
                let takings = Takings { capture: None, whole, refundable: Some(whole), split };
                (Phase::Taken { payment: payment.clone(), takings }, entries, None)
            }
        },
        (phase @ (Phase::Closed | Phase::Lapsed), Event::PaidLate { payment, asked }) => {
            let why = match phase {
                Phase::Closed => Why::LateAfterClose,
                _ => Why::LateAfterLapse,
            };
            let phase = Phase::Releasing { payment: payment.clone(), why, asked: *asked };
            (phase, vec![moved(Payer, Held, whole)], None)
        }

        (Phase::Authorized { payment }, Event::CaptureAsked { leg, asked }) => {
            let phase =
                Phase::Capturing { payment: payment.clone(), leg: leg.clone(), asked: *asked };
            (phase, vec![], Some(leg.clone()))
        }
        (Phase::Authorized { payment }, Event::Reminded { .. }) => {
            (Phase::Authorized { payment: payment.clone() }, vec![], None)
        }
        (Phase::Capturing { payment, leg, .. }, Event::Captured { receipt }) => {
            let leg = with(leg, Outcome::Done(receipt.clone()));
            let phase = Phase::Taken { payment: payment.clone(), takings: captured(&leg) };
            // The payer gets back at once what the merchant did not take; what it took beyond the hold
            // comes from the payer directly.
            (
                phase,
                split(whole, leg.amount, (Held, Merchant), (Held, Payer), (Payer, Merchant)),
                Some(leg),
            )
        }
        (Phase::Capturing { payment, leg, .. }, Event::CaptureRefused { reason }) => (
            Phase::Authorized { payment: payment.clone() },
            vec![],
            Some(with(leg, Outcome::Refused(reason.clone()))),
        ),

        (Phase::Taken { payment, takings }, Event::ReversalAsked { asked }) => {
            let leg = takings.capture.clone().ok_or(Broken)?;
            (Phase::Reversing { payment: payment.clone(), leg, asked: *asked }, vec![], None)
        }
        (Phase::Reversing { payment, leg, .. }, Event::Reversed { receipt, restored }) => {
            let Outcome::Done(done) = leg.outcome.clone() else { return Err(Broken) };
            let (reversal, restored) = (receipt.clone(), *restored);
            let leg = with(leg, Outcome::Reversed { done, reversal, restored });
            if restored {
                // Exactly what the capture moved, the other way round.
                let back = (Merchant, Held);
                let entries = split(whole, leg.amount, back, (Payer, Held), (Merchant, Payer));
                (Phase::Authorized { payment: payment.clone() }, entries, Some(leg))
            } else {
                let entries = vec![moved(Merchant, Payer, leg.amount)];
                (Phase::Ended { payment: payment.clone(), leg: leg.clone() }, entries, Some(leg))
            }
        }
        (Phase::Reversing { payment, leg, .. }, Event::ReversalRefused { .. }) => {
            (Phase::Taken { payment: payment.clone(), takings: captured(leg) }, vec![], None)
        }

        (Phase::Taken { payment, takings }, Event::RefundAsked { leg, asked }) => {
            let phase = Phase::Refunding {
                payment: payment.clone(),
                takings: takings.clone(),
                leg: leg.clone(),
                asked: *asked,
            };
            (phase, vec![], Some(leg.clone()))
        }
        (Phase::Refunding { payment, takings, leg, .. }, Event::Refunded { receipt }) => {
            let leg = with(leg, Outcome::Done(receipt.clone()));
            let refundable =
                takings.refundable.and_then(|left| left.minus(leg.amount)).ok_or(Broken)?;
            let (split, entries) = match (&takings.split, &leg.from) {
                (Split::Whole, None) => (Split::Whole, vec![moved(Merchant, Payer, leg.amount)]),
                (Split::Pending, None) => {
                    (Split::Pending, vec![moved(Undivided, Payer, leg.amount)])
                }
                (Split::Among { whole, left }, Some(from)) => {
                    let entries = from.each().map(|(account, part)| moved(account, Payer, part));
                    let left = Arc::new(left.minus(from).ok_or(Broken)?);
                    (Split::Among { whole: whole.clone(), left }, entries.collect())
                }
                _ => return Err(Broken),
            };
            let takings = Takings { refundable, split, ..takings.clone() };
            (Phase::Taken { payment: payment.clone(), takings }, entries, Some(leg))
        }
        (Phase::Refunding { payment, takings, leg, .. }, Event::RefundRefused { reason }) => (
            Phase::Taken { payment: payment.clone(), takings: takings.clone() },
            vec![],
            Some(with(leg, Outcome::Refused(reason.clone()))),
        ),

        (Phase::Taken { payment, takings }, Event::DivisionAsked { shares, asked })
            if takings.split == Split::Pending && !takings.touched() =>
        {
            let phase =
                Phase::Dividing { payment: payment.clone(), shares: shares.clone(), asked: *asked };
            (phase, vec![], None)
        }
        (Phase::Dividing { payment, shares, .. }, Event::Divided { .. }) => {
            let takings =
                Takings { capture: None, whole, refundable: Some(whole), split: among(shares) };
            (Phase::Taken { payment: payment.clone(), takings }, each(shares, &Undivided), None)
        }
        (Phase::Dividing { payment, .. }, Event::DivisionRefused { .. }) => {
            let takings =
                Takings { capture: None, whole, refundable: Some(whole), split: Split::Pending };
            (Phase::Taken { payment: payment.clone(), takings }, vec![], None)
        }

        (Phase::Authorized { payment }, Event::ReleaseAsked { why, asked }) => {
            let phase = Phase::Releasing { payment: payment.clone(), why: *why, asked: *asked };
            (phase, vec![], None)
        }
        (Phase::Releasing { payment, why, .. }, Event::Released { receipt }) => {
            let phase =
                Phase::Released { payment: payment.clone(), why: *why, receipt: receipt.clone() };
            (phase, vec![moved(Held, Payer, whole)], None)
        }
        (Phase::Releasing { payment, why, .. }, Event::ReleaseRefused { again, .. }) => {
            let phase = match again {
                Some(asked) => {
                    Phase::Releasing { payment: payment.clone(), why: *why, asked: *asked }
                }
                None => Phase::Authorized { payment: payment.clone() },
            };
            (phase, vec![], None)
        }
        _ => return Err(Broken),
    };
    // The completion of a guarantee bears the number of the payment: it claims none.
    let leg = leg.filter(|leg| leg.order != bill.key.payment_leg());
    let version = bill.version.checked_add(1).ok_or(Broken)?;
    let reminded = match &event {
        Event::Reminded { reminder } => Some(*reminder),
        _ => bill.reminded,
    };
    let mut bill = Bill {
        key: bill.key.clone(),
        terms: bill.terms.clone(),
        version,
        orders: bill.orders,
        reminded,
        phase,
    };
    if let Some((asked, _)) = bill.open_order() {
        bill.orders = asked.number;
    }
    Ok(Change { bill, event, entries, leg })
}

/// What the merchant has after a capture.
fn captured(leg: &Arc<Leg>) -> Takings {
    Takings {
        capture: Some(leg.clone()),
        whole: leg.amount,
        refundable: Some(leg.amount),
        split: Split::Whole,
    }
}

/// Each with its share, and nothing given back yet.
fn among(shares: &Arc<Shares>) -> Split {
    Split::Among { whole: shares.clone(), left: shares.clone() }
}

/// The entries that give each its share.
fn each(shares: &Shares, from: &Account) -> Vec<Entry> {
    shares.each().map(|(account, part)| moved(from.clone(), account, part)).collect()
}

/// The entries of a capture of `part` of a hold of `whole`: what is in both moves along `both`, what
/// was held only along `less`, what was taken beyond the hold along `more`.
fn split(
    whole: Amount,
    part: Amount,
    both: (Account, Account),
    less: (Account, Account),
    more: (Account, Account),
) -> Vec<Entry> {
    let mut entries = vec![moved(both.0, both.1, whole.min(part))];
    entries.extend(whole.minus(part).flatten().map(|rest| moved(less.0, less.1, rest)));
    entries.extend(part.minus(whole).flatten().map(|beyond| moved(more.0, more.1, beyond)));
    entries
}

fn with(leg: &Leg, outcome: Outcome) -> Arc<Leg> {
    Arc::new(Leg { outcome, ..leg.clone() })
}

impl Change {
    /// The merchant's order whose number this change is the first to use, if any.
    #[must_use]
    pub fn claims(&self) -> Option<&Arc<Leg>> {
        match &self.event {
            Event::CaptureAsked { .. } | Event::RefundAsked { .. } => self.leg.as_ref(),
            _ => None,
        }
    }
}

impl Event {
    /// The kind of bill, in the event that makes one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Requested { terms } => Some(terms.kind),
            _ => None,
        }
    }

    /// The channel's word that money moved, where it says so.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Authorized { payment } | Self::PaidLate { payment, .. } => Some(&payment.receipt),
            Self::Captured { receipt }
            | Self::Reversed { receipt, .. }
            | Self::Released { receipt }
            | Self::Refunded { receipt }
            | Self::Divided { receipt } => Some(receipt),
            Self::Requested { .. }
            | Self::Declined { .. }
            | Self::Reminded { .. }
            | Self::Closed
            | Self::Lapsed
            | Self::CaptureAsked { .. }
            | Self::CaptureRefused { .. }
            | Self::ReversalAsked { .. }
            | Self::ReversalRefused { .. }
            | Self::ReleaseAsked { .. }
            | Self::ReleaseRefused { .. }
            | Self::RefundAsked { .. }
            | Self::RefundRefused { .. }
            | Self::DivisionAsked { .. }
            | Self::DivisionRefused { .. } => None,
        }
    }

    /// The event's name as journals and people write it, `noun.past`, on a bill of that kind.
    #[must_use]
    pub fn name(&self, kind: Kind) -> &'static str {
        let guaranteed = kind == Kind::Guarantee;
        match self {
            Self::Requested { .. } => "bill.requested",
            Self::Declined { .. } => "bill.declined",
            Self::Authorized { payment } if payment.grant.is_none() => "bill.paid",
            Self::Authorized { .. } if guaranteed => "guarantee.paid",
            Self::Authorized { .. } => "hold.authorized",
            Self::PaidLate { .. } => "bill.paid_late",
            Self::Reminded { .. } if guaranteed => "guarantee.expiring",
            Self::Reminded { .. } => "hold.expiring",
            Self::Closed => "bill.closed",
            Self::Lapsed => "bill.lapsed",
            Self::CaptureAsked { .. } if guaranteed => "completion.asked",
            Self::CaptureAsked { .. } => "capture.asked",
            Self::Captured { .. } if guaranteed => "guarantee.completed",
            Self::Captured { .. } => "hold.captured",
            Self::CaptureRefused { .. } if guaranteed => "completion.refused",
            Self::CaptureRefused { .. } => "capture.refused",
            Self::ReversalAsked { .. } => "reversal.asked",
            Self::Reversed { .. } => "hold.reversed",
            Self::ReversalRefused { .. } => "reversal.refused",
            Self::ReleaseAsked { .. } if guaranteed => "cancel.asked",
            Self::ReleaseAsked { .. } => "release.asked",
            Self::Released { .. } if guaranteed => "guarantee.cancelled",
            Self::Released { .. } => "hold.released",
            Self::ReleaseRefused { .. } if guaranteed => "cancel.refused",
            Self::ReleaseRefused { .. } => "release.refused",
            Self::RefundAsked { .. } => "refund.asked",
            Self::Refunded { .. } => "refund.done",
            Self::RefundRefused { .. } => "refund.refused",
            Self::DivisionAsked { .. } => "division.asked",
            Self::Divided { .. } => "bill.divided",
            Self::DivisionRefused { .. } => "division.refused",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event cannot follow on the bill as it is")
    }
}

impl std::error::Error for Broken {}
