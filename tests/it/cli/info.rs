//! `info`: the file at a glance, of every format, wherever it lies, from its books; the candles only say where there are none.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use candlefile::store::FORMAT;
use rusqlite::Connection;
use serde_json::json;

use crate::support::documents::{fields, refused};
use crate::support::harness::Home;
use crate::support::server::Server;

const WORDS: &str =
    "backfill AAPL MSFT --provider sample -t 1d,1m --start 2024-01-02 --end 2024-03-28";

fn filled() -> Home {
    let home = Home::new();
    home.cli(WORDS.split(' ')).run().ok();
    home
}

#[test]
fn the_glance_is_what_the_books_say() {
    let home = filled();
    let text = home.cli(["info"]).run().ok().stdout;
    assert!(text.contains("nothing that is known of"), "{text}");
    // Not one candle is counted, and of a series that holds all that is expected none is looked at.
    home.sql("DELETE FROM candle_data");
    let info = home.cli(["info", "--json"]).run().ok().json();
    fields(
        &info,
        "path format known_format program packed digest bytes wal_bytes journal_mode page_size free_pages \
        series symbols candles first last timeframes sources missing nothing_from_provider jobs next",
    );
    let size = fs::metadata(home.db_path()).unwrap().len();
    for (field, value) in [
        ("format", json!(FORMAT)),
        ("program", json!(env!("CARGO_PKG_VERSION"))),
        ("packed", json!(false)),
        ("bytes", json!(size)),
        ("wal_bytes", json!(0)),
        ("journal_mode", json!("delete")),
        ("page_size", json!(8192)),
        ("series", json!(4)),
        ("symbols", json!(2)),
        ("candles", json!(47_702)),
        ("first", json!("2024-01-02T00:00:00Z")),
        ("last", json!("2024-03-28T19:59:00Z")),
        ("timeframes", json!(["1m", "1d"])),
        (
            "sources",
            json!([{ "source": "sample", "adjusted": false, "adjustment": "raw" }]),
        ),
        ("next", json!(null)),
    ] {
        assert_eq!(info[field], value, "{field}");
    }
    assert!(info["free_pages"].as_u64().unwrap() > 100);
    assert_eq!(info["jobs"][0]["status"], "completed");
    let text = home.cli(["info"]).run().ok().stdout;
    for words in [
        format!("format {FORMAT}").as_str(),
        "47,702 candles in 4 series",
        "2024-01-02 to 2024-03-28 19:59",
        "sample",
        "completed",
        "2 stretches that the provider had nothing for",
        "nothing from the provider: AAPL 1m 2024-01-0",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn what_is_missing_is_counted() {
    let home = filled();
    home.sql(
        "INSERT INTO coverage SELECT id, 0, 10 FROM series WHERE timeframe = '1d';
         INSERT INTO series (symbol, timeframe, source, adjusted, market, grid)
            VALUES ('NVDA', '1d', 'polygon', 1, 'XNYS', 'utc');
         UPDATE backfill_jobs SET status = 'partial';
         UPDATE backfill_progress SET status = 'failed';
         UPDATE backfill_progress SET start_ts = 20, end_ts = 30 WHERE slice_id < 3;
         UPDATE backfill_progress SET error = 'not asked: the plan does not include this symbol' WHERE slice_id = 1",
    );
    let info = home.cli(["info", "--json"]).run().ok().json();
    assert_eq!(
        info["missing"],
        json!({ "holes": 2, "series_with_holes": 2, "series_without_candles": 1, "series_without_coverage": 0, "unfinished_jobs": 1, "failed_slices": 2, "unasked_slices": 1 })
    );
    let text = home.cli(["info"]).run().ok().stdout;
    for words in [
        "2 holes in 2 series",
        "1 series without candles",
        "1 slice failed, 1 not asked",
        "polygon adjusted",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn a_file_of_another_format_is_named_with_what_to_do() {
    let home = Home::new();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/data/formats/v1.db");
    fs::copy(old, home.db_path()).unwrap();
    let info = home.cli(["info", "--json"]).run().ok().json();
    assert_eq!(
        (&info["format"], &info["program"]),
        (&json!(1), &json!(null))
    );
    assert!(
        info["next"]
            .as_str()
            .unwrap()
            .contains(&format!("format {FORMAT}")),
        "{info}"
    );
    assert_eq!(fs::read(home.db_path()).unwrap(), fs::read(old).unwrap());

    home.sql("PRAGMA user_version = 9");
    let run = home.cli(["info", "--json"]).run().exit(1);
    let info = run.json();
    assert_eq!(
        (&info["format"], &info["known_format"]),
        (&json!(9), &json!(FORMAT))
    );
    assert_eq!(
        info["bytes"],
        json!(fs::metadata(home.db_path()).unwrap().len())
    );
    assert!(
        info["error"]["next"]
            .as_str()
            .unwrap()
            .contains("newer candlefile"),
        "{info}"
    );
    let run = home
        .cli(["info"])
        .run()
        .exit(1)
        .says(&["format 9", "newer candlefile"]);
    assert!(run.stdout.contains("format 9"), "{run:?}");
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let (home, server) = (Home::new(), Server::start());
    refused(&home, &server, "info", 1, &["market.db", "--db"]);
    fs::write(
        home.db_path(),
        "no database, but long enough to look like one for a moment",
    )
    .unwrap();
    refused(&home, &server, "info", 1, &["not an sqlite file"]);
    fs::remove_file(home.db_path()).unwrap();
    home.sql("CREATE TABLE theirs (x)");
    refused(&home, &server, "info", 1, &["another program"]);
}

#[test]
fn a_packed_file_on_a_read_only_medium_is_told_from_its_seal() {
    let home = filled();
    let packed = home
        .cli("pack -o packed.db --json".split(' '))
        .run()
        .ok()
        .json();
    let before = home.files();
    let folder =
        |mode| fs::set_permissions(home.path(""), fs::Permissions::from_mode(mode)).unwrap();
    folder(0o555);
    let info = home
        .cli("info --db packed.db --json".split(' '))
        .without_db()
        .run()
        .ok()
        .json();
    folder(0o755);
    assert_eq!(
        (
            &info["packed"],
            &info["digest"],
            &info["program"],
            &info["journal_mode"]
        ),
        (
            &json!(true),
            &packed["digest"],
            &packed["program"],
            &json!("delete")
        )
    );
    assert_eq!(
        (&info["jobs"], &info["free_pages"]),
        (&json!([]), &json!(0))
    );
    assert!(home.files() == before);
}

#[test]
fn the_metadata_for_datasette_describes_what_is_there() {
    let home = filled();
    let metadata = home.cli(["info", "--datasette"]).run().ok().json();
    let database = &metadata["databases"]["market"];
    assert_eq!(database["source"], "sample");
    assert!(database["license"].as_str().unwrap().contains("provider"));
    let tables = database["tables"].as_object().unwrap();
    let connection = Connection::open(home.db_path()).unwrap();
    let columns_of = |table: &str| -> Vec<String> {
        let mut select = connection
            .prepare("SELECT name FROM pragma_table_info(?)")
            .unwrap();
        select
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        .unwrap();
    for name in names.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        let name = name.unwrap();
        let table = tables
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not described"));
        assert!(table["description"].as_str().unwrap().len() > 10, "{name}");
        let (columns, described) = (columns_of(&name), table["columns"].as_object().unwrap());
        for column in described.keys() {
            assert!(columns.contains(column), "{name} has no {column}");
        }
        if ["candles", "market_data"].contains(&name.as_str()) {
            assert_eq!(described.len(), columns.len(), "{name}");
            assert_eq!(
                table["sortable_columns"],
                json!(["symbol", "timeframe", "ts"])
            );
        }
    }
    assert_eq!(tables["candle_data"]["hidden"], true);
    assert!(tables["candles"].get("hidden").is_none());
}
