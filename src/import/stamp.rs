//! Stamps as files have them: numbers since 1970, and dates with or without a time and a zone. What is read is what is written;
//! which instant it means, the zone decides. Nothing is guessed.

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// What a number counts since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// The one of a word: `s`, `ms`, `us`, `ns`.
    pub fn of(word: &str) -> Option<Unit> {
        match word {
            "s" => Some(Unit::Seconds),
            "ms" => Some(Unit::Millis),
            "us" => Some(Unit::Micros),
            "ns" => Some(Unit::Nanos),
            _ => None,
        }
    }

    fn in_a_second(self) -> i64 {
        match self {
            Unit::Seconds => 1,
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }

    /// The only one in which a number of this size is of the last and the next centuries. Files change it in their middle.
    fn by_size(number: i64) -> Unit {
        match number.unsigned_abs() {
            0..100_000_000_000 => Unit::Seconds,
            100_000_000_000..100_000_000_000_000 => Unit::Millis,
            100_000_000_000_000..100_000_000_000_000_000 => Unit::Micros,
            _ => Unit::Nanos,
        }
    }
}

/// What comes first in a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The year, as in 2024-01-31.
    Year,
    /// The day, as in 31.01.2024.
    Day,
    /// The month, as in 01/31/2024.
    Month,
}

/// A stamp as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// What the clock shows, in seconds as if it were of UTC.
    pub(super) local: i64,
    /// How far that clock is ahead of UTC, where it says so.
    pub(super) ahead: Option<i64>,
    /// Whether it is more than a date.
    pub(super) has_time: bool,
    /// Whether it is of a whole second.
    pub(super) is_whole: bool,
}

impl Written {
    /// Whether it is the beginning of a day, as its own clock shows it.
    pub(super) fn is_midnight(self) -> bool {
        self.local.rem_euclid(DAY) == 0 && self.is_whole
    }

    /// The instant, where nothing is left open.
    pub(super) fn instant(self) -> Option<i64> {
        self.ahead.map(|ahead| self.local - ahead)
    }
}

/// A number since 1970; one of eight digits that is a date is that, unless its unit was given.
pub(super) fn number(text: &[u8], unit: Option<Unit>) -> Option<Written> {
    let (whole, is_round) = digits(text)?;
    if unit.is_none() && text.len() == 8 && is_round {
        let date = || {
            let (year, month, day) = (whole / 10_000, whole / 100 % 100, whole % 100);
            (1900..2200).contains(&year).then_some(())?;
            days_of(year, month, day)
        };
        if let Some(days) = date() {
            return Some(Written {
                local: days * DAY,
                ahead: None,
                has_time: false,
                is_whole: true,
            });
        }
    }
    let unit = unit.unwrap_or_else(|| Unit::by_size(whole));
    let in_a_second = unit.in_a_second();
    Some(Written {
        local: whole.div_euclid(in_a_second),
        ahead: Some(0),
        has_time: true,
        is_whole: is_round && whole.rem_euclid(in_a_second) == 0,
    })
}

/// Milliseconds since the midnight of a day, as its clock shows them.
pub(super) fn since_midnight(text: &[u8], day: i64) -> Option<Written> {
    let (millis, is_round) = digits(text)?;
    let is_of_day = (0..DAY * 1000).contains(&millis);
    is_of_day.then(|| Written {
        local: day + millis / 1000,
        ahead: None,
        has_time: true,
        is_whole: is_round && millis % 1000 == 0,
    })
}

/// A whole number, and whether nothing but zeros stood behind its point.
fn digits(text: &[u8]) -> Option<(i64, bool)> {
    let (negative, rest) = match text.first()? {
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    let mut whole: i64 = 0;
    let mut at = 0;
    while let Some(digit) = rest.get(at).filter(|byte| byte.is_ascii_digit()) {
        whole = whole
            .checked_mul(10)?
            .checked_add(i64::from(digit - b'0'))?;
        at += 1;
    }
    let signed = if negative { -whole } else { whole };
    match (&rest[at..], at) {
        (_, 0) => None,
        ([], _) => Some((signed, true)),
        ([b'.', behind @ ..], _) if behind.iter().all(u8::is_ascii_digit) => {
            Some((signed, behind.iter().all(|&digit| digit == b'0')))
        }
        // As some programs write large numbers: 1.7040672e+09.
        _ => {
            let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            #[allow(clippy::cast_possible_truncation)] // Checked right here.
            (value.abs() < 9e18).then(|| (value.trunc() as i64, value.fract() == 0.0))
        }
    }
}

/// Days since 1970 of a date.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    const LONG: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *LONG.get(usize::try_from(month - 1).ok()?)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = length + i64::from(month == 2 && is_leap);
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day at their end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let century = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(century * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// What stands at the beginning of a text, and the rest of it.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    /// So many digits at least and at most.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count < least {
            return None;
        }
        let number = self.0[..count]
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        self.0 = &self.0[count..];
        Some(number)
    }

    fn one_of(&mut self, these: &[u8]) -> Option<u8> {
        let first = *self.0.first()?;
        these.contains(&first).then(|| {
            self.0 = &self.0[1..];
            first
        })
    }

    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        self.0 = self.0.trim_ascii_start();
        self.0.len() < before
    }
}

