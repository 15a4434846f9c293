//! How far the checkpoint of the closed memtable is, and the threads that wait for it.

use std::{
    io,
    ops::ControlFlow,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    failure::{FailedStep, Health},
    journal::PAGE,
    memtable::Memtable,
};
use crate::{
    CheckpointStatus, EngineError, EngineStatus, limits,
    sync::{Condvar, Mutex, MutexGuard},
};

/// A memtable to be checkpointed, and the generation of the journal that has its changes.
#[derive(Clone)]
pub(super) struct Closed {
    pub(super) generation: u64,
    /// Where the last batch of the generation ends in its file.
    pub(super) journal_end: u64,
    pub(super) memtable: Arc<Memtable>,
}

/// How far commits may be ahead of the checkpoint, and how long they wait for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Memory that changes take until their memtable is closed.
    pub(crate) memtable_bytes: usize,
    /// How long a checkpoint may make no progress.
    pub(crate) stall_limit: Duration,
}

impl Pace {
    pub(crate) fn from_memtable_bytes(memtable_bytes: usize) -> Pace {
        Pace { memtable_bytes, stall_limit: Duration::from_secs(limits::STALL_SECONDS) }
    }

    /// Bytes by which a file of the journal grows: whole pages, and at least one.
    pub(super) fn journal_step(&self) -> u64 {
        let step = (self.memtable_bytes / limits::JOURNAL_STEP_DIVISOR) as u64;
        step.max(1).next_multiple_of(PAGE as u64)
    }
}

/// The state that commits and the checkpointer have in common.
pub(super) struct CheckpointProgress {
    pace: Pace,
    state: Mutex<ProgressState>,
    changed: Condvar,
}

struct ProgressState {
    /// Bytes of the open memtable.
    open: usize,
    closed: Option<Closed>,
    /// Bytes of the closed memtable that are in the table.
    checkpointed: usize,
    /// Checkpoints that were completed.
    finished: u64,
    /// The checkpointer is to end.
    is_stopping: bool,
    /// The checkpointer has ended.
    has_ended: bool,
}

impl CheckpointProgress {
    pub(super) fn new(closed: Closed, pace: Pace) -> CheckpointProgress {
        let closed = Some(closed);
        let (is_stopping, has_ended) = (false, false);
        let (open, checkpointed, finished) = (0, 0, 0);
        let state = ProgressState { open, closed, checkpointed, finished, is_stopping, has_ended };
        CheckpointProgress { pace, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change. `None` if there was none within the stall limit.
    fn wait_for_change<'a>(
        &self,
        state: MutexGuard<'a, ProgressState>,
    ) -> Option<MutexGuard<'a, ProgressState>> {
        let waited = self.changed.wait_timeout(state, self.pace.stall_limit);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(state)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, ProgressState>) -> MutexGuard<'a, ProgressState> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes every waiting thread, so that it notices a failure.
    pub(super) fn wake(&self) {
        let state = self.state();
        self.changed.notify_all();
        drop(state);
    }

    /// Whether the open memtable is filled to a larger part than the closed one is checkpointed, by
    /// more than commits may be ahead.
    pub(super) fn is_behind(&self) -> bool {
        self.state().is_behind(self.pace)
    }

    /// Waits until the checkpoint is no longer behind. Waits are short, because commits and the
    /// checkpoint advance together; and memory and journal are bounded.
    pub(super) fn keep_pace(&self, health: &Health) -> Result<(), EngineError> {
        let mut state = self.state();
        while state.is_behind(self.pace) {
            health.require()?;
            let stalled = || EngineError::Io(io::ErrorKind::TimedOut.into());
            state = self.wait_for_change(state).ok_or_else(stalled)?;
        }
        Ok(())
    }

    /// Bytes by which a file of the journal grows.
    pub(super) fn journal_step(&self) -> u64 {
        self.pace.journal_step()
    }

    /// Notes the size of the open memtable. Returns whether it is to be closed.
    pub(super) fn note_open(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.open = bytes;
        state.closed.is_none() && self.pace.memtable_bytes <= bytes
    }

    /// Passes a closed memtable to the checkpointer. The one before must be finished.
    pub(super) fn close(&self, closed: Closed) {
        let mut state = self.state();
        (state.open, state.checkpointed) = (0, 0);
        state.closed = Some(closed);
        self.changed.notify_all();
    }

