//! The file: how it is opened and held, and what is left of it whatever happens to the program, the disk, the power or its place.

mod advice;
mod at_rest;
mod bad_files;
mod crash;
mod cut_off;
mod documented;
mod drop_part;
mod formats;
mod full;
mod in_place;
mod io_faults;
mod kills;
mod one_file;
mod ownership;
mod power;
mod readers;
mod runs;
mod snapshots;
mod together;
mod view;
