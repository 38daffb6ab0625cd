//! Ten years of days in thousands of series, and of minutes in one: the sample's, copied.

use std::path::Path;
use std::time::Instant;

use super::{candles, program};

/// The file with both.
#[allow(clippy::cast_possible_truncation)]
pub fn make(path: &Path) {
    let words = "backfill AAPL -t 1d,1m --provider sample --start 2014-01-01 --end 2023-12-31";
    let words: Vec<&str> = words.split(' ').collect();
    program::run(path, &words);
    let series = (10_000.0 * candles::scale()) as i64;
    let connection = rusqlite::Connection::open(path).unwrap();
    let copies = format!(
        "CREATE TEMP TABLE of AS SELECT * FROM series WHERE timeframe = '1d';
         CREATE TEMP TABLE copies AS
             WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {series} - 1)
             SELECT n + 1000 AS id FROM copies;
         BEGIN;
         INSERT INTO series (id, symbol, timeframe, source, adjusted, market, grid, candles, first_ts, last_ts)
             SELECT copies.id, 'S' || copies.id, timeframe, source, adjusted, market, grid, candles, first_ts, last_ts FROM copies, of;
         INSERT INTO coverage SELECT copies.id, start_ts, end_ts FROM copies, coverage WHERE series_id = (SELECT id FROM of);
         INSERT INTO backfill_series SELECT job_id, copies.id, start_ts, end_ts, status, NULL
             FROM copies, backfill_series WHERE series_id = (SELECT id FROM of);
         INSERT INTO candle_data SELECT copies.id, ts, open, high, low, close, volume, vwap, trades, slice_id
             FROM copies, candle_data WHERE series_id = (SELECT id FROM of);
         COMMIT"
    );
    connection.execute_batch(&copies).unwrap();
}

/// Seconds in which SQLite reads the keys of all candles of a timeframe.
pub fn keys(path: &Path, timeframe: &str) -> f64 {
    let began = Instant::now();
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = "SELECT ts FROM series AS s JOIN candle_data AS c ON c.series_id = s.id WHERE s.timeframe = ?";
    let mut select = connection.prepare(sql).unwrap();
    let mut rows = select.query([timeframe]).unwrap();
    let mut sum = 0;
    while let Some(row) = rows.next().unwrap() {
        sum ^= row.get::<_, i64>(0).unwrap();
    }
    std::hint::black_box(sum);
    began.elapsed().as_secs_f64()
}
