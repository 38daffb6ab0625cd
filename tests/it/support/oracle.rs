//! The oracle: every candle of the fake provider as a pure function of (symbol, timeframe, ts). It must never keep
//! state, so that any test can ask about any candle at any time.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;

/// Half-open, UTC seconds, as the file keeps it.
pub(crate) type Span = (i64, i64);

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candle {
    pub(crate) ts: i64,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: Option<f64>,
    pub(crate) vwap: Option<f64>,
    pub(crate) trades: Option<i64>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Seconds(i64),
    Day,
    Week,
    Month,
}

pub(crate) fn step(timeframe: &str) -> Step {
    match timeframe {
        "1d" => Step::Day,
        "1w" => Step::Week,
        "1mo" => Step::Month,
        other => {
            let (number, unit) = other.split_at(other.len() - 1);
            let number: i64 = number.parse().unwrap();
            Step::Seconds(number * if unit == "h" { HOUR } else { MINUTE })
        }
    }
}

pub(crate) fn zone(symbol: &str) -> Tz {
    match symbol.split_once(':') {
        Some(("X" | "C", _)) => Tz::UTC,
        Some(("I", _)) => chrono_tz::America::Chicago,
        _ => chrono_tz::America::New_York,
    }
}

/// The real clock, for the few tests that stand at the live edge.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs() as i64
}

/// The market's date at this moment.
pub(crate) fn today(symbol: &str) -> NaiveDate {
    DateTime::from_timestamp(now(), 0)
        .unwrap()
        .with_timezone(&zone(symbol))
        .date_naive()
}

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn label(day: NaiveDate) -> i64 {
    day.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp()
}

pub(crate) fn midnight(zone: Tz, day: NaiveDate) -> i64 {
    zone.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap())
        .earliest()
        .unwrap()
        .timestamp()
}

pub(crate) fn day_of(ts: i64) -> NaiveDate {
    DateTime::from_timestamp(ts, 0).unwrap().date_naive()
}

pub(crate) fn floor(step: Step, day: NaiveDate) -> NaiveDate {
    match step {
        Step::Week => day - Days::new(u64::from(day.weekday().num_days_from_sunday())),
        Step::Month => day.with_day(1).unwrap(),
        _ => day,
    }
}

fn after(step: Step, day: NaiveDate) -> NaiveDate {
    match step {
        Step::Week => day + Days::new(7),
        Step::Month => (day.with_day(1).unwrap() + Days::new(32))
            .with_day(1)
            .unwrap(),
        _ => day + Days::new(1),
    }
}

/// What `--start A --end B` means for a series: dates of the market zone, the end inclusive, rounded outward.
pub(crate) fn span(symbol: &str, timeframe: &str, start: &str, end: &str) -> Span {
    let (first, last) = (date(start), date(end));
    match step(timeframe) {
        Step::Seconds(n) => (
            bar_of(n, midnight(zone(symbol), first)),
            bar_of(n, midnight(zone(symbol), last + Days::new(1)) + n - 1),
        ),
        step => (
            label(floor(step, first)),
            label(after(step, floor(step, last))),
        ),
    }
}

/// The start of the bar of minutes or hours that holds an instant: bars lie on lines of UTC, summer and winter.
pub(crate) fn bar_of(length: i64, ts: i64) -> i64 {
    ts - ts.rem_euclid(length)
}

/// The stamps of the grid inside a span, whether a candle exists there or not.
pub(crate) fn grid(timeframe: &str, span: Span) -> Box<dyn Iterator<Item = i64>> {
    let (start, end) = span;
    match step(timeframe) {
        Step::Seconds(n) => Box::new((bar_of(n, start + n - 1)..end).step_by(n as usize)),
        step => {
            let day = day_of(start);
            let first = if label(floor(step, day)) < start {
                after(step, floor(step, day))
            } else {
                floor(step, day)
            };
            Box::new(
                std::iter::successors(Some(first), move |day| Some(after(step, *day)))
                    .map(label)
                    .take_while(move |ts| *ts < end),
            )
        }
    }
}

