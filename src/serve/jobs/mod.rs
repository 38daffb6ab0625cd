//! Jobs in this process: the queue, the threads that run it, and what is told of them.

pub(in crate::serve) mod changes;
pub(in crate::serve) mod crew;
pub(in crate::serve) mod events;
pub(in crate::serve) mod feed;
pub(in crate::serve) mod growth;
pub(in crate::serve) mod queue;
pub(in crate::serve) mod schedule;
pub(in crate::serve) mod telling;
pub(in crate::serve) mod webhook;
pub(in crate::serve) mod work;
