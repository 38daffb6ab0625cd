//! Progress on stderr: a bar on a terminal, plain lines otherwise, nothing with `--quiet`.

use std::cell::Cell;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::monitor::{LOCKS_REFUSED, Meter, Monitor, Reading, Slow, Snapshot};
use crate::provider::Waiting;
use crate::provider::rate::Rate;
use crate::provider::retry::ATTEMPTS;
use crate::store::Left;
use console::Term;

use super::output::{count, days, of, say, seconds, whole_seconds};
use super::stderr;

/// Without a terminal a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// A pass over a file that takes less is not shown,
const DRAWN_AFTER: Duration = Duration::from_millis(500);
/// and one that takes more this often.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// Cells of a bar.
const BAR: u64 = 16;
/// Stretches left to another job that are named; the report has all.
const LEFT_NAMED: usize = 3;

/// The monitor that fits where stderr goes.
pub fn monitor(quiet: bool, rate: Option<Rate>) -> Box<dyn Monitor> {
    if quiet {
        Box::new(())
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar {
            pace: Pace::new(rate),
        })
    } else {
        Box::new(Lines {
            pace: Pace::new(rate),
            told: Cell::new(Duration::ZERO),
        })
    }
}

/// What can be said of the speed.
struct Pace {
    began: Instant,
    rate: Option<Rate>,
}

impl Pace {
    fn new(rate: Option<Rate>) -> Pace {
        Pace {
            began: Instant::now(),
            rate,
        }
    }

    /// Time to the end: as the slices went so far, not less than the rate allows, and the provider's pause on top.
    #[allow(clippy::cast_precision_loss)] // An estimate.
    fn eta(&self, snapshot: &Snapshot<'_>, elapsed: Duration) -> Option<f64> {
        let done = snapshot.completed + snapshot.failed;
        let left = snapshot.slices.saturating_sub(done);
        let as_so_far = (done > 0).then(|| elapsed.as_secs_f64() / done as f64 * left as f64);
        let paced = match (&snapshot.waiting, self.rate) {
            // The first window is spent: what is left goes at the rate, with as many requests a slice as so far.
            (Some(Waiting::Rate(_)), Some(rate)) => {
                let requests = (snapshot.requests * left).div_ceil(done.max(1)).max(left);
                let requests = if done == 0 { left } else { requests };
                Some(rate.seconds(requests + u64::from(rate.per_window())))
            }
            _ => None,
        };
        let pause = match &snapshot.waiting {
            Some(Waiting::Limit(wait)) => wait.as_secs_f64(),
            _ => 0.0,
        };
        as_so_far
            .into_iter()
            .chain(paced)
            .reduce(f64::max)
            .map(|eta| eta + pause)
    }

    /// What is said of it, in this order, each with how soon it is left out where there is no room: the last first.
    fn pieces(&self, snapshot: &Snapshot<'_>) -> Vec<(u8, String)> {
        let stored = snapshot.records.inserted + snapshot.records.restated;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )] // For people.
        let speed = (stored as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64;
        let mut pieces = vec![
            (3, of(stored, "candle")),
            (4, format!("{}/s", count(speed))),
            (5, of(snapshot.requests, "request")),
        ];
        if snapshot.failed > 0 {
            pieces.push((2, format!("{} failed", count(snapshot.failed))));
        }
        match &snapshot.waiting {
            Some(Waiting::Rate(wait)) => {
                let wait = seconds(wait.as_secs_f64());
                pieces.push((1, format!("waiting {wait} for the rate")));
            }
            Some(Waiting::Limit(wait)) => {
                let wait = seconds(wait.as_secs_f64());
                pieces.push((1, format!("paused {wait} by the provider's limit")));
            }
            None => {}
        }
        if let Some(Slow {
            key,
            since,
            attempt,
            ..
        }) = &snapshot.slow
        {
            let (symbol, timeframe) = (&key.symbol, key.timeframe);
            let took = whole_seconds(snapshot.now.saturating_sub(*since).max(0).unsigned_abs());
            pieces.push((
                1,
                format!("{symbol} {timeframe} hangs: {took}, attempt {attempt} of {ATTEMPTS}"),
            ));
        }
        let is_open = snapshot.completed + snapshot.failed < snapshot.slices;
        if let Some(eta) = self.eta(snapshot, self.began.elapsed())
            && is_open
        {
            pieces.push((0, format!("{} to go", seconds(eta))));
        }
        pieces
    }

    fn words(&self, snapshot: &Snapshot<'_>) -> String {
        joined(&self.pieces(snapshot))
    }

    /// As much of it as fits into so many columns.
    fn fitting(&self, snapshot: &Snapshot<'_>, columns: usize) -> String {
        let mut pieces = self.pieces(snapshot);
        while joined(&pieces).chars().count() > columns {
            let last = (0..pieces.len()).max_by_key(|&at| pieces[at].0);
            let Some(last) = last else { break };
            pieces.remove(last);
        }
        joined(&pieces)
    }
}

