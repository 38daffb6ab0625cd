//! What a run of the program has: a clock, the flag that stops it, how fast it goes, where its files are, proof of what is its own,
//! room on the disk for its end, and the way to its reader.

pub(crate) mod clock;
pub(crate) mod nameless;
pub(crate) mod owner;
pub(crate) mod pace;
pub(crate) mod path;
pub(crate) mod pipe;
pub(crate) mod shell;
pub(crate) mod spare;
