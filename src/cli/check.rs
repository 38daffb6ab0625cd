//! `candlefile check`: whether series are complete up to a session, for scripts that need that before they begin.

use std::str::FromStr;

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::handover::choice::Choice;
use crate::model::expected::{Complete, complete};
use crate::model::market::Policy;
use crate::model::next::Next;
use crate::model::range::Moment;
use crate::run::clock::{Clock, SystemClock};
use crate::store::{Closed, SeriesRow, Store, StoreError};

use super::args::{Check, Global, choice, moment};
use super::closed;
use super::error::Exit;
use super::next;
use super::output::{self, count, counted};

/// Up to and with which session.
#[derive(Clone, Debug)]
pub enum Through {
    /// The last one that has closed in each series' market.
    LastSession,
    /// A market day.
    Day(Moment),
}

impl FromStr for Through {
    type Err = String;

    fn from_str(text: &str) -> Result<Through, String> {
        match text {
            "last-session" => Ok(Through::LastSession),
            day => moment(day)
                .map(Through::Day)
                .map_err(|error| error.to_string()),
        }
    }
}

/// A part of all candles that are expected, in hundredths of a percent.
#[derive(Clone, Copy, Debug)]
pub struct Share(i64);

impl FromStr for Share {
    type Err = String;

    #[allow(clippy::cast_possible_truncation)] // At most 10,000.
    fn from_str(text: &str) -> Result<Share, String> {
        let number = text.trim_end_matches('%').trim_end();
        let share: Option<f64> = number.parse().ok();
        let share = share.filter(|share| (0.0..=100.0).contains(share));
        share
            .map(|share| Share((share * 100.0).round() as i64))
            .ok_or_else(|| format!("{text:?} is no share: it is from 0% to 100%, like 0.5%"))
    }
}

/// A series, up to which day it was looked at, and what is missing.
struct Checked {
    series: SeriesRow,
    through: Option<NaiveDate>,
    found: Complete,
    is_complete: bool,
}

pub fn run(global: &Global, args: &Check) -> Result<Exit> {
    let choice = choice(&args.symbols, &args.timeframes)?;
    let now = SystemClock::default().now();
    let (all, closed) = Store::reading(&global.db, |store| {
        store.at_one_instant(|| checked(store, &choice, args, now))
    })?;
    let is_complete = all.iter().all(|one| one.is_complete);
    if global.json {
        let series: Vec<Value> = all.iter().map(Checked::document).collect();
        let closed = closed::documents(global, &closed);
        output::json(&json!({ "complete": is_complete, "series": series, "closed": closed }))?;
    } else {
        let mut incomplete = all.iter().filter(|one| one.is_incomplete_beside_closures());
        let is_mendable = incomplete.clone().next().is_some();
        incomplete.try_for_each(|one| output::print(one.told()))?;
        closed::print(global, &closed)?;
        if is_mendable {
            let gaps = Next::Coverage.shows("tells what that does not mend");
            let next = next::text(global, &Next::Or(vec![Next::Update, gaps]));
            output::print(format!("next: {next}"))?;
        }
        if is_complete && !global.quiet {
            output::print(format!("complete: {}", counted(all.len() as u64, "series")))?;
        }
    }
    Ok(if is_complete {
        Exit::Complete
    } else {
        Exit::Incomplete
    })
}

fn checked(
    store: &Store,
    choice: &Choice,
    args: &Check,
    now: i64,
) -> Result<(Vec<Checked>, Vec<Closed>)> {
    let mut measurer = store.measurer(now);
    let Share(most) = args.max_missing;
    let chosen = choice.of_all(store.series()?)?.into_iter();
    let each = chosen.map(|chosen| -> Result<Checked, StoreError> {
        let series = chosen.series;
        let market = series.market();
        let through = match &args.complete_through {
            Through::LastSession => market.last_closed_session(now, Policy::default()),
            Through::Day(day) => Some(day.day(market.zone(), NaiveDate::MAX)),
        };
        let asked = measurer.span(&series)?;
        let span = asked
            .zip(through)
            .and_then(|(asked, day)| market.through(asked.start(), day));
        let mut found = Complete::default();
        if let Some(span) = span {
            let mut days = Vec::new();
            let all = measurer.measure(&series, span, |day| days.push(*day))?;
            found = complete(&all, &days);
        }
        Ok(Checked {
            is_complete: (found.missing + found.closed) * 10_000 <= most * found.expected
                && asked.is_some(),
            through,
            found,
            series,
        })
    });
    let all = each.collect::<Result<_, _>>()?;
    Ok((all, measurer.closed()))
}

impl Checked {
    /// Closures are told once, for all series.
    fn is_incomplete_beside_closures(&self) -> bool {
        !self.is_complete && (self.found.missing > 0 || self.found.closed == 0)
    }

    fn document(&self) -> Value {
        let key = &self.series.key;
        json!({
            "symbol": key.symbol, "timeframe": key.timeframe, "through": self.through, "complete": self.is_complete,
            "expected": self.found.expected, "missing": self.found.missing,
            "first_missing": self.found.first_missing, "closed": self.found.closed,
        })
    }

    fn told(&self) -> String {
        let key = &self.series.key;
        let Complete {
            expected,
            missing,
            first_missing,
            ..
        } = self.found;
        let since = first_missing.map(|day| format!(", from {day} on"));
        format!(
            "{} {}: {} of {} missing{}",
            key.symbol,
            key.timeframe,
            count(missing.cast_unsigned()),
            counted(expected.cast_unsigned(), "candle"),
            since.unwrap_or_default()
        )
    }
}
