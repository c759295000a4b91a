//! Who pays: the simulation of a test gateway, a person with a phone, or a command of the user's own.

use std::{process::Stdio, time::Duration};

use holdfast_client::{Sent, Transport};
use holdfast_gateway::clock::patience;
use serde_json::Value;
use tokio::{process::Command, sync::oneshot};

use crate::{screen::Screen, sim};

/// How a payer is made to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payer {
    /// Through `/sim/payer/…` of a Holdfast in the test environment.
    Sim,
    /// A person is asked to.
    Ask,
    /// A program is run, with `{code}`, `{url}` and `{action}` filled into its words.
    Command(Vec<String>),
}

/// What the payer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pay,
    Decline,
}

/// A bill's code, as the payer meets it.
#[derive(Clone, Debug)]
pub(super) struct Code<'c> {
    /// What the QR code carries (`billQRCode`), or the code's id.
    pub(super) carries: &'c str,
    /// Where the gateway is.
    pub(super) gateway: &'c str,
}

impl Payer {
    /// Reads what was given on the command line.
    ///
    /// # Errors
    /// Says what can be given.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "sim" => Ok(Self::Sim),
            "ask" => Ok(Self::Ask),
            text => match text.strip_prefix("command:").map(words) {
                Some(Some(words)) if !words.is_empty() => Ok(Self::Command(words)),
                Some(_) => Err("the command is empty, or a quote in it is not closed".to_owned()),
                None => {
                    Err("it is sim, ask, or 'command:PROGRAM {action} {code} {url}'".to_owned())
                }
            },
        }
    }

    /// Has the payer act; answers whether it was let.
    ///
    /// # Errors
    /// Says why the payer could not even try.
    pub(super) async fn act(
        &self,
        action: Action,
        code: Code<'_>,
        limit: Duration,
        screen: &Screen,
    ) -> Result<bool, String> {
        match self {
            Self::Sim => simulated(action, &code, limit).await,
            Self::Ask => asked(action, &code, screen).await,
            Self::Command(words) => commanded(words, action, &code, limit).await,
        }
    }
}

async fn simulated(action: Action, code: &Code<'_>, limit: Duration) -> Result<bool, String> {
    let action = match action {
        Action::Pay => "/confirm",
        Action::Decline => "/decline",
    };
    let path = sim::payer(code.carries, action).map_err(|failure| failure.sentence)?;
    let sent = Sent::unsigned("POST", format!("{}{path}", code.gateway), b"{}".to_vec());
    let answer = Transport::new(limit).send(sent).await.map_err(|error| error.to_string())?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(answer.status == 200 && said.get("errCode").is_none())
}

async fn asked(action: Action, code: &Code<'_>, screen: &Screen) -> Result<bool, String> {
    let deed = match action {
        Action::Pay => "Pay this code, or find that it cannot be paid 请扫码付款，或确认其无法付款",
        Action::Decline => "Scan this code and decline to pay 请扫码后取消付款",
    };
    screen.progress_over();
    screen.insist(format_args!("\n{deed}:\n  {}\nthen press Enter 完成后按回车", code.carries));
    let (done, pressed) = oneshot::channel();
    // A thread of its own: reading from a terminal cannot be given up, and must not keep the program from ending.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = done.send(std::io::stdin().read_line(&mut line));
    });
    match pressed.await {
        Ok(Ok(0)) | Err(_) => Err("nobody is there to press Enter: stdin is closed".to_owned()),
        // Whether it worked, the bill says.
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) => Err(format!("read from stdin: {error}")),
    }
}

async fn commanded(
    words: &[String],
    action: Action,
    code: &Code<'_>,
    limit: Duration,
) -> Result<bool, String> {
    let action = match action {
        Action::Pay => "pay",
        Action::Decline => "decline",
    };
    let id = code.carries.rsplit_once("id=").map_or(code.carries, |(_, id)| id);
    // No shell reads these words: what a gateway answers can only be an argument.
    let mut words = words.iter().map(|word| {
        word.replace("{action}", action).replace("{code}", id).replace("{url}", code.carries)
    });
    let program = words.next().ok_or("the command is empty")?;
    let mut command = Command::new(&program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("run {program}: {error}"))?;
    let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    match patience(ms, child.wait()).await {
        Some(Ok(status)) => Ok(status.success()),
        Some(Err(error)) => Err(format!("run {program}: {error}")),
        None => Err(format!("{program} did not end within {ms} ms")),
    }
}

/// The words of a command: parted by white space, unless quoted. `None` when a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Result<Payer, String> {
        Ok(Payer::Command(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    #[test]
    fn a_payer_is_one_of_three() {
        assert_eq!(Payer::parse("sim"), Ok(Payer::Sim));
        assert_eq!(Payer::parse("ask"), Ok(Payer::Ask));
        assert_eq!(Payer::parse("command:pay {code}"), command(&["pay", "{code}"]));
        assert_eq!(
            Payer::parse(r#"command: ./pay  --url="{url}&a" 'two words' '' "#),
            command(&["./pay", "--url={url}&a", "two words", ""])
        );
        for wrong in ["", "Sim", "command:", "command: ", "command:pay 'x"] {
            assert!(Payer::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_a_gateway_answers_is_an_argument_and_never_a_command() {
        let screen =
            Screen::new(crate::screen::Format::Text, true, crate::screen::ColorChoice::Never);
        let code = Code { carries: "https://q/?id=1;false", gateway: "" };
        for (line, expected) in [
            ("command:test {code} = 1;false", true),
            ("command:test {url} = https://q/?id=1;false", true),
            ("command:test {action} = pay", true),
            ("command:test {action} = decline", false),
        ] {
            let payer = Payer::parse(line).unwrap();
            let limit = Duration::from_secs(10);
            assert_eq!(
                payer.act(Action::Pay, code.clone(), limit, &screen).await,
                Ok(expected),
                "{line}"
            );
        }
        let nobody = Payer::parse("command:/no/such/program").unwrap();
        assert!(nobody.act(Action::Pay, code, Duration::from_secs(1), &screen).await.is_err());
    }
}
