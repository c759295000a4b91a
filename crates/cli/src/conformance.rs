//! `holdfast conformance`: whether a gateway speaks the protocol, ours or another, and a table of what it does not.

mod judge;
mod payer;
mod play;
mod receiver;
mod request;
mod walk;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use holdfast_client::{Sent, Transport};
use holdfast_domain::{Mid, Tid};
use holdfast_gateway::{
    clock::{Clock, Dice},
    config::duration_ms,
};
use holdfast_wire::secret::NoticeKey;
use serde_json::{Value, json};

use crate::{
    connection::{Connection, KEY_BYTES, read_text},
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, table},
};
use payer::Payer;
use play::{Outcome, Setting, Trouble};
use receiver::Receiver;
use request::Signer;
use walk::{Basis, FILE_MAX, Need, OURS, Walk};

/// Check any gateway of the protocol, ours or another 一致性检查
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Conformance {
    #[command(flatten)]
    connection: Connection,
    /// The merchant for whom bills are made
    /// 商户号
    #[arg(long, verbatim_doc_comment, required_unless_present = "list")]
    mid: Option<String>,
    /// Its terminal
    /// 终端号
    #[arg(long, verbatim_doc_comment, required_unless_present = "list")]
    tid: Option<String>,
    /// What the numbers of bills begin with (来源编号): four letters or digits
    /// 账单号前缀
    #[arg(long, default_value = "3194", value_parser = read_source, verbatim_doc_comment)]
    source: String,
    /// Only walks of these groups: core, auth, input, guarantee, split, codes, legacy, notices
    /// 仅执行这些分组
    #[arg(long, value_delimiter = ',', verbatim_doc_comment)]
    group: Vec<String>,
    /// Only these walks
    /// 仅执行这些用例
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    only: Vec<String>,
    /// Who pays: sim (a Holdfast's simulated payer), ask (a person with a phone), or 'command:PROGRAM {action} {code} {url}'
    /// 付款方式：sim 模拟付款人，ask 人工扫码，command 外部程序
    #[arg(long, default_value = "sim", value_parser = Payer::parse, verbatim_doc_comment)]
    payer: Payer,
    /// Listen here for notices and check them, such as 127.0.0.1:0. The merchant's communication key is taken from
    /// HOLDFAST_NOTICE_KEY or --notice-key-file
    /// 在此地址接收并校验支付结果通知
    #[arg(long, value_name = "ADDRESS", verbatim_doc_comment)]
    notices: Option<SocketAddr>,
    /// Where the gateway reaches that address, if it is another from there
    /// 网关访问该地址所用的 URL
    #[arg(long, value_name = "URL", requires = "notices", verbatim_doc_comment)]
    notify_url: Option<String>,
    /// File with the merchant's communication key; HOLDFAST_NOTICE_KEY may hold the key itself
    /// 存放通讯密钥的文件
    #[arg(long, env = "HOLDFAST_NOTICE_KEY_FILE", value_name = "FILE", verbatim_doc_comment)]
    notice_key_file: Option<PathBuf>,
    /// A second merchant, who gets a share of divided payments
    /// 分账子商户号
    #[arg(long, value_name = "MID", verbatim_doc_comment)]
    sub_mid: Option<String>,
    /// The app's name in the predecessor protocol
    /// 旧协议的消息来源
    #[arg(long, value_name = "SOURCE", verbatim_doc_comment)]
    msg_src: Option<String>,
    /// Other walks than ours
    /// 使用其他用例文件
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    walks: Option<PathBuf>,
    /// How long to wait for a payment to be seen and for a notice
    /// 等待付款生效与通知送达的时限
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = read_patience, verbatim_doc_comment)]
    patience: i64,
    /// Count as a difference what the documents leave open and Holdfast has decided
    /// 官方未规定、由 Holdfast 自定之处也计为差异
    #[arg(long, verbatim_doc_comment)]
    strict: bool,
    /// List the walks and end
    /// 列出用例
    #[arg(long, verbatim_doc_comment)]
    list: bool,
}

/// A walk, and how it ended.
struct Played<'w> {
    walk: &'w Walk,
    end: End,
}