/// A date, with or without a time and a zone: `2024-01-02`, `2024.01.02 09:30`, `2024-01-02T09:30:00.000-05:00`,
/// `20240102 093000`, `02.01.2024 09:30:00.000 GMT+0100`, `1/2/2024 4:15 PM`.
pub(super) fn text(text: &[u8], order: Order) -> Option<Written> {
    let mut cut = Cut(text.trim_ascii());
    let days = date(&mut cut, order)?;
    let mut written = Written {
        local: days * DAY,
        ahead: None,
        has_time: false,
        is_whole: true,
    };
    if cut.0.is_empty() {
        return Some(written);
    }
    let is_parted = cut.one_of(b"Tt").is_some() || cut.blanks();
    is_parted.then_some(())?;
    let (seconds, is_whole) = time(&mut cut)?;
    (written.local, written.has_time, written.is_whole) = (written.local + seconds, true, is_whole);
    cut.blanks();
    written.ahead = ahead(&mut cut)?;
    cut.0.is_empty().then_some(written)
}

fn date(cut: &mut Cut<'_>, order: Order) -> Option<i64> {
    let is_compact = cut.0.len() >= 8 && cut.0[..8].iter().all(u8::is_ascii_digit);
    if is_compact {
        let (year, month, day) = (cut.digits(4, 4)?, cut.digits(2, 2)?, cut.digits(2, 2)?);
        return days_of(year, month, day);
    }
    let first = cut.digits(1, 4)?;
    let parting = cut.one_of(b"-./")?;
    let second = cut.digits(1, 2)?;
    cut.one_of(&[parting])?;
    let third = cut.digits(1, 4)?;
    match order {
        Order::Year => (first > 31).then(|| days_of(first, second, third))?,
        Order::Day => (third > 31).then(|| days_of(third, second, first))?,
        Order::Month => (third > 31).then(|| days_of(third, first, second))?,
    }
}

/// Seconds of a day, and whether it is a whole second: `9:30`, `09:30:00.000`, `093000`, `0930`, `4:15 PM`.
fn time(cut: &mut Cut<'_>) -> Option<(i64, bool)> {
    let hours = cut.digits(1, 2)?;
    let is_parted = cut.one_of(b":").is_some();
    let minutes = cut.digits(2, 2)?;
    let has_seconds = if is_parted {
        cut.one_of(b":").is_some()
    } else {
        cut.0.first().is_some_and(u8::is_ascii_digit)
    };
    let seconds = if has_seconds { cut.digits(2, 2)? } else { 0 };
    let mut is_whole = true;
    if has_seconds && cut.one_of(b".,").is_some() {
        let count = cut
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        is_whole = cut.0[..count].iter().all(|&digit| digit == b'0');
        cut.0 = &cut.0[count..];
    }
    let hours = of_half_day(cut, hours)?;
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some((hours * HOUR + minutes * 60 + seconds, is_whole))
}

/// The hour of the day, where `AM` or `PM` says which half of it is meant.
fn of_half_day(cut: &mut Cut<'_>, hours: i64) -> Option<i64> {
    let (half, rest) = match cut.0.trim_ascii_start() {
        [half @ (b'A' | b'a' | b'P' | b'p'), b'M' | b'm', rest @ ..] => (*half, rest),
        _ => return Some(hours),
    };
    cut.0 = rest;
    let is_second = half.eq_ignore_ascii_case(&b'P');
    (1..=12)
        .contains(&hours)
        .then_some(hours % 12 + if is_second { 12 } else { 0 })
}

