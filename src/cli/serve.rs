//! `candlefile serve`: the file over HTTP, until a signal stops it.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use crate::provider::BadBaseUrl;
use crate::serve::{BadSecret, Settings, Sockets, Token, Webhook};
use anyhow::Result;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use super::args::{Fetch, Global, Serve};
use super::error::{CliError, Exit, usage};
use super::jobs::{Fetching, check_key, source_of};
use super::{output, signals, stderr};

/// Bytes of a token's file at most.
const LONGEST_SECRET: u64 = 4096;
const SECRET: &str = "CANDLEFILE_WEBHOOK_SECRET";

pub fn run(global: &Global, args: Serve) -> Result<Exit> {
    if !global.quiet {
        super::trace(LevelFilter::WARN);
    }
    let is_guarded = args.token_file.is_some() && !args.allow_host.is_empty();
    let mut hosts = args.allow_host;
    if let Some(address) = args.listen {
        if !is_guarded && !address.is_loopback() {
            return Err(usage(
                format!("others can reach {address}, so the server needs a token and its names"),
                "add --token-file FILE and --allow-host NAME, or leave --listen out",
            ));
        }
        // An address is no name that a page could have rebound to it.
        if !address.is_unspecified() {
            hosts.push(address.into());
        }
    }
    let token = args.token_file.as_deref().map(token).transpose()?;
    let fetch = Fetch {
        pace: args.pace,
        force: false,
        refetch_empty: false,
        refetch_gaps: false,
        yes: false,
        wait: false,
    };
    let fetching = Fetching::new(global, &fetch);
    let source = &source_of(global, &args.provider);
    check_key(global, source)?;
    let first = fetching.runner(source, None)?;
    // What the file holds from others is taken care of where that can be.
    let others = global.registry.iter().map(|spec| spec.name.as_str());
    let others = others.filter(|&other| other != source && check_key(global, other).is_ok());
    let others = others.filter_map(|source| fetching.runner(source, None).ok());
    let mut providers = vec![first.provider];
    providers.extend(others.map(|runner| runner.provider));

    let words = "stopping; what was fetched is being saved (again to stop at once)";
    signals::stop_on_signals(&fetching.cancel, Some(words));
    let sockets = Sockets::bind(args.listen, args.port)?;
    let (url, port) = (sockets.url(), sockets.port());
    let settings = Settings {
        db: global.db.clone(),
        providers,
        workers: first.workers,
        rate: first.rate,
        policy: first.policy,
        jobs: args.jobs.into(),
        update_at: args.update_at,
        webhook: args.webhook.as_deref().map(webhook).transpose()?,
        hosts,
        token,
        log_lost: stderr::lost(),
        clock: fetching.clock.clone(),
        cancel: fetching.cancel.clone(),
    };
    crate::serve::serve(settings, sockets, || {
        let said = if global.json {
            output::json(&json!({ "url": url, "port": port }))
        } else {
            output::print(format!("serving {} at {url}", global.db.display()))
        };
        // Whether anybody reads it does not matter to those who call.
        drop(said);
    })?;
    Ok(Exit::Complete)
}

/// The secret comes from the environment: a command line is everybody's to read.
fn webhook(url: &str) -> Result<Webhook> {
    let url = url.parse().map_err(|error: BadBaseUrl| {
        usage(
            format!("--webhook: {error}"),
            "write an https URL without a query, or http for this machine",
        )
    })?;
    let text = std::env::var(SECRET).unwrap_or_default();
    let secret = text.parse().map_err(|error: BadSecret| {
        usage(
            format!("{SECRET} holds no secret for the webhook: {error}"),
            format!("make one: export {SECRET}=whsec_$(openssl rand -base64 32)"),
        )
    })?;
    Ok(Webhook::new(&url, secret)?)
}

/// What is wrong with a file that others can read, which is the one thing that closing it mends.
pub(super) const OPEN: &str = "others can read it";

/// The token in a file that nobody else can read.
fn token(path: &Path) -> Result<Token> {
    let bad = |why: String| CliError::BadToken {
        path: path.to_path_buf(),
        why,
    };
    let text = secret(path).map_err(|error| bad(output::plain(&error)))?;
    Ok(Token::from_str(text.trim()).map_err(|error| bad(error.to_string()))?)
}

/// The text of a small file that nobody else can read. Whatever stands there, and takes its place meanwhile, is neither
/// waited for nor read without end.
fn secret(path: &Path) -> io::Result<String> {
    let check = |metadata: &Metadata| {
        let why = if !metadata.is_file() {
            "it is no regular file"
        } else if metadata.len() > LONGEST_SECRET {
            "it has more than 4 KiB"
        } else if !is_private(metadata) {
            OPEN
        } else {
            return Ok(());
        };
        Err(io::Error::other(why))
    };
    // Opening a pipe would wait for its writer, and opening a device may do anything.
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.read(true).open(path)?;
    check(&file.metadata()?)?;
    let mut text = String::new();
    file.take(LONGEST_SECRET + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_SECRET {
        return Err(io::Error::other("it grows while it is read"));
    }
    Ok(text)
}

#[cfg(unix)]
fn is_private(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode().trailing_zeros() >= 6
}

#[cfg(not(unix))]
fn is_private(_: &Metadata) -> bool {
    true
}
