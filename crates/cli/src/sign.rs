//! `holdfast sign`: makes signatures, checks them, and says why one is wrong.

mod curl;
mod input;
mod keys;
mod make;
mod show;

use std::{io::IsTerminal as _, path::PathBuf};

use clap::{Args, Subcommand};
use holdfast_domain::Moment;
use holdfast_gateway::{clock::Clock, config::Config};
use holdfast_wire::{
    diagnosis::{Claim, Diagnosis},
    json::{Json, Object},
    notice::{self, NoticeFault},
    time,
};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
};
use input::{Input, Note, Scheme};
use keys::{KeyArgs, Known};

/// Signatures: why one is wrong, whether one is right, and making one (签名).
#[derive(Clone, Debug, Args)]
pub(crate) struct SignCommand {
    #[command(subcommand)]
    wanted: Wanted,
}

#[derive(Clone, Debug, Subcommand)]
enum Wanted {
    /// Show the exact text that is signed, and why a signature is wrong 解释签名为何不对
    #[command(after_help = EXPLAIN_HELP)]
    Explain(Pasted),
    /// Say whether a signature is right: exit code 0 or 5 验证签名
    #[command(after_help = "\
Examples 示例:
  holdfast sign verify request.txt --app-key-file app.key
  holdfast sign verify notice.txt --notice-key-file notice.key && echo believed")]
    Verify(Pasted),
    /// Sign a request, and print its header and the curl command 给请求签名
    #[command(after_help = "\
Examples 示例:
  holdfast sign request body.json --app-id my-app --app-key-file app.key
  echo '{\"mid\":\"898201612345678\"}' | holdfast sign request --endpoint query
  holdfast sign request body.json --endpoint get-qrcode --scheme form-param
  holdfast sign request --scheme token          the body of a request for a token")]
    Request(make::Request),
    /// Sign the fields of a notice, and print its form 给通知签名
    #[command(after_help = "\
Examples 示例:
  echo 'billNo=3194&billStatus=PAID' | holdfast sign notice --notice-key-file notice.key
  holdfast sign notice fields.json --sign-type sha256
  holdfast sign notice fields.json | curl --data-binary @- http://127.0.0.1:3000/notices")]
    Notice(make::Notice),
}

const EXPLAIN_HELP: &str = "\
What is pasted is recognized by itself: a curl command, raw HTTP (also from a browser or Wireshark), a body beside
--authorization, the form or the address of a notice, its fields as JSON, a request for a token, a message of the
predecessor protocol. 输入可为 curl 命令、HTTP 原文、报文、通知表单、returnUrl 网址、JSON 字段、令牌请求或旧协议报文。

Examples 示例:
  holdfast sign explain request.txt                  a curl command or raw HTTP in a file
  holdfast sign explain                              paste it, then Ctrl-D
  holdfast sign explain body.json --authorization 'OPEN-BODY-SIG AppId=\"…\",…'
  holdfast sign explain notice.txt                   the body of a notice as it was received
  holdfast sign explain notice.txt --theirs 0A1B…    what your code computed for it
  holdfast sign explain request.txt --app-key-file app.key --notice-key-file notice.key

Give both kinds of keys, so that the wrong one of the two is found out. Exit code 0: the signature is right; 5: it is
not, or there is no key; 2: the input is not understood. 退出码：0 签名正确，5 不正确或缺少密钥，2 输入无法识别。";

/// Something signed that somebody pasted.
#[derive(Clone, Debug, Args)]
struct Pasted {
    /// What was signed: a file, or - for stdin
    /// 输入文件，- 为标准输入
    #[arg(default_value = "-", verbatim_doc_comment)]
    input: PathBuf,
    /// The Authorization header, when the input is only the body
    /// 请求头 Authorization，仅当输入只有报文时
    #[arg(long, value_name = "HEADER", verbatim_doc_comment)]
    authorization: Option<String>,
    /// The signature to explain, when it is not the one in the input: what your code computed
    /// 待解释的签名，例如您的代码算出的结果
    #[arg(long, value_name = "SIGNATURE", verbatim_doc_comment)]
    theirs: Option<String>,
    #[command(flatten)]
    keys: KeyArgs,
}

pub(crate) fn run(command: SignCommand, screen: &Screen) -> Result<Exit, Failure> {
    match command.wanted {
        Wanted::Explain(pasted) => explain(&pasted, screen),
        Wanted::Verify(pasted) => verify(&pasted, screen),
        Wanted::Request(command) => make::request(&command, screen),
        Wanted::Notice(command) => make::notice(&command, screen),
    }
}

/// Everything that is known of something signed.
struct Explained<'a> {
    input: &'a Input,
    known: &'a Known,
    claim: &'a Claim,
    /// How the claim differs from what was pasted.
    note: Option<Note>,
    /// The right signature, when there is a key for it.
    ours: Option<String>,
    right: bool,
    diagnosis: Diagnosis,
    warnings: Vec<Note>,
}

