//! `--as csv`: tables of many programs, row for row.

use serde_json::json;

use super::{counts, held, import, write, write_gz};
use crate::support::checker::check_books;
use crate::support::harness::Home;

const DAYS: &str = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,100\n2024-01-03,11,13,10,12,200.5\n2024-01-04,12,14,11,13,300\n";

#[test]
fn a_table_of_days_becomes_a_series_with_a_job_and_counts_that_add_up() {
    let home = Home::new();
    write(&home, "AAPL.csv", DAYS);
    let report = import(&home, "AAPL.csv --as csv --adjusted none --currency USD")
        .ok()
        .json();
    assert_eq!(report["status"], "completed");
    assert_eq!(counts(&report["records"]), [3, 3, 0, 0, 0]);
    assert_eq!(report["files"][0]["status"], "imported");
    assert_eq!(counts(&report["files"][0]["records"]), [3, 3, 0, 0, 0]);
    let series = &report["series"][0];
    assert_eq!(
        json!([
            series["symbol"],
            series["timeframe"],
            series["start"],
            series["end"],
            series["market"],
            series["currency"]
        ]),
        json!([
            "AAPL",
            "1d",
            "2024-01-02T00:00:00Z",
            "2024-01-05T00:00:00Z",
            "XNYS",
            "USD"
        ])
    );
    assert_eq!(
        held(&home, "AAPL", "1d"),
        [
            "2024-01-02 00:00 10 100",
            "2024-01-03 00:00 11 200.5",
            "2024-01-04 00:00 12 300"
        ]
    );
    let of = "SELECT source || ' ' || adjusted || ' ' || market || ' ' || grid FROM series";
    assert_eq!(home.db().text(of), "csv 0 XNYS utc");
    let provisional = "SELECT count(*) FROM candle_data WHERE slice_id IS NOT NULL";
    assert_eq!(
        home.db().count(provisional),
        0,
        "handed in, and so never provisional"
    );
    assert!(
        home.db().coverage("AAPL", "1d").is_empty(),
        "a table covers nothing"
    );
    let job = home.cli(["status", "--json"]).run().ok().json();
    let job = &job["jobs"][0];
    assert_eq!(
        json!([
            job["command"],
            job["status"],
            job["symbols"],
            job["timeframes"]
        ]),
        json!(["import", "completed", ["AAPL"], ["1d"]])
    );
    assert_eq!(counts(&job["records"]), [3, 3, 0, 0, 0]);
    check_books(&home.db());
    home.cli(["verify", "market.db"]).run();
}

