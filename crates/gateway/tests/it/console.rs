//! The console from outside: signing in, and what a session is good for. [`Browser`] is for the tests of all its pages.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use holdfast_gateway::{
    limits,
    operators::{Act, AuditFilter, By, Name, Newcomer, Password, Role, Token},
};

use crate::{
    gateway::{Gateway, Place},
    wire::{Answer, Sent, exchange},
};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser at the console of a gateway: it keeps cookies and sends forms as a page of ours would.
pub(crate) struct Browser {
    address: SocketAddr,
    pub(crate) cookies: Vec<(String, String)>,
    /// What forms carry, as the last page said.
    pub(crate) csrf: String,
}

impl Browser {
    /// One in which nobody has signed in.
    pub(crate) fn new(gateway: &Gateway) -> Self {
        let address = gateway.running.console.expect("there is a console");
        Self { address, cookies: vec![], csrf: String::new() }
    }

    /// One in which somebody of that name and role has signed in, who is added if there is nobody of that name.
    pub(crate) async fn signed_in(gateway: &Gateway, name: &str, role: Role) -> Self {
        let operators = &gateway.running.operators;
        if operators.one(name).unwrap().is_none() {
            add(gateway, name, role).await;
        }
        let mut browser = Self::new(gateway);
        let answer = browser.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = browser.get("/").await;
        assert_eq!(page.status, 200, "{}", page.text());
        browser
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("name", name), ("password", password)]).await
    }

    /// Opens a page, in English.
    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        let sent = Sent { method: "GET", ..Sent::post(target, "") };
        self.send(sent).await
    }

    /// Sends a form with these fields, and the session's token.
    pub(crate) async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        self.post_with(target, &csrf, "same-origin", fields).await
    }

    /// The same with any token, from a page of that relation to ours.
    pub(crate) async fn post_with(
        &mut self,
        target: &str,
        csrf: &str,
        site: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let fields = [("csrf", csrf)].into_iter().chain(fields.iter().copied());
        let pairs = fields.map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let sent = Sent::post(target, body)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Sec-Fetch-Site", site);
        self.send(sent).await
    }

    /// A request as this browser sends it: with its cookies.
    pub(crate) fn as_sent(&self, sent: Sent) -> Sent {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        sent.with("Host", self.address.to_string())
            .with("Accept-Language", "en")
            .with("Cookie", cookies.collect::<Vec<_>>().join("; "))
    }

    pub(crate) async fn send(&mut self, sent: Sent) -> Answer {
        let sent = self.as_sent(sent);
        let answer = exchange(self.address, &sent.bytes()).await.expect("an answer");
        for line in answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let text = answer.text();
        if let Some((_, rest)) = text.split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
        answer
    }
}

impl Answer {
    /// A header of the answer; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Status and, of a redirect, where to: `303 /bills`.
    pub(crate) fn went(&self) -> String {
        format!("{} {}", self.status, self.header("location")).trim_end().to_owned()
    }
}

pub(crate) async fn add(gateway: &Gateway, name: &str, role: Role) {
    let password = Password::parse(PASSWORD, name).unwrap();
    let new = Newcomer { name: Name::parse(name).unwrap(), role, password, must_change: false };
    let now = gateway.wall();
    gateway.running.operators.add(&By::command_line(), new, now).await.unwrap();
}

fn escaped(text: &str) -> String {
    holdfast_gateway::pages::in_address(text)
}

