//! What a plan needs before it begins: a key only where something is asked of a provider that wants one, room on the disk,
//! and no more of either than the part of a file that can be done.

use candlefile::Store;
use candlefile::model::JobStatus;
use candlefile::store::{JobFilter, JobRow};
use serde_json::json;

use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::server::Server;

const DATES: &str = "-t 1d --start 2024-01-02 --end 2024-01-31";

#[test]
fn a_plan_wants_no_key_nor_does_a_run_with_nothing_missing() {
    let (home, server) = (Home::new(), Server::start());
    let words = format!("backfill AAPL {DATES}");
    let keyless = |words: &str| home.to(&server, words.split(' ')).keyless().run();
    keyless(&format!("{words} --dry-run")).ok();
    keyless(&words).exit(1).says(&["no key"]);
    assert!(home.files().is_empty(), "what cannot begin leaves no file");
    home.to(&server, words.split(' ')).run().ok();
    server.forget();
    keyless(&words).ok();
    keyless(&format!("{words} --dry-run")).ok();
    let plan = keyless("update --dry-run --json").ok().json();
    assert_eq!(plan["plan"]["slices"], 1, "{plan}");
    keyless("resume").ok();
    keyless("update")
        .exit(1)
        .says(&["no key", "MASSIVE_API_KEY"]);
    home.to(&server, ["update"]).run().ok();
    server.forget();
    keyless("update").ok();
    assert_eq!(server.hits(), 0);
    // A key that is none is told only where it would be used.
    let bad = |words: &str| {
        home.to(&server, words.split(' '))
            .env("MASSIVE_API_KEY", "a b")
            .run()
    };
    bad("update --dry-run").ok();
    bad("backfill MSFT -t 1d --start 2024-01-02")
        .exit(1)
        .says(&["holds no key"]);
}

#[test]
fn a_job_that_needs_no_more_is_resumed_without_a_key_and_one_that_does_is_named() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (request.ask().symbol == "MSFT").then(|| Reply::json(404, "{}"))
        }),
    );
    home.backfill(&server, &format!("MSFT {DATES}")).exit(3);
    home.sample(&format!("SPY {DATES}")).ok();
    home.sql("UPDATE backfill_jobs SET status = 'partial' WHERE source = 'sample'");
    let id = home
        .db()
        .text("SELECT job_id FROM backfill_jobs WHERE source = 'polygon'");
    server.forget();
    home.to(&server, ["resume", &id])
        .keyless()
        .run()
        .exit(1)
        .says(&["no key"]);
    let both = home
        .to(&server, ["resume", "--json"])
        .keyless()
        .run()
        .exit(3);
    let document = both.says(&["left out", "no key"]).json();
    assert_eq!(document["left_out"][0]["source"], "polygon", "{document}");
    let sample = "SELECT status FROM backfill_jobs WHERE source = 'sample'";
    assert_eq!(
        (home.db().text(sample), server.hits()),
        ("completed".into(), 0)
    );
}

#[test]
fn an_update_of_a_file_from_several_sources_does_the_part_that_it_can() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, &format!("AAPL MSFT {DATES}")).ok();
    for symbol in ["SPY", "QQQ"] {
        home.sample(&format!("{symbol} {DATES}")).ok();
    }
    home.sql("UPDATE series SET source = 'a-friend' WHERE symbol = 'QQQ'");
    server.forget();
    let update = home
        .to(&server, ["update", "--json"])
        .keyless()
        .run()
        .exit(3);
    let update = update.says(&[
        "left out: 2 series from polygon: no key",
        "left out: 1 series from a-friend",
        "next:",
    ]);
    let document = update.json();
    let left: Vec<_> = document["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| &left["source"])
        .collect();
    assert_eq!(left, ["a-friend", "polygon"]);
    assert_eq!(
        (&document["provider"], &document["status"]),
        (&json!("sample"), &json!("completed"))
    );
    let last = "SELECT last_ts > unixepoch('2024-06-01') FROM series WHERE symbol = ";
    let has_grown = |symbol: &str| home.db().count(&format!("{last}'{symbol}'")) == 1;
    assert!(has_grown("SPY") && !has_grown("AAPL") && server.hits() == 0);
    // With the key the rest is done, and what has no provider is still named.
    home.to(&server, ["update"])
        .run()
        .exit(3)
        .says(&["a-friend"]);
    assert!(has_grown("AAPL") && has_grown("MSFT") && !has_grown("QQQ"));
    let nothing = home.to(&server, ["update", "--json"]).run().exit(3).json();
    assert_eq!(
        (&nothing["job_id"], &nothing["status"]),
        (&json!(null), &json!("partial")),
        "{nothing}"
    );
    home.sql("UPDATE series SET source = 'a-friend'");
    home.to(&server, ["update"])
        .run()
        .exit(1)
        .says(&["a-friend", "providers"]);
}

