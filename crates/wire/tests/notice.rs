//! Notices against the vectors of `protocol.md` section 8, and against receivers that are known to exist.

use holdfast_domain::{Amount, AuthCode, BillNo, Day, Mid, Moment, OrderId, Text, Tid};
use holdfast_wire::{
    field::{BillStatus, CardAttr, Fen, InstMid, SignType, TargetSys, TradeStatus, Url, Version},
    message::Message as _,
    messages::{BillPayment, ExtraBuyerInfo, Notice},
    notice::{
        NoticeFault, Pairs, form, random_pair, read, read_form, return_address, sign, signed,
        signed_text, verify,
    },
    secret::NoticeKey,
};
use md5::{Digest as _, Md5};
use sha2::Sha256;

// The example key that the vendor itself published.
const KEY: &str = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR";

const ORDER: &str = r#"billDate=2017-06-26&billNo=31940000201700002&goods=[{"body":"微信二维码测试","price":"1","goodsName":"微信二维码测试","goodsId":"1","quantity":"1","goodsCategory":"TEST"}]&instMid=QRPAYDEFAULT&mid=898340149000005&msgSrc=WWW.TEST.COM&msgType=bills.getQRCode&requestTimestamp=2017-06-26 17:28:02&tid=88880001&totalAmount=1&walletOption=SINGLE"#;

const HOLD: &str = r#"authIdRespCd=206067&billDate=2023-04-01&billNo=3194202304010900000001234567&billPayment={"merOrderId":"31942023040109000000012345670","totalAmount":1908,"status":"TRADE_SUCCESS","targetSys":"ACP"}&billQRCode=https://qr-test2.chinaums.com/bills/qrCode.do?id=31942304010900000000000001&billStatus=PAID&createTime=2023-04-01 09:00:00&gY=Snwz&instMid=QRPAYDEFAULT&mid=898340149000005&notifyId=911b4376-bf8a-4dc5-a058-459607a6929f&seqId=00151100146N&tid=88880001&totalAmount=1908"#;

fn key() -> NoticeKey {
    NoticeKey::parse(KEY).unwrap()
}

/// The pairs of a sorted text, last first.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    text.split('&').rev().map(|pair| pair.split_once('=').unwrap()).collect()
}

/// The pairs with something added.
fn with<'a>(text: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [pairs(text), more.to_vec()].concat()
}

#[test]
fn notices_are_signed_as_published() {
    let sha256 = [("signType", "SHA256")];
    for (name, pairs, signature) in [
        ("V5", with(ORDER, &[]), "57F81BAF8E3BAE1190B26D6C733038AF"),
        ("V10", with(HOLD, &[]), "A90D037722DF7B6B728A724C43A3B6CB"),
        (
            "V10 with SHA-256",
            with(HOLD, &sha256),
            "04B7BA43C2A2D6C3B36D885FB057487CC984562D5C6D8120BA1785BD05F6307E",
        ),
    ] {
        assert_eq!(sign(&key(), pairs.clone()), signature, "{name}");
        for signature in [signature.to_owned(), signature.to_ascii_lowercase()] {
            let signed = [pairs.clone(), vec![("sign", signature.as_str())]].concat();
            assert!(verify(&key(), signed), "{name} {signature}");
        }
    }
}

#[test]
fn pairs_without_a_value_and_the_signature_are_not_signed() {
    let more = [("sign", "CAFE"), ("memo", "")];
    assert_eq!(signed_text(with(ORDER, &more)), ORDER);
    assert_eq!(signed_text([("a", "1"), ("B", "2"), ("C", " ")]), "B=2&C= &a=1");
}

#[test]
fn a_changed_notice_is_refused() {
    let right = ("sign", "A90D037722DF7B6B728A724C43A3B6CB");
    for (name, pairs) in [
        ("no signature", with(HOLD, &[])),
        ("empty signature", with(HOLD, &[("sign", "")])),
        ("two signatures", with(HOLD, &[right, right])),
        ("another amount", with(&HOLD.replace("1908", "1909"), &[right])),
        ("an added pair", with(HOLD, &[right, ("memo", "x")])),
        ("another digest", with(HOLD, &[right, ("signType", "SHA256")])),
    ] {
        assert!(!verify(&key(), pairs), "{name}");
    }
}

