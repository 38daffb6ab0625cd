//! Why an export failed, and what to do about it.

use std::io;

use crate::handover::choice::BadChoice;
use crate::handover::outfile::TargetError;
use crate::model::next::{Fill, Next};
use crate::run::pipe::Stopped;
use crate::store::StoreError;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be chosen so.
    #[error(transparent)]
    Choice(#[from] BadChoice),
    /// The target cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The stream cannot be written.
    #[error("cannot write the candles")]
    Write(#[from] io::Error),
    /// This build leaves out what it takes.
    #[error("this build has no {what}")]
    NotBuilt {
        /// What is missing.
        what: &'static str,
        /// The Cargo feature that brings it.
        feature: &'static str,
    },
    /// A text would break a line, or be run as a formula by a spreadsheet.
    #[error("{column} {text:?} cannot be written as plain text")]
    NotPlain {
        /// The column.
        column: &'static str,
        /// The text.
        text: String,
    },
    /// Candles of an adjusted series came in a run that ended before they were checked for a split: they may stand in another scale
    /// than the rest.
    #[error("{} {} is adjusted, and nobody has checked that its candles from {} on stand in one scale with the rest", fill.series.symbol, fill.series.timeframe, fill.start)]
    Unchecked {
        /// What asks for them again.
        fill: Fill,
    },
    /// It was told to stop.
    #[error("the export was stopped")]
    Cancelled,
    /// The writing side ended early; its error is told instead.
    #[error("the writing side has ended")]
    Stopped,
}

impl From<Stopped> for ExportError {
    fn from(_: Stopped) -> ExportError {
        ExportError::Stopped
    }
}

impl ExportError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        match self {
            ExportError::Store(error) => error.next(),
            ExportError::Choice(error) => error.next(),
            ExportError::Target(error) => error.next(),
            ExportError::Write(error) => after_writing(error),
            ExportError::NotBuilt { feature, .. } => Next::words(format!(
                "build it with `--features {feature}`, or choose another format"
            )),
            ExportError::NotPlain { column, .. } => Next::words(format!(
                "leave the column {column} out, or write Parquet or Arrow"
            )),
            ExportError::Unchecked { fill } => Next::Or(vec![
                Next::Backfill(Some(fill.clone()))
                    .after("ask for them again, with which they are checked:"),
                Next::words("export the part before or behind them"),
            ]),
            ExportError::Cancelled | ExportError::Stopped => {
                Next::words("nothing was left behind; run the same command again")
            }
        }
    }
}

/// What to do where a stream cannot be written: a disk may be behind it, a reader, or anything else.
pub(crate) fn after_writing(error: &io::Error) -> Next {
    Next::words(match error.kind() {
        _ if is_full(error) => {
            "make room on the disk that it goes to, or lift the limit, then run the same command again"
        }
        io::ErrorKind::BrokenPipe => "look at what reads it: that has ended before it had all",
        _ => "look at where it goes, then run the same command again",
    })
}

/// Whether there was no room: on the disk, in a quota, or within a limit of the process.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    [FileTooLarge, QuotaExceeded, StorageFull].contains(&error.kind())
}
