//! Changes of a profile's identifiers by one request: remove, promote, attach and limit.

use profile_protocol::{Email, IdentifierKind};

use crate::{
    Caller, Claim, ClaimAuthor, ClaimOutcome, ClaimResult, ClaimSource, Claims, Device, Identifier,
    Ignored, Intent, ProfileIdentifiers, ProfileRef, SingleKinds, StoredProfile, Submission,
    Timestamp,
    decide::{devices, list_limits::limit_lists},
};

/// Adds and removes identifiers as the request says, and corrects the results of its claims.
/// `before` are the identifiers of the survivor before the request. Returns one entry for each
/// identifier that was removed because the request removes it, or its list is full.
pub(super) fn update_identifiers(
    identifiers: &mut ProfileIdentifiers,
    before: &ProfileIdentifiers,
    submission: &Submission,
    claims: &Claims,
    results: &mut [ClaimResult],
    now: Timestamp,
) -> Vec<ClaimOutcome> {
    let Submission { settings, intent, .. } = submission;
    let mut removed = clear(identifiers, submission, claims);
    // A primary address that is replaced may be claimed as a secondary one, so the primary address
    // is decided before the secondary ones.
    match intent {
        Intent::Update(_) => promote(identifiers, claims, results),
        Intent::Upsert | Intent::Import | Intent::Create => {}
    }
    attach_all(identifiers, claims, results, now);
    confirm(identifiers, claims);
    devices::note_seen(&mut identifiers.devices, claims, settings, now);
    removed.extend(remove_emails(identifiers, submission, claims));
    let left = limit_lists(identifiers, before, claims, settings, now);
    // A claim that found no space has a result of its own.
    let left = left.iter().filter(|identifier| !is_new(identifier, claims, results));
    removed.extend(left.map(left_list));
    reconcile(results, claims, identifiers);
    removed
}

/// Whether the request attaches this identifier.
fn is_new(identifier: &Identifier, claims: &Claims, results: &[ClaimResult]) -> bool {
    let attaches = |(claim, result): (&Claim, &ClaimResult)| {
        result.is_attachment() && claim.target.identifier() == Some(identifier)
    };
    claims.made().iter().zip(results).any(attaches)
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
            let removed = cleared.filter(|kind| identifiers.remove_single(**kind));
            removed.map(|&kind| released(kind)).collect()
        }
    }
}

/// Whether the request names a value of this kind that the profile is to hold.
fn names_replacement(claims: &Claims, kind: IdentifierKind) -> bool {
    let replaces = |claim: &Claim| claim.kind() == kind && claim.origin != ClaimSource::Append;
    claims.made().iter().any(replaces)
}

pub(super) fn released(kind: IdentifierKind) -> ClaimOutcome {
    ClaimOutcome { kind, origin: ClaimSource::Attributes, result: ClaimResult::Released }
}

/// The entry for an identifier that left a list: a device or a secondary address.
fn left_list(identifier: &Identifier) -> ClaimOutcome {
    let origin = match identifier {
        Identifier::Email(_) => ClaimSource::Append,
        Identifier::AnonymousId(_) | Identifier::PhoneNumber(_) | Identifier::ExternalId(_) => {
            ClaimSource::Attributes
        }
    };
    ClaimOutcome { origin, ..released(identifier.kind()) }
}

/// Makes a secondary address primary where an update names it among the attributes, since an
/// update says what the profile holds.
fn promote(identifiers: &mut ProfileIdentifiers, claims: &Claims, results: &mut [ClaimResult]) {
    for (claim, result) in claims.made().iter().zip(results) {
        let ProfileRef::Identifier(Identifier::Email(email)) = &claim.target else { continue };
        if claim.origin == ClaimSource::Attributes && identifiers.secondary_emails.contains(email) {
            identifiers.secondary_emails.retain(|secondary| secondary != email);
            let replaced = identifiers.email.replace(email.clone());
            identifiers.client_attached.remove(IdentifierKind::Email);
            *result =
                if replaced.is_some() { ClaimResult::Replaced } else { ClaimResult::Attached };
        }
    }
}

/// Adds the identifiers whose claims were attached.
fn attach_all(
    identifiers: &mut ProfileIdentifiers,
    claims: &Claims,
    results: &[ClaimResult],
    now: Timestamp,
) {
    for (claim, result) in claims.made().iter().zip(results) {
        if let ProfileRef::Identifier(identifier) = &claim.target
            && is_attached(identifiers, claims, claim, *result)
        {
            attach(identifiers, claims.author(), claim.origin, identifier.clone(), now);
        }
    }
}

