//! How the candles of a group of rows are cut: their timeframe, their grid, and which end of them a stamp is.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Weekday};
use chrono_tz::Tz;

use super::{Cut, Group, Layout, label};
use crate::import::interval::{are_ends, grid, timeframe};
use crate::import::problem::Problem;
use crate::import::said::{Format, Said, StampAt, zone_of};
use crate::import::stamp::Written;
use crate::import::wall::{LocalZone, Meant, WallClock};
use crate::model::market::{Grid, MarketCode, date_of};
use crate::model::next::Setting;
use crate::model::timeframe::Timeframe;

impl Layout {
    /// How the candles of a group are cut.
    pub(super) fn cut(
        &mut self,
        (text, market): &(String, MarketCode),
        group: &Group,
        said: &Said,
    ) -> Result<Cut, Problem> {
        let of_column = match text.as_str() {
            "" => None,
            text => Some(text.parse::<Timeframe>().map_err(|error| {
                Problem::of_file(error.to_string(), "correct the column timeframe")
            })?),
        };
        if let Format::OfProvider(_, provider) = &said.format {
            let timeframe = said.timeframe.ok_or_else(|| {
                Problem::asked(
                    "neither its folder nor anything else says how long its candles are",
                    Setting::Timeframe.with("1m").after("say it, as in"),
                )
            })?;
            return Ok(Cut {
                timeframe,
                grid: Grid::Utc,
                week_start: provider.week_start(),
                ends: false,
            });
        }
        let are_dates = group
            .written
            .iter()
            .all(|written| !written.has_time || written.is_midnight());
        let is_open =
            |written: &&Written| written.has_time && written.ahead.is_none() && !are_dates;
        if self.zone.is_none() && group.written.iter().any(|written| is_open(&written)) {
            return Err(Self::which_zone(group, *market));
        }
        let timeframe = timeframe(
            &group.by_symbol.values().map(Vec::as_slice),
            of_column.or(said.timeframe),
        )?;
        if let (Some(of_column), Some(said)) = (of_column, said.timeframe)
            && of_column != said
        {
            return Err(Problem::of_file(
                format!("its rows are of {of_column}, and were said to be of {said}"),
                Setting::Timeframe.after("leave out"),
            ));
        }
        if !timeframe.is_label() && group.written.iter().any(|written| !written.has_time) {
            return Err(Problem::of_file(
                format!("its stamps are dates, and its candles are of {timeframe}"),
                Setting::Columns
                    .with("time=..")
                    .after("name the column with the time, as in"),
            ));
        }
        let ends = match said.stamp {
            Some(stamp) => stamp == StampAt::End,
            None if timeframe.is_label() => false,
            None => {
                let ends = are_ends(&group.instants, *market);
                if ends {
                    self.notes.push(format!(
                        "stamps are ends of candles: the sessions of {market} prove it"
                    ));
                }
                ends
            }
        };
        let grid = grid(&group.instants, timeframe, *market, ends)?;
        let week_start = match timeframe {
            Timeframe::Week if !ends => Self::week_start(group, *market)?,
            Timeframe::Month if !ends => {
                Self::check_months(group, *market)?;
                Weekday::Mon
            }
            _ => Weekday::Mon,
        };
        Ok(Cut {
            timeframe,
            grid,
            week_start,
            ends,
        })
    }

    /// The weekday on which nearly all weeks begin.
    fn week_start(group: &Group, market: MarketCode) -> Result<Weekday, Problem> {
        let mut days: HashMap<Weekday, usize> = HashMap::new();
        for label in Self::labels(group, market) {
            *days.entry(date_of(label).weekday()).or_default() += 1;
        }
        let all: usize = days.values().sum();
        match days.into_iter().max_by_key(|(_, count)| *count) {
            Some((day, count)) if count * 100 >= all * 95 => Ok(day),
            _ => Err(Problem::of_file(
                "its weeks begin on different weekdays",
                "see whether they are weeks",
            )),
        }
    }

    fn check_months(group: &Group, market: MarketCode) -> Result<(), Problem> {
        let labels: Vec<i64> = Self::labels(group, market).collect();
        let first = labels
            .iter()
            .filter(|label| date_of(**label).day() == 1)
            .count();
        if first * 100 >= labels.len() * 95 {
            return Ok(());
        }
        Err(Problem::asked(
            "its months are stamped with other days than the first",
            Setting::Stamp
                .with("end")
                .after("where that is a day at their end say"),
        ))
    }

    fn labels(group: &Group, market: MarketCode) -> impl Iterator<Item = i64> + '_ {
        let zone = zone_of(market).unwrap_or(Tz::UTC);
        let instants = group
            .written
            .iter()
            .map(|written| written.instant().unwrap_or(written.local));
        group
            .written
            .iter()
            .zip(instants)
            .map(move |(written, instant)| label(*written, instant, zone))
    }

    /// Times without a zone: how the first of them read in those that are likely.
    fn which_zone(group: &Group, market: MarketCode) -> Problem {
        let first: Vec<&Written> = group
            .written
            .iter()
            .filter(|written| written.has_time && written.ahead.is_none())
            .take(3)
            .collect();
        let mut zones = vec![LocalZone {
            zone: Tz::UTC,
            hours: 0,
        }];
        zones.extend(
            zone_of(market)
                .filter(|zone| *zone != Tz::UTC)
                .map(|zone| LocalZone { zone, hours: 0 }),
        );
        zones.push(LocalZone {
            zone: Tz::America__New_York,
            hours: 7,
        });
        let mut message =
            "its times have no zone. As they are written, and in UTC, read in".to_owned();
        for zone in &zones {
            message += &format!(" {},", zone.word());
        }
        message.pop();
        message.push(':');
        for written in first {
            message += &format!(
                "\n  {}",
                plain_time(written.local)
                    .trim_end_matches('Z')
                    .replace('T', " ")
            );
            for zone in &zones {
                let read = match WallClock::of(*zone).meant(written.local) {
                    Meant::One(instant) => plain_time(instant),
                    Meant::Two(one, other) => {
                        format!("{} or {}", plain_time(one), plain_time(other))
                    }
                    Meant::Never => "never".to_owned(),
                };
                message += &format!("   {read}");
            }
        }
        let own = zones.get(1).map_or("UTC".into(), LocalZone::word);
        Problem::asked(
            message,
            Setting::Zone.with(own).after("say which one, as in"),
        )
    }
}

fn plain_time(instant: i64) -> String {
    DateTime::from_timestamp(instant, 0)
        .unwrap_or_default()
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
