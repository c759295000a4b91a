//! `holdfast hold`: holds for people. Sums are in yuan, numbers make themselves, and an outcome that is not known is
//! asked about until it is.
//!
//! Everything but `--dry-run` and `timeline` uses the protocol's own endpoints, so it works with the official host too.

mod desk;
mod money;
mod qr;
mod told;
mod wait;

use clap::{Args, Subcommand};
use holdfast_domain::{Amount, yuan};
use holdfast_wire::{
    field::{BillStatus, TradeStatus},
    messages::{
        BillPayment, GetQrcode, PreauthCancel, Preauthed, PreauthedCancel, Queried, Refund,
    },
};

use crate::{
    connection::Connection,
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
    serve::Signals,
};
use desk::{Deed, Desk, Fields};
use wait::Wait;

/// Holds for people: take, capture, reverse, release, refund 预授权操作
#[derive(Clone, Debug, Args)]
pub(crate) struct HoldCommand {
    #[command(flatten)]
    connection: Connection,
    /// The merchant
    /// 商户号
    #[arg(
        long,
        global = true,
        env = "HOLDFAST_MID",
        value_name = "MID",
        help_heading = WHO,
        verbatim_doc_comment
    )]
    mid: Option<String>,
    /// The merchant's terminal
    /// 终端号
    #[arg(
        long,
        global = true,
        env = "HOLDFAST_TID",
        value_name = "TID",
        help_heading = WHO,
        verbatim_doc_comment
    )]
    tid: Option<String>,
    #[command(subcommand)]
    what: Hold,
}

const WHO: &str = "Merchant 商户";

