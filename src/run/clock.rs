//! The clock as an argument: the live edge, the rate limit and every pause read it from here, so that a test can stand
//! at a fixed instant and wait without waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a wait may go on after a cancellation.
const CANCEL_POLL: Duration = Duration::from_millis(25);

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Wall clock, Unix milliseconds UTC.
    fn now_ms(&self) -> i64;

    /// A time that never goes back, from an arbitrary origin.
    fn monotonic(&self) -> Duration;

    /// Waits, or returns early when cancelled.
    fn sleep(&self, duration: Duration, cancel: &Cancel);

    /// Wall clock, Unix seconds UTC.
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// A flag that asks a running backfill to stop: no new slices, what was fetched is committed.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    raised: Arc<AtomicBool>,
    parent: Option<Arc<Cancel>>,
}

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// A flag of its own that counts as raised when this one is, too.
    pub(crate) fn child(&self) -> Cancel {
        Cancel {
            raised: Arc::default(),
            parent: Some(Arc::new(self.clone())),
        }
    }

    /// Raises the flag, for good.
    pub fn cancel(&self) {
        self.raised.store(true, Ordering::SeqCst);
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        let parent = self.parent.as_ref();
        self.raised.load(Ordering::SeqCst) || parent.is_some_and(|parent| parent.is_cancelled())
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock {
            origin: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        let until = Instant::now() + duration;
        while !cancel.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(CANCEL_POLL));
        }
    }
}

/// A clock that stands still, and that a wait moves on at once: for tests of what depends on time.
#[derive(Debug)]
pub struct ManualClock {
    start_ms: i64,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that stands at `now`, Unix seconds UTC.
    pub fn at(now: i64) -> ManualClock {
        ManualClock {
            start_ms: now * 1000,
            elapsed: Mutex::new(Duration::ZERO),
        }
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        *self
            .elapsed
            .lock()
            .expect("no panic while the clock is read") += duration;
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.start_ms + i64::try_from(self.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        *self
            .elapsed
            .lock()
            .expect("no panic while the clock is read")
    }

    fn sleep(&self, duration: Duration, cancel: &Cancel) {
        if !cancel.is_cancelled() {
            self.advance(duration);
        }
    }
}
