//! What is known of series: candles, what of them is covered, and how a page of them is written with what it proves.

pub(in crate::store) mod batch;
pub(in crate::store) mod beside;
pub(in crate::store) mod books;
pub(in crate::store) mod closed;
pub(in crate::store) mod columns;
pub(in crate::store) mod coverage;
pub(in crate::store) mod drop;
pub(in crate::store) mod flags;
pub(in crate::store) mod insert;
pub(in crate::store) mod key;
mod lookup;
pub(in crate::store) mod measure;
pub(in crate::store) mod own_days;
pub(in crate::store) mod read;
pub(in crate::store) mod rows;
pub(in crate::store) mod scan;
pub(in crate::store) mod series;
pub(in crate::store) mod witnesses;
