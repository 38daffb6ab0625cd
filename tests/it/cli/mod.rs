//! The command line: what is typed, what is printed for whom, and what is said when it cannot be done.

mod calendar;
mod check;
mod commands;
mod coverage;
pub(crate) mod errors;
mod hang_up;
mod help;
mod info;
mod inputs;
#[cfg(target_os = "linux")]
mod mute;
mod own_days;
pub(crate) mod reports;
mod said;
mod signals;
mod spelled;
mod sql;
mod terminal;
mod typed;
mod watch;
