//! An embedded, single-file store of OHLCV candles.
//!
//! A backfill fills the file: what is missing is planned, fetched in parallel and written by one writer, with progress
//! and coverage in the same transactions as the candles they speak of. A crash, a rerun or a longer range costs only what
//! is missing, and the same file is what an analyst opens.
//!
//! The modules in the order in which data passes them:
//!
//! - nouns: [`candle`], [`symbol`], [`timeframe`], [`span`], [`market`] (when candles close and become final), [`range`]
//!   (what a person types);
//! - [`plan`]: requested minus coverage gives slices; [`mod@holes`]: covered minus candles is what the provider had nothing for;
//! - [`provider`]: one slice becomes pages of candles;
//! - [`backfill`]: fetchers, a channel, one writer;
//! - [`store`]: the SQLite file;
//! - [`choice`], [`nearest`], [`target`], [`digest`]: which part of a file is meant, what a mistyped name may mean, where
//!   a file is written, and what tells that it is the same;
//! - [`mod@diff`], [`mod@merge`]: what two files do not have in common, and the union of files;
//! - [`export`]: candles for other programs;
//! - `serve`: jobs and candles over HTTP, and the live page;
//! - [`monitor`], [`clock`], [`owner`]: how a run is watched, timed and owned.
//!
//! The file's format is documented in `schema.sql`.

#![forbid(unsafe_code)]

pub mod backfill;
pub mod candle;
pub mod choice;
pub mod clock;
pub mod diff;
pub mod digest;
pub mod export;
pub mod holes;
pub mod manifest;
pub mod market;
pub mod merge;
pub mod monitor;
pub mod nearest;
pub mod owner;
pub mod pack;
pub mod pipe;
pub mod plain;
pub mod plan;
pub mod provider;
pub mod range;
mod scale;
#[cfg(feature = "serve")]
pub mod serve;
pub mod shell;
pub mod span;
mod spelling;
pub mod store;
pub mod symbol;
pub mod target;
pub mod timeframe;
pub mod verify;
pub mod zones;

pub use candle::Candle;
pub use choice::{BadChoice, Choice, Chosen};
pub use clock::{Cancel, Clock, ManualClock, SystemClock};
pub use diff::{Difference, diff};
pub use digest::{CandleDigest, Digest};
pub use export::{Export, ExportError};
pub use market::{Market, Policy};
pub use merge::{MergeError, Merged, merge};
pub use provider::Provider;
pub use provider::polygon::Polygon;
pub use provider::sample::Sample;
pub use range::Range;
pub use span::{Span, SpanSet};
pub use store::{Counts, JobStatus, Selection, SeriesKey, SeriesStatus, Store, StoreError};
pub use symbol::{AssetClass, Symbol};
pub use target::{Target, TargetError};
pub use timeframe::Timeframe;
