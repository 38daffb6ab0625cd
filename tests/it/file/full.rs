//! A disk that is full: what runs stops with its job recorded as failed, with what was done, and goes on once there is room.

use crate::support::harness::Home;
use crate::support::server::Server;

const FULL: &str = "failed the disk is full or a size limit (ulimit -f, a quota) is reached while writing the file";

#[test]
fn update_and_resume_stop_with_their_job_failed_and_with_what_was_done() {
    let (home, server) = (Home::new(), Server::start());
    home.backfill(&server, "AAPL -t 1h --start 2024-01-02 --end 2024-01-03")
        .ok();
    // Blocks of 512 bytes: room for the job and for a part of its candles, and then for a larger part.
    for (words, blocks) in [("update", 500), ("resume", 1000)] {
        let limited = home.to(&server, [words]).full_disk(blocks);
        let told = limited.run().exit(1);
        let told = format!("{}{}", told.stdout, told.stderr);
        for part in [
            "failed: 1 series",
            "  job ",
            "disk is full",
            "make room or lift the limit",
        ] {
            assert!(told.contains(part), "{words}: {part}\n{told}");
        }
        let newest =
            "SELECT status || ' ' || error FROM backfill_jobs ORDER BY job_id DESC LIMIT 1";
        assert_eq!(home.db().text(newest), FULL, "{words}");
        assert_eq!(home.db().count("SELECT count(*) FROM backfill_jobs"), 2);
    }
    home.to(&server, ["resume"]).run().ok();
    home.to(&server, ["update"]).run().ok();
    let jobs = "SELECT group_concat(DISTINCT status) FROM backfill_jobs";
    assert_eq!(home.db().text(jobs), "completed");
}

// Without the room that is held back the job was found later as one that somebody killed.
#[cfg(all(target_os = "linux", feature = "serve"))]
#[test]
fn the_end_of_a_job_is_recorded_on_a_disk_without_a_byte_to_spare() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use crate::support::harness::KEY;
    use crate::support::running::Running;
    use crate::support::seeded::say;

    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=8m none . && cd "$PWD" && echo mounted || exit 99
        "$0" --db market.db --base-url "$1" backfill AAPL -t 1m --start 2024-01-02 --end 2024-01-05 &
        read -r go
        dd if=/dev/zero of=filler bs=4096 2>/dev/null
        echo full
        wait $!
        rm filler
        "$0" --db market.db sql "SELECT status || ' ' || error FROM backfill_jobs" --csv"#;
    let home = Home::new();
    let (server, gate) = Server::holding(0);
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", SCRIPT, env!("CARGO_BIN_EXE_candlefile")])
        .arg(server.url())
        .current_dir(home.path(""))
        .env("MASSIVE_API_KEY", KEY)
        .env_remove("CANDLEFILE_DB")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        return say("skipped: there is no unshare".into());
    };
    let mut stdin = child.stdin.take().unwrap();
    let mut running = Running::new(format!("{command:?}"), child);
    if running.first_line().is_none() {
        return say("skipped: nothing may be mounted here".into());
    }
    server.wait_for(1);
    writeln!(stdin, "go on").unwrap();
    running.wait_for_stdout("full\n");
    gate.open();
    let told = running.wait().ok().stdout;
    assert!(told.contains(FULL), "{told}");
}
