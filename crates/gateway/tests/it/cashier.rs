//! The payer's cashier from outside: what a code's page says, what its forms do, and what they never do.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use holdfast_gateway::clock::Dice;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, MID, Place, mid},
    script::is_proven,
    wire::{Answer, Sent},
};

/// A phone: it asks for pages, in English.
struct Phone<'a> {
    gateway: &'a Gateway,
    language: &'static str,
}

/// A confirmation with digits that the bank takes.
const RIGHT: &[(&str, &str)] = &[("digits", "123456")];
const UNIONPAY: &str = "through=unionpay&card=debit";

impl<'a> Phone<'a> {
    fn of(gateway: &'a Gateway) -> Self {
        Self { gateway, language: "en" }
    }

    async fn get(&self, target: &str) -> Answer {
        self.send(Sent { method: "GET", ..Sent::post(target, "") }).await
    }

    /// The page of a code.
    async fn look(&self, code: &str) -> Answer {
        self.get(&format!("/bills/qrCode.do?id={code}")).await
    }

    async fn post(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let escaped = holdfast_gateway::pages::in_address;
        let pairs: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let sent = Sent::post(target, pairs.join("&"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Sec-Fetch-Site", "same-origin");
        self.send(sent).await
    }

    /// Confirms with that choice and these fields.
    async fn confirm(&self, code: &str, means: &str, fields: &[(&str, &str)]) -> Answer {
        self.post(&format!("/bills/confirm?id={code}&{means}"), fields).await
    }

    /// Where an answer leads to, as a browser goes there.
    async fn follow(&self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.get(&format!("/bills/{}", answer.header("location"))).await
    }

    async fn send(&self, sent: Sent) -> Answer {
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
        let sent = sent.with("Accept", accept).with("Accept-Language", self.language);
        self.gateway.send(&sent).await
    }
}

/// A page of that status that says all of these.
fn check(page: &Answer, status: u16, says: &[&str]) {
    assert_eq!(page.status, status, "{}", page.text());
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.head);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for part in says {
        assert!(page.text().contains(part), "{part:?} in {}", page.text());
    }
}

/// A bill of these fields, and its code.
async fn bill(gateway: &Gateway, fields: Value) -> String {
    let made = gateway.call("get-qrcode", fields).await;
    assert_eq!(made.outcome(), "200 SUCCESS", "{}", made.text());
    made.field("qrCodeId")
}

fn in_base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

#[tokio::test]
async fn a_code_is_a_page_for_browsers_and_stays_json_for_programs() {
    let gateway = Gateway::start().await;
    let code = gateway.hold("3194B0001", 50_000).await;
    let target = format!("/bills/qrCode.do?id={code}");
    check(&Phone::of(&gateway).look(&code).await, 200, &["湖畔酒店", "¥500.00"]);
    for accept in ["*/*", "application/json", ""] {
        let sent = Sent { method: "GET", ..Sent::post(&target, "") }.with("Accept", accept);
        let seen = gateway.send(&sent).await;
        assert_eq!((seen.status, seen.field("phase").as_str()), (200, "requested"), "{accept}");
        assert!(seen.head.to_lowercase().contains("vary: accept"), "{}", seen.head);
    }
    let posted = Phone::of(&gateway).post(&target, &[]).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn a_page_says_what_will_happen_in_the_language_of_the_browser() {
    let gateway = Gateway::start().await;
    let of = |no: &str, more: Value| {
        let mut fields = json!({"billNo": no, "totalAmount": 50_000, "billDesc": "押金 1号房"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let hold = bill(&gateway, of("3194B0001", json!({"preauthTransaction": "true"}))).await;
    let safe = bill(&gateway, of("3194B0002", json!({"secureTransaction": "true"}))).await;
    let plain = bill(&gateway, of("3194B0003", json!({}))).await;
    let (en, zh) = (Phone::of(&gateway), Phone { language: "zh-CN", ..Phone::of(&gateway) });
    for (code, english, chinese) in [
        (
            &hold,
            "¥500.00 will be held, not paid. 湖畔酒店 can take up to this amount until 1 April; what it does not take comes back by itself.",
            "将冻结 ¥500.00，暂不扣款。湖畔酒店最晚可于4月1日扣取不超过该金额的款项，未扣取的部分到期自动解冻。",
        ),
        (
            &safe,
            "¥500.00 will be paid and kept safe. 湖畔酒店 gets it only when your order is completed, until 1 April",
            "将支付 ¥500.00，由平台担保。湖畔酒店最晚于4月1日确认完成后方可收款",
        ),
        (&plain, "¥500.00 will be paid to 湖畔酒店 at once.", "将立即向湖畔酒店支付 ¥500.00。"),
    ] {
        check(&en.look(code).await, 200, &[english, "押金 1号房", "lang=zh"]);
        check(&zh.look(code).await, 200, &[chinese, "押金 1号房", "lang=en"]);
    }
}

#[tokio::test]
async fn a_hold_is_confirmed_once_however_often_its_form_is_sent() {
    let place = Place::new();
    let gateway = place.open().await;
    let phone = Phone::of(&gateway);
    let code = gateway.hold("3194B0001", 50_000).await;
    let step = phone.get(&format!("/bills/confirm?id={code}&{UNIONPAY}")).await;
    check(&step, 200, &["UnionPay · debit card", "Hold ¥500.00", "one-time-code"]);
    assert_eq!(gateway.phase("3194B0001").await, "requested", "looking changes nothing");
    let done = phone.confirm(&code, UNIONPAY, RIGHT).await;
    assert_eq!(done.went(), format!("303 qrCode.do?id={code}"));
    let page = phone.follow(&done).await;
    check(
        &page,
        200,
        &["¥500.00 is held, not paid", "until 1 April, 10:00 (Beijing)", "UnionPay, debit card"],
    );
    let before = gateway.journal().await;
    // Sent again, gone back to, reloaded: nothing more happens, and nobody is told that it failed.
    let again = phone.confirm(&code, UNIONPAY, RIGHT).await;
    assert_eq!(again.went(), format!("303 qrCode.do?id={code}&told=faster"));
    check(
        &phone.follow(&again).await,
        200,
        &["Your confirmation took nothing: a code is paid once."],
    );
    let back = phone.get(&format!("/bills/confirm?id={code}&{UNIONPAY}")).await;
    assert_eq!(back.went(), format!("303 qrCode.do?id={code}&told=faster"));
    assert!(phone.post(&format!("/bills/decline?id={code}"), &[]).await.status == 303);
    assert_eq!((gateway.journal().await, gateway.phase("3194B0001").await), (before, "authorized"));
    is_proven(&*place.store).await;
}

#[tokio::test]
async fn of_two_phones_that_confirm_at_once_one_wins_and_the_other_is_told() {
    let place = Place::new();
    let gateway = place.open().await;
    let (mut won, mut lost) = (0, 0);
    for round in 0..8 {
        let number = format!("3194B000{round}");
        let code = gateway.hold(&number, 50_000).await;
        let (one, two) = (Phone::of(&gateway), Phone::of(&gateway));
        let (first, second) =
            tokio::join!(one.confirm(&code, UNIONPAY, RIGHT), two.confirm(&code, UNIONPAY, RIGHT));
        let to = format!("303 qrCode.do?id={code}");
        for answer in [first, second] {
            match answer.went() {
                went if went == to => won += 1,
                went if went == format!("{to}&told=faster") => {
                    lost += 1;
                    let told = "This code was paid before your confirmation arrived.";
                    check(&one.follow(&answer).await, 200, &[told]);
                }
                other => panic!("{other}"),
            }
        }
        assert_eq!(gateway.phase(&number).await, "authorized");
    }
    assert_eq!((won, lost), (8, 8));
    is_proven(&*place.store).await;
}

#[tokio::test]
async fn a_wrong_code_or_a_no_leaves_the_bill_to_be_paid() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let code = gateway.hold("3194B0001", 50_000).await;
    let wrong = phone.confirm(&code, UNIONPAY, &[("digits", "000000")]).await;
    assert_eq!(wrong.went(), format!("303 confirm?id={code}&{UNIONPAY}"));
    let told = "The six digits were not right. Nothing was taken from you; please try again.";
    check(&phone.follow(&wrong).await, 200, &[told, "Hold ¥500.00"]);
    let no = phone.post(&format!("/bills/decline?id={code}"), &[]).await;
    let told = "You declined. Nothing was taken from you, and you can still pay if you like.";
    check(&phone.follow(&no).await, 200, &[told, "Go on"]);
    // What is no code is told beside the field, and is no try.
    let before = gateway.journal().await;
    for digits in ["", "12345", "1234567", "12345x", "１２３４５６", "<b>"] {
        let page = phone.confirm(&code, UNIONPAY, &[("digits", digits)]).await;
        check(
            &page,
            400,
            &["Six digits, such as 123456.", "aria-invalid=\"true\"", "id=\"digits-wrong\""],
        );
        assert!(!page.text().contains("<b>"), "what was typed is not shown again");
    }
    assert_eq!(gateway.journal().await, before);
    assert_eq!(phone.confirm(&code, UNIONPAY, &[("digits", "123 456")]).await.status, 303);
    assert_eq!(gateway.phase("3194B0001").await, "authorized");
}

#[tokio::test]
async fn only_what_the_bill_takes_is_offered_and_nothing_else_is_taken() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let with = |no: &str, more: Value| {
        let mut fields = json!({"billNo": no, "totalAmount": 500});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let all = ["unionpay", "wechat", "alipay", "debit", "credit"];
    for (fields, offered, because) in [
        (with("3194B0001", json!({})), &all[..], ""),
        (
            with("3194B0002", json!({"preauthTransaction": "true"})),
            &["unionpay", "debit", "credit"],
            "Money can be held through UnionPay only.",
        ),
        (
            with("3194B0003", json!({"limitCreditCard": "true"})),
            &["unionpay", "wechat", "alipay", "debit"],
            "This merchant takes no credit cards here.",
        ),
        (
            with("3194B0004", json!({"installmentNumber": 6})),
            &["alipay", "debit", "credit"],
            "It is paid in 6 monthly parts, which takes Alipay.",
        ),
    ] {
        let code = bill(&gateway, fields).await;
        let page = phone.look(&code).await;
        check(&page, 200, &[because]);
        for word in all {
            let shown = page.text().contains(&format!("value=\"{word}\""));
            assert_eq!(shown, offered.contains(&word), "{because} {word}");
        }
        for (through, card) in
            [("unionpay", "credit"), ("wechat", "debit"), ("alipay", "credit"), ("cash", "debit")]
        {
            let may = offered.contains(&through) && offered.contains(&card);
            let step =
                phone.get(&format!("/bills/confirm?id={code}&through={through}&card={card}")).await;
            assert_eq!(step.status, if may { 200 } else { 303 }, "{because} {through} {card}");
            if !may {
                let sent =
                    phone.confirm(&code, &format!("through={through}&card={card}"), RIGHT).await;
                assert_eq!(sent.went(), format!("303 qrCode.do?id={code}"));
                check(&phone.look(&code).await, 200, &["Go on"]);
            }
        }
    }
}

#[tokio::test]
async fn whoever_may_pay_alone_says_who_it_is_and_is_not_shown_who_that_is() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let fields = json!({
        "billNo": "3194B0001", "totalAmount": 500, "fixBuyer": "T", "name": in_base64("张三"),
        "mobile": in_base64("13800000000"), "certType": "IDENTITY_CARD", "certNo": in_base64("11010519491231002X"),
    });
    let code = bill(&gateway, fields).await;
    let step = phone.get(&format!("/bills/confirm?id={code}&{UNIONPAY}")).await;
    check(&step, 200, &["Your name", "Number of your identity document"]);
    let page = phone.confirm(&code, UNIONPAY, RIGHT).await;
    check(&page, 400, &["id=\"name-wrong\"", "id=\"certificate-wrong\""]);
    let who = |name, certificate| [RIGHT[0], ("name", name), ("certificate", certificate)];
    let other = phone.confirm(&code, UNIONPAY, &who("李四", "11010519491231002X")).await;
    let page = phone.follow(&other).await;
    check(&page, 200, &["The bank has refused", "only the named person may pay"]);
    for secret in ["张三", "11010519491231002", "13800000000"] {
        assert!(!page.text().contains(secret) && !step.text().contains(secret), "{secret}");
    }
    let done = phone.confirm(&code, UNIONPAY, &who("张三", "11010519491231002x")).await;
    let page = phone.follow(&done).await;
    check(&page, 200, &["¥5.00 is paid"]);
    assert!(!page.text().contains("张三"), "{}", page.text());
}

#[tokio::test]
async fn what_cannot_be_paid_says_why_kindly_and_what_to_do() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    for id in ["", "NOBODY", "..", "%3Cscript%3E", &"9".repeat(500)] {
        check(&phone.look(id).await, 404, &["This code is not known", "Scan it once more"]);
    }
    check(&phone.get("/bills/qrCode.do").await, 404, &["This code is not known"]);
    check(&phone.get("/bills/qrCode.do?id=1&id=2").await, 400, &["That cannot be read"]);
    let closed = gateway.hold("3194B0001", 500).await;
    gateway.call("close-qrcode", json!({"billNo": "3194B0001"})).await;
    check(
        &phone.look(&closed).await,
        200,
        &["The merchant has closed this code", "湖畔酒店", "Ask the merchant"],
    );
    let over = gateway.hold("3194B0002", 500).await;
    gateway.sim("POST", &format!("/sim/payer/{over}/expire"), Value::Null).await;
    check(&phone.look(&over).await, 200, &["This code has expired", "Ask the merchant"]);
    for code in [closed, over] {
        let sent = phone.confirm(&code, UNIONPAY, RIGHT).await;
        assert_eq!(sent.went(), format!("303 qrCode.do?id={code}"));
    }
}

#[tokio::test]
async fn each_scenario_of_paying_can_be_had_from_the_page_and_is_told() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    for (number, (scenario, told, phase)) in [
        ("refuse", "The bank has refused: simulated: insufficient funds.", "requested"),
        ("lostorder", "Your confirmation got lost on its way. Nothing was taken", "requested"),
        ("lostanswer", "Paid; the answer is on its way", "requested"),
        ("late", "Paid; the answer is on its way", "requested"),
        ("twice", "¥5.00 is held, not paid", "authorized"),
        ("approve", "¥5.00 is held, not paid", "authorized"),
    ]
    .into_iter()
    .enumerate()
    {
        let bill = format!("3194B000{number}");
        let code = gateway.hold(&bill, 500).await;
        let set =
            phone.post(&format!("/bills/scenario?id={code}"), &[("scenario", scenario)]).await;
        assert_eq!(set.went(), format!("303 qrCode.do?id={code}"));
        check(&phone.look(&code).await, 200, &[&format!("value=\"{scenario}\" selected")]);
        let done = phone.confirm(&code, UNIONPAY, RIGHT).await;
        check(&phone.follow(&done).await, 200, &[told]);
        assert_eq!(gateway.phase(&bill).await, phase, "{scenario}");
        if told.contains("on its way") && phase == "requested" && scenario != "lostorder" {
            // Somebody who does not believe it cannot pay twice.
            let again = phone.confirm(&code, UNIONPAY, RIGHT).await;
            check(&phone.follow(&again).await, 200, &["Do not pay again"]);
        }
    }
    let code = gateway.hold("3194B0009", 500).await;
    for word in ["norestore", "nothing", ""] {
        let set = phone.post(&format!("/bills/scenario?id={code}"), &[("scenario", word)]).await;
        check(&set, 400, &["That cannot be read"]);
    }
}

#[tokio::test]
async fn the_page_of_a_hold_shows_its_life() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let code = gateway.hold("3194B0001", 50_000).await;
    phone.confirm(&code, UNIONPAY, RIGHT).await;
    let auth =
        gateway.sim("GET", &format!("/sim/payer/{code}"), Value::Null).await.field("authIdRespCd");
    let of = |more: Value| {
        let mut fields = json!({"billNo": "3194B0001", "authIdRespCd": auth});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let held =
        ["aria-label=\"held ¥500.00\"", "¥500.00 held", "What was not taken comes back by itself"];
    check(&phone.look(&code).await, 200, &held);
    gateway.call("preauthed", of(json!({"authedOrderId": "3194C1", "totalAmount": 30_000}))).await;
    let took = [
        "¥300.00 is paid",
        "The other ¥200.00 of ¥500.00 came back to you.",
        "湖畔酒店 took ¥300.00; ¥200.00 came back",
        "aria-label=\"paid ¥300.00, back with you ¥200.00\"",
    ];
    check(&phone.look(&code).await, 200, &took);
    gateway.call("preauthed-cancel", of(json!({"merOrderId": "3194C1"}))).await;
    check(
        &phone.look(&code).await,
        200,
        &["¥500.00 is held, not paid", "Payment undone; ¥500.00 held again"],
    );
    gateway.call("preauthed", of(json!({"authedOrderId": "3194C2", "totalAmount": 50_000}))).await;
    gateway
        .call(
            "refund",
            of(json!({"refundOrderId": "3194R1", "refundAmount": 10_000, "authIdRespCd": null})),
        )
        .await;
    let refunded = [
        "¥500.00 is paid, ¥100.00 was refunded",
        "¥100.00 refunded",
        "paid ¥400.00, back with you ¥100.00",
    ];
    check(&phone.look(&code).await, 200, &refunded);
    // Another one, left alone until its time is over.
    let code = gateway.hold("3194B0002", 50_000).await;
    phone.confirm(&code, UNIONPAY, RIGHT).await;
    let moved = phone.post(&format!("/bills/clock?id={code}"), &[("ahead", "month")]).await;
    assert_eq!(moved.went(), format!("303 qrCode.do?id={code}"));
    while gateway.phase("3194B0002").await != "expired" {
        gateway.send(&Sent { method: "GET", ..Sent::post("/healthz", "") }).await;
    }
    let page = phone.look(&code).await;
    check(
        &page,
        200,
        &["¥500.00 is back with you", "Its time was over, so it came back by itself."],
    );
    assert!(!page.text().contains("data-live"), "nothing more happens to it");
}

#[tokio::test]
async fn a_fixed_code_makes_a_bill_that_is_looked_at_before_it_is_paid() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let fixed = bill(&gateway, json!({"billDate": null, "totalAmount": 1_250})).await;
    check(
        &phone.look(&fixed).await,
        200,
        &["Whoever uses this code pays ¥12.50 to 湖畔酒店.", "Go on"],
    );
    let made = phone.post(&format!("/bills/scan?id={fixed}"), &[]).await;
    check(&phone.follow(&made).await, 200, &["¥12.50 will be paid to 湖畔酒店 at once."]);
    let open = bill(&gateway, json!({"billDate": null})).await;
    let before = gateway.journal().await;
    check(&phone.look(&open).await, 200, &["Amount in yuan"]);
    for typed in ["", "0", "-1", "1.234", "1e3", "<script>alert(1)</script>", "1000000.01"] {
        let page = phone.post(&format!("/bills/scan?id={open}"), &[("amount", typed)]).await;
        check(&page, 400, &["id=\"amount-wrong\"", "A sum of yuan from 0.01 to 1000000.00"]);
        assert!(!page.text().contains("<script>alert"), "{}", page.text());
    }
    assert_eq!(gateway.journal().await, before);
    let made = phone.post(&format!("/bills/scan?id={open}"), &[("amount", "8.8")]).await;
    let code = made.header("location").split('=').next_back().unwrap().to_owned();
    check(&phone.follow(&made).await, 200, &["¥8.80 will be paid"]);
    assert_eq!(phone.confirm(&code, "through=wechat&card=credit", RIGHT).await.status, 303);
    check(&phone.look(&code).await, 200, &["¥8.80 is paid", "WeChat Pay, credit card"]);
    // The code is there for the next one, until it is closed: then its bills are too.
    let made = phone.post(&format!("/bills/scan?id={open}"), &[("amount", "1")]).await;
    gateway.call("close-qrcode", json!({"qrCodeId": open, "billDate": null})).await;
    let closed = &["The merchant has closed this code"];
    check(&phone.look(&open).await, 200, closed);
    check(&phone.follow(&made).await, 200, closed);
    check(&phone.post(&format!("/bills/scan?id={open}"), &[("amount", "1")]).await, 200, closed);
}

