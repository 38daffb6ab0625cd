//! What a file does not say is asked for, and nothing is written before it was said.

use super::{held, import, write};
use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::server::Server;

const TIMES: &str = "datetime,open,high,low,close,volume\n2024-01-02 09:30:00,1,2,0.5,1.5,7\n2024-01-02 09:31:00,2,3,0.5,1.5,8\n2024-01-02 09:32:00,2,3,0.5,1.5,8\n";

#[test]
fn what_cannot_be_known_is_asked_for_with_the_option_that_says_it() {
    let home = Home::new();
    let server = Server::start();
    write(&home, "AAPL.csv", TIMES);
    write(&home, "two words.csv", &TIMES.replace(":00,", ":00Z,"));
    write(&home, "odd.csv", "a,b,c,d,e\n2024-01-02,1,2,0.5,1.5\n");
    write(
        &home,
        "one.csv",
        "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.5,7\n",
    );
    write(
        &home,
        "first.csv",
        "date,open,high,low,close,volume\n01/02/2024,1,2,0.5,1.5,7\n02/02/2024,1,2,0.5,1.5,7\n",
    );
    write(
        &home,
        "mixed.csv",
        "date,open,high,low,close,volume\n01/02/2024,1,2,0.5,1.5,7\n31/01/2024,1,2,0.5,1.5,7\n01/31/2024,1,2,0.5,1.5,7\n",
    );
    write(
        &home,
        "side.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,A,B,A,B,A,B,A,B\nDate,,,,,,,,\n2024-01-02,1,2,1,2,1,2,1,2\n",
    );
    write(
        &home,
        "ends.csv",
        "date,open,high,low,close,volume\n2024-01-31,1,2,0.5,1.5,7\n2024-02-29,1,2,0.5,1.5,7\n2024-03-31,1,2,0.5,1.5,7\n",
    );
    write(
        &home,
        "several.csv",
        "symbol,date,open,high,low,close,volume\nA,2024-01-02,1,2,0.5,1.5,7\nB,2024-01-02,1,2,0.5,1.5,7\n",
    );
    for (words, named) in [
        (
            "AAPL.csv --adjusted none",
            &[
                "no zone",
                "2024-01-02T14:30:00Z",
                "America/New_York",
                "--tz",
            ][..],
        ),
        (
            "AAPL.csv --tz ET",
            &["adjusted?", "--adjusted none", "--adjusted total"],
        ),
        (
            "two_words.csv --adjusted none",
            &["whose candles", "--symbol"],
        ),
        ("odd.csv --adjusted none", &["which column", "--columns"]),
        (
            "one.csv --adjusted none",
            &["how long a candle is", "-t 1d"],
        ),
        (
            "first.csv --adjusted none",
            &[
                "nothing tells which",
                "01/02/2024   2024-02-01   2024-01-02",
                "--dates dmy",
                "--dates mdy",
            ],
        ),
        (
            "mixed.csv --adjusted none",
            &[
                "others the month",
                "31/01/2024   2024-01-31   none",
                "01/31/2024   none   2024-01-31",
            ],
        ),
        (
            "side.csv --adjusted none --symbol A",
            &["several symbols", "A and B", "--symbol"],
        ),
        (
            "ends.csv --adjusted none",
            &["other days than the first", "--stamp end"],
        ),
        (
            "several.csv --adjusted none --symbol A",
            &["several symbols", "--symbol"],
        ),
        (
            "AAPL.csv --tz ET --adjusted none --market XXXX",
            &["no market XXXX"],
        ),
    ] {
        refused(
            &home,
            &server,
            &format!("import --as csv {words}"),
            2,
            named,
        );
    }
}

#[test]
fn what_is_wrong_with_all_files_is_told_before_anything_is_written() {
    let home = Home::new();
    let server = Server::start();
    write(&home, "AAPL.csv", TIMES);
    write(&home, "empty.csv", "\n");
    std::fs::write(home.path("packed.csv"), b"PAR1\0\0").unwrap();
    std::fs::create_dir(home.path("folder")).unwrap();
    write(&home, "folder/notes.md", "nothing of use");
    for (words, named) in [
        ("nowhere.csv", &["nowhere.csv", "no such file"][..]),
        ("folder", &["folder", "no such files"]),
        ("/dev/null", &["/dev/null", "it is no file", "import that"]),
        ("packed.csv --adjusted none", &["it is no text"]),
        (
            "AAPL.csv --tz ET --adjusted none -t 5m",
            &["1 minute apart", "5m", "-t 1m"],
        ),
        ("empty.csv --adjusted none -t 1d", &["no rows"]),
    ] {
        refused(
            &home,
            &server,
            &format!("import --as csv {words}"),
            1,
            named,
        );
    }
}

