//! Previews and timelines: what a request would do, and what became of a bill.

use holdfast_domain::{Account, Entry};
use holdfast_wire::messages::ENDPOINTS;
use serde_json::{Value, json};

use crate::{
    gateway::{BILL_DATE, Gateway, MID, OTHER_MID, Place, START, path, request},
    script::Play,
    wire::Answer,
};

const PREVIEW: &str = "/v1/holdfast/preview";
const TIMELINE: &str = "/v1/holdfast/timeline";

/// Every state a bill can be in, as the lines that bring it there.
const STATES: &[&str] = &[
    "hold 500",
    "hold 500; close",
    "hold 500; expire",
    "hold 500; confirm",
    "hold 500; confirm; capture C1 300",
    "hold 500; confirm; capture C1 500",
    "hold 500; confirm; capture C1 500; refund R1 100",
    "hold 500; confirm; capture C1 500; refund R1 500",
    "hold 500; confirm; capture C1 300; reverse C1",
    "hold 500; confirm; capture C1 300; advance 24h",
    "hold 500; confirm; advance 31d",
    "hold 500; confirm; release",
    "hold 500; confirm; capture C1-cap-refuse 300",
    "hold 500; confirm; slowly capture C1-cap-late 300",
    "hold 500; confirm; capture C1 300; choose rev any late; slowly reverse C1",
    "hold 500; confirm; choose rel any late; slowly release",
    "hold 500; confirm; capture C1 300; slowly refund R1-ref-late 100",
    "bill 500",
    "bill 500; confirm",
    "bill 500; confirm; refund - 200",
    "guarantee 500; confirm",
    "guarantee 500; confirm; complete 300",
    "guarantee 500; confirm; cancel",
    "later 500; confirm",
    "later 500; confirm; confirm-division platform 100 SHOP1 400",
    "divided 500 platform 50 SHOP1 150 SHOP2 300; confirm",
];

/// Every command, done and spoiled.
const COMMANDS: &[&str] = &[
    "hold 500",
    "bill 400",
    "close",
    "close-and-return",
    "capture C1 300",
    "capture C1 301",
    "capture C2 500",
    "capture C2 501",
    "capture B00010 1",
    "reverse C1",
    "reverse C9",
    "release",
    "cancel-of-2020 C1",
    "refund R1 100",
    "refund R2 300",
    "refund R2 501",
    "refund - 1",
    "refund R2 100 from SHOP1 100",
    "complete 300",
    "complete 501",
    "cancel",
    "confirm-division platform 100 SHOP1 400",
    "confirm-division platform 100 SHOP1 399",
];

async fn play(place: &Place, lines: &str) -> Play {
    let mut play = Play::new(place.open().await);
    for line in lines.split(';') {
        play.run(line.trim()).await;
    }
    play
}

/// A request as it is posted: its path and its body.
fn posted(play: &Play, command: &str) -> (String, Value) {
    if command == "close-and-return" {
        let fields = json!({"billNo": play.bill, "attachRefund": true});
        return (path("close-qrcode"), request(fields));
    }
    let (endpoint, fields) = play.request(command);
    (path(endpoint), request(fields))
}

fn preview(path: &str, request: &Value) -> Value {
    json!({"requestTimestamp": START, "mid": MID, "path": path, "request": request})
}

async fn foretold(gateway: &Gateway, path: &str, request: &Value) -> Answer {
    gateway.post(PREVIEW, preview(path, request).to_string()).await
}

/// The entries of a preview or of an event, as `held>merchant 300`.
fn entries(of: &Value) -> Vec<String> {
    let entry = |entry: &Value| {
        let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let sub = match word("subMid") {
            mid if mid.is_empty() => String::new(),
            mid => format!(" {mid}"),
        };
        format!("{}>{} {}{sub}", word("from"), word("to"), entry["amount"])
    };
    of["entries"].as_array().map(|all| all.iter().map(entry).collect()).unwrap_or_default()
}

fn written(entry: &Entry) -> String {
    let name = |account: &Account| match account {
        Account::Payer => "payer",
        Account::Held => "held",
        Account::Merchant => "merchant",
        Account::Undivided => "undivided",
        Account::Sub(_) => "sub",
    };
    let sub = match (&entry.from, &entry.to) {
        (Account::Sub(mid), _) | (_, Account::Sub(mid)) => format!(" {mid}"),
        _ => String::new(),
    };
    format!("{}>{} {}{sub}", name(&entry.from), name(&entry.to), entry.amount.fen())
}

