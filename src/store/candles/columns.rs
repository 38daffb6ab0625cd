//! The columns that hold the values of a candle: their names, how they are bound and how they are read, for every statement and
//! every page that is written. A value more is a line in each of them, and one in the schema.

use rusqlite::types::Value;
use rusqlite::{Row, Statement};

use crate::model::candle::Candle;
use crate::store::file::stamp::stamp;

/// The names, in the order of the table's columns, which follow its key.
pub(in crate::store) const NAMES: [&str; 7] =
    ["open", "high", "low", "close", "volume", "vwap", "trades"];

/// Where the column after a candle's is, in rows that are selected by [`selected`].
pub(in crate::store) const AFTER: usize = 1 + NAMES.len();

/// The names with something before each: a table, or another beginning of a name.
pub(in crate::store) fn named(before: &str) -> String {
    NAMES.map(|name| format!("{before}{name}")).join(", ")
}

/// What a candle is read from, by [`candle_of`].
pub(in crate::store) fn selected() -> String {
    format!("ts, {}", named(""))
}

/// Parameters for the values, numbered from `first` on.
pub(in crate::store) fn parameters(first: usize) -> String {
    let numbers = (first..).take(NAMES.len());
    numbers
        .map(|n| format!("?{n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The values, to be bound or written.
pub(in crate::store) fn values_of(candle: &Candle) -> [Value; NAMES.len()] {
    let real = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
    [
        Value::Real(candle.open),
        Value::Real(candle.high),
        Value::Real(candle.low),
        Value::Real(candle.close),
        real(candle.volume),
        real(candle.vwap),
        candle.trades.map_or(Value::Null, Value::Integer),
    ]
}

/// Binds the values to parameters from one on.
pub(in crate::store) fn bind(
    statement: &mut Statement<'_>,
    first: usize,
    candle: &Candle,
) -> rusqlite::Result<()> {
    for (at, value) in (first..).zip(values_of(candle)) {
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

/// A candle from the first columns of a row that was [`selected`].
pub(in crate::store) fn candle_of(row: &Row<'_>) -> rusqlite::Result<Candle> {
    let at = |name| 1 + NAMES.iter().position(|known| *known == name).unwrap_or(0);
    Ok(Candle {
        ts: stamp(row, 0)?,
        open: row.get(at("open"))?,
        high: row.get(at("high"))?,
        low: row.get(at("low"))?,
        close: row.get(at("close"))?,
        volume: row.get(at("volume"))?,
        vwap: row.get(at("vwap"))?,
        trades: row.get(at("trades"))?,
    })
}
