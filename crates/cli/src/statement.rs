//! `holdfast statement`: settlement statements (对账单) for the screen, for spreadsheet programs and for others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufWriter, Stdout, Write},
    path::{Path, PathBuf},
    process,
};

use clap::{Args, ValueEnum};
use holdfast_domain::{Day, Mid};
use holdfast_gateway::{
    bills_clock, limits,
    statement::{
        Csv, Head, Json, Kind, Line, Part, Section, Statement, StatementError, Total, Totals,
        is_over, make, merchants,
    },
    store::{Kind as Registered, Progress, SqliteStore, Store},
};
use holdfast_wire::time;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    ledger,
    screen::{self, Screen, Tone, left, right, yuan},
    settings::DataSettings,
};

/// What a business day moved for a merchant (对账单).
#[derive(Clone, Debug, Args)]
pub(crate) struct StatementCommand {
    /// The merchant 商户号
    #[arg(long, value_parser = read_mid, required_unless_present = "all_merchants")]
    mid: Option<Mid>,
    /// Every merchant that has lines on the day 当日有变动的全部商户
    #[arg(long, conflicts_with = "mid")]
    all_merchants: bool,
    /// The business day, yyyy-MM-dd 结算日
    #[arg(long, value_parser = read_day, required_unless_present = "from")]
    date: Option<Day>,
    /// The first of several business days 起始结算日
    #[arg(long, value_name = "DATE", value_parser = read_day, conflicts_with = "date", requires = "to")]
    from: Option<Day>,
    /// The last of them, included 截止结算日（含）
    #[arg(long, value_name = "DATE", value_parser = read_day, requires = "from")]
    to: Option<Day>,
    /// How it is written; table unless `-o json` 输出形式，默认表格
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Where csv or json goes: a file, - for stdout, or a directory when there are several statements
    /// 输出文件；多份对账单时为目录
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    out: Option<PathBuf>,
    /// Make it again and say whether it still has this digest 重新生成并核对摘要
    #[arg(
        long,
        value_name = "DIGEST",
        value_parser = read_digest,
        conflicts_with_all = ["all_merchants", "from", "format", "out"]
    )]
    verify: Option<String>,
    #[command(flatten)]
    settings: DataSettings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For spreadsheet programs 供表格软件
    Csv,
    /// For programs 供程序
    Json,
    /// For people 供人阅读
    Table,
}

pub(crate) async fn run(command: StatementCommand, screen: &Screen) -> Result<Exit, Failure> {
    let StatementCommand { mid, date, from, to, format, out, verify, settings, .. } = command;
    let days = days(date.or(from), date.or(to))?;
    let several = mid.is_none() || date.is_none();
    let form = format.unwrap_or(match screen.format {
        screen::Format::Json => Form::Json,
        screen::Format::Text => Form::Table,
    });
    let place = place(form, several, out)?;
    let config = settings.0.read()?;
    let store = ledger::open(&config.data_dir, "holdfast statement --data-dir DIR")?;
    let now = bills_clock(&store).await.map_err(unreadable)?.now();
    let maker = Maker { store, screen };
    if let Some(mid) = &mid {
        maker.know(mid, &days).await?;
    }
    if let (Some(digest), Some(mid), [day]) = (verify, &mid, &days[..]) {
        return maker.verify(mid, *day, is_over(*day, now), &digest).await;
    }
    let (mut some, mut heading) = (!several, several);
    for day in days {
        let complete = is_over(day, now);
        let mids = match &mid {
            Some(mid) => vec![mid.clone()],
            None => maker.merchants(day).await?.into_iter().collect(),
        };
        some |= !mids.is_empty();
        for mids in mids.chunks(limits::STATEMENTS_AT_ONCE) {
            match (form, several) {
                (Form::Table, true) => {
                    for made in maker.make(mids, day, complete, || |_: Part<'_>| Ok(())).await? {
                        if std::mem::take(&mut heading) {
                            screen.result(row(ROW.map(str::to_owned)))?;
                        }
                        screen.result(row(summary(&made)))?;
                    }
                }
                (Form::Table, false) => {
                    let writer = || {
                        let mut section = None;
                        move |part: Part<'_>| show(screen, part, &mut section)
                    };
                    maker.make(mids, day, complete, writer).await?;
                }
                (Form::Csv | Form::Json, _) => {
                    maker.write(mids, day, complete, form, &place).await?
                }
            }
        }
    }
    if !some {
        screen.say("nothing moved on these days (无资金变动)");
    }
    Ok(Exit::Done)
}

