//! `holdfast trigger`: the notice of something that happened to a bill, sent to its receiver now; also wrong ones, late
//! ones and the same again, to see whether the receiver stands it.

mod trials;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use holdfast_client::{CallError, Client};
use holdfast_domain::{Day, Mid, OrderId, Text};
use holdfast_gateway::clock::{Clock, Dice};
use holdfast_wire::{
    code::Code,
    field::{EventName, Named, Whole},
    messages::{Override, Sender, SignedNotice, TrialLetter, TrialNotice},
    notice::read_form,
};
use serde_json::{Value, json};

use crate::{
    connection::Connection,
    exit::{Exit, Failure},
    forward::{Forward, Outcome},
    listen::{read_mid, read_ms},
    screen::{Format, Screen, Tone, table},
};
use trials::{Must, NOTIFY_ID, Signature, TOTAL_AMOUNT, Verdict, spoiled, truncated, value};

/// Send a receiver the notice of something that happened to a bill 触发通知
#[derive(Clone, Debug, Args)]
pub(crate) struct Trigger {
    /// What the notice tells of; the last thing that happened to the bill unless given
    /// 事件，缺省为账单最近的事件
    #[arg(value_parser = PossibleValuesParser::new(EventName::WORDS).try_map(|word| EventName::parse(&word)), verbatim_doc_comment)]
    event: Option<EventName>,
    /// The bill, with its date if there are several of that number: 124F2023071912562344830889@2023-07-19
    /// 账单号，可加 @日期
    #[arg(long, value_name = "BILL_NO[@DATE]", value_parser = read_bill, verbatim_doc_comment)]
    bill: (OrderId, Option<Day>),
    /// Whose bill it is
    /// 商户号
    #[arg(long, env = "HOLDFAST_MID", value_parser = read_mid, verbatim_doc_comment)]
    mid: Mid,
    /// The receiver; the bill's notifyUrl or the merchant's own address unless given
    /// 接收地址，缺省为账单或商户的通知地址
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    to: Option<String>,
    /// Send it although the bill has not had that event: of the bill as it stands
    /// 账单未发生该事件时仍然发送
    #[arg(long, verbatim_doc_comment)]
    anyway: bool,
    /// Try everything that follows, one after the other, and judge the receiver by each answer
    /// 依次执行下列全部测试并评判
    #[arg(long, conflicts_with_all = ["overrides", "signature", "truncate", "times", "late", "reorder"], help_heading = NERVES, verbatim_doc_comment)]
    all: bool,
    /// Let the notice say something else, signed after that; without a value the pair is left out
    /// 替换参数后再签名；值为空则去掉该参数
    #[arg(long = "override", value_name = "NAME=VALUE", value_parser = read_override, help_heading = NERVES, verbatim_doc_comment)]
    overrides: Vec<Override>,
    /// The signature: a good receiver refuses all but the right one
    /// 签名方式：除正确签名外都应拒绝
    #[arg(long, value_enum, default_value = "right", help_heading = NERVES, verbatim_doc_comment)]
    signature: Signature,
    /// Send only the first two thirds of it: a good receiver refuses that
    /// 仅发送前三分之二：应拒绝
    #[arg(long, help_heading = NERVES, verbatim_doc_comment)]
    truncate: bool,
    /// Send it so often: a good receiver takes each, and acts once
    /// 发送次数：每次都应接受，且只处理一次
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100), help_heading = NERVES, verbatim_doc_comment)]
    times: u16,
    /// Send it as if it had been signed so long ago. Only the second signature (Standard Webhooks) has a time
    /// 按提前的时间签名，仅影响第二签名
    #[arg(long, value_name = "TIME", value_parser = read_ms, help_heading = NERVES, verbatim_doc_comment)]
    late: Option<u64>,
    /// Then send the notice of what happened to the bill before: a good receiver takes it, and goes back to nothing
    /// 随后发送更早事件的通知：应接受，且状态不可倒退
    #[arg(long, help_heading = NERVES, verbatim_doc_comment)]
    reorder: bool,
    #[command(flatten)]
    connection: Connection,
}