#[test]
fn the_usual_spellings_of_many_programs_are_understood() {
    let day = |name: &str, text: &str, words: &str| {
        let home = Home::new();
        write(&home, name, text);
        let report = import(&home, &format!("{name} --as csv {words}"))
            .ok()
            .json();
        let series = &report["series"][0];
        let (symbol, timeframe) = (
            series["symbol"].as_str().unwrap(),
            series["timeframe"].as_str().unwrap(),
        );
        format!(
            "{symbol} {timeframe}: {}",
            held(&home, symbol, timeframe).join(", ")
        )
    };
    // freqtrade, with milliseconds.
    let text = "date,open,high,low,close,volume\n1704067200000,1,2,0.5,1.5,7\n1704070800000,2,3,1.5,2.5,8\n";
    assert_eq!(
        day("BTC_USDT-1h.csv", text, "--market 24/7"),
        "BTC_USDT 1h: 2024-01-01 00:00 1 7, 2024-01-01 01:00 2 8"
    );
    // yfinance: newest first, offsets that change within the file.
    let text = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n2024-03-11 00:00:00-04:00,2,3,1,2,2,20,0.0,0.0\n2024-03-08 00:00:00-05:00,1,2,1,1,1,10,0.0,0.0\n2024-03-07 00:00:00-05:00,1,2,1,1,1,9,0.0,0.0\n";
    assert_eq!(
        day("A.csv", text, "--adjusted split"),
        "A 1d: 2024-03-07 00:00 1 9, 2024-03-08 00:00 1 10, 2024-03-11 00:00 2 20"
    );
    // yfinance of today: two lines of names and one of the index.
    let text = "Price,Close,High,Low,Open,Volume\nTicker,MSFT,MSFT,MSFT,MSFT,MSFT\nDate,,,,,\n2024-01-02,4,5,1,2,20\n2024-01-03,4,5,1,3,30\n";
    assert_eq!(
        day("x.csv", text, "--adjusted total"),
        "MSFT 1d: 2024-01-02 00:00 2 20, 2024-01-03 00:00 3 30"
    );
    // Stooq.
    let text = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nAAPL.US,D,20240102,000000,1,2,0.5,1.5,7,0\nAAPL.US,D,20240103,000000,2,3,0.5,1.5,8,0\n";
    assert_eq!(
        day("aapl.us.txt", text, "--adjusted split"),
        "AAPL.US 1d: 2024-01-02 00:00 1 7, 2024-01-03 00:00 2 8"
    );
    // TradingView.
    let text = "time,open,high,low,close,Volume,Volume MA\n2024-01-02T14:30:00Z,1,2,0.5,1.5,7,9\n2024-01-02T14:35:00Z,2,3,0.5,1.5,8,9\n";
    assert_eq!(
        day("SPY.csv", text, "--adjusted none"),
        "SPY 5m: 2024-01-02 14:30 1 7, 2024-01-02 14:35 2 8"
    );
    // MetaTrader: its server shows New York's time and seven hours more.
    let text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t00:00:00\t1\t2\t0.5\t1.5\t7\t0\t1\n2024.01.02\t00:15:00\t2\t3\t0.5\t1.5\t8\t0\t1\n";
    let words = "--symbol C:EURUSD --tz America/New_York+7h";
    assert_eq!(
        day("EURUSD_M15.csv", text, words),
        "C:EURUSD 15m: 2024-01-01 22:00 1 7, 2024-01-01 22:15 2 8"
    );
    // Kraken: no head line.
    let text =
        "1381093200,122.0,122.0,122.0,122.0,0.1,1\n1381096800,123.61,123.61,123.61,123.61,0.2,1\n";
    assert_eq!(
        day("XBTUSD_60.csv", text, "--market 24/7"),
        "XBTUSD 1h: 2013-10-06 21:00 122 0.1, 2013-10-06 22:00 123.61 0.2"
    );
    // Semicolons and decimal commas.
    let text = "Datum;O;H;L;C;Umsatz\n02.01.2024;1,5;2,5;0,5;1,5;10\n15.01.2024;2,5;3,5;0,5;1,5;20\n16.01.2024;2,5;3,5;0,5;1,5;20\n";
    let words = "--columns ts=Datum,open=O,high=H,low=L,close=C,volume=Umsatz --adjusted none";
    assert_eq!(
        day("SAP.csv", text, words),
        "SAP 1d: 2024-01-02 00:00 1.5 10, 2024-01-15 00:00 2.5 20, 2024-01-16 00:00 2.5 20"
    );
}

