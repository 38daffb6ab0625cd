//! Jobs that are asked for over HTTP: they wait in the file, run in order, outlive the server, and are told truly.

use serde_json::json;

use crate::checker;
use crate::harness::Home;
use crate::oracle;
use crate::server::Server;
use crate::serving::Serving;

#[test]
fn the_two_calls_of_the_old_service_work_unchanged() {
    let (home, provider) = (Home::new(), Server::start());
    let serving = Serving::start(home.serve(&provider));
    let asked = serving
        .post("/api/v1/backfill?symbols=AAPL&start_date=2024-11-01&end_date=2024-11-15")
        .is(202)
        .json();
    let job_id = asked["job_id"].as_str().unwrap();
    assert_eq!(asked["symbols"], json!(["AAPL"]));
    assert_eq!(asked["timeframes"], json!(["1d"]));
    assert_eq!(asked["slices"], 1);
    let job = serving.wait_for(job_id, "completed");
    assert_eq!(
        job["records"]["fetched"], job["total_records_inserted"],
        "{job}"
    );
    let recent = serving.get("/api/v1/backfill/recent").is(200).json();
    assert_eq!(recent["jobs"][0]["job_id"], job_id);
    assert_eq!(recent["jobs"].as_array().unwrap().len(), 1);
    serving.stop().ok();
    let asked = oracle::span("AAPL", "1d", "2024-11-01", "2024-11-15");
    checker::check(&home.db(), "AAPL", "1d", asked);
}