#[tokio::test]
async fn a_code_whose_merchant_says_how_much_makes_no_bill_when_nobody_says() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let fields = json!({"billDate": null, "payInfoQueryAddr": "http://127.0.0.1:9/ask"});
    let code = bill(&gateway, fields).await;
    check(
        &phone.look(&code).await,
        200,
        &["湖畔酒店 says how much is to be paid: go on to see it."],
    );
    let before = gateway.journal().await;
    let page = phone.post(&format!("/bills/scan?id={code}"), &[("amount", "1")]).await;
    check(&page, 502, &["Nobody can say how much is to be paid", "Nothing was paid."]);
    assert_eq!(gateway.journal().await, before);
}

#[tokio::test]
async fn a_guarantee_is_kept_safe_and_then_the_merchant_s() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let fields = json!({"billNo": "3194B0001", "totalAmount": 500, "secureTransaction": "true"});
    let code = bill(&gateway, fields).await;
    let done = phone.confirm(&code, "through=alipay&card=credit", RIGHT).await;
    let safe = ["¥5.00 is paid and kept safe", "Alipay, credit card", "held ¥5.00"];
    check(&phone.follow(&done).await, 200, &safe);
    let fields = json!({"merOrderId": "3194B00010", "completedAmount": 300, "billDate": null});
    let completed = gateway.call("/v1/netpay/secure-complete", fields).await;
    assert_eq!(completed.outcome(), "200 SUCCESS", "{}", completed.text());
    let told = ["¥3.00 is paid", "The other ¥2.00 of ¥5.00 came back to you."];
    check(&phone.look(&code).await, 200, &told);
}

