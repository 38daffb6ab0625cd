//! Jobs that are asked for over HTTP: they wait in the file, run in order, outlive the server, and are told truly.

use serde_json::{Value, json};

use crate::support::checker::{check, check_books};
use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::oracle::span;
use crate::support::running::eventually;
use crate::support::server::Server;
use crate::support::serving::Serving;
use crate::support::week::{WEEK, asked, check_week, of_week};

#[test]
fn the_two_calls_of_the_old_service_work_unchanged() {
    let (home, _provider, serving) = Serving::of_provider();
    let asked = serving
        .post("/api/v1/backfill?symbols=AAPL&start_date=2024-11-01&end_date=2024-11-15")
        .is(202)
        .json();
    let job_id = asked["job_id"].as_str().unwrap();
    assert_eq!(asked["symbols"], json!(["AAPL"]));
    assert_eq!(asked["timeframes"], json!(["1d"]));
    assert_eq!(asked["start_date"], "2024-11-01");
    assert_eq!(asked["end_date"], "2024-11-15");
    assert_eq!(asked["slices"], 1);
    let job = serving.wait_for(job_id, "completed");
    assert_eq!(
        job["records"]["fetched"], job["total_records_inserted"],
        "{job}"
    );
    assert_eq!(job["progress_pct"], 100.0);
    assert_eq!(job["details"][0]["symbol"], "AAPL");
    assert_eq!(job["details"][0]["status"], "completed");
    let recent = serving.get("/api/v1/backfill/recent").is(200).json();
    assert_eq!(recent["jobs"][0]["job_id"], job_id);
    assert_eq!(recent["jobs"].as_array().unwrap().len(), 1);
    serving.stop().ok();
    let whole = span("AAPL", "1d", "2024-11-01", "2024-11-15");
    check(&home.db(), "AAPL", "1d", whole);
}

#[test]
fn a_body_asks_for_the_same_as_a_query() {
    let (home, _provider, serving) = Serving::of_provider();
    let body = json!({
        "symbols": ["AAPL", "MSFT,AAPL"], "start_date": WEEK[0], "end_date": WEEK[1], "timeframes": ["1d", "1h"],
        "adjusted": false,
    });
    let asked = serving.post_json("/api/v1/backfill", &body).is(202).json();
    assert_eq!(asked["symbols"], json!(["AAPL", "MSFT"]));
    assert_eq!(asked["timeframes"], json!(["1d", "1h"]));
    serving.wait_for(asked["job_id"].as_str().unwrap(), "completed");
    serving.stop().ok();
    check_week(&home, "MSFT");
    check(
        &home.db(),
        "AAPL",
        "1h",
        span("AAPL", "1h", WEEK[0], WEEK[1]),
    );
}

#[test]
fn killed_with_six_jobs_in_the_queue_a_new_server_ends_all_of_them_in_their_order() {
    let home = Home::new();
    let symbols = ["F", "E", "D", "C", "B", "A"];
    let (provider, gate) = Server::holding_if(|_| true);
    let serving = Serving::start(home.serve(&provider));
    let jobs = symbols.map(|symbol| serving.backfill(&of_week(symbol)));
    provider.wait_for(1);
    serving.wait_for(&jobs[0], "running");
    for waiting in &jobs[1..] {
        assert_eq!(serving.status(waiting)["status"], "queued");
    }
    serving.kill();
    let status = home.cli(["status", "--json"]).run().ok().json();
    for job in status["jobs"].as_array().unwrap() {
        assert_eq!(job["status"], "interrupted", "{job}");
    }
    gate.open();
    provider.forget();
    let serving = Serving::start(home.serve(&provider));
    for job in &jobs {
        serving.wait_for(job, "completed");
    }
    serving.stop().ok();
    assert_eq!(asked(&provider), symbols);
    for symbol in symbols {
        check_week(&home, symbol);
    }
}

#[test]
fn what_another_program_found_without_its_process_is_taken_over_too() {
    let (home, provider, _gate, serving) = Serving::holding(0);
    let jobs = ["AAPL", "MSFT"].map(|symbol| serving.backfill(&of_week(symbol)));
    provider.wait_for(1);
    serving.kill();
    // Whoever writes first records that nobody has them any more.
    home.backfill(&provider, "SPY --start 2024-01-02 --end 2024-01-05")
        .ok();
    let found = "SELECT count(*) FROM backfill_jobs WHERE status = 'interrupted'";
    assert_eq!(home.db().count(found), 2);
    let serving = Serving::start(home.serve(&provider));
    for job in &jobs {
        serving.wait_for(job, "completed");
    }
    serving.stop().ok();
    check_week(&home, "AAPL");
    check_week(&home, "MSFT");
}