/// Symbols whose minutes since 1990 are more than is free beside a file: some 600 MB each.
fn too_many(home: &Home) -> String {
    let free = fs4::available_space(home.path("")).unwrap();
    let symbols = (0..free / 500_000_000 + 2).map(|n| format!("S{n}\n"));
    symbols.collect()
}

#[test]
fn a_source_that_takes_no_more_does_not_keep_the_jobs_of_others_from_going_on() {
    let (home, server) = (Home::new(), Server::always(Reply::json(401, "{}")));
    for symbol in ["MSFT", "AAPL"] {
        home.backfill(&server, &format!("{symbol} {DATES}")).exit(1);
    }
    home.sample(&format!("SPY {DATES}")).ok();
    home.sql("UPDATE backfill_jobs SET status = 'partial'");
    server.forget();
    let run = home.to(&server, ["resume"]).run().exit(1);
    run.says(&["left for later: 1 job"]);
    let sample = "SELECT status FROM backfill_jobs WHERE source = 'sample'";
    assert_eq!(
        (home.db().text(sample), server.hits()),
        ("completed".into(), 1)
    );
}

#[test]
fn a_plan_that_is_larger_than_the_free_disk_needs_a_yes() {
    let home = Home::new();
    let server = Server::always(Reply::json(401, "{}"));
    let symbols = too_many(&home);
    let words = "backfill --symbols-file - -t 1m --start 1990-01-02";
    let cli = |words: &str| home.to(&server, words.split(' ')).stdin(&symbols);
    let refused = cli(words)
        .run()
        .exit(2)
        .says(&["free on the disk", "--yes"]);
    assert!(refused.stderr.contains("iB"), "{refused:?}");
    assert!(home.files().is_empty() && server.hits() == 0);
    cli(&format!("{words} --dry-run")).run().ok();
    cli(&format!("{words} --yes")).run().exit(1);
    assert!(server.hits() > 0, "with a yes it begins");
    server.forget();
    home.to(&server, ["resume"])
        .run()
        .exit(2)
        .says(&["free on the disk", "--yes"]);
    home.to(&server, ["update"])
        .run()
        .exit(2)
        .says(&["free on the disk", "--yes"]);
    assert_eq!(server.hits(), 0);
}

#[cfg(feature = "serve")]
#[test]
fn a_server_takes_a_job_that_is_larger_than_the_free_disk_with_a_yes_alone() {
    let home = Home::new();
    let serving = crate::support::serving::Serving::start(
        home.serve(&Server::always(Reply::json(401, "{}"))),
    );
    let symbols: Vec<String> = too_many(&home).lines().map(str::to_owned).collect();
    let ask = |yes: bool| {
        let body = json!({ "symbols": symbols, "timeframes": ["1m"], "start_date": "1990-01-02", "yes": yes });
        let headers = "Content-Type: application/json\r\n";
        serving.send("POST", "/api/v1/backfill", headers, &body.to_string())
    };
    let refused = ask(false);
    let said = String::from_utf8(refused.body).unwrap();
    assert_eq!(refused.status, 507, "{said}");
    assert!(
        said.contains("disk_full") && said.contains("yes=true"),
        "{said}"
    );
    assert_eq!(home.db().count("SELECT count(*) FROM backfill_jobs"), 0);
    assert_eq!(ask(true).status, 202);
    serving.stop();
}

