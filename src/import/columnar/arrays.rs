//! Values of columns of a batch, whatever kind of array they are in.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use chrono::{Offset as _, TimeZone};
use chrono_tz::Tz;

use crate::import::columns::Field;
use crate::import::layout::{Kind, Layout};
use crate::import::number;
use crate::import::stamp::{self, Order, Unit, Written};
use crate::provider::Number;

const DAY: i64 = 86_400;

/// The columns of a batch that are read.
pub(super) struct Row<'a> {
    columns: HashMap<Field, &'a ArrayRef>,
    unit: Option<Unit>,
    zone: Option<Tz>,
}

impl<'a> Row<'a> {
    pub(super) fn of(batch: &'a RecordBatch, layout: &Layout) -> Row<'a> {
        let place = |field: &Field| layout.dialect.columns.at(*field);
        let columns = Field::ALL
            .iter()
            .filter_map(|field| Some((*field, batch.column(place(field)?))));
        let columns: HashMap<Field, &ArrayRef> = columns.collect();
        let zone = columns
            .get(&Field::Ts)
            .and_then(|column| match column.data_type() {
                DataType::Timestamp(_, Some(name)) => name.parse::<Tz>().ok(),
                _ => None,
            });
        let unit = match layout.kind {
            Kind::Number(unit) => unit,
            _ => None,
        };
        Row {
            columns,
            unit,
            zone,
        }
    }

    pub(super) fn text(&self, field: Field, at: usize) -> Cow<'a, str> {
        let Some(column) = self
            .columns
            .get(&field)
            .filter(|column| !column.is_null(at))
        else {
            return Cow::Borrowed("");
        };
        text_of(column, at)
    }

    pub(super) fn number(&self, field: Field, at: usize) -> Number {
        match self.columns.get(&field) {
            None => Number::Absent,
            Some(column) if column.is_null(at) => Number::Absent,
            Some(column) => number_of(column, at),
        }
    }

    pub(super) fn stamp(&self, at: usize) -> Option<Written> {
        let column = self
            .columns
            .get(&Field::Ts)
            .filter(|column| !column.is_null(at))?;
        let of_unit = |value: i64, in_a_second: i64, has_zone: bool| {
            let instant = value.div_euclid(in_a_second);
            let ahead = has_zone.then(|| self.zone.map_or(0, |zone| ahead_of(zone, instant)));
            Written {
                local: instant + ahead.unwrap_or(0),
                ahead,
                has_time: true,
                is_whole: value.rem_euclid(in_a_second) == 0,
            }
        };
        let of_date = |days: i64| Written {
            local: days * DAY,
            ahead: None,
            has_time: false,
            is_whole: true,
        };
        Some(match column.data_type() {
            DataType::Timestamp(unit, zone) => {
                let has_zone = zone.is_some();
                match unit {
                    TimeUnit::Second => of_unit(
                        column.as_primitive::<TimestampSecondType>().value(at),
                        1,
                        has_zone,
                    ),
                    TimeUnit::Millisecond => of_unit(
                        column.as_primitive::<TimestampMillisecondType>().value(at),
                        1_000,
                        has_zone,
                    ),
                    TimeUnit::Microsecond => of_unit(
                        column.as_primitive::<TimestampMicrosecondType>().value(at),
                        1_000_000,
                        has_zone,
                    ),
                    TimeUnit::Nanosecond => of_unit(
                        column.as_primitive::<TimestampNanosecondType>().value(at),
                        1_000_000_000,
                        has_zone,
                    ),
                }
            }
            DataType::Date32 => of_date(i64::from(column.as_primitive::<Date32Type>().value(at))),
            DataType::Date64 => of_date(
                column
                    .as_primitive::<Date64Type>()
                    .value(at)
                    .div_euclid(DAY * 1000),
            ),
            DataType::Int64 => stamp::number(
                column
                    .as_primitive::<Int64Type>()
                    .value(at)
                    .to_string()
                    .as_bytes(),
                self.unit,
            )?,
            DataType::Float64 => stamp::number(
                column
                    .as_primitive::<Float64Type>()
                    .value(at)
                    .to_string()
                    .as_bytes(),
                self.unit,
            )?,
            _ => {
                let text = text_of(column, at);
                stamp::text(text.as_bytes(), Order::Year)
                    .or_else(|| stamp::number(text.as_bytes(), self.unit))?
            }
        })
    }
}

/// How far a zone's clock is ahead of UTC.
fn ahead_of(zone: Tz, instant: i64) -> i64 {
    let at = zone.timestamp_opt(instant, 0).earliest();
    at.map_or(0, |at| i64::from(at.offset().fix().local_minus_utc()))
}

fn text_of(column: &ArrayRef, at: usize) -> Cow<'_, str> {
    match column.data_type() {
        DataType::Utf8 => Cow::Borrowed(column.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Cow::Borrowed(column.as_string::<i64>().value(at)),
        DataType::Utf8View => Cow::Borrowed(column.as_string_view().value(at)),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys()[at];
            Cow::Owned(text_of(dictionary.values(), key).into_owned())
        }
        _ => match number_of(column, at) {
            Number::Is(value) => Cow::Owned(value.to_string()),
            _ => Cow::Borrowed(""),
        },
    }
}

#[allow(clippy::cast_precision_loss)] // Counts and prices.
fn number_of(column: &ArrayRef, at: usize) -> Number {
    Number::Is(match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().value(at),
        // The shortest text of it is the number that was meant.
        DataType::Float32 => column
            .as_primitive::<Float32Type>()
            .value(at)
            .to_string()
            .parse()
            .unwrap_or(f64::NAN),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(at) as f64,
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(at) as f64,
        DataType::Int32 => column.as_primitive::<Int32Type>().value(at).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(at).into(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(at).into(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(at).into(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(at).into(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(at).into(),
        DataType::Utf8 => {
            return number::number(column.as_string::<i32>().value(at).as_bytes(), false);
        }
        DataType::LargeUtf8 => {
            return number::number(column.as_string::<i64>().value(at).as_bytes(), false);
        }
        _ => return Number::IsNone,
    })
}

/// A column of names of a batch; those of a dictionary are looked up once.
pub(super) enum Names<'a> {
    Column(Option<&'a ArrayRef>),
    Dictionary(Vec<usize>, Vec<String>, &'a ArrayRef),
}

impl<'a> Names<'a> {
    pub(super) fn of(row: &Row<'a>, field: Field) -> Names<'a> {
        let column = row.columns.get(&field).copied();
        match column.filter(|column| matches!(column.data_type(), DataType::Dictionary(..))) {
            None => Names::Column(column),
            Some(column) => {
                let dictionary = column.as_any_dictionary();
                let values = dictionary.values();
                let texts = (0..values.len()).map(|at| text_of(values, at).into_owned());
                Names::Dictionary(dictionary.normalized_keys(), texts.collect(), column)
            }
        }
    }

    pub(super) fn at(&self, at: usize) -> Cow<'_, str> {
        match self {
            Names::Column(Some(column)) if !column.is_null(at) => text_of(column, at),
            Names::Column(_) => Cow::Borrowed(""),
            Names::Dictionary(_, _, column) if column.is_null(at) => Cow::Borrowed(""),
            Names::Dictionary(keys, texts, _) => texts
                .get(keys[at])
                .map_or(Cow::Borrowed(""), |text| Cow::Borrowed(text)),
        }
    }
}