#[tokio::test]
async fn the_payer_goes_back_to_the_merchant_and_nowhere_else() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let (accounts, clock) = (&gateway.running.accounts, &gateway.running.core.clock);
    accounts.rotate_notice_key(&mid(MID), None, 0, clock, &Dice::seeded(1)).await.unwrap();
    let back = "https://shop.example/done?a=1";
    let fields = json!({"billNo": "3194B0001", "totalAmount": 500, "returnUrl": back});
    let code = bill(&gateway, fields).await;
    check(&phone.look(&code).await, 200, &["href=\"https://shop.example/done?a=1\""]);
    let done = phone.confirm(&code, UNIONPAY, RIGHT).await;
    let page = phone.follow(&done).await;
    let seen =
        gateway.sim("GET", &format!("/sim/payer/{code}"), Value::Null).await.field("returnUrl");
    assert!(seen.starts_with(back) && seen.contains("sign="), "{seen}");
    check(&page, 200, &[&format!("href=\"{}\"", seen.replace('&', "&#38;"))]);
    // An address of our own never says where to go.
    for to in ["https://evil.example", "//evil.example", "javascript:alert(1)"] {
        let target = format!("/bills/qrCode.do?id={code}&told={to}&returnUrl={to}&to={to}");
        assert!(!phone.get(&target).await.text().contains(&format!("href=\"{to}")), "{to}");
        let away = phone.confirm(to, UNIONPAY, RIGHT).await.went();
        assert!(away.starts_with("303 qrCode.do?id="), "{away}");
    }
}

