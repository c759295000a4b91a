//! The one place where a bill changes or money moves.
//!
//! [`decide`] says whether a command is accepted and what happened; what follows from that (the bill,
//! the entries) is the business of `follow`, which [`replay`] uses too. So the journal alone, without
//! the policy of the day, gives every bill again.

use std::{fmt, sync::Arc};

use crate::{
    Account, Amount, Asked, AuthCode, Bill, BillKey, CardKind, Channel, Day, DayEnd, Deed, Entry,
    Fingerprint, Grant, Kind, Leg, Moment, OrderId, Outcome, Payment, Phase, Receipt, Takings,
    Terms, Text, Why, bill::moved,
};

/// Something a merchant, a payer, the channel or the passing of time asks of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The channel reports that the payer paid.
    Authorize {
        /// The channel's numbers for it.
        marks: Marks,
        /// The channel through which the money came.
        channel: Channel,
        /// The payer's id at the channel.
        payer_id: Option<Text<64>>,
        /// The payer's name at the channel.
        payer_name: Option<Text<64>>,
        /// What kind of card paid.
        card: Option<CardKind>,
        /// The code that names the hold, when it is one.
        auth: AuthCode,
    },
    /// The payer declined, or the channel refused the payer.
    Decline {
        /// Why.
        reason: Text<255>,
    },
    /// The merchant closes a bill that nobody has paid.
    Close,
    /// The merchant takes all or part of the held money.
    Capture {
        /// The merchant's number for the capture.
        order: OrderId,
        /// How much to take.
        part: Amount,
        /// The code of the hold.
        auth: AuthCode,
        /// What exactly was asked.
        fingerprint: Fingerprint,
    },
    /// The merchant undoes its whole capture.
    Reverse {
        /// The capture's number.
        capture: OrderId,
        /// The code of the hold.
        auth: AuthCode,
    },
    /// The merchant gives the whole hold up.
    Release {
        /// The number of the payer's payment.
        hold: OrderId,
        /// The code of the hold.
        auth: AuthCode,
    },
    /// The merchant gives taken money back.
    Refund {
        /// The merchant's number for the refund.
        order: OrderId,
        /// How much to give back.
        part: Amount,
        /// What exactly was asked.
        fingerprint: Fingerprint,
    },
    /// The time to pay is over.
    Lapse,
    /// The hold's deadline is reached.
    Expire,
    /// The channel reports on an order.
    Report {
        /// The order it answers.
        number: u32,
        /// What it says.
        verdict: Verdict,
    },
}

/// What the channel says of an order. There is no word for "not known": not knowing changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The channel did it.
    Approved {
        /// The channel's numbers for it.
        marks: Marks,
        /// After a reversal: whether the hold stands again. Means nothing for other orders.
        restored: bool,
    },
    /// The channel refused.
    Refused {
        /// Why.
        reason: Text<255>,
    },
}

/// The channel's numbers for a transaction, as far as it gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The channel's own (交易参考号).
    pub reference: Option<Text<64>>,
    /// The target platform's (目标平台单号).
    pub target: Option<Text<64>>,
}

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
    /// The merchant closed the bill.
    Closed,
    /// Nobody paid in time.
    Lapsed,
    /// The merchant asked to take held money.
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

/// Why a command was turned down. Nothing changed and no money moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bill is not in a phase that allows the command.
    WrongPhase {
        /// The name of the phase it is in.
        phase: &'static str,
        /// What was asked.
        command: &'static str,
    },
    /// Another order on this bill has no answer from the channel yet.
    Busy {
        /// The name of the phase it is in.
        phase: &'static str,
    },
    /// The report answers an earlier order than the one that is open.
    Stale,
    /// More was asked for than there is.
    Exceeds {
        /// What was asked.
        command: &'static str,
        /// The sum asked for.
        asked: Amount,
        /// The most that would have been granted, if anything.
        available: Option<Amount>,
    },
    /// The request names something that this bill does not have.
    Mismatch(Reference),
    /// A capture can be reversed on its own business day only.
    CrossDay {
        /// The business day of the capture.
        captured: Day,
        /// The business day it is now.
        today: Day,
    },
    /// A capture or refund cannot bear the number of the payment: a release names that.
    NumberOfPayment,
    /// A capture that has been refunded cannot be reversed.
    AlreadyRefunded,
    /// The hold's deadline is over.
    DeadlineOver {
        /// The day it ended.
        ended: Day,
    },
    /// It is not yet time.
    TooSoon,
    /// The payer tried too often.
    TooManyTries,
}

