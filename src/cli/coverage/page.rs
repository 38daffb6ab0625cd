//! What should be there and is, as a page of its own: a heat map of months that open to days. It asks nobody for anything, and
//! is small: of a series stand the days on which something changes, and each market's sessions once.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};
use serde::Serialize;

use crate::model::expected::{Day, GapKind, Tally};
use crate::model::listing::Listing;
use crate::model::market::{Market, date_of, label_of};
use crate::model::timeframe::Timeframe;
use crate::store::SeriesRow;

use super::Measured;

/// Changes of all series together that a page has room for: some ten bytes each. Of a series with more than its share of them only
/// months are told.
const ROOM: usize = 400_000;
const DAY: i64 = 86_400;

/// What a day is, as the page writes it.
const FILLED: char = '#';
const THIN: char = '%';
const NOTHING: char = '.';
const NOT_ASKED: char = '?';
const NOT_FINAL: char = '~';
const MIXED: char = '+';

/// What a session is on its own.
fn class(tally: &Tally) -> char {
    if tally.stored > 0 {
        FILLED
    } else if tally.not_asked > 0 {
        NOT_ASKED
    } else if tally.not_final > 0 {
        NOT_FINAL
    } else {
        NOTHING
    }
}

/// The sessions of a series: where they become something else, by days since 1970.
#[derive(Default)]
pub struct Sessions {
    changes: BTreeMap<i64, char>,
    last: Option<char>,
    /// The first and the last.
    ends: Option<(i64, i64)>,
}

impl Sessions {
    pub fn take(&mut self, day: &Day) {
        let (at, class) = (number(day.date), class(&day.tally));
        self.ends = Some((self.ends.map_or(at, |ends| ends.0), at));
        if self.last.replace(class) != Some(class) {
            self.changes.insert(at, class);
        }
    }

    /// Some days are something else than was seen of them alone.
    fn overlay(&mut self, (first, last): (i64, i64), class: char) {
        let after = self.at(last + 1);
        self.changes.retain(|at, _| !(first..=last).contains(at));
        self.changes.insert(first, class);
        if self.ends.is_some_and(|(_, end)| end > last) {
            self.changes.entry(last + 1).or_insert(after);
        }
    }

    fn at(&self, day: i64) -> char {
        let before = self.changes.range(..=day).next_back();
        before.map_or(FILLED, |(_, &class)| class)
    }

    /// The same, a month being one thing.
    fn by_months(&self) -> BTreeMap<i64, char> {
        let mut months: BTreeMap<i64, char> = BTreeMap::new();
        let Some((mut at, last)) = self.ends else {
            return months;
        };
        while at <= last {
            let next = date_of(at * DAY).checked_add_months(Months::new(1));
            let next = next.and_then(|date| date.with_day(1));
            let next = next.map_or(last + 1, number);
            let first = self.at(at);
            let mut within = self.changes.range(at + 1..next);
            let class = if within.all(|(_, &class)| class == first) {
                first
            } else {
                MIXED
            };
            if months.values().next_back() != Some(&class) {
                months.insert(at, class);
            }
            at = next;
        }
        months
    }
}

fn number(date: NaiveDate) -> i64 {
    label_of(date).div_euclid(DAY)
}

/// What the page is made of.
#[derive(Serialize)]
struct Data<'a> {
    file: &'a str,
    made: &'a str,
    /// The sessions of each: the first by days since 1970 and each by its distance to the one before.
    calendars: Vec<Vec<i64>>,
    series: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    symbol: &'a str,
    timeframe: Timeframe,
    /// Its place among the calendars.
    calendar: usize,
    percent: Option<f64>,
    density: Option<f64>,
    gaps: usize,
    /// What its days are, one letter a change, and where: the first by days since 1970 and each by its distance to the one before.
    classes: String,
    changes: Vec<i64>,
    /// The last day.
    end: Option<i64>,
    /// Whether months alone are told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    months: bool,
}

/// The page of series; `made` says when they were measured.
pub fn page(all: &mut [Measured], file: &str, made: &str) -> String {
    for one in &mut *all {
        for gap in &one.measure.gaps {
            if gap.kind == GapKind::Thin {
                let days = (number(gap.days.0), number(gap.days.1));
                one.sessions.overlay(days, THIN);
            }
        }
    }
    let changes: usize = all.iter().map(|one| one.sessions.changes.len()).sum();
    let share = if changes > ROOM {
        ROOM / all.len().max(1)
    } else {
        usize::MAX
    };
    let mut calendars = Calendars::default();
    let series = all.iter().map(|one| one.row(&mut calendars, share));
    let data = Data {
        file,
        made,
        series: series.collect(),
        calendars: calendars.sessions(),
    };
    let data = serde_json::to_string(&data).unwrap_or_default();
    // A symbol must not end the element that it stands in.
    include_str!("page.html").replace("{{data}}", &data.replace('<', "\\u003c"))
}

