//! Operators as an administrator sees them, and the audit.

use holdfast_gateway::{
    limits,
    operators::{About, Act, AuditFilter, By, Entry, Outcome, Role},
};

use crate::{
    console::{Browser, PASSWORD, last},
    gateway::{Gateway, Place, key},
};

/// The password that a page shows once.
fn shown(page: &str) -> String {
    let (_, rest) = page.split_once("<p class=\"huge once\"><code>").expect(page);
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_administrator_adds_somebody_who_has_to_choose_a_password() {
    let gateway = Gateway::start().await;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    assert!(root.get("/operators").await.text().contains("href=\"/operators/root\""));
    let added = root.post("/operators", &[("name", "王芳"), ("role", "operator")]).await;
    assert_eq!((added.status, added.header("cache-control")), (200, "no-store"));
    let password = shown(&added.text());
    assert_eq!(last(&gateway, Act::OperatorAdded), "root 王芳 operator done");
    // The same form once more, as reloading sends it: nothing is added, and no password is shown or changed.
    let again = root.post("/operators", &[("name", "王芳"), ("role", "operator")]).await;
    assert_eq!(again.status, 409);
    assert!(
        again.text().contains("There is an operator of that name already."),
        "{}",
        again.text()
    );
    assert!(!again.text().contains(&password));
    let mut new = Browser::new(&gateway);
    assert_eq!(new.sign_in("王芳", &password).await.status, 303);
    assert_eq!(new.get("/").await.went(), "303 /account");
    let page = root.get("/operators").await.text();
    assert!(
        page.contains("<tr id=\"王芳\">") && page.contains("has to change the password"),
        "{page}"
    );
    assert!(page.contains("href=\"/operators/%E7%8E%8B%E8%8A%B3\""), "{page}");
    // Nowhere but on that one page.
    let all = gateway.running.operators.audit(&AuditFilter::default(), None, 100).unwrap();
    assert!(all.iter().all(|entry| !format!("{entry:?}").contains(&password)));
}

#[tokio::test]
async fn what_is_wrong_with_somebody_new_is_told_beside_the_field() {
    let gateway = Gateway::start().await;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    for (name, role, wrong) in [
        ("<b>", "viewer", &["wrong-name"][..]),
        ("x", "", &["wrong-name", "wrong-role"]),
        ("li.lei", "root", &["wrong-role"]),
    ] {
        let answer = root.post("/operators", &[("name", name), ("role", role)]).await;
        let text = answer.text();
        assert_eq!(answer.status, 400, "{name}: {text}");
        for field in ["wrong-name", "wrong-role"] {
            let told = text.contains(&format!("id=\"{field}\""));
            assert_eq!(told, wrong.contains(&field), "{name} {field}: {text}");
        }
        let kept = name.replace('<', "&#60;").replace('>', "&#62;");
        assert!(text.contains(&format!("value=\"{kept}\"")), "{name}: {text}");
    }
    assert_eq!(gateway.running.operators.all().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reset_is_shown_once_and_reloading_resets_nothing() {
    let gateway = Gateway::start().await;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let mut theirs = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let page = root.get("/operators/li.lei").await.text();
    let (_, rest) = page.split_once("name=\"mark\" value=\"").expect(&page);
    let mark = rest.split('"').next().unwrap().to_owned();
    let reset = root.post("/operators/li.lei/password", &[("mark", &mark)]).await;
    let password = shown(&reset.text());
    assert_eq!(theirs.get("/").await.went(), "303 /sign-in");
    let again = root.post("/operators/li.lei/password", &[("mark", &mark)]).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.text().contains("The password was changed meanwhile."), "{}", again.text());
    assert!(!again.text().contains("huge once"), "{}", again.text());
    assert_eq!(theirs.sign_in("li.lei", &password).await.status, 303);
    assert_eq!(theirs.get("/").await.went(), "303 /account");
    assert_eq!(root.post("/operators/nobody/password", &[]).await.status, 404);
}

#[tokio::test]
async fn roles_doors_and_codes_are_changed_and_sessions_end() {
    let place = Place::new();
    let gateway = place.open().await;
    let operators = &gateway.running.operators;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    let mut theirs = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let role = root.post("/operators/li.lei/role", &[("role", "viewer")]).await;
    assert_eq!(role.went(), "303 /operators/li.lei");
    assert_eq!(last(&gateway, Act::RoleChanged), "root li.lei operator -> viewer done");
    assert_eq!(theirs.get("/").await.went(), "303 /sign-in");
    assert_eq!(root.post("/operators/li.lei/role", &[("role", "root")]).await.status, 400);

    theirs.sign_in("li.lei", PASSWORD).await;
    let disabled = root.post("/operators/li.lei/disabled", &[("disabled", "1")]).await;
    assert_eq!(disabled.went(), "303 /operators/li.lei");
    assert_eq!(theirs.get("/").await.went(), "303 /sign-in");
    assert!(root.get("/operators/li.lei").await.text().contains("Let them sign in again"));
    root.post("/operators/li.lei/disabled", &[("disabled", "0")]).await;
    assert_eq!(theirs.sign_in("li.lei", PASSWORD).await.status, 303);

    let secret = operators.offer_totp("li.lei", &place.vault).await.unwrap();
    let by = By { who: "li.lei".into(), address: None };
    let code = secret.code_at(gateway.wall());
    operators.confirm_totp(&by, &code, &place.vault, gateway.wall()).await.unwrap();
    assert!(root.get("/operators/li.lei").await.text().contains("Remove the codes"));
    root.post("/operators/li.lei/codes", &[]).await;
    assert_eq!(theirs.sign_in("li.lei", PASSWORD).await.went(), "303 /");

    // A pause is seen, and ended.
    for _ in 0..limits::NAME_FREE_TRIES {
        let here = "192.0.2.1".parse().unwrap();
        let _ = operators.sign_in("li.lei", "wrong", here, gateway.wall()).await;
    }
    assert!(root.get("/operators/li.lei").await.text().contains("End the pause"));
    root.post("/operators/li.lei/disabled", &[("disabled", "0")]).await;
    assert!(!root.get("/operators/li.lei").await.text().contains("End the pause"));
}

#[tokio::test]
async fn the_last_administrator_stays_and_nobody_shuts_themselves_out_by_slip() {
    let gateway = Gateway::start().await;
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    for (what, field) in [("role", ("role", "viewer")), ("disabled", ("disabled", "1"))] {
        let path = format!("/operators/root/{what}");
        let slip = root.post(&path, &[field]).await;
        assert_eq!(slip.status, 409, "{what}");
        assert!(slip.text().contains("That is you"), "{what}: {}", slip.text());
        let last = root.post(&path, &[field, ("sure", "1")]).await;
        assert_eq!(last.status, 409, "{what}");
        assert!(last.text().contains("That is the last administrator"), "{what}: {}", last.text());
        assert_eq!(root.get("/operators").await.status, 200);
    }
    // Their own proof is not theirs to change without it, whatever the capitals.
    for (what, name) in [("password", "root"), ("password", "ROOT"), ("codes", "root")] {
        let own = root.post(&format!("/operators/{name}/{what}"), &[]).await;
        assert_eq!(own.status, 409, "{what}");
        assert!(own.text().contains("That is you"), "{what}: {}", own.text());
    }
    let mut other = Browser::signed_in(&gateway, "boss", Role::Administrator).await;
    let disabled = root.post("/operators/root/disabled", &[("disabled", "1"), ("sure", "1")]).await;
    assert_eq!(disabled.went(), "303 /operators/root");
    assert_eq!(root.get("/operators").await.went(), "303 /sign-in?to=/operators");
    assert_eq!(other.get("/operators").await.status, 200);
}

#[tokio::test]
async fn only_administrators_see_operators() {
    let gateway = Gateway::start().await;
    for (name, role) in [("eve", Role::Viewer), ("li.lei", Role::Operator)] {
        let mut browser = Browser::signed_in(&gateway, name, role).await;
        assert!(!browser.get("/").await.text().contains("href=\"/operators\""));
        for path in ["/operators", "/operators/eve", "/operators/eve/password"] {
            assert_eq!(browser.get(path).await.status, 403, "{path}");
        }
        let made =
            browser.post("/operators", &[("name", "mallory"), ("role", "administrator")]).await;
        assert_eq!(made.status, 403);
        assert_eq!(
            browser.post("/operators/eve/role", &[("role", "administrator")]).await.status,
            403
        );
    }
    let mut root = Browser::signed_in(&gateway, "root", Role::Administrator).await;
    for path in ["/operators/nobody", "/operators/%3Cscript%3E", "/operators/x%2Fy"] {
        let page = root.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.text().contains("<script>"), "{path}");
    }
}

async fn record(gateway: &Gateway, who: &str, about: About, detail: &str) {
    let by = By { who: who.into(), address: Some("192.0.2.1".parse().unwrap()) };
    let entry =
        Entry { act: Act::Capture, about, detail: detail.to_owned(), outcome: Outcome::Done };
    gateway.running.operators.record(&by, entry, gateway.wall()).await.unwrap();
}

/// The entries that a page lists, by their numbers.
fn listed(page: &str) -> Vec<u64> {
    let entries = page.split("<li value=\"").skip(1);
    entries.map(|entry| entry.split('"').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn the_audit_is_read_by_everybody_filtered_and_in_pages() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "eve", Role::Viewer).await;
    let bill = key("3194000001");
    record(&gateway, "Li.Lei", About::Bill(bill), "<script>alert(1)</script>").await;
    for number in 0..limits::AUDIT_PAGE {
        record(&gateway, "han", About::Notice(7), &format!("n{number}")).await;
    }
    let page = browser.get("/audit?bill=3194000001").await.text();
    assert_eq!(listed(&page).len(), 1, "{page}");
    assert!(page.contains("href=\"/bills/898201612345678/2026-03-02/3194000001\""), "{page}");
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>alert"), "{page}");
    let newest = browser.get("/audit").await.text();
    assert_eq!(listed(&newest).len(), limits::AUDIT_PAGE);
    assert!(newest.contains("href=\"/notices/7\""), "{newest}");
    let (_, rest) = newest.split_once("/audit?before=").expect(&newest);
    let before = rest.split('"').next().unwrap();
    let older = browser.get(&format!("/audit?before={before}")).await.text();
    let (newest, older) = (listed(&newest), listed(&older));
    assert!(
        newest.windows(2).all(|pair| pair[0] == pair[1] + 1)
            && older[0] + 1 == *newest.last().unwrap()
    );
    assert_eq!(*older.last().unwrap(), 1);
    // One's own reading is no deed, except what takes it away.
    for (query, expected) in [
        ("who=LI.LEI", 0),
        ("who=Li.Lei", 1),
        ("who=eve&act=sign-in", 1),
        ("act=refund", 0),
        ("who=-", 0),
        ("who=(command line)", 1),
        ("before=nonsense&who=Li.Lei", 1),
    ] {
        let page = browser.get(&format!("/audit?{}", query.replace(' ', "%20"))).await.text();
        assert_eq!(listed(&page).len(), expected, "{query}: {page}");
    }
    // Of somebody who is there, capital letters do not matter.
    let page = browser.get("/audit?who=EVE").await.text();
    assert!(!listed(&page).is_empty(), "{page}");
    let _ = Browser::new(&gateway).sign_in("eve", "wrong").await;
    let chinese = browser.get("/audit?who=eve&lang=zh").await.text();
    for there in ["登录", "已完成", "失败", "密码错误"] {
        assert!(chinese.contains(there), "{there}: {chinese}");
    }
}

#[tokio::test]
async fn the_audit_is_exported_whole_and_no_cell_is_a_formula() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "eve", Role::Viewer).await;
    record(&gateway, "li.lei", About::Nothing, "=HYPERLINK(\"http://evil\")").await;
    record(&gateway, "li.lei", About::Nothing, "a \"quoted\", thing").await;
    // More than are read at a time.
    for _ in 0..limits::AUDIT_EXPORT {
        record(&gateway, "han", About::Bill(key("3194000001")), "x").await;
    }
    let answer = browser.get("/audit.csv").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/csv;charset=utf-8");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"audit.csv\"");
    let text = unchunked(&answer.body);
    let text = text.strip_prefix("\u{feff}").expect("a mark").to_owned();
    let mut read = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let names: Vec<String> = read.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names[..3], ["no", "time (Beijing)", "who"]);
    let rows: Vec<csv::StringRecord> = read.records().map(Result::unwrap).collect();
    let count = gateway.running.operators.prove_audit().unwrap().entries;
    assert_eq!(u64::try_from(rows.len()).unwrap(), count);
    let numbers: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] == pair[1] + 1), "newest first, none twice");
    let of = |number: u64| rows.iter().find(|row| row[0].parse() == Ok(number)).unwrap();
    let entry = |detail: &str| {
        let found = rows.iter().find(|row| row[7].contains(detail)).unwrap();
        found[7].to_owned()
    };
    assert_eq!(entry("HYPERLINK"), "'=HYPERLINK(\"http://evil\")");
    assert_eq!(entry("quoted"), "a \"quoted\", thing");
    // The export itself is the newest.
    assert_eq!((&of(count)[2], &of(count)[4], &of(count)[7]), ("eve", "export", "audit"));
    let filtered = unchunked(&browser.get("/audit.csv?who=li.lei").await.body);
    assert_eq!(filtered.matches("\r\n").count(), 3, "{filtered}");
    assert_eq!(last(&gateway, Act::Export), "eve audit who=li.lei done");
}

