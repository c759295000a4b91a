//! `console.db`, synced with every change; also written by commands beside a running gateway. In memory for a gateway that is
//! thrown away.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

use crate::store::{
    OpenError, StoreFault,
    files::{CONSOLE, Durability, Readers, failed, make_directory},
};

pub(super) struct File {
    writer: Arc<Mutex<Connection>>,
    /// None in memory, where there is one connection.
    reader: Option<Readers>,
}

impl File {
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        make_directory(dir)?;
        let writer = CONSOLE.open_writer(dir, Durability::Full)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), reader: Some(Readers::new(&CONSOLE, dir)) })
    }

    pub(super) fn in_memory() -> Self {
        let writer = CONSOLE.in_memory();
        Self { writer: Arc::new(Mutex::new(writer)), reader: None }
    }

    /// Changes the file in one transaction, on a thread that may wait: it syncs, and another process may hold the file.
    /// When the change is refused nothing of it stays.
    pub(super) async fn write<T: Send + 'static, E: From<StoreFault> + Send + 'static>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        let writer = self.writer.clone();
        let write = move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction =
                writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let done = change(&transaction)?;
            if done.is_ok() {
                transaction.commit()?;
            }
            Ok(done)
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(StoreFault::new)?;
        written.map_err(failed(format_args!("{doing} in console.db")))?
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFault> {
        let failed = failed("read console.db");
        match &self.reader {
            Some(reader) => reader.with(|reader| read(reader).map_err(failed)),
            None => {
                read(&self.writer.lock().unwrap_or_else(PoisonError::into_inner)).map_err(failed)
            }
        }
    }
}
