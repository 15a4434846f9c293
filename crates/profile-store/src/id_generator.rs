//! Ids, and where their time and entropy come from.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use profile_protocol::ProfileId;

use crate::limits;

/// Milliseconds since 1970-01-01, UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp {
    millis: u64,
}

impl Timestamp {
    /// The moment that many milliseconds after 1970-01-01, UTC.
    pub const fn from_millis(millis: u64) -> Timestamp {
        Timestamp { millis }
    }

    /// Milliseconds since 1970-01-01, UTC.
    pub const fn millis(self) -> u64 {
        self.millis
    }

    /// Whole days since 1970-01-01, UTC.
    pub const fn day(self) -> u64 {
        self.millis / (24 * 60 * 60 * 1_000)
    }

    /// The next millisecond.
    pub(crate) const fn next(self) -> Timestamp {
        Timestamp { millis: self.millis.saturating_add(1) }
    }
}

/// What ids are made of: the store's only source of time and entropy, so that a test can replace
/// both.
pub trait IdGenerator: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Unpredictable bits, of which an id takes the last [`ENTROPY_BITS`].
    fn entropy(&self) -> Result<u128, NoEntropy>;
}

/// How many bits of an id are entropy. The rest is the time.
pub const ENTROPY_BITS: u32 = 80;

/// The id of a profile created at that time. It must not be guessed, since an id
/// is the strongest claim a request can make.
pub(crate) fn profile_id(now: Timestamp, entropy: u128) -> ProfileId {
    // 48 bits of milliseconds last until the year 10889.
    let entropy = entropy & ((1 << ENTROPY_BITS) - 1);
    ProfileId::from_bits(u128::from(now.millis()) << ENTROPY_BITS | entropy)
}

/// The time in an id.
pub(crate) fn time_of(id: ProfileId) -> Timestamp {
    let millis = id.bits() >> ENTROPY_BITS;
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The bits of the first and the last id of that time, if ids can be of it.
pub(crate) fn ids_at(at: Timestamp) -> Option<(u128, u128)> {
    let millis = u128::from(at.millis());
    let first = (millis <= u128::MAX >> ENTROPY_BITS).then_some(millis << ENTROPY_BITS)?;
    Some((first, first | ((1 << ENTROPY_BITS) - 1)))
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// The clock and the random bytes of the operating system.
#[derive(Default)]
pub struct SystemIdGenerator {
    /// Entropy for the next ids, so that not each of them takes a system call.
    pool: Mutex<Vec<[u8; 16]>>,
}

impl IdGenerator for SystemIdGenerator {
    #[expect(clippy::disallowed_methods, reason = "this is the rim that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock that is set before 1970 counts as 1970.
        let millis = since.map_or(0, |since| since.as_millis());
        Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn entropy(&self) -> Result<u128, NoEntropy> {
        // A panic cannot leave the pool half changed.
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entropy) = pool.pop() {
            return Ok(u128::from_be_bytes(entropy));
        }
        let mut fresh = [[0; 16]; limits::ENTROPY_POOL];
        getrandom::fill(fresh.as_flattened_mut()).map_err(|_unspecific| NoEntropy)?;
        let [entropy, rest @ ..] = fresh;
        pool.extend(rest);
        Ok(u128::from_be_bytes(entropy))
    }
}

/// Shows nothing of what ids will be.
impl fmt::Debug for SystemIdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemIdGenerator(…)")
    }
}

/// Two numbers that name the writers of batches, such as those of lanes and those of maintenance.
pub(crate) fn writers(id_generator: &dyn IdGenerator) -> Result<[u64; 2], NoEntropy> {
    let entropy = id_generator.entropy()?.to_be_bytes();
    let (high, low) = entropy.split_at(size_of::<u64>());
    let number = |half: &[u8]| half.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok([number(high), number(low)])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_begin_with_the_time_and_end_with_chance() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let id = profile_id(now, u128::MAX);
        assert_eq!(time_of(id), now);
        assert_eq!(id.bits() << (128 - ENTROPY_BITS), u128::MAX << (128 - ENTROPY_BITS));
    }

    #[test]
    fn the_ids_of_a_time_are_those_that_begin_with_it() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let (first, last) = ids_at(now).unwrap();
        assert_eq!(first, profile_id(now, 0).bits());
        assert_eq!(last, profile_id(now, u128::MAX).bits());
        let latest = time_of(ProfileId::from_bits(u128::MAX));
        assert_eq!(ids_at(latest).unwrap().1, u128::MAX);
        assert_eq!(ids_at(Timestamp::from_millis(latest.millis() + 1)), None);
    }

    #[test]
    fn entropy_does_not_repeat() {
        let id_generator = SystemIdGenerator::default();
        let count = 3 * limits::ENTROPY_POOL;
        let all: HashSet<u128> = (0..count).map(|_| id_generator.entropy().unwrap()).collect();
        assert_eq!(all.len(), count);
    }
}
