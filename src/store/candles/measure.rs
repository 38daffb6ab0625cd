//! What of a series should be there and is, by what the file knows of it. Its candles are looked at where their number is not
//! what the calendar expects, and nowhere else.

mod asked;

use std::collections::HashMap;

use crate::model::expected::{
    Day, Due, Facts, Gap, Held, Measure, Slots, due, gaps, gaps_of, measure,
};
use crate::model::market::{Market, Policy};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::store::candles::closed::{Closed, Closures};
use crate::store::{Counted, SeriesRow, Store, StoreError};

/// What the gaps of a series hang on, and which there are: candles come and go only with the books or the coverage.
pub(in crate::store) type KnownGaps = (
    (SeriesKey, Market, Counted, Span, SpanSet, SpanSet),
    Vec<Gap>,
);

/// Series whose gaps are kept in mind.
const KNOWN: usize = 10_000;

/// Measures the series of a file, one after the other: what they share is made once.
pub(crate) struct Measurer<'a> {
    store: &'a Store,
    now: i64,
    slots: HashMap<Market, Slots>,
    settled: HashMap<(Market, Policy), i64>,
    closures: Closures<'a>,
}

/// Which candles are looked at where not all are there that the calendar expects.
enum Look {
    /// All of them.
    All,
    /// As few as tell where so many sessions in a row have none.
    Sessions(usize),
}

impl Store {
    /// Measures series at an instant.
    pub(crate) fn measurer(&self, now: i64) -> Measurer<'_> {
        Measurer {
            store: self,
            now,
            slots: HashMap::new(),
            settled: HashMap::new(),
            closures: Closures::of(self),
        }
    }

    /// Where the provider had nothing of a series: gaps of three sessions and more, of `1w` and `1mo` of one candle, each from the
    /// start of its first session to the end of the last. `now` is Unix seconds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn nothing_from_provider(
        &self,
        series: &SeriesRow,
        now: i64,
    ) -> Result<SpanSet, StoreError> {
        self.measurer(now).nothing(series)
    }
}

