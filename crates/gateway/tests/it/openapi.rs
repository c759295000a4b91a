//! What a gateway says of itself to other people's tools.

use serde_json::Value;

use crate::{
    gateway::Gateway,
    wire::{Answer, Sent},
};

#[tokio::test]
async fn the_description_needs_no_signature_names_this_gateway_and_can_be_kept() {
    let gateway = Gateway::start().await;
    let get = async |known: Option<&str>| {
        let sent = Sent { method: "GET", ..Sent::post("/openapi.json", "") };
        let sent = known.into_iter().fold(sent, |sent, tag| sent.with("If-None-Match", tag));
        gateway.send(&sent).await
    };
    let first = get(None).await;
    assert_eq!(first.status, 200);
    assert!(first.head.contains("content-type: application/json"), "{}", first.head);
    let document = first.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], gateway.running.url());
    let tag = etag(&first);
    for (known, status) in [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"old\", {tag}"), 304),
        ("\"old\"".to_owned(), 200),
    ] {
        let again = get(Some(&known)).await;
        assert_eq!((again.status, etag(&again)), (status, tag.clone()), "{known}");
        assert_eq!(again.body.is_empty(), status == 304, "{known}");
    }
}

#[tokio::test]
async fn every_path_that_is_described_is_served_and_answers_as_described() {
    let gateway = Gateway::start().await;
    let sent = Sent { method: "GET", ..Sent::post("/openapi.json", "") };
    let document = gateway.send(&sent).await.json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (name, operation) in operations.as_object().unwrap() {
            let method = ["GET", "POST", "PUT", "DELETE"]
                .into_iter()
                .find(|method| method.eq_ignore_ascii_case(name))
                .unwrap();
            let target = path.replace("{code}", "31940000");
            for (case, sent) in hostile(&target) {
                let answer = gateway.send(&Sent { method, ..sent }).await;
                let told = format!("{method} {path} {case}: {}", answer.head);
                let declared = &operation["responses"][answer.status.to_string()];
                let declared = match declared["$ref"].as_str() {
                    Some(to) => document.pointer(&to[1..]).unwrap(),
                    None => declared,
                };
                assert!(!declared.is_null(), "{told}");
                let unserved = answer.status == 404 && answer.text().contains("\"NO_SERVICE\"");
                assert!(!unserved, "{told}");
                match declared["content"].as_object() {
                    // The server's own refusal of what is not HTTP has no body, wherever it is sent.
                    _ if answer.status == 400 && answer.body.is_empty() => {}
                    None => assert!(answer.body.is_empty(), "{told}"),
                    Some(kinds) => {
                        let header = answer
                            .head
                            .lines()
                            .find_map(|line| line.strip_prefix("content-type: "));
                        let kind = header.unwrap_or_default().split(';').next().unwrap();
                        assert!(kinds.contains_key(kind), "{told}");
                    }
                }
            }
        }
    }
}

/// Requests that no client sends, as a stranger may.
fn hostile(target: &str) -> Vec<(&'static str, Sent)> {
    let with = |name: &str, value: String| Sent::post(target, "{}").with(name, value);
    vec![
        ("an empty object", Sent::post(target, "{}")),
        ("nothing", Sent::post(target, "")),
        ("not UTF-8", Sent::post(target, *b"{\"mid\":\"\xff\"}")),
        ("cut short", Sent::post(target, "{\"mid\":")),
        ("nested", Sent::post(target, "[".repeat(60_000))),
        ("a field twice", Sent::post(target, r#"{"mid":"1","mid":"2"}"#)),
        (
            "a huge number",
            Sent::post(target, format!(r#"{{"totalAmount":{}}}"#, "9".repeat(5_000))),
        ),
        ("a null character", Sent::post(target, r#"{"mid":"\u0000"}"#)),
        ("too much", Sent::post(target, " ".repeat(65_537))),
        ("another type", with("Content-Type", "image/png".to_owned())),
        ("a form", with("Content-Type", "application/x-www-form-urlencoded".to_owned())),
        ("a broken signature", with("Authorization", "OPEN-BODY-SIG AppId=\"".to_owned())),
        ("a foreign scheme", with("Authorization", "Basic eDp5".to_owned())),
        ("a long header", with("X-Long", "x".repeat(20_000))),
        ("a long address", Sent::post(&format!("{target}?{}", "x".repeat(15_000)), "{}")),
        ("a longer address", Sent::post(&format!("{target}?{}", "x".repeat(70_000)), "{}")),
        ("a broken escape", Sent::post(&format!("{target}?id=%ff%zz"), "{}")),
        ("not HTTP", Sent::post(&format!("{target} x"), "{}")),
    ]
}

/// Found by schemathesis: the pages of the error codes answered another method as if they were not there.
#[tokio::test]
async fn what_is_only_read_answers_other_methods_with_those_it_has() {
    let gateway = Gateway::start().await;
    for target in ["/errors", "/errors/NO_ORDER", "/errors/style.css", "/openapi.json", "/healthz"]
    {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let answer = gateway.send(&Sent { method, ..Sent::post(target, "{}") }).await;
            let head = answer.head.to_lowercase().replace(", ", ",");
            assert_eq!(answer.status, 405, "{method} {target}");
            assert!(head.contains("allow: get,head\r"), "{method} {target}: {head}");
        }
    }
}

fn etag(answer: &Answer) -> String {
    let line = answer.head.lines().find_map(|line| line.strip_prefix("etag: "));
    line.unwrap_or_else(|| panic!("no etag: {}", answer.head)).to_owned()
}

#[tokio::test]
async fn a_live_gateway_describes_no_controls() {
    let gateway = crate::gateway::Place::with(&[("environment", "live")]).open().await;
    let sent = Sent { method: "GET", ..Sent::post("/openapi.json", "") };
    let document: Value = gateway.send(&sent).await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 10 && !paths.keys().any(|path| path.starts_with("/sim/")));
}
