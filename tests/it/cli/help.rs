//! What stands beside the program: every command's help with examples that run, the page of commands, completions, manual.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::documents::refused;
use crate::support::harness::Home;
use crate::support::server::Server;

/// The commands, as the program names them.
fn commands() -> Vec<String> {
    let help = Home::new().cli(["--help"]).run().ok().stdout;
    let listed = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let name = |line: &str| {
        let line = line.strip_prefix("  ")?;
        (!line.starts_with(' ')).then(|| line.split(' ').next().unwrap().to_owned())
    };
    let names: Vec<String> = listed
        .lines()
        .filter_map(name)
        .filter(|name| name != "help")
        .collect();
    assert!(names.len() >= 8, "{help}");
    names
}

fn examples(command: &str) -> Vec<String> {
    let help = Home::new().cli([command, "--help"]).run().ok().stdout;
    let lines = help.split("Examples:\n").nth(1).unwrap_or_default().lines();
    lines
        .map_while(|line| line.strip_prefix("  ").map(str::to_owned))
        .collect()
}

/// The files that examples speak of, by name.
fn prepared() -> Vec<(&'static str, Vec<u8>)> {
    let home = Home::new();
    for (name, words) in [
        (
            "market.db",
            "AAPL MSFT --provider sample -t 1d,1m --start 2024-01-02 --end 2024-03-28",
        ),
        (
            "other.db",
            "AAPL --provider sample -t 1d --start 2024-01-02 --end 2024-06-28",
        ),
    ] {
        let cli = home.cli(["backfill"]).without_db().args(words);
        cli.arg("--db").arg(name).run().ok();
    }
    ["market.db", "other.db"]
        .map(|name| (name, fs::read(home.path(name)).unwrap()))
        .into()
}

#[test]
fn every_command_has_examples_and_each_of_them_runs() {
    let files = prepared();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_candlefile"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    for command in commands() {
        let examples = examples(&command);
        let own = format!("candlefile {command}");
        assert!(
            examples.iter().any(|example| example.starts_with(&own)),
            "{command} has no example"
        );
        // Those of one command follow one another in one folder.
        let home = Home::new();
        for (name, bytes) in &files {
            fs::write(home.path(name), bytes).unwrap();
        }
        fs::create_dir_all(home.path(".local/share/bash-completion/completions")).unwrap();
        for example in examples {
            // A server ends when it is told to.
            let example = example.replace(
                "candlefile serve",
                "timeout --preserve-status --signal INT 2 candlefile serve",
            );
            let run = Command::new("sh")
                .args(["-c", &example])
                .current_dir(home.path(""))
                .env_clear()
                .env("PATH", &path)
                .env("HOME", home.path(""))
                .output()
                .unwrap();
            assert!(
                run.status.success(),
                "{example}\n{}{}",
                String::from_utf8_lossy(&run.stdout),
                String::from_utf8_lossy(&run.stderr)
            );
        }
    }
}

#[test]
fn the_page_of_commands_lists_every_one_and_no_other() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands.md");
    let page = fs::read_to_string(page).unwrap();
    let named = |line: &str| {
        let cell = line.strip_prefix("| `")?;
        Some(cell.split([' ', '`']).next()?.to_owned())
    };
    let known: BTreeSet<String> = commands().into_iter().collect();
    let table = page.split("\n\n").find(|part| part.contains("| command |"));
    let listed: Vec<String> = table.unwrap().lines().filter_map(named).collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "a command stands twice");
}

#[test]
fn the_page_of_promises_names_tests_that_are_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let page = include_str!("../../../docs/promises.md");
    let mut named = 0;
    for how in page.lines().filter_map(|line| line.split(" | ").nth(2)) {
        for name in how.split('`').skip(1).step_by(2) {
            let is_module = name
                .split("::")
                .all(|part| part.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            if is_module {
                let path = tests.join(name.replace("::", "/"));
                assert!(
                    path.is_dir() || path.with_extension("rs").is_file(),
                    "{name}"
                );
                named += 1;
            }
        }
    }
    assert!(named > 30, "{named}");
}

