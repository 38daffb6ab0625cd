//! One piece of work on a fetcher's thread: a slice's chain of pages, judged and sent to the writer one by one.

use std::collections::HashSet;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use super::Stop;
use super::judge::{Chain, Judged};
use super::message::{End, Message, PageMessage};
use super::queue::{Verdict, Work};
use crate::candle::Candle;
use crate::clock::{Cancel, Clock};
use crate::market::{Market, Policy};
use crate::plan::Known;
use crate::provider::{Ask, ErrorKind, Page, Provider, ProviderError};
use crate::span::Span;
use crate::store::{Progress, SeriesKey};
use crate::symbol::AssetClass;

/// What a fetcher needs to know of a series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) key: SeriesKey,
    pub(crate) market: Market,
    pub(crate) span: Span,
    /// Stored candles that must still be what the provider says: adjusted series only.
    pub(crate) recheck: Vec<Candle>,
    /// Whether the provider was asked before without any answer.
    pub(crate) was_asked: bool,
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
    /// Asset classes whose plan does not give today before its end.
    pub(crate) until_yesterday: Mutex<HashSet<AssetClass>>,
}

/// The writer has hung up, or the job stops: no more work.
pub(crate) struct Ended;

impl Fetcher {
    /// Does one piece of work. Everything that the writer must know has been sent when this returns.
    pub(crate) fn run(
        &self,
        work: Work,
        to_writer: &SyncSender<Message>,
    ) -> Result<Verdict, Ended> {
        let send = |message| to_writer.send(message).map_err(|_| Ended);
        match work {
            Work::Recheck { series } => match self.recheck(series) {
                Ok(None) => Ok(Verdict::Settled),
                Ok(Some(error)) => {
                    let at = self.clock.now();
                    send(Message::SeriesOver {
                        series,
                        stale: true,
                        error,
                        attempts: 0,
                        at,
                    })?;
                    Ok(Verdict::SeriesOver)
                }
                Err(error) => {
                    let verdict = self.verdict(&error, &send)?;
                    let ProviderError {
                        message, attempts, ..
                    } = error;
                    let error = format!("the stored candles could not be checked: {message}");
                    let at = self.clock.now();
                    send(Message::SeriesOver {
                        series,
                        stale: false,
                        error,
                        attempts,
                        at,
                    })?;
                    Ok(if verdict == Verdict::NotEntitled {
                        verdict
                    } else {
                        Verdict::SeriesOver
                    })
                }
            },
            Work::Slice { series, progress } => match self.slice(series, progress, &send)? {
                Ok(()) => Ok(Verdict::Settled),
                Err(error) => {
                    let verdict = self.verdict(&error, &send)?;
                    let ProviderError {
                        message: error,
                        attempts,
                        ..
                    } = error;
                    send(Message::Failed {
                        series,
                        progress,
                        error,
                        attempts,
                        at: self.clock.now(),
                    })?;
                    Ok(verdict)
                }
            },
        }
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
            ErrorKind::Slice | ErrorKind::TodayBeforeEnd => return Ok(Verdict::Settled),
            ErrorKind::Cancelled => return Err(Ended),
            ErrorKind::Unauthorized => Stop::Unauthorized(error.message.clone()),
            ErrorKind::Unreachable => Stop::Unreachable(error.message.clone()),
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

    /// Fetches a slice. The outer error is the writer's, the inner the provider's.
    fn slice(
        &self,
        series: usize,
        progress: Progress,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Result<(), ProviderError>, Ended> {
        let now = self.clock.now();
        send(Message::Started { progress, at: now })?;
        let market = self.series[series].market;
        let mut trimmed = self
            .until_yesterday
            .lock()
            .expect("no panic under this lock")
            .contains(&market.class());
        loop {
            let limit = if trimmed {
                market.day_start(now)
            } else {
                i64::MAX
            };
            let asked = Span::new(progress.span.start(), progress.span.end().min(limit));
            let outcome = match asked {
                Some(span) => self.chain(series, progress, span, now, send)?,
                None => Ok(self.send_nothing_to_ask(series, progress, send)?),
            };
            match outcome {
                // Asked once more, ending yesterday; the other slices of the job are asked so at once.
                Err(error) if error.kind == ErrorKind::TodayBeforeEnd && !trimmed => {
                    trimmed = true;
                    self.until_yesterday
                        .lock()
                        .expect("no panic under this lock")
                        .insert(market.class());
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
    ) -> Result<(), Ended> {
        send(Message::Page(Box::new(PageMessage {
            series,
            progress,
            candles: Vec::new(),
            rejected: Vec::new(),
            proven: None,
            beginning: None,
            seen_at: self.clock.now(),
            end: Some(End {
                proven: None,
                empty: false,
                asked_to: progress.span.start(),
            }),
        })))
    }

    fn chain(
        &self,
        series: usize,
        progress: Progress,
        span: Span,
        now: i64,
        send: &dyn Fn(Message) -> Result<(), Ended>,
    ) -> Result<Result<(), ProviderError>, Ended> {
        let market = self.series[series].market;
        let mut chain = Chain::new(market, span, market.frontier(now, self.policy));
        let mut pages = self.pages(series, span);
        loop {
            let judged = match pages
                .next()
                .and_then(|page| chain.judge(page).map_err(|why| odd(&why)))
            {
                Ok(judged) => judged,
                Err(error) => return Ok(Err(error)),
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
            let seen_at = self.clock.now();
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
                return Ok(Ok(()));
            }
        }
    }

    pub(super) fn pages(&self, series: usize, span: Span) -> Pages<'_> {
        let Series { key, market, .. } = &self.series[series];
        let ask = Ask {
            symbol: key.symbol.clone(),
            market: *market,
            adjusted: key.adjusted,
            span,
        };
        Pages {
            fetcher: self,
            ask,
            cursor: None,
            seen: HashSet::new(),
        }
    }
}

/// The pages of one chain.
pub(super) struct Pages<'a> {
    fetcher: &'a Fetcher,
    ask: Ask,
    cursor: Option<crate::provider::Cursor>,
    seen: HashSet<crate::provider::Cursor>,
}

impl Pages<'_> {
    pub(super) fn next(&mut self) -> Result<Page, ProviderError> {
        let Fetcher {
            provider, cancel, ..
        } = self.fetcher;
        let page = provider.fetch(&self.ask, self.cursor.as_ref(), cancel)?;
        self.cursor.clone_from(&page.next);
        match &page.next {
            Some(next) if !self.seen.insert(next.clone()) => {
                Err(odd("a page's cursor came up before"))
            }
            _ => Ok(page),
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
