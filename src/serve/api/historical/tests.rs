//! Pages of candles, read as the two kinds of answers read them.

use super::*;
use crate::model::candle::Candle;
use crate::model::listing::{Adjustment, Listing};
use crate::model::market::{Market, MarketCode};
use crate::view::{Step, Turn};

const DAY: i64 = 86_400;

/// Every second day.
#[derive(Debug)]
struct EvenDays;

impl Step for EvenDays {
    fn turn(&self) -> Turn {
        Turn::Which
    }

    fn apply(&self, candle: Candle, _: &Market) -> Option<Candle> {
        (candle.ts / DAY % 2 == 0).then_some(candle)
    }
}

fn asked(format: Format, cursor: Option<Cursor>) -> Asked {
    Asked {
        symbol: "X:BTCUSD".parse().expect("a symbol"),
        timeframe: "1d".parse().expect("a timeframe"),
        choice: Choice::default(),
        steps: Steps::default().with(EvenDays),
        limit: Some(10),
        cursor,
        format,
    }
}

/// The starts on each page of so many that are asked for one after the other.
fn pages(
    store: &Store,
    format: Format,
    page: impl Fn(View, Span, Option<Cursor>) -> Vec<i64>,
) -> Vec<Vec<i64>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let asked = asked(format, cursor);
        let Ok((view, span)) = asked.view(store) else {
            panic!("no view")
        };
        let next = asked.next(store, &view).expect("a page");
        pages.push(page(view, span, next));
        match next {
            Some(_) => cursor = next,
            None => return pages,
        }
    }
}

#[test]
fn pages_count_the_rows_that_come_out_of_steps_as_csv_and_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::create(&folder.path().join("market.db")).expect("a file");
    let key = SeriesKey {
        symbol: "X:BTCUSD".parse().expect("a symbol"),
        timeframe: "1d".parse().expect("a timeframe"),
        source: "csv".into(),
        adjusted: Adjustment::Raw,
        listing: Listing::on(MarketCode::ALWAYS),
    };
    let candle = |ts| Candle {
        ts,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: Some(1.0),
        vwap: None,
        trades: None,
    };
    let candles: Vec<Candle> = (10_000..10_050).map(|day| candle(day * DAY)).collect();
    store.insert_candles(&key, &candles, 0).expect("stored");
    let even: Vec<i64> = (10_000..10_050).step_by(2).map(|day| day * DAY).collect();
    let expected: Vec<Vec<i64>> = even.chunks(10).map(<[i64]>::to_vec).collect();

    let as_json = |view: View, span: Span, next: Option<Cursor>| {
        let mut starts = Vec::new();
        let read = on_page(view, span, next).each_candle(&store, |candle| {
            starts.push(candle.ts);
            Ok::<(), StoreError>(())
        });
        read.expect("read");
        starts
    };
    assert_eq!(pages(&store, Format::Jsonl, as_json), expected);

    let as_csv = |view: View, span: Span, next: Option<Cursor>| {
        let (mut rows, _) = asked(Format::Csv, None).rows(view, span, next);
        let mut text = Vec::new();
        while !rows.is_over() {
            let read = rows.read(&store, &mut text);
            assert!(read.is_ok(), "not read");
        }
        let text = String::from_utf8(text).expect("text");
        let ts = |line: &str| line.split(',').next().and_then(|ts| ts.parse().ok());
        text.lines()
            .map(|line| ts(line).expect("a start"))
            .collect()
    };
    assert_eq!(pages(&store, Format::Csv, as_csv), expected);
}
