//! The bodies that servers send besides profiles: bulk imports, merges, unmerges, deletions and
//! explanations.

mod body_reader;
mod bulk;
mod deletion;
mod explain;
mod merge;

pub use bulk::BulkImport;
pub use deletion::DeletionSubject;
pub use explain::{ExplainedScope, ProfileExplain};
pub use merge::{ProfileMerge, ProfileUnmerge};
