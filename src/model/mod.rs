//! The nouns: what is spoken of everywhere. Pure, without a candlefile, a network or a clock; `zones` asks for the machine's zone.

pub mod candle;
pub mod digest;
pub mod holes;
pub mod listing;
pub mod manifest;
pub mod market;
pub mod nearest;
pub mod next;
pub(crate) mod number;
pub mod plain;
pub mod range;
pub(crate) mod scale;
pub mod span;
pub mod symbol;
pub(crate) mod tag;
pub mod timeframe;
pub mod zones;
