//! An embedded, single-file store of OHLCV candles.
//!
//! A backfill fills the file: what is missing is planned, fetched in parallel and written by one writer, with progress
//! and coverage in the same transactions as the candles they speak of. A crash, a rerun or a longer range costs only what
//! is missing, and the same file is what an analyst opens.
//!
//! The rooms in the order in which data passes them:
//!
//! - [`model`]: the nouns, without a file or a network: candles, symbols, timeframes, spans, when a market's candles close
//!   and become final, what a person types as a range, and where the provider had nothing;
//! - [`run`]: the clock, what stops a run and what proves that a job is its own;
//! - [`plan`]: requested minus coverage gives slices;
//! - [`provider`]: one slice becomes pages of candles;
//! - [`backfill`]: fetchers, a channel, one writer;
//! - [`store`]: the SQLite file;
//! - [`view`]: the one way to read candles;
//! - [`handover`]: candles for other programs, packed files, what two files do not have in common, their union;
//! - `serve`: jobs and candles over HTTP, and the live page;
//! - `cli`: the command line;
//! - [`monitor`]: how a run is watched.
//!
//! The file's format is documented in `schema.sql`.

#![forbid(unsafe_code)]

pub mod backfill;
#[cfg(feature = "cli")]
pub mod cli;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod handover;
pub mod http;
pub mod model;
pub mod monitor;
pub mod plan;
pub mod provider;
pub mod run;
#[cfg(feature = "serve")]
pub mod serve;
pub mod store;
pub mod view;

pub use handover::choice::{BadChoice, Choice, Chosen};
pub use handover::diff::{Difference, diff};
pub use handover::export::{Export, ExportError};
pub use handover::merge::{MergeError, Merged, merge};
pub use handover::outfile::{Target, TargetError};
pub use model::candle::Candle;
pub use model::digest::{CandleDigest, Digest};
pub use model::listing::{Adjustment, Currency, Listing};
pub use model::market::{Grid, Market, MarketCode, Policy};
pub use model::next::Next;
pub use model::range::Range;
pub use model::span::{Span, SpanSet};
pub use model::symbol::Symbol;
pub use model::timeframe::Timeframe;
pub use provider::polygon::Polygon;
pub use provider::sample::Sample;
pub use provider::{AssetClass, Provider, Registry};
pub use run::clock::{Cancel, Clock, ManualClock, SystemClock};
pub use store::{Counts, JobStatus, SeriesKey, SeriesStatus, Store, StoreError};
pub use view::{Selection, View};
