//! Files that a provider hands out beside its answers: what an import has to know of them. It reads none.

use std::path::Path;

use chrono::NaiveDate;

use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;

/// A format of files with the days of a whole data set, as comma-separated values with a head line. What a symbol of theirs is
/// says [`Provider::listing`](super::Provider::listing); their candles are raw, and cover the days of the file.
#[derive(Clone, Debug)]
pub struct DayFiles {
    /// As the format is typed.
    pub name: String,
    /// Which of its columns are what, as people type it: `ts=window_start,open=open,..`.
    pub columns: String,
    /// What its stamps count since 1970: `s`, `ms`, `us` or `ns`.
    pub unit: String,
    /// What a file's path says of it.
    pub says: fn(&Path) -> Says,
    /// The data set that a symbol is in: a day's file has all of one, and what it does not have had no candle.
    pub data_set: fn(&Symbol) -> String,
}

/// What the path of a file says of what is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// The timeframe.
    pub timeframe: Option<Timeframe>,
    /// The first and the last market date, both inside.
    pub days: Option<(NaiveDate, NaiveDate)>,
}
