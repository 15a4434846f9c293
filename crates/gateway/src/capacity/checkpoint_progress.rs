//! For how long a checkpoint of the store has made no progress.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use profile_store::engine::CheckpointStatus;

/// The checkpoint that was seen last, and since when it has been as far as that.
#[derive(Debug, Default)]
pub(crate) struct CheckpointWatch {
    seen: Mutex<Option<(CheckpointStatus, Duration)>>,
}

impl CheckpointWatch {
    /// Notes how far the checkpoint is at `now`, if there is one. Returns for how long it has been
    /// as far as that.
    pub(crate) fn note(&self, checkpoint: Option<CheckpointStatus>, now: Duration) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(checkpoint) = checkpoint else {
            *seen = None;
            return Duration::ZERO;
        };
        let since = match *seen {
            Some((before, since)) if before == checkpoint => since,
            Some(_) | None => now,
        };
        *seen = Some((checkpoint, since));
        now.saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_stalls_from_the_last_time_that_it_advanced() {
        let watch = CheckpointWatch::default();
        let note = |checkpoint: Option<(u64, u64)>, now| {
            let checkpoint = checkpoint.map(|(number, bytes)| CheckpointStatus { number, bytes });
            watch.note(checkpoint, Duration::from_secs(now)).as_secs()
        };
        assert_eq!(note(None, 1), 0);
        assert_eq!(note(Some((0, 0)), 2), 0);
        assert_eq!(note(Some((0, 0)), 5), 3);
        assert_eq!(note(Some((0, 10)), 6), 0);
        assert_eq!(note(Some((0, 10)), 8), 2);
        assert_eq!(note(None, 9), 0);
        assert_eq!(note(Some((1, 0)), 20), 0);
    }
}
