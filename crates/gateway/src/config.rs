//! Settings: declared once, read from flags, environment variables and a file, each checked before anything starts.

use std::{fmt, net::SocketAddr, path::PathBuf};

use holdfast_domain::{DayEnd, LateSuccess, Policy};
use ipnet::IpNet;

/// Which world a gateway lives in. A data directory remembers it and is never opened as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Simulated payer and channel, a movable clock, explanations of failed signatures.
    Test,
    /// Real money, with none of that.
    Live,
}

impl Environment {
    /// The environment's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything an operator can choose, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where bills are kept.
    pub data_dir: PathBuf,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Which world it lives in.
    pub environment: Environment,
    /// The file with the master key; `master.key` in the data directory when absent.
    pub master_key_file: Option<PathBuf>,
    /// What QR codes begin with; the listening address when absent.
    pub public_url: Option<String>,
    /// The rules' choices.
    pub policy: Policy,
    /// Whether the simulated channel restores a hold after a reversal.
    pub restores: bool,
    /// How long a caller waits for the channel, in milliseconds.
    pub answer_within_ms: i64,
    /// How far a signature's time may be off, in milliseconds.
    pub clock_skew_ms: i64,
    /// Networks that merchants may have notices sent to although they are not public.
    pub notify_networks: Vec<IpNet>,
    /// A file with certificate authorities that are trusted besides the public ones when notices are sent.
    pub notify_ca_file: Option<PathBuf>,
    /// Where operators are served.
    pub console: ConsoleListen,
    /// The address of the console in a browser, where a proxy stands before it.
    pub console_url: Option<String>,
    /// Sums above this many fen take a second person at the console; `None` for no sum.
    pub approval_above: Option<u64>,
    /// What is logged.
    pub log: LogLevel,
}

/// Where the console listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleListen {
    /// On loopback, on the port after the gateway's; on any free one if the gateway takes any.
    Beside,
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// What is logged, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs an operator.
    Error,
    /// Also what is strange.
    Warn,
    /// Also what happens.
    Info,
    /// Also every request.
    Debug,
}

/// One setting as people write it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in a file. `HOLDFAST_` and the name in capitals is its environment variable; the name with `-` for
    /// `_` is its flag.
    pub name: &'static str,
    /// What holds when nobody sets it, as people would write it; empty for "nothing".
    pub default: &'static str,
    /// What it means and how it is written.
    pub en: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    read: fn(&mut Config, &str) -> Result<(), &'static str>,
}

