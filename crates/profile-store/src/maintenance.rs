//! Work on a whole store: pruning, audits and copies.

pub(crate) mod audit;
pub(crate) mod clock_status;
pub(crate) mod clock_trust;
pub(crate) mod clock_watch;
pub(crate) mod copy;
pub(crate) mod format;
pub(crate) mod prune;
pub(crate) mod retention;
pub(crate) mod schedule;