const NERVES: &str = "To try a receiver's nerves 接收方测试";

/// How late the late notice of `--all` is, in seconds.
const LATE_S: u64 = 7_200;

/// One notice that is sent, and what came of it.
struct Trial {
    /// What is sent, in both languages.
    en: &'static str,
    zh: &'static str,
    must: Must,
    notice: SignedNotice,
    body: String,
}

pub(crate) async fn run(command: Trigger, screen: &Screen) -> Result<Exit, Failure> {
    let client = command.connection.client()?;
    let made = command.ask(&client, &command.overrides, command.late.map(|ms| ms / 1_000)).await?;
    let url =
        command.to.clone().or_else(|| made.notice.url.as_ref().map(|url| url.as_str().to_owned()));
    let url = url.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "no receiver: neither the bill nor the merchant names an address (没有通知地址)",
        )
        .hint("--to http://127.0.0.1:3000/notify")
    })?;
    let receiver = Forward::to(&url)?;
    let (bill, date) = (&made.bill_no, made.bill_date);
    let had = if made.happened_at.is_some() { "" } else { ", which it has not had (尚未发生)" };
    screen.say(format_args!("{} of {bill}@{date}{had} → {url}", made.event));
    let trials = match command.all {
        true => command.all_trials(&client, made).await?,
        false => command.trials(made)?,
    };
    let mut ended = vec![];
    for trial in trials {
        screen.progress(format_args!("{} {}…", trial.en, trial.zh));
        let outcome = receiver.send(&trial.notice, &trial.body).await;
        screen.progress_over();
        if ended.is_empty() && outcome.status.is_none() {
            let what = format!("nobody answers at {url} (接收方无应答): {}", outcome.told());
            return Err(Failure::new(Exit::Unreachable, what)
                .hint("start the receiver, or name another one with --to URL"));
        }
        ended.push((trial, outcome));
    }
    report(screen, &ended)
}

impl Trigger {
    /// Has the gateway make the notice.
    async fn ask(
        &self,
        client: &Client,
        overrides: &[Override],
        ago: Option<u64>,
    ) -> Result<TrialLetter, Failure> {
        let request = TrialNotice {
            sender: Sender {
                request_timestamp: Clock::running(0).wall(),
                mid: self.mid.clone(),
                inst_mid: None,
                msg_id: None,
                src_reserve: None,
            },
            bill_no: self.bill.0.clone(),
            bill_date: self.bill.1,
            event: self.event,
            anyway: self.anyway.then_some(true),
            overrides: (!overrides.is_empty()).then(|| overrides.to_vec()),
            sent_ago_seconds: ago.and_then(Whole::new),
        };
        client.call(&request).await.map_err(|error| {
            let failure = Failure::new(Exit::of_error(&error), &error);
            match error {
                CallError::Refused { code: Some(Code::OperationNotAllowed), .. } => {
                    failure.hint("let it happen first, or send the notice all the same: --anyway")
                }
                CallError::Refused { code: Some(Code::NoService), .. } => failure
                    .hint("only a gateway of the test environment makes such notices (仅限测试环境)"),
                CallError::Refused { code: Some(code), .. } => {
                    let advice = code.spec().advice;
                    failure.hint(format!("{}\n      {}", advice.en, advice.zh))
                }
                CallError::Fault(_) => failure.hint(
                    "start a gateway with: holdfast serve\n      or say where one is: --base-url URL",
                ),
                CallError::Refused { code: None, .. } | CallError::OutcomeUnknown(_) => failure,
            }
        })
    }

