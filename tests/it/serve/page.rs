//! The page in a real browser: Chromium does in `tests/browser/page.mjs` what a person does, against the real server and
//! the fake provider, which waits at a gate where the picture must stand still. Without a browser that is said, and
//! nothing is tested.

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::exchange::{Gate, Reply, Request};
use crate::support::harness::Home;
use crate::support::running::Running;
use crate::support::seeded::say;
use crate::support::server::Server;
use crate::support::serving::Serving;

const TOKEN: &str = "a-token-of-the-page-0123456789abcdef";

/// A scenario while it runs.
struct Scenario {
    running: Running,
    stdin: ChildStdin,
}

impl Scenario {
    /// `None` where there is no browser.
    fn start(name: &str, url: &str) -> Option<Self> {
        let Some(browser) = std::env::var_os("CANDLEFILE_BROWSER") else {
            say("skipped: CANDLEFILE_BROWSER names no folder (.ci/browser makes one)".into());
            return None;
        };
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/page.mjs");
        let mut command = Command::new("node");
        command.arg(driver).args([name, url]);
        command
            .env("CANDLEFILE_BROWSER", browser)
            .env("TOKEN", TOKEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let running = Running::new(format!("{command:?}"), child);
        Some(Self { running, stdin })
    }

    /// Waits until the scenario is there, does what it waits for, and lets it go on.
    fn at(&mut self, place: &str, act: impl FnOnce()) {
        self.running.wait_for_stdout(place);
        act();
        writeln!(self.stdin, "go on").unwrap();
    }

    fn ends(self) {
        self.running.wait().ok();
    }
}

fn asks_for_msft(request: &Request) -> bool {
    request.path().contains("/MSFT/")
}

/// Does `name` with a provider that holds back MSFT; at `place` it is let go.
fn held_at(name: &str, place: &str) {
    held_if(asks_for_msft, name, place);
}

fn held_if(is_held: fn(&Request) -> bool, name: &str, place: &str) {
    let (provider, gate) = Server::holding_if(is_held);
    let home = Home::new();
    let serving = Serving::start(home.serve(&provider));
    let Some(mut scenario) = Scenario::start(name, &serving.url()) else {
        return;
    };
    scenario.at(place, || gate.open());
    scenario.ends();
    serving.stop().ok();
}

#[test]
fn a_backfill_is_started_from_the_form_and_watched_to_its_end_by_events_alone() {
    held_at("watch", "half");
}

#[test]
fn a_job_is_cancelled_and_resumed() {
    let other = |request: &Request| request.path().contains("/GOOG/") || asks_for_msft(request);
    held_if(other, "cancel", "cancelled");
}

#[test]
fn a_page_loaded_anew_shows_at_once_what_runs() {
    held_at("reload", "reloaded");
}

#[test]
fn a_hidden_page_leaves_its_connections_to_others_and_goes_on_when_it_is_shown() {
    held_at("hidden", "shown");
}

#[test]
fn where_no_events_come_through_the_page_polls() {
    held_at("polling", "half");
}

#[test]
fn a_failed_slice_is_told_with_its_next_step_and_that_step_mends_it() {
    let (first, gate, broken) = (
        Gate::default(),
        Gate::default(),
        Arc::new(AtomicBool::new(true)),
    );
    let (begins, held, breaks) = (first.clone(), gate.clone(), Arc::clone(&broken));
    let provider = Server::scripted(move |request| {
        if !asks_for_msft(request) {
            held.wait();
            return None;
        }
        begins.wait();
        let body = r#"{"status":"ERROR","request_id":"a3","error":"no such luck"}"#;
        breaks
            .load(Ordering::SeqCst)
            .then(|| Reply::json(400, body))
    });
    let home = Home::new();
    let serving = Serving::start(home.serve(&provider));
    let Some(mut scenario) = Scenario::start("failure", &serving.url()) else {
        return;
    };
    scenario.at("begun", || first.open());
    scenario.at("failed", || {
        broken.store(false, Ordering::SeqCst);
        gate.open();
    });
    scenario.ends();
}

#[test]
fn what_the_provider_refuses_is_one_line_and_its_next_step_is_not_to_ask_again() {
    let gate = Gate::default();
    let held = gate.clone();
    let provider = Server::scripted(move |request| {
        if request.path().contains("X:BTCUSD") {
            held.wait();
            return None;
        }
        let body = r#"{"status":"NOT_AUTHORIZED","message":"You are not entitled to this data."}"#;
        Some(Reply::json(403, body))
    });
    let home = Home::new();
    let serving = Serving::start(home.serve(&provider).args("--workers 1"));
    if let Some(mut scenario) = Scenario::start("refused", &serving.url()) {
        scenario.at("refused", || gate.open());
        scenario.ends();
    }
    gate.open();
}

/// A file of sample data with a hole in AAPL's days.
fn with_a_hole() -> Home {
    let home = Home::of_sample("AAPL MSFT -t 1d,1m --start 2024-01-02 --end 2024-03-28");
    let drop = "drop AAPL -t 1d --start 2024-02-05 --end 2024-02-16 --yes";
    home.cli(drop.split(' ')).run().ok();
    home
}

#[test]
fn a_chart_is_opened_by_keyboard_shows_its_gaps_and_loads_older_candles_as_it_is_moved() {
    let home = with_a_hole();
    let serving = Serving::start(home.serve_sample());
    if let Some(scenario) = Scenario::start("chart", &serving.url()) {
        scenario.ends();
    }
}

#[test]
fn a_chart_draws_what_it_names_whatever_fails_or_comes_late() {
    let home = with_a_hole();
    let serving = Serving::start(home.serve_sample());
    if let Some(scenario) = Scenario::start("charts", &serving.url()) {
        scenario.ends();
    }
}

#[test]
fn a_server_that_goes_away_is_told_and_found_again() {
    let (home, serving) = Serving::of_sample();
    let port = serving.port.to_string();
    let Some(mut scenario) = Scenario::start("restart", &serving.url()) else {
        return;
    };
    scenario.at("opened", || drop(serving.stop().ok()));
    home.sample("AAPL -t 1d --start 2024-01-02 --end 2024-01-31")
        .ok();
    let mut again = None;
    scenario.at("missed", || {
        let serve = ["serve", "--provider", "sample", "--port", &port];
        again = Some(Serving::start(home.cli(serve)));
    });
    scenario.ends();
}

#[test]
fn a_server_that_hangs_is_told_after_ten_seconds_and_found_again() {
    let (_home, serving) = Serving::of_sample();
    let Some(mut scenario) = Scenario::start("silent", &serving.url()) else {
        return;
    };
    scenario.at("opened", || serving.signal("-STOP"));
    scenario.at("seen", || serving.signal("-CONT"));
    scenario.ends();
}

#[test]
fn a_token_is_asked_for_and_never_in_an_address() {
    let home = Home::new();
    let file = home.path("token");
    std::fs::write(&file, TOKEN).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let serving = Serving::start(home.serve_sample().arg("--token-file").arg(&file));
    if let Some(scenario) = Scenario::start("token", &serving.url()) {
        scenario.ends();
    }
}

#[test]
fn where_a_token_is_asked_for_nothing_else_is_until_there_is_one() {
    held_at("locked", "unlocked");
}

#[test]
fn the_form_says_what_is_wrong_with_it() {
    let (_home, serving) = Serving::of_sample();
    if let Some(scenario) = Scenario::start("form", &serving.url()) {
        scenario.ends();
    }
}

#[test]
fn ten_thousand_series_are_a_page_of_fifty_and_asked_about_two_at_a_time() {
    let (home, serving) = Serving::of_sample();
    home.sql(
        "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999)
         INSERT INTO series (symbol, timeframe, source, adjusted, market, grid)
         SELECT printf('S%05d', n), '1d', 'sample', 0, 'XNYS', 'utc' FROM n",
    );
    if let Some(scenario) = Scenario::start("many", &serving.url()) {
        scenario.ends();
    }
}

#[test]
fn the_page_is_sound_for_axe_in_both_themes_and_two_widths_and_by_keyboard() {
    let gate = Gate::default();
    let held = gate.clone();
    let provider = Server::scripted(move |request| {
        let path = request.path();
        if path.contains("/NVDA/") {
            held.wait();
        }
        let body = r#"{"status":"ERROR","request_id":"a4","error":"no such luck"}"#;
        (path.contains("/GOOG/")).then(|| Reply::json(400, body))
    });
    let home = with_a_hole();
    let serving = Serving::start(home.serve(&provider));
    let range = "start_date=2024-01-02&end_date=2024-03-28";
    let partial = serving.backfill(&format!("symbols=GOOG,AMZN,X:BTCUSD&{range}"));
    serving.wait_for(&partial, "partial");
    serving.backfill(&format!("symbols=AMD,NVDA&{range}"));
    serving.backfill(&format!("symbols=INTC&{range}"));
    provider.wait_for(5);
    if let Some(scenario) = Scenario::start("accessible", &serving.url()) {
        scenario.ends();
    }
    gate.open();
}
