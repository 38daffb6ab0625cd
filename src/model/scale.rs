//! Whether candles that were asked for again stand in another scale than they were stored in: what a split does to all
//! before its day. Pure.

use std::collections::BTreeMap;

use crate::model::candle::Candle;

/// A factor that is closer to one is no split.
const SMALLEST: f64 = 1e-4;
/// No correction of all four prices of a candle goes further.
const FAR: f64 = 1.25;
/// Prices that differ by less of themselves are the same: they were printed with another number of digits.
const SAME: f64 = 1e-6;
/// Prices are given to the cent at least,
const FEWEST_DECIMALS: i32 = 2;
/// and one with more decimals than this was not rounded.
const MOST_DECIMALS: i32 = 12;
/// What is left of a decimal number in single precision, of itself.
const NOISE: f64 = 1e-7;

/// A stored candle, and what the provider says of it now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    pub(crate) old: Candle,
    pub(crate) new: Candle,
}

/// How the candles at one end have moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// What the stored prices are to be multiplied by.
    pub(crate) factor: f64,
    /// One of those that moved so.
    pub(crate) one: Checked,
    /// Up to where, or from where on.
    pub(crate) side: Side,
}

/// The side of a checked candle, itself included, that has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It and all before it.
    UpTo(i64),
    /// It and all after it: they were stored before a split that the older ones were stored after.
    From(i64),
}

/// What a factor can be.
#[derive(Clone, Copy, Debug)]
struct Factor {
    least: f64,
    most: f64,
}

impl Factor {
    const ANY: Factor = Factor {
        least: 0.0,
        most: f64::INFINITY,
    };

    fn and(self, other: Factor) -> Option<Factor> {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least <= most).then_some(Factor { least, most })
    }

    fn is_a_split(self) -> bool {
        self.least > 1.0 + SMALLEST || self.most < 1.0 - SMALLEST
    }
}

/// Whether all candles before some date have moved by one factor, or all from one on. They are given in ascending order.
/// Single ones that differ otherwise say nothing, and neither does a single one that moved, unless it is the only one, or
/// the oldest and moved further than a candle is corrected, or its range with it.
pub(crate) fn moved(checked: &[Checked]) -> Option<Moved> {
    let (oldest, newest) = (checked.first()?, checked.last()?);
    let roundings = Roundings {
        old: Rounding::of(checked.iter().map(|checked| &checked.old)),
        new: Rounding::of(checked.iter().map(|checked| &checked.new)),
    };
    let enough = checked.len().min(2);
    let moved = |one: &Checked, (factor, to): (Factor, i64), side: fn(i64) -> Side| Moved {
        factor: (one.new.close / one.old.close).clamp(factor.least, factor.most),
        one: *one,
        side: side(to),
    };
    let alone = || {
        let factor = roundings.factor_of(oldest)?;
        let is_far = factor.least > FAR || factor.most < 1.0 / FAR;
        let is_wide = oldest.old.high > oldest.old.low;
        let is_moved = is_far && is_wide || factor.is_a_split() && roundings.range_moved(oldest);
        is_moved.then_some((factor, oldest.old.ts))
    };
    let from_oldest = roundings.at_the_end(checked.iter(), enough).or_else(alone);
    from_oldest
        .map(|found| moved(oldest, found, Side::UpTo))
        .or_else(|| {
            let found = roundings.at_the_end(checked.iter().rev(), enough);
            found.map(|found| moved(newest, found, Side::From))
        })
}

/// How the prices that are compared were rounded.
struct Roundings {
    old: Rounding,
    new: Rounding,
}

impl Roundings {
    fn differ(Checked { old, new }: &Checked) -> bool {
        let mut pairs = prices(old).into_iter().zip(prices(new));
        pairs.any(|(old, new)| (old - new).abs() > SAME * old.abs().max(new.abs()))
    }

    /// Whether the distance from low to high is another one: who corrects a candle by an amount leaves it.
    fn range_moved(&self, Checked { old, new }: &Checked) -> bool {
        let rounded = |rounding: &Rounding, candle: &Candle| {
            rounding.at(candle.high) + rounding.at(candle.low)
        };
        let rounded = rounded(&self.old, old) + rounded(&self.new, new);
        ((old.high - old.low) - (new.high - new.low)).abs() > rounded + SAME * old.high
    }

