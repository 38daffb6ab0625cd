//! Days that a file has of its own for a market's calendar, and the market of a series: told by people, and with them the flags
//! of the candles that are stored already.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use crate::model::calendar::Calendar;
use crate::model::market::{Market, MarketCode, date_of, label_of};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::candles::flags::judge_hours_anew;
use crate::store::candles::series::{check_unclaimed, fillable};
use crate::store::file::stamp::stamp;
use crate::store::{FORMAT, SeriesRow, Store, StoreError, told};

/// Since this format a file has days of its own.
const OWN_DAYS_SINCE: i32 = 7;

/// Days of a market that are read: more than there are in the years of any calendar, and no more than that of a stranger's file.
const MOST: u32 = 20_000;

/// What became of days that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DaysTold {
    /// Those on which the calendar says something else now.
    pub changed: Vec<NaiveDate>,
    /// Those of which it said so already.
    pub known: Vec<NaiveDate>,
    /// Stored candles that lie outside of trading hours now and did not before.
    pub flagged: u64,
    /// Stored candles that do not any more.
    pub cleared: u64,
}

/// A column with the days of a market, for [`by_own_days`]. A file of an older format has none.
pub(super) fn own_days(market: &str, format: i32) -> String {
    if format < OWN_DAYS_SINCE {
        return "NULL".to_owned();
    }
    format!(
        "(SELECT json_group_array(json_array(day, is_open)) FROM
          (SELECT day, is_open FROM calendar_days WHERE calendar_days.market = {market} LIMIT {MOST}))"
    )
}

/// The market by the days in this column.
pub(super) fn by_own_days(
    market: MarketCode,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<MarketCode> {
    let days: Option<String> = row.get(at)?;
    let (Some(days), Some(table)) = (days.filter(|days| days != "[]"), market.calendar()) else {
        return Ok(market);
    };
    let days: Vec<(i64, i64)> = serde_json::from_str(&days).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error))
    })?;
    let days = days
        .into_iter()
        .map(|(day, is_open)| (date_of(day), is_open != 0));
    Ok(market.by(table.with_own(days.collect())))
}

/// The key with the market as the file has it: for one that comes from elsewhere.
pub(in crate::store) fn of_file(
    connection: &Connection,
    format: i32,
    key: &SeriesKey,
) -> rusqlite::Result<SeriesKey> {
    let mut key = key.clone();
    key.listing.market = market_of_file(connection, format, key.listing.market)?;
    Ok(key)
}

fn market_of_file(
    connection: &Connection,
    format: i32,
    market: MarketCode,
) -> rusqlite::Result<MarketCode> {
    let sql = format!("SELECT {}", own_days("?1", format));
    let mut select = connection.prepare_cached(&sql)?;
    let values = if format < OWN_DAYS_SINCE {
        &[][..]
    } else {
        &[market.as_str()][..]
    };
    select.query_row(rusqlite::params_from_iter(values), |row| {
        by_own_days(market, row, 0)
    })
}

