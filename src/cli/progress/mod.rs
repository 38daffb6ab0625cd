//! Progress on stderr: a bar on a terminal, plain lines otherwise, nothing with `--quiet`.

mod following;
mod pace;
mod passing;

pub use following::Following;
pub use passing::Passing;

use std::cell::Cell;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use console::Term;
use pace::Pace;

use crate::cli::output::{count, counted, days, say};
use crate::cli::stderr;
use crate::monitor::{LOCKS_REFUSED, Left, Monitor, Snapshot};

/// Without a terminal a line is written this often.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Stretches left to another job that are named; the report has all.
const LEFT_NAMED: usize = 3;

/// The monitor that fits where stderr goes.
pub fn monitor(quiet: bool) -> Box<dyn Monitor> {
    if quiet {
        return Box::new(());
    }
    let form = if std::io::stderr().is_terminal() {
        Form::Bar
    } else {
        Form::Lines(Cell::new(Duration::ZERO))
    };
    Box::new(Told {
        pace: Pace::new(),
        form,
    })
}

/// Columns of the terminal that a line may have: behind it the terminal may write `^C`.
fn columns() -> usize {
    usize::from(Term::stderr().size().1).saturating_sub(3)
}

/// How many slices are done, of all.
pub fn slices(done: u64, all: u64) -> String {
    format!("{}/{}", count(done), counted(all, "slice"))
}

/// Somebody's long statement keeps the file from being written.
pub fn held_up(file: &Path) -> String {
    format!(
        "waiting: somebody has been reading {} for a minute, and it cannot be written before that statement ends",
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

/// What is told of a job while it runs. What failed is counted, and told once, in the report.
struct Told {
    pace: Pace,
    form: Form,
}

/// How it is told how far the job is.
enum Form {
    /// As one bar for all of it, in its place.
    Bar,
    /// As a line now and then. The last one was written so long after the beginning.
    Lines(Cell<Duration>),
}

impl Monitor for Told {
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
        match &self.form {
            Form::Bar => stderr::show(vec![fit(&self.pace.line(snapshot, columns()))]),
            Form::Lines(last) => {
                let elapsed = self.pace.began.elapsed();
                if elapsed - last.get() >= LINE_EVERY {
                    last.set(elapsed);
                    say(format!(
                        "{}, {}",
                        slices(snapshot.completed, snapshot.slices),
                        self.pace.words(snapshot)
                    ));
                }
            }
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Form::Bar = self.form {
            stderr::show(Vec::new());
        }
    }
}

fn fit(line: &str) -> String {
    console::truncate_str(line, columns(), "").into_owned()
}
