//! The model: the same bill in plain integers, as a list of conditions and sums. It knows nothing of `decide`.

use holdfast_domain::Kind;

use crate::life::{Act, DAY, Edge, Life, MINUTE, Parts, Plan};

/// 2022-04-21 15:00 in Beijing.
pub(crate) const START: i64 = 1_650_524_400_000;
/// Until then the payer may pay.
pub(crate) const OVER: i64 = START + 30 * MINUTE;

/// Where the model's bill is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Waiting,
    Shut,
    Held,
    Got,
    Gone,
}

/// What the model's channel was asked to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Take { order: Option<u8>, part: i64 },
    Undo,
    Return { part: i64, from: Parts },
    Part { parts: Parts },
    Free { must: bool },
}

/// The same bill in plain integers.
pub(crate) struct Model<'a> {
    life: &'a Life,
    pub(crate) now: i64,
    pub(crate) payer: i64,
    pub(crate) held: i64,
    /// What waits to be divided.
    pub(crate) undivided: i64,
    /// What each has; the bill's merchant is the first, also where nothing is divided.
    pub(crate) has: Parts,
    stage: Stage,
    wish: Option<Wish>,
    /// How many orders the channel was given.
    pub(crate) orders: i64,
    declined: i64,
    paid_at: i64,
    deadline: i64,
    /// How many days before the deadline the last reminder spoke of.
    pub(crate) reminded: Option<i64>,
    /// The capture that stands: its number and its business day.
    capture: Option<(u8, i64)>,
    refunded: bool,
    /// Whether it is known who has how much.
    divided: bool,
}

impl<'a> Model<'a> {
    pub(crate) fn new(life: &'a Life) -> Self {
        Self {
            life,
            now: START,
            payer: 0,
            held: 0,
            undivided: 0,
            has: [0; 4],
            stage: Stage::Waiting,
            wish: None,
            orders: 0,
            declined: 0,
            paid_at: 0,
            deadline: 0,
            reminded: None,
            capture: None,
            refunded: false,
            divided: false,
        }
    }

    /// Does `act` if it is allowed, and says whether it was.
    pub(crate) fn allows(&mut self, act: &Act) -> bool {
        let (amount, idle) = (self.life.amount, self.wish.is_none());
        let guarantee = self.life.kind == Kind::Guarantee;
        let held = idle && self.stage == Stage::Held;
        let got = idle && self.stage == Stage::Got;
        let in_time = self.now < self.deadline;
        let allowed = match *act {
            Act::Pay => idle && matches!(self.stage, Stage::Waiting | Stage::Shut),
            Act::Decline => self.stage == Stage::Waiting && self.declined < 20,
            Act::Close => self.stage == Stage::Waiting,
            Act::Lapse => self.stage == Stage::Waiting && self.now >= OVER,
            Act::Capture { part, right_auth, .. } => {
                let most = (amount * self.life.limit / 100).min(100_000_000);
                held && !guarantee && right_auth && in_time && part <= most
            }
            Act::Complete { part } => held && guarantee && in_time && part <= amount,
            Act::Release { right_auth, right_hold } => {
                held && !guarantee && right_auth && right_hold
            }
            Act::Cancel => held && guarantee,
            Act::Remind => held && in_time && self.reminder_due().is_some(),
            Act::Expire => held && !in_time,
            Act::Reverse { capture, right_auth } => {
                let today = self.capture == Some((capture, self.business_day()));
                got && !guarantee && right_auth && today && !self.refunded
            }
            Act::Refund { part, from: None, .. } => {
                got && if self.divided { part == self.left() } else { part <= self.left() }
            }
            Act::Refund { part, from: Some(from), .. } => {
                let covered = (0..4).all(|at| from[at] <= self.has[at]);
                let shops = from[1..].iter().filter(|part| **part > 0).count();
                let sum: i64 = from.iter().sum();
                got && self.divided && covered && part == sum && (shops <= 1 || from == self.has)
            }
            Act::Divide { parts } => {
                got && self.undivided == amount && parts.iter().sum::<i64>() == amount
            }
            Act::Report { behind, .. } => !idle && behind == 0,
        };
        if allowed {
            self.act(act);
        }
        allowed
    }