/// Where statements go.
enum Place {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

fn place(form: Form, several: bool, out: Option<PathBuf>) -> Result<Place, Failure> {
    let usage = |sentence: &str, hint: &str| Err(Failure::new(Exit::Usage, sentence).hint(hint));
    match (form, several, out) {
        (Form::Table, _, Some(_)) => usage(
            "a table is for the screen (表格仅供屏幕显示)",
            "holdfast statement … --format csv --out FILE",
        ),
        (Form::Table, _, None) | (_, false, None) => Ok(Place::Stdout),
        (_, false, Some(out)) if out.as_os_str() == "-" => Ok(Place::Stdout),
        (_, false, Some(out)) => Ok(Place::File(out)),
        (_, true, Some(out)) if out.as_os_str() != "-" => Ok(Place::Directory(out)),
        (_, true, _) => usage(
            "several statements need a directory (多份对账单须指定目录)",
            "holdfast statement … --format csv --out DIR",
        ),
    }
}

fn days(first: Option<Day>, last: Option<Day>) -> Result<Vec<Day>, Failure> {
    let (Some(Day(first)), Some(Day(last))) = (first, last) else { return Ok(vec![]) };
    let count = last.saturating_sub(first).saturating_add(1);
    match (1..=limits::STATEMENT_DAYS).contains(&count) {
        true => Ok((first..=last).map(Day).collect()),
        false => Err(Failure::new(
            Exit::Usage,
            format!(
                "from {} to {} is not 1 to {} days (起止日期有误)",
                Day(first),
                Day(last),
                limits::STATEMENT_DAYS
            ),
        )
        .hint("holdfast statement … --from 2026-11-01 --to 2026-11-30")),
    }
}

/// What makes statements, and who is told how far they are.
struct Maker<'a> {
    store: SqliteStore,
    screen: &'a Screen,
}

