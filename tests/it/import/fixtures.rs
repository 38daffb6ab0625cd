//! Tables that others have made, row for row against a reading of their own here. `CANDLEFILE_FIXTURES` names the folder that has
//! them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone};

use super::import;
use crate::support::db::Db;
use crate::support::harness::Home;
use crate::support::lent::fixtures;
use crate::support::seeded::say;

fn text(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
    } else {
        { file }.read_to_string(&mut text).unwrap();
    }
    text
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.retain(|path| path.to_string_lossy().contains(".csv"));
    all.sort();
    all
}

type Rows = BTreeMap<i64, [f64; 5]>;

/// Open, high, low, close and volume by start, as the columns of these numbers have them. Rows without prices are none.
fn rows(text: &str, columns: [usize; 6], before: usize, start: impl Fn(&str) -> i64) -> Rows {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let value = |at: usize| fields[columns[at]].parse::<f64>().ok();
        let values = [value(1)?, value(2)?, value(3)?, value(4)?, value(5)?];
        Some((start(fields[columns[0]]), values))
    };
    text.lines().skip(before).filter_map(row).collect()
}

fn held(db: &Db, symbol: &str, timeframe: &str) -> Rows {
    let candles = db.candles(symbol, timeframe);
    candles
        .iter()
        .map(|c| (c.ts, [c.open, c.high, c.low, c.close, c.volume.unwrap()]))
        .collect()
}

