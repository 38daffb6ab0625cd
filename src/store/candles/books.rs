//! What a series' row says of its candles, against those that somebody has read: whoever reads a series whole would
//! otherwise hand on rows that are missing as if the provider had had none. It must never read for that itself.

use rusqlite::OptionalExtension;

use crate::model::instant::time;
use crate::model::number::counted;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::store::{SeriesRow, Store, StoreError, told};

/// Candles of one series, read in ascending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub candles: u64,
    /// Start of the first.
    pub first_ts: Option<i64>,
    /// Start of the last.
    pub last_ts: Option<i64>,
}

impl Counted {
    /// Counts the next one.
    pub(crate) fn add(&mut self, ts: i64) {
        self.candles += 1;
        self.first_ts = self.first_ts.or(Some(ts));
        self.last_ts = Some(ts);
    }

    /// Whether a series of which this is said can have had these in a span. Between the ends of a part nothing is known.
    fn allows(self, read: Counted, span: Span) -> bool {
        let has_ends = [self.first_ts, self.last_ts].map(|ts| ts.is_some());
        if has_ends != [self.candles > 0; 2] {
            return false;
        }
        let first = self.first_ts.filter(|&ts| span.contains(ts));
        let last = self.last_ts.filter(|&ts| span.contains(ts));
        let is_whole = self.candles == 0 || first.is_some() && last.is_some();
        if is_whole {
            return read == self;
        }
        read.candles <= self.candles
            && first.is_none_or(|_| read.first_ts == first)
            && last.is_none_or(|_| read.last_ts == last)
            && (read.first_ts.is_none_or(|ts| self.first_ts <= Some(ts)))
            && (read.last_ts.is_none_or(|ts| Some(ts) <= self.last_ts))
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", counted(self.candles, "candle"))?;
        let time = |ts: Option<i64>| ts.map_or_else(|| "nowhere".to_owned(), time);
        match (self.first_ts, self.last_ts) {
            (None, None) if self.candles == 0 => Ok(()),
            (first, last) => write!(f, " from {} to {}", time(first), time(last)),
        }
    }
}

impl SeriesRow {
    /// What its row says of its candles.
    pub(crate) fn books(&self) -> Counted {
        Counted {
            candles: self.candles,
            first_ts: self.first_ts,
            last_ts: self.last_ts,
        }
    }
}

/// The lowest series of which there are candles and no row. One seek a series.
const WITHOUT_A_ROW: &str = "WITH RECURSIVE held (id) AS (SELECT min(series_id) FROM candle_data
    UNION ALL SELECT (SELECT min(series_id) FROM candle_data WHERE series_id > id) FROM held WHERE id IS NOT NULL)
    SELECT id FROM held WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM series) LIMIT 1";

impl Store {
    /// All series, for somebody who hands them on: none of the candles may have lost its series.
    ///
    /// # Errors
    /// The file cannot be read, or holds candles of a series that has no row.
    pub(crate) fn whole_series(&self) -> Result<Vec<SeriesRow>, StoreError> {
        let lost: Option<i64> = self
            .connection
            .query_row(WITHOUT_A_ROW, [], |row| row.get(0))
            .optional()
            .map_err(told(&self.path))?;
        if let Some(id) = lost {
            return Err(StoreError::Books {
                path: self.path.clone(),
                series: format!("number {id}"),
                what: "has candles, and no row says of which series they are".to_owned(),
            });
        }
        self.series()
    }

    pub(in crate::store) fn wrong_books(
        &self,
        key: &SeriesKey,
        says: Counted,
        read: Counted,
    ) -> StoreError {
        StoreError::Books {
            path: self.path.clone(),
            series: format!("{} {}", key.symbol, key.timeframe),
            what: format!("says {says}, and reading gave {read}"),
        }
    }

    /// Compares what was read of a series in a span with what its row says, both at one instant.
    ///
    /// # Errors
    /// They differ: candles are missing, or are there that nobody has counted.
    pub(crate) fn check_books(
        &self,
        series: &SeriesRow,
        span: Span,
        read: Counted,
    ) -> Result<(), StoreError> {
        let says = series.books();
        if says.allows(read, span) {
            return Ok(());
        }
        Err(self.wrong_books(&series.key, says, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(stamps: &[i64]) -> Counted {
        let mut counted = Counted::default();
        for &ts in stamps {
            counted.add(ts);
        }
        counted
    }

    fn span(start: i64, end: i64) -> Span {
        Span::new(start, end).expect("not empty")
    }

    #[test]
    fn what_was_read_whole_must_be_all_there_is() {
        let says = counted(&[10, 20, 30]);
        for span in [Span::EVERYTHING, span(10, 31)] {
            assert!(says.allows(counted(&[10, 20, 30]), span));
            for read in [&[10, 30][..], &[20, 30], &[10, 20], &[10, 15, 20, 30], &[]] {
                assert!(!says.allows(counted(read), span), "{read:?}");
            }
        }
        assert!(counted(&[]).allows(counted(&[]), span(0, 5)));
        assert!(!counted(&[]).allows(counted(&[1]), span(0, 5)));
    }

    #[test]
    fn a_row_that_counts_candles_knows_both_ends_and_one_without_none() {
        let says = counted(&[10, 20]);
        for says in [
            Counted {
                first_ts: None,
                ..says
            },
            Counted {
                last_ts: None,
                ..says
            },
            Counted { candles: 0, ..says },
        ] {
            for read in [says, counted(&[10, 20]), counted(&[10]), counted(&[])] {
                assert!(!says.allows(read, Span::EVERYTHING), "{says:?} {read:?}");
            }
        }
    }

    #[test]
    fn of_a_part_the_ends_that_lie_in_it_must_be_there() {
        let says = counted(&[10, 20, 30]);
        for (read, part) in [
            (&[10, 20][..], span(0, 25)),
            (&[20, 30], span(15, 99)),
            (&[20], span(15, 25)),
            (&[], span(40, 50)),
        ] {
            assert!(says.allows(counted(read), part), "{read:?}");
        }
        for (read, part) in [
            (&[20][..], span(0, 25)),
            (&[20], span(15, 99)),
            (&[40], span(35, 50)),
            (&[5], span(0, 8)),
        ] {
            assert!(!says.allows(counted(read), part), "{read:?}");
        }
    }
}
