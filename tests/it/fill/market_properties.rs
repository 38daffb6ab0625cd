//! The arithmetic of candles, trading hours and cells against naive models that walk a market's wall clock minute by
//! minute and day by day, over 45 years, with the weeks of clock changes and the turns of years more often than others.

use candlefile::model::{
    Calendar, Market, MarketCode, Moment, Policy, Range, Timeframe, date_of, label_of,
};
use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::support::scripted::{DAY, HOUR, MINUTE, ny, span, utc};

fn codes() -> impl Strategy<Value = MarketCode> {
    use MarketCode as Code;
    prop_oneof![4 => Just(Code::XNYS), 2 => Just(Code::XCBO), 1 => Just(Code::ALWAYS), 1 => Just(Code::FX)]
}

fn intraday() -> impl Strategy<Value = Timeframe> {
    let minutes = prop::sample::select(vec![1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30]);
    let hours = prop::sample::select(vec![1, 2, 3, 4, 6, 8, 12]);
    prop_oneof![
        minutes.prop_map(Timeframe::Minutes),
        hours.prop_map(Timeframe::Hours)
    ]
}

fn timeframes() -> impl Strategy<Value = Timeframe> {
    let labels = vec![Timeframe::Day, Timeframe::Week, Timeframe::Month];
    prop_oneof![3 => intraday(), 2 => prop::sample::select(labels)]
}

fn week_starts() -> impl Strategy<Value = Weekday> {
    prop::sample::select(vec![Weekday::Sun, Weekday::Mon])
}

fn models() -> impl Strategy<Value = Model> {
    let parts = (codes(), timeframes(), week_starts());
    parts.prop_map(|(code, timeframe, week_start)| Model {
        market: Market::new(code, timeframe, week_start),
        week_start,
    })
}

/// 1990 to 2035, half of them in the weeks of clock changes (before 2007: April and October) and around New Year.
fn instants() -> impl Strategy<Value = i64> {
    let anywhere = 631_152_000i64..2_082_758_400;
    let month_day = prop::sample::select(vec![(3, 5), (3, 28), (10, 22), (12, 24)]);
    let near_a_change = (1990i32..2035, month_day, 0..16 * DAY);
    let near_a_change = near_a_change.prop_map(|(year, (month, day), offset)| {
        label_of(NaiveDate::from_ymd_opt(year, month, day).unwrap()) + offset
    });
    prop_oneof![anywhere, near_a_change]
}

fn policies() -> impl Strategy<Value = Policy> {
    let parts = (0..6 * HOUR, prop::option::of(0..40 * HOUR));
    parts.prop_map(|(delay, final_after)| Policy { delay, final_after })
}

/// A market and how it should be, by its wall clock.
#[derive(Clone, Copy, Debug)]
struct Model {
    market: Market,
    week_start: Weekday,
}

impl Model {
    fn local(&self, instant: i64) -> DateTime<Tz> {
        let zone = match self.market.code() {
            code if code == MarketCode::XNYS => chrono_tz::America::New_York,
            code if code == MarketCode::XCBO => chrono_tz::America::Chicago,
            _ => chrono_tz::UTC,
        };
        zone.timestamp_opt(instant, 0).unwrap()
    }

    fn date(&self, instant: i64) -> NaiveDate {
        self.local(instant).date_naive()
    }

    /// The first minute of a date: walked back to from its afternoon.
    fn midnight(&self, date: NaiveDate) -> i64 {
        let mut hour = label_of(date) + 18 * HOUR;
        while self.date(hour - HOUR) == date {
            hour -= HOUR;
        }
        hour
    }

    /// What all minutes of one candle have in common, and no minute of another has.
    fn group(&self, minute: i64) -> (NaiveDate, i64) {
        match self.market.timeframe() {
            Timeframe::Minutes(n) => (NaiveDate::MIN, minute.div_euclid(i64::from(n) * MINUTE)),
            Timeframe::Hours(n) => (NaiveDate::MIN, minute.div_euclid(i64::from(n) * HOUR)),
            _ => (self.first_date(self.date(minute)), 0),
        }
    }

