//! How stamps are written: as numbers or as text, with the year, the day or the month first, and which way they go.

use crate::import::problem::Problem;
use crate::import::said::Said;
use crate::import::stamp::{self, Order, Unit, Written};
use crate::model::market::date_of;
use crate::model::next::{Next, Setting};

/// How stamps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Kind {
    Number(Option<Unit>),
    Text(Order),
    /// Milliseconds since the midnight of a day, which is given as its label.
    SinceMidnight(i64),
}

impl Kind {
    pub(in crate::import) fn read(self, text: &[u8]) -> Option<Written> {
        match self {
            Kind::Number(unit) => stamp::number(text, unit),
            Kind::Text(order) => stamp::text(text, order),
            Kind::SinceMidnight(day) => stamp::since_midnight(text, day),
        }
    }
}

/// How stamps are written, by most of them.
pub(super) fn kind(texts: &[Vec<u8>], has_time: bool, said: &Said) -> Result<Kind, Problem> {
    let reads = |kind: Kind| {
        texts
            .iter()
            .filter(|text| kind.read(text).is_some())
            .count()
    };
    let is_number = !has_time && reads(Kind::Number(said.unit)) * 2 > texts.len();
    if is_number || said.unit.is_some() {
        return Ok(Kind::Number(said.unit));
    }
    if let Some(order) = said.dates {
        return Ok(Kind::Text(order));
    }
    if reads(Kind::Text(Order::Year)) * 2 > texts.len() {
        return Ok(Kind::Text(Order::Year));
    }
    let read = |order| texts.iter().map(|text| stamp::text(text, order)).collect();
    let (day, month): (Vec<_>, Vec<_>) = (read(Order::Day), read(Order::Month));
    // The first date that can be read in this order, and not in the other one.
    let first = |one: &[Option<Written>], other: &[Option<Written>]| {
        one.iter()
            .zip(other)
            .position(|(one, other)| one.is_some() && other.is_none())
    };
    match (first(&day, &month), first(&month, &day)) {
        (Some(_), None) => Ok(Kind::Text(Order::Day)),
        (None, Some(_)) => Ok(Kind::Text(Order::Month)),
        (None, None) if day == month => Ok(Kind::Text(Order::Day)),
        (None, None) => Err(which_order(
            "its dates have the day or the month first, and nothing tells which",
            texts,
            &[0, 1, 2],
        )),
        (Some(one), Some(other)) => Err(which_order(
            "some of its dates have the day first, and others the month",
            texts,
            &[one, other],
        )),
    }
}

/// Dates that may have the day or the month first, and how some of them read both ways.
fn which_order(what: &str, texts: &[Vec<u8>], rows: &[usize]) -> Problem {
    let mut message =
        format!("{what}. As they are written, and read with the day first, the month first:");
    for text in rows.iter().filter_map(|at| texts.get(*at)) {
        message += &format!("\n  {}", String::from_utf8_lossy(text));
        for order in [Order::Day, Order::Month] {
            let read = stamp::text(text, order);
            message += &read.map_or_else(
                || "   none".to_owned(),
                |written| format!("   {}", date_of(written.local)),
            );
        }
    }
    Problem::asked(
        message,
        Next::Or(vec![
            Setting::Dates.with("dmy").after("for the day first say"),
            Setting::Dates.with("mdy").after("for the month first"),
        ]),
    )
}

/// Whether most rows are older than the one before.
pub(super) fn newest_first(texts: &[Vec<u8>], kind: Kind) -> bool {
    let stamps: Vec<i64> = texts
        .iter()
        .filter_map(|text| Some(kind.read(text)?.local))
        .collect();
    let pairs = || stamps.windows(2);
    pairs().filter(|pair| pair[1] < pair[0]).count()
        > pairs().filter(|pair| pair[1] > pair[0]).count()
}
