//! Which sessions in a row have no candle, and what that means. A session is missing however thin the symbol is; within one,
//! minutes are judged by how many the symbol usually has.

use chrono::{NaiveDate, Weekday};

use super::Day;
use crate::model::market::{Market, date_of};
use crate::model::next::{Again, Fill, Named, Next};
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::timeframe::Timeframe;

/// What a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GapKind {
    /// The provider had nothing amid what it had.
    Hole,
    /// It had nothing before the first candle, be it that there is none.
    Before,
    /// It has nothing after the last candle.
    Ended,
    /// There is no answer.
    NotAsked,
    /// There are far fewer minutes than the symbol usually has.
    Thin,
}

/// Sessions in a row that have no candle, or far too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// From the start of the first candle that is missing to the end of the last.
    pub span: Span,
    /// The first and the last market date.
    pub days: (NaiveDate, NaiveDate),
    /// How many; of `1w` and `1mo` candles.
    pub sessions: usize,
    /// What it is.
    pub kind: GapKind,
}

/// Sessions on each side by which it is known what is usual.
const AROUND: usize = 20;
/// A session with less than one of so many of its usual candles is thin ..
const THIN: i64 = 4;
/// .. where it usually has so many at least.
const USUAL: i64 = 20;

/// A session with candles: what of its regular hours is stored and expected, in ten-thousandths of it, too.
struct Filled {
    /// Where it stands among all sessions.
    at: usize,
    date: NaiveDate,
    span: Span,
    stored: i64,
    expected: i64,
    is_answered: bool,
}

impl Filled {
    fn share(&self) -> i64 {
        self.stored * 10_000 / self.expected
    }
}

/// Finds the gaps of a series, session by session.
pub(super) struct Gaps<'a> {
    market: &'a Market,
    life: Option<Span>,
    /// The sessions in a row that are missing so far.
    missing: Vec<Gap>,
    found: Vec<Gap>,
    filled: Vec<Filled>,
    seen: usize,
}

impl Gaps<'_> {
    pub(super) fn new(market: &Market, life: Option<Span>) -> Gaps<'_> {
        Gaps {
            market,
            life,
            missing: Vec::new(),
            found: Vec::new(),
            filled: Vec::new(),
            seen: 0,
        }
    }

    pub(super) fn take(&mut self, day: &Day) {
        if day.is_closed {
            return;
        }
        self.seen += 1;
        let tally = day.tally;
        if tally.stored > 0 {
            self.close();
            self.fill(day);
        } else if tally.not_final > 0 {
            self.close();
        } else if day.is_whole {
            let kind = self.kind(day);
            let last_date = self.last_date(day);
            match self.missing.last_mut() {
                Some(last) if last.kind == kind => {
                    last.take(day.span, last_date);
                }
                _ => self.missing.push(Gap {
                    span: day.span,
                    days: (day.date, last_date),
                    sessions: 1,
                    kind,
                }),
            }
        }
    }

    /// All, longest first.
    pub(super) fn end(mut self) -> Vec<Gap> {
        self.close();
        self.found
            .sort_by_key(|gap| (std::cmp::Reverse(gap.sessions), gap.span));
        self.found
    }

    fn kind(&self, day: &Day) -> GapKind {
        match self.life {
            _ if day.tally.not_asked > 0 => GapKind::NotAsked,
            None => GapKind::Before,
            Some(life) if day.span.start() < life.start() => GapKind::Before,
            Some(life) if day.span.start() >= life.end() => GapKind::Ended,
            Some(_) => GapKind::Hole,
        }
    }

    /// The last market date of what is a session here.
    fn last_date(&self, day: &Day) -> NaiveDate {
        if self.market.timeframe().is_label() {
            date_of(day.span.end() - 1)
        } else {
            day.date
        }
    }

    /// A row of missing sessions ends.
    fn close(&mut self) {
        let sessions: usize = self.missing.iter().map(|gap| gap.sessions).sum();
        if sessions >= self.market.telling_slots() {
            self.found.append(&mut self.missing);
        }
        self.missing.clear();
    }

    fn fill(&mut self, day: &Day) {
        let (stored, expected) = day.regular;
        if expected > 0 && matches!(self.market.timeframe(), Timeframe::Minutes(_)) {
            self.filled.push(Filled {
                at: self.seen,
                date: day.date,
                span: day.span,
                stored,
                expected,
                is_answered: day.tally.not_asked == 0 && day.tally.not_final == 0,
            });
        }
    }

    /// Finds the sessions that are thin, too.
    pub(super) fn thin(&mut self) {
        let shares: Vec<i64> = self.filled.iter().map(Filled::share).collect();
        let mut last: Option<(usize, Gap)> = None;
        for (index, day) in self.filled.iter().enumerate() {
            let around = index.saturating_sub(AROUND)..(index + AROUND + 1).min(shares.len());
            let mut around = shares[around].to_vec();
            around.sort_unstable();
            let usual = around[around.len() / 2] * day.expected / 10_000;
            if !day.is_answered || usual < USUAL || day.stored * THIN >= usual {
                continue;
            }
            match &mut last {
                Some((at, gap)) if *at + 1 == day.at => {
                    *at = day.at;
                    gap.take(day.span, day.date);
                }
                _ => {
                    let gap = Gap {
                        span: day.span,
                        days: (day.date, day.date),
                        sessions: 1,
                        kind: GapKind::Thin,
                    };
                    self.found
                        .extend(last.replace((day.at, gap)).map(|(_, gap)| gap));
                }
            }
        }
        self.found.extend(last.map(|(_, gap)| gap));
    }
}

impl Gap {
    fn take(&mut self, span: Span, last_date: NaiveDate) {
        self.span = self.span.hull(span);
        self.days.1 = last_date;
        self.sessions += 1;
    }

    /// Whether the provider has nothing of it, as it said.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.kind, GapKind::Hole | GapKind::Before | GapKind::Ended)
    }

    /// Whether it is amid what there is, so that asking once more may fill it.
    pub(crate) fn is_amid(&self) -> bool {
        matches!(self.kind, GapKind::Hole | GapKind::Thin)
    }

    /// The market days that its candles start on: a session may begin the evening before.
    fn dates(&self, market: &Market) -> (NaiveDate, NaiveDate) {
        let (first, last) = self.days;
        if market.timeframe().is_label() {
            return self.days;
        }
        let date = |position| market.date(position);
        (
            first.min(date(self.span.start())),
            last.max(date(self.span.end() - 1)),
        )
    }

    /// What mends it: the provider is asked, once more if it was. `is_asked` says whether its source is a provider.
    pub(crate) fn next(&self, key: &SeriesKey, is_asked: bool) -> Next {
        if !is_asked {
            return Next::words("hand in what is missing: no provider is its source");
        }
        let series = Named::new(&key.symbol, key.timeframe);
        let (start, end) = self.dates(&key.market(Weekday::Sun));
        let fill = |again| {
            Next::Backfill(Some(Fill {
                series: series.clone(),
                provider: key.source.clone(),
                adjusted: key.adjusted.is_adjusted(),
                start,
                end: Some(end),
                again,
            }))
        };
        match self.kind {
            GapKind::NotAsked => fill(Again::No),
            GapKind::Hole => fill(Again::Empty),
            GapKind::Before => fill(Again::Empty).after("if it was listed then:"),
            GapKind::Ended => fill(Again::Empty).after("if it is still traded:"),
            GapKind::Thin => fill(Again::Gaps),
        }
    }
}
