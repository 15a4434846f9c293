//! The merges that one request leads to.

use profile_protocol::{AnonymousId, ProfileId};

use crate::{
    ClaimAuthor, ClaimResult, Claims, DecisionContext, Device, IdentitySettings, Merge, Profile,
    ProfileRef, StoredProfile, Submission,
    decide::merge::{survivor_part::survivor_part, union_len},
    limits, merge,
    model::encoded_properties::DamagedProperty,
};

/// Merges the absorbed profiles into the survivor, in order.
pub(super) fn merge_all(
    survivor: StoredProfile,
    absorbed: &[&StoredProfile],
    link_of: impl Fn(ProfileId) -> Vec<ProfileRef>,
    submission: &Submission,
    context: DecisionContext,
) -> Result<(StoredProfile, Vec<Merge>), DamagedProperty> {
    if absorbed.is_empty() {
        return Ok((survivor, Vec::new()));
    }
    let settings = submission.settings.as_ref();
    let without_limits = IdentitySettings::without_limits(settings.protect);
    let mut survivor = survivor.decode()?;
    let mut merges = Vec::new();
    for (position, absorbed) in (0..).zip(absorbed.iter().copied().cloned()) {
        let absorbed = absorbed.decode()?;
        let before = survivor_before(&survivor, &absorbed, settings);
        survivor = merge(survivor, absorbed.clone(), &without_limits);
        if submission.claims.author() == ClaimAuthor::Client {
            survivor.client_merges.insert(absorbed.id);
        }
        merges.push(Merge {
            sequence: context.sequence,
            at: context.now,
            position,
            survivor: before,
            links: link_of(absorbed.id),
            absorbed,
            protect: settings.protect,
        });
    }
    Ok((survivor.into(), merges))
}

/// What the record of a merge keeps of the survivor. The lists of identifiers are kept only if the
/// merge makes them too long, so that entries are removed, and of the devices only those of which
/// some are removed.
pub(super) fn survivor_before(
    survivor: &Profile,
    absorbed: &Profile,
    settings: &IdentitySettings,
) -> Profile {
    let mut part = survivor_part(survivor, absorbed, settings.protect);
    let (ours, theirs) = (&mut part.identifiers, &absorbed.identifiers);
    let devices = union_len(&ids(&ours.devices), &ids(&theirs.devices));
    match devices.saturating_sub(settings.anonymous_ids) {
        0 => ours.devices.clear(),
        removed => keep_removable(&mut ours.devices, removed + 2 * limits::CLAIMED_DEVICES),
    }
    if union_len(&ours.secondary_emails, &theirs.secondary_emails) <= settings.secondary_emails {
        ours.secondary_emails.clear();
    }
    part
}

/// Keeps the devices that were seen longest ago, and of those that have not returned as many, since
/// clients push out these.
fn keep_removable(devices: &mut Vec<Device>, most: usize) {
    let (mut position, mut not_returned) = (0, 0);
    devices.retain(|device| {
        let is_oldest = position < most;
        position += 1;
        not_returned += usize::from(!device.has_returned());
        is_oldest || !device.has_returned() && not_returned <= most
    });
}

fn ids(devices: &[Device]) -> Vec<&AnonymousId> {
    devices.iter().map(|device| &device.id).collect()
}

/// The targets of the claims that led to a merge of this profile.
pub(super) fn links_to(id: ProfileId, claims: &Claims, results: &[ClaimResult]) -> Vec<ProfileRef> {
    let pairs = claims.made().iter().zip(results);
    let leading = pairs.filter(|(_, result)| result.absorbed() == Some(id));
    leading.map(|(claim, _)| claim.target.clone()).collect()
}
