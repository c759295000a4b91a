//! The life of a bill, told as scripts: one line per command, with what came of it.

use holdfast_domain::{
    Account, Amount, AuthCode, Balances, Bill, BillKey, BillNo, Channel, CodeId, Command, Day,
    DayEnd, Division, Fingerprint, Kind, LateSuccess, Marks, Mid, Moment, OrderId, Policy, Refusal,
    Share, Shares, Terms, Text, Tid, Verdict, decide, replay,
};
use std::sync::Arc;

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

#[test]
fn a_guarantee_is_taken_in_part_or_given_up() {
    let taken = "
        authorize           | authorized      | payer -500 held 500 merchant 0
        capture C00001 300  | other kind      | payer -500 held 500 merchant 0
        release             | other kind      | payer -500 held 500 merchant 0
        complete 501        | exceeds 500     | payer -500 held 500 merchant 0
        complete 300        | capturing       | payer -500 held 500 merchant 0
        complete 300        | busy            | payer -500 held 500 merchant 0
        refuse 1            | authorized      | payer -500 held 500 merchant 0
        complete 300        | capturing       | payer -500 held 500 merchant 0
        approve 2           | captured        | payer -300 held 0 merchant 300
        complete 200        | wrong phase     | payer -300 held 0 merchant 300
        cancel              | wrong phase     | payer -300 held 0 merchant 300
        reverse 3194000000  | other kind      | payer -300 held 0 merchant 300
        refund R00001 100   | refunding       | payer -300 held 0 merchant 300
        approve 3           | captured        | payer -200 held 0 merchant 200
        ";
    let given_up = "
        authorize           | authorized      | payer -500 held 500 merchant 0
        cancel              | releasing       | payer -500 held 500 merchant 0
        complete 1          | busy            | payer -500 held 500 merchant 0
        approve 1           | released        | payer 0 held 0 merchant 0
        cancel              | cancelled       | payer 0 held 0 merchant 0
        complete 1          | cancelled       | payer 0 held 0 merchant 0
        ";
    let forgotten = "
        authorize           | authorized      | payer -500 held 500 merchant 0
        days 30             | -               | payer -500 held 500 merchant 0
        complete 1          | deadline over   | payer -500 held 500 merchant 0
        expire              | releasing       | payer -500 held 500 merchant 0
        approve 1           | expired         | payer 0 held 0 merchant 0
        complete 1          | cancelled       | payer 0 held 0 merchant 0
        ";
    for script in [taken, given_up, forgotten] {
        check(Kind::Guarantee, Policy::default(), script);
    }
}

#[test]
fn only_a_guarantee_is_completed_or_cancelled() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        complete 1          | other kind      | payer -500 held 500 merchant 0
        cancel              | other kind      | payer -500 held 500 merchant 0
        divide shop1 500    | wrong phase     | payer -500 held 500 merchant 0
        ",
    );
}