/// What a request can name and get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The code of the hold.
    AuthCode,
    /// The number of the capture.
    Capture,
    /// The number of the payer's payment.
    Hold,
}

/// The choices that the protocol leaves to the operator (`behaviour.md`, "policy").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How much may be captured, in percent of the hold. 100 by default; general card practice goes to
    /// 115 (`protocol.md` section 5.2).
    pub capture_limit_percent: u16,
    /// When the business day ends in Beijing. 23:00 by default (`protocol.md` section 5.2).
    pub business_day_ends: DayEnd,
    /// How long a hold lasts, in days. 30 by default (`protocol.md` section 5.1).
    pub hold_days: u16,
    /// What becomes of a success that the channel reports after the bill was closed or lapsed.
    pub late_success: LateSuccess,
}

/// What becomes of a payer's success that comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateSuccess {
    /// The money is given back at once.
    Release,
    /// The bill counts as paid after all.
    Accept,
}

/// An event cannot follow on the bill as it is: the journal and the rules do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// How often a payer may decline or be refused on one bill.
const TRIES: u8 = 20;

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
        phase: Phase::Requested { declined: 0 },
    };
    Change { bill, event: Event::Requested { terms }, entries: vec![], leg: None }
}

/// Decides what `command` does to `bill` at the moment `now`.
///
/// Read the arms as the life of a bill. Whatever they do not name is refused.
///
/// # Errors
/// A [`Refusal`] says why nothing happened.
pub fn decide(
    bill: &Bill,
    command: &Command,
    now: Moment,
    policy: &Policy,
) -> Result<Change, Refusal> {
    let today = now.business_day(policy.business_day_ends);
    let asked = Asked { number: bill.orders.saturating_add(1), at: now };
    let receipt = |marks: &Marks| Receipt {
        at: now,
        day: today,
        reference: marks.reference.clone(),
        target: marks.target.clone(),
    };
    identified(bill, command)?;
    let event = match (&bill.phase, command) {
        (
            phase @ (Phase::Requested { .. } | Phase::Closed | Phase::Lapsed),
            Command::Authorize { marks, channel, payer_id, payer_name, card, auth },
        ) => {
            let grant = match bill.terms.kind {
                Kind::Payment => None,
                Kind::Hold => {
                    Some(Grant { auth: auth.clone(), deadline: now.plus_days(policy.hold_days) })
                }
            };
            let payment = Arc::new(Payment {
                receipt: receipt(marks),
                channel: *channel,
                payer_id: payer_id.clone(),
                payer_name: payer_name.clone(),
                card: *card,
                grant,
            });
            match (phase, policy.late_success) {
                (Phase::Requested { .. }, _) | (_, LateSuccess::Accept) => {
                    Event::Authorized { payment }
                }
                (_, LateSuccess::Release) => Event::PaidLate { payment, asked },
            }
        }
        (Phase::Requested { declined }, Command::Decline { reason }) => match declined {
            ..TRIES => Event::Declined { reason: reason.clone() },
            _ => return Err(Refusal::TooManyTries),
        },
        (Phase::Requested { .. }, Command::Close) => Event::Closed,
        (Phase::Requested { .. }, Command::Lapse) if now < bill.terms.expires_at => {
            return Err(Refusal::TooSoon);
        }
        (Phase::Requested { .. }, Command::Lapse) => Event::Lapsed,

        (Phase::Authorized { payment }, Command::Capture { order, part, fingerprint, .. }) => {
            if let Some(over) = deadline(payment).filter(|deadline| *deadline <= now) {
                return Err(Refusal::DeadlineOver { ended: over.day() });
            }
            let available = bill.terms.amount.percent(policy.capture_limit_percent);
            rest("capture", *part, available)?;
            Event::CaptureAsked { leg: leg(order, Deed::Capture, *part, *fingerprint, now), asked }
        }
        (Phase::Authorized { .. }, Command::Release { .. }) => {
            Event::ReleaseAsked { why: Why::Merchant, asked }
        }
        (Phase::Authorized { payment }, Command::Expire) => {
            match deadline(payment).filter(|deadline| *deadline <= now) {
                Some(_) => Event::ReleaseAsked { why: Why::Deadline, asked },
                None => return Err(Refusal::TooSoon),
            }
        }

        (Phase::Taken { takings, .. }, Command::Reverse { capture, .. }) => {
            let Some(leg) = &takings.capture else { return Err(wrong_phase(bill, command)) };
            if leg.order != *capture {
                return Err(Refusal::Mismatch(Reference::Capture));
            }
            let Outcome::Done(Receipt { day: captured, .. }) = leg.outcome else {
                return Err(wrong_phase(bill, command));
            };
            if takings.touched() {
                return Err(Refusal::AlreadyRefunded);
            }
            if captured != today {
                return Err(Refusal::CrossDay { captured, today });
            }
            Event::ReversalAsked { asked }
        }
        (Phase::Taken { takings, .. }, Command::Refund { order, part, fingerprint }) => {
            rest("refund", *part, takings.refundable)?;
            Event::RefundAsked { leg: leg(order, Deed::Refund, *part, *fingerprint, now), asked }
        }

        (phase, Command::Report { number, verdict }) => {
            match bill.open_order() {
                Some((open, _)) if open.number == *number => {}
                Some(_) => return Err(Refusal::Stale),
                None if *number <= bill.orders => return Err(Refusal::Stale),
                None => return Err(wrong_phase(bill, command)),
            }
            match (phase, verdict) {
                (Phase::Capturing { .. }, Verdict::Approved { marks, .. }) => {
                    Event::Captured { receipt: receipt(marks) }
                }
                (Phase::Capturing { .. }, Verdict::Refused { reason }) => {
                    Event::CaptureRefused { reason: reason.clone() }
                }
                (Phase::Reversing { .. }, Verdict::Approved { marks, restored }) => {
                    Event::Reversed { receipt: receipt(marks), restored: *restored }
                }
                (Phase::Reversing { .. }, Verdict::Refused { reason }) => {
                    Event::ReversalRefused { reason: reason.clone() }
                }
                (Phase::Refunding { .. }, Verdict::Approved { marks, .. }) => {
                    Event::Refunded { receipt: receipt(marks) }
                }
                (Phase::Refunding { .. }, Verdict::Refused { reason }) => {
                    Event::RefundRefused { reason: reason.clone() }
                }
                (Phase::Releasing { .. }, Verdict::Approved { marks, .. }) => {
                    Event::Released { receipt: receipt(marks) }
                }
                (Phase::Releasing { why, .. }, Verdict::Refused { reason }) => {
                    // What the merchant wished may be wished again. What must happen goes on.
                    let again = match why {
                        Why::Merchant => None,
                        Why::Deadline | Why::LateAfterClose | Why::LateAfterLapse => Some(asked),
                    };
                    Event::ReleaseRefused { reason: reason.clone(), again }
                }
                _ => return Err(wrong_phase(bill, command)),
            }
        }

        _ if bill.open_order().is_some() => return Err(Refusal::Busy { phase: bill.phase.name() }),
        _ => return Err(wrong_phase(bill, command)),
    };
    follow(bill, event).map_err(|Broken| wrong_phase(bill, command))
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
fn follow(bill: &Bill, event: Event) -> Result<Change, Broken> {
    use Account::{Held, Merchant, Payer};

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
            Kind::Hold => (
                Phase::Authorized { payment: payment.clone() },
                vec![moved(Payer, Held, whole)],
                None,
            ),
            Kind::Payment => {
                let takings = Takings { capture: None, whole, refundable: Some(whole) };
                let phase = Phase::Taken { payment: payment.clone(), takings };
                (phase, vec![moved(Payer, Merchant, whole)], None)
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
        (Phase::Capturing { payment, leg, .. }, Event::Captured { receipt }) => {
            let leg = with(leg, Outcome::Done(receipt.clone()));
            let takings = Takings {
                capture: Some(leg.clone()),
                whole: leg.amount,
                refundable: Some(leg.amount),
            };
            let phase = Phase::Taken { payment: payment.clone(), takings };
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
            let takings = Takings {
                capture: Some(leg.clone()),
                whole: leg.amount,
                refundable: Some(leg.amount),
            };
            (Phase::Taken { payment: payment.clone(), takings }, vec![], None)
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
            let takings = Takings { refundable, ..takings.clone() };
            let entries = vec![moved(Merchant, Payer, leg.amount)];
            (Phase::Taken { payment: payment.clone(), takings }, entries, Some(leg))
        }
        (Phase::Refunding { payment, takings, leg, .. }, Event::RefundRefused { reason }) => (
            Phase::Taken { payment: payment.clone(), takings: takings.clone() },
            vec![],
            Some(with(leg, Outcome::Refused(reason.clone()))),
        ),

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
    let version = bill.version.checked_add(1).ok_or(Broken)?;
    let mut bill = Bill {
        key: bill.key.clone(),
        terms: bill.terms.clone(),
        version,
        orders: bill.orders,
        phase,
    };
    if let Some((asked, _)) = bill.open_order() {
        bill.orders = asked.number;
    }
    Ok(Change { bill, event, entries, leg })
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

/// Checks that what the command names is what the bill has, whatever phase it is in.
fn identified(bill: &Bill, command: &Command) -> Result<(), Refusal> {
    if let Command::Capture { order, .. } | Command::Refund { order, .. } = command
        && *order == bill.key.payment_leg()
    {
        return Err(Refusal::NumberOfPayment);
    }
    let (auth, hold) = match command {
        Command::Capture { auth, .. } | Command::Reverse { auth, .. } => (auth, None),
        Command::Release { auth, hold } => (auth, Some(hold)),
        _ => return Ok(()),
    };
    let grant = bill.payment().and_then(|payment| payment.grant.as_ref());
    if grant.is_some_and(|grant| grant.auth != *auth) {
        return Err(Refusal::Mismatch(Reference::AuthCode));
    }
    if hold.is_some_and(|hold| *hold != bill.key.payment_leg()) {
        return Err(Refusal::Mismatch(Reference::Hold));
    }
    Ok(())
}

fn deadline(payment: &Payment) -> Option<Moment> {
    payment.grant.as_ref().map(|grant| grant.deadline)
}

/// What is left of `available` when `part` is taken away.
fn rest(
    command: &'static str,
    part: Amount,
    available: Option<Amount>,
) -> Result<Option<Amount>, Refusal> {
    available.and_then(|available| available.minus(part)).ok_or(Refusal::Exceeds {
        command,
        asked: part,
        available,
    })
}

fn leg(
    order: &OrderId,
    deed: Deed,
    amount: Amount,
    fingerprint: Fingerprint,
    now: Moment,
) -> Arc<Leg> {
    let order = order.clone();
    Arc::new(Leg { order, deed, amount, fingerprint, asked_at: now, outcome: Outcome::Open })
}

fn with(leg: &Leg, outcome: Outcome) -> Arc<Leg> {
    Arc::new(Leg { outcome, ..leg.clone() })
}

fn wrong_phase(bill: &Bill, command: &Command) -> Refusal {
    Refusal::WrongPhase { phase: bill.phase.name(), command: command.name() }
}

impl Change {
    /// The merchant's order whose number this change is the first to use, if any.
    #[must_use]
    pub fn claims(&self) -> Option<&Arc<Leg>> {
        match &self.event {
            Event::CaptureAsked { leg, .. } | Event::RefundAsked { leg, .. } => Some(leg),
            _ => None,
        }
    }
}

impl Command {
    /// The command's name in our own words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Authorize { .. } => "authorize",
            Self::Decline { .. } => "decline",
            Self::Close => "close",
            Self::Capture { .. } => "capture",
            Self::Reverse { .. } => "reverse",
            Self::Release { .. } => "release",
            Self::Refund { .. } => "refund",
            Self::Lapse => "lapse",
            Self::Expire => "expire",
            Self::Report { .. } => "report",
        }
    }
}

impl Event {
    /// The event's name as journals and people write it: `noun.past`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "bill.requested",
            Self::Declined { .. } => "bill.declined",
            Self::Authorized { payment } if payment.grant.is_none() => "bill.paid",
            Self::Authorized { .. } => "hold.authorized",
            Self::PaidLate { .. } => "bill.paid_late",
            Self::Closed => "bill.closed",
            Self::Lapsed => "bill.lapsed",
            Self::CaptureAsked { .. } => "capture.asked",
            Self::Captured { .. } => "hold.captured",
            Self::CaptureRefused { .. } => "capture.refused",
            Self::ReversalAsked { .. } => "reversal.asked",
            Self::Reversed { .. } => "hold.reversed",
            Self::ReversalRefused { .. } => "reversal.refused",
            Self::ReleaseAsked { .. } => "release.asked",
            Self::Released { .. } => "hold.released",
            Self::ReleaseRefused { .. } => "release.refused",
            Self::RefundAsked { .. } => "refund.asked",
            Self::Refunded { .. } => "refund.done",
            Self::RefundRefused { .. } => "refund.refused",
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            capture_limit_percent: 100,
            business_day_ends: DayEnd::parse("23:00").unwrap_or(DayEnd::MIDNIGHT),
            hold_days: 30,
            late_success: LateSuccess::Release,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPhase { phase, command } => {
                write!(f, "cannot {command}: the bill is {phase}")
            }
            Self::Busy { phase } => {
                write!(
                    f,
                    "the bill is {phase}: an earlier order has no answer yet, try again in a minute"
                )
            }
            Self::Stale => f.write_str("the report answers an earlier order than the open one"),
            Self::Exceeds { command, asked, available: Some(available) } => {
                write!(f, "cannot {command} {asked}: {available} are left")
            }
            Self::Exceeds { command, asked, available: None } => {
                write!(f, "cannot {command} {asked}: nothing is left")
            }
            Self::Mismatch(Reference::AuthCode) => {
                f.write_str("this bill's hold has another authorization code")
            }
            Self::Mismatch(Reference::Capture) => {
                f.write_str("this bill has no capture of that number")
            }
            Self::Mismatch(Reference::Hold) => {
                f.write_str("this bill's payment has another number")
            }
            Self::CrossDay { captured, today } => write!(
                f,
                "the capture is of business day {captured} and it is {today} now: refund instead"
            ),
            Self::NumberOfPayment => {
                f.write_str("this is the number of the bill's payment: take a new one")
            }
            Self::AlreadyRefunded => f.write_str(
                "cannot reverse: part of the capture was refunded; refund the rest instead",
            ),
            Self::DeadlineOver { ended } => {
                write!(f, "cannot capture: the hold ended on {ended} and its money goes back")
            }
            Self::TooSoon => f.write_str("it is not yet time"),
            Self::TooManyTries => f.write_str("the payer tried too often; make a new bill"),
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event cannot follow on the bill as it is")
    }
}

impl std::error::Error for Broken {}
