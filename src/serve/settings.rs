//! How the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Daily, HostName, Token, Webhook};
use crate::http::rate::Rate;
use crate::model::market::Policy;
use crate::provider::Provider;
use crate::run::clock::{Cancel, Clock};

/// How the server runs.
pub struct Settings {
    /// The file; it is made where there is none.
    pub db: PathBuf,
    /// Where candles come from. The first is asked for what is new, all for what the file holds from them.
    pub providers: Vec<Arc<dyn Provider>>,
    /// Threads that fetch, a new job.
    pub workers: usize,
    /// Requests at most, of new jobs; the provider's own rate where there is none.
    pub rate: Option<Rate>,
    /// When candles count as closed and final, for new jobs.
    pub policy: Policy,
    /// Jobs that run at once.
    pub jobs: usize,
    /// When the file is brought up to date by itself.
    pub update_at: Vec<Daily>,
    /// Who is told how jobs ended.
    pub webhook: Option<Webhook>,
    /// Names by which it may be called beside this machine's own.
    pub hosts: Vec<HostName>,
    /// What a caller must know.
    pub token: Option<Token>,
    /// Messages of the log that were lost, counted by whoever writes it.
    pub log_lost: Arc<AtomicU64>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Raised to stop.
    pub cancel: Cancel,
}
