//! The files of a data directory: who may open them, in which version, with which connections.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::super::StoreFault;
use crate::limits;

/// Why a store was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A gateway runs on the directory.
    #[error("{} is in use by another gateway: stop that one, or choose another data directory", dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// There is nothing to read yet.
    #[error("there is no store in {}: check the directory, or start the gateway once to make one", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// The store was written by a newer program.
    #[error(
        "{} has version {found} and this program knows versions up to {known}: start the newer program that \
         wrote it; nothing was changed", file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The last version this program knows.
        known: u32,
    },
    /// The store was written by an older program, and is only to be read now.
    #[error(
        "{} has version {found} and this program reads version {known}: start the gateway once, it brings the \
         file up to date", file.display()
    )]
    Older {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The version this program reads.
        known: u32,
    },
    /// The store belongs to another environment.
    #[error(
        "{} belongs to the environment `{found}`, not to `{asked}`: start with `{found}`, or choose another \
         data directory", dir.display()
    )]
    OtherEnvironment {
        /// The data directory.
        dir: PathBuf,
        /// The environment it was made for.
        found: String,
        /// The environment that was asked for.
        asked: String,
    },
    /// A record of the journal cannot be read or cannot follow on the records before it.
    #[error(
        "{} row {seq}: {why}: do not start a gateway on it; put back a copy of the file from a backup", file.display()
    )]
    Journal {
        /// The file.
        file: PathBuf,
        /// The number of the row.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The journal ends before the last record that is in the view.
    #[error(
        "{} ends at record {last}, but record {folded} has been seen: records are lost; put back the whole \
         file from a backup", file.display()
    )]
    Short {
        /// The file.
        file: PathBuf,
        /// Its last record.
        last: u64,
        /// The last record that is in the view.
        folded: u64,
    },
    /// A file or directory could not be made, opened or locked.
    #[error("{}: {source}", path.display())]
    Io {
        /// What could not be opened.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite could not open, read or migrate a file.
    #[error("{}: {source}", file.display())]
    Sqlite {
        /// The file.
        file: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The store broke while it was opened.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// A file of the store, and the steps that make it from nothing.
pub(crate) struct Schema {
    file: &'static str,
    /// What makes version n + 1 of version n. Steps are only ever added.
    steps: &'static [&'static str],
}

/// The truth.
pub(super) const JOURNAL: Schema =
    Schema { file: "journal.db", steps: &[include_str!("../../migrations/journal-1.sql")] };

/// What follows from the truth, for finding it.
pub(super) const BILLS: Schema = Schema {
    file: "bills.db",
    steps: &[
        include_str!("../../migrations/bills-1.sql"),
        include_str!("../../migrations/bills-2.sql"),
    ],
};

/// Who may call, and settings.
pub(super) const REGISTRY: Schema =
    Schema { file: "registry.db", steps: &[include_str!("../../migrations/registry-1.sql")] };

/// What merchants are told.
pub(crate) const NOTICES: Schema =
    Schema { file: "notices.db", steps: &[include_str!("../../migrations/notices-1.sql")] };

/// Which bills there are.
pub(crate) const FINDER: Schema =
    Schema { file: "finder.db", steps: &[include_str!("../../migrations/finder-1.sql")] };

/// Who may use the console, and what was done there.
pub(crate) const CONSOLE: Schema =
    Schema { file: "console.db", steps: &[include_str!("../../migrations/console-1.sql")] };

const LOCK: &str = "LOCK";

/// Whether what is committed survives a power cut at once, or only what is derived from it does.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// Synced with every commit.
    Full,
    /// Whole after a power cut, but perhaps older: synced only when the log is written back.
    Whole,
}

/// Makes the directory, for its owner only, if it is not there.
pub(crate) fn make_directory(dir: &Path) -> Result<(), OpenError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| OpenError::Io { path: dir.to_owned(), source })
}

/// Makes the file, for its owner only, if it is not there. What SQLite puts beside it gets the same mode.
fn make_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })
}

/// Takes the directory for one gateway. The system gives it back when the file is closed, however the
/// process ends.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let file = make_file(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// Whether a gateway runs on the directory. Asked by taking the lock and giving it back at once.
pub(crate) fn in_use(dir: &Path) -> Result<bool, OpenError> {
    // Whoever only asks makes nothing.
    if !dir.join(LOCK).exists() {
        return Ok(false);
    }
    match lock(dir) {
        Ok(_) => Ok(false),
        Err(OpenError::InUse { .. }) => Ok(true),
        Err(other) => Err(other),
    }
}