    /// The first date of the day, week or month that holds a date, walked back to.
    fn first_date(&self, mut date: NaiveDate) -> NaiveDate {
        let is_first = |date: NaiveDate| match self.market.timeframe() {
            Timeframe::Week => date.weekday() == self.week_start,
            Timeframe::Month => date.day() == 1,
            _ => true,
        };
        while !is_first(date) {
            date = date.pred_opt().unwrap();
        }
        date
    }

    /// Positions of the candle that holds an instant: its start and the next one's.
    fn candle(&self, instant: i64) -> (i64, i64) {
        if self.market.timeframe().is_label() {
            let first = self.first_date(self.date(instant));
            let mut next = first.succ_opt().unwrap();
            while self.first_date(next) == first {
                next = next.succ_opt().unwrap();
            }
            return (label_of(first), label_of(next));
        }
        let minute = instant - instant.rem_euclid(MINUTE);
        let group = self.group(minute);
        let (mut first, mut next) = (minute, minute);
        while self.group(first - MINUTE) == group {
            first -= MINUTE;
        }
        while self.group(next) == group {
            next += MINUTE;
        }
        (first, next)
    }

    /// The instants of a candle: its first minute and the first one after it.
    fn instants_of(&self, (start, next): (i64, i64)) -> (i64, i64) {
        if self.market.timeframe().is_label() {
            (self.midnight(date_of(start)), self.midnight(date_of(next)))
        } else {
            (start, next)
        }
    }

    fn trades(&self, minute: i64) -> bool {
        let here = self.local(minute);
        // Before its years and after them the usual week goes on.
        let session = |date: NaiveDate| match Calendar::of("XNYS").expect("a calendar") {
            known if known.knows(date) => known.session(date).map(|session| session.is_early_close),
            _ => (date.weekday().number_from_monday() < 6).then_some(false),
        };
        match self.market.code() {
            code if code == MarketCode::XNYS => session(here.date_naive())
                .is_some_and(|early| (4..if early { 17 } else { 20 }).contains(&here.hour())),
            code if code == MarketCode::XCBO => session(here.date_naive()).is_some(),
            code if code == MarketCode::FX => {
                let there = chrono_tz::America::New_York
                    .timestamp_opt(minute, 0)
                    .unwrap();
                match there.weekday() {
                    Weekday::Sun => there.hour() >= 17,
                    Weekday::Fri => there.hour() < 17,
                    other => other != Weekday::Sat,
                }
            }
            _ => true,
        }
    }

    /// The end of a candle's last trading minute, walked back to from its end.
    fn trading_close(&self, candle: (i64, i64)) -> Option<i64> {
        let (first, end) = self.instants_of(candle);
        let mut minute = end;
        while minute > first {
            if self.trades(minute - MINUTE) {
                return Some(minute);
            }
            minute -= MINUTE;
        }
        None
    }

    fn closes(&self, candle: (i64, i64)) -> i64 {
        self.trading_close(candle)
            .unwrap_or(self.instants_of(candle).1)
    }

