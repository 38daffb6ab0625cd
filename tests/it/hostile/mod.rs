//! What comes from outside and is not as it should be: answers, bodies, statuses, and files that somebody has damaged.

mod answers;
mod bodies;
pub(crate) mod case;
mod damaged;
mod damages;
mod entitlements;
mod faults;
mod limits;
mod pages;
mod program;
mod rows;
mod second_look;
mod statuses;
pub(crate) mod table;
