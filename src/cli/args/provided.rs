//! What the command line says of providers: of those that there are, and no other.

use std::ffi::OsStr;

use crate::import::Format;
use crate::provider::{Registry, Spec};
use clap::CommandFactory;
use clap::builder::{PossibleValue, PossibleValuesParser, Resettable};

use super::Cli;

/// The command line, with what it may say of providers.
pub fn command(registry: &Registry) -> clap::Command {
    let names: Vec<PossibleValue> = registry.iter().map(name_of).collect();
    let formats = Format::general().map(|format| format.name().to_owned());
    let of_providers = registry
        .iter()
        .filter_map(|spec| Some(spec.files.as_ref()?.name.clone()));
    let formats: Vec<String> = formats.chain(of_providers).collect();
    let first = registry.iter().next();
    let default = first.map_or_else(String::new, |spec| spec.name.clone());
    let keys = registry.iter().filter(|spec| spec.needs_key());
    let keys = keys.map(|spec| {
        format!(
            "The key of {} comes from {}.",
            spec.name,
            spec.keys_in_words()
        )
    });
    let rates = registry.iter().filter_map(|spec| {
        let rate = spec.default_rate?;
        Some(format!(" [default for {}: {rate}]", spec.name))
    });
    let (keys, rates) = (
        keys.collect::<Vec<_>>().join("\n"),
        rates.collect::<String>(),
    );
    // A variable that is empty is none, as for every shell's `${NAME:-}`.
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let cli = Cli::command().mut_args(|one| match one.get_env() {
        Some(name) if is_empty(name) => one.env(Resettable::Reset),
        _ => one,
    });
    let after = cli.get_after_help().map(|words| format!("{words}\n{keys}"));
    cli.after_help(after.unwrap_or_default())
        .mut_subcommands(|command| {
            let has = |id: &str| command.get_arguments().any(|one| one.get_id() == id);
            let (has_provider, has_rate) = (has("provider"), has("rate"));
            let takes_files = command.get_name() == "import";
            let command = if has_provider {
                command.mut_arg("provider", |one| {
                    one.required(false)
                        .default_value(default.clone())
                        .value_parser(PossibleValuesParser::new(names.clone()))
                })
            } else {
                command
            };
            let command = if takes_files {
                command.mut_arg("format", |one| {
                    one.value_parser(PossibleValuesParser::new(formats.clone()))
                })
            } else {
                command
            };
            if has_rate {
                command.mut_arg("rate", |one| {
                    let help = one.get_help().map(|help| format!("{help}{rates}"));
                    one.help(help.unwrap_or_default())
                })
            } else {
                command
            }
        })
}

fn name_of(spec: &Spec) -> PossibleValue {
    PossibleValue::new(spec.name.clone())
        .help(spec.about.clone())
        .aliases(spec.aliases.clone())
}