fn label(date: NaiveDate) -> i64 {
    date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

fn in_new_york(text: &str) -> i64 {
    let local: NaiveDateTime = text.replace(' ', "T").parse().unwrap();
    chrono_tz::America::New_York
        .from_local_datetime(&local)
        .unwrap()
        .timestamp()
}

#[test]
fn end_stamps_of_new_york_newest_first_are_row_for_row_what_the_tables_say() {
    let Some(folder) = fixtures("eqker") else {
        return;
    };
    let home = Home::new();
    let words = format!(
        "{} --as csv --adjusted none --tz America/New_York",
        folder.display()
    );
    import(&home, &words).ok();
    let (db, mut compared) = (home.db(), 0);
    for path in tables(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (symbol, of) = name.split_once('_').unwrap();
        let (timeframe, length) = match of.split('.').next().unwrap() {
            "1min" => ("1m", 60),
            "15min" => ("15m", 900),
            _ => ("1d", 0),
        };
        let start = |text: &str| match length {
            0 => label(text.parse().unwrap()),
            length => in_new_york(text) - length,
        };
        let expected = rows(&text(&path), [0, 1, 2, 3, 4, 5], 1, start);
        assert_eq!(held(&db, symbol, timeframe), expected, "{name}");
        compared += expected.len();
    }
    assert!(compared > 10_000, "{compared}");
    say(format!("{compared} rows compared"));
}

/// Quarters of an hour made of minutes, which are moved by so many seconds before.
fn quarters(minutes: &Rows, moved: i64) -> Rows {
    let mut all = Rows::new();
    for (ts, minute) in minutes {
        let ts = ts + moved;
        let [_, high, low, close, volume] = *minute;
        all.entry(ts - ts.rem_euclid(900))
            .and_modify(|whole| {
                *whole = [
                    whole[0],
                    whole[1].max(high),
                    whole[2].min(low),
                    close,
                    whole[4] + volume,
                ];
            })
            .or_insert(*minute);
    }
    all
}

/// Two tables of one vendor: minutes, and quarters of an hour. AMZN's minutes make its quarters, all 130 of them to the last share, and
/// none of any symbol where they are moved by a minute: their stamps are ends of candles in both tables, and are taken as such.
///
/// The minutes of the three others make 1 of their 390 quarters exactly: both tables were not made of the same trades. At 350 of the
/// 375 quarters' ends within sessions the shares of the day so far differ by less than those of a minute beside it, of AAPL and BAC by 2
/// of a hundred of them in the middle: trades within a second of a line are on its other side. At the ends of their days it is at most
/// 0.04 %, of AMT 0.25 %. The other 25 are of AMT's first day, whose minutes lack 09:30 with the opening auction: 29,619 shares.
#[test]
fn minutes_with_end_stamps_make_the_quarters_of_an_hour_of_the_same_vendor() {
    let Some(folder) = fixtures("eqker") else {
        return;
    };
    let home = Home::new();
    let words = format!(
        "{} --as csv --adjusted none --tz America/New_York",
        folder.display()
    );
    import(&home, &words).ok();
    let db = home.db();
    for (symbol, equal, near) in [
        ("AAPL", 0, 125),
        ("AMT", 1, 100),
        ("AMZN", 130, 125),
        ("BAC", 0, 125),
    ] {
        let (minutes, whole) = (held(&db, symbol, "1m"), held(&db, symbol, "15m"));
        let same = |moved: i64| {
            let made = quarters(&minutes, moved);
            made.iter()
                .filter(|(ts, values)| whole.get(ts) == Some(values))
                .count()
        };
        assert_eq!([same(-60), same(0), same(60)], [0, equal, 0], "{symbol}");
        let (made, mut ahead, mut day, mut within) = (quarters(&minutes, 0), 0.0, 0, 0);
        for (ts, values) in &made {
            if ts.div_euclid(86_400) != day {
                (day, ahead) = (ts.div_euclid(86_400), 0.0);
            }
            ahead += values[4] - whole[ts][4];
            let of_minute = |at: i64| minutes.get(&at).map_or(0.0, |minute| minute[4]);
            let is_last = !made.contains_key(&(ts + 900));
            let near = of_minute(ts + 840).max(of_minute(ts + 900));
            within += usize::from(!is_last && f64::abs(ahead) <= near);
        }
        assert_eq!(within, near, "{symbol}");
        say(format!(
            "{symbol}: {equal} of {} quarters are equal",
            made.len()
        ));
    }
}

#[test]
fn offsets_that_change_within_a_file_are_row_for_row_what_the_tables_say() {
    let Some(folder) = fixtures("yfinance") else {
        return;
    };
    let mut compared = 0;
    for path in tables(&folder) {
        let home = Home::new();
        let words = format!(
            "{} --as csv --adjusted split --symbol X --market XLON",
            path.display()
        );
        let report = import(&home, &words).ok().json();
        let timeframe = report["series"][0]["timeframe"]
            .as_str()
            .unwrap()
            .to_owned();
        let start = |text: &str| {
            let at = DateTime::parse_from_rfc3339(&text.replace(' ', "T")).unwrap();
            match timeframe.as_str() {
                "1d" | "1w" => label(at.date_naive()),
                _ => at.timestamp(),
            }
        };
        let expected = rows(&text(&path), [0, 1, 2, 3, 4, 6], 1, start);
        assert_eq!(
            held(&home.db(), "X", &timeframe),
            expected,
            "{}",
            path.display()
        );
        compared += expected.len();
    }
    assert!(compared > 5_000, "{compared}");
    say(format!("{compared} rows compared"));
}

#[test]
fn a_table_without_a_head_line_is_row_for_row_what_it_says() {
    let Some(folder) = fixtures("kraken") else {
        return;
    };
    let home = Home::new();
    let path = folder.join("ohlcvt_XBTUSD_60_first_1000.csv");
    import(
        &home,
        &format!("{} --as csv --market 24/7 --symbol XBTUSD", path.display()),
    )
    .ok();
    let expected = rows(&text(&path), [0, 1, 2, 3, 4, 5], 0, |text| {
        text.parse().unwrap()
    });
    assert_eq!(expected.len(), 1000);
    assert_eq!(held(&home.db(), "XBTUSD", "1h"), expected);
}

/// The text of the one file in an archive.
fn unpacked(path: &Path) -> String {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    zip.by_index(0).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn archives(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            archives(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "zip") {
            all.push(path);
        }
    }
}

#[test]
fn archives_of_lean_are_row_for_row_what_they_say() {
    let Some(folder) = fixtures("lean") else {
        return;
    };
    let home = Home::new();
    import(&home, &format!("{} --as lean", folder.display())).ok();
    let mut paths = Vec::new();
    archives(&folder, &mut paths);
    let mut expected: BTreeMap<(String, &str), Rows> = BTreeMap::new();
    for path in &paths {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = path
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let day = NaiveDate::parse_from_str(&stem.replace("_trade", ""), "%Y%m%d").ok();
        let start = |text: &str| match day {
            None => label(NaiveDate::parse_from_str(&text[..8], "%Y%m%d").unwrap()),
            Some(day) => {
                let millis = chrono::TimeDelta::milliseconds(text.parse().unwrap());
                in_new_york(&(day.and_time(chrono::NaiveTime::MIN) + millis).to_string())
            }
        };
        let key = match day {
            None => (stem.to_uppercase(), "1d"),
            Some(_) => (folder.to_uppercase(), "1m"),
        };
        let rows = rows(&unpacked(path), [0, 1, 2, 3, 4, 5], 0, start);
        let dollars = |[open, high, low, close, volume]: [f64; 5]| {
            [open / 1e4, high / 1e4, low / 1e4, close / 1e4, volume]
        };
        let rows = rows.into_iter().map(|(ts, values)| (ts, dollars(values)));
        expected.entry(key).or_default().extend(rows);
    }
    let mut compared = 0;
    for ((symbol, timeframe), rows) in &expected {
        assert_eq!(
            &held(&home.db(), symbol, timeframe),
            rows,
            "{symbol} {timeframe}"
        );
        compared += rows.len();
    }
    assert!(compared > 50_000, "{compared}");
    say(format!("{compared} rows compared"));
}

#[test]
fn archives_of_a_spot_market_are_row_for_row_what_they_say() {
    let Some(folder) = fixtures("binance_vision") else {
        return;
    };
    let home = Home::new();
    let mut paths = Vec::new();
    archives(&folder, &mut paths);
    let mut expected = Rows::new();
    let mut words = vec!["import".to_owned(), "--as".into(), "binance".into()];
    for path in &paths {
        expected.extend(rows(&unpacked(path), [0, 1, 2, 3, 4, 5], 0, |text| {
            text.parse::<i64>().unwrap() / 1000
        }));
        words.push(path.display().to_string());
    }
    home.cli(words).run().ok();
    assert_eq!(expected.len(), 4320);
    assert_eq!(held(&home.db(), "BTCUSDT", "1m"), expected);
}