/// What the audit says last of an act.
pub(crate) fn last(gateway: &Gateway, act: Act) -> String {
    let filter = AuditFilter { act: Some(act), ..AuditFilter::default() };
    let found = gateway.running.operators.audit(&filter, None, 1).unwrap();
    let told = found
        .first()
        .map(|entry| format!("{} {} {} {}", entry.who, entry.about, entry.detail, entry.outcome));
    told.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn whoever_has_no_session_is_sent_to_sign_in_and_then_to_the_page_asked_for() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let mut browser = Browser::new(&gateway);
    assert_eq!(browser.get("/").await.went(), "303 /sign-in");
    let away = browser.get("/bills?state=held&q=1").await.went();
    assert_eq!(away, "303 /sign-in?to=/bills%3Fstate%3Dheld%26q%3D1");
    let fields = [("name", "li.lei"), ("password", PASSWORD), ("to", "/account?x=1")];
    let signed_in = browser.post("/sign-in", &fields).await;
    assert_eq!(signed_in.went(), "303 /account?x=1");
    let cookie = signed_in.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(last(&gateway, Act::SignIn), "li.lei done");
    assert_eq!(browser.get("/sign-in").await.went(), "303 /");
    // Signed out, the cookie opens nothing, also when somebody kept it.
    let kept = browser.cookies.clone();
    assert_eq!(browser.post("/sign-out", &[]).await.went(), "303 /sign-in");
    assert_eq!(last(&gateway, Act::SignOut), "li.lei done");
    browser.cookies = kept;
    assert_eq!(browser.get("/").await.went(), "303 /sign-in");
}

/// A browser that holds the session of somebody who signed in so many milliseconds ago.
async fn since(gateway: &Gateway, name: &str, ms: i64) -> (Browser, Token) {
    let then = gateway.wall().plus_ms(-ms);
    let here = "127.0.0.1".parse().unwrap();
    let operators = &gateway.running.operators;
    let token = operators.sign_in(name, PASSWORD, here, then).await.unwrap().token;
    let mut browser = Browser::new(gateway);
    browser.cookies.push(("holdfast".to_owned(), token.expose()));
    (browser, token)
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let (idle, whole) = (limits::SESSION_IDLE_MS, limits::SESSION_MS);
    let (mut used, _) = since(&gateway, "li.lei", idle - 1).await;
    assert_eq!(used.get("/").await.status, 200);
    let (mut unused, _) = since(&gateway, "li.lei", idle).await;
    assert_eq!(unused.get("/").await.went(), "303 /sign-in");
    for (began, expected) in [(whole - 1, "200"), (whole, "303 /sign-in")] {
        let (mut browser, token) = since(&gateway, "li.lei", began).await;
        gateway.running.operators.touch(token.id(), gateway.wall()).await.unwrap();
        assert_eq!(browser.get("/").await.went(), expected, "{began} ms");
    }
}

#[tokio::test]
async fn a_page_that_keeps_itself_fresh_keeps_no_session() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let then = gateway.wall().plus_ms(-120_000);
    let (mut browser, _) = since(&gateway, "li.lei", 120_000).await;
    let seen = || gateway.running.operators.sessions("li.lei", gateway.wall()).unwrap()[0].seen;
    let fresh = Sent { method: "GET", ..Sent::post("/", "") }.with("Holdfast-Live", "1");
    assert_eq!(browser.send(fresh).await.status, 200);
    assert_eq!(seen(), then);
    browser.get("/").await;
    assert_eq!(seen(), gateway.wall());
}

#[tokio::test]
async fn a_role_counts_at_once_and_whoever_is_disabled_is_out() {
    let gateway = Gateway::start().await;
    let operators = &gateway.running.operators;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let (by, now) = (By::command_line(), gateway.wall());
    operators.set_role(&by, "li.lei", Role::Viewer, now).await.unwrap();
    assert_eq!(browser.get("/").await.went(), "303 /sign-in");
    browser.sign_in("li.lei", PASSWORD).await;
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(browser.post("/ledger", &[]).await.status, 403);
    operators.set_disabled(&by, "li.lei", true, now).await.unwrap();
    assert_eq!(browser.get("/").await.went(), "303 /sign-in");
    assert_eq!(browser.sign_in("li.lei", PASSWORD).await.status, 403);
}

