//! A file that is handed over: written page by page, sealed, and judged.

pub(in crate::store) mod btree;
pub(in crate::store) mod history;
pub(in crate::store) mod seal;
pub(in crate::store) mod write;
