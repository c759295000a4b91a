//! `holdfast merchant` and `holdfast app`: who may call, and for whom. They work on the data directory
//! itself, also while a gateway runs on it; the gateway reads the change within a second.

use std::{
    io::{self, Read as _},
    sync::Arc,
};

use clap::{Args, Subcommand};
use holdfast_domain::{Mid, Text};
use holdfast_gateway::{
    accounts::{Accounts, App, Merchant},
    clock::{Clock, Dice},
    config::{Config, duration_ms},
    store::SqliteStore,
    vault::Vault,
};
use holdfast_wire::{secret::AppKey, time};
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
    /// Add a merchant, or change the name of one 新增商户或修改名称
    Add {
        /// Its number 商户号
        mid: String,
        /// Its name, which payers read 商户名称，付款人可见
        #[arg(long)]
        name: String,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show all merchants 列出商户
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
        #[command(flatten)]
        settings: DataSettings,
    },
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
    match command.what {
        MerchantWhat::Add { mid, name, settings } => {
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            let name = Text::parse(&name).map_err(|_| {
                Failure::new(
                    Exit::Usage,
                    format!("{name:?} cannot be a name: 1 to 64 characters, not blank"),
                )
            })?;
            accounts.add_merchant(&mid, &name).await?;
            screen.say(format_args!("merchant {mid} is there (商户已就绪)"));
            screen.say(format_args!("next: holdfast app add --mid {mid}"));
            Ok(Exit::Done)
        }
        MerchantWhat::Freeze { mid, off, settings } => {
            let (mid, accounts) = (read_mid(&mid)?, open(&settings.0.read()?).await?);
            accounts.freeze(&mid, !off).await?;
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
                    let rows: Vec<[String; 3]> = all
                        .iter()
                        .map(|merchant| {
                            let state = if merchant.frozen { "frozen 已冻结" } else { "" };
                            [merchant.mid.to_string(), merchant.name.to_string(), state.to_owned()]
                        })
                        .collect();
                    screen.result(table(["mid 商户号", "name 名称", ""], &rows))?;
                }
            }
            Ok(Exit::Done)
        }
    }
}

pub(crate) async fn app(command: AppCommand, screen: &Screen) -> Result<Exit, Failure> {
    let dice = Dice::unpredictable();
    match command.what {
        AppWhat::Add { mid, id, network, key_stdin, settings } => {
            let mids: Vec<Mid> = mid.iter().map(|mid| read_mid(mid)).collect::<Result<_, _>>()?;
            let key = key_stdin.then(key_from_stdin).transpose()?;
            let accounts = open(&settings.0.read()?).await?;
            let made = key.is_none();
            let (id, key) = accounts.add_app(id.as_deref(), key, &mids, &network, &dice).await?;
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
            let old = keys.iter().filter_map(|key| Some((key.number, key.ends_at?)));
            for (number, ends_at) in old {
                screen.say(format_args!(
                    "key {number} is good until {} Beijing time (旧密钥有效期)",
                    time::show(ends_at)
                ));
            }
        }
        AppWhat::RevokeKey { id, number, settings } => {
            open(&settings.0.read()?).await?.revoke_key(&id, number, &dice).await?;
            screen.say(format_args!("key {number} of app {id} is no longer good (密钥已停用)"));
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
                    let rows: Vec<[String; 4]> = all.iter().map(|app| app_row(app)).collect();
                    screen.result(table(
                        ["app 应用", "merchants 商户", "networks 网段", "keys 密钥"],
                        &rows,
                    ))?;
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
        screen.insist("\nThis key is not shown again: keep it now. 此密钥不再显示，请立即保存。");
    }
    Ok(())
}

fn key_from_stdin() -> Result<AppKey, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(KEY_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Failure::new(Exit::Usage, format!("read the key from stdin: {error}")))?;
    read_key(&text)
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
    json!({"mid": merchant.mid.as_str(), "name": merchant.name.as_str(), "frozen": merchant.frozen})
}

fn app_json(app: &App) -> Value {
    let keys = app
        .keys
        .iter()
        .map(|key| json!({"number": key.number, "endsAt": key.ends_at.map(time::show)}));
    json!({
        "appId": &*app.id,
        "merchants": app.merchants.iter().map(Mid::as_str).collect::<Vec<_>>(),
        "networks": app.networks.iter().map(IpNet::to_string).collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
    })
}

fn app_row(app: &App) -> [String; 4] {
    let merchants: Vec<&str> = app.merchants.iter().map(Mid::as_str).collect();
    let networks: Vec<String> = app.networks.iter().map(IpNet::to_string).collect();
    let keys: Vec<String> = app
        .keys
        .iter()
        .map(|key| match key.ends_at {
            None => key.number.to_string(),
            Some(ends_at) => format!("{} (until {})", key.number, time::show(ends_at)),
        })
        .collect();
    let networks = if networks.is_empty() { "any 不限".to_owned() } else { networks.join(" ") };
    [app.id.to_string(), merchants.join(" "), networks, keys.join(", ")]
}
