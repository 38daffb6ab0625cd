//! Flat files, as the provider hands them out: a day of a data set in a table, gzipped, `us_stocks_sip/minute_aggs_v1/2024/01/2024-01-02.csv.gz`
//! with the columns `ticker,volume,open,close,high,low,window_start,transactions`. The start of a day is midnight in New York.

use std::path::Path;

use chrono::NaiveDate;

use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::provider::{DayFiles, Says};

pub(super) fn day_files() -> DayFiles {
    DayFiles {
        name: "polygon-flat".into(),
        columns: "symbol=ticker,ts=window_start,open=open,high=high,low=low,close=close".into(),
        unit: "ns".into(),
        says,
        data_set,
    }
}

/// The data set of a symbol: the prefix says it.
fn data_set(symbol: &Symbol) -> String {
    let prefix = symbol.as_str().split_once(':');
    prefix.map_or_else(String::new, |(prefix, _)| prefix.to_owned())
}

fn says(path: &Path) -> Says {
    let folders = path.components().rev().skip(1);
    let timeframe = folders.filter_map(|folder| {
        let name = folder.as_os_str().to_string_lossy();
        match name.as_ref() {
            name if name.starts_with("minute_aggs") => Some(Timeframe::Minutes(1)),
            name if name.starts_with("day_aggs") => Some(Timeframe::Day),
            _ => None,
        }
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let date = name
        .get(..10)
        .and_then(|date| date.parse::<NaiveDate>().ok());
    let is_day = name.get(10..).is_some_and(|rest| rest.starts_with('.'));
    Says {
        timeframe: { timeframe }.next(),
        days: date.filter(|_| is_day).map(|date| (date, date)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_the_timeframe_and_the_day() {
        let day = NaiveDate::from_ymd_opt(2024, 1, 2);
        let of = |path: &str| {
            let says = says(Path::new(path));
            (
                says.timeframe.map(|timeframe| timeframe.to_string()),
                says.days.map(|days| days.0),
            )
        };
        let minutes = "flat/us_stocks_sip/minute_aggs_v1/2024/01/2024-01-02.csv.gz";
        assert_eq!(of(minutes), (Some("1m".to_owned()), day));
        assert_eq!(
            of("day_aggs_v1/2024-01-02.csv"),
            (Some("1d".to_owned()), day)
        );
        assert_eq!(of("2024-01-02.csv.gz"), (None, day));
        assert_eq!(of("2024-01-02-part.csv.gz"), (None, None));
        assert_eq!(of("stocks.csv"), (None, None));
    }
}
