//! The file itself, apart from what it holds: its format, its size, what lies beside it. Reads no candle.

use std::fs;

use crate::run::path::beside;
use crate::store::file::held::{Held, Journal};
use crate::store::file::path::is_there;
use crate::store::{Seal, Store, StoreError, told};

/// The file itself.
#[derive(Clone, Debug)]
pub struct FileInfo {
    /// Its format, as it was found.
    pub format: i32,
    /// Its size, without what lies beside it.
    pub bytes: u64,
    /// Size of the write-ahead log beside it, 0 where there is none.
    pub wal_bytes: u64,
    /// Whether there is one, be it empty: a program uses the file, or was killed while it did.
    pub has_wal: bool,
    /// SQLite's journal mode: `wal` while the file is written, `delete` at rest.
    pub journal_mode: String,
    /// Size of a page in bytes.
    pub page_size: u32,
    /// Pages that hold nothing.
    pub free_pages: u32,
    /// What a packed file says of itself; `None` for a working one.
    pub seal: Option<Seal>,
}

impl Store {
    /// The file itself.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn info(&self) -> Result<FileInfo, StoreError> {
        let told = told(&self.path);
        let size = |path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get(0))
                .map_err(told)
        };
        Ok(FileInfo {
            format: self.format,
            bytes: size(self.real.clone()),
            wal_bytes: size(beside(&self.real, "-wal")),
            has_wal: is_there(&self.real, "-wal"),
            journal_mode: self.journal_mode().map_err(told)?,
            page_size: pragma("page_size")?,
            free_pages: pragma("freelist_count")?,
            seal: self.seal()?,
        })
    }

    /// What stands in the file, also where it was opened so that SQLite needs no journal.
    fn journal_mode(&self) -> rusqlite::Result<String> {
        if self.connection.is_readonly("main")? {
            let journal = self.connection.held().map(Held::journal);
            return Ok(match journal {
                Some(Journal::Wal) => "wal",
                _ => "delete",
            }
            .to_owned());
        }
        self.connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
    }
}
