//! The reports of jobs, and the field names in them that scripts rely on.

use serde_json::{Value, json};

use crate::support::documents::{fields, is_utc};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::day_of;
use crate::support::server::Server;

const DATES: &str = "--start 2024-01-08 --end 2024-01-31";

const RECORDS: &str = "fetched inserted duplicate restated conflicting rejected";

#[test]
fn the_report_of_a_backfill_has_these_fields() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (request.ask().symbol == "BAD")
                .then(|| Reply::json(404, r#"{"message":"no such thing"}"#))
        }),
    );
    let report = home
        .backfill(&server, "AAPL IPO BAD --start 2024-01-02 --end 2024-02-29")
        .exit(3)
        .json();
    fields(
        &report,
        "job_id status provider requests elapsed_s records series nothing_from_provider failed",
    );
    fields(&report["records"], RECORDS);
    assert_eq!(
        (&report["status"], &report["provider"], &report["requests"]),
        (&json!("partial"), &json!("polygon"), &json!(3))
    );
    assert!(report["elapsed_s"].is_number());
    let series = &report["series"];
    for one in series.as_array().unwrap() {
        fields(
            one,
            "symbol timeframe status start end first last records error not_yet",
        );
        fields(&one["records"], RECORDS);
    }
    let stored = home.db().candles("AAPL", "1d");
    let day = |ts: i64| json!(format!("{}T00:00:00Z", day_of(ts)));
    assert_eq!(
        (&series[0]["start"], &series[0]["end"]),
        (
            &json!("2024-01-02T00:00:00Z"),
            &json!("2024-03-01T00:00:00Z")
        )
    );
    assert_eq!(
        (&series[0]["first"], &series[0]["last"]),
        (&day(stored[0].ts), &day(stored.last().unwrap().ts))
    );
    assert_eq!(
        (&series[0]["status"], &series[0]["error"]),
        (&json!("completed"), &Value::Null)
    );
    assert_eq!(
        (&series[2]["symbol"], &series[2]["status"]),
        (&json!("BAD"), &json!("failed"))
    );
    assert!(
        series[2]["error"]
            .as_str()
            .unwrap()
            .contains("no such thing")
    );
    fields(
        &report["nothing_from_provider"][0],
        "symbol timeframe start end",
    );
    fields(
        &report["failed"][0],
        "symbol timeframe start end error attempts",
    );
    assert_eq!(
        (
            &report["failed"][0]["symbol"],
            &report["failed"][0]["attempts"]
        ),
        (&json!("BAD"), &json!(1))
    );
}

#[test]
fn the_plan_of_a_dry_run_has_these_fields() {
    let (home, server) = (Home::new(), Server::start());
    let report = home
        .backfill(&server, &format!("AAPL -t 1d,1m {DATES} --dry-run"))
        .ok()
        .json();
    fields(&report["plan"], "slices requests rows bytes seconds");
    for series in report["series"].as_array().unwrap() {
        assert_eq!(series["symbol"], "AAPL");
        assert!(
            series["timeframe"].is_string()
                && series["slices"].is_number()
                && series["rows"].is_number(),
            "{series}"
        );
    }
}

#[test]
fn status_lists_jobs_newest_first_and_one_by_any_unique_prefix() {
    let (home, server) = (
        Home::new(),
        Server::scripted(|request| {
            (request.ask().symbol == "BAD")
                .then(|| Reply::json(404, r#"{"message":"no such thing"}"#))
        }),
    );
    let first = home
        .backfill(&server, &format!("AAPL -t 1h,1d {DATES}"))
        .ok()
        .json();
    let second = home
        .backfill(&server, &format!("MSFT BAD {DATES}"))
        .exit(3)
        .json();
    let status = home.cli(["status", "--json"]).run().ok().json();
    fields(&status, "jobs");
    let jobs = status["jobs"].as_array().unwrap();
    assert_eq!(
        (&jobs[0]["job_id"], &jobs[1]["job_id"]),
        (&second["job_id"], &first["job_id"])
    );
    for job in jobs {
        fields(
            job,
            "job_id status symbols timeframes start end created_at started_at completed_at duration_s slices progress_pct records error",
        );
        fields(&job["slices"], "total completed failed pending");
        fields(&job["records"], RECORDS);
        for time in ["start", "end", "created_at", "started_at", "completed_at"] {
            is_utc(&job[time]);
        }
    }
    assert_eq!(
        jobs[1]["slices"],
        json!({"total": 2, "completed": 2, "failed": 0, "pending": 0})
    );
    assert_eq!(
        (&jobs[1]["status"], &jobs[1]["progress_pct"].as_f64()),
        (&json!("completed"), &Some(100.0))
    );
    assert_eq!(
        (&jobs[1]["symbols"], &jobs[1]["timeframes"]),
        (&json!(["AAPL"]), &json!(["1h", "1d"]))
    );
    assert_eq!(
        jobs[0]["slices"],
        json!({"total": 2, "completed": 1, "failed": 1, "pending": 0})
    );
    assert_eq!(jobs[0]["status"], "partial");

    let id = second["job_id"].as_str().unwrap();
    let one = home.cli(["status", id, "--json"]).run().ok().json();
    fields(&one, "jobs progress");
    assert_eq!(one["jobs"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["progress"].as_array().map(Vec::len), Some(2));
    assert!(
        one["progress"].to_string().contains("no such thing"),
        "{one}"
    );
    // All but the last character: no other id shares them unless it was made in the same instant.
    let short = home
        .cli(["status", &id[..id.len() - 1], "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(short, one);
    let table = home.cli(["status"]).run().ok();
    assert!(
        table.stdout.contains("partial") && table.stdout.contains("completed"),
        "{table:?}"
    );
}
