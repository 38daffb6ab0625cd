//! The tables of calendars, as they are compiled in. A line says one thing, by its first letter:
//!
//! ```text
//! = XNYS America/New_York 1990-01-01 2027-12-31     a calendar: code, zone, the first and the last day that is known
//! w 1990-01-01 12345 09:30-16:00                    from a day on: the days of the week with a session (1 is Monday), hours
//! c 2024 0101 0115                                  of these days of a year there is no session
//! e 09:30-13:00 20240703 20241129                   sessions that close before the usual hour
//! s 10:00-15:30 20241114                            sessions with other hours, or on other days of the week
//! a XCBO XNYS America/Chicago                       a code with the sessions of another one: its own zone
//! t XNYS 1990-01-01 04:00-20:00 17:00               from a day on: a code's trading hours around its sessions, and their end
//!                                                   on days on which these close early
//! ```
//!
//! Hours are of the calendar's zone. `<` marks an opening in the evening before the session's date, `24:00` is the end of the
//! day, and a break is what lies between two parts: `09:00-11:30,12:30-15:30`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::Calendar;

/// Made by `data/calendars/generate.py`.
const TABLES: &str = include_str!("../../../data/calendars/calendars.txt");
const OWN: &str = include_str!("../../../data/calendars/own.txt");

/// Hours of a session, in minutes after the midnight that begins its date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) written: String,
    pub(super) open: i64,
    pub(super) close: i64,
    pub(super) breaks: Vec<(i64, i64)>,
}

/// The usual week from a day on.
#[derive(Clone, Debug)]
pub(super) struct Week {
    pub(super) from: NaiveDate,
    /// Whether there is a session, from Monday to Sunday.
    pub(super) days: [bool; 7],
    pub(super) hours: Hours,
}

/// From a day on, when there is trading on a day with a session: minutes as in [`Hours`].
#[derive(Clone, Debug)]
pub(super) struct Trading {
    pub(super) from: NaiveDate,
    pub(super) open: i64,
    pub(super) close: i64,
    pub(super) early_close: i64,
}

/// A calendar that is read when it is asked for: a command asks for one or two of them, and all take longer than the rest of it.
#[derive(Debug)]
pub(super) struct Unread {
    code: &'static str,
    /// All lines that speak of it, those of the one whose sessions it has included.
    lines: Vec<&'static str>,
    read: OnceLock<Calendar>,
}

impl Unread {
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn read(&self) -> &Calendar {
        self.read.get_or_init(|| {
            let mut read = Vec::new();
            for line in &self.lines {
                let said = read_line(line, &mut read);
                assert!(said.is_some(), "no line of a calendar: {line}");
            }
            read.pop().expect("the line that begins it")
        })
    }
}

/// All calendars, by code.
pub(super) fn unread() -> Vec<Unread> {
    let mut all: Vec<Unread> = Vec::new();
    for line in TABLES.lines().chain(OWN.lines()) {
        let begins = |code, mut lines: Vec<&'static str>| {
            lines.push(line);
            let read = OnceLock::new();
            Unread { code, lines, read }
        };
        let of = |code| all.iter().position(|one| one.code == code);
        let mut words = line.split(' ');
        match (words.next(), words.next()) {
            (Some("="), Some(code)) => all.push(begins(code, Vec::new())),
            (Some("a"), Some(code)) => {
                let other = words.next().and_then(of).map(|at| all[at].lines.clone());
                all.push(begins(code, other.unwrap_or_default()));
            }
            (Some("t"), Some(code)) => match of(code) {
                Some(at) => all[at].lines.push(line),
                None => panic!("no calendar before its line: {line}"),
            },
            // Remarks may stand before the first one.
            _ => {
                if let Some(last) = all.last_mut() {
                    last.lines.push(line);
                }
            }
        }
    }
    all.sort_by_key(|calendar| calendar.code);
    all
}

fn read_line(line: &'static str, all: &mut Vec<Calendar>) -> Option<()> {
    let mut words = line.split(' ');
    match words.next()? {
        "" | "#" => {}
        "=" => {
            let (code, zone) = (words.next()?, words.next()?.parse().ok()?);
            all.push(Calendar {
                code,
                sessions_of: None,
                zone,
                clock: zone,
                first: words.next()?.parse().ok()?,
                last: words.next()?.parse().ok()?,
                weeks: Vec::new(),
                closed: Vec::new(),
                other: BTreeMap::new(),
                trading: Vec::new(),
                own: BTreeMap::new(),
            });
        }
        "a" => {
            let (code, of) = (words.next()?, words.next()?);
            let zone: Tz = words.next()?.parse().ok()?;
            let other = all.iter().find(|calendar| calendar.code == of)?;
            let alias = Calendar {
                code,
                sessions_of: Some(other.code),
                zone,
                trading: Vec::new(),
                ..other.clone()
            };
            all.push(alias);
        }
        "w" => {
            let from = words.next()?.parse().ok()?;
            let mut days = [false; 7];
            for day in words.next()?.bytes() {
                *days.get_mut(usize::from(day.checked_sub(b'1')?))? = true;
            }
            let hours = hours(words.next()?)?;
            all.last_mut()?.weeks.push(Week { from, days, hours });
        }
        "c" => {
            let year: i32 = words.next()?.parse().ok()?;
            let calendar = all.last_mut()?;
            for day in words {
                let (month, day) = (day.get(..2)?.parse().ok()?, day.get(2..)?.parse().ok()?);
                calendar
                    .closed
                    .push(NaiveDate::from_ymd_opt(year, month, day)?);
            }
        }
        kind @ ("e" | "s") => {
            let hours = hours(words.next()?)?;
            let calendar = all.last_mut()?;
            for day in words {
                let date = NaiveDate::parse_from_str(day, "%Y%m%d").ok()?;
                calendar.other.insert(date, (hours.clone(), kind == "e"));
            }
        }
        "t" => {
            let code = words.next()?;
            let from = words.next()?.parse().ok()?;
            let Hours { open, close, .. } = hours(words.next()?)?;
            let early_close = minutes(words.next()?)?;
            let calendar = all.iter_mut().find(|calendar| calendar.code == code)?;
            calendar.trading.push(Trading {
                from,
                open,
                close,
                early_close,
            });
        }
        _ => return None,
    }
    Some(())
}

fn hours(written: &str) -> Option<Hours> {
    let parts: Vec<(i64, i64)> = written
        .split(',')
        .map(|part| {
            let (from, to) = part.split_once('-')?;
            Some((minutes(from)?, minutes(to)?))
        })
        .collect::<Option<_>>()?;
    let breaks = parts.windows(2).map(|two| (two[0].1, two[1].0));
    Some(Hours {
        written: written.to_owned(),
        open: parts.first()?.0,
        close: parts.last()?.1,
        breaks: breaks.collect(),
    })
}

/// After the midnight that begins a date.
fn minutes(clock: &str) -> Option<i64> {
    const DAY: i64 = 24 * 60;
    let (evening, clock) = match clock.strip_prefix('<') {
        Some(clock) => (DAY, clock),
        None => (0, clock),
    };
    let (hours, minutes) = clock.split_once(':')?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()? - evening)
}