/// In every state, for every command: what a preview says is what happens next.
#[tokio::test]
async fn what_a_preview_says_is_what_submitting_does() {
    let mut verdicts = std::collections::BTreeMap::<String, u32>::new();
    for state in STATES {
        let mut kept: Option<Play> = None;
        for command in COMMANDS {
            let case = format!("{state}; {command}");
            // What was refused or repeated has left everything as it was: the next command may have it.
            let play = match kept.take() {
                Some(play) => play,
                None => play(&Place::new(), state).await,
            };
            if state.ends_with("31d") {
                assert_eq!(play.until("expired").await, "expired");
            }
            let (path, body) = posted(&play, command);
            let before = play.gateway.journal().await;
            let answer = foretold(&play.gateway, &path, &body).await;
            assert_eq!(answer.outcome(), "200 SUCCESS", "{case}: {}", answer.text());
            assert_eq!(play.gateway.journal().await, before, "{case}");
            let said = answer.json();
            assert!(!said["reason"].as_str().unwrap().is_empty(), "{case}");
            assert!(!said["reasonZh"].as_str().unwrap().is_ascii(), "{case}: {said}");

            let done = play.gateway.post(&path, body.to_string()).await;
            assert_eq!(done.field("errCode"), said["code"], "{case}: {said}\n{}", done.text());
            let records = play.gateway.store.journal(before, usize::MAX).await.unwrap();
            let moved: Vec<String> =
                records.iter().flat_map(|record| &record.entries).map(written).collect();
            let verdict = said["verdict"].as_str().unwrap();
            *verdicts.entry(verdict.to_owned()).or_default() += 1;
            match (verdict, said["once"].as_str()) {
                ("done", Some("payer-pays")) => assert_eq!(moved, [""; 0], "{case}"),
                ("done", _) => {
                    assert!(!records.is_empty(), "{case}: {said}");
                    assert_eq!(moved, entries(&said), "{case}: {said}");
                    assert_eq!(play.gateway.phase(&play.bill).await, said["phaseAfter"], "{case}");
                }
                _ => assert!(records.is_empty() && entries(&said).is_empty(), "{case}: {said}"),
            }
            match records.is_empty() {
                true => kept = Some(play),
                false => play.gateway.running.stop().await,
            }
        }
    }
    assert!(verdicts.values().all(|count| *count > 15) && verdicts.len() == 3, "{verdicts:?}");
}

#[tokio::test]
async fn a_preview_tells_the_entries_of_the_channels_consent_and_the_balances() {
    let play = play(&Place::new(), "hold 500; confirm").await;
    let (path, body) = posted(&play, "capture C1 380");
    let said = foretold(&play.gateway, &path, &body).await.json();
    assert_eq!(entries(&said), ["held>merchant 380", "held>payer 120"]);
    assert_eq!(said["once"], "channel-agrees");
    assert_eq!((&said["phase"], &said["phaseAfter"]), (&json!("authorized"), &json!("captured")));
    let standing = |held: u64, taken: u64, back: u64| json!({"held": held, "taken": taken, "undivided": 0, "others": 0, "givenBack": back});
    assert_eq!(said["before"], standing(500, 0, 0));
    assert_eq!(said["after"], standing(0, 380, 120));

    let (path, body) = posted(&play, "capture C1 501");
    let said = foretold(&play.gateway, &path, &body).await.json();
    assert_eq!(said["reason"], "cannot capture 501 fen: 500 fen are left");
    assert_eq!(said["reasonZh"], "不能预授权完成 5.01 元，最多 5.00 元");
    assert_eq!(said["whose"], "merchant");
    assert_eq!(said["deadline"], "2026-04-01 10:00:00");
}

