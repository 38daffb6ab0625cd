//! Progress on stderr: a bar on a terminal, plain lines otherwise, nothing with `--quiet`.

use std::cell::Cell;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::retry::ATTEMPTS;
use crate::monitor::Left;
use crate::monitor::{LOCKS_REFUSED, Meter, Monitor, Reading, Slow, Snapshot};
use crate::provider::Waiting;
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
pub fn monitor(quiet: bool) -> Box<dyn Monitor> {
    if quiet {
        Box::new(())
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar { pace: Pace::new() })
    } else {
        Box::new(Lines {
            pace: Pace::new(),
            told: Cell::new(Duration::ZERO),
        })
    }
}

/// What can be said of the speed.
struct Pace {
    began: Instant,
}

impl Pace {
    fn new() -> Pace {
        Pace {
            began: Instant::now(),
        }
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
                pieces.push((0, format!("paused {wait} by the provider's limit")));
            }
            None => {}
        }
        if let Some(Slow {
            key,
            since,
            attempt,
            beside,
            ..
        }) = &snapshot.slow
        {
            let beside = match beside.as_slice() {
                [] => String::new(),
                [other] => format!("; {} {}, too", other.symbol, other.timeframe),
                others => format!("; {} more, too", others.len()),
            };
            let (symbol, timeframe) = (&key.symbol, key.timeframe);
            let took = whole_seconds(snapshot.now.saturating_sub(*since).max(0).unsigned_abs());
            pieces.push((
                0,
                format!(
                    "{symbol} {timeframe} hangs: {took}, attempt {attempt} of {ATTEMPTS}{beside}"
                ),
            ));
        }
        if let Some(left) = snapshot.time_left {
            pieces.push((1, format!("{} to go", seconds(left.as_secs_f64()))));
        }
        pieces
    }

    fn words(&self, snapshot: &Snapshot<'_>) -> String {
        joined(&self.pieces(snapshot))
    }

    /// As much of it as fits into so many columns, and always what is waited for.
    fn fitting(&self, snapshot: &Snapshot<'_>, columns: usize) -> String {
        let mut pieces = self.pieces(snapshot);
        while joined(&pieces).chars().count() > columns {
            let droppable = (0..pieces.len()).filter(|&at| pieces[at].0 > 0);
            let Some(last) = droppable.max_by_key(|&at| pieces[at].0) else {
                break;
            };
            pieces.remove(last);
        }
        joined(&pieces)
    }

    /// One line of so many columns. The bar gives way to what is waited for.
    fn line(&self, snapshot: &Snapshot<'_>, columns: usize) -> String {
        let (done, all) = (snapshot.completed + snapshot.failed, snapshot.slices);
        let slices = format!("{}/{} slices  ", count(done), count(all));
        let behind = |head: String| {
            let room = columns.saturating_sub(head.chars().count());
            format!("{head}{}", self.fitting(snapshot, room))
        };
        let line = behind(format!("{} {slices}", bar(done, all)));
        if line.chars().count() <= columns {
            line
        } else {
            behind(slices)
        }
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
        stderr::show(vec![fit(&self.pace.line(snapshot, columns()))]);
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
    use crate::model::counts::Counts;

    use super::*;

    fn snapshot() -> Snapshot<'static> {
        Snapshot {
            job_id: "job",
            slices: 30,
            completed: 10,
            failed: 2,
            records: Counts {
                inserted: 1_234_567,
                ..Counts::default()
            },
            requests: 1234,
            waiting: None,
            slow: None,
            time_left: Some(Duration::from_secs(40)),
            now: 134,
        }
    }

    fn hangs(symbol: &str) -> Slow {
        Slow {
            key: crate::model::series::SeriesKey {
                symbol: symbol.parse().expect("a symbol"),
                timeframe: "1m".parse().expect("a timeframe"),
                source: "somewhere".into(),
                adjusted: crate::model::listing::Adjustment::Raw,
                listing: crate::model::market::MarketCode::XNYS.into(),
            },
            span: crate::model::span::Span::new(0, 60).expect("a span"),
            since: 100,
            attempt: 3,
            beside: Vec::new(),
        }
    }

    #[test]
    fn what_matters_least_is_left_out_first_where_there_is_no_room() {
        let mut now = snapshot();
        now.slow = Some(hangs("MSFT"));
        let pace = Pace::new();
        let two = Slow {
            beside: vec![hangs("AAPL").key],
            ..hangs("MSFT")
        };
        let both = Snapshot {
            slow: Some(two),
            ..snapshot()
        };
        let said = "MSFT 1m hangs: 34 s, attempt 3 of 6; AAPL 1m, too";
        assert_eq!(pace.fitting(&both, 3), said);
        let whole = pace.fitting(&now, 1000);
        assert!(whole.starts_with("1,234,567 candles, "), "{whole}");
        assert!(
            whole.ends_with(
                "1,234 requests, 2 failed, MSFT 1m hangs: 34 s, attempt 3 of 6, 40 s to go"
            ),
            "{whole}"
        );
        let said = "MSFT 1m hangs: 34 s, attempt 3 of 6";
        assert_eq!(
            pace.fitting(&now, 58),
            format!("2 failed, {said}, 40 s to go")
        );
        assert_eq!(pace.fitting(&now, 50), format!("{said}, 40 s to go"));
        assert_eq!(pace.fitting(&now, 3), said);
    }

    #[test]
    fn what_is_waited_for_stands_in_eighty_columns_and_the_bar_gives_way_to_it() {
        let mut now = snapshot();
        let pace = Pace::new();
        now.waiting = Some(Waiting::Limit(Duration::from_secs(105)));
        let line = pace.line(&now, 77);
        assert!(
            line.ends_with("12/30 slices  paused 1 min 45 s by the provider's limit"),
            "{line}"
        );
        assert!(line.starts_with('█'), "{line}");
        (now.waiting, now.slow, now.now) = (None, Some(hangs("O:SPY240119C00450000")), 850);
        assert_eq!(
            pace.line(&now, 77),
            "12/30 slices  O:SPY240119C00450000 1m hangs: 12 min 30 s, attempt 3 of 6"
        );
    }
}
