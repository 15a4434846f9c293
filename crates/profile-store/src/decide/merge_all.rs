//! The merges that one request leads to.

use profile_protocol::ProfileId;

use crate::{
    ClaimResult, Claims, DecisionContext, IdentitySettings, Merge, ProfileRef, StoredProfile,
    merge, model::encoded_properties::DamagedProperty,
};

/// Merges the absorbed profiles into the survivor, in order.
pub(super) fn merge_all(
    survivor: StoredProfile,
    absorbed: &[&StoredProfile],
    link_of: impl Fn(ProfileId) -> Vec<ProfileRef>,
    protect: bool,
    context: DecisionContext,
) -> Result<(StoredProfile, Vec<Merge>), DamagedProperty> {
    if absorbed.is_empty() {
        return Ok((survivor, Vec::new()));
    }
    let settings = IdentitySettings::without_limits(protect);
    let mut survivor = survivor.decode()?;
    let mut merges = Vec::new();
    for absorbed in absorbed.iter().copied().cloned() {
        let absorbed = absorbed.decode()?;
        let before = survivor.clone();
        survivor = merge(survivor, absorbed.clone(), &settings);
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

/// The targets of the claims that led to a merge of this profile.
pub(super) fn links_to(id: ProfileId, claims: &Claims, results: &[ClaimResult]) -> Vec<ProfileRef> {
    let pairs = claims.made().iter().zip(results);
    let leading = pairs.filter(|(_, result)| result.absorbed() == Some(id));
    leading.map(|(claim, _)| claim.target.clone()).collect()
}
