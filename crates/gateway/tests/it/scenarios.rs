//! Every way in which the simulated channel can behave: what a merchant sees at once, what it sees when it asks,
//! and how it ends.

use holdfast_gateway::{
    channel::{Operation, Scenario, scenarios_reference},
    clock::patience,
};
use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    script::{Play, is_proven},
    wire::PATIENCE_MS,
};

/// An operation in a scenario, of a guarantee where it says so; what is answered at once, what `query` says then (or while the caller waits in
/// vain), in which phase the bill ends, and where the money is in the end.
const TABLE: &str = "
    pay approve    | authorized                                   | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | authorized | payer -<amount> held <amount> merchant 0
    pay refuse     | TARGET_FAIL                                  | SUCCESS UNPAID                                                         | requested  | payer 0 held 0 merchant 0
    pay late       | unknown                                      | SUCCESS UNPAID                                                         | authorized | payer -<amount> held <amount> merchant 0
    pay lostorder  | TIMEOUT                                      | SUCCESS UNPAID                                                         | requested  | payer 0 held 0 merchant 0
    pay lostanswer | unknown                                      | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | authorized | payer -<amount> held <amount> merchant 0
    pay twice      | authorized                                   | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | authorized | payer -<amount> held <amount> merchant 0

    cap approve    | SUCCESS PAID <order> <amount> TRADE_SUCCESS  | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | captured   | payer -<amount> held 0 merchant <amount>
    cap refuse     | TARGET_FAIL                                  | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | authorized | payer -<whole> held <whole> merchant 0
    cap late       | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | captured   | payer -<amount> held 0 merchant <amount>
    cap lostorder  | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | captured   | payer -<amount> held 0 merchant <amount>
    cap lostanswer | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | captured   | payer -<amount> held 0 merchant <amount>
    cap twice      | SUCCESS PAID <order> <amount> TRADE_SUCCESS  | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | captured   | payer -<amount> held 0 merchant <amount>
    cap disorder   | SUCCESS PAID <order> <amount> TRADE_SUCCESS  | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | captured   | payer -<amount> held 0 merchant <amount>

    rev approve    | SUCCESS PAID <order> <amount> TRADE_CLOSED   | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_CLOSED   | authorized | payer -<whole> held <whole> merchant 0
    rev refuse     | TARGET_FAIL                                  | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | captured   | payer -<amount> held 0 merchant <amount>
    rev late       | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | authorized | payer -<whole> held <whole> merchant 0
    rev lostorder  | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | authorized | payer -<whole> held <whole> merchant 0
    rev lostanswer | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_SUCCESS  | authorized | payer -<whole> held <whole> merchant 0
    rev twice      | SUCCESS PAID <order> <amount> TRADE_CLOSED   | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_CLOSED   | authorized | payer -<whole> held <whole> merchant 0
    rev disorder   | SUCCESS PAID <order> <amount> TRADE_CLOSED   | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_CLOSED   | authorized | payer -<whole> held <whole> merchant 0
    rev norestore  | SUCCESS REFUND <order> <amount> TRADE_CLOSED | SUCCESS REFUND pay <whole> TRADE_REFUND <order> <amount> TRADE_CLOSED  | ended      | payer 0 held 0 merchant 0
    rev cancelled  | SUCCESS PAID <order> <amount> TRADE_CLOSED   | SUCCESS PAID pay <whole> TRADE_SUCCESS <order> <amount> TRADE_CLOSED   | authorized | payer -<whole> held <whole> merchant 0

    rel approve    | SUCCESS CLOSED pay <amount> TRADE_CLOSED     | SUCCESS CLOSED pay <amount> TRADE_CLOSED                               | released   | payer 0 held 0 merchant 0
    rel refuse     | TARGET_FAIL                                  | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | authorized | payer -<amount> held <amount> merchant 0
    rel late       | TIMEOUT                                      | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | released   | payer 0 held 0 merchant 0
    rel lostorder  | TIMEOUT                                      | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | released   | payer 0 held 0 merchant 0
    rel lostanswer | TIMEOUT                                      | SUCCESS PAID pay <amount> TRADE_SUCCESS                                | released   | payer 0 held 0 merchant 0
    rel twice      | SUCCESS CLOSED pay <amount> TRADE_CLOSED     | SUCCESS CLOSED pay <amount> TRADE_CLOSED                               | released   | payer 0 held 0 merchant 0
    rel disorder   | SUCCESS CLOSED pay <amount> TRADE_CLOSED     | SUCCESS CLOSED pay <amount> TRADE_CLOSED                               | released   | payer 0 held 0 merchant 0
    rel cancelled  | SUCCESS CLOSED pay <amount> TRADE_CLOSED     | SUCCESS CLOSED pay <amount> TRADE_CLOSED                               | released   | payer 0 held 0 merchant 0

    ref approve    | SUCCESS REFUND <order> <amount> SUCCESS      | SUCCESS REFUND pay <whole> TRADE_REFUND <order> <amount> TRADE_SUCCESS | paid       | payer -<rest> held 0 merchant <rest>
    ref refuse     | TARGET_FAIL                                  | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | paid       | payer -<whole> held 0 merchant <whole>
    ref late       | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | paid       | payer -<rest> held 0 merchant <rest>
    ref lostorder  | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | paid       | payer -<rest> held 0 merchant <rest>
    ref lostanswer | TIMEOUT                                      | SUCCESS PAID pay <whole> TRADE_SUCCESS                                 | paid       | payer -<rest> held 0 merchant <rest>
    ref twice      | SUCCESS REFUND <order> <amount> SUCCESS      | SUCCESS REFUND pay <whole> TRADE_REFUND <order> <amount> TRADE_SUCCESS | paid       | payer -<rest> held 0 merchant <rest>
    ref disorder   | SUCCESS REFUND <order> <amount> SUCCESS      | SUCCESS REFUND pay <whole> TRADE_REFUND <order> <amount> TRADE_SUCCESS | paid       | payer -<rest> held 0 merchant <rest>

    div approve              | SUCCESS success                   | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>
    div refuse               | TARGET_FAIL                       | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 0 undivided <amount>
    div late                 | TIMEOUT                           | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>
    div lostorder            | TIMEOUT                           | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>
    div lostanswer           | TIMEOUT                           | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>
    div twice                | SUCCESS success                   | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>
    div disorder             | SUCCESS success                   | SUCCESS PAID pay <amount> TRADE_SUCCESS                          | paid       | payer -<amount> held 0 merchant 100000 SHOP1 <rest>

    guarantee cap approve    | SUCCESS PARTLY_COMPLETED <amount> | SUCCESS PAID PARTLY_COMPLETED <amount> pay <whole> TRADE_SUCCESS | captured   | payer -<amount> held 0 merchant <amount>
    guarantee cap refuse     | TARGET_FAIL                       | SUCCESS PAID UNCOMPLETED pay <whole> TRADE_SUCCESS               | authorized | payer -<whole> held <whole> merchant 0
    guarantee cap late       | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <whole> TRADE_SUCCESS               | captured   | payer -<amount> held 0 merchant <amount>
    guarantee cap lostorder  | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <whole> TRADE_SUCCESS               | captured   | payer -<amount> held 0 merchant <amount>
    guarantee cap lostanswer | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <whole> TRADE_SUCCESS               | captured   | payer -<amount> held 0 merchant <amount>
    guarantee cap twice      | SUCCESS PARTLY_COMPLETED <amount> | SUCCESS PAID PARTLY_COMPLETED <amount> pay <whole> TRADE_SUCCESS | captured   | payer -<amount> held 0 merchant <amount>
    guarantee cap disorder   | SUCCESS PARTLY_COMPLETED <amount> | SUCCESS PAID PARTLY_COMPLETED <amount> pay <whole> TRADE_SUCCESS | captured   | payer -<amount> held 0 merchant <amount>

    guarantee rel approve    | SUCCESS CANCELED                  | SUCCESS CLOSED CANCELED pay <amount> TRADE_CLOSED                | released   | payer 0 held 0 merchant 0
    guarantee rel refuse     | TARGET_FAIL                       | SUCCESS PAID UNCOMPLETED pay <amount> TRADE_SUCCESS              | authorized | payer -<amount> held <amount> merchant 0
    guarantee rel late       | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <amount> TRADE_SUCCESS              | released   | payer 0 held 0 merchant 0
    guarantee rel lostorder  | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <amount> TRADE_SUCCESS              | released   | payer 0 held 0 merchant 0
    guarantee rel lostanswer | TIMEOUT                           | SUCCESS PAID UNCOMPLETED pay <amount> TRADE_SUCCESS              | released   | payer 0 held 0 merchant 0
    guarantee rel twice      | SUCCESS CANCELED                  | SUCCESS CLOSED CANCELED pay <amount> TRADE_CLOSED                | released   | payer 0 held 0 merchant 0
    guarantee rel disorder   | SUCCESS CANCELED                  | SUCCESS CLOSED CANCELED pay <amount> TRADE_CLOSED                | released   | payer 0 held 0 merchant 0
    guarantee rel cancelled  | SUCCESS CANCELED                  | SUCCESS CLOSED CANCELED pay <amount> TRADE_CLOSED                | released   | payer 0 held 0 merchant 0
