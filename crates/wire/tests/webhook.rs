//! The second signature under notices, against a vector of the libraries that verify it.

use holdfast_domain::Moment;
use holdfast_wire::{secret::WebhookSecret, webhook};

#[test]
fn a_body_is_signed_as_standard_webhooks_do() {
    let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
    let headers = webhook::sign(&secret, id, Moment(1_614_265_330_999), body).unwrap();
    assert_eq!(
        headers,
        [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", "1614265330".to_owned()),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
        ]
    );
}

#[test]
fn a_secret_is_new_chance_and_does_not_print() {
    let (one, other) = (webhook::secret(&[1; 32]), webhook::secret(&[2; 32]));
    assert!(one != other && one.expose().starts_with("whsec_"));
    assert!(webhook::sign(&one, "1", Moment(0), "").is_ok());
    assert_eq!(format!("{one:?}"), "WebhookSecret(…)");
    let no_secret = WebhookSecret::parse("AQEB").unwrap();
    assert!(webhook::sign(&no_secret, "1", Moment(0), "").is_err());
}
