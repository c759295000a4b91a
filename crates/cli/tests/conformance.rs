//! The conformance kit against our own gateway, and against the same gateway made to misbehave in many ways.
//!
//! What misbehaves stands in front of a real gateway and changes what passes, so that everything else is right.

mod program;

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use holdfast_client::{AppId, AppKey, Client, Sent, Transport};
use holdfast_domain::{Mid, Text};
use holdfast_gateway::{
    ConsoleFiles, Parts, Running,
    accounts::AppChange,
    clock::{Clock, Dice},
    config::Config,
    notices::outbox::MemoryOutbox,
    start,
    store::MemoryStore,
    vault::Vault,
};
use holdfast_wire::{
    auth::Authorization,
    notice::{self, Pairs},
    secret::NoticeKey,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use program::program;

const MID: &str = "898201612345678";
const SUB_MID: &str = "898201612345679";
const SOURCE: &str = "WWW.TEST.COM";
const APP: &str = "conformance";
const APP_KEY: &str = "an app key that only this test knows";
const NOTICE_KEY: &str = "a communication key that only this test knows";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// A gateway with two merchants, and an app that may act for the first.
async fn gateway() -> Running {
    let config = Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() };
    let dice = Dice::seeded(1);
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        outbox: Arc::new(MemoryOutbox::new()),
        console: ConsoleFiles::in_memory(),
        vault: Arc::new(Vault::throw_away(&dice)),
        clock: None,
        dice: Dice::seeded(2),
    };
    let running = start(&config, parts).await.unwrap();
    let accounts = &running.accounts;
    for mid in [MID, SUB_MID] {
        let (mid, name) = (Mid::parse(mid).unwrap(), Text::parse("测试商户").unwrap());
        accounts.add_merchant(&mid, &name).await.unwrap();
        let key = NoticeKey::parse(NOTICE_KEY).unwrap();
        accounts.rotate_notice_key(&mid, Some(key), 0, &Clock::running(0), &dice).await.unwrap();
    }
    let (mid, key) = (Mid::parse(MID).unwrap(), AppKey::parse(APP_KEY).unwrap());
    accounts.add_app(Some(APP), Some(key), &[mid], &[], &dice).await.unwrap();
    let source = Text::parse(SOURCE).unwrap();
    accounts.set_app(APP, &AppChange::called(Some(&source))).await.unwrap();
    running
}

