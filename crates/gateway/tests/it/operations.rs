//! What operators live by: health, faults, a graceful end, logs, settings, and the two environments.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use holdfast_gateway::{
    ConsoleFiles, Parts,
    clock::{Dice, patience},
    config::{Config, Environment, OTHER_VARIABLES, SETTINGS},
    notices::outbox::MemoryOutbox,
    store::{Kind, MemoryStore, Store},
    vault::Vault,
};
use holdfast_wire::{code::Code, secret::AppKey};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::{
    gateway::{APP, Gateway, KEY, MID, Place, mid, path, request},
    script::Play,
    wire::{PATIENCE_MS, Sent, exchange},
};

#[tokio::test]
async fn a_gateway_is_ready_as_long_as_its_store_writes() {
    let place = Place::new();
    let gateway = place.open().await;
    let get = async |target: &str| {
        let answer = gateway.send(&Sent { method: "GET", ..Sent::post(target, "") }).await;
        (answer.status, answer.text())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ready\n".to_owned()));
    place.store.break_disk();
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()), "it lives");
    let (status, text) = get("/readyz").await;
    assert_eq!(status, 503);
    assert!(!text.contains("disk is full"), "what broke is for the log: {text}");
}

#[tokio::test]
async fn when_the_store_breaks_nothing_is_half_done_and_the_merchant_is_told_to_query() {
    for (endpoint, fields) in [
        ("get-qrcode", json!({"billNo": "3194B0009", "totalAmount": 1})),
        ("close-qrcode", json!({"billNo": "3194B0003"})),
        ("preauthed", json!({"billNo": "3194B0001", "authedOrderId": "3194C9", "totalAmount": 1})),
        ("preauth-cancel", json!({"billNo": "3194B0001", "merOrderId": "3194B00010"})),
        ("preauthed-cancel", json!({"billNo": "3194B0002", "merOrderId": "3194C1"})),
        ("refund", json!({"billNo": "3194B0002", "refundAmount": 1})),
    ] {
        let place = Place::new();
        let gateway = place.open().await;
        let held = gateway.authorized("3194B0001", 500).await;
        let taken = gateway.captured("3194B0002", "3194C1", 500).await;
        gateway.hold("3194B0003", 500).await;
        let before = (gateway.journal().await, phases(&gateway).await);
        place.store.break_disk();
        let mut fields = fields;
        fields["authIdRespCd"] =
            json!(if fields["billNo"] == "3194B0002" { &taken } else { &held });
        let answer = gateway.call(endpoint, fields).await;
        assert_eq!(answer.outcome(), "500 INTERNAL_ERROR", "{endpoint}");
        let text = answer.field("errMsg");
        assert!(text.contains("not known") && text.contains("query"), "{text}");
        assert!(!text.contains("disk"), "what broke is for the log: {text}");
        assert_eq!(answer.field("errInfo"), text);
        assert_eq!((gateway.journal().await, phases(&gateway).await), before, "{endpoint}");
        // Who only asks is still answered.
        assert_eq!(
            gateway.call("query", json!({"billNo": "3194B0002"})).await.outcome(),
            "200 SUCCESS"
        );
    }
}

#[tokio::test]
async fn a_payer_is_told_when_the_store_breaks() {
    let place = Place::new();
    let gateway = place.open().await;
    let code = gateway.hold("3194B0001", 500).await;
    place.store.break_disk();
    let answer = gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    assert_eq!(answer.outcome(), "500 INTERNAL_ERROR");
    assert_eq!(gateway.phase("3194B0001").await, "requested");
}