";

/// The three ways to choose a scenario.
#[derive(Clone, Copy, Debug)]
enum By {
    Suffix,
    Amount,
    Call,
}

#[tokio::test]
async fn a_scenario_is_chosen_by_the_ending_of_a_number() {
    check(By::Suffix).await;
}

#[tokio::test]
async fn a_scenario_is_chosen_by_an_amount() {
    check(By::Amount).await;
}

#[tokio::test]
async fn a_scenario_is_chosen_by_a_call() {
    check(By::Call).await;
}

#[test]
fn the_table_has_every_operation_in_every_scenario() {
    let reference = scenarios_reference();
    for (_, operation) in Operation::ALL {
        for scenario in Scenario::words() {
            let offered =
                scenario == "approve" || reference.contains(&format!("`-{operation}-{scenario}`"));
            let played = |of| rows().any(|row| row.of == [of, operation, scenario]);
            assert_eq!(offered, played(""), "{operation} {scenario}");
            let of_a_guarantee = offered && matches!(operation, "cap" | "rel");
            assert_eq!(of_a_guarantee, played("guarantee"), "guarantee {operation} {scenario}");
        }
    }
}

/// Run with `UPDATE=1` to write the page anew.
#[test]
fn the_page_about_scenarios_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
    let page = format!("{PAGE}{}{PAYER}", scenarios_reference());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "docs/scenarios.md is old; run this test with UPDATE=1");
}

