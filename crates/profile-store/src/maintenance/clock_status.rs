//! What the readers of a store see of its clock.

use crate::{
    Timestamp,
    sync::{AtomicU64, Ordering},
};

/// What readers of a store see of its clock.
#[derive(Debug, Default)]
pub(crate) struct ClockStatus {
    /// 1 while the clock is doubted.
    doubted: AtomicU64,
    /// The newest time that was trusted or stored, in milliseconds.
    newest: AtomicU64,
}

impl ClockStatus {
    pub(crate) fn is_trusted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn newest(&self) -> Timestamp {
        Timestamp::from_millis(self.newest.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, trusted: bool, estimate: Timestamp) {
        self.doubted.store(u64::from(!trusted), Ordering::Relaxed);
        self.newest.fetch_max(estimate.millis(), Ordering::Relaxed);
    }
}
