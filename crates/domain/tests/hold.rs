//! The life of a bill, told as scripts: one line per command, with what came of it.

use holdfast_domain::{
    Account, Amount, AuthCode, Balances, Bill, BillKey, BillNo, Channel, CodeId, Command, Day,
    DayEnd, Details, Fingerprint, Kind, LateSuccess, Marks, Mid, Moment, OrderId, Policy, Refusal,
    Terms, Text, Tid, Verdict, decide, replay,
};

#[test]
fn capturing_a_part_returns_the_rest_to_the_payer() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        release             | wrong phase     | payer -300 held 0 merchant 300
        ",
    );
}

#[test]
fn a_reversal_that_restores_the_hold_allows_another_capture() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        reverse C00001      | reversing       | payer -300 held 0 merchant 300
        reverse C00001      | busy            | payer -300 held 0 merchant 300
        refund R00001 1     | busy            | payer -300 held 0 merchant 300
        approve 2           | authorized      | payer -500 held 500 merchant 0
        capture C00002 500  | capturing       | payer -500 held 500 merchant 0
        approve 3           | captured        | payer -500 held 0 merchant 500
        reverse C00001      | no such capture | payer -500 held 0 merchant 500
        refund R00001 200   | refunding       | payer -500 held 0 merchant 500
        approve 4           | captured        | payer -300 held 0 merchant 300
        reverse C00002      | refunded        | payer -300 held 0 merchant 300
        ",
    );
}

#[test]
fn a_reversal_that_ends_the_hold_gives_everything_back() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        reverse C00001      | reversing       | payer -300 held 0 merchant 300
        approve-ended 2     | ended           | payer 0 held 0 merchant 0
        capture C00002 1    | wrong phase     | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn what_the_channel_refuses_changes_no_money() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        release             | releasing       | payer -500 held 500 merchant 0
        capture C00001 1    | busy            | payer -500 held 500 merchant 0
        refuse 1            | authorized      | payer -500 held 500 merchant 0
        capture C00001 500  | capturing       | payer -500 held 500 merchant 0
        refuse 2            | authorized      | payer -500 held 500 merchant 0
        capture C00002 500  | capturing       | payer -500 held 500 merchant 0
        approve 3           | captured        | payer -500 held 0 merchant 500
        reverse C00002      | reversing       | payer -500 held 0 merchant 500
        refuse 4            | captured        | payer -500 held 0 merchant 500
        refund R00001 500   | refunding       | payer -500 held 0 merchant 500
        refuse 5            | captured        | payer -500 held 0 merchant 500
        refund R00002 500   | refunding       | payer -500 held 0 merchant 500
        approve 6           | captured        | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn a_late_answer_to_an_earlier_order_is_refused_as_stale() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 236  | capturing       | payer -500 held 500 merchant 0
        refuse 1            | authorized      | payer -500 held 500 merchant 0
        refuse 1            | stale           | payer -500 held 500 merchant 0
        capture C00002 13   | capturing       | payer -500 held 500 merchant 0
        refuse 1            | stale           | payer -500 held 500 merchant 0
        approve 2           | captured        | payer -13 held 0 merchant 13
        approve 2           | stale           | payer -13 held 0 merchant 13
        approve 3           | wrong phase     | payer -13 held 0 merchant 13
        ",
    );
}

#[test]
fn refunds_never_exceed_what_was_captured() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        refund R00001 1     | wrong phase     | payer -500 held 500 merchant 0
        capture C00001 501  | exceeds 500     | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        refund R00001 200   | refunding       | payer -300 held 0 merchant 300
        approve 2           | captured        | payer -100 held 0 merchant 100
        refund R00002 101   | exceeds 100     | payer -100 held 0 merchant 100
        refund R00002 100   | refunding       | payer -100 held 0 merchant 100
        approve 3           | captured        | payer 0 held 0 merchant 0
        refund R00003 1     | exceeds 0       | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn a_capture_can_be_reversed_on_its_business_day_only() {
    check_hold(
        "
        at 22:59            | -               | payer 0 held 0 merchant 0
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        at 23:00            | -               | payer -300 held 0 merchant 300
        reverse C00001      | cross day       | payer -300 held 0 merchant 300
        refund R00001 300   | refunding       | payer -300 held 0 merchant 300
        ",
    );
}