/// A notice of a paid hold whose free texts are whatever a merchant, a payer and a channel may have written.
fn notice(free: &str) -> Notice {
    let payment = BillPayment {
        mer_order_id: OrderId::parse("31942023040109000000012345670").ok(),
        total_amount: Fen::new(1908),
        buyer_username: Text::parse(free).ok(),
        pay_detail: Text::parse(free).ok(),
        status: Some(TradeStatus::TradeSuccess),
        target_sys: Some(TargetSys::Acp),
        ..BillPayment::UNKNOWN
    };
    Notice {
        mid: Mid::parse("898340149000005").ok(),
        tid: Tid::parse("88880001").ok(),
        inst_mid: Some(InstMid::QrPay),
        bill_no: BillNo::parse("3194202304010900000001234567").ok(),
        bill_date: Day::parse("2023-04-01"),
        bill_desc: Text::parse(free).ok(),
        bill_qr_code: Url::parse(
            "https://qr.example/bills/qrCode.do?id=31942304010900000000000001",
        )
        .ok(),
        create_time: Some(Moment(1_680_310_800_000)),
        total_amount: Amount::from_fen(1908).ok(),
        auth_id_resp_cd: AuthCode::parse("206067").ok(),
        bill_payment: Some(payment),
        member_id: Text::parse(free).ok(),
        counter_no: Text::parse(free).ok(),
        mer_name: Text::parse(free).ok(),
        memo: Text::parse(free).ok(),
        src_reserve: Text::parse(free).ok(),
        refund_desc: Text::parse(free).ok(),
        extra_buyer_info: Some(ExtraBuyerInfo { card_attr: Some(CardAttr::Credit) }),
        version: Some(Version(2)),
        ..Notice::new(
            Text::parse("911b4376-bf8a-4dc5-a058-459607a6929f").unwrap(),
            Text::parse("00151100146N").unwrap(),
            BillStatus::Paid,
        )
    }
}

/// The notice with its random pair, signed, as the body that is posted.
fn posted(free: &str, sign_type: SignType) -> String {
    let mut pairs = notice(free).pairs();
    pairs.push(random_pair(2_684_354_561));
    form(&signed(&key(), sign_type, pairs))
}

/// What free texts may hold and a form, a query, a JSON text or a signature may stumble over.
const HOSTILE: &[&str] = &[
    "plain",
    "a=b&sign=CAFE&billStatus=PAID",
    "100% sure + more #1",
    "%26memo%3Dx %2B %",
    "+",
    "=",
    "\"quoted\\\" {\"totalAmount\":1}",
    "押金 1号房 ＆ 退款；",
    " spaces ",
    "</script>;?/:@!'()*~",
];

#[test]
fn a_notice_is_read_as_it_was_said() {
    for free in HOSTILE {
        for sign_type in [SignType::Md5, SignType::Sha256] {
            let body = posted(free, sign_type);
            let pairs = read_form(&body).unwrap();
            assert!(pairs.iter().all(|(_, value)| !value.is_empty()), "{pairs:?}");
            let other = NoticeKey::parse("another key").unwrap();
            let read = read(&[other, key()], &pairs).unwrap();
            let full_width: String = free
                .chars()
                .map(|c| "＆＝％＋＃".chars().nth("&=%+#".find(c).unwrap_or(9)).unwrap_or(c))
                .collect();
            assert_eq!(read, notice(&full_width), "{body}");
        }
    }
}

#[test]
fn a_published_notice_is_read() {
    let signature = "a90d037722df7b6b728a724c43a3b6cb";
    let pairs: Pairs = with(HOLD, &[("sign", signature)])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let notice = read(&[key()], &read_form(&form(&pairs)).unwrap()).unwrap();
    assert_eq!(notice.bill_status, BillStatus::Paid);
    assert_eq!(notice.auth_id_resp_cd.unwrap().as_str(), "206067");
    let payment = notice.bill_payment.unwrap();
    assert_eq!(
        (payment.total_amount, payment.status),
        (Fen::new(1908), Some(TradeStatus::TradeSuccess))
    );
}

#[test]
fn what_cannot_be_believed_is_not_read() {
    let good = posted("plain", SignType::Md5);
    let (unsigned, _) = good.rsplit_once("&sign=").unwrap();
    let again = format!("{}&totalAmount=1908", good);
    let resigned = |text: &str| {
        let pairs = pairs(text).into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        form(&signed(&key(), SignType::Md5, pairs))
    };
    let fault = |body: &str| read_form(body).and_then(|pairs| read(&[key()], &pairs)).unwrap_err();
    assert_eq!(fault("billDesc=%zz&sign=1"), NoticeFault::NotForm);
    assert_eq!(fault("billDesc=%ff&sign=1"), NoticeFault::NotForm);
    assert_eq!(fault(unsigned), NoticeFault::Unsigned);
    assert_eq!(fault(""), NoticeFault::Unsigned);
    assert_eq!(fault(&again), NoticeFault::Twice("totalAmount".to_owned()));
    assert_eq!(fault(&good.replace("1908", "1909")), NoticeFault::WrongSignature);
    assert_eq!(read(&[], &read_form(&good).unwrap()).unwrap_err(), NoticeFault::WrongSignature);
    // Signed is not enough: the key's owner signs other things, too.
    let missing = fault(&resigned(ORDER));
    assert!(missing.to_string().contains("notifyId is missing"), "{missing}");
}

