//! What operators, their sessions, their codes, the audit and approvals must never get wrong.

use std::net::Ipv4Addr;

use holdfast_domain::{BillKey, BillNo, Day, Mid};

use super::{
    lockout::{Failures, Patience, WITH_ADDRESSES, WITH_NAMES},
    password::OF_NOBODY,
    *,
};

const NOW: Moment = Moment(1_772_400_000_000);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse battery";
const MINUTE: i64 = 60_000;

fn after(minutes: i64) -> Moment {
    NOW.plus_ms(minutes * MINUTE)
}

fn by(name: &str) -> By {
    By { who: name.into(), address: Some(HERE) }
}

fn dice() -> Dice {
    Dice::seeded(7)
}

async fn add(operators: &Operators, name: &str, role: Role) {
    let password = Password::parse(PASSWORD, name).unwrap();
    let new = Newcomer { name: Name::parse(name).unwrap(), role, password, must_change: false };
    operators.add(&By::command_line(), new, NOW).await.unwrap();
}

async fn with(people: &[(&str, Role)]) -> Operators {
    let operators = Operators::in_memory();
    for (name, role) in people {
        add(&operators, name, *role).await;
    }
    operators
}

/// Somebody asked for codes, and the secret.
async fn with_codes(operators: &Operators, vault: &Vault, name: &str) -> TotpSecret {
    let secret = operators.offer_totp(name, vault).await.unwrap();
    let code = secret.code_at(NOW);
    operators.confirm_totp(&by(name), &code, vault, NOW).await.unwrap();
    secret
}

fn told<T>(result: Result<T, impl std::fmt::Display>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

// Names, roles, passwords

#[test]
fn a_name_is_a_few_plain_characters() {
    for (text, good) in [
        ("li", true),
        ("li.lei-2_x", true),
        ("王芳", true),
        ("x", false),
        ("", false),
        ("li lei", false),
        ("li/lei", false),
        ("<b>x</b>", false),
        ("=cmd", false),
        ("é́e", false),
        ("(command line)", false),
        ("l\u{202e}i", false),
    ] {
        assert_eq!(Name::parse(text).is_some(), good, "{text:?}");
    }
    assert!(Name::parse(&"x".repeat(32)).is_some() && Name::parse(&"x".repeat(33)).is_none());
}

#[test]
fn a_role_may_what_those_before_it_may_and_is_read_by_its_name() {
    assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Administrator);
    for role in Role::ALL {
        assert_eq!(Role::parse(role.text().0), Some(role));
    }
    assert_eq!(Role::parse("root"), None);
}

#[test]
fn a_password_is_long_enough_and_not_what_everybody_tries() {
    use PasswordFault::{Long, Plain, Short};
    for (text, expected) in [
        ("", Err(Short)),
        ("九个字的密码不够长", Err(Short)),
        ("十个字的密码刚好够长啊", Ok(())),
        ("correct horse", Ok(())),
        ("aaaaaaaaaaaa", Err(Plain)),
        ("abcabcabcabc", Err(Plain)),
        ("1234567890", Err(Plain)),
        ("Password123", Err(Plain)),
        ("2026Password", Err(Plain)),
        ("password password", Err(Plain)),
        ("PASSW0RD!!2026", Err(Plain)),
        ("li.lei.li.lei", Err(Plain)),
        ("Li.Lei20261231", Err(Plain)),
        ("holdfast2026", Err(Plain)),
    ] {
        assert_eq!(Password::parse(text, "li.lei").map(|_| ()), expected, "{text:?}");
    }
    assert!(Password::parse(&"ab1 ".repeat(32), "x1").is_ok());
    assert_eq!(Password::parse(&"ab1 x".repeat(32), "x1").unwrap_err(), Long);
}

#[test]
fn a_made_password_is_one_and_never_the_same() {
    let (one, two) = (Password::made(&dice()), Password::made(&Dice::unpredictable()));
    assert_ne!(one.expose(), two.expose());
    for made in [one, two] {
        assert_eq!(made.expose().len(), 27, "24 characters of base 32 in four groups");
        assert!(Password::parse(made.expose(), "li.lei").is_ok());
        assert_eq!(format!("{made:?}"), "Password");
    }
}

