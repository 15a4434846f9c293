//! The check of exchange tokens by what is stored: whether they were revoked, and whether the
//! profile still holds the device that they are bound to.

use std::{borrow::Cow, cmp::Reverse};

use crate::{
    Claim, ClaimOutcome, ClaimResult, Claims, Identifier, Ignored, InvalidToken, ProfileRef,
    StoredProfile, Timestamp,
};

/// Claims, each with the profile that it found.
pub(super) struct CheckedClaims<'c, 'p> {
    /// The claims. None of them depends on the terms of a token any more.
    pub(super) claims: Cow<'c, Claims>,
    /// For each claim, the profile that it found.
    pub(super) reached: Cow<'c, [Option<&'p StoredProfile>]>,
}

/// Checks the tokens among the claims. `reached` holds, for each claim, the profile that it found.
/// `revoked` is when the company revoked all tokens last.
///
/// A token that stands for a profile becomes a claim of its id. A token that stands for a device
/// becomes a claim of the anonymous id, with the authority of one. Any other token is dismissed.
pub(super) fn check_tokens<'c, 'p>(
    claims: &'c Claims,
    reached: &'c [Option<&'p StoredProfile>],
    revoked: Option<Timestamp>,
) -> CheckedClaims<'c, 'p> {
    if claims.made().iter().all(|claim| claim.token.is_none()) {
        return CheckedClaims { claims: Cow::Borrowed(claims), reached: Cow::Borrowed(reached) };
    }
    let mut dismissed = claims.dismissed().to_vec();
    let mut kept: Vec<(Claim, Option<&StoredProfile>)> = Vec::with_capacity(reached.len());
    for (claim, &profile) in claims.made().iter().zip(reached) {
        match target(claim, profile, revoked) {
            Ok(target) if kept.iter().any(|(other, _)| other.target == target) => {}
            Ok(target) => kept.push((Claim { target, token: None, ..*claim }, profile)),
            Err(reason) => dismissed.push(ClaimOutcome {
                kind: claim.kind(),
                origin: claim.origin,
                result: ClaimResult::Ignored(reason),
            }),
        }
    }
    // The sort is stable, so a device that a token stands for precedes the one of the request.
    kept.sort_by_key(|(claim, _)| (claim.origin, Reverse(claim.kind())));
    let (made, reached): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
    let claims = Cow::Owned(claims.with_made(made, dismissed));
    CheckedClaims { claims, reached: Cow::Owned(reached) }
}

/// The target of a claim, once its token is checked.
fn target(
    claim: &Claim,
    profile: Option<&StoredProfile>,
    revoked: Option<Timestamp>,
) -> Result<ProfileRef, Ignored> {
    let Some(terms) = claim.token else { return Ok(claim.target.clone()) };
    if terms.is_revoked(revoked) {
        return Err(Ignored::Token(InvalidToken::Revoked));
    }
    let Some(profile) = profile else {
        // A claim of an id notes that the id is unknown.
        return if terms.device.is_none() {
            Ok(claim.target.clone())
        } else {
            Err(Ignored::UnknownId)
        };
    };
    if terms.is_revoked(profile.tokens_revoked) {
        return Err(Ignored::Token(InvalidToken::Revoked));
    }
    let device = terms.device_of(&profile.identifiers.devices).map_err(Ignored::Token)?;
    Ok(match device {
        None => claim.target.clone(),
        Some(id) => ProfileRef::Identifier(Identifier::AnonymousId(id.clone())),
    })
}
