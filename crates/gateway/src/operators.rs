//! Operators: who may use the console, and what they did there.

use std::path::Path;

use crate::store::OpenError;

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
    /// For people, in English and Chinese.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Viewer => ("viewer", "查看员"),
            Self::Operator => ("operator", "操作员"),
            Self::Administrator => ("administrator", "管理员"),
        }
    }
}

/// The operators of a gateway: `console.db`.
#[derive(Debug, Default)]
pub struct Operators {}

impl Operators {
    /// Those of a data directory.
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