fn is_attached(
    identifiers: &ProfileIdentifiers,
    claims: &Claims,
    claim: &Claim,
    result: ClaimResult,
) -> bool {
    match result {
        ClaimResult::Attached | ClaimResult::Replaced | ClaimResult::Moved(_) => true,
        // A secondary address may have found the profile as its primary address, which was
        // replaced since. An identifier of the company may have found a profile that was merged,
        // where only clients had named it, and lost its place to another such identifier.
        ClaimResult::Matched | ClaimResult::Absorbed(_) => {
            let is_held =
                claim.target.identifier().is_none_or(|claimed| identifiers.holds(claimed));
            !is_held && (claim.origin == ClaimSource::Append || says_what_is_held(claims, claim))
        }
        ClaimResult::Restored(_)
        | ClaimResult::Released
        | ClaimResult::Refused(_)
        | ClaimResult::Ignored(_) => false,
    }
}

/// Whether the company says by this claim what the profile is to hold.
fn says_what_is_held(claims: &Claims, claim: &Claim) -> bool {
    let overrules =
        |other: &Claim| other.origin == ClaimSource::Attributes && other.kind() == claim.kind();
    let is_overruled = claim.origin == ClaimSource::Subject && claims.made().iter().any(overrules);
    claims.author() == ClaimAuthor::Company && !is_overruled
}

fn attach(
    identifiers: &mut ProfileIdentifiers,
    author: ClaimAuthor,
    origin: ClaimSource,
    identifier: Identifier,
    now: Timestamp,
) {
    match identifier {
        Identifier::AnonymousId(id) => identifiers.devices.push(Device::new(id, now)),
        Identifier::Email(email) if origin == ClaimSource::Append => {
            identifiers.secondary_emails.push(email);
        }
        identifier @ (Identifier::Email(_)
        | Identifier::PhoneNumber(_)
        | Identifier::ExternalId(_)) => {
            let kind = identifier.kind();
            identifiers.set_single(identifier);
            match author {
                ClaimAuthor::Client => identifiers.client_attached.insert(kind),
                ClaimAuthor::Company => identifiers.client_attached.remove(kind),
            }
        }
    }
}

/// Notes which identifiers the company has named.
fn confirm(identifiers: &mut ProfileIdentifiers, claims: &Claims) {
    if claims.author() == ClaimAuthor::Company {
        for claimed in claims.identifiers() {
            if identifiers.holds_by_client(claimed) {
                identifiers.client_attached.remove(claimed.kind());
            }
        }
    }
}

/// Removes secondary addresses. An address that the request also claims stays; otherwise a
/// request sent twice would have another result than the request sent once. Returns one entry for
/// each that was removed.
fn remove_emails(
    identifiers: &mut ProfileIdentifiers,
    submission: &Submission,
    claims: &Claims,
) -> Vec<ClaimOutcome> {
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
        Caller::Client => Vec::new(),
        Caller::Server => {
            let leaves = |email: &mut Email| leaving_emails.contains(email) && !is_claimed(email);
            let removed = identifiers.secondary_emails.extract_if(.., leaves);
            removed.map(|email| left_list(&Identifier::Email(email))).collect()
        }
    }
}

/// One entry for each single identifier of the survivor or of an absorbed profile that the merges
/// dropped, since the company has named another one of its kind. `held` are the identifiers of the
/// survivor before the request.
pub(super) fn dropped(
    held: &ProfileIdentifiers,
    absorbed: &[&StoredProfile],
    after: &ProfileIdentifiers,
    claims: &Claims,
    results: &[ClaimResult],
    removed: &[ClaimOutcome],
) -> Vec<ClaimOutcome> {
    let is_told = |kind| {
        let replaces = |(claim, result): (&Claim, &ClaimResult)| {
            let result = *result;
            claim.kind() == kind && matches!(result, ClaimResult::Replaced | ClaimResult::Moved(_))
        };
        removed.iter().any(|one| one.kind == kind && one.origin != ClaimSource::Append)
            || claims.made().iter().zip(results).any(replaces)
    };
    let is_lost = |identifiers: &ProfileIdentifiers, kind: IdentifierKind| {
        identifiers.single(kind).is_some_and(|identifier| !after.holds(&identifier))
    };
    let mut dropped = Vec::new();
    for kind in SingleKinds::ALL {
        let own = is_lost(held, kind) && !is_told(kind);
        let theirs = absorbed.iter().filter(|profile| is_lost(&profile.identifiers, kind)).count();
        dropped.extend(std::iter::repeat_n(released(kind), usize::from(own) + theirs));
    }
    dropped
}

/// Corrects the results after all changes: an identifier that was attached and then removed from
/// a full list was not attached.
fn reconcile(results: &mut [ClaimResult], claims: &Claims, identifiers: &ProfileIdentifiers) {
    for (result, claim) in results.iter_mut().zip(claims.made()) {
        if let Some(identifier) = claim.target.identifier()
            && result.is_attachment()
            && !identifiers.holds(identifier)
        {
            *result = ClaimResult::Ignored(Ignored::AnotherHeld);
        }
    }
}
