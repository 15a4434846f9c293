//! What servers say besides profiles: joining, parting, deleting, asking why, and
//! many profiles at once.

mod bulk;
mod deletion;
mod explain;
mod merge;
mod reader;

pub use bulk::BulkImport;
pub use deletion::DeletionSubject;
pub use explain::{ExplainedScope, ProfileExplain};
pub use merge::{ProfileMerge, ProfileUnmerge};