/// Somebody of whom codes are asked, and the code that counts next.
async fn with_codes(place: &Place, gateway: &Gateway, name: &str) -> String {
    add(gateway, name, Role::Operator).await;
    let operators = &gateway.running.operators;
    let secret = operators.offer_totp(name, &place.vault).await.unwrap();
    let by = By { who: name.into(), address: None };
    // That of the step before was the one that confirmed it.
    let before = secret.code_at(gateway.wall().plus_ms(-30_000));
    operators.confirm_totp(&by, &before, &place.vault, gateway.wall()).await.unwrap();
    secret.code_at(gateway.wall())
}

#[tokio::test]
async fn with_codes_the_password_alone_opens_nothing() {
    let place = Place::new();
    let gateway = place.open().await;
    let code = with_codes(&place, &gateway, "li.lei").await;
    let mut browser = Browser::new(&gateway);
    assert_eq!(browser.get("/sign-in/code").await.went(), "303 /sign-in", "the password is first");
    let fields = [("name", "li.lei"), ("password", PASSWORD), ("to", "/ledger?a=1")];
    let half = browser.post("/sign-in", &fields).await;
    assert_eq!(half.went(), "303 /sign-in/code?to=/ledger%3Fa%3D1");
    assert_eq!(browser.get("/").await.went(), "303 /sign-in");
    assert_eq!(browser.post("/ledger", &[]).await.went(), "303 /sign-in");
    assert!(browser.get("/sign-in/code?to=/ledger").await.text().contains("one-time-code"));
    let half = browser.cookies.clone();
    let wrong = browser.post("/sign-in/code", &[("code", "000000"), ("to", "/ledger")]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("The code is not right"), "{}", wrong.text());
    assert!(wrong.text().contains("name=\"to\" value=\"/ledger\""), "{}", wrong.text());
    assert_eq!(last(&gateway, Act::SignIn), "li.lei code failed");
    let foreign = browser.post_with("/sign-in/code", "", "cross-site", &[("code", &code)]).await;
    assert_eq!(foreign.status, 403);
    let whole = browser.post("/sign-in/code", &[("code", &code), ("to", "//evil.example")]).await;
    assert_eq!(whole.went(), "303 /");
    assert_eq!(last(&gateway, Act::SignIn), "li.lei with code done");
    assert_ne!(browser.cookies, half, "a session has another token than its half");
    assert_eq!(browser.get("/").await.status, 200);
    // The half is over, and the code was used.
    let mut other = Browser::new(&gateway);
    other.cookies = half;
    let over = other.post("/sign-in/code", &[("code", &code)]).await;
    assert_eq!(over.status, 403, "{}", over.text());
    other.sign_in("li.lei", PASSWORD).await;
    let used = other.post("/sign-in/code", &[("code", &code)]).await;
    assert_eq!(used.status, 403, "{}", used.text());
    // And guessing ends.
    let statuses = async {
        let mut all = vec![];
        for _ in 0..limits::NAME_FREE_TRIES {
            all.push(other.post("/sign-in/code", &[("code", "000000")]).await.status);
        }
        all
    };
    assert_eq!(statuses.await.last(), Some(&429));
}

#[tokio::test]
async fn pauses_grow_and_say_how_long_they_are() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let mut browser = Browser::new(&gateway);
    for (failures, header, told) in [
        (5, "30", "30 seconds"),
        (7, "120", "120 seconds"),
        (9, "480", "8 minutes"),
        (20, "900", "15 minutes"),
    ] {
        let (operators, now) = (&gateway.running.operators, gateway.wall());
        operators.set_disabled(&By::command_line(), "li.lei", false, now).await.unwrap();
        for failure in 1..=failures {
            // Each as soon as the pause of the one before is over, the last one just now.
            let then = now.plus_ms(-(failures - failure) * limits::NAME_PAUSE_MS_MAX * 4);
            let from = format!("192.0.{failures}.{failure}").parse().unwrap();
            assert!(operators.sign_in("li.lei", "wrong", from, then).await.is_err());
        }
        let paused = browser.sign_in("li.lei", PASSWORD).await;
        assert_eq!((paused.status, paused.header("retry-after")), (429, header), "{failures}");
        assert!(paused.text().contains(told), "{failures}: {}", paused.text());
    }
}

