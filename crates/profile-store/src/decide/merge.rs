//! Merging: one profile from two profiles of the same person.

mod attributes;
pub(crate) mod survivor_part;

use profile_protocol::IdentifierKind;

use crate::{Device, IdentitySettings, Profile, ProfileIdentifiers, SingleKinds, limits};

use attributes::merge_attributes;

use super::replaced::united;

/// Merges `absorbed` into `survivor`. The survivor's values stand, and gaps are filled.
///
/// Two attributes are exceptions. The time zone is the absorbed profile's, if it has one. The
/// rest of the location is taken as a whole from the profile that has more of it, or from the
/// survivor if both have as much: a mixture of two addresses is no address.
///
/// An identifier of the survivor stands as well, unless only clients have named it and the company
/// has named that of the absorbed profile.
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
        mut client_merges,
        last_outcome,
        do_not_merge,
        tokens_revoked,
        replaced,
        former_identifiers,
    } = survivor;
    let (attributes, authored) = merge_attributes(
        (attributes, authored),
        (absorbed.attributes, absorbed.authored),
        settings.protect,
    );
    client_merges.extend(absorbed.client_merges);
    let aliases = std::iter::once(absorbed.id).chain(absorbed.absorbed);
    Profile {
        id,
        created: created.min(absorbed.created),
        updated,
        identifiers: merge_identifiers(identifiers, absorbed.identifiers, settings),
        attributes,
        authored,
        absorbed: append_new(ids, aliases),
        client_merges,
        last_outcome,
        do_not_merge: newest(limits::DO_NOT_MERGE, absorbed.do_not_merge, do_not_merge),
        // A token that was revoked does not count again because of a merge.
        tokens_revoked: tokens_revoked.max(absorbed.tokens_revoked),
        replaced: united(replaced, absorbed.replaced),
        // Those of the absorbed profile lead to its id, which is an alias now.
        former_identifiers,
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

/// Merges identifiers. In the list of secondary addresses, the absorbed profile's entries count as
/// older than the survivor's, so that they are removed first.
fn merge_identifiers(
    survivor: ProfileIdentifiers,
    absorbed: ProfileIdentifiers,
    settings: &IdentitySettings,
) -> ProfileIdentifiers {
    let mut merged = survivor;
    for kind in SingleKinds::ALL {
        take_single(&mut merged, &absorbed, kind);
    }
    let ProfileIdentifiers { devices, secondary_emails, .. } = &mut merged;
    *devices = last_seen(settings.anonymous_ids, absorbed.devices, std::mem::take(devices));
    *secondary_emails = newest(
        settings.secondary_emails,
        absorbed.secondary_emails,
        std::mem::take(secondary_emails),
    );
    merged
}

/// Takes the absorbed profile's identifier of a kind where there is none, or where only clients
/// have named the one there is.
fn take_single(
    merged: &mut ProfileIdentifiers,
    absorbed: &ProfileIdentifiers,
    kind: IdentifierKind,
) {
    let Some(theirs) = absorbed.single(kind) else { return };
    let by_client = absorbed.client_attached.contains(kind);
    let stands = merged.single(kind).is_some_and(|ours| {
        // The company may have confirmed one of two equal identifiers.
        ours != theirs && (by_client || !merged.client_attached.contains(kind))
    });
    if stands {
        return;
    }
    let is_new = merged.single(kind).as_ref() != Some(&theirs);
    merged.set_single(theirs);
    if !by_client {
        merged.client_attached.remove(kind);
    } else if is_new {
        merged.client_attached.insert(kind);
    }
}

/// The `limit` devices of both lists that were seen last, in the order in which they were seen.
/// Of two seen at one time, that of the first list is the older one.
pub(super) fn last_seen(
    limit: usize,
    mut older: Vec<Device>,
    mut newer: Vec<Device>,
) -> Vec<Device> {
    older.retain(|device| match newer.iter_mut().find(|other| other.id == device.id) {
        Some(other) => {
            other.attached = other.attached.min(device.attached);
            other.seen = other.seen.max(device.seen);
            false
        }
        None => true,
    });
    older.extend(newer);
    older.sort_by_key(|device| device.seen);
    older.drain(..older.len().saturating_sub(limit));
    older
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
    use profile_protocol::{AnonymousId, Field, ProfileId};
    use proptest::prelude::*;

    use super::*;
    use crate::{Authored, DifferentExternalId, Placeholders, Timestamp, arbitrary::profiles};

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
        different_external_id: DifferentExternalId::SameProfile,
        replaced_days: 30,
    };

    fn time_of(device: &AnonymousId) -> Timestamp {
        Timestamp::from_millis(device.as_str().len() as u64 % 3)
    }

    /// A profile whose lists have no duplicates and no more entries than allowed, as every stored
    /// profile.
    fn stored() -> impl Strategy<Value = Profile> {
        profiles().prop_map(|mut profile| {
            let ProfileIdentifiers { devices, secondary_emails, .. } = &mut profile.identifiers;
            // One device is never in two profiles, so it is never seen at two times.
            for Device { id, attached, seen } in devices.iter_mut() {
                (*attached, *seen) = (Timestamp::default(), time_of(id));
            }
            devices.sort_by(|one, other| (one.seen, &one.id).cmp(&(other.seen, &other.id)));
            devices.dedup();
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
