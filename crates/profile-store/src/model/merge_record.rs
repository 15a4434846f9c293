//! Merge records: one merge, with all that undoing it requires.

use crate::{Profile, ProfileRef, Timestamp};

/// One merge, with all that undoing it requires.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merge {
    /// The number of the outcome that reports the merge.
    pub sequence: u64,
    /// The time of the merge.
    pub at: Timestamp,
    /// The position of the merge among those of its request.
    pub position: u64,
    /// What undoing the merge requires of the survivor, just before the merge.
    pub survivor: Profile,
    /// The absorbed profile just before the merge.
    pub absorbed: Profile,
    /// The targets of the claims that led to the merge.
    pub links: Vec<ProfileRef>,
    /// Whether the company protected its values at the time: see
    /// [`IdentitySettings::protect`](crate::IdentitySettings::protect).
    pub protect: bool,
}
