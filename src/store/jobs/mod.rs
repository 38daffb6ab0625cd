//! What was asked for: jobs, their slices, whose they are, and where they stand.

pub(in crate::store) mod claims;
pub(in crate::store) mod create;
pub(in crate::store) mod end;
pub(in crate::store) mod importing;
pub(in crate::store) mod imports;
pub(in crate::store) mod progress;
pub(in crate::store) mod queue;
pub(in crate::store) mod rows;
pub(crate) mod sends;
pub(in crate::store) mod sharing;
pub(in crate::store) mod states;
pub(in crate::store) mod status;
pub(in crate::store) mod takeover;
pub(in crate::store) mod totals;
