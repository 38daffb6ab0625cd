//! `status --watch`: follows what runs to its end, and says how long the rest takes.

use crate::support::exchange::Gate;
use crate::support::harness::Home;
use crate::support::running::{Running, eventually};
use crate::support::server::Server;

const WORDS: &str = "backfill AAPL -t 1d,1h,5m --start 2024-01-02 --end 2024-01-31 --workers 1";

/// A job that goes on when the gate is opened.
fn held_after_two_slices() -> (Home, Server, Gate, Running) {
    let home = Home::new();
    let (server, gate) = Server::holding(2);
    let running = home.to(&server, WORDS.split(' ')).spawn();
    server.wait_for(3);
    eventually("two slices are done", || {
        home.db()
            .count("SELECT count(*) FROM backfill_progress WHERE status = 'completed'")
            == 2
    });
    (home, server, gate, running)
}

#[test]
fn a_watched_job_is_followed_to_its_end_and_then_shown() {
    let (home, _server, gate, running) = held_after_two_slices();
    let status = home.cli(["status", "--json"]).run().ok().json();
    let job = &status["jobs"][0];
    assert_eq!(job["status"], "running");
    assert!(job["eta_s"].as_f64().is_some_and(|eta| eta > 0.0), "{job}");
    let id = job["job_id"].as_str().unwrap().to_owned();

    let watches = [
        home.cli(["status", "--watch"]).spawn(),
        home.cli(["status", &id, "--watch"]).spawn(),
        home.cli(["status", "--watch", "--json", "--quiet"]).spawn(),
    ];
    gate.open();
    running.wait().ok();
    let [all, one, json] = watches.map(|watch| watch.wait().ok());
    for run in [&all, &one] {
        assert!(run.stdout.contains("completed"), "{run:?}");
        assert!(!run.stdout.contains("running"), "{run:?}");
    }
    assert!(json.stderr.is_empty());
    let job = &json.json()["jobs"][0];
    assert_eq!(
        (&job["status"], &job["eta_s"]),
        (&"completed".into(), &serde_json::Value::Null)
    );
}

#[test]
fn the_followed_line_says_how_far_the_job_is_and_how_long_the_rest_takes() {
    let (home, _server, gate, running) = held_after_two_slices();
    let watch = home.cli(["status", "--watch"]).spawn();
    watch.wait_for_stderr("to go");
    gate.open();
    running.wait().ok();
    watch
        .wait()
        .ok()
        .says(&["AAPL 1d,1h,5m: 2/5 slices", "to go"]);
}

#[test]
fn where_nothing_runs_a_watch_ends_at_once() {
    let home = Home::of_sample("AAPL --start 2024-01-02 --end 2024-01-05");
    let run = home.cli(["status", "--watch"]).run().ok();
    assert!(
        run.stdout.contains("completed") && run.stderr.is_empty(),
        "{run:?}"
    );
}
