//! Why an export failed, and what to do about it.

use std::io;

use crate::handover::choice::BadChoice;
use crate::handover::outfile::TargetError;
use crate::model::next::Next;
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
    /// It was told to stop.
    #[error("the export was stopped")]
    Cancelled,
    /// The writing side ended early; its error is told instead.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ExportError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        match self {
            ExportError::Store(error) => error.next(),
            ExportError::Choice(error) => error.next(),
            ExportError::Target(error) => error.next(),
            ExportError::Write(_) => Next::words("check what reads the candles"),
            ExportError::NotBuilt { feature, .. } => Next::words(format!(
                "build it with `--features {feature}`, or choose another format"
            )),
            ExportError::NotPlain { column, .. } => Next::words(format!(
                "leave the column {column} out, or write Parquet or Arrow"
            )),
            ExportError::Cancelled | ExportError::Stopped(_) => {
                Next::words("nothing was left behind; run the same command again")
            }
        }
    }
}
