//! Who may ask: the three schemes as real callers spell them, and everything that is refused with 401 and 403.

use holdfast_domain::Text;
use holdfast_gateway::{accounts::Frozen, clock::Dice};
use holdfast_wire::{
    auth::{AppId, BodySig, FormParam, Nonce, Stamp},
    message::Message as _,
    messages::TokenAccess,
    secret::AppKey,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    gateway::{APP, Gateway, KEY, MID, OTHER_MID, Place, mid, path, request, sign},
    wire::{Answer, Sent, exchange},
};

const QUERY: &str = "/v1/netpay/bills/query";

/// The spellings of `protocol.md` section 2.1, and those that must not be let in.
#[tokio::test]
async fn signatures_are_read_in_every_spelling_that_callers_use() {
    let let_in = [
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>", Timestamp="<time>", Nonce="<nonce>", Signature="<sig>""#,
        r#"OPEN-BODY-SIG appId="<app>",timestamp="<time>",nonce="<nonce>",signature="<sig>""#,
        r#"open-body-sig AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId = "<app>",Timestamp ="<time>",Nonce= "<nonce>",Signature = "<sig>""#,
        r#"OPEN-BODY-SIG Signature="<sig>",Nonce="<nonce>",Timestamp="<time>",AppId="<app>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig without padding>""#,
        "OPEN-BODY-SIG AppId=<app>,Timestamp=<time>,Nonce=<nonce>,Signature=<sig>",
        "OPEN-BODY-SIG\tAppId=<app>,\tTimestamp=<time>,\tNonce=<nonce>,\tSignature=<sig>",
    ];
    let refused = [
        "",
        "Basic aXQtYXBwOng=",
        "OPEN-BODY-SIG",
        r#"OPEN-FORM-PARAM AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="""#,
        r#"OPEN-BODY-SIG AppId="<app>",AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>",Version="2""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>"#,
        r#"OPEN-BODY-SIG AppId="<app>" Timestamp="<time>" Nonce="<nonce>" Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>0",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>x",Timestamp="<time>",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="20260302100001",Nonce="<nonce>",Signature="<sig>""#,
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<nonce>",Signature="<sig in small letters>""#,
        "OPEN-BODY-SIG APPId=<app>,Timestamp=<time>,Nonce=<nonce>,Signature=***",
        r#"OPEN-BODY-SIG AppId="<app>",Timestamp="<time>",Nonce="<a long nonce>",Signature="<sig>""#,
    ];
    let gateway = with_bill().await;
    for spelling in let_in.iter().chain(&refused) {
        let body = query();
        let signed = gateway.signature(body.as_bytes());
        let sig = signed.signature.as_str();
        let header = spelling
            .replace("<app>", APP)
            .replace("<time>", signed.timestamp.as_str())
            .replace("<nonce>", signed.nonce.as_str())
            .replace("<sig>", sig)
            .replace("<sig without padding>", sig.trim_end_matches('='))
            .replace("<sig in small letters>", &sig.to_lowercase())
            .replace("<a long nonce>", &"1".repeat(3_000));
        let answer = gateway.send(&Sent::post(QUERY, body).with("AUTHORIZATION", header)).await;
        match let_in.contains(spelling) {
            true => assert_eq!(answer.outcome(), "200 SUCCESS", "{spelling}: {}", answer.text()),
            false => is_refused(&answer, spelling),
        }
    }
}

#[tokio::test]
async fn nonces_of_every_kind_are_taken() {
    let gateway = with_bill().await;
    for nonce in [
        "1",
        "99930a147f5353dd8a8f29a5329f37e9",
        "550e8400-e29b-41d4-a716-446655440000",
        "1690000000000000000",
        "a b",
        "中文",
        &"n".repeat(128),
    ] {
        let signed = sign(APP, KEY, &Stamp::at(gateway.wall()), nonce, query().as_bytes());
        assert_eq!(gateway.send(&carrying(&signed)).await.outcome(), "200 SUCCESS", "{nonce}");
    }
    let long = BodySig { nonce: Nonce::parse("n").unwrap(), ..gateway.signature(b"") }
        .header()
        .replace("\"n\"", &format!("{:?}", "n".repeat(129)));
    is_refused(
        &gateway.send(&Sent::post(QUERY, query()).with("Authorization", long)).await,
        "129 characters",
    );
}

