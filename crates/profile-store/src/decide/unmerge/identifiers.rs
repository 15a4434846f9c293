//! Undo of a merge: the identifiers of the two profiles.

use profile_protocol::Email;

use crate::{
    Device, Identifier, IdentitySettings, Merge, ProfileIdentifiers, SingleKinds,
    decide::merge::last_seen,
};

/// The survivor's identifiers just before and just after the merge, and the limits of its lists.
#[derive(Clone, Copy)]
pub(super) struct ListsAtMerge<'a> {
    pub(super) before: &'a ProfileIdentifiers,
    /// The merged identifiers before the lists were truncated.
    pub(super) after: &'a ProfileIdentifiers,
    pub(super) settings: &'a IdentitySettings,
}

/// Removes the absorbed profile's identifiers from the survivor, and restores the entries that
/// the merge removed from its full lists.
pub(super) fn split_identifiers(
    survivor: &mut ProfileIdentifiers,
    absorbed: &ProfileIdentifiers,
    lists: ListsAtMerge<'_>,
    has_no_owner: impl Fn(&Identifier) -> bool,
) {
    retain(survivor, |identifier| !absorbed.holds(identifier));
    restore_removed(survivor, lists, has_no_owner);
}

/// Gives a profile the single identifiers `without` the merge where those `with` the merge are
/// gone, unless another profile holds them since: they gave way to those of the absorbed profile.
pub(super) fn split_single(
    identifiers: &mut ProfileIdentifiers,
    with: &ProfileIdentifiers,
    without: &ProfileIdentifiers,
    has_no_owner: impl Fn(&Identifier) -> bool,
) {
    for kind in SingleKinds::ALL {
        let gave_way = with.single(kind) != without.single(kind);
        let returns = without.single(kind).is_some_and(|previous| has_no_owner(&previous));
        if gave_way && returns && identifiers.single(kind).is_none() {
            identifiers.take_single_of(without, kind);
        }
    }
}

/// Gives the restored profile the identifiers that the company has given the survivor since, in
/// place of those that came with the absorbed profile. They stay if the company has named one of
/// another kind for the survivor, before the merge or since, and so do those that the survivor had
/// before the merge.
pub(super) fn take_replacements(
    restored: &mut ProfileIdentifiers,
    survivor: &mut ProfileIdentifiers,
    [before, absorbed, merged]: [&ProfileIdentifiers; 3],
    later: &[Merge],
) {
    let (came, stayed): (Vec<_>, Vec<_>) = SingleKinds::ALL.into_iter().partition(|&kind| {
        absorbed.single(kind).is_some() && absorbed.single(kind) == merged.single(kind)
    });
    let is_named =
        |kind| survivor.single(kind).is_some() && !survivor.client_attached.contains(kind);
    if stayed.into_iter().any(is_named) {
        return;
    }
    for kind in came {
        let now = survivor.single(kind);
        let is_new = now != merged.single(kind) && now != before.single(kind);
        let is_replaced = is_new && !survivor.client_attached.contains(kind);
        let came_by_merge =
            later.iter().any(|merge| merge.absorbed.identifiers.single(kind) == now);
        if now.is_some() && is_replaced && !came_by_merge {
            restored.take_single_of(survivor, kind);
            survivor.remove_single(kind);
        }
    }
}

/// Notes that the company has named identifiers since a merge, while the merged profile held them.
pub(super) fn confirm(restored: &mut ProfileIdentifiers, living: &ProfileIdentifiers) {
    for kind in SingleKinds::ALL {
        let is_same = restored.single(kind) == living.single(kind);
        if is_same && !living.client_attached.contains(kind) {
            restored.client_attached.remove(kind);
        }
    }
}

/// Keeps the identifiers for which `keep` is true.
pub(super) fn retain(identifiers: &mut ProfileIdentifiers, keep: impl Fn(&Identifier) -> bool) {
    for kind in SingleKinds::ALL {
        if identifiers.single(kind).is_some_and(|identifier| !keep(&identifier)) {
            identifiers.remove_single(kind);
        }
    }
    let ProfileIdentifiers { devices, secondary_emails, .. } = identifiers;
    devices.retain(|device| keep(&Identifier::AnonymousId(device.id.clone())));
    secondary_emails.retain(|email| keep(&Identifier::Email(email.clone())));
}

/// Restores the survivor's entries that the merge removed from full lists and that no profile
/// holds since.
fn restore_removed(
    survivor: &mut ProfileIdentifiers,
    lists: ListsAtMerge<'_>,
    has_no_owner: impl Fn(&Identifier) -> bool,
) {
    let ListsAtMerge { before, after, settings } = lists;
    let mut available = before.clone();
    retain(&mut available, has_no_owner);
    // They are known only if the merge removed some of them.
    if !before.devices.is_empty() {
        restore_devices(&mut survivor.devices, available.devices, settings.anonymous_ids);
    }
    if settings.secondary_emails < after.secondary_emails.len() {
        let (own, available) = (&mut survivor.secondary_emails, &available.secondary_emails);
        restore_emails(own, &before.secondary_emails, available, settings.secondary_emails);
    }
}

/// Puts available devices back where the list has space, those that were seen last. No device
/// leaves.
fn restore_devices(own: &mut Vec<Device>, mut available: Vec<Device>, limit: usize) {
    available.retain(|device| own.iter().all(|held| held.id != device.id));
    let excess = available.len().saturating_sub(limit.saturating_sub(own.len()));
    let returning = available.split_off(excess);
    *own = last_seen(usize::MAX, returning, std::mem::take(own));
}

/// Puts available addresses back at their previous positions where the list has space, the newest
/// of them. No address leaves.
fn restore_emails(own: &mut Vec<Email>, before: &[Email], available: &[Email], limit: usize) {
    let returning = available.iter().filter(|item| !own.contains(item)).rev();
    let returning: Vec<&Email> = returning.take(limit.saturating_sub(own.len())).collect();
    let older = before.iter().filter(|item| own.contains(item) || returning.contains(item));
    let older: Vec<Email> = older.cloned().collect();
    let newer = own.drain(..).filter(|item| !before.contains(item));
    *own = older.into_iter().chain(newer).collect();
}
