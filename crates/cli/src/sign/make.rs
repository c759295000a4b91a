//! Making signatures: of requests by every scheme, and of notices.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use holdfast_client::Sent;
use holdfast_gateway::clock::{Clock, Dice};
use holdfast_wire::{
    auth::{AppId, BodySig, FormParam, Nonce, Stamp},
    field::SignType,
    legacy,
    message::{Endpoint as _, EndpointSpec, Message as _},
    messages::{ENDPOINTS, TokenAccess},
    notice::{self, NoticeFault, Pairs, SIGN, SIGN_TYPE},
    secret::AppKey,
};
use serde_json::json;

use super::{
    input::{Fault, read_source},
    keys::KeyArgs,
};
use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen},
    shell,
};

/// A request to sign.
#[derive(Clone, Debug, Args)]
pub(super) struct Request {
    /// The body exactly as it will be sent: a file, or - for stdin. A line end at its end is part of it, except
    /// the last one of stdin
    /// 将要发送的报文：文件，- 为标准输入（末尾换行不计）
    #[arg(default_value = "-", verbatim_doc_comment)]
    body: PathBuf,
    /// The app that asks (AppId)
    /// 开发者 ID
    #[arg(long, env = "HOLDFAST_APP_ID", value_name = "ID", value_parser = read_app_id, verbatim_doc_comment)]
    app_id: AppId,
    /// How to prove who asks
    /// 认证方式
    #[arg(long, value_enum, default_value = "body-sig", verbatim_doc_comment)]
    scheme: Proof,
    /// The endpoint, so that a curl command is printed too; `holdfast endpoints` lists them
    /// 接口名，用于输出 curl 命令
    #[arg(long, value_name = "NAME", value_parser = read_endpoint, verbatim_doc_comment)]
    endpoint: Option<&'static EndpointSpec>,
    /// Address of the gateway in that command
    /// 网关地址
    #[arg(
        long,
        env = "HOLDFAST_BASE_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        verbatim_doc_comment
    )]
    base_url: String,
    /// Sign with this time, yyyyMMddHHmmss in Beijing; now unless said
    /// 签名时间（北京时间），默认当前时间
    #[arg(long, value_name = "TIME", value_parser = read_stamp, verbatim_doc_comment)]
    timestamp: Option<Stamp>,
    /// Sign with this nonce; a new one unless said
    /// 随机数，默认新生成
    #[arg(long, value_name = "TEXT", value_parser = read_nonce, verbatim_doc_comment)]
    nonce: Option<Nonce>,
    #[command(flatten)]
    keys: KeyArgs,
}

/// The fields of a notice to sign.
#[derive(Clone, Debug, Args)]
pub(super) struct Notice {
    /// The fields, as a form or as a JSON object: a file, or - for stdin. A signature among them is replaced
    /// 通知字段（表单或 JSON）：文件，- 为标准输入；其中的签名将被替换
    #[arg(default_value = "-", verbatim_doc_comment)]
    fields: PathBuf,
    /// The digest; what the fields name, or else MD5
    /// 摘要算法，默认取自字段，否则为 MD5
    #[arg(long, value_enum, verbatim_doc_comment)]
    sign_type: Option<Digest>,
    #[command(flatten)]
    keys: KeyArgs,
}

/// The authentication schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Proof {
    /// OPEN-BODY-SIG: the Authorization header over a body 报文签名
    BodySig,
    /// OPEN-FORM-PARAM: the query that carries the request 表单参数
    FormParam,
    /// The signed request for a token; there is no body to give 令牌请求
    Token,
}

/// The digests of notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Digest {
    /// MD5
    Md5,
    /// SHA-256, named by signType
    Sha256,
}

pub(super) fn request(command: &Request, screen: &Screen) -> Result<Exit, Failure> {
    let needs_body = command.scheme != Proof::Token;
    let from_stdin = needs_body && command.body.as_os_str() == "-";
    let known = command.keys.read(from_stdin)?;
    let key = known.keys.app.first().ok_or_else(|| {
        Failure::new(Exit::Auth, "no key: the request cannot be signed (未提供密钥)")
            .hint("export HOLDFAST_APP_KEY=…  (or --app-key-file FILE)")
    })?;
    let made = command.sign(key, from_stdin)?;
    if made.header.is_some() && made.body.ends_with(b"\n") {
        screen.say("# The line break at the body's end is signed too: send it (curl: --data-binary, not -d). 报文末尾的换行已参与签名");
    }
    if screen.format == Format::Json {
        let Made { header, query, body, sent } = made;
        let curl = sent.as_ref().map(shell::curl);
        let body = String::from_utf8_lossy(&body).into_owned();
        screen
            .result(json!({"authorization": header, "query": query, "body": body, "curl": curl}))?;
        return Ok(Exit::Done);
    }
    match (&made.header, &made.query) {
        (Some(header), _) => screen.result(format_args!("Authorization: {header}"))?,
        (None, Some(query)) => screen.result(query)?,
        (None, None) => screen.result(String::from_utf8_lossy(&made.body))?,
    }
    if let Some(sent) = &made.sent {
        screen.result(format_args!("\n{}", shell::curl(sent)))?;
    }
    screen.say("# Good once, and only as long as the gateway lets clocks be off. 仅一次有效");
    Ok(Exit::Done)
}

/// A signed request.
struct Made {
    header: Option<String>,
    query: Option<String>,
    body: Vec<u8>,
    sent: Option<Sent>,
}

