//! When exchanges hold sessions: dates, hours, breaks and early closes, for a range of years. No I/O: the tables are compiled in.

mod names;
mod own;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::model::market::instant_of;
use table::{Hours, Trading, Unread, Week};

/// The calendar of an exchange. There is one of each code, and one more for all [days of its own](Calendar::own_days) that a file has.
#[derive(Clone)]
pub struct Calendar {
    code: &'static str,
    /// The code whose sessions these are, of an alias.
    sessions_of: Option<&'static str>,
    zone: Tz,
    /// In which its hours are written.
    clock: Tz,
    first: NaiveDate,
    last: NaiveDate,
    weeks: Vec<Week>,
    closed: Vec<NaiveDate>,
    /// Sessions that are not as the usual week has them, and whether they close early.
    other: BTreeMap<NaiveDate, (Hours, bool)>,
    /// When there is trading around its sessions; where nothing is said, in the sessions alone.
    trading: Vec<Trading>,
    /// Days on which a file knows better than the table whether there is a session.
    own: BTreeMap<NaiveDate, bool>,
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Calendar) -> bool {
        (self.code, &self.own) == (other.code, &other.own)
    }
}

impl Eq for Calendar {}

impl Hash for Calendar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.code.hash(state);
        self.own.hash(state);
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calendar").field(&self.code).finish()
    }
}

/// A session: instants in Unix seconds, ends exclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The date that the exchange gives it; one that opens in the evening before has the date of its close.
    pub date: NaiveDate,
    /// When it opens.
    pub open: i64,
    /// When it closes.
    pub close: i64,
    /// The breaks within it, as start and end.
    pub breaks: Vec<(i64, i64)>,
    /// Whether it opens after the usual hour.
    pub is_late_open: bool,
    /// Whether it closes before the usual hour, by the exchange's word.
    pub is_early_close: bool,
    /// Whether it lies behind the table's end, where the usual week goes on: holidays are not known there.
    pub is_assumed: bool,
}

static ALL: LazyLock<Vec<Unread>> = LazyLock::new(table::unread);

impl Calendar {
    /// All that there are, by code.
    pub fn all() -> impl Iterator<Item = &'static Calendar> {
        ALL.iter().map(Unread::read)
    }

    /// The one of a code, such as `XNYS`.
    pub fn of(code: &str) -> Option<&'static Calendar> {
        let found = ALL.binary_search_by(|one| one.code().cmp(code)).ok()?;
        Some(ALL[found].read())
    }

    /// Its code: the market identifier of ISO 10383, where the exchange has one.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The code of the calendar whose sessions these are, of one that has no table of its own.
    pub fn sessions_of(&self) -> Option<&'static str> {
        self.sessions_of
    }

    /// The zone whose dates its sessions have.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first day that its table knows.
    pub fn first(&self) -> NaiveDate {
        self.first
    }

    /// The last day that its table knows.
    pub fn last(&self) -> NaiveDate {
        self.last
    }

    /// Whether its table knows a date. Before and after its years the usual week goes on, without holidays.
    pub fn knows(&self, date: NaiveDate) -> bool {
        self.first <= date && date <= self.last
    }

    /// The session of a date. There is none before the table's first day.
    pub fn session(&self, date: NaiveDate) -> Option<Session> {
        let (hours, is_early_close) = self.hours_on(date).filter(|_| self.first <= date)?;
        let at = |minutes| self.at(date, minutes);
        let breaks = hours.breaks.iter();
        Some(Session {
            date,
            open: at(hours.open),
            close: at(hours.close),
            breaks: breaks.map(|&(from, to)| (at(from), at(to))).collect(),
            is_late_open: hours.open > self.week_of(date)?.hours.open,
            is_early_close,
            is_assumed: date > self.last,
        })
    }

    /// Whether there is a session on a date, in the years before its table by the usual week. No zone is asked: this is asked of
    /// each day of many years.
    pub(crate) fn trades_on(&self, date: NaiveDate) -> bool {
        self.hours_on(date).is_some()
    }

    /// Open and close of the session of a date, the close exclusive, in the years before its table by the usual week.
    pub(crate) fn regular_session(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let (hours, _) = self.hours_on(date)?;
        Some((self.at(date, hours.open), self.at(date, hours.close)))
    }

    /// From when to when there is trading on a date, around its session too.
    pub(crate) fn trading_hours(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let (hours, is_early) = self.hours_on(date)?;
        let trading = self.trading.iter().rev().find(|rows| rows.from <= date);
        let (open, close) = match trading.or(self.trading.first()) {
            None => (hours.open, hours.close),
            Some(rows) if is_early => (rows.open, rows.early_close),
            Some(rows) => (rows.open, rows.close),
        };
        Some((self.at(date, open), self.at(date, close)))
    }

    /// Whether sessions open in the evening before their date.
    pub(crate) fn opens_the_evening_before(&self) -> bool {
        self.weeks.iter().any(|week| week.hours.open < 0)
    }

    /// The hours of a date, and whether they close early.
    fn hours_on(&self, date: NaiveDate) -> Option<(&Hours, bool)> {
        match self.own.get(&date) {
            None => self.hours_of_table(date),
            Some(false) => None,
            Some(true) => self
                .hours_of_table(date)
                .or_else(|| Some((&self.week_of(date)?.hours, false))),
        }
    }

    fn hours_of_table(&self, date: NaiveDate) -> Option<(&Hours, bool)> {
        let week = self.week_of(date)?;
        let usual = week.days[date.weekday().num_days_from_monday() as usize];
        match self.other.get(&date) {
            Some((hours, is_early)) => Some((hours, *is_early)),
            None if !usual || self.closed.binary_search(&date).is_ok() => None,
            None => Some((&week.hours, false)),
        }
    }

    /// The usual week at a date.
    fn week_of(&self, date: NaiveDate) -> Option<&Week> {
        let week = self.weeks.iter().rev().find(|week| week.from <= date);
        week.or(self.weeks.first())
    }

    fn at(&self, date: NaiveDate, minutes: i64) -> i64 {
        let midnight = date.and_time(NaiveTime::MIN);
        instant_of(self.clock, midnight + TimeDelta::minutes(minutes))
    }

    /// The sessions of dates, both inside, in their order.
    pub fn sessions(
        &self,
        first: NaiveDate,
        last: NaiveDate,
    ) -> impl Iterator<Item = Session> + '_ {
        let days = first.max(self.first).iter_days();
        days.take_while(move |&day| day <= last)
            .filter_map(|day| self.session(day))
    }

    /// Its usual hours today, as they are written: `09:30-16:00`, with breaks `09:00-11:30,12:30-15:30`; `<` marks the evening
    /// before.
    pub fn usual_hours(&self) -> &str {
        self.weeks.last().map_or("", |week| &week.hours.written)
    }
}
