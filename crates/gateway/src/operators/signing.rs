//! Signing in and out: who proves to be whom, and whose sessions are open.

use std::{net::IpAddr, sync::Arc};

use holdfast_domain::Moment;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    About, Act, By, END_SESSIONS, Entry, FORGET_TOTP, FORGIVE, Known, Name, Operators, Outcome,
    Password, Role, SET_PASSWORD, audit, done,
    lockout::{Failures, WITH_NAMES},
    one,
    password::Unhashed,
    session::{Life, SessionId, Token},
    totp::TotpSecret,
    totp_owner,
};
use crate::{
    limits,
    store::StoreFault,
    vault::{Vault, VaultError},
};

/// Why nobody signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password or code is not right. Which one, or whether the name is anybody's, is not said.
    #[error("name or password is not right")]
    Wrong,
    /// There were too many failures: try again after so many milliseconds.
    #[error("too many failures: try again in {} s", .0 / 1000)]
    Paused(i64),
    /// Too many people sign in at once.
    #[error("too many people sign in at once: try again in a moment")]
    Busy,
    /// A secret does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store broke.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

impl From<Unhashed> for SignInError {
    fn from(unhashed: Unhashed) -> Self {
        match unhashed {
            Unhashed::Busy => Self::Busy,
            Unhashed::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// The password was right.
#[derive(Debug)]
pub struct SignedIn {
    /// For the browser.
    pub token: Token,
    /// Whether the session opens nothing until a code was given.
    pub needs_code: bool,
}

/// Whose session it is, at this moment.
#[derive(Clone, Debug)]
pub struct Seated {
    /// The operator's name.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// Whether they have to choose a password first.
    pub must_change: bool,
    /// Whether everything was proved that is asked for. If not, the session opens nothing.
    pub proved: bool,
    /// The session.
    pub session: SessionId,
    /// Whether it is to be written down that somebody was here.
    pub(crate) stale: bool,
}

/// A session that is open.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Which one.
    pub session: SessionId,
    /// When somebody signed in.
    pub began: Moment,
    /// When it was last used, to the minute.
    pub seen: Moment,
}

const SESSION: &str = "SELECT o.name, o.role, o.must_change, o.disabled, s.proved, s.began, s.seen
    FROM sessions s JOIN operators o ON o.name = s.operator WHERE s.hash = ?1";
const BEGIN: &str =
    "INSERT INTO sessions (hash, operator, proved, began, seen) VALUES (?1, ?2, ?3, ?4, ?4)";
const TOUCH: &str = "UPDATE sessions SET seen = max(seen, ?2) WHERE hash = ?1";
const END: &str = "DELETE FROM sessions WHERE hash = ?1";
const SWEEP: &str = "DELETE FROM sessions WHERE began <= ?1 OR seen <= ?2";
/// Makes room for one more: those that were never proved go first, then the oldest.
const MAKE_ROOM: &str =
    "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE operator = ?1
    ORDER BY proved DESC, began DESC LIMIT -1 OFFSET ?2)";
const SEEN: &str = "UPDATE operators SET seen_at = ?2 WHERE name = ?1";
const TAKE_STEP: &str = "UPDATE operators SET totp_step = ?2 WHERE name = ?1 AND totp_step < ?2";
const FAILURES: &str = "SELECT failures, last FROM tries WHERE name = ?1";
const FAIL: &str = "INSERT INTO tries (name, failures, last, known) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, last = excluded.last, known = excluded.known";
const SET_FAILURES: &str = "UPDATE tries SET failures = ?2, last = ?3 WHERE name = ?1";
const SESSIONS_OF: &str =
    "SELECT hash, began, seen FROM sessions WHERE operator = ?1 AND proved = 1 ORDER BY seen DESC";
const END_OTHERS: &str = "DELETE FROM sessions WHERE operator = ?1 AND hash <> ?2";
const FAILING: &str = "SELECT count(*) FROM tries WHERE known = 0";
const FORGET_OLDEST: &str = "DELETE FROM tries WHERE name IN
    (SELECT name FROM tries WHERE known = 0 ORDER BY last LIMIT 1)";

/// What is proved besides the password.
enum Besides<'a> {
    /// Nothing: the code is asked for afterwards.
    Nothing,
    /// The code of now, if codes are asked for.
    Code(&'a str, &'a Vault),
}

