//! Tables on a terminal: no line is wider than it, no number is broken, and what is left out is named. And times in the
//! zone that was asked for.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::support::documents::refused;
use crate::support::exchange::{Gate, Reply};
use crate::support::harness::Home;
use crate::support::running::{Running, eventually};
use crate::support::seeded::say;
use crate::support::server::Server;

fn filled() -> Home {
    Home::of_sample("AAPL X:BTCUSD -t 1d,1m --start 2024-03-04 --end 2024-03-15")
}

/// What a terminal of this width shows; nothing where no pseudo terminal can be had.
fn shown(home: &Home, width: usize, words: &str) -> Option<Vec<String>> {
    let line = format!(
        "stty cols {width} rows 30; exec {} {words}",
        env!("CARGO_BIN_EXE_candlefile")
    );
    let run = Command::new("script")
        .args(["-qc", &line, "/dev/null"])
        .current_dir(home.path(""))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&run.stdout).replace('\r', "");
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn a_table_is_no_wider_than_the_terminal_and_breaks_no_number() {
    let home = filled();
    // An error is coloured but where that is not wanted; a variable that is empty wants nothing.
    for (variable, is_coloured) in [("env NO_COLOR=", true), ("", false)] {
        let line = format!("{variable} {} lits", env!("CARGO_BIN_EXE_candlefile"));
        let script = Command::new("script")
            .args(["-qc", &line, "/dev/null"])
            .env("NO_COLOR", "1")
            .env("TERM", "xterm")
            .output();
        let Ok(run) = script else { break };
        let said = String::from_utf8_lossy(&run.stdout);
        assert_eq!(said.contains("\u{1b}["), is_coloured, "{said}");
    }
    home.sql("UPDATE backfill_jobs SET error = 'a long story of what went wrong, told in many words and never to its end'");
    let id = home.db().text("SELECT job_id FROM backfill_jobs");
    let numbers = home
        .cli("show AAPL -t 1m --tail 2 --csv".split(' '))
        .run()
        .ok()
        .stdout;
    for width in [40, 60, 80] {
        for words in [
            "show AAPL -t 1m --tail 2",
            "show AAPL -t 1m --tail 2 --tz market",
            "list",
            "status",
            &format!("status {id}"),
            "providers",
            "sql 'select * from market_data limit 2'",
            "backfill QQQ --provider sample -t 1m --start 2024-01-02 --end 2024-06-28 --dry-run",
        ] {
            let Some(lines) = shown(&home, width, words) else {
                say("skipped: there is no `script` here".to_owned());
                return;
            };
            let from = lines.iter().position(|line| {
                ["time", "symbol", "job", "provider", "datetime"]
                    .iter()
                    .any(|title| line.starts_with(title))
            });
            let table = &lines[from.unwrap_or_else(|| panic!("{words}: {lines:#?}"))..];
            let table: Vec<&String> = table
                .iter()
                .take_while(|line| {
                    !line.starts_with("no room for")
                        && !line.starts_with("timeframes: ")
                        && !line.starts_with("nothing was sent")
                })
                .collect();
            for line in &table {
                assert!(
                    line.chars().count() <= width,
                    "{words} at {width}: {line:?}"
                );
            }
            if words.starts_with("show") {
                assert_eq!(table.len(), 3, "{table:#?}");
                let close = numbers
                    .lines()
                    .last()
                    .unwrap()
                    .split(',')
                    .nth(5)
                    .unwrap()
                    .to_owned();
                assert!(
                    table[0].contains("close") && table[2].contains(&close),
                    "{table:#?}"
                );
                let left_out = lines
                    .iter()
                    .any(|line| line.starts_with("no room for: ") && line.contains("trades"));
                assert_eq!(left_out, !table[0].contains("trades"), "{lines:#?}");
            }
        }
    }
}

/// What a terminal shows in the end of what was written to it.
fn screen(written: &str) -> Vec<String> {
    let (mut lines, mut at, mut column) = (vec![String::new()], 0, 0);
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        let erase = |lines: &mut Vec<String>, at: usize| lines[at].clear();
        if let Some(after) = rest.strip_prefix("\x1b[2K") {
            erase(&mut lines, at);
            rest = after;
            continue;
        } else if let Some(after) = rest.strip_prefix("\x1b[1A") {
            at = at.saturating_sub(1);
            rest = after;
            continue;
        }
        match c {
            '\r' => column = 0,
            '\n' => {
                at += 1;
                lines.resize(lines.len().max(at + 1), String::new());
            }
            c => {
                let kept: String = lines[at].chars().take(column).collect();
                let after: String = lines[at].chars().skip(column + 1).collect();
                lines[at] = format!("{kept:<column$}{c}{after}");
                column += 1;
            }
        }
        rest = &rest[c.len_utf8()..];
    }
    lines
}