/// Its text as programs for Windows export it.
fn utf16(text: &str) -> Vec<u8> {
    let units = format!("\u{feff}{text}");
    units.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn text_in_utf_16_is_the_text_that_it_is() {
    let home = Home::new();
    let text = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\r\n2024.01.02\t00:00:00\t1\t2\t0.5\t1.5\t7\r\n2024.01.02\t00:15:00\t2\t3\t0.5\t1.5\t8\r\n";
    std::fs::write(home.path("EURUSD_M15.csv"), utf16(text)).unwrap();
    import(&home, "EURUSD_M15.csv --as csv --market FX --tz UTC").ok();
    assert_eq!(
        held(&home, "EURUSD", "15m"),
        ["2024-01-02 00:00 1 7", "2024-01-02 00:15 2 8"]
    );
}

#[test]
fn dates_with_the_day_or_the_month_first_are_read_as_they_prove_or_as_was_said() {
    let dates = |dates: [&str; 3], words: &str| {
        let home = Home::new();
        let rows = dates.map(|date| format!("{date},1,2,0.5,1.5,7\n")).concat();
        write(
            &home,
            "A.csv",
            &format!("date,open,high,low,close,volume\n{rows}"),
        );
        import(
            &home,
            format!("A.csv --as csv --market 24/7 --tz UTC {words}").trim(),
        )
        .ok();
        let sql = "SELECT group_concat(datetime, ' ') FROM (SELECT datetime FROM market_data ORDER BY ts)";
        home.db().text(sql)
    };
    let days = |of: &str| of.replace("T00:00:00Z", "");
    let proven = dates(["1/12/2024", "1/13/2024", "1/14/2024"], "");
    assert_eq!(days(&proven), "2024-01-12 2024-01-13 2024-01-14");
    let proven = dates(["12.1.2024", "13.1.2024", "14.1.2024"], "");
    assert_eq!(days(&proven), "2024-01-12 2024-01-13 2024-01-14");
    let open = ["01/02/2024", "02/02/2024", "03/02/2024"];
    assert_eq!(
        days(&dates(open, "--dates dmy")),
        "2024-02-01 2024-02-02 2024-02-03"
    );
    assert_eq!(
        days(&dates(open, "--dates mdy -t 1mo --stamp end")),
        "2024-01-01 2024-02-01 2024-03-01"
    );
    let halves = [
        "1/13/2024 11:00 AM",
        "1/13/2024 12:00 PM",
        "1/13/2024 1:00 PM",
    ];
    assert_eq!(
        dates(halves, ""),
        "2024-01-13T11:00:00Z 2024-01-13T12:00:00Z 2024-01-13T13:00:00Z"
    );
}

#[test]
fn the_columns_of_several_symbols_side_by_side_are_rows_of_each_of_them() {
    let home = Home::new();
    // Of A there was nothing on the third day, which is no row of it.
    for (name, head) in [
        (
            "prices.csv",
            "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,A,B,A,B,A,B,A,B,A,B\n",
        ),
        (
            "tickers.csv",
            ",A,B,A,B,A,B,A,B,A,B\n,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\n",
        ),
    ] {
        let rows = "Date,,,,,,,,,,\n2024-01-02,4,5,6,7,1,2,3,4,10,20\n2024-01-03,5,6,7,8,2,3,4,5,11,21\n2024-01-04,,6,,8,,3,,5,,22\n";
        write(&home, name, &format!("{head}{rows}"));
        let report = import(&home, &format!("{name} --as csv --adjusted total"))
            .ok()
            .json();
        assert_eq!(counts(&report["records"])[0], 5, "{name}");
        assert_eq!(
            held(&home, "A", "1d"),
            ["2024-01-02 00:00 3 10", "2024-01-03 00:00 4 11"]
        );
        assert_eq!(
            held(&home, "B", "1d"),
            [
                "2024-01-02 00:00 4 20",
                "2024-01-03 00:00 5 21",
                "2024-01-04 00:00 5 22"
            ]
        );
    }
}

#[test]
fn a_quote_that_is_not_closed_takes_no_other_rows_with_it() {
    let home = Home::new();
    let row = |day: usize| {
        let quote = if day == 25 { "\"" } else { "" };
        format!("2024-01-{day:02},{quote}1,2,0.5,1.5,7\n")
    };
    let rows: String = (1..=31).map(row).collect();
    write(
        &home,
        "A.csv",
        &format!("date,open,high,low,close,volume\n{rows}"),
    );
    let report = import(&home, "A.csv --as csv --market 24/7").exit(3).json();
    let error = report["files"][0]["error"].as_str().unwrap();
    assert!(error.contains("line 26: the row does not end"), "{error}");
}

#[test]
fn what_this_program_exports_as_csv_comes_back_with_the_same_candles() {
    let home = Home::new();
    home.sample("AAPL MSFT -t 1d,1h --start 2024-01-02 --end 2024-03-28")
        .ok();
    home.cli(["export", "-o", "all.csv"]).run().ok();
    let words = "--db other.db --json import all.csv --as csv --adjusted none --source sample";
    let report = home.cli(words.split(' ')).without_db().run().ok().json();
    assert_eq!(report["series"].as_array().map(Vec::len), Some(4));
    assert_eq!(counts(&report["records"])[4], 0);
    let of = |file: &str| {
        let sql = "SELECT group_concat(symbol || timeframe || ts || ' ' || open || ' ' || high || ' ' || low || ' ' || close || ' ' || volume || ' ' ||
                   coalesce(vwap, '-') || ' ' || coalesce(trades, '-'), ';') FROM (SELECT * FROM candles ORDER BY symbol, timeframe, ts)";
        crate::support::db::Db::open(&home.path(file)).text(sql)
    };
    assert_eq!(of("other.db"), of("market.db"));
}

