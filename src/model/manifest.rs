//! What a packed file says of itself: its series with a digest each, and one over all. No I/O.

use serde_json::{Value, json};

use crate::model::digest::Digest;
use crate::model::market::label_of;
use crate::model::series::SeriesKey;
use crate::model::span::SpanSet;

/// What a file was packed with.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file's format.
    pub format: i32,
    /// The version of the program that packed it.
    pub program: String,
    /// The series, by symbol and timeframe as text.
    pub series: Vec<ManifestEntry>,
    /// Over all series: equal for files that hold the same.
    pub digest: Digest,
}

/// One series of a [`Manifest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestEntry {
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
    /// Of the candles, as [`CandleDigest`](crate::model::digest::CandleDigest) documents it.
    pub digest: Digest,
}

impl ManifestEntry {
    /// The coverage as it stands in the manifest: `[[start,end],...]`.
    pub fn coverage_text(&self) -> String {
        let spans: Vec<[i64; 2]> = self
            .coverage
            .iter()
            .map(|span| [span.start(), span.end()])
            .collect();
        json!(spans).to_string()
    }

    /// A row of the table as a file of this format has it.
    fn line(&self, format: i32) -> String {
        let SeriesKey {
            symbol,
            timeframe,
            source,
            adjusted,
            listing,
        } = &self.key;
        let mut row = vec![
            json!(symbol),
            json!(timeframe),
            json!(source),
            json!(adjusted.number()),
        ];
        if format >= LISTED_SINCE {
            row.extend([
                json!(listing.market),
                json!(listing.grid),
                json!(listing.currency),
                json!(listing.last_day.map(label_of)),
            ]);
        }
        row.extend([
            json!(self.week_start),
            json!(self.candles),
            json!(self.first_ts),
            json!(self.last_ts),
            json!(self.coverage_text()),
            json!(self.digest),
        ]);
        format!("{}\n", Value::from(row))
    }
}

/// Since this format the manifest says what a series is.
const LISTED_SINCE: i32 = 5;

/// The digest over all series of a file of this format: the SHA-256 of the rows of its `manifest` table by symbol and timeframe,
/// each as a JSON array of its columns without spaces and a newline.
pub(crate) fn digest_of(format: i32, series: &[ManifestEntry]) -> Digest {
    let lines: String = series.iter().map(|entry| entry.line(format)).collect();
    Digest::of(lines.as_bytes())
}
