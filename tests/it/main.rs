//! The promises of the program, checked from outside: the real binary, or the library at instants and with faults that no
//! command line can set, against a real loopback HTTP server and a real file.
//! Nothing here may reach beyond loopback, depend on the order of tests or wait by sleeping.

#![allow(clippy::unwrap_used)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
// Prices and volumes are compared bit by bit on purpose: what is stored is what was sent.
#![allow(clippy::float_cmp)]

#[cfg(feature = "serve")]
mod attacks;
mod cli;
mod file;
mod fill;
mod handover;
mod hostile;
mod import;
#[cfg(feature = "serve")]
mod serve;
mod support;