/// Where a sign-in came from, by the audit.
async fn seen_from(gateway: &Gateway, host: &str, forwarded: &[&str]) -> String {
    let address = gateway.running.console.unwrap();
    let sent = Sent::post("/sign-in", "name=li.lei&password=wrong")
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Host", host);
    let sent = forwarded.iter().fold(sent, |sent, line| sent.with("X-Forwarded-For", *line));
    let answer = exchange(address, &sent.bytes()).await.unwrap();
    assert_eq!(answer.status, 403, "{}", answer.text());
    let found = gateway.running.operators.audit(&AuditFilter::default(), None, 1).unwrap();
    found[0].address.clone()
}

#[tokio::test]
async fn an_address_is_taken_from_a_proxy_only_where_one_was_set() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let host = gateway.running.console.unwrap().to_string();
    assert_eq!(seen_from(&gateway, &host, &["203.0.113.9"]).await, "127.0.0.1");

    let place = Place::with(&[("console_url", "https://console.hotel.example")]);
    let gateway = place.open().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let host = "console.hotel.example";
    for (forwarded, expected) in [
        (&["203.0.113.9"][..], "203.0.113.9"),
        // The last one is the proxy's; what came before it anybody can say.
        (&["10.0.0.1, 203.0.113.9"], "203.0.113.9"),
        (&["10.0.0.1", "203.0.113.9"], "203.0.113.9"),
        (&["::ffff:203.0.113.9"], "203.0.113.9"),
    ] {
        assert_eq!(seen_from(&gateway, host, forwarded).await, expected, "{forwarded:?}");
    }
    let gateway = place.open().await;
    add(&gateway, "li.lei", Role::Operator).await;
    assert_eq!(seen_from(&gateway, host, &["nonsense"]).await, "127.0.0.1");
    assert_eq!(seen_from(&gateway, host, &[]).await, "127.0.0.1");
}

