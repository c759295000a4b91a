//! What operators do to money, from outside: every step with what came of it, and what takes a second person.

use std::{collections::BTreeMap, fmt::Write as _};

use holdfast_domain::Moment;
use holdfast_gateway::{
    accounts::Frozen,
    limits,
    operators::{Act, ApprovalState, AuditFilter, By, Decision, Role},
};

use crate::{
    console::Browser,
    console_overview::shown,
    gateway::{BILL_DATE, Gateway, MID, Place, mid},
    script::{Play, is_proven, name},
    wire::Answer,
};

/// Who works at the console, and as what.
const PEOPLE: [(&str, Role); 3] =
    [("li", Role::Operator), ("mei", Role::Administrator), ("wu", Role::Viewer)];

/// A gateway with people at its console.
struct Office {
    play: Play,
    browsers: BTreeMap<&'static str, Browser>,
}

/// Plays a script. Lines that begin with somebody's name are done at the console: the page of a step is opened, its form
/// is filled in and sent, and what the next page says is what came of it. Others are lines of [`Play`].
async fn check(settings: &[(&str, &str)], script: &str) {
    let place = Place::with(settings);
    let mut office = Office::open(&place).await;
    let (mut told, mut expected) = (String::new(), String::new());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, outcome) =
            line.split_once('|').unwrap_or_else(|| panic!("no outcome: {line}"));
        let (command, outcome) = (command.trim(), outcome.trim());
        writeln!(expected, "{command} | {outcome}").unwrap();
        writeln!(told, "{command} | {}", office.run(command).await).unwrap();
    }
    assert!(told == expected, "what came of it:\n{told}\nwhat was expected:\n{expected}");
    is_proven(&*place.store).await;
    let proof = office.play.gateway.running.operators.prove_audit().unwrap();
    assert!(proof.broken.is_none());
    office.play.gateway.running.stop().await;
}

impl Office {
    async fn open(place: &Place) -> Self {
        let gateway = place.open().await;
        let mut browsers = BTreeMap::new();
        for (name, role) in PEOPLE {
            browsers.insert(name, Browser::signed_in(&gateway, name, role).await);
        }
        Self { play: Play::new(gateway), browsers }
    }

    fn bill(&self) -> String {
        format!("/bills/{MID}/{BILL_DATE}/{}", self.play.bill)
    }

    async fn run(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some((who, _)) = PEOPLE.into_iter().find(|(name, _)| words.first() == Some(name))
        else {
            return match words[..] {
                ["freeze"] => {
                    let accounts = &self.play.gateway.running.accounts;
                    accounts.freeze(&mid(MID), Some(&Frozen::default())).await.unwrap();
                    "-".to_owned()
                }
                _ => self.play.run(command).await,
            };
        };
        let bill = self.bill();
        let browser = self.browsers.get_mut(who).unwrap();
        match words[1..] {
            [deed @ ("approve" | "refuse" | "withdraw" | "carry-out"), id] => {
                browser.get("/approvals").await;
                let answer = browser.post(&format!("/approvals/{id}/{deed}"), &[]).await;
                came(browser, answer).await
            }
            ["twice", step, ref sum @ ..] => {
                let (to, form) = match filled(browser, &bill, step, sum).await {
                    Ok(filled) => filled,
                    Err(why) => return why,
                };
                let form = fields(&form);
                let first = browser.post(&to, &form).await;
                let second = browser.post(&to, &form).await;
                let first = came(browser, first).await;
                format!("{first} / {}", came(browser, second).await)
            }
            ["slowly", step, ref sum @ ..] => {
                let (to, form) = match filled(browser, &bill, step, sum).await {
                    Ok(filled) => filled,
                    Err(why) => return why,
                };
                let gateway = &self.play.gateway;
                let waits = async {
                    gateway.until_open(&self.play.bill).await;
                    gateway.advance(gateway.running.core.answer_within_ms);
                };
                let form = fields(&form);
                let (answer, ()) = tokio::join!(browser.post(&to, &form), waits);
                came(browser, answer).await
            }
            [step, ref sum @ ..] => match filled(browser, &bill, step, sum).await {
                Ok((to, form)) => {
                    let answer = browser.post(&to, &fields(&form)).await;
                    came(browser, answer).await
                }
                Err(why) => why,
            },
            [] => panic!("nothing to do: {command}"),
        }
    }
}

