//! The end of what other threads do beside a test.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether threads are to end.
#[derive(Debug, Default)]
pub(crate) struct StopFlag {
    is_set: AtomicBool,
}

impl StopFlag {
    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// Sets the flag when it is dropped, also if the test fails meanwhile: it would wait for its
    /// threads without end.
    #[must_use]
    pub(crate) fn set_on_drop(&self) -> SetOnDrop<'_> {
        SetOnDrop { flag: self }
    }
}

pub(crate) struct SetOnDrop<'f> {
    flag: &'f StopFlag,
}

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.flag.is_set.store(true, Ordering::Relaxed);
    }
}
