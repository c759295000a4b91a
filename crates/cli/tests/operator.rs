//! `holdfast operator` as people type it: who may use the console, and what was done there.

mod program;

use std::{io::Write as _, process::Stdio};

use program::{Ended, program};
use tempfile::TempDir;

fn run(dir: &TempDir, input: &str, line: &str) -> Ended {
    let mut command = program(dir.path());
    command.args(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing may be gone before it is written to.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn operators_are_added_changed_and_listed_and_the_audit_says_so() {
    let dir = TempDir::new().unwrap();
    let secret = "correct horse battery";
    run(&dir, &format!("{secret}\n"), "operator add lin --role administrator --password-stdin")
        .ends(0);
    run(&dir, "another long one\n", "operator add Lin --role viewer --password-stdin")
        .ends(9)
        .says("there is an operator of that name already");
    let made = run(&dir, "", "operator add 陈晨 --role operator --generate").ends(0);
    let password = made.stdout.trim();
    assert!(password.len() == 27 && password.matches('-').count() == 3, "{password}");
    run(&dir, "", "operator set-role 陈晨 viewer").ends(0);
    run(&dir, "", "operator disable 陈晨").ends(0);
    run(&dir, "", "operator disable lin").ends(9).says("the last administrator");
    run(&dir, "", "operator set-role lin viewer").ends(9).says("the last administrator");
    run(&dir, "", "operator set-role nobody viewer").ends(8).says("holdfast operator list");
    run(&dir, "", "operator list").ends(0).shows("administrator 管理员").shows("disabled 已停用");

    let audit = run(&dir, "", "-o json operator audit").ends(0);
    let acts: Vec<serde_json::Value> =
        audit.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let acts: Vec<&str> = acts.iter().map(|entry| entry["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["operator-disabled", "role-changed", "operator-added", "operator-added"]);
    run(&dir, "", "operator audit --act role-changed")
        .ends(0)
        .shows("(command line)")
        .shows("operator -> viewer");
    run(&dir, "", "operator audit --verify").ends(0).shows("whole").shows("entries 条数: 4");
    for file in std::fs::read_dir(dir.path().join("holdfast-data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for hidden in [secret, password] {
            let found = bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
            assert!(!found, "a password is stored readable");
        }
    }
}

#[test]
fn a_password_is_refused_with_its_rule_and_never_taken_from_a_flag() {
    let dir = TempDir::new().unwrap();
    for (input, rule) in [
        ("short\n", "10 characters or more"),
        ("password1234\n", "would be tried first"),
        ("aaaaaaaaaaaaaa\n", "would be tried first"),
        ("lin-lin-lin-2026\n", "would be tried first"),
    ] {
        run(&dir, input, "operator add lin --role viewer --password-stdin").ends(2).says(rule);
    }
    run(&dir, "", "operator add lin --role viewer").ends(2).says("--password-stdin");
    run(&dir, "", "operator add lin --role viewer --password x").ends(2);
    run(&dir, "", "operator add a/b --role viewer --generate").ends(2).says("2 to 32 letters");
    run(&dir, "", "operator list").ends(0);
}

#[test]
fn an_audit_that_was_tampered_with_is_found_out() {
    let dir = TempDir::new().unwrap();
    for name in ["lin", "chen", "wu"] {
        run(&dir, "", &format!("operator add {name} --role administrator --generate")).ends(0);
    }
    let file = rusqlite::Connection::open(dir.path().join("holdfast-data/console.db")).unwrap();
    for forbidden in [
        "UPDATE audit SET who = 'wu' WHERE id = 2",
        "DELETE FROM audit WHERE id = 3",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 2",
    ] {
        let told = file.execute(forbidden, []).unwrap_err().to_string();
        assert!(told.contains("the audit is only added to"), "{told}");
    }
    run(&dir, "", "operator audit --verify").ends(0);
    file.execute_batch(
        "DROP TRIGGER audit_is_not_changed; UPDATE audit SET detail = 'viewer' WHERE id = 2",
    )
    .unwrap();
    run(&dir, "", "operator audit --verify").ends(10).shows("entry 2 does not follow");
    run(&dir, "", "-o json operator audit --verify").ends(10).shows("\"broken\":2");
}
