//! Which markets there are, by the code that stands with each series. A file may name others: it can be read, and what needs
//! their hours cannot be done.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::model::calendar::Calendar;
use crate::model::tag::Tag;

/// A market's calendar code, as `series.market` has it. From a file whose calendar has days of its own it brings that calendar
/// along; two with the same text are equal all the same.
#[derive(Clone, Copy)]
pub struct MarketCode {
    code: Tag,
    own: Option<&'static Calendar>,
}

impl PartialEq for MarketCode {
    fn eq(&self, other: &MarketCode) -> bool {
        self.code == other.code
    }
}

impl Eq for MarketCode {}

impl Hash for MarketCode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.code.hash(state);
    }
}

impl PartialOrd for MarketCode {
    fn partial_cmp(&self, other: &MarketCode) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MarketCode {
    fn cmp(&self, other: &MarketCode) -> Ordering {
        self.code.cmp(&other.code)
    }
}

/// Text that is no [`MarketCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no market's code: it is at most {longest} printable characters, like XNYS", longest = Tag::LONGEST)]
pub struct BadMarketCode(String);

impl MarketCode {
    /// US stocks and options.
    pub const XNYS: MarketCode = MarketCode::named("XNYS");
    /// US indices: the sessions of `XNYS`, in Chicago's zone.
    pub const XCBO: MarketCode = MarketCode::named("XCBO");
    /// What always trades: crypto.
    pub const ALWAYS: MarketCode = MarketCode::named("24/7");
    /// Forex: from Sunday to Friday, 17:00 New York.
    pub const FX: MarketCode = MarketCode::named("FX");

    const fn named(code: &str) -> MarketCode {
        match Tag::of(code) {
            Some(code) => MarketCode { code, own: None },
            None => panic!("a code of this build is a tag"),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        self.code.as_str()
    }

    /// The same market by a calendar of its code, with the days that a file has of its own.
    pub(crate) fn by(self, own: &'static Calendar) -> MarketCode {
        MarketCode {
            own: Some(own),
            ..self
        }
    }

    /// Its calendar: the file's own, or else that of this build.
    pub(crate) fn calendar(self) -> Option<&'static Calendar> {
        self.own.or_else(|| Calendar::of(self.as_str()))
    }

    /// When it trades: in what kind of hours, and by which calendar.
    pub(super) fn hours(self) -> (Hours, Option<&'static Calendar>) {
        if self == MarketCode::ALWAYS {
            return (Hours::Always, None);
        }
        if self == MarketCode::FX {
            return (Hours::Forex, None);
        }
        let calendar = self.calendar();
        let hours = match calendar {
            None => Hours::Unknown,
            Some(_) if self == MarketCode::XNYS => Hours::Stocks,
            Some(_) if self == MarketCode::XCBO => Hours::Indices,
            Some(_) => Hours::Exchange,
        };
        (hours, calendar)
    }
}

/// The trading hours that this build knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hours {
    /// US stocks: around the sessions, too.
    Stocks,
    /// The whole of a day with a session.
    Indices,
    /// The sessions of another exchange.
    Exchange,
    Always,
    Forex,
    /// Of a market of which this build knows nothing. It is read as one that always trades, and nothing is asked for it.
    Unknown,
}

impl Hours {
    /// What is traded in them, in words.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Hours::Stocks => "stocks",
            Hours::Indices => "indices",
            Hours::Exchange => "shares of its exchange",
            Hours::Always => "crypto currencies",
            Hours::Forex => "currencies",
            Hours::Unknown => "its candles",
        }
    }
}

impl FromStr for MarketCode {
    type Err = BadMarketCode;

    fn from_str(text: &str) -> Result<MarketCode, BadMarketCode> {
        Tag::of(text)
            .map(|code| MarketCode { code, own: None })
            .ok_or_else(|| BadMarketCode(text.to_owned()))
    }
}

impl fmt::Display for MarketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MarketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for MarketCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