#[tokio::test]
async fn without_a_signature_or_with_two_nothing_is_read() {
    let gateway = with_bill().await;
    is_refused(&gateway.send(&Sent::post(QUERY, query())).await, "none");
    let twice = gateway.signed(QUERY, query());
    let again = gateway.signature(query().as_bytes()).header();
    is_refused(&gateway.send(&twice.with("Authorization", again)).await, "two");
    // Who cannot prove who it is does not learn what is wrong with its request either.
    is_refused(&gateway.send(&Sent::post(QUERY, "not JSON")).await, "none, and not JSON");
    let mut not_text = gateway.signed(QUERY, query()).bytes();
    let place = not_text.windows(5).position(|window| window == b"AppId").unwrap();
    not_text[place] = 0xff;
    is_refused(&exchange(gateway.running.address, &not_text).await.unwrap(), "not text");
}

#[tokio::test]
async fn the_bytes_that_were_signed_are_the_bytes_that_were_sent() {
    let gateway = with_bill().await;
    let body = query();
    for (name, sent) in [
        (
            "another layout",
            serde_json::to_string_pretty(&serde_json::from_str::<Value>(&body).unwrap()).unwrap(),
        ),
        ("a line break more", format!("{body}\n")),
        ("another bill", body.replace("3194B0001", "3194B0002")),
        ("nothing", String::new()),
    ] {
        let signed = gateway.signed(QUERY, body.clone());
        is_refused(&gateway.send(&Sent { body: sent.into_bytes(), ..signed }).await, name);
    }
}

/// A stranger learns nothing about which apps exist.
#[tokio::test]
async fn an_unknown_app_and_a_wrong_key_are_answered_alike() {
    let place = Place::with(&[("environment", "live")]);
    let gateway = place.open().await;
    let answers = [("it-app", "another key"), ("no-such-app", KEY), ("no-such-app", "another key")]
        .map(async |(app, key)| {
            let signed =
                sign(app, key, &Stamp::at(gateway.wall()), &gateway.nonce(), query().as_bytes());
            let answer = gateway.send(&carrying(&signed)).await;
            is_refused(&answer, app);
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("responseTimestamp");
            body
        });
    let [wrong, unknown, both] = answers;
    let wrong = wrong.await;
    assert_eq!(wrong, unknown.await);
    assert_eq!(wrong, both.await);
}

#[tokio::test]
async fn in_test_a_failed_signature_is_explained_without_the_key() {
    let gateway = with_bill().await;
    let body = query();
    let signed_more = gateway.signature(format!("{body}\n").as_bytes());
    let answer = gateway.send(&carrying(&signed_more)).await;
    is_refused(&answer, "a line break that was not sent");
    let signed = &answer.json()["signed"];
    assert_eq!(signed["appId"], APP);
    assert_eq!(signed["timestamp"], "20260302100000");
    assert_eq!(signed["nonce"], signed_more.nonce.as_str());
    assert_eq!(signed["bodyBytes"], body.len());
    let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signed["bodyHash"], hash);
    let mistakes = signed["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0]["en"].as_str().unwrap().contains("line end"), "{mistakes:?}");
    assert!(mistakes[0]["zh"].as_str().unwrap().contains("换行"), "{mistakes:?}");
    assert!(!answer.text().contains(KEY), "{}", answer.text());

    let stranger = sign("no-such-app", KEY, &Stamp::at(gateway.wall()), "n", body.as_bytes());
    let answer = gateway.send(&carrying(&stranger)).await;
    assert_eq!(
        answer.json()["signed"]["mistakes"],
        json!([]),
        "an app that does not exist has no key to compare with"
    );
}