/// What is left on a terminal of a job that was followed there, after Ctrl-C.
fn watched_until_a_signal(home: &Home) -> Vec<String> {
    let line = format!(
        "stty cols 80 rows 30; echo $$ >watcher; exec {} status --watch",
        env!("CARGO_BIN_EXE_candlefile")
    );
    let script = Command::new("script")
        .args(["-qfc", &line, "watched"])
        .current_dir(home.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let mut script = script.unwrap();
    let written = || std::fs::read_to_string(home.path("watched")).unwrap_or_default();
    eventually("the job is followed", || written().contains(" slices, "));
    let pid = std::fs::read_to_string(home.path("watcher")).unwrap();
    let kill = Command::new("kill").args(["-INT", pid.trim()]).status();
    assert!(kill.unwrap().success());
    script.wait().unwrap();
    screen(&written())
}

#[test]
fn a_bar_fits_the_terminal_and_nothing_is_left_of_it_after_a_signal() {
    for signals in [1, 2] {
        let (home, (server, _gate)) = (Home::new(), Server::holding(20));
        let url = server.url();
        let line = format!(
            "stty cols 80 rows 30; echo $$ >pid; exec {} --base-url {url} backfill {} -t 1d,1h --start 2010-01-04 --end 2023-12-29 --workers 1",
            env!("CARGO_BIN_EXE_candlefile"),
            "AAPL MSFT NVDA AMZN GOOG SPY QQQ IWM",
        );
        let script = Command::new("script")
            .args(["-qc", &line, "/dev/null"])
            .current_dir(home.path(""))
            .env("MASSIVE_API_KEY", crate::support::harness::KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(script) = script else {
            say("skipped: there is no `script` here".to_owned());
            return;
        };
        server.wait_for(21);
        let job = || {
            home.db()
                .count("SELECT count(*) FROM backfill_progress WHERE status = 'completed'")
        };
        eventually("ten answers are stored", || job() >= 10);
        let watched = watched_until_a_signal(&home);
        assert!(
            watched.iter().all(|line| !line.contains("slices")),
            "{watched:#?}"
        );
        let pid = std::fs::read_to_string(home.path("pid")).unwrap();
        for _ in 0..signals {
            let kill = Command::new("kill").args(["-INT", pid.trim()]).status();
            assert!(kill.unwrap().success());
        }
        let output = script.wait_with_output().unwrap();
        let written = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = screen(&written);
        let frames = written.split(['\r', '\n']);
        let bars = frames.filter(|frame| frame.contains('░'));
        let widest = bars
            .map(|bar| bar.trim_start_matches("\x1b[2K").chars().count())
            .max();
        assert!(
            widest.is_some_and(|widest| widest < 80),
            "{widest:?} columns: {written:?}"
        );
        let left: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains(['█', '░']))
            .collect();
        assert!(left.is_empty(), "{left:?} of {written:?}");
        assert!(
            lines.iter().any(|line| line.starts_with("stopping")),
            "{lines:#?}"
        );
    }
}

#[test]
fn where_no_terminal_reads_nothing_is_left_out() {
    let home = filled();
    let run = home.cli("show AAPL -t 1m --tail 2".split(' ')).run().ok();
    assert!(
        run.stdout.contains("trades") && run.stderr.is_empty(),
        "{run:?}"
    );
}

#[test]
fn times_are_shown_in_the_zone_that_was_asked_for() {
    let home = filled();
    let show = |words: &str| home.cli(format!("show {words}").split(' ')).run().ok();
    let minute = "AAPL -t 1m --start 2024-03-08T14:30:00Z --end 2024-03-08T14:31:00Z";
    for (tz, header, cell, datetime) in [
        (
            "utc",
            "time (UTC)",
            "2024-03-08 14:30 ",
            "2024-03-08T14:30:00Z",
        ),
        (
            "market",
            "time (America/New_York)",
            "2024-03-08 09:30 EST",
            "2024-03-08T09:30:00-05:00",
        ),
        (
            "asia/kolkata",
            "time (Asia/Kolkata)",
            "2024-03-08 20:00 IST",
            "2024-03-08T20:00:00+05:30",
        ),
        (
            "Europe/London",
            "time (Europe/London)",
            "2024-03-08 14:30 GMT",
            "2024-03-08T14:30:00+00:00",
        ),
    ] {
        let table = show(&format!("{minute} --tz {tz}")).stdout;
        assert!(table.starts_with(header) && table.contains(cell), "{table}");
        let json = show(&format!("{minute} --tz {tz} --json")).json();
        assert_eq!(format!("time ({})", json["tz"].as_str().unwrap()), header);
        assert_eq!(
            (&json["candles"][0]["datetime"], &json["candles"][0]["ts"]),
            (&json!(datetime), &json!(1_709_908_200))
        );
        let csv = show(&format!("{minute} --tz {tz} --csv")).stdout;
        assert!(csv.contains(&format!("\n1709908200,{datetime},")), "{csv}");
    }
    assert_eq!(
        show(minute).stdout,
        show(&format!("{minute} --tz UTC")).stdout
    );
    // After the change of the clocks the offset is another.
    let summer =
        show("AAPL -t 1m --start 2024-03-11T13:30:00Z --end 2024-03-11T13:31:00Z --tz market")
            .stdout;
    assert!(summer.contains("2024-03-11 09:30 EDT"), "{summer}");
    // The market of crypto is in UTC.
    assert!(
        show("X:BTCUSD -t 1m --tail 1 --tz market")
            .stdout
            .starts_with("time (UTC)")
    );
}

#[test]
fn labels_are_dates_whatever_the_zone() {
    let home = filled();
    let show = |words: &str| {
        home.cli(format!("show AAPL --tail 2 {words}").split_whitespace())
            .run()
            .ok()
            .stdout
    };
    assert!(show("").starts_with("date ") && show("").contains("\n2024-03-14  "));
    for how in ["", "--csv"] {
        assert_eq!(show(&format!("--tz Asia/Tokyo {how}")), show(how));
    }
    assert!(show("--tz Asia/Tokyo --json").contains("2024-03-15T00:00:00Z"));
}

#[test]
fn a_zone_that_is_none_is_refused_with_the_nearest() {
    let (home, server) = (filled(), Server::start());
    for (typed, meant) in [
        ("Amerika/New-York", "America/New"),
        ("newyork", "America/New"),
        ("Londn", "Europe/London"),
        ("EST5", "EST"),
    ] {
        refused(
            &home,
            &server,
            &format!("show AAPL --tz {typed}"),
            2,
            &[typed],
        );
        let run = home.cli(["show", "AAPL", "--tz", typed]).run().exit(2);
        assert!(run.stderr.contains(meant), "{run:?}");
    }
}

// On 80 columns the words about what hangs were cut off, and a time left that rose stood in their place.
#[test]
fn on_a_terminal_what_hangs_or_pauses_is_told_and_no_time_left_beside_what_hangs() {
    let (home, gate) = (Home::new(), Gate::default());
    let (held, asked) = (gate.clone(), AtomicU32::new(0));
    let server = Server::scripted(move |request| {
        if request.ask().symbol.starts_with("O:") {
            held.wait();
        }
        let is_third = asked.fetch_add(1, Ordering::SeqCst) == 2;
        is_third.then(|| Reply::json(429, "{}").with("Retry-After", "1"))
    });
    let line = format!(
        "stty cols 80 rows 30; exec {} --base-url {} -v backfill AAPL MSFT NVDA O:SPY240119C00450000 -t 1d --start 2024-01-02 --end 2024-01-12 --workers 1",
        env!("CARGO_BIN_EXE_candlefile"),
        server.url(),
    );
    let mut command = Command::new("script");
    command
        .args(["-qfc", &line, "screen"])
        .current_dir(home.path(""))
        .env("NO_COLOR", "1")
        .env("MASSIVE_API_KEY", crate::support::harness::KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(script) = command.spawn() else {
        say("skipped: there is no `script` here".to_owned());
        return;
    };
    let script = Running::new(format!("{command:?}"), script);
    let screen = || std::fs::read_to_string(home.path("screen")).unwrap_or_default();
    let words = "O:SPY240119C00450000 1d hangs: ";
    eventually(words, || screen().contains(words));
    gate.open();
    script.wait().ok();
    let written = screen();
    let frames = || written.split(['\r', '\n']);
    assert!(
        frames().any(|frame| frame.contains("2/") && frame.contains("by the provider's limit")),
        "{written:?}"
    );
    assert!(written.contains("retry_after_s=1"), "{written:?}");
    let beside = frames().find(|frame| frame.contains("hangs") && frame.contains("to go"));
    assert_eq!(beside, None);
}