fn joined(pieces: &[(u8, String)]) -> String {
    let words: Vec<&str> = pieces.iter().map(|(_, words)| words.as_str()).collect();
    words.join(", ")
}

/// Columns of the terminal that a line may have: behind it the terminal may write `^C`.
fn columns() -> usize {
    usize::from(Term::stderr().size().1).saturating_sub(3)
}

/// How much is done, as a bar.
fn bar(done: u64, all: u64) -> String {
    let full = usize::try_from(done.min(all) * BAR / all.max(1)).unwrap_or(0);
    let cells = usize::try_from(BAR).unwrap_or(0);
    format!("{}{}", "█".repeat(full), "░".repeat(cells - full))
}

/// Somebody's long statement keeps the file from being written.
pub fn held_up(file: &Path) -> String {
    format!(
        "waiting: somebody has read {} for a minute, and it cannot be written before that statement ends",
        file.display()
    )
}

/// One line for each job that fetches part of what is asked.
pub fn say_left(left: &[Left], waits: bool) {
    let mut jobs: Vec<&str> = left.iter().map(|left| left.job_id.as_str()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    for job in jobs {
        let of_it = left.iter().filter(|left| left.job_id == job);
        let mut words: Vec<String> = of_it.clone().take(LEFT_NAMED).map(left_words).collect();
        let more = of_it.count() - words.len();
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        let words = words.join(", ");
        let waits = if waits { "; waiting for it" } else { "" };
        say(format!(
            "left to job {job}, which is fetching it: {words}{waits}"
        ));
    }
}

/// A stretch that is left to another job.
pub fn left_words(left: &Left) -> String {
    let Left { key, span, .. } = left;
    format!("{} {} {}", key.symbol, key.timeframe, days(key, *span))
}

/// One total bar. What failed is counted in it, and told once, in the report.
struct Bar {
    pace: Pace,
}

impl Monitor for Bar {
    fn locks_refused(&self) {
        say(LOCKS_REFUSED);
    }

    fn held_up(&self, file: &Path) {
        say(held_up(file));
    }

    fn left_to_others(&self, left: &[Left], waits: bool) {
        say_left(left, waits);
    }

    fn progress(&self, snapshot: &Snapshot<'_>) {
        let (done, all) = (snapshot.completed + snapshot.failed, snapshot.slices);
        let head = format!("{} {}/{} slices  ", bar(done, all), count(done), count(all));
        let room = columns().saturating_sub(head.chars().count());
        let words = self.pace.fitting(snapshot, room);
        stderr::show(vec![fit(&format!("{head}{words}"))]);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        stderr::show(Vec::new());
    }
}

fn fit(line: &str) -> String {
    console::truncate_str(line, columns(), "").into_owned()
}

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

/// A line every ten seconds.
struct Lines {
    pace: Pace,
    told: Cell<Duration>,
}

impl Monitor for Lines {
    fn locks_refused(&self) {
        say(LOCKS_REFUSED);
    }

    fn held_up(&self, file: &Path) {
        say(held_up(file));
    }

    fn left_to_others(&self, left: &[Left], waits: bool) {
        say_left(left, waits);
    }

    fn progress(&self, snapshot: &Snapshot<'_>) {
        let elapsed = self.pace.began.elapsed();
        if elapsed - self.told.get() >= LINE_EVERY {
            self.told.set(elapsed);
            let done = snapshot.completed + snapshot.failed;
            say(format!(
                "{done}/{} slices, {}",
                snapshot.slices,
                self.pace.words(snapshot)
            ));
        }
    }
}

/// Lines about other processes' jobs: rewritten in place on a terminal, and otherwise written now and then.
pub struct Following {
    quiet: bool,
    is_terminal: bool,
    told: Option<Instant>,
}

impl Following {
    pub fn new(quiet: bool) -> Following {
        Following {
            quiet,
            is_terminal: std::io::stderr().is_terminal(),
            told: None,
        }
    }

    /// Shows the lines, in place of those before.
    pub fn show(&mut self, lines: Vec<String>) {
        if self.quiet {
            return;
        }
        if self.is_terminal {
            stderr::show(lines.iter().map(|line| fit(line)).collect());
        } else if self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            self.told = Some(Instant::now());
            lines.into_iter().for_each(say);
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if self.is_terminal {
            stderr::show(Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Counts;

    use super::*;

    fn snapshot(completed: u64, requests: u64, waiting: Option<Waiting>) -> Snapshot<'static> {
        Snapshot {
            job_id: "job",
            slices: 30,
            completed,
            failed: 0,
            records: Counts::default(),
            requests,
            waiting,
            slow: None,
            now: 0,
        }
    }

    fn eta(rate: &str, snapshot: &Snapshot<'_>, elapsed: u64) -> Option<f64> {
        Pace::new(rate.parse().ok()).eta(snapshot, Duration::from_secs(elapsed))
    }

    #[test]
    fn the_rest_is_expected_to_go_as_the_slices_before() {
        assert_eq!(eta("100/s", &snapshot(0, 3, None), 5), None);
        assert_eq!(eta("100/s", &snapshot(10, 10, None), 20), Some(40.0));
    }

    #[test]
    fn while_the_rate_is_waited_for_it_says_how_long_the_rest_takes() {
        let waiting = || Some(Waiting::Rate(Duration::from_secs(50)));
        // The first window went out at once, which says nothing of the 25 that follow at five a minute.
        assert_eq!(eta("5/min", &snapshot(5, 5, waiting()), 1), Some(300.0));
        assert_eq!(eta("5/min", &snapshot(0, 5, waiting()), 1), Some(360.0));
        // Two pages a slice.
        assert_eq!(eta("5/min", &snapshot(5, 10, waiting()), 1), Some(600.0));
    }

    #[test]
    fn what_matters_least_is_left_out_first_where_there_is_no_room() {
        let mut now = snapshot(10, 1234, None);
        now.records.inserted = 1_234_567;
        now.failed = 2;
        let slow = Slow {
            key: crate::SeriesKey {
                symbol: "MSFT".parse().expect("a symbol"),
                timeframe: "1m".parse().expect("a timeframe"),
                source: "polygon".into(),
                adjusted: false,
            },
            span: crate::Span::new(0, 60).expect("a span"),
            since: 100,
            attempt: 3,
        };
        (now.slow, now.now) = (Some(slow), 134);
        let pace = Pace::new(None);
        let whole = pace.fitting(&now, 1000);
        assert!(whole.starts_with("1,234,567 candles, "), "{whole}");
        assert!(
            whole.contains("1,234 requests, 2 failed, MSFT 1m hangs: 34 s, attempt 3 of 6, "),
            "{whole}"
        );
        let narrow = pace.fitting(&now, 60);
        assert!(
            narrow.chars().count() <= 60
                && narrow.starts_with("2 failed, MSFT 1m hangs: 34 s, attempt 3 of 6, "),
            "{narrow}"
        );
        assert!(narrow.ends_with(" to go"), "{narrow}");
        assert_eq!(pace.fitting(&now, 3), "");
    }

    #[test]
    fn the_providers_pause_comes_on_top() {
        let paused = Some(Waiting::Limit(Duration::from_secs(15)));
        assert_eq!(eta("100/s", &snapshot(10, 10, paused), 20), Some(55.0));
    }
}
