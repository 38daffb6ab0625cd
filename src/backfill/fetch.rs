//! One piece of work on a fetcher's thread: a slice's chain of pages, judged and sent to the writer one by one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::Stop;
use super::judge::{Chain, Judged};
use super::message::{End, GivenUp, Message, Nothing, PageMessage};
use super::queue::{Verdict, Work};
use crate::model::candle::Candle;
use crate::model::market::{Market, Policy};
use crate::model::span::Span;
use crate::monitor::Slow;
use crate::plan::Known;
use crate::provider::{Ask, AssetClass, ErrorKind, Provider, ProviderError, Tries};
use crate::run::clock::{Cancel, Clock};
use crate::store::{Progress, SeriesKey};

/// What a fetcher needs to know of a series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) key: SeriesKey,
    pub(crate) market: Market,
    pub(crate) span: Span,
    /// Stored candles that must still be what the provider says: adjusted series only.
    pub(crate) recheck: Vec<Candle>,
    /// More of them, which lie between: what the oldest would say is theirs to say where those do not come any more.
    pub(crate) between: Vec<Candle>,
    /// Whether the provider was asked before without any answer.
    pub(crate) was_asked: bool,
    /// From the first stored candle to the end of the last.
    pub(crate) life: Option<Span>,
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
    /// Of each adjusted series, candles that came first: in the end they must still be what the provider says.
    pub(crate) firsts: Mutex<HashMap<usize, Vec<Candle>>>,
    /// Seconds that this machine's clock was found ahead of the provider's, zero where they agree.
    pub(crate) clock_offset: AtomicI64,
    /// Rows that the provider added by habit.
    pub(crate) habit: AtomicU64,
    pub(crate) under_way: UnderWay,
}

/// The pages that are being asked for, one a thread.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashMap<ThreadId, (usize, Span, Tries)>>);

impl UnderWay {
    pub(super) fn begin(&self, series: usize, ask: &Ask) {
        let this = std::thread::current().id();
        self.lock()
            .insert(this, (series, ask.span, ask.tries.clone()));
    }

