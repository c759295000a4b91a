//! Statements of scripted and of random lives. A script is a line for each step: moment, bill, what happens.
//!
//! `PROPTEST_RNG_SEED=7 cargo test -p holdfast-gateway statement` lives the random lives of one seed again.

use std::cell::RefCell;

use holdfast_domain::{
    AuthCode, BillNo, CodeId, Command, Details, Division, Fingerprint, LateSuccess, Marks, Policy,
    Shares, Terms, Verdict, decide,
};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, TestCaseError, prop_oneof},
    sample::select,
    test_runner::{Config, RngSeed, TestError, TestRunner},
};

use super::*;
use crate::{
    clock::Dice,
    store::{Asker, Commit, MemoryStore, SqliteStore},
};

/// What [`LIFE`] is on the statement of a sub-merchant.
const JSON: &str = r##"{"version":1,"mid":"M2","date":"2026-11-23","complete":true,"settlement":[
{"record":14,"time":"2026-11-23 13:00:00","kind":"share","kindZh":"分账入账","billMid":"M1","billNo":"3194000000000001","billDate":"2026-11-22","orderId":"31940000000000010","shareOrderId":"000123","reference":"00315100000N","targetOrderId":null,"channel":"unionpay","tid":"88880001","transactionFen":600,"amountFen":600,"amountYuan":"6.00","netFen":600,"text":null},
{"record":16,"time":"2026-11-23 14:00:00","kind":"shareRefund","kindZh":"分账退款","billMid":"M1","billNo":"3194000000000001","billDate":"2026-11-22","orderId":"R00001","shareOrderId":"000123","reference":"00315100000N","targetOrderId":null,"channel":"unionpay","tid":"88880001","transactionFen":50,"amountFen":-50,"amountYuan":"-0.50","netFen":550,"text":null}
],"aside":[
],"totals":{"kinds":[{"kind":"share","kindZh":"分账入账","count":1,"sumFen":600,"sumYuan":"6.00"},{"kind":"shareRefund","kindZh":"分账退款","count":1,"sumFen":-50,"sumYuan":"-0.50"}],"count":2,"netFen":550,"netYuan":"5.50"},
"asideTotals":{"kinds":[],"count":0,"netFen":0,"netYuan":"0.00"}
,"digest":"057fabd0ef3dfdb39289352912f3c5928164413ad6a9c34545e7394d83410976"}
"##;

/// What [`LIFE`] is on the statement of its merchant, without the byte order mark.
const CSV: &str = r##""部分 section","商户号 mid","结算日 date","流水序号 record","时间 time","类型 kind","类型名称 kindZh","账单商户号 billMid","账单号 billNo","账单日期 billDate","订单号 orderId","子订单号 shareOrderId","交易参考号 reference","目标平台单号 targetOrderId","渠道 channel","终端号 tid","交易金额（分） transactionFen","入账金额（分） amountFen","入账金额（元） amountYuan","累计净额（分） netFen","笔数 count","说明 text"
"settlement","M1","2026-11-23","4","2026-11-23 09:00:00","capture","预授权完成","M1","BILL01","2026-11-22","C00001","","00315100000N","","unionpay","'88880001","380","380","3.80","380","","押金 301"
"settlement","M1","2026-11-23","6","2026-11-23 09:31:00","reversal","预授权完成撤销","M1","BILL01","2026-11-22","C00001","","00315100000N","","unionpay","'88880001","380","-380","-3.80","0","","押金 301"
"settlement","M1","2026-11-23","8","2026-11-23 10:00:00","capture","预授权完成","M1","BILL01","2026-11-22","C00002","","00315100000N","","unionpay","'88880001","575","575","5.75","575","","押金 301"
"settlement","M1","2026-11-23","14","2026-11-23 13:00:00","payment","支付","M1","'3194000000000001","2026-11-22","'31940000000000010","","00315100000N","","unionpay","'88880001","1000","100","1.00","675","",""
"settlement","M1","2026-11-23","16","2026-11-23 14:00:00","refund","退款","M1","'3194000000000001","2026-11-22","R00001","","00315100000N","","unionpay","'88880001","60","-10","-0.10","665","",""
"aside","M1","2026-11-23","4","2026-11-23 09:00:00","taken","完成转出","M1","BILL01","2026-11-22","C00001","","00315100000N","","unionpay","'88880001","380","-500","-5.00","-500","","押金 301"
"aside","M1","2026-11-23","6","2026-11-23 09:31:00","restored","恢复冻结","M1","BILL01","2026-11-22","C00001","","00315100000N","","unionpay","'88880001","380","500","5.00","0","","押金 301"
"aside","M1","2026-11-23","8","2026-11-23 10:00:00","taken","完成转出","M1","BILL01","2026-11-22","C00002","","00315100000N","","unionpay","'88880001","575","-500","-5.00","-500","","押金 301"
"aside","M1","2026-11-23","10","2026-11-23 11:00:00","authorized","冻结","M1","BILL02","2026-11-22","BILL020","","00315100000N","","unionpay","'88880001","100","100","1.00","-400","","'=SUM(A1)"
"aside","M1","2026-11-23","12","2026-11-23 12:00:00","released","撤销退回","M1","BILL02","2026-11-22","BILL020","","00315100000N","","unionpay","'88880001","100","-100","-1.00","-500","","'=SUM(A1)"
"total","M1","2026-11-23","","","payment","支付","","","","","","","","","","","100","1.00","","1",""
"total","M1","2026-11-23","","","capture","预授权完成","","","","","","","","","","","955","9.55","","2",""
"total","M1","2026-11-23","","","reversal","预授权完成撤销","","","","","","","","","","","-380","-3.80","","1",""
"total","M1","2026-11-23","","","refund","退款","","","","","","","","","","","-10","-0.10","","1",""
"net","M1","2026-11-23","","","","结算净额","","","","","","","","","","","665","6.65","","5",""
"asideTotal","M1","2026-11-23","","","authorized","冻结","","","","","","","","","","","100","1.00","","1",""
"asideTotal","M1","2026-11-23","","","taken","完成转出","","","","","","","","","","","-1000","-10.00","","2",""
"asideTotal","M1","2026-11-23","","","restored","恢复冻结","","","","","","","","","","","500","5.00","","1",""
"asideTotal","M1","2026-11-23","","","released","撤销退回","","","","","","","","","","","-100","-1.00","","1",""
"asideNet","M1","2026-11-23","","","","待结净额","","","","","","","","","","","-500","-5.00","","5",""
"digest","M1","2026-11-23","","","complete","已完结","","","","","","","","","","","","","","","c432a2031e3f01360805ad2bbfc5d76b7821629d7c9e92fc4867b5f74599197b"
"##;

