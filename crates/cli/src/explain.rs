//! `holdfast explain`: what an error code means, why it came, whether to repeat, how long to wait. The same page as
//! `docs/errors.md` and the address in error answers; no gateway is asked.

use std::io::{self, Read as _};

use clap::Args;
use holdfast_gateway::{api::meant, limits};
use holdfast_wire::{
    code::{Code, CodeSpec, Repeat},
    explain,
    json::{Json, Object},
    message::{Bilingual, says_done},
};
use serde_json::{Value, json};

use crate::{
    answer::text,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
};

/// What to explain.
#[derive(Clone, Debug, Args)]
pub(crate) struct Explain {
    /// An error code or its beginning in any case, a number (a platform code, an exit code of holdfast, an HTTP status),
    /// an answer in JSON, or - to read an answer from stdin; all codes when it is left out
    /// 错误代码或其开头（不分大小写）、数字（平台代码、本程序退出码、HTTP 状态码）、JSON 响应，或 - 从标准输入读取
    #[arg(value_name = "CODE", verbatim_doc_comment)]
    asked: Option<String>,
}

pub(crate) fn run(command: Explain, screen: &Screen) -> Result<Exit, Failure> {
    let Some(asked) = command.asked else { return list(screen, Code::ALL) };
    if asked == "-" {
        let mut given = String::new();
        let most = u64::try_from(limits::BODY_BYTES).unwrap_or(u64::MAX);
        let read = io::stdin().take(most).read_to_string(&mut given);
        read.map_err(|error| Failure::new(Exit::Usage, format!("read stdin: {error}")))?;
        return pasted(screen, &given);
    }
    if asked.contains('{') {
        return pasted(screen, &asked);
    }
    if let Some(code) = meant(&asked).first().filter(|code| is(**code, &asked)) {
        return show(screen, *code);
    }
    if let Ok(number) = asked.parse::<u16>() {
        return numbered(screen, number);
    }
    match meant(&asked)[..] {
        [code] if begins(code, &asked) => show(screen, code),
        [code, ..] if begins(code, &asked) => list(screen, &meant(&asked)),
        [] => Err(unknown(&asked).hint("all of them: holdfast explain")),
        ref near => {
            let commands = near.iter().map(|code| format!("\n  holdfast explain {code}"));
            Err(unknown(&asked)
                .hint(format!("did you mean (您要找的是)\n{}", commands.collect::<String>())))
        }
    }
}

/// Whether it is that code, whatever its case.
fn is(code: Code, asked: &str) -> bool {
    begins(code, asked) && asked.trim().len() == code.name().len()
}

fn begins(code: Code, asked: &str) -> bool {
    let asked = asked.trim().replace(['-', ' '], "_");
    code.name().get(..asked.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&asked))
}

fn unknown(asked: &str) -> Failure {
    Failure::new(Exit::NotFound, format!("no error code is called {asked:?} (没有这个错误代码)"))
}

/// Explains the code in an answer as somebody pasted it, whatever stands around its JSON; in other text, such as a line
/// of a log, the first code that is named.
fn pasted(screen: &Screen, given: &str) -> Result<Exit, Failure> {
    let found = given.find('{').zip(given.rfind('}'));
    let json = found.and_then(|(from, to)| given.get(from..=to)).map(str::as_bytes);
    let Some(answer) = json.and_then(|json| Object::parse(json).ok()) else {
        let words = given.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        // A number may be anything.
        let mut codes = words.filter(|word| word.parse::<u32>().is_err()).filter_map(Code::named);
        let none = || {
            Failure::new(Exit::NotFound, "no error code is in what was given (未找到错误代码)")
                .hint("paste the whole answer: holdfast explain - < answer.json")
        };
        return show(screen, codes.next().ok_or_else(none)?);
    };
    let inner = match answer.get("data") {
        Some(Json::Object(data)) if data.has("errCode") => data,
        _ => &answer,
    };
    let named = text(inner, "errCode");
    // The exchange for a token says so in a way of its own.
    let done = says_done(named).then_some(Code::Success);
    let Some(code) = done.or_else(|| Code::named(named)) else {
        return Err(match named {
            "" => Failure::new(Exit::NotFound, "the answer has no errCode (响应中没有 errCode)"),
            named => unknown(named),
        }
        .hint("all codes: holdfast explain"));
    };
    let note = text(inner, "errMsg");
    if !note.is_empty() {
        let plain: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        screen.say(format_args!("{plain}\n"));
    }
    show(screen, code)
}

