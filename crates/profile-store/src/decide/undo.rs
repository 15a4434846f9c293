//! What is asked and answered when a merge is undone.

use std::sync::Arc;

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{Outcome, Profile, Rules};

/// A merge that is to be undone.
#[derive(Clone, Debug)]
pub struct Undo {
    /// Whose profiles it concerns.
    pub company: CompanyId,
    /// The profile that was merged into another.
    pub absorbed: ProfileId,
    /// The company's rules.
    pub rules: Arc<Rules>,
    /// The revision at which this is asked.
    pub revision: Revision,
}

/// A merge that was undone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerged {
    /// What became of it, as recorded.
    pub outcome: Outcome,
    /// The profile the other had been merged into.
    pub survivor: Profile,
    /// The profile that lives again.
    pub restored: Profile,
    /// Attributes that the survivor had from the restored profile and that were
    /// written again since: they stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// Identifiers of the restored profile that lead to somebody else by now.
    pub lost: Vec<IdentifierKind>,
}
