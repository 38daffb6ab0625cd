//! The server under attack. What holds for every answer, and the table that attacks are put into, stand in `attack`.

mod attack;
mod bytes;
#[cfg(target_os = "linux")]
mod crowds;
mod json;
mod names;
mod reads;
mod routes;
mod rules;
mod sites;
#[cfg(target_os = "linux")]
pub(crate) mod slow;
mod values;
mod words;
