//! How an import ended, and what it would do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Looked;
use super::opened::Opened;
use super::problem::Problem;
use super::said::Said;
use super::taker::Taken;
use crate::model::candle::Candle;
use crate::model::counts::Counts;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::status::JobStatus;
use crate::monitor::Meter;
use crate::store::FileStatus;

/// How an import ended: counts that add up, file by file and series by series.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// The job.
    pub job_id: String,
    /// How it ended.
    pub status: JobStatus,
    /// What the file records as the source of its series.
    pub source: String,
    /// How long it took, by a clock that no one sets.
    pub elapsed: Duration,
    /// The same by the stamps of its start and end that the file has.
    pub stamped_s: u64,
    /// What was counted.
    pub records: Counts,
    /// Rows whose candles had not closed: left out, and in no other count.
    pub unclosed: u64,
    /// The files, in the order in which they were read.
    pub files: Vec<FileReport>,
    /// The series that they brought rows of.
    pub series: Vec<SeriesPart>,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// As it was named.
    pub path: PathBuf,
    /// What became of it.
    pub status: FileStatus,
    /// What was counted.
    pub records: Counts,
    /// Rows whose candles had not closed.
    pub unclosed: u64,
    /// Why it was not imported.
    pub problem: Option<Problem>,
    /// What was taken for true since nobody said otherwise.
    pub notes: Vec<String>,
    /// The first row that could not be stored, and why.
    pub first_rejected: Option<String>,
}

impl FileReport {
    pub(super) fn pending(path: &Path) -> FileReport {
        FileReport {
            path: path.to_path_buf(),
            status: FileStatus::Pending,
            records: Counts::default(),
            unclosed: 0,
            problem: None,
            notes: Vec::new(),
            first_rejected: None,
        }
    }
}

/// What an import brought of a series.
#[derive(Clone, Debug)]
pub struct SeriesPart {
    /// The series.
    pub key: SeriesKey,
    /// From the first candle that it brought to the end of the last one.
    pub span: Option<Span>,
    /// Start of the first candle that the file holds now.
    pub first_ts: Option<i64>,
    /// Start of the last one.
    pub last_ts: Option<i64>,
    /// What was counted.
    pub records: Counts,
}

impl SeriesPart {
    pub(super) fn new(key: SeriesKey) -> SeriesPart {
        SeriesPart {
            key,
            span: None,
            first_ts: None,
            last_ts: None,
            records: Counts::default(),
        }
    }

    pub(super) fn reaches(&mut self, span: Span) {
        self.span = self.span.into_iter().chain([span]).reduce(Span::hull);
    }

    pub(super) fn held(self, first_ts: Option<i64>, last_ts: Option<i64>) -> SeriesPart {
        SeriesPart {
            first_ts,
            last_ts,
            ..self
        }
    }
}

impl ImportReport {
    pub(super) fn new(
        job_id: String,
        said: &Said,
        (elapsed, stamped_s): (Duration, u64),
        files: Vec<FileReport>,
        series: Vec<SeriesPart>,
        is_cancelled: bool,
    ) -> ImportReport {
        let mut records = Counts::default();
        for file in &files {
            records += file.records;
        }
        let is_whole =
            |file: &FileReport| matches!(file.status, FileStatus::Imported | FileStatus::Known);
        let status = if files.iter().all(is_whole) {
            JobStatus::Completed
        } else if is_cancelled {
            JobStatus::Interrupted
        } else {
            JobStatus::Partial
        };
        ImportReport {
            job_id,
            status,
            source: said.source().to_owned(),
            elapsed,
            stamped_s,
            records,
            unclosed: files.iter().map(|file| file.unclosed).sum(),
            files,
            series,
        }
    }

    /// How many files ended so.
    pub fn count(&self, status: FileStatus) -> u64 {
        self.files
            .iter()
            .filter(|file| file.status == status)
            .count() as u64
    }

    /// Why it is not complete, for the record.
    pub(super) fn error(&self) -> Option<String> {
        match self.status {
            JobStatus::Completed => None,
            JobStatus::Interrupted => Some("stopped on request".to_owned()),
            _ => {
                let failed = self.count(FileStatus::Failed);
                Some(format!(
                    "{failed} of {} files could not be imported",
                    self.files.len()
                ))
            }
        }
    }

    /// What was taken for true, each once.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for note in self.files.iter().flat_map(|file| &file.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }
}

/// What a file would come to.
#[derive(Clone, Debug)]
pub struct Preview {
    /// As it was named.
    pub path: PathBuf,
    /// `Known`, `Failed`, or `Pending`: it would be imported.
    pub status: FileStatus,
    /// Why it would not.
    pub problem: Option<Problem>,
    /// What would be taken for true.
    pub notes: Vec<String>,
    /// Its first rows as they would be stored, in the order of the file.
    pub rows: Vec<Shown>,
}

/// A row as it would be stored.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its series.
    pub key: SeriesKey,
    /// The candle, or why there is none.
    pub candle: Result<Candle, String>,
}

pub(super) fn preview(looked: &Looked, said: &Said, rows: usize, now: i64) -> Preview {
    let mut preview = Preview {
        path: looked.file.path.clone(),
        status: if looked.is_known {
            FileStatus::Known
        } else {
            FileStatus::Pending
        },
        problem: None,
        notes: Vec::new(),
        rows: Vec::new(),
    };
    if looked.is_known {
        return preview;
    }
    let opened = match &looked.file.missing {
        Some(missing) => Err(missing.clone()),
        None => Opened::of(&looked.file.path, said, &Meter::default()),
    };
    let first = opened.and_then(|opened| {
        preview.notes = opened.notes().to_vec();
        opened.first(now, rows)
    });
    match first {
        Ok(taken) => preview.rows = shown(taken),
        Err(problem) => (preview.status, preview.problem) = (FileStatus::Failed, Some(problem)),
    }
    preview
}

fn shown(taken: Vec<Taken>) -> Vec<Shown> {
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    for Taken { new, parts, .. } in taken {
        keys.extend(new.into_iter().map(|(key, _)| key));
        for (number, candles, rejected) in parts {
            let key: &SeriesKey = &keys[number];
            let of = |candle| Shown {
                key: key.clone(),
                candle,
            };
            rows.extend(candles.into_iter().map(|candle| of(Ok(candle))));
            rows.extend(
                rejected
                    .into_iter()
                    .map(|row| of(Err(format!("{}: {}", row.reason, row.raw)))),
            );
        }
    }
    rows
}