impl Maker<'_> {
    async fn merchants(&self, day: Day) -> Result<BTreeSet<Mid>, Failure> {
        let mut told = 0;
        let found = merchants(&self.store, day, |progress| told = self.show(progress, told)).await;
        self.screen.progress_over();
        found.map_err(unreadable)
    }

    /// Refuses a merchant that nobody knows: its statement would be empty, and look right.
    async fn know(&self, mid: &Mid, days: &[Day]) -> Result<(), Failure> {
        let known = self.store.registered(Registered::Merchant, mid.as_str()).await;
        if known.map_err(unreadable)?.is_some() {
            return Ok(());
        }
        for day in days {
            if self.merchants(*day).await?.contains(mid) {
                return Ok(());
            }
        }
        let sentence = format!("there is no merchant {mid}, and no share of it (商户不存在)");
        Err(Failure::new(Exit::NotFound, sentence).hint("holdfast merchant list"))
    }

    async fn make<W: FnMut(Part<'_>) -> io::Result<()>>(
        &self,
        mids: &[Mid],
        day: Day,
        complete: bool,
        writer: impl Fn() -> W,
    ) -> Result<Vec<Statement>, Failure> {
        let writers = mids.iter().map(|mid| (mid.clone(), writer())).collect();
        self.made(day, complete, writers).await
    }

    async fn made<W: FnMut(Part<'_>) -> io::Result<()>>(
        &self,
        day: Day,
        complete: bool,
        writers: BTreeMap<Mid, W>,
    ) -> Result<Vec<Statement>, Failure> {
        let mut told = 0;
        let progress = |progress| told = self.show(progress, told);
        let made = make(&self.store, day, complete, writers, progress).await;
        self.screen.progress_over();
        made.map_err(|error| match error {
            StatementError::Store(fault) => unreadable(fault),
            StatementError::Write(_) => Failure::new(Exit::Unexpected, error),
        })
    }

    /// Writes csv or json, each into a file of its own or the only one to stdout.
    async fn write(
        &self,
        mids: &[Mid],
        day: Day,
        complete: bool,
        form: Form,
        place: &Place,
    ) -> Result<(), Failure> {
        let extension = if form == Form::Csv { "csv" } else { "json" };
        let mut sheets = BTreeMap::new();
        for mid in mids {
            let target = match place {
                Place::Stdout => Target::Stdout(BufWriter::new(io::stdout())),
                Place::File(path) => Target::File(Draft::new(path)?),
                Place::Directory(dir) => {
                    fs::create_dir_all(dir).map_err(|error| broken(dir, &error))?;
                    let path = dir.join(format!("statement-{mid}-{day}.{extension}"));
                    Target::File(Draft::new(&path)?)
                }
            };
            sheets.insert(
                mid.clone(),
                match form {
                    Form::Csv => Sheet::Csv(Csv::new(target)),
                    Form::Json | Form::Table => Sheet::Json(Json::new(target)),
                },
            );
        }
        let writers =
            sheets.iter_mut().map(|(mid, sheet)| (mid.clone(), |part: Part<'_>| sheet.write(part)));
        let made = self.made(day, complete, writers.collect()).await?;
        for (statement, sheet) in made.iter().zip(sheets.into_values()) {
            if let Target::File(draft) = sheet.into_inner() {
                self.screen.say(format_args!(
                    "{}: net {} yuan, digest {}",
                    draft.path.display(),
                    yuan(statement.totals.net(Section::Settlement).fen),
                    statement.digest
                ));
                draft.publish()?;
            }
            if !statement.head.complete {
                self.screen.say(format_args!("{day} is not over: more can be added (当日未完结)"));
            }
        }
        Ok(())
    }

    async fn verify(
        &self,
        mid: &Mid,
        day: Day,
        complete: bool,
        digest: &str,
    ) -> Result<Exit, Failure> {
        let mid = std::slice::from_ref(mid);
        let made = self.make(mid, day, complete, || |_: Part<'_>| Ok(())).await?;
        let found = made.first().map(|made| made.digest.as_str()).unwrap_or_default();
        if found != digest {
            let sentence = format!("the statement has another digest now: {found} (摘要不符)");
            return Err(Failure::new(Exit::Differences, sentence).hint(match complete {
                true => "was it made before its day was over? else run: holdfast ledger verify",
                false => "the day is not over: what was added since is not under that digest",
            }));
        }
        self.screen.result(match self.screen.format {
            screen::Format::Json => json!({"same": true, "digest": found}).to_string(),
            screen::Format::Text => {
                self.screen.tone(Tone::Good, "the statement is the same, byte for byte 摘要相符")
            }
        })?;
        Ok(Exit::Done)
    }

    /// Shows how far it is. What is read in one go needs no telling.
    fn show(&self, progress: Progress, told: u64) -> u64 {
        match usize::try_from(progress.of) {
            Ok(of) if of <= limits::JOURNAL_PAGE => told,
            _ => ledger::show(self.screen, progress, told),
        }
    }
}

enum Sheet {
    Csv(Csv<Target>),
    Json(Json<Target>),
}

impl Sheet {
    fn write(&mut self, part: Part<'_>) -> io::Result<()> {
        match self {
            Self::Csv(csv) => csv.write(part),
            Self::Json(json) => json.write(part),
        }
    }

    fn into_inner(self) -> Target {
        match self {
            Self::Csv(csv) => csv.into_inner(),
            Self::Json(json) => json.into_inner(),
        }
    }
}

enum Target {
    Stdout(BufWriter<Stdout>),
    File(Draft),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Whoever closed the pipe has read what it wanted.
            Self::Stdout(stdout) => match stdout.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
                written => written,
            },
            Self::File(draft) => draft.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => match stdout.flush() {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                flushed => flushed,
            },
            Self::File(draft) => draft.file.flush(),
        }
    }
}

/// A file that appears under its name when it is whole.
struct Draft {
    path: PathBuf,
    written: PathBuf,
    file: BufWriter<File>,
}

impl Draft {
    fn new(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let written = path.with_file_name(format!(".{name}.{}", process::id()));
        // One that a killed process of the same number left, or somebody else's link: never written through.
        let _ = fs::remove_file(&written);
        let file = File::create_new(&written).map_err(|error| broken(&written, &error))?;
        Ok(Self { path: path.to_owned(), written, file: BufWriter::new(file) })
    }

