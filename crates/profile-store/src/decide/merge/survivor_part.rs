//! What the record of a merge keeps of the survivor.
//!
//! Undoing a merge has to know the values that the merge replaced, and which values it did not
//! replace. So the record has no value that stays. A small profile that is merged into a large one
//! leaves a small record, and undoing an earlier merge seldom changes it.

use profile_protocol::{Attributes, Field, PropertyValue, Text};

use super::{
    attributes::{location_fields, taken_fields, takes_property},
    merge,
};
use crate::{
    Authored, IdentitySettings, Merge, Profile, ProfileIdentifiers, SingleKinds, Timestamp,
};

/// What a record keeps of a survivor, as it is just before a merge with `absorbed`:
///
/// - of the attributes that `absorbed` has, too, those that the merge replaces, and of the others
///   that they exist and who wrote them. The location counts as one attribute. It also counts if
///   `absorbed` might get a location when an earlier merge is undone;
/// - the lists of identifiers, the single identifiers of kinds that `absorbed` has, too, and the
///   do-not-merge marks that `absorbed` has, too;
/// - the time of creation, or that of `absorbed` if that is no earlier;
/// - when its tokens were revoked.
pub(crate) fn survivor_part(survivor: &Profile, absorbed: &Profile, protect: bool) -> Profile {
    let (attributes, authored) = replaced_attributes(survivor, absorbed, protect);
    let marks = survivor.do_not_merge.iter();
    let marks = marks.filter(|mark| absorbed.do_not_merge.contains(mark)).cloned();
    Profile {
        identifiers: identifiers_before(&survivor.identifiers, &absorbed.identifiers),
        attributes,
        authored,
        created: survivor.created.max(absorbed.created),
        updated: Timestamp::default(),
        do_not_merge: marks.collect(),
        tokens_revoked: survivor.tokens_revoked,
        ..Profile::new(survivor.id, Timestamp::default())
    }
}

/// The lists of identifiers, and the single identifiers of kinds that `absorbed` has, too.
fn identifiers_before(
    survivor: &ProfileIdentifiers,
    absorbed: &ProfileIdentifiers,
) -> ProfileIdentifiers {
    let mut kept = survivor.clone();
    for kind in SingleKinds::ALL {
        if absorbed.single(kind).is_none() {
            kept.remove_single(kind);
        }
    }
    kept
}

fn replaced_attributes(
    survivor: &Profile,
    absorbed: &Profile,
    protect: bool,
) -> (Attributes, Authored) {
    let (mut attributes, mut authored) = (Attributes::default(), Authored::default());
    let takes = taken_fields(
        (&survivor.attributes, &survivor.authored),
        (&absorbed.attributes, &absorbed.authored),
        protect,
    );
    for field in compared_fields(absorbed) {
        if let Some(value) = &survivor.attributes.fields[field] {
            let kept = if takes[field] { Some(value.clone()) } else { standing_text() };
            attributes.fields[field] = kept;
            authored.put_field(field, survivor.authored.field(field));
        }
    }
    for (name, _) in absorbed.attributes.properties.iter() {
        if let Some(value) = survivor.attributes.properties.value(name) {
            let is_replaced = takes_property(&survivor.authored, &absorbed.authored, name, protect);
            let kept = if is_replaced { Some(value.clone()) } else { standing_value() };
            if let Some(kept) = kept {
                attributes.properties.set(name.clone(), kept);
            }
            authored.put_property(name, survivor.authored.property(name));
        }
    }
    (attributes, authored)
}

/// What a record has in place of a value that the merge did not replace. Where the value really is
/// the same, undoing the merge leaves it as it is.
const STANDS: &str = "(stands)";

fn standing_text() -> Option<Text> {
    STANDS.parse().ok()
}

fn standing_value() -> Option<PropertyValue> {
    format!("\"{STANDS}\"").parse().ok()
}

