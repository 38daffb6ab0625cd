//! Jobs, what they ask of which series, and their slices: how they are created.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::model::market::{Market, Policy};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::model::status::JobStatus;
use crate::monitor::Left;
use crate::run::owner::Owner;
use crate::store::candles::coverage::disbelieve;
use crate::store::candles::series::bind;
use crate::store::jobs::claims::give_sign;
use crate::store::jobs::totals;
use crate::store::{Store, StoreError, told};

/// The version that stands in the file for what this program does.
pub(in crate::store) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What a job asks of a series, and the slices that are missing.
#[derive(Clone, Debug)]
pub(crate) struct SeriesPlan {
    /// The series.
    pub key: SeriesKey,
    /// Its market, as the provider is asked for it.
    pub market: Market,
    /// What is asked, whole candles.
    pub span: Span,
    /// What is missing of it, ascending.
    pub slices: Vec<Span>,
    /// What the file says was answered and cannot have been: it is taken back before the slices are asked for.
    pub disbelieved: SpanSet,
    /// Whether its live edge is left alone, since it was quiet for long and is not due again.
    pub not_due: bool,
    /// When the next of its gaps is asked for again, where those that are not due were left out.
    pub gaps_due_at: Option<i64>,
    /// What is missing, too, and left to living jobs that fetch it.
    pub left: Vec<Left>,
    /// Whether the provider was asked before without any answer.
    pub was_asked: bool,
}

/// How a job is run: now, and when it is taken up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobSettings {
    /// When candles count as closed and final.
    pub policy: Policy,
    /// Requests at most, as typed; `None` for the source's own rate.
    pub rate: Option<String>,
    /// Requests at once.
    pub workers: u32,
}

impl SeriesPlan {
    /// Whether nothing of it is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.slices.is_empty() && self.left.is_empty()
    }

    /// Asks also for these spans, that count as answered, and takes that back.
    pub(crate) fn doubt(&mut self, spans: &SpanSet) {
        let cells = spans.iter().flat_map(|span| self.market.cut_at_cells(span));
        self.slices.extend(cells);
        self.slices.sort_unstable();
        self.disbelieved = self.disbelieved.union(spans);
    }

    /// Whether nothing of it is to be written. What is not believed is taken back at once: later it would look like any other answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_complete() && self.disbelieved.is_empty()
    }

    /// Binds the series, and takes back what is disbelieved of it. Gives its row.
    pub(in crate::store) fn bind(
        &self,
        tx: &Connection,
        now: i64,
        path: &Path,
    ) -> Result<i64, StoreError> {
        let week_start = self.market.week_start();
        let series_id = bind(tx, &self.key, Some(week_start), now, path)?;
        disbelieve(tx, series_id, &self.disbelieved, now).map_err(told(path))?;
        Ok(series_id)
    }
}

/// What was recorded of a plan: the series' row and its slices.
pub(crate) type Made = (i64, Vec<Slice>);

/// A job to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct NewJob<'a> {
    /// Its id, a `UUIDv7`.
    pub job_id: &'a str,
    /// The command that asked.
    pub command: &'a str,
    /// The provider's name.
    pub source: &'a str,
    /// The start as typed, if it was.
    pub start_words: Option<&'a str>,
    /// The end as typed, if it was.
    pub end_words: Option<&'a str>,
    /// How it is run.
    pub settings: JobSettings,
    /// Running, or queued to be run later.
    pub status: JobStatus,
    /// Who runs it, or is going to.
    pub owner: &'a Owner,
    /// Now, Unix seconds.
    pub now: i64,
}

/// A slice in the file, as the fetchers need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Its row.
    pub slice_id: i64,
    /// Its series' row.
    pub series_id: i64,
    /// What it asks for.
    pub span: Span,
}

impl Store {
    /// Records a job, with its series bound and its slices pending. It is planned in the same transaction, so that of two
    /// programs that begin together one sees what the other has taken. Returns the targets, and what was recorded for each.
    ///
    /// # Errors
    /// A series is held from another source or with another adjustment, or the file cannot be written; nothing is
    /// recorded then.
    pub(crate) fn create_job(
        &mut self,
        job: &NewJob<'_>,
        plan: impl FnOnce(&Store) -> Result<Vec<SeriesPlan>, StoreError>,
    ) -> Result<(Vec<SeriesPlan>, Vec<Made>), StoreError> {
        let tx = self.begin()?;
        let targets = plan(self)?;
        let made = create(&tx, job, &targets, &self.path)?;
        tx.commit()?;
        Ok((targets, made))
    }

