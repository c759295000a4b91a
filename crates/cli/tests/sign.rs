//! `holdfast sign` as its users meet it. The signatures here were made once with Python's `hashlib` and `hmac`: with
//! every known mistake as somebody would make it.

mod program;

use std::{fs, io::Write as _, path::Path, process::Stdio};

use holdfast_gateway::clock::Clock;
use holdfast_wire::time;
use serde_json::Value;
use tempfile::TempDir;

use program::{Ended, program};

// The example credentials that the vendor itself published.
const APP_KEY: &str = "67890123456789012345678901234567";
const NOTICE_KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";
const HEAD: &str = r#"AppId="12345678901234567890123456789012", Timestamp="20170101120000", Nonce="09876543210987654321098765432109""#;
const BODY: &str = r#"{"mid":"898201612345678","tid":"88880001","billDesc":"押金 1号房"}"#;
const RIGHT: &str = "cB+eLGfNQT5IHqKKvTHUE0BE/dv3mbncS0f8IKo6Sx4=";
const RESERIALISED: &str = "M1uEbwMUEw9258PzH5mpZs8dvI7mOiPisj5rjHBHxuU=";

const NOTICE: &str = "mid=898340149000005&billNo=3194202304010900000001234567&billStatus=PAID&billDesc=%E6%8A%BC%E9%87%91+1%E5%8F%B7%E6%88%BF&createTime=2023-04-01+09%3A00%3A00&billPayment=%7B%22totalAmount%22%3A1908%2C%22status%22%3A%22TRADE_SUCCESS%22%7D&memo=&Zq=Snwz&notifyId=911b4376&seqId=00151100146N&signType=SHA256";
const NOTICE_RIGHT: &str = "CA6BCB6AE152461C4D2BD91993D4CF85EF37DBF76DFDAE76858664A24C2D43AF";
const LEGACY: &str = r#"{"msgSrc":"WWW.TEST.COM","msgType":"bills.query","mid":"898340149000005","totalAmount":"1","sign":"SIGN"}"#;
const FORM_PARAM: &str = "authorization=OPEN-FORM-PARAM&appId=12345678901234567890123456789012&timestamp=20170101120000&nonce=09876543210987654321098765432109&content=%7B%22billDesc%22%3A%22%E6%8A%BC%E9%87%91+1%E5%8F%B7%E6%88%BF%22%7D&signature=";

/// Runs `holdfast sign` in a directory with both keys.
fn sign(input: &str, words: &[&str]) -> Ended {
    let keys = [("HOLDFAST_APP_KEY", APP_KEY), ("HOLDFAST_NOTICE_KEY", NOTICE_KEY)];
    sign_with(input, &keys, &[], words)
}

fn sign_with(
    input: &str,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
    words: &[&str],
) -> Ended {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut command = program(dir.path());
    command.arg("sign").args(words).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not want it closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = Ended::from(child.wait_with_output().unwrap());
    for key in [APP_KEY, NOTICE_KEY] {
        assert!(!format!("{ended:?}").contains(key), "a key is shown: {ended:?}");
    }
    ended
}

