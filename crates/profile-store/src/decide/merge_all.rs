//! The merges that one request leads to.

use std::collections::BTreeSet;

use profile_protocol::{AnonymousId, ChangedAttribute, ProfileId, PropertyName};

use crate::{
    ClaimAuthor, ClaimResult, Claims, DecisionContext, Device, IdentitySettings, Merge, Profile,
    ProfileRef, StoredProfile, Submission,
    decide::{
        merge::{survivor_part::survivor_part, union_len},
        size::fits,
    },
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

/// Removes properties that clients wrote to absorbed profiles, from the last name on, until all
/// others fit: clients cannot prevent a merge of the company by filling both profiles. Returns
/// their names. The merge records keep the values.
pub(super) fn leave_out(
    profile: &mut StoredProfile,
    merges: &[Merge],
) -> Result<Vec<ChangedAttribute>, DamagedProperty> {
    let mut left_out = Vec::new();
    if merges.is_empty() || fits(profile) {
        return Ok(left_out);
    }
    let (attributes, authored) = profile.attributes_mut()?;
    let properties = &mut attributes.properties;
    let brought: BTreeSet<&PropertyName> = merges.iter().flat_map(brought).collect();
    for name in brought.into_iter().rev() {
        if properties.fit() {
            break;
        }
        if !authored.property(name) && properties.unset(name) {
            left_out.push(ChangedAttribute::Property(name.clone()));
        }
    }
    Ok(left_out)
}

/// The properties that only the absorbed profile of a merge had.
fn brought(merge: &Merge) -> impl Iterator<Item = &PropertyName> {
    let is_own = |name: &PropertyName| merge.survivor.attributes.properties.value(name).is_some();
    let names = merge.absorbed.attributes.properties.iter().map(|(name, _)| name);
    names.filter(move |name| !is_own(name))
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
