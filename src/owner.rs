//! Who runs a job: this process, named so that another process on the same host can tell whether it still lives.

use std::fmt;
use std::sync::OnceLock;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// An owner on another host is taken for gone after this many seconds without a sign of life.
pub const SILENT_AFTER: i64 = 60;

/// A sign of life further ahead of this host's clock than this is no such sign.
const AHEAD: i64 = 3600;

/// The system's start times shift with the wall clock; a process id that is used again differs by more.
const START_TOLERANCE: u64 = 2;

/// One run of one process: `host/process id/process start/run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// A new run of this process.
    pub fn of_this_process() -> Owner {
        Owner(format!("{}{:08x}", this_process(), fastrand::u32(..)))
    }

    /// The text that stands in the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the owners of this process begin with.
pub(crate) fn this_process() -> &'static str {
    // Looked up once: the clock and the host's name may change while the process runs.
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let pid = std::process::id();
        format!("{}/{pid}/{}/", host(), start_of(pid).unwrap_or(0))
    })
}

/// Whether an owner is a run of this process.
pub(crate) fn is_this_process(owner: &str) -> bool {
    owner.starts_with(this_process())
}

/// Whether an owner is, or was, a process of this host.
pub(crate) fn is_of_this_host(owner: &str) -> bool {
    is_this_process(owner) || owner.starts_with(&format!("{}/", host()))
}

/// Whether an owner lives: on this host by its process, on another by its last sign of life.
pub fn is_alive(owner: &str, heartbeat_at: Option<i64>, now: i64) -> bool {
    if is_this_process(owner) {
        return true;
    }
    let mut parts = owner.rsplitn(4, '/').skip(1);
    let (start, pid, owner_host) = (parts.next(), parts.next(), parts.next());
    let (Some(Ok(start)), Some(Ok(pid)), Some(owner_host)) = (
        start.map(str::parse::<u64>),
        pid.map(str::parse::<u32>),
        owner_host,
    ) else {
        return false;
    };
    if owner_host != host() {
        return heartbeat_at
            .map(|at| now.saturating_sub(at))
            .is_some_and(|silent| (-AHEAD..SILENT_AFTER).contains(&silent));
    }
    start_of(pid).is_some_and(|found| found.abs_diff(start) <= START_TOLERANCE)
}

fn host() -> String {
    System::host_name()
        .unwrap_or_else(|_| "localhost".to_owned())
        .replace('/', "_")
}

/// When a process started, Unix seconds; `None` where there is none, or only its remains.
fn start_of(pid: u32) -> Option<u64> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        true,
        ProcessRefreshKind::nothing(),
    );
    let process = system.process(pid)?;
    let remains = matches!(
        process.status(),
        sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead
    );
    (!remains).then(|| process.start_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_one_with_another_start_does_not() {
        let me = Owner::of_this_process();
        assert!(is_alive(me.as_str(), None, 0));
        let earlier = me.as_str().rsplitn(4, '/').collect::<Vec<_>>();
        let reused = format!("{}/{}/{}/{}", earlier[3], earlier[2], 12_345, earlier[0]);
        assert!(!is_alive(&reused, Some(0), 0));
        assert!(!is_alive("nonsense", Some(0), 0));
    }

    #[test]
    fn an_owner_elsewhere_lives_while_it_gives_signs_of_life() {
        let elsewhere = "some-other-host/1/1/00000000";
        assert!(is_alive(elsewhere, Some(1000), 1000 + SILENT_AFTER - 1));
        assert!(!is_alive(elsewhere, Some(1000), 1000 + SILENT_AFTER));
        assert!(!is_alive(elsewhere, None, 1000));
        assert!(is_alive(elsewhere, Some(1000 + AHEAD), 1000));
        assert!(!is_alive(elsewhere, Some(1000 + AHEAD + 1), 1000));
        assert!(!is_alive(elsewhere, Some(i64::MAX), 1000));
        assert!(!is_alive(elsewhere, Some(i64::MIN), 1000));
    }
}
