//! Which identifiers give way to the company: those that only clients have named.

use crate::{
    Claim, ClaimAuthor, ClaimSource, Claims, ProfileRef, StoredProfile,
    decide::single_identifiers::SingleIdentifiers,
};

/// Whether the company claims an identifier that only clients have named for this profile, and the
/// company has told this profile by an identifier that contradicts the request. The profile is
/// another person, so the claim does not decide.
pub(super) fn is_misattached(claims: &Claims, claim: &Claim, profile: &StoredProfile) -> bool {
    let held = SingleIdentifiers::from_profile(&profile.identifiers);
    let contradicts = |other: &Claim| match &other.target {
        ProfileRef::Id(_) => false,
        ProfileRef::Identifier(_) if other.origin == ClaimSource::Append => false,
        ProfileRef::Identifier(identifier) => {
            held.hold_another_of_company(identifier) && !profile.identifiers.holds(identifier)
        }
    };
    may_yield(claims, claim, profile) && claims.made().iter().any(contradicts)
}

/// Whether a profile gives up the identifier of a claim: the company claims it, and only clients
/// have named it for this profile.
pub(super) fn may_yield(claims: &Claims, claim: &Claim, profile: &StoredProfile) -> bool {
    let identifier = claim.target.identifier();
    claims.author() == ClaimAuthor::Company
        && identifier.is_some_and(|identifier| profile.identifiers.holds_by_client(identifier))
}
