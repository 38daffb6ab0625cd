//! The bytes of a file, read beside SQLite by the one handle that the process has of it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::store::file::held::Held;
use crate::store::{Store, StoreError};

/// The bytes of a file, from its start on.
pub(crate) struct Bytes {
    held: Held,
    at: u64,
}

impl Store {
    /// The bytes of a file that may be open.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn bytes(path: &Path) -> Result<Bytes, StoreError> {
        let held = Held::of(path).map_err(|error| StoreError::unreadable(path, &error))?;
        Ok(Bytes { held, at: 0 })
    }
}

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.held.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Bytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let found = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.held.metadata()?.len().checked_add_signed(by),
        };
        self.at = found.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