fn begin(
    file: &Connection,
    token: &Token,
    name: &str,
    proved: bool,
    now: Moment,
) -> rusqlite::Result<()> {
    let (old, idle) = (now.plus_ms(-limits::SESSION_MS), now.plus_ms(-limits::SESSION_IDLE_MS));
    file.prepare_cached(SWEEP)?.execute([old.0, idle.0])?;
    let others = i64::try_from(limits::SESSIONS.saturating_sub(1)).unwrap_or_default();
    file.prepare_cached(MAKE_ROOM)?.execute(params![name, others])?;
    file.prepare_cached(BEGIN)?.execute(params![token.id().0, name, proved, now.0])?;
    if proved {
        file.prepare_cached(SEEN)?.execute(params![name, now.0])?;
    }
    Ok(())
}

/// A try that counts as failed until it is forgiven.
struct Tried {
    address: IpAddr,
    at: Moment,
    /// What was counted of the address before.
    of_address: Failures,
    /// What was counted of the name before, if it can be one.
    of_name: Option<Failures>,
}

fn failures(file: &Connection, name: &str) -> rusqlite::Result<Option<Failures>> {
    let found = |row: &Row<'_>| Ok(Failures { count: row.get(0)?, last: Moment(row.get(1)?) });
    file.prepare_cached(FAILURES)?.query_one([name], found).optional()
}

/// Counts a try under a name as failed until it is forgiven, and answers what was counted before; or how long to wait if
/// nobody may try now.
fn admit(
    file: &Connection,
    name: &str,
    now: Moment,
) -> rusqlite::Result<Result<Failures, SignInError>> {
    let found = failures(file, name)?;
    let before = found.unwrap_or_default();
    if let Some(wait) = before.wait_ms(WITH_NAMES, now) {
        return Ok(Err(SignInError::Paused(wait)));
    }
    let known = one(file, name)?.is_some();
    if found.is_none() && !known {
        let failing: u32 = file.prepare_cached(FAILING)?.query_one([], |row| row.get(0))?;
        if failing >= limits::FAILING_NAMES {
            file.prepare_cached(FORGET_OLDEST)?.execute([])?;
        }
    }
    let failures = before.more(now);
    let row = params![name, failures.count, failures.last.0, known];
    file.prepare_cached(FAIL)?.execute(row)?;
    Ok(Ok(before))
}

/// Whether what was proved still holds: while a password was hashed, somebody may have been given another one, or have
/// been shut out.
fn still(file: &Connection, proved: &Known) -> rusqlite::Result<bool> {
    let now = one(file, &proved.operator.name)?;
    Ok(now.is_some_and(|now| now.password == proved.password && !now.operator.disabled))
}

