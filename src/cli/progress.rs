//! Progress on stderr: a bar on a terminal, plain lines otherwise, nothing with `--quiet`.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use candlefile::monitor::{LOCKS_REFUSED, Monitor, Snapshot};
use candlefile::provider::Waiting;
use candlefile::provider::rate::Rate;
use candlefile::store::Left;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::output::{count, days, of, say, seconds};
use super::screen::Screen;

/// Without a terminal a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Stretches left to another job that are named; the report has all.
const LEFT_NAMED: usize = 3;

/// The monitor that fits where stderr goes.
pub fn monitor(quiet: bool, rate: Option<Rate>) -> Box<dyn Monitor> {
    if quiet {
        Box::new(())
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar {
            bar: RefCell::default(),
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

    fn words(&self, snapshot: &Snapshot<'_>) -> String {
        let stored = snapshot.records.inserted + snapshot.records.restated;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )] // For people.
        let speed = (stored as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64;
        let mut words = format!(
            "{} ({}/s), {}",
            of(stored, "candle"),
            count(speed),
            of(snapshot.requests, "request")
        );
        if snapshot.failed > 0 {
            words += &format!(", {} failed", count(snapshot.failed));
        }
        match &snapshot.waiting {
            Some(Waiting::Rate(wait)) => {
                words += &format!(", waiting {} for the rate", seconds(wait.as_secs_f64()));
            }
            Some(Waiting::Limit(wait)) => {
                words += &format!(
                    ", paused {} by the provider's limit",
                    seconds(wait.as_secs_f64())
                );
            }
            None => {}
        }
        if let Some(eta) = self
            .eta(snapshot, self.began.elapsed())
            .filter(|_| snapshot.completed + snapshot.failed < snapshot.slices)
        {
            words += &format!(", {} to go", seconds(eta));
        }
        words
    }
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
    bar: RefCell<Option<ProgressBar>>,
    pace: Pace,
}

impl Bar {
    fn bar(&self) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} slices  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let on_screen = || {
            let target = ProgressDrawTarget::term_like(Box::new(Screen::new()));
            ProgressBar::with_draw_target(Some(0), target).with_style(style)
        };
        self.bar.borrow_mut().get_or_insert_with(on_screen).clone()
    }
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
        let bar = self.bar();
        bar.set_length(snapshot.slices);
        bar.set_position(snapshot.completed + snapshot.failed);
        bar.set_message(self.pace.words(snapshot));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.borrow().as_ref() {
            bar.finish_and_clear();
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
    terminal: Option<Screen>,
    shown: usize,
    told: Option<Instant>,
}

impl Following {
    pub fn new(quiet: bool) -> Following {
        let is_terminal = std::io::stderr().is_terminal();
        Following {
            quiet,
            terminal: is_terminal.then(Screen::new),
            shown: 0,
            told: None,
        }
    }

    /// Shows the lines, in place of those before.
    pub fn show(&mut self, lines: Vec<String>) {
        if self.quiet {
            return;
        }
        if let Some(terminal) = &self.terminal {
            // What cannot be drawn is not worth stopping for.
            terminal.clear_last_lines(self.shown);
            self.shown = lines.len();
            let width = usize::from(terminal.width()).saturating_sub(1);
            for line in lines {
                let _ = terminal.write_line(&console::truncate_str(&line, width, ""));
            }
            let _ = terminal.flush();
        } else if self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            self.told = Some(Instant::now());
            lines.into_iter().for_each(say);
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(terminal) = &self.terminal {
            terminal.clear_last_lines(self.shown);
            let _ = terminal.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use candlefile::Counts;

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
    fn the_providers_pause_comes_on_top() {
        let paused = Some(Waiting::Limit(Duration::from_secs(15)));
        assert_eq!(eta("100/s", &snapshot(10, 10, paused), 20), Some(55.0));
    }
}