#[tokio::test]
async fn what_a_merchant_wrote_stays_text() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let bad = "<script>alert(1)</script>\"'><b>";
    let fields = json!({"billNo": "3194B0001", "totalAmount": 500, "billDesc": bad, "preauthTransaction": "true"});
    let code = bill(&gateway, fields).await;
    for _ in 0..2 {
        let page = phone.look(&code).await;
        check(&page, 200, &["&#60;script&#62;alert(1)"]);
        assert!(!page.text().contains("<script>alert") && !page.text().contains("<b>"));
        phone.confirm(&code, UNIONPAY, RIGHT).await;
    }
}

#[tokio::test]
async fn a_form_from_another_page_does_nothing() {
    let gateway = Gateway::start().await;
    let code = gateway.hold("3194B0001", 500).await;
    let before = gateway.journal().await;
    for path in ["confirm", "scan", "decline", "scenario", "clock"] {
        let target = format!("/bills/{path}?id={code}&{UNIONPAY}");
        let form = "digits=123456&scenario=refuse&ahead=month";
        let sent =
            Sent::post(&target, form).with("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "https://evil.example"),
            ("Origin", "null"),
        ] {
            let answer = gateway.send(&sent.clone().with(name, value)).await;
            check(&answer, 403, &[]);
        }
        let large = Sent::post(&target, "x".repeat(5_000))
            .with("Content-Type", "application/x-www-form-urlencoded");
        if path != "decline" {
            assert_eq!(gateway.send(&large).await.status, 400, "{path}");
        }
    }
    assert_eq!((gateway.journal().await, gateway.phase("3194B0001").await), (before, "requested"));
    assert_eq!(gateway.running.core.clock.ahead_ms(), 0);
}

