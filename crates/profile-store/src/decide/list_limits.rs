//! The limits of the lists of identifiers.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::{Claims, Identifier, IdentitySettings, ProfileIdentifiers, Timestamp, decide::devices};

/// Truncates the lists of devices and secondary addresses to their limits. `before` are the
/// identifiers of the survivor before the request. Returns the entries that leave.
///
/// The device that was seen longest ago, and the oldest address, leave first. Entries that the
/// request claims stay, since they are in use now. If the request claims more than the limit, the
/// last claims are removed. Clients push out no device that has returned lately.
pub(super) fn limit_lists(
    identifiers: &mut ProfileIdentifiers,
    before: &ProfileIdentifiers,
    claims: &Claims,
    settings: &IdentitySettings,
    now: Timestamp,
) -> Vec<Identifier> {
    let ProfileIdentifiers { devices, secondary_emails: emails, .. } = identifiers;
    let left = devices::limit(devices, &before.devices, claims, settings.anonymous_ids, now);
    let mut left: Vec<Identifier> =
        left.into_iter().map(|device| Identifier::AnonymousId(device.id)).collect();
    if settings.secondary_emails < emails.len() {
        // A request may claim thousands of addresses, so the claims are read once.
        let ranks: HashMap<&Identifier, usize> = claims.identifiers().zip(0..).collect();
        let rank = |identifier| ranks.get(&identifier).copied();
        let removed =
            keep(emails, settings.secondary_emails, |email| rank(Identifier::Email(email.clone())));
        left.extend(removed.into_iter().map(Identifier::Email));
    }
    left
}

/// Keeps the entries of lowest rank, then the newest of those without a rank. Returns the others.
fn keep<T>(list: &mut Vec<T>, limit: usize, rank: impl Fn(&T) -> Option<usize>) -> Vec<T> {
    let mut by_priority: Vec<_> = list
        .iter()
        .enumerate()
        .map(|(position, item)| {
            let rank = rank(item);
            (rank.is_none(), rank, Reverse(position))
        })
        .collect();
    by_priority.sort_unstable();
    let removed: HashSet<usize> =
        by_priority.into_iter().skip(limit).map(|(_, _, Reverse(position))| position).collect();
    let mut position = 0;
    let is_removed = |_: &mut T| {
        let is_removed = removed.contains(&position);
        position += 1;
        is_removed
    };
    list.extract_if(.., is_removed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_claims_stay_then_the_newest_entries() {
        let rank = |item: &char| "da".chars().position(|claimed| claimed == *item);
        let kept = |limit| {
            let mut list: Vec<char> = "abcd".chars().collect();
            keep(&mut list, limit, rank);
            list.into_iter().collect::<String>()
        };
        assert_eq!([0, 1, 2, 3, 4].map(kept), ["", "d", "ad", "acd", "abcd"]);
    }
}
