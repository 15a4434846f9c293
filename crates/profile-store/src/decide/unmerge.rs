//! Undo: two profiles again, from the record of their merge.

mod attributes;
mod identifiers;

use profile_protocol::{ChangedAttribute, IdentifierKind, ProfileId};

use crate::{
    DoNotMerge, Identifier, IdentitySettings, Merge, Profile, ProfileRef, Timestamp,
    decide::{
        merge::newest,
        replaced::{in_both, without},
    },
    limits,
};

use attributes::{SplitValues, split_attributes};
use identifiers::{
    ListsAtMerge, confirm, retain, split_identifiers, split_single, take_replacements,
};

/// The result of undoing a merge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerge {
    /// The survivor without what it got from the absorbed profile.
    pub survivor: Profile,
    /// The absorbed profile, restored.
    pub restored: Profile,
    /// Those of the later merges of which anything is different if this one had not happened.
    pub later: Vec<Merge>,
    /// The survivor's attributes that changed.
    pub changed: Vec<ChangedAttribute>,
    /// The attributes that came from the absorbed profile and were written after the merge. They
    /// stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// The kinds of the absorbed profile's identifiers that belong to another profile now.
    pub lost: Vec<IdentifierKind>,
}

/// Undoes `merge`. `living` is the profile that the survivor is now, or was merged into. `later`
/// are the later merges that involved the result of this one, in order: undoing them later must
/// not bring this merge back. `owner` returns the profile that holds an identifier now.
///
/// If nothing was written since the merge, both profiles are as before it. What was written since
/// stays with the survivor, except for an identifier that replaced one of the absorbed profile. The
/// claims that led to the merge do not merge the two again; other claims may.
pub fn unmerge(
    merge: &Merge,
    later: Vec<Merge>,
    living: Profile,
    owner: impl Fn(&Identifier) -> Option<ProfileId>,
    settings: &IdentitySettings,
    now: Timestamp,
) -> Unmerge {
    let (mut restored, lost) = restore(merge, &living, &owner);
    let mut survivor = living;
    let mut revoked = restored.tokens_revoked;

    let has_no_owner = |identifier: &Identifier| owner(identifier).is_none();
    let mut difference = Difference::made_by(merge);
    if survivor.id == merge.survivor.id {
        let at_merge = [&merge.survivor, &merge.absorbed, &difference.with];
        let at_merge = at_merge.map(|profile| &profile.identifiers);
        take_replacements(&mut restored.identifiers, &mut survivor.identifiers, at_merge, &later);
    }
    let merged_identifiers = difference.with.identifiers.clone();
    let lists =
        ListsAtMerge { before: &merge.survivor.identifiers, after: &merged_identifiers, settings };
    let mut changed_later = Vec::new();
    for recorded in later {
        let mut next = recorded.clone();
        next.links.retain(|link| !finds(&merge.absorbed, link));
        let split = |profile: &mut Profile| {
            split_identity(profile, merge, &restored.absorbed, lists, has_no_owner);
            let Difference { with, without } = &difference;
            let identifiers = &mut profile.identifiers;
            split_single(identifiers, &with.identifiers, &without.identifiers, has_no_owner);
            split_values(profile, &difference);
            revoked = revoked.max(split_revocation(profile, &difference));
        };
        difference = if next.absorbed.absorbed.contains(&restored.id) {
            split_absorbed(&mut next, split)
        } else {
            split_survivor(&mut next, &difference.with, split)
        };
        changed_later.extend((next != recorded).then_some(next));
    }
    split_identity(&mut survivor, merge, &restored.absorbed, lists, has_no_owner);
    let Difference { with, without } = &difference;
    split_single(&mut survivor.identifiers, &with.identifiers, &without.identifiers, has_no_owner);
    let SplitValues { changed, kept } = split_values(&mut survivor, &difference);
    restored.tokens_revoked = revoked.max(split_revocation(&mut survivor, &difference));
    survivor.updated = now;
    restored.updated = now;
    Unmerge { survivor, restored, later: changed_later, changed, kept, lost }
}

/// The absorbed profile without the identifiers and aliases that belong to another profile now,
/// and the kinds of these identifiers. Marks the claims that must not repeat the merge.
fn restore(
    merge: &Merge,
    living: &Profile,
    owner: impl Fn(&Identifier) -> Option<ProfileId>,
) -> (Profile, Vec<IdentifierKind>) {
    let mut restored = merge.absorbed.clone();
    let is_available =
        |identifier: &Identifier| owner(identifier).is_none_or(|owner| owner == living.id);
    let lost = restored.identifiers.iter().filter(|identifier| !is_available(identifier));
    let lost = lost.map(|identifier| identifier.kind()).collect();
    retain(&mut restored.identifiers, is_available);
    confirm(&mut restored.identifiers, &living.identifiers);
    restored.absorbed.retain(|absorbed| living.absorbed.contains(absorbed));
    restored.client_merges.retain(|absorbed| living.absorbed.contains(absorbed));
    restored.replaced = in_both(restored.replaced, &living.replaced);
    let marks = merge.links.iter().map(|link| DoNotMerge::new(merge.survivor.id, link));
    restored.do_not_merge = newest(limits::DO_NOT_MERGE, restored.do_not_merge, marks.collect());
    (restored, lost)
}

