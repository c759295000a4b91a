//! The `holdfast` binary: what can be typed, and which function does it.

#![deny(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod accounts;
mod answer;
mod call;
mod conformance;
mod connection;
mod demo;
mod doctor;
mod exit;
mod explain;
mod forward;
mod hold;
mod ledger;
mod listen;
mod logs;
mod manual;
mod notices;
mod operator;
mod screen;
mod serve;
mod settings;
mod shell;
mod sign;
mod sim;
mod statement;
mod trigger;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use exit::{Exit, Failure};
use screen::{ColorChoice, Format, Screen};

/// What one thread allocates another frees: a commit goes from a caller's thread to the writer's and on to the
/// folder's. The system's allocator spends its time on locks then: in the bench it reaches 17,500 reversals a second where
/// this one reaches 20,000 to 22,700.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Holdfast takes a payer's money on hold, captures it, undoes the capture, gives it back: each exactly
/// once, and still true after the power fails. It speaks the netpay/bills protocol of ChinaUMS.
///
/// Holdfast 预授权网关：冻结、完成、完成撤销、撤销、退款，每笔只执行一次，断电不丢。使用银联商务
/// netpay/bills 协议。
#[derive(Debug, Parser)]
#[command(
    name = "holdfast",
    version,
    about = "A gateway for holds on money, and everything to try it 预授权网关",
    verbatim_doc_comment,
    after_help = first_steps(),
    propagate_version = true,
    subcommand_help_heading = "Commands 命令",
)]
struct Cli {
    /// How results are written on stdout: text for people, json for programs
    /// 结果输出格式
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "text",
        help_heading = "Output 输出",
        verbatim_doc_comment
    )]
    output: Format,
    /// Say nothing beside results and errors
    /// 仅输出结果与错误
    #[arg(short, long, global = true, help_heading = "Output 输出", verbatim_doc_comment)]
    quiet: bool,
    /// When to use colour; NO_COLOR is respected
    /// 是否使用颜色
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = "Output 输出",
        verbatim_doc_comment
    )]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch one hold live through capture, reversal and refund, then try it yourself 演示
    #[command(after_help = "\
Examples 示例:
  holdfast demo              play it, then keep serving and print what to try next
  holdfast demo --once       play it and end; exit code 0 only if every step was right")]
    Demo(demo::Demo),
    /// Serve the protocol 启动网关
    #[command(after_help = serve_help())]
    Serve(serve::Serve),
    /// Take, capture, reverse, release, refund a hold, and see what happened 预授权操作
    #[command(after_help = hold_help())]
    Hold(hold::HoldCommand),
    /// Call any endpoint of any gateway, signed 调用接口
    #[command(after_help = call_help())]
    Call(call::Call),
    /// Play the payer, move the clock, cause faults, at a test gateway 模拟付款人、时钟与故障
    #[command(after_help = "\
Examples 示例:
  holdfast sim pay 31940001 --card credit
  holdfast sim scenario set lostanswer --operation capture
  holdfast sim clock advance 30d")]
    Sim(sim::SimCommand),
    /// Signatures: why one is wrong, whether one is right, making one 签名：解释、验证、生成
    #[command(after_help = "\
Examples 示例:
  holdfast sign explain request.txt       why the signature of a pasted curl command is wrong
  holdfast sign explain notice.txt        the same for a notice as it was received
  holdfast sign verify notice.txt         only whether it is right
  holdfast sign request body.json --endpoint query
  echo 'billNo=3194&billStatus=PAID' | holdfast sign notice")]
    Sign(sign::SignCommand),
    /// Say what an error code means, why it came, and whether to repeat 解释错误代码
    #[command(after_help = "\
Examples 示例:
  holdfast explain                    all codes, a line each
  holdfast explain BAD_SIGN           causes, whose fault, whether to repeat, how long to wait
  holdfast explain no_cross           its beginning is enough
  holdfast explain 7                  an exit code of this program
  holdfast explain - < answer.json    the code in an answer
  holdfast explain TIMEOUT -o json | jq .pauses")]
    Explain(explain::Explain),
    /// Find what is wrong: clock, reachability, keys, store, disk, certificate, notices; each with what to do 诊断
    #[command(after_help = "\
Examples 示例:
  holdfast doctor                                        the gateway and the data of this directory's settings
  holdfast doctor --data-dir /var/lib/holdfast           also while its gateway runs
  holdfast doctor --base-url https://pay.example         a gateway elsewhere, as its callers meet it
  holdfast doctor -o json | jq '.checks[] | select(.mark != \"ok\")'

