//! Why the server cannot start, and what to do about it.

use std::net::SocketAddr;

use crate::model::next::Next;
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
        Next::words(match self {
            ServeError::Bind { why, .. } => match why.kind() {
                std::io::ErrorKind::AddrInUse => "choose another --port, or stop that program",
                std::io::ErrorKind::PermissionDenied => "choose a --port above 1023",
                _ => "leave --listen out, or name an address of this machine",
            },
            ServeError::Store(error) => return error.next(),
            ServeError::Runtime(_) => "look at the limits of threads and open files",
        })
    }
}