impl Measurer<'_> {
    /// What of a series can be measured: what was ever asked of it, and what it holds. `None` where that is nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn span(&self, series: &SeriesRow) -> Result<Option<Span>, StoreError> {
        let market = series.market();
        let span = self.store.asked_or_held(series)?;
        let span = span.map(|span| market.whole_candles(span));
        // Who asks up to a day to come has asked for what there is by now.
        let now = market.next(market.label(self.now));
        let last = series
            .last_ts
            .map_or(now, |last| now.max(market.next(last)));
        let span = span.and_then(|span| Span::new(span.start(), span.end().min(last)));
        Ok(span.and_then(|span| market.lifetime_of(span)))
    }

    /// The days that look like closures, of those that were measured: told once, and no gap of each series.
    pub(crate) fn closed(&self) -> Vec<Closed> {
        self.closures.found()
    }

    /// Measures a series in a span; each of its sessions is handed on as well.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn measure(
        &mut self,
        series: &SeriesRow,
        span: Span,
        each: impl FnMut(&Day),
    ) -> Result<Measure, StoreError> {
        let mut days = Vec::new();
        let mut measured = self.look(series, span, &Look::All, |facts, slots| {
            measure(facts, slots, |day| days.push(*day))
        })?;
        let market = series.market();
        let life = series.first_ts.zip(series.last_ts);
        let life = life.and_then(|(first, last)| Span::new(first, last + 1));
        if let Some(life) = life
            && self.closures.mark(&market, life, &mut days)?
        {
            measured.gaps = gaps_of(&market, Some(life), &days);
        }
        days.iter().for_each(each);
        Ok(measured)
    }

    /// The gaps of a series that are sessions without any candle, longest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn gaps(&mut self, series: &SeriesRow) -> Result<Vec<Gap>, StoreError> {
        let Some(span) = self.span(series)? else {
            return Ok(Vec::new());
        };
        let market = series.market();
        let pending = self.pending(series, &market)?.within(span);
        let state = (
            series.key.clone(),
            market,
            series.books(),
            span,
            series.answered(),
            pending,
        );
        // Whoever is asked about the same series again and again looks them up once.
        if let Some((of, known)) = self.store.known_gaps.borrow().get(&series.id)
            && *of == state
        {
            return Ok(known.clone());
        }
        let look = Look::Sessions(market.telling_slots());
        let found = self.look(series, span, &look, |facts, slots| {
            gaps(facts, slots, |_| {})
        })?;
        let mut known = self.store.known_gaps.borrow_mut();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(series.id, (state, found.clone()));
        Ok(found)
    }

    /// Those of them that the provider had nothing for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn nothing(&mut self, series: &SeriesRow) -> Result<SpanSet, StoreError> {
        let gaps = self.gaps(series)?.into_iter();
        let nothing = gaps.filter(Gap::is_nothing);
        Ok(nothing.map(|gap| gap.span).collect())
    }

    /// The sessions of a series in a span that were answered without any candle, of `1w` and `1mo` the candles, however few they
    /// are: all that there could be to ask for again.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn vacant(&mut self, series: &SeriesRow, span: Span) -> Result<SpanSet, StoreError> {
        let Some(whole) = self.span(series)? else {
            return Ok(SpanSet::new());
        };
        let mut found: Vec<Span> = Vec::new();
        let mut is_next = false;
        self.look(series, whole, &Look::Sessions(1), |facts, slots| {
            gaps(facts, slots, |day| {
                match found.last_mut() {
                    // Between two of them in a row there is nothing to be had.
                    Some(last) if is_next && day.is_vacant() => *last = last.hull(day.span),
                    _ if day.is_vacant() => found.push(day.span),
                    _ => {}
                }
                is_next = day.is_vacant();
            })
        })?;
        let within = |vacant: Span| vacant.intersect(span);
        Ok(found.into_iter().filter_map(within).collect())
    }

    /// What of the gaps amid the candles of a series is to be asked for again, as far as a span reaches; all of them where they are
    /// not waited for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn due(
        &mut self,
        series: &SeriesRow,
        span: Span,
        waits: bool,
    ) -> Result<Due, StoreError> {
        let Some(whole) = self.span(series)? else {
            return Ok(Due::default());
        };
        let gaps = self.measure(series, whole, |_| {})?.gaps.into_iter();
        let gaps = gaps.filter(Gap::is_amid);
        let gaps = gaps.filter_map(|gap| gap.span.intersect(span));
        let asked = if waits {
            self.store.asked_of(series.id)?
        } else {
            Vec::new()
        };
        Ok(due(gaps, &asked, self.now))
    }

    /// Hands on what is known of a series.
    fn look<T>(
        &mut self,
        series: &SeriesRow,
        span: Span,
        look: &Look,
        then: impl FnOnce(&Facts<'_>, &Slots) -> T,
    ) -> Result<T, StoreError> {
        let market = series.market();
        let pending = self.pending(series, &market)?;
        let life = series.first_ts.zip(series.last_ts);
        let life = life.and_then(|(first, last)| Span::new(first, last + 1));
        let reach = life.map_or(span, |life| life.hull(span));
        let slots = match self.slots.remove(&market) {
            Some(slots) => slots.reaching(&market, reach),
            None => Slots::around(&market, reach),
        };
        let starts;
        let held = match life {
            Some(life) if self.has_every(series, &slots, life)? => Held::Every {
                first: life.start(),
                last: life.end() - 1,
            },
            Some(life) => {
                starts = match look {
                    Look::Sessions(sessions) if !market.timeframe().is_label() => {
                        let mut few = self.store.landmarks(series.id, &slots, span, *sessions)?;
                        few.extend([life.start(), life.end() - 1]);
                        few.sort_unstable();
                        few.dedup();
                        few
                    }
                    _ => self.store.starts(series.id)?,
                };
                Held::Starts(&starts)
            }
            None => Held::Starts(&[]),
        };
        let facts = Facts {
            market: &market,
            span,
            answered: &series.answered(),
            pending: &pending,
            rejected: &self.store.rejected_starts(series.id)?,
            held,
        };
        let found = then(&facts, &slots);
        self.slots.insert(market, slots);
        Ok(found)
    }

    /// Where no answer can be final yet by the rule of the last job that asked, and what was asked and is not settled.
    fn pending(&mut self, series: &SeriesRow, market: &Market) -> Result<SpanSet, StoreError> {
        let policy = self.store.policy_of(series.id)?;
        let now = self.now;
        let settled = *self
            .settled
            .entry((*market, policy))
            .or_insert_with(|| market.frontier(now, policy).settled);
        let tail = self.store.tail_of(series.id)?;
        Ok(tail
            .into_iter()
            .chain(Span::new(settled, i64::MAX))
            .collect())
    }

    /// Whether a series holds every candle that is expected from its first to its last. Those outside of trading hours stand for
    /// no other.
    fn has_every(&self, series: &SeriesRow, slots: &Slots, life: Span) -> Result<bool, StoreError> {
        let expected = slots.count(life).cast_unsigned();
        Ok(match series.candles.checked_sub(expected) {
            Some(more) => more == self.store.off_session_candles(series.id)?,
            None => false,
        })
    }
}
