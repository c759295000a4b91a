//! What matters is guarded by a test: the rules of the house that no compiler knows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use holdfast_wire::{
    code::Code,
    field::{BillStatus, CardAttr, InstMid, TargetSys, TradeStatus},
};

#[test]
fn domain_depends_on_nothing() {
    let manifest: toml::Table = read(&crates().join("domain/Cargo.toml")).parse().unwrap();
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap();
    assert!(dependencies.is_empty(), "domain depends on {dependencies:?}");
    for file in sources("domain/src") {
        for forbidden in ["async ", "std::time", "std::fs", "std::net", "std::thread", "std::env"] {
            assert!(!code(&file).contains(forbidden), "{}: {forbidden}", file.display());
        }
    }
}

#[test]
fn time_and_chance_come_from_the_clock() {
    let sources_of_either = [
        "SystemTime::now",
        "Instant::now",
        "UNIX_EPOCH",
        "getrandom::",
        "RandomState",
        "thread_rng",
        "rand::",
        "Uuid::new",
        "tokio::time::sleep",
        "thread::sleep",
    ];
    for krate in ["domain/src", "wire/src", "gateway/src", "client/src", "cli/src"] {
        for file in sources(krate).into_iter().filter(|file| !file.ends_with("clock.rs")) {
            for source in sources_of_either {
                assert!(!code(&file).contains(source), "{}: {source}", file.display());
            }
        }
    }
}

#[test]
fn tests_never_sleep() {
    for tests in ["domain/tests", "wire/tests", "gateway/tests", "client/tests", "cli/tests"] {
        for file in sources(tests).into_iter().filter(|file| !file.ends_with("house.rs")) {
            for sleep in ["time::sleep", "thread::sleep"] {
                assert!(!code(&file).contains(sleep), "{}: {sleep}", file.display());
            }
        }
    }
}

/// The codes and words of the protocol, typos included, are told by `wire` and written nowhere else. Texts for
/// people may name fields; what a program sends may not be spelled by hand.
#[test]
fn protocol_spellings_stay_in_wire() {
    let codes = Code::ALL.iter().map(|code| code.name());
    let words =
        [BillStatus::WORDS, TradeStatus::WORDS, TargetSys::WORDS, CardAttr::WORDS, InstMid::WORDS];
    let spelled = codes.chain(words.into_iter().flatten().copied());
    // Those that only the protocol would write: in capitals, and longer than a number.
    let capitals =
        |word: &&str| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let spelled: Vec<String> = spelled.filter(capitals).map(|word| format!("\"{word}\"")).collect();
    assert!(spelled.len() > 30, "{spelled:?}");
    for krate in ["domain/src", "gateway/src", "client/src", "cli/src"] {
        for file in sources(krate).into_iter().filter(|file| !file.ends_with("tests.rs")) {
            let code = code(&file);
            let product = code.split("#[cfg(test)]").next().unwrap();
            for spelling in &spelled {
                assert!(!product.contains(spelling), "{}: {spelling}", file.display());
            }
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    let map = read(&crates().join("../ARCHITECTURE.md"));
    for krate in ["domain/src", "wire/src", "gateway/src", "client/src", "cli/src"] {
        for file in sources(krate) {
            let path = file.strip_prefix(crates().join(krate)).unwrap();
            let parts: Vec<String> = path
                .components()
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect();
            let whole = parts.join("/");
            // A folder of the map stands for what is in it.
            let folder =
                |count: usize| parts.get(..count).map(|parts| format!("{}/`", parts.join("/")));
            let known = map.contains(&format!("`{whole}`"))
                || map.contains(&format!("`{krate}/{whole}`"))
                || (1..parts.len()).filter_map(folder).any(|folder| map.contains(&folder))
                || whole == "lib.rs"
                || parts.last().is_some_and(|name| name == "tests.rs");
            assert!(known, "{krate}/{whole} is not in ARCHITECTURE.md");
        }
    }
}

#[test]
fn every_guard_on_the_map_exists() {
    let map = read(&crates().join("../ARCHITECTURE.md"));
    let guards =
        map.split("## What must always be true").nth(1).unwrap().split("## To add").next().unwrap();
    let mut count = 0;
    for quoted in guards.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains('/')) {
        assert!(crates().join(quoted).exists(), "{quoted} is named as a guard and does not exist");
        count += 1;
    }
    assert!(count >= 12, "the map names only {count} guards");
}

/// Text without comments: what a file does, not what it says.
fn code(file: &Path) -> String {
    let lines = read(file);
    let lines = lines.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![crates().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
