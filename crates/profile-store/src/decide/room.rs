//! Room for the company: what clients wrote leaves a profile where the company needs the space, so
//! that clients who fill profiles make no request of the company fail.

use std::collections::{BTreeMap, BTreeSet};

use profile_protocol::{
    Attributes, ChangedAttribute, PropertyName,
    limits::{PROPERTIES, PROPERTIES_BYTES},
};

use super::size::fits;
use crate::{
    Authored, Merge, StoredProfile,
    model::{encoded_properties::DamagedProperty, replaced::AttributeDigest},
};

/// Removes properties that clients wrote until all others fit, and returns their names: first those
/// that only the absorbed profiles had, from the last name on, which the records of the merges
/// keep; then the profile's own, those first that clients wrote last, as far as the profile has
/// noted it.
pub(super) fn make_room(
    profile: &mut StoredProfile,
    merges: &[Merge],
) -> Result<Vec<ChangedAttribute>, DamagedProperty> {
    let mut left = Vec::new();
    if fits(profile) {
        return Ok(left);
    }
    let noted = profile.replaced.iter().map(|noted| (noted.attribute, noted.sequence)).collect();
    let (attributes, authored) = profile.attributes_mut()?;
    let mut leaving = in_order(attributes, authored, merges, &noted);
    let properties = &mut attributes.properties;
    let (mut count, mut bytes) = (properties.len(), properties.bytes());
    while PROPERTIES < count || PROPERTIES_BYTES < bytes {
        let Some(Leaving { name, bytes: size, .. }) = leaving.pop() else { break };
        properties.unset(&name);
        (count, bytes) = (count - 1, bytes - size);
        left.push(ChangedAttribute::Property(name));
    }
    Ok(left)
}

/// A property that may leave. The greatest leaves first.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Leaving {
    is_brought: bool,
    /// The outcome of the client that wrote it last, or zero if that is not noted.
    written_by: u64,
    name: PropertyName,
    bytes: usize,
}

/// The properties that clients wrote. The last one leaves first.
fn in_order(
    attributes: &Attributes,
    authored: &Authored,
    merges: &[Merge],
    noted: &BTreeMap<AttributeDigest, u64>,
) -> Vec<Leaving> {
    let brought: BTreeSet<&PropertyName> = merges.iter().flat_map(brought).collect();
    let by_clients = attributes.properties.iter().filter(|(name, _)| !authored.property(name));
    let leaving = by_clients.map(|(name, value)| {
        let is_brought = brought.contains(name);
        let digest = || AttributeDigest::from_attribute(&ChangedAttribute::Property(name.clone()));
        let written_by = if is_brought { None } else { noted.get(&digest()).copied() };
        let bytes = name.as_str().len() + value.as_json().len();
        Leaving { is_brought, written_by: written_by.unwrap_or(0), name: name.clone(), bytes }
    });
    let mut leaving: Vec<Leaving> = leaving.collect();
    leaving.sort();
    leaving
}

/// The properties that only the absorbed profile of a merge had.
fn brought(merge: &Merge) -> impl Iterator<Item = &PropertyName> {
    let is_own = |name: &PropertyName| merge.survivor.attributes.properties.value(name).is_some();
    let names = merge.absorbed.attributes.properties.iter().map(|(name, _)| name);
    names.filter(move |name| !is_own(name))
}
