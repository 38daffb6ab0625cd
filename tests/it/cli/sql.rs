//! `sql`: any question, as long as it only reads, and never for longer than allowed.

use std::fs;
use std::time::Duration;

use serde_json::json;

use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::server::Server;

fn filled() -> Home {
    Home::of_sample("AAPL -t 1d,1m --start 2024-01-02 --end 2024-01-31")
}

#[test]
fn an_answer_comes_as_a_table_as_csv_and_as_json() {
    let home = filled();
    let values =
        "select 'a, \"b\"' as text, 1.0 as real, 7 as whole, null as none, x'00ff' as bytes";
    let json = home.cli(["sql", values, "--json"]).run().ok().json();
    assert_eq!(
        json,
        json!({ "columns": ["text", "real", "whole", "none", "bytes"], "rows": [["a, \"b\"", 1.0, 7, null, "x'00ff'"]],
            "truncated": false })
    );
    let csv = home.cli(["sql", values, "--csv"]).run().ok().stdout;
    assert_eq!(
        csv,
        "text,real,whole,none,bytes\n\"a, \"\"b\"\"\",1.0,7,,x'00ff'\n"
    );
    let table = home
        .cli([
            "sql",
            "select 1 as one, 'x' as x union all select 100, '\u{1b}[2J'",
        ])
        .run()
        .ok()
        .stdout;
    assert_eq!(table, "one  x\n  1  x\n100  \\u{1b}[2J\n");
    // Without a row there are columns all the same.
    let none = home
        .cli([
            "sql",
            "select ts, close from candles where symbol = 'none'",
            "--json",
        ])
        .run()
        .ok()
        .json();
    assert_eq!(
        none,
        json!({ "columns": ["ts", "close"], "rows": [], "truncated": false })
    );
}

#[test]
fn both_views_answer_and_a_statement_may_come_from_stdin() {
    let home = filled();
    let held = home.db().count("SELECT count(*) FROM candle_data");
    for view in ["candles", "market_data"] {
        let sql = format!("select count(*) from {view} where close > 0");
        let answer = home
            .cli(["sql", "-", "--json"])
            .stdin(&sql)
            .run()
            .ok()
            .json();
        assert_eq!(answer["rows"], json!([[held]]));
    }
}

#[test]
fn rows_beyond_the_limit_are_not_shown_and_that_is_said() {
    let home = filled();
    let sql = "select ts from candles";
    let run = home
        .cli(["sql", sql, "--csv"])
        .run()
        .ok()
        .says(&["more than 1,000 rows", "--limit 0"]);
    assert_eq!(run.stdout.lines().count(), 1 + 1000);
    let json = home
        .cli(["sql", sql, "--json", "--limit", "3"])
        .run()
        .ok()
        .json();
    assert_eq!(
        (json["rows"].as_array().unwrap().len(), &json["truncated"]),
        (3, &json!(true))
    );
    let held = home.db().count("SELECT count(*) FROM candle_data");
    let run = home.cli(["sql", sql, "--csv", "--limit", "0"]).run().ok();
    assert_eq!(run.stdout.lines().count() as i64, 1 + held);
    assert!(run.stderr.is_empty(), "{run:?}");
    // As many as the limit are all there are.
    let run = home.cli(["sql", "select 1", "--limit", "1"]).run().ok();
    assert!(run.stderr.is_empty(), "{run:?}");
}

#[test]
fn whatever_does_more_than_read_is_refused_by_sqlite_and_nothing_changes() {
    let (home, server) = (filled(), Server::start());
    // `_` is a space here.
    for statement in [
        "delete_from_series",
        "insert_into_coverage_values_(1,2,3)",
        "update_series_set_candles_=_1_returning_id",
        "with_x_as_(select_1)_delete_from_series",
        "drop_table_series",
        "create_table_t(x)",
        "create_temp_table_t(x)",
        "create_temp_view_v_as_select_1",
        "attach_'other.db'_as_other",
        "attach_':memory:'_as_other",
        "vacuum",
        "vacuum_into_'other.db'",
        "begin_immediate",
        "savepoint_s",
        "reindex",
        "analyze",
        "explain_delete_from_series",
    ] {
        refused(
            &home,
            &server,
            &format!("sql {statement}"),
            1,
            &["more than read"],
        );
    }
    for pragma in [
        "journal_mode=delete",
        "journal_mode",
        "query_only=0",
        "user_version=9",
        "wal_checkpoint",
        "writable_schema=1",
        "page_size=512",
        "optimize",
    ] {
        let before = home.files();
        let run = home
            .cli(["sql", &format!("pragma {pragma}"), "--json"])
            .run()
            .exit(1);
        assert_eq!(run.json()["error"]["kind"], "sql", "{run:?}");
        assert!(home.files() == before);
    }
    for telling in [
        "user_version",
        "page_count",
        "table_info(series)",
        "integrity_check",
    ] {
        home.cli(["sql", &format!("pragma {telling}")]).run().ok();
    }
}

