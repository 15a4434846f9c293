//! Places: what is locked and committed together.

use std::num::NonZeroU32;

/// What is locked and committed together. A tenant belongs to one place for as long as any process
/// has the data open.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place(u32);

impl Place {
    /// The place of a tenant among `places`.
    pub fn of_tenant(tenant: &[u8], places: NonZeroU32) -> Place {
        // FNV-1a: the same on every machine and in every version.
        let hash = tenant.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        Place(hash % places)
    }

    /// The place of a key's tenant.
    pub fn of_key(key: &[u8], places: NonZeroU32) -> Place {
        let tenant = key.split(|byte| *byte == 0).next().unwrap_or_default();
        Place::of_tenant(tenant, places)
    }

    /// All places, in order.
    pub fn all(places: NonZeroU32) -> impl Iterator<Item = Place> {
        (0..places.get()).map(Place)
    }

    /// Its number, from zero.
    pub const fn number(self) -> u32 {
        self.0
    }
}
