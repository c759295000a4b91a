//! `holdfast hold` as its users meet it: the real program at a real gateway.

mod program;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use program::{Ended, program};

const MID: &str = "898201612345678";

/// A gateway, and whoever asks it.
struct World {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
    gateway: Option<Child>,
}

impl World {
    /// A gateway that runs, with a merchant and an app; commands ask in its name.
    fn new(settings: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let mut world = Self { dir, variables: vec![], gateway: None };
        world.run(&format!("merchant add {MID} --name 测试商户")).ends(0);
        let added = world.run(&format!("app add --mid {MID} --id shop")).ends(0);
        let key = added.stdout.lines().find_map(|line| line.strip_prefix("HOLDFAST_APP_KEY="));
        world.variables = vec![
            ("HOLDFAST_APP_ID", "shop".to_owned()),
            ("HOLDFAST_APP_KEY", key.unwrap().to_owned()),
            ("HOLDFAST_MID", MID.to_owned()),
            ("HOLDFAST_TID", "88880001".to_owned()),
        ];
        let serve = format!("serve --listen 127.0.0.1:0 {settings}");
        let words: Vec<&str> = serve.split_whitespace().collect();
        let mut child =
            world.command(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        world.gateway = Some(child);
        world.variables.push(("HOLDFAST_BASE_URL", url));
        world
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program(self.dir.path());
        command.args(words).envs(self.variables.iter().cloned());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.command(&words).output().unwrap().into()
    }

    /// Makes a hold that is paid, and answers its number.
    fn held(&self, bill: &str) -> String {
        let taken = self.run(&format!("hold take 500 --bill {bill} --no-wait")).ends(0);
        self.run(&format!("sim pay {}", taken.stdout.trim())).ends(0);
        bill.to_owned()
    }

    /// The names of what happened to a bill.
    fn events(&self, bill: &str) -> Vec<String> {
        let told = self.run(&format!("hold timeline {bill} -o json")).ends(0);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        let name = |event: &Value| event["event"].as_str().unwrap().to_owned();
        told["events"].as_array().unwrap().iter().map(name).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(child) = &mut self.gateway {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_hold_is_taken_captured_reversed_and_refunded_with_what_each_step_tells_to_paste() {
    let world = World::new("");
    let taken = world.run("hold take ¥500 --desc 押金 --no-wait").ends(0);
    let taken = taken.says("500.00 yuan to hold · 预授权 500.00 元");
    // Where nobody watches, stdout has the link and nothing else.
    assert!(taken.stdout.starts_with("http://") && taken.stdout.lines().count() == 1);
    let wait = taken.told("holdfast hold wait");
    let pay = taken.told("holdfast sim pay");
    world.run(&format!("{wait} --timeout 300ms")).ends(11).says("继续等待");
    world.run(&pay).ends(0);

    let held =
        world.run(&wait).ends(0).shows("500.00 yuan were put on hold · 预授权成功，冻结 500.00 元");
    let capture = held.told("holdfast hold capture").replace("AMOUNT", "380.5");
    let captured = world.run(&capture).ends(0).shows("captured 380.50 yuan; 119.50 yuan went back");
    let reverse = captured.told("holdfast hold reverse");
    world.run(&reverse).ends(0).shows("预授权完成已撤销");
    // A repeat is answered as the first was.
    let reversed = world.run(&reverse).ends(0);
    let all = reversed.told("holdfast hold capture").replace("AMOUNT", "all");
    let captured = world.run(&all).ends(0).shows("captured 500.00 yuan");
    let refund = captured.told("holdfast hold refund").replace("AMOUNT", "--fen 50");
    world.run(&refund).ends(0).shows("refunded 0.50 yuan · 已退款 0.50 元");
    let release = reversed.told("holdfast hold release");
    world.run(&release).ends(9).says("the bill is captured");

    let timeline = held.told("holdfast hold timeline");
    world
        .run(&timeline)
        .ends(0)
        .shows("hold 500.00 yuan · captured")
        .shows("hold.reversed     380.50  500.00    0.00        0.00")
        .shows("refund.done         0.50    0.00  499.50        0.50")
        .shows("✓ refund    up to 499.50 yuan")
        .shows("✗ reverse   cannot reverse: part of the money was refunded");
}

#[test]
fn a_payer_who_pays_ends_the_wait() {
    let world = World::new("");
    let mut taking = world
        .command(&["hold", "take", "500", "--bill", "3194hold0001"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(taking.stdout.take().unwrap());
    let mut link = String::new();
    stdout.read_line(&mut link).unwrap();
    world.run(&format!("sim pay {}", link.trim())).ends(0);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "500.00 yuan were put on hold · 预授权成功，冻结 500.00 元\n");
    assert_eq!(taking.wait().unwrap().code(), Some(0));
}

#[test]
fn a_bill_that_nobody_paid_ends_the_wait_as_refused() {
    let world = World::new("");
    let taken = world.run("hold take 500 --bill 3194hold0001 --no-wait").ends(0);
    world.run(&format!("sim expire {}", taken.stdout.trim())).ends(0);
    world.run("hold wait 3194hold0001").ends(6).shows("nobody paid · 账单已关闭，未付款");
}

#[test]
fn a_dry_run_shows_the_entries_or_the_reason_and_changes_nothing() {
    let world = World::new("");
    world.run("hold take 500 --dry-run").ends(0).shows("payer 付款人  held 冻结   500.00");
    let bill = world.held("3194hold0001");
    let before = world.events(&bill);
    world
        .run(&format!("hold capture {bill} 380 --dry-run"))
        .ends(0)
        .shows("held 冻结  merchant 商户   380.00")
        .shows("held 冻结  payer 付款人    120.00")
        .shows("then 之后       0.00      380.00           120.00");
    world
        .run(&format!("hold capture {bill} 501 --dry-run"))
        .ends(9)
        .shows("would be refused · 将被拒绝")
        .shows("不能预授权完成 501.00 元，最多 500.00 元");
    world.run(&format!("hold release {bill} --dry-run")).ends(0).shows("authorized → released");
    world.run(&format!("hold refund {bill} 1 --dry-run")).ends(9).shows("the bill is authorized");
    let told = world.run(&format!("hold capture {bill} 380 --dry-run -o json")).ends(0);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&told["verdict"], &told["entries"][1]["amount"]), (&"done".into(), &12_000.into()));
    assert_eq!(world.events(&bill), before);
}

/// The channel acts and its answer is lost: nobody guesses.
#[test]
fn an_outcome_that_is_not_known_is_asked_about_until_it_is() {
    let world = World::new("--answer-within 200ms");
    let bill = world.held("3194hold0001");
    let order = "--order 3194cap0001-cap-lostanswer";
    let unknown = world
        .run(&format!("hold capture {bill} 380 {order} --no-wait"))
        .ends(7)
        .says("结果未知，请先查询");
    let wait = unknown.told("holdfast hold wait");
    world.run(&wait).ends(0).shows("captured 380.00 yuan · 已完成 380.00 元");

    let order = "--order 3194ref0001-ref-lostanswer";
    world
        .run(&format!("hold refund {bill} 80 {order}"))
        .ends(0)
        .says("asking until it is certain")
        .shows("refunded 80.00 yuan");
    let done = |name: &str| world.events(&bill).iter().filter(|event| *event == name).count();
    assert_eq!((done("hold.captured"), done("refund.done")), (1, 1));
}

/// What stands until a reversal or a release is done says nothing of them.
#[test]
fn an_undoing_whose_outcome_is_not_known_is_waited_for_by_its_own_command() {
    let world = World::new("--answer-within 200ms");
    let bill = world.held("3194hold0001");
    world.run(&format!("hold capture {bill} 380 --order 3194cap0001-rev-late")).ends(0);
    let captured = format!("hold wait {bill} --capture 3194cap0001-rev-late");
    world.run(&captured).ends(0).shows("captured 380.00 yuan");
    // A query that names no order does not tell of captures: nothing is claimed of now.
    world.run(&format!("hold wait {bill}")).ends(0).shows("500.00 yuan were put on hold");
    let unknown = world.run(&format!("hold reverse {bill} --no-wait")).ends(7);
    let wait = unknown.told("holdfast hold wait");
    let waited = world.run(&format!("{wait} --timeout 300ms")).ends(11);
    assert_eq!((waited.stdout.as_str(), waited.told("holdfast hold wait")), ("", wait.clone()));
    world.run("sim clock advance 60s").ends(0);
    world.run(&wait).ends(0).shows("the capture of 380.00 yuan was undone");

    let bill = world.held("3194hold0002-rel-late");
    let unknown = world.run(&format!("hold release {bill} --no-wait")).ends(7);
    let wait = unknown.told("holdfast hold wait");
    let waited = world.run(&format!("{wait} --timeout 300ms")).ends(11);
    assert_eq!((waited.stdout.as_str(), waited.told("holdfast hold wait")), ("", wait.clone()));
    world.run("sim clock advance 60s").ends(0);
    world.run(&wait).ends(0).shows("500.00 yuan went back to the payer");
}

/// The first capture got lost on its way back, and the gateway will not have it again: nothing is known of the first.
#[test]
fn a_repeat_that_is_refused_says_nothing_of_the_first_request() {
    let mut world = World::new("");
    let paid = |capture: &str| {
        format!(
            r#"{{"errCode":"SUCCESS","errMsg":"ok","responseTimestamp":"2026-11-24 10:00:00","mid":"{MID}","instMid":"QRPAYDEFAULT","billNo":"3194hold0001","billDate":"2026-11-24","billStatus":"PAID","totalAmount":50000,"authIdRespCd":"206067"{capture}}}"#
        )
    };
    let refused = r#"{"errCode":"OPERATION_NOT_ALLOWED","errMsg":"the bill is captured","responseTimestamp":"2026-11-24 10:00:00"}"#;
    let done = |fen: u64| {
        paid(&format!(r#","authedBillPayment":{{"status":"TRADE_SUCCESS","totalAmount":{fen}}}"#))
    };
    let capture = "hold capture 3194hold0001 380 --order 3194cap0001";
    for (last, code) in [(paid(""), 7), (done(100), 7), (done(38_000), 0)] {
        let answers = [&paid(""), "", &paid(""), refused, &last].map(str::to_owned);
        let (url, gateway) = stranger(answers.into());
        world.variables.retain(|(name, _)| *name != "HOLDFAST_BASE_URL");
        world.variables.push(("HOLDFAST_BASE_URL", url));
        let ended = world.run(capture).ends(code);
        let ended = match code {
            7 => ended.says("is still not known").says("OPERATION_NOT_ALLOWED"),
            _ => ended.shows("captured 380.00 yuan"),
        };
        assert_eq!(ended.stdout.is_empty(), code == 7);
        // It was told before anything was sent, and every try bore it.
        let asked = gateway.join().unwrap();
        for at in [1, 3] {
            assert!(asked[at].contains(r#""authedOrderId":"3194cap0001""#), "{}", asked[at]);
        }
    }
}

#[cfg(unix)]
#[test]
fn the_number_of_an_order_is_told_before_it_is_sent() {
    let world = World::new("--answer-within 20s");
    let bill = world.held("3194hold0001");
    world.run("sim scenario set lostanswer --operation capture").ends(0);
    let mut child = world
        .command(&["hold", "capture", &bill, "380"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !world.events(&bill).contains(&"capture.asked".to_owned()) {}
    child.kill().unwrap();
    let killed = Ended::from(child.wait_with_output().unwrap());
    let told = world.run(&format!("hold timeline {bill} -o json")).ends(0);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let asked = told["events"].as_array().unwrap().last().unwrap();
    killed.says(&format!("order 单号: {}", asked["order"].as_str().unwrap()));
}

#[test]
fn an_order_that_got_lost_is_carried_out_once() {
    let world = World::new("--answer-within 200ms");
    let bill = world.held("3194hold0001");
    world.run(&format!("hold capture {bill} 380 --order 3194cap0001-cap-lostorder")).ends(0);
    world.run(&format!("hold reverse {bill}")).ends(0);
    let events = world.events(&bill);
    assert_eq!(
        events[2..],
        ["capture.asked", "hold.captured", "reversal.asked", "hold.reversed"],
        "{events:?}"
    );
}

#[test]
fn what_the_channel_refuses_is_told_as_final() {
    let world = World::new("");
    let bill = world.held("3194hold0001");
    let refused = format!("hold capture {bill} 380 --order 3194cap0001-cap-refuse");
    // The same number again is answered as the first was.
    for _ in 0..2 {
        world.run(&refused).ends(6).says("TARGET_FAIL");
    }
    world.run(&format!("{refused} --dry-run")).ends(6).shows("TARGET_FAIL (channel)");
}

#[cfg(unix)]
#[test]
fn whoever_interrupts_an_action_is_told_that_its_outcome_is_unknown_and_how_to_look() {
    let world = World::new("--answer-within 20s");
    let bill = world.held("3194hold0001");
    let order = "3194cap0001-cap-lostanswer";
    let child = world
        .command(&["hold", "capture", &bill, "380", "--order", order])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !world.events(&bill).contains(&"capture.asked".to_owned()) {}
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = Ended::from(child.wait_with_output().unwrap()).ends(130);
    ended
        .says("the outcome is unknown (已中断，结果未知)")
        .says(&format!("holdfast hold wait {bill} --date"))
        .says(&format!("--capture {order}"));
}

#[test]
fn an_answer_for_programs_is_one_json_value_as_it_came() {
    let world = World::new("");
    let bill = world.held("3194hold0001");
    for (line, code, field, value) in [
        (format!("hold capture {bill} 380 -o json"), 0, "errCode", "SUCCESS"),
        (format!("hold capture {bill} 1 -o json"), 9, "errCode", "OPERATION_NOT_ALLOWED"),
        (format!("hold wait {bill} -o json"), 0, "billStatus", "PAID"),
        (format!("hold timeline {bill} -o json"), 0, "phase", "captured"),
    ] {
        let ended = world.run(&line).ends(code);
        let answer: Value = serde_json::from_str(&ended.stdout).expect(&line);
        assert_eq!(answer[field], value, "{line}");
    }
}

#[test]
fn what_is_typed_wrong_is_refused_before_anything_is_sent() {
    let mut world = World::new("");
    for (line, hint) in [
        ("hold take 5,00", "write yuan as"),
        ("hold take 0.001", "write yuan as"),
        ("hold take 500 --fen --bill x", "billNo must be"),
        ("hold refund 3194hold0001 all", "write yuan as"),
    ] {
        world.run(line).ends(2).says(hint);
    }
    world.run("hold capture 3194hold0009 5").ends(8).says("--date");
    world.variables.retain(|(name, _)| *name != "HOLDFAST_MID");
    world.run("hold take 500").ends(2).says("HOLDFAST_MID");
}

/// Somebody who answers each request with the next of these bodies, 404 where it says so, and hangs up where it is empty.
/// Answers its address, and in the end what it was asked.
fn stranger(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let mut asked = vec![];
        for body in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut seen = vec![];
            let mut piece = [0; 4096];
            // The request ends with the brace that closes its body.
            while !seen.ends_with(b"}") {
                let count = socket.read(&mut piece).unwrap();
                seen.extend_from_slice(&piece[..count]);
            }
            asked.push(String::from_utf8(seen).unwrap());
            let (status, body) = match body.as_str() {
                "" => continue,
                "404" => ("404 Not Found", ""),
                body => ("200 OK", body),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            socket.write_all(answer.as_bytes()).unwrap();
        }
        asked
    });
    (url, answering)
}

/// The official platform has none of our own endpoints.
#[test]
fn what_only_holdfast_has_is_asked_of_others_in_vain_and_said_kindly() {
    let mut world = World::new("");
    let (url, stranger) = stranger(vec!["404".to_owned(); 2]);
    world.variables.retain(|(name, _)| *name != "HOLDFAST_BASE_URL");
    world.variables.push(("HOLDFAST_BASE_URL", url));
    world.run("hold take 500 --dry-run").ends(8).says("only Holdfast does (对方网关不支持预演");
    world
        .run("hold timeline 3194hold0001 --date 2026-11-24")
        .ends(8)
        .says("only Holdfast does (对方网关不支持账单经过");
    stranger.join().unwrap();
}
