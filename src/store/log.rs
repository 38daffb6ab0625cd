//! The write-ahead log, kept small. `SQLite` checkpoints by itself after each commit that finds many pages in the log, but
//! begins it anew only in a moment without a reader; readers that come and go may never leave one.

use std::fs;
use std::time::Duration;

use super::path::beside;
use super::{BUSY_TIMEOUT, Store};

/// From this size on readers are asked to make way.
pub(super) const LARGE: u64 = 24 << 20;
/// How long for: a reader that stays must not hold the writer.
const WAIT: Duration = Duration::from_millis(500);

impl Store {
    /// Whether a write-ahead log with anything in it lies beside the file.
    pub fn has_log(&self) -> bool {
        self.log_size() > 0
    }

    fn log_size(&self) -> u64 {
        fs::metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len())
    }

    /// Empties the log when it has grown large, between two transactions. Where a reader stays, it is tried again when the
    /// log has doubled, so that waiting stays a small part of the work.
    pub fn bound_log(&mut self) {
        let size = self.log_size();
        if size < self.log_bound {
            return;
        }
        // What was committed is safe wherever it stands: a checkpoint that fails is made up for by the next.
        let _ = self.connection.busy_timeout(WAIT);
        let emptied = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                Ok(row.get::<_, i64>(0)? == 0)
            });
        let _ = self.connection.busy_timeout(BUSY_TIMEOUT);
        self.log_bound = if emptied.unwrap_or(false) {
            LARGE
        } else {
            2 * size
        };
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_large_log_is_emptied_once_no_reader_is_in_its_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("market.db");
        let mut store = Store::create(&path).expect("a file");
        let size = || fs::metadata(beside(&path, "-wal")).map_or(0, |log| log.len());
        let sql = "CREATE TABLE room (bytes BLOB)";
        store.connection.execute_batch(sql).expect("a table");
        let reader = Connection::open(&path).expect("a reader");
        let sql = "BEGIN; SELECT count(*) FROM series";
        reader.execute_batch(sql).expect("a snapshot");
        let sql = "INSERT INTO room VALUES (zeroblob(1048576))";
        while size() < LARGE {
            store.connection.execute_batch(sql).expect("room");
            store.bound_log();
        }
        let grown = size();
        store.bound_log();
        assert_eq!((size(), store.log_bound), (grown, 2 * grown), "a reader");
        reader.execute_batch("COMMIT").expect("its end");
        store.log_bound = grown;
        store.bound_log();
        assert_eq!((size(), store.log_bound), (0, LARGE), "no reader");
    }
}