/// A hold is captured, reversed on its day, captured above the hold and refunded days later; another one is
/// given up, and a payment is divided.
const LIFE: &str = "
    2026-11-22 10:00 M1/BILL01 hold 500 # 押金 301
    2026-11-22 10:01 M1/BILL01 pay
    2026-11-23 09:00 M1/BILL01 capture C00001 380
    2026-11-23 09:00 M1/BILL01 approve
    2026-11-23 09:30 M1/BILL01 reverse C00001
    2026-11-23 09:31 M1/BILL01 approve
    2026-11-23 10:00 M1/BILL01 capture C00002 575
    2026-11-23 10:00 M1/BILL01 approve
    2026-11-23 11:00 M1/BILL02 hold 100 # =SUM(A1)
    2026-11-23 11:00 M1/BILL02 pay
    2026-11-23 12:00 M1/BILL02 release
    2026-11-23 12:00 M1/BILL02 approve
    2026-11-23 13:00 M1/3194000000000001 divided 1000 100+M2/000123:600+M3:300
    2026-11-23 13:00 M1/3194000000000001 pay
    2026-11-23 14:00 M1/3194000000000001 refund R00001 60 10+M2/000123:50
    2026-11-23 14:00 M1/3194000000000001 approve
    2026-11-26 10:00 M1/BILL01 refund R00002 75
    2026-11-26 10:00 M1/BILL01 approve";

#[tokio::test]
async fn a_statement_as_json_is_this() {
    let (store, day) = (lived(LIFE).await, day("2026-11-23"));
    assert_eq!(json(&store, "M2", day).await, JSON);
}

#[tokio::test]
async fn a_statement_as_csv_is_this() {
    let (store, day) = (lived(LIFE).await, day("2026-11-23"));
    let csv = csv(&store, "M1", day).await;
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count());
    assert_eq!(csv.replace("\r\n", "\n").strip_prefix('\u{feff}'), Some(CSV));
}

#[tokio::test]
async fn a_business_day_ends_at_its_last_millisecond() {
    let script = "
        2026-11-23 22:50 M1/BILL01 payment 100
        2026-11-23 22:50 M1/BILL02 payment 200
        2026-11-23 22:59:59.999 M1/BILL01 pay
        2026-11-23 23:00 M1/BILL02 pay";
    check(script, "M1 2026-11-23", ["payment BILL010 100 100"]).await;
    check(script, "M1 2026-11-24", ["payment BILL020 200 200"]).await;
    check(script, "M1 2026-11-22", []).await;
    check(script, "M2 2026-11-23", []).await;
}

#[tokio::test]
async fn a_reversal_takes_back_what_its_capture_gave() {
    let expected = [
        "capture C00001 380 380",
        "reversal C00001 -380 0",
        "taken C00001 -500 -500",
        "restored C00001 500 0",
    ];
    check(&LIFE[..LIFE.find("2026-11-23 10:00").unwrap()], "M1 2026-11-23", expected).await;
}