#[tokio::test]
async fn a_gateway_that_is_stopped_finishes_what_it_has_accepted() {
    let place = Place::with(&[("answer_within", "60s")]);
    let gateway = place.open().await;
    let auth = gateway.authorized("3194B0001", 500).await;
    let capture = json!({"billNo": "3194B0001", "authedOrderId": "3194C1-cap-late", "authIdRespCd": auth, "totalAmount": 500});
    let sent = gateway.signed(&path("preauthed"), request(capture).to_string());
    let address = gateway.running.address;
    let call = tokio::spawn(async move { exchange(address, &sent.bytes()).await });
    gateway.until_open("3194B0001").await;
    let clock = gateway.running.core.clock.clone();
    let stop = tokio::spawn(gateway.running.stop());
    until_nobody_listens(address).await;
    assert!(!stop.is_finished(), "somebody waits for an answer");
    clock.advance(20_000);
    assert_eq!(call.await.unwrap().unwrap().outcome(), "200 SUCCESS");
    patience(PATIENCE_MS, stop).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn a_connection_on_which_nothing_happens_does_not_keep_a_gateway_from_stopping() {
    let gateway = Gateway::start().await;
    let _silent = TcpStream::connect(gateway.running.address).await.unwrap();
    assert_eq!(
        gateway.send(&Sent { method: "GET", ..Sent::post("/healthz", "") }).await.status,
        200
    );
    patience(PATIENCE_MS / 2, gateway.running.stop()).await.expect("it ends at once");
}

/// The worker ends with the gateway: only the request itself is left to finish what it began.
#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_what_has_begun() {
    let place = Place::with(&[("answer_within", "60s")]);
    let gateway = place.open().await;
    let auth = gateway.authorized("3194B0001", 500).await;
    let capture = json!({"billNo": "3194B0001", "authedOrderId": "3194C1-cap-late", "authIdRespCd": auth, "totalAmount": 500});
    let sent = gateway.signed(&path("preauthed"), request(capture).to_string());
    let mut caller = TcpStream::connect(gateway.running.address).await.unwrap();
    caller.write_all(&sent.bytes()).await.unwrap();
    gateway.until_open("3194B0001").await;
    drop(caller);
    let (clock, core, address) =
        (gateway.running.core.clock.clone(), gateway.running.core.clone(), gateway.running.address);
    let stop = tokio::spawn(gateway.running.stop());
    until_nobody_listens(address).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!stop.is_finished(), "the channel has not answered yet");
    clock.advance(20_000);
    patience(PATIENCE_MS, stop).await.expect("it ends").unwrap();
    let bill = core.load(&crate::gateway::key("3194B0001")).await.unwrap();
    assert_eq!(bill.phase.name(), "captured");
}

#[tokio::test]
async fn a_caller_that_hangs_up_before_its_request_is_whole_begins_nothing() {
    let gateway = Gateway::start().await;
    let auth = gateway.authorized("3194B0001", 500).await;
    let capture = json!({"billNo": "3194B0001", "authedOrderId": "3194C1", "authIdRespCd": auth, "totalAmount": 500});
    let whole = gateway.signed(&path("preauthed"), request(capture).to_string()).bytes();
    let before = gateway.journal().await;
    for sent in [0, 1, 30, whole.len() / 2, whole.len() - 1] {
        let mut caller = TcpStream::connect(gateway.running.address).await.unwrap();
        caller.write_all(&whole[..sent]).await.unwrap();
        drop(caller);
    }
    let (store, stop) = (gateway.store.clone(), gateway.running.stop());
    patience(PATIENCE_MS, stop).await.expect("it ends");
    assert_eq!(store.last().await.unwrap(), before);
}

#[tokio::test]
async fn one_connection_carries_one_request_after_another() {
    let gateway = Gateway::start().await;
    gateway.hold("3194B0001", 500).await;
    let ask = || {
        let sent =
            gateway.signed(&path("query"), request(json!({"billNo": "3194B0001"})).to_string());
        String::from_utf8(sent.bytes()).unwrap()
    };
    let stays = |request: String| request.replace("Connection: close\r\n", "");
    let three = stays(ask()) + &stays(ask()) + &ask();
    let mut caller = TcpStream::connect(gateway.running.address).await.unwrap();
    caller.write_all(three.as_bytes()).await.unwrap();
    let mut answers = String::new();
    let read = tokio::io::AsyncReadExt::read_to_string(&mut caller, &mut answers);
    patience(PATIENCE_MS, read).await.expect("it closes after the last").unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches("\"errCode\":\"SUCCESS\"").count(), 3, "{answers}");
}

