//! Files that are not ours to open, and things that a file does not hold: refused by name, and left as they were.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-02 --end 2024-01-05";

#[test]
fn a_file_of_another_kind_is_refused_by_every_command_and_left_alone() {
    let (home, server) = (Home::new(), Server::start());
    fs::create_dir(home.path("folder.db")).unwrap();
    fs::write(home.path("text.db"), "symbol,price\nAAPL,185\n".repeat(100)).unwrap();
    fs::write(home.path("short.db"), "hello").unwrap();
    let foreign = rusqlite::Connection::open(home.path("foreign.db")).unwrap();
    foreign
        .execute_batch("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')")
        .unwrap();
    drop(foreign);
    home.to(
        &server,
        format!("backfill AAPL {DATES} --provider sample").split(' '),
    )
    .run()
    .ok();
    fs::rename(home.db_path(), home.path("newer.db")).unwrap();
    rusqlite::Connection::open(home.path("newer.db"))
        .unwrap()
        .execute_batch("PRAGMA user_version = 999")
        .unwrap();
    fs::write(home.path("market.db"), "not the default file either").unwrap();
    for (name, words) in [
        ("folder.db", &["folder.db"][..]),
        ("text.db", &["text.db"]),
        ("short.db", &["short.db"]),
        ("foreign.db", &["foreign.db"]),
        ("newer.db", &["newer.db", "999", "newer"]),
        ("gone/market.db", &["gone"]),
        ("text.db/market.db", &["text.db is a file, not a folder"]),
        ("text.db/in/market.db", &["text.db is a file, not a folder"]),
        ("file:memory.db?mode=memory", &["file:"]),
    ] {
        for command in [
            &format!("backfill AAPL {DATES}"),
            "update",
            "resume",
            "status",
            "list",
            "show AAPL -t 1d",
            "drop AAPL -t 1d --yes",
        ] {
            refused(&home, &server, &format!("{command} --db {name}"), 1, words);
        }
    }
}

// A link into a folder that is missing was told as something that lies beside the file, and a circle as a file that is not there.
#[test]
fn a_link_that_leads_nowhere_is_told_as_what_it_is() {
    let home = Home::new();
    fs::write(home.path("text"), "a text").unwrap();
    for (to, link) in [
        ("gone/far/market.db", "into.db"),
        ("gone/far", "link"),
        ("text/market.db", "into-text.db"),
        ("circles", "circle"),
        ("circle", "circles"),
    ] {
        symlink(to, home.path(link)).unwrap();
    }
    let circle = "circle is a link that leads in a circle";
    for (name, words) in [
        (
            "into.db",
            ["gone/far does not exist", "into.db leads there"],
        ),
        (
            "link/market.db",
            ["gone/far does not exist", "link leads there"],
        ),
        (
            "into-text.db",
            ["text is a file, not a folder", "another folder"],
        ),
        ("circle", [circle, "another file"]),
        ("circle/market.db", [circle, "another file"]),
    ] {
        let backfill = format!("backfill AAPL {DATES} --provider sample");
        for command in [backfill.as_str(), "update", "list"] {
            let run = home.cli(["--db", name]).args(command).without_db().run();
            run.exit(1).says(&words);
        }
    }
    let run = home.cli(["--db", "into.db", "list"]).without_db().run();
    run.exit(1).says(&["mkdir -p gone/far"]);
    // The file itself may be yet to come.
    fs::create_dir_all(home.path("gone/far")).unwrap();
    for name in ["into.db", "link/market.db"] {
        let words = format!("backfill AAPL {DATES} --provider sample");
        let run = home.cli(["--db", name]).args(&words).without_db().run();
        run.ok();
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_read_only_file_or_folder_is_refused_before_the_first_request() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "MSFT --start 2024-01-02 --end 2024-01-05")
        .ok();
    let words = format!("backfill AAPL {DATES}");
    server.forget();
    mode(&home.db_path(), 0o444);
    refused(&home, &server, &words, 1, &["market.db", "read-only"]);
    mode(&home.db_path(), 0o644);
    fs::create_dir(home.path("locked")).unwrap();
    mode(&home.path("locked"), 0o555);
    refused(
        &home,
        &server,
        &format!("{words} --db locked/market.db"),
        1,
        &["locked"],
    );
    mode(&home.path("locked"), 0o755);
}

#[test]
fn commands_that_only_read_make_no_file() {
    let (home, server) = (Home::new(), Server::start());
    for command in [
        "update",
        "resume",
        "status",
        "list",
        "show AAPL -t 1d",
        "drop AAPL -t 1d --yes",
    ] {
        refused(&home, &server, command, 1, &["market.db", "backfill"]);
    }
}

