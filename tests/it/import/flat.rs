//! `--as polygon-flat`: the days of a data set, on which a backfill goes on.

use super::{counts, held, import, write_gz};
use crate::support::harness::Home;
use crate::support::server::Server;

const HEAD: &str = "ticker,volume,open,close,high,low,window_start,transactions\n";

/// A minute of 2024, January, New York 10:00 and so many minutes more.
fn row(ticker: &str, day: i64, minute: i64, open: i64) -> String {
    let start = (1_704_067_200 + (day - 1) * 86_400 + 15 * 3600 + minute * 60) * 1_000_000_000;
    format!("{ticker},100,{open},{open},{open},{open},{start},3\n")
}

fn day_of(home: &Home, day: i64, rows: &[String]) {
    let name = format!("flat/us_stocks_sip/minute_aggs_v1/2024/01/2024-01-{day:02}.csv.gz");
    write_gz(home, &name, &format!("{HEAD}{}", rows.concat()));
}

#[test]
fn a_days_file_is_of_the_provider_and_covers_its_day_for_all_series_of_its_data_set() {
    let home = Home::new();
    day_of(
        &home,
        2,
        &[row("A", 2, 0, 10), row("A", 2, 1, 11), row("B", 2, 0, 20)],
    );
    day_of(&home, 3, &[row("A", 3, 0, 12)]);
    let report = import(&home, "flat --as polygon-flat").ok().json();
    assert_eq!(counts(&report["records"]), [4, 4, 0, 0, 0]);
    assert_eq!(
        held(&home, "A", "1m"),
        [
            "2024-01-02 15:00 10 100",
            "2024-01-02 15:01 11 100",
            "2024-01-03 15:00 12 100"
        ]
    );
    let of =
        "SELECT DISTINCT source || ' ' || adjusted || ' ' || market || ' ' || currency FROM series";
    assert_eq!(home.db().text(of), "polygon 0 XNYS USD");
    let midnight = |day: i64| 1_704_067_200 + (day - 1) * 86_400 + 5 * 3600;
    for symbol in ["A", "B"] {
        assert_eq!(
            home.db().coverage(symbol, "1m"),
            [(midnight(2), midnight(4))],
            "{symbol}"
        );
    }
    // What is covered is not asked for.
    let server = Server::start();
    home.backfill(&server, "A B -t 1m --start 2024-01-02 --end 2024-01-03")
        .ok();
    assert_eq!(server.hits(), 0);
}

#[test]
fn days_are_labels_and_their_timeframe_is_asked_for_where_no_folder_says_it() {
    let home = Home::new();
    let midnight = (1_704_067_200 + 86_400 + 5 * 3600) * 1_000_000_000_i64;
    let text = format!("{HEAD}A,100,1,2,3,0.5,{midnight},3\nBRK.B,100,1,2,3,0.5,{midnight},3\n");
    write_gz(&home, "2024-01-02.csv.gz", &text);
    home.cli(["import", "2024-01-02.csv.gz", "--as", "polygon-flat"])
        .run()
        .exit(2)
        .says(&["how long", "-t 1m"]);
    import(&home, "2024-01-02.csv.gz --as polygon-flat -t 1d").ok();
    assert_eq!(held(&home, "BRK.B", "1d"), ["2024-01-02 00:00 1 100"]);
    write_gz(
        &home,
        "minute_aggs_v1/x.csv.gz",
        "date,open\n2024-01-02,1\n",
    );
    home.cli(["import", "minute_aggs_v1", "--as", "polygon-flat"])
        .run()
        .exit(1)
        .says(&["no column", "a file of this format"]);
    home.cli(["import", "x", "--as", "polygon-flat", "--adjusted", "none"])
        .run()
        .exit(2)
        .says(&["says itself"]);
}