/// A malformed hash is refused at once: names that are nobody's would be told by how quick the answer is.
#[tokio::test]
async fn the_hash_of_nobody_costs_what_everybody_s_costs_and_fits_no_password() {
    use argon2::{
        Argon2,
        password_hash::{Error, PasswordVerifier as _, phc::PasswordHash},
    };

    let hasher = Hasher::default();
    let real = hasher.hash(&Password::parse(PASSWORD, "x1").unwrap(), &dice()).await.unwrap();
    let lengths = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
    let costs = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(costs(OF_NOBODY), costs(&real));
    assert_eq!(lengths(OF_NOBODY), lengths(&real));
    let nobody = PasswordHash::new(OF_NOBODY).expect("it is a hash");
    let verified = Argon2::default().verify_password(b"whatever", &nobody);
    assert!(matches!(verified, Err(Error::PasswordInvalid)), "it is computed: {verified:?}");
    assert!(!hasher.is("", None).await.unwrap());
    assert!(hasher.is(PASSWORD, Some(&real)).await.unwrap());
    assert!(!hasher.is("correct horse", Some(&real)).await.unwrap());
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_capitals_and_is_found_so() {
    let operators = with(&[("Li.Lei", Role::Viewer)]).await;
    let password = Password::parse(PASSWORD, "x1").unwrap();
    let name = Name::parse("LI.LEI").unwrap();
    let new = Newcomer { name, role: Role::Administrator, password, must_change: false };
    let again = operators.add(&By::command_line(), new, NOW).await;
    assert!(matches!(again, Err(OperatorError::Exists)));
    assert_eq!(&*operators.one("li.lei").unwrap().unwrap().name, "Li.Lei");
    let signed_in = operators.sign_in("LI.LEI", PASSWORD, HERE, NOW).await.unwrap();
    let seated = operators.seated(&signed_in.token, NOW).unwrap().unwrap();
    assert_eq!((&*seated.name, seated.role), ("Li.Lei", Role::Viewer));
}

#[tokio::test]
async fn there_is_always_an_administrator() {
    let operators = with(&[("root", Role::Administrator), ("li.lei", Role::Operator)]).await;
    let root = by("root");
    let check = async |expected: &str| {
        let role = operators.set_role(&root, "ROOT", Role::Operator, NOW).await;
        assert_eq!(told(role), expected);
    };
    check("that is the last administrator: make somebody else one first").await;
    let disabled = operators.set_disabled(&root, "root", true, NOW).await;
    assert!(matches!(disabled, Err(OperatorError::LastAdministrator)));
    // One who cannot sign in does not count.
    operators.set_role(&root, "li.lei", Role::Administrator, NOW).await.unwrap();
    operators.set_disabled(&root, "li.lei", true, NOW).await.unwrap();
    check("that is the last administrator: make somebody else one first").await;
    operators.set_disabled(&root, "li.lei", false, NOW).await.unwrap();
    check("done").await;
    let nobody = operators.set_role(&root, "nobody", Role::Viewer, NOW).await;
    assert!(matches!(nobody, Err(OperatorError::Missing)));
}

#[tokio::test]
async fn a_reset_that_is_sent_twice_resets_once() {
    let operators = with(&[("li.lei", Role::Operator)]).await;
    let mark = operators.password_mark("li.lei").unwrap().unwrap();
    let (one, two) = (Password::made(&dice()), Password::made(&Dice::unpredictable()));
    let root = by("root");
    operators.reset_password_once(&root, "li.lei", (&one, &mark), NOW).await.unwrap();
    let again = operators.reset_password_once(&root, "li.lei", (&two, &mark), NOW).await;
    assert!(matches!(again, Err(OperatorError::Changed)));
    operators.sign_in("li.lei", one.expose(), HERE, NOW).await.unwrap();
    assert!(operators.one("li.lei").unwrap().unwrap().must_change);
    assert_eq!(operators.password_mark("nobody").unwrap(), None);
}

// Codes

#[test]
fn codes_are_those_of_rfc_6238() {
    // Appendix B, for SHA-1; of eight digits the last six.
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    for (seconds, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(secret.code_at(Moment(seconds * 1_000)), code, "{seconds}");
    }
    assert_eq!(format!("{secret:?}"), "TotpSecret");
    assert_eq!(
        secret.url("王芳", "test"),
        "otpauth://totp/Holdfast%20test:%E7%8E%8B%E8%8A%B3?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Holdfast%20test"
    );
}

#[test]
fn a_code_counts_for_a_step_before_and_after_and_only_once() {
    let secret = TotpSecret::made(&dice());
    let step = NOW.0 / 30_000;
    let code = secret.code_at(NOW);
    for (steps, after, expected) in [
        (-2, 0, None),
        (-1, 0, Some(step)),
        (0, 0, Some(step)),
        (1, 0, Some(step)),
        (2, 0, None),
        (0, step - 1, Some(step)),
        (0, step, None),
        (0, step + 1, None),
    ] {
        let now = NOW.plus_ms(steps * 30_000);
        assert_eq!(secret.step(&code, now, after), expected, "{steps} steps, after {after}");
    }
    for text in ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef"] {
        assert_eq!(secret.step(text, NOW, 0), None, "{text:?}");
    }
}

#[tokio::test]
async fn codes_are_asked_for_once_a_first_one_was_right_and_then_each_counts_once() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    let (name, me) = ("li.lei", by("li.lei"));
    let none = operators.confirm_totp(&me, "000000", &vault, NOW).await;
    assert!(matches!(none, Err(OperatorError::WrongCode)), "nothing was offered");
    let first = operators.offer_totp(name, &vault).await.unwrap();
    let second = operators.offer_totp(name, &vault).await.unwrap();
    let old = operators.confirm_totp(&me, &first.code_at(NOW), &vault, NOW).await;
    assert!(matches!(old, Err(OperatorError::WrongCode)), "the second took its place");
    assert!(!operators.one(name).unwrap().unwrap().has_totp);
    assert!(!operators.sign_in(name, PASSWORD, HERE, NOW).await.unwrap().needs_code);
    operators.confirm_totp(&me, &second.code_at(NOW), &vault, NOW).await.unwrap();
    assert!(operators.offered_totp(name, &vault).unwrap().is_none());

    let half = operators.sign_in(name, PASSWORD, HERE, NOW).await.unwrap();
    assert!(half.needs_code);
    assert!(!operators.seated(&half.token, NOW).unwrap().unwrap().proved);
    let used = operators.give_code(&half.token, &second.code_at(NOW), &vault, HERE, NOW).await;
    assert_eq!(told(used), "name or password is not right", "it confirmed the app");
    let later = after(1);
    let code = second.code_at(later);
    let whole = operators.give_code(&half.token, &code, &vault, HERE, later).await.unwrap();
    assert!(operators.seated(&whole, later).unwrap().unwrap().proved);
    assert!(operators.seated(&half.token, later).unwrap().is_none(), "the half has ended");
    let half = operators.sign_in(name, PASSWORD, HERE, later).await.unwrap();
    let again = operators.give_code(&half.token, &code, &vault, HERE, later).await;
    assert_eq!(told(again), "name or password is not right", "somebody looked over a shoulder");
}

