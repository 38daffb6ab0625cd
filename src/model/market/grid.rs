//! Where candles of minutes and hours start and end. Days and longer have their labels on every grid.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use super::code::Hours;
use super::{DAY, HOUR, MINUTE, Market, minus_days, plus_days};
use crate::model::tag::Tag;

/// A session has another within so many days: exchanges have closed for a week, in September 2001 for six days.
const LONGEST_CLOSURE: u64 = 15;

/// Where candles start and end, as `series.grid` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grid {
    /// `utc`: on lines of UTC, hours `ts % (3600 N) = 0`, summer and winter.
    Utc,
    /// `session`: cut from the session's open; the last candle ends at the close.
    Session,
    /// `+HH:MM`: lines of UTC moved by so much, hours `ts % (3600 N) = offset`.
    Offset(Offset),
    /// One of which this build knows nothing: no start is moved, and nothing is asked for it.
    Other(OtherGrid),
}

/// Whole minutes by which lines of UTC are moved: more than none, less than a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset(u16);

/// The word for a grid of which this build knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherGrid(Tag);

/// Text that is no [`Grid`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no grid: utc, session, or an offset like +00:30")]
pub struct BadGrid(String);

impl Offset {
    /// Of whole minutes; `None` where that is none or a day and more.
    pub fn of_minutes(minutes: u16) -> Option<Offset> {
        (1..24 * 60).contains(&minutes).then_some(Offset(minutes))
    }

    fn seconds(self) -> i64 {
        i64::from(self.0) * MINUTE
    }
}

impl FromStr for Grid {
    type Err = BadGrid;

    fn from_str(text: &str) -> Result<Grid, BadGrid> {
        let bad = || BadGrid(text.to_owned());
        match text {
            "utc" => return Ok(Grid::Utc),
            "session" => return Ok(Grid::Session),
            _ => {}
        }
        let Some(offset) = text.strip_prefix('+') else {
            return Tag::of(text)
                .map(OtherGrid)
                .map(Grid::Other)
                .ok_or_else(bad);
        };
        let read = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let two = |digits: &str| {
                let is_two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
                digits.parse::<u16>().ok().filter(|_| is_two)
            };
            let minutes = two(minutes).filter(|&minutes| minutes < 60)?;
            Offset::of_minutes(two(hours)? * 60 + minutes)
        };
        read(offset).map(Grid::Offset).ok_or_else(bad)
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grid::Utc => f.pad("utc"),
            Grid::Session => f.pad("session"),
            Grid::Offset(Offset(minutes)) => {
                f.pad(&format!("+{:02}:{:02}", minutes / 60, minutes % 60))
            }
            Grid::Other(OtherGrid(tag)) => f.pad(tag.as_str()),
        }
    }
}

impl serde::Serialize for Grid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Market {
    /// The start of the candle of minutes or hours, so many seconds long, that holds an instant. What lies between two
    /// sessions belongs to the last candle before it.
    pub(super) fn intraday_floor(&self, instant: i64, length: i64) -> i64 {
        match (self.grid, self.session_before(instant)) {
            (Grid::Offset(offset), _) => instant - (instant - offset.seconds()).rem_euclid(length),
            (Grid::Session, Some((open, close))) => {
                let within = instant.min(close - 1) - open;
                open + within - within.rem_euclid(length)
            }
            (Grid::Session, None) | (Grid::Other(_), _) => instant,
            (Grid::Utc, _) => instant - instant.rem_euclid(length),
        }
    }

    /// The start of the first candle after an instant.
    pub(super) fn intraday_next(&self, instant: i64, length: i64) -> i64 {
        let next = self.intraday_floor(instant, length) + length;
        match (self.grid, self.session_before(instant)) {
            (Grid::Session, Some((open, close))) if next >= close => self.session_after(open).0,
            _ => next,
        }
    }

