//! A new file, filled in one go in the order of its keys, so that the same rows give the same bytes. It has no log and no
//! journal: until it is whole it is nobody's, and nothing here may be used on a file that has a name. The candles come
//! first, and not by SQLite.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params, params_from_iter};

use crate::model::candle::Candle;
use crate::model::manifest::{Manifest, ManifestEntry};
use crate::model::span::SpanSet;
use crate::plan::EmptySpan;
use crate::store::candles::coverage::insert_empty;
use crate::store::candles::key::{KEY_NAMES, key_values, parameters_for};
use crate::store::file::open::SCHEMA;
use crate::store::packed::btree::PAGE;
use crate::store::packed::history::{TableRow, Times};
use crate::store::packed::seal::{MARK, SQL};
use crate::store::{APPLICATION_ID, FORMAT, StoreError, UNFINISHED_ID, told};

/// A candle and the slice that brought it, where that is kept.
pub(crate) type Row = (Candle, Option<i64>);

/// A file that is being packed, once its candles are there.
pub(crate) struct Packing {
    connection: Connection,
    /// The name that the file will have, for errors.
    path: PathBuf,
}

impl Packing {
    /// Makes the tables in an empty file, all but the seal's. Without `strict` they are such that SQLite before 3.37 reads
    /// them. Returns the page of the root of the candles' tree.
    pub(crate) fn begin(part: &Path, path: &Path, strict: bool) -> Result<u32, StoreError> {
        let make = |connection: Connection| {
            let schema = format!("{SCHEMA}{}", manifest_sql().0);
            let schema = if strict { schema } else { loose(&schema) };
            connection.execute_batch(&format!("BEGIN; {schema}"))?;
            connection.pragma_update(None, "application_id", UNFINISHED_ID)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch("COMMIT")?;
            let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'candle_data'";
            let root = connection.query_row(sql, [], |row| row.get(0))?;
            connection.close().map_err(|(_, error)| error)?;
            Ok(root)
        };
        connect(part).and_then(make).map_err(told(path))
    }

    /// Goes on with a file when all candles are in it.
    pub(crate) fn go_on(part: &Path, path: &Path) -> Result<Packing, StoreError> {
        let begin = |connection: Connection| connection.execute_batch("BEGIN").map(|()| connection);
        Ok(Packing {
            connection: connect(part).and_then(begin).map_err(told(path))?,
            path: path.to_path_buf(),
        })
    }

    /// Writes what else there is of a series.
    pub(crate) fn series(
        &self,
        series_id: i64,
        entry: &ManifestEntry,
        times: Times,
    ) -> Result<(), StoreError> {
        let write = || {
            let sql = insert_entry(
                "series",
                "id, created_at, tail_asked_at, tail_asked_from, tail_asked_to",
            );
            let rest = std::iter::once(Some(series_id))
                .chain(times)
                .map(Value::from);
            self.connection
                .prepare_cached(&sql)?
                .execute(params_from_iter(values_of(entry).chain(rest)))?;
            let sql = "INSERT INTO coverage (series_id, start_ts, end_ts) VALUES (?, ?, ?)";
            let mut insert = self.connection.prepare_cached(sql)?;
            for span in entry.coverage.iter() {
                insert.execute([series_id, span.start(), span.end()])?;
            }
            Ok(())
        };
        write().map_err(told(&self.path))
    }

    /// Writes where the provider of a series said once that it has nothing. When, is no part of the data.
    pub(crate) fn said_once(&self, series_id: i64, spans: &SpanSet) -> Result<(), StoreError> {
        let write = || {
            let once = |span| EmptySpan {
                span,
                asked_at: 0,
                is_confirmed: false,
            };
            let mut spans = spans.iter();
            spans.try_for_each(|span| insert_empty(&self.connection, series_id, once(span)))
        };
        write().map_err(told(&self.path))
    }

    /// Writes a row as it was; what judges a candle only where that is here.
    pub(crate) fn row(&self, (table, values): &TableRow) -> Result<(), StoreError> {
        let write = || {
            let mut insert = self.connection.prepare_cached(&table.insert())?;
            insert.execute(params_from_iter(values))
        };
        write().map(|_| ()).map_err(told(&self.path))
    }