const PAYER: &str = "
## The payer and the clock / 付款人与时钟

Small JSON answers, without authentication, in the test environment only. On the command line: `holdfast sim`.
仅限测试环境的小型 JSON 接口，无需认证。命令行：`holdfast sim`。

| request 请求 | body 报文 | what happens 结果 |
|---|---|---|
| `GET /sim/payer/{qrCodeId}` | – | The bill as its payer sees it, `phase`, `held` and `taken` among the fields. Also `GET /bills/qrCode.do?id=…`, which in a browser opens the payer's cashier. `returnUrl` is the address from the request; once the bill is paid and its merchant has a communication key, with the signed result as its query, as a notice says it. 付款人所见的账单，浏览器打开二维码链接则为收银台；支付后 `returnUrl` 带有已签名的支付结果 |
| `POST /sim/payer/{qrCodeId}/scan` | `{\"amount\":1908}`, in fen, where the code does not say | The payer scans a fixed code (固定码): a bill is made, and answered with a `code` of its own. Where the code has a `payInfoQueryAddr`, the merchant's system is asked how much; without a good answer within 5 seconds no bill is made. 扫固定码建单 |
| `POST /sim/payer/{qrCodeId}/confirm` | `{\"card\":\"debit\"\\|\"credit\",\"through\":\"unionpay\"\\|\"wechat\"\\|\"alipay\",\"name\":\"…\",\"certNo\":\"…\"}`, all optional | The payer confirms; a hold is answered with its six-digit `authIdRespCd`. Name and certificate are compared where `fixBuyer` is `T`; a payer whom the bill's rules keep out is refused with the rule. A fixed code with an amount is scanned first. The answer is the bill, with the signed `returnUrl`. 付款人确认；应答为账单，含已签名的 `returnUrl` |
| `POST /sim/payer/{qrCodeId}/decline` | – | The payer says no; the bill can still be paid. 付款人拒绝 |
| `POST /sim/payer/{qrCodeId}/expire` | – | The bill lapses at once. 账单立即过期 |
| `GET /sim/clock` | – | The time that bills live by, and the time on the wall. 账单时间与真实时间 |
| `POST /sim/clock` | `{\"advance\":\"30d\"}` | Moves the bills' time ahead, for all bills; signatures go by the wall. 拨快账单时间 |
";

