//! Days on which a file knows better than a table: a closure or a session that was announced after this program was built.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;

use super::Calendar;

/// Calendars with days of their own, each once. They live as long as the program: there are as many as somebody has told days.
static WITH_OWN: Mutex<Vec<&'static Calendar>> = Mutex::new(Vec::new());

impl Calendar {
    /// The one of this code for a file that has these days of its own: whether there is a session. Days that the table does not
    /// know are left out, as are all of a calendar that [has no closures](Calendar::takes_days).
    pub(crate) fn with_own(
        &'static self,
        mut days: BTreeMap<NaiveDate, bool>,
    ) -> &'static Calendar {
        days.retain(|&day, _| self.takes_days() && self.knows(day));
        if self.own == days {
            return self;
        }
        let mut all = WITH_OWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .iter()
            .find(|known| known.code == self.code && known.own == days);
        if let Some(known) = known {
            return known;
        }
        let made: &'static Calendar = Box::leak(Box::new(Calendar {
            own: days,
            ..self.clone()
        }));
        all.push(made);
        made
    }

    /// Whether a file can have days of its own for it: not of what always trades, and not of forex, which has no exchange that
    /// could close.
    pub(crate) fn takes_days(&self) -> bool {
        !matches!(self.code, "24/7" | "FX")
    }

    /// The days that a file has of its own, with whether there is a session.
    pub fn own_days(&self) -> &BTreeMap<NaiveDate, bool> {
        &self.own
    }

    /// Whether the table has a session on a day, whatever a file says.
    pub(crate) fn table_has(&self, day: NaiveDate) -> bool {
        self.hours_of_table(day).is_some()
    }

    /// The code under which its sessions stand in the tables.
    pub(crate) fn code_of_sessions(&self) -> &'static str {
        self.sessions_of.unwrap_or(self.code)
    }

    /// The codes that have the same sessions, its own among them.
    pub(crate) fn codes_alike(&self) -> impl Iterator<Item = &'static str> + use<> {
        let sessions = self.code_of_sessions();
        Calendar::all()
            .filter(move |calendar| calendar.code_of_sessions() == sessions)
            .map(Calendar::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_day_of_its_own_beats_the_table_and_has_the_usual_hours() {
        let table = Calendar::of("XNYS").expect("a calendar");
        let [closed, early, sunday, christmas] =
            ["2025-03-04", "2024-11-29", "2025-03-09", "2024-12-25"].map(day);
        let own = [
            (closed, false),
            (early, true),
            (sunday, true),
            (christmas, true),
        ];
        let calendar = table.with_own(own.into());
        assert!(calendar.session(closed).is_none() && table.session(closed).is_some());
        assert!(calendar.trading_hours(closed).is_none() && !calendar.trades_on(closed));
        let session = calendar.session(sunday).expect("a session");
        assert_eq!(session.close - session.open, 390 * 60);
        assert!(!session.is_early_close);
        let (open, close) = calendar.trading_hours(christmas).expect("hours");
        assert_eq!(close - open, 16 * 3600);
        // What the table knows of a session stays true.
        let session = calendar.session(early).expect("a session");
        assert!(session.is_early_close);
    }

    #[test]
    fn the_same_days_are_one_calendar_and_none_are_the_table_s() {
        let table = Calendar::of("XLON").expect("a calendar");
        let days: BTreeMap<_, _> = [(day("2025-03-04"), false)].into();
        let calendar = table.with_own(days.clone());
        assert!(std::ptr::eq(calendar, table.with_own(days)));
        assert!(calendar != table);
        let outside = [(day("2199-01-01"), false)].into();
        assert!(std::ptr::eq(table.with_own(outside), table));
        let always = Calendar::of("24/7").expect("a calendar");
        assert!(std::ptr::eq(
            always.with_own([(day("2025-03-04"), false)].into()),
            always
        ));
    }

    #[test]
    fn indices_have_the_days_of_the_stocks() {
        let codes = |code| -> Vec<&str> {
            Calendar::of(code)
                .expect("a calendar")
                .codes_alike()
                .collect()
        };
        assert_eq!(codes("XCBO"), ["XCBO", "XNYS"]);
        assert_eq!(codes("XNYS"), ["XCBO", "XNYS"]);
        assert_eq!(codes("XLON"), ["XLON"]);
    }
}
