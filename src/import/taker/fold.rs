//! Times that a clock shows twice, in the night in which it goes back: the order of the rows tells which of both is meant, or nothing
//! does.

use super::{Raw, Taker};
use crate::import::problem::Problem;
use crate::import::stamp::Written;
use crate::model::timeframe::Timeframe;
use crate::provider::Values;

/// Rows of an hour that the clock shows twice, until their order tells which of the two they are of.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) waiting: Vec<Waiting>,
    /// Whether the clock was seen to go back.
    pub(super) went_back: bool,
}

pub(super) struct Waiting {
    local: i64,
    instants: (i64, i64),
    is_whole: bool,
    values: Values,
    line: u64,
    text: String,
}

impl Taker<'_> {
    /// A time that its clock shows twice.
    pub(super) fn fold(
        &mut self,
        number: usize,
        raw: &Raw<'_>,
        written: Written,
        (earlier, later): (i64, i64),
    ) {
        let (first, second) = if self.newest_first {
            (later, earlier)
        } else {
            (earlier, later)
        };
        let fold = &mut self.series[number].fold;
        if !fold.went_back
            && let Some(last) = fold.waiting.last().map(|waiting| waiting.local)
        {
            let back = if self.newest_first {
                written.local - last
            } else {
                last - written.local
            };
            let length = match self.series[number].cut.timeframe {
                Timeframe::Minutes(n) => i64::from(n) * 60,
                Timeframe::Hours(n) => i64::from(n) * 3600,
                _ => 0,
            };
            // The same time again is the other one where nothing else of that stretch can be between.
            if back > 0 || back == 0 && length >= later - earlier {
                self.series[number].fold.went_back = true;
                self.release(number);
            }
        }
        if self.series[number].fold.went_back {
            self.place(
                number,
                second,
                written.is_whole,
                raw.values,
                raw.line,
                raw.text,
            );
            return;
        }
        self.waiting += 1;
        self.series[number].fold.waiting.push(Waiting {
            local: written.local,
            instants: (first, second),
            is_whole: written.is_whole,
            values: raw.values,
            line: raw.line,
            text: (raw.text)(),
        });
    }

    /// What waits is of the stretch that comes first in the file.
    pub(super) fn release(&mut self, number: usize) {
        let waiting = std::mem::take(&mut self.series[number].fold.waiting);
        self.waiting -= waiting.len();
        for row in waiting {
            self.place(
                number,
                row.instants.0,
                row.is_whole,
                row.values,
                row.line,
                &|| row.text.clone(),
            );
        }
    }

    /// The clock shows other times again: what still waits for its order to tell never gets an answer.
    pub(super) fn close_fold(&mut self, number: usize) -> Result<(), Problem> {
        let fold = &mut self.series[number].fold;
        if let Some(first) = fold.waiting.first() {
            return Err(Problem::of_file(
                format!(
                    "line {}: the clock shows this time twice, and the order of the rows does not tell which of them is meant: {}",
                    first.line, first.text
                ),
                "write the times of this hour in UTC, or leave its rows out",
            ));
        }
        fold.went_back = false;
        Ok(())
    }
}
