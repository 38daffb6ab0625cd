//! An embedded, single-file store of OHLCV candles.
//!
//! A backfill fills the file: what is missing is planned, fetched in parallel and written by one writer, with progress
//! and coverage in the same transactions as the candles they speak of. A crash, a rerun or a longer range costs only what
//! is missing, and the same file is what an analyst opens.
//!
//! What there is, in the order in which data passes it:
//!
//! - [`model`]: the nouns, without a file or a network: candles, symbols, timeframes, spans, when a market's candles close
//!   and become final, what a person types as a range, and what to do next;
//! - [`provider`]: where candles come from, those that are built in and your own;
//! - [`backfill`]: fetches what a file does not have;
//! - [`Store`]: the SQLite file, and in [`store`] what it says of itself;
//! - [`view`]: the one way to read candles;
//! - [`handover`]: candles for other programs, packed files, what two files do not have in common, their union;
//! - `serve`: jobs and candles over HTTP, and the live page;
//! - `cli`: the command line;
//! - [`monitor`]: how what takes long is watched.
//!
//! Inside there are three rooms more: `run` (the clock, what stops a run and what proves that a job is its own), `plan` (requested
//! minus coverage gives slices) and `http` (the one way out).
//!
//! The file's format is documented in `schema.sql`.

#![forbid(unsafe_code)]
// What the program alone asks for is there without it, too; what nobody asks for the whole build tells.
#![cfg_attr(
    not(all(feature = "cli", feature = "serve")),
    allow(dead_code, unused_imports)
)]

pub mod backfill;
#[cfg(feature = "cli")]
pub mod cli;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod handover;
mod http;
pub mod model;
pub mod monitor;
#[doc(hidden)]
pub mod plan;
pub mod provider;
mod run;
#[cfg(feature = "serve")]
pub mod serve;
pub mod store;
pub mod view;

pub use run::clock::{Cancel, Clock, ManualClock, SystemClock};
pub use store::error::StoreError;
pub use store::file::handle::Store;

/// What the tests look at beside what is there for users. Nothing in here is promised.
#[doc(hidden)]
pub mod internals {
    pub use crate::http::rate::Limiter;
    pub use crate::store::jobs::sends::Window;
}