#[tokio::test]
async fn of_two_who_give_one_code_at_once_one_signs_in() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    let secret = with_codes(&operators, &vault, "li.lei").await;
    let now = after(1);
    let one = operators.sign_in("li.lei", PASSWORD, HERE, now).await.unwrap().token;
    let two = operators.sign_in("li.lei", PASSWORD, HERE, now).await.unwrap().token;
    let code = secret.code_at(now);
    let (one, two) = tokio::join!(
        operators.give_code(&one, &code, &vault, HERE, now),
        operators.give_code(&two, &code, &vault, HERE, now),
    );
    assert_eq!([&one, &two].into_iter().filter(|given| given.is_ok()).count(), 1);
}

/// With a session alone one could once put another app's codes in the place of its owner's.
#[tokio::test]
async fn codes_are_replaced_only_after_they_were_given_up_with_password_and_code() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    let secret = with_codes(&operators, &vault, "li.lei").await;
    let other = operators.offer_totp("li.lei", &vault).await.unwrap();
    let replaced =
        operators.confirm_totp(&by("li.lei"), &other.code_at(after(1)), &vault, after(1)).await;
    assert!(matches!(replaced, Err(OperatorError::HasCodes)));
    let code = secret.code_at(after(1));
    let give_up = async |password: &str, code: &str| {
        told(operators.give_up_totp("li.lei", password, code, &vault, HERE, after(1)).await)
    };
    assert_eq!(give_up("wrong horse battery", &code).await, "name or password is not right");
    assert_eq!(give_up(PASSWORD, "000000").await, "name or password is not right");
    assert_eq!(give_up(PASSWORD, &code).await, "done");
    assert!(!operators.sign_in("li.lei", PASSWORD, HERE, after(1)).await.unwrap().needs_code);
    // What was offered before is gone, and a code that was used stays used.
    assert!(operators.offered_totp("li.lei", &vault).unwrap().is_none());
}

#[tokio::test]
async fn secrets_are_not_readable_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::throw_away(&dice());
    let (secret, token) = {
        let operators = Operators::open(dir.path()).unwrap();
        add(&operators, "li.lei", Role::Operator).await;
        let token = operators.sign_in("li.lei", PASSWORD, HERE, NOW).await.unwrap().token;
        (with_codes(&operators, &vault, "li.lei").await, token)
    };
    let mut bytes = vec![];
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert!(holds(b"li.lei"), "it was looked for in the right place");
    assert!(holds(b"$argon2id$v=19$m=19456,t=2,p=1$"));
    let raw = data_encoding::BASE32_NOPAD.decode(secret.text().as_bytes()).unwrap();
    let (token, raw_token) = (token.expose(), crate::vault::unhex(&token.expose()).unwrap());
    let all = [PASSWORD.as_bytes(), secret.text().as_bytes(), &raw, token.as_bytes(), &raw_token]
        .map(holds);
    assert_eq!(all, [false; 5]);
}

#[tokio::test]
async fn a_sealed_secret_is_of_no_use_to_another_operator() {
    let operators = with(&[("li.lei", Role::Operator), ("eve", Role::Operator)]).await;
    let vault = Vault::throw_away(&dice());
    with_codes(&operators, &vault, "li.lei").await;
    let moved = operators.file.write("move a secret", |file| {
        let moved = "UPDATE operators SET totp_new = (SELECT totp FROM operators WHERE name = 'li.lei') WHERE name = 'eve'";
        file.execute(moved, [])?;
        Ok(Ok::<_, StoreFault>(()))
    });
    moved.await.unwrap();
    assert!(matches!(operators.offered_totp("eve", &vault), Err(OperatorError::Vault(_))));
}

// Signing in, sessions, pauses

#[test]
fn pauses_grow_stop_growing_and_are_forgotten() {
    let check = |patience: Patience, count: u32, passed_ms: i64, expected: Option<i64>| {
        let failures = Failures { count, last: NOW };
        let wait = failures.wait_ms(patience, NOW.plus_ms(passed_ms));
        assert_eq!(wait, expected, "{count} failures, {passed_ms} ms ago");
    };
    for (count, seconds) in [(5, 30), (6, 60), (7, 120), (8, 240), (9, 480), (10, 900), (99, 900)] {
        check(WITH_NAMES, count, 0, Some(seconds * 1_000));
        check(WITH_NAMES, count, seconds * 1_000 - 1, Some(1));
        check(WITH_NAMES, count, seconds * 1_000, None);
    }
    check(WITH_NAMES, 4, 0, None);
    check(WITH_NAMES, u32::MAX, 0, Some(900_000));
    check(WITH_NAMES, u32::MAX, limits::FAILURES_KEPT_MS, None);
    check(WITH_ADDRESSES, 9, 0, None);
    check(WITH_ADDRESSES, 10, 0, Some(30_000));
    check(WITH_ADDRESSES, 50, 0, Some(3_600_000));
    // A clock that was set back makes no pause longer.
    check(WITH_NAMES, 5, -3_600_000, Some(30_000));
    let old = Failures { count: 9, last: NOW };
    assert_eq!(old.more(NOW.plus_ms(limits::FAILURES_KEPT_MS)).count, 1);
    assert_eq!(old.more(NOW).count, 10);
    // What is taken back leaves no trace; what others did meanwhile stays.
    let tried = old.more(after(20));
    assert_eq!(tried.without(after(20), old), old);
    assert_eq!(tried.more(after(20)).without(after(20), old).count, 10);
}

