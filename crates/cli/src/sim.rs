//! `holdfast sim`: the payer, the clock and the faults of a test gateway's simulation.

use clap::{Args, Subcommand, ValueEnum};
use holdfast_client::{CallError, Sent, Transport};
use holdfast_wire::{
    code::Code,
    json::{Json, Object},
};
use serde_json::{Map, Value, json};

use crate::{
    answer,
    connection::Address,
    exit::{Exit, Failure},
    screen::{self, Format, Screen, table},
};

/// The simulation of a test gateway 测试网关的模拟器
#[derive(Clone, Debug, Args)]
pub(crate) struct SimCommand {
    #[command(flatten)]
    address: Address,
    #[command(subcommand)]
    what: SimWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum SimWhat {
    /// Pay a bill as its payer would 付款
    Pay {
        /// The bill's code (qrCodeId), or all of its billQRCode 二维码 ID 或链接
        code: String,
        /// With what kind of card 卡类型
        #[arg(long, value_enum)]
        card: Option<Card>,
        /// Through what 付款渠道
        #[arg(long, value_enum)]
        through: Option<Through>,
        /// Under what name, where only one person may pay 付款人姓名
        #[arg(long)]
        name: Option<String>,
        /// The number of that person's certificate 付款人证件号
        #[arg(long)]
        cert_no: Option<String>,
    },
    /// Scan a fixed code: a bill is made, with a code of its own 扫固定码
    Scan {
        /// The fixed code (qrCodeId), or all of its billQRCode 二维码 ID 或链接
        code: String,
        /// How much to pay, in fen, where the code does not say 金额，单位：分
        #[arg(long)]
        amount: Option<u64>,
    },
    /// Decline to pay; the bill can still be paid 拒绝付款
    Decline {
        /// The bill's code (qrCodeId), or all of its billQRCode 二维码 ID 或链接
        code: String,
    },
    /// Let the bill's time pass 让账单过期
    Expire {
        /// The bill's code (qrCodeId), or all of its billQRCode 二维码 ID 或链接
        code: String,
    },
    /// Show a bill as its payer sees it 查看账单
    Show {
        /// The bill's code (qrCodeId), or all of its billQRCode 二维码 ID 或链接
        code: String,
    },
    /// Choose how the simulated channel behaves; see `holdfast scenarios` 设定渠道行为
    Scenario {
        #[command(subcommand)]
        what: ScenarioWhat,
    },
    /// The time that bills live by 账单时钟
    Clock {
        #[command(subcommand)]
        what: Option<ClockWhat>,
    },
}

#[derive(Clone, Debug, Subcommand)]
enum ScenarioWhat {
    /// Set a scenario 设定
    Set {
        /// Its word, such as lostanswer; all are in `holdfast scenarios` 场景名
        scenario: String,
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Take a scenario back 取消
    Clear {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Show those that are set 列出
    List,
}

/// What a scenario applies to: an operation, a number, both, or everything.
#[derive(Clone, Debug, Args)]
struct Chosen {
    /// The operation; any unless given 操作
    #[arg(long, value_enum)]
    operation: Option<Operation>,
    /// The order number, or for a payment the bill number; any unless given 订单号或账单号
    #[arg(long)]
    number: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum ClockWhat {
    /// Show it 查看
    Show,
    /// Move it ahead, for good: 90s, 15m, 24h, 30d 拨快，不可拨回
    Advance {
        /// How far 时长
        by: String,
    },
}

/// Kinds of cards.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Card {
    /// 借记卡
    Debit,
    /// 贷记卡
    Credit,
}

/// Ways to pay.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Through {
    /// 银联
    Unionpay,
    /// 微信
    Wechat,
    /// 支付宝
    Alipay,
}

/// What a scenario can apply to.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Operation {
    /// 付款
    Pay,
    /// 预授权完成
    Capture,
    /// 预授权完成撤销
    Reverse,
    /// 预授权撤销
    Release,
    /// 退款
    Refund,
}

pub(crate) async fn run(command: SimCommand, screen: &Screen) -> Result<Exit, Failure> {
    let SimCommand { address, what } = command;
    let (method, path, body) = request(what)?;
    let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
    let sent = Sent::unsigned(method, format!("{}{path}", address.url()), body);
    let exchange =
        Transport::new(address.timeout()).send(sent).await.map_err(|error| unreached(&error))?;
    let answer = Object::parse(&exchange.body).ok();
    if exchange.status >= 400 {
        return Err(refused(exchange.status, answer.as_ref()));
    }
    match (screen.format, &answer) {
        (Format::Text, Some(answer)) => screen.result(shown(answer))?,
        _ => screen.result(String::from_utf8_lossy(&exchange.body).trim_end())?,
    }
    Ok(if exchange.status == 202 { Exit::Unknown } else { Exit::Done })
}

/// Method, path and body of a control.
fn request(what: SimWhat) -> Result<(&'static str, String, Option<Value>), Failure> {
    Ok(match what {
        SimWhat::Pay { code, card, through, name, cert_no } => {
            let mut body = Map::new();
            body.extend(card.and_then(word).map(|card| ("card".to_owned(), card)));
            body.extend(through.and_then(word).map(|through| ("through".to_owned(), through)));
            body.extend(name.map(|name| ("name".to_owned(), name.into())));
            body.extend(cert_no.map(|number| ("certNo".to_owned(), number.into())));
            ("POST", payer(&code, "/confirm")?, Some(Value::Object(body)))
        }
        SimWhat::Scan { code, amount } => {
            let mut body = Map::new();
            body.extend(amount.map(|fen| ("amount".to_owned(), fen.into())));
            ("POST", payer(&code, "/scan")?, Some(Value::Object(body)))
        }
        SimWhat::Decline { code } => ("POST", payer(&code, "/decline")?, None),
        SimWhat::Expire { code } => ("POST", payer(&code, "/expire")?, None),
        SimWhat::Show { code } => ("GET", payer(&code, "")?, None),
        SimWhat::Scenario { what } => {
            let path = "/sim/scenarios".to_owned();
            match what {
                ScenarioWhat::Set { scenario, chosen } => {
                    let mut body = chosen.fields();
                    body.insert("scenario".to_owned(), json!(scenario));
                    ("PUT", path, Some(Value::Object(body)))
                }
                ScenarioWhat::Clear { chosen } => {
                    ("DELETE", path, Some(Value::Object(chosen.fields())))
                }
                ScenarioWhat::List => ("GET", path, None),
            }
        }
        SimWhat::Clock { what: None | Some(ClockWhat::Show) } => {
            ("GET", "/sim/clock".to_owned(), None)
        }
        SimWhat::Clock { what: Some(ClockWhat::Advance { by }) } => {
            ("POST", "/sim/clock".to_owned(), Some(json!({"advance": by})))
        }
    })
}

impl Chosen {
    fn fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.extend(self.operation.and_then(word).map(|word| ("operation".to_owned(), word)));
        fields.extend(self.number.map(|number| ("number".to_owned(), json!(number))));
        fields
    }
}

