//! What can be seen of a gateway's data, also while it runs on it. Nothing is written.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use holdfast_domain::{Bill, BillKey, Moment, Phase};
use holdfast_gateway::{
    accounts::{Accounts, Book, Key},
    bills_clock,
    clock::{Clock, Dice, patience},
    config::{Config, Environment},
    fit_for_live,
    notices::outbox::{Filter, Letters as _, SqliteOutbox, State},
    store::{ENVIRONMENT, Kind, OpenError, SqliteStore, Store},
    vault::Vault,
};
use holdfast_wire::time;
use tokio::task::spawn_blocking;

use super::{
    BILLS, CHECK_MS, Check, DIRECTORY, DISK, Finding, KEYS, Local, NOTICES, STORE, is_default,
    pasted,
};
use crate::screen::yuan;

/// The most bills, letters or receivers that one check looks at. When there are more, that is said.
const LOOK: usize = 1_000;

/// The most names that are told; the others are counted.
const NAMES: usize = 3;

/// A notice that should have gone out so long ago, in milliseconds, is overdue. Silent receivers are tried every five
/// minutes, so it is not their silence alone.
const OVERDUE_MS: i64 = 10 * 60_000;

/// An order that the channel has not answered for so long, in milliseconds, is worth a look.
const OPEN_MS: i64 = 60_000;

/// How far ahead the end of keys and of holds is told, in milliseconds.
const SOON_MS: i64 = 7 * 86_400_000;

/// How far ahead the end of holds is told, in days.
const HOLDS_DAYS: u16 = 3;

/// Less room than this, in bytes, and the store may stop at any moment.
const ROOM_LEAST: u64 = 64 << 20;

/// Less room than this, in bytes, is little, however small the data is.
const ROOM_LITTLE: u64 = 1 << 30;

/// Looks at the data directory of these settings, if there is one.
pub(super) async fn examine(config: Config) -> Local {
    let dir = config.data_dir.clone();
    if !SqliteStore::exists(&dir) {
        return Local { findings: vec![absent(&dir)], served: None };
    }
    let served = SqliteOutbox::is_served(&dir).ok();
    let mut findings = vec![directory(&dir), disk(&dir)];
    let to_open = dir.clone();
    let opened = blocking(STORE, move || {
        SqliteStore::open_read_only(&to_open).map_err(|error| {
            let todo = "do what the sentence says; nothing was changed";
            Finding::bad(STORE, error.to_string(), todo)
        })
    });
    let store: Arc<dyn Store> = match opened.await {
        Ok(store) => Arc::new(store),
        Err(finding) => {
            findings.push(finding);
            return Local { findings, served };
        }
    };
    let environment = store.registered(Kind::Setting, ENVIRONMENT).await.ok().flatten();
    let live = environment.as_deref() == Some(Environment::Live.name());
    let look = Look { config, store, live, served: served == Some(true) };
    findings.push(bounded(STORE, look.store(environment)).await);
    findings.extend(patience(CHECK_MS, look.keys()).await.unwrap_or_else(|| vec![late(KEYS)]));
    findings.push(bounded(NOTICES, look.notices()).await);
    findings.push(bounded(BILLS, look.bills()).await);
    Local { findings, served }
}

/// What the checks of a data directory look at.
struct Look {
    config: Config,
    store: Arc<dyn Store>,
    /// Whether real money is in it.
    live: bool,
    /// Whether a gateway runs on it.
    served: bool,
}

type Found = Result<Finding, Finding>;

async fn bounded(check: Check, look: impl Future<Output = Found>) -> Finding {
    match patience(CHECK_MS, look).await {
        Some(Ok(finding) | Err(finding)) => finding,
        None => late(check),
    }
}

fn late(check: Check) -> Finding {
    let text = format!("not read within {CHECK_MS} ms: the disk is slow, or very busy (读取超时)");
    Finding::warning(check, text, "look at the disk, and try again: holdfast doctor")
}

