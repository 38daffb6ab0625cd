//! Candles that come from elsewhere: stored like fetched ones, but without an answer behind them.

use chrono::{Datelike, Weekday};
use rusqlite::Connection;

use crate::model::candle::{Candle, Rejected, Unstorable};
use crate::model::counts::Counts;
use crate::model::market::{Market, date_of};
use crate::model::series::SeriesKey;
use crate::store::candles::own_days::of_file;
use crate::store::candles::rows::{RowError, Rows};
use crate::store::candles::series::{bind, fillable};
use crate::store::file::stamp::stamp_if_any;
use crate::store::{FORMAT, Store, StoreError, told};

impl Store {
    /// Stores candles that came from elsewhere, in one transaction, and says what became of each. They give no coverage:
    /// a later backfill asks for their span all the same. Rows that cannot be stored are kept in `rejected`; one that
    /// differs from a stored candle is a conflict, and the stored one stays. No later answer replaces or removes what was
    /// handed in. The candles may come in any order. `now`, in Unix seconds, is when the series was made, where it is new, and when
    /// rejects and conflicts were seen; nothing is judged by it.
    ///
    /// # Errors
    /// The series is held from another source, with another adjustment or of another market, this build does not know its market
    /// or its grid, or the file cannot be written.
    ///
    /// # Examples
    /// ```
    /// use candlefile::model::{Adjustment, Candle, Listing, MarketCode, SeriesKey};
    /// use candlefile::Store;
    ///
    /// let folder = std::env::temp_dir().join(format!("candlefile-doc-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// let mut store = Store::create(&folder.join("insert.db"))?;
    /// let key = SeriesKey {
    ///     symbol: "AAPL".parse()?, timeframe: "1d".parse()?, source: "my-csv".into(),
    ///     adjusted: Adjustment::Raw, listing: Listing::on(MarketCode::XNYS),
    /// };
    /// let candle = Candle {
    ///     ts: 1_704_153_600, // 2024-01-02T00:00:00Z
    ///     open: 187.15, high: 188.44, low: 183.89, close: 185.64, volume: Some(82_488_700.0), vwap: None, trades: None,
    /// };
    /// let first = store.insert_candles(&key, &[candle], 1_704_240_000)?;
    /// assert_eq!((first.inserted, first.duplicate), (1, 0));
    /// let again = store.insert_candles(&key, &[candle], 1_704_240_000)?;
    /// assert_eq!((again.inserted, again.duplicate), (0, 1));
    /// # drop(store); std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn insert_candles(
        &mut self,
        key: &SeriesKey,
        candles: &[Candle],
        now: i64,
    ) -> Result<Counts, StoreError> {
        let tx = self.begin()?;
        let series_id = bind(&tx, key, None, now, &self.path)?;
        let market = market_of(&tx, series_id, key, candles).map_err(told(&self.path))?;
        let market = fillable(key, market)?;
        let (mut storable, mut rejected) = (Vec::with_capacity(candles.len()), Vec::new());
        for candle in candles {
            let verdict = match candle.storable(&market) {
                Ok(()) if !market.on_grid(candle.ts) => Err(Unstorable::OffGrid),
                verdict => verdict,
            };
            match verdict {
                Ok(()) => storable.push(*candle),
                Err(why) => rejected.push(Rejected {
                    ts: Some(candle.ts),
                    reason: why.to_string(),
                    raw: format!("{candle:?}"),
                }),
            }
        }
        storable.sort_by_key(|candle| candle.ts);
        let rows = HandedIn {
            series_id,
            market,
            candles: &storable,
            rejected: &rejected,
            seen_at: now,
        };
        let counts = hand_in(&tx, &rows).map_err(|error| error.at(&self.path))?;
        tx.commit()?;
        Ok(counts)
    }
}

/// Candles of a series that no answer brought.
pub(crate) struct HandedIn<'a> {
    /// The series' row.
    pub series_id: i64,
    /// Its market: its trading hours tell which candles are flagged.
    pub market: Market,
    /// What can be stored, ascending by `ts`.
    pub candles: &'a [Candle],
    /// What cannot be stored.
    pub rejected: &'a [Rejected],
    /// When they were handed in, Unix seconds.
    pub seen_at: i64,
}

/// Stores candles that no answer brought, and what of them could not be stored, and brings the series' row up to date.
pub(in crate::store) fn hand_in(
    tx: &Connection,
    handed: &HandedIn<'_>,
) -> Result<Counts, RowError> {
    let mut rows = Rows {
        tx,
        series_id: handed.series_id,
        slice_id: None,
        market: handed.market,
        hours: None,
        beginning: None,
        seen_at: handed.seen_at,
        counts: Counts::default(),
    };
    for row in handed.rejected {
        rows.reject(row)?;
    }
    rows.insert(handed.candles)?;
    rows.settle(&[])?;
    Ok(rows.counts)
}

/// The market of a series by the file's calendar, with the weekday that begins its weeks.
pub(in crate::store) fn market_of(
    connection: &Connection,
    series_id: i64,
    key: &SeriesKey,
    candles: &[Candle],
) -> rusqlite::Result<Market> {
    let key = of_file(connection, FORMAT, key)?;
    Ok(key.market(week_start(connection, series_id, candles)?))
}

/// The weekday that begins the series' weeks: the provider's, or else that of its first candle, here or in the file.
fn week_start(
    connection: &Connection,
    series_id: i64,
    candles: &[Candle],
) -> rusqlite::Result<Weekday> {
    let sql = "SELECT week_start, first_ts FROM series WHERE id = ?";
    let (recorded, first): (Option<u8>, _) = connection
        .prepare_cached(sql)?
        .query_row([series_id], |row| Ok((row.get(0)?, stamp_if_any(row, 1)?)))?;
    let recorded = recorded.and_then(|day| Weekday::try_from(day.wrapping_sub(1)).ok());
    let first = first.or(candles.iter().map(|candle| candle.ts).min());
    Ok(recorded.unwrap_or_else(|| date_of(first.unwrap_or_default()).weekday()))
}
