//! The program: the library's command line, and its exit code.

fn main() {
    std::process::exit(candlefile::cli::main(std::env::args_os()));
}
