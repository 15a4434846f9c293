//! What a store reports about its lanes, for metrics and health.

use std::time::Duration;

use crate::{
    limits,
    sync::{AtomicU64, Ordering},
};

/// What waits for a lane.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LaneStatus {
    /// Requests that wait to be stored.
    pub depth: usize,
    /// How long the company that waits longest has waited for its turn; zero if none waits.
    pub longest_wait: Duration,
}

/// The sizes by which [`BatchCounts`] tells batches apart: a batch belongs to the first of them
/// that it does not exceed.
pub const BATCH_SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, limits::BATCH];

/// How many batches there were, by the number of their requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BatchCounts {
    /// Batches of each size in [`BATCH_SIZES`].
    pub batches: [u64; BATCH_SIZES.len()],
    /// Requests in all batches.
    pub requests: u64,
}

impl BatchCounts {
    /// All batches.
    pub fn total(&self) -> u64 {
        self.batches.iter().sum()
    }
}

/// Counts batches by their size.
#[derive(Default)]
pub(crate) struct BatchSizes {
    batches: [AtomicU64; BATCH_SIZES.len()],
    requests: AtomicU64,
}

impl BatchSizes {
    /// Counts a batch of so many requests, which are at most [`limits::BATCH`].
    pub(crate) fn note(&self, requests: usize) {
        let size = BATCH_SIZES.partition_point(|size| *size < requests);
        if let Some(count) = self.batches.get(size) {
            count.fetch_add(1, Ordering::Relaxed);
            self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> BatchCounts {
        BatchCounts {
            batches: self.batches.each_ref().map(|count| count.load(Ordering::Relaxed)),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_for_the_first_size_that_it_does_not_exceed() {
        let sizes = BatchSizes::default();
        for requests in [1, 2, 3, 4, 5, 255, limits::BATCH] {
            sizes.note(requests);
        }
        let counts = sizes.counts();
        assert_eq!(counts.batches, [1, 1, 2, 1, 0, 0, 0, 0, 2]);
        assert_eq!((counts.total(), counts.requests), (7, 526));
    }
}
