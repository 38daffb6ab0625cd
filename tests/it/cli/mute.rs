//! A log that nobody can write: the disk of it is full, its reader is gone, or stands still. Whatever is said is lost then,
//! and nothing else.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
#[cfg(feature = "serve")]
use std::time::Instant;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::checker::check;
#[cfg(feature = "serve")]
use crate::support::exchange::PATIENCE;
use crate::support::exchange::Reply;
use crate::support::harness::{Home, KEY};
use crate::support::oracle::span;
use crate::support::running::eventually;
use crate::support::server::Server;

/// Where nothing can be written.
#[derive(Clone, Copy, Debug)]
enum Mute {
    /// A device that is always full.
    Full,
    /// A pipe that nobody reads any more.
    Closed,
    /// A pipe that is full, and whose reader does not read.
    Stuck,
    /// A terminal that is not read: Ctrl-S, or a connection that hangs.
    Terminal,
}

const MUTES: [Mute; 4] = [Mute::Full, Mute::Closed, Mute::Stuck, Mute::Terminal];

/// The program with such a stderr, and what must live as long as it.
fn mute(home: &Home, server: &Server, kind: Mute, words: &str) -> (Child, Option<OwnedFd>) {
    let (stderr, held) = match kind {
        Mute::Full => {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            (Stdio::from(full), None)
        }
        Mute::Closed => {
            let (_, writer) = std::io::pipe().unwrap();
            (Stdio::from(writer), None)
        }
        Mute::Stuck => {
            let (reader, writer) = std::io::pipe().unwrap();
            fill(&writer, &writer);
            (Stdio::from(writer), Some(reader.into()))
        }
        Mute::Terminal => {
            let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&screen).unwrap();
            unlockpt(&screen).unwrap();
            let name = ptsname(&screen, Vec::new()).unwrap();
            let mut terminal = OpenOptions::new();
            terminal.read(true).write(true);
            let terminal = terminal.open(name.to_str().unwrap()).unwrap();
            fill(&terminal, &terminal);
            (Stdio::from(terminal), Some(screen))
        }
    };
    let child = Command::new(env!("CARGO_BIN_EXE_candlefile"))
        .arg("--db")
        .arg(home.db_path())
        .args(["--base-url", &server.url()])
        .args(words.split(' '))
        .env("MASSIVE_API_KEY", KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    // Its only reader is gone, or is kept and does not read.
    (child, held)
}

/// Writes until there is no room, and leaves it one that is waited for.
fn fill(mut writer: impl Write, file: impl AsFd) {
    fcntl_setfl(&file, OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    fcntl_setfl(&file, OFlags::empty()).unwrap();
}

fn ended(child: &mut Child) -> Option<i32> {
    let mut status = None;
    eventually("it ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}

/// Some symbols fail, and that is told on stderr.
fn refusing() -> Server {
    Server::scripted(|request| (request.ask().symbol != "AAPL").then(|| Reply::json(404, "{}")))
}

#[test]
fn a_backfill_goes_on_although_what_it_says_cannot_be_written() {
    let words = "-v backfill MSFT SPY AAPL --start 2024-01-02 --end 2024-01-05";
    for kind in MUTES {
        let (home, server) = (Home::new(), refusing());
        let (mut child, _held) = mute(&home, &server, kind, words);
        assert_eq!(ended(&mut child), Some(3), "{kind:?}");
        let mut said = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(said.contains("partial"), "{kind:?}: {said}");
        check(
            &home.db(),
            "AAPL",
            "1d",
            span("AAPL", "1d", "2024-01-02", "2024-01-05"),
        );
    }
}

#[test]
fn an_error_ends_the_program_although_nobody_can_read_it() {
    for kind in MUTES {
        let (home, server) = (Home::new(), Server::start());
        for (words, code) in [("list", 1), ("bogus", 2), ("drop AAPL -t 1d", 1)] {
            let (mut child, _held) = mute(&home, &server, kind, words);
            assert_eq!(ended(&mut child), Some(code), "{kind:?} {words}");
        }
    }
}

// The thread that ran the jobs died of a message that could not be written, and every answer looked well.
#[test]
#[cfg(feature = "serve")]
fn a_server_works_on_and_counts_what_it_could_not_say() {
    use crate::support::serving::Caller;
    use std::io::{BufRead, BufReader};

    for kind in MUTES {
        let (home, server) = (Home::new(), refusing());
        let (mut child, _held) = mute(&home, &server, kind, "-v serve --port 0");
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        let port = said.trim().rsplit(':').next().unwrap().parse().unwrap();
        let caller = Caller { port };
        for symbols in ["MSFT,SPY", "QQQ", "AAPL"] {
            let week = "start_date=2024-01-02&end_date=2024-01-05";
            let job = caller.backfill(&format!("symbols={symbols}&{week}"));
            let status = if symbols == "AAPL" {
                "completed"
            } else {
                "partial"
            };
            caller.wait_for(&job, status);
        }
        // What is no request is told in the log.
        caller.raw(b"\r\nnothing\r\n\r\n");
        caller.get("/ready").is(200);
        let lost = || {
            let metrics = caller.get("/metrics").is(200);
            let metrics = metrics.text().to_owned();
            assert!(
                metrics.contains("\ncandlefile_threads_missing 0\n"),
                "{metrics}"
            );
            !metrics.contains("\ncandlefile_log_lost_total 0\n")
        };
        // What waits for a reader is not lost yet.
        if !matches!(kind, Mute::Stuck | Mute::Terminal) {
            eventually("it counts what is lost", lost);
        }
        let began = Instant::now();
        let id = child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert_eq!(ended(&mut child), Some(0), "{kind:?}");
        assert!(
            began.elapsed() < PATIENCE,
            "{kind:?}: {:?}",
            began.elapsed()
        );
        check(
            &home.db(),
            "AAPL",
            "1d",
            span("AAPL", "1d", "2024-01-02", "2024-01-05"),
        );
    }
}
