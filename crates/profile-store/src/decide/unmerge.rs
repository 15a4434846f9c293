//! Undoing a merge: two profiles out of one, from the record of how they became
//! one.

use profile_protocol::{
    Attributes, ChangedAttribute, Field, IdentifierKind, ProfileId, PropertyName, PropertyValue,
};

use crate::{
    DoNotMerge, Identifier, Merge, Profile, ProfileIdentifiers, ProfileRef, Rules, Timestamp,
    decide::merge::{UNBOUNDED, merge, newest},
    limits,
};

/// What undoing a merge leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerge {
    /// The survivor without what it had from the absorbed profile.
    pub survivor: Profile,
    /// The absorbed profile, living again.
    pub restored: Profile,
    /// The later merges of what this one made, as if it had not happened.
    pub later: Vec<Merge>,
    /// The survivor's attributes that are now different.
    pub changed: Vec<ChangedAttribute>,
    /// Attributes it had from the absorbed profile that were written again after
    /// the merge: they stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// Identifiers of the absorbed profile that lead to somebody else by now.
    pub lost: Vec<IdentifierKind>,
}

/// Undoes `merge`, whose survivor is by now `living`, or was itself merged into
/// it. `later` are the merges since in which what this one made took part, in
/// order: had it not happened, they would have found less, so that undoing them
/// must not bring it back. `owner` tells whom an identifier leads to now.
///
/// If nothing was written since the merge, both profiles are what they were. What
/// was written since stays with the survivor. The claims that led to the merge do
/// not lead to it again; any other claim may.
pub fn unmerge(
    merge: &Merge,
    mut later: Vec<Merge>,
    living: Profile,
    owner: impl Fn(&Identifier) -> Option<ProfileId>,
    rules: &Rules,
    now: Timestamp,
) -> Unmerge {
    let mut restored = merge.absorbed.clone();
    let mut survivor = living;

    let id = survivor.id;
    let free = |identifier: &Identifier| owner(identifier).is_none_or(|owner| owner == id);
    let lost = restored.identifiers.iter().filter(|identifier| !free(identifier));
    let lost = lost.map(|identifier| identifier.kind()).collect();
    retain(&mut restored.identifiers, free);
    restored.absorbed.retain(|absorbed| survivor.absorbed.contains(absorbed));
    let links = merge.links.iter().map(|link| DoNotMerge::new(merge.survivor.id, link));
    restored.do_not_merge = newest(limits::APART, restored.do_not_merge, links.collect());

    let leads_nowhere = |identifier: &Identifier| owner(identifier).is_none();
    let mut with = merged(merge);
    let room =
        Room { before: &merge.survivor.identifiers, merged: &with.identifiers.clone(), rules };
    let mut without = merge.survivor.clone();
    for next in &mut later {
        let had = merged(next);
        let Merge { survivor, absorbed, links, .. } = next;
        links.retain(|link| !led_to(&merge.absorbed, link));
        let took_part = if absorbed.absorbed.contains(&restored.id) { absorbed } else { survivor };
        part_who(took_part, merge, &restored.absorbed, room, leads_nowhere);
        part_what(took_part, &with, &without);
        (with, without) = (had, merged(next));
    }
    part_who(&mut survivor, merge, &restored.absorbed, room, leads_nowhere);
    let (changed, kept) = part_what(&mut survivor, &with, &without);
    survivor.updated = now;
    restored.updated = now;
    Unmerge { survivor, restored, later, changed, kept, lost }
}

/// Whether this named the profile, or what had been merged into it.
fn led_to(profile: &Profile, link: &ProfileRef) -> bool {
    match link {
        ProfileRef::Id(id) => profile.id == *id || profile.absorbed.contains(id),
        ProfileRef::Identifier(identifier) => profile.identifiers.holds(identifier),
    }
}

/// What the merge made of the two, before its lists were cut to their bounds.
fn merged(recorded: &Merge) -> Profile {
    let rules = Rules { protect: recorded.protect, ..UNBOUNDED };
    merge(recorded.survivor.clone(), recorded.absorbed.clone(), &rules)
}

