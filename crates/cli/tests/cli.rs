//! The binary as its users meet it: every test runs the real program in a directory of its own.

mod program;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

use program::{Ended, program};

const MID: &str = "898201612345678";
const BILL: &str = "31942026112300000001";
const DATE: &str = "2026-11-23";

/// A directory, and whoever asks from it.
struct World {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// A program that serves until it is stopped.
struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl World {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap(), variables: vec![] }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program(self.dir.path());
        command.args(words).envs(self.variables.iter().cloned());
        command.env("TMPDIR", self.dir.path());
        command
    }

    fn run(&self, line: &str) -> Ended {
        self.words(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn words(&self, words: &[&str]) -> Ended {
        self.command(words).output().unwrap().into()
    }

    /// Runs a command that is given something on stdin.
    fn given(&self, input: &str, words: &[&str]) -> Ended {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Starts a gateway and waits until it says that it can be called.
    fn serve(&mut self, more: &str) -> Served {
        let line = format!("serve --listen 127.0.0.1:0 {more}");
        let served = Served::start(self.command(&line.split_whitespace().collect::<Vec<_>>()));
        self.variables.push(("HOLDFAST_BASE_URL", served.url.clone()));
        served
    }

    /// A merchant and an app that may act for it; from now on commands ask in its name.
    fn enroll(&mut self) -> String {
        self.words(&["merchant", "add", MID, "--name", "测试商户"]).ends(0);
        let added = self.run(&format!("app add --mid {MID} --id shop")).ends(0);
        let key = added
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("HOLDFAST_APP_KEY="))
            .unwrap()
            .to_owned();
        self.variables
            .extend([("HOLDFAST_APP_ID", "shop".to_owned()), ("HOLDFAST_APP_KEY", key.clone())]);
        key
    }

    fn call(&self, endpoint: &str, fields: &str) -> Ended {
        let bill = format!("--mid {MID} --tid 88880001 --billNo {BILL} --billDate {DATE}");
        self.run(&format!("-o json call {endpoint} {bill} {fields}"))
    }

    /// Makes a hold of 500.00 yuan, pays it, and answers its `authIdRespCd`.
    fn hold(&self) -> String {
        let made = self.call("get-qrcode", "--totalAmount 50000 --preauthTransaction true").ends(0);
        self.run(&format!("sim pay {}", made.field("qrCodeId"))).ends(0);
        self.call("query", "").ends(0).field("authIdRespCd")
    }
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut served = Self { child, stdout, url: String::new() };
        while served.url.is_empty() {
            let mut line = String::new();
            assert!(served.stdout.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            served.url =
                line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        }
        served
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Stops it as an operator would, and answers what it left behind.
    fn stop(mut self, signal: &str) -> Ended {
        self.signal(signal);
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        self.stdout.read_to_string(&mut stdout).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A test that failed before it stopped the program must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_moves_money_and_brings_it_back() {
    World::new()
        .run("demo --once")
        .ends(0)
        .shows("undo the whole capture")
        .shows("captured")
        .shows("-380.00     0.00    380.00")
        .shows("/v1/netpay/bills/preauthed-cancel")
        .shows("-500.00   500.00      0.00")
        .shows("✓");
}

#[test]
fn what_the_demo_prints_to_try_next_works_when_it_is_pasted() {
    let mut world = World::new();
    let mut demo =
        world.command(&["demo"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut commands = vec![];
    for line in lines.by_ref().take_while(|line| !line.starts_with("listening on ")) {
        let exports = line.trim().strip_prefix("export ").unwrap_or_default().split(' ');
        for (name, value) in exports.filter_map(|export| export.split_once('=')) {
            let known = ["HOLDFAST_BASE_URL", "HOLDFAST_APP_ID", "HOLDFAST_APP_KEY"];
            world.variables.extend(
                known.iter().find(|known| **known == name).map(|known| (*known, value.to_owned())),
            );
        }
        commands.extend(line.strip_prefix("holdfast ").map(str::to_owned));
    }
    let tried: Vec<String> = commands
        .iter()
        .map(|command| {
            let ended = world.run(command);
            format!("{} {:?}", command.split(" --").next().unwrap(), ended.code)
        })
        .collect();
    let left = || std::fs::read_dir(world.dir.path()).unwrap().count();
    assert_eq!(left(), 1, "the demo keeps its data in a directory of its own");
    let pid = demo.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert_eq!(left(), 0, "the demo removes its data");
    let pay = tried.iter().find(|line| line.starts_with("sim pay")).unwrap();
    assert_eq!(
        tried,
        [
            "call query Some(0)",
            "call preauthed Some(0)",
            "call preauthed-cancel Some(0)",
            "call preauth-cancel Some(0)",
            "call get-qrcode Some(0)",
            pay,
            "call refund Some(0)",
            "sim scenario set lostanswer Some(0)",
            "sim clock advance 30d Some(0)",
        ]
    );
    assert!(pay.ends_with("Some(0)"), "{pay}");
}

#[test]
fn a_hold_lives_and_dies_at_the_command_line() {
    let mut world = World::new();
    world.enroll();
    let gateway = world.serve("");
    let auth = world.hold();

    let capture = format!("--authedOrderId {BILL}C1 --authIdRespCd {auth} --totalAmount 38000");
    world.call("preauthed", &capture).ends(0);
    let reversed = world
        .call("preauthed-cancel", &format!("--merOrderId {BILL}C1 --authIdRespCd {auth}"))
        .ends(0);
    assert!(reversed.stdout.contains(r#""totalAmount":38000"#), "{}", reversed.stdout);
    // Kebab spelling, and a repeat: the first answer again.
    world
        .call("preauthed-cancel", &format!("--mer-order-id {BILL}C1 --auth-id-resp-cd {auth}"))
        .ends(0);
    let capture = format!("--authedOrderId {BILL}C2 --authIdRespCd {auth} --totalAmount 12000");
    world.call("preauthed", &capture).ends(0);
    world
        .call("refund", &format!("--refundOrderId {BILL}R1 --refundAmount 2000"))
        .ends(0)
        .shows("REFUND");
    world.run("ledger verify").ends(0).shows("100.00 yuan");
    gateway.stop("-TERM").ends(0);
}

#[test]
fn a_statement_is_made_beside_a_gateway_and_checked_later() {
    let mut world = World::new();
    world.enroll();
    let gateway = world.serve("");
    let auth = world.hold();
    let capture = format!("--authedOrderId {BILL}C1 --authIdRespCd {auth} --totalAmount 38000");
    let captured = world.call("preauthed", &capture).ends(0);
    let captured: serde_json::Value = serde_json::from_str(&captured.stdout).unwrap();
    let day = captured["authedBillPayment"]["settleDate"].as_str().unwrap();
    let made = |more: &str| world.run(&format!("statement --mid {MID} --date {day} {more}"));
    made("").ends(0).shows("not over yet").shows("capture 预授权完成").shows("380.00 yuan");

    world.run("sim clock advance 2d").ends(0);
    let table = made("").ends(0);
    assert!(!table.stdout.contains("not over"), "{}", table.stdout);
    let json = made("-o json").ends(0);
    let digest = json.field("digest");
    assert!(table.stdout.contains(&digest));
    made("--format json --out one.json").ends(0).says(&digest);
    made("--format csv --out one.csv").ends(0).says("net 380.00 yuan");
    let read = |path: &str| std::fs::read_to_string(world.dir.path().join(path)).unwrap();
    assert_eq!(read("one.json"), json.stdout);
    assert!(read("one.csv").starts_with('\u{feff}') && read("one.csv").contains(&digest));
    let several = format!("statement --all-merchants --from {day} --to {day}");
    world.run(&format!("{several} --format csv --out all")).ends(0);
    assert_eq!(read(&format!("all/statement-{MID}-{day}.csv")), read("one.csv"));
    world.run(&several).ends(0).shows(&digest).shows("380.00");
    // A refund of another day changes nothing.
    world.call("refund", &format!("--refundOrderId {BILL}R1 --refundAmount 2000")).ends(0);
    made(&format!("--verify {digest}")).ends(0).shows("摘要相符");
    made(&format!("--verify {}", "0".repeat(64))).ends(10).says("摘要不符");
    gateway.stop("-TERM").ends(0);
    made(&format!("--verify {digest}")).ends(0);
    let left = std::fs::read_dir(world.dir.path()).unwrap().map(Result::unwrap);
    let drafts = left.filter(|file| file.file_name().to_string_lossy().starts_with(".one"));
    assert_eq!(drafts.count(), 0, "drafts are left behind");
}

#[test]
fn a_statement_that_cannot_be_made_says_why() {
    let mut world = World::new();
    let ask = |world: &World, more: &str| world.run(&format!("statement {more}"));
    ask(&world, &format!("--mid {MID} --date 2026-11-23")).ends(3).says("--data-dir DIR");
    world.enroll();
    world.serve("").stop("-TERM").ends(0);
    ask(&world, &format!("--mid {MID} --date 2026-11-23")).ends(0).shows("0.00 yuan");
    ask(&world, "--mid NOBODY --date 2026-11-23").ends(8).says("no merchant NOBODY");
    ask(&world, &format!("--mid {MID} --date 23.11.2026")).ends(2).says("2026-11-23");
    ask(&world, &format!("--mid {MID}")).ends(2).says("--date");
    ask(&world, "--date 2026-11-23").ends(2).says("--mid");
    ask(&world, "--all-merchants --date 2026-11-23").ends(0).says("nothing moved");
    ask(&world, "--all-merchants --date 2026-11-23 --format csv").ends(2).says("--out DIR");
    ask(&world, &format!("--mid {MID} --date 2026-11-23 --out x")).ends(2).says("--format csv");
    ask(&world, &format!("--mid {MID} --from 2026-11-23 --to 2026-11-22")).ends(2).says("1 to 366");
    ask(&world, &format!("--mid {MID} --date 2026-11-23 --verify abc")).ends(2).says("64 hex");
    ask(&world, &format!("--mid {MID} --date 2026-11-23 --format csv --out no/such/file"))
        .ends(1)
        .says("no/such");
}

#[test]
fn every_scheme_is_spoken() {
    let mut world = World::new();
    world.enroll();
    let _gateway = world.serve("");
    world.hold();
    for scheme in ["body-sig", "token", "form-param"] {
        world.call("query", &format!("--scheme {scheme}")).ends(0).shows("SUCCESS");
    }
    world.run("call token").ends(0).shows("accessToken");
}

#[test]
fn an_exit_code_says_what_kind_of_no_it_was() {
    let mut world = World::new();
    world.enroll();
    let gateway = world.serve("--answer-within 200ms");
    world.call("query", "").ends(8).says("NO_ORDER");
    let auth = world.hold();

    let order = |suffix: &str| {
        format!("--authedOrderId {BILL}{suffix} --authIdRespCd {auth} --totalAmount")
    };
    world
        .call("preauthed", &format!("{} 0", order("C1")))
        .ends(2)
        .says("totalAmount")
        .says("\"hint\"");
    world
        .call("preauthed", &format!("{} 60000", order("C1")))
        .ends(9)
        .says("OPERATION_NOT_ALLOWED");
    world.run("sim scenario set refuse --operation capture").ends(0);
    world.call("preauthed", &format!("{} 100", order("C1"))).ends(6).says("TARGET_FAIL");
    world.run("sim scenario set lostanswer --operation capture").ends(0);
    // Nobody knows, and the hint is the very command that asks.
    world.call("preauthed", &format!("{} 100", order("C2"))).ends(7).says("TIMEOUT").says(
        &format!(
            "holdfast call query --mid {MID} --tid 88880001 --billNo {BILL} --billDate {DATE}"
        ),
    );

    world.variables.push(("HOLDFAST_APP_KEY", "wrong".to_owned()));
    world.call("query", "").ends(5).says("BAD_SIGN");
    gateway.stop("-TERM").ends(0);
    world.call("query", "").ends(4).says("nothing was sent");
}

#[test]
fn all_faults_of_a_request_are_told_at_once_and_nothing_is_sent() {
    let world = World {
        variables: vec![("HOLDFAST_APP_ID", "a".to_owned()), ("HOLDFAST_APP_KEY", "k".to_owned())],
        ..World::new()
    };
    let ended =
        world.run("call preauthed-cancel --mid 898201612345678 --billDate yesterday").ends(2);
    for field in ["tid", "billNo", "billDate", "merOrderId", "authIdRespCd"] {
        assert!(ended.stderr.contains(field), "{field} is not named in:\n{}", ended.stderr);
    }
    ended.says("缺少").says("hint: holdfast call preauthed-cancel --mid");
}

#[test]
fn a_curl_command_is_signed_and_shows_no_key() {
    let mut world = World::new();
    let key = world.enroll();
    let _gateway = world.serve("");
    let curl = world
        .call("query", "--curl")
        .ends(0)
        .shows("OPEN-BODY-SIG AppId=\"shop\"")
        .shows("--data-raw");
    let shown = world.call("query", "--show-request").ends(8).says("OPEN-BODY-SIG");
    for text in [curl.stdout, shown.stdout, shown.stderr] {
        assert!(!text.contains(&key), "{text}");
    }
}

#[test]
fn a_setting_that_does_not_exist_is_an_error_that_names_the_right_one() {
    let check = |world: World, line: &str, code: i32, right: &str| {
        world.run(line).ends(code).says(right);
    };
    let named =
        |name, value: &str| World { variables: vec![(name, value.to_owned())], ..World::new() };
    check(named("HOLDFAST_LISEN", "127.0.0.1:1"), "serve", 3, "HOLDFAST_LISTEN");
    check(named("HOLDFAST_HOLD_DAYS", "many"), "serve", 3, "1 to 365");
    check(World::new(), "serve --lisen 127.0.0.1:1", 2, "--listen");
    check(World::new(), "serve --config missing.toml", 3, "missing.toml");
    let world = World::new();
    std::fs::write(world.dir.path().join("holdfast.toml"), "hold_day = 3\n").unwrap();
    check(world, "serve", 3, "hold_days");
}

#[test]
fn a_key_is_shown_once_and_never_again() {
    let mut world = World::new();
    let key = world.enroll();
    let gateway = world.serve("--log debug");
    world.run("app list").ends(0).shows("shop").shows(MID);
    world.call("query", "").ends(8);
    let rotated = world.run("app rotate-key shop --overlap 1h").ends(0);
    let new = rotated
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("HOLDFAST_APP_KEY="))
        .unwrap()
        .to_owned();
    assert_ne!(key, new);
    // Two are live; a third has to wait until one is ended.
    world.run("app rotate-key shop").ends(9).says("holdfast app revoke-key shop 1");
    world.run("app revoke-key shop 1").ends(0);

    let seen =
        [world.run("app list"), world.run("-o json app list"), gateway.stop("-TERM").ends(0)];
    for Ended { stdout, stderr, .. } in seen {
        for secret in [&key, &new] {
            assert!(
                !stdout.contains(secret.as_str()) && !stderr.contains(secret.as_str()),
                "{stdout}{stderr}"
            );
        }
    }
    for file in std::fs::read_dir(world.dir.path().join("holdfast-data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes.windows(new.len()).any(|part| part == new.as_bytes()),
            "a key is stored readable"
        );
    }
}

#[test]
fn an_existing_key_comes_from_stdin_and_is_not_shown_at_all() {
    let mut world = World::new();
    world.words(&["merchant", "add", MID, "--name", "店"]).ends(0);
    let words = ["app", "add", "--mid", MID, "--id", "shop", "--key-stdin"];
    let ended = world.given("a key of ours\n", &words).ends(0);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("a key of ours"));

    let _gateway = world.serve("");
    world.variables.extend([
        ("HOLDFAST_APP_ID", "shop".to_owned()),
        ("HOLDFAST_APP_KEY", "a key of ours".to_owned()),
    ]);
    world.call("query", "").ends(8);
}

#[test]
fn a_communication_key_is_shown_once_and_settings_are_listed_without_keys() {
    let world = World::new();
    let added = world.words(&["merchant", "add", MID, "--name", "店"]).ends(0);
    let key = added.stdout.trim_end().strip_prefix("HOLDFAST_NOTICE_KEY=").unwrap().to_owned();
    assert_eq!(key.len(), 48, "{key}");
    // Another name needs no other key.
    let renamed = world.words(&["merchant", "add", MID, "--name", "大店"]).ends(0);
    assert_eq!(renamed.stdout, "");

    let set = format!(
        "merchant set {MID} --notify-url https://hotel.example/n --notify-on refund,capture"
    );
    world.run(&format!("{set} --sign-type SHA256 --versions on")).ends(0);
    let webhooks = world.run(&format!("merchant set {MID} --webhooks on")).ends(0);
    let secret = webhooks.stdout.trim_end().strip_prefix("HOLDFAST_WEBHOOK_SECRET=").unwrap();
    world.run(&format!("merchant rotate-notice-key {MID}")).ends(0).says("key 1 is good until");
    let listed = world.run("-o json merchant list").ends(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    let merchant = &listed[0];
    assert_eq!(merchant["notifyUrl"], "https://hotel.example/n");
    assert_eq!(merchant["notifyOn"], serde_json::json!(["capture", "refund"]));
    assert_eq!((&merchant["signType"], &merchant["webhooks"]), (&"SHA256".into(), &true.into()));
    assert_eq!(merchant["noticeKeys"].as_array().unwrap().len(), 2);
    let shown = world.run("merchant list").ends(0).shows("SHA256 webhooks versions");
    let secrets = [key.as_str(), secret];
    assert!(!secrets.iter().any(|secret| format!("{listed}{}", shown.stdout).contains(secret)));

    world.run(&format!("merchant revoke-notice-key {MID} 1")).ends(0);
    let words = ["merchant", "rotate-notice-key", MID, "--notice-key-stdin"];
    let given = world.given("a key of theirs\n", &words).ends(0);
    assert!(!format!("{}{}", given.stdout, given.stderr).contains("theirs"));
    for (line, why) in [
        ("", "nothing to set"),
        ("--notify-url ftp://hotel.example", "is not an address"),
        ("--notify-on refunds", "capture, release, reversal"),
        ("--sign-type md5", "MD5 or SHA256"),
    ] {
        world.run(&format!("merchant set {MID} {line}")).ends(2).says(why);
    }
    for topic in holdfast_gateway::notices::Topic::ALL {
        world.run("merchant set --help").ends(0).shows(topic.word());
    }
    world.run(&format!("merchant set {MID} --notify-url none --notify-on none")).ends(0);
    world.run("merchant list").ends(0).shows("each bill's");
}

#[test]
fn limits_terminals_and_networks_are_set_listed_and_taken_away() {
    let mut world = World::new();
    world.enroll();
    let listed = |world: &World, whose: &str| -> serde_json::Value {
        let listed = world.run(&format!("-o json {whose} list")).ends(0);
        serde_json::from_str::<serde_json::Value>(&listed.stdout).unwrap()[0].clone()
    };
    world.run(&format!("merchant set {MID} --most-per-bill 50000 --most-per-day 200000")).ends(0);
    world.words(&["merchant", "set", MID, "--terminal", "T1=前台", "--terminal", "T2"]).ends(0);
    world.run(&format!("merchant set {MID} --only-terminals on")).ends(0);
    let merchant = listed(&world, "merchant");
    assert_eq!(
        (&merchant["mostPerBill"], &merchant["mostPerDay"]),
        (&50000.into(), &200000.into())
    );
    assert_eq!(merchant["terminals"][0], serde_json::json!({"tid": "T1", "name": "前台"}));
    assert_eq!(merchant["onlyTerminals"], true);
    world.run("merchant list").ends(0).shows("only 仅限 T1 T2").shows("bill 单笔 500.00");
    for (line, code, why) in [
        ("--most-per-bill 0", 2, "1 to 100000000 fen"),
        ("--most-per-day 1.5", 2, "1 to 10000000000000 fen"),
        ("--terminal T1=", 2, "has no name behind ="),
        ("--terminal 终端", 2, "is not a terminal number"),
        ("--no-terminal T9", 8, "has no terminal T9"),
        ("--no-terminal T1 --no-terminal T2", 9, "would take no requests at all"),
    ] {
        world.run(&format!("merchant set {MID} {line}")).ends(code).says(why);
    }
    let off = "--most-per-bill none --most-per-day none --no-terminal T1 --only-terminals off";
    world.run(&format!("merchant set {MID} {off}")).ends(0);
    let merchant = listed(&world, "merchant");
    assert!(merchant["mostPerBill"].is_null() && merchant["mostPerDay"].is_null());
    assert_eq!(merchant["terminals"].as_array().unwrap().len(), 1);

    world.run("app set shop --network 10.0.0.0/8 --network ::1/128").ends(0);
    assert_eq!(listed(&world, "app")["networks"], serde_json::json!(["10.0.0.0/8", "::1/128"]));
    world.run("app set shop --network any").ends(0);
    assert_eq!(listed(&world, "app")["networks"], serde_json::json!([]));
    world.run("app set shop --network nowhere").ends(2).says("write it as 10.0.0.0/8");
    world.run("app set shop --mid NOBODY").ends(8).says("there is no merchant NOBODY");
    world.run("app set shop").ends(2).says("nothing to set");
    world.words(&["app", "freeze", "shop", "--why", "key leaked"]).ends(0);
    let app = listed(&world, "app");
    assert_eq!((&app["frozen"], &app["frozenWhy"]), (&true.into(), &"key leaked".into()));
    world.run("app list").ends(0).shows("frozen 已冻结: key leaked");
    let _gateway = world.serve("");
    world.call("query", "").ends(9).says("app shop is frozen");
    world.words(&["app", "freeze", "shop", "--off", "--why", "x"]).ends(2);
    world.run("app freeze shop --off").ends(0);
    assert_eq!(listed(&world, "app")["frozen"], false);
}

#[test]
fn an_app_has_a_name_in_the_predecessor_protocol_that_no_other_has() {
    let world = World::new();
    world.words(&["merchant", "add", MID, "--name", "店"]).ends(0);
    let add =
        |id: &str| world.run(&format!("app add --mid {MID} --id {id} --msg-src WWW.TEST.COM"));
    add("one").ends(0);
    let other = add("other").ends(9).says("app one calls by the name WWW.TEST.COM already");
    assert_eq!(other.stdout, "", "a key was made in vain");
    world.run("app list").ends(0).shows("WWW.TEST.COM");
    world.run("app set one --msg-src none").ends(0);
    add("other").ends(0);
}

#[test]
fn a_gateway_that_runs_learns_of_new_apps_and_frozen_merchants() {
    // It looks about twice a second; each question takes its own time, so a bounded number of them is a wait.
    let comes_to =
        |world: &World, code| (0..1_000).any(|_| world.call("query", "").code == Some(code));
    let mut world = World::new();
    let _gateway = world.serve("");
    world.enroll();
    assert!(comes_to(&world, 8), "the gateway never learned of the app");
    world.run(&format!("merchant freeze {MID}")).ends(0);
    world.run("merchant list").ends(0).shows("frozen");
    assert!(comes_to(&world, 9), "the gateway never learned of the frozen merchant");
    world.run(&format!("merchant freeze {MID} --off")).ends(0);
    assert!(comes_to(&world, 8), "the gateway never learned that the merchant may go on");
}

#[test]
fn a_proof_tells_what_waits_to_be_divided_and_what_sub_merchants_have() {
    let mut world = World::new();
    world.enroll();
    world.words(&["merchant", "add", "SHOP1", "--name", "一号店"]).ends(0);
    let gateway = world.serve("");
    let terms = "--totalAmount 50000 --divisionFlag true --asynDivisionFlag true";
    let made = world.call("get-qrcode", terms).ends(0);
    world.run(&format!("sim pay {}", made.field("qrCodeId"))).ends(0);
    let line = |name: &str| {
        let proof = world.run("ledger verify").ends(0);
        let line = proof.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name:?} in:\n{}", proof.stdout)).to_owned()
    };
    assert!(line("to be divided").ends_with(" 500.00 yuan"));
    assert!(line("owed to sub-merchants").ends_with(" 0.00 yuan"));

    let shares = r#"[{"mid":"SHOP1","totalAmount":38000}]"#;
    let fields = format!("--merOrderId {BILL}0 --platformAmount 12000 --subOrders {shares}");
    world.run(&format!("call sub-orders-confirm --mid {MID} --tid 88880001 {fields}")).ends(0);
    assert!(line("to be divided").ends_with(" 0.00 yuan"));
    assert!(line("owed to sub-merchants").ends_with(" 380.00 yuan"));
    assert!(line("owed to merchants").ends_with(" 120.00 yuan"));
    let json = world.run("-o json ledger verify").ends(0);
    for field in [r#""subMerchantsFen":38000"#, r#""undividedFen":0"#] {
        assert!(json.stdout.contains(field), "{}", json.stdout);
    }
    gateway.stop("-TERM").ends(0);
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_master_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    world.words(&["merchant", "add", MID, "--name", "店"]).ends(0);
    let key = world.dir.path().join("holdfast-data/master.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.run("merchant list").ends(3).says("chmod 600");
}

#[test]
fn a_tampered_ledger_is_found_and_the_difference_is_named() {
    let mut world = World::new();
    world.enroll();
    let gateway = world.serve("");
    world.hold();
    gateway.stop("-TERM").ends(0);
    world.run("ledger verify").ends(0).shows("The ledger holds").shows("500.00 yuan");

    tamper(&world.dir.path().join("holdfast-data/bills.db"), "DELETE FROM bills");
    let found = world.run("ledger verify").ends(10).shows(BILL).says("1 bills differ");
    assert!(!found.stdout.contains("The ledger holds"));
    let json = world.run("-o json ledger verify").ends(10);
    assert!(json.stdout.contains(r#""holds":false"#), "{}", json.stdout);

    // What the hint says: the view is made anew from the journal.
    std::fs::remove_file(world.dir.path().join("holdfast-data/bills.db")).unwrap();
    world.serve("").stop("-TERM").ends(0);
    world.run("ledger verify").ends(0);

    tamper(
        &world.dir.path().join("holdfast-data/journal.db"),
        "UPDATE journal SET record = x'00' WHERE seq = 1",
    );
    world.run("ledger verify").ends(10).says("hint: ");
}

#[test]
fn a_second_signal_ends_a_gateway_that_still_waits_for_the_channel() {
    let mut world = World::new();
    world.enroll();
    let mut gateway = world.serve("--answer-within 60s");
    let made = world.call("get-qrcode", "--totalAmount 50000 --preauthTransaction true").ends(0);
    let code = made.field("qrCodeId");
    let auth = world.run(&format!("-o json sim pay {code}")).ends(0).field("authIdRespCd");
    world.run("sim scenario set lostanswer --operation capture").ends(0);
    let capture = format!(
        "call preauthed --mid {MID} --tid 88880001 --billNo {BILL} --billDate {DATE} --timeout 60s \
         --authedOrderId {BILL}C1 --authIdRespCd {auth} --totalAmount 100"
    );
    let mut waiting = world.command(&capture.split_whitespace().collect::<Vec<_>>());
    let mut waiting = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !world.run(&format!("sim show {code}")).ends(0).stdout.contains("capturing") {}

    gateway.signal("-TERM");
    let mut stderr =
        BufReader::new(gateway.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(stderr.any(|line| line.contains("once more to stop at once")));
    gateway.signal("-TERM");
    assert_eq!(gateway.child.wait().unwrap().code(), Some(130));
    // The connection broke after the request was sent: nobody knows.
    assert_eq!(waiting.wait().unwrap().code(), Some(7));
}

#[test]
fn data_of_one_environment_is_not_opened_as_the_other() {
    let mut world = World::new();
    world.serve("").stop("-INT").ends(0);
    world
        .run("serve --environment live --listen 127.0.0.1:0")
        .ends(3)
        .says("belongs to the environment `test`");
    world.run("ledger verify --data-dir elsewhere").ends(3).says("there is no store in");
}

#[test]
fn a_second_gateway_on_the_same_data_is_refused() {
    let mut world = World::new();
    let _gateway = world.serve("");
    world.run("serve --listen 127.0.0.1:0").ends(3).says("is in use by another gateway");
}

#[test]
fn the_simulation_is_played_from_the_command_line() {
    let mut world = World::new();
    world.enroll();
    let _gateway = world.serve("");
    let made = world.call("get-qrcode", "--totalAmount 50000 --preauthTransaction true").ends(0);
    let link = made.field("billQRCode");
    world.run(&format!("sim show {link}")).ends(0).shows("requested");
    world.run(&format!("sim decline {link}")).ends(0);
    world.run(&format!("sim expire {link}")).ends(0).shows("lapsed");
    world.run(&format!("sim pay {link}")).ends(9).says("OPERATION_NOT_ALLOWED");
    world.run("sim pay 31940000").ends(8);
    let terms = "--fixBuyer T --name 5byg5LiJ";
    let fixed = format!("-o json call get-qrcode --mid {MID} --tid 88880001 {terms}");
    let code = world.run(&fixed).ends(0).field("qrCodeId");
    world.run(&format!("sim scan {code}")).ends(2).says("amount");
    let bill = world.run(&format!("-o json sim scan {code} --amount 5")).ends(0).field("code");
    world.run(&format!("sim pay {bill} --name 李四")).ends(6).says("named person");
    world.run(&format!("sim pay {bill} --name 张三")).ends(0).shows("paid");
    world.run("sim scenario set late --operation refund --number 3194R1").ends(0);
    world.run("sim scenario list").ends(0).shows("3194R1").shows("late");
    world.run("sim scenario clear --operation refund --number 3194R1").ends(0);
    world.run("sim scenario set nonsense").ends(2).says("lostanswer");
    world.run("sim clock advance 1d").ends(0).shows("86400000");
    world.run("sim clock").ends(0).shows("86400000");
}

#[test]
fn the_help_teaches() {
    let world = World::new();
    world.run("--help").ends(0).shows("OUTCOME UNKNOWN").shows("holdfast demo").shows("预授权");
    world
        .run("call preauthed-cancel --help")
        .ends(0)
        .shows("--authIdRespCd")
        .shows("授权标识应答码")
        .shows("[1 to 64 characters");
    world.run("serve --help").ends(0).shows("--answer-within").shows("HOLDFAST_ANSWER_WITHIN");
    world
        .run("endpoints")
        .ends(0)
        .shows("/v1/netpay/bills/preauthed-cancel")
        .shows("预授权完成撤销");
    world.run("scenarios").ends(0).shows("lostanswer");
}

fn tamper(file: &Path, statement: &str) {
    let changed = rusqlite::Connection::open(file).unwrap().execute(statement, []).unwrap();
    assert!(changed > 0, "{statement}");
}
