//! The predecessor protocol against the vector of `protocol.md` section 8, and what its signature covers.

use holdfast_wire::{
    legacy::{PATH, Signed, serves},
    message::list,
    messages::{ENDPOINTS, Request},
    secret::NoticeKey,
};

// The example key that the vendor itself published.
const KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";

/// The official example: what is signed, and the signatures that were published with it.
const TEXT: &str = r#"billDate=2017-06-26&billNo=31940000201700002&goods=[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]&instMid=QRPAYDEFAULT&mid=898340149000005&msgSrc=WWW.TEST.COM&msgType=bills.getQRCode&requestTimestamp=2017-06-26 17:28:02&tid=88880001&totalAmount=1&walletOption=SINGLE"#;
const MD5: &str = "57F81BAF8E3BAE1190B26D6C733038AF";
const SHA256: &str = "a9eced8dd8425d1fc4047cf94e672c69ed1073557ee831c51287341cfab0b21f";

const GOODS: &str = r#"[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]"#;

fn key() -> NoticeKey {
    NoticeKey::parse(KEY).unwrap()
}

/// The official example as a body, with its goods in this form and these fields behind it.
fn body(goods: &str, more: &str) -> String {
    format!(
        r#"{{"msgSrc":"WWW.TEST.COM","msgType":"bills.getQRCode","requestTimestamp":"2017-06-26 17:28:02","mid":"898340149000005","tid":"88880001","instMid":"QRPAYDEFAULT","billNo":"31940000201700002","billDate":"2017-06-26","totalAmount":"1","goods":{goods},"walletOption":"SINGLE"{more}}}"#
    )
}

/// The goods as JSON text inside a string.
fn as_text() -> String {
    format!("\"{}\"", GOODS.replace('"', "\\\""))
}

