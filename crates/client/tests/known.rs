//! An unknown outcome becomes known by asking, at the real gateway behind a network that loses things.

mod trial;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use holdfast_client::{
    Amount, AuthCode, BillNo, CallError, Client, Code, Day, Known, OrderId, Patience, Unknown,
    field::{Named, TradeStatus},
    messages::{PreauthCancel, Preauthed, PreauthedCancel, Refund},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

const BILL: &str = "124F2023071912562344830889";
const DATE: &str = "2023-07-19";
const ORDER: &str = "124F2023071913311600836127";

/// What the network does with the first request that passes it. All others pass.
#[derive(Clone, Copy)]
enum Loses {
    Request,
    Answer,
}

/// A way to the gateway that loses something once. Counts the connections: the client keeps none, because every
/// answer that passes is the last of its connection.
async fn network(gateway: &trial::Gateway, loses: Loses) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let to = gateway.base_url().trim_start_matches("http://").to_owned();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&to).await.unwrap();
            match (counted.fetch_add(1, Ordering::SeqCst), loses) {
                (0, Loses::Request) => {
                    let _ = near.read(&mut [0; 1024]).await;
                }
                (0, Loses::Answer) => {
                    let mut request = vec![0; 65_536];
                    let length = near.read(&mut request).await.unwrap();
                    far.write_all(&request[..length]).await.unwrap();
                    // The gateway has answered, so it has done it.
                    far.read_exact(&mut [0; 12]).await.unwrap();
                }
                _ => {
                    tokio::spawn(async move {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    });
                }
            }
        }
    });
    (url, count)
}

