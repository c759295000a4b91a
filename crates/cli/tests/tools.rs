//! The tools for whoever is stuck, as they meet them: `explain`, `doctor`, completions, manual pages. Every test runs the
//! real program in a directory of its own.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A directory in which commands are run.
struct World(TempDir);

/// What a command left behind.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl World {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        // Nothing of whoever runs the tests may reach the program.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HOLDFAST_") {
                command.env_remove(name);
            }
        }
        command.args(line.split_whitespace()).current_dir(self.0.path());
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

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}", self.stdout))
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
    check(&["holdfast", "call", "pre"], &["preauthed", "preauth-cancel", "preauthed-cancel"]);
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