/// How far a clock is ahead of UTC, where it says so: `Z`, `UTC`, `GMT`, `-05:00`, `GMT+0100`, `+01`. `None` where it says
/// something else.
#[allow(clippy::option_option)] // Nothing is said, or what cannot be read.
fn ahead(cut: &mut Cut<'_>) -> Option<Option<i64>> {
    let upper = cut.0.to_ascii_uppercase();
    let named = [&b"UTC"[..], b"GMT", b"Z"]
        .into_iter()
        .find(|name| upper.starts_with(name));
    cut.0 = &cut.0[named.map_or(0, <[u8]>::len)..];
    let Some(sign) = cut.one_of(b"+-") else {
        return Some(named.map(|_| 0));
    };
    let hours = cut.digits(2, 2)?;
    let is_parted = cut.one_of(b":").is_some();
    let minutes = if is_parted || !cut.0.is_empty() {
        cut.digits(2, 2)?
    } else {
        0
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    let ahead = hours * HOUR + minutes * 60;
    Some(Some(if sign == b'-' { -ahead } else { ahead }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the clock shows, how far it is ahead, whether it has a time.
    fn read(words: &str, order: Order) -> Option<(String, Option<i64>, bool)> {
        let written = text(words.as_bytes(), order)?;
        let shown = chrono::DateTime::from_timestamp(written.local, 0)?;
        Some((
            shown.format("%F %T").to_string(),
            written.ahead,
            written.has_time,
        ))
    }

    #[test]
    #[allow(clippy::too_many_lines)] // A table.
    fn dates_and_times_are_read_as_they_are_written() {
        for (words, order, shown, ahead, has_time) in [
            (
                "2024-01-02",
                Order::Year,
                "2024-01-02 00:00:00",
                None,
                false,
            ),
            (
                "2024.01.02 09:30",
                Order::Year,
                "2024-01-02 09:30:00",
                None,
                true,
            ),
            (
                "2024/1/2 9:30:05",
                Order::Year,
                "2024-01-02 09:30:05",
                None,
                true,
            ),
            (
                "2024-01-02T14:30:00Z",
                Order::Year,
                "2024-01-02 14:30:00",
                Some(0),
                true,
            ),
            (
                "2024-01-02 09:30:00-05:00",
                Order::Year,
                "2024-01-02 09:30:00",
                Some(-18_000),
                true,
            ),
            (
                "2024-01-02 09:30:00.000 UTC",
                Order::Year,
                "2024-01-02 09:30:00",
                Some(0),
                true,
            ),
            (
                "02.01.2024 00:00:00.000 GMT+0100",
                Order::Day,
                "2024-01-02 00:00:00",
                Some(3600),
                true,
            ),
            (
                "01/02/2024",
                Order::Month,
                "2024-01-02 00:00:00",
                None,
                false,
            ),
            (
                "20240102 093000",
                Order::Year,
                "2024-01-02 09:30:00",
                None,
                true,
            ),
            (
                "20240102 09:30",
                Order::Year,
                "2024-01-02 09:30:00",
                None,
                true,
            ),
            (
                "1/2/2024 4:15:30 PM",
                Order::Month,
                "2024-01-02 16:15:30",
                None,
                true,
            ),
            (
                "2024-01-02 12:05am",
                Order::Year,
                "2024-01-02 00:05:00",
                None,
                true,
            ),
            (
                "2024-01-02 12:00 PM -05:00",
                Order::Year,
                "2024-01-02 12:00:00",
                Some(-18_000),
                true,
            ),
            (
                "1962-01-02",
                Order::Year,
                "1962-01-02 00:00:00",
                None,
                false,
            ),
            (
                "2024-02-29",
                Order::Year,
                "2024-02-29 00:00:00",
                None,
                false,
            ),
        ] {
            assert_eq!(
                read(words, order),
                Some((shown.to_owned(), ahead, has_time)),
                "{words}"
            );
        }
        for words in [
            "",
            "2024",
            "2024-13-01",
            "2023-02-29",
            "2024-01-02 24:00",
            "2024-01-02 13:00 PM",
            "2024-01-02 0:30 AM",
            "2024-01-02 9:30 XM",
            "2024-01-02x",
            "2024-01-02 9:30 EST",
            "02.01.2024",
        ] {
            assert_eq!(read(words, Order::Year), None, "{words}");
        }
    }

    #[test]
    fn a_number_is_of_the_unit_in_which_it_is_of_our_time_and_eight_digits_are_a_date() {
        let seconds = |words: &str, unit| {
            number(words.as_bytes(), unit).map(|w| (w.local, w.is_whole, w.has_time))
        };
        let at = 1_704_205_800;
        for words in [
            "1704205800",
            "1704205800000",
            "1704205800000000",
            "1704205800000000000",
            "1704205800.0",
            "1.7042058e+09",
        ] {
            assert_eq!(seconds(words, None), Some((at, true, true)), "{words}");
        }
        assert_eq!(seconds("1704205800999", None), Some((at, false, true)));
        assert_eq!(seconds("1704205800.5", None), Some((at, false, true)));
        assert_eq!(
            seconds("20240102", None),
            Some((1_704_153_600, true, false))
        );
        assert_eq!(
            seconds("20240102", Some(Unit::Seconds)),
            Some((20_240_102, true, true))
        );
        assert_eq!(
            seconds("-252288000", None),
            Some((-252_288_000, true, true))
        );
        assert_eq!(
            seconds("1704205800", Some(Unit::Millis)),
            Some((1_704_205, false, true))
        );
        assert_eq!(seconds("abc", None), None);
    }
}