fn fields(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The form of a step as its page has it, with a reason; or what the page says instead.
async fn filled(
    browser: &mut Browser,
    bill: &str,
    step: &str,
    sum: &[&str],
) -> Result<(String, Vec<(String, String)>), String> {
    let to = format!("{bill}/{step}");
    let query = sum.first().map(|sum| format!("?amount={sum}")).unwrap_or_default();
    let page = browser.get(&format!("{to}{query}")).await;
    let text = page.text();
    let Some((_, form)) = text.split_once("<form method=\"post\" action=\"/bills/") else {
        return Err(noted(&page));
    };
    let form = form.split("</form>").next().unwrap();
    let hidden = |name: &str| {
        let value = form.split_once(&format!("name=\"{name}\" value=\""))?.1;
        Some((name.to_owned(), value.split('"').next()?.to_owned()))
    };
    let mut fields: Vec<_> = ["amount", "order"].into_iter().filter_map(hidden).collect();
    fields.push(("reason".to_owned(), "the guest left early".to_owned()));
    Ok((to, fields))
}

/// What an answer says came of it: a redirect is followed.
async fn came(browser: &mut Browser, answer: Answer) -> String {
    if answer.status != 303 {
        return noted(&answer);
    }
    let to = answer.header("location").to_owned();
    if let Some((_, waits)) = to.split_once("#waits-") {
        return format!("waits {waits}");
    }
    match to.contains("?request=") {
        true => noted(&browser.get(&to).await),
        false => format!("303 {to}"),
    }
}

/// The first note of a page, or its title.
fn noted(answer: &Answer) -> String {
    let text = answer.text();
    let note = text
        .split_once("<div class=\"note")
        .map(|(_, note)| shown(&format!("<{}", note.split("</div>").next().unwrap())));
    let wrong = text
        .split_once("<p class=\"wrong\"")
        .map(|(_, wrong)| shown(&format!("<{}", wrong.split("</p>").next().unwrap())));
    let said = wrong.or(note).unwrap_or_default();
    if answer.status == 200 { said } else { format!("{} {said}", answer.status) }
}

const NOT_TOLD: &str = "The channel has not said what became of it. The gateway goes on asking, and this page tells as soon as it is known. \
                        Nothing has to be done again.";
const BEFORE: &str = "Nothing more happened under this request: it was done before, or it was not done. The timeline says how the bill stands.";

#[tokio::test]
async fn a_hold_is_captured_reversed_released_and_each_step_says_why_it_may_not_be_taken() {
    check(
        &[],
        "
        hold 50000 0001        | SUCCESS
        li capture 380.00      | Not now: cannot capture: the bill is requested.
        li reverse             | Not now: cannot reverse: the bill is requested.
        li refund 1            | Not now: cannot refund: the bill is requested.
        confirm                | authorized
        li reverse             | Not now: cannot reverse: the bill is authorized.
        li capture 500.01      | 400 An amount in yuan such as 380.00, within the limit below.
        li capture x           | 400 An amount in yuan such as 380.00, within the limit below.
        li capture 0           | 400 An amount in yuan such as 380.00, within the limit below.
        li complete 1          | 404 The page of the bill says what may be done with it.
        li steal               | 404 The page of the bill says what may be done with it.
        li capture 380.00      | Done: captured.
        money                  | payer -38000 held 0 merchant 38000
        li reverse             | Done: reversed; the hold stands again.
        li capture 500         | Done: captured.
        li refund 120.5        | Done: refunded.
        li refund 379.51       | 400 An amount in yuan such as 380.00, within the limit below.
        li reverse             | Not now: cannot reverse: part of the money was refunded; refund the rest instead.
        li refund 379.50       | Done: refunded.
        li refund 1            | Not now: nothing is left.
        money                  | payer 0 held 0 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_hold_is_released_a_guarantee_completed_and_given_up_and_a_bill_closed() {
    check(
        &[],
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        li release             | Done: all went back to the payer.
        li capture 1           | Not now: cannot capture: the bill is released.
        guarantee 20000 0002   | SUCCESS
        confirm                | authorized
        li complete 150.00     | Done: completed.
        money                  | payer -15000 held 0 merchant 15000
        guarantee 20000 0003   | SUCCESS
        confirm                | authorized
        li cancel              | Done: all went back to the payer.
        bill 100 0004          | SUCCESS
        li close               | Done: closed before anybody paid.
        li close               | Not now: cannot close: the bill is closed.
        bill 5000 0005         | SUCCESS
        confirm                | paid
        li refund 50           | Done: refunded.
        ",
    )
    .await;
}

#[tokio::test]
async fn a_form_that_is_sent_twice_does_what_it_says_once() {
    let twice = |said: &str| format!("{said} / {BEFORE}");
    let script = format!(
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        li twice capture 500   | {}
        li twice refund 10     | {}
        money                  | payer -49000 held 0 merchant 49000
        hold 50000 0002        | SUCCESS
        confirm                | authorized
        li capture 500         | Done: captured.
        li twice reverse       | {}
        li twice release       | {}
        ",
        twice("Done: captured."),
        twice("Done: refunded."),
        twice("Done: reversed; the hold stands again."),
        twice("Done: all went back to the payer."),
    );
    check(&[], &script).await;
}

#[tokio::test]
async fn what_the_channel_does_not_say_or_refuses_is_told_and_asked_for_once() {
    let script = format!(
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        choose cap any late    | 200
        li slowly capture 300  | {NOT_TOLD}
        phase                  | capturing
        li capture 1           | Not now: the bill is capturing: an earlier order has no answer yet, try again in a minute.
        until captured         | captured
        choose ref any refuse  | 200
        li refund 1            | 409 发卡行拒绝退款 (simulated: the issuer refuses the refund) (TARGET_FAIL)
        choose rev any late    | 200
        li slowly reverse      | {NOT_TOLD}
        until authorized       | authorized
        "
    );
    check(&[], &script).await;
}

#[tokio::test]
async fn a_frozen_merchant_s_money_stays_where_it_is() {
    check(
        &[],
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        freeze                 | -
        li capture 500         | It would be answered: merchant 898201612345678 is frozen: unfreeze it first (INACTIVE_MERCHANT)
        li release             | It would be answered: merchant 898201612345678 is frozen: unfreeze it first (INACTIVE_MERCHANT)
        money                  | payer -50000 held 50000 merchant 0
        ",
    )
    .await;
}

#[tokio::test]
async fn a_sum_above_the_limit_waits_for_a_second_person_who_is_somebody_else() {
    check(
        &[("approval_above", "30000")],
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        li capture 300.00      | Done: captured.
        li reverse             | Done: reversed; the hold stands again.
        li capture 300.01      | waits 1
        li twice capture 300.01 | waits 2 / waits 2
        money                  | payer -50000 held 50000 merchant 0
        li approve 1           | 403 You asked for this yourself: somebody else has to decide.
        wu approve 1           | 403 This needs the role operator; yours is viewer.
        mei withdraw 1         | 403 Only whoever asked can withdraw it.
        mei approve 9          | 404 There is no such request.
        mei approve x          | 400 Open the page again and send it once more.
        mei carry-out 1        | 409 It was decided already.
        mei approve 1          | Done: captured.
        money                  | payer -30001 held 0 merchant 30001
        mei approve 1          | 409 It was decided already.
        mei carry-out 1        | 409 It was decided already.
        mei approve 2          | 409 cannot capture: the bill is captured (OPERATION_NOT_ALLOWED)
        li reverse             | waits 3
        mei refuse 3           | 303 /approvals
        mei approve 3          | 409 It was decided already.
        li reverse             | waits 4
        li withdraw 4          | 303 /approvals
        mei approve 4          | 409 It was decided already.
        mei reverse            | waits 5
        li approve 5           | Done: reversed; the hold stands again.
        li release             | waits 6
        mei release            | waits 6
        mei approve 6          | Done: all went back to the payer.
        ",
    )
    .await;
}

#[tokio::test]
async fn nothing_takes_a_second_person_when_the_limit_is_off_and_everything_when_it_is_nothing() {
    check(
        &[("approval_above", "off")],
        "
        hold 100000000 0001    | SUCCESS
        confirm                | authorized
        li capture 1000000     | Done: captured.
        ",
    )
    .await;
    check(
        &[("approval_above", "0")],
        "
        hold 100 0001          | SUCCESS
        li close               | Done: closed before anybody paid.
        hold 100 0002          | SUCCESS
        confirm                | authorized
        li capture 0.01        | waits 1
        li release             | waits 2
        mei approve 2          | Done: all went back to the payer.
        mei approve 1          | 409 cannot capture: the bill is released (OPERATION_NOT_ALLOWED)
        ",
    )
    .await;
}

/// What the audit says of a bill: who, what, how far it came; the oldest first.
fn audited(gateway: &Gateway, bill: &str) -> Vec<String> {
    let filter = AuditFilter { bill: Some(bill.to_owned()), ..AuditFilter::default() };
    let mut all = gateway.running.operators.audit(&filter, None, 100).unwrap();
    all.reverse();
    all.iter().map(|entry| format!("{} {} {}", entry.who, entry.act, entry.outcome)).collect()
}

#[tokio::test]
async fn everything_is_in_the_audit_before_money_moves_and_when_it_is_known_what_came_of_it() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    for line in [
        "hold 50000 0001",
        "confirm",
        "li capture 100",
        "choose ref any refuse",
        "li refund 1",
        "li reverse",
        "li capture 400",
        "mei approve 1",
        "choose rev any late",
        "li reverse",
        "mei refuse 2",
    ] {
        office.run(line).await;
    }
    let gateway = &office.play.gateway;
    let expected = [
        "li capture asked",
        "li capture done",
        "li refund asked",
        "li refund refused",
        "li reverse asked",
        "li reverse done",
        "li approval-asked done",
        "mei approved done",
        "mei capture asked",
        "mei capture done",
        "li approval-asked done",
        "mei approval-refused done",
    ];
    assert_eq!(audited(gateway, "3194B0001"), expected);
    let filter = AuditFilter { act: Some(Act::Capture), ..AuditFilter::default() };
    let entry = gateway.running.operators.audit(&filter, None, 1).unwrap().remove(0);
    let parts = ["400.00 yuan, order D2026", "request 1: the guest left early"];
    assert!(parts.iter().all(|part| entry.detail.contains(part)), "{}", entry.detail);
}

#[tokio::test]
async fn what_was_approved_before_a_crash_is_carried_out_once_afterwards() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    for line in ["hold 50000 0001", "confirm"] {
        office.run(line).await;
    }
    assert_eq!(office.run("li capture 400").await, "waits 1");
    // The approval is written down, and the gateway ends before it asks for anything.
    let operators = office.play.gateway.running.operators.clone();
    let (by, now) = (By { who: "mei".into(), address: None }, office.play.gateway.wall());
    operators.decide_approval(&by, 1, Decision::Approve, "", now).await.unwrap();
    assert_eq!(office.run("money").await, "payer -50000 held 50000 merchant 0");
    let page = office.browsers.get_mut("li").unwrap().get("/approvals").await.text();
    assert!(page.contains("action=\"/approvals/1/carry-out\""), "{page}");
    let bill = office.bill();
    let seen = shown(&office.browsers.get_mut("wu").unwrap().get(&bill).await.text());
    assert!(seen.contains("Capture of ¥400.00, asked for by li, is approved and not known to be carried out: request 1."), "{seen}");
    let viewer = office.browsers.get_mut("wu").unwrap().get("/approvals").await.text();
    assert!(!viewer.contains("/carry-out"), "{viewer}");
    // Meanwhile another order is open: the request stays approved.
    assert_eq!(office.run("choose rel any late").await, "200");
    assert_eq!(office.run("li carry-out 1").await, "Done: captured.");
    assert_eq!(office.run("money").await, "payer -40000 held 0 merchant 40000");
    let carried = operators.approval(1, now).unwrap().unwrap();
    assert_eq!((carried.state, carried.note.as_str()), (ApprovalState::CarriedOut, "done"));
    // In the timeline it is the wish of whoever asked, approved by whoever approved.
    let seen = shown(&office.browsers.get_mut("wu").unwrap().get(&bill).await.text());
    assert!(seen.contains("operator li, approved by mei"), "{seen}");
    // Whatever of it was asked for before the crash would have been answered, not done again: the number is its own.
    assert_eq!(office.run("li carry-out 1").await, "409 It was decided already.");
    is_proven(&*office.play.gateway.store).await;
}

#[tokio::test]
async fn what_was_approved_by_somebody_who_may_no_longer_is_not_carried_out() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    for line in ["hold 50000 0001", "confirm", "mei capture 400"] {
        office.run(line).await;
    }
    let operators = office.play.gateway.running.operators.clone();
    let (by, now) = (By { who: "li".into(), address: None }, office.play.gateway.wall());
    operators.decide_approval(&by, 1, Decision::Approve, "", now).await.unwrap();
    operators.set_role(&By::command_line(), "li", Role::Viewer, now).await.unwrap();
    let told = "403 Whoever asked, or approved, may not do it any more: refuse the request.";
    assert_eq!(office.run("mei carry-out 1").await, told);
    assert_eq!(office.run("money").await, "payer -50000 held 50000 merchant 0");
    assert_eq!(office.run("mei withdraw 1").await, "303 /approvals");
    assert_eq!(office.run("mei carry-out 1").await, "409 It was decided already.");
}

