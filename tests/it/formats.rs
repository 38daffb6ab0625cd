//! Files of every released format: this version opens and checks each of them.

use std::path::PathBuf;

use crate::db::Db;
use crate::harness::Home;
use crate::oracle::check_books;

#[test]
fn a_file_of_every_released_format_opens_and_is_sound() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/formats");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        // A copy: opening a file may leave something beside it.
        let home = Home::new();
        std::fs::copy(&path, home.db_path()).unwrap();
        let list = home.cli(["list", "--json"]).run().ok().json();
        let series = list["series"].as_array().unwrap();
        assert!(!series.is_empty(), "{}", path.display());
        for one in series {
            let (symbol, timeframe) = (
                one["symbol"].as_str().unwrap(),
                one["timeframe"].as_str().unwrap(),
            );
            let shown = home
                .cli(["show", symbol, "-t", timeframe, "--tail", "1", "--json"])
                .run()
                .ok()
                .json();
            assert_eq!(
                shown["candles"].as_array().map(Vec::len),
                Some(1),
                "{symbol} {timeframe}"
            );
            assert_eq!(
                one["candles"],
                Db::open(&home.db_path()).candles(symbol, timeframe).len()
            );
        }
        home.cli(["status"]).run().ok();
        check_books(&home.db());
        checked += 1;
    }
    assert!(checked > 0, "no file of a released format");
}
