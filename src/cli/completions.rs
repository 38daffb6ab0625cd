//! `candlefile completions`: what a shell needs to complete this program's commands, and the symbols and jobs that the file
//! holds. What was typed for `--db` is taken as the shell would: out of its quotes, with `~` and `$HOME` for the home folder, and
//! never run.

use std::io::IsTerminal;

use anyhow::Result;
use clap::{Arg, CommandFactory};
use clap_complete::Shell;

use crate::model::calendar::Calendar;

use super::args::{Cli, Completions, Global, command};
use super::error::{Exit, usage};
use super::output;

/// What is run for the symbols and for the jobs, with `--db` where one was typed.
const SYMBOLS: &str = "SELECT DISTINCT symbol FROM series ORDER BY symbol";
const JOBS: &str = "SELECT job_id FROM backfill_jobs ORDER BY created_at DESC";
const AS_LINES: &str = "--csv --limit 0 2>/dev/null | tail -n +2";

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
        Shell::PowerShell => powershell(&script),
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

/// The commands that take arguments of a name: symbols, or a job.
fn with(argument: &str) -> Vec<String> {
    let cli = Cli::command();
    let takes = |command: &&clap::Command| {
        let mut positionals = command.get_positionals();
        positionals.any(|one| one.get_id() == argument)
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

/// What the generated function offers, and symbols or jobs where one may stand. A colon and `=` part words for bash.
fn bash(script: &str) -> String {
    let (symbols, jobs) = (with("symbols").join("|"), with("job").join("|"));
    let options = with_values().join("|");
    let held = format!(
        r#"
_candlefile_held() {{
    _candlefile "$@"
    local at next held= typed=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} class= lead one db=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${{COMP_WORDS[at]}}" in
            --db)
                next=$((at + 1))
                [[ ${{COMP_WORDS[next]}} == '=' ]] && next=$((next + 1))
                one=$(printf %s "${{COMP_WORDS[next]}}" | xargs printf %s 2>/dev/null)
                [[ ${{COMP_WORDS[next]}} == '~/'* ]] && one=$HOME${{one#'~'}}
                for lead in '$HOME/' '${{HOME}}/'; do
                    [[ ${{COMP_WORDS[next]}} != \'* && $one == "$lead"* ]] && one=$HOME/${{one#"$lead"}}
                done
                db=(--db "$one") ;;
            {symbols}) held='{SYMBOLS}' ;;
            {jobs}) held='{JOBS}' ;;
        esac
    done
    if [[ $typed == : ]]; then
        class=$before: typed= before=
    elif [[ $before == : ]]; then
        class=${{COMP_WORDS[COMP_CWORD - 2]}}: before=
    fi
    [[ -z $held || $typed == -* ]] && return
    case "$before" in {options}|=) return ;; esac
    typed=$class$typed lead=
    [[ $typed == *,* ]] && lead=${{typed%,*}},
    COMPREPLY=()
    while read -r one; do
        # Of the first in a list the class may be a word of its own.
        [[ ,$lead == *,"$one",* || ,$lead == ,"${{one#*:}}",* ]] && continue
        one=$lead$one
        [[ $one == "$typed"* ]] && COMPREPLY+=("${{one#"$class"}}")
    done < <(candlefile "${{db[@]}}" sql "$held" {AS_LINES})
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
    local -a db held all listed
    local at raw lead one
    all=(${{(z)BUFFER}})
    for ((at = 1; at < $#all; at++)); do
        case $all[at] in
            --db) raw=$all[at+1] ;;
            --db=*) raw=${{all[at]#--db=}} ;;
            *) continue ;;
        esac
        one=${{(Q)raw}}
        [[ $raw == '~/'* ]] && one=$HOME${{one#'~'}}
        for lead in '$HOME/' '${{HOME}}/'; do
            [[ $raw != \'* && $one == "$lead"* ]] && one=$HOME/${{one#"$lead"}}
        done
        db=(--db "$one")
    done
    held=(${{(f)"$(candlefile $db sql $1 {AS_LINES})"}})
    compset -P '*,'
    listed=(${{(s:,:)IPREFIX}})
    held=(${{held:|listed}})
    compadd -a held
}}
(( $+functions[_candlefile_symbols] )) ||
_candlefile_symbols() {{ _candlefile_held '{SYMBOLS}' }}
(( $+functions[_candlefile_jobs] )) ||
_candlefile_jobs() {{ _candlefile_held '{JOBS}' }}

"#
    );
    let lines = script.split_inclusive('\n').map(|line| {
        if line.starts_with("'*::symbols -- ") {
            line.replace(":_default'", ":_candlefile_symbols'")
        } else if line.starts_with("'::job -- ") {
            line.replace(":_default'", ":_candlefile_jobs'")
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
    let calendars = Calendar::all().map(Calendar::code);
    let calendars = calendars.collect::<Vec<&str>>().join(" ");
    let (symbols, jobs) = (with("symbols").join(" "), with("job").join(" "));
    format!(
        r#"{script}
function __fish_candlefile_held
    set -l all (commandline -op)
    set -l db
    for at in (seq (count $all))
        switch $all[$at]
            case --db
                set db $all[(math $at + 1)]
            case '--db=*'
                set db (string replace -- --db= '' $all[$at])
        end
    end
    set -q db[1]; and set db --db (string replace -r -- '^(~|\$HOME|\{{\$HOME\}})/' "$HOME/" $db)
    set -l lead (string match -r -- '.*,' (commandline -ct))
    for one in (candlefile $db sql $argv[1] {AS_LINES})
        contains -- $one (string split , -- "$lead"); or echo "$lead$one"
    end
end
complete -c candlefile -n "__fish_candlefile_using_subcommand {symbols}" -f -a "(__fish_candlefile_held '{SYMBOLS}')"
complete -c candlefile -n "__fish_candlefile_using_subcommand {jobs}" -f -a "(__fish_candlefile_held '{JOBS}')"
complete -c candlefile -n "__fish_candlefile_using_subcommand calendar" -f -a "{calendars}"
"#
    )
}

/// With the whole names of its types: what would make them shorter must stand before everything else in a profile.
fn powershell(script: &str) -> String {
    let lines = script.split_inclusive('\n');
    let script: String = lines.filter(|line| !line.starts_with("using ")).collect();
    let types = [
        ("Language.", "StringConstantExpressionAst"),
        ("Language.", "StringConstantType"),
        ("", "CompletionResult"),
        ("", "CompletionResultType"),
    ];
    types.iter().fold(script, |script, (space, name)| {
        let whole = format!("[System.Management.Automation.{space}{name}]");
        script.replace(&format!("[{name}]"), &whole)
    })
}
