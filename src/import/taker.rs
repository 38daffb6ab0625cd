//! Rows on their way to the writer: each becomes a candle of its series or a reject, and none is lost.

mod fold;
mod series;

use std::collections::HashMap;

use series::Series;

use super::interval::start_of;
use super::layout::{Cut, label};
use super::problem::Problem;
use super::said::Said;
use super::stamp::Written;
use super::wall::{LocalZone, Meant, WallClock};
use crate::model::candle::{Candle, Rejected, Unstorable};
use crate::model::market::{Market, MarketCode};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::provider::{Values, candle};

/// A row is kept as evidence up to this length,
const RAW_LIMIT: usize = 4096;
/// and all rows of a file up to this one, in bytes: of further rows place and reason are kept.
const RAW_OF_FILE: usize = 1 << 20;

/// How a file's candles are cut, by the text in its column of timeframes and by market.
pub(super) type Cuts = HashMap<(String, MarketCode), Cut>;

/// A row as a table has it.
pub(super) struct Raw<'a> {
    pub(super) symbol: &'a [u8],
    /// Empty where the table has no such column.
    pub(super) timeframe: &'a [u8],
    /// Its stamp, or why there is none.
    pub(super) stamp: Result<Written, String>,
    pub(super) values: Values,
    /// Its place in the file, from 1 on.
    pub(super) line: u64,
    /// The row as text, made where it is kept.
    pub(super) text: &'a dyn Fn() -> String,
}

/// What rows have come to.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Series that were not seen before, in the order of their numbers.
    pub(super) new: Vec<(SeriesKey, Market)>,
    /// Candles, ascending, and rejects by the number of their series.
    pub(super) parts: Vec<(usize, Vec<Candle>, Vec<Rejected>)>,
    /// Rows of no series, since what names it is no symbol.
    pub(super) nameless: u64,
    /// Every row of the text up to here is among them or was before.
    pub(super) position: u64,
}

impl Taken {
    /// How many rows these are.
    pub(super) fn rows(&self) -> usize {
        let rows = |(_, candles, rejected): &(usize, Vec<Candle>, Vec<Rejected>)| {
            candles.len() + rejected.len()
        };
        self.parts.iter().map(rows).sum()
    }
}

/// What is to be told of a file beside its counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Rows whose candles had not closed.
    pub(super) unclosed: u64,
    /// The first row without a symbol that is one.
    pub(super) nameless: Option<String>,
    /// The first row that cannot be stored, and why.
    pub(super) rejected: Option<String>,
    /// Whether any row became a candle.
    pub(super) has_candles: bool,
}