/// Each calendar that series have, by its name: its place, a market with its sessions, and the days that are needed.
#[derive(Default)]
struct Calendars(BTreeMap<String, (usize, Market, (i64, i64))>);

impl Calendars {
    fn place_of(&mut self, series: &SeriesRow, ends: Option<(i64, i64)>) -> usize {
        let (key, of) = (&series.key, series.market());
        let kind = if key.timeframe.is_label() {
            key.timeframe.to_string()
        } else {
            "within days".to_owned()
        };
        let name = format!("{} {kind} {}", of.code(), of.week_start());
        let listing = Listing {
            last_day: None,
            ..key.listing
        };
        let market = || Market::new(listing, key.timeframe, of.week_start());
        let next = self.0.len();
        let ends = ends.unwrap_or((i64::MAX, i64::MIN));
        let (place, _, held) = self.0.entry(name).or_insert_with(|| (next, market(), ends));
        *held = (held.0.min(ends.0), held.1.max(ends.1));
        *place
    }

    fn sessions(self) -> Vec<Vec<i64>> {
        let mut all = vec![Vec::new(); self.0.len()];
        for (place, market, (first, last)) in self.0.into_values() {
            let is_longer = matches!(market.timeframe(), Timeframe::Week | Timeframe::Month);
            let is_session = |&day: &i64| {
                if is_longer {
                    market.on_grid(day * DAY)
                } else {
                    market.trades_on(date_of(day * DAY))
                }
            };
            all[place] = steps((first..=last).filter(is_session));
        }
        all
    }
}

/// The first, and each of the others by its distance to the one before.
fn steps(days: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut before = 0;
    days.map(|day| {
        let step = day - before;
        before = day;
        step
    })
    .collect()
}

impl Measured {
    fn row(&self, calendars: &mut Calendars, share: usize) -> Row<'_> {
        let sessions = &self.sessions;
        let is_months = sessions.changes.len() > share;
        let changes = if is_months {
            &sessions.by_months()
        } else {
            &sessions.changes
        };
        let key = &self.series.key;
        Row {
            symbol: key.symbol.as_str(),
            timeframe: key.timeframe,
            calendar: calendars.place_of(&self.series, sessions.ends),
            percent: self.measure.tally.percent(),
            density: self.measure.density,
            gaps: self.measure.gaps.len(),
            classes: changes.values().collect(),
            changes: steps(changes.keys().copied()),
            end: sessions.ends.map(|ends| ends.1),
            months: is_months,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(month: u32, day: u32) -> i64 {
        number(NaiveDate::from_ymd_opt(2024, month, day).expect("a date"))
    }

    fn sessions(changes: &[(i64, char)], ends: (i64, i64)) -> Sessions {
        Sessions {
            changes: changes.iter().copied().collect(),
            last: None,
            ends: Some(ends),
        }
    }

    #[test]
    fn days_that_turn_out_to_be_thin_are_written_over_what_they_seemed() {
        let mut all = sessions(
            &[
                (day(1, 2), FILLED),
                (day(1, 20), NOTHING),
                (day(1, 25), FILLED),
            ],
            (day(1, 2), day(3, 1)),
        );
        all.overlay((day(1, 10), day(1, 12)), THIN);
        all.overlay((day(1, 25), day(3, 1)), THIN);
        let told: Vec<(i64, char)> = all.changes.into_iter().collect();
        let expected = [
            (day(1, 2), FILLED),
            (day(1, 10), THIN),
            (day(1, 13), FILLED),
            (day(1, 20), NOTHING),
            (day(1, 25), THIN),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn where_there_is_no_room_for_days_a_month_is_one_thing() {
        let all = sessions(
            &[
                (day(1, 15), FILLED),
                (day(2, 5), NOTHING),
                (day(2, 9), FILLED),
                (day(4, 1), NOTHING),
            ],
            (day(1, 15), day(5, 31)),
        );
        let told: Vec<(i64, char)> = all.by_months().into_iter().collect();
        let expected = [
            (day(1, 15), FILLED),
            (day(2, 1), MIXED),
            (day(3, 1), FILLED),
            (day(4, 1), NOTHING),
        ];
        assert_eq!(told, expected);
    }
}