#[tokio::test]
async fn a_reversal_that_ends_the_hold_sets_nothing_aside_again() {
    let script = "
        2026-11-23 10:00 M1/BILL01 hold 500
        2026-11-23 10:00 M1/BILL01 pay
        2026-11-23 10:01 M1/BILL01 capture C00001 300
        2026-11-23 10:01 M1/BILL01 approve
        2026-11-23 10:02 M1/BILL01 reverse C00001
        2026-11-23 10:02 M1/BILL01 end";
    let expected = [
        "capture C00001 300 300",
        "reversal C00001 -300 0",
        "authorized BILL010 500 500",
        "taken C00001 -500 0",
    ];
    check(script, "M1 2026-11-23", expected).await;
}

#[tokio::test]
async fn a_capture_above_the_hold_is_stated_whole_and_refunded_on_another_day() {
    let script = "
        2026-11-23 10:00 M1/BILL01 hold 500
        2026-11-23 10:00 M1/BILL01 pay
        2026-11-23 10:01 M1/BILL01 capture C00001 575
        2026-11-23 10:01 M1/BILL01 approve
        2026-11-26 10:00 M1/BILL01 refund R00001 75
        2026-11-26 10:00 M1/BILL01 refuse
        2026-11-26 23:00 M1/BILL01 refund R00002 70
        2026-11-26 23:00 M1/BILL01 approve";
    let expected = ["capture C00001 575 575", "authorized BILL010 500 500", "taken C00001 -500 0"];
    check(script, "M1 2026-11-23", expected).await;
    check(script, "M1 2026-11-26", []).await;
    check(script, "M1 2026-11-27", ["refund R00002 -70 -70"]).await;
}

#[tokio::test]
async fn a_guarantee_is_completed_cancelled_or_comes_to_its_end() {
    let script = "
        2026-11-23 10:00 M1/BILL01 guarantee 500
        2026-11-23 10:00 M1/BILL01 pay
        2026-11-23 10:01 M1/BILL01 complete 450
        2026-11-23 10:01 M1/BILL01 approve
        2026-11-23 10:02 M1/BILL02 guarantee 100
        2026-11-23 10:02 M1/BILL02 pay
        2026-11-23 10:03 M1/BILL02 cancel
        2026-11-23 10:03 M1/BILL02 approve
        2026-11-23 10:04 M1/BILL03 guarantee 200
        2026-11-23 10:04 M1/BILL03 pay
        2026-12-23 10:04 M1/BILL03 expire
        2026-12-23 10:04 M1/BILL03 approve";
    let expected = [
        "completion BILL010 450 450",
        "authorized BILL010 500 500",
        "taken BILL010 -500 0",
        "authorized BILL020 100 100",
        "released BILL020 -100 0",
        "authorized BILL030 200 200",
    ];
    check(script, "M1 2026-11-23", expected).await;
    check(script, "M1 2026-12-23", ["expired BILL030 -200 -200"]).await;
}

#[tokio::test]
async fn everybody_is_told_of_its_own_shares_only() {
    let script = "
        2026-11-23 10:00 M1/BILL01 divided 500 100+M2/SUB001:150+M3:50+M2/SUB002:200
        2026-11-23 10:00 M1/BILL01 pay
        2026-11-23 10:01 M1/BILL01 refund R00001 40 M2/SUB002:40
        2026-11-23 10:01 M1/BILL01 approve
        2026-11-23 10:02 M1/BILL01 refund R00002 460
        2026-11-23 10:02 M1/BILL01 approve
        2026-11-23 10:03 M1/BILL02 divided 700 M1/SELF01:300+M3:400
        2026-11-23 10:03 M1/BILL02 pay";
    let platform = [
        "payment BILL010 100 100",
        "refund R00001 0 100",
        "refund R00002 -100 0",
        "payment BILL020 0 0",
        "share BILL020/SELF01 300 300",
    ];
    check(script, "M1 2026-11-23", platform).await;
    let subs = [
        "share BILL010/SUB001 150 150",
        "share BILL010/SUB002 200 350",
        "shareRefund R00001/SUB002 -40 310",
        "shareRefund R00002/SUB001 -150 160",
        "shareRefund R00002/SUB002 -160 0",
    ];
    check(script, "M2 2026-11-23", subs).await;
    let sub = ["share BILL010 50 50", "shareRefund R00002 -50 0", "share BILL020 400 400"];
    check(script, "M3 2026-11-23", sub).await;
}

#[tokio::test]
async fn money_that_waits_to_be_divided_is_set_aside() {
    let script = "
        2026-11-23 10:00 M1/BILL01 later 500
        2026-11-23 10:00 M1/BILL01 pay
        2026-11-23 10:00 M1/BILL02 later 300
        2026-11-23 10:00 M1/BILL02 pay
        2026-11-23 10:01 M1/BILL02 refund R00001 300
        2026-11-23 10:01 M1/BILL02 approve
        2026-11-24 10:00 M1/BILL01 divide 20+M2:480
        2026-11-24 10:00 M1/BILL01 approve";
    let expected =
        ["pending BILL010 500 500", "pending BILL020 300 800", "refunded R00001 -300 500"];
    check(script, "M1 2026-11-23", expected).await;
    check(script, "M1 2026-11-24", ["division BILL010 20 20", "divided BILL010 -500 -500"]).await;
    check(script, "M2 2026-11-24", ["share BILL010 480 480"]).await;
}

