//! `registry.db`: apps, merchants, settings; also written by commands beside a running gateway.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, params};

use super::{
    super::{Kind, StoreFault},
    files::{Durability, OpenError, REGISTRY, failed, make_directory, open_reader, unsigned},
};

const ALL: &str = "SELECT id, record FROM registry WHERE kind = ?1 ORDER BY id";
const PUT: &str = "INSERT INTO registry (kind, id, record) VALUES (?1, ?2, ?3)
    ON CONFLICT (kind, id) DO UPDATE SET record = excluded.record";
const REMOVE: &str = "DELETE FROM registry WHERE kind = ?1 AND id = ?2";
const PUT_FIRST: &str = "INSERT INTO registry (kind, id, record) VALUES (?1, ?2, ?3)
    ON CONFLICT (kind, id) DO NOTHING";
const PUT_IF: &str = "UPDATE registry SET record = ?3 WHERE kind = ?1 AND id = ?2 AND record = ?4";
const GET: &str = "SELECT record FROM registry WHERE kind = ?1 AND id = ?2";

/// The setting that says which environment the store was made for.
pub const ENVIRONMENT: &str = "environment";

/// The registry of a data directory. Any number of programs may have it open.
pub struct Registry {
    // Apart, so that nobody who reads waits for a sync.
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl Registry {
    /// Opens the registry, made if it is not there, for that environment.
    ///
    /// # Errors
    /// Refuses a registry of another environment and one that a newer program wrote.
    pub fn open(dir: &Path, environment: &str) -> Result<Self, OpenError> {
        make_directory(dir)?;
        let writer = REGISTRY.open_writer(dir, Durability::Full)?;
        let find = || {
            let key = (Kind::Setting.name(), ENVIRONMENT);
            writer.execute(PUT_FIRST, params![key.0, key.1, environment])?;
            writer.query_one(GET, key, |row| row.get(0))
        };
        let found: String =
            find().map_err(|source| OpenError::Sqlite { file: REGISTRY.path(dir), source })?;
        if found != environment {
            let (dir, asked) = (dir.to_owned(), environment.to_owned());
            return Err(OpenError::OtherEnvironment { dir, found, asked });
        }
        let reader = open_reader(&REGISTRY.path(dir))?;
        Ok(Self { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }

    /// The registry that is there, for looking only.
    pub(super) fn read_only(dir: &Path) -> Result<Self, OpenError> {
        let reader = || open_reader(&REGISTRY.path(dir)).map(Mutex::new);
        Ok(Self { reader: reader()?, writer: reader()? })
    }

    /// All records of a kind, by id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn all(&self, kind: Kind) -> Result<Vec<(String, String)>, StoreFault> {
        let reader = locked(&self.reader);
        let read = || {
            let mut all = reader.prepare_cached(ALL)?;
            all.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        let all: rusqlite::Result<_> = read();
        all.map_err(failed("read registry.db"))
    }

    /// One record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn one(&self, kind: Kind, id: &str) -> Result<Option<String>, StoreFault> {
        let reader = locked(&self.reader);
        let read = || {
            let mut one = reader.prepare_cached(GET)?;
            let mut rows = one.query([kind.name(), id])?;
            rows.next()?.map(|row| row.get(0)).transpose()
        };
        let one: rusqlite::Result<_> = read();
        one.map_err(failed("read registry.db"))
    }

    /// Writes one record durably, or removes it with `None`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn register(&self, kind: Kind, id: &str, record: Option<&str>) -> Result<(), StoreFault> {
        let writer = locked(&self.writer);
        let written = match record {
            Some(record) => writer.execute(PUT, params![kind.name(), id, record]),
            None => writer.execute(REMOVE, params![kind.name(), id]),
        };
        written
            .map(drop)
            .map_err(failed(&format_args!("write {} `{id}` to registry.db", kind.name())))
    }

    /// Writes one record durably if it still is what was `seen`, and answers whether it was.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace(
        &self,
        kind: Kind,
        id: &str,
        seen: Option<&str>,
        record: &str,
    ) -> Result<bool, StoreFault> {
        let writer = locked(&self.writer);
        let written = match seen {
            None => writer.execute(PUT_FIRST, params![kind.name(), id, record]),
            Some(seen) => writer.execute(PUT_IF, params![kind.name(), id, record, seen]),
        };
        written
            .map(|rows| rows > 0)
            .map_err(failed(&format_args!("write {} `{id}` to registry.db", kind.name())))
    }

    /// A number that changes whenever the registry does, also by another process.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version(&self) -> Result<u64, StoreFault> {
        // Tells of what other connections wrote, and the writer is another one.
        let version =
            locked(&self.reader).pragma_query_value(None, "data_version", |row| row.get(0));
        version.map(unsigned).map_err(failed("read registry.db"))
    }
}

fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
