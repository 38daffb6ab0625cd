//! `candlefile show`: the candles of a series, newest last.

use std::path::Path;

use anyhow::Result;
use candlefile::store::SeriesRow;
use candlefile::{Candle, Choice, Selection, Store};
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::args::{Global, Show};
use super::document::ListDocument;
use super::error::Exit;
use super::{output, table};

/// Candles of a table without a range or a number; data for other programs is whole.
const TAIL: u32 = 20;

pub fn run(global: &Global, args: &Show) -> Result<Exit> {
    let store = Store::read(&global.db)?;
    let shown = Shown::new(&store, args, global.json)?;
    if args.csv {
        shown.csv()?;
    } else if global.json {
        return shown.json(&global.db);
    } else {
        shown.table()?;
    }
    store.check_still()?;
    Ok(Exit::Complete)
}

/// What is shown, and how.
struct Shown<'a> {
    store: &'a Store,
    series: SeriesRow,
    selection: Selection,
    zone: Tz,
}

impl Shown<'_> {
    fn new<'a>(store: &'a Store, args: &Show, json: bool) -> Result<Shown<'a>> {
        let series = store.find_series(&args.symbol, args.timeframe)?;
        let choice = Choice {
            start: args.start.clone(),
            end: args.end.clone(),
            ..Choice::default()
        };
        let whole = json || args.csv || args.start.is_some() || args.end.is_some();
        let selection = match args.tail.or((!whole).then_some(TAIL)) {
            Some(tail) => Selection::Tail(tail),
            None => Selection::Within(choice.span(&series)?),
        };
        Ok(Shown {
            store,
            zone: args.tz.of(&series),
            series,
            selection,
        })
    }

    fn each_candle(&self, each: impl FnMut(Candle) -> Result<()>) -> Result<()> {
        let key = &self.series.key;
        self.store
            .each_candle(&key.symbol, key.timeframe, self.selection, each)
    }

    fn table(&self) -> Result<()> {
        let mut candles = Vec::new();
        self.each_candle(|candle| {
            candles.push(candle);
            Ok(())
        })?;
        if candles.is_empty() {
            return output::print("no candles in this range");
        }
        let time = if self.series.key.timeframe.is_label() {
            "date".to_owned()
        } else {
            format!("time ({})", self.zone)
        };
        let titles = [
            &time, ">open", ">high", ">low", "!>close", ">volume", ">vwap", ">trades",
        ];
        table::print(titles, self.rows(&candles))
    }

    /// The candles as text, each column with as many decimals as its longest number needs.
    fn rows(&self, candles: &[Candle]) -> Vec<Vec<String>> {
        let prices = |candle: &Candle| [candle.open, candle.high, candle.low, candle.close];
        let most = |values: &mut dyn Iterator<Item = f64>| values.map(decimals).max().unwrap_or(0);
        let of_prices = most(&mut candles.iter().flat_map(prices));
        let of_volume = most(&mut candles.iter().filter_map(|candle| candle.volume));
        let of_vwap = most(&mut candles.iter().filter_map(|candle| candle.vwap));
        let fixed = |value: Option<f64>, decimals| {
            value
                .map(|value| format!("{value:.decimals$}"))
                .unwrap_or_default()
        };
        let row = |candle: &Candle| {
            let mut row = vec![self.short(candle.ts)];
            row.extend(prices(candle).map(|price| fixed(Some(price), of_prices)));
            row.extend([fixed(candle.volume, of_volume), fixed(candle.vwap, of_vwap)]);
            row.push(
                candle
                    .trades
                    .map(|trades| trades.to_string())
                    .unwrap_or_default(),
            );
            row
        };
        candles.iter().map(row).collect()
    }

    /// A candle's start for people. A label is a date whatever the zone; in a zone with a summer time the name of the time
    /// tells the hour that comes twice.
    fn short(&self, ts: i64) -> String {
        if self.series.key.timeframe.is_label() || self.zone == Tz::UTC {
            return output::short(ts, self.series.key.timeframe);
        }
        self.local(ts).format("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// A candle's start for programs: RFC 3339 with the zone's offset. A label is no instant of any zone.
    fn datetime(&self, ts: i64) -> String {
        if self.series.key.timeframe.is_label() || self.zone == Tz::UTC {
            return output::time(ts);
        }
        self.local(ts).to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    fn local(&self, ts: i64) -> DateTime<Tz> {
        let utc = DateTime::from_timestamp(ts, 0).unwrap_or_default();
        utc.with_timezone(&self.zone)
    }

    fn csv(&self) -> Result<()> {
        let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
        writer.write_record([
            "ts", "datetime", "open", "high", "low", "close", "volume", "vwap", "trades",
        ])?;
        self.each_candle(|c| {
            let time = self.datetime(c.ts);
            Ok(writer.serialize((
                c.ts, time, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades,
            ))?)
        })?;
        writer.flush()?;
        Ok(())
    }

    fn json(&self, db: &Path) -> Result<Exit> {
        let key = &self.series.key;
        let head = json!({
            "symbol": key.symbol, "timeframe": key.timeframe, "source": key.source, "adjusted": key.adjusted,
            "tz": self.zone.name(),
        });
        let mut document = ListDocument::begin(&head, "candles")?;
        let read = self.each_candle(|c| {
            let mut candle = self::document(&c);
            candle["datetime"] = json!(self.datetime(c.ts));
            document.item(&candle)
        });
        document.end(read.map(|()| json!({})), db)
    }
}

/// Decimals that a number needs to be read back exactly.
fn decimals(value: f64) -> usize {
    value
        .to_string()
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

/// A candle as JSON.
pub fn document(c: &Candle) -> Value {
    json!({
        "ts": c.ts, "datetime": output::time(c.ts), "open": c.open, "high": c.high, "low": c.low, "close": c.close,
        "volume": c.volume, "vwap": c.vwap, "trades": c.trades,
    })
}
