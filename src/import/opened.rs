//! A file of whatever format whose beginning was read: what its rows mean is known, and they can be read.

use std::path::Path;

#[cfg(feature = "parquet")]
use super::columnar::Columnar;
use super::problem::Problem;
use super::said::{Format, Said};
use super::table::{Halt, Table, Whole};
use super::taker::Taken;
use crate::monitor::Meter;
use crate::run::clock::Cancel;
use crate::run::pipe::Stopped;

pub(super) enum Opened {
    Table(Table),
    #[cfg(feature = "parquet")]
    Columnar(Columnar),
}

impl Opened {
    /// Reads what a file begins with, and what its rows mean.
    pub(super) fn of(path: &Path, said: &Said, meter: &Meter) -> Result<Opened, Problem> {
        match said.format {
            #[cfg(feature = "parquet")]
            Format::Parquet | Format::Arrow => Columnar::open(path, said).map(Opened::Columnar),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet | Format::Arrow => Err(Problem::of_file(
                "this build reads neither Parquet nor Arrow",
                "use a build with the feature parquet",
            )),
            _ => Table::open(path, said, meter).map(Opened::Table),
        }
    }

    /// What was taken for true since nobody said otherwise.
    pub(super) fn notes(&self) -> &[String] {
        match self {
            Opened::Table(table) => &table.layout.notes,
            #[cfg(feature = "parquet")]
            Opened::Columnar(columnar) => &columnar.layout.notes,
        }
    }

    /// Whether it says of all its rows together where they have all there is: then it is read whole or not at all.
    pub(super) fn covers(&self) -> bool {
        match self {
            Opened::Table(table) => table.covers(),
            #[cfg(feature = "parquet")]
            Opened::Columnar(columnar) => columnar.covers(),
        }
    }

    /// Reads it from a place on, and hands on what its rows come to.
    pub(super) fn read(
        self,
        file: (String, i64),
        from: u64,
        cancel: &Cancel,
        #[cfg_attr(not(feature = "parquet"), allow(unused_variables))] meter: &Meter,
        send: &mut dyn FnMut(Taken) -> Result<(), Stopped>,
    ) -> Result<Whole, Halt> {
        match self {
            Opened::Table(table) => table.read(file, from, cancel, send),
            #[cfg(feature = "parquet")]
            Opened::Columnar(columnar) => columnar.read(file, from, cancel, meter, send),
        }
    }

    /// What the first rows come to, one after the other.
    ///
    /// # Errors
    /// As [`Opened::read`].
    pub(super) fn first(self, now: i64, rows: usize) -> Result<Vec<Taken>, Problem> {
        match self {
            Opened::Table(table) => table.first(now, rows),
            #[cfg(feature = "parquet")]
            Opened::Columnar(columnar) => columnar.first(now, rows),
        }
    }
}
