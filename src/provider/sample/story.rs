//! What happens to a few documented symbols, and to no other: a split, dividends, a halt, a late listing, an end, candles that are
//! restated. `data/sample.json` says when. Pure; `now` is that of the ask.

use chrono::NaiveDate;
use serde::Deserialize;

use super::walk::cents;
use crate::model::candle::Candle;
use crate::model::listing::Adjustment;

/// All of it, by day of the market.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Story {
    /// From a day on, so many shares in place of one.
    splits: Vec<(NaiveDate, f64)>,
    /// From a day on, a share without so much money.
    dividends: Vec<(NaiveDate, f64)>,
    /// The first and the last day of a halt.
    halted: Option<(NaiveDate, NaiveDate)>,
    /// The first day of all.
    listed: Option<NaiveDate>,
    /// The last day of all.
    delisted: Option<NaiveDate>,
    /// Whether candles have other values before they are final.
    pub(super) restated: bool,
}

/// A symbol's story as it is told in one answer.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) story: &'a Story,
    pub(super) adjusted: Adjustment,
    /// The day of the ask: what comes later has not happened.
    pub(super) today: NaiveDate,
}

impl Story {
    pub(super) fn trades_on(&self, date: NaiveDate) -> bool {
        let is_halted = |(first, last)| (first..=last).contains(&date);
        !self.halted.is_some_and(is_halted)
            && self.listed.is_none_or(|first| first <= date)
            && self.delisted.is_none_or(|last| date <= last)
    }
}

impl Told<'_> {
    /// A candle in the prices that were paid on its day, or in those that they are adjusted to: without splits and dividends to
    /// come it is that of the walk.
    pub(super) fn on(&self, date: NaiveDate, candle: Candle) -> Candle {
        let stands =
            |day: NaiveDate, is_adjusted: bool| date < day && !(is_adjusted && day <= self.today);
        let splits = self.story.splits.iter();
        let shares: f64 = splits
            .filter(|(day, _)| stands(*day, self.adjusted.is_adjusted()))
            .map(|(_, shares)| shares)
            .product();
        let dividends = self.story.dividends.iter();
        let money: f64 = dividends
            .filter(|(day, _)| stands(*day, self.adjusted == Adjustment::Total))
            .map(|(_, money)| money)
            .sum();
        let price = |price: f64| cents((price + money) * shares);
        Candle {
            open: price(candle.open),
            high: price(candle.high),
            low: price(candle.low),
            close: price(candle.close),
            volume: candle.volume.map(|volume| (volume / shares).round()),
            vwap: candle.vwap.map(price),
            ..candle
        }
    }
}

/// What is answered of a candle before it is final: the trades that are reported late are not in it yet.
pub(super) fn provisional(candle: Candle) -> Candle {
    Candle {
        close: cents(candle.low.midpoint(candle.high)),
        volume: candle.volume.map(|volume| (volume * 0.98).round()),
        ..candle
    }
}
