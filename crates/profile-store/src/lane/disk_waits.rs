//! How long lanes and the relaxed sync have been waiting for the engine.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

// The clock of the runtime.
use tokio::time::Instant;

/// The waits that have begun and not ended. There is at most one for each lane, and one for the
/// sync of relaxed durability.
#[derive(Default)]
pub(crate) struct DiskWaits {
    state: Mutex<WaitList>,
}

#[derive(Default)]
struct WaitList {
    next: u64,
    /// In the order in which they began.
    waits: Vec<(u64, Instant)>,
}

impl DiskWaits {
    fn state(&self) -> MutexGuard<'_, WaitList> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a wait, which ends when the guard is dropped.
    fn begin(&self) -> DiskWaitGuard<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.waits.push((number, Instant::now()));
        DiskWaitGuard { waits: self, number }
    }

    /// Notes a wait for this answer of the engine.
    pub(crate) async fn during<T>(&self, answer: impl Future<Output = T>) -> T {
        let wait = self.begin();
        let answer = answer.await;
        drop(wait);
        answer
    }

    /// The age of the oldest wait; zero if there is none.
    pub(crate) fn oldest(&self) -> Duration {
        let state = self.state();
        state.waits.first().map_or(Duration::ZERO, |(_, began)| began.elapsed())
    }
}

/// See [`DiskWaits::begin`].
struct DiskWaitGuard<'a> {
    waits: &'a DiskWaits,
    number: u64,
}

impl Drop for DiskWaitGuard<'_> {
    fn drop(&mut self) {
        self.waits.state().waits.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_wait_counts_until_it_ends() {
        let waits = DiskWaits::default();
        let oldest = || waits.state().waits.first().map(|(number, _)| *number);
        assert_eq!(waits.oldest(), Duration::ZERO);
        let (first, second) = (waits.begin(), waits.begin());
        assert_eq!(oldest(), Some(0));
        drop(first);
        assert_eq!(oldest(), Some(1));
        drop(second);
        assert_eq!((oldest(), waits.oldest()), (None, Duration::ZERO));
    }
}
