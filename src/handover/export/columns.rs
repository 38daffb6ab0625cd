//! The columns that an export can have: one table, from which every format takes names, types and values. A new column is
//! a line here. No I/O.

use std::fmt;
use std::str::FromStr;

use crate::model::series::SeriesKey;
use crate::view::Batch;

/// Candles of one series on their way out.
#[derive(Debug)]
pub(super) struct Part {
    /// The series, by its place among the chosen ones.
    pub(super) series: usize,
    pub(super) batch: Batch,
}

impl Part {
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.batch.len()).map(|at| Row {
            series: self.series,
            batch: &self.batch,
            at,
        })
    }
}

/// All candles of parts, in order.
#[cfg(feature = "parquet")]
pub(super) fn rows_of(parts: &[Part]) -> Vec<Row<'_>> {
    parts.iter().flat_map(Part::rows).collect()
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) series: usize,
    pub(super) batch: &'a Batch,
    pub(super) at: usize,
}

impl Row<'_> {
    pub(super) fn ts(&self) -> i64 {
        self.batch.ts[self.at]
    }
}

/// Where a column's values come from, and with that their type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// Text that is the same for a whole series.
    Text(fn(&SeriesKey) -> String),
    /// Yes or no, the same for a whole series.
    Flag(fn(&SeriesKey) -> bool),
    /// Unix seconds: a timestamp where the format has one.
    Time(fn(&Row<'_>) -> Option<i64>),
    /// Unix seconds, always written as RFC 3339 text.
    TimeText(fn(&Row<'_>) -> Option<i64>),
    /// A number.
    Real(fn(&Row<'_>) -> Option<f64>),
    /// A count.
    Whole(fn(&Row<'_>) -> Option<i64>),
}

/// When a column is written without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unasked {
    Always,
    InText,
    Never,
}

#[derive(Debug)]
struct Spec {
    name: &'static str,
    value: Value,
    may_be_absent: bool,
    unasked: Unasked,
}

const fn spec(name: &'static str, unasked: Unasked, may_be_absent: bool, value: Value) -> Spec {
    Spec {
        name,
        value,
        may_be_absent,
        unasked,
    }
}

/// All there are, in the order in which they stand where nothing else is asked for.
static COLUMNS: [Spec; 14] = {
    use Unasked::{Always, InText, Never};
    use Value::{Flag, Real, Text, Time, TimeText, Whole};
    [
        spec("symbol", Always, false, Text(|key| key.symbol.to_string())),
        spec(
            "timeframe",
            Always,
            false,
            Text(|key| key.timeframe.to_string()),
        ),
        spec("ts", Always, false, Time(|row| Some(row.ts()))),
        spec("datetime", InText, false, TimeText(|row| Some(row.ts()))),
        spec(
            "open",
            Always,
            false,
            Real(|row| Some(row.batch.open[row.at])),
        ),
        spec(
            "high",
            Always,
            false,
            Real(|row| Some(row.batch.high[row.at])),
        ),
        spec(
            "low",
            Always,
            false,
            Real(|row| Some(row.batch.low[row.at])),
        ),
        spec(
            "close",
            Always,
            false,
            Real(|row| Some(row.batch.close[row.at])),
        ),
        spec(
            "volume",
            Always,
            true,
            Real(|row| row.batch.volume.get(row.at)),
        ),
        spec("vwap", Always, true, Real(|row| row.batch.vwap.get(row.at))),
        spec(
            "trades",
            Always,
            true,
            Whole(|row| row.batch.trades.get(row.at)),
        ),
        spec("source", Never, false, Text(|key| key.source.clone())),
        spec(
            "adjusted",
            Never,
            false,
            Flag(|key| key.adjusted.is_adjusted()),
        ),
        spec(
            "known_at",
            Never,
            true,
            Time(|row| row.batch.known_at.get(row.at)),
        ),
    ]
};

/// A column of an export, known by its name.
///
/// `ts` is the candle's start and `known_at` when its values were first stored: timestamps in UTC where the format has
/// such, Unix seconds in text. `datetime` is `ts` as RFC 3339 text.
#[derive(Clone, Copy)]
pub struct Column(&'static Spec);

/// Text that names no column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a column; there are {}", names().join(", "))]
pub struct UnknownColumn {
    name: String,
}

/// The column of a name that there is: of another one this does not compile.
const fn named(name: &str) -> Column {
    const fn is_same(a: &[u8], b: &[u8]) -> bool {
        match (a, b) {
            ([], []) => true,
            ([x, a @ ..], [y, b @ ..]) => *x == *y && is_same(a, b),
            _ => false,
        }
    }
    let mut at = 0;
    while !is_same(COLUMNS[at].name.as_bytes(), name.as_bytes()) {
        at += 1;
    }
    Column(&COLUMNS[at])
}

fn names() -> Vec<&'static str> {
    COLUMNS.iter().map(|spec| spec.name).collect()
}

impl Column {
    /// When the values were first stored: the end of the slice that brought them, its start while it still runs. Absent for
    /// candles that were handed in, and where the file was given away without its history.
    pub const KNOWN_AT: Column = named("known_at");
    /// The symbol.
    pub const SYMBOL: Column = named("symbol");
    /// The timeframe.
    pub const TIMEFRAME: Column = named("timeframe");
    /// The candle's start.
    pub const TS: Column = named("ts");

    /// The columns that are written where none are asked for. Text has the time for people, too.
    pub fn unasked(in_text: bool) -> Vec<Column> {
        COLUMNS
            .iter()
            .filter(|spec| {
                spec.unasked == Unasked::Always || in_text && spec.unasked == Unasked::InText
            })
            .map(Column)
            .collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether folders of the hive layout say it, so that the files in them do not.
    pub fn is_in_path(self) -> bool {
        self == Column::SYMBOL
    }

    pub(super) fn value(self) -> Value {
        self.0.value
    }

    /// Whether a candle may have no such value.
    pub fn may_be_absent(self) -> bool {
        self.0.may_be_absent
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Column) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Column {}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl FromStr for Column {
    type Err = UnknownColumn;

    fn from_str(name: &str) -> Result<Column, UnknownColumn> {
        COLUMNS
            .iter()
            .find(|spec| spec.name == name)
            .map(Column)
            .ok_or_else(|| UnknownColumn {
                name: name.to_owned(),
            })
    }
}
