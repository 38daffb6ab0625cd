//! What becomes of each message: of pages and their ends, failures, and checks; and with its last slice the end of a series. All of it
//! within the transaction of the batch in hand, which may still be taken back.

use super::{Last, Ledger, State};
use crate::backfill::fetch::Series;
use crate::backfill::message::{End, GivenUp, Message, PageMessage};
use crate::model::status::SeriesStatus;
use crate::monitor::FailedSlice;
use crate::provider::ErrorKind;
use crate::store::{Asked, Batch, PageWrite, Slice, SliceEnd, StoreError};

impl Ledger<'_> {
    /// Takes one message in the batch's transaction.
    pub(super) fn take(
        &mut self,
        batch: &Batch<'_>,
        message: Message,
        now: i64,
    ) -> Result<(), StoreError> {
        match message {
            Message::Started { slice, at } => batch.slice_started(slice.slice_id, at),
            Message::Page(page) => match &mut self.states[page.series] {
                State {
                    last: Last::Kept(last),
                    open,
                    // What failed is asked again, after a check.
                    status: SeriesStatus::Pending,
                    ..
                } if page.end.is_some() && open.len() == 1 => {
                    *last = Some(page);
                    Ok(())
                }
                _ => self.take_page(batch, *page, now),
            },
            Message::Belied { slice, proven } => batch.take_back(slice.series_id, proven),
            Message::Failed { series, slice, why } => {
                self.slice_failed(batch, series, slice, &why)?;
                self.end_series(batch, series)
            }
            Message::Checked { series } => self.take_checked(batch, series, now),
            Message::SeriesOver { series, stale, why } => {
                let mut open: Vec<Slice> = self.states[series].open.values().copied().collect();
                open.sort_by_key(|slice| slice.span);
                for slice in open {
                    self.slice_failed(batch, series, slice, &why)?;
                }
                if stale {
                    self.states[series].status = SeriesStatus::Stale;
                    let said = || why.error.clone();
                    self.states[series].error.get_or_insert_with(said);
                }
                self.states[series].left.clear();
                self.end_series(batch, series)
            }
            Message::Stop(stop) => {
                self.stop.get_or_insert(stop);
                Ok(())
            }
        }
    }

    /// Takes what was kept back, and what came before it for good, unless somebody else has filled part of the series meanwhile:
    /// whether that is in the same scale, the next run finds out.
    fn take_checked(
        &mut self,
        batch: &Batch<'_>,
        series: usize,
        now: i64,
    ) -> Result<(), StoreError> {
        let id = self.states[series].id;
        let covered = batch.coverage(id)?;
        let is_alone = covered.subtract(&self.states[series].known).is_empty();
        if is_alone {
            batch.series_checked(&self.job.job_id, id)?;
        }
        let Last::Kept(Some(page)) = std::mem::replace(&mut self.states[series].last, Last::Stored)
        else {
            return Ok(());
        };
        if is_alone {
            return self.take_page(batch, *page, now);
        }
        let why = GivenUp {
            kind: ErrorKind::Slice,
            error: "another run has filled part of this adjusted series meanwhile: run it again, so that both are checked"
                .to_owned(),
            attempts: 0,
            at: now,
        };
        self.slice_failed(batch, series, page.slice, &why)?;
        self.end_series(batch, series)
    }

    fn take_page(
        &mut self,
        batch: &Batch<'_>,
        page: PageMessage,
        now: i64,
    ) -> Result<(), StoreError> {
        let PageMessage {
            series,
            slice,
            candles,
            rejected,
            proven,
            beginning,
            seen_at,
            end,
        } = page;
        let Slice {
            slice_id,
            series_id,
            span,
        } = slice;
        let counts = batch.page(&PageWrite {
            slice_id,
            series_id,
            market: self.states[series].series.market,
            candles: &candles,
            rejected: &rejected,
            proven,
            beginning,
            seen_at,
        })?;
        self.records += counts;
        self.states[series].records += counts;
        self.states[series].asked_at = seen_at.min(self.states[series].asked_at);
        let Some(End {
            proven,
            empty,
            is_confirmed,
            asked_to,
        }) = end
        else {
            return Ok(());
        };
        if asked_to < span.end() {
            self.states[series].asked_to = asked_to.min(self.states[series].asked_to);
        }
        batch.slice_completed(SliceEnd {
            slice_id,
            series_id,
            span,
            proven,
            empty,
            is_confirmed,
            is_checked: matches!(self.states[series].last, Last::Stored),
            seen_at,
            now,
        })?;
        self.completed += 1;
        self.states[series].open.remove(&slice_id);
        self.ended.push((series, slice));
        self.end_series(batch, series)
    }

    fn slice_failed(
        &mut self,
        batch: &Batch<'_>,
        series: usize,
        slice: Slice,
        why: &GivenUp,
    ) -> Result<(), StoreError> {
        let GivenUp {
            kind,
            error,
            attempts,
            at,
        } = why;
        batch.slice_failed(slice.slice_id, error, *attempts, *at)?;
        self.ended.push((series, slice));
        let state = &mut self.states[series];
        state.open.remove(&slice.slice_id);
        state.status = SeriesStatus::Failed;
        state.error.get_or_insert_with(|| error.clone());
        self.news.push(FailedSlice {
            key: state.series.key.clone(),
            span: slice.span,
            error: error.clone(),
            kind: *kind,
            attempts: *attempts,
        });
        Ok(())
    }

    /// A series of which nothing is missing has its end at once. One that was never asked, since nothing of it has closed
    /// yet, lacks nothing.
    pub(in crate::backfill) fn end_idle_series(
        &mut self,
        batch: &Batch<'_>,
        series: usize,
    ) -> Result<(), StoreError> {
        let state = &mut self.states[series];
        let was_asked = state.series.was_asked;
        state.status = SeriesStatus::without_slices(was_asked, batch.has_candles(state.id)?);
        batch.series_ended(&self.job.job_id, state.id, state.status, None, None)
    }

    /// With its last slice a series gets its end, in the same transaction.
    pub(in crate::backfill) fn end_series(
        &mut self,
        batch: &Batch<'_>,
        series: usize,
    ) -> Result<(), StoreError> {
        let state = &mut self.states[series];
        if !state.is_over() {
            return Ok(());
        }
        if state.status == SeriesStatus::Pending {
            state.status = if batch.has_candles(state.id)? {
                SeriesStatus::Completed
            } else {
                SeriesStatus::NoData
            };
        }
        let done = matches!(state.status, SeriesStatus::Completed | SeriesStatus::NoData)
            && !state.is_shared;
        let Series { market, span, .. } = state.series;
        let frontier = market.frontier(state.asked_at, self.job.policy);
        let asked = done.then_some(Asked {
            span: *span,
            to: frontier.closed.min(state.asked_to),
            at: state.asked_at,
        });
        batch.series_ended(
            &self.job.job_id,
            state.id,
            state.status,
            state.error.as_deref(),
            asked,
        )
    }
}
