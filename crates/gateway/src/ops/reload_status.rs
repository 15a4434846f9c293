//! Whether the last reload of the configuration was applied, and when one was.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// The reloads of the configuration.
#[derive(Debug)]
pub(crate) struct ReloadStatus {
    is_successful: AtomicBool,
    applied_ms: AtomicU64,
}

impl ReloadStatus {
    /// The configuration of the start was applied at this time since 1970.
    pub(crate) fn started(now: Duration) -> ReloadStatus {
        let status =
            ReloadStatus { is_successful: AtomicBool::new(true), applied_ms: AtomicU64::new(0) };
        status.applied(now);
        status
    }

    /// A reload was applied at this time.
    pub(crate) fn applied(&self, now: Duration) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.applied_ms.store(now, Ordering::Relaxed);
        self.is_successful.store(true, Ordering::Relaxed);
    }

    /// A reload was refused.
    pub(crate) fn refused(&self) {
        self.is_successful.store(false, Ordering::Relaxed);
    }

    /// Whether the last reload was applied, if there was any.
    pub(crate) fn is_successful(&self) -> bool {
        self.is_successful.load(Ordering::Relaxed)
    }

    /// When a configuration was applied last.
    pub(crate) fn applied_at(&self) -> Duration {
        Duration::from_millis(self.applied_ms.load(Ordering::Relaxed))
    }
}
