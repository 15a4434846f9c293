//! Work on a whole store: pruning, audits and copies.

pub(crate) mod audit;
pub(crate) mod copy;
pub(crate) mod format;
pub(crate) mod prune;
pub(crate) mod schedule;
