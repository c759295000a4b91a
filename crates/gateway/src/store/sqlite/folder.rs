//! The one thread that folds the journal into the view, and writes the logs of both files back.

use std::{
    mem,
    sync::{Arc, PoisonError},
};

use rusqlite::Connection;

use super::{super::StoreFault, Base, End, Rhythm, files::write_back, layer::Layer, view};
use crate::limits;

/// The folder with its connections.
pub(super) struct Folder {
    base: Arc<Base>,
    view: Connection,
    journal: Connection,
    /// Rows of the view that were written since its log was written back.
    rows: usize,
    /// Records of the journal that were folded since its log was written back.
    records: usize,
}

impl Folder {
    pub(super) fn new(base: Arc<Base>, view: Connection) -> Result<Self, StoreFault> {
        let journal = base.journal.open()?;
        Ok(Self { base, view, journal, rows: 0, records: 0 })
    }

    /// Folds until the store ends.
    pub(super) fn run(mut self, rhythm: Rhythm) {
        loop {
            let end = self.wait(rhythm);
            if end == Some(End::Dropped) || self.base.fault.get().is_some() {
                return;
            }
            if let Err(fault) = self.fold().and_then(|()| self.write_back(end)) {
                self.base.stop(fault);
                return;
            }
            if end.is_some() {
                return;
            }
        }
    }

    fn wait(&self, rhythm: Rhythm) -> Option<End> {
        let idle = |pace: &mut super::Pace| {
            let enough = self.base.unfolded() >= rhythm.commits;
            !enough && pace.end.is_none() && self.base.fault.get().is_none()
        };
        // How long it waits decides nothing but when work is done, so this is not the business of a clock.
        let waited = self.base.paced.wait_timeout_while(self.base.pace(), rhythm.pace, idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.end
    }

    fn fold(&mut self) -> Result<(), StoreFault> {
        let layer = {
            let mut overlay = self.base.overlay_mut();
            if overlay.active.is_empty() {
                return Ok(());
            }
            let next = Layer::after(overlay.active.last());
            overlay.folding = Arc::new(mem::replace(&mut overlay.active, next));
            overlay.folding.clone()
        };
        // Between the two nobody can look at the overlay and then miss the call.
        drop(self.base.pace());
        self.base.paced.notify_all();
        view::fold(&self.view, &layer)?;
        self.rows = self.rows.saturating_add(layer.rows());
        self.records = self.records.saturating_add(layer.commits());
        let before = {
            let mut overlay = self.base.overlay_mut();
            overlay.folding = Arc::default();
            overlay.folds = overlay.folds.wrapping_add(1);
            mem::replace(&mut overlay.folded, layer)
        };
        // Freed when nobody waits for the overlay any more.
        drop(before);
        Ok(())
    }

    fn write_back(&mut self, end: Option<End>) -> Result<(), StoreFault> {
        if end.is_some() {
            write_back(&self.view, "TRUNCATE")?;
            return write_back(&self.journal, "TRUNCATE");
        }
        if self.rows >= limits::VIEW_LOG_ROWS {
            write_back(&self.view, "RESTART")?;
            self.rows = 0;
        }
        if self.records >= limits::JOURNAL_LOG_RECORDS {
            // Nearly all of it here; the writer adds what came meanwhile, and then its log begins anew.
            write_back(&self.journal, "PASSIVE")?;
            self.records = 0;
            self.base.pace().log_due = true;
        }
        Ok(())
    }
}
