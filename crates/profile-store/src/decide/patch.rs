//! Patches: the changes that a request makes to attributes, and the author of each value.

use profile_protocol::{Attributes, Change, ChangedAttribute, Patch, PropertiesPatch};

use crate::{Authored, Caller, StoredProfile, model::encoded_properties::DamagedProperty};

/// The names of the attributes that a patch concerns.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Written {
    /// The attributes that changed.
    pub(super) changed: Vec<ChangedAttribute>,
    /// The attributes that did not change because the company protects them.
    pub(super) withheld: Vec<ChangedAttribute>,
}

/// Applies a patch to a profile. With `protect`, a client changes no value that the company wrote.
///
/// The author of a value is the caller that wrote it last. The company becomes the author of
/// every value that it sets, even if the value is the same. A client that sets the same value
/// writes nothing.
pub(super) fn write(
    profile: &mut StoredProfile,
    patch: &Patch,
    caller: Caller,
    protect: bool,
) -> Result<Written, DamagedProperty> {
    let (attributes, authored) = if patch.properties == PropertiesPatch::default() {
        profile.fields_mut()
    } else {
        profile.attributes_mut()?
    };
    Ok(match caller {
        Caller::Server => write_by_company(attributes, authored, patch),
        Caller::Client if protect => write_unprotected(attributes, authored, patch),
        Caller::Client => write_by_client(attributes, authored, patch),
    })
}

fn write_by_company(
    attributes: &mut Attributes,
    authored: &mut Authored,
    patch: &Patch,
) -> Written {
    let changed = patch.clone().apply(attributes);
    for attribute in set_attributes(patch).chain(changed.iter().cloned()) {
        authored.put(&attribute, has_value(attributes, &attribute));
    }
    Written { changed, withheld: Vec::new() }
}

fn write_by_client(attributes: &mut Attributes, authored: &mut Authored, patch: &Patch) -> Written {
    let changed = patch.clone().apply(attributes);
    changed.iter().for_each(|attribute| authored.put(attribute, false));
    Written { changed, withheld: Vec::new() }
}

/// Applies the whole patch, then restores the values that the company wrote. So no kind of change
/// can bypass the protection.
fn write_unprotected(attributes: &mut Attributes, authored: &Authored, patch: &Patch) -> Written {
    let before = attributes.clone();
    let changed = patch.clone().apply(attributes);
    let (withheld, changed): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|attribute| authored.has(attribute));
    withheld.iter().for_each(|attribute| restore(attributes, &before, attribute));
    Written { changed, withheld }
}

/// The attributes that a patch sets.
fn set_attributes(patch: &Patch) -> impl Iterator<Item = ChangedAttribute> {
    let fields = patch.fields.iter().filter(|(_, change)| matches!(change, Change::Set(_)));
    let fields = fields.map(|(field, _)| ChangedAttribute::Field(field));
    let properties = patch.properties.set.iter();
    fields.chain(properties.map(|(name, _)| ChangedAttribute::Property(name.clone())))
}

fn has_value(attributes: &Attributes, attribute: &ChangedAttribute) -> bool {
    match attribute {
        ChangedAttribute::Field(field) => attributes.fields[*field].is_some(),
        ChangedAttribute::Property(name) => attributes.properties.value(name).is_some(),
    }
}

/// Restores the value that an attribute had before. The company wrote it, so it had one.
fn restore(attributes: &mut Attributes, before: &Attributes, attribute: &ChangedAttribute) {
    match attribute {
        ChangedAttribute::Field(field) => {
            attributes.fields[*field].clone_from(&before.fields[*field]);
        }
        ChangedAttribute::Property(name) => {
            if let Some(value) = before.properties.value(name) {
                attributes.properties.set(name.clone(), value.clone());
            }
        }
    }
}