#[tokio::test]
async fn refunds_in_parts_take_a_second_person_when_together_they_are_above_the_limit() {
    check(
        &[("approval_above", "30000")],
        "
        hold 50000 0001        | SUCCESS
        confirm                | authorized
        capture C0001 40000    | SUCCESS PAID C0001 40000 TRADE_SUCCESS
        li refund 200.00       | Done: refunded.
        li refund 100.00       | Done: refunded.
        li refund 0.01         | waits 1
        ",
    )
    .await;
}

#[tokio::test]
async fn what_met_another_order_that_is_open_stays_approved() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    for line in ["hold 50000 0001", "confirm"] {
        office.run(line).await;
    }
    assert_eq!(office.run("li release").await, "waits 1");
    office.run("choose cap any late").await;
    assert_eq!(office.run("li slowly capture 100").await, NOT_TOLD);
    let busy = "409 the bill is capturing: an earlier order has no answer yet, try again in a minute (ORDER_PROCESSING)";
    assert_eq!(office.run("mei approve 1").await, busy);
    let (operators, now) = (&office.play.gateway.running.operators, office.play.gateway.wall());
    assert_eq!(operators.approval(1, now).unwrap().unwrap().state, ApprovalState::Approved);
    assert_eq!(office.run("until captured").await, "captured");
    let refused = "409 cannot release: the bill is captured (OPERATION_NOT_ALLOWED)";
    assert_eq!(office.run("li carry-out 1").await, refused);
    let operators = &office.play.gateway.running.operators;
    assert_eq!(operators.approval(1, now).unwrap().unwrap().state, ApprovalState::CarriedOut);
}