impl Request {
    fn sign(&self, key: &AppKey, from_stdin: bool) -> Result<Made, Failure> {
        let app_id = self.app_id.clone();
        let stamp = self.timestamp.clone().unwrap_or_else(|| Stamp::at(Clock::running(0).wall()));
        let chance = || Nonce::parse(&Dice::unpredictable().hex(32));
        let nonce = self.nonce.clone().map_or_else(chance, Ok);
        let nonce = nonce.map_err(|_| Failure::new(Exit::Unexpected, "32 digits are no nonce"))?;
        let url = |path: &str| format!("{}{path}", self.base_url.trim_end_matches('/'));
        if self.scheme == Proof::Token {
            let body = TokenAccess::sign(key, app_id, stamp, nonce).encode();
            let sent = Sent::unsigned("POST", url(TokenAccess::PATH), body.clone());
            return Ok(Made { header: None, query: None, body, sent: Some(sent) });
        }
        let mut body = read_source(&self.body)?;
        if from_stdin && body.last() == Some(&b'\n') {
            body.pop();
        }
        if self.scheme == Proof::BodySig {
            let header = BodySig::sign(key, app_id, stamp, nonce, &body).header();
            let sent = self.endpoint.map(|endpoint| {
                let mut sent = Sent::unsigned("POST", url(endpoint.path), body.clone());
                sent.headers.push(("Authorization", header.clone()));
                sent
            });
            return Ok(Made { header: Some(header), query: None, body, sent });
        }
        let content = String::from_utf8(body.clone()).map_err(|error| {
            let text =
                format!("the body is not UTF-8 after byte {}", error.utf8_error().valid_up_to());
            Failure::from(Fault::new(text))
        })?;
        let query = FormParam::sign(key, app_id, stamp, nonce, content).query();
        let sent = self.endpoint.map(|endpoint| {
            let mut sent = Sent::unsigned("GET", format!("{}?{query}", url(endpoint.path)), vec![]);
            sent.headers.clear();
            sent
        });
        Ok(Made { header: None, query: Some(query), body, sent })
    }
}

pub(super) fn notice(command: &Notice, screen: &Screen) -> Result<Exit, Failure> {
    let known = command.keys.read(command.fields.as_os_str() == "-")?;
    let key = known.keys.notice.first().ok_or_else(|| {
        Failure::new(
            Exit::Auth,
            "no communication key: the notice cannot be signed (未提供通讯密钥)",
        )
        .hint("export HOLDFAST_NOTICE_KEY=…  (or --notice-key-file FILE)")
    })?;
    let mut pairs = fields(&read_source(&command.fields)?)?;
    let named =
        pairs.iter().any(|(name, value)| name == SIGN_TYPE && value == SignType::Sha256.as_str());
    let sign_type = match command.sign_type {
        Some(Digest::Md5) => SignType::Md5,
        Some(Digest::Sha256) => SignType::Sha256,
        None if named => SignType::Sha256,
        None => SignType::Md5,
    };
    pairs.retain(|(name, value)| name != SIGN && name != SIGN_TYPE && !value.is_empty());
    if pairs.is_empty() {
        return Err(Fault::new("there is no field with a value to sign (没有可签名的字段)").into());
    }
    let signed = notice::signed(key, sign_type, pairs);
    // Nobody may believe such a notice, whoever signed it. To try a receiver with it is a good use.
    if let Err(fault @ (NoticeFault::Twice(_) | NoticeFault::Ambiguous(_))) =
        notice::read(std::slice::from_ref(key), &signed)
    {
        screen.say(format_args!("# {fault} ({})", fault.zh()));
    }
    let form = notice::form(&signed);
    match screen.format {
        Format::Text => screen.result(form)?,
        Format::Json => {
            let sign = signed.last().map(|(_, sign)| sign.as_str());
            let text = notice::signed_text(
                signed.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            );
            screen.result(json!({"form": form, "sign": sign, "text": text}))?;
        }
    }
    Ok(Exit::Done)
}

/// The fields of a notice, from a form or from JSON.
fn fields(bytes: &[u8]) -> Result<Pairs, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Fault::new(format!("the fields are not UTF-8 after byte {}", error.valid_up_to()))
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        let signed = legacy::Signed::parse(text.as_bytes()).map_err(|fault| {
            Fault::new(format!("the JSON cannot be read: {fault} ({})", fault.zh()))
        })?;
        return Ok(signed.owned_pairs());
    }
    let pairs =
        notice::read_form(text).map_err(|fault| Fault::new(format!("{fault} ({})", fault.zh())))?;
    Ok(pairs)
}

fn read_app_id(text: &str) -> Result<AppId, String> {
    AppId::parse(text).map_err(|_| {
        "up to 64 visible characters without quotes and commas (AppId 格式有误)".to_owned()
    })
}

fn read_stamp(text: &str) -> Result<Stamp, String> {
    Stamp::parse(text).map_err(|_| "14 digits such as 20261123150405 (时间格式有误)".to_owned())
}

fn read_nonce(text: &str) -> Result<Nonce, String> {
    Nonce::parse(text)
        .map_err(|_| "up to 128 characters without quotes (随机数格式有误)".to_owned())
}

fn read_endpoint(text: &str) -> Result<&'static EndpointSpec, String> {
    let found = ENDPOINTS.iter().find(|endpoint| endpoint.name == text || endpoint.serves(text));
    found.ok_or_else(|| "no such endpoint; `holdfast endpoints` lists them (无此接口)".to_owned())
}
