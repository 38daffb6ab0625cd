//! Who runs a job: a run of this program, proven by the kernel. A run holds the lock of a file of its own beside the
//! database (`market.db-run-` and its id) from before its name stands in the database until its end, whatever that is; so
//! whoever finds that file free or absent knows that the run is over, in whatever container or on whatever host of a shared
//! file system. Only where a file system refuses locks do process, boot and signs of life decide.
//!
//! The text of an owner is `host/process id/run`, the first two for people. Without a lock what proves the process follows.
//! Formats 1 and 2 had `host/process id/start/number`.

mod process;
mod side;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use process::{Facts, host};
use side::{Holder, Side};
use uuid::Uuid;

/// An owner that no lock proves and that cannot be seen from here is taken for gone after this many seconds without a sign
/// of life.
pub(crate) const SILENT_AFTER: i64 = 60;

/// A sign of life further ahead of this host's clock than this is no such sign.
const AHEAD: i64 = 3600;

/// A run of this process on one file. Copies are the same run; it is over with the last of them.
#[derive(Clone, Debug)]
pub struct Owner(Arc<Run>);

#[derive(Debug)]
struct Run {
    id: Uuid,
    text: String,
    side: Option<Side>,
    is_told: AtomicBool,
}

/// The runs of this process by file. Two openings of one file are one run: a server's jobs are its own.
static RUNS: Mutex<Option<HashMap<PathBuf, Weak<Run>>>> = Mutex::new(None);

impl Owner {
    /// The run of this process on a file that exists, begun if there is none.
    ///
    /// # Errors
    /// Its side file cannot be made.
    pub fn of_this_process(db: &Path) -> io::Result<Owner> {
        let db = db.canonicalize()?;
        let mut runs = runs();
        let runs = runs.get_or_insert_default();
        runs.retain(|_, run| run.strong_count() > 0);
        if let Some(run) = runs.get(&db).and_then(Weak::upgrade) {
            return Ok(Owner(run));
        }
        let (id, side) = Side::make(&db)?;
        let pid = std::process::id();
        let mut text = format!("{}/{pid}/{}", host(), id.hyphenated());
        if side.is_none() {
            let facts = Facts::of(pid).map(|facts| facts.to_string());
            text = format!("{text}/{}", facts.unwrap_or_default());
        }
        let is_told = AtomicBool::new(false);
        let run = Arc::new(Run {
            id,
            text,
            side,
            is_told,
        });
        runs.insert(db, Arc::downgrade(&run));
        Ok(Owner(run))
    }

    /// The text that stands in the file.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Notes beside the file which one it is, and which log it was given: by names that no other file has.
    pub(crate) fn note(&self, file: &str, log: &str) {
        if let Some(side) = &self.0.side {
            side.note(&format!("{file} {log}"));
        }
    }

    /// Whether it is to be told that no lock proves this run: once, where that is so.
    pub fn tells_that_locks_are_refused(&self) -> bool {
        self.0.side.is_none() && !self.0.is_told.swap(true, Ordering::Relaxed)
    }
}

impl PartialEq for Owner {
    fn eq(&self, other: &Owner) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Owner {}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the text of an owner says.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// One whose side file is locked while it lives.
    Locked(Uuid),
    /// One that could not lock.
    Unlocked(Uuid, u32, Option<Facts>),
    /// One of a program that did not lock yet.
    Older(&'a str, u32, u64),
}

impl Named<'_> {
    fn of(owner: &str) -> Option<Named<'_>> {
        let parts: Vec<&str> = owner.split('/').collect();
        match *parts.as_slice() {
            [_, _, run] => Some(Named::Locked(Uuid::try_parse(run).ok()?)),
            [host, pid, third, last] => {
                let pid = pid.parse().ok()?;
                let run = Uuid::try_parse(third).ok();
                run.map(|run| Named::Unlocked(run, pid, Facts::parse(last)))
                    .or_else(|| Some(Named::Older(host, pid, third.parse().ok()?)))
            }
            _ => None,
        }
    }
}

/// What the owners of this process on a file are called; `None` where it has no run on it.
pub(crate) fn this_process(db: &Path) -> Option<String> {
    let db = db.canonicalize().ok()?;
    let run = runs().as_ref()?.get(&db)?.upgrade()?;
    Some(run.text.clone())
}

/// Whether an owner is a run of this process.
pub(crate) fn is_this_process(owner: &str) -> bool {
    match Named::of(owner) {
        Some(Named::Locked(id) | Named::Unlocked(id, ..)) => {
            runs().as_ref().is_some_and(|runs| is_among(runs, id))
        }
        _ => false,
    }
}