    fn publish(mut self) -> Result<(), Failure> {
        let whole = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        let published = whole.and_then(|()| fs::rename(&self.written, &self.path));
        published.map_err(|error| broken(&self.path, &error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone already when it was published.
        let _ = fs::remove_file(&self.written);
    }
}

/// Shows a part of a statement on the screen; `section` is the one it is in.
fn show(screen: &Screen, part: Part<'_>, section: &mut Option<Section>) -> io::Result<()> {
    let tell =
        |text: String| screen.result(text).map_err(|failure| io::Error::other(failure.sentence));
    match part {
        Part::Head(Head { mid, day, complete }) => {
            let state = if *complete { "" } else { ", not over yet 未完结" };
            let title = format!("statement 对账单  {mid}  {day}{state}");
            tell(screen.tone(Tone::Strong, &title))
        }
        Part::Line(Line { at, kind, bill, order, effect_fen, .. }) => {
            if *section != Some(kind.section()) {
                *section = Some(kind.section());
                tell(format!("\n{}", screen.tone(Tone::Strong, title(kind.section()))))?;
                let heading =
                    ["time 时间", "kind 类型", "billNo 账单号", "orderId 订单号", "yuan 元"];
                tell(screen.tone(Tone::Quiet, &line(heading)))?;
            }
            let (at, kind, fen) = (time::show(*at), named(*kind), yuan(*effect_fen));
            tell(line([&at, &kind, bill.no.as_str(), order.as_str(), &fen]))
        }
        Part::Totals(totals) => {
            for section in [Section::Settlement, Section::Aside] {
                tell(sums(totals, section, screen))?;
            }
            Ok(())
        }
        Part::Digest(digest) => tell(format!("\ndigest 摘要  {digest}")),
    }
}

/// Lines come one by one, so their widths are fixed.
fn line([time, kind, bill, order, yuan]: [&str; 5]) -> String {
    let (time, kind) = (left(time, 19), left(kind, 24));
    let (bill, order, yuan) = (left(bill, 28), left(order, 29), right(yuan, 12));
    format!("{time}  {kind}  {bill}  {order}  {yuan}")
}

fn title(section: Section) -> &'static str {
    match section {
        Section::Settlement => "settlement 结算",
        Section::Aside => "set aside, no settlement 待结（不计入结算）",
    }
}

fn named(kind: Kind) -> String {
    format!("{} {}", kind.name(), kind.zh())
}

/// The totals of a section for people, in yuan.
fn sums(totals: &Totals, section: Section, screen: &Screen) -> String {
    let line = |name: &str, Total { count, fen }: Total| {
        let count = right(&count.to_string(), 8);
        format!("{}{count}  {}", left(name, 24), right(&format!("{} yuan", yuan(fen)), 22))
    };
    let mut lines = vec![format!("\n{} totals 合计", title(section))];
    lines.extend(totals.each(section).map(|(kind, total)| line(&named(kind), total)));
    lines.push(screen.tone(Tone::Strong, &line("net 净额", totals.net(section))));
    lines.join("\n")
}

/// The heading of the table of several statements.
const ROW: [&str; 6] = [
    "mid 商户号",
    "date 结算日",
    "lines 笔数",
    "net, yuan 净额",
    "aside, yuan 待结",
    "digest 摘要",
];

/// A statement in one row.
fn summary(made: &Statement) -> [String; 6] {
    let (net, aside) = (made.totals.net(Section::Settlement), made.totals.net(Section::Aside));
    let Head { mid, day, complete } = &made.head;
    let mark = if *complete { "" } else { " not over 未完结" };
    [
        mid.to_string(),
        day.to_string(),
        net.count.to_string(),
        yuan(net.fen),
        yuan(aside.fen),
        format!("{}{mark}", made.digest),
    ]
}

/// Rows come one by one, so their widths are fixed.
fn row([mid, date, lines, net, aside, digest]: [String; 6]) -> String {
    format!(
        "{}  {}  {}  {}  {}  {digest}",
        left(&mid, 20),
        left(&date, 12),
        right(&lines, 10),
        right(&net, 16),
        right(&aside, 16)
    )
}

fn unreadable(fault: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Differences, fault).hint("holdfast ledger verify")
}

fn broken(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Unexpected, format!("write {}: {error}", path.display()))
        .hint("name a file in a directory that exists and has room: --out FILE")
}

fn read_mid(text: &str) -> Result<Mid, String> {
    Mid::parse(text).map_err(|_| "1 to 32 letters, digits, - _ . (商户号格式有误)".to_owned())
}

fn read_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a date such as 2026-11-23 (日期格式有误)".to_owned())
}

fn read_digest(text: &str) -> Result<String, String> {
    let digest = text.to_ascii_lowercase();
    match digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Ok(digest),
        false => {
            Err("64 hexadecimal digits, as the statement shows them (摘要格式有误)".to_owned())
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_not_written_through_a_link_that_somebody_put_there() {
        let dir = tempfile::TempDir::new().unwrap();
        let (path, other) = (dir.path().join("a.csv"), dir.path().join("other"));
        fs::write(&other, "untouched").unwrap();
        let planted = dir.path().join(format!(".a.csv.{}", process::id()));
        std::os::unix::fs::symlink(&other, &planted).unwrap();
        let mut draft = Draft::new(&path).unwrap();
        draft.file.write_all(b"a statement").unwrap();
        draft.publish().unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a statement");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
