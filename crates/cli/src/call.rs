//! `holdfast call`: every endpoint as a command, its fields as flags, all from the protocol's declarations.

use clap::{Arg, ArgMatches, Command, Error, FromArgMatches, Subcommand};
use holdfast_client::{CallError, Client, Exchange, Fault, Unknown};
use holdfast_gateway::clock::Clock;
use holdfast_wire::{
    field::{InstMid, Rule},
    json::Object,
    message::{Endpoint as _, EndpointSpec, FieldSpec, Message as _},
    messages::{ENDPOINTS, Request, TokenAccess},
    time,
};

use crate::{
    answer,
    connection::Connection,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
    shell,
};

/// What to call, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Call {
    #[command(flatten)]
    connection: Connection,
    /// Show on stderr what is sent: address, Authorization, body. The key is never shown
    /// 在 stderr 显示发送的内容（不含密钥）
    #[arg(long, global = true, verbatim_doc_comment)]
    show_request: bool,
    /// Send nothing: print the curl command that would
    /// 不发送，仅输出等效的 curl 命令
    #[arg(long, global = true, verbatim_doc_comment)]
    curl: bool,
    #[command(subcommand)]
    asked: Asked,
}

/// An endpoint and the fields that were given for it, by their names on the wire.
#[derive(Clone, Debug)]
struct Asked {
    endpoint: &'static EndpointSpec,
    given: Vec<(&'static str, String)>,
}

/// Calls the endpoint.
pub(crate) async fn run(call: Call, screen: &Screen) -> Result<Exit, Failure> {
    let client = call.connection.client()?;
    let asked = call.asked;
    let body = asked.body(&client)?;
    let sent =
        client.prepare(asked.endpoint.path, &body).await.map_err(|error| asked.explain(&error))?;
    if call.curl {
        screen.say("# Good once, and only as long as the gateway lets clocks be off. 仅一次有效");
        screen.result(shell::curl(&sent))?;
        return Ok(Exit::Done);
    }
    if call.show_request {
        screen.insist(format_args!("{} {}", sent.method, sent.url));
        for (name, value) in &sent.headers {
            screen.insist(format_args!("{name}: {value}"));
        }
        screen.insist(format_args!("\n{}\n", String::from_utf8_lossy(&sent.body)));
    }
    let exchange = client.send(sent).await.map_err(|error| asked.explain(&error))?;
    asked.answered(&exchange, screen)
}

impl Asked {
    /// The request as bytes. What can be known by itself is filled in: the time, and the kind of business.
    fn body(&self, client: &Client) -> Result<Vec<u8>, Failure> {
        if self.endpoint.name == TokenAccess::NAME {
            return Ok(client.token_request().encode());
        }
        let now = time::show(Clock::running(0).wall());
        let mut fields: Vec<(&str, &str)> =
            self.given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (name, value) in
            [("requestTimestamp", now.as_str()), ("instMid", InstMid::QrPay.as_str())]
        {
            if !self.given.iter().any(|(given, _)| *given == name) {
                fields.push((name, value));
            }
        }
        let object = Object::of_texts(fields).map_err(|error| Failure::new(Exit::Usage, error))?;
        match Request::decode(self.endpoint.path, &object) {
            Some(Ok(request)) => Ok(request.encode()),
            Some(Err(faults)) => {
                let lines = faults.iter().map(|fault| format!("\n  {fault}\n  {}", fault.zh()));
                let sentence =
                    format!("{} cannot be sent:{}", self.endpoint.name, lines.collect::<String>());
                let mut sound = self.given.clone();
                sound.retain(|(name, _)| !faults.iter().any(|fault| fault.path == *name));
                Err(Failure::new(Exit::Usage, sentence).hint(example(self.endpoint, &sound)))
            }
            None => {
                Err(Failure::new(Exit::Usage, format!("{} takes no request", self.endpoint.name)))
            }
        }
    }

    /// Shows the answer, and says how the command ends.
    fn answered(&self, exchange: &Exchange, screen: &Screen) -> Result<Exit, Failure> {
        match screen.format {
            Format::Json => screen.result(String::from_utf8_lossy(&exchange.body).trim_end())?,
            Format::Text => screen.result(answer::show(screen, self.endpoint, exchange))?,
        }
        exchange.outcome().map(|()| Exit::Done).map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &CallError) -> Failure {
        explain(error, &self.query())
    }

