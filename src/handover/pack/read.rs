//! The reading side: the candles of what was chosen, series by series, in the order in which they are written, and then the
//! rest.

use std::collections::HashMap;

use super::PackError;
use crate::handover::choice::{BadChoice, Chosen, asking_again};
use crate::model::digest::Digest;
use crate::model::manifest::{Manifest, ManifestEntry, digest_of};
use crate::model::span::{Span, SpanSet};
use crate::run::clock::Cancel;
use crate::run::pipe::Sender;
use crate::store::{Counted, FORMAT, Others, Packing, Row, SeriesRow, Store, Times};

/// Rows that are handed over at once.
const BATCH: usize = 1024;

/// Rows of a series, by its number in the new file.
pub(super) type Batch = (i64, Vec<Row>);

pub(super) struct Reading<'a> {
    store: &'a Store,
    sender: Sender<Batch>,
    cancel: &'a Cancel,
    history: bool,
    left_out: u64,
}

/// What was read.
pub(super) struct Read {
    /// Provisional candles that were left out.
    pub(super) left_out: u64,
    series: Vec<Kept>,
}

/// A series of the new file, numbered by its place.
struct Kept {
    /// Its row in the file that is read.
    id: i64,
    span: Span,
    entry: ManifestEntry,
    /// Where the provider said once that it has nothing.
    said_once: SpanSet,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        store: &'a Store,
        sender: Sender<Batch>,
        cancel: &'a Cancel,
        history: bool,
    ) -> Reading<'a> {
        Reading {
            store,
            sender,
            cancel,
            history,
            left_out: 0,
        }
    }

    pub(super) fn candles(mut self, chosen: Vec<Chosen>) -> Result<Read, PackError> {
        let mut series = Vec::new();
        for Chosen { series: held, span } in chosen {
            let number = number(series.len());
            if let Some(entry) = self.series(number, &held, span)? {
                let id = held.id;
                let said_once = entry.coverage.iter();
                let said_once = said_once
                    .flat_map(|span| held.said_once.within(span).iter().collect::<Vec<_>>())
                    .collect();
                series.push(Kept {
                    id,
                    span,
                    entry,
                    said_once,
                });
            }
        }
        if series.is_empty() {
            let nothing = match self.left_out {
                0 => BadChoice::Empty,
                provisional => BadChoice::Provisional(provisional),
            };
            return Err(nothing.into());
        }
        Ok(Read {
            left_out: self.left_out,
            series,
        })
    }

    /// Reads one series, but for its digest; `None` where there is nothing of it.
    fn series(
        &mut self,
        number: i64,
        held: &SeriesRow,
        span: Span,
    ) -> Result<Option<ManifestEntry>, PackError> {
        let covered = held.coverage.within(span);
        let mut coverage = covered.clone();
        if !self.history {
            // What may stand in another scale than the rest is not final, either, whoever fetches it.
            let unchecked = self.store.unchecked(&Others::default(), &held.key)?;
            coverage = coverage.subtract(&unchecked);
        }
        let (mut read, mut kept) = (Counted::default(), Counted::default());
        let mut left_out = 0;
        let mut rows = Vec::with_capacity(BATCH);
        let mut seam = Seam::default();
        let is_adjusted = held.key.adjusted.is_adjusted();
        let hand_over = |number, rows| {
            if self.cancel.is_cancelled() {
                return Err(PackError::Cancelled);
            }
            Ok(self.sender.send((number, rows))?)
        };
        self.store.each_row(held.id, span, |candle, slice_id| {
            read.add(candle.ts);
            // What was handed in says nothing of the provider's scale.
            let is_final = covered.contains(candle.ts);
            if is_adjusted && (is_final || slice_id.is_some()) {
                seam.pass(candle.ts, is_final);
                if let Some(between) = seam.between {
                    return Err(unchecked(held, between));
                }
            }
            // What was handed in has no answer that could still change.
            if !self.history && slice_id.is_some() && !coverage.contains(candle.ts) {
                left_out += 1;
                return Ok(());
            }
            kept.add(candle.ts);
            rows.push((candle, slice_id.filter(|_| self.history)));
            if rows.len() == BATCH {
                let full = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
                hand_over(number, full)?;
            }
            Ok::<(), PackError>(())
        })?;
        self.store.check_books(held, span, read)?;
        self.left_out += left_out;
        let is_asked_alone = self.history && held.candles == 0 && span == Span::EVERYTHING;
        if kept.candles == 0 && coverage.is_empty() && !is_asked_alone {
            return Ok(None);
        }
        hand_over(number, rows)?;
        Ok(Some(ManifestEntry {
            key: held.key.clone(),
            week_start: held.week_start,
            candles: kept.candles,
            first_ts: kept.first_ts,
            last_ts: kept.last_ts,
            coverage,
            // The writing side has it.
            digest: Digest::of(b""),
        }))
    }
}

/// A candle that is not final, amid final ones.
#[derive(Default)]
struct Seam {
    has_before: bool,
    candidate: Option<i64>,
    between: Option<i64>,
}

impl Seam {
    /// The next candle, in their order.
    fn pass(&mut self, ts: i64, is_final: bool) {
        if is_final {
            self.has_before = true;
            self.between = self.candidate;
        } else if self.has_before {
            self.candidate.get_or_insert(ts);
        }
    }
}

fn unchecked(held: &SeriesRow, ts: i64) -> PackError {
    let fill = asking_again(held, (ts, ts));
    let day = fill.start;
    PackError::Unchecked { day, fill }
}

impl Read {
    /// Takes the digests of the series in their order.
    pub(super) fn digested(mut self, digests: Vec<Digest>) -> Read {
        for (kept, digest) in self.series.iter_mut().zip(digests) {
            kept.entry.digest = digest;
        }
        self
    }

    /// Writes everything but candles, and says what the file holds.
    pub(super) fn rest(
        &self,
        store: &Store,
        packing: &Packing,
        history: bool,
    ) -> Result<Manifest, PackError> {
        let mut numbers = HashMap::new();
        for (place, kept) in self.series.iter().enumerate() {
            let Kept {
                id, span, entry, ..
            } = kept;
            let times = match store.times(*id)? {
                _ if !history => Times::default(),
                // Of a part the end was not asked.
                [created_at, ..] if *span != Span::EVERYTHING => [created_at, None, None, None],
                times => times,
            };
            let number = number(place);
            packing.series(number, entry, times)?;
            if !history {
                packing.said_once(number, &kept.said_once)?;
            }
            store.each_judgement(*id, *span, number, |row| {
                packing.row(&row).map_err(PackError::from)
            })?;
            numbers.insert(*id, number);
        }
        let markets = self.series.iter();
        let markets = markets.map(|kept| kept.entry.key.listing.market.to_string());
        store.each_own_day(&markets.collect(), |row| {
            packing.row(&row).map_err(PackError::from)
        })?;
        if history {
            store.each_of_history(&numbers, |row| packing.row(&row).map_err(PackError::from))?;
        }
        let series: Vec<ManifestEntry> =
            self.series.iter().map(|kept| kept.entry.clone()).collect();
        Ok(Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            digest: digest_of(FORMAT, &series),
            series,
        })
    }
}

/// The row of a series by its place.
fn number(place: usize) -> i64 {
    i64::try_from(place + 1).unwrap_or(i64::MAX)
}
