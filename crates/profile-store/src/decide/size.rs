//! Sizes: how much room properties take, and how much a request may make of that.

use std::collections::BTreeMap;

use profile_protocol::{
    Properties, PropertyName,
    limits::{PROPERTIES, PROPERTIES_BYTES},
};

use crate::{
    Caller,
    limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES},
};

/// Whether the properties of all of these find room in one profile, whoever asks and
/// though no name were that of another. It is so nearly always, and quickly told.
pub(crate) fn fit_together<'a>(mut all: impl Iterator<Item = &'a Properties>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    all.all(|properties| {
        count += properties.len();
        bytes += properties.bytes();
        count <= CLIENT_PROPERTIES && bytes <= CLIENT_PROPERTIES_BYTES
    })
}

/// How many bytes each property takes, its name and its value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sizes<'a> {
    by_name: BTreeMap<&'a PropertyName, usize>,
}

impl<'a> Sizes<'a> {
    pub(crate) fn of(properties: &'a Properties) -> Sizes<'a> {
        let sizes = properties
            .iter()
            .map(|(name, value)| (name, name.as_str().len() + value.as_json().len()));
        Sizes { by_name: sizes.collect() }
    }

    /// Those of two profiles that become one, at most: of what both have, the larger
    /// counts, whichever will stand.
    pub(crate) fn and(mut self, other: &Sizes<'a>) -> Sizes<'a> {
        for (&name, &bytes) in &other.by_name {
            let own = self.by_name.entry(name).or_default();
            *own = bytes.max(*own);
        }
        self
    }

    /// Whether who asks may make so much of this. A client may fill a profile up to its
    /// own bound. What is beyond is the company's, and were it enough that the whole does
    /// not grow, a client could put its own in place of that: so beyond the number no
    /// name may be new, and beyond the bytes nothing may take more of them.
    pub(crate) fn may_become(&self, after: &Sizes<'_>, caller: Caller) -> bool {
        let (count, bytes) = (after.by_name.len(), after.by_name.values().sum::<usize>());
        let fits = count <= PROPERTIES && bytes <= PROPERTIES_BYTES;
        let mut all = after.by_name.iter();
        fits && match caller {
            Caller::Client if CLIENT_PROPERTIES_BYTES < bytes => {
                all.all(|(name, bytes)| self.by_name.get(name).is_some_and(|had| bytes <= had))
            }
            Caller::Client if CLIENT_PROPERTIES < count => {
                all.all(|(name, _)| self.by_name.contains_key(name))
            }
            Caller::Client | Caller::Server => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many properties, which take so many bytes together; the last takes what the
    /// others leave.
    fn properties(count: usize, bytes: usize) -> Properties {
        let name = |number: usize| format!("{number:04}").parse().unwrap();
        let value = |bytes: usize| "1".repeat(bytes).parse().unwrap();
        let mut properties: Properties =
            (1..count).map(|number| (name(number), value(1))).collect();
        properties.set(name(count), value(bytes - 5 * (count - 1) - 4));
        properties
    }

    fn becomes(before: (usize, usize), after: (usize, usize), caller: Caller) -> bool {
        let (before, after) = (properties(before.0, before.1), properties(after.0, after.1));
        Sizes::of(&before).may_become(&Sizes::of(&after), caller)
    }

    #[test]
    fn the_company_may_use_all_of_the_room_and_clients_all_but_its_share() {
        for (caller, count, bytes) in [
            (Caller::Client, CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES),
            (Caller::Server, PROPERTIES, PROPERTIES_BYTES),
        ] {
            assert!(becomes((1, 5), (count, bytes), caller));
            assert!(!becomes((1, 5), (count + 1, bytes), caller));
            assert!(!becomes((1, 5), (count, bytes + 1), caller));
        }
    }

    #[test]
    fn what_is_beyond_the_bound_of_clients_may_stay_and_shrink_but_not_grow() {
        let large = (CLIENT_PROPERTIES + 20, CLIENT_PROPERTIES_BYTES + 20);
        assert!(becomes(large, large, Caller::Client));
        assert!(becomes(large, (large.0, large.1 - 1), Caller::Client));
        for more in [(large.0 + 1, large.1), (large.0, large.1 + 1)] {
            assert!(!becomes(large, more, Caller::Client));
            assert!(becomes(large, more, Caller::Server));
        }
    }

    #[test]
    fn what_fits_though_nothing_is_shared_fits_whoever_asks() {
        let fit = |all: &[(usize, usize)]| {
            let all: Vec<Properties> =
                all.iter().map(|&(count, bytes)| properties(count, bytes)).collect();
            fit_together(all.iter())
        };
        assert!(fit(&[(CLIENT_PROPERTIES - 5, 50_000), (5, 100)]));
        assert!(!fit(&[(CLIENT_PROPERTIES - 5, 50_000), (6, 100)]));
        assert!(fit(&[(5, CLIENT_PROPERTIES_BYTES - 100), (5, 100)]));
        assert!(!fit(&[(5, CLIENT_PROPERTIES_BYTES - 100), (5, 101)]));
    }

    #[test]
    fn a_bound_that_is_not_reached_holds_nothing_up() {
        let many = (CLIENT_PROPERTIES + 20, 50_000);
        assert!(becomes(many, (many.0, 60_000), Caller::Client));
        let long = (5, CLIENT_PROPERTIES_BYTES + 20);
        assert!(!becomes(long, (6, long.1), Caller::Client));
    }

    #[test]
    fn what_two_have_in_common_counts_once_and_as_the_larger() {
        let (ours, theirs) = (properties(3, 40), properties(2, 90));
        let (ours, theirs) = (Sizes::of(&ours), Sizes::of(&theirs));
        let together = ours.clone().and(&theirs);
        let sizes: Vec<usize> = together.by_name.values().copied().collect();
        assert_eq!(sizes, [5, 85, 30]);
        assert_eq!(theirs.and(&ours), together);
    }
}
