//! `candlefile completions`: what a shell needs to complete this program's commands, and the symbols that the file holds.

use std::io::IsTerminal;

use anyhow::Result;
use clap::{Arg, CommandFactory};
use clap_complete::Shell;

use super::args::{Cli, Completions, Global, command};
use super::error::{Exit, usage};
use super::output;

/// What is run for the symbols, with `--db` where one was typed.
const HELD: &str =
    "sql 'SELECT DISTINCT symbol FROM series ORDER BY symbol' --csv 2>/dev/null | tail -n +2";

pub fn run(global: &Global, args: &Completions) -> Result<Exit> {
    if global.json {
        return Err(usage("a script for a shell is no JSON", "leave --json out"));
    }
    // Into memory first: the generator does not bear a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut command(&global.registry),
        "candlefile",
        &mut script,
    );
    let script = String::from_utf8_lossy(&script);
    let script = match args.shell {
        Shell::Bash => bash(&script),
        Shell::Zsh => zsh(&script),
        Shell::Fish => fish(&script),
        _ => script.into_owned(),
    };
    let place = place(args.shell);
    // What zsh looks for is in the first line.
    let script = match script.split_once('\n') {
        Some((first, rest)) if first.starts_with("#compdef") => {
            format!("{first}\n# {place}\n{rest}")
        }
        _ => format!("# {place}\n{script}"),
    };
    output::write(script.as_bytes())?;
    if std::io::stdout().is_terminal() {
        output::say(place);
    }
    Ok(Exit::Complete)
}

/// Where a script goes.
fn place(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => {
            "candlefile completions bash > ~/.local/share/bash-completion/completions/candlefile"
        }
        Shell::Zsh => {
            "candlefile completions zsh > ~/.zfunc/_candlefile, and in ~/.zshrc: fpath+=(~/.zfunc); autoload -Uz compinit; compinit"
        }
        Shell::Fish => "candlefile completions fish > ~/.config/fish/completions/candlefile.fish",
        Shell::PowerShell => "candlefile completions powershell >> $PROFILE",
        Shell::Elvish => {
            "candlefile completions elvish > ~/.config/elvish/lib/candlefile.elv, and in ~/.config/elvish/rc.elv: use candlefile"
        }
        _ => "read it in the file that your shell reads when it starts",
    }
}

/// The commands that take symbols.
fn with_symbols() -> Vec<String> {
    let cli = Cli::command();
    let takes = |command: &&clap::Command| {
        let mut positionals = command.get_positionals();
        positionals.any(|argument| argument.get_id() == "symbols")
    };
    let names = cli.get_subcommands().filter(takes);
    names.map(|command| command.get_name().to_owned()).collect()
}

/// The options after which a value comes.
fn with_values() -> Vec<String> {
    let cli = Cli::command();
    let all = cli.get_subcommands().chain([&cli]);
    let takes = |argument: &&Arg| !argument.is_positional() && argument.get_action().takes_values();
    let spelled = |argument: &Arg| {
        let long = argument.get_long().map(|long| format!("--{long}"));
        let short = argument.get_short().map(|short| format!("-{short}"));
        long.into_iter().chain(short)
    };
    let mut options: Vec<String> = all
        .flat_map(|command| command.get_arguments().filter(takes).flat_map(spelled))
        .collect();
    options.sort_unstable();
    options.dedup();
    options
}

/// What the generated function offers, and symbols where one may stand. A colon parts words for bash.
fn bash(script: &str) -> String {
    let (commands, options) = (with_symbols().join("|"), with_values().join("|"));
    let held = format!(
        r#"
_candlefile_held() {{
    _candlefile "$@"
    local at command= typed=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} class= symbol db=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${{COMP_WORDS[at]}}" in
            --db) db=(--db "${{COMP_WORDS[at + 1]}}") ;;
            {commands}) command=${{COMP_WORDS[at]}} ;;
        esac
    done
    if [[ $typed == : ]]; then
        class=$before: typed= before=
    elif [[ $before == : ]]; then
        class=${{COMP_WORDS[COMP_CWORD - 2]}}: before=
    fi
    [[ -z $command || $typed == -* ]] && return
    case "$before" in {options}) return ;; esac
    COMPREPLY=()
    while read -r symbol; do
        [[ $symbol == "$class$typed"* ]] && COMPREPLY+=("${{symbol#"$class"}}")
    done < <(candlefile "${{db[@]}}" {HELD})
}}

"#
    );
    let at = script
        .rfind("\nif [[ \"${BASH_VERSINFO")
        .unwrap_or(script.len());
    let (functions, registration) = script.split_at(at);
    let registration = registration.replace("-F _candlefile ", "-F _candlefile_held ");
    format!("{functions}{held}{}", registration.trim_start())
}

fn zsh(script: &str) -> String {
    let held = format!(
        r#"(( $+functions[_candlefile_held] )) ||
_candlefile_held() {{
    local -a db held match
    [[ $BUFFER =~ '--db[ =]([^ ]+)' ]] && db=(--db $match[1])
    held=(${{(f)"$(candlefile $db {HELD})"}})
    compadd -a held
}}

"#
    );
    let lines = script.split_inclusive('\n').map(|line| {
        if line.starts_with("'*::symbols -- ") {
            line.replace(":_default'", ":_candlefile_held'")
        } else {
            line.to_owned()
        }
    });
    let script: String = lines.collect();
    let at = script
        .rfind("\nif [ \"$funcstack[1]\"")
        .map_or(script.len(), |at| at + 1);
    format!("{}{held}{}", &script[..at], &script[at..])
}

fn fish(script: &str) -> String {
    let commands = with_symbols().join(" ");
    format!(
        r#"{script}
function __fish_candlefile_held
    set -l db (string match -rg -- '--db[ =](\S+)' (commandline -p))
    set -q db[1]; and set db --db $db[1]
    candlefile $db {HELD}
end
complete -c candlefile -n "__fish_candlefile_using_subcommand {commands}" -f -a "(__fish_candlefile_held)"
"#
    )
}
