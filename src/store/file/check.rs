//! Whether a file is sound: what `SQLite` says of its pages and rows, and what its tables say of each other. Nothing in it
//! is trusted, and nothing is run.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use crate::run::path::real;
use crate::store::file::link::Closing;
use crate::store::file::migrate::came_after;
use crate::store::file::open::{SCHEMA, read_immutable};
use crate::store::file::path::{check_exists, check_path, check_settled, is_there};
use crate::store::file::tables::TABLES;
use crate::store::jobs::totals::{TOTALS_SINCE, sums};
use crate::store::packed::seal::SQL;
use crate::store::packed::write::loose;
use crate::store::{FORMAT, Store, StoreError, told};

/// What stands in the schema under a type and a name: a table's columns, or the text of an index or view.
type Schema = BTreeMap<(String, String), String>;

impl Store {
    /// Opens a packed file for reading, and never writes a byte of it or beside it. Others must not write it meanwhile.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) fn packed(path: &Path) -> Result<Store, StoreError> {
        read_immutable(path)
    }

    /// Opens a file to be read, and leaves what lies beside it as it is.
    ///
    /// # Errors
    /// As [`Store::read`], and where a write was interrupted that the next writer has to take back.
    pub fn untouched(path: &Path) -> Result<Store, StoreError> {
        check_settled(&real(path))?;
        let mut store = Store::read(path)?;
        if is_there(&store.real, "-wal") {
            store.connection.closing = Closing::Leave;
            store.connection.leave().map_err(told(path))?;
        }
        Ok(store)
    }

    /// Whether something stands at a path that may be a file of ours.
    ///
    /// # Errors
    /// A path that cannot be a file of ours, nothing there, or a write into it that was interrupted.
    pub(crate) fn check_path(path: &Path) -> Result<(), StoreError> {
        check_path(path)?;
        check_exists(path)?;
        check_settled(&real(path))
    }

    /// The file's format.
    pub fn format(&self) -> i32 {
        self.format
    }

    /// What `SQLite` finds wrong with the file's pages and rows, a hundred findings at most; none in a sound file.
    ///
    /// # Errors
    /// The file cannot be read at all.
    pub(crate) fn damage(&self) -> Result<Vec<String>, StoreError> {
        // A condition in the file is a stranger's program, and may never end.
        self.connection
            .pragma_update(None, "ignore_check_constraints", true)
            .map_err(told(&self.path))?;
        if self.is_packed() {
            return self.lines("PRAGMA integrity_check", |line| line != "ok");
        }
        // Tables that somebody has added are theirs.
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (SELECT value FROM json_each(?))";
        let ours = self.connection.prepare(tables).and_then(|mut select| {
            let names = table_names();
            select
                .query_map([names], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()
        });
        let mut found = Vec::new();
        for table in ours.map_err(told(&self.path))? {
            found.extend(
                self.lines(&format!("PRAGMA integrity_check({table})"), |line| {
                    line != "ok"
                })?,
            );
        }
        Ok(found)
    }

    /// What is not as the format has it: tables, indices and views that are missing or different, and in a packed file
    /// those that it should not have. Where there is any, nothing else in the file says what it seems to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn schema_faults(&self) -> Result<Vec<String>, StoreError> {
        let told = told(&self.path);
        let held = schema(&self.connection, self.is_packed()).map_err(told)?;
        let expected = |sql: &str| {
            let memory = Connection::open_in_memory()?;
            memory.execute_batch(sql)?;
            schema(&memory, self.is_packed())
        };
        if !self.is_packed() {
            let mut faults = self.missing(&held, &expected(SCHEMA).map_err(told)?);
            faults.extend(self.strange_indices()?);
            return Ok(faults);
        }
        let strict = format!("{SCHEMA}{SQL}");
        let [found, of_loose] = [expected(&strict), expected(&loose(&strict))].map(|expected| {
            expected.map(|expected| {
                let mut faults = self.missing(&held, &expected);
                let strangers = held.keys().filter(|key| !expected.contains_key(*key));
                faults.extend(
                    strangers
                        .map(|(kind, name)| format!("the {kind} {name} is none of the format's")),
                );
                faults
            })
        });
        let (found, of_loose) = (found.map_err(told)?, of_loose.map_err(told)?);
        Ok(if of_loose.len() < found.len() {
            of_loose
        } else {
            found
        })
    }

    fn missing(&self, held: &Schema, expected: &Schema) -> Vec<String> {
        let mut faults = Vec::new();
        for (key @ (kind, name), text) in expected {
            match held.get(key) {
                None if came_after(self.format, kind, name) => {}
                None => faults.push(format!("the {kind} {name} is missing")),
                // An older format has fewer columns.
                Some(found) if found != text && self.format == FORMAT => {
                    faults.push(format!("the {kind} {name} is not as the format has it"));
                }
                Some(_) => {}
            }
        }
        faults
    }

    /// An index over an expression, or over a part, is a stranger's program, too.
    fn strange_indices(&self) -> Result<Vec<String>, StoreError> {
        self.lines(
            &format!(
                "SELECT DISTINCT 'the index ' || l.name || ' is none of the format''s' FROM sqlite_schema AS t,
                    pragma_index_list(t.name) AS l, pragma_index_xinfo(l.name) AS x
                 WHERE t.type = 'table' AND (x.cid = -2 OR l.partial)
                    AND t.name IN (SELECT value FROM json_each('{}'))",
                table_names()
            ),
            |_| true,
        )
    }

    /// What the tables say against each other, beside the candles themselves.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn contradictions(&self) -> Result<Vec<String>, StoreError> {
        let mut found = self.lines(
            "SELECT DISTINCT 'a row of ' || \"table\" || ' belongs to no row of ' || parent FROM pragma_foreign_key_check",
            |_| true,
        )?;
        found.extend(self.lines(
            "SELECT DISTINCT 'the coverage of ' || s.symbol || ' ' || s.timeframe || ' overlaps itself'
             FROM (SELECT series_id, start_ts, lag(end_ts) OVER (PARTITION BY series_id ORDER BY start_ts) AS before FROM coverage)
             JOIN series AS s ON s.id = series_id WHERE before >= start_ts",
            |_| true,
        )?);
        found.extend(self.lines(
            "SELECT DISTINCT 'the counts of a slice do not add up' FROM backfill_progress WHERE records_fetched <>
             records_inserted + records_duplicate + records_restated + records_conflicting + records_rejected",
            |_| true,
        )?);
        if self.format >= TOTALS_SINCE {
            let sums = sums("main", None);
            found.extend(self.lines(
                &format!(
                    "SELECT 'the totals of job ' || job_id || ' are not those of its slices' FROM (
                     SELECT job_id FROM ({sums} EXCEPT SELECT * FROM backfill_totals) UNION
                     SELECT job_id FROM (SELECT * FROM backfill_totals WHERE slices > 0 EXCEPT {sums}))"
                ),
                |_| true,
            )?);
        }
        Ok(found)
    }

    fn lines(&self, sql: &str, keep: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let read = || {
            let mut lines: Vec<String> = self
                .connection
                .prepare(sql)?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            lines.retain(|line| keep(line));
            Ok(lines)
        };
        read().map_err(told(&self.path))
    }
}

fn table_names() -> String {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name.as_str()).collect();
    serde_json::json!(names).to_string()
}

/// To the letter, comments included, or by the columns of tables: a column that was added to an older file stands without
/// its comment.
fn schema(connection: &Connection, to_the_letter: bool) -> rusqlite::Result<Schema> {
    let text = if to_the_letter {
        "coalesce(sql, '')"
    } else {
        "CASE type WHEN 'table' THEN (SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk)
         FROM pragma_table_xinfo(m.name)) ELSE coalesce(sql, '') END"
    };
    let sql = format!("SELECT type, name, {text} FROM sqlite_schema AS m");
    let mut select = connection.prepare(&sql)?;
    let rows = select.query_map([], |row| {
        let text = row.get::<_, Option<String>>(2)?.unwrap_or_default();
        Ok(((row.get(0)?, row.get(1)?), text))
    })?;
    rows.collect()
}
