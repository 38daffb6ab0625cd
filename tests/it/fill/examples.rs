//! The examples, as somebody who begins with them uses them.

use std::ffi::OsString;
use std::fs;
use std::sync::Arc;

use candlefile::backfill::{Request, Runner, run};
use candlefile::model::{JobStatus, Policy, SeriesKey, Span};
use candlefile::provider::{Registry, Setup};
use candlefile::{Cancel, Store, SystemClock};

use crate::support::harness::Home;

#[allow(dead_code)] // Each is a program of its own.
#[path = "../../../examples/custom_provider.rs"]
mod custom_provider;
#[allow(dead_code)]
#[path = "../../../examples/hand_in_csv.rs"]
mod hand_in_csv;
#[allow(dead_code)]
#[path = "../../../examples/read_candles.rs"]
mod read_candles;

/// Three days from 2024-01-02 on, stamped with New York's midnight; the second has no high, and the first day of the file is
/// none that is asked for.
const DAYS: &str = "stamp_ms,open,high,low,close,volume
1703826000000,1,2,0.5,1.5,10
1704171600000,187.15,188.44,183.89,185.64,82488700
1704258000000,184.22,high,183.43,184.25,58414500
1704344400000,182.15,183.09,180.88,181.91,71983600
";

#[test]
fn a_provider_of_ones_own_is_asked_through_the_same_path() {
    let home = Home::new();
    fs::write(home.path("AAPL-1d.csv"), DAYS).unwrap();
    let registry = Registry::default().with(custom_provider::spec(&home.path("")));
    let spec = registry.get("folder").expect("it was added");
    let clock = Arc::new(SystemClock::default());
    let setup = Setup {
        base_url: None,
        key: None,
        rate: spec.default_rate,
        clock: clock.clone(),
    };
    let runner = Runner {
        provider: (spec.make)(setup).unwrap(),
        clock,
        cancel: Cancel::new(),
        workers: 2,
        rate: None,
        policy: Policy::default(),
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        wait: false,
    };
    let key = |symbol: &str| SeriesKey {
        symbol: symbol.parse().unwrap(),
        timeframe: "1d".parse().unwrap(),
        source: "folder".to_owned(),
        adjusted: candlefile::model::Adjustment::Raw,
        listing: candlefile::model::Listing::on(candlefile::model::MarketCode::XNYS),
    };
    let january = Span::new(1_704_067_200, 1_704_412_800).unwrap();
    let request = |symbol: &str| Request {
        command: "backfill",
        series: vec![(key(symbol), january)],
        start_words: None,
        end_words: None,
    };
    let mut store = Store::create(&home.db_path()).unwrap();
    let report = run(&mut store, &request("AAPL"), &runner, &()).unwrap();
    assert_eq!(report.status, JobStatus::Completed, "{report:?}");
    let counts = report.records;
    assert_eq!(
        (counts.fetched, counts.inserted, counts.rejected),
        (3, 2, 1)
    );
    assert!(counts.add_up());
    let missing = run(&mut store, &request("MSFT"), &runner, &()).unwrap();
    assert_eq!(missing.status, JobStatus::Partial, "no file, no data");
    drop(store);
    let days = home.db().candles("AAPL", "1d");
    let starts: Vec<i64> = days.iter().map(|candle| candle.ts).collect();
    assert_eq!(starts, [1_704_153_600, 1_704_326_400]);
    let rejected = "SELECT reason || ' ' || raw FROM rejected";
    assert_eq!(
        home.db().text(rejected),
        "high is not a number 1704258000000,184.22,high,183.43,184.25,58414500"
    );
    let last = read_candles::last_five(&home.db_path(), "AAPL", "1d").unwrap();
    assert_eq!(
        last,
        ["1704153600 185.64 82488700", "1704326400 181.91 71983600"]
    );
}

#[test]
fn a_provider_is_asked_for_its_own_timeframes_in_its_own_cells() {
    let home = Home::new();
    let header = DAYS.lines().next().unwrap();
    // A minute of 2024-01-02 and one of half a year later: of 75 days a cell would hold one alone.
    let minutes = "1704204000000,1,2,0.5,1.5,10\n1719410400000,1,2,0.5,1.5,10";
    fs::write(home.path("AAPL-1m.csv"), format!("{header}\n{minutes}\n")).unwrap();
    let asked = |timeframe: &str| {
        let words = format!(
            "candlefile backfill AAPL -t {timeframe} --provider folder --start 2024-01-02 --end 2024-06-30 -q --db"
        );
        let words = words.split(' ').map(OsString::from);
        let registry = Registry::default().with(custom_provider::spec(&home.path("")));
        candlefile::cli::main_with(registry, words.chain([home.db_path().into()]))
    };
    assert_eq!(asked("2h"), 2);
    assert!(
        !home.db_path().exists(),
        "refused before anything is recorded"
    );
    assert_eq!(asked("1m"), 0);
    let db = home.db();
    assert_eq!(db.candles("AAPL", "1m").len(), 2);
    assert_eq!(
        db.0.query_row("SELECT count(*) FROM backfill_progress", [], |row| row
            .get::<_, i64>(0))
            .unwrap(),
        1
    );
}

#[test]
fn candles_from_elsewhere_are_handed_in() {
    let home = Home::new();
    let table = "ts,open,high,low,close,volume\n1704153600,1,2,0.5,1.5,10\n";
    let hand_in = || {
        let made = hand_in_csv::hand_in(&home.db_path(), "OWN", "1d", table.as_bytes());
        let counts = made.unwrap();
        (counts.inserted, counts.duplicate)
    };
    assert_eq!((hand_in(), hand_in()), ((1, 0), (0, 1)));
    let bad = hand_in_csv::hand_in(&home.db_path(), "OWN", "1d", "ts\n1,2\n".as_bytes());
    assert!(bad.unwrap_err().to_string().contains("2 columns"));
}