#[test]
fn addresses_of_one_network_of_ipv6_pause_together_and_what_is_remembered_has_a_bound() {
    let addresses = lockout::Addresses::default();
    for host in 0..u16::try_from(limits::ADDRESS_FREE_TRIES).unwrap() {
        let address = format!("2001:db8:1:1::{host:x}").parse().unwrap();
        assert!(addresses.admit(address, NOW).is_ok());
    }
    assert_eq!(addresses.admit("2001:db8:1:1:ffff::1".parse().unwrap(), NOW), Err(30_000));
    assert!(addresses.admit("2001:db8:1:2::1".parse().unwrap(), NOW).is_ok());
    // One that stands for an address of IPv4 is that address.
    for _ in 0..limits::ADDRESS_FREE_TRIES {
        addresses.admit("::ffff:192.0.2.1".parse().unwrap(), NOW).unwrap();
    }
    assert_eq!(addresses.admit("192.0.2.1".parse().unwrap(), NOW), Err(30_000));
    for number in 0..u32::try_from(limits::FAILING_ADDRESSES).unwrap() {
        let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number));
        addresses.admit(address, after(1)).unwrap();
    }
    assert!(addresses.admit("192.0.2.1".parse().unwrap(), NOW).is_ok(), "the oldest is forgotten");
}

#[tokio::test]
async fn a_name_pauses_whatever_its_capitals_whoever_asks_and_whether_it_is_somebody_s() {
    let operators = with(&[("li.lei", Role::Operator)]).await;
    let from = |number: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, number));
    for name in ["li.lei", "nobody"] {
        for number in 0..5 {
            let failed = operators.sign_in(name, "wrong", from(number), NOW).await;
            assert!(matches!(failed, Err(SignInError::Wrong)));
        }
        let paused = operators.sign_in(&name.to_uppercase(), PASSWORD, from(9), NOW).await;
        assert!(matches!(paused, Err(SignInError::Paused(30_000))), "{name}: {paused:?}");
    }
    assert_eq!(operators.paused("li.lei", NOW).unwrap(), Some(30_000));
    // Who was paused has not tried: the pause does not grow by asking.
    let signed_in = operators.sign_in("li.lei", PASSWORD, from(9), NOW.plus_ms(30_000)).await;
    assert!(signed_in.is_ok());
    assert_eq!(operators.paused("li.lei", NOW.plus_ms(30_000)).unwrap(), None);
}

/// The right password once began the pause anew, which outlasted the time for the code: whoever was asked for codes could
/// not come back before a day without any failure.
#[tokio::test]
async fn whoever_waits_a_pause_out_gives_password_and_code_at_once() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    let secret = with_codes(&operators, &vault, "li.lei").await;
    let mut now = NOW;
    for _ in 0..20 {
        now = now.plus_ms(limits::ADDRESS_PAUSE_MS_MAX);
        let failed = operators.sign_in("li.lei", "wrong", HERE, now).await;
        assert!(matches!(failed, Err(SignInError::Wrong)), "{failed:?}");
    }
    now = now.plus_ms(limits::ADDRESS_PAUSE_MS_MAX);
    let half = operators.sign_in("li.lei", PASSWORD, HERE, now).await.unwrap();
    let code = secret.code_at(now);
    operators.give_code(&half.token, &code, &vault, HERE, now).await.unwrap();
    assert_eq!(operators.paused("li.lei", now).unwrap(), None);
}

#[tokio::test]
async fn whoever_has_the_password_cannot_guess_codes_without_end() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    with_codes(&operators, &vault, "li.lei").await;
    let mut guesses = 0;
    let paused = loop {
        let from = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + guesses));
        let half = match operators.sign_in("li.lei", PASSWORD, from, after(1)).await {
            Ok(half) => half,
            Err(error) => break error,
        };
        let guess = operators.give_code(&half.token, "000000", &vault, from, after(1)).await;
        assert!(matches!(guess, Err(SignInError::Wrong)), "{guess:?}");
        guesses += 1;
    };
    assert!(matches!(paused, SignInError::Paused(30_000)), "{paused:?}");
    assert_eq!(guesses, limits::NAME_FREE_TRIES);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_when_it_is_old_and_when_there_are_too_many() {
    let operators = with(&[("li.lei", Role::Operator)]).await;
    let open = |token: &Token, now| operators.seated(token, now).unwrap().is_some();
    let first = operators.sign_in("li.lei", PASSWORD, HERE, NOW).await.unwrap().token;
    assert!(open(&first, NOW.plus_ms(limits::SESSION_IDLE_MS - 1)));
    assert!(!open(&first, NOW.plus_ms(limits::SESSION_IDLE_MS)));
    let mut now = NOW;
    while now.0 - NOW.0 < limits::SESSION_MS - 20 * MINUTE {
        now = now.plus_ms(20 * MINUTE);
        operators.touch(first.id(), now).await.unwrap();
    }
    assert!(open(&first, NOW.plus_ms(limits::SESSION_MS - 1)));
    assert!(!open(&first, NOW.plus_ms(limits::SESSION_MS)));

    let mut tokens = vec![];
    for number in 1..=limits::SESSIONS {
        let now = NOW.plus_ms(i64::try_from(number).unwrap());
        tokens.push(operators.sign_in("li.lei", PASSWORD, HERE, now).await.unwrap().token);
    }
    assert!(!open(&first, after(1)), "one too many ends the oldest");
    assert!(tokens.iter().all(|token| open(token, after(1))));
    assert_eq!(operators.sessions("li.lei", after(1)).unwrap().len(), limits::SESSIONS);
    let kept = tokens[3].id();
    operators.end_other_sessions(&by("li.lei"), kept, after(1)).await.unwrap();
    let left = operators.sessions("li.lei", after(1)).unwrap();
    assert_eq!(left.iter().map(|open| open.session).collect::<Vec<_>>(), [kept]);
}