/// What a receiver makes of pairs that were signed as they are.
fn read_signed(pairs: &[(&str, &str)]) -> Result<Notice, NoticeFault> {
    let sign = sign(&key(), pairs.iter().copied());
    let pairs = pairs.iter().copied().chain([("sign", sign.as_str())]);
    let pairs: Pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    read(&[key()], &pairs)
}

#[test]
fn fields_that_were_moved_into_a_name_or_a_value_are_noticed() {
    // Somebody on the way hides the terminal behind the number before it, under the same signature.
    let mut moved = with(HOLD, &[]);
    moved.retain(|(name, _)| !["seqId", "tid"].contains(name));
    moved.push(("seqId", "00151100146N&tid=88880001"));
    assert_eq!(sign(&key(), moved.clone()), sign(&key(), pairs(HOLD)));
    assert_eq!(read_signed(&moved), Err(NoticeFault::Ambiguous("seqId".to_owned())));
    for (name, value) in
        [("billDesc", "x&billStatus=UNPAID"), ("memo", "&a=1&totalAmount=1"), ("zz", "a&mid=1")]
    {
        let expected = Err(NoticeFault::Ambiguous(name.to_owned()));
        assert_eq!(read_signed(&with(HOLD, &[(name, value)])), expected, "{name}={value}");
    }
    // Or hides it in a name that nobody reads.
    let mut moved = with(HOLD, &[]);
    moved.retain(|(name, _)| !["seqId", "tid"].contains(name));
    moved.push(("seqId=00151100146N&tid", "88880001"));
    assert_eq!(sign(&key(), moved.clone()), sign(&key(), pairs(HOLD)));
    assert_eq!(
        read_signed(&moved),
        Err(NoticeFault::Ambiguous("seqId=00151100146N&tid".to_owned()))
    );
    // Or moves the pair that nobody reads into the number by which a receiver knows the notice again: believed, the
    // same notice would come as another.
    let known = with(HOLD, &[("oK", "Snwz")]);
    let number = known.iter().find(|(name, _)| *name == "notifyId").unwrap().1;
    let number = format!("{number}&oK=Snwz");
    let mut moved = with(HOLD, &[("notifyId", &number)]);
    moved.retain(|(name, value)| *name != "notifyId" || *value == number);
    assert_eq!(sign(&key(), moved.clone()), sign(&key(), known));
    assert_eq!(read_signed(&moved), Err(NoticeFault::Ambiguous("notifyId".to_owned())));
    for value in ["Tom & Jerry", "a&b=c", "https://x.example/?a=1&b=2", "mid=1", "&mid"] {
        let notice = read_signed(&with(HOLD, &[("memo", value)])).unwrap();
        assert_eq!(notice.memo.as_ref().map(Text::as_str), Some(value));
    }
}

#[test]
fn the_random_pair_is_letters_and_no_field_can_have_its_name() {
    let fields = Notice::FIELDS.iter().map(|field| field.name).chain(["sign", "signType"]);
    assert!(fields.into_iter().all(|name| name.len() > 2));
    for chance in [0, 1, 51, 52, 2_684_354_561, u64::MAX] {
        let (name, value) = random_pair(chance);
        assert_eq!((name.len(), value.len()), (2, 4));
        assert!((name + &value).chars().all(|c| c.is_ascii_alphabetic()));
    }
    assert_ne!(random_pair(1), random_pair(2));
}

#[test]
fn a_payers_browser_is_sent_back_with_the_signed_result() {
    let pairs = signed(&key(), SignType::Md5, notice("a b").pairs());
    let query = form(&pairs);
    for (url, expected) in [
        ("https://hotel.example/done", format!("https://hotel.example/done?{query}")),
        ("https://hotel.example/?", format!("https://hotel.example/?{query}")),
        ("https://hotel.example/?room=1", format!("https://hotel.example/?room=1&{query}")),
        ("https://hotel.example/?room=1&", format!("https://hotel.example/?room=1&{query}")),
        ("https://hotel.example/#/pay?x=1", format!("https://hotel.example/?{query}#/pay?x=1")),
        ("https://hotel.example/a?b=c#d", format!("https://hotel.example/a?b=c&{query}#d")),
    ] {
        assert_eq!(return_address(url, &pairs), expected);
    }
    assert_eq!(read_form(&query).unwrap(), pairs);
}

