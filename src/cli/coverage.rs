//! `candlefile coverage`: what should be there by the calendar, and what of it is.

mod page;

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Result;
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use crate::handover::choice::Choice;
use crate::handover::outfile::{Target, TargetError};
use crate::model::expected::{Day, Gap, GapKind, Measure, Tally};
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;
use crate::run::clock::{Clock, SystemClock};
use crate::store::{Closed, SeriesRow, Store, StoreError};

use super::args::{Coverage, Global, choice};
use super::closed;
use super::error::Exit;
use super::next;
use super::output::{self, count, counted, time};

/// So many gaps of a series are told on a terminal.
const GAPS: usize = 5;
/// What a cell of the strip stands for, from what is told first.
const LEGEND: &str =
    "# all sessions  + some of them  . nothing there  ? not asked  ~ not final yet";

/// A series, what was measured, and what its sessions are: for a terminal as a strip, or each for a page.
struct Measured {
    series: SeriesRow,
    span: Option<Span>,
    measure: Measure,
    strip: Vec<String>,
    sessions: page::Sessions,
}

/// What is made of sessions: a strip for a terminal, a page, or nothing.
#[derive(Clone, Copy)]
enum Form {
    Strip,
    Page,
    Figures,
}

pub fn run(global: &Global, args: &Coverage) -> Result<Exit> {
    let choice = choice(&args.symbols, &args.timeframes)?;
    let now = SystemClock::default().now();
    let target = args.html.as_deref();
    let target = target.map(|path| Target::new(path, args.overwrite, &[&global.db]));
    let target = target.transpose()?;
    let form = match &target {
        Some(_) => Form::Page,
        None if global.json => Form::Figures,
        None => Form::Strip,
    };
    let (mut all, closed) = Store::reading(&global.db, |store| {
        store.at_one_instant(|| measured(store, &choice, form, now))
    })?;
    if let Some(target) = target {
        return write_page(global, &target, &mut all, now);
    }
    if global.json {
        let series: Vec<Value> = all.iter().map(|one| one.document(global)).collect();
        let closed = closed::documents(global, &closed);
        output::json(&json!({ "series": series, "closed": closed }))?;
        return Ok(Exit::Complete);
    }
    if all.is_empty() {
        output::print("the file is empty")?;
        return Ok(Exit::Complete);
    }
    for one in &all {
        one.print(global)?;
    }
    output::print(LEGEND)?;
    closed::print(global, &closed)?;
    Ok(Exit::Complete)
}

/// Writes the page, and says so.
fn write_page(global: &Global, target: &Target, all: &mut [Measured], now: i64) -> Result<Exit> {
    let file = global.db.file_name().unwrap_or_default().to_string_lossy();
    let page = page::page(all, &file, &time(now));
    let mut part = target.begin()?;
    part.file()
        .write_all(page.as_bytes())
        .map_err(|error| TargetError::io(target.path(), error))?;
    part.finish()?;
    if !global.quiet {
        output::print(format!(
            "coverage of {} to {}, {}",
            counted(all.len() as u64, "series"),
            target.path().display(),
            output::bytes(page.len() as u64)
        ))?;
    }
    Ok(Exit::Complete)
}

/// The chosen series of a file, each measured, and the days that look like closures.
fn measured(
    store: &Store,
    choice: &Choice,
    form: Form,
    now: i64,
) -> Result<(Vec<Measured>, Vec<Closed>)> {
    let series = store.series()?;
    if series.is_empty() && choice.symbols.is_empty() && choice.timeframes.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut measurer = store.measurer(now);
    let chosen = choice
        .of_all(series)?
        .into_iter()
        .map(|chosen| chosen.series);
    let each = chosen.map(|series| -> Result<Measured, StoreError> {
        let span = measurer.span(&series)?;
        let (mut strip, mut sessions) = (Strip::default(), page::Sessions::default());
        let measure = match span {
            Some(span) => measurer.measure(&series, span, |day| match form {
                Form::Strip => strip.take(day),
                Form::Page => sessions.take(day),
                Form::Figures => {}
            })?,
            None => Measure::default(),
        };
        Ok(Measured {
            series,
            span,
            measure,
            strip: strip.lines().collect(),
            sessions,
        })
    });
    let all = each.collect::<Result<_, _>>()?;
    Ok((all, measurer.closed()))
}