const PAGE: &str = "\
# Scenarios / 模拟场景

This page is made from the table in `crates/gateway`; a test compares it with it.
本页由 `crates/gateway` 中的表生成，并由测试比对。

In the test environment the channel behaves as it is told. A scenario is chosen, in this order, by a call, by the end of a number, by an amount:
在测试环境中，渠道按所选场景行事。选择方式依次为：调用设置、编号后缀、金额：

* **By call / 调用设置**: `PUT /sim/scenarios` with `{\"operation\":\"cap\",\"number\":\"…\",\"scenario\":\"late\"}`; operation and number may be `any`. `GET` lists what is set, `DELETE` takes it back.
* **By number / 编号后缀**: the number of the order ends in one of the suffixes below: the bill's number for `pay`, `rel`, `div` and for whatever is done with a guarantee, `authedOrderId` for `cap` and `rev`, `refundOrderId` for `ref`.
* **By amount / 金额**: the order is about one of the amounts below, one for each suffix and in the same order.

`pay` is the payer's confirmation (付款人确认), `cap` a capture (预授权完成) or the completion of a guarantee (担保完成), `rev` the reversal of a capture (预授权完成撤销), `rel` the release of a hold (预授权撤销) or of a guarantee (担保撤销), `ref` a refund (退款), `div` dividing a payment after it was paid (异步分账确认).

";

/// One number for one operation comes before the number, the number before the operation, and all of them before what
/// the number itself says.
#[tokio::test]
async fn the_narrowest_scenario_set_by_call_holds_until_it_is_taken_back() {
    let mut play = Play::new(Gateway::start().await);
    for line in [
        "bill 500",
        "confirm",
        "choose ref any refuse",
        "choose any R1-ref-late twice",
        "choose ref R2 approve",
    ] {
        play.run(line).await;
    }
    assert_eq!(
        play.gateway.sim("GET", "/sim/scenarios", Value::Null).await.json(),
        json!({"scenarios": [
            {"operation": "any", "number": "3194R1-ref-late", "scenario": "twice"},
            {"operation": "ref", "number": "3194R2", "scenario": "approve"},
            {"operation": "ref", "number": "any", "scenario": "refuse"},
        ]})
    );
    for (line, told) in [
        ("refund R1-ref-late 100", "SUCCESS REFUND R1-ref-late 100 SUCCESS"),
        ("refund R2 100", "SUCCESS REFUND R2 100 SUCCESS"),
        ("refund R3-ref-late 100", "TARGET_FAIL"),
    ] {
        assert_eq!(play.run(line).await, told, "{line}");
    }
    let back = json!({"operation": "ref", "number": "any"});
    assert_eq!(play.gateway.sim("DELETE", "/sim/scenarios", back).await.status, 200);
    assert_eq!(play.run("slowly refund R4-ref-late 100").await, "TIMEOUT");
}