#[test]
fn what_sqlite_does_not_understand_is_said_in_its_words() {
    let (home, server) = (filled(), Server::start());
    for (statement, says) in [
        ("selct_1", "syntax error"),
        ("select_x_from_series", "no such column: x"),
        ("select_1_from_nowhere", "no such table: nowhere"),
        ("select_1;_select_2", "one statement"),
        ("select_1;_delete_from_series", "more than read"),
        ("--", "no statement"),
        ("select_?", "no value"),
        ("select_zeroblob(99999999)", "too big"),
    ] {
        let words = if statement == "--" {
            "sql _".to_owned()
        } else {
            format!("sql {statement}")
        };
        refused(&home, &server, &words, 1, &[says]);
    }
}

#[test]
fn an_answer_that_takes_too_long_is_ended_and_the_document_with_it() {
    let home = filled();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select";
    let count = format!("{endless} count(*) from n");
    let run = home
        .cli(["sql", &count, "--timeout", "200ms"])
        .run()
        .exit(1)
        .says(&["longer than 200ms", "--timeout"]);
    assert!(run.stdout.is_empty());
    // What came before the end is kept.
    let slow = format!("{endless} i from n where i < 3 or i < 0");
    let run = home
        .cli(["sql", &slow, "--timeout", "200ms", "--json"])
        .run()
        .exit(1);
    let answer = run.json();
    assert_eq!(
        (&answer["rows"], &answer["error"]["kind"]),
        (&json!([[1], [2]]), &json!("sql"))
    );
}

#[test]
fn a_hostile_view_does_not_hold_it_up() {
    // One that never ends, one whose single step takes hours, one that is never done being understood.
    let doubled: Vec<String> = (1..40)
        .map(|n| {
            format!(
                "CREATE VIEW v{n} AS SELECT a.id FROM v{0} AS a JOIN v{0} AS b;",
                n - 1
            )
        })
        .collect();
    let hostile = [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0".to_owned(),
        "SELECT instr(replace(printf('%8000000c', 'a'), ' ', 'a'), replace(printf('%4000000c', 'b'), ' ', 'a')) AS i".to_owned(),
        "SELECT id AS i FROM v39".to_owned(),
    ];
    for view in hostile {
        let home = filled();
        home.sql(&format!("CREATE VIEW v0 AS SELECT id FROM series; {} DROP VIEW candles; CREATE VIEW candles AS {view}", doubled.concat()));
        let words = ["sql", "select * from candles", "--timeout", "200ms"];
        let run = home
            .cli(words)
            .spawn()
            .wait_within(Duration::from_secs(10))
            .exit(1);
        assert!(run.stderr.contains("next: "), "{run:?}");
    }
}

// Whoever watches a statement was handed a name that is no text, and ended there with the words of a defect.
#[test]
fn a_schema_with_a_name_that_is_no_text_is_a_damaged_file() {
    let home = filled();
    let mut bytes = fs::read(home.db_path()).unwrap();
    let find = |bytes: &[u8], from: usize, what: &[u8]| {
        let at = bytes[from..]
            .windows(what.len())
            .position(|part| part == what);
        at.map(|at| at + from)
    };
    let mut from = 0;
    while let Some(table) = find(&bytes, from, b"CREATE TABLE series ") {
        let name = find(&bytes, table, b"created_at").unwrap();
        bytes[name + 1] |= 0x80;
        from = table + 1;
    }
    assert!(from > 0);
    fs::write(home.db_path(), bytes).unwrap();
    let run = home.cli(["sql", "select * from series, coverage"]).run();
    let run = run
        .exit(1)
        .says(&["is damaged: a name in its schema", "restore"]);
    assert!(!run.stderr.contains("panicked"), "{run:?}");
}