    /// The command that asks how the bill stands.
    fn query(&self) -> String {
        let mut words = vec!["holdfast".to_owned(), "call".to_owned(), "query".to_owned()];
        for name in ["mid", "tid", "billNo", "billDate", "authedOrderId", "refundOrderId"] {
            if let Some((_, value)) = self.given.iter().find(|(given, _)| *given == name) {
                words.extend([format!("--{name}"), value.clone()]);
            }
        }
        shell::line(words.iter().map(String::as_str))
    }
}

/// What went wrong, and what to do now; `look` is the command that tells how it stands.
pub(crate) fn explain(error: &CallError, look: &str) -> Failure {
    let failure = Failure::new(Exit::of_error(error), error);
    match error {
        CallError::OutcomeUnknown(unknown) => {
            let wait = match unknown {
                Unknown::Answered { .. } => "the gateway goes on asking the channel",
                _ => "it may or may not have been done",
            };
            failure
                .hint(format!("{wait}; ask before anything else (结果未知，请先查询):\n\n  {look}"))
        }
        CallError::Refused { code: Some(code), .. } => {
            let spec = code.spec();
            let advice = format!(
                "{}\n      {}\n\n  holdfast explain {code}",
                spec.advice.en, spec.advice.zh
            );
            failure.hint(match Exit::of_code(*code) {
                Exit::Conflict => format!("{advice}\n  {look}"),
                _ => advice,
            })
        }
        CallError::Refused { code: None, .. } => failure,
        CallError::Fault(Fault::Unreachable { .. } | Fault::NoToken(_)) => failure.hint(
            "start a gateway with: holdfast serve\n      or say where one is: --base-url URL",
        ),
        CallError::Fault(_) => failure.hint("say where the gateway is: --base-url URL"),
    }
}

/// A command line that would do: what was given, and the examples of what else is required.
fn example(endpoint: &EndpointSpec, given: &[(&'static str, String)]) -> String {
    let mut words = vec!["holdfast".to_owned(), "call".to_owned(), endpoint.name.to_owned()];
    for field in flags(endpoint).filter(|field| !fills_itself(field)) {
        let given = given.iter().find(|(name, _)| *name == field.name);
        let example = field.example.filter(|_| field.required).map(str::to_owned);
        if let Some(value) = given.map(|(_, value)| value.clone()).or(example) {
            words.extend([format!("--{}", field.name), value]);
        }
    }
    shell::line(words.iter().map(String::as_str))
}

/// The fields that have a flag. A token request is made of who asks, so it has none.
fn flags(endpoint: &EndpointSpec) -> impl Iterator<Item = &'static FieldSpec> {
    let fields = if endpoint.name == TokenAccess::NAME { &[] } else { endpoint.request };
    fields.iter()
}

fn fills_itself(field: &FieldSpec) -> bool {
    matches!(field.name, "requestTimestamp" | "instMid")
}

/// `billNo` as flags are usually spelled: `bill-no`.
fn kebab(name: &str) -> String {
    name.chars().fold(String::new(), |mut kebab, c| {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
        kebab
    })
}

fn flag(field: &'static FieldSpec) -> Arg {
    let value = match field.rule {
        Rule::Fen { .. } => "FEN",
        Rule::Number { .. } => "NUMBER",
        Rule::Day => "DATE",
        Rule::Time | Rule::Stamp => "TIME",
        Rule::Flag => "true|false",
        Rule::Url { .. } => "URL",
        Rule::Object | Rule::List { .. } => "JSON",
        Rule::Base64 { .. } | Rule::Base64Of(_) => "BASE64",
        Rule::Id { .. } | Rule::Text { .. } | Rule::OneOf(_) | Rule::Hex => "TEXT",
    };
    let example = field.example.filter(|_| !matches!(field.rule, Rule::OneOf([_])));
    let example = example.map_or_else(String::new, |example| format!("; such as {example}"));
    let (en, zh) = (field.doc.en.trim_end_matches('.'), field.doc.zh.trim_end_matches('。'));
    let heading = match (field.required, fills_itself(field)) {
        (true, false) => "Required 必填",
        (true, true) => "Filled in by themselves 自动填写",
        (false, _) => "Optional 可选",
    };
    let mut arg = Arg::new(field.name)
        .long(field.name)
        .value_name(value)
        .help_heading(heading)
        .help(format!("{en}\n{zh}\n[{}{example}]", field.rule));
    let kebab = kebab(field.name);
    if kebab != field.name {
        arg = arg.alias(kebab);
    }
    match field.alias {
        Some(alias) => arg.aliases([alias.to_owned(), self::kebab(alias)]),
        None => arg,
    }
}

fn command(endpoint: &'static EndpointSpec) -> Command {
    let EndpointSpec { title, doc, .. } = endpoint;
    Command::new(endpoint.name)
        .about(format!("{} {}", title.en, title.zh))
        .long_about(format!("{}\n{}\n\nPOST {}", doc.en, doc.zh, endpoint.path))
        .args(flags(endpoint).map(flag))
        .after_help(format!(
            "Example 示例:\n  {}\n\nFlags are spelled as on the wire, or --bill-no for --billNo. The answer's fields are \
             explained when it comes; -o json gives it as it came.\n\n{}",
            example(endpoint, &[]),
            Exit::help(),
        ))
}

impl Subcommand for Asked {
    fn augment_subcommands(parent: Command) -> Command {
        parent
            .subcommand_required(true)
            .subcommand_value_name("ENDPOINT")
            .subcommand_help_heading("Endpoints 接口")
            .subcommands(ENDPOINTS.iter().map(command))
    }

    fn augment_subcommands_for_update(parent: Command) -> Command {
        Self::augment_subcommands(parent)
    }

    fn has_subcommand(name: &str) -> bool {
        ENDPOINTS.iter().any(|endpoint| endpoint.name == name)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let chosen = matches.subcommand().and_then(|(name, fields)| {
            Some((ENDPOINTS.iter().find(|endpoint| endpoint.name == name)?, fields))
        });
        let missing = || Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (endpoint, fields) = chosen.ok_or_else(missing)?;
        let given = flags(endpoint)
            .filter_map(|field| Some((field.name, fields.get_one::<String>(field.name)?.clone())));
        Ok(Self { endpoint, given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The endpoints in a table, for `holdfast endpoints`.
pub(crate) fn list(screen: &Screen) -> Result<Exit, Failure> {
    match screen.format {
        Format::Text => {
            let rows: Vec<[String; 4]> = ENDPOINTS
                .iter()
                .map(|endpoint| {
                    [
                        endpoint.name.to_owned(),
                        endpoint.path.to_owned(),
                        endpoint.title.zh.to_owned(),
                        endpoint.title.en.to_owned(),
                    ]
                })
                .collect();
            screen.result(crate::screen::table(["endpoint 接口", "path 路径", "", ""], &rows))?;
            screen.say(screen.tone(Tone::Quiet, "\nfields of one: holdfast call ENDPOINT --help"));
        }
        Format::Json => {
            let all = ENDPOINTS.iter().map(|endpoint| {
                let names = endpoint.request.iter().map(|field| field.name).collect::<Vec<_>>();
                serde_json::json!({
                    "name": endpoint.name, "path": endpoint.path, "aliases": endpoint.aliases,
                    "en": endpoint.title.en, "zh": endpoint.title.zh, "fields": names,
                })
            });
            screen.result(serde_json::Value::Array(all.collect()))?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_every_endpoint_is_a_flag_in_both_spellings() {
        for endpoint in ENDPOINTS {
            let command = command(endpoint);
            for field in flags(endpoint) {
                let flag = command.get_arguments().find(|arg| arg.get_long() == Some(field.name));
                let aliases = flag.expect(field.name).get_all_aliases().unwrap_or_default();
                assert!(
                    kebab(field.name) == field.name
                        || aliases.contains(&kebab(field.name).as_str()),
                    "{}",
                    field.name
                );
            }
        }
    }

    #[test]
    fn the_example_in_the_help_of_every_endpoint_can_be_sent() {
        for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.name != TokenAccess::NAME) {
            let words = example(endpoint, &[]);
            // As a shell reads it: what stands between quotes is one word.
            let parts = words.split('\'').enumerate();
            let words = parts.flat_map(|(place, part)| match place.is_multiple_of(2) {
                true => part.split(' ').filter(|word| !word.is_empty()).collect(),
                false => vec![part],
            });
            let words: Vec<&str> = words.skip(2).collect();
            let parser = Asked::augment_subcommands(Command::new("call")).no_binary_name(true);
            let matches = parser.try_get_matches_from(words).expect("its own flags");
            let asked = Asked::from_arg_matches(&matches).expect("an endpoint was named");
            let client = Client::builder()
                .base_url("http://127.0.0.1:1")
                .credentials(
                    holdfast_client::AppId::parse("app").unwrap(),
                    holdfast_client::AppKey::parse("key").unwrap(),
                )
                .build()
                .unwrap();
            assert!(asked.body(&client).is_ok(), "{}", endpoint.name);
        }
    }

    #[test]
    fn wire_names_are_spelled_like_other_flags_too() {
        assert_eq!(kebab("authIdRespCd"), "auth-id-resp-cd");
        assert_eq!(kebab("mid"), "mid");
    }
}