It ends with 0 unless something is bad; warnings do not count. Nothing is changed. With HOLDFAST_APP_ID and
HOLDFAST_APP_KEY it also tries whether the gateway believes them. 仅检查，不修改；有异常时退出码为 1，警告不计。")]
    Doctor(doctor::Doctor),
    /// Receive a merchant's notices here, and forward them to a receiver on this machine 接收并转发通知
    #[command(after_help = "\
Examples 示例:
  holdfast listen --mid 898201612345678 --forward-to http://127.0.0.1:3000/notify
  holdfast listen --mid 898201612345678 --from-start -o json        every event there is, one JSON line each
  holdfast listen --mid 898201612345678 --once --forward-to URL     take what there is, then end

It asks the gateway, so the receiver needs no address that the gateway could reach. Events of all topics come, in the
order in which they happened, and each is posted until the receiver has taken it. The cursor is written down after
each one: after an end, a sleep or a loss of network it goes on there and says which gap it filled. While the gateway
cannot be reached it says so. 断线、休眠或重启后从游标继续，并报告补齐的缺口；无法连接网关时会立即提示。")]
    Listen(listen::Listen),
    /// Send a receiver the notice of what happened to a bill, also forged, cut, late and twice 触发通知，测试接收方
    #[command(after_help = "\
Examples 示例:
  holdfast trigger --mid 898201612345678 --bill 31942026112300000001 --to http://127.0.0.1:3000/notify
  holdfast trigger hold.authorized --bill … --to URL --times 3          the same notice three times
  holdfast trigger hold.expiring --bill … --to URL --anyway             although it is not near yet
  holdfast trigger --bill … --to URL --override totalAmount=1           rightly signed, and another amount
  holdfast trigger --bill … --to URL --signature forged                 what nobody must believe
  holdfast trigger --bill … --to URL --all                              the whole trial, as a table

The notice is the one that the gateway announced, with its notifyId, signed with the merchant's communication key; nothing
is changed by it. A test gateway only. Exit code 10: the receiver took what it must refuse, or refused what it must take.
通知与网关实际发送的一致（含 notifyId）。仅限测试网关。退出码 10：接收方未通过测试。")]
    Trigger(trigger::Trigger),
    /// What merchants were told: whether it arrived, and telling them again 支付结果通知
    #[command(after_help = "\
Examples 示例:
  holdfast notices list --state given-up                    what nobody took
  holdfast notices show 17                                  what came of every try, and what was answered
  holdfast notices resend 17                                send it again now, and wait
  holdfast notices resend --all-failed                      everything that was given up
  holdfast notices resend --mid 898201612345678 --since 2026-11-23
  holdfast notices drop --to https://gone.example           no more tries there

A notice waits until its receiver answers with a status from 200 to 299 and SUCCESS in the body. It is tried 16
times, over some 24 hours, and then given up; given up is not lost, it can be resent. While nobody answers at a
receiver at all, its notices wait and keep their tries. 应答须为 2xx 且正文包含 SUCCESS，否则在约 24 小时内重发，
共 16 次；放弃后仍可手工重发。")]
    Notices(notices::NoticesCommand),
    /// Check any gateway of the protocol, ours or another 一致性检查
    #[command(after_help = "\
Examples 示例:
  holdfast conformance --mid 898201612345678 --tid 88880001
  holdfast conformance --mid 898201612345678 --tid 88880001 --notices 127.0.0.1:0      notices, too
  holdfast conformance --base-url https://gateway.example --mid … --tid … --payer ask --group core,auth
  holdfast conformance --list

What the official documents leave open is reported as a note, unless --strict. It ends with 0 when nothing differs and
with 10 when something does. It makes bills of its own and moves small amounts of money: never run it where money is
real. 官方文档未作规定之处仅列为备注；存在不一致时以 10 退出。检查会创建账单并动用小额资金，请勿在生产环境运行。")]
    Conformance(Box<conformance::Conformance>),
    /// Merchants: add, list, freeze, and what each is told 商户与通知管理
    #[command(after_help = "\
Examples 示例:
  holdfast merchant add 898201612345678 --name 测试商户
  holdfast merchant set 898201612345678 --notify-url https://hotel.example/notices --notify-on capture,refund
  holdfast merchant rotate-notice-key 898201612345678 --overlap 24h
  holdfast merchant freeze 898201612345678
  holdfast merchant freeze 898201612345678 --off")]
    Merchant(accounts::MerchantCommand),
    /// Apps and their keys: add, list, rotate, revoke 应用与密钥管理
    #[command(after_help = "\