/// The fields by which a merge with this profile decides.
fn compared_fields(absorbed: &Profile) -> impl Iterator<Item = Field> {
    let has_value = |field: Field| absorbed.attributes.fields[field].is_some();
    let compares_location = !absorbed.absorbed.is_empty() || location_fields().any(has_value);
    Field::ALL.into_iter().filter(move |&field| {
        has_value(field) || compares_location && location_fields().any(|other| other == field)
    })
}

impl Merge {
    /// What this merge makes of two profiles before it truncates lists. A value that is only known
    /// to have stood stands, whatever else is undone.
    pub(crate) fn repeated(&self, survivor: Profile, absorbed: Profile) -> Profile {
        let (before, theirs) = (survivor.clone(), absorbed.attributes.properties.clone());
        let settings = IdentitySettings::without_limits(self.protect);
        let mut merged = merge(survivor, absorbed, &settings);
        let (text, value) = (standing_text(), standing_value());
        for field in Field::ALL {
            if before.attributes.fields[field] == text {
                merged.attributes.fields[field].clone_from(&text);
                merged.authored.put_field(field, before.authored.field(field));
            }
        }
        for (name, _) in theirs.iter() {
            let own = before.attributes.properties.value(name);
            if let Some(own) = own.filter(|own| Some(*own) == value.as_ref()) {
                merged.attributes.properties.set(name.clone(), own.clone());
                merged.authored.put_property(name, before.authored.property(name));
            }
        }
        merged
    }

    /// The survivor just before the merge, as far as it is known from `earlier`: the same profile
    /// some time before, or a part of it.
    pub(crate) fn survivor_known_from(&self, earlier: &Profile) -> Profile {
        let Merge { survivor, absorbed, .. } = self;
        let (text, standing) = (standing_text(), standing_value());
        let mut known = survivor.clone();
        let compared: Vec<Field> = compared_fields(absorbed).collect();
        for field in Field::ALL {
            let value = &earlier.attributes.fields[field];
            if !compared.contains(&field) {
                known.attributes.fields[field].clone_from(value);
                known.authored.put_field(field, earlier.authored.field(field));
            } else if survivor.attributes.fields[field] == text && value.is_some() {
                known.attributes.fields[field].clone_from(value);
            }
        }
        for (name, value) in earlier.attributes.properties.iter() {
            if absorbed.attributes.properties.value(name).is_none() {
                known.attributes.properties.set(name.clone(), value.clone());
                known.authored.put_property(name, earlier.authored.property(name));
            } else if survivor.attributes.properties.value(name) == standing.as_ref() {
                known.attributes.properties.set(name.clone(), value.clone());
            }
        }
        for kind in SingleKinds::ALL {
            if absorbed.identifiers.single(kind).is_none() {
                known.identifiers.take_single_of(&earlier.identifiers, kind);
            }
        }
        if survivor.created == absorbed.created {
            known.created = earlier.created;
        }
        known
    }

    /// Gives the survivor what it would have been. Lists that are not kept stay so.
    pub(crate) fn replace_survivor(&mut self, survivor: &Profile) {
        let mut part = survivor_part(survivor, &self.absorbed, self.protect);
        let kept = &self.survivor.identifiers;
        if kept.devices.is_empty() {
            part.identifiers.devices.clear();
        }
        if kept.secondary_emails.is_empty() {
            part.identifiers.secondary_emails.clear();
        }
        self.survivor = part;
    }

    /// Gives the absorbed profile what it would have been without another profile that it had
    /// absorbed. What the merge did not change of the survivor, it does not change now.
    pub(crate) fn replace_absorbed(&mut self, absorbed: Profile) {
        let Merge { survivor, absorbed: before, protect, .. } = self;
        if survivor.created == before.created {
            survivor.created = absorbed.created;
        }
        *survivor = survivor_part(survivor, &absorbed, *protect);
        *before = absorbed;
    }
}
