//! The price walk of a symbol: every candle is made of the minutes it holds, so that timeframes agree with one another. Pure.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use super::story::{Story, Told};
use crate::model::calendar::Calendar;
use crate::model::candle::Candle;
use crate::model::symbol::Symbol;
use crate::provider::{Ask, AssetClass, prefixes};

/// Minutes of a session, and of a day with the night before it, in the time in which prices move evenly.
const SESSION: f64 = 390.0;
const DAY: f64 = 512.0;
/// Whose sessions stocks and indices are traded in.
const EXCHANGE: &str = "XNYS";
/// When the week of forex begins and ends, in the session's zone.
const WEEK_ENDS: NaiveTime = NaiveTime::from_hms_opt(17, 0, 0).expect("a time of day");
/// Waves of which a price is made: the shortest takes a minute, the longest eight years.
const WAVES: u64 = 11;
/// How high the shortest is: a day moves by about one percent then.
const STEP: f64 = 0.0004;

#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) zone: Tz,
    #[serde(deserialize_with = "clock_time")]
    pub(super) open: NaiveTime,
    #[serde(deserialize_with = "clock_time")]
    pub(super) close: NaiveTime,
    pub(super) first_date: NaiveDate,
    pub(super) base_date: NaiveDate,
    pub(super) page_rows: usize,
    pub(super) base_prices: BTreeMap<String, f64>,
    stories: BTreeMap<String, Story>,
}

fn clock_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M").map_err(serde::de::Error::custom)
}

/// When a symbol trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hours {
    /// In the sessions of the exchange.
    Session,
    /// From Sunday to Friday evening.
    Week,
    /// At all hours.
    Always,
}

impl Hours {
    pub(super) fn of(symbol: &Symbol) -> Hours {
        match prefixes::asset_class(symbol) {
            AssetClass::Stock | AssetClass::Index => Hours::Session,
            AssetClass::Forex => Hours::Week,
            AssetClass::Crypto => Hours::Always,
        }
    }
}

/// Where an instant of a session lies.
#[derive(Clone, Copy)]
struct Moment {
    /// Its day, counted from the first year without those on which nothing trades.
    day: i64,
    /// How much more is going on than on average.
    bustle: f64,
    /// The time in which prices move evenly, in minutes of an average session.
    even_time: f64,
}

impl Moment {
    /// In a session, `part` from 0 at the open to 1 at the close: most is going on after the open and before the close, and a
    /// night counts as much as two hours.
    #[allow(clippy::cast_precision_loss)] // Some hundred thousand days.
    fn in_session(day: i64, part: f64) -> Moment {
        let so_far = 0.55 * part + 0.225 * ((2.0 * part - 1.0).powi(3) + 1.0);
        Moment {
            day,
            bustle: 0.55 + 1.35 * (2.0 * part - 1.0).powi(2),
            even_time: DAY * day as f64 + SESSION * so_far,
        }
    }

    /// In a day of 24 hours: most is going on in the afternoon, and the next day goes on where this one ends.
    #[allow(clippy::cast_precision_loss)] // As above.
    fn in_day(day: i64, part: f64) -> Moment {
        Moment {
            day,
            bustle: 1.0 + 0.4 * ((part - 0.65) * std::f64::consts::TAU).cos(),
            even_time: 1440.0 * (day as f64 + part),
        }
    }
}

