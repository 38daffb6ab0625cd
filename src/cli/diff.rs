//! `candlefile diff`: what two files do not have in common.

use crate::handover::diff::{Difference, RowDifference, SeriesDifference, diff};
use crate::model::candle::Candle;
use crate::model::span::{Span, SpanSet};
use crate::monitor::Meter;
use crate::store::{SeriesRow, Store};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Diff, Global};
use super::error::{Exit, of_input};
use super::list::{self, Listed};
use super::output::{self, count, short};
use super::progress::Passing;
use super::signals::end_on_signals;
use super::{show, table};

pub fn run(global: &Global, args: &Diff) -> Result<Exit> {
    end_on_signals();
    let meter = Meter::default();
    let open = |path| {
        let store = Store::untouched(path).map_err(of_input)?;
        anyhow::Ok(store.metered(&meter))
    };
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let passing = Passing::new(global.quiet, &meter);
    let found = diff(&a, &b, args.limit);
    drop(passing);
    let found = found?;
    let only = Only {
        a: a.if_still(list::all_of(&a, found.only_in_a.iter().cloned()))?,
        b: b.if_still(list::all_of(&b, found.only_in_b.iter().cloned()))?,
    };
    if global.json {
        output::json(&document(args, &found, &only))?;
    } else if found.is_none() && global.quiet {
        // The exit code says it.
    } else if found.is_none() {
        output::print(format!(
            "{} and {} hold the same",
            args.a.display(),
            args.b.display()
        ))?;
    } else {
        print(args, &found, &only)?;
    }
    Ok(if found.is_none() {
        Exit::Complete
    } else {
        Exit::Incomplete
    })
}

/// The series of one file alone, as they are listed.
struct Only {
    a: Vec<Listed>,
    b: Vec<Listed>,
}

fn document(args: &Diff, found: &Difference, only: &Only) -> Value {
    let listed = |series: &[Listed]| series.iter().map(list::series_document).collect::<Vec<_>>();
    json!({
        "a": args.a, "b": args.b, "same": found.is_none(),
        "only_in_a": listed(&only.a), "only_in_b": listed(&only.b),
        "series": found.series.iter().map(series_document).collect::<Vec<_>>(), "rows": found.rows,
    })
}

fn series_document(series: &SeriesDifference) -> Value {
    let binding = |of: &SeriesRow| {
        json!({
            "source": of.key.source, "adjusted": of.key.adjusted.is_adjusted(), "adjustment": of.key.adjusted.word(),
            "market": of.key.listing.market, "grid": of.key.listing.grid, "currency": of.key.listing.currency,
            "week_start": of.week_start,
        })
    };
    let spans = |of: &SpanSet| of.iter().map(output::span).collect::<Vec<_>>();
    let row = |row: &RowDifference| {
        let (a, b) = sides(row);
        json!({ "a": a.map(show::candle_document), "b": b.map(show::candle_document) })
    };
    json!({
        "symbol": series.a.key.symbol, "timeframe": series.a.key.timeframe,
        "a": binding(&series.a), "b": binding(&series.b), "rows": series.rows,
        "coverage": { "only_in_a": spans(&series.covered_in_a), "only_in_b": spans(&series.covered_in_b) },
        "shown": series.shown.iter().map(row).collect::<Vec<_>>(),
    })
}

fn sides(row: &RowDifference) -> (Option<&Candle>, Option<&Candle>) {
    match row {
        RowDifference::OnlyInA(a) => (Some(a), None),
        RowDifference::OnlyInB(b) => (None, Some(b)),
        RowDifference::Both(a, b) => (Some(a), Some(b)),
    }
}

/// What stands under one title, of which not all is shown.
struct Section<'a> {
    title: &'a str,
    all: u64,
    titles: &'a [&'a str],
    /// Each one as one row of the table or more.
    shown: Vec<Vec<Vec<String>>>,
}

impl Section<'_> {
    fn print(self) -> Result<()> {
        if self.all == 0 {
            return Ok(());
        }
        let shown = self.shown.len() as u64;
        let part = if shown < self.all {
            format!(" ({} shown)", count(shown))
        } else {
            String::new()
        };
        output::print(format!("\n{}: {}{part}", self.title, count(self.all)))?;
        if shown > 0 {
            let rows = self.shown.into_iter().flatten();
            table::print(self.titles.iter().copied(), rows)?;
        }
        Ok(())
    }
}

