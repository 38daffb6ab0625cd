//! How things are written: times, counts, JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Result;
use candlefile::market::date_of;
use candlefile::shell::quoted;
use candlefile::{SeriesKey, Span, Timeframe};
use chrono::{DateTime, SecondsFormat, Weekday};

use super::stderr;

/// RFC 3339, UTC, seconds.
pub fn time(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

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

/// A span of a series for people: its market days, both inside.
pub fn days(key: &SeriesKey, span: Span) -> String {
    // The weekday that begins a week has no part in where a day begins.
    let market = key.market(Weekday::Sun);
    let day = |ts: i64| {
        if key.timeframe.is_label() {
            date_of(ts)
        } else {
            market.date(ts)
        }
    };
    format!("{} to {}", day(span.start()), day(span.end() - 1))
}

/// A count with thousands set apart.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes for people.
pub fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

/// Seconds for people.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Whole seconds of a positive time.
pub fn seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    humantime::format_duration(std::time::Duration::from_secs(seconds.round() as u64)).to_string()
}

/// One JSON document on stdout.
pub fn json(document: &serde_json::Value) -> Result<()> {
    let mut out = stdout();
    serde_json::to_writer(&mut out, document).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
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

/// Text on stderr. Nobody may be listening, and a job does not stop for that.
pub fn say(text: impl std::fmt::Display) {
    stderr::say(format!("{text}\n").into_bytes());
}

/// Where results are written: after what was said before them.
fn stdout() -> std::io::StdoutLock<'static> {
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
    error.chain().any(|cause| {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let csv = cause
            .downcast_ref::<csv::Error>()
            .and_then(|error| match error.kind() {
                csv::ErrorKind::Io(error) => Some(error.kind()),
                _ => None,
            });
        io.or(csv) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// An error of the system in words, without its number.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase()
}

/// A command of this program on the file in use, to be typed as it stands.
pub fn command(db: &Path, words: &str) -> String {
    if db == Path::new("market.db") {
        return format!("candlefile {words}");
    }
    format!("candlefile --db {} {words}", quoted(db))
}