#[test]
fn completions_are_written_for_every_shell_and_know_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.cli(["completions", shell]).run().ok().stdout;
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        let offers_calendars = script.contains("XNYS") && script.contains("XLON");
        assert_eq!(offers_calendars, ["bash", "zsh", "fish"].contains(&shell));
    }
    fs::write(
        home.path("c.bash"),
        home.cli(["completions", "bash"]).run().ok().stdout,
    )
    .unwrap();
    let complete = "COMP_WORDS=(candlefile sho); COMP_CWORD=1; . ./c.bash; _candlefile candlefile sho candlefile; echo \"${COMPREPLY[@]}\"";
    if let Ok(bash) = Command::new("bash")
        .args(["-c", complete])
        .current_dir(home.path(""))
        .output()
    {
        assert_eq!(
            String::from_utf8_lossy(&bash.stdout).trim(),
            "show",
            "{bash:?}"
        );
    }
    let run = home.cli(["completions", "tcsh"]).run().exit(2);
    assert!(run.stderr.contains("fish"), "{run:?}");
}

#[test]
fn completions_say_where_they_go_and_offer_the_symbols_that_the_file_holds() {
    let home = Home::of_sample("AAPL MSFT X:BTCUSD X:ETHUSD --start 2024-01-02 --end 2024-01-05");
    std::fs::rename(home.db_path(), home.path("other.db")).unwrap();
    fs::create_dir(home.path("my data")).unwrap();
    fs::copy(home.path("other.db"), home.path("my data/m.db")).unwrap();
    let jobs = home.cli([
        "sql",
        "SELECT job_id FROM backfill_jobs",
        "--csv",
        "--db",
        "other.db",
    ]);
    let job = jobs
        .without_db()
        .run()
        .ok()
        .stdout
        .lines()
        .nth(1)
        .unwrap()
        .to_owned();
    let script = |shell: &str| home.cli(["completions", shell]).run().ok().stdout;
    for (shell, place) in [
        ("bash", "bash-completion/completions/candlefile"),
        ("zsh", ".zfunc/_candlefile"),
        ("fish", ".config/fish/completions/candlefile.fish"),
        ("powershell", "$PROFILE"),
        ("elvish", "rc.elv"),
    ] {
        let script = script(shell);
        let head: Vec<&str> = script.lines().take(2).collect();
        assert!(head.join(" ").contains(place), "{shell}: {head:?}");
        let asks = script.contains("SELECT DISTINCT symbol FROM series");
        assert_eq!(asks, ["bash", "zsh", "fish"].contains(&shell), "{shell}");
    }
    assert!(script("zsh").starts_with("#compdef candlefile\n"));
    let example = format!("# {}\n", examples("completions")[0]);
    assert!(script("bash").starts_with(&example), "{example}");
    fs::write(home.path("c.bash"), script("bash")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_candlefile"))
        .parent()
        .unwrap();
    for (words, offered) in [
        (
            "candlefile --db other.db show ''",
            "AAPL MSFT X:BTCUSD X:ETHUSD",
        ),
        ("candlefile --db other.db show M", "MSFT"),
        ("candlefile --db other.db drop AAPL X : B", "BTCUSD"),
        ("candlefile --db other.db export X :", "BTCUSD ETHUSD"),
        ("candlefile --db other.db show ZZ", ""),
        ("candlefile --db other.db --json li", "list"),
        ("candlefile --db missing.db show ''", ""),
        ("candlefile --db = other.db show AAPL,M", "AAPL,MSFT"),
        ("candlefile --db other.db show AAPL,X : B", "BTCUSD"),
        ("candlefile --db '\"my data/m.db\"' show M", "MSFT"),
        ("candlefile --db 'my\\ data/m.db' show M", "MSFT"),
        ("candlefile --db '~/other.db' show M", "MSFT"),
        ("candlefile --db '~/\"my data\"/m.db' show M", "MSFT"),
        ("candlefile --db '$HOME/other.db' show M", "MSFT"),
        ("candlefile --db = '${HOME}/other.db' show M", "MSFT"),
        ("candlefile --db '\"$HOME/my data/m.db\"' show M", "MSFT"),
        ("candlefile --db \"'\\$HOME/other.db'\" show M", ""),
        ("candlefile --db '$(touch run)' show M", ""),
        (
            "candlefile --db other.db show MSFT,",
            "MSFT,AAPL MSFT,X:BTCUSD MSFT,X:ETHUSD",
        ),
        ("candlefile --db other.db show X : BTCUSD,X :", "ETHUSD"),
        ("candlefile --db other.db status ''", job.as_str()),
    ] {
        let complete = format!(
            "COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); . ./c.bash; _candlefile_held candlefile \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let path =
            std::env::join_paths([program, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let bash = Command::new("bash")
            .args(["-c", &complete])
            .current_dir(home.path(""))
            .env("PATH", path)
            .env("HOME", home.path(""))
            .output();
        let Ok(bash) = bash else { return };
        let told = String::from_utf8_lossy(&bash.stdout);
        assert_eq!(told.trim(), offered, "{words}: {bash:?}");
    }
    assert!(!home.path("run").exists(), "what was typed was run");
    // What must stand first in a profile would be behind what is there.
    let types = script("powershell");
    assert!(
        !types.contains("\nusing ")
            && types.contains("[System.Management.Automation.CompletionResult]::new")
    );
}

/// What a shell prints that runs a script in a home that has the completions as `c.SHELL`; `None` where there is no such shell.
fn told_by(home: &Home, shell: &str, ask: &str) -> Option<String> {
    let script = home.cli(["completions", shell]).run().ok().stdout;
    fs::write(home.path(&format!("c.{shell}")), script).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_candlefile"))
        .parent()
        .unwrap();
    let path = std::env::join_paths([program, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let mut command = Command::new(shell);
    command.args(["-c", ask]).current_dir(home.path(""));
    let output = command
        .env("PATH", path)
        .env("HOME", home.path(""))
        .output();
    Some(
        String::from_utf8_lossy(&output.ok()?.stdout)
            .trim()
            .to_owned(),
    )
}

#[test]
fn fish_and_zsh_take_the_file_as_it_was_typed_and_offer_no_symbol_twice() {
    let home = Home::of_sample("AAPL MSFT X:BTCUSD --start 2024-01-02 --end 2024-01-05");
    fs::create_dir(home.path("my data")).unwrap();
    fs::rename(home.db_path(), home.path("my data/m.db")).unwrap();
    for typed in [
        r#"--db ~/"my data"/m.db"#,
        r#"--db $HOME/"my data"/m.db"#,
        r#"--db="$HOME/my data/m.db""#,
    ] {
        let ask = format!("source c.fish; complete -C 'candlefile {typed} show AAPL,X:BTCUSD,'");
        if let Some(told) = told_by(&home, "fish", &ask) {
            assert_eq!(told, "AAPL,X:BTCUSD,MSFT", "{typed}");
        }
        // What zsh has for functions of this kind alone stands in for it.
        let ask = format!(
            r#"compset() {{ IPREFIX=AAPL,X:BTCUSD, }}; compadd() {{ print -r -- ${{(P)2}} }}
            eval "$(sed -n '/^_candlefile_held()/,/^}}/p' c.zsh)"
            BUFFER='candlefile {typed} show AAPL,X:BTCUSD,'
            _candlefile_held 'SELECT DISTINCT symbol FROM series'"#
        );
        if let Some(told) = told_by(&home, "zsh", &ask) {
            assert_eq!(told, "MSFT", "{typed}");
        }
    }
}

#[test]
fn the_manual_is_one_page_on_stdout_or_a_page_a_command_in_a_folder() {
    let home = Home::new();
    let main = home.cli(["man"]).run().ok().stdout;
    assert!(main.contains(".TH candlefile 1"), "{main}");
    fs::create_dir(home.path("man")).unwrap();
    home.cli(["man", "--dir", "man"]).run().ok();
    for command in commands() {
        assert!(
            main.contains(&format!("candlefile\\-{command}(1)")),
            "{command} in {main}"
        );
        let page = fs::read_to_string(home.path(&format!("man/candlefile-{command}.1"))).unwrap();
        assert!(page.contains("Examples:"), "{page}");
    }
    assert!(home.path("man/candlefile.1").exists());
    refused(
        &home,
        &Server::start(),
        "man --dir gone",
        1,
        &["gone", "mkdir"],
    );
    let file = "man/candlefile.1";
    let words = format!("man --dir {file}");
    let told = format!("{file} is a file, not a folder");
    refused(&home, &Server::start(), &words, 1, &[&told]);
}
