//! The file itself: what may be opened, how it is opened, held and closed, its format, and questions in SQL.

pub(in crate::store) mod begin;
pub(in crate::store) mod bytes;
pub(in crate::store) mod check;
pub(in crate::store) mod free;
pub(crate) mod handle;
pub(in crate::store) mod held;
pub(in crate::store) mod how;
mod id;
pub(in crate::store) mod info;
pub(in crate::store) mod link;
pub(in crate::store) mod log;
pub(in crate::store) mod migrate;
pub(in crate::store) mod open;
pub(in crate::store) mod path;
pub(in crate::store) mod place;
pub(in crate::store) mod rights;
pub(in crate::store) mod schema;
pub(in crate::store) mod sql;
pub(in crate::store) mod stamp;
pub(in crate::store) mod standing;
pub(in crate::store) mod still;
pub(in crate::store) mod tables;