#[tokio::test]
async fn every_answer_has_a_number_of_its_own_for_whoever_asks_about_it() {
    let gateway = Gateway::start().await;
    let id = |head: &str| {
        let line = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("request-id: ").map(str::to_owned));
        line.unwrap_or_else(|| panic!("no request-id: {head}"))
    };
    let (one, two) =
        (gateway.call("query", json!({})).await, gateway.send(&Sent::post("/nowhere", "")).await);
    assert_ne!(id(&one.head), id(&two.head));
}

/// Plays a life with every secret there is, and looks for them in everything that was logged.
#[tokio::test]
async fn logs_tell_what_happened_and_neither_secrets_nor_bodies() {
    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.clone());
    let mut play = Play::new(Gateway::start().await);
    for line in ["hold 500", "confirm", "capture C1-cap-disorder 500", "reverse C1-cap-disorder"] {
        play.run(line).await;
    }
    let gateway = &play.gateway;
    let fields =
        json!({"billNo": play.bill, "srcReserve": "a secret between the shop and its guest"});
    let body = request(fields).to_string();
    let sent = gateway.signed(&path("query"), body.clone());
    let header = sent.headers[0].1.clone();
    assert_eq!(gateway.send(&sent).await.status, 200);
    let auth =
        gateway.send(&gateway.signed(&path("query"), body.clone())).await.field("authIdRespCd");
    let token = {
        use holdfast_wire::{
            auth::{AppId, Nonce, Stamp},
            message::Message as _,
            messages::TokenAccess,
        };
        let (app, nonce) = (AppId::parse(APP).unwrap(), Nonce::parse("n").unwrap());
        let ask =
            TokenAccess::sign(&AppKey::parse(KEY).unwrap(), app, Stamp::at(gateway.wall()), nonce);
        gateway.send(&Sent::post("/v1/token/access", ask.encode())).await.field("accessToken")
    };
    let shown = Sent::post(&path("query"), body)
        .with("Authorization", format!("OPEN-ACCESS-TOKEN AccessToken={token}"));
    assert_eq!(gateway.send(&shown).await.status, 200);
    assert_eq!(
        gateway.send(&Sent { body: b"{\"odd\":\"body\"}".to_vec(), ..sent }).await.status,
        401
    );

    let logged = log.0.lock().unwrap().clone();
    for expected in [
        "/v1/netpay/bills/preauthed-cancel",
        "status=200",
        "status=401",
        "report set aside",
        "request_id=",
    ] {
        assert!(logged.contains(expected), "{expected} is missing:\n{logged}");
    }
    let signature = header.split("Signature=\"").nth(1).unwrap().trim_end_matches('"');
    for secret in [KEY, signature, &token, &auth, "a secret between", "odd"] {
        assert!(secret.len() > 2 && !logged.contains(secret), "{secret} was logged:\n{logged}");
    }
}

#[tokio::test]
async fn a_fault_is_logged_with_what_broke() {
    let log = Log::default();
    let _here = tracing::subscriber::set_default(log.clone());
    let place = Place::new();
    let gateway = place.open().await;
    place.store.break_disk();
    gateway.call("get-qrcode", json!({"billNo": "3194B0001", "totalAmount": 1})).await;
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("ERROR") && logged.contains("the disk is full"), "{logged}");
}

#[test]
fn every_setting_is_read_from_a_file_a_variable_and_a_flag() {
    for (name, value) in EXAMPLES {
        let setting = format!("{name} = {value:?}");
        let variable = (format!("HOLDFAST_{}", name.to_uppercase()), (*value).to_owned());
        let flag = ((*name).to_owned(), (*value).to_owned());
        let of_file = Config::read(Some(&setting), [], []).unwrap();
        let of_variable = Config::read(None, [variable], []).unwrap();
        let of_flag = Config::read(None, [], [flag]).unwrap();
        let [of_file, of_variable, of_flag] =
            [of_file, of_variable, of_flag].map(|config| format!("{config:?}"));
        assert_eq!(of_file, of_variable, "{name}");
        assert_eq!(of_file, of_flag, "{name}");
        assert_ne!(of_file, format!("{:?}", Config::default()), "{name} = {value} changes nothing");
    }
    let named: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    let settings: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(named, settings, "an example for every setting");
}