/// Whether a claim of this target found the profile, or one that had been merged into it.
fn finds(profile: &Profile, link: &ProfileRef) -> bool {
    match link {
        ProfileRef::Id(id) => profile.id == *id || profile.absorbed.contains(id),
        ProfileRef::Identifier(identifier) => profile.identifiers.holds(identifier),
    }
}

/// What a merge made of a profile, and what that profile would be without the merge, as far as the
/// two differ. The rest may be missing in both.
struct Difference {
    with: Profile,
    without: Profile,
}

impl Difference {
    fn made_by(merge: &Merge) -> Difference {
        let without = merge.survivor.clone();
        Difference { with: merge.repeated(without.clone(), merge.absorbed.clone()), without }
    }
}

/// Splits the absorbed profile of a later merge, which the result of the undone merge had become.
/// Returns the difference after the later merge.
fn split_absorbed(next: &mut Merge, split: impl FnOnce(&mut Profile)) -> Difference {
    let mut absorbed = next.absorbed.clone();
    let with = next.repeated(next.survivor.clone(), absorbed.clone());
    split(&mut absorbed);
    let without = next.repeated(next.survivor.clone(), absorbed.clone());
    next.replace_absorbed(absorbed);
    Difference { with, without }
}

/// The same for the survivor of a later merge. `earlier` is the survivor some time before.
fn split_survivor(
    next: &mut Merge,
    earlier: &Profile,
    split: impl FnOnce(&mut Profile),
) -> Difference {
    let mut survivor = next.survivor_known_from(earlier);
    let with = next.repeated(survivor.clone(), next.absorbed.clone());
    split(&mut survivor);
    let without = next.repeated(survivor.clone(), next.absorbed.clone());
    next.replace_survivor(&survivor);
    Difference { with, without }
}

/// Removes the absorbed profile's identifiers, aliases and do-not-merge marks from a profile.
fn split_identity(
    profile: &mut Profile,
    merge: &Merge,
    restored_aliases: &[ProfileId],
    lists: ListsAtMerge<'_>,
    has_no_owner: impl Fn(&Identifier) -> bool,
) {
    let Merge { survivor: before, absorbed, .. } = merge;
    split_identifiers(&mut profile.identifiers, &absorbed.identifiers, lists, has_no_owner);
    profile.absorbed.retain(|id| *id != absorbed.id && !restored_aliases.contains(id));
    profile.client_merges.retain(|id| profile.absorbed.contains(id));
    profile.replaced = without(std::mem::take(&mut profile.replaced), &absorbed.replaced);
    // A value that was replaced since may be the absorbed profile's.
    profile.replaced.retain(|noted| noted.bytes.is_none() || noted.sequence < merge.sequence);
    let came_with_merge = |mark: &DoNotMerge| {
        absorbed.do_not_merge.contains(mark) && !before.do_not_merge.contains(mark)
    };
    profile.do_not_merge.retain(|mark| !came_with_merge(mark));
}

/// Gives a profile the time of revocation `without` the merge where it still has that `with` the
/// merge. A later revocation concerns the tokens of both profiles, and is returned.
fn split_revocation(profile: &mut Profile, difference: &Difference) -> Option<Timestamp> {
    let Difference { with, without } = difference;
    if profile.tokens_revoked == with.tokens_revoked {
        profile.tokens_revoked = without.tokens_revoked;
        None
    } else {
        profile.tokens_revoked
    }
}

