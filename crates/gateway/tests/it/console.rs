//! The console from outside: signing in, and what a session is good for. [`Browser`] is for the tests of all its pages.

use std::{net::SocketAddr, path::Path};

use holdfast_gateway::{
    limits,
    operators::{Act, AuditFilter, By, Name, Newcomer, Password, Role},
};

use crate::{
    gateway::Gateway,
    wire::{Answer, Sent, exchange},
};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A browser at the console of a gateway: it keeps cookies and sends forms as a page of ours would.
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: Vec<(String, String)>,
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

    pub(crate) async fn send(&mut self, sent: Sent) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let sent = sent
            .with("Host", self.address.to_string())
            .with("Accept-Language", "en")
            .with("Cookie", cookies.collect::<Vec<_>>().join("; "));
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

async fn add(gateway: &Gateway, name: &str, role: Role) {
    let password = Password::parse(PASSWORD, name).unwrap();
    let new = Newcomer { name: Name::parse(name).unwrap(), role, password, must_change: false };
    let now = gateway.wall();
    gateway.running.operators.add(&By::command_line(), new, now).await.unwrap();
}

fn escaped(text: &str) -> String {
    holdfast_gateway::pages::in_address(text)
}

/// What the audit says last of an act.
fn last(gateway: &Gateway, act: Act) -> String {
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
