//! `--as binance` and `--as lean`: archives whose names say what is in them.

use std::io::Write;

use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{counts, held, import};
use crate::support::harness::Home;

/// An archive of one file.
pub(super) fn archive(home: &Home, name: &str, member: &str, text: &str) {
    let path = home.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    zip.start_file(member, SimpleFileOptions::default())
        .unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap();
}

fn checksum(home: &Home, name: &str) {
    let digest = Sha256::digest(std::fs::read(home.path(name)).unwrap());
    let digest = digest.iter().map(|byte| format!("{byte:02x}"));
    let digest = digest.collect::<Vec<_>>().concat();
    std::fs::write(
        home.path(&format!("{name}.CHECKSUM")),
        format!("{digest}  {name}\n"),
    )
    .unwrap();
}

/// 2024-12-31 and 2025-01-01: milliseconds, and then microseconds.
const OLD: &str = "1735603200000,1,2,0.5,1.5,7.5,1735603259999,0,3,0,0,0\n1735603260000,2,3,0.5,1.5,8,1735603319999,0,4,0,0,0\n";
const NEW: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n1735689600000000,3,4,0.5,1.5,9,1735689659999999,0,5,0,0,0\n";

#[test]
fn spot_archives_of_milliseconds_and_microseconds_with_and_without_a_head_line_cover_their_days() {
    let home = Home::new();
    for (name, text) in [
        ("BTCUSDT-1m-2024-12-31", OLD),
        ("BTCUSDT-1m-2025-01-01", NEW),
    ] {
        archive(&home, &format!("{name}.zip"), &format!("{name}.csv"), text);
        checksum(&home, &format!("{name}.zip"));
    }
    let report = import(
        &home,
        "BTCUSDT-1m-2024-12-31.zip BTCUSDT-1m-2025-01-01.zip --as binance",
    )
    .ok()
    .json();
    assert_eq!(counts(&report["records"]), [3, 3, 0, 0, 0]);
    assert_eq!(
        held(&home, "BTCUSDT", "1m"),
        [
            "2024-12-31 00:00 1 7.5",
            "2024-12-31 00:01 2 8",
            "2025-01-01 00:00 3 9"
        ]
    );
    assert_eq!(home.db().candles("BTCUSDT", "1m")[2].trades, Some(5));
    assert_eq!(
        home.db().coverage("BTCUSDT", "1m"),
        [(1_735_603_200, 1_735_776_000)]
    );
    let of = "SELECT source || ' ' || adjusted || ' ' || market || ' ' || currency FROM series";
    assert_eq!(home.db().text(of), "binance 0 24/7 USDT");
    assert_eq!(
        report["notes"].as_array().map(Vec::len),
        Some(0),
        "each had its checksum: {report}"
    );
}

#[test]
fn an_archive_that_is_not_what_its_checksum_or_itself_says_is_refused() {
    let home = Home::new();
    let name = "BTCUSDT-1m-2024-12-31";
    archive(&home, &format!("{name}.zip"), &format!("{name}.csv"), OLD);
    std::fs::write(
        home.path(&format!("{name}.zip.CHECKSUM")),
        format!("{}  {name}.zip\n", "0".repeat(64)),
    )
    .unwrap();
    let words = format!("import {name}.zip --as binance");
    home.cli(words.split(' '))
        .run()
        .exit(1)
        .says(&["CHECKSUM", "fetch"]);
    std::fs::remove_file(home.path(&format!("{name}.zip.CHECKSUM"))).unwrap();
    // A byte of what is packed is another one.
    let mut bytes = std::fs::read(home.path(&format!("{name}.zip"))).unwrap();
    bytes[70] ^= 0x55;
    std::fs::write(home.path(&format!("{name}.zip")), bytes).unwrap();
    home.cli(words.split(' '))
        .run()
        .exit(1)
        .says(&["cannot be read"]);
}

#[test]
fn equities_of_lean_are_in_ten_thousandths_of_a_dollar_and_in_new_yorks_time() {
    let home = Home::new();
    let daily = "20240102 00:00,1000000,1010000,990000,1005000,70\n20240103 00:00,1005000,1010000,990000,1005000,80\n";
    archive(&home, "equity/usa/daily/spy.zip", "spy.csv", daily);
    // 09:30 and 09:31; the day on which the clock goes on.
    let minutes =
        "34200000,1000000,1010000,990000,1005000,70\n34260000,1000001,1010000,990000,1005000,80\n";
    archive(
        &home,
        "equity/usa/minute/spy/20240311_trade.zip",
        "20240311_spy_minute_trade.csv",
        minutes,
    );
    archive(
        &home,
        "equity/usa/minute/spy/20240311_quote.zip",
        "20240311_spy_minute_quote.csv",
        "34200000,1,1,1,1,1,1,1,1,1,1\n",
    );
    let report = import(&home, "equity --as lean").ok().json();
    assert_eq!(counts(&report["records"]), [4, 4, 0, 0, 0]);
    assert_eq!(
        held(&home, "SPY", "1d"),
        ["2024-01-02 00:00 100 70", "2024-01-03 00:00 100.5 80"]
    );
    assert_eq!(
        held(&home, "SPY", "1m"),
        ["2024-03-11 13:30 100 70", "2024-03-11 13:31 100.0001 80"]
    );
    assert!(home.db().coverage("SPY", "1d").is_empty());
    home.cli([
        "import",
        "equity/usa/minute/spy/20240311_quote.zip",
        "--as",
        "lean",
    ])
    .run()
    .exit(1)
    .says(&["quotes"]);
}

#[test]
fn crypto_currencies_of_lean_are_in_utc_as_they_are() {
    let home = Home::new();
    let hours = "20240102 08:00,40.1,45.99,40.05,45.5,2.5\n20240102 09:00,45.5,46,45,45.5,1.5\n";
    archive(
        &home,
        "crypto/coinbase/hour/btcusd_trade.zip",
        "btcusd.csv",
        hours,
    );
    import(&home, "crypto --as lean").ok();
    assert_eq!(
        held(&home, "BTCUSD", "1h"),
        ["2024-01-02 08:00 40.1 2.5", "2024-01-02 09:00 45.5 1.5"]
    );
    std::fs::rename(home.path("crypto/coinbase/hour"), home.path("hour")).unwrap();
    home.cli(["import", "hour/btcusd_trade.zip", "--as", "lean"])
        .run()
        .exit(2)
        .says(&["where its symbol trades", "--market"]);
}
