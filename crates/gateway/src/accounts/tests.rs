//! Notice settings and names of callers, as they are kept and read again.

use super::*;
use crate::{
    clock::{Clock, Dice},
    limits,
    store::MemoryStore,
};

const MID: &str = "898201612345678";

/// Accounts with one merchant, on a store that others may open too.
async fn accounts() -> (Accounts, Arc<dyn Store>, Arc<Vault>, Mid) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = Arc::new(Vault::throw_away(&Dice::seeded(1)));
    let accounts = Accounts::open(store.clone(), vault.clone()).await.unwrap();
    let mid = Mid::parse(MID).unwrap();
    accounts.add_merchant(&mid, &Text::parse("湖畔酒店").unwrap()).await.unwrap();
    (accounts, store, vault, mid)
}

fn settings(accounts: &Accounts, mid: &Mid) -> NoticeSettings {
    accounts.book().merchants.get(mid).unwrap().notices.clone()
}

#[tokio::test]
async fn notice_settings_are_what_was_set_also_after_a_restart_and_for_another_name() {
    let (accounts, store, vault, mid) = accounts().await;
    let (dice, clock) = (Dice::seeded(2), Clock::standing(Moment(0)));
    let plain = NoticeSettings {
        url: None,
        keys: vec![],
        sign_type: SignType::Md5,
        notify_on: vec![],
        webhooks: None,
        versions: false,
    };
    assert_eq!(settings(&accounts, &mid), plain);

    let url = Url::parse("https://hotel.example/notices?from=holdfast").unwrap();
    let change = NoticeChange {
        url: Some(Some(url.clone())),
        sign_type: Some(SignType::Sha256),
        notify_on: Some(vec![Topic::Refund, Topic::Capture, Topic::Refund]),
        webhooks: Some(true),
        versions: Some(true),
    };
    let secret = accounts.set_notices(&mid, change, &dice).await.unwrap();
    let key = accounts.rotate_notice_key(&mid, None, 0, &clock, &dice).await.unwrap();
    accounts.freeze(&mid, Some(&Frozen::default())).await.unwrap();
    accounts.add_merchant(&mid, &Text::parse("湖畔大酒店").unwrap()).await.unwrap();
    let set = NoticeSettings {
        url: Some(url),
        keys: vec![Key { number: 1, secret: key, ends_at: None }],
        sign_type: SignType::Sha256,
        notify_on: vec![Topic::Capture, Topic::Refund],
        webhooks: secret.clone(),
        versions: true,
    };
    let again = Accounts::open(store.clone(), vault).await.unwrap();
    for accounts in [&accounts, &again] {
        assert_eq!(settings(accounts, &mid), set);
        let merchant = accounts.book().merchants.get(&mid).unwrap().clone();
        assert_eq!((merchant.name.as_str(), merchant.frozen.is_some()), ("湖畔大酒店", true));
    }
    let stored = format!("{:?}", store.registry(Kind::Merchant).await.unwrap());
    assert!(!stored.contains(secret.unwrap().expose()), "{stored}");

    let off = NoticeChange { url: Some(None), webhooks: Some(false), ..NoticeChange::default() };
    assert_eq!(accounts.set_notices(&mid, off, &dice).await.unwrap(), None);
    let left = NoticeSettings { url: None, webhooks: None, ..set };
    assert_eq!(settings(&accounts, &mid), left);
}

#[tokio::test]
async fn the_newest_communication_key_signs_and_the_one_before_it_ends_in_time() {
    let (accounts, _, _, mid) = accounts().await;
    let (dice, clock) = (Dice::seeded(2), Clock::running(0));
    let given = NoticeKey::parse("a key that the merchant has already").unwrap();
    let first = accounts.rotate_notice_key(&mid, Some(given.clone()), 0, &clock, &dice).await;
    assert_eq!(first.unwrap(), given);
    let second = accounts.rotate_notice_key(&mid, None, 60_000, &clock, &dice).await.unwrap();
    let now = settings(&accounts, &mid);
    assert_eq!(now.key(), Some(&second));
    let old = now.keys.get(1).unwrap();
    let ends = old.ends_at.unwrap();
    assert!(old.secret == given && old.is_good(Moment(ends.0 - 1)) && !old.is_good(ends));

    let third = accounts.rotate_notice_key(&mid, None, 0, &clock, &dice).await.unwrap_err();
    assert_eq!(
        third.to_string(),
        format!("merchant {MID} has 2 live keys: end the older one first")
    );
    let newest = accounts.revoke_notice_key(&mid, 2).await.unwrap_err();
    assert!(newest.to_string().contains("key 2 signs the notices"), "{newest}");
    accounts.revoke_notice_key(&mid, 1).await.unwrap();
    let third = accounts.rotate_notice_key(&mid, None, 0, &clock, &dice).await.unwrap();
    let keys: Vec<u32> = settings(&accounts, &mid).keys.iter().map(|key| key.number).collect();
    assert_eq!((keys, settings(&accounts, &mid).key()), (vec![3, 2], Some(&third)));
}

