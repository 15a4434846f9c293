//! Decisions: pure functions from a request and the stored profiles to what will be stored.
//! Nothing here reads, writes, waits or looks at a clock.

pub(crate) mod certain_refusal;
pub(crate) mod claims;
mod client_limit;
pub(crate) mod decision;
pub(crate) mod deletion;
pub(crate) mod detachment;
mod devices;
pub(crate) mod empty_outcome;
mod identifiers;
pub(crate) mod identity_settings;
pub(crate) mod intent;
mod list_limits;
pub(crate) mod manual_merge;
pub(crate) mod merge;
mod merge_all;
mod patch;
pub(crate) mod placeholders;
pub(crate) mod push_tokens;
pub(crate) mod repair;
pub(crate) mod replaced;
pub(crate) mod resolution;
pub(crate) mod restoration;
mod room;
pub(crate) mod sender_merge;
mod single_identifiers;
pub(crate) mod size;
pub(crate) mod submission;
mod token_check;
pub(crate) mod token_revocation;
pub(crate) mod undo;
pub(crate) mod unmerge;
mod yielding;
