//! The decisions: pure functions from what a request claims and what is stored to what shall be
//! stored. Nothing in here reads, writes, waits or looks at a clock.

pub(crate) mod claims;
pub(crate) mod decision;
pub(crate) mod deletion;
pub(crate) mod intent;
pub(crate) mod manual_merge;
pub(crate) mod merge;
pub(crate) mod patch;
pub(crate) mod resolution;
pub(crate) mod sentinels;
pub(crate) mod size;
pub(crate) mod unmerge;
