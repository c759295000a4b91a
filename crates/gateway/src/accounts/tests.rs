//! Notice settings and names of callers, as they are kept and read again.

use super::*;
use crate::store::MemoryStore;

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
    accounts.freeze(&mid, true).await.unwrap();
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
        assert_eq!((merchant.name.as_str(), merchant.frozen), ("湖畔大酒店", true));
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
        let newer = ["notices", "msg_src"].map(|name| fields.remove(name).is_some());
        assert!(newer.contains(&true), "{stored}");
        store.register(kind, id, Some(record.to_string())).await.unwrap();
    }
    accounts.refresh().await.unwrap();
    let book = accounts.book();
    assert_eq!(book.merchants.get(&mid).unwrap().notices.sign_type, SignType::Md5);
    let app = book.apps.get(&id).unwrap();
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
    accounts.set_msg_src("one", Some(&name), &dice).await.unwrap();
    assert_eq!(found().as_deref(), Some("one"));
    accounts.set_msg_src("one", Some(&name), &dice).await.unwrap();
    let taken = accounts.set_msg_src("other", Some(&name), &dice).await.unwrap_err();
    assert_eq!(taken.to_string(), "app one calls by the name WWW.TEST.COM already");
    // A new key leaves the name where it is.
    accounts.rotate_key("one", 0, &Clock::running(0), &dice).await.unwrap();
    assert_eq!(found().as_deref(), Some("one"));
    accounts.set_msg_src("one", None, &dice).await.unwrap();
    accounts.set_msg_src("other", Some(&name), &dice).await.unwrap();
    assert_eq!(found().as_deref(), Some("other"));
}
