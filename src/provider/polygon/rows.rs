//! Reads the rows of an answer: what stands in each, and which candle it is. A row that is none must never cost the others.

use std::fmt;
use std::marker::PhantomData;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::LIMIT;
use crate::model::candle::{Candle, Unstorable};
use crate::model::market::date_of;
use crate::provider::{Ask, Place, Stamps, place};

/// The rows of an answer as text, up to as many as were asked for: what is read of a row of seven bytes takes ten times the
/// room, so that the bound of the body alone would bound nothing.
pub(super) struct Rows<'a> {
    pub(super) rows: Vec<&'a RawValue>,
    pub(super) too_many: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Rows<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rows<'a>, D::Error> {
        struct Bounded<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Bounded<'a> {
            type Value = Rows<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows")
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Rows<'a>, E> {
                // As long as it may be, it must not get into an error.
                Err(E::custom("a text stands where the rows should"))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rows<'a>, A::Error> {
                let (mut rows, mut too_many) = (Vec::new(), false);
                while let Some(row) = seq.next_element()? {
                    if rows.len() < LIMIT as usize {
                        rows.push(row);
                    } else {
                        too_many = true;
                    }
                }
                Ok(Rows { rows, too_many })
            }
        }
        deserializer.deserialize_seq(Bounded(PhantomData))
    }
}

/// One row. Prices may be JSON integers, volume comes in scientific notation, `vw` and `n` may be absent.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    t: Field,
    #[serde(default)]
    o: Field,
    #[serde(default)]
    h: Field,
    #[serde(default)]
    l: Field,
    #[serde(default)]
    c: Field,
    #[serde(default)]
    v: Field,
    #[serde(default)]
    vw: Field,
    #[serde(default)]
    n: Field,
}

/// What stands where a number should: a bad one spoils its row, not the page. JSON has no NaN and no infinity, so that
/// NaN can stand for absent and infinity for what is no number.
#[derive(Clone, Copy)]
struct Field(f64);

const ABSENT: Field = Field(f64::NAN);
const NO_NUMBER: Field = Field(f64::INFINITY);

impl Default for Field {
    fn default() -> Self {
        ABSENT
    }
}

impl Field {
    fn optional(self, name: &'static str) -> Result<Option<f64>, String> {
        if self.0.is_infinite() {
            return Err(format!("{name} is not a number"));
        }
        Ok((!self.0.is_nan()).then_some(self.0))
    }

    fn required(self, name: &'static str) -> Result<f64, String> {
        self.optional(name)?
            .ok_or_else(|| Unstorable::Missing(name).to_string())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        struct Any;

        #[allow(clippy::cast_precision_loss)] // Prices and volumes are f64 in the file too.
        impl<'de> Visitor<'de> for Any {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_f64<E>(self, number: f64) -> Result<Field, E> {
                Ok(Field(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
                Ok(Field(number as f64))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
                Ok(Field(number as f64))
            }
            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(ABSENT)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(NO_NUMBER)
            }
            fn visit_str<E>(self, _: &str) -> Result<Field, E> {
                Ok(NO_NUMBER)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(NO_NUMBER)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(NO_NUMBER)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Why a row is no candle.
pub(super) enum Odd {
    /// It cannot be stored; its start, where the stamp could be read, and the reason.
    Row(Option<i64>, String),
    /// It shows that the answer is none to what was asked, however good the other rows are.
    Answer(String),
}

/// One row as a candle; `None` where the provider snapped the range outward.
pub(super) fn candle(
    raw: &RawValue,
    ask: &Ask,
    stamps: &mut Stamps,
) -> Result<Option<Candle>, Odd> {
    // Fields by their order in a list would be read as well, and a long text would get into the reason.
    if !raw.get().starts_with('{') {
        return Err(Odd::Row(None, "the row is no JSON object".to_owned()));
    }
    let row: Row = serde_json::from_str(raw.get())
        .map_err(|error| Odd::Row(None, format!("the row cannot be read: {error}")))?;
    let stamp = row
        .t
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
    if ask.market.timeframe().is_label()
        && matches!(place, Place::Inside | Place::Snapped)
        && *stamps.entry(ts).or_insert(millis) != millis
    {
        return Err(Odd::Answer(two_stamps(ts)));
    }
    match place {
        Place::Snapped => return Ok(None),
        Place::Elsewhere => return Err(Odd::Answer(elsewhere(instant))),
        Place::Not(why) => return Err(reject(why.to_string())),
        Place::Inside if !ask.market.timeframe().is_label() && millis.rem_euclid(1000) != 0 => {
            return Err(reject(Unstorable::OffGrid.to_string()));
        }
        Place::Inside => {}
    }
    let trades = match row.n.optional("trades").map_err(reject)? {
        #[allow(clippy::cast_possible_truncation)] // Whole and below 1e15.
        Some(n) if n.fract() == 0.0 && n.abs() < 1e15 => Some(n as i64),
        Some(_) => return Err(reject("trades is not a whole number".to_owned())),
        None => None,
    };
    let candle = Candle {
        ts,
        open: row.o.required("open").map_err(reject)?,
        high: row.h.required("high").map_err(reject)?,
        low: row.l.required("low").map_err(reject)?,
        close: row.c.required("close").map_err(reject)?,
        volume: row.v.optional("volume").map_err(reject)?,
        vwap: row.vw.optional("vwap").map_err(reject)?,
        trades,
    };
    candle
        .storable(ask.market.class())
        .map_err(|why| reject(why.to_string()))?;
    Ok(Some(candle))
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
