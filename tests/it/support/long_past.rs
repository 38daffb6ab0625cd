//! Series of 2024 against the scripted provider, at an instant at which all of them are final.

use candlefile::model::{Candle, Span};

use super::scripted::{Bench, DAY, HOUR, candles, label, span};

pub(crate) const DAYS: &str = "AAPL 1d";
pub(crate) const COIN: &str = "X:BTCUSD 1m";

/// 2024, long past: everything in it is final.
pub(crate) const LONG_PAST: &str = "2024-12-01 12:00";

pub(crate) fn january() -> Span {
    span(label("2024-01-01"), label("2024-02-01"))
}

/// The first ten days of January 2024 with version 0.
pub(crate) fn ten_days() -> impl Iterator<Item = Candle> {
    candles((1..=10).map(|n| label("2024-01-01") + n * DAY))
}

/// Minutes of a coin are asked in cells of 34 days since 1970: so many of them, the first at 2024-01-02.
pub(crate) fn cells(count: i64) -> Vec<Span> {
    let first = label("2024-01-02").div_euclid(34 * DAY) * 34 * DAY;
    (0..count)
        .map(|n| span(first + n * 34 * DAY, first + (n + 1) * 34 * DAY))
        .collect()
}

pub(crate) fn whole(cells: &[Span]) -> Span {
    span(cells[0].start(), cells[cells.len() - 1].end())
}

/// One candle at noon of the first day of each cell.
pub(crate) fn coin_of(cells: &[Span]) -> Bench {
    let bench = Bench::new();
    let noons = cells.iter().map(|cell| cell.start() + 12 * HOUR);
    bench.provider.offer(COIN, candles(noons));
    bench
}
