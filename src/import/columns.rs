//! Which column of a table is what: by the names that programs give their columns, by what was said, or by a shape without a
//! head line that is known.

use std::fmt;

use super::problem::{Problem, listed};
use crate::model::next::Setting;

/// What a column may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The stamp, or its date where the time has a column of its own.
    Ts,
    /// The time of the day.
    Time,
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Traded volume.
    Volume,
    /// Volume-weighted average price.
    Vwap,
    /// Number of trades.
    Trades,
    /// The symbol.
    Symbol,
    /// The timeframe.
    Timeframe,
}

impl Field {
    /// All that a row can have.
    pub(super) const ALL: [Field; 11] = [
        Field::Ts,
        Field::Time,
        Field::Symbol,
        Field::Timeframe,
        Field::Open,
        Field::High,
        Field::Low,
        Field::Close,
        Field::Volume,
        Field::Vwap,
        Field::Trades,
    ];
}

/// All of them, each with its name and the other names that it goes by, the surest first. Names are compared in small letters and
/// digits alone.
const NAMES: [(Field, &str, &[&str]); 11] = [
    (
        Field::Ts,
        "ts",
        &[
            "timestamp",
            "unix",
            "unixtimestamp",
            "epoch",
            "opentime",
            "windowstart",
            "datetime",
            "gmttime",
            "localtime",
            "date",
            "data",
            "time",
            "t",
        ],
    ),
    (Field::Time, "time", &[]),
    (Field::Open, "open", &["o", "openprice", "otwarcie"]),
    (Field::High, "high", &["h", "highprice", "najwyzszy"]),
    (Field::Low, "low", &["l", "lowprice", "najnizszy"]),
    (
        Field::Close,
        "close",
        &["c", "closeprice", "closelast", "last", "zamkniecie"],
    ),
    (
        Field::Volume,
        "volume",
        &["vol", "v", "wolumen", "tickvol", "tickvolume"],
    ),
    (Field::Vwap, "vwap", &["vw", "weightedaverage", "average"]),
    (
        Field::Trades,
        "trades",
        &[
            "transactions",
            "n",
            "count",
            "numberoftrades",
            "tradecount",
            "numtrades",
        ],
    ),
    (
        Field::Symbol,
        "symbol",
        &["ticker", "sym", "instrument", "pair"],
    ),
    (Field::Timeframe, "timeframe", &[]),
];

/// What every table must have.
const NEEDED: [Field; 5] = [
    Field::Ts,
    Field::Open,
    Field::High,
    Field::Low,
    Field::Close,
];

impl Field {
    /// Its name, as it is typed.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(field, ..)| *field == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The one of a name.
    pub fn of(name: &str) -> Option<Field> {
        NAMES
            .iter()
            .find(|(_, own, _)| *own == name)
            .map(|(field, ..)| *field)
    }

