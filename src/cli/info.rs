//! `candlefile info`: the file at a glance. Of the candles it looks up no more than where there are none.

use std::collections::BTreeSet;

use crate::backfill::{NothingFrom, failed_since};
use crate::model::listing::Adjustment;
use crate::model::next::Next;
use crate::model::span::Span;
use crate::model::status::JobStatus;
use crate::model::timeframe::Timeframe;
use crate::run::clock::{Clock, SystemClock};
use crate::store::{FORMAT, FileInfo, JobFilter, JobRow, OddRows, SeriesRow, Store, StoreError};
use anyhow::Result;
use serde_json::{Value, json};

use super::args::{Global, Info};
use super::error::{Exit, Said};
use super::output::{self, bytes, count, counted, short, time};
use super::report::{nothing_document, print_nothing, where_odd};
use super::{datasette, list, next};

/// The newest so many jobs are named.
const JOBS: usize = 3;

pub fn run(global: &Global, args: &Info) -> Result<Exit> {
    let now = SystemClock::default().now();
    let glance = Store::reading(&global.db, |store| {
        store.at_one_instant(|| {
            let series = store.series()?;
            let jobs = store.jobs(&JobFilter::All, now)?;
            Ok(Glance {
                file: store.info()?,
                nothing: nothing(store, &series, now)?,
                odd: odd(store)?,
                series,
                failed: failed_slices(store, &jobs)?,
                jobs,
            })
        })
    });
    let glance = match glance {
        Err(error @ StoreError::Newer { .. }) => return newer(global, error),
        other => other?,
    };
    if args.datasette {
        output::json(&datasette::metadata(&global.db, &glance.series))?;
    } else if global.json {
        output::json(&glance.document(global))?;
    } else {
        glance.print(global)?;
    }
    Ok(Exit::Complete)
}

/// What can be said of a file that this program cannot read.
fn newer(global: &Global, error: StoreError) -> Result<Exit> {
    let StoreError::Newer { found, .. } = error else {
        return Err(error.into());
    };
    let size = std::fs::metadata(&global.db).map_or(0, |metadata| metadata.len());
    let said = Said::of(global, &error.into());
    if global.json {
        let mut document = said.document();
        document["path"] = json!(global.db.display().to_string());
        document["format"] = json!(found);
        document["known_format"] = json!(FORMAT);
        document["bytes"] = json!(size);
        output::json(&document)?;
    } else {
        output::print(format!(
            "{}: format {found}, {}",
            global.db.display(),
            bytes(size)
        ))?;
        said.print(false);
    }
    Ok(said.exit)
}

struct Glance {
    file: FileInfo,
    series: Vec<SeriesRow>,
    nothing: Vec<NothingFrom>,
    odd: OddRows,
    jobs: Vec<JobRow>,
    /// Failed slices whose answer has not come since, and those of them that were not asked for.
    failed: (u64, u64),
}

fn failed_slices(store: &Store, jobs: &[JobRow]) -> Result<(u64, u64), StoreError> {
    if jobs.iter().all(|job| job.slices.failed == 0) {
        return Ok((0, 0));
    }
    failed_since(store)
}

/// Where the provider had nothing, of every series.
fn nothing(store: &Store, series: &[SeriesRow], now: i64) -> Result<Vec<NothingFrom>, StoreError> {
    let mut measurer = store.measurer(now);
    let mut all = Vec::new();
    for series in series {
        all.extend(NothingFrom::asked_of(
            &mut measurer,
            series,
            Span::EVERYTHING,
        )?);
    }
    Ok(all)
}

/// The rows of all series that are not among their candles.
fn odd(store: &Store) -> Result<OddRows, StoreError> {
    let mut all = OddRows::default();
    store.odd_rows()?.into_values().for_each(|odd| all += odd);
    Ok(all)
}

/// What is known to be missing or failed.
#[derive(serde::Serialize)]
struct Missing {
    /// Uncovered stretches between covered ones.
    holes: usize,
    series_with_holes: usize,
    series_without_candles: usize,
    /// Of which the next run asks again for all that there is.
    series_without_coverage: usize,
    /// Covered stretches without a candle, which are told beside.
    #[serde(skip)]
    nothing_from_provider: usize,
    unfinished_jobs: usize,
    /// Whose answer has not come since.
    failed_slices: u64,
    /// Those of them that were not asked for.
    unasked_slices: u64,
    /// Rows that are told beside.
    #[serde(skip)]
    rejected_rows: u64,
}