/// Does what waits for the disk on a thread that may.
async fn blocking<T: Send + 'static>(
    check: Check,
    work: impl FnOnce() -> Result<T, Finding> + Send + 'static,
) -> Result<T, Finding> {
    match patience(CHECK_MS, spawn_blocking(work)).await {
        Some(Ok(done)) => done,
        Some(Err(error)) => {
            Err(Finding::bad(check, error.to_string(), "tell those who make holdfast"))
        }
        None => Err(late(check)),
    }
}

/// A fault of whatever was read, as a finding.
fn broken<E: std::fmt::Display>(check: Check) -> impl Fn(E) -> Finding {
    move |error| {
        let todo = "do not start a gateway on it before you know why: holdfast ledger verify";
        Finding::bad(check, error.to_string(), todo)
    }
}

/// What there is to say where no store is.
fn absent(dir: &PathBuf) -> Finding {
    // Made with the first bill. The journal was there then; a gateway would not start without it.
    if dir.join("bills.db").exists() {
        let text =
            format!("{} has bills and no journal.db: it is lost (流水文件丢失)", dir.display());
        let todo = "put the whole directory back from a backup; nothing else knows what happened";
        return Finding::bad(STORE, text, todo);
    }
    if dir.is_dir() {
        let text = format!("no gateway has run on {} yet (尚未启动过网关)", dir.display());
        let todo = format!("holdfast serve --data-dir {}", pasted(dir));
        return Finding::left_out(DIRECTORY, text, todo);
    }
    let text = format!("there is no store in {} (没有数据)", dir.display());
    let todo = "say where the data of a gateway is: --data-dir DIR";
    match is_default(dir) {
        true => Finding::left_out(DIRECTORY, text, todo),
        // Somebody named it.
        false => Finding::bad(DIRECTORY, text, todo),
    }
}

/// Whether only its owner can look into the directory.
fn directory(dir: &Path) -> Finding {
    let shown = dir.display();
    match mode(dir) {
        Ok(Some(mode)) if mode & 0o077 != 0 => Finding::warning(
            DIRECTORY,
            format!(
                "other users of this machine may look into {shown}, mode {mode:o} (其他用户可访问)"
            ),
            format!("chmod 700 {}", pasted(dir)),
        ),
        Ok(_) => {
            Finding::good(DIRECTORY, format!("{shown} is there, for its owner only (仅属主可访问)"))
        }
        Err(error) => {
            Finding::bad(DIRECTORY, format!("{shown}: {error}"), "look whose it is: ls -ld DIR")
        }
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<Option<u32>> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions());
    Ok(Some(mode & 0o777))
}

#[cfg(not(unix))]
fn mode(path: &Path) -> io::Result<Option<u32>> {
    fs::metadata(path).map(|_| None)
}

/// Whether there is room for the data to grow.
fn disk(dir: &Path) -> Finding {
    let sizes = fs::read_dir(dir).and_then(|files| {
        files.take(LOOK).map(|file| Ok(file?.metadata()?.len())).sum::<io::Result<u64>>()
    });
    match (sizes, free(dir)) {
        (Ok(data), Ok(Some(free))) => room(dir, data, free),
        (Ok(_), Ok(None)) => Finding::left_out(DISK, "this system does not tell", ""),
        (Err(error), _) | (_, Err(error)) => {
            Finding::bad(DISK, format!("{}: {error}", dir.display()), "df -h")
        }
    }
}

/// How many bytes the directory's file system has for us.
#[cfg(unix)]
fn free(dir: &Path) -> io::Result<Option<u64>> {
    let told = rustix::fs::statvfs(dir)?;
    Ok(Some(told.f_bavail.saturating_mul(told.f_frsize)))
}

