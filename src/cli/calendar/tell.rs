//! What a file is told of calendars: days that the program does not know, and the market of a series.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::NaiveDate;
use serde_json::json;

use crate::cli::args::{self, Global};
use crate::cli::error::{Exit, usage};
use crate::cli::output::{self, counted};
use crate::model::calendar::Calendar;
use crate::model::market::MarketCode;
use crate::model::range::Moment;
use crate::model::symbol::Symbol;
use crate::run::clock::{Clock, SystemClock};
use crate::store::Store;

/// `--close` and `--open`.
pub(super) fn days(
    global: &Global,
    table: &'static Calendar,
    args: &args::Calendar,
) -> Result<Exit> {
    let is_open = !args.open.is_empty();
    let typed = if is_open { &args.open } else { &args.close };
    let days = checked(table, typed)?;
    let mut store = Store::open(&global.db)?;
    let told = store.tell_days(table, &days, is_open)?;
    if global.json {
        output::json(&json!({
            "calendar": table.code(), "markets": table.codes_alike().collect::<Vec<_>>(), "open": is_open,
            "changed": told.changed, "known": told.known, "flagged": told.flagged, "cleared": told.cleared,
        }))?;
        return Ok(Exit::Complete);
    }
    if global.quiet {
        return Ok(Exit::Complete);
    }
    let markets: Vec<&str> = table.codes_alike().collect();
    let markets = markets.join(" and ");
    let has = if is_open { "a session" } else { "no session" };
    if !told.changed.is_empty() {
        output::print(format!(
            "from now on {has} of {markets} on {}",
            listed(&told.changed)
        ))?;
    }
    if !told.known.is_empty() {
        output::print(format!(
            "there was {has} already on {}",
            listed(&told.known)
        ))?;
    }
    flags(told.flagged, told.cleared)
}

pub(super) fn listed(days: &[NaiveDate]) -> String {
    let days: Vec<String> = days.iter().map(NaiveDate::to_string).collect();
    days.join(", ")
}

/// What became of candles that are stored.
fn flags(flagged: u64, cleared: u64) -> Result<Exit> {
    for (number, what) in [
        (flagged, "off_session now"),
        (cleared, "not off_session any more"),
    ] {
        if number > 0 {
            output::print(format!("{}: {what}", counted(number, "stored candle")))?;
        }
    }
    Ok(Exit::Complete)
}

/// The days, of those that the table knows.
fn checked(table: &Calendar, typed: &[Moment]) -> Result<BTreeSet<NaiveDate>> {
    let code = table.code();
    if !table.takes_days() {
        return Err(usage(
            format!(
                "{code} is no exchange: nothing closes it, and there is trading on every day that it has"
            ),
            "name the calendar of an exchange",
        ));
    }
    let days: BTreeSet<NaiveDate> = typed
        .iter()
        .map(|day| day.day(table.zone(), NaiveDate::MAX))
        .collect();
    match days.iter().find(|&&day| !table.knows(day)) {
        None => Ok(days),
        Some(day) => Err(usage(
            format!("{day} is outside of the years of the calendar {code}"),
            format!("name a day from {} to {}", table.first(), table.last()),
        )),
    }
}

/// `--set`.
pub(super) fn market(
    global: &Global,
    table: &'static Calendar,
    symbol: &Symbol,
    args: &args::Calendar,
) -> Result<Exit> {
    let Some(timeframe) = args.timeframe else {
        return Err(usage(
            "the timeframe of the series is missing",
            "name it with -t",
        ));
    };
    let asked: MarketCode = table.code().parse()?;
    let mut store = Store::open(&global.db)?;
    let series = store.find_series(symbol, timeframe)?;
    if let Some(spec) = global.registry.get(&series.key.source) {
        let says = spec.unasked()?.listing(symbol).market;
        if says != asked {
            return Err(usage(
                format!(
                    "{} says that {symbol} is of the market {says}, and is held to it when it is asked",
                    spec.name
                ),
                "set the market of series that were imported or handed in",
            ));
        }
    }
    let now = SystemClock::default().now();
    let (before, told) = store.set_market(symbol, timeframe, asked, now)?;
    let before = before.key.listing.market;
    if global.json {
        output::json(&json!({
            "symbol": symbol, "timeframe": timeframe, "market": asked, "before": before, "flagged": told.flagged,
            "cleared": told.cleared,
        }))?;
        return Ok(Exit::Complete);
    }
    if global.quiet {
        return Ok(Exit::Complete);
    }
    output::print(if before == asked {
        format!("{symbol} {timeframe} is of {asked} already")
    } else {
        format!("{symbol} {timeframe} is of {asked}, and no longer of {before}")
    })?;
    flags(told.flagged, told.cleared)
}
