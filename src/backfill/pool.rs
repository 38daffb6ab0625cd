//! The threads: fetchers on a rayon pool that take work from the [`Queue`], the bounded channel, and the writer's end of it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Runner;
use super::execute::Part;
use super::fetch::Fetcher;
use super::message::{GivenUp, Message};
use super::queue::{self, Next, Queue};
use super::under_way::UnderWay;
use super::writer::Ledger;
use crate::monitor::Monitor;
use crate::run::clock::Cancel;
use crate::store::{Store, StoreError};

/// Rows that one transaction takes at most, unless a single page has more.
const BATCH_ROWS: usize = 50_000;
/// Messages in the channel at most; a page is one.
const CHANNEL: usize = 4;
/// How often the writer looks up while nothing comes.
const TICK: Duration = Duration::from_millis(500);
/// How long a stopping job waits for answers that are on their way.
const GRACE: Duration = Duration::from_secs(2);

/// Fetches all slices of a job, and stores what comes on the calling thread.
pub(super) fn fetch_all(
    store: &mut Store,
    ledger: &mut Ledger<'_>,
    parts: &[Part],
    runner: &Runner,
    monitor: &dyn Monitor,
) -> Result<(), StoreError> {
    let count: usize = parts.iter().map(|part| part.slices.len()).sum();
    if count == 0 {
        return Ok(());
    }
    let stop = runner.cancel.child();
    let fetcher = Fetcher {
        provider: Arc::clone(&runner.provider),
        clock: Arc::clone(&runner.clock),
        policy: runner.policy,
        series: parts.iter().map(|part| part.series.clone()).collect(),
        cancel: stop.clone(),
        until_yesterday: Mutex::default(),
        clock_offset: AtomicI64::new(0),
        habit: AtomicU64::new(0),
        witnesses: parts.iter().map(|_| Mutex::default()).collect(),
        under_way: UnderWay::default(),
        lives: Mutex::new(parts.iter().map(|part| part.series.life).collect()),
    };
    let mut queue = Queue::default();
    let provider = &runner.provider;
    for symbol in store.symbols_with_candles(provider.name())? {
        let class = provider.asset_class(&symbol);
        queue.hold(symbol, class);
    }
    for (index, part) in parts.iter().enumerate() {
        let Part { series, slices, .. } = part;
        queue.push(
            &series.key.symbol,
            provider.asset_class(&series.key.symbol),
            series.market.timeframe(),
            slices,
            // A single slice is fetched first: its check at the end is that of the stored candles, too.
            !series.stored.groups.is_empty() && slices.len() > 1,
            series.life,
        );
        if series.key.adjusted.is_adjusted() && !slices.is_empty() {
            queue.check_at_end();
            ledger.keep_last(index);
        }
    }
    let (to_writer, from_fetchers) = sync_channel(CHANNEL);
    let shared = Arc::new(Shared {
        queue: Mutex::new(queue),
        changed: Condvar::new(),
        fetcher,
    });
    // Not scoped: a stopped job does not wait for a server that does not answer.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(runner.workers.clamp(1, count))
        .thread_name(|index| format!("fetch-{index}"))
        .panic_handler(|_| {})
        .build()
        .map_err(|_| StoreError::NoThreads)?;
    let working = Arc::clone(&shared);
    pool.spawn_broadcast(move |_| working.work(&to_writer));
    let inbox = Inbox {
        from_fetchers,
        stop: stop.clone(),
        stopped_at: None,
    };
    let written = ledger.write(store, inbox, &shared.fetcher, runner, monitor);
    stop.cancel();
    let offset = shared.fetcher.clock_offset.load(Ordering::Relaxed);
    ledger.clock_offset = (offset != 0).then_some(offset);
    ledger.habit = shared.fetcher.habit.load(Ordering::Relaxed);
    written
}

/// What the fetchers' threads share.
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    fetcher: Fetcher,
}

impl Shared {
    /// One fetcher's thread, from its first slice to its last.
    fn work(&self, to_writer: &SyncSender<Message>) {
        let _stop_all = StopOnPanic(&self.fetcher.cancel);
        while let Some(work) = self.next(to_writer) {
            let outcome = self.fetcher.run(work, to_writer);
            if let Ok(verdict) = outcome {
                let life = self.fetcher.life(work);
                self.lock().done(work, verdict, life);
            } else {
                self.fetcher.cancel.cancel();
            }
            self.changed.notify_all();
        }
    }

    fn next(&self, to_writer: &SyncSender<Message>) -> Option<queue::Work> {
        let mut queue = self.lock();
        loop {
            if self.fetcher.cancel.is_cancelled() {
                return None;
            }
            let next = queue.next();
            for nothing in queue.take_nothing() {
                to_writer.send(nothing.into()).ok()?;
            }
            let unasked = queue.take_unasked();
            if !unasked.is_empty() {
                let at = self.fetcher.clock.now();
                for one in unasked {
                    let why = GivenUp {
                        kind: one.kind(),
                        error: one.why.to_owned(),
                        attempts: 0,
                        at,
                    };
                    let failed = Message::Failed {
                        series: one.series,
                        slice: one.slice,
                        why,
                    };
                    to_writer.send(failed).ok()?;
                }
            }
            match next {
                Next::Do(work) => return Some(work),
                Next::Done => return None,
                Next::Wait => {
                    let waited = self.changed.wait_timeout(queue, TICK);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetcher that panics never says that its work is done: the others must not wait for it.
struct StopOnPanic<'a>(&'a Cancel);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cancel();
        }
    }
}

/// The writer's end of the channel: batches of what waits now, never lingering for more, and an empty one each tick.
struct Inbox {
    from_fetchers: Receiver<Message>,
    stop: Cancel,
    stopped_at: Option<Instant>,
}

impl Iterator for Inbox {
    type Item = Vec<Message>;

    fn next(&mut self) -> Option<Vec<Message>> {
        if self.stop.is_cancelled() {
            let stopped_at = *self.stopped_at.get_or_insert_with(Instant::now);
            if stopped_at.elapsed() > GRACE {
                return None;
            }
        }
        let first = match self.from_fetchers.recv_timeout(TICK) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => return None,
        };
        let mut rows = rows_of(&first);
        let mut batch = vec![first];
        while rows < BATCH_ROWS {
            let Ok(message) = self.from_fetchers.try_recv() else {
                break;
            };
            rows += rows_of(&message);
            batch.push(message);
        }
        Some(batch)
    }
}

fn rows_of(message: &Message) -> usize {
    match message {
        Message::Page(page) => page.candles.len() + page.rejected.len(),
        _ => 0,
    }
}
