//! One world: who is in it, what happens next, and how it comes to rest.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use holdfast_domain::{
    Amount, AuthCode, BillKey, BillNo, Command, Day, DayEnd, Division, Kind, LateSuccess, Mid,
    Moment, OrderId, Phase, Policy, Share, Shares, Split,
};
use holdfast_gateway::{
    clock::{Clock, Dice},
    store::{Asker, Store as _, StoreFault},
    submit::{Core, SubmitError},
    worker::{Job, Worker},
};

use crate::{
    audit::Audit,
    bank::{Bank, Paying},
    disk::{Disk, at_once},
    mail::Mail,
    merchant::{self, Fact, No, Request},
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

/// The merchants of each world.
const MIDS: [&str; 2] = ["898201612345678", "898201612345679"];

/// A world and everybody in it.
pub(crate) struct World {
    dice: Dice,
    clock: Clock,
    policy: Policy,
    disk: Arc<Disk>,
    bank: Arc<Bank>,
    audit: Audit,
    gateway: Gateway,
    mail: Mail,
    /// The disk is broken for good.
    broken: bool,
    /// What merchants have asked so far; they ask some of it again.
    asked: Vec<Request>,
    trace: Vec<String>,
}

/// What memory holds and a crash wipes out.
struct Gateway {
    core: Arc<Core>,
    /// `None` while it looks.
    worker: Option<Worker>,
    tasks: Vec<Running>,
}

/// A task that has begun.
struct Running {
    /// Whether somebody outside waits for it, who may hang up.
    for_caller: bool,
    rest: Pin<Box<dyn Future<Output = Done>>>,
}

/// What a task ends with.
enum Done {
    /// A merchant has its answer.
    Answered(Request, Result<Fact, No>),
    /// The worker has looked.
    Looked(Worker, Result<Vec<Job>, StoreFault>),
    /// A job of the worker, or what the payer did, is done.
    Worked(Result<(), StoreFault>),
}

/// What a merchant may wish.
#[derive(Clone, Copy)]
enum Wish {
    Close,
    Query,
    Capture,
    Release,
    Reverse,
    Complete,
    Cancel,
    Refund,
    Divide,
}

impl Wish {
    const ALL: [Self; 9] = [
        Self::Close,
        Self::Query,
        Self::Capture,
        Self::Release,
        Self::Reverse,
        Self::Complete,
        Self::Cancel,
        Self::Refund,
        Self::Divide,
    ];
}

impl World {
    /// A new world in which everything follows from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::seeded(seed);
        let clock = Clock::standing(Moment(1_650_524_400_000));
        let policy = Policy {
            capture_limit_percent: if dice.roll(3) == 0 { 115 } else { 100 },
            business_day_ends: DayEnd::parse("23:00").expect("a time"),
            guarantee_days: if dice.roll(2) == 0 { 30 } else { 8 },
            hold_days: if dice.roll(2) == 0 { 30 } else { 3 },
            late_success: if dice.roll(4) == 0 {
                LateSuccess::Accept
            } else {
                LateSuccess::Release
            },
        };
        let disk = Arc::new(Disk::new(Dice::seeded(dice.roll(u64::MAX))));
        let bank = Arc::new(Bank::new(clock.clone(), Dice::seeded(dice.roll(u64::MAX))));
        let gateway = Gateway::start(&disk, &bank, &clock, policy, dice.roll(u64::MAX));
        let (audit, broken, asked, trace) =
            (Audit::new(policy.late_success), false, vec![], vec![]);
        let mail = Mail::new(&gateway.core, &MIDS, &clock, seed);
        Self { dice, clock, policy, disk, bank, audit, gateway, mail, broken, asked, trace }
    }

    /// Lives so many steps, then calms down. Answers all that happened.
    pub(crate) fn live(mut self, steps: usize) -> Vec<String> {
        for _ in 0..steps {
            match self.dice.roll(100) {
                0..=14 => self.merchant_acts(),
                15..=23 => self.payer_acts(),
                24..=29 => self.worker_looks(),
                30..=43 => drop(self.bank.work()),
                44..=53 => self.disk.sync(),
                54..=61 => self.time_passes(),
                62 => self.crash(),
                63 => self.caller_goes_away(),
                64 if self.dice.roll(200) == 0 => self.disk_breaks(),
                _ => self.anybody_goes_on(),
            }
            self.check();
            self.trace.extend(self.mail.go_on());
        }
        match self.broken {
            // Nothing can be written any more, so nothing can come to its end.
            true => self.crash(),
            false => self.calm_down(),
        }
        let journal = at_once(self.disk.store.journal(0, usize::MAX)).expect("it can be read");
        let bills = &self.audit.bills;
        let post = self.mail.calm_down(&journal, |record| {
            let terms = &bills[&*record.key].bill.terms;
            let url = terms.details.notify_url.as_ref().map(|url| url.as_str().to_owned());
            (record.event.name(terms.kind), url)
        });
        self.trace.extend(post);
        self.trace
    }

    /// What must be true at any moment.
    fn check(&mut self) {
        for (event, key) in self.audit.read_on(&self.disk.store) {
            let over = self.audit.bills[&key].bill.terms.expires_at;
            let paid = event == "bill.lapsed" && self.bank.knew_at(&key, over);
            assert!(!paid, "{key} lapsed, and it was paid in time");
            self.trace.push(format!("{event} {key}"));
        }
        let (log, orders, thanks) = self.bank.happened();
        self.trace.extend(log);
        orders.iter().for_each(|(key, number, order)| self.audit.ordered(key, *number, order));
        thanks.iter().for_each(|key| self.audit.thanked(key));
    }

    fn merchant_acts(&mut self) {
        if self.gateway.tasks.len() > 16 {
            return;
        }
        let again =
            usize::try_from(self.dice.roll(4 * u64::try_from(self.asked.len()).expect("few")))
                .expect("few");
        let request = match self.asked.get(again) {
            Some(request) => request.clone(),
            None => self.new_request(),
        };
        self.asked.push(request.clone());
        let mut requests = vec![request.clone()];
        match self.dice.roll(6) {
            // Some callers lose patience at once and ask the same twice.
            0 => requests.push(request),
            // Two tills of one merchant may hand out the same number.
            1 => requests.extend(self.any_bill().and_then(|other| request.for_bill(other))),
            _ => {}
        }
        for request in requests {
            let core = self.gateway.core.clone();
            self.gateway.serve(async move {
                let answer = merchant::ask(&core, &request).await;
                Done::Answered(request, answer)
            });
        }
    }

    fn new_request(&mut self) -> Request {
        let fen = 1 + self.dice.roll(1_000);
        let amount = |fen: u64| Amount::from_fen(fen.max(1)).expect("less than the most");
        let Some(key) = self.any_bill().filter(|_| self.dice.roll(6) > 0) else {
            let kind = [Kind::Hold, Kind::Hold, Kind::Guarantee, Kind::Payment][self.pick(4)];
            let amount = amount(fen);
            let division = match (kind, self.dice.roll(5)) {
                (Kind::Payment, 0..=1) => Some(Division::Later),
                (Kind::Payment, 2..=3) => Some(Division::Now(self.shares_of(amount.fen()))),
                _ => None,
            };
            let (one, other) = (self.any_key(), self.any_key());
            let key = if self.audit.bills.contains_key(&one) { other } else { one };
            return Request::Make { key, kind, amount, division };
        };
        let bill = self.audit.bills[&key].bill.clone();
        let whole = bill.terms.amount.fen();
        let part = match self.dice.roll(4) {
            0 => whole,
            1 => 1 + self.dice.roll(whole * 6 / 5),
            _ => 1 + self.dice.roll(whole),
        };
        let auth = match self.dice.roll(16) {
            0 => AuthCode::parse("999999").expect("a code"),
            _ => Bank::auth(&key),
        };
        // Most of the time what makes sense, so that lives get long; else anything.
        let sensible: &[Wish] = match (&bill.phase, bill.terms.kind) {
            _ if self.dice.roll(4) == 0 => &Wish::ALL,
            (Phase::Requested { .. }, _) => &[Wish::Close, Wish::Query],
            (Phase::Authorized { .. }, Kind::Guarantee) => {
                &[Wish::Query, Wish::Complete, Wish::Complete, Wish::Complete, Wish::Cancel]
            }
            (Phase::Authorized { .. }, _) => {
                &[Wish::Query, Wish::Capture, Wish::Capture, Wish::Capture, Wish::Release]
            }
            (Phase::Taken { .. }, Kind::Hold) => &[Wish::Reverse, Wish::Refund],
            (Phase::Taken { .. }, Kind::Guarantee) => &[Wish::Complete, Wish::Refund, Wish::Refund],
            (Phase::Taken { takings, .. }, Kind::Payment) => match takings.split {
                Split::Pending => &[Wish::Divide, Wish::Divide, Wish::Refund],
                Split::Whole | Split::Among { .. } => &[Wish::Refund],
            },
            _ => &Wish::ALL,
        };
        match sensible[self.pick(sensible.len())] {
            Wish::Close => Request::Close { key },
            Wish::Query => Request::Query { key },
            Wish::Capture => {
                Request::Capture { order: self.order_number(), part: amount(part), auth, key }
            }
            Wish::Release => Request::Release { key, auth },
            Wish::Reverse => Request::Reverse { capture: self.capture_of(&key), auth, key },
            Wish::Complete => Request::Complete { part: amount(part), key },
            Wish::Cancel => Request::Cancel { key },
            Wish::Refund => self.refund_of(key, part),
            Wish::Divide => {
                // Now and then a fen more or less than there is.
                let wrong = if self.dice.roll(8) == 0 { self.dice.roll(3) } else { 1 };
                Request::Divide { shares: self.shares_of((whole + wrong).max(2) - 1), key }
            }
        }
    }

    /// A refund of `part`, of somebody's share, or of all that is left.
    fn refund_of(&mut self, key: BillKey, part: u64) -> Request {
        let order = self.order_number();
        let amount = |fen: u64| Amount::from_fen(fen.max(1)).expect("less than the most");
        let refund = |part, from| Request::Refund { key: key.clone(), order, part, from };
        let Phase::Taken { takings, .. } = &self.audit.bills[&key].bill.phase else {
            return refund(amount(part), None);
        };
        let all = takings.refundable.unwrap_or(amount(part));
        // Now and then more than the shares that are named.
        let more = u64::from(self.dice.roll(8) == 0);
        match &takings.split {
            Split::Among { left, .. } => match self.dice.roll(8) {
                0 => refund(all, None),
                1 => refund(all, Some(left.clone())),
                2 => refund(amount(part), None),
                3 => refund(amount(part), Some(self.shares_of(part))),
                _ => {
                    let share = left.subs().get(self.pick(left.subs().len() + 1)).cloned();
                    let some = |all: Amount| amount(1 + self.dice.roll(all.fen() * 9 / 8));
                    let platform = left.platform().filter(|_| self.dice.roll(2) == 0).map(some);
                    let share =
                        share.map(|share| Share { amount: some(share.amount), ..share.clone() });
                    let from = Shares::of(platform, share.into_iter().collect());
                    match from {
                        Ok(from) => refund(amount(from.fen() + more), Some(Arc::new(from))),
                        Err(_) => refund(all, None),
                    }
                }
            },
            Split::Whole | Split::Pending if self.dice.roll(4) == 0 => refund(all, None),
            Split::Whole | Split::Pending => refund(amount(part), None),
        }
    }

    /// So many fen divided among the platform and up to three others, two of them the same merchant under two
    /// numbers of its own.
    fn shares_of(&self, whole: u64) -> Arc<Shares> {
        let mut left = whole;
        let mut part = |fen: u64| {
            let part = fen.min(left);
            left -= part;
            Amount::from_fen(part).ok()
        };
        let some = || if self.dice.roll(4) == 0 { 0 } else { self.dice.roll(whole) };
        let subs = [("SHOP1", Some("A00001")), ("SHOP1", Some("B00001")), ("SHOP2", None)];
        let subs = subs.map(|(mid, order)| {
            Some(Share {
                mid: Mid::parse(mid).expect("a merchant"),
                order: order.map(|order| OrderId::parse(order).expect("a number")),
                amount: part(some())?,
            })
        });
        let platform = part(whole);
        Arc::new(Shares::of(platform, subs.into_iter().flatten().collect()).expect("all parts"))
    }

    /// Merchants count their orders, and sometimes do not.
    fn order_number(&mut self) -> OrderId {
        let next = u64::try_from(self.asked.len()).expect("few");
        let number = if self.dice.roll(8) == 0 { self.dice.roll(next + 1) } else { next };
        OrderId::parse(&format!("N{number:06}")).expect("a number")
    }

    /// The number of the capture that stands, or of any that somebody asked for on this bill.
    fn capture_of(&mut self, key: &BillKey) -> OrderId {
        if let Phase::Taken { takings, .. } = &self.audit.bills[key].bill.phase
            && let Some(capture) = takings.capture.as_ref().filter(|_| self.dice.roll(4) > 0)
        {
            return capture.order.clone();
        }
        let captures = self.asked.iter().rev().filter_map(|request| match request {
            Request::Capture { key: of, order, .. } if of == key => Some(order.clone()),
            _ => None,
        });
        let captures: Vec<_> = captures.take(3).collect();
        let pick = usize::try_from(self.dice.roll(3)).expect("few");
        captures.get(pick).cloned().unwrap_or_else(|| self.order_number())
    }

    fn payer_acts(&mut self) {
        let Some(key) = self.any_bill().filter(|key| !self.bank.has_paid(key)) else { return };
        let bill = self.audit.bills[&key].bill.clone();
        let core = self.gateway.core.clone();
        // Most people do not pay what is closed; some have the code on paper.
        let before = match bill.phase {
            Phase::Requested { .. } => "",
            Phase::Closed if self.dice.roll(3) == 0 => "fault.paid_after_close",
            Phase::Lapsed if self.dice.roll(3) == 0 => "fault.paid_after_lapse",
            _ => return,
        };
        let reports = match self.bank.pay(&bill) {
            Paying::Refused(decline) => vec![decline],
            Paying::Told(reports) => reports,
            Paying::Silent => vec![],
        };
        if !before.is_empty() {
            self.trace.push(format!("{before} {key}"));
        }
        for report in reports {
            let (core, bill) = (core.clone(), bill.clone());
            let as_news = self.dice.roll(2) == 0 && !matches!(report, Command::Decline { .. });
            self.gateway.serve(async move {
                if as_news {
                    return Done::Worked(core.on_news(&bill.key, &report).await);
                }
                match core.submit(bill, &report, &Asker::Payer).await {
                    Err(SubmitError::Fault(fault)) => Done::Worked(Err(fault)),
                    // Said twice, or too late: it changes nothing.
                    Ok(_) | Err(_) => Done::Worked(Ok(())),
                }
            });
        }
    }

    fn worker_looks(&mut self) {
        let Some(mut worker) = self.gateway.worker.take() else { return };
        self.gateway.begin(async move {
            let jobs = worker.jobs().await;
            Done::Looked(worker, jobs)
        });
    }

    fn time_passes(&mut self) {
        let most = match self.dice.roll(200) {
            0 => 30 * DAY,
            1..=2 => 2 * DAY,
            3..=8 => 40 * MINUTE,
            9..=90 => 10 * SECOND,
            _ => SECOND,
        };
        let ms = self.dice.roll(u64::try_from(most).expect("positive"));
        self.clock.advance(i64::try_from(ms).expect("less than a month"));
    }

    /// Power fails: memory is gone, and so is what was not synced. Then everything starts again.
    fn crash(&mut self) {
        self.trace.push("fault.crash".to_owned());
        self.gateway.tasks.clear();
        let lost = self.disk.crash();
        if lost > 0 {
            self.trace.push(format!("fault.commit_lost {lost}"));
        }
        let seed = self.dice.roll(u64::MAX);
        self.gateway = Gateway::start(&self.disk, &self.bank, &self.clock, self.policy, seed);
        self.mail.crash(&self.gateway.core);
        self.audit.keeps_its_word();
    }

    fn disk_breaks(&mut self) {
        self.trace.push("fault.disk_broken".to_owned());
        self.disk.store.break_disk();
        self.broken = true;
    }

    fn expect_broken(&self, fault: &StoreFault) {
        assert!(self.broken, "the disk is whole, and yet: {fault}");
    }

    /// A caller hangs up, and its request is not carried on.
    fn caller_goes_away(&mut self) {
        let Some(place) = self.any_task().filter(|place| self.gateway.tasks[*place].for_caller)
        else {
            return;
        };
        self.trace.push("fault.caller_gone".to_owned());
        drop(self.gateway.tasks.swap_remove(place));
    }

    fn anybody_goes_on(&mut self) {
        for _ in 0..4 {
            if let Some(place) = self.any_task() {
                self.go_on(place);
            }
        }
    }

    /// Lets one task take its next step.
    fn go_on(&mut self, place: usize) {
        let task = self.gateway.tasks[place].rest.as_mut();
        let Poll::Ready(done) = task.poll(&mut Context::from_waker(Waker::noop())) else { return };
        drop(self.gateway.tasks.swap_remove(place));
        // What it says must be durable already.
        self.check();
        match done {
            Done::Answered(request, answer) => self.answered(&request, answer),
            Done::Looked(worker, jobs) => {
                self.gateway.worker = Some(worker);
                for job in jobs.expect("a broken disk can be read") {
                    if let Job::News(key, _) = &job
                        && self
                            .audit
                            .bills
                            .get(key)
                            .is_some_and(|kept| kept.bill.payment().is_some())
                    {
                        self.trace.push(format!("fault.payment_told_again {key}"));
                    }
                    let core = self.gateway.core.clone();
                    self.gateway.begin(async move { Done::Worked(core.work_on(job).await) });
                }
            }
            Done::Worked(Err(fault)) => self.expect_broken(&fault),
            Done::Worked(Ok(())) => {}
        }
    }

    fn answered(&mut self, request: &Request, answer: Result<Fact, No>) {
        let word = match answer {
            Ok(fact) => {
                let refused = matches!(fact, Fact::Refused { .. });
                match (self.audit.told(request, fact), refused) {
                    (true, _) => "repeated",
                    (false, true) => "refused",
                    (false, false) => "done",
                }
            }
            Err(No::Rule) => self.denied(request, "no"),
            Err(No::Duplicate) => self.denied(request, "duplicate"),
            Err(No::NotThere) => self.denied(request, "not_there"),
            Err(No::Channel) => "refused",
            Err(No::Busy) => "busy",
            Err(No::NotKnown) => "not_known",
            Err(No::Cancelled) => {
                if let Request::Complete { key, .. } | Request::Cancel { key } = request {
                    self.audit.was_given_up(key);
                }
                "cancelled"
            }
            Err(No::Seen) => return,
            Err(No::Broken(fault)) => {
                self.expect_broken(&fault);
                "broken"
            }
        };
        self.trace.push(format!("answer.{word} {request}"));
    }

    fn denied(&self, request: &Request, word: &'static str) -> &'static str {
        // Who does not know the code is told nothing.
        if request.auth().is_none_or(|auth| *auth == Bank::auth(request.key())) {
            self.audit.denied(request, word);
        }
        word
    }

    /// Nothing goes wrong any more: everything that is open must come to its end, and then our book must be
    /// the bank's. Then all deadlines pass, and nothing may be left to do.
    fn calm_down(&mut self) {
        self.bank.calm();
        self.come_to_rest();
        self.compare();
        self.clock.advance(31 * DAY);
        self.come_to_rest();
        self.compare();
        for kept in self.audit.bills.values() {
            let (bill, due) = (&kept.bill, kept.bill.due());
            let phase = bill.phase.name();
            assert!(due.is_none(), "{} is left {phase} until {due:?}", bill.key);
            assert!(!phase.ends_with("ing"), "{} is left {phase} for ever", bill.key);
        }
        self.audit.keeps_its_word();
    }

    fn come_to_rest(&mut self) {
        for _ in 0..200 {
            self.worker_looks();
            for _ in 0..20 {
                for place in (0..self.gateway.tasks.len()).rev() {
                    self.go_on(place);
                }
                while self.bank.work() {}
                self.disk.sync();
                self.check();
            }
            if self.at_rest() {
                return;
            }
            self.clock.advance(5 * MINUTE);
        }
        let open = at_once(self.disk.store.open(None, 10));
        panic!("the world does not come to rest: open {open:?}, untold {:?}", self.bank.untold());
    }

    fn at_rest(&self) -> bool {
        let store = &self.disk.store;
        let open = at_once(store.open(None, 1)).expect("the disk is whole");
        let due = at_once(store.due(self.clock.now(), 1)).expect("the disk is whole");
        self.gateway.tasks.is_empty()
            && open.is_empty()
            && due.is_empty()
            && self.bank.untold().is_empty()
    }

    fn compare(&self) {
        for key in self.bank.paid_bills() {
            assert!(self.audit.bills.contains_key(&key), "{key} was paid and is not in our book");
        }
        for (key, kept) in &self.audit.bills {
            let (ours, theirs) = (kept.sums(), self.bank.sums(key));
            assert_eq!(ours, theirs, "{key}: who has how much in our book and in the bank's");
        }
        self.audit.statements();
    }

    fn any_task(&self) -> Option<usize> {
        let tasks = u64::try_from(self.gateway.tasks.len()).expect("few");
        (tasks > 0).then(|| usize::try_from(self.dice.roll(tasks)).expect("few"))
    }

    fn pick(&self, of: usize) -> usize {
        let pick = self.dice.roll(u64::try_from(of).expect("few"));
        usize::try_from(pick).expect("few")
    }

    fn any_bill(&self) -> Option<BillKey> {
        let bills = u64::try_from(self.audit.bills.len()).expect("few");
        let pick = usize::try_from(self.dice.roll(bills)).expect("few");
        self.audit.bills.keys().nth(pick).cloned()
    }

    fn any_key(&self) -> BillKey {
        let number = self.dice.roll(10);
        let [one, other] = MIDS;
        let mid = if self.dice.roll(3) == 0 { one } else { other };
        BillKey {
            mid: Mid::parse(mid).expect("a merchant"),
            no: BillNo::parse(&format!("31940000{number}")).expect("a number"),
            date: Day::parse("2022-04-21").expect("a day"),
        }
    }
}

impl Gateway {
    fn start(disk: &Arc<Disk>, bank: &Arc<Bank>, clock: &Clock, policy: Policy, seed: u64) -> Self {
        let dice = Dice::seeded(seed);
        let core = Core::new(disk.clone(), bank.clone(), clock.clone(), dice, policy, 8 * SECOND);
        let core = Arc::new(core);
        Self { worker: Some(Worker::new(core.clone())), core, tasks: vec![] }
    }

    /// Begins what the gateway does by itself.
    fn begin(&mut self, task: impl Future<Output = Done> + 'static) {
        self.tasks.push(Running { for_caller: false, rest: Box::pin(task) });
    }

    /// Begins what somebody outside waits for.
    fn serve(&mut self, task: impl Future<Output = Done> + 'static) {
        self.tasks.push(Running { for_caller: true, rest: Box::pin(task) });
    }
}
