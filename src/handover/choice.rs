//! Which part of a file is meant: symbols, timeframes and a range, as they are typed for everything that reads candles.
//! No I/O.

use std::collections::BTreeSet;

use crate::model::nearest::nearest;
use crate::model::next::{Again, Fill, Named, Next, Setting};
use crate::model::number;
use crate::model::range::{Moment, are_reversed};
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::SeriesRow;

/// A part of what a file holds. Empty lists and absent ends mean everything.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The symbols.
    pub symbols: Vec<Symbol>,
    /// The timeframes.
    pub timeframes: Vec<Timeframe>,
    /// From this market day or instant on.
    pub start: Option<Moment>,
    /// Up to this market day, inclusive, or instant, exclusive.
    pub end: Option<Moment>,
}

/// A series with the span of it that was chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The series.
    pub series: SeriesRow,
    /// The span, whole candles; everything reaches from `i64::MIN` to `i64::MAX`.
    pub span: Span,
}

/// What asks for days of an adjusted series again, from that of one candle to that of another: what joins them is checked then.
pub(super) fn asking_again(series: &SeriesRow, (first, last): (i64, i64)) -> Fill {
    let (key, market) = (&series.key, series.market());
    Fill {
        series: Named::new(&key.symbol, key.timeframe),
        provider: key.source.clone(),
        adjusted: true,
        start: market.day_of(first),
        end: Some(market.day_of(last)),
        again: Again::No,
    }
}

impl Chosen {
    /// How many candles these are, about: as if they stood evenly between the first and the last.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // An estimate.
    pub(crate) fn about(chosen: &[Chosen]) -> u64 {
        let each = chosen.iter().filter_map(|Chosen { series, span }| {
            let held = Span::new(series.first_ts?, series.last_ts? + 1)?;
            let seconds = |span: Span| (span.end() - span.start()) as f64;
            let both = Span::new(held.start().max(span.start()), held.end().min(span.end()))?;
            Some((series.candles as f64 * seconds(both) / seconds(held)) as u64)
        });
        each.sum()
    }
}

/// Why nothing can be chosen so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadChoice {
    /// The file holds no series of a symbol.
    #[error("the file holds no {}{}", named(symbols), question(symbols, meant))]
    UnknownSymbol {
        /// Each of which it holds none.
        symbols: Vec<Symbol>,
        /// Those that it holds of the same letters and digits, each after the one that was typed.
        meant: Vec<(Symbol, Symbol)>,
        /// The most similar ones that it holds to the first, a few.
        nearest: Vec<Symbol>,
    },
    /// A chosen symbol, or none of them all, has a timeframe.
    #[error("the file holds no {timeframe} of {}", symbol_or_any(.symbol.as_ref()))]
    UnknownTimeframe {
        /// The symbol, where one was named.
        symbol: Option<Symbol>,
        /// The timeframe.
        timeframe: Timeframe,
        /// Those that it has.
        held: Vec<Timeframe>,
    },
    /// The end is not after the start.
    #[error(
        "the end {end} is {} the start {start}",
        crate::model::range::side(start, end)
    )]
    Reversed {
        /// The start as typed.
        start: String,
        /// The end as typed.
        end: String,
    },
    /// There is no series at all.
    #[error("the file holds no series")]
    Nothing,
    /// The series that were chosen have nothing in the range.
    #[error("there are no candles in this range")]
    Empty,
    /// Nothing of what was chosen is final.
    #[error(
        "nothing in this range is final yet: it has {}", number::counted(*.0, "provisional candle")
    )]
    Provisional(u64),
}

fn symbol_or_any(symbol: Option<&Symbol>) -> String {
    symbol.map_or_else(|| "any symbol".to_owned(), Symbol::to_string)
}

/// Whether these were meant, where there are some; of several each says by which.
fn question(symbols: &[Symbol], meant: &[(Symbol, Symbol)]) -> String {
    let names: Vec<String> = match (symbols, meant) {
        (_, []) => return String::new(),
        ([_], meant) => meant.iter().map(|(_, held)| held.to_string()).collect(),
        (_, meant) => {
            let by = |(typed, held): &(Symbol, Symbol)| format!("{held} for {typed}");
            meant.iter().map(by).collect()
        }
    };
    format!(": did you mean {}?", few(&names))
}

/// Some symbols; of many the first few.
fn named(symbols: &[Symbol]) -> String {
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    few(&names)
}

fn few<S: AsRef<str>>(names: &[S]) -> String {
    const NAMED: usize = 5;
    let first: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    first.join(", ") + &more
}

/// The letters and digits of a symbol without the class before its colon, as anybody would type them.
fn bare(symbol: &Symbol) -> String {
    let text = symbol.as_str();
    let name = text.split_once(':').map_or(text, |(_, name)| name);
    let bare = name.chars().filter(char::is_ascii_alphanumeric);
    bare.collect::<String>().to_ascii_uppercase()
}