#[tokio::test]
async fn scenarios_outlast_a_restart() {
    let place = crate::gateway::Place::new();
    let mut play = Play::new(place.open().await);
    play.run("choose cap any refuse").await;
    play.gateway.running.stop().await;
    play.gateway = place.open().await;
    for (line, told) in
        [("hold 500", "SUCCESS"), ("confirm", "authorized"), ("capture C1 500", "TARGET_FAIL")]
    {
        assert_eq!(play.run(line).await, told, "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_chosen_is_said_so() {
    let gateway = Gateway::start().await;
    for (chosen, fragment) in [
        (json!({"scenario": "explode"}), "refuse, late, lostorder"),
        (json!({}), "scenario"),
        (json!({"scenario": "late", "operation": "fly"}), "pay, cap, rev, rel, ref"),
        (json!({"scenario": "norestore", "operation": "cap"}), "means nothing for cap"),
        (json!({"scenario": "late", "number": "a b"}), "number"),
        (json!({"scenario": "late", "colour": "red"}), "colour"),
        (json!("late"), "expected"),
    ] {
        let answer = gateway.sim("PUT", "/sim/scenarios", chosen.clone()).await;
        assert_eq!(answer.outcome(), "400 BAD_REQUEST", "{chosen}");
        assert!(answer.field("errMsg").contains(fragment), "{chosen}: {}", answer.text());
    }
    let set = gateway.sim("GET", "/sim/scenarios", Value::Null).await.json();
    assert_eq!(set, json!({"scenarios": []}));
}

#[tokio::test]
async fn an_answer_that_is_not_known_says_so_and_what_to_do() {
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "slowly capture C1-cap-late 500"] {
        play.run(line).await;
    }
    let answer = play.last.unwrap();
    assert_eq!(answer.outcome(), "200 TIMEOUT");
    let text = answer.field("errMsg");
    for word in ["not known", "nothing is lost", "query", "结果尚不明确"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(answer.field("errInfo"), text);
}

#[tokio::test]
async fn a_refusal_by_the_channel_gives_its_reason() {
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "capture C1-cap-refuse 500"] {
        play.run(line).await;
    }
    let text = play.last.unwrap().field("errMsg");
    assert!(text.contains("发卡行拒绝完成"), "{text}");
}

#[tokio::test]
async fn a_hold_whose_release_is_refused_at_its_deadline_is_asked_for_until_it_is_given() {
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "choose rel any refuse", "advance 30d"] {
        play.run(line).await;
    }
    assert_eq!(play.until("releasing").await, "releasing");
    let asked = play.gateway.journal().await;
    let again = async {
        while play.gateway.journal().await < asked + 4 {
            play.gateway.advance(1_000);
            play.gateway.sim("GET", "/sim/clock", Value::Null).await;
        }
    };
    patience(PATIENCE_MS, again).await.expect("it goes on asking");
    assert_eq!(play.run("phase").await, "releasing");
    play.run("choose rel any approve").await;
    play.gateway.advance(600_000);
    assert_eq!(play.until("expired").await, "expired");
    assert_eq!(play.run("money").await, "payer 0 held 0 merchant 0");
}

/// What the bill is about when only part of it is moved.
const WHOLE: u64 = 900_000;
/// What the bill's own merchant keeps when its money is divided.
const PLATFORM: u64 = 100_000;

