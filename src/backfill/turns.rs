//! The turns that jobs on one file share at slow rates, also when one follows another. Opens the file a second time, and
//! writes nothing there but send instants.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::http::rate::{Pace, Rate, Turn, Turns};
use crate::provider::Provider;
use crate::run::clock::Clock;
use crate::store::{Place, Store, StoreError, Window};

/// A job at a fast rate sees within this, whatever its writer is at, that one at a slow rate runs beside it.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// A job's part in the turns on its file.
#[derive(Debug)]
pub(super) struct FileTurns {
    place: Place,
    source: String,
    rate: Option<Rate>,
    /// When it wanted its first turn, on the clock that only goes forward.
    began: OnceLock<Duration>,
    /// Whether a job at a slow rate runs beside this one.
    beside_slow: AtomicBool,
    has_ended: AtomicBool,
    held: Mutex<Held>,
}

/// The file, once a turn was taken, and what kept one from being taken.
#[derive(Debug, Default)]
struct Held {
    store: Option<Store>,
    error: Option<StoreError>,
}

impl FileTurns {
    pub(super) fn new(store: &Store, source: &str, rate: Option<Rate>) -> FileTurns {
        FileTurns {
            place: store.place(),
            source: source.to_owned(),
            rate,
            began: OnceLock::new(),
            beside_slow: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            held: Mutex::default(),
        }
    }

    /// Sees whether a job at a slow rate runs by now, which is this one's business, too.
    pub(super) fn look(&self, store: &Store, now: i64) -> Result<(), StoreError> {
        let rates = store.living_rates(&self.source, now)?;
        let slow = !self.windows(&rates).is_empty();
        self.beside_slow.store(slow, Ordering::Relaxed);
        Ok(())
    }

    /// What must hold beside jobs of these rates. Fast rates hold within a process alone.
    fn windows(&self, rates: &[String]) -> Vec<Window> {
        let others = rates.iter().filter_map(|rate| rate.parse().ok());
        let slow = self.rate.into_iter().chain(others).filter(Rate::is_slow);
        slow.map(|rate| Window {
            count: rate.per_window(),
            ms: i64::try_from(rate.window().as_millis()).unwrap_or(i64::MAX),
        })
        .collect()
    }

    fn is_slow(&self) -> bool {
        self.rate.is_some_and(|rate| rate.is_slow())
    }

    /// How long a job at a slow rate still waits until those at fast ones, which take no turns, know of it.
    fn unseen_for(&self, store: &Store, clock: &dyn Clock) -> Result<Option<Duration>, StoreError> {
        let now = clock.monotonic();
        let since = now.saturating_sub(*self.began.get_or_init(|| now));
        let left = SEEN_WITHIN.saturating_sub(since);
        if !self.is_slow() || left.is_zero() {
            return Ok(None);
        }
        let rates = store.living_rates(&self.source, clock.now())?;
        let is_fast = |rate: &String| rate.parse().is_ok_and(|rate: Rate| !rate.is_slow());
        let any = rates.iter().any(|rate| rate.is_empty() || is_fast(rate));
        Ok(any.then_some(left))
    }

    /// Closes the file, and says what kept a turn from being taken. Whoever is at it closes it himself.
    fn end(&self) -> Option<StoreError> {
        self.has_ended.store(true, Ordering::SeqCst);
        let mut held = self.held.try_lock().ok()?;
        held.store = None;
        held.error.take()
    }
}

impl Held {
    fn take(&mut self, turns: &FileTurns, clock: &dyn Clock) -> Result<Turn, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => turns.place.open(Store::open)?,
        };
        let store = self.store.insert(store);
        if let Some(wait) = turns.unseen_for(store, clock)? {
            return Ok(Turn::Wait(wait));
        }
        let windows = |rates: &[String]| turns.windows(rates);
        let wait = store.take_turn(&turns.source, windows, || clock.now_ms())?;
        let wait = wait.map(|ms| Duration::from_millis(ms.unsigned_abs()));
        Ok(wait.map_or(Turn::Taken, Turn::Wait))
    }
}

impl Turns for FileTurns {
    fn take(&self, clock: &dyn Clock) -> Turn {
        if !self.is_slow() && !self.beside_slow.load(Ordering::Relaxed) {
            return Turn::Free;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_ended.load(Ordering::SeqCst) || held.error.is_some() {
            return Turn::Stopped;
        }
        let turn = held.take(self, clock).unwrap_or_else(|error| {
            held.error = Some(error);
            Turn::Stopped
        });
        if self.has_ended.load(Ordering::SeqCst) {
            held.store = None;
        }
        turn
    }
}

/// A job whose requests are paced as it wants.
pub(super) struct Paced<'a> {
    provider: &'a dyn Provider,
    number: u64,
    turns: &'a FileTurns,
}

impl<'a> Paced<'a> {
    pub(super) fn new(provider: &'a dyn Provider, turns: &'a Arc<FileTurns>) -> Paced<'a> {
        let shared: Arc<dyn Turns> = turns.clone();
        let number = provider.join(Pace {
            rate: turns.rate,
            turns: Some(shared),
        });
        Paced {
            provider,
            number,
            turns,
        }
    }

    /// The job sends nothing more. Returns what kept a turn from being taken.
    pub(super) fn end(self) -> Option<StoreError> {
        self.turns.end()
    }
}

impl Drop for Paced<'_> {
    fn drop(&mut self) {
        self.provider.leave(self.number);
        self.turns.end();
    }
}
