//! The pass over the file: every chosen candle once, in order, in blocks. It must never hold more than one.

use std::collections::HashMap;
use std::time::Duration;

use crate::handover::choice::{BadChoice, Chosen};
use crate::run::pipe::Sender;
use crate::store::{Counted, Store};

use super::columns::Row;
use super::error::ExportError;
use super::{Beside, Report};

/// Rows that are read, and encoded, at once.
const BLOCK: usize = 1 << 15;
/// From then on it is worth a word that one state is read: the log cannot begin anew meanwhile.
const LONG: Duration = Duration::from_secs(30);

pub(super) struct Reader<'a> {
    store: &'a Store,
    beside: &'a Beside<'a>,
    sender: Sender<Vec<Row>>,
    block: Vec<Row>,
    began: Duration,
    has_told: bool,
    report: Report,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        store: &'a Store,
        beside: &'a Beside<'a>,
        sender: Sender<Vec<Row>>,
    ) -> Reader<'a> {
        Reader {
            store,
            beside,
            sender,
            block: Vec::with_capacity(BLOCK),
            began: beside.clock.monotonic(),
            has_told: false,
            report: Report::default(),
        }
    }

    /// Reads all that is chosen. `known` is whether the rows need `known_at`.
    pub(super) fn read(mut self, chosen: &[Chosen], known: bool) -> Result<Report, ExportError> {
        for (series, chosen) in chosen.iter().enumerate() {
            self.read_series(series, chosen, known)?;
        }
        if self.report.candles == 0 {
            return Err(BadChoice::Empty.into());
        }
        self.hand_over()?;
        Ok(self.report)
    }

    fn read_series(
        &mut self,
        series: usize,
        chosen: &Chosen,
        known: bool,
    ) -> Result<(), ExportError> {
        let (store, id) = (self.store, chosen.series.id);
        let times = if known {
            store.slice_times(id)?
        } else {
            HashMap::new()
        };
        let mut read = Counted::default();
        store.each_row(id, chosen.span, |candle, slice_id| {
            read.add(candle.ts);
            self.block.push(Row {
                series,
                candle,
                known_at: slice_id.and_then(|slice_id| times.get(&slice_id).copied()),
            });
            if self.block.len() == BLOCK {
                self.hand_over()?;
            }
            Ok::<(), ExportError>(())
        })?;
        store.check_books(&chosen.series, chosen.span, read)?;
        let report = &mut self.report;
        report.series += u64::from(read.candles > 0);
        report.candles += read.candles;
        report.first_ts = report.first_ts.into_iter().chain(read.first_ts).min();
        report.last_ts = report.last_ts.into_iter().chain(read.last_ts).max();
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), ExportError> {
        if self.beside.cancel.is_cancelled() {
            return Err(ExportError::Cancelled);
        }
        let is_long = self.beside.clock.monotonic() - self.began >= LONG;
        if is_long && !self.has_told && self.store.has_log() {
            self.has_told = true;
            self.beside.monitor.log_held();
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        Ok(self.sender.send(block)?)
    }
}
