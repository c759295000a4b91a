//! Which gateway to talk to, and in whose name.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use holdfast_client::{AppId, AppKey, Client, Environment, Scheme};
use holdfast_gateway::config::duration_ms;

use crate::exit::{Exit, Failure};

/// Where a gateway is when nobody says: where `holdfast serve` listens.
const HERE: &str = "http://127.0.0.1:8080";

/// How long an answer may take when nobody says.
const ANSWER: Duration = Duration::from_secs(15);

/// The gateway's address.
#[derive(Clone, Debug, Args)]
pub(crate) struct Address {
    /// Address of the gateway; http://127.0.0.1:8080 unless said
    /// 网关地址
    #[arg(long, global = true, env = "HOLDFAST_BASE_URL", value_name = "URL", help_heading = HEADING, verbatim_doc_comment)]
    base_url: Option<String>,
    /// One of the official hosts instead; wins over --base-url
    /// 官方环境，优先于 --base-url
    #[arg(long, global = true, value_enum, help_heading = HEADING, verbatim_doc_comment)]
    environment: Option<Official>,
    /// How long an answer may take, 15s unless said; for a command that waits, how long it waits altogether
    /// 等待应答的时限，默认 15s；对会等待结果的命令，为等待总时限
    #[arg(long, global = true, value_name = "TIME", value_parser = read_time, help_heading = HEADING, verbatim_doc_comment)]
    timeout: Option<Duration>,
}

/// The gateway's address, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    #[command(flatten)]
    pub(crate) address: Address,
    /// The app that asks (AppId)
    /// 开发者 ID
    #[arg(long, global = true, env = "HOLDFAST_APP_ID", value_name = "ID", help_heading = HEADING, verbatim_doc_comment)]
    app_id: Option<String>,
    /// File with the app's key (AppKey); HOLDFAST_APP_KEY may hold the key itself. There is no flag for
    /// the key: other users of the machine could read it
    /// 存放 AppKey 的文件；也可用环境变量 HOLDFAST_APP_KEY
    #[arg(long, global = true, env = "HOLDFAST_APP_KEY_FILE", value_name = "FILE", help_heading = HEADING, verbatim_doc_comment)]
    app_key_file: Option<PathBuf>,
    /// How to prove who asks
    /// 认证方式
    #[arg(long, global = true, value_enum, default_value = "body-sig", help_heading = HEADING, verbatim_doc_comment)]
    scheme: Proof,
}

const HEADING: &str = "Connection 连接";

/// The official hosts.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Official {
    /// api-mop.chinaums.com: real money 生产环境
    Production,
    /// test-api-open.chinaums.com 测试环境
    Test,
}

/// The authentication schemes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Proof {
    /// OPEN-BODY-SIG: sign every request 报文签名
    BodySig,
    /// OPEN-ACCESS-TOKEN: fetch a token and show it 令牌
    Token,
    /// OPEN-FORM-PARAM: the signed request in the address 表单参数
    FormParam,
}

impl Address {
    /// The address without a slash at its end.
    pub(crate) fn url(&self) -> String {
        let official = self.environment.map(|environment| match environment {
            Official::Production => Environment::Production.base_url().to_owned(),
            Official::Test => Environment::Test.base_url().to_owned(),
        });
        let url = official.or_else(|| self.base_url.clone()).unwrap_or_else(|| HERE.to_owned());
        url.trim_end_matches('/').to_owned()
    }

    /// Whether somebody said where the gateway is.
    pub(crate) fn is_said(&self) -> bool {
        self.base_url.is_some() || self.environment.is_some()
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(ANSWER)
    }
}

impl Connection {
    /// Whether somebody said which app asks.
    pub(crate) fn names_app(&self) -> bool {
        self.app_id.is_some()
    }

    /// How long a command that waits may wait altogether, if somebody said.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.address.timeout
    }

    /// As [`Connection::client`] for a command that waits: the time is that for the whole of it, and one answer takes
    /// no longer than usual.
    pub(crate) fn waiting_client(&self) -> Result<Client, Failure> {
        let timeout = self.address.timeout().min(ANSWER);
        Self { address: Address { timeout: Some(timeout), ..self.address.clone() }, ..self.clone() }
            .client()
    }

    /// A client for that gateway in the app's name.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.client_at(&self.address.url())
    }

    /// A client for the gateway at another address.
    pub(crate) fn client_at(&self, url: &str) -> Result<Client, Failure> {
        let (id, key) = self.credentials()?;
        let scheme = match self.scheme {
            Proof::BodySig => Scheme::BodySig,
            Proof::Token => Scheme::AccessToken,
            Proof::FormParam => Scheme::FormParam,
        };
        Client::builder()
            .base_url(url)
            .credentials(id, key)
            .scheme(scheme)
            .timeout(self.address.timeout())
            .build()
            .map_err(|error| {
                Failure::new(Exit::Usage, error).hint("--base-url http://127.0.0.1:8080")
            })
    }

    /// Who asks, and its key.
    pub(crate) fn credentials(&self) -> Result<(AppId, AppKey), Failure> {
        let missing = |what: &str, hint: &str| Failure::new(Exit::Auth, what).hint(hint);
        let id = self.app_id.as_deref().ok_or_else(|| {
            missing("no app: say who asks", "export HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=…")
        })?;
        let id = AppId::parse(id).map_err(|_| {
            missing(
                &format!("{id:?} is not an AppId"),
                "it has up to 64 letters and digits, without quotes",
            )
        })?;
        Ok((id, self.key()?))
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.address.timeout()
    }

    fn key(&self) -> Result<AppKey, Failure> {
        let text = match &self.app_key_file {
            Some(path) => read_text(path, KEY_BYTES).map_err(|error| {
                Failure::new(Exit::Auth, format!("key file {}: {error}", path.display()))
            })?,
            None => std::env::var("HOLDFAST_APP_KEY").map_err(|_| {
                Failure::new(Exit::Auth, "no key: the request cannot be signed")
                    .hint("export HOLDFAST_APP_KEY=…  (or --app-key-file FILE)")
            })?,
        };
        read_key(&text)
    }
}

/// The longest file of a key, in bytes: the longest key has 256 characters.
pub(crate) const KEY_BYTES: u64 = 4 * 1024;

/// A file as text, which may have so many bytes. Its size is not asked for: a pipe or a device has none.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    match u64::try_from(text.len()).is_ok_and(|length| length <= most) {
        true => Ok(text),
        false => Err(io::Error::other(format!("longer than {most} bytes"))),
    }
}

/// A key as it stands in a file or comes from stdin: perhaps with a line end behind it.
pub(crate) fn read_key(text: &str) -> Result<AppKey, Failure> {
    AppKey::parse(text.trim_end_matches(['\r', '\n'])).map_err(|_| {
        Failure::new(Exit::Auth, "the key cannot be used: it is empty, longer than 256 characters, or has line breaks inside")
    })
}

fn read_time(text: &str) -> Result<Duration, String> {
    let ms = duration_ms(text).and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
    ms.map(Duration::from_millis).ok_or_else(|| "write it as 500ms, 15s or 2m".to_owned())
}
