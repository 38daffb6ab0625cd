//! Questions in SQL, bounded in time and rows. That they only read is enforced by SQLite; that the file's views count, and
//! nothing else in it runs, by the settings of the connection, which serves for one question.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use crate::store::{Store, StoreError, told};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS_PER_LOOK: i32 = 1_000;
/// The longest text that a question may make or read, bytes: what one step does has no other bound.
const LONGEST_TEXT: i32 = 16 << 20;
const LONGEST_LIKE_PATTERN: i32 = 500;

/// Pragmas that only tell, whatever they are given.
const TELLING: [&str; 12] = [
    "collation_list",
    "compile_options",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "table_info",
    "table_list",
    "table_xinfo",
];
/// Pragmas that only tell as long as they are given nothing.
const TELLING_ALONE: [&str; 7] = [
    "application_id",
    "encoding",
    "freelist_count",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SqlValue<'a> {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating point number.
    Real(f64),
    /// Text; what is no UTF-8 in it is replaced.
    Text(Cow<'a, str>),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Takes an answer, row by row.
pub(crate) trait TakeRows {
    /// Why it cannot.
    type Error: From<StoreError>;

    /// The names of the columns, once, before any row.
    ///
    /// # Errors
    /// Any ends the question.
    fn columns(&mut self, names: Vec<String>) -> Result<(), Self::Error>;

    /// A row.
    ///
    /// # Errors
    /// Any ends the question.
    fn row(&mut self, values: &[SqlValue<'_>]) -> Result<(), Self::Error>;
}

impl Store {
    /// Runs one statement that only reads, and hands on `most` of its rows, one by one. Says whether there were more. The clock
    /// stands still from then on: what is done with the answer is not SQLite's time.
    ///
    /// # Errors
    /// SQLite does not understand it, it would change something, it takes too long, the file cannot be read, or what the
    /// taker says.
    pub(crate) fn sql<T: TakeRows>(
        mut self,
        sql: &str,
        most: Option<u64>,
        clock: &SqlClock,
        taker: &mut T,
    ) -> Result<bool, T::Error> {
        let answered = self.answer(sql, most, clock, taker);
        clock.stop();
        self.if_still(answered)
    }

    /// That the schema is text. The names in it are handed to whoever watches a statement, and one that is none ends there.
    fn check_names(&self) -> Result<(), StoreError> {
        let read = || {
            let sql = "SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema";
            let mut select = self.connection.prepare(sql)?;
            let is_text = |bytes: Option<Vec<u8>>| {
                bytes.is_none_or(|bytes| std::str::from_utf8(&bytes).is_ok())
            };
            let rows =
                select.query_map([], |row| Ok(is_text(row.get(0)?) && is_text(row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<bool>>>()
        };
        if read().map_err(told(&self.path))?.into_iter().all(|is| is) {
            return Ok(());
        }
        Err(StoreError::Damaged {
            path: self.path.clone(),
            why: "a name in its schema is no text".into(),
        })
    }

    fn answer<T: TakeRows>(
        &mut self,
        sql: &str,
        most: Option<u64>,
        clock: &SqlClock,
        taker: &mut T,
    ) -> Result<bool, T::Error> {
        self.check_names()?;
        confine(&mut self.connection, clock.clone()).map_err(told(&self.path))?;
        let wrong = |error| T::Error::from(self.wrong(error, clock));
        let mut statement = self.connection.prepare(sql).map_err(wrong)?;
        if !statement.readonly() {
            return Err(StoreError::OnlyReads.into());
        }
        let names = statement.column_names().map(str::to_owned);
        let names = names.collect();
        clock.stopped_while(|| taker.columns(names))?;
        let width = statement.column_count();
        let mut rows = statement.query([]).map_err(wrong)?;
        let mut handed = 0;
        while let Some(row) = rows.next().map_err(wrong)? {
            if most == Some(handed) {
                return Ok(true);
            }
            let values: Vec<SqlValue<'_>> = (0..width)
                .map(|at| row.get_ref(at).map(value))
                .collect::<rusqlite::Result<_>>()
                .map_err(wrong)?;
            clock.stopped_while(|| taker.row(&values))?;
            handed += 1;
        }
        Ok(false)
    }

    fn wrong(&self, error: rusqlite::Error, clock: &SqlClock) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => clock.error(),
            Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => {
                StoreError::OnlyReads
            }
            None | Some(ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
                StoreError::BadSql(match error {
                    rusqlite::Error::SqlInputError { msg, .. }
                    | rusqlite::Error::SqliteFailure(_, Some(msg)) => msg,
                    rusqlite::Error::MultipleStatement => "only one statement is run".into(),
                    rusqlite::Error::Empty => "there is no statement".into(),
                    rusqlite::Error::InvalidParameterCount(..) => "parameters have no value".into(),
                    other => other.to_string(),
                })
            }
            _ => told(&self.path)(error),
        }
    }
}

/// How long SQLite may still take; it stops while the taker of the answer is at work, and when SQLite is done.
#[derive(Clone, Debug)]
pub(crate) struct SqlClock {
    origin: Instant,
    allowed: Duration,
    /// Nanoseconds from the origin; the end of time while it stands still.
    deadline: Arc<AtomicU64>,
}

impl SqlClock {
    /// Begins at once.
    pub(crate) fn new(allowed: Duration) -> SqlClock {
        SqlClock {
            origin: Instant::now(),
            allowed,
            deadline: Arc::new(AtomicU64::new(nanos(allowed))),
        }
    }

    /// Whether the time is over, and since more than `grace`. One step of SQLite's machine may take long, and nothing but
    /// the end of the process stops it then.
    pub(crate) fn is_over(&self, grace: Duration) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        nanos(self.origin.elapsed()) > deadline.saturating_add(nanos(grace))
    }

    /// What there is to say then.
    pub(crate) fn error(&self) -> StoreError {
        StoreError::TooSlow(self.allowed)
    }

    fn stop(&self) {
        self.deadline.store(u64::MAX, Ordering::Relaxed);
    }

    fn stopped_while<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let deadline = self.deadline.swap(u64::MAX, Ordering::Relaxed);
        let done = work();
        let later = deadline.saturating_add(nanos(began.elapsed()));
        self.deadline.store(later, Ordering::Relaxed);
        done
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn confine(connection: &mut Connection, clock: SqlClock) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_TEXT)?;
    connection.set_limit(
        Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
        LONGEST_LIKE_PATTERN,
    )?;
    connection.authorizer(Some(allow))?;
    connection.progress_handler(STEPS_PER_LOOK, Some(move || clock.is_over(Duration::ZERO)))
}

fn allow(context: AuthContext<'_>) -> Authorization {
    let reads = match context.action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive => true,
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => {
            TELLING.contains(&pragma_name)
                || pragma_value.is_none() && TELLING_ALONE.contains(&pragma_name)
        }
        _ => false,
    };
    if reads {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

fn value(value: ValueRef<'_>) -> SqlValue<'_> {
    match value {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(number) => SqlValue::Integer(number),
        ValueRef::Real(number) => SqlValue::Real(number),
        ValueRef::Text(bytes) => SqlValue::Text(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// Somebody who has the file written as soon as his answer begins.
    struct Rewriting(PathBuf);

    impl TakeRows for Rewriting {
        type Error = StoreError;

        fn columns(&mut self, _: Vec<String>) -> Result<(), StoreError> {
            write(&self.0, "INSERT INTO odd VALUES ('more')");
            Ok(())
        }

        fn row(&mut self, _: &[SqlValue<'_>]) -> Result<(), StoreError> {
            Ok(())
        }
    }

    /// Leaves the file as an older version did: with a log in its header, and none beside it.
    fn write(path: &Path, sql: &str) {
        let connection = Connection::open(path).expect("a file");
        let sql = format!("PRAGMA journal_mode = delete; {sql}; PRAGMA journal_mode = wal");
        connection.execute_batch(&sql).expect(&sql);
    }

    // A file that is written while it is read without a lock may look damaged, and what a limit cut may be of two states.
    #[test]
    fn an_answer_whatever_it_is_counts_only_where_the_file_stood_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("market.db");
        drop(Store::create(&path).expect("a file"));
        write(
            &path,
            "CREATE TABLE odd (x); INSERT INTO odd VALUES ('no'), ('json')",
        );
        for (sql, most) in [
            ("SELECT x FROM odd", 9),
            ("SELECT x FROM odd", 1),
            ("SELECT json(x) FROM odd", 9),
        ] {
            let store = Store::read(&path).expect("it is read");
            let clock = SqlClock::new(Duration::from_secs(60));
            let answer = store.sql(sql, Some(most), &clock, &mut Rewriting(path.clone()));
            assert!(matches!(answer, Err(StoreError::Changed(_))), "{answer:?}");
        }
    }
}
