//! Stored profiles: what decisions read. Properties are decoded only when a decision needs them.

use std::collections::BTreeSet;

use profile_protocol::{Attributes, Field, ProfileId, Text};

use crate::{
    Authored, DoNotMerge, Profile, ProfileIdentifiers, ProfileRef, ReplacedValue, Timestamp,
    model::encoded_properties::{DamagedProperty, EncodedProperties, PropertyBytes},
};

/// A [`Profile`] whose properties may not be decoded yet.
///
/// Damage of a property is found when the property is decoded, not before.
#[derive(Clone, Debug)]
pub struct StoredProfile {
    /// See [`Profile::id`].
    pub id: ProfileId,
    /// See [`Profile::created`].
    pub created: Timestamp,
    /// See [`Profile::updated`].
    pub updated: Timestamp,
    /// See [`Profile::identifiers`].
    pub identifiers: ProfileIdentifiers,
    /// See [`Profile::absorbed`].
    pub absorbed: Vec<ProfileId>,
    /// See [`Profile::client_merges`].
    pub client_merges: BTreeSet<ProfileId>,
    /// See [`Profile::last_outcome`].
    pub last_outcome: Option<u64>,
    /// See [`Profile::do_not_merge`].
    pub do_not_merge: Vec<DoNotMerge>,
    /// See [`Profile::tokens_revoked`].
    pub tokens_revoked: Option<Timestamp>,
    /// See [`Profile::replaced`].
    pub replaced: Vec<ReplacedValue>,
    /// See [`Profile::former_identifiers`].
    pub former_identifiers: u32,
    // Invariant: while `encoded` is some, these two have no properties.
    attributes: Attributes,
    authored: Authored,
    encoded: Option<EncodedProperties>,
}

impl From<Profile> for StoredProfile {
    fn from(profile: Profile) -> StoredProfile {
        StoredProfile::new(profile, None)
    }
}

impl StoredProfile {
    /// A profile that has these properties and no others: `profile` itself has none.
    pub(crate) fn with_encoded(profile: Profile, properties: EncodedProperties) -> StoredProfile {
        debug_assert!(profile.attributes.properties.is_empty());
        StoredProfile::new(profile, Some(properties))
    }

    fn new(profile: Profile, encoded: Option<EncodedProperties>) -> StoredProfile {
        let Profile {
            id,
            created,
            updated,
            identifiers,
            attributes,
            authored,
            absorbed,
            client_merges,
            last_outcome,
            do_not_merge,
            tokens_revoked,
            replaced,
            former_identifiers,
        } = profile;
        StoredProfile {
            id,
            created,
            updated,
            identifiers,
            absorbed,
            client_merges,
            last_outcome,
            do_not_merge,
            tokens_revoked,
            replaced,
            former_identifiers,
            attributes,
            authored,
            encoded,
        }
    }

    /// The profile with its properties.
    pub fn decode(mut self) -> Result<Profile, DamagedProperty> {
        self.decode_properties()?;
        let StoredProfile {
            id,
            created,
            updated,
            identifiers,
            absorbed,
            client_merges,
            last_outcome,
            do_not_merge,
            tokens_revoked,
            replaced,
            former_identifiers,
            attributes,
            authored,
            encoded: _,
        } = self;
        Ok(Profile {
            id,
            created,
            updated,
            identifiers,
            attributes,
            authored,
            absorbed,
            client_merges,
            last_outcome,
            do_not_merge,
            tokens_revoked,
            replaced,
            former_identifiers,
        })
    }

    /// Decodes the properties in place.
    fn decode_properties(&mut self) -> Result<(), DamagedProperty> {
        if let Some(encoded) = &self.encoded {
            self.attributes.properties = encoded.decode(&mut self.authored)?;
            self.encoded = None;
        }
        Ok(())
    }

    /// The value of a field.
    pub(crate) fn field(&self, field: Field) -> Option<&Text> {
        self.attributes.fields[field].as_ref()
    }