fn client(gateway: &trial::Gateway, url: &str) -> Client {
    Client::builder()
        .base_url(url)
        .credentials(gateway.app_id(), gateway.app_key())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

fn capture(client: &Client, auth: &str) -> Preauthed {
    Preauthed {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: BillNo::parse(BILL).unwrap(),
        bill_date: Day::parse(DATE).unwrap(),
        authed_order_id: OrderId::parse(ORDER).unwrap(),
        auth_id_resp_cd: Named::parse(auth).unwrap(),
        total_amount: Amount::from_fen(1500).unwrap(),
        authed_desc: None,
    }
}

fn reversal(client: &Client, auth: &str) -> PreauthedCancel {
    PreauthedCancel {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: BillNo::parse(BILL).unwrap(),
        bill_date: Day::parse(DATE).unwrap(),
        mer_order_id: OrderId::parse(ORDER).unwrap(),
        auth_id_resp_cd: AuthCode::parse(auth).unwrap(),
    }
}

/// Long enough for every machine; whoever needs it all has failed.
fn patience() -> Patience {
    Patience::lasting(Duration::from_secs(60)).first_pause(Duration::from_millis(1))
}

#[tokio::test]
async fn a_capture_whose_answer_was_lost_is_found_and_not_sent_again() {
    let gateway = trial::Gateway::start();
    let held = gateway.hold(BILL, 1908);
    let (url, _) = network(&gateway, Loses::Answer).await;
    let client = client(&gateway, &url);
    let known = client.call_until_known(&capture(&client, &held), patience()).await.unwrap();
    let Known::Found(found) = known else { panic!("{known:?}") };
    let payment = found.authed_bill_payment.unwrap();
    assert_eq!(payment.status, Some(TradeStatus::TradeSuccess));
    assert_eq!(payment.total_amount.map(|taken| taken.fen()), Some(1500));
}

#[tokio::test]
async fn a_reversal_and_a_release_whose_answers_were_lost_are_found() {
    let gateway = trial::Gateway::start();
    let held = gateway.captured(BILL, 1908, ORDER);
    let (url, _) = network(&gateway, Loses::Answer).await;
    let client = client(&gateway, &url);
    let known = client.call_until_known(&reversal(&client, &held), patience()).await.unwrap();
    assert!(matches!(known, Known::Found(_)), "{known:?}");

    let release = PreauthCancel {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: BillNo::parse(BILL).unwrap(),
        bill_date: Day::parse(DATE).unwrap(),
        mer_order_id: OrderId::parse(&format!("{BILL}0")).unwrap(),
        auth_id_resp_cd: Named::parse(&held).unwrap(),
    };
    let (url, _) = network(&gateway, Loses::Answer).await;
    let client = self::client(&gateway, &url);
    let known = client.call_until_known(&release, patience()).await.unwrap();
    assert!(matches!(known, Known::Found(_)), "{known:?}");
}

#[tokio::test]
async fn a_request_that_never_arrived_stays_unknown_and_is_not_sent_again() {
    let gateway = trial::Gateway::start();
    let held = gateway.hold(BILL, 1908);
    let (url, _) = network(&gateway, Loses::Request).await;
    let client = client(&gateway, &url);
    let brief = Patience::lasting(Duration::from_millis(60)).first_pause(Duration::from_millis(1));
    let error = client.call_until_known(&capture(&client, &held), brief).await.unwrap_err();
    let CallError::OutcomeUnknown(Unknown::AfterQueries { first, queries, last }) = &error else {
        panic!("{error:?}")
    };
    assert!(matches!(**first, Unknown::ConnectionLost { .. }), "{first:?}");
    assert!(*queries >= 1 && last.contains("no trace"), "{queries} {last}");
    // The hold is as it was.
    let reversal = client.call(&reversal(&client, &held)).await.unwrap_err();
    assert_eq!(reversal.code(), Some(Code::NoOrder));
}

#[tokio::test]
async fn a_request_that_never_arrived_is_done_once_where_repeating_is_allowed() {
    let gateway = trial::Gateway::start();
    let held = gateway.hold(BILL, 1908);
    let (url, _) = network(&gateway, Loses::Request).await;
    let client = client(&gateway, &url);
    let capture = capture(&client, &held);
    let known = client.call_until_known(&capture, patience().repeating()).await.unwrap();
    assert!(matches!(known, Known::Answered(_)), "{known:?}");
}

#[tokio::test]
async fn a_query_proves_what_it_says_of_this_order_and_a_trace_is_not_sent_again() {
    let found = |bill: &str, leg: &str| {
        format!(
            r#"{{"errCode":"SUCCESS","responseTimestamp":"2023-07-19 15:00:53","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"{bill}","billDate":"{DATE}","billStatus":"PAID","totalAmount":1908{leg}}}"#
        )
    };
    let leg = |order: &str, status: &str, fen: u64| {
        format!(
            r#","authedBillPayment":{{"merOrderId":"{order}","totalAmount":{fen},"status":"{status}"}}"#
        )
    };
    let other = "124F2023071913311600830000";
    for (answer, shown, arrived) in [
        (found(BILL, &leg(ORDER, "TRADE_SUCCESS", 1500)), true, true),
        (found(BILL, &leg(ORDER, "TRADE_REFUND", 1500)), true, true),
        (found(BILL, &leg(ORDER, "TRADE_CLOSED", 1500)), false, true),
        (found(BILL, &leg(ORDER, "WAIT_BUYER_PAY", 1500)), false, true),
        (found(BILL, &leg(ORDER, "TRADE_SUCCESS", 1499)), false, true),
        // Another capture of the same amount, and another bill.
        (found(BILL, &leg(other, "TRADE_SUCCESS", 1500)), false, false),
        (found(other, &leg(ORDER, "TRADE_SUCCESS", 1500)), false, true),
        (found(BILL, ""), false, false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let captures = Arc::new(AtomicU32::new(0));
        let (counted, said) = (captures.clone(), answer.clone());
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 65_536];
                let length = near.read(&mut request).await.unwrap();
                if request[..length].starts_with(b"POST /v1/netpay/bills/query ") {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                        said.len()
                    );
                    near.write_all(head.as_bytes()).await.unwrap();
                    near.write_all(said.as_bytes()).await.unwrap();
                } else {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let client = Client::builder()
            .base_url(url)
            .credentials(
                holdfast_client::AppId::parse("app").unwrap(),
                holdfast_client::AppKey::parse("key").unwrap(),
            )
            .build()
            .unwrap();
        let brief =
            Patience::lasting(Duration::from_millis(40)).first_pause(Duration::from_millis(1));
        let known = client.call_until_known(&capture(&client, "206067"), brief.repeating()).await;
        assert_eq!(matches!(known, Ok(Known::Found(_))), shown, "{answer}: {known:?}");
        assert_eq!(captures.load(Ordering::SeqCst) == 1, arrived, "{answer}: sent again or not");
    }
}

#[tokio::test]
async fn what_the_bank_refuses_when_it_is_repeated_is_refused() {
    let gateway = trial::Gateway::start();
    let held = gateway.hold(BILL, 1908);
    let (url, _) = network(&gateway, Loses::Answer).await;
    let client = client(&gateway, &url);
    // The ending tells the simulated bank to refuse.
    let refused = Preauthed {
        authed_order_id: OrderId::parse("124F20230719-cap-refuse").unwrap(),
        ..capture(&client, &held)
    };
    let error = client.call_until_known(&refused, patience().repeating()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::TargetFail), "{error:?}");
}