#[tokio::test]
async fn whoever_has_only_the_password_ends_nobody_s_session() {
    let (operators, vault) =
        (with(&[("li.lei", Role::Operator)]).await, Vault::throw_away(&dice()));
    let session = operators.sign_in("li.lei", PASSWORD, HERE, NOW).await.unwrap().token;
    with_codes(&operators, &vault, "li.lei").await;
    for _ in 0..limits::SESSIONS + 2 {
        operators.sign_in("li.lei", PASSWORD, HERE, after(1)).await.unwrap();
    }
    assert!(operators.seated(&session, after(1)).unwrap().is_some());
}

#[tokio::test]
async fn what_changes_somebody_ends_their_sessions_and_nobody_else_s() {
    let people = [("root", Role::Administrator), ("li.lei", Role::Operator), ("eve", Role::Viewer)];
    let (operators, vault) = (with(&people).await, Vault::throw_away(&dice()));
    let root = by("root");
    let other = operators.sign_in("eve", PASSWORD, HERE, NOW).await.unwrap().token;
    let password = Password::parse(PASSWORD, "li.lei").unwrap();
    for what in ["role", "disabled", "password", "codes", "own password"] {
        let token = operators.sign_in("li.lei", PASSWORD, HERE, NOW).await.unwrap().token;
        let name = "li.lei";
        match what {
            "role" => operators.set_role(&root, name, Role::Viewer, NOW).await.unwrap(),
            "disabled" => operators.set_disabled(&root, name, true, NOW).await.unwrap(),
            "password" => operators.reset_password(&root, name, &password, NOW).await.unwrap(),
            "codes" => operators.remove_totp(&root, name, NOW).await.unwrap(),
            _ => {
                let new = Password::parse("battery horse staple", name).unwrap();
                let changed = operators.change_password(name, PASSWORD, &new, HERE, NOW).await;
                let fresh = changed.unwrap();
                assert!(operators.seated(&fresh, NOW).unwrap().is_some());
                assert!(!operators.one(name).unwrap().unwrap().must_change);
            }
        }
        assert!(operators.seated(&token, NOW).unwrap().is_none(), "{what}");
        assert!(operators.seated(&other, NOW).unwrap().is_some(), "{what}");
        if what == "disabled" {
            let refused = operators.sign_in(name, PASSWORD, HERE, NOW).await;
            assert_eq!(told(refused), "name or password is not right", "and no more is said");
            operators.set_disabled(&root, name, false, NOW).await.unwrap();
        }
    }
    drop(vault);
}

/// What was proved before a reset once counted after it: the old password could take the account back.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_reset_meanwhile_opens_nothing() {
    for _ in 0..5 {
        let operators = with(&[("li.lei", Role::Operator)]).await;
        let reset = Password::made(&dice());
        let mine = Password::parse("battery horse staple", "li.lei").unwrap();
        let root = by("root");
        let (signed_in, changed, done) = tokio::join!(
            operators.sign_in("li.lei", PASSWORD, HERE, NOW),
            operators.change_password("li.lei", PASSWORD, &mine, HERE, NOW),
            operators.reset_password(&root, "li.lei", &reset, NOW),
        );
        done.unwrap();
        let tokens = [signed_in.ok().map(|signed_in| signed_in.token), changed.ok()];
        for token in tokens.into_iter().flatten() {
            assert!(operators.seated(&token, NOW).unwrap().is_none());
        }
        operators.sign_in("li.lei", reset.expose(), HERE, NOW).await.unwrap();
        assert!(operators.one("li.lei").unwrap().unwrap().must_change);
    }
}

#[test]
fn a_token_s_three_faces_say_nothing_of_each_other() {
    let token = Token::made(&dice());
    let id = hex(&token.id().0);
    assert!(id != token.csrf() && id != token.expose() && token.csrf() != token.expose());
    assert!(token.sent(&token.csrf()) && !token.sent(&token.expose()) && !token.sent(""));
    assert_eq!(format!("{token:?}"), "Token");
    assert_eq!(Token::parse(&token.expose()).unwrap().expose(), token.expose());
    let shouted = token.expose().to_uppercase();
    for text in ["", "00", &format!("{}00", token.expose()), &shouted[..63], "zz"] {
        assert!(Token::parse(text).is_none(), "{text:?}");
    }
}

// The audit

fn bill(no: &str) -> BillKey {
    BillKey {
        mid: Mid::parse("M1").unwrap(),
        no: BillNo::parse(no).unwrap(),
        date: Day::parse("2026-03-02").unwrap(),
    }
}