    /// Writes the manifest and the seal, whose last bytes, the file's last ones, are left to be filled in.
    pub(crate) fn seal(self, manifest: &Manifest) -> Result<(), StoreError> {
        let Packing { connection, path } = self;
        let write = || {
            let mut insert = connection.prepare(&insert_entry("manifest", "coverage, digest"))?;
            for entry in &manifest.series {
                let rest = [entry.coverage_text(), entry.digest.to_string()].map(Value::from);
                insert.execute(params_from_iter(values_of(entry).chain(rest)))?;
            }
            drop(insert);
            let sql = manifest_sql().1;
            if is_strict(&connection)? {
                make_last(&connection, sql)?;
            } else {
                make_last(&connection, &loose(sql))?;
            }
            let sql =
                "INSERT INTO seal (format, program, series, candles, digest, mark, file_digest)
                       VALUES (?, ?, ?, ?, ?, ?, zeroblob(32))";
            connection.execute(
                sql,
                params![
                    manifest.format,
                    manifest.program,
                    i64::try_from(manifest.series.len()).unwrap_or(i64::MAX),
                    manifest
                        .series
                        .iter()
                        .map(|entry| entry.candles)
                        .sum::<u64>()
                        .cast_signed(),
                    manifest.digest.to_string(),
                    MARK
                ],
            )?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.execute_batch("COMMIT")
        };
        write().map_err(told(&path))?;
        connection.close().map_err(|(_, error)| told(&path)(error))
    }
}

/// What a series and its entry in the manifest have beside the key.
const BOOKS: &str = "week_start, candles, first_ts, last_ts";

/// A statement that inserts a series' key, these, and what the rest of the columns take.
fn insert_entry(table: &str, rest: &str) -> String {
    let columns = format!("{}, {BOOKS}, {rest}", *KEY_NAMES);
    let parameters = parameters_for(&columns);
    format!("INSERT INTO {table} ({columns}) VALUES ({parameters})")
}

/// The key and these.
fn values_of(entry: &ManifestEntry) -> impl Iterator<Item = Value> {
    let books = [
        entry.week_start.map(i64::from),
        Some(entry.candles.cast_signed()),
        entry.first_ts,
        entry.last_ts,
    ];
    key_values(&entry.key)
        .into_iter()
        .chain(books.map(Value::from))
}

fn connect(part: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(part, flags)?;
    for (pragma, value) in [
        ("page_size", PAGE.to_string().as_str()),
        ("locking_mode", "exclusive"),
        ("journal_mode", "memory"),
        ("synchronous", "off"),
        ("foreign_keys", "off"),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}

/// The statements for `manifest` and for `seal`.
fn manifest_sql() -> (&'static str, &'static str) {
    let at = SQL.find("-- One row.").unwrap_or(SQL.len());
    SQL.split_at(at)
}

/// The same tables without STRICT.
pub(in crate::store) fn loose(sql: &str) -> String {
    sql.replace(") STRICT, WITHOUT ROWID;", ") WITHOUT ROWID;")
        .replace(") STRICT;", ");")
}

/// Makes the table of the seal last, so that its page is the file's last one, and the end of its only row the end of the file.
/// Where the last page of the schema has no room for its text, that would begin another one behind it: something as long has it
/// begun before, and goes again.
fn make_last(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("SAVEPOINT without; {sql}"))?;
    let is_last = "SELECT rootpage = (SELECT page_count FROM pragma_page_count) FROM sqlite_schema WHERE name = 'seal'";
    if !connection.query_row(is_last, [], |row| row.get::<_, bool>(0))? {
        let text = "-".repeat(sql.len());
        connection.execute_batch(&format!(
            "ROLLBACK TO without; CREATE VIEW room AS SELECT '{text}'; {sql}; DROP VIEW room"
        ))?;
    }
    connection.execute_batch("RELEASE without")
}

fn is_strict(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT strict FROM pragma_table_list WHERE name = 'series'";
    connection.query_row(sql, [], |row| row.get(0))
}