    /// What makes the new candle of the old one, if a single factor does.
    fn factor_of(&self, Checked { old, new }: &Checked) -> Option<Factor> {
        let pairs = prices(old).into_iter().zip(prices(new));
        let mut factors =
            pairs.map(|(old, new)| factor(old, self.old.at(old), new, self.new.at(new)));
        factors.try_fold(Factor::ANY, Factor::and)
    }

    /// The factor of those that come first in an order, and the last of them that moved by it.
    fn at_the_end<'a>(
        &self,
        ordered: impl Iterator<Item = &'a Checked>,
        enough: usize,
    ) -> Option<(Factor, i64)> {
        let moves: Vec<(i64, Option<Factor>)> = ordered
            .take_while(|checked| Self::differ(checked))
            .map(|checked| (checked.old.ts, self.factor_of(checked)))
            .collect();
        // The very first may be one that was corrected besides: another one says what the factor is, then.
        (0..moves.len()).find_map(|first| from_the(first, &moves, enough))
    }
}

/// The factor that most have in common with a candle, and the last that does.
fn from_the(first: usize, moves: &[(i64, Option<Factor>)], enough: usize) -> Option<(Factor, i64)> {
    let (mut common, mut agree, mut others) = (Factor::ANY, 0, first);
    let mut found = None;
    for (ts, factor) in &moves[first..] {
        if let Some(one) = factor.and_then(|factor| common.and(factor)) {
            common = one;
            agree += 1;
            if agree >= enough && agree > others && common.is_a_split() {
                found = Some(*ts);
            }
        } else {
            others += 1;
        }
    }
    found.map(|to| (common, to))
}

fn prices(candle: &Candle) -> [f64; 4] {
    [candle.open, candle.high, candle.low, candle.close]
}

/// What makes the one price of the other, each being rounded by so much at most.
fn factor(old: f64, of_old: f64, new: f64, of_new: f64) -> Factor {
    let (of_old, of_new) = (of_old + SAME * old.abs(), of_new + SAME * new.abs());
    if old <= of_old {
        return Factor::ANY;
    }
    Factor {
        least: (new - of_new) / (old + of_old),
        most: (new + of_new) / (old - of_old),
    }
}

/// How many decimals prices have, by their power of ten: below a dollar there are more, and so where digits are counted.
struct Rounding(BTreeMap<i32, i32>);

impl Rounding {
    fn of<'a>(candles: impl Iterator<Item = &'a Candle>) -> Rounding {
        let mut all: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for price in candles.flat_map(prices) {
            all.entry(power(price)).or_default().push(decimals(price));
        }
        // A smaller price has no fewer. Many end in zeros, and a single candle may have been corrected to more.
        let mut larger = Vec::new();
        let usual = |(power, decimals): (i32, Vec<i32>)| {
            larger.extend(decimals);
            larger.sort_unstable();
            (power, larger[larger.len() * 7 / 8])
        };
        Rounding(all.into_iter().rev().map(usual).collect())
    }

    /// By how much a price was rounded at most: half of the last decimal.
    fn at(&self, price: f64) -> f64 {
        let decimals = self.0.get(&power(price)).unwrap_or(&FEWEST_DECIMALS);
        0.5 * 10f64.powi(-decimals)
    }
}

#[allow(clippy::cast_possible_truncation)] // Below 400.
fn power(price: f64) -> i32 {
    price.abs().log10().floor().clamp(-400.0, 400.0) as i32
}

