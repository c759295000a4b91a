//! What to try when the demo has been played: commands that work when they are pasted.

use holdfast_domain::{BillKey, OrderId};
use holdfast_wire::{
    field::Named,
    message::{Endpoint as _, Message as _},
    messages::{GetQrcode, Preauthed, Query},
};

use super::{APP, MID, PEOPLE, Stage, TID, amount, malformed};
use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone},
    shell,
};

/// Makes bills to play with, and says what can be done with them.
pub(super) async fn show(stage: &Stage, screen: &Screen) -> Result<(), Failure> {
    if screen.format == Format::Json {
        return Ok(());
    }
    let (held, open, fresh) = (stage.new_bill()?, stage.new_bill()?, stage.new_bill()?);
    let code = make(stage, stage.hold(&held, 30_000)?).await?;
    stage.pay(&code).await?;
    let auth = auth_code(stage, &held).await?;
    let code = make(stage, stage.payment(&open, 8_800)?).await?;

    let bill = |bill: &BillKey| {
        format!("--mid {MID} --tid {TID} --billNo {} --billDate {}", bill.no, bill.date)
    };
    let on_hold = format!("{} --authIdRespCd {auth}", bill(&held));
    let number = held.no.as_str();

    screen.result(screen.tone(Tone::Strong, "Try it yourself · 动手试试"))?;
    with_a_browser(stage, screen)?;
    screen.result(format_args!(
        "\nOr in another terminal, first (或在另一终端，先执行):\n\n  export {}HOLDFAST_BASE_URL={} HOLDFAST_APP_ID={APP} HOLDFAST_APP_KEY={}",
        path_to_this_program(),
        stage.running.url(),
        stage.key.expose(),
    ))?;
    let steps = [
        (
            "a hold of 300.00 yuan is waiting for you: look at it 查询".to_owned(),
            format!("holdfast call query {}", bill(&held)),
        ),
        (
            "capture 200.00 of it 预授权完成".to_owned(),
            format!(
                "holdfast call preauthed {on_hold} --authedOrderId {number}C1 --totalAmount 20000"
            ),
        ),
        (
            "the same with curl: signed for you, good once in the next minutes 等效的 curl 命令"
                .to_owned(),
            curl(stage, &held, &auth).await?,
        ),
        (
            "undo the whole capture; the hold stands again 预授权完成撤销".to_owned(),
            format!("holdfast call preauthed-cancel {on_hold} --merOrderId {number}C1"),
        ),
        (
            "give the whole hold back 预授权撤销".to_owned(),
            format!("holdfast call preauth-cancel {on_hold} --merOrderId {number}0"),
        ),
        (
            "make a new hold, and pay its qrCodeId with: holdfast sim pay … 新的预授权".to_owned(),
            format!(
                "holdfast call get-qrcode {} --totalAmount 50000 --preauthTransaction true",
                bill(&fresh)
            ),
        ),
        (
            "pay a plain bill of 88.00 that is open 付款".to_owned(),
            format!("holdfast sim pay {code}"),
        ),
        (
            "and give 10.00 of it back 退款".to_owned(),
            format!(
                "holdfast call refund {} --refundOrderId {}R1 --refundAmount 1000",
                bill(&open),
                open.no
            ),
        ),
        (
            "let the channel lose its next answers: exit code 7, and nothing is lost 丢失应答"
                .to_owned(),
            "holdfast sim scenario set lostanswer --operation capture".to_owned(),
        ),
        (
            "let 30 days pass: holds expire by themselves 拨快时钟".to_owned(),
            "holdfast sim clock advance 30d".to_owned(),
        ),
    ];
    for (what, command) in steps {
        screen.result(format_args!("\n{}", screen.tone(Tone::Quiet, &format!("# {what}"))))?;
        screen.result(command)?;
    }
    screen.result("")
}

/// What somebody does who would rather click.
fn with_a_browser(stage: &Stage, screen: &Screen) -> Result<(), Failure> {
    let Some(console) = stage.running.console_url() else { return Ok(()) };
    let quiet = |text: &str| screen.tone(Tone::Quiet, &format!("# {text}"));
    let [(name, _), (second, _)] = PEOPLE;
    screen.result(format_args!(
        "\nWith a browser alone (仅用浏览器):\n\n  {console}\n\n  {:<8} {name}\n  {:<8} {}\n",
        "name",
        "password",
        stage.password.expose(),
    ))?;
    for step in [
        "New hold: take one, and open its code as the payer 新建预授权，并以付款人身份打开二维码链接",
        "choose a card and confirm: the bill of the console shows it held 选择银行卡并确认，管理台账单显示已冻结",
        "capture it, then reverse the capture 预授权完成，再做预授权完成撤销",
        &format!(
            "above 1,000 yuan it takes a second person: {second}, with the same password 超过 1000 元须复核人 {second}（同一密码）"
        ),
    ] {
        screen.result(quiet(step))?;
    }
    Ok(())
}

/// Makes a bill and answers its code.
pub(super) async fn make(stage: &Stage, bill: GetQrcode) -> Result<String, Failure> {
    let made = stage.client.call(&bill).await;
    let made = made.map_err(|error| Failure::new(Exit::of_error(&error), error))?;
    Ok(made.qr_code_id.map(|code| code.to_string()).unwrap_or_default())
}

async fn auth_code(stage: &Stage, bill: &BillKey) -> Result<String, Failure> {
    let query = Query {
        common: stage.client.common(MID, TID).map_err(malformed)?,
        bill_no: OrderId::parse(bill.no.as_str()).map_err(malformed)?,
        bill_date: Some(bill.date),
        refund_order_id: None,
        authed_order_id: None,
    };
    let held = stage
        .client
        .call(&query)
        .await
        .map_err(|error| Failure::new(Exit::of_error(&error), error))?;
    Ok(held.auth_id_resp_cd.map(|auth| auth.to_string()).unwrap_or_default())
}

/// The capture as a signed `curl` command.
async fn curl(stage: &Stage, bill: &BillKey, auth: &str) -> Result<String, Failure> {
    let capture = Preauthed {
        common: stage.client.common(MID, TID).map_err(malformed)?,
        bill_no: bill.no.clone(),
        bill_date: bill.date,
        authed_order_id: OrderId::parse(&format!("{}C1", bill.no)).map_err(malformed)?,
        auth_id_resp_cd: Named::parse(auth).map_err(malformed)?,
        total_amount: amount(20_000)?,
        authed_desc: None,
    };
    let sent = stage.client.prepare(Preauthed::PATH, &capture.encode()).await;
    Ok(shell::curl(&sent.map_err(|error| Failure::new(Exit::of_error(&error), error))?))
}

/// `PATH=…` with the directory of this program before it, unless the shell finds it there already.
fn path_to_this_program() -> String {
    let Ok(program) = std::env::current_exe() else { return String::new() };
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|dir| dir.join("holdfast") == program)
    });
    match program.parent() {
        Some(dir) if !found => {
            format!("PATH={}:\"$PATH\" ", shell::quote(&dir.display().to_string()))
        }
        _ => String::new(),
    }
}