#[tokio::test]
async fn in_live_a_failed_signature_is_not_explained() {
    let gateway = Place::with(&[("environment", "live")]).open().await;
    let signed = sign(APP, "another key", &Stamp::at(gateway.wall()), "n", query().as_bytes());
    let answer = gateway.send(&carrying(&signed)).await;
    is_refused(&answer, "live");
    assert_eq!(answer.json()["signed"], Value::Null);
    assert!(!answer.text().contains("bodyHash"), "{}", answer.text());
    assert_eq!(
        gateway.call("query", json!({"billNo": "3194B0001"})).await.outcome(),
        "200 NO_ORDER"
    );
}

#[tokio::test]
async fn a_nonce_works_once() {
    let gateway = with_bill().await;
    let sent = carrying(&gateway.signature(query().as_bytes()));
    assert_eq!(gateway.send(&sent).await.outcome(), "200 SUCCESS");
    let again = gateway.send(&sent).await;
    is_refused(&again, "the same bytes");
    assert!(again.field("errMsg").contains("nonce"), "{}", again.text());
    // The same nonce under another time or body is used up all the same; another app's nonces are its own.
    let nonce =
        sign(APP, KEY, &Stamp::at(gateway.wall().plus_ms(1_000)), "once", query().as_bytes());
    assert_eq!(gateway.send(&carrying(&nonce)).await.outcome(), "200 SUCCESS");
    let later = sign(APP, KEY, &Stamp::at(gateway.wall()), "once", query().as_bytes());
    is_refused(&gateway.send(&carrying(&later)).await, "the same nonce later");
    add_app(&gateway, "other", "other key", &[MID], &[]).await;
    let other = sign("other", "other key", &Stamp::at(gateway.wall()), "once", query().as_bytes());
    assert_eq!(gateway.send(&carrying(&other)).await.outcome(), "200 SUCCESS");
}

/// A stranger who guesses nonces could otherwise use up those of the app.
#[tokio::test]
async fn a_wrong_signature_does_not_use_up_its_nonce() {
    let gateway = with_bill().await;
    let stamp = Stamp::at(gateway.wall());
    is_refused(
        &gateway.send(&carrying(&sign(APP, "another key", &stamp, "n", query().as_bytes()))).await,
        "wrong key",
    );
    let good = sign(APP, KEY, &stamp, "n", query().as_bytes());
    assert_eq!(gateway.send(&carrying(&good)).await.outcome(), "200 SUCCESS");
}

