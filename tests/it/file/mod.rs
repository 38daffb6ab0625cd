//! The file: how it is opened, held, damaged by nobody, and whole after whatever happened to the program, the disk or the power.

mod advice;
mod at_rest;
mod bad_files;
mod crash;
mod cut_off;
mod drop_part;
mod formats;
mod in_place;
mod io_faults;
mod kills;
mod one_file;
mod ownership;
mod page;
mod power;
mod readers;
mod runs;
mod snapshots;
mod together;
