//! `holdfast merchant` and `holdfast app`: who may call, and for whom. They work on the data directory
//! itself, also while a gateway runs on it; the gateway reads the change within a second.

use std::{
    io::{self, Read as _},
    sync::Arc,
};

use clap::{Args, Subcommand, ValueEnum};
use holdfast_domain::{Amount, Mid, Text, Tid, yuan};
use holdfast_gateway::{
    accounts::{
        Accounts, App, AppChange, DayTotal, Frozen, Key, Limits, Merchant, MerchantChange,
        NoticeChange,
    },
    clock::{Clock, Dice},
    config::{Config, duration_ms},
    notices::Topic,
    store::SqliteStore,
    vault::Vault,
};
use holdfast_wire::{
    field::{SignType, Url},
    secret::{AppKey, NoticeKey, WebhookSecret},
    time,
};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::{
    connection::read_key,
    exit::{Exit, Failure},
    screen::{Format, Screen, table},
    settings::DataSettings,
};

/// The longest key that is read from stdin, in bytes.
const KEY_BYTES_MAX: u64 = 4096;

/// Merchants (商户): whose bills they are.
#[derive(Clone, Debug, Args)]
pub(crate) struct MerchantCommand {
    #[command(subcommand)]
    what: MerchantWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum MerchantWhat {
    /// Add a merchant, or change the name of one; a new one's communication key is shown once, on stdout
    /// 新增商户或修改名称，通讯密钥仅显示一次
    #[command(verbatim_doc_comment)]
    Add {
        /// Its number 商户号
        mid: String,
        /// Its name, which payers read 商户名称，付款人可见
        #[arg(long)]
        name: String,
        /// Take its communication key from stdin instead of making one 从标准输入读取通讯密钥
        #[arg(long)]
        notice_key_stdin: bool,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Say what a merchant may ask for, and what it is told, where, and in which form; what is not named stays 设置限额、终端与通知
    Set {
        /// Its number 商户号
        mid: String,
        /// The most in one bill, in fen; none takes the limit away 单笔限额（分）
        #[arg(long, value_name = "FEN")]
        most_per_bill: Option<String>,
        /// The most in all bills of one business day, in fen; none takes the limit away 单日限额（分）
        #[arg(long, value_name = "FEN")]
        most_per_day: Option<String>,
        /// Register a terminal, with what people call it behind =, such as 88880001=Lobby; repeatable 登记终端
        #[arg(long, value_name = "TID[=NAME]")]
        terminal: Vec<String>,
        /// Take a registered terminal away; repeatable 移除终端
        #[arg(long, value_name = "TID")]
        no_terminal: Vec<String>,
        /// Whether requests of terminals that are not registered are refused 仅受理已登记的终端
        #[arg(long, value_name = "ON|OFF")]
        only_terminals: Option<OnOff>,
        /// Where it is told of all its bills, besides each bill's own address; none takes it away 商户通知地址
        #[arg(long, value_name = "URL")]
        notify_url: Option<String>,
        /// What it is told of besides payments and holds, with commas between: capture, release, reversal, refund,
        /// expiry, expiring, close, guarantee, split; or none 除支付与预授权外还通知的事件
        #[arg(long, value_name = "EVENTS")]
        notify_on: Option<String>,
        /// The digest under its notices: MD5 or SHA256 签名算法
        #[arg(long, value_name = "DIGEST")]
        sign_type: Option<String>,
        /// Whether a second signature in headers follows Standard Webhooks; its secret is shown once 第二签名
        #[arg(long, value_name = "ON|OFF")]
        webhooks: Option<OnOff>,
        /// Whether notices also say the bill's version, what happened and how it stood before 附带版本与事件
        #[arg(long, value_name = "ON|OFF")]
        versions: Option<OnOff>,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Give a merchant a new communication key, which signs from now on; it is shown once 更换通讯密钥
    RotateNoticeKey {
        /// Its number 商户号
        mid: String,
        /// How long the old key stays good for what the merchant signs 旧密钥的过渡期
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = read_overlap)]
        overlap: i64,
        /// Take the key from stdin instead of making one 从标准输入读取通讯密钥
        #[arg(long)]
        notice_key_stdin: bool,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// End an older communication key at once 立即停用旧通讯密钥
    RevokeNoticeKey {
        /// Its number 商户号
        mid: String,
        /// The key's number, as `merchant list` shows it 密钥序号
        number: u32,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show all merchants and what they are told, never their keys 列出商户与通知设置，不显示密钥
    List {
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Let nothing be asked for a merchant any more 冻结商户
    Freeze {
        /// Its number 商户号
        mid: String,
        /// Let it go on 解除冻结
        #[arg(long)]
        off: bool,
        /// Why, for those who run the gateway 原因，仅运营方可见
        #[arg(long, value_name = "TEXT", conflicts_with = "off", value_parser = read_why)]
        why: Option<Text<200>>,
        #[command(flatten)]
        settings: DataSettings,
    },
}

/// Whether something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnOff {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// Apps (应用): callers with keys, and the merchants each may act for.
#[derive(Clone, Debug, Args)]
pub(crate) struct AppCommand {
    #[command(subcommand)]
    what: AppWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum AppWhat {
    /// Add an app; its key is shown once, on stdout 新增应用，密钥仅显示一次
    Add {
        /// A merchant it may act for; repeatable 可代表的商户，可重复
        #[arg(long, required = true)]
        mid: Vec<String>,
        /// Its id (AppId); made up unless given 应用 ID，缺省自动生成
        #[arg(long)]
        id: Option<String>,
        /// A network it may call from, such as 10.0.0.0/8; from anywhere unless given; repeatable 允许的来源网段
        #[arg(long, value_name = "CIDR")]
        network: Vec<IpNet>,
        /// Take an existing key (AppKey) from stdin instead of making one 从标准输入读取已有密钥
        #[arg(long)]
        key_stdin: bool,
        /// The name by which it calls in the predecessor protocol, such as WWW.TEST.COM 旧协议来源（msgSrc）
        #[arg(long, value_name = "NAME", value_parser = read_msg_src)]
        msg_src: Option<Text<64>>,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Say for whom an app may act, from where, and by what name it calls; what is not named stays 设置应用
    Set {
        /// The app's id 应用 ID
        id: String,
        /// A merchant it may act for, instead of those before; repeatable 可代表的商户，取代原有设置，可重复
        #[arg(long)]
        mid: Vec<String>,
        /// A network it may call from, instead of those before, such as 10.0.0.0/8, or any; repeatable
        /// 允许的来源网段，取代原有设置，any 表示不限
        #[arg(long, value_name = "CIDR", verbatim_doc_comment)]
        network: Vec<String>,
        /// The name by which it calls in the predecessor protocol; none takes it away 旧协议来源（msgSrc）
        #[arg(long, value_name = "NAME", value_parser = read_msg_src)]
        msg_src: Option<Text<64>>,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Let an app ask for nothing any more, whatever it signs 冻结应用
    Freeze {
        /// The app's id 应用 ID
        id: String,
        /// Let it go on 解除冻结
        #[arg(long)]
        off: bool,
        /// Why, for those who run the gateway 原因，仅运营方可见
        #[arg(long, value_name = "TEXT", conflicts_with = "off", value_parser = read_why)]
        why: Option<Text<200>>,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show all apps and the numbers of their keys, never the keys 列出应用，不显示密钥
    List {
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Give an app a new key; the old one stays good for a while 更换密钥，旧密钥在过渡期内仍有效
    RotateKey {
        /// The app's id 应用 ID
        id: String,
        /// How long the old key stays good 旧密钥的过渡期
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = read_overlap)]
        overlap: i64,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// End a key at once 立即停用密钥
    RevokeKey {
        /// The app's id 应用 ID
        id: String,
        /// The key's number, as `app list` shows it 密钥序号
        number: u32,
        #[command(flatten)]
        settings: DataSettings,
    },
}

pub(crate) async fn merchant(command: MerchantCommand, screen: &Screen) -> Result<Exit, Failure> {
    let (dice, clock) = (Dice::unpredictable(), Clock::running(0));
    match command.what {
        MerchantWhat::Add { mid, name, notice_key_stdin, settings } => {
            let given = notice_key_stdin.then(notice_key_from_stdin).transpose()?;
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            let name = Text::parse(&name).map_err(|_| {
                Failure::new(
                    Exit::Usage,
                    format!("{name:?} cannot be a name: 1 to 64 characters, not blank"),
                )
            })?;
            let book = accounts.book();
            let has_key =
                book.merchants.get(&mid).is_some_and(|merchant| merchant.notices.key().is_some());
            if has_key && given.is_some() {
                let what = format!("merchant {mid} has a communication key already");
                let hint = format!("holdfast merchant rotate-notice-key {mid} --notice-key-stdin");
                return Err(Failure::new(Exit::Conflict, what).hint(hint));
            }
            accounts.add_merchant(&mid, &name).await?;
            screen.say(format_args!("merchant {mid} is there (商户已就绪)"));
            if !has_key {
                let made = given.is_none();
                let key = accounts.rotate_notice_key(&mid, given, 0, &clock, &dice).await?;
                show_notice_key(screen, &accounts, &mid, made.then_some(&key))?;
            }
            screen.say(format_args!("next: holdfast app add --mid {mid}"));
            Ok(Exit::Done)
        }
        MerchantWhat::Set {
            mid,
            most_per_bill,
            most_per_day,
            terminal,
            no_terminal,
            only_terminals,
            notify_url,
            notify_on,
            sign_type,
            webhooks,
            versions,
            settings,
        } => {
            let mid = read_mid(&mid)?;
            let own = MerchantChange {
                name: None,
                bill_max: most_per_bill.as_deref().map(read_bill_max).transpose()?,
                day_max: most_per_day.as_deref().map(read_day_max).transpose()?,
                terminals: terminal
                    .iter()
                    .map(|text| read_terminal(text))
                    .collect::<Result<_, _>>()?,
                no_terminals: no_terminal
                    .iter()
                    .map(|text| read_tid(text))
                    .collect::<Result<_, _>>()?,
                only_terminals: only_terminals.map(|on| on == OnOff::On),
            };
            let change = NoticeChange {
                url: notify_url.as_deref().map(read_notify_url).transpose()?,
                sign_type: sign_type.as_deref().map(read_sign_type).transpose()?,
                notify_on: notify_on.as_deref().map(read_topics).transpose()?,
                webhooks: webhooks.map(|on| on == OnOff::On),
                versions: versions.map(|on| on == OnOff::On),
            };
            let (set, told) = (own != MerchantChange::default(), change != NoticeChange::default());
            if !set && !told {
                return Err(Failure::new(Exit::Usage, "nothing to set: name at least one setting")
                    .hint("holdfast merchant set --help"));
            }
            let accounts = open(&settings.0.read()?).await?;
            if set {
                accounts.set_merchant(&mid, &own).await?;
            }
            if told && let Some(secret) = accounts.set_notices(&mid, change, &dice).await? {
                show_webhook_secret(screen, &mid, &secret)?;
            }
            screen.say(format_args!("merchant {mid} is set (已设置)"));
            Ok(Exit::Done)
        }
        MerchantWhat::RotateNoticeKey { mid, overlap, notice_key_stdin, settings } => {
            let given = notice_key_stdin.then(notice_key_from_stdin).transpose()?;
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            let made = given.is_none();
            let key = accounts.rotate_notice_key(&mid, given, overlap, &clock, &dice).await?;
            show_notice_key(screen, &accounts, &mid, made.then_some(&key))?;
            let book = accounts.book();
            say_old_keys(
                screen,
                book.merchants.get(&mid).map(|merchant| &merchant.notices.keys[..]),
            );
            Ok(Exit::Done)
        }
        MerchantWhat::RevokeNoticeKey { mid, number, settings } => {
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            accounts.revoke_notice_key(&mid, number).await?;
            screen
                .say(format_args!("key {number} of merchant {mid} is no longer good (密钥已停用)"));
            Ok(Exit::Done)
        }
        MerchantWhat::Freeze { mid, off, why, settings } => {
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            accounts.freeze(&mid, (!off).then_some(&Frozen { why })).await?;
            screen.say(match off {
                false => format!("merchant {mid} is frozen (已冻结)"),
                true => format!("merchant {mid} goes on (已解除冻结)"),
            });
            Ok(Exit::Done)
        }
        MerchantWhat::List { settings } => {
            let book = open(&settings.0.read()?).await?.book();
            let mut all: Vec<&Arc<Merchant>> = book.merchants.values().collect();
            all.sort_by(|one, other| one.mid.cmp(&other.mid));
            match screen.format {
                Format::Json => screen.result(
                    all.iter().map(|merchant| merchant_json(merchant)).collect::<Value>(),
                )?,
                Format::Text => {
                    let rows: Vec<[String; 9]> =
                        all.iter().map(|merchant| merchant_row(merchant)).collect();
                    screen.result(table(MERCHANT_COLUMNS, &rows))?;
                }
            }
            Ok(Exit::Done)
        }
    }
}

pub(crate) async fn app(command: AppCommand, screen: &Screen) -> Result<Exit, Failure> {
    let dice = Dice::unpredictable();
    match command.what {
        AppWhat::Add { mid, id, network, key_stdin, msg_src, settings } => {
            let mids: Vec<Mid> = mid.iter().map(|mid| read_mid(mid)).collect::<Result<_, _>>()?;
            let key = key_stdin.then(key_from_stdin).transpose()?;
            let accounts = open(&settings.0.read()?).await?;
            let made = key.is_none();
            if let Some(name) = &msg_src {
                // Before the app is there, so that its key is not made in vain.
                accounts.book().may_be_named(id.as_deref().unwrap_or_default(), name)?;
            }
            let (id, key) = accounts.add_app(id.as_deref(), key, &mids, &network, &dice).await?;
            if msg_src.is_some() {
                accounts.set_app(&id, &AppChange::called(msg_src.as_ref())).await?;
            }
            match made {
                true => show_key(screen, &id, 1, Some(&key))?,
                // Whoever brought it has it: nobody needs to see it again.
                false => show_key(screen, &id, 1, None)?,
            }
        }
        AppWhat::RotateKey { id, overlap, settings } => {
            let accounts = open(&settings.0.read()?).await?;
            let key = accounts.rotate_key(&id, overlap, &Clock::running(0), &dice).await?;
            let book = accounts.book();
            let keys = book.apps.get(id.as_str()).map(|app| &app.keys[..]).unwrap_or_default();
            let number = keys.first().map_or(0, |key| key.number);
            show_key(screen, &id, number, Some(&key))?;
            say_old_keys(screen, Some(keys));
        }
        AppWhat::Set { id, mid, network, msg_src, settings } => {
            let mids: Vec<Mid> = mid.iter().map(|mid| read_mid(mid)).collect::<Result<_, _>>()?;
            let change = AppChange {
                merchants: (!mids.is_empty()).then_some(mids),
                networks: read_networks(&network)?,
                msg_src: msg_src.map(|name| Some(name).filter(|name| name.as_str() != NONE)),
            };
            if change == AppChange::default() {
                return Err(Failure::new(Exit::Usage, "nothing to set: name at least one setting")
                    .hint("holdfast app set --help"));
            }
            open(&settings.0.read()?).await?.set_app(&id, &change).await?;
            screen.say(format_args!("app {id} is set (已设置)"));
        }
        AppWhat::RevokeKey { id, number, settings } => {
            open(&settings.0.read()?).await?.revoke_key(&id, number).await?;
            screen.say(format_args!("key {number} of app {id} is no longer good (密钥已停用)"));
        }
        AppWhat::Freeze { id, off, why, settings } => {
            let frozen = (!off).then_some(Frozen { why });
            open(&settings.0.read()?).await?.freeze_app(&id, frozen.as_ref()).await?;
            screen.say(match off {
                false => format!("app {id} is frozen (已冻结)"),
                true => format!("app {id} goes on (已解除冻结)"),
            });
        }
        AppWhat::List { settings } => {
            let book = open(&settings.0.read()?).await?.book();
            let mut all: Vec<&Arc<App>> = book.apps.values().collect();
            all.sort_by(|one, other| one.id.cmp(&other.id));
            match screen.format {
                Format::Json => {
                    screen.result(all.iter().map(|app| app_json(app)).collect::<Value>())?
                }
                Format::Text => {
                    let rows: Vec<[String; 6]> = all.iter().map(|app| app_row(app)).collect();
                    screen.result(table(APP_COLUMNS, &rows))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// The apps and merchants of a data directory, made if it is not there.
async fn open(config: &Config) -> Result<Accounts, Failure> {
    let dir = &config.data_dir;
    let store = SqliteStore::open_registry(dir, config.environment.name())
        .map_err(|error| Failure::new(Exit::Config, error))?;
    let vault = Vault::open(&config.master_key_path(), &Dice::unpredictable())?;
    Ok(Accounts::open(Arc::new(store), Arc::new(vault)).await?)
}

/// The one time that a key is shown: on stdout, so that it can go straight where it belongs.
fn show_key(screen: &Screen, id: &str, number: u32, key: Option<&AppKey>) -> Result<(), Failure> {
    match screen.format {
        Format::Json => screen
            .result(json!({"appId": id, "keyNumber": number, "appKey": key.map(AppKey::expose)}))?,
        Format::Text => {
            screen.result(format_args!("HOLDFAST_APP_ID={id}"))?;
            if let Some(key) = key {
                screen.result(format_args!("HOLDFAST_APP_KEY={}", key.expose()))?;
            }
        }
    }
    if key.is_some() {
        screen.insist(NOT_AGAIN);
    }
    Ok(())
}

/// The same for a merchant's communication key.
fn show_notice_key(
    screen: &Screen,
    accounts: &Accounts,
    mid: &Mid,
    key: Option<&NoticeKey>,
) -> Result<(), Failure> {
    let book = accounts.book();
    let keys =
        book.merchants.get(mid).map(|merchant| &merchant.notices.keys[..]).unwrap_or_default();
    let number = keys.first().map_or(0, |key| key.number);
    match screen.format {
        Format::Json => screen.result(json!({
            "mid": mid.as_str(), "keyNumber": number, "noticeKey": key.map(NoticeKey::expose),
        }))?,
        Format::Text => {
            if let Some(key) = key {
                screen.result(format_args!("HOLDFAST_NOTICE_KEY={}", key.expose()))?;
            }
        }
    }
    if key.is_some() {
        screen.insist(NOT_AGAIN);
    }
    Ok(())
}

/// The same for the secret of the second signature.
fn show_webhook_secret(screen: &Screen, mid: &Mid, secret: &WebhookSecret) -> Result<(), Failure> {
    match screen.format {
        Format::Json => {
            screen.result(json!({"mid": mid.as_str(), "webhookSecret": secret.expose()}))?
        }
        Format::Text => {
            screen.result(format_args!("HOLDFAST_WEBHOOK_SECRET={}", secret.expose()))?
        }
    }
    screen.insist(NOT_AGAIN);
    Ok(())
}

const NOT_AGAIN: &str = "\nThis key is not shown again: keep it now. 此密钥不再显示，请立即保存。";

/// Until when the keys are good that a newer one has replaced.
fn say_old_keys<S>(screen: &Screen, keys: Option<&[Key<S>]>) {
    let keys = keys.unwrap_or_default();
    for (number, ends_at) in keys.iter().filter_map(|key| Some((key.number, key.ends_at?))) {
        screen.say(format_args!(
            "key {number} is good until {} Beijing time (旧密钥有效期)",
            time::show(ends_at)
        ));
    }
}

fn key_from_stdin() -> Result<AppKey, Failure> {
    read_key(&text_from_stdin()?)
}

fn notice_key_from_stdin() -> Result<NoticeKey, Failure> {
    NoticeKey::parse(text_from_stdin()?.trim_end_matches(['\r', '\n'])).map_err(|_| {
        let problem = "the communication key cannot be used: it is empty, longer than 256 characters, or has line breaks inside";
        Failure::new(Exit::Usage, problem)
    })
}

fn text_from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(KEY_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Failure::new(Exit::Usage, format!("read the key from stdin: {error}")))?;
    Ok(text)
}

/// The word that takes something away.
const NONE: &str = "none";

fn read_notify_url(text: &str) -> Result<Option<Url>, Failure> {
    match text {
        NONE => Ok(None),
        url => Url::parse(url).map(Some).map_err(|_| {
            Failure::new(
                Exit::Usage,
                format!("{url:?} is not an address: http:// or https://, a host, at most 1024 characters; or none"),
            )
        }),
    }
}

fn read_sign_type(text: &str) -> Result<SignType, Failure> {
    SignType::parse(text).map_err(|_| {
        let known = SignType::WORDS.join(" or ");
        Failure::new(Exit::Usage, format!("{text:?} is not a digest: {known}"))
    })
}

fn read_topics(text: &str) -> Result<Vec<Topic>, Failure> {
    if text == NONE {
        return Ok(vec![]);
    }
    let topic = |word: &str| {
        Topic::parse(word.trim()).map_err(|_| {
            let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.word()).collect();
            Failure::new(
                Exit::Usage,
                format!("{word:?} cannot be asked for: {}, or {NONE}", known.join(", ")),
            )
        })
    };
    text.split(',').map(topic).collect()
}

fn read_msg_src(text: &str) -> Result<Text<64>, String> {
    Text::parse(text).map_err(|_| "a name has 1 to 64 characters and is not blank".to_owned())
}

fn read_why(text: &str) -> Result<Text<200>, String> {
    Text::parse(text).map_err(|_| "a reason has 1 to 200 characters and is not blank".to_owned())
}

/// A limit of one bill; `none` takes it away.
fn read_bill_max(text: &str) -> Result<Option<Amount>, Failure> {
    if text == NONE {
        return Ok(None);
    }
    let amount = text.parse().ok().and_then(|fen| Amount::from_fen(fen).ok());
    amount.map(Some).ok_or_else(|| {
        let what = format!("{text:?} is not a limit: 1 to {} fen, or {NONE}", Amount::MAX_FEN);
        Failure::new(Exit::Usage, what)
    })
}

/// A limit of one day; `none` takes it away.
fn read_day_max(text: &str) -> Result<Option<DayTotal>, Failure> {
    if text == NONE {
        return Ok(None);
    }
    text.parse().ok().and_then(DayTotal::from_fen).map(Some).ok_or_else(|| {
        let what = format!("{text:?} is not a limit: 1 to {} fen, or {NONE}", DayTotal::MAX_FEN);
        Failure::new(Exit::Usage, what)
    })
}

/// A terminal, with what people call it behind `=`.
fn read_terminal(text: &str) -> Result<(Tid, Option<Text<64>>), Failure> {
    let (tid, label) = match text.split_once('=') {
        Some((tid, label)) => (tid, Some(label)),
        None => (text, None),
    };
    let label = label.map(Text::parse).transpose().map_err(|_| {
        let what = format!("{text:?} has no name behind =: 1 to 64 characters, not blank");
        Failure::new(Exit::Usage, what)
    })?;
    Ok((read_tid(tid)?, label))
}

fn read_tid(text: &str) -> Result<Tid, Failure> {
    Tid::parse(text).map_err(|_| {
        let what = format!("{text:?} is not a terminal number: 1 to 32 letters, digits, - _ .");
        Failure::new(Exit::Usage, what)
    })
}

/// The networks an app may call from; `any` alone for all.
fn read_networks(texts: &[String]) -> Result<Option<Vec<IpNet>>, Failure> {
    match texts {
        [] => Ok(None),
        [any] if any == "any" => Ok(Some(vec![])),
        texts => {
            let read = |text: &String| {
                text.parse().map_err(|_| {
                    let what = format!("{text:?} is not a network: write it as 10.0.0.0/8, or any");
                    Failure::new(Exit::Usage, what)
                })
            };
            texts.iter().map(read).collect::<Result<_, _>>().map(Some)
        }
    }
}

fn read_mid(text: &str) -> Result<Mid, Failure> {
    Mid::parse(text).map_err(|_| {
        Failure::new(
            Exit::Usage,
            format!("{text:?} is not a merchant number: 1 to 32 letters, digits, - _ ."),
        )
    })
}

fn read_overlap(text: &str) -> Result<i64, String> {
    duration_ms(text)
        .ok_or_else(|| "write it as 30m, 24h or 7d; 0s ends the old key at once".to_owned())
}

fn merchant_json(merchant: &Merchant) -> Value {
    let notices = &merchant.notices;
    json!({
        "mid": merchant.mid.as_str(),
        "name": merchant.name.as_str(),
        "frozen": merchant.frozen.is_some(),
        "frozenWhy": why_json(merchant.frozen.as_ref()),
        "mostPerBill": merchant.limits.bill.map(Amount::fen),
        "mostPerDay": merchant.limits.day.map(DayTotal::fen),
        "terminals": merchant.terminals.iter().map(|(tid, label)| {
            json!({"tid": tid.as_str(), "name": label.as_ref().map(Text::as_str)})
        }).collect::<Vec<_>>(),
        "onlyTerminals": merchant.only_terminals,
        "notifyUrl": notices.url.as_ref().map(Url::as_str),
        "notifyOn": notices.notify_on.iter().map(|topic| topic.word()).collect::<Vec<_>>(),
        "signType": notices.sign_type.as_str(),
        "webhooks": notices.webhooks.is_some(),
        "versions": notices.versions,
        "noticeKeys": notices.keys.iter().map(key_json).collect::<Vec<_>>(),
    })
}

/// Why it is frozen, if it is and somebody said so.
fn why_json(frozen: Option<&Frozen>) -> Option<&str> {
    frozen.and_then(|frozen| frozen.why.as_ref()).map(Text::as_str)
}

const APP_COLUMNS: [&str; 6] =
    ["app 应用", "merchants 商户", "networks 网段", "keys 密钥", "msgSrc 来源", ""];

const MERCHANT_COLUMNS: [&str; 9] = [
    "mid 商户号",
    "name 名称",
    "notices to 通知地址",
    "also on 事件",
    "form 形式",
    "keys 密钥",
    "terminals 终端",
    "limits 限额",
    "",
];

fn merchant_row(merchant: &Merchant) -> [String; 9] {
    let notices = &merchant.notices;
    let topics: Vec<&str> = notices.notify_on.iter().map(|topic| topic.word()).collect();
    let extras = [("webhooks", notices.webhooks.is_some()), ("versions", notices.versions)];
    let extras = extras.into_iter().filter_map(|(name, on)| on.then_some(name));
    let form: Vec<&str> = [notices.sign_type.as_str()].into_iter().chain(extras).collect();
    [
        merchant.mid.to_string(),
        merchant.name.to_string(),
        notices.url.as_ref().map_or("each bill's 账单地址", Url::as_str).to_owned(),
        topics.join(","),
        form.join(" "),
        key_list(&notices.keys),
        terminal_list(merchant),
        limit_list(merchant.limits),
        shown_frozen(merchant.frozen.as_ref()),
    ]
}

/// The terminals in short: some merchants have many.
fn terminal_list(merchant: &Merchant) -> String {
    let shown: Vec<&str> = merchant.terminals.keys().take(3).map(Tid::as_str).collect();
    let more = merchant.terminals.len().saturating_sub(shown.len());
    let more = if more == 0 { String::new() } else { format!(" +{more}") };
    let only = if merchant.only_terminals { "only 仅限 " } else { "" };
    format!("{only}{}{more}", shown.join(" "))
}

fn limit_list(limits: Limits) -> String {
    let bill = limits.bill.map(|most| format!("bill 单笔 {}", yuan(most.fen().into())));
    let day = limits.day.map(|most| format!("day 单日 {}", yuan(most.fen().into())));
    bill.into_iter().chain(day).collect::<Vec<_>>().join(", ")
}

fn shown_frozen(frozen: Option<&Frozen>) -> String {
    match frozen {
        None => String::new(),
        Some(Frozen { why: None }) => "frozen 已冻结".to_owned(),
        Some(Frozen { why: Some(why) }) => format!("frozen 已冻结: {why}"),
    }
}

fn key_json<S>(key: &Key<S>) -> Value {
    json!({"number": key.number, "endsAt": key.ends_at.map(time::show)})
}

/// The numbers of keys, the newest first.
fn key_list<S>(keys: &[Key<S>]) -> String {
    let told = keys.iter().map(|key| match key.ends_at {
        None => key.number.to_string(),
        Some(ends_at) => format!("{} (until {})", key.number, time::show(ends_at)),
    });
    told.collect::<Vec<_>>().join(", ")
}

fn app_json(app: &App) -> Value {
    json!({
        "appId": &*app.id,
        "merchants": app.merchants.iter().map(Mid::as_str).collect::<Vec<_>>(),
        "networks": app.networks.iter().map(IpNet::to_string).collect::<Vec<_>>(),
        "keys": app.keys.iter().map(key_json).collect::<Vec<_>>(),
        "msgSrc": app.msg_src.as_ref().map(Text::as_str),
        "frozen": app.frozen.is_some(),
        "frozenWhy": why_json(app.frozen.as_ref()),
    })
}

fn app_row(app: &App) -> [String; 6] {
    let merchants: Vec<&str> = app.merchants.iter().map(Mid::as_str).collect();
    let networks: Vec<String> = app.networks.iter().map(IpNet::to_string).collect();
    let networks = if networks.is_empty() { "any 不限".to_owned() } else { networks.join(" ") };
    let msg_src = app.msg_src.as_ref().map_or(String::new(), Text::to_string);
    let frozen = shown_frozen(app.frozen.as_ref());
    [app.id.to_string(), merchants.join(" "), networks, key_list(&app.keys), msg_src, frozen]
}
