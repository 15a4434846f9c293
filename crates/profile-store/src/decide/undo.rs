//! Undoing a merge: the command and its result.

use std::sync::Arc;

use profile_protocol::{ChangedAttribute, CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{IdentitySettings, Outcome, Profile, RequestIds};

/// The command to undo a merge.
#[derive(Clone, Debug)]
pub struct Undo {
    /// The company whose profiles the command concerns.
    pub company: CompanyId,
    /// The profile that was merged into another.
    pub absorbed: ProfileId,
    /// The identity settings of the company.
    pub settings: Arc<IdentitySettings>,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
}

/// A merge that was undone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerged {
    /// The outcome that records the undo.
    pub outcome: Outcome,
    /// The profile that the other one had been merged into.
    pub survivor: Profile,
    /// The restored profile.
    pub restored: Profile,
    /// The attributes that the survivor had from the restored profile and that were written again
    /// since. They stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// The kinds of the restored profile's identifiers that belong to another profile now.
    pub lost: Vec<IdentifierKind>,
}
