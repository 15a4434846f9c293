//! Merging of attributes and their authors.

use profile_protocol::{Attributes, Field, Fields, Properties, PropertyName};

use crate::Authored;

/// Attributes, and which of them the company wrote.
type AuthoredAttributes = (Attributes, Authored);

/// The same, of a profile that stays as it is.
type BorrowedAttributes<'p> = (&'p Attributes, &'p Authored);

/// Merges attributes; see [`merge`](super::merge).
pub(super) fn merge_attributes(
    survivor: AuthoredAttributes,
    absorbed: AuthoredAttributes,
    protect: bool,
) -> AuthoredAttributes {
    let takes = taken_fields((&survivor.0, &survivor.1), (&absorbed.0, &absorbed.1), protect);
    let (Attributes { mut fields, properties }, mut authored) = survivor;
    let (Attributes { fields: mut their_fields, properties: their_properties }, theirs) = absorbed;
    for field in Field::ALL {
        if takes[field] {
            fields[field] = their_fields[field].take();
            authored.put_field(field, theirs.field(field));
        }
    }
    let properties =
        merge_properties(properties, &mut authored, their_properties, &theirs, protect);
    (Attributes { fields, properties }, authored)
}

/// The fields that a merge takes from the absorbed profile, whether it has them or not.
pub(crate) fn taken_fields(
    survivor: BorrowedAttributes<'_>,
    absorbed: BorrowedAttributes<'_>,
    protect: bool,
) -> Fields<bool> {
    let takes_location = takes_location(survivor, absorbed, protect);
    let ((ours, authored), (their, theirs)) = (survivor, absorbed);
    let mut takes = Fields::default();
    for field in Field::ALL {
        takes[field] = if protect && authored.field(field) != theirs.field(field) {
            theirs.field(field)
        } else if field == Field::Timezone {
            their.fields[field].is_some()
        } else if field.is_location() {
            takes_location
        } else {
            ours.fields[field].is_none()
        };
    }
    takes
}

/// Whether the location, except for the time zone, is the absorbed profile's. With `protect`, a
/// location without a value of the company gives way to one that has such a value.
fn takes_location(
    survivor: BorrowedAttributes<'_>,
    absorbed: BorrowedAttributes<'_>,
    protect: bool,
) -> bool {
    let by_company = |(_, authored): BorrowedAttributes<'_>| {
        location_fields().any(|field| authored.field(field))
    };
    if protect && (by_company(survivor) || by_company(absorbed)) {
        return !by_company(survivor);
    }
    let filled = |(attributes, _): BorrowedAttributes<'_>| {
        location_fields().filter(|&field| attributes.fields[field].is_some()).count()
    };
    filled(survivor) < filled(absorbed)
}

/// The fields of a location that are taken as a whole.
pub(crate) fn location_fields() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| field.is_location() && *field != Field::Timezone)
}

/// Whether a merge takes a property of the absorbed profile although the survivor has it.
pub(crate) fn takes_property(
    authored: &Authored,
    theirs: &Authored,
    name: &PropertyName,
    protect: bool,
) -> bool {
    protect && theirs.property(name) && !authored.property(name)
}

/// Merges properties by name. The absorbed profile's values fill gaps. With `protect`, its
/// values that the company wrote also replace values that a client wrote.
fn merge_properties(
    mut properties: Properties,
    authored: &mut Authored,
    absorbed: Properties,
    theirs: &Authored,
    protect: bool,
) -> Properties {
    for name in theirs.properties() {
        let stands =
            properties.value(name).is_some() && !takes_property(authored, theirs, name, protect);
        if let (false, Some(value)) = (stands, absorbed.value(name)) {
            properties.set(name.clone(), value.clone());
            authored.put_property(name, true);
        }
    }
    properties.fill_from(absorbed);
    properties
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arbitrary::attributes;

    fn with_fields(values: &[(Field, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        for &(field, text) in values {
            attributes.fields[field] = text.parse().ok();
        }
        attributes
    }

    fn merges(survivor: &[(Field, &str)], absorbed: &[(Field, &str)], merged: &[(Field, &str)]) {
        assert!(
            merge_client_attributes(with_fields(survivor), with_fields(absorbed))
                == with_fields(merged)
        );
    }

    fn merge_client_attributes(survivor: Attributes, absorbed: Attributes) -> Attributes {
        let clients = |attributes| (attributes, Authored::default());
        merge_attributes(clients(survivor), clients(absorbed), false).0
    }

    #[test]
    fn the_survivors_values_stand() {
        merges(
            &[(Field::FirstName, "Sarah")],
            &[(Field::FirstName, "S."), (Field::LastName, "Mason")],
            &[(Field::FirstName, "Sarah"), (Field::LastName, "Mason")],
        );
    }

    #[test]
    fn a_location_is_taken_as_a_whole_from_the_profile_that_has_more_of_it() {
        let boston = [(Field::City, "Boston"), (Field::Country, "US")];
        let street = [(Field::Address1, "1 Main St")];
        merges(&street, &boston, &boston);
        merges(&boston, &street, &boston);
        merges(&[(Field::City, "Bonn")], &street, &[(Field::City, "Bonn")]);
    }

    #[test]
    fn the_time_zone_is_the_absorbed_profiles() {
        let (ours, theirs) = ((Field::Timezone, "Europe/Berlin"), (Field::Timezone, "Asia/Tokyo"));
        merges(&[ours], &[theirs], &[theirs]);
        merges(&[ours], &[], &[ours]);
        merges(&[ours], &[(Field::City, "Bonn")], &[ours, (Field::City, "Bonn")]);
    }

    proptest! {
        #[test]
        fn absorbing_no_attributes_changes_nothing(ours in attributes()) {
            let nothing = Attributes::default;
            prop_assert!(merge_client_attributes(ours.clone(), nothing()) == ours);
            prop_assert!(merge_client_attributes(nothing(), ours.clone()) == ours);
        }
    }
}
