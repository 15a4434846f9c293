//! Merging: what is known of one person, from two profiles of them.

use profile_protocol::{Attributes, Field, Properties};

use crate::{Authored, Profile, ProfileIdentifiers, Rules, Sentinels, limits};

/// While profiles join, lists may grow past their bounds: what has to leave is
/// decided once, when all that stays is known.
pub(crate) const UNBOUNDED: Rules = Rules {
    anonymous_ids: usize::MAX,
    secondary_emails: usize::MAX,
    merges: usize::MAX,
    sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
    protect: false,
};

/// Folds `absorbed` into `survivor`, whose values stand; gaps are filled.
///
/// Two places are exceptions. The time zone is the absorbed profile's, if it has
/// one. The rest of the location is taken as a whole from the profile that has
/// more of it filled, the survivor's if both have as much: an address made up of
/// two is nobody's.
///
/// Where the company protects its values ([`Rules::protect`]), each of them goes
/// before what a client wrote, whichever profile it is of. A location of which it
/// wrote something then stands, whatever else is filled, the survivor's if both are
/// such; and the other's members that the company wrote come into it.
///
/// The fold obeys three laws, and the store leans on each of them. *Identity*:
/// absorbing a profile of which nothing is known changes nothing that is known.
/// *Idempotence*: absorbing again changes nothing more. *Associativity*: three
/// profiles may be folded in whatever grouping they were found to be one. It is
/// not commutative: who survives is decided by [`resolve`](crate::resolve).
pub fn merge(survivor: Profile, absorbed: Profile, rules: &Rules) -> Profile {
    let Profile {
        id,
        created,
        updated,
        identifiers,
        attributes,
        authored,
        absorbed: mut ids,
        last_outcome,
        do_not_merge,
    } = survivor;
    for id in std::iter::once(absorbed.id).chain(absorbed.absorbed) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let theirs = (absorbed.attributes, absorbed.authored);
    let (attributes, authored) = merge_known((attributes, authored), theirs, rules.protect);
    Profile {
        id,
        created: created.min(absorbed.created),
        updated,
        identifiers: merge_held(identifiers, absorbed.identifiers, rules),
        attributes,
        authored,
        absorbed: ids,
        last_outcome,
        do_not_merge: newest(limits::APART, absorbed.do_not_merge, do_not_merge),
    }
}