/// A body that came in pieces.
fn unchunked(body: &[u8]) -> String {
    let (mut rest, mut all) = (body, vec![]);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return String::from_utf8(all).unwrap();
        }
        all.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

#[tokio::test]
async fn the_audit_is_proved_and_compared_with_what_was_noted_elsewhere() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "eve", Role::Viewer).await;
    let proof = gateway.running.operators.prove_audit().unwrap();
    let page = browser.get("/audit/proof").await.text();
    assert!(page.contains("Whole: every entry follows") && page.contains(&proof.head), "{page}");
    record(&gateway, "li.lei", About::Nothing, "later").await;
    let (head, entries) = (proof.head.as_str(), proof.entries.to_string());
    let none = "0".repeat(64);
    for (entry, hash, status, told) in [
        (entries.as_str(), head, 200, "The same: nothing up to entry"),
        (entries.as_str(), &head.to_uppercase(), 200, "The same: nothing up to entry"),
        (entries.as_str(), &none, 200, "Another one: entry"),
        ("1", head, 200, "Another one: entry"),
        ("999", head, 200, "There is no entry 999"),
        ("18446744073709551615", head, 200, "There is no entry"),
        ("x", head, 400, "id=\"wrong-entry\""),
        ("1", "<b>", 400, "id=\"wrong-hash\""),
        ("", head, 400, "id=\"wrong-entry\""),
    ] {
        let target = format!(
            "/audit/proof?entry={entry}&hash={}",
            hash.replace('<', "%3C").replace('>', "%3E")
        );
        let answer = browser.get(&target).await;
        assert_eq!(answer.status, status, "{target}");
        assert!(answer.text().contains(told), "{target}: {}", answer.text());
    }
}