/// Explains an exit code of this program, or a status of HTTP.
fn numbered(screen: &Screen, number: u16) -> Result<Exit, Failure> {
    let exit = Exit::ALL.into_iter().find(|(exit, ..)| u16::from(exit.number()) == number);
    let codes: Vec<Code> = match exit {
        Some((exit, ..)) => {
            Code::ALL.iter().copied().filter(|code| Exit::of_code(*code) == exit).collect()
        }
        None => Code::ALL.iter().copied().filter(|code| code.status() == number).collect(),
    };
    let (en, zh) = match exit {
        Some((_, en, zh)) => (format!("exit code {number}: {en}"), format!("退出码：{zh}")),
        None if !codes.is_empty() => (format!("HTTP status {number}"), "HTTP 状态码".to_owned()),
        None => return Err(unknown(&number.to_string()).hint("all of them: holdfast explain")),
    };
    if screen.format == Format::Json {
        let codes: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        screen.result(json!({"number": number, "en": en, "zh": zh, "codes": codes}))?;
        return Ok(Exit::Done);
    }
    screen.result(screen.tone(Tone::Strong, &format!("{en} {zh}")))?;
    if !codes.is_empty() {
        screen.result("\nanswers that end so 对应的错误代码:")?;
        list(screen, &codes)?;
    }
    Ok(Exit::Done)
}

/// A line for each code.
fn list(screen: &Screen, codes: &[Code]) -> Result<Exit, Failure> {
    match screen.format {
        Format::Text => screen.result(explain::list_text(codes).trim_end())?,
        Format::Json => screen.result(codes.iter().map(|code| known(*code)).collect::<Value>())?,
    }
    screen.say(screen.tone(Tone::Quiet, "\nall about one 详情: holdfast explain CODE"));
    Ok(Exit::Done)
}

fn show(screen: &Screen, code: Code) -> Result<Exit, Failure> {
    if screen.format == Format::Json {
        screen.result(known(code))?;
        return Ok(Exit::Done);
    }
    let page = explain::page(code).text();
    let (title, rest) = page.split_once('\n').unwrap_or((&page, ""));
    screen.result(screen.tone(Tone::Strong, title))?;
    let exit = Exit::of_code(code).number();
    screen.result(format_args!("{rest}\nExit code of holdfast 退出码\n  {exit}"))?;
    Ok(Exit::Done)
}

/// Everything about a code for programs.
fn known(code: Code) -> Value {
    let CodeSpec { name, status, fault, repeat, wait, text, advice, causes, next } = code.spec();
    let both = |text: &Bilingual| json!({"en": text.en, "zh": text.zh});
    let pauses = wait
        .pauses()
        .map(|(first, longest)| json!({"firstSeconds": first, "longestSeconds": longest}));
    json!({
        "code": name,
        "httpStatus": status,
        "meaning": both(text),
        "fault": both(&fault.text()),
        "repeat": both(&repeat.text()),
        "safeToRepeat": *repeat == Repeat::Safe,
        "queryFirst": *repeat == Repeat::AfterQuery,
        "wait": both(&wait.text()),
        "pauses": pauses,
        "causes": causes.iter().map(both).collect::<Value>(),
        "advice": both(advice),
        "next": next,
        "exit": Exit::of_code(code).number(),
    })
}
