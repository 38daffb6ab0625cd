//! One piece of work on a fetcher's thread: a slice's chain of pages, judged and sent to the writer one by one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Stop;
use super::judge::{Chain, Judged};
use super::message::{End, GivenUp, Message, Nothing, PageMessage};
use super::queue::{Verdict, Work};
use super::recheck::Witnesses;
use super::under_way::UnderWay;
use crate::model::candle::Candle;
use crate::model::market::{Market, Policy};
use crate::model::series::SeriesKey;
use crate::model::span::{Span, SpanSet};
use crate::plan::Known;
use crate::provider::{AssetClass, ErrorKind, Provider, ProviderError};
use crate::run::clock::{Cancel, Clock};
use crate::store::Slice;

/// What a fetcher needs to know of a series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) key: SeriesKey,
    pub(crate) market: Market,
    pub(crate) span: Span,
    pub(crate) stored: Stored,
    /// Whether the provider was asked before without any answer.
    pub(crate) was_asked: bool,
    /// From the first stored candle to the end of the last.
    pub(crate) life: Option<Span>,
}

/// What is stored of an adjusted series before it grows; of others nothing is kept in mind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// What was covered.
    pub(crate) covered: SpanSet,
    /// Covered candles that must still be what the provider says, in groups that stand together.
    pub(crate) groups: Vec<Vec<Candle>>,
    /// More of them, which lie between: they stand in for the oldest where those do not come any more.
    pub(crate) between: Vec<Candle>,
}

impl Series {
    pub(crate) fn was_asked(known: &Known) -> bool {
        known.tail.is_some() || !known.empty.is_empty()
    }
}

/// What all fetchers of a job share.
pub(crate) struct Fetcher {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Policy,
    pub(crate) series: Vec<Series>,
    /// Raised by the user, or by the first error of the whole job.
    pub(crate) cancel: Cancel,
    /// Asset classes whose plan does not give today before its end, each with the seconds that the provider's clock is behind.
    pub(crate) until_yesterday: Mutex<HashMap<AssetClass, i64>>,
    /// Of each series, from its first candle to the end of its last, those that came meanwhile included.
    pub(crate) lives: Mutex<Vec<Option<Span>>>,
    /// Of each series that is adjusted, what must still be what the provider says in the end.
    pub(crate) witnesses: Vec<Mutex<Witnesses>>,
    /// Seconds that this machine's clock was found ahead of the provider's, zero where they agree.
    pub(crate) clock_offset: AtomicI64,
    /// Rows that the provider added by habit.
    pub(crate) habit: AtomicU64,
    pub(crate) under_way: UnderWay,
}

/// The writer has hung up, or the job stops: no more work.
pub(crate) struct Ended;

/// Why a slice, or all that is left of a series, is given up.
pub(super) enum Trouble {
    /// The slice was not answered.
    Slice(ProviderError),
    /// The stored candles could not be checked.
    Unchecked(ProviderError),
    /// They were, and a split has moved them.
    Stale(String),
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Trouble {
        Trouble::Slice(error)
    }
}

/// Why a slice's chain of pages broke off.
enum Broken {
    /// It is given up.
    GivenUp(Trouble),
    /// As [`Ended`] says.
    Ended,
}

impl<T: Into<Trouble>> From<T> for Broken {
    fn from(trouble: T) -> Broken {
        Broken::GivenUp(trouble.into())
    }
}

impl From<Ended> for Broken {
    fn from(Ended: Ended) -> Broken {
        Broken::Ended
    }
}

