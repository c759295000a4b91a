//! The tools for whoever is stuck, as they meet them: `explain`, `doctor`, completions, manual pages. Every test runs the
//! real program in a directory of its own.

mod program;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use program::{Ended, program};

/// A directory in which commands are run.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = program(self.0.path());
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Ended {
        self.command(line).output().unwrap().into()
    }

    /// Runs a command that is given something on stdin.
    fn given(&self, input: &str, line: &str) -> Ended {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }
}

#[test]
fn a_code_is_explained_however_it_is_written() {
    let world = World::new();
    for asked in ["NO_CROSS_DAY_TRADING", "no_cross_day_trading", "no-cross", "No_Cross"] {
        let page = world.run(&format!("explain {asked}")).ends(0);
        page.shows("NO_CROSS_DAY_TRADING  HTTP 200")
            .shows("23:00 Beijing time")
            .shows("北京时间 23:00")
            .shows("Whose fault 责任方")
            .shows("holdfast call refund");
    }
    world.run("explain 1000").ends(0).shows("yyyyMMddHHmmss").shows("Timestamp解析失败");
    world.run("explain NO_").ends(0).shows("NO_ORDER").shows("NO_MERCHANT");
    world.run("explain BAD_SING").ends(8).says("holdfast explain BAD_SIGN");
    world.run("explain NOTHING_LIKE_IT").ends(8).says("没有这个错误代码").says("hint:");
    let all = world.run("explain").ends(0);
    for code in holdfast_wire::code::Code::ALL {
        assert!(all.stdout.contains(code.name()), "{code}");
    }
}

#[test]
fn a_number_is_an_exit_code_or_a_status() {
    let world = World::new();
    world.run("explain 7").ends(0).shows("OUTCOME UNKNOWN").shows("TIMEOUT").shows("NET_ERROR");
    world.run("explain 0").ends(0).shows("exit code 0: ok");
    world.run("explain 130").ends(0).shows("interrupted");
    world.run("explain 412").ends(0).shows("HTTP status 412").shows("1000");
    world.run("explain 999").ends(8);
    let exit = world.run("explain 9 -o json").ends(0).json();
    assert_eq!(exit["number"], 9);
    assert!(exit["codes"].as_array().unwrap().contains(&"DUP_ORDER".into()), "{exit}");
}