    /// Where a candle that starts at an instant ends.
    pub(super) fn intraday_end(&self, start: i64, length: i64) -> i64 {
        match (self.grid, self.session_before(start)) {
            (Grid::Session, Some((_, close))) => (start + length).min(close),
            _ => self.intraday_next(start, length),
        }
    }

    /// Whether this build can say where its candles start and end.
    pub(super) fn knows_its_grid(&self) -> bool {
        match self.grid {
            Grid::Utc | Grid::Offset(_) => true,
            Grid::Session => self.calendar.is_some(),
            Grid::Other(_) => false,
        }
    }

    /// Whether its candles are cut from sessions.
    pub(crate) fn is_cut_from_sessions(&self) -> bool {
        self.grid == Grid::Session && !self.timeframe.is_label()
    }

    /// Open and close of the session of a market date, where candles are cut from it.
    pub(super) fn session(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let is_cut_from_it = self.grid == Grid::Session;
        is_cut_from_it.then(|| self.regular_session(date)).flatten()
    }

    /// Open and close of the regular session of a market date, whatever grid its candles are on: instants, the close
    /// exclusive. `None` on days without one and in markets that have none.
    pub(crate) fn regular_session(&self, date: NaiveDate) -> Option<(i64, i64)> {
        self.calendar?.regular_session(date)
    }

    /// The breaks within the session of a market date, as start and end, where there is no trading in them.
    pub(crate) fn breaks(&self, date: NaiveDate) -> Vec<(i64, i64)> {
        let sessions = self.calendar.filter(|_| self.hours == Hours::Exchange);
        let session = sessions.and_then(|calendar| calendar.session(date));
        session.map_or_else(Vec::new, |session| session.breaks)
    }

    /// The last session that opens at or before an instant.
    fn session_before(&self, instant: i64) -> Option<(i64, i64)> {
        if self.grid != Grid::Session {
            return None;
        }
        let today = self.date(instant);
        (0..LONGEST_CLOSURE)
            .filter_map(|days| self.session(minus_days(today, days)))
            .find(|&(open, _)| open <= instant)
    }