/// What a known receiver makes of a posted body: whether it believes it.
type Receiver = fn(&str) -> bool;

/// A receiver, whether it takes MD5, and whether it takes SHA-256.
const RECEIVERS: &[(&str, Receiver, bool, bool)] = &[
    ("DEMO", demo, true, true),
    ("CrackerSW", cracker_sw, false, true),
    ("daanhan", daanhan, true, false),
    ("majiameng", majiameng, true, true),
    ("mpay", mpay, true, false),
];

/// The strictest receivers that are known (`protocol.md` section 6), each as far as its own code goes.
#[test]
fn the_strictest_known_receivers_believe_a_notice_whatever_merchants_write() {
    for (name, believes, md5, sha256) in RECEIVERS {
        for free in HOSTILE {
            for (sign_type, taken) in [(SignType::Md5, md5), (SignType::Sha256, sha256)] {
                let body = posted(free, sign_type);
                assert_eq!(believes(&body), *taken, "{name} {sign_type} {free:?}: {body}");
                let changed = body.replace("notifyId=911b", "notifyId=912b");
                assert!(changed != body && !believes(&changed), "{name} believes what was changed");
            }
        }
    }
}

/// The vendor's own example: decodes the whole text, then splits it at `&` and `=`, and knows of one `=` in
/// `billQRCode`. It crashes on a name without a value.
fn demo(body: &str) -> bool {
    let text = decoded(body);
    let mut pairs = vec![];
    for pair in text.split('&') {
        let parts: Vec<&str> = pair.split('=').collect();
        match parts[..] {
            [name, value] if !value.is_empty() => pairs.push((name, value.to_owned())),
            ["billQRCode", address, id] => pairs.push(("billQRCode", format!("{address}={id}"))),
            _ => return false,
        }
    }
    checks(&pairs, digest_named)
}

/// Takes SHA-256 in upper case whatever `signType` says, and signs pairs without a value too.
fn cracker_sw(body: &str) -> bool {
    let pairs = split(body);
    let value =
        |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let mut kept: Vec<_> = pairs.iter().filter(|(name, _)| name != "sign").collect();
    kept.sort();
    let text: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
    value("sign") == Some(&upper(&Sha256::digest(text.join("&") + KEY)))
}

/// Leaves `signType` out of what it checks, and knows MD5.
fn daanhan(body: &str) -> bool {
    let pairs: Vec<_> = split(body).into_iter().filter(|(name, _)| name != "signType").collect();
    checks(&pairs, |_| SignType::Md5)
}

/// Decodes each value once more after PHP has decoded it.
fn majiameng(body: &str) -> bool {
    let again: Vec<_> =
        split(body).into_iter().map(|(name, value)| (name, decoded(&value))).collect();
    checks(&again, digest_named)
}

/// Knows MD5, and believes only a paid bill with a payment, of its own amount, merchant and terminal.
fn mpay(body: &str) -> bool {
    let pairs = split(body);
    let has = |name: &str, value: &str| pairs.contains(&(name.to_owned(), value.to_owned()));
    has("billStatus", "PAID")
        && pairs.iter().any(|(name, value)| name == "billPayment" && value.starts_with('{'))
        && has("totalAmount", "1908")
        && has("mid", "898340149000005")
        && has("tid", "88880001")
        && checks(&pairs, |_| SignType::Md5)
}

/// What the documents say of a check, in upper case only.
fn checks<N: AsRef<str>>(pairs: &[(N, String)], digest: fn(&[(&str, &str)]) -> SignType) -> bool {
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
    let mut kept: Vec<_> =
        pairs.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
    kept.sort();
    let text: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let text = text.join("&") + KEY;
    let computed = match digest(&pairs) {
        SignType::Md5 => upper(&Md5::digest(text)),
        SignType::Sha256 => upper(&Sha256::digest(text)),
    };
    pairs.contains(&("sign", &computed))
}

fn digest_named(pairs: &[(&str, &str)]) -> SignType {
    match pairs.contains(&("signType", "SHA256")) {
        true => SignType::Sha256,
        false => SignType::Md5,
    }
}

fn split(body: &str) -> Vec<(String, String)> {
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Decodes as PHP and Java do: what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        let escape = more.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped = escape.and_then(|two| u8::from_str_radix(two, 16).ok());
        let (byte, more) = match (byte, escaped) {
            (b'%', Some(escaped)) => (escaped, &more[2..]),
            (b'+', _) => (b' ', more),
            (byte, _) => (*byte, more),
        };
        bytes.push(byte);
        rest = more;
    }
    String::from_utf8(bytes).unwrap()
}

fn upper(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}
