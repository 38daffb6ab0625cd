//! How long the candles of a table are, where they start, and whether its stamps are their ends: by the stamps alone. Pure.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::problem::Problem;
use crate::model::calendar::Calendar;
use crate::model::listing::Listing;
use crate::model::market::{Grid, Market, MarketCode, Offset, date_of};
use crate::model::next::Setting;
use crate::model::timeframe::Timeframe;

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Of a hundred stamps so many lie on the interval that they have.
const ON_IT: usize = 95;
/// Of a hundred steps of a thin series so many are of the timeframe that was said.
const OF_IT: usize = 5;

/// The most frequent step between stamps of one symbol, within a day of a clock where there are such steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// In seconds.
    pub(super) most: i64,
    /// How many there are of it, and of all.
    pub(super) of: (usize, usize),
}

/// Every series' stamps in the order of its rows, as its market's clock shows them.
pub(super) fn steps<'a>(
    series: &(impl Iterator<Item = &'a [i64]> + Clone),
) -> Option<(Steps, HashMap<i64, usize>)> {
    let count = |within: bool| {
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for pair in series.clone().flat_map(|stamps| stamps.windows(2)) {
            let is_within = pair[0].div_euclid(DAY) == pair[1].div_euclid(DAY);
            let step = (pair[1] - pair[0]).abs();
            if step > 0 && (is_within || !within) {
                *counts.entry(step).or_default() += 1;
            }
        }
        counts
    };
    let within = count(true);
    let counts = if within.is_empty() {
        count(false)
    } else {
        within
    };
    let all = counts.values().sum();
    // Of two that are as frequent the shorter one.
    let most = counts.iter().max_by_key(|&(step, count)| (*count, -step))?;
    let steps = Steps {
        most: *most.0,
        of: (*most.1, all),
    };
    Some((steps, counts))
}

/// The timeframe that a step is of.
pub(super) fn timeframe_of(step: i64) -> Option<Timeframe> {
    let days = (step + DAY / 2) / DAY;
    match (step, days) {
        // A day with a shift of the clock has an hour more or less.
        (_, 1) if (step - DAY).abs() <= HOUR => Some(Timeframe::Day),
        (_, 7) if (step - 7 * DAY).abs() <= HOUR => Some(Timeframe::Week),
        (_, 28..=31) => Some(Timeframe::Month),
        (step, _) if step % HOUR == 0 => format!("{}h", step / HOUR).parse().ok(),
        (step, _) if step % 60 == 0 => format!("{}m", step / 60).parse().ok(),
        _ => None,
    }
}

/// How long a candle is, roughly for months.
fn seconds(timeframe: Timeframe) -> i64 {
    match timeframe {
        Timeframe::Minutes(n) => i64::from(n) * 60,
        Timeframe::Hours(n) => i64::from(n) * HOUR,
        Timeframe::Day => DAY,
        Timeframe::Week => 7 * DAY,
        Timeframe::Month => 30 * DAY,
    }
}

/// The timeframe of stamps, as their clock shows them: that of the most frequent step, which has to fit what was said.
pub(super) fn timeframe<'a>(
    series: &(impl Iterator<Item = &'a [i64]> + Clone),
    said: Option<Timeframe>,
) -> Result<Timeframe, Problem> {
    let Some((found, counts)) = steps(series) else {
        return said.ok_or_else(|| {
            Problem::asked(
                "no two rows tell how long a candle is",
                Setting::Timeframe.with("1d").after("say it, as in"),
            )
        });
    };
    let words = in_words(found.most);
    let by_steps = timeframe_of(found.most);
    match (by_steps, said) {
        (Some(by_steps), None) => Ok(by_steps),
        (None, None) => Err(Problem::of_file(
            format!("its rows are {words} apart, which is no timeframe"),
            "bring it to one that there is: 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 1mo",
        )),
        (Some(by_steps), Some(said)) if by_steps == said => Ok(said),
        (_, Some(said)) => {
            // A thin series has few neighbours, but some.
            let length = seconds(said);
            let of_it = counts.get(&length).copied().unwrap_or(0);
            let fits = found.most % length == 0 && of_it * 100 >= found.of.1 * OF_IT;
            if fits && !said.is_label() {
                return Ok(said);
            }
            Err(Problem::of_file(
                format!("its rows are {words} apart, and were said to be of {said}"),
                by_steps.map_or_else(
                    || "see what the file holds".into(),
                    |by_steps| {
                        Setting::Timeframe
                            .with(by_steps.to_string())
                            .after("leave it out, or say")
                    },
                ),
            ))
        }
    }
}