#[test]
fn a_pasted_answer_is_explained() {
    let world = World::new();
    let check = |given: &str, code: &str| {
        world.given(given, "explain -").ends(0).shows(&format!("{code}  HTTP"))
    };
    check(r#"{"errCode":"DUP_ORDER","errMsg":"订单号重复"}"#, "DUP_ORDER").says("订单号重复");
    check(r#"{"errCode":"NO_ORDER","data":{"errCode":"BAD_SIGN"}}"#, "BAD_SIGN");
    check("HTTP/1.1 401 Unauthorized\r\n\r\n{\"errCode\":\"BAD_SIGN\"}\r\n", "BAD_SIGN");
    check(r#"{"errCode":"0000","accessToken":"…"}"#, "SUCCESS");
    check("12:00 error TIMEOUT: the outcome is not known yet", "TIMEOUT");
    world.run(r#"explain {"errCode":"TIMEOUT"}"#).ends(0).shows("TIMEOUT  HTTP");
    let told = world.given("{\"errCode\":\"TIMEOUT\",\"errMsg\":\"a\\u001bb\"}", "explain -");
    assert!(!told.stderr.contains('\u{1b}'), "{:?}", told.stderr);
    world.given(r#"{"errCode":"BAD_SING"}"#, "explain -").ends(8).says("BAD_SING");
    world.given(r#"{"errCode":5}"#, "explain -").ends(8).says("no errCode");
    world.given("nothing of ours", "explain -").ends(8).says("hint:");
    world.given("", "explain -").ends(8);
}

#[test]
fn programs_get_everything_about_a_code() {
    let world = World::new();
    let code = world.run("explain timeout -o json").ends(0).json();
    assert_eq!(code["code"], "TIMEOUT");
    assert_eq!((&code["safeToRepeat"], &code["queryFirst"]), (&false.into(), &true.into()));
    assert_eq!(code["pauses"], serde_json::json!({"firstSeconds": 2, "longestSeconds": 60}));
    assert_eq!(code["exit"], 7);
    assert!(code["causes"][0]["zh"].as_str().unwrap().contains("渠道"), "{code}");
    let all = world.run("explain -o json").ends(0).json();
    assert_eq!(all.as_array().unwrap().len(), holdfast_wire::code::Code::ALL.len());
}

/// What bash offers for the last of these words.
fn bash_offers(world: &World, words: &[&str]) -> Vec<String> {
    let script = r#"
        set -u
        source completions.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _holdfast holdfast "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, "bash"]).args(words).current_dir(world.0.path());
    let ended: Ended = bash.output().unwrap().into();
    ended.ends(0).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_endpoints_and_their_fields() {
    let world = World::new();
    let script = world.run("completions bash").ends(0).stdout;
    std::fs::write(world.0.path().join("completions.bash"), script).unwrap();
    let check = |words: &[&str], offered: &[&str]| {
        assert_eq!(bash_offers(&world, words), offered, "{words:?}");
    };
    check(&["holdfast", "expl"], &["explain"]);
    check(&["holdfast", "call", "preauthed"], &["preauthed", "preauthed-cancel"]);
    check(&["holdfast", "call", "query", "--bill"], &["--billNo", "--billDate"]);
    check(&["holdfast", "--output", ""], &["text", "json"]);
    check(&["holdfast", "serve", "--hold"], &["--hold-days"]);
    for endpoint in holdfast_wire::messages::ENDPOINTS {
        check(&["holdfast", "call", endpoint.name], &names_that_begin_with(endpoint.name));
    }
}

fn names_that_begin_with(begin: &str) -> Vec<&'static str> {
    let names = holdfast_wire::messages::ENDPOINTS.iter().map(|endpoint| endpoint.name);
    names.filter(|name| name.starts_with(begin)).collect()
}

#[test]
fn every_shell_gets_completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&format!("completions {shell}")).ends(0).stdout;
        assert!(script.contains("preauthed-cancel") && script.contains("explain"), "{shell}");
    }
    world.run("completions tcsh").ends(2).says("bash");
}

#[test]
fn every_command_has_a_manual_page() {
    let world = World::new();
    world.run("man --out pages/man1").ends(0).says("pages");
    let dir = world.0.path().join("pages/man1");
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    // From the page of the whole program to that of each command that a page refers to.
    let mut left = vec!["holdfast.1".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = left.pop() {
        let page = read(&name);
        assert!(page.starts_with(".\\\" -*- coding: utf-8 -*-\n"), "{name}");
        assert_eq!(page.matches("\n.nf\n").count(), page.matches("\n.fi\n").count(), "{name}");
        let named = page.lines().filter_map(|line| line.strip_suffix("(1)"));
        left.extend(named.map(|name| format!("{}.1", name.replace('\\', ""))));
        seen.insert(name);
    }
    let files = std::fs::read_dir(&dir).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(seen, files.collect());
    for endpoint in holdfast_wire::messages::ENDPOINTS {
        let page = read(&format!("holdfast-call-{}.1", endpoint.name));
        assert!(page.contains(endpoint.title.zh), "{}", endpoint.name);
    }
    assert_eq!(world.run("man").ends(0).stdout, read("holdfast.1"));
    let page = world.run("man call preauthed-cancel").ends(0).stdout;
    assert_eq!(page, read("holdfast-call-preauthed-cancel.1"));
    world.run("man call nothing").ends(8).says("holdfast-call has no command");
}

#[test]
fn a_manual_page_can_be_read() {
    let world = World::new();
    let page = world.run("man explain").ends(0).stdout;
    std::fs::write(world.0.path().join("page.1"), page).unwrap();
    let mut man = Command::new("man");
    man.args(["--warnings", "-E", "UTF-8", "-l", "page.1"]).current_dir(world.0.path());
    man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "120");
    // Where there is no such program nobody reads pages either; that they are well-formed is tested above.
    let Ok(output) = man.output() else { return };
    let read = Ended::from(output).ends(0);
    let text = read.stdout.replace('\u{8}', "");
    assert!(text.contains("解释错误代码") && text.contains("EXAMPLES"), "{text}");
    assert!(text.lines().any(|line| line.trim().starts_with("holdfast explain 7 ")), "{text}");
    let wrong = read.stderr.lines().find(|line| !line.ends_with("line"));
    assert_eq!(wrong, None, "{}", read.stderr);
}

/// A merchant, an app that may act for it, and a gateway that has run on their data.
struct Hotel {
    world: World,
    /// What the app signs with, as environment variables.
    credentials: Vec<(String, String)>,
}

/// A gateway that runs until it is dropped.
struct Served {
    child: std::process::Child,
    url: String,
}

const MID: &str = "898201612345678";

impl Hotel {
    fn new() -> Self {
        let world = World::new();
        world.run(&format!("merchant add {MID} --name hotel")).ends(0);
        let added = world.run(&format!("app add --mid {MID} --id shop")).ends(0).stdout;
        let pairs = added.lines().filter_map(|line| line.split_once('='));
        let credentials = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { world, credentials }
    }

    fn serve(&self) -> Served {
        let mut command = self.world.command("serve --listen 127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Served { child, url }
    }

    fn settings(&self, text: &str) {
        std::fs::write(self.world.0.path().join("holdfast.toml"), text).unwrap();
    }

    fn asks(&self, line: &str) -> Ended {
        self.world.command(line).envs(self.credentials.iter().cloned()).output().unwrap().into()
    }

    fn sql(&self, file: &str, change: &str) {
        let path = self.world.0.path().join("holdfast-data").join(file);
        rusqlite::Connection::open(path).unwrap().execute_batch(change).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The finding of one check: its mark, and what it says with its hint.
fn found(ended: &Ended, check: &str) -> (String, String) {
    let told = ended.json();
    let checks = told["checks"].as_array().unwrap();
    let finding = checks.iter().find(|finding| finding["check"] == check);
    let finding = finding.unwrap_or_else(|| panic!("no {check} in {told}"));
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    (text("mark"), format!("{} / {}", text("text"), text("hint")))
}

#[track_caller]
fn finds(ended: &Ended, check: &str, mark: &str, said: &str) {
    let (marked, told) = found(ended, check);
    assert!(marked == mark && told.contains(said), "{check}: {marked}: {told}");
}

#[test]
fn a_healthy_gateway_has_nothing_to_tell_the_doctor() {
    let hotel = Hotel::new();
    let served = hotel.serve();
    let ended = hotel.asks(&format!("doctor -o json --base-url {}", served.url)).ends(0);
    for check in ["connection", "gateway", "clock", "credentials", "store", "keys", "disk"] {
        finds(&ended, check, "ok", "");
    }
    for check in ["directory", "notices", "bills"] {
        finds(&ended, check, "ok", "");
    }
    assert_eq!(ended.json()["ok"], true);
    let text = hotel.asks(&format!("doctor --base-url {}", served.url)).ends(0);
    text.shows("✓ ok").shows("clock 时钟").says("0 bad");
    // Elsewhere, without data and without credentials: only what can be seen from there.
    let elsewhere = World::new().run(&format!("doctor -o json --base-url {}", served.url)).ends(0);
    finds(&elsewhere, "credentials", "left-out", "HOLDFAST_APP_KEY");
    finds(&elsewhere, "directory", "left-out", "--data-dir");
    finds(&elsewhere, "gateway", "ok", "store writes");
}

#[test]
fn without_a_gateway_the_doctor_looks_at_the_data_alone() {
    let hotel = Hotel::new();
    // Where nobody listens, whatever else runs on this machine.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    hotel.settings(&format!("listen = \"{nobody}\"\n"));
    finds(
        &hotel.world.run("doctor -o json").ends(1),
        "directory",
        "left-out",
        "no gateway has run",
    );
    drop(hotel.serve());
    let ended = hotel.world.run("doctor -o json").ends(0);
    finds(&ended, "connection", "left-out", "holdfast serve");
    finds(&ended, "store", "ok", "no gateway runs on it");
    // Whoever says where a gateway is wants one there.
    let ended = hotel.world.run(&format!("doctor -o json --base-url http://{nobody}")).ends(1);
    finds(&ended, "connection", "fail", "no connection");
    let ended = hotel.world.run("doctor -o json --data-dir missing").ends(1);
    finds(&ended, "directory", "fail", "no store in missing");
    // A gateway that listens elsewhere than these settings say is not overlooked.
    let _served = hotel.serve();
    finds(&hotel.world.run("doctor -o json").ends(1), "connection", "fail", "no connection");
    let ended = hotel.world.run("doctor -o json --base-url nowhere").ends(1);
    finds(&ended, "address", "fail", "not an address");
}

#[test]
fn keys_and_credentials_that_fail_are_named() {
    let hotel = Hotel::new();
    let served = hotel.serve();
    let doctor = format!("doctor -o json --base-url {}", served.url);
    let mut wrong = hotel.world.command(&doctor);
    wrong.env("HOLDFAST_APP_ID", "shop").env("HOLDFAST_APP_KEY", "wrong");
    let ended = Ended::from(wrong.output().unwrap()).ends(1);
    finds(&ended, "credentials", "fail", "holdfast explain BAD_SIGN");
    let mut keyless = hotel.world.command(&doctor);
    keyless.env("HOLDFAST_APP_ID", "shop");
    finds(&Ended::from(keyless.output().unwrap()).ends(1), "credentials", "fail", "no key");

    hotel.world.run("app rotate-key shop --overlap 24h").ends(0);
    finds(&hotel.asks(&doctor).ends(0), "keys", "warning", "shop key 1 on ");
    hotel.world.run("app revoke-key shop 1").ends(0);
    finds(&hotel.world.run(&doctor).ends(0), "keys", "ok", "apps: 1");

    hotel.world.run("app revoke-key shop 2").ends(0);
    finds(&hotel.world.run(&doctor).ends(0), "keys", "warning", "holdfast app rotate-key shop");
    hotel.world.run("app rotate-key shop --overlap 0s").ends(0);

    let key = hotel.world.0.path().join("holdfast-data/master.key");
    let mode = |mode| {
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode(0o644);
    finds(&hotel.world.run(&doctor).ends(1), "keys", "fail", "chmod 600");
    mode(0o600);
    let whole = std::fs::read(&key).unwrap();
    std::fs::write(&key, "0".repeat(64)).unwrap();
    finds(&hotel.world.run(&doctor).ends(1), "keys", "fail", "does not open");
    std::fs::remove_file(&key).unwrap();
    finds(&hotel.world.run(&doctor).ends(1), "keys", "fail", "is missing");
    assert!(!key.exists(), "the doctor made a key");
    std::fs::write(&key, whole).unwrap();
    mode(0o600);
    finds(&hotel.world.run(&doctor).ends(0), "keys", "ok", "");
    let data = hotel.world.0.path().join("holdfast-data");
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    finds(&hotel.world.run(&doctor).ends(0), "directory", "warning", "chmod 700 holdfast-data");
}

#[test]
fn what_waits_too_long_is_named() {
    let hotel = Hotel::new();
    let set = format!("merchant set {MID} --notify-url http://127.0.0.1:9/n --notify-on capture");
    hotel.world.run(&set).ends(0);
    hotel.settings("answer_within = \"200ms\"\n");
    let served = hotel.serve();
    let ask = |line: &str, code: i32| {
        let at = format!("{line} --base-url {} -o json", served.url);
        hotel.asks(&at).ends(code)
    };
    let bill =
        format!("--mid {MID} --tid 88880001 --billNo 31942026112300000001 --billDate 2026-11-23");
    let make = format!("call get-qrcode {bill} --totalAmount 50000 --preauthTransaction true");
    let code = ask(&make, 0).json()["qrCodeId"].as_str().unwrap().to_owned();
    let paid = ask(&format!("sim pay {code}"), 0).json();
    let auth = paid["authIdRespCd"].as_str().unwrap().to_owned();
    let ended = ask("doctor", 0);
    finds(&ended, "bills", "ok", "0 holds of 0.00 yuan");
    // Its answer takes longer than anybody waits, and longer than this gateway lives.
    ask("sim scenario set late --operation capture", 0);
    let order = "--authedOrderId 31942026112300000001C1 --totalAmount 38000";
    let capture = format!("call preauthed {bill} {order} --authIdRespCd {auth}");
    ask(&capture, 7);
    drop(served);

    let doctor = |code: i32| hotel.world.run("doctor -o json").ends(code);
    finds(&doctor(0), "notices", "ok", "1 receivers have some waiting");
    // Two hours later nobody has started a gateway.
    hotel.sql(
        "registry.db",
        "INSERT OR REPLACE INTO registry (kind, id, record) VALUES ('setting', 'clock_ahead_ms', '7200000')",
    );
    let ended = doctor(0);
    finds(&ended, "notices", "warning", "http://127.0.0.1:9");
    finds(&ended, "notices", "warning", "holdfast serve");
    finds(&ended, "bills", "warning", "the outcome of 1 orders is not known");
    hotel.world.run(&format!("notices drop --mid {MID}")).ends(0);
    finds(&doctor(0), "notices", "warning", "holdfast notices resend --all-failed");
    hotel.sql("journal.db", "PRAGMA user_version = 99");
    finds(&doctor(1), "store", "fail", "version 99");
}

/// A gateway that was killed leaves logs beside its files. The doctor leaves them too, whole or broken: they may be all
/// there is of what was committed last.
#[test]
fn the_doctor_changes_no_byte_of_what_a_killed_gateway_left() {
    let hotel = Hotel::new();
    let served = hotel.serve();
    let bill =
        format!("--mid {MID} --tid 88880001 --billNo 31942026112300000001 --billDate 2026-11-23");
    let make = format!("call get-qrcode {bill} --totalAmount 50000 --base-url {}", served.url);
    hotel.asks(&make).ends(0);
    drop(served);
    let data = hotel.world.0.path().join("holdfast-data");
    let files = || {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&data)
            .unwrap()
            .map(|file| file.unwrap().path())
            // An index of the log, which follows from it.
            .filter(|path| !path.display().to_string().ends_with("-shm"))
            .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let doctor = |code: i32| {
        let before = files();
        let ended = hotel.world.run("doctor -o json").ends(code);
        let same = files() == before;
        assert!(same, "{}", ended.stdout);
        ended
    };
    assert!(!std::fs::read(data.join("journal.db-wal")).unwrap().is_empty());
    finds(&doctor(0), "store", "ok", "1 records");
    std::fs::remove_file(data.join("LOCK")).unwrap();
    finds(&doctor(0), "store", "ok", "1 records");
    std::fs::remove_file(data.join("journal.db-shm")).unwrap();
    std::fs::write(data.join("journal.db-wal"), [7; 9_000]).unwrap();
    finds(&doctor(1), "store", "fail", "journal.db has version 0");
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    finds(&doctor(1), "store", "fail", "no journal.db");
}

#[test]
fn a_broken_outbox_is_no_missing_one() {
    let hotel = Hotel::new();
    drop(hotel.serve());
    let data = hotel.world.0.path().join("holdfast-data");
    for name in ["notices.db", "notices.db-wal", "notices.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    finds(&hotel.world.run("doctor -o json").ends(0), "notices", "warning", "holdfast serve");
    std::fs::write(data.join("notices.db"), [7; 9_000]).unwrap();
    finds(&hotel.world.run("doctor -o json").ends(1), "notices", "fail", "from a backup");
}

#[test]
fn a_live_gateway_that_would_not_start_is_told_why() {
    let hotel = Hotel::new();
    std::fs::remove_dir_all(hotel.world.0.path().join("holdfast-data")).unwrap();
    hotel.settings("environment = \"live\"\n");
    hotel.world.run(&format!("merchant add {MID} --name hotel")).ends(0);
    drop(hotel.serve());
    finds(&hotel.world.run("doctor -o json"), "store", "ok", "environment live");
    // A key from the vendor's documents.
    let add = format!("app add --mid {MID} --id sample --key-stdin");
    hotel.world.given("67890123456789012345678901234567", &add).ends(0);
    let ended = hotel.world.run("doctor -o json").ends(1);
    finds(&ended, "keys", "fail", "holdfast app rotate-key sample");
}

/// Answers every request on a port of its own with these lines, one connection after the other.
fn answering(status: &'static str, headers: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut from = std::io::BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while std::io::BufRead::read_line(&mut from, &mut line).is_ok_and(|read| read > 0) {
                if std::mem::take(&mut line) == "\r\n" {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
                    );
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        }
    });
    url
}

#[test]
fn each_step_to_a_gateway_fails_by_itself() {
    let world = World::new();
    let doctor =
        |url: &str, code: i32| world.run(&format!("doctor -o json --base-url {url}")).ends(code);
    let old = answering("200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "ok\n");
    let ended = doctor(&old, 1);
    finds(&ended, "clock", "fail", "ABNORMAL_REQUEST_TIME");
    finds(&ended, "gateway", "ok", "");
    let timeless = answering("200 OK", "", "ok\n");
    finds(&doctor(&timeless, 0), "clock", "left-out", "what time");
    let other = answering("404 Not Found", "", "nothing here\n");
    finds(&doctor(&other, 0), "gateway", "left-out", "no Holdfast gateway");
    let sick = answering("503 Service Unavailable", "", "not ready\u{1b}[31m\n");
    // A proxy lives, and what is behind it does not.
    finds(&doctor(&sick, 1), "gateway", "fail", "503");
    // Not HTTPS: told as such, and nothing is sent in plain text instead.
    finds(&doctor(&old.replace("http:", "https:"), 1), "certificate", "fail", "TLS failed");
    finds(&doctor("http://nowhere.invalid:8080", 1), "address", "fail", "nowhere.invalid");
}
