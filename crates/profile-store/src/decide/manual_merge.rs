//! Manual merges: the company itself says that two profiles are one person.

use std::sync::Arc;

use profile_protocol::{CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{
    Caller, ClaimAuthor, ClaimOutcome, ClaimResult, ClaimSource, Decision, DecisionContext,
    DecisionError, Effect, IdentitySettings, Merge, Outcome, Profile, ProfileRef,
    PropertiesTooLarge, Rejected, RequestIds, StoredProfile,
    decide::{
        empty_outcome::{empty_outcome, list_bounded},
        merge_all::survivor_before,
        replaced::limit,
        resolution::counted_merges,
        room::make_room,
        size::fits,
    },
    merge,
};

/// A request to merge two profiles, whatever their identifiers are. The id of a merged profile
/// stands for its survivor.
#[derive(Clone, Debug)]
pub struct MergeProfiles {
    /// The company that the profiles belong to.
    pub company: CompanyId,
    /// The survivor, whose values and id stand.
    pub destination: ProfileId,
    /// The profile to merge into the survivor.
    pub source: ProfileId,
    /// The identity settings of the company.
    pub settings: Arc<IdentitySettings>,
    /// The API revision of the request.
    pub revision: Revision,
    /// The ids of the request, which its outcome keeps.
    pub request_ids: Option<RequestIds>,
}

/// Decides a manual merge. If both profiles have a primary address, the source's becomes a
/// secondary address, unless only clients have named the other one. Other identifiers of the source
/// are removed until the merge is undone if the destination holds as many of their kind as it may.
pub(crate) fn merge_manually(
    request: &MergeProfiles,
    destination: &StoredProfile,
    source: &StoredProfile,
    context: DecisionContext,
) -> Result<Decision, DecisionError> {
    if destination.id == source.id {
        return Ok(already_merged(request, destination, context));
    }
    let counted = |profile| counted_merges(profile, ClaimAuthor::Company);
    if request.settings.merges < counted(destination) + 1 + counted(source) {
        return Err(Rejected::MergeCap.into());
    }
    let (destination, source) = (destination.clone().decode()?, source.clone().decode()?);
    let after = merged(request, &destination, &source);
    let claims = claim_outcomes(&destination, &source, &after);
    let previous = destination.last_outcome.into_iter().chain(source.last_outcome).collect();
    let merges = vec![Merge {
        sequence: context.sequence,
        at: context.now,
        position: 0,
        survivor: survivor_before(&destination, &source, &request.settings),
        links: vec![ProfileRef::Id(source.id)],
        absorbed: source,
        protect: request.settings.protect,
    }];
    let mut profile = StoredProfile::from(after);
    let mut withheld = make_room(&mut profile, &merges)?;
    if !fits(&profile) {
        return Err(Rejected::from(PropertiesTooLarge).into());
    }
    limit(&mut profile.replaced);
    (profile.updated, profile.last_outcome) = (context.now, Some(context.sequence));
    let withheld_unlisted = list_bounded(&mut withheld);
    let outcome = Outcome {
        survivor: Some(profile.id),
        claims,
        withheld,
        withheld_unlisted,
        previous,
        request_ids: request.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, Effect::Updated)
    };
    Ok(Decision { outcome, profile: Some(profile), merges, yielding: Vec::new(), kept: None })
}

/// The destination after the merge, however many properties it has.
fn merged(request: &MergeProfiles, destination: &Profile, source: &Profile) -> Profile {
    let mut source = source.clone();
    let by_client =
        |profile: &Profile| profile.identifiers.client_attached.contains(IdentifierKind::Email);
    // An address that only clients have named gives way to one of the company.
    let gives_way = by_client(destination) && !by_client(&source);
    if destination.identifiers.email.is_some() && !gives_way {
        let email = source.identifiers.email.take();
        source.identifiers.client_attached.remove(IdentifierKind::Email);
        source.identifiers.secondary_emails.extend(email);
    }
    merge(destination.clone(), source, &request.settings)
}

/// The results of the two ids, then one entry for each identifier that the merge removed.
fn claim_outcomes(destination: &Profile, source: &Profile, merged: &Profile) -> Vec<ClaimOutcome> {
    let ids = [ClaimResult::Matched, ClaimResult::Absorbed(source.id)];
    let ids = ids.into_iter().map(|result| command_outcome(IdentifierKind::Id, result));
    let identifiers = destination.identifiers.iter().chain(source.identifiers.iter());
    let removed = identifiers.filter(|identifier| !merged.identifiers.holds(identifier));
    let removed =
        removed.map(|identifier| command_outcome(identifier.kind(), ClaimResult::Released));
    ids.chain(removed).collect()
}

/// The decision if both ids name one profile, which does not change.
fn already_merged(
    request: &MergeProfiles,
    profile: &StoredProfile,
    context: DecisionContext,
) -> Decision {
    let outcome = Outcome {
        survivor: Some(profile.id),
        claims: vec![command_outcome(IdentifierKind::Id, ClaimResult::Matched); 2],
        previous: profile.last_outcome.into_iter().collect(),
        request_ids: request.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, Effect::Unchanged)
    };
    let mut profile = profile.clone();
    profile.last_outcome = Some(context.sequence);
    let (merges, yielding) = (Vec::new(), Vec::new());
    Decision { outcome, profile: Some(profile), merges, yielding, kept: None }
}

fn command_outcome(kind: IdentifierKind, result: ClaimResult) -> ClaimOutcome {
    ClaimOutcome { kind, origin: ClaimSource::Command, result }
}
