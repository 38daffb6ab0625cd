//! Parquet files in folders that say what is in them, as Hive lays them out:
//! `tf=1d/symbol=AAPL/year=2024/part-0.parquet`. The symbol stands in the path alone; the year is that of `ts`, UTC. The
//! timeframe is a column of the files: Spark guesses what a folder's name holds, and takes `1d` for the number 1.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Datelike;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::model::market::date_of;

use super::Series;
use super::columnar::{Batches, Parquet};
use super::columns::{Column, Part, Row, rows_of};
use super::folder::{LEVELS, PART};
use super::sink::Sink;

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
    open: Option<(Year, Box<Parquet<File>>)>,
}

/// What one file holds: a series and a year.
type Year = (usize, i32);

impl<'a> Hive<'a> {
    pub(super) fn new(folder: &'a Path, columns: &[Column], series: Series) -> Hive<'a> {
        let body: Vec<Column> = columns
            .iter()
            .copied()
            .filter(|column| !column.is_in_path())
            .collect();
        Hive {
            folder,
            batches: Arc::new(Batches::new(&body, &[Column::TS], Arc::clone(&series))),
            series,
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

    fn close(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |(_, file)| file.finish())
    }
}

impl Sink for Hive<'_> {
    fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        let year = |row: &Row<'_>| (row.series, date_of(row.ts()).year());
        for rows in rows_of(parts).chunk_by(|a, b| year(a) == year(b)) {
            let year = year(&rows[0]);
            if self.open.as_ref().is_none_or(|(open, _)| *open != year) {
                self.close()?;
                self.open = Some((year, self.begin(year)?));
            }
            if let Some((_, file)) = &mut self.open {
                file.rows(rows)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.close()
    }
}
