//! What can be typed after `serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::serve::{Daily, HostName};
use clap::Args;

use super::Pace;

#[derive(Args, Debug)]
pub struct Serve {
    /// The port; 0 is any free one
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
    /// Listen on this address in place of this machine's own 127.0.0.1 and ::1
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// A name by which the server may be called: NAME, or NAME:PORT (repeatable)
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<HostName>,
    /// A file that only you can read, with a token that every call must then send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Where new candles come from
    #[arg(long, value_name = "PROVIDER")]
    pub provider: String,
    #[command(flatten)]
    pub pace: Pace,
    /// Jobs that run at once; the others wait for their turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16), value_name = "N")]
    pub jobs: u16,
    /// Bring the file up to date at this time of each day, like 20:30@America/New_York, or later when the machine slept
    /// through it (repeatable)
    #[arg(long, value_name = "TIME@ZONE")]
    pub update_at: Vec<Daily>,
    /// Tell this URL how each job ended, signed with CANDLEFILE_WEBHOOK_SECRET as standardwebhooks.com describes
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
}
