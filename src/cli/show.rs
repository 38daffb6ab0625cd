//! `candlefile show`: the candles of series, newest last.

use crate::backfill::NoData;
use crate::handover::choice::{BadChoice, Choice};
use crate::model::candle::Candle;
use crate::model::series::SeriesKey;
use crate::model::span::Span;
use crate::model::symbol::Symbol;
use crate::model::timeframe::Timeframe;
use crate::store::{SeriesRow, Store, StoreError};
use crate::view::{Selection, View};
use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::args::{Global, Show, series};
use super::document::ListDocument;
use super::error::Exit;
use super::jobs::provider_of;
use super::{output, table};

/// Candles of a table without a range or a number; data for other programs is whole.
const TAIL: u32 = 20;

pub fn run(global: &Global, args: &Show) -> Result<Exit> {
    let (symbols, timeframes) = series(&args.symbols, &args.timeframes)?;
    let store = Store::read(&global.db)?;
    let mut all = Vec::new();
    for series in store.if_still(wanted(&store, &symbols, &timeframes))? {
        all.push(Shown::new(&store, args, series, global.json)?);
    }
    if args.csv {
        csv(&all)?;
    } else if global.json {
        return json(global, &all);
    } else {
        for (index, shown) in all.iter().enumerate() {
            if index > 0 {
                output::print("")?;
            }
            if all.len() > 1 {
                let key = shown.key();
                output::print(format!("{} {}", key.symbol, key.timeframe))?;
            }
            shown.table(global)?;
        }
    }
    store.check_still()?;
    Ok(Exit::Complete)
}

/// The series of symbols x timeframes, each once, in the order in which they were named. All of them are there.
pub fn wanted(
    store: &Store,
    symbols: &[Symbol],
    timeframes: &[Timeframe],
) -> Result<Vec<SeriesRow>> {
    let mut all: Vec<SeriesRow> = Vec::new();
    for symbol in symbols {
        for &timeframe in timeframes {
            let series = store
                .find_series(symbol, timeframe)
                .map_err(|error| unknown(store, symbols, error))?;
            if !all.iter().any(|known| known.id == series.id) {
                all.push(series);
            }
        }
    }
    Ok(all)
}

/// All the symbols that the file does not hold, where that is why a series is not there.
fn unknown(store: &Store, symbols: &[Symbol], error: StoreError) -> anyhow::Error {
    if !matches!(error, StoreError::NoSeries { .. }) {
        return error.into();
    }
    match store.series() {
        Ok(held) => BadChoice::unknown(symbols, &held).map_or(error.into(), Into::into),
        Err(error) => error.into(),
    }
}

/// A series that is shown, and how.
struct Shown<'a> {
    store: &'a Store,
    view: View,
    zone: Tz,
}

