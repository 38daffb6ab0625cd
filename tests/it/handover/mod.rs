//! What leaves the file or joins it: exports, packed files, and whether two are the same.

mod books;
mod diff;
#[cfg(target_os = "linux")]
mod durable;
mod export;
mod export_columnar;
mod export_folder;
mod export_refused;
mod export_whole;
mod gone_on_with;
mod merge;
mod outputs;
mod pack;
mod passes;
mod read_back;
mod recipes;
mod verify;
