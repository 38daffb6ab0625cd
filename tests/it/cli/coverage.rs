//! `coverage`: what should be there by the calendar, and what of it is.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::harness::Home;
use crate::support::seeded::say;

/// AAPL of the sample, 2024-01-02 to 2024-03-28, without its candles of some days.
fn sample_without(timeframes: &str, days: &str) -> Home {
    let home = Home::of_sample(&format!(
        "AAPL -t {timeframes} --start 2024-01-02 --end 2024-03-28"
    ));
    home.sql(&format!(
        "DELETE FROM candle_data WHERE date(ts, 'unixepoch') IN ({days});
         UPDATE series SET candles = (SELECT count(*) FROM candle_data WHERE series_id = id),
             first_ts = (SELECT min(ts) FROM candle_data WHERE series_id = id),
             last_ts = (SELECT max(ts) FROM candle_data WHERE series_id = id)"
    ));
    home
}

const HOLE: &str = "'2024-02-05', '2024-02-06', '2024-02-07', '2024-02-08'";

fn coverage(home: &Home) -> Vec<Value> {
    let document = home.cli(["coverage", "--json"]).run().ok().json();
    document["series"].as_array().unwrap().clone()
}

#[test]
fn every_candle_that_the_calendar_expects_is_counted_as_what_became_of_it() {
    let home = sample_without("1d,1m", "'none'");
    let all = coverage(&home);
    assert_eq!(
        all[0],
        json!({
            "symbol": "AAPL", "timeframe": "1d", "market": "XNYS", "start": "2024-01-02T00:00:00Z",
            "end": "2024-03-29T00:00:00Z", "expected": 61, "stored": 61, "nothing": 0, "not_asked": 0, "not_final": 0,
            "rejected": 0, "percent": 100.0, "density": 100.0, "gaps": [],
        })
    );
    // 61 sessions of 960 minutes; the sample has the 390 of the regular hours.
    let minutes = &all[1];
    assert_eq!(
        (
            &minutes["expected"],
            &minutes["stored"],
            &minutes["nothing"]
        ),
        (&json!(58_560), &json!(23_790), &json!(34_770))
    );
    assert_eq!(
        (&minutes["density"], &minutes["gaps"]),
        (&json!(100.0), &json!([]))
    );
}

#[test]
fn a_hole_is_told_alike_in_every_timeframe_and_its_command_mends_it() {
    let home = sample_without("1d,1m,1h", HOLE);
    for series in coverage(&home) {
        let gap = &series["gaps"][0];
        assert_eq!(
            (
                &gap["kind"],
                &gap["sessions"],
                series["gaps"].as_array().unwrap().len()
            ),
            (&json!("hole"), &json!(4), 1),
            "{series}"
        );
        let next = gap["next"].as_str().unwrap();
        let timeframe = series["timeframe"].as_str().unwrap();
        let words = format!(
            " backfill AAPL -t {timeframe} --provider sample --start 2024-02-05 --end 2024-02-08 --refetch-empty"
        );
        assert!(next.ends_with(&words), "{next}");
        home.cli(words.trim().split(' ')).run().ok();
    }
    for series in coverage(&home) {
        assert_eq!(
            (&series["gaps"], &series["density"]),
            (&json!([]), &json!(100.0))
        );
    }
}

#[test]
fn what_was_not_asked_for_and_what_was_rejected_are_counted_apart() {
    let home = sample_without("1d", HOLE);
    let label = |day: &str| format!("unixepoch('{day}')");
    home.sql(&format!(
        "UPDATE coverage SET end_ts = {};
         INSERT INTO coverage SELECT id, {}, {} FROM series;
         INSERT INTO rejected SELECT id, {}, 'open is missing', '', NULL, 0 FROM series",
        label("2024-02-07"),
        label("2024-02-09"),
        label("2024-03-29"),
        label("2024-02-05")
    ));
    let series = &coverage(&home)[0];
    let counts = [
        "expected",
        "stored",
        "nothing",
        "not_asked",
        "rejected",
        "percent",
    ];
    assert_eq!(
        counts.map(|name| series[name].clone()),
        [
            json!(61),
            json!(57),
            json!(1),
            json!(2),
            json!(1),
            json!(96.72)
        ]
    );
    let kinds: Vec<&Value> = series["gaps"].as_array().unwrap().iter().collect();
    let kinds: Vec<(&Value, &Value)> = kinds
        .iter()
        .map(|gap| (&gap["kind"], &gap["sessions"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!("hole"), &json!(2)),
            (&json!("not_asked"), &json!(2))
        ]
    );
}