    /// Noon of the calendar day after the last minute, walked on to; an hour after its end where the market has no night.
    fn final_at(&self, candle: (i64, i64), policy: Policy) -> i64 {
        let close = self.closes(candle);
        let settled = if let Some(after) = policy.final_after {
            close + after
        } else if [MarketCode::ALWAYS, MarketCode::FX].contains(&self.market.code()) {
            self.instants_of(candle).1 + HOUR
        } else {
            let day = self.date(close - 1);
            let mut minute = close;
            while self.date(minute) == day || self.local(minute).hour() < 12 {
                minute += MINUTE;
            }
            minute
        };
        settled.max(close + policy.delay)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_candle_is_what_the_wall_clock_says(model in models(), instant in instants()) {
        let market = model.market;
        let (start, next) = model.candle(instant);
        prop_assert_eq!(market.label(instant), start);
        for position in [start, start + (next - start) / 2, next - 1] {
            prop_assert_eq!(market.floor(position), start);
            prop_assert_eq!(market.next(position), next);
        }
        prop_assert_eq!(market.end_instant(start), model.instants_of((start, next)).1);
        prop_assert_eq!(market.date(instant), model.date(instant));
        prop_assert_eq!(market.midnight(model.date(instant)), model.midnight(model.date(instant)));
        prop_assert!(market.timeframe().on_grid(start));
    }

    #[test]
    fn a_stamp_means_the_day_that_it_lies_in_or_within_two_hours_before(model in models(), instant in instants(), early in 0..3 * HOUR) {
        let midnight = model.midnight(model.date(instant));
        for stamp in [instant, midnight - early, midnight, midnight - 2 * HOUR, midnight - 2 * HOUR - 1] {
            let expected = if model.market.timeframe().is_label() {
                label_of(model.date(stamp + 2 * HOUR))
            } else {
                stamp
            };
            prop_assert_eq!(model.market.stamped(stamp), expected);
        }
    }

    #[test]
    fn a_candle_closes_and_is_final_by_its_last_trading_minute(model in models(), instant in instants(), policy in policies()) {
        let candle = model.candle(instant);
        let (market, ts) = (model.market, candle.0);
        prop_assert_eq!(market.trading_close(ts), model.trading_close(candle));
        prop_assert_eq!(market.closed_at(ts, policy), model.closes(candle) + policy.delay);
        prop_assert_eq!(market.final_at(ts, policy), model.final_at(candle, policy));
        let default = Policy::default();
        prop_assert_eq!(market.closed_at(ts, default), model.closes(candle) + 15 * MINUTE);
        prop_assert_eq!(market.final_at(ts, default), model.final_at(candle, default));
    }
}

/// How far before now the oldest candle can lie that is not final: a weekend, or the candle itself.
fn scan_from(market: &Market, now: i64) -> i64 {
    let back = match market.timeframe() {
        Timeframe::Week => 16 * DAY,
        Timeframe::Month => 66 * DAY,
        _ => 5 * DAY,
    };
    market.label(now - back)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_frontier_is_where_a_scan_finds_the_first_candle_that_is_not_closed_or_not_final(
        model in models(), now in instants(), policy in policies(), default in any::<bool>(),
    ) {
        let market = model.market;
        let policy = if default { Policy::default() } else { policy };
        let from = scan_from(&market, now);
        let first_after = |moment: &dyn Fn(i64) -> i64| {
            let mut ts = from;
            while moment(ts) <= now {
                ts = market.next(ts);
            }
            ts
        };
        let closed = first_after(&|ts| market.closed_at(ts, policy));
        let settled = first_after(&|ts| market.final_at(ts, policy));
        let frontier = market.frontier(now, policy);
        prop_assert!(settled > from && settled <= closed);
        prop_assert_eq!((frontier.closed, frontier.settled), (closed, settled));
        prop_assert_eq!(frontier.tail_proven, model.candle(now - 7 * DAY).0.min(settled));
    }

    #[test]
    fn the_last_trading_candle_is_where_a_scan_backwards_finds_it(model in models(), position in instants()) {
        let market = model.market;
        let mut ts = market.floor(position - 1);
        while market.trading_close(ts).is_none() {
            ts = market.floor(ts - 1);
        }
        prop_assert_eq!(market.last_trading_candle_before(position), Some(ts));
    }

    #[test]
    fn cells_cover_a_span_abut_and_are_cut_at_every_line_and_nowhere_else(
        code in codes(), timeframe in intraday(), from in instants(), length in 1..400 * DAY,
        inner in (0..200 * DAY, 1..200 * DAY),
    ) {
        let model = Model { market: Market::new(code, timeframe, Weekday::Sun), week_start: Weekday::Sun };
        let days = if code == MarketCode::XNYS { 75 } else { 34 };
        let asked = span(from, from + length);
        let cells = model.market.cut_at_cells(asked);
        prop_assert_eq!(cells[0].start(), asked.start());
        prop_assert_eq!(cells[cells.len() - 1].end(), asked.end());
        prop_assert!(cells.windows(2).all(|pair| pair[0].end() == pair[1].start()));
        // The clock may be set back on one of the days, and a candle may hold the midnight.
        prop_assert!(cells.iter().all(|cell| cell.seconds() <= days * DAY + 12 * HOUR));
        let mut lines = Vec::new();
        let mut date = model.date(from);
        loop {
            let line = model.candle(model.midnight(date)).0;
            if line >= asked.end() {
                break;
            }
            if line > from && label_of(date).div_euclid(DAY) % days == 0 {
                lines.push(line);
            }
            date = date.succ_opt().unwrap();
        }
        let cuts: Vec<i64> = cells[1..].iter().map(|cell| cell.start()).collect();
        prop_assert_eq!(&cuts, &lines);

        // Another question about the same time is cut at the same lines.
        let part = span(from + inner.0, from + inner.0 + inner.1);
        if let Some(part) = part.intersect(asked) {
            let cells = model.market.cut_at_cells(part);
            let inside = lines.into_iter().filter(|&line| part.start() < line && line < part.end());
            let cuts = cells[1..].iter().map(|cell| cell.start());
            prop_assert_eq!(cuts.collect::<Vec<_>>(), inside.collect::<Vec<_>>());
        }
    }

    #[test]
    fn days_and_longer_are_one_cell(code in codes(), from in instants(), length in 1..4000 * DAY) {
        for timeframe in [Timeframe::Day, Timeframe::Week, Timeframe::Month] {
            let market = Market::new(code, timeframe, Weekday::Sun);
            let asked = span(from, from + length);
            prop_assert_eq!(market.cut_at_cells(asked), vec![asked]);
        }
    }
}

fn moment(text: &str) -> Moment {
    text.parse().unwrap()
}

fn instant_words(instant: i64) -> String {
    let utc = DateTime::from_timestamp(instant, 0).unwrap();
    utc.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What a range means that begins and ends (exclusive) at instants: the candles it touches, up to the one that holds now.
fn touched(model: &Model, first: i64, end: i64, now: i64) -> Option<(i64, i64)> {
    let start = model.candle(first).0;
    let end = model.candle(end - 1).1.min(model.candle(now - 1).1);
    (start < end).then_some((start, end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn dates_are_days_of_the_market_and_the_last_one_is_included(
        model in models(), start in instants(), days in 0i64..90, now in -40 * DAY..140 * DAY,
    ) {
        let first = model.date(start);
        let last = date_of(label_of(first) + days * DAY);
        let now = start + now;
        let end = model.midnight(last.succ_opt().unwrap());
        let expected = touched(&model, model.midnight(first), end, now);
        let range = Range { start: moment(&first.to_string()), end: Some(moment(&last.to_string())) };
        let found = range.span(&model.market, now).ok().map(|span| (span.start(), span.end()));
        prop_assert_eq!(found, expected);
        let open = Range { start: moment(&first.to_string()), end: None };
        let found = open.span(&model.market, now).ok().map(|span| (span.start(), span.end()));
        prop_assert_eq!(found, touched(&model, model.midnight(first), now, now));
    }

    #[test]
    fn instants_are_rounded_outward_to_whole_candles_and_no_further(
        model in models(), start in instants(), length in 1..90 * DAY, now in 1..140 * DAY,
        grid in prop::sample::select(vec![1, MINUTE, HOUR, DAY]),
    ) {
        // Often where candles begin and end.
        let up = |n: i64| (n + grid - 1).div_euclid(grid) * grid;
        let start = up(start);
        let (end, now) = (start + up(length), start + up(now));
        let range = Range { start: moment(&instant_words(start)), end: Some(moment(&instant_words(end))) };
        let found = range.span(&model.market, now).ok().map(|span| (span.start(), span.end()));
        prop_assert_eq!(found, touched(&model, start, end, now));
    }
}

// 4-hour bars of three recorded years lie on UTC lines, winter ones too: on no line of New York's wall clock.
#[test]
fn candles_of_several_hours_begin_on_lines_of_utc_in_summer_and_in_winter() {
    let market = Market::new(MarketCode::XNYS, Timeframe::Hours(4), Weekday::Sun);
    for (midnight, start) in [
        ("2024-01-05 00:00", "2024-01-05 04:00"),
        ("2024-07-05 00:00", "2024-07-05 04:00"),
        ("2024-03-10 00:00", "2024-03-10 04:00"),
        ("2024-03-11 00:00", "2024-03-11 04:00"),
    ] {
        let midnight = ny(midnight);
        assert_eq!(market.floor(midnight), utc(start));
        assert_eq!(market.next(midnight), utc(start) + 4 * HOUR);
        assert_eq!(market.day_start(midnight + 15 * HOUR), utc(start));
    }
}
