//! The two halves of an exchange as tests see them: the request that arrived, the reply of a script, and the gate that
//! lets a test decide when.

use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::aggs::Ask;

/// No wait in a test may last longer; reaching it is a failure, never a way to pass.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One request as it arrived, before anything was answered.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Its place in the order of arrival, from 0.
    pub(crate) n: usize,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&self.target, |(path, _)| path)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn ask(&self) -> Ask {
        Ask::parse(self.path())
            .unwrap_or_else(|| panic!("not an aggregates request: {}", self.target))
    }

    /// It asks for a later page of an answer.
    pub(crate) fn continues(&self) -> bool {
        self.param("cursor").is_some()
    }
}

/// What a script answers with instead of the oracle's page.
#[derive(Clone)]
pub(crate) enum Reply {
    Full {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// These bytes, head included, and then the end of the connection.
    Raw(Vec<u8>),
    /// These bytes, head included, and then a reset in place of an end.
    Reset(Vec<u8>),
    /// The end of this connection, and of listening for others.
    Gone,
    /// Whatever this writes, and then the end of the connection.
    Live(Arc<dyn Fn(&TcpStream) + Send + Sync>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Full {
            status,
            headers: vec![("Content-Type", "application/json".into())],
            body: body.into(),
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        let body =
            "<html><head><title>Sign in</title></head><body>Please sign in</body></html>".into();
        Self::Full {
            status,
            headers: vec![("Content-Type", "text/html".into())],
            body,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Full { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A barrier that a script waits at and a test opens.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let guard = self.0.0.lock().unwrap();
        drop(
            self.0
                .1
                .wait_timeout_while(guard, PATIENCE, |open| !*open)
                .unwrap(),
        );
    }
}
