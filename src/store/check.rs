//! Whether a file is sound: what `SQLite` says of its pages and rows, and what its tables say of each other. Nothing in it
//! is trusted or run.

use std::path::Path;

use super::{Store, StoreError, told};

impl Store {
    /// Opens a packed file for reading, and never writes a byte of it or beside it. Others must not write it meanwhile.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn packed(path: &Path) -> Result<Store, StoreError> {
        super::open::read_immutable(path)
    }

    /// What `SQLite` finds wrong with the file's pages and rows, a hundred findings at most; none in a sound file.
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub fn damage(&self) -> Result<Vec<String>, StoreError> {
        let found = || {
            let mut found: Vec<String> = self
                .connection
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            found.retain(|line| line != "ok");
            Ok(found)
        };
        found().map_err(told(&self.path))
    }
}
