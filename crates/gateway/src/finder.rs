//! The finder: which bills there are, by whatever people remember of them. It follows from the journal, in a file of its
//! own that may be deleted.

use std::path::Path;

use crate::store::OpenError;

/// The index of all bills: `finder.db`.
#[derive(Debug, Default)]
pub struct Finder {}

impl Finder {
    /// That of a data directory.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(_dir: &Path) -> Result<Self, OpenError> {
        Ok(Self {})
    }

    /// In memory, for a gateway that is thrown away.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {}
    }
}
