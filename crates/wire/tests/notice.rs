//! Signatures under notices against the vectors of `protocol.md` section 8.

use holdfast_wire::{
    notice::{sign, signed_text, verify},
    secret::NoticeKey,
};

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
