//! How the file came to hold what it holds, table by table: read as it stands, to be kept in a packed file.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use rusqlite::types::Value;

use crate::store::candles::columns::{named, selected};
use crate::store::{Store, StoreError, told};

/// A table of the history.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    columns: String,
    /// Which column holds the series' row, if one does.
    series: Option<usize>,
}

/// A row of a table.
pub(crate) type HistoryRow = (&'static Table, Vec<Value>);

/// When a series was made, and when and from where to where its end was asked last.
pub(crate) type Times = [Option<i64>; 4];

/// Jobs without who ran them: a process on a host is gone where the file goes.
static TABLES: LazyLock<[Table; 7]> = LazyLock::new(|| {
    [
    Table {
        name: "empty_spans",
        columns: "series_id, start_ts, end_ts, asked_at".into(),
        series: Some(0),
    },
    Table {
        name: "backfill_series",
        columns: "job_id, series_id, start_ts, end_ts, status, error".into(),
        series: Some(1),
    },
    Table {
        name: "backfill_jobs",
        columns: "job_id, status, command, symbols, timeframes, start_ts, end_ts, start_words, end_words, source, delay_s,
                  final_after_s, created_at, started_at, completed_at, resume_at, error".into(),
        series: None,
    },
    Table {
        name: "backfill_progress",
        columns: "slice_id, job_id, series_id, start_ts, end_ts, status, attempts, records_fetched, records_inserted,
                  records_duplicate, records_restated, records_conflicting, records_rejected, records_removed, error,
                  started_at, completed_at".into(),
        series: Some(2),
    },
    Table {
        name: "rejected",
        columns: "series_id, ts, reason, raw, slice_id, seen_at".into(),
        series: Some(0),
    },
    Table {
        name: "conflicts",
        columns: format!("series_id, {}, seen_at", selected()),
        series: Some(0),
    },
    Table {
        name: "restatements",
        columns: format!("series_id, ts, action, {}, seen_at", named("old_")),
        series: Some(0),
    },
    ]
});

impl Table {
    pub(in crate::store) fn insert(&self) -> String {
        let values = vec!["?"; self.columns.split(',').count()].join(", ");
        format!(
            "INSERT INTO {} ({}) VALUES ({values})",
            self.name, self.columns
        )
    }
}

impl Store {
    /// Reads the history of some series, given by their rows here and what these are to be elsewhere.
    pub(crate) fn each_of_history<E: From<StoreError>>(
        &self,
        series: &HashMap<i64, i64>,
        mut each: impl FnMut(HistoryRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error| E::from(told(&self.path)(error));
        let mut jobs = HashSet::<String>::new();
        for table in TABLES.iter() {
            let sql = format!("SELECT {} FROM {} ORDER BY 1, 2", table.columns, table.name);
            let mut select = self.connection.prepare(&sql).map_err(told)?;
            let width = select.column_count();
            let mut rows = select.query([]).map_err(told)?;
            while let Some(row) = rows.next().map_err(told)? {
                let mut values: Vec<Value> = (0..width)
                    .map(|at| row.get(at))
                    .collect::<rusqlite::Result<_>>()
                    .map_err(told)?;
                match table.series.map(|at| (at, &values[at])) {
                    Some((at, Value::Integer(id))) if series.contains_key(id) => {
                        values[at] = Value::Integer(series[id]);
                    }
                    None if jobs.contains(&row.get::<_, String>(0).map_err(told)?) => {}
                    _ => continue,
                }
                if table.name == "backfill_series" {
                    jobs.insert(row.get(0).map_err(told)?);
                }
                each((table, values))?;
            }
        }
        Ok(())
    }

    /// The times of a series that are no part of its data.
    pub(crate) fn times(&self, series_id: i64) -> Result<Times, StoreError> {
        let sql = "SELECT created_at, tail_asked_at, tail_asked_from, tail_asked_to FROM series WHERE id = ?";
        self.connection
            .query_row(sql, [series_id], |row| {
                Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
            })
            .map_err(told(&self.path))
    }
}