impl Shown<'_> {
    fn new<'a>(store: &'a Store, args: &Show, series: SeriesRow, json: bool) -> Result<Shown<'a>> {
        let choice = Choice {
            start: args.start.clone(),
            end: args.end.clone(),
            ..Choice::default()
        };
        let whole = json || args.csv || args.start.is_some() || args.end.is_some();
        let selection = match (args.head, args.tail.or((!whole).then_some(TAIL))) {
            (Some(head), _) => Selection::Head(head),
            (None, Some(tail)) => Selection::Tail(tail),
            (None, None) => Selection::Within(choice.span(&series)?),
        };
        Ok(Shown {
            store,
            zone: args.tz.of(&series),
            view: View::of(series)
                .select(selection)
                .through(args.steps.steps()),
        })
    }

    fn key(&self) -> &SeriesKey {
        &self.view.series().key
    }

    fn each_candle(&self, each: impl FnMut(Candle) -> Result<()>) -> Result<()> {
        self.view.each_candle(self.store, each).map(|_| ())
    }

    fn table(&self, global: &Global) -> Result<()> {
        let mut candles = Vec::new();
        self.each_candle(|candle| {
            candles.push(candle);
            Ok(())
        })?;
        if candles.is_empty() {
            return output::print(self.without(global));
        }
        let time = if self.key().timeframe.is_label() {
            "date".to_owned()
        } else {
            format!("time ({})", self.zone)
        };
        let titles = [
            &time, ">open", ">high", ">low", "!>close", ">volume", ">vwap", ">trades",
        ];
        table::print(titles, self.rows(&candles))
    }

    /// Why there is no candle, where that is known.
    fn without(&self, global: &Global) -> String {
        let none = "no candles in this range";
        let series = self.view.series();
        let market = series.market();
        if series.candles == 0
            && let Some(asked) = series.empty.iter().reduce(Span::hull)
        {
            let provider = provider_of(global, &series.key.source);
            return NoData::of(&series.key, asked, provider.as_deref()).to_string();
        }
        match self.view.selection() {
            Selection::Within(span) if !market.trades_within(span) => {
                format!("{none}: {}", market.no_session(span))
            }
            _ => none.into(),
        }
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
        if self.key().timeframe.is_label() || self.zone == Tz::UTC {
            return output::short(ts, self.key().timeframe);
        }
        self.local(ts).format("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// A candle's start for programs: RFC 3339 with the zone's offset. A label is no instant of any zone.
    fn datetime(&self, ts: i64) -> String {
        if self.key().timeframe.is_label() || self.zone == Tz::UTC {
            return output::time(ts);
        }
        self.local(ts).to_rfc3339_opts(SecondsFormat::Secs, false)
    }

    fn local(&self, ts: i64) -> DateTime<Tz> {
        let utc = DateTime::from_timestamp(ts, 0).unwrap_or_default();
        utc.with_timezone(&self.zone)
    }

    /// Symbol, timeframe, and what else names it, as JSON.
    fn head(&self) -> Value {
        let key = self.key();
        json!({
            "symbol": key.symbol, "timeframe": key.timeframe, "source": key.source, "adjusted": key.adjusted.is_adjusted(),
            "tz": self.zone.name(),
        })
    }
}

/// CSV; of several series each row begins with its series.
fn csv(all: &[Shown<'_>]) -> Result<()> {
    output::begins();
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    let several = all.len() > 1;
    if several {
        writer.write_field("symbol")?;
        writer.write_field("timeframe")?;
    }
    writer.write_record([
        "ts", "datetime", "open", "high", "low", "close", "volume", "vwap", "trades",
    ])?;
    for shown in all {
        let key = shown.key();
        let timeframe = key.timeframe.to_string();
        shown.each_candle(|c| {
            if several {
                writer.write_field(key.symbol.as_str())?;
                writer.write_field(&timeframe)?;
            }
            let time = shown.datetime(c.ts);
            Ok(writer.serialize((
                c.ts, time, c.open, c.high, c.low, c.close, c.volume, c.vwap, c.trades,
            ))?)
        })?;
    }
    writer.flush()?;
    Ok(())
}

/// JSON; of several series they are named first, and each candle says whose it is.
fn json(global: &Global, all: &[Shown<'_>]) -> Result<Exit> {
    let head = match all {
        [one] => one.head(),
        several => json!({ "series": several.iter().map(Shown::head).collect::<Vec<Value>>() }),
    };
    let mut document = ListDocument::begin(&head, "candles")?;
    let mut read = || {
        all.iter().try_for_each(|shown| {
            shown.each_candle(|c| {
                let mut candle = candle_document(&c);
                candle["datetime"] = json!(shown.datetime(c.ts));
                if all.len() > 1 {
                    candle["symbol"] = json!(shown.key().symbol);
                    candle["timeframe"] = json!(shown.key().timeframe);
                }
                document.item(&candle)
            })
        })
    };
    let read = read();
    document.end(read.map(|()| json!({})), global)
}

/// Decimals that a number needs to be read back exactly.
fn decimals(value: f64) -> usize {
    value
        .to_string()
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

/// A candle as JSON.
pub fn candle_document(c: &Candle) -> Value {
    json!({
        "ts": c.ts, "datetime": output::time(c.ts), "open": c.open, "high": c.high, "low": c.low, "close": c.close,
        "volume": c.volume, "vwap": c.vwap, "trades": c.trades,
    })
}