async fn check(by: By) {
    for Row { of: [kind, operation, scenario], outcomes } in rows() {
        if matches!((by, scenario), (By::Suffix | By::Amount, "approve")) {
            // That is how the channel behaves when nothing is chosen: once is enough.
            continue;
        }
        let case = format!("{kind} {operation} {scenario} by {by:?}");
        let amount = match by {
            By::Amount => magic(operation, scenario),
            By::Suffix | By::Call => 300_000,
        };
        let ending = match by {
            By::Suffix => format!("-{operation}-{scenario}"),
            By::Amount | By::Call => String::new(),
        };
        let mut play = Play::new(Gateway::start().await);
        if let By::Call = by {
            play.run(&format!("choose {operation} any {scenario}")).await;
        }
        let order = format!("X1{ending}");
        let (before, command, query) = match (kind, operation) {
            ("guarantee", "cap") => (
                format!("guarantee {WHOLE} N{ending}; confirm"),
                format!("complete {amount}"),
                "query".to_owned(),
            ),
            ("guarantee", _) => (
                format!("guarantee {amount} N{ending}; confirm"),
                "cancel".to_owned(),
                "query".to_owned(),
            ),
            (_, "pay") => {
                (format!("hold {amount} N{ending}"), "confirm".to_owned(), "query".to_owned())
            }
            (_, "cap") => (
                format!("hold {WHOLE} N; confirm"),
                format!("capture {order} {amount}"),
                format!("query {order}"),
            ),
            (_, "rev") => (
                format!("hold {WHOLE} N; confirm; capture {order} {amount}"),
                format!("reverse {order}"),
                format!("query {order}"),
            ),
            (_, "rel") => (
                format!("hold {amount} N{ending}; confirm"),
                "release".to_owned(),
                "query".to_owned(),
            ),
            (_, "div") => (
                format!("later {amount} N{ending}; confirm"),
                format!("confirm-division platform {PLATFORM} SHOP1 {}", amount - PLATFORM),
                "query".to_owned(),
            ),
            _ => (
                format!("bill {WHOLE} N; confirm"),
                format!("refund {order} {amount}"),
                format!("query C0 {order}"),
            ),
        };
        for line in before.split("; ") {
            let told = play.run(line).await;
            assert!(
                told.starts_with("SUCCESS") || told == "authorized" || told == "paid",
                "{case}: {line}: {told}"
            );
        }
        let rest = if operation == "div" { amount - PLATFORM } else { WHOLE - amount };
        let says = |text: &str| {
            text.replace("<order>", &order)
                .replace("<amount>", &amount.to_string())
                .replace("<rest>", &rest.to_string())
                .replace("<whole>", &WHOLE.to_string())
        };
        let [at_once, asked, phase, money] = outcomes;
        let (first, then) = match at_once == "TIMEOUT" && operation != "pay" {
            // Asked while the caller waits: afterwards the worker may have found out already.
            true => play.run_slowly(&command, &query).await.into(),
            false => (play.run(&command).await, play.run(&query).await),
        };
        assert_eq!(first, says(at_once), "{case}, at once");
        assert_eq!(then, says(asked), "{case}, asked");
        assert_eq!(play.until(phase).await, phase, "{case}, in the end");
        assert_eq!(play.run("money").await, says(money), "{case}, in the end");
        is_proven(&*play.gateway.store).await;
        if scenario == "cancelled" {
            assert_eq!(play.run(&command).await, "HAS_CANCELLED", "{case}, repeated");
        }
    }
}

/// One row of the table.
struct Row {
    /// `guarantee` or nothing, the operation, the scenario.
    of: [&'static str; 3],
    outcomes: [&'static str; 4],
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let of = match columns[0].split(' ').collect::<Vec<_>>()[..] {
            [kind, operation, scenario] => [kind, operation, scenario],
            [operation, scenario] => ["", operation, scenario],
            _ => panic!("not an operation in a scenario: {line}"),
        };
        Row { of, outcomes: [columns[1], columns[2], columns[3], columns[4]] }
    })
}

/// The amount that stands for an operation in a scenario, read off the page.
fn magic(operation: &str, scenario: &str) -> u64 {
    let reference = scenarios_reference();
    let row = reference.lines().find(|row| row.starts_with(&format!("| `{scenario}` |"))).unwrap();
    let columns: Vec<&str> = row.split('|').collect();
    let suffix = format!("`-{operation}-{scenario}`");
    let place = columns[2].split_whitespace().position(|word| word == suffix).unwrap();
    columns[3].split_whitespace().nth(place).unwrap().parse().unwrap()
}
