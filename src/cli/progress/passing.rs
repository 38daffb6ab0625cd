//! How far a long pass over a file is.

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::fit;
use super::pace::bar;
use crate::cli::output::{of, whole_seconds};
use crate::cli::stderr;
use crate::monitor::{Meter, Reading};

/// A pass over a file that takes less is not shown,
const DRAWN_AFTER: Duration = Duration::from_millis(500);
/// and one that takes more this often.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// Shows on a terminal how far a long pass over a file is, until it is dropped.
pub struct Passing {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Passing {
    pub fn new(quiet: bool, meter: &Meter) -> Passing {
        let over = Arc::<(Mutex<bool>, Condvar)>::default();
        let is_shown = !quiet && std::io::stderr().is_terminal();
        let (watched, meter) = (Arc::clone(&over), meter.clone());
        let show = move || {
            let began = Instant::now();
            let is_over = || {
                let over = watched.0.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = watched
                    .1
                    .wait_timeout_while(over, DRAWN_EVERY, |over| !*over);
                *waited.unwrap_or_else(PoisonError::into_inner).0
            };
            while !is_over() {
                let now = meter.read();
                // What is over in a moment needs no bar.
                if began.elapsed() >= DRAWN_AFTER && !now.what.is_empty() {
                    stderr::show(vec![fit(&passing(now, began.elapsed()))]);
                }
            }
        };
        let thread = std::thread::Builder::new().name("progress".into());
        // Without a thread nothing is shown.
        let spawn = || thread.spawn(show).ok();
        Passing {
            over,
            thread: is_shown.then(spawn).flatten(),
        }
    }
}

fn passing(now: Reading, took: Duration) -> String {
    let Reading { what, done, all } = now;
    let took = whole_seconds(took.as_secs());
    if all == 0 {
        return format!("{what}, {took}");
    }
    let done = done.min(all);
    let percent = done * 100 / all;
    format!(
        "{} {percent} %  {what}, {}, {took}",
        bar(done, all),
        of(done, "candle")
    )
}

impl Drop for Passing {
    fn drop(&mut self) {
        let (over, told) = &*self.over;
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        told.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            stderr::show(Vec::new());
        }
    }
}