#[test]
fn the_official_example_is_signed_and_taken_as_published() {
    for goods in [GOODS.to_owned(), as_text()] {
        let bare = body(&goods, "");
        let bare = Signed::parse(bare.as_bytes()).unwrap();
        assert_eq!(bare.text_to_sign(), TEXT);
        assert_eq!(bare.sign(&key()), MD5);
        assert!(!bare.is_signed_with(&key()), "there is no signature");
        let named = body(&goods, r#","signType":"SHA256""#);
        let named = Signed::parse(named.as_bytes()).unwrap().sign(&key());
        for (sign_type, sign) in [
            ("", MD5),
            ("", &MD5.to_lowercase()),
            ("", SHA256),
            ("", &SHA256.to_uppercase()),
            // The digest named, with its name signed and without.
            (r#","signType":"SHA256""#, &named),
            (r#","signType":"SHA256""#, SHA256),
        ] {
            let sent = body(&goods, &format!(r#"{sign_type},"sign":"{sign}""#));
            let signed = Signed::parse(sent.as_bytes()).unwrap();
            assert!(signed.is_signed_with(&key()), "{sent}");
            let another = NoticeKey::parse("another key").unwrap();
            assert!(!signed.is_signed_with(&another), "{sent}");
            let endpoint = signed.endpoint().unwrap();
            assert_eq!(endpoint.name, "get-qrcode");
            let request = Request::decode(endpoint.path, &signed.object).unwrap();
            let request = request.unwrap_or_else(|faults| panic!("{}", list(&faults)));
            assert_eq!(request.caller().mid.as_str(), "898340149000005");
        }
    }
}

#[test]
fn whatever_is_changed_changes_the_signature() {
    for (changed, to) in [
        ("31940000201700002", "31940000201700003"),
        (r#""totalAmount":"1""#, r#""totalAmount":"10""#),
        (r#""price":"1""#, r#""price":"2""#),
        // A list is covered as it was written, spaces included.
        (r#"[{"body""#, r#"[ {"body""#),
        ("bills.getQRCode", "bills.query"),
        (r#","sign":"#, r#","memo":"x","sign":"#),
        (r#","sign":"#, r#","signType":"MD5","sign":"#),
        (r#","sign":"57"#, r#","sign":"58"#),
        (r#","sign":"57"#, r#","sign":"7"#),
        (r#","sign":"#, r#","notsign":"#),
    ] {
        let sent = body(GOODS, &format!(r#","sign":"{MD5}""#));
        assert!(Signed::parse(sent.as_bytes()).unwrap().is_signed_with(&key()));
        let sent = sent.replace(changed, to);
        assert!(!Signed::parse(sent.as_bytes()).unwrap().is_signed_with(&key()), "{sent}");
    }
}

#[test]
fn values_are_signed_as_they_were_written_and_texts_as_they_are_meant() {
    for (sent, signed) in [
        (r#"{"b":1,"a":1.50,"c":1e2,"d":-0}"#, "a=1.50&b=1&c=1e2&d=-0"),
        (r#"{"a":true,"b":false,"c":null,"d":"","e":" "}"#, "a=true&b=false&e= "),
        (r#"{ "a" : [ 1, {"x" : "\u62bc"} ] , "B":{ } }"#, r#"B={ }&a=[ 1, {"x" : "\u62bc"} ]"#),
        (r#"{"a":"\u62bc\/\"","sign":"x","signType":"MD5"}"#, r#"a=押/"&signType=MD5"#),
        (r#"{"\u0061":[]}"#, "a=[]"),
        ("{}", ""),
    ] {
        assert_eq!(Signed::parse(sent.as_bytes()).unwrap().text_to_sign(), signed, "{sent}");
    }
    assert!(Signed::parse(br#"{"a":1,"a":1}"#).is_err(), "which of them was signed?");
}

/// Messages that are signed alike are not both taken: what could hide a field of another one is found.
#[test]
fn no_field_can_be_hidden_in_another_one() {
    let honest = r#"{"msgType":"bills.refund","billNo":"B1","refundAmount":"1","refundDesc":"x","refundOrderId":"R1","requestTimestamp":"t","tid":"1"}"#;
    let text = |sent: &str| Signed::parse(sent.as_bytes()).unwrap().text_to_sign();
    for (from, to, field) in [
        (r#""x","refundOrderId":"R1""#, r#""x&refundOrderId=R1""#, Some("refundDesc")),
        (
            r#""x","refundOrderId":"R1","requestTimestamp":"t""#,
            r#""x&refundOrderId=R1&requestTimestamp=t""#,
            Some("refundDesc"),
        ),
        (
            r#""refundDesc":"x","refundOrderId":"R1""#,
            r#""refundDesc=x&refundOrderId":"R1""#,
            Some("refundDesc=x&refundOrderId"),
        ),
        (r#""tid":"1""#, r#""tid":1"#, None),
        ("", "", None),
    ] {
        let sent = honest.replace(from, to);
        assert_eq!(text(&sent), text(honest));
        assert_eq!(Signed::parse(sent.as_bytes()).unwrap().ambiguous(), field, "{sent}");
    }
    let typed =
        |value: &str| format!(r#"{{"msgType":"bills.refund","signType":"{value}","tid":"1"}}"#);
    for (sent, field) in [
        (typed("MD5&subOrders=[]"), Some("signType")),
        (typed("MD5"), None),
        // What would stand elsewhere in the text, what is no field, and addresses with a query are what they seem.
        (r#"{"msgType":"bills.refund","refundDesc":"&billNo=B1&tid=1&x=1","tid":"1"}"#.to_owned(), None),
        (
            r#"{"msgType":"bills.getQRCode","notifyUrl":"https://a.example/?a=1&b=2&mid=3","tid":"1"}"#
                .to_owned(),
            None,
        ),
        (
            r#"{"msgType":"bills.getQRCode","notifyUrl":"https://a.example/?a=1&preauthTransaction=true","tid":"1"}"#
                .to_owned(),
            Some("notifyUrl"),
        ),
        (r#"{"msgType":"nobody's","refundDesc":"&refundOrderId=1"}"#.to_owned(), None),
    ] {
        assert_eq!(Signed::parse(sent.as_bytes()).unwrap().ambiguous(), field, "{sent}");
    }
}

#[test]
fn an_answer_says_whom_it_answers_and_is_signed_like_the_request() {
    let plain = r#"{"errCode":"SUCCESS","totalAmount":1908,"billPayment":{"totalAmount":1908},"msgId":"押"}"#;
    let named = r#","signType":"SHA256""#;
    for (more, sign_type, digits) in [
        (format!(r#","sign":"{MD5}""#), "", 32),
        (format!(r#","signType":"MD5","sign":"{MD5}""#), "", 32),
        (format!(r#","sign":"{SHA256}""#), named, 64),
        (format!(r#"{named},"sign":"{SHA256}""#), named, 64),
    ] {
        let request = body(GOODS, &more);
        let request = Signed::parse(request.as_bytes()).unwrap();
        let unsigned = String::from_utf8(request.answer_unsigned(plain.as_bytes())).unwrap();
        let begins = plain.strip_suffix('}').unwrap();
        let addressed = format!(r#"{begins},"msgType":"bills.getQRCode","msgSrc":"WWW.TEST.COM""#);
        assert_eq!(unsigned, format!("{addressed}}}"));
        let answer = String::from_utf8(request.answer(plain.as_bytes(), &key())).unwrap();
        let sign = answer.strip_prefix(&format!(r#"{addressed}{sign_type},"sign":""#)).unwrap();
        let sign = sign.strip_suffix("\"}").unwrap();
        assert_eq!((sign.len(), sign), (digits, sign.to_uppercase().as_str()));
        assert!(Signed::parse(answer.as_bytes()).unwrap().is_signed_with(&key()), "{answer}");
        let changed = answer.replace("1908}", "1909}");
        assert!(!Signed::parse(changed.as_bytes()).unwrap().is_signed_with(&key()), "{changed}");
    }
}

#[test]
fn every_type_of_message_finds_its_endpoint() {
    // Those that sources attest (`protocol.md` section 1.2).
    let attested = [
        ("bills.getQRCode", "get-qrcode"),
        ("bills.updateQRCode", "update-qrcode"),
        ("bills.closeQRCode", "close-qrcode"),
        ("bills.queryQRCodeInfo", "query-qrcode-info"),
        ("bills.queryLastQRCode", "query-last-qrcode"),
        ("bills.query", "query"),
        ("bills.preauthed", "preauthed"),
        ("bills.refund", "refund"),
        ("secureComplete", "secure-complete"),
        ("secureCancel", "secure-cancel"),
    ];
    let declared =
        ENDPOINTS.iter().filter_map(|endpoint| Some((endpoint.msg_type?, endpoint.name)));
    assert_eq!(declared.collect::<Vec<_>>(), attested);
    for (msg_type, found) in attested
        .map(|(msg_type, name)| (msg_type, Some(name)))
        .into_iter()
        .chain([("bills.getQrCode", None), ("get-qrcode", None), ("", None)])
    {
        let sent = format!(r#"{{"msgType":"{msg_type}"}}"#);
        let signed = Signed::parse(sent.as_bytes()).unwrap();
        assert_eq!(signed.endpoint().map(|endpoint| endpoint.name), found, "{msg_type}");
    }
}

#[test]
fn the_address_may_end_in_a_slash() {
    assert!(serves(PATH) && serves("/netpay-route-server/api"));
    for other in
        ["/netpay-route-server/api//", "/netpay-route-server/ap", "/netpay-route-server/api/x", ""]
    {
        assert!(!serves(other), "{other}");
    }
}
