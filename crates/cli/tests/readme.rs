//! The README is tried: its commands run in their order, as they stand, on the release binary.

use std::{fs, net::TcpListener, path::Path, process::Command};

/// Runs every `sh` block of the README but the first, which builds and tests everything, in one shell.
#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn the_commands_of_the_readme_do_what_it_says() {
    let readme = read("README.md");
    let blocks = blocks(&readme, "sh");
    assert_eq!(blocks.first().map(String::as_str), Some("cargo run --release -- demo\n./test\n"));
    let binary =
        std::env::var("RELEASE_BINARY").unwrap_or(env!("CARGO_BIN_EXE_holdfast").to_owned());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::Builder::new().prefix("readme-").tempdir_in(base).unwrap();
    // Only the port is changed: the usual one may be taken here.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut script =
        "exec 2>&1\nset -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate().skip(1) {
        script +=
            &format!("echo '=== block {number}'\n{}", block.replace("8080", &port.to_string()));
    }
    let path = format!(
        "{}:{}",
        Path::new(&binary).parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let run = Command::new("bash")
        .arg("-c")
        .arg(&script)
        .current_dir(dir.path())
        .env("PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{script}\n{text}\n{}", String::from_utf8_lossy(&run.stderr));

    let answers: Vec<&str> = text.split("=== block ").collect();
    let with = |part: &str| *answers.iter().find(|answer| answer.contains(part)).unwrap_or(&"");
    // The official request: the full answer.
    let official = with("预授权完成撤销成功");
    for part in [
        r#""errCode":"SUCCESS""#,
        r#""merOrderId":"327M22061819820261705544110""#,
        r#""totalAmount":38000"#,
        r#""status":"TRADE_CLOSED""#,
        r#""billStatus":"PAID""#,
        r#""paySeqId":""#,
        r#""settleDate":""#,
        r#""targetOrderId":""#,
    ] {
        assert!(
            official.contains(part),
            "{part} is missing in the answer to the official request:\n{text}"
        );
    }
    // The outcome that was unknown is known afterwards.
    let lost = with("3270000001-cap-lostanswer");
    assert!(lost.contains("TIMEOUT") && lost.contains("authedBillPayment"), "{text}");
    assert!(text.contains("records"), "ledger verify says nothing:\n{text}");
}

#[test]
fn both_languages_of_the_readme_are_kept_equal() {
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    for language in ["sh", "json", "php"] {
        assert_eq!(
            blocks(&english, language),
            blocks(&chinese, language),
            "{language} blocks differ"
        );
    }
    let shape = |text: &str| {
        let lines = text.lines().map(|line| line.split(' ').next().unwrap_or_default());
        let count = |mark: &'static str| lines.clone().filter(|word| *word == mark).count();
        ["#", "##", "*", "|"].map(count)
    };
    assert_eq!(shape(&english), shape(&chinese), "headings, bullets or table rows differ");
}

fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