fn in_words(step: i64) -> String {
    let of = |number: i64, unit: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {unit}{plural}")
    };
    match step {
        step if step % DAY == 0 => of(step / DAY, "day"),
        step if step % HOUR == 0 => of(step / HOUR, "hour"),
        step if step % 60 == 0 => of(step / 60, "minute"),
        step => of(step, "second"),
    }
}

/// Where candles start: the first grid on which nearly all stamps lie. `ends` says that these are the candles' ends.
pub(super) fn grid(
    stamps: &[i64],
    timeframe: Timeframe,
    market: MarketCode,
    ends: bool,
) -> Result<Grid, Problem> {
    if timeframe.is_label() || stamps.is_empty() {
        return Ok(Grid::Utc);
    }
    let length = seconds(timeframe);
    let mut residues: HashMap<i64, usize> = HashMap::new();
    for stamp in stamps {
        *residues.entry(stamp.rem_euclid(length)).or_default() += 1;
    }
    let most = residues
        .iter()
        .max_by_key(|&(residue, count)| (*count, -residue));
    let moved = most.and_then(|(residue, _)| {
        u16::try_from(residue / 60)
            .ok()
            .filter(|_| residue % 60 == 0)
    });
    let moved = moved.and_then(Offset::of_minutes).map(Grid::Offset);
    let mut best = 0;
    for grid in [Grid::Utc, Grid::Session].into_iter().chain(moved) {
        let listing = Listing {
            grid,
            ..Listing::on(market)
        };
        let market = Market::new(listing, timeframe, chrono::Weekday::Mon);
        if grid == Grid::Session && market.unknown().is_some() {
            continue;
        }
        let on_it = stamps
            .iter()
            .filter(|&&stamp| start_of(&market, stamp, ends).is_some())
            .count();
        if on_it * 100 >= stamps.len() * ON_IT {
            return Ok(grid);
        }
        best = best.max(on_it);
    }
    Err(Problem::of_file(
        format!(
            "of {} stamps {best} lie {timeframe} apart, and at least {ON_IT} % have to",
            stamps.len()
        ),
        "see whether the file has candles of one length alone, or of several",
    ))
}

/// The start of the candle of minutes or hours that a stamp is of, its start or its end; `None` where no candle has that.
pub(super) fn start_of(market: &Market, stamp: i64, ends: bool) -> Option<i64> {
    if !ends {
        return market.on_grid(stamp).then_some(stamp);
    }
    let start = market.floor(stamp - 1);
    (market.end_instant(start) == stamp).then_some(start)
}

/// Whether sessions prove that stamps are ends: none is at an open, most sessions have one at their close, and all lie between.
pub(super) fn are_ends(stamps: &[i64], market: MarketCode) -> bool {
    let Some(calendar) = Calendar::of(market.as_str()) else {
        return false;
    };
    let mut sessions = HashMap::new();
    let (mut at_open, mut outside) = (0, 0);
    for &stamp in stamps {
        let date = date_in(calendar.zone(), stamp);
        let (session, at_close) = sessions
            .entry(date)
            .or_insert_with(|| (calendar.session(date), 0));
        match session {
            Some(session) if stamp == session.open => at_open += 1,
            Some(session) if (session.open + 1..session.close).contains(&stamp) => {}
            Some(session) if stamp == session.close => *at_close += 1,
            _ => outside += 1,
        }
    }
    let with_close = sessions
        .values()
        .filter(|(_, at_close)| *at_close > 0)
        .count();
    with_close > 0
        && with_close * 2 >= sessions.len()
        && at_open == 0
        && outside * 50 <= stamps.len()
}

