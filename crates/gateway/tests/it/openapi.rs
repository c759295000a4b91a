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
            let answer = gateway.send(&Sent { method, ..Sent::post(&target, "{}") }).await;
            let declared = &operation["responses"][answer.status.to_string()];
            assert!(!declared.is_null(), "{method} {path}: {} {}", answer.status, answer.text());
            let unserved = answer.status == 404 && !path.contains("{code}");
            assert!(!unserved, "{method} {path}: {}", answer.text());
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
