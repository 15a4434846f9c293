//! Merging: what is known of one person, from two profiles of them.

use profile_protocol::{Attributes, Field, Fields, Text};

use crate::{Held, Profile, Rules, Sentinels, limits};

/// While profiles join, lists may grow past their bounds: what has to leave is
/// decided once, when all that stays is known.
pub(crate) const UNBOUNDED: Rules = Rules {
    anonymous_ids: usize::MAX,
    secondary_emails: usize::MAX,
    merges: usize::MAX,
    sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
};

/// Folds `absorbed` into `survivor`, whose values stand; gaps are filled.
///
/// Two places are exceptions. The time zone is the absorbed profile's, if it has
/// one. The rest of the location is taken as a whole from the profile that has
/// more of it filled, the survivor's if both have as much: an address made up of
/// two is nobody's.
///
/// The fold obeys three laws, and the store leans on each of them. *Identity*:
/// absorbing a profile of which nothing is known changes nothing that is known.
/// *Idempotence*: absorbing again changes nothing more. *Associativity*: three
/// profiles may be folded in whatever grouping they were found to be one. It is
/// not commutative: who survives is decided by [`resolve`](crate::resolve).
pub fn merge(survivor: Profile, absorbed: Profile, rules: &Rules) -> Profile {
    let Profile { id, created, updated, held, attributes, absorbed: mut ids, last_outcome, apart } =
        survivor;
    for id in std::iter::once(absorbed.id).chain(absorbed.absorbed) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Profile {
        id,
        created: created.min(absorbed.created),
        updated,
        held: merge_held(held, absorbed.held, rules),
        attributes: merge_attributes(attributes, absorbed.attributes),
        absorbed: ids,
        last_outcome,
        apart: newest(limits::APART, absorbed.apart, apart),
    }
}

/// What the absorbed profile holds in several places counts as older than what
/// the survivor holds, and so is the first to leave.
fn merge_held(survivor: Held, absorbed: Held, rules: &Rules) -> Held {
    let Held { external_id, email, phone_number, anonymous_ids, secondary_emails } = survivor;
    Held {
        external_id: external_id.or(absorbed.external_id),
        email: email.or(absorbed.email),
        phone_number: phone_number.or(absorbed.phone_number),
        anonymous_ids: newest(rules.anonymous_ids, absorbed.anonymous_ids, anonymous_ids),
        secondary_emails: newest(
            rules.secondary_emails,
            absorbed.secondary_emails,
            secondary_emails,
        ),
    }
}

/// The last `limit` of both lists, one after the other, none twice.
pub(crate) fn newest<T: PartialEq>(limit: usize, mut older: Vec<T>, newer: Vec<T>) -> Vec<T> {
    older.retain(|item| !newer.contains(item));
    older.extend(newer);
    older.drain(..older.len().saturating_sub(limit));
    older
}

/// Folds what is known beside who they are; see [`merge`].
pub fn merge_attributes(survivor: Attributes, absorbed: Attributes) -> Attributes {
    let Attributes { fields, mut properties } = survivor;
    properties.fill_from(absorbed.properties);
    Attributes { fields: merge_fields(fields, absorbed.fields), properties }
}

fn merge_fields(
    survivor: Fields<Option<Text>>,
    mut absorbed: Fields<Option<Text>>,
) -> Fields<Option<Text>> {
    let moves = filled_location(&survivor) < filled_location(&absorbed);
    let mut merged = survivor;
    for field in Field::ALL {
        let theirs = absorbed[field].take();
        merged[field] = match (field, merged[field].take()) {
            (Field::Timezone, ours) => theirs.or(ours),
            (place, _) if place.is_location() && moves => theirs,
            (place, ours) if place.is_location() => ours,
            (_, ours) => ours.or(theirs),
        };
    }
    merged
}

/// How much of a location is filled, its time zone apart.
fn filled_location(fields: &Fields<Option<Text>>) -> usize {
    let counts = |field: Field| field.is_location() && field != Field::Timezone;
    fields.iter().filter(|(field, value)| counts(*field) && value.is_some()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Timestamp,
        arbitrary::{attributes, profiles},
    };

    fn known(values: &[(Field, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        for &(field, text) in values {
            attributes.fields[field] = text.parse().ok();
        }
        attributes
    }

    fn merges(survivor: &[(Field, &str)], absorbed: &[(Field, &str)], merged: &[(Field, &str)]) {
        assert!(merge_attributes(known(survivor), known(absorbed)) == known(merged));
    }

    #[test]
    fn the_survivor_answers_first() {
        merges(
            &[(Field::FirstName, "Sarah")],
            &[(Field::FirstName, "S."), (Field::LastName, "Mason")],
            &[(Field::FirstName, "Sarah"), (Field::LastName, "Mason")],
        );
    }

    #[test]
    fn a_location_is_taken_whole_from_the_profile_that_has_more_of_it() {
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

    #[test]
    fn the_oldest_leaves_a_full_list_first() {
        assert_eq!(newest(3, vec![1, 2], vec![3, 4]), [2, 3, 4]);
        assert_eq!(newest(3, vec![1, 2], vec![2, 3]), [1, 2, 3]);
        assert_eq!(newest(0, vec![1], vec![2]), Vec::<i32>::new());
    }

    /// Lists short enough that three profiles often hold more.
    const TIGHT: Rules = Rules {
        anonymous_ids: 3,
        secondary_emails: 2,
        merges: 4,
        sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
    };

    /// A profile whose lists hold nothing twice and no more than they may, as all
    /// stored ones do.
    fn stored() -> impl Strategy<Value = Profile> {
        profiles().prop_map(|mut profile| {
            let Held { anonymous_ids, secondary_emails, .. } = &mut profile.held;
            anonymous_ids.sort();
            anonymous_ids.dedup();
            secondary_emails.sort();
            secondary_emails.dedup();
            profile
        })
    }

    proptest! {
        #[test]
        fn absorbing_nothing_known_changes_nothing(ours in attributes()) {
            let nothing = Attributes::default;
            prop_assert!(merge_attributes(ours.clone(), nothing()) == ours);
            prop_assert!(merge_attributes(nothing(), ours.clone()) == ours);
        }

        #[test]
        fn absorbing_a_stranger_only_adds_their_id(ours in stored(), id in any::<u128>()) {
            let id = profile_protocol::ProfileId::from_bits(id);
            let stranger = Profile::new(id, Timestamp::from_millis(u64::MAX));
            let merged = merge(ours.clone(), stranger, &TIGHT);
            let mut expected = ours;
            expected.absorbed.push(id);
            prop_assert_eq!(merged, expected);
        }

        #[test]
        fn absorbing_again_changes_nothing_more(ours in stored(), theirs in stored()) {
            let once = merge(ours, theirs.clone(), &TIGHT);
            prop_assert_eq!(merge(once.clone(), theirs, &TIGHT), once);
        }

        #[test]
        fn three_may_be_folded_in_either_grouping(a in stored(), b in stored(), c in stored()) {
            let left = merge(merge(a.clone(), b.clone(), &TIGHT), c.clone(), &TIGHT);
            let right = merge(a, merge(b, c, &TIGHT), &TIGHT);
            prop_assert_eq!(left, right);
        }
    }
}
