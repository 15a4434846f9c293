//! Undoing a merge: two profiles out of one, from the record of how they became
//! one.

use profile_protocol::{Attributes, ChangedAttribute, Field, IdentifierKind, ProfileId};

use crate::{
    Apart, Held, Identifier, Merge, Profile, Rules, Timestamp, limits,
    merge::{merge, newest},
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
    let merged = merged(merge, rules);
    let mut restored = merge.absorbed.clone();
    let mut survivor = living;

    let id = survivor.id;
    let free = |identifier: &Identifier| owner(identifier).is_none_or(|owner| owner == id);
    let lost = restored.held.identifiers().filter(|identifier| !free(identifier));
    let lost = lost.map(|identifier| identifier.kind()).collect();
    retain(&mut restored.held, free);
    take_back(&mut survivor.held, &restored.held);
    let leads_nowhere = |identifier: &Identifier| owner(identifier).is_none();
    readmit_evicted(&mut survivor.held, &merge.survivor.held, &merged.held, leads_nowhere);

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

/// What the merge made of the two.
fn merged(recorded: &Merge, rules: &Rules) -> Profile {
    merge(recorded.survivor.clone(), recorded.absorbed.clone(), rules)
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

/// Gives back to the survivor what left its full lists when they were merged, and
/// leads to nobody since. A device only ever leaves a list because it is full; an
/// address may have been taken away since, and stays so.
fn readmit_evicted(
    survivor: &mut Held,
    before: &Held,
    merged: &Held,
    free: impl Fn(&Identifier) -> bool,
) {
    let mut evicted = before.clone();
    let device = |identifier: &Identifier| identifier.kind() == IdentifierKind::AnonymousId;
    retain(&mut evicted, |identifier| {
        free(identifier) && (device(identifier) || !merged.holds(identifier))
    });
    let own = std::mem::take(&mut survivor.anonymous_ids);
    survivor.anonymous_ids =
        newest(before.anonymous_ids.len().max(own.len()), evicted.anonymous_ids, own);
    let own = std::mem::take(&mut survivor.secondary_emails);
    survivor.secondary_emails =
        newest(before.secondary_emails.len().max(own.len()), evicted.secondary_emails, own);
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