#[tokio::test]
async fn after_a_reversal_that_ends_the_hold_a_preview_says_so() {
    let play =
        play(&Place::with(&[("after_reversal", "end")]), "hold 500; confirm; capture C1 300").await;
    let (path, body) = posted(&play, "reverse C1");
    let said = foretold(&play.gateway, &path, &body).await.json();
    assert_eq!(
        (entries(&said), &said["phaseAfter"]),
        (vec!["merchant>payer 300".to_owned()], &json!("ended"))
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_foretold_as_refused() {
    let play = play(&Place::new(), "hold 500; confirm").await;
    let said =
        foretold(&play.gateway, &path("preauthed"), &json!({"mid": MID, "totalAmount": 1.5}))
            .await
            .json();
    assert_eq!(
        (&said["verdict"], &said["code"]),
        (&json!("refused"), &json!("BAD_REQUEST")),
        "{said}"
    );
    assert!(said["reason"].as_str().unwrap().contains("totalAmount must be"), "{said}");
}

#[tokio::test]
async fn what_moves_no_money_and_what_is_another_merchants_is_not_foreseen() {
    let play = play(&Place::new(), "hold 500; confirm").await;
    let (capture, body) = posted(&play, "capture C1 380");
    let mut others = body.clone();
    others["mid"] = json!(OTHER_MID);
    let nested = preview(&capture, &body);
    let (query, asked) = posted(&play, "query");
    for (path, request) in
        [(capture.as_str(), &others), (PREVIEW, &nested), (&query, &asked), ("/nowhere", &body)]
    {
        let answer = foretold(&play.gateway, path, request).await;
        assert_eq!(answer.outcome(), "200 BAD_REQUEST", "{path}: {}", answer.text());
    }
    let mut strange = preview(&capture, &others);
    strange["mid"] = json!(OTHER_MID);
    let answer = play.gateway.post(PREVIEW, strange.to_string()).await;
    assert_eq!(answer.outcome(), "200 NO_MERCHANT");
}

/// A signature does not cover the path. Whoever caught a preview could post it elsewhere.
#[tokio::test]
async fn a_preview_is_taken_for_nothing_else_at_any_other_path() {
    let play = play(&Place::new(), "hold 500; confirm").await;
    let (capture, mut inner) = posted(&play, "capture C1 380");
    inner["path"] = json!("x");
    let mut body = preview(&capture, &inner);
    let before = play.gateway.journal().await;
    // As it should be, and with everything among its own fields that a real request could have.
    for _ in 0..2 {
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.name != "preview") {
            for path in [&[endpoint.path], endpoint.aliases].concat() {
                let answer = play.gateway.post(path, body.to_string()).await;
                assert_eq!(answer.field("errCode"), "BAD_REQUEST", "{path}: {}", answer.text());
            }
        }
        let fields = request(json!({"billNo": play.bill, "totalAmount": 1, "refundAmount": 1}));
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    }
    assert_eq!(play.gateway.journal().await, before);
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.name != "preview") {
        let marks =
            endpoint.request.iter().filter(|field| matches!(field.name, "path" | "request"));
        assert_eq!(marks.count(), 0, "{} would be taken for a preview", endpoint.name);
    }
}

