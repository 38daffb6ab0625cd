//! Parquet files in folders that say what is in them, as Hive lays them out:
//! `tf=1d/symbol=AAPL/year=2024/part-0.parquet`. The symbol stands in the path alone; the year is that of `ts`, UTC. The
//! timeframe is a column of the files: Spark guesses what a folder's name holds, and takes `1d` for the number 1.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::model::market::{date_of, label_of};
use crate::model::span::Span;

use super::columnar::{Batches, Parquet};
use super::columns::{Column, Part, Row, rows_of};
use super::folder::{LEVELS, PART};
use super::sink::Sink;
use super::{Series, Told};

/// What Hive writes as `%` and two digits in a path.
const ESCAPED: AsciiSet = CONTROLS
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'\'')
    .add(b'*')
    .add(b'/')
    .add(b':')
    .add(b'=')
    .add(b'?')
    .add(b'\\')
    .add(b'{')
    .add(b'[')
    .add(b']')
    .add(b'^');
/// Writes one file after the other.
pub(super) struct Hive<'a> {
    folder: &'a Path,
    batches: Arc<Batches>,
    series: Series,
    told: Told,
    /// The file that is written, and from where on it says what is covered.
    open: Option<(Year, i64, Box<Parquet<File>>)>,
}

/// What one file holds: a series and a year.
type Year = (usize, i32);

impl<'a> Hive<'a> {
    pub(super) fn new(
        folder: &'a Path,
        columns: &[Column],
        series: Series,
        told: Told,
    ) -> Hive<'a> {
        let body: Vec<Column> = columns
            .iter()
            .copied()
            .filter(|column| !column.is_in_path())
            .collect();
        Hive {
            folder,
            batches: Arc::new(Batches::new(
                &body,
                &[Column::TS],
                Arc::clone(&series),
                Told::default(),
            )),
            series,
            told,
            open: None,
        }
    }

    fn begin(&self, year: Year) -> io::Result<Box<Parquet<File>>> {
        let path = self.path(year);
        fs::create_dir_all(&path)?;
        let file = File::create_new(path.join(PART))?;
        Ok(Box::new(Parquet::new(Arc::clone(&self.batches), file)?))
    }

    fn path(&self, (series, year): Year) -> PathBuf {
        let key = &self.series[series];
        let values = [
            key.timeframe.to_string(),
            key.symbol.to_string(),
            year.to_string(),
        ];
        let mut path = self.folder.to_path_buf();
        for (level, value) in LEVELS.iter().zip(values) {
            path.push(format!("{level}{}", utf8_percent_encode(&value, &ESCAPED)));
        }
        path
    }

    /// Ends the open file before the next one of any series. What is covered between two files is said in the first one.
    fn close(&mut self, next: Option<Year>) -> io::Result<()> {
        let Some(((series, _), from, file)) = self.open.take() else {
            return Ok(());
        };
        let to = next.filter(|(other, _)| *other == series);
        let to = to.map_or(i64::MAX, |(_, year)| beginning(year));
        let declared = self.told.get(series).zip(Span::new(from, to));
        let declared = declared.map(|(declared, span)| declared.within(span));
        file.end(declared.as_slice())
    }
}

/// The first second of a year, UTC.
fn beginning(year: i32) -> i64 {
    NaiveDate::from_ymd_opt(year, 1, 1).map_or(0, label_of)
}

impl Sink for Hive<'_> {
    fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        let year = |row: &Row<'_>| (row.series, date_of(row.ts()).year());
        for rows in rows_of(parts).chunk_by(|a, b| year(a) == year(b)) {
            let year = year(&rows[0]);
            if self.open.as_ref().is_none_or(|(open, ..)| *open != year) {
                let goes_on = self
                    .open
                    .as_ref()
                    .is_some_and(|((series, _), ..)| *series == year.0);
                self.close(Some(year))?;
                let from = if goes_on { beginning(year.1) } else { i64::MIN };
                self.open = Some((year, from, self.begin(year)?));
            }
            if let Some((.., file)) = &mut self.open {
                file.rows(rows)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.close(None)
    }
}