/// A value for every setting that is not its default.
const EXAMPLES: &[(&str, &str)] = &[
    ("data_dir", "/srv/holdfast"),
    ("listen", "127.0.0.1:9000"),
    ("environment", "live"),
    ("master_key_file", "/etc/holdfast/key"),
    ("public_url", "https://pay.example"),
    ("capture_limit_percent", "115"),
    ("business_day_ends", "24:00"),
    ("hold_days", "7"),
    ("late_success", "accept"),
    ("after_reversal", "end"),
    ("answer_within", "500ms"),
    ("clock_skew", "1h"),
    ("notify_networks", "10.1.0.0/16, fd00::/8"),
    ("notify_ca_file", "/etc/holdfast/ca.pem"),
    ("console_listen", "127.0.0.1:9001"),
    ("console_url", "https://console.example"),
    ("approval_above", "250000"),
    ("log", "debug"),
];

#[test]
fn what_is_given_later_wins() {
    let read = |variables: &[(&str, &str)], flags: &[(&str, &str)]| {
        let own = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<Vec<_>>()
        };
        Config::read(Some("hold_days = 1"), own(variables), own(flags)).unwrap().policy.hold_days
    };
    assert_eq!(read(&[], &[]), 1);
    assert_eq!(read(&[("HOLDFAST_HOLD_DAYS", "2")], &[]), 2);
    assert_eq!(read(&[("HOLDFAST_HOLD_DAYS", "2")], &[("hold_days", "3")]), 3);
}

#[test]
fn a_setting_that_cannot_be_is_refused_with_its_rule() {
    for (name, value, rule) in [
        ("data_dir", "", "a path"),
        ("listen", "8080", "address"),
        ("environment", "prod", "test or live"),
        ("public_url", "pay.example", "http"),
        ("capture_limit_percent", "99", "100 to 115"),
        ("capture_limit_percent", "116", "100 to 115"),
        ("business_day_ends", "25:00", "23:00"),
        ("hold_days", "0", "1 to 365"),
        ("hold_days", "3.5", "1 to 365"),
        ("late_success", "keep", "release or accept"),
        ("after_reversal", "x", "restore or end"),
        ("answer_within", "8", "8s"),
        ("answer_within", "1h", "60s"),
        ("clock_skew", "-1s", "15m"),
        ("clock_skew", "25h", "24h"),
        ("notify_networks", "10.1.0.0/16 10.2.0.0/16", "separated by commas"),
        ("log", "trace", "debug"),
    ] {
        let told =
            Config::read(None, [], [(name.to_owned(), value.to_owned())]).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("--{}", name.replace('_', "-"))) && told.contains(rule),
            "{name} = {value}: {told}"
        );
    }
}

#[test]
fn an_unknown_setting_suggests_the_right_name_as_its_source_spells_it() {
    let told = Config::read(
        Some("hold_day = 5\ncolour = \"red\"\nlisten = true"),
        [("HOLDFAST_LISTN".to_owned(), "x".to_owned()), ("PATH".to_owned(), "x".to_owned())],
        [("clock_skw".to_owned(), "1m".to_owned())],
    );
    let told = told.unwrap_err().to_string();
    let lines: Vec<&str> = told.lines().collect();
    for expected in [
        "hold_day: there is no such setting; did you mean hold_days?",
        "colour: there is no such setting; see: holdfast serve --help",
        "HOLDFAST_LISTN: there is no such setting; did you mean HOLDFAST_LISTEN?",
        "--clock-skw: there is no such setting; did you mean --clock-skew?",
    ] {
        assert!(lines.contains(&expected), "{expected}\n{told}");
    }
    assert!(told.contains("listen: write the value as text or a whole number"), "{told}");
    assert_eq!(lines.len(), 5, "all of it is told at once: {told}");
    let not_toml = Config::read(Some("hold_days: 5"), [], []).unwrap_err().to_string();
    assert!(not_toml.contains("not TOML"), "{not_toml}");
}

