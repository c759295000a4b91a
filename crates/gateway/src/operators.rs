//! Operators: who may use the console, and what they did there.
//!
//! Every change of who may is written into the audit in the same transaction, so there is none without its entry.

use std::{fmt, net::IpAddr, path::Path, sync::Arc};

use holdfast_domain::Moment;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Dice,
    limits,
    store::{OpenError, StoreFault},
    vault::{Vault, VaultError, hex},
};

mod approvals;
mod audit;
mod file;
mod lockout;
mod password;
mod session;
mod signing;
#[cfg(test)]
mod tests;
mod totp;

pub use approvals::{
    Approval, ApprovalError, ApprovalFilter, ApprovalState, Decision, Said, Wanted, said_of_request,
};
pub use audit::{About, Act, AuditFilter, Entry, Outcome, Proof, Written};
pub use password::{Password, PasswordFault};
pub use session::{SessionId, Token};
pub use signing::{Open, Seated, SignInError, SignedIn};
pub use totp::TotpSecret;

use file::File;
use lockout::Addresses;
use password::{Hasher, Unhashed};

/// Who it was, in the audit, when it was done at the machine itself.
pub const COMMAND_LINE: &str = "(command line)";

/// What an operator may do. Each role may all that those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Also captures, releases, reverses, refunds.
    Operator,
    /// Also changes merchants, apps and operators.
    Administrator,
}

impl Role {
    /// All of them, the one that may least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// For people, in English and Chinese. The English one is what forms and the command line take.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Viewer => ("viewer", "查看员"),
            Self::Operator => ("operator", "操作员"),
            Self::Administrator => ("administrator", "管理员"),
        }
    }

    /// The role of that English name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.text().0 == name)
    }

    fn number(self) -> i64 {
        match self {
            Self::Viewer => 0,
            Self::Operator => 1,
            Self::Administrator => 2,
        }
    }
}

/// The name of an operator: 2 to 32 letters, digits, `.`, `-`, `_` or Chinese characters. Capital letters make no other
/// name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Arc<str>);

impl Name {
    /// Reads a name; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |c: char| {
            c.is_ascii_alphanumeric() || ".-_".contains(c) || ('\u{4e00}'..='\u{9fff}').contains(&c)
        };
        let count = text.chars().count();
        ((2..=32).contains(&count) && text.chars().all(good)).then(|| Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody who may use the console, or might once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Whether they may no longer sign in.
    pub disabled: bool,
    /// Whether they have to choose a password first: somebody else chose the one they have.
    pub must_change: bool,
    /// Whether a code is asked for besides the password.
    pub has_totp: bool,
    /// Since when there is somebody of that name.
    pub made_at: Moment,
    /// When they last signed in.
    pub seen_at: Option<Moment>,
}

impl Operator {
    /// Whether they may do now what takes that role.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        !self.disabled && self.role >= role
    }
}

/// Somebody new.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// The name.
    pub name: Name,
    /// What they may do.
    pub role: Role,
    /// How they prove who they are.
    pub password: Password,
    /// Whether they have to choose another password first, because somebody else chose this one.
    pub must_change: bool,
}

/// Who does something, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// An operator's name, [`COMMAND_LINE`], or empty when nobody knows.
    pub who: Arc<str>,
    /// From which address; `None` on the machine itself.
    pub address: Option<IpAddr>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The name is taken.
    #[error("there is an operator of that name already")]
    Exists,
    /// There is nobody of that name.
    #[error("there is no operator of that name")]
    Missing,
    /// Nobody would be left who can change who may.
    #[error("that is the last administrator: make somebody else one first")]
    LastAdministrator,
    /// There are too many.
    #[error("there are {} operators, which is the most", limits::OPERATORS)]
    TooMany,
    /// Codes are asked for already.
    #[error("codes are asked for already: give those up first")]
    HasCodes,
    /// Somebody else was faster.
    #[error("the password was changed meanwhile")]
    Changed,
    /// The code is not the one that the authenticator app shows now, or was used already.
    #[error("the code is not right")]
    WrongCode,
    /// Too many passwords are being hashed.
    #[error("too many people sign in at once: try again in a moment")]
    Busy,
    /// A secret does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store broke.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl OperatorError {
    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(&self) -> (&'static str, &'static str) {
        match self {
            Self::Exists => ("There is an operator of that name already.", "该名称已存在。"),
            Self::Missing => ("There is no operator of that name.", "没有该操作员。"),
            Self::LastAdministrator => (
                "That is the last administrator: make somebody else one first.",
                "这是最后一名管理员，请先指定其他管理员。",
            ),
            Self::TooMany => ("There are too many operators.", "操作员数量已达上限。"),
            Self::HasCodes => {
                ("Codes are asked for already: give those up first.", "动态口令已启用，请先停用。")
            }
            Self::Changed => ("The password was changed meanwhile.", "密码已在此期间变更。"),
            Self::WrongCode => (
                "The code is not the one that the app shows now, or it was used already.",
                "动态口令不正确或已使用。",
            ),
            Self::Busy => (
                "Too many people sign in at once: try again in a moment.",
                "同时登录人数过多，请稍后再试。",
            ),
            Self::Vault(_) | Self::Fault(_) => {
                ("The store broke; see the log.", "存储故障，请查看日志。")
            }
        }
    }
}

