//! What is said of a run under way, and what of it has room.

use std::time::Instant;

use super::slices;
use crate::cli::output::{count, counted, seconds, whole_seconds};
use crate::http::retry::ATTEMPTS;
use crate::monitor::{Slow, Snapshot};
use crate::provider::Waiting;

/// Cells of a bar.
const BAR: u64 = 16;

/// What can be said of the speed.
pub(super) struct Pace {
    pub(super) began: Instant,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace {
            began: Instant::now(),
        }
    }

    /// What is said of it, in this order, each with a number: where there is no room, the piece with the highest one is left
    /// out first, and one with a zero never.
    fn pieces(&self, snapshot: &Snapshot<'_>) -> Vec<(u8, String)> {
        let stored = snapshot.records.inserted + snapshot.records.restated;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )] // For people.
        let speed = (stored as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64;
        let mut pieces = vec![
            (3, counted(stored, "candle")),
            (4, format!("{}/s", count(speed))),
            (5, counted(snapshot.requests, "request")),
        ];
        if snapshot.failed > 0 {
            let over = snapshot.completed + snapshot.failed;
            let left = count(snapshot.slices.saturating_sub(over));
            let failed = count(snapshot.failed);
            pieces.push((2, format!("{failed} failed, {left} left")));
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

    pub(super) fn words(&self, snapshot: &Snapshot<'_>) -> String {
        joined(&self.pieces(snapshot))
    }

    /// One line of so many columns. The bar gives way to what is waited for.
    pub(super) fn line(&self, snapshot: &Snapshot<'_>, columns: usize) -> String {
        let (done, all) = (snapshot.completed, snapshot.slices);
        let slices = format!("{}  ", slices(done, all));
        behind_bar(&bar(done, all), &slices, &self.pieces(snapshot), columns)
    }
}

/// One line of so many columns: a bar, a head, and as many of the pieces as there is room for. The bar gives way to what is
/// never left out.
pub(super) fn behind_bar(bar: &str, head: &str, pieces: &[(u8, String)], columns: usize) -> String {
    let behind = |head: &str| {
        let room = columns.saturating_sub(head.chars().count());
        format!("{head}{}", fitting(pieces.to_vec(), room))
    };
    let line = behind(&format!("{bar} {head}"));
    if line.chars().count() <= columns {
        line
    } else {
        behind(head)
    }
}

/// As many pieces as fit into so many columns, and always those that are never left out.
pub(super) fn fitting(mut pieces: Vec<(u8, String)>, columns: usize) -> String {
    while joined(&pieces).chars().count() > columns {
        let droppable = (0..pieces.len()).filter(|&at| pieces[at].0 > 0);
        let Some(last) = droppable.max_by_key(|&at| pieces[at].0) else {
            break;
        };
        pieces.remove(last);
    }
    joined(&pieces)
}

fn joined(pieces: &[(u8, String)]) -> String {
    let words: Vec<&str> = pieces.iter().map(|(_, words)| words.as_str()).collect();
    words.join(", ")
}

/// How much is done, as a bar.
pub(super) fn bar(done: u64, all: u64) -> String {
    let full = usize::try_from(done.min(all) * BAR / all.max(1)).unwrap_or(0);
    let cells = usize::try_from(BAR).unwrap_or(0);
    format!("{}{}", "█".repeat(full), "░".repeat(cells - full))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert_eq!(fitting(pace.pieces(&both), 3), said);
        let whole = fitting(pace.pieces(&now), 1000);
        assert!(whole.starts_with("1,234,567 candles, "), "{whole}");
        assert!(
            whole.ends_with(
                "1,234 requests, 2 failed, 18 left, MSFT 1m hangs: 34 s, attempt 3 of 6, 40 s to go"
            ),
            "{whole}"
        );
        let said = "MSFT 1m hangs: 34 s, attempt 3 of 6";
        assert_eq!(
            fitting(pace.pieces(&now), 67),
            format!("2 failed, 18 left, {said}, 40 s to go")
        );
        assert_eq!(
            fitting(pace.pieces(&now), 50),
            format!("{said}, 40 s to go")
        );
        assert_eq!(fitting(pace.pieces(&now), 3), said);
    }

    #[test]
    fn what_is_waited_for_stands_in_eighty_columns_and_the_bar_gives_way_to_it() {
        let mut now = snapshot();
        let pace = Pace::new();
        now.waiting = Some(Waiting::Limit(Duration::from_secs(105)));
        let line = pace.line(&now, 77);
        assert!(
            line.ends_with("10/30 slices  paused 1 min 45 s by the provider's limit"),
            "{line}"
        );
        assert!(line.starts_with('█'), "{line}");
        (now.waiting, now.slow, now.now) = (None, Some(hangs("O:SPY240119C00450000")), 850);
        assert_eq!(
            pace.line(&now, 77),
            "10/30 slices  O:SPY240119C00450000 1m hangs: 12 min 30 s, attempt 3 of 6"
        );
        (now.slices, now.completed, now.slow) = (1, 0, None);
        assert!(pace.line(&now, 77).contains("0/1 slice  "));
    }
}