impl Operators {
    /// Signs somebody in whose password is right; if codes are asked of them, the session opens nothing yet. Failures are
    /// counted by name and by address, and written down.
    ///
    /// # Errors
    /// Says why nobody signed in, and not more than that.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: IpAddr,
        now: Moment,
    ) -> Result<SignedIn, SignInError> {
        let known = self.prove(name, password, &Besides::Nothing, address, now).await?;
        let (token, needs_code) = (Token::made(&self.dice), known.operator.has_totp);
        let by = By { who: known.operator.name.clone(), address: Some(address) };
        let made = token.clone();
        self.file
            .write("sign somebody in", move |file| {
                if !still(file, &known)? {
                    return Ok(Err(SignInError::Wrong));
                }
                begin(file, &made, &by.who, !needs_code, now)?;
                if !needs_code {
                    audit::add(file, &by, &signing(Act::SignIn, "", Outcome::Done), now)?;
                }
                Ok(Ok::<_, SignInError>(()))
            })
            .await?;
        Ok(SignedIn { token, needs_code })
    }

    /// Takes the code of somebody whose password was right, and gives them a session.
    ///
    /// # Errors
    /// Says why nobody signed in. [`SignInError::Wrong`] also when it took too long.
    pub async fn give_code(
        &self,
        token: &Token,
        code: &str,
        vault: &Vault,
        address: IpAddr,
        now: Moment,
    ) -> Result<Token, SignInError> {
        let seated = self.seated(token, now)?.filter(|seated| !seated.proved);
        let name = seated.ok_or(SignInError::Wrong)?.name;
        self.admit(&name, address, now).await?;
        let known = self.file.read(|file| one(file, &name))?.ok_or(SignInError::Wrong)?;
        if !self.takes_code(&known, code, vault, now).await? {
            return Err(self.failed(&name, "code", address, now).await);
        }
        self.forgive(&name, address).await?;
        let (made, old) = (Token::made(&self.dice), token.id());
        let (new, by) = (made.clone(), By { who: name, address: Some(address) });
        self.file
            .write("sign somebody in", move |file| {
                // Whoever was shut out meanwhile, or gave the same code twice at once, has none.
                if file.prepare_cached(END)?.execute([old.0])? != 1 {
                    return Ok(Err(SignInError::Wrong));
                }
                begin(file, &new, &by.who, true, now)?;
                audit::add(file, &by, &signing(Act::SignIn, "with code", Outcome::Done), now)?;
                Ok(Ok::<_, SignInError>(()))
            })
            .await?;
        Ok(made)
    }

    /// Whose session this is, unless it is over.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seated(&self, token: &Token, now: Moment) -> Result<Option<Seated>, StoreFault> {
        let session = token.id();
        let found = |row: &Row<'_>| {
            let role: i64 = row.get(1)?;
            let (began, seen) = (Moment(row.get(5)?), Moment(row.get(6)?));
            let life = Life { began, seen, proved: row.get(4)? };
            let role = Role::ALL.into_iter().find(|known| known.number() == role);
            let seated = Seated {
                name: row.get(0)?,
                role: role.unwrap_or(Role::Viewer),
                must_change: row.get(2)?,
                proved: life.proved,
                session,
                stale: life.is_stale(now),
            };
            let over = row.get(3)? || life.is_over(now);
            Ok((!over).then_some(seated))
        };
        let found = self
            .file
            .read(|file| file.prepare_cached(SESSION)?.query_one([session.0], found).optional())?;
        Ok(found.flatten())
    }

    /// Writes down that somebody was here, so that the session goes on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn touch(&self, session: SessionId, now: Moment) -> Result<(), StoreFault> {
        self.file
            .write("keep a session", move |file| {
                file.prepare_cached(TOUCH)?.execute(params![session.0, now.0])?;
                Ok(Ok(()))
            })
            .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn sign_out(
        &self,
        by: &By,
        session: SessionId,
        now: Moment,
    ) -> Result<(), StoreFault> {
        let by = by.clone();
        self.file
            .write("sign somebody out", move |file| {
                file.prepare_cached(END)?.execute([session.0])?;
                audit::add(file, &by, &signing(Act::SignOut, "", Outcome::Done), now)?;
                Ok(Ok(()))
            })
            .await
    }

    /// The open sessions of somebody, the one used last first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sessions(&self, name: &str, now: Moment) -> Result<Vec<Open>, StoreFault> {
        let open = |row: &Row<'_>| {
            let (began, seen) = (Moment(row.get(1)?), Moment(row.get(2)?));
            Ok(Open { session: SessionId(row.get(0)?), began, seen })
        };
        let all: Vec<Open> = self
            .file
            .read(|file| file.prepare_cached(SESSIONS_OF)?.query_map([name], open)?.collect())?;
        let lasts =
            |open: &Open| !Life { began: open.began, seen: open.seen, proved: true }.is_over(now);
        Ok(all.into_iter().filter(lasts).collect())
    }

    /// How long nobody can sign in under a name yet, in milliseconds, because of failures.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn paused(&self, name: &str, now: Moment) -> Result<Option<i64>, StoreFault> {
        let counted = self.file.read(|file| failures(file, name))?;
        Ok(counted.and_then(|counted| counted.wait_ms(WITH_NAMES, now)))
    }

    /// Ends all sessions of whoever does this but the one they do it in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn end_other_sessions(
        &self,
        by: &By,
        session: SessionId,
        now: Moment,
    ) -> Result<(), StoreFault> {
        let by = by.clone();
        self.file
            .write("end sessions", move |file| {
                file.prepare_cached(END_OTHERS)?.execute(params![&*by.who, session.0])?;
                let entry = signing(Act::SignOut, "everywhere else", Outcome::Done);
                audit::add(file, &by, &entry, now)?;
                Ok(Ok(()))
            })
            .await
    }

    /// Gives somebody who knows the old password a new one, ends all their sessions, and begins another.
    ///
    /// # Errors
    /// As [`Operators::sign_in`].
    pub async fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &Password,
        address: IpAddr,
        now: Moment,
    ) -> Result<Token, SignInError> {
        let known = self.prove(name, old, &Besides::Nothing, address, now).await?;
        let hash = self.hasher.hash(new, &self.dice).await?;
        let made = Token::made(&self.dice);
        let by = By { who: known.operator.name.clone(), address: Some(address) };
        let token = made.clone();
        self.file
            .write("change a password", move |file| {
                if !still(file, &known)? {
                    return Ok(Err(SignInError::Wrong));
                }
                let name = &by.who;
                file.prepare_cached(SET_PASSWORD)?.execute(params![name, hash, false])?;
                file.prepare_cached(FORGIVE)?.execute([name])?;
                file.prepare_cached(END_SESSIONS)?.execute([name])?;
                begin(file, &token, name, true, now)?;
                audit::add(file, &by, &done(Act::Password, name, String::new()), now)?;
                Ok(Ok::<_, SignInError>(()))
            })
            .await?;
        Ok(made)
    }

    /// No longer asks somebody for codes who gives the password and one last code.
    ///
    /// # Errors
    /// As [`Operators::sign_in`].
    pub async fn give_up_totp(
        &self,
        name: &str,
        password: &str,
        code: &str,
        vault: &Vault,
        address: IpAddr,
        now: Moment,
    ) -> Result<(), SignInError> {
        let besides = Besides::Code(code, vault);
        let known = self.prove(name, password, &besides, address, now).await?;
        let by = By { who: known.operator.name.clone(), address: Some(address) };
        self.file
            .write("no longer ask for codes", move |file| {
                if !still(file, &known)? {
                    return Ok(Err(SignInError::Wrong));
                }
                file.prepare_cached(FORGET_TOTP)?.execute([&by.who])?;
                let entry = done(Act::TotpRemoved, &by.who, String::new());
                audit::add(file, &by, &entry, now)?;
                Ok(Ok(()))
            })
            .await
    }

    /// Somebody who has this password, and may sign in. Takes as long, and says the same, for a name that is nobody's.
    async fn prove(
        &self,
        name: &str,
        password: &str,
        besides: &Besides<'_>,
        address: IpAddr,
        now: Moment,
    ) -> Result<Known, SignInError> {
        let tried = self.admit(name, address, now).await?;
        // What cannot be a password is not hashed: it may be very long.
        let password: String = password.chars().take(Password::MAX.saturating_add(1)).collect();
        let known = self.file.read(|file| one(file, name))?;
        let hash = known.as_ref().map(|known| known.password.as_str());
        let right = match self.hasher.is(&password, hash).await {
            Ok(right) => right,
            Err(unhashed) => {
                self.take_back(name, tried).await?;
                return Err(unhashed.into());
            }
        };
        let (known, why) = match known {
            None => (None, "unknown name"),
            Some(known) if !right => (Some(known), "password"),
            Some(known) if known.operator.disabled => (Some(known), "disabled"),
            Some(known) => match besides {
                Besides::Code(code, vault) if known.operator.has_totp => {
                    match self.takes_code(&known, code, vault, now).await? {
                        true => (Some(known), ""),
                        false => (Some(known), "code"),
                    }
                }
                _ => (Some(known), ""),
            },
        };
        let known = match known {
            Some(known) if why.is_empty() => known,
            known => {
                // A name that is nobody's is not written down: it may be a password in the wrong place.
                let who = known.map(|known| known.operator.name).unwrap_or_default();
                return Err(self.failed(&who, why, address, now).await);
            }
        };
        match besides {
            // Half of the proof forgives nothing: otherwise who has the password could guess codes without end.
            Besides::Nothing if known.operator.has_totp => self.take_back(name, tried).await?,
            _ => self.forgive(name, address).await?,
        }
        Ok(known)
    }

    /// Whether this is somebody's code of now, and the first time that it is given.
    async fn takes_code(
        &self,
        known: &Known,
        code: &str,
        vault: &Vault,
        now: Moment,
    ) -> Result<bool, SignInError> {
        let Some(sealed) = &known.totp else { return Ok(false) };
        let name = known.operator.name.clone();
        let secret = vault.unseal(sealed, &totp_owner(&name))?;
        let secret = TotpSecret::parse(&secret).ok_or(VaultError::Sealed)?;
        let Some(step) = secret.step(code.trim(), now, known.totp_step) else { return Ok(false) };
        self.file
            .write("take a code", move |file| {
                let taken = file.prepare_cached(TAKE_STEP)?.execute(params![name, step])?;
                Ok(Ok(taken == 1))
            })
            .await
    }

    async fn admit(&self, name: &str, address: IpAddr, now: Moment) -> Result<Tried, SignInError> {
        let of_address = self.addresses.admit(address, now).map_err(SignInError::Paused)?;
        let tried = Tried { address, at: now, of_address, of_name: None };
        // What cannot be anybody's name has no pauses of its own; those of the address remain.
        let Some(name) = Name::parse(name) else { return Ok(tried) };
        let admitted =
            self.file.write("count a try", move |file| admit(file, name.as_str(), now)).await;
        match admitted {
            Ok(before) => Ok(Tried { of_name: Some(before), ..tried }),
            Err(error) => {
                // Nothing was tried.
                self.addresses.take_back(address, now, of_address);
                Err(error)
            }
        }
    }

    async fn take_back(&self, name: &str, tried: Tried) -> Result<(), StoreFault> {
        let Tried { address, at, of_address, of_name } = tried;
        self.addresses.take_back(address, at, of_address);
        let (name, before) = (name.to_owned(), of_name.unwrap_or_default());
        self.file
            .write("count tries", move |file| {
                if let Some(counted) = failures(file, &name)? {
                    let left = counted.without(at, before);
                    let row = params![name, left.count, left.last.0];
                    file.prepare_cached(SET_FAILURES)?.execute(row)?;
                }
                Ok(Ok(()))
            })
            .await
    }

    async fn forgive(&self, name: &str, address: IpAddr) -> Result<(), StoreFault> {
        self.addresses.forgive(address);
        let name = name.to_owned();
        self.file
            .write("count tries", move |file| {
                file.prepare_cached(FORGIVE)?.execute([name])?;
                Ok(Ok(()))
            })
            .await
    }

    /// Writes a failure down.
    async fn failed(&self, who: &str, why: &str, address: IpAddr, now: Moment) -> SignInError {
        let by = By { who: who.into(), address: Some(address) };
        match self.record(&by, signing(Act::SignIn, why, Outcome::Failed), now).await {
            Ok(()) => SignInError::Wrong,
            Err(fault) => fault.into(),
        }
    }
}

fn signing(act: Act, detail: &str, outcome: Outcome) -> Entry {
    Entry { act, about: About::Nothing, detail: detail.to_owned(), outcome }
}
