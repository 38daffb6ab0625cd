//! The one writer of an import: takes what readers hand on, file after file, stores it in batches, and counts what was committed.

mod cover;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use super::pool::{Ended, Message};
use super::problem::Problem;
use super::report::{FileReport, ImportReport, SeriesPart};
use super::said::{Format, Said};
use super::table::Whole;
use super::taker::Taken;
use super::{Importer, Looked};
use crate::model::counts::Counts;
use crate::model::market::Market;
use crate::model::span::Span;
use crate::store::{Batch, FileEnd, FileStatus, HandedIn, Store, StoreError};

/// Rows that one transaction takes at most, unless what is handed on at once has more.
const BATCH_ROWS: usize = 50_000;
/// How often the writer looks up while nothing comes.
const TICK: Duration = Duration::from_millis(500);
/// Seconds after which a running import gives a sign of life though it has nothing to store.
const HEARTBEAT: i64 = 10;

/// What is known of an import while it runs.
pub(super) struct Ledger<'a> {
    said: &'a Said,
    job_id: &'a str,
    owner: &'a str,
    now: i64,
    files: Vec<State<'a>>,
    /// Every series of the import, in the order in which they came.
    series: Vec<SeriesPart>,
    by_id: HashMap<i64, usize>,
    beat_at: i64,
    is_cancelled: bool,
}