async fn with_entries() -> Operators {
    let operators = Operators::in_memory();
    for number in 1..=5 {
        let about = if number == 3 { About::Bill(bill("BILL03")) } else { About::Nothing };
        let detail = format!("number {number}");
        let entry = Entry { act: Act::Capture, about, detail, outcome: Outcome::Done };
        operators.record(&by("li.lei"), entry, after(number)).await.unwrap();
    }
    operators
}

async fn run(operators: &Operators, sql: &'static str) -> Result<(), StoreFault> {
    let run = |file: &Connection| Ok(Ok::<_, StoreFault>(file.execute_batch(sql)?));
    operators.file.write("meddle", run).await
}

#[tokio::test]
async fn the_file_refuses_everything_but_adding_to_the_audit() {
    let operators = with_entries().await;
    let before = operators.prove_audit().unwrap();
    assert_eq!((before.entries, before.broken), (5, None));
    let row = "0, 'x', '', 'capture', '', '', NULL, '', 'done', x'00'";
    assert!(run(&operators, "UPDATE audit SET detail = 'x' WHERE id = 5").await.is_err());
    assert!(run(&operators, "UPDATE OR REPLACE audit SET id = 1 WHERE id = 5").await.is_err());
    assert!(run(&operators, "DELETE FROM audit").await.is_err());
    assert!(run(&operators, "DELETE FROM audit WHERE id = 5").await.is_err());
    for how in ["REPLACE", "INSERT OR REPLACE", "INSERT"] {
        for id in [-1, 0, 1, 5] {
            let sql = format!("{how} INTO audit VALUES ({id}, {row})");
            let sql: &'static str = sql.leak();
            assert!(run(&operators, sql).await.is_err(), "{sql}");
        }
    }
    assert_eq!(operators.prove_audit().unwrap(), before);
}

#[tokio::test]
async fn whatever_is_done_to_the_audit_with_other_tools_is_found() {
    const UNGUARDED: &str = "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_removed; \
         DROP TRIGGER audit_is_not_replaced;";
    let head = with_entries().await.prove_audit().unwrap().head;
    for (sql, broken) in [
        ("UPDATE audit SET at = at + 1 WHERE id = 2", 2),
        ("UPDATE audit SET who = 'eve' WHERE id = 2", 2),
        ("UPDATE audit SET address = '' WHERE id = 2", 2),
        ("UPDATE audit SET act = 'refund' WHERE id = 2", 2),
        ("UPDATE audit SET kind = 'bill' WHERE id = 2", 2),
        ("UPDATE audit SET about = 'M1/2026-03-02/BILL04' WHERE id = 3", 3),
        ("UPDATE audit SET detail = '' WHERE id = 4", 4),
        ("UPDATE audit SET outcome = 'refused' WHERE id = 1", 1),
        ("UPDATE audit SET hash = zeroblob(32) WHERE id = 5", 5),
        // What moved from one text into the next.
        ("UPDATE audit SET act = 'capturex', kind = '' WHERE id = 2", 2),
        ("UPDATE audit SET detail = '', outcome = detail || outcome WHERE id = 2", 2),
        // What would hide an entry from those who look for its bill, or show it to those who look for another.
        ("UPDATE audit SET bill_no = NULL WHERE id = 3", 3),
        ("UPDATE audit SET bill_no = 'BILL03' WHERE id = 4", 4),
        // What is no entry at all.
        ("UPDATE audit SET hash = x'00' WHERE id = 4", 4),
        ("UPDATE audit SET who = CAST(x'ff' AS TEXT) WHERE id = 4", 4),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("DELETE FROM audit WHERE id = 3", 4),
        (
            "UPDATE audit SET id = 9 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 9",
            2,
        ),
        (
            "UPDATE audit SET id = id + 1 WHERE id = 5; INSERT INTO audit SELECT 5, at, who, address, act, kind, about, bill_no, detail, outcome, hash FROM audit WHERE id = 4",
            5,
        ),
        (
            "INSERT INTO audit SELECT -1, at, who, address, act, kind, about, bill_no, detail, outcome, hash FROM audit WHERE id = 4",
            0,
        ),
    ] {
        let operators = with_entries().await;
        run(&operators, UNGUARDED).await.unwrap();
        run(&operators, sql).await.unwrap();
        let proof = operators.prove_audit().unwrap();
        assert_eq!(proof.broken, Some(broken), "{sql}");
        assert_ne!(proof.head, head, "{sql}");
    }
    // What is cut off its end is found by whoever noted the hash.
    let operators = with_entries().await;
    run(&operators, UNGUARDED).await.unwrap();
    run(&operators, "DELETE FROM audit WHERE id = 5").await.unwrap();
    let proof = operators.prove_audit().unwrap();
    assert_eq!((proof.entries, proof.broken), (4, None));
    assert_ne!(proof.head, head);
}