#[test]
fn a_timeframe_a_stamp_and_a_zone_that_are_said_hold() {
    let home = Home::new();
    write(&home, "AAPL.csv", TIMES);
    import(
        &home,
        "AAPL.csv --as csv --tz America/New_York --adjusted none --stamp end -t 1m",
    )
    .ok();
    assert_eq!(
        held(&home, "AAPL", "1m"),
        [
            "2024-01-02 14:29 1 7",
            "2024-01-02 14:30 2 8",
            "2024-01-02 14:31 2 8"
        ]
    );
    write(
        &home,
        "M.csv",
        "date,open,high,low,close,volume\n2024-01-31,1,2,0.5,1.5,7\n2024-02-29,1,2,0.5,1.5,7\n2024-03-31,1,2,0.5,1.5,7\n",
    );
    import(&home, "M.csv --as csv --adjusted none --stamp end").ok();
    assert_eq!(
        held(&home, "M", "1mo"),
        [
            "2024-01-01 00:00 1 7",
            "2024-02-01 00:00 1 7",
            "2024-03-01 00:00 1 7"
        ]
    );
    write(
        &home,
        "D.csv",
        "date,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.5,7\n2024-01-03,1,2,0.5,1.5,7\n",
    );
    import(&home, "D.csv --as csv --adjusted none --stamp end").ok();
    assert_eq!(
        held(&home, "D", "1d"),
        ["2024-01-02 00:00 1 7", "2024-01-03 00:00 1 7"],
        "an end-stamped day keeps its date"
    );
}

/// Half hours of the night in which New York's clock went back, in the order of time.
const FOLD: [&str; 7] = [
    "00:30", "01:00", "01:30", "01:00", "01:30", "02:00", "02:30",
];

fn night(order: impl Iterator<Item = (usize, &'static str)>) -> String {
    let rows = order.map(|(n, at)| format!("2024-11-03 {at},{n},{n},{n},{n},1\n"));
    let rows = rows.collect::<Vec<_>>().concat();
    format!("date,open,high,low,close,volume\n{rows}")
}

#[test]
fn an_hour_that_the_clock_shows_twice_is_told_apart_by_the_order_of_rows_or_is_an_error() {
    let rows = || (1..).zip(FOLD);
    for (name, text) in [
        ("old.csv", night(rows())),
        (
            "new.csv",
            night(rows().collect::<Vec<_>>().into_iter().rev()),
        ),
    ] {
        let home = Home::new();
        write(&home, name, &text);
        let words = "--as csv --market 24/7 --tz America/New_York --symbol BTC";
        import(&home, &format!("{name} {words}")).ok();
        let times = [
            "04:30", "05:00", "05:30", "06:00", "06:30", "07:00", "07:30",
        ];
        let expected: Vec<String> = (1..)
            .zip(times)
            .map(|(n, at)| format!("2024-11-03 {at} {n} 1"))
            .collect();
        assert_eq!(held(&home, "BTC", "30m"), expected, "{name}");
        // Once only: nothing tells which of the two hours it is.
        let home = Home::new();
        let once = rows().filter(|(n, _)| ![2, 3].contains(n));
        write(&home, name, &night(once));
        let report = import(&home, &format!("{name} {words}")).exit(3).json();
        let error = report["files"][0]["error"].as_str().unwrap();
        assert!(
            error.contains("shows this time twice") && error.contains("line 3"),
            "{error}"
        );
        assert_eq!(report["files"][0]["status"], "failed");
    }
}

#[test]
fn a_file_that_is_wrong_does_not_keep_the_others_from_being_imported() {
    let home = Home::new();
    write(&home, "AAPL.csv", TIMES);
    write(&home, "B.csv", "nothing of use\n");
    let report = import(
        &home,
        "AAPL.csv B.csv gone.csv --as csv --tz ET --adjusted none",
    )
    .exit(3)
    .json();
    let statuses: Vec<&str> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        (report["status"].as_str(), statuses),
        (Some("partial"), vec!["imported", "failed", "failed"])
    );
    assert_eq!(held(&home, "AAPL", "1m").len(), 3);
    // Held from another source.
    let bound = import(&home, "AAPL.csv --as csv --tz ET --adjusted split")
        .exit(3)
        .json();
    let error = bound["files"][0]["error"].as_str().unwrap();
    assert!(error.contains("AAPL 1m"), "{error}");
}
