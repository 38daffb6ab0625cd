//! How far a long pass over a file is.

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::pace::{bar, behind_bar, fitting};
use super::{columns, fit};
use crate::cli::output::{bytes, counted, whole_seconds};
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
                    stderr::show(vec![fit(&passing(now, began.elapsed(), columns()))]);
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

fn passing(now: Reading, took: Duration, columns: usize) -> String {
    let Reading {
        what,
        done,
        all,
        is_bytes,
    } = now;
    let took = (1, whole_seconds(took.as_secs()));
    if all == 0 {
        return fitting(vec![(0, what.to_owned()), took], columns);
    }
    let done = done.min(all);
    let head = format!("{} %  ", done * 100 / all);
    let so_far = if is_bytes {
        bytes(done)
    } else {
        counted(done, "candle")
    };
    let pieces = [(0, what.to_owned()), (2, so_far), took];
    behind_bar(&bar(done, all), &head, &pieces, columns)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_has_whole_parts_and_never_half_a_word() {
        let now = Reading {
            what: "checking what was written",
            done: 1_234_567,
            all: 2_469_134,
            is_bytes: false,
        };
        let took = Duration::from_secs(72);
        let bar = "████████░░░░░░░░";
        for (columns, line) in [
            (
                80,
                format!("{bar} 50 %  checking what was written, 1,234,567 candles, 1 min 12 s"),
            ),
            (
                60,
                format!("{bar} 50 %  checking what was written, 1 min 12 s"),
            ),
            (50, format!("{bar} 50 %  checking what was written")),
            (40, "50 %  checking what was written".to_owned()),
        ] {
            assert_eq!(passing(now, took, columns), line, "{columns}");
        }
        let read = Reading {
            is_bytes: true,
            ..now
        };
        let line = format!("{bar} 50 %  checking what was written, 1.18 MiB, 1 min 12 s");
        assert_eq!(passing(read, took, 80), line);
    }
}
