//! The file that a run leaves, opened with nothing but `SQLite`. It must never write.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::exchange::PATIENCE;
use super::oracle::{Candle, Span};

/// The file, opened read-only with nothing but `SQLite`.
pub(crate) struct Db(pub(crate) Connection);

impl Db {
    pub(crate) fn open(path: &Path) -> Self {
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        Self(connection)
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.0
            .query_row(sql, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn text(&self, sql: &str) -> String {
        self.0
            .query_row(sql, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn candles(&self, symbol: &str, timeframe: &str) -> Vec<Candle> {
        let sql = "SELECT ts, open, high, low, close, volume, vwap, trades FROM candles WHERE symbol = ? AND timeframe = ? ORDER BY ts";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([symbol, timeframe], |row| {
            Ok(Candle {
                ts: row.get(0)?,
                open: row.get(1)?,
                high: row.get(2)?,
                low: row.get(3)?,
                close: row.get(4)?,
                volume: row.get(5)?,
                vwap: row.get(6)?,
                trades: row.get(7)?,
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The spans a table keeps for a series: `coverage` or `empty_spans`.
    pub(crate) fn spans(&self, table: &str, symbol: &str, timeframe: &str) -> Vec<Span> {
        let sql = format!(
            "SELECT start_ts, end_ts FROM {table} JOIN series ON series.id = series_id WHERE symbol = ? AND timeframe = ? ORDER BY start_ts"
        );
        let mut statement = self.0.prepare(&sql).unwrap();
        let rows = statement.query_map([symbol, timeframe], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn coverage(&self, symbol: &str, timeframe: &str) -> Vec<Span> {
        self.spans("coverage", symbol, timeframe)
    }
}
