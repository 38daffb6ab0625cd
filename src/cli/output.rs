//! How things are written: times, counts, JSON.

use std::io::{BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::counts::Counts;
pub(crate) use crate::model::instant::time;
use crate::model::market::date_of;
pub(crate) use crate::model::number::{bytes, count, counted};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;
use anyhow::Result;
use chrono::{DateTime, Weekday};

use super::stderr;

/// A span as half-open RFC 3339 fields.
pub fn span(span: Span) -> serde_json::Value {
    serde_json::json!({ "start": time(span.start()), "end": time(span.end()) })
}

/// A candle's start for people: the date of a label, the minute of an instant.
pub fn short(ts: i64, timeframe: Timeframe) -> String {
    let time = DateTime::from_timestamp(ts, 0).unwrap_or_default();
    let format = if timeframe.is_label() {
        "%Y-%m-%d"
    } else {
        "%Y-%m-%d %H:%M"
    };
    time.format(format).to_string()
}

/// A span of a series for people: its market days, both inside. A candle that holds the midnight between two belongs to the
/// one that was asked for: at the start to the day that begins in it, at the end to the day that ends in it.
pub fn days(key: &SeriesKey, span: Span) -> String {
    if key.timeframe.is_label() {
        return format!("{} to {}", date_of(span.start()), date_of(span.end() - 1));
    }
    // The weekday that begins a week has no part in where a day begins.
    let market = key.market(Weekday::Sun);
    let first = market.date(market.next(span.start()) - 1);
    let last = market.date(market.floor(span.end() - 1));
    format!("{} to {}", first.min(last), last.max(first))
}

/// What became of fetched rows, adding up; `None` where no row was fetched or removed.
pub fn sum(records: Counts) -> Option<String> {
    if records == Counts::default() {
        return None;
    }
    let mut sum = format!(
        "{} fetched = {} inserted + {} duplicate + {} restated + {} conflicting + {} rejected",
        count(records.fetched),
        count(records.inserted),
        count(records.duplicate),
        count(records.restated),
        count(records.conflicting),
        count(records.rejected),
    );
    if records.removed > 0 {
        sum += &format!("; {} removed", count(records.removed));
    }
    Some(sum)
}

/// Seconds for people.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Whole seconds of a positive time.
pub fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    whole_seconds(seconds.round() as u64)
}

/// What a run took, for people, by the stamps of its start and its end. They are whole seconds: of a short time only the bound is
/// known.
pub fn took(seconds: u64) -> String {
    match seconds {
        0 | 1 => format!("less than {} s", seconds + 1),
        more => whole_seconds(more),
    }
}

/// Whole seconds for people, in the two largest units that they fill.
pub fn whole_seconds(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(24 * 3600, "day"), (3600, "h"), (60, "min"), (1, "s")];
    let spelled = |number: u64, unit: &str| match unit {
        "day" => counted(number, unit),
        unit => format!("{number} {unit}"),
    };
    let Some(at) = UNITS.iter().position(|&(unit, _)| seconds >= unit) else {
        return "less than 1 s".into();
    };
    let (unit, name) = UNITS[at];
    let mut words = spelled(seconds / unit, name);
    if let Some(&(next, name)) = UNITS.get(at + 1)
        && seconds % unit >= next
    {
        words += &format!(" {}", spelled(seconds % unit / next, name));
    }
    words
}

/// One JSON document on stdout.
pub fn json(document: &impl serde::Serialize) -> Result<()> {
    let mut out = BufWriter::new(stdout());
    serde_json::to_writer(&mut out, document).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Text on stdout.
pub fn print(text: impl std::fmt::Display) -> Result<()> {
    writeln!(stdout(), "{text}")?;
    Ok(())
}

/// Bytes on stdout as they are.
pub fn write(bytes: &[u8]) -> Result<()> {
    Ok(stdout().write_all(bytes)?)
}

/// Whether stderr may have colours. A variable that is empty is none.
pub fn is_coloured() -> bool {
    let is = |name: &str, wanted: &str| std::env::var_os(name).is_some_and(|value| value == wanted);
    console::colors_enabled_stderr()
        || is("NO_COLOR", "") && std::io::stderr().is_terminal() && !is("TERM", "dumb")
}

/// Text on stderr. Nobody may be listening, and a job does not stop for that.
pub fn say(text: impl std::fmt::Display) {
    stderr::say(format!("{text}\n").into_bytes());
}

/// Whether anything was written to stdout.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Whether a result was begun: then it cannot be made anew.
pub fn has_printed() -> bool {
    PRINTED.load(Ordering::Relaxed)
}

/// A result begins that is written without the help of this module.
pub fn begins() {
    PRINTED.store(true, Ordering::Relaxed);
}

/// Where results are written: after what was said before them.
fn stdout() -> std::io::StdoutLock<'static> {
    begins();
    stderr::settle();
    std::io::stdout().lock()
}

/// What somebody at a terminal says to a question; `None` where nobody can be asked.
pub fn confirmed(question: &str) -> Result<Option<bool>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    stderr::say(format!("{question} [y/N] ").into_bytes());
    stderr::settle();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}

/// Whoever read our output has enough of it.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    of_system(error).is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// What the system said, if an error comes from there.
pub fn of_system(error: &anyhow::Error) -> Option<&std::io::Error> {
    error.chain().find_map(|cause| {
        let csv = cause.downcast_ref().map(csv::Error::kind);
        match csv {
            Some(csv::ErrorKind::Io(error)) => Some(error),
            _ => cause.downcast_ref(),
        }
    })
}

/// An error of the system in words, without its number.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    // Others have chosen their words.
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_begins_small_and_our_own_words_stay() {
        let of_system = std::io::Error::from_raw_os_error(2);
        assert_eq!(plain(&of_system), "no such file or directory");
        let ours = std::io::Error::other("it has more than 4 KiB");
        assert_eq!(plain(&ours), "it has more than 4 KiB");
    }

    #[test]
    fn times_are_told_in_the_two_largest_units_that_they_fill() {
        for (number, words) in [
            (0, "less than 1 s"),
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (3_601, "1 h"),
            (86_399, "23 h 59 min"),
            (86_400, "1 day"),
            (309_600 + 59, "3 days 14 h"),
            (3_000 * 86_400, "3,000 days"),
        ] {
            assert_eq!(whole_seconds(number), words);
        }
        let bounds = [0, 1, 2].map(took);
        assert_eq!(bounds, ["less than 1 s", "less than 2 s", "2 s"]);
        assert_eq!(seconds(7.44), "7.4 s");
        assert_eq!(seconds(309_640.2), "3 days 14 h");
    }
}
