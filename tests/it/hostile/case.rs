//! What a case of the hostile provider consists of: the fault, the page it befalls, and what must come of it. What is
//! expected follows from the promises; none of it may be read off the program.

use std::ops::RangeInclusive;

use candlefile::model::JobStatus;

use crate::support::aggs;
use crate::support::exchange::Reply;
use crate::support::oracle::{self, Candle, Span};

pub(crate) const BAD: &str = "BAD";
pub(crate) const TIMEFRAME: &str = "1h";
/// Rows on a page: four pages in all.
pub(crate) const PAGE: usize = 8;
/// The row of a page that a fault of one row befalls.
pub(crate) const ROW: usize = 3;
/// A cursor that begins so is the fault's own, not the provider's.
pub(crate) const ODD: &str = "odd";

/// Where a fault strikes.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) page: usize,
    pub(crate) pages: usize,
    pub(crate) candles: Vec<Candle>,
    /// Path of the endpoint up to the range.
    pub(crate) endpoint: String,
    /// Another server on this machine that must never be asked.
    pub(crate) stranger: String,
}

pub(crate) fn asked() -> Span {
    oracle::span(BAD, TIMEFRAME, "2024-01-08", "2024-01-09")
}

impl At {
    pub(crate) fn new(place: usize, stranger: String) -> At {
        let candles: Vec<Candle> = oracle::candles(BAD, TIMEFRAME, asked()).collect();
        let pages = candles.len().div_ceil(PAGE);
        At {
            page: [0, pages / 2, pages - 1][place],
            pages,
            candles,
            endpoint: format!("/v2/aggs/ticker/{BAD}/range/1/hour"),
            stranger,
        }
    }

    pub(crate) fn is_last(&self) -> bool {
        self.page + 1 == self.pages
    }

    /// The candles of a page.
    pub(crate) fn of(&self, page: usize) -> &[Candle] {
        self.candles.chunks(PAGE).nth(page).unwrap_or(&[])
    }

    /// The address of a page, as the provider gives it: path and query.
    pub(crate) fn address(&self, page: usize, cursor: &str) -> String {
        let (start, end) = asked();
        let from = self.of(page).first().map_or(end - 3_600, |c| c.ts);
        let from = if page == 0 { start } else { from };
        let query = match (page, cursor) {
            (0, "") => "adjusted=false&sort=asc&limit=50000".to_owned(),
            (_, "") => "cursor=YWRqdXN0ZWQ9ZmFsc2Umc29ydD1hc2M".to_owned(),
            (_, cursor) => format!("cursor={cursor}"),
        };
        let to = end * 1_000 - 1;
        format!("{}/{}/{to}?{query}", self.endpoint, from * 1_000)
    }

    /// Where the page points at in truth.
    pub(crate) fn next(&self) -> Option<String> {
        (!self.is_last())
            .then(|| format!("https://api.polygon.io{}", self.address(self.page + 1, "")))
    }

    /// An address that must be followed: the next page's, or on the last page that of one more page without rows.
    pub(crate) fn following(&self) -> String {
        if self.is_last() {
            self.address(self.page + 1, "odd-tail")
        } else {
            self.address(self.page + 1, "")
        }
    }

    pub(crate) fn rows(&self) -> Vec<String> {
        self.of(self.page).iter().map(row).collect()
    }

    /// The page with other rows.
    pub(crate) fn with_rows(&self, rows: &[String]) -> Vec<u8> {
        aggs::body(BAD, false, rows, self.next().as_deref()).into_bytes()
    }

    /// The page with its row changed.
    pub(crate) fn with_row(&self, change: impl Fn(&Candle) -> String) -> Vec<u8> {
        let mut rows = self.rows();
        rows[ROW] = change(&self.of(self.page)[ROW]);
        self.with_rows(&rows)
    }

    /// The page that points elsewhere.
    pub(crate) fn pointing_to(&self, next: &str) -> Reply {
        Reply::json(200, aggs::body(BAD, false, &self.rows(), Some(next)))
    }

    /// The page as it should be.
    pub(crate) fn good(&self) -> Vec<u8> {
        self.with_rows(&self.rows())
    }
}

pub(crate) fn row(candle: &Candle) -> String {
    aggs::row(BAD, TIMEFRAME, candle, 1.0)
}

