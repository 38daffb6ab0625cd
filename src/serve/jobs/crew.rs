//! The server's own threads while they run. One that stops unexpectedly is started again after a pause, and whoever asks
//! whether the server is well hears of it meanwhile: a server without its threads looks well and does nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::run::clock::{Cancel, Clock};

/// How long a thread that has stopped stays away: what ends it at once must not keep the machine busy.
const PAUSE: Duration = Duration::from_secs(5);

/// All threads.
pub(in crate::serve) struct Crew {
    clock: Arc<dyn Clock>,
    stopping: Cancel,
    threads: Mutex<Vec<JoinHandle<()>>>,
    missing: AtomicUsize,
    /// How often one was started again.
    pub(in crate::serve) restarts: AtomicU64,
}

impl Crew {
    pub(in crate::serve) fn new(clock: Arc<dyn Clock>, stopping: Cancel) -> Arc<Crew> {
        Arc::new(Crew {
            clock,
            stopping,
            threads: Mutex::default(),
            missing: AtomicUsize::new(0),
            restarts: AtomicU64::new(0),
        })
    }

    /// Starts a thread that does this until the server stops, however often it ends before.
    pub(in crate::serve) fn start(
        self: &Arc<Self>,
        name: impl Into<String>,
        run: impl Fn() + Send + 'static,
    ) -> std::io::Result<()> {
        let crew = Arc::clone(self);
        let thread = std::thread::Builder::new().name(name.into());
        let thread = thread.spawn(move || crew.keep(run))?;
        let threads = self.threads.lock();
        threads.unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn keep(&self, run: impl Fn()) {
        loop {
            let ended = catch_unwind(AssertUnwindSafe(&run));
            if self.stopping.is_cancelled() {
                return;
            }
            self.missing.fetch_add(1, Ordering::SeqCst);
            let why = if ended.is_err() {
                "a defect"
            } else {
                "nothing"
            };
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            tracing::error!(name, why, "a thread has ended and is started again");
            self.clock.sleep(PAUSE, &self.stopping);
            self.missing.fetch_sub(1, Ordering::SeqCst);
            self.restarts.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many threads have ended and are not started again yet.
    pub(in crate::serve) fn missing(&self) -> usize {
        self.missing.load(Ordering::SeqCst)
    }

    /// Waits for the threads' end. One that hangs is left behind: whatever it has not committed was not reported.
    pub(in crate::serve) fn end(&self, grace: Duration) {
        let began = Instant::now();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            while !thread.is_finished() && began.elapsed() < grace {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A clock whose waits last until somebody ends them.
    struct Held {
        begun: Sender<Duration>,
        end: Mutex<Receiver<()>>,
    }

    impl Clock for Held {
        fn now_ms(&self) -> i64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, duration: Duration, _: &Cancel) {
            self.begun.send(duration).expect("the test waits for it");
            self.end.lock().expect("one sleeps").recv().expect("an end");
        }
    }

    #[test]
    fn a_thread_that_ends_is_missed_for_a_while_and_works_again() {
        let ((begun, pauses), (end, ends)) = (channel(), channel());
        let end_of = Mutex::new(ends);
        let clock = Arc::new(Held { begun, end: end_of });
        let stopping = Cancel::new();
        let crew = Crew::new(clock, stopping.clone());
        let (work, works) = channel();
        let turns = AtomicU64::new(0);
        let run = move || match turns.fetch_add(1, Ordering::SeqCst) {
            0 => std::panic::resume_unwind(Box::new("a defect")),
            1 => {}
            _ => {
                work.send(()).expect("the test waits for it");
                while !stopping.is_cancelled() {
                    std::thread::yield_now();
                }
            }
        };
        crew.start("one", run).expect("a thread");
        for restarts in 0..2 {
            assert_eq!(pauses.recv(), Ok(PAUSE));
            assert_eq!(crew.missing(), 1);
            assert_eq!(crew.restarts.load(Ordering::SeqCst), restarts);
            end.send(()).expect("it waits");
        }
        works.recv().expect("it works again");
        assert_eq!(crew.missing(), 0);
        assert_eq!(crew.restarts.load(Ordering::SeqCst), 2);
        crew.stopping.cancel();
        crew.end(Duration::from_secs(60));
    }
}
