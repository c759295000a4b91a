//! The documentation is tried: the commands of every page run in their order, as they stand, on the release binary.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::unix,
    path::{Path, PathBuf},
    process::Command,
};

/// A page with commands.
struct Page {
    file: &'static str,
    /// What has to be there first, where the page itself does not make it.
    stage: &'static str,
    /// What is run instead of what: commands that never end, that end with a code which says no, that name a file or a
    /// secret of the reader's.
    instead: &'static [(&'static str, &'static str)],
}

const fn page(file: &'static str) -> Page {
    Page { file, stage: "", instead: &[] }
}

/// The pages with commands, without their Chinese twins. Those with a stage hold both languages in one.
const PAGES: &[Page] = &[
    page("README.md"),
    page("docs/first-hold.md"),
    page("docs/taking-notices.md"),
    page("docs/rehearsing-trouble.md"),
    page("docs/going-live.md"),
    page("docs/console.md"),
    Page {
        file: "docs/notices.md",
        stage: HOTEL,
        instead: &[
            (" HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=…", ""),
            ("holdfast listen", "holdfast listen --once"),
            // The receiver on the stage knows no orders, so one trial of all finds it out.
            ("--all", "--all || test $? -eq 10"),
        ],
    },
    Page {
        file: "docs/signatures.md",
        stage: WRONG,
        instead: &[("notice.key\n", "notice.key || test $? -eq 5\n")],
    },
    Page {
        file: "docs/errors.md",
        stage: WRONG,
        // There is nothing of what they name here: what is asked is that they can be typed.
        instead: &[
            ("sign explain\n", "sign explain < request.txt\n"),
            ("\n", " || test $? -ne 2\n"),
        ],
    },
];

/// A gateway with a captured hold, and a receiver.
const HOTEL: &str = r#"
holdfast merchant add 898201612345678 --name "Seaside Hotel" --data-dir hotel > hotel.env
holdfast app add --mid 898201612345678 --id seaside --data-dir hotel >> hotel.env
set -a; . ./hotel.env; set +a
holdfast serve --data-dir hotel --listen 127.0.0.1:8080 --log warn &
PYTHONPATH=sdk/python python3 sdk/python/samples/notice_receiver.py 3000 &
curl --silent --retry 20 --retry-connrefused http://127.0.0.1:8080/readyz
curl --silent --retry 20 --retry-connrefused http://127.0.0.1:3000/ > /dev/null || true
export HOLDFAST_BASE_URL=http://127.0.0.1:8080 HOLDFAST_MID=898201612345678 HOLDFAST_TID=88880001
link=$(holdfast hold take 500 --bill 31942026112300000001 --no-wait)
holdfast sim pay "${link##*=}"
holdfast hold capture 31942026112300000001 380
"#;

/// A request whose signature is wrong, and keys.
const WRONG: &str = r#"
echo "a key" > app.key
echo "another key" > notice.key
cat > request.txt <<'END'
curl http://127.0.0.1:8080/v1/netpay/bills/query --data '{}' --header 'Authorization: OPEN-BODY-SIG AppId="a",Timestamp="20220421150052",Nonce="1",Signature="IPmdGHYCcfN+mto0/02zkwoUF1NT3YqPKaUykMaec10="'
END
export HOLDFAST_BASE_URL=http://127.0.0.1:8080 HOLDFAST_APP_ID=a HOLDFAST_APP_KEY=b
"#;

/// Ports that pages name. Only these are changed: the usual ones may be taken here.
const PORTS: &[&str] = &["8080", "9090", "3000"];

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn the_commands_of_the_readme_do_what_it_says() {
    let text = run("README.md");
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
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn a_first_hold_is_taken_as_its_page_says() {
    run("docs/first-hold.md");
}

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn notices_are_taken_as_their_page_says() {
    run("docs/taking-notices.md");
}

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn trouble_is_rehearsed_as_its_page_says() {
    run("docs/rehearsing-trouble.md");
}

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn going_live_goes_as_its_page_says() {
    run("docs/going-live.md");
}

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn people_get_onto_the_console_as_its_page_says() {
    let said = run("docs/console.md");
    assert!(said.contains("HTTP/1.1 303"), "whoever has no session is sent to sign in: {said}");
}

#[test]
#[ignore = "needs the release binary; ./test builds it and runs this"]
fn the_commands_of_the_other_pages_can_be_typed() {
    for file in ["docs/notices.md", "docs/signatures.md", "docs/errors.md"] {
        run(file);
    }
}

/// The page has a command for every scenario that the simulated channel knows.
#[test]
fn trouble_is_rehearsed_in_every_scenario() {
    let page = read("docs/rehearsing-trouble.md");
    let commands = blocks(&page, "sh").concat();
    let table = holdfast_gateway::channel::scenarios_reference();
    let words: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|word| *word != "approve")
        .collect();
    assert!(words.len() >= 8, "{words:?}");
    for word in words {
        assert!(commands.contains(&format!("-{word}")), "no command for {word}");
    }
}

