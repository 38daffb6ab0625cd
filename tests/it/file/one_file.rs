//! One real file: it says what it is, opens anywhere, and its views show what the documents say.

use std::fs;
use std::process::Command;

use chrono::DateTime;

use crate::support::checker::check_books;
use crate::support::harness::Home;
use crate::support::seeded::say;
use crate::support::server::Server;

#[test]
fn the_file_says_what_it_is_and_keeps_its_settings() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    let db = home.db();
    assert!(db.count("PRAGMA application_id") != 0 && db.count("PRAGMA user_version") > 0);
    assert_eq!(db.count("PRAGMA page_size"), 8_192);
    assert_eq!(db.text("PRAGMA journal_mode"), "delete");
    let loose = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'";
    assert_eq!(db.count(loose), 0, "tables that are not STRICT");
    // The statements are kept as written, comments included, so the file documents itself.
    assert!(db.count("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%--%'") > 0);
    check_books(&db);
}

#[test]
fn market_data_shows_the_candles_with_times_for_people() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(
        &server,
        "AAPL I:NDX -t 1h,1d --start 2024-01-02 --end 2024-01-31",
    )
    .ok();
    let db = home.db();
    let columns = "SELECT group_concat(name, ' ') FROM pragma_table_info('market_data')";
    assert_eq!(
        db.text(columns),
        "datetime symbol timeframe open high low close volume validated quality_score validation_notes gap_detected volume_anomaly source fetched_at vwap trades ts"
    );
    assert_eq!(
        db.text("SELECT group_concat(name, ' ') FROM pragma_table_info('candles')"),
        "symbol timeframe ts open high low close volume vwap trades"
    );
    assert_eq!(
        db.count("SELECT count(*) FROM market_data"),
        db.count("SELECT count(*) FROM candles")
    );
    let differing = "SELECT count(*) FROM market_data m JOIN candles c USING (symbol, timeframe, ts) WHERE (m.open, m.high, m.low, m.close) IS NOT (c.open, c.high, c.low, c.close) \
                     OR m.volume IS NOT c.volume OR m.vwap IS NOT c.vwap OR m.trades IS NOT c.trades";
    assert_eq!(db.count(differing), 0);
    assert_eq!(db.count("SELECT count(*) FROM market_data WHERE source <> 'polygon' OR validated <> 0 OR quality_score IS NOT NULL OR gap_detected IS NOT NULL OR volume_anomaly IS NOT NULL"), 0);
    // Readers take a column's type from its declaration or from its first value: one of the two must be there.
    let untyped = "SELECT count(*) FROM pragma_table_info('market_data') AS c
        WHERE c.type = '' AND c.name NOT IN ('datetime', 'validated', 'validation_notes', 'fetched_at')";
    assert_eq!(db.count(untyped), 0);
    let absent = "SELECT count(*) FROM market_data WHERE typeof(datetime) <> 'text' OR typeof(validated) <> 'integer'
        OR typeof(validation_notes) <> 'text' OR typeof(fetched_at) <> 'text'";
    assert_eq!(db.count(absent), 0);
    let ts = db.candles("AAPL", "1h")[5].ts;
    let text = db.text(&format!(
        "SELECT datetime FROM market_data WHERE symbol = 'AAPL' AND timeframe = '1h' AND ts = {ts}"
    ));
    assert_eq!(
        text,
        DateTime::from_timestamp(ts, 0)
            .unwrap()
            .format("%Y-%m-%dT%H:%M:%SZ")
            .to_string()
    );
    let plan = db.0.query_row("EXPLAIN QUERY PLAN SELECT * FROM candles WHERE symbol = 'AAPL' AND timeframe = '1h' AND ts > 0", [], |row| row.get::<_, String>(3)).unwrap();
    assert!(
        plan.starts_with("SEARCH"),
        "the key is reached by symbol, timeframe and ts: {plan}"
    );
}

#[test]
fn the_command_line_tool_of_sqlite_opens_it() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    let query = "select * from candles limit 5";
    // Not every machine has the tool; where it is, it must work.
    let Ok(output) = std::process::Command::new("sqlite3")
        .arg(home.db_path())
        .arg(query)
        .output()
    else {
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 5);
}

#[test]
fn nothing_that_could_name_a_key_or_a_url_is_in_the_file() {
    let (home, server) = (Home::new(), Server::setup().page(100).start());
    home.backfill(&server, "AAPL -t 1m --start 2024-01-02 --end 2024-01-03")
        .ok();
    home.backfill(&server, "NOSUCH -t 1m --start 2024-01-02 --end 2024-01-03")
        .exit(3);
    home.assert_no_key_on_disk();
    for (path, bytes) in home.files() {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for word in ["http://", "https://", "cursor="] {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
    }
}

// The run by the other name had a log of its own, and took the first one's job for a dead one's: both ended with 0, and what
// one of them had saved was gone.
#[test]
fn a_file_with_two_names_is_read_by_each_and_written_by_none() {
    let (home, server) = (Home::new(), Server::start());
    let words = "AAPL -t 1d --start 2024-01-02 --end 2024-01-31";
    home.backfill(&server, words).ok();
    let other = home.path("other.db");
    fs::hard_link(home.db_path(), &other).unwrap();
    let more = "AAPL -t 1d --start 2024-01-02 --end 2024-02-29";
    let to_write = format!("backfill {more}");
    home.to(&server, to_write.split(' ')).run().exit(1).says(&[
        "has 2 names (hard links)",
        "use it by one name",
        "-samefile",
    ]);
    let drop = "--db other.db drop AAPL -t 1d --yes";
    let by_it = |words: &str| home.cli(words.split(' ')).without_db().run();
    by_it(drop).exit(1).says(&["2 names"]);
    by_it("--db other.db list").ok();
    assert_eq!(home.db().count("SELECT count(*) FROM candles"), 22);
    fs::remove_file(other).unwrap();
    home.backfill(&server, more).ok();
}

// In a container that had the file alone, the log lay beside the mount, and went with the container.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_mounted_without_its_folder_is_read_and_not_written() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    let alone = home.path("alone.db");
    fs::write(&alone, "").unwrap();
    let program = env!("CARGO_BIN_EXE_candlefile");
    let script = format!(
        "mount --bind '{}' '{}' || exit 99
         {program} --db '{1}' list && {program} --db '{1}' drop AAPL -t 1d --yes",
        home.db_path().display(),
        alone.display()
    );
    let unshare = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .output();
    match unshare {
        Ok(found) if found.status.code() == Some(1) => {
            let said = String::from_utf8_lossy(&found.stderr);
            if said.contains("unshare") {
                return say(format!("skipped: {said}"));
            }
            assert!(String::from_utf8_lossy(&found.stdout).contains("AAPL"));
            assert!(said.contains("was mounted without its folder"), "{said}");
            assert!(said.contains("mount the folder that holds it"), "{said}");
        }
        Ok(found) if found.status.code() == Some(99) => {
            say("skipped: nothing may be mounted here".to_owned());
        }
        Ok(found) => panic!("{found:?}"),
        Err(error) => say(format!("skipped: unshare: {error}")),
    }
    assert_eq!(home.db().count("SELECT count(*) FROM candles"), 22);
}