async fn timeline(gateway: &Gateway, bill: &str) -> Value {
    let body =
        json!({"requestTimestamp": START, "mid": MID, "billNo": bill, "billDate": BILL_DATE});
    let answer = gateway.post(TIMELINE, body.to_string()).await;
    assert_eq!(answer.outcome(), "200 SUCCESS", "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_timeline_tells_what_happened_who_asked_and_whose_the_money_was() {
    let play = play(
        &Place::new(),
        "hold 500; decline; confirm; capture C1 380; reverse C1; capture C2-cap-refuse 1; capture C3 500; refund R1 100",
    )
    .await;
    let told = timeline(&play.gateway, &play.bill).await;
    let line = |event: &Value| {
        let order = event["order"].as_str().unwrap_or("-").trim_start_matches("3194");
        let order = if order == "B00010" { "pay" } else { order };
        let standing = &event["standing"];
        format!(
            "{} {} {order} {} | {} {} {} | {}",
            event["who"].as_str().unwrap(),
            event["event"].as_str().unwrap(),
            event["amount"],
            standing["held"],
            standing["taken"],
            standing["givenBack"],
            entries(event).join(", ")
        )
    };
    let lines: Vec<String> = told["events"].as_array().unwrap().iter().map(line).collect();
    let expected = "
        app bill.requested - 500 | 0 0 0 |
        payer bill.declined - null | 0 0 0 |
        payer hold.authorized pay 500 | 500 0 0 | payer>held 500
        app capture.asked C1 380 | 500 0 0 |
        channel hold.captured C1 380 | 0 380 120 | held>merchant 380, held>payer 120
        app reversal.asked C1 380 | 0 380 120 |
        channel hold.reversed C1 380 | 500 0 0 | merchant>held 380, payer>held 120
        app capture.asked C2-cap-refuse 1 | 500 0 0 |
        channel capture.refused C2-cap-refuse 1 | 500 0 0 |
        app capture.asked C3 500 | 500 0 0 |
        channel hold.captured C3 500 | 0 500 0 | held>merchant 500
        app refund.asked R1 100 | 0 500 0 |
        channel refund.done R1 100 | 0 400 100 | merchant>payer 100
    ";
    let expected: Vec<&str> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    assert_eq!(lines, expected, "{told:#}");
    assert_eq!((&told["phase"], &told["leftOut"]), (&json!("captured"), &json!(0)));
    assert!(!told.to_string().contains("nonce"));
}

#[tokio::test]
async fn a_timeline_names_the_request_that_its_answer_named() {
    let play = play(&Place::new(), "hold 500; confirm; capture C1 380").await;
    let head = play.last.as_ref().unwrap().head.to_lowercase();
    let asked = head.lines().find_map(|line| line.strip_prefix("request-id: ")).unwrap();
    let told = timeline(&play.gateway, &play.bill).await;
    let who = |place: usize| {
        let event = &told["events"][place];
        ["event", "appId", "requestId"].map(|field| event[field].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(who(1), ["hold.authorized", "-", "-"]);
    assert_eq!(who(2), ["capture.asked", crate::gateway::APP, asked]);
    assert_eq!(who(3), ["hold.captured", "-", "-"]);
}

/// Actions as `capture 500 until …` or `capture: why not`.
fn actions(told: &Value) -> Vec<String> {
    let action = |action: &Value| {
        let word = |name: &str| action[name].as_str().unwrap();
        match action["allowed"].as_bool().unwrap() {
            true => format!("{} {}", word("action"), word("text")),
            false => format!("{}: {}", word("action"), word("text")),
        }
    };
    told["actions"].as_array().unwrap().iter().map(action).collect()
}

#[tokio::test]
async fn a_timeline_says_what_may_be_done_next_and_why_the_rest_may_not() {
    let cases: &[(&str, &[&str])] = &[
        (
            "hold 500",
            &[
                "capture: cannot capture: the bill is requested",
                "reverse: cannot reverse: the bill is requested",
                "release: cannot release: the bill is requested",
                "refund: cannot refund: the bill is requested",
                "close as a whole until 2026-03-02 10:30:00",
            ],
        ),
        (
            "hold 500; confirm",
            &[
                "capture up to 5.00 yuan until 2026-04-01 10:00:00",
                "reverse: cannot reverse: the bill is authorized",
                "release as a whole until 2026-04-01 10:00:00",
                "refund: cannot refund: the bill is authorized",
                "close: cannot close: the bill is authorized",
            ],
        ),
        (
            "hold 500; confirm; capture C1 380",
            &[
                "capture: cannot capture: the bill is captured",
                "reverse as a whole until 2026-03-02 23:00:00",
                "release: cannot release: the bill is captured",
                "refund up to 3.80 yuan",
                "close: cannot close: the bill is captured",
            ],
        ),
        (
            "hold 500; confirm; capture C1 380; advance 24h",
            &[
                "capture: cannot capture: the bill is captured",
                "reverse: the capture is of business day 2026-03-02 and it is 2026-03-03 now: refund instead",
                "release: cannot release: the bill is captured",
                "refund up to 3.80 yuan",
                "close: cannot close: the bill is captured",
            ],
        ),
        (
            "guarantee 500; confirm; complete 300; refund R1 300",
            &[
                "complete: cannot complete: the bill is captured",
                "cancel: cannot cancel: the bill is captured",
                "refund: nothing is left",
                "close: cannot close: the bill is captured",
            ],
        ),
    ];
    for (state, expected) in cases {
        let play = play(&Place::new(), state).await;
        let told = timeline(&play.gateway, &play.bill).await;
        assert_eq!(actions(&told), *expected, "{state}");
        for action in told["actions"].as_array().unwrap() {
            assert!(!action["textZh"].as_str().unwrap().is_ascii(), "{action}");
        }
    }
}

#[tokio::test]
async fn a_long_history_is_told_from_its_end() {
    let mut play = play(&Place::new(), "hold 500; confirm").await;
    for number in 0..55 {
        play.run(&format!("capture C{number} 100")).await;
        play.run(&format!("reverse C{number}")).await;
    }
    let told = timeline(&play.gateway, &play.bill).await;
    let events = told["events"].as_array().unwrap();
    // Two to make and pay it, four for each capture and its reversal.
    assert_eq!((events.len(), &told["leftOut"]), (200, &json!(22)));
    assert_eq!(events[199]["event"], "hold.reversed");
    assert_eq!(events[199]["standing"]["held"], 500);
}

#[tokio::test]
async fn only_an_app_of_the_merchant_sees_a_timeline() {
    let play = play(&Place::new(), "hold 500").await;
    let body = |mid: &str, bill: &str| {
        json!({"requestTimestamp": START, "mid": mid, "billNo": bill, "billDate": BILL_DATE})
            .to_string()
    };
    let answer = play.gateway.post(TIMELINE, body(OTHER_MID, &play.bill)).await;
    assert_eq!(answer.outcome(), "200 NO_MERCHANT");
    let answer = play.gateway.post(TIMELINE, body(MID, "3194B0404")).await;
    assert_eq!(answer.outcome(), "200 NO_ORDER");
}