/// A choice as it is spelled on the command line.
fn word(choice: impl ValueEnum) -> Option<Value> {
    choice.to_possible_value().map(|value| json!(value.get_name()))
}

/// The path of a payer's control. A code has no character that a path would have to escape.
pub(crate) fn payer(code: &str, action: &str) -> Result<String, Failure> {
    let code = code.rsplit_once("id=").map_or(code, |(_, id)| id);
    let code = code.split('&').next().unwrap_or(code);
    match holdfast_domain::CodeId::parse(code) {
        Ok(code) => Ok(format!("/sim/payer/{code}{action}")),
        Err(_) => Err(Failure::new(Exit::Usage, format!("{code:?} is not a bill's code"))
            .hint("it is the qrCodeId of the answer to get-qrcode, or all of its billQRCode")),
    }
}

fn unreached(error: &CallError) -> Failure {
    Failure::new(Exit::of_error(error), error)
        .hint("start a test gateway with: holdfast serve   or: holdfast demo")
}

fn refused(status: u16, answer: Option<&Object<'_>>) -> Failure {
    let told = |name| answer.map_or("", |answer| answer::text(answer, name));
    let (code, text) = (told("errCode"), told("errMsg"));
    if code.is_empty() {
        return Failure::new(
            Exit::Unreachable,
            format!("there is no simulation at this address: it answered {status}"),
        )
        .hint("only a gateway of the test environment has one: holdfast serve --environment test");
    }
    // A payer whose confirmation was lost has not paid; only a merchant's outcome can be unknown.
    let exit = match Code::named(code).map_or(Exit::Unexpected, Exit::of_code) {
        Exit::Unknown => Exit::TimedOut,
        exit => exit,
    };
    Failure::new(exit, format!("{code}: {text}"))
}

/// An answer as aligned lines; the list of scenarios as a table.
fn shown(answer: &Object<'_>) -> String {
    if let Some(Json::List(all)) = answer.get("scenarios") {
        let row = |json: &Json<'_>| match json {
            Json::Object(set) => {
                ["operation", "number", "scenario"].map(|name| answer::text(set, name).to_owned())
            }
            _ => Default::default(),
        };
        let rows: Vec<[String; 3]> = all.iter().map(row).collect();
        return table(["operation 操作", "number 编号", "scenario 场景"], &rows);
    }
    let columns = answer.fields().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, json): (&str, &Json<'_>)| {
        let value = match json {
            Json::Text(text) => text.to_string(),
            Json::Integer(number) => number.to_string(),
            Json::Bool(flag) => flag.to_string(),
            _ => String::new(),
        };
        format!("{}  {value}", screen::left(name, columns))
    };
    answer.fields().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, path: Option<&str>) {
        assert_eq!(payer(code, "/confirm").ok().as_deref(), path, "{code}");
    }

    #[test]
    fn a_bill_is_found_by_its_code_or_by_its_whole_link() {
        check("31940001", Some("/sim/payer/31940001/confirm"));
        check(
            "http://127.0.0.1:8080/bills/qrCode.do?id=31940001",
            Some("/sim/payer/31940001/confirm"),
        );
        check(
            "http://127.0.0.1:8080/bills/qrCode.do?id=31940001&a=b",
            Some("/sim/payer/31940001/confirm"),
        );
        check("../clock", None);
        check("", None);
    }
}
