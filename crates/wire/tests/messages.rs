//! Requests and answers as they travel.

use holdfast_domain::{Amount, Day, Moment};
use holdfast_wire::{
    code::Code,
    envelope,
    field::{BillStatus, Fen, Note, TargetSys, TradeStatus},
    json::Object,
    message::{
        BillsRequest as _, Endpoint, FieldSpec, Message, NoAnswer, list, list_zh, read_answer,
    },
    messages::{
        Answered, BillPayment, CloseQrcode, ENDPOINTS, Echo, Events, Failure, GetQrcode,
        PreauthCancel, Preauthed, PreauthedCancel, PreauthedCancelled, Preview, Query,
        QueryLastQrcode, QueryQrcodeInfo, Refund, Request, SecureCancel, SecureComplete,
        SubOrdersConfirm, Timeline, TokenAccess, TrialNotice, UpdateQrcode,
    },
    time,
};

const COMMON: &str = r#""requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678","tid":"88880001","instMid":"QRPAYDEFAULT""#;

/// A request of the bills family: the common fields and these.
fn body(fields: &str) -> String {
    format!("{{{COMMON},{fields}}}")
}

/// The faults of a request, one a line.
fn faults(path: &str, body: &str) -> Vec<String> {
    let object = Object::parse(body.as_bytes()).unwrap();
    match Request::decode(path, &object).unwrap() {
        Ok(_) => vec![],
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

/// The request as we would write it, of the fields behind the common ones.
fn rewritten(name: &str, fields: &str) -> String {
    let body = body(fields);
    let object = Object::parse(body.as_bytes()).unwrap();
    let path = format!("/v1/netpay/bills/{name}");
    let request = Request::decode(&path, &object)
        .unwrap()
        .unwrap_or_else(|faults| panic!("{}", list(&faults)));
    let again = String::from_utf8(request.encode()).unwrap();
    again.strip_prefix(&format!("{{{COMMON},")).unwrap().strip_suffix('}').unwrap().to_owned()
}

#[test]
fn every_field_of_every_endpoint_survives_a_round_trip() {
    fn examples(fields: &[FieldSpec]) -> Vec<(&str, &str)> {
        let required = fields.iter().filter(|field| field.required);
        for field in required {
            assert!(field.example.is_some(), "{} is required and has no example", field.name);
        }
        fields.iter().filter_map(|field| Some((field.name, field.example?))).collect()
    }
    fn check<M: Message + PartialEq + std::fmt::Debug>() {
        let given = Object::of_texts(examples(M::FIELDS)).unwrap();
        let message = M::decode(&given).unwrap_or_else(|faults| panic!("{}", list(&faults)));
        let written = message.encode();
        let object = Object::parse(&written).unwrap();
        assert_eq!(M::decode(&object).as_ref(), Ok(&message));
        // Nothing that was given is lost, and nothing is added.
        let names: Vec<&str> = object.fields().map(|(name, _)| name).collect();
        let given: Vec<&str> = given.fields().map(|(name, _)| name).collect();
        assert_eq!(names, given);
    }
    fn both<E: Endpoint + PartialEq + std::fmt::Debug>() -> &'static str
    where
        E::Response: PartialEq + std::fmt::Debug,
    {
        check::<E>();
        check::<E::Response>();
        E::NAME
    }
    let checked = [
        both::<GetQrcode>(),
        both::<UpdateQrcode>(),
        both::<CloseQrcode>(),
        both::<QueryQrcodeInfo>(),
        both::<QueryLastQrcode>(),
        both::<Query>(),
        both::<Preauthed>(),
        both::<PreauthCancel>(),
        both::<PreauthedCancel>(),
        both::<Refund>(),
        both::<SecureComplete>(),
        both::<SecureCancel>(),
        both::<SubOrdersConfirm>(),
        both::<Events>(),
        both::<TrialNotice>(),
        both::<Preview>(),
        both::<Timeline>(),
        both::<TokenAccess>(),
    ];
    let listed: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
    assert_eq!(checked.as_slice(), listed);
    check::<Failure>();
    check::<BillPayment>();
}

#[test]
fn all_faults_of_a_request_are_told_at_once() {
    // The sample of the official page: required fields that are there but blank.
    let seed = body(
        r#""billNo":"","billDate":"","merOrderId":"327M22061819820261705544110","authIdRespCd":"","msgId":"","srcReserve":"""#,
    );
    assert_eq!(
        faults("/v1/netpay/bills/preauthed-cancel", &seed),
        [
            "billNo is missing (6 to 31 characters: letters, digits, - _ .)",
            "billDate is missing (a date as yyyy-MM-dd)",
            "authIdRespCd is missing (1 to 64 characters: letters, digits, - _ .)",
        ]
    );
    let wrong = r#"{"requestTimestamp":"21.04.2022","mid":898201612345678,"instMid":"H5DEFAULT",
        "billNo":"12345","billDate":"2022-02-30","goods":[{"price":"1"},{"subOrderAmount":0}, 7],
        "subOrders":"[{\"mid\":\"a b\"}]","notifyUrl":"shop.example","divisionFlag":"yes",
        "name":"张三","installmentNumber":4,"totalAmount":1.5}"#;
    assert_eq!(
        faults("/v1/netpay/bills/get-qrcode", wrong),
        [
            "requestTimestamp must be a Beijing time as yyyy-MM-dd HH:mm:ss",
            "mid must be 1 to 32 characters: letters, digits, - _ .",
            "tid is missing (1 to 32 characters: letters, digits, - _ .)",
            "instMid must be QRPAYDEFAULT",
            "billNo must be 6 to 31 characters: letters, digits, - _ .",
            "billDate must be a date as yyyy-MM-dd",
            "totalAmount must be a whole number of fen from 1 to 100000000",
            "divisionFlag must be true or false",
            "goods[1].subOrderAmount must be a whole number of fen from 1 to 100000000",
            "goods[2] must be a JSON object",
            "subOrders[0].mid must be 1 to 32 characters: letters, digits, - _ .",
            "subOrders[0].totalAmount is missing (a whole number of fen from 1 to 100000000)",
            "notifyUrl must be an http or https address of up to 1024 characters",
            "name must be Base64 text of up to 32 characters",
            "installmentNumber must be one of 3, 6, 12",
        ]
    );
}

#[test]
fn all_faults_fit_into_one_error_text_in_both_languages() {
    let object = Object::parse(b"{}").unwrap();
    let faults = Preauthed::decode(&object).unwrap_err();
    let both = format!("{} | {}", list_zh(&faults), list(&faults));
    assert!(both.chars().count() + 32 <= Note::MAX, "{both}");
    for fault in &faults {
        assert!(both.contains(&fault.to_string()) && both.contains(&fault.zh()), "{fault}: {both}");
    }
    for text in [list(&faults), list_zh(&faults)] {
        for name in
            ["requestTimestamp", "mid", "tid", "instMid", "billNo", "billDate", "totalAmount"]
        {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
    let one = Query::decode(&Object::parse(body(r#""x":1"#).as_bytes()).unwrap()).unwrap_err();
    assert_eq!(list(&one), "billNo is missing (6 to 32 characters: letters, digits, - _ .)");
    assert_eq!(list_zh(&one), "缺少 billNo（6 到 32 个字符：字母、数字、- _ .）");
}

#[test]
fn what_real_callers_send_is_read_as_what_they_mean() {
    let bill = r#""billNo":"124F2023071912562344830889","billDate":"2023-07-19""#;
    let capture =
        format!(r#"{bill},"authedOrderId":"124F01","authIdRespCd":"206067","totalAmount":1908"#);
    let hold = r#""merOrderId":"124F02","authIdRespCd":"000665""#;
    for (name, sent, meant) in [
        // Amounts as text, with extra fields of many callers (`protocol.md` section 9).
        ("preauthed", capture.replace("1908", "\"1908\""), capture.clone()),
        ("preauthed", capture.replace("1908", "\"0001908\""), capture.clone()),
        (
            "preauthed",
            format!(
                r#"{capture},"sign":"X","msgSrcId":"3194","clientIp":null,"completedAmount":7"#
            ),
            capture.clone(),
        ),
        // Dates with a time behind them, and without hyphens.
        ("preauthed", capture.replace("2023-07-19", "2023-07-19 00:00:00"), capture.clone()),
        ("preauthed", capture.replace("2023-07-19", "20230719"), capture.clone()),
        // The order number under its name of 2020.
        (
            "preauth-cancel",
            format!("{bill},{}", hold.replace("merOrderId", "cancelOrderId")),
            format!("{bill},{hold}"),
        ),
        (
            "preauth-cancel",
            format!(r#"{bill},"merOrderId":" ",{}"#, hold.replace("merOrderId", "cancelOrderId")),
            format!("{bill},{hold}"),
        ),
        // The payment leg's number in the place of the bill's, and no date.
        (
            "query",
            r#""billNo":"12345678901234567890123456789010""#.to_owned(),
            r#""billNo":"12345678901234567890123456789010""#.to_owned(),
        ),
        (
            "query",
            r#""billNo":"124F01","billDate":"""#.to_owned(),
            r#""billNo":"124F01""#.to_owned(),
        ),
        (
            "refund",
            format!(r#"{bill},"refundAmount":"900""#),
            format!(r#"{bill},"refundAmount":900"#),
        ),
        (
            "refund",
            format!(r#"{bill},"refundAmount":900,"subOrders":null"#),
            format!(r#"{bill},"refundAmount":900"#),
        ),
        // The number of the payment in the place of the bill's, and shares as text.
        (
            "refund",
            format!(
                r#"{},"refundAmount":900,"platformAmount":"0","refundDesc":"退房","subOrders":"[{{\"mid\":\"898201612345679\",\"merOrderId\":\"124F03\",\"refundOrderId\":\"124F04\",\"totalAmount\":\"900\"}}]""#,
                bill.replace("billNo", "merOrderId")
            ),
            r#""billDate":"2023-07-19","merOrderId":"124F2023071912562344830889","refundAmount":900,"platformAmount":0,"subOrders":[{"mid":"898201612345679","merOrderId":"124F03","refundOrderId":"124F04","totalAmount":900}],"refundDesc":"退房""#
                .to_owned(),
        ),
        (
            "update-qrcode",
            format!(r#"{bill},"billStatus":"UNPAID","totalAmount":"7","qrCodeId":"31942304""#),
            format!(r#""qrCodeId":"31942304",{bill},"totalAmount":7,"billStatus":"UNPAID""#),
        ),
        (
            "secure-complete",
            r#""merOrderId":"124F02","completedAmount":"1908""#.to_owned(),
            r#""merOrderId":"124F02","completedAmount":1908"#.to_owned(),
        ),
        // A bill's number instead of the code's.
        ("close-qrcode", bill.to_owned(), bill.to_owned()),
        (
            "close-qrcode",
            r#""qrCodeId":"31942304","attachRefund":"true""#.to_owned(),
            r#""qrCodeId":"31942304","attachRefund":true"#.to_owned(),
        ),
        // Flags of both kinds, either way.
        (
            "get-qrcode",
            r#""preauthTransaction":true,"divisionFlag":"false""#.to_owned(),
            r#""preauthTransaction":"true","divisionFlag":false"#.to_owned(),
        ),
        // Lists as text, and nothing at all. What goods are made of is text, but not the share.
        (
            "get-qrcode",
            r#""goods":"[{\"body\":\"微信二维码测试\",\"price\":\"1\",\"goodsName\":\"微信二维码测试\",\"goodsId\":\"1\",\"quantity\":\"1\",\"goodsCategory\":\"TEST\",\"subMerchantId\":\"\"}]","subOrders":"""#.to_owned(),
            r#""goods":[{"goodsId":"1","goodsName":"微信二维码测试","quantity":"1","price":"1","goodsCategory":"TEST","body":"微信二维码测试"}]"#.to_owned(),
        ),
        (
            "get-qrcode",
            r#""goods":[{"subMerchantId":"898201612345679","merOrderId":"124F03","subOrderAmount":"1","price":1}],"subOrders":"[{\"mid\":\"898201612345679\",\"totalAmount\":\"1\"}]""#.to_owned(),
            r#""goods":[{"price":"1","subMerchantId":"898201612345679","merOrderId":"124F03","subOrderAmount":1}],"subOrders":[{"mid":"898201612345679","totalAmount":1}]"#.to_owned(),
        ),
        ("get-qrcode", r#""goods":null,"subOrders":[]"#.to_owned(), r#""subOrders":[]"#.to_owned()),
        (
            "get-qrcode",
            r#""goods":"[{\"goodsId\":\"1\",\"price\":1}]","subOrders":null"#.to_owned(),
            r#""goods":[{"goodsId":"1","price":"1"}]"#.to_owned(),
        ),
        (
            "get-qrcode",
            r#""retCommParams":"{\"foodOrderType\":\"pre_order\"}","installmentNumber":"12""#
                .to_owned(),
            r#""installmentNumber":12,"retCommParams":{"foodOrderType":"pre_order"}"#.to_owned(),
        ),
        (
            "get-qrcode",
            r#""billDesc":"\u62bc\u91d1 \"1\"\/\\","subMchntInfo":{"a":[1]}"#.to_owned(),
            r#""billDesc":"押金 \"1\"/\\""#.to_owned(),
        ),
    ] {
        assert_eq!(rewritten(name, &sent), meant, "{sent}");
    }
}

#[test]
fn a_request_time_is_read_in_both_forms() {
    let other = body(r#""billNo":"124F01""#).replace("2022-04-21 15:00:52", "20220421150052");
    let object = Object::parse(other.as_bytes()).unwrap();
    let request = Request::decode("/v1/netpay/bills/query", &object).unwrap().unwrap();
    assert_eq!(time::show(request.caller().at), "2022-04-21 15:00:52");
}

#[test]
fn an_amount_is_whole_fen_and_nothing_else() {
    let refused = [
        "0",
        "-1",
        "1.0",
        "1e2",
        "100000001",
        "18446744073709551616",
        "true",
        "[]",
        "{}",
        "\"0\"",
        "\"-1\"",
        "\"+1\"",
        "\"1.00\"",
        "\"1e2\"",
        "\" 1\"",
        "\"1 \"",
        "\"１\"",
        "\"0x1\"",
        "\"0000000000001\"",
        "\"1,000\"",
    ];
    for amount in refused {
        let sent =
            body(&format!(r#""billNo":"124F01","billDate":"2023-07-19","refundAmount":{amount}"#));
        assert_eq!(
            faults("/v1/netpay/bills/refund", &sent),
            ["refundAmount must be a whole number of fen from 1 to 100000000"],
            "{amount}"
        );
    }
}

#[test]
fn lists_end_at_their_bound() {
    let shares = r#"{"mid":"898201612345679","totalAmount":1}"#;
    let rest = r#""billNo":"124F01","billDate":"2023-07-19","merOrderId":"124F02","refundAmount":1,"qrCodeId":"7""#;
    for (path, name, item) in [
        ("/v1/netpay/bills/get-qrcode", "goods", "{}"),
        ("/v1/netpay/bills/get-qrcode", "subOrders", shares),
        ("/v1/netpay/bills/update-qrcode", "goods", "{}"),
        ("/v1/netpay/bills/refund", "subOrders", shares),
        ("/v1/netpay/sub-orders-confirm", "goods", "{}"),
        ("/v1/netpay/sub-orders-confirm", "subOrders", shares),
    ] {
        let told = |count: usize| {
            let list = format!("[{}]", vec![item; count].join(","));
            let text = format!("\"{}\"", list.replace('"', "\\\""));
            let [list, text] =
                [list, text].map(|list| faults(path, &body(&format!(r#"{rest},"{name}":{list}"#))));
            assert_eq!(list, text, "{path} {name}");
            list
        };
        assert!(told(20).is_empty(), "{path} {name}");
        assert_eq!(told(21), [format!("{name} must be a list of up to 20 JSON objects")], "{path}");
    }
}

#[test]
fn every_path_finds_its_endpoint_and_no_other_does() {
    let object = Object::parse(b"{}").unwrap();
    for endpoint in ENDPOINTS {
        for path in [&[endpoint.path], endpoint.aliases].concat() {
            let others = ENDPOINTS.iter().filter(|other| other.serves(path)).count();
            assert_eq!(others, 1, "{path}");
            // The token exchange lies beside the family: it is answered before anybody is known.
            assert_eq!(
                Request::decode(path, &object).is_some(),
                endpoint.name != "token",
                "{path}"
            );
        }
    }
    for path in
        ["", "/", "/v1/netpay/bills/", "/v1/netpay/bills/preauthed-cancel/", "/v1/netpay/preauthed"]
    {
        assert_eq!(Request::decode(path, &object), None, "{path}");
    }
    let alias = Request::decode("/v1/netpay/preauth-cancel", &object);
    assert!(matches!(alias, Some(Err(_))));
}

#[test]
fn a_repeat_has_the_fingerprint_of_the_first_however_it_is_spelled() {
    let first = body(
        r#""billNo":"124F01","billDate":"2023-07-19","authedOrderId":"124F02","authIdRespCd":"206067","totalAmount":1908"#,
    );
    let fingerprint = |body: &str| {
        let object = Object::parse(body.as_bytes()).unwrap();
        let request = Request::decode("/v1/netpay/bills/preauthed", &object).unwrap().unwrap();
        let Request::Preauthed(preauthed) = &request else { panic!("another request") };
        assert_eq!(preauthed.fingerprint(), request.fingerprint());
        request.fingerprint()
    };
    for (same, sent) in [
        (true, first.replace("1908", "\"1908\"")),
        (true, first.replace("2022-04-21 15:00:52", "20220421150059")),
        (true, first.replace("2023-07-19", "20230719")),
        (true, first.replace("206067", "206068")),
        (true, first.replace("{", r#"{"msgId":"7","srcReserve":"x","sign":"y","authedDesc":"","#)),
        (false, first.replace("1908", "1909")),
        (false, first.replace("124F02", "124F03")),
        (false, first.replace("88880001", "88880002")),
        (false, first.replace("{", r#"{"authedDesc":"why","#)),
    ] {
        assert_eq!(fingerprint(&sent) == fingerprint(&first), same, "{sent}");
    }
}

/// Fingerprints are stored for ever, so they may not change from release to release.
#[test]
fn a_fingerprint_never_changes() {
    for (path, fields, digits) in [
        (
            "/v1/netpay/bills/preauthed",
            r#""billNo":"124F01","billDate":"2023-07-19","authedOrderId":"124F02","authIdRespCd":"206067","totalAmount":1908"#,
            "80c1523e91cbc26ea0fa1144fd6c55c4",
        ),
        (
            "/v1/netpay/bills/get-qrcode",
            r#""billNo":"124F01","billDate":"2023-07-19","billDesc":"x","totalAmount":1908,"preauthTransaction":"true","secureTransaction":"false","divisionFlag":false,"platformAmount":0,"goods":[{"goodsId":"1"}],"memberId":"m","counterNo":"c","notifyUrl":"https://a.example","returnUrl":"https://b.example","systemId":"s","walletOption":"SINGLE","fixBuyer":"T","limitCreditCard":"false","installmentNumber":3"#,
            "69c057574adf4a339692976209d6c79e",
        ),
        (
            "/v1/netpay/bills/refund",
            r#""billNo":"124F01","billDate":"2023-07-19","refundOrderId":"124F03","refundAmount":900,"refundDesc":"x""#,
            "5a96ed5e7045fde3bd411e20ae792215",
        ),
        (
            "/v1/netpay/bills/update-qrcode",
            r#""qrCodeId":"c1","billNo":"124F01","billDate":"2023-07-19","totalAmount":1908,"billStatus":"UNPAID""#,
            "47b49ade11ca6064dc158cb9182b305e",
        ),
        (
            "/v1/netpay/bills/close-qrcode",
            r#""qrCodeId":"c1","systemId":"s","attachRefund":true"#,
            "4e43d7282e7543249717cf8bd68b2121",
        ),
    ] {
        let sent = body(fields);
        let object = Object::parse(sent.as_bytes()).unwrap();
        let request = Request::decode(path, &object).unwrap().unwrap();
        let fingerprint = request.fingerprint().0;
        let told: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told, digits, "{path}");
    }
}

/// An answer to the request of the official page.
fn reversal() -> (PreauthedCancel, PreauthedCancelled) {
    let sent = body(
        r#""msgId":"7","billNo":"124F01","billDate":"2022-04-21","merOrderId":"327M22061819820261705544110","authIdRespCd":"206067""#,
    );
    let request = PreauthedCancel::decode(&Object::parse(sent.as_bytes()).unwrap()).unwrap();
    let at = time::parse("2022-04-21 15:00:53").unwrap();
    let answer = PreauthedCancelled {
        answered: Answered::to(&request.common, at, Note::new("预授权完成撤销成功")),
        bill_payment: BillPayment {
            mer_order_id: Some(request.mer_order_id.clone()),
            total_amount: Some(Fen::from(Amount::from_fen(1908).unwrap())),
            discount_amount: Some(Fen::ZERO),
            pay_time: Some(at),
            settle_date: Some(at.day()),
            status: Some(TradeStatus::TradeClosed),
            target_sys: Some(TargetSys::Acp),
            ..BillPayment::UNKNOWN
        },
        echo: Echo::of(&request.common),
        bill_no: Some(request.bill_no.clone()),
        bill_date: Some(request.bill_date),
        inst_mid: Some(request.common.inst_mid),
        bill_qr_code: None,
        bill_status: Some(BillStatus::Paid),
        card_attr: None,
    };
    (request, answer)
}

#[test]
fn the_reversal_of_a_capture_is_answered_as_the_official_page_prints_it() {
    let names: Vec<&str> = PreauthedCancelled::FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(
        names,
        [
            "errCode",
            "errMsg",
            "responseTimestamp",
            "mid",
            "tid",
            "billPayment",
            "msgId",
            "srcReserve",
            "billNo",
            "billDate",
            "instMid",
            "billQRCode",
            "billStatus",
            "cardAttr",
        ]
    );
    let names = BillPayment::FIELDS.iter().map(|field| field.name);
    let names: Vec<&str> = names.filter(|name| *name != "couponAmount").collect();
    assert_eq!(
        names,
        [
            "merOrderId",
            "billBizType",
            "paySeqId",
            "totalAmount",
            "buyerPayAmount",
            "invoiceAmount",
            "discountAmount",
            "buyerId",
            "buyerUsername",
            "payDetail",
            "payTime",
            "settleDate",
            "status",
            "targetOrderId",
            "targetSys",
            "activityIds",
        ]
    );
    let (_, answer) = reversal();
    assert_eq!(
        String::from_utf8(answer.encode()).unwrap(),
        concat!(
            r#"{"errCode":"SUCCESS","errMsg":"预授权完成撤销成功","responseTimestamp":"2022-04-21 15:00:53","#,
            r#""mid":"898201612345678","tid":"88880001","billPayment":{"merOrderId":"327M22061819820261705544110","#,
            r#""totalAmount":1908,"discountAmount":0,"payTime":"2022-04-21 15:00:53","settleDate":"2022-04-21","#,
            r#""status":"TRADE_CLOSED","targetSys":"ACP"},"msgId":"7","billNo":"124F01","#,
            r#""billDate":"2022-04-21","instMid":"QRPAYDEFAULT","billStatus":"PAID"}"#,
        )
    );
}

#[test]
fn an_answer_is_read_wrapped_or_not() {
    let (_, answer) = reversal();
    let plain = answer.encode();
    assert_eq!(read_answer::<PreauthedCancel>(&plain), Ok(answer.clone()));
    let wrapped = envelope::seal("SUCCESS", &Note::new("ok \"quoted\""), &plain);
    assert_eq!(read_answer::<PreauthedCancel>(&wrapped), Ok(answer));
    let outside = Object::parse(&wrapped).unwrap();
    let names: Vec<&str> = outside.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["errCode", "errInfo", "resultCode", "resultInfo", "data"]);
}

#[test]
fn an_answer_is_read_generously() {
    let odd = concat!(
        r#"{"errCode":"SUCCESS","responseTimestamp":"2022-04-21 15:00:53","mid":"898201612345678","tid":"1","#,
        r#""billStatus":"HELD","billDate":"yesterday","connectSys":"x","cardAttr":["?"],"#,
        r#""billPayment":{"payTime":"2019-07-18","totalAmount":"1908","targetSys":"Digital Yuan","buyerId":""}}"#,
    );
    let answer = read_answer::<PreauthedCancel>(odd.as_bytes()).unwrap();
    assert_eq!(answer.bill_status.unwrap().as_str(), "HELD");
    assert_eq!((answer.bill_date, answer.card_attr), (None, None));
    let payment = answer.bill_payment;
    assert_eq!((payment.pay_time, payment.buyer_id), (None, None));
    assert_eq!(payment.total_amount.map(Fen::fen), Some(1908));
    assert_eq!(payment.target_sys.unwrap().as_str(), "Digital Yuan");
}

#[test]
fn only_a_whole_answer_is_a_success() {
    let refused = r#"{"errCode":"NO_ORDER","errMsg":"无法找到指定的订单"}"#;
    let gateway = r#"{"errCode":"1000","errInfo":"Timestamp解析失败"}"#;
    for (body, told) in [
        (refused, "NO_ORDER: 无法找到指定的订单"),
        (gateway, "1000: Timestamp解析失败"),
        (r#"{"errCode":"9200"}"#, "9200"),
        ("<html>", "the answer is not JSON at line 1, column 1"),
        (
            r#"{"errMsg":"ok"}"#,
            "the answer is incomplete: errCode is missing (text of up to 64 characters)",
        ),
        (
            r#"{"errCode":"SUCCESS","responseTimestamp":"2022-04-21 15:00:53","mid":"1","tid":"1"}"#,
            "the answer is incomplete: billPayment is missing (a JSON object)",
        ),
    ] {
        let answer = read_answer::<PreauthedCancel>(body.as_bytes()).unwrap_err();
        assert_eq!(answer.to_string(), told, "{body}");
    }
    let Err(NoAnswer::Refused(failure)) = read_answer::<Query>(refused.as_bytes()) else {
        panic!()
    };
    assert_eq!(failure.code(), Some(Code::NoOrder));
}

#[test]
fn a_failure_says_the_same_in_both_fields_and_gives_back_what_was_sent() {
    let (request, _) = reversal();
    let at = time::parse("2022-04-21 15:00:53").unwrap();
    let failure = Failure::new(Code::InvalidMerchantConfig, at, Note::new("a\nb"));
    assert_eq!(
        String::from_utf8(failure.clone().encode()).unwrap(),
        r#"{"errCode":"INVLID_MERCHANT_CONFIG","errMsg":"a b","errInfo":"a b","responseTimestamp":"2022-04-21 15:00:53"}"#
    );
    let told = String::from_utf8(failure.clone().to(&request.common).encode()).unwrap();
    assert!(told.ends_with(r#","mid":"898201612345678","tid":"88880001","msgId":"7"}"#), "{told}");
}

#[test]
fn what_can_be_given_back_is_given_back_to_whoever_sent_what_cannot_be_read() {
    let at = time::parse("2022-04-21 15:00:53").unwrap();
    for (sent, given_back) in [
        (r#"{"mid":"898201612345678","msgId":"7"}"#, r#","mid":"898201612345678","msgId":"7"}"#),
        (
            r#"{"mid":"a b","tid":"88880001","srcReserve":"x"}"#,
            r#","tid":"88880001","srcReserve":"x"}"#,
        ),
        ("{}", r#""responseTimestamp":"2022-04-21 15:00:53"}"#),
    ] {
        let failure = Failure::new(Code::BadRequest, at, Note::new("x"));
        let told = failure.echoing(&Object::parse(sent.as_bytes()).unwrap()).encode();
        let told = String::from_utf8(told).unwrap();
        assert!(told.ends_with(given_back), "{told}");
    }
}

#[test]
fn a_request_that_may_leave_out_terminal_and_business_says_who_asks_all_the_same() {
    let least = r#""requestTimestamp":"2022-04-21 15:00:52","mid":"898201612345678""#;
    let with_tid = format!(r#"{least},"tid":"88880001""#);
    let no_tid = "tid is missing (1 to 32 characters: letters, digits, - _ .)";
    for (path, fields, without_tid) in [
        ("/v1/netpay/bills/query-qrcode-info", r#""qrCodeId":"7""#, None),
        ("/v1/netpay/bills/query-last-qrcode", r#""msgId":"7""#, Some(no_tid)),
        ("/v1/netpay/sub-orders-confirm", r#""merOrderId":"124F02""#, Some(no_tid)),
    ] {
        for (sender, tid) in [(with_tid.as_str(), Some("88880001")), (least, None)] {
            let sent = format!("{{{sender},{fields}}}");
            let object = Object::parse(sent.as_bytes()).unwrap();
            match Request::decode(path, &object).unwrap() {
                Ok(request) => {
                    let caller = request.caller();
                    assert_eq!(caller.mid.as_str(), "898201612345678", "{path}");
                    assert_eq!(caller.tid.map(|tid| tid.as_str()), tid, "{path}");
                    let told = Answered::to(caller, caller.at, Note::new("x"));
                    assert_eq!(told.tid.as_ref(), caller.tid, "{path}");
                }
                Err(faults) => assert_eq!(Some(list(&faults).as_str()), without_tid, "{path}"),
            }
        }
    }
}

#[test]
fn an_envelope_is_told_from_a_request() {
    let inside = body(r#""billNo":"124F01""#);
    let wrapped = format!("{{\"data\":{inside}}}");
    let wrapped = Object::parse(wrapped.as_bytes()).unwrap();
    let inside = Object::parse(inside.as_bytes()).unwrap();
    assert_eq!(envelope::open(&wrapped), Some(&inside));
    assert_eq!(envelope::open(&inside), None);
    let text = Object::of_texts([("data", "{}")]).unwrap();
    assert_eq!(envelope::open(&text), None);
}

#[test]
fn personal_data_does_not_print() {
    let sent = body(r#""name":"5byg5LiJ","mobile":"MTM4MDAwMDAwMDA=","certNo":"MTEwMTAx""#);
    let request = GetQrcode::decode(&Object::parse(sent.as_bytes()).unwrap()).unwrap();
    let printed = format!("{request:?}");
    for secret in ["5byg5LiJ", "MTM4MDAwMDAwMDA=", "MTEwMTAx"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_note_is_one_line_of_bounded_length() {
    assert_eq!(Note::new("a\r\nb").as_str(), "a  b");
    assert_eq!(Note::new(&"押".repeat(Note::MAX)).as_str(), "押".repeat(Note::MAX));
    let long = "押".repeat(Note::MAX + 1);
    assert_eq!(Note::new(&long).as_str(), format!("{}…", "押".repeat(Note::MAX - 1)));
}

#[test]
fn times_are_beijing_times() {
    let epoch = Moment(0);
    assert_eq!(time::show(epoch), "1970-01-01 08:00:00");
    assert_eq!(time::show_stamp(Moment(-1)), "19700101075959");
    for (text, moment) in [
        ("1970-01-01 08:00:00", Some(epoch)),
        ("19700101080000", Some(epoch)),
        (
            "2024-02-29 23:59:59",
            Day::parse("2024-03-01").map(|day| day.starts_at().plus_ms(-1_000)),
        ),
        ("2023-02-29 00:00:00", None),
        ("2024-01-01 24:00:00", None),
        ("2024-01-01 00:60:00", None),
        ("2024-01-01 00:00:60", None),
        ("2024-01-01 0:00:00", None),
        ("2024-01-01T00:00:00", None),
        ("2024-01-01 00:00:00 ", None),
        ("2024-01-01", None),
        ("2024010100000", None),
        ("202401010000000", None),
        ("二〇二四0101", None),
        ("", None),
    ] {
        assert_eq!(time::parse(text), moment, "{text}");
    }
}