enum End {
    /// Every step was as it has to be; perhaps not as Holdfast does it.
    Passed(Outcome),
    /// Something differs.
    Differs(Outcome),
    /// It was not done, for a reason in both languages.
    Skipped(&'static str),
}

/// Plays the walks, and prints what came of them.
pub(crate) async fn run(command: Conformance, screen: &Screen) -> Result<Exit, Failure> {
    let walks = command.chosen()?;
    if command.list {
        return list(&walks, screen);
    }
    let mut setting = command.setting(screen).await?;
    is_there(&setting).await?;
    let mut played = vec![];
    for (number, walk) in walks.iter().enumerate() {
        let number = number.saturating_add(1);
        screen.progress(format_args!("{number}/{} {}/{}", walks.len(), walk.group, walk.name));
        let end = match lacks(walk, &setting) {
            Some(reason) => End::Skipped(reason),
            None => judged(play::walk(&mut setting, walk).await, command.strict),
        };
        screen.progress_over();
        if let Some(why) = setting.unpaid.take() {
            return Err(Failure::new(Exit::Usage, format!("nobody can pay: {why}"))
                .hint("--payer ask has a person pay, --payer 'command:PROGRAM {action} {code} {url}' a program"));
        }
        if !screen.is_live() {
            screen.say(format_args!(
                "{number}/{} {}/{}: {}",
                walks.len(),
                walk.group,
                walk.name,
                end.word()
            ));
        }
        played.push(Played { walk, end });
    }
    match screen.format {
        Format::Json => {
            screen.result(as_json(&played, setting.signer.client.base_url(), command.strict))?;
        }
        Format::Text => show(&played, screen)?,
    }
    let differ = played.iter().any(|played| matches!(played.end, End::Differs(_)));
    Ok(if differ { Exit::Differences } else { Exit::Done })
}

fn judged(outcome: Outcome, strict: bool) -> End {
    let counts = |basis| strict || basis == Basis::Protocol;
    let mut bases =
        outcome.troubles.iter().flat_map(|trouble| &trouble.differences).map(|d| d.basis);
    match (bases.any(counts), outcome.lacks) {
        (true, _) => End::Differs(outcome),
        (false, Some(reason)) => End::Skipped(reason),
        (false, None) => End::Passed(outcome),
    }
}

/// Why a walk cannot be done with what was given.
fn lacks(walk: &Walk, setting: &Setting) -> Option<&'static str> {
    walk.needs.iter().find_map(|need| match need {
        Need::Payer => None,
        Need::Notices => setting.receiver.is_none().then_some(
            "needs --notices ADDRESS and HOLDFAST_NOTICE_KEY 需要通知接收地址与通讯密钥",
        ),
        Need::SubMid => (!setting.names.contains_key("subMid"))
            .then_some("needs --sub-mid MID 需要分账子商户号"),
        Need::MsgSrc => (setting.signer.msg_src.is_none() || setting.signer.notice_key.is_none())
            .then_some("needs --msg-src SOURCE and HOLDFAST_NOTICE_KEY 需要消息来源与通讯密钥"),
    })
}

/// Whether anybody answers, and the simulated payer is there if it is to pay.
async fn is_there(setting: &Setting) -> Result<(), Failure> {
    let url = setting.signer.client.base_url();
    let simulated = setting.payer == Payer::Sim;
    let path = if simulated { "/sim/clock" } else { "/" };
    let sent = Sent::unsigned("GET", format!("{url}{path}"), vec![]);
    let answer = Transport::new(setting.timeout).send(sent).await.map_err(|error| {
        Failure::new(Exit::Unreachable, format!("nobody answers at {url}: {error}"))
            .hint("start a test gateway with: holdfast serve   or say where one is: --base-url URL")
    })?;
    if simulated && answer.status != 200 {
        return Err(Failure::new(
            Exit::Usage,
            format!("{url} has no simulated payer: it answered {}", answer.status),
        )
        .hint("--payer ask has a person pay, --payer 'command:PROGRAM {action} {code} {url}' a program"));
    }
    Ok(())
}

impl Conformance {
    /// The walks that are to be done.
    fn chosen(&self) -> Result<Vec<Walk>, Failure> {
        let unusable = |why: String, path: &PathBuf| {
            Failure::new(Exit::Usage, format!("walks {}: {why}", path.display()))
        };
        let walks = match &self.walks {
            None => walk::read(OURS).map_err(|why| Failure::new(Exit::Unexpected, why))?,
            Some(path) => {
                let text = read_text(path, FILE_MAX).map_err(|e| unusable(e.to_string(), path))?;
                walk::read(&text).map_err(|why| unusable(why, path))?
            }
        };
        let hint = "holdfast conformance --list shows all groups and walks";
        for group in &self.group {
            if !walks.iter().any(|walk| walk.group == *group) {
                return Err(
                    Failure::new(Exit::Usage, format!("there is no group {group:?}")).hint(hint)
                );
            }
        }
        for name in &self.only {
            if !walks.iter().any(|walk| walk.name == *name) {
                return Err(
                    Failure::new(Exit::Usage, format!("there is no walk {name:?}")).hint(hint)
                );
            }
        }
        let wanted = |walk: &Walk| {
            (self.group.is_empty() || self.group.contains(&walk.group))
                && (self.only.is_empty() || self.only.contains(&walk.name))
        };
        Ok(walks.into_iter().filter(wanted).collect())
    }