impl Measured {
    fn document(&self, global: &Global) -> Value {
        let key = &self.series.key;
        let Tally {
            stored,
            nothing,
            not_asked,
            not_final,
            rejected,
        } = self.measure.tally;
        let gaps: Vec<Value> = self
            .measure
            .gaps
            .iter()
            .map(|gap| {
                json!({
                    "start": time(gap.span.start()), "end": time(gap.span.end()), "sessions": gap.sessions,
                    "kind": gap.kind, "next": self.next(global, gap),
                })
            })
            .collect();
        json!({
            "symbol": key.symbol, "timeframe": key.timeframe, "market": key.listing.market,
            "start": self.span.map(|span| time(span.start())), "end": self.span.map(|span| time(span.end())),
            "expected": self.measure.tally.expected(), "stored": stored, "nothing": nothing, "not_asked": not_asked,
            "not_final": not_final, "rejected": rejected, "percent": self.measure.tally.percent(),
            "density": self.measure.density, "gaps": gaps,
        })
    }

    fn next(&self, global: &Global, gap: &Gap) -> String {
        let key = &self.series.key;
        let is_asked = global.registry.get(&key.source).is_some();
        next::text(global, &gap.next(key, is_asked))
    }

    fn print(&self, global: &Global) -> Result<()> {
        let key = &self.series.key;
        output::print(format!(
            "{} {}: {}",
            key.symbol,
            key.timeframe,
            self.summary()
        ))?;
        for line in &self.strip {
            output::print(format!("  {line}"))?;
        }
        for gap in self.measure.gaps.iter().take(GAPS) {
            output::print(format!("  {}", told(key.timeframe, gap)))?;
            output::print(format!("    {}", self.next(global, gap)))?;
        }
        match self.measure.gaps.len().saturating_sub(GAPS) {
            0 => Ok(()),
            more => output::print(format!(
                "  and {}: --json has all",
                counted(more as u64, "gap")
            )),
        }
    }

    fn summary(&self) -> String {
        let tally = self.measure.tally;
        let (Some(span), Some(percent)) = (self.span, tally.percent()) else {
            return "nothing is expected of it".into();
        };
        let mut text = format!(
            "{}, {percent} % answered",
            output::days(&self.series.key, span)
        );
        if let Some(density) = self.measure.density {
            text += &format!(", density {density} %");
        }
        let parts = [
            (tally.stored, "stored"),
            (tally.nothing, "nothing there"),
            (tally.not_asked, "not asked"),
            (tally.not_final, "not final yet"),
            (tally.rejected, "rejected"),
        ];
        let parts = parts.iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts
            .map(|(number, what)| format!("{} {what}", count(number.cast_unsigned())))
            .collect();
        let expected = counted(tally.expected().cast_unsigned(), "candle");
        format!("{text}\n  {expected} expected: {}", parts.join(", "))
    }
}

/// A gap for people.
fn told(timeframe: Timeframe, gap: &Gap) -> String {
    let what = match gap.kind {
        GapKind::Hole => "nothing there",
        GapKind::Before => "nothing before the first candle",
        GapKind::Ended => "nothing after the last candle",
        GapKind::NotAsked => "not asked",
        GapKind::Thin => "far fewer minutes than usual",
    };
    let unit = match timeframe {
        Timeframe::Week => "week",
        Timeframe::Month => "month",
        Timeframe::Minutes(_) | Timeframe::Hours(_) | Timeframe::Day => "session",
    };
    let sessions = counted(gap.sessions as u64, unit);
    let (first, last) = gap.days;
    format!("{first} to {last}, {sessions}: {what}")
}

/// The weeks of each year, counted from its first day, with what became of their sessions.
#[derive(Default)]
struct Strip(BTreeMap<i32, BTreeMap<usize, Week>>);

/// Sessions of a week, by what they are.
#[derive(Clone, Copy, Default)]
struct Week {
    filled: u32,
    nothing: u32,
    not_asked: u32,
    not_final: u32,
}

impl Strip {
    fn take(&mut self, day: &Day) {
        let at = |date: NaiveDate| date.ordinal0() as usize / 7;
        let weeks = self.0.entry(day.date.year()).or_default();
        let week = weeks.entry(at(day.date)).or_default();
        let tally = day.tally;
        *if tally.stored > 0 {
            &mut week.filled
        } else if tally.not_asked > 0 {
            &mut week.not_asked
        } else if tally.not_final > 0 {
            &mut week.not_final
        } else {
            &mut week.nothing
        } += 1;
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(year, weeks)| {
            let last = weeks.keys().next_back().copied().unwrap_or(0);
            let cell = |at: usize| weeks.get(&at).map_or(' ', Week::cell);
            let cells: String = (0..=last).map(cell).collect();
            format!("{year} {cells}")
        })
    }
}

impl Week {
    fn cell(&self) -> char {
        match self {
            Week {
                filled: 0,
                not_asked: 1..,
                ..
            } => '?',
            Week {
                filled: 0,
                nothing: 1..,
                ..
            } => '.',
            Week { filled: 0, .. } => '~',
            Week {
                nothing: 0,
                not_asked: 0,
                not_final: 0,
                ..
            } => '#',
            _ => '+',
        }
    }
}