#[test]
fn variables_of_the_command_line_are_not_settings() {
    let variables = OTHER_VARIABLES.iter().map(|name| ((*name).to_owned(), "x".to_owned()));
    Config::read(None, variables, []).unwrap();
}

#[test]
fn live_does_not_listen_in_plain_http_to_the_world() {
    let read = |environment: &str, listen: &str| {
        let flags = [("environment", environment), ("listen", listen)];
        Config::read(None, [], flags.map(|(name, value)| (name.to_owned(), value.to_owned())))
    };
    for listen in ["0.0.0.0:8080", "192.0.2.1:80", "[::]:8080"] {
        let told = read("live", listen).unwrap_err().to_string();
        assert!(told.contains("127.0.0.1 behind a TLS proxy"), "{told}");
        assert!(read("test", listen).is_ok(), "{listen} in test");
    }
    for listen in ["127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(read("live", listen).unwrap().environment, Environment::Live);
    }
}

#[tokio::test]
async fn live_does_not_start_with_what_belongs_to_test() {
    let live = Place::with(&[("environment", "live")]);
    let start = async |store: &Arc<MemoryStore>| {
        let (vault, dice) = (live.vault.clone(), Dice::seeded(1));
        let parts = Parts {
            store: store.clone(),
            outbox: Arc::new(MemoryOutbox::new()),
            console: ConsoleFiles::in_memory(),
            vault,
            clock: None,
            dice,
        };
        holdfast_gateway::start(&live.config, parts)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(start(&live.store).await, Ok(()));

    let moved = Arc::new(MemoryStore::new());
    moved.register(Kind::Setting, "clock_ahead_ms", Some("1000".to_owned())).await.unwrap();
    let told = start(&moved).await.unwrap_err();
    assert!(told.contains("the clock of this data was moved"), "{told}");

    let test = Place { vault: live.vault.clone(), ..Place::new() };
    let gateway = test.open().await;
    let sample = AppKey::parse("67890123456789012345678901234567").unwrap();
    gateway
        .running
        .accounts
        .add_app(Some("sample"), Some(sample), &[mid(MID)], &[], &test.dice)
        .await
        .unwrap();
    gateway.running.stop().await;
    let told = start(&test.store).await.unwrap_err();
    assert!(told.contains("holdfast app rotate-key sample"), "{told}");
    assert!(!told.contains("67890123456789012345678901234567"), "{told}");
}

#[tokio::test]
async fn live_has_none_of_the_controls_of_the_simulation() {
    let (test, live) =
        (Gateway::start().await, Place::with(&[("environment", "live")]).open().await);
    for (method, target) in [
        ("GET", "/sim/clock"),
        ("POST", "/sim/clock"),
        ("GET", "/sim/scenarios"),
        ("PUT", "/sim/scenarios"),
        ("DELETE", "/sim/scenarios"),
        ("GET", "/sim/payer/1"),
        ("POST", "/sim/payer/1/confirm"),
        ("POST", "/sim/payer/1/decline"),
        ("POST", "/sim/payer/1/expire"),
        ("GET", "/bills/qrCode.do?id=1"),
    ] {
        let served = test.sim(method, target, Value::Null).await.outcome();
        assert!(!served.contains("NO_SERVICE"), "{method} {target}: {served}");
        assert_eq!(
            live.sim(method, target, Value::Null).await.outcome(),
            "404 NO_SERVICE",
            "{method} {target}"
        );
    }
}

/// No channel is connected: a bill that nobody can pay is not made.
#[tokio::test]
async fn live_without_a_channel_makes_no_bills() {
    let live = Place::with(&[("environment", "live")]).open().await;
    let fields = json!({"billNo": "3194B0001", "totalAmount": 1, "preauthTransaction": "true"});
    assert_eq!(live.call("get-qrcode", fields).await.outcome(), "200 INVLID_MERCHANT_CONFIG");
    assert_eq!(live.journal().await, 0);
}

#[tokio::test]
async fn the_clock_of_a_simulation_moves_ahead_only_and_stays_moved() {
    let place =
        Place { at: holdfast_wire::time::parse("2026-03-02 10:00:00").unwrap(), ..Place::new() };
    let gateway = place.open().await;
    let clock = gateway.sim("POST", "/sim/clock", json!({"advance": "30d"})).await.json();
    assert_eq!(
        clock,
        json!({"now": "2026-04-01 10:00:00", "aheadMs": 2_592_000_000_u64, "wall": "2026-03-02 10:00:00"})
    );
    for advance in
        [json!("-1d"), json!("5"), json!(""), json!("1y"), json!("4000d"), json!(5), Value::Null]
    {
        let answer = gateway.sim("POST", "/sim/clock", json!({"advance": advance})).await;
        assert_eq!(answer.outcome(), "400 BAD_REQUEST", "{advance}");
    }
    assert_eq!(gateway.sim("GET", "/sim/clock", Value::Null).await.json(), clock);
    let kept = place.store.registry(Kind::Setting).await.unwrap();
    assert!(kept.contains(&("clock_ahead_ms".to_owned(), "2592000000".to_owned())), "{kept:?}");
    // A gateway without a clock of its own goes on from there.
    gateway.running.stop().await;
    let parts = Parts {
        store: place.store.clone(),
        outbox: Arc::new(MemoryOutbox::new()),
        console: ConsoleFiles::in_memory(),
        vault: place.vault.clone(),
        clock: None,
        dice: Dice::seeded(1),
    };
    let again = holdfast_gateway::start(&place.config, parts).await.unwrap();
    assert_eq!(again.core.clock.ahead_ms(), 2_592_000_000);
}

#[tokio::test]
async fn a_vault_that_is_another_one_opens_nothing() {
    let place = Place::new();
    place.open().await.running.stop().await;
    let vault = Arc::new(Vault::throw_away(&Dice::seeded(9)));
    let parts = Parts {
        store: place.store.clone(),
        outbox: Arc::new(MemoryOutbox::new()),
        console: ConsoleFiles::in_memory(),
        vault,
        clock: None,
        dice: Dice::seeded(1),
    };
    let told =
        holdfast_gateway::start(&place.config, parts).await.map(drop).unwrap_err().to_string();
    assert!(told.contains("does not open with this master key"), "{told}");
}

#[tokio::test]
async fn a_taken_address_is_said_so() {
    let first = Gateway::start().await;
    let mut place = Place::new();
    place.config.listen = first.running.address;
    let parts = Parts {
        store: place.store.clone(),
        outbox: Arc::new(MemoryOutbox::new()),
        console: ConsoleFiles::in_memory(),
        vault: place.vault.clone(),
        clock: None,
        dice: Dice::seeded(1),
    };
    let told =
        holdfast_gateway::start(&place.config, parts).await.map(drop).unwrap_err().to_string();
    assert!(told.contains(&first.running.address.to_string()), "{told}");
}

/// The codes that HTTP statuses stand for, as `behaviour.md` settles them.
#[test]
fn every_code_has_the_status_that_was_settled() {
    for code in Code::ALL {
        let status = match code.name() {
            "BAD_SIGN" | "ABNORMAL_REQUEST_TIME" => 401,
            "1000" => 412,
            "DENIED_IP" => 403,
            "NO_SERVICE" => 404,
            "TXN_DISCARDED" => 503,
            "INTERNAL_ERROR" => 500,
            _ => 200,
        };
        assert_eq!(code.status(), status, "{code}");
    }
}

/// The names of the phases of all bills.
async fn phases(gateway: &Gateway) -> Vec<&'static str> {
    gateway
        .store
        .bills(None, usize::MAX)
        .await
        .unwrap()
        .iter()
        .map(|bill| bill.phase.name())
        .collect()
}

/// Waits until a gateway has begun to stop.
async fn until_nobody_listens(address: std::net::SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    patience(PATIENCE_MS, refused).await.expect("it stops listening");
}

/// Everything that is logged, at every level, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut Line(&mut self.0.lock().unwrap()));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        write!(log, "\n{}", event.metadata().level()).unwrap();
        event.record(&mut Line(&mut log));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Writes fields into a line of the log.
struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}