#[tokio::test]
async fn the_audit_is_found_by_who_what_and_bill_and_in_pages() {
    let operators = with_entries().await;
    let refund = Entry {
        act: Act::Refund,
        about: About::Bill(bill("BILL03")),
        detail: "a\r\nb".to_owned(),
        outcome: Outcome::Refused,
    };
    operators.record(&by("eve"), refund, NOW).await.unwrap();
    let found = |filter: &AuditFilter, before, limit| {
        let found = operators.audit(filter, before, limit).unwrap();
        found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    let any = AuditFilter::default();
    assert_eq!(found(&any, None, 4), [6, 5, 4, 3]);
    assert_eq!(found(&any, Some(3), 4), [2, 1]);
    let of = AuditFilter { bill: Some("BILL03".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&of, None, 9), [6, 3]);
    let of = AuditFilter { who: Some("eve".to_owned()), ..of };
    assert_eq!(found(&of, None, 9), [6]);
    let of = AuditFilter { act: Some(Act::Capture), ..of };
    assert_eq!(found(&of, None, 9), [0; 0]);
    // A line stays a line.
    assert_eq!(operators.audit(&any, None, 1).unwrap()[0].detail, "a  b");
}

#[tokio::test]
async fn a_failure_is_written_under_the_operator_s_own_name_and_under_no_other() {
    let operators = with(&[("li.lei", Role::Operator)]).await;
    let _ = operators.sign_in("LI.LEI", "wrong", HERE, NOW).await;
    let _ = operators.sign_in("my secret password", "x", HERE, NOW).await;
    let _ = operators.sign_in("hunter2hunter2", "x", HERE, NOW).await;
    let written = operators.audit(&AuditFilter::default(), None, 3).unwrap();
    let told: Vec<_> = written.iter().map(|entry| (&*entry.who, &*entry.detail)).collect();
    assert_eq!(told, [("", "unknown name"), ("", "unknown name"), ("li.lei", "password")]);
}

#[test]
fn no_word_of_the_audit_is_used_twice() {
    let mut words: Vec<_> = Act::ALL.iter().map(|act| act.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Act::ALL.len());
    for act in Act::ALL {
        assert_eq!(Act::parse(act.word()), Some(*act));
    }
}

// Approvals

fn wanted(fen: u64) -> Wanted {
    Wanted {
        path: "/v1/netpay/bills/preauthed".to_owned(),
        body: "{}".to_owned(),
        bill: bill("BILL03"),
        fen,
        reason: "guest left".to_owned(),
    }
}

async fn tellers() -> Operators {
    let people = [
        ("li.lei", Role::Operator),
        ("han", Role::Operator),
        ("root", Role::Administrator),
        ("eve", Role::Viewer),
    ];
    with(&people).await
}

async fn decide(operators: &Operators, who: &str, decision: Decision, now: Moment) -> String {
    let decided = operators.decide_approval(&by(who), 1, decision, "note", now).await;
    match decided {
        Ok(approval) => approval.state.text().0.to_owned(),
        Err(ApprovalError::Decided(state)) => format!("was {}", state.text().0),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_request_is_decided_once_by_somebody_else_who_may() {
    use Decision::{Approve, Refuse, Withdraw};
    for (who, decision, expected) in [
        ("li.lei", Approve, "whoever asked cannot decide"),
        ("li.lei", Refuse, "whoever asked cannot decide"),
        ("han", Withdraw, "only whoever asked can withdraw"),
        ("eve", Approve, "it takes the role of an operator"),
        ("nobody", Approve, "it takes the role of an operator"),
        ("han", Approve, "approved"),
        ("root", Refuse, "refused"),
        ("li.lei", Withdraw, "withdrawn"),
    ] {
        let operators = tellers().await;
        let asked = operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
        assert_eq!((asked.id, asked.state), (1, ApprovalState::Waiting));
        assert_eq!(decide(&operators, who, decision, after(1)).await, expected, "{who}");
        let decided = operators.approval(1, after(1)).unwrap().unwrap();
        let again = decide(&operators, "root", Approve, after(2)).await;
        if decided.state == ApprovalState::Waiting {
            assert_eq!(again, "approved", "{who} {decision:?} left it waiting");
        } else {
            assert_eq!(decided.decided, Some((who.into(), after(1))));
            assert_eq!(again, format!("was {expected}"));
        }
    }
}

#[tokio::test]
async fn whoever_lost_the_role_neither_asks_nor_decides() {
    let operators = tellers().await;
    operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
    operators.set_disabled(&by("root"), "han", true, NOW).await.unwrap();
    let decided = decide(&operators, "han", Decision::Approve, NOW).await;
    assert_eq!(decided, "it takes the role of an operator");
    let asked = operators.ask_approval(&by("eve"), wanted(500), NOW).await;
    assert!(matches!(asked, Err(ApprovalError::NotAllowed)));
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_does() {
    let operators = tellers().await;
    operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
    let (one, two) = tokio::join!(
        decide(&operators, "han", Decision::Approve, NOW),
        decide(&operators, "root", Decision::Approve, NOW)
    );
    let mut told = [one, two];
    told.sort_unstable();
    assert_eq!(told, ["approved", "was approved"]);
}

#[tokio::test]
async fn a_request_expires_by_itself_and_makes_room() {
    let operators = tellers().await;
    operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
    let over = NOW.plus_ms(limits::APPROVAL_MS);
    let state = |now| operators.approval(1, now).unwrap().unwrap().state;
    assert_eq!(state(over.plus_ms(-1)), ApprovalState::Waiting);
    assert_eq!(state(over), ApprovalState::Expired);
    let listed = |state, now| {
        let filter = ApprovalFilter { state: Some(state), bill: Some(bill("BILL03")) };
        operators.approvals(&filter, None, 9, now).unwrap().len()
    };
    assert_eq!((listed(ApprovalState::Waiting, NOW), listed(ApprovalState::Expired, NOW)), (1, 0));
    assert_eq!(
        (listed(ApprovalState::Waiting, over), listed(ApprovalState::Expired, over)),
        (0, 1)
    );
    for decision in [Decision::Approve, Decision::Refuse] {
        assert_eq!(decide(&operators, "han", decision, over).await, "was expired");
    }
    assert_eq!(decide(&operators, "li.lei", Decision::Withdraw, over).await, "was expired");
    // As many as may wait do, and one that is over makes room.
    let fill = operators.file.write("fill", move |file| {
        let fill = "INSERT INTO approvals (asked_by, asked_at, path, body, mid, bill_no, bill_date, fen, reason, state, note)
            SELECT asked_by, ?1, path, body, mid, bill_no, bill_date, fen, reason, 0, '' FROM approvals WHERE id = 1";
        for _ in 0..limits::APPROVALS_WAITING {
            file.execute(fill, [over.0])?;
        }
        Ok(Ok::<_, StoreFault>(()))
    });
    fill.await.unwrap();
    let ask = async |now| told(operators.ask_approval(&by("li.lei"), wanted(500), now).await);
    assert_eq!(ask(over).await, "too many requests wait");
    assert_eq!(ask(over.plus_ms(limits::APPROVAL_MS)).await, "done");
}

#[tokio::test]
async fn what_was_approved_and_not_carried_out_runs_out_and_can_be_called_off() {
    use Decision::{Approve, Refuse, Withdraw};
    let over = NOW.plus_ms(limits::APPROVAL_MS);
    for (who, decision, at, expected) in [
        ("root", Refuse, after(1), "refused"),
        ("li.lei", Withdraw, after(1), "withdrawn"),
        ("li.lei", Refuse, after(1), "whoever asked cannot decide"),
        ("root", Approve, after(1), "was approved"),
        ("root", Refuse, over, "was expired"),
        ("li.lei", Withdraw, over, "was expired"),
    ] {
        let operators = tellers().await;
        operators.ask_approval(&by("li.lei"), wanted(500), NOW.plus_ms(-9)).await.unwrap();
        assert_eq!(decide(&operators, "han", Approve, NOW).await, "approved");
        let listed = |state, now| {
            let filter = ApprovalFilter { state: Some(state), bill: None };
            operators.approvals(&filter, None, 9, now).unwrap().len()
        };
        let (approved, expired) = (ApprovalState::Approved, ApprovalState::Expired);
        assert_eq!((listed(approved, over.plus_ms(-1)), listed(expired, over.plus_ms(-1))), (1, 0));
        assert_eq!((listed(approved, over), listed(expired, over)), (0, 1));
        assert_eq!(decide(&operators, who, decision, at).await, expected, "{who} {decision:?}");
        // It was under way all the same: what happened is what is kept.
        let carried = operators.carried_out(1, "done", at).await.unwrap();
        assert_eq!(carried.state, ApprovalState::CarriedOut);
    }
}

#[tokio::test]
async fn nobody_approves_of_what_somebody_asked_who_may_no_longer() {
    let operators = tellers().await;
    operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
    operators.set_disabled(&by("root"), "li.lei", true, NOW).await.unwrap();
    let decided = decide(&operators, "han", Decision::Approve, NOW).await;
    assert_eq!(decided, "whoever asked or approved may not do it any more");
    assert_eq!(decide(&operators, "han", Decision::Refuse, NOW).await, "refused");
}

#[tokio::test]
async fn only_what_was_approved_is_carried_out_and_only_once() {
    let operators = tellers().await;
    operators.ask_approval(&by("li.lei"), wanted(500), NOW).await.unwrap();
    let carried_out = async || match operators.carried_out(1, "taken", NOW).await {
        Ok(approval) => approval.state.text().0.to_owned(),
        Err(ApprovalError::Decided(state)) => format!("was {}", state.text().0),
        Err(error) => error.to_string(),
    };
    assert_eq!(carried_out().await, "was waiting");
    assert_eq!(decide(&operators, "han", Decision::Approve, NOW).await, "approved");
    let (one, two) = tokio::join!(carried_out(), carried_out());
    let mut told = [one, two];
    told.sort_unstable();
    assert_eq!(told, ["carried out", "was carried out"]);
    assert_eq!(operators.approval(1, NOW).unwrap().unwrap().note, "taken");
    let none = operators.carried_out(9, "", NOW).await;
    assert!(matches!(none, Err(ApprovalError::Missing)));
}

#[tokio::test]
async fn a_request_is_in_the_audit_of_its_bill_and_its_numbers_page() {
    let operators = tellers().await;
    for fen in [100, 200, 300] {
        operators.ask_approval(&by("li.lei"), wanted(fen), NOW).await.unwrap();
    }
    decide(&operators, "han", Decision::Refuse, NOW).await;
    let filter = AuditFilter { bill: Some("BILL03".to_owned()), ..AuditFilter::default() };
    let newest = operators.audit(&filter, None, 1).unwrap();
    assert_eq!(newest[0].detail, "request 1: preauthed 100 fen: note");
    let said = Said { id: 1, what: "preauthed", fen: 100, words: "note" };
    assert_eq!(said_of_request(&newest[0].detail), Some(said));
    for other in ["", "request x: a 1 fen: ", "request 1: a -1 fen: ", "x"] {
        assert_eq!(said_of_request(other), None, "{other:?}");
    }
    let any = ApprovalFilter::default();
    let page = operators.approvals(&any, Some(3), 2, NOW).unwrap();
    assert_eq!(page.iter().map(|approval| approval.id).collect::<Vec<_>>(), [2, 1]);
}