#[test]
fn a_divided_payment_is_refunded_share_by_share_or_as_a_whole() {
    let shares = parse_shares(&["platform", "50", "shop1", "150", "shop2", "300"]);
    check_divided(
        Kind::Payment,
        Some(Division::Now(Arc::new(shares))),
        Policy::default(),
        "
        authorize                                       | paid           | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 100                               | whose share    | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 151 from shop1 151                | share exceeded | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 1 from shop3 1                    | share exceeded | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 20 from shop1 10 shop2 10         | one at a time  | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 20 from shop1 10                  | the shares are 10 fen together and must be exactly 20 fen | payer -500 held 0 merchant 50 shop1 150 shop2 300
        refund R00001 110 from platform 10 shop1 100    | refunding      | payer -500 held 0 merchant 50 shop1 150 shop2 300
        approve 1                                       | paid           | payer -390 held 0 merchant 40 shop1 50 shop2 300
        refund R00002 50 from shop1 50                  | refunding      | payer -390 held 0 merchant 40 shop1 50 shop2 300
        refuse 2                                        | paid           | payer -390 held 0 merchant 40 shop1 50 shop2 300
        refund R00003 50 from shop1 50                  | refunding      | payer -390 held 0 merchant 40 shop1 50 shop2 300
        approve 3                                       | paid           | payer -340 held 0 merchant 40 shop2 300
        refund R00004 1 from shop1 1                    | share exceeded | payer -340 held 0 merchant 40 shop2 300
        divide shop1 500                                | divided        | payer -340 held 0 merchant 40 shop2 300
        refund R00005 340                               | refunding      | payer -340 held 0 merchant 40 shop2 300
        approve 4                                       | paid           | payer 0 held 0 merchant 0
        refund R00006 1                                 | exceeds 0      | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn all_that_is_left_may_be_named_in_any_order() {
    let shares = parse_shares(&["shop1", "150", "shop2", "350"]);
    check_divided(
        Kind::Payment,
        Some(Division::Now(Arc::new(shares))),
        Policy::default(),
        "
        authorize                                  | paid           | payer -500 held 0 merchant 0 shop1 150 shop2 350
        refund R00001 499 from shop2 350 shop1 149 | one at a time  | payer -500 held 0 merchant 0 shop1 150 shop2 350
        refund R00001 500 from shop2 350 shop1 150 | refunding      | payer -500 held 0 merchant 0 shop1 150 shop2 350
        approve 1                                  | paid           | payer 0 held 0 merchant 0
        ",
    );
}

#[test]
fn money_that_is_divided_later_belongs_to_nobody_until_then() {
    let divided = "
        authorize                              | paid        | payer -500 held 0 merchant 0 undivided 500
        refund R00001 1 from shop1 1           | not divided | payer -500 held 0 merchant 0 undivided 500
        divide platform 100 shop1 300          | the shares are 400 fen together and must be exactly 500 fen | payer -500 held 0 merchant 0 undivided 500
        divide platform 100 shop1 400          | dividing    | payer -500 held 0 merchant 0 undivided 500
        refund R00001 1                        | busy        | payer -500 held 0 merchant 0 undivided 500
        refuse 1                               | paid        | payer -500 held 0 merchant 0 undivided 500
        divide platform 100 shop1 400          | dividing    | payer -500 held 0 merchant 0 undivided 500
        approve 2                              | paid        | payer -500 held 0 merchant 100 shop1 400
        divide platform 100 shop1 400          | divided     | payer -500 held 0 merchant 100 shop1 400
        refund R00001 400 from shop1 400       | refunding   | payer -500 held 0 merchant 100 shop1 400
        approve 3                              | paid        | payer -100 held 0 merchant 100
        ";
    let refunded = "
        authorize                              | paid        | payer -500 held 0 merchant 0 undivided 500
        refund R00001 100                      | refunding   | payer -500 held 0 merchant 0 undivided 500
        approve 1                              | paid        | payer -400 held 0 merchant 0 undivided 400
        divide shop1 400                       | refunded    | payer -400 held 0 merchant 0 undivided 400
        refund R00002 400                      | refunding   | payer -400 held 0 merchant 0 undivided 400
        approve 2                              | paid        | payer 0 held 0 merchant 0
        ";
    for script in [divided, refunded] {
        check_divided(Kind::Payment, Some(Division::Later), Policy::default(), script);
    }
}

/// Seven days, three days and one day before, and each at most once. After a long sleep only the last one
/// that is due comes.
#[test]
fn a_hold_reminds_of_its_deadline_in_time() {
    check_hold(
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        days 22             | -               | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        days 1              | -               | payer -500 held 500 merchant 0
        remind              | authorized      | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        days 6              | -               | payer -500 held 500 merchant 0
        remind              | authorized      | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        capture C00001 300  | capturing       | payer -500 held 500 merchant 0
        refuse 1            | authorized      | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        days 1              | -               | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        expire              | releasing       | payer -500 held 500 merchant 0
        ",
    );
    // A hold of two days has only the last of them, and none once its deadline is reached.
    check(
        Kind::Hold,
        Policy { hold_days: 2, ..Policy::default() },
        "
        authorize           | authorized      | payer -500 held 500 merchant 0
        remind              | too soon        | payer -500 held 500 merchant 0
        days 2              | -               | payer -500 held 500 merchant 0
        remind              | deadline over   | payer -500 held 500 merchant 0
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
        (Kind::Guarantee, "authorize".to_owned()),
        (Kind::Guarantee, "authorize, complete 300".to_owned()),
        (Kind::Guarantee, "authorize, complete 300, approve 1".to_owned()),
        (Kind::Guarantee, "authorize, cancel, approve 1".to_owned()),
    ];
    let later = ["authorize", "authorize, divide platform 100 shop1 400"];
    let later = later.map(|way| (Kind::Payment, Some(Division::Later), way.to_owned()));
    let phases = phases.map(|(kind, way)| (kind, None, way)).into_iter().chain(later);
    let commands = [
        "authorize",
        "decline",
        "close",
        "capture C00001 1",
        "reverse C00001",
        "release",
        "complete 1",
        "cancel",
        "refund R00002 1",
        "divide shop1 500",
        "lapse",
        "remind",
        "expire",
        "approve",
        "refuse",
    ];
    let mut table = format!("{:<11}", "");
    for command in commands {
        table += &format!("|{:<11}", command.split(' ').next().unwrap());
    }
    for (kind, division, way) in phases {
        let mut world = World::new(kind, division, Policy::default());
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
           |authorize  |decline    |close      |capture    |reverse    |release    |complete   |cancel     |refund     |divide     |lapse      |remind     |expire     |approve    |refuse
requested  |authorized |requested  |closed     |-          |-          |-          |other kind |other kind |-          |-          |too soon   |-          |-          |stale      |stale
closed     |releasing  |-          |-          |-          |-          |-          |other kind |other kind |-          |-          |-          |-          |-          |stale      |stale
lapsed     |releasing  |-          |-          |-          |-          |-          |other kind |other kind |-          |-          |-          |-          |-          |stale      |stale
authorized |-          |-          |-          |capturing  |-          |releasing  |other kind |other kind |-          |-          |-          |too soon   |too soon   |stale      |stale
capturing  |busy       |busy       |busy       |busy       |busy       |busy       |other kind |other kind |busy       |busy       |busy       |busy       |busy       |captured   |authorized
captured   |-          |-          |-          |-          |reversing  |-          |other kind |other kind |refunding  |not divided|-          |-          |-          |stale      |stale
reversing  |busy       |busy       |busy       |busy       |busy       |busy       |other kind |other kind |busy       |busy       |busy       |busy       |busy       |authorized |captured
refunding  |busy       |busy       |busy       |busy       |busy       |busy       |other kind |other kind |busy       |busy       |busy       |busy       |busy       |captured   |captured
releasing  |busy       |busy       |busy       |busy       |busy       |busy       |other kind |other kind |busy       |busy       |busy       |busy       |busy       |released   |authorized
released   |-          |-          |-          |-          |-          |-          |other kind |other kind |-          |-          |-          |-          |-          |stale      |stale
expired    |-          |-          |-          |-          |-          |-          |other kind |other kind |-          |-          |-          |-          |-          |stale      |stale
ended      |-          |-          |-          |-          |-          |-          |other kind |other kind |-          |-          |-          |-          |-          |stale      |stale
paid       |-          |-          |-          |-          |-          |-          |other kind |other kind |refunding  |not divided|-          |-          |-          |stale      |stale
authorized |-          |-          |-          |other kind |other kind |other kind |capturing  |releasing  |-          |-          |-          |too soon   |too soon   |stale      |stale
capturing  |busy       |busy       |busy       |other kind |other kind |other kind |busy       |busy       |busy       |busy       |busy       |busy       |busy       |captured   |authorized
captured   |-          |-          |-          |other kind |other kind |other kind |-          |-          |refunding  |not divided|-          |-          |-          |stale      |stale
released   |-          |-          |-          |other kind |other kind |other kind |cancelled  |cancelled  |-          |-          |-          |-          |-          |stale      |stale
paid       |-          |-          |-          |-          |-          |-          |other kind |other kind |refunding  |dividing   |-          |-          |-          |stale      |stale
dividing   |busy       |busy       |busy       |busy       |busy       |busy       |other kind |other kind |busy       |busy       |busy       |busy       |busy       |paid       |paid
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
    check_divided(kind, None, policy, script);
}

#[track_caller]
fn check_divided(kind: Kind, division: Option<Division>, policy: Policy, script: &str) {
    let mut world = World::new(kind, division, policy);
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
    fn new(kind: Kind, division: Option<Division>, policy: Policy) -> Self {
        let now = moment("2022-04-21 15:00");
        let terms = Terms::plain(
            kind,
            Amount::from_fen(500).unwrap(),
            CodeId::parse("31940001").unwrap(),
            Tid::parse("88880001").unwrap(),
            now,
            now.plus_ms(30 * 60_000),
            Fingerprint([0; 16]),
        );
        let change = Bill::request(key(), Terms { division, ..terms });
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
                assert_eq!(self.balances, self.bill.balances());
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
                Refusal::AlreadyRefunded { .. } => "refunded".to_owned(),
                Refusal::OtherKind { .. } => "other kind".to_owned(),
                Refusal::Cancelled => "cancelled".to_owned(),
                Refusal::AlreadyDivided => "divided".to_owned(),
                Refusal::NotDivided => "not divided".to_owned(),
                Refusal::WhoseShare => "whose share".to_owned(),
                Refusal::OneAtATime => "one at a time".to_owned(),
                Refusal::Shares(unfair) => unfair.to_string(),
                Refusal::ShareExceeded => "share exceeded".to_owned(),
                Refusal::DeadlineOver { .. } => "deadline over".to_owned(),
                Refusal::TooSoon => "too soon".to_owned(),
                Refusal::TooManyTries => "too many tries".to_owned(),
            },
        }
    }

    /// The three accounts of every bill, and those of a division that have something.
    fn balances(&self) -> String {
        let name = |account: &Account| match account {
            Account::Payer => "payer".to_owned(),
            Account::Held => "held".to_owned(),
            Account::Merchant => "merchant".to_owned(),
            Account::Undivided => "undivided".to_owned(),
            Account::Sub(mid) => mid.to_string(),
        };
        let always = [Account::Payer, Account::Held, Account::Merchant];
        let others = self.balances.each().map(|(account, _)| account);
        let others = others.filter(|account| !always.contains(account));
        let shown: Vec<String> = always
            .iter()
            .chain(others)
            .map(|account| format!("{} {}", name(account), self.balances.of(account)))
            .collect();
        shown.join(" ")
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
            tail: None,
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
        ["refund", id, fen] => {
            Command::Refund { order: order(id), part: part(fen), from: None, fingerprint }
        }
        ["refund", id, fen, "from", ref shares @ ..] => {
            let from = Some(Arc::new(parse_shares(shares)));
            Command::Refund { order: order(id), part: part(fen), from, fingerprint }
        }
        ["divide", ref shares @ ..] => Command::Divide { shares: Arc::new(parse_shares(shares)) },
        ["complete", fen] => Command::Complete { part: part(fen), fingerprint },
        ["cancel"] => Command::Cancel,
        ["remind"] => Command::Remind,
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

/// `platform 100 shop1 150 shop2 250`.
fn parse_shares(words: &[&str]) -> Shares {
    let (mut platform, mut subs) = (None, vec![]);
    for pair in words.chunks(2) {
        let amount = Amount::from_fen(pair[1].parse().unwrap()).unwrap();
        match pair[0] {
            "platform" => platform = Some(amount),
            mid => subs.push(Share { mid: Mid::parse(mid).unwrap(), order: None, amount }),
        }
    }
    Shares::of(platform, subs).unwrap()
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
