//! What a file of candles for other programs says of its series, beside the candles: text in the file's own metadata, so that
//! whoever reads it back needs no word from anybody. No I/O.

use serde_json::{Value, json};

use crate::model::listing::{Adjustment, Listing};
use crate::model::market::{date_of, label_of};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};

/// The name of the metadata that holds it.
pub(crate) const DECLARED: &str = "candlefile.series";

/// A series, and where all there is of it is among the candles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub(crate) key: SeriesKey,
    /// The weekday that begins a week of `1w`, 1 Monday to 7 Sunday.
    pub(crate) week_start: Option<u8>,
    pub(crate) coverage: SpanSet,
    /// Where the provider said once that it has nothing.
    pub(crate) said_once: SpanSet,
}

impl Declared {
    /// The same of a span alone.
    pub(crate) fn within(&self, span: Span) -> Declared {
        Declared {
            coverage: self.coverage.within(span),
            said_once: self.said_once.within(span),
            ..self.clone()
        }
    }

    fn to_json(&self) -> Value {
        let SeriesKey {
            symbol,
            timeframe,
            source,
            adjusted,
            listing,
        } = &self.key;
        let pairs = |spans: &SpanSet| -> Vec<[i64; 2]> {
            let pair = |span: Span| [span.start(), span.end()];
            spans.iter().map(pair).collect()
        };
        json!({
            "symbol": symbol, "timeframe": timeframe.to_string(), "source": source, "adjusted": adjusted.number(),
            "market": listing.market, "grid": listing.grid, "currency": listing.currency,
            "last_day": listing.last_day.map(label_of), "week_start": self.week_start,
            "coverage": pairs(&self.coverage), "said_once": pairs(&self.said_once),
        })
    }

    fn of_json(value: &Value) -> Option<Declared> {
        let text = |name: &str| value[name].as_str();
        let spans = |name: &str| -> Option<SpanSet> {
            let pair = |span: &Value| Span::new(span[0].as_i64()?, span[1].as_i64()?);
            value[name].as_array()?.iter().map(pair).collect()
        };
        let currency = match text("currency") {
            Some(currency) => Some(currency.parse().ok()?),
            None => None,
        };
        Some(Declared {
            key: SeriesKey {
                symbol: text("symbol")?.parse().ok()?,
                timeframe: text("timeframe")?.parse().ok()?,
                source: text("source")?.to_owned(),
                adjusted: Adjustment::numbered(value["adjusted"].as_i64()?)?,
                listing: Listing {
                    market: text("market")?.parse().ok()?,
                    grid: text("grid")?.parse().ok()?,
                    currency,
                    last_day: value["last_day"].as_i64().map(date_of),
                },
            },
            week_start: value["week_start"]
                .as_u64()
                .and_then(|day| u8::try_from(day).ok()),
            coverage: spans("coverage")?,
            said_once: spans("said_once").unwrap_or_default(),
        })
    }
}

/// All of some series as text.
pub(crate) fn written(all: &[Declared]) -> String {
    Value::from(all.iter().map(Declared::to_json).collect::<Vec<_>>()).to_string()
}

/// What a text says; `None` where it is no such text.
pub(crate) fn read(text: &str) -> Option<Vec<Declared>> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.as_array()?.iter().map(Declared::of_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::market::MarketCode;

    #[test]
    fn what_is_said_of_a_series_is_read_as_it_was_written() {
        let listing = Listing {
            currency: "GBp".parse().ok(),
            grid: "+00:30".parse().expect("a grid"),
            last_day: "2024-06-21".parse().ok(),
            ..Listing::on(MarketCode::XNYS)
        };
        let one = Declared {
            key: SeriesKey {
                symbol: "X:BTCUSD".parse().expect("a symbol"),
                timeframe: "1w".parse().expect("a timeframe"),
                source: "a vendor".into(),
                adjusted: Adjustment::Total,
                listing,
            },
            week_start: Some(7),
            coverage: [Span::new(0, 60), Span::new(120, 180)]
                .into_iter()
                .flatten()
                .collect(),
            said_once: Span::new(120, 180).into_iter().collect(),
        };
        let other = Declared {
            week_start: None,
            coverage: SpanSet::default(),
            ..one.clone()
        };
        let text = written(&[one.clone(), other.clone()]);
        assert_eq!(read(&text), Some(vec![one, other]));
        assert_eq!(read("[{}]"), None);
        assert_eq!(read("no json"), None);
    }
}
