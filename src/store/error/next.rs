//! What to do about an error of the file, as a next step. It must never ask the file itself.

use super::StoreError;
use crate::model::next::{Named, Next, Setting};
use crate::run::path::folder_of;
use crate::run::shell::quoted;
use crate::store::file::rights::is_left;
use crate::store::file::standing::{free_name, how_to_copy, how_to_restore};

/// The first command that may write brings in what was left beside a file.
const BRING_IN: Next = Next::List { json: false };

impl StoreError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        let next = self.next_on_it();
        match self.path() {
            Some(file) => next.on(file),
            None => next,
        }
    }

    /// The same on the file that it names, if it names one.
    fn next_on_it(&self) -> Next {
        let list = Next::List { json: false };
        match self {
            StoreError::NotFound(_) => Next::Or(vec![
                Next::words("name another file"),
                Next::Backfill(None).after("fill this one, for example with"),
            ]),
            StoreError::Empty(_) => Next::Backfill(None).after("fill it, for example with"),
            StoreError::NoFolder(path) | StoreError::NoFolderBehind { folder: path, .. } => {
                Next::words(format!("create it first: mkdir -p {}", quoted(path)))
            }
            StoreError::NotAFolder(_) => Next::words("name another folder"),
            StoreError::NotAFile { .. } | StoreError::Foreign(_) => {
                Next::words("name another file")
            }
            StoreError::NotAPath(text) => Next::words(format!(
                "write the path as ./{text} if you mean a file of that name"
            )),
            StoreError::Newer { .. } => Next::words("use a newer candlefile for this file"),
            StoreError::ReadOnly(_)
            | StoreError::ReadOnlyFolder(_)
            | StoreError::MountedAlone(_)
            | StoreError::SeveralNames { .. }
            | StoreError::NoRight { .. }
            | StoreError::ReadOnlyMedium(_)
            | StoreError::CannotOpen(_)
            | StoreError::Moved { .. }
            | StoreError::LogGone(_)
            | StoreError::NoThreads
            | StoreError::StrangeLog(_)
            | StoreError::Changed(_)
            | StoreError::Stopped(_) => self.next_to_open(),
            StoreError::Unknown { .. } => Next::words(
                "what is there can be read; fill it with a version of the program that knows it",
            ),
            StoreError::Bound {
                symbol, timeframe, ..
            } => Next::Or(vec![forget(symbol, timeframe), Next::AnotherFile]),
            StoreError::KeepsMarket {
                symbol, timeframe, ..
            }
            | StoreError::CutFromSession {
                symbol, timeframe, ..
            } => Next::Then(vec![forget(symbol, timeframe), Next::words("fill it anew")]),
            StoreError::NoSeries { held, .. } if held.is_empty() => {
                Next::Backfill(None).after("the file is empty: fill it, for example with")
            }
            StoreError::NoSeries { held, .. } => Next::And(vec![
                Next::words(format!("it holds {}", held.join(", "))),
                list.shows("shows all"),
            ]),
            StoreError::Vanished { .. } => {
                Next::words("please report this; nothing of the batch was stored")
            }
            StoreError::Interrupted(_) => {
                BRING_IN.after("let somebody who may write the file and its folder take it back:")
            }
            StoreError::LogLeft { .. } => {
                BRING_IN.after("let somebody who may write the file and its folder do so:")
            }
            StoreError::Full(_) => Next::words(
                "make room or lift the limit, then run the same command again; everything reported is saved",
            ),
            StoreError::Busy(_) => Next::words("try again when the other process has ended"),
            StoreError::Damaged { path, .. } => {
                Next::Or(vec![Next::words(how_to_restore(path)), Next::NewFile])
            }
            StoreError::Books { path, .. } => Next::And(vec![
                Next::Verify(path.clone()).shows("says all that is wrong"),
                Next::words(format!(
                    "{}, or drop the series and fetch it again",
                    how_to_restore(path)
                )),
            ]),
            StoreError::NoJob(_)
            | StoreError::AmbiguousJob { .. }
            | StoreError::Owned { .. }
            | StoreError::NoOwner { .. }
            | StoreError::OwnedBefore { .. }
            | StoreError::Ended { .. }
            | StoreError::IsImport(_)
            | StoreError::LostJob(_) => self.next_of_job(),
            StoreError::BadSql(_) | StoreError::OnlyReads | StoreError::TooSlow(_) => {
                self.next_of_question()
            }
            StoreError::Sqlite { .. } => {
                Next::words("check the file and its folder, then run the same command again")
            }
        }
    }

    /// What to do about what is wrong with a job.
    fn next_of_job(&self) -> Next {
        let jobs = || Next::Status { job: None }.shows("lists the jobs");
        match self {
            StoreError::NoJob(_) => jobs(),
            StoreError::AmbiguousJob { .. } => {
                Next::And(vec![Next::words("write more of the id"), jobs()])
            }
            StoreError::Owned { .. } => Next::words("wait for it, or stop that process first"),
            StoreError::NoOwner { .. } => {
                Next::words("mend what it says of the folder, then run the same command again")
            }
            StoreError::OwnedBefore { .. } => Next::words(
                "wait for it or stop that process, which an older version began; then run the same command again",
            ),
            StoreError::IsImport(_) => Next::words(
                "import the same files with the same options again: what it has stored is not read twice",
            ),
            StoreError::Ended { .. } => Next::words("ask for it anew with a backfill"),
            _ => Next::Status { job: None }.shows("shows who runs it"),
        }
    }

    /// What to do about a question that is not answered.
    fn next_of_question(&self) -> Next {
        match self {
            StoreError::BadSql(_) => {
                Next::Sql("select name from sqlite_schema".into()).after("see what there is with")
            }
            StoreError::OnlyReads => {
                let drop = Next::Drop {
                    series: None,
                    yes: false,
                };
                Next::And(vec![
                    Next::words("write one select"),
                    Next::Backfill(None).after("candles come with commands like"),
                    drop.after("and go with"),
                ])
            }
            _ => Next::Or(vec![
                Next::words("filter on symbol, timeframe and ts"),
                Setting::Timeout.after("allow more with"),
            ]),
        }
    }

    /// What to do about what keeps the file from being opened or held.
    fn next_to_open(&self) -> Next {
        match self {
            StoreError::ReadOnly(path) => {
                let copy = free_name();
                Next::Or(vec![
                    Next::words("make it writable"),
                    Next::Then(vec![
                        how_to_copy(path, &copy).after("go on with a copy:"),
                        Next::File(copy),
                    ]),
                ])
            }
            StoreError::MountedAlone(_) => {
                Next::words("mount the folder that holds it instead of the file")
            }
            StoreError::SeveralNames { path, .. } => Next::words(format!(
                "use it by one name and remove the others; find {} -samefile {} lists those nearby",
                quoted(folder_of(path)),
                quoted(path)
            )),
            StoreError::ReadOnlyFolder(_) => Next::Or(vec![
                Next::words("make the folder writable"),
                Next::FileElsewhere,
            ]),
            StoreError::NoRight {
                path,
                what: "folder",
                right,
            } if *right == "write" => Next::Or(vec![
                Next::words(format!(
                    "a file that is written has others beside it: get the right from the owner of {}",
                    path.display()
                )),
                Next::FileElsewhere,
            ]),
            StoreError::NoRight { path, right, .. } => Next::words(format!(
                "get the right to {right} it from the owner of {}",
                path.display()
            )),
            StoreError::ReadOnlyMedium(path) if path.is_dir() => Next::FileElsewhere,
            StoreError::ReadOnlyMedium(path) if is_left(path) => BRING_IN.after(
                "a program that was stopped has left something beside it: mount it for writing, and let it be brought in with",
            ),
            StoreError::ReadOnlyMedium(_) => {
                let pack = Next::Pack {
                    with_history: false,
                    output: free_name(),
                };
                pack.after("go on with a copy elsewhere:")
            }
            StoreError::CannotOpen(_) => {
                Next::words("look at its -wal, -shm and -journal, and at the limit of open files")
            }
            StoreError::Moved {
                now: Some(now), ..
            } => Next::Or(vec![
                Next::File(now.clone()).after(format!(
                    "what was saved is in {}: go on with it there,",
                    quoted(now)
                )),
                Next::words("put it back first"),
            ]),
            StoreError::Moved { now: None, .. } => Next::words(
                "what was saved went with it: put it back, or run the same command again to fill what is there now",
            ),
            StoreError::NoThreads => Next::Or(vec![
                Next::words(
                    "look at the limits of threads and processes (ulimit -u, a container's)",
                ),
                Setting::Workers.after("take fewer"),
            ]),
            StoreError::LogGone(path) => Next::Then(vec![
                Next::Verify(path.clone()).after(
                    "nothing more was written; what was saved was brought into the file: look with",
                ),
                Next::words("run the same command again"),
            ]),
            StoreError::StrangeLog(path) => Next::words(format!(
                "when no program uses the file any more, take the log away: rm {}",
                quoted(path)
            )),
            _ => Next::words("run the same command again"),
        }
    }
}

fn forget(symbol: &str, timeframe: &str) -> Next {
    let series = Named {
        symbol: symbol.to_owned(),
        timeframe: timeframe.to_owned(),
    };
    let drop = Next::Drop {
        series: Some(series),
        yes: false,
    };
    drop.after("forget the series with")
}
