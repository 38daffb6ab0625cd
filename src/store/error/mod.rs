//! The one error of this layer: what it says. `next` is what to do about it, `told` what SQLite says put in its words.

mod next;
mod told;

pub use told::SqliteError;
pub(crate) use told::told;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::FORMAT;

/// Why the file could not be opened, read or written. Messages name the file or the thing in it, and what to do next is
/// in [`StoreError::next`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file.
    #[error("there is no file {}", .0.display())]
    NotFound(PathBuf),
    /// The file holds nothing at all yet.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// The folder that should hold the file is missing.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// A link leads into a folder that is missing.
    #[error("the folder {} does not exist, and the link {} leads there", folder.display(), link.display())]
    NoFolderBehind {
        /// The link.
        link: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A file stands where a folder on the way should be.
    #[error("{} is a file, not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// The path cannot be a file of ours.
    #[error("{} is {what}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A URI, `:memory:` or nothing at all: SQLite would open something else than a file of this name.
    #[error("{0:?} is not a file name")]
    NotAPath(String),
    /// Another program's SQLite file.
    #[error("{} is another program's SQLite file", .0.display())]
    Foreign(PathBuf),
    /// A file of a newer format.
    #[error("{} has format {found}, and this program knows formats up to {FORMAT}", path.display())]
    Newer {
        /// The path.
        path: PathBuf,
        /// The format that it has.
        found: i32,
    },
    /// The file or its folder cannot be written.
    #[error("{} is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// The file's folder cannot be written, and a file in use needs others beside it.
    #[error("the folder of {} is read-only", .0.display())]
    ReadOnlyFolder(PathBuf),
    /// The file has hard links: who writes it by another name uses another log.
    #[error("{} has {names} names (hard links), and a file that is written must have one", path.display())]
    SeveralNames {
        /// One of them.
        path: PathBuf,
        /// How many there are.
        names: u64,
    },
    /// The file is a mount point of its own: its log would not lie beside it, but beside the mount.
    #[error("{} was mounted without its folder, and a file that is written has a log beside it", .0.display())]
    MountedAlone(PathBuf),
    /// A right to the file, its folder or its log is missing.
    #[error("you may not {right} the {what} {}", path.display())]
    NoRight {
        /// The path.
        path: PathBuf,
        /// What it is: `file`, `folder` or `log`.
        what: &'static str,
        /// What is not allowed: `read`, `write` or `enter`.
        right: &'static str,
    },
    /// A log lies beside the file that a program left when it was stopped, and who reads lacks a right to bring it in.
    #[error("{} has a log that was left beside it, and you may not write the {what} {} to bring it in", path.display(), lacks.display())]
    LogLeft {
        /// The file.
        path: PathBuf,
        /// What may not be written.
        lacks: PathBuf,
        /// What that is: `file` or `folder`.
        what: &'static str,
    },
    /// The file lies where nothing can be written.
    #[error("{} is on a read-only medium", .0.display())]
    ReadOnlyMedium(PathBuf),
    /// The file, or what lies beside it, cannot be opened, and it is not for a right.
    #[error("{} cannot be opened with what lies beside it", .0.display())]
    CannotOpen(PathBuf),
    /// The file is not in its place any more.
    #[error("{} was moved, deleted or replaced while it was in use", path.display())]
    Moved {
        /// The path that it had.
        path: PathBuf,
        /// Where it is now, if that is known.
        now: Option<PathBuf>,
    },
    /// The write-ahead log was taken from beside the file.
    #[error("the log of {} was removed or replaced while it was in use", .0.display())]
    LogGone(PathBuf),
    /// A log lies beside the file that is not its own.
    #[error("{} is the log of a file that was here before", .0.display())]
    StrangeLog(PathBuf),
    /// The file was written while it was read without a lock.
    #[error("{} was written while it was read", .0.display())]
    Changed(PathBuf),
    /// The system cannot start any more threads for this program.
    #[error("the system cannot start any more threads")]
    NoThreads,
    /// It was told to stop while it waited for a reader.
    #[error("stopped while somebody read {}", .0.display())]
    Stopped(PathBuf),
    /// The series is held from another source, with another adjustment, or of another market.
    #[error("the file holds {symbol} {timeframe} from {held}, and {asked} was asked")]
    Bound {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        timeframe: String,
        /// What the file's is bound to: the source, the adjustment, and what else differs.
        held: String,
        /// The same of what was asked for.
        asked: String,
    },
    /// A series that can be read and not filled: what decides when its candles are closed is not known here.
    #[error(
        "this build does not know {unknown}, which {symbol} {timeframe} has: it cannot be filled"
    )]
    Unknown {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        timeframe: String,
        /// What is not known.
        unknown: crate::model::market::Unknown,
    },
    /// A series whose market cannot be another one: what the file has of it rests on the one that it has.
    #[error("{symbol} {timeframe} is of the market {market} and cannot be of {asked}: {why}")]
    KeepsMarket {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        timeframe: String,
        /// The market that it has.
        market: crate::model::market::MarketCode,
        /// The one that was asked for.
        asked: crate::model::market::MarketCode,
        /// What rests on it.
        why: &'static str,
    },
    /// Candles are cut from the session of a day on which there is to be none.
    #[error("the candles of {symbol} {timeframe} on {day} are cut from the session of that day")]
    CutFromSession {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        timeframe: String,
        /// The day.
        day: chrono::NaiveDate,
    },
    /// The file has no such series.
    #[error("the file holds no {symbol} {timeframe}")]
    NoSeries {
        /// The symbol.
        symbol: String,
        /// The timeframe.
        timeframe: String,
        /// What it holds instead, a few.
        held: Vec<String>,
    },
    /// No job has this id.
    #[error("there is no job {0}")]
    NoJob(String),
    /// Several jobs have an id that begins so.
    #[error("{count} jobs have an id that begins with {prefix}")]
    AmbiguousJob {
        /// The prefix.
        prefix: String,
        /// How many.
        count: u32,
    },
    /// Another process runs the job.
    #[error("job {job_id} is run by process {owner}")]
    Owned {
        /// The job.
        job_id: String,
        /// Who runs it.
        owner: String,
    },
    /// What proves who runs a job cannot be made.
    #[error("cannot make a file beside {} to show who runs the job: {why}", path.display())]
    NoOwner {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A program of before runs a job, and does not know this format.
    #[error("{} cannot be brought to format {FORMAT} while job {job_id} is run by process {owner}", path.display())]
    OwnedBefore {
        /// The file.
        path: PathBuf,
        /// The job.
        job_id: String,
        /// Who runs it.
        owner: String,
    },
    /// The job has ended, and what is asked is for one that has not.
    #[error("job {job_id} is {}", status.as_str())]
    Ended {
        /// The job.
        job_id: String,
        /// How it ended.
        status: crate::model::status::JobStatus,
    },
    /// The job took files: nobody can be asked for the rest of them.
    #[error("job {0} is an import")]
    IsImport(String),
    /// The job belongs to someone else by now.
    #[error("job {0} was taken over by another process")]
    LostJob(String),
    /// A candle that was ignored by the insert is not there: a defect of this program.
    #[error("a candle of series {series_id} at {ts} was ignored by the insert and is not there")]
    Vanished {
        /// The series.
        series_id: i64,
        /// The candle.
        ts: i64,
    },
    /// A write into a file without a write-ahead log was interrupted.
    #[error("a write to {} was interrupted", .0.display())]
    Interrupted(PathBuf),
    /// SQLite does not understand a question, or cannot answer it.
    #[error("{0}")]
    BadSql(String),
    /// A question that would change the file, or reach beyond it.
    #[error("the statement does more than read")]
    OnlyReads,
    /// A question that took too long.
    #[error("the answer takes longer than {}", humantime::format_duration(*.0))]
    TooSlow(Duration),
    /// The disk is full, or nothing more may be written: a quota, or a limit of the process.
    #[error("the disk is full or a size limit (ulimit -f, a quota) is reached while writing {}", .0.display())]
    Full(PathBuf),
    /// Another process held the file for too long.
    #[error("{} stayed locked by another process", .0.display())]
    Busy(PathBuf),
    /// The file is damaged.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// The candles of a series are not those that its row speaks of.
    #[error("{}: the row of {series} {what}", path.display())]
    Books {
        /// The path.
        path: PathBuf,
        /// Symbol and timeframe.
        series: String,
        /// What it says, and what was read of the part that was chosen.
        what: String,
    },
    /// Anything else that SQLite says.
    #[error("cannot work with {}", path.display())]
    Sqlite {
        /// The path.
        path: PathBuf,
        /// The error.
        source: SqliteError,
    },
}

