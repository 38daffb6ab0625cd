//! The one way in which a writing transaction begins. A file at rest gets its log before the first; in a packed one, the
//! first takes the seal off, since what it says is no longer true, and only then it becomes a working file.

use std::ops::Deref;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::run::clock::Cancel;
use crate::store::file::link::to_wal;
use crate::store::packed::seal::UNSEAL;
use crate::store::{BUSY_TIMEOUT, Store, StoreError, told};

/// Who keeps a file from being written for longer than this is told of.
const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(200);

/// A writing transaction. Dropping it takes everything back.
pub(in crate::store) struct Writing<'a> {
    tx: Transaction<'a>,
    store: &'a Store,
}

impl Store {
    /// Makes a file at rest ready to be written. Whoever reads it at this moment is waited for, however long that takes:
    /// `held_up` is told once after a minute.
    ///
    /// # Errors
    /// The file cannot be written, or it was cancelled.
    pub fn ready_to_write(
        &self,
        cancel: &Cancel,
        mut held_up: impl FnMut(),
    ) -> Result<(), StoreError> {
        if self.sealed.get() {
            // Nothing of it changes before the first transaction.
            return Ok(());
        }
        let mut is_told = false;
        let ready = self.log(|waited| {
            if waited >= LONG && !std::mem::replace(&mut is_told, true) {
                held_up();
            }
            !cancel.is_cancelled()
        });
        match ready {
            Err(StoreError::Busy(path)) if cancel.is_cancelled() => Err(StoreError::Stopped(path)),
            other => other,
        }
    }

    /// The same for somebody who would only record that there was nothing to do: whether the file is ready in a moment.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn is_soon_ready_to_write(&self) -> Result<bool, StoreError> {
        if self.sealed.get() {
            return Ok(true);
        }
        match self.log(|waited| waited < SOON) {
            Err(StoreError::Busy(_)) => Ok(false),
            other => other.map(|()| true),
        }
    }

    pub(in crate::store) fn begin(&self) -> Result<Writing<'_>, StoreError> {
        if !self.sealed.get() {
            self.log(|waited| waited < BUSY_TIMEOUT)?;
        }
        self.begin_as_it_is()
    }

    /// The same with the journal that the file has: for what is one transaction, whatever comes after it.
    pub(in crate::store) fn begin_as_it_is(&self) -> Result<Writing<'_>, StoreError> {
        self.check_in_place()?;
        let told = told(&self.path);
        let tx = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .map_err(told)?;
        if self.sealed.get() {
            tx.execute_batch(UNSEAL).map_err(told)?;
        }
        Ok(Writing { tx, store: self })
    }

    fn log(&self, mut go_on: impl FnMut(Duration) -> bool) -> Result<(), StoreError> {
        if !self.connection.writes_log() {
            self.check_in_place()?;
            // The readers of a file that has gone may keep it for hours.
            let go_on = |waited| self.is_in_place() && go_on(waited);
            if let Err(error) = to_wal(&self.connection, &self.path, go_on) {
                return self.check_in_place().and(Err(error));
            }
            self.keep_log();
        }
        Ok(())
    }
}

impl Writing<'_> {
    pub(in crate::store) fn commit(self) -> Result<(), StoreError> {
        let Writing { tx, store } = self;
        if !store.is_in_place() {
            drop(tx);
            return Err(store.give_up());
        }
        tx.commit().map_err(told(&store.path))?;
        store.connection.committed();
        if store.sealed.replace(false) {
            store.log(|waited| waited < BUSY_TIMEOUT)?;
        }
        // It may have gone at any moment of that.
        store.check_in_place()
    }
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.tx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A file was replaced while its writer waited for a reader, who would read the old one for hours.
    #[test]
    fn a_file_that_goes_while_a_reader_is_waited_for_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, elsewhere] = ["market.db", "elsewhere.db"].map(|name| folder.path().join(name));
        let store = Store::create(&path).expect("a file");
        let reader = Connection::open(&path).expect("a reader");
        let sql = "BEGIN; SELECT count(*) FROM series";
        reader.execute_batch(sql).expect("it reads");
        let mut looks = 0;
        let ready = store.log(|_| {
            looks += 1;
            std::fs::rename(&path, &elsewhere).expect("it is moved");
            true
        });
        assert!(matches!(ready, Err(StoreError::Moved { .. })), "{ready:?}");
        assert_eq!(looks, 1);
    }
}