    fn act(&mut self, act: &Act) {
        let amount = self.life.amount;
        match *act {
            Act::Pay => self.pay(),
            Act::Decline => self.declined += 1,
            Act::Close | Act::Lapse => self.stage = Stage::Shut,
            Act::Capture { order, part, .. } => self.ask(Wish::Take { order: Some(order), part }),
            Act::Complete { part } => self.ask(Wish::Take { order: None, part }),
            Act::Reverse { .. } => self.ask(Wish::Undo),
            Act::Release { .. } | Act::Cancel => self.ask(Wish::Free { must: false }),
            Act::Expire => self.ask(Wish::Free { must: true }),
            Act::Remind => self.reminded = self.reminder_due(),
            Act::Refund { part, from, .. } => {
                let from = from.unwrap_or(if self.divided { self.has } else { [part, 0, 0, 0] });
                self.ask(Wish::Return { part, from });
            }
            Act::Divide { parts } => self.ask(Wish::Part { parts }),
            Act::Report { approve, restored, .. } => {
                let wish = self.wish.take().unwrap();
                match (wish, approve) {
                    (Wish::Take { order, part }, true) => {
                        (self.payer, self.held) = (self.payer + amount - part, 0);
                        self.has[0] = part;
                        self.stage = Stage::Got;
                        self.capture = order.map(|order| (order, self.business_day()));
                    }
                    (Wish::Undo, true) => {
                        self.held = if restored { amount } else { 0 };
                        (self.payer, self.has) = (-self.held, [0; 4]);
                        self.stage = if restored { Stage::Held } else { Stage::Gone };
                        self.capture = None;
                    }
                    (Wish::Return { part, from }, true) => {
                        self.payer += part;
                        match self.undivided {
                            0 => (0..4).for_each(|at| self.has[at] -= from[at]),
                            _ => self.undivided -= part,
                        }
                        self.refunded = true;
                    }
                    (Wish::Part { parts }, true) => {
                        (self.undivided, self.has, self.divided) = (0, parts, true);
                    }
                    (Wish::Free { .. }, true) => {
                        (self.payer, self.held) = (0, 0);
                        self.stage = Stage::Gone;
                    }
                    (Wish::Free { must: true }, false) => self.ask(wish),
                    (_, false) => {}
                }
            }
        }
    }

    fn pay(&mut self) {
        let amount = self.life.amount;
        (self.payer, self.paid_at) = (-amount, self.now);
        let too_late = self.stage == Stage::Shut && !self.life.accept_late;
        if too_late || self.life.kind != Kind::Payment {
            (self.held, self.stage) = (amount, Stage::Held);
        } else {
            self.stage = Stage::Got;
            match self.life.division {
                None => self.has[0] = amount,
                Some(Plan::Later) => self.undivided = amount,
                Some(Plan::AtOnce(parts)) => (self.has, self.divided) = (parts, true),
            }
        }
        if too_late {
            return self.ask(Wish::Free { must: true });
        }
        let days = match self.life.kind {
            Kind::Hold => self.life.hold_days,
            Kind::Guarantee => self.life.guarantee_days,
            Kind::Payment => 0,
        };
        self.deadline = self.now + days * DAY;
    }

    fn ask(&mut self, wish: Wish) {
        self.orders += 1;
        self.wish = Some(wish);
    }

    /// What the merchants have together, divided or not.
    fn left(&self) -> i64 {
        self.undivided + self.has.iter().sum::<i64>()
    }

    /// The reminders that are still to come, in days before the deadline. None comes at or before the moment of
    /// the payment.
    fn reminders(&self) -> impl Iterator<Item = i64> {
        let (paid_at, deadline) = (self.paid_at, self.deadline);
        let last = self.reminded.unwrap_or(i64::MAX);
        let ours = move |days: &i64| *days < last && paid_at < deadline - days * DAY;
        [7, 3, 1].into_iter().filter(ours)
    }

    /// Of all that are due, the last.
    fn reminder_due(&self) -> Option<i64> {
        let (now, deadline) = (self.now, self.deadline);
        self.reminders().filter(|days| deadline - days * DAY <= now).last()
    }

    /// When time itself asks something of the bill.
    pub(crate) fn due(&self) -> Option<i64> {
        match self.stage {
            Stage::Waiting => Some(OVER),
            Stage::Held if self.wish.is_none() => {
                Some(self.deadline - self.reminders().next().unwrap_or(0) * DAY)
            }
            _ => None,
        }
    }

    /// The refund of exactly what is left, or of what one party has left: there is no refund of nothing.
    pub(crate) fn refund_rest(&self, order: u8, of: Option<usize>, named: bool) -> Act {
        let mut from = self.has;
        if let Some(party) = of {
            from = [0; 4];
            from[party] = self.has[party];
        }
        let part = if of.is_some() { from.iter().sum() } else { self.left() };
        let from = Some(from).filter(|from| named && *from != [0; 4]);
        Act::Refund { order, part: part.max(1), from }
    }

    pub(crate) fn wait_for(&mut self, edge: Edge, early_ms: i64) {
        let at = match edge {
            Edge::PaymentTooLate => OVER,
            Edge::Deadline { days } => self.deadline - days * DAY,
            Edge::NextBusinessDay => {
                let beijing_midnight = self.now - (self.now + 8 * 60 * MINUTE) % DAY;
                beijing_midnight + self.life.day_end * MINUTE
            }
        };
        self.now = self.now.max(at - early_ms);
    }

    /// The Beijing day, and the next one from the end of business on.
    fn business_day(&self) -> i64 {
        let minutes = (self.now + 8 * 60 * MINUTE) / MINUTE;
        let (day, minute) = (minutes / 1_440, minutes % 1_440);
        if minute >= self.life.day_end { day + 1 } else { day }
    }
}