#[test]
fn every_page_with_commands_is_tried() {
    let mut found: BTreeSet<String> = BTreeSet::from(["README.md".to_owned()]);
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let english = name.ends_with(".md") && !name.ends_with(".zh-CN.md");
        let path = format!("docs/{name}");
        if english && !blocks(&read(&path), "sh").is_empty() {
            found.insert(path);
        }
    }
    assert_eq!(found, PAGES.iter().map(|page| page.file.to_owned()).collect());
}

#[test]
fn both_languages_of_a_page_are_kept_equal() {
    for page in twins() {
        let chinese = page.replace(".md", ".zh-CN.md");
        let (english, chinese) = (read(page), read(&chinese));
        for language in ["sh", "json", "php", "python", "rust", "toml"] {
            assert_eq!(
                blocks(&english, language),
                blocks(&chinese, language),
                "{page}: {language} blocks differ"
            );
        }
        let shape = |text: &str| {
            let lines = text.lines().map(|line| line.split(' ').next().unwrap_or_default());
            let count = |mark: &'static str| lines.clone().filter(|word| *word == mark).count();
            ["#", "##", "*", "|"].map(count)
        };
        assert_eq!(shape(&english), shape(&chinese), "{page}: headings, bullets or rows differ");
    }
}

#[test]
fn no_link_of_a_page_leads_nowhere() {
    let mut count = 0;
    for page in twins() {
        for page in [page.to_owned(), page.replace(".md", ".zh-CN.md")] {
            let text = read(&page);
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                if file.is_empty() || file.contains("://") {
                    continue;
                }
                let target = root().join(&page).parent().unwrap().join(file);
                assert!(target.exists(), "{page}: {link}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} links");
}

/// The pages that have a twin in Chinese.
fn twins() -> impl Iterator<Item = &'static str> {
    let pages = PAGES.iter().filter(|page| page.stage.is_empty()).map(|page| page.file);
    pages.chain(["docs/README.md"])
}

/// Runs every `sh` block of a page in one shell, from a folder that looks like the clone, and answers what they
/// said. Of the README all but the first block, which builds and tests everything.
fn run(file: &str) -> String {
    let page = PAGES.iter().find(|page| page.file == file).expect("a page of the list");
    let mut blocks = blocks(&read(file), "sh");
    if file == "README.md" {
        assert_eq!(blocks.remove(0), "cargo run --release -- demo\n./test\n");
    }
    assert!(!blocks.is_empty(), "{file} has no commands");
    for (what, instead) in page.instead {
        assert!(blocks.iter().any(|block| block.contains(what)), "{file} does not say {what:?}");
        blocks.iter_mut().for_each(|block| *block = block.replace(what, instead));
    }
    blocks.insert(0, page.stage.to_owned());
    let binary =
        std::env::var("RELEASE_BINARY").unwrap_or(env!("CARGO_BIN_EXE_holdfast").to_owned());
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::Builder::new().prefix("page-").tempdir_in(base).unwrap();
    for folder in ["sdk", "conformance"] {
        unix::fs::symlink(root().join(folder), dir.path().join(folder)).unwrap();
    }
    let sockets: Vec<TcpListener> =
        PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let free: Vec<String> =
        sockets.iter().map(|socket| socket.local_addr().unwrap().port().to_string()).collect();
    drop(sockets);
    let mut script =
        "exec 2>&1\nset -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        let mut block = block.clone();
        for (port, free) in PORTS.iter().zip(&free) {
            block = block.replace(port, free);
        }
        script += &format!("echo '=== block {number}'\n{block}");
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
        // What `listen` remembers.
        .env("XDG_STATE_HOME", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{script}\n{text}\n{}", String::from_utf8_lossy(&run.stderr));
    text
}

fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

fn read(file: &str) -> String {
    let path = root().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
