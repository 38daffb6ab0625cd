//! What stands beside the candles of some series, table by table: read as it stands, to be kept in a packed file.

use std::collections::{HashMap, HashSet};

use rusqlite::types::Value;
use rusqlite::{Row, params};

use crate::model::market::label_of;
use crate::model::span::Span;
use crate::store::file::tables::{Kind, TABLES, Table, judgements, table};
use crate::store::{Store, StoreError, told};

/// A row of a table, with a value for each of its columns.
pub(crate) type TableRow = (&'static Table, Vec<Value>);

/// When a series was made, and when and from where to where its end was asked last: Unix seconds, the span half-open.
pub(crate) type Times = [Option<i64>; 4];

/// What of a job says who ran it, where and how: gone where the file goes.
const OF_A_RUN: [(&str, &str); 5] = [
    ("owner", "NULL"),
    ("heartbeat_at", "NULL"),
    ("program", "NULL"),
    ("rate", "NULL"),
    ("workers", "NULL"),
];

fn values_of(table: &Table, row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    (0..table.columns.len()).map(|at| row.get(at)).collect()
}

impl Store {
    /// Reads how the file came to hold some series, given by their rows here and what these are to be elsewhere.
    pub(crate) fn each_of_history<E: From<StoreError>>(
        &self,
        series: &HashMap<i64, i64>,
        mut each: impl FnMut(TableRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error| E::from(told(&self.path)(error));
        let jobs = self.jobs_of(series).map_err(told)?;
        for table in TABLES.iter() {
            if !matches!(table.kind(), Kind::History | Kind::Log { .. }) {
                continue;
            }
            let of_series = table.place("series_id");
            let of_job = table.place("job_id");
            let said: &[(&str, &str)] = match table.name.as_str() {
                "backfill_jobs" => &OF_A_RUN,
                _ => &[],
            };
            let Some(columns) = table
                .expressions(&self.connection, "main", said)
                .map_err(told)?
            else {
                continue;
            };
            let sql = format!(
                "SELECT {} FROM {} AS row ORDER BY 1, 2",
                columns.join(", "),
                table.name
            );
            let mut select = self.connection.prepare(&sql).map_err(told)?;
            let mut rows = select.query([]).map_err(told)?;
            while let Some(row) = rows.next().map_err(told)? {
                let mut values = values_of(table, row).map_err(told)?;
                let is_kept = if let Some(at) = of_series {
                    let here = match values[at] {
                        Value::Integer(id) => Some(id),
                        _ => None,
                    };
                    let elsewhere = here.and_then(|id| series.get(&id)).copied();
                    values[at] = Value::from(elsewhere);
                    elsewhere.is_some()
                } else {
                    let of_job = of_job.map(|at| &values[at]);
                    matches!(of_job, Some(Value::Text(id)) if jobs.contains(id))
                };
                if is_kept {
                    each((table, values))?;
                }
            }
        }
        Ok(())
    }

    /// The jobs that have asked for any of some series.
    fn jobs_of(&self, series: &HashMap<i64, i64>) -> rusqlite::Result<HashSet<String>> {
        let mut jobs = HashSet::new();
        let mut select = self
            .connection
            .prepare("SELECT series_id, job_id FROM backfill_series")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if series.contains_key(&row.get(0)?) {
                jobs.insert(row.get(1)?);
            }
        }
        Ok(jobs)
    }

    /// Reads what is said of single candles of a series in a span, with what the series' row is to be elsewhere.
    pub(crate) fn each_judgement<E: From<StoreError>>(
        &self,
        series_id: i64,
        span: Span,
        elsewhere: i64,
        mut each: impl FnMut(TableRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let told = |error| E::from(told(&self.path)(error));
        for (table, at) in judgements() {
            let said = [("series_id", "?4")];
            let Some(columns) = table
                .expressions(&self.connection, "main", &said)
                .map_err(told)?
            else {
                continue;
            };
            let columns = columns.join(", ");
            let sql = format!(
                "SELECT {columns} FROM {} AS row WHERE series_id = ?1 AND {at} >= ?2 AND {at} < ?3 ORDER BY {columns}",
                table.name
            );
            let mut select = self.connection.prepare_cached(&sql).map_err(told)?;
            let within = params![series_id, span.start(), span.end(), elsewhere];
            let mut rows = select.query(within).map_err(told)?;
            while let Some(row) = rows.next().map_err(told)? {
                each((table, values_of(table, row).map_err(told)?))?;
            }
        }
        Ok(())
    }

    /// Reads the days that the file's calendars have of their own, of some markets.
    pub(crate) fn each_own_day<E: From<StoreError>>(
        &self,
        markets: &HashSet<String>,
        mut each: impl FnMut(TableRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = table("calendar_days");
        for (market, day, is_open) in self.own_days()? {
            if markets.contains(&market) {
                let values = vec![
                    market.into(),
                    label_of(day).into(),
                    i64::from(is_open).into(),
                ];
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