/// Gives a profile the values `without` the merge where it still has those `with` the merge.
fn split_values(profile: &mut Profile, difference: &Difference) -> SplitValues {
    let Difference { with, without } = difference;
    if profile.created == with.created {
        profile.created = without.created;
    }
    split_attributes(profile, with, without)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Device, DifferentExternalId, Placeholders, ProfileIdentifiers,
        arbitrary::profiles,
        decide::merge::{merge, survivor_part::survivor_part},
    };

    const RULES: IdentitySettings = IdentitySettings {
        anonymous_ids: 3,
        secondary_emails: 2,
        merges: 4,
        placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
        protect: false,
        different_external_id: DifferentExternalId::SameProfile,
        replaced_days: 30,
    };

    /// A profile whose devices were seen in the order of their letters, `d` first.
    fn holding(id: u128, devices: &[&str], names: &[&str]) -> Profile {
        let email = |name: &&str| format!("{name}@example.com").parse().unwrap();
        let identifiers = ProfileIdentifiers {
            devices: devices.iter().map(seen).collect(),
            secondary_emails: names.iter().map(email).collect(),
            ..ProfileIdentifiers::default()
        };
        Profile { identifiers, ..Profile::new(ProfileId::from_bits(id), Timestamp::default()) }
    }

    fn seen(device: &&str) -> Device {
        let letter = device.bytes().next().unwrap();
        // `d` is seen before the others.
        let seen = if letter == b'd' { 0 } else { u64::from(letter) };
        Device::new(device.parse().unwrap(), Timestamp::from_millis(seen))
    }

    /// Undoes the merge of `second` into `first`, which became `living`.
    fn undone(first: Profile, second: Profile, living: &Profile) -> ProfileIdentifiers {
        let (at, links, position) = (Timestamp::default(), Vec::new(), 0);
        let survivor = living.clone();
        let merge = Merge {
            sequence: 1,
            at,
            position,
            survivor: first,
            absorbed: second,
            links,
            protect: false,
        };
        let owner =
            |identifier: &Identifier| living.identifiers.holds(identifier).then_some(living.id);
        unmerge(&merge, Vec::new(), survivor, owner, &RULES, at).survivor.identifiers
    }

    #[test]
    fn an_entry_that_left_a_full_list_returns_to_its_position() {
        let first = holding(1, &["a", "b", "c"], &["ann", "bob"]);
        let second = holding(2, &["d"], &["cat"]);
        // The request claimed `a`, `d` and `cat`, which stayed.
        let living = holding(1, &["d", "a", "c"], &["cat", "bob"]);
        assert_eq!(undone(first.clone(), second, &living), first.identifiers);
    }

    #[test]
    fn an_entry_added_since_stays_and_the_oldest_does_not_return() {
        let first = holding(1, &["a", "b", "c"], &[]);
        let living = holding(1, &["c", "d", "e"], &[]);
        let identifiers = undone(first, holding(2, &["d"], &[]), &living);
        assert_eq!(identifiers, holding(1, &["b", "c", "e"], &[]).identifiers);
    }

    #[test]
    fn an_entry_removed_since_does_not_return() {
        let first = holding(1, &["a"], &["ann"]);
        let living = holding(1, &["b", "a"], &[]);
        assert_eq!(
            undone(first, holding(2, &["b"], &[]), &living),
            holding(1, &["a"], &[]).identifiers
        );
    }

    /// The record of a merge with the whole survivor, and one with the part that is kept.
    fn recorded(survivor: &Profile, absorbed: &Profile, protect: bool) -> [Merge; 2] {
        let kept = survivor_part(survivor, absorbed, protect);
        [survivor.clone(), kept].map(|survivor| Merge {
            sequence: 1,
            at: Timestamp::default(),
            position: 0,
            survivor,
            absorbed: absorbed.clone(),
            links: Vec::new(),
            protect,
        })
    }

    proptest! {
        #[test]
        fn the_part_of_the_survivor_that_is_kept_undoes_as_the_whole_would(
            survivor in profiles(),
            absorbed in profiles(),
            written in profiles(),
            is_written in any::<bool>(),
            protect in any::<bool>(),
        ) {
            let settings = IdentitySettings { protect, ..RULES };
            let merges = recorded(&survivor, &absorbed, protect);
            let mut living = merge(survivor, absorbed, &settings);
            for (field, value) in written.attributes.fields.iter() {
                if is_written == value.is_some() {
                    living.attributes.fields[field].clone_from(value);
                    living.authored.put_field(field, written.authored.field(field));
                }
            }
            for (name, value) in written.attributes.properties.iter() {
                living.attributes.properties.set(name.clone(), value.clone());
                living.authored.put_property(name, written.authored.property(name));
            }
            let undone = |merge: &Merge| {
                let owner = |identifier: &Identifier| {
                    living.identifiers.holds(identifier).then_some(living.id)
                };
                let now = Timestamp::default();
                unmerge(merge, Vec::new(), living.clone(), owner, &settings, now)
            };
            let [whole, part] = merges.each_ref().map(undone);
            prop_assert_eq!(whole, part);
        }
    }

    #[test]
    fn only_those_later_records_change_that_have_something_of_the_restored_profile() {
        let tagged = |id, name: &str| {
            let mut profile = holding(id, &[], &[]);
            profile.attributes.properties.set(name.parse().unwrap(), "1".parse().unwrap());
            profile
        };
        let [survivor, first] = [holding(1, &[], &[]), tagged(2, "m")];
        let with_first = merge(survivor.clone(), first.clone(), &RULES);
        let later = [tagged(3, "n"), tagged(4, "m")].map(|absorbed| {
            let [_, kept] = recorded(&with_first, &absorbed, false);
            Merge { sequence: 2, ..kept }
        });
        let [_, undone] = recorded(&survivor, &first, false);
        let now = Timestamp::default();
        let Unmerge { later, .. } =
            unmerge(&undone, later.to_vec(), with_first, |_| None, &RULES, now);
        let changed: Vec<ProfileId> = later.iter().map(|merge| merge.absorbed.id).collect();
        assert_eq!(changed, [ProfileId::from_bits(4)]);
        assert!(later.iter().all(|merge| merge.survivor.attributes.properties.is_empty()));
    }
}
