//! Somebody's own account: the password, the codes, the open sessions.

use holdfast_gateway::operators::{Act, By, Name, Newcomer, Password, Role};

use crate::{
    console::{Browser, PASSWORD, last},
    gateway::{Gateway, Place},
};

const NEW: &str = "seven boats on the lake";

#[tokio::test]
async fn a_password_that_somebody_else_made_is_changed_before_anything_else() {
    let gateway = Gateway::start().await;
    let password = Password::parse(PASSWORD, "li.lei").unwrap();
    let name = Name::parse("li.lei").unwrap();
    let new = Newcomer { name, role: Role::Administrator, password, must_change: true };
    let operators = &gateway.running.operators;
    operators.add(&By::command_line(), new, gateway.wall()).await.unwrap();
    let mut browser = Browser::new(&gateway);
    browser.sign_in("li.lei", PASSWORD).await;
    for page in ["/", "/audit", "/operators", "/ledger"] {
        assert_eq!(browser.get(page).await.went(), "303 /account", "{page}");
    }
    let page = browser.get("/account").await.text();
    assert!(page.contains("Choose a password of your own first."), "{page}");
    assert!(!page.contains("action=\"/account/codes"), "{page}");
    let refused = browser.post("/operators", &[("name", "eve")]).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(last(&gateway, Act::Request), "li.lei /operators 403 refused");
    let same = [("old", PASSWORD), ("new", PASSWORD), ("again", PASSWORD)];
    let same = browser.post("/account/password", &same).await;
    assert_eq!(same.status, 400);
    assert!(same.text().contains("choose another one"), "{}", same.text());
    let changed = [("old", PASSWORD), ("new", NEW), ("again", NEW)];
    let changed = browser.post("/account/password", &changed).await;
    assert_eq!(changed.went(), "303 /account?done=password");
    assert!(
        browser.get("/account?done=password").await.text().contains("Your password is changed.")
    );
    assert_eq!(browser.get("/").await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_new_password_is_told_beside_its_field() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    for (old, new, again, status, wrong) in [
        ("", NEW, NEW, 400, &["wrong-old\" role=\"alert\">Your password is missing."][..]),
        (
            PASSWORD,
            "short",
            "short",
            400,
            &["wrong-new\" role=\"alert\">A password has 10 characters"],
        ),
        (PASSWORD, "li.lei2026!!", "li.lei2026!!", 400, &["That password would be tried first"]),
        (PASSWORD, NEW, "something else", 400, &["wrong-again\" role=\"alert\">This is not what"]),
        (
            "",
            "short",
            "longer",
            400,
            &["id=\"wrong-old\"", "id=\"wrong-new\"", "id=\"wrong-again\""],
        ),
        (
            "wrong horse battery",
            NEW,
            NEW,
            403,
            &["wrong-old\" role=\"alert\">That is not your password."],
        ),
    ] {
        let fields = [("old", old), ("new", new), ("again", again)];
        let answer = browser.post("/account/password", &fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        let text = answer.text();
        for wrong in wrong {
            assert!(text.contains(wrong), "{fields:?} {wrong}: {text}");
        }
        assert_eq!(text.matches("class=\"wrong\"").count(), wrong.len(), "{fields:?}: {text}");
        for typed in [old, new, again].into_iter().filter(|typed| !typed.is_empty()) {
            assert!(!text.contains(typed), "a password is not sent back");
        }
    }
    assert_eq!(last(&gateway, Act::SignIn), "li.lei password failed");
    // Whoever guesses at an open session is paused, too.
    let wrong = [("old", "wrong horse battery"), ("new", NEW), ("again", NEW)];
    let mut statuses = vec![];
    for _ in 0..5 {
        statuses.push(browser.post("/account/password", &wrong).await.status);
    }
    assert_eq!(statuses, [403, 403, 403, 403, 429]);
}

#[tokio::test]
async fn a_changed_password_ends_all_other_sessions_and_is_in_the_audit() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let mut other = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let cookies = browser.cookies.clone();
    let fields = [("old", PASSWORD), ("new", NEW), ("again", NEW)];
    let changed = browser.post("/account/password", &fields).await;
    assert_eq!(changed.went(), "303 /account?done=password");
    assert_ne!(browser.cookies, cookies, "a new session");
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(other.get("/").await.went(), "303 /sign-in");
    assert_eq!(last(&gateway, Act::Password), "li.lei li.lei done");
    assert_eq!(other.sign_in("li.lei", PASSWORD).await.status, 403);
    assert_eq!(other.sign_in("li.lei", NEW).await.status, 303);
}

#[tokio::test]
async fn codes_are_set_up_with_a_first_one_and_given_up_with_a_last_one() {
    let place = Place::new();
    let gateway = place.open().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    assert!(!browser.get("/account").await.text().contains("otpauth://"));
    assert_eq!(browser.post("/account/codes", &[]).await.went(), "303 /account#codes");
    assert_eq!(last(&gateway, Act::TotpSet), "li.lei li.lei new secret asked");
    let operators = &gateway.running.operators;
    let secret = operators.offered_totp("li.lei", &place.vault).unwrap().unwrap();
    let page = browser.get("/account").await.text();
    let grouped: Vec<_> = secret.text().as_bytes().chunks(4).map(<[u8]>::to_vec).collect();
    let grouped = String::from_utf8(grouped.join(&b' ')).unwrap();
    assert!(page.contains(&grouped), "{page}");
    assert!(page.contains("href=\"otpauth://totp/Holdfast%20test:li.lei?secret="), "{page}");
    assert!(page.contains("<svg class=\"qr\"") && !page.contains("style="), "{page}");
    let wrong = browser.post("/account/codes/confirm", &[("code", "000000")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("Is the clock of your phone right?"), "{}", wrong.text());
    assert!(wrong.text().contains(&grouped), "it can be tried again");
    assert_eq!(last(&gateway, Act::TotpSet), "li.lei li.lei code failed");
    let before = secret.code_at(gateway.wall().plus_ms(-30_000));
    let confirmed = browser.post("/account/codes/confirm", &[("code", &before)]).await;
    assert_eq!(confirmed.went(), "303 /account?done=codes");
    assert_eq!(last(&gateway, Act::TotpSet), "li.lei li.lei done");
    let page = browser.get("/account").await.text();
    assert!(
        !page.contains("otpauth://") && !page.contains(&grouped),
        "it is shown no more: {page}"
    );
    let mut other = Browser::new(&gateway);
    assert_eq!(other.sign_in("li.lei", PASSWORD).await.went(), "303 /sign-in/code?to=/");
    // Setting up others on top of them changes nothing.
    browser.post("/account/codes", &[]).await;
    let offered = operators.offered_totp("li.lei", &place.vault).unwrap().unwrap();
    let code = offered.code_at(gateway.wall());
    let over = browser.post("/account/codes/confirm", &[("code", &code)]).await;
    assert_eq!(over.status, 409, "{}", over.text());

    let now = secret.code_at(gateway.wall());
    for (password, code) in
        [("wrong horse battery", now.as_str()), (PASSWORD, "000000"), (PASSWORD, &before)]
    {
        let kept =
            browser.post("/account/codes/end", &[("password", password), ("code", code)]).await;
        assert_eq!(kept.status, 403, "{code}: {}", kept.text());
    }
    let ended = browser.post("/account/codes/end", &[("password", PASSWORD), ("code", &now)]).await;
    assert_eq!(ended.went(), "303 /account?done=no-codes");
    assert_eq!(other.sign_in("li.lei", PASSWORD).await.went(), "303 /");
}

#[tokio::test]
async fn somebody_signs_out_everywhere_else() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let page = browser.get("/account").await.text();
    assert!(page.contains("this one") && !page.contains("another one"), "{page}");
    assert!(!page.contains("action=\"/account/sessions\""), "{page}");
    let mut other = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    let mut eve = Browser::signed_in(&gateway, "eve", Role::Viewer).await;
    assert!(browser.get("/account").await.text().contains("another one"));
    assert_eq!(browser.post("/account/sessions", &[]).await.went(), "303 /account?done=sessions");
    assert_eq!(other.get("/").await.went(), "303 /sign-in");
    assert_eq!((browser.get("/").await.status, eve.get("/").await.status), (200, 200));
    assert_eq!(last(&gateway, Act::SignOut), "li.lei everywhere else done");
}

#[tokio::test]
async fn where_a_form_was_sent_the_page_can_be_read() {
    let gateway = Gateway::start().await;
    let mut browser = Browser::signed_in(&gateway, "li.lei", Role::Viewer).await;
    for path in ["password", "codes", "codes/confirm", "codes/end", "sessions"] {
        let page = browser.get(&format!("/account/{path}?lang=zh")).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().contains("我的账户"), "{path}");
    }
}