#[test]
fn stamps_that_sessions_prove_to_be_ends_are_taken_as_such() {
    let home = Home::new();
    let mut text = "datetime,open,high,low,close,volume\n".to_owned();
    for minute in (1..=390).rev() {
        let at = chrono::NaiveDate::from_ymd_opt(2024, 1, 3)
            .unwrap()
            .and_hms_opt(9, 30, 0)
            .unwrap()
            + chrono::TimeDelta::minutes(minute);
        text += &format!("{at},{minute},{minute},{minute},{minute},1\n");
    }
    write_gz(&home, "AAPL_1min.csv.gz", &text);
    let report = import(&home, "AAPL_1min.csv.gz --as csv --tz ET --adjusted none")
        .ok()
        .json();
    assert_eq!(counts(&report["records"]), [390, 390, 0, 0, 0]);
    assert!(
        report["notes"].to_string().contains("ends of candles"),
        "{report}"
    );
    let held = held(&home, "AAPL", "1m");
    assert_eq!(
        (held[0].as_str(), held[389].as_str()),
        ("2024-01-03 14:30 1 1", "2024-01-03 20:59 390 1")
    );
}

#[test]
fn hours_that_begin_with_the_session_are_on_its_grid() {
    let home = Home::new();
    let hours = [
        "09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30",
    ];
    let rows = hours.map(|at| format!("2024-01-03 {at}:00-05:00,1,2,0.5,1.5,7\n"));
    let rows = rows.concat();
    write(
        &home,
        "SPY.csv",
        &format!("Datetime,Open,High,Low,Close,Volume\n{rows}"),
    );
    import(&home, "SPY.csv --as csv --adjusted split").ok();
    assert_eq!(
        home.db()
            .text("SELECT grid || ' ' || timeframe || ' ' || candles FROM series"),
        "session 1h 7"
    );
}

#[test]
fn rows_that_cannot_be_stored_are_kept_with_file_and_line() {
    let home = Home::new();
    let rows = "2024-01-02,10,12,9,11,100\n2024-01-03,,13,10,12,200\nnever,1,2,3,4,5\n2024-01-04,12,14,11,13,-5\n2024-01-05,12,14,11,13,7\n";
    write(
        &home,
        "AAPL.csv",
        &format!("date,open,high,low,close,volume\n{rows}"),
    );
    let report = import(&home, "AAPL.csv --as csv --adjusted none")
        .ok()
        .json();
    assert_eq!(counts(&report["records"]), [5, 2, 0, 0, 3]);
    let rejected = home.db().text(
        "SELECT group_concat(reason || '|' || raw, ';') FROM (SELECT * FROM rejected ORDER BY raw)",
    );
    assert_eq!(
        rejected,
        "open is missing|AAPL.csv:3: 2024-01-03,,13,10,12,200;the stamp cannot be read|AAPL.csv:4: never,1,2,3,4,5;volume is negative|AAPL.csv:5: 2024-01-04,12,14,11,13,-5"
    );
    // Lines are counted alike where they end in two characters.
    let text = format!("date,open,high,low,close,volume\n{rows}").replace('\n', "\r\n");
    write(&home, "MSFT.csv", &text);
    let report = import(&home, "MSFT.csv --as csv --adjusted none")
        .ok()
        .json();
    let first = report["files"][0]["first_rejected"].as_str().unwrap();
    assert!(first.starts_with("MSFT.csv:3: "), "{first}");
}

