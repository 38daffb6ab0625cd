//! What is said beside the results. One thread writes it to stderr, so that nobody who has something to say waits for
//! whoever reads, nor ends because nobody does. What cannot be written, or not in time, is lost, and counted.
//!
//! On a terminal a frame of lines may stand below what was said. It is taken away before more is said and drawn again after
//! it, so that nothing is left of an older one.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Bytes that wait to be written at most; more are lost.
const WAITING: usize = 1 << 20;
/// How long the end of the program, or a result that comes after, waits for what was said before.
const PATIENCE: Duration = Duration::from_secs(1);

/// The line to the thread that writes.
struct Line {
    state: Mutex<State>,
    moved: Condvar,
    lost: Arc<AtomicU64>,
    /// Whether the system has no thread for it: then what is said is written at once, and nothing is shown.
    has_no_thread: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The lines that are to be shown, and those that are.
    frame: Vec<String>,
    shown: Vec<String>,
    /// Whether the thread has something that is not written yet.
    writes: bool,
    /// Whether it was waited for in vain: nobody waits again before it moves.
    stuck: bool,
}

static LINE: OnceLock<Arc<Line>> = OnceLock::new();

fn line() -> &'static Arc<Line> {
    LINE.get_or_init(|| {
        let line = Arc::new(Line {
            state: Mutex::default(),
            moved: Condvar::new(),
            lost: Arc::default(),
            has_no_thread: AtomicBool::new(false),
        });
        let writing = Arc::clone(&line);
        let thread = std::thread::Builder::new().name("stderr".into());
        let has_none = thread.spawn(move || writing.write()).is_err();
        line.has_no_thread.store(has_none, Ordering::Relaxed);
        line
    })
}

/// Says a text, whole, and waits for nobody.
pub fn say(text: Vec<u8>) {
    let line = line();
    if line.has_no_thread.load(Ordering::Relaxed) {
        if std::io::stderr().write_all(&text).is_err() {
            line.lose();
        }
        return;
    }
    let mut state = line.state();
    if state.bytes + text.len() > WAITING {
        line.lose();
        return;
    }
    state.bytes += text.len();
    state.waiting.push_back(text);
    line.moved.notify_all();
}

/// Shows these lines in place of those before, none as wide as the terminal; without any, nothing is left of them.
pub fn show(lines: Vec<String>) {
    let line = line();
    if line.has_no_thread.load(Ordering::Relaxed) {
        return;
    }
    line.state().frame = lines;
    line.moved.notify_all();
}

/// Waits until what was said is written, but not for a reader that stands still.
pub fn settle() {
    let Some(line) = LINE.get() else { return };
    let state = line.state();
    let is_busy = |state: &mut State| !state.stuck && (state.writes || state.has_news());
    let waited = line.moved.wait_timeout_while(state, PATIENCE, is_busy);
    let (mut state, timed) = waited.unwrap_or_else(PoisonError::into_inner);
    state.stuck |= timed.timed_out();
}

/// The last of it: what was said is written, and nothing is left of a frame.
pub fn end() {
    if LINE.get().is_some() {
        show(Vec::new());
        settle();
    }
}

/// Counts what was lost.
#[cfg(feature = "serve")]
pub fn lost() -> Arc<AtomicU64> {
    Arc::clone(&line().lost)
}

/// Says a panic's message as the system would, without waiting for a reader.
pub fn say_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        say(format!("thread '{name}' {panic}\n").into_bytes());
    }));
}

/// Where the library's messages are written, one a write.
pub struct Messages;

impl Write for Messages {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        say(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl State {
    fn has_news(&self) -> bool {
        !self.waiting.is_empty() || self.frame != self.shown
    }
}

/// What takes lines away while the cursor stands at the end of the last one.
fn away(lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        [_, above @ ..] => format!("\r\x1b[2K{}", "\x1b[1A\x1b[2K".repeat(above.len())),
    }
}

impl Line {
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, for as long as the program runs.
    fn write(&self) {
        let mut told = 0;
        loop {
            let state = self.state();
            let waited = self.moved.wait_while(state, |state| !state.has_news());
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let texts = std::mem::take(&mut state.waiting);
            (state.bytes, state.writes) = (0, true);
            let frame = state.frame.clone();
            let before = std::mem::replace(&mut state.shown, frame.clone());
            drop(state);
            // What cannot be drawn is no message that is lost.
            let _ = std::io::stderr().write_all(away(&before).as_bytes());
            for text in texts {
                if std::io::stderr().write_all(&text).is_err() {
                    self.lose();
                }
            }
            let lost = self.lost.load(Ordering::Relaxed);
            if lost > told {
                let text = format!(
                    "candlefile: {} messages could not be written here\n",
                    lost - told
                );
                if std::io::stderr().write_all(text.as_bytes()).is_ok() {
                    told = lost;
                }
            }
            let _ = std::io::stderr().write_all(frame.join("\n").as_bytes());
            let mut state = self.state();
            (state.writes, state.stuck) = (false, false);
            self.moved.notify_all();
        }
    }
}
