//! What the command line says of providers: of those that there are, and no other.

use std::ffi::OsStr;

use crate::import::Format;
use crate::provider::{Registry, Spec};
use clap::builder::{PossibleValue, PossibleValuesParser, Resettable};
use clap::{Command, CommandFactory};

use super::Cli;

/// The command line, with what it may say of providers.
pub fn command(registry: &Registry) -> Command {
    let keys = registry.iter().filter(|spec| spec.needs_key());
    let keys = keys.map(|spec| {
        format!(
            "The key of {} comes from {}.",
            spec.name,
            spec.keys_in_words()
        )
    });
    let keys = keys.collect::<Vec<_>>().join("\n");
    // A variable that is empty is none, as for every shell's `${NAME:-}`.
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let cli = Cli::command().mut_args(|one| match one.get_env() {
        Some(name) if is_empty(name) => one.env(Resettable::Reset),
        _ => one,
    });
    let after = cli.get_after_help().map(|words| format!("{words}\n{keys}"));
    cli.after_help(after.unwrap_or_default())
        .mut_subcommands(|command| with_providers(with_examples(command, registry), registry))
}

fn with_providers(command: Command, registry: &Registry) -> Command {
    let takes_files = command.get_name() == "import";
    command.mut_args(|one| match one.get_id().as_str() {
        "provider" => {
            let default = registry.iter().next().map(|spec| spec.name.clone());
            one.required(false)
                .default_value(default.unwrap_or_default())
                .value_parser(PossibleValuesParser::new(registry.iter().map(name_of)))
        }
        "rate" => {
            let rate = |spec: &Spec| {
                let rate = spec.default_rate?;
                Some(format!(" [default for {}: {rate}]", spec.name))
            };
            let rates: String = registry.iter().filter_map(rate).collect();
            let help = one.get_help().map(|help| format!("{help}{rates}"));
            one.help(help.unwrap_or_default())
        }
        "format" if takes_files => {
            let general = Format::general().map(|format| format.name().to_owned());
            let files = registry.iter().filter_map(|spec| spec.files.as_ref());
            let formats = general.chain(files.map(|files| files.name.clone()));
            one.value_parser(PossibleValuesParser::new(formats))
        }
        _ => one,
    })
}

/// Examples name a provider that wants no key, where there is one.
fn with_examples(command: Command, registry: &Registry) -> Command {
    let Some(words) = command.get_after_help().map(ToString::to_string) else {
        return command;
    };
    let words = match registry.without_key() {
        Some(spec) => words.replace("{keyless}", &spec.name),
        None => words.replace(" --provider {keyless}", ""),
    };
    command.after_help(words)
}

fn name_of(spec: &Spec) -> PossibleValue {
    PossibleValue::new(spec.name.clone())
        .help(spec.about.clone())
        .aliases(spec.aliases.clone())
}
