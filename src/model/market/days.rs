//! Dates, their labels, and the instants of a wall clock.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone,
};
use chrono_tz::Tz;

/// The date that a label stands for, or the UTC date of an instant.
pub fn date_of(label: i64) -> NaiveDate {
    DateTime::from_timestamp(label, 0)
        .unwrap_or_default()
        .date_naive()
}

/// The label of a date: its 00:00Z.
pub fn label_of(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

pub(super) fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

pub(super) fn plus_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days))
        .unwrap_or(NaiveDate::MAX)
}

pub(super) fn minus_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_sub_days(Days::new(days))
        .unwrap_or(NaiveDate::MIN)
}

/// The instant of a zone's wall clock: of two the earlier, and one that a shift skips is read with the offset before it.
pub(crate) fn instant_of(zone: Tz, local: NaiveDateTime) -> i64 {
    if let Some(instant) = zone.from_local_datetime(&local).earliest() {
        return instant.timestamp();
    }
    let offset = zone.offset_from_utc_datetime(&local).fix();
    local.and_utc().timestamp() - i64::from(offset.local_minus_utc())
}
