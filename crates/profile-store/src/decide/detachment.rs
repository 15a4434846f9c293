//! Detachment: removes from a profile what clients attached to it.

use profile_protocol::{CompanyId, IdentifierKind, ProfileId, Revision};

use crate::{
    Caller, ClaimOutcome, ClaimResult, ClaimSource, DecisionContext, Effect, Identifier, Outcome,
    ProfileIdentifiers, RequestIds, SingleKinds, StoredProfile, Timestamp,
    decide::empty_outcome::empty_outcome,
};

/// A request to remove identifiers that clients attached to a profile. What the company has named,
/// and what was attached at another time, stays.
#[derive(Clone, Debug)]
pub(crate) struct Detach {
    pub(crate) company: CompanyId,
    pub(crate) profile: ProfileId,
    /// The kinds of single identifiers to remove.
    pub(crate) kinds: Vec<IdentifierKind>,
    /// The times at which the devices to remove were attached.
    pub(crate) devices: Vec<Timestamp>,
    pub(crate) revision: Revision,
    pub(crate) request_ids: Option<RequestIds>,
}

impl Detach {
    /// What would be removed from a profile with these identifiers.
    pub(crate) fn removed_from(&self, identifiers: &ProfileIdentifiers) -> Vec<Identifier> {
        let is_removed = |kind: &IdentifierKind| {
            self.kinds.contains(kind) && identifiers.client_attached.contains(*kind)
        };
        let single = SingleKinds::ALL.into_iter().filter(is_removed);
        let single = single.filter_map(|kind| identifiers.single(kind));
        let devices = identifiers.devices.iter();
        let devices = devices.filter(|device| self.devices.contains(&device.attached));
        let devices = devices.map(|device| Identifier::AnonymousId(device.id.clone()));
        single.chain(devices).collect()
    }
}

/// The profile without these identifiers, and the outcome.
pub(crate) fn detach(
    request: &Detach,
    mut profile: StoredProfile,
    context: DecisionContext,
) -> (StoredProfile, Outcome) {
    let removed = request.removed_from(&profile.identifiers);
    for identifier in &removed {
        profile.identifiers.remove_single(identifier.kind());
    }
    let is_kept = |id| !removed.contains(&Identifier::AnonymousId(id));
    profile.identifiers.devices.retain(|device| is_kept(device.id.clone()));
    let command = |kind, result| ClaimOutcome { kind, origin: ClaimSource::Command, result };
    let released = removed.iter().map(|removed| command(removed.kind(), ClaimResult::Released));
    let claims = std::iter::once(command(IdentifierKind::Id, ClaimResult::Matched));
    let effect = if removed.is_empty() { Effect::Unchanged } else { Effect::Updated };
    let outcome = Outcome {
        survivor: Some(profile.id),
        claims: claims.chain(released).collect(),
        previous: profile.last_outcome.into_iter().collect(),
        request_ids: request.request_ids.clone(),
        ..empty_outcome(context, Caller::Server, request.revision, effect)
    };
    if effect == Effect::Updated {
        profile.updated = context.now;
    }
    profile.last_outcome = Some(context.sequence);
    (profile, outcome)
}
