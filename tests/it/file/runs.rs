//! A run of the program proves by a lock beside the file that it lives. No name, process id or clock stands for it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::checker::check;
use crate::support::exchange::Gate;
use crate::support::harness::Home;
use crate::support::oracle::{self, span};
use crate::support::running::{Running, eventually};
use crate::support::server::Server;

const WORDS: &str = "AAPL --start 2024-01-02 --end 2024-01-05";

/// What lies beside the file to show who works on it.
fn sides(home: &Home) -> Vec<PathBuf> {
    let paths = home.files().into_iter().map(|(path, _)| path);
    let is_side = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("market.db-run-")
    };
    paths.filter(is_side).collect()
}

fn owner(home: &Home) -> String {
    home.db().text("SELECT max(owner) FROM backfill_jobs")
}

fn status(home: &Home) -> String {
    let told = home.cli(["status", "--json"]).run().ok().json();
    told["jobs"][0]["status"].as_str().unwrap().to_owned()
}

/// A backfill whose first request is held.
fn held(home: &Home) -> (Server, Gate, Running) {
    let (server, gate) = Server::holding(0);
    let words = format!("backfill {WORDS}");
    let running = home.to(&server, words.split(' ')).spawn();
    server.wait_for(1);
    (server, gate, running)
}

fn check_days(home: &Home) {
    let whole = span("AAPL", "1d", "2024-01-02", "2024-01-05");
    check(&home.db(), "AAPL", "1d", whole);
}

#[test]
fn a_run_is_locked_beside_the_file_while_it_lives_and_leaves_nothing() {
    let home = Home::new();
    let (server, gate, running) = held(&home);
    let [side] = sides(&home).try_into().unwrap();
    let run = owner(&home).rsplit('/').next().unwrap().to_owned();
    assert!(side.to_str().unwrap().ends_with(&run), "{side:?}");
    assert!(File::open(&side).unwrap().try_lock_shared().is_err());
    assert!(owner(&home).contains(&format!("/{}/", running.id())));
    // By another name of the file its owner is found all the same.
    let link = home.path("other-name.db");
    std::os::unix::fs::symlink(home.db_path(), &link).unwrap();
    let by_link = ["--db", link.to_str().unwrap(), "status", "--json"];
    let told = home.cli(by_link).without_db().run().ok().json();
    assert_eq!(told["jobs"][0]["status"], "running");
    gate.open();
    running.wait().ok();
    assert_eq!(sides(&home), [] as [PathBuf; 0]);
    assert_eq!(server.hits(), 1);
}

#[test]
fn what_a_kill_left_beside_the_file_is_removed_by_the_next_run_and_nothing_else_is() {
    let home = Home::new();
    let (_server, _gate, running) = held(&home);
    running.kill();
    let left = sides(&home);
    assert_eq!(left.len(), 1);
    assert_eq!(status(&home), "interrupted");
    assert_eq!(sides(&home), left, "looking removed it");
    let (server, gate, other) = {
        let (server, gate) = Server::holding(0);
        let words = "backfill MSFT --start 2024-01-02 --end 2024-01-05";
        let other = home.to(&server, words.split(' ')).spawn();
        server.wait_for(1);
        (server, gate, other)
    };
    let living = sides(&home);
    assert!(living.len() == 1 && living != left, "{living:?}");
    let notes = home.path("market.db-run-notes");
    std::fs::write(&notes, "mine").unwrap();
    home.to(&server, ["resume"]).run().ok();
    check_days(&home);
    let mut still = vec![notes.clone()];
    still.extend(living);
    still.sort();
    assert_eq!(sides(&home), still);
    gate.open();
    other.wait().ok();
    assert_eq!(sides(&home), [notes]);
}

// The first process of a container has the id 1 each time it starts, and the same host name: a server took itself for the one
// before it, whose jobs nobody could go on with. Two containers with one host name stole each other's.
#[test]
#[cfg(feature = "serve")]
fn an_owner_that_is_called_like_this_process_is_another_one() {
    use crate::support::serving::Serving;
    use crate::support::week::of_week;

    let (home, provider, gate, living) = Serving::holding(0);
    let job = living.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    let waiting = living.backfill(&of_week("MSFT"));
    let other = Serving::start(home.serve(&provider));
    let named = |id: u32| {
        home.sql(&format!(
            "UPDATE backfill_jobs SET owner = substr(owner, 1, instr(owner, '/')) || '{id}' || substr(owner, -37)"
        ));
    };
    named(other.id());
    let target = |job: &str, change: &str| format!("/api/v1/backfill/{job}/{change}");
    for job in [&job, &waiting] {
        for change in ["cancel", "resume"] {
            other.post(&target(job, change)).refuses(409, "owned", job);
        }
        home.to(&provider, ["resume", job]).run().exit(1);
    }
    living.kill();
    gate.open();
    other.post(&target(&waiting, "cancel")).is(202);
    other.post(&target(&job, "resume")).is(202);
    other.wait_for(&job, "completed");
    assert_eq!(other.status(&waiting)["status"], "interrupted");
    other.stop().ok();
    check_days(&home);
}

