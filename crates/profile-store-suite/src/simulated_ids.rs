//! Time and entropy that repeat exactly.

use std::sync::atomic::{AtomicU64, Ordering};

use profile_store::{IdGenerator, NoEntropy, Timestamp};

/// The time at which simulated clocks start.
pub const EPOCH: u64 = 1_700_000_000_000;

/// Every reading of the clock is as much later than the last, and entropy counts up.
#[derive(Debug)]
pub struct SimulatedIds {
    readings: AtomicU64,
    entropy: AtomicU64,
    /// Milliseconds from one reading to the next.
    stride: u64,
    /// Readings for which the clock stands still.
    per_tick: u64,
}

impl Default for SimulatedIds {
    fn default() -> SimulatedIds {
        SimulatedIds::new()
    }
}

impl SimulatedIds {
    /// A clock that was never read.
    pub fn new() -> SimulatedIds {
        SimulatedIds::after(0)
    }

    /// A clock that was read so many times before.
    pub fn after(readings: u64) -> SimulatedIds {
        SimulatedIds {
            readings: AtomicU64::new(readings),
            entropy: AtomicU64::new(readings << 32),
            stride: 1,
            per_tick: 1,
        }
    }

    /// A clock of which every reading is so many milliseconds later than the last.
    #[must_use]
    pub fn striding(self, stride: u64) -> SimulatedIds {
        SimulatedIds { stride, ..self }
    }

    /// A clock that advances only every so many readings.
    #[must_use]
    pub fn coarse(self, per_tick: u64) -> SimulatedIds {
        SimulatedIds { per_tick, ..self }
    }
}

impl IdGenerator for SimulatedIds {
    fn now(&self) -> Timestamp {
        let readings = self.readings.fetch_add(1, Ordering::SeqCst) + 1;
        Timestamp::from_millis(EPOCH + readings / self.per_tick * self.stride)
    }

    fn entropy(&self) -> Result<u128, NoEntropy> {
        // Ids take the lower bits, and writers of batches take one half each.
        let number = self.entropy.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(u128::from(number.rotate_left(32)) << 64 | u128::from(number))
    }
}