#[test]
fn candles_that_have_not_closed_are_left_out() {
    let home = Home::new();
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    let today = now.date_naive();
    let day = |back: u64| today.checked_sub_days(chrono::Days::new(back)).unwrap();
    let rows: String = [5, 4, 3]
        .map(|back| format!("{},1,2,0.5,1.5,7\n", day(back)))
        .concat();
    let tomorrow = today.succ_opt().unwrap();
    write(
        &home,
        "BTC.csv",
        &format!("date,open,high,low,close,volume\n{rows}{tomorrow},1,2,0.5,1.5,7\n"),
    );
    let report = import(&home, "BTC.csv --as csv --market 24/7 -t 1d")
        .ok()
        .json();
    assert_eq!(
        (counts(&report["records"]), &report["unclosed"]),
        ([3, 3, 0, 0, 0], &json!(1))
    );
}

#[test]
fn a_differing_row_is_a_conflict_and_a_value_that_one_side_lacks_completes_the_other() {
    let home = Home::new();
    write(&home, "AAPL.csv", DAYS);
    import(&home, "AAPL.csv --as csv --adjusted none").ok();
    let text = "date,open,high,low,close,volume,trades\n2024-01-02,10,12,9,11,100,5\n2024-01-03,11,13,10,12.5,200.5,6\n2024-01-04,12,14,11,13,300,7\n";
    write(&home, "more.csv", text);
    let report = import(&home, "more.csv --as csv --adjusted none --symbol AAPL")
        .ok()
        .json();
    assert_eq!(counts(&report["records"]), [3, 0, 2, 1, 0]);
    let rows = home.db().candles("AAPL", "1d");
    assert_eq!(
        rows.iter().map(|row| row.trades).collect::<Vec<_>>(),
        [Some(5), None, Some(7)]
    );
    assert_eq!(rows[1].close, 12.0, "the first one stays");
    check_books(&home.db());
}

#[test]
fn with_covers_a_file_covers_from_its_first_candle_to_the_end_of_its_last() {
    let home = Home::new();
    write(&home, "AAPL.csv", DAYS);
    import(
        &home,
        "AAPL.csv --as csv --adjusted none --source sample --covers",
    )
    .ok();
    let day = |date: &str| {
        date.parse::<chrono::NaiveDate>()
            .unwrap()
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp()
    };
    assert_eq!(
        home.db().coverage("AAPL", "1d"),
        [(day("2024-01-02"), day("2024-01-05"))]
    );
}

#[test]
fn a_dry_run_shows_the_first_rows_and_stores_nothing() {
    let home = Home::new();
    write(&home, "AAPL.csv", DAYS);
    let shown = import(&home, "AAPL.csv --as csv --adjusted none --dry-run")
        .ok()
        .json();
    let row = &shown["files"][0]["rows"][0];
    assert_eq!(
        json!([
            row["symbol"],
            row["datetime"],
            row["candle"]["open"],
            row["source"]
        ]),
        json!(["AAPL", "2024-01-02T00:00:00Z", 10.0, "csv"])
    );
    assert!(!home.db_path().exists());
}

#[test]
fn an_imported_source_without_a_provider_is_left_alone_by_update() {
    let home = Home::new();
    write(&home, "AAPL.csv", DAYS);
    import(&home, "AAPL.csv --as csv --adjusted none --covers").ok();
    home.sample("MSFT -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    let report = home.cli(["update", "--json"]).run().ok().json();
    assert_eq!(report["series"][0]["symbol"], "MSFT", "{report}");
    assert_eq!(report["series"].as_array().map(Vec::len), Some(1));
}
