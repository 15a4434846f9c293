//! Merging: one profile from two profiles of the same person.

mod attributes;
pub(crate) mod survivor_part;

use crate::{IdentitySettings, Profile, ProfileIdentifiers, limits};

use attributes::merge_attributes;

/// Merges `absorbed` into `survivor`. The survivor's values stand, and gaps are filled.
///
/// Two attributes are exceptions. The time zone is the absorbed profile's, if it has one. The
/// rest of the location is taken as a whole from the profile that has more of it, or from the
/// survivor if both have as much: a mixture of two addresses is no address.
///
/// Where the company protects its values ([`IdentitySettings::protect`]), each of them takes
/// precedence over a value that a client wrote, whichever profile has it. A location with a value
/// of the company is then kept whatever else is filled, the survivor's if both have one, and the
/// values that the company wrote to the other location are added to it.
///
/// The merge obeys three laws that the store relies on. *Identity*: absorbing a profile without
/// identifiers and attributes changes neither. *Idempotence*: absorbing a profile again changes
/// nothing more. *Associativity*: three profiles may be merged in any grouping. It is not
/// commutative: [`resolve`](crate::resolve) decides which profile survives.
pub fn merge(survivor: Profile, absorbed: Profile, settings: &IdentitySettings) -> Profile {
    let Profile {
        id,
        created,
        updated,
        identifiers,
        attributes,
        authored,
        absorbed: ids,
        last_outcome,
        do_not_merge,
        tokens_revoked,
    } = survivor;
    let (attributes, authored) = merge_attributes(
        (attributes, authored),
        (absorbed.attributes, absorbed.authored),
        settings.protect,
    );
    let aliases = std::iter::once(absorbed.id).chain(absorbed.absorbed);
    Profile {
        id,
        created: created.min(absorbed.created),
        updated,
        identifiers: merge_identifiers(identifiers, absorbed.identifiers, settings),
        attributes,
        authored,
        absorbed: append_new(ids, aliases),
        last_outcome,
        do_not_merge: newest(limits::DO_NOT_MERGE, absorbed.do_not_merge, do_not_merge),
        // A token that was revoked does not count again because of a merge.
        tokens_revoked: tokens_revoked.max(absorbed.tokens_revoked),
    }
}

fn append_new<T: PartialEq>(mut list: Vec<T>, items: impl Iterator<Item = T>) -> Vec<T> {
    for item in items {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    list
}

/// Merges identifiers. In lists, the absorbed profile's entries count as older than the
/// survivor's, so that they are removed first.
fn merge_identifiers(
    survivor: ProfileIdentifiers,
    absorbed: ProfileIdentifiers,
    settings: &IdentitySettings,
) -> ProfileIdentifiers {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        survivor;
    ProfileIdentifiers {
        external_id: external_id.or(absorbed.external_id),
        email: email.or(absorbed.email),
        phone_number: phone_number.or(absorbed.phone_number),
        anonymous_ids: newest(settings.anonymous_ids, absorbed.anonymous_ids, anonymous_ids),
        secondary_emails: newest(
            settings.secondary_emails,
            absorbed.secondary_emails,
            secondary_emails,
        ),
    }
}

/// The number of entries of both lists, without duplicates.
pub(super) fn union_len<T: PartialEq>(ours: &[T], theirs: &[T]) -> usize {
    ours.len() + theirs.iter().filter(|item| !ours.contains(item)).count()
}

/// The last `limit` entries of both lists in a row, without duplicates.
pub(super) fn newest<T: PartialEq>(limit: usize, mut older: Vec<T>, newer: Vec<T>) -> Vec<T> {
    older.retain(|item| !newer.contains(item));
    older.extend(newer);
    older.drain(..older.len().saturating_sub(limit));
    older
}

#[cfg(test)]
mod tests {
    use profile_protocol::{Field, ProfileId};
    use proptest::prelude::*;

    use super::*;
    use crate::{Authored, Placeholders, Timestamp, arbitrary::profiles};

    #[test]
    fn the_oldest_entry_is_removed_from_a_full_list() {
        assert_eq!(newest(3, vec![1, 2], vec![3, 4]), [2, 3, 4]);
        assert_eq!(newest(3, vec![1, 2], vec![2, 3]), [1, 2, 3]);
        assert_eq!(newest(0, vec![1], vec![2]), Vec::<i32>::new());
    }

    /// Limits that three profiles often exceed.
    const TIGHT: IdentitySettings = IdentitySettings {
        anonymous_ids: 3,
        secondary_emails: 2,
        merges: 4,
        placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
        protect: false,
    };

    /// A profile whose lists have no duplicates and no more entries than allowed, as every stored
    /// profile.
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
        fn absorbing_an_empty_profile_only_adds_its_id(ours in stored(), id in any::<u128>(), protect in any::<bool>()) {
            let id = ProfileId::from_bits(id);
            let empty = Profile::new(id, Timestamp::from_millis(u64::MAX));
            let merged = merge(ours.clone(), empty, &IdentitySettings { protect, ..TIGHT });
            let mut expected = ours;
            expected.absorbed.push(id);
            prop_assert_eq!(merged, expected);
        }

        #[test]
        fn absorbing_again_changes_nothing_more(ours in stored(), theirs in stored(), protect in any::<bool>()) {
            let settings = IdentitySettings { protect, ..TIGHT };
            let once = merge(ours, theirs.clone(), &settings);
            prop_assert_eq!(merge(once.clone(), theirs, &settings), once);
        }

        #[test]
        fn three_profiles_may_be_merged_in_either_grouping(a in stored(), b in stored(), c in stored(), protect in any::<bool>()) {
            let settings = IdentitySettings { protect, ..TIGHT };
            let left = merge(merge(a.clone(), b.clone(), &settings), c.clone(), &settings);
            let right = merge(a, merge(b, c, &settings), &settings);
            prop_assert_eq!(left, right);
        }

        #[test]
        fn authors_change_nothing_without_protect(ours in stored(), theirs in stored()) {
            let by_clients = |profile| Profile { authored: Authored::default(), ..profile };
            let merged = merge(ours.clone(), theirs.clone(), &TIGHT);
            let plain = merge(by_clients(ours), by_clients(theirs), &TIGHT);
            prop_assert_eq!(by_clients(merged), plain);
        }

        #[test]
        fn with_protect_only_a_value_of_the_company_replaces_a_value_of_the_company(
            ours in stored(),
            theirs in stored(),
        ) {
            let merged = merge(ours.clone(), theirs.clone(), &IdentitySettings { protect: true, ..TIGHT });
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
