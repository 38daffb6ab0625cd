//! The nouns: what is spoken of everywhere. Pure, without a candlefile, a network or a clock; `zones` asks for the machine's zone.

pub(crate) mod calendar;
pub(crate) mod candle;
pub(crate) mod counts;
pub(crate) mod declared;
pub(crate) mod digest;
pub(crate) mod expected;
pub(crate) mod instant;
pub(crate) mod listing;
pub(crate) mod manifest;
pub(crate) mod market;
pub(crate) mod nearest;
pub(crate) mod next;
pub(crate) mod number;
pub(crate) mod plain;
pub(crate) mod range;
pub(crate) mod scale;
pub(crate) mod series;
pub(crate) mod span;
pub(crate) mod status;
pub(crate) mod symbol;
pub(crate) mod tag;
pub(crate) mod timeframe;
pub(crate) mod zones;

pub use calendar::{Calendar, Session};
pub use candle::{Candle, MAX_TS, MIN_TS, Rejected, Unstorable};
pub use counts::Counts;
pub use digest::{BadDigest, CandleDigest, Digest};
pub use listing::{Adjustment, BadCurrency, Currency, Listing};
pub use manifest::{Manifest, ManifestEntry};
pub use market::{
    BadGrid, BadMarketCode, Cells, DEFAULT_DELAY, Frontier, Grid, Market, MarketCode, Offset,
    OtherGrid, Policy, Unknown, date_of, label_of,
};
pub use next::{Again, Fill, Named, Next, Setting, Voice};
pub use range::{BadMoment, BadRange, BadTyped, Moment, Range, up_to_now};
pub use series::SeriesKey;
pub use span::{Span, SpanSet};
pub use status::{JobStatus, SeriesStatus, SliceStatus};
pub use symbol::{BadSymbol, Meant, Symbol};
pub use timeframe::{BadTimeframe, Timeframe, Timeframes};