impl Fetcher {
    /// Does one piece of work. Everything that the writer must know has been sent when this returns.
    pub(crate) fn run(
        &self,
        work: Work,
        to_writer: &SyncSender<Message>,
    ) -> Result<Verdict, Ended> {
        let send = |message| to_writer.send(message).map_err(|_| Ended);
        match work {
            Work::Recheck { series, at_end } => {
                let checked = if at_end {
                    self.check_at_end(series)
                } else {
                    self.check_stored(series)
                };
                match checked {
                    Ok(()) if at_end => send(Message::Checked { series })?,
                    Ok(()) => {}
                    Err(trouble) => return self.give_up(series, None, trouble, &send),
                }
                Ok(Verdict::Settled)
            }
            Work::Slice {
                series,
                slice,
                again,
            } => match self.slice(series, slice, &send) {
                Ok(None) => Ok(Verdict::Settled),
                Ok(Some(mut nothing)) if again || !self.may_trade(series, slice.span) => {
                    nothing.end.is_confirmed = true;
                    send(nothing.into())?;
                    Ok(Verdict::Settled)
                }
                Ok(Some(Nothing { end, seen_at, .. })) => Ok(Verdict::Nothing(end, seen_at)),
                Err(Broken::GivenUp(trouble)) => self.give_up(series, Some(slice), trouble, &send),
                Err(Broken::Ended) => Err(Ended),
            },
        }
    }