impl From<Unhashed> for OperatorError {
    fn from(unhashed: Unhashed) -> Self {
        match unhashed {
            Unhashed::Busy => Self::Busy,
            Unhashed::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// The operators of a gateway, their sessions, what they did, and what waits for a second one: `console.db`.
pub struct Operators {
    file: File,
    hasher: Hasher,
    addresses: Addresses,
    /// Held while the audit is proved: once at a time is enough for everybody.
    proving: tokio::sync::Mutex<()>,
    dice: Dice,
}

/// An operator with what proves who it is.
struct Known {
    operator: Operator,
    password: String,
    totp: Option<String>,
    totp_new: Option<String>,
    totp_step: i64,
}

const COLUMNS: &str = "SELECT name, role, password, must_change, totp, totp_new, totp_step, disabled, made_at, seen_at \
     FROM operators";
const COUNT: &str = "SELECT count(*) FROM operators";
const ADD: &str =
    "INSERT INTO operators (name, role, password, must_change, totp_step, disabled, made_at)
    VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)";
const OTHER_ADMINISTRATORS: &str =
    "SELECT count(*) FROM operators WHERE role = 2 AND disabled = 0 AND name <> ?1";
const SET_ROLE: &str = "UPDATE operators SET role = ?2 WHERE name = ?1";
const SET_DISABLED: &str = "UPDATE operators SET disabled = ?2 WHERE name = ?1";
const SET_PASSWORD: &str = "UPDATE operators SET password = ?2, must_change = ?3 WHERE name = ?1";
const OFFER_TOTP: &str = "UPDATE operators SET totp_new = ?2 WHERE name = ?1";
const SET_TOTP: &str =
    "UPDATE operators SET totp = ?2, totp_new = NULL, totp_step = ?3 WHERE name = ?1";
/// The last step stays: a code that was used is never taken again.
const FORGET_TOTP: &str = "UPDATE operators SET totp = NULL, totp_new = NULL WHERE name = ?1";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE operator = ?1";
const FORGIVE: &str = "DELETE FROM tries WHERE name = ?1";

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let role: i64 = row.get(1)?;
    let totp: Option<String> = row.get(4)?;
    let seen_at: Option<i64> = row.get(9)?;
    let operator = Operator {
        name: row.get(0)?,
        // Of a role that this program does not know, it takes the one that may least.
        role: Role::ALL.into_iter().find(|known| known.number() == role).unwrap_or(Role::Viewer),
        disabled: row.get(7)?,
        must_change: row.get(3)?,
        has_totp: totp.is_some(),
        made_at: Moment(row.get(8)?),
        seen_at: seen_at.map(Moment),
    };
    let (password, totp_new, totp_step) = (row.get(2)?, row.get(5)?, row.get(6)?);
    Ok(Known { operator, password, totp, totp_new, totp_step })
}

fn one(file: &Connection, name: &str) -> rusqlite::Result<Option<Known>> {
    file.prepare_cached(&format!("{COLUMNS} WHERE name = ?1"))?.query_one([name], known).optional()
}

/// Whose secret it is, for the vault.
fn totp_owner(name: &str) -> String {
    format!("operator {} totp", name.to_ascii_lowercase())
}

impl Operators {
    /// Those of a data directory.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Ok(Self::on(File::open(dir)?))
    }

