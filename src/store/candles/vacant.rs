//! Where the provider had nothing, of the series of the file. Listing thousands of series must stay a matter of a moment:
//! of minutes and hours one candle in three days is looked up, of longer candles the starts alone are read.

use crate::model::market::Market;
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::vacant::{End, vacancies};
use crate::store::file::stamp::stamp;
use crate::store::{Counted, SeriesRow, Store, StoreError, told};

/// What is vacant of a series, and what the series was when that was looked up: candles come and go only with one of
/// these.
pub(in crate::store) type Vacancies = ((SeriesKey, Market, Counted, SpanSet), SpanSet);

/// Series of which they are kept in mind.
const KNOWN: usize = 10_000;

impl Store {
    /// The covered stretches of a series without a candle that are worth telling: of three days with trading hours and more,
    /// of one whole candle for `1w` and `1mo`. A series without any candle has been asked for them all the same.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn nothing_from_provider(&self, series: &SeriesRow) -> Result<SpanSet, StoreError> {
        let market = series.market();
        // Whoever is asked about the same series again and again looks them up once.
        let answered = market.bridged(&series.answered());
        let answered = answered.within(market.known_years());
        let state = (series.key.clone(), market, series.books(), answered);
        if let Some((of, known)) = self.known_vacancies.borrow().get(&series.id)
            && *of == state
        {
            return Ok(known.clone());
        }
        let found = self.vacancies_in(series.id, &market, &state.3, market.telling_slots())?;
        let found: SpanSet = found.into_iter().collect();
        let mut known = self.known_vacancies.borrow_mut();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(series.id, (state, found.clone()));
        Ok(found)
    }

    /// The covered days of a series with trading hours and without any candle, of `1w` and `1mo` the candles, however few
    /// they are: all that there could be to ask for again.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn vacant(
        &self,
        series_id: i64,
        market: &Market,
        covered: &SpanSet,
    ) -> Result<SpanSet, StoreError> {
        let found = self.vacancies_in(series_id, market, covered, 1)?;
        let days = found
            .into_iter()
            .filter_map(|vacant| market.whole_days(vacant));
        Ok(days.collect())
    }

    fn vacancies_in(
        &self,
        series_id: i64,
        market: &Market,
        answered: &SpanSet,
        slots: usize,
    ) -> Result<Vec<Span>, StoreError> {
        let told = told(&self.path);
        if market.timeframe().is_label() {
            let starts = self.starts(series_id)?;
            return vacancies(market, answered, slots, |span, end| {
                Ok(among(&starts, span, end))
            });
        }
        let prepare = |order: &str| {
            let sql = format!(
                "SELECT ts FROM candle_data WHERE series_id = ? AND ts >= ? AND ts < ? ORDER BY ts {order} LIMIT 1"
            );
            self.connection.prepare_cached(&sql).map_err(told)
        };
        let (mut first, mut last) = (prepare("ASC")?, prepare("DESC")?);
        vacancies(market, answered, slots, |span, end| {
            let select = match end {
                End::First => &mut first,
                End::Last => &mut last,
            };
            let mut rows = select
                .query([series_id, span.start(), span.end()])
                .map_err(told)?;
            let row = rows.next().map_err(told)?;
            row.map(|row| stamp(row, 0)).transpose().map_err(told)
        })
    }

    /// The starts of all candles of a series, ascending.
    pub(in crate::store) fn starts(&self, series_id: i64) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT ts FROM candle_data WHERE series_id = ? ORDER BY ts";
        let mut starts: Vec<i64> = Vec::new();
        let told = told(&self.path);
        let mut select = self.connection.prepare_cached(sql).map_err(told)?;
        let mut rows = select.query([series_id]).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            let ts = stamp(row, 0).map_err(told)?;
            // A damaged file could lead in circles.
            if starts.last().is_some_and(|&before| before >= ts) {
                return Err(self.out_of_order(ts));
            }
            starts.push(ts);
        }
        Ok(starts)
    }
}

fn among(starts: &[i64], span: Span, end: End) -> Option<i64> {
    let before = |position| starts.partition_point(|&ts| ts < position);
    let within = &starts[before(span.start())..before(span.end())];
    match end {
        End::First => within.first().copied(),
        End::Last => within.last().copied(),
    }
}
