//! The bodies that servers send besides profiles: bulk imports, merges, unmerges, deletions,
//! explanations, repairs and revocations of tokens.

mod body_reader;
mod bulk;
mod deletion;
mod explain;
mod merge;
mod repair;
mod token_revocation;

pub use bulk::BulkImport;
pub use deletion::{DeletionId, DeletionSubject};
pub use explain::{ExplainedScope, ProfileExplain};
pub use merge::{ProfileMerge, ProfileUnmerge};
pub use repair::{ProfileRepair, RepairMode, RepairSubject};
pub use token_revocation::TokenRevocation;