/// Runs the command against an address.
async fn conformance(url: &str, more: &str) -> Output {
    let mut command = program(Path::new("."));
    let line = format!(
        "--quiet --color never conformance --base-url {url} --mid {MID} --tid 88880001 --app-id {APP} \
         --notices 127.0.0.1:0 --sub-mid {SUB_MID} --msg-src {SOURCE} {more}"
    );
    command.args(line.split_whitespace());
    command.env("HOLDFAST_APP_KEY", APP_KEY).env("HOLDFAST_NOTICE_KEY", NOTICE_KEY);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// What a run wrote, after it ended with that number.
#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    // A key must not be seen anywhere, whatever went wrong.
    for secret in [APP_KEY, NOTICE_KEY] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}\n{err}");
    }
    out.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_gateway_passes_every_walk_also_where_the_documents_are_silent() {
    let gateway = gateway().await;
    let told = ended(&conformance(&gateway.url(), "--strict").await, 0);
    assert!(told.starts_with("group 分组"), "{told}");
    assert!(told.contains("0 differ 不一致, 0 skipped 跳过, 0 notes 备注"), "{told}");
    let json = ended(&conformance(&gateway.url(), "--strict -o json").await, 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["passed"].as_u64().unwrap() > 80 && json["differ"] == 0, "{json}");
    assert!(json["walks"].as_array().unwrap().iter().all(|walk| walk["result"] == "passed"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_walk_can_be_done_with_tokens_too() {
    let gateway = gateway().await;
    ended(&conformance(&gateway.url(), "--strict --scheme token").await, 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_skipped_with_the_reason() {
    let gateway = gateway().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let line = format!(
        "--quiet conformance --base-url {} --mid {MID} --tid 1 --app-id {APP} --group notices,split,legacy",
        gateway.url()
    );
    command.args(line.split_whitespace()).env("HOLDFAST_APP_KEY", APP_KEY);
    command.env_remove("HOLDFAST_NOTICE_KEY").env_remove("HOLDFAST_NOTICE_KEY_FILE");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = ended(&output, 0);
    for reason in ["needs --notices ADDRESS", "needs --sub-mid MID", "needs --msg-src SOURCE"] {
        assert!(told.contains(reason), "{told}");
    }
    assert!(told.contains("0 passed 通过, 0 differ 不一致"), "{told}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_begun_says_what_to_do() {
    let gateway = gateway().await;
    let url = gateway.url();
    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let nobody = conformance("http://127.0.0.1:9", "").await;
    ended(&nobody, 4);
    assert!(told(&nobody).contains("holdfast serve"), "{}", told(&nobody));
    for (more, hint) in [
        ("--group cores", "holdfast conformance --list"),
        ("--only whole-life", "holdfast conformance --list"),
        ("--payer someone", "it is sim, ask, or"),
        ("--walks /no/such/file.json", "/no/such/file.json"),
        ("--payer command:/no/such/program", "nobody can pay: run /no/such/program"),
        ("--source 319", "four letters or digits"),
        ("--patience 0s", "500ms, 30s or 5m"),
    ] {
        let refused = conformance(&url, more).await;
        ended(&refused, 2);
        assert!(told(&refused).contains(hint), "{more}: {}", told(&refused));
    }
    let listed = ended(&conformance(&url, "--list --group auth").await, 0);
    assert!(listed.contains("wrong-signature") && !listed.contains("hold-whole-life"), "{listed}");
    gateway.stop().await;
}

/// The first commands of the kit's own page do what it says, in both languages.
#[test]
fn the_commands_of_the_kits_page_check_everything() {
    for page in ["README.md", "README.zh-CN.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        let block = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
        // Only the port is changed: the usual one may be taken here.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let commands = block.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
        let script = format!(
            "set -eo pipefail\ntrap 'kill $(jobs -p)' EXIT\nexport HOLDFAST_BASE_URL=http://127.0.0.1:{port}\n{commands}"
        );
        let dir = tempfile::TempDir::new().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().unwrap();
        let search = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(&script).current_dir(dir.path()).env("PATH", search);
        let told = ended(&shell.output().unwrap(), 0);
        assert!(told.contains("0 differ 不一致, 0 skipped 跳过, 0 notes 备注"), "{told}");
    }
}

/// A payer that is a program: here, our own simulation's controls.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_can_pay() {
    let gateway = gateway().await;
    let url = gateway.url();
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let line = format!(
        "--quiet conformance --base-url {url} --mid {MID} --tid 1 --app-id {APP} --strict \
         --only close-then-pay --only declined-then-paid --only capture-whole --payer"
    );
    command.args(line.split_whitespace()).env("HOLDFAST_APP_KEY", APP_KEY);
    let program = env!("CARGO_BIN_EXE_holdfast");
    command.arg(format!("command:'{program}' -q sim --base-url {url} {{action}} {{url}}"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(ended(&output, 0).contains("3 passed"));
    gateway.stop().await;
}

/// A way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vice {
    BelievesEverybody,
    ForgetsWhatTimeItIs,
    BelievesEveryToken,
    TokensLiveForever,
    AnswersRefundsInHtml,
    SaysNothing,
    CapturesOneFenMore,
    LosesThePayment,
    ForgetsTheEcho,
    TakesAUsedNumber,
    CapturesMoreThanIsHeld,
    PretendsToReverse,
    WritesNumbersAsTexts,
    WritesTextsAsNumbers,
    CallsUnknownBillsBroken,
    AnswersEveryPath,
    BeginsWithAMark,
    SaysThingsTwice,
    WritesGbk,
    ForgetsTheDate,
    SignsNoticesWrongly,
    LeavesTheRandomPairOut,
    TellsNobody,
    AsksInsteadOfTelling,
    ForgetsTheReserve,
    AnswersForAnother,
    LetsEverythingBePaid,
    LeavesThePredecessorUnsigned,
    /// No vice: the documents do not list `authIdRespCd` among what `query` answers, the notice has it.
    LeavesTheCodeToTheNotice,
    /// No vice either: a server in front answers for what it does not know, in its own way.
    FindsNothingInHtml,
}

use Vice::*;

/// What stands in front of a gateway.
struct Front {
    vice: Vice,
    /// Where it stands itself.
    url: String,
    gateway: String,
    transport: Transport,
    /// Signs rightly, whoever asked.
    client: Client,
    /// The last capture that succeeded.
    captured: Mutex<Value>,
}

impl Front {
    async fn open(vice: Vice, gateway: &str) -> (String, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder()
            .base_url(gateway)
            .credentials(AppId::parse(APP).unwrap(), AppKey::parse(APP_KEY).unwrap())
            .build()
            .unwrap();
        let front = Arc::new(Self {
            vice,
            url: url.clone(),
            gateway: gateway.to_owned(),
            transport: Transport::new(PATIENCE),
            client,
            captured: Mutex::default(),
        });
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let front = front.clone();
                let service = service_fn(move |request| {
                    let front = front.clone();
                    async move { Ok::<_, Infallible>(front.answer(request).await) }
                });
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move { drop(serving.await) });
            }
        });
        (url, server)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let path = head.uri.path().to_owned();
        if let Some(receiver) = path.strip_prefix("/relay/") {
            self.relay(receiver, &body).await;
            return response(200, notice::DONE.as_bytes().to_vec());
        }
        let authorization = head.headers.get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let protocol = path.starts_with("/v1/netpay/");
        if self.vice == SaysNothing && path.ends_with("/refund") {
            std::future::pending::<()>().await;
        }
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let relayed =
            [SignsNoticesWrongly, LeavesTheRandomPairOut, TellsNobody, AsksInsteadOfTelling];
        let exchange = if protocol && relayed.contains(&self.vice) && asked["notifyUrl"].is_string()
        {
            let mut asked = asked.clone();
            let url = asked["notifyUrl"].as_str().unwrap();
            asked["notifyUrl"] =
                url.replace("http://127.0.0.1:", &format!("{}/relay/", self.url)).into();
            self.client.call_raw(&path, asked.to_string().as_bytes()).await
        } else if protocol && self.lets_in(authorization.as_deref(), &body) {
            self.client.call_raw(&path, &body).await
        } else {
            let method = if head.method == "GET" { "GET" } else { "POST" };
            let url = format!("{}{path}{query}", self.gateway);
            let mut sent = Sent::unsigned(method, url, body);
            sent.headers.extend(authorization.map(|value| ("Authorization", value)));
            self.transport.send(sent).await
        };
        let exchange = exchange.unwrap();
        let spoiled = ["/v1/token", "/sim/payer", "/netpay-route-server"];
        match protocol || spoiled.iter().any(|start| path.starts_with(start)) {
            true => self.spoil(&path, &asked, exchange.status, exchange.body),
            false => response(exchange.status, exchange.body),
        }
    }

    /// Whether a request is signed anew, because its own signature does not matter here.
    fn lets_in(&self, authorization: Option<&str>, body: &[u8]) -> bool {
        match self.vice {
            BelievesEverybody => !body.is_empty(),
            ForgetsWhatTimeItIs => match authorization.map(Authorization::parse) {
                Some(Ok(Authorization::BodySig(signed))) => {
                    let right = signed.verify(&AppKey::parse(APP_KEY).unwrap(), body);
                    right && signed.app_id.as_str() == APP
                }
                _ => false,
            },
            BelievesEveryToken => {
                authorization.is_some_and(|header| header.starts_with("OPEN-ACCESS-TOKEN"))
            }
            _ => false,
        }
    }

    /// The answer as it should not be.
    fn spoil(
        &self,
        path: &str,
        asked: &Value,
        status: u16,
        body: Vec<u8>,
    ) -> Response<Full<Bytes>> {
        let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
            return response(status, body);
        };
        let at = |name: &str| path.ends_with(name);
        let done = answer["errCode"] == "SUCCESS";
        let mut status = status;
        match self.vice {
            AnswersRefundsInHtml if at("/refund") => {
                return response(500, b"<html><h1>502 Bad Gateway</h1></html>".to_vec());
            }
            TokensLiveForever if at("/token/access") => answer["expiresIn"] = 315_360_000.into(),
            CapturesOneFenMore if at("/preauthed") && done => {
                let fen = answer["authedBillPayment"]["totalAmount"].as_u64().unwrap();
                answer["authedBillPayment"]["totalAmount"] = (fen + 1).into();
            }
            LosesThePayment if at("/preauthed-cancel") => {
                answer.as_object_mut().unwrap().remove("billPayment");
            }
            ForgetsTheEcho => {
                answer.as_object_mut().unwrap().remove("msgId");
            }
            TakesAUsedNumber | CapturesMoreThanIsHeld if at("/preauthed") => {
                let refusal = match self.vice {
                    TakesAUsedNumber => "DUP_ORDER",
                    _ => "OPERATION_NOT_ALLOWED",
                };
                if done {
                    *self.captured.lock().unwrap() = answer.clone();
                } else if answer["errCode"] == refusal {
                    answer = self.invented(asked, &answer);
                }
            }
            PretendsToReverse if at("/query") && answer["authedBillPayment"].is_object() => {
                // As if the reversal had never been heard of.
                answer["authedBillPayment"]["status"] = "TRADE_SUCCESS".into();
            }
            ForgetsTheReserve => {
                answer.as_object_mut().unwrap().remove("srcReserve");
            }
            AnswersForAnother if answer["mid"].is_string() => answer["mid"] = SUB_MID.into(),
            LetsEverythingBePaid if at("/confirm") => return response(200, b"{}".to_vec()),
            LeavesThePredecessorUnsigned if path.starts_with("/netpay-route-server") => {
                answer.as_object_mut().unwrap().remove("sign");
            }
            FindsNothingInHtml if status == 404 => {
                return response(404, b"<html><h1>404 Not Found</h1></html>".to_vec());
            }
            LeavesTheCodeToTheNotice if at("/query") => {
                answer.as_object_mut().unwrap().remove("authIdRespCd");
            }
            WritesNumbersAsTexts => each(&mut answer, &|value| {
                if value.is_number() {
                    *value = value.to_string().into();
                }
            }),
            WritesTextsAsNumbers => {
                let code =
                    answer["authIdRespCd"].as_str().and_then(|text| text.parse::<u64>().ok());
                if let Some(code) = code {
                    answer["authIdRespCd"] = code.into();
                }
            }
            CallsUnknownBillsBroken if answer["errCode"] == "NO_ORDER" => {
                answer["errCode"] = "INTERNAL_ERROR".into();
            }
            AnswersEveryPath if status == 404 => status = 200,
            ForgetsTheDate if answer["responseTimestamp"].is_string() => {
                answer["responseTimestamp"] = "12:00:00".into();
            }
            BeginsWithAMark => return response(status, [b"\xef\xbb\xbf", &*body].concat()),
            SaysThingsTwice => {
                let text = String::from_utf8(body).unwrap();
                return response(status, text.replacen('{', r#"{"errCode":"SUCCESS","#, 1).into());
            }
            WritesGbk => {
                let mut text = answer.to_string().into_bytes();
                text.pop();
                text.extend(b",\"memo\":\"\xd1\xba\xbd\xf0\"}");
                return response(status, text);
            }
            _ => {}
        }
        response(status, answer.to_string().into_bytes())
    }

    /// A success that did not happen.
    fn invented(&self, asked: &Value, refusal: &Value) -> Value {
        let mut answer = self.captured.lock().unwrap().clone();
        if answer.is_null() {
            answer =
                json!({"authedBillPayment": {"status": "TRADE_SUCCESS"}, "billStatus": "PAID"});
        }
        for name in [
            "mid",
            "tid",
            "msgId",
            "srcReserve",
            "billNo",
            "billDate",
            "instMid",
            "authedOrderId",
            "authIdRespCd",
        ] {
            answer[name] = asked[name].clone();
        }
        answer["errCode"] = "SUCCESS".into();
        answer["billQRCode"] = "http://qr.example/?id=1".into();
        answer["responseTimestamp"] = refusal["responseTimestamp"].clone();
        answer["authedBillPayment"]["totalAmount"] = asked["totalAmount"].clone();
        answer
    }

    /// Hands a notice on, as it should not be.
    async fn relay(&self, receiver: &str, body: &[u8]) {
        let mut pairs = notice::read_form(std::str::from_utf8(body).unwrap()).unwrap();
        match self.vice {
            TellsNobody => return,
            AsksInsteadOfTelling => {}
            SignsNoticesWrongly => {
                for (_, value) in pairs.iter_mut().filter(|(name, _)| name == "sign") {
                    *value = value.chars().rev().collect();
                }
            }
            _ => {
                pairs.retain(|(name, _)| name.len() != 2 && name != "sign");
                let borrowed: Vec<_> =
                    pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let sign = notice::sign(&NoticeKey::parse(NOTICE_KEY).unwrap(), borrowed);
                pairs.push(("sign".to_owned(), sign));
            }
        }
        let method = if self.vice == AsksInsteadOfTelling { "PUT" } else { "POST" };
        let mut sent =
            Sent::unsigned(method, format!("http://127.0.0.1:{receiver}"), posted(&pairs));
        sent.headers = vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        self.transport.send(sent).await.unwrap();
    }
}

fn posted(pairs: &Pairs) -> Vec<u8> {
    notice::form(pairs).into_bytes()
}

fn response(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
}

/// Does something to every value inside.
fn each(value: &mut Value, change: &impl Fn(&mut Value)) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| each(value, change)),
        Value::Array(items) => items.iter_mut().for_each(|value| each(value, change)),
        value => change(value),
    }
}

