//! The pass over the file: every chosen candle once, in order, in blocks of batches. It must never hold more than one.

use std::time::Duration;

use crate::handover::choice::BadChoice;
use crate::run::pipe::Sender;
use crate::store::Store;
use crate::view::View;

use super::columns::Part;
use super::error::ExportError;
use super::{Beside, Report};

/// Rows that are encoded at once, about.
const BLOCK: usize = 1 << 15;
/// From then on it is worth a word that one state is read: the log cannot begin anew meanwhile.
const LONG: Duration = Duration::from_secs(30);

pub(super) struct Reader<'a> {
    store: &'a Store,
    beside: &'a Beside<'a>,
    sender: Sender<Vec<Part>>,
    block: Vec<Part>,
    rows: usize,
    began: Duration,
    has_told: bool,
    report: Report,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        store: &'a Store,
        beside: &'a Beside<'a>,
        sender: Sender<Vec<Part>>,
    ) -> Reader<'a> {
        Reader {
            store,
            beside,
            sender,
            block: Vec::new(),
            rows: 0,
            began: beside.clock.monotonic(),
            has_told: false,
            report: Report::default(),
        }
    }

    /// Reads all that the views of the chosen series show.
    pub(super) fn read(mut self, views: &[View]) -> Result<Report, ExportError> {
        for (series, view) in views.iter().enumerate() {
            self.read_series(series, view)?;
        }
        if self.report.candles == 0 {
            return Err(BadChoice::Empty.into());
        }
        self.hand_over()?;
        Ok(self.report)
    }

    fn read_series(&mut self, series: usize, view: &View) -> Result<(), ExportError> {
        let read = view.each_batch(self.store, |batch| {
            self.rows += batch.len();
            self.block.push(Part { series, batch });
            if self.rows < BLOCK {
                return Ok(());
            }
            self.hand_over()
        })?;
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
        self.rows = 0;
        Ok(self.sender.send(std::mem::take(&mut self.block))?)
    }
}
