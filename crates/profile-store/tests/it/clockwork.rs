//! Time and chance that repeat exactly.

use profile_store::{IdGenerator, NoEntropy, Timestamp};

/// The time at which clockwork starts.
pub(crate) const EPOCH: u64 = 1_700_000_000_000;

/// Every look at the clock is as much later than the last, and chance
/// counts up.
#[derive(Debug)]
pub(crate) struct Clockwork {
    looks: u64,
    chances: u128,
    /// Milliseconds from one look to the next.
    stride: u64,
    /// Looks for which it stands still.
    per_tick: u64,
}

impl Clockwork {
    pub(crate) fn new() -> Clockwork {
        Clockwork::after(0)
    }

    /// Clockwork that has been looked at so often before.
    pub(crate) fn after(looks: u64) -> Clockwork {
        Clockwork { looks, chances: u128::from(looks) << 32, stride: 1, per_tick: 1 }
    }

    /// Clockwork in which every look is so many milliseconds later than the last.
    pub(crate) fn striding(self, stride: u64) -> Clockwork {
        Clockwork { stride, ..self }
    }

    /// Clockwork that goes on only every so many looks.
    pub(crate) fn coarse(self, per_tick: u64) -> Clockwork {
        Clockwork { per_tick, ..self }
    }
}

impl IdGenerator for Clockwork {
    fn now(&mut self) -> Timestamp {
        self.looks += 1;
        Timestamp::from_millis(EPOCH + self.looks / self.per_tick * self.stride)
    }

    fn entropy(&mut self) -> Result<u128, NoEntropy> {
        self.chances += 1;
        Ok(self.chances)
    }
}