/// One symbol's price path.
pub(super) struct Walk<'a> {
    model: &'a Model,
    hours: Hours,
    exchange: &'static Calendar,
    seed: u64,
    /// The price at the open of the model's base date, and the steps until then.
    base: f64,
    offset: f64,
    /// Shares in an average minute; none where nothing is traded, as in an index.
    volume: Option<f64>,
    /// Of the few to which something happens.
    told: Option<Told<'a>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(model: &'a Model, ask: &Ask) -> Walk<'a> {
        let symbol = &ask.symbol;
        let seed = symbol
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                mix(hash ^ u64::from(byte))
            });
        let base = model
            .base_prices
            .get(symbol.as_str())
            .copied()
            .unwrap_or(20.0 + 180.0 * unit(mix(seed)));
        let volume = 2_000.0 + 28_000.0 * unit(mix(seed ^ 3));
        let mut walk = Walk {
            model,
            hours: Hours::of(symbol),
            exchange: Calendar::of(EXCHANGE).expect("a calendar of this build"),
            seed,
            base,
            offset: 0.0,
            volume: (prefixes::asset_class(symbol) != AssetClass::Index).then_some(volume),
            told: model.stories.get(symbol.as_str()).map(|story| Told {
                story,
                adjusted: ask.adjusted,
                today: ask.market.date(ask.now),
            }),
        };
        let (date, open) = (model.base_date, walk.instant(model.base_date, model.open));
        walk.offset = walk.steps(walk.moments(date)(open));
        walk
    }

    /// The candle made of the session minutes in `[first, last)`, if there are any.
    pub(super) fn candle(&self, ts: i64, first: i64, last: i64) -> Option<Candle> {
        let mut made: Option<Candle> = None;
        let mut value = 0.0;
        let mut date = self.date(first);
        while self.instant(date, NaiveTime::MIN) < last {
            if let Some((open, close)) = self.session(date) {
                let mut minute = open.max(first - first.rem_euclid(60));
                let moment = self.moments(date);
                // A minute opens where the one before it has closed.
                let mut price = self.price(moment(minute));
                while minute < close.min(last) {
                    let next = self.minute(minute, price, moment(minute), moment(minute + 60));
                    price = next.close;
                    let next = self.told.map_or(next, |told| told.on(date, next));
                    value += next.vwap.unwrap_or(next.close) * next.volume.unwrap_or(0.0);
                    made = Some(match made {
                        None => Candle { ts, ..next },
                        Some(so_far) => merge(so_far, next),
                    });
                    minute += 60;
                }
            }
            date = date.succ_opt()?;
        }
        made.map(|candle| Candle {
            vwap: candle.volume.map(|volume| cents(value / volume)),
            ..candle
        })
    }

    /// The next position worth looking at after one without a candle.
    pub(super) fn skip_idle(&self, ask: &Ask, instant: i64, end: i64) -> i64 {
        if ask.market.timeframe().is_label() {
            return end;
        }
        let mut date = self.date(instant).max(self.model.first_date);
        for _ in 0..7 {
            match self.session(date) {
                Some((open, close)) if instant < close => return ask.market.floor(open).max(end),
                _ => date = date.succ_opt().unwrap_or(date),
            }
        }
        ask.market
            .floor(self.instant(date, NaiveTime::MIN))
            .max(end)
    }

    /// Whether candles have other values before they are final.
    pub(super) fn is_restated(&self) -> bool {
        self.told.is_some_and(|told| told.story.restated)
    }

    fn minute(&self, ts: i64, open: f64, from: Moment, to: Moment) -> Candle {
        let close = self.price(to);
        let noise = mix(self.seed ^ ts.cast_unsigned());
        let wick = open * 0.0005 * from.bustle;
        let high = cents(open.max(close) + wick * unit(noise));
        let low = cents(open.min(close) - wick * unit(mix(noise)));
        let volume = self.volume.map(|average| {
            let of_day = 0.7 + 0.6 * unit(mix(self.seed ^ from.day.cast_unsigned()));
            let of_move = 1.0 + 300.0 * (close / open - 1.0).abs();
            let of_minute = 0.4 + 0.9 * unit(mix(noise ^ 2));
            (average * from.bustle * of_day * of_move * of_minute).round()
        });
        let a_trade = 30.0 + 60.0 * unit(mix(noise ^ 1));
        #[allow(clippy::cast_possible_truncation)] // Some thousands.
        let trades = volume.map(|volume| (volume / a_trade).ceil() as i64);
        Candle {
            ts,
            open,
            high,
            low,
            close,
            volume,
            vwap: volume.map(|_| cents((high + low + close) / 3.0)),
            trades,
        }
    }

    /// The price at a moment: one minute closes where the next opens.
    fn price(&self, moment: Moment) -> f64 {
        cents(self.base * (self.steps(moment) - self.offset).exp())
    }

    /// The logarithm of the price: waves of hashed heights, each four times as long as the one before it and twice as high, as
    /// in a random walk.
    fn steps(&self, moment: Moment) -> f64 {
        let time = moment.even_time;
        let (mut length, mut height, mut sum) = (1.0, STEP, 0.0);
        for wave in 0..WAVES {
            let at = time / length;
            let (whole, part) = (at.floor(), at.fract());
            #[allow(clippy::cast_possible_truncation)] // Some hundred million.
            let knot = |number: f64| {
                let place = (number as i64).cast_unsigned().wrapping_mul(WAVES) + wave;
                2.0 * unit(mix(self.seed ^ mix(place))) - 1.0
            };
            let (before, after) = (knot(whole), knot(whole + 1.0));
            sum += height * (before + (after - before) * part * part * (3.0 - 2.0 * part));
            length *= 4.0;
            height *= 2.0;
        }
        sum
    }

    /// From when to when there are candles on a date.
    fn session(&self, date: NaiveDate) -> Option<(i64, i64)> {
        let midnight = || self.instant(date, NaiveTime::MIN);
        let next = || Some(self.instant(date.succ_opt()?, NaiveTime::MIN));
        // Where a week of forex begins and ends, in the zone of the session.
        let evening = || at(self.model.zone, date, WEEK_ENDS);
        let trades = self.told.is_none_or(|told| told.story.trades_on(date));
        if date < self.model.first_date || !trades {
            return None;
        }
        Some(match (self.hours, date.weekday()) {
            (Hours::Session, _) => return self.exchange.regular_session(date),
            (Hours::Always, _) => (midnight(), next()?),
            (_, Weekday::Sat) => return None,
            (Hours::Week, Weekday::Sun) => (evening(), next()?),
            (Hours::Week, Weekday::Fri) => (midnight(), evening()),
            (Hours::Week, _) => (midnight(), next()?),
        })
    }

    /// Where the instants of a date lie.
    fn moments(&self, date: NaiveDate) -> impl Fn(i64) -> Moment + use<> {
        let hours = self.hours;
        let (day, open, close) = if hours == Hours::Session {
            let ends = [self.model.open, self.model.close];
            let [open, close] = ends.map(|time| self.instant(date, time));
            (weekdays(date), open, close)
        } else {
            let midnight = self.instant(date, NaiveTime::MIN);
            let day = match hours {
                Hours::Always => i64::from(date.num_days_from_ce()),
                // A Sunday goes on where the Friday before it has ended.
                _ if date.weekday() == Weekday::Sun => weekdays(date) - 2,
                _ => weekdays(date),
            };
            (day, midnight, midnight + 86_400)
        };
        #[allow(clippy::cast_precision_loss)] // Seconds of a day.
        move |ts| {
            let part = (ts - open) as f64 / (close - open) as f64;
            match hours {
                Hours::Session => Moment::in_session(day, part),
                _ => Moment::in_day(day, part),
            }
        }
    }

    /// Where days begin.
    fn zone(&self) -> Tz {
        match self.hours {
            Hours::Session => self.model.zone,
            Hours::Week | Hours::Always => Tz::UTC,
        }
    }

    fn date(&self, instant: i64) -> NaiveDate {
        self.zone()
            .timestamp_opt(instant, 0)
            .earliest()
            .map_or(self.model.first_date, |local| local.date_naive())
    }

    fn instant(&self, date: NaiveDate, time: NaiveTime) -> i64 {
        at(self.zone(), date, time)
    }
}

fn at(zone: Tz, date: NaiveDate, time: NaiveTime) -> i64 {
    let local = date.and_time(time);
    zone.from_local_datetime(&local)
        .earliest()
        .map_or(local.and_utc().timestamp(), |t| t.timestamp())
}

/// Weekdays from the first year to a date.
fn weekdays(date: NaiveDate) -> i64 {
    let of_week = date.weekday().num_days_from_monday();
    let weeks = (i64::from(date.num_days_from_ce()) - i64::from(of_week)) / 7;
    weeks * 5 + i64::from(of_week)
}

fn merge(so_far: Candle, next: Candle) -> Candle {
    Candle {
        high: so_far.high.max(next.high),
        low: so_far.low.min(next.low),
        close: next.close,
        volume: so_far.volume.zip(next.volume).map(|(a, b)| a + b),
        trades: so_far.trades.zip(next.trades).map(|(a, b)| a + b),
        ..so_far
    }
}

pub(super) fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

/// The finalizer of `SplitMix64`: a well-mixed function of its argument.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number in `[0, 1)`.
#[allow(clippy::cast_precision_loss)] // 53 bits fit.
fn unit(x: u64) -> f64 {
    (x >> 11) as f64 / (1u64 << 53) as f64
}