impl Glance {
    fn candles(&self) -> u64 {
        let each = self.series.iter().map(|series| series.candles);
        each.fold(0, u64::saturating_add)
    }

    fn symbols(&self) -> usize {
        let each = self.series.iter().map(|series| series.key.symbol.as_str());
        each.collect::<BTreeSet<_>>().len()
    }

    /// The first and the last candle of all, each with the timeframe it is of.
    fn ends(&self) -> Option<[(i64, Timeframe); 2]> {
        let first = self
            .series
            .iter()
            .filter_map(|series| Some((series.first_ts?, series.key.timeframe)));
        let last = self
            .series
            .iter()
            .filter_map(|series| Some((series.last_ts?, series.key.timeframe)));
        Some([first.min()?, last.max_by_key(|end| end.0)?])
    }

    fn timeframes(&self) -> BTreeSet<Timeframe> {
        self.series
            .iter()
            .map(|series| series.key.timeframe)
            .collect()
    }

    fn sources(&self) -> BTreeSet<(&str, Adjustment)> {
        let each = self.series.iter().map(|series| &series.key);
        each.map(|key| (key.source.as_str(), key.adjusted))
            .collect()
    }

    /// The version that packed the file, or ran its newest job.
    fn program(&self) -> Option<&str> {
        match &self.file.seal {
            Some(seal) => Some(&seal.manifest.program),
            None => self.jobs.first()?.program.as_deref(),
        }
    }

    fn missing(&self) -> Missing {
        let holes = self.series.iter().map(SeriesRow::holes);
        let unfinished = self.jobs.iter().filter(|job| {
            !matches!(
                job.status,
                JobStatus::Completed | JobStatus::Running | JobStatus::Queued
            )
        });
        Missing {
            holes: holes.clone().sum(),
            series_with_holes: holes.filter(|&holes| holes > 0).count(),
            series_without_candles: self
                .series
                .iter()
                .filter(|series| series.candles == 0)
                .count(),
            series_without_coverage: self
                .series
                .iter()
                .filter(|series| series.candles > 0 && series.coverage.is_empty())
                .count(),
            nothing_from_provider: self.nothing.len(),
            unfinished_jobs: unfinished.count(),
            failed_slices: self.failed.0,
            unasked_slices: self.failed.1,
            rejected_rows: self.odd.rejected,
        }
    }

    fn next(&self, global: &Global) -> Option<String> {
        (self.file.format < FORMAT).then(|| {
            let update = Next::Update.after("the first command that writes, like");
            let update = next::text(global, &update);
            format!("{update}, brings it up to format {FORMAT}")
        })
    }

    fn document(&self, global: &Global) -> Value {
        let ends = self.ends();
        let sources: Vec<Value> = self
            .sources()
            .into_iter()
            .map(|(source, adjusted)| json!({
                "source": source, "adjusted": adjusted.is_adjusted(), "adjustment": adjusted.word(),
            }))
            .collect();
        let jobs: Vec<Value> = self
            .jobs
            .iter()
            .take(JOBS)
            .map(|job| {
                json!({
                    "job_id": job.job_id, "status": job.status, "created_at": time(job.created_at),
                    "completed_at": job.completed_at.map(time), "error": job.error,
                })
            })
            .collect();
        let file = &self.file;
        json!({
            "path": global.db.display().to_string(), "format": file.format, "known_format": FORMAT, "program": self.program(),
            "packed": file.seal.is_some(), "digest": file.seal.as_ref().map(|seal| seal.manifest.digest),
            "bytes": file.bytes, "wal_bytes": file.wal_bytes, "journal_mode": file.journal_mode,
            "page_size": file.page_size, "free_pages": file.free_pages,
            "series": self.series.len(), "symbols": self.symbols(), "candles": self.candles(),
            "first": ends.map(|[first, _]| time(first.0)), "last": ends.map(|[_, last]| time(last.0)),
            "timeframes": self.timeframes(), "sources": sources,
            "missing": self.missing(), "nothing_from_provider": self.nothing.iter().map(nothing_document).collect::<Vec<_>>(),
            "rejected": self.odd.rejected, "conflicting": self.odd.conflicting, "suspicious": self.odd.suspicious, "jobs": jobs, "next": self.next(global),
        })
    }