#[test]
fn people_see_a_line_a_year_and_a_cell_a_week() {
    let home = sample_without("1d", HOLE);
    let text = home.cli(["coverage", "AAPL"]).run().ok().stdout;
    assert!(text.contains("  2024 #####+#######\n"), "{text}");
    assert!(
        text.contains("2024-02-05 to 2024-02-08, 4 sessions: nothing there"),
        "{text}"
    );
    assert!(text.contains("density 93.44 %"), "{text}");
    assert!(text.contains("# all sessions"), "{text}");
    home.cli(["coverage", "MSFT"]).run().exit(1);
}

#[test]
fn a_candle_outside_of_trading_hours_stands_for_no_other() {
    let home = sample_without("1d", "'2024-02-05'");
    home.sql(
        "INSERT INTO candle_data SELECT series_id, unixepoch('2024-02-10'), open, high, low, close, volume, vwap, trades, slice_id
             FROM candle_data LIMIT 1;
         INSERT INTO quality_issues SELECT id, unixepoch('2024-02-10'), 'off_session', '' FROM series;
         UPDATE series SET candles = candles + 1",
    );
    let series = &coverage(&home)[0];
    let counts = ["expected", "stored", "nothing"].map(|name| series[name].clone());
    assert_eq!(counts, [json!(61), json!(60), json!(1)]);
}

#[test]
fn a_series_that_was_never_listed_has_nothing_before() {
    let home = sample_without("1d", "'none'");
    home.sql(
        "DELETE FROM candle_data; UPDATE series SET candles = 0, first_ts = NULL, last_ts = NULL;
         INSERT INTO empty_spans SELECT series_id, start_ts, end_ts, 0, 1 FROM coverage; DELETE FROM coverage",
    );
    let series = &coverage(&home)[0];
    assert_eq!(
        (&series["nothing"], &series["density"]),
        (&json!(61), &Value::Null)
    );
    let gap = &series["gaps"][0];
    assert_eq!(
        (&gap["kind"], &gap["sessions"]),
        (&json!("before"), &json!(61))
    );
}

#[test]
fn a_page_of_its_own_opens_months_to_days_and_asks_nobody_for_anything() {
    let home = sample_without("1m,1d", HOLE);
    let page = home.path("coverage.html");
    let write = |words: &str| {
        let path = page.to_str().unwrap();
        home.cli(["coverage", "--html", path]).args(words).run()
    };
    let said = write("AAPL").ok().stdout;
    assert!(said.starts_with("coverage of 2 series to "), "{said}");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("default-src 'none'"), "{text}");
    assert!(!text.contains("://"), "it names another place");
    assert!(text.len() < 30_000, "{} bytes", text.len());
    write("AAPL").exit(1).says(&["coverage.html"]);
    write("-t 1d --overwrite").ok();
    write("--json").exit(2);
    let db = home.db_path();
    home.cli(["coverage", "--overwrite", "--html"])
        .arg(&db)
        .run()
        .exit(1);
    write("--overwrite").ok();
    let Some(browser) = std::env::var_os("CANDLEFILE_BROWSER") else {
        say("skipped: CANDLEFILE_BROWSER names no folder (.ci/browser makes one)".into());
        return;
    };
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/coverage.mjs");
    for scenario in ["keys", "looks"] {
        let mut command = Command::new("node");
        command.arg(&driver).arg(scenario);
        command.arg(format!("file://{}", page.display()));
        let done = command.env("CANDLEFILE_BROWSER", &browser).output();
        let done = done.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{scenario}\n{said}");
    }
}

#[test]
fn weeks_and_months_are_told_as_such() {
    let home = sample_without("1w,1mo", "'2024-02-04', '2024-02-01'");
    let text = home.cli(["coverage"]).run().ok().stdout;
    for words in [
        "2024-02-04 to 2024-02-10, 1 week: nothing there",
        "2024-02-01 to 2024-02-29, 1 month: nothing there",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn what_is_not_final_goes_by_the_rule_of_the_job_that_asked() {
    let home = Home::of_sample("AAPL -t 1d --start 60d");
    home.sql(
        "UPDATE coverage SET end_ts = (unixepoch() / 86400 - 20) * 86400;
         DELETE FROM candle_data WHERE ts >= (SELECT end_ts FROM coverage);
         UPDATE series SET candles = (SELECT count(*) FROM candle_data), last_ts = (SELECT max(ts) FROM candle_data),
             tail_asked_at = NULL, tail_asked_from = NULL, tail_asked_to = NULL",
    );
    let not_asked = || coverage(&home)[0]["not_asked"].as_i64().unwrap();
    assert!(not_asked() > 8);
    home.sql("UPDATE backfill_jobs SET final_after_s = 30 * 86400");
    assert_eq!(not_asked(), 0);
}