    /// The first session that opens after an instant.
    fn session_after(&self, instant: i64) -> (i64, i64) {
        let today = self.date(instant);
        (0..LONGEST_CLOSURE)
            .filter_map(|days| self.session(plus_days(today, days)))
            .find(|&(open, _)| open > instant)
            .unwrap_or((instant + DAY, instant + DAY + HOUR))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;
    use crate::model::listing::Listing;
    use crate::model::market::{MarketCode, label_of};

    fn market(code: MarketCode, grid: &str, timeframe: &str) -> Market {
        let listing = Listing {
            grid: grid.parse().expect("a grid"),
            ..Listing::on(code)
        };
        Market::new(
            listing,
            timeframe.parse().expect("a timeframe"),
            Weekday::Sun,
        )
    }

    /// Of January 2024, whose 5th is a Friday. New York is five hours behind.
    fn utc(day: u32, hour: i64, minute: i64) -> i64 {
        let date = NaiveDate::from_ymd_opt(2024, 1, day).expect("a date");
        label_of(date) + hour * HOUR + minute * MINUTE
    }

    #[test]
    fn a_grid_is_written_as_it_is_read() {
        for text in ["utc", "session", "+00:30", "+23:59", "lunar"] {
            assert_eq!(
                text.parse::<Grid>().map(|grid| grid.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "+",
            "+00:00",
            "+24:00",
            "+1:30",
            "+00:60",
            "+00:3",
            "of the moon",
        ] {
            assert!(text.parse::<Grid>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn hours_of_a_session_are_cut_from_its_open_and_the_last_ends_at_the_close() {
        for code in [MarketCode::XNYS, MarketCode::XCBO] {
            let hours = market(code, "session", "1h");
            let (open, last) = (utc(5, 14, 30), utc(5, 20, 30));
            assert_eq!(hours.floor(open + 59 * MINUTE), open);
            assert_eq!(hours.next(open), open + HOUR);
            assert_eq!(hours.end_instant(open), open + HOUR);
            assert_eq!(
                hours.end_instant(last),
                utc(5, 21, 0),
                "half an hour before the next line"
            );
            assert_eq!(hours.next(last), utc(8, 14, 30), "Monday's open");
            assert_eq!(hours.floor(utc(7, 3, 0)), last, "the weekend is nobody's");
            assert_eq!(hours.trading_close(last), Some(utc(5, 21, 0)));
            assert!(
                hours.on_grid(last)
                    && !hours.on_grid(utc(5, 14, 0))
                    && !hours.on_grid(utc(5, 21, 30))
            );
            assert_eq!(
                hours.trading_hours(hours.date(open)),
                Some((open, utc(5, 21, 0)))
            );
            let slot = hours.slot_from(open).expect("a slot");
            assert_eq!((slot.start(), slot.end()), (open, utc(8, 14, 30)));
        }
        // In summer the session is an hour of UTC earlier: the grid follows it.
        let july = label_of(NaiveDate::from_ymd_opt(2024, 7, 1).expect("a date"));
        assert!(market(MarketCode::XNYS, "session", "1h").on_grid(july + 13 * HOUR + 30 * MINUTE));
    }

    #[test]
    fn starts_on_every_grid_are_their_own_floor_and_follow_each_other() {
        for (code, grid) in [
            (MarketCode::XNYS, "utc"),
            (MarketCode::XNYS, "session"),
            (MarketCode::ALWAYS, "+00:30"),
            (MarketCode::ALWAYS, "+21:00"),
            (MarketCode::XCBO, "session"),
        ] {
            for timeframe in ["5m", "30m", "1h", "4h", "12h", "1d", "1w"] {
                let market = market(code, grid, timeframe);
                assert!(market.unknown().is_none());
                let mut start = market.floor(utc(1, 0, 0));
                while start < utc(20, 0, 0) {
                    let next = market.next(start);
                    assert!(next > start, "{grid} {timeframe} {start}");
                    assert_eq!(market.floor(start), start, "{grid} {timeframe}");
                    assert_eq!(market.floor(next - 1), start, "{grid} {timeframe}");
                    if !market.timeframe().is_label() {
                        assert!((start + 1..=next).contains(&market.end_instant(start)));
                    }
                    start = next;
                }
            }
        }
    }

    #[test]
    fn an_offset_moves_the_lines_of_hours() {
        let hours = market(MarketCode::ALWAYS, "+21:00", "4h");
        assert!(
            hours.on_grid(utc(5, 21, 0))
                && hours.on_grid(utc(6, 1, 0))
                && !hours.on_grid(utc(6, 0, 0))
        );
        let half = market(MarketCode::ALWAYS, "+00:30", "1h");
        assert!(half.on_grid(utc(5, 9, 30)) && !half.on_grid(utc(5, 9, 0)));
    }

    #[test]
    fn what_this_build_does_not_know_is_named_and_no_start_is_moved() {
        let told = |code: &str, grid| {
            let market = market(code.parse().expect("a code"), grid, "1h");
            market.unknown().map(|unknown| unknown.to_string())
        };
        assert_eq!(told("XNYS", "utc"), None);
        assert_eq!(told("XNYS", "session"), None);
        assert_eq!(told("XXXX", "utc").as_deref(), Some("the market XXXX"));
        assert_eq!(told("XNYS", "lunar").as_deref(), Some("the grid lunar"));
        assert_eq!(
            told("24/7", "session").as_deref(),
            Some("the grid session of the market 24/7")
        );
        let other = market(MarketCode::XNYS, "lunar", "1h");
        assert_eq!(other.floor(utc(5, 9, 17)), utc(5, 9, 17));
        assert_eq!(other.next(utc(5, 9, 17)), utc(5, 10, 17));
    }
}
