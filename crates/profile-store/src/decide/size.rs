//! Sizes of properties, and how far a request may increase them.

use std::collections::BTreeMap;

use profile_protocol::limits::{PROPERTIES, PROPERTIES_BYTES};

use crate::{
    Caller, StoredProfile,
    limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES},
};

/// The profile would exceed the limit of properties, so nothing of the request is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the profile would have more properties than one may keep")]
pub struct PropertiesTooLarge;

/// Whether a profile has no more properties than one may have.
pub(crate) fn fits(profile: &StoredProfile) -> bool {
    profile.property_count() <= PROPERTIES && profile.property_bytes() <= PROPERTIES_BYTES
}

/// Whether the properties of all profiles fit into one profile for every caller, even if all
/// names differ. This is nearly always so, and it is decided without looking at names.
pub(crate) fn fit_together<'a>(mut profiles: impl Iterator<Item = &'a StoredProfile>) -> bool {
    let (mut count, mut bytes) = (0, 0);
    profiles.all(|profile| {
        count += profile.property_count();
        bytes += profile.property_bytes();
        count <= CLIENT_PROPERTIES && bytes <= CLIENT_PROPERTIES_BYTES
    })
}

/// The size of each property: the bytes of its name and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PropertySizes<'a> {
    by_name: BTreeMap<&'a [u8], usize>,
}

impl<'a> PropertySizes<'a> {
    /// The sizes of no properties.
    pub(crate) fn none() -> PropertySizes<'a> {
        PropertySizes { by_name: BTreeMap::new() }
    }

    pub(crate) fn from_profile(profile: &'a StoredProfile) -> PropertySizes<'a> {
        let sizes = profile
            .properties()
            .map(|property| (property.name, property.name.len() + property.value.len()));
        PropertySizes { by_name: sizes.collect() }
    }

    /// The upper bound of the sizes after a merge: of a property that both have, the larger
    /// counts, whichever the merge keeps.
    pub(crate) fn merged_with(mut self, other: &PropertySizes<'a>) -> PropertySizes<'a> {
        for (&name, &bytes) in &other.by_name {
            let own = self.by_name.entry(name).or_insert(bytes);
            *own = bytes.max(*own);
        }
        self
    }

    /// Whether the caller may turn properties of these sizes into those of `after`.
    pub(crate) fn may_become(&self, after: &PropertySizes<'_>, caller: Caller) -> bool {
        let (count, bytes) = (after.by_name.len(), after.bytes());
        if PROPERTIES < count || PROPERTIES_BYTES < bytes {
            return false;
        }
        match caller {
            Caller::Client if CLIENT_PROPERTIES_BYTES < bytes => !self.grows_in(after),
            Caller::Client if CLIENT_PROPERTIES < count => !self.lacks_name_of(after),
            Caller::Client | Caller::Server => true,
        }
    }

    fn bytes(&self) -> usize {
        self.by_name.values().sum()
    }

    /// Whether a property of `after` is new or larger. Beyond the limit of clients the company's
    /// properties fill the profile. If only the total counted, a client could replace them with
    /// its own.
    fn grows_in(&self, after: &PropertySizes<'_>) -> bool {
        let grows = |(name, bytes): (&&[u8], &usize)| {
            self.by_name.get(name).is_none_or(|before| before < bytes)
        };
        after.by_name.iter().any(grows)
    }

    /// Whether a property of `after` is new.
    fn lacks_name_of(&self, after: &PropertySizes<'_>) -> bool {
        after.by_name.keys().any(|name| !self.by_name.contains_key(name))
    }
}

#[cfg(test)]
mod tests {
    use profile_protocol::ProfileId;

    use super::*;
    use crate::{Profile, Timestamp};

    /// A profile with this many properties of this total size. The last property takes the bytes
    /// that the others leave.
    fn profile(count: usize, bytes: usize) -> StoredProfile {
        let name = |number: usize| format!("{number:04}").parse().unwrap();
        let value = |bytes: usize| match bytes.checked_sub(2) {
            Some(inner) => format!("\"{}\"", "x".repeat(inner)).parse().unwrap(),
            None => "1".parse().unwrap(),
        };
        let mut profile = Profile::new(ProfileId::from_bits(1), Timestamp::default());
        let properties = &mut profile.attributes.properties;
        *properties = (1..count).map(|number| (name(number), value(1))).collect();
        properties.set(name(count), value(bytes - 5 * (count - 1) - 4));
        profile.into()
    }

    fn becomes(before: (usize, usize), after: (usize, usize), caller: Caller) -> bool {
        let (before, after) = (profile(before.0, before.1), profile(after.0, after.1));
        let after = PropertySizes::from_profile(&after);
        PropertySizes::from_profile(&before).may_become(&after, caller)
    }

    #[test]
    fn the_company_fills_a_profile_and_clients_leave_a_reserve() {
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
    fn beyond_the_limit_of_clients_a_profile_may_stay_and_shrink_but_not_grow() {
        let large = (CLIENT_PROPERTIES + 20, CLIENT_PROPERTIES_BYTES + 20);
        assert!(becomes(large, large, Caller::Client));
        assert!(becomes(large, (large.0, large.1 - 1), Caller::Client));
        for more in [(large.0 + 1, large.1), (large.0, large.1 + 1)] {
            assert!(!becomes(large, more, Caller::Client));
            assert!(becomes(large, more, Caller::Server));
        }
    }

    #[test]
    fn profiles_that_fit_without_common_names_fit_for_every_caller() {
        let fit = |all: &[(usize, usize)]| {
            let all: Vec<StoredProfile> =
                all.iter().map(|&(count, bytes)| profile(count, bytes)).collect();
            fit_together(all.iter())
        };
        assert!(fit(&[(CLIENT_PROPERTIES - 5, 50_000), (5, 100)]));
        assert!(!fit(&[(CLIENT_PROPERTIES - 5, 50_000), (6, 100)]));
        assert!(fit(&[(5, CLIENT_PROPERTIES_BYTES - 100), (5, 100)]));
        assert!(!fit(&[(5, CLIENT_PROPERTIES_BYTES - 100), (5, 101)]));
    }

    #[test]
    fn each_limit_applies_only_where_it_is_exceeded() {
        let many = (CLIENT_PROPERTIES + 20, 50_000);
        assert!(becomes(many, (many.0, 60_000), Caller::Client));
        let long = (5, CLIENT_PROPERTIES_BYTES + 20);
        assert!(!becomes(long, (6, long.1), Caller::Client));
    }

    #[test]
    fn a_common_property_counts_once_with_its_larger_size() {
        let (ours, theirs) = (profile(3, 40), profile(2, 90));
        let ours = PropertySizes::from_profile(&ours);
        let theirs = PropertySizes::from_profile(&theirs);
        let together = ours.clone().merged_with(&theirs);
        let sizes: Vec<usize> = together.by_name.values().copied().collect();
        assert_eq!(sizes, [5, 85, 30]);
        assert_eq!(theirs.merged_with(&ours), together);
    }
}