impl Pasted {
    fn read(&self, screen: &Screen) -> Result<(Input, Known), Failure> {
        let from_stdin = self.input.as_os_str() == "-";
        let known = self.keys.read(from_stdin)?;
        if from_stdin && std::io::stdin().is_terminal() {
            screen.say("paste it here, then press Ctrl-D on a line of its own 粘贴内容后按 Ctrl-D");
        }
        let bytes = input::read_source(&self.input)?;
        let input = input::read(&bytes, self.authorization.as_deref(), self.theirs.as_deref())?;
        Ok((input, known))
    }
}

impl<'a> Explained<'a> {
    /// Takes the form of the input that is right, or else one whose mistake is known, or else the likeliest.
    fn of(input: &'a Input, known: &'a Known, now: Moment) -> Result<Self, Failure> {
        let keys = &known.keys;
        let right = input.claims.iter().find(|(claim, _)| claim.is_right(keys));
        let mut tried = vec![];
        if right.is_none() {
            tried.extend(input.claims.iter().map(|tried| (tried, tried.0.diagnose(keys))));
        }
        let fewest = |(_, diagnosis): &(_, Diagnosis)| diagnosis.mistakes.len();
        let explained =
            tried.iter().filter(|tried| fewest(tried) > 0).min_by_key(|tried| fewest(tried));
        let first = input.claims.first().map(|first| (first, Diagnosis::default()));
        let chosen = right.map(|right| (right, Diagnosis::default()));
        let ((claim, note), diagnosis) = chosen
            .or_else(|| explained.cloned())
            .or(first)
            .ok_or_else(|| Failure::new(Exit::Unexpected, "the input holds nothing"))?;
        let right = right.is_some();
        // What was pasted is not doubted without a reason.
        let note = note.clone().filter(|_| right || !diagnosis.mistakes.is_empty());
        let ours = claim.ours(keys);
        let mut explained = Self {
            input,
            known,
            claim,
            note,
            ours,
            right,
            diagnosis,
            warnings: input.warnings.clone(),
        };
        explained.warnings.extend(explained.of_time(now));
        explained
            .warnings
            .extend(explained.of_notice().map(|fault| Note::new(fault.to_string(), fault.zh())));
        Ok(explained)
    }

    /// How long the digits of a digest are that this is signed with.
    fn digits(&self) -> usize {
        match (&self.ours, self.claim) {
            (Some(ours), _) => ours.len(),
            (None, Claim::Notice { pairs, .. } | Claim::Legacy { pairs, .. }) => {
                let named = pairs.iter().any(|(name, value)| {
                    name == notice::SIGN_TYPE
                        && value == holdfast_wire::field::SignType::Sha256.as_str()
                });
                if named { 64 } else { 32 }
            }
            (None, _) => 0,
        }
    }

