//! Undo of a merge: the attributes of the survivor.

use profile_protocol::{Attributes, ChangedAttribute, Field, PropertyName, PropertyValue};

use crate::{Authored, Profile};

/// The attributes that undoing a merge changed, and those that were written since.
#[derive(Default)]
pub(super) struct SplitValues {
    pub(super) changed: Vec<ChangedAttribute>,
    pub(super) kept: Vec<ChangedAttribute>,
}

impl SplitValues {
    fn add(&mut self, attribute: ChangedAttribute, is_restored: bool) {
        if is_restored {
            self.changed.push(attribute);
        } else {
            self.kept.push(attribute);
        }
    }
}

/// Gives a profile the attributes `without` the merge where it still has those `with` the merge.
/// A value that is restored gets its previous author.
pub(super) fn split_attributes(
    profile: &mut Profile,
    with: &Profile,
    without: &Profile,
) -> SplitValues {
    let mut split = SplitValues::default();
    for field in Field::ALL {
        split_field(profile, with, without, field, &mut split);
    }
    // A merge only adds properties, so that every property without it exists with it. A later
    // merge may have had another value to add.
    for (name, value) in with.attributes.properties.iter() {
        split_property(profile, (with, value), without, name, &mut split);
    }
    split
}

fn split_field(
    profile: &mut Profile,
    with: &Profile,
    without: &Profile,
    field: Field,
    split: &mut SplitValues,
) {
    let [with_value, without_value] =
        [with, without].map(|profile| &profile.attributes.fields[field]);
    let is_same = with_value == without_value;
    let is_restored = profile.attributes.fields[field] == *with_value;
    if is_restored {
        profile.attributes.fields[field].clone_from(without_value);
        let by_company = |authored: &Authored| authored.field(field);
        let by_company = restored_author(profile, with, without, is_same, by_company);
        profile.authored.put_field(field, by_company);
    }
    if !is_same {
        split.add(ChangedAttribute::Field(field), is_restored);
    }
}

fn split_property(
    profile: &mut Profile,
    (with, with_value): (&Profile, &PropertyValue),
    without: &Profile,
    name: &PropertyName,
    split: &mut SplitValues,
) {
    let without_value = without.attributes.properties.value(name);
    let is_same = without_value == Some(with_value);
    let has_merged_value = profile.attributes.properties.value(name) == Some(with_value);
    let is_restored = has_merged_value
        && (is_same || restore_property(&mut profile.attributes, name, without_value));
    if is_restored {
        let by_company = |authored: &Authored| authored.property(name);
        let by_company = restored_author(profile, with, without, is_same, by_company);
        profile.authored.put_property(name, by_company);
    }
    if !is_same {
        split.add(ChangedAttribute::Property(name.clone()), is_restored);
    }
}

/// Whether the company is the author of a restored value. A value that the merge did not change
/// may have been written since: its present author then stands.
fn restored_author(
    profile: &Profile,
    with: &Profile,
    without: &Profile,
    is_same: bool,
    by_company: impl Fn(&Authored) -> bool,
) -> bool {
    let [is, with, without] = [profile, with, without].map(|profile| by_company(&profile.authored));
    if is_same && is != with { is } else { without }
}

/// Restores or removes a property, unless the profile would exceed the limit of properties.
/// Returns whether the property was changed.
fn restore_property(
    Attributes { properties, fields: _ }: &mut Attributes,
    name: &PropertyName,
    value: Option<&PropertyValue>,
) -> bool {
    let Some(value) = value else { return properties.unset(name) };
    let present = properties.value(name).cloned();
    properties.set(name.clone(), value.clone());
    let fits = properties.fit();
    if let (false, Some(present)) = (fits, present) {
        properties.set(name.clone(), present);
    }
    fits
}