    /// Whether the company wrote the value of a field.
    pub(crate) fn is_authored(&self, field: Field) -> bool {
        self.authored.field(field)
    }

    /// The attributes and their authors, for a change that concerns no property: the properties
    /// may be missing here.
    pub(crate) fn fields_mut(&mut self) -> (&mut Attributes, &mut Authored) {
        (&mut self.attributes, &mut self.authored)
    }

    /// The attributes, with all properties, and their authors.
    pub(crate) fn attributes_mut(
        &mut self,
    ) -> Result<(&mut Attributes, &mut Authored), DamagedProperty> {
        self.decode_properties()?;
        Ok((&mut self.attributes, &mut self.authored))
    }

    /// Whether the company wrote a field or a property.
    pub(crate) fn is_described_by_company(&self) -> bool {
        Field::ALL.into_iter().any(|field| self.is_authored(field))
            || self.properties().any(|property| property.by_company)
    }

    /// The number of properties.
    pub(crate) fn property_count(&self) -> usize {
        self.encoded.as_ref().map_or(self.attributes.properties.len(), EncodedProperties::len)
    }

    /// The size of all properties as it counts against
    /// [`PROPERTIES_BYTES`](profile_protocol::limits::PROPERTIES_BYTES).
    pub(crate) fn property_bytes(&self) -> usize {
        match &self.encoded {
            Some(encoded) => encoded.bytes(),
            None => self.attributes.properties.bytes(),
        }
    }

    /// Every property, in ascending order of names. Two names or values are equal exactly when
    /// their bytes are.
    pub(crate) fn properties(&self) -> impl Iterator<Item = PropertyBytes<'_>> {
        let encoded = self.encoded.iter().flat_map(EncodedProperties::iter);
        let decoded = self.attributes.properties.iter().map(|(name, value)| PropertyBytes {
            name: name.as_str().as_bytes(),
            value: value.as_json().as_bytes(),
            by_company: self.authored.property(name),
        });
        // One of the two is empty.
        encoded.chain(decoded)
    }

    /// Whether the profiles differ in nothing but their newest outcomes.
    pub(crate) fn equals_but_for_outcome(&self, other: &StoredProfile) -> bool {
        let StoredProfile {
            id,
            created,
            updated,
            identifiers,
            absorbed,
            client_merges,
            last_outcome: _,
            do_not_merge,
            tokens_revoked,
            replaced,
            former_identifiers,
            attributes,
            authored: _,
            encoded: _,
        } = self;
        let same_authors = |field| self.is_authored(field) == other.is_authored(field);
        (id, created, updated) == (&other.id, &other.created, &other.updated)
            && (identifiers, absorbed) == (&other.identifiers, &other.absorbed)
            && *client_merges == other.client_merges
            && (do_not_merge, &attributes.fields) == (&other.do_not_merge, &other.attributes.fields)
            && (*tokens_revoked, replaced) == (other.tokens_revoked, &other.replaced)
            && *former_identifiers == other.former_identifiers
            && Field::ALL.into_iter().all(same_authors)
            && self.has_same_properties(other)
    }

    fn has_same_properties(&self, other: &StoredProfile) -> bool {
        let same_record = match (&self.encoded, &other.encoded) {
            (Some(one), Some(other)) => one.is_same_record(other),
            _ => false,
        };
        same_record || self.properties().eq(other.properties())
    }

    /// Whether an undone merge of this profile into `survivor` was caused by this claim target.
    pub(crate) fn must_not_merge_into(&self, survivor: &StoredProfile, link: &ProfileRef) -> bool {
        let is_survivor = |id: ProfileId| id == survivor.id || survivor.absorbed.contains(&id);
        self.do_not_merge
            .iter()
            .any(|mark| is_survivor(mark.from) && *mark == DoNotMerge::new(mark.from, link))
    }
}