/// No live channel needs a cashier.
#[tokio::test]
async fn live_has_no_cashier() {
    let (test, live) =
        (Gateway::start().await, Place::with(&[("environment", "live")]).open().await);
    for (method, target) in [
        ("GET", "/bills/qrCode.do?id=1"),
        ("GET", "/bills/confirm?id=1"),
        ("POST", "/bills/confirm?id=1"),
        ("POST", "/bills/scan?id=1"),
        ("POST", "/bills/decline?id=1"),
        ("POST", "/bills/scenario?id=1"),
        ("POST", "/bills/clock?id=1"),
        ("GET", "/assets/style.css"),
    ] {
        let sent = Sent { method, ..Sent::post(target, "") }.with("Accept", "text/html");
        assert_eq!(live.send(&sent).await.outcome(), "404 NO_SERVICE", "{method} {target}");
        let served = test.send(&sent).await;
        assert!(!served.text().contains("NO_SERVICE"), "{method} {target}: {}", served.text());
    }
}

#[tokio::test]
async fn the_first_page_is_light() {
    let gateway = Gateway::start().await;
    let phone = Phone::of(&gateway);
    let code = gateway.hold("3194B0001", 500).await;
    let mut bytes = phone.look(&code).await.body.len();
    for asset in ["style.css", "live.js", "icon.svg"] {
        let answer = phone.get(&format!("/assets/{asset}")).await;
        assert_eq!(answer.status, 200, "{asset}");
        bytes += answer.body.len();
    }
    assert!(bytes < 50_000, "{bytes} bytes");
}