    /// Those that `--columns` takes, in words.
    fn names() -> String {
        let names: Vec<&str> = NAMES.iter().map(|(_, name, _)| *name).collect();
        names.join(", ")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Columns as they are typed: `ts=Date,open=O`. A column without a head line is named by its number, from 1 on.
///
/// # Errors
/// Why it says nothing.
pub fn typed(text: &str) -> Result<Vec<(Field, String)>, String> {
    let mut all: Vec<(Field, String)> = Vec::new();
    for pair in text.split(',') {
        let Some((field, column)) = pair.split_once('=') else {
            return Err(format!("{pair:?} is no pair like open=O"));
        };
        let Some(of) = Field::of(field.trim()) else {
            return Err(format!("{field:?} is none of {}", Field::names()));
        };
        if all.iter().any(|(held, _)| *held == of) {
            return Err(format!("{field} is named twice"));
        }
        all.push((of, column.trim().to_owned()));
    }
    Ok(all)
}

/// Where each value stands in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns(Vec<(Field, usize)>);

impl Columns {
    /// The place of a field.
    pub(super) fn at(&self, field: Field) -> Option<usize> {
        self.0
            .iter()
            .find(|(held, _)| *held == field)
            .map(|(_, at)| *at)
    }

    /// The places of all of them.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|(_, at)| *at)
    }

    /// Those of a row without a head line, in this order.
    pub(super) fn in_order(fields: &[Option<Field>]) -> Columns {
        let pairs = fields.iter().enumerate();
        Columns(
            pairs
                .filter_map(|(at, field)| Some(((*field)?, at)))
                .collect(),
        )
    }

    /// The same with another place for a field.
    pub(super) fn with(mut self, field: Field, at: usize) -> Columns {
        self.0.retain(|(held, _)| *held != field);
        self.0.push((field, at));
        self
    }

    /// The columns of a table with these names: those that were said, and the others by their names.
    pub(super) fn named(names: &[String], said: &[(Field, String)]) -> Result<Columns, Problem> {
        let mut columns = Columns::default();
        for (field, name) in said {
            let at = place(names, name).ok_or_else(|| {
                Problem::asked(
                    format!(
                        "there is no column {name:?}; the columns are {}",
                        listed(names)
                    ),
                    Setting::Columns.after("correct"),
                )
            })?;
            columns.0.push((*field, at));
        }
        let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
        for (field, own, others) in NAMES {
            if columns.at(field).is_some() || field == Field::Time {
                continue;
            }
            let found = std::iter::once(own).chain(others.iter().copied());
            let found = found.filter_map(|name| plain.iter().position(|plain| plain == name));
            let taken = |at: &usize| columns.0.iter().any(|(_, held)| held == at);
            if let Some(at) = { found }.find(|at| !taken(at)) {
                columns.0.push((field, at));
            }
        }
        columns.check_unique(&plain, names)?;
        columns.take_unnamed(&plain);
        columns.take_time(&plain, said);
        columns.needed(names)
    }

    /// Prices of several symbols side by side are not those of one.
    fn check_unique(&self, plain: &[String], names: &[String]) -> Result<(), Problem> {
        let prices = [Field::Open, Field::High, Field::Low, Field::Close];
        let places = prices.into_iter().filter_map(|field| self.at(field));
        let is_twice = |at: &usize| plain.iter().filter(|name| **name == plain[*at]).count() > 1;
        match { places }.find(is_twice) {
            None => Ok(()),
            Some(at) => Err(Problem::of_file(
                format!("several columns are called {}", names[at]),
                "write one row for each symbol and time, with the symbol in a column of its own",
            )),
        }
    }

    /// The column without a name is the index of a table, which holds its stamps.
    fn take_unnamed(&mut self, plain: &[String]) {
        if self.at(Field::Ts).is_none() && plain.first().is_some_and(String::is_empty) {
            self.0.push((Field::Ts, 0));
        }
    }

    /// A date has its time in a column of its own.
    fn take_time(&mut self, plain: &[String], said: &[(Field, String)]) {
        let is_said = said.iter().any(|(field, _)| *field == Field::Ts);
        let of_date = self
            .at(Field::Ts)
            .is_some_and(|at| ["date", "data"].contains(&plain[at].as_str()));
        let time = plain
            .iter()
            .position(|name| name == "time" || name == "czas");
        if let Some(at) = time.filter(|_| of_date && !is_said && self.at(Field::Time).is_none()) {
            self.0.push((Field::Time, at));
        }
    }

    fn needed(self, names: &[String]) -> Result<Columns, Problem> {
        let missing: Vec<&str> = NEEDED
            .into_iter()
            .filter(|field| self.at(*field).is_none())
            .map(Field::name)
            .collect();
        if missing.is_empty() {
            return Ok(self);
        }
        Err(Problem::asked(
            format!(
                "which column is {}? The columns are {}",
                missing.join(", which is "),
                listed(names)
            ),
            Setting::Columns
                .with(format!("{}=..", missing.join("=..,")))
                .after("say it, as in"),
        ))
    }

    /// The columns of a table without a head line, by their numbers.
    pub(super) fn numbered(said: &[(Field, String)], width: usize) -> Result<Columns, Problem> {
        let names: Vec<String> = (1..=width).map(|number| number.to_string()).collect();
        let mut columns = Columns::default();
        for (field, name) in said {
            let at = names.iter().position(|number| number == name).ok_or_else(|| {
                Problem::asked(
                    format!("the file has no head line, and {name:?} is no number of a column from 1 to {width}"),
                    Setting::Columns.with("ts=1,open=2").after("write numbers, as in"),
                )
            })?;
            columns.0.push((*field, at));
        }
        columns.needed(&names)
    }
}

/// The column of a name, by its letters or else by them alone.
fn place(names: &[String], name: &str) -> Option<usize> {
    let exact = names.iter().position(|held| held == name);
    exact.or_else(|| names.iter().position(|held| plain(held) == plain(name)))
}

/// Small letters and digits alone.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a row looks like the names of columns: one of them is the name of a price.
pub(super) fn is_head_line(row: &[String]) -> bool {
    let names = || {
        NAMES
            .iter()
            .filter(|(field, ..)| matches!(field, Field::Open | Field::High | Field::Close))
    };
    let is_name = |text: &String| {
        let text = plain(text);
        names().any(|(_, own, others)| text == *own || others.contains(&text.as_str()))
    };
    row.iter().any(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &str, said: &str) -> Result<Vec<(&'static str, usize)>, String> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let said = if said.is_empty() {
            Vec::new()
        } else {
            typed(said).expect("columns")
        };
        let columns = Columns::named(&names, &said).map_err(|problem| problem.message)?;
        let mut all: Vec<_> = columns
            .0
            .into_iter()
            .map(|(field, at)| (field.name(), at))
            .collect();
        all.sort_by_key(|(_, at)| *at);
        Ok(all)
    }