#[test]
fn what_was_left_on_another_host_waits_for_somebody_to_resume_it() {
    let (home, provider, _gate, serving) = Serving::holding(0);
    let job = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    serving.kill();
    home.sql("UPDATE backfill_jobs SET owner = 'elsewhere/1/1/00000000', heartbeat_at = 0");
    let serving = Serving::start(home.serve(&provider));
    let own = serving.backfill(&of_week("MSFT"));
    serving.wait_for(&own, "completed");
    assert_eq!(serving.status(&job)["status"], "interrupted");
    serving
        .post(&format!("/api/v1/backfill/{job}/resume"))
        .is(202);
    serving.wait_for(&job, "completed");
    serving.stop().ok();
    check_week(&home, "AAPL");
}

#[test]
fn a_clean_stop_puts_what_runs_back_into_the_queue_and_a_new_server_goes_on() {
    let (home, provider, gate, serving) = Serving::holding_one_worker(1);
    let first = serving.backfill(&of_week("AAPL,MSFT"));
    let second = serving.backfill(&of_week("SPY"));
    provider.wait_for(2);
    eventually("AAPL is saved", || {
        serving.status(&first)["completed_slices"] == 1
    });
    serving.stop().ok();
    assert!(!home.path("market.db-wal").exists());
    let queued = "SELECT count(*) FROM backfill_jobs WHERE status = 'queued'";
    assert_eq!(home.db().count(queued), 2);
    check_books(&home.db());
    gate.open();
    provider.forget();
    let serving = Serving::start(home.serve(&provider));
    serving.wait_for(&first, "completed");
    serving.wait_for(&second, "completed");
    serving.stop().ok();
    assert_eq!(asked(&provider), ["MSFT", "SPY"]);
    for symbol in ["AAPL", "MSFT", "SPY"] {
        check_week(&home, symbol);
    }
}

#[test]
fn the_same_request_is_answered_with_the_job_that_waits_or_runs_and_later_with_a_new_one() {
    let (_home, provider, gate, serving) = Serving::holding(0);
    let first = serving.backfill(&of_week("AAPL,MSFT"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("SPY"));
    assert_eq!(serving.backfill(&of_week("MSFT,AAPL")), first);
    assert_eq!(serving.backfill(&of_week("SPY")), waiting);
    let others = [
        of_week("AAPL"),
        "symbols=SPY&start_date=2024-01-02".to_owned(),
        format!("{}&timeframes=1h", of_week("SPY")),
    ];
    for other in others {
        let other = serving.backfill(&other);
        assert!(other != first && other != waiting);
        serving
            .post(&format!("/api/v1/backfill/{other}/cancel"))
            .is(202);
    }
    gate.open();
    serving.wait_for(&waiting, "completed");
    let again = serving.backfill(&of_week("SPY"));
    assert_ne!(again, waiting);
    assert_eq!(serving.wait_for(&again, "completed")["total_slices"], 0);
    assert_eq!(serving.status(&again)["progress_pct"], 100.0);
    serving.stop().ok();
}

#[test]
fn as_many_jobs_run_at_once_as_were_asked_for() {
    let home = Home::new();
    let (provider, gate) = Server::holding_if(|_| true);
    let serving = Serving::start(home.serve(&provider).args("--jobs 2"));
    let jobs = ["AAPL", "MSFT", "SPY"].map(|symbol| serving.backfill(&of_week(symbol)));
    provider.wait_for(2);
    serving.wait_for(&jobs[0], "running");
    serving.wait_for(&jobs[1], "running");
    assert_eq!(serving.status(&jobs[2])["status"], "queued");
    gate.open();
    for job in &jobs {
        serving.wait_for(job, "completed");
    }
    serving.stop().ok();
    check_week(&home, "SPY");
}

#[test]
fn a_job_whose_series_was_bound_otherwise_while_it_waited_fails_and_the_next_one_runs() {
    let (home, provider, gate, serving) = Serving::holding(0);
    serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("MSFT"));
    let last = serving.backfill(&of_week("SPY"));
    // What waits holds its series for its source: only somebody without our rules can do this.
    home.sql(
        "UPDATE series SET source = 'sample' WHERE symbol = 'MSFT';
         INSERT INTO coverage SELECT id, 0, 86400 FROM series WHERE symbol = 'MSFT'",
    );
    gate.open();
    let failed = serving.wait_for(&waiting, "failed");
    assert!(
        failed["error"].as_str().unwrap().contains("sample"),
        "{failed}"
    );
    serving.wait_for(&last, "completed");
    serving
        .post(&format!("/api/v1/backfill?{}", of_week("MSFT")))
        .refuses(409, "series", "sample");
    serving.stop().ok();
}