/// Whether what an owner left was left right here: by a process of this host, or with its side file still there. Otherwise
/// the file may be a copy of the one that it worked on.
pub(crate) fn was_here(db: &Path, owner: &str) -> bool {
    let has_side = |run| {
        let db = db.canonicalize();
        db.is_ok_and(|db| side::holder(&db, run) != Holder::Absent)
    };
    owner.split('/').next() == Some(host())
        || matches!(Named::of(owner), Some(Named::Locked(run)) if has_side(run))
}

/// Whether an owner of a job in a file lives. Its lock decides; where it could have none, its process if that is seen from
/// here, and otherwise its last sign of life.
pub(crate) fn is_alive(db: &Path, owner: &str, heartbeat_at: Option<i64>, now: i64) -> bool {
    if is_this_process(owner) {
        return true;
    }
    let gives_signs = || gives_signs(heartbeat_at, now);
    match Named::of(owner) {
        // A file is brought to this format only while no older program works on it, and older ones do not open it then.
        None | Some(Named::Older(..)) => false,
        Some(Named::Locked(run)) => {
            let holder = |db: PathBuf| side::holder(&db, run);
            match db.canonicalize().map_or(Holder::Absent, holder) {
                Holder::Lives => true,
                Holder::Left | Holder::Absent => false,
                Holder::Unknown => gives_signs(),
            }
        }
        Some(Named::Unlocked(_, pid, facts)) => facts
            .and_then(|facts| facts.are_of_a_living(pid))
            .unwrap_or_else(gives_signs),
    }
}

/// As [`is_alive`] for a file of format 1 or 2: on this host the process decides, elsewhere the last sign of life.
pub(crate) fn was_alive_before(
    db: &Path,
    owner: &str,
    heartbeat_at: Option<i64>,
    now: i64,
) -> bool {
    match Named::of(owner) {
        // With this process' id it is one from before, or of another container: this one has another form.
        Some(Named::Older(owner_host, pid, start)) => {
            if owner_host != host() || pid == std::process::id() {
                gives_signs(heartbeat_at, now)
            } else {
                process::is_there_since(pid, start)
            }
        }
        _ => is_alive(db, owner, heartbeat_at, now),
    }
}

fn gives_signs(heartbeat_at: Option<i64>, now: i64) -> bool {
    heartbeat_at
        .map(|at| now.saturating_sub(at))
        .is_some_and(|silent| (-AHEAD..SILENT_AFTER).contains(&silent))
}

/// The database beside which a file of this name would be that of a run.
pub(crate) fn database_of_side(path: &Path) -> Option<PathBuf> {
    side::database_of(path)
}

/// Removes what dead runs left beside a file.
pub(crate) fn sweep(db: &Path) {
    if let Ok(db) = db.canonicalize() {
        side::sweep(&db, is_ours);
    }
}

/// Whether a run of another process has noted that a log is not this file's, but that of one that had its name before.
pub(crate) fn is_log_of_another(db: &Path, file: &str, log: &str) -> bool {
    side::notes(db, is_ours).any(|note| {
        let noted = note.split_once(' ');
        noted.is_some_and(|(its_file, its_log)| its_log == log && its_file != file)
    })
}

fn is_ours(id: Uuid) -> bool {
    runs().as_ref().is_some_and(|runs| is_among(runs, id))
}

fn is_among(runs: &HashMap<PathBuf, Weak<Run>>, id: Uuid) -> bool {
    runs.values()
        .filter_map(Weak::upgrade)
        .any(|run| run.id == id)
}

fn runs() -> MutexGuard<'static, Option<HashMap<PathBuf, Weak<Run>>>> {
    RUNS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_is_one_of_the_last_minute_or_of_a_clock_that_is_a_little_ahead() {
        let now = 1_700_000_000;
        for (at, is_one) in [
            (now - SILENT_AFTER + 1, true),
            (now - SILENT_AFTER, false),
            (now + AHEAD, true),
            (now + AHEAD + 1, false),
            (i64::MAX, false),
        ] {
            assert_eq!(gives_signs(Some(at), now), is_one, "{} s ahead", at - now);
        }
        assert!(!gives_signs(None, now), "no sign at all");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_owner_of_before_with_this_process_id_is_none_of_this_process() {
        let pid = std::process::id();
        let start = std::fs::metadata(format!("/proc/{pid}")).and_then(|found| found.modified());
        let start = start.expect("a time").duration_since(std::time::UNIX_EPOCH);
        let start = start.expect("after 1970").as_secs();
        let owner = format!("{}/{pid}/{start}/0", host());
        assert!(process::is_there_since(pid, start), "it would be there");
        assert!(!was_alive_before(Path::new("market.db"), &owner, None, 0));
        assert!(!process::is_there_since(pid, start - 1000), "another start");
    }
}