#[tokio::test]
async fn a_refusal_ends_it_at_once() {
    let gateway = trial::Gateway::start();
    let held = gateway.hold(BILL, 1908);
    let client = client(&gateway, gateway.base_url());
    let too_much =
        Preauthed { total_amount: Amount::from_fen(1909).unwrap(), ..capture(&client, &held) };
    let error = client.call_until_known(&too_much, patience()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::OperationNotAllowed), "{error:?}");
}

#[tokio::test]
async fn a_refund_without_a_number_cannot_be_asked_after() {
    let gateway = trial::Gateway::start();
    let _ = gateway.captured(BILL, 1908, ORDER);
    let (url, count) = network(&gateway, Loses::Answer).await;
    let client = client(&gateway, &url);
    let refund = Refund {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: OrderId::parse(BILL).ok(),
        bill_date: Day::parse(DATE).unwrap(),
        mer_order_id: None,
        refund_order_id: None,
        refund_amount: Amount::from_fen(900).unwrap(),
        platform_amount: None,
        sub_orders: None,
        refund_desc: None,
    };
    let error = client.call_until_known(&refund, patience()).await.unwrap_err();
    assert!(
        matches!(error, CallError::OutcomeUnknown(Unknown::AfterQueries { queries: 0, .. })),
        "{error:?}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 1, "it was sent once, and nothing else was");
}

#[cfg(feature = "blocking")]
#[test]
fn a_blocking_client_is_shared_by_threads_and_refuses_to_hold_up_async_code() {
    use holdfast_client::{blocking, messages::Query};

    let gateway = trial::Gateway::start();
    gateway.hold(BILL, 1908);
    let client = blocking::Client::new(client(&gateway, gateway.base_url())).unwrap();
    let query = Query {
        common: client.common("898201612345678", "88880001").unwrap(),
        bill_no: OrderId::parse(BILL).unwrap(),
        bill_date: None,
        refund_order_id: None,
        authed_order_id: None,
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.call(&query).unwrap());
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Its last clone may end there.
    let error = runtime.block_on(async move { client.call(&query).unwrap_err() });
    assert!(matches!(error, CallError::Fault(_)), "{error:?}");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_extractor_lets_through_what_is_signed_and_nothing_else() {
    use axum::{Router, body::Body, http::Request, routing::post};
    use holdfast_client::receiver::{Believed, Heard, NOTICE_MAX, NoticeKeys};
    use holdfast_wire::{
        field::{BillStatus, SignType},
        messages::Notice,
        notice::{form, signed},
    };

    async fn receive(Believed(_): Believed) -> Heard {
        Heard::Done
    }
    let key = || holdfast_client::notice::NoticeKey::parse("the key").unwrap();
    let notice = Notice::new(
        holdfast_client::Text::parse("N1").unwrap(),
        holdfast_client::Text::parse("S1").unwrap(),
        BillStatus::Paid,
    );
    let good = form(&signed(&key(), SignType::Sha256, notice.pairs()));
    for (body, status, answer) in [
        (good.clone(), 200, "SUCCESS"),
        (good.replace("N1", "N2"), 400, "FAILED"),
        (String::new(), 400, "FAILED"),
        ("x".repeat(NOTICE_MAX + 1), 400, "FAILED"),
    ] {
        let app: Router =
            Router::new().route("/", post(receive)).with_state(NoticeKeys::new([key()]));
        let request = Request::post("/").body(Body::from(body.clone())).unwrap();
        let response =
            tower_service::Service::call(&mut app.into_service(), request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{body}");
        let said = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        assert_eq!(said, answer, "{body}");
    }
}
