//! `candlefile calendar`: when exchanges hold sessions.

use anyhow::Result;
use chrono::{Datelike, Days, NaiveDate, TimeZone};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::model::calendar::{Calendar, Session};
use crate::model::nearest::nearest;
use crate::model::range::Moment;

use super::args::{self, Global};
use super::error::{Exit, usage};
use super::output::{self, counted, time};
use super::table;

/// Days that are told unless told otherwise.
const DAYS: u64 = 30;

pub fn run(global: &Global, args: &args::Calendar) -> Result<Exit> {
    let Some(code) = &args.code else {
        list(global)?;
        return Ok(Exit::Complete);
    };
    let calendar = named(code)?;
    let (first, last) = days(calendar, args)?;
    let sessions = calendar.sessions(first, last);
    if global.json {
        let sessions: Vec<Value> = sessions.map(|session| document(&session)).collect();
        output::json(&json!({
            "calendar": calendar.code(), "zone": calendar.zone().name(), "first": calendar.first(),
            "last": calendar.last(), "sessions": sessions,
        }))?;
        return Ok(Exit::Complete);
    }
    let rows: Vec<Vec<String>> = sessions
        .map(|session| row(&session, calendar.zone()))
        .collect();
    let told = counted(rows.len() as u64, "session");
    table::print(["!date", "!open", "!close", "~breaks", "~"], rows)?;
    output::print(format!("{told}, times of {}", calendar.zone().name()))?;
    if first < calendar.first() {
        output::print(format!("sessions are known from {} on", calendar.first()))?;
    }
    if last > calendar.last() {
        let known = calendar.last();
        output::print(format!(
            "holidays are known up to {known}: behind it the usual week goes on"
        ))?;
    }
    Ok(Exit::Complete)
}

fn named(code: &str) -> Result<&'static Calendar> {
    if let Some(calendar) = Calendar::of(code) {
        return Ok(calendar);
    }
    let codes = Calendar::all().map(Calendar::code);
    let near = nearest(code, codes, |code| code).join(", ");
    Err(usage(
        format!("there is no calendar {code:?}"),
        format!("name another, such as {near}; without one all are listed"),
    ))
}

/// The first and the last day that are asked for.
fn days(calendar: &Calendar, args: &args::Calendar) -> Result<(NaiveDate, NaiveDate)> {
    let zone = calendar.zone();
    let first = args.start.day(zone, calendar.first());
    let last = match &args.end {
        Some(end) => end.day(zone, calendar.last()),
        None => first.checked_add_days(Days::new(DAYS)).unwrap_or(first),
    };
    if last < first {
        let start = args.start.words();
        let end = args.end.as_ref().map_or(start, Moment::words);
        let said = format!("the end {end} is before the start {start}");
        return Err(usage(
            said,
            "give a --start that is not after --end: without one it is today",
        ));
    }
    if last < calendar.first() {
        let (code, begins) = (calendar.code(), calendar.first());
        let said = format!("the calendar {code} begins on {begins}");
        return Err(usage(said, "ask for later days"));
    }
    Ok((first, last))
}

fn document(session: &Session) -> Value {
    let breaks = session.breaks.iter();
    let breaks: Vec<Value> = breaks
        .map(|&(from, to)| json!([time(from), time(to)]))
        .collect();
    json!({
        "date": session.date, "open": time(session.open), "close": time(session.close), "breaks": breaks,
        "early_close": session.is_early_close, "assumed": session.is_assumed,
    })
}

fn row(session: &Session, zone: Tz) -> Vec<String> {
    let clock = |instant: i64| {
        let at = zone.timestamp_opt(instant, 0).single();
        at.map_or_else(String::new, |at| {
            if at.date_naive() == session.date {
                at.format("%H:%M").to_string()
            } else {
                at.format("%a %H:%M").to_string()
            }
        })
    };
    let breaks = session.breaks.iter();
    let breaks: Vec<String> = breaks
        .map(|&(from, to)| format!("{} to {}", clock(from), clock(to)))
        .collect();
    let marks = [
        (session.is_early_close, "early close"),
        (session.is_assumed, "assumed"),
    ];
    let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
    vec![
        format!("{} {}", session.date, session.date.weekday()),
        clock(session.open),
        clock(session.close),
        breaks.join(", "),
        marks.collect::<Vec<_>>().join(", "),
    ]
}

fn list(global: &Global) -> Result<()> {
    if global.json {
        let all = Calendar::all().map(|calendar| {
            json!({
                "code": calendar.code(), "zone": calendar.zone().name(), "first": calendar.first(),
                "last": calendar.last(), "hours": calendar.usual_hours(), "sessions_of": calendar.sessions_of(),
            })
        });
        return output::json(&json!({ "calendars": all.collect::<Vec<_>>() }));
    }
    let rows = Calendar::all().map(|calendar| {
        let hours = match calendar.sessions_of() {
            Some(other) => format!("as {other}"),
            None => calendar.usual_hours().replace('<', "evening before "),
        };
        vec![
            calendar.code().to_owned(),
            calendar.zone().name().to_owned(),
            format!("{} to {}", calendar.first().year(), calendar.last().year()),
            hours,
        ]
    });
    table::print(["!calendar", "zone", "!years", "~usual hours"], rows)
}