impl Schema {
    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        dir.join(self.file)
    }

    fn known(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// Refuses a file that a newer program wrote. Changes nothing, so that all files can be asked before
    /// the first one is migrated.
    pub(super) fn refuse_newer(&self, dir: &Path) -> Result<(), OpenError> {
        let file = self.path(dir);
        if !file.exists() {
            return Ok(());
        }
        let (found, known) = (version(&open_reader(&file)?, &file)?, self.known());
        if found > known { Err(OpenError::Newer { file, found, known }) } else { Ok(()) }
    }

    /// Refuses a file that is not exactly of the version this program reads.
    pub(crate) fn refuse_other(&self, dir: &Path) -> Result<(), OpenError> {
        self.refuse_newer(dir)?;
        let file = self.path(dir);
        if !file.exists() {
            return Err(OpenError::Missing { dir: dir.to_owned() });
        }
        let (found, known) = (version(&open_reader(&file)?, &file)?, self.known());
        if found == known { Ok(()) } else { Err(OpenError::Older { file, found, known }) }
    }

    /// The same in memory, gone with the connection.
    pub(crate) fn in_memory(&self) -> Connection {
        let file = Connection::open_in_memory().expect("SQLite needs no disk for a file in memory");
        for step in self.steps {
            file.execute_batch(step).expect("the steps of a schema fit an empty file");
        }
        file.set_prepared_statement_cache_capacity(32);
        file
    }

    /// Opens the file for writing, made and migrated as needed. Two programs may do so at once.
    pub(crate) fn open_writer(
        &self,
        dir: &Path,
        durability: Durability,
    ) -> Result<Connection, OpenError> {
        let file = self.path(dir);
        make_file(&file)?;
        let mut connection = open(&file)?;
        let failed = |source| OpenError::Sqlite { file: file.clone(), source };
        let mode = match durability {
            Durability::Full => "FULL",
            Durability::Whole => "NORMAL",
        };
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", mode).map_err(failed)?;
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(failed)?;
        let (found, known) = (version(&transaction, &file)?, self.known());
        if found > known {
            return Err(OpenError::Newer { file, found, known });
        }
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        for step in self.steps.iter().skip(done) {
            transaction.execute_batch(step).map_err(failed)?;
        }
        if found < known {
            transaction.pragma_update(None, "user_version", known).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        // The file's name must survive a power cut too, not only its content.
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        Ok(connection)
    }
}

fn version(connection: &Connection, file: &Path) -> Result<u32, OpenError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    version.map_err(|source| OpenError::Sqlite { file: file.to_owned(), source })
}

fn open(file: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite { file: file.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(limits::FILE_BUSY).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that cannot change the file.
pub(super) fn open_reader(file: &Path) -> Result<Connection, OpenError> {
    let connection = open(file)?;
    let failed = |source| OpenError::Sqlite { file: file.to_owned(), source };
    leave_log(&connection).map_err(failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(connection)
}

/// Lets a connection leave the log beside the file as it is, even when it is the last to close. Otherwise it would copy
/// the log back and remove it, also one that is broken: all that is left of what was committed last.
pub(crate) fn leave_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
}

/// Connections for reading one file. Nobody waits for one: whoever finds none free opens another.
pub(crate) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(schema: &Schema, dir: &Path) -> Self {
        Self { file: schema.path(dir), idle: Mutex::default() }
    }

    /// Reads with one of the connections.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken in a statement of its own, so that nobody waits for the lock while this one reads.
        let free = idle().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.open()?,
        };
        let found = read(&connection);
        let mut idle = idle();
        if idle.len() < limits::IDLE_READERS {
            idle.push(connection);
        }
        found
    }

    /// A connection of one's own.
    pub(super) fn open(&self) -> Result<Connection, StoreFault> {
        open_reader(&self.file).map_err(StoreFault::new)
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Says what was being done when SQLite failed.
pub(crate) fn failed(doing: impl fmt::Display) -> impl Fn(rusqlite::Error) -> StoreFault {
    move |error| StoreFault::new(format_args!("{doing}: {error}"))
}

/// A count in SQLite's words: it counts with a sign.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count from SQLite. It never wrote a negative one.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Copies a file's log back into the file, as far as the mode goes: `PASSIVE` waits for nobody, `RESTART`
/// waits for readers so that the log begins anew, `TRUNCATE` also gives its room back.
pub(super) fn write_back(connection: &Connection, mode: &str) -> Result<(), StoreFault> {
    // Its answer is how far it came. Less than everything is no fault: the next time is soon.
    let written = connection.pragma(None, "wal_checkpoint", mode, |_| Ok(()));
    written.map_err(failed("write the log back"))
}

/// Lets the file grow to so many pages and no more.
pub(super) fn limit(connection: &Connection, pages: Option<u32>) -> Result<(), StoreFault> {
    let Some(pages) = pages else { return Ok(()) };
    let limited = connection.pragma(None, "max_page_count", pages, |_| Ok(()));
    limited.map_err(failed("limit the file"))
}
