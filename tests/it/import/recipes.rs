//! The commands of `docs/recipes.md` that bring in what people have, each with a file as its program writes it.

use super::archives::archive;
use super::{counts, import, write, write_gz};
use crate::support::harness::Home;

const PAGE: &str = include_str!("../../../docs/recipes.md");

/// What follows `candlefile import` in each of them.
fn commands() -> impl Iterator<Item = &'static str> {
    let (_, section) = PAGE.split_once("\n## Bringing your own").unwrap();
    section
        .split('`')
        .filter_map(|code| code.strip_prefix("candlefile import "))
}

const TABLES: [(&str, &str); 8] = [
    (
        "BTC_USDT-1h.csv",
        "date,open,high,low,close,volume\n1704067200000,1,2,0.5,1.5,7\n1704070800000,2,3,1.5,2.5,8\n",
    ),
    (
        "yahoo.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\nDate,,,,,,,,,,\n2024-01-02,1,2,1,2,1,2,1,2,10,20\n2024-01-03,1,,1,,1,,1,,10,\n",
    ),
    (
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,1,2,0.5,1.5,1.4,7\n2024-01-03,2,3,0.5,1.5,1.4,8\n",
    ),
    (
        "EURUSD_M15.csv",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t00:00:00\t1\t2\t0.5\t1.5\t7\t0\t1\n2024.01.02\t00:15:00\t2\t3\t0.5\t1.5\t8\t0\t1\n",
    ),
    (
        "aapl.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,D,20240102,000000,1,2,0.5,1.5,7,0\nAAPL.US,D,20240103,000000,2,3,0.5,1.5,8,0\n",
    ),
    (
        "SPY.csv",
        "time,open,high,low,close,Volume\n1704205800,1,2,0.5,1.5,7\n1704206100,2,3,0.5,1.5,8\n",
    ),
    (
        "XBTUSD_60.csv",
        "1381093200,122.0,122.0,122.0,122.0,0.1,1\n1381096800,123.61,123.61,123.61,123.61,0.2,1\n",
    ),
    (
        "SAP.csv",
        "Datum;Erster;Hoch;Tief;Schluss;Volumen\n02.01.2024;1,5;2,5;0,5;1,5;10\n15.01.2024;2,5;3,5;0,5;1,5;20\n16.01.2024;2,5;3,5;0,5;1,5;20\n",
    ),
];

#[test]
fn the_recipes_bring_in_what_people_have() {
    let mut tried = 0;
    for command in commands() {
        let home = Home::new();
        let file = command.split(' ').next().unwrap();
        match file {
            "Data" => archive(
                &home,
                "Data/equity/usa/daily/spy.zip",
                "spy.csv",
                "20240102 00:00,1000000,1010000,990000,1005000,70\n",
            ),
            "BTCUSDT-1m-2024-12-31.zip" => archive(
                &home,
                file,
                "BTCUSDT-1m-2024-12-31.csv",
                "1735603200000,1,2,0.5,1.5,7.5,1735603259999,0,3,0,0,0\n",
            ),
            "us_stocks_sip" => write_gz(
                &home,
                "us_stocks_sip/minute_aggs_v1/2024/01/2024-01-02.csv.gz",
                "ticker,volume,open,close,high,low,window_start,transactions\nA,100,1,1,1,1,1704207600000000000,3\n",
            ),
            #[cfg(feature = "parquet")]
            "BTC_USDT-1h.feather" => super::columnar::feather(&home, file),
            #[cfg(not(feature = "parquet"))]
            "BTC_USDT-1h.feather" => continue,
            _ => {
                let (_, text) = TABLES.iter().find(|(name, _)| *name == file).unwrap();
                write(&home, file, text);
            }
        }
        let report = import(&home, command).ok().json();
        let [fetched, inserted, ..] = counts(&report["records"]);
        assert!(fetched > 0 && inserted == fetched, "{command}: {report}");
        tried += 1;
    }
    assert!(tried >= 11, "{tried}");
}
