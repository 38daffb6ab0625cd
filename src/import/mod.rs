//! Files that people already have: read on a pool, row by row, and stored by one writer, as a backfill's answers are. What is read
//! is pure (bytes to rows, rows to candles); the writer alone knows the store.
//!
//! What a file does not say is found in its rows or asked for, and never guessed. Imported candles are never provisional.

mod binance;
#[cfg(feature = "parquet")]
mod columnar;
mod columns;
mod dialect;
mod files;
mod interval;
mod layout;
mod lean;
mod name;
mod number;
mod opened;
mod pool;
mod problem;
mod report;
mod said;
mod stamp;
mod table;
mod taker;
mod text;
mod wall;
mod writer;

pub use columns::{Field, typed as columns_typed};
pub use problem::Problem;
pub use report::{FileReport, ImportReport, Preview, Shown};
pub use said::{Format, Said, StampAt, SymbolFrom};
pub use stamp::{Order, Unit};
pub use wall::LocalZone;

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::market::Policy;
use crate::model::status::JobStatus;
use crate::monitor::Meter;
use crate::run::clock::{Cancel, Clock};
use crate::run::spare::Spare;
use crate::store::{JobSettings, NewJob, Store, StoreError};
use files::{Listed, listed};
use opened::Opened;
use pool::Task;
use report::preview;
use writer::Ledger;

/// How files are imported.
pub struct Importer {
    /// What time it is: a candle that has not closed by then is left out, and nothing is covered that is not final.
    pub clock: Arc<dyn Clock>,
    /// Raised to stop.
    pub cancel: Cancel,
    /// Counts the bytes that were read.
    pub meter: Meter,
}

/// Files that were looked at, so far as to know that something of them can be imported.
pub struct Import {
    said: Said,
    files: Vec<Looked>,
}

/// A file, and what is known of it before it is read.
struct Looked {
    file: Listed,
    is_known: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file that candles go to cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// None of the files can be imported, or all of them need something to be said.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: Box<Problem>,
    },
    /// No files were named, or none is in the folders that were.
    #[error("there are no files to import")]
    Nothing,
}

impl Import {
    /// Looks at files: whether they lie there, which of them were imported before, and what the first of the others begin with.
    /// `held` is the file that the candles are to go to, where there is one.
    ///
    /// # Errors
    /// Something has to be said of the files first, none of them can be read, or `held` cannot be.
    pub fn of(paths: &[PathBuf], said: Said, held: Option<&Store>) -> Result<Import, ImportError> {
        let files = listed(paths, &said);
        if files.is_empty() {
            return Err(ImportError::Nothing);
        }
        let mut looked = Vec::with_capacity(files.len());
        for file in files {
            let is_known = match held {
                Some(store) if file.missing.is_none() => store.is_imported(&file.stamped)?,
                _ => false,
            };
            looked.push(Looked { file, is_known });
        }
        let import = Import {
            said,
            files: looked,
        };
        import.check()?;
        Ok(import)
    }

    /// That something of the files can be imported, by what they begin with.
    fn check(&self) -> Result<(), ImportError> {
        let mut first = None;
        for Looked { file, is_known } in &self.files {
            let problem = match &file.missing {
                _ if *is_known => return Ok(()),
                Some(missing) => missing.clone(),
                None => match Opened::of(&file.path, &self.said, &Meter::default()) {
                    Ok(_) => return Ok(()),
                    Err(problem) => problem,
                },
            };
            let error = ImportError::File {
                path: file.path.clone(),
                problem: Box::new(problem.clone()),
            };
            if problem.is_asked {
                return Err(error);
            }
            first.get_or_insert(error);
        }
        first.map_or(Ok(()), Err)
    }

    /// How many bytes are to be read.
    pub fn bytes(&self) -> u64 {
        let unknown = self.files.iter().filter(|looked| !looked.is_known);
        unknown
            .map(|looked| looked.file.stamped.size.unsigned_abs())
            .sum()
    }

    /// The first rows of each file as they would be stored, at most so many of each.
    pub fn preview(&self, rows: usize, now: i64) -> Vec<Preview> {
        self.files
            .iter()
            .map(|looked| preview(looked, &self.said, rows, now))
            .collect()
    }

    /// Imports the files, as a new job. What was saved stays saved, whatever happens. A file that cannot be imported does not stop
    /// the others.
    ///
    /// # Errors
    /// The file that the candles go to cannot be opened, read or written.
    pub fn run(&self, store: &mut Store, importer: &Importer) -> Result<ImportReport, StoreError> {
        store.ready_to_write(&importer.cancel, || {})?;
        let now = importer.clock.now();
        let began = importer.clock.monotonic();
        store.reap_jobs(now)?;
        let (job_id, owner) = (uuid::Uuid::now_v7().to_string(), store.owner()?);
        let stamped: Vec<_> = self
            .files
            .iter()
            .map(|looked| looked.file.stamped.clone())
            .collect();
        let new = NewJob {
            job_id: &job_id,
            command: "import",
            source: self.said.source(),
            start_words: None,
            end_words: None,
            settings: JobSettings {
                policy: Policy::default(),
                rate: None,
                workers: 1,
            },
            status: JobStatus::Running,
            owner: &owner,
            now,
        };
        store.create_import(&new, &stamped)?;
        let spare = Spare::beside(store.path());
        importer.meter.begin_bytes("importing", self.bytes());
        let mut ledger = Ledger::new(&self.said, &job_id, owner.as_str(), now, &self.files);
        let written = self.tasks(store).and_then(|tasks| {
            pool::read_all(tasks, &self.said, importer, |receivers| {
                ledger.write(store, receivers, importer)
            })
        });
        spare.give_back();
        let began_at = now;
        let now = importer.clock.now();
        let elapsed = importer.clock.monotonic().saturating_sub(began);
        if let Err(error) = written {
            // Best effort: the error that stopped it may stop this, too, and the next run then finds its owner gone.
            let _ = store.end_job(
                &job_id,
                &owner,
                JobStatus::Failed,
                Some(&error.without_path()),
                None,
                now,
            );
            return Err(error);
        }
        let stamped_s = now.saturating_sub(began_at).max(0).unsigned_abs();
        let report = store.at_one_instant(|| ledger.report(store, (elapsed, stamped_s)))?;
        let error = report.error();
        store.end_job(&job_id, &owner, report.status, error.as_deref(), None, now)?;
        store.check_in_place()?;
        Ok(report)
    }

    /// What is to be read of the files that are not known.
    fn tasks(&self, store: &Store) -> Result<Vec<Option<Task>>, StoreError> {
        let task = |looked: &Looked| -> Result<Option<Task>, StoreError> {
            if looked.is_known || looked.file.missing.is_some() {
                return Ok(None);
            }
            let stamped = &looked.file.stamped;
            Ok(Some(Task {
                path: looked.file.path.clone(),
                from: store.stored_up_to(stamped)?,
                stamped: stamped.clone(),
                known: store.digests_like(stamped)?,
            }))
        };
        self.files.iter().map(task).collect()
    }
}
