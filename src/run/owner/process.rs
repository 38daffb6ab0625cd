//! Processes by what the system says of them, for owners that no lock proves. It must never be asked where a lock can be.

use std::sync::OnceLock;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The system's start times shift with the wall clock; a process id that is used again differs by more.
const START_TOLERANCE: u64 = 2;

/// The host's name.
pub(super) fn host() -> &'static str {
    // Looked up once: it may change while the process runs.
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        System::host_name()
            .unwrap_or_else(|_| "localhost".to_owned())
            .replace('/', "_")
    })
}

/// What tells a process from all others: the boot of its machine, the namespace of its id, and its exact start; `None` where
/// the system does not show one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The boot's id and the namespace.
    place: String,
    /// Ticks from the boot to its start.
    start: u64,
}

impl Facts {
    /// Of a process that is seen from here.
    pub(super) fn of(pid: u32) -> Option<Facts> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let namespace: String = namespace.to_str()?.matches(char::is_numeric).collect();
        let seen = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before it may hold anything, a bracket included.
        let mut fields = seen.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let start = fields.nth(18)?.parse().ok()?;
        let place = format!("{}.{namespace}", boot.trim());
        (!matches!(state, "Z" | "X")).then_some(Facts { place, start })
    }

    /// From what [`std::fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Option<Facts> {
        let (place, start) = text.rsplit_once('.')?;
        let (place, start) = (place.to_owned(), start.parse().ok()?);
        Some(Facts { place, start })
    }

    /// Whether the process with this id lives; `None` where it cannot be seen from here.
    pub(super) fn are_of_a_living(&self, pid: u32) -> Option<bool> {
        let here = Facts::of(std::process::id())?;
        (here.place == self.place).then(|| Facts::of(pid).as_ref() == Some(self))
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.place, self.start)
    }
}

/// Whether there is a process with this id that started about then, Unix seconds.
pub(super) fn is_there_since(pid: u32, start: u64) -> bool {
    start_of(pid).is_some_and(|found| found.abs_diff(start) <= START_TOLERANCE)
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
    #[cfg(target_os = "linux")]
    fn what_remains_of_a_process_is_none() {
        use std::io::Read;
        let mut child = std::process::Command::new("true")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a process");
        // Its end of the pipe is closed when it ends, and nobody has waited for it yet.
        let mut said = Vec::new();
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_to_end(&mut said).expect("its end");
        while std::fs::read_to_string(format!("/proc/{}/stat", child.id()))
            .is_ok_and(|stat| !stat.contains(") Z "))
        {
            std::thread::yield_now();
        }
        assert_eq!(Facts::of(child.id()), None);
        assert!(!is_there_since(child.id(), 0));
        child.wait().expect("it has ended");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_told_from_another_with_its_id() {
        let me = std::process::id();
        let facts = Facts::of(me).expect("the system shows them");
        let read = Facts::parse(&facts.to_string()).expect("as it was written");
        assert_eq!(read.are_of_a_living(me), Some(true));
        let (place, start) = (facts.place.clone(), facts.start + 1);
        let reused = Facts { place, start };
        assert_eq!(reused.are_of_a_living(me), Some(false));
        let elsewhere = Facts {
            place: "another-boot.1".into(),
            start: facts.start,
        };
        assert_eq!(elsewhere.are_of_a_living(me), None);
    }
}