/// All settings. Files, environment variables, flags and their help follow from this list.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "data_dir",
        default: "holdfast-data",
        en: "Directory where bills, orders and the journal are kept",
        zh: "数据目录：账单、订单与流水",
        read: |config, text| {
            config.data_dir = nonempty(text)?.into();
            Ok(())
        },
    },
    Setting {
        name: "listen",
        default: "127.0.0.1:8080",
        en: "Address and port to listen on; the live environment listens on loopback only, behind a TLS proxy",
        zh: "监听地址与端口；live 环境仅允许本机回环地址，前置 TLS 代理",
        read: |config, text| {
            config.listen =
                text.parse().map_err(|_| "an address and port such as 127.0.0.1:8080")?;
            Ok(())
        },
    },
    Setting {
        name: "environment",
        default: "test",
        en: "test (simulated payer and channel, movable clock) or live",
        zh: "环境：test（模拟付款人、渠道与可调时钟）或 live",
        read: |config, text| {
            config.environment = match text {
                "test" => Environment::Test,
                "live" => Environment::Live,
                _ => return Err("test or live"),
            };
            Ok(())
        },
    },
    Setting {
        name: "master_key_file",
        default: "",
        en: "File with the key that app keys are encrypted under; made in the data directory when absent",
        zh: "主密钥文件，用于加密各应用密钥；缺省时在数据目录内生成",
        read: |config, text| {
            config.master_key_file = (!text.is_empty()).then(|| text.into());
            Ok(())
        },
    },
    Setting {
        name: "public_url",
        default: "",
        en: "What the links in QR codes begin with; http:// and the listening address when absent",
        zh: "二维码链接前缀；缺省为 http:// 加监听地址",
        read: |config, text| {
            let web = text.starts_with("http://") || text.starts_with("https://");
            if !(text.is_empty() || web) {
                return Err("a URL that begins with http:// or https://");
            }
            config.public_url = (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned());
            Ok(())
        },
    },
    Setting {
        name: "capture_limit_percent",
        default: "100",
        en: "How much may be captured, in percent of the hold: 100 to 115",
        zh: "预授权完成上限，占预授权金额的百分比：100 至 115",
        read: |config, text| {
            let percent = text.parse().ok().filter(|percent| (100..=115).contains(percent));
            config.policy.capture_limit_percent =
                percent.ok_or("a whole number from 100 to 115")?;
            Ok(())
        },
    },
    Setting {
        name: "business_day_ends",
        default: "23:00",
        en: "When the business day ends, Beijing time; a capture can be reversed on its business day only",
        zh: "营业日截止时间（北京时间）；预授权完成仅可在当个营业日内撤销",
        read: |config, text| {
            config.policy.business_day_ends =
                DayEnd::parse(text).ok_or("a time of day such as 23:00")?;
            Ok(())
        },
    },
    Setting {
        name: "hold_days",
        default: "30",
        en: "How many days a hold lasts before it is released by itself: 1 to 365",
        zh: "预授权有效天数，到期自动解冻：1 至 365",
        read: |config, text| {
            let days = text.parse().ok().filter(|days| (1..=365).contains(days));
            config.policy.hold_days = days.ok_or("a whole number from 1 to 365")?;
            Ok(())
        },
    },
    Setting {
        name: "late_success",
        default: "release",
        en: "What becomes of a payment that is reported after its bill was closed: release or accept",
        zh: "账单关闭后才到达的付款如何处理：release（退回）或 accept（接受）",
        read: |config, text| {
            config.policy.late_success = match text {
                "release" => LateSuccess::Release,
                "accept" => LateSuccess::Accept,
                _ => return Err("release or accept"),
            };
            Ok(())
        },
    },
    Setting {
        name: "after_reversal",
        default: "restore",
        en: "Whether the simulated channel lets a hold stand again after a reversal: restore or end",
        zh: "预授权完成撤销后，模拟渠道是否恢复预授权：restore（恢复）或 end（终止）",
        read: |config, text| {
            config.restores = match text {
                "restore" => true,
                "end" => false,
                _ => return Err("restore or end"),
            };
            Ok(())
        },
    },
    Setting {
        name: "answer_within",
        default: "8s",
        en: "How long a caller waits for the channel before the answer is TIMEOUT: 100ms to 60s",
        zh: "等待渠道应答的时限，超过则应答 TIMEOUT：100ms 至 60s",
        read: |config, text| {
            let ms = duration_ms(text).filter(|ms| (100..=60_000).contains(ms));
            config.answer_within_ms = ms.ok_or("a duration from 100ms to 60s, such as 8s")?;
            Ok(())
        },
    },
    Setting {
        name: "clock_skew",
        default: "15m",
        en: "How far the time of a signature may be off: 1s to 24h",
        zh: "签名时间允许的偏差：1s 至 24h",
        read: |config, text| {
            let ms = duration_ms(text).filter(|ms| (1_000..=86_400_000).contains(ms));
            config.clock_skew_ms = ms.ok_or("a duration from 1s to 24h, such as 15m")?;
            Ok(())
        },
    },
    Setting {
        name: "notify_networks",
        default: "",
        en: "Networks that merchants may have notices sent to although they are not public, such as 10.1.0.0/16, \
             separated by commas; the test environment sends to loopback and private addresses anyway",
        zh: "允许接收通知的非公网网段，如 10.1.0.0/16，以逗号分隔；test 环境默认允许本机与私有地址",
        read: |config, text| {
            let networks = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            let networks = networks.map(str::parse).collect::<Result<_, _>>();
            config.notify_networks =
                networks.map_err(|_| "networks such as 10.1.0.0/16, separated by commas")?;
            Ok(())
        },
    },
    Setting {
        name: "notify_ca_file",
        default: "",
        en: "File with certificates (PEM) of authorities to trust besides the public ones when notices are sent",
        zh: "发送通知时额外信任的 CA 证书文件（PEM）；公共 CA 始终受信任",
        read: |config, text| {
            config.notify_ca_file = (!text.is_empty()).then(|| text.into());
            Ok(())
        },
    },
    Setting {
        name: "console_listen",
        default: "",
        en: "Address and port of the operators' console, or off; when absent loopback and the port after that of listen, or any if that is in use. It \
             listens on loopback only, unless console_url says that a TLS proxy stands before it",
        zh: "管理台监听地址与端口，off 为关闭；缺省为本机回环地址、listen 的下一端口，被占用时任选。非回环地址须先以 console_url 指明前置 TLS 代理",
        read: |config, text| {
            config.console = match text {
                "" => ConsoleListen::Beside,
                "off" => ConsoleListen::Off,
                _ => ConsoleListen::At(
                    text.parse()
                        .map_err(|_| "off, or an address and port such as 127.0.0.1:8081")?,
                ),
            };
            Ok(())
        },
    },
    Setting {
        name: "console_url",
        default: "",
        en: "The address of the console in a browser, when a TLS proxy stands before it, such as https://console.hotel.example",
        zh: "前置 TLS 代理时，浏览器访问管理台的地址，如 https://console.hotel.example",
        read: |config, text| {
            let host = text.strip_prefix("https://").is_some_and(|host| {
                !host.is_empty()
                    && !host.contains(['/', '?', '#', '@'])
                    && !host.contains(char::is_whitespace)
            });
            if !(text.is_empty() || host) {
                return Err("https:// and a host, without a path");
            }
            config.console_url = (!text.is_empty()).then(|| text.to_owned());
            Ok(())
        },
    },
    Setting {
        name: "approval_above",
        default: "100000",
        en: "Sums above this many fen take a second operator's approval at the console; off for none. 100000 is 1,000 yuan",
        zh: "管理台操作超过该金额（分）须第二人复核；off 为不复核。100000 即 1,000 元",
        read: |config, text| {
            config.approval_above = match text {
                "off" => None,
                _ => {
                    Some(text.parse().map_err(|_| "off, or a whole number of fen such as 100000")?)
                }
            };
            Ok(())
        },
    },
    Setting {
        name: "log",
        default: "info",
        en: "What is logged: error, warn, info or debug",
        zh: "日志级别：error、warn、info 或 debug",
        read: |config, text| {
            config.log = match text {
                "error" => LogLevel::Error,
                "warn" => LogLevel::Warn,
                "info" => LogLevel::Info,
                "debug" => LogLevel::Debug,
                _ => return Err("error, warn, info or debug"),
            };
            Ok(())
        },
    },
];

