//! The reading side: what was chosen, series by series, in the order in which it is written.

use std::collections::HashMap;

use super::{Item, PackError};
use crate::choice::{BadChoice, Chosen};
use crate::clock::Cancel;
use crate::digest::CandleDigest;
use crate::manifest::{Entry, Manifest, digest_of};
use crate::pipe::Sender;
use crate::store::{FORMAT, Store, Times};

/// Rows that are handed over at once.
const BATCH: usize = 1024;

pub(super) struct Reading<'a> {
    store: &'a Store,
    sender: &'a Sender<Item>,
    cancel: &'a Cancel,
    history: bool,
    left_out: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        store: &'a Store,
        sender: &'a Sender<Item>,
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

    /// Provisional candles that were left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn all(&mut self, chosen: Vec<Chosen>) -> Result<Manifest, PackError> {
        let mut series = Vec::new();
        let mut ids = HashMap::new();
        for chosen in chosen {
            let id = i64::try_from(series.len() + 1).unwrap_or(i64::MAX);
            if let Some(entry) = self.series(id, &chosen)? {
                ids.insert(chosen.series.id, id);
                series.push(entry);
            }
        }
        if series.is_empty() {
            return Err(BadChoice::Empty.into());
        }
        if self.history {
            self.store.each_of_history(&ids, |row| {
                self.sender
                    .send(Item::History(row))
                    .map_err(PackError::from)
            })?;
        }
        Ok(Manifest {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            digest: digest_of(&series),
            series,
        })
    }

    /// Reads one series; `None` where there is nothing of it.
    fn series(&mut self, id: i64, chosen: &Chosen) -> Result<Option<Entry>, PackError> {
        let Chosen { series, span } = chosen;
        let coverage = series.coverage.within(*span);
        let mut digest = CandleDigest::new();
        let (mut candles, mut first_ts, mut last_ts) = (0, None, None);
        let mut provisional = Vec::new();
        let mut rows = Vec::with_capacity(BATCH);
        self.store.each_row(series.id, *span, |candle, slice_id| {
            // What was handed in has no answer that could still change.
            if !self.history && slice_id.is_some() && !coverage.contains(candle.ts) {
                provisional.push(candle.ts);
                return Ok(());
            }
            digest.add(&candle);
            candles += 1;
            first_ts = first_ts.or(Some(candle.ts));
            last_ts = Some(candle.ts);
            rows.push((candle, slice_id.filter(|_| self.history)));
            if rows.len() == BATCH {
                if self.cancel.is_cancelled() {
                    return Err(PackError::Cancelled);
                }
                let full = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
                self.sender.send(Item::Rows(id, full))?;
            }
            Ok::<(), PackError>(())
        })?;
        self.left_out += provisional.len() as u64;
        if candles == 0 && coverage.is_empty() {
            return Ok(None);
        }
        self.sender.send(Item::Rows(id, rows))?;
        let mut oddities = self.store.oddities(series.id, *span)?;
        oddities.retain(|(ts, ..)| provisional.binary_search(ts).is_err());
        let times = if self.history {
            self.store.times(series.id)?
        } else {
            Times::default()
        };
        let entry = Entry {
            key: series.key.clone(),
            week_start: series.week_start,
            candles,
            first_ts,
            last_ts,
            coverage,
            digest: digest.finish(),
        };
        self.sender
            .send(Item::Series(id, entry.clone(), times, oddities))?;
        Ok(Some(entry))
    }
}
