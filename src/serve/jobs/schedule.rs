//! When the file is brought up to date by itself: at times of day, once each, also when the machine slept through one or the
//! server was not there. The file knows when that was done last.

use chrono::{DateTime, Days, NaiveTime};
use chrono_tz::Tz;

use crate::backfill::{sources, targets, update_of};
use crate::model::market::instant_of;
use crate::model::zones::named;
use crate::run::clock::Cancel;
use crate::serve::Service;
use crate::store::{SeriesPlan, Store, StoreError};

/// A time of day in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daily {
    time: NaiveTime,
    zone: Tz,
}

/// Text that is no time of day in a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it like 20:30@America/New_York{hint}")]
pub struct BadDaily {
    hint: String,
}

impl std::str::FromStr for Daily {
    type Err = BadDaily;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |hint: String| BadDaily { hint };
        let (time, zone) = text.split_once('@').ok_or_else(|| bad(String::new()))?;
        let time = NaiveTime::parse_from_str(time, "%H:%M")
            .map_err(|_| bad(format!(": {time:?} is no time of day")))?;
        let zone = named(zone).map_err(|error| bad(format!(": {error}")))?;
        Ok(Daily { time, zone })
    }
}

impl std::fmt::Display for Daily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.time.format("%H:%M"), self.zone.name())
    }
}

impl Daily {
    /// When it was this time last, not after `now`; Unix seconds.
    pub fn last(&self, now: i64) -> i64 {
        let utc = DateTime::from_timestamp(now, 0).unwrap_or_default();
        let today = utc.with_timezone(&self.zone).date_naive();
        let at = |days: u64| {
            let day = today.checked_sub_days(Days::new(days)).unwrap_or(today);
            instant_of(self.zone, day.and_time(self.time))
        };
        if at(0) <= now { at(0) } else { at(1) }
    }
}

/// What was due last, and done.
#[derive(Debug, Default)]
pub(in crate::serve) struct Schedule {
    done: Option<i64>,
}

impl Schedule {
    /// Puts updates into the queue where they are due: a job for each source of which anything is missing.
    pub(in crate::serve) fn look(&mut self, service: &Service) -> Result<(), StoreError> {
        let now = service.now();
        let times = service.settings.update_at.iter();
        let Some(due) = times.map(|time| time.last(now)).max() else {
            return Ok(());
        };
        // What is done after now was done by a clock that ran ahead.
        self.done = self.done.filter(|&done| done <= now);
        if self.done >= Some(due) {
            return Ok(());
        }
        let store = service.place.open(Store::read)?;
        for source in sources(&store)?.into_keys() {
            if store.last_asked("update", &source, now)? >= Some(due) {
                continue;
            }
            let mut providers = service.settings.providers.iter();
            let Some(provider) = providers.find(|provider| provider.name() == source) else {
                tracing::warn!(source, "there is no provider to update what is from it");
                continue;
            };
            let runner = service.runner(provider, Cancel::new());
            let request = update_of(&store, &runner)?;
            let missing = targets(Some(&store), &runner, &request.series)?;
            if missing.iter().all(SeriesPlan::is_complete) {
                continue;
            }
            if let Some(why) = service.lacks_room(&request, &runner)? {
                tracing::warn!(source, why, "an update is due and left out");
                continue;
            }
            service.queue.enqueue(&request, &runner)?;
        }
        self.done = Some(due);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<DateTime<chrono::Utc>>()
            .expect("an instant")
            .timestamp()
    }

    #[test]
    fn a_time_of_day_is_the_zones_and_was_today_or_yesterday() {
        let daily: Daily = "20:30@america/new_york".parse().expect("a time");
        assert_eq!(daily.to_string(), "20:30@America/New_York");
        assert_eq!(
            daily.last(at("2024-07-03T00:29:59Z")),
            at("2024-07-02T00:30:00Z")
        );
        assert_eq!(
            daily.last(at("2024-07-03T00:30:00Z")),
            at("2024-07-03T00:30:00Z")
        );
        assert_eq!(
            daily.last(at("2024-01-03T12:00:00Z")),
            at("2024-01-03T01:30:00Z")
        );
    }

    #[test]
    fn a_time_that_a_shift_skips_or_repeats_comes_once_a_day() {
        let daily: Daily = "02:30@America/New_York".parse().expect("a time");
        let skipped = at("2024-03-10T07:30:00Z");
        assert_eq!(daily.last(skipped - 1), at("2024-03-09T07:30:00Z"));
        assert_eq!(daily.last(skipped), skipped);
        let daily: Daily = "01:30@America/New_York".parse().expect("a time");
        let first = at("2024-11-03T05:30:00Z");
        assert_eq!(daily.last(first + 2 * 3600), first);
    }

    #[test]
    fn what_is_no_time_in_a_zone_is_told_with_what_may_be_meant() {
        let said = |text: &str| text.parse::<Daily>().expect_err(text).to_string();
        assert!(said("20:30").contains("20:30@America/New_York"));
        assert!(said("25:30@UTC").contains("no time of day"));
        assert!(said("20:30@America/New_Yrok").contains("America/New_York"));
    }
}