#[test]
fn a_job_that_the_providers_limit_interrupted_goes_on_by_itself() {
    let home = Home::new();
    let provider = Server::scripted(|request| {
        (request.n == 0).then(|| Reply::json(429, "{}").with("Retry-After", "3600"))
    });
    let serving = Serving::start(home.serve(&provider));
    let job = serving.backfill(&of_week("AAPL"));
    let told = serving.wait_for(&job, "interrupted");
    assert!(told["resume_at"].is_string(), "{told}");
    assert!(
        told["next"].as_str().unwrap().contains("by itself"),
        "{told}"
    );
    // An hour later.
    home.sql("UPDATE backfill_jobs SET resume_at = resume_at - 3600");
    serving.stop().ok();
    let serving = Serving::start(home.serve(&provider));
    serving.wait_for(&job, "completed");
    serving.stop().ok();
    check_week(&home, "AAPL");
}

#[test]
fn a_due_update_runs_once_also_when_the_server_was_not_there() {
    let home = Home::new();
    let provider = Server::scripted(|request| (request.n > 0).then(|| Reply::json(404, "{}")));
    home.backfill(&provider, "X:BTCUSD --start 2024-01-02 --end 2024-01-05")
        .ok();
    let serve = || home.serve(&provider).args("--update-at 00:00@UTC");
    let updates = "SELECT count(*) FROM backfill_jobs WHERE command = 'update'";
    let serving = Serving::start(serve());
    eventually("the update has run", || {
        home.db()
            .count(&format!("{updates} AND status = 'partial'"))
            == 1
    });
    let told = serving.get("/api/v1/server").is(200).json();
    assert_eq!(told["update_at"], json!(["00:00@UTC"]));
    serving.stop().ok();
    // What failed is still missing, and nobody has asked to try again today.
    let serving = Serving::start(serve());
    let asked = serving.backfill(&of_week("X:BTCUSD"));
    serving.wait_for(&asked, "completed");
    serving.stop().ok();
    assert_eq!(home.db().count(updates), 1);
}

#[test]
fn an_update_is_due_for_each_source_of_which_the_file_holds_anything() {
    let (home, provider) = (Home::new(), Server::start());
    home.backfill(&provider, "X:BTCUSD --start 2024-01-02 --end 2024-01-05")
        .ok();
    home.sample("X:ETHUSD --start 2024-01-02 --end 2024-01-05")
        .ok();
    // One of the two was asked for today already.
    home.to(&provider, ["update"]).run().ok();
    home.sql("DELETE FROM backfill_jobs WHERE command = 'update' AND source = 'sample'");
    home.sql(
        "DELETE FROM coverage WHERE series_id = (SELECT id FROM series WHERE source = 'sample')",
    );
    let zones = [
        "--update-at",
        "00:00@UTC",
        "--update-at",
        "00:00@Asia/Tokyo",
    ];
    let cli = zones
        .iter()
        .fold(home.serve(&provider), crate::support::harness::Cli::arg);
    let serving = Serving::start(cli);
    let updates = "SELECT count(*) FROM backfill_jobs WHERE command = 'update' AND status = 'completed' AND source";
    eventually("the other's update has run", || {
        home.db().count(&format!("{updates} = 'sample'")) == 1
    });
    serving.stop().ok();
    assert_eq!(home.db().count(&format!("{updates} = 'polygon'")), 1);
}