    /// Waits for a memtable to checkpoint. `None` if the checkpointer is to end.
    pub(super) fn next(&self) -> Option<Closed> {
        let mut state = self.state();
        loop {
            match &state.closed {
                _ if state.is_stopping => return None,
                Some(closed) => return Some(closed.clone()),
                None => state = self.wait(state),
            }
        }
    }

    /// Notes how much of the closed memtable is in the table. Returns whether to go on.
    pub(super) fn advance(&self, checkpointed: usize) -> ControlFlow<()> {
        let mut state = self.state();
        state.checkpointed = checkpointed;
        self.changed.notify_all();
        if state.is_stopping { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Notes that the whole closed memtable is in the table.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        (state.closed, state.checkpointed) = (None, 0);
        state.finished += 1;
        self.changed.notify_all();
    }

    /// Whether no closed memtable waits for its checkpoint.
    pub(super) fn is_idle(&self) -> bool {
        self.state().closed.is_none()
    }

    /// Whether the checkpointer ends, because the engine is being closed.
    pub(super) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    /// Waits until more than this many checkpoints were completed, or none is under way.
    pub(super) fn wait_for_finish(
        &self,
        finished: u64,
        health: &Health,
    ) -> Result<(), EngineError> {
        let mut state = self.state();
        while state.finished <= finished && state.closed.is_some() {
            health.require()?;
            if state.has_ended {
                return Err(EngineError::Poisoned);
            }
            let stalled = || EngineError::Io(io::ErrorKind::TimedOut.into());
            state = self.wait_for_change(state).ok_or_else(stalled)?;
        }
        Ok(())
    }

    /// What the table does not have yet, and how far the checkpoint is.
    pub(super) fn status(&self) -> EngineStatus {
        let state = self.state();
        let closed = state.closed.as_ref().map_or(0, |closed| closed.memtable.bytes());
        let pending = state.open + closed.saturating_sub(state.checkpointed);
        let checkpoint = state
            .closed
            .as_ref()
            .map(|_| CheckpointStatus { number: state.finished, bytes: state.checkpointed as u64 });
        let (pending_bytes, checkpoints) = (pending as u64, state.finished);
        EngineStatus { pending_bytes, checkpoint, checkpoints, ..EngineStatus::default() }
    }

    /// Tells the checkpointer to end, and waits for it. Returns whether it has ended within the
    /// stall limit.
    pub(super) fn stop(&self) -> bool {
        let mut state = self.state();
        state.is_stopping = true;
        self.changed.notify_all();
        while !state.has_ended {
            match self.wait_for_change(state) {
                Some(changed) => state = changed,
                None => return false,
            }
        }
        true
    }

    /// Held by the checkpointer for as long as it runs. If its thread ends without being told to,
    /// also by a panic, the engine is poisoned, and no thread waits for the checkpointer any more.
    pub(super) fn running<'a>(&'a self, health: &'a Health) -> Running<'a> {
        Running { progress: self, health }
    }
}

impl ProgressState {
    fn is_behind(&self, Pace { memtable_bytes, .. }: Pace) -> bool {
        let ahead = memtable_bytes / limits::AHEAD_DIVISOR;
        self.closed.as_ref().is_some_and(|closed| {
            let checkpointed = scaled(self.checkpointed, closed.memtable.bytes(), memtable_bytes);
            ahead + checkpointed < self.open
        })
    }
}

/// See [`CheckpointProgress::running`].
pub(super) struct Running<'a> {
    progress: &'a CheckpointProgress,
    health: &'a Health,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.progress.state();
        state.has_ended = true;
        if !state.is_stopping {
            let ended = EngineError::Io(io::Error::other("the checkpointer has ended"));
            self.health.poison(FailedStep::Checkpoint, &ended);
        }
        self.progress.changed.notify_all();
    }
}

/// `whole`, in the proportion of `part` to `of`.
fn scaled(part: usize, of: usize, whole: usize) -> usize {
    let scaled = part as u128 * whole as u128 / of.max(1) as u128;
    usize::try_from(scaled).map_or(whole, |scaled| scaled.min(whole))
}