    /// Adds slices to a running job, planned in the same transaction; a sign of life, too.
    ///
    /// # Errors
    /// The job is no longer this owner's, or as [`Store::create_job`].
    pub(crate) fn extend_job(
        &mut self,
        job_id: &str,
        owner: &Owner,
        now: i64,
        plan: impl FnOnce(&Store) -> Result<Vec<SeriesPlan>, StoreError>,
    ) -> Result<(Vec<SeriesPlan>, Vec<Made>), StoreError> {
        let told = told(&self.path);
        let tx = self.begin()?;
        give_sign(&tx, job_id, owner.as_str(), now, &self.path)?;
        let targets = plan(self)?;
        let mut made = Vec::with_capacity(targets.len());
        for target in &targets {
            let series_id = target.bind(&tx, now, &self.path)?;
            let slices = insert_slices(&tx, job_id, series_id, &target.slices).map_err(told)?;
            made.push((series_id, slices));
        }
        tx.commit()?;
        Ok((targets, made))
    }
}

/// As [`Store::create_job`], in a transaction that has begun.
pub(in crate::store) fn create(
    tx: &Connection,
    job: &NewJob<'_>,
    targets: &[SeriesPlan],
    path: &Path,
) -> Result<Vec<Made>, StoreError> {
    let told = told(path);
    insert_job(tx, job, targets).map_err(told)?;
    let mut made = Vec::with_capacity(targets.len());
    for target in targets {
        let series_id = target.bind(tx, job.now, path)?;
        let sql = "INSERT INTO backfill_series (job_id, series_id, start_ts, end_ts, status) VALUES (?, ?, ?, ?, 'pending')";
        let values = params![
            job.job_id,
            series_id,
            target.span.start(),
            target.span.end()
        ];
        tx.prepare_cached(sql)
            .and_then(|mut insert| insert.execute(values))
            .map_err(told)?;
        made.push((
            series_id,
            insert_slices(tx, job.job_id, series_id, &target.slices).map_err(told)?,
        ));
    }
    Ok(made)
}

pub(super) fn insert_job(
    tx: &Connection,
    job: &NewJob<'_>,
    targets: &[SeriesPlan],
) -> rusqlite::Result<()> {
    let start = targets
        .iter()
        .map(|target| target.span.start())
        .min()
        .unwrap_or(0);
    let end = targets
        .iter()
        .map(|target| target.span.end())
        .max()
        .unwrap_or(0);
    let sql = "INSERT INTO backfill_jobs (job_id, status, command, symbols, timeframes, start_ts, end_ts, start_words,
               end_words, source, delay_s, final_after_s, created_at, started_at, owner, heartbeat_at, program, rate,
               workers)
               VALUES (?1, ?15, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, iif(?15 = 'running', ?12, NULL), ?13, ?12, ?14, ?16, ?17)";
    let symbols = distinct(targets.iter().map(|target| target.key.symbol.to_string()));
    let timeframes = distinct(
        targets
            .iter()
            .map(|target| target.key.timeframe.to_string()),
    );
    tx.execute(
        sql,
        params![
            job.job_id,
            job.command,
            json(&symbols),
            json(&timeframes),
            start,
            end,
            job.start_words,
            job.end_words,
            job.source,
            job.settings.policy.delay,
            job.settings.policy.final_after,
            job.now,
            job.owner.as_str(),
            PROGRAM,
            job.status.as_str(),
            job.settings.rate,
            job.settings.workers
        ],
    )
    .map(|_| ())
}

pub(in crate::store) fn insert_slices(
    connection: &Connection,
    job_id: &str,
    series_id: i64,
    slices: &[Span],
) -> rusqlite::Result<Vec<Slice>> {
    let sql = "INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status) VALUES (?, ?, ?, ?, 'pending')";
    let mut insert = connection.prepare_cached(sql)?;
    totals::add(connection, job_id, slices.len())?;
    slices
        .iter()
        .map(|&span| {
            let slice_id = insert.insert(params![job_id, series_id, span.start(), span.end()])?;
            Ok(Slice {
                slice_id,
                series_id,
                span,
            })
        })
        .collect()
}

pub(in crate::store) fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

fn json(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("text is always JSON")
}
