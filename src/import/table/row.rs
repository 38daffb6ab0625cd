//! Where the values of a symbol stand in a row of text, and what they say.

use csv::ByteRecord;

use crate::import::columns::{Columns, Field};
use crate::import::layout::{Kind, Layout};
use crate::import::number::number;
use crate::import::problem::Problem;
use crate::import::taker::{Raw, Taker};
use crate::model::symbol::Symbol;
use crate::provider::{Number, Values};

/// Where the values of a symbol stand in a row.
pub(super) struct Row {
    kind: Kind,
    has_comma: bool,
    /// Whether a row without any of them is none of this symbol.
    is_one_of_many: bool,
    symbol: Option<Vec<u8>>,
    places: [Option<usize>; Field::ALL.len()],
    joined: Vec<u8>,
    divisor: Option<f64>,
    /// The delimiter, to write the row as it came.
    delimiter: char,
}

impl Row {
    /// One, or one for each symbol that has columns of its own.
    pub(super) fn all(layout: &Layout) -> Vec<Row> {
        let Layout {
            dialect, symbol, ..
        } = layout;
        match dialect.tickers.as_slice() {
            [] | [_] => {
                let symbol = symbol.as_ref().map(Symbol::as_str);
                vec![Row::of(layout, symbol, &dialect.columns)]
            }
            tickers => tickers
                .iter()
                .map(|(symbol, columns)| Row::of(layout, Some(symbol), columns))
                .collect(),
        }
    }

    fn of(layout: &Layout, symbol: Option<&str>, columns: &Columns) -> Row {
        Row {
            kind: layout.kind,
            has_comma: layout.dialect.has_comma,
            is_one_of_many: layout.dialect.tickers.len() > 1,
            symbol: symbol.map(Into::into),
            places: Field::ALL.map(|field| columns.at(field)),
            joined: Vec::new(),
            divisor: layout.divisor,
            delimiter: char::from(layout.dialect.delimiter),
        }
    }

    pub(super) fn take(
        &mut self,
        record: &ByteRecord,
        line: u64,
        taker: &mut Taker<'_>,
    ) -> Result<(), Problem> {
        let at = |place: Option<usize>| place.and_then(|at| record.get(at));
        let [
            ts,
            time,
            symbol,
            timeframe,
            open,
            high,
            low,
            close,
            volume,
            vwap,
            trades,
        ] = self.places;
        let stamp = at(ts).map(<[u8]>::trim_ascii);
        let stamp = match (stamp, time) {
            (Some(date), Some(time)) => {
                self.joined.clear();
                self.joined.extend_from_slice(date);
                self.joined.push(b' ');
                self.joined
                    .extend_from_slice(record.get(time).unwrap_or_default().trim_ascii());
                Some(self.joined.as_slice())
            }
            (stamp, _) => stamp,
        };
        let stamp = stamp
            .and_then(|text| self.kind.read(text))
            .ok_or_else(|| "the stamp cannot be read".to_owned());
        let value = |place: Option<usize>| {
            at(place).map_or(Number::Absent, |text| number(text, self.has_comma))
        };
        let price = |place: Option<usize>| match (value(place), self.divisor) {
            (Number::Is(value), Some(divisor)) => Number::Is(value / divisor),
            (value, _) => value,
        };
        let values = Values {
            stamp: Number::Absent,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: value(volume),
            vwap: value(vwap),
            trades: value(trades),
        };
        let prices = [values.open, values.high, values.low, values.close];
        if self.is_one_of_many && prices.iter().all(|price| *price == Number::Absent) {
            return Ok(());
        }
        let delimiter = self.delimiter;
        let text = || {
            let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            fields.join(delimiter.encode_utf8(&mut [0; 4]))
        };
        let own = at(symbol).unwrap_or_default();
        taker.take(&Raw {
            symbol: self.symbol.as_deref().unwrap_or(own),
            timeframe: at(timeframe).unwrap_or_default(),
            stamp,
            values,
            line,
            text: &text,
        })
    }
}
