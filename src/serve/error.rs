//! Why the server cannot start, and what to do about it.

use std::net::SocketAddr;

use crate::model::next::{Next, Setting};
use crate::store::StoreError;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", plain(why))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The file cannot be opened, read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no threads or files left.
    #[error("the server could not be started: {}", plain(.0))]
    Runtime(std::io::Error),
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there".into(),
        std::io::ErrorKind::PermissionDenied => "that is not allowed".into(),
        std::io::ErrorKind::AddrNotAvailable => "it is no address of this machine".into(),
        _ => error.to_string(),
    }
}

impl ServeError {
    /// What to do about it.
    pub fn next(&self) -> Next {
        match self {
            ServeError::Bind { why, .. } => match why.kind() {
                std::io::ErrorKind::AddrInUse => Next::Or(vec![
                    Setting::Port.after("choose another"),
                    Next::words("stop that program"),
                ]),
                std::io::ErrorKind::PermissionDenied => {
                    let high = Next::Setting(Setting::Port).shows("above 1023");
                    high.after("choose a")
                }
                _ => Next::Or(vec![
                    Next::Setting(Setting::Listen).shows("out").after("leave"),
                    Next::words("name an address of this machine"),
                ]),
            },
            ServeError::Store(error) => error.next(),
            ServeError::Runtime(_) => Next::words("look at the limits of threads and open files"),
        }
    }
}
