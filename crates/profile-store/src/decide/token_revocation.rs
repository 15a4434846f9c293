//! The revocation of exchange tokens: the command and its outcome.

use profile_protocol::{CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Outcome, RequestIds,
    StoredProfile, decide::empty_outcome::empty_outcome,
};

/// A request to revoke the exchange tokens that were issued so far.
#[derive(Clone, Debug)]
pub struct RevokeTokens {
    /// The company whose profiles the tokens name.
    pub company: CompanyId,
    /// Which of its tokens to revoke.
    pub scope: RevocationScope,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
}

/// The exchange tokens that are revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RevocationScope {
    /// All tokens of the company.
    Company,
    /// The tokens that name the profile with this id, or one that was merged into the same
    /// profile.
    Profile(ProfileId),
}

/// The outcome of revoking the tokens of all profiles.
pub(crate) fn revoked_for_company(request: &RevokeTokens, context: DecisionContext) -> Outcome {
    Outcome {
        request_ids: request.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, Effect::TokensRevoked)
    }
}

/// Revokes the tokens of one profile, and returns the profile with the outcome.
pub(crate) fn revoke_for_profile(
    request: &RevokeTokens,
    mut profile: StoredProfile,
    context: DecisionContext,
) -> (StoredProfile, Outcome) {
    let claim = ClaimOutcome {
        kind: IdentifierKind::Id,
        origin: ClaimSource::Command,
        result: ClaimResult::Matched,
    };
    let outcome = Outcome {
        survivor: Some(profile.id),
        claims: vec![claim],
        previous: profile.last_outcome.into_iter().collect(),
        ..revoked_for_company(request, context)
    };
    profile.tokens_revoked = profile.tokens_revoked.max(Some(context.now));
    profile.last_outcome = Some(context.sequence);
    (profile, outcome)
}
