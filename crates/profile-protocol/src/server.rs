//! The bodies that servers send besides profiles: bulk imports, merges, unmerges, deletions,
//! explanations, repairs, revocations of tokens, and push tokens, which apps send as well.

mod body_reader;
mod bulk;
mod deletion;
mod explain;
mod merge;
mod push_token;
mod repair;
mod token_revocation;

pub use bulk::BulkImport;
pub use deletion::{DeletionId, DeletionSubject};
pub use explain::{ExplainedScope, ProfileExplain};
pub use merge::{ProfileMerge, ProfileUnmerge};
pub use push_token::{PushTokenRegistration, PushTokenRemoval};
pub use repair::{ProfileRepair, RepairMode, RepairSubject};
pub use token_revocation::TokenRevocation;