    /// In memory, for a gateway that is thrown away.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::on(File::in_memory())
    }

    fn on(file: File) -> Self {
        let (hasher, addresses) = (Hasher::default(), Addresses::default());
        Self { file, hasher, addresses, proving: Default::default(), dice: Dice::unpredictable() }
    }

    /// Whether there is nobody yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_empty(&self) -> Result<bool, StoreFault> {
        let count: i64 = self.file.read(|file| file.query_one(COUNT, [], |row| row.get(0)))?;
        Ok(count == 0)
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all(&self) -> Result<Vec<Operator>, StoreFault> {
        self.file.read(|file| {
            let mut all = file.prepare_cached(&format!("{COLUMNS} ORDER BY name"))?;
            all.query_map([], |row| Ok(known(row)?.operator))?.collect()
        })
    }

    /// One of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn one(&self, name: &str) -> Result<Option<Operator>, StoreFault> {
        Ok(self.file.read(|file| one(file, name))?.map(|known| known.operator))
    }

    /// Adds somebody.
    ///
    /// # Errors
    /// When the name is taken, there are too many, or the store broke.
    pub async fn add(&self, by: &By, new: Newcomer, now: Moment) -> Result<(), OperatorError> {
        let hash = self.hasher.hash(&new.password, &self.dice).await?;
        let by = by.clone();
        self.file
            .write("add an operator", move |file| {
                let Newcomer { name, role, must_change, password: _ } = new;
                if one(file, name.as_str())?.is_some() {
                    return Ok(Err(OperatorError::Exists));
                }
                let count: i64 = file.query_one(COUNT, [], |row| row.get(0))?;
                if usize::try_from(count).unwrap_or(usize::MAX) >= limits::OPERATORS {
                    return Ok(Err(OperatorError::TooMany));
                }
                let row = params![name.as_str(), role.number(), hash, must_change, now.0];
                file.prepare_cached(ADD)?.execute(row)?;
                // Who was nobody until now may have been tried.
                file.prepare_cached(FORGIVE)?.execute([name.as_str()])?;
                let detail = role.text().0.to_owned();
                audit::add(file, &by, &done(Act::OperatorAdded, name.as_str(), detail), now)?;
                Ok(Ok(()))
            })
            .await
    }

    /// Gives somebody another role, and ends their sessions.
    ///
    /// # Errors
    /// When there is nobody of that name, it is the last administrator, or the store broke.
    pub async fn set_role(
        &self,
        by: &By,
        name: &str,
        role: Role,
        now: Moment,
    ) -> Result<(), OperatorError> {
        self.change(by, name, now, move |file, known| {
            let operator = &known.operator;
            if role != Role::Administrator && is_last_administrator(file, operator)? {
                return Ok(Err(OperatorError::LastAdministrator));
            }
            file.prepare_cached(SET_ROLE)?.execute(params![operator.name, role.number()])?;
            let detail = format!("{} -> {}", operator.role.text().0, role.text().0);
            Ok(Ok((Act::RoleChanged, detail)))
        })
        .await
    }

    /// Lets somebody no longer sign in, and ends their sessions; or lets them sign in again, and ends the pause after
    /// failures in their name.
    ///
    /// # Errors
    /// When there is nobody of that name, it is the last administrator, or the store broke.
    pub async fn set_disabled(
        &self,
        by: &By,
        name: &str,
        disabled: bool,
        now: Moment,
    ) -> Result<(), OperatorError> {
        self.change(by, name, now, move |file, known| {
            let operator = &known.operator;
            if disabled && is_last_administrator(file, operator)? {
                return Ok(Err(OperatorError::LastAdministrator));
            }
            file.prepare_cached(SET_DISABLED)?.execute(params![operator.name, disabled])?;
            if !disabled {
                file.prepare_cached(FORGIVE)?.execute([&operator.name])?;
            }
            let act = if disabled { Act::OperatorDisabled } else { Act::OperatorEnabled };
            Ok(Ok((act, String::new())))
        })
        .await
    }

    /// Gives somebody a password that they have to change when they use it, ends their sessions, and ends the pause after
    /// failures in their name.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store broke.
    pub async fn reset_password(
        &self,
        by: &By,
        name: &str,
        password: &Password,
        now: Moment,
    ) -> Result<(), OperatorError> {
        self.reset(by, name, password, None, now).await
    }

    /// What becomes another text when somebody's password does, and says nothing else of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn password_mark(&self, name: &str) -> Result<Option<String>, StoreFault> {
        let known = self.file.read(|file| one(file, name))?;
        Ok(known.map(|known| mark(&known.password)))
    }

    /// As [`Operators::reset_password`], if the password is still the one of that [`Operators::password_mark`]: a form that
    /// is sent twice does not reset twice.
    ///
    /// # Errors
    /// Also when the password was changed meanwhile.
    pub async fn reset_password_once(
        &self,
        by: &By,
        name: &str,
        (password, mark): (&Password, &str),
        now: Moment,
    ) -> Result<(), OperatorError> {
        self.reset(by, name, password, Some(mark.to_owned()), now).await
    }

    async fn reset(
        &self,
        by: &By,
        name: &str,
        password: &Password,
        only: Option<String>,
        now: Moment,
    ) -> Result<(), OperatorError> {
        let hash = self.hasher.hash(password, &self.dice).await?;
        self.change(by, name, now, move |file, known| {
            if only.is_some_and(|only| only != mark(&known.password)) {
                return Ok(Err(OperatorError::Changed));
            }
            let name = &known.operator.name;
            file.prepare_cached(SET_PASSWORD)?.execute(params![name, hash, true])?;
            file.prepare_cached(FORGIVE)?.execute([name])?;
            Ok(Ok((Act::PasswordReset, String::new())))
        })
        .await
    }

    /// No longer asks somebody for codes: they lost what makes them. Ends their sessions.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store broke.
    pub async fn remove_totp(&self, by: &By, name: &str, now: Moment) -> Result<(), OperatorError> {
        self.change(by, name, now, |file, known| {
            file.prepare_cached(FORGET_TOTP)?.execute([&known.operator.name])?;
            Ok(Ok((Act::TotpRemoved, String::new())))
        })
        .await
    }

    /// Changes somebody, ends their sessions, and writes down what was changed.
    async fn change(
        &self,
        by: &By,
        name: &str,
        now: Moment,
        change: impl FnOnce(
            &Connection,
            &Known,
        ) -> rusqlite::Result<Result<(Act, String), OperatorError>>
        + Send
        + 'static,
    ) -> Result<(), OperatorError> {
        let (by, name) = (by.clone(), name.to_owned());
        self.file
            .write("change an operator", move |file| {
                let Some(known) = one(file, &name)? else {
                    return Ok(Err(OperatorError::Missing));
                };
                let (act, detail) = match change(file, &known)? {
                    Ok(changed) => changed,
                    Err(error) => return Ok(Err(error)),
                };
                let name = &known.operator.name;
                file.prepare_cached(END_SESSIONS)?.execute([name])?;
                audit::add(file, &by, &done(act, name, detail), now)?;
                Ok(Ok(()))
            })
            .await
    }

    /// Makes a secret for somebody's authenticator app. It counts once a first code has proved that the app has it; until
    /// then each call replaces it.
    ///
    /// # Errors
    /// When there is nobody of that name, or the store broke.
    pub async fn offer_totp(&self, name: &str, vault: &Vault) -> Result<TotpSecret, OperatorError> {
        let secret = TotpSecret::made(&self.dice);
        let sealed = vault.seal(&secret.text(), &totp_owner(name), &self.dice);
        let name = name.to_owned();
        self.file
            .write("offer codes to an operator", move |file| {
                let changed = file.prepare_cached(OFFER_TOTP)?.execute(params![name, sealed])?;
                Ok(if changed == 1 { Ok(()) } else { Err(OperatorError::Missing) })
            })
            .await?;
        Ok(secret)
    }

    /// The secret that [`Operators::offer_totp`] made, until it is confirmed.
    ///
    /// # Errors
    /// When the store broke or the secret does not open.
    pub fn offered_totp(
        &self,
        name: &str,
        vault: &Vault,
    ) -> Result<Option<TotpSecret>, OperatorError> {
        let sealed = self.file.read(|file| one(file, name))?.and_then(|known| known.totp_new);
        let secret = sealed.map(|sealed| vault.unseal(&sealed, &totp_owner(name))).transpose()?;
        Ok(secret.and_then(|secret| TotpSecret::parse(&secret)))
    }

    /// Asks somebody for codes from now on, if this is the first one.
    ///
    /// # Errors
    /// When the code is not right, no secret was offered, codes are asked for already, or the store broke.
    pub async fn confirm_totp(
        &self,
        by: &By,
        code: &str,
        vault: &Vault,
        now: Moment,
    ) -> Result<(), OperatorError> {
        let name = by.who.clone();
        let secret = self.offered_totp(&name, vault)?.ok_or(OperatorError::WrongCode)?;
        let step = secret.step(code.trim(), now, 0).ok_or(OperatorError::WrongCode)?;
        let sealed = vault.seal(&secret.text(), &totp_owner(&name), &self.dice);
        let by = by.clone();
        self.file
            .write("ask an operator for codes", move |file| {
                // Whoever sits at somebody's open session cannot put other codes in the place of theirs.
                if one(file, &name)?.is_none_or(|known| known.operator.has_totp) {
                    return Ok(Err(OperatorError::HasCodes));
                }
                file.prepare_cached(SET_TOTP)?.execute(params![name, sealed, step])?;
                audit::add(file, &by, &done(Act::TotpSet, &name, String::new()), now)?;
                Ok(Ok(()))
            })
            .await
    }
}

fn mark(hash: &str) -> String {
    let digest = Sha256::new().chain_update("holdfast password mark").chain_update(hash).finalize();
    hex(digest.get(..16).unwrap_or_default())
}

fn is_last_administrator(file: &Connection, operator: &Operator) -> rusqlite::Result<bool> {
    let counts = operator.role == Role::Administrator && !operator.disabled;
    let name = &operator.name;
    let others: i64 =
        file.prepare_cached(OTHER_ADMINISTRATORS)?.query_one([name], |row| row.get(0))?;
    Ok(counts && others == 0)
}

fn done(act: Act, name: &str, detail: String) -> Entry {
    Entry { act, about: About::Operator(name.to_owned()), detail, outcome: Outcome::Done }
}
