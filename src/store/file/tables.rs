//! The tables of a working file with their columns, as the schema has them, and what becomes of their rows when candles are
//! dropped, replaced, packed or merged. Never a list of columns beside the schema.

use std::fmt::Write;
use std::sync::LazyLock;

use rusqlite::Connection;

use crate::store::file::open::SCHEMA;

/// What rows of a table are, and with that what becomes of them. In judgements and logs a column `series_id` holds the series' row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// What the file is for: written by statements of its own wherever candles are (`candles/`, `packed/write.rs`, `merge/`).
    Data,
    /// What is said of single candles, by their start in the column `at`. It goes with a candle and with its values, is packed
    /// with it, and merged where the candle is the same.
    Judgement {
        /// The column with the candle's start.
        at: &'static str,
    },
    /// What was seen of a series at the time in the column `at`, seconds or a label as candles have it. It goes with that part
    /// of the series, is packed with the history alone, and merged where it is new.
    Log {
        /// The column with the time.
        at: &'static str,
    },
    /// What was asked, when, and with what answer: packed with the history alone, with rules of its own in `candles/drop.rs`
    /// and `merge/`.
    History,
    /// Of this file on this machine, or made from other tables: neither packed nor merged.
    Local,
}

/// Every table, once: a test says so where one is added.
const KINDS: [(&str, Kind); 16] = [
    ("series", Kind::Data),
    ("candle_data", Kind::Data),
    ("coverage", Kind::Data),
    ("empty_spans", Kind::History),
    ("backfill_jobs", Kind::History),
    ("backfill_series", Kind::History),
    ("backfill_progress", Kind::History),
    ("backfill_totals", Kind::Local),
    ("imports", Kind::Local),
    ("rejected", Kind::Log { at: "ts" }),
    ("conflicts", Kind::Log { at: "ts" }),
    ("restatements", Kind::Log { at: "ts" }),
    ("quality_issues", Kind::Judgement { at: "ts" }),
    ("candle_quality", Kind::Judgement { at: "ts" }),
    ("calendar_days", Kind::Data),
    ("sends", Kind::Local),
];

/// A table of the format, with its columns in their order.
#[derive(Debug)]
pub(crate) struct Table {
    pub(in crate::store) name: String,
    pub(in crate::store) columns: Vec<String>,
}

impl Table {
    /// What its rows are. One that nobody has placed is left alone; the test below does not let it pass.
    pub(in crate::store) fn kind(&self) -> Kind {
        let mut kinds = KINDS.iter();
        let found = kinds.find(|(name, _)| *name == self.name);
        found.map_or(Kind::Local, |(_, kind)| *kind)
    }

    /// The place of a column.
    pub(in crate::store) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// An expression for each column, as a file has it that is open as `database`: what is said of the column, or what the rows
    /// `row` have, or NULL where a file of an older format does not have it. `None` where it does not have the table.
    pub(in crate::store) fn expressions(
        &self,
        connection: &Connection,
        database: &str,
        said: &[(&str, &str)],
    ) -> rusqlite::Result<Option<Vec<String>>> {
        let mut select = connection.prepare_cached("SELECT name FROM pragma_table_info(?1, ?2)")?;
        let held = select
            .query_map([&self.name, database], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        let expression = |column: &String| match said.iter().find(|(name, _)| name == column) {
            Some((_, said)) => (*said).to_owned(),
            None if held.contains(column) => format!("row.{column}"),
            None => "NULL".to_owned(),
        };
        let all = self.columns.iter().map(expression).collect();
        Ok((!held.is_empty()).then_some(all))
    }

    /// The beginning of a statement that copies rows `row` of the file that is attached as `input`: what comes behind says which.
    /// Nothing where that file has no such table.
    pub(in crate::store) fn copy(
        &self,
        connection: &Connection,
        said: &[(&str, &str)],
    ) -> rusqlite::Result<Option<String>> {
        let expressions = self.expressions(connection, "input", said)?;
        Ok(expressions.map(|expressions| {
            let (name, columns, values) =
                (&self.name, self.columns.join(", "), expressions.join(", "));
            format!("INSERT INTO main.{name} ({columns}) SELECT {values} FROM input.{name} AS row")
        }))
    }

    /// A statement that inserts a row of values for all columns, in their order; of a judgement only where its candle is there.
    pub(in crate::store) fn insert(&self) -> String {
        let values: Vec<String> = (1..=self.columns.len()).map(|n| format!("?{n}")).collect();
        let mut sql = format!(
            "INSERT INTO {} ({}) SELECT {}",
            self.name,
            self.columns.join(", "),
            values.join(", ")
        );
        if let Kind::Judgement { at } = self.kind()
            && let (Some(series), Some(at)) = (self.place("series_id"), self.place(at))
        {
            let _ = write!(
                sql,
                " WHERE EXISTS (SELECT 1 FROM candle_data WHERE series_id = ?{} AND ts = ?{})",
                series + 1,
                at + 1
            );
        }
        sql
    }
}

/// The tables of a working file, in the schema's order.
pub(in crate::store) static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let read = || -> rusqlite::Result<Vec<Table>> {
        let memory = Connection::open_in_memory()?;
        memory.execute_batch(SCHEMA)?;
        let mut select = memory.prepare(
            "SELECT t.name, json_group_array(c.name ORDER BY c.cid) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' GROUP BY t.name ORDER BY t.rowid",
        )?;
        let rows = select.query_map([], |row| {
            let columns: String = row.get(1)?;
            Ok(Table {
                name: row.get(0)?,
                columns: serde_json::from_str(&columns).unwrap_or_default(),
            })
        })?;
        rows.collect()
    };
    read().expect("the schema is well formed")
});

/// One of them.
pub(in crate::store) fn table(name: &str) -> &'static Table {
    let found = TABLES.iter().find(|table| table.name == name);
    found.expect("a table of the schema")
}

/// The tables that judge candles, each with the column that holds a candle's start.
pub(in crate::store) fn judgements() -> impl Iterator<Item = (&'static Table, &'static str)> {
    TABLES.iter().filter_map(|table| match table.kind() {
        Kind::Judgement { at } => Some((table, at)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_says_what_becomes_of_its_rows() {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name.as_str()).collect();
        let placed: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(placed, names, "a table of schema.sql has its line in KINDS");
        for table in TABLES.iter() {
            if let Kind::Judgement { at } | Kind::Log { at } = table.kind() {
                for column in ["series_id", at] {
                    let has = table.place(column).is_some();
                    assert!(
                        has,
                        "{} has no column {column}: say another in KINDS",
                        table.name
                    );
                }
            }
        }
    }
}
