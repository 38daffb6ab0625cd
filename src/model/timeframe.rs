//! Timeframes: the length of a candle. No I/O and no time zones (see [`super::market`]).

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike};

/// The length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timeframe {
    /// `Nm`, N divides 60 and is below it.
    Minutes(u32),
    /// `Nh`, N divides 24 and is below it.
    Hours(u32),
    /// `1d`.
    Day,
    /// `1w`.
    Week,
    /// `1mo`.
    Month,
}

/// Text that is no timeframe, with a hint at what may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a timeframe: {hint}")]
pub struct BadTimeframe {
    /// The text as it was given.
    pub text: String,
    /// What may have been meant, or what there is.
    pub hint: String,
}

const THERE_ARE: &str = "there are Nm with N dividing 60 (1m, 5m, 15m, 30m), Nh with N dividing 24 (1h, 4h), 1d, 1w and 1mo";

impl FromStr for Timeframe {
    type Err = BadTimeframe;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |hint: &str| BadTimeframe {
            text: text.to_owned(),
            hint: hint.to_owned(),
        };
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        match unit {
            "M" => return Err(bad("did you mean 1mo (one month) or 1m (one minute)?")),
            "D" | "W" | "H" => return Err(bad(&format!("did you mean {}?", text.to_lowercase()))),
            "day" | "week" | "month" | "min" | "hour" => return Err(bad(THERE_ARE)),
            _ => {}
        }
        if digits.starts_with('0') {
            return Err(bad(THERE_ARE));
        }
        let n: u32 = digits.parse().map_err(|_| bad(THERE_ARE))?;
        match (unit, n) {
            ("m", 60) | ("h", 1) => Ok(Timeframe::Hours(1)),
            ("m", 1..60) if 60 % n == 0 => Ok(Timeframe::Minutes(n)),
            ("m", _) => Err(bad(
                "the minutes of a timeframe divide 60 (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)",
            )),
            ("h", 24) => Err(bad("did you mean 1d?")),
            ("h", 1..24) if 24 % n == 0 => Ok(Timeframe::Hours(n)),
            ("h", _) => Err(bad(
                "the hours of a timeframe divide 24 (1, 2, 3, 4, 6, 8, 12)",
            )),
            ("d", 1) => Ok(Timeframe::Day),
            ("d", 7) => Err(bad("did you mean 1w?")),
            ("w", 1) => Ok(Timeframe::Week),
            ("mo", 1) => Ok(Timeframe::Month),
            _ => Err(bad(THERE_ARE)),
        }
    }
}

impl Timeframe {
    /// Whether candle starts are labels (market dates at 00:00Z) instead of instants.
    pub fn is_label(self) -> bool {
        matches!(self, Timeframe::Day | Timeframe::Week | Timeframe::Month)
    }

    /// Whether a candle of this timeframe can start at `ts`: minutes `ts % (60 N) = 0`, hours `ts % (3600 N) = 0`, labels
    /// midnight, months on a first. Which weekday begins a week only a [`Market`](crate::model::market::Market) knows.
    pub fn on_grid(self, ts: i64) -> bool {
        let step = match self {
            Timeframe::Minutes(n) => 60 * i64::from(n),
            Timeframe::Hours(n) => 3600 * i64::from(n),
            Timeframe::Day | Timeframe::Week | Timeframe::Month => 86_400,
        };
        let is_first = || DateTime::from_timestamp(ts, 0).is_some_and(|at| at.day() == 1);
        ts.rem_euclid(step) == 0 && (self != Timeframe::Month || is_first())
    }
}

/// The timeframes that a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timeframes {
    /// All that there can be.
    All,
    /// These, in the order in which they are listed.
    Only(Vec<Timeframe>),
}

impl Timeframes {
    /// Whether one is among them.
    pub fn has(&self, timeframe: Timeframe) -> bool {
        match self {
            Timeframes::All => true,
            Timeframes::Only(these) => these.contains(&timeframe),
        }
    }

    /// Each in a few words.
    pub fn in_words(&self) -> Vec<String> {
        match self {
            Timeframes::All => {
                let all = ["Nm (N divides 60)", "Nh (N divides 24)", "1d", "1w", "1mo"];
                all.map(str::to_owned).to_vec()
            }
            Timeframes::Only(these) => these.iter().map(Timeframe::to_string).collect(),
        }
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timeframe::Minutes(n) => f.pad(&format!("{n}m")),
            Timeframe::Hours(n) => f.pad(&format!("{n}h")),
            Timeframe::Day => f.pad("1d"),
            Timeframe::Week => f.pad("1w"),
            Timeframe::Month => f.pad("1mo"),
        }
    }
}

impl serde::Serialize for Timeframe {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timeframe_reads_back_as_it_prints() {
        for n in [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30] {
            assert_eq!(format!("{n}m").parse(), Ok(Timeframe::Minutes(n)));
        }
        for text in ["1m", "30m", "1h", "12h", "1d", "1w", "1mo"] {
            assert_eq!(
                text.parse::<Timeframe>().map(|t| t.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!("60m".parse(), Ok(Timeframe::Hours(1)));
    }

    #[test]
    fn what_may_have_been_meant_is_said() {
        let hint = |text: &str| {
            text.parse::<Timeframe>()
                .map_err(|e| e.hint)
                .err()
                .unwrap_or_default()
        };
        assert!(hint("1M").contains("1mo") && hint("1M").contains("1m"));
        assert!(hint("24h").contains("1d"));
        assert!(hint("1D").contains("1d"));
        assert!(hint("7d").contains("1w"));
        assert!(hint("7m").contains("divide 60"));
        for text in [
            "",
            "m",
            "0m",
            "01m",
            "2d",
            "2w",
            "1y",
            "1 m",
            "-1m",
            "120m",
            "48h",
            "99999999999m",
            "1mo1",
        ] {
            assert!(!hint(text).is_empty(), "{text}");
        }
    }
}
