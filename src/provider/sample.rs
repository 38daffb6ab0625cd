//! The embedded sample provider: synthetic candles on New York weekdays from 09:30 to 16:00, a pure function of symbol,
//! timeframe and start. It sends nothing, and takes the same path (slices, pages, writer, coverage) as a real one.
//!
//! Every candle is made of the minutes it holds, so that timeframes agree with one another. `data/sample.json` describes
//! the session, the first date and the price levels.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use super::{Ask, Cursor, ErrorKind, Expected, Page, Provider, ProviderError};
use crate::candle::Candle;
use crate::clock::Cancel;
use crate::symbol::AssetClass;

/// The provider.
pub struct Sample {
    model: Model,
    pages: AtomicU64,
}

#[derive(Deserialize)]
struct Model {
    zone: Tz,
    #[serde(deserialize_with = "clock_time")]
    open: NaiveTime,
    #[serde(deserialize_with = "clock_time")]
    close: NaiveTime,
    first_date: NaiveDate,
    page_rows: usize,
    base_prices: BTreeMap<String, f64>,
}

fn clock_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M").map_err(serde::de::Error::custom)
}

impl Default for Sample {
    fn default() -> Self {
        let model = serde_json::from_str(include_str!("../../data/sample.json"))
            .expect("data/sample.json is well formed");
        Sample {
            model,
            pages: AtomicU64::new(0),
        }
    }
}

impl Provider for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn week_start(&self) -> Weekday {
        Weekday::Sun
    }

    fn first_date(&self, _: AssetClass) -> NaiveDate {
        self.model.first_date
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
        let from = cursor
            .and_then(|cursor| cursor.as_str().parse().ok())
            .unwrap_or(ask.span.start());
        let mut candles = self.candles(ask, from, self.model.page_rows + 1);
        let next = (candles.len() > self.model.page_rows)
            .then(|| candles.pop())
            .flatten();
        Ok(Page {
            has_rows: !candles.is_empty(),
            candles,
            next: next.map(|candle| Cursor::new(candle.ts.to_string())),
            ..Page::default()
        })
    }

    fn expected(&self, ask: &Ask) -> Expected {
        let session = (self.model.close - self.model.open).num_minutes();
        let days = ask.market.expected_candles(ask.span);
        let rows = if ask.market.timeframe().is_label() {
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
        let walk = Walk::new(&self.model, ask.symbol.as_str());
        let mut candles: Vec<Candle> = Vec::new();
        let mut ts = from;
        while ts < ask.span.end() && candles.len() < limit {
            let end = ask.market.next(ts);
            // A label's candle is made of the minutes of its market days.
            let (first, last) = if ask.market.timeframe().is_label() {
                let day = |label| ask.market.midnight(crate::market::date_of(label));
                (day(ts), day(end))
            } else {
                (ts, end)
            };
            candles.extend(walk.candle(ts, first, last));
            ts = match candles.last() {
                Some(candle) if candle.ts == ts => end,
                _ => walk.skip_idle(ask, last, end),
            };
        }
        candles
    }
}