/// A gateway with that vice fails: exactly in these walks, or, where the last is `…`, at least in them; and the
/// report says so in these words.
async fn check(vice: Vice, more: &str, walks: &[&str], words: &[&str]) {
    let gateway = gateway().await;
    let (url, front) = Front::open(vice, &gateway.url()).await;
    let told = ended(&conformance(&url, more).await, 10);
    front.abort();
    gateway.stop().await;
    let table = told.split("\n\n").next().unwrap();
    let differ = table.lines().filter(|line| line.contains("DIFFERS 不一致"));
    let differ: Vec<&str> = differ.map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    match walks.strip_suffix(&["…"]) {
        Some(walks) => {
            assert!(walks.iter().all(|walk| differ.contains(walk)), "{vice:?} {differ:?}\n{told}");
            // Not everything is wrong: what the vice does not touch passes.
            assert!(table.contains("passed 通过"), "{told}");
        }
        None => assert_eq!(differ, walks, "{vice:?}\n{told}"),
    }
    for word in words {
        assert!(told.contains(word), "{vice:?}: no {word:?} in\n{told}");
    }
}

/// The code of a hold is told by its notice; that `query` tells it, too, is our own doing.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_notices_alone_tell_the_code_of_a_hold_is_right() {
    let gateway = gateway().await;
    let (url, front) = Front::open(LeavesTheCodeToTheNotice, &gateway.url()).await;
    let walks = "--only hold-whole-life --only release --only hold-is-announced";
    let told = ended(&conformance(&url, walks).await, 0);
    assert!(told.contains("3 passed 通过, 0 differ 不一致, 0 skipped 跳过"), "{told}");
    // Who does not look at notices cannot go on: that is nobody's fault, and is not called passed either.
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let line = format!(
        "--quiet conformance --base-url {url} --mid {MID} --tid 1 --app-id {APP} --only release --only capture-unknown-bill"
    );
    command.args(line.split_whitespace()).env("HOLDFAST_APP_KEY", APP_KEY);
    command.env_remove("HOLDFAST_NOTICE_KEY").env_remove("HOLDFAST_NOTICE_KEY_FILE");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = ended(&output, 0);
    assert!(told.contains("1 passed 通过, 0 differ 不一致, 1 skipped 跳过"), "{told}");
    assert!(told.contains("give --notices ADDRESS"), "{told}");
    front.abort();
    gateway.stop().await;
}