/// Every candle of a series inside a span, oldest first.
pub(crate) fn candles(symbol: &str, timeframe: &str, span: Span) -> impl Iterator<Item = Candle> {
    let (symbol, timeframe) = (symbol.to_owned(), timeframe.to_owned());
    grid(&timeframe, span).filter_map(move |ts| candle(&symbol, &timeframe, ts))
}

/// A name the provider has never heard of: it answers as if nothing had been traded.
fn unheard_of(symbol: &str) -> bool {
    symbol == "NOSUCH"
        || symbol.contains('-')
        || symbol.starts_with(|c: char| c.is_ascii_lowercase())
}

/// `IPO` was listed on this day; before it there is nothing.
pub(crate) const LISTED: &str = "2024-02-01";

fn open_at(symbol: &str, step: Step, ts: i64) -> bool {
    if unheard_of(symbol) || (symbol == "IPO" && ts < label(date(LISTED))) {
        return false;
    }
    let weekday = |day: Weekday| !matches!(day, Weekday::Sat | Weekday::Sun);
    let class = symbol.split_once(':').map_or("", |(class, _)| class);
    match (step, class) {
        (_, "X" | "C") | (Step::Week | Step::Month, _) => true,
        (Step::Day, _) => weekday(day_of(ts).weekday()),
        (Step::Seconds(length), class) => (ts..ts + length).step_by(HOUR as usize).any(|hour| {
            let local = DateTime::from_timestamp(hour, 0)
                .unwrap()
                .with_timezone(&zone(symbol));
            let hours = if class == "I" { 8..15 } else { 4..20 };
            weekday(local.weekday()) && hours.contains(&local.hour())
        }),
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn seed(symbol: &str, timeframe: &str, ts: i64) -> u64 {
    let text = symbol.bytes().chain([0]).chain(timeframe.bytes());
    let key = text.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(key ^ mix(ts as u64))
}

/// The candle that starts at `ts`, if the provider has one. Some minutes and days are absent, volume is fractional at
/// times, some prices are whole numbers, `vwap` and `trades` are absent at times, and an index has none of the three.
pub(crate) fn candle(symbol: &str, timeframe: &str, ts: i64) -> Option<Candle> {
    let h = seed(symbol, timeframe, ts);
    let step = step(timeframe);
    let absent = h.is_multiple_of(11) && matches!(step, Step::Seconds(_) | Step::Day);
    if absent || !open_at(symbol, step, ts) {
        return None;
    }
    let draw = |salt: u64, below: u64| (mix(h ^ salt) % below) as i64;
    let unit = if h.is_multiple_of(5) { 10_000 } else { 1 };
    let open = (500_000 + draw(1, 1_000_000)) / unit * unit;
    let close = open + (draw(2, 41) - 20) * unit;
    let high = open.max(close) + draw(3, 9) * unit;
    let low = open.min(close) - draw(4, 9) * unit;
    let price = |n: i64| n as f64 / 10_000.0;
    let index = symbol.starts_with("I:");
    let volume = match h % 3 {
        0 => draw(5, 1_000_000_000) as f64,
        1 => draw(5, 100_000_000) as f64 / 1_000_000.0,
        _ => draw(5, 100_000) as f64,
    };
    let vwap = price(if h.is_multiple_of(19) {
        high + 3
    } else {
        low + (high - low) / 2
    });
    Some(Candle {
        ts,
        open: price(open),
        high: price(high),
        low: price(low),
        close: price(close),
        volume: (!index).then_some(volume),
        vwap: (!index && !h.is_multiple_of(13)).then_some(vwap),
        trades: (!index && !h.is_multiple_of(17)).then_some(1 + draw(6, 5_000)),
    })
}

/// The instant the provider stamps a candle with: the true start, or local midnight of a label.
pub(crate) fn stamp_ms(symbol: &str, timeframe: &str, ts: i64) -> i64 {
    match step(timeframe) {
        Step::Seconds(_) => ts * 1_000,
        _ => midnight(zone(symbol), day_of(ts)) * 1_000,
    }
}
