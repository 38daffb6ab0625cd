//! The program while it runs: signals, the wait for its end, and the wait for anything else. It must never wait without
//! a deadline, nor pass by reaching one.

use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::exchange::PATIENCE;
use super::harness::Run;

/// The program while it runs.
pub(crate) struct Running {
    line: String,
    child: Option<Child>,
    stdout: Option<JoinHandle<()>>,
    stderr: Option<JoinHandle<()>>,
    said: [Said; 2],
}

/// What a stream has said so far.
type Said = Arc<Mutex<Vec<u8>>>;

impl Running {
    pub(crate) fn new(line: String, mut child: Child) -> Self {
        let said: [Said; 2] = Default::default();
        let stdout = read_all(child.stdout.take(), Arc::clone(&said[0]));
        let stderr = read_all(child.stderr.take(), Arc::clone(&said[1]));
        Self {
            line,
            child: Some(child),
            stdout: Some(stdout),
            stderr: Some(stderr),
            said,
        }
    }

    /// Waits until stderr has said something.
    pub(crate) fn wait_for_stderr(&self, words: &str) {
        eventually(words, || text(&self.said[1]).contains(words));
    }

    /// Waits until stdout has said a line, or the program has ended without one.
    #[cfg(feature = "serve")]
    pub(crate) fn first_line(&mut self) -> Option<String> {
        let mut line = None;
        eventually("it says something", || {
            let ended = self.has_ended();
            line = text(&self.said[0])
                .split_once('\n')
                .map(|(line, _)| line.to_owned());
            line.is_some() || ended
        });
        line
    }

    /// Waits until stdout has a line with these words, and gives all it has said. One that ends without them has failed.
    #[cfg(feature = "serve")]
    pub(crate) fn wait_for_stdout(&self, words: &str) -> String {
        let mut said = String::new();
        eventually(words, || {
            let streams = [&self.stdout, &self.stderr];
            let has_ended = streams.iter().all(|stream| {
                let stream = stream.as_ref();
                stream.is_none_or(JoinHandle::is_finished)
            });
            said = text(&self.said[0]);
            let is_there = said.contains(words) && said.ends_with('\n');
            assert!(
                is_there || !has_ended,
                "ended before it said {words:?}\n{}\n-- stdout\n{said}\n-- stderr\n{}",
                self.line,
                text(&self.said[1])
            );
            is_there
        });
        said
    }

    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    #[cfg(feature = "serve")]
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let kill = Command::new("kill").args([signal, &id]).status();
        assert!(kill.unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What everybody on the machine can read of it; `None` where the system does not show it.
    pub(crate) fn command_line(&self) -> Option<String> {
        let bytes = std::fs::read(format!("/proc/{}/cmdline", self.id())).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    }

    /// `kill -9`, and the wait for it to have happened. What it had printed is looked at like that of any other run.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        drop(self.ended(Some(status)));
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    pub(crate) fn wait(self) -> Run {
        self.wait_within(2 * PATIENCE)
    }

    /// Its end; one that has not ended by then is killed, and has failed.
    pub(crate) fn wait_within(mut self, time: Duration) -> Run {
        let mut child = self.child.take().unwrap();
        let status = poll(Instant::now() + time, || child.try_wait().unwrap());
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.ended(status)
    }

    fn ended(&mut self, status: Option<ExitStatus>) -> Run {
        self.stdout.take().unwrap().join().unwrap();
        self.stderr.take().unwrap().join().unwrap();
        let [stdout, stderr] = [text(&self.said[0]), text(&self.said[1])];
        Run::new(std::mem::take(&mut self.line), status, stdout, stderr)
    }
}

fn read_all(stream: Option<impl Read + Send + 'static>, said: Said) -> JoinHandle<()> {
    let mut stream = stream.unwrap();
    thread::spawn(move || {
        let mut piece = [0; 8192];
        loop {
            match stream.read(&mut piece).unwrap() {
                0 => return,
                read => said.lock().unwrap().extend_from_slice(&piece[..read]),
            }
        }
    })
}

fn text(said: &Said) -> String {
    String::from_utf8(said.lock().unwrap().clone()).unwrap()
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn poll<T>(deadline: Instant, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        let found = ready();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until a condition holds; fails when it never does.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let held = poll(Instant::now() + PATIENCE, || holds().then_some(()));
    assert!(held.is_some(), "never happened: {what}");
}
