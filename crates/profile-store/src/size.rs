//! Sizes: how many properties a profile has, and how many a request may make of them.

use profile_protocol::{
    Properties,
    limits::{PROPERTIES, PROPERTIES_BYTES},
};

use crate::{
    Scope,
    limits::{CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES},
};

/// How many properties there are, and how much room they take.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Size {
    properties: usize,
    bytes: usize,
}

impl Size {
    pub(crate) fn of(properties: &Properties) -> Size {
        Size { properties: properties.len(), bytes: properties.bytes() }
    }

    /// That of both, as if they had no property in common.
    pub(crate) fn and(self, other: Size) -> Size {
        Size { properties: self.properties + other.properties, bytes: self.bytes + other.bytes }
    }

    /// Whether who asks may make so much of this. A client may fill a profile up to its
    /// own bound; what is beyond, it may change, but not let grow.
    pub(crate) fn may_become(self, after: Size, scope: Scope) -> bool {
        let (properties, bytes) = match scope {
            Scope::Client => (
                CLIENT_PROPERTIES.max(self.properties).min(PROPERTIES),
                CLIENT_PROPERTIES_BYTES.max(self.bytes).min(PROPERTIES_BYTES),
            ),
            Scope::Server => (PROPERTIES, PROPERTIES_BYTES),
        };
        after.properties <= properties && after.bytes <= bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(properties: usize, bytes: usize) -> Size {
        Size { properties, bytes }
    }

    #[test]
    fn the_company_may_use_all_of_the_room_and_clients_all_but_its_share() {
        let (clients, all) =
            (size(CLIENT_PROPERTIES, CLIENT_PROPERTIES_BYTES), size(PROPERTIES, PROPERTIES_BYTES));
        let one = size(1, 1);
        assert!(one.may_become(clients, Scope::Client) && one.may_become(all, Scope::Server));
        for more in [size(1, 0), size(0, 1)] {
            assert!(!one.may_become(clients.and(more), Scope::Client));
            assert!(!one.may_become(all.and(more), Scope::Server));
        }
    }

    #[test]
    fn what_is_beyond_the_bound_of_clients_may_stay_and_shrink_but_not_grow() {
        let large = size(CLIENT_PROPERTIES + 20, CLIENT_PROPERTIES_BYTES + 20);
        assert!(large.may_become(large, Scope::Client));
        assert!(large.may_become(size(CLIENT_PROPERTIES + 19, 5), Scope::Client));
        assert!(size(PROPERTIES, 50).may_become(size(PROPERTIES, 60), Scope::Client));
        for more in [size(1, 0), size(0, 1)] {
            assert!(!large.may_become(large.and(more), Scope::Client));
            assert!(large.may_become(large.and(more), Scope::Server));
        }
    }
}