/// A job that has ended with so many slices, made in SQL alone: every thousandth failed.
fn large_job(home: &Home, slices: u32) -> String {
    home.sample(&format!("SPY {DATES}")).ok();
    home.sql(&format!(
        "DELETE FROM backfill_progress;
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {slices})
         INSERT INTO backfill_progress (job_id, series_id, start_ts, end_ts, status, records_fetched, records_inserted)
         SELECT job_id, 1, i * 86400, (i + 1) * 86400, iif(i % 1000 = 7, 'failed', 'completed'), 5, 5
         FROM n, backfill_jobs;
         UPDATE backfill_jobs SET status = 'partial'"
    ));
    home.db().text("SELECT job_id FROM backfill_jobs")
}

#[test]
fn the_status_of_a_job_with_very_many_slices_lists_those_that_matter() {
    let home = Home::new();
    let id = large_job(&home, 150_000);
    let text = home.cli(["status", &id]).run().ok().stdout;
    assert!(
        text.contains("149,850 of 150,000 slices, 150 failed"),
        "{text}"
    );
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("SPY"))
        .collect();
    assert_eq!(rows.len(), 100, "{text}");
    assert!(rows.iter().all(|row| row.contains("failed")), "{text}");
    assert!(text.contains("149,900 more slices"), "{text}");
    let document = home.cli(["status", &id, "--json"]).run().ok().json();
    let job = &document["jobs"][0];
    assert_eq!(job["progress"].as_array().unwrap().len(), 150);
    assert_eq!(job["progress_left_out"], 150_000 - 150);
    assert_eq!(
        job["slices"],
        json!({ "total": 150_000, "completed": 149_850, "failed": 150, "pending": 0 })
    );
    home.sql("UPDATE backfill_progress SET status = 'completed'");
    let text = home.cli(["status", &id]).run().ok().stdout;
    assert!(
        text.contains("not listed: 150,000 slices") && text.lines().count() < 10,
        "{text}"
    );
    // A small job is listed whole.
    home.sql("DELETE FROM backfill_progress WHERE slice_id > (SELECT min(slice_id) + 99 FROM backfill_progress)");
    let text = home.cli(["status", &id]).run().ok().stdout;
    assert_eq!(
        text.lines().filter(|line| line.starts_with("SPY")).count(),
        100,
        "{text}"
    );
    let job = &home.cli(["status", &id, "--json"]).run().ok().json()["jobs"][0];
    assert_eq!(
        (
            job["progress"].as_array().unwrap().len(),
            &job["progress_left_out"]
        ),
        (100, &json!(0))
    );
}

#[test]
fn the_time_left_falls_between_two_slices_and_is_not_told_when_the_next_is_overdue() {
    let home = Home::new();
    large_job(&home, 40);
    home.sql(
        "UPDATE backfill_progress SET status = 'pending' WHERE slice_id > (SELECT min(slice_id) + 9 FROM backfill_progress);
         UPDATE backfill_progress SET started_at = 1000, completed_at = 1100 WHERE status <> 'pending'",
    );
    let store = Store::read(&home.db_path()).unwrap();
    let ended = store.jobs(&JobFilter::All, 1100).unwrap().remove(0);
    assert_eq!(store.eta(&ended, 1100).unwrap(), None);
    let status = JobStatus::Running;
    let job = JobRow { status, ..ended };
    let left = |now| store.eta(&job, now).unwrap();
    // Ten slices took 100 seconds, and thirty are left.
    assert_eq!(left(1100), Some(300.0));
    assert_eq!(left(1140), Some(260.0));
    assert_eq!(left(1399), Some(1.0));
    assert_eq!(left(1400), None);
}
