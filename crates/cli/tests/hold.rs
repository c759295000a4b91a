//! `holdfast hold` as its users meet it: the real program at a real gateway.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const MID: &str = "898201612345678";

/// A gateway, and whoever asks it.
struct World {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
    gateway: Option<Child>,
}

/// What a command left behind.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        // Nothing of whoever runs the tests may reach the program.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HOLDFAST_") {
                command.env_remove(name);
            }
        }
        command.args(words).current_dir(self.dir.path()).envs(self.variables.iter().cloned());
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

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    #[track_caller]
    fn shows(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in:\n{}", self.stdout);
        self
    }

    /// A command that stderr tells to paste, without the program's name.
    #[track_caller]
    fn told(&self, begin: &str) -> String {
        let line = self.stderr.lines().map(str::trim).find(|line| line.starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("no {begin:?} in:\n{}", self.stderr));
        line.strip_prefix("holdfast ").unwrap().to_owned()
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

    let held = world.run(&wait).ends(0).shows("500.00 yuan are held · 已冻结 500.00 元");
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
    assert_eq!(rest, "500.00 yuan are held · 已冻结 500.00 元\n");
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

/// The official platform has none of our own endpoints.
#[test]
fn what_only_holdfast_has_is_asked_of_others_in_vain_and_said_kindly() {
    let mut world = World::new("");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stranger = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            let mut seen = vec![];
            let mut piece = [0; 4096];
            // The request ends with the brace that closes its body.
            while !seen.ends_with(b"}") {
                let count = socket.read(&mut piece).unwrap();
                seen.extend_from_slice(&piece[..count]);
            }
            let answer =
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            socket.write_all(answer).unwrap();
        }
    });
    world.variables.retain(|(name, _)| *name != "HOLDFAST_BASE_URL");
    world.variables.push(("HOLDFAST_BASE_URL", url));
    world.run("hold take 500 --dry-run").ends(8).says("only Holdfast does (对方网关不支持预演");
    world
        .run("hold timeline 3194hold0001 --date 2026-11-24")
        .ends(8)
        .says("only Holdfast does (对方网关不支持账单经过");
    stranger.join().unwrap();
}
