//! What a packed file says of itself: its series with a digest each, and one over all. No I/O.

use crate::model::digest::Digest;
use crate::model::span::SpanSet;
use crate::store::SeriesKey;

/// What a file was packed with.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file's format.
    pub format: i32,
    /// The version of the program that packed it.
    pub program: String,
    /// The series, by symbol and timeframe as text.
    pub series: Vec<Entry>,
    /// Over all series: equal for files that hold the same.
    pub digest: Digest,
}

/// One series of a [`Manifest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The series.
    pub key: SeriesKey,
    /// The weekday that begins a week, 1 Monday to 7 Sunday, for `1w` alone.
    pub week_start: Option<u8>,
    /// Number of candles.
    pub candles: u64,
    /// Start of the first candle.
    pub first_ts: Option<i64>,
    /// Start of the last candle.
    pub last_ts: Option<i64>,
    /// The spans with the provider's final answer.
    pub coverage: SpanSet,
    /// Of the candles, as [`CandleDigest`](crate::CandleDigest) documents it.
    pub digest: Digest,
}

impl Entry {
    /// The coverage as it stands in the manifest: `[[start,end],...]`.
    pub fn coverage_text(&self) -> String {
        let spans: Vec<[i64; 2]> = self
            .coverage
            .iter()
            .map(|span| [span.start(), span.end()])
            .collect();
        serde_json::json!(spans).to_string()
    }

    fn line(&self) -> String {
        let key = &self.key;
        let row = serde_json::json!([
            key.symbol,
            key.timeframe,
            key.source,
            u8::from(key.adjusted),
            self.week_start,
            self.candles,
            self.first_ts,
            self.last_ts,
            self.coverage_text(),
            self.digest,
        ]);
        format!("{row}\n")
    }
}

/// The digest over all series: the SHA-256 of the rows of the `manifest` table by symbol and timeframe, each as a JSON
/// array of its columns without spaces and a newline.
pub fn digest_of(series: &[Entry]) -> Digest {
    let lines: String = series.iter().map(Entry::line).collect();
    Digest::of(lines.as_bytes())
}
