//! What of an answer is a candle of what was asked: the one way from a row as a provider read it into a page. Nothing of a row
//! is believed.

use std::borrow::Cow;

use chrono::DateTime;

use super::{Ask, Cursor, Dated, Stamps};
use crate::model::candle::{Candle, MAX_TS, MIN_TS, Rejected, Unstorable};
use crate::model::market::{Market, date_of};

/// A row is kept as evidence up to this length,
const RAW_LIMIT: usize = 4096;
/// and all rows of an answer up to this one, in bytes: of further rows the reason is kept.
const RAW_OF_ANSWER: usize = 1 << 20;

/// A row of an answer, as a provider has read it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// What stands in it, or why it cannot be read.
    pub values: Result<Values, String>,
    /// The row as it came, kept where it cannot be stored.
    pub raw: Cow<'a, str>,
}

/// The values of a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values {
    /// The stamp in Unix milliseconds: for minutes and hours the candle's start; for `1d` and longer any instant of its first
    /// day in the market's zone.
    pub stamp: Number,
    /// First price.
    pub open: Number,
    /// Highest price.
    pub high: Number,
    /// Lowest price.
    pub low: Number,
    /// Last price.
    pub close: Number,
    /// Traded volume; may be absent for indices.
    pub volume: Number,
    /// Volume-weighted average price; may be absent.
    pub vwap: Number,
    /// Number of trades; may be absent.
    pub trades: Number,
}

/// What stands where a number should: a bad one spoils its row, and no other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Number {
    /// Nothing, or null.
    #[default]
    Absent,
    /// A number.
    Is(f64),
    /// Something else.
    IsNone,
}

impl From<Option<f64>> for Number {
    fn from(value: Option<f64>) -> Number {
        value.map_or(Number::Absent, Number::Is)
    }
}

impl Number {
    fn optional(self, name: &'static str) -> Result<Option<f64>, String> {
        match self {
            Number::Absent => Ok(None),
            Number::Is(value) => Ok(Some(value)),
            Number::IsNone => Err(format!("{name} is not a number")),
        }
    }

    fn required(self, name: &'static str) -> Result<f64, String> {
        self.optional(name)?
            .ok_or_else(|| Unstorable::Missing(name).to_string())
    }
}

impl Row<'static> {
    /// The row of a candle, for a provider that has candles already.
    #[allow(clippy::cast_precision_loss)] // Milliseconds of a storable candle, and counts.
    pub fn of(candle: &Candle, market: &Market) -> Row<'static> {
        let instant = if market.timeframe().is_label() {
            market.midnight(date_of(candle.ts))
        } else {
            candle.ts
        };
        Row {
            values: Ok(Values {
                stamp: Number::Is(instant as f64 * 1000.0),
                open: Number::Is(candle.open),
                high: Number::Is(candle.high),
                low: Number::Is(candle.low),
                close: Number::Is(candle.close),
                volume: candle.volume.into(),
                vwap: candle.vwap.into(),
                trades: candle.trades.map(|trades| trades as f64).into(),
            }),
            raw: Cow::Borrowed(""),
        }
    }
}

/// One page of an answer: what of its rows was admitted.
#[derive(Debug, Default)]
pub struct Page {
    /// The storable candles, in the provider's order.
    pub(crate) candles: Vec<Candle>,
    /// The rows that cannot be stored.
    pub(crate) rejected: Vec<Rejected>,
    /// Whether the body had any row at all, those outside the span included.
    pub(crate) has_rows: bool,
    /// Rows beside the span that the provider adds by habit: dropped, and counted.
    pub(crate) habit: u64,
    /// Why the answer is none to what was asked, whatever else is in it.
    pub(crate) contradiction: Option<String>,
    /// The provider's stamps by the start that each means, those of the pages before it included; empty where a stamp is
    /// the start itself.
    pub(crate) stamps: Stamps,
    /// Where the next page is; `None` on the last.
    pub(crate) next: Option<Cursor>,
    /// When it was given; `None` where that is not told.
    pub(crate) dated: Option<Dated>,
}

impl Page {
    /// The page of some rows, the last one unless told otherwise.
    pub fn of<'a>(ask: &Ask, rows: impl IntoIterator<Item = Row<'a>>) -> Page {
        let rows = rows.into_iter();
        let mut page = Page {
            candles: Vec::with_capacity(rows.size_hint().0),
            stamps: ask.stamps.clone(),
            ..Page::default()
        };
        let mut room = RAW_OF_ANSWER;
        for row in rows {
            page.has_rows = true;
            match admit(ask, &row.values, &mut page.stamps) {
                Ok(Admitted::Candle(candle)) => page.candles.push(candle),
                Ok(Admitted::Habit) => page.habit += 1,
                Err(Odd::Row(ts, reason)) => {
                    let end = row.raw.floor_char_boundary(RAW_LIMIT.min(room));
                    let raw = row.raw[..end].to_owned();
                    room = room.saturating_sub(raw.len());
                    page.rejected.push(Rejected { ts, reason, raw });
                }
                Err(Odd::Answer(why)) => {
                    page.contradiction = Some(why);
                    return page;
                }
            }
        }
        let is_closed = |row: &&Rejected| row.ts.is_none_or(|ts| ts < ask.closed);
        // After candles, a single one may be an odd row that happens to be the last.
        let is_alone = ask.has_candles && page.rejected.len() == 1;
        if let Some(row) = page.rejected.iter().find(is_closed)
            && page.candles.is_empty()
            && !is_alone
        {
            page.contradiction = Some(format!(
                "the answer holds nothing but rows that cannot be stored: {}",
                row.reason
            ));
        }
        page
    }

    /// The same page where others follow it.
    #[must_use]
    pub fn followed_by(self, next: Option<Cursor>) -> Page {
        Page { next, ..self }
    }

    /// The same page, given at an instant.
    #[must_use]
    pub fn dated(self, dated: Option<Dated>) -> Page {
        Page { dated, ..self }
    }

    /// Why it is no answer to what was asked, whatever else is in it: a provider may ask again.
    pub fn contradiction(&self) -> Option<&str> {
        self.contradiction.as_deref()
    }

    /// Whether it has no storable candle.
    pub fn is_empty(&self) -> bool {
        self.candles.is_empty()
    }

    /// How many storable candles it has.
    pub fn len(&self) -> usize {
        self.candles.len()
    }
}