#[tokio::test]
async fn records_from_before_there_were_notices_are_read() {
    let (accounts, store, _, mid) = accounts().await;
    let dice = Dice::seeded(2);
    let (id, key) = accounts
        .add_app(Some("old-app"), None, std::slice::from_ref(&mid), &[], &dice)
        .await
        .unwrap();
    for (kind, id) in [(Kind::Merchant, MID), (Kind::App, &*id)] {
        let stored = store.registry(kind).await.unwrap().into_iter().next().unwrap().1;
        let mut record: serde_json::Value = serde_json::from_str(&stored).unwrap();
        let fields = record.as_object_mut().unwrap();
        let newer = ["notices", "msg_src", "last_key"].map(|name| fields.remove(name).is_some());
        assert!(newer.contains(&true), "{stored}");
        store.register(kind, id, Some(record.to_string())).await.unwrap();
    }
    accounts.refresh().await.unwrap();
    let book = accounts.book();
    assert_eq!(book.merchants.get(&mid).unwrap().notices.sign_type, SignType::Md5);
    let merchant = book.merchants.get(&mid).unwrap();
    assert_eq!((merchant.limits, merchant.only_terminals), (Limits::default(), false));
    assert!(merchant.frozen.is_none() && merchant.terminals.is_empty());
    let app = book.apps.get(&id).unwrap();
    assert!(app.frozen.is_none());
    assert_eq!((app.keys.first().map(|key| &key.secret), &app.msg_src), (Some(&key), &None));
}

#[tokio::test]
async fn a_name_in_the_predecessor_protocol_finds_one_app() {
    let (accounts, _, _, mid) = accounts().await;
    let dice = Dice::seeded(2);
    for id in ["one", "other"] {
        accounts.add_app(Some(id), None, std::slice::from_ref(&mid), &[], &dice).await.unwrap();
    }
    let name = Text::parse("WWW.TEST.COM").unwrap();
    let found = || accounts.book().named(&name).map(|app| app.id.to_string());
    assert_eq!(found(), None);
    accounts.set_app("one", &AppChange::called(Some(&name))).await.unwrap();
    assert_eq!(found().as_deref(), Some("one"));
    accounts.set_app("one", &AppChange::called(Some(&name))).await.unwrap();
    let taken = accounts.set_app("other", &AppChange::called(Some(&name))).await.unwrap_err();
    assert_eq!(taken.to_string(), "app one calls by the name WWW.TEST.COM already");
    // A new key leaves the name where it is.
    accounts.rotate_key("one", 0, &Clock::running(0), &dice).await.unwrap();
    assert_eq!(found().as_deref(), Some("one"));
    accounts.set_app("one", &AppChange::called(None)).await.unwrap();
    accounts.set_app("other", &AppChange::called(Some(&name))).await.unwrap();
    assert_eq!(found().as_deref(), Some("other"));
}

#[tokio::test]
async fn terminals_and_limits_are_what_was_set_also_after_a_restart() {
    let (accounts, store, vault, mid) = accounts().await;
    let (tid, label) = (|text| Tid::parse(text).unwrap(), |text| Text::parse(text).ok());
    let change = MerchantChange {
        bill_max: Some(Amount::from_fen(50_000).ok()),
        day_max: Some(DayTotal::from_fen(200_000)),
        terminals: vec![(tid("88880001"), label("前台")), (tid("88880002"), None)],
        only_terminals: Some(true),
        ..MerchantChange::default()
    };
    accounts.set_merchant(&mid, &change).await.unwrap();
    accounts.freeze(&mid, Some(&Frozen { why: label_of("冒用") })).await.unwrap();
    let again = Accounts::open(store, vault).await.unwrap();
    for accounts in [&accounts, &again] {
        let merchant = accounts.book().merchants.get(&mid).unwrap().clone();
        assert_eq!(merchant.limits.bill.map(Amount::fen), Some(50_000));
        assert_eq!(merchant.limits.day.map(DayTotal::fen), Some(200_000));
        assert_eq!(merchant.terminals.get(&tid("88880001")), Some(&label("前台")));
        assert!(merchant.takes(&tid("88880002")) && !merchant.takes(&tid("88880003")));
        assert_eq!(merchant.frozen, Some(Frozen { why: label_of("冒用") }));
    }
    let rename = MerchantChange {
        bill_max: Some(None),
        terminals: vec![(tid("88880002"), label("大堂"))],
        no_terminals: vec![tid("88880001")],
        ..MerchantChange::default()
    };
    accounts.set_merchant(&mid, &rename).await.unwrap();
    let merchant = accounts.book().merchants.get(&mid).unwrap().clone();
    assert_eq!((merchant.limits.bill, merchant.terminals.len()), (None, 1));
    assert_eq!(merchant.terminals.get(&tid("88880002")), Some(&label("大堂")));
    assert_eq!(merchant.limits.day.map(DayTotal::fen), Some(200_000));
}

