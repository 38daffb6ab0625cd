//! A series' key in rows of the file: which columns it has, in which order, in files of every format.

use std::sync::LazyLock;

use rusqlite::Row;
use rusqlite::types::{Type, Value};

use crate::model::listing::{Adjustment, Listing};
use crate::model::market::{date_of, label_of};
use crate::model::series::SeriesKey;
use crate::store::candles::own_days::{by_own_days, own_days};
use crate::store::file::migrate::{MARKETS_SINCE, listing_before};
use crate::store::file::stamp::stamp_if_any;

const NAMES: [&str; WRITTEN] = [
    "symbol",
    "timeframe",
    "source",
    "adjusted",
    "market",
    "grid",
    "currency",
    "last_day",
];
/// How many columns a key has.
const WRITTEN: usize = 8;
/// How many are read for it: those, and the days that the file's calendar of its market has of its own.
pub(in crate::store) const KEY: usize = WRITTEN + 1;
/// Those that every format has.
const ALWAYS: usize = 4;

/// The columns of a key, to be written.
pub(in crate::store) static KEY_NAMES: LazyLock<String> = LazyLock::new(|| NAMES.join(", "));

/// A parameter for each of these columns.
pub(in crate::store) fn parameters_for(columns: &str) -> String {
    vec!["?"; columns.split(',').count()].join(", ")
}

/// What is read for a key in a table of a file of this format. An older one does not have it all.
pub(in crate::store) fn key_columns(table: &str, format: i32) -> String {
    let has = if format < MARKETS_SINCE {
        ALWAYS
    } else {
        WRITTEN
    };
    let mut columns = String::with_capacity(128);
    for (at, name) in NAMES.into_iter().enumerate() {
        let (of, dot) = if at < has {
            (table, ".")
        } else {
            ("NULL AS ", "")
        };
        let comma = if at == 0 { "" } else { ", " };
        columns.extend([comma, of, dot, name]);
    }
    columns += ", ";
    columns += &own_days(&format!("{table}.market"), format);
    columns
}

/// What stands in these columns.
pub(in crate::store) fn key_values(key: &SeriesKey) -> [Value; WRITTEN] {
    let Listing {
        market,
        grid,
        currency,
        last_day,
    } = &key.listing;
    [
        key.symbol.to_string().into(),
        key.timeframe.to_string().into(),
        key.source.clone().into(),
        i64::from(key.adjusted.number()).into(),
        market.to_string().into(),
        grid.to_string().into(),
        currency.map(|currency| currency.to_string()).into(),
        last_day.map(label_of).into(),
    ]
}

/// The key from these columns: the one place where a series has the market of its file.
pub(in crate::store) fn key_of(row: &Row<'_>, at: usize) -> rusqlite::Result<SeriesKey> {
    let (symbol, timeframe): (String, String) = (row.get(at)?, row.get(at + 1)?);
    let symbol = parsed(&symbol, at)?;
    let adjusted: i64 = row.get(at + 3)?;
    let listing = match row.get::<_, Option<String>>(at + 4)? {
        None => listing_before(&symbol),
        Some(market) => Listing {
            market: by_own_days(parsed(&market, at + 4)?, row, at + WRITTEN)?,
            grid: parsed(&row.get::<_, String>(at + 5)?, at + 5)?,
            currency: match row.get::<_, Option<String>>(at + 6)? {
                Some(currency) => Some(parsed(&currency, at + 6)?),
                None => None,
            },
            last_day: stamp_if_any(row, at + 7)?.map(date_of),
        },
    };
    Ok(SeriesKey {
        timeframe: parsed(&timeframe, at + 1)?,
        source: row.get(at + 2)?,
        adjusted: Adjustment::numbered(adjusted)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(at + 3, adjusted))?,
        listing,
        symbol,
    })
}

fn parsed<T>(text: &str, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}