#[test]
#[cfg(feature = "serve")]
fn a_server_takes_over_by_itself_what_one_of_another_host_left_right_here() {
    use crate::support::serving::Serving;
    use crate::support::week::of_week;

    let (home, provider, gate, serving) = Serving::holding(0);
    let job = serving.backfill(&of_week("AAPL"));
    provider.wait_for(1);
    serving.kill();
    gate.open();
    home.sql("UPDATE backfill_jobs SET owner = 'elsewhere/1' || substr(owner, -37)");
    let serving = Serving::start(home.serve(&provider));
    serving.wait_for(&job, "completed");
    serving.stop().ok();
    assert_eq!(sides(&home), [] as [PathBuf; 0]);
    check_days(&home);
}

#[test]
fn a_file_is_not_brought_to_a_new_format_under_an_owner_who_knows_the_old_one_alone() {
    let home = Home::new();
    let released = concat!(env!("CARGO_MANIFEST_DIR"), "/data/formats/v1.db");
    std::fs::copy(released, home.db_path()).unwrap();
    let server = Server::start();
    let update = || {
        home.to(&server, ["drop", "AAPL", "-t", "1d", "--yes"])
            .run()
    };
    let owned = |owner: &str, silent: i64| {
        home.sql(&format!(
            "UPDATE backfill_jobs SET status = 'running', owner = '{owner}', heartbeat_at = {}
             WHERE job_id = (SELECT max(job_id) FROM backfill_jobs)",
            oracle::now() - silent
        ));
    };
    // Some process of this host that lives.
    let another = Home::new();
    let began = oracle::now();
    let (_server, _gate, running) = held(&another);
    let host = self::owner(&another).split('/').next().unwrap().to_owned();
    let here = format!("{host}/{}/{began}/0badcafe", running.id());
    for (owner, silent) in [(here.as_str(), 3600), ("elsewhere/1/1/0badcafe", 30)] {
        owned(owner, silent);
        assert_eq!(status(&home), "running", "{owner}");
        let told = update().exit(1);
        told.says(&["cannot be brought to format", owner, "stop that process"]);
        assert_eq!(home.db().count("PRAGMA user_version"), 1);
    }
    running.kill();
    for (owner, silent) in [(here.as_str(), 0), ("elsewhere/1/1/0badcafe", 61)] {
        owned(owner, silent);
        assert_eq!(status(&home), "interrupted", "{owner}");
    }
    update();
    let now = candlefile::store::FORMAT;
    assert_eq!(home.db().count("PRAGMA user_version"), i64::from(now));
}

/// A library that stands before the system's own, and refuses locks.
#[cfg(target_os = "linux")]
fn without_locks(home: &Home) -> String {
    let (source, library) = (home.path("flock.c"), home.path("flock.so"));
    let refuse = "#include <errno.h>\nint flock(int f, int how) { (void)f; (void)how; errno = ENOLCK; return -1; }\n";
    std::fs::write(&source, refuse).unwrap();
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library);
    assert!(cc.arg(&source).status().unwrap().success());
    library.to_str().unwrap().to_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn where_a_file_system_refuses_locks_the_process_decides_and_that_is_told_once() {
    let (home, tools) = (Home::new(), Home::new());
    let refuse = without_locks(&tools);
    let (server, _gate) = Server::holding(0);
    let words = format!("backfill {WORDS}");
    let start = || {
        home.to(&server, words.split(' '))
            .env("LD_PRELOAD", &refuse)
    };
    let running = start().spawn();
    server.wait_for(1);
    running.wait_for_stderr("refuses locks");
    assert_eq!(sides(&home), [] as [PathBuf; 0]);
    // Its process is what counts, however long it has given no sign of life.
    home.sql("UPDATE backfill_jobs SET heartbeat_at = 1");
    assert_eq!(status(&home), "running");
    let job = home.db().text("SELECT job_id FROM backfill_jobs");
    let resume = home.to(&server, ["resume", &job]);
    resume.env("LD_PRELOAD", &refuse).run().exit(1);
    running.kill();
    eventually("it is over", || status(&home) == "interrupted");
    let told = start().run().ok();
    let times = told.stderr.matches("refuses locks").count();
    assert_eq!(times, 1, "{told:?}");
    check_days(&home);
}

#[test]
fn the_lock_of_a_file_that_is_private_can_be_seen_by_whoever_sees_the_file() {
    let home = Home::filled("MSFT --start 2024-01-02 --end 2024-01-05");
    std::fs::set_permissions(home.db_path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let (_server, gate, running) = held(&home);
    let [side] = sides(&home).try_into().unwrap();
    let mode = side.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        mode, 0o644,
        "of the lock beside a file of mode 640: {mode:o}"
    );
    gate.open();
    running.wait().ok();
}

#[test]
fn where_the_lock_may_not_be_looked_at_signs_of_life_decide() {
    let home = Home::new();
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home.path(""), everybody).unwrap();
    let (_server, gate, running) = held(&home);
    let [side] = sides(&home).try_into().unwrap();
    std::fs::set_permissions(&side, std::fs::Permissions::from_mode(0o600)).unwrap();
    let seen = || {
        let told = home.cli(["status", "--json"]).by_nobody().run().ok().json();
        told["jobs"][0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(seen(), "running", "with a sign of life");
    gate.open();
    running.wait().ok();
}