impl StoreError {
    /// A file that the system does not open.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound(path.to_path_buf()),
            io::ErrorKind::PermissionDenied => StoreError::NoRight {
                path: path.to_path_buf(),
                what: "file",
                right: "read",
            },
            _ => StoreError::CannotOpen(path.to_path_buf()),
        }
    }

    /// The file that it is about, where it names one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            StoreError::NotFound(path)
            | StoreError::Empty(path)
            | StoreError::Foreign(path)
            | StoreError::ReadOnly(path)
            | StoreError::ReadOnlyFolder(path)
            | StoreError::MountedAlone(path)
            | StoreError::SeveralNames { path, .. }
            | StoreError::Full(path)
            | StoreError::Busy(path)
            | StoreError::NoFolder(path)
            | StoreError::NotAFolder(path)
            | StoreError::Interrupted(path)
            | StoreError::ReadOnlyMedium(path)
            | StoreError::CannotOpen(path)
            | StoreError::StrangeLog(path)
            | StoreError::Changed(path)
            | StoreError::Stopped(path)
            | StoreError::LogGone(path)
            | StoreError::NoFolderBehind { link: path, .. }
            | StoreError::NoRight { path, .. }
            | StoreError::LogLeft { path, .. }
            | StoreError::Moved { path, .. }
            | StoreError::NotAFile { path, .. }
            | StoreError::NoOwner { path, .. }
            | StoreError::OwnedBefore { path, .. }
            | StoreError::Newer { path, .. }
            | StoreError::Damaged { path, .. }
            | StoreError::Books { path, .. }
            | StoreError::Sqlite { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The message without the place of the file on this machine: what may leave it, or stay in a file that is handed over.
    pub(crate) fn without_path(&self) -> String {
        let text = self.to_string();
        self.path().map_or(text.clone(), |path| {
            text.replace(&path.display().to_string(), "the file")
        })
    }

    /// A folder is not there: it is missing, or a file stands where it or one above it should.
    pub(crate) fn no_folder(folder: &Path) -> StoreError {
        let mut on_the_way = folder.ancestors();
        match on_the_way.find(|path| path.exists()) {
            Some(file) if !file.is_dir() => StoreError::NotAFolder(file.to_path_buf()),
            _ => StoreError::NoFolder(folder.to_path_buf()),
        }
    }
}
