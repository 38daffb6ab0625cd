//! The server: jobs and candles over HTTP, events, messages, the page.

mod bad_input;
#[cfg(unix)]
mod coding;
#[cfg(unix)]
mod edges;
mod events;
mod historical;
pub(crate) mod jobs;
mod methods;
mod openapi;
mod page;
mod stopped;
mod times;
mod typed;
mod webhook;