#[test]
fn a_series_of_another_source_or_adjustment_is_not_mixed() {
    let (home, server) = (Home::of_sample(&format!("AAPL {DATES}")), Server::start());
    let before = home.db().candles("AAPL", "1d");
    for words in [
        format!("backfill AAPL {DATES}"),
        format!("backfill MSFT AAPL {DATES}"),
    ] {
        home.to(&server, words.split(' '))
            .run()
            .exit(1)
            .says(&["AAPL", "1d", "sample", "drop"]);
    }
    home.to(
        &server,
        format!("backfill AAPL {DATES} --provider sample --adjusted").split(' '),
    )
    .run()
    .exit(1)
    .says(&["AAPL", "adjusted", "drop"]);
    assert_eq!(server.hits(), 0);
    assert_eq!(home.db().candles("AAPL", "1d"), before);
    assert_eq!(
        home.db()
            .count("SELECT count(*) FROM series WHERE candles > 0"),
        1
    );
}

#[test]
fn a_job_id_that_is_unknown_or_ambiguous_is_refused() {
    let (home, server) = (Home::new(), Server::start());
    for symbol in ["AAPL", "MSFT"] {
        home.sample(&format!("{symbol} {DATES}")).ok();
    }
    let jobs = home.cli(["status", "--json"]).run().ok().json();
    let id = jobs["jobs"][0]["job_id"].as_str().unwrap();
    for command in ["status", "resume"] {
        refused(
            &home,
            &server,
            &format!("{command} ffffffff"),
            1,
            &["ffffffff"],
        );
        refused(
            &home,
            &server,
            &format!("{command} {}", &id[..6]),
            1,
            &[&id[..6]],
        );
        refused(&home, &server, &format!("{command} %"), 1, &["%"]);
    }
}

#[test]
fn a_number_that_no_job_can_have_is_damage_and_not_worked_with() {
    let (home, server) = (Home::of_sample(&format!("AAPL {DATES}")), Server::start());
    let good = fs::read(home.db_path()).unwrap();
    for damage in [
        // Candles would be closed long before they began, and the search for the first that is not would not end.
        "delay_s = -9223372036854775808",
        "delay_s = 31622401",
        "final_after_s = -1",
        "start_ts = 9223372036854775807",
        "created_at = -9223372036854775808",
    ] {
        home.sql(&format!(
            "UPDATE backfill_jobs SET {damage}, status = 'interrupted'"
        ));
        for command in ["resume", "status"] {
            let words = &["market.db is damaged"];
            home.to(&server, [command]).run().exit(1).says(words);
        }
        fs::write(home.db_path(), &good).unwrap();
    }
    assert_eq!(server.hits(), 0);
}

#[test]
fn a_series_that_the_file_does_not_hold_is_named() {
    let (home, server) = (Home::of_sample(&format!("AAPL {DATES}")), Server::start());
    refused(&home, &server, "show MSFT -t 1d", 1, &["MSFT"]);
    refused(&home, &server, "show AAPL -t 1m", 1, &["AAPL", "1m"]);
    refused(&home, &server, "drop MSFT -t 1d --yes", 1, &["MSFT"]);
}

#[test]
fn drop_without_a_yes_asks_nobody_and_drops_nothing() {
    let (home, server) = (Home::of_sample(&format!("AAPL {DATES}")), Server::start());
    refused(&home, &server, "drop AAPL -t 1d", 2, &["--yes"]);
    assert_eq!(home.db().candles("AAPL", "1d").len(), 4);
}

#[test]
fn a_read_only_file_in_a_read_only_folder_is_read_and_left_alone() {
    let (home, server) = (Home::new(), Server::start());
    fs::create_dir(home.path("shelf")).unwrap();
    let file = home.path("shelf").join("market.db");
    let on_shelf = |words: &str| {
        let words = format!("{words} --db shelf/market.db");
        home.cli(words.split(' ')).run()
    };
    on_shelf(&format!("backfill AAPL {DATES} --provider sample")).ok();
    let before = home.files();
    mode(&file, 0o444);
    mode(&home.path("shelf"), 0o555);
    assert!(on_shelf("list").ok().stdout.contains("AAPL"));
    assert!(
        on_shelf("show AAPL -t 1d")
            .ok()
            .stdout
            .contains("2024-01-05")
    );
    on_shelf("status").ok();
    for words in ["update", "resume", "drop AAPL -t 1d --yes"] {
        let words = format!("{words} --db shelf/market.db");
        refused(&home, &server, &words, 1, &["read-only"]);
    }
    mode(&home.path("shelf"), 0o755);
    assert!(home.files() == before, "a file was made or changed");
}