#[tokio::test]
async fn an_approval_that_the_channel_leaves_open_is_carried_out() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    for line in ["hold 50000 0001", "confirm", "choose cap any late", "li capture 500"] {
        office.run(line).await;
    }
    let browser = office.browsers.get_mut("mei").unwrap();
    browser.get("/approvals").await;
    let gateway = &office.play.gateway;
    let waits = async {
        gateway.until_open("3194B0001").await;
        gateway.advance(gateway.running.core.answer_within_ms);
    };
    let (answer, ()) = tokio::join!(browser.post("/approvals/1/approve", &[]), waits);
    assert_eq!(came(browser, answer).await, NOT_TOLD);
    let found = gateway.running.operators.approval(1, gateway.wall()).unwrap().unwrap();
    let note = "the outcome is not known yet";
    assert_eq!((found.state, found.note.as_str()), (ApprovalState::CarriedOut, note));
    assert_eq!(office.run("until captured").await, "captured");
}

#[tokio::test]
async fn a_request_that_nobody_decides_runs_out_and_is_told_apart() {
    let mut office = Office::open(&Place::with(&[("approval_above", "30000")])).await;
    let operators = office.play.gateway.running.operators.clone();
    for line in ["hold 50000 0001", "confirm", "li capture 400"] {
        office.run(line).await;
    }
    // As old as it gets: written down a day ago.
    let wanted = operators.approval(1, office.play.gateway.wall()).unwrap().unwrap().wanted;
    let ago = Moment(office.play.gateway.wall().0 - limits::APPROVAL_MS);
    let by = By { who: "li".into(), address: None };
    assert_eq!(operators.ask_approval(&by, wanted, ago).await.unwrap().id, 2);
    assert_eq!(office.run("mei approve 2").await, "409 It was decided already.");
    let page = shown(&office.browsers.get_mut("mei").unwrap().get("/approvals").await.text());
    for there in [
        "Request 1 · Capture ¥400.00 Reason the guest left early Asked for by li ,",
        "held merchant ¥400.00 held payer ¥100.00",
        "captured held ¥0.00, taken ¥400.00, given back ¥100.00",
        "2 Capture ¥400.00 expired 3194B0001 li",
    ] {
        assert!(page.contains(there), "{there}: {page}");
    }
    assert!(!page.contains("Request 2"), "{page}");
    assert_eq!(page.matches("Approve and carry out").count(), 1, "{page}");
    let own = shown(&office.browsers.get_mut("li").unwrap().get("/approvals").await.text());
    assert!(own.contains("You asked for this yourself") && own.contains("Withdraw"), "{own}");
    assert!(!own.contains("Approve and carry out"), "{own}");
    let viewer = shown(&office.browsers.get_mut("wu").unwrap().get("/approvals").await.text());
    assert!(viewer.contains("Only operators may decide."), "{viewer}");
    assert!(!viewer.contains("Approve and carry out") && !viewer.contains("Withdraw"), "{viewer}");
}