#[tokio::test]
async fn a_signature_is_good_for_a_quarter_of_an_hour_either_way() {
    for (settings, off_s, outcome) in [
        (vec![], 0, "200 SUCCESS"),
        (vec![], 900, "200 SUCCESS"),
        (vec![], -900, "200 SUCCESS"),
        (vec![], 901, "401 ABNORMAL_REQUEST_TIME"),
        (vec![], -901, "401 ABNORMAL_REQUEST_TIME"),
        (vec![], 8 * 3_600, "401 ABNORMAL_REQUEST_TIME"),
        (vec![], -8 * 3_600, "401 ABNORMAL_REQUEST_TIME"),
        (vec![("clock_skew", "9h")], -8 * 3_600, "200 SUCCESS"),
        (vec![("clock_skew", "10s")], 11, "401 ABNORMAL_REQUEST_TIME"),
    ] {
        let gateway = Place::with(&settings).open().await;
        gateway.hold("3194B0001", 500).await;
        // The bills' clock does not count here: whoever moves it is not locked out.
        gateway.advance(86_400_000);
        let stamp = Stamp::at(gateway.wall().plus_ms(off_s * 1_000));
        let signed = sign(APP, KEY, &stamp, "n", query().as_bytes());
        let answer = gateway.send(&carrying(&signed)).await;
        assert_eq!(answer.outcome(), outcome, "{off_s} s off with {settings:?}: {}", answer.text());
        if outcome != "200 SUCCESS" {
            let text = answer.field("errMsg");
            assert!(
                text.contains(&off_s.abs().to_string()) && text.contains("2026-03-02 10:00:00"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn an_unreadable_time_is_answered_as_the_official_test_host_does() {
    let gateway = with_bill().await;
    for stamp in ["2026-03-02 10:00:00", "20260230100000", "2026030210000", "x", "1772416800000"] {
        let good = gateway.signature(query().as_bytes());
        let header = good.header().replace(good.timestamp.as_str(), stamp);
        let answer = gateway.send(&Sent::post(QUERY, query()).with("Authorization", header)).await;
        assert_eq!(answer.outcome(), "412 1000", "{stamp}");
        assert!(answer.field("errInfo").contains("Timestamp解析失败"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_form_carries_a_request_in_the_query_or_in_the_body() {
    let gateway = with_bill().await;
    let form = |gateway: &Gateway| {
        let (app, nonce) = (AppId::parse(APP).unwrap(), Nonce::parse(&gateway.nonce()).unwrap());
        let content =
            request(json!({"billNo": "3194B0001", "srcReserve": "a b+c/押金"})).to_string();
        FormParam::sign(
            &AppKey::parse(KEY).unwrap(),
            app,
            Stamp::at(gateway.wall()),
            nonce,
            content,
        )
        .query()
    };
    type Carry = fn(String) -> Sent;
    let cases: Vec<(&str, Carry)> = vec![
        ("GET", |form| Sent { method: "GET", ..Sent::post(&format!("{QUERY}?{form}"), "") }),
        ("POST with a query", |form| Sent::post(&format!("{QUERY}?{form}"), "")),
        ("POST with a form", |form| {
            Sent::post(QUERY, form).with("Content-Type", "application/x-www-form-urlencoded")
        }),
        ("a form in another order", |form| {
            let mut parts: Vec<&str> = form.split('&').collect();
            parts.reverse();
            Sent::post(QUERY, parts.join("&"))
        }),
        ("spaces as %20", |form| Sent {
            method: "GET",
            ..Sent::post(&format!("{QUERY}?{}", form.replace('+', "%20")), "")
        }),
        ("more parameters", |form| Sent {
            method: "GET",
            ..Sent::post(&format!("{QUERY}?{form}&utm=1"), "")
        }),
    ];
    for (name, carry) in cases {
        let answer = gateway.send(&carry(form(&gateway))).await;
        assert_eq!(answer.outcome(), "200 SUCCESS", "{name}: {}", answer.text());
        assert_eq!(answer.field("srcReserve"), "a b+c/押金", "{name}");
    }
    let wrong = [
        ("another content", form(&gateway).replace("3194B0001", "3194B0002")),
        ("a lost plus", form(&gateway).replace("%2B", "+")),
        ("a part twice", form(&gateway) + "&nonce=1"),
        ("no content", form(&gateway).replace("&content=", "&x=")),
        ("a broken escape", form(&gateway).replace("%22", "%2")),
    ];
    for (name, form) in wrong {
        is_refused(
            &gateway
                .send(&Sent { method: "GET", ..Sent::post(&format!("{QUERY}?{form}"), "") })
                .await,
            name,
        );
    }
    let once = form(&gateway);
    let sent = Sent { method: "GET", ..Sent::post(&format!("{QUERY}?{once}"), "") };
    assert_eq!(gateway.send(&sent).await.status, 200);
    is_refused(&gateway.send(&sent).await, "the same form again");
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_signature_and_shown_in_every_spelling() {
    let gateway = with_bill().await;
    let issued = issue(&gateway, KEY).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    let body = issued.json();
    assert_eq!((&body["errCode"], &body["expiresIn"]), (&json!("0000"), &json!(3_600)));
    let token = issued.field("accessToken");
    for header in [
        format!("OPEN-ACCESS-TOKEN AccessToken={token}"),
        format!(r#"OPEN-ACCESS-TOKEN AccessToken="{token}""#),
        format!(r#"OPEN-ACCESS-TOKEN AccessToken="{token}", AppId="{APP}""#),
        format!(r#"OPEN-ACCESS-TOKEN AccessToken ="{token}",AppId ="{APP}""#),
        format!(r#"Open-Access-Token accessToken="{token}""#),
    ] {
        // A token is shown as often as its owner likes.
        for _ in 0..2 {
            let answer = gateway
                .send(&Sent::post(QUERY, query()).with("Authorization", header.clone()))
                .await;
            assert_eq!(answer.outcome(), "200 SUCCESS", "{header}: {}", answer.text());
        }
    }
    for header in [
        "OPEN-ACCESS-TOKEN".to_owned(),
        "OPEN-ACCESS-TOKEN AccessToken=".to_owned(),
        "OPEN-ACCESS-TOKEN AccessToken=x".to_owned(),
        format!("OPEN-ACCESS-TOKEN AccessToken={token}0"),
        format!("OPEN-ACCESS-TOKEN AccessToken={}", token.replace(APP, "other")),
        format!("OPEN-ACCESS-TOKEN AccessToken={}", token.replace(".1.", ".2.")),
        format!(r#"OPEN-ACCESS-TOKEN AccessToken="{token}",AppId="other""#),
        format!("Bearer {token}"),
        token.clone(),
    ] {
        is_refused(
            &gateway.send(&Sent::post(QUERY, query()).with("Authorization", header.clone())).await,
            &header,
        );
    }
}

#[tokio::test]
async fn a_token_is_asked_for_in_every_spelling() {
    let gateway = Gateway::start().await;
    // The signature without `signMethod` is SHA-1; V4 and V4b of `protocol.md` section 8 pin both digests.
    for (name, target, change) in [
        ("SHA-256", "/v1/token/access", json!({})),
        ("the second version", "/v2/token/access", json!({})),
        ("an address that names the app", "/v1/token/access?appId=it-app", json!({})),
        ("capitals", "/v1/token/access", json!({"capitals": true})),
        ("another spelling of the app", "/v1/token/access", json!({"appid": APP, "appId": null})),
    ] {
        let mut body: Value = serde_json::from_slice(&ask_token(&gateway, KEY)).unwrap();
        if change["capitals"] == true {
            body["signature"] = json!(body["signature"].as_str().unwrap().to_uppercase());
        }
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = gateway.send(&Sent::post(target, body.to_string())).await;
        assert_eq!(answer.outcome(), "200 0000", "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_published_credentials_get_a_token_by_either_digest() {
    // When the vendor's example was signed.
    let place =
        Place { at: holdfast_wire::time::parse("2017-01-01 12:00:00").unwrap(), ..Place::new() };
    let gateway = place.open().await;
    add_app(
        &gateway,
        "12345678901234567890123456789012",
        "67890123456789012345678901234567",
        &[MID],
        &[],
    )
    .await;
    let mut body = json!({
        "appId": "12345678901234567890123456789012",
        "timestamp": "20170101120000",
        "nonce": "09876543210987654321098765432109",
        "signature": "3657048573452d73ed938d65dae37825fe788d12",
    });
    let of_sha1 = gateway.send(&Sent::post("/v1/token/access", body.to_string())).await;
    assert_eq!(of_sha1.outcome(), "200 0000", "{}", of_sha1.text());
    body["signMethod"] = json!("SHA256");
    body["signature"] = json!("d373659c51c1767d0ce2674ee6367823f6cc7339c0411f7772d30765ed70a942");
    let replayed = gateway.send(&Sent::post("/v1/token/access", body.to_string())).await;
    is_refused(&replayed, "the same nonce");
    assert!(replayed.field("errMsg").contains("nonce"), "{}", replayed.text());
}

#[tokio::test]
async fn a_token_is_refused_to_whoever_does_not_have_the_key() {
    let gateway = Gateway::start().await;
    is_refused(&issue(&gateway, "another key").await, "wrong key");
    let mut body: Value = serde_json::from_slice(&ask_token(&gateway, KEY)).unwrap();
    body["appId"] = json!("no-such-app");
    is_refused(
        &gateway.send(&Sent::post("/v1/token/access", body.to_string())).await,
        "unknown app",
    );
    let old = TokenAccess::sign(
        &AppKey::parse(KEY).unwrap(),
        AppId::parse(APP).unwrap(),
        Stamp::at(gateway.wall().plus_ms(-901_000)),
        Nonce::parse("n").unwrap(),
    );
    let answer = gateway.send(&Sent::post("/v1/token/access", old.encode())).await;
    assert_eq!(answer.outcome(), "401 ABNORMAL_REQUEST_TIME");
}

#[tokio::test]
async fn the_eleventh_token_ends_the_first() {
    let gateway = with_bill().await;
    let mut tokens = vec![];
    for _ in 0..10 {
        tokens.push(issue(&gateway, KEY).await.field("accessToken"));
    }
    for token in &tokens {
        assert_eq!(show(&gateway, token).await.outcome(), "200 SUCCESS");
    }
    tokens.push(issue(&gateway, KEY).await.field("accessToken"));
    is_refused(&show(&gateway, &tokens[0]).await, "the first of eleven");
    for token in &tokens[1..] {
        assert_eq!(show(&gateway, token).await.outcome(), "200 SUCCESS");
    }
}

#[tokio::test]
async fn a_token_lives_for_an_hour_and_outlasts_a_restart() {
    let mut place = Place::new();
    let gateway = place.open().await;
    gateway.hold("3194B0001", 500).await;
    let token = issue(&gateway, KEY).await.field("accessToken");
    gateway.running.stop().await;
    for (later_s, outcome) in [(0, "200 SUCCESS"), (3_599, "200 SUCCESS"), (3_600, "401 BAD_SIGN")]
    {
        place.at =
            holdfast_wire::time::parse(crate::gateway::START).unwrap().plus_ms(later_s * 1_000);
        let gateway = place.open().await;
        assert_eq!(show(&gateway, &token).await.outcome(), outcome, "{later_s} s later");
        gateway.running.stop().await;
    }
}

#[tokio::test]
async fn a_token_of_another_gateway_is_worthless() {
    let token = issue(&with_bill().await, KEY).await.field("accessToken");
    let place = Place {
        vault: holdfast_gateway::vault::Vault::throw_away(&Dice::seeded(9)).into(),
        ..Place::new()
    };
    is_refused(&show(&place.open().await, &token).await, "another vault");
}

#[tokio::test]
async fn a_key_is_replaced_without_a_gap_and_its_tokens_end_with_it() {
    let mut place = Place::new();
    let gateway = place.open().await;
    gateway.hold("3194B0001", 500).await;
    let old_token = issue(&gateway, KEY).await.field("accessToken");
    let (accounts, clock) = (gateway.running.accounts.clone(), gateway.running.core.clock.clone());
    let new = accounts.rotate_key(APP, 60_000, &clock, &place.dice).await.unwrap();
    let tried = async |gateway: &Gateway, key: &str| {
        let signed =
            sign(APP, key, &Stamp::at(gateway.wall()), &gateway.nonce(), query().as_bytes());
        gateway.send(&carrying(&signed)).await.outcome()
    };
    // Both are good, and a third one has to wait.
    assert_eq!(tried(&gateway, KEY).await, "200 SUCCESS");
    assert_eq!(tried(&gateway, new.expose()).await, "200 SUCCESS");
    assert_eq!(show(&gateway, &old_token).await.outcome(), "200 SUCCESS");
    let third = accounts.rotate_key(APP, 0, &clock, &place.dice).await.unwrap_err();
    let holdfast_gateway::accounts::AccountError::Conflict { hint, .. } = third else {
        panic!("{third}")
    };
    assert_eq!(hint, "holdfast app revoke-key it-app 1");
    let new_token = issue(&gateway, new.expose()).await.field("accessToken");
    gateway.running.stop().await;

    // A minute later the old one is over, and what was issued for it.
    place.at = place.at.plus_ms(60_000);
    let gateway = place.open().await;
    assert_eq!(tried(&gateway, KEY).await, "401 BAD_SIGN");
    assert_eq!(tried(&gateway, new.expose()).await, "200 SUCCESS");
    is_refused(&show(&gateway, &old_token).await, "a token of the old key");
    assert_eq!(show(&gateway, &new_token).await.outcome(), "200 SUCCESS");

    gateway.running.accounts.revoke_key(APP, 2).await.unwrap();
    assert_eq!(tried(&gateway, new.expose()).await, "401 BAD_SIGN");
    is_refused(&show(&gateway, &new_token).await, "a token of a revoked key");
    is_refused(&issue(&gateway, new.expose()).await, "a revoked key");
    let none = gateway.running.accounts.revoke_key(APP, 7).await.unwrap_err().to_string();
    assert!(none.contains("no key 7"), "{none}");
}

#[tokio::test]
async fn an_app_calls_from_its_networks_only() {
    let gateway = with_bill().await;
    add_app(&gateway, "far", "far key", &[MID], &["10.0.0.0/8", "2001:db8::/32"]).await;
    add_app(&gateway, "near", "near key", &[MID], &["10.0.0.0/8", "127.0.0.0/8"]).await;
    for (app, key, outcome) in
        [("far", "far key", "403 DENIED_IP"), ("near", "near key", "200 SUCCESS")]
    {
        let signed = sign(app, key, &Stamp::at(gateway.wall()), "n", query().as_bytes());
        let answer = gateway.send(&carrying(&signed)).await;
        assert_eq!(answer.outcome(), outcome, "{app}");
        let token = TokenAccess::sign(
            &AppKey::parse(key).unwrap(),
            AppId::parse(app).unwrap(),
            Stamp::at(gateway.wall()),
            Nonce::parse("t").unwrap(),
        );
        let answer = gateway.send(&Sent::post("/v1/token/access", token.encode())).await;
        assert_eq!(answer.status, outcome[..3].parse::<u16>().unwrap(), "{app}");
    }
    // A header that claims another address changes nothing.
    let signed = sign("far", "far key", &Stamp::at(gateway.wall()), "m", query().as_bytes());
    let answer = gateway.send(&carrying(&signed).with("X-Forwarded-For", "10.0.0.1")).await;
    assert_eq!(answer.outcome(), "403 DENIED_IP");
    // Only who has the key learns that the address is the trouble.
    let signed = sign("far", "another key", &Stamp::at(gateway.wall()), "o", query().as_bytes());
    is_refused(&gateway.send(&carrying(&signed)).await, "a wrong key from a wrong address");
}

#[tokio::test]
async fn an_app_acts_for_its_merchants_only_and_not_for_frozen_ones() {
    let gateway = with_bill().await;
    let before = gateway.journal().await;
    for (endpoint, fields) in [
        ("get-qrcode", json!({"billNo": "3194B0009", "totalAmount": 1})),
        ("close-qrcode", json!({"billNo": "3194B0001"})),
        ("query", json!({"billNo": "3194B0001"})),
        (
            "preauthed",
            json!({"billNo": "3194B0001", "authedOrderId": "3194C1", "authIdRespCd": "123456", "totalAmount": 1}),
        ),
        (
            "preauth-cancel",
            json!({"billNo": "3194B0001", "merOrderId": "3194B00010", "authIdRespCd": "123456"}),
        ),
        (
            "preauthed-cancel",
            json!({"billNo": "3194B0001", "merOrderId": "3194C1", "authIdRespCd": "123456"}),
        ),
        ("refund", json!({"billNo": "3194B0001", "refundAmount": 1})),
    ] {
        for (merchant, freeze, outcome) in [
            (OTHER_MID, None, "200 NO_MERCHANT"),
            ("no-such-merchant", None, "200 NO_MERCHANT"),
            (MID, Some(Frozen::default()), "200 INACTIVE_MERCHANT"),
        ] {
            gateway.running.accounts.freeze(&mid(MID), freeze.as_ref()).await.unwrap();
            let mut fields = fields.clone();
            fields["mid"] = json!(merchant);
            let answer = gateway.post(&path(endpoint), request(fields).to_string()).await;
            assert_eq!(answer.outcome(), outcome, "{endpoint} {merchant}");
            assert!(answer.field("errMsg").contains(merchant), "{}", answer.text());
        }
    }
    assert_eq!(gateway.journal().await, before);
    gateway.running.accounts.freeze(&mid(MID), None).await.unwrap();
    assert_eq!(
        gateway.call("query", json!({"billNo": "3194B0001"})).await.outcome(),
        "200 SUCCESS"
    );
}

#[tokio::test]
async fn after_a_restart_what_changed_something_cannot_be_replayed() {
    let place = Place::new();
    let gateway = place.open().await;
    let fields = json!({"billNo": "3194B0001", "totalAmount": 500, "preauthTransaction": "true"});
    let changed = gateway.signed(&path("get-qrcode"), request(fields).to_string());
    assert_eq!(gateway.send(&changed).await.outcome(), "200 SUCCESS");
    let looked = carrying(&gateway.signature(query().as_bytes()));
    assert_eq!(gateway.send(&looked).await.outcome(), "200 SUCCESS");
    gateway.running.stop().await;

    let gateway = place.open().await;
    is_refused(&gateway.send(&changed).await, "what changed something");
    // What changed nothing need not be remembered: it is harmless to see it again.
    assert_eq!(gateway.send(&looked).await.outcome(), "200 SUCCESS");
}

/// A gateway with one bill to ask about.
async fn with_bill() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.hold("3194B0001", 500).await;
    gateway
}

fn query() -> String {
    request(json!({"billNo": "3194B0001"})).to_string()
}

/// The query with a signature.
fn carrying(signed: &BodySig) -> Sent {
    Sent::post(QUERY, query()).with("Authorization", signed.header())
}

fn ask_token(gateway: &Gateway, key: &str) -> Vec<u8> {
    let (app, nonce) = (AppId::parse(APP).unwrap(), Nonce::parse(&gateway.nonce()).unwrap());
    TokenAccess::sign(&AppKey::parse(key).unwrap(), app, Stamp::at(gateway.wall()), nonce).encode()
}

async fn issue(gateway: &Gateway, key: &str) -> Answer {
    gateway.send(&Sent::post("/v1/token/access", ask_token(gateway, key))).await
}

/// Asks about the bill with a token.
async fn show(gateway: &Gateway, token: &str) -> Answer {
    let header = format!("OPEN-ACCESS-TOKEN AccessToken={token}");
    gateway.send(&Sent::post(QUERY, query()).with("Authorization", header)).await
}

async fn add_app(gateway: &Gateway, app: &str, key: &str, mids: &[&str], networks: &[&str]) {
    let mids: Vec<_> = mids.iter().map(|text| mid(text)).collect();
    let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
    let key = Some(AppKey::parse(key).unwrap());
    gateway
        .running
        .accounts
        .add_app(Some(app), key, &mids, &networks, &Dice::seeded(7))
        .await
        .unwrap();
}

/// Not let in, in the form that every client understands.
fn is_refused(answer: &Answer, case: &str) {
    assert_eq!(answer.outcome(), "401 BAD_SIGN", "{case}: {}", answer.text());
    let body = answer.json();
    assert!(answer.field("errMsg").contains("认证失败"), "{case}: {body}");
    assert_eq!(body["errInfo"], body["errMsg"], "{case}");
    assert!(Text::<64>::parse(&answer.field("responseTimestamp")).is_ok(), "{case}: {body}");
}
