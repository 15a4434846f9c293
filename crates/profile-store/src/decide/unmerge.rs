//! Undo: two profiles again, from the record of their merge.

mod attributes;
mod identifiers;

use profile_protocol::{ChangedAttribute, IdentifierKind, ProfileId};

use crate::{
    DoNotMerge, Identifier, IdentitySettings, Merge, Profile, ProfileRef, Timestamp,
    decide::merge::{merge, newest},
    limits,
};

use attributes::{SplitValues, split_attributes};
use identifiers::{ListsAtMerge, retain, split_identifiers, split_single};

/// The result of undoing a merge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerge {
    /// The survivor without what it got from the absorbed profile.
    pub survivor: Profile,
    /// The absorbed profile, restored.
    pub restored: Profile,
    /// The later merges that involved the result of this one, as if it had not happened.
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
/// stays with the survivor. The claims that led to the merge do not merge the two again; other
/// claims may.
pub fn unmerge(
    merge: &Merge,
    mut later: Vec<Merge>,
    living: Profile,
    owner: impl Fn(&Identifier) -> Option<ProfileId>,
    settings: &IdentitySettings,
    now: Timestamp,
) -> Unmerge {
    let (mut restored, lost) = restore(merge, &living, &owner);
    let mut survivor = living;
    let mut revoked = restored.tokens_revoked;

    let has_no_owner = |identifier: &Identifier| owner(identifier).is_none();
    let mut with = merged(merge);
    let merged_identifiers = with.identifiers.clone();
    let lists =
        ListsAtMerge { before: &merge.survivor.identifiers, after: &merged_identifiers, settings };
    let mut without = merge.survivor.clone();
    for next in &mut later {
        let with_next = merged(next);
        next.links.retain(|link| !finds(&merge.absorbed, link));
        let involved = involved_profile(next, restored.id);
        split_identity(involved, merge, &restored.absorbed, lists, has_no_owner);
        split_single(
            &mut involved.identifiers,
            &with.identifiers,
            &without.identifiers,
            has_no_owner,
        );
        split_values(involved, &with, &without);
        revoked = revoked.max(split_revocation(involved, &with, &without));
        (with, without) = (with_next, merged(next));
    }
    split_identity(&mut survivor, merge, &restored.absorbed, lists, has_no_owner);
    split_single(&mut survivor.identifiers, &with.identifiers, &without.identifiers, has_no_owner);
    let SplitValues { changed, kept } = split_values(&mut survivor, &with, &without);
    restored.tokens_revoked = revoked.max(split_revocation(&mut survivor, &with, &without));
    survivor.updated = now;
    restored.updated = now;
    Unmerge { survivor, restored, later, changed, kept, lost }
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
    restored.absorbed.retain(|absorbed| living.absorbed.contains(absorbed));
    restored.client_merges.retain(|absorbed| living.absorbed.contains(absorbed));
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

/// The result of a merge before its lists were truncated.
fn merged(recorded: &Merge) -> Profile {
    let settings = IdentitySettings::without_limits(recorded.protect);
    merge(recorded.survivor.clone(), recorded.absorbed.clone(), &settings)
}

/// The profile of a later merge that had absorbed the restored profile.
fn involved_profile(later: &mut Merge, restored: ProfileId) -> &mut Profile {
    if later.absorbed.absorbed.contains(&restored) {
        &mut later.absorbed
    } else {
        &mut later.survivor
    }
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
    let came_with_merge = |mark: &DoNotMerge| {
        absorbed.do_not_merge.contains(mark) && !before.do_not_merge.contains(mark)
    };
    profile.do_not_merge.retain(|mark| !came_with_merge(mark));
}

/// Gives a profile the time of revocation `without` the merge where it still has that `with` the
/// merge. A later revocation concerns the tokens of both profiles, and is returned.
fn split_revocation(profile: &mut Profile, with: &Profile, without: &Profile) -> Option<Timestamp> {
    if profile.tokens_revoked == with.tokens_revoked {
        profile.tokens_revoked = without.tokens_revoked;
        None
    } else {
        profile.tokens_revoked
    }
}

/// Gives a profile the values `without` the merge where it still has those `with` the merge.
fn split_values(profile: &mut Profile, with: &Profile, without: &Profile) -> SplitValues {
    if profile.created == with.created {
        profile.created = without.created;
    }
    split_attributes(profile, with, without)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Device, Placeholders, ProfileIdentifiers};

    const RULES: IdentitySettings = IdentitySettings {
        anonymous_ids: 3,
        secondary_emails: 2,
        merges: 4,
        placeholders: Placeholders { added: Vec::new(), removed: Vec::new() },
        protect: false,
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
        let (at, links) = (Timestamp::default(), Vec::new());
        let survivor = living.clone();
        let merge =
            Merge { sequence: 1, at, survivor: first, absorbed: second, links, protect: false };
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
}
