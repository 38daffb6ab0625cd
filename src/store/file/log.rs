//! The write-ahead log, kept small. `SQLite` checkpoints by itself after each commit that finds many pages in the log, but
//! begins it anew only in a moment without a reader; readers that come and go may never leave one.

use std::fs;
use std::time::{Duration, Instant};

use crate::run::clock::Cancel;
use crate::run::path::beside;
use crate::store::{BUSY_TIMEOUT, Store};

/// From this size on readers are asked to make way.
pub(in crate::store) const LARGE: u64 = 24 << 20;
/// How long for: a reader that stays must not hold the writer.
const SHORT: Duration = Duration::from_millis(500);
/// From this size on it is better to hold the writer than to write on.
const TOO_LARGE: u64 = 64 << 20;
/// How long for: whoever reads for a few seconds is gone by then, and so is whoever began meanwhile. Those who come after
/// them read the file alone, since nothing is left in the log that it lacks.
const LONG: Duration = Duration::from_secs(12);
/// How long one attempt lasts, which holds other writers too, and how long it is until the next one.
const ATTEMPT: Duration = Duration::from_millis(50);

impl Store {
    /// Whether a write-ahead log with anything in it lies beside the file.
    pub(crate) fn has_log(&self) -> bool {
        self.log_size() > 0
    }

    fn log_size(&self) -> u64 {
        fs::metadata(beside(&self.real, "-wal")).map_or(0, |log| log.len())
    }

    /// Empties the log when it has grown large, between two transactions. Where a reader stays, it is tried again when the
    /// log has doubled, so that waiting stays a small part of the work.
    pub(crate) fn bound_log(&mut self, cancel: &Cancel) {
        let size = self.log_size();
        if size < self.log_bound {
            return;
        }
        let wait = if size < TOO_LARGE { SHORT } else { LONG };
        let until = Instant::now() + wait;
        let _ = self.connection.busy_timeout(ATTEMPT);
        let mut emptied = self.empty_log();
        while emptied == Ok(false) && Instant::now() < until && !cancel.is_cancelled() {
            std::thread::sleep(ATTEMPT);
            emptied = self.empty_log();
        }
        let _ = self.connection.busy_timeout(BUSY_TIMEOUT);
        self.log_bound = if emptied == Ok(true) { LARGE } else { 2 * size };
    }

    /// Whether no reader was in its way. What was committed is safe wherever it stands: an attempt that fails is made up for by
    /// the next.
    fn empty_log(&self) -> rusqlite::Result<bool> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection
            .query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? == 0))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// How long a writer waits for the locks of others.
    fn patience(store: &Store) -> Duration {
        let sql = "PRAGMA busy_timeout";
        let ms = store
            .connection
            .query_row(sql, [], |row| row.get::<_, i64>(0));
        Duration::from_millis(ms.expect("a time").unsigned_abs())
    }

    #[test]
    fn a_large_log_is_emptied_once_no_reader_is_in_its_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("market.db");
        let mut store = Store::create(&path).expect("a file");
        let ready = store.ready_to_write(&Cancel::new(), || ());
        ready.expect("a log");
        let size = || fs::metadata(beside(&path, "-wal")).map_or(0, |log| log.len());
        let sql = "CREATE TABLE room (bytes BLOB)";
        store.connection.execute_batch(sql).expect("a table");
        let reader = Connection::open(&path).expect("a reader");
        let sql = "BEGIN; SELECT count(*) FROM series";
        reader.execute_batch(sql).expect("a snapshot");
        let sql = "INSERT INTO room VALUES (zeroblob(1048576))";
        while size() < LARGE {
            store.connection.execute_batch(sql).expect("room");
            store.bound_log(&Cancel::new());
        }
        let grown = size();
        store.bound_log(&Cancel::new());
        assert_eq!((size(), store.log_bound), (grown, 2 * grown), "a reader");
        reader.execute_batch("COMMIT").expect("its end");
        assert_eq!(patience(&store), BUSY_TIMEOUT, "after an attempt in vain");
        store.log_bound = grown;
        store.bound_log(&Cancel::new());
        assert_eq!((size(), store.log_bound), (0, LARGE), "no reader");
        assert_eq!(
            patience(&store),
            BUSY_TIMEOUT,
            "after one that has emptied it"
        );
    }
    #[test]
    fn readers_who_come_and_go_without_a_gap_do_not_keep_a_log_that_is_too_large() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("market.db");
        let mut store = Store::create(&path).expect("a file");
        let ready = store.ready_to_write(&Cancel::new(), || ());
        ready.expect("a log");
        let sql = "CREATE TABLE room (bytes BLOB)";
        store.connection.execute_batch(sql).expect("a table");
        let begin = || {
            let reader = Connection::open(&path).expect("a reader");
            let sql = "BEGIN; SELECT count(*) FROM series";
            reader.execute_batch(sql).expect("a snapshot");
            reader
        };
        let mut reader = begin();
        let sql = "INSERT INTO room VALUES (zeroblob(67108864))";
        store.connection.execute_batch(sql).expect("room");
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            let stop = cancel.clone();
            let bounding = scope.spawn(move || {
                store.bound_log(&stop);
                store.log_size()
            });
            while !bounding.is_finished() {
                let next = begin();
                std::thread::sleep(SHORT + 2 * ATTEMPT);
                drop(std::mem::replace(&mut reader, next));
            }
            assert_eq!(bounding.join().expect("no panic"), 0);
        });
    }
}
