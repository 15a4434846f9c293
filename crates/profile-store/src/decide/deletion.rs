//! Deletion: the outcome is the only record of a person that stays.

use profile_protocol::{CompanyId, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Outcome, ProfileRef,
    RequestId, StoredProfile, decide::empty_outcome::empty_outcome,
};

/// A request to delete a person.
#[derive(Clone, Debug)]
pub struct Delete {
    /// The company that the profile belongs to.
    pub company: CompanyId,
    /// The profile to delete.
    pub target: ProfileRef,
    /// The API revision of the request.
    pub revision: Revision,
    /// The id of the request, which its outcome keeps.
    pub request_id: Option<RequestId>,
}

/// The outcome of a deletion. It names the profile, so that consumers of outcomes can delete
/// their copies.
pub(crate) fn deleted(
    request: &Delete,
    profile: &StoredProfile,
    context: DecisionContext,
) -> Outcome {
    let claim = ClaimOutcome {
        kind: request.target.kind(),
        origin: ClaimSource::Command,
        result: ClaimResult::Matched,
    };
    Outcome {
        survivor: Some(profile.id),
        claims: vec![claim],
        previous: profile.last_outcome.into_iter().collect(),
        request_id: request.request_id.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, Effect::Deleted)
    }
}