impl BadChoice {
    /// `None` where a file's series have all of these symbols.
    pub fn unknown(symbols: &[Symbol], series: &[SeriesRow]) -> Option<BadChoice> {
        if series.is_empty() && !symbols.is_empty() {
            return Some(BadChoice::Nothing);
        }
        let held: BTreeSet<&Symbol> = series.iter().map(|held| &held.key.symbol).collect();
        let unknown = symbols.iter().filter(|symbol| !held.contains(symbol));
        let unknown: Vec<Symbol> = unknown.cloned().collect();
        let first = unknown.first()?;
        let same = |typed: &Symbol| {
            let is_same = |held: &&&Symbol| bare(held) == bare(typed);
            let held = held.iter().find(is_same)?;
            Some((typed.clone(), (*held).clone()))
        };
        let nearest = nearest(first.as_str(), held.iter().copied(), |held| held.as_str());
        Some(BadChoice::UnknownSymbol {
            meant: unknown.iter().filter_map(same).collect(),
            nearest: nearest.into_iter().cloned().collect(),
            symbols: unknown,
        })
    }

    /// What to do about it.
    pub fn next(&self) -> Next {
        let list = Next::List { json: false };
        let listed = |names: Vec<String>| {
            let names = Next::words(format!("it holds {}", names.join(", ")));
            Next::And(vec![names, list.clone().shows("shows all")])
        };
        match self {
            BadChoice::UnknownSymbol { nearest, .. } => {
                listed(nearest.iter().map(Symbol::to_string).collect())
            }
            BadChoice::UnknownTimeframe { held, .. } => {
                listed(held.iter().map(Timeframe::to_string).collect())
            }
            BadChoice::Reversed { start, end } if start == end => Next::words("name a later end"),
            BadChoice::Reversed { .. } => Next::words("exchange the start and the end"),
            BadChoice::Nothing => Next::Backfill(None).after("fill it, for example with"),
            BadChoice::Empty => Next::And(vec![
                Next::words("choose another range"),
                list.shows("shows what there is"),
            ]),
            BadChoice::Provisional(_) => Next::Or(vec![
                Next::Update.after("ask again with"),
                Setting::WithHistory.after("keep them with"),
            ]),
        }
    }
}

impl Choice {
    /// Picks the chosen ones of a file's series, ascending by symbol and timeframe as text.
    ///
    /// # Errors
    /// A symbol or timeframe that the file does not hold, a reversed range, a file without series.
    pub fn of(&self, series: Vec<SeriesRow>) -> Result<Vec<Chosen>, BadChoice> {
        // One of which nothing is known is there for its empty answers, or for a job that is still to ask, alone.
        let is_known = |held: &SeriesRow| held.candles > 0 || !held.coverage.is_empty();
        self.of_all(series.into_iter().filter(is_known).collect())
    }

    /// The same, and those of which nothing is known but that they were asked for.
    pub(crate) fn of_all(&self, series: Vec<SeriesRow>) -> Result<Vec<Chosen>, BadChoice> {
        if series.is_empty() {
            return Err(BadChoice::Nothing);
        }
        if let Some(unknown) = BadChoice::unknown(&self.symbols, &series) {
            return Err(unknown);
        }
        let of_symbols: Vec<SeriesRow> = series
            .into_iter()
            .filter(|held| self.symbols.is_empty() || self.symbols.contains(&held.key.symbol))
            .collect();
        for &timeframe in &self.timeframes {
            let named = self.symbols.iter().map(Some);
            let any = self.symbols.is_empty().then_some(None);
            for symbol in named.chain(any) {
                let of_symbol =
                    |held: &&SeriesRow| symbol.is_none_or(|symbol| held.key.symbol == *symbol);
                let held = of_symbols.iter().filter(of_symbol);
                let mut held: Vec<Timeframe> = held.map(|held| held.key.timeframe).collect();
                if !held.contains(&timeframe) {
                    held.sort();
                    held.dedup();
                    let symbol = symbol.cloned();
                    return Err(BadChoice::UnknownTimeframe {
                        symbol,
                        timeframe,
                        held,
                    });
                }
            }
        }
        let mut chosen = of_symbols
            .into_iter()
            .filter(|held| {
                self.timeframes.is_empty() || self.timeframes.contains(&held.key.timeframe)
            })
            .map(|series| self.span(&series).map(|span| Chosen { series, span }))
            .collect::<Result<Vec<Chosen>, _>>()?;
        chosen.sort_by_cached_key(|chosen| {
            (
                chosen.series.key.symbol.clone(),
                chosen.series.key.timeframe.to_string(),
            )
        });
        Ok(chosen)
    }

    /// The span that the range means for a series.
    ///
    /// # Errors
    /// The end is not after the start.
    pub fn span(&self, series: &SeriesRow) -> Result<Span, BadChoice> {
        let market = series.market();
        let start = self
            .start
            .as_ref()
            .map_or(i64::MIN, |start| start.first_candle(&market));
        let end = self
            .end
            .as_ref()
            .map_or(i64::MAX, |end| end.last_candle_end(&market));
        let words = |moment: &Option<Moment>| {
            moment
                .as_ref()
                .map_or_else(String::new, |moment| moment.words().to_owned())
        };
        Span::new(start, end)
            .filter(|_| !are_reversed(&market, self.start.as_ref(), self.end.as_ref()))
            .ok_or_else(|| BadChoice::Reversed {
                start: words(&self.start),
                end: words(&self.end),
            })
    }
}
