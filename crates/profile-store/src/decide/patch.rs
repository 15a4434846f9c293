//! Writing: what a request does to the values of a profile, and whose they are
//! then.

use profile_protocol::{Attributes, Change, ChangedAttribute, Patch};

use crate::{Caller, Profile};

/// What a request wrote, by name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Written {
    /// What is now different.
    pub(crate) changed: Vec<ChangedAttribute>,
    /// What would be, had the company not written it and protected it.
    pub(crate) withheld: Vec<ChangedAttribute>,
}

/// Carries out what a request says of a profile's attributes. With `protect`, a
/// client changes no value that the company wrote.
///
/// A value belongs to whoever wrote it last. The company writes whatever it sets,
/// even if that was there, for it vouches for it then; a client that says what is
/// there anyway writes nothing.
pub(crate) fn write(
    profile: &mut Profile,
    patch: &Patch,
    caller: Caller,
    protect: bool,
) -> Written {
    match caller {
        Caller::Server => by_the_company(profile, patch),
        Caller::Client if protect => by_a_client_with_care(profile, patch),
        Caller::Client => by_a_client(profile, patch),
    }
}

fn by_the_company(profile: &mut Profile, patch: &Patch) -> Written {
    let changed = patch.clone().apply(&mut profile.attributes);
    for attribute in set(patch).chain(changed.iter().cloned()) {
        let has = has(&profile.attributes, &attribute);
        profile.authored.put(&attribute, has);
    }
    Written { changed, withheld: Vec::new() }
}

fn by_a_client(profile: &mut Profile, patch: &Patch) -> Written {
    let changed = patch.clone().apply(&mut profile.attributes);
    changed.iter().for_each(|attribute| profile.authored.put(attribute, false));
    Written { changed, withheld: Vec::new() }
}

/// The whole of the patch is carried out, and what it changed of the company's is
/// put back: so whatever a patch can say, it cannot say it of these.
fn by_a_client_with_care(profile: &mut Profile, patch: &Patch) -> Written {
    let before = profile.attributes.clone();
    let changed = patch.clone().apply(&mut profile.attributes);
    let (withheld, changed): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|attribute| profile.authored.has(attribute));
    withheld.iter().for_each(|attribute| put_back(&mut profile.attributes, &before, attribute));
    Written { changed, withheld }
}

/// The attributes that a patch gives a value.
fn set(patch: &Patch) -> impl Iterator<Item = ChangedAttribute> {
    let fields = patch.fields.iter().filter(|(_, change)| matches!(change, Change::Set(_)));
    let fields = fields.map(|(field, _)| ChangedAttribute::Field(field));
    let properties = patch.properties.set.iter();
    fields.chain(properties.map(|(name, _)| ChangedAttribute::Property(name.clone())))
}

fn has(attributes: &Attributes, attribute: &ChangedAttribute) -> bool {
    match attribute {
        ChangedAttribute::Field(field) => attributes.fields[*field].is_some(),
        ChangedAttribute::Property(name) => attributes.properties.value(name).is_some(),
    }
}

fn put_back(attributes: &mut Attributes, before: &Attributes, attribute: &ChangedAttribute) {
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