/// Of an unknown path the documents say nothing but the status.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_found_may_look_like_anything() {
    let gateway = gateway().await;
    let (url, front) = Front::open(FindsNothingInHtml, &gateway.url()).await;
    let told = ended(&conformance(&url, "--only unknown-path").await, 0);
    assert!(
        told.contains("1 passed 通过, 0 differ 不一致, 0 skipped 跳过, 1 notes 备注"),
        "{told}"
    );
    assert!(ended(&conformance(&url, "--only unknown-path --strict").await, 10).contains("<html>"));
    front.abort();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_believes_a_wrong_signature_is_found_out() {
    check(
        BelievesEverybody,
        "--group auth",
        &[
            "wrong-signature",
            "unknown-app",
            "body-changed",
            "no-signature",
            "signature-of-yesterday",
            "…",
        ],
        &[
            "✗ auth/wrong-signature · step 1 of 2 第 1 步: get-qrcode 获取二维码",
            "a request under a wrong signature is not done 签名错误的请求不执行",
            "expected 应为  anything but 不得为 \"SUCCESS\"\n      came 实为      \"SUCCESS\"",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_believes_old_signatures_is_found_out() {
    check(
        ForgetsWhatTimeItIs,
        "",
        &["signature-of-yesterday", "signature-of-tomorrow"],
        &["a signature that is a day old is not believed", "auth/replayed"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_request_twice_is_found_out_where_holdfast_is_the_measure() {
    check(
        ForgetsWhatTimeItIs,
        "--strict --only replayed",
        &["replayed"],
        &[
            "query 账单状态查询 sent again byte by byte 原样重发",
            "(the documents leave it open 官方未规定)",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_believes_a_token_that_nobody_issued_is_found_out() {
    check(
        BelievesEveryToken,
        "",
        &["token-made-up", "token-changed"],
        &["a token that nobody issued lets nobody in"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_live_for_ever_are_found_out_where_holdfast_is_the_measure() {
    check(
        TokensLiveForever,
        "--strict --group auth",
        &["token", "token-by-sha1", "token-changed"],
        &["expiresIn", "expected 应为  at most 不大于 3600", "came 实为      315360000"],
    )
    .await;
}

/// A report is passed around: what lets somebody in is not in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_in_the_report() {
    let gateway = gateway().await;
    let (url, front) = Front::open(TokensLiveForever, &gateway.url()).await;
    for form in ["", "-o json"] {
        let told = ended(&conformance(&url, &format!("--strict --only token {form}")).await, 10);
        let token = told.replace('\\', "");
        let token = token.split("\"accessToken\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(token, "…", "{told}");
    }
    front.abort();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_something_else_is_found_out() {
    let echo = "srcReserve\n      expected 应为  \"conformance 一致性\" (echo 原样返回)";
    for (vice, words) in [
        (ForgetsTheReserve, echo),
        (
            AnswersForAnother,
            "mid\n      expected 应为  \"898201612345678\"\n      came 实为      \"898201612345679\"",
        ),
    ] {
        check(
            vice,
            "--only hold-whole-life --only unknown-path",
            &["hold-whole-life", "…"],
            &[words],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lets_a_closed_code_be_paid_is_found_out() {
    check(
        LetsEverythingBePaid,
        "--only close-then-pay --only paid-once --only capture-whole",
        &["close-then-pay", "paid-once"],
        &["payer 付款人", "expected 应为  the payer is refused 拒绝"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predecessors_answer_without_a_signature_is_found_out_where_holdfast_is_the_measure() {
    check(
        LeavesThePredecessorUnsigned,
        "--strict --group legacy",
        &["predecessor", "predecessor-sha256", "…"],
        &["the answer's own signature 应答签名"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_html_is_found_out() {
    check(
        AnswersRefundsInHtml,
        "",
        &["refund-of-a-capture", "payment-and-refunds", "refund-before-payment", "…"],
        &["refund 退款", "not JSON at line 1, column 1", "<html><h1>502 Bad Gateway", "HTTP 500"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_answer_is_found_out_in_time() {
    check(
        SaysNothing,
        "--timeout 1s --only refund-before-payment --only release",
        &["release", "refund-before-payment"],
        &["one within 1 s 在时限内应答", "no answer within 1000 ms"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_amount_is_found_out() {
    check(
        CapturesOneFenMore,
        "",
        &["hold-whole-life", "capture-whole", "amounts-as-texts", "…"],
        &["authedBillPayment.totalAmount\n      expected 应为  1000\n      came 实为      1001"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_field_that_is_missing_is_found_out() {
    check(
        LosesThePayment,
        "",
        &["hold-whole-life", "reversal-official-request", "reversal-repeated", "…"],
        &[
            "preauthed-cancel 预授权完成撤销",
            "billPayment\n      expected 应为  a JSON object JSON 对象\n      came 实为      nothing 无",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_echo_is_found_out() {
    check(
        ForgetsTheEcho,
        "--group core,auth",
        &["hold-whole-life", "echo", "…"],
        &["msgId\n      expected 应为  \"800000000010\" (echo 原样返回)"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_number_for_two_captures_is_found_out() {
    check(
        TakesAUsedNumber,
        "",
        &["capture-repeated"],
        &[
            "✗ core/capture-repeated · step 6 of 7",
            "preauthed 预授权完成 again, with other content 内容不同的重复请求",
            "a number that was used cannot mean something else 已使用的单号不得用于其他内容",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_captures_more_than_is_held_is_found_out() {
    check(
        CapturesMoreThanIsHeld,
        "",
        &["capture-over-limit", "capture-once", "…"],
        &["✗ core/capture-over-limit · step 4 of 6", "ten times what is held 十倍于冻结金额"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_that_did_not_happen_is_found_out() {
    check(
        PretendsToReverse,
        "",
        &["hold-whole-life", "reversal-repeated", "reversal-restores-or-ends"],
        &[
            "a capture that was reversed does not stand any more 已撤销的预授权完成不再有效",
            "authedBillPayment.status\n      expected 应为  anything but 不得为 \"TRADE_SUCCESS\"",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_written_as_texts_are_found_out() {
    check(
        WritesNumbersAsTexts,
        "",
        &["hold-whole-life", "payment-and-refunds", "fixed-code", "guarantee-whole", "…"],
        &["totalAmount\n      expected 应为  a JSON number, whole 整数（JSON 数字）\n      came 实为      \"1908\""],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_written_as_numbers_are_found_out() {
    check(
        WritesTextsAsNumbers,
        "",
        &["hold-whole-life", "capture-whole", "…"],
        &["authIdRespCd\n      expected 应为  1 to 64 characters"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_for_a_bill_that_nobody_knows_is_found_out() {
    check(
        CallsUnknownBillsBroken,
        "--group core",
        &["capture-unknown-bill", "query-unknown-bill", "echo"],
        &["expected 应为  \"NO_ORDER\"\n      came 实为      \"INTERNAL_ERROR\""],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_under_every_path_is_found_out() {
    check(
        AnswersEveryPath,
        "",
        &["unknown-path"],
        &["HTTP status 状态码\n      expected 应为  404"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_not_everybody_can_read_is_found_out() {
    for (vice, word) in [
        (BeginsWithAMark, "a byte order mark before the JSON 报文以 BOM 开头"),
        (SaysThingsTwice, "field `errCode` is there twice 字段 errCode 重复出现"),
        (WritesGbk, "not UTF-8 after byte"),
        (ForgetsTheDate, "expected 应为  a Beijing time as yyyy-MM-dd HH:mm:ss"),
    ] {
        check(
            vice,
            "--only query-unknown-bill --only wrong-signature",
            &["query-unknown-bill", "wrong-signature"],
            &[word],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_cannot_be_believed_is_found_out() {
    for (vice, words) in [
        (SignsNoticesWrongly, ["was not signed with this communication key", "通知验签失败"]),
        (
            LeavesTheRandomPairOut,
            ["a pair whose name is random, such as gY=Snwz", "came 实为      nothing 无"],
        ),
        (TellsNobody, ["a notice 支付结果通知", "none came 未收到"]),
        (AsksInsteadOfTelling, ["HTTP method 请求方法", "came 实为      PUT"]),
    ] {
        check(
            vice,
            "--group notices --patience 2s",
            &["hold-is-announced", "payment-is-announced"],
            &words,
        )
        .await;
    }
}