#[test]
fn recent_jobs_are_told_newest_first_and_no_more_than_were_asked_for() {
    let (_home, _provider, serving) = Serving::of_provider();
    let many: Vec<String> = (0..150).map(|n| format!("S{n}")).collect();
    let mut jobs = ["AAPL", "MSFT"]
        .map(|symbol| serving.backfill(&of_week(symbol)))
        .to_vec();
    jobs.push(serving.backfill(&of_week(&many.join(","))));
    jobs.reverse();
    let recent = |query: &str| {
        let told = serving
            .get(&format!("/api/v1/backfill/recent{query}"))
            .is(200)
            .json();
        told["jobs"].as_array().unwrap().clone()
    };
    let ids = |told: &[Value]| {
        told.iter()
            .map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&recent("")), jobs);
    assert_eq!(ids(&recent("?limit=2")), jobs[..2]);
    let newest = &recent("?limit=1")[0];
    assert_eq!(newest["symbols"], json!(many[..100]));
    assert_eq!(newest["symbols_total"], 150);
    assert_eq!(serving.status(&jobs[0])["symbols"], json!(many));
    serving.stop().ok();
}

#[test]
fn a_request_for_adjusted_prices_is_not_the_one_for_raw_ones_that_runs() {
    let (_home, provider, gate, serving) = Serving::holding(0);
    let job = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let adjusted = format!("/api/v1/backfill?{}&adjusted=true", of_week("AAPL"));
    let answer = serving.post(&adjusted);
    assert_eq!(answer.status, 409, "{}", answer.text());
    gate.open();
    serving.wait_for(&job, "completed");
    serving.stop().ok();
}

#[test]
fn a_series_that_a_living_server_has_queued_is_not_dropped() {
    let home = Home::new();
    let (provider, gate) = Server::holding(0);
    home.cli([
        "backfill",
        "MSFT",
        "--provider",
        "sample",
        "--start",
        "2024-01-02",
    ])
    .args("--end 2024-01-05 -t 1h")
    .run()
    .ok();
    let serving = Serving::start(home.serve(&provider));
    serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = serving.backfill(&of_week("MSFT"));
    let drop = ["drop", "MSFT", "-t", "1d", "--yes"];
    home.cli(drop).run().exit(1).says(&[&waiting[..8]]);
    assert_eq!(serving.status(&waiting)["status"], "queued");
    gate.open();
    serving.wait_for(&waiting, "completed");
    serving.stop().ok();
    check_week(&home, "MSFT");
}

// The page drew what no request was ever sent for as given up.
#[test]
fn what_was_never_asked_for_is_missing_and_not_given_up() {
    let home = Home::new();
    let refusal = r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#;
    let provider = Server::always(Reply::json(403, refusal));
    let serving = Serving::start(home.serve(&provider).args("--workers 1"));
    let words = "symbols=AAPL,MSFT,NVDA&start_date=2024-01-02&end_date=2024-01-05";
    let job_id = serving.backfill(words);
    serving.wait_for(&job_id, "partial");
    assert_eq!(provider.hits(), 2);
    let of = |symbol: &str, kind: &str| {
        let path = format!("/api/v1/coverage/{symbol}?timeframe=1d");
        let coverage = serving.get(&path).is(200).json();
        coverage[kind].as_array().unwrap().len()
    };
    for (symbol, failed) in [("AAPL", 1), ("MSFT", 1), ("NVDA", 0)] {
        assert_eq!((of(symbol, "failed"), of(symbol, "missing")), (failed, 1));
    }
    serving.stop().ok();
}

#[test]
fn a_job_names_what_failed_and_what_the_provider_has_no_data_for() {
    let refusal = r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#;
    let provider = Server::scripted(move |request| {
        Some(if request.path().contains("/AAPL/") {
            Reply::json(403, refusal)
        } else {
            Reply::json(200, r#"{"status":"OK","resultsCount":0}"#)
        })
    });
    let home = Home::new();
    let serving = Serving::start(home.serve(&provider));
    let job_id = serving.backfill("symbols=AAPL,NONE&start_date=2024-01-02&end_date=2024-01-05");
    let told = serving.wait_for(&job_id, "partial");
    assert_eq!(
        told["error"],
        "1 of 2 slices failed; the provider has no data for NONE 1d"
    );
    // Without a slice that failed the names stand alone; there is a hint where there is one, and of many a few are named.
    let words = "symbols=BRK-B,NO1,NO2,NO3,NO4&start_date=2024-01-02&end_date=2024-01-05";
    let told = serving.wait_for(&serving.backfill(words), "partial");
    assert_eq!(
        told["error"],
        "the provider has no data for BRK-B 1d (did you mean BRK.B or BRKpB?), NO1 1d, NO2 1d and 2 more"
    );
    serving.stop().ok();
}