/// One symbol's price path.
struct Walk<'a> {
    model: &'a Model,
    seed: u64,
    base: f64,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model, symbol: &str) -> Walk<'a> {
        let seed = symbol
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                mix(hash ^ u64::from(byte))
            });
        let base = model
            .base_prices
            .get(symbol)
            .copied()
            .unwrap_or(20.0 + 180.0 * unit(mix(seed)));
        Walk { model, seed, base }
    }

    /// The candle made of the session minutes in `[first, last)`, if there are any.
    fn candle(&self, ts: i64, first: i64, last: i64) -> Option<Candle> {
        let mut made: Option<Candle> = None;
        let mut value = 0.0;
        let mut date = self.date(first);
        while self.instant(date, NaiveTime::MIN) < last {
            if let Some((open, close)) = self.session(date) {
                let mut minute = open.max(first - first.rem_euclid(60));
                while minute < close.min(last) {
                    let next = self.minute(minute);
                    value += next.vwap.unwrap_or(next.close) * next.volume.unwrap_or(0.0);
                    made = Some(match made {
                        None => Candle { ts, ..next },
                        Some(so_far) => merge(so_far, next),
                    });
                    minute += 60;
                }
            }
            date = date.succ_opt()?;
        }
        made.map(|candle| Candle {
            vwap: candle.volume.map(|volume| cents(value / volume)),
            ..candle
        })
    }

    /// The next position worth looking at after one without a candle.
    fn skip_idle(&self, ask: &Ask, instant: i64, end: i64) -> i64 {
        if ask.market.timeframe().is_label() {
            return end;
        }
        let mut date = self.date(instant).max(self.model.first_date);
        for _ in 0..7 {
            match self.session(date) {
                Some((open, close)) if instant < close => return ask.market.floor(open).max(end),
                _ => date = date.succ_opt().unwrap_or(date),
            }
        }
        end
    }

    fn minute(&self, ts: i64) -> Candle {
        let (open, close) = (self.price(ts), self.price(ts + 60));
        let noise = mix(self.seed ^ ts.cast_unsigned());
        let wick = self.base * 0.0004;
        let high = cents(open.max(close) + wick * unit(noise));
        let low = cents(open.min(close) - wick * unit(mix(noise)));
        let trades = 20 + i64::try_from(mix(noise ^ 1) % 400).unwrap_or(0);
        #[allow(clippy::cast_precision_loss)] // Some thousands.
        let volume = (mix(noise ^ 2) % 20_000 + 500) as f64;
        Candle {
            ts,
            open,
            high,
            low,
            close,
            volume: Some(volume),
            vwap: Some(cents((high + low + close) / 3.0)),
            trades: Some(trades),
        }
    }

    /// The price at an instant: slow waves and a little noise around the base, so that one minute closes where the next
    /// opens.
    fn price(&self, ts: i64) -> f64 {
        #[allow(clippy::cast_precision_loss)] // Seconds since 1970 are exact in f64.
        let days = ts as f64 / 86_400.0;
        let phase = unit(self.seed) * std::f64::consts::TAU;
        let wave = |period: f64, height: f64| {
            height * (days / period * std::f64::consts::TAU + phase).sin()
        };
        let noise = 0.001 * (unit(mix(self.seed ^ mix(ts.cast_unsigned()))) - 0.5);
        cents(
            self.base
                * (1.0
                    + wave(1461.0, 0.2)
                    + wave(181.0, 0.08)
                    + wave(23.0, 0.03)
                    + wave(0.7, 0.004)
                    + noise),
        )
    }

    fn session(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        (date >= self.model.first_date && !weekend).then(|| {
            (
                self.instant(date, self.model.open),
                self.instant(date, self.model.close),
            )
        })
    }

    fn date(&self, instant: i64) -> NaiveDate {
        self.model
            .zone
            .timestamp_opt(instant, 0)
            .earliest()
            .map_or(self.model.first_date, |local| local.date_naive())
    }

    fn instant(&self, date: NaiveDate, time: NaiveTime) -> i64 {
        let local = date.and_time(time);
        self.model
            .zone
            .from_local_datetime(&local)
            .earliest()
            .map_or(local.and_utc().timestamp(), |t| t.timestamp())
    }
}

fn merge(so_far: Candle, next: Candle) -> Candle {
    Candle {
        high: so_far.high.max(next.high),
        low: so_far.low.min(next.low),
        close: next.close,
        volume: so_far.volume.zip(next.volume).map(|(a, b)| a + b),
        trades: so_far.trades.zip(next.trades).map(|(a, b)| a + b),
        ..so_far
    }
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

/// The finalizer of `SplitMix64`: a well-mixed function of its argument.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number in `[0, 1)`.
#[allow(clippy::cast_precision_loss)] // 53 bits fit.
fn unit(x: u64) -> f64 {
    (x >> 11) as f64 / (1u64 << 53) as f64
}
