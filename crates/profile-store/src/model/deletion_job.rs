//! Deletion jobs: what remains of an erasure, without any value of the person.

use profile_protocol::{IdentifierKind, ProfileId};

use crate::{Outcome, Timestamp};

/// The record of one request to erase a person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DeletionJob {
    /// The id, which begins with the time, as a profile's does.
    pub id: ProfileId,
    /// The number among the deletion jobs of the company.
    pub number: u64,
    /// When the person was erased.
    pub created: Timestamp,
    /// The number of the outcome.
    pub outcome: u64,
    /// The kind of the identifier that found the person; otherwise of the one that was sent.
    pub kind: IdentifierKind,
    /// Whether the person held that identifier. `None` if no profile was found.
    pub found: Option<FoundBy>,
    /// How many profiles were erased: one, and all that were merged into it.
    pub profiles: u32,
    /// How many failed rows of bulk imports lost what they had of the person.
    pub import_rows: u32,
}

/// How an identifier led to the person who is erased.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FoundBy {
    /// It is the profile's, or the id of a profile that was merged into it.
    Current,
    /// The profile, or one that was merged into it, was the last to hold it, and no profile holds
    /// it now.
    Former,
}

/// What a deletion did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deleted {
    /// The record that stays.
    pub job: DeletionJob,
    /// The outcome.
    pub outcome: Outcome,
}

/// What one step of a deletion did.
#[derive(Clone, Debug)]
pub(crate) enum ErasureStep {
    /// There were many failed rows that name the person. So many were removed so far, and nothing
    /// else.
    Rows(u32),
    Done(Box<Deleted>),
}