/// What room the lists had before the merge and in it.
#[derive(Clone, Copy)]
struct Room<'a> {
    before: &'a ProfileIdentifiers,
    merged: &'a ProfileIdentifiers,
    rules: &'a Rules,
}

/// Takes from a profile all that it was of the absorbed one: the identifiers, the
/// ids, and the marks of what is not to be merged.
fn part_who(
    profile: &mut Profile,
    merge: &Merge,
    going: &[ProfileId],
    room: Room<'_>,
    leads_nowhere: impl Fn(&Identifier) -> bool,
) {
    let Merge { survivor: before, absorbed, .. } = merge;
    take_back(&mut profile.identifiers, &absorbed.identifiers);
    readmit_evicted(&mut profile.identifiers, room, leads_nowhere);
    profile.absorbed.retain(|id| *id != absorbed.id && !going.contains(id));
    let theirs = |do_not_merge: &DoNotMerge| {
        absorbed.do_not_merge.contains(do_not_merge) && !before.do_not_merge.contains(do_not_merge)
    };
    profile.do_not_merge.retain(|do_not_merge| !theirs(do_not_merge));
}

/// Gives a profile what there would be without the merge, where it still has what
/// there was with it. Names what that changed, and what was written since.
fn part_what(
    profile: &mut Profile,
    with: &Profile,
    without: &Profile,
) -> (Vec<ChangedAttribute>, Vec<ChangedAttribute>) {
    if profile.created == with.created {
        profile.created = without.created;
    }
    part_attributes(profile, without, with)
}

/// Keeps the identifiers of which `keep` is true.
fn retain(identifiers: &mut ProfileIdentifiers, keep: impl Fn(&Identifier) -> bool) {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        identifiers;
    let keeps = |identifier: Identifier| keep(&identifier);
    *external_id = external_id.take().filter(|id| keeps(Identifier::ExternalId(id.clone())));
    *email = email.take().filter(|email| keeps(Identifier::Email(email.clone())));
    *phone_number = phone_number.take().filter(|n| keeps(Identifier::PhoneNumber(n.clone())));
    anonymous_ids.retain(|id| keeps(Identifier::AnonymousId(id.clone())));
    secondary_emails.retain(|email| keeps(Identifier::Email(email.clone())));
}

/// Takes the identifiers of the restored profile away from the survivor.
fn take_back(survivor: &mut ProfileIdentifiers, restored: &ProfileIdentifiers) {
    retain(survivor, |identifier| !restored.holds(identifier));
}

/// Gives back to the survivor what left its lists when they were too full for two,
/// and leads to nobody since.
fn readmit_evicted(
    survivor: &mut ProfileIdentifiers,
    room: Room<'_>,
    leads_nowhere: impl Fn(&Identifier) -> bool,
) {
    let Room { before, merged, rules } = room;
    let mut evicted = before.clone();
    retain(&mut evicted, leads_nowhere);
    if rules.anonymous_ids < merged.anonymous_ids.len() {
        let (own, evicted) = (&mut survivor.anonymous_ids, &evicted.anonymous_ids);
        readmit(own, &before.anonymous_ids, evicted, rules.anonymous_ids);
    }
    if rules.secondary_emails < merged.secondary_emails.len() {
        let (own, evicted) = (&mut survivor.secondary_emails, &evicted.secondary_emails);
        readmit(own, &before.secondary_emails, evicted, rules.secondary_emails);
    }
}

/// Puts what was evicted back where it was before, as far as there is room.
fn readmit<T: Clone + PartialEq>(own: &mut Vec<T>, before: &[T], evicted: &[T], limit: usize) {
    let limit = limit.max(own.len());
    let stayed = before.iter().filter(|item| own.contains(item) || evicted.contains(item));
    let older = stayed.cloned().collect();
    let newer = own.drain(..).filter(|item| !before.contains(item)).collect();
    *own = newest(limit, older, newer);
}

