//! The one place where a bill changes or money moves: [`decide`] says whether a command is accepted and what
//! happened. What follows from that is the business of [`follow`](crate::follow).

use std::{fmt, sync::Arc};

use crate::{
    Amount, Asked, AuthCode, Bill, CardKind, CardTail, Change, Channel, Day, DayEnd, Deed, Event,
    Fingerprint, Grant, Kind, Leg, Moment, OrderId, Outcome, Payment, Phase, Receipt, Shares,
    Split, Takings, Text, Unfair, Why,
    follow::{Broken, follow},
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
        /// The last digits of the card.
        tail: Option<CardTail>,
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
    /// The merchant takes all or part of guaranteed money; the rest goes back to the payer.
    Complete {
        /// How much to take.
        part: Amount,
        /// What exactly was asked.
        fingerprint: Fingerprint,
    },
    /// The merchant gives a whole guarantee up.
    Cancel,
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
        /// From whose shares, when the money was divided; `None` for everything that is left of them.
        from: Option<Arc<Shares>>,
        /// What exactly was asked.
        fingerprint: Fingerprint,
    },
    /// The merchant says how money that waits for it is divided.
    Divide {
        /// The shares.
        shares: Arc<Shares>,
    },
    /// It is time to remind of the deadline.
    Remind,
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
    /// What has been refunded, even in part, cannot be reversed or divided any more.
    AlreadyRefunded {
        /// What was asked.
        command: &'static str,
    },
    /// The command is for another kind of bill.
    OtherKind {
        /// What was asked.
        command: &'static str,
        /// The kind the bill is of.
        kind: &'static str,
    },
    /// The guarantee was given up before.
    Cancelled,
    /// The money was divided already, and otherwise.
    AlreadyDivided,
    /// Shares are named, and the money is not divided.
    NotDivided,
    /// Part of divided money is to be given back, and nobody said from whose share.
    WhoseShare,
    /// A refund comes from one sub-merchant's share at a time, or from all that is left.
    OneAtATime,
    /// The shares are not what they should be.
    Shares(Unfair),
    /// Somebody's share has less left than that, or nobody has such a share.
    ShareExceeded,
    /// The hold's deadline is over.
    DeadlineOver {
        /// What was asked.
        command: &'static str,
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
    /// How long a guarantee lasts, in days. 30 by default, as a hold does.
    pub guarantee_days: u16,
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

/// How often a payer may decline or be refused on one bill.
const TRIES: u8 = 20;

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
            Command::Authorize { marks, channel, payer_id, payer_name, card, tail, auth },
        ) => {
            let grant = match bill.terms.kind {
                Kind::Payment => None,
                Kind::Hold => Some((Some(auth.clone()), policy.hold_days)),
                Kind::Guarantee => Some((None, policy.guarantee_days)),
            };
            let grant = grant.map(|(auth, days)| Grant { auth, deadline: now.plus_days(days) });
            let payment = Arc::new(Payment {
                receipt: receipt(marks),
                channel: *channel,
                payer_id: payer_id.clone(),
                payer_name: payer_name.clone(),
                card: *card,
                tail: *tail,
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
            in_time(payment, command, now)?;
            let available = bill.terms.amount.percent(policy.capture_limit_percent);
            rest(command, *part, available)?;
            let leg = leg(order, Deed::Capture, *part, None, *fingerprint, now);
            Event::CaptureAsked { leg, asked }
        }
        (Phase::Authorized { payment }, Command::Complete { part, fingerprint }) => {
            in_time(payment, command, now)?;
            rest(command, *part, Some(bill.terms.amount))?;
            let order = bill.key.payment_leg();
            let leg = leg(&order, Deed::Capture, *part, None, *fingerprint, now);
            Event::CaptureAsked { leg, asked }
        }
        (Phase::Authorized { .. }, Command::Release { .. } | Command::Cancel) => {
            Event::ReleaseAsked { why: Why::Merchant, asked }
        }
        (Phase::Authorized { payment }, Command::Remind) => {
            let Some(deadline) = deadline(payment) else { return Err(Refusal::TooSoon) };
            let due = bill.reminders(payment, deadline).take_while(|(_, at)| *at <= now).last();
            match due {
                // Of several that are due, after a long sleep, only the last: it says how long is left.
                Some((reminder, _)) if now < deadline => Event::Reminded { reminder },
                Some(_) => {
                    return Err(Refusal::DeadlineOver {
                        command: command.name(),
                        ended: deadline.day(),
                    });
                }
                None => return Err(Refusal::TooSoon),
            }
        }
        (
            Phase::Released { why: Why::Merchant | Why::Deadline, .. },
            Command::Complete { .. } | Command::Cancel,
        ) => return Err(Refusal::Cancelled),
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
                return Err(Refusal::AlreadyRefunded { command: command.name() });
            }
            if captured != today {
                return Err(Refusal::CrossDay { captured, today });
            }
            Event::ReversalAsked { asked }
        }
        (Phase::Taken { takings, .. }, Command::Refund { order, part, from, fingerprint }) => {
            rest(command, *part, takings.refundable)?;
            let from = refunded_from(takings, *part, from.as_ref())?;
            let leg = leg(order, Deed::Refund, *part, from, *fingerprint, now);
            Event::RefundAsked { leg, asked }
        }
        (Phase::Taken { takings, .. }, Command::Divide { shares }) => match takings.split {
            Split::Whole => return Err(Refusal::NotDivided),
            Split::Among { .. } => return Err(Refusal::AlreadyDivided),
            Split::Pending if takings.touched() => {
                return Err(Refusal::AlreadyRefunded { command: command.name() });
            }
            Split::Pending => {
                let (sum, whole) = (shares.fen(), takings.whole.fen());
                if sum != whole {
                    return Err(Refusal::Shares(Unfair::Sum { shares: sum, whole }));
                }
                Event::DivisionAsked { shares: shares.clone(), asked }
            }
        },

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
                (Phase::Dividing { .. }, Verdict::Approved { marks, .. }) => {
                    Event::Divided { receipt: receipt(marks) }
                }
                (Phase::Dividing { .. }, Verdict::Refused { reason }) => {
                    Event::DivisionRefused { reason: reason.clone() }
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

/// Checks that what the command names is what the bill has, whatever phase it is in.
fn identified(bill: &Bill, command: &Command) -> Result<(), Refusal> {
    let guaranteed = bill.terms.kind == Kind::Guarantee;
    let other_kind = match command {
        Command::Capture { .. } | Command::Reverse { .. } | Command::Release { .. } => guaranteed,
        Command::Complete { .. } | Command::Cancel => !guaranteed,
        _ => false,
    };
    if other_kind {
        return Err(Refusal::OtherKind { command: command.name(), kind: bill.terms.kind.name() });
    }
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
    if grant.is_some_and(|grant| grant.auth.as_ref() != Some(auth)) {
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

/// Refuses what comes after the deadline.
fn in_time(payment: &Payment, command: &Command, now: Moment) -> Result<(), Refusal> {
    match deadline(payment).filter(|deadline| *deadline <= now) {
        Some(over) => Err(Refusal::DeadlineOver { command: command.name(), ended: over.day() }),
        None => Ok(()),
    }
}

/// What is left of `available` when `part` is taken away.
fn rest(
    command: &Command,
    part: Amount,
    available: Option<Amount>,
) -> Result<Option<Amount>, Refusal> {
    available.and_then(|available| available.minus(part)).ok_or(Refusal::Exceeds {
        command: command.name(),
        asked: part,
        available,
    })
}

/// From whose shares a refund of `part` comes, if the money was divided.
fn refunded_from(
    takings: &Takings,
    part: Amount,
    named: Option<&Arc<Shares>>,
) -> Result<Option<Arc<Shares>>, Refusal> {
    let Split::Among { left, .. } = &takings.split else {
        return if named.is_none() { Ok(None) } else { Err(Refusal::NotDivided) };
    };
    match named {
        None if takings.refundable == Some(part) => Ok(Some(left.clone())),
        None => Err(Refusal::WhoseShare),
        Some(shares) => {
            let (sum, whole) = (shares.fen(), part.fen());
            if sum != whole {
                return Err(Refusal::Shares(Unfair::Sum { shares: sum, whole }));
            }
            if shares.subs().len() > 1 && !shares.give_the_same(left) {
                return Err(Refusal::OneAtATime);
            }
            left.minus(shares).map(|_| Some(shares.clone())).ok_or(Refusal::ShareExceeded)
        }
    }
}

fn leg(
    order: &OrderId,
    deed: Deed,
    amount: Amount,
    from: Option<Arc<Shares>>,
    fingerprint: Fingerprint,
    asked_at: Moment,
) -> Arc<Leg> {
    let (order, outcome) = (order.clone(), Outcome::Open);
    Arc::new(Leg { order, deed, amount, from, fingerprint, asked_at, outcome })
}

fn wrong_phase(bill: &Bill, command: &Command) -> Refusal {
    Refusal::WrongPhase { phase: bill.phase.name(), command: command.name() }
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
            Self::Complete { .. } => "complete",
            Self::Cancel => "cancel",
            Self::Release { .. } => "release",
            Self::Refund { .. } => "refund",
            Self::Divide { .. } => "divide",
            Self::Remind => "remind",
            Self::Lapse => "lapse",
            Self::Expire => "expire",
            Self::Report { .. } => "report",
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            capture_limit_percent: 100,
            business_day_ends: DayEnd::parse("23:00").unwrap_or(DayEnd::MIDNIGHT),
            hold_days: 30,
            guarantee_days: 30,
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
            Self::AlreadyRefunded { command } => write!(
                f,
                "cannot {command}: part of the money was refunded; refund the rest instead"
            ),
            Self::OtherKind { command, kind } => {
                write!(f, "cannot {command}: the bill is a {kind}")
            }
            Self::Cancelled => f.write_str("the guarantee was given up: its money went back"),
            Self::AlreadyDivided => f.write_str("the money was divided already, and otherwise"),
            Self::NotDivided => f.write_str("the money of this bill is not divided"),
            Self::WhoseShare => f.write_str(
                "the money was divided: say from whose share it comes, or give back all that is left",
            ),
            Self::OneAtATime => f.write_str(
                "a refund comes from one sub-merchant's share at a time, or from all that is left",
            ),
            Self::Shares(unfair) => unfair.fmt(f),
            Self::ShareExceeded => f.write_str("a share has less left than that, or does not exist"),
            Self::DeadlineOver { command, ended } => {
                write!(f, "cannot {command}: it ended on {ended} and the money goes back")
            }
            Self::TooSoon => f.write_str("it is not yet time"),
            Self::TooManyTries => f.write_str("the payer tried too often; make a new bill"),
        }
    }
}

impl std::error::Error for Refusal {}
