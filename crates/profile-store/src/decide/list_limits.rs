//! The limits of the lists of identifiers.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::{Claims, Identifier, IdentitySettings, ProfileIdentifiers};

/// Truncates the lists of anonymous ids and secondary addresses to their limits.
///
/// The oldest entry is removed first. Entries that the request claims stay, since they are in use
/// now. If the request claims more than the limit, the last claims are removed.
pub(super) fn limit_lists(
    identifiers: &mut ProfileIdentifiers,
    claims: &Claims,
    settings: &IdentitySettings,
) {
    let ProfileIdentifiers { anonymous_ids, secondary_emails, .. } = identifiers;
    if anonymous_ids.len() <= settings.anonymous_ids
        && secondary_emails.len() <= settings.secondary_emails
    {
        return;
    }
    // A request may claim thousands of addresses, so the claims are read once.
    let ranks: HashMap<&Identifier, usize> = claims.identifiers().zip(0..).collect();
    let rank = |identifier| ranks.get(&identifier).copied();
    keep(anonymous_ids, settings.anonymous_ids, |id| rank(Identifier::AnonymousId(id.clone())));
    keep(secondary_emails, settings.secondary_emails, |email| {
        rank(Identifier::Email(email.clone()))
    });
}

/// Keeps the entries of lowest rank, then the newest of those without a rank.
fn keep<T>(list: &mut Vec<T>, limit: usize, rank: impl Fn(&T) -> Option<usize>) {
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
    list.retain(|_| {
        let is_kept = !removed.contains(&position);
        position += 1;
        is_kept
    });
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
