//! `candlefile calendar`: when exchanges hold sessions, as the program knows it and as the file was told.

mod tell;

use anyhow::Result;
use chrono::{Datelike, Days, NaiveDate, TimeZone};
use serde_json::{Value, json};

use crate::model::calendar::{Calendar, Session};
use crate::model::nearest::nearest;
use crate::model::range::Moment;
use crate::store::{Store, StoreError};

use super::args::{self, Global, flat};
use super::error::{Exit, usage};
use super::output::{self, counted, time};
use super::table;

/// Days that are told unless told otherwise.
const DAYS: u64 = 30;

pub fn run(global: &Global, args: &args::Calendar) -> Result<Exit> {
    let calendars = named(&flat(&args.codes)?)?;
    if calendars.is_empty() {
        list(global)?;
        return Ok(Exit::Complete);
    }
    let calendars = of_file(global, calendars)?;
    let told = calendars
        .into_iter()
        .map(|calendar| Ok((calendar, days(calendar, args)?)))
        .collect::<Result<Vec<Told>>>()?;
    if global.json {
        // One alone has no list around it.
        output::json(&match told.as_slice() {
            [one] => sessions_document(one),
            all => {
                let all: Vec<Value> = all.iter().map(sessions_document).collect();
                json!({ "calendars": all })
            }
        })?;
        return Ok(Exit::Complete);
    }
    for (index, one) in told.iter().enumerate() {
        if index > 0 {
            output::print("")?;
        }
        if told.len() > 1 {
            output::print(one.0.code())?;
        }
        sessions_table(one)?;
    }
    Ok(Exit::Complete)
}

/// Has the file know something.
pub fn tell(global: &Global, args: &args::Calendar) -> Result<Exit> {
    let calendars = named(&flat(&args.codes)?)?;
    let &[table] = calendars.as_slice() else {
        return Err(usage(
            "this is told of one calendar",
            "name one, such as XNYS",
        ));
    };
    match &args.set {
        Some(symbol) => tell::market(global, table, symbol, args),
        None => tell::days(global, table, args),
    }
}

/// The calendars with the days that the file has of its own, if there is one.
fn of_file(global: &Global, calendars: Vec<&'static Calendar>) -> Result<Vec<&'static Calendar>> {
    if !global.db.exists() {
        return Ok(calendars);
    }
    let own = Store::reading(&global.db, |store| {
        let each = calendars.iter().map(|table| store.calendar(table));
        each.collect::<Result<_, StoreError>>()
    });
    match own {
        Err(StoreError::Empty(_)) => Ok(calendars),
        own => Ok(own?),
    }
}

/// The days of a calendar, of those that are asked for, on which the file knows of no session and the program does.
fn own_closures(&(calendar, (first, last)): &Told) -> Vec<NaiveDate> {
    let days = calendar.own_days().range(first..=last);
    let closed = days.filter(|(_, is_open)| !**is_open);
    closed.map(|(day, _)| *day).collect()
}

/// A calendar, with the first and the last day that are asked for.
type Told = (&'static Calendar, (NaiveDate, NaiveDate));

fn sessions_document(told: &Told) -> Value {
    let &(calendar, (first, last)) = told;
    let sessions = calendar.sessions(first, last);
    let sessions: Vec<Value> = sessions
        .map(|session| document(calendar, &session))
        .collect();
    json!({
        "calendar": calendar.code(), "zone": calendar.zone().name(), "first": calendar.first(),
        "last": calendar.last(), "sessions": sessions, "own_closures": own_closures(told),
    })
}

fn sessions_table(told: &Told) -> Result<()> {
    let &(calendar, (first, last)) = told;
    let own = own_closures(told);
    let rows: Vec<Vec<String>> = calendar
        .sessions(first, last)
        .map(|session| row(calendar, &session))
        .collect();
    let sessions = counted(rows.len() as u64, "session");
    table::print(["!date", "!open", "!close", "~breaks", "~"], rows)?;
    output::print(format!("{sessions}, times of {}", calendar.zone().name()))?;
    if !own.is_empty() {
        output::print(format!("closed by this file: {}", tell::listed(&own)))?;
    }
    if first < calendar.first() {
        output::print(format!("sessions are known from {} on", calendar.first()))?;
    }
    if last > calendar.last() {
        let known = calendar.last();
        output::print(format!(
            "holidays are known up to {known}: behind it the usual week goes on"
        ))?;
    }
    Ok(())
}

/// The calendars of codes, each once. What is none is named, all of it together.
fn named(codes: &[String]) -> Result<Vec<&'static Calendar>> {
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let unknown = codes
        .iter()
        .copied()
        .filter(|code| Calendar::of(code).is_none());
    let unknown: Vec<&str> = unknown.collect();
    if unknown.is_empty() {
        let mut calendars: Vec<&Calendar> = Vec::new();
        for calendar in codes.into_iter().filter_map(Calendar::of) {
            if !calendars
                .iter()
                .any(|known| known.code() == calendar.code())
            {
                calendars.push(calendar);
            }
        }
        return Ok(calendars);
    }
    let near = |code: &str| nearest(code, Calendar::all().map(Calendar::code), |code| code);
    let instead = |code: &str| {
        Calendar::meant(code).map_or_else(
            || format!("for {code} name another, such as {}", near(code).join(", ")),
            |meant| format!("for {code} name {}", meant.code()),
        )
    };
    let instead: Vec<String> = unknown.iter().copied().map(instead).collect();
    let quoted: Vec<String> = unknown.iter().map(|code| format!("{code:?}")).collect();
    Err(usage(
        format!("there is no calendar {}", quoted.join(", ")),
        format!("{}; without one all are listed", instead.join("; ")),
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

/// Whether it is the file's own word that there is a session.
fn is_own(calendar: &Calendar, session: &Session) -> bool {
    calendar.own_days().contains_key(&session.date)
}

fn document(calendar: &Calendar, session: &Session) -> Value {
    let breaks = session.breaks.iter();
    let breaks: Vec<Value> = breaks
        .map(|&(from, to)| json!([time(from), time(to)]))
        .collect();
    json!({
        "date": session.date, "open": time(session.open), "close": time(session.close), "breaks": breaks,
        "late_open": session.is_late_open, "early_close": session.is_early_close, "assumed": session.is_assumed,
        "own": is_own(calendar, session),
    })
}

fn row(calendar: &Calendar, session: &Session) -> Vec<String> {
    let zone = calendar.zone();
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
        (session.is_late_open, "late open"),
        (session.is_early_close, "early close"),
        (session.is_assumed, "assumed"),
        (is_own(calendar, session), "by this file"),
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
