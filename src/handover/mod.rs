//! Handing candles over: which part of a file is meant, in which form, into which file, and whether two are the same.

pub(crate) mod choice;
pub(crate) mod diff;
pub mod export;
pub(crate) mod merge;
pub(crate) mod outfile;
pub(crate) mod pack;
pub(crate) mod verify;

pub use crate::store::merge::Added;
pub use choice::{BadChoice, Choice, Chosen};
pub use diff::{Difference, RowCounts, RowDifference, SeriesDifference, diff};
pub use merge::{MergeError, Merged, merge};
pub use outfile::{Target, TargetError};
pub use pack::{PackError, PackOptions, Packed, checksum_path, pack};
pub use verify::{Check, Problem, Verdict, verify};
