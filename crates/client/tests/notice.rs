//! What a receiver believes.

use holdfast_client::{
    Amount, BillNo, Day, Mid, Text, Tid,
    messages::Notice,
    notice::{Expected, NoticeError, NoticeFault, NoticeKey, expect, verify},
};
use holdfast_wire::{
    field::{BillStatus, SignType},
    notice::{form, random_pair, signed},
};

fn key(text: &str) -> NoticeKey {
    NoticeKey::parse(text).unwrap()
}

fn order() -> Expected {
    Expected {
        mid: Mid::parse("898201612345678").unwrap(),
        tid: Tid::parse("88880001").unwrap(),
        bill_no: BillNo::parse("124F2023071912562344830889").unwrap(),
        bill_date: Day::parse("2023-07-19").unwrap(),
        total_amount: Amount::from_fen(1908).unwrap(),
    }
}

fn notice() -> Notice {
    let order = order();
    Notice {
        mid: Some(order.mid),
        tid: Some(order.tid),
        bill_no: Some(order.bill_no),
        bill_date: Some(order.bill_date),
        total_amount: Some(order.total_amount),
        bill_desc: Text::parse("押金 1号房").ok(),
        ..Notice::new(Text::parse("N1").unwrap(), Text::parse("S1").unwrap(), BillStatus::Paid)
    }
}

/// The notice as it is posted.
fn body(notice: &Notice, sign_type: SignType) -> String {
    let mut pairs = notice.pairs();
    pairs.push(random_pair(7));
    form(&signed(&key("the key"), sign_type, pairs))
}

#[test]
fn what_was_signed_with_one_of_the_keys_is_believed() {
    for sign_type in [SignType::Md5, SignType::Sha256] {
        let body = body(&notice(), sign_type);
        for keys in [&["the key"][..], &["a newer key", "the key"]] {
            let keys: Vec<NoticeKey> = keys.iter().map(|text| key(text)).collect();
            assert_eq!(verify(&keys, &body), Ok(notice()), "{sign_type}");
        }
        let wrong = NoticeError::Fault(NoticeFault::WrongSignature);
        assert_eq!(verify(&[key("another key")], &body), Err(wrong.clone()));
        assert_eq!(verify(&[key("the key")], &body.replace("=1908", "=1909")), Err(wrong));
    }
}

#[test]
fn a_true_notice_of_another_order_is_never_a_verified_notice() {
    assert_eq!(expect(notice(), &order()), Ok(notice()));
    let other = |change: fn(&mut Notice)| {
        let mut other = notice();
        change(&mut other);
        // It is true all the same.
        let read = verify(&[key("the key")], &body(&other, SignType::Md5)).unwrap();
        match expect(read, &order()).unwrap_err() {
            NoticeError::Unexpected { field, told, .. } => (field, told.unwrap_or_default()),
            fault => panic!("{fault}"),
        }
    };
    let told = |field: &'static str, told: &str| (field, told.to_owned());
    assert_eq!(
        other(|n| n.mid = Mid::parse("898201612345679").ok()),
        told("mid", "898201612345679")
    );
    assert_eq!(other(|n| n.tid = Tid::parse("88880002").ok()), told("tid", "88880002"));
    assert_eq!(other(|n| n.bill_no = BillNo::parse("another").ok()), told("billNo", "another"));
    assert_eq!(other(|n| n.bill_date = Day::parse("2023-07-20")), told("billDate", "2023-07-20"));
    assert_eq!(other(|n| n.total_amount = Amount::from_fen(1).ok()).0, "totalAmount");
    assert_eq!(other(|n| n.total_amount = None), told("totalAmount", ""));
    for (tid, english, chinese) in [
        (
            None,
            "the notice is true but does not say its tid, which must be 88880001: do not deliver, query the bill",
            "通知属实，但未含 tid（应为 88880001）：请勿发货，请查询账单",
        ),
        (
            Tid::parse("88880002").ok(),
            "the notice is true but its tid is 88880002 where the order has 88880001: do not deliver, query the bill",
            "通知属实，但其 tid 为 88880002，与订单的 88880001 不符：请勿发货，请查询账单",
        ),
    ] {
        let error = expect(Notice { tid, ..notice() }, &order()).unwrap_err();
        assert_eq!((error.to_string(), error.zh()), (english.to_owned(), chinese.to_owned()));
    }
}