#[tokio::test]
async fn late_money_that_goes_back_is_no_settlement() {
    let script = "
        2026-11-23 10:00 M1/BILL01 payment 500
        2026-11-23 10:01 M1/BILL01 close
        2026-11-23 22:59 M1/BILL01 pay
        2026-11-23 23:01 M1/BILL01 refuse
        2026-11-23 23:02 M1/BILL01 approve
        2026-11-23 10:00 M1/BILL02 payment 300
        2026-11-23 10:01 M1/BILL02 close
        2026-11-23 10:02 M1/BILL02 pay-accepted";
    let expected = ["payment BILL020 300 300", "late BILL010 500 500"];
    check(script, "M1 2026-11-23", expected).await;
    check(script, "M1 2026-11-24", ["returned BILL010 -500 -500"]).await;
}

/// The csv crate reads as spreadsheet programs do.
#[tokio::test]
async fn a_csv_read_back_gives_the_lines() {
    let texts = [
        "=HYPERLINK(\"http://example.com\",\"press\")",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "＝1",
        " =1",
        "'quoted'",
        "say \"hi\", twice",
        "押金 🏨 301\u{2028}房",
        "0012345678901234567890",
        "1E5",
        "2026-11-23",
        "plain",
        "a=b",
    ];
    let script: String = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            format!(
                "2026-11-23 10:00 M1/{n:06} payment 100 # {text}\n2026-11-23 10:00 M1/{n:06} pay\n"
            )
        })
        .collect();
    let csv = csv(&lived(&script).await, "M1", day("2026-11-23")).await;
    let csv = csv.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names, COLUMNS.map(|Column { name, zh }| format!("{zh} {name}")));
    let place = |name| COLUMNS.iter().position(|column| column.name == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let lines = rows.iter().filter(|row| row[place("section")] == *"settlement");
    let cell = |row: &csv::StringRecord, name| {
        let cell = row[place(name)].to_owned();
        cell.strip_prefix('\'').map_or(cell.clone(), str::to_owned)
    };
    let read: Vec<(String, String)> =
        lines.map(|row| (cell(row, "billNo"), cell(row, "text"))).collect();
    let written = texts.iter().enumerate().map(|(n, text)| (format!("{n:06}"), (*text).to_owned()));
    assert_eq!(read, written.collect::<Vec<_>>());
    let dangerous = |cell: &str| cell.starts_with(['=', '+', '@', '＝']);
    assert!(!rows.iter().any(|row| row.iter().any(dangerous)));
}

#[test]
fn a_cell_is_never_a_formula_or_a_number() {
    fn check(text: &str, cell: &str) {
        assert_eq!(write::shielded(text), cell);
    }
    check("", "");
    check("押金 301", "押金 301");
    check("124F2023071912562344830889", "124F2023071912562344830889");
    check("=1", "'=1");
    check("+1", "'+1");
    check("-x", "'-x");
    check("@x", "'@x");
    check("\tx", "'\tx");
    check("\rx", "'\rx");
    check(" =1", "' =1");
    check("'x", "''x");
    check("898201612345678", "'898201612345678");
    check("000665", "'000665");
    check("1-2-3", "'1-2-3");
    check("12E34", "'12E34");
}

#[test]
fn a_day_is_over_when_nothing_can_be_added_to_it() {
    fn check(now: &str, over: bool) {
        let (date, time) = now.split_once(' ').unwrap();
        assert_eq!(is_over(day("2026-11-23"), moment(date, time)), over, "{now}");
    }
    check("2026-11-23 12:00", false);
    // The business day ended by the usual setting, and another setting could still add to it.
    check("2026-11-23 23:30", false);
    check("2026-11-24 00:04:59.999", false);
    check("2026-11-24 00:05", true);
    check("2027-01-01 00:00", true);
}

