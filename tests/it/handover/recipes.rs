//! `docs/recipes.md`, followed by somebody who was given a packed file and has the readers, but not this program. What a
//! machine does not have is said, and what needs it is left out.
#![cfg(feature = "parquet")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::harness::{Home, Run};
use crate::support::running::Running;
use crate::support::seeded::say;

const PAGE: &str = include_str!("../../../docs/recipes.md");
const NO_PYTHON: &str = "CANDLEFILE_PYTHON names no interpreter (.ci/python makes one)";

/// A fenced block of the page, with the `text` block that follows it.
struct Recipe {
    line: usize,
    language: &'static str,
    code: String,
    output: Option<String>,
}

fn recipes() -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut lines = PAGE.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let inside = lines.by_ref().map(|(_, line)| line);
        let body = inside.take_while(|line| line.trim() != "```");
        let body: String = body.flat_map(|line| [line, "\n"]).collect();
        if language == "text" {
            let before = recipes.last_mut().unwrap();
            assert!(
                before.output.replace(body).is_none(),
                "line {}: two outputs",
                at + 1
            );
        } else {
            recipes.push(Recipe {
                line: at + 1,
                language,
                code: body,
                output: None,
            });
        }
    }
    recipes
}

/// The interpreter that has the packages of `tests/python/requirements.txt`.
fn python() -> Option<PathBuf> {
    std::env::var_os("CANDLEFILE_PYTHON").map(PathBuf::from)
}

/// What a recipe needs and this machine does not have.
fn missing(recipe: &Recipe) -> Option<&'static str> {
    let calls = |program: &str| recipe.code.contains(program);
    if (recipe.language == "python" || calls("datasette")) && python().is_none() {
        return Some(NO_PYTHON);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    (recipe.language == "sh" && calls("sqlite3") && !is_there("sqlite3"))
        .then_some("there is no sqlite3 shell")
}

/// Where the version of DuckDB is that has no extension beside it, for a recipe that needs none.
fn later_duckdb(recipe: &Recipe) -> Option<PathBuf> {
    let uses = |what| recipe.code.contains(what);
    let home = python()?.parent()?.parent()?.join("duckdb-2");
    (uses("import duckdb") && !uses("duckdb_extensions") && home.is_dir()).then_some(home)
}

/// Runs code in a folder, far from UTC: what a page shows must not depend on where it is read.
fn run(folder: &Path, language: &str, code: &str, modules: &Path) -> Run {
    let python = python();
    let packages = python.as_deref().and_then(Path::parent);
    let program = Path::new(env!("CARGO_BIN_EXE_candlefile")).parent();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = packages.into_iter().chain(program).map(Path::to_owned);
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
    let (shell, flags) = match language {
        "python" => (python.as_deref().unwrap(), "-c"),
        _ => (Path::new("sh"), "-euc"),
    };
    let child = Command::new(shell)
        .args([flags, code])
        .current_dir(folder)
        .env_clear()
        .envs([("HOME", folder.as_os_str()), ("PATH", &path)])
        .env("PYTHONPATH", modules)
        .envs([("TZ", "Asia/Tokyo"), ("LC_ALL", "C.UTF-8")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Running::new(format!("{language}: {code}"), child.unwrap()).wait()
}

fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// The files that the page names, made by somebody else with this program.
fn given() -> Home {
    let (maker, reader) = (Home::new(), Home::new());
    let words = "AAPL MSFT --provider sample -t 1d,1m --start 2024-01-02 --end 2024-03-28";
    maker.cli(["backfill"]).args(words).run().ok();
    for (words, name) in [
        ("pack -o", "market.db"),
        ("export -o", "candles.parquet"),
        ("export --layout hive -o", "candles"),
    ] {
        maker
            .cli(words.split(' '))
            .arg(reader.path(name))
            .run()
            .ok();
    }
    let metadata = reader.cli(["info", "--datasette"]).run().ok().stdout;
    std::fs::write(reader.path("metadata.json"), metadata).unwrap();
    reader
}

#[test]
fn every_recipe_of_the_page_prints_what_the_page_shows_and_leaves_the_file_as_it_was() {
    let home = given();
    let packed = std::fs::read(home.path("market.db")).unwrap();
    let mut wrong = String::new();
    for recipe in recipes() {
        if !["python", "sh"].contains(&recipe.language) {
            assert!(
                recipe.output.is_none(),
                "line {}: an output of what is not run",
                recipe.line
            );
            continue;
        }
        let place = format!("docs/recipes.md:{}", recipe.line);
        if let Some(missing) = missing(&recipe) {
            say(format!("skipped: {place}: {missing}"));
            continue;
        }
        let modules = std::iter::once(PathBuf::new()).chain(later_duckdb(&recipe));
        for modules in modules {
            let run = run(&home.path("."), recipe.language, &recipe.code, &modules);
            let shown = recipe
                .output
                .as_deref()
                .map_or_else(|| trimmed(&run.stdout), trimmed);
            if run.failed() || trimmed(&run.stdout) != shown {
                let with = modules.display();
                wrong += &format!("{place} {with}\n{run:?}\n-- the page shows\n{shown}\n\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        std::fs::read(home.path("market.db")).unwrap() == packed,
        "the packed file was changed"
    );
    for suffix in ["-wal", "-shm", "-journal"] {
        let beside = home.path(&format!("market.db{suffix}"));
        assert!(!beside.exists(), "{} was left", beside.display());
    }
}

#[test]
fn the_traps_that_the_page_tells_of_are_there() {
    if python().is_none() {
        return say(format!("skipped: {NO_PYTHON}"));
    }
    let traps = include_str!("../../python/traps.py");
    run(&given().path("."), "python", traps, Path::new("")).ok();
}