    /// What the flags ask for.
    fn trials(&self, made: TrialLetter) -> Result<Vec<Trial>, Failure> {
        let mut body = spoil(&made.notice, self.signature)?;
        if self.truncate {
            body = truncated(&body);
        }
        let dated = self.late.is_some() && !made.notice.headers.is_empty();
        let (en, zh, must) = match self.signature {
            _ if self.truncate => ("truncated", "截断", Must::Refuse),
            Signature::Forged => ("amount changed after signing", "签名后篡改金额", Must::Refuse),
            Signature::Missing => ("without a signature", "没有签名", Must::Refuse),
            Signature::OtherKey => ("signed with another key", "其他密钥签名", Must::Refuse),
            // What was overridden may well be reason enough to refuse it: the user knows.
            Signature::Right if !self.overrides.is_empty() => {
                ("rightly signed, overridden", "签名正确，内容已替换", Must::AsItLikes)
            }
            Signature::Right if dated => LATE,
            Signature::Right if self.late.is_some() => ("late", "迟到", Must::Take),
            Signature::Right => ("right", "正确通知", Must::Take),
        };
        let older = made.older;
        let once = |notice: &SignedNotice| Trial {
            en,
            zh,
            must,
            notice: notice.clone(),
            body: body.clone(),
        };
        let mut trials: Vec<Trial> = (0..self.times).map(|_| once(&made.notice)).collect();
        if self.reorder {
            let older = older.ok_or_else(|| {
                Failure::new(
                    Exit::Conflict,
                    "nothing was announced of this bill before that event (此前没有其他通知)",
                )
                .hint("name a later event: holdfast trigger hold.captured --reorder --bill …")
            })?;
            trials.push(right("older, after it", "更早事件的通知后到", older.notice)?);
        }
        Ok(trials)
    }

    /// Everything there is to try.
    async fn all_trials(&self, client: &Client, made: TrialLetter) -> Result<Vec<Trial>, Failure> {
        let dice = Dice::unpredictable();
        let wrong = |en, zh, signature| {
            let body = spoil(&made.notice, signature)?;
            Ok::<_, Failure>(Trial {
                en,
                zh,
                must: Must::Refuse,
                notice: made.notice.clone(),
                body,
            })
        };
        let mut trials = vec![
            right("right", "正确通知", made.notice.clone())?,
            right("the same again", "重复通知", made.notice.clone())?,
            wrong("amount changed after signing", "签名后篡改金额", Signature::Forged)?,
            wrong("without a signature", "没有签名", Signature::Missing)?,
            wrong("signed with another key", "其他密钥签名", Signature::OtherKey)?,
        ];
        let cut = truncated(&spoil(&made.notice, Signature::Right)?);
        let (must, notice) = (Must::Refuse, made.notice.clone());
        trials.push(Trial { en: "truncated", zh: "截断", must, notice, body: cut });
        let whole = spoil(&made.notice, Signature::Right)?;
        let pairs = read_form(&whole).map_err(unexpected)?;
        let fen = value(&pairs, TOTAL_AMOUNT).and_then(|fen| fen.parse::<u64>().ok());
        let other = [
            pair(NOTIFY_ID, &format!("trial-{}", dice.hex(16)))?,
            pair(TOTAL_AMOUNT, &fen.unwrap_or_default().saturating_add(1).to_string())?,
        ];
        let other = self.ask(client, &other, None).await?.notice;
        let body = spoil(&other, Signature::Right)?;
        // True, and of another order than the receiver's: whoever believes it delivers for the wrong price.
        trials.push(Trial {
            en: "rightly signed, another amount",
            zh: "签名正确，金额不符",
            must: Must::Refuse,
            notice: other,
            body,
        });
        let late = self.ask(client, &[], Some(LATE_S)).await?.notice;
        let dated = !late.headers.is_empty();
        let late = right("late", "迟到", late)?;
        trials.push(match dated {
            true => Trial { en: LATE.0, zh: LATE.1, must: LATE.2, ..late },
            false => late,
        });
        if let Some(older) = made.older {
            trials.push(right("older, after it", "更早事件的通知后到", older.notice)?);
        }
        Ok(trials)
    }
}

/// A notice whose second signature is old: whoever checks that one refuses it, whoever checks `sign` cannot know.
const LATE: (&str, &str, Must) =
    ("late by its webhook-timestamp", "第二签名时间过旧", Must::AsItLikes);

fn right(en: &'static str, zh: &'static str, notice: SignedNotice) -> Result<Trial, Failure> {
    let body = spoil(&notice, Signature::Right)?;
    Ok(Trial { en, zh, must: Must::Take, notice, body })
}