    /// Tells the writer what is given up: a slice, or what is left of the series.
    fn give_up(
        &self,
        series: usize,
        slice: Option<Slice>,
        trouble: Trouble,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Verdict, Ended> {
        let at = self.clock.now();
        let (verdict, stale, why) = match (trouble, slice) {
            (Trouble::Slice(error), Some(slice)) => {
                let verdict = self.verdict(&error, send)?;
                let why = GivenUp::for_error(error, at);
                send(Message::Failed { series, slice, why })?;
                return Ok(verdict);
            }
            (Trouble::Slice(error) | Trouble::Unchecked(error), _) => {
                let verdict = match self.verdict(&error, send)? {
                    Verdict::NotEntitled => Verdict::NotEntitled,
                    _ => Verdict::SeriesOver,
                };
                let mut why = GivenUp::for_error(error, at);
                why.error = format!("the stored candles could not be checked: {}", why.error);
                (verdict, false, why)
            }
            (Trouble::Stale(error), _) => {
                let why = GivenUp {
                    kind: ErrorKind::Slice,
                    error,
                    attempts: 0,
                    at,
                };
                (Verdict::SeriesOver, true, why)
            }
        };
        send(Message::SeriesOver { series, stale, why })?;
        Ok(verdict)
    }

    /// Whether the series has trading hours in a span: where it has none, nothing is no surprise.
    fn may_trade(&self, series: usize, span: Span) -> bool {
        let last = self.series[series]
            .market
            .last_trading_candle_before(span.end());
        last.is_some_and(|ts| span.contains(ts))
    }

    /// What an error means for the rest; one of the whole job stops it here.
    fn verdict(
        &self,
        error: &ProviderError,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Verdict, Ended> {
        let stop = match error.kind {
            ErrorKind::OutsideHistory => return Ok(Verdict::OutsideHistory),
            ErrorKind::NotEntitled => return Ok(Verdict::NotEntitled),
            ErrorKind::Slice | ErrorKind::Refused { .. } | ErrorKind::TodayBeforeEnd { .. } => {
                return Ok(Verdict::Failed);
            }
            ErrorKind::Cancelled => return Err(Ended),
            ErrorKind::Unauthorized => Stop::Unauthorized(error.message.clone()),
            ErrorKind::Unreachable(why) => Stop::Unreachable {
                message: error.message.clone(),
                why,
            },
            ErrorKind::Throttled { resume_at } => Stop::Throttled {
                message: error.message.clone(),
                resume_at,
            },
        };
        // First the message, then the flag: the writer must hear why before it hears that all have stopped.
        send(Message::Stop(stop))?;
        self.cancel.cancel();
        Err(Ended)
    }

    /// From the first known candle of a series to the end of the last.
    pub(crate) fn life(&self, work: Work) -> Option<Span> {
        let (Work::Recheck { series, .. } | Work::Slice { series, .. }) = work;
        self.lives.lock().expect("no panic under this lock")[series]
    }

    pub(super) fn witnesses(&self, series: usize) -> MutexGuard<'_, Witnesses> {
        self.witnesses[series]
            .lock()
            .expect("no panic under this lock")
    }

    fn saw(&self, series: usize, candles: &[Candle], heard: usize) {
        let (Some(first), Some(last)) = (candles.first(), candles.last()) else {
            return;
        };
        if self.series[series].key.adjusted.is_adjusted() {
            self.witnesses(series).hear(candles, heard);
        }
        let seen = Span::new(first.ts, self.series[series].market.next(last.ts));
        let life = &mut self.lives.lock().expect("no panic under this lock")[series];
        *life = seen.map(|seen| life.map_or(seen, |life| life.hull(seen)));
    }

    /// Fetches a slice, and says so where there is nothing.
    fn slice(
        &self,
        series: usize,
        slice: Slice,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Option<Nothing>, Broken> {
        let now = self.clock.now();
        send(Message::Started { slice, at: now })?;
        let Series { key, market, .. } = &self.series[series];
        let class = self.provider.asset_class(&key.symbol);
        let until_yesterday = || {
            self.until_yesterday
                .lock()
                .expect("no panic under this lock")
        };
        let mut behind = until_yesterday().get(&class).copied();
        loop {
            let limit = behind.map_or(i64::MAX, |behind| market.day_start(now - behind));
            let Some(span) = Span::new(slice.span.start(), slice.span.end().min(limit)) else {
                self.send_nothing_to_ask(series, slice, send)?;
                return Ok(None);
            };
            match self.chain(series, slice, span, now, send) {
                // Asked once more, ending yesterday; the other slices of the job are asked so at once.
                Err(Broken::GivenUp(Trouble::Slice(ProviderError {
                    kind: ErrorKind::TodayBeforeEnd { now: theirs },
                    ..
                }))) if behind.is_none() => {
                    let found = theirs.map_or(0, |theirs| now.saturating_sub(theirs).max(0));
                    behind = Some(found);
                    until_yesterday().insert(class, found);
                }
                outcome => return outcome,
            }
        }
    }

    fn send_nothing_to_ask(
        &self,
        series: usize,
        slice: Slice,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<(), Ended> {
        let end = End {
            proven: None,
            empty: false,
            is_confirmed: false,
            asked_to: slice.span.start(),
        };
        let nothing = Nothing {
            series,
            slice,
            end,
            seen_at: self.clock.now(),
        };
        send(nothing.into())
    }

    fn chain(
        &self,
        series: usize,
        slice: Slice,
        span: Span,
        now: i64,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Option<Nothing>, Broken> {
        let market = self.series[series].market;
        let frontier = market.frontier(now, self.policy);
        let mut chain = Chain::new(market, span, frontier);
        let mut pages = self.pages(series, span, frontier.closed);
        loop {
            let heard = self.witnesses(series).heard();
            let (page, seen_at) = pages.next()?;
            if seen_at < now {
                chain.hold_back(market.frontier(seen_at, self.policy));
            }
            let judged = match chain.judge(page) {
                Ok(judged) => judged,
                Err(why) => {
                    if let Some(proven) = chain.proven().filter(|_| chain.is_belied()) {
                        send(Message::Belied { slice, proven })?;
                    }
                    return Err(odd(&why).into());
                }
            };
            let Judged {
                candles,
                rejected,
                proven,
                is_last,
            } = judged;
            let end = is_last.then(|| End {
                proven: chain.proven(),
                empty: chain.is_empty(),
                is_confirmed: false,
                asked_to: span.end(),
            });
            if let Some(end) = end.filter(|end| end.empty) {
                return Ok(Some(Nothing {
                    series,
                    slice,
                    end,
                    seen_at,
                }));
            }
            self.saw(series, &candles, heard);
            // The last page waits for the check at the end.
            if !is_last {
                self.check_stored(series)?;
            }
            send(Message::Page(Box::new(PageMessage {
                series,
                slice,
                candles,
                rejected,
                proven,
                beginning: chain.beginning(),
                seen_at,
                end,
            })))?;
            if is_last {
                return Ok(None);
            }
        }
    }
}

pub(super) fn odd(why: &str) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Slice,
        message: why.to_owned(),
        attempts: 1,
    }
}