    pub(super) fn end(&self) {
        self.lock().remove(&std::thread::current().id());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, (usize, Span, Tries)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Candles that are kept of what came first.
const FIRSTS: usize = 5;
/// A page that takes more seconds is worth a word.
const SLOW: i64 = 5;

/// The writer has hung up, or the job stops: no more work.
pub(crate) struct Ended;

impl Fetcher {
    /// The page that is under way for longest, where that is long.
    pub(crate) fn slowest(&self, now: i64) -> Option<Slow> {
        let under_way = self.under_way.lock();
        let pages = under_way.values().filter_map(|(series, span, tries)| {
            let (since, attempt) = tries.under_way()?;
            Some((since, *series, *span, attempt))
        });
        let (since, series, span, attempt) = pages.min_by_key(|&(since, ..)| since)?;
        (now - since >= SLOW).then(|| Slow {
            key: self.series[series].key.clone(),
            span,
            since,
            attempt,
        })
    }

    /// Does one piece of work. Everything that the writer must know has been sent when this returns.
    pub(crate) fn run(
        &self,
        work: Work,
        to_writer: &SyncSender<Message>,
    ) -> Result<Verdict, Ended> {
        let send = |message| to_writer.send(message).map_err(|_| Ended);
        match work {
            Work::Recheck { series, at_end } => match self.recheck(series, at_end) {
                Ok(None) => {
                    if at_end {
                        send(Message::Checked { series })?;
                    }
                    Ok(Verdict::Settled)
                }
                Ok(Some(error)) => {
                    let why = GivenUp {
                        kind: ErrorKind::Slice,
                        error,
                        attempts: 0,
                        at: self.clock.now(),
                    };
                    send(Message::SeriesOver {
                        series,
                        stale: true,
                        why,
                    })?;
                    Ok(Verdict::SeriesOver)
                }
                Err(error) => {
                    let verdict = self.verdict(&error, &send)?;
                    let mut why = GivenUp::for_error(error, self.clock.now());
                    why.error = format!("the stored candles could not be checked: {}", why.error);
                    send(Message::SeriesOver {
                        series,
                        stale: false,
                        why,
                    })?;
                    Ok(if verdict == Verdict::NotEntitled {
                        verdict
                    } else {
                        Verdict::SeriesOver
                    })
                }
            },
            Work::Slice {
                series,
                progress,
                again,
            } => match self.slice(series, progress, &send)? {
                Ok(None) => Ok(Verdict::Settled),
                Ok(Some(nothing)) if again || !self.may_trade(series, progress.span) => {
                    send(nothing.into())?;
                    Ok(Verdict::Settled)
                }
                Ok(Some(Nothing { end, seen_at, .. })) => Ok(Verdict::Nothing(end, seen_at)),
                Err(error) => {
                    let verdict = self.verdict(&error, &send)?;
                    send(Message::Failed {
                        series,
                        progress,
                        why: GivenUp::for_error(error, self.clock.now()),
                    })?;
                    Ok(verdict)
                }
            },
        }
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

    fn saw(&self, series: usize, candles: &[Candle]) {
        let (Some(first), Some(last)) = (candles.first(), candles.last()) else {
            return;
        };
        if self.series[series].key.adjusted.is_adjusted() {
            let firsts = &mut self.firsts.lock().expect("no panic under this lock");
            let some = || candles[..candles.len().min(FIRSTS)].to_vec();
            firsts.entry(series).or_insert_with(some);
        }
        let seen = Span::new(first.ts, self.series[series].market.next(last.ts));
        let life = &mut self.lives.lock().expect("no panic under this lock")[series];
        *life = seen.map(|seen| life.map_or(seen, |life| life.hull(seen)));
    }

    /// Fetches a slice, and says so where there is nothing. The outer error is the writer's, the inner the provider's.
    fn slice(
        &self,
        series: usize,
        progress: Progress,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Result<Option<Nothing>, ProviderError>, Ended> {
        let now = self.clock.now();
        send(Message::Started { progress, at: now })?;
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
            let asked = Span::new(progress.span.start(), progress.span.end().min(limit));
            let outcome = match asked {
                Some(span) => self.chain(series, progress, span, now, send)?,
                None => Ok(self.send_nothing_to_ask(series, progress, send)?),
            };
            match outcome {
                // Asked once more, ending yesterday; the other slices of the job are asked so at once.
                Err(ProviderError {
                    kind: ErrorKind::TodayBeforeEnd { now: theirs },
                    ..
                }) if behind.is_none() => {
                    let found = theirs.map_or(0, |theirs| now.saturating_sub(theirs).max(0));
                    behind = Some(found);
                    until_yesterday().insert(class, found);
                }
                outcome => return Ok(outcome),
            }
        }
    }

    fn send_nothing_to_ask(
        &self,
        series: usize,
        progress: Progress,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Option<Nothing>, Ended> {
        let end = End {
            proven: None,
            empty: false,
            asked_to: progress.span.start(),
        };
        let nothing = Nothing {
            series,
            progress,
            end,
            seen_at: self.clock.now(),
        };
        send(nothing.into())?;
        Ok(None)
    }

    fn chain(
        &self,
        series: usize,
        progress: Progress,
        span: Span,
        now: i64,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Result<Option<Nothing>, ProviderError>, Ended> {
        let market = self.series[series].market;
        let frontier = market.frontier(now, self.policy);
        let mut chain = Chain::new(market, span, frontier);
        let mut pages = self.pages(series, span, frontier.closed);
        loop {
            let (page, seen_at) = match pages.next() {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            if seen_at < now {
                chain.hold_back(market.frontier(seen_at, self.policy));
            }
            let judged = match chain.judge(page) {
                Ok(judged) => judged,
                Err(why) => {
                    if let Some(proven) = chain.proven().filter(|_| chain.is_belied()) {
                        send(Message::Belied { progress, proven })?;
                    }
                    return Ok(Err(odd(&why)));
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
                asked_to: span.end(),
            });
            if let Some(end) = end.filter(|end| end.empty) {
                return Ok(Ok(Some(Nothing {
                    series,
                    progress,
                    end,
                    seen_at,
                })));
            }
            self.saw(series, &candles);
            send(Message::Page(Box::new(PageMessage {
                series,
                progress,
                candles,
                rejected,
                proven,
                beginning: chain.beginning(),
                seen_at,
                end,
            })))?;
            if is_last {
                return Ok(Ok(None));
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
