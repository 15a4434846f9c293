//! Undo of a merge: the identifiers of the two profiles.

use crate::{Identifier, IdentitySettings, ProfileIdentifiers, decide::merge::newest};

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

/// Keeps the identifiers for which `keep` is true.
pub(super) fn retain(identifiers: &mut ProfileIdentifiers, keep: impl Fn(&Identifier) -> bool) {
    let ProfileIdentifiers { external_id, email, phone_number, anonymous_ids, secondary_emails } =
        identifiers;
    let keeps = |identifier: Identifier| keep(&identifier);
    *external_id = external_id.take().filter(|id| keeps(Identifier::ExternalId(id.clone())));
    *email = email.take().filter(|email| keeps(Identifier::Email(email.clone())));
    *phone_number = phone_number.take().filter(|n| keeps(Identifier::PhoneNumber(n.clone())));
    anonymous_ids.retain(|id| keeps(Identifier::AnonymousId(id.clone())));
    secondary_emails.retain(|email| keeps(Identifier::Email(email.clone())));
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
    if settings.anonymous_ids < after.anonymous_ids.len() {
        let (own, available) = (&mut survivor.anonymous_ids, &available.anonymous_ids);
        restore_entries(own, &before.anonymous_ids, available, settings.anonymous_ids);
    }
    if settings.secondary_emails < after.secondary_emails.len() {
        let (own, available) = (&mut survivor.secondary_emails, &available.secondary_emails);
        restore_entries(own, &before.secondary_emails, available, settings.secondary_emails);
    }
}

/// Puts available entries back at their previous positions, up to the limit.
fn restore_entries<T: Clone + PartialEq>(
    own: &mut Vec<T>,
    before: &[T],
    available: &[T],
    limit: usize,
) {
    let limit = limit.max(own.len());
    let older = before.iter().filter(|item| own.contains(item) || available.contains(item));
    let older = older.cloned().collect();
    let newer = own.drain(..).filter(|item| !before.contains(item)).collect();
    *own = newest(limit, older, newer);
}
