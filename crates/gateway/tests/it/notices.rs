//! Notices as a merchant's system receives them from a whole gateway.

use holdfast_client::{
    Amount, BillNo, Day, Tid,
    notice::{self as receiver, Expected},
};
use holdfast_gateway::{
    clock::{Dice, patience},
    notices::outbox::{Filter, Letters as _, State},
};
use holdfast_wire::{field::BillStatus, messages::Notice, notice, secret::NoticeKey};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::gateway::{Gateway, MID, Place, mid};

const BILL: &str = "319420260302001";

/// A merchant's system that is told of bills.
struct Shop(TcpListener);

impl Shop {
    async fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}/notify?shop=7", self.0.local_addr().unwrap())
    }

    /// Waits for a notice, which must be signed with `key`, and answers it.
    async fn take(&self, key: &NoticeKey, answer: &str) -> Notice {
        let (mut stream, _) = self.0.accept().await.unwrap();
        let mut bytes = vec![];
        let body = loop {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                assert!(head.starts_with("POST /notify?shop=7 HTTP/1.1\r\n"), "{head}");
                break body.to_owned();
            }
        };
        let length = answer.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        notice::read(std::slice::from_ref(key), &notice::read_form(&body).unwrap()).unwrap()
    }
}

/// Makes a hold with a notice address, and lets the payer confirm it.
async fn pay(gateway: &Gateway, url: &str) {
    let fields =
        json!({"billNo": BILL, "totalAmount": 500, "preauthTransaction": "true", "notifyUrl": url});
    let made = gateway.call("get-qrcode", fields).await;
    assert_eq!(made.outcome(), "200 SUCCESS", "{}", made.text());
    let code = made.field("qrCodeId");
    let seen = gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    assert_eq!(seen.status, 200, "{}", seen.text());
}

async fn key(gateway: &Gateway) -> NoticeKey {
    let (accounts, clock) = (&gateway.running.accounts, &gateway.running.core.clock);
    accounts.rotate_notice_key(&mid(MID), None, 0, clock, &Dice::seeded(1)).await.unwrap()
}

/// Waits until a letter's tries are so many.
async fn tried(place: &Place, count: usize) {
    while place.outbox.tries(1).await.unwrap().len() < count {
        patience(20, std::future::pending::<()>()).await;
    }
}

#[tokio::test]
async fn a_payment_is_told_to_the_bill_s_address_until_it_is_taken() {
    let place = Place::new();
    let gateway = place.open().await;
    let (shop, key) = (Shop::open().await, key(&gateway).await);
    pay(&gateway, &shop.url()).await;
    let first = shop.take(&key, "later, please").await;
    assert_eq!(first.bill_no.as_ref().map(ToString::to_string).as_deref(), Some(BILL));
    tried(&place, 1).await;
    // The payer's simulation can move time: the next try is in some 15 seconds.
    gateway.sim("POST", "/sim/clock", json!({"advance": "20s"})).await;
    let second = shop.take(&key, notice::DONE).await;
    assert_eq!(second.notify_id, first.notify_id);
    tried(&place, 2).await;
    gateway.running.stop().await;
    let kept = place.outbox.list(&Filter::default(), None, 9).await.unwrap();
    let states: Vec<State> = kept.iter().map(|kept| kept.state).collect();
    assert_eq!(states, [State::Delivered]);
}

#[tokio::test]
async fn a_merchant_without_a_key_is_told_nothing_and_the_operator_sees_why() {
    let place = Place::new();
    let gateway = place.open().await;
    let shop = Shop::open().await;
    pay(&gateway, &shop.url()).await;
    tried(&place, 1).await;
    let trouble = place.outbox.tries(1).await.unwrap()[0].trouble.clone().unwrap_or_default();
    assert!(trouble.contains(&format!("holdfast merchant rotate-notice-key {MID}")), "{trouble}");
    // Once it has one, it is told what it missed.
    let key = key(&gateway).await;
    gateway.sim("POST", "/sim/clock", json!({"advance": "20s"})).await;
    shop.take(&key, notice::DONE).await;
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_payer_goes_back_to_the_shop_with_a_result_that_the_shop_can_verify() {
    let gateway = Gateway::start().await;
    let plain = "https://hotel.example/done?room=1";
    let fields = json!({
        "billNo": BILL, "totalAmount": 500, "preauthTransaction": "true", "returnUrl": plain,
    });
    let made = gateway.call("get-qrcode", fields).await;
    let payer = format!("/sim/payer/{}", made.field("qrCodeId"));
    let confirm = format!("{payer}/confirm");
    let key = key(&gateway).await;
    let seen = gateway.sim("GET", &payer, Value::Null).await;
    assert_eq!(seen.field("returnUrl"), plain, "nobody has paid yet");
    let paid = gateway.sim("POST", &confirm, Value::Null).await.field("returnUrl");
    let query = paid.strip_prefix(&format!("{plain}&")).unwrap();
    let order = Expected {
        mid: mid(MID),
        tid: Tid::parse(&made.field("tid")).unwrap(),
        bill_no: BillNo::parse(BILL).unwrap(),
        bill_date: Day::parse(&made.field("billDate")).unwrap(),
        total_amount: Amount::from_fen(500).unwrap(),
    };
    let told = receiver::verify(std::slice::from_ref(&key), query).unwrap();
    let told = receiver::expect(told, &order).unwrap();
    assert_eq!(told.bill_status, BillStatus::Paid);
    let forged = query.replace("totalAmount=500", "totalAmount=600");
    assert!(forged != query && receiver::verify(&[key], &forged).is_err());
    let seen = gateway.sim("GET", &payer, Value::Null).await;
    assert_eq!(seen.field("returnUrl"), paid);
    gateway.running.stop().await;
}

#[tokio::test]
async fn without_a_communication_key_a_payer_goes_back_to_the_plain_address() {
    let gateway = Gateway::start().await;
    let plain = "https://hotel.example/done";
    let fields = json!({"billNo": BILL, "totalAmount": 500, "returnUrl": plain});
    let code = gateway.call("get-qrcode", fields).await.field("qrCodeId");
    let paid = gateway.sim("POST", &format!("/sim/payer/{code}/confirm"), Value::Null).await;
    assert_eq!(paid.field("returnUrl"), plain, "{}", paid.text());
    gateway.running.stop().await;
}

#[tokio::test]
async fn a_gateway_that_starts_again_tells_what_it_had_not_told() {
    let place = Place::new();
    let gateway = place.open().await;
    let (shop, key) = (Shop::open().await, key(&gateway).await);
    pay(&gateway, &shop.url()).await;
    shop.take(&key, "later, please").await;
    gateway.running.stop().await;
    let again = place.open().await;
    again.sim("POST", "/sim/clock", json!({"advance": "20s"})).await;
    shop.take(&key, notice::DONE).await;
    again.running.stop().await;
    let kept = place.outbox.list(&Filter::default(), None, 9).await.unwrap();
    assert_eq!((kept.len(), kept[0].state, kept[0].made), (1, State::Delivered, 2));
}