    async fn setting(&self, screen: &Screen) -> Result<Setting, Failure> {
        let malformed =
            |what: &str, text: &str| Failure::new(Exit::Usage, format!("{text:?} is no {what}"));
        let (mid, tid) = (self.mid.as_deref().unwrap_or(""), self.tid.as_deref().unwrap_or(""));
        Mid::parse(mid).map_err(|_| malformed("mid", mid))?;
        Tid::parse(tid).map_err(|_| malformed("tid", tid))?;
        let mut names: BTreeMap<String, Value> = [("mid", mid), ("tid", tid)]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into();
        if let Some(sub_mid) = &self.sub_mid {
            Mid::parse(sub_mid).map_err(|_| malformed("mid", sub_mid))?;
            names.insert("subMid".to_owned(), sub_mid.as_str().into());
        }
        let client = self.connection.client()?;
        let (app_id, key) = self.connection.credentials()?;
        let notice_key = self.notice_key()?;
        let receiver = match (self.notices, notice_key.clone()) {
            (Some(listen), Some(key)) => {
                Some(Receiver::open(listen, self.notify_url.as_deref(), key).await?)
            }
            // Without a key nothing can be checked: the walks that need one say so.
            _ => None,
        };
        let signer = Signer {
            client,
            app_id,
            key,
            msg_src: self.msg_src.clone(),
            notice_key,
            clock: Clock::running(0),
            dice: Dice::unpredictable(),
        };
        Ok(Setting {
            signer,
            payer: self.payer.clone(),
            unpaid: None,
            receiver,
            names,
            source: self.source.clone(),
            timeout: self.connection.timeout(),
            patience_ms: self.patience,
            strict: self.strict,
            screen: *screen,
        })
    }

    fn notice_key(&self) -> Result<Option<NoticeKey>, Failure> {
        let text = match &self.notice_key_file {
            Some(path) => read_text(path, KEY_BYTES).map_err(|error| {
                Failure::new(Exit::Usage, format!("key file {}: {error}", path.display()))
            })?,
            None => match std::env::var("HOLDFAST_NOTICE_KEY") {
                Ok(text) if !text.is_empty() => text,
                _ => return Ok(None),
            },
        };
        NoticeKey::parse(text.trim_end_matches(['\r', '\n'])).map(Some).map_err(|_| {
            Failure::new(Exit::Usage, "the communication key cannot be used: it is empty, too long, or has line breaks inside")
        })
    }
}

fn list(walks: &[Walk], screen: &Screen) -> Result<Exit, Failure> {
    if screen.format == Format::Json {
        let all = walks.iter().map(|walk| {
            let [en, zh] = &walk.title;
            json!({"group": walk.group, "name": walk.name, "steps": walk.steps.len(), "en": en, "zh": zh})
        });
        screen.result(Value::Array(all.collect()))?;
        return Ok(Exit::Done);
    }
    let row = |walk: &Walk| {
        [walk.group.clone(), walk.name.clone(), walk.steps.len().to_string(), walk.title.join(" ")]
    };
    let rows: Vec<[String; 4]> = walks.iter().map(row).collect();
    screen.result(table(["group 分组", "walk 用例", "steps 步骤", "what it shows 说明"], &rows))?;
    Ok(Exit::Done)
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            Self::Passed(outcome) if outcome.troubles.is_empty() => "passed 通过",
            Self::Passed(_) => "passed, with notes 通过（有备注）",
            Self::Differs(_) => "DIFFERS 不一致",
            Self::Skipped(_) => "skipped 跳过",
        }
    }

    /// The first step after which something counts as a difference.
    fn step(&self, walk: &Walk) -> String {
        match self {
            Self::Passed(_) => walk.steps.len().to_string(),
            Self::Differs(outcome) => format!("{} of {}", outcome.steps, walk.steps.len()),
            Self::Skipped(_) => "-".to_owned(),
        }
    }

    fn troubles(&self) -> &[Trouble] {
        match self {
            Self::Passed(outcome) | Self::Differs(outcome) => &outcome.troubles,
            Self::Skipped(_) => &[],
        }
    }
}

/// How many walks passed, differ, were skipped, and how many notes there are.
fn counts(played: &[Played<'_>]) -> [usize; 4] {
    let of = |is: fn(&End) -> bool| played.iter().filter(|played| is(&played.end)).count();
    let notes = |played: &Played<'_>| match &played.end {
        End::Passed(outcome) => outcome.troubles.iter().map(|t| t.differences.len()).sum(),
        _ => 0,
    };
    [
        of(|end| matches!(end, End::Passed(_))),
        of(|end| matches!(end, End::Differs(_))),
        of(|end| matches!(end, End::Skipped(_))),
        played.iter().map(notes).sum(),
    ]
}