#[tokio::test]
async fn behind_an_encrypted_way_the_cookie_goes_no_other() {
    let place = Place::with(&[("console_url", "https://Console.hotel.example:443")]);
    let gateway = place.open().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let address = gateway.running.console.unwrap();
    let sent = Sent::post("/sign-in", format!("name=li.lei&password={}", escaped(PASSWORD)))
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Origin", "https://console.hotel.example")
        .with("Host", "console.hotel.example");
    let answer = exchange(address, &sent.bytes()).await.unwrap();
    assert_eq!(answer.went(), "303 /", "{}", answer.text());
    let cookie = answer.header("set-cookie");
    let (pair, flags) = cookie.split_once("; ").unwrap();
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Strict; Secure");
    let token = pair.strip_prefix("__Host-holdfast=").expect(cookie);
    // One of the plain name, which any neighbour of the host could set, is not looked at.
    for (name, expected) in [("__Host-holdfast", 200), ("holdfast", 303)] {
        let sent = Sent { method: "GET", ..Sent::post("/", "") }
            .with("Host", "console.hotel.example")
            .with("Cookie", format!("{name}={token}"));
        assert_eq!(exchange(address, &sent.bytes()).await.unwrap().status, expected, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_is_not_the_console_s_leads_nowhere() {
    let place = Place::with(&[("console_url", "https://console.hotel.example")]);
    let gateway = place.open().await;
    let address = gateway.running.console.unwrap();
    let port = address.port();
    for (host, expected) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("console.hotel.example".to_owned(), 200),
        ("CONSOLE.hotel.example".to_owned(), 200),
        ("evil.example".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        ("console.hotel.example.evil.example".to_owned(), 421),
        ("console.hotel.example:8443".to_owned(), 421),
        ("127.0.0.1".to_owned(), 421),
        (String::new(), 421),
    ] {
        let sent = Sent { method: "GET", ..Sent::post("/sign-in", "") }.with("Host", host.clone());
        let answer = exchange(address, &sent.bytes()).await.unwrap();
        assert_eq!(answer.status, expected, "{host:?}");
    }
}

#[tokio::test]
async fn a_token_of_another_session_opens_no_form() {
    let gateway = Gateway::start().await;
    let mut eve = Browser::signed_in(&gateway, "eve", Role::Viewer).await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let theirs = eve.csrf.clone();
    let answer = browser.post_with("/sign-out", &theirs, "same-origin", &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    // Nor does one's own of before.
    let before = browser.csrf.clone();
    browser.sign_in("li.lei", PASSWORD).await;
    let answer = browser.post_with("/sign-out", &before, "same-origin", &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(eve.post("/sign-out", &[]).await.went(), "303 /sign-in");
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_by_signing_in_or_by_choosing_a_language() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    for to in
        ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "evil"]
    {
        let mut browser = Browser::new(&gateway);
        let fields = [("name", "li.lei"), ("password", PASSWORD), ("to", to)];
        assert_eq!(browser.post("/sign-in", &fields).await.went(), "303 /", "{to:?}");
        let again = browser.get(&format!("/sign-in?to={}", escaped(to))).await;
        assert_eq!(again.went(), "303 /", "{to:?}");
    }
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    for target in ["//evil.example/x", "/\\evil.example/x", "///evil.example/x"] {
        let page = browser.get(target).await;
        assert_eq!(page.status, 404, "{target}");
        let switch = page.text().split("lang=\"zh-CN\"").next().unwrap().to_owned();
        let switch = switch.rsplit("href=\"").next().unwrap().to_owned();
        assert!(switch.starts_with("/evil.example/x?lang=zh"), "{target}: {switch}");
    }
}

#[tokio::test]
async fn a_gateway_without_operators_says_how_to_add_one() {
    let gateway = Gateway::start().await;
    let page = Browser::new(&gateway).get("/sign-in").await.text();
    assert!(page.contains("holdfast operator add NAME --role administrator --data-dir"), "{page}");
    add(&gateway, "root", Role::Administrator).await;
    let page = Browser::new(&gateway).get("/sign-in").await.text();
    assert!(!page.contains("holdfast operator add"), "{page}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike_and_then_paused() {
    let gateway = Gateway::start().await;
    add(&gateway, "li.lei", Role::Operator).await;
    let mut browser = Browser::new(&gateway);
    for _ in 0..limits::NAME_FREE_TRIES {
        let wrong = browser.sign_in("li.lei", "wrong").await;
        let unknown = browser.sign_in("nobody", "wrong").await;
        assert_eq!((wrong.status, unknown.status), (403, 403));
        assert_eq!(wrong.text(), unknown.text().replace("nobody", "li.lei"));
        assert!(wrong.text().contains("Name or password is not right."), "{}", wrong.text());
    }
    assert_eq!(last(&gateway, Act::SignIn), "unknown name failed");
    // Ten failures from one address, five under each name: both pause, whatever the password.
    let paused = browser.sign_in("li.lei", PASSWORD).await;
    assert_eq!((paused.status, paused.header("retry-after")), (429, "30"), "{}", paused.text());
    assert_eq!(browser.sign_in("nobody", "wrong").await.status, 429);
    // Whoever has the data directory can help.
    let (by, now) = (By::command_line(), gateway.wall());
    gateway.running.operators.set_disabled(&by, "li.lei", false, now).await.unwrap();
    assert_eq!(browser.sign_in("li.lei", PASSWORD).await.status, 429, "the address still pauses");
}

#[tokio::test]
async fn a_form_from_another_page_or_without_the_session_s_token_is_refused() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Operator).await;
    let (csrf, none) = (browser.csrf.clone(), "0".repeat(64));
    for (token, site) in [
        (none.as_str(), "same-origin"),
        ("", "same-origin"),
        (&csrf[..63], "same-origin"),
        (&csrf, "cross-site"),
        (&csrf, "same-site"),
        (&csrf, "none"),
    ] {
        let answer = browser.post_with("/sign-out", token, site, &[]).await;
        assert_eq!(answer.status, 403, "{token} {site}: {}", answer.text());
        assert_eq!(last(&gateway, Act::Request), "li.lei /sign-out 403 refused");
    }
    // Browsers that do not say how pages are related still say from where a form comes.
    let host = browser.address.to_string();
    for (origin, status) in [
        ("http://evil.example".to_owned(), 403),
        ("null".to_owned(), 403),
        (format!("http://{host}.evil.example"), 403),
        (format!("http://{host}"), 303),
    ] {
        let sent = Sent::post("/sign-out", format!("csrf={csrf}"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Origin", origin.clone());
        assert_eq!(browser.send(sent).await.status, status, "{origin}");
    }
    // Nobody is signed in from another page either.
    let mut browser = Browser::new(&gateway);
    let fields = [("name", "li.lei"), ("password", PASSWORD)];
    let answer = browser.post_with("/sign-in", "", "cross-site", &fields).await;
    assert_eq!((answer.status, browser.cookies.len()), (403, 0));
}

/// Every address to which forms are sent, as the sources of the console declare them.
fn post_routes() -> Vec<String> {
    fn read(path: &Path, into: &mut Vec<String>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                read(&entry.unwrap().path(), into);
            }
            return;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for declared in text.split(".route(").skip(1) {
            let route = declared.split(".route(").next().unwrap();
            let route = route.split("\n        .").next().unwrap();
            let address = route.split('"').nth(1).expect("a route has an address");
            if route.contains("post(") {
                into.push(address.to_owned());
            }
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = vec![];
    read(&source.join("console.rs"), &mut all);
    read(&source.join("console"), &mut all);
    all
}

/// What a viewer may send: everything about themselves, and nothing else.
const OF_VIEWERS: &[&str] = &["/sign-in", "/sign-in/code", "/sign-out"];

#[tokio::test]
async fn a_viewer_s_forms_are_refused_at_every_address_whatever_the_page_shows() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "viewer", Role::Viewer).await;
    let routes = post_routes();
    assert!(routes.iter().any(|route| route == "/sign-out"), "{routes:?}");
    for route in routes {
        if OF_VIEWERS.contains(&route.as_str()) || route.starts_with("/account") {
            continue;
        }
        let parts = route.split('/').map(|part| match part.trim_matches(['{', '}']) {
            plain if plain == part => plain,
            "mid" => crate::gateway::MID,
            "date" => crate::gateway::BILL_DATE,
            "no" => "3194000001",
            _ => "1",
        });
        let address = parts.collect::<Vec<_>>().join("/");
        let answer = browser.post(&address, &[]).await;
        assert_eq!(answer.status, 403, "{address}: {}", answer.text());
        assert!(answer.text().contains("You may not do that"), "{address}: {}", answer.text());
        let told = last(&gateway, Act::Request);
        assert_eq!(told, format!("viewer {address} 403 refused"));
    }
}

#[tokio::test]
async fn a_console_whose_port_nobody_chose_takes_another_one_when_it_is_in_use() {
    // A port that is free, and the one after it, which is not.
    let (port, taken) = loop {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let next = free.checked_add(1).map(|next| TcpListener::bind(("127.0.0.1", next)));
        if let Some(Ok(taken)) = next {
            break (free, taken);
        }
    };
    let listen = format!("127.0.0.1:{port}");
    let gateway = Place::with(&[("listen", &listen)]).open().await;
    let console = gateway.running.console.unwrap();
    assert_ne!(console.port(), taken.local_addr().unwrap().port());
    assert_eq!(Browser::new(&gateway).get("/").await.went(), "303 /sign-in");
    gateway.running.stop().await;
}
