//! `docs/file.md`, followed with the file of the first hour: what it shows is what is printed, and what it says to ask the file
//! can be asked.

use std::process::Command;

use crate::support::harness::Home;
use crate::support::seeded::say;

const PAGE: &str = include_str!("../../../docs/file.md");
const FIRST_HOUR: &str = include_str!("../../../docs/start.md");

/// The file that the page is about, as the page before it makes it.
fn first_hour() -> Home {
    let home = Home::new();
    let mut lines = FIRST_HOUR.lines().map(str::trim_start);
    let fill = lines.find_map(|line| line.strip_prefix("candlefile backfill "));
    home.cli(["backfill"]).args(fill.unwrap()).run().ok();
    home
}

/// The commands that the page shows with a `$`, each with what it prints.
fn samples() -> Vec<(&'static str, String)> {
    let mut samples: Vec<(&str, String)> = Vec::new();
    let mut is_inside = false;
    for line in PAGE.lines() {
        let shown = line.strip_prefix("    ");
        match shown.and_then(|line| line.strip_prefix("$ candlefile ")) {
            Some(command) => samples.push((command, String::new())),
            None if is_inside && shown.is_some() => {
                let (_, printed) = samples.last_mut().unwrap();
                *printed += shown.unwrap();
                printed.push('\n');
            }
            None => {}
        }
        is_inside = shown.is_some() && !samples.is_empty();
    }
    samples
}

/// A packed file names the version of the program, so that its bytes are others with the next one.
fn of_any_program(printed: &str) -> String {
    let lines = printed
        .lines()
        .map(|line| match line.split_once("sha256 ") {
            Some((before, rest)) => format!("{before}sha256 {}", &rest[64..]),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_command_of_the_page_prints_what_the_page_shows() {
    let home = first_hour();
    let samples = samples();
    assert_eq!(samples.len(), PAGE.matches("$ candlefile").count());
    for (command, printed) in samples {
        let run = home.cli(command.split(' ')).run().ok();
        assert_eq!(
            of_any_program(&run.stdout),
            of_any_program(&printed),
            "{command}"
        );
    }
    // What it tells of in passing.
    let verify = "candlefile verify 2024.db";
    assert!(PAGE.contains(verify));
    home.cli(verify.split(' ').skip(1)).run().ok();
    let mut sums = Command::new("sha256sum");
    sums.args(["-c", "2024.db.sha256"])
        .current_dir(home.path(""));
    match sums.output() {
        Ok(sums) => assert!(sums.status.success(), "{sums:?}"),
        Err(_) => say("skipped: there is no `sha256sum` here".to_owned()),
    }
}

#[test]
fn every_statement_of_the_page_finds_what_it_is_for() {
    let home = first_hour();
    let (_, block) = PAGE.split_once("```sql\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let rows: Vec<u64> = block
        .split(';')
        .filter(|statement| !statement.trim().is_empty())
        .map(|statement| {
            let counted = format!("SELECT count(*) FROM ({statement}\n)");
            home.db().count(&counted).try_into().unwrap()
        })
        .collect();
    // Five days, the minutes of a day, the spans of four series, and nothing odd.
    assert_eq!(rows, [5, 390, 4, 0, 0, 0]);
}