#[tokio::test]
async fn a_statement_says_whether_its_day_is_over() {
    let (store, day) = (lived(LIFE).await, day("2026-11-23"));
    for (complete, cells) in
        [(true, "\"complete\",\"已完结\""), (false, "\"incomplete\",\"未完结\"")]
    {
        let mut csv = Csv::new(vec![]);
        let writers = BTreeMap::from([(mid("M1"), |part: Part<'_>| csv.write(part))]);
        let made = make(&store, day, complete, writers, |_| ()).await.unwrap();
        assert_eq!(made[0].head.complete, complete);
        assert!(String::from_utf8(csv.into_inner()).unwrap().contains(cells), "{cells}");
    }
}

#[tokio::test]
async fn a_journal_that_does_not_follow_makes_no_statement() {
    let store = lived("2026-11-23 10:00 M1/BILL01 payment 500").await;
    let bill = store.bill(&key("M1/BILL01")).await.unwrap().unwrap();
    let at = moment("2026-11-23", "10:00");
    let mut change = decide(&bill, &command(&bill, "pay", "", "", ""), at, &policy("pay")).unwrap();
    change.entries[0].amount = amount("400");
    store.commit(Commit { change, at, asker: Asker::Channel }).await.unwrap();
    let writers = BTreeMap::from([(mid("M1"), |_: Part<'_>| Ok(()))]);
    let made = make(&store, day("2026-11-23"), true, writers, |_| ()).await;
    let told = made.unwrap_err().to_string();
    assert!(told.contains("record 2 does not follow"), "{told}");
}

#[tokio::test]
async fn a_day_of_many_pages_is_read_to_its_end() {
    let bills = limits::JOURNAL_PAGE + 7;
    let script: String = (0..bills)
        .map(|n| format!("2026-11-23 10:00 M1/{n:06} payment 1\n2026-11-23 10:00 M1/{n:06} pay\n"))
        .collect();
    let (store, mut heard) = (lived(&script).await, vec![]);
    let writers = BTreeMap::from([(mid("M1"), |_: Part<'_>| Ok(()))]);
    let made =
        make(&store, day("2026-11-23"), true, writers, |progress| heard.push(progress)).await;
    let net = made.unwrap()[0].totals.net(Section::Settlement);
    assert_eq!((net.count, net.fen), (bills.try_into().unwrap(), bills.try_into().unwrap()));
    let ends: Vec<(u32, u64)> =
        heard.iter().filter(|of| of.done == of.of).map(|of| (of.pass, of.of)).collect();
    assert_eq!(ends, [(1, 2 * 4_103 - 1), (2, 2 * 4_103 - 1)]);
    assert_eq!(heard.len(), 6);
}

#[tokio::test]
async fn both_sections_end_at_the_same_record_while_the_day_goes_on() {
    let hold = "
        2026-11-23 10:00 M1/BILL01 hold 500
        2026-11-23 10:00 M1/BILL01 pay";
    let capture = "
        2026-11-23 10:01 M1/BILL01 capture C00001 500
        2026-11-23 10:01 M1/BILL01 approve";
    let (store, mut lines) = (lived(hold).await, vec![]);
    let writer = |part: Part<'_>| {
        if let Part::Line(line) = part {
            lines.push(line.kind);
        }
        Ok(())
    };
    let captured = |progress: Progress| {
        if progress.pass == 1 {
            // The store in memory is done at once.
            let mut playing = std::pin::pin!(play(&store, capture));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(playing.as_mut().poll(&mut context).is_ready());
        }
    };
    let writers = BTreeMap::from([(mid("M1"), writer)]);
    make(&store, day("2026-11-23"), false, writers, captured).await.unwrap();
    assert_eq!(store.last().await.unwrap(), 4);
    assert_eq!(lines, [Kind::Authorized]);
}

#[tokio::test]
async fn the_merchants_of_a_day_are_those_who_have_lines() {
    let (store, mut found) = (lived(LIFE).await, vec![]);
    for date in ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-26"] {
        let mids = merchants(&store, day(date), |_| ()).await.unwrap();
        found.push(mids.iter().map(Mid::as_str).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(found, ["M1", "M1 M2 M3", "", "M1"]);
}

#[test]
fn the_documented_columns_are_those_that_are_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/statements.md");
    let page = std::fs::read_to_string(path).unwrap();
    let table = page.split("| column |").nth(1).unwrap().split("\n\n").next().unwrap();
    let documented: Vec<(&str, &str)> = table
        .lines()
        .skip(2)
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            let zh = cells.nth(1).unwrap();
            (cells.next().unwrap(), zh)
        })
        .collect();
    assert_eq!(documented, COLUMNS.map(|column| (column.name, column.zh)));
    let words: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    for kind in Kind::ALL {
        assert!(words.contains(&kind.name()) && page.contains(kind.zh()), "{kind:?}");
    }
}

#[test]
fn all_statements_together_are_what_the_ledger_owes() {
    random(None, 100, |life| live(life, &MemoryStore::new()).map(drop));
}

#[test]
fn all_statements_of_a_store_that_lasts_are_what_the_ledger_owes() {
    random(None, 6, |life| {
        let dir = tempfile::tempdir().unwrap();
        live(life, &SqliteStore::open(dir.path(), "test").unwrap()).map(drop)
    });
}

/// Kinds that are never reached are not tested.
#[test]
fn random_lives_reach_every_kind_of_line() {
    let seen = RefCell::new(BTreeSet::new());
    random(Some(1), 60, |life| {
        let kinds = live(life, &MemoryStore::new())?;
        seen.borrow_mut().extend(kinds);
        Ok(())
    });
    assert_eq!(seen.into_inner(), BTreeSet::from(Kind::ALL), "the lives are too tame");
}

/// What random lives are lived with.
pub(crate) const BILLS: [&str; 9] = [
    "M1/BILL00 hold 500",
    "M1/BILL01 hold 500",
    "M1/BILL02 payment 500",
    "M1/BILL03 guarantee 500",
    "M1/BILL04 divided 500 100+M1/SELF01:50+M2/SUB001:150+M2/SUB002:200",
    "M1/BILL05 later 500",
    "M2/BILL06 hold 500",
    "M2/BILL07 divided 500 M1:200+M3:300",
    "M3/BILL08 later 500",
];

/// A step of a random life: so much later, something is tried on a bill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) wait_ms: i64,
    pub(crate) bill: usize,
    pub(crate) what: &'static str,
    pub(crate) fen: u64,
    /// What the channel says of it at once, if anything.
    pub(crate) answer: &'static str,
}

fn lives() -> impl Strategy<Value = Vec<Step>> {
    const HOUR: i64 = 3_600_000;
    let waits = prop_oneof![
        60 => Just(0),
        20 => 1..=HOUR,
        6 => HOUR..=30 * HOUR,
        1 => Just(31 * 24 * HOUR),
    ];
    let what = select(vec![
        "pay",
        "pay",
        "pay-accepted",
        "close",
        "capture",
        "complete",
        "cancel",
        "reverse",
        "release",
        "refund",
        "refund",
        "divide",
        "expire",
        "lapse",
        "approve",
    ]);
    let answer = select(vec!["approve", "approve", "approve", "end", "refuse", ""]);
    let step = (waits, 0..BILLS.len(), what, 1_u64..=600, answer)
        .prop_map(|(wait_ms, bill, what, fen, answer)| Step { wait_ms, bill, what, fen, answer });
    vec(step, 1..200)
}

/// Lives random lives, and prints the seed and the shortest life that shows what is wrong.
pub(crate) fn random(
    seed: Option<u64>,
    cases: u32,
    check: impl Fn(&[Step]) -> Result<(), TestCaseError>,
) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let seed = match (seed, config.rng_seed) {
        (Some(seed), _) | (None, RngSeed::Fixed(seed)) => seed,
        (None, RngSeed::Random) => Dice::unpredictable().roll(u64::MAX),
    };
    let cases = if std::env::var("PROPTEST_CASES").is_ok() { config.cases } else { cases };
    let config = Config { rng_seed: RngSeed::Fixed(seed), cases, ..config };
    match TestRunner::new(config).run(&lives(), |life| check(&life)) {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        Err(TestError::Fail(why, life)) => {
            panic!("PROPTEST_RNG_SEED={seed}: {why}\nthe shortest life that shows it: {life:#?}")
        }
    }
}

/// Lives a life, and answers which kinds of lines it saw. Whenever a day is over its statements are made; at the
/// end they are made again, and all of them together are compared with the ledger.
fn live(life: &[Step], store: &dyn Store) -> Result<BTreeSet<Kind>, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        let mut now = moment("2026-11-23", "09:00");
        for bill in BILLS {
            play(store, &format!("2026-11-23 09:00 {bill}")).await;
        }
        let (mut over, mut open, mut order) = (BTreeMap::new(), BTreeSet::new(), 0);
        for step in life {
            now = now.plus_ms(step.wait_ms);
            let done: Vec<Day> = open.iter().copied().filter(|day| is_over(*day, now)).collect();
            for day in done {
                open.remove(&day);
                over.insert(day, all(store, day, limits::STATEMENT_BILLS).await);
            }
            order += 1;
            for what in [step.what, step.answer].into_iter().filter(|what| !what.is_empty()) {
                let Some(change) = tried(store, Step { what, ..*step }, order, now).await else {
                    break;
                };
                open.extend(change.event.receipt().map(|receipt| receipt.day));
                store.commit(Commit { change, at: now, asker: Asker::Channel }).await.unwrap();
            }
        }
        for day in open {
            over.insert(day, all(store, day, limits::STATEMENT_BILLS).await);
        }
        let (mut stated, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for (day, first) in &over {
            for most in [1, 2, limits::STATEMENT_BILLS] {
                if all(store, *day, most).await != *first {
                    return Err(TestCaseError::fail(format!("{day} is stated otherwise later")));
                }
            }
            for (made, text) in first {
                let mid = made.head.mid.clone();
                if json(store, mid.as_str(), *day).await != *text {
                    return Err(TestCaseError::fail(format!("{day} is stated otherwise alone")));
                }
                for section in [Section::Settlement, Section::Aside] {
                    let (fen, booked) = (made.totals.net(section).fen, made.booked.fen(section));
                    if fen != booked {
                        return Err(TestCaseError::fail(format!("{day}: {fen} is not {booked}")));
                    }
                }
                let sum = stated.entry(mid).or_insert((0, 0));
                sum.0 += made.totals.net(Section::Settlement).fen;
                sum.1 += made.totals.net(Section::Aside).fen;
                seen.extend(made.totals.0.keys().copied());
            }
        }
        let owed = owed(store).await;
        stated.retain(|_, sum| *sum != (0, 0));
        match stated == owed {
            true => Ok(seen),
            false => {
                Err(TestCaseError::fail(format!("stated {stated:?}, the ledger has {owed:?}")))
            }
        }
    })
}

/// What a step does to its bill, if it is allowed.
pub(crate) async fn tried(
    store: &dyn Store,
    step: Step,
    number: u32,
    now: Moment,
) -> Option<Change> {
    let bill = store.bill(&key(BILLS[step.bill].split(' ').next().unwrap())).await.unwrap()?;
    let (mut fen, order) = (step.fen, format!("ORDER{number}"));
    let (mut one, mut from) = (order, String::new());
    match (step.what, &bill.phase) {
        ("complete", _) => one = fen.to_string(),
        ("divide", _) => one = "200+M1:100+M2:200".to_owned(),
        ("reverse", Phase::Taken { takings, .. }) => {
            one = takings.capture.as_ref()?.order.to_string();
        }
        ("refund", Phase::Taken { takings, .. }) => {
            if let Split::Among { left, .. } = &takings.split {
                // From one share, or all that is left.
                match left.subs().first().filter(|_| fen % 3 > 0) {
                    Some(Share { mid, order, amount }) => {
                        let order = order.as_ref().map_or(String::new(), |of| format!("/{of}"));
                        fen = fen.min(amount.fen());
                        from = format!("{mid}{order}:{fen}");
                    }
                    None => fen = takings.refundable?.fen(),
                }
            }
        }
        _ => {}
    }
    let command = command(&bill, step.what, &one, &fen.to_string(), &from);
    decide(&bill, &command, now, &policy(step.what)).ok()
}

/// The day's statements of all merchants, made in one go.
async fn all(store: &dyn Store, day: Day, most: usize) -> Vec<(Statement, String)> {
    let mut files = ["M1", "M2", "M3"].map(|name| (mid(name), Json::new(vec![])));
    let writers =
        files.iter_mut().map(|(mid, json)| (mid.clone(), |part: Part<'_>| json.write(part)));
    let made = make_within(store, day, true, writers.collect(), most, |_| ()).await.unwrap();
    let texts = files.map(|(_, json)| String::from_utf8(json.into_inner()).unwrap());
    made.into_iter().zip(texts).collect()
}

/// What each merchant has, and what is set aside on its bills, as it follows from where the bills are.
async fn owed(store: &dyn Store) -> BTreeMap<Mid, (i128, i128)> {
    let mut owed: BTreeMap<Mid, (i128, i128)> = BTreeMap::new();
    for bill in store.bills(None, usize::MAX).await.unwrap() {
        for (account, fen) in bill.balances().each() {
            let own = bill.key.mid.clone();
            match account {
                Account::Payer => {}
                Account::Merchant => owed.entry(own).or_default().0 += fen,
                Account::Sub(mid) => owed.entry(mid.clone()).or_default().0 += fen,
                Account::Held | Account::Undivided => owed.entry(own).or_default().1 += fen,
            }
        }
    }
    owed
}

/// Lives a script, and expects these lines of a merchant's day: kind, order, effect, net.
async fn check<const N: usize>(script: &str, statement: &str, expected: [&str; N]) {
    let (store, mut lines) = (lived(script).await, vec![]);
    let (who, date) = statement.split_once(' ').unwrap();
    let writer = |part: Part<'_>| {
        if let Part::Line(Line { kind, order, share_order, effect_fen, net_fen, .. }) = part {
            let share = share_order.as_ref().map_or(String::new(), |order| format!("/{order}"));
            lines.push(format!("{} {order}{share} {effect_fen} {net_fen}", kind.name()));
        }
        Ok(())
    };
    let writers = BTreeMap::from([(mid(who), writer)]);
    make(&store, day(date), true, writers, |_| ()).await.unwrap();
    assert_eq!(lines, expected, "{statement}");
}

fn mid(text: &str) -> Mid {
    Mid::parse(text).unwrap()
}

/// The bill as it is in the store.
pub(crate) async fn lived(script: &str) -> MemoryStore {
    let store = MemoryStore::new();
    play(&store, script).await;
    store
}

/// Commits every step of a script.
pub(crate) async fn play(store: &dyn Store, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, description) = line.split_once(" # ").unwrap_or((line, ""));
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let at = moment(word(), word());
        let key = key(word());
        let (what, one, two, three) = (word(), word(), word(), word());
        let change = match store.bill(&key).await.unwrap() {
            None => Bill::request(key, terms(what, one, two, description, at)),
            Some(bill) => {
                let command = command(&bill, what, one, two, three);
                let changed = decide(&bill, &command, at, &policy(what));
                changed.unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
            }
        };
        store.commit(Commit { change, at, asker: Asker::Channel }).await.unwrap();
    }
}

fn policy(what: &str) -> Policy {
    let late_success = match what {
        "pay-accepted" => LateSuccess::Accept,
        _ => LateSuccess::Release,
    };
    Policy { capture_limit_percent: 115, late_success, ..Policy::default() }
}

fn terms(kind: &str, fen: &str, shares: &str, description: &str, at: Moment) -> Terms {
    static CODES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let code = CODES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (kind, division) = match kind {
        "hold" => (BillKind::Hold, None),
        "guarantee" => (BillKind::Guarantee, None),
        "payment" => (BillKind::Payment, None),
        "divided" => (BillKind::Payment, Some(Division::Now(self::shares(shares)))),
        "later" => (BillKind::Payment, Some(Division::Later)),
        other => panic!("no such bill: {other}"),
    };
    let terms = Terms::plain(
        kind,
        amount(fen),
        CodeId::parse(&format!("CODE{code}")).unwrap(),
        Tid::parse("88880001").unwrap(),
        at,
        at.plus_ms(1_800_000),
        Fingerprint([7; 16]),
    );
    let details = Details { description: Text::parse(description).ok(), ..Details::default() };
    Terms { division, details, ..terms }
}

fn command(bill: &Bill, what: &str, one: &str, two: &str, three: &str) -> Command {
    let auth = || AuthCode::parse("206067").unwrap();
    let order = || OrderId::parse(one).unwrap();
    let fingerprint = Fingerprint([1; 16]);
    let marks = || Marks { reference: Text::parse("00315100000N").ok(), target: None };
    let report = |verdict| {
        let number = bill.open_order().map_or(bill.orders, |(asked, _)| asked.number);
        Command::Report { number, verdict }
    };
    match what {
        "pay" | "pay-accepted" => Command::Authorize {
            marks: marks(),
            channel: Channel::UnionPay,
            payer_id: None,
            payer_name: None,
            card: None,
            tail: None,
            auth: auth(),
        },
        "close" => Command::Close,
        "lapse" => Command::Lapse,
        "expire" => Command::Expire,
        "cancel" => Command::Cancel,
        "complete" => Command::Complete { part: amount(one), fingerprint },
        "capture" => {
            Command::Capture { order: order(), part: amount(two), auth: auth(), fingerprint }
        }
        "reverse" => Command::Reverse { capture: order(), auth: auth() },
        "release" => Command::Release { hold: bill.key.payment_leg(), auth: auth() },
        "refund" => {
            let from = (!three.is_empty()).then(|| shares(three));
            Command::Refund { order: order(), part: amount(two), from, fingerprint }
        }
        "divide" => Command::Divide { shares: shares(one) },
        "approve" => report(Verdict::Approved { marks: marks(), restored: true }),
        "end" => report(Verdict::Approved { marks: marks(), restored: false }),
        "refuse" => report(Verdict::Refused { reason: Text::parse("no").unwrap() }),
        other => panic!("no such step: {other}"),
    }
}

/// `10+M2:40+M2/SUB001:50`: the platform's share, if it has one, and those of others.
fn shares(text: &str) -> Arc<Shares> {
    let (mut platform, mut subs) = (None, vec![]);
    for part in text.split('+') {
        match part.split_once(':') {
            None => platform = Some(amount(part)),
            Some((who, fen)) => {
                let (mid, order) = who.split_once('/').unwrap_or((who, ""));
                let order = OrderId::parse(order).ok();
                subs.push(Share { mid: Mid::parse(mid).unwrap(), order, amount: amount(fen) });
            }
        }
    }
    Arc::new(Shares::of(platform, subs).unwrap())
}

fn amount(fen: &str) -> Amount {
    Amount::from_fen(fen.parse().unwrap()).unwrap()
}

fn key(name: &str) -> BillKey {
    let (mid, no) = name.split_once('/').unwrap();
    BillKey {
        mid: Mid::parse(mid).unwrap(),
        no: BillNo::parse(no).unwrap(),
        date: day("2026-11-22"),
    }
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// `HH:MM`, and if need be seconds and milliseconds.
pub(crate) fn moment(day: &str, time: &str) -> Moment {
    let mut parts = time.split([':', '.']).map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap_or_default();
    let ms = ((next() * 60 + next()) * 60 + next()) * 1_000 + next();
    Day::parse(day).unwrap().starts_at().plus_ms(ms)
}

/// The statement's JSON; the digest is checked.
async fn json(store: &dyn Store, mid: &str, day: Day) -> String {
    let mut json = Json::new(vec![]);
    let writer = |part: Part<'_>| json.write(part);
    let writers = BTreeMap::from([(Mid::parse(mid).unwrap(), writer)]);
    let made = make(store, day, true, writers, |_| ()).await.unwrap();
    let text = String::from_utf8(json.into_inner()).unwrap();
    let (canonical, last) = text.trim_end().rsplit_once('\n').unwrap();
    let digest = hex(&Sha256::digest(format!("{canonical}\n")));
    assert_eq!(last, format!(",\"digest\":\"{digest}\"}}"));
    assert_eq!(made[0].digest, digest);
    text
}

async fn csv(store: &dyn Store, mid: &str, day: Day) -> String {
    let mut csv = Csv::new(vec![]);
    let writer = |part: Part<'_>| csv.write(part);
    let writers = BTreeMap::from([(Mid::parse(mid).unwrap(), writer)]);
    make(store, day, true, writers, |_| ()).await.unwrap();
    String::from_utf8(csv.into_inner()).unwrap()
}