    fn print(&self, global: &Global) -> Result<()> {
        let file = &self.file;
        let did = if file.seal.is_some() {
            "packed"
        } else {
            "last written"
        };
        let by = self
            .program()
            .map(|program| format!(", {did} by candlefile {program}"));
        output::print(format!(
            "{}: format {}{}",
            global.db.display(),
            file.format,
            by.unwrap_or_default()
        ))?;
        let log = match file.wal_bytes {
            0 if file.has_wal => "an empty -wal beside it".into(),
            0 => "no -wal beside it".into(),
            size => format!("{} in the -wal beside it", bytes(size)),
        };
        let line = |name: &str, text: String| output::print(format!("  {name:<10}  {text}"));
        line(
            "size",
            format!(
                "{}, pages of {} bytes, {} free",
                bytes(file.bytes),
                file.page_size,
                count(file.free_pages.into())
            ),
        )?;
        line(
            "state",
            match &file.seal {
                Some(seal) => format!("packed, digest {}", seal.manifest.digest),
                None => format!("working, journal mode {}, {log}", file.journal_mode),
            },
        )?;
        line(
            "holds",
            format!(
                "{} in {} of {}",
                counted(self.candles(), "candle"),
                counted(self.series.len() as u64, "series"),
                counted(self.symbols() as u64, "symbol")
            ),
        )?;
        if let Some([first, last]) = self.ends() {
            line(
                "range",
                format!("{} to {}", short(first.0, first.1), short(last.0, last.1)),
            )?;
        }
        if !self.series.is_empty() {
            let each: Vec<String> = self.timeframes().iter().map(Timeframe::to_string).collect();
            line("timeframes", each.join(", "))?;
            let name = |(source, adjusted)| format!("{source}{}", list::adjusted(adjusted));
            let each: Vec<String> = self.sources().into_iter().map(name).collect();
            line("sources", each.join(", "))?;
        }
        line("missing", self.missing().to_string())?;
        print_nothing(global, &self.nothing)?;
        if let Some(odd) = where_odd(global, self.odd) {
            line("odd", odd)?;
        }
        for (index, job) in self.jobs.iter().take(JOBS).enumerate() {
            let title = if index == 0 { "last jobs" } else { "" };
            let error = job.error.as_ref().map(|error| format!(": {error}"));
            line(
                title,
                format!(
                    "{} {}{}",
                    time(job.created_at),
                    job.status.as_str(),
                    error.unwrap_or_default()
                ),
            )?;
        }
        self.next(global).map_or(Ok(()), |next| line("next", next))
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if self.holes > 0 {
            parts.push(format!(
                "{} in {}",
                counted(self.holes as u64, "hole"),
                counted(self.series_with_holes as u64, "series")
            ));
        }
        if self.series_without_candles > 0 {
            parts.push(format!(
                "{} without candles",
                counted(self.series_without_candles as u64, "series")
            ));
        }
        if self.series_without_coverage > 0 {
            parts.push(format!(
                "{} without a final answer",
                counted(self.series_without_coverage as u64, "series")
            ));
        }
        if self.nothing_from_provider > 0 {
            let stretches = counted(self.nothing_from_provider as u64, "stretch");
            parts.push(format!("{stretches} that the provider had nothing for"));
        }
        if self.unfinished_jobs > 0 {
            parts.push(format!(
                "{} not complete",
                counted(self.unfinished_jobs as u64, "job")
            ));
        }
        let unasked = self.unasked_slices;
        match self.failed_slices - unasked {
            0 if unasked == 0 => {}
            0 => parts.push(format!("{} not asked", counted(unasked, "slice"))),
            failed => {
                let failed = format!("{} failed", counted(failed, "slice"));
                let unasked = (unasked > 0).then(|| format!(", {} not asked", count(unasked)));
                parts.push(format!("{failed}{}", unasked.unwrap_or_default()));
            }
        }
        if parts.is_empty() {
            // What was rejected stands beside it.
            let known = if self.rejected_rows > 0 {
                "nothing that is known of but the rejected rows"
            } else {
                "nothing that is known of"
            };
            parts.push(known.into());
        }
        f.write_str(&parts.join("; "))
    }
}
