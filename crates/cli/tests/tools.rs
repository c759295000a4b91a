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