/// Environment variables that begin with `HOLDFAST_` and are not settings of the gateway: the command line uses them.
pub const OTHER_VARIABLES: &[&str] = &[
    "HOLDFAST_BASE_URL",
    "HOLDFAST_APP_ID",
    "HOLDFAST_MID",
    "HOLDFAST_APP_KEY",
    "HOLDFAST_APP_KEY_FILE",
    "HOLDFAST_NOTICE_KEY",
    "HOLDFAST_NOTICE_KEY_FILE",
    "HOLDFAST_CONFIG",
    "HOLDFAST_MID",
    "HOLDFAST_TID",
];

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File,
    /// An environment variable.
    Variable,
    /// A flag.
    Flag,
}

/// All that is wrong with the settings, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            data_dir: PathBuf::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            environment: Environment::Test,
            master_key_file: None,
            public_url: None,
            policy: Policy::default(),
            restores: true,
            answer_within_ms: 0,
            clock_skew_ms: 0,
            notify_networks: vec![],
            notify_ca_file: None,
            console: ConsoleListen::Beside,
            console_url: None,
            approval_above: None,
            log: LogLevel::Info,
        };
        for setting in SETTINGS {
            (setting.read)(&mut config, setting.default)
                .expect("a default is a valid value, and a test says so");
        }
        config
    }
}