fn curl(signature: &str) -> String {
    format!(
        "curl -sS https://api-mop.chinaums.com/v1/netpay/bills/query \\\n  -H 'Content-Type: application/json' \\\n  \
         -H 'Authorization: OPEN-BODY-SIG {HEAD}, Signature=\"{signature}\"' \\\n  --data-raw '{BODY}'\n"
    )
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Explains an input and says which mistakes are named, for programs and for people.
#[track_caller]
fn explains(input: &str, mistakes: &[&str]) -> Value {
    let ended = sign(input, &["explain", "-o", "json"]);
    assert_eq!(ended.code, Some(if mistakes.is_empty() { 0 } else { 5 }), "{input}\n{ended:?}");
    let told = json(&ended);
    let names: Vec<_> =
        told["mistakes"].as_array().unwrap().iter().map(|told| &told["name"]).collect();
    assert_eq!(names, mistakes, "{input}\n{ended:?}");
    let shown = sign(input, &["explain"]);
    assert_eq!(shown.code, ended.code);
    for told in told["mistakes"].as_array().unwrap() {
        for language in ["en", "zh"] {
            let sentence = told[language].as_str().unwrap().replace([' ', '\n'], "");
            assert!(
                shown.stdout.replace([' ', '\n'], "").contains(&sentence),
                "{sentence}\n{}",
                shown.stdout
            );
        }
    }
    told
}

#[test]
fn each_mistake_in_a_request_is_named_from_one_command() {
    for (signature, mistakes) in [
        (RIGHT, &[][..]),
        (RESERIALISED, &["other-layout"]),
        ("LClG6+bKB9eyQLeL3Wrfp6U5BccXSVQLGXbdUEAbErs=", &["upper-case-hash"]),
        ("701f9e2c67cd413e481ea28abd31d4134044fddbf799b9dc4b47fc20aa3a4b1e", &["hex"]),
        ("1cnAyJyDNIiNtXt7AjdnlUteEfPA/Kbmg9znLq9STpc=", &["notice-key-used"]),
        ("BCzEihytJ7aRcH6MtoZ/o4xctcAZD//cyB/EFq+qPNM=", &["eight-hours"]),
        ("Mod12a9OEPP3G7lCTJt8Or0CzsAi2ZHHaPtO37FcqT0=", &["trailing-newline"]),
        (
            "Jd5NLMhC6PdRXaUuD79RMPZcSDKLuIdIOmgBHhPuHPI=",
            &["other-layout", "other-escapes", "upper-case-hash"],
        ),
    ] {
        explains(&curl(signature), mistakes);
    }
    explains(
        &format!("{FORM_PARAM}2UShzxdH8cSO4pBdTK6t0%2BfC42jMYFOqWgN76iTGimI%3D"),
        &["encoded-content"],
    );
}

#[test]
fn each_mistake_in_a_notice_is_named_from_one_command() {
    for (signature, mistakes) in [
        (NOTICE_RIGHT, &[][..]),
        ("661A1D40C440F3DDC508C53521636E429BA538756FAB583EA70D4E465BBA4117", &["app-key-used"]),
        (
            "C6E626E57CBAE0CD5A3261E2E47EECD12729C2F6A61E85D17D0E20AA717A2CE3",
            &["sign-type-left-out"],
        ),
        ("1815BA8CAFE4796E001FC2B13AA39738766DD31945D141712EE935574FFD398C", &["empty-values"]),
        (
            "26FF9D4282D9EEAD35D92A52F21B1DDD8D2D7968B2F7A82E3FE41670E7BEFBD5",
            &["case-insensitive-sort"],
        ),
        ("A9C41FB51AE4754578A50EFAF969A47AD43D90D416B3CAFE0CF3E2CBE17AF149", &["encoded-values"]),
        ("4EA428E77B537433450C5628CA52EC7E315624281125BB1D2C98F600A8BE9AD5", &["shifted-times"]),
    ] {
        explains(&format!("{NOTICE}&sign={signature}\n"), mistakes);
        // The same when it is what a receiver computed for a notice that is right.
        if !mistakes.is_empty() {
            let ended = sign(
                &format!("{NOTICE}&sign={NOTICE_RIGHT}"),
                &["explain", "--theirs", signature, "-o", "json"],
            );
            assert_eq!(json(&ended)["mistakes"][0]["name"], mistakes[0]);
        }
    }
}

#[test]
fn every_way_to_paste_a_request_is_understood() {
    let header = format!("OPEN-BODY-SIG {HEAD}, Signature=\"{RIGHT}\"");
    for (from, input) in [
        ("curl", curl(RIGHT)),
        (
            "http",
            format!(
                "POST /v1/netpay/bills/query HTTP/1.1\r\nHost: h\r\nAuthorization: {header}\r\n\r\n{BODY}"
            ),
        ),
        ("http", format!("POST /v1/netpay/bills/query\nauthorization: {header}\n\n{BODY}\n")),
        (
            "http",
            format!(
                ":method: POST\n:path: /v1/netpay/bills/query\nauthorization: {header}\n\n{BODY}"
            ),
        ),
        (
            "address",
            format!("https://h/v1/x?{FORM_PARAM}JW63hfl17LmOQ3qRkiyE4puyabynBzcNi84vn0QcCBw%3D"),
        ),
        ("form", format!("{FORM_PARAM}JW63hfl17LmOQ3qRkiyE4puyabynBzcNi84vn0QcCBw%3D")),
    ] {
        assert_eq!(explains(&input, &[])["from"], from, "{input}");
    }
    let beside = sign(&format!("{BODY}\n"), &["explain", "--authorization", &header, "-o", "json"]);
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert_eq!(json(&beside)["from"], "body");
    assert!(json(&beside)["notes"][0]["en"].as_str().unwrap().contains("line break"), "{beside:?}");
    let file = sign_with(
        "",
        &[],
        &[("r.txt", &curl(RIGHT)), ("k", APP_KEY)],
        &["explain", "r.txt", "--app-key-file", "k"],
    );
    assert_eq!(file.code, Some(0), "{file:?}");
}

#[test]
fn every_way_to_paste_a_notice_and_its_relatives_is_understood() {
    let form = format!("{NOTICE}&sign={NOTICE_RIGHT}");
    let pairs = format!(
        r#"{{"mid":"898340149000005","billNo":"3194202304010900000001234567","billStatus":"PAID","billDesc":"押金 1号房","createTime":"2023-04-01 09:00:00","billPayment":"{{\"totalAmount\":1908,\"status\":\"TRADE_SUCCESS\"}}","memo":null,"Zq":"Snwz","notifyId":"911b4376","seqId":"00151100146N","signType":"SHA256","sign":"{}"}}"#,
        NOTICE_RIGHT.to_lowercase()
    );
    let token = r#"{"appId":"12345678901234567890123456789012","timestamp":"20170101120000","nonce":"09876543210987654321098765432109","signature":"SIGN"}"#;
    let sha1 = token.replace("SIGN", "3657048573452d73ed938d65dae37825fe788d12");
    let sha256 =
        token.replace("SIGN", "d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942");
    for (from, scheme, input, mistakes) in [
        ("form", "notice", form.clone(), &[][..]),
        ("http", "notice", format!("POST /notices HTTP/1.1\r\nHost: h\r\n\r\n{form}"), &[]),
        ("address", "notice", format!("https://shop.example/back?{form}#top"), &[]),
        ("curl", "notice", format!("curl http://127.0.0.1:3000/notices?a=b -d '{form}'"), &[]),
        ("json", "notice", pairs, &[]),
        ("json", "predecessor", LEGACY.replace("SIGN", "4E778126FE48FA94C75B09A32CDC6A70"), &[]),
        (
            "json",
            "predecessor",
            LEGACY.replace("SIGN", "5420A4C6B879872BE59896499C01E71E"),
            &["key-parameter"],
        ),
        ("json", "token-request", sha1, &[]),
        ("json", "token-request", sha256, &["other-digest"]),
    ] {
        let told = explains(&input, mistakes);
        assert_eq!((&told["from"], &told["scheme"]), (&from.into(), &scheme.into()), "{input}");
    }
}

#[test]
fn a_clock_in_another_time_zone_is_noticed_though_the_signature_is_right() {
    let utc = time::show_stamp(Clock::running(0).wall().plus_ms(-8 * 3_600_000));
    let made = |stamp: &str, body: &str| {
        let words = ["request", "--app-id", "app", "--endpoint", "query", "--timestamp", stamp];
        let made = sign(body, &words);
        assert_eq!(made.code, Some(0), "{made:?}");
        let told =
            sign(&made.stdout[made.stdout.find("curl").unwrap()..], &["explain", "-o", "json"]);
        assert_eq!(told.code, Some(0), "{told:?}");
        json(&told)["notes"].to_string()
    };
    assert!(made(&utc, BODY).contains("eight hours from now"));
    let now = time::show_stamp(Clock::running(0).wall());
    assert_eq!(made(&now, BODY), "[]");
    let old = made("20170101120000", r#"{"requestTimestamp":"2017-01-01 20:00:03"}"#);
    assert!(
        old.contains("not within 15 minutes") && old.contains("are eight hours apart"),
        "{old}"
    );
}

#[test]
fn without_a_key_the_text_to_sign_is_shown_and_the_key_s_place_in_it() {
    for (input, place) in [
        (curl(RIGHT), "‹AppKey›"),
        (format!("{NOTICE}&sign={NOTICE_RIGHT}"), "‹communication key 通讯密钥›"),
    ] {
        let ended = sign_with(&input, &[], &[], &["explain"]);
        assert_eq!(ended.code, Some(5), "{ended:?}");
        assert!(ended.stdout.contains(place), "{ended:?}");
        assert!(ended.stdout.contains("no key 未提供密钥"), "{ended:?}");
        let ended = sign_with(&input, &[], &[], &["verify"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""), "{ended:?}");
        assert!(ended.stderr.contains("hint: --"), "{ended:?}");
    }
}

#[test]
fn one_of_several_keys_is_told_by_its_file() {
    let files = [
        ("r.txt", curl(RIGHT)),
        ("new.key", "another key".to_owned()),
        ("old.key", format!("{APP_KEY}\n")),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let words = ["explain", "r.txt", "--app-key-file", "new.key", "--app-key-file", "old.key"];
    let ended = sign_with("", &[], &files, &words);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(
        ended.stdout.contains("mistake 错误 (old.key)\n  it was signed with another"),
        "{ended:?}"
    );
    let from_stdin = sign_with(
        &format!("{APP_KEY}\n"),
        &[],
        &files,
        &["verify", "r.txt", "--app-key-file", "-"],
    );
    assert_eq!(from_stdin.code, Some(0), "{from_stdin:?}");
    let twice = sign_with(&curl(RIGHT), &[], &[], &["verify", "--app-key-file", "-"]);
    assert_eq!(twice.code, Some(2), "{twice:?}");
}

#[test]
fn verify_says_yes_or_no_and_nothing_else() {
    let form = format!("{NOTICE}&sign={NOTICE_RIGHT}");
    for (input, code, word) in [
        (curl(RIGHT), 0, "right"),
        (curl(RESERIALISED), 5, "wrong"),
        (form.clone(), 0, "right"),
        (form.replace("PAID", "PAIE"), 5, "wrong"),
        (LEGACY.replace("SIGN", "4E778126FE48FA94C75B09A32CDC6A70"), 0, "right"),
    ] {
        let ended = sign(&input, &["verify"]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.contains(&format!("the signature is {word}")), "{ended:?}");
        assert_eq!(json(&sign(&input, &["verify", "-o", "json"]))["right"], code == 0);
    }
    // Its signature is right, and yet nobody knows what it says.
    let hidden =
        sign("billNo=1%26billStatus%3DPAID&billStatus=PAID&notifyId=1&seqId=1", &["notice"]);
    let ended = sign(&hidden.stdout, &["verify"]);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stdout.contains("do not believe it"), "{ended:?}");
}

#[test]
fn what_is_signed_here_is_right() {
    let given = [
        "--app-id",
        "12345678901234567890123456789012",
        "--timestamp",
        "20170101120000",
        "--nonce",
    ];
    let given = [&given[..], &["09876543210987654321098765432109"]].concat();
    let made = |words: &[&str], body: &str| {
        let ended = sign(body, &[&["request"], &given[..], words].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let header = made(&[], &format!("{BODY}\n"));
    assert_eq!(
        header,
        format!(
            "Authorization: OPEN-BODY-SIG {}\n",
            format!("{HEAD}, Signature=\"{RIGHT}\"").replace(", ", ",")
        )
    );
    let query = made(&["--scheme", "form-param"], r#"{"billDesc":"押金 1号房"}"#);
    assert_eq!(
        query.trim_end(),
        format!("{FORM_PARAM}JW63hfl17LmOQ3qRkiyE4puyabynBzcNi84vn0QcCBw%3D")
    );
    let token = made(&["--scheme", "token"], "");
    assert!(
        token.contains("d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942"),
        "{token}"
    );
    for words in [["--endpoint", "query"], ["--scheme", "token"]] {
        let made = made(&words, BODY);
        let command = &made[made.find("curl").unwrap()..];
        assert_eq!(sign(command, &["verify"]).code, Some(0), "{command}");
    }
    let form = sign(NOTICE, &["notice"]).stdout;
    assert!(form.contains(&format!("&sign={NOTICE_RIGHT}")), "{form}");
    let md5 = sign(
        r#"{"mid":"898340149000005","msgSrc":"WWW.TEST.COM","msgType":"bills.query","totalAmount":1,"sign":"old"}"#,
        &["notice"],
    );
    assert!(md5.stdout.ends_with("&sign=4E778126FE48FA94C75B09A32CDC6A70\n"), "{md5:?}");
    assert_eq!(sign("", &["notice"]).code, Some(2));
    // Nobody may believe these: who signs them is told.
    for (fields, part) in [
        ("totalAmount=1&totalAmount=2", "`totalAmount` twice"),
        ("memo=a%26totalAmount%3D2&totalAmount=1", "`memo` holds other fields"),
    ] {
        let made = sign(fields, &["notice"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert!(made.stderr.contains(part), "{made:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_never_ends_is_not_read_to_its_end() {
    for option in ["--app-key-file", "--notice-key-file"] {
        let ended = sign(NOTICE, &["verify", option, "/dev/zero"]);
        assert_eq!(ended.code, Some(5), "{ended:?}");
        assert!(ended.stderr.contains("/dev/zero: longer than 4096 bytes"), "{ended:?}");
    }
}

#[test]
fn what_is_not_understood_is_said_with_its_line_and_what_to_do() {
    for (input, part) in [
        ("", "nothing to explain"),
        ("curl http://h \\\n  -d \"$body\"", "line 2: $body is for the shell"),
        ("POST / HTTP/1.1\nnonsense\n\n", "line 2: `nonsense` is not a header"),
        ("POST / HTTP/1.1\nAuthorization: Basic x\n\n", "OPEN-BODY-SIG"),
        (BODY, "no signature"),
    ] {
        let ended = sign(input, &["explain"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{input}\n{ended:?}");
        assert!(
            ended.stderr.contains(part) && ended.stderr.contains("\nhint: "),
            "{input}\n{ended:?}"
        );
    }
    let missing = sign("", &["explain", "missing.txt"]);
    assert!(missing.stderr.contains("missing.txt"), "{missing:?}");
}

#[test]
fn people_see_this() {
    let unknown = format!("{NOTICE}&sign={}", "0".repeat(64));
    let empty = "1815BA8CAFE4796E001FC2B13AA39738766DD31945D141712EE935574FFD398C";
    for (name, input, words) in [
        ("request.txt", curl(RESERIALISED), &["explain"][..]),
        ("request-color.txt", curl(RESERIALISED), &["explain", "--color", "always"]),
        ("request-right.txt", curl(RIGHT), &["explain"]),
        ("notice.txt", format!("{NOTICE}&sign={empty}"), &["explain"]),
        ("notice-unknown.txt", unknown, &["explain"]),
    ] {
        let shown = sign(&input, words).stdout;
        let plain = shown.split('\u{1b}').map(|part| match part.split_once('m') {
            Some((code, rest)) if code.starts_with('[') => rest,
            _ => part,
        });
        for line in plain.collect::<String>().lines() {
            let wide = |c: char| {
                if matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{ff00}'..='\u{ff60}') { 2 } else { 1 }
            };
            let columns: usize = line.chars().map(wide).sum();
            assert!(columns <= 80, "{columns} columns: {line}");
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sign").join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &shown).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            shown, expected,
            "{name} is old: UPDATE=1 cargo nextest run -p holdfast people_see_this"
        );
    }
}
