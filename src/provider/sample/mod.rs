//! The embedded sample provider: synthetic candles of stocks and indices in the sessions of XNYS, of crypto
//! at all hours and of forex from Sunday to Friday evening, a pure function of symbol, timeframe and start; to a few symbols
//! something happens besides. It sends nothing, and takes the same path (slices, pages, writer, coverage) as a real one.
//! `data/sample.json` describes the session, the first date, the price levels and what happens.

mod story;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{NaiveDate, Weekday};

use super::{
    Ask, AssetClass, Cursor, ErrorKind, Expected, Page, Provider, ProviderError, Row, Spec,
    prefixes, spelling,
};
use crate::model::candle::Candle;
use crate::model::listing::Listing;
use crate::model::market::Policy;
use crate::model::symbol::{Meant, Symbol};
use crate::run::clock::Cancel;
use story::provisional;
use walk::{Hours, Model, Walk};

/// The name that files record.
pub(crate) const NAME: &str = "sample";

/// What there is to know of it before it is made.
pub(crate) fn spec() -> Spec {
    use AssetClass::{Crypto, Forex, Index, Stock};
    Spec {
        name: NAME.into(),
        aliases: Vec::new(),
        about: "Embedded synthetic data, for trying things out".into(),
        keys: Vec::new(),
        base_url: None,
        asset_classes: vec![Stock, Crypto, Forex, Index],
        covers: "any symbol, synthetic".into(),
        default_rate: None,
        limits: "stocks and indices in the sessions of XNYS, from 2000-01-03 on; something happens to SPLIT, DIVIDEND, HALT, LATE, DELISTED and RESTATED".into(),
        files: None,
        make: Arc::new(|_| Ok(Arc::new(Sample::default()) as Arc<dyn Provider>)),
    }
}

/// The provider.
pub struct Sample {
    model: Model,
    pages: AtomicU64,
}

impl Default for Sample {
    fn default() -> Self {
        let model = serde_json::from_str(include_str!("../../../data/sample.json"))
            .expect("data/sample.json is well formed");
        Sample {
            model,
            pages: AtomicU64::new(0),
        }
    }
}

impl Provider for Sample {
    fn name(&self) -> &str {
        NAME
    }

    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn listing(&self, symbol: &Symbol) -> Listing {
        prefixes::listing(symbol)
    }

    fn asset_class(&self, symbol: &Symbol) -> AssetClass {
        prefixes::asset_class(symbol)
    }

    fn first_date(&self, _: &Symbol) -> NaiveDate {
        self.model.first_date
    }

    fn likely(&self, typed: &str) -> Meant {
        spelling::likely(typed)
    }

    fn fetch(
        &self,
        ask: &Ask,
        cursor: Option<&Cursor>,
        cancel: &Cancel,
    ) -> Result<Page, ProviderError> {
        if cancel.is_cancelled() {
            return Err(ProviderError {
                kind: ErrorKind::Cancelled,
                message: "stopped".to_owned(),
                attempts: 0,
            });
        }
        self.pages.fetch_add(1, Ordering::Relaxed);
        if !could_exist(&ask.symbol) {
            return Ok(Page::default());
        }
        let from = cursor
            .and_then(|cursor| cursor.as_str().parse().ok())
            .unwrap_or(ask.span.start());
        let mut candles = self.candles(ask, from, self.model.page_rows + 1);
        let next = (candles.len() > self.model.page_rows)
            .then(|| candles.pop())
            .flatten();
        let next = next.map(|candle| Cursor::new(candle.ts.to_string()));
        let rows = candles.iter().map(|candle| Row::of(candle, &ask.market));
        Ok(Page::of(ask, rows).followed_by(next))
    }

    fn expected(&self, ask: &Ask) -> Expected {
        let session = (self.model.close - self.model.open).num_minutes();
        let days = ask.market.expected_candles(ask.span);
        let is_all_day = Hours::of(&ask.symbol) != Hours::Session;
        let rows = if is_all_day || ask.market.timeframe().is_label() {
            days
        } else {
            days * session / (16 * 60)
        };
        let pages = rows.cast_unsigned().div_ceil(self.model.page_rows as u64);
        Expected {
            rows,
            requests: pages.max(1),
        }
    }

    fn requests(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }
}

impl Sample {
    /// The candles from a position to the end of the span, at most `limit`.
    fn candles(&self, ask: &Ask, from: i64, limit: usize) -> Vec<Candle> {
        let walk = Walk::new(&self.model, ask);
        let mut candles: Vec<Candle> = Vec::new();
        let mut ts = from;
        while ts < ask.span.end() && candles.len() < limit {
            let end = ask.market.next(ts);
            // A label's candle is made of the minutes of its market days.
            let (first, last) = if ask.market.timeframe().is_label() {
                let day = |label| ask.market.midnight(crate::model::market::date_of(label));
                (day(ts), day(end))
            } else {
                (ts, end)
            };
            let candle = walk.candle(ts, first, last);
            let is_final = |ts| ask.market.final_at(ts, Policy::default()) <= ask.now;
            candles.extend(match candle {
                Some(candle) if walk.is_restated() && !is_final(ts) => Some(provisional(candle)),
                candle => candle,
            });
            ts = match candles.last() {
                Some(candle) if candle.ts == ts => end,
                _ => walk.skip_idle(ask, last, end),
            };
        }
        candles
    }
}

/// Whether the provider could have a symbol: tickers are capitals and digits, with a dot before a class of shares and a
/// small p before a series of preferred ones.
fn could_exist(symbol: &Symbol) -> bool {
    let capitals = |text: &str| {
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        !text.is_empty() && text.bytes().all(is_capital)
    };
    let text = symbol.as_str();
    let (class, name) = text.split_once(':').unwrap_or(("", text));
    let (stem, preferred) = match name.split_once('p') {
        Some((stem, series)) if class.is_empty() => (stem, series),
        _ => (name, ""),
    };
    ["", "X", "C", "I", "O"].contains(&class)
        && stem.split('.').all(capitals)
        && (preferred.is_empty() || capitals(preferred))
}