#[derive(Clone, Debug, Subcommand)]
enum Hold {
    /// Show a payer a QR code and hold the money when it is paid 发起预授权
    #[command(after_help = "\
Example 示例:
  holdfast hold take 500 --desc '押金 301'
  holdfast hold take 500 --dry-run")]
    Take {
        #[command(flatten)]
        sum: Sum,
        /// The bill's number; made for you unless given 账单号
        #[arg(long, value_name = "BILL")]
        bill: Option<String>,
        /// The bill's date; today unless given 账单日期
        #[arg(long)]
        date: Option<String>,
        /// What the payer reads 账单描述
        #[arg(long, value_name = "TEXT")]
        desc: Option<String>,
        /// The four characters that all numbers begin with (msgSrcId) 来源编号
        #[arg(long, value_name = "TEXT", default_value = "3194")]
        prefix: String,
        /// Show the link alone 仅显示链接
        #[arg(long)]
        no_qr: bool,
        /// For a terminal with a light background and no colours 浅色背景终端
        #[arg(long)]
        light: bool,
        #[command(flatten)]
        how: How,
    },
    /// Take all or part of a held payment 预授权完成
    #[command(after_help = "\
Examples 示例:
  holdfast hold capture 31942026112300000001 380
  holdfast hold capture 31942026112300000001 all --dry-run")]
    Capture {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sum: Sum,
        /// The number of the capture; made for you unless given 预授权完成订单号
        #[arg(long)]
        order: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Undo a whole capture, on its own business day 预授权完成撤销
    #[command(after_help = "\
Example 示例:
  holdfast hold reverse 31942026112300000001 --capture 327M22061819820261705544110

Without --capture the gateway is asked for the number; only Holdfast can say it.
未提供 --capture 时向网关查询完成单号，仅 Holdfast 网关支持。")]
    Reverse {
        #[command(flatten)]
        which: Which,
        /// The number of the capture; asked for unless given 预授权完成订单号
        #[arg(long, value_name = "ORDER")]
        capture: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Give a whole held payment back 预授权撤销
    #[command(after_help = "\
Example 示例:
  holdfast hold release 31942026112300000001")]
    Release {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: How,
    },
    /// Give taken money back, all or part 退款
    #[command(after_help = "\
Example 示例:
  holdfast hold refund 31942026112300000001 100")]
    Refund {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        sum: Sum,
        /// The number of the refund; made for you unless given 退款订单号
        #[arg(long)]
        order: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Wait until a bill is paid or closed, or an order is done 等待结果
    #[command(after_help = "\
Examples 示例:
  holdfast hold wait 31942026112300000001
  holdfast hold wait 31942026112300000001 --capture 327M22061819820261705544110 --timeout 2m
  holdfast hold wait 31942026112300000001 --released

Exit code 11 when it was waited long enough. What was refused never shows: see `hold timeline`.
超过 --timeout 时退出码为 11。被拒绝的操作不会出现在查询结果中，请用 hold timeline 查看。")]
    Wait {
        #[command(flatten)]
        which: Which,
        /// Wait for the capture of that number 等待该笔预授权完成
        #[arg(long, value_name = "ORDER", conflicts_with = "refund")]
        capture: Option<String>,
        /// Wait until that capture is undone 等待该笔预授权完成被撤销
        #[arg(long, requires = "capture")]
        reversed: bool,
        /// Wait for the refund of that number 等待该笔退款
        #[arg(long, value_name = "ORDER")]
        refund: Option<String>,
        /// Wait until the whole payment is given back 等待预授权撤销
        #[arg(long, conflicts_with_all = ["capture", "refund"])]
        released: bool,
    },
    /// Show what happened to a bill, whose the money is, and what may be done next 账单经过
    #[command(after_help = "\
Example 示例:
  holdfast hold timeline 31942026112300000001
  holdfast hold timeline 31942026112300000001 -o json | jq '.actions[] | select(.allowed)'

Only Holdfast has timelines. 仅 Holdfast 网关支持。")]
    Timeline {
        #[command(flatten)]
        which: Which,
    },
}

/// A bill.
#[derive(Clone, Debug, Args)]
struct Which {
    /// The bill's number 账单号
    #[arg(value_name = "BILL")]
    bill: String,
    /// The bill's date; asked for unless given 账单日期
    #[arg(long)]
    date: Option<String>,
}

/// How much.
#[derive(Clone, Debug, Args)]
struct Sum {
    /// How much, in yuan: 500, 500.5, ¥500.00 金额，单位：元
    #[arg(value_name = "AMOUNT")]
    amount: String,
    /// The amount is in fen 金额以分为单位
    #[arg(long)]
    fen: bool,
}

/// How it is to be done.
#[derive(Clone, Copy, Debug, Args)]
struct How {
    /// Do nothing: show the entries it would write, or why it would be refused 仅预演
    #[arg(long)]
    dry_run: bool,
    /// Do not wait: an outcome that is not known ends with exit code 7 不等待结果
    #[arg(long)]
    no_wait: bool,
}

impl Sum {
    fn read(&self) -> Result<Amount, Failure> {
        money::read(&self.amount, self.fen).ok_or_else(|| {
            let text = format!("{:?} is not an amount (金额有误)", self.amount);
            Failure::new(Exit::Usage, text).hint(money::RULE)
        })
    }

    /// The same, or all that is held.
    fn read_of(&self, whole: Option<Amount>) -> Result<Amount, Failure> {
        match (self.amount.as_str(), whole) {
            ("all", Some(whole)) => Ok(whole),
            _ => self.read(),
        }
    }
}

pub(crate) async fn run(command: HoldCommand, screen: &Screen) -> Result<Exit, Failure> {
    let HoldCommand { connection, mid, tid, what } = command;
    let desk = Desk::open(&connection, mid, tid, screen)?;
    let mut signals = Signals::listen()?;
    tokio::select! {
        ended = act(&desk, what) => ended,
        () = signals.next() => {
            screen.progress_over();
            Err(desk.interrupted())
        }
    }
}

async fn act(desk: &Desk<'_>, what: Hold) -> Result<Exit, Failure> {
    match what {
        Hold::Take { sum, bill, date, desc, prefix, no_qr, light, how } => {
            let bill = bill.unwrap_or_else(|| desk.number(&prefix));
            let date = date.unwrap_or_else(|| desk.today().to_string());
            let amount = sum.read()?;
            let mut fields: Fields = vec![
                ("billNo", bill.clone()),
                ("billDate", date.clone()),
                ("totalAmount", amount.fen().to_string()),
                ("preauthTransaction", "true".to_owned()),
            ];
            fields.extend(desc.map(|desc| ("billDesc", desc)));
            if how.dry_run {
                return desk.preview::<GetQrcode>(&fields).await;
            }
            let face = if no_qr { Face::Link } else { Face::Code { light } };
            take(desk, (bill, date), amount, fields, face, how).await
        }
        Hold::Capture { which, sum, order, how } => {
            let found = desk.find(&which.bill, which.date.as_deref()).await?;
            let amount = sum.read_of(found.total_amount)?;
            let order = order.unwrap_or_else(|| desk.number_like(&which.bill));
            let mut fields = on(&found);
            fields.extend([
                ("authedOrderId", order.clone()),
                ("authIdRespCd", auth(&found, how)?),
                ("totalAmount", amount.fen().to_string()),
            ]);
            let (bill, date) = (found.bill_no.as_str(), found.bill_date.to_string());
            let rest = found.total_amount.and_then(|whole| whole.minus(amount).flatten());
            let back = rest.map_or_else(String::new, |rest| {
                format!("; {} went back to the payer", sum_of(rest))
            });
            let also =
                rest.map_or_else(String::new, |rest| format!("，退回付款人 {} 元", plain(rest)));
            let deed = Deed {
                question: with(on(&found), "authedOrderId", &order),
                done: Box::new(move |queried| done(queried.authed_bill_payment.as_ref(), amount)),
                look: desk.line(&["wait", bill, "--date", &date, "--capture", &order]),
                en: format!("captured {}{back}", sum_of(amount)),
                zh: format!("已完成 {} 元{also}", plain(amount)),
                order: Some(order.clone()),
                next: vec![
                    desk.line(&["reverse", bill, "--date", &date, "--capture", &order]),
                    desk.line(&["refund", bill, "AMOUNT", "--date", &date]),
                ],
                fields,
            };
            desk.perform::<Preauthed>(&deed, how.dry_run, how.no_wait).await
        }
        Hold::Reverse { which, capture, how } => {
            let found = desk.find(&which.bill, which.date.as_deref()).await?;
            let capture = match capture {
                Some(capture) => capture,
                None => desk.capture_of(&found).await?,
            };
            let mut fields = on(&found);
            fields.extend([("merOrderId", capture.clone()), ("authIdRespCd", auth(&found, how)?)]);
            let (bill, date) = (found.bill_no.as_str(), found.bill_date.to_string());
            let deed = Deed {
                question: with(on(&found), "authedOrderId", &capture),
                done: Box::new(|queried| closed(queried.authed_bill_payment.as_ref())),
                look: desk.line(&[
                    "wait",
                    bill,
                    "--date",
                    &date,
                    "--capture",
                    &capture,
                    "--reversed",
                ]),
                en: "the capture was undone as a whole".to_owned(),
                zh: "预授权完成已撤销".to_owned(),
                order: Some(capture.clone()),
                next: vec![
                    desk.line(&["capture", bill, "AMOUNT", "--date", &date]),
                    desk.line(&["release", bill, "--date", &date]),
                ],
                fields,
            };
            desk.perform::<PreauthedCancel>(&deed, how.dry_run, how.no_wait).await
        }
        Hold::Release { which, how } => {
            let found = desk.find(&which.bill, which.date.as_deref()).await?;
            let mut fields = on(&found);
            let (bill, date) = (found.bill_no.as_str(), found.bill_date.to_string());
            // The number of the payer's payment is the bill's and a 0.
            let hold = format!("{bill}0");
            fields.extend([("merOrderId", hold), ("authIdRespCd", auth(&found, how)?)]);
            let whole = found.total_amount;
            let deed = Deed {
                question: on(&found),
                done: Box::new(|queried| queried.bill_status == Some(BillStatus::Closed)),
                look: desk.line(&["wait", bill, "--date", &date, "--released"]),
                en: format!(
                    "released: {} back to the payer",
                    whole.map_or_else(|| "all".to_owned(), sum_of)
                ),
                zh: format!(
                    "已撤销预授权{}",
                    whole.map_or_else(String::new, |whole| format!("，退回 {} 元", plain(whole)))
                ),
                order: None,
                next: vec![],
                fields,
            };
            desk.perform::<PreauthCancel>(&deed, how.dry_run, how.no_wait).await
        }
        Hold::Refund { which, sum, order, how } => {
            let amount = sum.read()?;
            let found = desk.find(&which.bill, which.date.as_deref()).await?;
            let order = order.unwrap_or_else(|| desk.number_like(&which.bill));
            let mut fields = on(&found);
            fields.extend([
                ("refundOrderId", order.clone()),
                ("refundAmount", amount.fen().to_string()),
            ]);
            let (bill, date) = (found.bill_no.as_str(), found.bill_date.to_string());
            let deed = Deed {
                question: with(on(&found), "refundOrderId", &order),
                done: Box::new(move |queried| done(queried.refund_bill_payment.as_ref(), amount)),
                look: desk.line(&["wait", bill, "--date", &date, "--refund", &order]),
                en: format!("refunded {}", sum_of(amount)),
                zh: format!("已退款 {} 元", plain(amount)),
                order: Some(order.clone()),
                next: vec![],
                fields,
            };
            desk.perform::<Refund>(&deed, how.dry_run, how.no_wait).await
        }
        Hold::Wait { which, capture, reversed, refund, released } => {
            let goal = match (&capture, &refund) {
                (Some(_), _) if reversed => Goal::Reversed,
                (Some(_), _) => Goal::Captured,
                (None, Some(_)) => Goal::Refunded,
                (None, None) if released => Goal::Released,
                (None, None) => Goal::Paid,
            };
            let mut question: Fields = vec![("billNo", which.bill.clone())];
            question.extend(which.date.map(|date| ("billDate", date)));
            question.extend(capture.map(|order| ("authedOrderId", order)));
            question.extend(refund.map(|order| ("refundOrderId", order)));
            wait(desk, &question, goal).await
        }
        Hold::Timeline { which } => {
            let date = match which.date {
                Some(date) => date,
                None => desk.find(&which.bill, None).await?.bill_date.to_string(),
            };
            desk.timeline(&which.bill, &date).await
        }
    }
}

/// How a code is shown.
#[derive(Clone, Copy)]
enum Face {
    Link,
    Code { light: bool },
}

/// Makes the bill, shows its code, and waits for the payer.
async fn take(
    desk: &Desk<'_>,
    (bill, date): (String, String),
    amount: Amount,
    fields: Fields,
    face: Face,
    how: How,
) -> Result<Exit, Failure> {
    let screen = desk.screen;
    let look = desk.line(&["wait", &bill, "--date", &date]);
    desk.at_stake(&look);
    let made = desk.ask::<GetQrcode>(&fields).await?;
    let code = made.read.map_err(|error| desk.failed(&error, &made.body, &look))?;
    desk.settled();
    let link = code.bill_qr_code.as_str();
    let about = format!("bill {bill} of {date}: {} to hold", sum_of(amount));
    screen.say(format_args!("{about} · 预授权 {} 元\n", plain(amount)));
    if screen.format == Format::Text {
        if let (true, Face::Code { light }) = (screen.is_seen(), face) {
            let ink = match (screen.has_colors(), light) {
                (true, _) => qr::Ink::BlackOnWhite,
                (false, true) => qr::Ink::DarkOnLight,
                (false, false) => qr::Ink::LightOnDark,
            };
            if let Some(drawn) = qr::draw(link, ink) {
                screen.result(format_args!("{drawn}\n"))?;
            }
        }
        screen.result(link)?;
    } else {
        screen.say(link);
    }
    screen.say(
        "\nthe payer scans it with UnionPay, WeChat or Alipay\n请付款人用云闪付、微信或支付宝扫码",
    );
    if let Some(id) = code.qr_code_id.filter(|_| !desk.is_official()) {
        screen.say(format_args!(
            "at a test gateway, play the payer in another terminal 测试环境可模拟付款:\n  holdfast sim pay {id}"
        ));
    }
    if how.no_wait {
        if screen.format == Format::Json {
            screen.result(String::from_utf8_lossy(&made.body).trim_end())?;
        }
        screen.say(format_args!("\n  {look}"));
        return Ok(Exit::Done);
    }
    wait(desk, &vec![("billNo", bill), ("billDate", date)], Goal::Paid).await
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// That the payer pays, or never will.
    Paid,
    Captured,
    /// That the capture is undone. Until then it stands, which says nothing of its undoing.
    Reversed,
    Refunded,
    /// That the bill is closed. Until then it is paid, which says nothing of its release.
    Released,
}

/// Waits until it is certain what became of a bill, or of the order that the question names.
async fn wait(desk: &Desk<'_>, question: &Fields, goal: Goal) -> Result<Exit, Failure> {
    let about =
        if goal == Goal::Paid { "the payer 等待付款" } else { "the outcome 等待结果" };
    let mut line = desk.wait_line(question);
    match goal {
        Goal::Reversed => line.push_str(" --reversed"),
        Goal::Released => line.push_str(" --released"),
        Goal::Paid | Goal::Captured | Goal::Refunded => {}
    }
    desk.only_waits(&line);
    let mut waiting = Wait::begin(desk.screen, format!("waiting for {about}"), desk.patience);
    let mut reached = false;
    loop {
        let heard = desk.query(question).await?;
        match heard.read {
            Ok(queried) => {
                reached = true;
                if let Some(ended) = certain(&queried, goal) {
                    drop(waiting);
                    return ended_so(desk, &queried, &heard.body, goal, ended);
                }
            }
            // Nobody answered this time; that says nothing about the bill. Whoever never answered is not waited for.
            Err(error)
                if reached
                    && matches!(Exit::of_error(&error), Exit::Unknown | Exit::Unreachable) => {}
            Err(error) => return Err(desk.failed(&error, &heard.body, &line)),
        }
        if !waiting.again().await {
            drop(waiting);
            let text =
                "it was waited long enough, and nothing is certain yet (等待超时，结果尚未确定)";
            let hint = format!("wait on (继续等待):\n\n  {line}");
            return Err(Failure::new(Exit::TimedOut, text).hint(hint));
        }
    }
}

/// How a wait ended: in English, in Chinese, and as a number.
struct Ended(String, String, Exit);

/// What is certain about what is waited for; `None` while nothing is.
fn certain(queried: &Queried, goal: Goal) -> Option<Ended> {
    let leg = match goal {
        Goal::Paid => return certain_of_bill(queried),
        Goal::Released => {
            let closed = queried.bill_status == Some(BillStatus::Closed);
            return if closed { certain_of_bill(queried) } else { None };
        }
        Goal::Captured | Goal::Reversed => queried.authed_bill_payment.as_ref(),
        Goal::Refunded => queried.refund_bill_payment.as_ref(),
    }?;
    let sum = leg.total_amount.map_or_else(String::new, |fen| yuan(fen.fen().into()));
    let (en, zh) = match (goal, leg.status.as_ref()?) {
        (Goal::Refunded, TradeStatus::TradeSuccess | TradeStatus::TradeRefund) => {
            (format!("refunded {sum} yuan"), format!("已退款 {sum} 元"))
        }
        (Goal::Captured | Goal::Reversed, TradeStatus::TradeClosed) => (
            format!("the capture of {sum} yuan was undone"),
            format!("预授权完成 {sum} 元，已撤销"),
        ),
        (Goal::Captured, TradeStatus::TradeSuccess | TradeStatus::TradeRefund) => {
            (format!("captured {sum} yuan"), format!("已完成 {sum} 元"))
        }
        // Also a status that nobody has told us of: it may mean anything.
        _ => return None,
    };
    Some(Ended(en, zh, Exit::Done))
}

fn certain_of_bill(queried: &Queried) -> Option<Ended> {
    let sum = queried.total_amount.map_or_else(String::new, plain);
    let paid = queried.bill_payment.is_some();
    Some(match queried.bill_status.as_ref()? {
        BillStatus::Paid if queried.auth_id_resp_cd.is_some() => {
            // Not that they still are: a query does not tell of captures unless it names them.
            let (en, zh) = (format!("{sum} yuan were put on hold"), "预授权成功，冻结");
            Ended(en, format!("{zh} {sum} 元"), Exit::Done)
        }
        BillStatus::Paid => {
            Ended(format!("{sum} yuan are paid"), format!("已支付 {sum} 元"), Exit::Done)
        }
        BillStatus::Refund => {
            Ended("money went back to the payer".to_owned(), "已退款".to_owned(), Exit::Done)
        }
        BillStatus::Closed if paid => Ended(
            format!("{sum} yuan went back to the payer"),
            format!("已退回 {sum} 元"),
            Exit::Done,
        ),
        BillStatus::Closed => Ended(
            "the bill is closed: nobody paid".to_owned(),
            "账单已关闭，未付款".to_owned(),
            Exit::Refused,
        ),
        BillStatus::Unpaid | BillStatus::Unknown | BillStatus::Other(_) => return None,
    })
}

fn ended_so(
    desk: &Desk<'_>,
    queried: &Queried,
    body: &[u8],
    goal: Goal,
    Ended(en, zh, exit): Ended,
) -> Result<Exit, Failure> {
    let screen = desk.screen;
    if screen.format == Format::Json {
        screen.result(String::from_utf8_lossy(body).trim_end())?;
    } else {
        let tone = if exit == Exit::Done { Tone::Good } else { Tone::Bad };
        screen.result(screen.tone(tone, &format!("{en} · {zh}")))?;
    }
    let (bill, date) = (queried.bill_no.as_str(), queried.bill_date.to_string());
    let leg = queried.authed_bill_payment.as_ref();
    let stands = leg.is_some_and(|leg| leg.status == Some(TradeStatus::TradeSuccess));
    let held = queried.bill_status == Some(BillStatus::Paid) && queried.auth_id_resp_cd.is_some();
    let mut next = match goal {
        Goal::Captured if stands => vec![
            desk.line(&["reverse", bill, "--date", &date]),
            desk.line(&["refund", bill, "AMOUNT", "--date", &date]),
        ],
        Goal::Paid | Goal::Reversed if held => vec![
            desk.line(&["capture", bill, "AMOUNT", "--date", &date]),
            desk.line(&["release", bill, "--date", &date]),
        ],
        _ => vec![],
    };
    next.push(desk.line(&["timeline", bill, "--date", &date]));
    desk.next(&next);
    Ok(exit)
}

/// What names a bill that was found.
fn on(found: &Queried) -> Fields {
    vec![("billNo", found.bill_no.to_string()), ("billDate", found.bill_date.to_string())]
}

fn with(mut fields: Fields, name: &'static str, value: &str) -> Fields {
    fields.push((name, value.to_owned()));
    fields
}

/// The code of the hold, so that nobody has to paste it.
fn auth(found: &Queried, how: How) -> Result<String, Failure> {
    match &found.auth_id_resp_cd {
        Some(auth) => Ok(auth.to_string()),
        // Whoever only asks is told by the gateway why not.
        None if how.dry_run => Ok("000000".to_owned()),
        None => {
            let status = found.bill_status.as_ref().map_or("?", BillStatus::as_str);
            let text =
                format!("nothing is held on this bill: it is {status} (账单未处于预授权状态)");
            Err(Failure::new(Exit::Conflict, text))
        }
    }
}

/// Whether the channel did what an order over that amount asks. One of the same number over another amount is not it.
fn done(leg: Option<&BillPayment>, amount: Amount) -> bool {
    leg.is_some_and(|leg| {
        let status = leg.status.as_ref();
        leg.total_amount.is_none_or(|fen| fen.fen() == amount.fen())
            && matches!(
                status,
                Some(
                    TradeStatus::TradeSuccess | TradeStatus::TradeRefund | TradeStatus::TradeClosed
                )
            )
    })
}

/// Whether a capture was undone.
fn closed(leg: Option<&BillPayment>) -> bool {
    leg.is_some_and(|leg| leg.status == Some(TradeStatus::TradeClosed))
}

fn plain(amount: Amount) -> String {
    yuan(amount.fen().into())
}

fn sum_of(amount: Amount) -> String {
    format!("{} yuan", plain(amount))
}
