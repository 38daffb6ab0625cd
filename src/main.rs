//! The program: parse, run, say what went wrong, exit.

// The library never prints; this is where printing is allowed.
#![allow(clippy::print_stdout, clippy::print_stderr, unreachable_pub)]
#![forbid(unsafe_code)]

mod cli;

fn main() {
    std::process::exit(cli::main());
}
