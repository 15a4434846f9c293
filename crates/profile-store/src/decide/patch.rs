//! Patches: the changes that a request makes to attributes, and the author of each value.

use profile_protocol::{
    AppliedPatch, Attributes, Change, ChangedAttribute, Patch, PropertiesPatch,
};

use super::{
    client_limit,
    replaced::{Replaced, replaced_by},
};
use crate::{Authored, Caller, StoredProfile, model::encoded_properties::DamagedProperty};

/// The names of the attributes that a patch concerns.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Written {
    /// The attributes that changed.
    pub(super) changed: Vec<ChangedAttribute>,
    /// The attributes that did not change because the company protects them, or because the
    /// profile has no space for the change of a client; and those that left it for the company.
    pub(super) withheld: Vec<ChangedAttribute>,
    /// What a client replaced, if that is kept.
    pub(super) replaced: Vec<Replaced>,
}

/// What is observed where clients write.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientRules {
    /// See [`IdentitySettings::protect`](crate::IdentitySettings::protect).
    pub(super) protect: bool,
    /// Whether it is noted what they replace.
    pub(super) keeps_replaced: bool,
}

/// Applies a patch to a profile. With `protect`, a client changes no value that the company wrote.
/// A client adds no more properties than clients may fill a profile with.
///
/// The author of a value is the caller that wrote it last. The company becomes the author of
/// every value that it sets, even if the value is the same. A client that sets the same value
/// writes nothing.
pub(super) fn write(
    profile: &mut StoredProfile,
    patch: &Patch,
    caller: Caller,
    rules: ClientRules,
) -> Result<Written, DamagedProperty> {
    let (attributes, authored) = if patch.properties == PropertiesPatch::default() {
        profile.fields_mut()
    } else {
        profile.attributes_mut()?
    };
    Ok(match caller {
        Caller::Server => write_by_company(attributes, authored, patch),
        Caller::Client => write_by_client(attributes, authored, patch, rules),
    })
}

fn write_by_company(
    attributes: &mut Attributes,
    authored: &mut Authored,
    patch: &Patch,
) -> Written {
    let AppliedPatch { changed, .. } = patch.apply(attributes);
    for attribute in set_attributes(patch).chain(changed.iter().cloned()) {
        authored.put(&attribute, has_value(attributes, &attribute));
    }
    Written { changed, ..Written::default() }
}

/// Applies the whole patch, and then restores what a client may not change: with `protect`, the
/// values that the company wrote; and what the profile has no space for. So no kind of change can
/// bypass that.
fn write_by_client(
    attributes: &mut Attributes,
    authored: &mut Authored,
    patch: &Patch,
    ClientRules { protect, keeps_replaced }: ClientRules,
) -> Written {
    let AppliedPatch { changed, before } = patch.apply(attributes);
    let mut written = Written { changed, ..Written::default() };
    written.withhold(attributes, &before, |attribute| protect && authored.has(attribute));
    if keeps_replaced {
        let (before, changed) = ((&before, &*authored), &written.changed);
        written.replaced = replaced_by(patch, changed, before, attributes);
    }
    written.changed.iter().for_each(|attribute| authored.put(attribute, false));
    written
}

impl Written {
    fn withhold(
        &mut self,
        attributes: &mut Attributes,
        before: &Attributes,
        is_protected: impl Fn(&ChangedAttribute) -> bool,
    ) {
        self.withheld = self.changed.extract_if(.., |attribute| is_protected(attribute)).collect();
        self.withheld.iter().for_each(|attribute| restore(attributes, before, attribute));
        let names = self.changed.iter().filter_map(|attribute| match attribute {
            ChangedAttribute::Property(name) => Some(name),
            ChangedAttribute::Field(_) => None,
        });
        let left_out =
            client_limit::leave_out(&mut attributes.properties, &before.properties, names);
        let is_left_out = |attribute: &ChangedAttribute| match attribute {
            ChangedAttribute::Property(name) => left_out.contains(name),
            ChangedAttribute::Field(_) => false,
        };
        self.withheld.extend(self.changed.extract_if(.., |attribute| is_left_out(attribute)));
    }
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

/// Restores the value that an attribute had before, or that it had none.
fn restore(attributes: &mut Attributes, before: &Attributes, attribute: &ChangedAttribute) {
    match attribute {
        ChangedAttribute::Field(field) => {
            attributes.fields[*field].clone_from(&before.fields[*field]);
        }
        ChangedAttribute::Property(name) => {
            client_limit::restore(&mut attributes.properties, &before.properties, name);
        }
    }
}