/// See [`part_what`]. A value that goes back is whose it was before.
fn part_attributes(
    living: &mut Profile,
    without: &Profile,
    with: &Profile,
) -> (Vec<ChangedAttribute>, Vec<ChangedAttribute>) {
    let (mut changed, mut kept) = (Vec::new(), Vec::new());
    for field in Field::ALL {
        let (was, became) = (&without.attributes.fields[field], &with.attributes.fields[field]);
        let is = &mut living.attributes.fields[field];
        let back = is == became;
        if back {
            is.clone_from(was);
            let authors = [&without.authored, &with.authored].map(|all| all.field(field));
            let author = author(living.authored.field(field), authors, was == became);
            living.authored.put_field(field, author);
        }
        if was != became {
            if back { &mut changed } else { &mut kept }.push(ChangedAttribute::Field(field));
        }
    }
    // Whatever there is without a merge, there is with it: merges only ever add
    // properties. But a later one may have had another value to add.
    for (name, became) in with.attributes.properties.iter() {
        let was = without.attributes.properties.value(name);
        let same = was == Some(became);
        let is = living.attributes.properties.value(name);
        let back = is == Some(became) && (same || put_back(&mut living.attributes, name, was));
        if back {
            let authors = [&without.authored, &with.authored].map(|all| all.property(name));
            let author = author(living.authored.property(name), authors, same);
            living.authored.put_property(name, author);
        }
        if !same {
            let attribute = ChangedAttribute::Property(name.clone());
            if back { &mut changed } else { &mut kept }.push(attribute);
        }
    }
    (changed, kept)
}

/// Whether the company wrote a value that goes back to what it was without the
/// merge. One that is the same with it may have been written since.
fn author(is: bool, [without, with]: [bool; 2], same: bool) -> bool {
    if same && is != with { is } else { without }
}

/// Gives a property the value it had, or takes it away, unless the profile would
/// be too large then.
fn put_back(living: &mut Attributes, name: &PropertyName, was: Option<&PropertyValue>) -> bool {
    let Some(was) = was else { return living.properties.unset(name) };
    let is = living.properties.value(name).cloned();
    living.properties.set(name.clone(), was.clone());
    if living.properties.fit() {
        return true;
    }
    if let Some(is) = is {
        living.properties.set(name.clone(), is);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sentinels;

    const RULES: Rules = Rules {
        anonymous_ids: 3,
        secondary_emails: 2,
        merges: 4,
        sentinels: Sentinels { added: Vec::new(), removed: Vec::new() },
        protect: false,
    };

    fn holding(id: u128, devices: &[&str], names: &[&str]) -> Profile {
        let email = |name: &&str| format!("{name}@example.com").parse().unwrap();
        let identifiers = ProfileIdentifiers {
            anonymous_ids: devices.iter().map(|device| device.parse().unwrap()).collect(),
            secondary_emails: names.iter().map(email).collect(),
            ..ProfileIdentifiers::default()
        };
        Profile { identifiers, ..Profile::new(ProfileId::from_bits(id), Timestamp::default()) }
    }

    /// Undoes the merge of the second into the first, of which `living` came.
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
    fn what_left_a_list_too_full_for_two_comes_back_to_its_place() {
        let first = holding(1, &["a", "b", "c"], &["ann", "bob"]);
        let second = holding(2, &["d"], &["cat"]);
        // The request named `a`, `d` and `cat`, which stayed.
        let living = holding(1, &["d", "a", "c"], &["cat", "bob"]);
        assert_eq!(undone(first.clone(), second, &living), first.identifiers);
    }

    #[test]
    fn what_joined_since_stays_and_the_oldest_goes_without() {
        let first = holding(1, &["a", "b", "c"], &[]);
        let living = holding(1, &["c", "d", "e"], &[]);
        let identifiers = undone(first, holding(2, &["d"], &[]), &living);
        assert_eq!(identifiers, holding(1, &["b", "c", "e"], &[]).identifiers);
    }

    #[test]
    fn what_was_taken_away_since_stays_away() {
        let first = holding(1, &["a"], &["ann"]);
        let living = holding(1, &["b", "a"], &[]);
        assert_eq!(
            undone(first, holding(2, &["b"], &[]), &living),
            holding(1, &["a"], &[]).identifiers
        );
    }
}
