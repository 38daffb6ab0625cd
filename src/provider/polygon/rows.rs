//! Reads the rows of an answer: what stands in each. A row that is none must never cost the others.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::LIMIT;
use crate::provider::{Number, Row, Values};

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
struct Bar {
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

/// What stands where a number should: a bad one spoils its row, not the page.
#[derive(Clone, Copy, Default)]
struct Field(Number);

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
                Ok(Field(Number::Is(number)))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
                Ok(Field(Number::Is(number as f64)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
                Ok(Field(Number::Is(number as f64)))
            }
            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field(Number::Absent))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field(Number::IsNone))
            }
            fn visit_str<E>(self, _: &str) -> Result<Field, E> {
                Ok(Field(Number::IsNone))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field(Number::IsNone))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field(Number::IsNone))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What stands in a row.
pub(super) fn row(raw: &RawValue) -> Row<'_> {
    Row {
        values: values(raw.get()),
        raw: Cow::Borrowed(raw.get()),
    }
}

fn values(raw: &str) -> Result<Values, String> {
    // Fields by their order in a list would be read as well, and a long text would get into the reason.
    if !raw.starts_with('{') {
        return Err("the row is no JSON object".to_owned());
    }
    let bar: Bar =
        serde_json::from_str(raw).map_err(|error| format!("the row cannot be read: {error}"))?;
    Ok(Values {
        stamp: bar.t.0,
        open: bar.o.0,
        high: bar.h.0,
        low: bar.l.0,
        close: bar.c.0,
        volume: bar.v.0,
        vwap: bar.vw.0,
        trades: bar.n.0,
    })
}
