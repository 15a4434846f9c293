//! Undo of a merge: the identifiers of the two profiles.

use profile_protocol::Email;

use crate::{
    Device, Identifier, IdentitySettings, ProfileIdentifiers, SingleKinds,
    decide::merge::{last_seen, newest},
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

/// Puts available devices back, those that were seen last, up to the limit.
fn restore_devices(own: &mut Vec<Device>, available: Vec<Device>, limit: usize) {
    *own = last_seen(limit.max(own.len()), available, std::mem::take(own));
}

/// Puts available addresses back at their previous positions, up to the limit.
fn restore_emails(own: &mut Vec<Email>, before: &[Email], available: &[Email], limit: usize) {
    let limit = limit.max(own.len());
    let older = before.iter().filter(|item| own.contains(item) || available.contains(item));
    let older = older.cloned().collect();
    let newer = own.drain(..).filter(|item| !before.contains(item)).collect();
    *own = newest(limit, older, newer);
}