#[tokio::test]
async fn a_form_without_a_reason_or_that_no_page_of_ours_made_does_nothing() {
    let mut office = Office::open(&Place::new()).await;
    for line in ["hold 50000 0001", "confirm"] {
        office.run(line).await;
    }
    let (bill, journal) = (office.bill(), office.play.gateway.journal().await);
    let browser = office.browsers.get_mut("li").unwrap();
    let (to, order) = (format!("{bill}/capture"), name("ORDER1"));
    let long = "x".repeat(201);
    for reason in ["", "   ", &long, "two\nlines"] {
        let answer =
            browser.post(&to, &[("amount", "380.00"), ("order", &order), ("reason", reason)]).await;
        let text = answer.text();
        assert_eq!(answer.status, 400, "{text}");
        // What was typed is still there, and the number is the same.
        for there in [
            "aria-invalid=\"true\"",
            "Say why, in 1 to 200 characters.",
            "name=\"amount\" value=\"380.00\"",
            &order,
        ] {
            assert!(text.contains(there), "{there}: {text}");
        }
    }
    for form in [
        &[("amount", "380.00"), ("reason", "x")][..],
        &[("order", order.as_str()), ("reason", "x")],
        &[("amount", "-1"), ("order", &order), ("reason", "x")],
        &[("amount", "380.00"), ("order", "<b>"), ("reason", "x")],
    ] {
        assert_eq!(browser.post(&to, form).await.status, 400, "{form:?}");
    }
    // The rules decide, whatever a form says.
    let form = [("amount", "500.01"), ("order", order.as_str()), ("reason", "x")];
    let answer = browser.post(&to, &form).await;
    assert_eq!(
        noted(&answer),
        "409 cannot capture 50001 fen: 50000 fen are left (OPERATION_NOT_ALLOWED)"
    );
    assert_eq!(
        browser
            .post(&format!("/bills/{MID}/{BILL_DATE}/3194B9999/release"), &[("reason", "x")])
            .await
            .status,
        404
    );
    let viewer = office.browsers.get_mut("wu").unwrap();
    let page = viewer.get(&bill).await.text();
    assert!(!page.contains("/capture\""), "{page}");
    assert_eq!(viewer.get(&to).await.status, 403);
    let form = [("amount", "380.00"), ("order", order.as_str()), ("reason", "x")];
    assert_eq!(viewer.post(&to, &form).await.status, 403);
    assert_eq!(office.play.gateway.journal().await, journal);
}

