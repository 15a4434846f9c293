//! The merges that one request leads to.

use profile_protocol::{ChangedAttribute, ProfileId, PropertyName};

use crate::{
    ClaimAuthor, ClaimResult, Claims, DecisionContext, IdentitySettings, Merge, ProfileRef,
    StoredProfile, Submission, decide::size::fits, merge,
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
    let protect = submission.settings.protect;
    let settings = IdentitySettings::without_limits(protect);
    let mut survivor = survivor.decode()?;
    let mut merges = Vec::new();
    for absorbed in absorbed.iter().copied().cloned() {
        let absorbed = absorbed.decode()?;
        let before = survivor.clone();
        survivor = merge(survivor, absorbed.clone(), &settings);
        if submission.claims.author() == ClaimAuthor::Client {
            survivor.client_merges.insert(absorbed.id);
        }
        merges.push(Merge {
            sequence: context.sequence,
            at: context.now,
            survivor: before,
            links: link_of(absorbed.id),
            absorbed,
            protect,
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
    let survivor = merges.first().map(|merge| &merge.survivor.attributes.properties);
    let is_own =
        |name: &PropertyName| survivor.is_some_and(|survivor| survivor.value(name).is_some());
    let (attributes, authored) = profile.attributes_mut()?;
    let properties = &mut attributes.properties;
    let brought = properties.iter().map(|(name, _)| name);
    let brought = brought.filter(|name| !is_own(name) && !authored.property(name));
    let brought: Vec<PropertyName> = brought.cloned().collect();
    for name in brought.into_iter().rev() {
        if properties.fit() {
            break;
        }
        properties.unset(&name);
        left_out.push(ChangedAttribute::Property(name));
    }
    Ok(left_out)
}

/// The targets of the claims that led to a merge of this profile.
pub(super) fn links_to(id: ProfileId, claims: &Claims, results: &[ClaimResult]) -> Vec<ProfileRef> {
    let pairs = claims.made().iter().zip(results);
    let leading = pairs.filter(|(_, result)| result.absorbed() == Some(id));
    leading.map(|(claim, _)| claim.target.clone()).collect()
}