impl Store {
    /// The key with the market as this file has it: for one that comes from elsewhere.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of_file(&self, key: &SeriesKey) -> Result<SeriesKey, StoreError> {
        of_file(&self.connection, self.format, key).map_err(told(&self.path))
    }

    /// A calendar with the days that this file has of its own.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn calendar(
        &self,
        table: &'static Calendar,
    ) -> Result<&'static Calendar, StoreError> {
        let Ok(market) = table.code().parse() else {
            return Ok(table);
        };
        let market = market_of_file(&self.connection, self.format, market);
        Ok(market
            .map_err(told(&self.path))?
            .calendar()
            .unwrap_or(table))
    }

    /// Has the file know that there is a session on some days of a calendar, or none; the markets with the same sessions know it,
    /// too. A day of which the program knows that itself is taken out of the file again. The candles that are stored on these days
    /// are flagged by their market's new hours.
    ///
    /// # Errors
    /// Candles that are cut from the session of a day would lose it, or the file cannot be written.
    pub(crate) fn tell_days(
        &mut self,
        table: &'static Calendar,
        days: &BTreeSet<NaiveDate>,
        is_open: bool,
    ) -> Result<DaysTold, StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let before = self.calendar(table)?;
        let mut found = DaysTold::default();
        for &day in days {
            if before.trades_on(day) == is_open {
                found.known.push(day);
            } else {
                found.changed.push(day);
                write_day(&tx, table, day, is_open).map_err(told)?;
            }
        }
        for series in self.series()? {
            let market = series.market();
            let is_of_it = |code: &str| code == market.code().as_str();
            for &day in found
                .changed
                .iter()
                .filter(|_| table.codes_alike().any(is_of_it))
            {
                let around = around(&market, day);
                self.check_cut(&series, &market, around)?;
                let (flagged, cleared) = self.judge_hours(&series, market, around)?;
                found.flagged += flagged;
                found.cleared += cleared;
            }
        }
        tx.commit()?;
        Ok(found)
    }

    /// Flags the candles on the days that the file has of its own by the hours of their markets: where the days and the candles
    /// come from several files.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn judge_own_days(&self) -> Result<(), StoreError> {
        for series in self.series()? {
            let market = series.market();
            let Some(calendar) = market.code().calendar() else {
                continue;
            };
            for &day in calendar.own_days().keys() {
                self.judge_hours(&series, market, around(&market, day))?;
            }
        }
        Ok(())
    }

    fn judge_hours(
        &self,
        series: &SeriesRow,
        market: Market,
        within: Span,
    ) -> Result<(u64, u64), StoreError> {
        judge_hours_anew(&self.connection, series.id, market, within)
            .map_err(|error| error.at(&self.path))
    }

    /// All days that this file has of its own: the market, the day, and whether there is a session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn own_days(&self) -> Result<Vec<(String, NaiveDate, bool)>, StoreError> {
        if self.format < OWN_DAYS_SINCE {
            return Ok(Vec::new());
        }
        let read = || {
            let sql = "SELECT market, day, is_open FROM calendar_days ORDER BY market, day";
            let mut select = self.connection.prepare(sql)?;
            let rows = select.query_map([], |row| {
                Ok((row.get(0)?, date_of(stamp(row, 1)?), row.get(2)?))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(told(&self.path))
    }

    /// Gives a series another market, and flags its candles by the hours of that. `now`, in Unix seconds, says whether a job whose
    /// process cannot be seen still gives signs of life.
    ///
    /// # Errors
    /// The file holds no such series, a running job works on it, what was asked or stored of it rests on the market that it has, or
    /// the file cannot be written.
    pub(crate) fn set_market(
        &mut self,
        symbol: &Symbol,
        timeframe: Timeframe,
        asked: MarketCode,
        now: i64,
    ) -> Result<(SeriesRow, DaysTold), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        let held = self.find_series(symbol, timeframe)?;
        if held.key.listing.market == asked {
            return Ok((held, DaysTold::default()));
        }
        check_unclaimed(&tx, held.id, now, &self.path)?;
        let mut series = held.clone();
        series.key.listing.market = market_of_file(&tx, FORMAT, asked).map_err(told)?;
        let market = fillable(&series.key, series.market())?;
        let keeps = |why: &'static str| StoreError::KeepsMarket {
            symbol: symbol.to_string(),
            timeframe: timeframe.to_string(),
            market: held.key.listing.market,
            asked,
            why,
        };
        let was_asked = !held.coverage.is_empty() || !held.empty.is_empty();
        if was_asked && held.market().zone() != market.zone() {
            return Err(keeps(
                "what was asked of it is covered by days of another zone",
            ));
        }
        self.check_cut(&series, &market, Span::EVERYTHING)
            .map_err(|error| match error {
                StoreError::CutFromSession { .. } => {
                    keeps("its candles are cut from the sessions of that")
                }
                other => other,
            })?;
        let sql =
            "SELECT EXISTS (SELECT 1 FROM candle_data WHERE series_id = ? AND volume IS NULL)";
        if market.has_volume()
            && tx
                .query_row(sql, [held.id], |row| row.get(0))
                .map_err(told)?
        {
            return Err(keeps(
                "it has candles without a volume, as indices alone have them",
            ));
        }
        // What was asked of its end was due by the hours that it had.
        let sql = "UPDATE series SET market = ?, tail_asked_at = NULL, tail_asked_from = NULL, tail_asked_to = NULL WHERE id = ?";
        tx.execute(sql, params![asked.as_str(), held.id])
            .map_err(told)?;
        let (flagged, cleared) = self.judge_hours(&held, market, Span::EVERYTHING)?;
        tx.commit()?;
        let found = DaysTold {
            flagged,
            cleared,
            ..DaysTold::default()
        };
        Ok((held, found))
    }

    /// That the candles of a series in a span start where the market has them start.
    fn check_cut(
        &self,
        series: &SeriesRow,
        market: &Market,
        within: Span,
    ) -> Result<(), StoreError> {
        if !market.is_cut_from_sessions() {
            return Ok(());
        }
        let sql =
            "SELECT ts FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts";
        let astray = || -> rusqlite::Result<Option<i64>> {
            let mut select = self.connection.prepare_cached(sql)?;
            let mut rows = select.query([series.id, within.start(), within.end()])?;
            while let Some(row) = rows.next()? {
                let ts = stamp(row, 0)?;
                if !market.on_grid(ts) {
                    return Ok(Some(ts));
                }
            }
            Ok(None)
        };
        match astray().map_err(told(&self.path))? {
            None => Ok(()),
            Some(ts) => Err(StoreError::CutFromSession {
                symbol: series.key.symbol.to_string(),
                timeframe: series.key.timeframe.to_string(),
                day: market.day_of(ts),
            }),
        }
    }
}

/// Writes down what the program does not know, and takes out what it knows itself.
fn write_day(
    tx: &Connection,
    table: &Calendar,
    day: NaiveDate,
    is_open: bool,
) -> rusqlite::Result<()> {
    for code in table.codes_alike() {
        if table.table_has(day) == is_open {
            let sql = "DELETE FROM calendar_days WHERE market = ? AND day = ?";
            tx.execute(sql, params![code, label_of(day)])?;
        } else {
            let sql =
                "INSERT OR REPLACE INTO calendar_days (market, day, is_open) VALUES (?, ?, ?)";
            tx.execute(sql, params![code, label_of(day), is_open])?;
        }
    }
    Ok(())
}

/// Where candles lie that hold any of a market day, those of the evening before it among them.
fn around(market: &Market, day: NaiveDate) -> Span {
    let label = label_of(day);
    let wide = Span::new(label - 2 * 86_400, label + 3 * 86_400).unwrap_or(Span::EVERYTHING);
    market.whole_candles(wide)
}