/// The date that a zone's clock shows.
pub(super) fn date_in(zone: Tz, instant: i64) -> chrono::NaiveDate {
    use chrono::TimeZone;
    zone.timestamp_opt(instant, 0)
        .earliest()
        .map_or_else(|| date_of(instant), |at| at.date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-03 14:30Z: the open of a session in New York.
    const OPEN: i64 = 1_704_292_200;

    fn said(stamps: &[i64], said: Option<&str>) -> Result<String, String> {
        let said = said.map(|text| text.parse().expect("a timeframe"));
        let found = timeframe(&[stamps].into_iter(), said);
        found
            .map(|found| found.to_string())
            .map_err(|problem| problem.message)
    }

    #[test]
    fn the_timeframe_is_that_of_the_most_frequent_step() {
        let minutes: Vec<i64> = (0..390).map(|n| OPEN + n * 60).collect();
        assert_eq!(said(&minutes, None), Ok("1m".to_owned()));
        let newest_first: Vec<i64> = minutes.iter().rev().copied().collect();
        assert_eq!(said(&newest_first, None), Ok("1m".to_owned()));
        // Two candles of four hours a session, and twenty hours between: the steps within a day count.
        let halves: Vec<i64> = (0..10)
            .flat_map(|day| [OPEN + day * DAY, OPEN + day * DAY + 4 * HOUR])
            .collect();
        assert_eq!(said(&halves, None), Ok("4h".to_owned()));
        let days = [0, 1, 2, 3, 4, 7, 8, 9].map(|day| day * DAY);
        assert_eq!(said(&days, None), Ok("1d".to_owned()));
        assert_eq!(
            said(&[0, 7, 14, 21].map(|day| day * DAY), None),
            Ok("1w".to_owned())
        );
        assert_eq!(
            said(&[0, 31, 59, 90, 120].map(|day| day * DAY), None),
            Ok("1mo".to_owned())
        );
        assert!(
            said(&[0, 61, 122], None)
                .expect_err("no timeframe")
                .contains("61 seconds apart")
        );
        assert!(said(&[0], None).is_err());
        assert_eq!(said(&[0], Some("1h")), Ok("1h".to_owned()));
    }

    #[test]
    fn a_timeframe_that_was_said_has_to_fit() {
        let fives: Vec<i64> = (0..100).map(|n| n * 300).collect();
        assert!(
            said(&fives, Some("1m"))
                .expect_err("5m")
                .contains("said to be of 1m")
        );
        assert!(said(&fives, Some("15m")).is_err());
        // A thin series of minutes, most of which have no neighbour.
        let thin: Vec<i64> = (0..100)
            .flat_map(|n| [n * 600, n * 600 + 60, n * 600 + 180, n * 600 + 300])
            .collect();
        assert_eq!(said(&thin, Some("1m")), Ok("1m".to_owned()));
    }

    #[test]
    fn the_grid_is_the_first_on_which_nearly_all_stamps_lie() {
        let of = |stamps: &[i64], timeframe: &str, market| {
            let timeframe = timeframe.parse().expect("a timeframe");
            grid(stamps, timeframe, market, false)
                .map(|grid| grid.to_string())
                .map_err(|problem| problem.message)
        };
        let hours: Vec<i64> = (0..7).map(|n| OPEN + n * HOUR).collect();
        assert_eq!(of(&hours, "1h", MarketCode::XNYS), Ok("session".to_owned()));
        assert_eq!(
            of(&hours, "1h", MarketCode::ALWAYS),
            Ok("+00:30".to_owned())
        );
        assert_eq!(of(&hours, "30m", MarketCode::XNYS), Ok("utc".to_owned()));
        let early: Vec<i64> = (-4..7).map(|n| OPEN + n * HOUR).collect();
        assert_eq!(of(&early, "1h", MarketCode::XNYS), Ok("+00:30".to_owned()));
        let odd: Vec<i64> = (0..20).map(|n| n * 900 + (n % 3) * 60).collect();
        assert!(
            of(&odd, "15m", MarketCode::ALWAYS)
                .expect_err("off it")
                .contains("of 20 stamps")
        );
    }

    #[test]
    fn sessions_prove_that_stamps_are_ends() {
        let session = |first: i64, last: i64| -> Vec<i64> {
            let days =
                (0..3).flat_map(|day| (first..=last).map(move |n| OPEN + day * DAY + n * 60));
            days.collect()
        };
        assert!(are_ends(&session(1, 390), MarketCode::XNYS));
        assert!(!are_ends(&session(0, 389), MarketCode::XNYS));
        assert!(!are_ends(&session(0, 390), MarketCode::XNYS));
        assert!(!are_ends(&session(-30, 420), MarketCode::XNYS));
        assert!(!are_ends(&session(1, 390), MarketCode::ALWAYS));
        let market = Market::new(
            MarketCode::XNYS,
            Timeframe::Minutes(15),
            chrono::Weekday::Mon,
        );
        assert_eq!(start_of(&market, OPEN + 900, true), Some(OPEN));
        assert_eq!(start_of(&market, OPEN + 901, true), None);
    }
}
