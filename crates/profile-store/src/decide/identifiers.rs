//! Changes of a profile's identifiers by one request: remove, promote, attach and limit.

use profile_protocol::{Email, IdentifierKind};

use crate::{
    Caller, Claim, ClaimOutcome, ClaimResult, ClaimSource, Claims, Identifier, Ignored, Intent,
    ProfileIdentifiers, ProfileRef, Submission, decide::list_limits::limit_lists,
};

/// Adds and removes identifiers as the request says, and corrects the results of its claims.
/// Returns one entry for each identifier that was removed because its kind was cleared.
pub(super) fn update_identifiers(
    identifiers: &mut ProfileIdentifiers,
    submission: &Submission,
    claims: &Claims,
    results: &mut [ClaimResult],
) -> Vec<ClaimOutcome> {
    let Submission { settings, intent, .. } = submission;
    let removed = clear(identifiers, submission, claims);
    // A primary address that is replaced may be claimed as a secondary one, so the primary address
    // is decided before the secondary ones.
    match intent {
        Intent::Update(_) => promote(identifiers, claims, results),
        Intent::Upsert | Intent::Import | Intent::Create => {}
    }
    attach_all(identifiers, claims, results);
    remove_emails(identifiers, submission, claims);
    limit_lists(identifiers, claims, settings);
    reconcile(results, claims, identifiers);
    removed
}

/// Removes the identifiers of the cleared kinds. A kind of which the request names an identifier
/// is skipped, since that identifier replaces the old one.
fn clear(
    identifiers: &mut ProfileIdentifiers,
    submission: &Submission,
    claims: &Claims,
) -> Vec<ClaimOutcome> {
    let Submission { caller, cleared, .. } = submission;
    match caller {
        Caller::Client => Vec::new(),
        Caller::Server => {
            let cleared = cleared.iter().filter(|kind| !names_replacement(claims, **kind));
            let removed = cleared.filter(|kind| remove_kind(identifiers, **kind));
            removed.map(|&kind| released(kind)).collect()
        }
    }
}

/// Whether the request names a value of this kind that the profile is to hold.
fn names_replacement(claims: &Claims, kind: IdentifierKind) -> bool {
    let replaces = |claim: &Claim| claim.kind() == kind && claim.origin != ClaimSource::Append;
    claims.made().iter().any(replaces)
}

/// Removes the identifier of a kind of which a profile holds one. Returns whether there was one.
fn remove_kind(identifiers: &mut ProfileIdentifiers, kind: IdentifierKind) -> bool {
    match kind {
        IdentifierKind::Email => identifiers.email.take().is_some(),
        IdentifierKind::PhoneNumber => identifiers.phone_number.take().is_some(),
        IdentifierKind::ExternalId => identifiers.external_id.take().is_some(),
        IdentifierKind::AnonymousId | IdentifierKind::Id => false,
    }
}

fn released(kind: IdentifierKind) -> ClaimOutcome {
    ClaimOutcome { kind, origin: ClaimSource::Attributes, result: ClaimResult::Released }
}

/// Makes a secondary address primary where an update names it among the attributes, since an
/// update says what the profile holds.
fn promote(identifiers: &mut ProfileIdentifiers, claims: &Claims, results: &mut [ClaimResult]) {
    for (claim, result) in claims.made().iter().zip(results) {
        let ProfileRef::Identifier(Identifier::Email(email)) = &claim.target else { continue };
        if claim.origin == ClaimSource::Attributes && identifiers.secondary_emails.contains(email) {
            identifiers.secondary_emails.retain(|secondary| secondary != email);
            let replaced = identifiers.email.replace(email.clone());
            *result =
                if replaced.is_some() { ClaimResult::Replaced } else { ClaimResult::Attached };
        }
    }
}

/// Adds the identifiers whose claims were attached.
fn attach_all(identifiers: &mut ProfileIdentifiers, claims: &Claims, results: &[ClaimResult]) {
    for (claim, result) in claims.made().iter().zip(results) {
        if let ProfileRef::Identifier(identifier) = &claim.target
            && is_attached(identifiers, claim.origin, identifier, *result)
        {
            attach(identifiers, claim.origin, identifier.clone());
        }
    }
}

fn is_attached(
    identifiers: &ProfileIdentifiers,
    origin: ClaimSource,
    identifier: &Identifier,
    result: ClaimResult,
) -> bool {
    match result {
        ClaimResult::Attached | ClaimResult::Replaced => true,
        // A secondary address may have found the profile as its primary address, which was
        // replaced since.
        ClaimResult::Matched | ClaimResult::Absorbed(_) => {
            origin == ClaimSource::Append && !identifiers.holds(identifier)
        }
        ClaimResult::Restored(_)
        | ClaimResult::Released
        | ClaimResult::Refused(_)
        | ClaimResult::Ignored(_) => false,
    }
}

fn attach(identifiers: &mut ProfileIdentifiers, origin: ClaimSource, identifier: Identifier) {
    match identifier {
        Identifier::AnonymousId(id) => identifiers.anonymous_ids.push(id),
        Identifier::Email(email) if origin == ClaimSource::Append => {
            identifiers.secondary_emails.push(email);
        }
        Identifier::Email(email) => identifiers.email = Some(email),
        Identifier::PhoneNumber(number) => identifiers.phone_number = Some(number),
        Identifier::ExternalId(id) => identifiers.external_id = Some(id),
    }
}

/// Removes secondary addresses. An address that the request also claims stays; otherwise a
/// request sent twice would have another result than the request sent once.
fn remove_emails(identifiers: &mut ProfileIdentifiers, submission: &Submission, claims: &Claims) {
    let Submission { caller, leaving_emails, .. } = submission;
    let is_claimed = |email: &Email| {
        claims.identifiers().any(|claimed| match claimed {
            Identifier::Email(claimed) => claimed == email,
            Identifier::AnonymousId(_) | Identifier::PhoneNumber(_) | Identifier::ExternalId(_) => {
                false
            }
        })
    };
    match caller {
        Caller::Client => {}
        Caller::Server => identifiers
            .secondary_emails
            .retain(|email| !leaving_emails.contains(email) || is_claimed(email)),
    }
}

/// Corrects the results after all changes: an identifier that was attached and then removed from
/// a full list was not attached.
fn reconcile(results: &mut [ClaimResult], claims: &Claims, identifiers: &ProfileIdentifiers) {
    for (result, claim) in results.iter_mut().zip(claims.made()) {
        if let (ProfileRef::Identifier(identifier), ClaimResult::Attached | ClaimResult::Replaced) =
            (&claim.target, *result)
            && !identifiers.holds(identifier)
        {
            *result = ClaimResult::Ignored(Ignored::AnotherHeld);
        }
    }
}
