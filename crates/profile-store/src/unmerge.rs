//! Undoing a merge: two profiles out of one, from the record of how they became
//! one.

use profile_protocol::{Attributes, ChangedAttribute, Field, IdentifierKind, ProfileId};

use crate::{
    Apart, Held, Identifier, Merge, Profile, Rules, Timestamp, limits,
    merge::{UNBOUNDED, merge, newest},
};

/// What undoing a merge leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmerge {
    /// The survivor without what it had from the absorbed profile.
    pub survivor: Profile,
    /// The absorbed profile, living again.
    pub restored: Profile,
    /// The survivor's attributes that are now different.
    pub changed: Vec<ChangedAttribute>,
    /// Attributes it had from the absorbed profile that were written again after
    /// the merge: they stay with the survivor.
    pub kept: Vec<ChangedAttribute>,
    /// Identifiers of the absorbed profile that lead to somebody else by now.
    pub lost: Vec<IdentifierKind>,
}

/// Undoes `merge`, whose survivor is by now `living`, or was itself merged into
/// it. `owner` tells whom an identifier leads to now.
///
/// If nothing was written since the merge, both profiles are what they were. What
/// was written since stays with the survivor. The claims that led to the merge do
/// not lead to it again; any other claim may.
pub fn unmerge(
    merge: &Merge,
    living: Profile,
    owner: impl Fn(&Identifier) -> Option<ProfileId>,
    rules: &Rules,
    now: Timestamp,
) -> Unmerge {
    let merged = merged(merge);
    let mut restored = merge.absorbed.clone();
    let mut survivor = living;

    let id = survivor.id;
    let free = |identifier: &Identifier| owner(identifier).is_none_or(|owner| owner == id);
    let lost = restored.held.identifiers().filter(|identifier| !free(identifier));
    let lost = lost.map(|identifier| identifier.kind()).collect();
    retain(&mut restored.held, free);
    take_back(&mut survivor.held, &restored.held);
    let leads_nowhere = |identifier: &Identifier| owner(identifier).is_none();
    readmit_evicted(&mut survivor.held, &merge.survivor.held, &merged.held, rules, leads_nowhere);

    restored.absorbed.retain(|absorbed| survivor.absorbed.contains(absorbed));
    survivor.absorbed.retain(|id| *id != restored.id && !restored.absorbed.contains(id));
    let theirs =
        |apart: &Apart| restored.apart.contains(apart) && !merge.survivor.apart.contains(apart);
    survivor.apart.retain(|apart| !theirs(apart));
    let links =
        merge.links.iter().map(|link| Apart { from: merge.survivor.id, link: link.clone() });
    restored.apart = newest(limits::APART, restored.apart, links.collect());

    if survivor.created == merged.created {
        survivor.created = merge.survivor.created;
    }
    let (changed, kept) =
        part_attributes(&mut survivor.attributes, &merge.survivor.attributes, &merged.attributes);
    survivor.updated = now;
    restored.updated = now;
    Unmerge { survivor, restored, changed, kept, lost }
}

/// What the merge made of the two, before its lists were cut to their bounds.
fn merged(recorded: &Merge) -> Profile {
    merge(recorded.survivor.clone(), recorded.absorbed.clone(), &UNBOUNDED)
}

/// Keeps the identifiers of which `keep` is true.
fn retain(held: &mut Held, keep: impl Fn(&Identifier) -> bool) {
    let Held { external_id, email, phone_number, anonymous_ids, secondary_emails } = held;
    let keeps = |identifier: Identifier| keep(&identifier);
    *external_id = external_id.take().filter(|id| keeps(Identifier::ExternalId(id.clone())));
    *email = email.take().filter(|email| keeps(Identifier::Email(email.clone())));
    *phone_number = phone_number.take().filter(|n| keeps(Identifier::PhoneNumber(n.clone())));
    anonymous_ids.retain(|id| keeps(Identifier::AnonymousId(id.clone())));
    secondary_emails.retain(|email| keeps(Identifier::Email(email.clone())));
}

/// Takes the identifiers of the restored profile away from the survivor.
fn take_back(survivor: &mut Held, restored: &Held) {
    retain(survivor, |identifier| !restored.holds(identifier));
}

/// Gives back to the survivor what left its lists when they were too full for two,
/// and leads to nobody since.
fn readmit_evicted(
    survivor: &mut Held,
    before: &Held,
    merged: &Held,
    rules: &Rules,
    leads_nowhere: impl Fn(&Identifier) -> bool,
) {
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

/// Puts back what the survivor had before the merge, where it still has what the
/// merge gave it. Names what that changed, and what was written since.
fn part_attributes(
    living: &mut Attributes,
    before: &Attributes,
    merged: &Attributes,
) -> (Vec<ChangedAttribute>, Vec<ChangedAttribute>) {
    let (mut changed, mut kept) = (Vec::new(), Vec::new());
    for field in Field::ALL {
        let (was, became) = (&before.fields[field], &merged.fields[field]);
        if was == became {
            continue;
        }
        if living.fields[field] == *became {
            living.fields[field].clone_from(was);
            changed.push(ChangedAttribute::Field(field));
        } else {
            kept.push(ChangedAttribute::Field(field));
        }
    }
    // A merge only ever adds properties.
    for (name, value) in merged.properties.iter() {
        if before.properties.value(name).is_some() {
            continue;
        }
        if living.properties.value(name) == Some(value) {
            living.properties.unset(name);
            changed.push(ChangedAttribute::Property(name.clone()));
        } else {
            kept.push(ChangedAttribute::Property(name.clone()));
        }
    }
    (changed, kept)
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
    };

    fn holding(id: u128, devices: &[&str], names: &[&str]) -> Profile {
        let email = |name: &&str| format!("{name}@example.com").parse().unwrap();
        let held = Held {
            anonymous_ids: devices.iter().map(|device| device.parse().unwrap()).collect(),
            secondary_emails: names.iter().map(email).collect(),
            ..Held::default()
        };
        Profile { held, ..Profile::new(ProfileId::from_bits(id), Timestamp::default()) }
    }

    /// Undoes the merge of the second into the first, of which `living` came.
    fn undone(first: Profile, second: Profile, living: &Profile) -> Held {
        let (at, links) = (Timestamp::default(), Vec::new());
        let survivor = living.clone();
        let merge = Merge { sequence: 1, at, survivor: first, absorbed: second, links };
        let owner = |identifier: &Identifier| living.held.holds(identifier).then_some(living.id);
        unmerge(&merge, survivor, owner, &RULES, at).survivor.held
    }

    #[test]
    fn what_left_a_list_too_full_for_two_comes_back_to_its_place() {
        let first = holding(1, &["a", "b", "c"], &["ann", "bob"]);
        let second = holding(2, &["d"], &["cat"]);
        // The request named `a`, `d` and `cat`, which stayed.
        let living = holding(1, &["d", "a", "c"], &["cat", "bob"]);
        assert_eq!(undone(first.clone(), second, &living), first.held);
    }

    #[test]
    fn what_joined_since_stays_and_the_oldest_goes_without() {
        let first = holding(1, &["a", "b", "c"], &[]);
        let living = holding(1, &["c", "d", "e"], &[]);
        let held = undone(first, holding(2, &["d"], &[]), &living);
        assert_eq!(held, holding(1, &["b", "c", "e"], &[]).held);
    }

    #[test]
    fn what_was_taken_away_since_stays_away() {
        let first = holding(1, &["a"], &["ann"]);
        let living = holding(1, &["b", "a"], &[]);
        assert_eq!(undone(first, holding(2, &["b"], &[]), &living), holding(1, &["a"], &[]).held);
    }
}