/// What is stored and covered of the series in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kept {
    /// The pages before the faulty one, covered to the end of their last candle.
    Before,
    /// The faulty page as well: only what it points at is wrong.
    Through,
    /// All of it, covered to the end.
    Whole,
    /// All but the faulty page's row, covered to the end.
    AllButTheRow,
}

/// What becomes of the other series of the job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Others {
    Unharmed,
    /// The other series of the same asset class may be missing, those of another class may not.
    ClassMayBeMissing,
    /// The job stops: each has what it got until then.
    MayBeMissing,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) job: JobStatus,
    pub(crate) kept: Kept,
    /// Requests for the series.
    pub(crate) requests: RangeInclusive<usize>,
    pub(crate) rejected: usize,
    pub(crate) duplicate: usize,
    pub(crate) conflicting: usize,
    pub(crate) others: Others,
    /// What the one row is stored as, if it is not what the oracle has.
    pub(crate) stored: Option<fn(&mut Candle)>,
}

fn outcome(job: JobStatus, kept: Kept, requests: usize) -> Outcome {
    Outcome {
        job,
        kept,
        requests: requests..=requests,
        rejected: 0,
        duplicate: 0,
        conflicting: 0,
        others: Others::Unharmed,
        stored: None,
    }
}

/// It is an answer, or is passed over: everything is there without another try.
pub(crate) fn whole(at: &At) -> Outcome {
    outcome(JobStatus::Completed, Kept::Whole, at.pages)
}

/// The same where the last page points at one more, without rows, which is not taken for the end on one word.
pub(crate) fn followed(at: &At) -> Outcome {
    let more = 2 * usize::from(at.is_last());
    outcome(JobStatus::Completed, Kept::Whole, at.pages + more)
}

/// One try more, and all is there.
pub(crate) fn passes(at: &At) -> Outcome {
    outcome(JobStatus::Completed, Kept::Whole, at.pages + 1)
}

/// Six tries, and the slice is given up.
pub(crate) fn lasts(at: &At) -> Outcome {
    outcome(JobStatus::Partial, Kept::Before, at.page + 6)
}

/// One try, and the slice is given up.
pub(crate) fn is_final(at: &At) -> Outcome {
    outcome(JobStatus::Partial, Kept::Before, at.page + 1)
}

/// The page is good, and what it points at ends the slice after so many requests more.
pub(crate) fn leads_astray(at: &At, further: usize) -> Outcome {
    outcome(JobStatus::Partial, Kept::Through, at.page + 1 + further)
}

/// The row goes to the rejected ones; its slot counts as answered.
pub(crate) fn rejects_the_row(at: &At) -> Outcome {
    Outcome {
        kept: Kept::AllButTheRow,
        rejected: 1,
        ..whole(at)
    }
}

/// One row too many goes to the rejected ones.
pub(crate) fn rejects_one_more(at: &At) -> Outcome {
    Outcome {
        rejected: 1,
        ..whole(at)
    }
}

pub(crate) type Strike = Box<dyn Fn(&At) -> Reply + Send + Sync>;

/// A fault and what comes of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) strike: Strike,
    /// Answers the addresses that the fault made up, by their cursor.
    pub(crate) detour: fn(&At, &str) -> Reply,
    /// Strikes once; else at every try.
    pub(crate) once: bool,
    /// Takes as long as the limits allow.
    pub(crate) slow: bool,
    pub(crate) expect: fn(&At) -> Outcome,
}

pub(crate) fn case(
    name: &'static str,
    expect: fn(&At) -> Outcome,
    strike: impl Fn(&At) -> Reply + Send + Sync + 'static,
) -> Case {
    Case {
        name,
        strike: Box::new(strike),
        detour: |_, _| Reply::json(200, aggs::body(BAD, false, &[], None)),
        once: false,
        slow: false,
        expect,
    }
}

impl Case {
    pub(crate) fn once(mut self) -> Case {
        self.once = true;
        self
    }

    pub(crate) fn slow(mut self) -> Case {
        self.slow = true;
        self
    }

    pub(crate) fn detour(mut self, detour: fn(&At, &str) -> Reply) -> Case {
        self.detour = detour;
        self
    }
}