/// What a row is that is nothing odd.
enum Admitted {
    Candle(Candle),
    /// Within one candle of the span: the provider has snapped the range outward.
    Habit,
}

/// Why a row is no candle.
enum Odd {
    /// It cannot be stored; its start, where the stamp could be read, and the reason.
    Row(Option<i64>, String),
    /// It shows that the answer is none to what was asked, however good the other rows are.
    Answer(String),
}

fn admit(ask: &Ask, row: &Result<Values, String>, stamps: &mut Stamps) -> Result<Admitted, Odd> {
    let row = row.as_ref().map_err(|why| Odd::Row(None, why.clone()))?;
    let stamp = row
        .stamp
        .required("the stamp")
        .map_err(|reason| Odd::Row(None, reason))?;
    if stamp.fract() != 0.0 || stamp.abs() > 1e15 {
        return Err(Odd::Row(None, Unstorable::AbsurdStamp.to_string()));
    }
    #[allow(clippy::cast_possible_truncation)] // Whole and below 1e15.
    let millis = stamp as i64;
    let instant = millis.div_euclid(1000);
    let ts = ask.market.stamped(instant);
    let reject = |reason: String| Odd::Row(Some(ts), reason);
    let place = place(ask, ts);
    let is_label = ask.market.timeframe().is_label();
    if is_label
        && matches!(place, Place::Inside | Place::Snapped)
        && *stamps.entry(ts).or_insert(millis) != millis
    {
        return Err(Odd::Answer(two_stamps(ts)));
    }
    match place {
        Place::Snapped => return Ok(Admitted::Habit),
        Place::Elsewhere => return Err(Odd::Answer(elsewhere(instant))),
        Place::OffGrid => return Err(reject(Unstorable::OffGrid.to_string())),
        Place::Inside if !is_label && millis.rem_euclid(1000) != 0 => {
            return Err(reject(Unstorable::OffGrid.to_string()));
        }
        Place::Inside => {}
    }
    let candle = candle(&ask.market, ts, row).map_err(reject)?;
    Ok(Admitted::Candle(candle))
}

/// The candle of a row whose start is known, whoever has brought it. Whether it starts on the grid is not looked at.
///
/// # Errors
/// Why it cannot be stored.
pub(crate) fn candle(market: &Market, ts: i64, row: &Values) -> Result<Candle, String> {
    let trades = match row.trades.optional("trades")? {
        #[allow(clippy::cast_possible_truncation)] // Whole and below 1e15.
        Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => Some(n as i64),
        Some(_) => return Err("trades is not a whole number".to_owned()),
        None => None,
    };
    let candle = Candle {
        ts,
        open: row.open.required("open")?,
        high: row.high.required("high")?,
        low: row.low.required("low")?,
        close: row.close.required("close")?,
        volume: row.volume.optional("volume")?,
        vwap: row.vwap.optional("vwap")?,
        trades,
    };
    candle.storable(market).map_err(|why| why.to_string())?;
    Ok(candle)
}

/// Why an answer is none that has one day, week or month under two stamps.
fn two_stamps(ts: i64) -> String {
    let date = date_of(ts);
    format!("the answer has rows with different stamps for the candle of {date}")
}

fn elsewhere(instant: i64) -> String {
    let stamp = DateTime::from_timestamp(instant, 0).map_or_else(
        || "another age".to_owned(),
        |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    format!("the answer holds a row of {stamp}, more than one candle outside of what was asked")
}

/// Where a candle start lies with respect to what was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    /// Within one candle of the span.
    Snapped,
    /// Further away.
    Elsewhere,
    OffGrid,
}

fn place(ask: &Ask, ts: i64) -> Place {
    if !(MIN_TS..MAX_TS).contains(&ts) {
        return Place::Elsewhere;
    }
    let market = &ask.market;
    if ask.span.contains(ts) {
        return if market.on_grid(ts) {
            Place::Inside
        } else {
            Place::OffGrid
        };
    }
    let before = market.floor(ask.span.start() - 1);
    let after = market.next(ask.span.end());
    if (before..after).contains(&ts) {
        Place::Snapped
    } else {
        Place::Elsewhere
    }
}
