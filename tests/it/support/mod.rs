//! What the tests share: the harness, the fake provider and its oracle, the server's client, the checker and the disk
//! that fails.

pub(crate) mod aggs;
pub(crate) mod checker;
pub(crate) mod db;
pub(crate) mod disk;
pub(crate) mod documents;
pub(crate) mod exchange;
#[cfg(feature = "serve")]
pub(crate) mod following;
pub(crate) mod harness;
#[cfg(feature = "serve")]
pub(crate) mod inside;
pub(crate) mod lent;
pub(crate) mod long_past;
pub(crate) mod oracle;
pub(crate) mod running;
pub(crate) mod scripted;
pub(crate) mod seeded;
pub(crate) mod server;
#[cfg(feature = "serve")]
pub(crate) mod serving;
pub(crate) mod small_job;
mod vfs;
#[cfg(feature = "serve")]
pub(crate) mod week;
