//! Deletion: the outcome and the record of the job are all that stays of a person.

use profile_protocol::{CompanyId, IdentifierKind, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Ignored, Outcome,
    ProfileRef, RequestIds, StoredProfile, decide::empty_outcome::empty_outcome,
    model::deletion_job::FoundBy,
};

/// A request to delete a person.
#[derive(Clone, Debug)]
pub struct Delete {
    /// The company that the profile belongs to.
    pub company: CompanyId,
    /// The kind of the identifier that was sent.
    pub kind: IdentifierKind,
    /// What that identifier may stand for. The first that finds a profile counts.
    pub targets: Vec<ProfileRef>,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
}

impl Delete {
    /// A deletion by one identifier.
    pub fn by(company: CompanyId, target: ProfileRef, revision: Revision) -> Delete {
        let (kind, targets) = (target.kind(), vec![target]);
        Delete { company, kind, targets, revision, request_ids: None }
    }
}

/// The profile that a deletion found.
#[derive(Clone, Debug)]
pub(crate) struct FoundSubject {
    pub(crate) profile: StoredProfile,
    /// The number of the target that found it.
    pub(crate) target: usize,
    pub(crate) by: FoundBy,
}

/// The outcome of a deletion. It names the profile, so that consumers of outcomes can delete
/// their copies.
pub(crate) fn deleted(
    request: &Delete,
    found: Option<&FoundSubject>,
    context: DecisionContext,
) -> Outcome {
    let profile = found.map(|found| &found.profile);
    let effect = if profile.is_some() { Effect::Deleted } else { Effect::NothingDeleted };
    Outcome {
        survivor: profile.map(|profile| profile.id),
        claims: claims(request, found),
        previous: profile.and_then(|profile| profile.last_outcome).into_iter().collect(),
        request_ids: request.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, effect)
    }
}

/// The result of each target up to the one that found the profile.
fn claims(request: &Delete, found: Option<&FoundSubject>) -> Vec<ClaimOutcome> {
    let claim = |kind, result| ClaimOutcome { kind, origin: ClaimSource::Command, result };
    let matched = found.map(|found| found.target);
    let targets = request.targets.iter().enumerate();
    let tried = targets.take_while(|(number, _)| matched.is_none_or(|matched| *number <= matched));
    let claims: Vec<ClaimOutcome> = tried
        .map(|(number, target)| {
            let ignored = match target {
                ProfileRef::Id(_) => Ignored::UnknownId,
                ProfileRef::Identifier(_) => Ignored::NoProfile,
            };
            let is_match = Some(number) == matched;
            let result =
                if is_match { ClaimResult::Matched } else { ClaimResult::Ignored(ignored) };
            claim(target.kind(), result)
        })
        .collect();
    if claims.is_empty() {
        return vec![claim(request.kind, ClaimResult::Ignored(Ignored::ForeignId))];
    }
    claims
}
