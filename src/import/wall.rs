//! Wall clocks: which instant a time without a zone means, once its zone was said.

use std::borrow::Cow;

use chrono::{Offset as _, TimeZone};
use chrono_tz::Tz;

use crate::model::zones;

const HOUR: i64 = 3_600;

/// A zone's wall clock, moved by whole hours: the servers of brokers show New York's and seven hours more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalZone {
    /// The zone.
    pub zone: Tz,
    /// Hours that the clock is ahead of the zone's.
    pub hours: i64,
}

impl LocalZone {
    /// As it is typed: a zone, `America/New_York+7h`.
    ///
    /// # Errors
    /// It is none, with what may have been meant.
    pub fn typed(text: &str) -> Result<LocalZone, String> {
        let moved = || {
            let at = text.rfind(['+', '-'])?;
            let hours: i64 = text[at + 1..].strip_suffix('h')?.parse().ok()?;
            let hours = if text.as_bytes()[at] == b'-' {
                -hours
            } else {
                hours
            };
            Some((&text[..at], hours)).filter(|_| hours.abs() < 24)
        };
        let (name, hours) = moved().unwrap_or((text, 0));
        let zone = zones::named(name).map_err(|error| error.to_string())?;
        Ok(LocalZone { zone, hours })
    }

    /// As text that means it.
    pub fn word(&self) -> Cow<'static, str> {
        let name = self.zone.name();
        match self.hours {
            0 => name.into(),
            hours => format!("{name}{hours:+}h").into(),
        }
    }
}

/// The instant that a wall clock's time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    One(i64),
    /// The clock shows it twice: the earlier and the later instant.
    Two(i64, i64),
    /// The clock skips it.
    Never,
}

/// A wall clock. Most times are asked about right after another of their hour, and the calendar is asked once for both.
#[derive(Clone, Debug)]
pub(super) struct WallClock {
    zone: LocalZone,
    /// The local hour that was asked about last, and how far its clock is ahead of UTC in all of it.
    hour: i64,
    ahead: Option<i64>,
}

impl WallClock {
    pub(super) fn of(zone: LocalZone) -> WallClock {
        WallClock {
            zone,
            hour: i64::MIN,
            ahead: None,
        }
    }

    pub(super) fn meant(&mut self, shown: i64) -> Meant {
        let local = shown - self.zone.hours * HOUR;
        let hour = local.div_euclid(HOUR);
        if hour != self.hour {
            let one = |local| match self.look_up(local) {
                Meant::One(instant) => Some(local - instant),
                Meant::Two(..) | Meant::Never => None,
            };
            let (first, last) = (one(hour * HOUR), one(hour * HOUR + HOUR - 1));
            (self.hour, self.ahead) = (hour, first.filter(|_| first == last));
        }
        match self.ahead {
            Some(ahead) => Meant::One(local - ahead),
            None => self.look_up(local),
        }
    }

    fn look_up(&self, local: i64) -> Meant {
        let Some(wall) = chrono::DateTime::from_timestamp(local, 0) else {
            return Meant::Never;
        };
        let ahead = |at: chrono::DateTime<Tz>| i64::from(at.offset().fix().local_minus_utc());
        match self.zone.zone.from_local_datetime(&wall.naive_utc()) {
            chrono::LocalResult::Single(at) => Meant::One(local - ahead(at)),
            chrono::LocalResult::Ambiguous(one, other) => {
                let (one, other) = (local - ahead(one), local - ahead(other));
                Meant::Two(one.min(other), one.max(other))
            }
            chrono::LocalResult::None => Meant::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::stamp::{Order, text};

    #[test]
    fn a_wall_clock_tells_what_it_shows_twice_and_what_it_skips() {
        let mut clock = WallClock::of(LocalZone::typed("America/New_York").expect("a zone"));
        let shown = |words: &str| text(words.as_bytes(), Order::Year).expect("a stamp").local;
        let winter = clock.meant(shown("2024-01-02 09:30"));
        assert_eq!(winter, Meant::One(shown("2024-01-02 14:30")));
        let again = clock.meant(shown("2024-11-03 01:30"));
        assert_eq!(
            again,
            Meant::Two(shown("2024-11-03 05:30"), shown("2024-11-03 06:30"))
        );
        assert_eq!(clock.meant(shown("2024-03-10 02:30")), Meant::Never);
        assert_eq!(
            clock.meant(shown("2024-03-10 03:30")),
            Meant::One(shown("2024-03-10 07:30"))
        );
        // Half an hour is shown twice.
        let mut island = WallClock::of(LocalZone::typed("Australia/Lord_Howe").expect("a zone"));
        assert!(matches!(
            island.meant(shown("2024-04-07 01:15")),
            Meant::One(_)
        ));
        assert!(matches!(
            island.meant(shown("2024-04-07 01:45")),
            Meant::Two(..)
        ));
        let mut server = WallClock::of(LocalZone::typed("America/New_York+7h").expect("a zone"));
        assert_eq!(
            server.meant(shown("2024-01-02 00:00")),
            Meant::One(shown("2024-01-01 22:00"))
        );
    }
}
