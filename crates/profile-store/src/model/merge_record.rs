//! Merge records: one merge, with all that undoing it requires.
//!
//! Of the survivor, a merge record keeps only what the merge may have changed. So a small profile
//! that is merged into a large one leaves a small record, and what is not kept need not be changed
//! when an earlier merge is undone.

use profile_protocol::{Attributes, Field, Properties};

use crate::{Authored, Profile, ProfileIdentifiers, ProfileRef, Timestamp};

/// One merge, with all that undoing it requires.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merge {
    /// The number of the outcome that reports the merge.
    pub sequence: u64,
    /// The time of the merge.
    pub at: Timestamp,
    /// The position of the merge among those of its request.
    pub position: u64,
    /// What the merge may have changed of the survivor: see [`Merge::survivor_part`].
    pub survivor: Profile,
    /// The absorbed profile just before the merge.
    pub absorbed: Profile,
    /// The targets of the claims that led to the merge.
    pub links: Vec<ProfileRef>,
    /// Whether the company protected its values at the time: see
    /// [`IdentitySettings::protect`](crate::IdentitySettings::protect).
    pub protect: bool,
}

impl Merge {
    /// What a merge with `absorbed` may change of a survivor, as it is just before the merge:
    ///
    /// - attributes that `absorbed` has, too. The location is merged as a whole, and is kept if
    ///   `absorbed` has one, or might get one when an earlier merge is undone;
    /// - the lists of identifiers, and the do-not-merge marks that `absorbed` has, too;
    /// - the time of creation, or that of `absorbed` if that is no earlier;
    /// - when its tokens were revoked.
    pub(crate) fn survivor_part(survivor: &Profile, absorbed: &Profile) -> Profile {
        let (attributes, authored) = common_attributes(survivor, absorbed);
        let ProfileIdentifiers { anonymous_ids, secondary_emails, .. } = &survivor.identifiers;
        let marks = survivor.do_not_merge.iter();
        let marks = marks.filter(|mark| absorbed.do_not_merge.contains(mark)).cloned();
        Profile {
            identifiers: ProfileIdentifiers {
                anonymous_ids: anonymous_ids.clone(),
                secondary_emails: secondary_emails.clone(),
                ..ProfileIdentifiers::default()
            },
            attributes,
            authored,
            created: survivor.created.max(absorbed.created),
            updated: Timestamp::default(),
            do_not_merge: marks.collect(),
            tokens_revoked: survivor.tokens_revoked,
            ..Profile::new(survivor.id, Timestamp::default())
        }
    }

    /// The survivor just before the merge, as far as it is known from `earlier`: the same profile
    /// some time before, complete or not. What only the survivor has is taken from there.
    pub(crate) fn survivor_known_from(&self, earlier: &Profile) -> Profile {
        let Merge { survivor, absorbed, .. } = self;
        let mut known = survivor.clone();
        let keeps_location = keeps_location(absorbed);
        for field in Field::ALL {
            let is_kept = if is_of_location(field) {
                keeps_location
            } else {
                absorbed.attributes.fields[field].is_some()
            };
            if !is_kept {
                known.attributes.fields[field].clone_from(&earlier.attributes.fields[field]);
                known.authored.put_field(field, earlier.authored.field(field));
            }
        }
        for (name, value) in earlier.attributes.properties.iter() {
            if absorbed.attributes.properties.value(name).is_none() {
                known.attributes.properties.set(name.clone(), value.clone());
                known.authored.put_property(name, earlier.authored.property(name));
            }
        }
        if survivor.created == absorbed.created {
            known.created = earlier.created;
        }
        known
    }

    /// Gives the survivor what it would have been. Lists that are not kept stay so.
    pub(crate) fn replace_survivor(&mut self, survivor: &Profile) {
        let mut part = Merge::survivor_part(survivor, &self.absorbed);
        let kept = &self.survivor.identifiers;
        if kept.anonymous_ids.is_empty() {
            part.identifiers.anonymous_ids.clear();
        }
        if kept.secondary_emails.is_empty() {
            part.identifiers.secondary_emails.clear();
        }
        self.survivor = part;
    }

    /// Gives the absorbed profile what it would have been without another profile that it had
    /// absorbed. What the merge did not change of the survivor, it does not change now.
    pub(crate) fn replace_absorbed(&mut self, absorbed: Profile) {
        let Merge { survivor, absorbed: before, .. } = self;
        if survivor.created == before.created {
            survivor.created = absorbed.created;
        }
        *survivor = Merge::survivor_part(survivor, &absorbed);
        *before = absorbed;
    }
}

/// The attributes of the survivor that the absorbed profile has, too, and their authors.
fn common_attributes(survivor: &Profile, absorbed: &Profile) -> (Attributes, Authored) {
    let (mut attributes, mut authored) = (Attributes::default(), Authored::default());
    let keeps_location = keeps_location(absorbed);
    for field in Field::ALL {
        let is_kept =
            absorbed.attributes.fields[field].is_some() || keeps_location && is_of_location(field);
        if is_kept {
            attributes.fields[field].clone_from(&survivor.attributes.fields[field]);
            authored.put_field(field, survivor.authored.field(field));
        }
    }
    let mut properties = Properties::default();
    for (name, _) in absorbed.attributes.properties.iter() {
        if let Some(value) = survivor.attributes.properties.value(name) {
            properties.set(name.clone(), value.clone());
            authored.put_property(name, survivor.authored.property(name));
        }
    }
    attributes.properties = properties;
    (attributes, authored)
}

/// Whether a merge with this profile may change the location of a survivor. A profile that has
/// absorbed others may get another location when one of those merges is undone.
fn keeps_location(absorbed: &Profile) -> bool {
    let has_value = |field: Field| absorbed.attributes.fields[field].is_some();
    !absorbed.absorbed.is_empty()
        || Field::ALL.into_iter().any(|field| is_of_location(field) && has_value(field))
}

/// Whether a merge takes this field with the rest of the location.
pub(crate) fn is_of_location(field: Field) -> bool {
    field.is_location() && field != Field::Timezone
}