fn spoil(notice: &SignedNotice, signature: Signature) -> Result<String, Failure> {
    let body = notice.body.as_ref().ok_or_else(|| {
        let why = notice.unsigned.as_ref().map_or("", |why| why.as_str());
        Failure::new(Exit::Unexpected, format!("the notice cannot be signed: {why}"))
    })?;
    spoiled(body.as_str(), signature, &Dice::unpredictable()).map_err(unexpected)
}

fn unexpected(fault: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, format!("the gateway's own notice cannot be read: {fault}"))
}

fn pair(name: &str, value: &str) -> Result<Override, Failure> {
    read_override(&format!("{name}={value}")).map_err(unexpected)
}

/// Shows what came of it, and whether the receiver is a good one.
fn report(screen: &Screen, ended: &[(Trial, Outcome)]) -> Result<Exit, Failure> {
    let verdict = |(trial, outcome): &(Trial, Outcome)| trial.must.judge(outcome);
    match screen.format {
        Format::Json => {
            let all = ended.iter().map(|ended| {
                let (trial, outcome) = ended;
                json!({
                    "trial": trial.en, "must": trial.must.word(), "notifyId": notify_id(trial),
                    "body": trial.body, "status": outcome.status, "taken": outcome.taken(),
                    "trouble": outcome.missed, "tookMs": outcome.took_ms,
                    "good": match verdict(ended) { Verdict::Good => Some(true), Verdict::Bad => Some(false), Verdict::Unjudged => None },
                })
            });
            screen.result(Value::Array(all.collect()))?;
        }
        Format::Text => {
            let rows: Vec<[String; 5]> = ended
                .iter()
                .map(|ended| {
                    let (trial, outcome) = ended;
                    let judged = match verdict(ended) {
                        Verdict::Good => screen.tone(Tone::Good, "✓ good 合格"),
                        Verdict::Bad => screen.tone(Tone::Bad, "✗ BAD 不合格"),
                        Verdict::Unjudged => screen.tone(Tone::Quiet, "- not judged 不评判"),
                    };
                    [
                        format!("{} {}", trial.en, trial.zh),
                        trial.must.told().to_owned(),
                        outcome.told(),
                        format!("{} ms", outcome.took_ms),
                        judged,
                    ]
                })
                .collect();
            let heading =
                ["sent 发送", "it must 应", "it answered 应答", "took 耗时", "verdict 评判"];
            screen.result(table(heading, &rows))?;
        }
    }
    let bad = ended.iter().filter(|ended| verdict(ended) == Verdict::Bad).count();
    if bad == 0 {
        return Ok(Exit::Done);
    }
    let what =
        format!("the receiver failed {bad} of {} trials (接收方未通过 {bad} 项)", ended.len());
    Err(Failure::new(Exit::Differences, what).hint(
        "answer SUCCESS to what was signed with the communication key and tells of your own order, also when it comes again; \
         anything else to everything else: docs/notices.md",
    ))
}

/// The number of a notice as it was sent; none where it cannot be read.
fn notify_id(trial: &Trial) -> Option<String> {
    value(&read_form(&trial.body).ok()?, NOTIFY_ID).map(str::to_owned)
}

fn read_bill(text: &str) -> Result<(OrderId, Option<Day>), String> {
    let (no, date) = match text.split_once('@') {
        Some((no, date)) => (no, Some(Day::parse(date).ok_or("write it as BILL_NO@2026-11-23")?)),
        None => (text, None),
    };
    let no = OrderId::parse(no).map_err(|_| "a bill number has letters, digits, - _ and . only")?;
    Ok((no, date))
}

fn read_override(text: &str) -> Result<Override, String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let name = Named::parse(name).map_err(|_| "a name has up to 64 letters and digits")?;
    let value =
        match value {
            "" => None,
            value => Some(Text::parse(value).map_err(
                |_| "a value has up to 1024 characters, none of them a control character",
            )?),
        };
    Ok(Override { name, value })
}