    #[test]
    fn columns_are_found_by_the_names_that_programs_give_them() {
        let in_order = |names: &str| {
            found(names, "")
                .expect("columns")
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        for (names, expected) in [
            (
                "date,open,high,low,close,volume",
                "ts open high low close volume",
            ),
            (
                "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
                "ts open high low close volume",
            ),
            (
                "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
                "symbol ts time open high low close volume",
            ),
            (
                "time,open,high,low,close,Volume,Volume MA",
                "ts open high low close volume",
            ),
            (
                "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>",
                "ts time open high low close volume",
            ),
            (
                "ticker,volume,open,close,high,low,window_start,transactions",
                "symbol volume open close high low ts trades",
            ),
            (
                "symbol,timeframe,ts,datetime,open,high,low,close,volume,vwap,trades",
                "symbol timeframe ts open high low close volume vwap trades",
            ),
            (
                "unix,date,symbol,open,high,low,close",
                "ts symbol open high low close",
            ),
            (
                ",Open,High,Low,Close,Volume",
                "ts open high low close volume",
            ),
            (
                "Date,Close/Last,Volume,Open,High,Low",
                "ts close volume open high low",
            ),
        ] {
            assert_eq!(in_order(names), expected, "{names}");
        }
    }

    #[test]
    fn what_was_said_comes_first_and_what_is_not_found_is_asked_for() {
        let said = found("a,b,c,d,e", "ts=a,open=b,high=c,low=d,close=E");
        assert_eq!(said.expect("columns").len(), 5);
        let none = found("Date,Open,High,Low,Price", "").expect_err("no close");
        assert!(
            none.contains("which column is close?") && none.contains("Price"),
            "{none}"
        );
        let none = found("Date,Open,High,Low,Close", "volume=Qty").expect_err("no such column");
        assert!(none.contains("\"Qty\""), "{none}");
        assert!(
            typed("open").is_err() && typed("price=x").is_err() && typed("open=a,open=b").is_err()
        );
    }
}