fn show(played: &[Played<'_>], screen: &Screen) -> Result<(), Failure> {
    let row = |played: &Played<'_>| {
        let Played { walk, end } = played;
        [walk.group.clone(), walk.name.clone(), end.step(walk), end.word().to_owned()]
    };
    let rows: Vec<[String; 4]> = played.iter().map(row).collect();
    screen.result(table(["group 分组", "walk 用例", "steps 步骤", "result 结果"], &rows))?;
    for Played { walk, end } in played {
        match end {
            End::Skipped(reason) => {
                let line = format!("\n- {}/{} skipped 跳过: {reason}", walk.group, walk.name);
                screen.result(screen.tone(Tone::Quiet, &line))?;
            }
            end => {
                for trouble in end.troubles() {
                    show_trouble(walk, end, trouble, screen)?;
                }
            }
        }
    }
    let [passed, differ, skipped, notes] = counts(played);
    let sum = format!(
        "\n{passed} passed 通过, {differ} differ 不一致, {skipped} skipped 跳过, {notes} notes 备注"
    );
    screen.result(screen.tone(if differ == 0 { Tone::Good } else { Tone::Bad }, &sum))
}

fn show_trouble(walk: &Walk, end: &End, trouble: &Trouble, screen: &Screen) -> Result<(), Failure> {
    let differs = matches!(end, End::Differs(_));
    let (mark, tone) = if differs { ("✗", Tone::Bad) } else { ("·", Tone::Notable) };
    let head = format!(
        "\n{mark} {}/{} · step {} of {} 第 {} 步: {}",
        walk.group,
        walk.name,
        trouble.step,
        walk.steps.len(),
        trouble.step,
        trouble.deed
    );
    screen.result(screen.tone(tone, &head))?;
    screen.result(format_args!("  {}", walk.title.join(" ")))?;
    if trouble.why.iter().any(|why| !why.is_empty()) {
        screen.result(format_args!("  {}", trouble.why.join(" ")))?;
    }
    for difference in &trouble.differences {
        let basis = match difference.basis {
            Basis::Protocol => "",
            Basis::Holdfast => " (the documents leave it open 官方未规定)",
        };
        screen.result(format_args!("    {}{basis}", screen.tone(Tone::Strong, &difference.at)))?;
        screen.result(format_args!("      expected 应为  {}", difference.expected))?;
        screen.result(format_args!("      came 实为      {}", difference.came))?;
    }
    for (name, sent) in [("request 请求", &trouble.request), ("answer 应答 ", &trouble.answer)]
    {
        if let Some([line, body]) = sent {
            screen
                .result(screen.tone(Tone::Quiet, &format!("    {name}  {line}\n      {body}")))?;
        }
    }
    Ok(())
}

fn as_json(played: &[Played<'_>], url: &str, strict: bool) -> Value {
    let difference = |difference: &judge::Difference| {
        let basis = match difference.basis {
            Basis::Protocol => "protocol",
            Basis::Holdfast => "holdfast",
        };
        json!({"basis": basis, "at": difference.at, "expected": difference.expected, "came": difference.came})
    };
    let exchange = |exchange: &Option<[String; 2]>| {
        exchange.as_ref().map(|[line, body]| json!({"line": line, "body": body}))
    };
    let trouble = |trouble: &Trouble| {
        let [en, zh] = &trouble.why;
        json!({
            "step": trouble.step,
            "what": trouble.deed,
            "en": en,
            "zh": zh,
            "request": exchange(&trouble.request),
            "answer": exchange(&trouble.answer),
            "differences": trouble.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    let walk = |Played { walk, end }: &Played<'_>| {
        let [en, zh] = &walk.title;
        let (result, reason) = match end {
            End::Passed(_) => ("passed", None),
            End::Differs(_) => ("differs", None),
            End::Skipped(reason) => ("skipped", Some(*reason)),
        };
        json!({
            "group": walk.group,
            "name": walk.name,
            "en": en,
            "zh": zh,
            "steps": walk.steps.len(),
            "result": result,
            "reason": reason,
            "troubles": end.troubles().iter().map(trouble).collect::<Vec<_>>(),
        })
    };
    let [passed, differ, skipped, notes] = counts(played);
    json!({
        "baseUrl": url,
        "strict": strict,
        "passed": passed,
        "differ": differ,
        "skipped": skipped,
        "notes": notes,
        "walks": played.iter().map(walk).collect::<Vec<_>>(),
    })
}

fn read_source(text: &str) -> Result<String, String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric());
    if text.len() == 4 && plain {
        return Ok(text.to_owned());
    }
    Err("it has four letters or digits".to_owned())
}

fn read_patience(text: &str) -> Result<i64, String> {
    let ms = duration_ms(text).filter(|ms| *ms > 0);
    ms.ok_or_else(|| "write it as 500ms, 30s or 5m".to_owned())
}
