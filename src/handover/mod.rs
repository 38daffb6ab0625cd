//! Handing candles over: which part of a file is meant, in which form, into which file, and whether two are the same.

pub mod choice;
pub mod diff;
pub mod export;
pub mod merge;
pub mod outfile;
pub mod pack;
pub mod verify;