fn decimals(price: f64) -> i32 {
    let is_whole = |decimals: &i32| {
        let scaled = price * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() <= NOISE * scaled.abs()
    };
    (FEWEST_DECIMALS..MOST_DECIMALS)
        .find(is_whole)
        .unwrap_or(MOST_DECIMALS)
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)] // Days.
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn candle(day: i64, base: f64) -> Candle {
        Candle {
            ts: day * DAY,
            open: base,
            high: base * 1.01,
            low: base * 0.98,
            close: base * 1.005,
            volume: Some(1.0),
            vwap: None,
            trades: None,
        }
    }

    fn map(candle: Candle, change: impl Fn(f64) -> f64) -> Candle {
        Candle {
            open: change(candle.open),
            high: change(candle.high),
            low: change(candle.low),
            close: change(candle.close),
            ..candle
        }
    }

    fn cents(candle: Candle) -> Candle {
        map(candle, |price| (price * 100.0).round() / 100.0)
    }

    /// Ten days of prices, and what each is said to be now.
    fn checked(change: impl Fn(Candle) -> Candle) -> Vec<Checked> {
        let days = [1, 2, 3, 4, 5, 30, 31, 32, 33, 34];
        let stored = days.map(|day| candle(day, 80.0 + day as f64 * 0.37));
        stored
            .map(|old| Checked {
                old: cents(old),
                new: change(old),
            })
            .to_vec()
    }

    fn scaled(until: i64, factor: f64) -> impl Fn(Candle) -> Candle {
        move |old| {
            let is_before = old.ts <= until * DAY;
            cents(map(old, |price| {
                price * if is_before { factor } else { 1.0 }
            }))
        }
    }

    #[test]
    fn a_split_moves_all_before_its_day_by_one_factor() {
        for factor in [0.1, 1.0 / 3.0, 0.5, 0.05, 1.5, 20.0, 1.01] {
            for until in [2, 3, 5, 32, 34] {
                let found = moved(&checked(scaled(until, factor))).expect("a split");
                assert!((found.factor / factor - 1.0).abs() < 2e-3, "{found:?}");
                assert_eq!(found.side, Side::UpTo(until * DAY), "{factor}");
            }
        }
        let one = &checked(scaled(34, 0.25))[..1];
        assert!(moved(one).is_some(), "the only one");
    }

    #[test]
    fn a_split_is_seen_beside_a_row_that_was_corrected_and_beside_a_later_split() {
        for row in 0..5 {
            let mut with_one_more = checked(scaled(5, 0.1));
            with_one_more[row].new.high *= 1.2;
            assert!(moved(&with_one_more).is_some(), "the high of row {row}");
            let mut with_all = checked(scaled(5, 0.1));
            with_all[row].new = map(with_all[row].new, |price| price * 1.03);
            let found = moved(&with_all).expect("a split beside a correction");
            assert!((found.factor - 0.1).abs() < 2e-3, "{found:?}");
        }
        let twice = checked(|old| scaled(31, 0.5)(scaled(5, 0.1)(old)));
        assert_eq!(
            moved(&twice).map(|found| found.side),
            Some(Side::UpTo(5 * DAY))
        );
    }

    #[test]
    fn the_newest_may_stand_in_another_scale_than_the_oldest() {
        let later = |from: i64| {
            checked(move |old| {
                let is_after = old.ts >= from * DAY;
                cents(map(old, |price| if is_after { price * 2.0 } else { price }))
            })
        };
        for from in [2, 5, 30, 33] {
            let found = moved(&later(from)).expect("a split");
            assert_eq!(found.side, Side::From(from * DAY));
            assert!((found.factor / 2.0 - 1.0).abs() < 2e-3, "{found:?}");
        }
        assert!(moved(&later(34)).is_none(), "a single one");
    }

    #[test]
    fn the_oldest_alone_may_lie_before_a_split_and_is_corrected_otherwise() {
        for factor in [0.1, 0.5, 1.0 / 1.5, 2.0, 0.8, 0.95, 1.03] {
            let found = moved(&checked(scaled(1, factor))).expect("a split");
            assert_eq!(found.side, Side::UpTo(DAY));
        }
        for amount in [-10.0, -0.5, 0.02, 5.0] {
            let corrected = checked(|old| {
                let by = if old.ts == DAY { amount } else { 0.0 };
                cents(map(old, |price| price + by))
            });
            assert!(moved(&corrected).is_none(), "{amount}");
        }
        let mut flat = checked(scaled(1, 0.1));
        flat[0].old = map(flat[0].old, |_| 80.0);
        flat[0].new = map(flat[0].new, |_| 8.0);
        assert!(moved(&flat).is_none(), "a single trade that was corrected");
    }

    #[test]
    fn what_differs_otherwise_is_no_split() {
        let same = checked(cents);
        assert!(moved(&same).is_none());
        assert!(moved(&[]).is_none());
        assert!(moved(&checked(scaled(34, 1.000_05))).is_none(), "too small");
        let exact = |factor: f64| {
            [1, 2, 3, 4, 5].map(|day| {
                let old = candle(day, 80.0 + day as f64 * 0.37);
                Checked {
                    old,
                    new: map(old, |price| price * factor),
                }
            })
        };
        assert!(moved(&exact(1.000_05)).is_none(), "too small");
        assert!(moved(&exact(0.999_95)).is_none(), "too small");
        assert!(moved(&exact(1.000_2)).is_some(), "small, and a split");
        let mut few = checked(cents);
        for row in [0, 1] {
            few[row].new.close *= 1.03;
            few[row + 2].new = map(few[row + 2].new, |price| price * 1.5);
        }
        assert!(moved(&few).is_none(), "as many differ otherwise");
        let shifted = checked(|old| cents(map(old, |price| price - 1.5)));
        assert!(moved(&shifted).is_none(), "a dividend taken off");
        let around_a_hundred = [0, 1, 2, 3, 4].map(|day| {
            let exact = |price: f64| (price * 1e4).round() / 1e4;
            let old = map(candle(day, 100.0 + 0.1 * day as f64), exact);
            Checked {
                old,
                new: map(old, |price| exact(price - 0.5)),
            }
        });
        assert!(moved(&around_a_hundred).is_none(), "a small dividend");
        let volume = checked(|old| Candle {
            volume: Some(7.0),
            ..cents(old)
        });
        assert!(moved(&volume).is_none());
        for row in 0..10 {
            let mut one = checked(cents);
            one[row].new.close *= 1.03;
            assert!(moved(&one).is_none(), "the close of row {row}");
            let mut all_prices = checked(cents);
            all_prices[row].new = map(all_prices[row].new, |price| price * 1.03);
            let is_oldest = row == 0;
            assert_eq!(moved(&all_prices).is_some(), is_oldest, "all of row {row}");
        }
    }

    #[test]
    fn prices_may_be_rounded_by_what_they_are_and_kept_in_single_precision() {
        let ticks = |price: f64| {
            let steps = if price < 1.0 { 10_000.0 } else { 100.0 };
            (price * steps).round() / steps
        };
        let digits = |price: f64| {
            let steps = 10f64.powi(5 - power(price));
            (price * steps).round() / steps
        };
        #[allow(clippy::cast_possible_truncation)]
        let single = |price: f64| f64::from(((price * 1e4).round() / 1e4) as f32);
        let sum = |price: f64| (price * 1e4).round() / 1e4 + 0.1 + 0.2 - 0.3;
        for (round, low) in [
            (&ticks as &dyn Fn(f64) -> f64, 9.6),
            (&digits, 98.0),
            (&single, 98.0),
            (&sum, 98.0),
        ] {
            for factor in [0.1, 1.0 / 7.0, 3.0] {
                let found = [1, 2, 3, 4, 5, 6, 7, 8].map(|day| {
                    let old = candle(day, low * (1.0 + 0.012 * day as f64));
                    Checked {
                        old: map(old, round),
                        new: map(old, |price| round(price * factor)),
                    }
                });
                assert!(moved(&found).is_some(), "{factor} {found:?}");
                let same = found.map(|checked| Checked {
                    new: checked.old,
                    ..checked
                });
                assert!(moved(&same).is_none());
            }
        }
    }

    #[test]
    fn new_prices_may_be_rounded_to_fewer_decimals_than_the_old_ones() {
        let exact = |price: f64| (price * 1e4).round() / 1e4;
        let days = [1, 2, 3, 4, 5].map(|day| candle(day, 150.0 + 3.1234 * day as f64));
        let found = days.map(|old| Checked {
            old: map(old, exact),
            new: cents(map(old, |price| price * 0.9)),
        });
        assert!(moved(&found).is_some(), "{found:?}");
        let back = found.map(|Checked { old, new }| Checked { old: new, new: old });
        assert!(moved(&back).is_some(), "the other way round");
    }

    #[test]
    fn rounding_is_allowed_for_and_no_more() {
        let penny = |factor: f64| {
            let days = [1, 2, 3].map(|day| candle(day, 0.11 + 0.01 * day as f64));
            days.map(|old| Checked {
                old: cents(old),
                new: cents(map(old, |price| price * factor)),
            })
        };
        assert!(moved(&penny(0.5)).is_some());
        assert!(moved(&penny(1.01)).is_none(), "within a cent");
    }
}