#[tokio::test]
async fn an_operator_takes_a_hold_whose_code_a_payer_scans() {
    let mut office = Office::open(&Place::new()).await;
    let browser = office.browsers.get_mut("li").unwrap();
    let page = browser.get("/new").await.text();
    let made = page.split_once("name=\"made\" value=\"").unwrap().1.split('"').next().unwrap();
    let form = [
        ("made", made),
        ("date", BILL_DATE),
        ("mid", MID),
        ("tid", "88880001"),
        ("amount", "500.00"),
        ("description", "Room 301 <b>"),
        ("kind", "hold"),
        ("no", ""),
    ];
    let first = browser.post("/new", &form).await.went();
    let bill = format!("/bills/{MID}/{BILL_DATE}/{made}");
    assert!(first.starts_with(&format!("303 {bill}?request=")), "{first}");
    // Sent once more, it makes no second one.
    let second = browser.post("/new", &form).await.went();
    assert!(second.starts_with(&format!("303 {bill}?request=")), "{second}");
    assert_eq!(office.play.gateway.journal().await, 1);
    let browser = office.browsers.get_mut("li").unwrap();
    let page = browser.get(&bill).await.text();
    for there in
        ["<svg class=\"qr\"", "Waiting for the payer", "data-live=\"2000\"", "Room 301 &#60;b&#62;"]
    {
        assert!(page.contains(there), "{there}: {page}");
    }
    let code = page.split_once("qrCode.do?id=").unwrap().1.split('"').next().unwrap().to_owned();
    office
        .play
        .gateway
        .sim("POST", &format!("/sim/payer/{code}/confirm"), serde_json::Value::Null)
        .await;
    let browser = office.browsers.get_mut("li").unwrap();
    let page = browser.get(&bill).await.text();
    assert!(
        !page.contains("<svg class=\"qr\"") && page.contains("id=\"phase\">authorized"),
        "{page}"
    );
    assert_eq!(
        audited(&office.play.gateway, made),
        ["li hold asked", "li hold done", "li hold asked", "li hold done"]
    );
    // The next one begins as this one was.
    let page = office.browsers.get_mut("li").unwrap().get("/new").await.text();
    assert!(page.contains("name=\"tid\" value=\"88880001\""), "{page}");
}