fn print(args: &Diff, found: &Difference, only: &Only) -> Result<()> {
    output::print(format!("A: {}\nB: {}", args.a.display(), args.b.display()))?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let section = |title, titles, rows: Vec<Vec<String>>| Section {
        title,
        all: rows.len() as u64,
        titles,
        shown: rows.into_iter().take(limit).map(|row| vec![row]).collect(),
    };
    let listed = |series: &[Listed]| series.iter().map(list::row).collect();
    section("series only in A", &list::TITLES, listed(&only.a)).print()?;
    section("series only in B", &list::TITLES, listed(&only.b)).print()?;
    let otherwise = found.series.iter().filter_map(bound_otherwise).collect();
    let titles = ["symbol", "timeframe", "in A", "in B"];
    section("series of another kind", &titles, otherwise).print()?;
    let titles = ["symbol", "timeframe", "from", "to before"];
    section(
        "spans covered only in A",
        &titles,
        spans(found, |series| &series.covered_in_a),
    )
    .print()?;
    section(
        "spans covered only in B",
        &titles,
        spans(found, |series| &series.covered_in_b),
    )
    .print()?;
    rows(found, "rows only in A", found.rows.only_in_a, |row| {
        matches!(row, RowDifference::OnlyInA(_))
    })
    .print()?;
    rows(found, "rows only in B", found.rows.only_in_b, |row| {
        matches!(row, RowDifference::OnlyInB(_))
    })
    .print()?;
    rows(found, "rows that differ", found.rows.different, |row| {
        matches!(row, RowDifference::Both(..))
    })
    .print()
}

fn named(series: &SeriesDifference) -> Vec<String> {
    let key = &series.a.key;
    vec![key.symbol.to_string(), key.timeframe.to_string()]
}

fn bound_otherwise(series: &SeriesDifference) -> Option<Vec<String>> {
    let binding = |of: &SeriesRow, other: &SeriesRow| {
        let bound = of.key.binding(&other.key);
        let weeks = of
            .week_start
            .map_or_else(String::new, |day| format!(", week_start {day}"));
        format!("{}, {bound}{weeks}", of.key.source)
    };
    series.is_bound_otherwise().then(|| {
        [
            named(series),
            vec![binding(&series.a, &series.b), binding(&series.b, &series.a)],
        ]
        .concat()
    })
}

fn spans(found: &Difference, of: fn(&SeriesDifference) -> &SpanSet) -> Vec<Vec<String>> {
    let row = |series: &SeriesDifference, span: Span| {
        let edge = |ts| short(ts, series.a.key.timeframe);
        [named(series), vec![edge(span.start()), edge(span.end())]].concat()
    };
    let rows = found
        .series
        .iter()
        .flat_map(|series| of(series).iter().map(move |span| row(series, span)));
    rows.collect()
}

const VALUES: [&str; 11] = [
    "symbol",
    "timeframe",
    "time (UTC)",
    "in",
    ">open",
    ">high",
    ">low",
    "!>close",
    ">volume",
    ">vwap",
    ">trades",
];

/// The rows of one kind that are shown. Where both files have the candle, B's row says only what differs.
fn rows<'a>(
    found: &Difference,
    title: &'a str,
    all: u64,
    is_kind: fn(&RowDifference) -> bool,
) -> Section<'a> {
    let lines = |series: &SeriesDifference, row: &RowDifference| {
        let (a, b) = sides(row);
        let line = |file: &str, candle: &Candle, values| {
            let time = short(candle.ts, series.a.key.timeframe);
            [named(series), vec![time, file.to_owned()], values].concat()
        };
        let differing = |b: &Candle| match a {
            Some(a) => values(b)
                .into_iter()
                .zip(values(a))
                .map(|(b, a)| if a == b { String::new() } else { b })
                .collect(),
            None => values(b),
        };
        let a = a.map(|a| line("A", a, values(a)));
        a.into_iter()
            .chain(b.map(|b| line("B", b, differing(b))))
            .collect()
    };
    let shown = found.series.iter().flat_map(|series| {
        series
            .shown
            .iter()
            .filter(|row| is_kind(row))
            .map(move |row| lines(series, row))
    });
    Section {
        title,
        all,
        titles: &VALUES,
        shown: shown.collect(),
    }
}

/// As text that is read back exactly; an absent one is `-`.
fn values(candle: &Candle) -> Vec<String> {
    let text = |value: Option<f64>| value.map_or("-".into(), |value| value.to_string());
    let prices = [candle.open, candle.high, candle.low, candle.close].map(Some);
    let mut values: Vec<String> = prices
        .into_iter()
        .chain([candle.volume, candle.vwap])
        .map(text)
        .collect();
    values.push(
        candle
            .trades
            .map_or("-".into(), |trades| trades.to_string()),
    );
    values
}