/// What the absorbed profile holds in several places counts as older than what
/// the survivor holds, and so is the first to leave.
fn merge_held(
    survivor: ProfileIdentifiers,
    absorbed: ProfileIdentifiers,
    rules: &Rules,
) -> ProfileIdentifiers {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        survivor;
    ProfileIdentifiers {
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

/// What is known beside who they are, and what of it the company wrote.
type Known = (Attributes, Authored);

/// Folds what is known beside who they are; see [`merge`].
fn merge_known(survivor: Known, absorbed: Known, protect: bool) -> Known {
    let moves = location_moves(&survivor, &absorbed, protect);
    let (Attributes { mut fields, properties }, mut authored) = survivor;
    let (Attributes { fields: mut their_fields, properties: their_properties }, theirs) = absorbed;
    for field in Field::ALL {
        let (own, their_own) = (authored.field(field), theirs.field(field));
        let gives = match field {
            _ if protect && own != their_own => their_own,
            Field::Timezone => their_fields[field].is_some(),
            place if place.is_location() => moves,
            _ => fields[field].is_none(),
        };
        if gives {
            fields[field] = their_fields[field].take();
            authored.put_field(field, their_own);
        }
    }
    let properties =
        merge_properties(properties, &mut authored, their_properties, &theirs, protect);
    (Attributes { fields, properties }, authored)
}

/// Whether the location, its time zone apart, is the absorbed profile's. One of
/// which the company wrote nothing gives way to one of which it wrote something.
fn location_moves(survivor: &Known, absorbed: &Known, protect: bool) -> bool {
    let own = |known: &Known| places().any(|field| known.1.field(field));
    if protect && (own(survivor) || own(absorbed)) {
        return !own(survivor);
    }
    let filled = |known: &Known| places().filter(|&field| known.0.fields[field].is_some()).count();
    filled(survivor) < filled(absorbed)
}

/// The members of a location that are taken as a whole.
fn places() -> impl Iterator<Item = Field> {
    Field::ALL.into_iter().filter(|field| field.is_location() && *field != Field::Timezone)
}

fn merge_properties(
    mut properties: Properties,
    authored: &mut Authored,
    absorbed: Properties,
    theirs: &Authored,
    protect: bool,
) -> Properties {
    for name in theirs.properties() {
        let stands = properties.value(name).is_some() && (!protect || authored.property(name));
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

    fn merge_attributes(survivor: Attributes, absorbed: Attributes) -> Attributes {
        let clients = |attributes| (attributes, Authored::default());
        merge_known(clients(survivor), clients(absorbed), false).0
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
        protect: false,
    };

    /// A profile whose lists hold nothing twice and no more than they may, as all
    /// stored ones do.
    fn stored() -> impl Strategy<Value = Profile> {
        profiles().prop_map(|mut profile| {
            let ProfileIdentifiers { anonymous_ids, secondary_emails, .. } =
                &mut profile.identifiers;
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
        fn absorbing_a_stranger_only_adds_their_id(ours in stored(), id in any::<u128>(), protect in any::<bool>()) {
            let id = profile_protocol::ProfileId::from_bits(id);
            let stranger = Profile::new(id, Timestamp::from_millis(u64::MAX));
            let merged = merge(ours.clone(), stranger, &Rules { protect, ..TIGHT });
            let mut expected = ours;
            expected.absorbed.push(id);
            prop_assert_eq!(merged, expected);
        }

        #[test]
        fn absorbing_again_changes_nothing_more(ours in stored(), theirs in stored(), protect in any::<bool>()) {
            let rules = Rules { protect, ..TIGHT };
            let once = merge(ours, theirs.clone(), &rules);
            prop_assert_eq!(merge(once.clone(), theirs, &rules), once);
        }

        #[test]
        fn three_may_be_folded_in_either_grouping(a in stored(), b in stored(), c in stored(), protect in any::<bool>()) {
            let rules = Rules { protect, ..TIGHT };
            let left = merge(merge(a.clone(), b.clone(), &rules), c.clone(), &rules);
            let right = merge(a, merge(b, c, &rules), &rules);
            prop_assert_eq!(left, right);
        }

        #[test]
        fn who_wrote_what_changes_nothing_unless_it_is_protected(ours in stored(), theirs in stored()) {
            let by_clients = |profile| Profile { authored: Authored::default(), ..profile };
            let merged = merge(ours.clone(), theirs.clone(), &TIGHT);
            let plain = merge(by_clients(ours), by_clients(theirs), &TIGHT);
            prop_assert_eq!(by_clients(merged), plain);
        }

        #[test]
        fn a_value_of_the_companys_only_gives_way_to_another_of_its_values(
            ours in stored(),
            theirs in stored(),
        ) {
            let merged = merge(ours.clone(), theirs.clone(), &Rules { protect: true, ..TIGHT });
            for field in Field::ALL {
                let authors = [&ours, &theirs].map(|profile| profile.authored.field(field));
                prop_assert_eq!(merged.authored.field(field), authors.contains(&true));
                let value = |profile: &Profile| profile.attributes.fields[field].clone();
                let of_the_company = [&ours, &theirs]
                    .into_iter()
                    .filter(|profile| profile.authored.field(field))
                    .any(|profile| value(profile) == value(&merged));
                prop_assert!(!merged.authored.field(field) || of_the_company);
            }
            for (name, value) in merged.attributes.properties.iter() {
                let authors = [&ours, &theirs].map(|profile| profile.authored.property(name));
                prop_assert_eq!(merged.authored.property(name), authors.contains(&true));
                let of_the_company = [&ours, &theirs]
                    .into_iter()
                    .filter(|profile| profile.authored.property(name))
                    .any(|profile| profile.attributes.properties.value(name) == Some(value));
                prop_assert!(!merged.authored.property(name) || of_the_company);
            }
        }
    }
}
