//! How far settling is, and who waits for it.

use std::{
    io,
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{failure::Failure, overlay::Generation};
use crate::{engine::EngineError, limits};

/// A generation to be settled.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) changes: Arc<Generation>,
}

/// How far whoever writes may be ahead of settling, and how long anybody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Memory that changes take until their generation is closed.
    pub(crate) generation_bytes: usize,
    /// How long settling may make no progress.
    pub(crate) patience: Duration,
}

impl Pace {
    pub(crate) fn of(generation_bytes: usize) -> Pace {
        Pace { generation_bytes, patience: Duration::from_secs(limits::STALLED_SECONDS) }
    }
}

/// What whoever writes and the thread that settles tell each other.
#[derive(Debug)]
pub(super) struct Settling {
    pace: Pace,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Bytes of the open generation.
    open: usize,
    closed: Option<Closed>,
    /// Bytes of the closed generation that are in the table.
    settled: usize,
    /// Why nothing is written any more.
    failure: Option<Failure>,
    /// Whether the thread that settles is to end, and whether it has.
    stopping: bool,
    ended: bool,
}

impl Settling {
    pub(super) fn of(closed: Closed, pace: Pace) -> Settling {
        let closed = Some(closed);
        let (failure, stopping, ended) = (None, false, false);
        let state = State { open: 0, closed, settled: 0, failure, stopping, ended };
        Settling { pace, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change. Nothing if there was none for as long as anybody should wait.
    fn wait_a_while<'a>(&self, state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        let waited = self.changed.wait_timeout(state, self.pace.patience);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waited.timed_out()).then_some(state)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a smaller part of the closed generation is settled than the open one has
    /// filled, so that whoever writes has to wait.
    pub(super) fn is_behind(&self) -> Result<bool, EngineError> {
        let state = self.state();
        state.require_health()?;
        Ok(state.is_behind(self.pace))
    }

    /// Waits until settling is no longer behind. So nobody waits for long, and memory and
    /// journal are bounded.
    pub(super) fn keep_pace(&self) -> Result<(), EngineError> {
        let mut state = self.state();
        while state.is_behind(self.pace) {
            state.require_health()?;
            let stalled = || EngineError::Io(io::ErrorKind::TimedOut.into());
            state = self.wait_a_while(state).ok_or_else(stalled)?;
        }
        state.require_health()
    }

    pub(super) fn require_health(&self) -> Result<(), EngineError> {
        self.state().require_health()
    }

    /// Notes the size of the open generation. Returns whether it is to be closed.
    pub(super) fn gathered(&self, bytes: usize) -> bool {
        let mut state = self.state();
        state.open = bytes;
        state.closed.is_none() && self.pace.generation_bytes <= bytes
    }

    /// Hands a generation over to be settled. The one before has to be.
    pub(super) fn close(&self, closed: Closed) {
        let mut state = self.state();
        (state.open, state.settled) = (0, 0);
        state.closed = Some(closed);
        self.changed.notify_all();
    }

    /// Waits for a generation to settle; nothing if there is to be none any more.
    pub(super) fn next(&self) -> Option<Closed> {
        let mut state = self.state();
        loop {
            match &state.closed {
                _ if state.stopping => return None,
                Some(closed) => return Some(closed.clone()),
                None => state = self.wait(state),
            }
        }
    }

    /// Tells how much of a generation is settled, and hears whether to go on.
    pub(super) fn tell(&self, settled: usize) -> ControlFlow<()> {
        let mut state = self.state();
        state.settled = settled;
        self.changed.notify_all();
        if state.stopping { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells that all of a generation is settled.
    pub(super) fn finish(&self) {
        self.state().closed = None;
        self.changed.notify_all();
    }

    pub(super) fn fail(&self, error: &EngineError) {
        self.state().failure.get_or_insert(Failure::of(error));
        self.changed.notify_all();
    }

    /// Tells the thread that settles to end. False if something failed before, or it does
    /// not end.
    pub(super) fn stop(&self) -> bool {
        let mut state = self.state();
        state.stopping = true;
        self.changed.notify_all();
        while !state.ended {
            match self.wait_a_while(state) {
                Some(changed) => state = changed,
                None => return false,
            }
        }
        state.failure.is_none()
    }

    /// To be held by the thread that settles: when it ends, for whatever reason, nobody
    /// waits for it any more.
    pub(super) fn ending(&self) -> Ending<'_> {
        Ending(self)
    }
}

impl State {
    fn is_behind(&self, Pace { generation_bytes, .. }: Pace) -> bool {
        let ahead = generation_bytes / limits::GENERATION_AHEAD;
        self.closed.as_ref().is_some_and(|closed| {
            let settled = share(self.settled, closed.changes.bytes(), generation_bytes);
            ahead + settled < self.open
        })
    }

    fn require_health(&self) -> Result<(), EngineError> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }
}

pub(super) struct Ending<'a>(&'a Settling);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        if !state.stopping {
            let ended = io::Error::other("the thread that settles the journal has ended");
            state.failure.get_or_insert(Failure::of(&EngineError::Io(ended)));
        }
        self.0.changed.notify_all();
    }
}

/// As much of `whole` as `part` is of `of`.
fn share(part: usize, of: usize, whole: usize) -> usize {
    let share = part as u128 * whole as u128 / of.max(1) as u128;
    usize::try_from(share).map_or(whole, |share| share.min(whole))
}