Examples 示例:
  holdfast app add --mid 898201612345678
  holdfast app add --mid 898201612345678 --id my-app --key-stdin < key.txt
  holdfast app set my-app --msg-src WWW.TEST.COM
  holdfast app rotate-key my-app --overlap 24h
  holdfast app revoke-key my-app 1")]
    App(accounts::AppCommand),
    /// Operators of the console: add, list, roles, passwords, and the audit of what they did 操作员与审计
    #[command(after_help = "\
Examples 示例:
  holdfast operator add lin --role administrator              asks for the password
  holdfast operator add chen --role operator --generate       makes one and shows it once
  holdfast operator list
  holdfast operator set-role chen viewer
  holdfast operator reset-password chen --generate
  holdfast operator enable chen                               also ends the pause after too many failures
  holdfast operator audit --who chen --limit 20
  holdfast operator audit --verify

A viewer looks; an operator also captures, reverses, releases, refunds; an administrator also changes merchants, apps
and operators. The console is served beside the gateway: holdfast serve --help, console_listen. Exit code 10 of
audit --verify: an entry was changed. 查看员仅可查看；操作员可执行资金操作；管理员可管理商户、应用与操作员。")]
    Operator(operator::OperatorCommand),
    /// Prove that everything stored follows from the journal 核对账本
    #[command(after_help = "\
Examples 示例:
  holdfast ledger verify --data-dir holdfast-data
  holdfast ledger verify -o json | jq .holds")]
    Ledger(ledger::LedgerCommand),
    /// Say what a business day moved for a merchant, from the journal 对账单
    #[command(after_help = "\
Examples 示例:
  holdfast statement --mid 898201612345678 --date 2026-11-23
  holdfast statement --mid 898201612345678 --date 2026-11-23 --format csv --out 2026-11-23.csv
  holdfast statement --all-merchants --date 2026-11-23
  holdfast statement --all-merchants --from 2026-11-01 --to 2026-11-30 --format csv --out november
  holdfast statement --mid 898201612345678 --date 2026-11-23 --verify DIGEST

The statement of a day that is over never changes; --verify proves it. Every column: docs/statements.md
已完结日期的对账单不再变化，可用 --verify 核对。各列含义见 docs/statements.md")]
    Statement(statement::StatementCommand),
    /// List all endpoints 接口列表
    Endpoints,
    /// List all scenarios of the simulated channel 模拟场景列表
    Scenarios,
    /// Write completions for a shell, to stdout 生成命令补全脚本
    #[command(after_help = "\
Examples 示例:
  source <(holdfast completions bash)                                     for this shell
  holdfast completions bash > ~/.local/share/bash-completion/completions/holdfast
  holdfast completions zsh > ~/.zfunc/_holdfast
  holdfast completions fish > ~/.config/fish/completions/holdfast.fish")]
    Completions(manual::Completions),
    /// Write manual pages 生成手册页
    #[command(after_help = "\
Examples 示例:
  holdfast man | man -l -
  holdfast man call preauthed-cancel | man -l -
  holdfast man --out ~/.local/share/man/man1      all of them")]
    Man(manual::Manual),
}

fn first_steps() -> String {
    format!(
        "First steps 快速开始:\n  holdfast demo                          see what it does 观看演示\n  \
         holdfast serve                         start a test gateway 启动测试网关\n  \
         holdfast hold take 500                take a hold, with a QR code 发起预授权\n  \
         holdfast call preauthed-cancel --help  every field of an endpoint 查看接口字段\n\n{}",
        Exit::help()
    )
}

fn serve_help() -> String {
    format!(
        "Examples 示例:\n  holdfast serve\n  holdfast serve --data-dir /var/lib/holdfast --listen 127.0.0.1:9000\n  \
         HOLDFAST_ENVIRONMENT=live holdfast serve --config /etc/holdfast.toml\n\n\
         A flag comes before its environment variable, and that before the file. An unknown name is an error.\n\
         stdout gets one line, `listening on http://…`, as soon as the gateway can be called. SIGINT and SIGTERM \
         finish what was accepted; a second one ends at once.\n\
         优先级：命令行、环境变量、配置文件；未知配置项视为错误。\n\n{}",
        Exit::help()
    )
}