#[tokio::test]
async fn a_hold_that_cannot_be_taken_says_what_is_wrong_and_keeps_what_was_typed() {
    let mut office = Office::open(&Place::new()).await;
    let browser = office.browsers.get_mut("li").unwrap();
    browser.get("/new").await;
    let form = [
        ("made", "B1"),
        ("mid", "nobody"),
        ("tid", "a b"),
        ("amount", "1.005"),
        ("no", "x"),
        ("description", "a\u{7}"),
    ];
    let answer = browser.post("/new", &form).await;
    let text = answer.text();
    assert_eq!(answer.status, 400, "{text}");
    for field in ["mid", "tid", "amount", "no", "description"] {
        assert!(text.contains(&format!("id=\"wrong-{field}\" role=\"alert\"")), "{field}: {text}");
    }
    assert!(text.contains("value=\"1.005\"") && text.contains("value=\"a b\""), "{text}");
    assert_eq!(office.play.gateway.journal().await, 0);
    assert_eq!(office.browsers.get_mut("wu").unwrap().get("/new").await.status, 403);
    // Where nobody could pay, no bill is made.
    let live =
        Place::with(&[("environment", "live"), ("public_url", "https://pay.example")]).open().await;
    let mut browser = Browser::signed_in(&live, "li", Role::Operator).await;
    let page = browser.get("/new").await.text();
    assert!(page.contains("No upstream channel is connected"), "{page}");
    let form =
        [("made", "B12345678"), ("date", BILL_DATE), ("mid", MID), ("tid", "1"), ("amount", "1")];
    let answer = browser.post("/new", &form).await;
    let why = "409 The bill was not made: no channel is connected: nobody could pay this bill";
    assert!(noted(&answer).starts_with(why), "{}", noted(&answer));
    live.running.stop().await;
}
