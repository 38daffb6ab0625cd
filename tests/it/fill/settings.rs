//! How a job was asked for to be run is the job's: it is recorded, and holds when it is taken up again.

use crate::support::exchange::Reply;
use crate::support::harness::Home;
use crate::support::server::Server;

const DATES: &str = "-t 1d --start 2024-01-02 --end 2024-01-31";
const SETTINGS: &str =
    "SELECT concat_ws(' ', rate, workers, delay_s, final_after_s) FROM backfill_jobs";

#[test]
fn a_job_goes_on_as_it_was_asked_for_until_it_is_told_otherwise() {
    let (home, server) = (Home::new(), Server::always(Reply::json(404, "{}")));
    let options = "--rate 7/s --workers 3 --delay 20m --final-after 3h";
    home.backfill(&server, &format!("AAPL {DATES} {options}"))
        .exit(3);
    let recorded = || home.db().text(SETTINGS);
    assert_eq!(recorded(), "7/s 3 1200 10800");
    let resume = |words: &str| home.to(&server, words.split(' ')).run().exit(3);
    resume("resume");
    assert_eq!(recorded(), "7/s 3 1200 10800");
    resume("resume --rate 9/s --workers 2");
    assert_eq!(recorded(), "9/s 2 1200 10800");
    resume("resume --delay 5m --final-after 1h");
    assert_eq!(recorded(), "9/s 2 300 3600");
    let status = home.cli(["status", "--json"]).run().ok().json();
    let job = &status["jobs"][0];
    assert_eq!(
        (&job["rate"], &job["workers"], &job["delay_s"]),
        (&"9/s".into(), &2.into(), &300.into())
    );
}

#[test]
fn a_job_without_settings_has_the_usual_ones() {
    let (home, server) = (Home::new(), Server::always(Reply::json(404, "{}")));
    home.backfill(&server, &format!("AAPL {DATES}")).exit(3);
    let recorded = || home.db().text(SETTINGS);
    assert_eq!(recorded(), "8 900");
    // As an older format has left it, or a stranger.
    for workers in ["NULL", "-5", "9000000000"] {
        home.sql(&format!(
            "UPDATE backfill_jobs SET rate = 'soon', workers = {workers}"
        ));
        home.to(&server, ["resume"]).run().exit(3);
        assert_eq!(recorded(), "8 900", "{workers}");
    }
}

#[cfg(feature = "serve")]
#[test]
fn a_servers_job_has_the_servers_settings() {
    let (home, server) = (Home::new(), Server::always(Reply::json(404, "{}")));
    let serving = crate::support::serving::Serving::start(
        home.serve(&server)
            .args("--rate 6/s --workers 4 --delay 10m"),
    );
    let asked = serving.send(
        "POST",
        "/api/v1/backfill?symbols=AAPL&start_date=2024-01-02&end_date=2024-01-31",
        "",
        "",
    );
    assert_eq!(asked.status, 202);
    let ended = || home.db().text("SELECT status FROM backfill_jobs") == "partial";
    crate::support::running::eventually("the job ends", ended);
    serving.stop();
    assert_eq!(home.db().text(SETTINGS), "6/s 4 600");
    home.to(&server, ["resume"]).run().exit(3);
    assert_eq!(home.db().text(SETTINGS), "6/s 4 600");
}