fn hold_help() -> String {
    format!(
        "Examples 示例:\n  export HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=… HOLDFAST_MID=898201612345678 HOLDFAST_TID=88880001\n  \
         holdfast hold take 500 --desc '押金 301'        draw the QR code, wait for the payer\n  \
         holdfast hold capture BILL 380 --dry-run       the entries it would write, or why not\n  \
         holdfast hold capture BILL 380\n  \
         holdfast hold timeline BILL                    what happened, and what may be done next\n\n\
         Amounts are in yuan. An outcome that is not known is asked about until it is; --no-wait ends with 7 instead.\n\
         金额以元为单位。结果未知时持续查询直至确定；--no-wait 则以退出码 7 结束。\n\n{}",
        Exit::help()
    )
}

fn call_help() -> String {
    format!(
        "Examples 示例:\n  export HOLDFAST_APP_ID=… HOLDFAST_APP_KEY=…\n  \
         holdfast call query --mid 898201612345678 --tid 88880001 --billNo 124F2023071912562344830889 --billDate 2023-07-19\n  \
         holdfast call preauthed-cancel --help\n  \
         holdfast call query … --curl                    print the signed curl command instead\n  \
         holdfast call query … --environment production  ask the official host\n\n{}",
        Exit::help()
    )
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::new(cli.output, cli.quiet, cli.color);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(cli.command, &screen)),
        Err(error) => Err(Failure::new(Exit::Unexpected, format!("start the runtime: {error}"))),
    };
    let exit = ended.unwrap_or_else(|failure| {
        screen.fail(&failure);
        failure.exit
    });
    ExitCode::from(exit.number())
}

async fn run(command: Command, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        // These stop by themselves when they are told to.
        Command::Serve(command) => serve::run(command, screen).await,
        Command::Demo(command) => demo::run(command, screen).await,
        Command::Hold(command) => hold::run(command, screen).await,
        Command::Call(command) => {
            let hint = "the request may have arrived: ask with `holdfast call query` before you repeat it (请先查询)";
            unless_interrupted(call::run(command, screen), Some(hint)).await
        }
        Command::Sim(command) => unless_interrupted(sim::run(command, screen), None).await,
        Command::Merchant(command) => {
            unless_interrupted(accounts::merchant(command, screen), None).await
        }
        Command::App(command) => unless_interrupted(accounts::app(command, screen), None).await,
        Command::Operator(command) => {
            unless_interrupted(operator::run(command, screen), None).await
        }
        Command::Ledger(command) => unless_interrupted(ledger::run(command, screen), None).await,
        Command::Notices(command) => {
            let hint = "what was made due stays due, and the gateway goes on delivering it (已重发的通知将继续发送)";
            unless_interrupted(notices::run(command, screen), Some(hint)).await
        }
        Command::Trigger(command) => unless_interrupted(trigger::run(command, screen), None).await,
        // It stops by itself, with its cursor saved.
        Command::Listen(command) => listen::run(command, screen).await,
        Command::Statement(command) => {
            unless_interrupted(statement::run(command, screen), None).await
        }
        Command::Explain(command) => explain::run(command, screen),
        Command::Doctor(command) => unless_interrupted(doctor::run(command, screen), None).await,
        Command::Completions(asked) => manual::completions(&asked, Cli::command(), screen),
        Command::Man(asked) => manual::man(asked, Cli::command(), screen),
        // It may wait for a person to paste, and has nothing to tell when it is interrupted.
        Command::Sign(command) => sign::run(command, screen),
        Command::Conformance(command) => {
            unless_interrupted(conformance::run(*command, screen), None).await
        }
        Command::Endpoints => call::list(screen),
        Command::Scenarios => {
            screen.result(holdfast_gateway::channel::scenarios_reference().trim_end())?;
            Ok(Exit::Done)
        }
    }
}

async fn unless_interrupted(
    work: impl Future<Output = Result<Exit, Failure>>,
    hint: Option<&str>,
) -> Result<Exit, Failure> {
    let mut signals = serve::Signals::listen()?;
    tokio::select! {
        ended = work => ended,
        () = signals.next() => {
            let failure = Failure::new(Exit::Interrupted, "interrupted");
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_next_step_of_every_error_code_can_be_typed() {
        for code in holdfast_wire::code::Code::ALL {
            let next = code.spec().next;
            let typed = Cli::try_parse_from(next.split(' '));
            let help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(typed.as_ref().err().is_none_or(help), "{code}: {next}: {typed:?}");
        }
    }

    #[test]
    fn the_help_tells_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for (exit, en, zh) in Exit::ALL {
            assert!(help.contains(&format!("{:>3}  {en}  {zh}", exit.number())), "{en}");
        }
    }
}
