//! `holdfast operator`: who may use the console, and what was done there. It works on the data directory itself, also while
//! a gateway runs on it; the gateway knows the change at once.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use clap::{Args, Subcommand, ValueEnum};
use holdfast_gateway::{
    clock::{Clock, Dice},
    config::Config,
    limits,
    operators::{
        Act, AuditFilter, By, Name, Newcomer, Operator, OperatorError, Operators, Outcome,
        Password, Role, Written,
    },
    store::SqliteStore,
};
use holdfast_wire::time;
use serde_json::{Value, json};

use crate::{
    exit::{Exit, Failure},
    screen::{Format, Screen, Tone, table},
    settings::DataSettings,
};

/// The longest password that is read, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Operators (操作员): people who may use the console.
#[derive(Clone, Debug, Args)]
pub(crate) struct OperatorCommand {
    #[command(subcommand)]
    what: OperatorWhat,
}

#[derive(Clone, Debug, Subcommand)]
enum OperatorWhat {
    /// Add an operator; the password is asked for twice, without showing it 新增操作员
    Add {
        /// The name: 2 to 32 letters, digits, . - _ or Chinese characters 名称
        #[arg(value_parser = read_name)]
        name: Name,
        /// What they may do: look, also move money, also change merchants, apps and operators 角色
        #[arg(long)]
        role: RoleName,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show all operators 列出操作员
    List {
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Give an operator another role; it ends their sessions 变更角色，并结束其会话
    SetRole {
        /// The name 名称
        #[arg(value_parser = read_name)]
        name: Name,
        /// What they may do from now on 角色
        role: RoleName,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Let an operator no longer sign in; it ends their sessions 停用操作员，并结束其会话
    Disable {
        /// The name 名称
        #[arg(value_parser = read_name)]
        name: Name,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Let an operator sign in again, also at once after too many failures 启用操作员，并解除登录锁定
    Enable {
        /// The name 名称
        #[arg(value_parser = read_name)]
        name: Name,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Give an operator a password that they have to change when they use it 重置密码
    ResetPassword {
        /// The name 名称
        #[arg(value_parser = read_name)]
        name: Name,
        #[command(flatten)]
        password: PasswordFrom,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// No longer ask an operator for codes: they lost what makes them 停用动态口令
    RemoveCodes {
        /// The name 名称
        #[arg(value_parser = read_name)]
        name: Name,
        #[command(flatten)]
        settings: DataSettings,
    },
    /// Show what was done at the console, the newest first, or prove that nothing of it was changed 审计记录
    Audit {
        /// Only what this operator did 仅该操作员
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Only this, such as sign-in or capture 仅该操作
        #[arg(long, value_name = "ACT", value_parser = read_act)]
        act: Option<Act>,
        /// Only what was about the bill of that number 仅该账单号
        #[arg(long, value_name = "BILLNO")]
        bill: Option<String>,
        /// So many entries at most; 0 for all of them 条数，0 为全部
        #[arg(long, value_name = "COUNT", default_value_t = 50)]
        limit: usize,
        /// Prove the whole audit instead: that every entry follows from the one before it 校验审计链
        #[arg(long, conflicts_with_all = ["who", "act", "bill"])]
        verify: bool,
        #[command(flatten)]
        settings: DataSettings,
    },
}

/// Where a password comes from: never from a flag, which others could read.
#[derive(Clone, Copy, Debug, Args)]
struct PasswordFrom {
    /// Take the password from stdin 从标准输入读取密码
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and show it once; it has to be changed when it is used 自动生成密码，仅显示一次，首次登录须修改
    #[arg(long, conflicts_with = "password_stdin")]
    generate: bool,
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// Looks at everything, changes nothing 查看员
    Viewer,
    /// Also captures, releases, reverses, refunds 操作员
    Operator,
    /// Also changes merchants, apps and operators 管理员
    Administrator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Administrator => Self::Administrator,
        }
    }
}

pub(crate) async fn run(command: OperatorCommand, screen: &Screen) -> Result<Exit, Failure> {
    let (by, now) = (By::command_line(), Clock::running(0).wall());
    match command.what {
        OperatorWhat::Add { name, role, password: from, settings } => {
            let operators = open(&settings.0.read()?)?;
            // Before a password is typed in vain.
            if operators.one(name.as_str()).map_err(OperatorError::from)?.is_some() {
                return Err(OperatorError::Exists.into());
            }
            let password = from.read(&name, screen)?;
            let new = Newcomer {
                name: name.clone(),
                role: role.into(),
                password: password.clone(),
                must_change: from.generate,
            };
            operators.add(&by, new, now).await?;
            from.show(&name, &password, screen)?;
            screen.say(format_args!("operator {name} is there (操作员已就绪)"));
        }
        OperatorWhat::List { settings } => {
            let all = open(&settings.0.read()?)?.all().map_err(OperatorError::from)?;
            match screen.format {
                Format::Json => screen.result(all.iter().map(operator_json).collect::<Value>())?,
                Format::Text => {
                    let rows: Vec<[String; 5]> = all.iter().map(operator_row).collect();
                    let heading =
                        ["name 名称", "role 角色", "codes 动态口令", "last seen 最近登录", ""];
                    screen.result(table(heading, &rows))?;
                }
            }
        }
        OperatorWhat::SetRole { name, role, settings } => {
            let operators = open(&settings.0.read()?)?;
            operators.set_role(&by, name.as_str(), role.into(), now).await?;
            let role = Role::from(role).text();
            screen.say(format_args!("operator {name} is {} now (角色：{})", role.0, role.1));
        }
        OperatorWhat::Disable { name, settings } => {
            let operators = open(&settings.0.read()?)?;
            operators.set_disabled(&by, name.as_str(), true, now).await?;
            screen.say(format_args!("operator {name} can no longer sign in (已停用)"));
        }
        OperatorWhat::Enable { name, settings } => {
            let operators = open(&settings.0.read()?)?;
            operators.set_disabled(&by, name.as_str(), false, now).await?;
            screen.say(format_args!("operator {name} can sign in (已启用)"));
        }
        OperatorWhat::ResetPassword { name, password: from, settings } => {
            let operators = open(&settings.0.read()?)?;
            if operators.one(name.as_str()).map_err(OperatorError::from)?.is_none() {
                return Err(OperatorError::Missing.into());
            }
            let password = from.read(&name, screen)?;
            operators.reset_password(&by, name.as_str(), &password, now).await?;
            from.show(&name, &password, screen)?;
            screen.say(format_args!(
                "operator {name} has a new password, to be changed when it is used (密码已重置，首次登录须修改)"
            ));
        }
        OperatorWhat::RemoveCodes { name, settings } => {
            let operators = open(&settings.0.read()?)?;
            operators.remove_totp(&by, name.as_str(), now).await?;
            screen
                .say(format_args!("operator {name} is no longer asked for codes (已停用动态口令)"));
        }
        OperatorWhat::Audit { who, act, bill, limit, verify, settings } => {
            let operators = open(&settings.0.read()?)?;
            return match verify {
                true => prove(&operators, screen),
                false => show_audit(&operators, &AuditFilter { who, act, bill }, limit, screen),
            };
        }
    }
    Ok(Exit::Done)
}

/// The operators of a data directory, made if it is not there.
fn open(config: &Config) -> Result<Operators, Failure> {
    // The directory belongs to an environment, whoever comes first.
    SqliteStore::open_registry(&config.data_dir, config.environment.name())
        .map_err(|error| Failure::new(Exit::Config, error))?;
    Operators::open(&config.data_dir).map_err(|error| Failure::new(Exit::Config, error))
}

impl PasswordFrom {
    fn read(self, name: &Name, screen: &Screen) -> Result<Password, Failure> {
        if self.generate {
            return Ok(Password::made(&Dice::unpredictable()));
        }
        let text = match self.password_stdin {
            true => line_from_stdin()?,
            false => ask_twice(name, screen)?,
        };
        Password::parse(&text, name.as_str())
            .map_err(|fault| Failure::new(Exit::Usage, format!("{fault} ({})", fault.text().1)))
    }

    /// Shows a password that was made: nobody else knows it.
    fn show(self, name: &Name, password: &Password, screen: &Screen) -> Result<(), Failure> {
        if !self.generate {
            return Ok(());
        }
        screen.insist("this password is shown only now (密码仅显示一次):");
        match screen.format {
            Format::Text => screen.result_to_somebody(password.expose()),
            Format::Json => screen
                .result_to_somebody(json!({"name": name.as_str(), "password": password.expose()})),
        }
    }
}

fn line_from_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().take(PASSWORD_BYTES_MAX).read_line(&mut line);
    read.map_err(|error| {
        Failure::new(Exit::Usage, format!("read the password from stdin: {error} (无法读取密码)"))
    })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask_twice(name: &Name, screen: &Screen) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let what = "there is no terminal to ask for a password at (没有可输入密码的终端)";
        return Err(Failure::new(Exit::Usage, what)
            .hint("use --password-stdin, or --generate to have one made and shown once"));
    }
    let silence = Silence::begin()?;
    screen.insist(format_args!("password of {name}, not shown (密码，不显示):"));
    let once = line_from_stdin()?;
    screen.insist("once more (再次输入):");
    let twice = line_from_stdin()?;
    drop(silence);
    match once == twice {
        true => Ok(once),
        false => Err(Failure::new(Exit::Usage, "the two passwords differ (两次输入的密码不一致)")),
    }
}

/// A terminal that does not show what is typed, until this is dropped.
#[cfg(unix)]
struct Silence(rustix::termios::Termios);

#[cfg(unix)]
impl Silence {
    fn begin() -> Result<Self, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

        let failed = |error| {
            Failure::new(Exit::Unexpected, format!("hide what is typed: {error} (无法隐藏输入)"))
                .hint("use --password-stdin, or --generate to have one made and shown once")
        };
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // The end of a line is still shown, so that the next question begins on one of its own.
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};

        // The terminal went away, or it is as it was.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(not(unix))]
struct Silence;

#[cfg(not(unix))]
impl Silence {
    fn begin() -> Result<Self, Failure> {
        Err(Failure::new(Exit::Usage, "what is typed cannot be hidden here (此处无法隐藏输入)")
            .hint("use --password-stdin, or --generate to have one made and shown once"))
    }
}

fn prove(operators: &Operators, screen: &Screen) -> Result<Exit, Failure> {
    let proof = operators.prove_audit().map_err(OperatorError::from)?;
    if screen.format == Format::Json {
        screen.result(json!({
            "entries": proof.entries,
            "head": proof.head,
            "broken": proof.broken,
        }))?;
    } else {
        let told = match proof.broken {
            None => {
                screen.tone(Tone::Good, "whole: every entry follows from the one before it (完整)")
            }
            Some(id) => screen.tone(
                Tone::Bad,
                &format!("broken: entry {id} does not follow from the one before it (已被改动)"),
            ),
        };
        screen.result(told)?;
        screen.result(format_args!("entries 条数: {}", proof.entries))?;
        screen.result(format_args!("newest hash 末条哈希: {}", proof.head))?;
        screen.say(
            "note the hash elsewhere: whoever rewrites the whole file cannot have it again (请将哈希另行保存)",
        );
    }
    Ok(if proof.broken.is_none() { Exit::Done } else { Exit::Differences })
}

fn show_audit(
    operators: &Operators,
    filter: &AuditFilter,
    limit: usize,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let mut left = if limit == 0 { usize::MAX } else { limit };
    let (mut before, mut all) = (None, vec![]);
    while left > 0 {
        let page = left.min(limits::AUDIT_EXPORT);
        let found = operators.audit(filter, before, page).map_err(OperatorError::from)?;
        let full = found.len() == page;
        before = found.last().map(|entry| entry.id);
        left = left.saturating_sub(found.len());
        match screen.format {
            // Each on its own line, so that a long audit needs no memory.
            Format::Json => {
                for entry in &found {
                    screen.result(entry_json(entry))?;
                }
            }
            Format::Text => all.extend(found.iter().map(entry_row)),
        }
        if !full {
            break;
        }
    }
    if screen.format == Format::Text {
        let heading = [
            "no 编号",
            "time 时间",
            "who 操作员",
            "from 来源",
            "what 操作",
            "about 对象",
            "detail 详情",
            "outcome 结果",
        ];
        screen.result(table(heading, &all))?;
    }
    Ok(Exit::Done)
}

fn entry_json(entry: &Written) -> Value {
    json!({
        "id": entry.id,
        "at": time::show(entry.at),
        "who": entry.who,
        "address": entry.address,
        "act": entry.act,
        "kind": entry.kind,
        "about": entry.about,
        "detail": entry.detail,
        "outcome": entry.outcome,
    })
}

fn entry_row(entry: &Written) -> [String; 8] {
    let both = |(en, zh): (&str, &str)| format!("{en} {zh}");
    let act = entry.known_act().map_or_else(|| entry.act.clone(), |act| both(act.text()));
    let outcome = entry.known_outcome().map(Outcome::text);
    let about = [entry.kind.as_str(), entry.about.as_str()];
    [
        entry.id.to_string(),
        time::show(entry.at),
        entry.who.clone(),
        entry.address.clone(),
        act,
        about.join(" ").trim().to_owned(),
        entry.detail.clone(),
        outcome.map_or_else(|| entry.outcome.clone(), both),
    ]
}

fn operator_json(operator: &Operator) -> Value {
    json!({
        "name": &*operator.name,
        "role": operator.role.text().0,
        "disabled": operator.disabled,
        "mustChangePassword": operator.must_change,
        "codes": operator.has_totp,
        "madeAt": time::show(operator.made_at),
        "seenAt": operator.seen_at.map(time::show),
    })
}

fn operator_row(operator: &Operator) -> [String; 5] {
    let (en, zh) = operator.role.text();
    let state = match (operator.disabled, operator.must_change) {
        (true, _) => "disabled 已停用",
        (false, true) => "must change password 须修改密码",
        (false, false) => "",
    };
    [
        operator.name.to_string(),
        format!("{en} {zh}"),
        if operator.has_totp { "yes 是" } else { "no 否" }.to_owned(),
        operator.seen_at.map_or_else(|| "never 从未".to_owned(), time::show),
        state.to_owned(),
    ]
}

fn read_name(text: &str) -> Result<Name, String> {
    Name::parse(text)
        .ok_or_else(|| "2 to 32 letters, digits, . - _ or Chinese characters".to_owned())
}

fn read_act(text: &str) -> Result<Act, String> {
    let words = || Act::ALL.iter().map(|act| act.word()).collect::<Vec<_>>().join(", ");
    Act::parse(text).ok_or_else(|| format!("one of: {}", words()))
}