#[test]
fn what_does_not_belong_to_the_hold_is_named() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture-wrong-auth  | wrong auth      | payer -500 held 500 merchant 0
        release-wrong-hold  | wrong hold      | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -300 held 0 merchant 300
        reverse C00009      | no such capture | payer -300 held 0 merchant 300
        ",
    );
}

/// A release names the payment by its number, so nothing else may bear it.
#[test]
fn the_number_of_the_payment_is_its_own() {
    check_hold(
        "
        authorize                | authorized        | payer -500 held 500 merchant 0
        capture 3194000000 300   | number of payment | payer -500 held 500 merchant 0
        capture C00001 300       | capturing         | payer -500 held 500 merchant 0
        approve 1                | captured          | payer -300 held 0 merchant 300
        refund 3194000000 1      | number of payment | payer -300 held 0 merchant 300
        ",
    );
}

#[test]
fn a_hold_that_nobody_touches_expires() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        expire              | too soon        | payer -500 held 500 merchant 0
        days 30             | -               | payer -500 held 500 merchant 0
        capture C00001 1    | deadline over   | payer -500 held 500 merchant 0
        expire              | releasing       | payer -500 held 500 merchant 0
        refuse 1            | releasing       | payer -500 held 500 merchant 0
        approve 1           | stale           | payer -500 held 500 merchant 0
        approve 2           | expired         | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn a_bill_that_nobody_pays_lapses_and_late_money_goes_back() {
    check_hold(
        "
        lapse               | too soon        | payer 0 held 0 merchant 0
        decline             | requested       | payer 0 held 0 merchant 0
        days 1              | -               | payer 0 held 0 merchant 0
        lapse               | lapsed          | payer 0 held 0 merchant 0
        authorize           | releasing       | payer -500 held 500 merchant 0
        refuse 1            | releasing       | payer -500 held 500 merchant 0
        approve 2           | released        | payer 0 held 0 merchant 0
        authorize           | wrong phase     | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn a_closed_bill_stays_closed_and_late_money_goes_back() {
    check(
        Kind::Payment,
        Policy::default(),
        "
        close               | closed          | payer 0 held 0 merchant 0
        close               | wrong phase     | payer 0 held 0 merchant 0
        decline             | wrong phase     | payer 0 held 0 merchant 0
        authorize           | releasing       | payer -500 held 500 merchant 0
        approve 1           | released        | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn late_money_can_be_accepted_by_policy() {
    check(
        Kind::Payment,
        Policy { late_success: LateSuccess::Accept, ..Policy::default() },
        "
        close               | closed          | payer 0 held 0 merchant 0
        authorize           | paid            | payer -500 held 0 merchant 500
        ",
    );
}

#[test]
fn a_plain_payment_is_paid_at_once_and_can_only_be_refunded() {
    check(
        Kind::Payment,
        Policy::default(),
        "
        authorize           | paid            | payer -500 held 0 merchant 500
        close               | wrong phase     | payer -500 held 0 merchant 500
        capture C00001 1    | wrong phase     | payer -500 held 0 merchant 500
        reverse C00001      | wrong phase     | payer -500 held 0 merchant 500
        release             | wrong phase     | payer -500 held 0 merchant 500
        refund R00001 100   | refunding       | payer -500 held 0 merchant 500
        approve 1           | paid            | payer -400 held 0 merchant 400
        ",
    );
}

/// General card practice lets a hotel take up to 115 % of what was held.
#[test]
fn taking_more_than_was_held_is_undone_to_the_fen() {
    check(
        Kind::Hold,
        Policy { capture_limit_percent: 115, ..Policy::default() },
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 576  | exceeds 575     | payer -500 held 500 merchant 0
        capture C00001 575  | capturing       | payer -500 held 500 merchant 0
        approve 1           | captured        | payer -575 held 0 merchant 575
        reverse C00001      | reversing       | payer -575 held 0 merchant 575
        approve 2           | authorized      | payer -500 held 500 merchant 0
        release             | releasing       | payer -500 held 500 merchant 0
        approve 3           | released        | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn a_payer_cannot_decline_for_ever() {
    let mut script = "decline | requested | payer 0 held 0 merchant 0\n".repeat(20);
    script += "decline | too many tries | payer 0 held 0 merchant 0\n";
    script += "authorize | authorized | payer -500 held 500 merchant 0\n";
    check_hold(&script);
}

/// Every phase against every command: a new phase or command shows up here as a new row or column.
/// A cell is the phase that follows, or why nothing did.
#[test]
fn the_whole_table() {
    let capture = "authorize, capture C00001 300, approve 1";
    let phases = [
        (Kind::Hold, String::new()),
        (Kind::Hold, "close".to_owned()),
        (Kind::Hold, "days 1, lapse".to_owned()),
        (Kind::Hold, "authorize".to_owned()),
        (Kind::Hold, "authorize, capture C00001 300".to_owned()),
        (Kind::Hold, capture.to_owned()),
        (Kind::Hold, format!("{capture}, reverse C00001")),
        (Kind::Hold, format!("{capture}, refund R00001 1")),
        (Kind::Hold, "authorize, release".to_owned()),
        (Kind::Hold, "authorize, release, approve 1".to_owned()),
        (Kind::Hold, "authorize, days 30, expire, approve 1".to_owned()),
        (Kind::Hold, format!("{capture}, reverse C00001, approve-ended 2")),
        (Kind::Payment, "authorize".to_owned()),
    ];
    let commands = [
        "authorize",
        "decline",
        "close",
        "capture C00001 1",
        "reverse C00001",
        "release",
        "refund R00002 1",
        "lapse",
        "expire",
        "approve",
        "refuse",
    ];
    let mut table = format!("{:<11}", "");
    for command in commands {
        table += &format!("|{:<11}", command.split(' ').next().unwrap());
    }
    for (kind, way) in phases {
        let mut world = World::new(kind, Policy::default());
        way.split(", ").filter(|step| !step.is_empty()).for_each(|step| drop(world.run(step)));
        table += &format!("\n{:<11}", world.bill.phase.name());
        let open = world.bill.open_order().map_or(world.bill.orders, |(asked, _)| asked.number);
        for command in commands {
            let mut copy = world.clone();
            let command = match command {
                "approve" | "refuse" => format!("{command} {open}"),
                other => other.to_owned(),
            };
            let outcome = copy.run(&command).replace("wrong phase", "-");
            table += &format!("|{outcome:<11}");
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    let expected: Vec<&str> = TABLE.trim().lines().map(str::trim_end).collect();
    assert_eq!(table.join("\n").trim(), expected.join("\n"), "the table is\n{}", table.join("\n"));
}

const TABLE: &str = "
           |authorize  |decline    |close      |capture    |reverse    |release    |refund     |lapse      |expire     |approve    |refuse
requested  |authorized |requested  |closed     |-          |-          |-          |-          |too soon   |-          |stale      |stale
closed     |releasing  |-          |-          |-          |-          |-          |-          |-          |-          |stale      |stale
lapsed     |releasing  |-          |-          |-          |-          |-          |-          |-          |-          |stale      |stale
authorized |-          |-          |-          |capturing  |-          |releasing  |-          |-          |too soon   |stale      |stale
capturing  |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |captured   |authorized
captured   |-          |-          |-          |-          |reversing  |-          |refunding  |-          |-          |stale      |stale
reversing  |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |authorized |captured
refunding  |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |captured   |captured
releasing  |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |busy       |released   |authorized
released   |-          |-          |-          |-          |-          |-          |-          |-          |-          |stale      |stale
expired    |-          |-          |-          |-          |-          |-          |-          |-          |-          |stale      |stale
ended      |-          |-          |-          |-          |-          |-          |-          |-          |-          |stale      |stale
paid       |-          |-          |-          |-          |-          |-          |refunding  |-          |-          |stale      |stale
";

#[test]
fn days_and_business_days_follow_beijing_time() {
    let at = |text: &str| moment(text);
    let end = DayEnd::parse("23:00").unwrap();
    for (moment, calendar, business) in [
        ("2022-04-21 00:00", "2022-04-21", "2022-04-21"),
        ("2022-04-21 22:59", "2022-04-21", "2022-04-21"),
        ("2022-04-21 23:00", "2022-04-21", "2022-04-22"),
        ("2023-12-31 23:30", "2023-12-31", "2024-01-01"),
        ("2024-02-28 23:00", "2024-02-28", "2024-02-29"),
    ] {
        assert_eq!(at(moment).day().to_string(), calendar, "{moment}");
        assert_eq!(at(moment).business_day(end).to_string(), business, "{moment}");
    }
    for wrong in
        ["2023-02-29", "2023-13-01", "2023-00-10", "2023-1-10", "0000-01-01", "2023-04-31", "x"]
    {
        assert_eq!(Day::parse(wrong), None, "{wrong}");
    }
    for wrong in ["24:01", "9:00", "12:60", "12", "1200", "-1:00"] {
        assert_eq!(DayEnd::parse(wrong), None, "{wrong}");
    }
    assert_eq!(DayEnd::parse("00:00"), Some(DayEnd::MIDNIGHT));
}

#[test]
fn every_day_prints_as_the_date_it_was_read_from() {
    for number in (-719_162..=2_932_896).step_by(97).chain([-719_162, 2_932_896, 0, 19_782]) {
        let day = Day(number);
        assert_eq!(Day::parse(&day.to_string()), Some(day), "{day}");
    }
}

fn check_hold(script: &str) {
    check(Kind::Hold, Policy::default(), script);
}

/// Runs a script on a fresh bill of 500 fen. A line reads: command | outcome | balances. At the end the
/// journal alone must give the same bill again.
#[track_caller]
fn check(kind: Kind, policy: Policy, script: &str) {
    let mut world = World::new(kind, policy);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let outcome = world.run(cells[0]);
        assert_eq!([outcome, world.balances()], [cells[1], cells[2]], "after: {line}");
    }
    world.replays();
}

#[derive(Clone)]
struct World {
    bill: Bill,
    now: Moment,
    policy: Policy,
    balances: Balances,
    events: Vec<holdfast_domain::Event>,
}

impl World {
    fn new(kind: Kind, policy: Policy) -> Self {
        let now = moment("2022-04-21 15:00");
        let terms = Terms {
            kind,
            amount: Amount::from_fen(500).unwrap(),
            code: CodeId::parse("31940001").unwrap(),
            tid: Tid::parse("88880001").unwrap(),
            created_at: now,
            expires_at: now.plus_ms(30 * 60_000),
            fingerprint: Fingerprint([0; 16]),
            details: Details::default(),
        };
        let change = Bill::request(key(), terms);
        Self {
            bill: change.bill,
            now,
            policy,
            balances: Balances::default(),
            events: vec![change.event],
        }
    }

    fn run(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["at", time] => self.now = moment(&format!("2022-04-21 {time}")),
            ["days", days] => self.now = self.now.plus_days(days.parse().unwrap()),
            _ => return self.command(&parse(&words)),
        }
        "-".to_owned()
    }

    fn command(&mut self, command: &Command) -> String {
        match decide(&self.bill, command, self.now, &self.policy) {
            Ok(change) => {
                assert_eq!(change.bill.version, self.bill.version + 1);
                change.entries.iter().for_each(|entry| self.balances.post(entry));
                self.bill = change.bill;
                self.events.push(change.event);
                assert_eq!(self.balances.total(), 0);
                let fen = |amount: Option<Amount>| i128::from(amount.map_or(0, Amount::fen));
                assert_eq!(self.balances.of(&Account::Held), fen(self.bill.held()));
                assert_eq!(self.balances.of(&Account::Merchant), fen(self.bill.taken()));
                self.bill.phase.name().to_owned()
            }
            Err(refusal) => match refusal {
                Refusal::WrongPhase { .. } => "wrong phase".to_owned(),
                Refusal::Busy { .. } => "busy".to_owned(),
                Refusal::Stale => "stale".to_owned(),
                Refusal::Exceeds { available, .. } => {
                    format!("exceeds {}", available.map_or(0, Amount::fen))
                }
                Refusal::Mismatch(holdfast_domain::Reference::AuthCode) => "wrong auth".to_owned(),
                Refusal::Mismatch(holdfast_domain::Reference::Capture) => {
                    "no such capture".to_owned()
                }
                Refusal::Mismatch(holdfast_domain::Reference::Hold) => "wrong hold".to_owned(),
                Refusal::CrossDay { .. } => "cross day".to_owned(),
                Refusal::NumberOfPayment => "number of payment".to_owned(),
                Refusal::AlreadyRefunded => "refunded".to_owned(),
                Refusal::DeadlineOver { .. } => "deadline over".to_owned(),
                Refusal::TooSoon => "too soon".to_owned(),
                Refusal::TooManyTries => "too many tries".to_owned(),
            },
        }
    }

    fn balances(&self) -> String {
        let [payer, held, merchant] = [Account::Payer, Account::Held, Account::Merchant]
            .map(|account| self.balances.of(&account));
        format!("payer {payer} held {held} merchant {merchant}")
    }

    fn replays(&self) {
        let mut bill = None;
        let mut balances = Balances::default();
        for event in &self.events {
            let change = replay(bill.as_ref(), &key(), event.clone()).unwrap();
            change.entries.iter().for_each(|entry| balances.post(entry));
            bill = Some(change.bill);
        }
        assert_eq!((bill.as_ref(), &balances), (Some(&self.bill), &self.balances));
    }
}

fn parse(words: &[&str]) -> Command {
    let auth = || AuthCode::parse("206067").unwrap();
    let order = |text: &str| OrderId::parse(text).unwrap();
    let part = |text: &str| Amount::from_fen(text.parse().unwrap()).unwrap();
    let fingerprint = Fingerprint([1; 16]);
    let reason = || Text::parse("no").unwrap();
    let approved = |number: &str, restored| Command::Report {
        number: number.parse().unwrap(),
        verdict: Verdict::Approved { marks: Marks::default(), restored },
    };
    match *words {
        ["authorize"] => Command::Authorize {
            marks: Marks::default(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            auth: auth(),
        },
        ["decline"] => Command::Decline { reason: reason() },
        ["close"] => Command::Close,
        ["capture", id, fen] => {
            Command::Capture { order: order(id), part: part(fen), auth: auth(), fingerprint }
        }
        ["capture-wrong-auth"] => Command::Capture {
            order: order("C00001"),
            part: part("1"),
            auth: AuthCode::parse("206068").unwrap(),
            fingerprint,
        },
        ["reverse", id] => Command::Reverse { capture: order(id), auth: auth() },
        ["release"] => Command::Release { hold: order("3194000000"), auth: auth() },
        ["release-wrong-hold"] => Command::Release { hold: order("3194000001"), auth: auth() },
        ["refund", id, fen] => Command::Refund { order: order(id), part: part(fen), fingerprint },
        ["lapse"] => Command::Lapse,
        ["expire"] => Command::Expire,
        ["approve", number] => approved(number, true),
        ["approve-ended", number] => approved(number, false),
        ["refuse", number] => Command::Report {
            number: number.parse().unwrap(),
            verdict: Verdict::Refused { reason: reason() },
        },
        _ => panic!("unknown command: {words:?}"),
    }
}

fn key() -> BillKey {
    BillKey {
        mid: Mid::parse("898201612345678").unwrap(),
        no: BillNo::parse("319400000").unwrap(),
        date: Day::parse("2022-04-21").unwrap(),
    }
}

/// `yyyy-MM-dd HH:mm` in Beijing.
fn moment(text: &str) -> Moment {
    let (day, time) = text.split_once(' ').unwrap();
    let (hours, minutes) = time.split_once(':').unwrap();
    let minutes: i64 = hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap();
    Day::parse(day).unwrap().starts_at().plus_ms(minutes * 60_000)
}
