//! The program under test, and what it left behind.

use std::{
    path::Path,
    process::{Command, Output},
};

/// The program, to be run in a directory. Nothing of whoever runs the tests reaches it.
pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HOLDFAST_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir);
    command
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
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

#[allow(dead_code, reason = "every test program uses a part")]
impl Ended {
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn shows(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in:\n{}", self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}", self.stdout))
    }

    /// A text of the JSON object on stdout.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let answer = self.json();
        answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
    }

    /// A command that stderr tells to paste, without the program's name.
    #[track_caller]
    pub(crate) fn told(&self, begin: &str) -> String {
        let line = self.stderr.lines().map(str::trim).find(|line| line.starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("no {begin:?} in:\n{}", self.stderr));
        line.strip_prefix("holdfast ").unwrap().to_owned()
    }
}