impl Config {
    /// Reads all settings. What is given later wins: first the file, then environment variables, then flags.
    ///
    /// `file` is the text of a TOML file; `variables` are environment variables, of which those that do not begin
    /// with `HOLDFAST_` are passed over; `flags` are names of settings with values.
    ///
    /// # Errors
    /// Names everything that is wrong, with the right name where one is near.
    pub fn read(
        file: Option<&str>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut faults = vec![];
        let mut given = vec![];
        match file.map(str::parse::<toml::Table>).transpose() {
            Ok(table) => {
                for (name, value) in table.unwrap_or_default() {
                    match value {
                        toml::Value::String(text) => given.push((Source::File, name, text)),
                        toml::Value::Integer(number) => {
                            given.push((Source::File, name, number.to_string()))
                        }
                        _ => faults
                            .push(format!("{name}: write the value as text or a whole number")),
                    }
                }
            }
            Err(error) => faults.push(format!("the file is not TOML: {error}")),
        }
        for (name, value) in variables {
            if let Some(rest) = name.strip_prefix("HOLDFAST_")
                && !OTHER_VARIABLES.contains(&name.as_str())
            {
                given.push((Source::Variable, rest.to_lowercase(), value));
            }
        }
        given.extend(flags.into_iter().map(|(name, value)| (Source::Flag, name, value)));

        let mut config = Self::default();
        for (source, name, value) in given {
            match SETTINGS.iter().find(|setting| setting.name == name) {
                None => faults.push(unknown(source, &name)),
                Some(setting) => {
                    if let Err(rule) = (setting.read)(&mut config, value.trim()) {
                        faults.push(format!(
                            "{}: {value:?} is not {rule}",
                            source.spell(setting.name)
                        ));
                    }
                }
            }
        }
        if config.environment == Environment::Live && !config.listen.ip().is_loopback() {
            faults.push(format!(
                "listen: the live environment does not listen on {} in plain HTTP; listen on 127.0.0.1 behind a TLS proxy",
                config.listen
            ));
        }
        if let ConsoleListen::At(address) = config.console
            && !address.ip().is_loopback()
            && config.console_url.is_none()
        {
            faults.push(format!(
                "console_listen: the console does not listen on {address} in plain HTTP; listen on 127.0.0.1, or set \
                 console_url to the address of the TLS proxy before it"
            ));
        }
        if faults.is_empty() { Ok(config) } else { Err(ConfigError(faults)) }
    }

    /// Where the console listens, if it does.
    #[must_use]
    pub fn console_address(&self) -> Option<SocketAddr> {
        match self.console {
            ConsoleListen::Off => None,
            ConsoleListen::At(address) => Some(address),
            ConsoleListen::Beside => {
                let port = self.listen.port();
                // After the last port there is none: any free one.
                let port = if port == 0 { 0 } else { port.checked_add(1).unwrap_or_default() };
                Some(SocketAddr::from(([127, 0, 0, 1], port)))
            }
        }
    }

    /// The file with the master key.
    #[must_use]
    pub fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }
}

impl Source {
    /// A setting's name as this source writes it.
    #[must_use]
    pub fn spell(self, name: &str) -> String {
        match self {
            Self::File => name.to_owned(),
            Self::Variable => format!("HOLDFAST_{}", name.to_uppercase()),
            Self::Flag => format!("--{}", name.replace('_', "-")),
        }
    }
}

fn unknown(source: Source, name: &str) -> String {
    let near = SETTINGS.iter().map(|setting| setting.name);
    let near = near.max_by_key(|known| nearness(name, known));
    let hint = near.filter(|known| nearness(name, known) > 600).map_or_else(
        || "see: holdfast serve --help".to_owned(),
        |known| format!("did you mean {}?", source.spell(known)),
    );
    format!("{}: there is no such setting; {hint}", source.spell(name))
}

/// How alike two names are, in thousandths.
fn nearness(one: &str, other: &str) -> usize {
    let longest = one.len().max(other.len()).max(1);
    let steps = strsim::damerau_levenshtein(one, other).min(longest);
    longest.saturating_sub(steps).saturating_mul(1_000).checked_div(longest).unwrap_or_default()
}

fn nonempty(text: &str) -> Result<&str, &'static str> {
    if text.is_empty() { Err("a path") } else { Ok(text) }
}

/// Reads `250ms`, `8s`, `15m`, `24h` or `30d` as milliseconds.
#[must_use]
pub fn duration_ms(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let plain =
        !digits.is_empty() && digits.len() <= 12 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse::<i64>().ok().filter(|_| plain)?.checked_mul(unit)
}
