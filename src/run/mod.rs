//! What a run of the program has: a clock, the flag that stops it, proof of what is its own, and the way to its reader.

pub mod clock;
pub mod owner;
pub mod pipe;
pub mod shell;