struct State<'a> {
    looked: &'a Looked,
    report: FileReport,
    /// The series by the number that the file's reader gave them: their rows in the store, and their markets.
    bound: Vec<(i64, Market)>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        said: &'a Said,
        job_id: &'a str,
        owner: &'a str,
        now: i64,
        files: &'a [Looked],
    ) -> Ledger<'a> {
        let state = |looked: &'a Looked| State {
            looked,
            report: FileReport::pending(&looked.file.path),
            bound: Vec::new(),
        };
        Ledger {
            said,
            job_id,
            owner,
            now,
            files: files.iter().map(state).collect(),
            series: Vec::new(),
            by_id: HashMap::new(),
            beat_at: now,
            is_cancelled: false,
        }
    }

    /// Stores what comes, file after file, until the last one has ended or the import is told to stop.
    pub(super) fn write(
        &mut self,
        store: &mut Store,
        mut receivers: Vec<Option<Receiver<Message>>>,
        importer: &Importer,
    ) -> Result<(), StoreError> {
        let mut at = 0;
        while at < receivers.len() {
            let (mut batch, mut rows) = (Vec::new(), 0);
            while rows < BATCH_ROWS && at < receivers.len() {
                match next(receivers[at].as_ref(), batch.is_empty()) {
                    Came::Message(message) => {
                        let is_end = matches!(message, Message::End(_));
                        rows += rows_of(&message);
                        batch.push((at, Some(message)));
                        at += usize::from(is_end);
                    }
                    // Of a file that is not read, or whose reader is gone.
                    Came::Nothing => {
                        batch.push((at, None));
                        at += 1;
                    }
                    Came::NotYet => break,
                }
            }
            self.store(store, batch, &mut receivers, importer.clock.now())?;
            at = self.next_open(at);
        }
        self.is_cancelled = importer.cancel.is_cancelled();
        self.end(store, importer.clock.now())
    }

    /// The first file from here on that has not ended.
    fn next_open(&self, at: usize) -> usize {
        let open = self
            .files
            .iter()
            .enumerate()
            .skip(at)
            .find(|(_, state)| state.report.status == FileStatus::Pending);
        open.map_or(self.files.len(), |(at, _)| at)
    }

    /// Stores what came, in one transaction.
    fn store(
        &mut self,
        store: &mut Store,
        messages: Vec<(usize, Option<Message>)>,
        receivers: &mut [Option<Receiver<Message>>],
        now: i64,
    ) -> Result<(), StoreError> {
        if messages.is_empty() && now - self.beat_at < HEARTBEAT {
            return Ok(());
        }
        self.beat_at = now;
        let batch = store.batch(self.job_id, self.owner, now)?;
        for (at, message) in messages {
            // Of a file that has failed nothing more is taken.
            if self.files[at].report.status != FileStatus::Pending {
                continue;
            }
            let taken = match message {
                None => self.not_read(&batch, at),
                Some(Message::Notes(notes)) => {
                    self.files[at].report.notes = notes;
                    Ok(())
                }
                Some(Message::Rows(taken)) => self.take(&batch, at, taken),
                Some(Message::End(ended)) => self.end_file(&batch, at, ended),
            };
            match taken {
                Ok(()) => {}
                Err(
                    error @ (StoreError::Bound { .. }
                    | StoreError::Unknown { .. }
                    | StoreError::Owned { .. }),
                ) => {
                    receivers[at] = None;
                    let problem = Problem::of_file(error.to_string(), error.next());
                    self.ended(&batch, at, FileStatus::Failed, None, Some(problem))?;
                }
                Err(error) => return Err(error),
            }
        }
        batch.commit()
    }

    fn take(&mut self, batch: &Batch<'_>, at: usize, taken: Taken) -> Result<(), StoreError> {
        let file = (
            self.job_id,
            self.files[at].looked.file.stamped.path.as_str(),
        );
        for (key, market) in taken.new {
            let (id, market) = batch.bind_imported(&key, market, self.now)?;
            self.files[at].bound.push((id, market));
            if let std::collections::hash_map::Entry::Vacant(free) = self.by_id.entry(id) {
                free.insert(self.series.len());
                self.series.push(SeriesPart::new(key));
            }
        }
        for (number, candles, rejected) in taken.parts {
            let (series_id, market) = self.files[at].bound[number];
            let rows = HandedIn {
                series_id,
                market,
                candles: &candles,
                rejected: &rejected,
                seen_at: self.now,
            };
            let counts = batch.imported(file, &rows)?;
            if let (Some(first), Some(last)) = (candles.first(), candles.last())
                && let Some(span) = Span::new(first.ts, market.next(last.ts))
            {
                batch.series_imported(self.job_id, series_id, span)?;
                self.series[self.by_id[&series_id]].reaches(span);
            }
            self.series[self.by_id[&series_id]].records += counts;
            self.files[at].report.records += counts;
        }
        if taken.nameless > 0 {
            let counts = Counts {
                fetched: taken.nameless,
                rejected: taken.nameless,
                ..Counts::default()
            };
            batch.count_rows(file, counts)?;
            self.files[at].report.records += counts;
        }
        batch.file_stored_up_to(file, taken.position)
    }

    /// A file of which nothing was to be read, or whose reader is gone without a word.
    fn not_read(&mut self, batch: &Batch<'_>, at: usize) -> Result<(), StoreError> {
        let looked = self.files[at].looked;
        if looked.is_known {
            return self.ended(batch, at, FileStatus::Known, None, None);
        }
        let problem = looked.file.missing.clone().unwrap_or_else(|| {
            Problem::of_file("its reader stopped unexpectedly", "import it again")
        });
        self.ended(batch, at, FileStatus::Failed, None, Some(problem))
    }

    fn end_file(&mut self, batch: &Batch<'_>, at: usize, ended: Ended) -> Result<(), StoreError> {
        match ended {
            Ended::Known(digest) => self.ended(batch, at, FileStatus::Known, Some(&digest), None),
            Ended::Failed(problem) => {
                self.ended(batch, at, FileStatus::Failed, None, Some(problem))
            }
            Ended::Stopped => self.ended(batch, at, FileStatus::Interrupted, None, None),
            Ended::Whole(whole) => {
                let Whole {
                    spans,
                    seen,
                    digest,
                    days,
                    declared,
                } = *whole;
                if self.said.covers {
                    self.cover(batch, at, &spans)?;
                }
                if let Format::OfProvider(files, provider) = &self.said.format {
                    self.cover_days(batch, at, files, &**provider)?;
                }
                for declared in declared {
                    self.cover_declared(batch, at, &declared)?;
                }
                if let Some(days) = days {
                    let bound = self.files[at].bound.iter();
                    for (id, market) in bound {
                        self.cover_span(batch, *id, market, days)?;
                    }
                }
                let report = &mut self.files[at].report;
                report.unclosed = seen.unclosed;
                report.first_rejected = seen
                    .nameless
                    .map(|row| format!("{row} is no symbol"))
                    .or(seen.rejected);
                self.ended(batch, at, FileStatus::Imported, Some(&digest), None)
            }
        }
    }

    fn ended(
        &mut self,
        batch: &Batch<'_>,
        at: usize,
        status: FileStatus,
        digest: Option<&str>,
        problem: Option<Problem>,
    ) -> Result<(), StoreError> {
        let State { looked, report, .. } = &mut self.files[at];
        let error = problem.as_ref().map(|problem| problem.message.as_str());
        let end = FileEnd {
            status,
            digest,
            error,
        };
        batch.file_ended((self.job_id, &looked.file.stamped.path), end)?;
        (report.status, report.problem) = (status, problem);
        Ok(())
    }

    /// What was not begun is interrupted; the job says what it turned out to have.
    fn end(&mut self, store: &mut Store, now: i64) -> Result<(), StoreError> {
        let batch = store.batch(self.job_id, self.owner, now)?;
        for at in 0..self.files.len() {
            if self.files[at].report.status == FileStatus::Pending {
                self.ended(&batch, at, FileStatus::Interrupted, None, None)?;
            }
        }
        batch.describe_import(self.job_id)?;
        batch.commit()
    }

    /// How the import ended.
    pub(super) fn report(
        self,
        store: &Store,
        took: (Duration, u64),
    ) -> Result<ImportReport, StoreError> {
        let mut series = Vec::with_capacity(self.series.len());
        for part in self.series {
            let held = store.find_series(&part.key.symbol, part.key.timeframe)?;
            series.push(part.held(held.first_ts, held.last_ts));
        }
        Ok(ImportReport::new(
            self.job_id.to_owned(),
            self.said,
            took,
            self.files.into_iter().map(|state| state.report).collect(),
            series,
            self.is_cancelled,
        ))
    }
}

enum Came {
    Message(Message),
    /// And nothing will.
    Nothing,
    NotYet,
}

fn next(receiver: Option<&Receiver<Message>>, waits: bool) -> Came {
    let Some(receiver) = receiver else {
        return Came::Nothing;
    };
    if waits {
        return match receiver.recv_timeout(TICK) {
            Ok(message) => Came::Message(message),
            Err(RecvTimeoutError::Timeout) => Came::NotYet,
            Err(RecvTimeoutError::Disconnected) => Came::Nothing,
        };
    }
    match receiver.try_recv() {
        Ok(message) => Came::Message(message),
        Err(TryRecvError::Empty) => Came::NotYet,
        Err(TryRecvError::Disconnected) => Came::Nothing,
    }
}

fn rows_of(message: &Message) -> usize {
    match message {
        Message::Rows(taken) => taken.rows(),
        Message::Notes(_) | Message::End(_) => 0,
    }
}
