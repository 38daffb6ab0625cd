//! The one way in which a writing transaction begins. The first one in a packed file takes its seal off, since what it
//! says is no longer true, and turns the file into a working one.

use std::cell::Cell;
use std::ops::Deref;
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::open::switch_to_wal;
use super::seal::UNSEAL;
use super::{Store, StoreError, told};

/// A writing transaction. Dropping it takes everything back.
pub(super) struct Writing<'a> {
    tx: Transaction<'a>,
    connection: &'a Connection,
    path: &'a Path,
    sealed: &'a Cell<bool>,
}

impl Store {
    pub(super) fn begin(&self) -> Result<Writing<'_>, StoreError> {
        let told = told(&self.path);
        let tx = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .map_err(told)?;
        if self.sealed.get() {
            tx.execute_batch(UNSEAL).map_err(told)?;
        }
        Ok(Writing {
            tx,
            connection: &self.connection,
            path: &self.path,
            sealed: &self.sealed,
        })
    }
}

impl Writing<'_> {
    pub(super) fn commit(self) -> Result<(), StoreError> {
        let told = told(self.path);
        self.tx.commit().map_err(told)?;
        if self.sealed.get() {
            switch_to_wal(self.connection, self.path)?;
            self.sealed.set(false);
        }
        Ok(())
    }
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.tx
    }
}
