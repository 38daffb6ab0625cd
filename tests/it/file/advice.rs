//! What is advised must be right for the file as it is. Who may not write a file was told to `cp` it, also beside a log: the
//! copy lacked every candle that the log held.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use candlefile::model::{JobStatus, Next, Voice};
use candlefile::provider::ErrorKind;
use rusqlite::Connection;

use crate::support::exchange::Reply;
use crate::support::harness::{Home, KEY, Run};
use crate::support::scripted::{Bench, label, refuse_if, span, utc};
use crate::support::server::Server;

fn run(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).run()
}

/// On another file than `market.db`.
fn run_on(home: &Home, words: &str) -> Run {
    home.cli(words.split(' ')).without_db().run()
}

fn close(home: &Home, name: &str) {
    fs::set_permissions(home.path(name), fs::Permissions::from_mode(0o444)).unwrap();
}

/// Runs the commands after "with a copy: " as they stand; tells which file is to be gone on with.
fn follow(home: &Home, run: &Run) -> String {
    let (_, advice) = run.stderr.split_once("with a copy: ").unwrap();
    let (commands, copy) = advice.split_once(", then --db ").unwrap();
    typed(home, commands, None);
    copy.trim_end().to_owned()
}

/// Types what is advised into a shell.
fn typed(home: &Home, commands: &str, server: Option<&Server>) {
    let program = Path::new(env!("CARGO_BIN_EXE_candlefile"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", commands])
        .current_dir(home.path(""))
        .env("PATH", path)
        .env("MASSIVE_API_KEY", KEY)
        .env_remove("CANDLEFILE_DB");
    if let Some(server) = server {
        shell.env("CANDLEFILE_BASE_URL", server.url());
    }
    let status = shell.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{commands}");
}

#[test]
fn who_may_not_write_a_file_that_is_written_is_told_to_pack_it() {
    let home = Home::new();
    let server = Server::start();
    home.backfill(&server, "AAPL -t 1d --start 2024-01-02 --end 2024-02-29")
        .ok();
    for has_log in [false, true] {
        let writer = Connection::open(home.db_path()).unwrap();
        if has_log {
            writer.pragma_update(None, "journal_mode", "wal").unwrap();
            writer
                .execute("UPDATE series SET created_at = created_at + 1", [])
                .unwrap();
            assert!(home.path("market.db-wal").exists());
        }
        close(&home, "market.db");
        let refused = home.to(&server, ["update"]).run().exit(1);
        assert!(!refused.stderr.contains("cp "), "{refused:?}");
        assert!(refused.stderr.contains(" pack "), "{refused:?}");
        follow(&home, &refused);
        let copy = crate::support::db::Db::open(&home.path("copy.db"));
        assert_eq!(copy.candles("AAPL", "1d"), home.db().candles("AAPL", "1d"));
        run_on(&home, "--db copy.db drop AAPL -t 1d --yes").ok();
        fs::remove_file(home.path("copy.db")).unwrap();
        fs::remove_file(home.path("copy.db.sha256")).unwrap();
        fs::set_permissions(home.db_path(), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

#[test]
fn a_packed_file_is_copied_and_one_with_a_log_beside_it_is_not() {
    let home = Home::filled("AAPL -t 1d --start 2024-01-02 --end 2024-02-29");
    run(&home, "pack -o out.db").ok();
    let refused = run_on(&home, "--db out.db drop AAPL -t 1d --yes").exit(1);
    assert!(refused.stderr.contains("cp out.db copy.db"), "{refused:?}");
    follow(&home, &refused);
    assert!(fs::read(home.path("copy.db")).unwrap() == fs::read(home.path("out.db")).unwrap());
    fs::write(home.path("out.db-wal"), "").unwrap();
    let refused = run_on(&home, "--db out.db drop AAPL -t 1d --yes").exit(1);
    assert!(!refused.stderr.contains("cp "), "{refused:?}");
}

#[test]
fn a_damaged_file_is_restored_without_its_log() {
    let home = Home::filled("AAPL -t 1d --start 2024-01-02 --end 2024-02-29");
    home.sql("DELETE FROM candle_data WHERE ts = (SELECT min(ts) FROM candle_data)");
    let said = run(&home, "verify market.db").exit(1).stderr;
    assert!(said.contains("restore the file from a copy"), "{said}");
    let writer = Connection::open(home.db_path()).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    writer
        .execute("UPDATE series SET created_at = created_at + 1", [])
        .unwrap();
    for words in ["verify market.db", "pack -o out.db"] {
        let said = run(&home, words).exit(1).stderr;
        assert!(said.contains("market.db-wal"), "{words}: {said}");
        assert!(said.contains("only then restore it"), "{words}: {said}");
    }
}

#[test]
fn a_path_in_advice_can_be_copied_to_a_shell() {
    let home = Home::new();
    fs::create_dir(home.path("my data")).unwrap();
    let file = home.path("my data/m.db").display().to_string();
    let words = "backfill AAPL --provider sample --start 2024-01-02 --end 2024-01-31 --db";
    let words = words.split(' ').chain([file.as_str()]);
    home.cli(words).without_db().run().ok();
    close(&home, "my data/m.db");
    let words = ["drop", "AAPL", "-t", "1d", "--yes", "--db", &file];
    let run = home.cli(words).without_db().run().exit(1);
    assert_eq!(follow(&home, &run), "copy.db");
    assert!(home.path("copy.db").exists());
    // A copy is another file than the one that it is of, and than all that are there.
    close(&home, "copy.db");
    let run = run_on(&home, "drop AAPL -t 1d --yes --db copy.db").exit(1);
    assert_eq!(follow(&home, &run), "copy-2.db");
    assert!(home.path("copy-2.db").exists());
}

const DATES: &str = "--start 2024-01-02 --end 2024-01-31";

/// The next step that a job's status tells.
fn next_of(home: &Home, words: &str) -> String {
    let status = run_on(home, words).ok().stdout;
    let next = status
        .lines()
        .find_map(|line| line.strip_prefix("  next: "));
    next.unwrap_or_else(|| panic!("nothing is advised\n{status}"))
        .to_owned()
}

// A job of another file was said to go on with `candlefile resume`, which went on with the jobs of market.db.
#[test]
fn what_a_jobs_status_advises_works_as_it_is_typed_on_whichever_file_it_is() {
    let limit = || Reply::json(429, "{}").with("Retry-After", "3600");
    let refused = || Reply::json(404, "{}");
    for (reply, symbol, says) in [
        (limit(), "AAPL", "from "),
        (
            refused(),
            "AAPL",
            "look at its reasons and at the symbols; then ",
        ),
        (
            Reply::json(401, "{}"),
            "AAPL",
            "mend what the error says, then ",
        ),
    ] {
        let home = Home::new();
        let (bad, good) = (Server::always(reply), Server::start());
        let words = format!("--db other.db backfill {symbol} {DATES}");
        let run = home.to(&bad, words.split(' ')).without_db().run();
        assert!(run.failed(), "{run:?}");
        let job = crate::support::db::Db::open(&home.path("other.db"))
            .text("SELECT job_id FROM backfill_jobs");
        let next = next_of(&home, &format!("--db other.db status {job}"));
        assert!(next.contains(says), "{next}");
        let (_, command) = next.split_once("candlefile ").unwrap();
        let command = format!("candlefile {command}");
        assert_eq!(command, format!("candlefile --db other.db resume {job}"));
        typed(&home, &command, Some(&good));
        assert!(!home.db_path().exists());
        let status = run_on(&home, &format!("--db other.db status {job}")).ok();
        assert!(status.stdout.contains("completed"), "{status:?}");
        assert!(!status.stdout.contains("next: "), "{status:?}");
    }
}

#[test]
fn the_status_of_a_job_with_a_stale_series_says_to_drop_it_and_not_to_go_on() {
    let (home, server) = (Home::new(), Server::start());
    let fill = |words: &str, exit: i32| {
        let words = format!("backfill AAPL --adjusted --db other.db {words}");
        let run = home.to(&server, words.split(' ')).without_db().run();
        run.exit(exit).stdout
    };
    fill("--start 2024-01-02 --end 2024-02-29", 0);
    server.split(0.5);
    let report = fill("--start 2024-01-02 --end 2024-03-28", 3);
    let fill = "backfill AAPL -t 1d --provider polygon --adjusted --start 2024-01-02";
    let drop =
        format!("candlefile --db other.db drop AAPL -t 1d, then candlefile --db other.db {fill}");
    assert_eq!(report.lines().last().unwrap(), format!("next: {drop}"));
    let db = crate::support::db::Db::open(&home.path("other.db"));
    let job = db.text("SELECT job_id FROM backfill_jobs WHERE status = 'partial'");
    assert_eq!(next_of(&home, &format!("--db other.db status {job}")), drop);
    #[cfg(feature = "serve")]
    {
        let serve = home.serve(&server).without_db().arg("--db").arg("other.db");
        let serving = crate::support::serving::Serving::start(serve);
        let of_job = format!("/api/v1/backfill/status/{job}");
        let told = serving.get(&of_job).is(200).json();
        let next = "candlefile --db FILE drop AAPL -t 1d, then POST /api/v1/backfill";
        assert_eq!(told["next"], next);
        serving.stop().ok();
    }
    let drop = drop.replace(", then ", " --yes && ");
    typed(&home, &drop, Some(&server));
}

#[test]
fn of_several_stale_series_a_few_are_named_and_the_rest_counted() {
    let (home, server) = (Home::new(), Server::start());
    let fill = |symbols: &str, end: &str, exit: i32| {
        let words = format!("backfill {symbols} --adjusted --start 2024-01-02 --end {end}");
        let run = home.to(&server, words.split(' ')).without_db().run();
        run.exit(exit).stdout
    };
    let five = "AAPL MSFT SPY QQQ NVDA";
    fill(five, "2024-02-29", 0);
    server.split(0.5);
    let advice = |symbols: &[&str]| {
        let each = symbols.iter().map(|symbol| {
            let fill = "--provider polygon --adjusted --start 2024-01-02";
            format!(
                "candlefile drop {symbol} -t 1d, then candlefile backfill {symbol} -t 1d {fill}"
            )
        });
        each.collect::<Vec<_>>().join("; ")
    };
    for (symbols, expected) in [
        ("AAPL MSFT", advice(&["AAPL", "MSFT"])),
        (
            five,
            advice(&["AAPL", "MSFT", "SPY"]) + "; and the same for 2 more stale series",
        ),
    ] {
        let report = fill(symbols, "2024-03-28", 3);
        let next = report.lines().last().unwrap();
        assert_eq!(next, format!("next: {expected}"));
        let newest =
            "SELECT job_id FROM backfill_jobs ORDER BY created_at DESC, job_id DESC LIMIT 1";
        let job = home.db().text(newest);
        assert_eq!(next_of(&home, &format!("status {job}")), expected);
    }
}

#[test]
fn the_usual_file_is_named_where_it_was_named_and_not_where_nobody_did() {
    let home = Home::new();
    let words = format!("backfill SPY {DATES} --provider sample");
    let next = |run: Run| run.ok().stdout.lines().last().unwrap().to_owned();
    assert_eq!(
        next(run_on(&home, &words)),
        "next: candlefile show SPY -t 1d"
    );
    let named = "next: candlefile --db market.db show SPY -t 1d";
    assert_eq!(
        next(run_on(&home, &format!("{words} --db market.db"))),
        named
    );
    let by_variable = home.cli(words.split(' ')).without_db();
    assert_eq!(
        next(by_variable.env("CANDLEFILE_DB", "market.db").run()),
        named
    );
    // What is not there is filled with what was asked of it, or with an example.
    for (words, fill) in [
        ("show MSFT -t 1m --db new.db", "backfill MSFT -t 1m"),
        ("list --db new.db", "backfill AAPL"),
    ] {
        let said = run_on(&home, words).exit(1).stderr;
        let fill = format!("for example with `candlefile --db new.db {fill}`");
        assert!(said.contains(&fill), "{said}");
    }
    // A variable that is empty is none.
    let bare = home
        .cli(words.split(' '))
        .without_db()
        .env("CANDLEFILE_DB", "");
    assert_eq!(next(bare.run()), "next: candlefile show SPY -t 1d");
    let plan = home.cli(["backfill", "QQQ", "--dry-run"]);
    plan.env("CANDLEFILE_BASE_URL", "").run().ok();
    let unknown = |words: &str| run_on(&home, words).exit(1).stderr;
    assert!(unknown("status ff").contains("next: `candlefile status` lists"));
    let other = unknown("--db market.db status ff");
    let named = "next: `candlefile --db market.db status` lists";
    assert!(other.contains(named), "{other}");
}

#[test]
fn the_files_of_a_union_that_cannot_be_are_named_so_that_what_is_advised_can_be_typed() {
    let home = Home::new();
    fs::create_dir(home.path("my data")).unwrap();
    for (words, file) in [("", "a.db"), ("--adjusted", "my data/b.db")] {
        let words = format!("backfill SPY MSFT {DATES} --provider sample {words}");
        let words = words.split_whitespace().chain(["--db", file]);
        home.cli(words).without_db().run().ok();
    }
    let words = ["merge", "a.db", "my data/b.db", "-o", "both.db"];
    let refused = home.cli(words).without_db().run().exit(1).stderr;
    let (_, advice) = refused
        .split_once("one of them without the series: ")
        .unwrap();
    let (commands, _) = advice.split_once(", then merge that").unwrap();
    typed(&home, commands, None);
    let held = run_on(&home, "--db copy.db list --json").ok().json();
    assert_eq!(held["series"].as_array().unwrap().len(), 1, "{held}");
}

/// A voice that tells what it is asked to tell.
struct Bare;

impl Voice for Bare {
    fn step(&self, step: &Next, _: Option<&Path>, _: bool) -> String {
        format!("{step:?}")
    }
}

// Whether asking again helps was read from the words of an error: a text that repeated a status was taken for a refusal.
#[test]
fn what_a_run_advises_goes_by_the_kind_of_what_failed_and_not_by_its_words() {
    let now = utc("2024-03-01 00:00");
    let asked = span(label("2024-01-02"), label("2024-02-01"));
    let resume = Next::Resume {
        job: None,
        wait: false,
    };
    for (kind, words) in [
        (ErrorKind::Slice, None),
        (
            ErrorKind::Refused { by_plan: true },
            Some("what the plan includes"),
        ),
        (
            ErrorKind::Refused { by_plan: false },
            Some("at its reasons"),
        ),
        (ErrorKind::NotEntitled, Some("what the plan includes")),
    ] {
        let mut bench = Bench::new();
        bench.provider.script(move |_, _| {
            refuse_if(true, kind).map(|answer| {
                answer.map_err(|mut error| {
                    if words.is_none() {
                        error.message = "HTTP 404".into();
                    }
                    error
                })
            })
        });
        let report = bench.backfill(now, "AAPL 1d", asked);
        assert_eq!(report.status, JobStatus::Partial);
        let next = report.next();
        match words {
            None => assert_eq!(next, resume),
            Some(words) => {
                let told = Bare.tell(&next, None);
                assert!(told.contains(words), "{kind:?}: {told}");
                assert!(told.ends_with(&format!("; then {resume:?}")), "{told}");
            }
        }
    }
}

/// Each file of the sources, without its comments.
fn sources(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            all.push((path, code.collect::<Vec<_>>().join("\n")));
        }
    }
}

#[test]
fn commands_are_written_by_the_two_who_tell_next_steps_and_nobody_else() {
    // The two, what clap shows, and the scripts for shells.
    const MAY: [&str; 4] = [
        "cli/next.rs",
        "serve/next.rs",
        "cli/args/",
        "cli/completions.rs",
    ];
    let help = Home::new().cli(["--help"]).run().ok().stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(
        commands.contains(&"resume") && commands.contains(&"drop"),
        "{commands:?}"
    );
    let is_command = |rest: &str| {
        let word = rest.split(|c: char| !c.is_ascii_lowercase()).next();
        word.is_some_and(|word| commands.contains(&word)) || rest.starts_with("--")
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    sources(&root, &mut all);
    assert!(all.len() > 100);
    let (mut told, mut elsewhere) = (0, Vec::new());
    for (path, code) in all {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let mut after = code.split("candlefile ").skip(1);
        if !after.any(is_command) && !code.contains("--db") && !code.contains("candlefile {words}")
        {
            continue;
        }
        if MAY.iter().any(|may| name.starts_with(may)) {
            told += 1;
        } else {
            elsewhere.push(name);
        }
    }
    assert_eq!(elsewhere, Vec::<String>::new());
    assert!(told >= MAY.len());
}

#[test]
fn no_room_of_the_library_spells_a_flag() {
    // The command line, what it and the server type from, and the server's own words.
    const MAY: [&str; 3] = ["cli/", "model/next.rs", "serve/next.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    sources(&root, &mut all);
    let (mut told, mut elsewhere) = (0, Vec::new());
    for (path, code) in all {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let mut after = code.split([' ', '"', '`', '(']);
        let spelled = after.find(|word| {
            let flag = word.strip_prefix("--");
            let is_flag =
                flag.is_some_and(|flag| flag.starts_with(|c: char| c.is_ascii_lowercase()));
            // It is one of the tool that builds this program.
            is_flag && *word != "--features"
        });
        match spelled {
            Some(_) if MAY.iter().any(|may| name.starts_with(may)) => told += 1,
            Some(flag) => elsewhere.push(format!("{name}: {flag}")),
            None => {}
        }
    }
    assert_eq!(elsewhere, Vec::<String>::new());
    assert!(told > MAY.len());
}
