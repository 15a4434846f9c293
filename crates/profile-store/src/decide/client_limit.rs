//! What the request of a client may add to the properties of a profile. What does not fit is left
//! out, and the rest is stored: a refusal would tell the client that the profile exists.

use std::collections::HashSet;

use profile_protocol::{Properties, PropertyName, PropertyValue};

use crate::limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES};

/// Restores properties that are new or larger than before, where there are more than clients may
/// fill a profile with. The changes are judged in their order; each that fits stays. Returns the
/// names of the restored properties.
///
/// Removed and shortened properties make no space beyond the limit of clients: above it, the
/// company's properties fill the profile, and a client could replace them with its own.
pub(super) fn leave_out<'a>(
    properties: &mut Properties,
    before: &Properties,
    changed: impl Iterator<Item = &'a PropertyName>,
) -> HashSet<PropertyName> {
    let grown: Vec<Growth<'a>> =
        changed.filter_map(|name| Growth::between(before, properties, name)).collect();
    if grown.is_empty() {
        return HashSet::new();
    }
    let mut count = properties.len() - grown.iter().filter(|growth| growth.is_new).count();
    let mut bytes = properties.bytes() - grown.iter().map(|growth| growth.bytes).sum::<usize>();
    let mut left_out = HashSet::new();
    for Growth { name, is_new, bytes: more } in grown {
        let is_named = !is_new || count < CLIENT_PROPERTIES;
        if is_named && bytes + more <= CLIENT_PROPERTIES_BYTES {
            (count, bytes) = (count + usize::from(is_new), bytes + more);
        } else {
            restore(properties, before, name);
            left_out.insert(name.clone());
        }
    }
    left_out
}

/// A property that is new or larger than before.
struct Growth<'a> {
    name: &'a PropertyName,
    is_new: bool,
    bytes: usize,
}

impl<'a> Growth<'a> {
    fn between(
        before: &Properties,
        after: &Properties,
        name: &'a PropertyName,
    ) -> Option<Growth<'a>> {
        let is_new = before.value(name).is_none();
        let old = before.value(name).map_or(0, |value| size(name, value));
        let new = after.value(name).map_or(0, |value| size(name, value));
        (old < new).then(|| Growth { name, is_new, bytes: new - old })
    }
}

fn size(name: &PropertyName, value: &PropertyValue) -> usize {
    name.as_str().len() + value.as_json().len()
}

/// Gives a property the value that it had, or none.
pub(super) fn restore(properties: &mut Properties, before: &Properties, name: &PropertyName) {
    match before.value(name) {
        Some(value) => properties.set(name.clone(), value.clone()),
        None => properties.unset(name),
    };
}

#[cfg(test)]
mod tests {
    use profile_protocol::{AppliedPatch, Attributes, ChangedAttribute, Patch, PropertiesPatch};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn name(number: usize) -> PropertyName {
        format!("{number:04}").parse().unwrap()
    }

    fn value(bytes: usize) -> PropertyValue {
        match bytes.checked_sub(2) {
            Some(inner) => format!("\"{}\"", "x".repeat(inner)).parse().unwrap(),
            None => "1".parse().unwrap(),
        }
    }

    /// Whether a patch might lead to more properties than clients may fill a profile with, whatever
    /// their names are.
    fn may_exceed(properties: &Properties, patch: &PropertiesPatch) -> bool {
        let set = patch.set.iter().map(|(name, value)| size(name, value));
        let appended = patch.append.iter().map(|(name, elements)| {
            // The brackets, and a comma after each element.
            let elements: usize = elements.iter().map(|element| element.as_json().len() + 1).sum();
            name.as_str().len() + "[]".len() + elements
        });
        let added: usize = set.chain(appended).sum();
        CLIENT_PROPERTIES < properties.len() + patch.set.len() + patch.append.len()
            || CLIENT_PROPERTIES_BYTES < properties.bytes() + added
    }

    /// Applies a patch as a client does. Returns the names that were left out.
    fn apply(properties: &mut Properties, patch: &PropertiesPatch) -> HashSet<PropertyName> {
        let mut attributes = Attributes { properties: properties.clone(), ..Attributes::default() };
        let patch = Patch { properties: patch.clone(), ..Patch::default() };
        let AppliedPatch { changed, before } = patch.apply(&mut attributes);
        *properties = attributes.properties;
        let names = changed.iter().filter_map(|attribute| match attribute {
            ChangedAttribute::Property(name) => Some(name),
            ChangedAttribute::Field(_) => None,
        });
        leave_out(properties, &before.properties, names)
    }

    fn filled() -> impl Strategy<Value = Properties> {
        let numbers = prop::sample::select(vec![0, 5, 890, 899, 900, 950, 1_000]);
        let bytes = prop_oneof![1usize..20, 200usize..300];
        (numbers, bytes).prop_map(|(count, bytes)| {
            (0..count).map(|number| (name(number), value(bytes))).collect()
        })
    }

    fn patches() -> impl Strategy<Value = PropertiesPatch> {
        let named = || (0usize..1_100).prop_map(name);
        let sizes = prop_oneof![4 => 1usize..40, 1 => 1_000usize..90_000];
        let set = vec((named(), sizes.prop_map(value)), 0..30);
        let append = vec((named(), vec((1usize..50).prop_map(value), 1..3)), 0..3);
        (prop::bool::weighted(0.1), set, vec(named(), 0..30), append).prop_map(
            |(clear, mut set, unset, append)| {
                set.sort_by(|one, other| one.0.cmp(&other.0));
                set.dedup_by(|one, other| one.0 == other.0);
                PropertiesPatch { clear, set, unset, append, ..PropertiesPatch::default() }
            },
        )
    }

    proptest! {
        #[test]
        fn a_client_never_adds_beyond_its_limit(
            mut properties in filled(), patch in patches(),
        ) {
            let before = properties.clone();
            apply(&mut properties, &patch);
            let is_more = |(name, value): (&PropertyName, &PropertyValue)| {
                before.value(name).is_none_or(|old| old.as_json().len() < value.as_json().len())
            };
            let is_new = |(name, _): (&PropertyName, &PropertyValue)| before.value(name).is_none();
            if CLIENT_PROPERTIES < properties.len() {
                prop_assert!(!properties.iter().any(is_new));
            }
            if CLIENT_PROPERTIES_BYTES < properties.bytes() {
                prop_assert!(!properties.iter().any(is_more));
            }
        }

        #[test]
        fn nothing_is_left_out_where_everything_fits_and_nothing_twice(
            mut properties in filled(), patch in patches(),
        ) {
            let exceeds = may_exceed(&properties, &patch);
            let left_out = apply(&mut properties, &patch);
            prop_assert!(exceeds || left_out.is_empty());
            let once = properties.clone();
            prop_assert_eq!(apply(&mut properties, &patch), left_out);
            prop_assert_eq!(properties, once);
        }
    }
}
