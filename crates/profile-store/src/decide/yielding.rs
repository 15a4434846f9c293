//! Which identifiers give way to the company: those that only clients have named.

use crate::{
    Claim, ClaimAuthor, Claims, StoredProfile,
    decide::single_identifiers::{SingleIdentifiers, is_contradicted},
};

/// Whether the company claims an identifier that only clients have named for this profile, and the
/// company has told this profile by an identifier that contradicts the request. The profile is
/// another person, so the claim does not decide.
pub(super) fn is_misattached(claims: &Claims, claim: &Claim, profile: &StoredProfile) -> bool {
    let counted = SingleIdentifiers::hold_another_of_company;
    may_yield(claims, claim, profile)
        && is_contradicted(&profile.identifiers, claims.made(), counted)
}

/// Whether a profile gives up the identifier of a claim: the company claims it, and only clients
/// have named it for this profile.
pub(super) fn may_yield(claims: &Claims, claim: &Claim, profile: &StoredProfile) -> bool {
    let identifier = claim.target.identifier();
    claims.author() == ClaimAuthor::Company
        && identifier.is_some_and(|identifier| profile.identifiers.holds_by_client(identifier))
}