fn label_of(text: &str) -> Option<Text<200>> {
    Text::parse(text).ok()
}

#[tokio::test]
async fn a_merchant_that_takes_registered_terminals_only_has_one() {
    let (accounts, _, _, mid) = accounts().await;
    let tid = || Tid::parse("88880001").unwrap();
    let only = MerchantChange { only_terminals: Some(true), ..MerchantChange::default() };
    let none = accounts.set_merchant(&mid, &only).await.unwrap_err();
    assert!(none.to_string().contains("would take no requests at all"), "{none}");
    let with = MerchantChange { terminals: vec![(tid(), None)], ..only };
    accounts.set_merchant(&mid, &with).await.unwrap();
    let without = MerchantChange { no_terminals: vec![tid()], ..MerchantChange::default() };
    let last = accounts.set_merchant(&mid, &without).await.unwrap_err();
    assert!(last.to_string().contains("would take no requests at all"), "{last}");
    let off = MerchantChange { only_terminals: Some(false), ..without.clone() };
    accounts.set_merchant(&mid, &off).await.unwrap();
    let twice = accounts.set_merchant(&mid, &without).await.unwrap_err();
    assert_eq!(twice.to_string(), format!("merchant {MID} has no terminal 88880001"));
    let many = (0..=limits::TERMINALS).map(|number| Tid::parse(&number.to_string()).unwrap());
    let many = MerchantChange {
        terminals: many.map(|tid| (tid, None)).collect(),
        ..MerchantChange::default()
    };
    let many = accounts.set_merchant(&mid, &many).await.unwrap_err();
    assert_eq!(many.to_string(), "a merchant has at most 1000 terminals");
}

#[tokio::test]
async fn a_form_that_was_made_from_an_older_record_changes_nothing() {
    let (accounts, _, _, mid) = accounts().await;
    let mark = || accounts.book().merchants.get(&mid).unwrap().mark.to_string();
    let name = |text: &str| MerchantChange {
        name: Some(Text::parse(text).unwrap()),
        ..MerchantChange::default()
    };
    let (seen, one, two) = (mark(), name("一"), name("二"));
    let set = |mark: String, change| {
        let (accounts, mid) = (&accounts, mid.clone());
        async move {
            let deed = accounts.set_merchant(&mid, change);
            accounts.based_on(Kind::Merchant, mid.as_str(), &mark, deed).await
        }
    };
    let (first, second) = tokio::join!(set(seen.clone(), &one), set(seen.clone(), &two));
    assert!(first.is_ok() && matches!(second, Err(AccountError::Stale)), "{first:?} {second:?}");
    assert_eq!(accounts.book().merchants.get(&mid).unwrap().name.as_str(), "一");
    assert_ne!(mark(), seen);
    set(mark(), &two).await.unwrap();
    let nobody = accounts.based_on(Kind::App, "nobody", &seen, async { Ok(()) }).await;
    assert!(matches!(nobody, Err(AccountError::Stale)));
}

#[tokio::test]
async fn two_who_change_different_things_of_one_record_at_once_lose_nothing() {
    let (accounts, store, vault, mid) = accounts().await;
    let other = Accounts::open(store, vault).await.unwrap();
    let terminal = |number: u32| MerchantChange {
        terminals: vec![(Tid::parse(&number.to_string()).unwrap(), None)],
        ..MerchantChange::default()
    };
    for number in 0..20 {
        let (one, two) = (terminal(number), terminal(number + 100));
        let (one, two) =
            tokio::join!(accounts.set_merchant(&mid, &one), other.set_merchant(&mid, &two));
        one.and(two).unwrap();
    }
    accounts.refresh().await.unwrap();
    assert_eq!(accounts.book().merchants.get(&mid).unwrap().terminals.len(), 40);
}

#[tokio::test]
async fn a_key_that_was_ended_never_gives_its_number_to_another() {
    let (accounts, _, _, mid) = accounts().await;
    let (dice, clock) = (Dice::seeded(2), Clock::running(0));
    accounts.add_app(Some("one"), None, &[mid], &[], &dice).await.unwrap();
    let numbers = || {
        let book = accounts.book();
        book.apps.get("one").unwrap().keys.iter().map(|key| key.number).collect::<Vec<_>>()
    };
    accounts.rotate_key("one", 60_000, &clock, &dice).await.unwrap();
    assert_eq!(numbers(), [2, 1]);
    // A token that was issued for key 2 must not fit the next one.
    accounts.revoke_key("one", 2).await.unwrap();
    accounts.rotate_key("one", 60_000, &clock, &dice).await.unwrap();
    assert_eq!(numbers(), [3, 1]);
}
