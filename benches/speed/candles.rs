//! Minutes of made-up stocks in the shape of recorded ones: prices in cents, `vwap` with four decimals, volumes that are
//! mostly whole and up to some hundred thousand. The same series and span always give the same candles.

use candlefile::model::{Adjustment, Candle, Market, MarketCode, SeriesKey, Span, Timeframe};
use chrono::Weekday;

const DAY: i64 = 86_400;
/// A cell line of stocks, so that the first slice of a series is a whole one.
const START: &str = "2015-01-01";
/// From 09:00Z on, which is the same date in New York all year. Of the 960 minutes of its trading hours.
const MINUTES_A_DAY: i64 = 886;
/// Calendar days that hold 100,000 minutes of a series.
const DAYS: f64 = 158.0;
pub const SERIES: usize = 50;

/// How large the runs are, as a share of the full size.
pub fn scale() -> f64 {
    let text = std::env::var("CANDLEFILE_BENCH_SCALE").unwrap_or_default();
    text.parse().unwrap_or(1.0)
}

pub fn market() -> Market {
    Market::new(MarketCode::XNYS, Timeframe::Minutes(1), Weekday::Sun)
}

pub fn symbol(index: usize) -> String {
    format!("S{index}")
}

pub fn key(symbol: &str, timeframe: &str) -> SeriesKey {
    SeriesKey {
        symbol: symbol.parse().unwrap(),
        timeframe: timeframe.parse().unwrap(),
        source: "polygon".to_owned(),
        adjusted: Adjustment::Raw,
        listing: MarketCode::XNYS.into(),
    }
}

/// The span of each of [`SERIES`] series that hold so many millions of minutes together, at full scale.
#[allow(clippy::cast_possible_truncation)]
pub fn span(millions: f64) -> Span {
    let days = (DAYS * millions / 5.0 * scale()).ceil() as i64;
    let start = START.parse::<chrono::NaiveDate>().unwrap();
    let end = start + chrono::Days::new(days.unsigned_abs());
    Span::new(market().midnight(start), market().midnight(end)).unwrap()
}

/// The same span as the command line spells it: both dates are inside.
pub fn dates(span: Span) -> [String; 2] {
    [span.start(), span.end() - 1].map(|instant| market().date(instant).to_string())
}

#[allow(clippy::cast_precision_loss)]
pub fn minutes(series: usize, span: Span) -> Vec<Candle> {
    let mut random = Random((series as u64 + 1) << 40 ^ span.start().unsigned_abs());
    let days = span.start().div_euclid(DAY)..=span.end().div_euclid(DAY);
    let mut candles = Vec::with_capacity(50_000);
    let mut cents = 15_000 + 100 * i64::try_from(series).unwrap();
    for day in days.filter(|day| (1..=5).contains(&((day + 4) % 7))) {
        for minute in 0..MINUTES_A_DAY {
            let ts = day * DAY + (9 * 60 + minute) * 60;
            if !span.contains(ts) {
                continue;
            }
            let open = cents;
            let close = (open + random.below(21) - 10).max(500);
            let high = open.max(close) + random.below(8);
            let low = open.min(close) - random.below(8);
            let whole = 100 + random.below(400) * random.below(500);
            let volume = if random.below(50) == 0 {
                whole as f64 + 0.25
            } else {
                whole as f64
            };
            candles.push(Candle {
                ts,
                open: open as f64 / 100.0,
                high: high as f64 / 100.0,
                low: low as f64 / 100.0,
                close: close as f64 / 100.0,
                volume: Some(volume),
                vwap: Some((low * 100 + random.below((high - low) * 100 + 1)) as f64 / 10_000.0),
                trades: Some(1 + whole / 90),
            });
            cents = close;
        }
    }
    candles
}

/// xorshift64*: good enough for prices, and no dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        i64::try_from(mixed).unwrap() % limit
    }
}

/// Day candles of a span, for series of which only the number matters.
pub fn days(span: Span) -> Vec<Candle> {
    let price = Some(100.0);
    let mut candles = minutes(0, market().cut_at_cells(self::span(0.5))[0]);
    candles.truncate(usize::try_from(span.seconds() / DAY).unwrap());
    for (candle, ts) in candles.iter_mut().zip((span.start()..).step_by(86_400)) {
        (candle.ts, candle.vwap) = (ts, price);
    }
    candles
}