    /// How to give the key that is missing.
    fn missing_key(&self) -> &'static str {
        match self.input.scheme {
            Scheme::Notice | Scheme::Legacy => "--notice-key-file FILE, HOLDFAST_NOTICE_KEY",
            _ => "--app-key-file FILE, HOLDFAST_APP_KEY",
        }
    }

    /// What to do when no known mistake explains the signature.
    fn next_steps(&self) -> Vec<Note> {
        let mut steps = vec![];
        let keys = &self.known.keys;
        if self.ours.is_none() {
            steps
                .push(Note::new(format!("give the key: {}", self.missing_key()), "提供密钥后重试"));
        }
        if keys.app.is_empty() || keys.notice.is_empty() {
            steps.push(Note::new(
                "give both keys, the AppKey and the communication key: they are often taken for each other",
                "同时提供 AppKey 与通讯密钥：两者常被混用",
            ));
        }
        if self.ours.is_some() {
            steps.push(Note::new(
                "check that it is the key of this app or merchant, and of this environment (test or live)",
                "核对密钥是否属于该应用或商户，以及该环境（测试或生产）",
            ));
        }
        steps.push(Note::new(
            "print the text that your code signs, byte by byte, and lay it beside the one above",
            "逐字节打印您的代码实际签名的内容，与上面的待签名串比对",
        ));
        let text: String = self.claim.pieces().into_iter().map(|piece| piece.text).collect();
        let chinese = match self.claim {
            Claim::Request { body, .. } => !body.is_ascii(),
            _ => !text.is_ascii(),
        };
        if chinese {
            steps.push(Note::new(
                "there are characters beyond ASCII: was it signed as GBK? Only UTF-8 is right (GBK is not tried)",
                "含有汉字：是否按 GBK 编码后签名？应为 UTF-8（未尝试 GBK）",
            ));
        }
        steps
    }

    /// What is odd about the times: signatures are good for a quarter of an hour.
    fn of_time(&self, now: Moment) -> Vec<Note> {
        let (stamp, body) = match self.claim {
            Claim::Request { signed, body } => (&signed.timestamp, body.as_slice()),
            Claim::Token(token) => (&token.timestamp, &[][..]),
            _ => return vec![],
        };
        let allowed = Config::default().clock_skew_ms;
        let sent = stamp.moment();
        let near = |ms: i64, hours: i64| {
            ms.saturating_abs().saturating_sub(hours.saturating_mul(HOUR_MS)).saturating_abs()
                <= allowed
        };
        let mut notes = vec![];
        let off = sent.0.saturating_sub(now.0);
        if near(off, 8) {
            notes.push(Note::new(
                format!("Timestamp {} is eight hours from now: it must be Beijing time (UTC+8), whatever the machine's zone", stamp.as_str()),
                format!("Timestamp {} 与当前时间相差八小时：应为北京时间（UTC+8），与机器时区无关", stamp.as_str()),
            ));
        } else if !near(off, 0) {
            notes.push(Note::new(
                format!(
                    "Timestamp {} is not within 15 minutes of now: a gateway takes it no more",
                    stamp.as_str()
                ),
                format!("Timestamp {} 与当前时间相差超过 15 分钟：网关将拒绝", stamp.as_str()),
            ));
        }
        let requested =
            Object::parse(body).ok().and_then(|object| match object.get("requestTimestamp") {
                Some(Json::Text(text)) => time::parse(text),
                _ => None,
            });
        if requested.is_some_and(|requested| near(requested.0.saturating_sub(sent.0), 8)) {
            notes.push(Note::new(
                "Timestamp in the header and requestTimestamp in the body are eight hours apart: both must be Beijing time",
                "请求头的 Timestamp 与报文的 requestTimestamp 相差八小时：两者均应为北京时间",
            ));
        }
        notes
    }

    /// Why a notice cannot be believed though its signature is right.
    fn of_notice(&self) -> Option<NoticeFault> {
        let Claim::Notice { pairs, .. } = self.claim else { return None };
        if !self.right {
            return None;
        }
        match notice::read(&self.known.keys.notice, pairs) {
            // The one that is right may be beside the notice.
            Ok(_) | Err(NoticeFault::Unsigned | NoticeFault::WrongSignature) => None,
            Err(fault) => Some(fault),
        }
    }
}

const HOUR_MS: i64 = 3_600_000;

fn explain(pasted: &Pasted, screen: &Screen) -> Result<Exit, Failure> {
    let (input, known) = pasted.read(screen)?;
    let explained = Explained::of(&input, &known, Clock::running(0).wall())?;
    match screen.format {
        Format::Json => screen.result(show::value(&explained))?,
        Format::Text => screen.result(show::text(&explained, screen))?,
    }
    Ok(if explained.right { Exit::Done } else { Exit::Auth })
}

fn verify(pasted: &Pasted, screen: &Screen) -> Result<Exit, Failure> {
    let (input, known) = pasted.read(screen)?;
    let right = input.claims.iter().find(|(claim, _)| claim.is_right(&known.keys));
    if right.is_none() && input.claims.iter().all(|(claim, _)| claim.ours(&known.keys).is_none()) {
        let explained = Explained::of(&input, &known, Clock::running(0).wall())?;
        return Err(Failure::new(
            Exit::Auth,
            "no key: the signature cannot be checked (未提供密钥)",
        )
        .hint(explained.missing_key()));
    }
    // A right signature over a notice that reads in two ways proves nothing.
    let fault = match right {
        Some((Claim::Notice { pairs, .. }, _)) => match notice::read(&known.keys.notice, pairs) {
            Err(fault @ (NoticeFault::Twice(_) | NoticeFault::Ambiguous(_))) => Some(fault),
            _ => None,
        }
        .map(|fault| Note::new(fault.to_string(), fault.zh())),
        // What is odd about such a message is that it reads in two ways.
        Some((Claim::Legacy { .. }, _)) => input.warnings.first().cloned(),
        _ => None,
    };
    let right = right.is_some() && fault.is_none();
    let text = match (&fault, right) {
        (Some(fault), _) => screen.tone(Tone::Bad, &format!("{} {}", fault.en, fault.zh)),
        (None, true) => screen.tone(Tone::Good, "the signature is right 签名正确"),
        (None, false) => screen.tone(Tone::Bad, "the signature is wrong 签名错误"),
    };
    match screen.format {
        Format::Json => screen.result(json!({"right": right, "scheme": input.scheme.name()}))?,
        Format::Text => screen.result(text)?,
    }
    if !right {
        screen.say("holdfast sign explain says why (说明原因)");
    }
    Ok(if right { Exit::Done } else { Exit::Auth })
}

impl Scheme {
    /// Its name for programs.
    fn name(self) -> &'static str {
        match self {
            Self::BodySig => "body-sig",
            Self::FormParam => "form-param",
            Self::Token => "token-request",
            Self::Notice => "notice",
            Self::Legacy => "predecessor",
        }
    }
}