/// Takes the rows of one file.
pub(super) struct Taker<'a> {
    said: &'a Said,
    cuts: &'a Cuts,
    newest_first: bool,
    file: String,
    now: i64,
    clock: Option<WallClock>,
    series: Vec<Series>,
    /// Which series rows are of, by symbol and timeframe with a zero byte between.
    numbers: HashMap<Vec<u8>, usize>,
    last: (Vec<u8>, usize),
    touched: Vec<usize>,
    new: Vec<(SeriesKey, Market)>,
    nameless: u64,
    waiting: usize,
    rows: usize,
    room: usize,
    declared: HashMap<(String, String), (SeriesKey, Market)>,
    pub(super) seen: Seen,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        said: &'a Said,
        cuts: &'a Cuts,
        newest_first: bool,
        file: String,
        now: i64,
    ) -> Taker<'a> {
        Taker {
            said,
            cuts,
            newest_first,
            file,
            now,
            clock: None,
            series: Vec::new(),
            numbers: HashMap::new(),
            last: (Vec::new(), usize::MAX),
            touched: Vec::new(),
            new: Vec::new(),
            nameless: 0,
            waiting: 0,
            rows: 0,
            room: RAW_OF_FILE,
            declared: HashMap::new(),
            seen: Seen::default(),
        }
    }

    /// The same with the zone of times without one.
    pub(super) fn in_zone(mut self, zone: Option<LocalZone>) -> Taker<'a> {
        self.clock = zone.map(WallClock::of);
        self
    }

    /// Rows that were taken and not handed on yet.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether all that was taken can be handed on.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting == 0
    }

    /// Takes a row.
    ///
    /// # Errors
    /// What it needs to be understood was not said, or a time that the clock shows twice stays open.
    pub(super) fn take(&mut self, raw: &Raw<'_>) -> Result<(), Problem> {
        let Some(number) = self.number_of(raw)? else {
            self.nameless += 1;
            self.rows += 1;
            let (file, line) = (&self.file, raw.line);
            self.seen.nameless.get_or_insert_with(|| {
                format!("{file}:{line}: {}", String::from_utf8_lossy(raw.symbol))
            });
            return Ok(());
        };
        let written = match &raw.stamp {
            Ok(written) => *written,
            Err(why) => {
                self.reject(number, None, why.clone(), raw.line, raw.text);
                return Ok(());
            }
        };
        let Series { cut, zone, .. } = &self.series[number];
        let is_label = cut.timeframe.is_label();
        if is_label && (!written.has_time || written.is_midnight()) {
            self.place(number, written.local, true, raw.values, raw.line, raw.text);
            return Ok(());
        }
        let zone = *zone;
        let meant = match (written.ahead, &mut self.clock) {
            (Some(ahead), _) => Meant::One(written.local - ahead),
            (None, Some(clock)) => clock.meant(written.local),
            (None, None) => {
                let why = "the time has no zone, as others of the file have".to_owned();
                self.reject(number, None, why, raw.line, raw.text);
                return Ok(());
            }
        };
        match meant {
            Meant::One(instant) => {
                self.close_fold(number)?;
                let stamp = if is_label {
                    label(written, instant, zone)
                } else {
                    instant
                };
                self.place(
                    number,
                    stamp,
                    is_label || written.is_whole,
                    raw.values,
                    raw.line,
                    raw.text,
                );
            }
            Meant::Two(earlier, later) if !is_label => {
                self.fold(number, raw, written, (earlier, later));
            }
            Meant::Two(earlier, _) => self.place(
                number,
                label(written, earlier, zone),
                true,
                raw.values,
                raw.line,
                raw.text,
            ),
            Meant::Never => {
                let why = "the clock of its zone never shows this time".to_owned();
                self.reject(number, None, why, raw.line, raw.text);
            }
        }
        Ok(())
    }

    /// Puts a row where it starts, or ends, once that is known.
    fn place(
        &mut self,
        number: usize,
        stamp: i64,
        is_whole: bool,
        values: Values,
        line: u64,
        text: &dyn Fn() -> String,
    ) {
        let Series {
            market,
            cut,
            closed,
            ..
        } = &self.series[number];
        let start = match (cut.timeframe.is_label(), cut.ends) {
            (true, true) => Some(market.floor(stamp)),
            (true, false) => market.on_grid(stamp).then_some(stamp),
            (false, ends) => start_of(market, stamp, ends).filter(|_| is_whole),
        };
        let Some(ts) = start else {
            return self.reject(
                number,
                Some(stamp),
                Unstorable::OffGrid.to_string(),
                line,
                text,
            );
        };
        if ts >= *closed {
            self.seen.unclosed += 1;
            return;
        }
        match candle(market, ts, &values) {
            Ok(candle) => self.keep(number, candle),
            Err(why) => self.reject(number, Some(ts), why, line, text),
        }
    }

    fn keep(&mut self, number: usize, candle: Candle) {
        let series = &mut self.series[number];
        if series.candles.is_empty() && series.rejected.is_empty() {
            self.touched.push(number);
        }
        let (first, last) = series.reaches.unwrap_or((candle.ts, candle.ts));
        series.reaches = Some((first.min(candle.ts), last.max(candle.ts)));
        series.candles.push(candle);
        self.rows += 1;
        self.seen.has_candles = true;
    }

    fn reject(
        &mut self,
        number: usize,
        ts: Option<i64>,
        reason: String,
        line: u64,
        text: &dyn Fn() -> String,
    ) {
        let place = format!("{}:{line}", self.file);
        self.seen
            .rejected
            .get_or_insert_with(|| format!("{place}: {reason}"));
        let mut raw = place;
        if self.room > 0 {
            let text = text();
            let end = text.floor_char_boundary(RAW_LIMIT.min(self.room));
            self.room -= end;
            raw = format!("{raw}: {}", &text[..end]);
        }
        let series = &mut self.series[number];
        if series.candles.is_empty() && series.rejected.is_empty() {
            self.touched.push(number);
        }
        series.rejected.push(Rejected { ts, reason, raw });
        self.rows += 1;
    }

    /// What was taken since it was handed on last; `position` is where in the text that ends.
    pub(super) fn hand_on(&mut self, position: u64) -> Taken {
        let mut parts = Vec::with_capacity(self.touched.len());
        for number in std::mem::take(&mut self.touched) {
            let series = &mut self.series[number];
            let mut candles = std::mem::take(&mut series.candles);
            if !candles.is_sorted_by_key(|candle| candle.ts) {
                candles.sort_by_key(|candle| candle.ts);
            }
            parts.push((number, candles, std::mem::take(&mut series.rejected)));
        }
        self.rows = 0;
        Taken {
            new: std::mem::take(&mut self.new),
            parts,
            nameless: std::mem::take(&mut self.nameless),
            position,
        }
    }

    /// Ends the file: where each series has its candles.
    ///
    /// # Errors
    /// A time that the clock shows twice stays open.
    pub(super) fn end(&mut self) -> Result<Vec<Option<Span>>, Problem> {
        for number in 0..self.series.len() {
            self.close_fold(number)?;
        }
        let spans = self.series.iter().map(|series| {
            let (first, last) = series.reaches?;
            Span::new(first, series.market.next(last))
        });
        Ok(spans.collect())
    }
}