#[cfg(not(unix))]
fn free(_dir: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

fn room(dir: &Path, data: u64, free: u64) -> Finding {
    let mib = |bytes: u64| bytes >> 20;
    let text = format!(
        "{} MiB are free, the data takes {} MiB (可用 {} MiB)",
        mib(free),
        mib(data.saturating_add((1 << 20) - 1)),
        mib(free)
    );
    let todo = format!("make room on the file system of {}: df -h {}", dir.display(), pasted(dir));
    if free < ROOM_LEAST {
        let text = format!("{text}: the store stops writing when it is full");
        return Finding::bad(DISK, text, todo);
    }
    // A new version of the files, or a backup beside them, takes as much again.
    match free < ROOM_LITTLE || free < data {
        true => Finding::warning(DISK, text, todo),
        false => Finding::good(DISK, text),
    }
}

impl Look {
    /// Whether the store can be read, how much is in it, and whether somebody serves it.
    async fn store(&self, environment: Option<String>) -> Found {
        let last = self.store.last().await.map_err(broken(STORE))?;
        let record = match last {
            0 => None,
            last => {
                let read = self.store.journal(last.saturating_sub(1), 1).await;
                read.map_err(broken(STORE))?.pop()
            }
        };
        let newest = record.map_or_else(
            || "no record yet".to_owned(),
            |record| format!("{last} records, the last of {}", time::show(record.at)),
        );
        let environment = environment.unwrap_or_else(|| "unknown".to_owned());
        let served = if self.served { "a gateway runs on it" } else { "no gateway runs on it" };
        Ok(Finding::good(
            STORE,
            format!("environment {environment}, {newest}; {served} (存储可读)"),
        ))
    }

    /// Keys and whose they are: can they be read, are there enough, does one end soon.
    async fn keys(&self) -> Vec<Finding> {
        let accounts = match self.accounts().await {
            Ok(accounts) => accounts,
            Err(finding) => return vec![finding],
        };
        let mut findings = vec![];
        if self.live {
            let ahead = bills_clock(&*self.store).await.ok().map(|clock| clock.ahead_ms());
            if let Err(error) = fit_for_live(&accounts, ahead) {
                findings.push(Finding::bad(
                    KEYS,
                    format!("{error} (不适用于 live 环境)"),
                    "run what the sentence names; a live gateway does not start before",
                ));
            }
        }
        let book = accounts.book();
        findings.extend(weak(&book, Clock::running(0).wall()));
        if findings.is_empty() {
            let (apps, merchants) = (book.apps.len(), book.merchants.len());
            let text = format!(
                "apps: {apps}, merchants: {merchants}, all with keys that are good (密钥有效)"
            );
            findings.push(Finding::good(KEYS, text));
        }
        findings
    }

    async fn accounts(&self) -> Result<Accounts, Finding> {
        let path = self.config.master_key_path();
        // Opening would make a new one, which opens nothing.
        if !path.exists() {
            return Err(Finding::bad(
                KEYS,
                format!("the master key file {} is missing (缺少主密钥文件)", path.display()),
                "put back the file that this data was made with, or say --master-key-file FILE",
            ));
        }
        let vault = blocking(KEYS, move || {
            let todo = "do what the sentence says; without this file no key can be read";
            Vault::open(&path, &Dice::unpredictable())
                .map_err(|error| Finding::bad(KEYS, error.to_string(), todo))
        });
        let accounts = Accounts::open(self.store.clone(), Arc::new(vault.await?)).await;
        accounts.map_err(|error| {
            let todo =
                "use the master key file that this data was made with: --master-key-file FILE";
            Finding::bad(KEYS, error.to_string(), todo)
        })
    }

    /// Whether merchants are told in time.
    async fn notices(&self) -> Found {
        let dir = self.config.data_dir.clone();
        let outbox = blocking(NOTICES, move || {
            SqliteOutbox::open_existing(&dir).map_err(|error| match error {
                OpenError::Missing { .. } | OpenError::Older { .. } => {
                    let todo = "start the gateway once; it makes what is missing: holdfast serve";
                    Finding::warning(NOTICES, error.to_string(), todo)
                }
                error => {
                    let todo = "no gateway starts on it: put the file back from a backup";
                    Finding::bad(NOTICES, error.to_string(), todo)
                }
            })
        });
        let outbox = outbox.await?;
        let now = bills_clock(&*self.store).await.map_err(broken(NOTICES))?.now();
        let given_up = Filter {
            states: vec![State::GivenUp],
            since: Some(now.plus_ms(SOON_MS.saturating_neg())),
            ..Filter::default()
        };
        let given_up = outbox.list(&given_up, None, LOOK).await.map_err(broken(NOTICES))?.len();
        let waiting = outbox.receivers(None, LOOK).await.map_err(broken(NOTICES))?;
        let late: Vec<_> =
            waiting.iter().filter(|(_, due)| now.0.saturating_sub(due.0) > OVERDUE_MS).collect();
        let oldest = late.iter().min_by_key(|(_, due)| *due);
        if let Some((receiver, due)) = oldest {
            let text = format!(
                "notices to {} of {} receivers are overdue, the oldest since {} to {receiver} (通知逾期)",
                many(late.len()),
                waiting.len(),
                time::show(*due)
            );
            return Ok(match self.served {
                true => Finding::warning(
                    NOTICES,
                    text,
                    format!(
                        "see why: holdfast notices list --state waiting --to {}",
                        crate::shell::quote(receiver.as_str())
                    ),
                ),
                false => Finding::warning(NOTICES, text, "no gateway runs: holdfast serve"),
            });
        }
        if given_up > 0 {
            let text =
                format!("{} notices of the last 7 days were given up (已放弃)", many(given_up));
            let todo = "when their receivers answer again: holdfast notices resend --all-failed";
            return Ok(Finding::warning(NOTICES, text, todo));
        }
        let waiting = waiting.len();
        Ok(Finding::good(
            NOTICES,
            format!("none is overdue, {waiting} receivers have some waiting (无逾期通知)"),
        ))
    }

    /// Whether bills go on: orders without an answer, work left over, holds that end.
    async fn bills(&self) -> Found {
        let clock = bills_clock(&*self.store).await.map_err(broken(BILLS))?;
        let now = clock.now();
        let open = self.store.open(None, LOOK).await.map_err(broken(BILLS))?;
        let mut oldest: Option<(Moment, BillKey)> = None;
        let mut long = 0_usize;
        for key in &open {
            let Some(bill) = self.bill(key).await? else { continue };
            let Some((asked, _)) = bill.open_order() else { continue };
            if now.0.saturating_sub(asked.at.0) > OPEN_MS {
                long = long.saturating_add(1);
                if oldest.as_ref().is_none_or(|(at, _)| asked.at < *at) {
                    oldest = Some((asked.at, key.clone()));
                }
            }
        }
        if let Some((at, BillKey { mid, no, date })) = oldest {
            let text = format!(
                "the outcome of {} orders is not known for over a minute, the oldest since {} (结果未知)",
                many(long),
                time::show(at)
            );
            let query = format!(
                "holdfast call query --mid {mid} --tid 88880001 --billNo {no} --billDate {date}"
            );
            return Ok(match self.served {
                true => {
                    Finding::warning(BILLS, text, format!("the gateway goes on asking: {query}"))
                }
                false => Finding::warning(
                    BILLS,
                    text,
                    "no gateway runs, so nobody asks the channel: holdfast serve",
                ),
            });
        }
        let left = self.store.due(now.plus_ms(-OPEN_MS), LOOK).await.map_err(broken(BILLS))?.len();
        if left > 0 {
            let text = format!(
                "{} bills have a moment behind them that nobody acted on (到期未处理)",
                many(left)
            );
            return Ok(match self.served {
                true => {
                    Finding::warning(BILLS, text, "the worker is behind: see the gateway's log")
                }
                false => Finding::warning(BILLS, text, "no gateway runs: holdfast serve"),
            });
        }
        self.holds(now).await
    }

    /// How many holds end soon: their merchants get nothing unless they capture.
    async fn holds(&self, now: Moment) -> Found {
        let until = now.plus_days(HOLDS_DAYS);
        let due = self.store.due(until, LOOK).await.map_err(broken(BILLS))?;
        let (mut count, mut fen) = (0_usize, 0_i128);
        for key in &due {
            let Some(bill) = self.bill(key).await? else { continue };
            let Phase::Authorized { payment } = &bill.phase else { continue };
            if payment.grant.as_ref().is_some_and(|grant| grant.deadline <= until) {
                count = count.saturating_add(1);
                fen = fen.saturating_add(i128::from(bill.terms.amount.fen()));
            }
        }
        Ok(Finding::good(
            BILLS,
            format!(
                "no outcome is open; {} holds of {} yuan end within {HOLDS_DAYS} days unless captured ({HOLDS_DAYS} 天内到期)",
                many(count),
                yuan(fen)
            ),
        ))
    }

    async fn bill(&self, key: &BillKey) -> Result<Option<Bill>, Finding> {
        self.store.bill(key).await.map_err(broken(BILLS))
    }
}

/// A count of what was looked at.
fn many(count: usize) -> String {
    if count >= LOOK { format!("{LOOK} or more") } else { count.to_string() }
}

/// What is weak about the keys of a book.
fn weak(book: &Book, wall: Moment) -> Vec<Finding> {
    let mut findings = vec![];
    let mut warn =
        |mut who: Vec<String>, text: &dyn Fn(&str) -> String, todo: &dyn Fn(&str) -> String| {
            who.sort_unstable();
            let Some(first) = who.first() else { return };
            let todo = todo(first.split(' ').next().unwrap_or_default());
            findings.push(Finding::warning(KEYS, text(&named(&who)), todo));
        };
    let apps = || book.apps.values();
    let dead = apps().filter(|app| !app.keys.iter().any(|key| key.is_good(wall)));
    warn(
        dead.map(|app| app.id.to_string()).collect(),
        &|who| format!("no key of app {who} is good any more (应用无有效密钥)"),
        &|app| format!("holdfast app rotate-key {app}"),
    );
    let ending = apps().flat_map(|app| {
        soon(&app.keys, wall)
            .map(|(key, ends)| format!("{} key {} on {}", app.id, key, time::show(ends)))
    });
    warn(
        ending.collect(),
        &|who| format!("a replaced app key ends within 7 days: {who} (旧密钥即将失效)"),
        &|_| "whoever still signs with it has to use the new one before".to_owned(),
    );
    let merchants = || book.merchants.values();
    let mute = merchants().filter(|merchant| merchant.notices.key().is_none());
    warn(
        mute.map(|merchant| merchant.mid.to_string()).collect(),
        &|who| format!("no communication key, so it is told nothing: merchant {who} (无通讯密钥)"),
        &|mid| format!("holdfast merchant rotate-notice-key {mid}"),
    );
    let ending = merchants().flat_map(|merchant| {
        soon(&merchant.notices.keys, wall)
            .map(|(key, ends)| format!("{} key {} on {}", merchant.mid, key, time::show(ends)))
    });
    warn(
        ending.collect(),
        &|who| {
            format!("a replaced communication key ends within 7 days: {who} (旧通讯密钥即将失效)")
        },
        &|_| "whoever still signs with it has to use the new one before".to_owned(),
    );
    findings
}

/// Keys that are good and end soon, by number.
fn soon<S>(keys: &[Key<S>], wall: Moment) -> impl Iterator<Item = (u32, Moment)> {
    let ending = move |key: &Key<S>| {
        let ends = key.ends_at.filter(|ends| wall < *ends && *ends <= wall.plus_ms(SOON_MS))?;
        Some((key.number, ends))
    };
    keys.iter().filter_map(ending)
}

/// The first of them by name, the others as a count.
fn named(who: &[String]) -> String {
    let first = who.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    match who.len().saturating_sub(NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Mark;

    #[test]
    fn a_full_disk_is_told_before_the_store_stops() {
        let check = |data: u64, free: u64, mark: Mark| {
            assert_eq!(room(Path::new("d"), data, free).mark, mark, "{data} {free}");
        };
        const GIB: u64 = 1 << 30;
        check(GIB, 100 * GIB, Mark::Good);
        check(GIB / 1_000, GIB, Mark::Good);
        check(GIB / 1_000, GIB - 1, Mark::Warning);
        check(50 * GIB, 49 * GIB, Mark::Warning);
        check(0, (64 << 20) - 1, Mark::Bad);
    }

    #[test]
    fn names_are_few_and_none_is_lost() {
        let who = |count: usize| (0..count).map(|n| format!("app{n}")).collect::<Vec<_>>();
        assert_eq!(named(&who(1)), "app0");
        assert_eq!(named(&who(3)), "app0, app1, app2");
        assert_eq!(named(&who(5)), "app0, app1, app2 and 2 more");
    }
}
