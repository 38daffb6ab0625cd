//! Reading for callers: connections to the file, and bodies that are made, made smaller and sent as fast as they are read.

pub(in crate::serve) mod coding;
pub(in crate::serve) mod large;
pub(in crate::serve) mod readers;
pub(in crate::serve) mod sending;
